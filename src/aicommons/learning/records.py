"""One site's records as numbers, in the order of a plan's schema; they never leave the site.

``data/`` reads the owner's files, ``node/tables`` splits them, and the recipe checks every table against its schema here
before anything is computed from it. Reading files and splitting rows are left out.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors, schema
from aicommons.learning import blocks


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """One site's rows as numbers; the columns are the schema's, in its order. Never leaves the site."""

    features: npt.NDArray[np.float64]
    """float64[rows, width], raw units; categories as 0/1 columns."""
    target: blocks.Vector
    """float64[rows]: class index, or the raw value."""

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            errors.InputError: not a matrix and a vector of float64 with equally many rows.
        """
        is_float = self.features.dtype == np.float64 and self.target.dtype == np.float64
        has_shape = (self.features.ndim, self.target.ndim) == (2, 1) and len(self.features) == len(self.target)
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


def check_table(plan: schema.Schema, table: Table) -> None:
    """Check a site's table against a plan's schema before anything is computed from it.

    Raises:
        errors.ContributionRefused: a wrong width, a number that is not finite or not within its declared range, a
            category column that is not 0 or 1, or a class index that does not exist. Never shows a value.
    """
    if table.features.shape[1] != plan.width:
        raise errors.ContributionRefused(
            "the table has other columns than the plan",
            which="table",
            expected=f"{plan.width} columns",
            got=f"{table.features.shape[1]} columns",
        )
    columns = (*plan.columns, plan.target.column())
    for values, bounds in ((table.features, columns[:-1]), (table.target[:, None], columns[-1:])):
        lo, hi = np.array([[column.lo, column.hi] for column in bounds]).T
        # Comparisons are false for NaN, so that NaN is refused too.
        is_within = ((values >= lo) & (values <= hi)).all(axis=0)
        if not is_within.all():
            raise _out_of_range(bounds[int(is_within.argmin())])
    if plan.target.task is not schema.Task.GAUSSIAN and not np.array_equal(table.target, np.rint(table.target)):
        raise errors.ContributionRefused(
            "a class index is not whole", which=f"column {plan.target.name}", expected="whole numbers"
        )


def _out_of_range(column: schema.Column) -> errors.ContributionRefused:
    """Return the error for a column that holds a value outside its range; the value is not shown."""
    return errors.ContributionRefused(
        "a value is not within the declared range",
        which=f"column {column.name}",
        expected=f"{column.lo:g} to {column.hi:g}",
        got="a value outside",
        next_step="Correct the record or ask the plan's author for a wider range.",
    )
