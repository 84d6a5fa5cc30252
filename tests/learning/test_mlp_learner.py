"""The network by federated averaging: the peers' job to the digit, and the weighted mean."""

import pathlib
import types

import numpy as np
import pytest
from tests import programs

from aicommons.domain import errors, schema
from aicommons.learning import recipe, records, state
from aicommons.learning.learners import mlp

PEERS_WORK = pathlib.Path(__file__).parents[3] / "shared" / "peers" / "work.py"
TARGET = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))


def _schema(width: int, target: schema.Target = TARGET) -> schema.Schema:
    return schema.Schema(tuple(schema.numeric(f"x{index}", -50, 50) for index in range(width)), target)


def _with_rows(start: state.State, rows: int) -> state.State:
    return state.State(start.stage, start.step, {**start.arrays, "rows": np.array([float(rows)])})


@pytest.fixture(scope="module")
def work() -> types.ModuleType:
    """The job that all peers do."""
    if not PEERS_WORK.exists():
        pytest.skip(f"the peers' job is not there (looked for {PEERS_WORK})")
    return programs.load(PEERS_WORK)


def test_starting_weights_are_the_peers(work: types.ModuleType) -> None:
    """Same sizes and same draws, rounded to a grid so that every platform has the same bytes."""
    learner = mlp.make(schema.Task.BINOMIAL, hidden=(300, 300))
    start = learner.initial(_schema(30), 1)
    flat = np.concatenate([start.arrays[name].ravel() for name in learner.network.names])
    assert len(flat) == 99_901
    assert np.abs(flat - work.flatten(work.init("mlp"))).max() < 1e-9


def test_local_training_is_the_peers(work: types.ModuleType) -> None:
    """One epoch from the same weights in the same order gives the same delta, weighted by the site's share."""
    learner = mlp.make(schema.Task.BINOMIAL, hidden=(300, 300))
    rng = np.random.default_rng(3)
    features, target = rng.normal(size=(91, 30)), (rng.random(91) < 0.6).astype(np.float64)
    start = _with_rows(learner.initial(_schema(30), 1), 455)
    before = [start.arrays[name] for name in learner.network.names]
    after = work.train(before, features, target, seed=0)
    expected = (work.flatten(after) - work.flatten(before)) * (91 / 455)
    table = records.Table(features, target)
    part, local_state = learner.train(start, None, table, np.random.default_rng(0))
    assert np.abs(part["delta"] - expected).max() < 1e-12
    assert local_state is None
    assert [(block.name, block.length) for block in learner.blocks(start)] == [("delta", 99_901)]


@pytest.mark.parametrize("task", mlp.SOLVES)
def test_combining_is_the_mean_weighted_by_rows(task: schema.Task) -> None:
    """The next model is the row-weighted mean of the sites' models."""
    target = {
        schema.Task.BINOMIAL: TARGET,
        schema.Task.GAUSSIAN: schema.Target(schema.Task.GAUSSIAN, "y", lo=-9.0, hi=9.0),
        schema.Task.MULTINOMIAL: schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")),
    }[task]
    learner = mlp.make(task, hidden=(4, 3), rounds=2)
    rng = np.random.default_rng(1)
    sizes = [10, 25, 65]
    start = _with_rows(learner.initial(_schema(5, target), 7), sum(sizes))
    tables = [records.Table(rng.normal(size=(n, 5)), rng.integers(0, 2, n).astype(np.float64)) for n in sizes]
    deltas = [learner.train(start, None, table, np.random.default_rng(2))[0]["delta"] for table in tables]
    after = learner.combine(start, {"delta": np.sum(deltas, axis=0)})
    models = [delta / (n / sum(sizes)) for delta, n in zip(deltas, sizes, strict=True)]
    expected = np.average(models, axis=0, weights=sizes)
    flat = [np.concatenate([each.arrays[name].ravel() for name in learner.network.names]) for each in (start, after)]
    assert np.abs(flat[1] - flat[0] - expected).max() < 1e-12
    assert (after.stage, after.step) == (state.Stage.FIT, 1)
    last = learner.combine(after, {"delta": np.zeros(len(expected))})
    assert (last.stage, last.step, last.reason) == (state.Stage.EVALUATE, 2, state.Reason.STEPS_DONE)


@pytest.mark.parametrize("task", mlp.SOLVES)
def test_gradient_step_lowers_the_loss(task: schema.Task) -> None:
    """A small step along the batch gradient lowers that batch's loss, for every output and depth."""
    rng = np.random.default_rng(4)
    features = rng.normal(size=(50, 5))
    signal = features @ rng.normal(size=5)
    targets = {
        schema.Task.BINOMIAL: (TARGET, (signal > 0).astype(np.float64)),
        schema.Task.GAUSSIAN: (schema.Target(schema.Task.GAUSSIAN, "y", lo=-9.0, hi=9.0), signal),
        schema.Task.MULTINOMIAL: (
            schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")),
            np.digitize(signal, [-1.0, 1.0]).astype(np.float64),
        ),
    }
    target, truth = targets[task]
    learner = mlp.make(task, hidden=(6, 4))
    start = learner.initial(_schema(5, target), 7)
    arrays = {name: start.arrays[name].copy() for name in learner.network.names}
    slopes = {name: np.empty_like(array) for name, array in arrays.items()}

    def loss() -> float:
        scores = learner.network.scores(arrays, features).reshape(len(features), -1)
        if task is schema.Task.GAUSSIAN:
            return ((scores[:, 0] - truth) ** 2).mean()
        if task is schema.Task.BINOMIAL:
            return np.logaddexp(0.0, np.where(truth == 1, -scores[:, 0], scores[:, 0])).mean()
        return (np.logaddexp.reduce(scores, axis=1) - scores[np.arange(50), truth.astype(int)]).mean()

    before = loss()
    for _ in range(20):
        learner.network.gradient(arrays, features, truth, slopes)
        for name, slope in slopes.items():
            arrays[name] -= 1e-3 * slope
    assert loss() < before


def test_diverged_training_is_refused() -> None:
    """A learning rate that makes the weights infinite never leaves the site."""
    plan = recipe.Recipe(
        "mlp", _schema(3), mlp.make(schema.Task.BINOMIAL, hidden=(4,), learning_rate=1e3, local_epochs=900)
    )
    rng = np.random.default_rng(5)
    table = records.Table(rng.normal(size=(40, 3)) * 10, rng.integers(0, 2, 40).astype(np.float64))
    value = plan.initial()
    part, _ = plan.contribute(value, recipe.Rows(table, table), rng=rng)
    value = plan.combine(value, [part])
    huge = {name: array * 1e200 if "weights" in name else array for name, array in value.arrays.items()}
    value = state.State(value.stage, value.step, huge)
    with pytest.raises(errors.ContributionRefused, match="not finite"), np.errstate(all="ignore"):
        plan.contribute(value, recipe.Rows(table, records.Table(np.zeros((0, 3)), np.zeros(0))), rng=rng)


def test_no_hidden_layer_is_logistic_regression_by_gradient_descent() -> None:
    """An empty list of hidden layers is allowed: 30 inputs and one output have 31 parameters."""
    learner = mlp.make(schema.Task.BINOMIAL, hidden=())
    start = learner.initial(_schema(30), 1)
    assert learner.blocks(start)[0].length == 31
