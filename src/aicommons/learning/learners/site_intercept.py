"""A site's own intercept: fitted at the site, kept by its node, never sent, and taken out of what is.

Called by ``glm`` at one site. With f(theta, b) the site's loss + lambda / 2 b^2, the site sends the loss, gradient and curvature of
min_b f(theta, b): the gradient is that of f at the best b (envelope theorem), the curvature is the Schur complement
H - h h' / (h_b + lambda). Newton on their sums is Newton on the pooled model with one penalised 0/1 column per site.
"""

import math
import struct
from collections.abc import Callable

import numpy as np

from aicommons.domain import errors
from aicommons.learning import blocks

ARRAY = "site_intercept"
"""Array [1] of a state at its site."""
MOST = 32.0
"""Largest absolute value, in logits, log rates or standard deviations of the target: odds of 1e14."""
MOST_STEPS = 60
"""Passes over a site's rows that one fit takes at most; five are usual."""
STILL = 1e-12


def encode(value: float) -> bytes:
    """Return an intercept as local state: 8 bytes, little-endian float64."""
    return struct.pack("<d", value)


def decode(data: bytes | None) -> float:
    """Return the intercept to start from; 0 where nothing is kept.

    Raises:
        errors.DecodeError: not 8 bytes of a finite number within the bound.
    """
    if data is None:
        return 0.0
    value = struct.unpack("<d", data)[0] if len(data) == 8 else math.nan
    if not abs(value) <= MOST:
        raise errors.DecodeError(
            "the kept state is not a site's intercept",
            which="local state",
            expected=f"8 bytes of a number from {-MOST:g} to {MOST:g}",
            got=f"{len(data)} bytes",
            next_step="Restore the node's journal; without this state the intercept is fitted anew.",
        )
    return float(value)


def fitted(slopes: Callable[[float], tuple[float, float]], start: float) -> float:
    """Return the root of an increasing slope within [-MOST, MOST], or the end next to it.

    Newton's method from ``start``; where it leaves what is known to hold the root, the middle of that.

    Args:
        slopes: returns slope and curvature (above 0) of the site's penalised loss at an intercept.
        start: where to begin.
    """
    low, high, value = -MOST, MOST, start
    for _ in range(MOST_STEPS):
        slope, curve = slopes(value)
        low, high = (low, value) if slope > 0.0 else (value, high)
        following = value - slope / curve
        if not low <= following <= high:
            following = (low + high) / 2.0
        is_still = abs(following - value) <= STILL * (1.0 + abs(following))
        value = following
        if is_still:
            break
    return value


def taken_out(sums: blocks.Contribution, size: int, shrinkage: float, own: float) -> blocks.Contribution:
    """Return a site's sums without its own intercept.

    Args:
        sums: loss, gradient and perhaps the packed curvature, at the best intercept; column 0 is the shared intercept.
        size: coefficients, the shared intercept included.
        shrinkage: lambda, above 0.
        own: the site's intercept.
    """
    left = {**sums, "loss": sums["loss"] + shrinkage * own * own / 2.0}
    # At the bound the intercept is fixed and no longer follows the coefficients.
    if "hessian" not in sums or abs(own) >= MOST * (1.0 - STILL):
        return left
    column = sums["hessian"][:size]
    upper = np.triu_indices(size)
    follows = np.multiply.outer(column, column)[upper] / (column[0] + shrinkage)
    return {**left, "hessian": sums["hessian"] - follows}
