"""The Reveal document: chunk hashes of a member's mask sums, and their read keys sealed to the run's readers.

A member calls `seal_column` and `build_document` only after it has verified a certificate; everybody parses documents
of others with `check_reveal` (secure-aggregation section 4, Reveal and Readers). Certificates, signatures and uploads
are the node's; opening what is sealed is ``reading.py``.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

from aicommons.domain import errors
from aicommons.learning.secagg import boxes, epoch, group, hashing, masking, masks
from aicommons.learning.secagg import session as sessions
from aicommons.learning.secagg import suite as suites

READER_BOX_BYTES = 48
"""A column's key of 32 bytes in a box for one reader."""

_DIGEST = 32
_NUMBERS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may read the sums of a run."""

    member_id: int
    """Its id among the members of the commons."""
    point: bytes
    """Its Acked point, else that of the RunSpec."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One mask sum in a document."""

    cell: int
    """Cell of participants."""
    column: int
    """The column."""
    object_digest: bytes
    """SHA-256 of the sealed sum as stored."""
    leaves: tuple[bytes, ...]
    """BLAKE3-256 of every chunk of the plain sum."""
    manifest: bytes
    """manifest_c, recomputed from the leaves."""
    boxes: tuple[bytes, ...]
    """Per reader, in the order of `make_readers`, the sealed read key."""


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A parsed document."""

    member_id: int
    """Who revealed."""
    ephemeral: bytes
    """E': the point under which the read keys are boxed."""
    rows: tuple[Row, ...]
    """One per own column of the member and cell of the set: columns ascending, within one its cells ascending."""


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """What a member signed about its mask sums, in Commit and in Reveal."""

    masks: bytes
    """Commit.masks."""
    salt: bytes
    """Reveal.salt."""
    mine: bytes
    """Reveal.mine."""
    document: bytes
    """Reveal.document: SHA-256 of the document."""


def make_readers(session: sessions.Session, others: Mapping[int, bytes]) -> tuple[Reader, ...]:
    """Return the readers of a run in the order of their boxes: roster members and others, by id.

    Args:
        session: the attempt; a member's point is the one it Acked.
        others: id -> point of the RunSpec's other readers.

    Raises:
        errors.AggregationRefused: ``point-invalid``: a reader's point is none.
    """
    points = {**others, **dict(zip(session.member_ids, session.points, strict=True))}
    for member_id, point in others.items():
        if not group.is_point(point):
            raise errors.AggregationRefused(
                "a reader's point is not a point of the group", reason="point-invalid", member=member_id
            )
    return tuple(Reader(member_id, points[member_id]) for member_id in sorted(points))


def seal_column(column_sum: masks.ColumnSum, room: memoryview | None = None) -> memoryview:
    """Return M_c as stored, in ``room`` if such was given (16 bytes longer); every holder of the column makes the same bytes."""
    return boxes.seal_long(column_sum.read_key, suites.byte_view(column_sum.words), room)


def build_document(
    session: sessions.Session,
    member_id: int,
    sealed: Sequence[tuple[masks.ColumnSum, bytes]],
    *,
    readers: Sequence[Reader],
    input_digest: bytes,
    draw: epoch.Draw,
) -> bytes:
    """Return the document's bytes; made with fresh randomness, so store them before signing and never build them again.

    Args:
        session: the attempt.
        member_id: whose document it is.
        sealed: all its columns' sums, each with the SHA-256 of `seal_column`.
        readers: of `make_readers`.
        input_digest: 32 bytes of the certified inputs.
        draw: 32 bytes are drawn for the one-time key.
    """
    ordered = sorted(sealed, key=lambda pair: (pair[0].column, pair[0].cell))
    secret = masking.one_time_secret(session, member_id, fresh=draw(32), statement=input_digest)
    ephemeral = group.multiply_base(secret)
    shared = [group.multiply(secret, reader.point) for reader in readers]
    parts = []
    for each, object_digest in ordered:
        parts += [hashing.u32(each.cell), hashing.u32(each.column), object_digest, *each.leaves]
    parts.append(ephemeral)
    for each, _ in ordered:
        for place, reader in enumerate(readers):
            numbers = (each.cell, each.column, place)
            key = _reader_key(session, numbers, ephemeral=ephemeral, point=reader.point, shared=shared[place])
            parts.append(boxes.seal(key, each.read_key, each.manifest))
    return b"".join(parts)


def document_bytes(session: sessions.Session, member_id: int, readers: int, *, cells: int = 1) -> int:
    """Return the exact length of a member's document in bytes, for a run with so many readers and a set of so many cells.

    Raises:
        errors.AggregationRefused: ``member-unknown``.
    """
    rows = cells * len(session.layout.columns_of(session.index_of(member_id)))
    return (_row_bytes(session) + READER_BOX_BYTES * readers) * rows + _DIGEST


