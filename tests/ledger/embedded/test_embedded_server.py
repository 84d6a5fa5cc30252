"""The ledger as a process on loopback: what HTTP it takes, what web3 sees of it, and what it does not load."""

import http.client
import json
import pathlib
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import web3
from eth_account.signers.local import LocalAccount
from web3.middleware import SignAndSendRawMiddlewareBuilder

from aicommons.domain import errors
from aicommons.ledger.embedded import chain, selection, server

REQUEST = b'{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}'
JSON = "application/json"

HTTP_ROWS: dict[str, tuple[str, dict[str, str], bytes, int, str]] = {
    "loopback address": ("POST", {"Content-Type": JSON}, REQUEST, 200, "0x0"),
    "localhost": ("POST", {"Host": "localhost:8545", "Content-Type": JSON}, REQUEST, 200, "0x0"),
    "charset": ("POST", {"Content-Type": "application/json; charset=utf-8"}, REQUEST, 200, "0x0"),
    "another host": ("POST", {"Host": "evil.example", "Content-Type": JSON}, REQUEST, 403, "invalid host"),
    "look-alike host": ("POST", {"Host": "127.0.0.1.evil.example", "Content-Type": JSON}, REQUEST, 403, "invalid host"),
    "empty host": ("POST", {"Host": "", "Content-Type": JSON}, REQUEST, 403, "invalid host"),
    "read by a browser": ("GET", {}, b"", 405, "JSON-RPC"),
    "preflight of a browser": ("OPTIONS", {"Origin": "http://evil.example"}, b"", 405, "JSON-RPC"),
    "posted form": ("POST", {"Content-Type": "text/plain"}, REQUEST, 415, "content type"),
    "no content type": ("POST", {}, REQUEST, 415, "content type"),
    "announced too large": (
        "POST", {"Content-Type": JSON, "Content-Length": str(server.MAX_REQUEST_BYTES + 1)}, b"", 413, "too large"
    ),
    "too large in chunks": (
        "POST", {"Content-Type": JSON, "Transfer-Encoding": "chunked"}, b" " * (server.MAX_REQUEST_BYTES + 1), 413, "too large"
    ),
}  # fmt: skip


