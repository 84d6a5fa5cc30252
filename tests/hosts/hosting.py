"""A commons on hosts of its own: ledger, store and each node in a network namespace, behind cables like those of clinics.

Used by the tests of this folder and by ``bench/hosts.py``. The cables are ideal until somebody connects others, so that
the commons is set up quickly.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from tests.hosts import hosts
from tests.ledger import anvils

from aicommons import app, operating
from aicommons.cli import demonstration, processes, scripts
from aicommons.ledger import deployments, wallet

LEDGER, STORE = "ledger", "store"
LEDGER_PORT, STORE_PORT = 8545, 8700
CLINIC = hosts.Cable(delay=0.0375, rate=5e6)
"""5 Mbit/s each way; two hosts with such cables are 150 ms apart, there and back."""
LOSSY = dataclasses.replace(CLINIC, loss=0.02)


class Hosted(processes.Processes):
    """Processes that run on hosts."""

    def __init__(self, network: hosts.Network, passphrase: str, before: Mapping[str, Sequence[str]]) -> None:
        """Prepare; ``before``: host -> what stands before its commands, such as another clock."""
        super().__init__(passphrase)
        self.network = network
        self.before = before

    def command(self, name: str, home: pathlib.Path, *arguments: str) -> list[str]:
        """Return the command line on the host of the process: nodes have one each."""
        host = name.removeprefix("node ")
        return [*self.network.inside(host), *self.before.get(host, ()), *processes.command(home, *arguments)]


@dataclasses.dataclass
class Hosting:
    """A commons under way on hosts."""

    network: hosts.Network
    stage: demonstration.Stage
    running: Hosted


@contextlib.contextmanager
def hosting(
    script: scripts.Script, folder: pathlib.Path, *, skewed: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Hosting]:
    """Give a commons whose run is under way, in ``folder``; ``skewed``: host -> what stands before its commands."""
    names = [demonstration.folder_of(table) for table in script.tables.values()]
    passphrase = demonstration.new_passphrase()
    with contextlib.ExitStack() as started:
        network = started.enter_context(hosts.Network([LEDGER, STORE, *names]).running())
        running = started.enter_context(Hosted(network, passphrase, skewed or {}))

        def serve(_: processes.Processes, operator: app.Home) -> app.Settings:
            url = started.enter_context(chain_on(network, anvils.installed(), folder / "anvil.log"))
            settings = found(operator, passphrase, url)
            app.write_private(operator.settings_file, settings.to_json())
            bind = ("--host", network.address(STORE), "--port", str(STORE_PORT))
            store = running.start("store", operator.path, "store", "start", *bind)
            return dataclasses.replace(settings, store=store["url"])

        stage = demonstration.set_stage(
            script, folder / "homes", running, passphrase=passphrase, say=lambda _: None, serve=serve
        )
        yield Hosting(network, stage, running)


@contextlib.contextmanager
def chain_on(network: hosts.Network, binary: pathlib.Path, report: pathlib.Path) -> Iterator[str]:
    """Run a chain that charges nothing on the ledger's host; yields its URL."""
    # Where nothing is charged each transaction allows for 2^24 gas: blocks have to hold those of many nodes.
    options = (*anvils.FREE, "--gas-limit", str(2**30))
    place = ("--host", network.address(LEDGER), "--port", str(LEDGER_PORT))
    with anvils.running(binary, report, *place, *options, inside=network.inside(LEDGER)) as url:
        yield url


def found(operator: app.Home, passphrase: str, url: str) -> app.Settings:
    """Found a commons on a chain, and return the operator's settings with it."""
    signer = wallet.unlock(operator.wallet_file, passphrase)
    chain_id, deployer = operating.deployer(operator, url, signer)
    made = deployments.deploy(deployer, chain_id, operating.founding(signer.address))
    app.write_private(operator.deployment_file(chain_id), made.to_json())
    return dataclasses.replace(operator.settings(), rpc=url, chain_id=chain_id)
