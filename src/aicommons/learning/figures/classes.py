"""Figures of a model that tells classes apart: accuracy, confusion, log-loss, and for two classes AUC.

AUC comes from one score histogram per class, ties within a bin counting half (Hanley and McNeil 1982). Logits, less
the log-odds of the training rows' classes, are mapped by asinh(z / 0.03) and cut into 256 equal bins: 0.002 wide
around the middle, where a weak or heavily penalised model puts everything, and 7 % of the distance further out.
Measured: within 0.002 of exact for logits spread 0.02 to 6 and up to 3 spreads off the middle. Called by ``evaluation``.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from aicommons.domain import schema
from aicommons.learning import blocks, combine
from aicommons.learning.figures import metrics as shown

BINS = 256
COARSE_BINS = 16
"""Where noise is added."""
BIN_CORE = 0.03
"""Logits nearer to the middle than this are binned evenly."""
BIN_REACH = 40.0
"""Logits further from the middle than this share the outermost bins."""
LARGEST_LOSS = 32.0
"""Per row, in nats: the loss of a wrong answer given with a probability of 1 - 1e-14."""
CONFUSION: Final = "evaluation.confusion"
LOG_LOSS: Final = "evaluation.log_loss"
HISTOGRAM: Final = "evaluation.histogram"


def evaluation_blocks(target: schema.Target, cap: float) -> tuple[blocks.Block, ...]:
    """Return the blocks for at most ``cap`` rows, a power of two."""
    classes = len(target.classes or ())
    declared = [
        blocks.Block(CONFUSION, classes * classes, cap, blocks.Encoding.INTEGER),
        blocks.Block(LOG_LOSS, 1, cap * LARGEST_LOSS, blocks.Encoding.BOUNDED),
    ]
    if target.task is schema.Task.BINOMIAL:
        declared.append(blocks.Block(HISTOGRAM, 2 * BINS, cap, blocks.Encoding.INTEGER))
    return tuple(declared)


def contribution(
    target: schema.Target, scores: npt.NDArray[np.float64], truth: blocks.Vector, middle: float
) -> blocks.Contribution:
    """Return one site's sums for logits float64[n] (two classes) or float64[n, classes] and class indexes float64[n]."""
    actual = truth.astype(np.int64)
    if target.task is schema.Task.BINOMIAL:
        predicted = (scores > 0).astype(np.int64)
        losses = np.logaddexp(0.0, np.where(actual == 1, -scores, scores))
    else:
        predicted = scores.argmax(axis=1)
        losses = np.logaddexp.reduce(scores, axis=1) - scores[np.arange(len(actual)), actual]
    classes = len(target.classes or ())
    confusion = np.bincount(actual * classes + predicted, minlength=classes * classes)
    parts = {
        CONFUSION: confusion.astype(np.float64),
        LOG_LOSS: np.array([np.clip(losses, 0.0, LARGEST_LOSS).sum()]),
    }
    if target.task is schema.Task.BINOMIAL:
        parts[HISTOGRAM] = _histogram(scores - middle, actual)
    return parts


def metrics(target: schema.Target, sums: Mapping[str, blocks.Vector]) -> shown.Metrics | None:
    """Return the figures, or None if there was no row."""
    classes = len(target.classes or ())
    counts = [max(int(count), 0) for count in sums[CONFUSION].tolist()]  # noise may have taken one below 0
    confusion = tuple(tuple(counts[row * classes : (row + 1) * classes]) for row in range(classes))
    rows = sum(counts)
    if rows == 0:
        return None
    return shown.Metrics(
        rows=rows,
        accuracy=sum(confusion[index][index] for index in range(classes)) / rows,
        auc=_auc(sums[HISTOGRAM]) if target.task is schema.Task.BINOMIAL else None,
        log_loss=max(float(sums[LOG_LOSS][0]), 0.0) / rows,
        confusion=confusion,
    )


def loss(sums: Mapping[str, blocks.Vector]) -> float | None:
    """Return the mean log-loss per row in nats, by + - * / alone; None without rows, or with counts that cannot be."""
    rows = combine.fixed_sum(sums[CONFUSION].tolist())
    return max(float(sums[LOG_LOSS][0]), 0.0) / rows if rows > 0.0 else None


def coarsened(histogram: blocks.Vector) -> blocks.Vector:
    """Return the counts in ``COARSE_BINS`` bins per class: noise on each of many bins would leave nothing of them."""
    return np.asarray(histogram.reshape(2 * COARSE_BINS, -1).sum(axis=1))


def _histogram(logits: blocks.Vector, actual: npt.NDArray[np.int64]) -> blocks.Vector:
    """Return counts per bin for class 0, then for class 1."""
    mapped = np.arcsinh(logits / BIN_CORE) / math.asinh(BIN_REACH / BIN_CORE)
    bins = np.clip(np.floor((mapped + 1.0) * (BINS / 2)), 0, BINS - 1).astype(np.int64)
    return np.bincount(actual * BINS + bins, minlength=2 * BINS).astype(np.float64)


def _auc(histogram: blocks.Vector) -> float | None:
    """Return the area under the ROC curve, or None if a class has no row."""
    values = histogram.tolist()
    bins = len(values) // 2
    below = wins = 0.0
    for negative, positive in zip(values[:bins], values[bins:], strict=True):
        wins += positive * (below + negative / 2.0)
        below += negative
    positives = combine.fixed_sum(values[bins:])
    if not (below > 0.0 and positives > 0.0):
        return None
    return min(max(wins / (below * positives), 0.0), 1.0)
