"""What whoever runs a commons' ledger or relayer opens: founding, deploying, relaying, and who holds which power.

Members' programs need none of it; they connect with ``app``. Called by the command line and ``testing``. What a commons
starts with is the charter's business (``ledger.charter``), and how contracts are created the deployment's.
"""

import pathlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from aicommons import app
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.ledger import bounds as limits
    from aicommons.ledger import client, deployments, powers, relayer, wallet
    from aicommons.protocol import ports


def found_ledger(
    home: app.Home,
    unlock: "Callable[[], wallet.Wallet]",
    *,
    engine: str | None = None,
    config: pathlib.Path | None = None,
) -> pathlib.Path:
    """See to it that the contracts stand on the home's own ledger; return the file that says where.

    A new ledger gets them all in one commit, with the home's wallet as the only registrar. An old one is held against
    the file; a lost file is written anew.

    Args:
        home: its ledger is ``<home>/ledger``, which must not be running.
        unlock: gives the wallet; called for a new ledger only.
        engine: EVM to use, ``None`` for the fastest installed one.
        config: ``commons.toml`` for a new ledger; without it every default, and the home's wallet admits members.

    Raises:
        errors.InputError: the configuration says what no contract takes.
        errors.LedgerMismatch: file and ledger do not belong together.
        errors.LedgerRefused: another process uses the ledger.
    """
    from aicommons.ledger import client, deployments, rpc, wallet
    from aicommons.ledger.embedded import chain, methods, selection, storage
    from aicommons.ledger.embedded import rpc as embedded

    chain_id = home.settings().chain_id
    kept = home.deployment_file(chain_id)
    file = storage.Storage(home.path / "ledger", storage.Genesis(chain_id, int(time.time())))
    try:
        evm = selection.make_engine(engine, chain_id=chain_id)
        ledger = chain.Chain(file, evm, chain_id=chain_id, clock=lambda: int(time.time()))
        connection = rpc.LocalRpc(embedded.Rpc(methods.Methods(ledger, version="founding")).handle)
        nowhere = deployments.Deployment(chain_id, 0, {}, {})
        if kept.exists():
            known = deployments.Deployment.from_json(kept.read_text())
            client.Client(connection, known, app.Bystander(ids.NOBODY)).check()
            return kept
        if ledger.head.number:
            founder = wallet.address(home.wallet_file)
            made = deployments.find(client.Client(connection, nowhere, app.Bystander(founder)), chain_id, founder)
        else:
            operator = unlock()
            deployer = client.Client(connection, nowhere, operator)
            made = deployments.deploy(deployer, chain_id, founding(operator.address, config))
            ledger.commit()
    finally:
        file.close()
    app.write_private(kept, made.to_json())
    return kept


def founding(registrar: ids.Address | None, file: pathlib.Path | None = None) -> "deployments.Founding":
    """Return how a commons starts: as ``file`` (commons.toml) says, else with one registrar and every default.

    Args:
        registrar: who admits members where nobody else is named; ``None`` where ``file`` has to name them.
        file: the configuration.

    Raises:
        errors.InputError: the file cannot be read, says what no contract takes, or names nobody who admits members.
    """
    from aicommons.ledger import charter

    try:
        text = b"" if file is None else file.read_bytes()
    except OSError as err:
        raise errors.InputError("the configuration cannot be read", which=str(file), got=err.strerror) from err
    return charter.read(text, registrar)


def deployer(home: app.Home, url: str, signer: "ports.Signer") -> "tuple[int, client.Client]":
    """Return the id of the chain at ``url``, and a client that creates contracts there with ``signer``.

    Raises:
        errors.LedgerUnreachable, errors.LedgerRefused, errors.LedgerMismatch: the ledger does not say which chain it is.
    """
    from aicommons.ledger import client, deployments, rpc

    known: list[int] = []

    def is_same(one: rpc.Rpc) -> None:
        found = client.chain_id(one)
        if known and found != known[0]:
            raise errors.WrongChain("this is another chain than the first endpoint's", expected=known[0], got=found)
        known[:] = [found]

    connection = app.connection_to(app.split_urls(url), home.settings(), is_same)
    chain_id = client.chain_id(connection)
    nowhere = deployments.Deployment(chain_id, 0, {}, {})
    return chain_id, client.Client(connection, nowhere, signer, habits=app.habits_of(home, nowhere, signer))


def open_relayer(home: app.Home, signer: "ports.Signer", bounds: "limits.Bounds") -> "relayer.Relayer":
    """Return a relayer of this home's commons that pays with ``signer``; raises as ``Client.check``."""
    from aicommons.domain import encoding
    from aicommons.ledger import client, relayer

    settings, deployment = home.settings(), app.deployment_of(home)
    ledger = client.Client(
        app.open_ledger(settings, deployment),
        deployment,
        signer,
        habits=app.habits_of(home, deployment, signer),
    )
    ledger.check()
    place = encoding.Place(ledger.place.chain_id, ledger.address_of("Forwarder"))
    return relayer.Relayer(ledger, place, time.time, bounds)


def powers_over(home: app.Home) -> "tuple[powers.Power, ...]":
    """Return who holds which power over this home's commons.

    Raises:
        errors.WrongChain, errors.LedgerUnreachable, errors.LedgerRefused, errors.LedgerMismatch: the ledger does not say.
    """
    from aicommons.ledger import client, powers

    settings, deployment = home.settings(), app.deployment_of(home)
    connection = app.open_ledger(settings, deployment)
    if (found := client.chain_id(connection)) != deployment.chain_id:
        raise errors.WrongChain("this is another chain", expected=deployment.chain_id, got=found)
    return powers.read(connection, deployment)
