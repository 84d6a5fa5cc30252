"""Members, datasets, consents, problems and plans on a real ledger and store; bad input changes nothing."""

import json
import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from aicommons import app
from aicommons.cli import homes
from aicommons.ledger import wallet

if TYPE_CHECKING:
    from tests.cli.conftest import Place, Said

    Call = Callable[..., Said]
    MakeTable = Callable[[int, int], str]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_members_are_listed_by_their_own_names(founded: "Place", offered: dict[str, str]) -> None:
    """A member's title comes from the profile that it put into the store once it might."""
    listed = founded.done("operator", "member", "list")["members"]
    assert [each["member"] for each in listed][:4] == [1, 2, 3, 4]  # other tests may admit more
    assert [each["title"] for each in listed][:4] == ["Solver", "North", "East", "South"]
    assert set(listed[0]) == {
        "member",
        "title",
        "account",
        "node_key",
        "since",
        "state",
        "guardian",
        "recovery",
        "roles",
    }
    assert "North" in founded.call("operator", "member", "list").out
    assert offered


REFUSED = {
    "a member applies again": ("solver", ["member", "apply"], "a member already"),
    "not an address": ("operator", ["member", "admit", "0x12"], "not an address"),
    "nobody applied": ("operator", ["member", "admit", "0x" + "11" * 20], "MembershipNoApplication"),
    "not a registrar": (
        "solver",
        ["member", "admit", "0x" + "11" * 20],
        "MembershipNoApplication|MembershipNotRegistrar",
    ),
    "ledger of another chain": ("operator", ["ledger", "start", "--chain-id", "5"], "another chain"),
    "no such dataset": ("north", ["dataset", "show", "99"], "no such dataset"),
    "consent to nothing": ("north", ["consent", "give", "99", "--purpose", "DUO:0000007"], "no such dataset"),
    "no such grantee": (
        "north",
        ["consent", "give", "1", "--purpose", "DUO:0000007", "--grantee", "99"],
        "no such member",
    ),
    "no such consent": ("north", ["consent", "revoke", "0x" + "11" * 32], "no such consent"),
    "no such problem": ("north", ["problem", "show", "0x" + "11" * 32], "no such problem"),
    "no such plan": ("north", ["plan", "show", "1220" + "11" * 32], "no such blob"),
    "no such run": ("north", ["run", "show", "0x" + "11" * 32], "no such run"),
    "not a digest": ("north", ["plan", "show", "plan"], "not a digest"),
    "not a member": ("operator", ["plan", "publish", "plan.json"], "not a member|cannot be read"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused(founded: "Place", offered: dict[str, str], row: str) -> None:
    """What is not there or not allowed is said with exit code 1 and a next step."""
    home, arguments, expected = REFUSED[row]
    said = founded.call(home, *arguments)
    assert said.code == 1
    assert any(each in said.err for each in expected.split("|"))
    assert "Next: " in said.err
    assert offered


def test_a_node_gets_a_new_key(founded: "Place") -> None:
    """The ledger and the home change together, the old keystore stays, and a rotation that was cut off is ended."""
    keys = founded.root / "solver" / "keys"
    before = founded.done("solver", "key", "show")
    first = founded.done("solver", "key", "rotate")
    assert (first["old"], before["wallet"]) == (before["node"], founded.done("solver", "key", "show")["wallet"])
    assert json.loads(pathlib.Path(first["kept"]).read_text())["address"] == first["old"].removeprefix("0x")
    wallet.create(keys / "node-next.json", os.environ[app.PASSPHRASE_VARIABLE])
    waiting = json.loads((keys / "node-next.json").read_text())["address"]
    second = founded.done("solver", "key", "rotate")
    assert (second["old"], second["new"]) == (first["new"], "0x" + waiting)
    assert founded.done("solver", "key", "show")["node"] == second["new"]
    listed = founded.done("operator", "member", "list")["members"]
    assert [each["node_key"] for each in listed if each["member"] == 1] == [second["new"]]
    assert not (keys / "node-next.json").exists()
    ready = founded.running.call(founded.root / "solver", "node", "start", "--once")
    assert ready["node_key"] == second["new"]
    with homes.alone(app.Home(founded.root / "solver")):
        said = founded.call("solver", "key", "rotate")
    assert (said.code, "a node runs with this home" in said.err) == (1, True)


def test_no_key_is_changed_during_a_run(founded: "Place", offered: dict[str, str]) -> None:
    """A seat knows the node by the key that it was taken with: until the run is over, nothing is changed."""
    run_id = founded.open_run(offered)
    given = founded.done("north", "consent", "give", offered["north"], "--purpose", "DUO:0000007")["consent"]
    founded.done("north", "run", "enrol", run_id, "--dataset", offered["north"], "--consent", given)
    before = founded.done("north", "key", "show")
    said = founded.call("north", "key", "rotate")
    assert said.code == 1
    assert run_id[:14] in said.err
    assert founded.done("north", "key", "show") == before
    assert not (founded.root / "north" / "keys" / "node-next.json").exists()
    founded.done("solver", "run", "cancel", run_id)


BAD_TABLES: dict[str, tuple[str, str]] = {
    "no such file": ("", "cannot be read"),
    "an empty file": ("\n", "empty"),
    "a header only": ("age,sex,outcome\n", "header only"),
    "the target is missing": ("age,sex\n50,f\n", "outcome"),
    "a feature is missing": ("age,outcome\n50,yes\n", "sex"),
    "text in a number": ("age,sex,outcome\nold,f,yes\n", "column age"),
    "infinity": ("age,sex,outcome\ninf,f,yes\n", "column age"),
    "out of bounds": ("age,sex,outcome\n987654321,f,yes\n", "column age"),
    "an unknown level": ("age,sex,outcome\n50,x,yes\n", "column sex"),
    "ragged": ("age,sex,outcome\n50,f\n", "line 2"),
    "too few rows": ("age,sex,outcome\n" + "50,f,yes\n" * 9, "minimum cohort"),
}


@pytest.mark.parametrize("row", BAD_TABLES)
def test_bad_table_is_not_published(
    founded: "Place", offered: dict[str, str], tmp_path: pathlib.Path, row: str
) -> None:
    """A table that does not fit is refused with file and place, never a value, and nothing is listed."""
    text, expected = BAD_TABLES[row]
    file = tmp_path / "bad.csv"
    if text:
        file.write_text(text)
    before = len(founded.done("north", "dataset", "list")["datasets"])
    schema = founded.write("schema.json", _schema(founded, offered))
    said = founded.call("north", "dataset", "publish", str(file), "--title", "bad", "--schema", schema)
    assert said.code == 1
    assert expected in said.err
    assert "bad.csv" in said.err
    assert "987654321" not in said.err
    assert len(founded.done("north", "dataset", "list")["datasets"]) == before


def _schema(founded: "Place", offered: dict[str, str]) -> object:
    return founded.done("north", "dataset", "show", offered["north"])["card"]["schema"]


def test_card_says_what_a_plan_needs_and_no_more(founded: "Place", offered: dict[str, str]) -> None:
    """A card shows rounded rows and declared columns to everybody, the file's path to its own home only."""
    own = founded.done("north", "dataset", "show", offered["north"])
    assert own["card"]["rows"] == 60
    assert own["card"]["schema"]["target"]["name"] == "outcome"
    assert own["file"].endswith("north.csv")
    other = founded.done("east", "dataset", "show", offered["north"])
    assert other["file"] is None
    assert "north.csv" not in str(other)


def test_schema_is_drafted_from_a_table(
    founded: "Place", offered: dict[str, str], make_table: "MakeTable", tmp_path: pathlib.Path
) -> None:
    """``--target`` drafts the schema; a dropped column is not in it."""
    file = tmp_path / "drafted.csv"
    file.write_text(make_table(47, 5))
    made = founded.done(
        "south", "dataset", "publish", str(file), "--title", "d", "--target", "outcome", "--drop", "sex"
    )
    card = founded.done("north", "dataset", "show", str(made["dataset"]))["card"]
    assert card["rows"] == 40
    assert [feature["name"] for feature in card["schema"]["features"]] == ["age"]


def test_consent_lives_until_it_is_taken_back(founded: "Place", offered: dict[str, str]) -> None:
    """A consent is listed with what is left of it; a revoked one stays revoked."""
    given = founded.done(
        "south", "consent", "give", offered["south"], "--purpose", "DUO:0000007", "--days", "2", "--uses", "3"
    )
    short = given["consent"][:14]
    entry = _consent(founded, given["consent"])
    assert (entry["state"], entry["max_uses"], entry["uses"], entry["problem"]) == ("live", 3, 0, None)
    assert founded.call("north", "consent", "revoke", short).code == 1
    assert founded.done("south", "consent", "revoke", short)["state"] == "revoked"
    assert _consent(founded, given["consent"])["state"] == "revoked"
    assert "DataRegistryAlreadyRevoked" in founded.call("south", "consent", "revoke", short).err


def _consent(founded: "Place", consent: str) -> dict[str, object]:
    listed = founded.done("south", "consent", "list", "--mine")["consents"]
    return dict(next(each for each in listed if each["consent"] == consent))


def test_only_the_owner_consents(founded: "Place", offered: dict[str, str]) -> None:
    """Nobody can permit the use of another member's dataset."""
    said = founded.call("north", "consent", "give", offered["south"], "--purpose", "DUO:0000007")
    assert said.code == 1
    assert "belongs to another member" in said.err


def test_problem_and_plan_are_shown(founded: "Place", offered: dict[str, str]) -> None:
    """A stated problem and a published plan can be read by every member."""
    listed = founded.done("east", "problem", "list")["problems"]
    assert [each["title"] for each in listed if each["problem"] == offered["problem"]] == ["Who is at risk?"]
    shown = founded.done("east", "problem", "show", offered["problem"][:12])
    assert shown["statement"]["sdg_targets"] == ["3.4"]
    plan = founded.done("east", "plan", "show", offered["plan"])
    assert plan["document"]["held_out_percent"] == 30
    assert "leaves site" in founded.call("east", "plan", "show", offered["plan"]).out


FEATURES = {"features": [{"name": "age", "kind": "numeric", "lo": 0, "hi": 120}]}
SICK = {"name": "sick", "task": "binomial", "classes": ["no", "yes"]}
BAD_PLANS = {
    "no recipe": ({"title": "t"}, "recipe"),
    "an unknown learner": ({"title": "t", "recipe": {"recipe": "oracle"}}, "recipe"),
    "nothing held out": (
        {"title": "t", "recipe": {"recipe": "glm", "schema": {**FEATURES, "target": SICK}}, "held_out_percent": 0},
        "held_out_percent",
    ),
    "nothing to predict": ({"title": "t", "recipe": {"recipe": "glm", "schema": FEATURES}}, "needs no target"),
    "an unknown field": ({"title": "t", "recipe": {}, "colour": 1}, "colour"),
}


@pytest.mark.parametrize("row", BAD_PLANS)
def test_bad_plan_is_not_published(founded: "Place", row: str) -> None:
    """A mistake in a plan is named with file and field."""
    body, expected = BAD_PLANS[row]
    said = founded.call("solver", "plan", "publish", founded.write("bad-plan.json", body))
    assert said.code == 1
    assert "bad-plan.json" in said.err
    assert expected in said.err


def test_ledger_of_another_deployment_is_refused(founded: "Place") -> None:
    """A deployment file that names other code than stands on the ledger is noticed before anything is read."""
    text = pathlib.Path(founded.deployment).read_text()
    place = text.index("code_hash") + len('code_hash": "0x')
    forged = founded.write("forged.json", text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :])
    founded.init("fooled", "--deployment", forged)
    said = founded.call("fooled", "member", "list")
    assert said.code == 1
    assert "other code than deployed" in said.err


def test_unreachable_ledger_is_named(founded: "Place") -> None:
    """A ledger that does not answer is an expected failure with the next step."""
    founded.done("lonely", "init", "--name", "l", "--rpc", "http://127.0.0.1:9", "--deployment", founded.deployment)
    said = founded.call("lonely", "run", "list")
    assert said.code == 1
    assert "http://127.0.0.1:9" in said.err
    assert "Next: If you run this ledger, start it (`commons ledger start`); else ask whoever runs it." in said.err
    assert "config.json" in said.err
    short = founded.call("north", "run", "show", "b941")
    assert "not the id of a run" in short.err
    assert f"Next: see `commons --home {founded.root / 'north'} run list`" in short.err


def test_a_running_ledger_is_neither_replayed_nor_served_twice(founded: "Place") -> None:
    """The ledger's file belongs to one process at a time."""
    for verb in ("verify", "start"):
        said = founded.call("operator", "ledger", verb)
        assert said.code == 1
        assert "Next: " in said.err
