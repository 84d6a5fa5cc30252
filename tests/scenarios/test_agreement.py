"""Every node comes to the same model, and it is the one that plain sums would have given."""

import numpy as np
import pytest

from aicommons.domain import documents, run, schema
from aicommons.learning import recipe, records, state
from aicommons.learning.learners import averaging
from aicommons.node import agent as agents
from aicommons.node import evidence


@pytest.mark.parametrize("members", [3, 5, 7, 8])
def test_everybody_computes_the_same_model(stage, members: int) -> None:
    """With 3, 5, 7 and 8 sites the run completes, and all nodes agree byte for byte with the unmasked sums."""
    plan, sites = stage.plan(), stage.sites(members)
    with stage.scene(sites, plan=plan) as scene:
        current = scene.play()
        assert (current.state, current.reason) == (run.RunState.COMPLETED, run.Reason.FINISHED)
        assert current.agreed.rounds_done == plan.most_rounds
        states = scene.states()
        assert len(states) == members
        assert len({tuple(digests) for digests in states.values()}) == 1
        node = scene.nodes[scene.roster[0]].agent
        kept = [node.journal.state(scene.run_id, position).data for position in range(plan.most_rounds + 1)]
        assert kept == stage.plain_states(plan, dict(zip(scene.roster, sites, strict=True)), plan.most_rounds)
        assert current.agreed.state_digest == states[scene.roster[0]][-1]


def test_local_training_agrees_too(stage) -> None:
    """A network trained at the sites (32-bit words, local randomness) agrees with its plain weighted mean."""
    columns = schema.Schema(
        (schema.numeric("a", -9, 9), schema.numeric("b", -9, 9)),
        schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")),
    )
    options = {"recipe": "mlp", "hidden": [4], "rounds": 2, "schema": schema.to_document(columns)}
    plan, sites = recipe.from_plan(options), stage.sites(3)
    assert isinstance(plan.learner, averaging.Averaging)
    with stage.scene(sites, plan=plan) as scene:
        current = scene.play()
        assert current.state is run.RunState.COMPLETED
        assert current.spec.suite == 1
        rounds = current.agreed.rounds_done
        node = scene.nodes[scene.roster[1]].agent
        kept = [node.journal.state(scene.run_id, position).data for position in range(rounds + 1)]
        assert kept == stage.plain_states(plan, dict(zip(scene.roster, sites, strict=True)), rounds)


def test_the_fit_is_close_to_floating_point(stage) -> None:
    """Quantisation moves the model by no more than its rounding: plain float sums give nearly the same coefficients."""
    plan, sites = stage.plan(steps=6), stage.sites(3)
    value = plan.initial()
    while not plan.is_finished(value):
        parts = [plan.contribute(value, rows, rng=np.random.default_rng(0))[0] for rows in sites]
        value = plan.combine(value, [{name: sum(part[name] for part in parts) for name in parts[0]}])
    with stage.scene(sites, plan=plan) as scene:
        scene.play()
        final = scene.simulation.final_state()
    for name, expected in value.arrays.items():
        np.testing.assert_allclose(final.arrays[name], expected, rtol=1e-9, atol=1e-9, err_msg=name)
    assert final.reason is state.Reason.CONVERGED


def test_lineage_card_and_shares(stage) -> None:
    """A completed run leaves a model with its sources, a card with the figures, and shares that add up."""
    with stage.scene(3) as scene:
        current = scene.play()
        assert [source.member_id for source in current.model.sources] == list(scene.roster)
        assert sum(current.shares.values()) == 1_000_000
        figures = scene.simulation.metrics()
        card = documents.ModelCard.decode(scene.simulation.commons.store.get(current.model.card, 2**20))
        assert card.metrics["accuracy"] == f"{figures.accuracy:.6f}"
        assert (card.participants, card.rounds, card.privacy) == (3, 3, "no DP")
        assert current.model.state_digest == current.agreed.state_digest


