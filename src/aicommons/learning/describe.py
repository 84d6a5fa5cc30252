"""Round 0: exact counts and moments of all sites together, from which every node standardises alike.

Each site sends how many training and held-out rows it has, its rows per class or event, a numeric target's sums and, per column,
the sums of u and u^2 with u = (x - lo) / (hi - lo) in [0, 1]. Where the plan fills gaps, each site also sends how many values
of each column are present: then mean and scale are those of a column whose gaps hold the mean of all present values. Called
by ``recipe``; leaves out the learners.

All numbers travel as fixed point with 40 fraction bits cut into four limbs of 20 bits, each an exact integer block.
So a 32-bit ring carries as much as a 64-bit one, and the moments are whole-number arithmetic until the last division
(Python's integer division is correctly rounded): no cancellation, the same bytes on every machine. Besides the sum,
the limbs tell a reader only how many carries the sites' low limbs produced together.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from aicommons.domain import errors, schema
from aicommons.learning import blocks, records, state

FRACTION_BITS = 40
"""Rounding of 2^-41 per site and sum: with 50 rows the variance of u is exact to about 1e-14."""
LIMB_BITS = 20
"""Not more, so that exact integers fit a 32-bit ring of up to 1,024 members."""
LIMBS = 4
MOST_ROWS = 2**30
"""Per site; keeps every site's sums far below the 2^40 that four limbs can carry."""
SMALLEST_VARIANCE = 2.0**-40
"""In squared range widths. A column that varies less than 1e-6 of its declared range counts as constant."""
BLOCK_NAME = "description"

Arrays = dict[str, state.Array]


@dataclasses.dataclass(frozen=True, slots=True)
class Moments:
    """Mean and scale of one column over all training rows."""

    mean: float
    """In the column's unit."""
    scale: float
    """Standard deviation (divided by all rows) in the column's unit; the range's width if the column is constant."""
    is_constant: bool
    """Whether the column hardly varies."""


def description_blocks(plan: schema.Schema) -> tuple[blocks.Block, ...]:
    """Return the blocks of round 0, which depend on the schema alone."""
    length = LIMBS * (2 + _target_words(plan) + _sums_per_column(plan) * plan.width)
    return (blocks.Block(BLOCK_NAME, length, 2.0**LIMB_BITS, blocks.Encoding.INTEGER),)


def contribution(plan: schema.Schema, train: records.Records, held_out: records.Records) -> blocks.Contribution:
    """Return one site's counts and sums; they are added up as numbers first and cut into limbs after.

    Raises:
        errors.ContributionRefused: more rows than the encoding carries.
    """
    sums, counted = records.fold_both(train, functools.partial(_sums, plan), held_out, _count)
    rows = np.concatenate([sums["rows"], counted["rows"]])
    if rows.max() > MOST_ROWS:
        raise errors.ContributionRefused(
            "the table has too many rows", which="table", expected=f"at most {MOST_ROWS}", got=int(rows.max())
        )
    values = [rows, sums["target"], sums["u"], sums["squares"]]
    if plan.missing is schema.Missing.FILL:
        values.append(sums["present"])
    return {BLOCK_NAME: split_limbs(np.concatenate(values))}


def _count(table: records.Table) -> blocks.Contribution:
    return {"rows": np.array([float(table.rows)])}


def _sums(plan: schema.Schema, table: records.Table) -> blocks.Contribution:
    """Return the sums over one batch: rows [1], target [classes or 2], u, squares and, with gaps, present [width]."""
    lo = np.array([column.lo for column in plan.columns])
    width = np.array([column.hi - column.lo for column in plan.columns])
    u = (table.features - lo) / width
    sums = {**_count(table), "target": _target_sums(plan, table)}
    if plan.missing is schema.Missing.FILL:
        is_gap = np.isnan(u)
        u[is_gap] = 0.0
        sums["present"] = table.rows - is_gap.sum(axis=0, dtype=np.float64)
    return {**sums, "u": u.sum(axis=0), "squares": (u * u).sum(axis=0)}


