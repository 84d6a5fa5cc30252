"""The tagged hash under every digest of secure aggregation, and the integer encodings that go into it.

Every module of this package hashes through `tagged`, so that no two uses can collide: the tag separates purposes and
each part carries its length. Called by all of ``learning/secagg``; keccak digests of what is *signed* are not here but
in ``domain/encoding.py``.
"""

import functools
import hashlib

Part = bytes | memoryview
"""One part of a hashed message: bytes, or a byte-cast memoryview of a large vector."""

_PERSON_BYTES = 16
_LONG_PART = 65_536
"""Bytes from which a part is hashed where it lies: shorter ones are cheaper to join, thousands of times a round."""


def tagged(tag: str, *parts: Part, key: bytes = b"") -> bytes:
    """Return 32 bytes: H, or H_K with ``key``, of secure-aggregation section 2.

    Args:
        tag: ASCII purpose, at most 16 characters.
        parts: hashed in order, each behind its length in bytes.
        key: BLAKE2b key; at most 64 bytes.
    """
    return _digest(tag, 32, key, parts)


def tagged_wide(tag: str, *parts: Part) -> bytes:
    """Return 64 bytes: H64 of secure-aggregation section 2, wide enough to reduce to a scalar without bias."""
    return _digest(tag, 64, b"", parts)


def u32(number: int) -> bytes:
    """Return ``number`` as 4 bytes, little-endian."""
    return number.to_bytes(4, "little")


def member_bytes(member_id: int) -> bytes:
    """Return a member id as 32 bytes, big-endian, as the ABI writes a uint256."""
    return member_id.to_bytes(32, "big")


def _digest(tag: str, size: int, key: bytes, parts: tuple[Part, ...]) -> bytes:
    person = _person(tag)
    message: list[Part] = []
    state = None
    for part in parts:
        length = part.nbytes if isinstance(part, memoryview) else len(part)
        message.append(length.to_bytes(8, "little"))
        if length < _LONG_PART:
            message.append(part)
            continue
        state = state or hashlib.blake2b(digest_size=size, key=key, person=person)
        state.update(b"".join(message))
        state.update(part)
        message = []
    rest = b"".join(message)
    if state is None:
        return hashlib.blake2b(rest, digest_size=size, key=key, person=person).digest()
    state.update(rest)
    return state.digest()


@functools.cache
def _person(tag: str) -> bytes:
    person = tag.encode("ascii")
    if len(person) > _PERSON_BYTES:
        raise ValueError(f"the tag {tag!r} is longer than {_PERSON_BYTES} bytes")
    return person
