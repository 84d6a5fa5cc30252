"""Problems and datasets find each other on the command line, on a real ledger and store, and both sides are told."""

import pathlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Place

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HOW_TO = pathlib.Path(__file__).parents[2] / "docs" / "how-to" / "find-data-for-a-problem.md"
PURPOSE = "DUO:0000007"
SCHEMA = {
    "features": [
        {"name": "age", "kind": "numeric", "lo": 0, "hi": 120},
        {"name": "sex", "kind": "category", "levels": ["f", "m"]},
    ],
    "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
}
PROBLEM = {
    "title": "Whose wound heals?",
    "affected": "patients",
    "decision": "whom to see again",
    "why_ai": "a simple score",
    "sdg_targets": ["3.8"],
    "action_lines": ["C7.E-health"],
    "metric": "auc",
    "baseline": "guessing",
    "purpose": PURPOSE,
    "needs": {"columns": SCHEMA, "minimum_cohort": 50},
}


def state(place: "Place", **changed: Any) -> str:
    """State the problem with changes in the solver's name and return its id."""
    file = place.write("matching-problem.json", PROBLEM | changed)
    return str(place.done("solver", "problem", "state", file)["problem"])


def reasons(found: dict[str, Any], number: int) -> list[str]:
    """Return why a dataset does not fit."""
    (one,) = [each for each in found["others"] if each["dataset"] == number]
    return [each["misfit"] for each in one["reasons"]]


def test_a_problem_lists_what_fits_and_why_the_rest_does_not(founded: "Place", offered: dict[str, str]) -> None:
    """Each site's dataset is either listed or explained, and the dataset says the same of the problem."""
    fitting = state(founded)
    found = founded.done("solver", "problem", "datasets", fitting[:14])
    own = {int(offered[site]) for site in ("north", "east", "south")}
    assert own <= {each["dataset"] for each in found["fits"]}
    narrow = {**SCHEMA, "features": [{"name": "age", "kind": "numeric", "lo": 30, "hi": 40}]}
    too_much = state(
        founded, title="Too much asked", needs={"columns": narrow, "countries": ["KE"], "minimum_cohort": 900}
    )
    refused = founded.done("solver", "problem", "datasets", too_much)
    assert own.isdisjoint({each["dataset"] for each in refused["fits"]})
    assert reasons(refused, int(offered["east"])) == ["values-outside", "cohort-too-small", "country"]
    back = founded.done("east", "dataset", "problems", offered["east"])
    assert fitting in {each["problem"] for each in back["fits"]}
    assert too_much in {each["problem"] for each in back["others"]}
    said = founded.call("solver", "problem", "datasets", too_much).out
    assert "age: asked for 30 to 40; 0 to 120" in said
    assert "rows: asked for at least 900; about 60" in said
    shown = founded.call("solver", "problem", "show", fitting).out
    assert "needs: age, sex, outcome; at least 50 rows" in shown
    assert "action lines: C7.E-health" in shown


def test_what_fits_is_told_and_can_be_put_away(founded: "Place", offered: dict[str, str]) -> None:
    """A site hears of the problem that its data could serve, once; the solver hears of the datasets."""
    problem = state(founded, title="Who comes back?")

    def told(home: str, **wanted: object) -> list[dict[str, Any]]:
        items = founded.done(home, "inbox", "list")["items"]
        return [each for each in items if all(each[name] == value for name, value in wanted.items())]

    dataset = int(offered["south"])
    (item,) = told("south", kind="problem", problem=problem, dataset=dataset)
    shown = founded.call("south", "inbox", "show", item["item"]).out
    assert "Who comes back?" in shown
    assert "inbox dismiss" in shown
    refused = founded.call("south", "inbox", "approve", item["item"])
    assert refused.code == 1
    assert "dismiss" in refused.err
    short = item["item"][: item["item"].index(":") + 16]
    assert founded.done("south", "inbox", "dismiss", short)["standing"] == "dismissed"
    assert told("south", kind="problem", problem=problem, dataset=dataset) == []
    assert told("east", kind="problem", problem=problem)
    heard = {each["dataset"] for each in told("solver", kind="dataset", problem=problem)}
    assert {int(offered[site]) for site in ("north", "east", "south")} <= heard


def test_datasets_are_found_by_purpose(founded: "Place", offered: dict[str, str]) -> None:
    """Only datasets whose rules permit the purpose are found; a code that nobody knows is an error."""
    found = founded.done("solver", "search", "--purpose", PURPOSE)["found"]
    assert {each["kind"] for each in found} == {"dataset"}
    assert offered["east"] in {each["id"] for each in found}
    assert founded.done("solver", "search", "--purpose", "aic:SocialScoring")["found"] == []
    unknown = founded.call("solver", "search", "--purpose", "DUO:1")
    assert unknown.code == 1
    assert "policy purposes" in unknown.err
    assert founded.call("solver", "search", "--purpose", PURPOSE, "--kind", "member").code == 2


def test_the_how_to_is_true(founded: "Place", offered: dict[str, str]) -> None:
    """The problem that the how-to states is taken as it stands there, and data is found for it."""
    found = re.search(r"^```json\n(.*?)^```$", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    file = founded.write("how-to.json", found.group(1))
    said = founded.call("solver", "problem", "state", file)
    assert said.code == 0, said
    assert "problem datasets 0x" in said.out
    fits = founded.done("solver", "problem", "datasets", said.out.split()[1])["fits"]
    assert int(offered["north"]) in {each["dataset"] for each in fits}


def test_a_denial_reaches_whoever_opened_the_run(
    founded: "Place", offered: dict[str, str], make_table: Callable[[int, int], str]
) -> None:
    """Opening a run asks every fitting site; each finds the words beside the run, and a refusal comes back with its reason.

    A site with two datasets is asked about both, decides once, and both requests are answered.
    """
    file, schema = founded.write("east2.csv", make_table(60, 9)), founded.write("schema.json", SCHEMA)
    second = str(founded.done("east", "dataset", "publish", file, "--title", "East 2", "--schema", schema)["dataset"])
    problem = state(founded, title="Who is asked?")
    words = "May your patients' rows be counted?"
    arguments = ("--problem", problem, "--plan", offered["plan"], "--purpose", PURPOSE, "--ask", words)
    opened = founded.done("solver", "run", "open", *arguments)
    assert {second, *(offered[site] for site in ("north", "east", "south"))} == set(opened["asked"])
    waiting = founded.done("east", "inbox", "list")["items"]
    (item,) = [each for each in waiting if each["run_id"] == opened["run_id"] or each["kind"] == "request"]
    assert words in founded.call("east", "inbox", "show", item["item"]).out
    founded.done("east", "inbox", "deny", item["item"], "Not before our board has met")
    for dataset in (second, offered["east"]):
        shown = founded.done("solver", "request", "show", str(opened["asked"][dataset]))
        assert shown["state"] == "denied"
        assert shown["letters"][-1]["words"] == "Not before our board has met"


def test_unknown_names_are_said(founded: "Place", offered: dict[str, str]) -> None:
    """A dataset or problem that is none leads to the list."""
    for arguments in (["problem", "datasets", "0x0000000000"], ["dataset", "problems", "999"]):
        said = founded.call("solver", *arguments)
        assert said.code == 1
        assert f"{arguments[0]} list" in said.err
    assert offered
