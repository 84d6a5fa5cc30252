"""Boosted trees on summed histograms: the pooled rows' own trees, whoever holds which rows."""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, describe, exhibits, learner, model, recipe, records, state
from aicommons.learning.learners import tree_bins, tree_growing, trees

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]
Summed = Callable[..., Mapping[str, Array]]

TARGETS = {
    schema.Task.BINOMIAL: schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    schema.Task.GAUSSIAN: schema.Target(schema.Task.GAUSSIAN, "y", lo=-50.0, hi=50.0),
    schema.Task.MULTINOMIAL: schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")),
}
FEATURES = (
    schema.numeric("dose", -100.0, 100.0),
    schema.category("ward", ["p", "q", "r"]),
    schema.numeric("age", -100.0, 100.0),
    schema.numeric("score", -100.0, 100.0),
)
WIDTH = 6


def _plan(task: schema.Task, *, missing: schema.Missing = schema.Missing.FILL, **options: Any) -> recipe.Recipe:
    columns = schema.to_document(schema.Schema(FEATURES, TARGETS[task], missing))
    return recipe.from_plan({"recipe": "trees", "schema": columns, "trees": 4, "depth": 3, "min_rows": 5, **options})


def _table(task: schema.Task, rows: int, seed: int, *, gaps: bool = True) -> records.Table:
    """Return rows whose target depends on two numbers together, a ward and whether a score is known."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 3))
    numbers[:, 2] = np.exp(numbers[:, 2])
    ward = np.eye(3)[rng.integers(0, 3, rows)]
    is_gap = rng.random(rows) < (0.3 if gaps else 0.0)
    signal = numbers[:, 0] * (numbers[:, 1] > 0.3) + ward[:, 1] + 1.5 * is_gap - 0.4 * numbers[:, 1]
    signal += 0.5 * rng.normal(size=rows)
    numbers[is_gap, 2] = np.nan
    target = {
        schema.Task.BINOMIAL: (signal > 0.4).astype(np.float64),
        schema.Task.GAUSSIAN: signal,
        schema.Task.MULTINOMIAL: np.digitize(signal, [0.0, 0.9]).astype(np.float64),
    }[task]
    return records.Table(np.hstack([numbers[:, :1], ward, numbers[:, 1:]]), target)


def _parts(table: records.Table, sites: int) -> list[records.Table]:
    return [records.Table(table.features[i::sites].copy(), table.target[i::sites].copy()) for i in range(sites)]


def _rows(tables: list[records.Table]) -> list[recipe.Rows]:
    return [recipe.Rows(each, each) for each in tables]


def _states(plan: recipe.Recipe, table: records.Table, summed: Summed) -> Iterator[state.State]:
    """Yield the states of a run of one site that has all rows."""
    value = plan.initial()
    rng = np.random.default_rng(0)
    while value.stage is not state.Stage.EVALUATE:
        part, _ = plan.contribute(value, recipe.Rows(table, table), rng=rng)
        value = plan.combine(value, [summed(plan.blocks(value), [part], plan.word_bits)])
        yield value


# ---- the oracle: rows in nodes, no histograms, no flat arrays


@dataclasses.dataclass
class Leaf:
    """What a leaf of the oracle adds."""

    value: float


@dataclasses.dataclass
class Fork:
    """An inner node of the oracle."""

    column: int
    edge: float
    gap_left: bool | None
    left: "Fork | Leaf"
    right: "Fork | Leaf"


def _left(x: Array, edge: float, *, gap_left: bool | None) -> npt.NDArray[np.bool_]:
    return np.where(np.isnan(x), bool(gap_left), np.nan_to_num(x, nan=0.0) < edge)


class Oracle:
    """Newton boosting on pooled rows, straight from the paper: every edge of every column is tried on the rows themselves."""

    def __init__(self, made: trees.Trees, edges: list[Array]) -> None:
        self.made, self.edges = made, edges

    def score(self, g: Array, h: Array) -> float:
        """Return G^2 / (H + lambda)."""
        return float(g.sum() ** 2 / (h.sum() + self.made.ridge))

    def grow(self, x: Array, g: Array, h: Array, depth: int) -> Fork | Leaf:
        """Return the tree of these rows."""
        best, found = 1e-9, None
        for column in range(x.shape[1]) if depth else ():
            is_gap = np.isnan(x[:, column])
            for edge in self.edges[column]:
                for gap_left in (False, True) if is_gap.any() else (None,):
                    left = _left(x[:, column], edge, gap_left=gap_left)
                    if min(left.sum(), (~left).sum()) < self.made.min_rows:
                        continue
                    gain = (self.score(g[left], h[left]) + self.score(g[~left], h[~left]) - self.score(g, h)) / 2
                    if gain > best * (1 + 1e-9):
                        best, found = gain, (column, float(edge), gap_left, left)
        if found is None:
            return Leaf(-self.made.learning_rate * g.sum() / (h.sum() + self.made.ridge))
        column, edge, gap_left, left = found
        sides = [self.grow(x[side], g[side], h[side], depth - 1) for side in (left, ~left)]
        return Fork(column, edge, gap_left, *sides)

    def add(self, tree: Fork | Leaf, x: Array) -> Array:
        """Return what a tree adds to the scores of rows."""
        if isinstance(tree, Leaf):
            return np.full(len(x), tree.value)
        left = _left(x[:, tree.column], tree.edge, gap_left=tree.gap_left)
        out = np.empty(len(x))
        out[left], out[~left] = self.add(tree.left, x[left]), self.add(tree.right, x[~left])
        return out

    def fit(self, x: Array, y: Array) -> tuple[list[Fork | Leaf], Array]:
        """Return all trees, and the scores [n, outputs] of the rows."""
        task = self.made.task
        if task is schema.Task.GAUSSIAN:
            y = (y - y.mean()) / y.std()
            scores = np.zeros((len(y), 1))
        else:
            counts = np.bincount(y.astype(int))
            start = np.log(counts / len(y)) if task is schema.Task.MULTINOMIAL else [math.log(counts[1] / counts[0])]
            scores = np.tile(start, (len(y), 1)).astype(np.float64)
        grown = []
        for _ in range(self.made.trees):
            if task is schema.Task.GAUSSIAN:
                g, h = scores - y[:, None], np.ones_like(scores)
            elif task is schema.Task.BINOMIAL:
                p = 1 / (1 + np.exp(-scores))
                g, h = p - y[:, None], p * (1 - p)
            else:
                p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
                g, h = p - np.eye(p.shape[1])[y.astype(int)], p * (1 - p)
            step = [self.grow(x, g[:, k], h[:, k], self.made.depth) for k in range(scores.shape[1])]
            scores = scores + np.stack([self.add(tree, x) for tree in step], axis=1)
            grown += step
        return grown, scores


def _same(forest: tree_growing.Forest, tree: int, node: int, expected: Fork | Leaf, level: int = 0) -> None:
    """Check one tree of the flat arrays against the oracle's."""
    place = node - (2**level - 1)
    if isinstance(expected, Leaf):
        assert level == forest.depth or forest.columns[tree, node] == tree_growing.NO_SPLIT
        assert forest.leaves[tree, place << (forest.depth - level)] == pytest.approx(expected.value, rel=1e-6, abs=1e-9)
        return
    assert (forest.columns[tree, node], forest.edges[tree, node]) == (expected.column, expected.edge)
    if expected.gap_left is not None:
        assert forest.gaps[tree, node] == expected.gap_left
    _same(forest, tree, 2 * node + 1, expected.left, level + 1)
    _same(forest, tree, 2 * node + 2, expected.right, level + 1)


