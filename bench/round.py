"""How long a round takes: five real node processes, or everybody in one process, on a network of 99,901 weights or more.

The job is the peers' (scikit-learn's breast cancer, rows dealt out X[i::N], two hidden layers, one local epoch, batch 32,
rate 0.05, weighted mean). Ledger, signatures, masking and all checks are on. Prints one table, or with --json one
object per row. Every row is measured in a fresh process (``ours.py``). "passes" is what all nodes' unavoidable passes over vectors
alone cost in a round (``floor.py``): CPU seconds of one core, training and ledger not among them. ``--peers DIR`` runs the peers of that folder beside
(``peers.py``), on the same machine; ``--runs R`` does everything R times, peers and ours in turn.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator

import floor
import peers
import report

TARGETS = {("simulate", 5): 0.15, ("simulate", 20): 0.9, ("processes", 5): 0.5}
"""Seconds per round that the project asks of itself, by mode and nodes."""
MOST_PROCESSES = 5
"""Nodes up to which ``--mode all`` measures processes too: each of them wants a core."""
MODES = ("simulate", "memory", "processes")


def ours(mode: str, nodes: int, rounds: int, hidden: int) -> dict[str, object]:
    """Return our row of a mode, measured in a process of its own from start to exit."""
    command = [sys.executable, str(pathlib.Path(__file__).parent / "ours.py"), mode, *map(str, (nodes, rounds, hidden))]
    begun = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    wall = round(time.perf_counter() - begun, 2)
    passes = nodes * floor.seconds(nodes, weights(hidden))["round"]
    return {**json.loads(done.stdout), "wall_s": wall, "passes_s": round(passes, 4)}


def weights(hidden: int) -> int:
    """Return the parameters of the job's network."""
    return (30 + 1) * hidden + (hidden + 1) * hidden + hidden + 1


def once(options: argparse.Namespace, nodes: int) -> Iterator[dict[str, object]]:
    """Yield the rows of one run of everything with so many nodes."""
    for mode in MODES:
        is_usual = mode != "processes" or nodes <= MOST_PROCESSES
        if options.mode == mode or (options.mode == "all" and is_usual):
            yield ours(mode, nodes, options.rounds, options.hidden)
    if options.peers is not None:
        yield from peers.measure(options.peers, nodes, hidden=options.hidden, only_masked=options.only_masked)


def measure(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield one row for all runs of each: the median run's, with the range of seconds per round over the runs."""
    for nodes in options.nodes:
        for runs in zip(*(list(once(options, nodes)) for _ in range(options.runs)), strict=True):
            timed = sorted((run for run in runs if run["s_per_round"] is not None), key=seconds_of)
            middle = timed[len(timed) // 2] if timed else runs[0]
            extremes = [seconds_of(timed[0]), seconds_of(timed[-1])] if timed else None
            target = TARGETS.get((str(middle["mode"]), nodes)) if options.hidden == peers.HIDDEN else None
            yield {**middle, "runs": len(timed), "s_range": extremes, "target_s": target}


def seconds_of(measured: report.Row) -> float:
    """Return a row's seconds per round."""
    return float(measured["s_per_round"])


def with_floor(rows: Iterator[dict[str, object]]) -> list[dict[str, object]]:
    """Return ``rows`` with their multiple of the plain floor at the same number of nodes, if that was measured.

    Ours also say how many times faster they are than SecAgg+.
    """
    listed = list(rows)
    floor = {each["nodes"]: each["s_per_round"] for each in listed if each["peer"] == "plain"}
    masked = {each["nodes"]: each["s_per_round"] for each in listed if each["peer"] == "flower" and each["secagg"]}
    for each in listed:
        base, other, own = floor.get(each["nodes"]), masked.get(each["nodes"]), each["s_per_round"]
        each["x_plain"] = round(float(str(own)) / float(str(base)), 1) if base and own else None
        is_ours = each["peer"] == "aicommons"
        each["x_secagg"] = round(float(str(other)) / float(str(own)), 1) if other and own and is_ours else None
    return listed


NAMES = {"aicommons": "AI Commons", "plain": "plain NumPy", "flower": "Flower", "nvflare": "NVFlare"}


def name_of(measured: report.Row) -> str:
    """Return what a row is called in the table."""
    version = (
        f" {measured['version']}" if measured["peer"] not in ("aicommons", "plain") and measured["version"] else ""
    )
    name = NAMES.get(measured["peer"], measured["peer"])
    return f"{name}{version}{', SecAgg+' if measured['secagg'] and measured['peer'] == 'flower' else ''}"


def shown_range(measured: report.Row) -> str | None:
    """Return the seconds per round of the fastest and the slowest run."""
    if not measured["s_range"]:
        return None
    low, high = (f"{value:.3g}" for value in measured["s_range"])
    return low if low == high else f"{low} to {high}"


COLUMNS: report.Columns = {
    "what": name_of,
    "mode": lambda each: each["mode"],
    "nodes": lambda each: each["nodes"],
    "s/round": shown_range,
    "target": lambda each: each["target_s"],
    "passes": lambda each: each.get("passes_s"),
    "to plain": lambda each: f"{each['x_plain']} x" if each["x_plain"] else None,
    "faster than SecAgg+": lambda each: f"{each['x_secagg']} x" if each["x_secagg"] else None,
    "wall s": lambda each: each["wall_s"],
    "MB": lambda each: each["peak_rss_mb"],
    "accuracy": lambda each: each["accuracy"],
    "masked": lambda each: each["secagg"],
    "note": lambda each: each["note"] or "",
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=[*MODES, "all", "peers"], default="all", help="what of ours is measured")
    parser.add_argument("--nodes", type=int, nargs="*", default=[5, 20])
    parser.add_argument(
        "--hidden", type=int, default=peers.HIDDEN, help="units per hidden layer; 985: 1,002,731 weights"
    )
    parser.add_argument("--only-masked", action="store_true", help="of the peers only SecAgg+ and the plain floor")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=1, help="how often; the median run is shown, with the range")
    parser.add_argument("--peers", type=pathlib.Path, help="folder of the peers, run beside")
    parser.add_argument("--json", action="store_true", help="one object per row")
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    title = f"A round (`round.py`) of {weights(options.hidden):,} weights, {options.runs} run{'s' if options.runs > 1 else ''}"
    report.show(title, with_floor(measure(options)), COLUMNS, as_json=options.json)


if __name__ == "__main__":
    main()
