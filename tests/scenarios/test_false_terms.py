"""A ledger that shows other terms than the run's id stands for is not believed by any node."""

import dataclasses

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import errors, schema
from aicommons.learning import recipe, records
from aicommons.node import agent


def test_node_refuses_terms_that_do_not_hash_to_the_run() -> None:
    """Another plan, reader list or suite under the same run id stops the node before it sends anything."""
    plan = recipe.from_plan(
        {
            "recipe": "glm",
            "schema": schema.to_document(
                schema.Schema(
                    (schema.numeric("x", -1.0, 1.0),), schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes"))
                )
            ),
        }
    )
    train = records.Table(np.array([[-0.5], [0.5], [0.1], [-0.2]]), np.array([0.0, 1.0, 1.0, 0.0]))
    rows = recipe.Rows(train, records.Table(np.array([[0.3]]), np.array([1.0])))
    with testing.simulate([rows] * 3, plan) as simulation:
        node = next(iter(simulation.nodes.values()))
        current = simulation.view()
        false = dataclasses.replace(current, spec=dataclasses.replace(current.spec, terms=bytes(32)))
        with pytest.raises(errors.LedgerMismatch, match="other terms"):
            agent.roster_of(node.agent, simulation.run_id, false)
        assert agent.roster_of(node.agent, simulation.run_id, current) == current.roster
