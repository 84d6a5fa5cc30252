"""Mask sums: what the holders of a column compute from their seeds, and how they commit to it before revealing.

A member calls `mask_sum` for each of its columns once the inputs are fixed, and `commit` for the fields of its Commit;
after the certificate `reveal.py` publishes the sums (secure-aggregation sections 2 and 4, steps 3 and 4).
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from aicommons.domain import errors
from aicommons.learning.secagg import hashing, keys, spread
from aicommons.learning.secagg import session as sessions
from aicommons.learning.secagg import suite as suites

SeedsByMember = Mapping[int, Mapping[int, bytes]]
"""Participant -> column -> seed, as `checking.check_submission` returned them for the whole set."""
ONE_CELL = (0,)
"""Cells of a set that is not divided."""


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnSum:
    """The sum of all participants' masks in one column. Secret until its round is certified."""

    cell: int
    """Cell of participants; 0 when there is one."""
    column: int
    """The column."""
    words: suites.Words = dataclasses.field(repr=False)
    """M_c."""
    leaves: tuple[bytes, ...]
    """BLAKE3-256 of every chunk of M_c."""
    manifest: bytes
    """manifest_c: 32-byte commitment to M_c for this session, input set, cell and column."""
    read_key: bytes = dataclasses.field(repr=False)
    """K_c: the key under which M_c is stored, sealed to the run's readers."""

    def without_words(self) -> "ColumnSum":
        """Return all but the vector, which needs no room in memory any more once it is sealed and stored."""
        return dataclasses.replace(self, words=self.words[:0].copy())


def mask_sum(
    session: sessions.Session,
    seeds_by_member: SeedsByMember,
    column: int,
    input_digest: bytes,
    *,
    cell: int = 0,
    room: suites.Words | None = None,
) -> ColumnSum:
    """Return M_c with its commitment and read key.

    Args:
        session: the attempt.
        seeds_by_member: seeds of every participant of the set S (of the cell), with this column among them.
        column: one of the caller's columns.
        input_digest: 32 bytes: session, set and header digests.
        cell: cell of participants.
        room: what M_c is written into, of the session's length and type: memory that was touched before costs half. ``None``
            for new memory.

    Raises:
        errors.AggregationRefused: ``seed-missing``: a participant's seed of this column is not there, or nobody's.
    """
    members = sorted(seeds_by_member)
    missing = [member_id for member_id in members if column not in seeds_by_member[member_id]]
    if missing or not members:
        raise errors.AggregationRefused(
            f"no seed of column {column}", reason="seed-missing", member=missing[0] if missing else None
        )
    seeds = [seeds_by_member[member_id][column] for member_id in members]
    chunk_keys = [
        keys.chunk_keys(session, member_id, column, seed) for member_id, seed in zip(members, seeds, strict=True)
    ]
    words = np.empty(session.words, session.suite.dtype) if room is None else room
    leaves = _sum_streams(session, chunk_keys, words)
    return ColumnSum(
        cell=cell,
        column=column,
        words=words,
        leaves=leaves,
        manifest=manifest(session, column, input_digest, leaves=leaves, cell=cell),
        read_key=hashing.tagged("aic/read", session.sid, hashing.u32(cell), hashing.u32(column), b"".join(seeds)),
    )


def manifest(
    session: sessions.Session, column: int, input_digest: bytes, *, leaves: Sequence[bytes], cell: int = 0
) -> bytes:
    """Return manifest_c, the 32-byte commitment to a mask sum with these chunk hashes."""
    return hashing.tagged(
        "aic/mask", session.sid, input_digest, hashing.u32(cell), hashing.u32(column), b"".join(leaves)
    )


def commit(session: sessions.Session, member_id: int, sums: Sequence[ColumnSum], salt: bytes) -> tuple[bytes, bytes]:
    """Return (mine, masks): what a member reveals about its sums, and what it signs before in Commit.

    Args:
        session: the attempt.
        member_id: whose sums they are.
        sums: of all its columns.
        salt: 32 fresh random bytes, kept until Reveal; they stop a partner from copying the commitment.
    """
    ordered = sorted(sums, key=lambda each: (each.column, each.cell))
    mine = rows_digest(session, member_id, [(each.cell, each.column, each.manifest) for each in ordered])
    return mine, salted_commitment(session, member_id, salt=salt, mine=mine)


def rows_digest(session: sessions.Session, member_id: int, rows: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Return ``mine`` of Reveal from (cell, column, manifest) rows, by column and within it by cell."""
    encoded = b"".join([hashing.u32(cell) + hashing.u32(column) + digest for cell, column, digest in rows])
    return hashing.tagged("aic/mine", session.sid, hashing.member_bytes(member_id), encoded)


def salted_commitment(session: sessions.Session, member_id: int, *, salt: bytes, mine: bytes) -> bytes:
    """Return ``masks`` of Commit."""
    return hashing.tagged("aic/mc", session.sid, hashing.member_bytes(member_id), salt, mine)


def _sum_streams(
    session: sessions.Session, chunk_keys: Sequence[Sequence[bytes]], words: suites.Words
) -> tuple[bytes, ...]:
    """Write the sum of the keystreams of all participants; return its chunk hashes. A chunk stays in cache throughout."""

    def add_up(group: range) -> list[bytes]:
        stream, leaves = suites.Keystream(session.suite), []
        for chunk in group:
            part = words[suites.chunk_slice(chunk, session.words, session.suite)]
            first, *others = chunk_keys
            np.copyto(part, stream.words(first[chunk], part.size))
            for of_member in others:
                part += stream.words(of_member[chunk], part.size)
            leaves.append(keys.chunk_hash(suites.byte_view(part)))
        return leaves

    return tuple(leaf for leaves in spread.over_chunks(session.chunks, add_up) for leaf in leaves)
