"""Statistics: those of pandas on the pooled rows, within the stated resolution; cells of few rows stay out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import strategies

from aicommons.domain import errors, schema
from aicommons.learning import blocks, exhibits, model, privacy, recipe, records, state
from aicommons.learning.learners import stats, stats_quantiles

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]
Summed = Callable[..., Mapping[str, Array]]

FEATURES = (
    schema.numeric("age", 0, 120),
    schema.category("kind", ["p", "q", "r"]),
    schema.numeric("bmi", 10, 70.5),
    schema.category("ward", ["a", "b"]),
    schema.numeric("same", 0, 10),
)
EVENT = schema.category("died", ["no", "yes"])
TARGETS: dict[str, schema.Target | None] = {
    "none": None,
    "binomial": schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    "multinomial": schema.Target(schema.Task.MULTINOMIAL, "y", classes=("u", "v", "w")),
    "gaussian": schema.Target(schema.Task.GAUSSIAN, "y", lo=-30.0, hi=30.0),
    "poisson": schema.Target(schema.Task.POISSON, "y", lo=0.0, hi=40.0),
    "survival": schema.Target(schema.Task.SURVIVAL, "y", lo=0.0, hi=50.0, event=EVENT),
}


def _plan(kind: str = "none", *, fill: bool = True, features: Any = FEATURES, **options: Any) -> recipe.Recipe:
    missing = schema.Missing.FILL if fill else schema.Missing.DROP
    columns = schema.Schema(features, TARGETS[kind], missing)
    return recipe.from_plan({"recipe": "stats", "schema": schema.to_document(columns), **options})


def _table(kind: str, rows: int, seed: int, *, gaps: float = 0.2) -> records.Table:
    rng = np.random.default_rng(seed)
    age = np.clip(rng.normal(50 + 5 * seed, 20, rows), 0, 120).round()
    bmi = np.clip(0.1 * age + rng.gamma(9.0, 2.5, rows), 10, 70.5)
    kinds = np.eye(3)[rng.integers(0, 3, rows)]
    wards = np.eye(2)[rng.integers(0, 2, rows)]
    if gaps:
        age[rng.random(rows) < gaps] = np.nan
        bmi[rng.random(rows) < gaps] = np.nan
        kinds[rng.random(rows) < gaps] = 0.0
    features = np.column_stack([age, kinds, bmi, wards, np.full(rows, 3.0)])
    target = {
        "none": np.zeros(rows),
        "binomial": rng.integers(0, 2, rows).astype(np.float64),
        "multinomial": rng.integers(0, 3, rows).astype(np.float64),
        "gaussian": rng.normal(2, 5, rows).round(1),
        "poisson": rng.poisson(4.0, rows).astype(np.float64),
        "survival": np.copysign(rng.uniform(0, 50, rows), rng.choice([-1.0, 1.0], rows)),
    }[kind]
    return records.Table(features, target)


def _rows(tables: Sequence[records.Table]) -> list[recipe.Rows]:
    return [recipe.Rows(each, records.Table(each.features[:0], each.target[:0])) for each in tables]


def _pooled(kind: str, tables: Sequence[records.Table]) -> pd.DataFrame:
    """Return all rows as an owner of all of them would have them."""
    features = np.concatenate([each.features for each in tables])
    target = np.concatenate([each.target for each in tables])
    frame = pd.DataFrame({"age": features[:, 0], "bmi": features[:, 4], "same": features[:, 7]})
    frame["kind"] = [("p", "q", "r")[row.argmax()] if row.any() else None for row in features[:, 1:4]]
    frame["ward"] = [("a", "b")[row.argmax()] for row in features[:, 5:7]]
    declared = TARGETS[kind]
    if declared is not None and declared.classes is not None:
        frame["y"] = [declared.classes[int(place)] for place in target]
    elif declared is not None:
        frame["y"] = np.abs(target) if kind == "survival" else target
    if kind == "survival":
        frame["died"] = np.where(np.signbit(target), "no", "yes")
    return frame


def _shown(plan: recipe.Recipe, value: state.State) -> dict[str, exhibits.Exhibit]:
    return {each.name: each for each in plan.exhibits(value)}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("fill", [True, False])
def test_statistics_are_those_of_the_pooled_rows(kind: str, fill: bool, federate: Federate) -> None:
    """Rows, means, deviations, correlations and cross-tables of pandas, quantiles within what the table says."""
    plan = _plan(kind, fill=fill, tables=[["kind", "ward"]])
    tables = [_table(kind, rows, seed, gaps=0.2 if fill else 0.0) for seed, rows in enumerate((70, 40, 150))]
    outcome = federate(plan, _rows(tables))
    assert outcome.state.stage is state.Stage.FINISHED
    assert outcome.state.reason is state.Reason.CONVERGED
    assert set(outcome.metrics) == {None}
    frame, shown = _pooled(kind, tables), _shown(plan, outcome.state)
    numbers = [name for name in ("age", "bmi", "same", "y") if name in frame and frame[name].dtype == np.float64]
    for name, present, missing, mean, deviation, lowest, highest in shown["columns"].rows:
        assert (present, missing) == (frame[name].count(), frame[name].isna().sum())
        if name in numbers:
            assert mean == pytest.approx(frame[name].mean(), rel=1e-9)
            assert deviation == pytest.approx(frame[name].std(), rel=1e-6, abs=1e-6)
            assert (lowest, highest) in {(column.lo, column.hi) for column in (*plan.schema.columns, *_told(plan))}
    expected = frame[numbers].corr()
    for name, *cells in shown["correlation"].rows:
        for other, cell in zip(shown["correlation"].heads[1:], cells, strict=True):
            wanted = expected.loc[name, other]
            assert cell is None if np.isnan(wanted) else cell == pytest.approx(wanted, abs=1e-6)
    _assert_quantiles(
        shown["quantiles"], frame, {each.name: each.hi - each.lo for each in (*plan.schema.columns, *_told(plan))}
    )
    counted = pd.crosstab(frame["kind"], frame["ward"])
    assert [list(row[1:]) for row in shown["table kind x ward"].rows] == counted.to_numpy().tolist()
    for name, level, rows, share in shown["levels"].rows:
        found = frame[name].isna().sum() if level is None else (frame[name] == level).sum()
        assert (rows, share) == (found, pytest.approx(found / len(frame)))


def _told(plan: recipe.Recipe) -> list[schema.Column]:
    return [] if plan.schema.target is None else [plan.schema.target.column()]


def _assert_quantiles(shown: exhibits.Exhibit, frame: pd.DataFrame, widths: Mapping[str, float]) -> None:
    for name, probability, value, within in shown.rows:
        assert abs(value - frame[name].quantile(probability)) <= within * (1 + 1e-9)
        assert within <= widths[name] / stats_quantiles.FINEST / 2 + 1e-12


@pytest.mark.parametrize("bins", [16, 32, 100, 1024])
def test_every_number_of_bins_reaches_the_resolution(bins: int, federate: Federate) -> None:
    """Whatever the bins, quantiles end at most 2^-17 of the range away, and histograms are pandas' cut."""
    plan = _plan(bins=bins, quantiles=[0.1, 0.33, 0.9])
    tables = [_table("none", 200, seed) for seed in range(3)]
    outcome = federate(plan, _rows(tables))
    frame, shown = _pooled("none", tables), _shown(plan, outcome.state)
    assert len(outcome.metrics) <= plan.most_rounds
    _assert_quantiles(shown["quantiles"], frame, {each.name: each.hi - each.lo for each in plan.schema.columns})
    found = [rows for name, _, _, rows in shown["histogram"].rows if name == "bmi"]
    assert found == np.histogram(frame["bmi"].dropna(), bins=bins, range=(10, 70.5))[0].tolist()


