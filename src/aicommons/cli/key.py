"""``commons key``: show, back up, restore and rotate this home's keys.

A seat in a run keeps the node key that it was taken with, and the store takes uploads from the present one only, so a key
is changed between runs and never during one. A backup is still encrypted with the passphrase; words for paper are not,
so they are shown once and written nowhere. Epoch keys of runs under way are never backed up: a node restored from a
backup waits for its next run.
"""

import pathlib
import sys
from typing import TYPE_CHECKING

import click

from aicommons import app
from aicommons.cli import homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.protocol import view as views

LONGEST_BACKUP = 64 * 1024


@click.group()
def command() -> None:
    """Back up, restore and change keys."""


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
@click.option("--words", is_flag=True, help="As 24 words to write down; they need no passphrase.")
@click.option(
    "--language",
    type=click.Choice(["english", "french", "spanish", "portuguese"]),
    default="english",
    show_default=True,
    help="Of the words.",
)
@click.option("--qr", is_flag=True, help="Show the text as a QR code too, to be kept on paper or taken by a telephone.")
@output.json_option
def backup(*, out: pathlib.Path | None, node: bool, words: bool, language: str, qr: bool) -> None:
    """Write a key as text for paper or a safe; it can be used only together with the passphrase.

    With --words as 24 words instead, shown once and kept nowhere: whoever has them has the key.
    """
    from aicommons.ledger import wallet

    if words and (out is not None or qr):
        raise click.UsageError("words are shown once and written into no file or picture; leave out --out and --qr")
    file = _file(homes.home(), node=node)
    if out is not None:
        output.check_new(out)
    address = ids.format_id(wallet.address(file))
    if words:
        _show_words(wallet.words(file, homes.passphrase(), language=language), address)
        return
    text = wallet.backup(file, homes.passphrase())
    if out is None:
        output.emit({"address": address, "backup": text}, text.rstrip())
    else:
        app.write_private(out, text)
        line = f"{out} holds the key of {address}. Keep it apart from the passphrase."
        output.emit({"address": address, "file": str(out)}, line)
    if qr and not output.call().as_json:
        _show_code(text)


def _show_words(words: tuple[str, ...], address: str) -> None:
    numbered = [f"{place:>2} {word}" for place, word in enumerate(words, 1)]
    rows = ["   ".join(each.ljust(14) for each in numbered[start : start + 4]).rstrip() for start in range(0, 24, 4)]
    output.emit(
        {"address": address, "words": " ".join(words)},
        f"The key of {address} in 24 words. They are shown this once; write them down in their order:",
        "",
        *(f"  {row}" for row in rows),
        "",
        "Whoever has these words has the key, without any passphrase. Keep the paper where you would keep a deed.",
        f"Check what you wrote: `{output.command('key check-words')}`.",
    )


def _show_code(text: str) -> None:
    """Show the encrypted backup as a QR code of half blocks, as a terminal and its printer have them."""
    import segno

    segno.make(text, error="l").terminal(sys.stdout, compact=True)


@command.command("check-words")
@click.option("--node", is_flag=True, help="The node's key instead of the wallet's.")
@output.json_option
def check_words(node: bool) -> None:
    """Check the words on your paper against this home's key; nothing is written."""
    from aicommons.ledger import wallet

    file = _file(homes.home(), node=node)
    expected = wallet.address(file)
    if wallet.address_of_words(_asked_words()) != expected:
        raise errors.KeyRefused(
            "these words are another key's", which=ids.format_id(expected), next_step="write the words down anew"
        )
    output.emit({"address": ids.format_id(expected)}, f"The words are the key of {ids.format_id(expected)}.")


def _asked_words() -> str:
    """Return the words from the terminal, or from standard input where nobody can be asked."""
    if sys.stdin.isatty():
        return str(click.prompt("The 24 words, separated by spaces", hide_input=True, err=True))
    return sys.stdin.read(LONGEST_BACKUP)


