"""Co-op sites: several datasets behind one node, each under its own consent and its own owner's rules."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import errors, policies, run
from aicommons.learning import privacy, recipe, records, state
from aicommons.node import agent as agents
from aicommons.node import verification
from aicommons.protocol import view as views

COOP = 0
"""Its place among the sites, and on the roster."""
PIECES = 3
"""Datasets that the co-op brings."""


def cut(rows: recipe.Rows, pieces: int = PIECES) -> tuple[recipe.Rows, ...]:
    """Return the rows of one site as those of several, in their order."""
    train, held_out = records.gather(rows.train), records.gather(rows.held_out)

    def piece(table: records.Table, at: int) -> records.Table:
        inside = np.array_split(np.arange(table.rows), pieces)[at]
        return records.Table(table.features[inside], table.target[inside])

    return tuple(recipe.Rows(piece(train, at), piece(held_out, at)) for at in range(pieces))


def numbers(value: state.State) -> Any:
    """Return all numbers of a state, one after the other."""
    return np.concatenate([value.arrays[name].ravel() for name in sorted(value.arrays)])


def learned(sites: Sequence[testing.Site], plan: recipe.Recipe) -> Any:
    """Return the numbers of the final state of a run over these sites."""
    with testing.simulate(sites, plan, engine=testing.IN_MEMORY) as simulation:
        assert simulation.run().state is run.RunState.COMPLETED
        return numbers(simulation.final_state())


def assert_same(got: Any, expected: Any) -> None:
    """Sums over datasets are added in another order than sums over rows: equal but for the last digits."""
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def with_coop(stage: Any, *, without: frozenset[int] = frozenset(), count: int = 4) -> list[testing.Site]:
    """Return sites of which the first is a co-op of three, some of its datasets left away."""
    sites: list[testing.Site] = list(stage.sites(count))
    whole = sites[COOP]
    assert isinstance(whole, recipe.Rows)
    sites[COOP] = tuple(rows for at, rows in enumerate(cut(whole)) if at not in without)
    return sites


def dataset(scene: Any, at: int) -> int:
    """Return the number of a dataset of the co-op's, in the order in which it brought them."""
    return int(scene.simulation.view().offered_by(scene.roster[COOP])[at].dataset_id)


def revoke(scene: Any, *places: int) -> None:
    """Take back the consents of some of the co-op's datasets."""
    offered = scene.simulation.view().offered_by(scene.roster[COOP])
    for at in places:
        scene.member(COOP).desk.revoke_consent(offered[at].consent_id)


def at(round_index: int, phase: run.Phase, *, submits: int = 0) -> Callable[[views.RunView], bool]:
    """Return whether the run has come to a phase of a round, with at least so many Submits."""

    def holds(view: views.RunView) -> bool:
        now = view.current
        return now is not None and (view.round_index, now.phase) == (round_index, phase) and len(now.submits) >= submits

    return holds


@pytest.mark.parametrize("pieces", [2, 6])
def test_a_coop_learns_what_one_table_would(stage: Any, pieces: int) -> None:
    """A seat that brings its rows as several datasets gives the same sums as with one."""
    plan, sites = stage.plan(2), stage.sites(3)
    assert_same(learned([cut(sites[0], pieces), *sites[1:]], plan), learned(sites, plan))


def test_ledger_and_stranger_see_what_a_seat_brings(stage: Any) -> None:
    """The run's record names every dataset with its consent, the shares are one seat's, and verification holds."""
    with stage.scene(with_coop(stage)) as scene:
        current = scene.play()
        coop, *others = scene.roster
        assert current.state is run.RunState.COMPLETED
        assert [len(current.brought_by(member)) for member in scene.roster] == [PIECES, 1, 1, 1]
        assert len({each.consent_id for each in current.brought_by(coop)}) == PIECES
        assert abs(current.shares[coop] - current.shares[others[0]]) <= 1
        commons = scene.simulation.commons
        place = commons.solver.node.ledger.place
        assert verification.verify(current, scene.run_id, commons.store, place).problem is None


def test_each_dataset_keeps_its_own_disclosures(stage: Any) -> None:
    """What a dataset told is written down for it alone: its own rows, not those of the seat."""
    with stage.scene(with_coop(stage)) as scene:
        scene.play()
        journal = scene.nodes[scene.roster[COOP]].agent.journal
        for place in range(PIECES):
            first, *later = journal.disclosures(dataset(scene, place))
            assert json.loads(first.body)["rows"] == 12 // PIECES
            assert [each.round_index for each in (first, *later)] == [*range(len(later) + 1)]


@dataclasses.dataclass(frozen=True)
class Dead:
    """Consents of a co-op's datasets that are taken back before the run's first Commit."""

    when: Callable[[views.RunView], bool]
    places: tuple[int, ...]
    """Which of the datasets."""


DEAD: dict[str, Dead] = {
    "while the others acknowledge": Dead(lambda view: view.state is run.RunState.ACKING, (1,)),
    "before the first Submit": Dead(at(0, run.Phase.OPEN), (2,)),
    "after the co-op's own Submit": Dead(at(0, run.Phase.OPEN, submits=1), (1,)),
    "when all vectors are in": Dead(at(0, run.Phase.SUBMITTED), (1,)),
    "the first dataset": Dead(at(0, run.Phase.OPEN, submits=2), (0,)),
    "the first and the last": Dead(at(0, run.Phase.SUBMITTED), (0, 2)),
}


