"""When a run may move on: every edge as a pure function over ``Machine``, the twin of ``contracts/src/libraries/RunLib.sol``.

Called by the in-memory ledger between checking a message and recording it, and by whoever asks what a call would do. One
function per transition, with the contract's name; sets of seats are bitmaps over the roster (bit i = i-th member, ids
ascending). Both twins are held to ``vectors/transitions/``. What a divided run does depends on its ``cells``, which are given
where they matter. It knows no digests, keys or members; whoever calls it checked the message.
"""

import dataclasses

from aicommons.domain import messages, run
from aicommons.protocol import cells as divisions


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """Everything that decides when a run moves on; the contract's ``Machine``, field by field."""

    state: run.RunState = run.RunState.NONE
    """What the run as a whole is doing."""
    phase: run.Phase = run.Phase.NONE
    """What the open round waits for."""
    reason: run.Reason = run.Reason.NONE
    """Why the run is over."""
    seats: int = 0
    """N, the roster's length."""
    faults: int = 0
    """f, tolerated malicious and absent seats."""
    quorum: int = 0
    """q = floor((N + f) / 2) + 1."""
    set_fixed: bool = False
    """Whether the run's first Commit has fixed the participant set."""
    agreed: bool = False
    """Whether the open attempt's Submits agree on a sid."""
    min_participants: int = 0
    """Fewest participants before the set is fixed."""
    max_attempts: int = 0
    """Attempts that one round may take."""
    attempt: int = 0
    """Current attempt of the current round."""
    sid_attempt: int = 0
    """Attempt of the last agreed sid."""
    round_index: int = 0
    """Current round."""
    rounds: int = 0
    """The largest number of rounds."""
    deadline: int = 0
    """From this second on anybody may advance."""
    phase_seconds: int = 0
    """Length of a phase, in seconds."""
    patience_seconds: int = 0
    """Length of a pause, in seconds."""
    sid_round: int = 0
    """Round of the last agreed sid."""
    rounds_done: int = 0
    """Rounds behind the last agreed state."""
    set_bits: int = 0
    """Seats whose vectors are (to be) summed."""
    exited: int = 0
    """Seats that left, whose consent died, or that cheated."""
    interrupted: bool = False
    """Whether the run has paused since the last round was unmasked."""
    arrived: int = 0
    """Seats whose Ack, or Submit of this attempt, has arrived; after agreement only agreeing ones."""
    committed: int = 0
    """Seats whose Commit to the last agreed sid has arrived."""
    revealed: int = 0
    """Seats whose Reveal for the last agreed sid has arrived."""
    silent: int = 0
    """Seats that missed a deadline and have sent nothing since."""
    will_exit: int = 0
    """Seats that enrolled with ``Absence.EXIT``."""
    waived: int = 0
    """Seats whose Reveal for the last agreed sid is not waited for."""
    excluded: int = 0
    """Seats that cheated: a part of ``exited`` whose Commits and Results count no more either."""
    epoch: int = 0
    """Epoch of keys, from 0."""
    sid_epoch: int = 0
    """Epoch of the last agreed sid."""
    epoch_ends: int = 0
    """Unix second from which on anybody may ask for new keys."""
    divided: bool = False
    """Whether seats are summed by cells."""
    summed: int = 0
    """Seats whose vectors are in a sum that was unmasked: a model comes from their data."""


EPOCH_SECONDS = 30 * 86_400
"""How long the keys of one epoch serve."""


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """Names one seat's message of one attempt."""

    round_index: int
    """From 0."""
    attempt: int
    """From 0, within the round."""
    member_id: int
    """The seat's member."""


class Refusal(Exception):
    """A transition is not allowed; the in-memory ledger tells it as ``errors.LedgerRefused``.

    Args:
        error: name of the contract's custom error.
        arguments: the error's arguments, as the contract gives them.
    """

    def __init__(self, error: str, *arguments: object) -> None:
        super().__init__(f"{error}({', '.join(str(value) for value in arguments)})")
        self.error = error
        self.arguments = arguments


# ------------------------------------------------------------------------------------------------------ the roster's table


