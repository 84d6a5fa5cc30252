"""A steward's day at the command line, with real servers and nodes: papers in, a training, a withdrawal, an audit."""

import hashlib
import itertools
import json
import pathlib
import random
from typing import TYPE_CHECKING

import pytest
from click import testing

from aicommons.cli import main

if TYPE_CHECKING:
    from tests.cli.conftest import Place

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PURPOSE = "DUO:0000007"
COMMON = ("--purpose", PURPOSE, "--until", "2999-12-31", "--steward", "Amina")
TABLES = itertools.count()
PEOPLE = [f"patient-{number}" for number in range(60)]
SITES = ("north", "east", "south")


@pytest.fixture
def dataset(founded: "Place", trained: str) -> int:
    """A table of north's with a column that says whose row it is, and a register that is open on the ledger."""
    number = next(TABLES)  # each test has a table of its own: a home lists the same rows once
    draw = random.Random(number)
    lines = ["patient,age,sex,outcome"]
    for person in PEOPLE:
        age = draw.uniform(20, 90)
        lines.append(f"{person},{age:.1f},{draw.choice('fm')},{'yes' if draw.gauss(age, 15) > 55 else 'no'}")
    table = founded.write(f"people-{number}.csv", "\n".join(lines) + "\n")
    schema = str(founded.root / "schema.json")
    made = founded.done("north", "dataset", "publish", table, "--title", "People of north", "--schema", schema)
    opened = founded.done("north", "consent", "open", str(made["dataset"]), "--person", "patient")
    assert opened == {"dataset": made["dataset"], "person": "patient"}
    return int(made["dataset"])


def run_with(founded: "Place", dataset: int, offered: dict[str, str]) -> str:
    """Carry a run on the people's dataset to its end, on a problem of its own."""
    problem = json.loads((founded.root / "problem.json").read_text()) | {"title": f"Problem {random.random()}"}
    stated = founded.done("solver", "problem", "state", founded.write("other.json", problem))["problem"]
    run_id = founded.open_run({**offered, "problem": stated}, "--rounds", "3")
    brought = {"north": str(dataset), "east": offered["east"], "south": offered["south"]}
    for site, number in brought.items():
        given = founded.done(site, "consent", "give", number, "--purpose", PURPOSE, "--problem", stated[:14])
        founded.done(site, "run", "enrol", run_id, "--dataset", number, "--consent", given["consent"])
    fingerprint = founded.done("solver", "run", "close", run_id)["fingerprint"]
    for site in SITES:
        founded.done(site, "run", "confirm", run_id, "--fingerprint", fingerprint)
    followed = founded.call("north", "run", "watch", run_id, "--json")
    assert followed.code == 0, followed
    assert followed.objects[-1]["state"] == "completed"
    return run_id


