"""The chance of a chi-squared statistic at least as large as one that was found: for tables that people read, never in a state.

Called by learners that show a test. The regularised incomplete gamma function by its series below its mean and by Lentz's
continued fraction above it (Abramowitz and Stegun 1964, 6.5.29 and 6.5.31; Press et al. 2007, section 6.2), because SciPy is
not among the packages that a node needs. Its last bits depend on the machine's logarithm.
"""

import itertools
import math

TOLERANCE = 2.0**-53
SMALLEST = 1e-300
"""Keeps a denominator of the continued fraction from being 0."""
MOST_TERMS = 100_000
"""Terms grow as the square root of ``a``: enough for degrees of freedom in the millions."""


def upper(a: float, x: float) -> float:
    """Return Q(a, x), the integral of t^(a-1) e^-t from x on over that from 0 on, for a > 0: 1 at x <= 0.

    With k degrees of freedom the chance of a chi-squared statistic of at least s is ``upper(k / 2, s / 2)``.
    """
    if x <= 0.0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    return max(1.0 - scale * _series(a, x), 0.0) if x < a + 1.0 else scale * _fraction(a, x)


def _series(a: float, x: float) -> float:
    """Return the sum of x^n / (a (a + 1) ... (a + n))."""
    term = total = 1.0 / a
    for n in range(1, MOST_TERMS):
        term *= x / (a + n)
        total += term
        if term < total * TOLERANCE:
            break
    return total


def _fraction(a: float, x: float) -> float:
    """Return 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...))."""
    b = x + 1.0 - a
    c, d = 1.0 / SMALLEST, 1.0 / b
    value = d
    for n in itertools.islice(itertools.count(1), MOST_TERMS):
        b += 2.0
        step = -n * (n - a)
        d = 1.0 / _nonzero(step * d + b)
        c = _nonzero(b + step / c)
        value *= d * c
        if abs(d * c - 1.0) < 2.0 * TOLERANCE:
            break
    return value


def _nonzero(value: float) -> float:
    return value if abs(value) > SMALLEST else SMALLEST
