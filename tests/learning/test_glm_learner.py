"""GLM by Newton: additive over rows, safe steps decided from sums, named ends."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicommons.domain import schema
from aicommons.learning import blocks, describe, recipe, records, state
from aicommons.learning.learners import glm

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]
Summed = Callable[..., Mapping[str, Array]]

TARGETS = {
    schema.Task.BINOMIAL: schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    schema.Task.GAUSSIAN: schema.Target(schema.Task.GAUSSIAN, "y", lo=-50.0, hi=50.0),
    schema.Task.MULTINOMIAL: schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")),
    schema.Task.POISSON: schema.Target(schema.Task.POISSON, "y", lo=0.0, hi=50.0),
}


def _plan(task: schema.Task, width: int = 3, **options: Any) -> recipe.Recipe:
    features = tuple(schema.numeric(f"x{index}", -50, 50) for index in range(width))
    return recipe.Recipe("glm", schema.Schema(features, TARGETS[task]), glm.Glm(task, **options))


def _table(task: schema.Task, rows: int, seed: int, width: int = 3) -> records.Table:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, width))
    signal = features.sum(axis=1) + rng.normal(size=rows)
    target = {
        schema.Task.BINOMIAL: (signal > 0).astype(np.float64),
        schema.Task.GAUSSIAN: signal,
        schema.Task.MULTINOMIAL: np.digitize(signal, [-1.0, 1.0]).astype(np.float64),
        schema.Task.POISSON: np.floor(np.exp(np.clip(signal, -3.0, 3.0))),
    }[task]
    return records.Table(features, target)


def _after_describe(plan: recipe.Recipe, tables: list[records.Table], summed: Summed) -> state.State:
    empty = records.Table(np.zeros((0, plan.schema.width)), np.zeros(0))
    value = plan.initial()
    rng = np.random.default_rng(0)
    parts = [plan.contribute(value, recipe.Rows(table, empty), rng=rng)[0] for table in tables]
    return plan.combine(value, [summed(plan.blocks(value), parts, plan.word_bits)])


@pytest.mark.parametrize("task", glm.SOLVES)
def test_partial_sums_add_up(task: schema.Task, summed: Summed) -> None:
    """The contribution of all rows is the sum of the contributions of any parts, so sites and batches merge alike."""
    plan = _plan(task)
    table = _table(task, 60, 1)
    value = _after_describe(plan, [table], summed)
    value = glm._with(value, np.random.default_rng(2).normal(size=(plan.schema.outputs, 4)))
    cuts = [slice(0, 11), slice(11, 12), slice(12, 60)]
    parts = [plan.learner.partial(value, records.Table(table.features[cut], table.target[cut])) for cut in cuts]
    whole = plan.learner.partial(value, table)
    for name, vector in whole.items():
        assert np.allclose(np.sum([part[name] for part in parts], axis=0), vector, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("task", glm.SOLVES)
def test_derivatives_match_finite_differences(task: schema.Task, summed: Summed) -> None:
    """Gradient and curvature are those of the loss."""
    plan = _plan(task)
    table = _table(task, 40, 3)
    start = _after_describe(plan, [table], summed)
    shape = (plan.schema.outputs, 4)
    # Counts: near enough for no rate to be above the largest one, where the weight is more than the curvature.
    theta = np.random.default_rng(4).normal(size=shape) * (0.2 if task is schema.Task.POISSON else 1.0)

    def at(point: Array) -> blocks.Contribution:
        return plan.learner.partial(glm._with(start, point.reshape(shape)), table)

    size = theta.size
    step = 1e-5
    nudges = [np.eye(size)[index] * step for index in range(size)]
    slopes = [(at(theta.ravel() + d)["loss"][0] - at(theta.ravel() - d)["loss"][0]) / (2 * step) for d in nudges]
    assert np.allclose(slopes, at(theta.ravel())["gradient"], rtol=1e-4, atol=1e-4)
    curve = [(at(theta.ravel() + d)["gradient"] - at(theta.ravel() - d)["gradient"]) / (2 * step) for d in nudges]
    assert np.allclose(curve, glm._assemble(at(theta.ravel())["hessian"], *shape), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("task", glm.SOLVES)
@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_caps_hold_for_one_site_with_all_rows(task: schema.Task, scale: float, summed: Summed) -> None:
    """No block exceeds its cap wherever the coefficients are, even if one site holds everything; caps are 2^k."""
    plan = _plan(task)
    rng = np.random.default_rng(5)
    features = np.clip(rng.standard_t(1.5, size=(200, 3)), -50, 50)
    table = records.Table(features, _table(task, 200, 6).target)
    value = _after_describe(plan, [table], summed)
    value = glm._with(value, scale * rng.normal(size=(plan.schema.outputs, 4)))
    part = plan.learner.partial(value, plan.standardised(value, table))
    declared = plan.learner.blocks(value)
    blocks.check_contribution(declared, part)
    for block in declared:
        assert np.abs(part[block.name]).max() <= block.cap
        assert np.frexp(block.cap)[0] == 0.5


def test_a_step_that_raises_the_loss_is_halved(summed: Summed) -> None:
    """From a far start Newton overshoots; halving by the summed loss still reaches the same estimate."""
    plan = _plan(schema.Task.BINOMIAL, ridge=0.1, max_steps=60)
    table = _table(schema.Task.BINOMIAL, 80, 7)
    start = _after_describe(plan, [table], summed)
    near, _ = _fitted(plan, start, table)
    far, halvings = _fitted(plan, glm._with(start, np.array([[3.0, -4.0, 5.0, -6.0]])), table)
    assert halvings > 0
    assert far.reason is state.Reason.CONVERGED
    assert np.allclose(far.arrays["coefficients"], near.arrays["coefficients"], rtol=1e-6)


def _fitted(plan: recipe.Recipe, value: state.State, table: records.Table) -> tuple[state.State, int]:
    halvings = 0
    while value.stage is state.Stage.FIT:
        value = plan.learner.combine(value, plan.learner.partial(value, plan.standardised(value, table)))
        halvings += int(value.arrays.get("halvings", np.zeros(1))[0] > 0)
    return value, halvings


def test_a_loss_that_never_falls_ends_with_the_best_model(summed: Summed) -> None:
    """Sums that contradict their own gradient end the fit, at the last accepted coefficients."""
    plan = _plan(schema.Task.BINOMIAL, max_steps=100)
    table = _table(schema.Task.BINOMIAL, 50, 8)
    value = _after_describe(plan, [table], summed)
    sums = dict(plan.learner.partial(value, plan.standardised(value, table)))
    accepted = value.arrays["coefficients"]
    while value.stage is state.Stage.FIT:
        value = plan.learner.combine(value, sums)
        sums["loss"] = sums["loss"] + 1.0
    assert value.reason is state.Reason.NO_DESCENT
    assert np.array_equal(value.arrays["coefficients"], accepted)


def test_redundant_columns_without_ridge_end_with_a_named_reason(federate: Federate) -> None:
    """Two equal columns and no penalty: the curvature is singular and every node says so alike."""
    rng = np.random.default_rng(9)
    column = rng.normal(size=(90, 1))
    target = (column[:, 0] + rng.normal(size=90) > 0).astype(np.float64)
    tables = [records.Table(np.repeat(column[i::3], 3, axis=1), target[i::3].copy()) for i in range(3)]
    outcome = federate(_plan(schema.Task.BINOMIAL, ridge=0.0), [recipe.Rows(table, table) for table in tables])
    assert outcome.state.reason is state.Reason.NOT_POSITIVE_DEFINITE
    assert outcome.metrics[-1].rows == 90


def test_separable_classes_converge_with_ridge(federate: Federate) -> None:
    """Perfect separation has no finite maximum-likelihood estimate, but a ridge estimate."""
    features = np.linspace(-1, 1, 60)[:, None]
    table = records.Table(features, (features[:, 0] > 0).astype(np.float64))
    parts = [records.Table(table.features[i::3].copy(), table.target[i::3].copy()) for i in range(3)]
    outcome = federate(_plan(schema.Task.BINOMIAL, width=1), [recipe.Rows(part, part) for part in parts])
    assert outcome.state.reason is state.Reason.CONVERGED
    assert outcome.metrics[-1].accuracy == 1.0


def test_steps_end_where_the_plan_says(federate: Federate) -> None:
    """max_steps fit rounds, then the evaluation."""
    tables = [_table(schema.Task.BINOMIAL, 40, seed) for seed in range(3)]
    outcome = federate(_plan(schema.Task.BINOMIAL, max_steps=2), [recipe.Rows(table, table) for table in tables])
    assert outcome.state.reason is state.Reason.STEPS_DONE
    assert len(outcome.metrics) == 4
    assert set(outcome.state.arrays) == {
        "class_rows", "coefficients", "held_out_rows", "intercept", "mean", "rows", "scale"
    }  # fmt: skip


def test_a_site_without_rows_changes_nothing(federate: Federate) -> None:
    """An empty table is a contribution of zeros."""
    tables = [_table(schema.Task.MULTINOMIAL, 40, seed) for seed in range(3)]
    empty = records.Table(np.zeros((0, 3)), np.zeros(0))
    plan = _plan(schema.Task.MULTINOMIAL)
    rows = [recipe.Rows(table, table) for table in tables]
    with_empty = federate(plan, [*rows, recipe.Rows(empty, empty)]).state
    without = federate(plan, rows).state
    assert np.allclose(with_empty.arrays["coefficients"], without.arrays["coefficients"], atol=1e-9)


def test_standardise_uses_round_zero(summed: Summed) -> None:
    """What learners see has mean 0 and scale 1 over all sites."""
    plan = _plan(schema.Task.BINOMIAL)
    tables = [_table(schema.Task.BINOMIAL, 30, seed) for seed in range(3)]
    value = _after_describe(plan, tables, summed)
    seen = np.concatenate([describe.standardise(value.arrays, table.features) for table in tables])
    assert np.abs(seen.mean(axis=0)).max() < 1e-9
    assert np.abs(seen.std(axis=0) - 1).max() < 1e-9
