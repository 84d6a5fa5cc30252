"""The same rows give the same arrays, whatever they are kept in."""

import csv
import pathlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence

import duckdb
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicommons.data import batches, columns, infer, reading, sources
from aicommons.domain import errors, schema

COLUMNS = ("age", "pain", "sick", "person")
Rows = Sequence[tuple[float | None, str | None, str | None, int]]
PLAN = schema.Schema(
    (schema.numeric("age", -1e9, 1e9), schema.category("pain", ("a", "b,c", "no"))),
    schema.Target(schema.Task.BINOMIAL, "sick", classes=("no", "yes")),
)
FILLED = schema.Schema(PLAN.features, PLAN.target, schema.Missing.FILL)
FEW: Rows = [(63.0, "a", "yes", 1), (None, "no", "no", 2), (41.5, None, "no", 1), (70.0, "b,c", "yes", 3)]


def _csv(folder: pathlib.Path, rows: Rows) -> sources.Named:
    path = folder / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return path


def _arrow_table(rows: Rows) -> pa.Table:
    kinds = (pa.float64(), pa.string(), pa.string(), pa.int64())
    found = zip(*rows, strict=True)
    return pa.table([pa.array(column, kind) for column, kind in zip(found, kinds, strict=True)], names=COLUMNS)


def _parquet(folder: pathlib.Path, rows: Rows) -> sources.Named:
    pyarrow.parquet.write_table(_arrow_table(rows), folder / "table.parquet", row_group_size=3000)
    return folder / "table.parquet"


