"""Runs whose boxes take an ML-KEM secret too: they end as others do, change keys as others do, and anybody verifies them."""

from typing import Any

import pytest

from aicommons.domain import ids, run
from aicommons.learning.secagg import epoch as epochs
from aicommons.learning.secagg import header, suite
from aicommons.node import contributing, verification
from aicommons.protocol import transitions

HYBRID = {"is_hybrid": True}
LONG = {"patience_seconds": 90 * 86_400, "consent_seconds": 90 * 86_400}
"""Terms of a run that outlasts its first keys."""


def verified(scene: Any, current: Any) -> verification.Report:
    """Return what a stranger finds."""
    commons = scene.simulation.commons
    return verification.verify(current, scene.run_id, commons.store, commons.members[0].node.ledger.place)


@pytest.mark.parametrize("sites", [3, 5, 8])
def test_a_hybrid_run_gives_the_model_of_a_plain_one(stage, sites: int) -> None:
    """In both layouts: the sums of plain numbers, headers of the hybrid version, and a record that holds."""
    with stage.scene(sites, **HYBRID) as scene:
        current = scene.play()
        assert current.state is run.RunState.COMPLETED
        assert suite.is_hybrid(current.spec.suite)
        rounds = current.agreed.rounds_done
        plain = stage.plain_states(stage.plan(), dict(zip(scene.roster, stage.sites(sites), strict=True)), rounds)
        kept = scene.nodes[scene.roster[0]].agent.journal.state(scene.run_id, rounds)
        assert kept.data == plain[rounds]
        store = scene.simulation.commons.store
        heads = [
            store.get(sent.header_digest, contributing.MOST_HEADER) for sent in current.attempts[0, 0].submits.values()
        ]
        assert {head[0] for head in heads} == {header.HYBRID_VERSION}
        assert {node.agent.signing.keys.is_erased(scene.run_id, 0) for node in scene.nodes.values()} == {True}
        report = verified(scene, current)
        assert (report.problem, report.rounds) == (None, rounds)


def test_a_hybrid_run_changes_its_keys(stage) -> None:
    """Every epoch has keys of its own, of both kinds; what was sealed for the old ones is verified with them."""
    with stage.scene(5, **LONG, **HYBRID) as scene:

        def age(scene: Any) -> None:
            scene.simulation.commons.clock.advance(transitions.EPOCH_SECONDS + 60)

        current = scene.play(stage.move(lambda view: view.unmasked(0) is not None, age), passes=200)
        assert (current.state, current.epoch) == (run.RunState.COMPLETED, 1)
        announced = [{ack.point for ack in current.acks_of(each).values()} for each in (0, 1)]
        assert len(announced[0] | announced[1]) == 10
        assert verified(scene, current).problem is None


def test_a_hybrid_run_is_verified_with_its_keys_only(stage) -> None:
    """Keys that are gone are said to be gone; keys that are others than an Ack names are named."""
    with stage.scene(3, **HYBRID) as scene:
        current = scene.play()
        named = current.acks[scene.roster[1]].point
        store = scene.simulation.commons.store
        raw = store.get(named, epochs.public_bytes(3))
        store.erase(named)
        report = verified(scene, current)
        assert (report.problem, report.rounds) == (None, 0)
        assert any("keys that the Acks of this hybrid run name" in each.words for each in report.unchecked)
        assert store.put(raw) == ids.digest(raw) == named
        assert verified(scene, current).rounds == current.agreed.rounds_done
