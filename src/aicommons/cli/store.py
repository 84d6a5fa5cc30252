"""``commons store``: run a store for masked vectors and documents.

Who may upload is asked of the ledger (``app.store_gate``); everything else is ``store/server``'s business.
"""

import pathlib
import urllib.parse

import click

from aicommons import app
from aicommons.cli import homes, output

GIGABYTE = 10**9


@click.group()
def command() -> None:
    """Run a store for masked vectors and documents.

    Nobody has to trust it: what it returns is checked, and it never sees data or sums.
    """


@command.command("start")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the interface to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="0 takes a free one. [default: the port of the home's --store]"
)
@click.option("--quota-gb", type=click.FloatRange(0.001, 1e6), default=4.0, show_default=True, help="Most per member.")
@click.option("--max-gb", type=click.FloatRange(0.001, 1e6), help="Most of all members. [default: as the disk holds]")
@click.option("--certificate", type=click.Path(path_type=pathlib.Path, exists=True), help="PEM chain, for HTTPS.")
@click.option("--private-key", type=click.Path(path_type=pathlib.Path, exists=True), help="PEM key of --certificate.")
@output.json_option
def start(
    host: str,
    port: int | None,
    *,
    quota_gb: float,
    max_gb: float | None,
    certificate: pathlib.Path | None,
    private_key: pathlib.Path | None,
) -> None:
    """Serve this home's store until Ctrl-C or SIGTERM. Anybody may read by digest; members may upload."""
    from aicommons.store import server

    if (certificate is None) != (private_key is None):
        raise click.UsageError("--certificate and --private-key belong together")
    home = homes.home()
    settings = home.settings()
    app.configure_logging("warning")
    policy = server.Policy(
        audience=settings.audience,
        quota_bytes=int(quota_gb * GIGABYTE),
        max_bytes=None if max_gb is None else int(max_gb * GIGABYTE),
    )

    def ready(url: str) -> None:
        if url.rstrip("/") != settings.store.rstrip("/"):
            output.note(f"This home's settings say {settings.store}; members and this home's config.json need {url}.")
        output.ready(
            {"url": url, "audience": settings.audience},
            f'Store "{settings.audience}" answers at {url}. Ctrl-C ends it.',
        )

    chosen = _port(settings.store) if port is None else port
    bind = server.Bind(host, chosen, certificate, private_key)
    server.serve(home.path / "store", gate=app.store_gate(home), policy=policy, bind=bind, ready=ready)
    output.note("The store has ended.")


def _port(url: str) -> int:
    """Return the port at which the home's settings expect a store of its own."""
    parts = urllib.parse.urlsplit(url)
    if parts.hostname in ("127.0.0.1", "localhost", "::1") and parts.port is not None:
        return parts.port
    return urllib.parse.urlsplit(app.DEFAULT_STORE).port or 0