def _arrow(folder: pathlib.Path, rows: Rows) -> sources.Named:
    table = _arrow_table(rows)
    with pa.OSFile(str(folder / "table.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    return folder / "table.arrow"


def _stream(folder: pathlib.Path, rows: Rows) -> sources.Named:
    table = _arrow_table(rows)
    with pa.OSFile(str(folder / "table.arrows"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=5000)
    return folder / "table.arrows"


def _dictionary(folder: pathlib.Path, rows: Rows) -> sources.Named:
    table = _arrow_table(rows)
    coded = table.set_column(1, "pain", table["pain"].dictionary_encode())
    pyarrow.parquet.write_table(coded, folder / "coded.parquet")
    return folder / "coded.parquet"


def _excel(folder: pathlib.Path, rows: Rows) -> sources.Named:
    book = openpyxl.Workbook()
    book.active.append(COLUMNS)
    for row in rows:
        book.active.append(row)
    book.save(folder / "table.xlsx")
    return folder / "table.xlsx"


def _sqlite(folder: pathlib.Path, rows: Rows) -> sources.Named:
    path = folder / "table.sqlite"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("CREATE TABLE visits (age REAL, pain TEXT, sick TEXT, person INTEGER)")
        connection.executemany("INSERT INTO visits VALUES (?, ?, ?, ?)", rows)
    connection.close()
    document = {"kind": "sql", "url": f"sqlite:///{path}", "query": "SELECT * FROM visits ORDER BY rowid;"}
    return sources.from_document(document, folder)


def _duckdb(folder: pathlib.Path, rows: Rows) -> sources.Named:
    _parquet(folder, rows)
    document = {"kind": "duckdb", "query": "SELECT * FROM visits", "files": {"visits": "table.parquet"}}
    return sources.from_document(document, folder)


FORMATS: Mapping[str, Callable[[pathlib.Path, Rows], sources.Named]] = {
    "Parquet": _parquet,
    "Parquet with a dictionary": _dictionary,
    "Arrow file": _arrow,
    "Arrow stream": _stream,
    "Excel": _excel,
    "SQLite": _sqlite,
    "DuckDB": _duckdb,
}


def same(first: columns.Columns, second: columns.Columns) -> bool:
    """Whether two tables hold the same numbers, gaps included, and group the same rows."""
    return (
        np.array_equal(first.features, second.features, equal_nan=True)
        and np.array_equal(first.target, second.target)
        and np.array_equal(first.keys, second.keys)
        and first.dropped == second.dropped
    )


ROW = st.tuples(
    st.none()
    | st.floats(-1e9, 1e9).map(lambda value: float(f"{value:.15g}"))  # as many digits as a workbook keeps
    | st.integers(-(10**9), 10**9).map(float),
    st.sampled_from(["a", "b,c", "no", None]),
    st.sampled_from(["yes", "no", None]),
    st.integers(0, 5),
)


@pytest.mark.parametrize("name", FORMATS)
@given(rows=st.lists(ROW, min_size=1, max_size=12), plan=st.sampled_from([PLAN, FILLED]))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_format_gives_the_arrays_of_the_csv(
    name: str, rows: Rows, plan: schema.Schema, tmp_path: pathlib.Path
) -> None:
    """Numbers, levels, gaps and groups are the same from every format, whether gaps drop a row or stay."""
    checks = reading.Checks(min_rows=0)
    expected = reading.read_table(_csv(tmp_path, rows), plan, group="person", checks=checks)
    assert same(reading.read_table(FORMATS[name](tmp_path, rows), plan, group="person", checks=checks), expected)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_drafts_the_same_columns(name: str, tmp_path: pathlib.Path) -> None:
    """A drafted description does not depend on what the rows are kept in."""
    expected = infer.infer_columns([_csv(tmp_path, FEW * 12)], "sick", drop=["person"]).schema
    assert infer.infer_columns([FORMATS[name](tmp_path, FEW * 12)], "sick", drop=["person"]).schema == expected


@pytest.mark.parametrize("name", FORMATS)
def test_many_rows_come_in_batches_and_a_fault_is_named_by_its_row(name: str, tmp_path: pathlib.Path) -> None:
    """No batch is longer than 4,096 rows, and a value out of bounds beyond the first batch is named by its place."""
    count = batches.MOST_ROWS + 7
    rows = [(float(row), "a", "yes" if row % 2 else "no", row) for row in range(count)]
    source = FORMATS[name](tmp_path, rows)
    opened = sources.open_source(source)
    sizes = [len(batch.places) for batch in opened.batches(["age"])]
    assert sum(sizes) == count
    assert max(sizes) <= batches.MOST_ROWS
    narrow = schema.Schema((schema.numeric("age", 0, count - 3),), PLAN.target)
    with pytest.raises(errors.TableError, match="out of its declared bounds") as caught:
        reading.read_table(source, narrow)
    place = count - 1 + (1 if name == "Excel" else 0)
    assert str(caught.value.which).endswith(f"column age, row {place}")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_a_missing_column(name: str, tmp_path: pathlib.Path) -> None:
    """A column that is not there is refused with those that are."""
    other = schema.Schema((schema.numeric("weight", 0, 1),), PLAN.target)
    with pytest.raises(errors.TableError, match="column is missing") as caught:
        reading.read_table(FORMATS[name](tmp_path, FEW), other)
    assert "age, pain, sick, person" in str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_changes_its_identity_with_its_content(name: str, tmp_path: pathlib.Path) -> None:
    """Another content is another identity, the same content the same; a database is read once, so only its query counts."""
    first = sources.open_source(FORMATS[name](tmp_path, FEW)).identity()
    assert sources.open_source(FORMATS[name](tmp_path, FEW)).identity() == first or name == "Excel"
    changed = sources.open_source(FORMATS[name](tmp_path, [*FEW, FEW[0]])).identity()
    assert (changed != first) is (name != "SQLite")


ODD = {
    "dates": (pa.array([19_000, 19_001], pa.date32()), ["2022-01-08", "2022-01-09"]),
    "times": (pa.array([0, 1_000_000], pa.timestamp("us")), ["1970-01-01T00:00:00", "1970-01-01T00:00:01"]),
    "truth values": (pa.array([True, None]), ["true", ""]),
    "large identifiers": (pa.array([2**60 + 1, 2**60 + 2]), [str(2**60 + 1), str(2**60 + 2)]),
    "small whole numbers": (pa.array([1, None], pa.int16()), ["1", ""]),
    "decimals": (pa.array([None, 2], pa.decimal128(6, 2)), ["", "2"]),
}


@pytest.mark.parametrize("name", ODD)
def test_what_no_csv_types_is_text_as_a_csv_would_show_it(name: str, tmp_path: pathlib.Path) -> None:
    """Dates, truth values and large identifiers become texts; no two identifiers become one number."""
    column, expected = ODD[name]
    pyarrow.parquet.write_table(pa.table({"x": column}), tmp_path / "odd.parquet")
    (batch,) = sources.open_source(tmp_path / "odd.parquet").batches(["x"])
    assert batches.texts(batch.cells["x"]) == expected


def test_lists_and_bytes_are_refused_only_where_they_are_used(tmp_path: pathlib.Path) -> None:
    """A column that no cell can hold is in nobody's way until a plan asks for it."""
    table = pa.table({"x": [[1], [2]], "age": [1.0, 2.0], "sick": ["yes", "no"]})
    pyarrow.parquet.write_table(table, tmp_path / "lists.parquet")
    assert reading.read_table(tmp_path / "lists.parquet", schema.Schema(PLAN.features[:1], PLAN.target)).rows == 2
    with pytest.raises(errors.TableError, match="no cell can hold"):
        reading.read_table(tmp_path / "lists.parquet", schema.Schema((schema.numeric("x", 0, 9),), PLAN.target))


@pytest.mark.parametrize("name", ["Parquet", "Arrow file", "Excel"])
@given(cut=st.integers(1, 400))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_files_cut_short_are_table_errors(name: str, cut: int, tmp_path: pathlib.Path) -> None:
    """A file that lost its end is refused with words, whatever the library below says."""
    path = FORMATS[name](tmp_path, FEW)
    assert isinstance(path, pathlib.Path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(errors.TableError):
        reading.read_table(path, PLAN)


def test_a_workbook_names_its_sheet(tmp_path: pathlib.Path) -> None:
    """The first sheet is read and named unless a description names another; one that is not there is refused."""
    book = openpyxl.Workbook()
    book.active.title = "notes"
    book.active.append(["a", "b"])
    sheet = book.create_sheet("2025")
    sheet.append([None, None, None])
    sheet.append(["age", "sick", None])
    sheet.append([None, None, None])
    sheet.append([63, "yes", None])
    sheet.append([41, "no", None])
    book.save(tmp_path / "two.xlsx")
    plan = schema.Schema((schema.numeric("age", 0, 50),), PLAN.target)
    assert "the sheet notes is read" in sources.open_source(tmp_path / "two.xlsx").notices[0]
    named = sources.from_document({"kind": "excel", "path": "two.xlsx", "sheet": "2025"}, tmp_path)
    with pytest.raises(errors.TableError, match="column age, row 4"):
        reading.read_table(named, plan)
    absent = sources.from_document({"kind": "excel", "path": "two.xlsx", "sheet": "2024"}, tmp_path)
    with pytest.raises(errors.TableError, match="no such sheet"):
        reading.read_table(absent, plan)


def test_a_zip_that_is_no_workbook_says_so(tmp_path: pathlib.Path) -> None:
    """Any other archive is refused as such."""
    import zipfile

    with zipfile.ZipFile(tmp_path / "other.xlsx", "w") as archive:
        archive.writestr("table.csv", "a,b\n1,2\n")
    with pytest.raises(errors.TableError, match="a ZIP archive"):
        reading.read_table(tmp_path / "other.xlsx", PLAN)


def test_duckdb_is_the_version_that_was_looked_at() -> None:
    """The settings that confine a query are those of DuckDB 1.2 and later."""
    assert tuple(int(part) for part in duckdb.__version__.split(".")[:2]) >= (1, 2)
