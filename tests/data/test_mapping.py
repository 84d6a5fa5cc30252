"""Owners' own columns, codes, units and dates become a plan's; what nobody mapped is counted and never shown."""

import json
import pathlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicommons.data import fitting, mapping, reading
from aicommons.domain import errors, schema

PLAN = schema.Schema(
    (schema.numeric("weight", 20, 200), schema.category("sex", ("female", "male")), schema.numeric("born", 1900, 2030)),
    schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes")),
)
DOCUMENT = {
    "columns": {
        "weight": {"column": "wt_lb", "factor": 0.45359237, "offset": 0.0},
        "sex": {"column": "SEX_CD", "codes": {"1": "female", "2": "male"}},
        "born": {"column": "dob", "date": "%d.%m.%Y", "read_as": "years"},
        "ill": {"column": "dx", "codes": {"E11": "yes", "-": "no"}},
    }
}
CONTENT = "wt_lb,SEX_CD,dob,dx\n100,1,02.07.1950,E11\n220,2.0,01.01.1984,-\n"


def table(folder: pathlib.Path, content: str = CONTENT) -> pathlib.Path:
    """Write a table."""
    (folder / "clinic.csv").write_text(content)
    return folder / "clinic.csv"


def test_columns_codes_units_and_dates(tmp_path: pathlib.Path) -> None:
    """Each becomes what the schema asks for."""
    mapped = mapping.from_document(DOCUMENT)
    read = reading.read_table(table(tmp_path), PLAN, mapped=mapped)
    assert read.features[:, 0].tolist() == [100 * 0.45359237, 220 * 0.45359237]
    assert read.features[:, 1:3].tolist() == [[1, 0], [0, 1]]
    assert read.features[:, 3].tolist() == [1950 + 182 / 365, 1984]
    assert read.target.tolist() == [1, 0]


def test_a_mapping_survives_its_document() -> None:
    """What is written is what is read, and the digest follows the content."""
    mapped = mapping.from_document(DOCUMENT)
    assert mapping.from_document(mapping.to_document(mapped)) == mapped
    assert mapping.NOTHING.digest != mapped.digest


def test_days_and_turned_units(tmp_path: pathlib.Path) -> None:
    """Dates may be days since 1970, and a negative factor turns a scale around; text stays text under it."""
    document = {"columns": {"weight": {"column": "wt_lb", "factor": -1.0, "offset": 200.0}}}
    document["columns"]["born"] = {"column": "dob", "date": "%Y-%m-%d"}
    plan = schema.Schema((PLAN.features[0], schema.numeric("born", 0, 1000)), PLAN.target)
    mapped = mapping.from_document(document)
    read = reading.read_table(table(tmp_path, "wt_lb,dob,ill\n100,1970-01-03T08:00:00,yes\n"), plan, mapped=mapped)
    assert read.features.tolist() == [[100, 2]]
    with pytest.raises(errors.TableError, match="text in a numeric column"):
        reading.read_table(table(tmp_path, "wt_lb,dob,ill\nheavy,1970-01-03,yes\n"), plan, mapped=mapped)


AGES = {
    "the day before a birthday": ("02.07.1950", "2025-07-01", 74),
    "a birthday": ("02.07.1950", "2025-07-02", 75),
    "born on a leap day": ("29.02.2000", "2025-02-28", 24),
    "born that day": ("31.12.2025", "2025-12-31", 0),
}


@pytest.mark.parametrize("row", AGES)
def test_a_date_becomes_an_age_at_a_stated_day(row: str, tmp_path: pathlib.Path) -> None:
    """An age is completed years at the mapping's day, and the document keeps that day."""
    born, at, age = AGES[row]
    plan = schema.Schema((schema.numeric("age", 0, 120),), PLAN.target)
    mapped = mapping.from_document(
        {"columns": {"age": {"column": "dob", "date": "%d.%m.%Y", "read_as": "age", "at": at}}}
    )
    assert mapping.from_document(mapping.to_document(mapped)) == mapped
    read = reading.read_table(table(tmp_path, f"dob,ill\n{born},yes\n"), plan, mapped=mapped)
    assert read.features.tolist() == [[age]]
    with pytest.raises(errors.TableError, match="out of its declared bounds"):
        reading.read_table(table(tmp_path, "dob,ill\n01.01.2026,yes\n"), plan, mapped=mapped)


