"""Counts, absolute penalties, first-order steps, errors and sites' own intercepts: each against scikit-learn on the pooled rows."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.domain import errors, schema
from aicommons.learning import blocks, evaluation, model, recipe, records, state
from aicommons.learning.learners import glm, proximal, site_intercept

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]

linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the pooled comparison")
sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the pooled comparison")

TARGETS = {
    schema.Task.BINOMIAL: {"name": "y", "task": "binomial", "classes": ["no", "yes"]},
    schema.Task.GAUSSIAN: {"name": "y", "task": "gaussian", "lo": -50, "hi": 50},
    schema.Task.MULTINOMIAL: {"name": "y", "task": "multinomial", "classes": ["a", "b", "c"]},
    schema.Task.POISSON: {"name": "y", "task": "poisson", "lo": 0, "hi": 60},
}
ONE_INTERCEPT = (schema.Task.BINOMIAL, schema.Task.GAUSSIAN, schema.Task.POISSON)
WIDTH = 6


def _plan(task: schema.Task, **options: Any) -> recipe.Recipe:
    features = [{"name": f"x{index}", "kind": "numeric", "lo": -50, "hi": 50} for index in range(WIDTH)]
    return recipe.from_plan({"recipe": "glm", "schema": {"features": features, "target": TARGETS[task]}, **options})


def _tables(task: schema.Task, *, sites: int = 4, rows: int = 150, spread: float = 0.8) -> list[records.Table]:
    """Return sites whose levels differ, with three of six columns that tell something."""
    rng = np.random.default_rng(17)
    made = []
    for site in range(sites):
        features = rng.normal(size=(rows + 10 * site, WIDTH)) @ (np.eye(WIDTH) + 0.2) * 1.7 + 3.0
        signal = (features[:, :3] - 3.0) @ np.array([0.5, -0.4, 0.2]) + spread * (site - 1.5)
        noise = rng.normal(size=len(signal))
        target = {
            schema.Task.BINOMIAL: (signal + noise > 0).astype(np.float64),
            schema.Task.GAUSSIAN: 4.0 * signal + noise,
            schema.Task.MULTINOMIAL: np.digitize(signal + noise, [-1.0, 1.0]).astype(np.float64),
            schema.Task.POISSON: np.minimum(rng.poisson(np.exp(0.4 * signal + 1.5)), 60).astype(np.float64),
        }[task]
        made.append(records.Table(features, target))
    return made


def _rows(tables: list[records.Table]) -> list[recipe.Rows]:
    return [recipe.Rows(table, table) for table in tables]


def _pooled(plan: recipe.Recipe, tables: list[records.Table]) -> tuple[Array, Array]:
    """Return standardised features and the target as learners see it."""
    features = np.concatenate([table.features for table in tables])
    target = np.concatenate([table.target for table in tables])
    if plan.schema.task is schema.Task.GAUSSIAN:
        target = (target - target.mean()) / target.std()
    return (features - features.mean(axis=0)) / features.std(axis=0), target


def _estimator(task: schema.Task, ridge: float, l1: float, rows: int) -> Any:
    """Return scikit-learn's estimator with our penalties in its own units."""
    if task is schema.Task.POISSON:
        return linear_model.PoissonRegressor(alpha=ridge / rows, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    if task is schema.Task.GAUSSIAN:
        if l1 == 0.0:
            return linear_model.Ridge(alpha=ridge)
        alpha = (l1 + ridge) / rows
        return linear_model.ElasticNet(alpha=alpha, l1_ratio=l1 / (l1 + ridge), tol=1e-14, max_iter=100_000)
    share = {"l1_ratio": l1 / (l1 + ridge), "solver": "saga"} if l1 else {"solver": "lbfgs"}
    return linear_model.LogisticRegression(C=1.0 / (l1 + ridge), tol=1e-10, max_iter=100_000, **share)


def _fit(estimator: Any, features: Array, target: Array) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(features, target)


@pytest.mark.parametrize("ridge", [1.0, 30.0])
def test_poisson_regression_is_the_pooled_one(ridge: float, federate: Federate) -> None:
    """Coefficients, intercept and figures are those of PoissonRegressor on all rows; Newton needs few rounds."""
    plan, tables = _plan(schema.Task.POISSON, ridge=ridge), _tables(schema.Task.POISSON)
    outcome = federate(plan, _rows(tables))
    z, y = _pooled(plan, tables)
    pooled = _fit(_estimator(schema.Task.POISSON, ridge, 0.0, len(y)), z, y)
    assert outcome.state.reason is state.Reason.CONVERGED
    assert len(outcome.metrics) <= 10
    assert np.allclose(outcome.state.arrays["coefficients"][0], pooled.coef_, atol=1e-6)
    raw = np.concatenate([table.features for table in tables])
    rates = plan.predict(outcome.state, raw)
    assert np.allclose(rates, pooled.predict(z), rtol=1e-6)
    figures = outcome.metrics[-1]
    assert figures.deviance == pytest.approx(sklearn_metrics.mean_poisson_deviance(y, rates), rel=1e-6)
    assert figures.d_squared == pytest.approx(sklearn_metrics.d2_tweedie_score(y, rates, power=1), rel=1e-6)
    assert figures.rmse == pytest.approx(np.sqrt(np.mean((y - rates) ** 2)), rel=1e-6)
    assert figures.observed_to_predicted == pytest.approx(y.sum() / rates.sum(), rel=1e-6)


@pytest.mark.parametrize("solver", ["newton", "first_order"])
@pytest.mark.parametrize("task", [schema.Task.BINOMIAL, schema.Task.GAUSSIAN, schema.Task.MULTINOMIAL])
@pytest.mark.parametrize(("l1", "ridge"), [(40.0, 1.0), (20.0, 20.0)])
def test_elastic_net_is_the_pooled_one(
    task: schema.Task, l1: float, ridge: float, solver: str, federate: Federate
) -> None:
    """Within 1e-4 of scikit-learn's, and 0 where it is 0, by proximal Newton and without a curvature."""
    plan, tables = _plan(task, l1=l1, ridge=ridge, solver=solver), _tables(task)
    outcome = federate(plan, _rows(tables))
    z, y = _pooled(plan, tables)
    pooled = np.atleast_2d(_fit(_estimator(task, ridge, l1, len(y)), z, y).coef_)
    found = outcome.state.arrays["coefficients"]
    assert outcome.state.reason is state.Reason.CONVERGED
    assert np.allclose(found, pooled, atol=1e-4)
    assert np.array_equal(found == 0.0, np.abs(pooled) < 1e-9)
    assert (found == 0.0).any()


@pytest.mark.parametrize("task", TARGETS)
def test_first_order_reaches_newtons_estimate(task: schema.Task, federate: Federate) -> None:
    """Gradients alone lead to the same coefficients, with a hundredth of the numbers sent per round at scale."""
    tables = _tables(task)
    newton = federate(_plan(task), _rows(tables)).state
    plan = _plan(task, solver="first_order")
    slow = federate(plan, _rows(tables)).state
    assert slow.reason is state.Reason.CONVERGED
    assert np.allclose(slow.arrays["coefficients"], newton.arrays["coefficients"], atol=1e-4)
    assert "hessian" not in {block.name for block in plan.learner.blocks(newton)}
    assert not glm.SEARCH & set(slow.arrays)


@pytest.mark.parametrize("solver", ["newton", "first_order"])
@pytest.mark.parametrize("task", ONE_INTERCEPT)
def test_site_intercepts_are_pooled_one_hot_sites(task: schema.Task, solver: str, federate: Federate) -> None:
    """The shared coefficients are those of the pooled model with a 0/1 column per site under the sites' own penalty."""
    plan, tables = _plan(task, site_intercepts=True, site_ridge=3.0, solver=solver), _tables(task)
    outcome = federate(plan, _rows(tables))
    z, y = _pooled(plan, tables)
    where = np.repeat(np.arange(len(tables)), [table.rows for table in tables])
    one_hot = (where[:, None] == np.arange(len(tables))) / np.sqrt(3.0)
    pooled = _fit(_estimator(task, 1.0, 0.0, len(y)), np.hstack([z, one_hot]), y)
    assert outcome.state.reason is state.Reason.CONVERGED
    limit = 1e-6 if solver == "newton" and task is not schema.Task.BINOMIAL else 1e-4
    assert np.allclose(outcome.state.arrays["coefficients"][0], np.ravel(pooled.coef_)[:WIDTH], atol=limit)
    learner = plan.learner
    for site, table in enumerate(tables):
        localised, kept = learner.localise(outcome.state, None, plan.standardised(outcome.state, table))
        own = np.ravel(pooled.coef_)[WIDTH + site] / np.sqrt(3.0)
        assert float(localised.arrays[site_intercept.ARRAY][0]) == pytest.approx(own, abs=1e-4)
        assert site_intercept.decode(kept) == localised.arrays[site_intercept.ARRAY][0]
    assert site_intercept.ARRAY not in outcome.state.arrays


@pytest.mark.parametrize("task", ONE_INTERCEPT)
@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_caps_hold_with_site_intercepts_and_counts(task: schema.Task, scale: float, federate: Federate) -> None:
    """No block exceeds its cap wherever the coefficients are: one site with all rows, heavy tails, extreme targets."""
    rng = np.random.default_rng(5)
    features = np.clip(rng.standard_t(1.5, size=(300, WIDTH)), -50, 50)
    column = _plan(task).schema.target.column()
    edges = np.array([column.lo, column.hi])[(rng.random(300) < 0.1).astype(int)]
    table = records.Table(features, edges)
    for options in ({}, {"site_intercepts": True}):
        plan = _plan(task, max_steps=1, **options)
        value = federate(plan, _rows([table])).state
        value = glm._with(value, scale * rng.normal(size=(1, WIDTH + 1)))
        value = dataclasses.replace(value, stage=state.Stage.FIT, reason=None)
        part, _ = plan.contribute(value, recipe.Rows(table, table), rng=rng)
        for block in plan.blocks(value):
            assert np.abs(part[block.name]).max() <= block.cap, block.name
            assert np.frexp(block.cap)[0] == 0.5


def test_counts_above_the_largest_rate_are_pulled_with_its_slope() -> None:
    """Loss and gradient go on in a straight line: finite differences agree there too, and a prediction stays below."""
    learner = _plan(schema.Task.POISSON).learner
    plan = _plan(schema.Task.POISSON)
    arrays = {"target_mean": np.array([3.0]), "rows": np.array([2.0]), "largest_rate": np.array([240.0])}
    table = records.Table(np.full((2, WIDTH), 1.0), np.array([0.0, 60.0]))

    def at(slope: float) -> blocks.Contribution:
        value = glm._with(state.State(state.Stage.FIT, 0, arrays), np.full((1, WIDTH + 1), slope))
        assert learner.scores(value, table.features).max() <= np.log(240.0) + 1e-12
        return learner.partial(value, table)

    for slope in (0.1, 5.0, 40.0):
        gap = (at(slope + 1e-5)["loss"][0] - at(slope - 1e-5)["loss"][0]) / 2e-5
        assert gap == pytest.approx(at(slope)["gradient"].sum(), rel=1e-5)
    assert plan.learner.initial(plan.schema, 1).arrays["largest_rate"] == 240.0


def test_standard_errors_are_those_of_the_inverse_curvature(federate: Federate) -> None:
    """Against NumPy's inverse: logistic regression by its curvature, least squares by the textbook's formula."""
    for task in (schema.Task.BINOMIAL, schema.Task.GAUSSIAN):
        plan, tables = _plan(task, ridge=0.0, standard_errors=True), _tables(task)
        outcome = federate(plan, _rows(tables)).state
        z, y = _pooled(plan, tables)
        full = np.hstack([np.ones((len(y), 1)), z])
        scores = full @ glm._theta(outcome)[0]
        p = 1.0 / (1.0 + np.exp(-scores))
        weight = p * (1 - p) if task is schema.Task.BINOMIAL else np.ones(len(y))
        variance = 1.0 if task is schema.Task.BINOMIAL else ((y - scores) ** 2).sum() / (len(y) - WIDTH - 1)
        expected = np.sqrt(variance * np.diag(np.linalg.inv((full * weight[:, None]).T @ full)))
        assert np.allclose(outcome.arrays["standard_errors"][0], expected, rtol=1e-5)
        (shown,) = plan.exhibits(outcome)
        raw = np.concatenate([table.features for table in tables])
        by_name = {row[0]: row for row in shown.rows}
        line = by_name["intercept"][2] + raw @ np.array([by_name[f"x{index}"][2] for index in range(WIDTH)])
        assert np.allclose(line, plan.scores(outcome, raw))
        assert all(len(row) == len(shown.heads) for row in shown.rows)


@pytest.mark.parametrize("task", TARGETS)
def test_a_model_file_gives_the_same_predictions(task: schema.Task, federate: Federate) -> None:
    """Also with options that leave more arrays in the state."""
    more = {"site_intercepts": True, "standard_errors": True} if task in ONE_INTERCEPT else {"l1": 3.0}
    plan, tables = _plan(task, **more), _tables(task)
    outcome = federate(plan, _rows(tables)).state
    again = model.decode(model.encode(model.Model(plan, outcome)))
    assert again.recipe == plan
    assert np.array_equal(again.predict(tables[0].features), plan.predict(outcome, tables[0].features))


def test_options_at_their_default_keep_a_plans_bytes() -> None:
    """What came later is written only where it was asked for."""
    assert _plan(schema.Task.BINOMIAL).learner.options() == {"ridge": 1.0, "max_steps": 25}
    asked = {"l1": 2.0, "solver": "first_order", "site_intercepts": True, "site_ridge": 5.0}
    learner = _plan(schema.Task.BINOMIAL, **asked).learner
    assert learner.options() == {"ridge": 1.0, "max_steps": 200, **asked}


BAD = {
    "l1_negative": (schema.Task.BINOMIAL, {"l1": -1.0}, "l1"),
    "solver_unknown": (schema.Task.BINOMIAL, {"solver": "adam"}, "solver"),
    "flag_as_text": (schema.Task.BINOMIAL, {"site_intercepts": "yes"}, "site_intercepts"),
    "penalty_of_nothing": (schema.Task.BINOMIAL, {"site_ridge": 3.0}, "site_ridge"),
    "penalty_zero": (schema.Task.BINOMIAL, {"site_intercepts": True, "site_ridge": 0.0}, "site_ridge"),
    "several_classes": (schema.Task.MULTINOMIAL, {"site_intercepts": True}, "site_intercepts"),
    "errors_with_l1": (schema.Task.BINOMIAL, {"l1": 1.0, "standard_errors": True}, "standard_errors"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_named(name: str) -> None:
    """A plan that cannot work is refused when it is read."""
    task, options, field = BAD[name]
    with pytest.raises(errors.InputError, match=field):
        _plan(task, **options)


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 7, b"\x00" * 9, np.array([np.nan]).tobytes(), np.array([33.0]).tobytes()]
)
def test_kept_state_that_is_no_intercept_is_refused(data: bytes) -> None:
    """Eight bytes of a finite number within the bound, or an error."""
    with pytest.raises(errors.DecodeError, match="intercept"):
        site_intercept.decode(data)


@settings(max_examples=40, deadline=None)
@given(
    start=st.floats(-32, 32),
    rate=st.floats(1e-6, 1e6),
    wanted=st.floats(-20, 20),
)
def test_an_intercept_is_found_from_any_start(start: float, rate: float, wanted: float) -> None:
    """Newton within a bracket finds the root of an exponential slope wherever it begins."""
    found = site_intercept.fitted(lambda b: (rate * (np.exp(b) - np.exp(wanted)), rate * np.exp(b)), start)
    assert found == pytest.approx(wanted, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), l1=st.floats(0.01, 20))
