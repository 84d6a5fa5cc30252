"""Identifiers, each with its own type and hash rule. Everything that names a thing in the commons is defined here."""

import functools
import hashlib
import re
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

NOBODY = Address(bytes(20))
"""No account: the contracts' zero address."""

HEXADECIMAL = re.compile("[0-9a-fA-F]*")


class Blob(bytes):
    """Bytes that are hashed once in their life, however many stores and checks ask for their digest.

    Nobody tells it its digest: it is computed from these very bytes, which never change, so that no store has to trust anybody.
    """

    @functools.cached_property
    def digest(self) -> Digest:
        """SHA-256, 32 bytes."""
        return Digest(hashlib.sha256(self).digest())


def digest(data: bytes | memoryview) -> Digest:
    """Return the content address of ``data``: its SHA-256, 32 bytes."""
    return data.digest if isinstance(data, Blob) else Digest(hashlib.sha256(data).digest())


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
    return Digest(_parse_hexadecimal(text.removeprefix(SHA256_MULTIHASH), 32))


def parse_bytes32(text: str) -> bytes:
    """Read 32 bytes of hexadecimal text, with or without ``0x``.

    Raises:
        errors.DecodeError: ``text`` is not 64 hexadecimal characters.
    """
    return _parse_hexadecimal(text.removeprefix("0x"), 32)


def parse_run_id(text: str) -> RunId:
    """Read a run id: ``0x`` and 64 hexadecimal characters (see ``parse_bytes32``)."""
    return RunId(parse_bytes32(text))


def format_id(value: bytes) -> str:
    """Return ``0x…`` for a run id, consent id, problem id or address."""
    return "0x" + value.hex()


def parse_address(text: str) -> Address:
    """Read an address: 40 hexadecimal characters, with or without ``0x``.

    Raises:
        errors.DecodeError: anything else.
    """
    return Address(_parse_hexadecimal(text.removeprefix("0x"), 20))


def _parse_hexadecimal(text: str, size: int) -> bytes:
    # bytes.fromhex alone would pass over blanks, so that one value had many spellings
    if HEXADECIMAL.fullmatch(text) is None or len(text) != 2 * size:
        expected = f"{2 * size} hexadecimal characters"
        raise errors.DecodeError("not hexadecimal text of this length", expected=expected, got=text[:12])
    return bytes.fromhex(text)


def short(value: bytes) -> str:
    """Return an id in a form that is long enough to be given back and short enough for a line."""
    return "0x" + value.hex()[:12]


def fingerprint(roster: bytes) -> str:
    """Return a roster's digest in groups of four digits, to be read aloud."""
    digits = roster.hex()
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