def parse_document(
    session: sessions.Session,
    member_id: int,
    raw: bytes,
    *,
    readers: int,
    input_digest: bytes,
    cells: Sequence[int] = masks.ONE_CELL,
) -> Document:
    """Return the document in ``raw``; total over any bytes.

    Args:
        session: the attempt.
        member_id: who revealed.
        raw: foreign bytes.
        readers: number of the run's readers.
        input_digest: 32 bytes of the certified inputs.
        cells: cells of the certified set, ascending.

    Raises:
        errors.AggregationRefused: ``member-unknown``; ``document-wrong-length``; ``document-wrong-columns``: rows of
            other columns or cells than the member's; ``point-invalid``: its one-time key is none.
    """
    columns = session.layout.columns_of(session.index_of(member_id))
    places = [(cell, column) for column in columns for cell in cells]
    row_bytes = _row_bytes(session)
    boxes_start = row_bytes * len(places) + _DIGEST
    expected = document_bytes(session, member_id, readers, cells=len(cells))
    if len(raw) != expected:
        raise _refused(f"document: expected {expected} bytes, got {len(raw)}", "document-wrong-length", member_id)
    heads = _split(raw[: boxes_start - _DIGEST], row_bytes)
    if [head[:_NUMBERS] for head in heads] != [hashing.u32(cell) + hashing.u32(column) for cell, column in places]:
        raise _refused(f"document: expected columns {columns}, cells {cells}", "document-wrong-columns", member_id)
    ephemeral = raw[boxes_start - _DIGEST : boxes_start]
    if not group.is_point(ephemeral):
        raise _refused("the document's one-time key is not a point of the group", "point-invalid", member_id)
    sealed = _split(raw[boxes_start:], READER_BOX_BYTES)
    rows = []
    for place, ((cell, column), head) in enumerate(zip(places, heads, strict=True)):
        object_digest, *leaves = _split(head[_NUMBERS:], _DIGEST)
        manifest = masks.manifest(session, column, input_digest, leaves=leaves, cell=cell)
        row_boxes = sealed[readers * place : readers * (place + 1)]
        rows.append(Row(cell, column, object_digest, tuple(leaves), manifest, row_boxes))
    return Document(member_id, ephemeral, tuple(rows))


def check_reveal(
    session: sessions.Session,
    member_id: int,
    raw: bytes,
    claim: Claim,
    *,
    readers: int,
    input_digest: bytes,
    cells: Sequence[int] = masks.ONE_CELL,
) -> Document:
    """Return a member's document after checking it against what the member signed; total over any bytes.

    Args:
        session: the attempt.
        member_id: who revealed.
        raw: foreign bytes of the document.
        claim: fields of its Commit and Reveal, whose signatures are checked already.
        readers: number of the run's readers.
        input_digest: 32 bytes of the certified inputs.
        cells: cells of the certified set, ascending.

    Raises:
        errors.AggregationRefused: the reasons of `parse_document`; ``document-digest-mismatch``;
            ``commitment-mismatch``: salt and ``mine`` are not what Commit named; ``mine-mismatch``: the leaves are not
            those of ``mine``.
    """
    session.index_of(member_id)
    if hashlib.sha256(raw).digest() != claim.document:
        raise _refused("the document is not the one signed in Reveal", "document-digest-mismatch", member_id)
    if masks.salted_commitment(session, member_id, salt=claim.salt, mine=claim.mine) != claim.masks:
        raise _refused("salt and masks are not those signed in Commit", "commitment-mismatch", member_id)
    document = parse_document(session, member_id, raw, readers=readers, input_digest=input_digest, cells=cells)
    rows = [(row.cell, row.column, row.manifest) for row in document.rows]
    if masks.rows_digest(session, member_id, rows) != claim.mine:
        raise _refused("the document's mask sums are not those signed in Reveal", "mine-mismatch", member_id)
    return document


def open_read_key(
    session: sessions.Session, document: Document, row: Row, *, place: int, reader: Reader, shared: bytes
) -> bytes | None:
    """Return K_c from a reader's box, or ``None`` when it does not open.

    Args:
        session: the attempt.
        document: a holder's document.
        row: its row of the column.
        place: the reader's place among the run's readers.
        reader: the reader.
        shared: the reader's secret times the document's one-time point.
    """
    numbers = (row.cell, row.column, place)
    key = _reader_key(session, numbers, ephemeral=document.ephemeral, point=reader.point, shared=shared)
    return boxes.open_sealed(key, row.boxes[place], row.manifest)


def _row_bytes(session: sessions.Session) -> int:
    return _NUMBERS + _DIGEST * (1 + session.chunks)


def _reader_key(
    session: sessions.Session, numbers: tuple[int, int, int], *, ephemeral: bytes, point: bytes, shared: bytes
) -> bytes:
    """Return the key of one reader box; ``numbers`` are cell, column and the reader's place."""
    encoded = [hashing.u32(number) for number in numbers]
    return hashing.tagged("aic/reader", session.sid, *encoded, ephemeral, point, shared)


def _split(raw: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(raw[start : start + size] for start in range(0, len(raw), size))


def _refused(message: str, reason: str, member_id: int) -> errors.AggregationRefused:
    return errors.AggregationRefused(message, reason=reason, member=member_id)
