"""Tables that a person opens in a spreadsheet: no cell of them is a formula there.

Called for predictions and for generalised tables, whose labels may be a stranger's words: a class called ``=HYPERLINK(...)`` would be
carried out by whoever opens the file. Such text gets an apostrophe before it (OWASP, "CSV injection"). Tables that only programs
read (mock rows, which must have exactly a card's levels) are written elsewhere, as they are.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How text begins that spreadsheets take for a formula."""
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
"""What begins so and is none."""


def to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return CSV with a header; text that would be a formula has an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([plain(each) for each in header])
    writer.writerows([plain(each) for each in row] for row in rows)
    return text.getvalue()


def plain(cell: object) -> object:
    """Return a cell as a spreadsheet shows it."""
    is_formula = isinstance(cell, str) and cell.startswith(FORMULAS) and NUMBER.fullmatch(cell) is None
    return f"'{cell}" if is_formula else cell
