"""One site's records as numbers, in the order of a plan's schema; they never leave the site.

``data/`` reads the owner's files, ``node/tables`` splits them, and the recipe checks every table against its schema here
before anything is computed from it. Whatever adds over records goes through ``Records.fold``, so that a table in memory, one
mapped from a disk and one in a Spark cluster (``node/spark_tables``) give the same sums. Reading files and splitting rows are
left out.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors, schema
from aicommons.learning import blocks, pages

Mask = npt.NDArray[np.bool_]
BATCH_VALUES = 2**20
"""Numbers per batch, 8 MB: a few copies of it are all that a sum needs beside the rows themselves."""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """One site's rows as numbers; the columns are the schema's, in its order. Never leaves the site."""

    features: npt.NDArray[np.float64]
    """float64[rows, width], raw units; categories as 0/1 columns."""
    target: blocks.Vector
    """float64[rows]: class index, or the raw value; a time until an event that was not seen is negative
    (-0.0 too); 0 where nothing is predicted."""
    units: npt.NDArray[np.uint64] | None = None
    """uint64[rows]: rows with the same number are of one person; ``None`` where nobody asked."""

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            errors.InputError: not a matrix and a vector of float64 with equally many rows, or other units than rows.
        """
        is_float = self.features.dtype == np.float64 and self.target.dtype == np.float64
        has_shape = (self.features.ndim, self.target.ndim) == (2, 1) and len(self.features) == len(self.target)
        has_shape &= self.units is None or self.units.shape == self.target.shape
        if not is_float or not has_shape:
            raise errors.InputError(
                "a table has a wrong shape",
                which="table",
                expected="float64[rows, width] and float64[rows]",
                got=f"{list(self.features.shape)} and {list(self.target.shape)}",
            )

    @property
    def rows(self) -> int:
        """Number of records."""
        return len(self.target)

    def fold(self, partial: "Partial") -> blocks.Contribution:
        """Return ``partial`` of all rows: a table is one batch."""
        return partial(self)

    def select(self, keep: "Keep") -> "Table":
        """Return the rows for which ``keep`` is True."""
        mask = keep(self)
        return self if mask.all() else self._at(mask)

    def changed(self, change: "Change") -> "Table":
        """Return the rows as ``change`` makes them; they are still of the same persons."""
        made = change(self)
        return made if self.units is None else dataclasses.replace(made, units=self.units)

    def take(self, places: npt.NDArray[np.intp]) -> "Table":
        """Return the rows at ``places``, in that order."""
        return self._at(places)

    def _at(self, places: npt.NDArray[np.intp] | Mask) -> "Table":
        units = None if self.units is None else self.units[places]
        return Table(self.features[places], self.target[places], units)


Partial = Callable[[Table], blocks.Contribution]
"""Sums over one batch; the sums of two batches add up to those of both together."""
Keep = Callable[[Table], Mask]
"""bool[rows] of a batch: which of its rows stay."""
Change = Callable[[Table], Table]
"""A batch with other numbers in as many rows."""


class Records(Protocol):
    """Rows that can be added over, wherever they are."""

    @property
    def rows(self) -> int:
        """Number of records; may need a pass over them."""

    def fold(self, partial: Partial) -> blocks.Contribution:
        """Return the sum of ``partial`` over batches, added in a fixed order; of one empty batch where there is no row."""

    def select(self, keep: Keep) -> "Records":
        """Return the rows for which ``keep`` is True."""

    def changed(self, change: Change) -> "Records":
        """Return the same rows with the numbers that ``change`` gives them, batch by batch when they are needed."""


class Sampled(Records, Protocol):
    """Rows of which any few can be had: what a learner that trains at the site needs."""

    def select(self, keep: Keep) -> "Sampled":
        """Return the rows for which ``keep`` is True."""

    def changed(self, change: Change) -> "Sampled":
        """Return the same rows with the numbers that ``change`` gives them."""

    def take(self, places: npt.NDArray[np.intp]) -> Table:
        """Return the rows at ``places`` (0 to rows - 1), in that order."""