def layout_of(members: int, preferred: int) -> int:
    """Return the layout in force for ``members`` seats when the RunSpec prefers ``preferred``."""
    if members < 6:
        return 1
    return 2 if members > 7 else preferred


def faults_of(members: int, layout: int) -> int:
    """Return f: how many seats may be malicious or absent for good."""
    if members < 5:
        return 1
    if members < 7:
        return 2
    if members == 7:
        return 3 if layout == 1 else 2
    return members // 2 - 1


def quorum_of(members: int, faults: int) -> int:
    """Return q: two sets of q seats overlap in more than f."""
    return (members + faults) // 2 + 1


# -------------------------------------------------------------------------------------------------------- sets and missing


def present(m: Machine) -> int:
    """Return all seats that have not exited."""
    return ((1 << m.seats) - 1) & ~m.exited


def eligible(m: Machine) -> int:
    """Return the seats that may be in a set to come.

    In a divided run the set of a round says nothing about the next one's.
    """
    return present(m) if m.divided else m.set_bits


def missing(m: Machine) -> int:
    """Return the seats that the run waits for now."""
    if m.state is run.RunState.ACKING:
        return present(m) & ~m.arrived
    if m.phase is run.Phase.OPEN:
        return m.set_bits & ~m.arrived
    if m.phase is run.Phase.SUBMITTED:
        return present(m) & ~m.committed
    if m.phase is run.Phase.FIXED:
        return m.committed & ~m.revealed & ~m.waived
    return eligible(m) & present(m)


def needed(m: Machine) -> int:
    """Return how many agreeing Submits close the Open phase, and how many have to stay when others exit.

    A quorum, which is never below f + 2 >= 3 (privacy), and before the set is fixed also the RunSpec's minimum. In a
    divided run these are the seats that vote, in whatever cell.
    """
    return m.quorum if m.set_fixed else max(m.quorum, m.min_participants)


# ---------------------------------------------------------------------------------------------------------------- starting


def fix_roster(m: Machine, members: int, layout: int, time: int, *, divided: bool) -> Machine:
    """Enrolling -> Acking with ``members`` seats."""
    faults = faults_of(members, layout)
    return dataclasses.replace(
        m,
        state=run.RunState.ACKING,
        seats=members,
        faults=faults,
        quorum=quorum_of(members, faults),
        divided=divided,
        deadline=time + m.phase_seconds,
    )


def ack(m: Machine, seat: int, time: int) -> Machine:
    """An Ack; the last one that is due begins the epoch. Raises ``Refusal``."""
    if m.state is not run.RunState.ACKING:
        raise Refusal("TrainingRunsWrongState", int(m.state))
    return _try_start(dataclasses.replace(m, arrived=m.arrived | seat, silent=m.silent & ~seat), time)


def rotate(m: Machine, *, by_seat: bool, time: int) -> Machine:
    """New keys for all, between two rounds or before anything is agreed.

    When the epoch is over anybody may ask for them. In a pause a seat that lost its own may, also before the certificate:
    whoever has no key opens no box and never commits. Raises ``Refusal``.
    """
    _check_going(m)
    is_open = m.phase is run.Phase.OPEN
    is_between = not m.agreed if is_open else m.phase is run.Phase.UNMASKED and m.round_index + 1 < m.rounds
    is_lost = by_seat and m.state is run.RunState.PAUSED
    is_uncertified = is_open or m.phase is run.Phase.SUBMITTED
    if not is_between and not (is_lost and is_uncertified):
        raise _wrong_phase(m)
    if time < m.epoch_ends and not is_lost:
        raise Refusal("TrainingRunsTooEarly", m.epoch_ends)
    if is_open and not is_lost:
        m = dataclasses.replace(m, max_attempts=m.max_attempts + 1)  # nobody's fault
    return dataclasses.replace(
        m, state=run.RunState.ACKING, epoch=m.epoch + 1, arrived=0, deadline=time + m.phase_seconds
    )


# ----------------------------------------------------------------------------------------------------- messages of a round


