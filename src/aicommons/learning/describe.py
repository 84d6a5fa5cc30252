"""Round 0: exact counts and moments of all sites together, from which every node standardises alike.

Each site sends how many training and held-out rows it has, its rows per class (or its target's sums) and, per column,
the sums of u and u^2 with u = (x - lo) / (hi - lo) in [0, 1]. Called by ``recipe``; leaves out the learners.

All numbers travel as fixed point with 40 fraction bits cut into four limbs of 20 bits, each an exact integer block.
So a 32-bit ring carries as much as a 64-bit one, and the moments are whole-number arithmetic until the last division
(Python's integer division is correctly rounded): no cancellation, the same bytes on every machine. Besides the sum,
the limbs tell a reader only how many carries the sites' low limbs produced together.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from aicommons.domain import errors, schema
from aicommons.learning import blocks, records, state

FRACTION_BITS = 40
"""Rounding of 2^-41 per site and sum: with 50 rows the variance of u is exact to about 1e-14."""
LIMB_BITS = 20
"""Not more, so that exact integers fit a 32-bit ring of up to 1,024 members."""
LIMBS = 4
MOST_ROWS = 2**24
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
    """Standard deviation (divided by n) in the column's unit; the range's width if the column is constant."""
    is_constant: bool
    """Whether the column hardly varies."""


def description_blocks(plan: schema.Schema) -> tuple[blocks.Block, ...]:
    """Return the blocks of round 0, which depend on the schema alone."""
    length = LIMBS * (2 + _target_words(plan) + 2 * plan.width)
    return (blocks.Block(BLOCK_NAME, length, 2.0**LIMB_BITS, blocks.Encoding.INTEGER),)


def contribution(plan: schema.Schema, train: records.Table, held_out: records.Table) -> blocks.Contribution:
    """Return one site's counts and sums.

    Raises:
        errors.ContributionRefused: more rows than the encoding carries.
    """
    if max(train.rows, held_out.rows) > MOST_ROWS:
        raise errors.ContributionRefused(
            "the table has too many rows",
            which="table",
            expected=f"at most {MOST_ROWS}",
            got=max(train.rows, held_out.rows),
        )
    lo = np.array([column.lo for column in plan.columns])
    width = np.array([column.hi - column.lo for column in plan.columns])
    u = (train.features - lo) / width
    values = [[float(train.rows), float(held_out.rows)], _target_sums(plan, train), u.sum(axis=0), (u * u).sum(axis=0)]
    return {BLOCK_NAME: split_limbs(np.concatenate([np.asarray(part, dtype=np.float64) for part in values]))}


def combine(plan: schema.Schema, sums: Mapping[str, blocks.Vector]) -> Arrays | state.Reason:
    """Return what all nodes know after round 0, or why there can be no model.

    Arrays: ``rows`` and ``held_out_rows`` [1]; ``mean`` and ``scale`` [width] in raw units; then either ``class_rows``
    [classes] or ``target_mean`` and ``target_scale`` [1].
    """
    values = join_limbs(sums[BLOCK_NAME])
    rows, held_out_rows = (value >> FRACTION_BITS for value in values[:2])
    if rows == 0:
        return state.Reason.NO_ROWS
    split = 2 + _target_words(plan)
    target = _target_arrays(plan, rows, values[2:split])
    if target is None:
        return state.Reason.ONE_CLASS_ONLY
    per_column = zip(plan.columns, values[split : split + plan.width], values[split + plan.width :], strict=True)
    moments = [_moments(column, rows, total, squares) for column, total, squares in per_column]
    return {
        "rows": np.array([float(rows)]),
        "held_out_rows": np.array([float(held_out_rows)]),
        "mean": np.array([each.mean for each in moments]),
        "scale": np.array([each.scale for each in moments]),
        **target,
    }


def standardise(arrays: Mapping[str, state.Array], features: state.Array) -> state.Array:
    """Return raw ``features`` float64[n, width] with mean 0 and scale 1 over all sites' training rows."""
    return (features - arrays["mean"]) / arrays["scale"]


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
    """Return the number of values that describe the target: rows per class, or two sums."""
    return len(plan.target.classes) if plan.target.classes is not None else 2


def _target_sums(plan: schema.Schema, train: records.Table) -> list[float]:
    """Return rows per class, or the sums of u and u^2 of a numeric target."""
    if plan.target.classes is not None:
        counts = np.bincount(train.target.astype(np.int64), minlength=len(plan.target.classes))
        return [float(count) for count in counts]
    column = plan.target.column()
    u = (train.target - column.lo) / (column.hi - column.lo)
    return [float(u.sum()), float((u * u).sum())]


def _target_arrays(plan: schema.Schema, rows: int, values: list[int]) -> Arrays | None:
    """Return the target's arrays, or None if it has only one class or one value."""
    if plan.target.classes is not None:
        class_rows = [value >> FRACTION_BITS for value in values]
        if len([count for count in class_rows if count > 0]) < 2:
            return None
        return {"class_rows": np.array([float(count) for count in class_rows])}
    moments = _moments(plan.target.column(), rows, *values)
    if moments.is_constant:
        return None
    return {"target_mean": np.array([moments.mean]), "target_scale": np.array([moments.scale])}


def _moments(column: schema.Column, rows: int, total: int, squares: int) -> Moments:
    """Return mean and scale from fixed-point sums of u and u^2: one rounding each, then + * and sqrt."""
    width = column.hi - column.lo
    mean = column.lo + width * (total / (rows << FRACTION_BITS))
    spread = ((rows * squares) << FRACTION_BITS) - total * total
    variance = max(spread, 0) / ((rows * rows) << (2 * FRACTION_BITS))
    if variance < SMALLEST_VARIANCE:
        return Moments(mean, width, is_constant=True)
    return Moments(mean, width * math.sqrt(variance), is_constant=False)
