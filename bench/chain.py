"""How many blocks a round takes on a chain with a block every two seconds: nodes of their own threads on anvil.

Why: on such a chain the time of a round is the number of its blocks. Every node looks, decides and sends for itself, and waits
for its receipts, as a process of its own would; training is small, so that what is counted is the protocol. A round's blocks are
those from the last Reveal of the round before to its own last Reveal. Run by people:

    python bench/chain.py ANVIL [--nodes N …] [--rounds R] [--block-time S] [--confirmations D] [--json]
"""

import argparse
import contextlib
import itertools
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator

import numpy as np

import report
from aicommons import testing
from aicommons.domain import errors, ids, schema
from aicommons.learning import recipe, records
from aicommons.ledger import client, deployments, finality, rpc, sending, wallet
from aicommons.ledger.embedded import chain, engine
from aicommons.node import reconciler
from aicommons.protocol import view as views
from aicommons.store import transport

MOST_BLOCKS = 4
"""Blocks per round that the project asks of itself at two seconds a block."""
PAUSE = 0.05
"""Seconds between a node's looks, as ``commons node run`` has them while something is under way."""
FREE = ("--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee")


@contextlib.contextmanager
def anvil(binary: pathlib.Path, folder: pathlib.Path) -> Iterator[str]:
    """Run an anvil under the embedded ledger's rules, which records at once until it is told otherwise; yields its URL."""
    log = folder / "anvil.log"
    options = ("--port", "0", "--hardfork", "cancun", "--chain-id", str(chain.DEFAULT_CHAIN_ID))
    terms = (*FREE, "--gas-limit", str(4 * engine.GAS_LIMIT), "--timestamp", str(int(testing.START)))
    with log.open("w") as output:
        process = subprocess.Popen([str(binary), *options, *terms], stdout=output, stderr=subprocess.STDOUT)
    try:
        while (found := re.search(r"Listening on (\S+)", log.read_text())) is None:
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.02)
        yield f"http://{found[1]}"
    finally:
        process.kill()
        process.wait()


def tell(url: str, method: str, *params: object) -> None:
    """Give anvil an order."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    asked = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(asked) as answer:
        if "error" in json.loads(answer.read()):
            raise SystemExit(f"anvil does not know {method}")


class ChainCommons(testing.Commons):
    """A commons on a chain behind a URL."""

    def __init__(self, folder: pathlib.Path, url: str, depth: int) -> None:
        self.url = url
        self._counted = finality.Finality(depth)
        self._is_slow = False
        self._keys: dict[int, testing._Keys] = {}
        super().__init__(folder)

    def _found(self, engine: str | None, founding: deployments.Founding) -> None:
        del engine
        nowhere = deployments.Deployment(chain.DEFAULT_CHAIN_ID, 0, {}, {})
        deployer = client.Client(self._wire(), nowhere, self.operator)
        self.deployment = deployments.deploy(deployer, nowhere.chain_id, founding)

    def _wire(self) -> rpc.HttpRpc:
        return rpc.HttpRpc(transport.Transport(self.url, unreachable=errors.LedgerUnreachable))

    def connect(self, signer: wallet.Wallet) -> client.Client:
        """Return a client with a connection of its own."""
        habits = sending.Habits(counted=self._counted) if self._is_slow else sending.Habits()
        return client.Client(self._wire(), self.deployment, signer, habits=habits)

    def slow_down(self, seconds: int) -> None:
        """Record a block every so many seconds from now on."""
        tell(self.url, "evm_setAutomine", False)
        tell(self.url, "evm_setIntervalMining", seconds)
        self._is_slow = True

    def again(self, member: testing.Member) -> reconciler.Reconciler:
        """Return a node of a member with connections and files of the thread that calls."""
        keys = self._keys[int(member.member_id)]
        return reconciler.Reconciler(self._agent(keys.name, keys.node, member.member_id, member.data))

    def _seat(self, member_id: ids.MemberId, keys: testing._Keys) -> testing.Member:
        self._keys[int(member_id)] = keys
        return super()._seat(member_id, keys)

    def _release(self) -> None:
        """The chain ends by itself."""


def plan(rounds: int) -> recipe.Recipe:
    """Return what is trained: two coefficients, so many rounds."""
    columns = schema.Schema((schema.numeric("x", -5.0, 5.0),), schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")))
    document = {"recipe": "mlp", "schema": schema.to_document(columns), "hidden": [4], "rounds": rounds}
    return recipe.from_plan(document)


def rows(seed: int) -> recipe.Rows:
    """Return one site's rows."""
    drawn = np.random.default_rng(seed)
    features = drawn.normal(size=(40, 1)).clip(-5, 5)
    table = records.Table(features, (features[:, 0] > 0).astype(float))
    return recipe.Rows(table, records.Table(features[:0], table.target[:0]))


def work(commons: ChainCommons, member: testing.Member, over: threading.Event) -> None:
    """Be a member's node until the run is over for all."""
    node = commons.again(member)
    while not over.is_set():
        node.step()
        over.wait(PAUSE)


def blocks_of(run: views.RunView) -> list[int]:
    """Return the number of blocks of each round but the first, which waits for everybody's start."""
    places = [run.unmasked(index) for index in range(run.round_index + 1)]
    last = [
        max(sent.at.block for sent in run.attempts[place].reveals.values()) for place in places if place is not None
    ]
    return [after - before for before, after in itertools.pairwise(last)]


def measure(options: argparse.Namespace, nodes: int) -> dict[str, object]:
    """Return one row."""
    with tempfile.TemporaryDirectory() as kept, anvil(options.anvil, pathlib.Path(kept)) as url:
        commons = ChainCommons(pathlib.Path(kept), url, options.confirmations)
        made = testing._prepare(  # noqa: SLF001  the one of ``simulate``, on another ledger
            commons, [rows(seed) for seed in range(nodes)], plan(options.rounds), testing.Terms(phase_seconds=600)
        )
        commons.slow_down(options.block_time)
        over = threading.Event()
        owners = [member for member in commons.members if member.member_id in made.nodes]
        threads = [threading.Thread(target=work, args=(commons, owner, over), daemon=True) for owner in owners]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        while not (run := made.view()).state.is_over and time.perf_counter() - begun < options.most_seconds:
            time.sleep(options.block_time)
        over.set()
        taken = blocks_of(run)
        commons.close()
    return {
        "nodes": nodes,
        "block_s": options.block_time,
        "confirmations": options.confirmations,
        "rounds": len(taken),
        "blocks": statistics.median(taken) if taken else None,
        "most": max(taken, default=None),
        "target": MOST_BLOCKS + options.confirmations * 3,
        "seconds": round(statistics.median(taken) * options.block_time, 1) if taken else None,
        "state": run.state.name.lower(),
    }


COLUMNS: report.Columns = {
    "nodes": lambda row: row["nodes"],
    "seconds a block": lambda row: row["block_s"],
    "blocks on top": lambda row: row["confirmations"],
    "rounds": lambda row: row["rounds"],
    "blocks a round (median)": lambda row: row["blocks"],
    "most": lambda row: row["most"],
    "target": lambda row: row["target"],
    "seconds a round": lambda row: row["seconds"],
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("anvil", type=pathlib.Path, help="the program")
    parser.add_argument("--nodes", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--block-time", type=int, default=2)
    parser.add_argument("--confirmations", type=int, default=0)
    parser.add_argument("--most-seconds", type=float, default=300.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    measured = (measure(options, nodes) for nodes in options.nodes)
    report.show("Blocks per round", measured, COLUMNS, as_json=options.json)


if __name__ == "__main__":
    main()
