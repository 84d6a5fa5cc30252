"""What does this node owe now? A pure function of the ledger's view, what the node remembers, and the time.

The reconciler calls it after every look at the ledger and does what comes back; asking twice gives the same answer, so
a node may be killed anywhere and started again. How a duty is done is ``node/``'s business (``reconciler.HANDLERS``);
whether the ledger allows it is the contract's.
"""

import dataclasses
import enum
from collections.abc import Iterator, Mapping

from aicommons.domain import ids, messages, run
from aicommons.protocol import cases, transitions
from aicommons.protocol import view as views


class DutyKind(enum.Enum):
    """One thing to do."""

    ACK = "ack"
    SUBMIT = "submit"
    COMMIT = "commit"
    REVEAL = "reveal"
    COMBINE = "combine"
    JUDGE = "judge"
    WAIVE = "waive"
    ROTATE = "rotate"
    RENEW = "renew"
    RESULT = "result"
    ADVANCE = "advance"
    DROP = "drop"
    REGISTER = "register"
    REPORT = "report"
    RETIRE = "retire"
    ERASE = "erase"
    GIVE_BACK = "give back"


@dataclasses.dataclass(frozen=True, slots=True)
class Duty:
    """One thing this node owes now."""

    run_id: ids.RunId
    kind: DutyKind
    round_index: int = 0
    """The round that it is about; 0 for a duty of the whole run."""
    attempt: int = 0
    """The attempt at that round."""
    member: int = 0
    """The member that it is about, where it is about another one; else 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class Remembered:
    """What a node knows by itself about one run (from its journal)."""

    is_pinned: bool
    """Its operator confirmed this roster."""
    state_index: int
    """Index of the newest state it holds; state k is what round k starts from."""
    is_finished: bool
    """The newest state is the learner's last."""
    has_model: bool
    """Its newest state can predict: there is something to write down once the run is over."""
    has_key: bool
    """Its epoch key still exists."""
    has_report: bool = False
    """Its own figures of the run are there, or why there are none."""
    over_since: float = 0.0
    """When it first saw the run over, by its own clock, in seconds since 1970; 0 while it is not over."""
    may_retire: bool = True
    """Its keys may go, should the run be over: signed Results say so, or the ledger has said so for a while."""
    retention: int | None = None
    """Seconds that its blobs stay in the store after the end; ``None`` when it has none there."""
    refused: frozenset[views.AttemptPlace] = frozenset()
    """Attempts whose messages failed its checks."""
    judged: frozenset[bytes] = frozenset()
    """Keys of the cases that it has looked into (``cases.Case.key``)."""
    has_old_keys: bool = False
    """A key of an epoch that is over still exists."""
    has_lost_round: bool = False
    """The key is gone that the round after its newest state is sealed to: it will never read that round."""


COMMITTING = (run.Phase.SUBMITTED, run.Phase.FIXED)
REVEALING = (run.Phase.FIXED, run.Phase.UNMASKED)
LONGEST_FAREWELL = 3600.0
"""Seconds after the end of a run that the last sum and one's own figures are waited for, before keys go without them."""
JUDGING_SECONDS = 86_400
"""How long after its end a run is still judged: until then bonds stay where they are, so that cheating in a last round costs one."""
STAGGER = 0.5
"""Seconds between roster members before each calls ``advance`` or ``drop``, so that one call usually does."""


def due(
    view: views.LedgerView, member: ids.MemberId, remembered: Mapping[ids.RunId, Remembered], now: float
) -> tuple[Duty, ...]:
    """Return the duties of ``member`` at ``now`` (seconds since 1970), runs in opening order."""
    duties: list[Duty] = []
    for run_id, current in view.runs.items():
        known = remembered.get(run_id)
        if known is None:
            continue
        is_judged = current.state.is_over and now > current.changed_at + JUDGING_SECONDS
        if is_judged and (run_id, member) in view.money.bonds:
            duties.append(Duty(run_id, DutyKind.GIVE_BACK))
        if current.roster is None or member not in current.roster.member_ids:
            continue
        case = _Case(run_id, current, member, known, now, view.dead_seats(current, now))
        duties.extend(_after_end(case) if current.state.is_over else _under_way(case))
    return tuple(duties)


@dataclasses.dataclass(frozen=True, slots=True)
class _Case:
    """One run as one member sees it now."""

    run_id: ids.RunId
    current: views.RunView
    member: ids.MemberId
    known: Remembered
    now: float
    """Seconds since 1970."""
    dead: Mapping[int, int]
    """Member whose consent permits nothing any more -> block time since when."""

    @property
    def place_on_roster(self) -> int:
        """Position of the member on the roster; nobody else has cases."""
        return self.current.roster.member_ids.index(self.member) if self.current.roster is not None else 0

    @property
    def owes_combining(self) -> bool:
        """Whether the round after its newest state is unmasked, and its key opens it."""
        return self.current.unmasked(self.known.state_index) is not None and not self.known.has_lost_round

    def duty(self, kind: DutyKind, round_index: int = 0, attempt: int = 0) -> Duty:
        """Return a duty of this run."""
        return Duty(self.run_id, kind, round_index, attempt)


