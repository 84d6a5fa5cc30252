"""The tutorials' own commands, taken from their pages and run against real processes: what is documented works."""

import csv
import json
import pathlib
from typing import TYPE_CHECKING

import mlcroissant
import pytest

if TYPE_CHECKING:
    from tests.docs.conftest import Tutorial

SECONDS = 360


@pytest.mark.e2e
@pytest.mark.timeout(SECONDS)
def test_three_organisations_run_the_tutorial_as_it_is_written(
    tutorial: "type[Tutorial]", tmp_path: pathlib.Path
) -> None:
    """Every command of the page works in its order, and the run it makes is complete, verified and usable."""
    page, folder = tutorial("three-organisations.md"), tmp_path / "three-organisations"
    with page.played(tmp_path):
        (run,) = page.say(folder, "east", "run", "list")["runs"]
        assert (run["state"], run["model"], len(run["shares"])) == ("completed", True, 4)
        verdict = page.say(folder, "foundation", "run", "verify", run["run_id"], "--from-home", "reader")
        assert verdict["verified"] is True, verdict
        (consent,) = page.say(folder, "east", "consent", "list", "--mine")["consents"]
        assert consent["state"] == "revoked"
    with (folder / "tables" / "west.csv").open(encoding="utf-8") as file:
        patients = sum(1 for _ in csv.DictReader(file))
    with (folder / "predictions.csv").open(encoding="utf-8") as file:
        predictions = list(csv.DictReader(file))
    assert len(predictions) == patients
    assert {row["prediction"] for row in predictions} == {"benign", "malignant"}


@pytest.mark.e2e
@pytest.mark.timeout(SECONDS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_hospital_publishes_its_table_as_it_is_written(tutorial: "type[Tutorial]", tmp_path: pathlib.Path) -> None:
    """The page leads to a valid card in two versions; no patient's number or name has left the hospital's own folder."""
    page, folder = tutorial("publish-my-hospitals-table.md"), tmp_path / "my-hospital"
    with page.played(tmp_path) as output:
        assert "refused, as it should be" in output
        assert "name: names of people" in output
        (listed,) = page.say(folder, "ministry", "dataset", "list")["datasets"]
        assert (listed["title"], listed["here"]) == ("Breast tumours, five measurements", False)
        card = page.say(folder, "ministry", "dataset", "show", "1")["card"]
        assert card["schema"]["target"]["name"] == "diagnosis"
        assert {field["name"] for field in card["fields"] if field["role"] == "key"} == {"patient_id"}
    assert mlcroissant.Dataset(str(folder / "tumours.croissant.json")).metadata.ctx.issues.errors == set()
    assert sorted(json.loads((folder / "hospital" / "datasets.json").read_text())["1"]["earlier"]) == ["1"]
    outside = [
        file for file in folder.rglob("*") if file.is_file() and "hospital" not in file.relative_to(folder).parts
    ]
    outside = [file for file in outside if file.name not in ("tumours.csv", "tumours-revised.csv")]
    assert len(outside) > 10
    told = [file.name for file in outside if b"N4711" in file.read_bytes() or b"Patient No." in file.read_bytes()]
    assert told == []


@pytest.mark.e2e
@pytest.mark.timeout(SECONDS)
def test_a_data_co_op_decides_by_vote_as_it_is_written(tutorial: "type[Tutorial]", tmp_path: pathlib.Path) -> None:
    """Every command of the page works in its order: no consent without the vote, one by it, and a run that used it."""
    page, folder = tutorial("start-a-data-co-op.md"), tmp_path / "start-a-data-co-op"
    with page.played(tmp_path):
        (run,) = page.say(folder, "valley", "run", "list")["runs"]
        assert (run["state"], run["model"]) == ("completed", True)
        (proposal,) = page.say(folder, "neema", "coop", "list")["proposals"]
        assert (proposal["state"], proposal["for"], proposal["against"]) == ("executed", 2, 1)
        (consent,) = page.say(folder, "valley", "consent", "list", "--mine")["consents"]
        assert (consent["state"], consent["uses"]) == ("live", 1)


@pytest.mark.e2e
@pytest.mark.timeout(SECONDS)
def test_a_childs_paper_consent_is_entered_and_withdrawn_as_it_is_written(
    tutorial: "type[Tutorial]", tmp_path: pathlib.Path
) -> None:
    """Every command of the page works in its order: the child's rows are in the first training and in no later one."""
    page, folder = tutorial("enter-and-withdraw-a-paper-consent-for-a-child.md"), tmp_path / "paper-consent"
    with page.played(tmp_path) as output:
        assert "a guardian without proof" in output
        assert "this consent was withdrawn before" in output
        first, second = (each["run_id"] for each in page.say(folder, "hill", "run", "list")["runs"])
        audits = {
            run: page.say(folder, "lake", "consent", "audit", run, "--person", "P-040") for run in (first, second)
        }
        assert [each["holds"] for each in audits.values()] == [True, True]
        seen = {
            run: {(each["persons"], each["held_back"], each["rows"], each["includes_person"]) for each in audit["contributions"]}
            for run, audit in audits.items()
        }  # fmt: skip
        assert seen == {first: {(40, 0, 41, True)}, second: {(30, 9, 30, False)}}
        adult = page.say(folder, "lake", "consent", "audit", second, "--person", "a stranger")
        assert not any(each["includes_person"] for each in adult["contributions"])
    receipt = (folder / "zuri.html").read_text(encoding="utf-8")
    assert 'lang="sw"' in receipt
    assert "Amina Njeri" in receipt
    assert len(list((folder / "receipts").glob("*.html"))) == 39
    outside = [file for home in ("hill", "town") for file in (folder / home).rglob("*") if file.is_file()]
    assert [file.name for file in outside if b"P-040" in file.read_bytes() or b"Zawadi" in file.read_bytes()] == []


PAGES = {
    "enter-and-withdraw-a-paper-consent-for-a-child.md": [
        *("ledger", "store", "node-lake", "node-hill", "node-town"),
    ],
    "start-a-data-co-op.md": ["ledger", "store", "node-valley", "node-hill", "node-coast"],
    "three-organisations.md": ["ledger", "store", "node-north", "node-south", "node-east"],
    "publish-my-hospitals-table.md": ["ledger", "store", "node"],
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_has_a_terminal_for_each_server_and_node(tutorial: "type[Tutorial]", name: str) -> None:
    """Servers and nodes never stand among the commands that end: the reader would wait for ever."""
    assert tutorial(name).terminals() == PAGES[name]


def test_a_table_is_published_in_five_commands_at_most(tutorial: "type[Tutorial]") -> None:
    """What the hospital itself has to type, from nothing to a published card, is four commands."""
    before = tutorial("publish-my-hospitals-table.md").text.split("commons --home hospital dataset show")[0]
    typed = [line for line in before.splitlines() if line.startswith("commons --home hospital")]
    assert [line.split()[3:5] for line in typed] == [
        ["init", "--name"], ["member", "apply"], ["dataset", "describe"], ["dataset", "publish"],
    ]  # fmt: skip
