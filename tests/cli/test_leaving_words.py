"""Whether a site can leave is looked at before anybody is asked, and what it means is said by what it gave."""

import dataclasses

import pytest
from tests.protocol import departed_runs

from aicommons.cli import leaving, telling
from aicommons.domain import errors, events, ids, run
from aicommons.protocol import departures
from aicommons.protocol import view as views

ABSENCES = {3: run.Absence.WAIT, 4: run.Absence.EXIT}
SEATS = {
    member: events.Enrolled(
        departed_runs.at(0), departed_runs.RUN, ids.MemberId(member), member, 1, bytes([member]) * 32,
        ids.Address(bytes(20)), ABSENCES.get(member, run.Absence.WAIT), b"",
    )
    for member in (2, 3, 4, 5, 6)
}  # fmt: skip
GOING = departed_runs.made(enrolled=SEATS)


def changed(**fields: object) -> views.RunView:
    """Return the run under way with other fields."""
    return dataclasses.replace(GOING, **fields)  # type: ignore[arg-type]


REFUSED: dict[str, tuple[views.RunView, int, str]] = {
    "a stranger": (GOING, 9, "has no seat in the run"),
    "a run that is over": (
        changed(state=run.RunState.ENDED, reason=run.Reason.CANCELLED),
        3,
        "the solver cancelled it",
    ),
    "before the first round": (changed(state=run.RunState.ACKING, attempts={}), 3, "the run has not begun"),
    "one that cheated": (changed(convicted=departed_runs.convicted(3, b"")), 3, "is out of the run already"),
    "the one too many": (
        changed(exits=departed_runs.DEPARTED[departures.Why.LEFT].exits),
        3,
        "too few sites would stay: fewer than this run or the privacy of the others needs (expected at least 4, got 3)",
    ),
}


@pytest.mark.parametrize("row", REFUSED)
def test_who_cannot_leave_is_told_before_being_asked(row: str) -> None:
    """Each refusal says why, and has a next step that leads on."""
    current, member, words = REFUSED[row]
    with pytest.raises(errors.InputError) as caught:
        leaving.check_may_leave(current, member)
    assert words in str(caught.value)
    assert caught.value.next_step


def test_whoever_is_in_may_leave() -> None:
    """Nothing keeps a site in a run while enough others stay."""
    for member in SEATS:
        leaving.check_may_leave(GOING, member)


@pytest.mark.parametrize(
    ("in_a_sum", "bond", "words"),
    [
        (True, 5, "it keeps its part of it. Its bond comes back"),
        (True, 0, "it keeps its part of it."),
        (False, 5, "it will own no part of the model. Its bond comes back"),
    ],
)
def test_what_leaving_means_is_said_by_what_was_given(in_a_sum: bool, bond: int, words: str) -> None:
    """Whose data is in a sum keeps its part; a bond is named where there is one."""
    spec = dataclasses.replace(GOING.spec, bond=bond)
    attempts = GOING.attempts if in_a_sum else {(0, 0): views.AttemptView()}
    with pytest.raises(errors.InputError) as caught:
        leaving.check_meant(changed(spec=spec, attempts=attempts), 2, "0x01", yes=False, can_ask=False)
    assert words in str(caught.value)
    assert ("bond" in str(caught.value)) == bool(bond)


def test_a_consent_that_is_over_is_no_silence() -> None:
    """A run that waits for a site whose consent was taken back says so; nobody takes it for a site that is asleep."""
    said = telling.lines(departed_runs.RUN, GOING, "site {}".format, ended=(4,))
    assert "  consent    of site 4 was taken back or is over: nothing more comes from it" in said
    assert "goes on without it" in next(line for line in said if "site 4: dataset" in line)


def test_who_did_not_confirm_is_named() -> None:
    """A run that was aborted because confirmations were missing says whose."""
    acked = {member: departed_runs.acked(member) for member in (2, 3, 5)}
    current = changed(state=run.RunState.ABORTED, reason=run.Reason.ACK_MISSING, attempts={}, acks=acked)
    said = telling.lines(departed_runs.RUN, current, "site {}".format)
    assert "  missing    confirmation (`commons run confirm`) of site 4, site 6" in said


def test_who_owes_a_new_key_is_named() -> None:
    """While keys are changed the run waits for those whose newest key is an older one, but not for who is out."""
    acked = {member: departed_runs.acked(member, epoch=member % 2) for member in (2, 3, 4, 5, 6)}
    left = {6: departed_runs.DEPARTED[departures.Why.LEFT].exits[2]}
    assert telling.waiting(changed(state=run.RunState.ACKING, acks=acked, epoch=1, exits=left)).members == (2, 4)
