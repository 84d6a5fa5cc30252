"""The likelihoods of generalised linear models: loss, residual and curvature of rows, and how large these can get.

Called by ``glm`` at a site (``of_rows``) and by everybody for the caps of blocks (``bounds``), which follow from public facts
alone. What leaves a site, penalties and steps are left out.

A rate exp(eta) has no bound, so counts are fitted with a loss that is Poisson's up to a public largest rate M and goes on in a
straight line from there: convex, with a continuous slope, and never further from 0 than M rates are (Huber 1964 did the same to
squares). Log rates are relative to the mean count, whose logarithm every site takes for itself: no state depends on it.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping

import numpy as np

from aicommons.domain import schema
from aicommons.learning import blocks, state

Vector = blocks.Vector

RATE_MARGIN = 4.0
"""Largest rate, in the largest count that the plan declares: a model that says more is wrong by that much anyway."""
LARGEST_RATE = "largest_rate"
"""Array [1] of a state of counts: M, in counts."""


@dataclasses.dataclass(frozen=True, slots=True)
class Derivatives:
    """The negative log-likelihood of some rows, by their scores."""

    loss: float
    """Summed over the rows."""
    residual: state.Array
    """float64[n, outputs]: first derivative by each score."""
    weights: Iterator[Vector]
    """float64[n] for each pair of outputs k <= l: second derivative."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """What no rows exceed, per row and on average, at one state."""

    residual: float
    """Of the absolute residual."""
    weight: float
    """Of the absolute weight."""
    loss: float
    """Of the loss."""


def largest_rate(target: schema.Target) -> float:
    """Return the rate M from which the loss of counts goes on in a straight line, in counts."""
    return RATE_MARGIN * max(target.column().hi, 1.0)


def log_mean(arrays: Mapping[str, state.Array]) -> float:
    """Return the logarithm of the mean count, the middle of all log rates; for sites and readers, never for a state."""
    return math.log(max(float(arrays["target_mean"][0]), 1e-300))


def log_largest(arrays: Mapping[str, state.Array]) -> float:
    """Return the logarithm of the largest rate."""
    return math.log(max(float(arrays[LARGEST_RATE][0]), 1.0))


def bounds(task: schema.Task, arrays: Mapping[str, state.Array], reach: float, outputs: int) -> Bounds:
    """Return what holds for all rows together where each standardised column's squares sum to the rows.

    ``reach`` is 1 + sum |theta|: with Cauchy-Schwarz no sum of |score| exceeds rows * reach.
    """
    if task is schema.Task.GAUSSIAN:
        return Bounds(reach, 1.0, reach * reach)
    if task is schema.Task.POISSON:
        most = float(arrays[LARGEST_RATE][0])
        # The mean count and y log y are taken in powers of two: a logarithm's last bit is not the same everywhere.
        exponents = abs(math.frexp(float(arrays["target_mean"][0]))[1]) + 1.0 + math.frexp(most)[1]
        return Bounds(most, most, 2.0 * most * (reach + exponents))
    return Bounds(1.0, 0.25, reach + math.log2(outputs + 1))


def of_rows(task: schema.Task, arrays: Mapping[str, state.Array], scores: state.Array, target: Vector) -> Derivatives:
    """Return loss, residuals and weights of rows with ``scores`` float64[n, outputs] and ``target`` float64[n]."""
    if task is schema.Task.GAUSSIAN:
        residual = scores - target[:, None]
        return Derivatives(float((residual * residual).sum() / 2.0), residual, iter([np.ones(len(target))]))
    if task is schema.Task.POISSON:
        return _counts(scores[:, 0], target, float(arrays[LARGEST_RATE][0]), log_largest(arrays))
    if task is schema.Task.BINOMIAL:
        margins = np.where(target == 1.0, -scores[:, 0], scores[:, 0])
        p = 1.0 / (1.0 + np.exp(-np.clip(scores, -500.0, 500.0)))
        weight = (p * (1.0 - p))[:, 0]
        return Derivatives(float(np.logaddexp(0.0, margins).sum()), p - target[:, None], iter([weight]))
    chosen = target.astype(np.int64)
    log_p = scores - np.logaddexp.reduce(scores, axis=1)[:, None]
    p = np.exp(log_p)
    residual = p - (np.arange(p.shape[1]) == chosen[:, None])
    return Derivatives(float(-log_p[np.arange(len(chosen)), chosen].sum()), residual, _pair_weights(p))


def _counts(log_rates: Vector, counts: Vector, most: float, log_most: float) -> Derivatives:
    """Return half the deviance of counts, in a straight line above the largest rate.

    The weight stays M there, which is more than the line's curvature of 0: such rows shorten a step and never make it wild.
    """
    under = np.minimum(log_rates, log_most)
    rates = np.minimum(np.exp(under), most)
    seen = counts * np.log(np.maximum(counts, 1.0)) - counts
    losses = rates + most * (log_rates - under) - counts * log_rates + seen
    return Derivatives(float(losses.sum()), (rates - counts)[:, None], iter([rates]))


def _pair_weights(p: state.Array) -> Iterator[Vector]:
    """Yield p_k (delta_kl - p_l) for each pair of classes k <= l."""
    for k in range(p.shape[1]):
        yield p[:, k] * (1.0 - p[:, k])
        for other in range(k + 1, p.shape[1]):
            yield -p[:, k] * p[:, other]