def combine(plan: schema.Schema, sums: Mapping[str, blocks.Vector]) -> Arrays | state.Reason:
    """Return what all nodes know after round 0, or why there can be no model.

    Arrays: ``rows`` and ``held_out_rows`` [1]; ``mean`` and ``scale`` [width] in raw units; then of the target ``class_rows``
    [classes, or rows without and with a seen event], and of a number ``target_mean`` and ``target_scale`` [1].
    """
    values = join_limbs(sums[BLOCK_NAME])
    rows, held_out_rows = (value >> FRACTION_BITS for value in values[:2])
    if rows == 0:
        return state.Reason.NO_ROWS
    split = 2 + _target_words(plan)
    target = _target_arrays(plan, rows, values[2:split])
    if target is None:
        return state.Reason.ONE_CLASS_ONLY
    totals, squares, *present = (values[at : at + plan.width] for at in range(split, len(values), plan.width))
    counts = [value >> FRACTION_BITS for value in present[0]] if present else [rows] * plan.width
    per_column = zip(plan.columns, totals, squares, counts, strict=True)
    moments = [_moments(column, rows, *sums, present=count) for column, *sums, count in per_column]
    return {
        "rows": np.array([float(rows)]),
        "held_out_rows": np.array([float(held_out_rows)]),
        "mean": np.array([each.mean for each in moments]),
        "scale": np.array([each.scale for each in moments]),
        **target,
    }


def standardise(
    arrays: Mapping[str, state.Array], features: state.Array, *, missing: schema.Missing = schema.Missing.DROP
) -> state.Array:
    """Return raw ``features`` float64[n, width] with mean 0 and scale 1 over all sites' training rows; a filled gap is 0."""
    standardised: state.Array = (features - arrays["mean"]) / arrays["scale"]
    if missing is schema.Missing.FILL:
        standardised[np.isnan(standardised)] = 0.0
    return standardised


def with_counts(
    plan: schema.Schema, contribution: blocks.Contribution, change: Callable[[str, int], int]
) -> blocks.Contribution:
    """Return one site's ``contribution`` with each count that is in it as ``change`` (of its name and rows) makes it.

    Counts are rows, held-out rows, rows per class, rows per level (its sums of u and of u^2), and present values.
    """
    values = join_limbs(contribution[BLOCK_NAME])
    for name, places in _counts(plan):
        changed = min(change(name, values[places[0]] >> FRACTION_BITS), MOST_ROWS)
        for place in places:
            values[place] = changed << FRACTION_BITS
    return {BLOCK_NAME: _limbs_of(values)}


def together(contributions: Sequence[blocks.Contribution]) -> blocks.Contribution:
    """Return what several tables of one site contribute: exact sums, cut into limbs anew.

    Raises:
        errors.ContributionRefused: more rows than the encoding carries.
    """
    tables = [join_limbs(each[BLOCK_NAME]) for each in contributions]
    values = [sum(column) for column in zip(*tables, strict=True)]
    rows = max(values[:2]) >> FRACTION_BITS
    if rows > MOST_ROWS:
        raise errors.ContributionRefused(
            "the tables have too many rows together", which="tables", expected=f"at most {MOST_ROWS}", got=rows
        )
    return {BLOCK_NAME: _limbs_of(values)}


def _limbs_of(values: Sequence[int]) -> blocks.Vector:
    """Return the limbs of fixed-point integers, as ``split_limbs`` of the numbers."""
    mask = 2**LIMB_BITS - 1
    limbs = [[(value >> LIMB_BITS * index) & mask for value in values] for index in range(LIMBS)]
    return np.array(limbs, dtype=np.float64).ravel()


def _counts(plan: schema.Schema) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name of each count and where it stands among a description's values."""
    start = 2 + _target_words(plan)
    squares, present = start + plan.width, start + 2 * plan.width
    gaps = records.may_have_gaps(plan).tolist()
    is_filled = plan.missing is schema.Missing.FILL
    # A category's columns are never NaN: where present values are counted, theirs are the rows once more.
    yield "rows", (0, *(present + index for index, may in enumerate(gaps) if is_filled and not may))
    yield "held-out rows", (1,)
    yield from ((f"class {label}", (2 + index,)) for index, label in enumerate(plan.outcome_levels))
    kinds = [feature.kind for feature in plan.features for _ in feature.columns()]
    for index, (column, kind) in enumerate(zip(plan.columns, kinds, strict=True)):
        if kind is schema.Kind.CATEGORY:
            yield column.name, (start + index, squares + index)
        elif is_filled:
            yield f"present {column.name}", (present + index,)


