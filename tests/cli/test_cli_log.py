"""``commons log`` with real servers: every decision that a command makes is a line, and no line has a person's key."""

import json
import os
from typing import TYPE_CHECKING

import pytest

from aicommons import app

if TYPE_CHECKING:
    from tests.cli.conftest import Place

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PURPOSE = "DUO:0000007"
KEY, CHILD = "person-71304", "person-71305"
COMMON = ("--purpose", PURPOSE, "--until", "2999-12-31", "--steward", "Amina")


@pytest.fixture
def dataset(founded: "Place", offered: dict[str, str]) -> str:
    """A table of south's, listed for this test alone."""
    assert offered
    table, schema = str(founded.root / "south.csv"), str(founded.root / "schema.json")
    return str(founded.done("south", "dataset", "publish", table, "--title", "Logged", "--schema", schema)["dataset"])


def test_every_decision_of_a_command_is_a_line(founded: "Place", dataset: str) -> None:
    """Permissions, policies and what a steward does are noted in their order, with numbers instead of people."""
    before = len(founded.done("south", "log")["decisions"])
    given = founded.done("south", "consent", "give", dataset, "--purpose", PURPOSE)["consent"]
    founded.done("south", "consent", "revoke", given)
    founded.done("south", "consent", "open", dataset, "--person", "age")
    paper = ("--person", KEY, "--evidence", "ab" * 32, *COMMON)
    entered = founded.done("south", "consent", "enter", dataset, *paper)
    number = f"{dataset}-{entered['number']}"
    founded.done("south", "consent", "receipt", number)
    papers = founded.write("logged.csv", f"person,given,evidence\nperson-71306,2026-01-05,{'cd' * 32}\n")
    founded.done("south", "consent", "import", dataset, papers, *COMMON)
    founded.done("south", "consent", "withdraw", "--code", entered["code"])
    founded.done("south", "consent", "post", dataset)
    policy = str(founded.root / "logged-policy.json")
    founded.done("south", "policy", "draft", policy, "--title", "Logged", "--permit", PURPOSE, "--person", "age")
    founded.done("south", "policy", "publish", policy, dataset)
    lines = founded.done("south", "log")["decisions"]
    noted = [(each["what"], each["about"]) for each in reversed(lines[: len(lines) - before])]
    assert noted == [
        ("give consent", f"consent {given}"),
        ("revoke consent", f"consent {given}"),
        ("open register", f"dataset {dataset}"),
        ("enter consent", number),
        ("print receipt", number),
        ("import consents", f"dataset {dataset}"),
        ("withdraw consent", number),
        ("post register", f"dataset {dataset}"),
        ("publish policy", f"dataset {dataset}"),
    ]
    told = json.dumps(lines) + founded.call("south", "log").out
    assert "71304" not in told
    assert "71306" not in told
    for file in (founded.root / "south").glob("inbox.db*"):
        assert b"71304" not in file.read_bytes()


def test_children_of_age_wait_in_the_inbox_of_the_command_line(founded: "Place", dataset: str) -> None:
    """Whoever was a child on the paper is listed where the wallet opens the register, and else it is said how to look."""
    founded.done("south", "consent", "open", dataset, "--person", "age")
    grown = ("--person", CHILD, "--born", "2005-01-01", "--given", "2020-01-01", "--evidence", "12" * 32, *COMMON)
    proof = founded.write("birth.pdf", "a scan")
    founded.done(
        "south", "consent", "enter", dataset, *grown, "--guardian", "A mother", "--relation", "mother", "--guardian-paper", proof
    )  # fmt: skip
    assert {"dataset": int(dataset), "number": 0} in founded.done("south", "inbox", "list")["wards"]
    assert f"Ask the person: consent {dataset}-0" in founded.call("south", "inbox", "list").out
    passphrase = os.environ.pop(app.PASSPHRASE_VARIABLE)
    try:
        locked = founded.call("south", "inbox", "list")
        assert (locked.code, "inbox list --unlock" in locked.out) == (0, True)
        assert founded.call("south", "inbox", "list", "--json").json["wards"] is None
        assert founded.call("south", "inbox", "list", "--unlock", "--json").json["error"] == "KeyRefused"
    finally:
        os.environ[app.PASSPHRASE_VARIABLE] = passphrase
