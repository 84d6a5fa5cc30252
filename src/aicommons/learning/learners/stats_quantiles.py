"""Quantiles by histograms that are refined round by round around each wanted rank.

Called by ``stats``. A quantile of probability p lies between the values of rank floor(h) and floor(h) + 1, h = (n - 1) p
(linear interpolation, type 7 of Hyndman and Fan 1996); each of the two has a bracket: a bin of the declared range, cut into
``BRANCHES`` every round, of which the one that holds the rank is next. Bins are numbered from one finest grid, so that a row
never falls between two rounds. A bracket stays as it is where rows in it were withheld, and where fewer than ``TAIL_ROWS`` rows
lie on one side of its rank: that would come close to telling a smallest or largest value.
"""

import math

import numpy as np
import numpy.typing as npt

from aicommons.learning import combine, state

Grid = npt.NDArray[np.int64]
BRANCHES = 16
FINEST = 2**16
"""A bracket is at last at most the range divided by it."""
TAIL_ROWS = 5
"""Counted with the row of the rank itself."""
NAMES = ("bracket_index", "bracket_level", "bracket_below", "bracket_inside")
Brackets = dict[str, state.Array]
"""By ``NAMES``: which bin of its level, how often it was cut, rows below it, rows in it; float64[numbers, 2 * quantiles]."""


def depth(bins: int) -> int:
    """Return how often ``bins`` bins are cut."""
    cuts, reached = 0, bins
    while reached < FINEST:
        cuts, reached = cuts + 1, reached * BRANCHES
    return cuts


def grid(units: state.Array, bins: int) -> Grid:
    """Return int64 of the shape of ``units`` (a value's place in its range, 0 to 1): the bin of the finest grid."""
    finest = bins * BRANCHES ** depth(bins)
    found: Grid = np.clip(np.floor(units * finest), 0, finest - 1).astype(np.int64)
    return found


def coarse(fine: Grid, bins: int, level: int) -> Grid:
    """Return in which bin of a level the finest bins are; ``level`` 0 has ``bins`` of them."""
    cuts = BRANCHES ** (depth(bins) - level)
    found: Grid = fine // cuts
    return found


def ranks(rows: float, probabilities: tuple[float, ...]) -> list[tuple[float, float]]:
    """Return for each quantile the lower of its two ranks (from 0) and the weight of the upper one, of ``rows`` > 0."""
    found = []
    for probability in probabilities:
        place = (rows - 1.0) * probability
        lower = float(math.floor(place))
        found.append((lower, place - lower))
    return found


def wanted(rows: float, probabilities: tuple[float, ...]) -> list[float]:
    """Return the two ranks of each quantile; none above the last row's."""
    return [rank for lower, _ in ranks(rows, probabilities) for rank in (lower, min(lower + 1.0, rows - 1.0))]


def empty(numbers: int, probabilities: tuple[float, ...]) -> Brackets:
    """Return brackets that nobody searched yet."""
    return {name: np.zeros((numbers, 2 * len(probabilities))) for name in NAMES}


def begin(histogram: state.Array, probabilities: tuple[float, ...]) -> Brackets:
    """Return the brackets that a histogram float64[numbers, bins] gives."""
    found = empty(len(histogram), probabilities)
    for number, counts in enumerate(histogram.tolist()):
        rows = combine.fixed_sum(counts)
        if rows > 0.0:
            for place, rank in enumerate(wanted(rows, probabilities)):
                index, below, inside = _choose(counts, rank, below=0.0)
                _put(found, (number, place), (float(index), 0.0, below, inside))
    return found


def is_open(
    brackets: Brackets, rows: list[float], probabilities: tuple[float, ...], level: int
) -> npt.NDArray[np.bool_]:
    """Return bool[numbers, 2 * quantiles]: the brackets of ``level`` that another cut tells more of."""
    found = np.zeros(brackets["bracket_level"].shape, dtype=np.bool_)
    for number, count in enumerate(rows):
        if count > 0.0:
            for place, rank in enumerate(wanted(count, probabilities)):
                found[number, place] = min(rank + 1.0, count - rank) >= TAIL_ROWS
    found &= (brackets["bracket_level"] == float(level)) & (brackets["bracket_inside"] > 0.0)
    return found


def refine(
    brackets: Brackets, children: state.Array, rows: list[float], probabilities: tuple[float, ...], *, level: int
) -> Brackets:
    """Return the brackets after another cut.

    Args:
        brackets: those of ``level`` and before.
        children: float64[numbers, 2 * quantiles, BRANCHES]: rows in each part of each open bracket.
        rows: of each number, the rows in its histogram.
        probabilities: the wanted ones.
        level: which brackets were cut.
    """
    found = {name: array.copy() for name, array in brackets.items()}
    for number, place in np.argwhere(is_open(brackets, rows, probabilities, level)).tolist():
        at = (number, place)
        counts = children[at].tolist()
        index, _, below, inside = (float(brackets[name][at]) for name in NAMES)
        if combine.fixed_sum(counts) == inside:
            rank = wanted(rows[number], probabilities)[place]
            child, below, inside = _choose(counts, rank, below=below)
            _put(found, at, (index * BRANCHES + child, level + 1.0, below, inside))
    return found


def count(fine: Grid, brackets: Brackets, chosen: npt.NDArray[np.bool_], *, bins: int, level: int) -> state.Array:
    """Return float64[numbers * 2 * quantiles * BRANCHES]: rows in each part of each ``chosen`` bracket of ``level``.

    Args:
        fine: int64[rows, numbers], -1 where a value is missing.
        brackets: where to count.
        chosen: bool[numbers, 2 * quantiles].
        bins: of the histogram.
        level: of the brackets.
    """
    counts = np.zeros((*chosen.shape, BRANCHES))
    for number in np.flatnonzero(chosen.any(axis=1)).tolist():
        column = fine[:, number]
        parts = coarse(column[column >= 0], bins, level + 1)
        for place in np.flatnonzero(chosen[number]).tolist():
            inside = parts - int(brackets["bracket_index"][number, place]) * BRANCHES
            inside = inside[(inside >= 0) & (inside < BRANCHES)]
            counts[number, place] = np.bincount(inside, minlength=BRANCHES)
    return counts.ravel()


def _choose(counts: list[float], rank: float, *, below: float) -> tuple[int, float, float]:
    """Return which of some bins holds a rank, the rows below it and those in it."""
    index = 0
    for index, inside in enumerate(counts):
        if rank < below + inside:
            return index, below, inside
        below += inside
    return index, below - counts[-1], counts[-1]


def _put(found: Brackets, at: tuple[int, int], values: tuple[float, float, float, float]) -> None:
    for name, value in zip(NAMES, values, strict=True):
        found[name][at] = value
