"""Figures of a model that predicts a number: root mean square error and share of explained variance.

Sums are in widths of the target's declared range, so that their caps are public. Called by ``evaluation``.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from aicommons.domain import schema
from aicommons.learning import blocks
from aicommons.learning.figures import metrics as shown

LARGEST_SQUARE = 16.0
"""Per row, in squared range widths: a prediction four ranges away from the truth."""
ROWS: Final = "evaluation.rows"
SQUARES: Final = "evaluation.squares"
TARGET: Final = "evaluation.target"


def evaluation_blocks(target: schema.Target, cap: float) -> tuple[blocks.Block, ...]:
    """Return the blocks for at most ``cap`` rows, a power of two."""
    _ = target
    return (
        blocks.Block(ROWS, 1, cap, blocks.Encoding.INTEGER),
        blocks.Block(SQUARES, 1, cap * LARGEST_SQUARE, blocks.Encoding.BOUNDED),
        blocks.Block(TARGET, 2, cap, blocks.Encoding.BOUNDED),
    )


def contribution(
    target: schema.Target, scores: blocks.Vector, truth: blocks.Vector, middle: float
) -> blocks.Contribution:
    """Return one site's sums, in range widths, for predictions and true values float64[n] in the target's unit."""
    _ = middle
    column = target.column()
    width = column.hi - column.lo
    u = (truth - column.lo) / width
    misses = np.minimum(np.abs(scores - truth) / width, math.sqrt(LARGEST_SQUARE))
    return {
        ROWS: np.array([float(len(truth))]),
        SQUARES: np.array([(misses * misses).sum()]),
        TARGET: np.array([u.sum(), (u * u).sum()]),
    }


def metrics(target: schema.Target, sums: Mapping[str, blocks.Vector]) -> shown.Metrics | None:
    """Return the figures, or None if there was no row."""
    column = target.column()
    rows = int(sums[ROWS][0])
    if rows <= 0:
        return None
    squares = float(sums[SQUARES][0])
    total, total_squares = sums[TARGET].tolist()
    spread = total_squares - total * total / rows
    return shown.Metrics(
        rows=rows,
        rmse=(column.hi - column.lo) * math.sqrt(max(squares, 0.0) / rows),
        r_squared=1.0 - squares / spread if spread > 0.0 else None,
    )


def loss(sums: Mapping[str, blocks.Vector]) -> float | None:
    """Return the mean squared error per row in squared range widths, by + - * / alone; None without rows."""
    rows = float(sums[ROWS][0])
    return max(float(sums[SQUARES][0]), 0.0) / rows if rows > 0.0 else None
