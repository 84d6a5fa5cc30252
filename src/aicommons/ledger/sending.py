"""Sends a wallet's transactions and returns what the ledger recorded, checked against the ledger's own blocks.

Called by the client for every write. A chain that charges nothing gets fixed gas and no fees, in one exchange; where gas
has a price, gas is estimated and the fee follows the newest block (EIP-1559). A receipt is believed only when the block that
it names has the transaction; a ledger whose blocks lie too cannot be found out here, only by its events.
Left out: what a call means and why it was refused (``client``).
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

from aicommons.domain import errors, ids
from aicommons.ledger import addresses, rpc, transactions
from aicommons.protocol import ports

WAIT_SECONDS = 180.0
"""How long a transaction may take to be recorded: a dozen blocks of the slowest chains that we know."""
FIRST_PAUSE = 0.01
LOOKS = 6
"""How often a receipt is looked for after the wallet's number moved: some ledgers show the number first, then the receipt."""
LONGEST_PAUSE = 2.0
MOST_TIP = 50 * 10**9
"""Wei that are offered at most above the base fee for a unit of gas. The base fee is the chain's own, whatever an endpoint says: nobody
pays more of it than the block asks. The tip is what we say, so an endpoint that names it could spend the whole purse."""
HEADROOM = 5, 4
"""Gas is 5/4 of the estimate: others' transactions may come in between and make a call a little dearer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction."""

    digest: bytes
    """Its hash, 32 bytes."""
    is_success: bool
    block: int
    gas_used: int
    logs: tuple[Mapping[str, Any], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Outgoing:
    """What is to be sent."""

    to: ids.Address | None
    """A contract; ``None`` creates one."""
    data: bytes
    value: int = 0
    """Wei that go with it."""


def with_headroom(estimate: object) -> int:
    """Return the gas to allow for what a ledger estimated; raises ``errors.LedgerMismatch`` where it is no quantity."""
    return rpc.number(estimate) * HEADROOM[0] // HEADROOM[1]


class Sender:
    """One wallet's transactions on one chain, one after the other."""

    def __init__(
        self,
        connection: rpc.Rpc,
        chain_id: int,
        signer: ports.Signer,
        *,
        most_tip: int = MOST_TIP,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._most_tip = most_tip
        self._rpc = connection
        self.chain_id = chain_id
        self._signer = signer
        self._pause = pause
        self._nonce: int | None = None
        self._charges = False
        self._gas = transactions.GAS_LIMIT

    def nonce(self) -> int:
        """Return how many transactions this wallet has sent, asking the ledger only when it is not known.

        Raises:
            rpc.RpcFailure: the ledger refused to say.
            errors.LedgerMismatch: the answer is none.
        """
        if self._nonce is None:
            name = ids.format_id(self._signer.address)
            count, newest = rpc.batch(
                self._rpc, [("eth_getTransactionCount", [name, "latest"]), ("eth_getBlockByNumber", ["latest", False])]
            )
            self._read_terms(newest)
            self._nonce = rpc.number(count)
        return self._nonce

    def send(self, call: Outgoing, nonce: int | None = None) -> Receipt:
        """Send a call and return when it is recorded, whether or not the contract carried it out.

        Args:
            call: what is sent.
            nonce: the number it must have; the wallet's next one where none is given.

        Raises:
            errors.LedgerUnreachable: nobody answered, or it was not recorded in time; it may still be.
            errors.SenderUnderfunded: the wallet cannot pay.
            errors.FeeTooHigh: the ledger asks for a tip above ``MOST_TIP``; nothing was signed.
            errors.TransactionReplaced: another transaction of this wallet took its number.
            errors.LedgerMismatch: the answers contradict each other.
            rpc.RpcFailure: the ledger refused, such as a call that it found to fail beforehand.
        """
        try:
            return self._try(call, self.nonce() if nonce is None else nonce)
        except rpc.RpcFailure as failure:
            self._nonce = None
            if nonce is not None or "nonce" not in failure.message:
                raise
        return self._try(call, self.nonce())  # another process uses this wallet too: the ledger was asked once more

    def _try(self, call: Outgoing, nonce: int) -> Receipt:
        self.nonce()  # reads what the chain charges
        transaction = self._priced(transactions.Transaction(self.chain_id, nonce, call.to, call.data, value=call.value))
        signed = transactions.sign(transaction, self._signer)
        name = ids.format_id(signed.digest)
        try:
            sent, receipt, newest = rpc.batch_results(
                self._rpc,
                [
                    ("eth_sendRawTransaction", ["0x" + signed.raw.hex()]),
                    ("eth_getTransactionReceipt", [name]),
                    ("eth_getBlockByNumber", ["latest", False]),
                ],
            )
        except errors.LedgerUnreachable:
            self._nonce = None
            raise
        if isinstance(sent, rpc.RpcFailure) and not isinstance(receipt, dict):
            self._check_funds(transaction, sent)
            raise sent  # with a receipt it is a resend after a lost answer, and recorded already
        if not isinstance(sent, rpc.RpcFailure) and sent != name:
            raise errors.ReceiptContradicted("the ledger says that it took another transaction", expected=name)
        if isinstance(receipt, rpc.RpcFailure) or not receipt:  # some ledgers refuse until a block has it
            receipt, newest = self._wait(name, nonce), None
        self._nonce = nonce + 1
        return self._checked(receipt, signed.digest, transaction, newest)

    def recorded(self, digest: bytes, to: ids.Address) -> Receipt:
        """Return what became of somebody else's transaction, as soon as it is recorded.

        Args:
            digest: its hash.
            to: where it must have gone.

        Raises:
            errors.LedgerUnreachable, errors.LedgerMismatch: as ``send``.
        """
        name = ids.format_id(digest)
        receipt = self._wait(name, None)
        return self._borne_out(
            receipt, digest, [("went elsewhere", ids.format_id(to), _lower(receipt.get("to")))], None
        )

    # ------------------------------------------------------------------------------------------------------------ price

    def _read_terms(self, newest: object) -> transactions.Fees:
        """Take note of what the newest block says about gas, and return what a unit of it costs without a tip."""
        if not isinstance(newest, dict):
            raise errors.LedgerMismatch("the ledger's answer is no block", which="latest")
        base = rpc.number(newest.get("baseFeePerGas", "0x0"))
        self._charges = base > 0
        self._gas = min(transactions.GAS_LIMIT, rpc.number(newest.get("gasLimit", hex(transactions.GAS_LIMIT))))
        return transactions.Fees(most=2 * base)  # a base fee doubles in six full blocks at the earliest

    def _priced(self, transaction: transactions.Transaction) -> transactions.Transaction:
        """Return a transaction with gas and fees as the chain has them now."""
        if not self._charges:
            return dataclasses.replace(transaction, gas=self._gas)
        request = {"from": ids.format_id(self._signer.address), "data": "0x" + transaction.data.hex()}
        request |= {} if transaction.to is None else {"to": ids.format_id(transaction.to)}
        request |= {"value": hex(transaction.value)} if transaction.value else {}
        newest, tip, estimate = rpc.batch_results(
            self._rpc,
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_maxPriorityFeePerGas", []),
                ("eth_estimateGas", [request]),
            ],
        )
        fees = self._read_terms(newest)
        offered = 0 if isinstance(tip, rpc.RpcFailure) else rpc.number(tip)
        if offered > self._most_tip:
            raise errors.FeeTooHigh(
                "the ledger asks for too high a tip for a unit of gas",
                expected=f"at most {self._most_tip} wei",
                got=f"{offered} wei",
            )
        if isinstance(estimate, rpc.RpcFailure):
            self._check_funds(transaction, estimate)
            raise estimate
        gas = min(self._gas, with_headroom(estimate))
        return dataclasses.replace(transaction, gas=gas, fees=transactions.Fees(fees.most + offered, offered))

    def _check_funds(self, transaction: transactions.Transaction, failure: rpc.RpcFailure) -> None:
        """Raise ``SenderUnderfunded`` where that is what a ledger's refusal means; each ledger has its own words for it."""
        said = failure.message.lower()
        if not any(words in said for words in ("insufficient", "upfront cost exceeds", "not enough balance")):
            return
        name = ids.format_id(self._signer.address)
        (balance,) = rpc.batch_results(self._rpc, [("eth_getBalance", [name, "latest"])])
        missing = None if isinstance(balance, rpc.RpcFailure) else transaction.cost - rpc.number(balance)
        how_much = "" if missing is None or missing <= 0 else f": {missing} wei are missing"
        raise errors.SenderUnderfunded(
            f"this wallet cannot pay for the transaction{how_much}", missing=missing, which=name
        ) from failure

    # --------------------------------------------------------------------------------------------------------- receipts

    def _wait(self, name: str, nonce: int | None) -> Mapping[str, Any]:
        """Return the receipt of a transaction that was taken, as soon as there is one; ``nonce`` if it is our own."""
        pause, waited, looks = FIRST_PAUSE, 0.0, 0
        while waited < WAIT_SECONDS:
            asked = [
                ("eth_getTransactionCount", [ids.format_id(self._signer.address), "latest"]),
                ("eth_getTransactionReceipt", [name]),
            ]
            count, receipt = rpc.batch_results(self._rpc, asked)
            if isinstance(receipt, dict):
                return receipt
            if nonce is not None and not isinstance(count, rpc.RpcFailure) and rpc.number(count) > nonce:
                looks += 1
            if looks == LOOKS:
                self._nonce = None
                raise errors.TransactionReplaced(
                    "another transaction of this wallet was recorded under the same number",
                    nonce=nonce or 0,
                    which=name,
                )
            self._pause(pause)
            waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)
        self._nonce = None
        raise errors.LedgerUnreachable(
            f"the ledger took the transaction but has not recorded it within {WAIT_SECONDS:g} s",
            which=name,
            next_step="It may still be recorded: look before doing it again, or ask whoever runs the ledger.",
        )

    def _checked(
        self, receipt: Mapping[str, Any], digest: bytes, sent: transactions.Transaction, newest: object
    ) -> Receipt:
        """Return a receipt of our own transaction that the block which it names bears out."""
        return self._borne_out(receipt, digest, self._claims(receipt, sent), newest)

    def _borne_out(
        self,
        receipt: Mapping[str, Any],
        digest: bytes,
        claims: list[tuple[str, object, object]],
        newest: object,
    ) -> Receipt:
        name, block_hash = ids.format_id(digest), receipt.get("blockHash")
        block = newest
        if not isinstance(block, dict) or block.get("hash") != block_hash:
            block = rpc.call(self._rpc, "eth_getBlockByHash", [block_hash, False])
        if not isinstance(block, dict) or block.get("hash") != block_hash:
            raise errors.ReceiptContradicted("the receipt names a block that the ledger does not have", which=name)
        claims = [
            ("is of another transaction", name, receipt.get("transactionHash")),
            ("has another block number than its block", block.get("number"), receipt.get("blockNumber")),
            *claims,
        ]
        for what, expected, got in claims:
            if expected != got:
                raise errors.ReceiptContradicted(f"the receipt {what}", which=name, expected=expected, got=got)
        if name not in _hashes(block):
            raise errors.ReceiptContradicted("the receipt's block does not have the transaction", which=name)
        logs = receipt.get("logs") or []
        return Receipt(
            digest,
            rpc.number(receipt.get("status")) == 1,
            rpc.number(receipt.get("blockNumber")),
            rpc.number(receipt.get("gasUsed", "0x0")),
            tuple(log for log in logs if isinstance(log, dict)) if isinstance(logs, list) else (),
        )

    def _claims(self, receipt: Mapping[str, Any], sent: transactions.Transaction) -> list[tuple[str, object, object]]:
        """Return what a receipt of our own transaction must say, and what it says."""
        who = self._signer.address
        made = ids.format_id(addresses.created(who, sent.nonce)) if sent.to is None else None
        if rpc.number(receipt.get("status")) == 0 and receipt.get("contractAddress") is None:
            made = None  # ledgers differ on whether a creation that failed has an address
        return [
            ("has another sender", ids.format_id(who), _lower(receipt.get("from"))),
            ("went elsewhere", sent.to and ids.format_id(sent.to), _lower(receipt.get("to"))),
            ("made another contract", made, _lower(receipt.get("contractAddress"))),
        ]


def _lower(value: object) -> object:
    """Return an address as we write it: some ledgers write checksums into the case of letters."""
    return value.lower() if isinstance(value, str) else value


def _hashes(block: Mapping[str, Any]) -> list[object]:
    found = block.get("transactions")
    return found if isinstance(found, list) else []
