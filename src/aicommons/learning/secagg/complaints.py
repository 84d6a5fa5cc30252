"""Complaints: a member opens its own box of one header to everybody, so that anyone can decide who cheated.

The box's key is a function of public points, proven by DLEQ, so that neither side can claim another one. The accused
knows what is opened already, because its header proves that it knows the one-time key: a complaint decrypts nothing for
it. `judge` is total over foreign bytes (secure-aggregation section 4, step 2). What is bad in public needs no complaint:
``checking.check_public`` decides that; signing and counting verdicts are the node's and the ledger's. In a hybrid session
the complainer shows the seed of its ML-KEM key for the accused too: whoever has it gets the box's second secret, and that of
no box but those of the accused, one of the two who cheated (ADR 0041).
"""

import hashlib

from aicommons.domain import errors
from aicommons.learning.secagg import checking, epoch, group, hashing, kem
from aicommons.learning.secagg import header as headers
from aicommons.learning.secagg import session as sessions

EVIDENCE_BYTES = group.POINT_BYTES + group.EQUALITY_BYTES
"""The shared point and the proof that it is the complainer's; in hybrid sessions 64 bytes of a seed follow."""


def make_evidence(
    session: sessions.Session, accused: int, header: bytes, *, index: int, key: epoch.Key, draw: epoch.Draw
) -> bytes:
    """Return the 128 bytes, in hybrid sessions 192, that open a member's own box of a header.

    Publish them only where the box is bad.

    Args:
        session: the attempt.
        accused: participant whose header it is.
        header: its bytes, good in public.
        index: roster position of the complainer.
        key: the complainer's secrets of the epoch.
        draw: 32 bytes are drawn for the nonce.

    Raises:
        errors.AggregationRefused: the header is bad in public: `checking.check_header`; ``kem-seed-missing``: a hybrid
            session, and the key has no seeds.
    """
    context = _context(session, session.member_ids[index], accused, header)
    base = checking.check_header(session, accused, header).commitment.ephemeral
    nonce = group.hedged_nonce(key.secret, draw(32), context)
    shown = group.multiply(key.secret, base) + group.prove_equal(context, key.secret, base, nonce)
    if session.kem_keys is None:
        return shown
    seed = key.seed_for(accused)
    if seed is None:
        raise errors.AggregationRefused("a hybrid session needs the ML-KEM seed", reason="kem-seed-missing")
    return shown + seed


def judge(session: sessions.Session, accused: int, header: bytes, *, accuser: int, evidence: bytes) -> int:
    """Return who cheated, the accused or the accuser: one of them always did.

    Args:
        session: the attempt.
        accused: participant whose header it is.
        header: foreign bytes whose SHA-256 the accused signed.
        accuser: roster member that complains.
        evidence: foreign bytes; their SHA-256 is what the accuser signed.

    Raises:
        errors.AggregationRefused: ``member-unknown``: one of the two is not on the roster.
    """
    index, sender = session.index_of(accuser), session.index_of(accused)
    try:
        parsed = checking.check_header(session, accused, header)
    except errors.AggregationRefused:
        return accused
    shared, proof = evidence[: group.POINT_BYTES], evidence[group.POINT_BYTES : EVIDENCE_BYTES]
    seed = evidence[EVIDENCE_BYTES:]
    context = _context(session, accuser, accused, header)
    point, base = session.points[index], parsed.commitment.ephemeral
    is_shared = group.verify_equal(context, point, base=base, product=shared, proof=proof)
    if not is_shared or not _is_seed(session, seed, index=index, sender=sender):
        return accuser
    kem_secret = kem.decapsulate(seed, parsed.commitment.ciphertexts[index]) if seed else None
    seeds = headers.open_box_shared(session, parsed, index, shared, kem_secret=kem_secret)
    if seeds is None or checking.find_false_seed(session, parsed, seeds) is not None:
        return accused
    return accuser


def _is_seed(session: sessions.Session, seed: bytes, *, index: int, sender: int) -> bool:
    """Return whether ``seed`` is that of a member's key for a participant; a plain session has none."""
    if session.kem_keys is None:
        return not seed
    return len(seed) == kem.SEED_BYTES and kem.public_key(seed) == session.kem_keys[index][sender]


def _context(session: sessions.Session, accuser: int, accused: int, header: bytes) -> bytes:
    members = hashing.member_bytes(accuser), hashing.member_bytes(accused)
    return hashing.tagged("aic/complain", session.sid, *members, hashlib.sha256(header).digest())
