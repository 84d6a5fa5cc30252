"""The release rule: no two sums of nearly the same sites come out, in one round or on one problem."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import encoding, errors, ids
from aicommons.node import committing, disclosures, journal, overlap

RUN = ids.RunId(b"\x07" * 32)


def test_a_set_does_not_shrink_once_masks_are_out(stage) -> None:
    """A node whose masks were uploaded over another set of the round, on blocks that were taken back, commits to none."""
    with stage.scene(5) as scene:
        victim = scene.roster[0]
        agent = scene.nodes[victim].agent
        in_round = scene.run_id + (0).to_bytes(4, "big")
        agent.signing.bind(committing.MASKS, in_round, encoding.set_digest(scene.roster[:4]))
        scene.play(passes=60, must_end=False)
        commits = scene.simulation.view().attempts[(0, 0)].commits
        assert set(commits) == set(scene.roster[1:])
        assert agent.journal.refusals(scene.run_id)[(0, 0)] == (0, "set-changed")


SECOND_RUNS = {
    "the same sites": (0, False, True),
    "one site fewer": (1, False, False),
    "two sites fewer": (2, False, False),
    "one site fewer, accepted": (1, True, True),
}


def _accept(second, *, overlap: bool) -> None:
    for node in second.nodes.values():
        kept = node.agent.journal
        kept.pin(second.run_id, dataclasses.replace(kept.pinned(second.run_id), may_overlap=overlap))


@pytest.mark.parametrize("name", SECOND_RUNS)
def test_a_second_run_with_nearly_the_same_sites(stage, name: str) -> None:
    """A node joins a set that equals an earlier one, or differs in enough, or that was accepted; else it sends no Ack."""
    left_out, is_allowed, goes_on = SECOND_RUNS[name]
    with stage.scene(5) as scene:
        scene.play()
        second = scene.simulation.again(scene.roster[: 5 - left_out])
        _accept(second, overlap=is_allowed)
        scene.simulation.run_id, before = second.run_id, scene.simulation.run_id
        scene.simulation.nodes = second.nodes
        current = scene.play(passes=80, must_end=False)
        assert before != second.run_id
        assert bool(current.acks) == goes_on
        assert any(attempt.reveals for attempt in current.attempts.values()) == goes_on
        told = [node.agent.journal.declined(second.run_id) for node in second.nodes.values()]
        assert any("differ only" in reason for each in told for _, reason in each) != goes_on


def test_a_set_is_held_against_earlier_ones_again_before_the_commit(stage) -> None:
    """What was accepted when a node joined and is not any more is refused by name before anything can be opened."""
    with stage.scene(5) as scene:
        scene.play()
        second = scene.simulation.again(scene.roster[:4])
        _accept(second, overlap=True)
        scene.simulation.run_id, scene.simulation.nodes = second.run_id, second.nodes
        scene.play(
            stage.move(lambda view: len(view.acks) == 4, lambda _: _accept(second, overlap=False)),
            passes=80,
            must_end=False,
        )
        current = scene.simulation.view()
        assert not any(attempt.commits for attempt in current.attempts.values())
        kept = [node.agent.journal.refusals(second.run_id) for node in second.nodes.values()]
        assert {reason for each in kept for _, reason in each.values()} == {"set-too-near"}
        told = [node.agent.journal.declined(second.run_id) for node in second.nodes.values()]
        assert all("differ only" in reason for each in told for _, reason in each)
        assert any(told)


def test_sets_of_the_problem_and_of_the_dataset_are_compared(tmp_path) -> None:
    """A set counts if it was on the same problem or with the same dataset; a run's own sets are its own rule's business."""
    kept = journal.Journal(tmp_path / "journal.db")
    pin = journal.Pin(bytes(32), b"\x01" * 32, 1, 1, bytes(32))
    kept.pin(RUN, pin)
    kept.keep_released(RUN, (1, 2, 3, 4, 5))
    kept.keep_released(RUN, (1, 2, 3, 4))
    later = ids.RunId(b"\x08" * 32)
    other_problem = dataclasses.replace(pin, problem=b"\x02" * 32)
    elsewhere = dataclasses.replace(other_problem, dataset_id=2)
    other_data = dataclasses.replace(pin, dataset_id=2)

    def find(run_id: ids.RunId, asked: journal.Pin, members: tuple[int, ...]) -> overlap.Overlap | None:
        return overlap.find(kept, run_id, asked, members=members, faults=2)

    for asked in (pin, other_problem, other_data):
        assert find(later, asked, (1, 2, 3, 4, 6)) == overlap.Overlap(RUN, (6,))
        with pytest.raises(errors.AggregationRefused, match="differ only in member 6") as caught:
            disclosures.check_disclosure(kept, later, asked, members=(1, 2, 3, 4, 6), faults=2)
        assert caught.value.reason == "set-too-near"
    assert find(later, elsewhere, (1, 2, 3, 4, 6)) is None
    assert find(RUN, pin, (1, 2, 3)) is None
    assert find(later, dataclasses.replace(pin, may_overlap=True), (1, 2, 3)) is None
    assert (
        overlap.near(kept, later, dataclasses.replace(pin, may_overlap=True), members=(1, 2, 3), faults=2) is not None
    )
    kept.close()


COMBINED = {
    "two disjoint parts and the whole with one more": ((1, 2, 3, 4, 5, 6, 7), [(1, 2, 3), (4, 5, 6)], (7,)),
    "a triangle of threes": ((1, 2, 3, 10), [(1, 2, 3, 4, 5, 6), (4, 5, 6, 7, 8, 9), (1, 2, 3, 7, 8, 9)], (10,)),
    "two sites left": ((1, 2, 3, 4, 5, 6, 7, 8), [(1, 2, 3), (4, 5, 6)], (7, 8)),
    "three sites left": ((1, 2, 3, 4, 5, 6, 7, 8, 9), [(1, 2, 3), (4, 5, 6)], None),
    "nothing before": ((1, 2, 3), [], None),
    "the same set again": ((1, 2, 3, 4, 5, 6, 7), [(1, 2, 3), (4, 5, 6), (1, 2, 3, 4, 5, 6, 7)], None),
}


@pytest.mark.parametrize("name", COMBINED)
def test_several_sets_together_single_nobody_out(name: str) -> None:
    """One or two sites whose sum follows from several earlier sets are found; what followed before is no news."""
    members, earlier, expected = COMBINED[name]
    found = overlap.combined(members, [journal.Released(RUN, each) for each in earlier])
    assert (None if found is None else found.apart) == expected


def test_combinations_count_for_a_node(tmp_path) -> None:
    """A set that no single earlier one comes near to is refused for what follows from several, in words."""
    kept = journal.Journal(tmp_path / "journal.db")
    pin = journal.Pin(bytes(32), b"\x01" * 32, 1, 1, bytes(32))
    for index, members in enumerate([(1, 2, 3), (4, 5, 6)]):
        run_id = ids.RunId(bytes([index]) * 32)
        kept.pin(run_id, pin)
        kept.keep_released(run_id, members)
    with pytest.raises(errors.AggregationRefused, match="several earlier runs") as caught:
        disclosures.check_disclosure(kept, RUN, pin, members=(1, 2, 3, 4, 5, 6, 7), faults=1)
    assert "member 7" in str(caught.value)
    disclosures.check_disclosure(kept, RUN, pin, members=(1, 2, 3, 4, 5, 6, 7, 8, 9), faults=1)
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


@given(members=MEMBERS, earlier=st.lists(MEMBERS, max_size=4))
def test_what_follows_from_several_sets(members: frozenset[int], earlier: list[frozenset[int]]) -> None:
    """Exactly what exact linear algebra over all sites and pairs says."""
    everybody = sorted(members.union(*earlier))

    def follows(sets: list[frozenset[int]], group: tuple[int, ...]) -> bool:
        """A combination of the sets is nothing outside the group: the rank falls when its columns are left out."""
        rows = np.array([[float(member in each) for member in everybody] for each in sets]).reshape(len(sets), -1)
        outside = [index for index, member in enumerate(everybody) if member not in group]
        return (
            bool(np.linalg.matrix_rank(rows) > np.linalg.matrix_rank(rows[:, outside]))
            if sets and outside
            else bool(sets)
        )

    groups = [group for size in (1, 2) for group in itertools.combinations(everybody, size)]
    new = [group for group in groups if follows([*earlier, members], group) and not follows(earlier, group)]
    found = overlap.combined(sorted(members), [journal.Released(RUN, tuple(sorted(each))) for each in earlier])
    if not earlier:
        assert found is None
        return
    assert (found is None) == (
        not [
            group for group in new if not any(follows([*earlier, members], (one,)) for one in group if len(group) == 2)
        ]
    )


def test_cells_of_a_round_are_looked_at_together(tmp_path) -> None:
    """Two cells that are each far from an earlier set, and together all of it but one site, would tell that site's numbers."""
    kept = journal.Journal(tmp_path / "journal.db")
    pin = journal.Pin(bytes(32), b"\x01" * 32, 1, 1, bytes(32))
    before = ids.RunId(bytes(32))
    kept.pin(before, pin)
    kept.keep_released(before, tuple(range(1, 10)))
    one, other = (1, 2, 3, 4), (5, 6, 7, 8)
    disclosures.check_disclosure(kept, RUN, pin, members=one, faults=2)
    disclosures.check_disclosure(kept, RUN, pin, members=other, faults=2)
    with pytest.raises(errors.AggregationRefused, match="member 9") as caught:
        disclosures.check_disclosure(kept, RUN, pin, members=other, faults=2, beside=[one])
    assert caught.value.reason == "set-too-near"
    kept.close()
