"""Transactions on ledgers that charge, delay, replace or lie: each case is an error of its own, with the next step."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from aicommons.cli import output
from aicommons.domain import encoding, errors, ids
from aicommons.ledger import addresses, fees, rpc, sending, transactions, wallet

SIGNER = wallet.Wallet(b"\x05" * 32)
ME = ids.format_id(SIGNER.address)
TO = ids.Address(b"\x77" * 20)
CALL = sending.Outgoing(TO, b"\x01")
BLOCK = "0x" + "b1" * 32
OTHER = "0x" + "0f" * 32
WEI = 10**9
HABITS = sending.Habits(pause=lambda _: None)

Change = Callable[[dict[str, Any]], Any]


class Lying:
    """A ledger with one transaction in its newest block, whose answers a case changes.

    Args:
        changes: method -> what becomes of its honest answer; may return an ``rpc`` error object under ``error``.
        after: how many questions for the receipt get none at first.
    """

    def __init__(self, changes: dict[str, Change], *, base: int | None = 0, after: int = 0) -> None:
        self.changes = changes
        self.base = base
        self.after = after
        self.sent = ""
        self.raw = ""
        self.methods: list[str] = []

    def exchange(self, payload: bytes) -> bytes:
        """Answer a batch."""
        return json.dumps([self._answer(each) for each in json.loads(payload)]).encode()

    def _answer(self, call: dict[str, Any]) -> dict[str, Any]:
        method = call["method"]
        self.methods.append(method)
        if method == "eth_sendRawTransaction":
            self.raw = call["params"][0]
            self.sent = ids.format_id(encoding.keccak(bytes.fromhex(self.raw[2:])))
        honest: Any = getattr(self, method.removeprefix("eth_"))()
        told = self.changes.get(method, lambda each: each["result"])({"result": honest})
        refused = isinstance(told, dict) and "message" in told
        return {"id": call["id"], "error" if refused else "result": told}

    def getTransactionCount(self) -> str:  # noqa: N802  JSON-RPC's names
        """One more once it is recorded."""
        return "0x1" if self.sent and not self.after else "0x0"

    def getBlockByNumber(self) -> dict[str, Any]:  # noqa: N802
        """The newest block."""
        return self.getBlockByHash()

    def getBlockByHash(self) -> dict[str, Any]:  # noqa: N802
        """The only block."""
        block = {"hash": BLOCK, "number": "0x7", "gasLimit": hex(30_000_000), "transactions": [self.sent]}
        return block if self.base is None else block | {"baseFeePerGas": hex(self.base)}

    def sendRawTransaction(self) -> str:  # noqa: N802
        """The hash."""
        return self.sent

    def getTransactionByHash(self) -> dict[str, Any] | None:  # noqa: N802
        """The transaction, if it was given."""
        return None

    def getTransactionReceipt(self) -> dict[str, Any] | None:  # noqa: N802
        """The receipt, or none while it is not recorded."""
        if self.after:
            self.after -= 1
            return None
        return {
            "transactionHash": self.sent, "blockHash": BLOCK, "blockNumber": "0x7", "from": ME,
            "to": ids.format_id(TO), "contractAddress": None, "status": "0x1", "gasUsed": "0x5208", "logs": [],
        }  # fmt: skip

    def maxPriorityFeePerGas(self) -> str:  # noqa: N802
        """One gwei."""
        return hex(WEI)

    def estimateGas(self) -> str:  # noqa: N802
        """As much as a call with a few slots."""
        return hex(100_000)

    def getBalance(self) -> str:  # noqa: N802
        """Too little."""
        return hex(1_000)


def send(ledger: Lying, call: sending.Outgoing = CALL, nonce: int | None = None) -> sending.Receipt:
    """Send a call without waiting in real time."""
    return sending.Sender(ledger, 7, SIGNER, HABITS).send(call, nonce)


def with_receipt(**changed: object) -> dict[str, Change]:
    """Return a lie about the receipt."""
    return {"eth_getTransactionReceipt": lambda answer: answer["result"] | changed}


def without_it(answer: dict[str, Any]) -> dict[str, Any]:
    """Return a block that does not have the transaction."""
    return dict(answer["result"]) | {"transactions": [OTHER]}


def nothing(_: dict[str, Any]) -> None:
    """Return no answer's content."""


def refusal(message: str) -> Change:
    """Return a refusal in a ledger's words."""
    return lambda _: {"code": -32000, "message": message}


