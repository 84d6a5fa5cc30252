"""Hashes, scalars, points, proofs, epoch keys and streams: canonical in, a plain answer out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import nacl.bindings
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.domain import errors
from aicommons.learning.secagg import epoch, group, hashing, keys, masking, masks, reveal, suite

if TYPE_CHECKING:
    from tests.learning.secagg.conftest import Drawn, MakeCommittee

SECRETS = st.integers(1, group.ORDER - 1).map(lambda number: number.to_bytes(32, "little"))
CONTEXT = b"\x07" * 32


def test_tagged_separates_parts_tags_and_keys() -> None:
    """Splitting a message differently, another tag, key or width gives another digest."""
    digests = {
        hashing.tagged("aic/pub", b"ab", b"c"),
        hashing.tagged("aic/pub", b"a", b"bc"),
        hashing.tagged("aic/pub", b"abc"),
        hashing.tagged("aic/pub", b"abc", b""),
        hashing.tagged("aic/pok", b"abc"),
        hashing.tagged("aic/pub", b"abc", key=b"k"),
        hashing.tagged_wide("aic/pub", b"abc")[:32],
    }
    assert len(digests) == 7


def test_tagged_is_keyed_personal_blake2b() -> None:
    """The tagged hash is BLAKE2b with the tag as person over length-prefixed parts, also of large views."""
    vector = np.arange(100, dtype="<u4")
    message = (3).to_bytes(8, "little") + b"abc" + (400).to_bytes(8, "little") + vector.tobytes()
    expected = hashlib.blake2b(message, digest_size=32, person=b"aic/sum", key=b"key").digest()
    assert hashing.tagged("aic/sum", b"abc", suite.byte_view(vector), key=b"key") == expected


def test_tags_longer_than_sixteen_bytes_are_a_bug() -> None:
    """A tag that BLAKE2b would cut is refused rather than cut."""
    with pytest.raises(ValueError, match="longer than 16"):
        hashing.tagged("aic/seventeen-bytes", b"")


@settings(max_examples=25, deadline=None)
@given(secret=SECRETS, nonce=SECRETS, context=st.binary(min_size=32, max_size=32))
def test_proofs_verify_only_for_their_statement(secret: bytes, nonce: bytes, context: bytes) -> None:
    """A proof holds for its context and point and for no other."""
    point, proof = group.multiply_base(secret), group.prove(context, secret, nonce)
    assert group.verify(context, point, proof)
    assert not group.verify(CONTEXT, point, proof)
    assert not group.verify(context, group.multiply(b"\x02" + bytes(31), point), proof)


def test_proof_without_a_nonce_is_false() -> None:
    """A prover that knows the secret but takes the identity as R fits the equation and is still refused."""
    secret, identity = (5).to_bytes(32, "little"), b"\x01" + bytes(31)
    point = group.multiply_base(secret)
    challenge = group.reduce_wide(hashing.tagged_wide("aic/pok", CONTEXT, point, identity))
    response = nacl.bindings.crypto_core_ed25519_scalar_mul(challenge, secret)
    assert group.multiply_base(response) == group.multiply(challenge, point)
    assert not group.verify(CONTEXT, point, identity + response)


@pytest.mark.parametrize("raw", [b"\x01" + bytes(31), b"\xff" * 32, b""])
def test_readers_need_points_of_the_group(make_committee: MakeCommittee, raw: bytes) -> None:
    """Another reader whose point is none is refused by name, whoever it is."""
    with pytest.raises(errors.AggregationRefused) as caught:
        reveal.make_readers(make_committee(3).session, {99: raw})
    assert (caught.value.reason, caught.value.member) == ("point-invalid", 99)


def test_readers_are_members_and_others_by_id(make_committee: MakeCommittee) -> None:
    """Readers stand in the order of their ids; a member's Acked point wins over the RunSpec's."""
    made = make_committee(3).session
    point = group.multiply_base((13).to_bytes(32, "little"))
    readers = reveal.make_readers(made, {15: point, 18: point})
    assert [reader.member_id for reader in readers] == [11, 15, 18, 25]
    assert [reader.point for reader in readers] == [made.points[0], point, made.points[1], made.points[2]]


TORSION = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
"""A point of order 8."""
SECRET, NONCE = (5).to_bytes(32, "little"), (7).to_bytes(32, "little")
BAD_POINTS = {
    "the identity": lambda _: b"\x01" + bytes(31),
    "the identity, not canonical": lambda _: (2**255 - 18).to_bytes(32, "little"),
    "a point of order 8": lambda _: TORSION,
    "a point of mixed order": lambda point: nacl.bindings.crypto_core_ed25519_add(point, TORSION),
    "not on the curve": lambda _: (2).to_bytes(32, "little"),
    "another sign": lambda point: point[:31] + bytes([point[31] ^ 128]),
    "too short": lambda point: point[:31],
}


@pytest.mark.parametrize("place", ["point", "commitment", "both"])
@pytest.mark.parametrize("name", BAD_POINTS)
def test_proofs_over_what_is_no_point_are_false(name: str, place: str) -> None:
    """A prover may choose R, z and even the challenged point: what is not in the group never verifies.

    The response is made to fit for the challenge that results, as a prover with the secret would make it.
    """
    point, commitment = group.multiply_base(SECRET), group.multiply_base(NONCE)
    bad = BAD_POINTS[name]
    point = point if place == "commitment" else bad(point)
    commitment = commitment if place == "point" else bad(commitment)
    for context in (number.to_bytes(32, "little") for number in range(64)):  # one challenge in 8 is a multiple of 8
        challenge = group.reduce_wide(hashing.tagged_wide("aic/pok", context, point, commitment))
        product = nacl.bindings.crypto_core_ed25519_scalar_mul(challenge, SECRET)
        for nonce in (NONCE, bytes(32)):
            response = nacl.bindings.crypto_core_ed25519_scalar_add(nonce, product)
            assert not group.verify(context, point, commitment + response)


@settings(max_examples=100, deadline=None)
@given(context=st.binary(max_size=40), point=st.binary(max_size=40), proof=st.binary(max_size=70))
def test_verifier_answers_false_on_any_bytes(context: bytes, point: bytes, proof: bytes) -> None:
    """Foreign bytes of any length are not a proof, and never an exception."""
    assert group.verify(context, point, proof) is False


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param((0).to_bytes(32, "little"), id="zero"),
        pytest.param(group.ORDER.to_bytes(32, "little"), id="order"),
        pytest.param((group.ORDER + 1).to_bytes(32, "little"), id="order plus one"),
        pytest.param((1 | 1 << 255).to_bytes(32, "little"), id="top bit"),
        pytest.param(b"\x01", id="short"),
        pytest.param(b"\x01" + bytes(32), id="long"),
    ],
)
def test_scalars_are_canonical(raw: bytes) -> None:
    """Zero, everything from the order up and other lengths are no scalars."""
    assert not group.is_scalar(raw)


def test_scalar_borders_are_accepted() -> None:
    """One and the order less one are scalars."""
    assert group.is_scalar((1).to_bytes(32, "little"))
    assert group.is_scalar((group.ORDER - 1).to_bytes(32, "little"))


@settings(max_examples=25, deadline=None)
@given(first=SECRETS, second=SECRETS)
def test_both_sides_share_one_point(first: bytes, second: bytes) -> None:
    """The one-time key and the member's key lead to the same shared point."""
    assert group.multiply(first, group.multiply_base(second)) == group.multiply(second, group.multiply_base(first))


