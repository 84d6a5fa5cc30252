"""What releases cost: the numbers of dp-accounting, and noise that keeps a promise."""

import math

import dp_accounting
import hypothesis
import pytest
from dp_accounting import pld, rdp
from hypothesis import strategies

from aicommons.domain import errors
from aicommons.learning import accounting

RELEASES = strategies.lists(
    strategies.builds(accounting.Release, strategies.floats(0.2, 200.0), strategies.integers(1, 300)),
    min_size=1,
    max_size=6,
)


def _library(releases: list[accounting.Release], delta: float) -> float:
    accountant = rdp.RdpAccountant()
    for release in sorted(releases):
        event = dp_accounting.GaussianDpEvent(release.noise)
        sampled = event if release.sampling == 1.0 else dp_accounting.PoissonSampledDpEvent(release.sampling, event)
        accountant.compose(sampled, release.count)
    return float(accountant.get_epsilon(delta))


@hypothesis.given(RELEASES, strategies.sampled_from([1e-4, 1e-6, 1e-9]))
def test_whole_sums_cost_what_the_library_says(releases: list[accounting.Release], delta: float) -> None:
    """The same number to the last digits, whatever was released."""
    assert accounting.epsilon(releases, delta) == pytest.approx(_library(releases, delta), rel=1e-12, abs=1e-12)


def test_sums_over_drawn_units_are_the_librarys() -> None:
    """Sampling amplifies; its arithmetic is the library's own."""
    releases = [accounting.Release(1.0, 1000, 0.01), accounting.Release(4.0, 2)]
    assert accounting.epsilon(releases, 1e-5) == _library(releases, 1e-5)
    assert accounting.epsilon([accounting.Release(1.0, 1000, 0.01)], 1e-5) == pytest.approx(2.10, abs=0.01)


@hypothesis.given(RELEASES, strategies.floats(0.2, 200.0))
def test_a_further_release_never_costs_less(releases: list[accounting.Release], noise: float) -> None:
    """Budgets only grow, in whatever order releases come."""
    more = [accounting.Release(noise), *releases]
    assert accounting.epsilon(more) >= accounting.epsilon(releases)
    assert accounting.epsilon(more) == accounting.epsilon(more[::-1])


def test_reports_are_tighter() -> None:
    """Privacy loss distributions bound the same releases from nearer above."""
    releases = [accounting.Release(5.0, 12)]
    accountant = pld.PLDAccountant()
    accountant.compose(dp_accounting.GaussianDpEvent(5.0), 12)
    assert accounting.reported_epsilon(releases) == accountant.get_epsilon(accounting.DELTA)
    assert accounting.reported_epsilon(releases) < accounting.epsilon(releases)
    assert accounting.epsilon([]) == accounting.reported_epsilon([]) == 0.0


@hypothesis.given(strategies.floats(0.05, 20.0), strategies.integers(1, 500))
def test_noise_is_the_least_that_keeps_the_promise(wanted: float, count: int) -> None:
    """With it the releases cost no more than was promised, with a thousandth less they cost more."""
    noise = accounting.noise_for(wanted, count)
    assert accounting.epsilon([accounting.Release(noise, count)]) <= wanted
    if noise > 0.06:
        assert accounting.epsilon([accounting.Release(noise * 0.998, count)]) > wanted


BAD = {
    "no noise": (0.0, 1, 1.0),
    "noise without end": (math.inf, 1, 1.0),
    "none": (1.0, 0, 1.0),
    "a chance of 0": (1.0, 1, 0.0),
    "a chance above 1": (1.0, 1, 1.5),
}


@pytest.mark.parametrize("name", BAD)
def test_releases_that_cannot_be_are_refused(name: str) -> None:
    """A record that would cost nothing by mistake is none."""
    with pytest.raises(errors.InputError, match="no such release"):
        accounting.Release(*BAD[name])


@pytest.mark.parametrize("wanted", [0.0, -1.0, math.nan, math.inf, 1e-9])
def test_an_epsilon_that_no_noise_reaches_is_named(wanted: float) -> None:
    """Before a plan is published."""
    with pytest.raises(errors.InputError, match="no noise is enough"):
        accounting.noise_for(wanted, 10)
