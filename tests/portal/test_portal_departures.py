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
        departures=found,
    )  # fmt: skip
    names = {each.member_id: f"<site {each.member_id}>" for each in found}
    given = {"chart": None, "names": [], "members": [], "departed": names, "judging": False, **fields}
    return pages.environment(language).get_template("run_live.html").render(progress=seen, **given)


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
    for words in ("2 sites checked it", "Its bond is lost.", "stays in the model", "propose a vote", "Nobody else"):
        assert words in text
    text = shown("en", departed_runs.DEPARTED[Why.LEFT])
    for words in ("It left by itself.", "This is no fraud.", "Its bond comes back"):
        assert words in text
    assert "It is still in the training" in shown("en", departed_runs.DEPARTED[Why.SILENT])


def test_open_cases_and_safeguards_are_notices() -> None:
    """While a case is open, and when the plan's safeguard ended fitting, the page says so and blames nobody."""
    quiet = shown("en", departed_runs.made())
    assert "is accused" not in quiet
    assert "safeguard" not in quiet
    text = shown("en", departed_runs.ACCUSED, judging=True, fitting_ended="worse-too-often")
    assert "A site is accused." in text
    assert "nobody is to blame" in text
