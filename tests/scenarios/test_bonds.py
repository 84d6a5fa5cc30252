"""A bond on the ledger: how long it stays locked, and that a node brings its member's back when the run is over."""

import pathlib
from collections.abc import Iterator

import pytest
from tests import honest_token

from aicommons import office, testing
from aicommons.domain import cards, documents, ids, run
from aicommons.learning import recipe as recipes
from aicommons.node import reconciler
from aicommons.protocol import duties
from aicommons.protocol import money as moneys

SCHEMA = {
    "features": [{"name": "age", "kind": "numeric", "lo": 0, "hi": 120}],
    "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
}
BOND = 5


@pytest.fixture
def commons(tmp_path: pathlib.Path) -> Iterator[testing.Commons]:
    """A commons of a solver and an owner."""
    made = testing.Commons(tmp_path)
    for name in ("solver", "owner"):
        made.admit(name)
    yield made
    made.close()


def enrol(commons: testing.Commons) -> tuple[ids.RunId, ids.Address]:
    """Bring the owner's dataset to a run with a bond in a token; return run and token."""
    solver, owner = commons.members
    until = int(commons.clock.now()) + 86_400
    problem = documents.Problem("t", "who", "decision", "why", ("3.4",), "auc", "none")
    token = honest_token.deploy(owner.registry)
    honest_token.mint(owner.registry, token, owner.wallet.address, 2 * BOND)
    owner.desk.money.deposit(token, 2 * BOND)
    plan = documents.Plan(
        "p", recipes.to_plan(recipes.from_plan({"recipe": "glm", "schema": SCHEMA})), "sums", 30, 0, None
    )
    offer = office.Offer(
        problem=solver.desk.state_problem(problem, until),
        plan=solver.desk.publish_plan(plan),
        terms=documents.RunTerms(office.DEFAULT_PURPOSE, (), 86_400, run.MINIMUM_COHORT, "no DP"),
        enrol_until=until,
        bond=BOND,
        token=token,
    )
    run_id = solver.desk.open_run(offer)
    card = cards.DatasetCard("d", "here", 60, SCHEMA, "LicenseRef-private", 10, "none")
    dataset = owner.desk.publish_dataset(card)
    consent = owner.desk.give_consent(office.consent(dataset, [office.DEFAULT_PURPOSE], until))
    owner.desk.enrol(run_id, office.Seat(dataset, consent))
    return run_id, token


def test_a_node_brings_its_members_bond_back(commons: testing.Commons) -> None:
    """Not while the run goes on or may be judged; a day after its end by itself, into the credit of whoever paid, and once."""
    run_id, token = enrol(commons)
    solver, owner = commons.members
    node = reconciler.Reconciler(owner.node)

    def credit() -> int:
        return solver.desk.view().money.credits_of(owner.wallet.address)[token]

    assert (node.step(), credit()) == (0, BOND)
    assert reconciler.Reconciler(solver.node).step() == 0
    solver.desk.cancel(run_id)
    assert reconciler.Reconciler(solver.node).step() == 0
    assert (node.step(), credit()) == (0, BOND)
    commons.clock.advance(duties.JUDGING_SECONDS + 1)
    assert (node.step(), credit()) == (1, 2 * BOND)
    assert node.step() == 0
    assert solver.desk.view().money.bonds == {}


def test_a_bond_is_locked_as_long_as_its_terms_say(commons: testing.Commons) -> None:
    """What is shown before an enrolment is what the contract then keeps to."""
    run_id, _ = enrol(commons)
    spec, money = commons.solver.desk.run(run_id).spec, commons.solver.desk.view().money
    ((seat, bond),) = money.bonds.items()
    assert (bond.amount, bond.expiry) == (BOND, spec.bond_until)
    assert money.locks[moneys.bond_lock(*seat)].made.expiry == spec.bond_until
