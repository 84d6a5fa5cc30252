"""Combiners: what turns a round's sums into the next model, with the same bytes on every CPU.

Plans and learners choose a combiner by name (``COMBINERS``) and never supply one. Everything here uses only + - * / and
square root on float64 in a fixed order: IEEE 754 rounds each of them correctly, so order is all that could differ
between machines. Hence no ``@``, ``dot``, ``sum``, ``linalg`` (their order depends on the kernel that the CPU selects),
no ``exp`` or ``log`` (not correctly rounded), no builtin ``sum`` (compensated since Python 3.12). NumPy's element-wise
+ - * / and sqrt are single IEEE operations, never fused. Called by ``describe``, ``recipe`` and the learners.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from aicommons.learning import blocks

Matrix = npt.NDArray[np.float64]

NEWTON_STEP: Final = "newton_step"
WEIGHTED_MEAN: Final = "weighted_mean"
PROXIMAL_NEWTON: Final = "proximal_newton"
QUASI_NEWTON: Final = "quasi_newton"
FED_ADAM: Final = "fed_adam"
FED_YOGI: Final = "fed_yogi"
SPLIT_FINDER: Final = "split_finder"
SUMMARY: Final = "summary"
COMBINERS: Final = frozenset(
    {NEWTON_STEP, PROXIMAL_NEWTON, QUASI_NEWTON, WEIGHTED_MEAN, FED_ADAM, FED_YOGI, SPLIT_FINDER, SUMMARY}
)
"""The names that a learner may give as its combiner."""

SMALLEST_PIVOT = 2.0**-40
"""Relative to its diagonal entry: below it the pivot is rounding error (2^-52 times the dimension, with a margin)."""

SMALLEST_ENTRY = 2.0**-56
"""Off the diagonal: below it an entry of a matrix of the order of 1 changes no eigenvalue's last digit."""
MOST_SWEEPS = 40
"""About ten are needed for 256 columns; convergence is quadratic at the end."""


def fixed_sum(values: Iterable[float]) -> float:
    """Return the float64 sum of ``values`` from first to last, one addition at a time."""
    total = 0.0
    for value in values:
        total += value
    return total


def add_cells(cells: Sequence[blocks.Contribution]) -> blocks.Contribution:
    """Return the sums of all cells together, added up in order; those of one cell are returned as they are."""
    first, *others = cells
    if not others:
        return first
    total = {name: vector.copy() for name, vector in first.items()}
    for cell in others:
        for name, vector in cell.items():
            total[name] += vector
    return total


def newton_step(hessian: Matrix, gradient: blocks.Vector) -> blocks.Vector | None:
    """Return the Newton step -H^-1 g of length p, or None if H is not positive definite (or the step overflows).

    Args:
        hessian: float64[p, p]; only its lower triangle is read.
        gradient: float64[p].
    """
    factor = cholesky(hessian)
    if factor is None:
        return None
    step = -_solve(factor, gradient)
    return step if np.isfinite(step).all() else None


def weighted_mean(current: blocks.Vector, weighted_delta: blocks.Vector) -> blocks.Vector:
    """Return ``current`` moved by the sum of the sites' deltas, each already multiplied by its site's share of rows.

    Federated averaging (McMahan et al. 2017) written for sums: sum_i s_i w_i = w + sum_i s_i (w_i - w), sum_i s_i = 1.
    Both arrays have the same shape.
    """
    return current + weighted_delta


@dataclasses.dataclass(frozen=True, slots=True)
class Rates:
    """What an adaptive server step is made with (Reddi et al. 2021, algorithm 2, and its names there)."""

    learning_rate: float
    """eta: of the step."""
    momentum: float
    """beta 1, from 0 and below 1."""
    memory: float
    """beta 2, from 0 and below 1."""
    floor: float
    """tau, above 0: added to the root of the second moment."""


Step = tuple[blocks.Vector, blocks.Vector, blocks.Vector]
"""By how much the model moves, and the new first and second moment."""


def fed_adam(first: blocks.Vector, second: blocks.Vector, delta: blocks.Vector, rates: Rates) -> Step:
    """Return an Adam step along the sites' mean ``delta``; all arrays have one length."""
    return _adaptive(first, rates.memory * second + (1.0 - rates.memory) * (delta * delta), delta, rates)


def fed_yogi(first: blocks.Vector, second: blocks.Vector, delta: blocks.Vector, rates: Rates) -> Step:
    """Return a Yogi step along the sites' mean ``delta``; all arrays have one length."""
    squares = delta * delta
    grown = second - (1.0 - rates.memory) * (squares * np.sign(second - squares))
    return _adaptive(first, grown, delta, rates)


def _adaptive(first: blocks.Vector, second: blocks.Vector, delta: blocks.Vector, rates: Rates) -> Step:
    mean = rates.momentum * first + (1.0 - rates.momentum) * delta
    return rates.learning_rate * mean / (np.sqrt(second) + rates.floor), mean, second


