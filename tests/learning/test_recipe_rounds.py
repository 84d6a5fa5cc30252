"""Recipes: plans are read strictly, rounds follow each other, and only fitting rows come in."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aicommons.domain import errors, schema
from aicommons.learning import combine, evaluation, learner, recipe, records, state

Federate = Callable[..., Any]

PLAN = {
    "recipe": "glm",
    "ridge": 1.0,
    "schema": {
        "features": [
            {"name": "age", "kind": "numeric", "lo": 0, "hi": 120},
            {"name": "kind", "kind": "category", "levels": ["p", "q", "r"]},
        ],
        "target": {"name": "y", "task": "binomial", "classes": ["no", "yes"]},
    },
}
MLP = {"recipe": "mlp", "hidden": [8, 4], "rounds": 3, "schema": PLAN["schema"]}


def _changed(path: list[Any], value: Any, base: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the plan with one field set (or deleted, where value is ...)."""
    plan = copy.deepcopy(base or PLAN)
    *parents, last = path
    place = plan
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return plan


BAD_PLANS = {
    "not an object": ([], "recipe"),
    "unknown recipe": (_changed(["recipe"], "forest"), "recipe.recipe"),
    "no recipe": (_changed(["recipe"], ...), "recipe.recipe"),
    "unknown option": (_changed(["rigde"], 2.0), "recipe.rigde"),
    "option of the other recipe": (_changed(["hidden"], [3]), "recipe.hidden"),
    "ridge as text": (_changed(["ridge"], "1"), "recipe.ridge"),
    "ridge is true": (_changed(["ridge"], True), "recipe.ridge"),
    "ridge negative": (_changed(["ridge"], -1.0), "recipe.ridge"),
    "ridge infinite": (_changed(["ridge"], float("inf")), "recipe.ridge"),
    "bound that JSON readers round": (_changed(["schema", "features", 0, "hi"], 2**60 + 1), "schema.features[0].hi"),
    "bound that no float64 holds": (_changed(["schema", "features", 0, "hi"], 10**400), "schema.features[0].hi"),
    "steps zero": (_changed(["max_steps"], 0), "recipe.max_steps"),
    "steps not whole": (_changed(["max_steps"], 2.5), "recipe.max_steps"),
    "seed negative": (_changed(["seed"], -1), "recipe.seed"),
    "no schema": (_changed(["schema"], ...), "recipe.schema"),
    "no features": (_changed(["schema", "features"], []), "schema"),
    "features not a list": (_changed(["schema", "features"], {}), "schema.features"),
    "unknown kind": (_changed(["schema", "features", 0, "kind"], "text"), "schema.features[0].kind"),
    "range upside down": (_changed(["schema", "features", 0, "hi"], -1), "feature age"),
    "range empty": (_changed(["schema", "features", 0, "hi"], 0), "feature age"),
    "range too wide": (_changed(["schema", "features", 0], {"name": "a", "kind": "numeric", "lo": -1.7e308, "hi": 1.7e308}), "feature a"),
    "range missing": (_changed(["schema", "features", 0, "lo"], ...), "schema.features[0].lo"),
    "levels on a number": (_changed(["schema", "features", 0, "levels"], ["a"]), "schema.features[0].levels"),
    "level twice": (_changed(["schema", "features", 1, "levels"], ["p", "p"]), "feature kind"),
    "level not text": (_changed(["schema", "features", 1, "levels"], ["p", 3]), "schema.features[1].levels"),
    "level empty": (_changed(["schema", "features", 1, "levels"], [""]), "feature kind"),
    "name twice": (_changed(["schema", "features", 1, "name"], "age"), "feature age"),
    "name of the target": (_changed(["schema", "features", 1, "name"], "y"), "feature y"),
    "name with spaces": (_changed(["schema", "features", 1, "name"], " kind"), "feature name"),
    "name that UTF-8 cannot carry": (_changed(["schema", "features", 1, "name"], "\ud800"), "schema.features[1].name"),
    "unknown task": (_changed(["schema", "target", "task"], "ordinal"), "schema.target.task"),
    "three binomial classes": (_changed(["schema", "target", "classes"], ["a", "b", "c"]), "target y"),
    "one class": (_changed(["schema", "target", "classes"], ["a"]), "target y"),
    "classes on a number": (_changed(["schema", "target", "task"], "gaussian"), "schema.target.lo"),
    "hidden not whole": (_changed(["hidden"], [2.5], MLP), "recipe.hidden"),
    "hidden not a list": (_changed(["hidden"], 3, MLP), "recipe.hidden"),
    "hidden too large": (_changed(["hidden"], [65_536, 65_536], MLP), "recipe"),
    "clip not a power of two": (_changed(["clip"], 3.0, MLP), "recipe.clip"),
    "batch zero": (_changed(["batch"], 0, MLP), "recipe.batch"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PLANS)
def test_bad_plans_are_refused_and_the_field_is_named(name: str) -> None:
    """Every field of a plan that somebody else wrote is known, typed and bounded."""
    document, which = BAD_PLANS[name]
    with pytest.raises(errors.InputError) as caught:
        recipe.from_plan(document)
    assert which in str(caught.value.which)


def test_model_too_wide_for_the_combiner_is_refused() -> None:
    """2,049 coefficients would take the combiner too long: refused when the plan is read."""
    features = [{"name": f"x{index}", "kind": "numeric", "lo": 0, "hi": 1} for index in range(2048)]
    document = _changed(["schema", "features"], features)
    with pytest.raises(errors.InputError, match="too many coefficients"):
        recipe.from_plan(document)


@pytest.mark.parametrize("document", [PLAN, MLP], ids=["glm", "mlp"])
def test_plans_are_written_with_every_option_and_read_back(document: dict[str, Any]) -> None:
    """to_plan and from_plan are each other's inverse."""
    plan = recipe.from_plan(document)
    written = recipe.to_plan(plan)
    assert recipe.from_plan(written) == plan
    assert recipe.to_plan(recipe.from_plan(written)) == written
    assert set(document) < set(written)


@pytest.mark.parametrize("document", [PLAN, MLP], ids=["glm", "mlp"])
def test_learners_name_one_of_our_combiners(document: dict[str, Any]) -> None:
    """A learner chooses a combiner by name, and a ring width that exists."""
    plan = recipe.from_plan(document)
    assert plan.learner.combiner in combine.COMBINERS
    assert plan.word_bits in {32, 64}
    assert isinstance(plan.learner, learner.LocalTraining) != isinstance(plan.learner, learner.Additive)


def _rows(seed: int, *, train: int = 30, held_out: int = 20) -> recipe.Rows:
    rng = np.random.default_rng(seed)
    tables = []
    for count in (train, held_out):
        age = rng.uniform(0, 120, count)
        kinds = np.eye(3)[rng.integers(0, 3, count)]
        target = (age + 30 * kinds[:, 0] + rng.normal(0, 20, count) > 70).astype(np.float64)
        tables.append(records.Table(np.hstack([age[:, None], kinds]), target))
    return recipe.Rows(*tables)


@pytest.mark.parametrize("document", [PLAN, MLP], ids=["glm", "mlp"])
def test_every_round_after_the_first_has_figures(document: dict[str, Any], federate: Federate) -> None:
    """Describe, fit with live figures, evaluate, finished; then nothing is due."""
    plan = recipe.from_plan(document)
    outcome = federate(plan, [_rows(seed) for seed in range(3)])
    assert outcome.metrics[0] is None
    assert [figures.rows for figures in outcome.metrics[1:]] == [60] * (len(outcome.metrics) - 1)
    assert outcome.metrics[-1].accuracy > outcome.metrics[1].accuracy
    assert plan.is_finished(outcome.state)
    assert plan.blocks(outcome.state) == ()
    rng = np.random.default_rng(0)
    with pytest.raises(errors.ContributionRefused, match="finished"):
        plan.contribute(outcome.state, _rows(0), rng=rng)
    with pytest.raises(errors.ContributionRefused, match="finished"):
        plan.combine(outcome.state, [{}])


def test_metrics_are_those_of_the_model_that_predicts(federate: Federate) -> None:
    """The final figures can be recomputed from predictions on the held-out rows."""
    plan = recipe.from_plan(PLAN)
    rows = [_rows(seed) for seed in range(3)]
    outcome = federate(plan, rows)
    features = np.concatenate([each.held_out.features for each in rows])
    truth = np.concatenate([each.held_out.target for each in rows])
    p = plan.predict(outcome.state, features)
    assert p.shape == (60, 2)
    assert np.allclose(p.sum(axis=1), 1.0)
    assert outcome.metrics[-1].accuracy == (p.argmax(axis=1) == truth).mean()
    assert outcome.metrics[-1].log_loss == pytest.approx(-np.log(p[np.arange(60), truth.astype(int)]).mean())


def test_a_site_reads_its_own_figures_from_its_own_contribution() -> None:
    """Per-site figures need nobody else and stay at the site."""
    plan = recipe.from_plan(PLAN)
    rows = _rows(1)
    rng = np.random.default_rng(0)
    value = plan.combine(plan.initial(), [plan.contribute(plan.initial(), rows, rng=rng)[0]])
    part, _ = plan.contribute(value, rows, rng=rng)
    assert plan.metrics(value, part).rows == 20


def test_sites_without_held_out_rows_have_no_figures(federate: Federate) -> None:
    """No held-out row anywhere: the model is fitted, figures are absent."""
    outcome = federate(recipe.from_plan(PLAN), [_rows(seed, held_out=0) for seed in range(3)])
    assert outcome.state.reason is state.Reason.CONVERGED
    assert set(outcome.metrics) == {None}


BAD_ROWS = {
    "missing column": (np.array([[30.0, 1.0, 0.0]]), [1.0], "columns"),
    "value over the range": (np.array([[130.0, 1.0, 0.0, 0.0]]), [1.0], "column age"),
    "value under the range": (np.array([[-1.0, 1.0, 0.0, 0.0]]), [1.0], "column age"),
    "missing value": (np.array([[np.nan, 1.0, 0.0, 0.0]]), [1.0], "column age"),
    "infinite value": (np.array([[np.inf, 1.0, 0.0, 0.0]]), [1.0], "column age"),
    "no such class": (np.array([[30.0, 1.0, 0.0, 0.0]]), [2.0], "column y"),
    "half a class": (np.array([[30.0, 1.0, 0.0, 0.0]]), [0.5], "column y"),
    "category out of range": (np.array([[30.0, 2.0, 0.0, 0.0]]), [1.0], "column kind=p"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
@pytest.mark.parametrize("part", ["train", "held_out"])
def test_rows_that_do_not_fit_the_schema_are_refused(name: str, part: str) -> None:
    """The column is named, the value is not."""
    features, target, which = BAD_ROWS[name]
    plan = recipe.from_plan(PLAN)
    good = _rows(0)
    bad = records.Table(features, np.array(target))
    rows = recipe.Rows(bad, good.held_out) if part == "train" else recipe.Rows(good.train, bad)
    with pytest.raises(errors.ContributionRefused) as caught:
        plan.contribute(plan.initial(), rows, rng=np.random.default_rng(0))
    assert which in str(caught.value)
    assert "130" not in str(caught.value).replace("120", "")


def test_a_diverged_model_is_not_evaluated() -> None:
    """Scores that are not finite stop the site with a reason instead of filling a histogram bin."""
    target = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))
    for score in (np.nan, np.inf):
        with pytest.raises(errors.ContributionRefused, match="not finite"):
            evaluation.contribution(target, np.array([score]), np.zeros(1))


def test_sums_of_another_round_are_refused() -> None:
    """A missing, unknown or wrongly long sum is named before anything is computed."""
    plan = recipe.from_plan(PLAN)
    part, _ = plan.contribute(plan.initial(), _rows(0), rng=np.random.default_rng(0))
    value = plan.combine(plan.initial(), [part])
    for sums in ({}, part, {name: vector[:-1] for name, vector in part.items()}):
        with pytest.raises(errors.ContributionRefused):
            plan.combine(value, [sums])


def test_prediction_needs_the_models_columns(federate: Federate) -> None:
    """Another number of columns is an error, not a broadcast."""
    plan = recipe.from_plan(PLAN)
    outcome = federate(plan, [_rows(seed) for seed in range(3)])
    with pytest.raises(errors.InputError, match="other columns"):
        plan.predict(outcome.state, np.zeros((2, 1)))


FIGURES = {
    "all right": ([-1.0, 1.0, 2.0], [0, 1, 1], 1.0, 1.0),
    "all wrong": ([1.0, -1.0, -2.0], [0, 1, 1], 0.0, 0.0),
    "all tied": ([0.0, 0.0, 0.0], [0, 1, 1], 1 / 3, 0.5),
    "one class held out": ([1.0, 1.0], [1, 1], 1.0, None),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_by_hand(name: str) -> None:
    """Accuracy and AUC of cases that can be counted by hand; AUC is absent with one class."""
    logits, truth, accuracy, auc = FIGURES[name]
    target = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))
    part = evaluation.contribution(target, np.array(logits), np.array(truth, dtype=np.float64))
    figures = evaluation.metrics(target, part)
    assert figures.accuracy == pytest.approx(accuracy)
    assert figures.auc == auc


def test_absurd_predictions_stay_within_their_caps() -> None:
    """A row's loss or squared error is bounded, so that no site is refused for a bad model."""
    for target in (
        schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
        schema.Target(schema.Task.GAUSSIAN, "y", lo=0.0, hi=1.0),
    ):
        part = evaluation.contribution(target, np.array([1e9, -1e9, 1e300]), np.array([0.0, 1.0, 0.0]))
        for block in evaluation.evaluation_blocks(target, 3.0):
            assert np.abs(part[block.name]).max() <= block.cap