NO_BLOCK = {"eth_getBlockByNumber": lambda answer: answer["result"] | {"hash": OTHER}, "eth_getBlockByHash": nothing}
LIES: dict[str, dict[str, Change]] = {
    "another transaction was taken": {"eth_sendRawTransaction": lambda _: OTHER},
    "no hash was answered": {"eth_sendRawTransaction": nothing},
    "a receipt with another hash": with_receipt(transactionHash=OTHER),
    "a receipt without hash": with_receipt(transactionHash=None),
    "a receipt of a block that is not there": with_receipt(blockHash=OTHER) | {"eth_getBlockByHash": nothing},
    "a receipt of a block with another hash": with_receipt(blockHash=OTHER),
    "a newest block that is another, and none by the hash": NO_BLOCK,
    "a receipt with another block number": with_receipt(blockNumber="0x8"),
    "a receipt of another sender": with_receipt(**{"from": ids.format_id(TO)}),
    "a receipt of another contract": with_receipt(to=ME),
    "a receipt of a contract that was made": with_receipt(contractAddress=ME),
    "success, but the block does not have it": {"eth_getBlockByNumber": without_it},
    "success, but no block has it": {"eth_getBlockByNumber": without_it, "eth_getBlockByHash": without_it},
    "failure, but the block does not have it": with_receipt(status="0x0") | {"eth_getBlockByNumber": without_it},
    "a block whose transactions are a number": {"eth_getBlockByNumber": lambda a: a["result"] | {"transactions": 5}},
}


@pytest.mark.parametrize("changes", LIES.values(), ids=LIES.keys())
def test_a_receipt_that_lies_is_not_believed(changes: dict[str, Change]) -> None:
    """A receipt that the ledger's own blocks do not bear out is ReceiptContradicted, which says whom to ask instead."""
    with pytest.raises(errors.ReceiptContradicted) as caught:
        send(Lying(changes))
    assert "another endpoint" in output.advice(type(caught.value))


