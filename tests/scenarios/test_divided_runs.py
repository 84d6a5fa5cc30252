"""Divided runs: cells that are drawn once are summed apart by every node, and nothing below a cell is ever released."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tests.scenarios import test_accusations as accusing
from tests.scenarios import test_epochs as epochs
from tests.scenarios import test_lying_ledger as lying
from tests.scenarios import test_tampering as tampering

from aicommons.domain import errors, events, run
from aicommons.learning import recipe, state
from aicommons.learning.secagg import quantise
from aicommons.node import agent as agents
from aicommons.node import evidence, verification

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


MANY = 12
"""Sites of three cells: one of them may sit out."""


def seat_in(scene: Any, cell: int, place: int = 0) -> int:
    """Return the place on the roster of somebody in a cell."""
    return scene.roster.index(members_of(scene, cell)[place])


def drawn(view: Any) -> bool:
    """Return whether the cells are known and nobody has sent anything."""
    return bool(view.cells) and view.current is not None and not view.current.submits


def test_a_cell_with_a_silent_site_sits_out_and_comes_back(stage) -> None:
    """The others are summed without it, after the deadline, until it is there again; no sum ever lacks just one site."""
    with stage.scene(MANY, cell_size=SIZE) as scene:
        silent: list[int] = []

        def fall_silent(scene: Any) -> None:
            """Silence somebody of the first cell."""
            silent.append(seat_in(scene, 0))
            scene.leave(*silent)

        back = stage.move(lambda view: view.unmasked(0) is not None, lambda scene: scene.come_back(*silent))
        current = scene.play(stage.move(drawn, fall_silent), back)
        assert current.state is run.RunState.COMPLETED
        sets = [set(current.members_of(current.attempts[current.unmasked(index)].set_bits)) for index in range(3)]
        assert sets[0] == set(scene.roster) - set(members_of(scene, 0))
        assert sets[2] == set(scene.roster)
        assert sets[1] in sets[::2]  # who has to read the round before may be late for one more
        assert len({tuple(digests) for digests in scene.states().values()}) == 1
        check_verified(scene)


def test_cells_of_unequal_size_are_summed_apart(stage) -> None:
    """Nine sites make a cell of five and one of four: each is summed by itself, and both count as one whole."""
    with stage.scene(9, cell_size=SIZE) as scene:
        current = scene.play()
        assert current.state is run.RunState.COMPLETED
        cells = [members_of(scene, cell) for cell in range(2)]
        assert [len(members) for members in cells] == [5, 4]
        kept = scene.nodes[scene.roster[0]].agent.journal.sum(scene.run_id, 0)
        assert kept.data == b"".join(words.tobytes() for words in plain_sums(stage, scene, cells))
        assert len({tuple(digests) for digests in scene.states().values()}) == 1
        check_verified(scene)


def test_new_keys_make_no_new_cells(stage) -> None:
    """The cells of the first epoch stay: drawn anew, two rounds would tell the difference of two groups."""
    with stage.scene(SITES, cell_size=SIZE, **epochs.LONG) as scene:
        before: list[Any] = []

        def a_month_later(scene: Any) -> None:
            """Note the cells, and let the keys' time pass."""
            before.append(scene.simulation.view().cells)
            epochs.a_month_later(scene)

        current = scene.play(stage.move(lambda view: view.unmasked(0) is not None, a_month_later))
        assert (current.state, current.epoch) == (run.RunState.COMPLETED, 1)
        assert before == [current.cells]
        last = current.attempts[current.unmasked(2)]
        assert set(last.cells) == {0, 1}
        assert len({tuple(digests) for digests in scene.states().values()}) == 1
        check_verified(scene)


