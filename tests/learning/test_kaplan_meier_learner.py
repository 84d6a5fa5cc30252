"""Kaplan-Meier: counts of events and censorings give the pooled rows' curves, errors and log-rank test."""

from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies
from tests.learning import survival_oracle_answers

from aicommons.domain import errors, policies, schema
from aicommons.learning import learner, model, privacy, recipe, records, state
from aicommons.learning.learners import kaplan_meier

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]

PLAN: dict[str, Any] = {
    "recipe": "kaplan_meier",
    "intervals": 20,
    "by": "arm",
    "schema": {
        "features": [
            {"name": "age", "kind": "numeric", "lo": 0, "hi": 120},
            {"name": "arm", "kind": "category", "levels": ["a", "b", "c"]},
        ],
        "target": {
            "name": "days",
            "task": "survival",
            "lo": 0,
            "hi": 20,
            "event": {"name": "died", "kind": "category", "levels": ["no", "yes"]},
        },
    },
}
TOGETHER = {key: value for key, value in PLAN.items() if key != "by"}
EMPTY = records.Table(np.zeros((0, 4)), np.zeros(0))


def _table(rows: int, seed: int, *, hi: int = 20) -> records.Table:
    """Return whole days with ties, of which arm c has the shortest and a few are 0."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, 3, rows)
    days = np.floor(np.minimum(rng.exponential(9.0 - 2.0 * arm), hi))
    target = np.where(rng.random(rows) < 0.7, days, -days)
    return records.Table(np.hstack([rng.uniform(0, 120, (rows, 1)), np.eye(3)[arm]]), target)


def _sites(count: int, rows: int = 40) -> list[recipe.Rows]:
    return [recipe.Rows(_table(rows, seed), EMPTY) for seed in range(count)]


def _textbook(target: Array, times: Array) -> tuple[Array, Array]:
    """Return the estimator and Greenwood's error at ``times``, row by row from the definition."""
    days, seen = np.abs(target), ~np.signbit(target)
    curve, error = np.ones(len(times)), np.zeros(len(times))
    for place, time in enumerate(times):
        share, variance = 1.0, 0.0
        for at in np.unique(days[seen & (days <= time)]):
            n, d = float((days >= at).sum()), float((seen & (days == at)).sum())
            share *= 1.0 - d / n
            variance += d / (n * (n - d)) if n > d else 0.0
        curve[place], error[place] = share, share * np.sqrt(variance)
    return curve, error


def _described(plan: recipe.Recipe, *tables: records.Table) -> state.State:
    """Return the state after round 0."""
    rng = np.random.default_rng(0)
    parts = [plan.contribute(plan.initial(), recipe.Rows(each, EMPTY), rng=rng)[0] for each in tables]
    return plan.combine(plan.initial(), [{name: sum(part[name] for part in parts) for name in parts[0]}])


def test_curves_are_those_of_the_pooled_rows(federate: Federate) -> None:
    """With intervals as long as a day, curve and error of every group are the textbook's on all rows."""
    plan, sites = recipe.from_plan(PLAN), _sites(3)
    outcome = federate(plan, sites)
    assert len(outcome.metrics) == 2
    assert outcome.state.reason is state.Reason.CONVERGED
    features = np.vstack([each.train.features for each in sites])
    target = np.concatenate([each.train.target for each in sites])
    masks = [np.ones(len(target), dtype=bool), *(features[:, column] == 1.0 for column in (1, 2, 3))]
    for place, mask in enumerate(masks):
        curve, error = _textbook(target[mask], np.arange(21.0))
        assert np.allclose(outcome.state.arrays["survival"][place], curve, rtol=1e-12, atol=1e-12)
        assert np.allclose(outcome.state.arrays["error"][place], error, rtol=1e-9, atol=1e-12)
        assert outcome.state.arrays["at_risk"][place, 0] == mask.sum()


