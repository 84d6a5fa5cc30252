"""The relayer: takes calls that members signed, sends many in one transaction, and pays.

Served by ``relay_server`` for ``commons relayer start``. It takes calls of the commons' own contracts only, within bounds of size
and gas, at a rate for each member and one for all strangers together (an applicant is one), and only what would succeed now: so
nobody can make it pay for nothing for long. It holds no power: what it sends was signed, and what it keeps back can be sent by
anybody else. Left out: HTTP (``relay_server``), and the member's side (``relaying``).
"""

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from typing import Protocol

from aicommons.domain import encoding, errors, ids, signature, signing
from aicommons.ledger import relaying, sending
from aicommons.protocol import governance

LONGEST_DEADLINE = 3600
"""Seconds from now; a relayer keeps nothing for longer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """What a relayer takes at most; a refusal names the bound."""

    data: int = 64 * 1024
    """Bytes of a call."""
    gas: int = 8_000_000
    """Gas of a call."""
    batch_gas: int = 12_000_000
    """Gas of all calls of one transaction."""
    batch: int = 50
    """Calls in one transaction."""
    per_member: int = 60
    """Calls of one member in a minute."""
    strangers: int = 10
    """Calls of all who are no members, together, in a minute."""
    queue: int = 500
    """Calls that wait."""
    gather_seconds: float = 0.2
    """How long the first call of a transaction waits for others."""


class Ledger(Protocol):
    """What a relayer needs from a client."""

    address: ids.Address

    def address_of(self, contract: str) -> ids.Address:
        """Return where a contract of the deployment stands."""

    def relayed_places(self) -> Mapping[ids.Address, str]:
        """Return the contracts whose calls can be relayed."""

    def member_of(self, address: ids.Address) -> ids.MemberId | None:
        """Return the active member whose account or node key an address is."""

    def call(self, contract: str, function: str, *values: object) -> tuple[object, ...]:
        """Return what a view function answers."""

    def attempt(self, call: governance.Call, sender: ids.Address) -> None:
        """Raise ``errors.LedgerRefused`` if a call of ``sender`` would fail now."""

    def submit(self, contract: str, function: str, *values: object) -> sending.Receipt:
        """Send a call and return what was recorded."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Waiting:
    """A call in the queue."""

    request: relaying.Request
    transaction: futures.Future[bytes]
    """Hash of the transaction that has it, once it is recorded."""