def test_numeric_targets_report_r2(stage) -> None:
    """The card of a regression names rmse and r2, so that a reader can judge it."""
    columns = schema.Schema((schema.numeric("a", -9, 9),), schema.Target(schema.Task.GAUSSIAN, "y", lo=-20, hi=20))
    plan = recipe.from_plan({"recipe": "glm", "max_steps": 1, "schema": schema.to_document(columns)})
    sites = []
    for index in range(3):
        features = np.random.default_rng([9, index]).normal(size=(12, 1))
        table = records.Table(features, 2 * features[:, 0] + 1)
        sites.append(recipe.Rows(table, table))
    with stage.scene(sites, plan=plan) as scene:
        current = scene.play()
        card = documents.ModelCard.decode(scene.simulation.commons.store.get(current.model.card, 2**20))
    assert set(card.metrics) == {"rmse", "r2"}
    assert float(card.metrics["r2"]) > 0.9


def test_only_sums_leave_a_site(stage) -> None:
    """Nothing in the store holds a site's plain vector; one header per session and member was ever sent."""
    with stage.scene(3) as scene:
        current = scene.play()
        for attempt in current.attempts.values():
            assert len({sent.header_digest for sent in attempt.submits.values()}) == len(attempt.submits)
            assert len({sent.sid for sent in attempt.submits.values()}) == 1
        sums = {
            node.agent.journal.sum(scene.run_id, index).data
            for node in scene.nodes.values()
            for index in range(current.agreed.rounds_done)
        }
        assert len(sums) == current.agreed.rounds_done
        blobs = scene.simulation.commons.store._blobs.values()
        assert not any(each in blob for blob in blobs for each in sums)


def test_keys_are_erased_and_reports_stay_home(stage) -> None:
    """After the end no node has an epoch key; each has its own figures, which are nowhere in the store."""
    with stage.scene(3) as scene:
        scene.play()
        for node in scene.nodes.values():
            assert node.agent.signing.keys.is_erased(scene.run_id, 0)
            report = node.agent.journal.report(scene.run_id)
            assert b'"accuracy"' in report
            assert not any(report in blob for blob in scene.simulation.commons.store._blobs.values())


def test_a_site_that_lost_its_rows_still_retires(stage) -> None:
    """A site whose rows are gone after the last round erases its epoch key all the same and says why it has no figures."""
    with stage.scene(3) as scene:
        lose = stage.move(lambda view: view.state.is_over, lambda scene: scene.member(1).data.tables.clear())
        scene.play(lose)
        node = scene.nodes[scene.roster[1]].agent
        assert node.signing.keys.is_erased(scene.run_id, 0)
        assert b"not_judged" in node.journal.report(scene.run_id)


def test_retention(stage) -> None:
    """When the retention time is over the blobs are erased from the store and at the nodes; sums and model stay."""
    with stage.scene(3) as scene:
        current = scene.play()
        commons = scene.simulation.commons
        sent = {digest for node in scene.nodes.values() for digest in node.agent.journal.stored(scene.run_id)}
        assert len(sent) >= 3 * (2 + 1)
        assert all(commons.store.has(digest) for digest in sent)
        commons.clock.advance(current.changed_at + 499 - commons.clock.now())
        scene.simulation.step()
        assert all(commons.store.has(digest) for digest in sent)
        commons.clock.advance(10)
        scene.play()
        assert not any(commons.store.has(digest) for digest in sent)
        for node in scene.nodes.values():
            assert node.agent.journal.stored(scene.run_id) == []
            assert node.agent.own._blobs == {}
            assert node.agent.journal.sum(scene.run_id, 0) is not None
        assert commons.store.has(current.model.card)
        assert commons.store.has(current.spec.plan)


def test_evidence_of_a_round_holds(stage) -> None:
    """The inputs and the certificate of every round of a completed run hold against the pinned roster."""
    with stage.scene(3) as scene:
        current = scene.play()
        agent = scene.nodes[scene.roster[0]].agent
        for place in current.attempts:
            signed = agents.attempt_of(agent, scene.run_id, current, place).evidence(agent)
            inputs = evidence.inputs_of(signed)
            assert sorted(inputs.headers) == list(scene.roster)
            assert sorted(evidence.certified(signed, inputs)) == list(scene.roster)
