"""Identifiers, each with its own type and hash rule. Everything that names a thing in the commons is defined here."""

import hashlib
from typing import NewType

from aicommons.domain import errors

Digest = NewType("Digest", bytes)
"""SHA-256 of bytes in the store, 32 bytes; written for people as a multihash (``1220…``)."""

RunId = NewType("RunId", bytes)
"""keccak256 of the ABI-encoded RunSpec, 32 bytes: computed, never assigned (``encoding.run_id``)."""

MemberId = NewType("MemberId", int)
"""Number of a membership on the ledger, from 1; stays when keys rotate."""

Address = NewType("Address", bytes)
"""Ethereum address, 20 bytes."""

SHA256_MULTIHASH = "1220"
"""Multihash prefix: function 0x12 (SHA-256), length 0x20."""


def digest(data: bytes | memoryview) -> Digest:
    """Return the content address of ``data``: its SHA-256, 32 bytes."""
    return Digest(hashlib.sha256(data).digest())


def format_digest(value: Digest) -> str:
    """Return the multihash text of ``value``: 68 hexadecimal characters."""
    return SHA256_MULTIHASH + value.hex()


def parse_digest(text: str) -> Digest:
    """Read a multihash text.

    Raises:
        errors.DecodeError: ``text`` is not ``1220`` followed by 64 hexadecimal characters.
    """
    if not text.startswith(SHA256_MULTIHASH):
        raise errors.DecodeError("not a SHA-256 multihash", expected="1220 and 64 hexadecimal characters", got=text[:8])
    return Digest(parse_bytes32(text.removeprefix(SHA256_MULTIHASH)))


def parse_bytes32(text: str) -> bytes:
    """Read 32 bytes of hexadecimal text, with or without ``0x``.

    Raises:
        errors.DecodeError: ``text`` is not 64 hexadecimal characters.
    """
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError as err:
        raise errors.DecodeError("not hexadecimal text", expected="64 hexadecimal characters", got=text[:12]) from err
    if len(value) != 32:
        raise errors.DecodeError("wrong length", expected="64 hexadecimal characters", got=f"{2 * len(value)}")
    return value


def parse_run_id(text: str) -> RunId:
    """Read a run id: ``0x`` and 64 hexadecimal characters (see ``parse_bytes32``)."""
    return RunId(parse_bytes32(text))


def format_id(value: bytes) -> str:
    """Return ``0x…`` for a run id, consent id, problem id or address."""
    return "0x" + value.hex()


def parse_address(text: str) -> Address:
    """Read an address: ``0x`` and 40 hexadecimal characters.

    Raises:
        errors.DecodeError: anything else.
    """
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError as err:
        raise errors.DecodeError("not an address", expected="40 hexadecimal characters", got=text[:12]) from err
    if len(value) != 20:
        raise errors.DecodeError("not an address", expected="40 hexadecimal characters", got=f"{2 * len(value)}")
    return Address(value)
