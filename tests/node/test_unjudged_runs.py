"""A run whose plan has a target but whose learner is not judged completes and verifies without figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aicommons import testing
from aicommons.cli import story
from aicommons.domain import run
from aicommons.learning import evaluation, recipe, records, state
from aicommons.node import concluding, verdict
from aicommons.owner import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.node.conftest import Trained

PLAN = recipe.from_plan(
    {
        "recipe": "kaplan_meier",
        "intervals": 10,
        "by": "arm",
        "schema": {
            "features": [{"name": "arm", "kind": "category", "levels": ["a", "b"]}],
            "target": {
                "name": "days",
                "task": "survival",
                "lo": 0,
                "hi": 10,
                "event": {"name": "died", "kind": "category", "levels": ["no", "yes"]},
            },
        },
    }
)


def _site(seed: int) -> recipe.Rows:
    rng = np.random.default_rng(seed)
    arm = np.eye(2)[rng.integers(0, 2, 40)]
    days = np.floor(np.minimum(rng.exponential(5.0, 40), 10.0))
    table = records.Table(arm, np.where(rng.random(40) < 0.7, days, -days))
    return recipe.Rows(table, records.Table(arm[:0], days[:0]))


def test_survival_curves_are_agreed_written_down_and_verified(train: Callable[[testing.Simulation], Trained]) -> None:
    """Two rounds, an agreed state that is finished, a model whose card has no figures, and a report on every sum."""
    sites = [_site(seed) for seed in range(3)]
    with testing.simulate(sites, PLAN) as simulation:
        trained = train(simulation)
        agreed = next(iter(simulation.nodes.values())).agent.journal.state(simulation.run_id)
    assert trained.current.state is run.RunState.COMPLETED
    assert trained.current.agreed.rounds_done == 2
    value = state.decode(agreed.data)
    assert value.stage is state.Stage.FINISHED
    assert value.arrays["at_risk"][0, 0] == 120
    report = trained.verify(trained.reader())
    assert (report.problem, report.level) == (None, verdict.Level.SUMS)
    assert report.metrics is None
    assert report.rounds == 2


def test_the_concordance_of_times_is_told() -> None:
    """Cards, a demo's lines and a page's chart show it like other figures."""
    figures = evaluation.Metrics(rows=20, concordance=0.75)
    assert concluding.in_words(figures) == {"concordance": "0.750000"}
    assert story.in_short(figures) == "concordance 0.750"
    assert "concordance" in progress.DRAWN