def cholesky(matrix: Matrix) -> Matrix | None:
    """Return the lower factor L with L L' = ``matrix`` (float64[p, p]), or None if it is not positive definite.

    Right-looking: column j is finished, then its outer product is taken off what is left, element by element. So every
    element sees its subtractions in the order of j, whatever vector width the CPU has.
    """
    size = len(matrix)
    left = np.array(matrix, dtype=np.float64, order="C", copy=True)
    factor = np.zeros((size, size))
    for j in range(size):
        pivot = float(left[j, j])
        if not pivot > SMALLEST_PIVOT * float(matrix[j, j]):
            return None
        column = left[j:, j] / np.sqrt(pivot)
        factor[j:, j] = column
        below = column[1:]
        left[j + 1 :, j + 1 :] -= np.multiply.outer(below, below)
    return factor


def inverse_diagonal(factor: Matrix) -> blocks.Vector:
    """Return the diagonal of (L L')^-1, float64[p]: squares of L^-1, whose rows are solved forward, top to bottom."""
    size = len(factor)
    inverse = np.eye(size)
    for j in range(size):
        inverse[j] /= factor[j, j]
        inverse[j + 1 :] -= np.multiply.outer(factor[j + 1 :, j], inverse[j])
    total = np.zeros(size)
    for row in inverse:
        total += row * row
    return total


def _solve(factor: Matrix, right: blocks.Vector) -> blocks.Vector:
    """Return x with L L' x = ``right``: forward, then back substitution, one column at a time."""
    x = right.copy()
    for j in range(len(x)):
        x[j] /= factor[j, j]
        x[j + 1 :] -= factor[j + 1 :, j] * x[j]
    for j in reversed(range(len(x))):
        x[j] /= factor[j, j]
        x[:j] -= factor[j, :j] * x[j]
    return x


def unpack_symmetric(packed: blocks.Vector, size: int) -> Matrix:
    """Return the symmetric float64[size, size] whose upper triangle, row by row, is ``packed``."""
    matrix = np.zeros((size, size))
    starts = itertools.accumulate(range(size, 0, -1), initial=0)
    for row, start in zip(range(size), starts, strict=False):
        values = packed[start : start + size - row]
        matrix[row, row:] = values
        matrix[row:, row] = values
    return matrix


def eigen_symmetric(matrix: Matrix) -> tuple[blocks.Vector, Matrix, bool]:
    """Return eigenvalues, largest first, their unit eigenvectors as rows, and whether the rotations came to an end.

    Jacobi's method in the parallel order of Brent and Luk (1985): each round of a sweep turns size / 2 pairs that share no
    row, so that the elementwise steps of a round do not depend on each other. Of each vector the entry of largest size
    (the first of them) is positive. Entries of ``matrix``, float64[p, p] and symmetric, are of the order of 1.
    """
    size = len(matrix)
    left = np.array(matrix, dtype=np.float64, order="C", copy=True)
    vectors = np.eye(size)
    is_done = False
    for _ in range(MOST_SWEEPS):
        is_done = not _sweep(left, vectors)
        if is_done:
            break
    values = left[np.arange(size), np.arange(size)]
    order = sorted(range(size), key=lambda place: (-float(values[place]), place))
    rows = vectors[order]
    largest = np.abs(rows).argmax(axis=1)
    signs = np.where(rows[np.arange(size), largest] < 0.0, -1.0, 1.0)
    return values[order], rows * signs[:, None], is_done


def _sweep(left: Matrix, vectors: Matrix) -> bool:
    """Turn every pair of rows once, in place; return whether any was turned."""
    size = len(left)
    players = [*range(size), *([size] if size % 2 else [])]  # a player without a partner sits a round out
    has_turned = False
    for _ in range(len(players) - 1):
        half = len(players) // 2
        pairs = zip(players[:half], reversed(players[half:]), strict=True)
        told = np.array([sorted(pair) for pair in pairs if size not in pair], dtype=np.int64).reshape(-1, 2)
        has_turned |= _turn(left, vectors, told[:, 0], told[:, 1])
        players = [players[0], players[-1], *players[1:-1]]
    return has_turned


def _turn(left: Matrix, vectors: Matrix, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> bool:
    """Make the entries of disjoint pairs (``one``, ``other``) zero by rotations, in place; return whether any was not."""
    entry = left[one, other]
    is_small = np.abs(entry) <= SMALLEST_ENTRY
    if is_small.all():
        return False
    theta = (left[other, other] - left[one, one]) / (2.0 * np.where(is_small, 1.0, entry))
    root = np.sqrt(theta * theta + 1.0)
    tangent = np.where(theta < 0.0, -1.0, 1.0) / (np.abs(theta) + root)
    tangent = np.where(is_small, 0.0, tangent)
    cosine = 1.0 / np.sqrt(tangent * tangent + 1.0)
    sine = tangent * cosine
    for rows in (left, left, vectors):
        if rows is left:
            left[:] = left.T.copy()  # rows lie side by side in memory, columns do not: this is twice as fast
        first, second = rows[one], rows[other]
        rows[one] = cosine[:, None] * first - sine[:, None] * second
        rows[other] = sine[:, None] * first + cosine[:, None] * second
    left[one, other] = left[other, one] = np.where(is_small, left[one, other], 0.0)
    return True
