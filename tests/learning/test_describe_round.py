"""Round 0: exact counts, moments without cancellation, and named ends."""

from collections.abc import Callable, Mapping
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies

from aicommons.domain import errors, schema
from aicommons.learning import blocks, describe, recipe, records, state
from aicommons.learning.learners import glm

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]
Summed = Callable[..., Mapping[str, Array]]

CLASSES = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))
NUMBER = schema.Target(schema.Task.GAUSSIAN, "y", lo=-5.0, hi=5.0)


def _plan(target: schema.Target, *bounds: tuple[float, float]) -> schema.Schema:
    return schema.Schema(tuple(schema.numeric(f"x{i}", lo, hi) for i, (lo, hi) in enumerate(bounds)), target)


def _described(plan: recipe.Recipe, tables: list[records.Table], summed: Summed, *, word_bits: int) -> Any:
    empty = records.Table(np.zeros((0, plan.width)), np.zeros(0))
    parts = [describe.contribution(plan, table, empty) for table in tables]
    return describe.combine(plan, summed(describe.description_blocks(plan), parts, word_bits))


@hypothesis.given(strategies.lists(strategies.floats(0, 2**24), min_size=1, max_size=20))
def test_limbs_carry_any_sum_to_two_to_the_minus_41(values: list[float]) -> None:
    """Splitting and joining only rounds to the fixed-point grid, and every limb fits its block."""
    limbs = describe.split_limbs(np.array(values))
    assert ((limbs >= 0) & (limbs < 2**20) & (limbs == np.rint(limbs))).all()
    joined = [whole / 2**40 for whole in describe.join_limbs(limbs)]
    assert np.abs(np.array(joined) - np.array(values)).max() <= 2.0**-41


@pytest.mark.parametrize("word_bits", [32, 64])
@pytest.mark.parametrize("sites", [3, 20, 48])
def test_moments_are_the_pooled_ones(word_bits: int, sites: int, summed: Summed) -> None:
    """Mean and standard deviation of all rows, also for a column that fills a thousandth of its range far from 0."""
    rng = np.random.default_rng(sites)
    plan = _plan(CLASSES, (0, 1), (-1e6, 1e6), (1e5, 1e5 + 10))
    tables = []
    for _ in range(sites):
        n = int(rng.integers(5, 60))
        columns = [rng.random(n), rng.normal(400_000, 1000, n), rng.uniform(1e5, 1e5 + 10, n)]
        tables.append(records.Table(np.stack(columns, axis=1), (rng.random(n) < 0.5).astype(np.float64)))
    arrays = _described(plan, tables, summed, word_bits=word_bits)
    pooled = np.concatenate([table.features for table in tables])
    assert arrays["rows"][0] == len(pooled)
    assert np.allclose(arrays["mean"], pooled.mean(axis=0), rtol=1e-10)
    assert np.allclose(arrays["scale"], pooled.std(axis=0), rtol=1e-6)
    labels = np.concatenate([table.target for table in tables])
    assert arrays["class_rows"].tolist() == [float((labels == 0).sum()), float((labels == 1).sum())]


def test_constant_column_is_scaled_by_its_range(summed: Summed) -> None:
    """A column without variance becomes zeros instead of a division by zero."""
    plan = _plan(CLASSES, (0, 10))
    tables = [records.Table(np.full((4, 1), 3.3), np.array([0.0, 1.0, 0.0, 1.0]))] * 3
    arrays = _described(plan, tables, summed, word_bits=64)
    assert arrays["scale"].tolist() == [10.0]
    assert np.abs(describe.standardise(arrays, tables[0].features)).max() < 1e-9


ENDS = {
    "one class only": (CLASSES, [1.0, 1.0], state.Reason.ONE_CLASS_ONLY),
    "one value only": (NUMBER, [2.5, 2.5], state.Reason.ONE_CLASS_ONLY),
    "no rows": (CLASSES, [], state.Reason.NO_ROWS),
}


@pytest.mark.parametrize("name", ENDS)
def test_data_without_a_model_ends_the_run_with_a_named_reason(name: str, federate: Federate) -> None:
    """Every node finishes with the same reason after round 0, and there is nothing to predict with."""
    target, values, reason = ENDS[name]
    plan = recipe.Recipe("glm", _plan(target, (0, 1)), glm.Glm(target.task))
    table = records.Table(np.zeros((len(values), 1)), np.array(values, dtype=np.float64))
    outcome = federate(plan, [recipe.Rows(table, table)] * 3)
    assert (outcome.state.stage, outcome.state.reason) == (state.Stage.FINISHED, reason)
    assert outcome.metrics == (None,)
    with pytest.raises(errors.InputError, match="no model"):
        plan.predict(outcome.state, np.zeros((1, 1)))


class Endless:
    """Records that are more than a site may have; nothing is ever read from them."""

    def __init__(self, table: records.Table) -> None:
        self._table = table

    @property
    def rows(self) -> int:
        """One too many."""
        return describe.MOST_ROWS + 1

    def fold(self, partial: Callable[[records.Table], blocks.Contribution]) -> blocks.Contribution:
        """As if there were so many rows like this one."""
        return {**partial(self._table), "rows": np.array([float(self.rows)])}


def test_too_many_rows_are_refused() -> None:
    """More rows than four limbs are guaranteed to carry."""
    plan = _plan(CLASSES, (0, 1))
    table = records.Table(np.zeros((1, 1)), np.zeros(1))
    with pytest.raises(errors.ContributionRefused, match="too many rows"):
        describe.contribution(plan, Endless(table), table)
