"""Steps that combiners take where a Newton step does not do: with an absolute penalty, or without a curvature.

``coordinate_descent`` minimises a penalised quadratic (Friedman, Hastie and Tibshirani 2010), ``descent_direction`` is L-BFGS
(Nocedal 1980) and ``in_orthant`` with ``pseudo_gradient`` make it bear absolute penalties (OWL-QN, Andrew and Gao 2007). Called
by ``glm``. As everything in ``combine``: + - * / in a fixed order on float64, the same bytes on every CPU.
"""

import dataclasses

import numpy as np

from aicommons.learning import blocks, combine

Vector = blocks.Vector
Matrix = combine.Matrix

MOST_VISITS = 600_000
"""Coordinates that one descent looks at: some seconds at 2,048 parameters. What is left over is done in the next round."""
STILL = 1e-11
"""Relative change of a coordinate below which it counts as resting."""
SMALLEST_TURN = 1e-12
"""Relative: a pair of move and turn that curves less is rounding and is forgotten."""


@dataclasses.dataclass(frozen=True, slots=True)
class Penalised:
    """Minimise gradient' d + d' curvature d / 2 + sum_j absolute_j |start_j + d_j| over d."""

    curvature: Matrix
    """float64[p, p], symmetric, not negative."""
    gradient: Vector
    """float64[p], at ``start``."""
    start: Vector
    """float64[p]."""
    absolute: Vector
    """float64[p], from 0: the penalty of each coordinate."""


def coordinate_descent(problem: Penalised) -> Vector | None:
    """Return start + d, or None if a coordinate has no curvature or the result overflows.

    Coordinates in ascending order; between two sweeps over all of them, sweeps over those that are not 0 until these rest.
    """
    diagonal = problem.curvature[np.arange(len(problem.start)), np.arange(len(problem.start))]
    if not (diagonal > 0.0).all():
        return None
    point, slope = problem.start.copy(), problem.gradient.copy()
    everything = list(range(len(point)))
    visits, chosen, is_all = 0, everything, True
    while visits < MOST_VISITS:
        moved = _sweep(problem, point, slope, chosen)
        visits += len(chosen)
        is_resting = moved <= STILL * (1.0 + float(np.abs(point).max()))
        if is_resting and is_all:
            break
        is_all = is_resting
        chosen = everything if is_all else [j for j in everything if point[j] != 0.0 or problem.absolute[j] == 0.0]
    return point if np.isfinite(point).all() else None


def _sweep(problem: Penalised, point: Vector, slope: Vector, chosen: list[int]) -> float:
    """Minimise over each chosen coordinate in turn, in place; return the largest move."""
    largest = 0.0
    for j in chosen:
        old, curve = float(point[j]), float(problem.curvature[j, j])
        new = shrunk(curve * old - float(slope[j]), float(problem.absolute[j])) / curve
        if new != old:
            point[j] = new
            np.add(slope, problem.curvature[j] * (new - old), out=slope)
            largest = max(largest, abs(new - old))
    return largest


def shrunk(value: float, by: float) -> float:
    """Return ``value`` moved towards 0 by at most ``by`` (soft thresholding)."""
    if value > by:
        return value - by
    return value + by if value < -by else 0.0


def pseudo_gradient(point: Vector, gradient: Vector, absolute: Vector) -> Vector:
    """Return the steepest slope of loss + sum_j absolute_j |point_j|; 0 where 0 is the coordinate's best."""
    right, left = gradient + absolute, gradient - absolute
    at_zero = np.where(right < 0.0, right, np.where(left > 0.0, left, 0.0))
    return np.where(point > 0.0, right, np.where(point < 0.0, left, at_zero))


def descent_direction(slope: Vector, moves: Matrix, turns: Matrix, first: float) -> Vector:
    """Return -H^-1 slope with the inverse curvature that the last moves tell, by the two-loop recursion.

    Args:
        slope: float64[p].
        moves: float64[m, p], oldest first: accepted steps.
        turns: float64[m, p]: how the gradient changed over each; no product with its move is 0.
        first: the inverse curvature where nothing is known.
    """
    direction = slope.copy()
    pairs = [(move, turn, _product(move, turn)) for move, turn in zip(moves, turns, strict=True)]
    shares = []
    for move, turn, curve in reversed(pairs):
        share = _product(move, direction) / curve
        direction -= turn * share
        shares.append(share)
    scale = pairs[-1][2] / _product(pairs[-1][1], pairs[-1][1]) if pairs else first
    direction *= scale
    for (move, turn, curve), share in zip(pairs, reversed(shares), strict=True):
        direction += move * (share - _product(turn, direction) / curve)
    if not (np.isfinite(direction).all() and _product(direction, slope) > 0.0):
        return -slope * first
    return -direction


def in_orthant(point: Vector, direction: Vector, slope: Vector, absolute: Vector) -> Vector:
    """Return point + direction, with every penalised coordinate kept on the side of 0 on which the penalty is straight."""
    is_downhill = direction * slope < 0.0
    target = point + np.where(is_downhill | (absolute == 0.0), direction, 0.0)
    side = np.where(point != 0.0, np.sign(point), -np.sign(slope))
    return np.where((absolute == 0.0) | (target * side > 0.0), target, 0.0)


def remembered(moves: Matrix, turns: Matrix, move: Vector, turn: Vector, *, most: int) -> tuple[Matrix, Matrix]:
    """Return the pairs with one more at the end, and at most ``most``; the same ones if the new one does not curve."""
    if not _product(move, turn) > SMALLEST_TURN * _product(turn, turn):
        return moves, turns
    return np.vstack([moves, move[None, :]])[-most:], np.vstack([turns, turn[None, :]])[-most:]


def fall(slope: Vector, move: Vector) -> float:
    """Return slope' move: how far the loss falls along ``move``, to first order."""
    return _product(slope, move)


def _product(left: Vector, right: Vector) -> float:
    return combine.fixed_sum((left * right).tolist())