def enter_submit(m: Machine, key: Key, seat: int, time: int) -> Machine:
    """Check that a Submit fits and open the next round if it is the first one of it. Raises ``Refusal``."""
    _check_going(m)
    if not eligible(m) & seat:
        raise Refusal("TrainingRunsNotInSet", key.member_id)
    is_next = m.phase is run.Phase.UNMASKED and key.round_index == m.round_index + 1 and key.round_index < m.rounds
    if is_next and key.attempt == 0:
        m = _open(dataclasses.replace(m, round_index=key.round_index, attempt=0), time)
    elif m.phase is not run.Phase.OPEN or (key.round_index, key.attempt) != (m.round_index, m.attempt):
        raise _wrong_phase(m)
    if m.arrived & seat:
        raise Refusal("TrainingRunsAlreadySent", key.member_id)
    return dataclasses.replace(m, silent=m.silent & ~seat)


def vote(votes: int, seat: int, member_id: int) -> int:
    """Cast a seat's only vote for a sid, which belongs to one attempt; return who voted for it now. Raises ``Refusal``."""
    if votes & seat:
        raise Refusal("TrainingRunsAlreadySent", member_id)
    return votes | seat


def submit(m: Machine, seat: int, votes: int) -> tuple[Machine, int]:
    """Count a Submit whose sid has these ``votes``, its own included; a quorum makes the sid agreed, voids the others.

    After agreement it is called for agreeing Submits only. Returns also the seats that lost their vote now.
    """
    m = dataclasses.replace(m, arrived=m.arrived | seat)
    if m.agreed or (votes & m.set_bits).bit_count() < m.quorum:
        return m, 0
    agreed = dataclasses.replace(
        m,
        arrived=votes,
        agreed=True,
        sid_round=m.round_index,
        sid_attempt=m.attempt,
        rounds_done=m.round_index,
        sid_epoch=m.epoch,
        committed=0,
        revealed=0,
        waived=0,
    )
    return agreed, m.arrived & ~votes


def try_close(m: Machine, time: int, *, cells: divisions.Cells) -> Machine:
    """Open -> Submitted (and Paused -> Running) once every due seat agrees.

    Before the set is fixed silent seats are not due, and in a divided run never: a cell with a missing seat sits the
    round out.
    """
    if m.phase is not run.Phase.OPEN or not m.agreed:
        return m
    due = m.set_bits if m.set_fixed and not m.divided else m.set_bits & ~m.silent
    there = m.set_bits & m.arrived
    if due & ~there or not _is_enough(m, cells, there):
        return m
    taken = divisions.whole(cells, there, m.excluded) if m.divided else there
    return _enter(dataclasses.replace(m, set_bits=taken), run.Phase.SUBMITTED, time)


def commit(m: Machine, key: Key, seat: int, time: int) -> Machine:
    """A Commit: the run's first one fixes the set, a quorum certifies the round. Raises ``Refusal``."""
    _check_unmasking(m, key)
    if m.excluded & seat:
        raise Refusal("TrainingRunsNotInSet", key.member_id)
    if m.committed & seat:
        raise Refusal("TrainingRunsAlreadySent", key.member_id)
    m = dataclasses.replace(m, committed=m.committed | seat, silent=m.silent & ~seat, set_fixed=True)
    is_certified = m.phase is run.Phase.SUBMITTED and m.committed.bit_count() >= m.quorum
    return _enter(m, run.Phase.FIXED, time) if is_certified else m


def reveal(m: Machine, key: Key, seat: int, time: int) -> Machine:
    """A Reveal, only with the certificate complete; the last due one unmasks the round. Raises ``Refusal``."""
    _check_unmasking(m, key)
    if m.phase is run.Phase.SUBMITTED:
        raise _wrong_phase(m)
    if not m.committed & seat:
        raise Refusal("TrainingRunsCommitmentMismatch", key.member_id)
    if m.revealed & seat:
        raise Refusal("TrainingRunsAlreadySent", key.member_id)
    return try_unmask(dataclasses.replace(m, revealed=m.revealed | seat, silent=m.silent & ~seat), time)


