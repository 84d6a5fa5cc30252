"""Plans with safeguards in whole runs: every node undoes alike, verification follows, and what cannot work is refused."""

import dataclasses

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import documents, encoding, errors, run
from aicommons.learning import recipe, records, state
from aicommons.node import agent as agents
from aicommons.node import verification

SCHEMA = {
    "features": [{"name": f"x{index}", "kind": "numeric", "lo": -6, "hi": 6} for index in range(3)],
    "target": {"name": "y", "task": "binomial", "classes": ["no", "yes"]},
}
HASTY = {
    "recipe": "mlp",
    "hidden": [4],
    "rounds": 12,
    "learning_rate": 60.0,
    "batch": 4,
    "clip": 64.0,
    "schema": SCHEMA,
}
"""Steps so long that the model gets worse again and again."""


def _rows(site: int) -> recipe.Rows:
    rng = np.random.default_rng(site)
    tables = []
    for count in (30, 20):
        features = rng.normal(size=(count, 3))
        tables.append(records.Table(features, (features[:, 0] + rng.normal(0, 0.5, count) > 0).astype(float)))
    return recipe.Rows(*tables)


def test_a_run_that_gets_worse_ends_with_its_best_model() -> None:
    """Three nodes undo the same rounds, come to the same state, and whoever verifies the run does too."""
    plan = recipe.from_plan({**HASTY, "rollback": {"patience": 1, "worse_by": 1.05}})
    with testing.simulate([_rows(site) for site in range(3)], plan, engine="memory") as simulation:
        current = simulation.run()
        assert current.state is run.RunState.COMPLETED
        kept = {node.agent.journal.state(simulation.run_id).data for node in simulation.nodes.values()}
        assert len(kept) == 1
        final = state.decode(kept.pop())
        assert final.stage is state.Stage.FINISHED
        assert final.reason is state.Reason.WORSE_TOO_OFTEN
        assert "best.layer0.bias" not in final.arrays
        place = next(iter(simulation.nodes.values())).agent.ledger.place
        report = verification.verify(current, simulation.run_id, simulation.commons.store, place)
        assert report.problem is None


def test_a_run_in_one_set_cannot_be_robust() -> None:
    """The desk refuses to open a run whose plan needs cells that the run has not, and says what would do."""
    plan = recipe.from_plan({**HASTY, "robust": {"rule": "geometric-median"}})
    with (
        pytest.raises(errors.InputError, match="not divided into enough of them"),
        testing.simulate([_rows(site) for site in range(3)], plan, engine="memory"),
    ):
        pass


def test_a_node_refuses_a_robust_plan_that_somebody_opened_anyway() -> None:
    """Other software may open such a run; no node takes part as if its plan said nothing."""
    plain = recipe.from_plan(HASTY)
    with testing.simulate([_rows(site) for site in range(3)], plain, engine="memory") as simulation:
        spec = simulation.view().spec
        store = simulation.commons.store
        terms = store.get(spec.terms, encoding.MAX_DOCUMENT)
        published = documents.Plan.decode(store.get(spec.plan, encoding.MAX_DOCUMENT))
        asked = documents.Plan(
            published.title, {**published.recipe, "robust": {"rule": "median"}}, "sums", 30, 0, published.group
        )
        assert agents.decode_terms(published.encode(), terms, spec).recipe == plain
        with pytest.raises(errors.InputError, match="not divided into enough of them"):
            agents.decode_terms(asked.encode(), terms, spec)
        few = dataclasses.replace(spec, min_participants=19, cell_size=4)  # its smallest roster makes four cells
        with pytest.raises(errors.InputError, match="not divided into enough of them"):
            agents.decode_terms(asked.encode(), terms, few)
        enough = dataclasses.replace(few, min_participants=20)
        assert agents.decode_terms(asked.encode(), terms, enough).recipe.safeguards.robust is not None