@pytest.mark.slow("a process with pandas starts")
@pytest.mark.parametrize(("by", "levels"), [("sex", (1, 2)), ("ph.ecog", (0, 1, 2, 3))])
def test_lung_cancer_at_eighteen_institutions_equals_lifelines(
    federate: Federate, by: str, levels: tuple[int, ...]
) -> None:
    """Curves, errors, medians and the log-rank test are lifelines' on the pooled rows to 1e-9."""
    said = survival_oracle_answers.ask("lung", needed=["inst", "ph.ecog"], by=by, days=1100)
    lung = {name: np.array(values) for name, values in said["rows"].items()}
    signed = np.where(lung["status"] == 1, 1.0, -1.0) * lung["time"]
    features = (lung[by][:, None] == np.array(levels)).astype(np.float64)
    schema_document = {
        "features": [{"name": by, "kind": "category", "levels": [str(level) for level in levels]}],
        "target": {**PLAN["schema"]["target"], "hi": 1100},
    }
    plan = recipe.from_plan({**PLAN, "intervals": 1100, "by": by, "schema": schema_document})
    sites = []
    for inst in np.unique(lung["inst"]):
        mask = lung["inst"] == inst
        rows = records.Table(features[mask], signed[mask])
        sites.append(recipe.Rows(rows, records.Table(features[:0], signed[:0])))
    assert len(sites) == 18
    value = federate(plan, sites).state
    for place, expected in enumerate(said["curves"]):
        assert np.abs(value.arrays["survival"][place] - expected["survival"]).max() < 1e-9
        differences = [
            abs(found - error)
            for found, error in zip(value.arrays["error"][place], expected["error"], strict=True)
            if error is not None
        ]
        assert max(differences) < 1e-9
        assert plan.learner.median(value, place) == expected["median"]
    statistic, freedom = value.arrays["log_rank"]
    assert statistic == pytest.approx(said["log_rank"], rel=1e-9)
    assert freedom == len(levels) - 1
    (_, _, p_value), *_ = plan.exhibits(value)[1].rows
    assert p_value == pytest.approx(said["p_value"], rel=1e-9)


def _by_simulation(events: Array, at_risk: Array) -> float:
    """Return Mantel's statistic of two groups from its one-sided form (O - E)^2 / V."""
    difference = variance = 0.0
    for column in range(events.shape[1]):
        d, n, one = events[:, column].sum(), at_risk[:, column].sum(), at_risk[0, column]
        if d > 0:
            difference += events[0, column] - d * one / n
            variance += d * (one / n) * (1 - one / n) * (n - d) / (n - 1) if n > 1 else 0.0
    return float(difference**2 / variance)


