"""``commons init``: make a home, with keys and settings of one organisation.

Everything is checked before the first file is written, and the settings come last, so that a home is whole or can be
made again. Keys that are there already (restored from a backup) are kept, never overwritten.
"""

import dataclasses
import pathlib
from typing import Any

import click

from aicommons import app
from aicommons.cli import homes, output
from aicommons.domain import errors, ids


@click.command()
@click.option("--name", required=True, help="Of your organisation.")
@click.option("--rpc", default=app.DEFAULT_RPC, show_default=True, help="URL of the ledger, or several with commas.")
@click.option("--store", default=app.DEFAULT_STORE, show_default=True, help="URL of the store.")
@click.option("--audience", default=app.DEFAULT_AUDIENCE, show_default=True, help="Name of the store in signatures.")
@click.option("--relayer", help="URL of a relayer that pays for this home's calls. [default: its own wallet pays]")
@click.option(
    "--confirmations", help="Blocks on top of one before it counts, or safe or finalized. [default: the deployment's]"
)
@click.option("--chain-id", type=click.IntRange(1, 2**53), help="Of the ledger. [default: the deployment's]")
@click.option(
    "--deployment",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="File that says where the contracts stand, from whoever runs the ledger.",
)
@output.json_option
def command(chain_id: int | None, deployment: pathlib.Path | None, **given: Any) -> None:
    """Make a home: a folder with keys and settings of one organisation.

    The passphrase comes from COMMONS_PASSPHRASE, else it is asked. Whoever has it and the folder acts for you.
    """
    home = homes.home()
    if home.settings_file.exists():
        raise errors.InputError(
            "this is a home already and is never overwritten",
            which=str(home.path),
            next_step="choose another folder with --home, or edit its config.json",
        )
    copied, number = _deployment(deployment, chain_id)
    settings = dataclasses.replace(app.Settings(**given), chain_id=number)
    _check(settings)
    passphrase = homes.passphrase(is_new=True)
    was_there = home.wallet_file.exists()
    addresses = _make(home, passphrase)
    if copied is not None:
        app.write_private(home.deployment_file(number), copied)
    app.write_private(home.settings_file, settings.to_json())
    enters = _entering(addresses["wallet"]) if was_there else [output.command("member apply")]
    _tell(home, settings, addresses, enters, has_deployment=copied is not None)


def _entering(wallet: str) -> list[str]:
    """Return the steps by which a wallet that was there before becomes a member: none where the ledger says it is one."""
    applying = output.command("member apply")
    try:
        member = homes.look().desk.view().member_of_account(ids.parse_address(wallet))
    except (errors.TemporaryError, errors.InputError, errors.LedgerMismatch):
        listing = output.command("member list")
        return [f"{listing}   (once the ledger answers: is this wallet a member already?), else {applying}"]
    if member is None:
        return [applying]
    return [f"nothing to apply for: this wallet is member {member} already. {output.command('dataset list')}"]


def _deployment(file: pathlib.Path | None, chain_id: int | None) -> tuple[str | None, int]:
    """Return the deployment file's text, if one is given, and the chain id."""
    from aicommons.ledger import deployments

    if file is None:
        return None, app.Settings("").chain_id if chain_id is None else chain_id
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise errors.InputError("the deployment file cannot be read", which=str(file), got=type(err).__name__) from err
    read = deployments.Deployment.from_json(text)
    if chain_id not in (None, read.chain_id):
        raise errors.InputError(
            "the deployment is of another chain", which=str(file), expected=chain_id, got=read.chain_id
        )
    return text, read.chain_id


def _check(settings: app.Settings) -> None:
    from aicommons.ledger import finality
    from aicommons.store import signing, transport

    if not 0 < len(settings.name) <= 80 or not settings.name.isprintable():
        raise errors.InputError("not a name", which="--name", expected="1 to 80 printable characters")
    if settings.confirmations is not None:
        finality.Finality.parse(settings.confirmations)
    urls = [("--rpc", url) for url in settings.endpoints]
    urls += [("--store", settings.store)] + ([] if settings.relayer is None else [("--relayer", settings.relayer)])
    for option, url in urls:
        try:
            transport.Transport(url, unreachable=errors.LedgerUnreachable).close()
        except errors.InputError as err:
            raise errors.InputError(err.message, which=option, expected=err.expected, got="something else") from err
    signing.check_audience(settings.audience)


def _make(home: app.Home, passphrase: str) -> dict[str, str]:
    """Make the folder and the missing keystores; return their addresses."""
    from aicommons.ledger import wallet

    try:
        home.path.mkdir(parents=True, exist_ok=True)
        home.path.chmod(0o700)
    except OSError as err:
        raise errors.InputError("the home cannot be made", which=str(home.path), got=err.strerror) from err
    addresses = {}
    for kind, file in (("wallet", home.wallet_file), ("node", home.node_file)):
        if file.exists():
            made = wallet.unlock(file, passphrase)
            output.note(f"{file} was there and is kept.")
        else:
            made = wallet.create(file, passphrase)
        addresses[kind] = ids.format_id(made.address)
    return addresses


def _tell(
    home: app.Home, settings: app.Settings, addresses: dict[str, str], enters: list[str], *, has_deployment: bool
) -> None:
    steps = [output.command("key backup --out FILE"), *enters]
    if not has_deployment:
        place = home.deployment_file(settings.chain_id)
        steps.insert(
            1, f"{output.command('ledger start')}   (to found a ledger), or copy its deployment file to {place}"
        )
    result = {"home": str(home.path), "name": settings.name, "chain_id": settings.chain_id, **addresses}
    output.emit(
        {**result, "next": steps},
        f"{home.path} is the home of {settings.name}.",
        f"  wallet  {addresses['wallet']}   signs memberships, consents and runs",
        f"  node    {addresses['node']}   signs the messages of trainings",
        "Next:",
        *(f"  {step}" for step in steps),
    )
