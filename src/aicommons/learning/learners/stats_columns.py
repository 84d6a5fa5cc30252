"""What statistics describe: a plan's numbers and categories, the target's among them, and how a table's rows hold them.

Called by ``stats`` and ``stats_tables``. A learner's table has one 0/1 column per level and the target apart; to statistics
every declared column is one column again. Sums are left out.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from aicommons.domain import schema
from aicommons.learning import records, state

Codes = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True)
class Number:
    """A column of numbers."""

    name: str
    """The plan's name for it."""
    lo: float
    """Smallest declared value."""
    hi: float
    """Largest declared value."""
    place: int | None
    """Which of a table's feature columns it is; ``None`` for the target."""


@dataclasses.dataclass(frozen=True, slots=True)
class Category:
    """A column of levels."""

    name: str
    """The plan's name for it."""
    levels: tuple[str, ...]
    """All declared levels, in order."""
    start: int | None
    """The first of its levels' feature columns; ``None`` for what is told of the target."""


def numbers(plan: schema.Schema) -> tuple[Number, ...]:
    """Return the plan's numbers in order, a numeric target (or the time until an event) last."""
    found, start = [], 0
    for feature in plan.features:
        if feature.kind is schema.Kind.NUMERIC:
            (column,) = feature.columns()
            found.append(Number(feature.name, column.lo, column.hi, start))
        start += len(feature.columns())
    if plan.target is not None and plan.target.task in schema.NUMBERS:
        column = plan.target.column()
        found.append(Number(plan.target.name, column.lo, column.hi, None))
    return tuple(found)


def categories(plan: schema.Schema) -> tuple[Category, ...]:
    """Return the plan's categories in order, the target's classes (or whether an event was seen) last."""
    found, start = [], 0
    for feature in plan.features:
        if feature.levels is not None:
            found.append(Category(feature.name, feature.levels, start))
        start += len(feature.columns())
    if plan.outcome_levels:
        found.append(Category(plan.outcomes[-1].name, plan.outcome_levels, None))
    return tuple(found)


def values(plan: schema.Schema, table: records.Table) -> npt.NDArray[np.float64]:
    """Return float64[rows, numbers] in the plan's units, NaN where a value is missing."""
    target = np.abs(table.target) if plan.task is schema.Task.SURVIVAL else table.target
    each = [target if number.place is None else table.features[:, number.place] for number in numbers(plan)]
    return np.stack(each, axis=1) if each else np.zeros((table.rows, 0))


def codes(plan: schema.Schema, category: Category, table: records.Table) -> Codes:
    """Return int64[rows]: the place of each row's level, -1 where it is missing."""
    if category.start is None:
        return records.outcome_index(plan, table.target)
    flags = table.features[:, category.start : category.start + len(category.levels)] == 1.0
    return np.where(flags.any(axis=1), flags.argmax(axis=1), -1)


def standards(plan: schema.Schema, arrays: Mapping[str, state.Array]) -> tuple[state.Array, state.Array]:
    """Return mean and scale of round 0, float64[numbers] each, in the plan's units."""
    found = [
        (arrays["target_mean"][0], arrays["target_scale"][0])
        if number.place is None
        else (arrays["mean"][number.place], arrays["scale"][number.place])
        for number in numbers(plan)
    ]
    both = np.array(found, dtype=np.float64).reshape(len(found), 2)
    return both[:, 0].copy(), both[:, 1].copy()


def level_rows(category: Category, arrays: Mapping[str, state.Array]) -> list[int]:
    """Return how many rows have each level, from round 0: a level's mean is its share of all rows."""
    if category.start is None:
        return [round(count) for count in arrays["class_rows"].tolist()]
    rows = float(arrays["rows"][0])
    shares = arrays["mean"][category.start : category.start + len(category.levels)].tolist()
    return [round(share * rows) for share in shares]
