"""Drafting a table's description: types, rounded ranges, levels, and what the target asks for."""

import math
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.data import infer, reading
from aicommons.domain import errors, schema


def written(folder: pathlib.Path, rows: list[str], name: str = "table.csv") -> pathlib.Path:
    """Write lines as a file."""
    path = folder / name
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def table(target: list[str], **features: list[str]) -> list[str]:
    """Lines of a table with these columns, target last."""
    names = [*features, "y"]
    return [",".join(names), *(",".join(cells) for cells in zip(*features.values(), target, strict=True))]


FORTY = [str(20 + 7 * (row * row % 11)) for row in range(40)]
CLASSES = ["ill", "well"] * 20


def test_types_ranges_and_levels(tmp_path: pathlib.Path) -> None:
    """Numbers get ranges rounded outward, texts their sorted levels, a text target its classes."""
    sex = ["f", "m", "f", "m"] * 10
    drafted = infer.infer_columns([written(tmp_path, table(CLASSES, age=FORTY, sex=sex))], "y")
    age, sexes = drafted.schema.features
    assert (age.kind, age.lo, age.hi) == (schema.Kind.NUMERIC, 20.0, 83.0)
    assert (sexes.kind, sexes.levels) == (schema.Kind.CATEGORY, ("f", "m"))
    assert drafted.schema.target.classes == ("ill", "well")
    assert (drafted.schema.target.task, drafted.rows) == (schema.Task.BINOMIAL, 40)
    assert "y is read as 2 classes (classification)." in drafted.notices


TARGETS = {
    "two texts": (CLASSES, schema.Task.BINOMIAL, ("ill", "well")),
    "0 and 1": (["0", "1"] * 20, schema.Task.BINOMIAL, ("0", "1")),
    "0.0 and 1": (["0.0", "1"] * 20, schema.Task.BINOMIAL, ("0", "1")),
    "numbered classes in order": (["10", "9", "2", "1"] * 10, schema.Task.MULTINOMIAL, ("1", "2", "9", "10")),
    "decimals": (["0.5", "1.5"] * 20, schema.Task.GAUSSIAN, None),
    "many whole numbers": ([str(row) for row in range(40)], schema.Task.GAUSSIAN, None),
}


@pytest.mark.parametrize("name", TARGETS)
def test_classification_or_regression(name: str, tmp_path: pathlib.Path) -> None:
    """Texts and few whole numbers are classes, in order of value; other numbers are regression."""
    values, task, levels = TARGETS[name]
    drafted = infer.infer_columns([written(tmp_path, table(values, age=FORTY))], "y")
    assert (drafted.schema.target.task, drafted.schema.target.classes) == (task, levels)


