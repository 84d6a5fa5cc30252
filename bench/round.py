"""How long a round takes: five real node processes, or everybody in one process, on a network of 99,901 parameters.

The job is the peers' (scikit-learn's breast cancer, rows dealt out X[i::N], 30-300-300-1, one local epoch, batch 32,
rate 0.05, weighted mean). Ledger, signatures, masking and all checks are on. Prints one table, or with --json one
object per row. ``--peers DIR`` runs the peers of that folder (``DIR/run``) beside, on the same machine.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import threading
import time

import numpy as np
import psutil

from aicommons import __version__, testing
from aicommons.cli import demonstration, processes, scripts
from aicommons.domain import schema
from aicommons.learning import recipe, records

FEATURES = 30
TRAIN_ROWS = 455


def load() -> tuple[np.ndarray, np.ndarray]:
    """Return the job's rows, standardised and shuffled as the peers do."""
    from sklearn.datasets import load_breast_cancer

    features, target = load_breast_cancer(return_X_y=True)
    features = (features - features.mean(0)) / features.std(0)
    order = np.random.default_rng(0).permutation(len(target))
    return features[order], target[order].astype(float)


def make_plan(rounds: int) -> recipe.Recipe:
    """Return the plan: the peers' network."""
    features = tuple(schema.numeric(f"x{index}", -20.0, 20.0) for index in range(FEATURES))
    target = schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes"))
    document = {"recipe": "mlp", "schema": schema.to_document(schema.Schema(features, target))}
    return recipe.from_plan(document | {"hidden": [300, 300], "rounds": rounds})


class Memory(threading.Thread):
    """Peak of the resident memory summed over a process and all its descendants."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.over = threading.Event()
        self.wanted = threading.Event()

    def run(self) -> None:
        """Look five times a second while wanted."""
        own = psutil.Process()
        while not self.over.wait(0.2):
            if not self.wanted.is_set():
                continue
            total = 0
            for child in own.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)


def simulated(nodes: int, rounds: int) -> dict[str, object]:
    """Return the row of everybody in one process."""
    features, target = load()
    plan = make_plan(rounds)
    held = records.Table(features[TRAIN_ROWS:], target[TRAIN_ROWS:])
    none = records.Table(features[:0], target[:0])
    sites = [
        recipe.Rows(
            records.Table(features[:TRAIN_ROWS][index::nodes], target[:TRAIN_ROWS][index::nodes]),
            held if index == 0 else none,
        )
        for index in range(nodes)
    ]
    begun = time.perf_counter()
    with testing.simulate(sites, plan) as simulation:
        seconds, shown, last = [], 0, time.perf_counter()
        while not simulation.view().state.is_over:
            simulation.step()
            simulation.commons.clock.advance(0.05)
            current = simulation.view()
            while current.unmasked(shown) is not None:
                now = time.perf_counter()
                seconds.append(now - last)
                last, shown = now, shown + 1
        simulation.run()
        metrics = simulation.metrics()
    peak = psutil.Process().memory_info().rss
    return row("simulate", nodes, seconds, wall=time.perf_counter() - begun, peak=peak, accuracy=metrics.accuracy)


def in_processes(nodes: int, rounds: int) -> dict[str, object]:
    """Return the row of one process per node, with ledger and store processes beside."""
    features, target = load()
    plan = make_plan(rounds)
    options = {name: value for name, value in recipe.to_plan(plan).items() if name != "schema"}
    names = [f"x{index}" for index in range(FEATURES)]
    begun = time.perf_counter()
    memory = Memory()
    memory.start()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        root = pathlib.Path(folder)
        tables = {}
        for index in range(nodes):
            path = root / f"site-{index}.csv"
            lines = [",".join([*names, "y"])]
            part = zip(features[index::nodes], target[index::nodes], strict=True)
            lines += [",".join([*map(repr, map(float, values)), "yes" if label else "no"]) for values, label in part]
            path.write_text("\n".join(lines) + "\n")
            tables[f"site-{index}"] = path
        script = scripts.Script("bench", "none", "3.4", tables, plan.schema, options, seed=0)
        passphrase = demonstration.new_passphrase()
        with processes.Processes(passphrase) as running:
            stage = demonstration.set_stage(script, root / "homes", running, passphrase=passphrase, say=lambda _: None)
            memory.wanted.set()
            seconds, shown, last = [], 0, time.perf_counter()
            waiting = threading.Event()
            while not (current := stage.view()).state.is_over:
                while current.unmasked(shown) is not None:
                    now = time.perf_counter()
                    seconds.append(now - last)
                    last, shown = now, shown + 1
                waiting.wait(0.05)
            memory.wanted.clear()
            from aicommons.cli import story

            metrics = story.metrics_of(stage, shown - 1)
    memory.over.set()
    accuracy = metrics.accuracy if metrics is not None else None
    return row("processes", nodes, seconds, wall=time.perf_counter() - begun, peak=memory.peak, accuracy=accuracy)


def row(
    mode: str, nodes: int, seconds: list[float], *, wall: float, peak: int, accuracy: float | None
) -> dict[str, object]:
    """Return one row under the peers' keys; the first round carries the start-up, so it is left out."""
    fitted = seconds[1:-1] or seconds
    return {
        "peer": "aicommons",
        "version": __version__,
        "mode": mode,
        "work": "mlp",
        "nodes": nodes,
        "rounds": len(seconds),
        "wall_s": round(wall, 2),
        "s_per_round": round(statistics.median(fitted), 4),
        "peak_rss_mb": round(peak / 2**20),
        "accuracy": round(accuracy, 4) if accuracy is not None else None,
        "secagg": True,
    }