def test_half_of_the_cells_make_no_model(stage) -> None:
    """With one of two cells silent the run waits for it and ends in its time; nothing is released."""
    with stage.scene(SITES, cell_size=SIZE) as scene:
        fall_silent = stage.move(drawn, lambda scene: scene.leave(seat_in(scene, 1)))
        current = scene.play(fall_silent)
        assert (current.state, current.reason) == (run.RunState.ABORTED, run.Reason.PATIENCE_OVER)
        assert not any(attempt.reveals for attempt in current.attempts.values())


def test_a_cheat_in_a_cell_is_named_and_its_cell_stays(stage) -> None:
    """A bad vector puts out its sender alone: the three that are left in its cell are summed on."""
    with stage.scene(MANY, cell_size=SIZE) as scene:
        change = tampering.CHEATS[tampering.SEEN_BY_ALL][1]
        liar = tampering.cheat(scene, 4, change, rounds=range(1, 2), attempts=range(9))
        current = scene.play()
        assert set(current.convicted) == {liar}
        assert current.state is run.RunState.COMPLETED
        last = current.attempts[current.unmasked(1)]
        assert set(current.members_of(last.set_bits)) == set(scene.roster) - {liar}
        check_verified(scene)


def test_a_false_sum_of_one_cell_is_disputed(stage) -> None:
    """Whoever reveals another sum of a cell than the other holders is convicted, and the true sums are read."""
    with stage.scene(SITES, cell_size=SIZE) as scene:
        liar = scene.roster[2]
        scene.change(2, runner=accusing.LyingRunner())
        current = scene.play()
        assert set(current.convicted) == {liar}
        assert {(accused, cell) for _, accused, cell, _ in current.attempts[accusing.ROUND, 0].disputes} == {(liar, 0)}
        assert current.state is run.RunState.COMPLETED
        honest = [digests for member, digests in scene.states().items() if member != liar]
        assert len({tuple(each) for each in honest}) == 1
        check_verified(scene)


def test_a_ledger_that_shows_other_cells_is_not_believed(stage) -> None:
    """A node draws the cells itself: shown others it sends nothing, and a stranger who is shown others says so."""
    with stage.scene(SITES, cell_size=SIZE) as scene:

        def swap(ledger: lying.LyingLedger, event: events.Event) -> list[events.Event]:
            """Show two members of different cells in one another's place."""
            if not isinstance(event, events.CellsDrawn):
                return [event]
            first, second = event.cells
            one, other = first & -first, second & -second
            return [dataclasses.replace(event, cells=(first ^ one ^ other, second ^ one ^ other))]

        agent = scene.nodes[scene.roster[3]].agent
        scene.change(3, ledger=lying.LyingLedger(scene, agent.signing._signer, swap))
        current = scene.play(passes=80, must_end=False)
        assert len(current.current.submits) == SITES - 1
        assert scene.roster[3] not in current.current.submits


def test_a_stranger_draws_the_cells_again(stage) -> None:
    """Whoever verifies a run and is shown other cells says so before it looks at any sum."""
    with stage.scene(SITES, cell_size=SIZE) as scene:
        current = scene.play()
        first, second = current.cells
        swapped = (first & -first) | (second & -second)
        shown = dataclasses.replace(current, cells=(first ^ swapped, second ^ swapped))
        commons = scene.simulation.commons
        report = verification.verify(shown, scene.run_id, commons.store, commons.members[0].node.ledger.place)
        assert "other cells than follow from the run's first keys" in (report.problem or "")


