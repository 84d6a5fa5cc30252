"""A linear model of the n-grams of texts, trained by ``averaging``: one weight for each place and class, many places, few columns.

For languages that have little text and no tools: n-grams of characters need no word list, no segmentation and no pretrained
model, and a place is a hash, so that nobody learns which n-grams another site has. Rows are as a source of texts with ``slots``
gives them: each column holds the place of one n-gram, or -1. A row is the counts of its places divided by their Euclidean
length. Every number of the plan's schema is taken for such a column. Made by ``recipe``.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, learner, state
from aicommons.learning.learners import averaging

Vector = blocks.Vector
Arrays = averaging.Arrays
SOLVES = (schema.Task.BINOMIAL, schema.Task.MULTINOMIAL)
WEIGHTS, BIAS = "text.weights", "text.bias"
SCALE = 6.0
"""Scores are this times the weighted row: a row of unit length spreads over hundreds of places, so that its steps would else
be far shorter than those of the bias."""
MOST_PLACES = 2**20


@dataclasses.dataclass(frozen=True, slots=True)
class Bag:
    """The network; implements ``averaging.Network``."""

    task: schema.Task
    """Two classes, or several."""
    places: int
    """How many places n-grams have: what the columns are declared to hold."""

    @property
    def names(self) -> tuple[str, ...]:
        """Weights, then biases."""
        return (WEIGHTS, BIAS)

    def options(self) -> dict[str, object]:
        """Return the plan's options that are its own: none, the columns say everything."""
        return {}

    def shapes(self, plan: schema.Schema) -> Mapping[str, tuple[int, ...]]:
        """Return float64[places, classes] and float64[classes]."""
        classes = len(plan.classes)
        return {WEIGHTS: (self.places, classes), BIAS: (classes,)}

    def initial(self, plan: schema.Schema, seed: int) -> Arrays:
        """Return zeros; ``seed`` is not needed."""
        _ = seed
        return {name: np.zeros(shape) for name, shape in self.shapes(plan).items()}

    def gradient(self, arrays: Arrays, features: state.Array, target: Vector, into: Arrays) -> None:
        """Write the gradient of the mean log-loss over a batch into ``into``."""
        found = self._entries(features)
        scores = _scores(arrays, found)
        scores -= scores.max(axis=1, keepdims=True)
        error = np.exp(scores)
        error /= error.sum(axis=1, keepdims=True)
        error[np.arange(len(target)), target.astype(np.intp)] -= 1.0
        error /= len(target)
        for index in range(error.shape[1]):
            spread = found.weights * error[found.rows, index]
            into[WEIGHTS][:, index] = np.bincount(found.places, weights=spread, minlength=self.places)
        into[BIAS][:] = error.sum(axis=0)

    def scores(self, arrays: Arrays, features: state.Array) -> state.Array:
        """Return logits."""
        scores = _scores(arrays, self._entries(features))
        return scores if self.task is schema.Task.MULTINOMIAL else scores[:, 1] - scores[:, 0]

    def _entries(self, features: state.Array) -> "Entries":
        """Return every n-gram's row, place and weight: ``SCALE`` over the length of the row's counts."""
        rows, slots = np.nonzero(features >= 0.0)
        places = features[rows, slots].astype(np.intp)
        pairs, counts = np.unique(rows * self.places + places, return_counts=True)
        squares = np.bincount(pairs // self.places, np.square(counts, dtype=np.float64), minlength=len(features))
        return Entries(len(features), rows, places, SCALE / np.sqrt(squares[rows]))


@dataclasses.dataclass(frozen=True, slots=True)
class Entries:
    """The n-grams of some rows, one after the other."""

    count: int
    """How many rows there are."""
    rows: blocks.Places
    places: blocks.Places
    weights: Vector


def _scores(arrays: Arrays, found: Entries) -> state.Array:
    """Return float64[rows, classes]."""
    scores = np.empty((found.count, len(arrays[BIAS])))
    for index in range(scores.shape[1]):
        parts = found.weights * arrays[WEIGHTS][found.places, index]
        scores[:, index] = np.bincount(found.rows, parts, minlength=found.count) + arrays[BIAS][index]
    return scores


@dataclasses.dataclass(frozen=True, slots=True)
class Text(averaging.Averaging):
    """The learner: a bag that is averaged, and sees places as they are."""

    takes_raw: Literal[True] = True


def from_options(plan: schema.Schema, reader: fields.Fields) -> Text:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: another kind of target, columns that hold no places, or a bad option.
    """
    task = learner.check_task(plan, reader, SOLVES)
    columns = plan.columns
    tops = {column.hi for column in columns}
    is_places = all(column.lo == -1.0 and column.hi.is_integer() for column in columns) and len(tops) == 1
    if not is_places or not 1.0 <= min(tops) < MOST_PLACES:
        raise errors.InputError(
            "the columns hold no places of n-grams",
            which="recipe text",
            expected=f"numbers from -1 to the same last place, below {MOST_PLACES}",
            next_step="Describe the source of texts with `slots`, and take the schema from its card.",
        )
    made = averaging.from_options(Bag(task, int(min(tops)) + 1), reader)
    return Text(**{field.name: getattr(made, field.name) for field in dataclasses.fields(made)})