def test_codes_of_numbers(tmp_path: pathlib.Path) -> None:
    """Codes may stand for numbers, so that yes and no, or a degree, become one."""
    plan = schema.Schema((schema.numeric("smoker", 0, 2),), PLAN.target)
    mapped = mapping.from_document({"columns": {"smoker": {"column": "s", "codes": {"never": 0, "now": 2, "Ex": "1"}}}})
    read = reading.read_table(table(tmp_path, "s,ill\nnow,yes\nEx,no\n"), plan, mapped=mapped)
    assert read.features[:, 0].tolist() == [2, 1]


BAD_CELLS = {
    "a code that nobody mapped": (
        "100,9,02.07.1950,E11",
        "a code that the mapping does not know",
        "SEX_CD (mapped to sex)",
    ),
    "a level that is no code": ("100,female,02.07.1950,E11", "a code that the mapping does not know", "SEX_CD"),
    "another date": ("100,1,1950-07-02,E11", "not a date as the mapping declares", "dob (mapped to born)"),
    "no such day": ("100,1,31.02.1950,E11", "not a date as the mapping declares", "dob"),
    "a unit out of bounds": ("1000,1,02.07.1950,E11", "out of its declared bounds", "wt_lb (mapped to weight)"),
    "an unmapped class": ("100,1,02.07.1950,I10", "a code that the mapping does not know", "dx (mapped to ill)"),
}


@pytest.mark.parametrize("name", BAD_CELLS)
def test_what_the_mapping_does_not_know(name: str, tmp_path: pathlib.Path) -> None:
    """It is refused with the owner's column, line and way out, without the value."""
    row, message, place = BAD_CELLS[name]
    with pytest.raises(errors.TableError, match=message) as caught:
        reading.read_table(table(tmp_path, CONTENT + row + "\n"), PLAN, mapped=mapping.from_document(DOCUMENT))
    assert place in str(caught.value.which)
    assert str(caught.value.which).endswith("line 4")
    assert not {"I10", "1000", "31.02"} & set(str(caught.value).replace(",", " ").split())


BAD_MAPPINGS = {
    "a list": [],
    "no columns": {},
    "an unknown field": {"columns": {"sex": {"column": "s", "unit": "kg"}}},
    "no source": {"columns": {"sex": {"codes": {"1": "f"}}}},
    "a factor of nothing": {"columns": {"weight": {"column": "w", "factor": 0}}},
    "a factor without bounds": {"columns": {"weight": {"column": "w", "factor": 1e-320}}},
    "codes and a date": {"columns": {"born": {"column": "b", "codes": {"1": "2"}, "date": "%Y"}}},
    "one code with two meanings": {"columns": {"sex": {"column": "s", "codes": {"1": "female", "1.0": "male"}}}},
    "a code that is no text": {"columns": {"sex": {"column": "s", "codes": {"": "female"}}}},
    "an age at no day": {"columns": {"age": {"column": "b", "date": "%Y-%m-%d", "read_as": "age"}}},
    "a day without an age": {"columns": {"born": {"column": "b", "date": "%Y-%m-%d", "at": "2025-12-31"}}},
    "an age of no date": {"columns": {"age": {"column": "b", "read_as": "age", "at": "2025-12-31"}}},
    "an age at another form of day": {
        "columns": {"age": {"column": "b", "date": "%Y", "read_as": "age", "at": "31.12.2025"}}
    },
    "a truth value as level": {"columns": {"sex": {"column": "s", "codes": {"1": True}}}},
}


@pytest.mark.parametrize("name", BAD_MAPPINGS)
def test_bad_mappings_are_refused(name: str) -> None:
    """A mapping is checked before a source is opened, and the field is named."""
    with pytest.raises(errors.InputError, match="mapping"):
        mapping.decode(json.dumps(BAD_MAPPINGS[name]), "mapping.json")


