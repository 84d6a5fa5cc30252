"""Transactions on chains that drop, delay, take back and charge in the old way: recorded once, or an error that says what is open."""

import dataclasses
import threading
from typing import Any

import pytest
import rlp
from tests.ledger import test_sending as ledgers

from aicommons.domain import encoding, errors, ids
from aicommons.ledger import fees, finality, rpc, sending, transactions, wallet

WEI = ledgers.WEI


class Slow(ledgers.Lying):
    """A ledger that records a transaction only when it is given for the last time of several, or offers enough."""

    def __init__(
        self, *, base: int | None = 0, floor: int = 0, given: int = 1, price: int = 0, balance: int = 10**20
    ) -> None:
        super().__init__({}, base=base)
        self.floor, self.given, self.price_of_gas, self.balance = floor, given, price, balance
        self.raws: list[str] = []

    def _answer(self, call: dict[str, Any]) -> dict[str, Any]:
        if call["method"] == "eth_sendRawTransaction":
            self.raws.append(call["params"][0])
        return super()._answer(call)

    def getTransactionCount(self) -> str:  # noqa: N802  JSON-RPC's names
        """Counts what is recorded."""
        return "0x1" if self._is_recorded() else "0x0"

    def getTransactionReceipt(self) -> dict[str, Any] | None:  # noqa: N802
        """The receipt, once it is recorded."""
        return super().getTransactionReceipt() if self._is_recorded() else None

    def getTransactionByHash(self) -> dict[str, Any] | None:  # noqa: N802
        """The transaction."""
        return {"hash": self.sent} if self.raws else None

    def gasPrice(self) -> str:  # noqa: N802
        """Of the old kind."""
        return hex(self.price_of_gas)

    def getBalance(self) -> str:  # noqa: N802
        """What the wallet has."""
        return hex(self.balance)

    def _is_recorded(self) -> bool:
        return len(self.raws) >= self.given and bool(self.raws) and self.offers[-1] >= self.floor

    @property
    def offers(self) -> list[int]:
        """Most that each version pays for a unit of gas."""
        return [
            int.from_bytes(
                rlp.decode(bytes.fromhex(raw[4:]))[3] if raw[2:4] == "02" else rlp.decode(bytes.fromhex(raw[2:]))[1],
                "big",
            )
            for raw in self.raws
        ]


def test_what_was_dropped_is_given_again() -> None:
    """Where nothing is charged, a transaction that no block takes is given again with the same bytes."""
    ledger = Slow(given=3)
    assert ledgers.send(ledger).is_success
    assert len(ledger.raws) == 3
    assert len(set(ledger.raws)) == 1


def test_what_is_stuck_is_offered_for_more() -> None:
    """A transaction that the fees left behind is replaced under its number, each time by 12.5 % at the least."""
    ledger = Slow(base=3 * WEI, floor=9 * WEI)
    assert ledgers.send(ledger).is_success
    numbers = {bytes(rlp.decode(bytes.fromhex(raw[4:]))[1]) for raw in ledger.raws}
    assert numbers == {b""}
    assert ledger.offers[0] == 7 * WEI
    for before, after in zip(ledger.offers, ledger.offers[1:], strict=False):
        assert after * 8 >= before * 9


BOUNDS = {"the home's tip": {"most_tip": WEI}, "the purse": {"balance": 125_000 * 7 * WEI}}


@pytest.mark.parametrize("bound", BOUNDS)
def test_no_more_is_offered_than_the_home_allows(bound: str) -> None:
    """A stuck transaction is never offered for more than the home tips or the purse holds: it stays as it is, and is named."""
    limits = BOUNDS[bound]
    ledger = Slow(base=3 * WEI, floor=10**18, balance=limits.get("balance", 10**20))
    habits = dataclasses.replace(ledgers.HABITS, most_tip=limits.get("most_tip", fees.MOST_TIP))
    with pytest.raises(errors.LedgerUnreachable, match="not recorded it within"):
        sending.Sender(ledger, 7, ledgers.SIGNER, habits).send(ledgers.CALL)
    assert set(ledger.offers) == {7 * WEI}


def test_chains_without_base_fee_get_old_transactions() -> None:
    """Where blocks have no base fee but gas has a price, the transaction is of the old kind, bound to its chain, at that price."""
    ledger = Slow(base=None, price=2 * WEI)
    assert ledgers.send(ledger).is_success
    fields = rlp.decode(bytes.fromhex(ledger.raws[0][2:]))
    assert [int.from_bytes(each, "big") for each in fields[:3]] == [0, 2 * WEI, 125_000]
    assert int.from_bytes(fields[6], "big") in (2 * 7 + 35, 2 * 7 + 36)
    with pytest.raises(errors.FeeTooHigh):
        ledgers.send(Slow(base=None, price=fees.MOST_TIP + 1))
    free = Slow(base=None, price=0)
    assert ledgers.send(free).is_success
    assert free.raws[0][:4] == "0x02"


