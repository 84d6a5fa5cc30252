"""Naive Bayes: scikit-learn's on the pooled rows; gaps contribute nothing."""

from collections.abc import Callable, Sequence
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies

from aicommons.domain import errors, schema
from aicommons.learning import blocks, model, recipe, records, state

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]

naive = pytest.importorskip("sklearn.naive_bayes", reason="scikit-learn is the pooled comparison")

FEATURES = (
    schema.numeric("age", -100, 100),
    schema.category("kind", ["p", "q", "r"]),
    schema.numeric("bmi", -100, 100),
    schema.category("ward", ["a", "b"]),
)
TARGETS = {
    2: schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    3: schema.Target(schema.Task.MULTINOMIAL, "y", classes=("u", "v", "w")),
}
NUMBERS, KINDS, WARDS = [0, 4], slice(1, 4), slice(5, 7)


def _plan(classes: int = 2, *, features: Any = FEATURES, target: Any = ..., **options: Any) -> recipe.Recipe:
    columns = schema.Schema(features, TARGETS[classes] if target is ... else target, schema.Missing.FILL)
    return recipe.from_plan({"recipe": "naive_bayes", "schema": schema.to_document(columns), **options})


def _tables(classes: int = 2, *, gaps: float = 0.0, rows: Sequence[int] = (50, 80, 30)) -> list[records.Table]:
    rng = np.random.default_rng(4)
    made = []
    for count in rows:
        target = rng.integers(0, classes, count)
        numbers = rng.normal(size=(count, 2)) * (1.0 + target[:, None]) * [3.0, 10.0] + target[:, None] * [2.0, -5.0]
        kinds = np.eye(3)[np.where(rng.random(count) < 0.4, target % 3, rng.integers(0, 3, count))]
        wards = np.eye(2)[rng.integers(0, 2, count)]
        numbers = numbers.clip(-100, 100)
        numbers[rng.random(numbers.shape) < gaps] = np.nan
        kinds[rng.random(count) < gaps] = 0.0
        features = np.column_stack([numbers[:, :1], kinds, numbers[:, 1:], wards])
        made.append(records.Table(features, target.astype(np.float64)))
    return made


def _rows(tables: Sequence[records.Table]) -> list[recipe.Rows]:
    return [recipe.Rows(each, each) for each in tables]


def _pooled(features: Array, target: Array, *, smoothing: float = 1.0) -> Array:
    """Return joint log-probabilities of GaussianNB on standardised numbers and CategoricalNB on codes together."""
    z = (features[:, NUMBERS] - features[:, NUMBERS].mean(axis=0)) / features[:, NUMBERS].std(axis=0)
    codes = np.column_stack([features[:, KINDS].argmax(axis=1), features[:, WARDS].argmax(axis=1)])
    normal = naive.GaussianNB().fit(z, target)
    levels = naive.CategoricalNB(alpha=smoothing, min_categories=[3, 2]).fit(codes, target)
    joint = normal.predict_joint_log_proba(z) + levels.predict_joint_log_proba(codes)
    return np.asarray(joint - np.log(normal.class_prior_), dtype=np.float64)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("smoothing", [1.0, 0.01])
def test_scores_are_those_of_the_pooled_rows(classes: int, smoothing: float, federate: Federate) -> None:
    """Log-posteriors within 1e-6 of scikit-learn's two estimators together, and probabilities of its classes."""
    plan = _plan(classes, smoothing=smoothing)
    tables = _tables(classes)
    outcome = federate(plan, _rows(tables))
    assert outcome.state.reason is state.Reason.CONVERGED
    assert len(outcome.metrics) == 3
    features, target = (np.concatenate(both) for both in zip(*((t.features, t.target) for t in tables), strict=True))
    joint = _pooled(features, target, smoothing=smoothing)
    scores = plan.scores(outcome.state, features)
    assert np.abs(scores - (joint[:, 1] - joint[:, 0] if classes == 2 else joint)).max() < 1e-6
    odds = np.exp(joint - joint.max(axis=1)[:, None])
    expected = odds / odds.sum(axis=1)[:, None]
    assert np.abs(plan.predict(outcome.state, features) - expected).max() < 1e-6
    assert outcome.metrics[-1].accuracy == pytest.approx((joint.argmax(axis=1) == target).mean())


def test_heart_disease_is_judged_as_pooled(heart: Any, columns_of: Any, federate: Federate) -> None:
    """Four hospitals, 13 columns as numbers: GaussianNB's log-odds on the pooled, standardised rows."""
    columns = schema.Schema(columns_of(heart.features), TARGETS[2])
    plan = recipe.from_plan({"recipe": "naive_bayes", "schema": schema.to_document(columns)})
    tables = [records.Table(*both) for both in zip(heart.features, heart.target, strict=True)]
    outcome = federate(plan, _rows(tables))
    features, target = np.concatenate(heart.features), np.concatenate(heart.target)
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    joint = naive.GaussianNB().fit(z, target).predict_joint_log_proba(z)
    scores = plan.scores(outcome.state, features)
    assert np.abs(scores - (joint[:, 1] - joint[:, 0])).max() < 1e-6 * np.abs(scores).max()


