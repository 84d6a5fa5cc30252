"""The chance of a chi-squared statistic is SciPy's."""

import itertools

import pytest

from aicommons.learning import gamma


@pytest.mark.parametrize("freedom", [1, 2, 3, 10, 127, 5_000])
def test_tail_of_chi_squared_is_scipys(freedom: int) -> None:
    """From far below the mean to far above it, to a relative 1e-10."""
    special = pytest.importorskip("scipy.special", reason="SciPy is the oracle of the incomplete gamma function")
    for factor in (0.01, 0.3, 0.7, 0.99, 1.0, 1.01, 1.3, 2.0, 5.0, 40.0):
        found = gamma.upper(freedom / 2.0, freedom * factor / 2.0)
        assert found == pytest.approx(special.gammaincc(freedom / 2.0, freedom * factor / 2.0), rel=1e-10, abs=1e-13)


def test_tail_by_hand() -> None:
    """With two degrees of freedom it is e^(-x); at and below 0 it is 1; it never rises."""
    assert gamma.upper(1.0, 3.0) == pytest.approx(0.049787068367863944, rel=1e-14)
    assert gamma.upper(0.5, 0.0) == gamma.upper(0.5, -1.0) == 1.0
    tails = [gamma.upper(2.5, x / 10.0) for x in range(400)]
    assert all(before >= after > 0.0 for before, after in itertools.pairwise(tails))
