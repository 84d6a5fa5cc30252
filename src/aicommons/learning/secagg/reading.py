"""Reading a round: open the mask sums that were sealed to a reader, check them, and take them off the masked vectors.

Every node reads its rounds here, and so does ``run verify`` with a reader's key or with the keys published at release.
Whatever is used is checked against the manifests that the holders signed (secure-aggregation section 4, step 6 and
Readers). Combining the sum into a new state is the learner's.
"""

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from aicommons.domain import errors
from aicommons.learning.secagg import boxes, group, hashing, keys, masks, reveal, spread
from aicommons.learning.secagg import session as sessions
from aicommons.learning.secagg import suite as suites

Documents = Mapping[int, reveal.Document]
"""Member -> its document, each returned by `reveal.check_reveal`."""
Objects = Mapping[bytes, hashing.Part]
"""SHA-256 -> foreign bytes of a sealed mask sum; may load lazily and may lack some."""


@dataclasses.dataclass(frozen=True, slots=True)
class Eyes:
    """A reader with its secret."""

    place: int
    """Its place among the run's readers."""
    reader: reveal.Reader
    """Its id and point."""
    secret: bytes = dataclasses.field(repr=False)
    """The scalar of its point."""


@dataclasses.dataclass(frozen=True, slots=True)
class OpenedColumn:
    """A plain mask sum that matches the manifest its holders signed."""

    cell: int
    """Cell of participants."""
    column: int
    """The column."""
    words: suites.Words = dataclasses.field(repr=False)
    """M_c."""
    digest: bytes
    """SHA-256 of M_c, for the salt."""
    read_key: bytes = dataclasses.field(repr=False)
    """K_c, published at release."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What a reader learns from a round."""

    sums: Mapping[int, suites.Words] = dataclasses.field(repr=False)
    """Cell, ascending -> Z: the ring sum of its participants' vectors."""
    salt: bytes = dataclasses.field(repr=False)
    """salt_r: known to readers only, alike for all of them."""
    sum_digest: bytes
    """Salted digest of Z, signed in Result."""
    read_keys: tuple[bytes, ...] = dataclasses.field(repr=False)
    """K_c per column, within one by cell, published at release."""

    @property
    def words(self) -> suites.Words:
        """The ring sum of everybody's vectors."""
        first, *others = self.sums.values()
        return sum(others, first) if others else first


def agree_manifests(
    session: sessions.Session,
    documents: Documents,
    committed: Collection[int],
    *,
    cells: Sequence[int] = masks.ONE_CELL,
) -> tuple[bytes, ...]:
    """Return manifest_c per column, within one by cell, on which all holders that signed Commit agree.

    Args:
        session: the attempt.
        documents: of all members that revealed.
        committed: members that signed the certified Commit and are not out (silent or wrong by verdict).
        cells: cells of the certified set, ascending.

    Raises:
        errors.AggregationRefused: naming the first column where it fails: ``reveal-missing``: a holder that committed
            has not revealed; ``column-without-reveal``: no holder has; ``manifest-mismatch``: two holders differ.
    """
    return tuple(
        _agree_column(session, documents, committed, (column, cell))
        for column in range(len(session.layout.columns))
        for cell in cells
    )


def open_columns(
    session: sessions.Session,
    documents: Documents,
    objects: Objects,
    *,
    eyes: Eyes,
    own: Mapping[tuple[int, int], masks.ColumnSum] | None = None,
    cells: Sequence[int] = masks.ONE_CELL,
) -> Iterator[OpenedColumn]:
    """Yield the plain mask sum of every column, ascending, within one by cell; one is in memory at a time.

    A holder whose box or object is bad costs nothing while another holder's opens and matches the manifest.

    Args:
        session: the attempt.
        documents: whose manifests `agree_manifests` accepted.
        objects: sealed sums.
        eyes: the reader.
        own: (column, cell) -> sum of a column of its own, if it still has it; it needs no decryption then.
        cells: cells of the certified set, ascending.

    Raises:
        errors.AggregationRefused: ``column-does-not-open``: nobody's box and object of a column open and match;
            ``manifest-mismatch``: a sum of one's own is another than the one agreed.
    """
    for column, holders in enumerate(session.layout.columns):
        members = [session.member_ids[index] for index in holders if session.member_ids[index] in documents]
        for cell in cells:
            offers = [(documents[member_id], _row(documents[member_id], column, cell)) for member_id in members]
            kept = (own or {}).get((column, cell))
            if kept is not None:
                yield _accept_own(kept, [row for _, row in offers])
            else:
                yield _open_offers(session, column, offers, objects, eyes=eyes)


