"""Statistics as tables that people read, in the plan's names and units. Called by ``stats``; rounding is left to who shows them."""

from collections.abc import Iterator

from aicommons.domain import schema
from aicommons.learning import combine, exhibits, state
from aicommons.learning.learners import stats_columns, stats_quantiles

Cell = str | int | float | None


def exhibits_of(
    plan: schema.Schema, value: state.State, quantiles: tuple[float, ...], tables: tuple[tuple[str, str], ...]
) -> tuple[exhibits.Exhibit, ...]:
    """Return every table that ``value`` has numbers for."""
    made = [_columns(plan, value)]
    if stats_columns.categories(plan):
        made.append(_levels(plan, value))
    if stats_columns.numbers(plan):
        if quantiles:
            made.append(_quantiles(plan, value, quantiles))
        if "correlation" in value.arrays:
            made.append(_correlation(plan, value))
        made.append(_histogram(plan, value))
    return (*made, *_tables(plan, value, tables))


def _columns(plan: schema.Schema, value: state.State) -> exhibits.Exhibit:
    rows = round(float(value.arrays["rows"][0]))
    found: list[list[Cell]] = []
    for place, number in enumerate(stats_columns.numbers(plan)):
        present = round(float(value.arrays["present"][place]))
        mean, deviation = (float(value.arrays[name][place]) for name in ("average", "deviation"))
        told: list[Cell] = [mean if present else None, deviation if present > 1 else None, number.lo, number.hi]
        found.append([number.name, present, rows - present, *told])
    for category in stats_columns.categories(plan):
        present = sum(stats_columns.level_rows(category, value.arrays))
        found.append([category.name, present, rows - present, None, None, None, None])
    heads = (
        "column",
        "rows present",
        "rows missing",
        "mean",
        "standard deviation",
        "declared lowest",
        "declared highest",
    )
    return exhibits.Exhibit("columns", "Every column, in its own unit; lowest and highest are the plan's", heads, found)


def _levels(plan: schema.Schema, value: state.State) -> exhibits.Exhibit:
    rows = round(float(value.arrays["rows"][0]))
    found: list[list[Cell]] = []
    for category in stats_columns.categories(plan):
        counts = stats_columns.level_rows(category, value.arrays)
        found += [
            [category.name, level, count, count / rows] for level, count in zip(category.levels, counts, strict=True)
        ]
        if rows > sum(counts):
            found.append([category.name, None, rows - sum(counts), (rows - sum(counts)) / rows])
    title = "Rows of every level; without a level where the value is missing"
    return exhibits.Exhibit("levels", title, ("column", "level", "rows", "share"), found)


def _quantiles(plan: schema.Schema, value: state.State, quantiles: tuple[float, ...]) -> exhibits.Exhibit:
    found: list[list[Cell]] = []
    bins = value.arrays["histogram"].shape[1]
    for place, number in enumerate(stats_columns.numbers(plan)):
        rows = combine.fixed_sum(value.arrays["histogram"][place].tolist())
        weights = stats_quantiles.ranks(rows, quantiles) if rows > 0.0 else []
        for index, probability in enumerate(quantiles):
            if not weights:
                found.append([number.name, probability, None, None])
                continue
            upper = weights[index][1]
            middle = half = 0.0
            for at, weight in ((2 * index, 1.0 - upper), (2 * index + 1, upper)):
                cells = bins * stats_quantiles.BRANCHES ** float(value.arrays["bracket_level"][place, at])
                width = (number.hi - number.lo) / cells
                middle += weight * (number.lo + width * (float(value.arrays["bracket_index"][place, at]) + 0.5))
                half += weight * width / 2.0
            found.append([number.name, probability, middle, half])
    title = "Quantiles in the column's unit; the quantile of all rows is at most 'within' away"
    return exhibits.Exhibit("quantiles", title, ("column", "probability", "quantile", "within"), found)


def _correlation(plan: schema.Schema, value: state.State) -> exhibits.Exhibit:
    names = [number.name for number in stats_columns.numbers(plan)]
    found: list[list[Cell]] = [[name, *([None] * len(names))] for name in names]
    pairs = iter(zip(value.arrays["correlation"].tolist(), value.arrays["pair_rows"].tolist(), strict=True))
    for one in range(len(names)):
        for other in range(one, len(names)):
            correlation, rows = next(pairs)
            if rows > 0.0:
                found[one][other + 1] = found[other][one + 1] = correlation
    title = "Pearson correlation of every pair of numbers, over the rows that have both"
    return exhibits.Exhibit("correlation", title, ("column", *names), found)


def _histogram(plan: schema.Schema, value: state.State) -> exhibits.Exhibit:
    found: list[list[Cell]] = []
    for number, counts in zip(stats_columns.numbers(plan), value.arrays["histogram"].tolist(), strict=True):
        width = (number.hi - number.lo) / len(counts)
        for place, count in enumerate(counts):
            start = number.lo + width * place
            end = number.hi if place + 1 == len(counts) else number.lo + width * (place + 1)
            found.append([number.name, start, end, round(count)])
    title = "Rows from (included) to (not included, but in the last bin of a column), in the column's unit"
    return exhibits.Exhibit("histogram", title, ("column", "from", "to", "rows"), found)


def _tables(plan: schema.Schema, value: state.State, tables: tuple[tuple[str, str], ...]) -> Iterator[exhibits.Exhibit]:
    known = {each.name: each for each in stats_columns.categories(plan)}
    start = 0
    for one, other in tables:
        rows, columns = known[one].levels, known[other].levels
        found: list[list[Cell]] = []
        for level in rows:
            counts = value.arrays["table_rows"][start : start + len(columns)].tolist()
            found.append([level, *(round(count) for count in counts)])
            start += len(columns)
        title = f"Rows by {one} (down) and {other} (across)"
        yield exhibits.Exhibit(f"table {one} x {other}", title, (one, *columns), found)
