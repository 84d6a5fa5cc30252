"""Tables become arrays, and whatever does not fit is refused with file, column and line."""

import csv
import io
import pathlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicommons.data import batches, reading
from aicommons.data.formats import delimited
from aicommons.domain import errors, schema

AGE = schema.numeric("age", 0.0, 120.0)
PAIN = schema.category("pain", ("1", "2", "none"))
SICK = schema.Target(schema.Task.BINOMIAL, "sick", classes=("no", "yes"))
PLAN = schema.Schema((AGE, PAIN), SICK)
GOOD = "age,pain,sick\n63,1,yes\n41.5,2,no\n70,none,yes\n"


def written(folder: pathlib.Path, content: str | bytes, name: str = "table.csv") -> pathlib.Path:
    """Write a file and return where it is."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_good_table(tmp_path: pathlib.Path) -> None:
    """Numbers stay, categories become one column per level, the target its class index."""
    table = reading.read_table(written(tmp_path, GOOD), PLAN)
    assert [column.name for column in PLAN.columns] == ["age", "pain=1", "pain=2", "pain=none"]
    assert table.features.tolist() == [[63, 1, 0, 0], [41.5, 0, 1, 0], [70, 0, 0, 1]]
    assert table.target.tolist() == [1, 0, 1]
    assert (table.keys, table.dropped, table.notices, table.rows) == (None, 0, (), 3)


SPELLINGS = {
    "UTF-8": GOOD.encode(),
    "UTF-8 with a byte order mark": GOOD.encode("utf-8-sig"),
    "UTF-16 little endian": b"\xff\xfe" + GOOD.encode("utf-16-le"),
    "UTF-16 big endian": b"\xfe\xff" + GOOD.encode("utf-16-be"),
    "UTF-32": GOOD.encode("utf-32"),
    "Windows line ends": GOOD.replace("\n", "\r\n").encode(),
    "old Mac line ends": GOOD.replace("\n", "\r").encode(),
    "no line end at the end": GOOD.rstrip("\n").encode(),
    "blank lines": GOOD.replace("\n", "\n\n").encode(),
    "blank line first": b"\n" + GOOD.encode(),
    "semicolons": GOOD.replace(",", ";").encode(),
    "tabs": GOOD.replace(",", "\t").encode(),
    "bars": GOOD.replace(",", "|").encode(),
    "decimal comma": GOOD.replace(",", ";").replace("41.5", "41,5").encode(),
    "quotes": b'"age","pain","sick"\n"63","1","yes"\n"41.5","2","no"\n"70","none","yes"\n',
    "spaces around": b"age , pain,sick \n 63, 1,yes\n41.5 ,2 , no\n70,none,yes\n",
    "whole numbers as decimals": b"age,pain,sick\n63.0,1.0,yes\n4.15e1,2.0,no\n70,none,yes\n",
    "other columns between": b"age,note,pain,sick\n63,x,1,yes\n41.5,,2,no\n70,y,none,yes\n",
    "other order": b"sick,pain,age\nyes,1,63\nno,2,41.5\nyes,none,70\n",
    "a column without a name": b",age,pain,sick\n1,63,1,yes\n2,41.5,2,no\n3,70,none,yes\n",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_one_table_in_many_spellings(name: str, tmp_path: pathlib.Path) -> None:
    """Encodings, separators, line ends and decimal marks make no difference."""
    table = reading.read_table(written(tmp_path, SPELLINGS[name]), PLAN)
    assert table.features.tolist() == [[63, 1, 0, 0], [41.5, 0, 1, 0], [70, 0, 0, 1]]
    assert table.target.tolist() == [1, 0, 1]


@pytest.mark.parametrize(("encoding", "byte"), [("cp1252", b"\xe9\x80"), ("latin-1", b"\xe9\x81")])
def test_other_encodings_are_read_with_a_notice(encoding: str, byte: bytes, tmp_path: pathlib.Path) -> None:
    """A file that is not UTF-8 is read as Windows text, or Latin-1 where that fails, and its owner is told."""
    content = b"\xe2ge;note;sick\n63;" + byte + b";yes\n41;x;no\n"
    plan = schema.Schema((schema.numeric("âge", 0, 120),), SICK)
    table = reading.read_table(written(tmp_path, content), plan)
    assert table.features[:, 0].tolist() == [63, 41]
    assert any(encoding in notice for notice in table.notices)


BAD_TABLES = {
    "empty file": ("", "the file is empty", "table.csv"),
    "white space only": ("\n \n", "the file is empty", "table.csv"),
    "header only": ("age,pain,sick\n", "header only", "table.csv"),
    "missing target column": ("age,pain,ill\n63,1,yes\n", "column is missing", "column sick"),
    "missing feature column": ("age,sick\n63,yes\n", "column is missing", "column pain"),
    "no header": ("63,1,5\n64,1,5\n", "column is missing", "column age"),
    "two columns of one name": ("age,pain,age,sick\n1,1,1,yes\n", "same name", "column age, line 1"),
    "header without names": (",,\n1,2,3\n", "no names", "line 1"),
    "one field too many": ("age,pain,sick\n63,1,yes\n64,1,yes,7\n", "another number of fields", "line 3"),
    "one field too few": ("age,pain,sick\n63,1,yes\n\n64,1\n", "another number of fields", "line 4"),
    "text in a number": ("age,pain,sick\n63,1,yes\nsixty,1,no\n", "text in a numeric", "column age, line 3"),
    "digits with an underscore": ("age,pain,sick\n6_3,1,yes\n", "text in a numeric", "column age, line 2"),
    "digits of another script": ("age,pain,sick\n٦٣,1,yes\n", "text in a numeric", "column age, line 2"),
    "both decimal marks": ("age;pain;sick\n63,5;1;yes\n1.063;1;no\n", "text in a numeric", "column age, line 2"),
    "thousands mark later on": (
        "age;pain;sick\n" + "63,5;1;yes\n" * 250 + "1.063;1;no\n",
        "text in a numeric",
        "column age, line 252",
    ),
    "infinity": ("age,pain,sick\n63,1,yes\n-inf,1,yes\n", "an infinite number", "column age, line 3"),
    "Infinity in full": ("age,pain,sick\n+Infinity,1,yes\n", "an infinite number", "column age, line 2"),
    "overflow": ("age,pain,sick\n1e999,1,yes\n", "an infinite number", "column age, line 2"),
    "above its bounds": ("age,pain,sick\n121,1,yes\n", "out of its declared bounds", "column age, line 2"),
    "below its bounds": ("age,pain,sick\n-1,1,yes\n", "out of its declared bounds", "column age, line 2"),
    "unknown category": ("age,pain,sick\n63,1,yes\n63,9,no\n", "an unknown category", "column pain, line 3"),
    "unknown class": ("age,pain,sick\n63,1,maybe\n", "an unknown category", "column sick, line 2"),
    "no complete row": ("age,pain,sick\n,1,yes\n63,?,no\n", "no row is complete", "table.csv"),
    "unclosed quote": ('age,pain,sick\n63,1,"yes\n64,1,no\n', "not closed", "line 2"),
    "text after a quote": ('age,pain,sick\n63,"1"x,yes\n', "not closed", "line 2"),
    "half a workbook": (b"PK\x03\x04rest", "the file is damaged", "table.csv"),
    "a gzip archive": (b"\x1f\x8b\x08", "not a table that can be read", "table.csv"),
    "a database": (b"SQLite format 3\x00", "not a table that can be read", "table.csv"),
    "half a Parquet file": (b"PAR1\x00\x00", "the file is damaged", "table.csv"),
    "half an Arrow file": (b"ARROW1\x00\x00", "the file is damaged", "table.csv"),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), "encoding is not known", "table.csv"),
    "half a UTF-16 character": (b"\xff\xfe" + GOOD.encode("utf-16-le") + b"x", "encoding", "table.csv"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables_are_refused(name: str, tmp_path: pathlib.Path) -> None:
    """Each bad table is refused with what is wrong and where, and without showing a value."""
    content, message, place = BAD_TABLES[name]
    with pytest.raises(errors.TableError) as caught:
        reading.read_table(written(tmp_path, content), PLAN)
    assert message in caught.value.message
    assert place in str(caught.value.which)
    assert "table.csv" in str(caught.value.which)
    for value in ("sixty", "maybe", "121", "-inf", "6_3", "1.063"):
        assert value not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    """A missing file and a folder are refused as such."""
    for path in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(errors.TableError, match="cannot be read"):
            reading.read_table(path, PLAN)


def test_a_table_without_a_header_is_told_so(tmp_path: pathlib.Path) -> None:
    """When the first line holds numbers only, the next step says to add a header."""
    with pytest.raises(errors.TableError) as caught:
        reading.read_table(written(tmp_path, "63,1,5\n64,1,5\n"), PLAN)
    assert "looks like data" in str(caught.value.next_step)


def test_the_line_is_that_of_the_file_also_after_quoted_line_ends(tmp_path: pathlib.Path) -> None:
    """Line numbers count lines of the file, not records."""
    content = 'age,note,pain,sick\n63,"two\nlines",1,yes\n63,x,1,yes\n999,y,1,no\n'
    with pytest.raises(errors.TableError, match="line 5"):
        reading.read_table(written(tmp_path, content), PLAN)


@pytest.mark.parametrize("gap", ["", " ", "?", "NA", "n/a", "NaN", "nan", "NULL", "."])
def test_rows_with_gaps_are_dropped_and_counted(gap: str, tmp_path: pathlib.Path) -> None:
    """A missing value in any used column drops its row; the number of dropped rows is told."""
    content = f"age,pain,sick,other\n63,1,yes,{gap}\n{gap},1,yes,x\n64,{gap},no,x\n65,2,{gap},x\n66,none,no,x\n"
    table = reading.read_table(written(tmp_path, content), PLAN)
    assert table.features[:, 0].tolist() == [63, 66]
    assert table.dropped == 3
    assert "3 of 5 rows have a gap" in table.notices[0]


def test_a_declared_level_is_no_gap(tmp_path: pathlib.Path) -> None:
    """A category that declares NA as a level has it as a value."""
    plan = schema.Schema((AGE, schema.category("pain", ("NA", "1"))), SICK)
    table = reading.read_table(written(tmp_path, "age,pain,sick\n63,NA,yes\n64,1,no\n"), plan)
    assert (table.rows, table.features[0, 1]) == (2, 1)


def test_groups_follow_their_rows(tmp_path: pathlib.Path) -> None:
    """The group column gives one key per kept row, the same within a group; a row without a group is dropped."""
    content = "age,pain,sick,person\n63,1,yes,a\n?,1,yes,b\n64,1,no,c\n65,1,no,\n66,2,no,a\n"
    table = reading.read_table(written(tmp_path, content), PLAN, group="person")
    assert table.keys is not None
    first, second, third = table.keys.tolist()
    assert (first == third, first == second) == (True, False)
    assert table.features[:, 0].tolist() == [63, 64, 66]


def test_the_minimum_cohort(tmp_path: pathlib.Path) -> None:
    """Fewer complete rows than the minimum are refused with the advice that the run goes on without this site."""
    path = written(tmp_path, GOOD + "?,1,yes\n")
    assert reading.read_table(path, PLAN, checks=reading.Checks(min_rows=3)).rows == 3
    with pytest.raises(errors.TableError, match=r"expected at least 4 rows, got 3 rows") as caught:
        reading.read_table(path, PLAN, checks=reading.Checks(min_rows=4))
    assert "goes on without it" in str(caught.value.next_step)


def test_one_class_only(tmp_path: pathlib.Path) -> None:
    """A table with one class is told so, and refused where several classes are asked for."""
    path = written(tmp_path, "age,pain,sick\n63,1,yes\n64,2,yes\n")
    assert "one class only" in reading.read_table(path, PLAN).notices[0]
    with pytest.raises(errors.TableError, match="one class only"):
        reading.read_table(path, PLAN, checks=reading.Checks(several_classes=True))


def test_a_column_has_one_use(tmp_path: pathlib.Path) -> None:
    """The group may be neither a feature nor the target."""
    for group in ("age", "sick"):
        with pytest.raises(errors.InputError, match="expected twice"):
            reading.read_table(written(tmp_path, GOOD), PLAN, group=group)


def test_levels_that_coincide_are_refused(tmp_path: pathlib.Path) -> None:
    """Two levels that are one value in a table are a fault of the plan, not of the table."""
    plan = schema.Schema((AGE, schema.category("pain", ("1", "1.0"))), SICK)
    with pytest.raises(errors.InputError, match="column pain") as caught:
        reading.read_table(written(tmp_path, GOOD), plan)
    assert not isinstance(caught.value, errors.TableError)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=8
)


@given(
    rows=st.lists(st.tuples(NUMBERS, st.sampled_from(["a", "b,c", 'd"e', "f;g"]), TEXTS), min_size=1, max_size=20),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_csv_writes_is_read_back(
    rows: list[tuple[float, str, str]], separator: str, encoding: str, quoting: int, tmp_path: pathlib.Path
) -> None:
    """Any numbers, levels and foreign texts that a CSV writer writes come back exactly, in every dialect."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["value", "level", "note", "sick"])
    writer.writerows([repr(number), level, note, "yes"] for number, level, note in rows)
    levels = ("a", "b,c", 'd"e', "f;g")
    plan = schema.Schema((schema.numeric("value", -1e15, 1e15), schema.category("level", levels)), SICK)
    table = reading.read_table(written(tmp_path, text.getvalue().encode(encoding)), plan)
    assert table.features[:, 0].tolist() == [number for number, _, _ in rows]
    assert [levels[int(place)] for place in table.features[:, 1:].argmax(axis=1)] == [level for _, level, _ in rows]


@given(content=st.binary(max_size=200))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_a_table_or_a_table_error(content: bytes, tmp_path: pathlib.Path) -> None:
    """Foreign bytes never raise anything but TableError."""
    path = written(tmp_path, content)
    try:
        source = delimited.inspect(path)
        assert all(len(row.cells) == len(source.header) for row in delimited.rows(source))
    except errors.TableError:
        pass


def test_many_rows_are_read_in_chunks(tmp_path: pathlib.Path) -> None:
    """Tables longer than a chunk keep their order, and an error names its line beyond the first chunk."""
    count = 3 * batches.MOST_ROWS + 5
    lines = [f"{row % 120},{1 + row % 2},{'yes' if row % 3 else 'no'}" for row in range(count)]
    path = written(tmp_path, "age,pain,sick\n" + "\n".join(lines))
    table = reading.read_table(path, PLAN)
    assert np.array_equal(table.features[:, 0], np.arange(count) % 120)
    lines[count - 2] = "200,1,yes"
    with pytest.raises(errors.TableError, match=f"line {count}"):
        reading.read_table(written(tmp_path, "age,pain,sick\n" + "\n".join(lines)), PLAN)
