"""``TrainingRuns`` in memory: checks each message, asks ``protocol/transitions`` what it moves, and tells it.

Same checks in the same order as the contract, with real signatures. ``run_records`` holds what is kept of one run. Each
call works on a copy of the run's record, so that a refused one leaves nothing.
"""

import dataclasses
import hashlib

from aicommons.domain import encoding, events, ids, messages, run, signature
from aicommons.ledger.memory import book, datasets, members, problems, run_records, vault
from aicommons.protocol import cells, rules, transitions

Signed = messages.Submit | messages.Commit | messages.Reveal | messages.Result
NOTHING = bytes(32)
UNKNOWN = run_records.Record(
    run.RunSpec(
        problem=NOTHING, plan=ids.Digest(NOTHING), terms=ids.Digest(NOTHING), purpose=NOTHING, solver=ids.MemberId(0),
        rounds=0, min_participants=0, max_participants=0, layout=0, cell_size=0, suite=0, max_attempts=0, enrol_until=0,
        phase_seconds=0, patience_seconds=0, solver_shares=0, owner_shares=0, bond=0, token=run.COIN, commercial=False,
        price=0, salt=NOTHING,
    )
)  # fmt: skip
"""What the contract reads where no run was opened."""


class Runs:
    """All runs of one ledger."""

    def __init__(
        self,
        kept: book.Book,
        asked: tuple[members.Members, datasets.Datasets, problems.Problems],
        bonds: vault.Bonds,
    ) -> None:
        self._book = kept
        self._members, self._data, self._problems = asked
        self._bonds = bonds
        self._runs: dict[bytes, run_records.Record] = {}

    # ------------------------------------------------------------------------------------------------ before the rounds

    def open(self, spec: run.RunSpec) -> None:
        """Open a run as its solver."""
        self._check_spec(spec)
        run_id = encoding.run_id(spec)
        if run_id in self._runs:
            raise transitions.Refusal("TrainingRunsAlreadyOpened", run_id)
        record = run_records.Record(spec)
        record.machine = transitions.Machine(
            state=run.RunState.ENROLLING,
            min_participants=spec.min_participants,
            max_attempts=spec.max_attempts,
            rounds=spec.rounds,
            phase_seconds=spec.phase_seconds,
            patience_seconds=spec.patience_seconds,
            deadline=spec.enrol_until,
        )
        self._book.tell(events.RunOpened, run_id, spec.solver, spec)
        self._keep(run_id, record)

    def enrol(self, run_id: ids.RunId, brought: run_records.Brought, exit_signature: bytes) -> None:
        """Take a seat with a dataset and one of its consents."""
        record = self._draft(run_id)
        member_id = self._book.caller("TrainingRunsNotMember")
        self._check_enrolling(record, member_id)
        if brought.absence is run.Absence.COVERED:
            raise transitions.Refusal("TrainingRunsAbsenceUnavailable", int(brought.absence))
        self._check_owner(brought.dataset_id, member_id)
        node_key = ids.Address(self._members.node_key_of(member_id))
        if brought.absence is run.Absence.EXIT:
            self._check_signed(node_key, messages.Exit(run_id, member_id, messages.ANY_ROUND), exit_signature)
        version = self._use(record.spec, run_id, brought.dataset_id, brought.consent_id)
        seat = run_records.Seat(node_key, brought, version)
        record.seats[member_id] = seat
        record.ids = (*record.ids, member_id)
        told = (brought.dataset_id, version, brought.consent_id, node_key, brought.absence, exit_signature)
        self._book.tell(events.Enrolled, run_id, member_id, *told)
        self._bonds.take(run_id, member_id, record.spec)
        self._keep(run_id, record)

    def bring(self, run_id: ids.RunId, dataset_id: int, consent_id: bytes) -> None:
        """Bring a further dataset to the caller's seat."""
        record = self._draft(run_id)
        member_id = self._book.caller("TrainingRunsNotMember")
        self._check_open(record)
        seat = record.seat(run_id, member_id)
        self._check_owner(dataset_id, member_id)
        if len(seat.extras) == run_records.MOST_EXTRAS:
            raise transitions.Refusal("TrainingRunsTooManyDatasets", member_id, run_records.MOST_EXTRAS)
        if any(each.dataset_id == dataset_id for each in seat.parts):
            raise transitions.Refusal("TrainingRunsAlreadyBrought", dataset_id)
        version = self._use(record.spec, run_id, dataset_id, consent_id)
        record.change(member_id, extras=(*seat.extras, run_records.Extra(dataset_id, consent_id, version)))
        self._book.tell(events.Brought, run_id, member_id, dataset_id, version, consent_id)
        self._keep(run_id, record)

    def _use(self, spec: run.RunSpec, run_id: ids.RunId, dataset_id: int, consent_id: bytes) -> int:
        wanted = rules.Use(dataset_id, spec.purpose, spec.problem, spec.solver, spec.commercial, spec.price)
        return self._data.use(consent_id, run_id, wanted)

    def close(self, run_id: ids.RunId) -> None:
        """End enrolment."""
        record = self._draft(run_id)
        m = record.machine
        if m.state is not run.RunState.ENROLLING:
            raise transitions.Refusal("TrainingRunsWrongState", int(m.state))
        living = self._live_seats(run_id, record)
        is_enough = len(living) >= m.min_participants
        by_solver = self._book.member_of(self._book.sender) == record.spec.solver
        if self._book.now() < m.deadline and not (is_enough and by_solver):
            raise transitions.Refusal("TrainingRunsEnrolment", m.deadline)
        if is_enough:
            self._fix_roster(run_id, record, living)
        else:
            record.machine = transitions.finish(m, run.Reason.TOO_FEW_PARTICIPANTS)
        self._keep(run_id, record)

    def ack(self, run_id: ids.RunId, message: messages.Ack, signed: bytes) -> None:
        """Confirm the roster with an epoch's key; the last one that is due lets the run go on."""
        record = self._draft(run_id)
        member_id = message.member_id
        seat, m = record.seat(run_id, member_id), record.machine
        if message.epoch != m.epoch:
            raise transitions.Refusal("TrainingRunsWrongPhase", int(m.phase), m.round_index, m.attempt)
        if m.state is run.RunState.ACKING and m.arrived & seat.bit:
            raise transitions.Refusal("TrainingRunsAlreadySent", member_id)
        record.machine = transitions.ack(m, seat.bit, self._book.now())
        named = dataclasses.replace(message, roster=record.roster)  # the call does not carry it
        self._check_signed(seat.node_key, named, signed)
        record.change(member_id, point=message.point)
        told = (record.roster, message.epoch, message.point, message.pok_r, message.pok_z, signed)
        self._book.tell(events.Acked, run_id, member_id, *told)
        self._keep(run_id, record)

    # ---------------------------------------------------------------------------------------------- messages of a round

    def submit(
        self,
        key: encoding.AttemptKey,
        member_id: ids.MemberId,
        state_digest: bytes,
        header: ids.Digest,
        *,
        signed: bytes,
    ) -> None:
        """Announce a masked vector, and vote for the state that it starts from; what is signed names the sid."""
        run_id = key.run_id
        record, named, seat = self._load(key, member_id)
        m = transitions.enter_submit(record.machine, named, seat.bit, self._book.now())
        place = self._book.place("TrainingRuns")
        sid = encoding.session_id(place, key, state_digest, record.committee(m.epoch))
        self._check_signed(seat.node_key, messages.Submit(sid, member_id, header), signed)
        for each in seat.parts:
            self._check_consent(each.consent_id)
        record.submits[sid] = transitions.vote(record.submits.get(sid, 0), seat.bit, member_id)
        told = (key.round_index, key.attempt, sid, header, state_digest, signed)
        self._book.tell(events.Submitted, run_id, member_id, *told)
        if m.agreed and sid != record.sid:
            self._book.tell(events.Voided, run_id, key.round_index, key.attempt, seat.bit)
            record.machine = m
            self._keep(run_id, record)
            return
        record.change(member_id, header_digest=header, used_at=self._book.now())
        record.machine, voided = transitions.submit(m, seat.bit, record.submits[sid])
        if record.machine.agreed and not m.agreed:
            self._agree(key, record, sid, voided)
        self._try_close(run_id, record)

    def _agree(self, key: encoding.AttemptKey, record: run_records.Record, sid: bytes, voided: int) -> None:
        record.sid, record.final_state = sid, NOTHING
        self._book.tell(events.StateAgreed, key.run_id, record.machine.rounds_done, sid, NOTHING)
        if voided:
            self._book.tell(events.Voided, key.run_id, key.round_index, key.attempt, voided)

    def commit(self, key: encoding.AttemptKey, message: messages.Commit, signed: bytes) -> None:
        """Certify the set."""
        record, named, seat = self._load(key, message.member_id)
        is_first = not record.machine.set_fixed
        record.machine = transitions.commit(record.machine, named, seat.bit, self._book.now())
        if is_first:
            self._check_living(record)
        _check_digest(record.sid, message.sid)
        _check_digest(record.set_digest, message.set_digest)
        _check_digest(record.input_digest, message.input_digest)
        self._check_signed(seat.node_key, message, signed)
        record.change(message.member_id, masks=message.masks)
        self._tell_signed(events.Committed, key, message, signed)
        self._keep(key.run_id, record)

    def reveal(self, key: encoding.AttemptKey, message: messages.Reveal, signed: bytes) -> None:
        """Open a commitment."""
        record, named, seat = self._load(key, message.member_id)
        record.machine = transitions.reveal(record.machine, named, seat.bit, self._book.now())
        _check_digest(record.sid, message.sid)
        if _masks_of(message) != seat.masks:
            raise transitions.Refusal("TrainingRunsCommitmentMismatch", message.member_id)
        self._check_signed(seat.node_key, message, signed)
        self._tell_signed(events.Revealed, key, message, signed)
        self._keep(key.run_id, record)

    def result(self, key: encoding.AttemptKey, message: messages.Result, signed: bytes) -> None:
        """Vote for the state of the round that was unmasked last."""
        record, named, seat = self._load(key, message.member_id)
        transitions.check_result(record.machine, named)
        _check_digest(record.sid, message.sid)
        self._check_signed(seat.node_key, message, signed)
        record.cast((message.sid,), seat.bit, message.member_id)
        state_digest = message.state_digest
        votes = record.cast((message.sid, message.sum_digest, state_digest), seat.bit, message.member_id)
        self._tell_signed(events.Resulted, key, message, signed)
        record.machine, is_agreed = transitions.result(record.machine, votes, self._book.now())
        if is_agreed:
            record.final_state = state_digest
            done = record.machine.rounds_done
            self._book.tell(events.StateAgreed, key.run_id, done, message.sid, state_digest)
        self._keep(key.run_id, record)

    # ------------------------------------------------------------------------------------------------- leaving and time

    def exit(self, message: messages.Exit, signed: bytes) -> None:
        """Leave the run, disclosed."""
        run_id, member_id, last_round = message.run_id, message.member_id, message.last_round
        record = self._draft(run_id)
        seat, m = record.seat(run_id, member_id), record.machine
        self._check_signed(seat.node_key, message, signed)
        sender, last = self._book.sender, transitions.last_round(m)
        itself = sender == seat.node_key or self._book.member_of(sender) == member_id
        if not itself if last_round == messages.ANY_ROUND else last_round != last:
            raise transitions.Refusal("TrainingRunsExitRound", last, last_round)
        record.machine = transitions.exit(m, seat.bit, member_id, cells=record.cells)
        self._book.tell(events.Exited, run_id, member_id, last_round, signed)
        self._try_close(run_id, record)

    def drop(self, run_id: ids.RunId, member_id: int) -> None:
        """Put a seat out whose consent is dead."""
        record = self._draft(run_id)
        seat, m = record.seat(run_id, member_id), record.machine
        may_not = m.set_fixed and seat.brought.absence is not run.Absence.EXIT
        live = [each for each in seat.parts if self._data.is_live(each.consent_id)]
        if len(live) == len(seat.parts) or may_not:
            raise transitions.Refusal("TrainingRunsMayNotDrop", member_id, seat.brought.consent_id)
        if live and not m.set_fixed:
            record.machine = transitions.leave_out(m, seat.bit, member_id, self._book.now())
            for each in (each for each in seat.parts if each not in live):
                self._book.tell(events.LeftOut, run_id, member_id, each.dataset_id, each.consent_id)
            record.seats[member_id] = seat.with_parts(live)
        else:
            record.machine = transitions.drop(m, seat.bit, member_id, self._book.now(), cells=record.cells)
            self._book.tell(events.Dropped, run_id, member_id, seat.brought.consent_id)
        if m.set_fixed:
            self._book.tell(events.Exited, run_id, member_id, messages.ANY_ROUND, b"")
        self._try_close(run_id, record)

    def rotate(self, run_id: ids.RunId, member_id: int) -> None:
        """Ask for a new epoch of keys, as anybody or as a seat."""
        record = self._draft(run_id)
        by_seat = member_id != 0 and self._is_by(record.seat(run_id, member_id), member_id, record.machine)
        record.machine = m = transitions.rotate(record.machine, by_seat=by_seat, time=self._book.now())
        self._book.tell(events.Rotated, run_id, m.epoch, m.deadline)
        self._keep(run_id, record)

    def _is_by(self, seat: run_records.Seat, member_id: int, m: transitions.Machine) -> bool:
        sender = self._book.sender
        is_itself = sender == seat.node_key or self._book.member_of(sender) == member_id
        return is_itself and not m.exited & seat.bit

    def exclude(self, run_id: ids.RunId, member_id: int) -> None:
        """Put a seat out that cheated, as Verdicts."""
        record = self._draft(run_id)
        seat = record.seat(run_id, member_id)
        record.machine = transitions.exclude(record.machine, seat.bit, self._book.now(), cells=record.cells)
        self._keep(run_id, record)

    def waive(self, run_id: ids.RunId, member_id: int) -> None:
        """Stop waiting for a seat's Reveal, as Verdicts."""
        record = self._draft(run_id)
        seat = record.seat(run_id, member_id)
        record.machine = m = transitions.waive(record.machine, seat.bit, self._book.now())
        self._book.tell(events.Waived, run_id, member_id, m.sid_round, m.sid_attempt, record.sid)
        self._keep(run_id, record)

    def advance(self, run_id: ids.RunId) -> None:
        """Move a run on whose deadline has come."""
        record = self._draft(run_id)
        record.machine, leaving = transitions.advance(record.machine, self._book.now(), cells=record.cells)
        for member_id in record.ids:
            if leaving & record.seats[member_id].bit:
                self._book.tell(events.Exited, run_id, member_id, messages.ANY_ROUND, b"")
        self._keep(run_id, record)

    def cancel(self, run_id: ids.RunId) -> None:
        """End a run as its solver."""
        record = self._draft(run_id)
        m = record.machine
        if m.state is run.RunState.NONE or m.state.is_over:
            raise transitions.Refusal("TrainingRunsWrongState", int(m.state))
        if self._book.caller("TrainingRunsNotMember") != record.spec.solver:
            raise transitions.Refusal("TrainingRunsNotSolver", run_id, self._book.sender)
        record.machine = transitions.finish(m, run.Reason.CANCELLED)
        self._keep(run_id, record)

    # ------------------------------------------------------------------------------------------------------------ views

    def record(self, run_id: bytes) -> run_records.Record:
        """Return what is kept of a run; nobody may change it."""
        return self._runs.get(run_id, UNKNOWN)

    @property
    def place(self) -> encoding.Place:
        """Where the messages of runs are signed for."""
        return self._book.place("TrainingRuns")

    def owes_bond(self, run_id: bytes, member_id: int) -> bool:
        """Return whether a seat's bond has to stay."""
        known = self.record(run_id)
        return member_id in known.seats and not known.machine.state.is_over

    def sid_of(self, run_id: ids.RunId, round_index: int, attempt: int, state_digest: bytes) -> bytes:
        """Return the sid of an attempt that starts from a state."""
        key = encoding.AttemptKey(run_id, round_index, attempt)
        known = self.record(run_id)
        return encoding.session_id(self.place, key, state_digest, known.committee(known.machine.epoch))

    def is_agreed_state(self, run_id: ids.RunId, state_digest: bytes) -> bool:
        """Return whether this is the run's last agreed state, by Results or by the last agreed sid."""
        known = self.record(run_id)
        m = known.machine
        if not m.rounds_done:
            return False
        if any(known.final_state):
            return state_digest == known.final_state
        key = encoding.AttemptKey(run_id, m.sid_round, m.sid_attempt)
        return known.sid == encoding.session_id(self.place, key, state_digest, known.committee(m.sid_epoch))

    # ---------------------------------------------------------------------------------------------------------- private

    def _check_spec(self, spec: run.RunSpec) -> None:
        if self._book.caller("TrainingRunsNotMember") != spec.solver:
            raise transitions.Refusal("TrainingRunsNotMember", self._book.sender)
        if not self._problems.is_open(spec.problem):
            raise transitions.Refusal("TrainingRunsSpecInvalid", b"problem".ljust(32, b"\0"))
        wrong = run_records.wrong_field(spec, self._book.now())
        if wrong is not None:
            raise transitions.Refusal("TrainingRunsSpecInvalid", wrong.encode().ljust(32, b"\0"))

    def _check_open(self, record: run_records.Record) -> None:
        m = record.machine
        if m.state is not run.RunState.ENROLLING:
            raise transitions.Refusal("TrainingRunsWrongState", int(m.state))
        if self._book.now() >= m.deadline:
            raise transitions.Refusal("TrainingRunsEnrolment", m.deadline)

    def _check_owner(self, dataset_id: int, member_id: int) -> None:
        if self._data.owner_of(dataset_id) != member_id:
            raise transitions.Refusal("TrainingRunsNotOwner", dataset_id, member_id)

    def _check_consent(self, consent_id: bytes) -> None:
        if not self._data.is_live(consent_id):
            raise transitions.Refusal("TrainingRunsConsentNotLive", consent_id)

    def _check_enrolling(self, record: run_records.Record, member_id: int) -> None:
        self._check_open(record)
        if len(record.ids) >= record.spec.max_participants:
            raise transitions.Refusal("TrainingRunsFull", record.spec.max_participants)
        if member_id in record.seats:
            raise transitions.Refusal("TrainingRunsAlreadyEnrolled", member_id)

    def _check_signed(self, node_key: ids.Address, message: messages.Message, signed: bytes) -> None:
        digest = encoding.message_digest(self._book.place("TrainingRuns"), message)
        if not signature.is_signed_by(digest, signed, node_key):
            raise transitions.Refusal("TrainingRunsSignatureInvalid", getattr(message, "member_id", 0))

    def _check_living(self, record: run_records.Record) -> None:
        """The first Commit fixes whose data the run uses, so it waits until the dead are dropped; firsts only, as the contract."""
        for member_id in record.members_of(record.machine.set_bits):
            self._check_consent(record.seats[member_id].brought.consent_id)

    def _live_seats(self, run_id: ids.RunId, record: run_records.Record) -> list[int]:
        """Give up the seats whose consent died while the others enrolled; return the others, ascending."""
        for member_id in record.ids:
            consent_id = record.seats[member_id].brought.consent_id
            if not record.seats[member_id].extras and not self._data.is_live(consent_id):
                del record.seats[member_id]
                self._book.tell(events.Dropped, run_id, member_id, consent_id)
        return sorted(record.seats)

    def _fix_roster(self, run_id: ids.RunId, record: run_records.Record, living: list[int]) -> None:
        """Number the seats by id and fix keys, layout, f and q."""
        will_exit = 0
        for index, member_id in enumerate(living):
            record.change(member_id, bit=1 << index)
            if record.seats[member_id].brought.absence is run.Absence.EXIT:
                will_exit |= 1 << index
        keys = tuple(record.seats[member_id].node_key for member_id in living)
        record.ids = tuple(living)
        record.layout = transitions.layout_of(len(living), record.spec.layout)
        record.roster = encoding.roster_digest(run_id, living, keys)
        m = dataclasses.replace(record.machine, will_exit=will_exit)
        is_divided = record.spec.cell_size != 0
        now = self._book.now()
        record.machine = m = transitions.fix_roster(m, len(living), record.layout, now, divided=is_divided)
        told = (record.roster, record.ids, keys, record.layout, m.faults, m.quorum)
        self._book.tell(events.RosterFixed, run_id, *told)

    def _tell_signed(
        self, kind: type[events.Attempted], key: encoding.AttemptKey, message: Signed, signed: bytes
    ) -> None:
        sid, member_id, *rest = (getattr(message, field.name) for field in dataclasses.fields(message))
        self._book.tell(kind, key.run_id, member_id, key.round_index, key.attempt, sid, *rest, signed)

    def _try_close(self, run_id: ids.RunId, record: run_records.Record) -> None:
        record.machine = transitions.try_close(record.machine, self._book.now(), cells=record.cells)
        self._keep(run_id, record)

    def _load(
        self, key: encoding.AttemptKey, member_id: int
    ) -> tuple[run_records.Record, transitions.Key, run_records.Seat]:
        record = self._draft(key.run_id)
        named = transitions.Key(key.round_index, key.attempt, member_id)
        return record, named, record.seat(key.run_id, member_id)

    def _draft(self, run_id: bytes) -> run_records.Record:
        return self.record(run_id).copied()

    def _keep(self, run_id: ids.RunId, record: run_records.Record) -> None:
        """Keep the record and tell one event for each edge that its machine took."""
        before, m = self.record(run_id).machine, record.machine
        if m.phase is run.Phase.SUBMITTED and before.phase is run.Phase.OPEN:
            self._fix_inputs(record)
        if m.state is run.RunState.RUNNING and before.state is run.RunState.ACKING:
            self._begin_epoch(run_id, record)
        self._runs[run_id] = record
        if before.state is not m.state:
            is_waiting = m.state not in (run.RunState.RUNNING, run.RunState.COMPLETED)
            awaited = transitions.missing(m) if is_waiting else 0
            self._book.tell(events.RunStateChanged, run_id, m.state, m.round_index, m.reason, awaited, m.deadline)
        if (before.phase, before.round_index, before.attempt) != (m.phase, m.round_index, m.attempt):
            at = (m.round_index, m.attempt, m.phase, m.set_bits, m.deadline)
            self._book.tell(events.PhaseEntered, run_id, *at)

    def _begin_epoch(self, run_id: ids.RunId, record: run_records.Record) -> None:
        """Name the keys of the epoch that begins; the first ones draw the cells."""
        points = [record.seats[each].point for each in record.ids]
        epoch = record.machine.epoch
        committee = encoding.committee_digest(record.roster, epoch, record.layout, points)
        record.committees[epoch] = committee
        if record.machine.divided and epoch == 0:
            record.cells = cells.draw(committee, record.ids, record.spec.cell_size)
            self._book.tell(events.CellsDrawn, run_id, committee, record.cells)

    def _fix_inputs(self, record: run_records.Record) -> None:
        """Compute what the Commits have to name."""
        chosen = record.members_of(record.machine.set_bits)
        headers = [record.seats[member_id].header_digest for member_id in chosen]
        record.set_digest = encoding.set_digest(chosen)
        record.input_digest = encoding.input_digest(record.sid, chosen, headers)


def _check_digest(expected: bytes, got: bytes) -> None:
    if expected != got:
        raise transitions.Refusal("TrainingRunsDigestMismatch", expected, got)


def _masks_of(message: messages.Reveal) -> bytes:
    """Return the commitment that a Reveal opens: H("aic/mc", ...) of secure-aggregation section 2."""
    parts = (message.sid, message.member_id.to_bytes(32, "big"), message.salt, message.mine)
    told = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    return hashlib.blake2b(told, digest_size=32, person=b"aic/mc").digest()
