"""A table is held against its card: every kind of fault is counted by column, and no value is ever told."""

import pathlib
import sqlite3

import pytest

from aicommons.data import checking, sources
from aicommons.domain import cards, errors

Type = cards.FieldType
FIELDS = (
    cards.Field("id", Type.TEXT, cards.Role.KEY),
    cards.Field("age", Type.INTEGER, lo=0.0, hi=120.0),
    cards.Field("weight", Type.NUMBER, lo=0.5, hi=300.0),
    cards.Field("sex", Type.CATEGORY, levels=("f", "m")),
    cards.Field("visit", Type.DATE, cards.Role.CONTEXT, lo=2010.0, hi=2020.0),
)


def good(row: int) -> list[str]:
    """Return a row that fits."""
    return [f"p{row}", str(20 + row % 70), f"{40 + row / 7:.3f}", "fm"[row % 2], f"201{row % 10}-03-01"]


def check(folder: pathlib.Path, rows: list[list[str]], separator: str = ",") -> checking.Checked:
    """Return what the check of a table with these rows says."""
    file = folder / "t.csv"
    lines = [separator.join(cells) for cells in [[field.name for field in FIELDS], *rows]]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return checking.check(sources.open_source(file), FIELDS)


def test_a_table_that_fits(tmp_path: pathlib.Path) -> None:
    """Rows that are as declared have no faults; gaps, 2.0 for 2, and days behind are as declared."""
    rows = [good(row) for row in range(100)]
    rows[3] = ["p3", "", "NA", "?", ""]
    rows[4][1] = "24.0"
    rows[5][4] = "17.03.2015"
    assert check(tmp_path, rows) == checking.Checked(100, ())


def test_decimal_commas_are_numbers(tmp_path: pathlib.Path) -> None:
    """A table written with decimal commas is read as its owner means it."""
    rows = [[cell.replace(".", ",") for cell in good(row)] for row in range(20)]
    assert check(tmp_path, rows, ";").faults == ()


FAULTS: dict[str, tuple[int, str, str, str | None]] = {
    "text for a number": (1, "old", "type-error", "age"),
    "half a year": (1, "40.5", "type-error", "age"),
    "above": (1, "187654", "maximum", "age"),
    "below": (2, "0.123987", "minimum", "weight"),
    "infinity": (2, "inf", "maximum", "weight"),
    "an unknown level": (3, "unheard", "enum", "sex"),
    "no such day": (4, "2015-31-31", "type-error", "visit"),
    "a day too early": (4, "1871-03-01", "minimum", "visit"),
    "a day in words": (4, "yesterday", "type-error", "visit"),
}


@pytest.mark.parametrize("row", FAULTS)
def test_faults_are_counted(tmp_path: pathlib.Path, row: str) -> None:
    """Three bad cells of a kind are one fault with three rows and the line of the first; the value is not told."""
    place, text, kind, field = FAULTS[row]
    rows = [good(number) for number in range(100)]
    for line in (10, 50, 51):
        rows[line][place] = text
    (fault,) = check(tmp_path, rows).faults
    assert (fault.kind, fault.field, fault.rows, fault.first) == (kind, field, 3, 12)
    assert text not in fault.in_words()
    assert "3 rows" in fault.in_words()


def test_a_fault_says_where_in_the_words_of_its_source(tmp_path: pathlib.Path) -> None:
    """A file has lines, the header's among them; a database has rows, counted from the first."""
    rows = [good(number) for number in range(100)]
    rows[10][3] = "x"
    (of_file,) = check(tmp_path, rows).faults
    with sqlite3.connect(tmp_path / "clinic.db") as connection:
        names = [field.name for field in FIELDS]
        connection.execute(f"CREATE TABLE visits ({', '.join(names)})")
        connection.executemany(f"INSERT INTO visits VALUES ({', '.join('?' * len(names))})", rows)
    named = sources.from_document(
        {"kind": "sql", "url": "sqlite:///clinic.db", "query": "SELECT * FROM visits"}, tmp_path
    )
    (of_database,) = checking.check(sources.open_source(named), FIELDS).faults
    assert of_file.in_words().endswith("first in line 12")
    assert of_database.in_words().endswith("first in row 11")