def try_unmask(m: Machine, time: int) -> Machine:
    """Fixed -> Unmasked once all Commits are opened or waived, and no seat that is not silent still owes one."""
    if m.phase is not run.Phase.FIXED or m.committed & ~(m.revealed | m.waived):
        return m
    if present(m) & ~m.silent & ~m.committed:
        return m
    return dataclasses.replace(_enter(m, run.Phase.UNMASKED, time), summed=m.summed | m.set_bits, interrupted=False)


def check_result(m: Machine, key: Key) -> None:
    """Check that a Result fits: only for the round that was unmasked last, until the next one is agreed.

    A seat that opens a next round although the learner is finished keeps nobody from saying so. Raises ``Refusal``.
    """
    _check_going(m)
    _check_last(m, key, is_timely=m.phase is run.Phase.UNMASKED or _is_next_open(m))


def result(m: Machine, votes: int, time: int) -> tuple[Machine, bool]:
    """Count the Results that are equal to the one that came; returns also whether they are a quorum.

    A quorum keeps the state; it also completes the run if no round can follow, or if the run did not pause since: seats
    that see a pause vouch for the state without meaning that the learner is finished.
    """
    if (votes & ~m.excluded).bit_count() < m.quorum:
        return m, False
    m = dataclasses.replace(m, rounds_done=m.sid_round + 1)
    if not m.interrupted or m.rounds_done == m.rounds:
        return dataclasses.replace(m, state=run.RunState.COMPLETED, reason=run.Reason.FINISHED), True
    if m.phase is run.Phase.UNMASKED and time >= m.deadline:
        # With a next round open ``advance`` decides: it may let seats leave instead.
        return finish(m, run.Reason.PATIENCE_OVER), True
    return m, True


# -------------------------------------------------------------------------------------------------------- leaving and time


def last_round(m: Machine) -> int:
    """Return the last round that a seat took part in if it leaves now; ``messages.ANY_ROUND`` before round 0 is over."""
    if m.phase is run.Phase.UNMASKED:
        return m.round_index
    return messages.ANY_ROUND if m.round_index == 0 else m.round_index - 1


def exit(m: Machine, leaving: int, member_id: int, *, cells: divisions.Cells) -> Machine:  # noqa: A001  the contract's word
    """Let seats leave before the Submits close; enough have to stay for privacy and a quorum.

    In a divided run their cells are in no set any more, and the others of these cells go on voting and unmasking. Raises
    ``Refusal``.
    """
    _check_going(m)
    if m.phase not in (run.Phase.OPEN, run.Phase.UNMASKED):
        raise _wrong_phase(m)
    if eligible(m) & leaving != leaving:
        raise Refusal("TrainingRunsNotInSet", member_id)
    stay = eligible(m) & ~leaving
    if not _is_enough(m, cells, stay):
        raise Refusal("TrainingRunsTooFewStay", stay.bit_count(), needed(m))
    return dataclasses.replace(m, exited=m.exited | leaving, set_bits=m.set_bits & ~leaving)


def drop(m: Machine, leaving: int, member_id: int, time: int, *, cells: divisions.Cells) -> Machine:
    """Put a seat out whose consent is dead.

    Before the set is fixed whatever it sent is left out too: inputs that were about to be certified with it start again,
    and that attempt is not counted against the round. Once the set is fixed it is an Exit. Raises ``Refusal``.
    """
    if m.set_fixed:
        return exit(m, leaving, member_id, cells=cells)
    _check_going(m)
    if not eligible(m) & leaving:
        raise Refusal("TrainingRunsNotInSet", member_id)
    in_set = bool(m.set_bits & leaving)
    m = dataclasses.replace(m, exited=m.exited | leaving, set_bits=m.set_bits & ~leaving, arrived=m.arrived & ~leaving)
    if not _is_enough(m, cells, eligible(m)):
        return finish(m, run.Reason.TOO_FEW_PARTICIPANTS)
    if m.phase is run.Phase.SUBMITTED and in_set:
        return _again(m, time)
    return m


def leave_out(m: Machine, seat: int, member_id: int, time: int) -> Machine:
    """Let a seat go on with fewer datasets, before the set is fixed; what it sent or built in this attempt is void.

    One sid has one header of a seat, so the attempt starts again for all, and is not counted. Raises ``Refusal``.
    """
    _check_going(m)
    if not m.set_bits & seat:
        raise Refusal("TrainingRunsNotInSet", member_id)
    return _again(m, time)


