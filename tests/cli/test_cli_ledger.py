"""Founding a ledger: once, whole, and found again when its deployment file is lost."""

import json
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from aicommons import app, operating
from aicommons.domain import errors
from aicommons.ledger import contracts, wallet

if TYPE_CHECKING:
    from tests.cli.conftest import Said

    Call = Callable[..., Said]

PASSPHRASE = "a passphrase for tests"


@pytest.fixture
def home(call: "Call", tmp_path: pathlib.Path) -> app.Home:
    """A home whose ledger is founded."""
    assert call(tmp_path / "home", "init", "--name", "operator").code == 0
    made = app.Home(tmp_path / "home")
    operating.found_ledger(made, lambda: wallet.unlock(made.wallet_file, PASSPHRASE))
    return made


def _locked() -> wallet.Wallet:
    raise errors.KeyRefused("nothing should be signed")


def test_founding_twice_changes_nothing(home: app.Home, call: "Call") -> None:
    """A founded ledger is only held against its file: no passphrase is needed, no second deployment is made."""
    file = home.deployment_file(home.settings().chain_id)
    before = file.read_text()
    assert operating.found_ledger(home, _locked) == file
    assert file.read_text() == before
    said = call(home.path, "ledger", "verify", "--json")
    assert said.code == 0
    assert said.json["identical"] is True
    assert said.json["blocks"] == len(contracts.NAMES) + 1  # genesis: nothing is bound afterwards


def test_lost_deployment_file_is_written_anew(home: app.Home) -> None:
    """The contracts' places follow from the founder's address, so a lost file comes back the same."""
    file = home.deployment_file(home.settings().chain_id)
    before = json.loads(file.read_text())
    file.unlink()
    operating.found_ledger(home, _locked)
    assert json.loads(file.read_text()) == before


def test_another_founder_does_not_found_again(home: app.Home) -> None:
    """A ledger that another wallet founded is not given a second set of contracts."""
    home.deployment_file(home.settings().chain_id).unlink()
    home.wallet_file.unlink()
    wallet.create(home.wallet_file, PASSPHRASE)
    with pytest.raises(errors.LedgerMismatch, match="not where this home's wallet"):
        operating.found_ledger(home, _locked)


def test_file_of_another_ledger_is_refused(home: app.Home) -> None:
    """A deployment file that names other code does not pass for this ledger's."""
    file = home.deployment_file(home.settings().chain_id)
    body = json.loads(file.read_text())
    body["contracts"]["Membership"]["code_hash"] = "0x" + "11" * 32
    file.write_text(json.dumps(body))
    with pytest.raises(errors.LedgerMismatch, match="other code"):
        operating.found_ledger(home, _locked)
