"""The relayer: takes calls that members signed, sends many in one transaction, and pays.

Served by ``relay_server`` for ``commons relayer start``. It takes calls of the commons' own contracts only, within bounds of size
and gas, at a rate of calls and gas for each member; of all strangers together a few applications for membership, since that is what
a stranger needs; and only what would succeed now with the gas that was signed. So nobody can make it pay for nothing for long. It
holds no power: what it sends was signed, and what it keeps back can be sent by anybody else. Left out: HTTP (``relay_server``), the
numbers (``bounds``), and the member's side (``relaying``).
"""

import contextlib
import dataclasses
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Protocol

from aicommons.domain import encoding, errors, ids, signature, signing
from aicommons.ledger import bounds as limits
from aicommons.ledger import contracts, relaying, sending
from aicommons.protocol import governance

log = logging.getLogger(__name__)
LONGEST_DEADLINE = 3600
"""Seconds from now; a relayer keeps nothing for longer."""
STRANGERS = {"Membership": "applyAs"}
"""Contract -> what a relayer takes of somebody who is no member. Registrars, guardians and holders of consents who are none pay
themselves, or let a member send what they sign."""
GAS_OF_BYTE = 40
"""Most that a chain takes for a byte of calldata (EIP-7623), whatever gas was signed for the call."""
GAS_OF_CALL = 40_000
"""What the forwarder uses for a call besides: its signature, number, event and the look at its target."""
TRY_SECONDS = 5.0
"""How long a stranger's call waits until others were tried."""


