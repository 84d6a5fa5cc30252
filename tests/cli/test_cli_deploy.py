"""``commons ledger deploy``, ``founder`` and ``powers``: a commons beside another on one chain, found again, never made twice."""

import json
import pathlib
import tomllib
from typing import TYPE_CHECKING

import pytest

from aicommons import app, operating
from aicommons.domain import ids
from aicommons.ledger import contracts, wallet

if TYPE_CHECKING:
    from tests.cli.conftest import Place

CHAIN = app.Settings("").chain_id
REGISTRARS = f'registrars = ["0x{"aa" * 20}", "0x{"bb" * 20}"]\nthreshold = 2\n'


@pytest.mark.e2e
def test_a_commons_is_founded_once(founded: "Place") -> None:
    """The command creates all contracts and the file; again it finds them; with another configuration it refuses."""
    place = founded
    place.init("second")
    config = place.write("commons.toml", REGISTRARS + "[votes]\nminimum = 2\ntimelock = 60\n")
    url = place.urls[0]
    made = place.done("second", "ledger", "deploy", "--rpc", url, "--config", config)
    assert made["created"] == list(contracts.NAMES)
    home = app.Home(place.root / "second")
    assert made["deployment"] == str(home.deployment_file(CHAIN).resolve())
    kept = home.deployment_file(CHAIN).read_text()
    assert json.loads(kept)["first_block"] > 0
    again = place.done("second", "ledger", "deploy", "--rpc", url, "--config", config)
    assert again["created"] == []
    home.deployment_file(CHAIN).unlink()
    assert place.done("second", "ledger", "deploy", "--rpc", url, "--config", config)["created"] == []
    assert home.deployment_file(CHAIN).read_text() == kept
    other = place.write("other.toml", REGISTRARS + "[votes]\nminimum = 3\n")
    said = place.call("second", "ledger", "deploy", "--rpc", url, "--config", other, "--json")
    assert (said.code, said.json["error"]) == (1, "DeploymentConflict")
    assert "another configuration" in said.json["message"]
    assert place.done("second", "member", "list")["members"] == []


@pytest.mark.e2e
def test_nobody_becomes_registrar_by_silence(founded: "Place") -> None:
    """A file that names no registrars is refused with what to write: the wallet that deploys does not become one."""
    founded.init("silent")
    config = founded.write("silent.toml", "[votes]\nminimum = 3\n")
    said = founded.call("silent", "ledger", "deploy", "--rpc", founded.urls[0], "--config", config, "--json")
    assert (said.code, said.json["error"]) == (1, "InputError")
    assert said.json["message"].startswith("registrars: ")
    assert "registrars = [" in said.json["next_step"]
    assert not app.Home(founded.root / "silent").founding_file(CHAIN).exists()


@pytest.mark.e2e
def test_founders_that_could_decide_nothing_are_told(founded: "Place") -> None:
    """A minimum above the number of founders is said before anything is created, and the commons is founded."""
    founded.init("few")
    config = founded.write("few.toml", REGISTRARS)
    said = founded.call("few", "ledger", "deploy", "--rpc", founded.urls[0], "--config", config)
    assert said.code == 0
    assert "votes.minimum is 3, for ever, and the file names 0 founders" in said.err
    assert "This wallet holds no power over it." in said.out


@pytest.mark.e2e
def test_a_registrar_that_deploys_is_told_so(founded: "Place") -> None:
    """Whoever deploys and is a registrar by the file has that power, and no other, and the command does not deny it."""
    founded.init("registrar")
    account = wallet.address(app.Home(founded.root / "registrar").wallet_file)
    config = founded.write("registrar.toml", f'registrars = ["{ids.format_id(account)}"]\nthreshold = 1\n')
    said = founded.call("registrar", "ledger", "deploy", "--rpc", founded.urls[0], "--config", config)
    assert said.code == 0
    assert "one of its 1 registrars, of whom 1 have to agree" in said.out


@pytest.mark.e2e
def test_a_home_that_belongs_to_a_commons_founds_none(founded: "Place") -> None:
    """A home whose deployment file came from others is not made a founder by mistake."""
    config = founded.write("commons.toml", REGISTRARS)
    said = founded.call("solver", "ledger", "deploy", "--rpc", founded.urls[0], "--config", config, "--json")
    assert (said.code, said.json["error"]) == (1, "DeploymentConflict")
    assert "move this file away" in said.json["next_step"]


@pytest.mark.e2e
def test_bad_values_are_named(founded: "Place") -> None:
    """A configuration that no contract takes is refused by the value's name, and nothing is created."""
    founded.init("third")
    config = founded.write("bad.toml", REGISTRARS + "[votes]\npercent = 101\n")
    said = founded.call("third", "ledger", "deploy", "--rpc", founded.urls[0], "--config", config, "--json")
    assert said.json["message"].startswith("votes.percent: ")
    missing = str(founded.root / "nowhere.toml")
    said = founded.call("third", "ledger", "deploy", "--rpc", founded.urls[0], "--config", missing, "--json")
    assert missing in said.json["message"]
    assert not app.Home(founded.root / "third").founding_file(CHAIN).exists()


@pytest.mark.e2e
def test_a_founder_says_its_part(founded: "Place", tmp_path: pathlib.Path) -> None:
    """What ``founder`` prints is what a commons.toml takes."""
    founded.init("fourth")
    said = founded.call("fourth", "ledger", "founder", "--person")
    file = tmp_path / "commons.toml"
    file.write_text(said.out)
    (one,) = operating.founding(app.ids.Address(b"\x01" * 20), file).founders
    assert one.kind == 0
    assert app.ids.format_id(one.account) == tomllib.loads(said.out)["founders"][0]["account"]


@pytest.mark.e2e
def test_anybody_can_check_who_holds_which_power(founded: "Place") -> None:
    """A member sees one line for each power and needs no passphrase; a power that cannot be shown to lie right ends with 1."""
    place = founded
    home = app.Home(place.root / "solver")
    told = place.done("solver", "ledger", "powers")
    assert told["right"] is True
    assert {each["contract"] for each in told["powers"]} == set(contracts.NAMES)
    said = place.call("solver", "ledger", "powers")
    assert said.out.count("as it should") == sum(bool(each["expected"]) for each in told["powers"])
    assert "whoever deployed this commons holds none" in said.out

    kept = json.loads(home.deployment_file(CHAIN).read_text())
    home.deployment_file(CHAIN).write_text(json.dumps(kept | {"first_block": kept["first_block"] + 3}))
    said = place.call("solver", "ledger", "powers", "--json")
    assert (said.code, said.json["right"]) == (1, False)
    assert "do not use this commons" in said.json["next_step"]
    wrong = [each["contract"] for each in said.json["powers"] if not each["right"]]
    assert "TimelockController" in wrong
    assert "NOT a transaction of its own" in place.call("solver", "ledger", "powers").out
    home.deployment_file(CHAIN).write_text(json.dumps(kept))