def exclude(m: Machine, cheat: int, time: int, *, cells: divisions.Cells) -> Machine:
    """Put a seat out for good that cheated.

    A certified round goes on with its set, where the seat's Commit is not waited for; inputs that were about to be
    certified start again without it, and that attempt is not counted. Before the keys are there no cells are drawn, and none
    are given. Raises ``Refusal``.
    """
    if m.state not in (run.RunState.ACKING, run.RunState.RUNNING, run.RunState.PAUSED):
        raise Refusal("TrainingRunsWrongState", int(m.state))
    in_set = bool(m.set_bits & cheat)
    m = dataclasses.replace(m, exited=m.exited | cheat, excluded=m.excluded | cheat)
    left = present(m) & eligible(m) if m.set_fixed else present(m)
    if not _is_enough(m, cells, left):
        return finish(m, run.Reason.CHEATING)
    if m.state is run.RunState.ACKING:
        return _try_start(m, time)
    if m.phase is run.Phase.OPEN:
        m = dataclasses.replace(m, set_bits=m.set_bits & ~cheat, arrived=m.arrived & ~cheat)
        return _again(m, time) if m.agreed else m  # what agreed with the cheat's vote has to agree without it
    if m.phase is run.Phase.SUBMITTED:
        m = dataclasses.replace(m, committed=m.committed & ~cheat)
        return _again(m, time) if in_set else m
    return _waive(m, m.committed & ~m.revealed & cheat, time) if m.phase is run.Phase.FIXED else m


def is_waivable(m: Machine, seat: int) -> bool:
    """Return whether a seat keeps a certified round waiting for a Reveal past the deadline."""
    is_going = m.state in (run.RunState.RUNNING, run.RunState.PAUSED)
    owing = m.committed & m.silent & ~m.revealed & ~m.waived
    return is_going and m.phase is run.Phase.FIXED and bool(owing & seat)


def waive(m: Machine, seat: int, time: int) -> Machine:
    """Unmask the round without this seat's Reveal, which may still come until then. Raises ``Refusal``."""
    if not is_waivable(m, seat):
        raise _wrong_phase(m)
    return _waive(m, seat, time)


def advance(m: Machine, time: int, *, cells: divisions.Cells) -> tuple[Machine, int]:
    """Move a run on whose deadline has come; returns also the seats whose Exits, signed in advance, take effect now.

    Raises ``Refusal``.
    """
    deadline = m.deadline + m.patience_seconds if m.state is run.RunState.ACKING else m.deadline
    if time < deadline:
        raise Refusal("TrainingRunsTooEarly", deadline)
    if m.state is run.RunState.ACKING:
        return finish(m, run.Reason.ACK_MISSING), 0
    if m.state is run.RunState.RUNNING:
        return _advance_running(m, cells, time), 0
    if m.state is run.RunState.PAUSED:
        return _advance_paused(m, cells, time)
    raise Refusal("TrainingRunsWrongState", int(m.state))


def finish(m: Machine, reason: run.Reason) -> Machine:
    """Over: Ended at the last agreed state, Aborted if no round's state was ever agreed."""
    state = run.RunState.ENDED if m.rounds_done else run.RunState.ABORTED
    return dataclasses.replace(m, state=state, reason=reason)


# ----------------------------------------------------------------------------------------------------------------- private


def _advance_running(m: Machine, cells: divisions.Cells, time: int) -> Machine:
    absent = missing(m)
    match m.phase:
        case run.Phase.OPEN:
            if not absent:
                return _retry(m, time)
            m = try_close(dataclasses.replace(m, silent=m.silent | absent), time, cells=cells)
            return _pause(m, time) if m.phase is run.Phase.OPEN else m
        case run.Phase.SUBMITTED:
            if not m.committed:
                return _retry(m, time)
            return _pause(dataclasses.replace(m, silent=m.silent | absent), time)
        case run.Phase.FIXED:
            unheard = absent | (present(m) & ~m.committed)
            m = try_unmask(dataclasses.replace(m, silent=m.silent | unheard), time)
            return _pause(m, time) if m.phase is run.Phase.FIXED else m
        case _:
            return _pause(m, time)


