"""A dataset after it was listed, at the command line with real servers: its models, wishes about them, in and out of use."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Place

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def model_of(place: "Place", dataset: str, run_id: str) -> dict[str, Any]:
    """Return what north is told of one model of its dataset."""
    (found,) = [
        each for each in place.done("north", "dataset", "models", dataset)["models"] if each["run_id"] == run_id
    ]
    return dict(found)


def test_a_wish_goes_from_a_dataset_to_the_models_owner(
    founded: "Place", offered: dict[str, str], trained: str
) -> None:
    """The owner of a dataset finds its model and asks for retraining; the solver reads why and answers."""
    dataset = offered["north"]
    assert founded.call("north", "run", "watch", trained, "--json").code == 0
    found = model_of(founded, dataset, trained)
    assert (found["run_id"], found["registered"], found["wishes"]) == (trained, True, [])
    reason = "The people behind it withdrew"
    asked = founded.done("north", "model", "ask", trained, "--dataset", dataset, "--retrain", "--reason", reason)
    assert (asked["wish"], asked["run_id"]) == ("retrain", trained)
    noted = founded.done("north", "log")["decisions"][0]
    assert (noted["what"], noted["about"], noted["reason"]) == (
        "ask model owners",
        f"run:{trained[2:]}",
        f"retrain: {reason}",
    )
    found = model_of(founded, dataset, trained)
    assert [each["reason"] for each in found["wishes"]] == [reason]
    assert founded.done("north", "model", "wishes")["wishes"] == []
    (wished,) = founded.done("solver", "model", "wishes")["wishes"]
    assert (wished["wish"], wished["reason"], wished["dataset"]) == ("retrain", reason, int(dataset))
    shown = founded.done("solver", "inbox", "show", wished["item"])
    assert (shown["kind"], shown["reason"], shown["model"]) == ("wish", reason, trained)
    refused = founded.call("solver", "inbox", "ask", wished["item"], "why?", "--json")
    assert (refused.code, refused.json["error"]) == (1, "InputError")
    assert founded.done("solver", "inbox", "approve", wished["item"])["standing"] == "approved"
    assert [each for each in founded.done("solver", "inbox", "list")["items"] if each["kind"] == "wish"] == []


REFUSED = {
    "another's dataset": ("solver", ["--dataset", "north", "--retire", "--reason", "x"], 1),
    "a dataset that is not in it": ("north", ["--dataset", "9999", "--retire", "--reason", "x"], 1),
    "an empty reason": ("north", ["--dataset", "north", "--retire", "--reason", " "], 1),
    "neither wish": ("north", ["--dataset", "north", "--reason", "x"], 2),
}


@pytest.mark.parametrize(("home", "options", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_wishes_that_are_none(
    founded: "Place", offered: dict[str, str], trained: str, *, home: str, options: list[str], code: int
) -> None:
    """A wish needs a dataset of one's own in the lineage, and a reason; otherwise nothing is asked."""
    said = founded.call(home, "model", "ask", trained, *[offered.get(each, each) for each in options], "--json")
    assert said.code == code, said


def test_budgets_say_what_was_told(founded: "Place", offered: dict[str, str], trained: str) -> None:
    """The record of disclosures names the run, its sites and rows in tens; nothing of epsilon is spent."""
    (found,) = [
        each
        for each in founded.done("north", "dataset", "budgets")["budgets"]
        if each["dataset"] == int(offered["north"])
    ]
    told = next(each for each in found["told"] if each["run_id"] == trained)
    assert (told["rows"], told["columns"], told["refused"]) == (60, ["age", "outcome", "sex"], [])
    assert (len(told["members"]), found["epsilon"], found["epsilon_spent"]) == (3, None, "0")
    assert "60 rows" in founded.call("north", "dataset", "budgets").out


def test_a_dataset_goes_in_and_out_of_use(founded: "Place", offered: dict[str, str]) -> None:
    """Suspend, resume and retire change the ledger, each only where it can be done; retiring has to be meant."""
    schema = str(founded.root / "schema.json")
    table = str(founded.root / "north.csv")
    publish = ["dataset", "publish", table, "--title", "Spare", "--schema", schema]
    said = founded.call("north", *publish)
    assert said.code == 1
    assert "this home has listed these rows already" in said.err
    number = str(founded.done("north", *publish, "--same-rows", "a spare one, to be retired")["dataset"])
    for act, state in (("suspend", "suspended"), ("resume", "listed"), ("suspend", "suspended")):
        assert founded.done("north", "dataset", act, number, "--reason", "a check")["state"] == state
        assert founded.done("north", "dataset", "show", number)["state"] == state
    assert founded.call("north", "dataset", "retire", number, "--json").json["next_step"] == "give --yes"
    assert founded.done("north", "dataset", "retire", number, "--yes")["state"] == "retired"
    assert founded.call("north", "dataset", "resume", number, "--json").code == 1
    assert founded.call("solver", "dataset", "suspend", offered["north"], "--json").code == 1
    noted = [each["what"] for each in founded.done("north", "log")["decisions"]]
    assert noted.count("suspend dataset") == 2
    assert noted.count("retire dataset") == 1
