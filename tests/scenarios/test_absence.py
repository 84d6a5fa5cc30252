"""Silent nodes: who is left out, when a run pauses, and at which state it ends; nobody's work is lost."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from aicommons.domain import documents, run
from aicommons.node import agent as agents
from aicommons.protocol import view as views

Phase, State, Reason, Absence = run.Phase, run.RunState, run.Reason, run.Absence
When = Callable[[views.RunView], bool]


def at(round_index: int, phase: Phase) -> When:
    """Return whether the run has come to a phase of a round."""

    def holds(view: views.RunView) -> bool:
        now = view.current
        return view.round_index == round_index and now is not None and now.phase >= phase

    return holds


def in_state(state: State) -> When:
    """Return whether the run is in a state."""
    return lambda view: view.state is state


def columns(scene: Any) -> tuple[tuple[int, ...], ...]:
    """Return the places on the roster that hold each column."""
    agent = scene.nodes[scene.roster[0]].agent
    return agents.attempt_of(agent, scene.run_id, scene.simulation.view(), (0, 0)).session.layout.columns


def one_of_two_pairs(scene: Any) -> tuple[int, ...]:
    """Return a holder of each of two columns."""
    first, second, *_ = columns(scene)
    return first[0], second[1]


def a_whole_pair(scene: Any) -> tuple[int, ...]:
    """Return both holders of a column."""
    return columns(scene)[0]


def commits(count: int) -> When:
    """Return whether round 1 has that many Commits."""
    return lambda view: len(view.attempts.get((1, 0), views.AttemptView()).commits) >= count


@dataclasses.dataclass(frozen=True)
class Row:
    """Who is silent when, and how the run ends."""

    members: int
    """Size of the roster."""
    gone: tuple[int, ...] | Callable[[Any], tuple[int, ...]]
    """Places on the roster of the nodes that go silent, or how they follow from who holds which column."""
    when: When
    """When they go."""
    back: When | None = None
    """When they come back; never where there is none."""
    policies: dict[int, Absence] = dataclasses.field(default_factory=dict)
    """Absence policies other than ``wait``."""
    states: tuple[State, ...] = (State.ACKING, State.RUNNING, State.COMPLETED)
    """The run's states, in order."""
    reason: Reason = Reason.FINISHED
    """Why it ended."""
    rounds: int | None = 3
    """Position of the agreed state; none when nothing was agreed."""
    participants: int | None = None
    """Size of the final set; all where there is none."""
    attempts: int = 1
    """Attempts at the last round."""


DONE_WITHOUT = (State.ACKING, State.RUNNING, State.PAUSED, State.RUNNING, State.PAUSED, State.ENDED)
"""The other holders of its columns finish the round; the next one cannot begin without it."""
WAITED = (State.ACKING, State.RUNNING, State.PAUSED, State.ENDED)
RESUMED = (State.ACKING, State.RUNNING, State.PAUSED, State.RUNNING, State.COMPLETED)
FAILED = (State.ACKING, State.RUNNING, State.PAUSED, State.ABORTED)
OPEN_0, OPEN_1 = at(0, Phase.OPEN), at(1, Phase.OPEN)
DONE_0 = at(0, Phase.UNMASKED)

