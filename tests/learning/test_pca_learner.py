"""Principal components: eigenvectors of the pooled correlation matrix, the same bytes everywhere."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies

from aicommons.domain import errors, schema
from aicommons.learning import blocks, combine, model, recipe, records, state

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]


def _plan(width: int = 4, *, target: Any = None, **options: Any) -> recipe.Recipe:
    features = tuple(schema.numeric(f"x{index}", -100, 100) for index in range(width))
    columns = schema.Schema(features, target, schema.Missing.FILL)
    return recipe.from_plan({"recipe": "pca", "schema": schema.to_document(columns), **options})


def _tables(width: int = 4, *, gaps: float = 0.0) -> list[records.Table]:
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(width, width))
    made = []
    for rows in (30, 50, 20):
        features = rng.normal(size=(rows, width)) @ mixing + rng.normal(size=width)
        features[rng.random(features.shape) < gaps] = np.nan
        made.append(records.Table(features, np.zeros(rows)))
    return made


def _rows(tables: Sequence[records.Table]) -> list[recipe.Rows]:
    return [recipe.Rows(each, records.Table(each.features[:0], each.target[:0])) for each in tables]


def _pooled(features: Array) -> tuple[Array, Array]:
    """Return eigenvalues and eigenvectors (rows) of the correlation matrix as LAPACK finds them, largest first."""
    filled = np.where(np.isnan(features), np.nanmean(features, axis=0), features)
    deviation = filled.std(axis=0)
    z = (filled - filled.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    values, vectors = np.linalg.eigh(z.T @ z / len(z))
    return values[::-1], vectors[:, ::-1].T


def _assert_same(value: state.State, features: Array) -> None:
    variances, vectors = _pooled(features)
    assert np.abs(value.arrays["variances"] - variances).max() < 1e-9
    found = value.arrays["loadings"]
    along = (found * vectors[: len(found)]).sum(axis=1)
    assert np.abs(np.abs(along) - 1.0).max() < 1e-9
    assert (found[np.arange(len(found)), np.abs(found).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 24])
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_components_are_those_of_the_pooled_correlations(width: int, gaps: float, federate: Federate) -> None:
    """Variances and loadings of LAPACK's eigh on the pooled rows, gaps at the mean; one fit round."""
    plan = _plan(width)
    tables = _tables(width, gaps=gaps)
    outcome = federate(plan, _rows(tables))
    assert outcome.state.stage is state.Stage.FINISHED
    assert outcome.state.reason is state.Reason.CONVERGED
    assert len(outcome.metrics) == 2
    _assert_same(outcome.state, np.concatenate([each.features for each in tables]))


def test_heart_disease_has_the_pooled_components(heart: Any, columns_of: Any, federate: Federate) -> None:
    """Four hospitals, 13 columns."""
    columns = schema.Schema(columns_of(heart.features), None)
    plan = recipe.from_plan({"recipe": "pca", "components": 5, "schema": schema.to_document(columns)})
    tables = [records.Table(each, np.zeros(len(each))) for each in heart.features]
    _assert_same(federate(plan, _rows(tables)).state, np.concatenate(heart.features))


@pytest.mark.parametrize("size", [1, 2, 5, 33, 120])
def test_rotations_find_the_eigenvectors(size: int) -> None:
    """Jacobi's method agrees with LAPACK, and says that it came to its end."""
    rng = np.random.default_rng(size)
    base = rng.normal(size=(2 * size, size)) @ rng.normal(size=(size, size))
    matrix = np.corrcoef(base, rowvar=False).reshape(size, size)
    values, vectors, is_done = combine.eigen_symmetric(matrix)
    assert is_done
    assert np.abs(values - np.linalg.eigvalsh(matrix)[::-1]).max() < 1e-11
    assert np.abs(vectors @ vectors.T - np.eye(size)).max() < 1e-11
    assert np.abs(matrix @ vectors.T - vectors.T * values).max() < 1e-11


