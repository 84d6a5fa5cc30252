"""Who is out of a run, or was not waited for, and why: pure, from the ledger's view.

``run show`` and the owner's page tell it in words. It repeats what the ledger says; whether that is true is ``run
verify``'s business. What is accused and not decided yet is ``cases``'s.
"""

import dataclasses
import enum
from collections.abc import Iterable, Iterator, Mapping

from aicommons.domain import events, ids, messages, run
from aicommons.protocol import cases
from aicommons.protocol import view as views


class Why(enum.Enum):
    """Why a seat is out; the value is what JSON says."""

    BAD_BOX = "bad_box"
    """It sealed another a box of seeds that does not fit its header."""
    FALSE_SUM = "false_sum"
    """It revealed a false sum of masks."""
    FALSE_ACCUSATION = "false_accusation"
    """It accused somebody of what the evidence does not show."""
    BAD_BYTES = "bad_bytes"
    """What it sent is bad for everybody to see."""
    TWO_MESSAGES = "two_messages"
    """It signed two different messages where one is allowed."""
    CONSENT_OVER = "consent_over"
    """The consent of its dataset was taken back or is over."""
    LEFT = "left"
    """It left, by its own signature."""
    LEFT_IN_ADVANCE = "left_in_advance"
    """It was silent past the patience, and had signed in advance that the run then goes on without it."""
    SILENT = "silent"
    """Its Reveal was not waited for; it is still in the run."""

    @property
    def is_cheating(self) -> bool:
        """Whether it is fraud: the seat is out for good, and its bond is lost."""
        return self in CHEATING

    @property
    def is_out(self) -> bool:
        """Whether the seat is out of the run."""
        return self is not Why.SILENT


CHEATING = frozenset({Why.BAD_BOX, Why.FALSE_SUM, Why.FALSE_ACCUSATION, Why.BAD_BYTES, Why.TWO_MESSAGES})


@dataclasses.dataclass(frozen=True, slots=True)
class Departure:
    """One seat that is out, or was not waited for."""

    member_id: int
    why: Why
    round_index: int
    """The round in which it happened; of an exit the first one without it."""
    other: int | None
    """Who accused it; of a false accusation whom it accused."""
    judges: tuple[int, ...]
    """Who signed a verdict on it, ascending."""
    needed: int
    """How many verdicts are needed: f + 1."""
    contributed: bool
    """Whether something of it is in a sum that was unmasked."""
    has_bond: bool
    """Whether the run's seats locked a bond."""
    at: int
    """Block time in seconds."""


def of_run(current: views.RunView) -> tuple[Departure, ...]:
    """Return all departures of a run, in the order in which they came."""
    found = [*_cheats(current), *_left(current), *_silent(current)]
    return tuple(sorted(found, key=lambda each: (each.at, each.member_id)))


def staying(current: views.RunView, member: int) -> tuple[int, int]:
    """Return how many would stay in a run's set if a member left, and how many have to.

    The ledger's rule (``transitions.exit``) but for cells, where the whole of at least one has to stay too.
    """
    attempt, roster = current.current, current.roster
    if attempt is None or roster is None:
        return 0, current.spec.min_participants
    stay = {*current.eligible(attempt)} - {member} - current.out
    is_fixed = current.is_set_fixed or roster.quorum > current.spec.min_participants
    return len(stay), roster.quorum if is_fixed else current.spec.min_participants


class Stop(enum.Enum):
    """Why a run did not go on without a silent seat."""

    WAITS = "waits"
    """The seat, or one of them, had chosen that the run waits for it."""
    TOO_FEW = "too_few"
    """Too few seats would be left."""
    COMMITTED = "committed"
    """At this step nobody may be left out: the set is fixed and not read."""


@dataclasses.dataclass(frozen=True, slots=True)
class Absence:
    """For whom a run waited to its end."""

    members: tuple[int, ...]
    """Ascending, at least one."""
    why: Stop
    left: int
    """How many seats would have been left without them."""
    needed: int
    """How many have to be left."""


def absence(current: views.RunView) -> Absence | None:
    """Return for whom a run waited until its patience was over, and why it did not go on; ``None`` where it ended otherwise."""
    members = late(current) if current.reason is run.Reason.PATIENCE_OVER else ()
    if not members or current.current is None:
        return None
    stay, needed = staying(current, members[0])
    left = stay - len(members) + 1
    seats = [current.enrolled[member] for member in members if member in current.enrolled]
    if any(seat.absence is run.Absence.WAIT for seat in seats):
        why = Stop.WAITS
    else:
        why = Stop.TOO_FEW if left < needed and current.current.phase is run.Phase.OPEN else Stop.COMMITTED
    return Absence(members, why, left, needed)


