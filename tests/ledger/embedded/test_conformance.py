"""The same signed transactions give the same receipts and state in pyrevm, py-evm and anvil (Cancun, base fee 0).

The programs are assembled by hand so that each pitfall of spec embedded-ledger, section 1, has a row of its own; random
programs look for those that nobody thought of.
"""

import dataclasses
import json
import pathlib
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from tests.ledger import anvils

from aicommons.ledger import addresses
from aicommons.ledger.embedded import engine, selection

# py-evm warns of an opcode that the suite uses on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT:DeprecationWarning")

_OPCODES = {
    "STOP": 0x00, "ADD": 0x01, "MUL": 0x02, "SUB": 0x03, "DIV": 0x04, "EXP": 0x0A, "LT": 0x10, "EQ": 0x14,
    "ISZERO": 0x15, "SHA3": 0x20, "ADDRESS": 0x30, "BALANCE": 0x31, "ORIGIN": 0x32, "CALLER": 0x33, "CALLVALUE": 0x34,
    "CALLDATALOAD": 0x35, "CALLDATASIZE": 0x36, "CALLDATACOPY": 0x37, "CODECOPY": 0x39, "GASPRICE": 0x3A,
    "EXTCODESIZE": 0x3B, "RETURNDATASIZE": 0x3D, "RETURNDATACOPY": 0x3E, "EXTCODEHASH": 0x3F, "COINBASE": 0x41,
    "NUMBER": 0x43, "GASLIMIT": 0x45, "CHAINID": 0x46, "SELFBALANCE": 0x47, "BASEFEE": 0x48, "BLOBHASH": 0x49,
    "BLOBBASEFEE": 0x4A, "POP": 0x50, "MLOAD": 0x51, "MSTORE": 0x52, "MSTORE8": 0x53, "SLOAD": 0x54, "SSTORE": 0x55,
    "JUMP": 0x56, "JUMPI": 0x57, "MSIZE": 0x59, "GAS": 0x5A, "JUMPDEST": 0x5B, "TLOAD": 0x5C, "TSTORE": 0x5D,
    "MCOPY": 0x5E, "PUSH0": 0x5F, "DUP1": 0x80, "DUP2": 0x81, "SWAP1": 0x90, "LOG0": 0xA0, "LOG1": 0xA1, "LOG2": 0xA2,
    "LOG3": 0xA3, "LOG4": 0xA4, "CREATE": 0xF0, "CALL": 0xF1, "CALLCODE": 0xF2, "RETURN": 0xF3, "DELEGATECALL": 0xF4,
    "CREATE2": 0xF5, "STATICCALL": 0xFA, "REVERT": 0xFD, "INVALID": 0xFE, "SELFDESTRUCT": 0xFF,
}  # fmt: skip


