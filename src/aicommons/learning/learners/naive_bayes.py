"""Naive Bayes: class by class the mean and variance of every number and the share of every level, from one round of sums.

Columns are taken as independent within a class: numbers as normal, categories with Laplace smoothing. The estimate is that of
scikit-learn's ``GaussianNB`` on standardised numbers and ``CategoricalNB`` on the pooled rows. Made by ``recipe``. A
learner of the ``Additive`` kind that sees raw features, because a gap contributes nothing here: neither to a sum nor to a score.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, caps, combine, exhibits, learner, records, state
from aicommons.learning.learners import stats_columns

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Encoding = blocks.Encoding
Exhibit = exhibits.Exhibit
SOLVES = (schema.Task.BINOMIAL, schema.Task.MULTINOMIAL)
MOST_PARAMETERS = 2**21
"""Classes times columns, of which each is two or three sums."""
CAP_MARGIN = 4.0
"""Standardised columns have a mean square of at most 1, up to the rounding of round 0."""
NO_ROWS_LOG_PRIOR = -1_000.0
"""Of a class that nobody has rows of: never the most probable one, and still a number."""


@dataclasses.dataclass(frozen=True, slots=True)
class NaiveBayes:
    """The learner; its fields but the first are the plan's options."""

    plan: schema.Schema
    """The columns."""
    smoothing: float = 1.0
    """Rows added to every level of every class (Laplace)."""
    variance_smoothing: float = 1e-9
    """Added to every variance, in squared standard deviations of the column."""

    combiner = combine.SUMMARY
    word_bits = 64
    most_steps = 1
    takes_raw: Literal[True] = True

    @property
    def _numbers(self) -> list[int]:
        """Return which of a table's columns are numbers."""
        return [each.place for each in stats_columns.numbers(self.plan) if each.place is not None]

    @property
    def _categories(self) -> list[range]:
        """Return the columns of each category's levels."""
        found = [(each.start, len(each.levels)) for each in stats_columns.categories(self.plan)]
        return [range(start, start + width) for start, width in found if start is not None]

    @property
    def _levels(self) -> list[int]:
        return [place for places in self._categories for place in places]

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the learner back."""
        return {"smoothing": self.smoothing, "variance_smoothing": self.variance_smoothing}

    def check_size(self, plan: schema.Schema) -> None:
        """Check that a round's sums are not too long.

        Raises:
            errors.InputError: they are.
        """
        parameters = len(plan.classes) * plan.width
        if parameters > MOST_PARAMETERS:
            raise errors.InputError(
                "the model has too many parameters",
                which="recipe naive_bayes",
                expected=f"at most {MOST_PARAMETERS} (classes x columns)",
                got=parameters,
            )

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return a model in which every class has the same distribution; ``seed`` is not needed."""
        _ = seed
        classes = len(plan.classes)
        arrays: dict[str, state.Array] = {}
        if self._numbers:
            shape = (classes, len(self._numbers))
            arrays |= {"number_mean": np.zeros(shape), "number_variance": np.ones(shape)}
        if self._levels:
            even = np.concatenate([np.full(len(places), 1.0 / len(places)) for places in self._categories])
            arrays["level_share"] = np.tile(even, (classes, 1))
        return state.State(state.Stage.FIT, 0, arrays)

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return rows, sums and squares of every number and rows of every level, class by class."""
        classes = len(self.plan.classes)
        numbers, levels = classes * len(self._numbers), classes * len(self._levels)
        rows = max(float(value.arrays["rows"][0]), 1.0)
        exact, reach = caps.power_of_two(rows), caps.power_of_two(CAP_MARGIN * rows)
        declared = (
            Block("number_rows", numbers, exact, Encoding.INTEGER),
            Block("number_sums", numbers, reach, Encoding.BOUNDED),
            Block("number_squares", numbers, reach, Encoding.BOUNDED),
            Block("level_rows", levels, exact, Encoding.INTEGER),
        )
        return tuple(block for block in declared if block.length)

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return the sums over ``table``'s rows."""
        mine = (table.target[:, None] == np.arange(len(self.plan.classes))).astype(np.float64).T
        z, here = self._standardised(value, table.features)
        sums = {
            "number_rows": (mine @ here).ravel(),
            "number_sums": (mine @ z).ravel(),
            "number_squares": (mine @ (z * z)).ravel(),
            "level_rows": (mine @ table.features[:, self._levels]).ravel(),
        }
        return {name: vector for name, vector in sums.items() if vector.size}

    def withheld(self, value: state.State, sums: Contribution, minimum: int) -> Contribution:
        """Return one site's ``sums`` with 0 for what 1 to ``minimum`` - 1 of its rows of a class have."""
        _ = value
        kept = dict(sums)
        if "level_rows" in sums:
            kept["level_rows"] = np.where(sums["level_rows"] < minimum, 0.0, sums["level_rows"])
        if "number_rows" in sums:
            enough = np.where(sums["number_rows"] < minimum, 0.0, 1.0)
            for name in ("number_rows", "number_sums", "number_squares"):
                kept[name] = sums[name] * enough
        return kept

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the fitted model, ready to be judged."""
        classes = len(self.plan.classes)
        arrays = dict(value.arrays)
        if self._numbers:
            rows, total, squares = (
                sums[name].reshape(classes, -1) for name in ("number_rows", "number_sums", "number_squares")
            )
            known = np.where(rows > 0.0, rows, 1.0)
            mean = total / known
            variance = np.maximum(squares / known - mean * mean, 0.0)
            # A number that no row of a class has is as it is over all classes: mean 0, variance 1.
            arrays["number_mean"] = np.where(rows > 0.0, mean, 0.0)
            arrays["number_variance"] = np.where(rows > 0.0, variance, 1.0) + self.variance_smoothing
        if self._levels:
            arrays["level_share"] = self._shares(sums["level_rows"].reshape(classes, -1))
        return dataclasses.replace(
            value, stage=state.Stage.EVALUATE, step=value.step + 1, arrays=arrays, reason=state.Reason.CONVERGED
        )

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return log-odds float64[n] of two classes, or log-posteriors up to a constant float64[n, classes], of raw ``features``."""
        counts = value.arrays["class_rows"]
        prior = np.where(counts > 0.0, np.log(np.where(counts > 0.0, counts, 1.0) / counts.sum()), NO_ROWS_LOG_PRIOR)
        found = np.tile(prior, (len(features), 1))
        if self._numbers:
            z, here = self._standardised(value, features)
            for label in range(len(prior)):
                variance = value.arrays["number_variance"][label]
                apart = z - value.arrays["number_mean"][label]
                found[:, label] -= (here * (np.log(2.0 * np.pi * variance) + apart * apart / variance)).sum(
                    axis=1
                ) / 2.0
        if self._levels:
            found += features[:, self._levels] @ np.log(value.arrays["level_share"]).T
        return found if self.plan.task is schema.Task.MULTINOMIAL else found[:, 1] - found[:, 0]

    def exhibits(self, plan: schema.Schema, value: state.State) -> tuple[Exhibit, ...]:
        """Return rows of the classes, and what numbers and levels are like in each, in the columns' units."""
        counts = value.arrays["class_rows"].tolist()
        total = combine.fixed_sum(counts)
        listed = [(label, round(count), count / total) for label, count in zip(plan.classes, counts, strict=True)]
        made = [Exhibit("classes", "Training rows of each class", ("class", "rows", "share"), listed)]
        if self._numbers:
            made.append(self._number_table(plan, value))
        if self._levels:
            shares = value.arrays["level_share"].T.tolist()
            rows = [(plan.columns[place].name, *found) for place, found in zip(self._levels, shares, strict=True)]
            title = "Share of rows that have each level, smoothed, by class"
            made.append(Exhibit("levels", title, ("level", *plan.classes), rows))
        return tuple(made)

    def _number_table(self, plan: schema.Schema, value: state.State) -> Exhibit:
        """Return mean and standard deviation of every number in every class."""
        rows = []
        for at, place in enumerate(self._numbers):
            mean, scale = float(value.arrays["mean"][place]), float(value.arrays["scale"][place])
            for label, name in enumerate(plan.classes):
                middle = float(value.arrays["number_mean"][label, at])
                variance = float(value.arrays["number_variance"][label, at])
                rows.append((plan.columns[place].name, name, mean + scale * middle, scale * variance**0.5))
        title = "Mean and standard deviation of every number in every class, in the column's unit"
        return Exhibit("numbers", title, ("column", "class", "mean", "standard deviation"), rows)

    def _standardised(self, value: state.State, features: state.Array) -> tuple[state.Array, state.Array]:
        """Return standardised numbers, 0 where they are missing, and 1 or 0 for whether they are there."""
        places = self._numbers
        raw = features[:, places]
        here = ~np.isnan(raw)
        z = (raw - value.arrays["mean"][places]) / value.arrays["scale"][places]
        return np.where(here, z, 0.0), here.astype(np.float64)

    def _shares(self, rows: state.Array) -> state.Array:
        """Return the smoothed share of each level among its category's, class by class."""
        shares = np.empty(rows.shape)
        start = 0
        for places in self._categories:
            part = slice(start, start + len(places))
            total = np.zeros(len(rows))
            for column in rows[:, part].T:
                total = total + column
            shares[:, part] = (rows[:, part] + self.smoothing) / (total + self.smoothing * len(places))[:, None]
            start += len(places)
        return shares


def from_options(plan: schema.Schema, reader: fields.Fields) -> NaiveBayes:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: another kind of target; an option that is not a number or out of range.
    """
    learner.check_task(plan, reader, SOLVES)
    default = NaiveBayes(plan)
    return NaiveBayes(
        plan,
        smoothing=reader.number_within("smoothing", 1e-9, 1e9, default=default.smoothing),
        variance_smoothing=reader.number_within("variance_smoothing", 1e-15, 1e3, default=default.variance_smoothing),
    )
