"""Groups by Lloyd's algorithm: those of scikit-learn on the pooled rows from the same starting centres."""

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

cluster = pytest.importorskip("sklearn.cluster", reason="scikit-learn is the pooled comparison")


def _plan(width: int = 3, *, target: Any = None, **options: Any) -> recipe.Recipe:
    features = tuple(schema.numeric(f"x{index}", -100, 100) for index in range(width))
    columns = schema.Schema(features, target, schema.Missing.FILL)
    return recipe.from_plan({"recipe": "kmeans", "schema": schema.to_document(columns), **options})


def _tables(width: int = 3, *, gaps: float = 0.0) -> list[records.Table]:
    rng = np.random.default_rng(3)
    middles = rng.normal(size=(4, width)) * 6
    made = []
    for rows in (60, 90, 40):
        features = middles[rng.integers(0, 4, rows)] + rng.normal(size=(rows, width)) * 2
        features[rng.random(features.shape) < gaps] = np.nan
        made.append(records.Table(features, np.zeros(rows)))
    return made


def _rows(tables: Sequence[records.Table]) -> list[recipe.Rows]:
    return [recipe.Rows(each, records.Table(each.features[:0], each.target[:0])) for each in tables]


def _standardised(features: Array) -> Array:
    mean = np.nanmean(features, axis=0)
    filled = np.where(np.isnan(features), mean, features)
    return (filled - mean) / filled.std(axis=0)


def _pooled(z: Array, tries: Array, clusters: int) -> Any:
    """Return scikit-learn's best fit over the starting centres of all tries."""
    fits = [
        cluster.KMeans(clusters, init=start, n_init=1, algorithm="lloyd", tol=0.0, max_iter=1000).fit(z)
        for start in tries.reshape(-1, clusters, z.shape[1])
    ]
    return min(fits, key=lambda fit: fit.inertia_)


@pytest.mark.parametrize(("clusters", "restarts"), [(1, 1), (2, 1), (3, 4), (4, 8)])
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_groups_are_those_of_the_pooled_rows(clusters: int, restarts: int, gaps: float, federate: Federate) -> None:
    """Centres, sizes and summed squares within 1e-6 of scikit-learn's, and the same groups."""
    plan = _plan(clusters=clusters, restarts=restarts)
    tables = _tables(gaps=gaps)
    outcome = federate(plan, _rows(tables))
    assert outcome.state.stage is state.Stage.FINISHED
    assert outcome.state.reason is state.Reason.CONVERGED
    z = _standardised(np.concatenate([each.features for each in tables]))
    start = plan.learner.initial(plan.schema, plan.seed).arrays["tries"]
    fit = _pooled(z, start, clusters)
    _assert_same(outcome.state, fit, z)
    found = plan.predict(outcome.state, np.concatenate([each.features for each in tables]))
    assert len(set(zip(found.tolist(), fit.labels_.tolist(), strict=True))) == clusters


def _assert_same(value: state.State, fit: Any, z: Array) -> None:
    found = value.arrays["centres"]
    order = np.lexsort(found.T)
    expected = fit.cluster_centers_[np.lexsort(fit.cluster_centers_.T)]
    assert np.abs(found[order] - expected).max() < 1e-6
    assert sorted(value.arrays["group_rows"].tolist()) == sorted(np.bincount(fit.labels_).tolist())
    assert value.arrays["group_squares"].sum() == pytest.approx(fit.inertia_, rel=1e-6)
    assert len(z) == value.arrays["group_rows"].sum()


@pytest.mark.parametrize("clusters", [2, 3])
def test_heart_disease_has_the_pooled_groups(clusters: int, heart: Any, columns_of: Any, federate: Federate) -> None:
    """Four hospitals, 13 columns: as good as the pooled groups from the same starts."""
    columns = schema.Schema(columns_of(heart.features), None)
    document = {"recipe": "kmeans", "clusters": clusters, "restarts": 4, "schema": schema.to_document(columns)}
    plan = recipe.from_plan(document)
    outcome = federate(plan, _rows([records.Table(each, np.zeros(len(each))) for each in heart.features]))
    z = _standardised(np.concatenate(heart.features))
    fit = _pooled(z, plan.learner.initial(plan.schema, plan.seed).arrays["tries"], clusters)
    _assert_same(outcome.state, fit, z)


def test_an_empty_group_is_moved_and_found_again() -> None:
    """A centre that no row is near moves beside the most spread group of its try, off in its own direction."""
    plan = _plan(1, clusters=2, restarts=1)
    table = records.Table(np.array([[-50.0], [-49.0], [49.0], [50.0]]), np.zeros(4))
    value = _described(plan, table)
    far = {**value.arrays, "tries": np.array([[0.0], [90.0]])}
    value = plan.learner.combine(
        state.State(value.stage, 0, far),
        plan.learner.partial(state.State(value.stage, 0, far), plan.standardised(value, table)),
    )
    assert value.stage is state.Stage.FIT
    moved = value.arrays["tries"][1, 0]
    assert abs(moved) == pytest.approx(1.0)
    assert np.sign(moved) == np.sign(value.arrays["directions"][1, 0])
    while value.stage is state.Stage.FIT:
        value = plan.learner.combine(value, plan.learner.partial(value, plan.standardised(value, table)))
    assert value.arrays["group_rows"].tolist() == [2.0, 2.0]


