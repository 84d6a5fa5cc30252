"""The JSON-RPC methods: answers that tools rely on, and a named row for each way to be refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import rlp
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak

from aicommons.ledger import addresses
from aicommons.ledger.embedded import engine, methods, rpc

TO = "0x" + "22" * 20
# CALLDATALOAD both words, SSTORE, then LOG2 with topics word 0 and word 1 over 32 bytes of memory.
WRITER = bytes.fromhex("6020356000355560203560003560206000a2")
REVERTER = bytes.fromhex("3660006000373660" + "00fd")
BURNER = bytes.fromhex("5b600056")
TIME = bytes.fromhex("4260005260206000f3")
CALLER = bytes.fromhex("3360005260206000f3")


def _installer(runtime: bytes) -> bytes:
    return bytes([0x60, len(runtime), 0x80, 0x60, 9, 0x5F, 0x39, 0x5F, 0xF3]) + runtime


def _word(value: int) -> str:
    return "0x" + value.to_bytes(32, "big").hex()


@pytest.fixture
def ledger(open_ledger: Callable[..., Any]) -> Any:
    """An empty ledger in this process."""
    return open_ledger()


@pytest.fixture
def deploy(ledger: Any, accounts: tuple[LocalAccount, ...], sign: Callable[..., str]) -> Callable[[bytes], str]:
    """Install code from the last account and return its address."""

    def install(runtime: bytes) -> str:
        nonce = int(ledger.call("eth_getTransactionCount", accounts[3].address), 16)
        raw = sign(accounts[3], nonce, to=None, data=_installer(runtime), gas=200_000)
        return str(
            ledger.call("eth_getTransactionReceipt", ledger.call("eth_sendRawTransaction", raw))["contractAddress"]
        )

    return install


def _transaction_rows() -> dict[str, tuple[dict[str, Any], int, str]]:
    return {
        "nonce too low": ({"nonce": 0, "value": 1}, rpc.REFUSED, "nonce too low: next nonce 1, tx nonce 0"),
        "nonce too high": ({"nonce": 2}, rpc.REFUSED, "nonce too high: next nonce 1, tx nonce 2"),
        "wrong chain id": ({"chainId": 1}, rpc.REFUSED, "invalid chain id"),
        "wrong chain id, legacy": ({"chainId": 1, "kind": 0}, rpc.REFUSED, "invalid chain id"),
        "access list": (
            {"kind": 1, "accessList": [{"address": TO, "storageKeys": []}]}, rpc.REFUSED, "access lists are not supported"
        ),
        "gas over the cap": ({"gas": engine.GAS_LIMIT + 1}, rpc.REFUSED, "exceeds block gas limit"),
        "gas of 2^64": ({"gas": 2**64}, rpc.REFUSED, "exceeds block gas limit"),
        "too little gas": ({"gas": 20_999}, rpc.REFUSED, "intrinsic gas too low"),
        "too long init code": ({"to": None, "data": bytes(49_153), "gas": 5_000_000}, rpc.REFUSED, "initcode"),
        "more value than there is": ({"value": 10**23}, rpc.REFUSED, "insufficient funds"),
        "too long": ({"data": bytes(132_000), "gas": 5_000_000}, rpc.REFUSED, "oversized"),
    }  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "message"), _transaction_rows().values(), ids=_transaction_rows().keys())
def test_refused_transactions(
    fields: dict[str, Any], code: int, message: str, ledger: Any, accounts: Any, sign: Callable[..., str], refused: Any
) -> None:
    """A transaction that cannot run is refused with its reason and changes nothing."""
    ledger.call("eth_sendRawTransaction", sign(accounts[0], 0, to=TO))
    with pytest.raises(refused, match=message) as caught:
        ledger.call("eth_sendRawTransaction", sign(accounts[0], **{"nonce": 1, "to": TO} | fields))
    assert caught.value.code == code
    assert ledger.call("eth_blockNumber") == "0x1"
    ledger.call("eth_sendRawTransaction", sign(accounts[0], 1, to=TO))


def test_known_transactions_are_refused(ledger: Any, accounts: Any, sign: Callable[..., str], refused: Any) -> None:
    """A transaction that is in the chain already is "already known", not "nonce too low"."""
    raw = sign(accounts[0], 0, to=TO)
    ledger.call("eth_sendRawTransaction", raw)
    with pytest.raises(refused, match="already known"):
        ledger.call("eth_sendRawTransaction", raw)


PARAMETER_ROWS: dict[str, tuple[str, list[Any], int, str]] = {
    "garbage bytes": ("eth_sendRawTransaction", ["0xdeadbeef"], rpc.REFUSED, "RLP"),
    "no hexadecimal": ("eth_sendRawTransaction", ["deadbeef"], rpc.INVALID_PARAMETERS, "hexadecimal"),
    "odd digits": ("eth_sendRawTransaction", ["0xabc"], rpc.INVALID_PARAMETERS, "even number"),
    "a number": ("eth_sendRawTransaction", [5], rpc.INVALID_PARAMETERS, "hexadecimal"),
    "too few parameters": ("eth_getBalance", [], rpc.INVALID_PARAMETERS, "wrong number"),
    "too many parameters": ("eth_blockNumber", [1], rpc.INVALID_PARAMETERS, "wrong number"),
    "short address": ("eth_getBalance", ["0x22"], rpc.INVALID_PARAMETERS, "20 bytes"),
    "unknown tag": ("eth_getBalance", [TO, "newest"], rpc.INVALID_PARAMETERS, "quantity"),
    "past state": ("eth_getBalance", [TO, "0x0"], rpc.REFUSED, "state not available"),
    "future state": ("eth_call", [{"to": TO}, "0x9"], rpc.REFUSED, "state not available"),
    "past state by hash": ("eth_getCode", [TO, {"blockHash": _word(1)}], rpc.REFUSED, "state not available"),
    "call is no object": ("eth_call", [[]], rpc.INVALID_PARAMETERS, "call object"),
    "data and input differ": (
        "eth_call", [{"to": TO, "data": "0x01", "input": "0x02"}], rpc.INVALID_PARAMETERS, "same bytes"
    ),
    "call with an access list": ("eth_call", [{"to": TO, "accessList": [{}]}], rpc.REFUSED, "access lists"),
    "call with overrides": ("eth_call", [{"to": TO}, "latest", {TO: {}}], rpc.REFUSED, "overrides"),
    "call without funds": ("eth_call", [{"to": TO, "value": "0x1"}], rpc.REFUSED, "insufficient funds"),
    "call with too little gas": ("eth_call", [{"to": TO, "gas": "0x1"}], rpc.REFUSED, "intrinsic gas"),
    "filter is no object": ("eth_getLogs", ["latest"], rpc.INVALID_PARAMETERS, "filter object"),
    "range and hash": (
        "eth_getLogs", [{"fromBlock": "0x0", "blockHash": _word(1)}], rpc.INVALID_PARAMETERS, "either blockHash"
    ),
    "range backwards": ("eth_getLogs", [{"fromBlock": "0x2", "toBlock": "0x1"}], rpc.INVALID_PARAMETERS, "fromBlock"),
    "unknown block": ("eth_getLogs", [{"blockHash": _word(1)}], rpc.REFUSED, "unknown block"),
    "five topics": ("eth_getLogs", [{"topics": [None] * 5}], rpc.INVALID_PARAMETERS, "4 topics"),
    "too many addresses": ("eth_getLogs", [{"address": [TO] * 1_001}], rpc.INVALID_PARAMETERS, "1000 alternatives"),
    "block number of 2^256": ("eth_getLogs", [{"fromBlock": "0x1" + "0" * 64}], rpc.INVALID_PARAMETERS, "quantity"),
    "unknown filter": ("eth_getFilterChanges", ["0x1"], rpc.REFUSED, "filter not found"),
    "fee history too long": ("eth_feeHistory", ["0x401", "latest"], rpc.INVALID_PARAMETERS, "fee history"),
    "unknown method": ("eth_sign", [], rpc.METHOD_NOT_FOUND, "does not exist"),
    "administration": ("anvil_setBalance", [], rpc.METHOD_NOT_FOUND, "does not exist"),
}  # fmt: skip


@pytest.mark.parametrize(("method", "params", "code", "message"), PARAMETER_ROWS.values(), ids=PARAMETER_ROWS.keys())
def test_refused_calls(
    method: str, params: list[Any], code: int, message: str, ledger: Any, accounts: Any, sign: Any, refused: Any
) -> None:
    """A call that cannot be answered is refused with its code and reason."""
    ledger.call("eth_sendRawTransaction", sign(accounts[0], 0, to=TO))
    with pytest.raises(refused, match=message) as caught:
        ledger.call(method, *params)
    assert caught.value.code == code


REQUEST_ROWS: dict[str, tuple[bytes, int]] = {
    "not JSON": (b"{", rpc.PARSE_ERROR),
    "not UTF-8": (b'{"id":"\xff"}', rpc.PARSE_ERROR),
    "nothing": (b"", rpc.PARSE_ERROR),
    "lists 100,000 deep": (b"[" * 100_000, rpc.PARSE_ERROR),
    "depth hidden behind texts": (b'["]",' * 50_000 + b'["\\"]"]' + b"]" * 50_000, rpc.PARSE_ERROR),
    "objects 40 deep": (b'{"a":' * 40 + b"1" + b"}" * 40, rpc.PARSE_ERROR),
    "a number of 10,000 digits": (b'{"id":' + b"1" * 10_000 + b"}", rpc.PARSE_ERROR),
    "a text": (b'"eth_blockNumber"', rpc.INVALID_REQUEST),
    "an empty batch": (b"[]", rpc.INVALID_REQUEST),
    "too large a batch": (json.dumps([{}] * 1_001).encode(), rpc.INVALID_REQUEST),
    "no method": (b'{"id":1}', rpc.INVALID_REQUEST),
    "no id": (b'{"method":"eth_blockNumber"}', rpc.INVALID_REQUEST),
    "id is an object": (b'{"method":"eth_blockNumber","id":{}}', rpc.INVALID_REQUEST),
    "id is not a number": (b'{"method":"eth_blockNumber","id":NaN}', rpc.INVALID_REQUEST),
    "named parameters": (b'{"method":"eth_blockNumber","id":1,"params":{}}', rpc.INVALID_PARAMETERS),
}


@pytest.mark.parametrize(("body", "code"), REQUEST_ROWS.values(), ids=REQUEST_ROWS.keys())
def test_refused_requests(body: bytes, code: int, ledger: Any) -> None:
    """A body that is no proper request gets one error object."""
    answer = ledger.post_raw(body)
    assert (answer["error"]["code"], answer["jsonrpc"]) == (code, "2.0")


def test_brackets_in_texts_are_no_depth(ledger: Any) -> None:
    """A text may hold any brackets and escaped quotes."""
    strange = '[{"' * 100 + "\\"
    assert ledger.post({"id": strange, "method": "eth_blockNumber"}) == {
        "jsonrpc": "2.0",
        "id": strange,
        "result": "0x0",
    }


def test_a_batch_answers_each_call_in_order(ledger: Any, accounts: Any, sign: Callable[..., str]) -> None:
    """In a batch a bad transaction gets its error and does not hurt the others, and later reads see the earlier ones."""
    calls = [
        ("eth_sendRawTransaction", [sign(accounts[0], 0, to=TO, value=5)]),
        ("eth_sendRawTransaction", [sign(accounts[0], 7, to=TO)]),
        ("eth_sendRawTransaction", [sign(accounts[0], 1, to=TO, value=6)]),
        ("eth_getBalance", [TO, "latest"]),
        ("eth_blockNumber", []),
    ]
    batch = [{"jsonrpc": "2.0", "id": f"call {n}", "method": m, "params": p} for n, (m, p) in enumerate(calls)]
    answers = ledger.post(batch)
    assert [answer["id"] for answer in answers] == [f"call {n}" for n in range(5)]
    assert ["error" in answer for answer in answers] == [False, True, False, False, False]
    assert (answers[3]["result"], answers[4]["result"]) == ("0xb", "0x2")


def test_a_request_cannot_hold_the_ledger_for_long(ledger: Any, deploy: Callable[[bytes], str]) -> None:
    """Once the calls of a request have used its gas, the rest is refused."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": deploy(BURNER)}]}
    answers = ledger.post([call] * 20)
    assert "halted" in answers[0]["error"]["message"]
    assert answers[-1]["error"]["code"] == rpc.LIMIT_EXCEEDED
    assert ledger.post(call)["error"]["code"] == rpc.REFUSED