ROWS: dict[str, Row] = {
    # before the first Commit the set may still change
    "one of five never submits": Row(5, (4,), OPEN_0, participants=4),
    "the first of five never submits": Row(5, (0,), OPEN_0, participants=4),
    "two of eight never submit": Row(8, one_of_two_pairs, OPEN_0, participants=6),
    "a pair of eight never submits: nobody holds its column": Row(
        8, a_whole_pair, OPEN_0, states=FAILED, reason=Reason.PATIENCE_OVER, rounds=None
    ),
    "one of three never submits": Row(3, (2,), OPEN_0, states=FAILED, reason=Reason.PATIENCE_OVER, rounds=None),
    "two of five never submit": Row(5, (3, 4), OPEN_0, states=FAILED, reason=Reason.PATIENCE_OVER, rounds=None),
    "one of three submits late": Row(3, (2,), OPEN_0, in_state(State.PAUSED), states=RESUMED),
    "one of three never acknowledges": Row(
        3, (1,), in_state(State.ACKING), states=(State.ACKING, State.ABORTED), reason=Reason.ACK_MISSING, rounds=None
    ),
    "one of three acknowledges late": Row(3, (1,), in_state(State.ACKING), lambda view: len(view.acks) == 2),
    # after it a missing node makes the run wait
    "wait, comes back": Row(5, (4,), DONE_0, in_state(State.PAUSED), states=RESUMED),
    "wait, comes back, three sites": Row(3, (0,), DONE_0, in_state(State.PAUSED), states=RESUMED),
    "wait, two of eight come back": Row(8, (2, 7), DONE_0, in_state(State.PAUSED), states=RESUMED),
    "wait, never comes back": Row(5, (4,), DONE_0, states=WAITED, reason=Reason.PATIENCE_OVER, rounds=1),
    "wait, never comes back in round 2": Row(
        5, (1,), at(1, Phase.UNMASKED), states=WAITED, reason=Reason.PATIENCE_OVER, rounds=2
    ),
    "gone before its Commit, the others go on and then wait": Row(
        5, (4,), at(1, Phase.SUBMITTED), in_state(State.PAUSED), states=RESUMED
    ),
    "gone after its Commit, comes back": Row(5, (0,), commits(1), in_state(State.PAUSED), states=RESUMED),
    "gone after its Commit, never comes back": Row(
        5, (0,), commits(1), states=DONE_WITHOUT, reason=Reason.PATIENCE_OVER, rounds=2
    ),
    "two of five gone before Commit, no certificate": Row(
        5, (3, 4), at(1, Phase.SUBMITTED), states=WAITED, reason=Reason.PATIENCE_OVER, rounds=1
    ),
    "three sites, one never comes back": Row(
        3, (2,), at(1, Phase.UNMASKED), states=WAITED, reason=Reason.PATIENCE_OVER, rounds=1
    ),
    # exits signed in advance
    "exit of one of five": Row(
        5, (4,), DONE_0, policies={4: Absence.EXIT}, states=RESUMED, participants=4
    ),
    "exit of one of four": Row(
        4, (1,), DONE_0, policies={1: Absence.EXIT}, states=RESUMED, participants=3
    ),
    "exit while everybody may exit": Row(
        5, (2,), DONE_0, policies=dict.fromkeys(range(5), Absence.EXIT), states=RESUMED, participants=4
    ),
    "exit would leave two of three": Row(
        3, (2,), DONE_0, policies={2: Absence.EXIT}, states=FAILED, reason=Reason.PATIENCE_OVER, rounds=None
    ),
    "one may exit, the other waits": Row(
        5, (3, 4), DONE_0, policies={4: Absence.EXIT}, states=FAILED, reason=Reason.PATIENCE_OVER, rounds=None
    ),
    "exits itself only after the patience": Row(
        5, (4,), DONE_0, in_state(State.PAUSED), policies={4: Absence.EXIT}, states=RESUMED
    ),
}  # fmt: skip


def played(stage, row: Row):
    """Yield the scene after the row was played, with the run as it ended."""
    with stage.scene(row.members, absence=row.policies) as scene:
        gone: list[int] = []

        def go(scene: Any) -> None:
            gone.extend(row.gone(scene) if callable(row.gone) else row.gone)
            scene.leave(*gone)

        moves = [stage.move(row.when, go)]
        if row.back is not None:
            moves.append(
                stage.move(lambda view: bool(scene.gone) and row.back(view), lambda scene: scene.come_back(*gone))
            )
        yield scene, scene.play(*moves)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_silent_nodes(stage, row: Row) -> None:
    """The run passes through these states and ends for this reason at this state, with everybody agreeing on it."""
    for scene, current in played(stage, row):
        assert (scene.history, current.reason) == (row.states, row.reason)
        check_record(scene, current, row)
        check_sets(scene, current, row)