@pytest.mark.parametrize("name", DEAD)
def test_a_dead_consent_takes_its_dataset_out_alone(stage: Any, name: str) -> None:
    """The run goes on with the seat and its other datasets, at once, and nothing of the dead one is in the model."""
    case = DEAD[name]
    with stage.scene(with_coop(stage)) as scene:
        current = scene.play(stage.move(case.when, lambda scene: revoke(scene, *case.places)))
        coop = scene.roster[COOP]
        gone = {(coop, dataset(scene, place)) for place in case.places}
        assert current.state is run.RunState.COMPLETED
        assert {*current.left_out} == gone
        assert coop not in current.dropped
        assert run.RunState.PAUSED not in scene.history
        got = numbers(scene.simulation.final_state())
        commons = scene.simulation.commons
        place = commons.solver.node.ledger.place
        assert verification.verify(current, scene.run_id, commons.store, place).problem is None
    assert_same(got, learned(with_coop(stage, without=frozenset(case.places)), stage.plan()))


def test_a_seat_without_any_live_dataset_goes(stage: Any) -> None:
    """With all of its consents dead the seat is dropped as any other, and the others go on."""
    with stage.scene(with_coop(stage)) as scene:
        current = scene.play(stage.move(at(0, run.Phase.OPEN, submits=2), lambda scene: revoke(scene, 0, 1, 2)))
        assert current.state is run.RunState.COMPLETED
        assert {*current.dropped} == {scene.roster[COOP]}
        assert not current.left_out


@pytest.mark.parametrize("absence", [run.Absence.EXIT, run.Absence.WAIT])
def test_after_the_set_is_fixed_the_seat_is_dead_as_a_whole(stage: Any, absence: run.Absence) -> None:
    """One set per run: a consent that dies later takes the whole seat along, as its owner chose for its absence."""
    sites = with_coop(stage, count=5)
    with stage.scene(sites, plan=stage.plan(2), absence={COOP: absence}) as scene:
        current = scene.play(stage.move(at(1, run.Phase.OPEN), lambda scene: revoke(scene, 1)))
        assert not current.left_out
        is_exit = absence is run.Absence.EXIT
        assert current.state is (run.RunState.COMPLETED if is_exit else run.RunState.ENDED)
        assert (scene.roster[COOP] in current.exits) is is_exit


def test_a_dataset_below_its_minimum_is_left_out_of_the_round(stage: Any) -> None:
    """One site with too few rows keeps nobody else of the co-op from taking part, and the owner is told which and why."""
    with stage.scene(with_coop(stage)) as scene:
        small = dataset(scene, 1)
        scene.member(COOP).data.least[small] = 100
        current = scene.play()
        declined = scene.nodes[scene.roster[COOP]].agent.journal.declined(scene.run_id)
        assert current.state is run.RunState.COMPLETED
        assert all(f"dataset {small} is left out" in said and "minimum cohort" in said for _, said in declined)
        assert {index for index, _ in declined} == {0, 1, 2}
        got = numbers(scene.simulation.final_state())
    assert_same(got, learned(with_coop(stage, without=frozenset({1})), stage.plan()))


def test_a_coop_whose_datasets_are_all_too_small_sends_nothing(stage: Any) -> None:
    """Joining does not make a cohort: where every dataset is below its own minimum, the seat is silent."""
    with stage.scene(with_coop(stage)) as scene:
        for place in range(PIECES):
            scene.member(COOP).data.least[dataset(scene, place)] = 100
        current = scene.play()
        assert current.state is run.RunState.COMPLETED
        assert all(scene.roster[COOP] not in each.submits for each in current.attempts.values())


def test_each_dataset_is_guarded_by_its_own_rule(stage: Any) -> None:
    """A rule of one owner holds back that owner's small cells and nobody else's, before rows are joined."""
    suppress = privacy.Rule(100, policies.SmallCells.SUPPRESS)
    with stage.scene(with_coop(stage)) as scene:
        scene.member(COOP).data.rules[dataset(scene, 2)] = suppress
        assert scene.play().state is run.RunState.COMPLETED
        got = numbers(scene.simulation.final_state())
    assert_same(got, learned(with_coop(stage, without=frozenset({2})), stage.plan()))


def test_a_node_brings_only_what_was_confirmed(stage: Any) -> None:
    """A ledger that shows another dataset of the seat than the operator confirmed gets nothing."""
    with stage.scene(with_coop(stage)) as scene:
        node, current = scene.nodes[scene.roster[COOP]].agent, scene.simulation.view()
        extra = next(iter(current.brought.values()))
        forged = dataclasses.replace(
            current, brought={**current.brought, extra.part: dataclasses.replace(extra, version=2)}
        )
        node.rosters.clear()
        with pytest.raises(errors.LedgerMismatch, match="another problem, dataset or consent"):
            agents.roster_of(node, scene.run_id, forged)
        fewer = dataclasses.replace(current, brought={})
        with pytest.raises(errors.LedgerMismatch, match="another problem, dataset or consent"):
            agents.roster_of(node, scene.run_id, fewer)