def test_a_name_that_stands_there_twice_is_refused() -> None:
    """JSON that names a code twice would silently keep the last."""
    with pytest.raises(errors.InputError, match="stands there twice"):
        mapping.decode('{"columns": {"sex": {"column": "a"}, "sex": {"column": "b"}}}', "mapping.json")


WRONG_LEVELS = {
    "an unknown level": ("sex", {"1": "woman"}, "mapped to no level"),
    "no number": ("weight", {"heavy": "much"}, "mapped to no number"),
}


@pytest.mark.parametrize("name", WRONG_LEVELS)
def test_codes_mean_what_the_schema_has(name: str, tmp_path: pathlib.Path) -> None:
    """A code that means nothing in the schema is the mapping's fault, not the table's."""
    column, codes, message = WRONG_LEVELS[name]
    mapped = mapping.from_document({"columns": {column: {"column": "dx", "codes": codes}}})
    plan = schema.Schema(tuple(each for each in PLAN.features if each.name == column), PLAN.target)
    with pytest.raises(errors.InputError, match=message) as caught:
        reading.read_table(table(tmp_path), plan, mapped=mapped)
    assert not isinstance(caught.value, errors.TableError)


def test_a_draft_maps_what_is_beyond_doubt(tmp_path: pathlib.Path) -> None:
    """Names and codes that differ in case and punctuation, and dates of one format, are drafted; the rest is counted."""
    path = table(
        tmp_path, "Weight;SEX;born;ILL\n60,5;Female;02.07.1950;yes\n70;MALE;13.12.1984;no\n80;9;01.01.2000;-\n"
    )
    drafted = fitting.draft(path, PLAN)
    assert mapping.to_document(drafted) == {
        "columns": {
            "weight": {"column": "Weight"},
            "sex": {"column": "SEX", "codes": {"Female": "female", "MALE": "male"}},
            "born": {"column": "born", "date": "%d.%m.%Y", "read_as": "years"},
            "ill": {"column": "ILL", "codes": {"no": "no", "yes": "yes"}},
        }
    }
    found = fitting.fit(path, PLAN, drafted)
    counted = {each.name: (each.rows, dict(each.faults), each.spellings) for each in found.columns}
    unmapped = {"a code that the mapping does not know": 1}
    assert counted["weight"] == (3, {}, 0)
    assert counted["sex"] == (2, unmapped, 1)
    assert counted["ill"] == (2, unmapped, 1)
    assert not found.is_whole


def test_dates_that_could_be_two_things_are_left_to_a_person(tmp_path: pathlib.Path) -> None:
    """Days and months that both fit are not guessed at."""
    path = table(tmp_path, "weight,sex,born,ill\n60,male,02/07/1950,yes\n")
    assert mapping.to_document(fitting.draft(path, PLAN)) == {"columns": {}}


def test_a_missing_column_is_counted(tmp_path: pathlib.Path) -> None:
    """A column that the source does not have is told, and the others are counted all the same."""
    found = fitting.fit(table(tmp_path, "weight,sex,ill\n60,male,yes\n61,,no\n"), PLAN, mapping.NOTHING)
    assert {each.name: each.local for each in found.columns}["born"] is None
    assert (found.columns[1].rows, found.columns[1].missing, found.others) == (1, 1, 0)
    assert not found.is_whole


@given(
    low=st.floats(-1e6, 1e6),
    factor=st.floats(0.01, 100) | st.floats(-100, -0.01),
    offset=st.floats(-1e6, 1e6),
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_units_are_converted_exactly_as_said(
    low: float, factor: float, offset: float, values: list[float], tmp_path: pathlib.Path
) -> None:
    """Value times factor plus offset, in float64, whatever the sign of the factor."""
    plan = schema.Schema((schema.numeric("x", -1e12, 1e12),), PLAN.target)
    path = table(tmp_path, "own,ill\n" + "".join(f"{value!r},yes\n" for value in [low, *values]))
    mapped = mapping.Mapping({"x": mapping.Column("own", factor=factor, offset=offset)})
    read = reading.read_table(path, plan, mapped=mapped)
    assert read.features[:, 0].tolist() == [value * factor + offset for value in [low, *values]]