def test_default_tables_are_those_with_the_outcome(federate: Federate) -> None:
    """Every category is counted against the classes; with a time, against whether the event was seen."""
    for kind, other in (("multinomial", "y"), ("survival", "died")):
        plan = _plan(kind)
        tables = [_table(kind, 90, seed) for seed in range(3)]
        shown = _shown(plan, federate(plan, _rows(tables)).state)
        frame = _pooled(kind, tables)
        for name in ("kind", "ward"):
            counted = pd.crosstab(frame[name], frame[other])
            assert [list(row[1:]) for row in shown[f"table {name} x {other}"].rows] == counted.to_numpy().tolist()
    assert _plan("gaussian").learner.options()["tables"] == []


@pytest.mark.parametrize("hospital_count", [4])
def test_heart_disease_is_described_as_pandas_does(
    hospital_count: int, heart: Any, columns_of: Any, federate: Federate
) -> None:
    """Four hospitals: means, deviations, correlations and quantiles of 740 pooled rows."""
    target = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))
    columns = schema.Schema(columns_of(heart.features), target)
    plan = recipe.from_plan({"recipe": "stats", "schema": schema.to_document(columns)})
    tables = [records.Table(*both) for both in zip(heart.features, heart.target, strict=True)]
    assert len(tables) == hospital_count
    shown = _shown(plan, federate(plan, _rows(tables)).state)
    frame = pd.DataFrame(np.concatenate(heart.features), columns=[each.name for each in columns.features])
    for name, present, missing, mean, deviation, *_ in shown["columns"].rows[:-1]:
        assert (present, missing) == (740, 0)
        assert mean == pytest.approx(frame[name].mean(), rel=1e-9, abs=1e-9)
        assert deviation == pytest.approx(frame[name].std(), rel=1e-9)
    found = np.array([row[1:] for row in shown["correlation"].rows], dtype=np.float64)
    assert np.abs(found - frame.corr().to_numpy()).max() < 1e-9
    _assert_quantiles(shown["quantiles"], frame, {each.name: each.hi - each.lo for each in columns.columns})


