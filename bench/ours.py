"""One row of ours: training with everybody in one process (``simulate``; ``memory``: also without an EVM) or one each.

Started by ``round.py`` in a fresh process for every row, so that memory is that of the row alone; prints the row as JSON
under the peers' keys. The job is the peers': scikit-learn's breast cancer, rows dealt out, a network of two hidden layers.

    python bench/ours.py simulate|memory|processes NODES ROUNDS [HIDDEN]
"""

import functools
import json
import pathlib
import statistics
import sys
import tempfile
import threading
import time

import numpy as np
import psutil

from aicommons import __version__, testing
from aicommons.cli import demonstration, processes, scripts, story
from aicommons.domain import schema
from aicommons.learning import recipe, records
from aicommons.learning.secagg import spread

FEATURES = 30
TRAIN_ROWS = 455
MANY_HIDDEN = 700
"""Units per hidden layer from which nodes of a simulation work on all cores: half a million weights."""


def load() -> tuple[np.ndarray, np.ndarray]:
    """Return the job's rows, standardised and shuffled as the peers do."""
    from sklearn.datasets import load_breast_cancer

    features, target = load_breast_cancer(return_X_y=True)
    features = (features - features.mean(0)) / features.std(0)
    order = np.random.default_rng(0).permutation(len(target))
    return features[order], target[order].astype(float)


def make_plan(rounds: int, hidden: int) -> recipe.Recipe:
    """Return the plan: the peers' network with so many hidden units in each layer."""
    features = tuple(schema.numeric(f"x{index}", -20.0, 20.0) for index in range(FEATURES))
    target = schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes"))
    document = {"recipe": "mlp", "schema": schema.to_document(schema.Schema(features, target))}
    return recipe.from_plan(document | {"hidden": [hidden, hidden], "rounds": rounds})


class Memory(threading.Thread):
    """Peak of the resident memory summed over all descendants of this process."""

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


def own_peak() -> int:
    """Return the most bytes of memory that this process ever had resident (Linux)."""
    status = pathlib.Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def simulated(nodes: int, rounds: int, hidden: int = 300, *, engine: str | None = None) -> dict[str, object]:
    """Return the row of everybody in one process, which is this one."""
    features, target = load()
    plan = make_plan(rounds, hidden)
    held = records.Table(features[TRAIN_ROWS:], target[TRAIN_ROWS:])
    none = records.Table(features[:0], target[:0])
    sites = [
        recipe.Rows(
            records.Table(features[:TRAIN_ROWS][index::nodes], target[:TRAIN_ROWS][index::nodes]),
            held if index == 0 else none,
        )
        for index in range(nodes)
    ]
    threads = spread.cores() if hidden >= MANY_HIDDEN else 1
    with testing.simulate(sites, plan, engine=engine, threads=threads) as simulation:
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
    accuracy = metrics.accuracy if metrics is not None else None
    return row(engine or "simulate", nodes, seconds, peak=own_peak(), accuracy=accuracy)


def in_processes(nodes: int, rounds: int, hidden: int = 300) -> dict[str, object]:
    """Return the row of one process per node, with ledger and store processes beside."""
    memory = Memory()
    memory.start()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        root = pathlib.Path(folder)
        script = write_script(root, nodes, rounds, hidden)
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
            metrics = story.metrics_of(stage, shown - 1)
    memory.over.set()
    accuracy = metrics.accuracy if metrics is not None else None
    return row("processes", nodes, seconds, peak=memory.peak, accuracy=accuracy)


def write_script(root: pathlib.Path, nodes: int, rounds: int, hidden: int) -> scripts.Script:
    """Write each site's table and return what the nodes are to do."""
    features, target = load()
    plan = make_plan(rounds, hidden)
    options = {name: value for name, value in recipe.to_plan(plan).items() if name != "schema"}
    names = [f"x{index}" for index in range(FEATURES)]
    tables = {}
    for index in range(nodes):
        path = root / f"site-{index}.csv"
        lines = [",".join([*names, "y"])]
        part = zip(features[index::nodes], target[index::nodes], strict=True)
        lines += [",".join([*map(repr, map(float, values)), "yes" if label else "no"]) for values, label in part]
        path.write_text("\n".join(lines) + "\n")
        tables[f"site-{index}"] = path
    return scripts.Script("bench", "none", "3.4", tables, plan.schema, options, seed=0)


def row(mode: str, nodes: int, seconds: list[float], *, peak: int, accuracy: float | None) -> dict[str, object]:
    """Return one row under the peers' keys; the first round carries the start-up and the last the end, so both go."""
    fitted = seconds[1:-1] or seconds
    return {
        "peer": "aicommons",
        "version": __version__,
        "mode": mode,
        "work": "mlp",
        "nodes": nodes,
        "rounds": len(seconds),
        "wall_s": None,
        "s_per_round": round(statistics.median(fitted), 4),
        "peak_rss_mb": round(peak / 2**20),
        "accuracy": round(accuracy, 4) if accuracy is not None else None,
        "secagg": True,
        "note": None,
    }


MODES = {
    "simulate": simulated,
    "memory": functools.partial(simulated, engine=testing.IN_MEMORY),
    "processes": in_processes,
}


if __name__ == "__main__":
    wanted, *size = sys.argv[1:]
    print(json.dumps(MODES[wanted](*map(int, size))))
