"""Amounts of money as people write them: exact in both directions, and nothing that could be read in two ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import amounts, errors


@given(st.integers(1, amounts.MOST), st.integers(0, 77))
def test_what_is_shown_can_be_typed_again(amount: int, decimals: int) -> None:
    """Every amount of every token comes back to the last unit."""
    assert amounts.parse(amounts.show(amount, decimals), decimals) == amount


SHOWN = {
    "coin": (10**18, 18, "1"),
    "cents": (1250, 2, "12.5"),
    "less than one": (1, 6, "0.000001"),
    "no decimals": (1200, 0, "1200"),
    "nothing": (0, 6, "0"),
}


@pytest.mark.parametrize("row", SHOWN)
def test_amounts_are_shown_plainly(row: str) -> None:
    """No trailing zeros, no exponent, no grouping."""
    amount, decimals, text = SHOWN[row]
    assert amounts.show(amount, decimals) == text


REFUSED = {
    "empty": ("", 2),
    "a decimal comma": ("1,5", 2),
    "grouped": ("1'000", 2),
    "an exponent": ("1e3", 2),
    "negative": ("-1", 2),
    "signed": ("+1", 2),
    "no digit in front": (".5", 2),
    "no digit behind": ("5.", 2),
    "blanks": (" 5", 2),
    "other digits": ("\u0665", 2),
    "hexadecimal": ("0x10", 2),
    "nothing": ("0.00", 2),
    "too fine": ("0.001", 2),
    "a part of what has no parts": ("0.5", 0),
    "more than a contract holds": (str(amounts.MOST + 1), 0),
    "far too long": ("9" * 10_000, 18),
    "not a number": ("NaN", 2),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_no_amount_is_refused(row: str) -> None:
    """Whatever could mean two things, or nothing, is not guessed."""
    with pytest.raises(errors.InputError):
        amounts.parse(*REFUSED[row])


def test_trailing_zeros_are_no_finer() -> None:
    """Zeros behind the last place of a token change nothing."""
    assert amounts.parse("1.500", 1) == 15
    assert amounts.parse("007", 0) == 7
