"""What is open between the seats of a run, and who owes what because of it."""

import dataclasses
from typing import Any

import pytest
from tests.protocol import test_duties as owed

from aicommons.domain import events, ids, messages
from aicommons.domain.run import Phase
from aicommons.domain.run import RunState as State
from aicommons.protocol import cases, duties, transitions
from aicommons.protocol import view as views

AT = events.Position(4, 0, 40)
PLACE = (0, 0)
SID, HEAD, PROOF = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32


def complaint(accuser: int, accused: int) -> events.Complained:
    """Return a complaint about a box."""
    told = (owed.RUN, ids.MemberId(accuser), *PLACE, SID, ids.MemberId(accused), HEAD, PROOF, bytes(65))
    return events.Complained(AT, *told)


def verdict(judge: int, guilty: int, digest: bytes) -> events.VerdictGiven:
    """Return a verdict."""
    return events.VerdictGiven(AT, owed.RUN, ids.MemberId(judge), *PLACE, SID, digest, ids.MemberId(guilty), bytes(65))


def seen(*said: Any, **more: Any) -> views.AttemptView:
    """Return an attempt with accusations in it."""
    return views.AttemptView(
        Phase.SUBMITTED,
        0b111,
        10**6,
        complaints={each.case: each for each in said if isinstance(each, events.Complained)},
        verdicts={each.case: each for each in said if isinstance(each, events.VerdictGiven)},
        **more,
    )


def names(attempt: views.AttemptView) -> list[tuple[int, int | None, bytes]]:
    """Return accused, accuser and digest of each case."""
    return [(case.accused, case.accuser, case.digest) for case in cases.of_attempt(PLACE, attempt)]


def test_what_is_a_case() -> None:
    """A complaint is one; a verdict on it is none of its own, one on bytes that are bad for everybody is, silence is not."""
    attempt = seen(complaint(2, 4), verdict(6, 4, PROOF), verdict(6, 2, PROOF), verdict(6, 2, messages.SILENCE))
    assert names(attempt) == [(4, 2, PROOF)]
    assert names(seen(verdict(6, 4, HEAD), verdict(2, 4, HEAD))) == [(4, None, HEAD)]


def test_every_case_has_its_own_key() -> None:
    """The same evidence against another member, by another one, or in another attempt is another case."""
    one = next(cases.of_attempt(PLACE, seen(complaint(2, 4))))
    others = [
        dataclasses.replace(one, place=(0, 1)),
        dataclasses.replace(one, place=(1, 0)),
        dataclasses.replace(one, accused=6),
        dataclasses.replace(one, accuser=6),
        dataclasses.replace(one, accuser=None),
        dataclasses.replace(one, digest=HEAD),
    ]
    assert len({each.key for each in (one, *others)}) == 7


def owes(run_of: Any, sent: Any, attempt: views.AttemptView, *, member: int = 4, **known: Any) -> set[duties.DutyKind]:
    """Return what a member owes."""
    run = known.pop("run", {})
    at = known.pop("now", 1_000.0)
    view = owed.view_of(owed.Row([], Phase.SUBMITTED, run=run), run_of, sent)
    current = dataclasses.replace(view.runs[owed.RUN], attempts={PLACE: attempt}, round_index=0, attempt=0)
    view = dataclasses.replace(view, runs={owed.RUN: current})
    remembered = {owed.RUN: dataclasses.replace(owed.USUAL, **known)}
    return {each.kind for each in duties.due(view, ids.MemberId(member), remembered, at)}


JUDGING: dict[str, tuple[dict[str, Any], bool]] = {
    "accused by another": ({"said": [complaint(2, 6)]}, True),
    "accuser": ({"said": [complaint(4, 6)]}, True),
    "accused": ({"said": [complaint(2, 4)]}, False),
    "judged before": ({"said": [complaint(2, 6)], "judged": "key"}, False),
    "named before": ({"said": [complaint(2, 6), verdict(4, 6, HEAD)]}, False),
    "convicted": ({"said": [complaint(2, 6)], "run": {"convicted": {6: None}}}, False),
    "the accuser is convicted": ({"said": [complaint(2, 6)], "run": {"convicted": {2: None}}}, False),
    "out itself": ({"said": [complaint(2, 6)], "run": {"convicted": {4: None}}}, False),
    "left itself": ({"said": [complaint(2, 6)], "run": {"exits": {4: None}}}, False),
    "just over": ({"said": [complaint(2, 6)], "run": {"state": State.ENDED, "changed_at": 900}}, True),
    "over for a day": (
        {
            "said": [complaint(2, 6)],
            "run": {"state": State.ENDED, "changed_at": 900},
            "now": 901.0 + duties.JUDGING_SECONDS,
        },
        False,
    ),
    "without a key": ({"said": [complaint(2, 6)], "has_key": False}, True),
    "not confirmed": ({"said": [complaint(2, 6)], "is_pinned": False}, False),
}


