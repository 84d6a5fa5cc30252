"""Whole rounds: what every reader computes is exactly the sum of the vectors over the ring."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pytest

from aicommons.domain import errors
from aicommons.learning.secagg import masks, reading, suite

if TYPE_CHECKING:
    from tests.learning.secagg.conftest import Committee, MakeCommittee, Revealed

    RunRound = Callable[[Committee], Revealed]


def _read(
    committee: Committee,
    revealed: Revealed,
    member_id: int,
    *,
    own: Mapping[tuple[int, int], masks.ColumnSum] | None = None,
) -> reading.Reading:
    columns = reading.open_columns(
        committee.session, revealed.documents, revealed.objects, eyes=committee.eyes(member_id), own=own
    )
    return reading.read(committee.session, {0: [each.masked for each in revealed.submissions.values()]}, columns)


def _expected(committee: Committee) -> suite.Words:
    total = np.zeros(committee.session.words, committee.session.suite.dtype)
    for member_id in committee.session.member_ids:
        total += committee.vector(member_id)
    return total


@pytest.mark.parametrize("chosen", list(suite.Suite))
@pytest.mark.parametrize("members", [3, 4, 5, 6, 7, 8, 9, 20])
def test_every_kind_of_reader_gets_the_exact_ring_sum(
    make_committee: MakeCommittee, run_round: RunRound, members: int, chosen: suite.Suite
) -> None:
    """Members with and without their own sums and an auditor read the same exact sum, salt and digest."""
    committee = make_committee(members, chosen, words=40)
    revealed = run_round(committee)
    first = committee.session.member_ids[0]
    reading.agree_manifests(committee.session, revealed.documents, committee.session.member_ids)
    readings = [
        _read(committee, revealed, committee.auditor_id),
        _read(committee, revealed, first),
        _read(committee, revealed, first, own={(each.column, each.cell): each for each in revealed.sums[first]}),
        _read(committee, revealed, committee.session.member_ids[-1]),
    ]
    for each in readings:
        assert np.array_equal(each.words, _expected(committee))
        assert (each.salt, each.sum_digest, each.read_keys) == (
            readings[0].salt,
            readings[0].sum_digest,
            readings[0].read_keys,
        )


@pytest.mark.parametrize(("chosen", "words"), [(suite.Suite.AES_32, 140_000), (suite.Suite.CHACHA_64, 32_772)])
def test_vectors_of_several_chunks_sum_exactly(
    make_committee: MakeCommittee, run_round: RunRound, chosen: suite.Suite, words: int
) -> None:
    """Chunk borders change nothing: a vector of several chunks with a short last one sums exactly."""
    committee = make_committee(3, chosen, words)
    revealed = run_round(committee)
    assert committee.session.chunks > 1
    assert np.array_equal(_read(committee, revealed, committee.auditor_id).words, _expected(committee))


def test_pairs_serve_six_members_with_long_vectors(make_committee: MakeCommittee, run_round: RunRound) -> None:
    """Six members may use disjoint pairs when the vector is longer than a million words."""
    committee = make_committee(6, suite.Suite.AES_32, 1_000_001, number=2)
    revealed = run_round(committee)
    assert np.array_equal(_read(committee, revealed, committee.auditor_id).words, _expected(committee))


def test_holders_of_a_column_make_the_same_bytes(make_committee: MakeCommittee, run_round: RunRound) -> None:
    """All holders of a column seal the same object, so that a store keeps one."""
    committee = make_committee(5)
    revealed = run_round(committee)
    assert len(revealed.objects) == len(committee.session.layout.columns)


@pytest.mark.parametrize(("members", "size"), [(6, 3), (8, 4), (21, 4)])
def test_cells_are_summed_apart(make_committee: MakeCommittee, members: int, size: int) -> None:
    """Over a set of cells every reader gets one exact sum per cell, and together they are the sum over everybody."""
    committee = make_committee(members, words=40)
    ids = committee.session.member_ids
    cells = {cell + 2: ids[start : start + size] for cell, start in enumerate(range(0, members - members % size, size))}
    submissions = {
        who: sent for who, sent in committee.submissions().items() if any(who in each for each in cells.values())
    }
    documents, objects = {}, {}
    for index, member_id in enumerate(ids):
        document, claim, sealed = committee.publish(index, committee.cell_sums(index, submissions, cells))
        documents[member_id] = committee.accept(index, document, claim, cells=tuple(cells))
        objects.update(sealed)
    manifests = reading.agree_manifests(committee.session, documents, ids, cells=tuple(cells))
    opened = reading.open_columns(
        committee.session, documents, objects, eyes=committee.eyes(committee.auditor_id), cells=tuple(cells)
    )
    masked = {cell: [submissions[who].masked for who in each] for cell, each in cells.items()}
    read = reading.read(committee.session, masked, opened)
    assert len(set(manifests)) == len(committee.session.layout.columns) * len(cells)
    for cell, each in cells.items():
        assert np.array_equal(read.sums[cell], sum(committee.vector(who) for who in each))
    assert np.array_equal(read.words, sum(committee.vector(who) for who in submissions))


def test_cells_in_another_order_are_not_read(make_committee: MakeCommittee) -> None:
    """A document whose rows are of other cells than the set's, or in another order, is refused."""
    committee = make_committee(6, words=40)
    ids = committee.session.member_ids
    submissions = committee.submissions()
    document, claim, _ = committee.publish(0, committee.cell_sums(0, submissions, {1: ids[:3], 2: ids[3:]}))
    for cells in ((2, 1), (1, 3), (0, 1)):
        with pytest.raises(errors.AggregationRefused) as caught:
            committee.accept(0, document, claim, cells=cells)
        assert caught.value.reason == "document-wrong-columns"
    with pytest.raises(errors.AggregationRefused) as caught:
        committee.accept(0, document, claim)
    assert caught.value.reason == "document-wrong-length"