def check_record(scene, current: views.RunView, row: Row) -> None:
    """The last agreed state is kept by every node that is there and written down with card and shares."""
    if row.rounds is None:
        assert current.model is None
        assert current.agreed is None or current.agreed.rounds_done == 0
        return
    assert current.agreed.rounds_done == row.rounds
    held = {tuple(digests[: row.rounds + 1]) for digests in scene.states().values()}
    assert len(held) == 1
    assert len(next(iter(held))) == row.rounds + 1
    assert current.model.state_digest == next(iter(held))[-1]
    assert current.model.rounds_done == row.rounds
    assert sum(current.shares.values()) == 1_000_000
    card = documents.ModelCard.decode(scene.simulation.commons.store.get(current.model.card, 2**20))
    assert card.rounds == row.rounds


def check_sets(scene, current: views.RunView, row: Row) -> None:
    """Participants never come back into a set, and no two sets of a run differ but by exits."""
    revealed = [attempt.set_bits for place, attempt in sorted(current.attempts.items()) if attempt.reveals]
    for before, after in itertools.pairwise(revealed):
        left = set(current.members_of(before & ~after))
        assert before & after == after
        assert left <= set(current.exits)
    if row.participants is not None:
        assert len(current.members_of(revealed[-1])) == row.participants
        assert tuple(source.member_id for source in current.model.sources) == current.summed
        assert not set(scene.gone) & set(current.members_of(revealed[-1]))
    elif revealed:
        assert len(current.members_of(revealed[-1])) == row.members


def test_a_late_commit_does_not_hold_the_others_up(stage) -> None:
    """A node that commits after the round was unmasked and dies before its Reveal is not waited for by the readers."""
    from aicommons.node import committing
    from aicommons.protocol import duties

    with stage.scene(5) as scene:
        stale: list[views.RunView] = []

        def remember(scene) -> None:
            stale.append(scene.simulation.view())
            scene.leave(4)

        def commit_late(scene) -> None:
            scene.leave(0)  # has not read the round yet
            agent = scene.gone[scene.roster[4]].agent
            committing.commit(agent, duties.Duty(scene.run_id, duties.DutyKind.COMMIT, 0, 0), stale[0])

        def read(scene) -> None:
            scene.come_back(0)

        current = scene.play(
            stage.move(at(0, Phase.SUBMITTED), remember),
            stage.move(at(0, Phase.UNMASKED), commit_late),
            stage.move(in_state(State.PAUSED), read),
        )
        first = current.attempts[(0, 0)]
        assert set(first.commits) - set(first.reveals) == {scene.roster[4]}
        assert len({tuple(digests[:2]) for digests in scene.states().values()}) == 1
        assert all(len(digests) >= 2 for digests in scene.states().values())


def test_too_few_sites_cannot_begin(stage) -> None:
    """Fewer than three sites are refused with what was expected and what to do."""
    from aicommons.domain import errors

    with pytest.raises(errors.InputError, match="too few sites") as caught, stage.scene(2):
        pass
    assert (caught.value.expected, caught.value.got) == ("at least 3", 2)
    assert "expected at least 3, got 2" in str(caught.value)


def test_cancelled_by_the_solver(stage) -> None:
    """A cancelled run keeps its last agreed state."""
    with stage.scene(3) as scene:
        solver = scene.simulation.commons.members[0].desk
        current = scene.play(stage.move(at(1, Phase.FIXED), lambda scene: solver.cancel(scene.run_id)))
        assert (current.state, current.reason) == (State.ENDED, Reason.CANCELLED)
        assert current.model.rounds_done == 1
