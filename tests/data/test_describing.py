"""A drafted card tells what many rows share, and nothing that one row could be known by."""

import json
import pathlib
import random

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.data import checking, describing, fitting, mapping, reading, sources
from aicommons.domain import cards, errors, schema


def draft(folder: pathlib.Path, text: str, *, cohort: int = 10, target: str | None = None) -> describing.Draft:
    """Return the draft of a table."""
    file = folder / "t.csv"
    file.write_text(text, encoding="utf-8")
    return describing.describe(sources.open_source(file), minimum_cohort=cohort, target=target)


def column(folder: pathlib.Path, cells: list[str], **options: int) -> cards.Field | None:
    """Return how a column of these cells is declared."""
    made = draft(folder, "x,y\n" + "".join(f"{cell},1\n" for cell in cells), **options)
    return next((field for field in made.fields if field.name == "x"), None)


RANGES = {
    "ages": (["29", *["41", "58"] * 20, "77"], (20.0, 80.0)),
    "a single extreme": ([*["41", "58"] * 20, "103"], (40.0, 110.0)),
    "children": ([*["0", "1", "2", "3"] * 10, "7"], (0.0, 10.0)),
    "classes with enough rows at the ends": (["1", "2", "3", "4"] * 10, (1.0, 4.0)),
    "parts": ([*["1.5", "2.5"] * 20, "6.2", "0.1"], (0.0, 7.0)),
    "below zero": ([*["-1.5", "2.5", "0.5"] * 20, "-6.2"], (-7.0, 3.0)),
    "large": ([*["41000", "58000"] * 20, "123456"], (40_000.0, 130_000.0)),
    "decimal places far out": ([*["0.00012", "0.00031"] * 20, "0.00044"], (0.0001, 0.0005)),
}


@pytest.mark.parametrize("row", RANGES)
def test_ranges_are_rounded_outward(tmp_path: pathlib.Path, row: str) -> None:
    """The range on a card holds all cells and does not end at anybody's value."""
    cells, expected = RANGES[row]
    field = column(tmp_path, cells)
    assert field is not None
    assert (field.lo, field.hi) == pytest.approx(expected)


@settings(max_examples=60)
@given(st.lists(st.floats(-1e6, 1e6).map(lambda number: round(number, 3)), min_size=30, max_size=60, unique=True))
def test_every_number_is_within_its_range(numbers: list[float]) -> None:
    """Whatever the numbers are, the declared range holds them all."""
    made = describing._Column("x")
    for number in numbers:
        made.add(repr(number), decimal_comma=False)
    low, high = describing._outward(made, 10)
    assert low <= min(numbers) <= max(numbers) <= high


def test_rare_levels_are_not_listed(tmp_path: pathlib.Path) -> None:
    """A value that fewer rows have than the minimum cohort appears nowhere in the draft."""
    made = draft(tmp_path, "sex,x\n" + "f,1\nm,2\n" * 20 + "intersex,1\n" * 3)
    assert made.fields[0].levels == ("f", "m")
    assert "intersex" not in repr(made)
    assert any("fewer than 10 rows" in notice for notice in made.notices)


@pytest.mark.parametrize(("missing", "percent"), [(0, None), (9, None), (10, 10), (23, 25), (91, None)], ids=str)
def test_missing_cells_are_told_in_steps(tmp_path: pathlib.Path, missing: int, percent: int | None) -> None:
    """A share of missing cells is rounded to five percent, and told only where many rows are on both sides."""
    cells = ["a", "b"] * 50
    field = column(tmp_path, ["" if place < missing else cell for place, cell in enumerate(cells)])
    assert (field.missing_percent if field is not None else None) == percent


def test_rows_are_rounded_down_and_few_rows_are_refused(tmp_path: pathlib.Path) -> None:
    """A table of 47 rows has about 40; one below the minimum cohort is not described."""
    assert draft(tmp_path, "x,y\n" + "1,2\n3,4\n" * 23 + "5,6\n").rows == 40
    with pytest.raises(errors.TableError, match="minimum cohort"):
        draft(tmp_path, "x,y\n" + "1,2\n" * 9)


LEFT_OUT = {
    "e-mails": ([f"a{number}@b.org" for number in range(40)], "e-mail"),
    "free text": ([f"told us on day {number} that it had become a bit worse again" for number in range(40)], "free text"),
    "one value": (["7"] * 40, "one value only"),
    "one level": (["yes"] * 40, "one value only"),
    "hardly any value": (["5", "6"] + [""] * 38, "fewer than 10 rows"),
    "numbers and words": ([str(number) for number in range(25)] + [f"w{number % 9}" for number in range(25)], "and 25 are text"),
    "many words": ([f"w{number % 30}" for number in range(90)], "more than 20"),
    "words that are all rare": ([f"w{number % 9}" for number in range(40)], "no value occurs in 10 rows"),
}  # fmt: skip


