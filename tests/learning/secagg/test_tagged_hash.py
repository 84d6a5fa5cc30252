"""The tagged hash: joined or hashed where they lie, parts give what the specification writes down."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.learning.secagg import hashing

LENGTHS = st.sampled_from([0, 1, 32, 65_535, 65_536, 65_537, 262_144])


def plainly(tag: str, parts: list[bytes], key: bytes) -> bytes:
    """Return H_K as section 2 says: u64 length and bytes of each part, one after the other."""
    state = hashlib.blake2b(digest_size=32, key=key, person=tag.encode())
    for part in parts:
        state.update(len(part).to_bytes(8, "little") + part)
    return state.digest()


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(LENGTHS, max_size=5), key=st.binary(max_size=64), viewed=st.booleans())
def test_hash_is_that_of_the_specification(lengths: list[int], key: bytes, viewed: bool) -> None:
    """Long parts and short ones in any order, as bytes or as views of vectors, hash alike."""
    parts = [bytes([index + 1]) * length for index, length in enumerate(lengths)]
    given_parts = [memoryview(part) if viewed else part for part in parts]
    assert hashing.tagged("aic/part", *given_parts, key=key) == plainly("aic/part", parts, key)


def test_longer_tag_is_refused() -> None:
    """A tag that BLAKE2b cannot hold whole is a bug, and is said again the second time."""
    for _ in range(2):
        with pytest.raises(ValueError, match="longer than 16 bytes"):
            hashing.tagged("a" * 17, b"")
