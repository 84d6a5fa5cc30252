"""Seeds, chunk keys and the roots that commit to them.

A participant draws one seed per column; a holder of the seed and the participant derive the same key for every chunk;
the root in the header binds the participant to them before anything is opened (secure-aggregation section 2). Called by
masking, checking and mask sums.
"""

import blake3

from aicommons.learning.secagg import hashing, spread
from aicommons.learning.secagg import session as sessions
from aicommons.learning.secagg import suite as suites

SEED_BYTES = 32


def fresh_seed(session: sessions.Session, member_id: int, column: int, *, fresh: bytes, vector_digest: bytes) -> bytes:
    """Return s_ic.

    Args:
        session: the attempt.
        member_id: the participant.
        column: the column it is for.
        fresh: 32 fresh random bytes.
        vector_digest: SHA-256 of the vector to be masked, so that a cloned machine never masks two with one seed.
    """
    return hashing.tagged(
        "aic/gen", session.sid, hashing.member_bytes(member_id), hashing.u32(column), vector_digest, key=fresh
    )


def chunk_keys(session: sessions.Session, member_id: int, column: int, seed: bytes) -> list[bytes]:
    """Return K_icq for every chunk q."""
    return derive_chunk_keys(session.column_context(member_id, column), seed, session.chunks)


def derive_chunk_keys(context: bytes, seed: bytes, chunks: int) -> list[bytes]:
    """Return the keys of ``chunks`` chunks under a seed and its 32-byte column context."""
    column_key = hashing.tagged("aic/seed", context, key=seed)
    return [hashing.tagged("aic/chunk", hashing.u32(chunk), key=column_key) for chunk in range(chunks)]


def column_root(context: bytes, chunk_keys: list[bytes]) -> bytes:
    """Return root_ic, the 32-byte commitment to all chunk keys of a column."""
    return root_of_leaves(context, b"".join(key_leaves(chunk_keys)))


def key_leaf(chunk_key: bytes) -> bytes:
    """Return the leaf of one chunk key: 32 bytes that commit to it."""
    return hashing.tagged("aic/leaf", chunk_key)


def key_leaves(chunk_keys: list[bytes]) -> list[bytes]:
    """Return the leaf of every chunk key."""
    return [key_leaf(key) for key in chunk_keys]


def root_of_leaves(context: bytes, leaves: bytes) -> bytes:
    """Return root_ic from the leaves of all chunks, concatenated."""
    return hashing.tagged("aic/keys", context, leaves)


def chunk_hash(chunk: memoryview) -> bytes:
    """Return the BLAKE3-256 of one chunk."""
    return blake3.blake3(chunk).digest()


def chunk_hashes(blob: memoryview) -> list[bytes]:
    """Return the BLAKE3-256 of every chunk of a vector's bytes."""
    size = suites.CHUNK_BYTES

    def hashes(group: range) -> list[bytes]:
        return [chunk_hash(blob[chunk * size : (chunk + 1) * size]) for chunk in group]

    return [each for group in spread.over_chunks(-(-blob.nbytes // size), hashes) for each in group]


def blob_root(context: bytes, hashes: list[bytes]) -> bytes:
    """Return yroot_i, the 32-byte commitment to a masked vector, from its chunk hashes."""
    return hashing.tagged("aic/blob", context, b"".join(hashes))
