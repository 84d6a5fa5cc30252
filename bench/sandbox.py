"""What a call of a plan's code in a cage takes beyond the code itself, from asking to having the blocks.

A trivial contribution: one sum over 1,000 rows of 10 columns. *Forked* is what nodes do: one cage for a plan, in which a process
that has imported NumPy forks a child for every call. *New cage* makes a whole cage for each call, which is what the first call
of a plan takes. *Python and NumPy* starts and imports these outside of any cage, as the floor of whoever starts a process per
call. Medians of 30 (and the slowest but one), one after the other; the limit is 0.15 s for a call.

    python bench/sandbox.py [--calls N] [--json]
"""

import argparse
import operator
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import report
from aicommons.domain import encoding
from aicommons.sandbox import archives, calling

LIMIT = 0.15
CODE = b"def contribute(state, table, seed):\n    return {'sums': table['features'].sum(axis=0)}\n"
MANIFEST = {
    "type": "code-plan", "version": 1, "name": "sums", "entry": "plan", "kind": "additive", "combiner": "weighted_mean",
    "schema": {"features": [{"name": "x", "kind": "numeric", "lo": 0.0, "hi": 1.0}]},
    "initial": [{"name": "nothing", "length": 1}],
    "contribute": [{"name": "sums", "length": 10, "encoding": "bounded", "cap_exponent": 20}],
    "resources": {"memory_mb": 256, "cpu_seconds": 5, "wall_seconds": 10, "output_bytes": 1024},
    "leaves_site": "The sum of each column over all rows.",
}  # fmt: skip
ROWS = np.ones((1000, 10))


def archive() -> archives.Archive:
    """Return a plan that adds its rows."""
    return archives.read_archive(
        archives.encode({archives.MANIFEST: encoding.canonical_json(MANIFEST), "plan.py": CODE})
    )


def called(cage: calling.Cage) -> None:
    """Make one call, and check what comes back."""
    if cage.contribute({}, [{"features": ROWS}], 1)["sums"].tolist() != [1000.0] * 10:
        raise SystemExit("the sum is wrong")


def new_cage(plan: archives.Archive) -> None:
    """Make a cage, one call in it, and end it."""
    with calling.Cage(plan) as cage:
        called(cage)


def started() -> None:
    """Start Python and import NumPy, without a cage."""
    subprocess.run([sys.executable, "-I", "-c", "import numpy"], check=True, env={"OPENBLAS_NUM_THREADS": "1"})


def timed(action: Callable[[], object], calls: int) -> list[float]:
    """Return the seconds of each call in ascending order, after one that nobody counts."""
    action()
    seconds = []
    for _ in range(calls):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return sorted(seconds)


def measured(calls: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each way of calling."""
    plan = archive()
    with calling.Cage(plan) as cage:
        ways: dict[str, tuple[Callable[[], object], float | None]] = {
            "forked in an open cage": (lambda: called(cage), LIMIT),
            "new cage for a call": (lambda: new_cage(plan), LIMIT),
            "Python and NumPy, no cage": (started, None),
        }
        for name, (action, limit) in ways.items():
            seconds = timed(action, calls)
            median = statistics.median(seconds)
            yield {
                "way": name, "median_s": round(median, 4), "slow_s": round(seconds[-2], 4), "limit_s": limit,
                "times_as_good": None if limit is None else round(limit / median, 1),
            }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    calling.check()
    named = {
        "call": "way", "median s": "median_s", "slowest but one s": "slow_s", "limit s": "limit_s",
        "times as good": "times_as_good",
    }  # fmt: skip
    report.show(
        f"A call of a plan's code in a cage (`sandbox.py`), medians of {asked.calls}",
        measured(asked.calls),
        {heading: operator.itemgetter(name) for heading, name in named.items()},
        as_json=asked.json,
    )


if __name__ == "__main__":
    main()
