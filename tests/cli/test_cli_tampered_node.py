"""A real node process that keeps a withdrawn child's rows is caught by ``commons consent audit``."""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Place

PURPOSE = "DUO:0000007"
COMMON = ("--purpose", PURPOSE, "--until", "2999-12-31", "--steward", "Amina")
ADULTS = [f"patient-{number}" for number in range(39)]
CHILD = "patient-39"
SITES = ("west", "east", "south")
WRAPPER = pathlib.Path(__file__).with_name("tampered_node.py")


@pytest.fixture
def dataset(founded: "Place") -> int:
    """A clinic of its own in the west, with 39 adults and a child in its register, entered and posted."""
    founded.init("west", "--deployment", founded.deployment)
    founded.done("operator", "member", "admit", founded.done("west", "member", "apply")["applicant"])
    draw = random.Random(9)
    lines = ["patient,age,sex,outcome"]
    for person in (*ADULTS, CHILD, CHILD):
        age = 8 if person == CHILD else draw.randrange(20, 90)
        lines.append(f"{person},{age},{draw.choice('fm')},{'yes' if draw.gauss(age, 15) > 55 else 'no'}")
    table = founded.write("west.csv", "\n".join(lines) + "\n")
    schema = str(founded.root / "schema.json")
    made = founded.done("west", "dataset", "publish", table, "--title", "People of west", "--schema", schema)
    number = str(made["dataset"])
    founded.done("west", "consent", "open", number, "--person", "patient")
    papers = [f"{person},2026-01-05,{hashlib.sha256(person.encode()).hexdigest()}" for person in ADULTS]
    file = founded.write("west-papers.csv", "\n".join(["person,given,evidence", *papers]) + "\n")
    founded.done("west", "consent", "import", number, file, *COMMON)
    return int(number)


@pytest.fixture
def others(founded: "Place", make_table: Callable[[int, int], str]) -> dict[str, str]:
    """New tables at two other sites: other tests train with their old ones in another circle."""
    made = {}
    for seed, site in enumerate(SITES[1:], start=20):
        table, schema = founded.write(f"new-{site}.csv", make_table(60, seed)), str(founded.root / "schema.json")
        listed = founded.done(site, "dataset", "publish", table, "--title", f"Second of {site}", "--schema", schema)
        made[site] = str(listed["dataset"])
    return made


def enter_child(founded: "Place", dataset: int) -> str:
    """Enter the child's consent by her mother and post it; return the receipt's code."""
    proof = founded.write("west-birth.pdf", "a scan")
    mother = ("--born", "2018-03-14", "--guardian", "A mother", "--relation", "mother", "--guardian-paper", proof)
    said = ("--person", CHILD, "--evidence", "ab" * 32, *mother, *COMMON)
    code = founded.done("west", "consent", "enter", str(dataset), *said)["code"]
    founded.done("west", "consent", "post", str(dataset))
    return str(code)


def train(founded: "Place", brought: dict[str, str], offered: dict[str, str]) -> str:
    """Carry a run on the clinic's dataset to its end, on a problem of its own."""
    problem = json.loads((founded.root / "problem.json").read_text()) | {"title": f"Problem {random.random()}"}
    stated = founded.done("solver", "problem", "state", founded.write("another.json", problem))["problem"]
    run_id = founded.open_run({**offered, "problem": stated}, "--rounds", "2")
    for site, number in brought.items():
        given = founded.done(site, "consent", "give", number, "--purpose", PURPOSE, "--problem", stated[:14])
        founded.done(site, "run", "enrol", run_id, "--dataset", number, "--consent", given["consent"])
    fingerprint = founded.done("solver", "run", "close", run_id)["fingerprint"]
    for site in SITES:
        founded.done(site, "run", "confirm", run_id, "--fingerprint", fingerprint)
    followed = founded.call("west", "run", "watch", run_id, "--json")
    assert followed.code == 0, followed
    assert followed.objects[-1]["state"] == "completed"
    return run_id


@contextlib.contextmanager
def tampered(home: pathlib.Path) -> Iterator[None]:
    """Run the changed node beside the test."""
    with (home / "tampered.err").open("w") as said:
        command = [sys.executable, str(WRAPPER), str(home)]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n", (home / "tampered.err").read_text()
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.e2e
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("trained")  # the other sites' nodes are at work
def test_a_node_that_keeps_a_withdrawn_childs_rows_is_caught(
    founded: "Place", offered: dict[str, str], dataset: int, others: dict[str, str]
) -> None:
    """The honest node's training holds; after the mother's withdrawal a changed node keeps the rows, and the audit says so."""
    brought = {"west": str(dataset), **others}
    code = enter_child(founded, dataset)
    honest = founded.running.start("node west", founded.root / "west", "node", "start")
    assert honest["pid"]
    first = train(founded, brought, offered)
    held = founded.done("west", "consent", "audit", first, "--person", CHILD)
    assert held["holds"] is True
    assert {each["includes_person"] for each in held["contributions"]} == {True}
    founded.running.kill("node west")

    founded.done("west", "consent", "withdraw", "--code", code)
    founded.done("west", "consent", "post", str(dataset))
    with tampered(founded.root / "west"):
        second = train(founded, brought, offered)
    said = founded.call("west", "consent", "audit", second, "--person", CHILD, "--json")
    assert said.code == 1
    assert said.json["holds"] is False
    assert {each["includes_person"] for each in said.json["contributions"]} == {True}
    found = [problem for each in said.json["contributions"] for problem in each["problems"]]
    assert "the rows of 1 person without consent are in it (withdrawn)" in found
    assert len(said.json["contributions"]) == 2
