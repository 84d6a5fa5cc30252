"""Verifying who left a run and how: signed on demand, signed in advance, consent over, or put out.

Called by ``verification`` for the participant set of the whole run: it may become smaller by these ways only
(secure-aggregation section 1). Convictions themselves are ``conviction_verification``'s.
"""

import enum
from collections.abc import Mapping, Sequence

from aicommons.domain import errors, events, messages, run
from aicommons.node import attempt_verification, evidence, examination, verdict

Outcomes = Sequence[attempt_verification.Outcome]


class Kind(enum.Enum):
    """How a seat left."""

    ON_DEMAND = "exit"
    IN_ADVANCE = "exit_in_advance"
    CONSENT_OVER = "dropped"


def kind_of(case: examination.Case, member: int) -> Kind:
    """Return how a member that is among exits or dropped seats left."""
    if member in case.current.dropped:
        return Kind.CONSENT_OVER
    return Kind.ON_DEMAND if case.current.exits[member].signature else Kind.IN_ADVANCE


def check_exits(case: examination.Case, outcomes: Outcomes, over: Mapping[bytes, bool | None]) -> None:
    """Check every way in which seats left but by conviction.

    Args:
        case: the run.
        outcomes: its attempts, checked.
        over: consent -> whether it was over when its seat was dropped, as far as the registries tell.

    Raises:
        errors.VerificationFailed: naming the member, and what its exit lacks.
    """
    current = case.current
    for member in sorted(current.exits.keys() | current.dropped.keys()):
        if member in current.exits and not evidence.has_left(current, case.run_id, member, case.place):
            raise errors.VerificationFailed("it is not signed by its member's key", which=f"Exit of member {member}")
        kind = kind_of(case, member)
        if kind is Kind.CONSENT_OVER:
            if not _check_dropped(case, current.dropped[member], over):
                continue
        elif kind is Kind.ON_DEMAND:
            _check_last_round(case, current.exits[member])
        else:
            _check_silence(case, current.exits[member], outcomes)
        case.findings.passed(kind.value)


def _check_dropped(case: examination.Case, dropped: events.Dropped, over: Mapping[bytes, bool | None]) -> bool:
    """Check that the consent of a dropped seat was over by then; return whether that is known."""
    member = int(dropped.member_id)
    which = f"dropped seat of member {member}"
    enrolled = case.current.enrolled.get(member)
    if enrolled is None or enrolled.consent_id != dropped.consent_id:
        raise errors.VerificationFailed("it names a consent that the member did not enrol with", which=which)
    was_over = over.get(dropped.consent_id)
    if was_over is None:
        words = f"whether the consent of member {member} was over when its seat was dropped"
        case.findings.gap("dropped", verdict.Why.NOT_GIVEN, words)
        return False
    if not was_over:
        raise errors.VerificationFailed("its consent was not over", which=which)
    return True


def _check_last_round(case: examination.Case, left: events.Exited) -> None:
    """Check that an exit on demand names the last round that was unmasked when it was sent."""
    which = f"Exit of member {left.member_id}"
    if left.last_round == messages.ANY_ROUND:
        return  # by the member itself, which the contract checks by the sender
    place = case.current.unmasked(left.last_round)
    revealed = [] if place is None else list(case.current.attempts[place].reveals.values())
    if not revealed or min(each.at for each in revealed) > left.at:
        raise errors.VerificationFailed(
            f"it names round {left.last_round} as its last one, which was not unmasked then", which=which
        )
    after = case.current.unmasked(left.last_round + 1)
    seen = None if after is None else case.current.attempts[after]
    with_it = seen is not None and left.member_id in evidence.participants_of(case.roster, seen)
    commits = list(seen.commits.values()) if seen is not None and with_it else []
    if commits and min(each.at for each in commits) < left.at:
        raise errors.VerificationFailed(
            f"it names round {left.last_round} as its last one, and a later one was fixed with it", which=which
        )


def _check_silence(case: examination.Case, left: events.Exited, outcomes: Outcomes) -> None:
    """Check that an exit signed in advance was used only after the member kept an attempt waiting past the patience."""
    member, current = int(left.member_id), case.current
    which = f"exit in advance of member {member}"
    if left.last_round != messages.ANY_ROUND:
        raise errors.VerificationFailed("it names a round", which=which)
    first = min((each.committed_at for each in outcomes if each.committed_at is not None), default=None)
    if first is None or first > left.at:
        raise errors.VerificationFailed("it was used before the participant set was fixed", which=which)
    patience = current.spec.patience_seconds
    waited = [
        seen
        for seen in current.attempts.values()
        if seen.phase is run.Phase.OPEN
        and member in current.members_of(seen.set_bits)
        and member not in seen.submits
        and seen.deadline + patience <= left.at.time
    ]
    if not waited:
        raise errors.VerificationFailed(
            "no attempt waited for the member past the patience before it was used",
            which=which,
            expected=f"silence of {patience} seconds past a deadline",
        )


def check_set(case: examination.Case, outcomes: Outcomes) -> None:
    """Check that the participant set became smaller only by those who are out.

    In a divided run cells sit out and come back: that every set is made of whole cells was checked with its inputs.

    Raises:
        errors.VerificationFailed: two sets in one run, or somebody is missing without having left.
    """
    found = [(outcome.committed_at, outcome) for outcome in outcomes if outcome.committed_at is not None]
    fixed = sorted(found, key=lambda each: each[0])
    members = frozenset(fixed[0][1].participants) if fixed else frozenset()
    if case.cells:
        _check_cells(case, fixed)
        case.findings.passed("set", len(members))
        return
    for at, outcome in fixed:
        for member in sorted(members ^ frozenset(outcome.participants)):
            left = examination.out_since(case.current, member)
            if member not in members or left is None or left > at:
                raise errors.VerificationFailed(
                    f"member {member} {'left' if member in members else 'joined'} without a signed Exit",
                    which=f"round {outcome.at[0]} attempt {outcome.at[1]}, participant set",
                    expected=sorted(members),
                    got=list(outcome.participants),
                )
        members = frozenset(outcome.participants)
    if fixed:
        case.findings.passed("set", len(fixed[0][1].participants))


def _check_cells(case: examination.Case, fixed: Sequence[tuple[events.Position, attempt_verification.Outcome]]) -> None:
    """Check that whoever is missing in a cell that was summed had been convicted before that set was fixed."""
    for at, outcome in fixed:
        for number, seats in enumerate(case.cells):
            cell = case.current.members_of(seats)
            missing = [member for member in cell if member not in outcome.participants]
            for member in missing if len(missing) < len(cell) else ():
                convicted = case.current.convicted.get(member)
                if convicted is None or convicted.at > at:
                    raise errors.VerificationFailed(
                        f"a part of cell {number} was summed without member {member}, who was not convicted by then",
                        which=f"round {outcome.at[0]} attempt {outcome.at[1]}, participant set",
                        expected=list(cell),
                        got=[each for each in cell if each not in missing],
                    )