def test_papers_in_a_training_and_a_withdrawal(
    founded: "Place", dataset: int, offered: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """Papers are imported and posted, a run uses them, somebody withdraws with the receipt, the next run lacks the rows."""
    number = str(dataset)
    papers = ["person,given,evidence,language"]
    papers += [f"{person},2026-01-05,{hashlib.sha256(person.encode()).hexdigest()},sw" for person in PEOPLE[:58]]
    file = founded.write("papers.csv", "\n".join(papers) + "\n")
    receipts = tmp_path / "receipts"
    imported = founded.done("north", "consent", "import", number, file, "--receipts", str(receipts), *COMMON)
    assert imported["entered"] == 58
    assert len(list(receipts.glob("*.html"))) == 58
    one = tmp_path / "receipt.json"
    entered = founded.done(
        "north", "consent", "enter", number, "--person", PEOPLE[58], "--evidence", "cd" * 32, "--receipt", str(one), *COMMON
    )  # fmt: skip
    assert json.loads(one.read_text())["code"] == entered["code"]
    posted = founded.done("north", "consent", "post", number)
    assert (posted["consents"], posted["withdrawn"]) == (59, 0)

    first = run_with(founded, dataset, offered)
    audited = founded.done("north", "consent", "audit", first)
    assert audited["holds"] is True
    assert {(each["persons"], each["rows"]) for each in audited["contributions"]} == {(59, 59)}
    verified = founded.done("solver", "run", "verify", first)
    assert [each["committed"] for each in verified["consented"]] == [3, 0, 0]

    arguments = ["--home", str(founded.root / "north"), "consent", "withdraw", "--code", "--json"]
    asked = testing.CliRunner().invoke(main.commons, arguments, input=f"{entered['code']}\n")
    assert entered["code"] not in asked.output, "typed where nobody sees it"
    assert json.loads(asked.stdout) == {"withdrawn": [f"{dataset}-58"], "left": []}
    assert founded.done("north", "consent", "lookup", number)["withdrawn"] == 1
    founded.done("north", "consent", "post", number)
    second = run_with(founded, dataset, offered)
    audited = founded.done("north", "consent", "audit", second)
    assert audited["holds"] is True
    assert {(each["persons"], each["held_back"]) for each in audited["contributions"]} == {(49, 9)}

    again = founded.call("north", "consent", "withdraw", "--code", entered["code"], "--json")
    assert again.code == 1
    assert "nothing is left to withdraw" in json.loads(again.out)["message"]


def test_somebody_withdraws_without_the_steward(founded: "Place", dataset: int, tmp_path: pathlib.Path) -> None:
    """With receipt and proof a withdrawal goes to the ledger from anybody's home; a second one is refused there."""
    out, proof = tmp_path / "again.html", tmp_path / "proof.json"
    entered = founded.done(
        "north", "consent", "enter", str(dataset), "--person", PEOPLE[59], "--evidence", "ef" * 32, *COMMON
    )
    name = f"{dataset}-{entered['number']}"
    early = founded.call("north", "consent", "receipt", name, "--proof", str(proof), "--json")
    assert "not on the ledger yet" in json.loads(early.out)["message"]
    founded.done("north", "consent", "post", str(dataset))
    founded.done("north", "consent", "receipt", name, "--out", str(out), "--proof", str(proof))
    assert "<svg" in out.read_text()
    gone = founded.done("solver", "consent", "withdraw", "--code", entered["code"], "--proof", str(proof))
    assert gone == {"withdrawn": [name]}
    twice = founded.call("solver", "consent", "withdraw", "--code", entered["code"], "--proof", str(proof))
    assert twice.code == 1


def test_a_child_and_its_majority(founded: "Place", dataset: int) -> None:
    """A child needs a guardian with proof; what is missing is named by its option; who came of age is found."""
    slip = founded.call(
        "north", "consent", "enter", str(dataset), "--person", "patient-x", "--evidence", "aa" * 32, *COMMON
    )
    assert "no row of the table has this key now" in slip.err
    assert "--not-in-table" in slip.err
    child = ("--person", PEOPLE[7], "--evidence", "aa" * 32, "--born", "2020-05-06", *COMMON)
    refused = founded.call("north", "consent", "enter", str(dataset), *child, "--json")
    assert "--guardian: a child without a guardian" in json.loads(refused.out)["message"]
    unproven = founded.call("north", "consent", "enter", str(dataset), *child, "--guardian", "A mother", "--json")
    assert "--guardian-paper: a guardian without proof" in json.loads(unproven.out)["message"]
    assert "attest-guardian" in json.loads(unproven.out)["next_step"]
    scan = founded.write("birth.pdf", "a scan")
    made = founded.done(
        "north", "consent", "enter", str(dataset), *child, "--guardian", "A mother", "--guardian-paper", scan
    )
    assert (made["subject"], made["majority"]) == ("dpv:Child", 2_156_716_800)
    found = founded.done("north", "consent", "lookup", str(dataset), "--person", PEOPLE[7])["consents"]
    assert [each["history"][0]["by"] for each in found] == ["steward Amina"]
    assert "A mother" not in json.dumps(found)
    assert founded.done("north", "consent", "lookup", str(dataset), "--of-age") == {"consents": []}


def test_a_home_without_a_register_says_so(founded: "Place", dataset: int) -> None:
    """A desk that was never opened names the command that opens it; another's dataset is refused."""
    said = founded.call("east", "consent", "lookup", "1", "--json")
    assert "keeps no register" in json.loads(said.out)["message"]
    other = founded.call("east", "consent", "open", str(dataset), "--person", "patient", "--json")
    assert "another member" in json.loads(other.out)["message"]
