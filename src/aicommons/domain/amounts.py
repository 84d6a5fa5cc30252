"""Amounts of money as people write them: plain decimal units, exact, to and from a token's smallest unit.

Called by the commands that take or show money. No floats: 0.1 is a tenth, whatever the token's decimals. Thousands are
never grouped, because a comma is a decimal point to half of the world.
"""

import re

from aicommons.domain import errors

MOST = 2**256 - 1
"""Largest amount that a contract can hold."""
WRITTEN = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def parse(text: str, decimals: int) -> int:
    """Return the amount that ``text`` writes, in the smallest unit.

    Args:
        text: such as ``12`` or ``12.50``.
        decimals: how many places the token has after the point.

    Raises:
        errors.InputError: not a plain decimal number, nothing, finer than the token, or more than a contract can hold.
    """
    if WRITTEN.fullmatch(text) is None:
        raise errors.InputError("not an amount", which=text[:40], expected="a plain number such as 12 or 12.50")
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    if len(part) > decimals:
        raise errors.InputError(
            "the token cannot be divided so finely", which=text[:40], expected=f"at most {decimals} decimal places"
        )
    amount = int(whole + part.ljust(decimals, "0")) if len(whole) <= 80 else MOST + 1
    if not 0 < amount <= MOST:
        raise errors.InputError("not an amount that can be moved", which=text[:40], expected="more than 0, below 2^256")
    return amount


def show(amount: int, decimals: int) -> str:
    """Return ``amount`` of the smallest unit in plain decimal units, without trailing zeros."""
    digits = str(amount).rjust(decimals + 1, "0")
    whole, part = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    return f"{whole}.{part.rstrip('0')}".rstrip(".")