def _under_way(case: _Case) -> Iterator[Duty]:
    current, known = case.current, case.known
    if not known.is_pinned:
        return
    yield from _to_judge(case)
    yield from _to_renew(case)
    if not known.has_key:
        return
    if current.state is run.RunState.ACKING:
        ack = current.acks.get(case.member)
        if (ack is None or ack.epoch != current.epoch) and not _is_out(case):
            yield case.duty(DutyKind.ACK)
        if case.owes_combining:
            yield case.duty(DutyKind.COMBINE, known.state_index)
    elif current.state in (run.RunState.RUNNING, run.RunState.PAUSED):
        yield from _to_drop(case)
        yield from _to_waive(case)
        yield from _in_round(case)
    if _is_late(case):
        yield case.duty(DutyKind.ADVANCE)


def _is_out(case: _Case) -> bool:
    """Return whether this seat left, was put out or is convicted: the others listen to it no more."""
    return case.member in case.current.out


def _to_judge(case: _Case) -> Iterator[Duty]:
    """Look into whatever somebody is accused of, but oneself: nobody is judge in its own case."""
    if _is_out(case):
        return
    seen = set()
    for each in cases.open_cases(case.current):
        is_mine = case.member == each.accused or cases.has_named(case.current, case.member, each.accused)
        if is_mine or each.key in case.known.judged or (each.place, each.accused) in seen:
            continue
        seen.add((each.place, each.accused))
        yield dataclasses.replace(case.duty(DutyKind.JUDGE, *each.place), member=each.accused)


def _to_renew(case: _Case) -> Iterator[Duty]:
    """Ask for new keys when the epoch is over or one's own key is lost, and erase old ones that nothing needs any more."""
    current, attempt, known = case.current, case.current.current, case.known
    if current.state not in (run.RunState.RUNNING, run.RunState.PAUSED) or attempt is None or _is_out(case):
        return
    if known.has_old_keys and attempt.epoch == current.epoch and known.state_index >= current.round_index:
        yield case.duty(DutyKind.RENEW)
    is_next_due = attempt.phase is run.Phase.UNMASKED and current.round_index + 1 < current.spec.rounds
    is_between = not current.is_round_agreed if attempt.phase is run.Phase.OPEN else is_next_due
    is_lost = current.state is run.RunState.PAUSED and not known.has_key
    is_uncertified = attempt.phase in (run.Phase.OPEN, run.Phase.SUBMITTED)
    if known.is_finished or not (is_between or (is_lost and is_uncertified)):
        return
    began = max((ack.at.time for ack in current.acks.values()), default=current.changed_at)
    is_over = case.now > began + transitions.EPOCH_SECONDS + 1 + STAGGER * case.place_on_roster
    if (is_over and is_between) or is_lost:
        yield case.duty(DutyKind.ROTATE)


def _to_waive(case: _Case) -> Iterator[Duty]:
    """Name who keeps a certified round waiting after its deadline."""
    current, attempt = case.current, case.current.current
    is_waiting = current.state is run.RunState.PAUSED and attempt is not None and attempt.phase is run.Phase.FIXED
    if attempt is None or not is_waiting or _is_out(case):
        return
    for silent in attempt.commits:
        is_missing = silent not in attempt.reveals and silent not in attempt.waived and silent != case.member
        if is_missing and (case.member, silent, messages.SILENCE) not in attempt.verdicts:
            yield dataclasses.replace(case.duty(DutyKind.WAIVE, current.round_index, current.attempt), member=silent)


def _to_drop(case: _Case) -> Iterator[Duty]:
    """Put out whose consent is dead: before the first Commit anybody, afterwards who chose to exit."""
    current, attempt, roster = case.current, case.current.current, case.current.roster
    if attempt is None or roster is None:
        return
    dead = _dead_in_set(case, attempt)
    if current.is_set_fixed:
        if current.cells:
            return  # its cell sits out by itself
        dead = [each for each in dead if current.enrolled[each].absence is run.Absence.EXIT]
        stay = len(current.members_of(attempt.set_bits)) - len({*dead, *current.exits})
        if attempt.phase not in (run.Phase.OPEN, run.Phase.UNMASKED) or stay < roster.quorum:
            return  # the ledger lets nobody leave then; the patience decides
    for each in dead:
        if case.now > case.dead[each] + STAGGER * case.place_on_roster:
            yield dataclasses.replace(case.duty(DutyKind.DROP), member=each)


