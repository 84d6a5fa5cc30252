"""Tables for spreadsheets: strangers' words are shown, not carried out."""

import csv
import io

import pytest

from aicommons.data import spreadsheets

CELLS: dict[str, tuple[object, object]] = {
    "a formula": ("=1+1", "'=1+1"),
    "a link": ('=HYPERLINK("http://evil.example")', '\'=HYPERLINK("http://evil.example")'),
    "a command": ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
    "plus": ("+SUM(A1)", "'+SUM(A1)"),
    "minus": ("-2+3", "'-2+3"),
    "at": ("@SUM(1)", "'@SUM(1)"),
    "a tab first": ("\t=1", "'\t=1"),
    "a carriage return first": ("\r=1", "'\r=1"),
    "a negative number": ("-12.5", "-12.5"),
    "a decimal comma": ("-12,5", "-12,5"),
    "an exponent": ("+1e-3", "+1e-3"),
    "a number as such": (-0.25, -0.25),
    "an interval": ("[-5, 10)", "[-5, 10)"),
    "words": ("yes", "yes"),
    "nothing": (None, None),
    "empty": ("", ""),
}


@pytest.mark.parametrize(("cell", "shown"), CELLS.values(), ids=CELLS.keys())
def test_no_cell_is_a_formula(cell: object, shown: object) -> None:
    """Text that begins like a formula gets an apostrophe; numbers stay numbers."""
    assert spreadsheets.plain(cell) == shown


def test_header_and_rows_are_both_written_so() -> None:
    """A column may be named by a stranger as well."""
    text = spreadsheets.to_csv(["line", "probability =x", "=y"], [[1, 0.5, "=cmd"], [2, None, "no"]])
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["line", "probability =x", "'=y"], ["1", "0.5", "'=cmd"], ["2", "", "no"]]