def split_limbs(values: blocks.Vector) -> blocks.Vector:
    """Return float64[4 n] of whole numbers below 2^20 that carry ``values`` (n numbers in [0, 2^40)) as fixed point.

    Every step is exact: scaling by powers of two, floor, and taking off the leading bits of a float64.
    """
    rest = np.rint(values * 2.0**FRACTION_BITS)
    limbs = np.empty((LIMBS, len(values)))
    for index in reversed(range(LIMBS)):
        unit = 2.0 ** (LIMB_BITS * index)
        limbs[index] = np.floor(rest / unit)
        rest = rest - limbs[index] * unit
    return limbs.ravel()


def join_limbs(limbs: blocks.Vector) -> list[int]:
    """Return the sums of all sites as exact fixed-point integers (value * 2^40) from summed limbs."""
    rows = limbs.reshape(LIMBS, -1).tolist()
    return [
        int(a) + (int(b) << LIMB_BITS) + (int(c) << 2 * LIMB_BITS) + (int(d) << 3 * LIMB_BITS)
        for a, b, c, d in zip(*rows, strict=True)
    ]


def _target_words(plan: schema.Schema) -> int:
    """Return the number of values that describe the target: rows per class or event, then two sums of a number."""
    return len(plan.outcome_levels) + 2 * (plan.task in schema.NUMBERS)


def _sums_per_column(plan: schema.Schema) -> int:
    """Return how many sums describe a column: of u, of u^2, and of present values where gaps are filled."""
    return 3 if plan.missing is schema.Missing.FILL else 2


def _target_sums(plan: schema.Schema, train: records.Table) -> blocks.Vector:
    """Return rows per class or event, then the sums of u and u^2 of a numeric target."""
    levels = len(plan.outcome_levels)
    counts = np.bincount(records.outcome_index(plan, train.target), minlength=levels)[:levels].astype(np.float64)
    if plan.target is None or plan.target.task not in schema.NUMBERS:
        return counts
    column = plan.target.column()
    told = np.abs(train.target) if plan.target.task is schema.Task.SURVIVAL else train.target
    u = (told - column.lo) / (column.hi - column.lo)
    return np.array([*counts, u.sum(), (u * u).sum()])


def _target_arrays(plan: schema.Schema, rows: int, values: list[int]) -> Arrays | None:
    """Return the target's arrays, or None if it has only one class or one value."""
    if plan.target is None:
        return {}
    levels = len(plan.outcome_levels)
    level_rows = [value >> FRACTION_BITS for value in values[:levels]]
    arrays = {"class_rows": np.array([float(count) for count in level_rows])} if levels else {}
    if plan.target.task not in schema.NUMBERS:
        return arrays if len([count for count in level_rows if count > 0]) >= 2 else None
    moments = _moments(plan.target.column(), rows, *values[levels:], present=rows)
    if not _can_learn(plan.target.task, moments, level_rows):
        return None
    return {**arrays, "target_mean": np.array([moments.mean]), "target_scale": np.array([moments.scale])}


def _can_learn(task: schema.Task, moments: Moments, level_rows: Sequence[int]) -> bool:
    """Return whether a numeric target holds something to learn: values that differ, or anything that happened."""
    if task is schema.Task.SURVIVAL:
        return level_rows[1] > 0
    return moments.mean > 0.0 if task is schema.Task.POISSON else not moments.is_constant


def _moments(column: schema.Column, rows: int, total: int, squares: int, *, present: int) -> Moments:
    """Return mean and scale from fixed-point sums of u and u^2: one rounding each, then + * and sqrt.

    The sums are over ``present`` values, and the scale is that of ``rows`` values of which all others equal the mean.
    """
    width = column.hi - column.lo
    if present == 0:
        return Moments(column.lo, width, is_constant=True)
    mean = column.lo + width * (total / (present << FRACTION_BITS))
    spread = ((present * squares) << FRACTION_BITS) - total * total
    variance = max(spread, 0) / ((present * rows) << (2 * FRACTION_BITS))
    if variance < SMALLEST_VARIANCE:
        return Moments(mean, width, is_constant=True)
    return Moments(mean, width * math.sqrt(variance), is_constant=False)
