"""The release rule: no two sums of nearly the same sites come out, in one round or on one problem."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import encoding, ids, messages, run
from aicommons.ledger import client
from aicommons.node import journal, overlap, reconciler

RUN = ids.RunId(b"\x07" * 32)


class Muffled(client.Client):
    """A ledger that never gets this node's Reveals."""

    def post(self, key: encoding.AttemptKey, message: messages.Message, signed: bytes) -> None:
        """Send everything else."""
        if not isinstance(message, messages.Reveal):
            super().post(key, message, signed)


def test_a_set_does_not_shrink_once_masks_are_out(stage) -> None:
    """After its masks were uploaded, a node commits to no other set in that round, though its Reveal never arrived."""
    with stage.scene(5) as scene:
        victim, leaver = scene.roster[0], scene.roster[4]
        agent = scene.nodes[victim].agent
        commons = scene.simulation.commons
        deaf = Muffled(commons._connection, commons.deployment, agent.signing._signer)
        scene.nodes[victim] = reconciler.Reconciler(dataclasses.replace(agent, ledger=deaf))
        place = encoding.AttemptKey(scene.run_id, 0, 0)

        def has_uploaded(view) -> bool:
            """The victim's masks of the first attempt are in the store, and nobody else has revealed."""
            attempt = view.attempts.get((0, 0))
            return attempt is not None and attempt.phase is run.Phase.FIXED and len(agent.journal.stored(run_id)) > 2

        def shrink(scene) -> None:
            """Stop the attempt, and let a member leave."""
            other = scene.nodes[leaver].agent
            other.ledger.refuse(place, ids.MemberId(leaver), ids.MemberId(scene.roster[3]), "front-run")
            left = messages.Exit(scene.run_id, ids.MemberId(leaver), messages.ANY_ROUND)
            other.ledger.post(place, left, other.signing.sign(left))
            scene.leave(4)

        run_id = scene.run_id
        scene.play(stage.move(has_uploaded, shrink), passes=60, must_end=False)
        current = scene.simulation.view()
        assert current.attempts[(0, 1)].set_bits == 0b01111
        assert victim not in current.attempts[(0, 1)].commits
        assert agent.journal.refusals(scene.run_id)[(0, 1)] == (0, "set-changed")


@pytest.mark.parametrize(
    ("left_out", "is_allowed", "reveals"),
    [(0, False, True), (1, False, False), (2, False, False), (1, True, True)],
    ids=["the same sites", "one site fewer", "two sites fewer", "one site fewer, accepted"],
)
def test_a_second_run_with_nearly_the_same_sites(stage, left_out: int, is_allowed: bool, reveals: bool) -> None:
    """On one problem a node commits to a set that equals an earlier one, or differs in enough, or that was accepted."""
    with stage.scene(5) as scene:
        scene.play()
        second = scene.simulation.again(scene.roster[: 5 - left_out])
        if is_allowed:
            for node in second.nodes.values():
                kept = node.agent.journal
                kept.pin(second.run_id, dataclasses.replace(kept.pinned(second.run_id), may_overlap=True))
        scene.simulation.run_id, before = second.run_id, scene.simulation.run_id
        scene.simulation.nodes = second.nodes
        current = scene.play(passes=80, must_end=False)
        assert before != second.run_id
        assert any(attempt.reveals for attempt in current.attempts.values()) == reveals
        assert any(attempt.commits for attempt in current.attempts.values()) == reveals
        named = {
            reason
            for node in second.nodes.values()
            for _, reason in node.agent.journal.refusals(second.run_id).values()
        }
        assert named == (set() if reveals else {"set-too-near"})


def test_another_problem_is_another_matter(stage, tmp_path) -> None:
    """Only sets of the same problem are compared, and a run's own sets are its own rule's business."""
    kept = journal.Journal(tmp_path / "journal.db")
    pin = journal.Pin(bytes(32), b"\x01" * 32, 1, 1, bytes(32))
    kept.pin(RUN, pin)
    kept.keep_released(RUN, (1, 2, 3, 4, 5))
    kept.keep_released(RUN, (1, 2, 3, 4))
    later = ids.RunId(b"\x08" * 32)
    assert overlap.find(kept, later, pin, members=(1, 2, 3, 4, 6), faults=2) == overlap.Overlap(RUN, (6,))
    assert (
        overlap.find(kept, later, dataclasses.replace(pin, problem=b"\x02" * 32), members=(1, 2, 3), faults=2) is None
    )
    assert overlap.find(kept, RUN, pin, members=(1, 2, 3), faults=2) is None
    assert overlap.find(kept, later, dataclasses.replace(pin, may_overlap=True), members=(1, 2, 3), faults=2) is None
    kept.close()


MEMBERS = st.frozensets(st.integers(1, 12), min_size=3, max_size=9)


@given(members=MEMBERS, earlier=MEMBERS, faults=st.integers(1, 4))
def test_what_is_too_near(members: frozenset[int], earlier: frozenset[int], faults: int) -> None:
    """A difference of at least one and fewer than t + 2 participants is refused, and exactly that."""
    apart = len(members | earlier) - len(members & earlier)
    found = overlap.nearest(sorted(members), faults, [journal.Released(RUN, tuple(sorted(earlier)))])
    assert (found is not None) == (1 <= apart <= faults + 1)
    if found is not None:
        assert set(found.apart) == (members | earlier) - (members & earlier)
