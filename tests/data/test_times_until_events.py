"""A time and whether its event was seen: two columns of a table, one target, wherever the rows are."""

import csv
import dataclasses
import io
import pathlib
from typing import Any

import numpy as np
import pytest

from aicommons.data import checking, fitting, infer, mapping, mock, reading, samples, sources
from aicommons.domain import cards, errors, policies, schema
from aicommons.learning import privacy, recipe, records
from aicommons.learning.learners import kaplan_meier

DIED = schema.category("died", ("no", "yes"))
DAYS = schema.Target(schema.Task.SURVIVAL, "days", lo=0.0, hi=400.0, event=DIED)
PLAN = schema.Schema((schema.numeric("age", 0, 120), schema.category("arm", ("a", "b"))), DAYS)
GOOD = "age,arm,days,died\n63,a,30,yes\n41.5,b,0,no\n70,a,400,no\n58,b,0,yes\n"


def written(folder: pathlib.Path, content: str, name: str = "table.csv") -> pathlib.Path:
    """Write a file and return where it is."""
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_time_and_event_become_one_target(tmp_path: pathlib.Path) -> None:
    """Where the event was not seen the time is negative, and zero keeps its sign."""
    table = reading.read_table(written(tmp_path, GOOD), PLAN)
    assert table.features.tolist() == [[63, 1, 0], [41.5, 0, 1], [70, 1, 0], [58, 0, 1]]
    assert table.target.tolist() == [30, 0, -400, 0]
    assert np.signbit(table.target).tolist() == [False, True, True, False]
    assert records.outcome_index(PLAN, table.target).tolist() == [1, 0, 0, 1]


def test_the_plans_second_level_is_the_seen_event(tmp_path: pathlib.Path) -> None:
    """The order of a plan's levels decides, not the letters."""
    turned = dataclasses.replace(DAYS, event=schema.category("died", ("yes", "no")))
    table = reading.read_table(written(tmp_path, GOOD), schema.Schema(PLAN.features, turned))
    assert np.signbit(table.target).tolist() == [True, False, False, True]


@pytest.mark.parametrize("missing", schema.Missing)
def test_a_row_without_time_or_event_is_left_out(missing: schema.Missing, tmp_path: pathlib.Path) -> None:
    """Both columns are the target's: a gap in either drops the row, even where a plan fills gaps of features."""
    content = GOOD + "50,a,,yes\n51,b,20,\n52,a,10,yes\n,b,10,yes\n"
    table = reading.read_table(written(tmp_path, content), dataclasses.replace(PLAN, missing=missing))
    is_filled = missing is schema.Missing.FILL
    assert (table.rows, table.dropped) == ((6, 2) if is_filled else (5, 3))