@pytest.mark.parametrize(("row", "expected"), JUDGING.values(), ids=JUDGING.keys())
def test_who_judges(run_of: Any, sent: Any, row: dict[str, Any], *, expected: bool) -> None:
    """Every seat that is there looks into what others are accused of, once, until a day after the end."""
    known = dict(row)
    attempt = seen(*known.pop("said"))
    if known.get("judged") == "key":
        known["judged"] = frozenset(case.key for case in cases.of_attempt(PLACE, attempt))
    assert (duties.DutyKind.JUDGE in owes(run_of, sent, attempt, **known)) == expected


WAIVING: dict[str, tuple[State, Phase, list[Any], bool]] = {
    "a pause": (State.PAUSED, Phase.FIXED, [], True),
    "no pause": (State.RUNNING, Phase.FIXED, [], False),
    "no certificate": (State.PAUSED, Phase.SUBMITTED, [], False),
    "said before": (State.PAUSED, Phase.FIXED, [verdict(4, 6, messages.SILENCE)], False),
    "said by another": (State.PAUSED, Phase.FIXED, [verdict(2, 6, messages.SILENCE)], True),
}


@pytest.mark.parametrize(("state", "phase", "said", "expected"), WAIVING.values(), ids=WAIVING.keys())
def test_who_is_named_as_silent(
    run_of: Any, sent: Any, state: State, phase: Phase, said: list[Any], *, expected: bool
) -> None:
    """Who committed and has not revealed when a certified round pauses."""
    commits = {each: sent(events.Committed, each, PLACE) for each in (2, 4, 6)}
    reveals = {each: sent(events.Revealed, each, PLACE) for each in (2, 4)}
    attempt = dataclasses.replace(seen(*said, commits=commits, reveals=reveals), phase=phase)
    assert (duties.DutyKind.WAIVE in owes(run_of, sent, attempt, run={"state": state})) == expected


MONTH = 30.0 + transitions.EPOCH_SECONDS
RENEWING: dict[str, tuple[State, Phase, float, bool, bool]] = {
    "before the month is over": (State.RUNNING, Phase.OPEN, MONTH - 10, True, False),
    "after it": (State.RUNNING, Phase.OPEN, MONTH + 10, True, True),
    "in a pause": (State.PAUSED, Phase.OPEN, MONTH + 10, True, True),
    "between two rounds": (State.RUNNING, Phase.UNMASKED, MONTH + 10, True, True),
    "while a certificate is made": (State.RUNNING, Phase.SUBMITTED, MONTH + 10, True, False),
    "while masks are opened": (State.RUNNING, Phase.FIXED, MONTH + 10, True, False),
    "a key that is lost, in a pause": (State.PAUSED, Phase.OPEN, 1_000.0, False, True),
    "a key that is lost": (State.RUNNING, Phase.OPEN, 1_000.0, False, False),
    "while keys are announced": (State.ACKING, Phase.OPEN, MONTH + 10, True, False),
}


@pytest.mark.parametrize(("state", "phase", "now", "has_key", "expected"), RENEWING.values(), ids=RENEWING.keys())
def test_when_new_keys_are_asked_for(
    run_of: Any, sent: Any, state: State, phase: Phase, now: float, has_key: bool, expected: bool
) -> None:
    """After thirty days by anybody, in a pause by who lost its own; never during a certificate."""
    attempt = dataclasses.replace(seen(), phase=phase)
    found = owes(run_of, sent, attempt, run={"state": state}, now=now, has_key=has_key)
    assert (duties.DutyKind.ROTATE in found) == expected