@pytest.mark.parametrize("task", trees.SOLVES)
@pytest.mark.parametrize("missing", schema.Missing)
def test_trees_are_those_of_the_pooled_rows(task: schema.Task, missing: schema.Missing, federate: Federate) -> None:
    """Three sites grow, split for split and leaf for leaf, the trees that an oracle without histograms grows on all rows."""
    plan = _plan(task, missing=missing, bins=12, learning_rate=0.4)
    table = _table(task, 240, 1, gaps=missing is schema.Missing.FILL)
    outcome = federate(plan, _rows(_parts(table, 3)))
    value = outcome.state
    bins = tree_bins.bins_of(value, range(WIDTH))
    grown, scores = Oracle(plan.learner, list(bins.edges)).fit(table.features, table.target)
    forest = tree_growing.forest_of(value)
    assert len(grown) == len(forest.leaves)
    assert sum(isinstance(tree, Fork) for tree in grown) > 2
    for index, tree in enumerate(grown):
        _same(forest, index, 0, tree)
    ours = plan.learner.scores(value, table.features).reshape(scores.shape)
    assert np.allclose(ours, scores, rtol=1e-6, atol=1e-8)
    assert len(outcome.metrics) == 1 + 1 + plan.learner.trees * plan.learner.depth + 1


@pytest.fixture(scope="module")
def ensemble() -> Iterator[Any]:
    """Scikit-learn's boosting, on one thread: its OpenMP loops wait for each other where cores are taken."""
    found = pytest.importorskip("sklearn.ensemble", reason="scikit-learn is the pooled comparison")
    with pytest.importorskip("threadpoolctl").threadpool_limits(1):
        yield found


