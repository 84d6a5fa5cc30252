"""``Verdicts`` in memory: who accuses whom, what seats say about it, and when that is enough.

Same checks in the same order as the contract, with real signatures; ``runs`` puts out or waives, ``vault`` takes the bond.
Nothing of the evidence is looked at: each node does that for itself.
"""

from typing import Any

from aicommons.domain import encoding, events, ids, messages, signature
from aicommons.ledger.memory import book, run_records, runs, vault
from aicommons.protocol import transitions

Accusation = messages.Complain | messages.Dispute | messages.Verdict


class Verdicts:
    """All verdicts of one ledger."""

    def __init__(self, kept: book.Book, trained: runs.Runs, bonds: vault.Bonds) -> None:
        self._book = kept
        self._runs = trained
        self._bonds = bonds
        self._against: dict[tuple[bytes, int], int] = {}
        self._silence: dict[tuple[bytes, int], int] = {}
        self._convicted: set[tuple[bytes, int]] = set()
        self._said: set[tuple[object, ...]] = set()
        self._places: dict[bytes, encoding.AttemptKey] = {}

    def complain(self, key: encoding.AttemptKey, message: messages.Complain, signed: bytes) -> None:
        """Complain about a box of seeds."""
        record, accused_id = self._current(key, message.sid), message.accused_id
        seat = self._present(key.run_id, record, message.member_id)
        accused = self._accusable(key.run_id, record, accused_id)
        if accused_id == message.member_id or not record.machine.set_bits & accused.bit:
            raise transitions.Refusal("VerdictsNotAccusable", accused_id)
        if accused.header_digest != message.header_digest:
            raise transitions.Refusal("VerdictsHeaderMismatch", accused.header_digest, message.header_digest)
        said = ("complain", message.sid, message.member_id, accused_id)
        self._say(key, message, seat, (said, signed))

    def dispute(self, key: encoding.AttemptKey, message: messages.Dispute, signed: bytes) -> None:
        """Dispute a revealed sum."""
        record, accused_id = self._current(key, message.sid), message.accused_id
        seat = self._present(key.run_id, record, message.member_id)
        accused = self._accusable(key.run_id, record, accused_id)
        if accused_id == message.member_id:
            raise transitions.Refusal("VerdictsNotAccusable", accused_id)
        if (seat.bit | accused.bit) & ~record.machine.revealed:
            raise transitions.Refusal("VerdictsNotRevealed", message.member_id, accused_id)
        said = ("dispute", message.sid, message.member_id, accused_id, message.cell, message.column)
        self._say(key, message, seat, (said, signed))

    def _say(
        self,
        key: encoding.AttemptKey,
        message: Accusation,
        seat: run_records.Seat,
        said: tuple[tuple[object, ...], bytes],
    ) -> None:
        """Tell an accusation, once."""
        once, signed = said
        if once in self._said:
            raise transitions.Refusal("VerdictsAlreadySaid", message.member_id)
        self._check_signed(seat.node_key, message, signed)
        self._said.add(once)
        self._places[message.sid] = key
        self._tell(key, message, signed)

    def verdict(self, key: encoding.AttemptKey, message: messages.Verdict, signed: bytes) -> None:
        """Judge: who cheated, or who is silent."""
        run_id, sid, guilty_id = key.run_id, message.sid, message.guilty_id
        record = self._placed(key, sid)
        seat = self._present(run_id, record, message.member_id)
        if guilty_id == message.member_id:
            raise transitions.Refusal("VerdictsOwnCase", guilty_id)
        guilty = self._accusable(run_id, record, guilty_id)
        self._check_signed(seat.node_key, message, signed)
        is_silence = message.case_digest == messages.SILENCE
        if is_silence and (record.sid != sid or not transitions.is_waivable(record.machine, guilty.bit)):
            raise transitions.Refusal("VerdictsNotSilent", guilty_id)
        tallies, tally = (self._silence, (sid, guilty_id)) if is_silence else (self._against, (run_id, guilty_id))
        if tallies.get(tally, 0) & seat.bit:
            raise transitions.Refusal("VerdictsAlreadySaid", message.member_id)
        tallies[tally] = tallies.get(tally, 0) | seat.bit
        self._places[sid] = key
        self._tell(key, message, signed)
        if tallies[tally].bit_count() != record.machine.faults + 1:
            return
        if is_silence:
            self._runs.waive(run_id, guilty_id)
        else:
            self._convict(run_id, guilty_id, message.case_digest)

    def equivocated(
        self, key: encoding.AttemptKey, member_id: int, kind: messages.Kind, shown: tuple[Any, ...]
    ) -> None:
        """Convict whoever signed two messages; ``shown``: epoch, state digest, and each message as fields and signature."""
        epoch, state_digest, *pair = shown
        record = self._runs.record(key.run_id)
        seat = self._accusable(key.run_id, record, member_id)
        committee = record.committee(epoch)
        sid = encoding.session_id(self._runs.place, key, state_digest, committee)
        words = [sid, encoding.word(member_id)]
        for fields, signed in pair:
            if len(fields) != len(messages.OF_KIND[kind].__slots__) or list(fields[:2]) != words:
                raise transitions.Refusal("VerdictsNoEquivocation", sid, member_id)
            message = messages.OF_KIND[kind](sid, member_id, *fields[2:])  # type: ignore[call-arg]  # checked above
            self._check_signed(seat.node_key, message, signed)
        if list(pair[0][0]) == list(pair[1][0]) or not any(committee):
            raise transitions.Refusal("VerdictsNoEquivocation", sid, member_id)
        first, second = ((tuple(fields), signed) for fields, signed in pair)
        told = (kind, key.round_index, key.attempt, sid, first, second)
        self._book.tell(events.Equivocated, key.run_id, member_id, *told)
        self._convict(key.run_id, ids.MemberId(member_id), messages.SILENCE)

    # ------------------------------------------------------------------------------------------------------------ views

    def verdicts_on(self, run_id: bytes, guilty_id: int) -> int:
        """Return the seats that named a seat as guilty, a bitmap."""
        return self._against.get((run_id, guilty_id), 0)

    def is_convicted(self, run_id: bytes, member_id: int) -> bool:
        """Return whether a seat is convicted."""
        return (run_id, member_id) in self._convicted

    # ---------------------------------------------------------------------------------------------------------- private

    def _convict(self, run_id: ids.RunId, guilty_id: ids.MemberId, case_digest: bytes) -> None:
        self._convicted.add((run_id, guilty_id))
        self._book.tell(events.Convicted, run_id, guilty_id, case_digest)
        if not self._runs.record(run_id).machine.state.is_over:
            self._runs.exclude(run_id, guilty_id)
        self._bonds.forfeit(run_id, guilty_id)

    def _current(self, key: encoding.AttemptKey, sid: bytes) -> run_records.Record:
        """Return the run if the sid is the one that it agreed on last."""
        record = self._runs.record(key.run_id)
        is_here = (key.round_index, key.attempt) == (record.machine.sid_round, record.machine.sid_attempt)
        if not any(sid) or record.sid != sid or not is_here:
            raise transitions.Refusal("VerdictsWrongSid", record.sid, sid)
        return record

    def _placed(self, key: encoding.AttemptKey, sid: bytes) -> run_records.Record:
        """Return the run, also if the sid is an older one that a case was opened on in time."""
        place = self._places.get(sid)
        if place is None:
            return self._current(key, sid)
        if place != key:
            raise transitions.Refusal("VerdictsWrongSid", bytes(32), sid)
        return self._runs.record(key.run_id)

    def _present(self, run_id: bytes, record: run_records.Record, member_id: int) -> run_records.Seat:
        seat = record.seats.get(member_id)
        if seat is None or not transitions.present(record.machine) & seat.bit:
            raise transitions.Refusal("VerdictsNotPresent", run_id, member_id)
        return seat

    def _accusable(self, run_id: bytes, record: run_records.Record, member_id: int) -> run_records.Seat:
        seat = record.seats.get(member_id)
        if seat is None:
            raise transitions.Refusal("VerdictsNotAccusable", member_id)
        if (run_id, member_id) in self._convicted:
            raise transitions.Refusal("VerdictsConvicted", run_id, member_id)
        return seat

    def _check_signed(self, node_key: ids.Address, message: messages.Message, signed: bytes) -> None:
        digest = encoding.message_digest(self._runs.place, message)
        if not signature.is_signed_by(digest, signed, node_key):
            raise transitions.Refusal("VerdictsSignatureInvalid", getattr(message, "member_id", 0))

    def _tell(self, key: encoding.AttemptKey, message: Accusation, signed: bytes) -> None:
        place = (key.run_id, message.member_id, key.round_index, key.attempt, message.sid)
        match message:
            case messages.Complain():
                said: tuple[object, ...] = (message.accused_id, message.header_digest, message.evidence)
                self._book.tell(events.Complained, *place, *said, signed)
            case messages.Dispute():
                said = (message.accused_id, message.cell, message.column, message.chunk, message.evidence)
                self._book.tell(events.Disputed, *place, *said, signed)
            case messages.Verdict():
                self._book.tell(events.VerdictGiven, *place, message.case_digest, message.guilty_id, signed)
