"""A run's page says who is out of it, why, and what that site can do, in every language."""

from typing import Any

import pytest
from tests.protocol import departed_runs

from aicommons.owner import progress
from aicommons.portal import catalogues, pages
from aicommons.protocol import departures

Why = departures.Why


def shown(language: str, current: Any, **fields: Any) -> str:
    """Return the living part of a run's page."""
    found = departures.of_run(current)
    seen = progress.Progress(
        run_id=departed_runs.RUN, title="", current=current, rounds=(), is_ours=True, is_confirmed=True, bytes_sent=0,
        together={}, alone={}, not_judged=None, not_permitted=None, fitting_ended=fields.pop("fitting_ended", None),
        departures=found, absence=fields.pop("absence", None), consents_over=(), may_leave=fields.pop("may_leave", False),
    )  # fmt: skip
    names = {each.member_id: f"<site {each.member_id}>" for each in found}
    given = {"chart": None, "names": [], "members": [], "departed": names, "judging": False, "ended": [], **fields}
    given["may_leave"] = seen.may_leave
    parts = [pages.environment(language).get_template(name) for name in ("run_live.html", "run_sent.html")]
    return "".join(part.render(progress=seen, **given) for part in parts)


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
@pytest.mark.parametrize("why", Why)
def test_each_way_out_is_shown(language: str, why: Why) -> None:
    """Each reason has its words, and a name is only text."""
    text = shown(language, departed_runs.DEPARTED[why])
    assert "&lt;site " in text
    assert ("commons run verify" in text) is why.is_cheating
    others = {shown(language, departed_runs.DEPARTED[other]) for other in Why if other is not why}
    assert text not in others


def test_what_it_means_is_shown() -> None:
    """Bond, contributions and what to do stand beside the reason."""
    text = shown("en", departed_runs.DEPARTED[Why.BAD_BOX])
    for words in (
        "2 sites checked it",
        "Its bond is lost.",
        "stays in the model",
        "It owns no part",
        "propose a vote",
        "Nobody else",
    ):
        assert words in text
    text = shown("en", departed_runs.DEPARTED[Why.LEFT])
    for words in ("It left by itself.", "This is no fraud.", "Its bond comes back", "It keeps its part"):
        assert words in text
    assert "It is still in the training" in shown("en", departed_runs.DEPARTED[Why.SILENT])


def test_who_is_out_and_whose_consent_is_over_is_shown() -> None:
    """The list says who is out, a consent that is over is no silence, and whoever may leave reads how."""
    members = [("<b>North</b>", True), ("South", False)]
    text = shown("en", departed_runs.made(), members=members, ended=["<i>East</i>"], may_leave=True)
    assert "&lt;b&gt;North&lt;/b&gt; (out)</li><li>South</li>" in text
    assert "&lt;i&gt;East&lt;/i&gt; sends nothing more: its consent was taken back or is over." in text
    assert f"commons run leave {departed_runs.RUN.hex()[:12]}" in text
    assert "run leave" not in shown("en", departed_runs.made())


def test_open_cases_and_safeguards_are_notices() -> None:
    """While a case is open, and when the plan's safeguard ended fitting, the page says so and blames nobody."""
    quiet = shown("en", departed_runs.made())
    assert "is accused" not in quiet
    assert "safeguard" not in quiet
    text = shown("en", departed_runs.ACCUSED, judging=True, fitting_ended="worse-too-often")
    assert "A site is accused." in text
    assert "nobody is to blame" in text


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
@pytest.mark.parametrize("why", departures.Stop)
def test_for_whom_a_run_waited_is_shown(language: str, why: departures.Stop) -> None:
    """Who was absent at the end has a name, as text only, and each reason has its words."""
    current = departed_runs.DEPARTED[Why.LEFT]
    told = {
        each: shown(language, current, absence=departures.Absence((3,), each, 3, 4), absent="<site 3>")
        for each in departures.Stop
    }
    assert "&lt;site 3&gt;" in told[why]
    assert [each for each in departures.Stop if told[each] == told[why]] == [why]
    assert "&lt;site 3&gt;" not in shown(language, current)
