"""Runs that predict nothing: statistics complete without figures, are verified, and every node has the same tables."""

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import run
from aicommons.learning import recipe, records, state
from aicommons.node import verification

FEATURES = [
    {"name": "age", "kind": "numeric", "lo": 0, "hi": 120},
    {"name": "bmi", "kind": "numeric", "lo": 10, "hi": 70},
    {"name": "kind", "kind": "category", "levels": ["p", "q"]},
]
TARGET = {"name": "y", "task": "binomial", "classes": ["no", "yes"]}


def _rows(site: int) -> recipe.Rows:
    rng = np.random.default_rng(site)
    numbers = np.column_stack([rng.uniform(20, 90, 40), rng.normal(30, 5, 40).clip(10, 70)])
    table = records.Table(
        np.hstack([numbers, np.eye(2)[rng.integers(0, 2, 40)]]), rng.integers(0, 2, 40).astype(np.float64)
    )
    return recipe.Rows(table, records.Table(table.features[:0], table.target[:0]))


def _described(plan: recipe.Recipe, engine: str | None) -> bytes:
    """Run statistics at three sites to the end, verify them, and return the last state."""
    with testing.simulate([_rows(site) for site in range(3)], plan, engine=engine) as simulation:
        ended = simulation.run()
        assert ended.state is run.RunState.COMPLETED
        assert ended.model is not None
        kept = {node.agent.journal.state(simulation.run_id).data for node in simulation.nodes.values()}
        assert len(kept) == 1
        assert simulation.metrics() is None
        place = next(iter(simulation.nodes.values())).agent.ledger.place
        report = verification.verify(ended, simulation.run_id, simulation.commons.store, place)
        assert report.problem is None
        return kept.pop()


@pytest.mark.parametrize("engine", [testing.IN_MEMORY, None], ids=["memory", "contracts"])
@pytest.mark.parametrize("target", [None, TARGET], ids=["no target", "with classes"])
def test_statistics_run_to_their_end_and_verify(engine: str | None, target: dict[str, object] | None) -> None:
    """With and without a target, in memory and on the contracts: finished, no figures, the pooled mean in the table."""
    columns = {"features": FEATURES, **({} if target is None else {"target": target})}
    plan = recipe.from_plan({"recipe": "stats", "schema": columns})
    final = state.decode(_described(plan, engine))
    assert final.stage is state.Stage.FINISHED
    shown = {each.name: each for each in plan.exhibits(final)}
    pooled = np.concatenate([_rows(site).train.features for site in range(3)])
    assert shown["columns"].rows[0][3] == pytest.approx(pooled[:, 0].mean(), rel=1e-9)
    assert shown["columns"].rows[0][4] == pytest.approx(pooled[:, 0].std(ddof=1), rel=1e-9)
    assert ("table kind x y" in shown) == (target is not None)


@pytest.mark.parametrize("name", ["kmeans", "pca"])
def test_groups_and_components_run_to_their_end_and_verify(name: str) -> None:
    """Learners without a target end after fitting, and what they found predicts."""
    plan = recipe.from_plan({"recipe": name, "schema": {"features": FEATURES}})
    final = state.decode(_described(plan, testing.IN_MEMORY))
    assert final.reason is state.Reason.CONVERGED
    found = plan.predict(final, _rows(0).train.features)
    assert len(found) == 40
    assert np.isfinite(found).all()
