"""What typed access to the contracts stands on: whoever sends and asks, and how answers become values of their types.

Used by the generated modules beside it, one per contract (``contracts/build.py`` writes them from ABI and NatSpec). They know
no network and no chain: a ledger client is the caller, and so is whatever else has its two methods.
"""

import enum
from typing import Protocol, TypeVar

from aicommons.domain import errors, ids

Member = TypeVar("Member", bound=enum.IntEnum)


class Caller(Protocol):
    """A ledger client."""

    def transact(
        self, contract: str, function: str, *values: object, at: ids.Address | None = None, value: int = 0
    ) -> None:
        """Send a call and return when it is recorded; ``at`` is where the contract stands, if not the deployment's own."""

    def call(self, contract: str, function: str, *values: object, at: ids.Address | None = None) -> tuple[object, ...]:
        """Return what a view function answers."""


def number(value: object) -> int:
    """Return a whole number that a contract answered; each of these raises ``errors.LedgerMismatch`` for anything else."""
    if type(value) is not int:
        raise _other("a number")
    return value


def truth(value: object) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise _other("true or false")
    return value


def data(value: object) -> bytes:
    """Return bytes."""
    if not isinstance(value, bytes):
        raise _other("bytes")
    return value


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise _other("a text")
    return value


def address(value: object) -> ids.Address:
    """Return an address, which eth_abi decodes to text."""
    try:
        return ids.parse_address(text(value))
    except errors.DecodeError as err:
        raise _other("an address") from err


def items(value: object, count: int | None = None) -> tuple[object, ...]:
    """Return the items of a list, or the ``count`` fields of a struct."""
    if not isinstance(value, tuple | list) or count not in (None, len(value)):
        raise _other("a list" if count is None else f"{count} fields")
    return tuple(value)


def one_of(kind: type[Member], value: object) -> Member:
    """Return a member of an enumeration."""
    try:
        return kind(number(value))
    except ValueError as err:
        raise _other(f"a {kind.__name__}") from err


def _other(expected: str) -> errors.LedgerMismatch:
    return errors.LedgerMismatch("the contract's answer is of another type", expected=expected)