LEFT_OUT = {
    "row numbers": ([str(row) for row in range(40)], "numbers the rows"),
    "free text": ([f"note {row}" for row in range(40)], "different values"),
    "one value": (["7"] * 40, "one value only"),
    "one value in two spellings": (["7.5", "7.50"] * 20, "one value only"),
    "nothing": (["?"] * 40, "no values"),
    "mostly gaps": (["1", "2", *[""] * 38], "most of its values are missing"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_useless_columns_are_left_out_and_told(name: str, tmp_path: pathlib.Path) -> None:
    """A column that cannot help is left out with its reason; so are dropped ones, without a word."""
    values, reason = LEFT_OUT[name]
    path = written(tmp_path, table(CLASSES, age=FORTY, other=values, site=FORTY))
    drafted = infer.infer_columns([path], "y", drop=["site"])
    assert [feature.name for feature in drafted.schema.features] == ["age"]
    assert any("other is left out" in notice and reason in notice for notice in drafted.notices)


BAD = {
    "missing target": ([*table(CLASSES, age=FORTY)[:1], "1,x"], "z", "column is missing"),
    "one class only": (table(["ill"] * 40, age=FORTY), "y", "one class only"),
    "one number in two spellings": (table(["0.5", "0.50"] * 20, age=FORTY), "y", "one class only"),
    "empty target": (table(["?"] * 40, age=FORTY), "y", "target column is empty"),
    "target of names": (table([f"name {row}" for row in range(40)], age=FORTY), "y", "too many different"),
    "header only": (["age,y"], "y", "header only"),
    "no feature": (table(CLASSES, age=["1"] * 40), "y", "no column can serve"),
    "one text among numbers": (table(CLASSES, age=[*FORTY[:39], "old"]), "y", "text in a numeric column"),
    "infinity": (table(CLASSES, age=[*FORTY[:39], "inf"]), "y", "infinite or absurd"),
    "absurd number": (table(CLASSES, age=[*FORTY[:39], "-1e30"]), "y", "infinite or absurd"),
    "ragged": ([*table(CLASSES, age=FORTY), "1"], "y", "another number of fields"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_refused(name: str, tmp_path: pathlib.Path) -> None:
    """What cannot become a schema is refused with the reason, and the place where there is one."""
    lines, target, message = BAD[name]
    with pytest.raises(errors.TableError, match=message) as caught:
        infer.infer_columns([written(tmp_path, lines)], target)
    if name in ("one text among numbers", "infinity", "absurd number"):
        assert caught.value.which == "table.csv, column age, line 41"


def test_several_files_are_one_table(tmp_path: pathlib.Path) -> None:
    """Ranges and levels cover the files of all sites, which must have the same columns."""
    first = written(tmp_path, table(["a", "b"] * 20, age=["20", "30"] * 20), "one.csv")
    second = written(tmp_path, ["y,age", *["c,90", "a,91"] * 20], "two.csv")
    drafted = infer.infer_columns([first, second], "y")
    assert (drafted.schema.features[0].lo, drafted.schema.features[0].hi) == (20.0, 91.0)
    assert drafted.schema.target.classes == ("a", "b", "c")
    with pytest.raises(errors.TableError, match=r"three.csv, column age"):
        infer.infer_columns([first, written(tmp_path, ["y,size", "a,1"], "three.csv")], "y")


def test_a_drafted_table_is_read_whole(tmp_path: pathlib.Path) -> None:
    """What was drafted from a file accepts every row of that file."""
    path = written(tmp_path, table(CLASSES, age=FORTY, sex=["f", "m"] * 20))
    assert reading.read_table(path, infer.infer_columns([path], "y").schema).rows == 40


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_is_outward_and_keeps_two_digits(value: float) -> None:
    """A rounded bound includes its value, has at most two significant digits, and is at most 10 % away."""
    for bound, right in ((infer.rounded_up(value), 1.0), (infer.rounded_down(value), -1.0)):
        assert (bound - value) * right >= 0
        if math.isfinite(bound):
            assert float(f"{bound:.1e}") == bound
            assert abs(bound - value) <= 0.1 * abs(value) * (1 + 1e-12) + 5e-324


def test_a_target_that_counts_begins_at_zero(tmp_path: pathlib.Path) -> None:
    """Whole numbers from 0 are read as counts where that was said; the range ends above the largest."""
    path = written(tmp_path, table([str(row * row % 13) for row in range(40)], age=FORTY))
    predicted = infer.infer_columns([path], "y", counts=True).schema.target
    assert predicted is not None
    assert (predicted.task, predicted.lo, predicted.hi) == (schema.Task.POISSON, 0.0, 12.0)


NO_COUNTS = {
    "text": ["many"] * 40,
    "parts": ["0.5", "2"] * 20,
    "below 0": ["-1", "2"] * 20,
    "zeros": ["0"] * 40,
    "no value": [""] * 40,
}


@pytest.mark.parametrize("name", NO_COUNTS)
def test_what_counts_nothing_is_named(name: str, tmp_path: pathlib.Path) -> None:
    """A target that cannot be a count names its column."""
    path = written(tmp_path, table(NO_COUNTS[name], age=FORTY))
    with pytest.raises(errors.TableError, match="counts nothing") as caught:
        infer.infer_columns([path], "y", counts=True)
    assert caught.value.which == "table.csv, column y"


def test_without_a_target_all_columns_are_features(tmp_path: pathlib.Path) -> None:
    """Nothing is said to be predicted then."""
    drafted = infer.infer_columns([written(tmp_path, table([str(5 * row % 97) for row in range(40)], age=FORTY))], None)
    assert drafted.schema.target is None
    assert [each.name for each in drafted.schema.features] == ["age", "y"]
    assert drafted.notices == ()
