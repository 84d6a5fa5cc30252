"""Gaps that a plan fills: by the mean of all sites, from secure sums, alike everywhere; and never where it does not say so."""

from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from aicommons.domain import errors, schema
from aicommons.learning import describe, recipe, records
from aicommons.learning.learners import glm

TARGETS = {
    schema.Task.BINOMIAL: schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    schema.Task.GAUSSIAN: schema.Target(schema.Task.GAUSSIAN, "y", lo=-20.0, hi=20.0),
    schema.Task.MULTINOMIAL: schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")),
}
NUMBERS = 3
LEVELS = ("p", "q", "r")


def _schema(task: schema.Task, missing: schema.Missing = schema.Missing.FILL) -> schema.Schema:
    numbers = tuple(schema.numeric(f"x{index}", -6.0, 6.0) for index in range(NUMBERS))
    return schema.Schema((*numbers, schema.category("kind", LEVELS)), TARGETS[task], missing)


def _site(task: schema.Task, seed: int, rows: int = 150) -> records.Table:
    """Return a site's rows: a gap in about every fifth number and every tenth category, more in later sites."""
    rng = np.random.default_rng(seed)
    numbers = np.clip(rng.normal(0.3 * seed, 1.5, (rows, NUMBERS)), -6, 6)
    kinds = np.eye(len(LEVELS))[rng.integers(0, len(LEVELS), rows)]
    signal = numbers[:, 0] - numbers[:, 1] + 2 * kinds[:, 0] + rng.normal(0, 2, rows)
    numbers[rng.random(numbers.shape) < 0.1 + 0.1 * seed] = np.nan
    kinds[rng.random(rows) < 0.1] = 0.0
    target = {
        schema.Task.BINOMIAL: (signal > 0).astype(np.float64),
        schema.Task.GAUSSIAN: np.clip(signal, -20, 20),
        schema.Task.MULTINOMIAL: np.digitize(signal, [-1.5, 1.5]).astype(np.float64),
    }[task]
    return records.Table(np.hstack([numbers, kinds]), target)


@pytest.fixture(scope="module")
def fit_pooled() -> Any:
    """Fit scikit-learn's pipeline: mean imputation, standard scaling, our learners' likelihood and penalty."""
    impute = pytest.importorskip("sklearn.impute")
    from sklearn import linear_model, pipeline, preprocessing

    models = {
        schema.Task.GAUSSIAN: linear_model.Ridge(alpha=1.0, solver="cholesky"),
        schema.Task.BINOMIAL: linear_model.LogisticRegression(C=1.0, tol=1e-14, solver="newton-cholesky"),
        schema.Task.MULTINOMIAL: linear_model.LogisticRegression(C=1.0, tol=1e-14, max_iter=500, solver="newton-cg"),
    }

    def fit(task: schema.Task, features: Any, target: Any) -> Any:
        steps = (impute.SimpleImputer(strategy="mean"), preprocessing.StandardScaler(), models[task])
        return pipeline.make_pipeline(*steps).fit(features, target)

    return fit


@pytest.mark.parametrize("task", TARGETS)
def test_filling_is_mean_imputation_over_all_sites(task: schema.Task, federate: Any, fit_pooled: Any) -> None:
    """The federated model is scikit-learn's on the pooled rows with mean imputation, standardised: to 1e-9."""
    sites = [_site(task, seed) for seed in range(4)]
    plan = recipe.Recipe("glm", _schema(task), glm.Glm(task))
    final = federate(plan, [recipe.Rows(site, site) for site in sites]).state
    features = np.concatenate([site.features for site in sites])
    target = np.concatenate([site.target for site in sites])
    model = fit_pooled(task, features, target)
    assert np.allclose(final.arrays["mean"], model[1].mean_, rtol=0, atol=1e-9)
    assert np.allclose(final.arrays["scale"], model[1].scale_, rtol=0, atol=1e-9)
    if task is schema.Task.GAUSSIAN:
        assert np.abs(plan.predict(final, features) - model.predict(features)).max() < 1e-9
    elif task is schema.Task.BINOMIAL:
        assert np.abs(final.arrays["coefficients"] - model[2].coef_).max() < 1e-9
        assert np.abs(plan.predict(final, features) - model.predict_proba(features)).max() < 1e-9
    else:  # scikit-learn's solver stops at a gradient of about 1e-8 there
        assert np.abs(plan.predict(final, features) - model.predict_proba(features)).max() < 1e-7


