"""The participant's one message: a vector hidden under one mask per column, and the header that commits to it.

The node calls `shield` once per session, stores the two public results and erases the rest; secrets never leave this
module (secure-aggregation sections 2 and 4, step 1). Storing and signing are the node's.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Sequence

from aicommons.domain import errors
from aicommons.learning.secagg import epoch, group, hashing, header, kem, keys, spread
from aicommons.learning.secagg import session as sessions
from aicommons.learning.secagg import suite as suites


@dataclasses.dataclass(frozen=True, slots=True)
class Submission:
    """What a participant publishes in one round."""

    header: bytes
    """The header; its SHA-256 is signed in Submit."""
    masked: suites.Words
    """y_i: the masked vector."""


@dataclasses.dataclass(frozen=True, slots=True)
class Masked:
    """A masked vector with the hashes that its header commits to."""

    words: suites.Words
    """y_i."""
    blob_root: bytes
    """yroot_i."""
    blob_digest: bytes
    """SHA-256 of y_i."""
    column_roots: tuple[bytes, ...]
    """root_ic for every column."""


def shield(
    session: sessions.Session,
    member_id: int,
    vector: suites.Words,
    draw: epoch.Draw,
    *,
    digest: bytes | None = None,
    consent: bytes = header.NO_REGISTER,
    encapsulate: kem.Encapsulate = kem.encapsulate,
) -> Submission:
    """Return the masked vector and its header. Call once per session: a second call makes a second header.

    Args:
        session: the attempt.
        member_id: the participant.
        vector: x_i, encoded words of the session's length and type; overwritten by y_i, so that it does not stay in memory.
        draw: called for 32 bytes per column in order, then 32 for the one-time key, then 32 for the proof.
        digest: SHA-256 of the vector, where it was computed while it was encoded.
        consent: commitment to whose rows are in the vector, 32 bytes.
        encapsulate: in hybrid sessions called once for each member's key for this participant, in roster order.

    Raises:
        errors.ContributionRefused: the vector has another length or type than the session.
        errors.AggregationRefused: the member is unknown, or a member's point or ML-KEM key is none.
    """
    place = session.index_of(member_id)
    _check_vector(session, vector)
    own = digest or hashlib.sha256(suites.byte_view(vector)).digest()
    seeds = tuple(
        keys.fresh_seed(session, member_id, column, fresh=draw(32), vector_digest=own)
        for column in range(len(session.layout.columns))
    )
    encapsulated = None if session.kem_keys is None else [encapsulate(keys_of[place]) for keys_of in session.kem_keys]
    ciphertexts = tuple(ciphertext for _, ciphertext in encapsulated or ())
    # The boxes authenticate all of it: another note, or other ciphertexts, need another key too.
    said = hashlib.sha256(b"".join([own, consent, *ciphertexts])).digest()
    secret = one_time_secret(session, member_id, fresh=draw(32), statement=said)
    masked = mask(session, member_id, vector, seeds)
    commitment = header.Commitment(
        group.multiply_base(secret), masked.blob_root, masked.blob_digest, masked.column_roots, consent, ciphertexts
    )
    public = header.public_part(session, member_id, commitment)
    nonce = group.hedged_nonce(secret, draw(32), header.public_digest(public))
    shared = None if encapsulated is None else [each for each, _ in encapsulated]
    built = header.build(session, member_id, public, secret=secret, nonce=nonce, seeds=seeds, kem_secrets=shared)
    return Submission(built, masked.words)


def mask(session: sessions.Session, member_id: int, vector: suites.Words, seeds: tuple[bytes, ...]) -> Masked:
    """Add the keystream of every column's seed to ``vector``, and return it with its hashes.

    Args:
        session: the attempt.
        member_id: the participant.
        vector: x_i, of the session's length and type; overwritten by y_i.
        seeds: s_ic for every column; each masks one vector, ever.
    """
    chunk_keys = [keys.chunk_keys(session, member_id, column, seed) for column, seed in enumerate(seeds)]
    located, hashes = hashlib.sha256(), []
    for masked, group_hashes in spread.over_chunks(
        session.chunks, functools.partial(_mask_chunks, session, vector, chunk_keys)
    ):
        located.update(suites.byte_view(masked))  # while other threads mask what follows
        hashes += group_hashes
    roots = tuple(
        keys.column_root(session.column_context(member_id, column), of_column)
        for column, of_column in enumerate(chunk_keys)
    )
    root = keys.blob_root(session.participant_context(member_id), hashes)
    return Masked(vector, root, located.digest(), roots)


def _mask_chunks(
    session: sessions.Session, vector: suites.Words, chunk_keys: Sequence[Sequence[bytes]], group: range
) -> tuple[suites.Words, list[bytes]]:
    """Mask some chunks in place, each while it is in cache; return their words and their hashes."""
    stream, hashes = suites.Keystream(session.suite), []
    spans = [suites.chunk_slice(chunk, session.words, session.suite) for chunk in group]
    for chunk, span in zip(group, spans, strict=True):
        part = vector[span]
        for of_column in chunk_keys:
            part += stream.words(of_column[chunk], part.size)
        hashes.append(keys.chunk_hash(suites.byte_view(part)))
    return vector[spans[0].start : spans[-1].stop], hashes


def one_time_secret(session: sessions.Session, member_id: int, *, fresh: bytes, statement: bytes) -> bytes:
    """Return a one-time scalar, hedged with what it will seal: a cloned machine never boxes two things under one key.

    Args:
        session: the attempt.
        member_id: who seals.
        fresh: 32 fresh random bytes.
        statement: 32 bytes: a digest of vector and consent commitment, or the input digest of a reveal.
    """
    return group.reduce_wide(
        hashing.tagged_wide("aic/once", session.sid, hashing.member_bytes(member_id), fresh, statement)
    )


def _check_vector(session: sessions.Session, vector: suites.Words) -> None:
    if vector.shape != (session.words,) or vector.dtype != session.suite.dtype:
        raise errors.ContributionRefused(
            "the encoded vector has another shape than the run",
            expected=f"{session.suite.dtype}[{session.words}]",
            got=f"{vector.dtype}{list(vector.shape)}",
        )
