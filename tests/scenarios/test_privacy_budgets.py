"""Runs of plans that protect people: noise is charged before it is sent, and an owner's bound is never passed."""

import dataclasses
import pathlib
import sqlite3
from typing import Any

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import errors, policies, run
from aicommons.learning import accounting, privacy, recipe, records, state
from aicommons.node import charging, journal, reconciler, verification

STEPS = 3
NOISE = 2.0
SCHEMA = {
    "features": [
        {"name": "x", "kind": "numeric", "lo": -4, "hi": 4},
        {"name": "z", "kind": "numeric", "lo": -4, "hi": 4},
    ],
    "target": {"name": "y", "task": "binomial", "classes": ["no", "yes"]},
}
DOCUMENT = {"recipe": "glm", "max_steps": STEPS, "schema": SCHEMA, "privacy": {"unit": "record", "noise": NOISE}}
PLAN = recipe.from_plan(DOCUMENT)
BARE = recipe.from_plan({"recipe": "glm", "max_steps": STEPS, "schema": SCHEMA})
OF_A_RUN = accounting.epsilon([accounting.Release(NOISE, 1 + STEPS)])


def _rows(seed: int) -> recipe.Rows:
    rng = np.random.default_rng(seed)
    made = []
    for count in (40, 20):
        features = rng.uniform(-4, 4, (count, 2))
        made.append(records.Table(features, (features[:, 0] + rng.standard_normal(count) > 0).astype(np.float64)))
    return recipe.Rows(*made)


SITES = [_rows(seed) for seed in range(3)]


def _bounded(budget: float | None, unit: policies.PrivacyUnit = policies.PrivacyUnit.RECORD) -> privacy.Rule:
    return privacy.Rule(budget=budget, unit=unit)


def _set(simulation: testing.Simulation, rule: privacy.Rule) -> dict[int, int]:
    """Give every owner a rule; return the dataset of each member."""
    owned = {}
    for member in simulation.commons.members:
        for number in member.data.tables:
            member.data.rules[number] = rule
            owned[member.member_id] = number
    return owned


def _kept(simulation: testing.Simulation, member: int) -> journal.Journal:
    return simulation.nodes[member].agent.journal


@pytest.mark.parametrize("engine", [testing.IN_MEMORY, None], ids=["memory", "contracts"])
def test_a_protected_run_is_charged_once_for_each_round_and_verifies(engine: str | None) -> None:
    """Round 0 and each fit round cost one release, the figures at the end none of the same people; a stranger recomputes all."""
    with testing.simulate(SITES, PLAN, engine=engine) as simulation:
        owned = _set(simulation, _bounded(OF_A_RUN))
        ended = simulation.run()
        assert ended.state is run.RunState.COMPLETED
        for member, number in owned.items():
            charges = _kept(simulation, member).charges(number)
            assert [each.round_index for each in charges] == list(range(1 + STEPS))
            assert {(each.noise, each.unit) for each in charges} == {(NOISE, "record")}
            spent = charging.spent(simulation.nodes[member].agent, number, int(simulation.commons.clock.now()))
            assert accounting.epsilon(spent) == OF_A_RUN
        place = next(iter(simulation.nodes.values())).agent.ledger.place
        assert verification.verify(ended, simulation.run_id, simulation.commons.store, place).problem is None
        assert simulation.metrics() is not None


DRAWN = recipe.from_plan(
    {
        "recipe": "mlp",
        "hidden": [4],
        "rounds": 2,
        "schema": SCHEMA,
        "privacy": {"unit": "record", "noise": NOISE, "sampling": 0.2},
    }
)


def test_training_at_a_site_is_charged_step_by_step() -> None:
    """Each fit round costs as many drawn steps as a pass has; what a run may cost at most is what it does cost."""
    assert DRAWN.most_loss is not None
    with testing.simulate(SITES, DRAWN, engine=testing.IN_MEMORY) as simulation:
        owned = _set(simulation, _bounded(DRAWN.most_loss))
        ended = simulation.run()
        assert ended.state is run.RunState.COMPLETED
        for member, number in owned.items():
            charges = _kept(simulation, member).charges(number)
            assert [(each.round_index, each.steps, each.sampling) for each in charges] == [
                (0, 1, 1.0),
                (1, 5, 0.2),
                (2, 5, 0.2),
            ]
            spent = charging.spent(simulation.nodes[member].agent, number, int(simulation.commons.clock.now()))
            assert accounting.epsilon(spent) == DRAWN.most_loss
        assert simulation.metrics() is not None