def test_a_far_rank_is_told_to_the_histograms_bin_only(federate: Federate) -> None:
    """A quantile with fewer than five rows on one side would nearly be the smallest value."""
    plan = _plan(quantiles=[0.01, 0.5], fill=False)
    tables = [_table("none", 100, seed, gaps=0.0) for seed in range(3)]
    shown = _shown(plan, federate(plan, _rows(tables)).state)["quantiles"]
    withins = {(name, probability): within for name, probability, _, within in shown.rows}
    assert withins["bmi", 0.01] == pytest.approx(60.5 / 32 / 2)
    assert withins["bmi", 0.5] < 60.5 / stats_quantiles.FINEST
    frame = _pooled("none", tables)
    for name, probability, value, within in shown.rows:
        assert abs(value - frame[name].quantile(probability)) <= within


def _described(plan: recipe.Recipe, tables: Sequence[records.Table], summed: Summed) -> state.State:
    value = plan.initial()
    rng = np.random.default_rng(0)
    parts = [plan.contribute(value, rows, rng=rng)[0] for rows in _rows(tables)]
    return plan.combine(value, [summed(plan.blocks(value), parts, plan.word_bits)])


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(strategies.integers(0, 60), strategies.sampled_from(sorted(TARGETS)), strategies.integers(0, 2**20))
def test_partial_sums_add_up_in_any_order(cut: int, kind: str, seed: int) -> None:
    """Two parts of a table, in any order, give together what the whole gives, in every round."""
    plan = _plan(kind)
    table = _table(kind, 60, seed % 7)
    order = np.random.default_rng(seed).permutation(60)
    value = _described(plan, [table], _plain)
    while value.stage is state.Stage.FIT:
        whole = plan.learner.partial(value, table)
        parts = [plan.learner.partial(value, table.take(places)) for places in (order[:cut], order[cut:])]
        for name, vector in whole.items():
            assert np.allclose(parts[0][name] + parts[1][name], vector, rtol=1e-9, atol=1e-9)
        value = plan.combine(value, [whole])


def _plain(
    declared: Sequence[blocks.Block], parts: Sequence[Mapping[str, Array]], word_bits: int
) -> Mapping[str, Array]:
    _ = word_bits
    return {block.name: np.sum([part[block.name] for part in parts], axis=0) for block in declared}


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    strategies.lists(
        strategies.tuples(*[strategies.sampled_from([np.nan, 0.0, 1e-4, 2e-5, 5.0, 9.99, 10.0])] * 2),
        min_size=1,
        max_size=8,
    )
)
def test_caps_hold_for_one_site_with_all_rows(rows: list[tuple[float, float]]) -> None:
    """No block exceeds its cap for any valid rows, even if one site holds everything; caps are powers of two."""
    plan = _plan(features=(schema.numeric("u", 0, 10), schema.numeric("v", 0, 10)))
    table = records.Table(np.array(rows), np.zeros(len(rows)))
    value = _described(plan, [table], _plain)
    while value.stage is state.Stage.FIT:
        part = plan.learner.partial(value, table)
        declared = plan.learner.blocks(value)
        blocks.check_contribution(declared, part)
        for block in declared:
            assert np.abs(part[block.name]).max() <= block.cap
            assert np.frexp(block.cap)[0] == 0.5
        value = plan.combine(value, [part])
    plan.exhibits(value)


