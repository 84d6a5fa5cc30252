"""How a home decides, at the command line: who may approve, what commands below the inbox may not do, and the log of it."""

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from aicommons import app
from aicommons.node import inbox

if TYPE_CHECKING:
    from tests.cli.conftest import Place, Said

PINS = {"Ada": "123456", "Ben": "abcdef", "Cee": "ghijkl"}
PURPOSE = "DUO:0000007"


@contextlib.contextmanager
def pins(**given: str) -> Iterator[None]:
    """Put PINs into the environment, as somebody at the keyboard would type them."""
    kept = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def two_persons(home: app.Home) -> Iterator[inbox.Inbox]:
    """Let two persons decide at a home for a while."""
    with contextlib.closing(inbox.Inbox(home.inbox_file)) as kept:
        for name in ("Ada", "Ben"):
            kept.add_operator(name, PINS[name], bytes(16))
        try:
            yield kept
        finally:
            for name in kept.house().operators:
                kept.remove_operator(name)


@pytest.fixture
def home(tmp_path: pathlib.Path) -> app.Home:
    """A home that knows its name only."""
    made = app.Home(tmp_path / "home")
    app.write_private(made.settings_file, app.Settings("A home").to_json())
    return made


ALONE = {
    "nobody else": [],
    "the same person": ["--second", "Ada"],
    "the new name itself": ["--second", "Cee"],
}


@pytest.mark.parametrize("options", ALONE.values(), ids=ALONE.keys())
def test_one_person_cannot_make_up_a_colleague(home: app.Home, call: "Callable[..., Said]", options: list[str]) -> None:
    """Where two approve, one of them names nobody and takes nobody away, whatever PIN is chosen for the new name."""
    with two_persons(home) as kept:
        given = {"COMMONS_PIN": PINS["Ada"], "COMMONS_NEW_PIN": PINS["Cee"], "COMMONS_SECOND_PIN": PINS["Cee"]}
        with pins(**given):
            for act in (["--add", "Cee"], ["--remove", "Ben"]):
                said = call(home.path, "inbox", "operators", *act, "--by", "Ada", *options, "--json")
                assert (said.code, said.json["error"]) == (1, "InputError"), said
                assert said.json["next_step"]
        assert kept.house().operators == ("Ada", "Ben")
        assert kept.happened() == []


def test_two_persons_name_a_third_and_take_one_away(home: app.Home, call: "Callable[..., Said]") -> None:
    """With both PINs names come and go, and the log says who agreed."""
    with two_persons(home) as kept:
        with pins(COMMONS_PIN=PINS["Ada"], COMMONS_NEW_PIN=PINS["Cee"], COMMONS_SECOND_PIN=PINS["Ben"]):
            asked = ["--by", "Ada", "--second", "Ben", "--json"]
            added = call(home.path, "inbox", "operators", "--add", "Cee", *asked)
            assert added.json["operators"] == ["Ada", "Ben", "Cee"]
            removed = call(home.path, "inbox", "operators", "--remove", "Cee", *asked)
            assert removed.json["operators"] == ["Ada", "Ben"]
        assert [(each.by, each.reason) for each in kept.happened()] == [("Ada, Ben", "- Cee"), ("Ada, Ben", "+ Cee")]


def test_quiet_hours_are_looked_at_without_ending_them(home: app.Home, call: "Callable[..., Said]") -> None:
    """Without times the hours are shown and stay; they end when it is said."""
    assert call(home.path, "inbox", "quiet", "--json").json == {"quiet": None}
    assert call(home.path, "inbox", "quiet", "20:00", "07:00", "--json").json == {"quiet": ["20:00", "07:00"]}
    shown = call(home.path, "inbox", "quiet")
    assert (shown.code, shown.out) == (0, "Quiet hours: 20:00 to 07:00.\n")
    assert call(home.path, "inbox", "quiet", "--json").json == {"quiet": ["20:00", "07:00"]}
    assert call(home.path, "inbox", "quiet", "20:00", "07:00", "--end", "--json").code == 2
    assert call(home.path, "inbox", "quiet", "--end", "--json").json == {"quiet": None}
    assert call(home.path, "inbox", "quiet", "--json").json == {"quiet": None}


