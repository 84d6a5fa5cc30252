"""``commons log`` with real servers: every decision that a command makes is a line, and no line has a person's key."""

import itertools
import json
import os
from typing import TYPE_CHECKING

import pytest

from aicommons import app

if TYPE_CHECKING:
    from tests.cli.conftest import Place

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PURPOSE = "DUO:0000007"
TABLES = itertools.count(1)
KEY, CHILD = "person-71304", "person-71305"
COMMON = ("--purpose", PURPOSE, "--until", "2999-12-31", "--steward", "Amina")


@pytest.fixture(scope="module")
def member(founded: "Place", offered: dict[str, str]) -> str:
    """A member's home that no other test uses."""
    assert offered
    founded.init("lake", "--deployment", founded.deployment)
    founded.done("operator", "member", "admit", founded.done("lake", "member", "apply")["applicant"])
    return "lake"


@pytest.fixture
def lake(founded: "Place", member: str) -> str:
    """A table of that home's, listed for one test; its number."""
    drawn = next(TABLES)  # a home lists the same rows once
    rows = [f"p{each},{each % 13}.{drawn},{'yes' if each % 2 else 'no'}" for each in range(40)]
    table = founded.write(f"lake-{drawn}.csv", "\n".join(["pond,depth,fish", *rows]) + "\n")
    listed = founded.done(member, "dataset", "publish", table, "--title", "Lake", "--target", "fish", "--drop", "pond")
    return str(listed["dataset"])


def test_every_decision_of_a_command_is_a_line(founded: "Place", lake: str) -> None:
    """Permissions, policies and what a steward does are noted in their order, with numbers instead of people."""
    before = len(founded.done("lake", "log")["decisions"])
    given = founded.done("lake", "consent", "give", lake, "--purpose", PURPOSE)["consent"]
    founded.done("lake", "consent", "revoke", given)
    founded.done("lake", "consent", "open", lake, "--person", "pond")
    paper = ("--person", KEY, "--not-in-table", "--evidence", "ab" * 32, *COMMON)
    entered = founded.done("lake", "consent", "enter", lake, *paper)
    number = f"{lake}-{entered['number']}"
    founded.done("lake", "consent", "receipt", number)
    papers = founded.write("logged.csv", f"person,given,evidence\nperson-71306,2026-01-05,{'cd' * 32}\n")
    founded.done("lake", "consent", "import", lake, papers, *COMMON)
    founded.done("lake", "consent", "withdraw", "--code", entered["code"])
    founded.done("lake", "consent", "post", lake)
    policy = str(founded.root / "logged-policy.json")
    founded.done("lake", "policy", "draft", policy, "--title", "Logged", "--permit", PURPOSE, "--person", "pond")
    founded.done("lake", "policy", "publish", policy, lake)
    lines = founded.done("lake", "log")["decisions"]
    noted = [(each["what"], each["about"]) for each in reversed(lines[: len(lines) - before])]
    assert noted == [
        ("give consent", f"consent {given}"),
        ("revoke consent", f"consent {given}"),
        ("open register", f"dataset {lake}"),
        ("enter consent", number),
        ("print receipt", number),
        ("import consents", f"dataset {lake}"),
        ("withdraw consent", number),
        ("post register", f"dataset {lake}"),
        ("publish policy", f"dataset {lake}"),
    ]
    told = json.dumps(lines) + founded.call("lake", "log").out
    assert "71304" not in told
    assert "71306" not in told
    for file in (founded.root / "lake").glob("inbox.db*"):
        assert b"71304" not in file.read_bytes()


def test_children_of_age_wait_in_the_inbox_of_the_command_line(founded: "Place", lake: str) -> None:
    """Whoever was a child on the paper is listed where the wallet opens the register, and else it is said how to look."""
    founded.done("lake", "consent", "open", lake, "--person", "pond")
    grown = (
        "--person",
        CHILD,
        "--not-in-table",
        "--born",
        "2005-01-01",
        "--given",
        "2020-01-01",
        "--evidence",
        "12" * 32,
        *COMMON,
    )
    proof = founded.write("birth.pdf", "a scan")
    founded.done(
        "lake", "consent", "enter", lake, *grown, "--guardian", "A mother", "--relation", "mother", "--guardian-paper", proof
    )  # fmt: skip
    assert {"dataset": int(lake), "number": 0} in founded.done("lake", "inbox", "list")["wards"]
    assert f"Ask the person: consent {lake}-0" in founded.call("lake", "inbox", "list").out
    passphrase = os.environ.pop(app.PASSPHRASE_VARIABLE)
    try:
        locked = founded.call("lake", "inbox", "list")
        assert (locked.code, "inbox list --unlock" in locked.out) == (0, True)
        assert founded.call("lake", "inbox", "list", "--json").json["wards"] is None
        assert founded.call("lake", "inbox", "list", "--unlock", "--json").json["error"] == "KeyRefused"
    finally:
        os.environ[app.PASSPHRASE_VARIABLE] = passphrase