@command.command("restore")
@click.argument("file", required=False, type=click.Path(path_type=pathlib.Path, dir_okay=False))
@click.option("--node", is_flag=True, help="As the node's key instead of the wallet's.")
@click.option("--words", is_flag=True, help="From 24 words, which are asked for, instead of a file.")
@output.json_option
def restore(file: pathlib.Path | None, node: bool, words: bool) -> None:
    """Bring back a key from a backup or another wallet's keystore; a key that is there is never overwritten.

    From a FILE the passphrase of the backup opens it and locks the key again; with --words you choose a new one.
    """
    from aicommons.ledger import wallet

    if words == (file is not None):
        raise click.UsageError("give either FILE or --words")
    home = homes.home()
    place = _file(home, node=node)
    output.check_new(place)
    if file is None:
        given = _asked_words()
        wallet.address_of_words(given)  # a wrong word is said before a new passphrase is asked for
        passphrase = homes.passphrase(is_new=True)
        home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        restored = wallet.restore_words(given, place, passphrase)
    else:
        text = _read_backup(file)
        home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        restored = wallet.restore(text, place, homes.passphrase())
    address = ids.format_id(restored.address)
    lines = [f"{place} holds the key of {address}."]
    if not home.settings_file.exists():
        lines.append(f"Next: `{output.command('init --name NAME')}` makes the rest of the home around it.")
    output.emit({"address": address, "file": str(place)}, *lines)


def _read_backup(file: pathlib.Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(LONGEST_BACKUP).decode("utf-8-sig")
    except OSError as err:
        raise errors.InputError("the backup cannot be read", which=str(file), got=err.strerror) from err
    except UnicodeDecodeError as err:
        raise errors.KeyRefused("not a backup", which=file.name, expected="text") from err


@command.command("rotate")
@output.json_option
def rotate() -> None:
    """Give this home's node a new key, on the ledger and here; the wallet stays.

    A seat in a run keeps the key that it was taken with, so this waits for the end of your runs: while one is under way
    nothing is changed. The old keystore is kept under its address. End the node first and start it again afterwards.
    A wallet that a membership was recovered to also puts its own reader key there: letters and sums are sealed to it then.
    """
    from aicommons.ledger import wallet

    opened = homes.act_as_member()
    home = opened.home
    old = wallet.address(home.node_file)
    _check_no_seat(opened.desk.view(), opened.desk.member_id())
    with homes.alone(home):
        new = _next_node_key(home)
        kept = home.node_file.with_name(f"node-{old.hex()[:12]}.json")
        if not kept.exists():
            app.write_whole(kept, home.node_file.read_bytes(), mode=0o600)
        opened.desk.set_node_key(new)
        _keep_reader_point(opened)
        _next_file(home).replace(home.node_file)
    output.emit(
        {"old": ids.format_id(old), "new": ids.format_id(new), "kept": str(kept)},
        f"The node's key is {ids.format_id(new)} from now on.",
        f"  {kept} holds the old one, {ids.format_id(old)}: no run needs it any more, signatures of past runs stay valid.",
        f"Next: `{output.command('key backup --node --out FILE')}`, then `{output.command('node start')}`.",
    )


def _keep_reader_point(opened: homes.Opened) -> None:
    """Put this wallet's reader key on the ledger where another one's stands: it is derived from the wallet."""
    point = app.reader_point(opened.signer)
    if opened.desk.member(opened.desk.member_id()).reader_point != point:
        opened.desk.set_reader_point(point)


def _check_no_seat(view: "views.LedgerView", member: ids.MemberId) -> None:
    """Check that no run under way knows this member's node by its present key; raises ``errors.InputError``."""
    held = [
        naming.short(run_id)
        for run_id, current in view.runs.items()
        if not current.state.is_over and member in current.enrolled and member not in current.exits
    ]
    if held:
        raise errors.InputError(
            "runs under way know your node by its present key",
            which=", ".join(held),
            expected="no seat in a run that is not over",
            got=f"{len(held)} seats",
            next_step="wait for their end (`commons run show RUN`), or ask the solver to cancel; nothing was changed",
        )


def _next_node_key(home: app.Home) -> ids.Address:
    """Return the address of a new key beside the present one: the one of a rotation that was cut off, or a fresh one."""
    from aicommons.ledger import wallet

    file = _next_file(home)
    passphrase = homes.passphrase()
    made = wallet.unlock(file, passphrase) if file.exists() else wallet.create(file, passphrase)
    return made.address


def _next_file(home: app.Home) -> pathlib.Path:
    return home.node_file.with_name("node-next.json")


def _file(home: app.Home, *, node: bool) -> pathlib.Path:
    return home.node_file if node else home.wallet_file