def late(current: views.RunView) -> tuple[int, ...]:
    """Return the members whose message of the present phase has not come, ascending; nobody before the first attempt."""
    attempt = current.current
    if attempt is None or attempt.phase not in (run.Phase.OPEN, run.Phase.SUBMITTED, run.Phase.FIXED):
        return ()
    expected: Iterable[int] = current.roster.member_ids if current.roster is not None else ()
    came: Iterable[int] = attempt.commits
    if attempt.phase is run.Phase.OPEN:
        expected, came = current.members_of(attempt.set_bits) if attempt.set_bits else expected, attempt.submits
    elif attempt.phase is run.Phase.FIXED:
        silent = sorted(attempt.commits.keys() - attempt.reveals.keys() - current.out - attempt.waived.keys())
        # With all Reveals there, the round is still kept open for whoever has not committed: it may have a moment more to.
        expected, came = silent or expected, attempt.reveals
    gone = {*came, *current.out, *attempt.waived}
    return tuple(member for member in expected if member not in gone)


def ended_consents(view: views.LedgerView, run_id: ids.RunId, now: float) -> Mapping[int, int]:
    """Return who still has a seat in a run under way but sends nothing more, because a consent is over: since when.

    Args:
        view: the ledger.
        run_id: a run that it knows.
        now: seconds since 1970.
    """
    current = view.runs[run_id]
    return {member: since for member, since in view.dead_seats(current, now).items() if member not in current.out}


def _cheats(current: views.RunView) -> Iterator[Departure]:
    for member, convicted in current.convicted.items():
        said = [
            each
            for attempt in current.attempts.values()
            for each in attempt.verdicts.values()
            if each.guilty_id == member and each.case_digest != messages.SILENCE
        ]
        why, round_index, other = _case(current, member, convicted)
        judges = tuple(sorted({each.member_id for each in said}))
        yield _departure(current, member, why, round_index, other=other, judges=judges, at=convicted.at)


def _case(current: views.RunView, member: int, convicted: events.Convicted) -> tuple[Why, int, int | None]:
    """Return what a member was convicted for, in which round, and who the other party is."""
    shown = current.equivocated.get(member)
    if shown is not None:
        return Why.TWO_MESSAGES, shown.round_index, None
    for place, attempt in current.attempts.items():
        for case in cases.of_attempt(place, attempt):
            if case.digest != convicted.case_digest or member not in (case.accused, case.accuser):
                continue
            if member == case.accuser:
                return Why.FALSE_ACCUSATION, place[0], case.accused
            kinds = {events.Complained: Why.BAD_BOX, events.Disputed: Why.FALSE_SUM}
            return kinds.get(type(case.said), Why.BAD_BYTES), place[0], case.accuser
    return Why.BAD_BYTES, current.round_index, None


def _left(current: views.RunView) -> Iterator[Departure]:
    for member, dropped in current.dropped.items():
        yield _departure(current, member, Why.CONSENT_OVER, _round_at(current, dropped), at=dropped.at)
    for member, left in current.exits.items():
        if member not in current.dropped:
            why = Why.LEFT if left.signature else Why.LEFT_IN_ADVANCE
            yield _departure(current, member, why, _round_at(current, left), at=left.at)


def _silent(current: views.RunView) -> Iterator[Departure]:
    for place, attempt in current.attempts.items():
        for member, waived in attempt.waived.items():
            judges = {
                each.member_id
                for each in attempt.verdicts.values()
                if (each.guilty_id, each.case_digest) == (member, messages.SILENCE)
            }
            yield _departure(current, member, Why.SILENT, place[0], judges=tuple(sorted(judges)), at=waived.at)


def _departure(
    current: views.RunView,
    member: int,
    why: Why,
    round_index: int,
    *,
    at: events.Position,
    other: int | None = None,
    judges: tuple[int, ...] = (),
) -> Departure:
    needed = current.roster.faults + 1 if current.roster is not None else 0
    contributed, has_bond = member in current.summed, current.spec.bond > 0
    return Departure(member, why, round_index, other, judges, needed, contributed, has_bond, at.time)


def _round_at(current: views.RunView, event: events.Event) -> int:
    """Return the first round that nobody had committed to when an event came."""
    done = [
        place[0]
        for place, attempt in current.attempts.items()
        if attempt.phase is run.Phase.UNMASKED and any(sent.at < event.at for sent in attempt.reveals.values())
    ]
    return max(done, default=-1) + 1
