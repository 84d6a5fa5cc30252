"""What leaves a site is bounded by its owner's rule and by what the dataset told before; no plan and no ledger can lift it."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from aicommons.domain import errors, policies, schema
from aicommons.learning import privacy, recipe, records, state
from aicommons.learning.learners import glm
from aicommons.node import disclosures

PLAN = recipe.Recipe(
    "glm",
    schema.Schema(
        (schema.numeric("x", -9, 9), schema.category("kind", ("p", "q"))),
        schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    ),
    glm.Glm(schema.Task.BINOMIAL, max_steps=1),
)
SUPPRESS = privacy.Rule(4, policies.SmallCells.SUPPRESS)


def _table(seed: int, rows: int, rare: int) -> records.Table:
    """Return rows of which the last ``rare`` are of kind q."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    is_rare = np.arange(rows) >= rows - rare
    features = np.column_stack([x, ~is_rare, is_rare]).astype(np.float64)
    return records.Table(features, (np.arange(rows) % 2 == 0).astype(np.float64))


def _sites(rare: int = 2) -> list[recipe.Rows]:
    sites = [recipe.Rows(_table(seed, 20, 8), _table(seed + 50, 10, 5)) for seed in range(4)]
    return [dataclasses.replace(sites[0], train=_table(0, 20, rare)), *sites[1:]]


def _owner(scene: Any, index: int) -> Any:
    return next(each for each in scene.simulation.commons.members if each.member_id == scene.roster[index])


def _rule(scene: Any, index: int, rule: privacy.Rule) -> int:
    """Set an owner's rule and return the number of its dataset."""
    data = _owner(scene, index).data
    (dataset_id,) = data.tables
    data.rules[dataset_id] = rule
    return int(dataset_id)


def test_rows_of_a_small_level_are_in_no_sum(stage) -> None:
    """A site whose owner set a minimum cell sends its sums without the two rows of kind q, in every round."""
    with stage.scene(_sites(), plan=PLAN) as scene:
        dataset_id = _rule(scene, 0, SUPPRESS)
        scene.play()
        final = scene.simulation.final_state()
        assert final.arrays["rows"][0] == 4 * 20 - 2
        without = _sites()
        kept = without[0].train.select(lambda table: table.features[:, 2] == 0.0)
        without[0] = dataclasses.replace(without[0], train=kept)
        plain = stage.plain_states(PLAN, dict(zip(scene.roster, without, strict=True)), 3)

        assert state.encode(final) == plain[-1]
        told = scene.nodes[scene.roster[0]].agent.journal.disclosures(dataset_id)
        assert [each.round_index for each in told] == [0, 1, 2]
        assert {each.members for each in told} == {scene.roster}
        assert disclosures.facts_in(told[0]).rows == 18
        assert [json.loads(each.body)["sums"][0] for each in told] == [
            "description",
            "gradient",
            "evaluation.confusion",
        ]
        assert disclosures.facts_in(told[1]) is None


def test_the_record_is_of_each_dataset(stage) -> None:
    """Each site's journal names its own rows, plan and columns; sites with other rows have other contents."""
    with stage.scene(_sites(), plan=PLAN) as scene:
        scene.play()
        found = []
        for index, member in enumerate(scene.roster):
            dataset_id = _rule(scene, index, SUPPRESS)
            (first, *_) = scene.nodes[member].agent.journal.disclosures(dataset_id)
            assert first.schema == disclosures.schema_digest(PLAN.schema)
            assert disclosures.facts_in(first).total == 30
            found.append(disclosures.facts_in(first).content)
        assert len(set(found)) == 4


def _without(table: records.Table, count: int) -> records.Table:
    return records.Table(table.features[:-count], table.target[:-count])


def _edited(table: records.Table) -> records.Table:
    features = table.features.copy()
    features[0, 0] += 0.25
    return records.Table(features, table.target)


SECOND_RUNS: dict[str, tuple[Any, privacy.Rule, bool, bool]] = {
    "the same rows": (lambda table: table, SUPPRESS, False, True),
    "one row fewer": (lambda table: _without(table, 1), SUPPRESS, False, False),
    "three rows fewer": (lambda table: _without(table, 3), SUPPRESS, False, False),
    "four rows fewer": (lambda table: _without(table, 4), SUPPRESS, False, True),
    "one cell changed": (_edited, SUPPRESS, False, False),
    "one row fewer, accepted": (lambda table: _without(table, 1), SUPPRESS, True, True),
    "one row fewer, no rule": (lambda table: _without(table, 1), privacy.EVERYTHING, False, True),
}


@pytest.mark.parametrize("name", SECOND_RUNS)
def test_a_second_run_of_the_same_sites_after_rows_changed(stage, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The same sites are summed again only if this site's rows are the same, or differ in at least k; or if that was accepted."""
    change, rule, is_accepted, goes_on = SECOND_RUNS[name]
    with stage.scene(_sites(rare=8), plan=PLAN) as scene:
        dataset_id = _rule(scene, 0, rule)
        scene.play()
        tables = _owner(scene, 0).data.tables
        tables[dataset_id] = dataclasses.replace(tables[dataset_id], train=change(tables[dataset_id].train))
        second = scene.simulation.again(scene.roster)
        if is_accepted:
            kept = second.nodes[scene.roster[0]].agent.journal
            kept.pin(second.run_id, dataclasses.replace(kept.pinned(second.run_id), may_overlap=True))
        scene.simulation.run_id, scene.simulation.nodes = second.run_id, second.nodes
        current = scene.play(passes=120, must_end=False)
        first = current.attempts[(0, 0)]
        assert (scene.roster[0] in first.submits) == goes_on
        assert ("too few rows have changed" in caplog.text) != goes_on


def test_columns_with_a_gap_do_not_single_rows_out(stage) -> None:
    """Another plan with a shared column, whose gaps leave one row out, is refused; one without shared columns is not."""
    with stage.scene(_sites(rare=8), plan=PLAN) as scene:
        dataset_id = _rule(scene, 0, SUPPRESS)
        scene.play()
        earlier = scene.nodes[scene.roster[0]].agent.journal.disclosures(dataset_id)
        shared = dataclasses.replace(PLAN.schema, features=(schema.numeric("x", -9, 9), schema.numeric("z", 0, 1)))
        apart = schema.Schema((schema.numeric("z", 0, 1),), dataclasses.replace(PLAN.schema.target, name="w"))
        fewer = disclosures.Facts(19, 10, "another")
        others = scene.roster[1:]
        with pytest.raises(errors.ContributionRefused, match="too few rows"):
            disclosures.check_rows(4, earlier, shared, fewer, members=scene.roster)
        disclosures.check_rows(4, earlier, apart, fewer, members=scene.roster)
        disclosures.check_rows(4, earlier, shared, fewer, members=others)
        alike = disclosures.facts_in(earlier[0])
        disclosures.check_rows(4, earlier, shared, alike, members=scene.roster)
        disclosures.check_rows(1, earlier, shared, fewer, members=scene.roster)
