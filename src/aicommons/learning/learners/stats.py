"""Statistics of all sites together: what every study looks at before it fits anything.

Of each number how many rows have it, mean, standard deviation, histogram and quantiles; correlations of all pairs of
numbers; counts of levels, and cross-tables of pairs of categories. A numeric target or its classes are described as one
column more; nothing is predicted, so a run has no figures and ends after its last fit round. Made by ``recipe``. A learner of the
``Additive`` kind. Smallest and largest values are never told: the declared ranges stand in for them.

Columns are read by ``stats_columns``, quantiles searched by ``stats_quantiles``, tables written by ``stats_tables``.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Literal

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, caps, combine, describe, exhibits, records, state
from aicommons.learning.learners import stats_columns, stats_quantiles, stats_tables

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Encoding = blocks.Encoding
Exhibit = exhibits.Exhibit
Pair = tuple[str, str]
PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_PROBABILITIES = 32
OUTERMOST = 0.01
"""No quantile below it, nor above one less it: those would be close to a smallest or largest value."""
MOST_CORRELATED = 256
"""Numbers in one correlation matrix: 32,896 pairs, six sums of each."""
MOST_TABLES = 1_000
MOST_CELLS = 2**22
"""In one round, of all histograms or all tables: 32 MB a site."""
CAP_MARGIN = 4.0
"""Standardised columns have a mean square of 1, up to the rounding of round 0: a half more for three rows that hardly differ."""


@dataclasses.dataclass(frozen=True, slots=True)
class Stats:
    """The learner; its fields but the first are the plan's options."""

    plan: schema.Schema
    """The columns."""
    quantiles: tuple[float, ...] = PROBABILITIES
    """Probabilities, ascending."""
    bins: int = 32
    """Bins of a histogram, all of one width over the declared range."""
    tables: tuple[Pair, ...] = ()
    """Pairs of categories that are counted against each other."""
    correlation: bool = True
    """Whether numbers are correlated with each other."""

    combiner = combine.SUMMARY
    word_bits = 64
    takes_raw: Literal[True] = True
    is_unjudged: Literal[True] = True

    @property
    def most_steps(self) -> int:
        """Fit rounds that it takes at most."""
        return 1 + (stats_quantiles.depth(self.bins) if self.quantiles and self._numbers else 0)

    @property
    def _numbers(self) -> int:
        return len(stats_columns.numbers(self.plan))

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        """Return the pairs of numbers that are summed, each number with itself first in its row."""
        if self.correlation:
            return list(itertools.combinations_with_replacement(range(self._numbers), 2))
        return [(place, place) for place in range(self._numbers)]

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the learner back."""
        return {
            "quantiles": list(self.quantiles),
            "bins": self.bins,
            "tables": [list(pair) for pair in self.tables],
            "correlation": self.correlation,
        }

    def check_size(self, plan: schema.Schema) -> None:
        """Check that a round's sums are not too long.

        Raises:
            errors.InputError: too many numbers to correlate, or too many cells.
        """
        _ = plan
        if self.correlation and self._numbers > MOST_CORRELATED:
            raise errors.InputError(
                "there are too many numbers for one correlation matrix",
                which="recipe stats",
                expected=f"at most {MOST_CORRELATED}",
                got=self._numbers,
                next_step='Leave out columns, or write "correlation": false.',
            )
        children = self._numbers * 2 * len(self.quantiles) * stats_quantiles.BRANCHES
        for what, cells in (
            ("histograms", self._numbers * self.bins),
            ("quantiles", children),
            ("tables", self._cells()),
        ):
            if cells > MOST_CELLS:
                raise errors.InputError(
                    f"the {what} have too many cells", which="recipe stats", expected=f"at most {MOST_CELLS}", got=cells
                )

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return zeros of the shapes that the results have; ``seed`` is not needed."""
        _ = plan, seed
        count = self._numbers
        arrays = {name: np.zeros(count) for name in ("present", "average", "deviation")}
        arrays |= {"histogram": np.zeros((count, self.bins)), "table_rows": np.zeros(self._cells())}
        if self.correlation:
            arrays |= {name: np.zeros(len(self._pairs)) for name in ("correlation", "pair_rows")}
        arrays |= stats_quantiles.empty(count, self.quantiles)
        return state.State(state.Stage.FIT, 0, _filled(arrays))

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return sums of pairs, histograms and tables in the first round, parts of brackets in the others."""
        rows = caps.power_of_two(max(float(value.arrays["rows"][0]), 1.0))
        if value.step > 0:
            length = self._numbers * 2 * len(self.quantiles) * stats_quantiles.BRANCHES
            return (Block("bracket_parts", length, rows, Encoding.INTEGER),)
        pairs, reach = len(self._pairs), rows * CAP_MARGIN
        declared = (
            Block("pair_rows", pairs, rows, Encoding.INTEGER),
            Block("sums", 2 * pairs, reach, Encoding.BOUNDED),
            Block("squares", 2 * pairs, reach, Encoding.BOUNDED),
            Block("products", pairs, reach, Encoding.BOUNDED),
            Block("histogram", self._numbers * self.bins, rows, Encoding.INTEGER),
            Block("tables", self._cells(), rows, Encoding.INTEGER),
        )
        filled = tuple(block for block in declared if block.length)
        # Levels are known from round 0; a plan of one category alone still needs a round to come to its end.
        return filled or (Block("tables", 1, rows, Encoding.INTEGER),)

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return the sums over ``table``'s rows."""
        raw = stats_columns.values(self.plan, table)
        fine = self._fine(raw)
        if value.step > 0:
            level = value.step - 1
            brackets = _brackets(value)
            chosen = stats_quantiles.is_open(brackets, _rows(value.arrays["histogram"]), self.quantiles, level)
            parts = stats_quantiles.count(fine, brackets, chosen, bins=self.bins, level=level)
            return {"bracket_parts": parts}
        sums = {**self._moments(value, raw), "histogram": self._histogram(fine), "tables": self._counted(table)}
        return {block.name: sums[block.name] if sums[block.name].size else np.zeros(1) for block in self.blocks(value)}

    def withheld(self, value: state.State, sums: Contribution, minimum: int) -> Contribution:
        """Return one site's ``sums`` with 0 for every cell, and every pair of numbers, of 1 to ``minimum`` - 1 rows."""
        _ = value
        kept = dict(sums)
        for name in ("histogram", "tables", "bracket_parts"):
            if name in sums:
                kept[name] = np.where(sums[name] < minimum, 0.0, sums[name])
        if "pair_rows" in sums:
            enough = np.where(sums["pair_rows"] < minimum, 0.0, 1.0)
            for name in ("pair_rows", "sums", "squares", "products"):
                kept[name] = sums[name] * np.tile(enough, len(sums[name]) // len(enough))
        return kept

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the state with the results so far; it is finished when no bracket can be cut further."""
        if value.step > 0:
            arrays = self._refined(value, sums["bracket_parts"])
        else:
            arrays = {**self._summarised(value, sums), **self._counts(sums)}
        known = {**value.arrays, **_filled(arrays)}
        after = dataclasses.replace(value, step=value.step + 1, arrays=known)
        is_last = after.step >= self.most_steps or not self._is_open(after).any()
        if not is_last:
            return after
        return dataclasses.replace(after, stage=state.Stage.FINISHED, reason=state.Reason.CONVERGED)

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Predict nothing.

        Raises:
            errors.InputError: always.
        """
        _ = value, features
        raise errors.InputError(
            "statistics predict nothing",
            which="recipe stats",
            expected="a recipe that fits a model",
            next_step="Read the tables of the result.",
        )

    def exhibits(self, plan: schema.Schema, value: state.State) -> tuple[Exhibit, ...]:
        """Return columns, levels, quantiles, correlation, histogram and every cross-table."""
        return stats_tables.exhibits_of(plan, value, self.quantiles, self.tables)

    def _cells(self) -> int:
        """Return the number of cells of all tables."""
        levels = {each.name: len(each.levels) for each in stats_columns.categories(self.plan)}
        return sum(levels[one] * levels[other] for one, other in self.tables)

    def _fine(self, raw: state.Array) -> stats_quantiles.Grid:
        """Return int64[rows, numbers]: each value's bin of the finest grid, -1 where it is missing."""
        lo, hi = _ranges(self.plan)
        is_gap = np.isnan(raw)
        found = stats_quantiles.grid(np.where(is_gap, 0.0, (raw - lo) / (hi - lo)), self.bins)
        found[is_gap] = -1
        return found

    def _moments(self, value: state.State, raw: state.Array) -> dict[str, Vector]:
        """Return sums of standardised values, their squares and products, over the rows that have both of a pair."""
        mean, scale = stats_columns.standards(self.plan, value.arrays)
        here = (~np.isnan(raw)).astype(np.float64)
        z = np.where(here > 0.0, (raw - mean) / scale, 0.0)
        one, other = np.array(self._pairs, dtype=np.int64).reshape(-1, 2).T
        if not self.correlation:
            count, total, square = here.sum(axis=0), z.sum(axis=0), (z * z).sum(axis=0)
            return {"pair_rows": count, "sums": np.tile(total, 2), "squares": np.tile(square, 2), "products": square}
        both, sums, squares, products = here.T @ here, z.T @ here, (z * z).T @ here, z.T @ z
        return {
            "pair_rows": both[one, other],
            "sums": np.concatenate([sums[one, other], sums[other, one]]),
            "squares": np.concatenate([squares[one, other], squares[other, one]]),
            "products": products[one, other],
        }

    def _histogram(self, fine: stats_quantiles.Grid) -> Vector:
        """Return rows per bin, number after number."""
        found = np.zeros((fine.shape[1], self.bins))
        for number, column in enumerate(fine.T):
            found[number] = np.bincount(stats_quantiles.coarse(column[column >= 0], self.bins, 0), minlength=self.bins)
        return found.ravel()

    def _counted(self, table: records.Table) -> Vector:
        """Return rows per cell, table after table, each row by row; a row without one of the levels is in no cell."""
        known = {each.name: each for each in stats_columns.categories(self.plan)}
        parts = [np.zeros(0)]
        for one, other in self.tables:
            first, second = (stats_columns.codes(self.plan, known[name], table) for name in (one, other))
            width = len(known[other].levels)
            found = (first * width + second)[(first >= 0) & (second >= 0)]
            parts.append(np.bincount(found, minlength=len(known[one].levels) * width).astype(np.float64))
        return np.concatenate(parts)

    def _summarised(self, value: state.State, sums: Mapping[str, Vector]) -> dict[str, state.Array]:
        """Return present rows, means, deviations and correlations from the sums of pairs."""
        if not self._numbers:
            return {}
        mean, scale = stats_columns.standards(self.plan, value.arrays)
        lo, hi = _ranges(self.plan)
        one, other = np.array(self._pairs, dtype=np.int64).reshape(-1, 2).T
        rows = sums["pair_rows"]
        known = np.where(rows > 0.0, rows, 1.0)
        total, other_total = sums["sums"].reshape(2, -1)
        squares, other_squares = sums["squares"].reshape(2, -1)
        spread = np.maximum(squares - total * total / known, 0.0)
        other_spread = np.maximum(other_squares - other_total * other_total / known, 0.0)
        itself = one == other
        present = rows[itself]
        arrays = {
            "present": present,
            "average": mean + scale * (total / known)[itself],
            "deviation": scale * np.sqrt(spread[itself] / np.maximum(present - 1.0, 1.0)),
        }
        if self.correlation:
            least = describe.SMALLEST_VARIANCE * ((hi - lo) / scale) * ((hi - lo) / scale)
            defined = (rows >= 2.0) & (spread / known > least[one]) & (other_spread / known > least[other])
            shared = sums["products"] - total * other_total / known
            found = shared / np.where(defined, np.sqrt(spread) * np.sqrt(other_spread), 1.0)
            arrays["correlation"] = np.where(defined, np.minimum(np.maximum(found, -1.0), 1.0), 0.0)
            arrays["pair_rows"] = np.where(defined, rows, 0.0)
        return arrays

    def _counts(self, sums: Mapping[str, Vector]) -> dict[str, state.Array]:
        """Return histograms, tables and the first brackets."""
        arrays = {"table_rows": sums["tables"]} if self.tables else {}
        if self._numbers:
            histogram = sums["histogram"].reshape(self._numbers, self.bins)
            arrays |= {"histogram": histogram, **stats_quantiles.begin(histogram, self.quantiles)}
        return arrays

    def _refined(self, value: state.State, parts: Vector) -> dict[str, state.Array]:
        """Return the brackets after another cut."""
        children = parts.reshape(self._numbers, 2 * len(self.quantiles), stats_quantiles.BRANCHES)
        rows = _rows(value.arrays["histogram"])
        return stats_quantiles.refine(_brackets(value), children, rows, self.quantiles, level=value.step - 1)

    def _is_open(self, value: state.State) -> "np.typing.NDArray[np.bool_]":
        rows = _rows(value.arrays["histogram"])
        return stats_quantiles.is_open(_brackets(value), rows, self.quantiles, value.step - 1)


def from_options(plan: schema.Schema, reader: fields.Fields) -> Stats:
    """Return the learner that a plan's options describe; any target will do, and none.

    Raises:
        errors.InputError: an option of a wrong type or out of range; a table of columns that are no categories.
    """
    default = Stats(plan)
    return Stats(
        plan,
        quantiles=_quantiles_from(reader) if reader.has("quantiles") else default.quantiles,
        bins=reader.whole_within("bins", 16, 1_024, default=default.bins),
        tables=_tables_from(plan, reader) if reader.has("tables") else _with_outcome(plan),
        correlation=reader.flag("correlation") if reader.has("correlation") else default.correlation,
    )


def _quantiles_from(reader: fields.Fields) -> tuple[float, ...]:
    """Return the wanted probabilities."""
    found = reader.items("quantiles", most=MOST_PROBABILITIES)
    wanted = tuple(each for each in found if isinstance(each, float) and OUTERMOST <= each <= 1.0 - OUTERMOST)
    if len(wanted) != len(found) or list(wanted) != sorted(set(wanted)):
        raise reader.refusal("quantiles", f"ascending numbers from {OUTERMOST} to {1.0 - OUTERMOST}", found)
    return wanted


def _tables_from(plan: schema.Schema, reader: fields.Fields) -> tuple[Pair, ...]:
    """Return the wanted pairs of categories."""
    known = {each.name for each in stats_columns.categories(plan)}
    found: list[Pair] = []
    for each in reader.items("tables", most=MOST_TABLES):
        names = [name for name in each if isinstance(name, str)] if isinstance(each, list | tuple) else []
        if len(names) != 2 or not isinstance(each, list | tuple) or len(each) != 2:
            raise reader.refusal("tables", "a list of pairs of column names", each)
        one, other = names
        if one == other or not {one, other} <= known:
            raise reader.refusal("tables", f"two different categories of {sorted(known)}", names)
        if (one, other) in found or (other, one) in found:
            raise reader.refusal("tables", "each pair once", names)
        found.append((one, other))
    return tuple(found)


def _with_outcome(plan: schema.Schema) -> tuple[Pair, ...]:
    """Return every category with the target's classes, or whether an event was seen."""
    named = stats_columns.categories(plan)
    return tuple((each.name, named[-1].name) for each in named[:-1]) if plan.outcome_levels else ()


def _ranges(plan: schema.Schema) -> tuple[Vector, Vector]:
    """Return the declared lowest and highest values, float64[numbers] each."""
    numbers = stats_columns.numbers(plan)
    return np.array([each.lo for each in numbers]), np.array([each.hi for each in numbers])


def _rows(histogram: state.Array) -> list[float]:
    """Return how many rows are in each number's histogram."""
    return [combine.fixed_sum(counts) for counts in histogram.tolist()]


def _brackets(value: state.State) -> stats_quantiles.Brackets:
    return {name: value.arrays[name] for name in stats_quantiles.NAMES}


def _filled(arrays: Mapping[str, state.Array]) -> dict[str, state.Array]:
    """Return the arrays that have values: a file of tensors holds no others."""
    return {name: array for name, array in arrays.items() if array.size}
