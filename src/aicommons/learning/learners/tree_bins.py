"""How columns are cut into bins before trees are grown on them, and the histograms over these bins.

Edges are quantiles of all sites' training rows, read from one round of counts in fine cells: ``FINE_CELLS`` per numeric column,
narrow around the column's mean and ever wider further out, so that a range declared much too wide costs nothing and no
outlier falls outside. A category's columns of 0 or 1 have one edge. Called by ``trees``; which split is best is for
``tree_growing``. Left out: sketches that adapt to a column's distribution (one round of fixed cells is enough here).

What ends up in the state (``edges_from_cells``) uses + - * /, comparisons and counting of whole numbers only.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aicommons.domain import schema
from aicommons.learning import blocks, state

Vector = blocks.Vector
Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
FINE_CELLS = 1024
"""Per numeric column; a cell is 0.002 standard deviations wide at the mean, 0.03 three deviations away."""
LEVEL_EDGE = 0.5
"""Between the 0 and the 1 of a category's column."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bins:
    """Some columns and how each is cut; bins of one column, then its gap bin if it has one, then the next column's."""

    columns: tuple[int, ...]
    """Places among the plan's columns, ascending."""
    edges: tuple[Vector, ...]
    """Of each column, ascending, in its unit; bin b holds the values x with edge b - 1 <= x < edge b."""
    has_gap: tuple[bool, ...]
    """Of each column, whether rows without a value have a bin of their own, after the others."""

    @property
    def sizes(self) -> list[int]:
        """Number of bins of each column, the gap's included."""
        return [len(edges) + 1 + has_gap for edges, has_gap in zip(self.edges, self.has_gap, strict=True)]

    @property
    def words(self) -> int:
        """Number of bins of all columns."""
        return sum(self.sizes)

    def places(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return, for each bin of a flat histogram, its column's place among ``columns`` and its own within the column."""
        sizes = np.array(self.sizes)
        starts = np.array([0, *itertools.accumulate(self.sizes)][:-1])
        column = np.repeat(np.arange(len(sizes)), sizes)
        return column, np.arange(self.words) - starts[column]

    def codes(self, features: Sequence[Vector]) -> list[Codes]:
        """Return the bin of every row in each column, from all of the plan's columns of a table."""
        return [
            _codes(features[column], edges, has_gap=has_gap)
            for column, edges, has_gap in zip(self.columns, self.edges, self.has_gap, strict=True)
        ]

    def dense(self, flat: state.Array) -> state.Array:
        """Return float64[n, columns, most bins] of n flat histograms float64[n, words]; 0 where a column has fewer bins."""
        spread = np.zeros((len(flat), len(self.columns), max(self.sizes)))
        column, place = self.places()
        spread[:, column, place] = flat
        return spread

    def histograms(
        self, codes: Sequence[Codes], slot: npt.NDArray[np.intp], slots: int, weights: Sequence[Vector | None]
    ) -> list[state.Array]:
        """Return float64[slots, words] for each of ``weights``: its sum per node and bin, or the rows where it is None.

        Args:
            codes: of each column, the bin of each row.
            slot: the node that each row is in, 0 to ``slots`` - 1.
            slots: how many nodes there are.
            weights: what is added up, one number per row.
        """
        found = [np.empty((slots, self.words)) for _ in weights]
        start = 0
        for size, code in zip(self.sizes, codes, strict=True):
            cell = slot * size + code
            for out, weight in zip(found, weights, strict=True):
                counted = np.bincount(cell, weight, minlength=slots * size)
                out[:, start : start + size] = counted.reshape(slots, size)
            start += size
        return found


def _codes(values: Vector, edges: Vector, *, has_gap: bool) -> Codes:
    """Return the bin of each value. One comparison per edge is several times faster than a binary search per value."""
    kind = np.uint8 if len(edges) < 255 else np.uint16
    code: Codes = np.zeros(len(values), dtype=kind)  # type: ignore[assignment]  # mypy joins both to their base
    for edge in edges.tolist():
        code += (values >= edge).view(np.uint8)
    if has_gap:
        code[np.isnan(values)] = len(edges) + 1
    return code


def initial_arrays(plan: schema.Schema, bins: int) -> dict[str, state.Array]:
    """Return the arrays of ``bins_of`` before any edge of a numeric column is known.

    ``edges`` [width, bins], of which the first ``edge_count`` [width] of each column count, and ``gaps`` [width], 1 where a
    value may be missing.
    """
    is_level = [feature.kind is schema.Kind.CATEGORY for feature in plan.features for _ in feature.columns()]
    has_gap = [plan.missing is schema.Missing.FILL and not each for each in is_level]
    edges = np.zeros((plan.width, bins))
    edges[is_level, 0] = LEVEL_EDGE
    return {"edges": edges, "edge_count": np.array(is_level, dtype=np.float64), "gaps": np.array(has_gap, np.float64)}


def uncut(value: state.State) -> npt.NDArray[np.intp]:
    """Return the columns whose edges are not known yet: the numeric ones, before the round that counts them."""
    return np.flatnonzero(value.arrays["edge_count"] == 0.0)


def bins_of(value: state.State, columns: Sequence[int]) -> Bins:
    """Return how ``columns`` are cut."""
    counts, gaps, edges = (value.arrays[name] for name in ("edge_count", "gaps", "edges"))
    return Bins(
        columns=tuple(columns),
        edges=tuple(edges[column, : int(counts[column])] for column in columns),
        has_gap=tuple(bool(gaps[column] > 0.0) for column in columns),
    )


def fine_cells(value: state.State, features: state.Array) -> Vector:
    """Return the rows of raw ``features`` in each fine cell of each uncut column, column after column; gaps are in none."""
    columns = uncut(value)
    units = (features[:, columns] - value.arrays["mean"][columns]) / value.arrays["scale"][columns]
    places = np.floor((units / (1.0 + np.abs(units)) + 1.0) * (FINE_CELLS / 2))
    cells = [
        np.bincount(np.clip(place[~np.isnan(place)], 0, FINE_CELLS - 1).astype(np.intp), minlength=FINE_CELLS)
        for place in places.T
    ]
    return np.concatenate([np.zeros(0), *cells])


def edges_from_cells(value: state.State, cells: Vector, plan_hi: Vector) -> dict[str, state.Array]:
    """Return ``edges`` and ``edge_count`` with those of the uncut columns, from all sites' rows in their fine cells.

    A column that may have gaps gets one more edge, above its declared range (``plan_hi`` [width]): the split at it tells
    rows with a value from those without.
    """
    edges, counts = value.arrays["edges"].copy(), value.arrays["edge_count"].copy()
    most = edges.shape[1] - 1
    bounds = _unit_bounds()
    columns = uncut(value)
    for column, rows in zip(columns.tolist(), cells[: len(columns) * FINE_CELLS].reshape(-1, FINE_CELLS), strict=True):
        units = _cuts(rows, bounds, most)
        found = value.arrays["mean"][column] + value.arrays["scale"][column] * units
        if value.arrays["gaps"][column] > 0.0:
            top = min(math.nextafter(float(plan_hi[column]), math.inf), np.finfo(np.float64).max)
            found = np.concatenate([found[found < top], [top]])
        edges[column, : len(found)] = found
        counts[column] = len(found)
    return {"edges": edges, "edge_count": counts}


def _unit_bounds() -> Vector:
    """Return where the fine cells begin, in standard deviations from the mean; the first has no beginning and says 0."""
    t = np.arange(1, FINE_CELLS) / (FINE_CELLS / 2) - 1.0
    return np.concatenate([[0.0], t / (1.0 - np.abs(t))])


def _cuts(rows: Vector, bounds: Vector, most: int) -> Vector:
    """Return at most ``most`` cuts: between all cells that have rows if they are few enough, else at quantiles.

    A cut lies in the middle of the empty cells between two that have rows, so that values seen nowhere go to the nearer.
    """
    used = np.flatnonzero(rows > 0.0)
    if len(used) <= 1:
        return np.zeros(0)
    last = used[:-1]
    if len(last) > most:
        # Whole numbers below 2^53: exact in whatever order they are added.
        below = np.cumsum(rows[used])
        wanted = np.arange(1, most + 1) * below[-1] / (most + 1)
        chosen = np.unique(np.searchsorted(below, wanted, side="left"))
        last = used[chosen[chosen < len(used) - 1]]
    following = used[np.searchsorted(used, last, side="right")]
    return (bounds[last + 1] + bounds[following]) / 2.0


def joined_up(
    counts: state.Array, others: Sequence[state.Array], minimum: int
) -> tuple[state.Array, list[state.Array]]:
    """Return histograms in which no cell has 1 to ``minimum`` - 1 rows: small cells are joined to the next ones.

    A cell collects its rows from left to right until it has ``minimum``; what is left at the end joins the last that had
    enough, and where all cells together have too few rows all are 0. So sums over a whole histogram stay what they are.

    Args:
        counts: float64[n, cells]: rows in each cell of n histograms.
        others: what else is added up over the same cells.
        minimum: fewest rows of a cell that is not empty.
    """
    found = [np.zeros_like(each) for each in (counts, *others)]
    carried = [np.zeros(len(counts)) for _ in found]
    last = np.full(len(counts), -1)
    for place in range(counts.shape[1]):
        carried = [carry + each[:, place] for carry, each in zip(carried, (counts, *others), strict=True)]
        is_enough = carried[0] >= minimum
        for out, carry in zip(found, carried, strict=True):
            out[is_enough, place] = carry[is_enough]
        carried = [np.where(is_enough, 0.0, carry) for carry in carried]
        last[is_enough] = place
    kept = np.flatnonzero(last >= 0)
    for out, carry in zip(found, carried, strict=True):
        out[kept, last[kept]] += carry[kept]
    return found[0], found[1:]
