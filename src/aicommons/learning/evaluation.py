"""How good a model is on the sites' held-out rows, as secure sums: a site's own figures stay at the site.

``evaluation_blocks`` and ``contribution`` are what a site adds to a round, ``metrics`` is what everybody reads from the
sums (or a site, for itself, from its own contribution). What is summed for which kind of target is in ``figures/``. Called by
``recipe``; leaves out when to evaluate. A plan that predicts nothing is not evaluated.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors, schema
from aicommons.learning import blocks, caps
from aicommons.learning.figures import classes, counts, numbers, times
from aicommons.learning.figures import metrics as shown

Metrics = shown.Metrics


class _Figures(Protocol):
    """What a module of ``figures/`` has."""

    def evaluation_blocks(self, target: schema.Target, cap: float) -> tuple[blocks.Block, ...]: ...

    def contribution(
        self, target: schema.Target, scores: npt.NDArray[np.float64], truth: blocks.Vector, middle: float
    ) -> blocks.Contribution: ...

    def metrics(self, target: schema.Target, sums: Mapping[str, blocks.Vector]) -> Metrics | None: ...

    def loss(self, sums: Mapping[str, blocks.Vector]) -> float | None: ...


_OF_TASK: Mapping[schema.Task, _Figures] = {
    schema.Task.BINOMIAL: classes,
    schema.Task.MULTINOMIAL: classes,
    schema.Task.GAUSSIAN: numbers,
    schema.Task.POISSON: counts,
    schema.Task.SURVIVAL: times,
}


def evaluation_blocks(target: schema.Target | None, held_out_rows: float) -> tuple[blocks.Block, ...]:
    """Return the blocks for ``held_out_rows`` over all sites: their caps are public. None where nothing is predicted."""
    if target is None:
        return ()
    return _OF_TASK[target.task].evaluation_blocks(target, caps.power_of_two(max(held_out_rows, 1.0)))


def coarse_blocks(declared: Sequence[blocks.Block]) -> tuple[blocks.Block, ...]:
    """Return the blocks of figures to which noise is added: fewer bins."""
    length = 2 * classes.COARSE_BINS
    return tuple(
        dataclasses.replace(each, length=length) if each.name == classes.HISTOGRAM else each for each in declared
    )


def coarsened(part: blocks.Contribution) -> blocks.Contribution:
    """Return a contribution in these blocks."""
    return {name: classes.coarsened(each) if name == classes.HISTOGRAM else each for name, each in part.items()}


def contribution(
    target: schema.Target, scores: npt.NDArray[np.float64], truth: blocks.Vector, *, middle: float = 0.0
) -> blocks.Contribution:
    """Return one site's evaluation.

    Args:
        target: what is predicted.
        scores: what ``Learner.scores`` gives, a number's in the target's unit.
        truth: float64[n] as ``records.Table.target``.
        middle: where logits or times are binned most finely, the same at every site (see ``middle``).

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
    return _OF_TASK[target.task].contribution(target, scores, truth, middle)


def middle(target: schema.Target, arrays: Mapping[str, npt.NDArray[np.float64]]) -> float:
    """Return where a figure's bins are finest: a binomial target's log-odds, the mean of a time; 0 where there are no bins.

    ``arrays`` are those that round 0 leaves in every state.
    """
    if target.task is schema.Task.SURVIVAL:
        return float(arrays["target_mean"][0])
    return log_odds(arrays["class_rows"]) if target.task is schema.Task.BINOMIAL else 0.0


def log_odds(class_rows: blocks.Vector) -> float:
    """Return the log-odds of the second of two classes, given the rows of each: where a fitted model's logits lie."""
    return math.log(class_rows[1] / class_rows[0])


def metrics(target: schema.Target | None, sums: Mapping[str, blocks.Vector]) -> Metrics | None:
    """Return the figures that the sums over ``evaluation_blocks`` give, or None if there was no held-out row."""
    return None if target is None else _OF_TASK[target.task].metrics(target, sums)


def loss(target: schema.Target | None, sums: Mapping[str, blocks.Vector]) -> float | None:
    """Return the mean loss per held-out row, by + - * / alone; None without rows, or with counts that cannot be.

    Log-loss in nats for classes, squared error in squared range widths for numbers; never below 0, whatever a sum says.
    """
    return None if target is None else _OF_TASK[target.task].loss(sums)
