"""A site leaves a run of its own will, said aloud; the others go on without it, and everybody can check why the set is smaller."""

from typing import Any

import pytest

from aicommons.domain import errors, run
from aicommons.node import verification


def leave(scene: Any, index: int) -> None:
    """Let an organisation take its site out of the run, at its desk."""
    leaver = scene.member(index)
    leaver.desk.leave(scene.run_id, leaver.node.signing)


def test_a_site_leaves_between_two_rounds(stage) -> None:
    """The set gets smaller by the one that signed an Exit, and the run ends with the states of the others."""
    with stage.scene(5) as scene:
        current = scene.play(stage.move(lambda view: view.unmasked(0) is not None, lambda scene: leave(scene, 4)))
        assert current.state is run.RunState.COMPLETED
        assert set(current.exits) == {scene.roster[4]}
        assert current.attempts[1, 0].set_bits == 0b01111
        commons = scene.simulation.commons
        report = verification.verify(current, scene.run_id, commons.store, commons.members[0].node.ledger.place)
        assert report.problem is None


MOMENTS = {
    "too few would stay": (3, lambda view: view.unmasked(0) is not None, "TrainingRunsTooFewStay"),
    "a round is summed": (
        5,
        lambda view: view.current is not None and view.current.phase is run.Phase.FIXED,
        "TrainingRunsWrongPhase",
    ),
}
"""When nobody may leave -> members, the moment, the refusal."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_nobody_leaves_at_others_cost(stage, moment: str) -> None:
    """Of three sites none leaves, because two would know each other's numbers; and nobody leaves in the middle of a sum."""
    members, when, expected = MOMENTS[moment]
    refused: list[str] = []

    def try_to(scene: Any) -> None:
        """Note the refusal."""
        with pytest.raises(errors.LedgerRefused) as caught:
            leave(scene, 2)
        refused.append(caught.value.error)

    with stage.scene(members) as scene:
        current = scene.play(stage.move(when, try_to))
        assert refused == [expected]
        assert (current.state, current.exits) == (run.RunState.COMPLETED, {})
