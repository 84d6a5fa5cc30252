"""A model's tables on a terminal: nothing in them can control it, and what is left out is counted."""

from aicommons.cli import exhibited
from aicommons.learning import exhibits


def _exhibit(rows: int, columns: int) -> exhibits.Exhibit:
    heads = tuple(f"c{index}" for index in range(columns))
    return exhibits.Exhibit("many", "Many numbers", heads, [[1.5 * index] * columns for index in range(rows)])


def test_names_of_strangers_are_made_plain() -> None:
    """A column called by an escape sequence is shown without it, in titles, heads and cells."""
    evil = "\x1b[2Jage"
    shown = list(exhibited.lines([exhibits.Exhibit("x", evil, (evil, "n"), [[evil, 3], [None, 0.123456789]])]))
    assert not any("\x1b" in line for line in shown)
    assert shown[-1].split() == ["-", "0.12346"]


def test_what_is_left_out_is_counted() -> None:
    """Long and wide tables are cut, and it is said by how much; whole ones say nothing."""
    assert list(exhibited.lines([_exhibit(50, 11)], most_rows=10))[-1] == "  … 40 more rows and 3 more columns"
    assert "…" not in "".join(exhibited.lines([_exhibit(10, 8)], most_rows=10))
    assert len(exhibited.to_json([_exhibit(50, 11)])[0]["rows"]) == 50  # type: ignore[arg-type]