def test_coordinate_descent_ends_where_no_slope_leads_down(seed: int, l1: float) -> None:
    """The optimality conditions of an absolute penalty hold in every coordinate."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(12, 5))
    curvature, gradient = base.T @ base + 0.1 * np.eye(5), 5 * rng.normal(size=5)
    absolute = np.array([0.0, *[l1] * 4])
    point = proximal.coordinate_descent(proximal.Penalised(curvature, gradient, np.zeros(5), absolute))
    slope = proximal.pseudo_gradient(point, gradient + curvature @ point, absolute)
    assert np.abs(slope).max() <= 1e-6 * (1 + np.abs(gradient).max())


def test_figures_of_counts_without_rows_or_events() -> None:
    """No row gives no figures; rows without a single event give a deviance and no share explained."""
    target = schema.Target(schema.Task.POISSON, "y", lo=0.0, hi=5.0)
    nothing = evaluation.contribution(target, np.zeros(0), np.zeros(0))
    assert evaluation.metrics(target, nothing) is None
    assert evaluation.loss(target, nothing) is None
    figures = evaluation.metrics(target, evaluation.contribution(target, np.zeros(3), np.zeros(3)))
    assert figures.deviance == pytest.approx(2.0)
    assert figures.d_squared is None


@pytest.mark.parametrize("log_rate", [-1e300, -50.0, 0.0, 50.0, 1e300])
def test_caps_of_count_figures_hold_for_any_prediction(log_rate: float) -> None:
    """However wrong a model is, no block exceeds its cap."""
    target = schema.Target(schema.Task.POISSON, "y", lo=0.0, hi=40.0)
    part = evaluation.contribution(target, np.full(8, log_rate), np.array([0.0, 1, 2, 3, 10, 20, 30, 40]))
    for block in evaluation.evaluation_blocks(target, 8.0):
        assert np.abs(part[block.name]).max() <= block.cap, block.name


@pytest.mark.parametrize("task", ONE_INTERCEPT)
def test_sums_of_parts_are_those_of_all_rows_at_a_site(task: schema.Task) -> None:
    """The own intercept is fitted to all batches together, and the order of rows does not matter beyond rounding."""
    plan = _plan(task, site_intercepts=True)
    (table,) = _tables(task, sites=1, rows=60)
    value = plan.initial()
    described, _ = plan.contribute(value, recipe.Rows(table, table), rng=np.random.default_rng(0))
    value = plan.combine(value, [described])
    value = glm._with(value, 0.3 * np.random.default_rng(2).normal(size=(1, WIDTH + 1)))
    turned = records.Table(table.features[::-1].copy(), table.target[::-1].copy())
    whole, _ = plan.contribute(value, recipe.Rows(table, table), rng=np.random.default_rng(0))
    other, _ = plan.contribute(value, recipe.Rows(turned, turned), rng=np.random.default_rng(0))
    localised, _ = plan.learner.localise(value, None, plan.standardised(value, table))
    cuts = [slice(0, 7), slice(7, 60)]
    parts = [
        plan.learner.partial(localised, plan.standardised(value, records.Table(table.features[cut], table.target[cut])))
        for cut in cuts
    ]
    added = plan.learner.finish(localised, {name: parts[0][name] + parts[1][name] for name in parts[0]})
    for name in added:
        assert np.allclose(whole[name], other[name], rtol=1e-9, atol=1e-9)
        assert np.allclose(whole[name], added[name], rtol=1e-9, atol=1e-9)


def _nudged(plan: recipe.Recipe, value: state.State, table: records.Table, by: Array) -> blocks.Contribution:
    moved = glm._with(value, glm._theta(value) + by[None, :])
    return plan.contribute(moved, recipe.Rows(table, table), rng=np.random.default_rng(0))[0]


@pytest.mark.parametrize("task", ONE_INTERCEPT)
def test_what_a_site_sends_is_the_derivative_of_its_best_loss(task: schema.Task) -> None:
    """Gradient and curvature without the own intercept agree with finite differences of the loss at the best one."""
    plan = _plan(task, site_intercepts=True)
    (table,) = _tables(task, sites=1, rows=60)
    value = plan.initial()
    described, _ = plan.contribute(value, recipe.Rows(table, table), rng=np.random.default_rng(0))
    value = glm._with(plan.combine(value, [described]), np.full((1, WIDTH + 1), 0.1))
    here = _nudged(plan, value, table, np.zeros(WIDTH + 1))
    packed = glm._assemble(here["hessian"], 1, WIDTH + 1)
    for index in range(WIDTH + 1):
        by = np.eye(WIDTH + 1)[index] * 1e-5
        up, down = _nudged(plan, value, table, by), _nudged(plan, value, table, -by)
        assert (up["loss"][0] - down["loss"][0]) / 2e-5 == pytest.approx(here["gradient"][index], rel=1e-4, abs=1e-4)
        assert np.allclose((up["gradient"] - down["gradient"]) / 2e-5, packed[index], rtol=1e-4, atol=1e-4)