def peers(folder: pathlib.Path, nodes: int) -> list[dict[str, object]]:
    """Return the rows of the peers that are installed, run one after the other."""
    rows = []
    for peer, extra in (("plain", []), ("flower", []), ("flower", ["--secagg"])):
        command = [str(folder / "run"), peer, "--work", "mlp", "--nodes", str(nodes), "--rounds", "10", *extra]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=["processes", "simulate", "all"], default="all")
    parser.add_argument("--nodes", type=int, nargs="*", default=[5, 20])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--peers", type=pathlib.Path, help="folder of the peers, run beside")
    parser.add_argument("--json", action="store_true", help="one object per row")
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    rows: list[dict[str, object]] = []
    for nodes in options.nodes:
        if options.mode in ("simulate", "all"):
            rows.append(simulated(nodes, options.rounds))
        if options.mode == "processes" or (options.mode == "all" and nodes == 5):
            rows.append(in_processes(nodes, options.rounds))
        if options.peers is not None:
            rows += peers(options.peers, nodes)
    show(rows, as_json=options.json)


def show(rows: list[dict[str, object]], *, as_json: bool) -> None:
    """Print rows as JSON lines, or as one table with the machine."""
    if as_json:
        for each in rows:
            print(json.dumps(each))
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; median seconds per round\n"
    )
    floor = {each["nodes"]: each["s_per_round"] for each in rows if each["peer"] == "plain"}
    print("| what | mode | nodes | s/round | to plain NumPy | wall s | MB | accuracy | masked |")
    print("|---|---|---|---|---|---|---|---|---|")
    for each in rows:
        base = floor.get(each["nodes"])
        ratio = f"{float(str(each['s_per_round'])) / float(str(base)):.1f} x" if base else "-"
        cells = [each["peer"], each["mode"], each["nodes"], each["s_per_round"], ratio]
        cells += [each["wall_s"], each["peak_rss_mb"], each["accuracy"], "yes" if each["secagg"] else "no"]
        print("| " + " | ".join(str(cell) for cell in cells) + " |")


if __name__ == "__main__":
    main()
