"""How well somebody who has a record could tell, from the model's loss on it, whether it was learned from.

The oldest of such attacks (Yeom et al. 2018): what was learned from has smaller losses. Every site counts the losses of its own
rows in bins, those learned from and those held out, and the sums give the attack's area under the ROC curve over all sites: 0.5 is
as good as tossing a coin. It is a floor, not a bound: better attacks exist, and only noise bounds them all. Called by ``recipe``
in the last round of plans that ask for it.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from aicommons.domain import schema
from aicommons.learning import blocks, caps, combine

BINS = 64
STEPS_PER_OCTAVE = 2.0
SMALLEST = -24.0
"""Logarithm to the base 2 of the loss below which all losses share a bin."""
LOSSES: Final = "membership.losses"
OF_TASKS = frozenset({schema.Task.BINOMIAL, schema.Task.MULTINOMIAL, schema.Task.GAUSSIAN, schema.Task.POISSON})
"""Kinds of targets that have a loss of each row alone."""


def membership_blocks(rows: float, held_out_rows: float) -> tuple[blocks.Block, ...]:
    """Return the block: counts per bin of the rows learned from, then of the held-out ones."""
    cap = caps.power_of_two(max(rows, held_out_rows, 1.0))
    return (blocks.Block(LOSSES, 2 * BINS, cap, blocks.Encoding.INTEGER),)


def contribution(
    target: schema.Target, scores: blocks.Vector, truth: blocks.Vector, *, is_held_out: bool
) -> blocks.Contribution:
    """Return one site's counts for some rows: scores as ``Learner.scores`` gives them, a number's in the target's unit."""
    keys = np.log2(losses(target, scores, truth) + 2.0**SMALLEST)
    bins = np.clip(np.floor((keys - SMALLEST) * STEPS_PER_OCTAVE), 0, BINS - 1).astype(np.int64)
    return {LOSSES: np.bincount(bins + BINS * is_held_out, minlength=2 * BINS).astype(np.float64)}


def losses(target: schema.Target, scores: blocks.Vector, truth: blocks.Vector) -> blocks.Vector:
    """Return float64[n] from 0: log-loss in nats, distance in range widths, or Poisson deviance."""
    if target.task is schema.Task.GAUSSIAN:
        column = target.column()
        return np.asarray(np.abs(scores - truth) / (column.hi - column.lo))
    if target.task is schema.Task.POISSON:
        bounded = np.clip(scores, -64.0, math.log(max(target.column().hi, 1.0)) + 2.0)
        own = truth * np.log(np.maximum(truth, 1.0))
        return np.maximum(2.0 * (own - truth * bounded - (truth - np.exp(bounded))), 0.0)
    if target.task is schema.Task.BINOMIAL:
        return np.logaddexp(0.0, np.where(truth == 1.0, -scores, scores))
    actual = truth.astype(np.int64)
    return np.asarray(np.logaddexp.reduce(scores, axis=1) - scores[np.arange(len(actual)), actual])


def auc(sums: Mapping[str, blocks.Vector]) -> float | None:
    """Return the probability that a row learned from has a smaller loss than a held-out one, 0 to 1; ``None`` without either."""
    values = sums[LOSSES].tolist()
    members, others = values[:BINS], values[BINS:]
    below = wins = 0.0
    for member, other in zip(members, others, strict=True):
        wins += other * (below + member / 2.0)
        below += member
    rest = combine.fixed_sum(others)
    if not (below > 0.0 and rest > 0.0):
        return None
    return min(max(wins / (below * rest), 0.0), 1.0)