def test_cells_of_few_rows_stay_out(federate: Federate) -> None:
    """Histogram bins, table cells, bracket parts and pairs of 1 to 9 rows of one site are 0; quantiles then say so."""
    plan = _plan("binomial")
    tables = [_table("binomial", 60, seed) for seed in range(3)]
    value = _described(plan, tables, _plain)
    sums = {name: vector.copy() for name, vector in plan.learner.partial(value, tables[0]).items()}
    sums["pair_rows"][1] = 9.0
    kept = plan.learner.withheld(value, sums, 10)
    for name in ("histogram", "tables", "pair_rows"):
        assert not ((kept[name] > 0) & (kept[name] < 10)).any()
        assert np.array_equal(kept[name][kept[name] > 0], sums[name][sums[name] >= 10])
        assert ((sums[name] > 0) & (sums[name] < 10)).any()
    pairs = len(sums["pair_rows"])
    for place in (1, pairs + 1):
        assert sums["sums"][place] != 0.0 == kept["sums"][place]
        assert sums["squares"][place] != 0.0 == kept["squares"][place]
    assert sums["products"][1] != 0.0 == kept["products"][1]
    assert kept["products"][0] == sums["products"][0]
    rule = privacy.Rule(10, privacy.policies.SmallCells.SUPPRESS)
    guarded = {**privacy.withheld(plan, value, plan.learner.partial(value, tables[0]), rule)}
    assert guarded["histogram"].sum() < sums["histogram"].sum()

    def withhold(round_index: int, site: int, part: blocks.Contribution) -> blocks.Contribution:
        _ = site
        return part if round_index == 0 else {**part, **plan.learner.withheld(value, part, 10)}

    large = [_table("binomial", 900, seed) for seed in range(3)]
    shown = _shown(plan, federate(plan, _rows(large), tamper=withhold).state)
    withins = [within for name, _, _, within in shown["quantiles"].rows if name == "bmi"]
    assert all(within > 60.5 / stats_quantiles.FINEST / 2 for within in withins)
    assert all(rows == 0 or rows >= 10 for _, _, _, rows in shown["histogram"].rows)


def test_a_bracket_with_withheld_rows_is_not_cut() -> None:
    """Where the parts hold fewer rows than the bracket, the rank could be in any: it keeps its width."""
    brackets = stats_quantiles.begin(np.array([[40.0, 20.0]]), (0.5,))
    parts = np.zeros((1, 2, stats_quantiles.BRANCHES))
    parts[:, :, 3] = 39.0
    same = stats_quantiles.refine(brackets, parts, [60.0], (0.5,), level=0)
    assert all(np.array_equal(same[name], brackets[name]) for name in stats_quantiles.NAMES)
    parts[:, :, 5] = 1.0
    cut = stats_quantiles.refine(brackets, parts, [60.0], (0.5,), level=0)
    assert cut["bracket_index"].tolist() == [[3.0, 3.0]]