@pytest.mark.parametrize("row", LEFT_OUT)
def test_what_is_left_out_is_said(tmp_path: pathlib.Path, row: str) -> None:
    """A column that no card should show is left out, and its owner is told why without a value."""
    cells, said = LEFT_OUT[row]
    made = draft(tmp_path, "x,y\n" + "".join(f"{cell},{place % 3}\n" for place, cell in enumerate(cells)))
    assert [field.name for field in made.fields] == ["y"]
    assert any(said in notice for notice in made.notices), made.notices
    assert not any(cell in " ".join(made.notices) for cell in cells if len(cell) > 2)


def test_numbers_of_rows_become_keys(tmp_path: pathlib.Path) -> None:
    """A column with a number of its own for each row is declared as a key, which stays at the site."""
    made = draft(tmp_path, "patient,x\n" + "".join(f"{1000 + 13 * row},{row % 4}\n" for row in range(80)))
    assert [(field.name, field.role) for field in made.fields] == [
        ("patient", cards.Role.KEY), ("x", cards.Role.FEATURE),
    ]  # fmt: skip
    assert all(field.lo is None for field in made.fields if field.role is cards.Role.KEY)


def test_days_are_described_by_years(tmp_path: pathlib.Path) -> None:
    """A column of days is context with a range of years; nobody learns from a day."""
    field = column(tmp_path, [f"0{day % 9 + 1}.0{day % 7 + 1}.201{day % 4}" for day in range(90)])
    assert field is not None
    assert (field.type, field.role) == (cards.FieldType.DATE, cards.Role.CONTEXT)
    assert (field.lo, field.hi) == (2010.0, 2013.0)


def test_a_target_makes_a_schema_that_plans_can_use(tmp_path: pathlib.Path) -> None:
    """With a target the draft holds a plan's schema; classes are those with enough rows."""
    draw = random.Random(4)
    rows = "".join(f"{draw.randint(20, 90)},{draw.choice('fm')},{draw.randint(0, 1)}\n" for _ in range(90))
    made = draft(tmp_path, "age,sex,ill\n" + rows, target="ill")
    document = cards.plan_schema(made.fields)
    assert document["target"] == {"name": "ill", "task": "binomial", "classes": ["0", "1"]}
    json.dumps(document)


@pytest.mark.parametrize("target", ["nothing", "who", "same"])
def test_a_target_that_cannot_be_one(tmp_path: pathlib.Path, target: str) -> None:
    """A target that is missing, an identifier, or always the same is refused with the column's name."""
    rows = "".join(f"Person {row},{row % 3},7\n" for row in range(60))
    with pytest.raises(errors.TableError, match=target):
        draft(tmp_path, "who,x,same\n" + rows, target=target)


QUOTED_COMMAS: dict[str, tuple[list[str], str, bool]] = {
    "decimals": (["4,9", "5,1", "0,25"] * 20, "numbers are written with a decimal comma", True),
    "decimals and whole numbers": (["4,9", "5", "-6,25", "NA"] * 20, "numbers are written with a decimal comma", True),
    "three decimals": (["4,912", "5,125", "0,250"] * 20, "numbers are written with a decimal comma", True),
    "thousands or decimals": (["4,912", "5,125", "611"] * 20, "for thousands or decimals", False),
    "thousands beside points": (["4,912", "5.1"] * 20, "for thousands or decimals", False),
    "both marks and what could be thousands": (["4,9", "5.1", "4,912"] * 20, "for thousands or decimals", False),
    "both marks": (["4,9", "5.1"] * 20, "numbers are written with a decimal comma", True),
    "mostly words": (["4,9", "high", "low"] * 20, "", False),
}


@pytest.mark.parametrize("row", QUOTED_COMMAS)
def test_quoted_decimal_commas_are_numbers_wherever_a_table_is_read(tmp_path: pathlib.Path, row: str) -> None:
    """A column of a comma-separated file is drafted, checked and read as numbers where that is beyond doubt, else told."""
    cells, said, is_number = QUOTED_COMMAS[row]
    made = draft(tmp_path, "x,y\n" + "".join(f'"{cell}",{place % 3}\n' for place, cell in enumerate(cells)))
    field = next((field for field in made.fields if field.name == "x"), None)
    assert (field is not None and field.type is cards.FieldType.NUMBER) == is_number
    assert any(said in notice for notice in made.notices) or not said
    opened = sources.open_source(tmp_path / "t.csv")
    plan = schema.Schema((schema.numeric("x", -7, 6),), schema.Target(schema.Task.GAUSSIAN, "y", lo=0, hi=2))
    if not is_number:
        with pytest.raises(errors.TableError, match="text in a numeric column"):
            reading.read_table(opened, plan)
        return
    assert checking.check(opened, made.fields).faults == ()
    expected = [float(cell.replace(",", ".")) for cell in cells if cell != "NA"]
    assert reading.read_table(opened, plan).features[:, 0].tolist() == expected
    assert fitting.fit(opened, plan, mapping.NOTHING).is_whole


