"""Sends a wallet's transactions and returns what the ledger recorded, checked against the ledger's own blocks.

Called by the client for every write. A receipt is believed only when the block that it names has the transaction; a ledger whose
blocks lie too cannot be found out here, only by its events. When the answer to a transaction is lost it is looked for, and the same
bytes are given again: they can be recorded once only. What gets stuck is offered for more under the same number, what a chain takes
back is given again, and it counts when it is final. Left out: what a call means and why it was refused (``client``), and what is
paid (``fees``).
"""

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from aicommons.domain import errors, ids
from aicommons.ledger import addresses, fees, finality, rpc, transactions
from aicommons.protocol import ports

log = logging.getLogger("aicommons.ledger")

WAIT_SECONDS = 180.0
"""How long a transaction may take to be recorded: a dozen blocks of the slowest chains that we know."""
FINAL_SECONDS = 3600.0
"""How long a recorded transaction may take to be final."""
STUCK_SECONDS = 45.0
"""Seconds after which a transaction that no block has is given again, and offered for more where the chain charges."""
FIRST_PAUSE = 0.01
LOOKS = 6
"""How often a receipt is looked for after the wallet's number moved: some ledgers show the number first, then the receipt."""
LONGEST_PAUSE = 2.0
GIVES = 3
"""How often the same bytes are given to a ledger whose answers are lost."""
TRIES = 6
"""How often another number is tried, when other programs that use this wallet take it first."""
MOST_SILENT = 5
"""Questions, one after the other, that a ledger may leave without an answer while a transaction is waited for."""
KNOWN = ("already known", "known transaction", "already imported", "alreadyknown", "already exists", "already in")
"""Words of ledgers that have these very bytes: geth and Besu, older geth, OpenEthereum and anvil, Nethermind, Erigon, others."""
TWICE = 3
"""How often a ledger is asked whether a number that is used up is so by what was just given."""
TAKEN = ("nonce", "replacement")
"""Words of ledgers to which another transaction with this number was given."""

Turn = Callable[[], contextlib.AbstractContextManager[object]]
"""Gives the right to number a transaction of this wallet, to one program at a time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction."""

    digest: bytes
    """Its hash, 32 bytes."""
    is_success: bool
    block: int
    gas_used: int
    logs: tuple[Mapping[str, Any], ...]
    block_hash: str = ""
    """Of its block, as the ledger writes it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outgoing:
    """What is to be sent."""

    to: ids.Address | None
    """A contract; ``None`` creates one."""
    data: bytes
    value: int = 0
    """Wei that go with it."""


class _Sent:
    """A transaction that a ledger was given, in each version that was signed of it, the last the dearest."""

    def __init__(self, transaction: transactions.Transaction, signed: transactions.Signed) -> None:
        self.transaction = transaction
        self.versions = [signed]
        self.receipt: object = None
        self.newest: object = None

    @property
    def names(self) -> list[str]:
        """Hashes of all versions."""
        return [ids.format_id(each.digest) for each in self.versions]


@dataclasses.dataclass(frozen=True, slots=True)
class Habits:
    """How one wallet sends."""

    most_tip: int = fees.MOST_TIP
    """Wei that are offered at most above the base fee for a unit of gas."""
    mark: int = 0
    """Less gas that is allowed, 0 to ``fees.MOST_MARK``, so that two programs with one wallet never send the same bytes: each could else
    take the other's transaction for its own. Drawn for each program."""
    counted: finality.Finality = finality.INSTANT
    """When a block counts."""
    turn: Turn = contextlib.nullcontext
    """Held while a transaction is numbered and given."""
    tell: Callable[[str], None] = log.info
    """What a person is told who waits."""
    pause: Callable[[float], None] = time.sleep


