"""``commons wallet``: data wallets of people without a server, at the home of their co-op.

The passphrase is the person's own and not the home's: it is asked for, or taken from ``COMMONS_WALLET_PASSPHRASE``.
Whether the node uses what is in a wallet is decided by the person's consent (``commons consent``), whose person key is
the wallet's name.
"""

import os
import pathlib
from typing import TYPE_CHECKING

import click

from aicommons import app
from aicommons.cli import homes, output
from aicommons.domain import errors

if TYPE_CHECKING:
    from aicommons.node.consents import keeping, wallets

VARIABLE = "COMMONS_WALLET_PASSPHRASE"
FILE = click.Path(path_type=pathlib.Path, dir_okay=False)
DATASET = click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
LEFT = (
    "What cannot be erased: a digest of the consent on the ledger, which says nothing without the erased record, and "
    "models that were trained before; their owner can be asked to train them again."
)


@click.group()
def command() -> None:
    """Keep people's own rows at a co-op's node, under their own passphrases."""


@command.command("open")
@output.json_option
def open_wallet() -> None:
    """Make a wallet; its name is the person's key in consents."""
    wallet = _keeping().wallets.open(_passphrase(is_new=True))
    output.emit(
        {"wallet": wallet.name},
        f"Wallet {wallet.name}",
        "Only the passphrase opens it: nobody here can restore it.",
    )


@command.command("put")
@click.argument("name", metavar="WALLET")
@DATASET
@click.argument("file", type=FILE)
@output.json_option
def put(name: str, dataset_id: int, file: pathlib.Path) -> None:
    """Put the rows of FILE (CSV) into WALLET for DATASET and let the node read them while a consent says so."""
    kept = _keeping()
    try:
        rows = file.read_bytes()
    except OSError as err:
        raise errors.InputError("the file cannot be read", which=str(file), got=err.strerror) from err
    kept.wallets.get(name).put(dataset_id, rows, _passphrase(), kept.key)
    output.emit(
        {"wallet": name, "dataset": dataset_id},
        f"The rows are in wallet {name}, encrypted. Delete {file} where it lies.",
        f"They are used once the person's consent is in the register: `{output.command(f'consent enter {dataset_id} --person {name} …')}`.",
    )


@command.command("use")
@DATASET
@output.json_option
def use(dataset_id: int) -> None:
    """Let the node read DATASET from the wallets instead of from the file that it was published with."""
    folder = homes.home().read_from_wallets(dataset_id)
    output.emit({"dataset": dataset_id, "path": str(folder)}, f"Dataset {dataset_id} is read from the wallets now.")


@command.command("export")
@click.argument("name", metavar="WALLET")
@DATASET
@click.option("--out", type=FILE, required=True, help="New file for the rows.")
@output.json_option
def export(name: str, dataset_id: int, out: pathlib.Path) -> None:
    """Give a person back all that WALLET holds for DATASET."""
    output.check_new(out)
    rows = _home_wallets().get(name).export(dataset_id, _passphrase())
    app.write_private(out, rows.decode("utf-8-sig"))
    output.emit({"wallet": name, "dataset": dataset_id, "out": str(out)}, f"The rows are in {out}.")


@command.command("erase")
@click.argument("name", metavar="WALLET")
@click.option("--dataset", "dataset_id", type=click.IntRange(1), help="Only what is for this dataset. [default: all]")
@output.json_option
def erase(name: str, dataset_id: int | None) -> None:
    """Destroy WALLET, or its rows for one dataset; says what cannot be erased."""
    gone = _home_wallets().get(name).erase(_passphrase(), dataset_id)
    output.emit(
        {"wallet": name, "erased": gone, "left": LEFT},
        f"Erased: {', '.join(f'dataset {each}' for each in gone) or 'an empty wallet'}.",
        LEFT,
    )


def _keeping() -> "keeping.Keeping":
    """Return this home's registers, whose key the wallet's grants are sealed under."""
    home = homes.home()
    home.settings()
    kept = app.open_consents(home, homes.unlock(home.wallet_file))
    if not kept.key_file.exists:
        raise errors.InputError(
            "this home keeps no register of people's consents yet",
            next_step="run `commons consent open DATASET --person person`",
        )
    return kept


def _home_wallets() -> "wallets.Wallets":
    from aicommons.node.consents import wallets

    home = homes.home()
    home.settings()
    return wallets.Wallets(home.consents_folder / "wallets")


def _passphrase(*, is_new: bool = False) -> str:
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    return str(click.prompt("The person's passphrase", hide_input=True, confirmation_prompt=is_new, err=True))
