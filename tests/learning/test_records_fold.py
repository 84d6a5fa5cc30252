"""Rows give the same sums however they are cut into batches, and are never all in memory."""

import dataclasses
import pathlib
import tracemalloc
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from aicommons.domain import errors, schema
from aicommons.learning import describe, recipe, records
from aicommons.learning.learners import glm, mlp

WIDTH = 64
ROWS = 3 * records.batch_rows(WIDTH) // 2 + 7
TARGETS = {
    schema.Task.BINOMIAL: schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    schema.Task.GAUSSIAN: schema.Target(schema.Task.GAUSSIAN, "y", lo=-10.0, hi=10.0),
    schema.Task.MULTINOMIAL: schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")),
}


def _plan(task: schema.Task, width: int = WIDTH) -> recipe.Recipe:
    features = tuple(schema.numeric(f"x{index}", -8.0, 8.0) for index in range(width))
    return recipe.Recipe("glm", schema.Schema(features, TARGETS[task]), glm.Glm(task))


def _table(task: schema.Task, rows: int = ROWS, width: int = WIDTH) -> records.Table:
    rng = np.random.default_rng(5)
    features = np.clip(rng.normal(size=(rows, width)), -8, 8)
    signal = features[:, 0] + rng.normal(size=rows)
    target = {
        schema.Task.BINOMIAL: (signal > 0).astype(np.float64),
        schema.Task.GAUSSIAN: np.clip(signal, -10, 10),
        schema.Task.MULTINOMIAL: np.digitize(signal, [-0.7, 0.7]).astype(np.float64),
    }[task]
    return records.Table(features, target)


def _cut(table: records.Table, held: records.Mask) -> recipe.Rows:
    return recipe.Rows(*(records.chunked(table, part) for part in (~held, held)))


def _plain(sums: Any) -> Any:
    """Return the sums as numbers: round 0's are cut into limbs."""
    if describe.BLOCK_NAME in sums:
        return {describe.BLOCK_NAME: np.array(describe.join_limbs(sums[describe.BLOCK_NAME])) / 2.0**40}
    return sums


@pytest.mark.parametrize("task", TARGETS)
def test_batches_add_up_to_the_whole_table(task: schema.Task) -> None:
    """Round 0, fit and evaluation give the sums of one table to the last digits, in all three tasks."""
    plan, table = _plan(task), _table(task)
    held = np.arange(ROWS) % 4 == 0
    whole = recipe.Rows(*(records.Table(table.features[part], table.target[part]) for part in (~held, held)))
    cut = _cut(table, held)
    assert isinstance(cut.train, records.Chunked)
    rng = np.random.default_rng(0)
    value = plan.initial()
    for _ in range(3):
        sums, _ = plan.contribute(value, whole, rng=rng)
        added, _ = plan.contribute(value, cut, rng=rng)
        for one, other in ((_plain(sums)[name], _plain(added)[name]) for name in sums):
            assert np.allclose(one, other, rtol=1e-11, atol=1e-9)
        value = plan.combine(value, [sums])


def test_one_batch_is_one_table() -> None:
    """A table that fits into a batch is copied as before, so that its sums keep their bits."""
    table = _table(schema.Task.BINOMIAL, rows=100)
    found = _cut(table, np.arange(100) < 30)
    assert isinstance(found.train, records.Table)
    assert np.array_equal(found.train.features, table.features[30:])


def test_no_row_is_one_empty_batch() -> None:
    """Rows of which none is kept still give every sum: zeros."""
    table = _table(schema.Task.GAUSSIAN)
    none = records.chunked(table, np.zeros(ROWS, dtype=np.bool_))
    assert none.rows == 0
    assert none.fold(lambda part: {"sum": part.features.sum(axis=0)})["sum"].tolist() == [0.0] * WIDTH


@hypothesis.given(seed=strategies.integers(0, 2**32), share=strategies.floats(0.1, 0.9))
@hypothesis.settings(max_examples=20)
def test_selecting_and_taking_agree_with_the_arrays(seed: int, share: float) -> None:
    """Rows chosen from cut arrays, changed or not, are the rows that the arrays have at these places."""
    width = 2**14
    rows = records.batch_rows(width) * 2 + 3
    rng = np.random.default_rng(seed)
    features = np.repeat(rng.normal(size=(rows, 1)), width, axis=1)
    kept = rng.random(rows) < share
    found = records.Chunked(records.Table(features, features[:, 0].copy()), kept)
    doubled = found.changed(lambda table: dataclasses.replace(table, features=2 * table.features))
    positive = doubled.select(lambda table: table.target > 0)
    wanted = features[kept & (features[:, 0] > 0)]
    assert positive.rows == len(wanted)
    places = rng.integers(0, max(len(wanted), 1), 5 if len(wanted) else 0)
    assert np.array_equal(positive.take(places).features, 2 * wanted[places])
    assert np.array_equal(records.gather(positive).target, wanted[:, 0])