def open_column(
    session: sessions.Session, row: reveal.Row, sealed: hashing.Part, read_key: bytes
) -> OpenedColumn | None:
    """Return a plain mask sum opened with its read key, or ``None`` when it does not open or is another than claimed.

    Args:
        session: the attempt.
        row: the column's row in a holder's document.
        sealed: foreign bytes of the object.
        read_key: K_c, from a box or as published.
    """
    if len(sealed) != session.blob_bytes + boxes.TAG_BYTES:
        return None
    plain = boxes.open_long(read_key, sealed)
    if plain is None or tuple(keys.chunk_hashes(plain)) != row.leaves:
        return None
    digest = hashlib.sha256(plain).digest()
    return OpenedColumn(row.cell, row.column, suites.as_words(plain, session.suite), digest, read_key)


def read(
    session: sessions.Session, masked: Mapping[int, Iterable[suites.Blob]], columns: Iterable[OpenedColumn]
) -> Reading:
    """Return the sum of the participants' vectors with its salt and digest.

    Args:
        session: the attempt.
        masked: cell of the certified set -> y_i of its participants, each accepted by `checking.check_public`.
        columns: every column, ascending, within one by cell: `open_columns`.

    Raises:
        errors.AggregationRefused: ``blob-wrong-length``, ``columns-incomplete``, or whatever ``columns`` raises.
    """
    cells = sorted(masked)
    sums = {cell: ring_sum(session, masked[cell], ()) for cell in cells}
    expected = [(column, cell) for column in range(len(session.layout.columns)) for cell in cells]
    opened: list[tuple[int, int]] = []
    digests: list[bytes] = []
    read_keys: list[bytes] = []
    for each in columns:
        opened.append((each.column, each.cell))
        if opened != expected[: len(opened)]:
            break
        add_up(session, sums[each.cell], (), [each.words])
        digests.append(each.digest)
        read_keys.append(each.read_key)
        del each  # the next column is opened into the room of this one
    if opened != expected:
        raise errors.AggregationRefused(
            f"expected {len(expected)} columns in order, got {len(opened)}", reason="columns-incomplete"
        )
    salt = salt_of(digests)
    return Reading(sums, salt, sum_digest(session, salt, list(sums.values())), tuple(read_keys))


def ring_sum(
    session: sessions.Session,
    masked: Iterable[suites.Blob],
    columns: Iterable[suites.Words],
    *,
    room: suites.Words | None = None,
) -> suites.Words:
    """Return the sum of ``masked`` minus the sum of ``columns`` over the ring.

    Args:
        session: the attempt.
        masked: vectors to add.
        columns: vectors to take off.
        room: what the sum is written into, of the session's length and type; ``None`` for new memory.

    Raises:
        errors.AggregationRefused: ``blob-wrong-length``: a vector of another length than the session's.
    """
    total = np.empty(session.words, session.suite.dtype) if room is None else room
    total.fill(0)
    if isinstance(masked, Sequence) and isinstance(columns, Sequence):
        add_up(session, total, masked, columns)
        return total
    for blob in masked:  # one at a time: whoever makes them may not have room for all
        add_up(session, total, [blob], ())
    for words in columns:
        add_up(session, total, (), [words])
    return total


