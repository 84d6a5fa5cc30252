"""Mock rows: what a table of this card could look like, made from its declarations alone.

Called by ``commons dataset mock`` and by the export of cards. Solvers try their plans on them. Every value is drawn evenly
from what is declared, each column for itself: no table is opened, so nothing about real records can be in them, and no
figure learned from them means anything.
"""

import csv
import io
import random
from collections.abc import Iterator, Sequence

from aicommons.domain import cards

DECIMALS = 4
"""Significant digits of a drawn number."""
UNDECLARED = (0.0, 100.0)
"""Range of a number for which none is declared."""
UNDECLARED_YEARS = (2000.0, 2020.0)
MOST_DAYS = 28
"""Days that every month has."""


def rows(declared: Sequence[cards.Field], count: int, *, seed: int) -> Iterator[list[str]]:
    """Yield ``count`` rows of text cells, the same for the same declarations and seed on every machine.

    Cells are empty as often as the card says that values are missing.
    """
    draw = random.Random(seed)  # noqa: S311  reproducible, and nothing secret is in it
    for number in range(1, count + 1):
        yield [_cell(field, number, draw) for field in declared]


def table(declared: Sequence[cards.Field], count: int, *, seed: int) -> str:
    """Return ``rows`` as CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in declared])
    writer.writerows(rows(declared, count, seed=seed))
    return text.getvalue()


def _cell(field: cards.Field, number: int, draw: random.Random) -> str:
    is_missing = draw.random() * 100 < (field.missing_percent or 0)
    drawn = _value(field, number, draw)
    return "" if is_missing else drawn


def _value(field: cards.Field, number: int, draw: random.Random) -> str:
    if field.levels is not None:
        return draw.choice(field.levels)
    default = UNDECLARED_YEARS if field.type is cards.FieldType.DATE else UNDECLARED
    lo, hi = (field.lo, field.hi) if field.lo is not None and field.hi is not None else default
    match field.type:
        case cards.FieldType.INTEGER:
            return str(draw.randint(-int(-lo // 1), int(hi // 1)))
        case cards.FieldType.NUMBER:
            return _number(draw.uniform(lo, hi), lo, hi)
        case cards.FieldType.DATE:
            return f"{draw.randint(int(lo), int(hi)):04}-{draw.randint(1, 12):02}-{draw.randint(1, MOST_DAYS):02}"
        case _:
            return f"mock {number}"


def _number(value: float, lo: float, hi: float) -> str:
    """Return a number with few digits that is still within its range."""
    short = float(f"{value:.{DECIMALS}g}")
    return repr(short if lo <= short <= hi else value)


def record(declared: Sequence[cards.Field], *, seed: int) -> dict[str, int | float | str]:
    """Return one complete mock row by column name, numbers as numbers."""
    draw = random.Random(seed)  # noqa: S311  as above
    return {field.name: _typed(field, _value(field, 1, draw)) for field in declared}


def _typed(field: cards.Field, text: str) -> int | float | str:
    if field.type is cards.FieldType.INTEGER:
        return int(text)
    return float(text) if field.type is cards.FieldType.NUMBER else text
