"""Work spread over cores: the same bytes in the same order, however many threads there are."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from aicommons.domain import errors
from aicommons.learning import blocks
from aicommons.learning.secagg import keys, masking, masks, quantise, reading, reveal, spread, suite

if TYPE_CHECKING:
    from tests.learning.secagg.conftest import MakeCommittee

LONG = 700_000
"""Words of a vector of eleven chunks: three pieces of work."""


@pytest.mark.parametrize("chunks", [0, 1, 4, 5, 11])
def test_results_come_in_the_order_of_the_chunks(chunks: int) -> None:
    """Every chunk is worked on once, and results come in order although the first piece is the slowest."""
    release = threading.Event()

    def work(group: range) -> list[int]:
        if group.start == 0 and chunks > spread.GROUP and spread.cores() > 1:
            release.wait(10)
        else:
            release.set()
        return list(group)

    assert [chunk for group in spread.over_chunks(chunks, work) for chunk in group] == list(range(chunks))


def test_no_thread_outlives_its_work() -> None:
    """All threads have ended when the work is done, also when it failed: a node forks children afterwards."""
    before = threading.active_count()

    def refuse(group: range) -> None:
        raise errors.ContributionRefused("no", which=str(group.start))

    with pytest.raises(errors.ContributionRefused) as caught:
        list(spread.over_chunks(100, refuse))
    assert caught.value.which == "0"
    assert threading.active_count() == before


def test_long_vectors_are_masked_and_summed_as_chunk_by_chunk(make_committee: MakeCommittee) -> None:
    """A vector of many chunks gets the mask, the hashes and the sums that its definition gives it."""
    committee = make_committee(3, words=LONG)
    made, who = committee.session, committee.session.member_ids[0]
    vector = committee.vector(who)
    masked = masking.mask(made, who, vector.copy(), tuple(bytes([column]) * 32 for column in range(3)))
    expected = vector.copy()
    for column in range(3):
        for chunk, key in enumerate(keys.chunk_keys(made, who, column, bytes([column]) * 32)):
            span = suite.chunk_slice(chunk, made.words, made.suite)
            stream = suite.keystream(made.suite, key, (span.stop - span.start) * 4)
            expected[span] += np.frombuffer(stream, made.suite.dtype)
    assert np.array_equal(masked.words, expected)
    view = suite.byte_view(expected)
    hashes = [keys.chunk_hash(view[at : at + suite.CHUNK_BYTES]) for at in range(0, view.nbytes, suite.CHUNK_BYTES)]
    assert masked.blob_root == keys.blob_root(made.participant_context(who), hashes)
    sums = [masks.mask_sum(made, {who: {column: bytes([column]) * 32}}, column, bytes(32)) for column in range(3)]
    assert np.array_equal(reading.ring_sum(made, [masked.words], [each.words for each in sums]), vector)
    assert np.array_equal(reading.ring_sum(made, iter([masked.words]), iter([each.words for each in sums])), vector)


def test_what_a_room_held_before_leaves_no_trace(make_committee: MakeCommittee) -> None:
    """Sums and sealed columns written over others are those that new memory gets."""
    made = make_committee(3, words=LONG).session
    seeds = {who: {0: bytes([who % 256]) * 32} for who in made.member_ids}
    words, sealed = np.full(made.words, 7, made.suite.dtype), memoryview(bytearray(b"7" * (made.blob_bytes + 16)))
    fresh = masks.mask_sum(made, seeds, 0, bytes(32))
    reused = masks.mask_sum(made, seeds, 0, bytes(32), room=words)
    assert reused.words is words
    assert np.array_equal(reused.words, fresh.words)
    assert (reused.leaves, reused.manifest) == (fresh.leaves, fresh.manifest)
    assert bytes(reveal.seal_column(reused, sealed)) == bytes(reveal.seal_column(fresh))
    total = np.full(made.words, 7, made.suite.dtype)
    assert np.array_equal(reading.ring_sum(made, [fresh.words], [], room=total), fresh.words)


@pytest.mark.parametrize("encoding", [blocks.Encoding.CLIPPED, blocks.Encoding.BOUNDED])
def test_long_blocks_are_encoded_value_by_value(encoding: blocks.Encoding) -> None:
    """A block of many pieces becomes the integers of its values, within its L2 norm where it is clipped."""
    values = np.random.default_rng(5).normal(size=LONG)
    block = blocks.Block("delta", LONG, 64.0, encoding)
    words = quantise.encode((block,), {"delta": values}, members=5, word_bits=32)
    back = quantise.decode((block,), words, members=5, word_bits=32)["delta"]
    norm = np.sqrt(np.dot(values, values))
    assert norm > block.cap
    wanted = values * (block.cap / norm) if encoding is blocks.Encoding.CLIPPED else values
    assert float(np.abs(back - wanted).max()) <= block.cap / quantise.bound(5, 32)


@pytest.mark.parametrize("length", [3, LONG, 65_536 + 1])
def test_digest_taken_while_encoding_is_that_of_the_words(length: int) -> None:
    """Whoever sees the words as they are made sees each byte once, in order, with the padding."""
    plan = (
        blocks.Block("delta", length, 64.0, blocks.Encoding.CLIPPED),
        blocks.Block("rows", 2, 8.0, blocks.Encoding.INTEGER),
    )
    values = {"delta": np.linspace(-1.0, 1.0, length), "rows": np.array([3.0, 5.0])}
    seen = hashlib.sha256()
    words = quantise.encode(plan, values, members=5, word_bits=32, see=seen.update)
    assert seen.digest() == hashlib.sha256(words.tobytes()).digest()
    assert np.array_equal(words, quantise.encode(plan, values, members=5, word_bits=32))


@pytest.mark.parametrize("place", [0, LONG // 2, LONG - 1])
@pytest.mark.parametrize("value", [64.5, -65.0])
def test_one_value_over_the_cap_is_found_in_any_piece(place: int, value: float) -> None:
    """A block of fixed bound with one value over its cap is refused, wherever the value stands."""
    values = np.zeros(LONG)
    values[place] = value
    block = blocks.Block("delta", LONG, 64.0, blocks.Encoding.BOUNDED)
    with pytest.raises(errors.ContributionRefused):
        quantise.encode((block,), {"delta": values}, members=5, word_bits=32)
