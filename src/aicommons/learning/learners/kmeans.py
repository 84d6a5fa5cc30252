"""Groups of like rows by Lloyd's algorithm: sites send rows, sums and squared distances per group, and reach the pooled groups.

Works on standardised columns of a plan without a target. Several tries from different public starting centres share the rounds;
the one with the least summed squared distance wins. Made by ``recipe``. A learner of the ``Additive`` kind. Starting centres are
drawn from the plan's seed alone and know nobody's rows; choosing them among rows (k-means++) is left out for that reason.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, caps, combine, exhibits, learner, records, state

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Encoding = blocks.Encoding
Exhibit = exhibits.Exhibit
MOST_VALUES = 2**22
"""Of all tries' centres together: 32 MB a site and round."""
GRID = 2.0**30
"""Starting centres are rounded to it: the sampler's tail calls libm, whose last bit differs between platforms."""
MOST_MOVES = 10
"""Rounds in which an empty group is moved; after them it stays empty, so that a try ends with more groups than unlike rows."""
CAP_MARGIN = 4.0
"""Standardised columns have a mean square of at most 1, up to the rounding of round 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kmeans:
    """The learner; its fields are the plan's options."""

    clusters: int = 3
    """Groups."""
    restarts: int = 8
    """Tries, each from starting centres of its own."""
    max_steps: int = 50
    """Rounds at most."""
    tolerance: float = 1e-6
    """No centre of any try moves further in any column, in standard deviations: then it has converged."""

    combiner = combine.SUMMARY
    word_bits = 64

    @property
    def most_steps(self) -> int:
        """Fit rounds that it takes at most."""
        return self.max_steps

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the learner back."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def check_size(self, plan: schema.Schema) -> None:
        """Check that a round's sums are not too long.

        Raises:
            errors.InputError: they are.
        """
        values = self.restarts * self.clusters * plan.width
        if values > MOST_VALUES:
            raise errors.InputError(
                "the centres have too many values",
                which="recipe kmeans",
                expected=f"at most {MOST_VALUES} (restarts x clusters x columns)",
                got=values,
            )

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return normal starting centres of every try, the same bytes on every machine; the result is not known yet."""
        rng = np.random.default_rng(seed)
        shape = (self.restarts * self.clusters, plan.width)
        centres, directions = (np.rint(rng.standard_normal(shape) * GRID) / GRID for _ in range(2))
        arrays = {
            "tries": centres,
            "directions": directions,
            "centres": centres[: self.clusters],
            "group_rows": np.zeros(self.clusters),
            "group_squares": np.zeros(self.clusters),
        }
        return state.State(state.Stage.FIT, 0, arrays)

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return rows, sums and squared distances per group of every try.

        Over all sites the sum of z^2 is at most the rows, for every column. So |sum z| <= rows, and the sum of |z - c|^2 is
        at most 2 sum |z|^2 + 2 rows |c|^2.
        """
        tries = value.arrays["tries"]
        groups, width = tries.shape
        rows = max(float(value.arrays["rows"][0]), 1.0)
        reach = combine.fixed_sum((tries * tries).ravel().tolist())
        return (
            Block("group_rows", groups, caps.power_of_two(rows), Encoding.INTEGER),
            Block("group_sums", groups * width, caps.power_of_two(CAP_MARGIN * rows), Encoding.BOUNDED),
            Block(
                "group_squares", groups, caps.power_of_two(2.0 * rows * (CAP_MARGIN * width + reach)), Encoding.BOUNDED
            ),
        )

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return the sums over ``table``'s rows, each in the group of its nearest centre, of every try."""
        tries = value.arrays["tries"]
        found = [self._summed(centres, table.features) for centres in tries.reshape(self.restarts, self.clusters, -1)]
        names = ("group_rows", "group_sums", "group_squares")
        return {name: np.concatenate(parts) for name, parts in zip(names, zip(*found, strict=True), strict=True)}

    def withheld(self, value: state.State, sums: Contribution, minimum: int) -> Contribution:
        """Return one site's ``sums`` with 0 for groups of 1 to ``minimum`` - 1 of its rows."""
        width = value.arrays["tries"].shape[1]
        enough = np.where(sums["group_rows"] < minimum, 0.0, 1.0)
        return {
            "group_rows": sums["group_rows"] * enough,
            "group_sums": sums["group_sums"] * np.repeat(enough, width),
            "group_squares": sums["group_squares"] * enough,
        }

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the state with every centre at the mean of its group, and the best try so far as the result."""
        tries = value.arrays["tries"]
        rows = sums["group_rows"]
        known = np.where(rows > 0.0, rows, 1.0)[:, None]
        means = np.where(rows[:, None] > 0.0, sums["group_sums"].reshape(tries.shape) / known, tries)
        moved = means - tries
        # Around its mean a group's squares are less by rows * (distance that the centre moved)^2.
        squares = np.maximum(sums["group_squares"] - rows * _row_sums(moved * moved), 0.0)
        largest = np.where(rows[:, None] > 0.0, np.abs(moved), 0.0).max()
        step = value.step + 1
        may_move = step <= MOST_MOVES and bool((rows == 0.0).any())
        is_still = bool(largest <= self.tolerance) and not may_move
        arrays = {**value.arrays, **self._best(means, rows, squares)}
        if is_still or step >= self.max_steps:
            reason = state.Reason.CONVERGED if is_still else state.Reason.STEPS_DONE
            return state.State(state.Stage.FINISHED, step, {**arrays, "tries": means}, reason)
        arrays["tries"] = self._reseeded(means, rows, squares, value.arrays["directions"]) if may_move else means
        return dataclasses.replace(value, step=step, arrays=arrays)

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return the group of each row, float64[n] from 0."""
        return _nearest(value.arrays["centres"], features)[0].astype(np.float64)

    def predict(self, value: state.State, scores: state.Array) -> state.Array:
        """Return the groups as they are."""
        _ = value
        return scores

    def heads(self, value: state.State) -> tuple[str, ...]:
        """Return what a prediction is."""
        _ = value
        return ("group",)

    def exhibits(self, plan: schema.Schema, value: state.State) -> tuple[Exhibit, ...]:
        """Return the groups with their sizes and spreads, and their centres in the columns' units."""
        rows = value.arrays["group_rows"].tolist()
        squares = value.arrays["group_squares"].tolist()
        total = combine.fixed_sum(rows)
        groups = [
            (place, round(count), count / total if total else None, (square / count) ** 0.5 if count else None)
            for place, (count, square) in enumerate(zip(rows, squares, strict=True))
        ]
        centres = value.arrays["mean"] + value.arrays["scale"] * value.arrays["centres"]
        listed = [(column.name, *found) for column, found in zip(plan.columns, centres.T.tolist(), strict=True)]
        spread = "root mean square distance"
        return (
            Exhibit(
                "groups",
                "Rows of each group, and how far from its centre they are, in standard deviations of all columns together",
                ("group", "rows", "share", spread),
                groups,
            ),
            Exhibit(
                "centres",
                "The mean of each group, in each column's own unit; of a level the share of rows that have it",
                ("column", *(f"group {place}" for place in range(self.clusters))),
                listed,
            ),
        )

    def _summed(self, centres: state.Array, features: state.Array) -> tuple[Vector, Vector, Vector]:
        """Return rows [clusters], sums [clusters * width] and squared distances [clusters] of one try."""
        chosen, distance = _nearest(centres, features)
        rows = np.bincount(chosen, minlength=self.clusters).astype(np.float64)
        sums = np.stack([features[chosen == group].sum(axis=0) for group in range(self.clusters)])
        return rows, sums.ravel(), np.bincount(chosen, weights=distance, minlength=self.clusters).astype(np.float64)

    def _best(self, means: state.Array, rows: Vector, squares: Vector) -> dict[str, state.Array]:
        """Return the result of the try with the least summed squares, the first of equals."""
        totals = [combine.fixed_sum(each) for each in squares.reshape(self.restarts, self.clusters).tolist()]
        best = slice(totals.index(min(totals)) * self.clusters, (totals.index(min(totals)) + 1) * self.clusters)
        return {"centres": means[best], "group_rows": rows[best], "group_squares": squares[best]}

    def _reseeded(self, means: state.Array, rows: Vector, squares: Vector, directions: state.Array) -> state.Array:
        """Return the centres of the next round: an empty group's beside the centre of its try's most spread one.

        It moves off in its own public direction, as far as that group's root mean square distance.
        """
        moved = means.copy()
        for group in np.flatnonzero(rows == 0.0).tolist():
            start = group // self.clusters * self.clusters
            within = squares[start : start + self.clusters].tolist()
            widest = start + within.index(max(within))
            far = np.sqrt(squares[widest] / np.maximum(rows[widest], 1.0))
            length = np.sqrt(_row_sums(directions[group : group + 1] * directions[group : group + 1]))
            moved[group] = means[widest] + directions[group] * (far / np.maximum(length, 1.0 / GRID))
        return moved