def test_more_groups_than_unlike_rows_come_to_an_end(federate: Federate) -> None:
    """Groups that no row can be in stay empty after some rounds, and the tables say so."""
    plan = _plan(2, clusters=4, restarts=2)
    tables = [records.Table(np.array([[1.0, 2.0], [3.0, 9.0]]), np.zeros(2)) for _ in range(3)]
    outcome = federate(plan, _rows(tables))
    assert outcome.state.reason is state.Reason.CONVERGED
    assert sorted(outcome.state.arrays["group_rows"].tolist()) == [0.0, 0.0, 3.0, 3.0]
    groups, _ = plan.exhibits(outcome.state)
    assert {row[3] is None for row in groups.rows if row[1] == 0} == {True}


def test_steps_end_where_the_plan_says(federate: Federate) -> None:
    """max_steps fit rounds, then the best so far."""
    plan = _plan(clusters=4, max_steps=2)
    outcome = federate(plan, _rows(_tables()))
    assert (outcome.state.reason, len(outcome.metrics)) == (state.Reason.STEPS_DONE, 3)


def test_squares_are_around_the_centres_that_are_told(federate: Federate) -> None:
    """Also where steps end before centres rest: of one group, every standardised column has a square of 1 per row."""
    value = federate(_plan(clusters=1, max_steps=1), _rows(_tables())).state
    assert value.arrays["group_squares"] == pytest.approx(np.array([190.0 * 3]), rel=1e-9)


def _described(plan: recipe.Recipe, table: records.Table) -> state.State:
    value = plan.initial()
    return plan.combine(value, [plan.contribute(value, _rows([table])[0], rng=np.random.default_rng(0))[0]])


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(
    strategies.lists(strategies.sampled_from([np.nan, -100.0, -1e-4, 0.0, 2e-4, 99.0, 100.0]), min_size=2, max_size=12),
    strategies.integers(0, 12),
)
def test_sums_add_up_and_keep_their_caps(values: list[float], cut: int) -> None:
    """Parts add up to the whole, for any valid rows at one site and in every round, and nothing is over its cap."""
    plan = _plan(2, clusters=2, restarts=2)
    half = len(values) // 2
    table = records.Table(np.array(values[: 2 * half]).reshape(half, 2), np.zeros(half))
    value = _described(plan, table)
    seen = plan.standardised(value, table)
    while value.stage is state.Stage.FIT:
        whole = plan.learner.partial(value, seen)
        blocks.check_contribution(plan.blocks(value), whole)
        for block in plan.learner.blocks(value):
            assert np.abs(whole[block.name]).max() <= block.cap
            assert np.frexp(block.cap)[0] == 0.5
        places = np.arange(half)
        parts = [plan.learner.partial(value, seen.take(places[part])) for part in (slice(cut), slice(cut, None))]
        for name, vector in whole.items():
            assert np.allclose(parts[0][name] + parts[1][name], vector, rtol=1e-9, atol=1e-9)
        value = plan.learner.combine(value, whole)


def test_groups_of_few_rows_stay_out() -> None:
    """A site's groups of 1 to 9 rows are 0 in rows, sums and squares, the others as they were."""
    plan = _plan(clusters=6, restarts=2)
    table = _tables()[0]
    value = _described(plan, table)
    sums = plan.learner.partial(value, plan.standardised(value, table))
    kept = plan.learner.withheld(value, sums, 10)
    few = (sums["group_rows"] > 0) & (sums["group_rows"] < 10)
    assert few.any()
    assert not few.all()
    wide = np.repeat(few, 3)
    for name, held in (("group_rows", few), ("group_squares", few), ("group_sums", wide)):
        assert not kept[name][held].any()
        assert np.array_equal(kept[name][~held], sums[name][~held])


BAD = {
    "a target": ({"target": schema.Target(schema.Task.GAUSSIAN, "y", lo=0, hi=1)}, "recipe.recipe"),
    "no groups": ({"clusters": 0}, "recipe.clusters"),
    "groups not whole": ({"clusters": 2.5}, "recipe.clusters"),
    "no tries": ({"restarts": 0}, "recipe.restarts"),
    "no steps": ({"max_steps": 0}, "recipe.max_steps"),
    "tolerance below 0": ({"tolerance": -1.0}, "recipe.tolerance"),
    "too many values": ({"width": 9_000, "clusters": 1_000}, "recipe kmeans"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_plans_are_named(name: str) -> None:
    """A target and options out of range are refused before a run."""
    options, which = BAD[name]
    with pytest.raises(errors.InputError) as caught:
        _plan(**options)
    assert which in str(caught.value.which)


def test_plans_files_and_groups_round_trip(federate: Federate) -> None:
    """The file gives plan, tables and groups back; centres stand in the columns' units."""
    plan = _plan(clusters=2, restarts=3)
    assert recipe.from_plan(recipe.to_plan(plan)) == plan
    tables = _tables()
    fitted = model.Model(plan, federate(plan, _rows(tables)).state)
    found = model.decode(model.encode(fitted))
    features = np.concatenate([each.features for each in tables])
    groups = found.predict(features)
    assert np.array_equal(groups, fitted.predict(features))
    assert plan.learner.heads(found.state) == ("group",)
    sizes, centres = plan.exhibits(found.state)
    for group in range(2):
        mine = features[groups == group]
        assert sizes.rows[group][1] == len(mine)
        assert [row[1 + group] for row in centres.rows] == pytest.approx(mine.mean(axis=0).tolist(), rel=1e-9)