def _dead_in_set(case: _Case, attempt: views.AttemptView) -> list[int]:
    """Return who is in the participant set although its consent is dead."""
    out = {*case.current.dropped, *case.current.exits}
    return [each for each in case.current.members_of(attempt.set_bits) if each in case.dead and each not in out]


def _is_late(case: _Case) -> bool:
    current, attempt = case.current, case.current.current
    deadline = current.deadline
    if current.state is run.RunState.RUNNING and attempt is not None:
        deadline = attempt.deadline
    elif current.state is run.RunState.ACKING and deadline:
        deadline += current.spec.patience_seconds
    return bool(deadline) and case.now > deadline + 1 + STAGGER * case.place_on_roster


def _in_round(case: _Case) -> Iterator[Duty]:
    current, known, member = case.current, case.known, case.member
    if case.owes_combining:
        yield case.duty(DutyKind.COMBINE, known.state_index)
        return
    attempt = current.current
    if attempt is None or known.state_index < current.round_index:
        return
    place = (current.round_index, current.attempt)
    if attempt.phase is run.Phase.OPEN and _owes_submit(case, attempt):
        yield case.duty(DutyKind.SUBMIT, *place)
    elif attempt.phase in COMMITTING and place not in known.refused and _owes_commit(case, attempt):
        yield case.duty(DutyKind.COMMIT, *place)
    if attempt.phase in REVEALING and member in attempt.commits and member not in attempt.reveals:
        yield case.duty(DutyKind.REVEAL, *place)
    yield from _after_unmasking(case, attempt)


def _owes_submit(case: _Case, attempt: views.AttemptView) -> bool:
    if case.known.is_finished or case.member in attempt.submits or case.member in case.dead:
        return False
    return attempt.set_bits == 0 or case.member in case.current.members_of(attempt.set_bits)


def _owes_commit(case: _Case, attempt: views.AttemptView) -> bool:
    """Return whether it has not committed; nobody fixes a run's set with a dead consent in it."""
    is_clean = case.current.is_set_fixed or not _dead_in_set(case, attempt)
    return is_clean and case.member not in case.current.convicted and case.member not in attempt.commits


def _after_unmasking(case: _Case, attempt: views.AttemptView) -> Iterator[Duty]:
    """Vouch for the newest state where that is asked for, and go on to the next round."""
    current, known = case.current, case.known
    is_last = known.is_finished or known.state_index >= current.spec.rounds
    place = _takes_results(case)
    if place is None:
        return
    if (is_last or current.state is run.RunState.PAUSED) and case.member not in current.attempts[place].results:
        yield case.duty(DutyKind.RESULT, *place)
    is_in = case.member in current.eligible(attempt) and case.member not in case.dead
    if attempt.phase is run.Phase.UNMASKED and not is_last and is_in:
        yield case.duty(DutyKind.SUBMIT, current.round_index + 1, 0)


def _takes_results(case: _Case) -> views.AttemptPlace | None:
    """Return where the ledger takes Results on this node's newest state: until the round after it is agreed.

    That round may be open already: one member's Submit opens it, also when there is nothing left to do in it.
    """
    current, state_index = case.current, case.known.state_index
    is_newest = current.round_index + 1 == state_index
    is_next_open = current.round_index == state_index and not current.is_round_agreed
    return current.unmasked(state_index - 1) if is_newest or is_next_open else None


def _after_end(case: _Case) -> Iterator[Duty]:
    current, known = case.current, case.known
    if known.is_pinned and case.now <= current.changed_at + JUDGING_SECONDS:
        yield from _to_judge(case)
    is_expired = known.retention is not None and case.now > max(current.changed_at, known.over_since) + known.retention
    has_keys = known.has_key or known.has_old_keys
    is_overdue = case.now > known.over_since + LONGEST_FAREWELL
    if has_keys and known.is_pinned and case.owes_combining and not (is_expired or is_overdue):
        yield case.duty(DutyKind.COMBINE, known.state_index)
        return
    if _may_register(case) and case.now > current.changed_at + 4 * STAGGER * case.place_on_roster:
        yield case.duty(DutyKind.REGISTER)
    if has_keys and known.is_pinned and not (known.has_report or is_overdue):
        yield case.duty(DutyKind.REPORT)
    elif has_keys and known.may_retire:
        yield case.duty(DutyKind.RETIRE)
    if is_expired and not has_keys:
        yield case.duty(DutyKind.ERASE)


def _may_register(case: _Case) -> bool:
    agreed = case.current.agreed
    if case.current.model is not None or agreed is None or _is_out(case):
        return False
    return 0 < agreed.rounds_done <= case.known.state_index and case.known.has_model