def from_options(plan: schema.Schema, reader: fields.Fields) -> Kmeans:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: a plan with a target; an option of a wrong type or out of range.
    """
    learner.check_no_target(plan, reader)
    default = Kmeans()
    return Kmeans(
        clusters=reader.whole_within("clusters", 1, 1_000, default=default.clusters),
        restarts=reader.whole_within("restarts", 1, 100, default=default.restarts),
        max_steps=reader.whole_within("max_steps", 1, 1_000, default=default.max_steps),
        tolerance=reader.number_within("tolerance", 0.0, 1.0, default=default.tolerance),
    )


def _nearest(centres: state.Array, features: state.Array) -> tuple["np.typing.NDArray[np.int64]", Vector]:
    """Return of each row the nearest centre, the first of equals, and its squared distance."""
    distances = np.empty((len(features), len(centres)))
    for place, centre in enumerate(centres):
        apart = features - centre
        distances[:, place] = (apart * apart).sum(axis=1)
    chosen = distances.argmin(axis=1)
    return chosen, distances[np.arange(len(features)), chosen]


def _row_sums(values: state.Array) -> Vector:
    """Return float64[n] sums of each row of float64[n, width], added column by column."""
    total = np.zeros(len(values))
    for column in values.T:
        total = total + column
    return total
