"""``commons up``: everything that a home runs, with one command: its ledger and store if it keeps them, node, and page.

A home keeps the ledger or the store that lies in its folder. Each part is an ordinary command in a process of its own
(``processes``); asked to end, this command ends them in order. It does not start again what ends by itself: it says so
and ends.
"""

import threading
from collections.abc import Sequence

import click

from aicommons import app
from aicommons.cli import homes, output, portal, processes
from aicommons.domain import errors

LOOK_SECONDS = 0.5


@click.command("up")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=portal.DEFAULT_PORT, show_default=True, help="Of the page."
)
@click.option("--page/--no-page", default=True, show_default=True, help="Serve the owner's page.")
@output.json_option
def command(port: int, page: bool) -> None:
    """Start this home's ledger, store and node, as far as it has them, and the owner's page; Ctrl-C ends all.

    The passphrase comes from COMMONS_PASSPHRASE, else it is asked. Each part writes a log into the home.
    """
    home = homes.home()
    home.settings()
    if page and home.wallet_file.exists():
        portal.check_free(port, "up")  # before anything is started that would have to end again
    with processes.ends_in_order(), processes.Processes(homes.passphrase()) as running:
        said = start(running, home, port=port, page=page)
        url = said.get("portal", {}).get("url")
        output.ready(
            {"parts": sorted(said), "url": url, "answers": said},
            f"Running: {', '.join(said)}."
            + (f"\nOpen {url}\nThe link works once; Ctrl-C ends everything." if url else ""),
        )
        _wait(running)


def start(running: processes.Processes, home: app.Home, *, port: int, page: bool) -> dict[str, dict[str, object]]:
    """Start the parts that a home has, in the order in which they need each other; return what each says.

    Raises:
        errors.TemporaryError: a part did not start; its log says why.
    """
    said: dict[str, dict[str, object]] = {}
    for name, arguments in parts(home):
        output.note(f"{name} is starting")
        said[name] = running.start(name, home.path, *arguments)
    if page and home.wallet_file.exists():
        said["portal"] = running.start("portal", home.path, "portal", "start", "--port", str(port))
    return said


def parts(home: app.Home) -> Sequence[tuple[str, tuple[str, ...]]]:
    """Return the servers and the node that a home has: name and command line."""
    found: list[tuple[str, tuple[str, ...]]] = [
        (name, (name, "start")) for name in ("ledger", "store") if (home.path / name).is_dir()
    ]
    if home.node_file.exists() and home.datasets_file.exists():
        found.append(("node", ("node", "start")))
    return found


def _wait(running: processes.Processes) -> None:
    """Wait until Ctrl-C or until a part ends.

    Raises:
        errors.TemporaryError: one ended by itself.
    """
    tick = threading.Event()
    while (ended := running.ended()) is None:
        tick.wait(LOOK_SECONDS)
    raise errors.TemporaryError(f"{ended} has ended", which=ended, next_step=f"see {ended}.log in {homes.home().path}")
