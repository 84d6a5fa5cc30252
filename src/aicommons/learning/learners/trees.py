"""Gradient-boosted decision trees on summed histograms: sites send gradient, curvature and rows per node, column and bin.

Newton boosting as in XGBoost (Chen and Guestrin 2016) on binned columns as in LightGBM (Ke et al. 2017), for two classes,
several classes (one tree per class and step) and numbers. The first round finds bin edges (``tree_bins``), then every round
grows one level of the current trees (``tree_growing``): the last level's histograms also give the leaves, so that a tree of
depth D takes D rounds, and all classes' trees grow side by side. A learner of the ``Additive`` kind, made by ``recipe``.

It sees raw columns: trees are the same for any increasing change of a column. A category's levels are columns of 0 or 1, and a
split isolates one level; that is enough, because further splits isolate further ones. Sites compute scores of finished trees
anew in every round, and keep nothing. Left out: sampling of rows, early stopping (a plan's ``trees`` is what is grown), leaves
beyond one depth, counts (poisson).
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, caps, combine, exhibits, learner, records, state
from aicommons.learning.learners import tree_bins, tree_growing, tree_tables

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Encoding = blocks.Encoding
Exhibit = exhibits.Exhibit
SOLVES = (schema.Task.BINOMIAL, schema.Task.GAUSSIAN, schema.Task.MULTINOMIAL)
MOST_NODES = 2**18
"""Of all trees together: the state, which every round hands on, stays below 8 MB."""
MOST_CELLS = 2**22
"""Of one round's histograms, three sums in each: at most 100 MB masked, and twice that while splits are looked for."""
CAP_MARGIN = 1.25
"""Over a bound that holds up to rounding; a power of two follows anyway."""
CELLS, GRADIENT, CURVATURE, ROWS = "cells", "gradient", "curvature", "rows"
_SUMMED = (GRADIENT, CURVATURE, ROWS)