BAD = {
    "a time over the range": ("63,a,401,yes\n", "out of its declared bounds", "days"),
    "a time below zero": ("63,a,-1,yes\n", "out of its declared bounds", "days"),
    "a time in words": ("63,a,long,yes\n", "text in a numeric column", "days"),
    "an unknown end": ("63,a,30,moved\n", "an unknown category", "died"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_names_its_column(name: str, tmp_path: pathlib.Path) -> None:
    """Either column is refused under its own name, without a value."""
    row, message, column = BAD[name]
    with pytest.raises(errors.TableError, match=message) as caught:
        reading.read_table(written(tmp_path, GOOD + row), PLAN)
    assert f"column {column}" in str(caught.value.which)


def test_a_mapping_renames_and_recodes_both(tmp_path: pathlib.Path) -> None:
    """Months become days and a register's codes the event, each from a column of another name."""
    document = {
        "columns": {
            "days": {"column": "months", "factor": 30.0},
            "died": {"column": "status", "codes": {"1": "no", "2": "yes", "3": "no"}},
        }
    }
    path = written(tmp_path, "age,arm,months,status\n63,a,2,2\n41,b,1.5,1\n70,a,0,3\n")
    mapped = mapping.from_document(document)
    assert reading.read_table(path, PLAN, mapped=mapped).target.tolist() == [60, -45, -0.0]
    found = fitting.fit(path, PLAN, mapped)
    assert found.is_whole
    assert [each.name for each in found.columns] == ["age", "arm", "days", "died"]
    assert [each.local for each in found.columns][2:] == ["months", "status"]
    wrong = mapping.from_document(
        {"columns": {**document["columns"], "died": {"column": "status", "codes": {"2": "dead"}}}}
    )
    with pytest.raises(errors.InputError, match="mapped to no level"):
        reading.read_table(path, PLAN, mapped=wrong)


def test_a_draft_finds_both_columns(tmp_path: pathlib.Path) -> None:
    """Names and codes of time and event that differ in case are drafted; faults of either are counted."""
    path = written(tmp_path, "Age,ARM,Days,DIED\n63,a,30,Yes\n41,b,500,NO\n70,a,,gone\n")
    drafted = fitting.draft(path, PLAN)
    assert mapping.to_document(drafted)["columns"]["days"] == {"column": "Days"}
    assert mapping.to_document(drafted)["columns"]["died"] == {"column": "DIED", "codes": {"NO": "no", "Yes": "yes"}}
    found = {each.name: each for each in fitting.fit(path, PLAN, drafted).columns}
    assert (found["days"].rows, found["days"].missing, sum(found["days"].faults.values())) == (1, 1, 1)
    assert (found["died"].rows, sum(found["died"].faults.values())) == (2, 1)


def table(time: list[str], event: list[str], **features: list[str]) -> str:
    """Return a table with these columns, time and event last."""
    rows = zip(*features.values(), time, event, strict=True)
    return "\n".join([",".join([*features, "days", "died"]), *(",".join(cells) for cells in rows)]) + "\n"


AGES = [str(20 + 7 * (row * row % 11)) for row in range(40)]
TIMES = [str(row % 13) for row in range(40)]
INFERRED = {
    "texts": (["no", "yes"] * 20, None, ("no", "yes")),
    "texts, the first is seen": (["alive", "dead"] * 20, "alive", ("dead", "alive")),
    "0 and 1": (["1", "0"] * 20, None, ("0", "1")),
    "1.0 and 2.0": (["1.0", "2.0"] * 20, "2.0", ("1", "2")),
}


@pytest.mark.parametrize("name", INFERRED)
def test_an_event_is_inferred(name: str, tmp_path: pathlib.Path) -> None:
    """The seen event is the level that sorts last unless it is named; times of few whole numbers are no classes."""
    event, seen, levels = INFERRED[name]
    path = written(tmp_path, table(TIMES, event, age=AGES))
    drafted = infer.infer_columns([path], "days", event=infer.Event("died", seen))
    target = drafted.schema.target
    assert (target.task, target.lo, target.hi) == (schema.Task.SURVIVAL, 0.0, 12.0)
    assert target.event == schema.category("died", levels)
    assert [each.name for each in drafted.schema.features] == ["age"]
    assert f"days is read as the time until an event, which was seen where died is {levels[1]}." in drafted.notices
    assert reading.read_table(path, drafted.schema).rows == 40


BAD_EVENTS: dict[str, Any] = {
    "one value": ((TIMES, ["yes"] * 40, None), "seen or it is not", "died"),
    "three values": ((TIMES, ["yes", "no", "perhaps", "no"] * 10, None), "seen or it is not", "died"),
    "no value": ((TIMES, [""] * 40, None), "seen or it is not", "died"),
    "negative times": ((["-1", "3"] * 20, ["yes", "no"] * 20, None), "no number from 0", "days"),
    "times in words": ((["soon", "late"] * 20, ["yes", "no"] * 20, None), "no number from 0", "days"),
    "no times": (([""] * 40, ["yes", "no"] * 20, None), "no number from 0", "days"),
    "times of 0 only": ((["0"] * 40, ["yes", "no"] * 20, None), "no number from 0", "days"),
    "another seen event": ((TIMES, ["yes", "no"] * 20, "dead"), "not in its column", "died"),
}


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_what_is_no_time_or_no_event_is_refused(name: str, tmp_path: pathlib.Path) -> None:
    """The column and what it should hold are named."""
    (time, event, seen), message, column = BAD_EVENTS[name]
    path = written(tmp_path, table(time, event, age=AGES))
    with pytest.raises((errors.TableError, errors.InputError), match=message) as caught:
        infer.infer_columns([path], "days", event=infer.Event("died", seen))
    assert f"column {column}" in str(caught.value.which)


def test_a_column_of_the_event_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    """As any missing column."""
    path = written(tmp_path, table(TIMES, ["yes", "no"] * 20, age=AGES))
    with pytest.raises(errors.TableError, match="missing") as caught:
        infer.infer_columns([path], "days", event=infer.Event("dead"))
    assert "column dead" in str(caught.value.which)


def test_sites_of_one_table_have_the_same_columns(tmp_path: pathlib.Path) -> None:
    """Dealt out by site, each part is read by the schema of the whole."""
    sites = [("x", "y", "z")[row % 3] for row in range(40)]
    path = written(tmp_path, table(TIMES, ["yes", "no", "no", "yes"] * 10, age=AGES, site=sites))
    drafted = infer.infer_columns([path], "days", drop=["site"], event=infer.Event("died")).schema
    parts = samples.by_site(path, "site", tmp_path / "parts", numbers=["age", "days"])
    tables = [reading.read_table(part, drafted) for part in parts.values()]
    assert sum(each.rows for each in tables) == 40
    whole = reading.read_table(path, drafted).target
    assert sorted(np.concatenate([each.target for each in tables])) == sorted(whole)


FIELDS = (
    *cards.fields_of(PLAN)[:2],
    cards.Field("days", cards.FieldType.INTEGER, cards.Role.TARGET, lo=0.0, hi=400.0, missing_percent=10),
    cards.Field("died", cards.FieldType.CATEGORY, cards.Role.TARGET, levels=("no", "yes")),
)


def test_mock_rows_have_times_and_events(tmp_path: pathlib.Path) -> None:
    """Mock rows of a card with both fit it, and a plan for its table reads them."""
    text = mock.table(FIELDS, 300, seed=1)
    path = written(tmp_path, text)
    assert checking.check(sources.open_source(path), FIELDS) == checking.Checked(300, ())
    read = reading.read_table(path, schema.from_document(cards.plan_schema(FIELDS)))
    filled = [row for row in csv.DictReader(io.StringIO(text)) if row["days"]]
    assert read.rows == len(filled)
    assert (~np.signbit(read.target)).sum() == sum(row["died"] == "yes" for row in filled)


def test_events_are_small_cells_like_classes(tmp_path: pathlib.Path) -> None:
    """Rows of a side with too few seen events, or too few that were not, are held back before anything is added up."""
    lines = ["50,a,30,no\n"] * 12 + ["60,a,40,yes\n"] * 3 + ["60,b,0,no\n"] * 12
    read = reading.read_table(written(tmp_path, "age,arm,days,died\n" + "".join(lines)), PLAN)
    table = records.Table(read.features, read.target)
    made = recipe.from_plan({"recipe": "kaplan_meier", "schema": schema.to_document(PLAN)})
    assert isinstance(made.learner, kaplan_meier.KaplanMeier)
    assert privacy.smallest_cell(PLAN, table) == privacy.Cell("class yes", 3)
    rule = privacy.Rule(5, policies.SmallCells.SUPPRESS)
    guarded = privacy.guard(made, recipe.Rows(table, table), rule)
    assert guarded.train.rows == guarded.held_out.rows == 24
    assert np.signbit(records.gather(guarded.train).target).all()