class Relayer:
    """Checks, gathers and sends; safe to use from several threads."""

    def __init__(
        self, ledger: Ledger, place: encoding.Place, clock: Callable[[], float], bounds: Bounds | None = None
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            ledger: a client of the wallet that pays.
            place: chain and forwarder.
            clock: seconds since 1970.
            bounds: what is taken at most.
        """
        self._ledger = ledger
        self._place = place
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._lock = threading.Lock()
        self._pending: dict[ids.Address, _Waiting] = {}
        self._has_ended = False
        self._taken: dict[object, list[float]] = {}
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(self._bounds.queue)

    def send(self, request: relaying.Request) -> bytes:
        """Return the hash of the transaction that carried a call out; blocks until it is recorded.

        Raises:
            errors.RelayRefused: the call is outside the bounds, badly signed, or would fail.
            errors.RelayUnreachable: too many calls for now.
            errors.LedgerUnreachable, errors.LedgerRefused, errors.LedgerMismatch: the ledger's own.
        """
        said = request.said
        self._check_form(said)
        self._check_signature(request)
        waiting = self._reserve(request)
        try:
            self._check_number(said)
            self._count(self._ledger.member_of(said.sender))
            self._ledger.attempt(governance.Call(said.to, said.data), said.sender)
            self._waiting.put_nowait(waiting)
        except queue.Full as err:
            self._free([waiting])
            raise errors.RelayUnreachable("too many calls wait here", which=str(self._bounds.queue)) from err
        except BaseException:
            self._free([waiting])
            raise
        return waiting.transaction.result()

    def _reserve(self, request: relaying.Request) -> _Waiting:
        """Note that a call of its sender is under way: one at a time, because the next one's number hangs on it."""
        sender = request.said.sender
        with self._lock:
            if self._has_ended:
                raise errors.RelayUnreachable("this relayer has ended")
            if sender in self._pending:
                raise errors.RelayUnreachable("a call of this sender is under way", which=ids.format_id(sender))
            waiting = self._pending[sender] = _Waiting(request, futures.Future())
        return waiting

    # ----------------------------------------------------------------------------------------------------------- checks

    def _check_form(self, said: signing.ForwardRequest) -> None:
        bounds, left, to = self._bounds, said.deadline - self._clock(), ids.format_id(said.to)
        deadlines = f"at most {LONGEST_DEADLINE} s from now"
        for is_met, what, expected, got in (
            (said.to in self._ledger.relayed_places(), "goes to no contract of this commons", None, to),
            (said.value == 0, "carries money", 0, said.value),
            (len(said.data) <= bounds.data, "is too long", f"at most {bounds.data} bytes", len(said.data)),
            (said.gas <= bounds.gas, "may use too much gas", f"at most {bounds.gas}", said.gas),
            (0 < left <= LONGEST_DEADLINE, "has no good deadline", deadlines, round(left)),
        ):
            if not is_met:
                raise _refused(f"this call {what}", expected, got)

    def _check_signature(self, request: relaying.Request) -> None:
        said = request.said
        try:
            signer = signature.recover(said.digest(self._place), request.signature)
        except errors.SignatureInvalid as err:
            raise _refused("this call is not signed", None, None) from err
        if signer != said.sender:
            raise _refused("this call is signed by somebody else", ids.format_id(said.sender), ids.format_id(signer))

    def _check_number(self, said: signing.ForwardRequest) -> None:
        (nonce,) = self._ledger.call("Forwarder", "nonces", said.sender)
        if said.nonce != nonce:
            raise _refused("this call has another number than is due", nonce, said.nonce)

    def _count(self, member: ids.MemberId | None) -> None:
        """Take note of a call, refusing it when there were too many in the last minute."""
        now, most = self._clock(), self._bounds.strangers if member is None else self._bounds.per_member
        with self._lock:
            recent = [at for at in self._taken.get(member, []) if at > now - 60]
            if len(recent) >= most:
                whose = "of all who are no members" if member is None else f"of member {member}"
                raise errors.RelayUnreachable(f"more than {most} calls {whose} in a minute", delay=60)
            self._taken[member] = [*recent, now]

    # ---------------------------------------------------------------------------------------------------------- batches

    def run(self) -> None:
        """Send what waits, until ``stop``; one thread does. Whatever ends it, nobody is left waiting."""
        held: _Waiting | None = None
        try:
            while True:
                first = held or self._waiting.get()
                if first is None:
                    return
                batch, held, is_last = self._gather(first)
                self._send(batch)
                if is_last:
                    return
        finally:
            with self._lock:
                self._has_ended, left = True, tuple(self._pending.values())
                self._pending.clear()
            for waiting in left:
                waiting.transaction.set_exception(errors.RelayUnreachable("this relayer has ended"))

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], _Waiting | None, bool]:
        """Return a batch, the first call that did not fit into it, and whether it is the last."""
        batch, gas = [first], first.request.said.gas
        until = time.monotonic() + self._bounds.gather_seconds
        while len(batch) < self._bounds.batch:
            try:
                found = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if found is None:
                return batch, None, True
            gas += found.request.said.gas
            if gas > self._bounds.batch_gas:
                return batch, found, False
            batch.append(found)
        return batch, None, False

    def _send(self, batch: Sequence[_Waiting]) -> None:
        """Send a batch; a call that fails meanwhile stops no other (a place for refunds makes it so)."""
        values = [waiting.request.values() for waiting in batch]
        try:
            receipt = self._ledger.submit("Forwarder", "executeBatch", values, self._ledger.address)
            if not receipt.is_success:
                raise errors.RelayUnreachable("the batch failed; send the call again")
        except errors.CommonsError as err:
            self._free(batch)
            for waiting in batch:
                waiting.transaction.set_exception(err)
            return
        self._free(batch)
        for waiting in batch:
            waiting.transaction.set_result(receipt.digest)

    def _free(self, batch: Sequence[_Waiting]) -> None:
        """Let the senders of a batch go on: each has one call at a time."""
        with self._lock:
            for waiting in batch:
                self._pending.pop(waiting.request.said.sender, None)

    def stop(self) -> None:
        """End ``run`` after what waits."""
        self._waiting.put(None)


def _refused(message: str, expected: object, got: object) -> errors.RelayRefused:
    halves = [f"{word} {value}" for word, value in (("expected", expected), ("got", got)) if value is not None]
    return errors.RelayRefused(f"{message} ({', '.join(halves)})" if halves else message)
