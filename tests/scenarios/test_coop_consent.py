"""A data co-op from its founding to a model: the people vote, the ledger gives the consent, a run uses it."""

import os

import numpy as np
import pytest

from aicommons import office, testing
from aicommons.domain import encoding, errors, events, run, schema
from aicommons.learning import recipe, records
from aicommons.learning.learners import glm
from aicommons.ledger import wallet
from aicommons.protocol import coops

RULES = coops.Rules("Growers of the valley", delay=10, period=100, percent=50, minimum=2)
COLUMNS = schema.Schema((schema.numeric("a", -9, 9),), schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")))
PLAN = recipe.Recipe("glm", COLUMNS, glm.Glm(schema.Task.BINOMIAL, max_steps=1))


def sites() -> list[recipe.Rows]:
    """Return the rows of three sites."""
    rows = np.random.default_rng(1).normal(size=(3, 12, 1))
    tables = [records.Table(each, (each[:, 0] + 0.3 > 0).astype(np.float64)) for each in rows]
    return [recipe.Rows(table, table) for table in tables]


def decide(commons: testing.Commons, coop: coops.Coop, people: list[wallet.Wallet], terms: events.ConsentTerms) -> int:
    """Let the first person propose a consent, all vote for it by signature, and anybody execute it."""
    desks = [office.CoopDesk(commons.connect(person), coop) for person in people]
    proposal = desks[0].propose_consent(terms, "May our harvests be used for this?")
    commons.clock.advance(RULES.delay + 1)
    for person in people:
        ballot = desks[0].ballot(proposal, events.Support.FOR, person.address)
        desks[0].vote_by_signature(ballot, person.sign_digest(ballot.digest(desks[0].place)))
    commons.clock.advance(RULES.period + 1)
    desks[0].execute(proposal)
    return proposal


def test_a_co_ops_vote_gives_the_consent_that_a_run_uses() -> None:
    """Past the vote nobody consents; after it the co-op's dataset takes part, and the model's lineage names the consent."""
    with testing.simulate(sites(), PLAN) as simulation:
        simulation.run()
        commons, steward = simulation.commons, simulation.commons.members[1]
        dataset = next(known for known in steward.desk.view().datasets.values() if known.owner == steward.member_id)
        coop = steward.desk.found_coop(RULES)
        people = [wallet.Wallet(os.urandom(32)) for _ in range(3)]
        steward.desk.coop(coop).admit({person.address: encoding.keccak(person.address) for person in people})
        steward.desk.entrust(dataset.dataset_id, coop.governor)
        assert steward.desk.view().datasets[dataset.dataset_id].body == coop.governor
        commons.clock.advance(1)
        terms = office.consent(dataset.dataset_id, [testing.PURPOSE], int(commons.clock.now()) + 86_400, max_uses=5)
        with pytest.raises(errors.LedgerRefused, match="DataRegistryEntrusted"):
            steward.desk.give_consent(terms)
        before = set(steward.desk.view().consents)
        decide(commons, coop, people, terms)
        (given,) = set(steward.desk.view().consents) - before
        assert steward.desk.view().consents[given].terms == terms
        again = simulation.again(tuple(simulation.nodes)).run()
        assert again.state is run.RunState.COMPLETED
        assert again.model is not None
        assert given in {source.consent_id for source in again.model.sources}