def test_set_smaller_than_the_roster_sums_exactly(make_committee: MakeCommittee) -> None:
    """A set without one roster member still sums exactly: the absent one only holds columns."""
    committee = make_committee(5)
    submissions = committee.submissions()
    absent = committee.session.member_ids[2]
    del submissions[absent]
    total = np.zeros(committee.session.words, committee.session.suite.dtype)
    sums = {each.column: each.words for index in range(5) for each in committee.sums(index, submissions)}
    for member_id in submissions:
        total += committee.vector(member_id)
    read = reading.ring_sum(committee.session, [each.masked for each in submissions.values()], sums.values())
    assert np.array_equal(read, total)


def test_mask_sums_do_not_depend_on_the_order_of_arrival(make_committee: MakeCommittee) -> None:
    """Seeds collected in another order give the same sum, manifest and read key."""
    committee = make_committee(4)
    seeds = {who: {0: bytes([who]) * 32} for who in committee.session.member_ids}
    backwards = dict(reversed(seeds.items()))
    first, second = (masks.mask_sum(committee.session, each, 0, bytes(32)) for each in (seeds, backwards))
    assert (first.manifest, first.read_key) == (second.manifest, second.read_key)


def test_one_bad_box_or_object_costs_nothing(make_committee: MakeCommittee, run_round: RunRound) -> None:
    """While another holder's box and object are good, a reader gets the same sum."""
    committee = make_committee(3)
    revealed = run_round(committee)
    first = committee.session.member_ids[0]
    document = revealed.documents[first]
    rows = tuple(dataclasses.replace(row, boxes=tuple(bytes(48) for _ in row.boxes)) for row in document.rows)
    revealed.documents[first] = dataclasses.replace(document, rows=rows)
    read = _read(committee, revealed, committee.auditor_id)
    assert np.array_equal(read.words, _expected(committee))


def test_lost_objects_name_the_column(make_committee: MakeCommittee, run_round: RunRound) -> None:
    """A column whose object nobody has is named."""
    committee = make_committee(3)
    revealed = run_round(committee)
    lost = revealed.documents[committee.session.member_ids[2]].rows[-1]
    del revealed.objects[lost.object_digest]
    with pytest.raises(errors.AggregationRefused) as caught:
        _read(committee, revealed, committee.auditor_id)
    assert (caught.value.reason, caught.value.which) == ("column-does-not-open", f"column {lost.column}")


def test_published_read_keys_open_the_sums_for_anybody(make_committee: MakeCommittee, run_round: RunRound) -> None:
    """After release the read keys alone open every column and give the same reading."""
    committee = make_committee(4)
    revealed = run_round(committee)
    first = _read(committee, revealed, committee.auditor_id)
    columns = []
    for column, read_key in enumerate(first.read_keys):
        row = next(row for each in revealed.documents.values() for row in each.rows if row.column == column)
        columns.append(reading.open_column(committee.session, row, revealed.objects[row.object_digest], read_key))
    again = reading.read(committee.session, {0: [each.masked for each in revealed.submissions.values()]}, columns)
    assert again.sum_digest == first.sum_digest


def test_salt_and_digests_are_those_of_the_specification(make_committee: MakeCommittee, run_round: RunRound) -> None:
    """The salt hashes the SHA-256 of the plain mask sums, columns ascending, and enters the sum's digest."""
    committee = make_committee(3)
    revealed = run_round(committee)
    plain = {each.column: each.words for sums in revealed.sums.values() for each in sums}
    read = _read(committee, revealed, committee.auditor_id)
    digests = b"".join(hashlib.sha256(plain[column].tobytes()).digest() for column in sorted(plain))
    salt = _blake2b(b"aic/salt", digests)
    assert read.salt == salt
    assert read.sum_digest == _blake2b(b"aic/sum", committee.session.sid, salt, read.words.tobytes())
    assert reading.state_digest(bytes(32), salt, b"state") == _blake2b(b"aic/state", bytes(32), salt, b"state")


def _blake2b(tag: bytes, *parts: bytes) -> bytes:
    message = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    return hashlib.blake2b(message, digest_size=32, person=tag).digest()
