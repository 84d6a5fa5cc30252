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
