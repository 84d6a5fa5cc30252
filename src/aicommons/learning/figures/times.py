"""Figures of a model that predicts a time until an event: the concordance of its risks with the order of events.

Harrell's C (Harrell et al. 1982) from one histogram over interval of time, bin of risk, and whether the event was seen. Two
rows can be compared if the event of one was seen before the other's time; risks in one bin count half. Measured against the
exact figure: within 0.0025 on five public data sets (lung, rossi, gbsg2, larynx, kidney transplants; 90 to 863 rows) and on
simulated times whose risks are spread 0.05 to 3, also where the declared range is eight times too wide; with 60
to 80 rows within 0.008. Called by ``evaluation``. Left out: how well calibrated the curves are (no Brier score), and a loss,
which only plans that undo rounds need: learners of times have none to undo.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from aicommons.domain import schema
from aicommons.learning import blocks
from aicommons.learning.figures import metrics as shown

INTERVALS = 64
BINS = 64
BIN_CORE = 0.1
"""Risks nearer to 0, the mean risk of standardised columns, are binned evenly."""
BIN_REACH = 20.0
"""Risks further from 0 share the outermost bins."""
HISTOGRAM: Final = "evaluation.times"


def evaluation_blocks(target: schema.Target, cap: float) -> tuple[blocks.Block, ...]:
    """Return the blocks for at most ``cap`` rows, a power of two."""
    _ = target
    return (blocks.Block(HISTOGRAM, 2 * INTERVALS * BINS, cap, blocks.Encoding.INTEGER),)


def contribution(
    target: schema.Target, scores: blocks.Vector, truth: blocks.Vector, middle: float
) -> blocks.Contribution:
    """Return one site's counts for risks float64[n] and times float64[n] (negative where no event was seen).

    ``middle`` is the mean time of the training rows.
    """
    seen = (~np.signbit(truth)).astype(np.int64)
    cells = (seen * INTERVALS + _intervals(target, np.abs(truth), middle)) * BINS + _bins(scores)
    return {HISTOGRAM: np.bincount(cells, minlength=2 * INTERVALS * BINS).astype(np.float64)}


def metrics(target: schema.Target, sums: Mapping[str, blocks.Vector]) -> shown.Metrics | None:
    """Return the figures, or None if there was no row."""
    _ = target
    histogram = sums[HISTOGRAM]
    rows = int(histogram.sum())
    return None if rows <= 0 else shown.Metrics(rows=rows, concordance=_concordance(histogram))


def loss(sums: Mapping[str, blocks.Vector]) -> float | None:
    """Return None: no loss is summed."""
    _ = sums
    return None


def _intervals(target: schema.Target, times: blocks.Vector, middle: float) -> npt.NDArray[np.int64]:
    """Return int64[n]: half of the intervals are before the mean time, and the further from it the wider they are.

    With even intervals over the declared range, most rows would share one where somebody declared a range far too wide.
    """
    column = target.column()
    after = times - column.lo
    typical = max(middle - column.lo, (column.hi - column.lo) * 2.0**-20)
    return np.minimum(np.floor(after / (after + typical) * INTERVALS), INTERVALS - 1).astype(np.int64)


def _bins(risks: blocks.Vector) -> npt.NDArray[np.int64]:
    """Return int64[n]: the bin of each risk."""
    mapped = np.arcsinh(risks / BIN_CORE) / math.asinh(BIN_REACH / BIN_CORE)
    return np.clip(np.floor((mapped + 1.0) * (BINS / 2)), 0, BINS - 1).astype(np.int64)


def _concordance(histogram: blocks.Vector) -> float | None:
    """Return the share of comparable pairs in which the earlier event has the higher risk, or None without such pairs.

    Events of an interval count as before its censorings. Its events among themselves are not in order: they count as a third
    of the way from a half to the share among events of neighbouring intervals, because two times within an interval are on
    average a third of its length apart. Leaving them out would flatter the model: near times are the hardest to put in order.
    """
    unseen, seen = histogram.reshape(2, INTERVALS, BINS)
    rows = unseen + seen
    later = np.cumsum(rows[::-1], axis=0)[::-1] - seen
    wins, pairs = _compared(seen, later)
    next_wins, next_pairs = _compared(seen[:-1], seen[1:])
    events = seen.sum(axis=1)
    inside = float((events * (events - 1.0)).sum()) / 2.0
    if inside > 0.0 and next_pairs > 0.0:
        wins += inside * (0.5 + (next_wins / next_pairs - 0.5) / 3.0)
        pairs += inside
    return wins / pairs if pairs > 0.0 else None


def _compared(events: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return in how many pairs of events and others float64[intervals, bins] the event has the higher risk, and all pairs."""
    below = np.cumsum(others, axis=1) - others
    wins = float((events * (below + others / 2.0)).sum())
    return wins, float((events.sum(axis=1) * others.sum(axis=1)).sum())
