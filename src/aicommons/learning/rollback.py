"""Rollback: a round that made the model worse on held-out rows is undone, by everybody alike.

Every fit round carries the figures of the model that it starts from, so a bad step shows one round later. Then the best
model so far comes back with half the server's step, at most as often as the plan says. ``recipe`` calls this for plans
with the option; what it needs (the best model, its loss, the step, how often) lives in the ``State``, so that whoever
folds the sums comes to the same bytes. It leaves out whose contribution was bad: sums do not tell.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from aicommons.domain import fields
from aicommons.learning import blocks, state

BEST = "best."
"""Before the names of the best model's arrays."""
LOSS, STEP, COUNT = "best_loss", "server_step", "rollbacks"
"""Loss of the best model [1], once one is known; factor on the sites' delta [1]; rounds undone so far [1]."""
MOST_PARAMETERS = 2**25
"""Half of what a state can hold, which then holds two models."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rollback:
    """The option of a plan."""

    patience: int = 3
    """Rounds that are undone at most; the next bad one ends fitting."""
    worse_by: float = 1.1
    """A model is worse when its held-out loss is above this many times the best one's."""


def from_options(document: object) -> Rollback:
    """Return the option that a plan's document describes: ``{"patience": 3, "worse_by": 1.1}``.

    Raises:
        errors.InputError: naming the field that is unknown or wrong.
    """
    reader, default = fields.Fields(document, "recipe.rollback"), Rollback()
    value = Rollback(
        reader.whole_within("patience", 1, 1_000, default=default.patience),
        reader.number_within("worse_by", 1.0, 1_000.0, default=default.worse_by),
    )
    reader.close()
    return value


def to_options(value: Rollback) -> dict[str, object]:
    """Return the option as a plan's document writes it."""
    return {"patience": value.patience, "worse_by": value.worse_by}


def begin(value: state.State, model: Mapping[str, state.Array]) -> state.State:
    """Return the first state of fitting with what is kept for rollbacks; ``model`` is all of the learner's arrays."""
    best = {BEST + name: array for name, array in model.items()}
    return dataclasses.replace(value, arrays={**value.arrays, **best, STEP: np.ones(1), COUNT: np.zeros(1)})


def is_worse(chosen: Rollback, value: state.State, loss: float | None) -> bool:
    """Return whether the model in ``value``, with this held-out ``loss``, is to be undone.

    Without held-out rows (``None``) or before a first loss nothing is.
    """
    if loss is None or LOSS not in value.arrays:
        return False
    return not loss <= chosen.worse_by * float(value.arrays[LOSS][0])


def undo(chosen: Rollback, value: state.State, most_steps: int) -> state.State:
    """Return the best model again, one step on: with half the server's step, or final where patience or steps end."""
    step = value.step + 1
    count = float(value.arrays[COUNT][0]) + 1.0
    if count > chosen.patience:
        return _final(value, step, state.Reason.WORSE_TOO_OFTEN)
    if step >= most_steps:
        return _final(value, step, state.Reason.STEPS_DONE)
    again = {STEP: value.arrays[STEP] / 2.0, COUNT: np.array([count])}
    return dataclasses.replace(value, step=step, arrays={**value.arrays, **_best(value), **again})


def accept(value: state.State, loss: float | None) -> state.State:
    """Return ``value`` with its own model as the best where it is; a halved step grows again by one doubling."""
    if loss is None or not np.isfinite(loss):
        return value
    if LOSS in value.arrays and not loss < float(value.arrays[LOSS][0]):
        return value
    best = {name: value.arrays[name.removeprefix(BEST)] for name in value.arrays if name.startswith(BEST)}
    step = np.minimum(value.arrays[STEP] * 2.0, 1.0)
    return dataclasses.replace(value, arrays={**value.arrays, **best, LOSS: np.array([loss]), STEP: step})


def scale(value: state.State, deltas: blocks.Contribution) -> blocks.Contribution:
    """Return the sites' ``deltas`` times the server's step."""
    step = float(value.arrays[STEP][0])
    return {name: delta * step for name, delta in deltas.items()}


def conclude(value: state.State, loss: float | None) -> state.State:
    """Return what follows the last figures: finished, or the best model to be judged once more where the last is not it."""
    if loss is None or LOSS not in value.arrays or loss <= float(value.arrays[LOSS][0]):
        return dataclasses.replace(value, stage=state.Stage.FINISHED, arrays=_model_alone(value.arrays))
    return dataclasses.replace(value, arrays=_model_alone({**value.arrays, **_best(value)}))


def _final(value: state.State, step: int, reason: state.Reason) -> state.State:
    arrays = _model_alone({**value.arrays, **_best(value)})
    return state.State(state.Stage.EVALUATE, step, arrays, reason)


def _best(value: state.State) -> dict[str, state.Array]:
    return {name.removeprefix(BEST): array for name, array in value.arrays.items() if name.startswith(BEST)}


def _model_alone(arrays: Mapping[str, state.Array]) -> dict[str, state.Array]:
    kept = (LOSS, STEP, COUNT)
    return {name: array for name, array in arrays.items() if name not in kept and not name.startswith(BEST)}
