"""How long a round takes between hosts: four nodes 150 ms from everybody else, 5 Mbit/s each way, also losing packets.

Every node, the ledger (anvil) and the store stand in a network namespace of their own (``tests/hosts``; needs Linux, root
and ``ip``). The nodes' cables carry 5 Mbit/s; the store's and the ledger's have the delay alone, as in a data centre. The job is
the demo's hospitals with a network of two hidden layers. Seconds per round are the median over the training rounds after the
first, from the round's opening to the next one's on the ledger.

The bound is what no implementation of the protocol can be faster than on the slowest cable, a node's: before it may commit,
V bytes up and the others' 3 V down; before anybody can combine, its part of the 6 mask sums up (1.5 V) and the 3 that it does not
hold down. The four steps need each other's end, so the bytes add up: 8.5 V at 5 Mbit/s for four nodes. To that come ten round
trips: four signed messages on the ledger (sent, and seen by the others in the next answer), twice a hop up into the store
and one down out of it. Training, masking, signatures and checks count as nothing in it.

    python bench/hosts.py [--hidden units...] [--rows plain lossy blocks] [--json]
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
import types
import urllib.request
from collections.abc import Iterator

# The hosts are the tests'; some installed packages bring a package ``tests`` too, so ours is named here.
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = [str(pathlib.Path(__file__).parents[1] / "tests")]

from tests.hosts import hosting, hosts  # noqa: E402

import report  # noqa: E402
from aicommons.cli import scripts  # noqa: E402
from aicommons.domain import errors, run  # noqa: E402
from aicommons.protocol import view as views  # noqa: E402

NODES = 4
ROUND_TRIPS = 10
RTT = 4 * hosting.CLINIC.delay
"""Seconds there and back between two hosts."""
WORD_BYTES = 4
MOST_BLOCKS = 4
BLOCK_SECONDS = 2
DISTANT = hosts.Cable(delay=hosting.CLINIC.delay)
POLL_SECONDS = 0.05
LONGEST_SECONDS = 1500.0


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What the ledger showed when."""

    at: float
    """Monotonic seconds."""
    round_index: int
    messages: tuple[int, int, int, int]
    """Submits, Commits, Reveals and Results of the round."""
    block: int


def weights(hidden: int) -> int:
    """Return the parameters of a network with 30 inputs and two hidden layers."""
    return 31 * hidden + (hidden + 1) * hidden + hidden + 1


def bound_seconds(words: int) -> float:
    """Return the bound of this file's head for vectors of ``words`` words."""
    columns, held = NODES * (NODES - 1) // 2, NODES - 1
    moved = 1 + (NODES - 1) + columns / NODES + (columns - held)
    return 8 * moved * words * WORD_BYTES / hosting.CLINIC.rate + ROUND_TRIPS * RTT


def script(folder: pathlib.Path, hidden: int, rounds: int) -> scripts.Script:
    """Return the demo's hospitals with a network of this size."""
    made = scripts.hospitals(folder, scripts.Choice(recipe="mlp", nodes=NODES, rounds=rounds + 2))
    recipe = {**made.recipe, "hidden": [hidden, hidden]}
    return dataclasses.replace(made, recipe=recipe, phase_seconds=1200)


def watched(commons: hosting.Hosting) -> Iterator[Seen]:
    """Yield what changes on the ledger until the run is over."""
    before, until = None, time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < until:
        try:
            current = commons.stage.view()
        except errors.TemporaryError:
            continue
        gone = commons.running.ended()
        if gone is not None and not current.state.is_over:
            raise SystemExit(f"{gone} has ended; see its log")
        now = _seen(commons, current)
        if before is None or (now.round_index, now.messages) != (before.round_index, before.messages):
            yield now
        before = now
        if current.state.is_over:
            return
        time.sleep(POLL_SECONDS)
    raise SystemExit("the run took too long")


def _seen(commons: hosting.Hosting, current: views.RunView) -> Seen:
    attempt = current.current
    counts = (0, 0, 0, 0)
    if attempt is not None:
        counts = len(attempt.submits), len(attempt.commits), len(attempt.reveals), len(attempt.results)
    return Seen(time.monotonic(), current.round_index, counts, asked(commons, "eth_blockNumber"))


def asked(commons: hosting.Hosting, method: str, *params: object) -> int:
    """Ask the ledger, from outside."""
    url = f"http://{commons.network.address(hosting.LEDGER)}:{hosting.LEDGER_PORT}"
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        told = json.load(answer)
    if "error" in told:
        raise SystemExit(f"{method}: {told['error']}")
    return int(told["result"], 16) if isinstance(told["result"], str) else 0