def test_a_plan_without_gaps_keeps_its_blocks(federate: Any) -> None:
    """DROP's round 0 has the length it had; filling adds one count per column, and without a gap changes no figure."""
    task = schema.Task.BINOMIAL
    drop, fill = (_schema(task, missing) for missing in (schema.Missing.DROP, schema.Missing.FILL))
    (before,), (after,) = (describe.description_blocks(each) for each in (drop, fill))
    assert before.length == 4 * (2 + 2 + 2 * drop.width)
    assert after.length - before.length == 4 * drop.width
    sites = []
    for seed in range(3):
        site = _site(task, seed)
        sites.append(records.Table(np.nan_to_num(site.features), site.target))
    ends = [
        federate(recipe.Recipe("glm", each, glm.Glm(task)), [recipe.Rows(s, s) for s in sites]) for each in (drop, fill)
    ]
    assert ends[0].state == ends[1].state


def test_where_a_gap_may_be() -> None:
    """NaN passes in a numeric column of a plan that fills, and nowhere else."""
    task = schema.Task.GAUSSIAN
    good = np.array([[1.0, 1.0, 1.0, 1.0, 0.0, 0.0]])
    for missing in schema.Missing:
        for column in range(6):
            features = good.copy()
            features[0, column] = np.nan
            table = records.Table(features, np.zeros(1))
            if missing is schema.Missing.FILL and column < NUMBERS:
                records.check_table(_schema(task, missing), table)
            else:
                with pytest.raises(errors.ContributionRefused):
                    records.check_table(_schema(task, missing), table)
        with pytest.raises(errors.ContributionRefused, match="column y"):
            records.check_table(_schema(task, missing), records.Table(good, np.array([np.nan])))


@hypothesis.given(strategies.lists(strategies.lists(strategies.one_of(strategies.none(), strategies.floats(-6, 6)), min_size=1, max_size=8), min_size=1, max_size=4))  # fmt: skip
def test_moments_of_any_gaps(sites: list[list[float | None]]) -> None:
    """Mean and scale equal those of the pooled column whose gaps hold its mean, whatever is missing where."""
    plan = schema.Schema((schema.numeric("x", -6.0, 6.0),), TARGETS[schema.Task.GAUSSIAN], schema.Missing.FILL)
    total: Any = 0
    for values in sites:
        column = np.array([[np.nan if value is None else value] for value in values])
        table = records.Table(column, np.linspace(-1, 1, len(values)) if len(values) > 1 else np.ones(1))
        total = total + describe.contribution(plan, table, table)[describe.BLOCK_NAME]
    column = np.array([np.nan if value is None else value for values in sites for value in values])
    arrays = describe.combine(plan, {describe.BLOCK_NAME: total})
    if not isinstance(arrays, dict):
        return  # one target value only
    present = column[~np.isnan(column)]
    mean = present.mean() if len(present) else -6.0
    filled = np.where(np.isnan(column), mean, column)
    assert arrays["mean"][0] == pytest.approx(mean, abs=1e-9)
    is_constant = filled.var() < 144 * describe.SMALLEST_VARIANCE
    assert arrays["scale"][0] == pytest.approx(12.0 if is_constant else filled.std(), rel=1e-4)
    standardised = describe.standardise(arrays, column[:, None], missing=schema.Missing.FILL)[:, 0]
    assert (standardised[np.isnan(column)] == 0.0).all()


def test_prediction_fills_gaps_as_training_did(federate: Any) -> None:
    """A row with a gap is predicted as the row with the mean in it; without filling it stays NaN."""
    task = schema.Task.BINOMIAL
    plan = recipe.Recipe("glm", _schema(task), glm.Glm(task))
    final = federate(plan, [recipe.Rows(site, site) for site in (_site(task, seed) for seed in range(3))]).state
    row = np.array([[np.nan, 1.0, -1.0, 0.0, 0.0, 0.0]])
    full = row.copy()
    full[0, 0] = final.arrays["mean"][0]
    assert np.allclose(plan.predict(final, row), plan.predict(final, full), rtol=0, atol=1e-15)
    assert np.isnan(describe.standardise(final.arrays, row)[0, 0])
