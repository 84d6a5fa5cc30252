"""Discrete-time survival: summed derivatives over rows and their intervals give the pooled estimate."""

from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies
from tests.learning import survival_oracle_answers

from aicommons.domain import errors
from aicommons.learning import model, newton, recipe, records, state

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]

PLAN: dict[str, Any] = {
    "recipe": "discrete_survival",
    "intervals": 6,
    "schema": {
        "features": [
            {"name": "age", "kind": "numeric", "lo": 0, "hi": 120},
            {"name": "dose", "kind": "numeric", "lo": -50, "hi": 50},
            {"name": "arm", "kind": "category", "levels": ["a", "b"]},
        ],
        "target": {
            "name": "days",
            "task": "survival",
            "lo": 0,
            "hi": 30,
            "event": {"name": "died", "kind": "category", "levels": ["no", "yes"]},
        },
    },
}
EMPTY = records.Table(np.zeros((0, 4)), np.zeros(0))


def _table(rows: int, seed: int) -> records.Table:
    """Return times that are shorter the older and in arm b, a third of them censored, some at the ends of the range."""
    rng = np.random.default_rng(seed)
    age, dose, arm = rng.uniform(30, 90, rows), rng.normal(0, 3, rows), rng.integers(0, 2, rows)
    days = np.clip(rng.exponential(14.0, rows) * np.exp(0.03 * (60 - age) - 0.5 * arm), 0.0, 30.0)
    target = np.where((rng.random(rows) < 0.67) & (days < 30.0), days, -days)
    return records.Table(np.hstack([age[:, None], dose[:, None], np.eye(2)[arm]]), target)


def _pooled(tables: list[records.Table]) -> records.Table:
    return records.Table(
        np.vstack([each.features for each in tables]), np.concatenate([each.target for each in tables])
    )


def _described(plan: recipe.Recipe, table: records.Table) -> state.State:
    """Return the state after round 0."""
    rng = np.random.default_rng(0)
    return plan.combine(plan.initial(), [plan.contribute(plan.initial(), recipe.Rows(table, EMPTY), rng=rng)[0]])


def _person_periods(plan: recipe.Recipe, table: records.Table) -> tuple[Array, Array]:
    """Return one row per interval at risk: dummies of the interval and standardised columns; and the outcome there."""
    z = (table.features - table.features.mean(axis=0)) / table.features.std(axis=0)
    ends = np.array(plan.learner.intervals.edges[1:])
    rows, outcomes = [], []
    for columns, signed in zip(z, table.target, strict=True):
        for place, end in enumerate(ends):
            start = ends[place - 1] if place else -1.0
            if abs(signed) > start:
                rows.append([*np.eye(len(ends))[place], *columns])
                outcomes.append(float(not np.signbit(signed) and abs(signed) <= end))
    return np.array(rows), np.array(outcomes)


@pytest.mark.parametrize("ridge", [1.0, 7.0])
def test_estimate_is_scikit_learns_on_the_expanded_table(federate: Federate, ridge: float) -> None:
    """Without smoothing it is a logistic regression on one row per person and interval, to 1e-5."""
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the oracle of the regression")
    plan = recipe.from_plan({**PLAN, "ridge": ridge, "smooth": 0.0})
    tables = [_table(80, seed) for seed in range(4)]
    outcome = federate(plan, [recipe.Rows(each, EMPTY) for each in tables])
    assert outcome.state.reason is state.Reason.CONVERGED
    expanded, outcomes = _person_periods(plan, _pooled(tables))
    free = 1e3  # an intercept in units of 1e-3 costs a millionth of the penalty
    expanded[:, :6] *= free
    fitted = linear_model.LogisticRegression(
        C=1.0 / ridge, fit_intercept=False, solver="newton-cholesky", tol=1e-12, max_iter=1000
    ).fit(expanded, outcomes)
    assert np.allclose(outcome.state.arrays["interval_intercepts"], fitted.coef_[0, :6] * free, atol=1e-5)
    assert np.allclose(outcome.state.arrays["coefficients"], fitted.coef_[0, 6:], atol=1e-5)