@pytest.mark.parametrize("matrix", [np.eye(3), np.zeros((3, 3)), np.ones((4, 4)), np.diag([1.0, 3.0, 2.0])])
def test_equal_eigenvalues_have_some_basis(matrix: Array) -> None:
    """Ties and zeros end too: in the order of the columns, with unit vectors at right angles."""
    values, vectors, is_done = combine.eigen_symmetric(matrix)
    assert is_done
    assert np.abs(vectors @ vectors.T - np.eye(len(matrix))).max() < 1e-12
    assert np.abs(matrix @ vectors.T - vectors.T * values).max() < 1e-12


def test_a_column_that_does_not_vary_has_no_part(federate: Federate) -> None:
    """A constant column takes no variance, and the components are those of the others."""
    tables = _tables(3)
    for table in tables:
        table.features[:, 1] = 5.0
    outcome = federate(_plan(3), _rows(tables))
    _assert_same(outcome.state, np.concatenate([each.features for each in tables]))
    assert outcome.state.arrays["variances"][2] < 1e-12


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(
    strategies.lists(strategies.sampled_from([-100.0, -1e-4, 0.0, 2e-4, 99.0, 100.0]), min_size=2, max_size=12),
    strategies.integers(0, 12),
)
def test_sums_add_up_and_keep_their_cap(values: list[float], cut: int) -> None:
    """Parts add up to the whole, for any valid rows at one site, and no product is over the cap."""
    plan = _plan(2)
    half = len(values) // 2
    table = records.Table(np.array(values[: 2 * half]).reshape(half, 2), np.zeros(half))
    rng = np.random.default_rng(0)
    value = plan.combine(plan.initial(), [plan.contribute(plan.initial(), _rows([table])[0], rng=rng)[0]])
    seen = plan.standardised(value, table)
    whole = plan.learner.partial(value, seen)
    blocks.check_contribution(plan.blocks(value), whole)
    (block,) = plan.learner.blocks(value)
    assert np.abs(whole["products"]).max() <= block.cap
    assert np.frexp(block.cap)[0] == 0.5
    places = np.arange(half)
    parts = [plan.learner.partial(value, seen.take(places[part])) for part in (slice(cut), slice(cut, None))]
    assert np.allclose(parts[0]["products"] + parts[1]["products"], whole["products"], rtol=1e-9, atol=1e-9)


BAD = {
    "a target": ({"target": schema.Target(schema.Task.GAUSSIAN, "y", lo=0, hi=1)}, "recipe.recipe"),
    "no components": ({"components": 0}, "recipe.components"),
    "more components than columns": ({"components": 5}, "recipe.components"),
    "too many columns": ({"width": 257}, "recipe pca"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_plans_are_named(name: str) -> None:
    """A target, components out of range and too many columns are refused before a run."""
    options, which = BAD[name]
    with pytest.raises(errors.InputError) as caught:
        _plan(**options)
    assert which in str(caught.value.which)


def test_plans_files_and_scores_round_trip(federate: Federate) -> None:
    """The file gives plan, tables and scores back; scores have the variances that the table says."""
    plan = _plan(components=2)
    assert recipe.from_plan(recipe.to_plan(plan)) == plan
    tables = _tables()
    fitted = model.Model(plan, federate(plan, _rows(tables)).state)
    found = model.decode(model.encode(fitted))
    features = np.concatenate([each.features for each in tables])
    scores = found.predict(features)
    assert np.array_equal(scores, fitted.predict(features))
    shown: Mapping[str, Any] = {each.name: each for each in plan.exhibits(found.state)}
    assert plan.learner.heads(found.state) == shown["loadings"].heads[1:] == ("component 1", "component 2")
    variances = [row[1] for row in shown["components"].rows]
    assert scores.var(axis=0) == pytest.approx(variances, rel=1e-9)
    assert shown["components"].rows[1][3] == pytest.approx(sum(variances) / 4)
    assert [row[0] for row in shown["loadings"].rows] == ["x0", "x1", "x2", "x3"]