class Joined(Records, Protocol):
    """Rows that may be added over together with others, in one pass where both are of one table."""

    def fold_with(
        self, partial: Partial, other: Records, other_partial: Partial
    ) -> tuple[blocks.Contribution, blocks.Contribution] | None:
        """Return both sums, or ``None`` where there is no one pass over both."""


# Not runtime_checkable protocols: Python 3.11 asks them for ``rows``, which may be a pass over a cluster's table.
def is_sampled(found: Records) -> TypeGuard[Sampled]:
    """Return whether single rows can be had."""
    return hasattr(found, "take")


def is_joined(found: Records) -> TypeGuard[Joined]:
    """Return whether they may be added over together with others."""
    return hasattr(found, "fold_with")


def fold_both(
    one: Records, partial: Partial, other: Records, other_partial: Partial
) -> tuple[blocks.Contribution, blocks.Contribution]:
    """Return the sums of ``partial`` over ``one`` and of ``other_partial`` over ``other``."""
    together = one.fold_with(partial, other, other_partial) if is_joined(one) else None
    return (one.fold(partial), other.fold(other_partial)) if together is None else together


class Chunked:
    """Rows of arrays too long to be copied, usually mapped from a disk; made by ``chunked``."""

    def __init__(self, arrays: Table, kept: Mask, changes: tuple[Change, ...] = ()) -> None:
        """Keep the arrays where they are.

        Args:
            arrays: all rows; nothing of them is copied.
            kept: bool[all rows]: which of them these records are.
            changes: applied to each batch, first to last.
        """
        self._arrays = arrays
        self._kept = kept
        self._changes = changes
        self._length = batch_rows(arrays.features.shape[1])

    @property
    def rows(self) -> int:
        """Number of kept rows."""
        return int(np.count_nonzero(self._kept))

    def fold(self, partial: Partial) -> blocks.Contribution:
        """Return the sum of ``partial`` over batches that depend on the arrays' shape alone, first to last."""
        return add(partial(table) for _, table in self._batches())

    def select(self, keep: Keep) -> "Chunked":
        """Return the rows for which ``keep`` is True; reads all of them once."""
        kept = self._kept.copy()
        for start, table in self._batches():
            inside = np.flatnonzero(self._kept[start : start + self._length])
            kept[start + inside[~keep(table)]] = False
        return Chunked(self._arrays, kept, self._changes)

    def changed(self, change: Change) -> "Chunked":
        """Return the same rows, changed whenever some of them are read."""
        return Chunked(self._arrays, self._kept, (*self._changes, change))

    def take(self, places: npt.NDArray[np.intp]) -> Table:
        """Return the rows at ``places``, in that order."""
        rows = self._places[places]
        return self._made(self._copied(rows))

    @functools.cached_property
    def _places(self) -> npt.NDArray[np.intp]:
        """Place of each kept row in the arrays: 8 bytes a row, only where single rows are asked for."""
        return np.flatnonzero(self._kept)

    def _batches(self) -> Iterator[tuple[int, Table]]:
        for start in range(0, max(len(self._kept), 1), self._length):
            yield start, self._made(self._copied(start + np.flatnonzero(self._kept[start : start + self._length])))

    def _copied(self, rows: npt.NDArray[np.intp]) -> Table:
        found = self._arrays.take(rows)
        for array in (self._arrays.features, self._arrays.target):
            pages.release(array)
        return found

    def _made(self, table: Table) -> Table:
        for change in self._changes:
            table = table.changed(change)
        return table


def chunked(arrays: Table, kept: Mask | None = None) -> Table | Chunked:
    """Return the ``kept`` rows (all by default) of ``arrays``: as a table where they are one batch, else where they are."""
    if arrays.rows <= batch_rows(arrays.features.shape[1]):
        return arrays if kept is None else arrays.take(np.flatnonzero(kept))
    return Chunked(arrays, np.broadcast_to(np.True_, arrays.target.shape) if kept is None else kept)


