"""Trees as flat arrays: how rows fall through them, and which split of a node is best by summed histograms.

Called by ``trees``. A tree of depth D has 2^D - 1 inner nodes in heap order (the children of node i are 2 i + 1 and 2 i + 2)
and 2^D leaves. A node without a split sends every row left, so that its value stands in the leftmost leaf below it. Gains and
leaf values are those of Chen and Guestrin (2016), equations 5 to 7; rows without a value go to the side where the gain is
larger (their algorithm 3). Left out: growing leaf by leaf, and categories split into sets of levels.

What ends up in the state (``best_split``, ``leaf_value``, ``natural_log``) uses + - * / and comparisons only, in a fixed order.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aicommons.learning import blocks, state
from aicommons.learning.learners import tree_bins

Vector = blocks.Vector
Turns = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.uint8]
MOST_DEPTH = 8
"""Positions within a level fit a byte."""
NO_SPLIT = -1
TIE = 1e-9
"""Relative: gains that differ by less are equal, and the first split in the order of columns and edges is taken. Twin splits
(both levels of a category with two) differ by rounding, about 1e-12."""
SMALLEST_CURVATURE = 2.0**-30
"""With ridge: below it a node has no curvature to speak of, and neither gain nor value."""
LARGEST_STEP = 8.0
"""Of a leaf before the learning rate, in logits: where nearly all rows are certain, curvature says nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Forest:
    """Trees of one depth; row t * outputs + k is output k's tree of step t."""

    columns: npt.NDArray[np.intp]
    """[trees, 2^D - 1]: what each node looks at, ``NO_SPLIT`` where it has no split."""
    edges: state.Array
    """[trees, 2^D - 1]: smaller values go left, in the column's unit."""
    gaps: Turns
    """[trees, 2^D - 1]: whether rows without a value go left."""
    leaves: state.Array
    """[trees, 2^D]: what each leaf adds to a score."""

    @property
    def depth(self) -> int:
        """Levels of inner nodes."""
        return int(self.leaves.shape[1]).bit_length() - 1

    def position(self, tree: int, columns: Sequence[Vector], levels: int) -> Positions:
        """Return where each row is after so many ``levels`` of a tree: 0 to 2^levels - 1 from left to right.

        All nodes of a level are compared with all rows, and the answers of those that a row did not reach are put aside bit
        by bit: three times faster than looking each row's own node up.
        """
        position: Positions = np.zeros(len(columns[0]), dtype=np.uint8)
        path: list[Turns] = []
        # Lists: looking single numbers up in arrays would take as long as the comparisons.
        nodes = list(zip(*(each[tree].tolist() for each in (self.columns, self.edges, self.gaps)), strict=True))
        for level in range(levels):
            answers = [_goes_right(node, columns) for node in nodes[2**level - 1 : 2 ** (level + 1) - 1]]
            for turn in reversed(path):
                pairs = zip(answers[::2], answers[1::2], strict=True)
                answers = [_chosen(turn, left, right) for left, right in pairs]
            (answer,) = answers
            if answer is None:
                answer = np.zeros(len(position), dtype=np.bool_)
            position += position
            position += answer.view(np.uint8)
            path.append(answer)
        return position

    def scores(self, columns: Sequence[Vector], base: Vector, trees: int) -> state.Array:
        """Return float64[n, outputs]: ``base`` [outputs] and what the first ``trees`` trees add to it."""
        scores = np.tile(base, (len(columns[0]), 1)).T.copy()
        for tree in range(trees):
            scores[tree % len(base)] += self.leaves[tree].take(self.position(tree, columns, self.depth))
        return scores.T

    def open_nodes(self, tree: int, level: int) -> list[int]:
        """Return the positions in ``level`` whose parent has a split, so that they may be split in turn."""
        if level == 0:
            return [0]
        parents = self.columns[tree, 2 ** (level - 1) - 1 : 2**level - 1]
        return [place for place in range(2**level) if parents[place // 2] != NO_SPLIT]


def _goes_right(node: tuple[int, float, bool], columns: Sequence[Vector]) -> Turns | None:
    """Return bool[n] for a node's column, edge and side of gaps; None where all go left. A gap compares false with every edge."""
    column, edge, is_gap_left = node
    if column == NO_SPLIT:
        return None
    values = columns[column]
    return values >= edge if is_gap_left else ~(values < edge)


def _chosen(turn: Turns, left: Turns | None, right: Turns | None) -> Turns | None:
    """Return ``right`` where ``turn`` is True, else ``left``."""
    if left is None and right is None:
        return None
    if right is None:
        return left & ~turn if left is not None else None
    return right & turn if left is None else left ^ ((left ^ right) & turn)


def forest_of(value: state.State) -> Forest:
    """Return the trees of a state. Numbers that a foreign file made up become some column or none: predicting cannot fail."""
    width = len(value.arrays["gains"])
    columns = np.clip(value.arrays["tree_columns"], NO_SPLIT, width - 1).astype(np.intp)
    arrays = value.arrays
    return Forest(columns, arrays["tree_edges"], arrays["tree_gaps"] > 0.0, arrays["tree_leaves"])


def initial_arrays(trees: int, depth: int) -> dict[str, state.Array]:
    """Return the arrays of ``forest_of`` for so many trees without a split."""
    inner = (trees, 2**depth - 1)
    return {
        "tree_columns": np.full(inner, float(NO_SPLIT)),
        "tree_edges": np.zeros(inner),
        "tree_gaps": np.zeros(inner),
        "tree_leaves": np.zeros((trees, 2**depth)),
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What a split is judged by."""

    ridge: float
    """Added to every curvature (lambda)."""
    min_rows: int
    """Fewest rows of a leaf, over all sites."""
    min_gain: float
    """A split gains more than this (gamma)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sums:
    """Of the rows in a node or cell, over all sites."""

    gradient: float
    curvature: float


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """The best split of a node."""

    column: int
    """Place among the plan's columns."""
    edge: float
    """Smaller values go left, in the column's unit."""
    gap_left: bool
    """Whether rows without a value go left; where the node has none, they follow the larger side."""
    gain: float
    """By how much the objective falls."""
    left: Sums
    right: Sums


@dataclasses.dataclass(frozen=True, slots=True)
class Sides:
    """One kind of sum, of one node."""

    left: state.Array
    """[columns, most edges]: left of each edge, without the gap."""
    gap: state.Array
    """[columns, 1]: of the rows without a value."""
    total: state.Array
    """[columns, 1]: of all rows."""


def sides_of(dense: state.Array, bins: tree_bins.Bins) -> list[Sides]:
    """Return the sums of each of n nodes, added from left to right, of float64[n, columns, most bins] as ``Bins.dense`` gives them."""
    running = np.empty_like(dense)
    sofar = np.zeros(dense.shape[:2])
    for place in range(dense.shape[2]):
        sofar = sofar + dense[:, :, place]
        running[:, :, place] = sofar
    gap = np.zeros((*dense.shape[:2], 1))
    for column, has_gap in enumerate(bins.has_gap):
        if has_gap:
            gap[:, column, 0] = dense[:, column, len(bins.edges[column]) + 1]
    return [Sides(running[node, :, :-1], gap[node], sofar[node, :, None]) for node in range(len(dense))]


def best_split(sides: Sequence[Sides], bins: tree_bins.Bins, terms: Terms) -> Split | None:
    """Return the split of one node that gains most, or None if none gains more than ``terms.min_gain``.

    Args:
        sides: gradient, curvature and rows, of ``sides_of`` for this node.
        bins: how the columns are cut.
        terms: what a split is judged by.
    """
    gains, largest = _gains(sides, bins, terms)
    flat = gains.ravel()
    best = float(flat.max(initial=0.0))
    # A gain that is rounding of the node's own score is none.
    if not best > max(terms.min_gain, TIE * largest):
        return None
    place, side = divmod(int((flat >= best - TIE * best).argmax()), 2)
    column, edge = divmod(place, gains.shape[1])
    below = [float(each.left[column, edge] + (each.gap[column, 0] if side else 0.0)) for each in sides]
    whole = [float(each.total[column, 0]) for each in sides]
    has_gap = float(sides[-1].gap[column, 0]) > 0.0
    return Split(
        column=bins.columns[column],
        edge=float(bins.edges[column][edge]),
        gap_left=side == 1 if has_gap else 2.0 * below[2] >= whole[2],
        gain=best,
        left=Sums(below[0], below[1]),
        right=Sums(whole[0] - below[0], whole[1] - below[1]),
    )


def _gains(sides: Sequence[Sides], bins: tree_bins.Bins, terms: Terms) -> tuple[state.Array, float]:
    """Return the gain of every split [columns, most edges, 2] and the largest score of the node itself.

    The last axis says whether rows without a value go right or left; splits that are not allowed gain 0.
    """
    gradient, curvature, rows = sides
    parent = _score(gradient.total, curvature.total, terms.ridge)
    edge_count = np.array([len(edges) for edges in bins.edges])
    is_edge = np.arange(rows.left.shape[1]) < edge_count[:, None]
    gains = np.zeros((*rows.left.shape, 2))
    for side in range(2):
        g, h, n = (each.left + each.gap if side else each.left for each in sides)
        right = _score(gradient.total - g, curvature.total - h, terms.ridge)
        gain = (_score(g, h, terms.ridge) + right - parent) / 2.0
        is_allowed = is_edge & (n >= terms.min_rows) & (rows.total - n >= terms.min_rows)
        gains[:, :, side] = np.where(is_allowed, gain, 0.0)
    return gains, float(parent.max(initial=0.0))


def total(sides: Sequence[Sides]) -> Sums:
    """Return a node's sums of gradient and curvature, from the bins of its first column."""
    return Sums(float(sides[0].total[0, 0]), float(sides[1].total[0, 0]))


def leaf_value(sums: Sums, ridge: float) -> float:
    """Return -G / (H + ridge): the value at which the objective of a leaf is smallest; 0 without curvature."""
    weight = max(sums.curvature, 0.0) + ridge
    return 0.0 if weight < SMALLEST_CURVATURE else -sums.gradient / weight


def _score(gradient: state.Array, curvature: state.Array, ridge: float) -> state.Array:
    """Return G^2 / (H + ridge): twice what a leaf with these sums takes off the objective; 0 without curvature."""
    weight = np.maximum(curvature, 0.0) + ridge
    is_some = weight >= SMALLEST_CURVATURE
    score: state.Array = np.where(is_some, gradient * gradient / np.where(is_some, weight, 1.0), 0.0)
    return score


_LN_2 = 0.6931471805599453
_LOG_TERMS = 12
"""The series' 12th term is below 2^-60 for numbers between sqrt(1/2) and sqrt(2)."""


def natural_log(value: float) -> float:
    """Return ln ``value`` (above 0) to about 1e-15 by + - * / alone: libm's last bit differs between platforms.

    ``math.frexp`` takes the number apart exactly; then ln m = 2 artanh((m - 1) / (m + 1)) by its power series.
    """
    mantissa, exponent = math.frexp(value)
    if mantissa * mantissa < 0.5:
        mantissa, exponent = 2.0 * mantissa, exponent - 1
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square, power, series = ratio * ratio, ratio, 0.0
    for term in range(_LOG_TERMS):
        series += power / (2 * term + 1)
        power *= square
    return 2.0 * series + exponent * _LN_2