def test_revert_data_is_returned(ledger: Any, deploy: Callable[[bytes], str], refused: Any) -> None:
    """A reverted call answers with code 3 and the contract's error, also from estimateGas."""
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(refused) as caught:
            ledger.call(method, {"to": deploy(REVERTER), "data": "0x08c379a0aabb"})
        assert (caught.value.code, caught.value.data) == (rpc.REVERTED, "0x08c379a0aabb")


def test_what_a_contract_would_be_answered_can_be_asked(ledger: Any, deploy: Callable[[bytes], str]) -> None:
    """A question may come from a contract, as on other ledgers: votes are tried so. It keeps its code, and creates nothing."""
    asker, answerer = deploy(TIME), deploy(CALLER)
    code = ledger.call("eth_getCode", asker, "latest")
    for _ in range(2):
        assert int(ledger.call("eth_call", {"from": asker, "to": answerer}), 16) == int(asker, 16)
    assert ledger.call("eth_getCode", asker, "latest") == code
    assert int(ledger.call("eth_call", {"from": answerer, "to": asker}), 16) > 1_000_000
    answer = ledger.post({"id": 1, "method": "eth_call", "params": [{"from": asker, "data": "0x00"}]})
    assert "EIP-3607" in answer["error"]["message"]


def test_calls_see_the_time_now(ledger: Any, deploy: Callable[[bytes], str]) -> None:
    """On a quiet chain a call sees max(now, head), so that an expired consent does not look alive."""
    clock = deploy(TIME)
    head = int(ledger.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    ledger.now += 1_000
    assert int(ledger.call("eth_call", {"to": clock}), 16) == head + 1_000
    ledger.now = 5
    assert int(ledger.call("eth_call", {"to": clock}), 16) == head


def test_block_time_never_goes_back(ledger: Any, accounts: Any, sign: Callable[..., str]) -> None:
    """A clock that was set back gives blocks with the parent's time."""
    before = ledger.now
    ledger.now = 7
    ledger.call("eth_sendRawTransaction", sign(accounts[0], 0, to=TO))
    assert int(ledger.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16) == before


def test_estimates_suffice_and_are_tight(ledger: Any, deploy: Callable[[bytes], str], accounts: Any) -> None:
    """An estimate succeeds as a gas limit, and 2 % less does not."""
    request = {"from": accounts[0].address, "to": deploy(WRITER), "data": "0x" + "01" * 64}
    gas = int(ledger.call("eth_estimateGas", request), 16)
    ledger.call("eth_call", request | {"gas": hex(gas)})
    answer = ledger.post({"id": 1, "method": "eth_call", "params": [request | {"gas": hex(gas * 98 // 100)}]})
    assert "error" in answer
    assert ledger.call("eth_estimateGas", {"to": TO}) == hex(21_000)


def test_block_hash_is_the_header_hash(ledger: Any, accounts: Any, sign: Callable[..., str]) -> None:
    """A block's hash is the Keccak-256 of the Cancun header made of the fields that the ledger answers."""
    ledger.call("eth_sendRawTransaction", sign(accounts[0], 0, to=TO, kind=2, value=4))
    block = ledger.call("eth_getBlockByNumber", "latest", True)
    names = [
        "parentHash",
        "sha3Uncles",
        "miner",
        "stateRoot",
        "transactionsRoot",
        "receiptsRoot",
        "logsBloom",
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "extraData",
        "mixHash",
        "nonce",
        "baseFeePerGas",
        "withdrawalsRoot",
        "blobGasUsed",
        "excessBlobGas",
        "parentBeaconBlockRoot",
    ]
    numbers = {
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "baseFeePerGas",
        "blobGasUsed",
        "excessBlobGas",
    }
    fields = [int(block[n], 16) if n in numbers else bytes.fromhex(block[n][2:]) for n in names]
    assert block["hash"] == "0x" + keccak(rlp.encode(fields)).hex()
    assert block["parentHash"] == ledger.call("eth_getBlockByNumber", "earliest", False)["hash"]
    assert block == ledger.call("eth_getBlockByHash", block["hash"], True)
    assert block["transactions"] == [ledger.call("eth_getTransactionByHash", block["transactions"][0]["hash"])]


def test_absent_things_are_null(ledger: Any) -> None:
    """Unknown blocks, transactions and receipts are null, not errors."""
    for method in ("eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_getBlockByHash"):
        assert ledger.call(method, _word(1)) is None
    for number in ("0x1", "0x" + "f" * 64):
        assert ledger.call("eth_getBlockByNumber", number, False) is None


def test_constant_answers(ledger: Any) -> None:
    """What wallets ask first."""
    expected = {
        "eth_chainId": "0x5e3531", "net_version": "6174001", "eth_gasPrice": "0x0", "eth_maxPriorityFeePerGas": "0x0",
        "eth_syncing": False, "eth_accounts": [], "eth_blockNumber": "0x0", "web3_clientVersion": "test",
    }  # fmt: skip
    assert {method: ledger.call(method) for method in expected} == expected
    history = ledger.call("eth_feeHistory", "0x4", "latest", [50])
    assert history == {"oldestBlock": "0x0", "baseFeePerGas": ["0x0"] * 2, "gasUsedRatio": [0.0], "reward": [["0x0"]]}


@pytest.fixture
def written(ledger: Any, deploy: Callable[[bytes], str], accounts: Any, sign: Callable[..., str]) -> tuple[str, str]:
    """Two contracts with three logs each: topics (1, 11), (2, 12), (3, 13); blocks 3 to 8, the first contract's first."""
    contracts = (deploy(WRITER), deploy(WRITER))
    nonce = 0
    for contract in contracts:
        for number in (1, 2, 3):
            data = _word(number) + _word(number + 10)[2:]
            ledger.call("eth_sendRawTransaction", sign(accounts[0], nonce, to=contract, data=data))
            nonce += 1
    return contracts


def _found(ledger: Any, written: tuple[str, str], **wanted: Any) -> list[tuple[int, int]]:
    logs = ledger.call("eth_getLogs", {"fromBlock": "0x0"} | wanted)
    return [(written.index(log["address"]), int(log["topics"][0], 16)) for log in logs]


ALL = [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]


def test_log_filters(ledger: Any, written: tuple[str, str]) -> None:
    """Addresses, topic alternatives by position, wildcards and ranges select exactly their logs, in order."""
    rows: list[tuple[dict[str, Any], list[tuple[int, int]]]] = [
        ({}, ALL),
        ({"address": written[1]}, ALL[3:]),
        ({"address": list(written)}, ALL),
        ({"address": []}, ALL),
        ({"address": TO}, []),
        ({"topics": []}, ALL),
        ({"topics": [_word(2)]}, [(0, 2), (1, 2)]),
        ({"topics": [[_word(2), _word(3)]], "address": written[0]}, [(0, 2), (0, 3)]),
        ({"topics": [None, _word(13)]}, [(0, 3), (1, 3)]),
        ({"topics": [None, [_word(11), _word(12)]]}, [(0, 1), (0, 2), (1, 1), (1, 2)]),
        ({"topics": [_word(1), _word(13)]}, []),
        ({"topics": [None, None]}, ALL),
        ({"topics": [None, None, None]}, []),
        ({"fromBlock": "0x4", "toBlock": "0x6"}, [(0, 2), (0, 3), (1, 1)]),
        ({"fromBlock": "latest"}, [(1, 3)]),
        ({"fromBlock": "0x9"}, []),
        ({"fromBlock": "0xffffffffffffffffff"}, []),
        ({"toBlock": "0xffffffffffffffffff"}, ALL),
    ]
    for wanted, expected in rows:
        assert _found(ledger, written, **wanted) == expected, wanted
    block = ledger.call("eth_getBlockByNumber", "0x5", False)
    (log,) = ledger.call("eth_getLogs", {"blockHash": block["hash"]})
    assert (log["blockTimestamp"], log["blockHash"]) == (block["timestamp"], block["hash"])


def test_bloom_covers_the_logs(ledger: Any, written: tuple[str, str]) -> None:
    """Every address and topic of a block is in its bloom, by the definition of the Yellow Paper."""
    block = ledger.call("eth_getBlockByNumber", "0x5", False)
    bloom = int(block["logsBloom"], 16)
    for item in (written[0], _word(3), _word(13)):
        digest = keccak(bytes.fromhex(item[2:]))
        for start in (0, 2, 4):
            assert bloom >> (int.from_bytes(digest[start : start + 2], "big") & 2047) & 1
    assert bloom.bit_count() <= 9


def test_installed_filters_report_once(ledger: Any, accounts: Any, sign: Callable[..., str]) -> None:
    """A filter reports what came since it was asked last, and nothing twice."""
    block_filter, log_filter = ledger.call("eth_newBlockFilter"), ledger.call("eth_newFilter", {"fromBlock": "latest"})
    assert ledger.call("eth_getFilterChanges", block_filter) == []
    contract = "0x" + addresses.created(bytes.fromhex(accounts[1].address[2:]), 0).hex()
    ledger.call("eth_sendRawTransaction", sign(accounts[1], 0, to=None, data=_installer(WRITER), gas=200_000))
    ledger.call("eth_sendRawTransaction", sign(accounts[1], 1, to=contract, data="0x" + "03" * 64))
    assert len(ledger.call("eth_getFilterChanges", block_filter)) == 2
    assert [log["address"] for log in ledger.call("eth_getFilterChanges", log_filter)] == [contract]
    assert ledger.call("eth_getFilterChanges", log_filter) == []
    assert ledger.call("eth_getFilterChanges", block_filter) == []
    assert ledger.call("eth_uninstallFilter", log_filter) is True
    assert ledger.call("eth_uninstallFilter", log_filter) is False


def test_too_many_logs_are_refused_and_not_lost(ledger: Any, written: tuple[str, str]) -> None:
    """More logs than the limit are refused with the code for it; a filter keeps what it could not answer."""
    limited = rpc.Rpc(methods.Methods(ledger.chain, version="limited", max_logs=3))

    def call(method: str, *params: object) -> Any:
        payload = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return json.loads(limited.handle(json.dumps(payload).encode()))

    assert len(call("eth_getLogs", {"fromBlock": "0x3", "toBlock": "0x5"})["result"]) == 3
    refusal = call("eth_getLogs", {"fromBlock": "0x3", "toBlock": "0x6"})["error"]
    assert (refusal["code"], "smaller range" in refusal["message"]) == (rpc.LIMIT_EXCEEDED, True)
    installed = call("eth_newFilter", {"address": list(written)})["result"]
    limited._methods._filters[int(installed, 16)].next_block = 0
    for _ in range(2):
        assert call("eth_getFilterChanges", installed)["error"]["code"] == rpc.LIMIT_EXCEEDED


def test_filters_are_bounded(ledger: Any, refused: Any) -> None:
    """The filter that was not asked for longest makes room for a new one."""
    first = ledger.call("eth_newBlockFilter")
    second = ledger.call("eth_newBlockFilter")
    ledger.call("eth_getFilterChanges", first)
    for _ in range(methods.MAX_FILTERS - 1):
        ledger.call("eth_newBlockFilter")
    assert ledger.call("eth_getFilterChanges", first) == []
    with pytest.raises(refused, match="filter not found"):
        ledger.call("eth_getFilterChanges", second)