def test_a_bad_row_in_a_later_batch_is_refused() -> None:
    """Every batch is held against the schema, whichever stage reads it."""
    plan, table = _plan(schema.Task.BINOMIAL), _table(schema.Task.BINOMIAL)
    good = _cut(table, np.arange(ROWS) % 4 == 0)
    value = plan.combine(plan.initial(), [plan.contribute(plan.initial(), good, rng=np.random.default_rng(0))[0]])
    table.features[-2, 3] = 9.0
    for stage in (plan.initial(), value):
        with pytest.raises(errors.ContributionRefused, match="x3"):
            plan.contribute(stage, _cut(table, np.arange(ROWS) % 4 == 0), rng=np.random.default_rng(0))


class AddedOnly:
    """Rows that cannot be had one by one, as a Spark table's."""

    rows = 10

    def fold(self, partial: records.Partial) -> Any:
        """Return the sums of ten equal rows."""
        return partial(records.Table(np.zeros((10, WIDTH)), np.zeros(10)))

    def select(self, keep: records.Keep) -> "AddedOnly":
        """Return all rows."""
        return self

    def changed(self, change: records.Change) -> "AddedOnly":
        """Return the same rows."""
        return self


def test_a_network_cannot_be_trained_on_rows_that_only_add() -> None:
    """A learner that samples rows is refused with the way out; an additive one is not."""
    table, alike = _table(schema.Task.BINOMIAL, rows=50), AddedOnly()
    for learner, is_refused in ((glm.Glm(schema.Task.BINOMIAL), False), (mlp.make(schema.Task.BINOMIAL, (3,)), True)):
        plan = recipe.Recipe("either", _plan(schema.Task.BINOMIAL).schema, learner)
        first, _ = plan.contribute(plan.initial(), recipe.Rows(table, table), rng=np.random.default_rng(0))
        value = plan.combine(plan.initial(), [first])
        if is_refused:
            with pytest.raises(errors.ContributionRefused, match="only be added over"):
                plan.contribute(value, recipe.Rows(alike, alike), rng=np.random.default_rng(0))
        else:
            plan.contribute(value, recipe.Rows(alike, alike), rng=np.random.default_rng(0))
    with pytest.raises(errors.InputError, match="added over"):
        records.gather(alike)


@pytest.mark.parametrize("name", ["glm", "mlp"])
def test_a_mapped_table_is_never_loaded_whole(name: str, tmp_path: pathlib.Path) -> None:
    """Folding and minibatches take a fraction of the memory that the rows would, and give what the rows give."""
    width, rows = 32, 200_000
    features = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.float64, shape=(rows, width))
    features[:] = np.random.default_rng(1).uniform(-1, 1, (rows, 1))
    target = (features[:, 0] > 0).astype(np.float64)
    is_glm = name == "glm"
    learner: Any = glm.Glm(schema.Task.BINOMIAL) if is_glm else mlp.make(schema.Task.BINOMIAL, (2,), batch=4096)
    plan = dataclasses.replace(_plan(schema.Task.BINOMIAL, width), learner=learner)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r", allow_pickle=False)
    held = np.arange(rows) % 10 == 0
    start, _ = plan.contribute(
        plan.initial(), _cut(records.Table(features, target), held), rng=np.random.default_rng(0)
    )
    value = plan.combine(plan.initial(), [start])
    tracemalloc.start()
    try:
        part, _ = plan.contribute(value, _cut(records.Table(mapped, target), held), rng=np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (6 if is_glm else 4) * 8 * records.BATCH_VALUES < 1.0 * features.nbytes
    whole = recipe.Rows(*(records.Table(features[each], target[each]) for each in (~held, held)))
    expected, _ = plan.contribute(value, whole, rng=np.random.default_rng(0))
    for block, vector in expected.items():
        assert np.allclose(part[block], vector, rtol=1e-9, atol=1e-9)
