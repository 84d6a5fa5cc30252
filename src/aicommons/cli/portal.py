"""``commons portal``: serve the owner's page of a home, or say how to open it.

The page is a process of its own (``python -m aicommons.portal``); this command becomes it. Ledger, store and node must
run already: ``commons up`` starts all of them.
"""

import os
import socket
import sys

import click

from aicommons import app
from aicommons.cli import homes, output
from aicommons.domain import errors

DEFAULT_PORT = 8547


@click.group()
def command() -> None:
    """See and decide on one page: what is asked of you, what is under way, what was used."""


@command.command("start")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0 takes a free one."
)
@output.json_option
def start(port: int) -> None:
    """Serve this home's page on this machine until Ctrl-C or SIGTERM.

    The link that is printed works once, in one browser. The wallet is unlocked as long as the page is served, because
    its buttons sign.
    """
    home = homes.home()
    app.deployment_of(home)
    check_free(port, "portal start")
    passphrase = homes.passphrase()
    environment = {**os.environ, app.PASSPHRASE_VARIABLE: passphrase}
    words = "json" if output.call().as_json else "text"
    arguments = [sys.executable, "-m", "aicommons.portal", str(home.path), str(port), words]
    sys.stdout.flush()
    os.execve(sys.executable, arguments, environment)  # noqa: S606  our own program, without a shell


def check_free(port: int, words: str) -> None:
    """Check that nothing listens on a port of this machine.

    Args:
        port: of the page; 0 is always free.
        words: the command that names another one with ``--port``.

    Raises:
        errors.InputError: the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as err:
            raise errors.InputError(
                "the port of the page is taken; nothing was started",
                which=f"port {port}",
                next_step=f"another page may be open: `commons portal link`. Else take another port: `commons {words} --port {_other(port)}`",
            ) from err


def _other(port: int) -> int:
    return port + 1 if port < 65535 else 0


@command.command("link")
@output.json_option
def link() -> None:
    """Print a link that opens the page in a browser, once; the page must be running."""
    file = homes.home().path / "portal" / "link"
    if not file.exists():
        raise errors.InputError(
            "the page is not running", which=str(file), next_step="start it: `commons portal start` or `commons up`"
        )
    address = file.read_text().strip()
    output.emit({"url": address}, address)