def test_log_rank_of_two_groups_is_mantels() -> None:
    """With two groups the test is (O - E)^2 / V; one without rows, or that no event can be in, is left out."""
    events = np.array([[0.0, 3.0, 1.0, 2.0], [0.0, 1.0, 4.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    at_risk = np.array([[9.0, 9.0, 5.0, 2.0], [8.0, 8.0, 6.0, 1.0], [3.0, 0.0, 0.0, 0.0]])
    statistic, freedom = kaplan_meier._log_rank(events, at_risk)
    assert freedom == 1.0
    assert statistic == pytest.approx(_by_simulation(events[:2], at_risk[:2]))
    assert kaplan_meier._log_rank(events[:1], at_risk[:1]).tolist() == [0.0, 0.0]
    assert kaplan_meier._log_rank(0.0 * events, at_risk).tolist() == [0.0, 0.0]


@hypothesis.given(strategies.integers(0, 2**31), strategies.integers(0, 30))
@hypothesis.settings(max_examples=30, deadline=None)
def test_counts_add_up_and_stay_under_their_caps(seed: int, cut: int) -> None:
    """Parts of a table count what the whole does, in any order; one site with all rows is under every cap."""
    plan, table = recipe.from_plan(PLAN), _table(30, seed)
    hypothesis.assume((~np.signbit(table.target)).any())
    value = _described(plan, table)
    whole = plan.learner.partial(value, table)
    order = np.random.default_rng(seed).permutation(30)
    parts = [plan.learner.partial(value, table.take(order[part])) for part in (slice(0, cut), slice(cut, 30))]
    for block in plan.blocks(value):
        assert np.array_equal(parts[0][block.name] + parts[1][block.name], whole[block.name])
        assert whole[block.name].max() <= block.cap
        assert np.frexp(block.cap)[0] == 0.5
    assert sum(vector.sum() for vector in whole.values()) == 30


def test_times_at_the_ends_of_the_range_are_counted() -> None:
    """An event at the first moment and one at the last are in the first and last column; so is a censoring at -0.0."""
    plan = recipe.from_plan(TOGETHER)
    table = records.Table(np.zeros((4, 4)), np.array([0.0, -0.0, 20.0, -20.0]))
    value = _described(plan, table)
    sums = plan.learner.partial(value, table)
    assert sums["events"].tolist() == [1.0, *[0.0] * 19, 1.0]
    assert sums["censored"].tolist() == [1.0, *[0.0] * 19, 1.0]
    found = plan.combine(value, [sums]).arrays
    assert found["at_risk"][0].tolist() == [4.0, *[2.0] * 20]
    assert found["survival"][0].tolist() == [0.75, *[0.75] * 19, 0.375]


def test_the_median_is_where_half_have_had_an_event() -> None:
    """A curve that is exactly a half has its median there; one that stays above has none."""
    plan = recipe.from_plan(TOGETHER)
    table = records.Table(np.zeros((4, 4)), np.array([3.0, 7.0, 15.0, -16.0]))
    value = _described(plan, table)
    curves = plan.combine(value, [plan.learner.partial(value, table)])
    assert plan.learner.median(curves) == 7.0
    late = records.Table(np.zeros((4, 4)), np.array([3.0, -7.0, -15.0, -16.0]))
    assert plan.learner.median(plan.combine(value, [plan.learner.partial(value, late)])) is None


def test_events_come_before_censorings_of_the_same_interval() -> None:
    """Who is censored in an interval was at risk in it."""
    plan = recipe.from_plan({**TOGETHER, "intervals": 2})
    table = records.Table(np.zeros((4, 4)), np.array([-3.0, 5.0, -9.0, 15.0]))
    value = _described(plan, table)
    assert plan.combine(value, [plan.learner.partial(value, table)]).arrays["survival"][0].tolist() == [1.0, 0.75, 0.0]


def test_rows_without_a_level_are_in_no_group_and_get_everybodys_curve(federate: Federate) -> None:
    """A gap in the category is left out of all curves, everybody's too; its prediction is everybody's."""
    document = {**PLAN, "schema": {**PLAN["schema"], "missing": "fill"}}
    plan, table = recipe.from_plan(document), _table(60, 5)
    features = table.features.copy()
    features[:20, 1:] = 0.0
    features[:10, 0] = np.nan
    sites = [recipe.Rows(records.Table(features, table.target), EMPTY)]
    value = federate(plan, sites).state
    assert value.arrays["at_risk"][:, 0].tolist() == [40.0, *features[20:, 1:].sum(axis=0)]
    predicted = plan.predict(value, features)
    assert predicted.shape == (60, 21)
    assert np.array_equal(predicted[0], value.arrays["survival"][0])
    levels = 1 + features[20:, 1:].argmax(axis=1)
    assert np.array_equal(predicted[20:], value.arrays["survival"][levels])
    assert plan.learner.heads(value)[:3] == ("0", "1", "2")


def test_no_round_is_judged_and_no_figure_shown(federate: Federate) -> None:
    """A curve of a group ranks nobody: held-out rows are asked nothing, and the run ends without a round for figures."""
    plan = recipe.from_plan(PLAN)
    assert isinstance(plan.learner, learner.Unjudged)
    outcome = federate(plan, [recipe.Rows(_table(30, seed), _table(10, 9)) for seed in range(3)])
    assert outcome.metrics == (None, None)
    assert plan.is_finished(outcome.state)
    value = _described(plan, _table(30, 1))
    assert {block.name for block in plan.blocks(value)} == {"events", "censored"}


def test_tampered_counts_still_give_a_curve() -> None:
    """Counts below zero, which only a cheat sends, count as none: the state stays finite and the curve between 0 and 1."""
    plan, table = recipe.from_plan(PLAN), _table(30, 2)
    value = _described(plan, table)
    sums = {name: vector.copy() for name, vector in plan.learner.partial(value, table).items()}
    sums["events"][[3, 25, 50]] = -4.0
    curve = plan.combine(value, [sums]).arrays["survival"]
    assert ((curve >= 0.0) & (curve <= 1.0)).all()


def test_nothing_of_a_small_cell_leaves_a_site() -> None:
    """Every cell is 0 or large enough; rows stay in their group, and a group with too few events or censorings is left out."""
    plan = recipe.from_plan(PLAN)
    table = _table(200, 3)
    value = _described(plan, table)
    sums = plan.learner.partial(value, table)
    held = privacy.withheld(plan, value, sums, privacy.Rule(5, policies.SmallCells.SUPPRESS))
    assert set(held) == set(sums)
    for name, vector in held.items():
        assert not ((vector > 0.0) & (vector < 5.0)).any()
        assert np.array_equal(vector.reshape(3, -1).sum(axis=1), sums[name].reshape(3, -1).sum(axis=1))
    assert ((sums["events"] > 0) & (sums["events"] < 5)).any()
    few = {"events": np.zeros(63), "censored": np.zeros(63)}
    few["events"][[2, 21 + 3]], few["censored"][[4, 21 + 9]] = (4.0, 9.0), (30.0, 6.0)
    held = plan.learner.withheld(value, few, 5)
    assert held["events"].reshape(3, -1).sum(axis=1).tolist() == [0.0, 9.0, 0.0]
    assert held["censored"].reshape(3, -1).sum(axis=1).tolist() == [0.0, 6.0, 0.0]
    assert plan.learner.withheld(value, few, 1)["events"].tolist() == few["events"].tolist()


def test_neighbours_go_where_they_are_on_average() -> None:
    """Rows join their next neighbours at their mean place; what is left over joins the last ones."""
    counts = np.array([1.0, 0.0, 3.0, 0.0, 0.0, 7.0, 0.0, 1.0, 1.0])
    assert kaplan_meier._gathered(counts, 4).tolist() == [0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0]


def test_model_files_hold_the_curves(federate: Federate) -> None:
    """What a file gives back predicts the same; a file with other curves than its plan's is refused."""
    plan = recipe.from_plan(PLAN)
    value = federate(plan, _sites(3)).state
    read = model.decode(model.encode(model.Model(plan, value)))
    features = _table(10, 1).features
    assert np.array_equal(read.predict(features), plan.predict(value, features))
    arrays = {**value.arrays, "survival": value.arrays["survival"][:, :-1]}
    wrong = state.State(value.stage, value.step, arrays, value.reason)
    with pytest.raises(errors.DecodeError, match="not a model"):
        model.decode(model.encode(model.Model(plan, wrong)))


def test_exhibits_read_as_tables(federate: Federate) -> None:
    """Medians, the test and the curves are in the plan's names and units; without groups there is no test."""
    plan = recipe.from_plan(PLAN)
    value = federate(plan, _sites(3)).state
    medians, test, curves = plan.exhibits(value)
    assert [row[0] for row in medians.rows] == ["everybody", "arm=a", "arm=b", "arm=c"]
    assert medians.rows[0][1] == 120
    assert medians.heads[-1] == "median days"
    assert test.rows[0][1] == 2
    assert 0.0 < test.rows[0][2] < 1.0
    assert all(len(row) == len(curves.heads) for row in curves.rows)
    assert {row[0] for row in curves.rows} == {row[0] for row in medians.rows}
    together = recipe.from_plan(TOGETHER)
    found = together.exhibits(federate(together, _sites(3)).state)
    assert [each.name for each in found] == ["medians", "curves"]


@pytest.mark.parametrize("document", [PLAN, TOGETHER, {**TOGETHER, "cuts": [2, 5.5, 11], "intervals": ...}])
def test_plans_are_written_out_and_read_back(document: dict[str, Any]) -> None:
    """Options say how many intervals or which cuts, and the group; they give the same recipe again."""
    plan = recipe.from_plan({key: value for key, value in document.items() if value is not ...})
    assert recipe.from_plan(recipe.to_plan(plan)) == plan


BAD = {
    "group is a number": ({"by": "age"}, "recipe.by"),
    "group is nowhere": ({"by": "site"}, "recipe.by"),
    "group is the event": ({"by": "died"}, "recipe.by"),
    "no interval": ({"intervals": 0}, "recipe.intervals"),
    "too many intervals": ({"intervals": 4097}, "recipe.intervals"),
    "intervals and cuts": ({"cuts": [3.0]}, "recipe.intervals"),
    "cuts beyond the range": ({"intervals": ..., "cuts": [3.0, 20.0]}, "recipe.cuts"),
    "cuts that fall": ({"intervals": ..., "cuts": [5.0, 3.0]}, "recipe.cuts"),
    "a cut twice": ({"intervals": ..., "cuts": [5.0, 5.0]}, "recipe.cuts"),
    "no cut": ({"intervals": ..., "cuts": []}, "recipe.cuts"),
    "a cut that is true": ({"intervals": ..., "cuts": [True]}, "recipe.cuts"),
    "a cut in words": ({"intervals": ..., "cuts": ["5"]}, "recipe.cuts"),
    "a cut that is true beside a number": ({"intervals": ..., "cuts": [3.0, True]}, "recipe.cuts"),
    "a cut in words beside a number": ({"intervals": ..., "cuts": [3.0, "5"]}, "recipe.cuts"),
    "cuts no list": ({"intervals": ..., "cuts": 5}, "recipe.cuts"),
    "another option": ({"ridge": 1.0}, "recipe.ridge"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_named(name: str) -> None:
    """Every option that cannot be is refused by its name."""
    changes, which = BAD[name]
    document = {key: value for key, value in {**PLAN, **changes}.items() if value is not ...}
    with pytest.raises(errors.InputError) as caught:
        recipe.from_plan(document)
    assert caught.value.which == which


def test_other_targets_are_refused() -> None:
    """Classes, numbers and no target at all are not times."""
    classes = {"name": "y", "task": "binomial", "classes": ["no", "yes"]}
    for target in ({"target": classes}, {}):
        columns = {"features": PLAN["schema"]["features"], **target}
        with pytest.raises(errors.InputError, match="wrong value"):
            recipe.from_plan({**PLAN, "schema": columns})


def test_too_many_groups_are_refused() -> None:
    """129 groups would take the test seconds, and so many curves of so many intervals no state should hold."""
    levels = [f"l{index}" for index in range(129)]
    for count, intervals in ((129, 2), (100, 4000)):
        features = [{"name": "arm", "kind": "category", "levels": levels[:count]}]
        document = {**PLAN, "intervals": intervals, "schema": {**PLAN["schema"], "features": features}}
        with pytest.raises(errors.InputError, match="too many groups"):
            recipe.from_plan(document)


def test_the_longest_test_takes_seconds_at_most() -> None:
    """The largest number of groups and intervals together is combined without waiting."""
    rng = np.random.default_rng(0)
    columns = kaplan_meier.MOST_CELLS // kaplan_meier.MOST_GROUPS
    events = rng.integers(0, 3, (kaplan_meier.MOST_GROUPS, columns)).astype(np.float64)
    statistic, freedom = kaplan_meier._log_rank(events, kaplan_meier._at_risk(events, events))
    assert freedom == kaplan_meier.MOST_GROUPS - 1
    assert statistic > 0.0


def test_a_schema_with_the_category_elsewhere_finds_its_columns() -> None:
    """The group's columns are found behind other categories."""
    features = (schema.category("site", ["x", "y"]), schema.numeric("age", 0, 9), schema.category("arm", ["a", "b"]))
    target = schema.Target(schema.Task.SURVIVAL, "days", lo=0.0, hi=9.0, event=schema.category("died", ["no", "yes"]))
    plan = recipe.from_plan(
        {"recipe": "kaplan_meier", "by": "arm", "schema": schema.to_document(schema.Schema(features, target))}
    )
    rows = np.array([[1.0, 0.0, 3.0, 0.0, 1.0], [1.0, 0.0, 3.0, 1.0, 0.0], [1.0, 0.0, 3.0, 0.0, 0.0]])
    value = plan.learner.initial(plan.schema, 0)
    assert plan.learner.scores(value, rows).tolist() == [2.0, 1.0, 0.0]
