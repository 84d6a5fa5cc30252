"""The demo's comparison: what it says of sites that hold nothing out."""

import numpy as np
import pytest

from aicommons.cli import comparison
from aicommons.domain import schema
from aicommons.learning import recipe, records
from aicommons.learning.learners import glm

TARGETS = {
    "two classes": schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    "three classes": schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")),
    "a number": schema.Target(schema.Task.GAUSSIAN, "y", lo=-10.0, hi=10.0),
}


def _rows(target: schema.Target, held_out: int) -> recipe.Rows:
    rng = np.random.default_rng(held_out)
    features = rng.normal(size=(30 + held_out, 2))
    drawn = np.arange(30 + held_out) % len(target.classes or (0,) * 5)
    table = records.Table(features, drawn.astype(np.float64))
    return recipe.Rows(
        records.Table(table.features[:30], table.target[:30]), records.Table(table.features[30:], table.target[30:])
    )


@pytest.mark.parametrize("name", TARGETS)
def test_a_site_that_holds_nothing_out_has_no_figures_of_its_own(name: str) -> None:
    """A site whose rows are all one group cannot be judged; the others are, alone and together."""
    target = TARGETS[name]
    features = (schema.numeric("x0", -10.0, 10.0), schema.numeric("x1", -10.0, 10.0))
    made = recipe.Recipe("glm", schema.Schema(features, target), glm.Glm(target.task))
    sites = {"one group": _rows(target, 0), "usual": _rows(target, 12)}
    together, by_site = comparison.alone(made, sites)
    assert by_site["one group"].to_json() == {}
    assert together == by_site["usual"]
    assert together.to_json() != {}
    assert comparison.pooled(made, {"one group": sites["one group"]}).to_json() == {}


def _survivors(seed: int, *, is_seen: bool = True) -> recipe.Rows:
    rng = np.random.default_rng(seed)
    features = rng.uniform(-9, 9, (60, 2))
    days = np.minimum(rng.exponential(np.exp(3.0 - 0.2 * features[:, 0])), 99.0)
    signed = np.where((days < 90.0) & is_seen, days, -days)
    return recipe.Rows(*(records.Table(features[part], signed[part]) for part in (slice(40), slice(40, 60))))


def test_times_are_compared_by_concordance() -> None:
    """Pooled and alone are judged by Harrell's C; a site without a seen event ranks nobody."""
    event = schema.category("died", ("no", "yes"))
    target = schema.Target(schema.Task.SURVIVAL, "days", lo=0.0, hi=100.0, event=event)
    features = (schema.numeric("x0", -10.0, 10.0), schema.numeric("x1", -10.0, 10.0))
    columns = schema.to_document(schema.Schema(features, target))
    made = recipe.from_plan({"recipe": "discrete_survival", "schema": columns})
    sites = {"a": _survivors(1), "b": _survivors(2), "none": _survivors(3, is_seen=False)}
    together = comparison.pooled(made, sites)
    assert together.concordance > 0.7
    assert together.to_json() == {"concordance": round(together.concordance, 6)}
    _, by_site = comparison.alone(made, sites)
    assert by_site["a"].concordance > 0.6
    assert by_site["none"].to_json() == {}
    judged = comparison.Judged(np.array([3.0, 1.0, 2.0, 2.0]), np.array([5.0, 9.0, -5.0, -7.0]))
    assert judged.figures(schema.Task.SURVIVAL).concordance == 1.0


def test_counts_are_compared_by_explained_deviance() -> None:
    """Pooled and alone are judged by the share of deviance explained; counts that are all alike explain nothing."""
    features = (schema.numeric("x0", -10.0, 10.0), schema.numeric("x1", -10.0, 10.0))
    target = schema.Target(schema.Task.POISSON, "visits", lo=0.0, hi=60.0)
    made = recipe.Recipe("glm", schema.Schema(features, target), glm.Glm(target.task))
    sites = {name: _visits(seed) for seed, name in enumerate("ab")}
    together = comparison.pooled(made, sites)
    assert together.d2 > 0.5
    assert together.to_json() == {"d2": round(together.d2, 6)}
    alike = comparison.Judged(np.ones(3), np.ones(3))
    assert alike.figures(schema.Task.POISSON).to_json() == {}


def _visits(seed: int) -> recipe.Rows:
    rng = np.random.default_rng(seed)
    features = rng.uniform(-9, 9, (90, 2))
    counted = rng.poisson(np.exp(1.0 + 0.2 * features[:, 0])).astype(np.float64)
    return recipe.Rows(*(records.Table(features[part], counted[part]) for part in (slice(60), slice(60, 90))))


def test_what_predicts_nothing_is_compared_with_nothing() -> None:
    """Statistics have no figures, pooled or alone."""
    features = (schema.numeric("x0", -10.0, 10.0), schema.numeric("x1", -10.0, 10.0))
    made = recipe.from_plan({"recipe": "stats", "schema": schema.to_document(schema.Schema(features, None))})
    sites = {name: _visits(seed) for seed, name in enumerate("ab")}
    assert comparison.pooled(made, sites).to_json() == {}
    together, by_site = comparison.alone(made, sites)
    assert [each.to_json() for each in (together, *by_site.values())] == [{}, {}, {}]