def assemble(source: str) -> bytes:
    """Assemble words: mnemonics, numbers (pushed), ``:label`` (a JUMPDEST) and ``@label`` (pushes its position)."""
    code, labels, uses = bytearray(), {}, []
    for word in source.split():
        if word.startswith(":"):
            labels[word[1:]] = len(code)
            code.append(_OPCODES["JUMPDEST"])
        elif word.startswith("@"):
            uses.append((len(code) + 1, word[1:]))
            code += b"\x61\0\0"
        elif word in _OPCODES:
            code.append(_OPCODES[word])
        else:
            number = int(word, 0)
            size = max(1, (number.bit_length() + 7) // 8)
            code += bytes([0x5F + size]) + number.to_bytes(size, "big")
    for position, label in uses:
        code[position : position + 2] = labels[label].to_bytes(2, "big")
    return bytes(code)


def installer(runtime: bytes) -> bytes:
    """Return init code that installs the runtime code, which follows its own 11 bytes."""
    head = b"\x61" + len(runtime).to_bytes(2, "big") + bytes.fromhex("80600b5f395ff3")
    return head.ljust(11, b"\0") + runtime


# Calldata of most programs: word 0 is an address or a number, the rest is data.
_WRITER = assemble("32 CALLDATALOAD 0 CALLDATALOAD SSTORE")
_REWRITER = assemble("1 0 SSTORE 0 0 SSTORE 2 0 SSTORE 0 1 SSTORE 0 2 SSTORE 7 2 SSTORE")
_LOGGER = assemble(
    "CALLDATASIZE 0 0 CALLDATACOPY CALLDATASIZE 0 LOG0 0xa1 CALLDATASIZE 0 LOG1 0xa2 0xa1 3 1 LOG2 "
    "0xa3 0xa2 0xa1 0 0 LOG3 CALLER 0xa3 0xa2 0xa1 64 0 LOG4"
)
_REVERTER = assemble("1 0 SSTORE 0xa1 32 0 LOG1 CALLDATASIZE 0 0 CALLDATACOPY CALLDATASIZE 0 REVERT")
_BURNER = assemble(":again 1 POP @again JUMP")
_MEMORY_BURNER = assemble("0xffffffffff MLOAD")
# Calls word 0 with the rest of the calldata and all its value; records success, size and hash of what came back.
_CALL_TEMPLATE = (
    "32 CALLDATASIZE SUB 32 0 CALLDATACOPY 0 0 32 CALLDATASIZE SUB 0 {value} 0 CALLDATALOAD GAS {call} 0 SSTORE "
    "RETURNDATASIZE 1 SSTORE RETURNDATASIZE 0 0 RETURNDATACOPY RETURNDATASIZE 0 SHA3 2 SSTORE 0xc0 0 0 LOG1"
)
_CALLER = assemble(_CALL_TEMPLATE.format(value="CALLVALUE", call="CALL"))
_CALLCODER = assemble(_CALL_TEMPLATE.format(value="CALLVALUE", call="CALLCODE"))
_DELEGATOR = assemble(_CALL_TEMPLATE.format(value="", call="DELEGATECALL"))
_STATIC_CALLER = assemble(_CALL_TEMPLATE.format(value="", call="STATICCALL"))
_CALLER_THEN_REVERT = _CALLER + assemble("0 0 REVERT")
_CREATOR = assemble("CALLDATASIZE 0 0 CALLDATACOPY CALLDATASIZE 0 CALLVALUE CREATE 0 SSTORE RETURNDATASIZE 1 SSTORE")
_CREATOR2 = assemble(
    "CALLDATASIZE 0 0 CALLDATACOPY 42 CALLDATASIZE 0 CALLVALUE CREATE2 0 SSTORE "
    "42 CALLDATASIZE 0 0 CREATE2 1 SSTORE RETURNDATASIZE 2 SSTORE"
)
_CREATE_AND_CALL = assemble(
    "CALLDATASIZE 0 0 CALLDATACOPY CALLDATASIZE 0 CALLVALUE CREATE DUP1 0 SSTORE "
    "0 0 0 0 0 0 DUP1 POP POP 0 SLOAD GAS CALL 1 SSTORE 0 SLOAD EXTCODESIZE 2 SSTORE 0 SLOAD BALANCE 3 SSTORE"
)
_TRANSIENT = assemble("5 TLOAD 1 ADD DUP1 5 TSTORE 0 SLOAD ADD 0 SSTORE")
_TRANSIENT_REVERTER = assemble("9 5 TSTORE 0 0 REVERT")
_TRANSIENT_CALLER = assemble(
    "3 5 TSTORE 0 0 0 0 0 ADDRESS GAS CALL POP 5 TLOAD 0 SSTORE 0 0 0 0 0 CALLDATALOAD GAS DELEGATECALL 1 SSTORE "
    "5 TLOAD 2 SSTORE"
)
_COPIER = assemble(
    "0x1122334455667788 0 MSTORE 40 8 20 MCOPY 40 16 100 MCOPY 0 MLOAD 0 SSTORE MSIZE 1 SSTORE 160 0 SHA3 2 SSTORE"
)
_INSPECTOR = assemble(
    "0 CALLDATALOAD DUP1 BALANCE 0 SSTORE DUP1 EXTCODESIZE 1 SSTORE DUP1 EXTCODEHASH 2 SSTORE POP GAS 3 SSTORE "
    "ORIGIN 4 SSTORE GASPRICE 5 SSTORE BASEFEE 6 SSTORE BLOBBASEFEE 7 SSTORE GASLIMIT 8 SSTORE CHAINID 9 SSTORE "
    "COINBASE BALANCE 10 SSTORE SELFBALANCE 11 SSTORE NUMBER 12 SSTORE 0 BLOBHASH 13 SSTORE"
)
_DESTROYER = assemble("0 CALLDATALOAD SELFDESTRUCT")
_RECURSIVE = assemble("1 0 SLOAD ADD 0 SSTORE 0 0 0 0 0 ADDRESS GAS CALL 1 SSTORE")
_DEEP = assemble("0 0 0 0 0 ADDRESS GAS CALL")
_BAD_RETURN_COPY = assemble("1 0 0 RETURNDATACOPY")
_UNDERFLOW = assemble("ADD")
_BAD_JUMP = assemble("3 JUMP")
_RETURNER = assemble("CALLDATASIZE 0 0 CALLDATACOPY CALLDATASIZE 0 RETURN")
_PROGRAMS = {
    "writer": _WRITER, "rewriter": _REWRITER, "logger": _LOGGER, "reverter": _REVERTER, "burner": _BURNER,
    "memory burner": _MEMORY_BURNER, "caller": _CALLER, "callcoder": _CALLCODER, "delegator": _DELEGATOR,
    "static caller": _STATIC_CALLER, "caller then revert": _CALLER_THEN_REVERT, "creator": _CREATOR,
    "creator2": _CREATOR2, "create and call": _CREATE_AND_CALL, "transient": _TRANSIENT,
    "transient reverter": _TRANSIENT_REVERTER, "transient caller": _TRANSIENT_CALLER, "copier": _COPIER,
    "inspector": _INSPECTOR, "destroyer": _DESTROYER, "destroyer 2": _DESTROYER, "recursive": _RECURSIVE, "deep": _DEEP,
    "bad return copy": _BAD_RETURN_COPY, "underflow": _UNDERFLOW, "bad jump": _BAD_JUMP, "returner": _RETURNER,
    "invalid": assemble("INVALID"), "empty": b"",
}  # fmt: skip


def word(value: int | bytes) -> bytes:
    """Return a 32-byte word."""
    return (value if isinstance(value, bytes) else value.to_bytes(32, "big")).rjust(32, b"\0")


@dataclasses.dataclass(frozen=True)
class Step:
    """One transaction of the suite, without sender and nonce."""

    to: bytes | None
    data: bytes = b""
    value: int = 0
    gas: int = 1_000_000


_NOBODY = bytes.fromhex("00000000000000000000000000000000deadbeef")
_FRESH = tuple(bytes([0x77, number]) * 10 for number in range(9))

_PRECOMPILE_INPUTS = {
    1: keccak(b"message") + word(27) + word(5) + word(7),
    2: b"sha256",
    3: b"ripemd160",
    4: b"identity" * 9,
    5: word(1) + word(1) + word(2) + b"\x03\x05\x07\x0b",
    6: word(1) + word(2) + word(1) + word(2),
    7: word(1) + word(2) + word(9),
    8: b"",
    9: (12).to_bytes(4, "big") + bytes(range(208)) + b"\x01",
}


def _deployments() -> Iterator[Step]:
    for runtime in _PROGRAMS.values():
        yield Step(None, installer(runtime))


def _storage_steps(at: dict[str, bytes]) -> Iterator[Step]:
    for key, value in ((1, 5), (1, 5), (1, 6), (1, 0), (1, 0), (2**255, 2**256 - 1), (2**255, 0), (3, 1)):
        yield Step(at["writer"], word(key) + word(value))
    for gas in (1_000_000, 1_000_000, 60_000, 45_000):
        yield Step(at["rewriter"], gas=gas)
    yield Step(at["writer"], word(9) + word(9), gas=23_300)  # the 2300 stipend rule of EIP-2200
    for name in ("transient", "transient", "copier"):
        yield Step(at[name])
    yield Step(at["transient caller"], word(at["transient reverter"]))
    yield Step(at["caller"], word(at["transient"]))


def _call_steps(at: dict[str, bytes]) -> Iterator[Step]:
    kinds = ("caller", "callcoder", "delegator", "static caller", "caller then revert")
    targets = ("writer", "logger", "reverter", "invalid", "empty", "returner", "underflow", "bad jump")
    for kind in kinds:
        for target in targets:
            yield Step(at[kind], word(at[target]) + word(4) + word(44), gas=400_000)
        yield Step(at[kind], word(_FRESH[0]), value=0 if kind in ("delegator", "static caller") else 3)
        yield Step(at[kind], word(at["burner"]), gas=200_000)
    for name in ("burner", "memory burner", "bad return copy", "underflow", "bad jump", "invalid", "empty"):
        yield Step(at[name], gas=90_000)
    yield Step(at["reverter"], b"reasons" * 30)
    yield Step(at["logger"], b"some data to log" * 5)
    yield Step(at["recursive"], gas=3_000_000)
    yield Step(at["deep"], gas=engine.GAS_LIMIT)
    for target in (at["caller"], at["empty"], _NOBODY, _FRESH[1], bytes(19) + b"\x01"):
        yield Step(at["inspector"], word(target))
    for number, data in _PRECOMPILE_INPUTS.items():
        yield Step(at["caller"], word(number) + data, gas=2_000_000)
        yield Step(at["static caller"], word(number) + data[:-1], gas=300_000)
        yield Step(word(number)[12:], data, gas=500_000)


def _transfer_steps(at: dict[str, bytes], senders: tuple[LocalAccount, ...]) -> Iterator[Step]:
    someone = bytes.fromhex(senders[1].address[2:])
    for to, value in (
        (_FRESH[2], 1),
        (_FRESH[2], 10**18),
        (_FRESH[3], 0),
        (someone, 5),
        (bytes(20), 7),
        (bytes(20), 0),
    ):
        yield Step(to, value=value, gas=21_000)
    yield Step(word(4)[12:], value=11, gas=30_000)
    yield Step(word(3)[12:], value=0, gas=30_000)
    yield Step(bytes(20), b"data" * 10, value=1)
    yield Step(at["writer"], word(6) + word(6), value=9)
    yield Step(at["caller"], word(at["caller"]) + word(_FRESH[4]), value=13)
    yield Step(at["reverter"], value=17)


def _creation_steps(at: dict[str, bytes]) -> Iterator[Step]:
    small = installer(assemble("1 2 ADD"))
    # Init codes that fail or end strangely: revert, too long, 0xEF first, out of gas at deposit, halt, self-destruct.
    strange = (
        assemble("5 0 SSTORE 32 0 REVERT"), assemble("24577 0 RETURN"), assemble("0xef 0 MSTORE8 1 0 RETURN"),
        assemble("24576 0 RETURN"), assemble("INVALID"), assemble("CALLER SELFDESTRUCT"), assemble("ADDRESS SELFDESTRUCT"),
        assemble("1 0 SSTORE 0xa1 0 0 LOG1 STOP"), b"",
    )  # fmt: skip
    for init in (small, *strange):
        yield Step(None, init, value=3)
        yield Step(at["creator"], init, value=2)
        yield Step(at["creator2"], init, value=1)
        yield Step(at["creator2"], init)
    yield Step(None, small, gas=54_500)
    yield Step(None, installer(bytes(24_576)), gas=6_000_000)
    yield Step(None, bytes(49_152), gas=2_000_000)
    yield Step(at["creator"], bytes(49_153), gas=2_000_000)
    yield Step(at["create and call"], installer(assemble("CALLER SELFDESTRUCT")), value=8)
    yield Step(at["create and call"], installer(assemble("0x7701 SELFDESTRUCT")), value=8)
    for target, value in ((_FRESH[5], 4), (_FRESH[5], 0), (_FRESH[6], 0), (at["destroyer"], 6), (bytes(20), 2)):
        yield Step(at["destroyer"], word(target), value=value)
    yield Step(at["caller"], word(at["destroyer 2"]) + word(_FRESH[7]), value=5)
    yield Step(at["destroyer 2"], word(_FRESH[7]))


_RANDOM_OPCODES = [
    *range(0x01, 0x0C), *range(0x10, 0x1E), 0x20, *range(0x30, 0x40), 0x41, 0x43, *range(0x45, 0x4B),
    *range(0x50, 0x56), *range(0x58, 0x60), *range(0x80, 0x88), *range(0x90, 0x96), *range(0xA0, 0xA5),
    0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xFA, 0xFD, 0xFF,
]  # fmt: skip


def _random_steps(at: dict[str, bytes], source: random.Random, count: int) -> Iterator[Step]:
    targets = [*at.values(), *_FRESH, *(word(number)[12:] for number in range(1, 10))]
    for _ in range(count):
        code = bytearray()
        for _ in range(source.randrange(5, 60)):
            for _ in range(source.choice((0, 1, 1, 2, 3))):
                if source.random() < 0.15:
                    code += b"\x73" + source.choice(targets)
                else:
                    code += bytes([0x60, source.choice((0, 1, 2, 5, 32, 64, 255))])
            code.append(source.choice(_RANDOM_OPCODES))
        is_creation = source.random() < 0.5
        to = None if is_creation else at[source.choice(("creator", "creator2", "create and call"))]
        yield Step(to, bytes(code), value=source.choice((0, 0, 1)), gas=source.choice((120_000, 500_000)))


def _signed(
    steps: list[Step], senders: tuple[LocalAccount, ...], sign: Callable[..., str], nonces: list[int]
) -> list[str]:
    raws = []
    for index, step in enumerate(steps):
        who = index % len(senders)
        fields = {"to": step.to, "data": step.data, "value": step.value, "gas": step.gas, "kind": index % 3}
        raws.append(sign(senders[who], nonces[who], **fields))
        nonces[who] += 1
    return raws


def _places(accounts: tuple[LocalAccount, ...]) -> dict[str, bytes]:
    """Return where each program will be installed."""
    senders = [bytes.fromhex(account.address[2:]) for account in accounts]
    return {
        name: addresses.created(senders[index % len(senders)], index // len(senders))
        for index, name in enumerate(_PROGRAMS)
    }


@pytest.fixture(scope="session")
def suite(accounts: tuple[LocalAccount, ...], sign: Callable[..., str]) -> list[str]:
    """Every transaction of the suite, signed, in order."""
    at = _places(accounts)
    steps = [
        *_deployments(),
        *_storage_steps(at),
        *_call_steps(at),
        *_transfer_steps(at, accounts),
        *_creation_steps(at),
    ]
    steps += _random_steps(at, random.Random(20_260_101), 150)
    return _signed(steps, accounts, sign, [0] * len(accounts))


@dataclasses.dataclass
class Anvil:
    """A running anvil."""

    client: Any

    def call(self, method: str, *params: object) -> Any:
        """Return one method's result; a receipt as soon as there is one, because anvil mines after it answered."""
        result = self.client.call(method, *params)
        while result is None and method == "eth_getTransactionReceipt":
            result = self.client.call(method, *params)
        return result


@pytest.fixture
def anvil(anvil_binary: pathlib.Path, tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[Anvil]:
    """Run anvil under the ledger's rules: Cancun, zero fees, blocks of 2^24 gas, one transaction each."""
    client_class = request.getfixturevalue("client_class")
    with anvils.running(anvil_binary, tmp_path / "anvil.log", *anvils.LIKE_OURS, "--accounts", "4") as url:
        client = client_class(url)
        yield Anvil(client)
        client.pool.clear()


def _compared(receipt: dict[str, Any]) -> dict[str, Any]:
    log_fields = (
        "address",
        "topics",
        "data",
        "logIndex",
        "blockNumber",
        "transactionIndex",
        "transactionHash",
        "removed",
    )
    fields = ("status", "gasUsed", "cumulativeGasUsed", "contractAddress", "from", "to", "type", "blockNumber",
              "transactionHash", "logsBloom", "effectiveGasPrice")  # fmt: skip
    logs = [{name: log[name] for name in log_fields} for log in receipt["logs"]]
    return {name: receipt[name] for name in fields} | {"logs": logs}


def _run(target: Any, suite: list[str]) -> list[dict[str, Any]]:
    receipts = []
    for raw in suite:
        tx_hash = target.call("eth_sendRawTransaction", raw)
        receipts.append(_compared(target.call("eth_getTransactionReceipt", tx_hash)))
    return receipts


def _differences(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[Any]:
    pairs = zip(ours, theirs, strict=True)
    return [(number, a, b) for number, (a, b) in enumerate(pairs) if a != b]


def _state(ledger: Any) -> tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]]:
    state = ledger.file.state()
    slots = {(address, key): value for address, key, value in state.slots}
    return dict(state.accounts), dict(state.codes), slots


def test_pyrevm_and_pyevm_agree(suite: list[str], open_ledger: Callable[..., Any]) -> None:
    """Both engines give the same receipts and the same state."""
    revm, pyevm = open_ledger("revm", "pyrevm"), open_ledger("pyevm", "py-evm")
    assert _differences(_run(revm, suite), _run(pyevm, suite)) == []
    assert _state(revm) == _state(pyevm)


@pytest.mark.timeout(60)
def test_pyrevm_and_anvil_agree(suite: list[str], open_ledger: Callable[..., Any], anvil: Anvil) -> None:
    """The embedded ledger gives the same receipts, nonces, balances, code and slots as anvil."""
    ledger = open_ledger("revm", "pyrevm")
    assert _differences(_run(ledger, suite), _run(anvil, suite)) == []
    accounts, codes, slots = _state(ledger)
    for address, account in accounts.items():
        name = "0x" + address.hex()
        assert int(anvil.call("eth_getTransactionCount", name, "latest"), 16) == account.nonce, name
        assert int(anvil.call("eth_getBalance", name, "latest"), 16) == account.balance, name
        code = anvil.call("eth_getCode", name, "latest")
        assert code == "0x" + codes.get(account.code_hash, b"").hex(), name
    for (address, key), value in slots.items():
        assert int(anvil.call("eth_getStorageAt", "0x" + address.hex(), hex(key), "latest"), 16) == value


def test_calls_and_estimates_agree_with_anvil(
    accounts: tuple[LocalAccount, ...], sign: Callable[..., str], open_ledger: Callable[..., Any], anvil: Anvil
) -> None:
    """Both engines answer calls as anvil does, and their estimates suffice there and are at most 1 % above its."""
    at = _places(accounts)
    deployments = _signed(list(_deployments()), accounts, sign, [0] * len(accounts))
    steps = [*_storage_steps(at), *_call_steps(at), *_creation_steps(at)]
    targets = [open_ledger("revm", "pyrevm"), open_ledger("pyevm", "py-evm"), anvil]
    for target in targets:
        _run(target, deployments)
    # The deep recursion is left out: it uses all the gas it is offered, and any gas is enough for it.
    for step in [step for step in steps if step.to != at["deep"]][::6]:
        request = {"from": accounts[0].address, "data": "0x" + step.data.hex(), "value": hex(step.value)}
        if step.to is not None:
            request["to"] = "0x" + step.to.hex()
        revm, pyevm, theirs = (_answer(target, "eth_call", request | {"gas": hex(step.gas)}) for target in targets)
        assert revm == pyevm == theirs, step
        revm, pyevm, theirs = (_answer(target, "eth_estimateGas", request) for target in targets)
        assert revm == pyevm, step
        if theirs is not None:
            # Where a callee burns all it is given, what is used depends on what is offered, and estimates may differ.
            burns_all = int(revm, 16) > engine.GAS_LIMIT // 2
            assert burns_all or int(revm, 16) <= int(theirs, 16) * 1.01, step
            assert _answer(anvil, "eth_call", request | {"gas": revm}) is not None, step


def _answer(target: Any, method: str, request: dict[str, str]) -> str | None:
    """Return the result, or ``None`` for any error: nodes word them differently."""
    client = getattr(target, "client", target)
    answer = client.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": [request, "latest"]})
    return None if "error" in answer else str(answer["result"])


def test_suite_covers_the_ways_to_end(suite: list[str], open_ledger: Callable[..., Any]) -> None:
    """The suite has successes, failures, logs and creations enough that agreeing on it means something."""
    receipts = _run(open_ledger("revm", "pyrevm"), suite)
    failed = sum(receipt["status"] == "0x0" for receipt in receipts)
    assert len(receipts) > 350
    assert 80 < failed < len(receipts) - 150
    assert sum(len(receipt["logs"]) for receipt in receipts) > 50
    assert sum(receipt["contractAddress"] is not None for receipt in receipts) > 40
    assert {receipt["type"] for receipt in receipts} == {"0x0", "0x1", "0x2"}


def test_choosing_py_evm_leaves_the_recursion_limit_alone() -> None:
    """A process that loaded py-evm still refuses deeply nested JSON instead of dying of it."""
    before = sys.getrecursionlimit()
    selection.make_engine("py-evm", chain_id=1)
    assert sys.getrecursionlimit() == before
    with pytest.raises(RecursionError):
        json.loads("[" * 100_000)
