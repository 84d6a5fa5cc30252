"""Figures of a model that predicts counts: mean deviance, share of it explained, root mean square error, observed to predicted.

Rates above four times the largest declared count are judged as that, and no row's deviance counts for more than 128 times it,
so that the caps are public. Called by ``evaluation``.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from aicommons.domain import schema
from aicommons.learning import blocks, caps
from aicommons.learning.figures import metrics as shown

LARGEST_RATE = 4.0
"""Per row, in largest counts: a prediction above is judged as this."""
LARGEST_DEVIANCE = 128.0
"""Per row, in largest counts: a largest count where a rate of e^-64 of it was predicted."""
ROWS: Final = "evaluation.rows"
COUNTS: Final = "evaluation.counts"
RATES: Final = "evaluation.rates"
DEVIANCE: Final = "evaluation.deviance"
LOGARITHMS: Final = "evaluation.logarithms"
SQUARES: Final = "evaluation.squares"


def evaluation_blocks(target: schema.Target, cap: float) -> tuple[blocks.Block, ...]:
    """Return the blocks for at most ``cap`` rows, a power of two."""
    most = caps.power_of_two(max(target.column().hi, 1.0))
    bounded = blocks.Encoding.BOUNDED
    return (
        blocks.Block(ROWS, 1, cap, blocks.Encoding.INTEGER),
        blocks.Block(COUNTS, 1, cap * most, bounded),
        blocks.Block(RATES, 1, cap * most * LARGEST_RATE, bounded),
        blocks.Block(DEVIANCE, 1, cap * most * LARGEST_DEVIANCE, bounded),
        # y log y <= y log2 hi.
        blocks.Block(LOGARITHMS, 1, cap * most * caps.power_of_two(math.frexp(most)[1]), bounded),
        blocks.Block(SQUARES, 1, cap * (most * LARGEST_RATE) ** 2, bounded),
    )


def contribution(
    target: schema.Target, scores: blocks.Vector, truth: blocks.Vector, middle: float
) -> blocks.Contribution:
    """Return one site's sums for log rates and true counts float64[n]."""
    _ = middle
    most = max(target.column().hi, 1.0)
    log_rates = np.minimum(scores, math.log(LARGEST_RATE * most))
    rates = np.exp(log_rates)
    own = truth * np.log(np.maximum(truth, 1.0))
    deviances = 2.0 * (own - truth * log_rates - (truth - rates))
    misses = rates - truth
    return {
        ROWS: np.array([float(len(truth))]),
        COUNTS: np.array([truth.sum()]),
        RATES: np.array([rates.sum()]),
        DEVIANCE: np.array([np.clip(deviances, 0.0, LARGEST_DEVIANCE * most).sum()]),
        LOGARITHMS: np.array([own.sum()]),
        SQUARES: np.array([(misses * misses).sum()]),
    }


def metrics(target: schema.Target, sums: Mapping[str, blocks.Vector]) -> shown.Metrics | None:
    """Return the figures, or None if there was no row."""
    _ = target
    rows = int(sums[ROWS][0])
    if rows <= 0:
        return None
    counts, rates, deviance = (max(float(sums[name][0]), 0.0) for name in (COUNTS, RATES, DEVIANCE))
    least = counts * math.log(counts / rows) if counts > 0.0 else 0.0
    spread = 2.0 * (float(sums[LOGARITHMS][0]) - least)
    return shown.Metrics(
        rows=rows,
        rmse=math.sqrt(max(float(sums[SQUARES][0]), 0.0) / rows),
        deviance=deviance / rows,
        d_squared=1.0 - deviance / spread if spread > 1e-9 * rows else None,
        observed_to_predicted=counts / rates if rates > 0.0 else None,
    )


def loss(sums: Mapping[str, blocks.Vector]) -> float | None:
    """Return the mean deviance per row, by + - * / alone; None without rows."""
    rows = float(sums[ROWS][0])
    return max(float(sums[DEVIANCE][0]), 0.0) / rows if rows > 0.0 else None
