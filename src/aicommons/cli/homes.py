"""Opens a home for one command: the passphrase, the keys, the ledger, the store and the member's desk.

Commands that only look need no passphrase (``look``); those that sign unlock the wallet (``act``). The ledger is held
against the deployment file before anything is read from it. What a desk can do is ``office``'s business.
"""

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from aicommons import app
from aicommons.cli import output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.ledger import client, wallet
    from aicommons.store import http


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A home opened for one command."""

    home: app.Home
    signer: "wallet.Wallet | app.Bystander"
    """The wallet, or somebody with its address who cannot sign."""
    registry: "client.Client"
    """The ledger, acting with ``signer``."""
    store: "http.HttpStore"
    desk: "office.Desk"


def home() -> app.Home:
    """Return the home that the command line names."""
    return app.Home(output.call().home)


def passphrase(*, is_new: bool = False) -> str:
    """Return the passphrase of the home's keystores: from the environment, else asked on the terminal.

    Args:
        is_new: it will lock new keystores, so it is asked twice and must not be short.

    Raises:
        errors.KeyRefused: it is not in the environment and there is nobody to ask.
        errors.InputError: it is too short for a new keystore.
    """
    from aicommons.ledger import wallet

    if app.PASSPHRASE_VARIABLE in os.environ or not sys.stdin.isatty():
        value = app.passphrase()
    else:
        value = click.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new, err=True)
    if is_new and len(value) < wallet.MIN_PASSPHRASE:
        raise errors.InputError(
            "the passphrase is too short", expected=f"at least {wallet.MIN_PASSPHRASE} characters", got=len(value)
        )
    return value


def unlock(keystore: pathlib.Path) -> "wallet.Wallet":
    """Return the key in ``keystore``, opened with the passphrase; raises ``errors.KeyRefused``."""
    from aicommons.ledger import wallet

    return wallet.unlock(keystore, passphrase())


def look() -> Opened:
    """Open the home for a command that signs nothing.

    Raises:
        errors.InputError: not a home, or it does not know where the contracts stand.
        errors.LedgerUnreachable, errors.LedgerMismatch: no ledger, or another one.
    """
    from aicommons.ledger import wallet

    found = home()
    found.settings()
    address = wallet.address(found.wallet_file) if found.wallet_file.exists() else ids.NOBODY
    return _open(found, app.Bystander(address), None)


def act() -> Opened:
    """Open the home for a command that its wallet signs; raises like ``look``, and ``errors.KeyRefused``."""
    found = home()
    app.deployment_of(found)  # what is missing is said before a passphrase is asked for
    signer = unlock(found.wallet_file)
    return _open(found, signer, signer)


def act_as_member() -> Opened:
    """Open the home like ``act`` for what only members may do.

    Raises:
        errors.InputError: this wallet was not admitted.
    """
    opened = act()
    opened.desk.member_id()
    introduce(opened.home, opened.store)
    return opened


@contextlib.contextmanager
def alone(found: app.Home) -> Iterator[None]:
    """Hold the lock of a home's node: two nodes with one key would contradict each other.

    Raises:
        errors.InputError: a node runs with this home.
    """
    found.node_folder.mkdir(mode=0o700, exist_ok=True)
    with (found.node_folder / "lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise errors.InputError(
                "a node runs with this home already", which=str(found.node_folder), next_step="end it first"
            ) from err
        yield


def introduce(found: app.Home, store: "http.HttpStore") -> None:
    """Put the member's profile into the store if it is not there: an applicant could not.

    Raises:
        errors.StoreUnreachable, errors.StoreRefused: as putting does.
    """
    file = found.path / "profile.json"
    if file.exists():
        data = file.read_bytes()
        if not store.has(ids.digest(data)):
            store.put(data)


def _open(found: app.Home, signer: "wallet.Wallet | app.Bystander", uploader: "wallet.Wallet | None") -> Opened:
    from aicommons import office

    registry = app.connect(found, signer, tell=output.note)
    registry.check()
    store = app.open_store(found, uploader)
    return Opened(found, signer, registry, store, office.Desk(registry, store))