@dataclasses.dataclass(frozen=True, slots=True)
class _Node:
    """One node that is to be split next."""

    tree: int
    """Its row among the forest's arrays."""
    output: int
    """The class that its tree is for, 0 where there is one output."""
    place: int
    """Position in its level, from left to right."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trees:
    """The learner; its fields are the plan's options."""

    task: schema.Task
    """Which loss."""
    trees: int = 100
    """Boosting steps; with several classes each is one tree per class."""
    depth: int = 4
    """Levels of splits, and rounds per step."""
    learning_rate: float = 0.1
    """What of a leaf's value is added to the scores."""
    bins: int = 32
    """Most bins of a column, that of its gaps aside."""
    ridge: float = 1.0
    """Added to a node's curvature (lambda)."""
    min_gain: float = 0.0
    """A split takes more than this off the objective (gamma)."""
    min_rows: int = 20
    """Fewest rows of a leaf, over all sites."""
    columns: float = 1.0
    """Share of the columns that each step may split on, drawn from the plan's seed."""

    takes_raw: ClassVar[Literal[True]] = True
    combiner = combine.SPLIT_FINDER
    word_bits = 64

    @property
    def most_steps(self) -> int:
        """Fit rounds that it takes at most: one for the edges, then one per level of every step."""
        return 1 + self.trees * self.depth

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the learner back."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "task"}

    def check_size(self, plan: schema.Schema) -> None:
        """Check that the state can hold the trees, and a round their histograms.

        Raises:
            errors.InputError: too many nodes, or too many bins in the nodes of one level.
        """
        nodes = self.trees * plan.outputs * 2**self.depth
        is_cut = any(each.kind is schema.Kind.NUMERIC for each in plan.features)
        cells = plan.outputs * 2 ** (self.depth - 1) * plan.width * (self.bins + 2 if is_cut else 2)
        for what, most, got in (
            ("nodes in all trees", MOST_NODES, nodes),
            ("bins in a level's nodes", MOST_CELLS, cells),
        ):
            if got > most:
                raise errors.InputError(
                    f"the model has too many {what}",
                    which="recipe trees",
                    expected=f"at most {most}",
                    got=got,
                    next_step="Choose a smaller depth, fewer trees or bins, or leave out columns.",
                )

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return trees without splits; ``seed`` draws the columns of each step."""
        arrays = {
            **tree_growing.initial_arrays(self.trees * plan.outputs, self.depth),
            **tree_bins.initial_arrays(plan, self.bins),
            "base": np.zeros(plan.outputs),
            "gains": np.zeros(plan.width),
            "splits": np.zeros(plan.width),
            "highest": np.array([column.hi for column in plan.columns]),
            "progress": np.array([0.0, -1.0]),
            "seed": np.array([float(seed)]),
        }
        if self.task is schema.Task.GAUSSIAN and plan.target is not None:
            column = plan.target.column()
            arrays["target_range"] = np.array([column.lo, column.hi])
        return state.State(state.Stage.FIT, 0, arrays)

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return the counts in fine cells, then in each round the sums per open node and bin."""
        rows = float(value.arrays["rows"][0])
        cap = caps.power_of_two(max(rows, 1.0))
        if _level(value) < 0:
            length = max(1, tree_bins.FINE_CELLS * len(tree_bins.uncut(value)))
            return (Block(CELLS, length, cap, Encoding.INTEGER),)
        length = len(_nodes(value)) * self._bins(value).words
        reach = 1.0
        if self.task is schema.Task.GAUSSIAN:
            lo, hi = _standardised_range(value)
            reach = hi - lo
        gradient = Block(GRADIENT, length, caps.power_of_two(CAP_MARGIN * rows * reach), Encoding.BOUNDED)
        counted = Block(ROWS, length, cap, Encoding.INTEGER)
        if self.task is schema.Task.GAUSSIAN:
            return (gradient, counted)
        curvature = Block(CURVATURE, length, caps.power_of_two(CAP_MARGIN * rows / 4.0), Encoding.BOUNDED)
        return (gradient, curvature, counted)

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return the counts in fine cells, or gradient, curvature and rows of each open node's bins, node after node."""
        if _level(value) < 0:
            cells = tree_bins.fine_cells(value, table.features)
            return {CELLS: cells if len(cells) else np.zeros(1)}
        columns = list(np.ascontiguousarray(table.features.T))
        gradient, curvature = self._derivatives(value, self._totals(value, columns), table.target)
        bins = self._bins(value)
        codes = bins.codes(columns)
        parts = [
            self._histograms(value, nodes, (columns, codes), (gradient[:, output], curvature[:, output]))
            for output, nodes in _by_output(value)
        ]
        sums = {name: np.concatenate(each) for name, each in zip(_SUMMED, zip(*parts, strict=True), strict=True)}
        if self.task is schema.Task.GAUSSIAN:
            del sums[CURVATURE]
        return sums

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the state with the edges, or with one more level of the current trees."""
        if _level(value) < 0:
            edges = tree_bins.edges_from_cells(value, sums[CELLS], value.arrays["highest"])
            arrays = {**value.arrays, **edges, "base": self._base(value), "progress": np.zeros(2)}
            return dataclasses.replace(value, step=value.step + 1, arrays=arrays)
        level = _level(value)
        grown = {name: value.arrays[name].copy() for name in _GROWING}
        bins = self._bins(value)
        flat = {name: vector.reshape(-1, bins.words) for name, vector in sums.items() if name in _SUMMED}
        flat.setdefault(CURVATURE, flat[ROWS])
        sides = zip(*(tree_growing.sides_of(bins.dense(flat[name]), bins) for name in _SUMMED), strict=True)
        for node, found in zip(_nodes(value), sides, strict=True):
            self._grow(grown, (node, level), found, bins)
        return self._advanced(dataclasses.replace(value, step=value.step + 1, arrays={**value.arrays, **grown}))

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return logits or standardised predictions for raw ``features``, from the trees that are finished."""
        scores = self._totals(value, list(np.ascontiguousarray(features.T)))
        if self.task is schema.Task.MULTINOMIAL:
            return scores
        return _within(value, scores[:, 0]) if self.task is schema.Task.GAUSSIAN else scores[:, 0]

    def withheld(self, value: state.State, sums: Contribution, minimum: int) -> Contribution:
        """Return one site's sums without cells of 1 to ``minimum`` - 1 rows, which are joined to the next cell of their column.

        Zeroing them would make a column's sums disagree with those of the others; joining keeps every node's sums the same
        for all columns, unless the node has fewer rows than that: then it is all 0.
        """
        if _level(value) < 0:
            cells = sums[CELLS]
            if not len(tree_bins.uncut(value)):
                return sums
            return {CELLS: tree_bins.joined_up(cells.reshape(-1, tree_bins.FINE_CELLS), (), minimum)[0].ravel()}
        bins = self._bins(value)
        names = [name for name in sums if name != ROWS]
        dense = {name: bins.dense(vector.reshape(-1, bins.words)) for name, vector in sums.items()}
        flat = {name: each.reshape(-1, each.shape[2]) for name, each in dense.items()}
        rows, others = tree_bins.joined_up(flat[ROWS], [flat[name] for name in names], minimum)
        column, place = bins.places()
        joined = {ROWS: rows, **dict(zip(names, others, strict=True))}
        return {name: each.reshape(dense[name].shape)[:, column, place].ravel() for name, each in joined.items()}

    def exhibits(self, plan: schema.Schema, value: state.State) -> tuple[Exhibit, ...]:
        """Return what each column gained, and the first tree in words."""
        return tree_tables.exhibits_of(plan, value)

    def _totals(self, value: state.State, columns: Sequence[Vector]) -> state.Array:
        """Return float64[n, outputs]: the scores by all finished trees."""
        base = value.arrays["base"]
        forest = tree_growing.forest_of(value)
        finished = min(max(int(value.arrays["progress"][0]), 0) * len(base), len(forest.leaves))
        return forest.scores(columns, base, finished)

    def _derivatives(self, value: state.State, scores: state.Array, target: Vector) -> tuple[state.Array, state.Array]:
        """Return gradient and curvature of the loss by each score, float64[n, outputs] both."""
        if self.task is schema.Task.GAUSSIAN:
            return _within(value, scores) - _within(value, target)[:, None], np.ones_like(scores)
        if self.task is schema.Task.BINOMIAL:
            p = 1.0 / (1.0 + np.exp(-np.clip(scores, -500.0, 500.0)))
            return p - target[:, None], p * (1.0 - p)
        p = np.exp(scores - np.logaddexp.reduce(scores, axis=1)[:, None])
        return p - (np.arange(p.shape[1]) == target[:, None]), p * (1.0 - p)

    def _histograms(
        self,
        value: state.State,
        nodes: Sequence[_Node],
        rows: tuple[Sequence[Vector], Sequence[tree_bins.Codes]],
        derivatives: tuple[Vector, Vector],
    ) -> list[Vector]:
        """Return gradient, curvature and rows of one output's ``nodes``, each flat; ``rows`` are columns and bins."""
        bins = self._bins(value)
        if not nodes:
            return [np.zeros(0)] * 3
        columns, codes = rows
        level = _level(value)
        slots = np.full(2**level, -1)
        slots[[node.place for node in nodes]] = range(len(nodes))
        slot = slots[tree_growing.forest_of(value).position(nodes[0].tree, columns, level)]
        weights = derivatives
        if len(nodes) < 2**level:
            is_open = slot >= 0
            slot, codes = slot[is_open], [code[is_open] for code in codes]
            weights = (weights[0][is_open], weights[1][is_open])
        # Of a number the curvature is 1 per row, and is not sent.
        curvature = None if self.task is schema.Task.GAUSSIAN else weights[1]
        found = bins.histograms(codes, slot, len(nodes), (weights[0], curvature, None))
        return [each.ravel() for each in found]

    def _bins(self, value: state.State) -> tree_bins.Bins:
        """Return the columns of the current step."""
        width = len(value.arrays["gains"])
        if self.columns == 1.0:
            return tree_bins.bins_of(value, range(width))
        chosen = max(1, round(self.columns * width))
        name = f"{int(value.arrays['seed'][0])} {int(value.arrays['progress'][0])} "
        # Hashes and not a generator of NumPy's, whose draws may change with its version.
        drawn = sorted(range(width), key=lambda column: hashlib.sha256(f"{name}{column}".encode()).digest())
        return tree_bins.bins_of(value, sorted(drawn[:chosen]))

    def _base(self, value: state.State) -> Vector:
        """Return the scores before the first tree [outputs]: those of the classes' shares; a standardised number's is 0."""
        if self.task is schema.Task.GAUSSIAN:
            return np.zeros(1)
        # Half a row for a class of which nobody has any.
        logs = [tree_growing.natural_log(max(rows, 0.5)) for rows in value.arrays["class_rows"].tolist()]
        if self.task is schema.Task.BINOMIAL:
            return np.array([logs[1] - logs[0]])
        whole = tree_growing.natural_log(float(value.arrays["rows"][0]))
        return np.array([log - whole for log in logs])

    def _grow(
        self,
        grown: Mapping[str, state.Array],
        at: tuple[_Node, int],
        sides: Sequence[tree_growing.Sides],
        bins: tree_bins.Bins,
    ) -> None:
        """Write the best split of one node into the arrays ``grown``, or its value where it has none."""
        node, level = at
        terms = tree_growing.Terms(self.ridge, self.min_rows, self.min_gain)
        split = tree_growing.best_split(sides, bins, terms)
        # Leaves below the node: from ``first``, half of them on either side.
        first, half = node.place << (self.depth - level), 1 << (self.depth - level - 1)
        if split is None:
            grown["tree_leaves"][node.tree, first] = self._leaf(tree_growing.total(sides))
            return
        heap = 2**level - 1 + node.place
        grown["tree_columns"][node.tree, heap] = float(split.column)
        grown["tree_edges"][node.tree, heap] = split.edge
        grown["tree_gaps"][node.tree, heap] = 1.0 if split.gap_left else 0.0
        grown["gains"][split.column] += split.gain
        grown["splits"][split.column] += 1.0
        if level == self.depth - 1:
            grown["tree_leaves"][node.tree, first] = self._leaf(split.left)
            grown["tree_leaves"][node.tree, first + half] = self._leaf(split.right)

    def _leaf(self, sums: tree_growing.Sums) -> float:
        """Return what a leaf adds to a score."""
        step = tree_growing.leaf_value(sums, self.ridge)
        if self.task is not schema.Task.GAUSSIAN:
            step = min(max(step, -tree_growing.LARGEST_STEP), tree_growing.LARGEST_STEP)
        return self.learning_rate * step

    def _advanced(self, value: state.State) -> state.State:
        """Return ``value`` at its next level, at the next step's root, or final."""
        done, level = value.arrays["progress"].tolist()
        deeper = _at(value, done, level + 1.0)
        if level + 1.0 < self.depth and _nodes(deeper):
            return deeper
        moved = _at(value, done + 1.0, 0.0)
        outputs = len(value.arrays["base"])
        roots = value.arrays["tree_columns"][int(done) * outputs : (int(done) + 1) * outputs, 0]
        if done + 1.0 >= self.trees:
            return dataclasses.replace(moved, stage=state.Stage.EVALUATE, reason=state.Reason.STEPS_DONE)
        if self.columns == 1.0 and (roots == tree_growing.NO_SPLIT).all():
            return dataclasses.replace(moved, stage=state.Stage.EVALUATE, reason=state.Reason.CONVERGED)
        return moved


