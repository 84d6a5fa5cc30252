"""Digests over sets and inputs: written by hand, they are what the general ABI encoder gives, and refuse what it refuses."""

import eth_abi
import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import encoding, errors

DIGESTS = st.binary(min_size=32, max_size=32)
IDS = st.integers(0, 2**256 - 1)


@given(sid=DIGESTS, members=st.lists(IDS, max_size=5), headers=st.lists(DIGESTS, max_size=5))
def test_digests_are_those_of_the_general_encoder(sid: bytes, members: list[int], headers: list[bytes]) -> None:
    """Heads, offsets and lengths are where the contract ABI has them, for lists of any length."""
    general = eth_abi.encode(["bytes32", "uint256[]", "bytes32[]"], [sid, members, headers])
    assert encoding.input_digest(sid, members, headers) == keccak(general)
    assert encoding.set_digest(members) == keccak(eth_abi.encode(["uint256[]"], [members]))


WRONG = {
    "id below zero": [-1],
    "id of 257 bits": [2**256],
    "id that is true": [True],
    "id that is a text": ["1"],
}


@pytest.mark.parametrize("members", WRONG.values(), ids=WRONG)
def test_ids_that_no_word_holds_are_refused(members: list[int]) -> None:
    """What is no uint256 is an input error, never another number."""
    with pytest.raises(errors.InputError):
        encoding.set_digest(members)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_digests_of_another_length_are_refused(size: int) -> None:
    """A short digest is not padded, and a long one not cut."""
    with pytest.raises(errors.InputError):
        encoding.input_digest(bytes(32), [1], [bytes(size)])
