"""``commons ledger``: run the embedded ledger, and prove that its records belong together.

Founding a new ledger is ``operating.found_ledger``'s business, serving it ``ledger/embedded``'s. How a commons is founded on any
other chain is in ``deploying``.
"""

import pathlib
import urllib.parse

import click

from aicommons import app, operating
from aicommons.cli import deploying, homes, output
from aicommons.domain import errors

ENGINES = ("pyrevm", "py-evm")


@click.group()
def command() -> None:
    """Run the embedded ledger.

    It holds what was agreed, never data. Whoever outgrows one machine uses any other EVM ledger instead (`deploy`).
    """


for each in deploying.COMMANDS:
    command.add_command(each)


@command.command("start")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="0 takes a free one. [default: the port of the home's --rpc]"
)
@click.option("--chain-id", type=click.IntRange(1, 2**53), help="Must be the home's. [default: the home's]")
@click.option("--engine", type=click.Choice(ENGINES), help="EVM to use. [default: the fastest installed one]")
@click.option(
    "--config",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="For a new ledger: who founds it and how votes are held (commons.toml).",
)
@output.json_option
def start(port: int | None, chain_id: int | None, engine: str | None, config: pathlib.Path | None) -> None:
    """Serve this home's ledger on this machine until Ctrl-C or SIGTERM.

    A new ledger first gets the contracts; this home's wallet becomes its registrar if no --config says otherwise.
    """
    from aicommons.ledger.embedded import server

    home = homes.home()
    settings = home.settings()
    if chain_id not in (None, settings.chain_id):
        raise errors.InputError(
            "this home belongs to another chain", which="--chain-id", expected=settings.chain_id, got=chain_id
        )
    app.configure_logging("warning")
    deployment = operating.found_ledger(home, lambda: homes.unlock(home.wallet_file), engine=engine, config=config)

    def ready(url: str) -> None:
        if url.rstrip("/") not in [each.rstrip("/") for each in settings.endpoints]:
            output.note(f"This home's settings say {settings.rpc}; members and this home's config.json need {url}.")
        output.ready(
            {"url": url, "deployment": str(deployment.resolve()), "chain_id": settings.chain_id},
            f"Ledger {settings.chain_id} answers at {url}; members need {deployment}. Ctrl-C ends it.",
        )

    chosen = _port(settings.endpoints[0]) if port is None else port
    server.serve(home.path / "ledger", chosen, settings.chain_id, engine, ready=ready)
    output.note("The ledger has ended; nothing that was answered is lost.")


def _port(url: str) -> int:
    """Return the port at which the home's settings expect a ledger of its own."""
    parts = urllib.parse.urlsplit(url)
    if parts.hostname in ("127.0.0.1", "localhost", "::1") and parts.port is not None:
        return parts.port
    return urllib.parse.urlsplit(app.DEFAULT_RPC).port or 0


@command.command("verify")
@click.option("--engine", type=click.Choice(ENGINES), help="EVM to replay with. [default: the fastest installed one]")
@output.json_option
@click.pass_context
def verify(ctx: click.Context, engine: str | None) -> None:
    """Run all transactions of this home's ledger again and compare everything; it must not be running."""
    from aicommons.ledger.embedded import replay

    report = replay.replay(homes.home().path / "ledger", engine)
    result = {
        "identical": report.is_identical,
        "blocks": report.blocks,
        "accounts": report.accounts,
        "slots": report.slots,
        "engine": report.engine,
        "mismatch": report.mismatch,
    }
    verdict = "identical" if report.is_identical else f"DIFFERENT at {report.mismatch}"
    output.emit(result, f"{report.blocks} blocks run again with {report.engine}: {verdict}.")
    if not report.is_identical:
        ctx.exit(output.FAILED)