def measure(kind: str, hidden: int, rounds: int, *, trace: bool) -> dict[str, object]:
    """Return the row of one run."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        with hosting.hosting(script(root / "tables", hidden, rounds), root) as commons:
            for name in commons.network.names[1:]:
                is_node = name not in (hosting.LEDGER, hosting.STORE)
                cable = hosting.CLINIC if is_node else DISTANT
                loss = hosting.LOSSY.loss if kind == "lossy" else 0.0
                commons.network.connect(name, dataclasses.replace(cable, loss=loss))
            if kind == "blocks":
                asked(commons, "evm_setIntervalMining", BLOCK_SECONDS)
            seen = []
            for each in watched(commons):
                seen.append(each)
                if trace:
                    print(
                        f"{each.at - seen[0].at:8.2f} {each.round_index} {each.messages} {each.block}", file=sys.stderr
                    )
            ended = commons.stage.view()
            if ended.state is not run.RunState.COMPLETED:
                raise SystemExit(f"the run ended otherwise: {ended.reason}")
            sent = commons.network.counters()
    return row(kind, hidden, seen, lost=sum(lost for _, lost, _ in sent.values()))


def row(kind: str, hidden: int, seen: list[Seen], *, lost: int) -> dict[str, object]:
    """Return the figures of a run: rounds 2 to the last training round."""
    opened: dict[int, Seen] = {}
    for each in seen:
        opened.setdefault(each.round_index, each)
    training = [index for index in sorted(opened) if index >= 2 and index + 1 in opened]
    spans = [(opened[index], opened[index + 1]) for index in training]
    seconds = [after.at - before.at for before, after in spans]
    blocks = [after.block - before.block for before, after in spans]
    return {
        "kind": kind,
        "weights": weights(hidden),
        "rounds": len(seconds),
        "s_per_round": round(statistics.median(seconds), 2),
        "s_range": [round(min(seconds), 2), round(max(seconds), 2)],
        "bound_s": round(bound_seconds(weights(hidden)), 2),
        "blocks": statistics.median(blocks) if kind == "blocks" else None,
        "lost": lost,
        "load": round(os.getloadavg()[0], 1),
        "congestion": pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip(),
    }


WORDS = {"plain": "no loss", "lossy": "2 % loss", "blocks": f"blocks of {BLOCK_SECONDS} s"}
COLUMNS: report.Columns = {
    "cables": lambda each: WORDS[each["kind"]],
    "weights": lambda each: each["weights"],
    "rounds": lambda each: each["rounds"],
    "s/round": lambda each: each["s_per_round"],
    "range": lambda each: "{} to {}".format(*each["s_range"]),
    "bound s": lambda each: each["bound_s"],
    "x bound": lambda each: round(each["s_per_round"] / each["bound_s"], 2),
    "x without": lambda each: each.get("x_without"),
    "target": lambda each: {"plain": "1.3 x bound", "lossy": "1.5 x without", "blocks": f"{MOST_BLOCKS} blocks"}[
        each["kind"]
    ],
    "blocks/round": lambda each: each["blocks"],
    "packets lost": lambda each: each["lost"],
    "congestion": lambda each: each["congestion"],
    "load": lambda each: each["load"],
}


def rows(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield all rows; those under loss say how much it costs."""
    for hidden in options.hidden:
        without = None
        for kind in options.rows:
            found = measure(kind, hidden, options.rounds, trace=options.trace)
            if kind == "plain":
                without = float(str(found["s_per_round"]))
            is_lossy = kind == "lossy" and without is not None
            found["x_without"] = round(float(str(found["s_per_round"])) / (without or 1.0), 2) if is_lossy else None
            yield found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, nargs="*", default=[300, 985], help="units per hidden layer")
    parser.add_argument("--rows", choices=list(WORDS), nargs="*", default=list(WORDS))
    parser.add_argument("--rounds", type=int, default=5, help="training rounds")
    parser.add_argument("--trace", action="store_true", help="print to standard error what the ledger showed when")
    parser.add_argument("--json", action="store_true", help="one object per row")
    options = parser.parse_args()
    lacking = hosts.missing()
    if lacking is not None:
        raise SystemExit(f"no hosts of one's own here: {lacking}")
    report.show("Rounds between hosts (`hosts.py`)", rows(options), COLUMNS, as_json=options.json)


if __name__ == "__main__":
    main()
