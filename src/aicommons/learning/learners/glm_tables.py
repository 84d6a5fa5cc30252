"""The coefficients of a generalised linear model as a table, standardised and in the units of the plan's columns.

Called by ``glm``; odds and rate ratios are left to whoever shows the table.
"""

from aicommons.domain import schema
from aicommons.learning import combine, exhibits, state
from aicommons.learning.learners import glm_families

ERRORS = "standard_errors"
"""Array [outputs, 1 + width] of a final state, of standardised columns and a standardised target."""


def coefficients(plan: schema.Schema, value: state.State) -> exhibits.Exhibit:
    """Return one row for each term and, of several classes, each class."""
    outputs = len(value.arrays["intercept"])
    names = plan.classes if outputs > 1 else ("",)
    heads = ("term", "standardised", "in units", "standard error (standardised)", "standard error (in units)")
    rows = [row for index, name in enumerate(names) for row in _rows(plan, value, index, name)]
    return exhibits.Exhibit("coefficients", _title(plan), heads, rows)


def _rows(plan: schema.Schema, value: state.State, index: int, name: str) -> list[list[str | float | None]]:
    arrays = value.arrays
    is_number = plan.task is schema.Task.GAUSSIAN
    unit = float(arrays["target_scale"][0]) if is_number else 1.0
    middle = float(arrays["target_mean"][0]) if is_number else 0.0
    if plan.task is schema.Task.POISSON:
        middle = glm_families.log_mean(arrays)
    slopes, scales = arrays["coefficients"][index].tolist(), arrays["scale"].tolist()
    of_units = [unit * slope / scale for slope, scale in zip(slopes, scales, strict=True)]
    shift = combine.fixed_sum([each * mean for each, mean in zip(of_units, arrays["mean"].tolist(), strict=True)])
    own = float(arrays["intercept"][index])
    found = arrays.get(ERRORS)
    has_errors = found is not None and found.shape == (len(arrays["intercept"]), 1 + len(slopes))
    spreads = found[index].tolist() if found is not None and has_errors else [None] * (1 + len(slopes))
    prefix = f"{name}: " if name else ""
    rows: list[list[str | float | None]] = [[f"{prefix}intercept", own, middle + unit * own - shift, spreads[0], None]]
    for column, slope, of_unit, scale, spread in zip(plan.columns, slopes, of_units, scales, spreads[1:], strict=True):
        rows.append([prefix + column.name, slope, of_unit, spread, None if spread is None else unit * spread / scale])
    return rows


def _title(plan: schema.Schema) -> str:
    what = {
        schema.Task.GAUSSIAN: "the target, in its unit",
        schema.Task.POISSON: "the logarithm of the expected count",
    }.get(plan.task or schema.Task.BINOMIAL, "the log-odds")
    return f"How much one standard deviation, and one unit, of each column adds to {what}"