@pytest.mark.parametrize("task", trees.SOLVES)
def test_predictions_are_those_of_scikit_learn(task: schema.Task, federate: Federate, ensemble: Any) -> None:
    """Where columns have few values, both cut them alike: three sites predict what scikit-learn's boosting on all rows does."""
    rng = np.random.default_rng(18)
    x = rng.integers(0, 10, (600, 4)).astype(np.float64)
    signal = np.sin(x[:, 0]) * x[:, 1] / 3.0 + (x[:, 2] > 4) - 0.2 * x[:, 3] + 0.3 * rng.normal(size=600)
    cuts = [-0.4] if task is schema.Task.BINOMIAL else [-1.0, 0.5]
    target = signal if task is schema.Task.GAUSSIAN else np.digitize(signal, cuts).astype(np.float64)
    columns = schema.Schema(tuple(schema.numeric(f"x{index}", -5.0, 15.0) for index in range(4)), TARGETS[task])
    options = {"trees": 10, "depth": 3, "learning_rate": 0.3, "min_rows": 10}
    plan = recipe.from_plan({"recipe": "trees", "schema": schema.to_document(columns), **options})
    value = federate(plan, _rows(_parts(records.Table(x, target), 3))).state
    kind = "Regressor" if task is schema.Task.GAUSSIAN else "Classifier"
    pooled = getattr(ensemble, f"HistGradientBoosting{kind}")(
        max_iter=10,
        max_depth=3,
        max_leaf_nodes=None,
        learning_rate=0.3,
        min_samples_leaf=10,
        l2_regularization=1.0,
        early_stopping=False,
    ).fit(x, target)
    theirs = pooled.predict(x) if task is schema.Task.GAUSSIAN else pooled.predict_proba(x)
    assert np.allclose(plan.predict(value, x), theirs, atol=2e-4)