def test_old_transactions_equal_an_outside_opinion() -> None:
    """An EIP-155 transaction has the bytes that eth-account gives it."""
    import eth_account

    secret = b"\x05" * 32
    made = transactions.Transaction(
        7, 9, ids.Address(b"\x77" * 20), b"\x01\x02", 21_000, transactions.Fees(5, 0, is_legacy=True), 3
    )
    told = {
        "nonce": 9,
        "gasPrice": 5,
        "gas": 21_000,
        "to": "0x" + "77" * 20,
        "value": 3,
        "data": b"\x01\x02",
        "chainId": 7,
    }
    signed = eth_account.Account.sign_transaction(told, secret)
    ours = transactions.sign(made, wallet.Wallet(secret))
    assert (ours.raw, ours.digest) == (bytes(signed.raw_transaction), bytes(signed.hash))


# ------------------------------------------------------------------------------------------------------------- lost answers


class Pool:
    """A ledger that records every transaction once, by number, and whose answers can be lost before or after."""

    def __init__(self, *, loses: list[str] | None = None) -> None:
        self.loses = loses or []
        """For each exchange with a transaction: ``request``, ``answer`` or ``none`` is lost."""
        self.recorded: dict[int, str] = {}
        self.given: list[str] = []
        self.lock = threading.Lock()

    def exchange(self, payload: bytes) -> bytes:
        """Answer a batch."""
        import json

        calls = json.loads(payload)
        with self.lock:
            lost = self.loses.pop(0) if self.loses and calls[0]["method"] == "eth_sendRawTransaction" else "none"
            if lost == "request":
                raise errors.LedgerUnreachable("lost")
            answers = [{"id": call["id"]} | self._answer(call["method"], call["params"]) for call in calls]
        if lost == "answer":
            raise errors.LedgerUnreachable("lost")
        return json.dumps(answers).encode()

    def _answer(self, method: str, params: list[Any]) -> dict[str, Any]:
        match method:
            case "eth_sendRawTransaction":
                return self._take(params[0])
            case "eth_getTransactionCount":
                return {"result": hex(len(self.recorded))}
            case "eth_getTransactionByHash":
                return {"result": {"hash": params[0]} if params[0] in self.recorded.values() else None}
            case "eth_getTransactionReceipt":
                return {"result": self._receipt(params[0])}
            case "eth_estimateGas" | "eth_maxPriorityFeePerGas":
                return {"result": hex(100_000)}
            case _:
                head = {"hash": ledgers.BLOCK, "number": "0x7", "gasLimit": hex(30_000_000), "baseFeePerGas": "0x0"}
                return {"result": head | {"transactions": list(self.recorded.values())}}

    def _take(self, raw: str) -> dict[str, Any]:
        name = ids.format_id(encoding.keccak(bytes.fromhex(raw[2:])))
        self.given.append(name)
        number = int.from_bytes(rlp.decode(bytes.fromhex(raw[4:]))[1], "big")
        if number < len(self.recorded):
            return {
                "error": {
                    "code": -32000,
                    "message": f"nonce too low: next nonce {len(self.recorded)}, tx nonce {number}",
                }
            }
        self.recorded[number] = name
        return {"result": name}

    def _receipt(self, name: str) -> dict[str, Any] | None:
        if name not in self.recorded.values():
            return None
        return {
            "transactionHash": name, "blockHash": ledgers.BLOCK, "blockNumber": "0x7", "from": ledgers.ME,
            "to": ids.format_id(ledgers.TO), "contractAddress": None, "status": "0x1", "gasUsed": "0x5208", "logs": [],
        }  # fmt: skip


LOST = {
    "the answer": ["answer"], "the request": ["request"], "twice the answer": ["answer", "answer"], "both": ["request", "answer"],
}  # fmt: skip


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
def test_a_lost_answer_sends_nothing_twice(lost: list[str]) -> None:
    """Whatever is lost on the way, one call is one transaction: it is looked for, and the same bytes are given again."""
    ledger = Pool(loses=list(lost))
    sender = sending.Sender(ledger, 7, ledgers.SIGNER, ledgers.HABITS)
    assert sender.send(ledgers.CALL).is_success
    assert len(ledger.recorded) == 1
    assert len(set(ledger.given)) == 1
    assert sender.send(ledgers.CALL).is_success
    assert len(ledger.recorded) == 2


