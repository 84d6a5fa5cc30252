"""Newton's method on sums: a step is tried, and the next round's summed loss says whether it went down.

Called by learners that send gradient, curvature and loss and keep what is sought as one vector. If the loss did not go down
the step is halved, from sums alone, so that every node decides alike. What the vector means, its penalty, and the arrays in
which a state shows it are the learner's.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from aicommons.learning import blocks, state

Vector = blocks.Vector
CONVERGED_STEP = 1e-6
"""Relative size of the last step. Newton converges quadratically: what is left after it is of the order 1e-12."""
LOSS_SLACK = 1e-9
"""Relative rise of the loss that is rounding, not a bad step."""
MOST_HALVINGS = 30
SEARCH = ("anchor", "anchor_loss", "halvings")
"""Arrays that a state has beside the model while a step is being tried."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tried:
    """What a round's sums say of the vector that they were computed at."""

    theta: Vector
    """That vector."""
    objective: float
    """Its loss with the penalty."""
    step: Callable[[], Vector | None]
    """Gives the Newton step from it, or None if the curvature cannot be inverted."""


def advance(
    value: state.State, tried: Tried, *, max_steps: int, shown: Callable[[Vector], Mapping[str, state.Array]]
) -> state.State:
    """Return the state after one Newton step, or after halving a step that did not lower the loss.

    Args:
        value: the state that the sums were computed at.
        tried: what they say.
        max_steps: rounds that the plan allows; the last one ends the search.
        shown: gives the model's arrays of a vector.
    """
    if "anchor" in value.arrays:
        best = float(value.arrays["anchor_loss"][0])
        if tried.objective > best + LOSS_SLACK * abs(best):
            return _halved(value, tried.theta, max_steps, shown)
    step = tried.step()
    if step is None:
        return _final(value, shown(tried.theta), state.Reason.NOT_POSITIVE_DEFINITE)
    moved = tried.theta + step
    if float(np.abs(step).max()) <= CONVERGED_STEP * (1.0 + float(np.abs(moved).max())):
        return _final(value, shown(moved), state.Reason.CONVERGED)
    if value.step + 1 >= max_steps:
        return _final(value, shown(moved), state.Reason.STEPS_DONE)
    search = {"anchor": tried.theta, "anchor_loss": np.array([tried.objective]), "halvings": np.zeros(1)}
    return _next(value, {**shown(moved), **search})


def _halved(
    value: state.State, theta: Vector, max_steps: int, shown: Callable[[Vector], Mapping[str, state.Array]]
) -> state.State:
    """Return the state with half the step from the last accepted vector."""
    anchor = value.arrays["anchor"]
    halvings = float(value.arrays["halvings"][0]) + 1.0
    if halvings > MOST_HALVINGS:
        return _final(value, shown(anchor), state.Reason.NO_DESCENT)
    if value.step + 1 >= max_steps:
        return _final(value, shown(anchor), state.Reason.STEPS_DONE)
    search = {"anchor": anchor, "anchor_loss": value.arrays["anchor_loss"], "halvings": np.array([halvings])}
    return _next(value, {**shown((anchor + theta) / 2.0), **search})


def _next(value: state.State, arrays: Mapping[str, state.Array]) -> state.State:
    """Return ``value`` one step on, with the model and search of ``arrays``."""
    kept = {name: array for name, array in value.arrays.items() if name not in SEARCH}
    return dataclasses.replace(value, step=value.step + 1, arrays={**kept, **arrays})


def _final(value: state.State, arrays: Mapping[str, state.Array], reason: state.Reason) -> state.State:
    """Return the state whose model is final."""
    return dataclasses.replace(_next(value, arrays), stage=state.Stage.EVALUATE, reason=reason)