def most_gas(said: signing.ForwardRequest) -> int:
    """Return the most that a call can cost the relayer, in gas."""
    return said.gas + GAS_OF_BYTE * len(said.data) + GAS_OF_CALL


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

    def attempt(self, call: governance.Call, sender: ids.Address, gas: int | None = None) -> None:
        """Raise ``errors.LedgerRefused`` if a call of ``sender`` would fail now with this gas."""

    def submit(self, contract: str, function: str, *values: object) -> sending.Receipt:
        """Send a call and return what was recorded."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Waiting:
    """A call in the queue."""

    request: relaying.Request
    transaction: futures.Future[bytes]
    """Hash of the transaction that has it, once it is recorded."""

    def fail(self, err: BaseException) -> None:
        """Answer with an error, unless there is an answer: the end of ``run`` and a failed check may meet."""
        with contextlib.suppress(futures.InvalidStateError):
            self.transaction.set_exception(err)


class Relayer:
    """Checks, gathers and sends; safe to use from several threads."""

    def __init__(
        self, ledger: Ledger, place: encoding.Place, clock: Callable[[], float], bounds: limits.Bounds | None = None
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
        self._bounds = bounds or limits.Bounds()
        self._lock = threading.Lock()
        self._pending: dict[ids.Address, _Waiting] = {}
        self._has_ended = False
        self._taken = limits.Minute()
        self._failed = limits.Minute()
        self._tries = threading.Semaphore(self._bounds.strangers_at_once)
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(self._bounds.queue)

    def send(self, request: relaying.Request) -> bytes:
        """Return the hash of the transaction that carried a call out; blocks until it is recorded.

        The same request may be sent again while it is under way: it is carried out once, and both get the same answer.

        Raises:
            errors.RelayRefused: the call is outside the bounds, badly signed, or would fail.
            errors.RelayOutcomeUnknown: it was taken, and may or may not be carried out.
            errors.RelayUnreachable: too many calls for now.
            errors.SenderUnderfunded, errors.FeeTooHigh: the relayer cannot pay.
            errors.LedgerUnreachable, errors.LedgerRefused, errors.LedgerMismatch: the ledger's own; the call was not taken.
        """
        self._check_form(request.said)
        self._check_signature(request)
        waiting, is_new = self._reserve(request)
        if is_new:
            try:
                self._take(waiting)
            except BaseException as err:
                self._free([waiting])
                waiting.fail(err)
                raise
        return waiting.transaction.result()

    def _reserve(self, request: relaying.Request) -> tuple[_Waiting, bool]:
        """Note that a call of its sender is under way: one at a time, because the next one's number hangs on it."""
        sender = request.said.sender
        with self._lock:
            if self._has_ended:
                raise errors.RelayUnreachable("this relayer has ended")
            pending = self._pending.get(sender)
            if pending is not None and pending.request.said == request.said:
                return pending, False
            if pending is not None:
                raise errors.RelayUnreachable("another call of this sender is under way", which=ids.format_id(sender))
            waiting = self._pending[sender] = _Waiting(request, futures.Future())
        return waiting, True

    def _take(self, waiting: _Waiting) -> None:
        """Put a call into the queue if it would succeed now and there is room for it in its sender's minute."""
        said = waiting.request.said
        self._check_failures(said.sender)
        try:
            self._check_number(said)
            member = self._ledger.member_of(said.sender)
            if member is None:
                self._check_stranger(said)
            with self._lock:
                self._check_minute(member, said)
            with contextlib.nullcontext() if member is not None else self._try():
                self._ledger.attempt(governance.Call(said.to, said.data), said.sender, said.gas)
        except errors.LedgerRefused:
            with self._lock:
                self._failed.take(said.sender, self._clock())
            raise
        with self._lock:  # only what would succeed takes from the minute: else calls that cost nothing shut others out
            self._check_minute(member, said)
            self._taken.take(member, self._clock(), most_gas(said))
        try:
            self._waiting.put_nowait(waiting)
        except queue.Full as err:
            raise errors.RelayUnreachable("too many calls wait here", which=str(self._bounds.queue)) from err

    @contextlib.contextmanager
    def _try(self) -> Iterator[None]:
        """Wait for one of the places in which strangers' calls are tried."""
        if not self._tries.acquire(timeout=TRY_SECONDS):
            raise errors.RelayUnreachable("too many calls of others are tried", delay=TRY_SECONDS)
        try:
            yield
        finally:
            self._tries.release()

    # ----------------------------------------------------------------------------------------------------------- checks

    def _check_form(self, said: signing.ForwardRequest) -> None:
        bounds, left, to = self._bounds, said.deadline - self._clock(), ids.format_id(said.to)
        deadlines = f"at most {LONGEST_DEADLINE} s from now"
        name = self._ledger.relayed_places().get(said.to)
        called = None if name is None else contracts.function_of(name, said.data)
        is_foreign = name is not None and called is not None and called.name in contracts.FOREIGN_CODE.get(name, ())
        for is_met, what, expected, got in (
            (name is not None, "goes to no contract of this commons", None, to),
            (said.value == 0, "carries money", 0, said.value),
            (len(said.data) <= bounds.data, "is too long", f"at most {bounds.data} bytes", len(said.data)),
            (said.gas <= bounds.gas, "may use too much gas", f"at most {bounds.gas}", said.gas),
            (
                not is_foreign or said.gas <= bounds.foreign_gas,
                "runs code of others and may use too much gas",
                f"at most {bounds.foreign_gas}",
                said.gas,
            ),
            (0 < left <= LONGEST_DEADLINE, "has no good deadline", deadlines, round(left)),
        ):
            if not is_met:
                raise _refused(f"this call {what}", expected, got)

    def _check_stranger(self, said: signing.ForwardRequest) -> None:
        """Check that somebody who is no member applies for membership, and nothing else."""
        bounds, name = self._bounds, self._ledger.relayed_places().get(said.to, "")
        called = contracts.function_of(name, said.data) if name in STRANGERS else None
        for is_met, what, expected, got in (
            (called is not None and called.name == STRANGERS[name], "is a member's to make", None, None),
            (len(said.data) <= bounds.stranger_data, "is too long", f"at most {bounds.stranger_data}", len(said.data)),
            (said.gas <= bounds.stranger_gas, "may use too much gas", f"at most {bounds.stranger_gas}", said.gas),
        ):
            if not is_met:
                raise _refused(
                    f"of somebody who is no member, only applications are taken; this call {what}", expected, got
                )

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

    def _check_failures(self, sender: ids.Address) -> None:
        with self._lock:
            failures, _ = self._failed.used(sender, self._clock())
        if failures >= self._bounds.failures:
            raise errors.RelayUnreachable(f"{failures} calls of this sender failed in a minute", delay=60)

    def _check_minute(self, member: ids.MemberId | None, said: signing.ForwardRequest) -> None:
        """Check that there is room for a call in its sender's minute."""
        bounds, (calls, gas) = self._bounds, self._taken.used(member, self._clock())
        most = bounds.strangers if member is None else bounds.per_member
        whose = "of all who are no members" if member is None else f"of member {member}"
        if calls >= most:
            raise errors.RelayUnreachable(f"more than {most} calls {whose} in a minute", delay=60)
        if member is not None and gas + most_gas(said) > bounds.member_gas:
            raise errors.RelayUnreachable(f"more than {bounds.member_gas} gas {whose} in a minute", delay=60)

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
                self._send(self._without_expired(batch))
                if is_last:
                    return
        finally:
            with self._lock:
                self._has_ended, left = True, tuple(self._pending.values())
                self._pending.clear()
            for waiting in left:
                waiting.fail(errors.RelayUnreachable("this relayer has ended"))

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], _Waiting | None, bool]:
        """Return a batch, the first call that did not fit into it, and whether it is the last."""
        batch, gas, longest = [first], most_gas(first.request.said), self._bounds.gather_seconds
        until = self._clock() + longest
        while len(batch) < self._bounds.batch:
            try:  # a clock that is set back does not make it wait longer
                found = self._waiting.get(timeout=min(longest, max(0.0, until - self._clock())))
            except queue.Empty:
                break
            if found is None:
                return batch, None, True
            gas += most_gas(found.request.said)
            if gas > self._bounds.batch_gas:
                return batch, found, False
            batch.append(found)
        return batch, None, False

    def _without_expired(self, batch: Sequence[_Waiting]) -> list[_Waiting]:
        """Return the calls whose deadline is still to come; the forwarder would pass over the others, and we would pay for that."""
        now = self._clock()
        expired = [waiting for waiting in batch if waiting.request.said.deadline <= now]
        self._tell(expired, errors.RelayUnreachable("the deadline passed while the call waited; sign it again"))
        return [waiting for waiting in batch if waiting.request.said.deadline > now]

    def _send(self, batch: Sequence[_Waiting]) -> None:
        """Send a batch; a call that fails meanwhile stops no other (a place for refunds makes it so)."""
        if not batch:
            return
        values = [waiting.request.values() for waiting in batch]
        try:
            receipt = self._ledger.submit("Forwarder", "executeBatch", values, self._ledger.address)
        except (errors.SenderUnderfunded, errors.FeeTooHigh) as err:
            self._tell(batch, err)  # nothing was sent
        except errors.CommonsError as err:
            self._tell(batch, errors.RelayOutcomeUnknown(f"the ledger did not say what became of the call: {err}"))
        except Exception:
            # A defect of one batch: said loudly, and neither its senders nor those who come later wait for ever.
            log.exception("a batch of %d calls was not sent", len(batch))
            self._tell(batch, errors.RelayOutcomeUnknown("the relayer failed while it sent the call"))
        else:
            self._tell(
                batch, receipt if receipt.is_success else errors.RelayUnreachable("the batch failed; send it again")
            )

    def _tell(self, batch: Sequence[_Waiting], outcome: sending.Receipt | errors.CommonsError) -> None:
        """Answer all senders of a batch."""
        self._free(batch)
        for waiting in batch:
            if isinstance(outcome, errors.CommonsError):
                waiting.fail(outcome)
            else:
                waiting.transaction.set_result(outcome.digest)

    def _free(self, batch: Sequence[_Waiting]) -> None:
        """Let the senders of a batch go on: each has one call at a time."""
        with self._lock:
            for waiting in batch:
                self._pending.pop(waiting.request.said.sender, None)

    def stop(self) -> None:
        """End ``run`` after what waits."""
        if not self._has_ended:  # nobody would take it from a full queue
            self._waiting.put(None)


def _refused(message: str, expected: object, got: object) -> errors.RelayRefused:
    halves = [f"{word} {value}" for word, value in (("expected", expected), ("got", got)) if value is not None]
    return errors.RelayRefused(f"{message} ({', '.join(halves)})" if halves else message)