def test_going_on_after_a_stop_asks_who_says_so(home: app.Home, call: "Callable[..., Said]") -> None:
    """Everybody may stop; where operators are named, one of them has to say that it goes on."""
    with two_persons(home) as kept:
        assert call(home.path, "stop", "--json").code == 0
        for options, secret in (([], ""), (["--by", "Ada"], "xxxxxx"), (["--by", "Eve"], PINS["Ada"])):
            with pins(COMMONS_PIN=secret):
                said = call(home.path, "stop", "--go-on", *options, "--json")
            assert (said.code, said.json["error"]) == (1, "InputError")
            assert kept.house().stopped
        with pins(COMMONS_PIN=PINS["Ada"]):
            assert call(home.path, "stop", "--go-on", "--by", "Ada", "--json").code == 0
        assert not kept.house().stopped
        assert [(each.what, each.by) for each in kept.happened()] == [("resume", "Ada"), ("stop", "")]


TROUBLES = {
    "a wrong passphrase": ("wrong passphrase", "KeyRefused"),
    "a ledger that is down": (None, "LedgerUnreachable"),
}


@pytest.mark.e2e
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("passphrase", "error"), TROUBLES.values(), ids=TROUBLES.keys())
def test_a_stop_holds_here_whatever_the_ledger_says(founded: "Place", passphrase: str | None, error: str) -> None:
    """The home is stopped and says so first; then what was not done on the ledger, why, and what does it."""
    name = f"halted-{error.lower()}"
    founded.done(name, "init", "--name", "h", "--rpc", "http://127.0.0.1:9", "--deployment", founded.deployment)
    with pins(COMMONS_PASSPHRASE=passphrase or os.environ[app.PASSPHRASE_VARIABLE]):
        said = founded.call(name, "stop", "--suspend", "--revoke")
        as_json = founded.call(name, "stop", "--suspend", "--json")
    assert (said.code, as_json.code) == (1, 1)
    assert said.out.startswith("Stopped here.")
    assert f"do it again: `commons --home {founded.root / name} stop --suspend --revoke`" in said.out
    assert (as_json.json["stopped"], as_json.json["on_ledger"], as_json.json["error"]) == (True, False, error)
    with contextlib.closing(inbox.Inbox(app.Home(founded.root / name).inbox_file)) as kept:
        assert kept.house().stopped
    going = founded.call(name, "stop", "--go-on")
    assert going.code == 0
    assert "does not say now" in going.out


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_going_on_names_what_stays_suspended(founded: "Place", offered: dict[str, str]) -> None:
    """A dataset that a stop suspended is named when the node goes on, in the list and in its card, with the way back."""
    number, home = offered["north"], founded.root / "north"
    assert int(number) in founded.done("north", "stop", "--suspend")["suspended"]
    going = founded.call("north", "stop", "--go-on")
    back = f"`commons --home {home} dataset resume {number}`"
    assert f"Dataset {number} is still suspended, in no training: {back}" in going.out
    listed = founded.call("north", "dataset", "list").out
    assert any(line.startswith(f"{number} ") and line.endswith("here, suspended") for line in listed.splitlines())
    assert back in founded.call("north", "dataset", "show", number).out
    assert founded.call("north", "dataset", "resume", number).code == 0
    assert founded.done("north", "stop", "--go-on")["suspended"] == []


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_the_rule_of_two_holds_below_the_inbox(founded: "Place", offered: dict[str, str]) -> None:
    """Commands that one person gives are refused and name the inbox, where both approve; the log has every step."""
    run_id = founded.open_run(offered, "--rounds", "3")
    item = f"run:{run_id[2:14]}"
    consent = founded.done("north", "consent", "give", offered["north"], "--purpose", PURPOSE)["consent"]
    for site in ("east", "south"):
        given = founded.done(site, "consent", "give", offered[site], "--purpose", PURPOSE)["consent"]
        founded.done(site, "run", "enrol", run_id, "--dataset", offered[site], "--consent", given)
    with two_persons(app.Home(founded.root / "north")), pins(COMMONS_PIN=PINS["Ada"]):
        refused(
            founded.call("north", "consent", "give", offered["north"], "--purpose", PURPOSE, "--by", "Ada", "--json"),
            "",
        )
        enrol = ["run", "enrol", run_id, "--dataset", offered["north"], "--consent", consent, "--by", "Ada", "--json"]
        refused(founded.call("north", *enrol), item)
        both(founded, item, ["--dataset", offered["north"], "--words", "Good luck"], run_id)
        fingerprint = founded.done("solver", "run", "close", run_id)["fingerprint"]
        roster = f"roster:{run_id[2:14]}"
        confirm = ["run", "confirm", run_id, "--fingerprint", fingerprint, "--by", "Ada", "--json"]
        refused(founded.call("north", *confirm), roster)
        both(founded, roster, ["--fingerprint", fingerprint], run_id)
    lines = [each for each in founded.done("north", "log")["decisions"] if run_id[2:] in each["about"]]
    said = [(each["what"], each["by"]) for each in reversed(lines)]
    assert said == [
        ("approve", "Ada"), ("enrol dataset", "Ben"), ("approve", "Ben"),
        ("approve", "Ada"), ("confirm participants", "Ben"), ("approve", "Ben"),
    ]  # fmt: skip
    founded.done("solver", "run", "cancel", run_id)


