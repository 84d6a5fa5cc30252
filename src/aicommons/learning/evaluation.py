"""How good a model is on the sites' held-out rows, as secure sums: a site's own figures stay at the site.

``evaluation_blocks`` and ``contribution`` are what a site adds to a round, ``metrics`` is what everybody reads from the
sums (or a site, for itself, from its own contribution). Called by ``recipe``; leaves out when to evaluate.

AUC comes from one score histogram per class, ties within a bin counting half (Hanley and McNeil 1982). Logits, less
the log-odds of the training rows' classes, are mapped by asinh(z / 0.03) and cut into 256 equal bins: 0.002 wide
around the middle, where a weak or heavily penalised model puts everything, and 7 % of the distance further out.
Measured: within 0.002 of exact for logits spread 0.02 to 6 and up to 3 spreads off the middle.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors, schema
from aicommons.learning import blocks, caps, combine

BINS = 256
BIN_CORE = 0.03
"""Logits nearer to the middle than this are binned evenly."""
BIN_REACH = 40.0
"""Logits further from the middle than this share the outermost bins."""
LARGEST_LOSS = 32.0
"""Per row, in nats: the loss of a wrong answer given with a probability of 1 - 1e-14."""
LARGEST_SQUARE = 16.0
"""Per row, in squared range widths: a prediction four ranges away from the truth."""
PREFIX = "evaluation."


@dataclasses.dataclass(frozen=True, slots=True)
class Metrics:
    """Figures over held-out rows; None where the task has no such figure or the rows do not allow it."""

    rows: int
    """Held-out rows that were evaluated."""
    accuracy: float | None = None
    """Share of rows whose most probable class is right."""
    auc: float | None = None
    """Probability that a positive row scores above a negative one (two classes only)."""
    log_loss: float | None = None
    """Mean negative log-likelihood in nats, each row's at most 32."""
    confusion: tuple[tuple[int, ...], ...] | None = None
    """Rows by true class (first index) and predicted class."""
    rmse: float | None = None
    """Root mean square error in the target's unit."""
    r_squared: float | None = None
    """1 - squared error / variance of the target over the same rows."""


def evaluation_blocks(target: schema.Target, held_out_rows: float) -> tuple[blocks.Block, ...]:
    """Return the blocks for ``held_out_rows`` over all sites: their caps are public."""
    cap = caps.power_of_two(max(held_out_rows, 1.0))
    if target.classes is None:
        return (
            blocks.Block(PREFIX + "rows", 1, cap, blocks.Encoding.INTEGER),
            blocks.Block(PREFIX + "squares", 1, cap * LARGEST_SQUARE, blocks.Encoding.BOUNDED),
            blocks.Block(PREFIX + "target", 2, cap, blocks.Encoding.BOUNDED),
        )
    classes = len(target.classes)
    declared = [
        blocks.Block(PREFIX + "confusion", classes * classes, cap, blocks.Encoding.INTEGER),
        blocks.Block(PREFIX + "log_loss", 1, cap * LARGEST_LOSS, blocks.Encoding.BOUNDED),
    ]
    if target.task is schema.Task.BINOMIAL:
        declared.append(blocks.Block(PREFIX + "histogram", 2 * BINS, cap, blocks.Encoding.INTEGER))
    return tuple(declared)


def contribution(
    target: schema.Target, scores: npt.NDArray[np.float64], truth: blocks.Vector, *, middle: float = 0.0
) -> blocks.Contribution:
    """Return one site's evaluation.

    Args:
        target: what is predicted.
        scores: logits float64[n] of the second class (binomial), logits float64[n, classes] (multinomial), or
            predictions float64[n] in the target's unit (gaussian).
        truth: float64[n] class index or raw value.
        middle: where binomial logits are binned most finely, the same at every site (see ``log_odds``).

    Raises:
        errors.ContributionRefused: scores that are not finite; the model has diverged.
    """
    if not np.isfinite(scores).all():
        raise errors.ContributionRefused(
            "the model's scores are not finite",
            which="evaluation",
            expected="finite numbers",
            next_step="Start a run with a smaller learning rate.",
        )
    if target.classes is None:
        return _number_contribution(target.column(), scores, truth)
    actual = truth.astype(np.int64)
    if target.task is schema.Task.BINOMIAL:
        predicted = (scores > 0).astype(np.int64)
        losses = np.logaddexp(0.0, np.where(actual == 1, -scores, scores))
    else:
        predicted = scores.argmax(axis=1)
        losses = np.logaddexp.reduce(scores, axis=1) - scores[np.arange(len(actual)), actual]
    classes = len(target.classes)
    confusion = np.bincount(actual * classes + predicted, minlength=classes * classes)
    parts = {
        PREFIX + "confusion": confusion.astype(np.float64),
        PREFIX + "log_loss": np.array([np.clip(losses, 0.0, LARGEST_LOSS).sum()]),
    }
    if target.task is schema.Task.BINOMIAL:
        parts[PREFIX + "histogram"] = _histogram(scores - middle, actual)
    return parts


