"""Prepared arrays are written batch by batch and divided on disk: each part is one slice of a map."""

import pathlib
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicommons.data import batches, columns, prepared, reading
from aicommons.domain import errors, schema

SICK = schema.Target(schema.Task.BINOMIAL, "sick", classes=("no", "yes"))
PLAN = schema.Schema((schema.numeric("age", 0.0, 1e9),), SICK)


def table(folder: pathlib.Path, rows: int) -> pathlib.Path:
    """Write so many rows, three to a person."""
    path = folder / "table.csv"
    lines = (f"{row},{'yes' if row % 2 else 'no'},{row // 3}\n" for row in range(rows))
    path.write_text("age,sick,person\n" + "".join(lines))
    return path


def by(share: float) -> prepared.Division:
    """Hold out a share of persons by their key, in blocks of unequal length."""

    def masks(found: columns.Columns) -> Iterator[prepared.Mask]:
        assert found.keys is not None
        for start in range(0, found.rows, 1000):
            yield np.asarray(found.keys[start : start + 1000]) % 100 < share * 100

    return prepared.Division(f"share {share}", masks)


@pytest.mark.parametrize("rows", [1, 2, 2 * batches.MOST_ROWS + 11])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_training_rows_stand_before_held_out_ones(rows: int, share: float, tmp_path: pathlib.Path) -> None:
    """Each part keeps its order, nothing is lost, and features, target and keys stay together."""
    wanted = reading.Wanted(PLAN, "person")
    found = prepared.prepare(table(tmp_path, rows), wanted, tmp_path / "kept", by(share))
    assert (found.held_out, found.keys) != (None, None)
    assert found.keys is not None
    assert found.held_out is not None
    cut = rows - found.held_out
    ages = found.features[:, 0]
    assert sorted(ages.tolist()) == list(range(rows))
    assert (np.diff(ages[:cut]) > 0).all()
    assert (np.diff(ages[cut:]) > 0).all()
    assert np.array_equal(found.target, ages % 2)
    keys = {columns.key_of(str(int(age) // 3)) for age in ages[:1]}
    assert found.keys[0] in keys
    assert not set(found.keys[:cut].tolist()) & set(found.keys[cut:].tolist())


def test_another_division_is_prepared_anew(tmp_path: pathlib.Path) -> None:
    """Another share or seed is another table; the same is found again."""
    path, wanted = table(tmp_path, 300), reading.Wanted(PLAN, "person")
    first = prepared.prepare(path, wanted, tmp_path / "kept", by(0.4)).held_out
    assert prepared.prepare(path, wanted, tmp_path / "kept", by(0.4)).held_out == first
    assert prepared.prepare(path, wanted, tmp_path / "kept", by(0.9)).held_out != first
    assert len(list((tmp_path / "kept").iterdir())) == 1


@given(
    counts=st.lists(st.integers(0, 50), max_size=8),
    shape=st.sampled_from([(), (0,), (1,), (7,)]),
    kind=st.sampled_from(["<f8", "<u8", "|b1"]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_rows_written_in_parts_are_an_ordinary_npy_file(
    counts: list[int], shape: tuple[int, ...], kind: str, tmp_path: pathlib.Path
) -> None:
    """Whatever the parts, NumPy reads back what was added."""
    draws = np.random.default_rng(len(counts))
    parts = [draws.integers(0, 2, (count, *shape)).astype(kind) for count in counts]
    with prepared.Rows(tmp_path / "x.npy", shape, kind) as file:
        for part in parts:
            file.add(part)
    expected = np.concatenate([np.empty((0, *shape), dtype=kind), *parts])
    found = np.load(tmp_path / "x.npy", allow_pickle=False)
    assert np.array_equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.slow("a table is prepared twice under tracing")
def test_memory_does_not_grow_with_the_rows(tmp_path: pathlib.Path) -> None:
    """Preparing five times as many rows takes the same memory but for a few kilobytes."""
    peaks = []
    for rows in (2 * batches.MOST_ROWS, 10 * batches.MOST_ROWS):
        path = table(tmp_path, rows)
        tracemalloc.start()
        prepared.prepare(path, reading.Wanted(PLAN), tmp_path / f"kept-{rows}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_refused_table_leaves_nothing_half_written(tmp_path: pathlib.Path) -> None:
    """A fault in the last row leaves no arrays of the rows before it."""
    path = table(tmp_path, 2 * batches.MOST_ROWS)
    with path.open("a") as file:
        file.write("old,yes,1\n")
    with pytest.raises(errors.TableError, match="text in a numeric column"):
        prepared.prepare(path, reading.Wanted(PLAN), tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
