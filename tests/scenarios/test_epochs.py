"""New keys in the middle of a run: the rounds go on, old keys end, and what was sealed for them stays closed to the new ones."""

import dataclasses
from typing import Any

import pytest

from aicommons.domain import run
from aicommons.node import verification
from aicommons.protocol import transitions

LONG = {"patience_seconds": 90 * 86_400, "consent_seconds": 90 * 86_400}


def a_month_later(scene: Any) -> None:
    """Let an epoch's time pass; the run pauses meanwhile, because deadlines are over as well."""
    scene.simulation.commons.clock.advance(transitions.EPOCH_SECONDS + 60)


@pytest.mark.parametrize("sites", [3, 5, 8], ids=lambda count: f"{count} members")
def test_a_run_goes_on_with_new_keys(stage, sites: int) -> None:
    """Each node acknowledges the next epoch, combines the same states, and erases the keys before."""
    with stage.scene(sites, **LONG) as scene:
        current = scene.play(stage.move(lambda view: view.unmasked(0) is not None, a_month_later))
        assert current.state is run.RunState.COMPLETED
        assert current.epoch == 1
        assert {ack.epoch for ack in current.acks.values()} == {1}
        assert {current.epoch_of(place) for place in current.attempts} == {0, 1}
        assert len({tuple(digests) for digests in scene.states().values()}) == 1
        plain = stage.plain_states(stage.plan(), dict(zip(scene.roster, stage.sites(sites), strict=True)), 3)
        kept = scene.nodes[scene.roster[0]].agent.journal.state(scene.run_id, 3)
        assert kept.data == plain[3]
        for node in scene.nodes.values():
            assert node.agent.signing.keys.is_erased(scene.run_id, 0)
            assert node.agent.signing.keys.is_erased(scene.run_id, 1)


def test_old_keys_go_while_the_run_goes_on(stage) -> None:
    """As soon as every round of the old epoch is read, its key is gone; the new one is another."""
    seen: list[tuple[bool, bool]] = []
    with stage.scene(3, **LONG) as scene:

        def look(scene: Any) -> None:
            """Note which keys there are."""
            keys = scene.nodes[scene.roster[0]].agent.signing.keys
            seen.append((keys.get(scene.run_id, 0) is None, keys.get(scene.run_id, 1) is not None))

        last = stage.move(lambda view: view.unmasked(1) is not None, look)
        current = scene.play(stage.move(lambda view: view.unmasked(0) is not None, a_month_later), last)
        assert seen == [(True, True)]
        points = [{ack.point for ack in acks.values()} for acks in (current.acks, current.past_acks[0])]
        assert not points[0] & points[1]


def test_a_run_of_two_epochs_is_verified(stage) -> None:
    """Each attempt is held against the keys of its own epoch; the keys of another are found out."""
    with stage.scene(3, **LONG) as scene:
        scene.play(stage.move(lambda view: view.unmasked(0) is not None, a_month_later))
        commons, current = scene.simulation.commons, scene.simulation.view()
        place = commons.members[0].node.ledger.place
        found = verification.verify(current, scene.run_id, commons.store, place)
        assert found.problem is None
        assert found.holds
        swapped = dataclasses.replace(current, past_acks={0: current.acks})
        assert "Ack" in (verification.verify(swapped, scene.run_id, commons.store, place).problem or "")


LOST_IN = {
    "before its Submit": (run.Phase.OPEN, 1),
    "after its Submit": (run.Phase.SUBMITTED, 1),
    "in the first round": (run.Phase.SUBMITTED, 0),
}
"""When a member's key file is lost -> the phase and the round."""


@pytest.mark.parametrize("moment", LOST_IN)
def test_a_member_that_lost_its_key_comes_back(stage, moment: str) -> None:
    """The run pauses for it, it asks for new keys, and the run goes on to the states that it would have had."""
    phase, round_index = LOST_IN[moment]
    with stage.scene(3, **LONG) as scene:
        loser = scene.nodes[scene.roster[1]].agent

        def is_there(view: Any) -> bool:
            """The round is in the phase, and the member that loses its key has not gone on."""
            attempt = view.attempts.get((round_index, 0))
            return view.round_index == round_index and attempt is not None and attempt.phase is phase

        def lose(scene: Any) -> None:
            """Lose the key file; nobody has a copy."""
            loser.signing.keys.erase(scene.run_id, 0)

        current = scene.play(stage.move(is_there, lose), passes=200)
        assert (current.state, current.epoch) == (run.RunState.COMPLETED, 1)
        plain = stage.plain_states(stage.plan(), dict(zip(scene.roster, stage.sites(3), strict=True)), 3)
        assert loser.journal.state(scene.run_id, 3).data == plain[3]
        report = verification.verify(
            scene.simulation.view(), scene.run_id, scene.simulation.commons.store,
            scene.simulation.commons.members[0].node.ledger.place,
        )  # fmt: skip
        assert report.problem is None


def test_a_member_that_lost_its_key_cannot_read_what_was_certified_before(
    stage, caplog: pytest.LogCaptureFixture
) -> None:
    """A round's sum is sealed to the keys it was certified with: the run ends at the state that all have, in its time."""
    with stage.scene(3, patience_seconds=60) as scene:
        loser = scene.nodes[scene.roster[1]].agent

        def lose(scene: Any) -> None:
            """Lose the key file; nobody has a copy."""
            loser.signing.keys.erase(scene.run_id, 0)

        def is_certified(view: Any) -> bool:
            """Masks of the second round are fixed, and nobody has read it."""
            attempt = view.attempts.get((1, 0))
            return attempt is not None and attempt.phase is run.Phase.FIXED

        current = scene.play(stage.move(is_certified, lose), passes=400)
        assert (current.state, current.reason) == (run.RunState.ENDED, run.Reason.PATIENCE_OVER)
        assert current.agreed.rounds_done == 1
        assert loser.journal.state(scene.run_id, 1) is not None
        told = [each for each in caplog.messages if "the key that round 1 is sealed to is lost" in each]
        assert len(told) == 1