def test_gaps_contribute_nothing(federate: Federate) -> None:
    """Means, variances and shares are those of the values that are there, and a row of gaps scores the prior."""
    plan = _plan(3)
    tables = _tables(3, gaps=0.2)
    value = federate(plan, _rows(tables)).state
    features, target = (np.concatenate(both) for both in zip(*((t.features, t.target) for t in tables), strict=True))
    shown = {each.name: each for each in plan.exhibits(value)}
    for name, label, mean, deviation in shown["numbers"].rows:
        mine = features[target == ("u", "v", "w").index(label), 0 if name == "age" else 4]
        assert mean == pytest.approx(np.nanmean(mine), rel=1e-6)
        assert deviation == pytest.approx(np.nanstd(mine), rel=1e-6)
    for name, *shares in shown["levels"].rows[:3]:
        place = [column.name for column in plan.schema.columns].index(name)
        for label, share in enumerate(shares):
            mine = features[target == label]
            assert share == pytest.approx((mine[:, place].sum() + 1) / (mine[:, KINDS].sum() + 3))
    nothing = np.zeros((1, 7))
    nothing[:, NUMBERS] = np.nan
    prior = np.bincount(target.astype(int)) / len(target)
    assert plan.predict(value, nothing)[0] == pytest.approx(prior)


def test_a_class_that_nobody_has_is_never_predicted(federate: Federate) -> None:
    """Scores stay finite, and the class has probability 0."""
    plan = _plan(3)
    tables = [records.Table(each.features, each.target % 2) for each in _tables(3)]
    value = federate(plan, _rows(tables)).state
    features = tables[0].features
    assert np.isfinite(plan.scores(value, features)).all()
    assert plan.predict(value, features)[:, 2].max() < 1e-100


def _described(plan: recipe.Recipe, tables: Sequence[records.Table]) -> state.State:
    value = plan.initial()
    rng = np.random.default_rng(0)
    parts = [plan.contribute(value, rows, rng=rng)[0] for rows in _rows(tables)]
    return plan.combine(value, [{name: sum(part[name] for part in parts) for name in parts[0]}])


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(
    strategies.lists(strategies.sampled_from([np.nan, -100.0, -1e-4, 0.0, 2e-4, 99.0, 100.0]), min_size=2, max_size=9),
    strategies.integers(0, 9),
    strategies.integers(0, 2**20),
)
def test_sums_add_up_and_keep_their_caps(values: list[float], cut: int, seed: int) -> None:
    """Parts in any order add up to the whole, for any valid rows at one site, and nothing is over its cap."""
    plan = _plan()
    rng = np.random.default_rng(seed)
    rows = len(values)
    kinds, wards = np.eye(4)[rng.integers(0, 4, rows)][:, :3], np.eye(2)[rng.integers(0, 2, rows)]
    features = np.column_stack([values, kinds, rng.permutation(values), wards])
    table = records.Table(features, np.arange(rows) % 2.0)
    value = _described(plan, [table])
    whole = plan.learner.partial(value, table)
    for block in plan.learner.blocks(value):
        assert whole[block.name].shape == (block.length,)
        assert np.abs(whole[block.name]).max() <= block.cap
        assert np.frexp(block.cap)[0] == 0.5
    order = rng.permutation(rows)
    parts = [plan.learner.partial(value, table.take(places)) for places in (order[:cut], order[cut:])]
    for name, vector in whole.items():
        assert np.allclose(parts[0][name] + parts[1][name], vector, rtol=1e-9, atol=1e-9)
    fitted = plan.learner.combine(value, whole)
    blocks.check_contribution(plan.blocks(fitted), plan.judged(fitted, table))
    assert np.isfinite(plan.scores(fitted, table.features)).all()


def test_few_rows_of_a_class_stay_out() -> None:
    """Levels and numbers that 1 to 9 of a site's rows of a class have are 0 in what it sends."""
    plan = _plan(3)
    tables = _tables(3, gaps=0.3, rows=(40, 90, 90))
    value = _described(plan, tables)
    sums = plan.learner.partial(value, tables[0])
    kept = plan.learner.withheld(value, sums, 9)
    few = {name: (sums[name] > 0) & (sums[name] < 9) for name in ("level_rows", "number_rows")}
    for name in ("level_rows", "number_rows", "number_sums", "number_squares"):
        held = few["level_rows" if name == "level_rows" else "number_rows"]
        assert held.any()
        assert not kept[name][held].any()
        assert np.array_equal(kept[name][~held], sums[name][~held])


BAD = {
    "no target": ({"target": None}, "recipe.recipe"),
    "a number": ({"target": schema.Target(schema.Task.GAUSSIAN, "y", lo=0, hi=1)}, "recipe.recipe"),
    "no smoothing": ({"smoothing": 0.0}, "recipe.smoothing"),
    "smoothing as text": ({"smoothing": "1"}, "recipe.smoothing"),
    "no variance smoothing": ({"variance_smoothing": 0.0}, "recipe.variance_smoothing"),
    "unknown option": ({"ridge": 1.0}, "recipe.ridge"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_plans_are_named(name: str) -> None:
    """Other targets and options out of range are refused before a run."""
    options, which = BAD[name]
    with pytest.raises(errors.InputError) as caught:
        _plan(**options)
    assert which in str(caught.value.which)


@pytest.mark.parametrize("features", [FEATURES, FEATURES[:1], FEATURES[1:2]])
@pytest.mark.parametrize("classes", [2, 3])
def test_plans_and_files_round_trip(features: Any, classes: int, federate: Federate) -> None:
    """The file gives plan, tables and predictions back, with numbers or categories alone too."""
    plan = _plan(classes, features=features)
    assert recipe.from_plan(recipe.to_plan(plan)) == plan
    places = {2: slice(0, 7)}.get(len(features) // 2, slice(0, 1) if features == FEATURES[:1] else KINDS)
    tables = [records.Table(each.features[:, places].copy(), each.target) for each in _tables(classes)]
    fitted = model.Model(plan, federate(plan, _rows(tables)).state)
    found = model.decode(model.encode(fitted))
    assert np.array_equal(found.predict(tables[0].features), fitted.predict(tables[0].features))
    assert found.recipe.exhibits(found.state) == plan.exhibits(fitted.state)
    assert set(found.labels(tables[0].features)) <= set(plan.schema.classes)
