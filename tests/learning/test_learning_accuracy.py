"""The federated estimate is the pooled one: measured against scikit-learn on the same split, on real data."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicommons.domain import schema
from aicommons.learning import evaluation, recipe, records, splitting, state
from aicommons.learning.learners import glm, mlp

Array = npt.NDArray[np.float64]
Sites = Any
Federate = Callable[..., Any]
ColumnsOf = Callable[[Sequence[Array]], tuple[schema.Feature, ...]]

linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the pooled comparison")
sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the pooled comparison")

SEEDS = range(5)
TARGETS = {
    schema.Task.BINOMIAL: schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    schema.Task.MULTINOMIAL: schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c", "d", "e", "f")),
    schema.Task.GAUSSIAN: schema.Target(schema.Task.GAUSSIAN, "y", lo=-20.0, hi=40.0),
}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One federated run beside the pooled model on the same rows."""

    state: state.State
    metrics: Any
    pooled: Any
    truth: np.ndarray
    held_out: np.ndarray
    scores: np.ndarray


def _rows(sites: Sites, seed: int) -> list[recipe.Rows]:
    """Return each site's split: by unit where rows repeat units, else stratified."""
    rows = []
    for index, (features, target) in enumerate(zip(sites.features, sites.target, strict=True)):
        if sites.groups is not None:
            held_out = splitting.by_groups(sites.groups[index], seed=seed)
        else:
            held_out = splitting.by_rows(target, len(target), seed=seed)
        parts = [records.Table(features[mask], target[mask]) for mask in (~held_out, held_out)]
        rows.append(recipe.Rows(*parts))
    return rows


def _compare(federate: Federate, plan: recipe.Recipe, rows: list[recipe.Rows], pooled: Any) -> Comparison:
    """Run ``plan`` over ``rows`` and fit ``pooled`` on all training rows, standardised over all of them."""
    outcome = federate(plan, rows)
    train = np.concatenate([each.train.features for each in rows])
    held_out = np.concatenate([each.held_out.features for each in rows])
    deviation = train.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    pooled.fit((train - train.mean(axis=0)) / scale, np.concatenate([each.train.target for each in rows]))
    return Comparison(
        outcome.state,
        outcome.metrics[-1],
        pooled,
        np.concatenate([each.held_out.target for each in rows]),
        (held_out - train.mean(axis=0)) / scale,
        plan.scores(outcome.state, held_out),
    )


def _logistic(penalty: float = 1.0) -> Any:
    """Return scikit-learn's estimator, solved tightly enough to compare coefficients."""
    return linear_model.LogisticRegression(C=penalty, solver="newton-cholesky", tol=1e-10, max_iter=1000)


def _assert_same_coefficients(comparison: Comparison, limit: float = 1e-3) -> None:
    """Compare intercept and coefficients, relative to the largest one."""
    pooled = np.atleast_2d(comparison.pooled.coef_)
    gap = np.abs(comparison.state.arrays["coefficients"] - pooled).max() / np.abs(pooled).max()
    intercept_gap = np.abs(comparison.state.arrays["intercept"] - comparison.pooled.intercept_).max()
    assert gap <= limit
    assert intercept_gap <= limit * max(1.0, np.abs(comparison.pooled.intercept_).max())


@pytest.mark.parametrize("name", ["heart", "maize", "breast_cancer"])
@pytest.mark.parametrize("seed", SEEDS)
def test_binomial_glm_equals_pooled_logistic_regression(
    name: str, seed: int, request: pytest.FixtureRequest, federate: Federate, columns_of: ColumnsOf
) -> None:
    """Coefficients within 1e-3 of the pooled ones, accuracy within 0.005, AUC from bins within 0.005 of exact."""
    sites = request.getfixturevalue(name)
    plan = recipe.Recipe(
        "glm",
        schema.Schema(columns_of(sites.features), TARGETS[schema.Task.BINOMIAL]),
        glm.Glm(schema.Task.BINOMIAL),
    )
    comparison = _compare(federate, plan, _rows(sites, seed), _logistic())
    assert comparison.state.reason is state.Reason.CONVERGED
    _assert_same_coefficients(comparison)
    pooled_accuracy = comparison.pooled.score(comparison.held_out, comparison.truth)
    assert abs(comparison.metrics.accuracy - pooled_accuracy) <= 0.005
    assert abs(comparison.metrics.auc - sklearn_metrics.roc_auc_score(comparison.truth, comparison.scores)) <= 0.005
    p = 1.0 / (1.0 + np.exp(-comparison.scores))
    assert abs(comparison.metrics.log_loss - sklearn_metrics.log_loss(comparison.truth, p)) <= 1e-6
    expected = sklearn_metrics.confusion_matrix(comparison.truth, comparison.scores > 0)
    assert comparison.metrics.confusion == tuple(tuple(row) for row in expected.tolist())