def test_mistakes_are_counted_for_the_owner(tmp_path: pathlib.Path) -> None:
    """A few texts in a column of numbers do not hide that it is one; how many they are is said."""
    made = draft(tmp_path, "x,y\n" + "1.5,1\n2.5,2\n" * 30 + "lots,1\n" * 3)
    assert made.fields[0].type is cards.FieldType.NUMBER
    assert any("3 cells are not numbers, first in line 62;" in notice for notice in made.notices)
    dated = draft(tmp_path, "x,y\n" + "2012-03-01,1\n2013-03-02,2\n" * 30 + "soon,1\n")
    assert any("1 cells are not days, first in line 62;" in notice for notice in dated.notices)


MESSY: dict[str, tuple[str, list[str], str, bool]] = {
    "case": ("sex", ["F", "H", "f", "h"] * 15, "F and f look like one level", True),
    "spaces": ("drug", ["aspirin", "no drug", "nodrug"] * 15, "no drug and nodrug look like one level", True),
    "accents": ("fever", ["fièvre", "fievre", "non"] * 15, "fievre and fièvre look like one level", True),
    "levels that differ": ("answer", ["oui", "non"] * 15, "", True),
    "postcodes by name": ("code_postal", [str(10_000 + 911 * (n % 40)) for n in range(90)], "left out: it looks like", False),
    "padded codes": ("ward", [f"{11 * (n % 40):04}" for n in range(90)], "left out: it looks like", False),
    "numbers of one length": ("kit", [str(10_000 + 911 * (n % 40)) for n in range(90)], "of 5 digits: if they are codes", True),
    "years": ("first_visit", [str(1980 + n % 40) for n in range(90)], "", True),
    "measures": ("platelets", [str(90_000 + 5_000 * (n % 40)) for n in range(90)], "", True),
    "decimals": ("dose", [f"{1000 + n % 40}.5" for n in range(90)], "", True),
}  # fmt: skip


@pytest.mark.parametrize("row", MESSY)
def test_what_looks_messy_is_remarked(tmp_path: pathlib.Path, row: str) -> None:
    """Levels in several spellings and numbers that are codes are told, postcodes left out; what is usual is passed over."""
    name, cells, said, is_drafted = MESSY[row]
    made = draft(tmp_path, f"{name},y\n" + "".join(f"{cell},{place % 3}\n" for place, cell in enumerate(cells)))
    assert (name in {field.name for field in made.fields}) == is_drafted
    notices = [notice for notice in made.notices if notice.startswith(f"{name}: ")]
    assert any(said in notice for notice in notices) if said else notices == []


def test_a_target_of_several_spellings_is_remarked(tmp_path: pathlib.Path) -> None:
    """Three classes of which two are one word are told before anybody learns to tell them apart."""
    made = draft(tmp_path, "x,ill\n" + "1.5,Non\n2.5,non\n3.5,oui\n" * 20, target="ill")
    assert any(notice.startswith("ill: Non and non look like one level") for notice in made.notices)


def test_broken_rows_are_told_and_left_out(tmp_path: pathlib.Path) -> None:
    """Rows that cannot be taken apart do not keep the others from being described."""
    made = draft(tmp_path, "x,y\n" + "1.5,1\n2.5,2\n" * 30 + "1,2,3\n" * 5)
    assert made.rows == 60
    assert any("5 rows are broken" in notice and "line 62" in notice for notice in made.notices)


def test_other_formats_are_described_as_well(tmp_path: pathlib.Path) -> None:
    """A Parquet file of the same rows gives the same declarations as the text."""
    numbers, words = [20 + row % 60 for row in range(90)], ["fm"[row % 2] for row in range(90)]
    file = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"age": numbers, "sex": words}), file)
    text = "age,sex\n" + "".join(f"{age},{sex}\n" for age, sex in zip(numbers, words, strict=True))
    found = describing.describe(sources.open_source(file), minimum_cohort=10)
    assert found.fields == draft(tmp_path, text).fields
