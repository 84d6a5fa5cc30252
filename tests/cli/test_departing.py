"""What `run show` says of those who are out of a run: in words that need no knowledge of the protocol."""

import dataclasses
import pathlib

import pytest
from tests.protocol import departed_runs

from aicommons.cli import departing, own
from aicommons.domain import run
from aicommons.learning import state
from aicommons.protocol import departures

Why = departures.Why
SAID: dict[Why, tuple[str, ...]] = {
    Why.BAD_BOX: (
        "Out of the run: site 2",
        "that it sealed for site 6 does not fit what it had signed",
        "site 3, site 4 checked it, each by itself, and signed so (2 are needed)",
        "it counts as proven cheating; its bond is lost; what it gave to rounds that are summed stays in the model",
        "check the evidence: `commons run verify 0x01`",
        "if it holds this for a mistake, put it to the members' vote",
        "others     nothing: the run goes on without it by itself",
    ),
    Why.FALSE_SUM: ("false sum of masks; site 6 opened the first piece", "its bond is lost"),
    Why.FALSE_ACCUSATION: ("Out of the run: site 6", "it accused site 2, and the evidence", "its bond is lost"),
    Why.BAD_BYTES: ("wrong for everybody to see", "its bond is lost"),
    Why.TWO_MESSAGES: ("two different messages where one is allowed", "its bond is lost", "commons key rotate"),
    Why.CONSENT_OVER: ("consent for its dataset was taken back or is over", "it is no fraud; its bond comes back"),
    Why.LEFT: ("it left by itself", "it is no fraud; its bond comes back", "take part in a new run"),
    Why.LEFT_IN_ADVANCE: ("silent for longer than the run waits", "it is no fraud", "commons node start"),
    Why.SILENT: ("Not waited for: site 2", "it is still in the run", "it goes on in the next round"),
}


def told(current: object) -> str:
    """Return what is said of a run."""
    return "\n".join(departing.lines(current, lambda member: f"site {member}", "commons run verify 0x01"))


@pytest.mark.parametrize("why", Why)
def test_each_way_out_is_told_in_words(why: Why) -> None:
    """Who, since when, why, what it means, what it can do, and what the others have to do."""
    text = told(departed_runs.DEPARTED[why])
    for words in (*SAID[why], "  since      round 1", "  others     nothing"):
        assert words in text


def test_what_was_not_lost_is_not_said_to_be() -> None:
    """Without a bond none is named; who was put out before a sum gave nothing to it."""
    current = departed_runs.DEPARTED[Why.BAD_BOX]
    text = told(dataclasses.replace(current, spec=dataclasses.replace(current.spec, bond=0)))
    assert "bond" not in text
    attempts = {place: dataclasses.replace(seen, set_bits=30) for place, seen in current.attempts.items()}
    assert "no sum holds its data" in told(dataclasses.replace(current, attempts=attempts))


def test_an_open_case_says_who_has_to_do_what() -> None:
    """While nobody is convicted the others are told to let their nodes run; a run that is over waits for nobody."""
    text = told(departed_runs.ACCUSED)
    assert "Not decided yet: site 6 accuses site 2, round 1" in text
    assert "let their nodes run" in text
    assert told(dataclasses.replace(departed_runs.ACCUSED, state=run.RunState.ENDED)) == ""
    over = dataclasses.replace(departed_runs.DEPARTED[Why.BAD_BOX], state=run.RunState.ENDED)
    assert "nothing: the run is over, and its last agreed state is kept" in told(over)


def test_json_says_the_same() -> None:
    """Programs get the same facts."""
    (found,) = departing.as_json(departed_runs.DEPARTED[Why.BAD_BOX])
    assert (found["why"], found["out"], found["bond_lost"]) == ("bad_box", True, True)
    (found,) = departing.as_json(departed_runs.DEPARTED[Why.SILENT])
    assert (found["out"], found["cheating"], found["bond_lost"], found["judges"]) == (False, False, False, [3, 4])


def test_every_end_of_fitting_has_words() -> None:
    """Each reason of the learner is told, the plan's own safeguard among them."""
    assert set(own.ENDED) == {reason.value for reason in state.Reason}
    found = {
        "confirmed": True, "bytes_sent": 1, "not_permitted": None, "figures": {}, "refusals": [],
        "fitting_ended": "worse-too-often",
    }  # fmt: skip
    assert "  fitting    ended: the model got worse on held-out rows" in "\n".join(own.report_in_words(found))


def test_the_how_to_shows_what_is_said() -> None:
    """The example on the page for those who are put out is what the command prints."""
    names = {2: "North hospital", 3: "East clinic", 4: "South clinic", 6: "West hospital"}
    page = (pathlib.Path(__file__).parents[2] / "docs" / "how-to" / "when-a-site-is-excluded.md").read_text()
    found = departing.lines(
        departed_runs.DEPARTED[Why.BAD_BOX],
        lambda member: f"{names[member]} (member {member})",
        "commons run verify 0x00010203",
    )
    assert "```text\n" + "\n".join(found[1:]) + "\n```" in page
