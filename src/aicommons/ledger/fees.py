"""What a chain charges for a transaction, how much of it is offered, and by how much more when it gets stuck.

Called by ``sending`` before it signs. A chain that charges nothing gets no fees, and all of a block's gas where each transaction
has a block of its own; one with a base fee twice the newest block's and a tip (EIP-1559); an older one its own price for gas. What we say ourselves, tip or price, is bounded: an
endpoint that names it could else spend the whole purse.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from aicommons.domain import errors, ids
from aicommons.ledger import rpc, transactions

MOST_TIP = 50 * 10**9
"""Wei that are offered at most above the base fee for a unit of gas. The base fee is the chain's own, whatever an endpoint says: nobody
pays more of it than the block asks. Where there is no base fee it bounds the price itself."""
HEADROOM = 5, 4
"""Gas is 5/4 of the estimate: others' transactions may come in between and make a call a little dearer."""
FREE_HEADROOM = 4
"""Where gas costs nothing it is four times the estimate: only room in a block is taken, and others' transactions may do more."""
BUMP = 9, 8
"""A stuck transaction is offered for 12.5 % more: 10 % is what most nodes want for taking another in its place."""
MOST_MARK = 4095
"""Gas by which a program's transactions may differ from another's; unused gas is not paid."""
WORDS_FOR_FUNDS = ("insufficient", "upfront cost exceeds", "not enough balance")


def with_headroom(estimate: object) -> int:
    """Return the gas to allow for what a ledger estimated; raises ``errors.LedgerMismatch`` where it is no quantity."""
    return rpc.number(estimate) * HEADROOM[0] // HEADROOM[1]


class Pricing:
    """What one wallet offers on one chain."""

    def __init__(self, connection: rpc.Rpc, address: ids.Address, most_tip: int = MOST_TIP, mark: int = 0) -> None:
        self._rpc = connection
        self._address = address
        self._most_tip = most_tip
        self._mark = mark
        self._price: int | None = None
        """Of a unit of gas on a chain without base fee; ``None`` where there is one, or before it was asked."""
        self._gas = transactions.GAS_LIMIT
        self.is_charged = False
        """Whether the chain charges anything, as far as the newest block that was read says."""

    def read_terms(self, newest: object) -> transactions.Fees:
        """Take note of what the newest block says about gas, and return what a unit of it costs without a tip."""
        if not isinstance(newest, dict):
            raise errors.LedgerMismatch("the ledger's answer is no block", which="latest")
        self._gas = min(transactions.GAS_LIMIT, rpc.number(newest.get("gasLimit", hex(transactions.GAS_LIMIT))))
        if newest.get("baseFeePerGas") is None:
            (price,) = rpc.batch_results(self._rpc, [("eth_gasPrice", [])])
            self._price = 0 if isinstance(price, rpc.RpcFailure) else rpc.number(price)
            self.is_charged = self._price > 0
            return transactions.Fees(most=self._bounded(self._price), is_legacy=self.is_charged)
        self._price = None
        base = rpc.number(newest["baseFeePerGas"])
        self.is_charged = base > 0
        return transactions.Fees(most=2 * base)  # a base fee doubles in six full blocks at the earliest

    def questions(self, transaction: transactions.Transaction) -> list[rpc.Question]:
        """Return what must be asked to price a transaction; its number does not matter."""
        request = {"from": ids.format_id(self._address), "data": "0x" + transaction.data.hex()}
        request |= {} if transaction.to is None else {"to": ids.format_id(transaction.to)}
        request |= {"value": hex(transaction.value)} if transaction.value else {}
        return [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_maxPriorityFeePerGas", []),
            ("eth_estimateGas", [request]),
        ]

    def price(
        self, transaction: transactions.Transaction, *, is_alone: bool = False, told: Sequence[Any] | None = None
    ) -> transactions.Transaction:
        """Return a transaction with gas and fees as the chain has them now.

        Args:
            transaction: without gas and fees.
            is_alone: whether it gets a block of its own: then nothing is estimated where nothing is charged.
            told: answers to ``questions``, where they were asked together with something else.

        Raises:
            errors.FeeTooHigh: the ledger asks more than this home pays.
            errors.SenderUnderfunded: the wallet cannot pay.
            rpc.RpcFailure: the call would fail.
        """
        if is_alone and not self.is_charged:
            return dataclasses.replace(transaction, gas=self._gas - self._mark)
        newest, tip, estimate = told or rpc.batch_results(self._rpc, self.questions(transaction))
        fees = self.read_terms(newest)
        if self.is_charged and not fees.is_legacy:
            offered = 0 if isinstance(tip, rpc.RpcFailure) else self._bounded(rpc.number(tip))
            fees = transactions.Fees(fees.most + offered, offered)
        if isinstance(estimate, rpc.RpcFailure):
            self.check_funds(transaction, estimate)
            raise estimate
        allowed = with_headroom(estimate) if self.is_charged else FREE_HEADROOM * rpc.number(estimate)
        gas = min(self._gas - MOST_MARK, allowed) + self._mark
        return dataclasses.replace(transaction, gas=gas, fees=fees)

    def _bounded(self, offered: int) -> int:
        if offered > self._most_tip:
            raise errors.FeeTooHigh(
                "the ledger asks for too high a tip for a unit of gas",
                expected=f"at most {self._most_tip} wei",
                got=f"{offered} wei",
            )
        return offered

    def raised(self, transaction: transactions.Transaction) -> transactions.Transaction | None:
        """Return a stuck transaction with an offer that replaces it, ``None`` where this home or its purse allows no higher one.

        Raises:
            rpc.RpcFailure, errors.LedgerUnreachable, errors.LedgerMismatch: the ledger does not say what it charges now.
        """
        before = transaction.fees
        if not before.most:
            return None
        name = ids.format_id(self._address)
        asked: list[rpc.Question] = [("eth_getBlockByNumber", ["latest", False]), ("eth_getBalance", [name, "latest"])]
        newest, balance = rpc.batch(self._rpc, asked)
        most, tip = _more(before.most), 0 if before.is_legacy else _more(before.tip)
        if (most if before.is_legacy else tip) > self._most_tip:
            return None
        if not before.is_legacy:
            most = max(most, self.read_terms(newest).most + tip)
        higher = dataclasses.replace(transaction, fees=transactions.Fees(most, tip, before.is_legacy))
        return higher if higher.cost <= rpc.number(balance) else None

    def check_funds(self, transaction: transactions.Transaction, failure: rpc.RpcFailure) -> None:
        """Raise ``SenderUnderfunded`` where that is what a ledger's refusal means; each ledger has its own words for it."""
        said = failure.message.lower()
        if not any(words in said for words in WORDS_FOR_FUNDS):
            return
        name = ids.format_id(self._address)
        (balance,) = rpc.batch_results(self._rpc, [("eth_getBalance", [name, "latest"])])
        missing = None if isinstance(balance, rpc.RpcFailure) else transaction.cost - rpc.number(balance)
        how_much = "" if missing is None or missing <= 0 else f": {missing} wei are missing"
        raise errors.SenderUnderfunded(
            f"this wallet cannot pay for the transaction{how_much}", missing=missing, which=name
        ) from failure


def _more(offer: int) -> int:
    """Return an offer that counts as a higher one, rounded up."""
    return max(offer + 1, -(-offer * BUMP[0] // BUMP[1]))