def refused(said: "Said", item: str) -> None:
    """Check that a command was refused and sent to the inbox."""
    assert (said.code, said.json["error"]) == (1, "InputError"), said
    assert f"inbox approve {item}" in said.json["next_step"]


def both(founded: "Place", item: str, options: list[str], run_id: str) -> None:
    """Approve an item as one person and then as the other; it waits in between."""
    for name, standing in (("Ada", "second"), ("Ben", "approved")):
        assert run_id in {each["run_id"] for each in founded.done("north", "inbox", "list")["items"]}
        with pins(COMMONS_PIN=PINS[name]):
            assert founded.done("north", "inbox", "approve", item, "--by", name, *options)["standing"] == standing


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_an_approval_carries_words(founded: "Place", offered: dict[str, str]) -> None:
    """Whoever asked reads what the first of two persons wrote with their yes, when the second has said yes too."""
    number = founded.done("solver", "request", "ask", offered["south"], "May we have it?")["request"]
    with two_persons(app.Home(founded.root / "south")):
        for name, words in (("Ada", ["--words", "From March on"]), ("Ben", [])):
            with pins(COMMONS_PIN=PINS[name]):
                founded.done("south", "inbox", "approve", f"request:{number}", "--by", name, *words)
    shown = founded.done("solver", "request", "show", str(number))
    assert (shown["state"], shown["letters"][-1]["words"]) == ("approved", "From March on")


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_node_without_the_page_denies_by_rule(
    founded: "Place", offered: dict[str, str], make_table: Callable[[int, int], str]
) -> None:
    """Where only the node runs, a denying rule answers, and nobody approves past it."""
    founded.init("moor", "--deployment", founded.deployment)
    founded.done("operator", "member", "admit", founded.done("moor", "member", "apply")["applicant"])
    table, schema = founded.write("moor.csv", make_table(40, 5)), str(founded.root / "schema.json")
    founded.done("moor", "dataset", "publish", table, "--title", "Moor", "--schema", schema)
    founded.done("moor", "inbox", "rules", "add", "deny", "--recipe", "glm")
    run_id = founded.open_run(offered)
    founded.done("moor", "node", "start", "--once")
    items = {each["run_id"]: each for each in founded.done("moor", "inbox", "list")["items"]}
    assert (items[run_id]["standing"], items[run_id]["said"][0]["by"]) == ("denied", "rule 1")
    assert founded.call("moor", "inbox", "approve", f"run:{run_id[2:]}", "--json").code == 1
    founded.done("solver", "run", "cancel", run_id)


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_participants_are_shown_before_they_are_confirmed(founded: "Place", offered: dict[str, str]) -> None:
    """The item of a roster has members, readers and the fingerprint, in words and as JSON, and names the command."""
    run_id = founded.open_run(offered, "--rounds", "3")
    for site in ("north", "east", "south"):
        given = founded.done(site, "consent", "give", offered[site], "--purpose", PURPOSE)["consent"]
        founded.done(site, "run", "enrol", run_id, "--dataset", offered[site], "--consent", given)
    fingerprint = founded.done("solver", "run", "close", run_id)["fingerprint"]
    shown = founded.done("north", "inbox", "show", f"roster:{run_id[2:]}")
    members = {each["name"].partition(" ")[0] for each in shown["members"]}
    assert (members, shown["fingerprint"], shown["brings"]) == (
        {"North", "East", "South"},
        fingerprint,
        int(offered["north"]),
    )
    assert [each["name"].partition(" ")[0] for each in shown["readers"]] == ["Solver"]
    text = founded.call("north", "inbox", "show", f"roster:{run_id[2:]}").out
    for words in (
        "North",
        "East",
        "South",
        "Solver",
        f"inbox approve roster:{run_id[2:14]} --fingerprint {fingerprint}",
    ):
        assert words in text
    assert "run confirm" not in text
    noted = founded.done("north", "log")["decisions"]
    about = [(each["what"], each["about"]) for each in noted if run_id[2:] in each["about"]]
    assert about == [("enrol dataset", f"run:{run_id[2:]}")]
    founded.done("solver", "run", "cancel", run_id)