def test_smoothing_is_the_penalty_that_it_says(federate: Federate) -> None:
    """With both penalties the state is at the minimum that SciPy finds of the objective, also where nobody is at risk."""
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is the oracle of the minimum")
    plan = recipe.from_plan({**PLAN, "smooth": 0.5})
    tables = [_table(60, seed) for seed in range(3)]
    capped = [records.Table(each.features, np.clip(each.target, -19.0, 19.0)) for each in tables]
    value = federate(plan, [recipe.Rows(each, EMPTY) for each in capped]).state
    expanded, outcomes = _person_periods(plan, _pooled(capped))

    def objective(theta: Array) -> float:
        logits = expanded @ theta
        loss = np.logaddexp(0.0, np.where(outcomes == 1.0, -logits, logits)).sum()
        return float(loss + 0.5 * (theta[6:] ** 2).sum() + 0.25 * (np.diff(theta[:6]) ** 2).sum())

    found = np.concatenate([value.arrays["interval_intercepts"], value.arrays["coefficients"]])
    best = optimize.minimize(objective, np.zeros(10), method="BFGS", options={"gtol": 1e-8}, jac="3-point")
    assert np.allclose(found, best.x, atol=1e-4)
    assert objective(found) <= best.fun + 1e-9
    assert found[4:6] == pytest.approx(found[3], abs=1e-6)  # nobody is at risk after 20 days


def test_without_columns_that_matter_the_curve_is_kaplan_and_meiers(federate: Federate) -> None:
    """With coefficients held at 0 and no smoothing, the hazards are events over rows at risk: the same curve."""
    plan = recipe.from_plan({**PLAN, "ridge": 1e9, "smooth": 0.0})
    sites = [recipe.Rows(_table(70, seed), EMPTY) for seed in range(3)]
    curve = plan.predict(federate(plan, sites).state, sites[0].train.features[:1])[0]
    counted = recipe.from_plan({"recipe": "kaplan_meier", "intervals": 6, "schema": PLAN["schema"]})
    expected = federate(counted, sites).state.arrays["survival"][0]
    assert expected[0] == 1.0
    assert np.allclose(curve, expected[1:], atol=1e-5)


def test_intervals_without_an_event_stay_finite(federate: Federate) -> None:
    """One event in the first of many intervals, and nobody at risk in most: smoothing keeps every curve between 0 and 1."""
    plan = recipe.from_plan({**PLAN, "intervals": 30})
    table = _table(30, 3)
    target = -np.minimum(np.abs(table.target), 8.0)
    target[0] = 0.5
    value = federate(plan, [recipe.Rows(records.Table(table.features, target), EMPTY)] * 3).state
    assert value.reason is state.Reason.CONVERGED
    curves = plan.predict(value, table.features)
    assert curves.shape == (30, 30)
    assert ((curves > 0.0) & (curves < 1.0)).all()
    assert (np.diff(curves, axis=1) < 0.0).all()


def test_without_smoothing_an_empty_interval_is_named(federate: Federate) -> None:
    """Where nobody is ever at risk and nothing ties the intercept, the curvature cannot be inverted: the run says so."""
    plan = recipe.from_plan({**PLAN, "smooth": 0.0})
    table = _table(50, 4)
    early = records.Table(table.features, np.clip(table.target, -12.0, 12.0))
    assert federate(plan, [recipe.Rows(early, EMPTY)] * 3).state.reason is state.Reason.NOT_POSITIVE_DEFINITE