@pytest.mark.parametrize("raw", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"short", b""])
def test_multiplying_what_is_no_point_is_refused(raw: bytes) -> None:
    """Bytes that are no point are refused by name when multiplied."""
    with pytest.raises(errors.AggregationRefused) as caught:
        group.multiply(b"\x03" + bytes(31), raw)
    assert caught.value.reason == "point-invalid"


def test_nonces_depend_on_everything() -> None:
    """A repeated random draw under another secret or context gives another nonce."""
    nonces = {
        group.hedged_nonce(b"s" * 32, b"f" * 32, b"c" * 32),
        group.hedged_nonce(b"t" * 32, b"f" * 32, b"c" * 32),
        group.hedged_nonce(b"s" * 32, b"g" * 32, b"c" * 32),
        group.hedged_nonce(b"s" * 32, b"f" * 32, b"d" * 32),
    }
    assert len(nonces) == 4
    assert all(group.is_scalar(nonce) for nonce in nonces)


def test_epoch_keys_are_acknowledged_for_one_roster_epoch_and_member(drawn: type[Drawn]) -> None:
    """An Ack holds for its roster, epoch and member, and for no other."""
    secret = epoch.draw_secret(drawn("epoch"))
    roster = b"\x0a" * 32
    point, proof = epoch.acknowledge(roster, 3, 22, secret=secret, draw=drawn("ack"))
    assert epoch.is_acknowledged(roster, 3, 22, point=point, proof=proof)
    assert not epoch.is_acknowledged(bytes(32), 3, 22, point=point, proof=proof)
    assert not epoch.is_acknowledged(roster, 4, 22, point=point, proof=proof)
    assert not epoch.is_acknowledged(roster, 3, 23, point=point, proof=proof)
    assert not epoch.is_acknowledged(roster, 3, 22, point=b"", proof=b"")