class Sender:
    """One wallet's transactions on one chain, one after the other."""

    def __init__(self, connection: rpc.Rpc, chain_id: int, signer: ports.Signer, habits: Habits | None = None) -> None:
        self._habits = habits or Habits()
        self._rpc = connection
        self.chain_id = chain_id
        self._signer = signer
        self._fees = fees.Pricing(connection, signer.address, self._habits.most_tip, self._habits.mark)
        self._nonce: int | None = None
        self._is_alone = True  # until a transaction had to wait for a block, which others share
        self._lock = threading.RLock()

    def nonce(self) -> int:
        """Return how many transactions this wallet has sent, asking the ledger only when it is not known.

        Raises:
            rpc.RpcFailure: the ledger refused to say.
            errors.LedgerMismatch: the answer is none.
        """
        if self._nonce is None:
            name = ids.format_id(self._signer.address)
            asked: list[rpc.Question] = [
                ("eth_getTransactionCount", [name, "pending"]),
                ("eth_getBlockByNumber", ["latest", False]),
            ]
            count, newest = rpc.batch(self._rpc, asked)
            self._fees.read_terms(newest)
            self._nonce = rpc.number(count)
        return self._nonce

    def forget(self) -> None:
        """Ask the ledger anew for the wallet's number before the next transaction."""
        self._nonce = None

    def send(self, call: Outgoing, nonce: int | None = None, *, is_final: bool = True) -> Receipt:
        """Send a call and return when it is recorded and final, whether or not the contract carried it out.

        Args:
            call: what is sent.
            nonce: the number it must have; the wallet's next one where none is given.
            is_final: whether to wait until its block counts.

        Raises:
            errors.LedgerUnreachable: nobody answered, or it was not recorded in time; it may still be.
            errors.SenderUnderfunded: the wallet cannot pay.
            errors.FeeTooHigh: the ledger asks for a tip above ``Habits.most_tip``; nothing was signed.
            errors.TransactionReplaced: another transaction of this wallet took its number.
            errors.LedgerMismatch: the answers contradict each other.
            rpc.RpcFailure: the ledger refused, such as a call that it found to fail beforehand.
        """
        with self._lock, self._habits.turn():
            sent = self._numbered(call, nonce)
        receipt, newest = sent.receipt, sent.newest
        if not isinstance(receipt, dict):  # some ledgers refuse to say until a block has it
            receipt = self._wait(sent.names, sent)
            newest = sent.newest
        made = self._checked(receipt, sent, newest)
        return self._settled(made, sent) if is_final else made

    def _numbered(self, call: Outgoing, nonce: int | None) -> _Sent:
        for tries in range(TRIES):
            try:
                return self._give(call, nonce)
            except rpc.RpcFailure as failure:
                self._nonce = None
                if nonce is not None or not _is_taken(failure) or tries == TRIES - 1:
                    raise
            self._habits.pause(FIRST_PAUSE * 2**tries)  # another process uses this wallet too
        raise AssertionError("the last try returns or raises")

    def _give(self, call: Outgoing, wanted: int | None) -> _Sent:
        plain = transactions.Transaction(self.chain_id, 0, call.to, call.data, value=call.value)
        quotes = self._numbers(plain)
        nonce = self.nonce() if wanted is None else wanted  # also reads what the chain charges
        plain = dataclasses.replace(plain, nonce=nonce)
        transaction = self._fees.price(plain, is_alone=self._is_alone, told=quotes)
        sent = _Sent(transaction, transactions.sign(transaction, self._signer))
        told = self._hand_over(sent)
        # A receipt of these very bytes is ours whatever else is told: they came twice, or an answer was lost (``Habits.mark``).
        if isinstance(told, rpc.RpcFailure) and not isinstance(sent.receipt, dict) and not self._came_twice(sent, told):
            self._fees.check_funds(transaction, told)
            raise told
        if isinstance(told, str | None) and told not in sent.names:
            raise errors.ReceiptContradicted("the ledger says that it took another transaction", expected=sent.names[0])
        self._is_alone = isinstance(sent.receipt, dict)
        # Where blocks take their time another program's transaction may wait under the next number: it is asked for anew.
        self._nonce = nonce + 1 if isinstance(sent.receipt, dict) else None
        return sent

    def _came_twice(self, sent: _Sent, told: rpc.RpcFailure) -> bool:
        """Return whether a number is used up by these very bytes, which came twice: the receipt may follow the number."""
        if not _is_taken(told):
            return False
        for tries in range(TWICE):
            self._habits.pause(FIRST_PAUSE * 2**tries)
            if self._is_known(sent.names[0]):
                return True
        return False

    def _numbers(self, plain: transactions.Transaction) -> list[Any] | None:
        """Ask for the wallet's number together with what pricing asks for, where both are needed: one exchange, not two."""
        if self._nonce is not None or self._is_alone:
            return None
        count: rpc.Question = ("eth_getTransactionCount", [ids.format_id(self._signer.address), "pending"])
        number, *told = rpc.batch_results(self._rpc, [count, *self._fees.questions(plain)])
        if isinstance(number, rpc.RpcFailure):
            raise number
        self._nonce = rpc.number(number)
        return told

    def _hand_over(self, sent: _Sent) -> object:
        """Give a transaction to the ledger; return its hash, or why it was not taken."""
        (name,), raw = sent.names, "0x" + sent.versions[0].raw.hex()
        asked: list[rpc.Question] = [
            ("eth_sendRawTransaction", [raw]),
            ("eth_getTransactionReceipt", [name]),
            ("eth_getBlockByNumber", ["latest", False]),
        ]
        for tries in range(GIVES):
            try:
                told, sent.receipt, sent.newest = rpc.batch_results(self._rpc, asked)
            except errors.LedgerUnreachable:
                self._nonce = None
                if tries == GIVES - 1:
                    raise
                self._habits.pause(FIRST_PAUSE * 2**tries)
                if self._is_known(name):
                    return name
                continue
            if not isinstance(told, rpc.RpcFailure):
                return told
            said = told.message.lower()
            # After a lost answer a number that is used up may be so by these very bytes: whoever waits finds out.
            if any(word in said for word in KNOWN) or (tries and "nonce" in said):
                return name
            return told
        raise AssertionError("the last try returns or raises")

    def _is_known(self, name: str) -> bool:
        """Return whether a ledger has a transaction that was given to it, or to another endpoint, without an answer."""
        try:
            (found,) = rpc.batch_results(self._rpc, [("eth_getTransactionByHash", [name])])
        except errors.LedgerUnreachable:
            return False  # the same bytes are given again: that does no harm
        return isinstance(found, dict) and found.get("hash") == name

    def recorded(self, digest: bytes, to: ids.Address) -> Receipt:
        """Return what became of somebody else's transaction, as soon as it is recorded and final.

        Args:
            digest: its hash.
            to: where it must have gone.

        Raises:
            errors.LedgerUnreachable, errors.LedgerMismatch: as ``send``.
        """

        def claims(receipt: Mapping[str, Any]) -> list[tuple[str, object, object]]:
            return [("went elsewhere", ids.format_id(to), _lower(receipt.get("to")))]

        receipt = self._wait([ids.format_id(digest)], None)
        if receipt.get("transactionHash") != ids.format_id(digest):
            raise errors.ReceiptContradicted("the receipt is of another transaction", expected=ids.format_id(digest))
        return self._settled(self._believed(receipt, claims, None), None)

    # --------------------------------------------------------------------------------------------------------- receipts

    def _wait(self, names: list[str], sent: _Sent | None) -> Mapping[str, Any]:
        """Return the receipt of a transaction that was taken, as soon as there is one; ``sent`` if it is our own."""
        pause, waited, looks, pushed = FIRST_PAUSE, 0.0, 0, 0.0
        silence = _Silence()
        while waited < WAIT_SECONDS:
            names = names if sent is None else sent.names
            asked: list[rpc.Question] = [("eth_getTransactionCount", [ids.format_id(self._signer.address), "latest"])]
            asked += [("eth_getTransactionReceipt", [name]) for name in names]
            # Most often the newest block is the receipt's own, which then need not be asked for.
            asked += [] if sent is None else [("eth_getBlockByNumber", ["latest", False])]
            count, *receipts = silence.through(self._rpc, asked)
            if sent is not None:
                sent.newest = receipts.pop()
            for receipt in receipts:
                if isinstance(receipt, dict):
                    return receipt
            if sent is not None and isinstance(count, str) and rpc.number(count) > sent.transaction.nonce:
                looks += 1
            if sent is not None and looks == LOOKS:
                self._nonce = None
                raise errors.TransactionReplaced(
                    "another transaction of this wallet was recorded under the same number",
                    nonce=sent.transaction.nonce,
                    which=names[0],
                )
            if sent is not None and waited - pushed > STUCK_SECONDS:
                pushed = waited
                self._push(sent)
            self._habits.pause(pause)
            waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)
        self._nonce = None
        raise errors.LedgerUnreachable(
            f"the ledger took the transaction but has not recorded it within {WAIT_SECONDS:g} s",
            which=names[0],
            next_step="It may still be recorded: look before doing it again, or ask whoever runs the ledger.",
        )

    def _push(self, sent: _Sent) -> None:
        """Give a stuck transaction again, for more where the chain charges; that it was dropped or underpriced is healed so."""
        try:
            higher = self._fees.raised(sent.transaction)
            if higher is not None:
                sent.transaction = higher
                sent.versions.append(transactions.sign(higher, self._signer))
                self._habits.tell(
                    f"no block has the transaction yet; it is offered for {higher.fees.most} wei a unit of gas"
                )
            raw = "0x" + sent.versions[-1].raw.hex()
            (told,) = rpc.batch_results(self._rpc, [("eth_sendRawTransaction", [raw])])
        except (rpc.RpcFailure, errors.LedgerUnreachable, errors.LedgerMismatch) as err:
            log.info("a stuck transaction could not be given again: %s", err)
            return
        if isinstance(told, rpc.RpcFailure):
            log.info("a stuck transaction was not taken again: %s", told)

    def _settled(self, made: Receipt, sent: _Sent | None) -> Receipt:
        """Return a receipt once its block counts; what was taken back meanwhile is given again."""
        counted, name = self._habits.counted, ids.format_id(made.digest)
        if counted.is_instant:
            return made
        waited, told, silence = 0.0, -1, _Silence()
        while waited < FINAL_SECONDS:
            head, receipt = silence.through(self._rpc, [counted.asked, ("eth_getTransactionReceipt", [name])])
            if isinstance(receipt, dict) and receipt.get("blockHash") != made.block_hash:
                again = self._wait([name], sent)
                made = made if sent is None else self._checked(again, sent, None)
            elif isinstance(receipt, dict) and isinstance(head, dict):
                last = counted.last(head)
                if last >= made.block:
                    return made
                if last != told:
                    told = last
                    self._habits.tell(
                        f"recorded in block {made.block}; it counts when that is final ({counted}): {made.block - last} blocks to go"
                    )
            elif receipt is None and head is not None:
                if sent is None:
                    raise errors.LedgerUnreachable(
                        "the chain took the transaction back; it may be recorded again", which=name
                    )
                self._habits.tell("the chain took the transaction back; it is given again")
                self._push(sent)
                made = self._checked(self._wait(sent.names, sent), sent, None)
                name = ids.format_id(made.digest)
            self._habits.pause(LONGEST_PAUSE)
            waited += LONGEST_PAUSE
        raise errors.LedgerUnreachable(
            f"the ledger recorded the transaction in block {made.block}, but that was not final within {FINAL_SECONDS:g} s",
            which=name,
            next_step="Look later whether it was done; do not repeat it before.",
        )

    def _checked(self, receipt: Mapping[str, Any], sent: _Sent, newest: object) -> Receipt:
        """Return a receipt of our own transaction that the block which it names bears out."""
        if receipt.get("transactionHash") not in sent.names:
            raise errors.ReceiptContradicted("the receipt is of another transaction", expected=sent.names[-1])
        return self._believed(receipt, lambda each: self._claims(each, sent.transaction), newest)

    def _believed(self, receipt: Mapping[str, Any], claims: "_Claims", newest: object) -> Receipt:
        """Return a receipt that is borne out; where there are several endpoints, one of them has to tell all of it."""
        name = receipt.get("transactionHash")
        if not isinstance(self._rpc, rpc.Several):
            return self._borne_out(self._rpc, receipt, claims, newest)

        def told_by(one: rpc.Rpc) -> Receipt:
            found = rpc.call(one, "eth_getTransactionReceipt", [name])
            if not isinstance(found, dict):
                raise rpc.Lagging("the endpoint has not recorded the transaction yet")
            return self._borne_out(one, found, claims, None)

        return self._rpc.steadily(told_by)

    def _borne_out(self, one: rpc.Rpc, receipt: Mapping[str, Any], claims: "_Claims", newest: object) -> Receipt:
        block_hash, block = receipt.get("blockHash"), newest
        name = receipt.get("transactionHash")
        if not isinstance(block, dict) or block.get("hash") != block_hash:
            block = rpc.call(one, "eth_getBlockByHash", [block_hash, False])
        if not isinstance(block, dict) or block.get("hash") != block_hash:
            raise errors.ReceiptContradicted("the receipt names a block that the ledger does not have", which=str(name))
        said = [("has another block number than its block", block.get("number"), receipt.get("blockNumber"))]
        for what, expected, got in [*said, *claims(receipt)]:
            if expected != got:
                raise errors.ReceiptContradicted(f"the receipt {what}", which=str(name), expected=expected, got=got)
        if name not in _hashes(block):
            raise errors.ReceiptContradicted("the receipt's block does not have the transaction", which=str(name))
        logs = receipt.get("logs") or []
        return Receipt(
            rpc.data(name),
            rpc.number(receipt.get("status")) == 1,
            rpc.number(receipt.get("blockNumber")),
            rpc.number(receipt.get("gasUsed", "0x0")),
            tuple(log for log in logs if isinstance(log, dict)) if isinstance(logs, list) else (),
            str(block_hash),
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


_Claims = Callable[[Mapping[str, Any]], list[tuple[str, object, object]]]
"""What a receipt must say, and what it says."""


class _Silence:
    """Bears that a ledger does not answer for a moment, while something that it has is waited for."""

    def __init__(self) -> None:
        self._missing = 0

    def through(self, connection: rpc.Rpc, calls: list[rpc.Question]) -> list[Any]:
        """Return the answers, all ``None`` while nobody answers; raises ``errors.LedgerUnreachable`` when that lasts."""
        try:
            answers = rpc.batch_results(connection, calls)
        except errors.LedgerUnreachable:
            self._missing += 1
            if self._missing > MOST_SILENT:
                raise
            return [None] * len(calls)
        self._missing = 0
        return answers


def _lower(value: object) -> object:
    """Return an address as we write it: some ledgers write checksums into the case of letters."""
    return value.lower() if isinstance(value, str) else value


def _is_taken(failure: rpc.RpcFailure) -> bool:
    """Return whether a ledger says that it has a transaction of this number."""
    return any(word in failure.message.lower() for word in TAKEN)


def _hashes(block: Mapping[str, Any]) -> list[object]:
    found = block.get("transactions")
    return found if isinstance(found, list) else []
