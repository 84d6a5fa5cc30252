"""Vectors too long to be worked on in the node's own process: every job runs in a child, and nothing stays behind."""

import dataclasses
import pathlib

import pytest

from aicommons.domain import run, schema
from aicommons.learning import recipe
from aicommons.learning.learners import mlp
from aicommons.node import agent as agents
from aicommons.node import reconciler, running
from aicommons.store import disk, inputs

COLUMNS = schema.Schema(
    (schema.numeric("a", -9, 9), schema.numeric("b", -9, 9)), schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes"))
)
SHAPES = {
    "one set of three": (1700, {}),
    "two cells of four": (1050, {"cell_size": 4}),
}
"""Sites -> units of each hidden layer, so that all vectors together are long, and terms of the run."""


@pytest.mark.parametrize("shape", SHAPES)
def test_children_do_the_long_work(stage, tmp_path: pathlib.Path, shape: str) -> None:
    """A node whose jobs all run in children and whose blobs lie on the disk comes to the states of the others."""
    units, terms = SHAPES[shape]
    plan = recipe.Recipe("mlp", COLUMNS, mlp.make(schema.Task.BINOMIAL, hidden=(units, units), rounds=1))
    sites = 2 * terms["cell_size"] if terms else 3
    with stage.scene(sites, plan=plan, phase_seconds=10_000, patience_seconds=10_000, **terms) as scene:
        member = scene.roster[1]
        shared = disk.DiskStore(tmp_path / "store")  # what a child puts into a store in memory ends with it
        for blob in scene.simulation.commons.store._blobs.values():
            shared.put(blob)
        for each in scene.roster:
            scene.nodes[each] = reconciler.Reconciler(dataclasses.replace(scene.nodes[each].agent, store=shared))
        runner = running.ProcessRunner(tmp_path / "work")
        own, kept = disk.DiskStore(tmp_path / "own"), inputs.FolderInputs(tmp_path / "inputs")
        agent = dataclasses.replace(scene.nodes[member].agent, runner=runner, own=own, inputs=kept)
        scene.nodes[member] = node = reconciler.Reconciler(agent)
        while not scene.simulation.view().state.is_over:
            scene.simulation.step()
        assert scene.simulation.view().state is run.RunState.COMPLETED
        while node.agent.signing.keys.get(scene.run_id, 0) is not None:
            node.step()
        assert len({tuple(digests) for digests in scene.states().values()}) == 1
        cells = max(1, len(scene.simulation.view().cells))
        assert len(agent.journal.sum(scene.run_id, 1).data) // cells * sites >= agents.SHORT_WORK
        assert not agent.prepared[scene.run_id].held
        assert list((tmp_path / "inputs").iterdir()) == []
        scene.simulation.commons.clock.advance(1_000)
        node.step()
        assert [file for file in (tmp_path / "own" / "blobs").rglob("*") if file.is_file()] == []
        runner.close()