@hypothesis.given(strategies.integers(0, 2**31), strategies.integers(0, 40))
@hypothesis.settings(max_examples=25, deadline=None)
def test_partial_sums_add_up_in_any_order(seed: int, cut: int) -> None:
    """Two parts of a table contribute what the whole does, whatever the order of rows."""
    plan, table = recipe.from_plan(PLAN), _table(40, seed)
    hypothesis.assume((~np.signbit(table.target)).any())
    value = _at(plan, _described(plan, table), seed, 1.0)
    seen = plan.standardised(value, table)
    whole = plan.learner.partial(value, seen)
    order = np.random.default_rng(seed).permutation(40)
    parts = [plan.learner.partial(value, seen.take(order[part])) for part in (slice(0, cut), slice(cut, 40))]
    for name, vector in whole.items():
        assert np.allclose(parts[0][name] + parts[1][name], vector, rtol=1e-9, atol=1e-9)


def _at(plan: recipe.Recipe, value: state.State, seed: int, scale: float) -> state.State:
    """Return the state with random parameters."""
    theta = scale * np.random.default_rng(seed).normal(size=plan.learner.intervals.count + plan.schema.width)
    return state.State(value.stage, value.step, {**value.arrays, **plan.learner._shown(theta)})


@pytest.mark.parametrize("scale", [0.0, 1.0, 40.0])
@pytest.mark.parametrize("ends", ["all die at once", "all live to the end", "as they come"])
def test_caps_hold_for_one_site_with_all_rows(scale: float, ends: str) -> None:
    """No block exceeds its cap wherever the parameters are, with heavy tails and with everybody at risk to the end."""
    plan = recipe.from_plan(PLAN)
    table = _table(200, 6)
    features = table.features.copy()
    features[:, 1] = np.clip(np.random.default_rng(5).standard_t(1.2, 200), -50, 50)
    target = {"all die at once": np.full(200, 0.0), "all live to the end": np.full(200, -30.0)}.get(ends, table.target)
    target = np.where(np.arange(200) == 0, 30.0, target)
    whole = records.Table(features, target)
    value = _at(plan, _described(plan, whole), 1, scale)
    part = plan.learner.partial(value, plan.standardised(value, whole))
    for block in plan.learner.blocks(value):
        assert part[block.name].shape == (block.length,)
        assert np.abs(part[block.name]).max() <= block.cap
        assert np.frexp(block.cap)[0] == 0.5


def test_derivatives_match_finite_differences() -> None:
    """Gradient and curvature, put together from their blocks, are those of the loss."""
    plan, table = recipe.from_plan({**PLAN, "ridge": 1.0, "smooth": 0.0}), _table(50, 8)
    start = _described(plan, table)
    seen = plan.standardised(start, table)
    theta = 0.5 * np.random.default_rng(2).normal(size=10)

    def at(point: Array) -> dict[str, Array]:
        return dict(
            plan.learner.partial(state.State(start.stage, 0, {**start.arrays, **plan.learner._shown(point)}), seen)
        )

    def gradient(point: Array) -> Array:
        return np.concatenate([at(point)["interval_gradient"], at(point)["gradient"]])

    nudges = np.eye(10) * 1e-5
    slopes = [(at(theta + nudge)["loss"][0] - at(theta - nudge)["loss"][0]) / 2e-5 for nudge in nudges]
    assert np.allclose(slopes, gradient(theta), rtol=1e-4, atol=1e-4)
    curvature = np.array([(gradient(theta + nudge) - gradient(theta - nudge)) / 2e-5 for nudge in nudges])
    step = plan.learner._step(theta, at(theta))
    penalty = np.diag([0.0] * 6 + [1.0] * 4)
    assert np.allclose((curvature + penalty) @ step, -(gradient(theta) + penalty @ theta), rtol=1e-3, atol=1e-3)


def test_long_tables_are_summed_slice_by_slice() -> None:
    """Rows times intervals never lie in memory at once; the sums are the same."""
    plan, table = recipe.from_plan({**PLAN, "intervals": 1000}), _table(2500, 8)
    value = _described(plan, table)
    seen = plan.standardised(value, table)
    assert records.batch_rows(1004) < 2500 / 2
    sliced, whole = plan.learner.partial(value, seen), plan.learner._sums(value, seen)
    assert all(np.allclose(sliced[name], vector, rtol=1e-9, atol=1e-9) for name, vector in whole.items())