_GROWING = ("tree_columns", "tree_edges", "tree_gaps", "tree_leaves", "gains", "splits")
"""The arrays that a level changes."""


def from_options(plan: schema.Schema, reader: fields.Fields) -> Trees:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: another kind of target; an option of a wrong type or out of range.
    """
    task = learner.check_task(plan, reader, SOLVES)
    default = Trees(task)
    return Trees(
        task,
        trees=reader.whole_within("trees", 1, 10_000, default=default.trees),
        depth=reader.whole_within("depth", 1, tree_growing.MOST_DEPTH, default=default.depth),
        learning_rate=reader.number_within("learning_rate", 1e-6, 1.0, default=default.learning_rate),
        bins=reader.whole_within("bins", 2, 256, default=default.bins),
        ridge=reader.number_within("ridge", 0.0, 1e9, default=default.ridge),
        min_gain=reader.number_within("min_gain", 0.0, 1e9, default=default.min_gain),
        min_rows=reader.whole_within("min_rows", 1, 1_000_000, default=default.min_rows),
        columns=reader.number_within("columns", 0.001, 1.0, default=default.columns),
    )


def _level(value: state.State) -> int:
    """Return the level that is grown next; -1 before the edges are known."""
    return int(value.arrays["progress"][1])


def _at(value: state.State, done: float, level: float) -> state.State:
    """Return ``value`` with so many steps done and this level to grow."""
    return dataclasses.replace(value, arrays={**value.arrays, "progress": np.array([done, level])})


def _by_output(value: state.State) -> Iterator[tuple[int, list[_Node]]]:
    """Yield each output with the open nodes of its tree at the current level, from left to right."""
    outputs = len(value.arrays["base"])
    forest = tree_growing.forest_of(value)
    for output in range(outputs):
        tree = int(value.arrays["progress"][0]) * outputs + output
        yield output, [_Node(tree, output, place) for place in forest.open_nodes(tree, _level(value))]


def _nodes(value: state.State) -> list[_Node]:
    """Return the open nodes of all outputs, in the order of a contribution."""
    return [node for _, nodes in _by_output(value) for node in nodes]


def _standardised_range(value: state.State) -> tuple[float, float]:
    """Return the declared range of a number, standardised as the targets are."""
    lo, hi = ((value.arrays["target_range"] - value.arrays["target_mean"]) / value.arrays["target_scale"]).tolist()
    return lo, hi


def _within(value: state.State, numbers: state.Array) -> state.Array:
    """Return ``numbers`` held within the target's declared range: so no residual is wider than it."""
    lo, hi = _standardised_range(value)
    return np.clip(numbers, lo, hi)
