"""Verifying what followed from verdicts: who was convicted and rightly so, and whose Reveal was not waited for.

Called by ``verification`` after every attempt was checked by itself, signatures and cases included
(``case_verification``). A conviction rests on f + 1 signed verdicts of seats of the run, or on two messages of the
member's own; here both are counted again. It leaves out bonds: who holds money is the contract's record.
"""

from collections.abc import Sequence

from aicommons.domain import errors, events, messages, run
from aicommons.node import attempt_verification, evidence, examination, verdict

J = verdict.Judgement
Outcomes = Sequence[attempt_verification.Outcome]


def check_convictions(case: examination.Case, outcomes: Outcomes) -> None:
    """Check every conviction, that none is missing, and that whoever was convicted is in no later set.

    Args:
        case: the run.
        outcomes: its attempts, checked.

    Raises:
        errors.VerificationFailed: naming the member and why its conviction does not hold.
    """
    current = case.current
    for member, convicted in sorted(current.convicted.items()):
        _check_in_roster(case, member, "conviction")
        shown = current.equivocated.get(member)
        if shown is not None:
            _check_equivocation(case, shown, outcomes)
        else:
            _check_by_verdicts(case, convicted, outcomes)
        _check_out(convicted, outcomes)
        case.findings.passed("convictions")
    for member in sorted(current.equivocated.keys() - current.convicted.keys()):
        raise errors.VerificationFailed("nobody was convicted of it", which=f"two messages of member {member}")
    _check_none_hidden(case)
    if current.reason is run.Reason.CHEATING and not current.convicted:
        raise errors.VerificationFailed("nobody was convicted", which="end of the run for cheating")


def check_waivers(case: examination.Case) -> None:
    """Check that Reveals were only not waited for where f + 1 seats signed so and others revealed each of its columns.

    Raises:
        errors.VerificationFailed: naming round, attempt and member.
    """
    for at, seen in sorted(case.current.attempts.items()):
        for member, waived in sorted(seen.waived.items()):
            which = f"round {at[0]} attempt {at[1]}, waived Reveal of member {member}"
            _check_in_roster(case, member, "waived Reveal")
            said = [
                each
                for each in seen.verdicts.values()
                if (each.guilty_id, each.case_digest) == (member, messages.SILENCE)
            ]
            _check_enough(case, _seats(case, said, waived), which, "of silence")
            if member not in seen.commits:
                raise errors.VerificationFailed("it had not committed, so nobody waited for it", which=which)
            _check_other_holders(case, member, frozenset(seen.reveals) - {member}, which=which, at=at)
            case.findings.passed("waived")


def needed(case: examination.Case) -> int:
    """Return how many seats have to say the same: f + 1."""
    return case.layout.faults + 1


def _check_in_roster(case: examination.Case, member: int, what: str) -> None:
    if member not in case.roster.member_ids:
        raise errors.VerificationFailed("it has no seat in this run", which=f"{what} of member {member}")


def _against(case: examination.Case, member: int) -> list[events.VerdictGiven]:
    """Return the verdicts that name a member as a cheat, in the ledger's order."""
    said = [each for seen in case.current.attempts.values() for each in seen.verdicts.values()]
    found = [each for each in said if each.guilty_id == member and each.case_digest != messages.SILENCE]
    return sorted(found, key=lambda each: each.at)


def _seats(
    case: examination.Case, said: Sequence[events.VerdictGiven], until: events.Convicted | events.Waived | None
) -> frozenset[int]:
    """Return the seats that said so before ``until``, each as long as it had a place in the run."""
    return frozenset(
        each.member_id for each in said if (until is None or each.at <= until.at) and not _was_out(case, each)
    )


def _was_out(case: examination.Case, said: events.VerdictGiven) -> bool:
    """Return whether a member had left or was put out before it said something."""
    out = examination.out_since(case.current, said.member_id)
    return out is not None and out < said.at


def _check_enough(case: examination.Case, seats: frozenset[int], which: str, of: str) -> None:
    if len(seats) < needed(case):
        raise errors.VerificationFailed(
            f"too few valid verdicts {of} stand behind it", which=which, expected=needed(case), got=len(seats)
        )


