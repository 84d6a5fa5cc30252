"""``commons relayer``: pay for calls that members sign, so that they need no coins of the chain.

What is taken and how it is sent is ``ledger/relayer``'s; how a home uses one is its setting ``relayer``.
"""

import click

from aicommons import app, operating
from aicommons.cli import homes, output
from aicommons.ledger import bounds as limits

USUAL = limits.Bounds()


@click.group()
def command() -> None:
    """Pay for calls that members sign.

    A relayer can refuse and delay, but neither change nor repeat what was signed; anybody may run one, and members may use any.
    """


@command.command("start")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8547, show_default=True, help="0 takes a free one.")
@click.option(
    "--per-member",
    type=click.IntRange(1),
    default=USUAL.per_member,
    show_default=True,
    help="Calls of a member a minute.",
)
@click.option(
    "--member-gas",
    type=click.IntRange(21_000),
    default=USUAL.member_gas,
    show_default=True,
    help="Most gas of a member's calls a minute.",
)
@click.option(
    "--strangers",
    type=click.IntRange(0),
    default=USUAL.strangers,
    show_default=True,
    help="Applications for membership a minute; nothing else is taken of those who are no members.",
)
@click.option("--gas", type=click.IntRange(21_000), default=USUAL.gas, show_default=True, help="Most gas of one call.")
@output.json_option
def start(host: str, port: int, *, per_member: int, member_gas: int, strangers: int, gas: int) -> None:
    """Take signed calls until Ctrl-C or SIGTERM, and send them many at a time; this home's wallet pays.

    Only members' calls of this commons' own contracts are taken, and applications for membership, and only those that would succeed.
    """
    from aicommons.ledger import relay_server

    home = homes.home()
    bounds = limits.Bounds(per_member=per_member, member_gas=member_gas, strangers=strangers, gas=gas)
    made = operating.open_relayer(home, homes.unlock(home.wallet_file), bounds)
    app.configure_logging("warning")

    def ready(url: str) -> None:
        output.ready({"url": url}, f'Relayer answers at {url}; members set "relayer" to it. Ctrl-C ends it.')

    relay_server.serve(made, host, port, ready)
    output.note("The relayer has ended; what it took was sent.")
