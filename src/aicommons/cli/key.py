"""``commons key``: show, back up and restore this home's keys.

A backup is still encrypted with the passphrase. Epoch keys of runs under way are never backed up: a node restored from
a backup waits for its next run.
"""

import pathlib

import click

from aicommons import app
from aicommons.cli import homes, output
from aicommons.domain import errors, ids

LONGEST_BACKUP = 64 * 1024


@click.group()
def command() -> None:
    """Back up and restore keys."""


@command.command("show")
@output.json_option
def show() -> None:
    """Show the addresses of this home's keys; no passphrase is needed."""
    from aicommons.ledger import wallet

    home = homes.home()
    files = {"wallet": home.wallet_file, "node": home.node_file}
    found = {kind: ids.format_id(wallet.address(file)) for kind, file in files.items() if file.exists()}
    if not found:
        raise errors.InputError(
            "there are no keys here", which=str(home.path), next_step="run `commons init --name NAME`"
        )
    output.emit(found, *(f"{kind:<7} {address}   {files[kind]}" for kind, address in found.items()))


@command.command("backup")
@click.option("--out", type=click.Path(path_type=pathlib.Path, dir_okay=False), help="New file. [default: print it]")
@click.option("--node", is_flag=True, help="The node's key instead of the wallet's.")
@output.json_option
def backup(out: pathlib.Path | None, node: bool) -> None:
    """Write a key as text for paper or a safe; it can be used only together with the passphrase."""
    from aicommons.ledger import wallet

    file = _file(homes.home(), node=node)
    if out is not None:
        output.check_new(out)
    text = wallet.backup(file, homes.passphrase())
    address = ids.format_id(wallet.address(file))
    if out is None:
        output.emit({"address": address, "backup": text}, text.rstrip())
        return
    app.write_private(out, text)
    output.emit(
        {"address": address, "file": str(out)}, f"{out} holds the key of {address}. Keep it apart from the passphrase."
    )


@command.command("restore")
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@click.option("--node", is_flag=True, help="As the node's key instead of the wallet's.")
@output.json_option
def restore(file: pathlib.Path, node: bool) -> None:
    """Bring back a key from a backup or another wallet's keystore; a key that is there is never overwritten."""
    from aicommons.ledger import wallet

    home = homes.home()
    place = _file(home, node=node)
    output.check_new(place)
    try:
        with file.open("rb") as opened:
            text = opened.read(LONGEST_BACKUP).decode("utf-8-sig")
    except OSError as err:
        raise errors.InputError("the backup cannot be read", which=str(file), got=err.strerror) from err
    except UnicodeDecodeError as err:
        raise errors.KeyRefused("not a backup", which=file.name, expected="text") from err
    home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    restored = wallet.restore(text, place, homes.passphrase())
    address = ids.format_id(restored.address)
    lines = [f"{place} holds the key of {address}."]
    if not home.settings_file.exists():
        lines.append(f"Next: `commons --home {home.path} init --name NAME` makes the rest of the home around it.")
    output.emit({"address": address, "file": str(place)}, *lines)


def _file(home: app.Home, *, node: bool) -> pathlib.Path:
    return home.node_file if node else home.wallet_file