@pytest.mark.parametrize("ridge", [1.0, 0.01, 100.0])
def test_ridge_option_is_the_inverse_of_scikit_learns_c(
    ridge: float, heart: Sites, federate: Federate, columns_of: ColumnsOf
) -> None:
    """The penalty has scikit-learn's scale, not only at its default."""
    plan = recipe.Recipe(
        "glm",
        schema.Schema(columns_of(heart.features), TARGETS[schema.Task.BINOMIAL]),
        glm.Glm(schema.Task.BINOMIAL, ridge=ridge),
    )
    _assert_same_coefficients(_compare(federate, plan, _rows(heart, 0), _logistic(1.0 / ridge)))


def test_multinomial_glm_equals_pooled_softmax_regression(
    landsat: Sites, federate: Federate, columns_of: ColumnsOf
) -> None:
    """Six classes on 36 columns: the over-parametrised softmax with all coefficients penalised."""
    plan = recipe.Recipe(
        "glm",
        schema.Schema(columns_of(landsat.features), TARGETS[schema.Task.MULTINOMIAL]),
        glm.Glm(schema.Task.MULTINOMIAL),
    )
    pooled = linear_model.LogisticRegression(C=1.0, tol=1e-8, max_iter=5000)
    comparison = _compare(federate, plan, _rows(landsat, 0), pooled)
    assert comparison.state.reason is state.Reason.CONVERGED
    _assert_same_coefficients(comparison)
    assert abs(comparison.metrics.accuracy - pooled.score(comparison.held_out, comparison.truth)) <= 0.005
    p = pooled.predict_proba(comparison.held_out)
    assert abs(comparison.metrics.log_loss - sklearn_metrics.log_loss(comparison.truth, p)) <= 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_gaussian_glm_equals_pooled_ridge(seed: int, federate: Federate, columns_of: ColumnsOf) -> None:
    """One Newton step is the pooled ridge estimate; error and R^2 are those of the pooled model."""
    rng = np.random.default_rng(seed)
    slopes = rng.normal(size=6)
    features = tuple(rng.normal(rng.normal(size=6), 1 + rng.random(6), size=(n, 6)) for n in (40, 90, 25))
    target = tuple(np.clip(10.0 + part @ slopes + rng.normal(size=len(part)), -20, 40) for part in features)
    parts = []
    for part, truth in zip(features, target, strict=True):
        held_out = splitting.by_rows(None, len(truth), seed=seed)
        parts.append(recipe.Rows(*(records.Table(part[mask], truth[mask]) for mask in (~held_out, held_out))))
    plan = recipe.Recipe(
        "glm",
        schema.Schema(columns_of(features), TARGETS[schema.Task.GAUSSIAN]),
        glm.Glm(schema.Task.GAUSSIAN),
    )
    comparison = _compare(federate, plan, parts, linear_model.Ridge(alpha=1.0))
    pooled = comparison.pooled
    slopes_found = comparison.state.arrays["coefficients"][0] * comparison.state.arrays["target_scale"]
    assert np.abs(slopes_found - pooled.coef_).max() <= 1e-3 * np.abs(pooled.coef_).max()
    assert abs(comparison.metrics.r_squared - pooled.score(comparison.held_out, comparison.truth)) <= 1e-6
    expected = np.sqrt(np.mean((pooled.predict(comparison.held_out) - comparison.truth) ** 2))
    assert comparison.metrics.rmse == pytest.approx(expected, rel=1e-6)
    assert comparison.state.step == 1


def test_mlp_reaches_the_pooled_linear_model_on_breast_cancer(
    breast_cancer: Sites, federate: Federate, columns_of: ColumnsOf
) -> None:
    """Federated averaging of a small network is at most 0.03 below pooled logistic regression."""
    plan = recipe.Recipe(
        "mlp",
        schema.Schema(columns_of(breast_cancer.features), TARGETS[schema.Task.BINOMIAL]),
        mlp.make(schema.Task.BINOMIAL, hidden=(16,), rounds=15, local_epochs=4),
    )
    comparison = _compare(federate, plan, _rows(breast_cancer, 0), _logistic())
    assert comparison.metrics.accuracy >= comparison.pooled.score(comparison.held_out, comparison.truth) - 0.03
    assert abs(comparison.metrics.auc - sklearn_metrics.roc_auc_score(comparison.truth, comparison.scores)) <= 0.005


@pytest.mark.parametrize("spread", [0.02, 0.3, 1.5, 6.0])
@pytest.mark.parametrize("off", [-3.0, -0.3, 0.0, 1.0])
def test_binned_auc_is_within_five_thousandths_of_exact(spread: float, off: float) -> None:
    """Whatever the spread of the logits, and also where they lie ``off`` spreads from the middle."""
    rng = np.random.default_rng(11)
    truth = (rng.random(4000) < 0.35).astype(np.float64)
    target = TARGETS[schema.Task.BINOMIAL]
    for shift in (0.0, 0.5, 1.0, 2.0):
        logits = spread * (rng.normal(size=4000) + shift * truth + off) - 2.0
        figures = evaluation.metrics(target, evaluation.contribution(target, logits, truth, middle=-2.0))
        assert abs(figures.auc - sklearn_metrics.roc_auc_score(truth, logits)) <= 0.005
