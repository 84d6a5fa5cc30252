"""Prepared arrays: kept privately, used again, and never used for another content."""

import pathlib
import stat

import numpy as np
import pytest

from aicommons.data import columns, prepared, reading
from aicommons.domain import errors, schema

SICK = schema.Target(schema.Task.BINOMIAL, "sick", classes=("no", "yes"))
PLAN = schema.Schema((schema.numeric("age", 0.0, 120.0),), SICK)
GROUPED = reading.Wanted(PLAN, "person")
CONTENT = "age,sick,person\n63,yes,a\n?,yes,b\n41,no,c\n"


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """A table."""
    made = tmp_path / "table.csv"
    made.write_text(CONTENT)
    return made


def folders(kept: pathlib.Path) -> set[str]:
    """Names in the folder of kept arrays."""
    return {entry.name for entry in kept.iterdir()}


def same(first: columns.Columns, second: columns.Columns) -> bool:
    """Whether two tables hold the same."""
    return (
        np.array_equal(first.features, second.features)
        and np.array_equal(first.target, second.target)
        and np.array_equal(first.keys, second.keys)
        and (first.dropped, first.notices) == (second.dropped, second.notices)
    )


def test_prepared_arrays_equal_the_table(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """What comes from the folder, the first and the second time, is what reading gives; maps are read-only."""
    read = reading.read_table(path, PLAN, group="person")
    for _ in range(2):
        kept = prepared.prepare(path, GROUPED, tmp_path / "kept")
        assert same(kept, read)
        assert isinstance(kept.features, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            kept.features[0, 0] = 1.0


def test_the_second_time_the_file_is_not_read_again(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A prepared table is found again: its files stay the same files."""
    kept = tmp_path / "kept"
    prepared.prepare(path, GROUPED, kept)
    before = {file: file.stat().st_ino for file in kept.rglob("*")}
    prepared.prepare(path, GROUPED, kept)
    assert {file: file.stat().st_ino for file in kept.rglob("*")} == before


def test_a_changed_file_is_read_again(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Another content of the same length and name is read anew, and the old arrays are gone."""
    kept = tmp_path / "kept"
    prepared.prepare(path, GROUPED, kept)
    before = folders(kept)
    path.write_text(CONTENT.replace("63", "64"))
    assert prepared.prepare(path, GROUPED, kept).features[0, 0] == 64
    assert len(folders(kept)) == 1
    assert folders(kept) != before


def test_another_schema_is_read_again(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Arrays of another schema, another group or other checks are not used."""
    prepared.prepare(path, GROUPED, tmp_path / "kept")
    assert prepared.prepare(path, reading.Wanted(PLAN), tmp_path / "kept").keys is None
    older = schema.Schema((schema.numeric("age", 0.0, 50.0),), SICK)
    with pytest.raises(errors.TableError, match="out of its declared bounds"):
        prepared.prepare(path, reading.Wanted(older), tmp_path / "kept")
    with pytest.raises(errors.TableError, match="minimum cohort"):
        prepared.prepare(path, reading.Wanted(PLAN, checks=reading.Checks(min_rows=9)), tmp_path / "kept")


DAMAGE = {
    "array cut short": ("features.npy", lambda data: data[:-8]),
    "array empty": ("target.npy", lambda data: b""),
    "not an array": ("target.npy", lambda data: b"x" * len(data)),
    "about cut short": ("about.json", lambda data: data[:-3]),
    "about is a list": ("about.json", lambda data: b"[]"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_arrays_are_read_again(name: str, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Kept files that are not whole are replaced by reading the table again."""
    kept = tmp_path / "kept"
    first = reading.read_table(path, PLAN, group="person")
    prepared.prepare(path, GROUPED, kept)
    file, damage = DAMAGE[name]
    (victim,) = kept.rglob(file)
    victim.write_bytes(damage(victim.read_bytes()))
    assert same(prepared.prepare(path, GROUPED, kept), first)


def test_bad_tables_leave_nothing(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A table that is refused leaves no arrays."""
    path.write_text("age,sick,person\nx,yes,a\n")
    with pytest.raises(errors.TableError, match="text in a numeric"):
        prepared.prepare(path, GROUPED, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_the_folder_is_private_and_erased_whole(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Nobody else may enter the folder; erase removes everything and may be called again."""
    kept = tmp_path / "kept"
    prepared.prepare(path, GROUPED, kept)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    prepared.erase(kept)
    assert not kept.exists()
    prepared.erase(kept)


def test_a_folder_that_cannot_be_written(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Where nothing can be kept, the error says so."""
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(errors.StorageFull, match="cannot be written"):
        prepared.prepare(path, GROUPED, blocked / "kept")