def test_cloned_machines_never_repeat_a_mask(make_committee: MakeCommittee, drawn: type[Drawn]) -> None:
    """With the same random draws, another vector gets other seeds and another mask, and so does its one-time key.

    Another commitment to whose rows they are gets another one-time key too: the boxes authenticate it.
    """
    committee = make_committee(3)
    first_vector = committee.vector(11)
    second_vector = first_vector + np.uint32(1)
    first = masking.shield(committee.session, 11, first_vector.copy(), drawn("clone"))
    second = masking.shield(committee.session, 11, second_vector.copy(), drawn("clone"))
    assert first.header[80:112] != second.header[80:112]
    assert not np.array_equal(first.masked + np.uint32(1), second.masked)
    repeated = masking.shield(committee.session, 11, first_vector.copy(), drawn("clone"))
    assert repeated.header == first.header
    other_people = masking.shield(committee.session, 11, first_vector.copy(), drawn("clone"), consent=b"\xc7" * 32)
    assert other_people.header[80:112] != first.header[80:112]


def test_records_do_not_show_their_secrets(make_committee: MakeCommittee) -> None:
    """The text of a mask sum or a reader, as a log would print it, holds no key and no mask."""
    committee = make_committee(3)
    seeds = {who: {0: bytes([who]) * 32} for who in committee.session.member_ids}
    summed = masks.mask_sum(committee.session, seeds, 0, bytes(32))
    eyes = committee.eyes(11)
    assert repr(summed.read_key) not in repr(summed)
    assert "words" not in repr(summed)
    assert repr(eyes.secret) not in repr(eyes)


def test_vectors_of_another_shape_are_not_shielded(make_committee: MakeCommittee, drawn: type[Drawn]) -> None:
    """A vector of another length or word type than the session's is refused before anything is drawn."""
    committee = make_committee(3)
    for vector in (np.zeros(99, "<u4"), np.zeros(100, "<u8"), np.zeros((10, 10), "<u4"), np.zeros(100, "<i4")):
        with pytest.raises(errors.ContributionRefused, match="another shape"):
            masking.shield(committee.session, 11, vector, drawn("shape"))


@pytest.mark.parametrize("chosen", list(suite.Suite))
def test_buffered_streams_equal_plain_ones(chosen: suite.Suite) -> None:
    """The reused buffer gives the keystream of every key and length, shorter after longer too."""
    stream = suite.Keystream(chosen)
    for size in (suite.CHUNK_BYTES, 32, 1000 * chosen.word_bytes):
        key = size.to_bytes(32, "little")
        assert stream.words(key, size // chosen.word_bytes).tobytes() == suite.keystream(chosen, key, size)


@given(length=st.integers(0, 400_000), word_bits=st.sampled_from([32, 64]))
def test_padding_is_smallest_and_idempotent(length: int, word_bits: int) -> None:
    """Padding keeps every chunk at 32 bytes or more, adds at most eight words, and is itself padded."""
    words = suite.pad_words(length, word_bits)
    rest = words * word_bits // 8 % suite.CHUNK_BYTES
    assert words >= max(8, length)
    assert rest == 0 or rest >= 32
    assert words - max(8, length) < 8
    assert suite.pad_words(words, word_bits) == words


def test_chunks_cover_the_vector() -> None:
    """Chunk ranges are contiguous and as many as counted."""
    for words in (8, 65_536, 65_544, 131_072, 200_000):
        spans = list(suite.chunk_slices(words, suite.Suite.AES_32))
        assert [span.start for span in spans[1:]] == [span.stop for span in spans[:-1]]
        assert (spans[0].start, spans[-1].stop) == (0, words)
        assert len(spans) == suite.chunk_count(words, suite.Suite.AES_32)


def test_roots_commit_to_every_chunk_key() -> None:
    """Another seed, context, order or number of keys gives another root."""
    chunk_keys = keys.derive_chunk_keys(CONTEXT, b"\x01" * 32, 3)
    roots = {
        keys.column_root(CONTEXT, chunk_keys),
        keys.column_root(bytes(32), chunk_keys),
        keys.column_root(CONTEXT, chunk_keys[::-1]),
        keys.column_root(CONTEXT, chunk_keys[:2]),
        keys.column_root(CONTEXT, keys.derive_chunk_keys(CONTEXT, b"\x02" * 32, 3)),
    }
    assert len(roots) == 5