BAD_OPTIONS = {
    "quantiles too low": ({"quantiles": [0.001]}, "recipe.quantiles"),
    "quantiles unordered": ({"quantiles": [0.5, 0.25]}, "recipe.quantiles"),
    "quantiles twice": ({"quantiles": [0.5, 0.5]}, "recipe.quantiles"),
    "quantiles as text": ({"quantiles": ["0.5"]}, "recipe.quantiles"),
    "quantiles not a list": ({"quantiles": 0.5}, "recipe.quantiles"),
    "too many quantiles": ({"quantiles": [0.1 + place / 100 for place in range(33)]}, "recipe.quantiles"),
    "few bins": ({"bins": 8}, "recipe.bins"),
    "many bins": ({"bins": 4096}, "recipe.bins"),
    "table of a number": ({"tables": [["age", "kind"]]}, "recipe.tables"),
    "table with itself": ({"tables": [["kind", "kind"]]}, "recipe.tables"),
    "table of three": ({"tables": [["kind", "ward", "y"]]}, "recipe.tables"),
    "table twice": ({"tables": [["kind", "ward"], ["ward", "kind"]]}, "recipe.tables"),
    "table of numbers": ({"tables": [["kind", "ward", 3]]}, "recipe.tables"),
    "tables not a list": ({"tables": "kind"}, "recipe.tables"),
    "correlation as a number": ({"correlation": 1}, "recipe.correlation"),
    "unknown option": ({"ridge": 1.0}, "recipe.ridge"),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options_are_named(name: str) -> None:
    """Every option is typed and bounded."""
    options, which = BAD_OPTIONS[name]
    with pytest.raises(errors.InputError) as caught:
        _plan("binomial", **options)
    assert which in str(caught.value.which)


def test_too_many_numbers_are_not_correlated() -> None:
    """257 numbers are refused, unless the plan leaves correlations out."""
    features = tuple(schema.numeric(f"x{place}", 0, 1) for place in range(257))
    with pytest.raises(errors.InputError, match="too many numbers"):
        _plan(features=features)
    assert "products" in {
        block.name for block in _plan(features=features, correlation=False).learner.blocks(_fit(features))
    }
    with pytest.raises(errors.InputError, match="too many cells"):
        _plan(features=tuple(schema.numeric(f"x{place}", 0, 1) for place in range(9_999)), correlation=False, bins=1024)


def _fit(features: Any) -> state.State:
    return state.State(state.Stage.FIT, 0, {"rows": np.array([9.0]), "mean": np.zeros(len(features))})


@pytest.mark.parametrize(
    "options",
    [{}, {"quantiles": []}, {"correlation": False}, {"tables": [["kind", "y"]], "bins": 16}],
)
def test_plans_and_results_round_trip(options: dict[str, Any], federate: Federate) -> None:
    """to_plan and the model's file give recipe, tables and refusal to predict back."""
    plan = _plan("multinomial", **options)
    assert recipe.from_plan(recipe.to_plan(plan)) == plan
    outcome = federate(plan, _rows([_table("multinomial", 50, seed) for seed in range(3)]))
    found = model.decode(model.encode(model.Model(plan, outcome.state)))
    assert found.recipe.exhibits(found.state) == plan.exhibits(outcome.state)
    with pytest.raises(errors.InputError, match="predict nothing"):
        found.predict(np.zeros((1, plan.schema.width)))


@pytest.mark.parametrize("features", [(FEATURES[1],), (FEATURES[0],), (FEATURES[1], FEATURES[3])])
def test_plans_of_numbers_or_categories_alone_come_to_an_end(features: Any, federate: Federate) -> None:
    """One category, one number, two categories: each has its tables, and the file carries them."""
    plan = _plan(features=features)
    rng = np.random.default_rng(1)
    width = plan.schema.width
    made = [np.eye(width)[rng.integers(0, width, 20)] if width > 1 else rng.uniform(0, 9, (20, 1)) for _ in range(3)]
    outcome = federate(plan, _rows([records.Table(each, np.zeros(20)) for each in made]))
    assert outcome.state.stage is state.Stage.FINISHED
    assert {"columns"} <= set(_shown(plan, outcome.state))
    assert model.decode(model.encode(model.Model(plan, outcome.state))).state == outcome.state


def test_a_column_without_any_value_has_no_figures(federate: Federate) -> None:
    """Where nobody has a value, the tables say none, and the other columns are as before."""
    plan = _plan()
    tables = []
    for seed in range(3):
        table = _table("none", 40, seed)
        table.features[:, 0] = np.nan
        tables.append(table)
    shown = _shown(plan, federate(plan, _rows(tables)).state)
    assert shown["columns"].rows[0][:5] == ["age", 0, 120, None, None]
    assert [row[2] for row in shown["quantiles"].rows if row[0] == "age"] == [None] * 5
    assert shown["correlation"].rows[0][1:] == [None] * 3


def test_one_row_has_no_deviation(federate: Federate) -> None:
    """Statistics of a single row do not fail."""
    plan = _plan()
    table = _table("none", 1, 1, gaps=0.0)
    empty = records.Table(table.features[:0], table.target[:0])
    shown = _shown(plan, federate(plan, _rows([table, empty, empty])).state)
    assert shown["columns"].rows[0][4] is None


def test_the_stated_options_are_the_defaults() -> None:
    """A plan that says nothing is written with every option."""
    assert _plan("none").learner.options() == {
        "quantiles": list(stats.PROBABILITIES),
        "bins": 32,
        "tables": [],
        "correlation": True,
    }
