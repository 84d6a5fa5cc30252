"""What does this node owe now? A pure function of the ledger's view, what the node remembers, and the time.

The reconciler calls it after every look at the ledger and does what comes back; asking twice gives the same answer, so
a node may be killed anywhere and started again. How a duty is done is ``node/handlers``' business; whether the ledger
allows it is the contract's.
"""

import dataclasses
import enum
from collections.abc import Iterator, Mapping

from aicommons.domain import ids, run
from aicommons.protocol import view as views


class DutyKind(enum.Enum):
    """One thing to do."""

    ACK = "ack"
    SUBMIT = "submit"
    COMMIT = "commit"
    REVEAL = "reveal"
    COMBINE = "combine"
    RESULT = "result"
    ADVANCE = "advance"
    REGISTER = "register"
    RETIRE = "retire"
    ERASE = "erase"


@dataclasses.dataclass(frozen=True, slots=True)
class Duty:
    """One thing this node owes now."""

    run_id: ids.RunId
    kind: DutyKind
    round_index: int = 0
    attempt: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Remembered:
    """What a node knows by itself about one run (from its journal)."""

    is_pinned: bool
    """Its operator confirmed this roster."""
    state_index: int
    """Index of the newest state it holds; state k is what round k starts from."""
    is_finished: bool
    """The newest state is the learner's last."""
    has_key: bool
    """Its epoch key still exists."""
    retention: int | None = None
    """Seconds that its blobs stay in the store after the end; ``None`` when it has none there."""
    refused: frozenset[views.AttemptPlace] = frozenset()
    """Attempts whose messages failed its checks."""


STAGGER = 0.5
"""Seconds between roster members before each calls ``advance``, so that one call usually does."""


def due(
    view: views.LedgerView, member: ids.MemberId, remembered: Mapping[ids.RunId, Remembered], now: float
) -> tuple[Duty, ...]:
    """Return the duties of ``member`` at ``now`` (seconds since 1970), runs in opening order."""
    duties: list[Duty] = []
    for run_id, current in view.runs.items():
        known = remembered.get(run_id)
        if known is None or current.roster is None or member not in current.roster.member_ids:
            continue
        owed = _after_end if current.state.is_over else _under_way
        duties.extend(owed(run_id, current, member, known, now))
    return tuple(duties)


def _under_way(
    run_id: ids.RunId, current: views.RunView, member: ids.MemberId, known: Remembered, now: float
) -> Iterator[Duty]:
    if not known.is_pinned or not known.has_key:
        return
    if current.state is run.RunState.ACKING:
        if member not in current.acks:
            yield Duty(run_id, DutyKind.ACK)
    elif current.state in (run.RunState.RUNNING, run.RunState.PAUSED):
        yield from _in_round(run_id, current, member, known)
    if _is_late(current, member, now):
        yield Duty(run_id, DutyKind.ADVANCE)


def _is_late(current: views.RunView, member: ids.MemberId, now: float) -> bool:
    attempt = current.current
    deadline = current.deadline
    if current.state is run.RunState.RUNNING and attempt is not None:
        deadline = attempt.deadline
    elif current.state is run.RunState.ACKING and deadline:
        deadline += current.spec.patience_seconds
    if not deadline or current.roster is None:
        return False
    return now > deadline + 1 + STAGGER * current.roster.member_ids.index(member)


def _in_round(
    run_id: ids.RunId, current: views.RunView, member: ids.MemberId, known: Remembered
) -> Iterator[Duty]:
    if current.unmasked(known.state_index) is not None:
        yield Duty(run_id, DutyKind.COMBINE, known.state_index)
        return
    attempt = current.current
    if attempt is None or known.state_index < current.round_index:
        return
    place = (current.round_index, current.attempt)
    if attempt.phase is run.Phase.OPEN and member not in attempt.submits and _may_submit(current, attempt, member):
        yield Duty(run_id, DutyKind.SUBMIT, *place)
    elif attempt.phase in (run.Phase.SUBMITTED, run.Phase.FIXED) and member not in attempt.commits:
        if place not in known.refused:
            yield Duty(run_id, DutyKind.COMMIT, *place)
    if attempt.phase in (run.Phase.FIXED, run.Phase.UNMASKED):
        if member in attempt.commits and member not in attempt.reveals:
            yield Duty(run_id, DutyKind.REVEAL, *place)
    if attempt.phase is run.Phase.UNMASKED and known.state_index == current.round_index + 1:
        yield from _after_unmasking(run_id, current, attempt, member, known)


def _may_submit(current: views.RunView, attempt: views.AttemptView, member: ids.MemberId) -> bool:
    return attempt.set_bits == 0 or member in current.members_of(attempt.set_bits)


def _after_unmasking(
    run_id: ids.RunId, current: views.RunView, attempt: views.AttemptView, member: ids.MemberId, known: Remembered
) -> Iterator[Duty]:
    is_last = known.is_finished or current.round_index + 1 >= current.spec.rounds
    if is_last or current.state is run.RunState.PAUSED:
        if member not in attempt.results:
            yield Duty(run_id, DutyKind.RESULT, current.round_index, current.attempt)
    if not is_last and member in current.members_of(attempt.set_bits):
        yield Duty(run_id, DutyKind.SUBMIT, current.round_index + 1, 0)


def _after_end(
    run_id: ids.RunId, current: views.RunView, member: ids.MemberId, known: Remembered, now: float
) -> Iterator[Duty]:
    if known.has_key and known.is_pinned and current.unmasked(known.state_index) is not None:
        yield Duty(run_id, DutyKind.COMBINE, known.state_index)
        return
    if current.model is None and current.agreed is not None and known.state_index >= current.agreed.rounds_done:
        wait = STAGGER * 4 * _rank(current, member)
        if now > current.changed_at + wait:
            yield Duty(run_id, DutyKind.REGISTER)
    if known.has_key:
        yield Duty(run_id, DutyKind.RETIRE)
    if known.retention is not None and now > current.changed_at + known.retention:
        yield Duty(run_id, DutyKind.ERASE)


def _rank(current: views.RunView, member: ids.MemberId) -> int:
    return current.roster.member_ids.index(member) if current.roster is not None else 0
