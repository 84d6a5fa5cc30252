"""Disputes: two holders of a column revealed different mask sums, and one chunk decides which of them is wrong.

The holder that disputes opens the keys of that chunk, one per participant, with the leaves that tie them to the headers'
roots. Every holder of the column knows them already, seeds stay closed, and `judge` is total over foreign bytes
(secure-aggregation section 4, step 5). What makes two documents comparable is ``reveal.check_reveal``; signing and
counting verdicts are the node's and the ledger's.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from aicommons.learning.secagg import header as headers
from aicommons.learning.secagg import keys, reveal
from aicommons.learning.secagg import session as sessions
from aicommons.learning.secagg import suite as suites

_DIGEST = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """Where two holders of a column differ."""

    cell: int
    """Cell of participants."""
    column: int
    """The column."""
    chunk: int
    """First chunk whose hashes differ."""


def find_difference(own: reveal.Document, other: reveal.Document) -> Difference | None:
    """Return the first chunk in which two accepted documents differ, by column and cell, or ``None``."""
    theirs = {(row.column, row.cell): row for row in other.rows}
    for row in sorted(own.rows, key=lambda each: (each.column, each.cell)):
        opposite = theirs.get((row.column, row.cell))
        if opposite is None:
            continue
        for chunk, (mine, its) in enumerate(zip(row.leaves, opposite.leaves, strict=True)):
            if mine != its:
                return Difference(row.cell, row.column, chunk)
    return None


def evidence_bytes(session: sessions.Session, participants: int) -> int:
    """Return the exact length of evidence for a cell of so many participants."""
    return participants * _DIGEST * (1 + session.chunks)


def make_evidence(session: sessions.Session, where: Difference, seeds: Mapping[int, bytes]) -> bytes:
    """Return what a dispute opens: per participant, by id, the chunk's key and the leaves of all keys of the column.

    Args:
        session: the attempt.
        where: the chunk.
        seeds: participant of the cell -> its seed of the column, as `checking.check_submission` accepted it.
    """
    parts = []
    for member_id in sorted(seeds):
        chunk_keys = keys.chunk_keys(session, member_id, where.column, seeds[member_id])
        parts += [chunk_keys[where.chunk], *keys.key_leaves(chunk_keys)]
    return b"".join(parts)


def judge(
    session: sessions.Session,
    where: Difference,
    participants: Sequence[headers.Header],
    *,
    accuser: reveal.Document,
    accused: reveal.Document,
    evidence: bytes,
) -> int:
    """Return which of two holders cheated; a dispute that does not show it convicts whoever raised it.

    Args:
        session: the attempt.
        where: what the dispute names; foreign numbers.
        participants: headers of the set (of the cell), which every holder accepted.
        accuser: document of the member that disputes, accepted by `reveal.check_reveal`.
        accused: likewise of the other one.
        evidence: foreign bytes.
    """
    disputed, own = _row(accused, where), _row(accuser, where)
    if disputed is None or own is None or not 0 <= where.chunk < session.chunks:
        return accuser.member_id
    if disputed.leaves[where.chunk] == own.leaves[where.chunk]:
        return accuser.member_id
    chunk_keys = _opened_keys(session, where, participants, evidence)
    if chunk_keys is None or disputed.leaves[where.chunk] == _true_leaf(session, where, chunk_keys):
        return accuser.member_id
    return accused.member_id


def _row(document: reveal.Document, where: Difference) -> reveal.Row | None:
    return next((row for row in document.rows if (row.cell, row.column) == (where.cell, where.column)), None)


def _opened_keys(
    session: sessions.Session, where: Difference, participants: Sequence[headers.Header], evidence: bytes
) -> list[bytes] | None:
    """Return the chunk's key of every participant, or ``None`` where one is not what its header commits to."""
    if len(evidence) != evidence_bytes(session, len(participants)):
        return None
    size, chunk_keys = evidence_bytes(session, 1), []
    for place, header in enumerate(sorted(participants, key=lambda each: each.member_id)):
        part = evidence[place * size : (place + 1) * size]
        key, leaves = part[:_DIGEST], part[_DIGEST:]
        context = session.column_context(header.member_id, where.column)
        if keys.root_of_leaves(context, leaves) != header.commitment.column_roots[where.column]:
            return None
        if keys.key_leaf(key) != leaves[where.chunk * _DIGEST : (where.chunk + 1) * _DIGEST]:
            return None
        chunk_keys.append(key)
    return chunk_keys


def _true_leaf(session: sessions.Session, where: Difference, chunk_keys: Sequence[bytes]) -> bytes:
    """Return the BLAKE3-256 of the sum of the chunk's keystreams."""
    span = suites.chunk_slice(where.chunk, session.words, session.suite)
    total, stream = np.zeros(span.stop - span.start, session.suite.dtype), suites.Keystream(session.suite)
    for key in chunk_keys:
        total += stream.words(key, total.size)
    return keys.chunk_hash(suites.byte_view(total))
