"""Checks of one submission, before anybody Commits: every public byte, and the checker's own box and roots.

A member calls `check_submission` for every participant's header and vector; ``run verify`` calls `check_public`, which
needs no secret. One failure refuses the attempt with a stable reason and reveals nothing (secure-aggregation section
4, step 2). What a bad box is proven with is ``complaints.py``; signatures and digests of store objects are not here.
"""

from collections.abc import Mapping

from aicommons.domain import errors
from aicommons.learning.secagg import group, keys
from aicommons.learning.secagg import header as headers
from aicommons.learning.secagg import session as sessions
from aicommons.learning.secagg import suite as suites


def check_submission(
    session: sessions.Session,
    member_id: int,
    header: bytes,
    masked: suites.Blob,
    *,
    index: int,
    secret: bytes,
    kem_seed: bytes | None = None,
) -> dict[int, bytes]:
    """Return the seeds of the checker's columns, column -> 32 bytes, after every public and private check.

    Args:
        session: the attempt.
        member_id: the participant whose submission it is.
        header: foreign bytes whose SHA-256 it signed.
        masked: foreign bytes of its masked vector.
        index: roster position of the checker.
        secret: the checker's epoch key.
        kem_seed: in hybrid sessions the seed of the checker's ML-KEM key for this participant.

    Raises:
        errors.AggregationRefused: any reason of `check_public`; ``box-does-not-open``: the checker's box was not
            sealed to it for this header; ``root-mismatch``: a seed in it is not the one that the header commits to.
    """
    parsed = check_public(session, member_id, header, masked)
    seeds = headers.open_box(session, parsed, index, secret, kem_seed=kem_seed)
    if seeds is None:
        raise errors.AggregationRefused(
            "the box of seeds does not open", reason="box-does-not-open", member=member_id, which=_box(session, index)
        )
    column = find_false_seed(session, parsed, seeds)
    if column is not None:
        raise errors.AggregationRefused(
            f"the seed of column {column} is not the one the header commits to",
            reason="root-mismatch",
            member=member_id,
            which=_box(session, index),
        )
    return seeds


def find_false_seed(session: sessions.Session, header: headers.Header, seeds: Mapping[int, bytes]) -> int | None:
    """Return the first column whose seed, out of a box, is not the one that the header commits to; else ``None``."""
    for column, seed in sorted(seeds.items()):
        chunk_keys = keys.chunk_keys(session, header.member_id, column, seed)
        context = session.column_context(header.member_id, column)
        if keys.column_root(context, chunk_keys) != header.commitment.column_roots[column]:
            return column
    return None


def check_header(session: sessions.Session, member_id: int, header: bytes) -> headers.Header:
    """Return the parsed header after every check of it that needs neither the vector nor a secret.

    Raises:
        errors.AggregationRefused: the reasons of `header.parse`; ``point-invalid``, ``proof-invalid`` for the one-time
            key.
    """
    parsed = headers.parse(header, session, member_id)
    _check_proof(parsed)
    return parsed


def check_public(session: sessions.Session, member_id: int, header: bytes, masked: suites.Blob) -> headers.Header:
    """Return the parsed header after every check that needs no secret.

    Args:
        session: the attempt.
        member_id: the participant whose submission it is.
        header: foreign bytes.
        masked: foreign bytes of its masked vector.

    Raises:
        errors.AggregationRefused: the reasons of `check_header`; ``blob-wrong-length``, ``blob-root-mismatch`` for the
            vector.
    """
    parsed = check_header(session, member_id, header)
    view = suites.byte_view(masked)
    if view.nbytes != session.blob_bytes:
        raise errors.AggregationRefused(
            f"masked vector: expected {session.blob_bytes} bytes, got {view.nbytes}",
            reason="blob-wrong-length",
            member=member_id,
        )
    if keys.blob_root(parsed.context, keys.chunk_hashes(view)) != parsed.commitment.blob_root:
        raise errors.AggregationRefused(
            "the masked vector is not the one the header commits to", reason="blob-root-mismatch", member=member_id
        )
    return parsed


def _check_proof(header: headers.Header) -> None:
    ephemeral = header.commitment.ephemeral
    if group.verify(header.public_digest, ephemeral, header.proof):
        return
    if not group.is_point(ephemeral):
        raise errors.AggregationRefused(
            "the one-time key is not a point of the group", reason="point-invalid", member=header.member_id
        )
    raise errors.AggregationRefused(
        "no proof that the participant knows its one-time key", reason="proof-invalid", member=header.member_id
    )


def _box(session: sessions.Session, index: int) -> str:
    return f"box of member {session.member_ids[index]}"
