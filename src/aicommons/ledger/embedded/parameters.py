"""Reads the values of JSON-RPC parameters: quantities, bytes, addresses, hashes, log filters and calls.

Why: everything that arrives is bounded and checked in one place, with the parameter's name in the error. Called by
``rpc``. Left out: which methods exist. Forms are those of the Ethereum JSON-RPC specification (execution-apis).
"""

import dataclasses
import re
from typing import Final

from aicommons.domain import errors
from aicommons.ledger.embedded import chain, engine

MAX_ALTERNATIVES: Final = 1_000
"""Addresses, or alternatives of one topic, in one log filter."""

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_NEWEST_TAGS: Final = frozenset({"latest", "pending", "safe", "finalized"})
_SHOWN: Final = 66  # enough to recognise a hash, short enough for a log line


def _refuse(which: str, expected: str, got: object) -> errors.InputError:
    shown = repr(got)
    return errors.InputError(
        "invalid parameter", which=which, expected=expected, got=shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
    )


def quantity(value: object, which: str) -> int:
    """Return an integer below 2^256 from its hexadecimal form."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise _refuse(which, "a quantity like 0x1f", value)
    return int(value, 16)


def data(value: object, which: str) -> bytes:
    """Return bytes of any length from their hexadecimal form."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise _refuse(which, "0x and an even number of hexadecimal digits", value)
    return bytes.fromhex(value[2:])


def address(value: object, which: str) -> bytes:
    """Return 20 bytes; the checksum of mixed case is not checked, as in other nodes."""
    found = data(value, which)
    if len(found) != 20:
        raise _refuse(which, "an address of 20 bytes", value)
    return found


def hash32(value: object, which: str) -> bytes:
    """Return 32 bytes."""
    found = data(value, which)
    if len(found) != 32:
        raise _refuse(which, "a hash of 32 bytes", value)
    return found


def flag(value: object, which: str) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise _refuse(which, "true or false", value)
    return value


def number_or_tag(value: object, which: str, *, head: int) -> int:
    """Return a block number: a quantity, ``earliest``, or the head for every other tag (every block is final)."""
    if value == "earliest":
        return 0
    if isinstance(value, str) and value in _NEWEST_TAGS:
        return head
    return quantity(value, which)


def call(value: object, which: str) -> chain.CallRequest:
    """Return a call object; fee fields are ignored because fees are zero.

    Raises:
        InputError: a field has a wrong form, or ``data`` and ``input`` differ.
        LedgerRefused: a non-empty access list.
    """
    if not isinstance(value, dict):
        raise _refuse(which, "a call object", value)
    given = [data(value[name], f"{which}.{name}") for name in ("input", "data") if value.get(name) is not None]
    if len(given) == 2 and given[0] != given[1]:
        raise _refuse(f"{which}.data", "the same bytes as input", value["data"])
    if value.get("accessList"):
        raise errors.LedgerRefused("access lists are not supported: call with an empty accessList")
    sender, to, gas, wei = (value.get(name) for name in ("from", "to", "gas", "value"))
    return chain.CallRequest(
        sender=bytes(20) if sender is None else address(sender, f"{which}.from"),
        to=None if to is None else address(to, f"{which}.to"),
        gas=engine.GAS_LIMIT if gas is None else quantity(gas, f"{which}.gas"),
        value=0 if wei is None else quantity(wei, f"{which}.value"),
        data=given[0] if given else b"",
    )


@dataclasses.dataclass(frozen=True, slots=True)
class LogFilter:
    """A log filter as it was asked for.

    Args:
        first: lowest block number, ``None`` for the newest block.
        last: highest block number, ``None`` for the newest block, now or when asked again.
        block_hash: the one block to look in, instead of a range.
        addresses: emitting contracts, ``None`` for any.
        topics: alternatives for each position; ``None`` matches anything that is there.
    """

    first: int | None
    last: int | None
    block_hash: bytes | None
    addresses: tuple[bytes, ...] | None
    topics: tuple[tuple[bytes, ...] | None, ...]


def log_filter(value: object, which: str) -> LogFilter:
    """Return a log filter.

    Raises:
        InputError: a field has a wrong form, or a block hash comes with a range.
    """
    if not isinstance(value, dict):
        raise _refuse(which, "a filter object", value)
    block_hash = value.get("blockHash")
    if block_hash is not None and ("fromBlock" in value or "toBlock" in value):
        raise _refuse(which, "either blockHash or fromBlock and toBlock", "both")
    first, last = (_bound(value.get(name), f"{which}.{name}") for name in ("fromBlock", "toBlock"))
    if first is not None and last is not None and first > last:
        raise _refuse(f"{which}.toBlock", f"at least fromBlock ({first})", last)
    return LogFilter(
        first=first,
        last=last,
        block_hash=None if block_hash is None else hash32(block_hash, f"{which}.blockHash"),
        addresses=_addresses(value.get("address"), f"{which}.address"),
        topics=_topics(value.get("topics"), f"{which}.topics"),
    )


def _bound(value: object, which: str) -> int | None:
    if value is None or (isinstance(value, str) and value in _NEWEST_TAGS):
        return None
    return number_or_tag(value, which, head=0)


def _addresses(value: object, which: str) -> tuple[bytes, ...] | None:
    if value is None:
        return None
    entries = _bounded(value, which) if isinstance(value, list) else [value]
    return tuple(address(entry, which) for entry in entries) or None


def _topics(value: object, which: str) -> tuple[tuple[bytes, ...] | None, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > 4:
        raise _refuse(which, "a list of at most 4 topics", value)
    return tuple(_alternatives(entry, f"{which}[{index}]") for index, entry in enumerate(value))


def _alternatives(value: object, which: str) -> tuple[bytes, ...] | None:
    if value is None:
        return None
    entries = _bounded(value, which) if isinstance(value, list) else [value]
    if None in entries:
        return None
    return tuple(hash32(entry, which) for entry in entries) or None


def _bounded(value: list[object], which: str) -> list[object]:
    if len(value) > MAX_ALTERNATIVES:
        raise _refuse(which, f"at most {MAX_ALTERNATIVES} alternatives", f"{len(value)} alternatives")
    return value
