"""Divided runs: cells that are drawn once are summed apart by every node, and nothing below a cell is ever released."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tests.scenarios import test_accusations as accusing
from tests.scenarios import test_tampering as tampering

from aicommons.domain import encoding, events, run
from aicommons.learning import state
from aicommons.learning.secagg import quantise
from aicommons.node import verification

SITES = 8
SIZE = 4


def members_of(scene: Any, cell: int) -> tuple[int, ...]:
    """Return the members of a cell."""
    current = scene.simulation.view()
    return tuple(current.members_of(current.cells[cell]))


def check_verified(scene: Any) -> None:
    """Check that a stranger finds nothing wrong with the run."""
    commons, current = scene.simulation.commons, scene.simulation.view()
    report = verification.verify(current, scene.run_id, commons.store, commons.members[0].node.ledger.place)
    assert report.problem is None
    assert report.holds


def plain_sums(stage: Any, scene: Any, cells: Sequence[Sequence[int]]) -> list[Any]:
    """Return the words of the first round's sum of each cell, added up without masks."""
    plan, value = stage.plan(), stage.plan().initial()
    declared, sites = plan.blocks(value), dict(zip(scene.roster, stage.sites(len(scene.roster)), strict=True))
    sums = []
    for members in cells:
        vectors = []
        for member in members:
            draws = np.random.default_rng([plan.seed, member, 0])
            part, _ = plan.contribute(value, sites[member], local_state=None, rng=draws)
            vectors.append(quantise.encode(declared, part, members=len(sites), word_bits=plan.word_bits))
        sums.append(np.add.reduce(vectors, dtype=vectors[0].dtype))
    return sums


def test_each_cell_is_summed_apart(stage) -> None:
    """Nodes keep exactly the sums of the cells, the state is that of all of them, and a stranger can follow it."""
    with stage.scene(SITES, cell_size=SIZE) as scene:
        current = scene.play()
        assert current.state is run.RunState.COMPLETED
        assert [len(members_of(scene, cell)) for cell in range(2)] == [4, 4]
        kept = scene.nodes[scene.roster[0]].agent.journal.sum(scene.run_id, 0)
        expected = plain_sums(stage, scene, [members_of(scene, cell) for cell in range(2)])
        assert kept.data[: len(expected[0].tobytes())] == expected[0].tobytes()
        assert len({tuple(digests) for digests in scene.states().values()}) == 1
        check_verified(scene)
