"""How far liars move the combined update of 20 sites in 5 cells of 4, and what a rule costs in seconds.

Sites share a direction and have as much, half or twice as much of their own (heterogeneity). f liars sit in cells of
their own and send one of three things: huge values, minus three times the honest mean, or the mean less 1.5 standard
deviations at every place (Baruch et al. 2019, "a little is enough"). A figure is the distance to the honest sites' mean in
lengths of that mean: 0 is right, and a model that is left where it was would have 1.

    python bench/robust.py [--draws N] [--json]
"""

import argparse
import functools
import itertools
import operator
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import report
from aicommons.learning import blocks, robust

Array = npt.NDArray[np.float64]

SITES, SIZE, LENGTH = 20, 4, 2_000
CAP = 16.0


def huge(honest: Array) -> Array:
    return np.full(honest.shape[1], 1e6)


def flipped(honest: Array) -> Array:
    return -3.0 * honest.mean(axis=0)


def a_little(honest: Array) -> Array:
    return honest.mean(axis=0) - 1.5 * honest.std(axis=0)


ATTACKS: dict[str, Callable[[Array], Array]] = {"huge": huge, "-3 x mean": flipped, "a little": a_little}


def error(
    how: Callable[[list[Array]], Array], attack: Callable[[Array], Array], *, own: float, liars: int, seed: int
) -> float:
    """Return the relative distance to the honest mean in one draw."""
    rng = np.random.default_rng(seed)
    sites = rng.standard_normal(LENGTH) + own * rng.standard_normal((SITES, LENGTH))
    bad = [cell * SIZE for cell in range(liars)]
    honest = np.delete(sites, bad, axis=0)
    sites[bad] = attack(honest)
    truth = honest.mean(axis=0)
    cells = [sites[start : start + SIZE].mean(axis=0) for start in range(0, SITES, SIZE)]
    return float(np.linalg.norm(how(cells) - truth) / np.linalg.norm(truth))


def rules() -> dict[str, Callable[[list[Array]], Array]]:
    """Return every rule as a plan has it, and the plain mean without a cut."""
    block = blocks.Block("delta", LENGTH, CAP, blocks.Encoding.CLIPPED)

    def combined(rule: robust.Rule, cells: list[Array]) -> Array:
        sums = [{"delta": cell, robust.WEIGHT: np.ones(1)} for cell in cells]
        return robust.combine_cells(robust.Robust(rule), block, sums)

    guarded = {f"{rule.value}, cut": functools.partial(combined, rule) for rule in robust.Rule}
    return {**guarded, "mean alone (no option)": robust.mean}


def measured(draws: int) -> Iterator[dict[str, Any]]:
    """Yield a row per heterogeneity, liars and rule."""
    for own, liars, (name, how) in itertools.product((0.5, 1.0, 2.0), (1, 2, 3), rules().items()):
        row: dict[str, Any] = {"own": own, "liars": liars, "rule": name}
        for kind, attack in ATTACKS.items():
            found = [error(how, attack, own=own, liars=liars, seed=seed) for seed in range(draws)]
            row[kind] = float(f"{np.mean(found):.3g}")
        yield row


def timed() -> Iterator[dict[str, Any]]:
    """Yield the seconds that each rule takes for 5 and 12 cells of a million values."""
    for count, rule in itertools.product((5, 12), robust.Rule):
        rng = np.random.default_rng(count)
        block = blocks.Block("delta", 1_000_000, CAP, blocks.Encoding.CLIPPED)
        cells = [{"delta": rng.standard_normal(1_000_000), robust.WEIGHT: np.ones(1)} for _ in range(count)]
        seconds = []
        for _ in range(3):
            begin = time.perf_counter()
            robust.combine_cells(robust.Robust(rule), block, cells)
            seconds.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        functools.reduce(np.add, (cell["delta"] for cell in cells))
        plain = time.perf_counter() - begin
        best = min(seconds)
        yield {"cells": count, "rule": rule.value, "seconds": round(best, 3), "to_plain": round(best / plain)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    named = {"own part": "own", "liars": "liars", "rule": "rule", **{kind: kind for kind in ATTACKS}}
    report.show(
        f"Robust cells (`robust.py`): distance to the honest mean, means of {asked.draws} draws",
        measured(asked.draws),
        {heading: operator.itemgetter(name) for heading, name in named.items()},
        as_json=asked.json,
    )
    named = {"cells": "cells", "rule": "rule", "s": "seconds", "x plain sum": "to_plain"}
    report.show(
        "Robust cells: seconds for 1,000,000 values",
        timed(),
        {heading: operator.itemgetter(name) for heading, name in named.items()},
        as_json=asked.json,
    )


if __name__ == "__main__":
    main()