def _check_other_holders(
    case: examination.Case, member: int, revealed: frozenset[int], *, at: tuple[int, int], which: str
) -> None:
    """Check that somebody else revealed every column of a member that was not waited for."""
    layout, members = case.committee(at).layout, case.roster.member_ids
    for column in layout.columns_of(members.index(member)):
        if not revealed & {members[index] for index in layout.columns[column]}:
            raise errors.VerificationFailed(f"column {column} has no other holder's Reveal", which=which)


def _check_by_verdicts(case: examination.Case, convicted: events.Convicted, outcomes: Outcomes) -> None:
    """Check a conviction by verdicts: enough of them, and what they rest on does not say the contrary."""
    member = int(convicted.guilty_id)
    which, said = f"conviction of member {member}", _against(case, member)
    seats = _seats(case, said, convicted)
    _check_enough(case, seats, which, "of cheating")
    if convicted.case_digest not in {each.case_digest for each in said}:
        raise errors.VerificationFailed(
            "it names a case that no verdict names", which=which, got=convicted.case_digest.hex()[:16] + "…"
        )
    named = {((each.round_index, each.attempt), each.case_digest) for each in said}
    found = {
        each.against(member)
        for outcome in outcomes
        for each in outcome.cases
        if (outcome.at, each.digest) in named and member in (each.accused, each.accuser)
    }
    judgement = next((each for each in (J.PROVEN, J.GONE, J.UNJUDGED) if each in found), J.FALSE)
    if judgement is J.FALSE:
        raise errors.VerificationFailed(
            "judged again, its evidence does not show that the member cheated",
            which=which,
            expected="proof",
            got="none",
        )
    _tell(case, verdict.Conviction(member, len(seats), needed(case), judgement))


def _tell(case: examination.Case, told: verdict.Conviction) -> None:
    case.findings.convictions.append(told)
    why = {J.GONE: verdict.Why.NOT_IN_STORE, J.UNJUDGED: verdict.Why.NOT_GIVEN}.get(told.judgement)
    if why is not None:
        case.findings.gap("convictions", why, f"whether member {told.member_id} cheated: {told.words}")


def _check_equivocation(case: examination.Case, shown: events.Equivocated, outcomes: Outcomes) -> None:
    """Check two messages of one member: the session computed again where its state is known, signatures, contents."""
    member, at = int(shown.guilty_id), (shown.round_index, shown.attempt)
    which = f"two messages of member {member}"
    if at not in case.current.attempts:
        raise errors.VerificationFailed(f"there was no round {at[0]} attempt {at[1]}", which=which)
    if not evidence.has_equivocated(case.place, case.current, shown):
        raise errors.VerificationFailed(
            "they are not two different ones of one kind and session, both signed by its key", which=which
        )
    if shown.sid not in [outcome.sid for outcome in outcomes if outcome.at == at]:
        words = (
            f"that the session of the two messages of member {member} is one of this run: its state is not known here"
        )
        case.findings.gap("convictions", verdict.Why.NOT_GIVEN, words)
    _tell(case, verdict.Conviction(member, 0, needed(case), J.PROVEN))


def _check_out(convicted: events.Convicted, outcomes: Outcomes) -> None:
    """Check that no set was closed or certified with a member after its conviction."""
    member, since = int(convicted.guilty_id), convicted.at
    for outcome in outcomes:
        ends = [at for at in (outcome.closed_at, outcome.committed_at) if at is not None]
        if member in outcome.participants and any(at > since for at in ends):
            raise errors.VerificationFailed(
                f"member {member} was convicted before, and is in it",
                which=f"round {outcome.at[0]} attempt {outcome.at[1]}, participant set",
            )


def _check_none_hidden(case: examination.Case) -> None:
    """Check that whoever f + 1 seats named as a cheat was convicted: the contract does that with the last verdict."""
    for member in case.roster.member_ids:
        seats = _seats(case, _against(case, member), None)
        if len(seats) >= needed(case) and member not in case.current.convicted:
            raise errors.VerificationFailed(
                "enough seats name it as a cheat, and the ledger does not show it convicted",
                which=f"verdicts on member {member}",
                expected=f"fewer than {needed(case)}",
                got=len(seats),
            )