def log_odds(class_rows: blocks.Vector) -> float:
    """Return the log-odds of the second of two classes, given the rows of each: where a fitted model's logits lie."""
    return math.log(class_rows[1] / class_rows[0])


def metrics(target: schema.Target, sums: Mapping[str, blocks.Vector]) -> Metrics | None:
    """Return the figures that the sums over ``evaluation_blocks`` give, or None if there was no held-out row."""
    if target.classes is None:
        return _number_metrics(target.column(), sums)
    classes = len(target.classes)
    counts = [int(count) for count in sums[PREFIX + "confusion"].tolist()]
    confusion = tuple(tuple(counts[row * classes : (row + 1) * classes]) for row in range(classes))
    rows = sum(counts)
    if rows == 0:
        return None
    return Metrics(
        rows=rows,
        accuracy=sum(confusion[index][index] for index in range(classes)) / rows,
        auc=_auc(sums[PREFIX + "histogram"]) if target.task is schema.Task.BINOMIAL else None,
        log_loss=float(sums[PREFIX + "log_loss"][0]) / rows,
        confusion=confusion,
    )


def loss(target: schema.Target, sums: Mapping[str, blocks.Vector]) -> float | None:
    """Return the mean loss per held-out row, by + - * / alone; None without rows, or with counts that cannot be.

    Log-loss in nats for classes, squared error in squared range widths for numbers; never below 0, whatever a sum says.
    """
    name, counted = ("squares", "rows") if target.classes is None else ("log_loss", "confusion")
    rows = combine.fixed_sum(sums[PREFIX + counted].tolist())
    return max(float(sums[PREFIX + name][0]), 0.0) / rows if rows > 0.0 else None


def _number_contribution(column: schema.Column, scores: blocks.Vector, truth: blocks.Vector) -> blocks.Contribution:
    """Return one site's sums for a numeric target, in range widths."""
    width = column.hi - column.lo
    u = (truth - column.lo) / width
    misses = np.minimum(np.abs(scores - truth) / width, math.sqrt(LARGEST_SQUARE))
    return {
        PREFIX + "rows": np.array([float(len(truth))]),
        PREFIX + "squares": np.array([(misses * misses).sum()]),
        PREFIX + "target": np.array([u.sum(), (u * u).sum()]),
    }


def _number_metrics(column: schema.Column, sums: Mapping[str, blocks.Vector]) -> Metrics | None:
    """Return the figures for a numeric target."""
    rows = int(sums[PREFIX + "rows"][0])
    if rows == 0:
        return None
    squares = float(sums[PREFIX + "squares"][0])
    total, total_squares = sums[PREFIX + "target"].tolist()
    spread = total_squares - total * total / rows
    return Metrics(
        rows=rows,
        rmse=(column.hi - column.lo) * math.sqrt(max(squares, 0.0) / rows),
        r_squared=1.0 - squares / spread if spread > 0.0 else None,
    )


def _histogram(logits: blocks.Vector, actual: npt.NDArray[np.int64]) -> blocks.Vector:
    """Return counts per bin for class 0, then for class 1."""
    mapped = np.arcsinh(logits / BIN_CORE) / math.asinh(BIN_REACH / BIN_CORE)
    bins = np.clip(np.floor((mapped + 1.0) * (BINS / 2)), 0, BINS - 1).astype(np.int64)
    return np.bincount(actual * BINS + bins, minlength=2 * BINS).astype(np.float64)


def _auc(histogram: blocks.Vector) -> float | None:
    """Return the area under the ROC curve, or None if a class has no row."""
    values = histogram.tolist()
    below = wins = 0.0
    for negative, positive in zip(values[:BINS], values[BINS:], strict=True):
        wins += positive * (below + negative / 2.0)
        below += negative
    positives = combine.fixed_sum(values[BINS:])
    if below == 0.0 or positives == 0.0:
        return None
    return wins / (below * positives)