def batch_rows(width: int) -> int:
    """Return how many rows of ``width`` numbers one batch has."""
    return max(1, BATCH_VALUES // max(width, 1))


def add(parts: Iterator[blocks.Contribution]) -> blocks.Contribution:
    """Return the sum of contributions with the same names, added first to last; there is at least one."""
    total = {name: np.array(vector) for name, vector in next(parts).items()}
    for part in parts:
        for name, vector in part.items():
            total[name] += vector
    return total


def gather(found: Records) -> Table:
    """Return all rows as one table in memory: for comparisons and pages of a person's own table, not for training.

    Raises:
        errors.InputError: rows that can only be added over (a Spark table).
    """
    if not is_sampled(found):
        raise errors.InputError(
            "these rows can only be added over", which="table", expected="a table on this machine", got="a Spark table"
        )
    return found.take(np.arange(found.rows))


def check_table(plan: schema.Schema, table: Table) -> None:
    """Check a site's table against a plan's schema before anything is computed from it.

    Raises:
        errors.ContributionRefused: a wrong width, a number that is not finite or not within its declared range, a
            category column that is not 0 or 1, or a class index that does not exist. Never shows a value. NaN is a gap:
            refused, unless the plan fills the gaps of its numeric columns.
    """
    if table.features.shape[1] != plan.width:
        raise errors.ContributionRefused(
            "the table has other columns than the plan",
            which="table",
            expected=f"{plan.width} columns",
            got=f"{table.features.shape[1]} columns",
        )
    _check_within(table.features, plan.columns, gaps=may_have_gaps(plan))
    if plan.target is None:
        return
    told = np.abs(table.target) if plan.target.task is schema.Task.SURVIVAL else table.target
    _check_within(told[:, None], (plan.target.column(),), gaps=np.zeros(1, dtype=np.bool_))
    if plan.target.task not in CONTINUOUS and not np.array_equal(table.target, np.rint(table.target)):
        raise errors.ContributionRefused(
            "a class index or count is not whole", which=f"column {plan.target.name}", expected="whole numbers"
        )


CONTINUOUS = frozenset({schema.Task.GAUSSIAN, schema.Task.SURVIVAL})
"""Tasks whose target need not be a whole number."""


def outcome_index(plan: schema.Schema, target: blocks.Vector) -> npt.NDArray[np.int64]:
    """Return int64[n]: the place of each row's outcome in ``plan.outcome_levels``; all 0 where there are none."""
    if plan.task is schema.Task.SURVIVAL:
        return np.asarray(~np.signbit(target), dtype=np.int64)
    return target.astype(np.int64) if plan.classes else np.zeros(len(target), dtype=np.int64)


def may_have_gaps(plan: schema.Schema) -> Mask:
    """Return bool[width]: the columns in which NaN stands for a value that is missing; a category's gap is no level at all."""
    is_filled = plan.missing is schema.Missing.FILL
    return np.array(
        [is_filled and each.kind is schema.Kind.NUMERIC for each in plan.features for _ in each.columns()],
        dtype=np.bool_,
    )


def _check_within(values: npt.NDArray[np.float64], columns: Sequence[schema.Column], *, gaps: Mask) -> None:
    lo, hi = np.array([[column.lo, column.hi] for column in columns]).T
    # Smallest and largest values: a NaN becomes either and compares false, so it is refused where there may be no gap.
    low, high = np.minimum.reduce(values, axis=0, initial=np.inf), np.maximum.reduce(values, axis=0, initial=-np.inf)
    if gaps.any():
        low = np.where(gaps, np.fmin.reduce(values, axis=0, initial=np.inf), low)
        high = np.where(gaps, np.fmax.reduce(values, axis=0, initial=-np.inf), high)
    is_good = (low >= lo) & (high <= hi)
    if not is_good.all():
        raise _out_of_range(columns[int(is_good.argmin())])


def _out_of_range(column: schema.Column) -> errors.ContributionRefused:
    """Return the error for a column that holds a value outside its range; the value is not shown."""
    return errors.ContributionRefused(
        "a value is not within the declared range",
        which=f"column {column.name}",
        expected=f"{column.lo:g} to {column.hi:g}",
        got="a value outside",
        next_step="Correct the record or ask the plan's author for a wider range.",
    )
