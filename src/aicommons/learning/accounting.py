"""What releases cost together: epsilon of a dataset's releases, as Google's ``dp-accounting`` counts it.

Renyi divergences add up over releases (Mironov 2017), so that a budget is kept by them; the tighter privacy loss distribution
is for reports. Neighbouring datasets differ by one unit that is there or not. Whole sums with Gaussian noise, which is all that
most plans send, are counted here with the library's formula and orders, to the same number: it takes seconds to import, and
nodes and command lines ask often. For sums over drawn units, and for reports, the library itself is asked. Who is charged, and
when, is the node's part.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aicommons.domain import errors

if TYPE_CHECKING:
    import dp_accounting

DELTA = 1e-6
"""The probability with which a loss may be larger than epsilon, for budgets and reports alike."""
ORDERS = (*(1.0 + tenth / 10.0 for tenth in range(1, 100)), *map(float, range(11, 64)), 128.0, 256.0, 512.0, 1024.0)
"""Of Renyi divergence; the library's own."""
LEAST_ORDER = 1.01
"""Nearer to 1 the bound is not stable."""
NOISE_STEPS = 60
"""Halvings of an interval of noise: beyond the digits of a float64."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Release:
    """Some sums that were sent with Gaussian noise."""

    noise: float
    """Standard deviation over the most that one unit changes the sum by (L2)."""
    count: int = 1
    """How many such sums."""
    sampling: float = 1.0
    """Each unit's chance to be in a sum, drawn anew for each (Poisson); 1 where all are."""

    def __post_init__(self) -> None:
        """Check the record.

        Raises:
            errors.InputError: noise, a count or a chance that there cannot be.
        """
        if not (0.0 < self.noise < math.inf and self.count >= 1 and 0.0 < self.sampling <= 1.0):
            raise errors.InputError(
                "no such release",
                which="release",
                expected="noise above 0, a count from 1, a chance above 0 and at most 1",
                got=f"{self.noise}, {self.count}, {self.sampling}",
            )


def epsilon(releases: Sequence[Release], delta: float = DELTA) -> float:
    """Return the privacy loss of all ``releases`` together by Renyi divergences; 0 of none, infinite where no bound is known."""
    if all(release.sampling == 1.0 for release in releases):
        return _gaussian_epsilon(releases, delta)
    from dp_accounting import rdp

    return _composed(rdp.RdpAccountant(), releases, delta)


def reported_epsilon(releases: Sequence[Release], delta: float = DELTA) -> float:
    """Return the same by privacy loss distributions: closer to the truth from above, and slower."""
    from dp_accounting import pld

    return _composed(pld.PLDAccountant(), releases, delta)


def _gaussian_epsilon(releases: Sequence[Release], delta: float) -> float:
    """Return the least bound over all orders (Canonne, Kamath and Steinke 2020, proposition 12)."""
    return min((_at_order(order, releases, delta) for order in ORDERS), default=0.0) if releases else 0.0


def _at_order(order: float, releases: Sequence[Release], delta: float) -> float:
    divergence = 0.0
    for release in sorted(releases):
        divergence += release.count * (order / (2.0 * release.noise**2))
    if delta**2 + math.expm1(-divergence) > 0.0:
        return 0.0
    if order <= LEAST_ORDER:
        return math.inf
    return max(0.0, divergence + math.log1p(-1.0 / order) - math.log(delta * order) / (order - 1.0))


def _composed(accountant: Any, releases: Sequence[Release], delta: float) -> float:
    if not releases:
        return 0.0
    for release in sorted(releases):
        accountant.compose(_event(release), release.count)
    return float(accountant.get_epsilon(delta))


def _event(release: Release) -> "dp_accounting.DpEvent":
    import dp_accounting

    gaussian = dp_accounting.GaussianDpEvent(release.noise)
    return gaussian if release.sampling == 1.0 else dp_accounting.PoissonSampledDpEvent(release.sampling, gaussian)


@functools.lru_cache(maxsize=256)
def noise_for(wanted: float, count: int, sampling: float = 1.0, delta: float = DELTA) -> float:
    """Return the least noise, rounded up to four digits, with which ``count`` releases cost at most ``wanted``.

    Raises:
        errors.InputError: an epsilon that no noise reaches.
    """
    low, high = 0.05, 1e4
    if not 0.0 < wanted < math.inf or epsilon([Release(high, count, sampling)], delta) > wanted:
        raise errors.InputError("no noise is enough for this epsilon", which="epsilon", got=wanted)
    for _ in range(NOISE_STEPS):
        middle = math.sqrt(low * high)
        if epsilon([Release(middle, count, sampling)], delta) <= wanted:
            high = middle
        else:
            low = middle
        if high / low < 1.0 + 1e-5:
            break
    digits = 3 - math.floor(math.log10(high))
    return float(math.ceil(high * 10**digits) / 10**digits)