PARTS = {
    "a cell without one site": (
        lambda first, second, third: (first ^ (first & -first)) | second | third, "cell-not-whole",
    ),
    "one cell of three": (lambda first, second, third: first, "set-too-small"),
    "one site": (lambda first, second, third: first & -first, "set-too-small"),
}  # fmt: skip
"""What a ledger may show as a set, of three cells, and why nobody commits to it."""


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_cell_is_no_set(stage, name: str) -> None:
    """Whatever the ledger shows, nobody commits to a set that has a part of a cell, or half of the cells or fewer."""
    with stage.scene(MANY, cell_size=SIZE) as scene:
        current = scene.play(stage.move(lambda view: view.unmasked(0) is not None, lambda _: None))
        agent = scene.nodes[scene.roster[0]].agent
        attempt = agents.attempt_of(agent, scene.run_id, current, (0, 0))
        whole = attempt.evidence(agent)
        assert set(evidence.inputs_of(whole).cells) == {0, 1, 2}
        part, reason = PARTS[name]
        shown = dataclasses.replace(whole.seen, set_bits=part(*current.cells))
        with pytest.raises(errors.AggregationRefused) as refused:
            evidence.inputs_of(dataclasses.replace(whole, seen=shown))
        assert refused.value.reason == reason


def test_half_of_the_cells_are_no_set(stage) -> None:
    """Of two cells one is not enough, even where its sites are enough to hide one another: a quorum has to be in it."""
    with stage.scene(9, cell_size=SIZE) as scene:
        current = scene.play(stage.move(lambda view: view.unmasked(0) is not None, lambda _: None))
        agent = scene.nodes[scene.roster[0]].agent
        attempt = agents.attempt_of(agent, scene.run_id, current, (0, 0))
        whole = attempt.evidence(agent)
        larger = max(current.cells, key=int.bit_count)
        assert (len(current.cells), larger.bit_count()) == (2, 5)
        shown = dataclasses.replace(whole.seen, set_bits=larger)
        with pytest.raises(errors.AggregationRefused) as refused:
            evidence.inputs_of(dataclasses.replace(whole, seen=shown))
        assert refused.value.reason == "cell-not-whole"


PERCEPTRON = {
    "recipe": "mlp",
    "hidden": [4],
    "rounds": 3,
    "learning_rate": 0.5,
    "batch": 4,
    "clip": 4.0,
    "schema": {
        "features": [{"name": f"x{index}", "kind": "numeric", "lo": -6, "hi": 6} for index in range(2)],
        "target": {"name": "y", "task": "binomial", "classes": ["no", "yes"]},
    },
}
LIARS = (3, 11)
"""Places on the roster of two sites that send large numbers."""


def learned(stage: Any, rule: str | None, *, liars: Sequence[int]) -> Any:
    """Return the weights that twenty sites come to, some of which send the largest numbers there are."""
    plan = recipe.from_plan({**PERCEPTRON, **({} if rule is None else {"robust": {"rule": rule}})})
    with stage.scene(20, plan=plan, cell_size=SIZE, min_participants=20, engine="memory") as scene:
        poison = functools.partial(tampering.forged, word=2**20)
        for index in liars:
            tampering.cheat(scene, index, poison, rounds=range(1, 9), attempts=range(9))
        assert scene.play().state is run.RunState.COMPLETED
        check_verified(scene)
        final = state.decode(scene.nodes[scene.roster[0]].agent.journal.state(scene.run_id).data)
        return np.concatenate([each.ravel() for name, each in sorted(final.arrays.items()) if "layer" in name])


@pytest.fixture(scope="module")
def honest(stage) -> Any:
    """What the sites come to without liars, by the plain mean."""
    return learned(stage, None, liars=())


@pytest.fixture(scope="module")
def moved(stage, honest: Any) -> float:
    """How far two liars move the plain mean."""
    return float(np.linalg.norm(learned(stage, None, liars=LIARS) - honest))


@pytest.mark.parametrize("rule", ["geometric-median", "median", "trimmed-mean"])
def test_liars_in_two_cells_move_a_robust_model_less(stage, honest: Any, moved: float, rule: str) -> None:
    """Twenty sites in five cells: what two liars do to the plain mean, a robust rule keeps to a part."""
    kept = float(np.linalg.norm(learned(stage, rule, liars=LIARS) - honest))
    assert kept < moved / 2, f"{rule}: {kept:.3g} of {moved:.3g}, weights {np.linalg.norm(honest):.3g}"