def _advance_paused(m: Machine, cells: divisions.Cells, time: int) -> tuple[Machine, int]:
    absent = missing(m)
    is_late = m.phase is run.Phase.OPEN and m.set_fixed
    may_exit = is_late and absent and not absent & ~m.will_exit
    if not may_exit or not _is_enough(m, cells, m.set_bits & ~absent):
        return finish(m, run.Reason.PATIENCE_OVER), 0
    return _retry(exit(m, absent, 0, cells=cells), time), absent


def _is_enough(m: Machine, cells: divisions.Cells, seats: int) -> bool:
    """Whether a round can be made of these seats."""
    return seats.bit_count() >= needed(m) and (not cells or divisions.whole(cells, seats, m.excluded) != 0)


def _try_start(m: Machine, time: int) -> Machine:
    """All Acks that are due have come: the run goes on where it stood, with the new keys."""
    if missing(m):
        return m
    m = dataclasses.replace(m, epoch_ends=time + EPOCH_SECONDS)
    if m.phase in (run.Phase.OPEN, run.Phase.SUBMITTED):
        return _retry(m, time)
    if m.phase is run.Phase.UNMASKED:
        return _open(dataclasses.replace(m, round_index=m.round_index + 1, attempt=0), time)
    return _open(dataclasses.replace(m, set_bits=present(m)), time)


def _waive(m: Machine, seats: int, time: int) -> Machine:
    return try_unmask(dataclasses.replace(m, waived=m.waived | seats), time)


def _again(m: Machine, time: int) -> Machine:
    """A new attempt that is nobody's fault but that of a seat which is out now."""
    return _retry(dataclasses.replace(m, max_attempts=m.max_attempts + 1), time)


def _retry(m: Machine, time: int) -> Machine:
    if m.attempt + 1 >= m.max_attempts:
        return finish(m, run.Reason.TOO_MANY_ATTEMPTS)
    if m.agreed:
        m = dataclasses.replace(m, committed=0, revealed=0, waived=0)
    if not m.set_fixed:
        m = dataclasses.replace(m, set_bits=present(m))
    return _open(dataclasses.replace(m, attempt=m.attempt + 1), time)


def _open(m: Machine, time: int) -> Machine:
    # Who was excluded stayed in the set of its certified round.
    fresh = dataclasses.replace(m, arrived=0, agreed=False, set_bits=eligible(m) & present(m))
    return _enter(fresh, run.Phase.OPEN, time)


def _enter(m: Machine, phase: run.Phase, time: int) -> Machine:
    return dataclasses.replace(m, state=run.RunState.RUNNING, phase=phase, deadline=time + m.phase_seconds)


def _pause(m: Machine, time: int) -> Machine:
    return dataclasses.replace(m, state=run.RunState.PAUSED, interrupted=True, deadline=time + m.patience_seconds)


def _check_going(m: Machine) -> None:
    if m.state not in (run.RunState.RUNNING, run.RunState.PAUSED):
        raise Refusal("TrainingRunsWrongState", int(m.state))


def _check_unmasking(m: Machine, key: Key) -> None:
    """The last agreed attempt takes Commits and Reveals until it is stopped or the next round is agreed."""
    _check_going(m)
    _check_last(m, key, is_timely=m.phase is not run.Phase.OPEN or _is_next_open(m))


def _is_next_open(m: Machine) -> bool:
    """Whether the next round takes Submits that do not agree yet: once they do, the last agreed round is that one."""
    return m.phase is run.Phase.OPEN and m.round_index == m.sid_round + 1


def _check_last(m: Machine, key: Key, *, is_timely: bool) -> None:
    if not is_timely or (key.round_index, key.attempt) != (m.sid_round, m.sid_attempt):
        raise _wrong_phase(m)


def _wrong_phase(m: Machine) -> Refusal:
    return Refusal("TrainingRunsWrongPhase", int(m.phase), m.round_index, m.attempt)