def _exchange(url: str, method: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.putrequest(method, "/", skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        is_chunked = "Transfer-Encoding" in headers
        if body and not is_chunked:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        if is_chunked:
            connection.send(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        elif body:
            connection.send(body)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def test_http_rows(start_ledger: Any) -> None:
    """Only JSON posted to a loopback name is answered; no answer allows another origin to read it."""
    url = start_ledger().client.url
    for name, (method, headers, body, status, text) in HTTP_ROWS.items():
        got, answered, content = _exchange(url, method, headers, body)
        assert (got, text in content.decode()) == (status, True), name
        assert not [header for header in answered if header.startswith("access-control")], name
        assert json.loads(content)["jsonrpc"] == "2.0", name


def test_it_listens_on_loopback_only(start_ledger: Any) -> None:
    """Nothing listens on the machine's other addresses."""
    port = int(start_ledger().client.url.rsplit(":", 1)[1])
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.2", port))


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """The listener names its protocol: only then does asyncio switch off Nagle's algorithm, which costs 40 ms."""
    with server._bind(0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_port_in_use_is_refused(tmp_path: pathlib.Path) -> None:
    """A port that another program holds is named in the error, and no file is made."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(errors.InputError, match="port"):
            server.serve(tmp_path / "unused", holder.getsockname()[1])
    assert not (tmp_path / "unused").exists()


def test_unknown_engine_is_refused() -> None:
    """The error says which engines there are."""
    with pytest.raises(errors.InputError, match="pyrevm or py-evm"):
        selection.make_engine("geth", chain_id=1)


def test_the_server_stays_small() -> None:
    """Neither the server nor the pyrevm engine loads the heavy packages around the project."""
    source = (
        "import sys; from aicommons.ledger.embedded import replay, revm, server\n"
        "print([name for name in ('numpy', 'web3', 'eth_account', 'pandas', 'eth', 'eth_keys', 'sklearn') "
        "if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# Word 0 of the calldata is stored under itself and logged with topic keccak("Noted(uint256)"); 1 reverts with
# Broken(uint256) and 2 with Panic(0x11); no calldata returns slot 5.
SOURCE_ABI = [
    {"type": "event", "name": "Noted", "anonymous": False, "inputs": [{"name": "value", "type": "uint256", "indexed": False}]},
    {"type": "error", "name": "Broken", "inputs": [{"name": "value", "type": "uint256"}]},
    {"type": "function", "name": "note", "stateMutability": "nonpayable", "outputs": [],
     "inputs": [{"name": "value", "type": "uint256"}]},
    {"type": "function", "name": "fail", "stateMutability": "view", "outputs": [],
     "inputs": [{"name": "value", "type": "uint256"}]},
    {"type": "function", "name": "panic", "stateMutability": "view", "outputs": [], "inputs": []},
]  # fmt: skip


def _contract_code() -> bytes:
    noted = web3.Web3.keccak(text="Noted(uint256)")
    broken = web3.Web3.keccak(text="Broken(uint256)")[:4]
    panic = web3.Web3.keccak(text="Panic(uint256)")[:4]
    selectors = {name: web3.Web3.keccak(text=text)[:4] for name, text in
                 (("note", "note(uint256)"), ("fail", "fail(uint256)"), ("panic", "panic()"))}  # fmt: skip
    parts = {
        # SSTORE(value, value); LOG1(value)
        "note": bytes.fromhex("5b6004358080556000527f") + noted + bytes.fromhex("60206000a100"),
        # MSTORE(0, Broken << 224); MSTORE(4, value); REVERT(0, 36)
        "fail": bytes.fromhex("5b63") + broken + bytes.fromhex("60e01b60005260043560045260246000fd"),
        "panic": bytes.fromhex("5b63") + panic + bytes.fromhex("60e01b600052601160045260246000fd"),
    }
    # Per function: DUP1 PUSH4 selector EQ PUSH1 target JUMPI.
    head_length = 6 + 10 * len(parts) + 1
    head, body = bytes.fromhex("60003560e01c"), b""
    for name, code in parts.items():
        head += b"\x80\x63" + selectors[name] + b"\x14\x60" + bytes([head_length + len(body)]) + b"\x57"
        body += code
    return head + b"\x00" + body


def test_web3_works_as_with_any_chain(start_ledger: Any, accounts: tuple[LocalAccount, ...]) -> None:
    """A normal web3 client deploys, sends, reads logs and receipts, and sees contract errors by name."""
    client = web3.Web3(web3.HTTPProvider(start_ledger().client.url))
    account = accounts[0]
    client.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
    client.eth.default_account = account.address
    runtime = _contract_code()
    init = bytes([0x60, len(runtime), 0x80, 0x60, 9, 0x5F, 0x39, 0x5F, 0xF3]) + runtime
    factory = client.eth.contract(abi=SOURCE_ABI, bytecode=init)
    deployed = client.eth.wait_for_transaction_receipt(factory.constructor().transact())
    contract = client.eth.contract(address=deployed["contractAddress"], abi=SOURCE_ABI)
    receipt = client.eth.wait_for_transaction_receipt(contract.functions.note(77).transact())
    assert (receipt["status"], receipt["effectiveGasPrice"]) == (1, 0)
    (event,) = contract.events.Noted.get_logs(from_block=0)
    assert event["args"]["value"] == 77
    assert int.from_bytes(client.eth.get_storage_at(contract.address, 77), "big") == 77
    with pytest.raises(web3.exceptions.ContractCustomError) as caught:
        contract.functions.fail(5).call()
    assert caught.value.data.endswith("5".rjust(64, "0"))
    with pytest.raises(web3.exceptions.ContractPanicError):
        contract.functions.panic().call()
    block = client.eth.get_block("latest", full_transactions=True)
    assert block["transactions"][0]["hash"] == receipt["transactionHash"]
    assert block["hash"] == receipt["blockHash"]
    assert (client.eth.chain_id, client.eth.gas_price) == (chain.DEFAULT_CHAIN_ID, 0)
    assert client.eth.get_balance(account.address) == 10_000 * 10**18
    assert client.eth.get_transaction_count(account.address) == 2
    assert client.eth.fee_history(2, "latest", [10])["baseFeePerGas"] == [0, 0, 0]
    client.provider._request_session_manager.session_cache.clear()


@pytest.mark.parametrize("engine", ["pyrevm", "py-evm"])
def test_state_is_back_after_a_restart(
    engine: str, start_ledger: Any, tmp_path: pathlib.Path, accounts: Any, sign: Callable[..., str]
) -> None:
    """A ledger that starts again, with either engine, goes on where it stopped."""
    first = start_ledger(tmp_path / "again", engine)
    tx_hash = first.client.call("eth_sendRawTransaction", sign(accounts[0], 0, to="0x" + "22" * 20, value=3))
    receipt = first.client.call("eth_getTransactionReceipt", tx_hash)
    first.kill()
    second = start_ledger(tmp_path / "again", engine)
    assert second.client.call("eth_getTransactionReceipt", tx_hash) == receipt
    assert second.client.call("eth_getBalance", "0x" + "22" * 20) == "0x3"
    second.client.call("eth_sendRawTransaction", sign(accounts[0], 1, to="0x" + "22" * 20, value=3))
    assert second.client.call("eth_blockNumber") == "0x2"


def test_the_limit_of_an_answer_is_the_operators(start_ledger: Any, accounts: Any, sign: Callable[..., str]) -> None:
    """A server that was told to answer two at a time gives every block once, two at a time."""
    client = start_ledger(max_logs=2).client
    installed = client.call("eth_newBlockFilter")
    for nonce in range(5):
        client.call("eth_sendRawTransaction", sign(accounts[0], nonce, to="0x" + "22" * 20))
    pages = [client.call("eth_getFilterChanges", installed) for _ in range(4)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    hashes = [client.call("eth_getBlockByNumber", hex(number), False)["hash"] for number in range(1, 6)]
    assert [one for page in pages for one in page] == hashes