BROKEN: dict[str, dict[str, Change]] = {
    "a status that is no number": with_receipt(status="yes"),
    "no status": with_receipt(status=None),
    "a count that is none": {"eth_getTransactionCount": nothing},
    "a newest block that is none": {"eth_getBlockByNumber": nothing},
    "a base fee that is none": {"eth_getBlockByNumber": lambda answer: answer["result"] | {"baseFeePerGas": "free"}},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_answer_is_a_mismatch(changes: dict[str, Change]) -> None:
    """An answer that has no meaning is LedgerMismatch."""
    with pytest.raises(errors.LedgerMismatch):
        send(Lying(changes))


@pytest.mark.parametrize("after", [0, 1, 30])
def test_a_receipt_is_waited_for(after: int) -> None:
    """Where blocks take their time, the receipt is asked for until it is there."""
    ledger = Lying({}, after=after)
    made = send(ledger)
    assert (made.is_success, made.block, made.gas_used) == (True, 7, 21_000)
    assert ledger.methods.count("eth_getTransactionReceipt") == after + 1
    assert ledger.methods.count("eth_sendRawTransaction") == 1


def test_a_transaction_that_never_comes() -> None:
    """What is not recorded in time is LedgerUnreachable: it may still be, and the message says which to look for."""
    ledger = Lying({}, after=10**6)
    with pytest.raises(errors.LedgerUnreachable, match="not recorded it within") as caught:
        send(ledger)
    assert caught.value.which == ledger.sent


def test_a_replaced_transaction_is_named() -> None:
    """Another transaction of the wallet under the same number is TransactionReplaced, with the number."""
    ledger = Lying({"eth_getTransactionReceipt": nothing})
    with pytest.raises(errors.TransactionReplaced, match="under the same number") as caught:
        send(ledger)
    assert caught.value.nonce == 0
    assert caught.value.which == ledger.sent
    assert "another program uses this wallet" in output.advice(errors.TransactionReplaced)


FUNDS = {
    "go-ethereum": "insufficient funds for gas * price + value: address 0x05 have 0 want 1",
    "anvil": "Insufficient funds for gas * price + value",
    "Besu": "Upfront cost exceeds account balance",
}


@pytest.mark.parametrize("words", FUNDS.values(), ids=FUNDS.keys())
@pytest.mark.parametrize("method", ["eth_sendRawTransaction", "eth_estimateGas"])
def test_an_underfunded_wallet_is_told_what_it_lacks(method: str, words: str) -> None:
    """Whatever a ledger calls it, a wallet that cannot pay is SenderUnderfunded with the missing wei."""
    changes = {method: refusal(words)}
    if method == "eth_sendRawTransaction":
        changes["eth_getTransactionReceipt"] = nothing
    with pytest.raises(errors.SenderUnderfunded, match="wei are missing") as caught:
        send(Lying(changes, base=WEI), dataclasses.replace(CALL, value=5_000))
    gas = 125_000 * 3 * WEI if method == "eth_sendRawTransaction" else 0  # what an estimate is refused for is the value
    assert caught.value.missing == gas + 5_000 - 1_000
    assert caught.value.which == ME
    assert "relayer" in output.advice(errors.SenderUnderfunded)


def test_bytes_that_came_twice_are_sent_once() -> None:
    """Where a ledger says that the number is used up before it shows the receipt, the same call is not given under another."""
    looked: list[str] = []

    def late(answer: dict[str, Any]) -> dict[str, Any] | None:
        looked.append("receipt")
        return dict(answer["result"]) if len(looked) > 1 else None

    def known(_: dict[str, Any]) -> dict[str, Any] | None:
        looked.append("transaction")
        return {"hash": ledger.sent} if looked.count("transaction") > 1 else None

    changes = {"eth_sendRawTransaction": refusal("nonce too low"), "eth_getTransactionReceipt": late}
    ledger = Lying({**changes, "eth_getTransactionByHash": known})
    assert send(ledger).is_success
    assert ledger.methods.count("eth_sendRawTransaction") == 1


def test_another_refusal_stays_what_it_is() -> None:
    """A refusal that has nothing to do with coins is the ledger's own."""
    with pytest.raises(rpc.RpcFailure, match="not today"):
        send(Lying({"eth_sendRawTransaction": refusal("not today"), "eth_getTransactionReceipt": nothing}))


def test_nothing_is_offered_where_nothing_is_charged() -> None:
    """On a chain without base fee a transaction carries no fees and is sent in one exchange with its receipt."""
    ledger = Lying({})
    send(ledger)
    assert ledger.methods == [
        *("eth_getTransactionCount", "eth_getBlockByNumber"),
        *("eth_sendRawTransaction", "eth_getTransactionReceipt", "eth_getBlockByNumber"),
    ]


def test_a_shared_block_is_shared() -> None:
    """Once a transaction had to wait for its block, the next takes room for four times its estimate and not for a whole block."""
    import rlp

    slow = Lying({}, after=2)
    sender = sending.Sender(slow, 7, SIGNER, HABITS)
    for expected in (transactions.GAS_LIMIT, 400_000):
        slow.after = 2
        sender.send(CALL)
        (gas,) = (int.from_bytes(each, "big") for each in rlp.decode(bytes.fromhex(slow.raw[4:]))[4:5])
        assert gas == expected


def test_number_and_price_are_asked_for_together() -> None:
    """Where blocks take their time, a further transaction costs one exchange before it is given and none for its block after."""
    slow = Lying({}, after=2)
    sender = sending.Sender(slow, 7, SIGNER, HABITS)
    sender.send(CALL)
    slow.after, slow.methods = 2, []
    sender.send(CALL)
    before = slow.methods.index("eth_sendRawTransaction")
    assert slow.methods[:before] == [
        *("eth_getTransactionCount", "eth_getBlockByNumber", "eth_maxPriorityFeePerGas", "eth_estimateGas")
    ]
    assert "eth_getBlockByHash" not in slow.methods


def test_fees_follow_the_newest_block() -> None:
    """Where gas has a price, the offer is twice the base fee and the tip, and the gas 5/4 of the estimate."""
    import rlp

    ledger = Lying({}, base=3 * WEI)
    send(ledger)
    fields = rlp.decode(bytes.fromhex(ledger.raw[4:]))
    tip, most, gas = (int.from_bytes(each, "big") for each in fields[2:5])
    assert (tip, most, gas) == (WEI, 7 * WEI, 125_000)
    free = Lying({"eth_maxPriorityFeePerGas": refusal("no such method")}, base=3 * WEI)
    send(free)
    fields = rlp.decode(bytes.fromhex(free.raw[4:]))
    assert [int.from_bytes(each, "big") for each in fields[2:4]] == [0, 6 * WEI]


TIPS = {"one wei too much": fees.MOST_TIP + 1, "16 coins for a call": 10**6 * WEI, "more than a word": 2**255}


@pytest.mark.parametrize("tip", TIPS.values(), ids=TIPS.keys())
def test_an_endpoint_cannot_name_any_tip(tip: int) -> None:
    """A tip above what the home pays is FeeTooHigh with both numbers and the next step, and nothing is signed."""
    ledger = Lying({"eth_maxPriorityFeePerGas": lambda _: hex(tip)}, base=3 * WEI)
    with pytest.raises(errors.FeeTooHigh) as caught:
        send(ledger)
    assert (caught.value.expected, caught.value.got) == (f"at most {fees.MOST_TIP} wei", f"{tip} wei")
    assert "tip_gwei" in output.advice(errors.FeeTooHigh)
    assert ledger.sent == ""


@pytest.mark.parametrize("most", [0, 7, fees.MOST_TIP])
def test_the_home_says_how_much_it_tips(most: int) -> None:
    """A tip of just what the home allows is paid."""
    ledger = Lying({"eth_maxPriorityFeePerGas": lambda _: hex(most)}, base=3 * WEI)
    assert sending.Sender(ledger, 7, SIGNER, dataclasses.replace(HABITS, most_tip=most)).send(CALL).is_success


def test_a_creation_has_the_address_of_its_number() -> None:
    """The receipt of a creation names the address that follows from wallet and number, and no other."""
    made = ids.format_id(addresses.created(SIGNER.address, 4))
    creation = sending.Outgoing(None, b"\x00")
    lies = {"eth_getTransactionReceipt": lambda answer: answer["result"] | {"to": None, "contractAddress": made}}
    assert send(Lying(lies), creation, 4).is_success
    with pytest.raises(errors.ReceiptContradicted, match="made another contract"):
        send(Lying(lies), creation, 5)


def test_checksummed_addresses_are_the_same() -> None:
    """A ledger that writes checksums into the case of letters says the same."""
    assert send(Lying(with_receipt(**{"from": "0x" + ME[2:].upper()}))).is_success