@pytest.mark.parametrize("task", trees.SOLVES)
@hypothesis.given(cut=strategies.integers(0, 90), seed=strategies.integers(0, 3))
@hypothesis.settings(deadline=None, max_examples=8)
def test_partial_sums_add_up_in_every_round(task: schema.Task, summed: Summed, cut: int, seed: int) -> None:
    """The sums of two tables are those of both together, and the order of the rows matters only to rounding."""
    plan = _plan(task, trees=2, depth=2)
    table = _table(task, 90, seed)
    order = np.random.default_rng(seed).permutation(90)
    shuffled = records.Table(table.features[order], table.target[order])
    for value in _states(plan, table, summed):
        if value.stage is not state.Stage.FIT:
            break
        seen = plan.standardised(value, shuffled)
        two = [records.Table(seen.features[part], seen.target[part]) for part in (slice(cut), slice(cut, None))]
        sums = [plan.learner.partial(value, part) for part in two]
        for name, vector in plan.learner.partial(value, plan.standardised(value, table)).items():
            assert np.allclose(sums[0][name] + sums[1][name], vector, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("task", trees.SOLVES)
def test_caps_hold_for_one_site_with_extreme_rows(task: schema.Task, summed: Summed) -> None:
    """No block exceeds its cap in any round, even if one site holds all rows at the ends of their ranges; caps are 2^k."""
    plan = _plan(task, learning_rate=1.0, ridge=0.0, min_rows=1, trees=6)
    table = _table(task, 60, 2)
    features = table.features.copy()
    features[:, [0, 4]] = np.where(features[:, [0, 4]] > 0.0, 100.0, -100.0)
    target = np.where(table.target > 0.0, 50.0, -50.0) if task is schema.Task.GAUSSIAN else table.target
    extreme = records.Table(features, target)
    for value in _states(plan, extreme, summed):
        if value.stage is not state.Stage.FIT:
            break
        part = plan.learner.partial(value, plan.standardised(value, extreme))
        blocks.check_contribution(plan.learner.blocks(value), part)
        for block in plan.learner.blocks(value):
            assert np.abs(part[block.name]).max() <= block.cap
            assert np.frexp(block.cap)[0] == 0.5
            if block.encoding is blocks.Encoding.INTEGER:
                assert np.array_equal(part[block.name], np.rint(part[block.name]))


def test_caps_hold_for_a_model_that_is_all_wrong(summed: Summed) -> None:
    """A number's residuals are bounded by its declared range, not by how well the trees fit so far."""
    plan = _plan(schema.Task.GAUSSIAN)
    table = _table(schema.Task.GAUSSIAN, 90, 19)
    value = _after(plan, table, summed, rounds=6)
    assert value.arrays["progress"].tolist() == [1.0, 1.0]
    wrong = dataclasses.replace(value, arrays={**value.arrays, "base": np.array([1e9])})
    part = plan.learner.partial(wrong, plan.standardised(wrong, table))
    (gradient, _) = plan.learner.blocks(wrong)
    assert 90 * 4.0 < np.abs(part["gradient"]).max() <= gradient.cap


def test_a_gap_goes_the_way_that_gains_more(federate: Federate) -> None:
    """Where only whether a value is missing matters, the first split tells rows with a value from those without."""
    rng = np.random.default_rng(4)
    features = np.hstack([rng.normal(size=(300, 1)), np.eye(3)[rng.integers(0, 3, 300)], rng.normal(size=(300, 2))])
    target = (rng.random(300) < 0.5).astype(np.float64)
    features[target == 1.0, 0] = np.nan
    plan = _plan(schema.Task.BINOMIAL)
    outcome = federate(plan, _rows(_parts(records.Table(features, target), 3)))
    forest = tree_growing.forest_of(outcome.state)
    assert forest.columns[0, 0] == 0
    assert forest.edges[0, 0] > 100.0
    assert not forest.gaps[0, 0]
    assert outcome.metrics[-1].accuracy == 1.0


def test_a_gap_that_training_never_saw_follows_the_larger_side(federate: Federate) -> None:
    """Nobody can learn where such a row belongs, so it goes where most rows go."""
    plan = _plan(schema.Task.GAUSSIAN, missing=schema.Missing.FILL, trees=1, depth=1)
    table = _table(schema.Task.GAUSSIAN, 120, 5, gaps=False)
    step = np.where(table.features[:, 0] > 1.2, 9.0, 0.0)
    value = federate(plan, _rows(_parts(records.Table(table.features, step), 3))).state
    row = np.zeros((2, WIDTH))
    row[0, 0] = np.nan
    assert len(set(plan.predict(value, row).tolist())) == 1


@hypothesis.given(
    rows=strategies.lists(strategies.lists(strategies.integers(0, 9), min_size=5, max_size=5), min_size=1, max_size=4),
    minimum=strategies.integers(2, 12),
)
def test_small_cells_join_their_neighbours(rows: list[list[int]], minimum: int) -> None:
    """No cell is left with 1 to k - 1 rows; a histogram's sums stay, unless all of it is small: then nothing is told of it."""
    counts = np.array(rows, dtype=np.float64)
    weights = counts * np.arange(1, 6)
    found, (others,) = tree_bins.joined_up(counts, [weights], minimum)
    assert not ((found > 0) & (found < minimum)).any()
    assert (others[found == 0.0] == 0.0).all()
    is_small = counts.sum(axis=1) < minimum
    assert np.array_equal(found.sum(axis=1), np.where(is_small, 0.0, counts.sum(axis=1)))
    assert np.array_equal(others.sum(axis=1), np.where(is_small, 0.0, weights.sum(axis=1)))


@pytest.mark.parametrize("task", trees.SOLVES)
def test_withheld_sums_have_no_small_cell_in_any_round(task: schema.Task, summed: Summed) -> None:
    """What leaves a site has 0 or at least k rows in each cell, 0 in all blocks alike, and all columns tell the same rows."""
    plan = _plan(task, trees=2)
    table = _table(task, 80, 6)
    assert isinstance(plan.learner, learner.Withholding)
    for value in _states(plan, table, summed):
        if value.stage is not state.Stage.FIT:
            break
        sums = plan.learner.partial(value, plan.standardised(value, table))
        held = plan.learner.withheld(value, sums, 6)
        assert {name: len(each) for name, each in held.items()} == {name: len(each) for name, each in sums.items()}
        rows = held.get("rows", held.get("cells"))
        assert not ((rows > 0) & (rows < 6)).any()
        assert (rows < sums.get("rows", sums.get("cells"))).any()
        if "rows" in held:
            assert all((vector[rows == 0.0] == 0.0).all() for vector in held.values())
            bins = tree_bins.bins_of(value, range(WIDTH))
            whole = bins.dense(rows.reshape(-1, bins.words)).sum(axis=2)
            assert (whole == whole[:, :1]).all()


def test_edges_are_quantiles_of_all_sites_rows(summed: Summed) -> None:
    """Each of a column's bins holds about as many rows, however skewed it is and however wide its range was declared."""
    plan = _plan(schema.Task.BINOMIAL, bins=8)
    rng = np.random.default_rng(7)
    table = _table(schema.Task.BINOMIAL, 4000, 7, gaps=False)
    features = table.features.copy()
    features[:, 0], features[:, 4] = np.exp(1.5 * rng.normal(size=4000)).clip(0, 100), 1e-3 * rng.normal(size=4000)
    found = _after(plan, records.Table(features, table.target), summed, rounds=2)
    bins = tree_bins.bins_of(found, [0, 4])
    for column, edges in zip((0, 4), bins.edges, strict=True):
        counts = np.bincount(np.searchsorted(edges, features[:, column], side="right"))
        assert len(counts) == 8
        assert counts.min() > 4000 / 8 * 0.85
        assert counts.max() < 4000 / 8 * 1.15


def _after(plan: recipe.Recipe, table: records.Table, summed: Summed, rounds: int) -> state.State:
    states = _states(plan, table, summed)
    return [next(states) for _ in range(rounds)][-1]


def test_few_values_are_all_told_apart(summed: Summed) -> None:
    """A column of as many values as bins has an edge in the middle between each two of them."""
    plan = _plan(schema.Task.BINOMIAL, bins=5, missing=schema.Missing.DROP)
    table = _table(schema.Task.BINOMIAL, 200, 8, gaps=False)
    features = table.features.copy()
    features[:, 0] = np.random.default_rng(8).choice([-3.0, 0.0, 1.0, 2.0, 40.0], 200, p=[0.9, 0.02, 0.02, 0.03, 0.03])
    (edges,) = tree_bins.bins_of(_after(plan, records.Table(features, table.target), summed, rounds=2), [0]).edges
    assert np.allclose(edges, [-1.5, 0.5, 1.5, 21.0], atol=0.15)


def test_a_plan_of_categories_alone_is_learned(federate: Federate, summed: Summed) -> None:
    """Without a numeric column the first round has nothing to count, and trees isolate levels."""
    columns = schema.Schema((schema.category("ward", ["p", "q", "r"]),), TARGETS[schema.Task.BINOMIAL])
    plan = recipe.from_plan({"recipe": "trees", "schema": schema.to_document(columns), "trees": 30, "depth": 2})
    rng = np.random.default_rng(9)
    ward = rng.integers(0, 3, 300)
    table = records.Table(np.eye(3)[ward], np.where(ward == 1, rng.random(300) < 0.9, rng.random(300) < 0.1) * 1.0)
    outcome = federate(plan, _rows(_parts(table, 3)))
    probability = plan.predict(outcome.state, np.eye(3))[:, 1]
    shares = [table.target[ward == level].mean() for level in range(3)]
    assert np.allclose(probability, shares, atol=0.05)
    value = _after(plan, table, summed, rounds=1)
    cells = plan.learner.partial(value, table)
    assert plan.learner.withheld(value, cells, 5)["cells"].tolist() == cells["cells"].tolist() == [0.0]


def test_steps_split_on_drawn_columns_alone(federate: Federate) -> None:
    """A share of the columns is drawn anew for each step from the public seed; the others are not even sent."""
    plan = _plan(schema.Task.BINOMIAL, columns=0.34, trees=12)
    value = federate(plan, _rows(_parts(_table(schema.Task.BINOMIAL, 240, 10), 3))).state
    forest = tree_growing.forest_of(value)
    drawn = []
    for step in range(12):
        at = dataclasses.replace(value, arrays={**value.arrays, "progress": np.array([float(step), 0.0])})
        bins = plan.learner._bins(at)
        assert len(bins.columns) == 2
        assert set(forest.columns[step].tolist()) <= {tree_growing.NO_SPLIT, *bins.columns}
        drawn.append(bins.columns)
    assert len(set(drawn)) > 3
    again = federate(dataclasses.replace(plan, seed=2), _rows(_parts(_table(schema.Task.BINOMIAL, 240, 10), 3))).state
    assert not np.array_equal(again.arrays["tree_columns"], value.arrays["tree_columns"])


def test_growing_ends_where_nothing_gains(federate: Federate) -> None:
    """When no root can be split, no later tree could: the run ends there, and says that it converged."""
    plan = _plan(schema.Task.BINOMIAL, min_gain=1e6, trees=50)
    outcome = federate(plan, _rows(_parts(_table(schema.Task.BINOMIAL, 90, 11), 3)))
    assert outcome.state.reason is state.Reason.CONVERGED
    assert outcome.state.step == 2
    share = plan.predict(outcome.state, np.zeros((1, WIDTH)))[0, 1]
    assert share == pytest.approx(_table(schema.Task.BINOMIAL, 90, 11).target.mean(), abs=1e-3)


def test_predictions_of_a_number_stay_in_its_range(federate: Federate) -> None:
    """Leaves may add up beyond the declared range; what is predicted does not leave it."""
    plan = _plan(schema.Task.GAUSSIAN, trees=2)
    table = _table(schema.Task.GAUSSIAN, 120, 12)
    value = federate(plan, _rows(_parts(table, 3))).state
    wild = dataclasses.replace(value, arrays={**value.arrays, "tree_leaves": value.arrays["tree_leaves"] * 1e6})
    assert np.abs(plan.predict(wild, table.features)).max() == pytest.approx(50.0)


@hypothesis.given(seed=strategies.integers(0, 10_000), depth=strategies.integers(1, 5))
@hypothesis.settings(deadline=None, max_examples=30)
def test_rows_fall_through_a_tree_as_one_by_one(seed: int, depth: int) -> None:
    """Deciding all nodes for all rows at once gives each row the leaf that walking down the tree does."""
    rng = np.random.default_rng(seed)
    inner = 2**depth - 1
    columns = rng.integers(-1, 3, inner)
    forest = tree_growing.Forest(
        columns[None], rng.normal(size=(1, inner)), rng.random((1, inner)) < 0.5, np.zeros((1, 2**depth))
    )
    features = np.where(rng.random((40, 3)) < 0.2, np.nan, rng.normal(size=(40, 3)))
    position = forest.position(0, list(features.T), depth)
    for row, found in zip(features, position.tolist(), strict=True):
        node = 0
        for _ in range(depth):
            value = row[columns[node]]
            is_right = ~forest.gaps[0, node] if np.isnan(value) else value >= forest.edges[0, node]
            node = 2 * node + 1 + int(columns[node] >= 0 and is_right)
        assert found == node - inner


def test_what_grows_a_tree_uses_no_operation_whose_bytes_depend_on_the_cpu() -> None:
    """The split finder's source names no BLAS, LAPACK, libm or unordered reduction."""
    source = pathlib.Path(tree_growing.__file__).read_text().split('"""', 2)[2]
    for banned in (" @ ", ".dot(", ".sum(", "linalg", "einsum", "np.exp", "np.log", "math.log", "math.exp", " sum("):
        assert banned not in source


@hypothesis.given(strategies.floats(1e-300, 1e300))
def test_our_logarithm_is_the_logarithm(value: float) -> None:
    """It differs from libm's by rounding."""
    assert tree_growing.natural_log(value) == pytest.approx(math.log(value), rel=1e-14, abs=1e-15)


BAD_OPTIONS: dict[str, object] = {
    "trees": 0,
    "depth": 9,
    "learning_rate": 0.0,
    "bins": 1,
    "ridge": -1.0,
    "min_gain": float("nan"),
    "min_rows": 0.5,
    "columns": 1.5,
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options_are_named(name: str) -> None:
    """Every option out of its bounds is refused by its name."""
    with pytest.raises(errors.InputError, match=name):
        _plan(schema.Task.BINOMIAL, **{name: BAD_OPTIONS[name]})


def test_other_targets_are_refused() -> None:
    """Counts, times and plans without a target have other recipes."""
    counts = schema.Schema(FEATURES, schema.Target(schema.Task.POISSON, "y", lo=0.0, hi=9.0))
    for columns in (counts, schema.Schema(FEATURES, None)):
        with pytest.raises(errors.InputError, match="recipe"):
            recipe.from_plan({"recipe": "trees", "schema": schema.to_document(columns)})


def test_options_give_the_learner_back() -> None:
    """Every option is written out and read again."""
    made = trees.Trees(schema.Task.BINOMIAL, 7, 2, 0.5, 9, 2.0, 0.25, 3, 0.5)
    reader = fields.Fields({"recipe": "trees", **made.options()}, "recipe")
    reader.text("recipe")
    assert trees.from_options(schema.Schema(FEATURES, TARGETS[schema.Task.BINOMIAL]), reader) == made
    reader.close()


LARGE: dict[str, dict[str, object]] = {
    "nodes": {"trees": 10_000, "depth": 8},
    "bins": {"depth": 8, "bins": 256, "trees": 1},
}


@pytest.mark.parametrize("name", LARGE)
def test_too_large_models_are_refused(name: str) -> None:
    """A plan whose state or whose rounds would not fit is refused before it is published, with what to change."""
    features = tuple(schema.numeric(f"x{index}", 0.0, 1.0) for index in range(100))
    columns = schema.to_document(schema.Schema(features, TARGETS[schema.Task.MULTINOMIAL]))
    with pytest.raises(errors.InputError, match=name):
        recipe.from_plan({"recipe": "trees", "schema": columns, **LARGE[name]})


@pytest.mark.parametrize("task", trees.SOLVES)
def test_a_model_file_predicts_the_same(task: schema.Task, federate: Federate) -> None:
    """The trees travel in the model file: what is read from it predicts to the bit what was written."""
    plan = _plan(task, trees=2)
    table = _table(task, 120, 13)
    fitted = model.Model(plan, federate(plan, _rows(_parts(table, 3))).state)
    loaded = model.decode(model.encode(fitted))
    assert loaded.recipe == plan
    assert np.array_equal(loaded.predict(table.features), fitted.predict(table.features))


@pytest.mark.parametrize("number", [-7.0, 1e300, 2.5])
def test_a_made_up_model_file_predicts_something(number: float, federate: Federate) -> None:
    """Whatever numbers a foreign file holds, predicting neither fails nor reads beside the columns."""
    plan = _plan(schema.Task.BINOMIAL, trees=2)
    table = _table(schema.Task.BINOMIAL, 60, 14)
    value = federate(plan, _rows(_parts(table, 3))).state
    strange = {
        name: np.full_like(value.arrays[name], number) for name in value.arrays if name.startswith(("tree", "prog"))
    }
    made_up = dataclasses.replace(value, arrays={**value.arrays, **strange, "tree_leaves": value.arrays["tree_leaves"]})
    assert np.isfinite(model.decode(model.encode(model.Model(plan, made_up))).predict(table.features)).all()


def test_results_are_shown_in_the_plans_words(federate: Federate) -> None:
    """People read what each column gained, and the first tree leaf by leaf in names and units."""
    plan = _plan(schema.Task.GAUSSIAN, trees=3)
    table = _table(schema.Task.GAUSSIAN, 300, 15)
    value = federate(plan, _rows(_parts(table, 3))).state
    importance, first = plan.exhibits(value)
    assert isinstance(importance, exhibits.Exhibit)
    assert [name for name, *_ in importance.rows][:1] == ["score"]
    assert sum(share for _, _, share, _ in importance.rows) == pytest.approx(1.0)
    assert sum(splits for *_, splits in importance.rows) == (value.arrays["tree_columns"] >= 0).sum()
    words = " ".join(str(each) for _, each, _ in first.rows)
    assert "dose" in words
    assert "missing" in words
    grown = value.arrays["tree_leaves"][0] * value.arrays["target_scale"]
    assert {adds for *_, adds in first.rows} <= set(grown.tolist())


def test_no_site_sees_more_than_sums_of_open_nodes(summed: Summed) -> None:
    """A round asks for the nodes whose parents were split, and for nothing below a leaf."""
    plan = _plan(schema.Task.BINOMIAL, trees=2, min_rows=30)
    table = _table(schema.Task.BINOMIAL, 150, 16)
    for value in _states(plan, table, summed):
        if value.stage is not state.Stage.FIT or value.arrays["progress"][1] < 0:
            continue
        step, level = (int(each) for each in value.arrays["progress"])
        parents = value.arrays["tree_columns"][step, 2**level // 2 - 1 : 2**level - 1] if level else np.zeros(1)
        opened = 2 * int((parents >= 0).sum()) if level else 1
        bins = tree_bins.bins_of(value, range(WIDTH))
        assert {block.length for block in plan.learner.blocks(value)} == {opened * bins.words}


def test_description_counts_come_first(summed: Summed) -> None:
    """The first fit round counts rows in fine cells, and a gap is in none of them."""
    plan = _plan(schema.Task.BINOMIAL)
    table = _table(schema.Task.BINOMIAL, 80, 17)
    value = _after(plan, table, summed, rounds=1)
    cells = plan.learner.partial(value, table)["cells"].reshape(3, tree_bins.FINE_CELLS)
    assert cells.sum(axis=1).tolist() == (~np.isnan(table.features[:, [0, 4, 5]])).sum(axis=0).tolist()
    assert describe.BLOCK_NAME not in {block.name for block in plan.blocks(value)}
