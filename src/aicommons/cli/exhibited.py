"""The tables that a model is read as, for terminals and for machines: shown by ``model tables`` and by the demo.

Which tables there are is the learner's part. Names in them are a stranger's, so they are made plain first. Plots are left out.
"""

from collections.abc import Iterable, Iterator

from aicommons.cli import naming, output
from aicommons.learning import exhibits

MOST_ROWS = 40
"""Of one table on a terminal, unless asked for more."""
MOST_COLUMNS = 8
"""Of one table on a terminal: what is wider is not read there."""

LONGEST_TITLE = 300

Cell = str | int | float | None


def to_json(found: Iterable[exhibits.Exhibit]) -> list[dict[str, object]]:
    """Return the tables whole."""
    return [
        {"name": each.name, "title": each.title, "heads": list(each.heads), "rows": [list(row) for row in each.rows]}
        for each in found
    ]


def lines(found: Iterable[exhibits.Exhibit], *, most_rows: int = MOST_ROWS) -> Iterator[str]:
    """Yield the tables as lines; what is left out of a long or wide one is counted in words."""
    for each in found:
        yield ""
        yield naming.plain(each.title, LONGEST_TITLE)
        rows = [[_shown(cell) for cell in row[:MOST_COLUMNS]] for row in each.rows[:most_rows]]
        yield from (
            f"  {line}" for line in output.aligned([naming.plain(head) for head in each.heads[:MOST_COLUMNS]], rows)
        )
        left = len(each.rows) - most_rows, len(each.heads) - MOST_COLUMNS
        counted = [f"{count} more {what}" for count, what in zip(left, ("rows", "columns"), strict=True) if count > 0]
        if counted:
            yield f"  … {' and '.join(counted)}"


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return naming.plain(cell)
    return f"{cell:.5g}" if isinstance(cell, float) else str(cell)