def test_a_step_that_raises_the_loss_is_halved() -> None:
    """From a far start Newton overshoots; halving by the summed loss still reaches the same estimate."""
    plan = recipe.from_plan({**PLAN, "max_steps": 100})
    table = _table(80, 7)
    start = _described(plan, table)
    near, none = _fitted(plan, start, table)
    far, some = _fitted(plan, _at(plan, start, 3, 4.0), table)
    assert (none, some > 0) == (0, True)
    assert near.reason is far.reason is state.Reason.CONVERGED
    assert np.allclose(far.arrays["coefficients"], near.arrays["coefficients"], atol=1e-7)
    assert not set(newton.SEARCH) & set(far.arrays)


def _fitted(plan: recipe.Recipe, value: state.State, table: records.Table) -> tuple[state.State, int]:
    halvings = 0
    while value.stage is state.Stage.FIT:
        value = plan.learner.combine(value, plan.learner.partial(value, plan.standardised(value, table)))
        halvings += int(value.arrays.get("halvings", np.zeros(1))[0] > 0)
    return value, halvings


def test_half_a_step_is_half_of_it() -> None:
    """A step whose loss is higher is halved from where it began, and halved again."""
    plan, table = recipe.from_plan(PLAN), _table(60, 7)
    start = _described(plan, table)
    sums = plan.learner.partial(start, plan.standardised(start, table))
    tried = plan.learner.combine(start, sums)
    half = plan.learner.combine(tried, {**sums, "loss": sums["loss"] + 1e6})
    quarter = plan.learner.combine(half, {**sums, "loss": sums["loss"] + 1e6})
    for name in ("interval_intercepts", "coefficients"):
        assert np.allclose(half.arrays[name], tried.arrays[name] / 2.0)
        assert np.allclose(quarter.arrays[name], tried.arrays[name] / 4.0)


def test_search_ends_are_named() -> None:
    """Too few steps, and a loss that never falls, end the search with their reasons and the best model so far."""
    table = _table(60, 7)
    short = recipe.from_plan({**PLAN, "max_steps": 2})
    assert _fitted(short, _described(short, table), table)[0].reason is state.Reason.STEPS_DONE
    plan = recipe.from_plan({**PLAN, "max_steps": 100})
    value = _described(plan, table)
    loss = 1.0
    while value.stage is state.Stage.FIT:
        sums = plan.learner.partial(value, plan.standardised(value, table))
        loss *= 2.0
        value = plan.learner.combine(value, {**sums, "loss": np.array([loss])})
    assert value.reason is state.Reason.NO_DESCENT
    assert not value.arrays["coefficients"].any()


def test_curves_and_risks_agree(federate: Federate) -> None:
    """The higher the risk, the lower the curve at every time; the heads are the ends of the intervals."""
    plan = recipe.from_plan(PLAN)
    sites = [recipe.Rows(_table(60, seed), _table(40, 10 + seed)) for seed in range(3)]
    outcome = federate(plan, sites)
    features = sites[0].held_out.features
    risks, curves = plan.scores(outcome.state, features), plan.predict(outcome.state, features)
    assert risks.shape == (40,)
    assert (np.diff(curves[np.argsort(risks)], axis=0) <= 0.0).all()
    assert plan.learner.heads(outcome.state) == ("5", "10", "15", "20", "25", "30")
    assert outcome.metrics[1].concordance == 0.5
    assert outcome.metrics[-1].concordance > 0.6
    assert outcome.metrics[-1].rows == 120


