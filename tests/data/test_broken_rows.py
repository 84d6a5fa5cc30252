"""Bad rows are counted by column over the whole source, and left out only where its owner allowed it."""

import pathlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.data import batches, reading, uniqueness
from aicommons.domain import errors, schema

PLAN = schema.Schema(
    (schema.numeric("age", 0, 120), schema.category("pain", ("1", "2"))),
    schema.Target(schema.Task.BINOMIAL, "sick", classes=("no", "yes")),
)
GOOD = "63,1,yes"


def table(folder: pathlib.Path, rows: Sequence[str]) -> pathlib.Path:
    """Write rows below a header."""
    path = folder / "table.csv"
    path.write_text("\n".join(["age,pain,sick", *rows]) + "\n")
    return path


TENTH = [GOOD] * 80 + ["old,1,yes", "64,9,no", "200,1,no", "64,1", "64,1,maybe", "2024-01-31,9,no"] + [GOOD] * 14


def test_a_source_with_broken_rows_is_refused_with_counts(tmp_path: pathlib.Path) -> None:
    """The first place, how many rows, and which columns how often; never a value."""
    with pytest.raises(errors.TableError, match="text in a numeric column") as caught:
        reading.read_table(table(tmp_path, TENTH), PLAN)
    assert caught.value.which == "table.csv, column age, line 82"
    assert [line.strip() for line in str(caught.value.got).splitlines()] == [
        "text; 6 of 100 rows are broken, by column:", "age 3", "pain 2", "(fields) 1", "sick 1", "",
    ]  # fmt: skip
    assert "--skip-broken" in str(caught.value.next_step)
    for value in ("old", "200", "maybe", "2024"):
        assert value not in str(caught.value)


@pytest.mark.parametrize(("allowed", "fits"), [(0.06, True), (0.059, False), (0.5, True), (0.0, False)])
def test_a_stated_share_may_be_left_out(allowed: float, fits: bool, tmp_path: pathlib.Path) -> None:
    """Up to the share the rows are left out and counted; beyond it the source is refused with the share."""
    checks = reading.Checks(most_broken=allowed)
    if fits:
        read = reading.read_table(table(tmp_path, TENTH), PLAN, checks=checks)
        assert (read.rows, read.broken, read.dropped) == (94, 6, 0)
        assert "6 of 100 rows are broken and are left out (age 3" in read.notices[0]
        return
    with pytest.raises(errors.TableError, match="6 of 100 rows are broken"):
        reading.read_table(table(tmp_path, TENTH), PLAN, checks=checks)


def test_a_row_with_a_gap_and_a_fault_is_broken(tmp_path: pathlib.Path) -> None:
    """A gap elsewhere does not hide a fault."""
    rows = [GOOD, ",9,yes", "?,1,yes"]
    read = reading.read_table(table(tmp_path, rows), PLAN, checks=reading.Checks(most_broken=0.5))
    assert (read.rows, read.broken, read.dropped) == (1, 1, 1)


ADVICE = {
    "a date": ("2024-01-31,1,no", "a date in a numeric column", "commons dataset map"),
    "a date with dots": ("31.01.2024,1,no", "a date in a numeric column", "commons dataset map"),
    "text": ("unknown,1,no", "text in a numeric column", "leave it empty"),
    "a code": ("63,7,no", "an unknown category", "leave it empty"),
    "a ragged line": ("63,1", "another number of fields", "double quotes"),
}


@pytest.mark.parametrize("name", ADVICE)
def test_each_fault_names_the_way_out(name: str, tmp_path: pathlib.Path) -> None:
    """Dates, texts, codes and ragged lines each come with what to do."""
    row, message, advice = ADVICE[name]
    with pytest.raises(errors.TableError, match=message) as caught:
        reading.read_table(table(tmp_path, [GOOD, row]), PLAN)
    assert advice in str(caught.value.next_step)


def test_faults_of_many_columns_are_summed_up(tmp_path: pathlib.Path) -> None:
    """A message names eight columns at most."""
    names = [f"x{index}" for index in range(20)]
    plan = schema.Schema(tuple(schema.numeric(name, 0, 1) for name in names), PLAN.target)
    path = tmp_path / "wide.csv"
    path.write_text(",".join([*names, "sick"]) + "\n" + (",".join(["7"] * 20) + ",yes\n") * 2)
    with pytest.raises(errors.TableError) as caught:
        reading.read_table(path, plan)
    assert "and 12 more columns" in str(caught.value.got)


def test_a_fault_after_many_good_rows_yields_no_more_blocks(tmp_path: pathlib.Path) -> None:
    """From the first fault on that refuses a source, nothing more of it is handed out."""
    rows = [GOOD] * batches.MOST_ROWS + ["x,1,yes"] + [GOOD] * batches.MOST_ROWS * 2
    reader = reading.Reader(reading.opened_of(table(tmp_path, rows)), reading.Wanted(PLAN))
    assert [len(block.target) for block in reader.blocks()] == [batches.MOST_ROWS]
    with pytest.raises(errors.TableError, match="line 4098"):
        reader.finish()


def test_identifiers_stand_there_once(tmp_path: pathlib.Path) -> None:
    """A repeated identifier refuses the source with the first repetition's line and the count; gaps are no identifiers."""
    path = tmp_path / "table.csv"
    path.write_text("id,age,pain,sick\na,63,1,yes\n,63,1,yes\nb,63,1,no\n,63,1,no\nb,64,1,no\na,1,1,no\n")
    checks = reading.Checks(unique="id")
    with pytest.raises(errors.TableError, match="stands there twice") as caught:
        reading.read_table(path, PLAN, checks=checks)
    assert caught.value.which == "table.csv, column id, line 6"
    assert "2 rows" in str(caught.value.got)
    path.write_text("id,age,pain,sick\na,63,1,yes\n,63,1,yes\nb,63,1,no\n")
    assert reading.read_table(path, PLAN, checks=checks).rows == 3


@given(texts=st.lists(st.text(max_size=3), max_size=40))
@settings(deadline=None, max_examples=50)
def test_repetitions_are_counted_as_a_set_would(texts: list[str]) -> None:
    """The count and the first place are those that a set of all identifiers finds."""
    with uniqueness.Identifiers() as identifiers:
        half = len(texts) // 2
        identifiers.add(texts[:half], range(half))
        identifiers.add(texts[half:], range(half, len(texts)))
        repeated = [place for place, text in enumerate(texts) if text in texts[:place]]
        assert identifiers.twice() == ((len(repeated), repeated[0]) if repeated else None)