def add_up(
    session: sessions.Session, total: suites.Words, plus: Sequence[suites.Blob], minus: Sequence[suites.Blob]
) -> None:
    """Add vectors to ``total`` and take others off; each chunk of it is in cache until all of them went in.

    Raises:
        errors.AggregationRefused: ``blob-wrong-length``: a vector of another length than the session's.
    """
    added, taken = ([_checked_words(session, blob) for blob in blobs] for blobs in (plus, minus))

    def chunks(group: range) -> None:
        for chunk in group:
            span = suites.chunk_slice(chunk, session.words, session.suite)
            part = total[span]
            for words in added:
                part += words[span]
            for words in taken:
                part -= words[span]

    for _ in spread.over_chunks(session.chunks, chunks):
        pass


def salt_of(plain_digests: Sequence[bytes]) -> bytes:
    """Return salt_r from the SHA-256 of every plain mask sum, columns ascending, within one by cell."""
    return hashing.tagged("aic/salt", b"".join(plain_digests))


def sum_digest(session: sessions.Session, salt: bytes, sums: Sequence[suites.Words]) -> bytes:
    """Return the salted digest of the cells' ring sums, ascending, which Result signs: 32 bytes."""
    return hashing.tagged("aic/sum", session.sid, salt, *(suites.byte_view(words) for words in sums))


def state_digest(sid: bytes, salt: bytes, state: bytes) -> bytes:
    """Return the salted digest of a state: 32 bytes.

    Args:
        sid: session id of the round that made the state; the run id for the first state.
        salt: of that round; 32 zero bytes for the first state.
        state: its canonical bytes.
    """
    return hashing.tagged("aic/state", sid, salt, state)


def _agree_column(
    session: sessions.Session, documents: Documents, committed: Collection[int], place: tuple[int, int]
) -> bytes:
    column, cell = place
    holders = [session.member_ids[index] for index in session.layout.columns[column]]
    missing = [member_id for member_id in holders if member_id in committed and member_id not in documents]
    if missing:
        raise _column_refused("a holder has committed but not revealed", "reveal-missing", column, missing[0])
    manifests = {
        member_id: _row(documents[member_id], column, cell).manifest for member_id in holders if member_id in documents
    }
    if not manifests:
        raise _column_refused("no holder has revealed", "column-without-reveal", column, None)
    if len(set(manifests.values())) > 1:
        raise _column_refused("its holders reveal different mask sums", "manifest-mismatch", column, None)
    return next(iter(manifests.values()))


def _open_offers(
    session: sessions.Session,
    column: int,
    offers: Sequence[tuple[reveal.Document, reveal.Row]],
    objects: Objects,
    *,
    eyes: Eyes,
) -> OpenedColumn:
    for document, row in offers:
        shared = group.multiply(eyes.secret, document.ephemeral)
        read_key = reveal.open_read_key(session, document, row, place=eyes.place, reader=eyes.reader, shared=shared)
        sealed = objects.get(row.object_digest)
        if read_key is None or sealed is None:
            continue
        opened = open_column(session, row, sealed, read_key)
        if opened is not None:
            return opened
    raise _column_refused("no holder's box and object open and match", "column-does-not-open", column, None)


def _accept_own(kept: masks.ColumnSum, rows: Sequence[reveal.Row]) -> OpenedColumn:
    if any(row.manifest != kept.manifest for row in rows):
        raise _column_refused("another mask sum than our own was revealed", "manifest-mismatch", kept.column, None)
    digest = hashlib.sha256(suites.byte_view(kept.words)).digest()
    return OpenedColumn(kept.cell, kept.column, kept.words, digest, kept.read_key)


def _row(document: reveal.Document, column: int, cell: int) -> reveal.Row:
    return next(row for row in document.rows if (row.column, row.cell) == (column, cell))


def _checked_words(session: sessions.Session, blob: suites.Blob) -> suites.Words:
    view = suites.byte_view(blob)
    if view.nbytes != session.blob_bytes:
        raise errors.AggregationRefused(
            f"vector: expected {session.blob_bytes} bytes, got {view.nbytes}", reason="blob-wrong-length"
        )
    return suites.as_words(blob, session.suite)


def _column_refused(message: str, reason: str, column: int, member_id: int | None) -> errors.AggregationRefused:
    return errors.AggregationRefused(message, reason=reason, member=member_id, which=f"column {column}")