@pytest.mark.slow("processes with pandas start")
def test_lung_cancer_ranks_as_coxs_model_does(federate: Federate) -> None:
    """Over splits of 18 institutions' patients, held-out concordance is within 0.01 of lifelines' Cox model on average."""
    columns = ["sex", "age", "ph.ecog", "ph.karno", "pat.karno"]
    asked = {"table": "lung", "needed": ["inst", "time", "status", *columns]}
    lung = {name: np.array(values) for name, values in survival_oracle_answers.ask(**asked)["rows"].items()}
    signed = np.where(lung["status"] == 1, 1.0, -1.0) * lung["time"]
    values = np.stack([lung[name] for name in columns], axis=1).astype(float)
    features = [{"name": name, "kind": "numeric", "lo": 0, "hi": 120} for name in columns]
    columns_and_target = {"features": features, "target": {**PLAN["schema"]["target"], "hi": 1100}}
    plan = recipe.from_plan({"recipe": "discrete_survival", "schema": columns_and_target})
    differences = []
    for seed in range(3):
        is_train = np.random.default_rng(seed).random(len(signed)) < 0.7
        sites = []
        for inst in np.unique(lung["inst"]):
            masks = [(lung["inst"] == inst) & mask for mask in (is_train, ~is_train)]
            sites.append(recipe.Rows(*(records.Table(values[mask], signed[mask]) for mask in masks)))
        value = federate(plan, sites).state
        risks = plan.scores(value, values[~is_train])
        said = survival_oracle_answers.ask(**asked, columns=columns, train=is_train.tolist(), risks=risks.tolist())
        differences.append(said["concordance"] - said["cox"])
        assert abs(differences[-1]) < 0.02
    assert abs(np.mean(differences)) < 0.01


def test_model_files_and_exhibits(federate: Federate) -> None:
    """A file gives the same curves back; tables are in original units and the plan's names."""
    plan = recipe.from_plan(PLAN)
    value = federate(plan, [recipe.Rows(_table(60, seed), EMPTY) for seed in range(3)]).state
    features = _table(9, 1).features
    read = model.decode(model.encode(model.Model(plan, value)))
    assert np.array_equal(read.predict(features), plan.predict(value, features))
    coefficients, baseline = plan.exhibits(value)
    assert [row[0] for row in coefficients.rows] == ["age", "dose", "arm=a", "arm=b"]
    older = features.copy()
    older[:, 0] += 1.0
    rise = plan.scores(value, older) - plan.scores(value, features)
    assert np.allclose(rise, coefficients.rows[0][1])
    assert coefficients.rows[0][2] == pytest.approx(np.exp(coefficients.rows[0][1]))
    assert [row[:2] for row in baseline.rows][:2] == [(0.0, 5.0), (5.0, 10.0)]
    means = value.arrays["mean"][None, :]
    assert np.allclose([row[3] for row in baseline.rows], plan.predict(value, means)[0])


BAD = {
    "ridge negative": ({"ridge": -1.0}, "recipe.ridge"),
    "smooth negative": ({"smooth": -0.1}, "recipe.smooth"),
    "smooth in words": ({"smooth": "much"}, "recipe.smooth"),
    "steps zero": ({"max_steps": 0}, "recipe.max_steps"),
    "too many intervals": ({"intervals": 4097}, "recipe.intervals"),
    "too many parameters": ({"intervals": 1021}, "recipe discrete_survival"),
    "another link": ({"link": "probit"}, "recipe.link"),
    "cuts outside": ({"intervals": ..., "cuts": [-1.0]}, "recipe.cuts"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_named(name: str) -> None:
    """Every option that cannot be is refused by its name."""
    changes, which = BAD[name]
    document = {key: value for key, value in {**PLAN, **changes}.items() if value is not ...}
    with pytest.raises(errors.InputError) as caught:
        recipe.from_plan(document)
    assert caught.value.which == which


@pytest.mark.parametrize("changes", [{}, {"ridge": 0.0, "smooth": 2.5, "max_steps": 7}, {"cuts": [1.0, 2.0]}])
def test_plans_are_written_out_and_read_back(changes: dict[str, Any]) -> None:
    """Every option is written out and gives the same recipe again."""
    document = {key: value for key, value in PLAN.items() if not ("cuts" in changes and key == "intervals")}
    plan = recipe.from_plan({**document, **changes})
    assert recipe.from_plan(recipe.to_plan(plan)) == plan
