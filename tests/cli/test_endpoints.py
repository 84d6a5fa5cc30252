"""A home with several endpoints and a depth of its own: how settings become a connection, and what is refused where it is written."""

import dataclasses
import json
import os
import pathlib
import threading

import pytest

from aicommons import app
from aicommons.domain import errors, ids
from aicommons.ledger import deployments, failover, finality, rpc

URLS = "https://one.example/SECRET, https://two.example:444/v3/SECRET ,,https://one.example/SECRET"
DEPLOYMENT = deployments.Deployment(5, 0, {}, {}, finality.Finality(12))


@pytest.fixture
def home(tmp_path: pathlib.Path) -> app.Home:
    """A home with several endpoints."""
    made = app.Home(tmp_path)
    app.write_private(made.settings_file, app.Settings("a", rpc=URLS, chain_id=5).to_json())
    return made


def test_endpoints_are_read_in_order() -> None:
    """Commas divide, blanks and repetitions do not count, and one URL stays one."""
    assert app.Settings("a", rpc=URLS).endpoints == ("https://one.example/SECRET", "https://two.example:444/v3/SECRET")
    assert app.Settings("a").endpoints == (app.DEFAULT_RPC,)
    assert app.split_urls("") == ("",)


def test_one_endpoint_needs_no_failover(home: app.Home) -> None:
    """A home with one endpoint asks it directly, one with several through failover."""
    several = home.settings()
    assert isinstance(app.open_ledger(several, DEPLOYMENT), failover.FailoverRpc)
    assert isinstance(app.open_ledger(dataclasses.replace(several, rpc=app.DEFAULT_RPC), DEPLOYMENT), rpc.HttpRpc)


def test_messages_hide_what_stands_behind_the_host(home: app.Home) -> None:
    """Keys of providers stand in the path: an error names places and hosts only."""
    settings = dataclasses.replace(home.settings(), rpc="http://127.0.0.1:1/SECRET,http://127.0.0.1:2/SECRET")
    with pytest.raises(errors.LedgerUnreachable, match=r"endpoint 1 \(http://127.0.0.1:1\)") as caught:
        rpc.call(app.open_ledger(settings, DEPLOYMENT), "eth_blockNumber", [])
    assert "SECRET" not in str(caught.value)


def test_a_variable_overrides_the_endpoints(home: app.Home) -> None:
    """COMMONS_RPC stands for what config.json says, for as long as it is set."""
    os.environ[app.RPC_VARIABLE] = "http://other.example"
    try:
        assert home.settings().endpoints == ("http://other.example",)
    finally:
        del os.environ[app.RPC_VARIABLE]
    assert len(home.settings().endpoints) == 2


@pytest.mark.parametrize(("own", "counted"), [(None, "12"), ("0", "0"), ("finalized", "finalized")])
def test_a_home_may_count_otherwise(home: app.Home, own: str | None, counted: str) -> None:
    """The deployment says when blocks count, unless the home does."""
    settings = dataclasses.replace(home.settings(), confirmations=own)
    app.write_private(home.settings_file, settings.to_json())
    assert str(app.habits_of(home, DEPLOYMENT, app.Bystander(ids.NOBODY)).counted) == counted


def test_a_mistyped_depth_is_refused(home: app.Home) -> None:
    """What is no depth is refused before anything is asked."""
    body = json.loads(home.settings_file.read_text()) | {"confirmations": "soon"}
    app.write_private(home.settings_file, json.dumps(body))
    with pytest.raises(errors.InputError, match="safe or finalized"):
        app.habits_of(home, DEPLOYMENT, app.Bystander(ids.NOBODY))
    app.write_private(home.settings_file, json.dumps(body | {"confirmations": 12}))
    with pytest.raises(errors.InputError, match="another type"):
        home.settings()


def test_a_wallet_is_numbered_by_one_program_at_a_time(home: app.Home) -> None:
    """While one holds a wallet's turn, another waits; another wallet does not."""
    entered = threading.Event()

    def second() -> None:
        with app._turn(home, ids.NOBODY):
            entered.set()

    with app._turn(home, ids.NOBODY), app._turn(home, ids.Address(b"\x01" * 20)):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.2)
    assert entered.wait(5)
    thread.join()