REFUSED: dict[str, tuple[recipe.Recipe, privacy.Rule, str]] = {
    "too little is left": (PLAN, _bounded(0.99 * OF_A_RUN), "privacy budget of this year is not enough"),
    "a plan without protection": (BARE, _bounded(100.0), "only by plans that protect its people"),
    "records where persons are meant": (
        PLAN,
        _bounded(100.0, policies.PrivacyUnit.PERSON),
        "only by plans that protect its people",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_run_that_does_not_fit_is_not_joined(name: str) -> None:
    """Before a key is made: no Ack, no charge, and the owner reads why."""
    plan, rule, said = REFUSED[name]
    with testing.simulate(SITES, plan, engine=testing.IN_MEMORY) as simulation:
        owned = _set(simulation, rule)
        for _ in range(5):
            simulation.step()
        assert not simulation.view().acks
        for member, number in owned.items():
            assert not _kept(simulation, member).charges(number)
            told = [trouble.message for trouble in simulation.nodes[member]._trouble.values()]
            assert any(said in each for each in told)


def test_a_second_run_has_what_the_first_one_left() -> None:
    """A budget for one run and a half is not enough for two, over all runs of a dataset; a year later it is."""
    both = accounting.epsilon([accounting.Release(NOISE, 2 * (1 + STEPS))])
    with testing.simulate(SITES, PLAN, engine=testing.IN_MEMORY) as simulation:
        owned = _set(simulation, _bounded((OF_A_RUN + both) / 2))
        simulation.run()
        second = simulation.again(sorted(simulation.nodes))
        for _ in range(5):
            second.step()
        assert not second.view().acks
        member, number = next(iter(owned.items()))
        agent, now = simulation.nodes[member].agent, int(simulation.commons.clock.now())
        assert charging.spent(agent, number, now)
        assert not charging.spent(agent, number, now + charging.YEAR + 1)


def test_a_journal_put_back_from_a_backup_is_charged_by_the_ledger() -> None:
    """What this node sent and does not remember is charged when it starts; what it remembers is not charged twice."""
    with testing.simulate(SITES, PLAN, engine=testing.IN_MEMORY) as simulation:
        owned = _set(simulation, _bounded(2 * OF_A_RUN))
        simulation.run()
        member, number = next(iter(owned.items()))
        agent = simulation.nodes[member].agent
        before = agent.journal.charges(number)
        reconciler.Reconciler(agent).step()
        assert agent.journal.charges(number) == before
        agent.journal._db.execute("DELETE FROM charge WHERE round >= 2")
        charging.recover(agent, simulation.nodes[member].view)
        rounds = [each.round_index for each in agent.journal.charges(number)]
        assert sorted(rounds) == [
            0,
            1,
            2,
            3,
            4,
        ]  # the last is of other people, which a home without a memory cannot tell
        assert {each.noise for each in agent.journal.charges(number)} == {NOISE}


def test_a_plan_that_cannot_be_read_any_more_counts_as_one_that_hid_nothing() -> None:
    """Nothing is left of a budget whose past is not known."""
    with testing.simulate(SITES, PLAN, engine=testing.IN_MEMORY) as simulation:
        owned = _set(simulation, _bounded(2 * OF_A_RUN))
        simulation.run()
        member, number = next(iter(owned.items()))
        node = simulation.nodes[member]
        node.agent.journal._db.execute("DELETE FROM charge")
        node.agent.terms.clear()
        plan = simulation.view().spec.plan
        simulation.commons.store.erase(plan)
        charging.recover(node.agent, node.view)
        assert {each.noise for each in node.agent.journal.charges(number)} == {charging.LEAST_NOISE}
        now, due = int(simulation.commons.clock.now()), [PLAN.release(state.Stage.FIT)]
        with pytest.raises(errors.BudgetSpent):
            charging._check_within(2 * OF_A_RUN, charging.spent(node.agent, number, now), due, number=number)


def test_charges_outlive_the_process(tmp_path: pathlib.Path) -> None:
    """A charge is on the disk before it is known to the node, and the same numbers again are none."""
    kept = journal.Journal(tmp_path / "journal")
    made: Any = journal.Charge(b"r" * 32, 1, 7, b"c" * 32, NOISE, 20, 0.05, "record", 1000)
    kept.keep_charge(made)
    kept.keep_charge(dataclasses.replace(made, at=2000))
    kept.close()
    again = journal.Journal(tmp_path / "journal")
    assert again.charges(7) == [made]
    assert again.charges(7, since=1001) == []
    assert again.charges(8) == []
    again.close()
    with sqlite3.connect(tmp_path / "journal") as base:
        assert base.execute("SELECT count(*) FROM charge").fetchone() == (1,)