def test_several_senders_of_one_wallet() -> None:
    """Threads and processes that send the same call with one wallet at once: each gets a number of its own, none counts for two."""
    ledger = Pool()
    failures: list[BaseException] = []

    def work(own: sending.Sender) -> None:
        try:
            for _ in range(5):
                own.send(ledgers.CALL)
        except (errors.CommonsError, rpc.RpcFailure) as err:
            failures.append(err)

    turn = threading.Lock()
    habits = sending.Habits(turn=lambda: turn)
    marked = [dataclasses.replace(habits, mark=mark) for mark in (0, 17, fees.MOST_MARK)]
    senders = [sending.Sender(ledger, 7, ledgers.SIGNER, each) for each in marked]
    threads = [threading.Thread(target=work, args=(sender,)) for sender in senders for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(ledger.recorded) == list(range(30))


WORDS = {
    "geth": "already known",
    "old geth": "known transaction: 0x12",
    "Nethermind": "AlreadyKnown",
    "anvil": "transaction already imported",
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS.keys())
def test_bytes_that_are_known_are_waited_for(words: str) -> None:
    """A ledger that has these very bytes took them."""
    ledger = ledgers.Lying({"eth_sendRawTransaction": ledgers.refusal(words)}, after=2)
    assert ledgers.send(ledger).is_success


# ------------------------------------------------------------------------------------------------------------------ finality


class Growing(ledgers.Lying):
    """A chain that grows by one block with each exchange, and may take the transaction back once."""

    def __init__(self, *, takes_back: bool = False) -> None:
        super().__init__({})
        self.head, self.recorded_at, self.takes_back, self.gives = 7, 0, takes_back, 0

    def exchange(self, payload: bytes) -> bytes:
        """Answer, one block later."""
        self.head += 1
        if b"sendRaw" in payload:
            self.gives += 1
            self.recorded_at = self.head
        elif self.takes_back and self.head == 11:
            self.takes_back, self.recorded_at = False, 0
        return super().exchange(payload)

    def getTransactionCount(self) -> str:  # noqa: N802
        """Counts what is recorded."""
        return "0x1" if self.recorded_at else "0x0"

    def _block(self, number: int) -> dict[str, Any]:
        sent = [self.sent] if number == self.recorded_at else []
        return {
            "hash": "0x" + f"{number:064x}",
            "number": hex(number),
            "gasLimit": "0x1c9c380",
            "baseFeePerGas": "0x0",
            "transactions": sent,
        }

    def getBlockByNumber(self) -> dict[str, Any]:  # noqa: N802
        """The newest block."""
        return self._block(self.head)

    def getBlockByHash(self) -> dict[str, Any]:  # noqa: N802
        """The block with the transaction."""
        return self._block(self.recorded_at)

    def getTransactionReceipt(self) -> dict[str, Any] | None:  # noqa: N802
        """The receipt."""
        if not self.recorded_at or (self.recorded_at == self.head and "eth_sendRawTransaction" not in self.methods):
            return None
        block = {"blockHash": "0x" + f"{self.recorded_at:064x}", "blockNumber": hex(self.recorded_at)}
        return dict(super().getTransactionReceipt() or {}) | block


def test_a_call_returns_when_it_is_final() -> None:
    """With a depth, a call returns once so many blocks lie on its own, and who waits is told how many are to go."""
    ledger, told = Growing(), list[str]()
    habits = dataclasses.replace(ledgers.HABITS, counted=finality.Finality(4), tell=told.append)
    made = sending.Sender(ledger, 7, ledgers.SIGNER, habits).send(ledgers.CALL)
    assert ledger.head >= made.block + 4
    assert [words.split(": ")[1] for words in told] == ["3 blocks to go", "2 blocks to go", "1 blocks to go"]


def test_what_the_chain_takes_back_is_given_again() -> None:
    """A transaction that was recorded and taken back is given again with the same bytes, and its second receipt counts."""
    ledger, told = Growing(takes_back=True), list[str]()
    habits = dataclasses.replace(ledgers.HABITS, counted=finality.Finality(4), tell=told.append)
    made = sending.Sender(ledger, 7, ledgers.SIGNER, habits).send(ledgers.CALL)
    assert made.block == ledger.recorded_at > 11
    assert ledger.gives == 2
    assert "the chain took the transaction back; it is given again" in told
