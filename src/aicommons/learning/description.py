"""Round 0 of a protected plan: noisy counts of rows and classes; columns are standardised by their declared ranges.

What ``describe`` adds up exactly would cost privacy in as many numbers as there are columns; the middle and half the width of each
declared range cost none and are the same everywhere. Called by ``recipe``; clipping and noise are ``differential``'s.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from aicommons.domain import schema
from aicommons.learning import blocks as vectors
from aicommons.learning import differential, records, state

Contribution = vectors.Contribution
Vector = vectors.Vector
Summed = differential.Summed
DESCRIPTION = "protected_description"
"""Sites, training and held-out rows, rows per class or event, and the sum of a numeric target's places in its range."""
MOST_ROWS = 2.0**24
"""Of one site."""
CLIP = 2.0
"""One record adds at most 1 to rows, to its class, and to the sum of places: a norm of at most the root of 3."""
SMALLEST_PLACE = 2.0**-10
"""A mean nearer than that to an end of its range is taken to be there: a mean count of 0 has no logarithm."""


def blocks(plan: schema.Schema) -> tuple[vectors.Block, ...]:
    """Return the block of round 0."""
    length = 3 + len(plan.outcome_levels) + (plan.task in schema.NUMBERS)
    return (vectors.Block(DESCRIPTION, length, MOST_ROWS, vectors.Encoding.BOUNDED),)


def parts(plan: schema.Schema, train: records.Records, held_out: records.Records) -> tuple[Summed, Summed]:
    """Return what is summed in round 0."""

    def of_training(table: records.Table) -> Contribution:
        rows = float(table.rows)
        levels = len(plan.outcome_levels)
        counts = np.bincount(records.outcome_index(plan, table.target), minlength=levels)[:levels]
        places = [_places(plan.target, table.target).sum()] if plan.target and plan.task in schema.NUMBERS else []
        return {DESCRIPTION: np.array([0.0, rows, 0.0, *counts.astype(np.float64), *places])}

    def of_others(table: records.Table) -> Contribution:
        vector = np.zeros(blocks(plan)[0].length)
        vector[2] = float(table.rows)
        return {DESCRIPTION: vector}

    return Summed(train, of_training), Summed(held_out, of_others)


def _places(target: schema.Target, values: Vector) -> Vector:
    """Return where each value lies in its declared range, 0 to 1; a time is negative where no event was seen."""
    column = target.column()
    told = np.abs(values) if target.task is schema.Task.SURVIVAL else values
    return (told - column.lo) / (column.hi - column.lo)


def counted(given: differential.Released) -> differential.Released:
    """Return round 0's contribution with this dataset counted: how many take part is public."""
    vector = given.numbers[DESCRIPTION].copy()
    vector[0] = 1.0
    return dataclasses.replace(given, numbers={DESCRIPTION: vector})


def combine(plan: schema.Schema, sums: Mapping[str, Vector]) -> dict[str, state.Array] | state.Reason:
    """Return what all nodes know after a protected round 0, or why there can be no model.

    Arrays as ``describe.combine`` gives them; ``mean`` and ``scale`` are the middle and half the width of each column's
    declared range, which cost no privacy; beside them ``sites`` [1].
    """
    values = sums[DESCRIPTION].tolist()
    sites, rows, held_out = max(values[0], 1.0), max(values[1], 1.0), max(values[2], 1.0)
    lo, hi = (np.array([getattr(column, end) for column in plan.columns]) for end in ("lo", "hi"))
    arrays = {
        "rows": np.array([rows]),
        "held_out_rows": np.array([held_out]),
        "mean": (lo + hi) / 2.0,
        "scale": (hi - lo) / 2.0,
        differential.SITES: np.array([sites]),
    }
    levels = [min(max(count, 0.0), rows) for count in values[3 : 3 + len(plan.outcome_levels)]]
    if levels:
        if len([count for count in levels if count > 0.0]) < 2:
            return state.Reason.ONE_CLASS_ONLY
        arrays["class_rows"] = np.array(levels)
    if plan.target is not None and plan.task in schema.NUMBERS:
        column = plan.target.column()
        width = column.hi - column.lo
        place = min(max(values[-1] / rows, SMALLEST_PLACE), 1.0 - SMALLEST_PLACE)
        arrays["target_mean"] = np.array([column.lo + width * place])
        arrays["target_scale"] = np.array([width / 2.0])
    return arrays