def test_many_kinds_of_faults_at_once(tmp_path: pathlib.Path) -> None:
    """A tenth of the rows broken in several ways is told as so many counts, most frequent first."""
    rows = [good(number) for number in range(200)]
    for number in range(20):
        rows[number * 10][3] = "x"
    for number in range(7):
        rows[number][1] = "many"
    faults = check(tmp_path, rows).faults
    assert [(fault.field, fault.rows) for fault in faults] == [("sex", 20), ("age", 7)]


def test_broken_rows_are_counted(tmp_path: pathlib.Path) -> None:
    """A tenth of rows with too few or too many fields is one fault with its count; the other rows are still judged."""
    rows = [good(number) for number in range(100)]
    for number in range(0, 100, 10):
        rows[number] = rows[number][:3] if number % 20 else [*rows[number], "more"]
    rows[77][3] = "x"
    found = check(tmp_path, rows)
    assert [(fault.kind, fault.rows, fault.first) for fault in found.faults] == [
        ("broken-row", 10, 2), ("enum", 1, 79),
    ]  # fmt: skip
    assert (found.rows, found.broken, found.unfit) == (90, 10, 1)


def test_equal_rows_are_counted(tmp_path: pathlib.Path) -> None:
    """Whole rows that occur again, with their key, are counted once."""
    rows = [good(number) for number in range(100)]
    faults = check(tmp_path, [*rows, rows[3], rows[4]]).faults
    assert [(fault.kind, fault.rows) for fault in faults] == [("duplicate-row", 2)]


def test_equal_rows_without_a_key_are_usual(tmp_path: pathlib.Path) -> None:
    """Two people of one age and sex are no fault where the card has no key."""
    file = tmp_path / "t.csv"
    file.write_text("age,sex\n" + "30,f\n31,m\n" * 20)
    declared = [field for field in FIELDS if field.name in ("age", "sex")]
    assert checking.check(sources.open_source(file), declared).faults == ()


def test_a_key_that_binds_rows_is_no_fault(tmp_path: pathlib.Path) -> None:
    """Where persons have several rows, a key that repeats is what it is for; where few do, the owner is told, and no more."""
    rows = [good(number) for number in range(100)]
    for number, row in enumerate(rows):
        row[0] = f"p{number // 3}"
    assert check(tmp_path, rows) == checking.Checked(100, ())
    rows = [good(number) for number in range(100)]
    rows[50][0] = "p1"
    found = check(tmp_path, rows)
    assert found.faults == ()
    assert ["1 rows have a key" in notice and "line 52" in notice for notice in found.notices] == [True]


@pytest.mark.parametrize("declared", [FIELDS, FIELDS[1:]], ids=["on the card", "not on the card"])
def test_only_an_identifier_may_not_repeat(tmp_path: pathlib.Path, declared: tuple[cards.Field, ...]) -> None:
    """A column that its owner calls unique is a fault where it repeats, whether the card declares it or not."""
    rows = [good(number) for number in range(100)]
    for line in (10, 50, 51):
        rows[line][0] = "p1"
    file = tmp_path / "t.csv"
    file.write_text("\n".join(",".join(cells) for cells in [[field.name for field in FIELDS], *rows]))
    found = checking.check(sources.open_source(file), declared, unique="id")
    assert [(fault.kind, fault.field, fault.rows, fault.first) for fault in found.faults] == [
        ("duplicate-key", "id", 3, 12)
    ]
    assert found.notices == ()
    assert found.faults_of_the_whole == found.faults


def test_a_missing_column_is_named(tmp_path: pathlib.Path) -> None:
    """A declared column that the table lacks is refused by name."""
    file = tmp_path / "t.csv"
    file.write_text("id,age\n1,2\n")
    with pytest.raises(errors.TableError, match="weight"):
        checking.check(sources.open_source(file), FIELDS)


def test_a_table_that_breaks_off_is_refused(tmp_path: pathlib.Path) -> None:
    """A fault of the file as a whole, such as bytes of another encoding far in, is told as what it is."""
    file = tmp_path / "t.csv"
    text = "\n".join(",".join(cells) for cells in [[field.name for field in FIELDS], *map(good, range(300))])
    file.write_text(text + '\n"open,quote\n')
    with pytest.raises(errors.TableError, match="quoted field"):
        checking.check(sources.open_source(file), FIELDS)


def test_the_declarations_are_a_table_schema() -> None:
    """What is handed to Frictionless is a Table Schema of the Frictionless Data specification."""
    found = checking.table_schema(FIELDS)
    assert found["missingValues"] == [""]
    assert found["fields"][1] == {  # type: ignore[index]
        "name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 120},
    }  # fmt: skip
