"""Complaints: a member opens its own box of one header to everybody, so that anyone can decide who cheated.

The box's key is a function of public points, proven by DLEQ, so that neither side can claim another one. The accused
knows what is opened already, because its header proves that it knows the one-time key: a complaint decrypts nothing for
it. `judge` is total over foreign bytes (secure-aggregation section 4, step 2). What is bad in public needs no complaint:
``checking.check_public`` decides that; signing and counting verdicts are the node's and the ledger's. A box of a hybrid
session has no such proof: there the accused opens it (``openings.py``).
"""

import hashlib

from aicommons.domain import errors
from aicommons.learning.secagg import checking, epoch, group, hashing
from aicommons.learning.secagg import header as headers
from aicommons.learning.secagg import session as sessions

EVIDENCE_BYTES = group.POINT_BYTES + group.EQUALITY_BYTES
"""The shared point and the proof that it is the complainer's."""


def make_evidence(
    session: sessions.Session, accused: int, header: bytes, *, index: int, secret: bytes, draw: epoch.Draw
) -> bytes:
    """Return the 128 bytes that open a member's own box of a header; publish them only where the box is bad.

    Args:
        session: the attempt.
        accused: participant whose header it is.
        header: its bytes, good in public.
        index: roster position of the complainer.
        secret: the complainer's epoch key.
        draw: 32 bytes are drawn for the nonce.

    Raises:
        errors.AggregationRefused: the header is bad in public: `checking.check_header`; ``complaint-needs-opening``: a
            hybrid session.
    """
    _check_provable(session)
    context = _context(session, session.member_ids[index], accused, header)
    base = checking.check_header(session, accused, header).commitment.ephemeral
    nonce = group.hedged_nonce(secret, draw(32), context)
    return group.multiply(secret, base) + group.prove_equal(context, secret, base, nonce)


def judge(session: sessions.Session, accused: int, header: bytes, *, accuser: int, evidence: bytes) -> int:
    """Return who cheated, the accused or the accuser: one of them always did.

    Args:
        session: the attempt.
        accused: participant whose header it is.
        header: foreign bytes whose SHA-256 the accused signed.
        accuser: roster member that complains.
        evidence: foreign bytes; their SHA-256 is what the accuser signed.

    Raises:
        errors.AggregationRefused: ``member-unknown``: one of the two is not on the roster; ``complaint-needs-opening``: a
            hybrid session, whose boxes nobody can prove.
    """
    _check_provable(session)
    index = session.index_of(accuser)
    session.index_of(accused)
    try:
        parsed = checking.check_header(session, accused, header)
    except errors.AggregationRefused:
        return accused
    shared, proof = evidence[: group.POINT_BYTES], evidence[group.POINT_BYTES :]
    context = _context(session, accuser, accused, header)
    point, base = session.points[index], parsed.commitment.ephemeral
    if not group.verify_equal(context, point, base=base, product=shared, proof=proof):
        return accuser
    seeds = headers.open_box_shared(session, parsed, index, shared)
    if seeds is None or checking.find_false_seed(session, parsed, seeds) is not None:
        return accused
    return accuser


def _check_provable(session: sessions.Session) -> None:
    if session.kem_keys is not None:
        raise errors.AggregationRefused(
            "a box of a hybrid session has no public proof: the accused opens it", reason="complaint-needs-opening"
        )


def _context(session: sessions.Session, accuser: int, accused: int, header: bytes) -> bytes:
    members = hashing.member_bytes(accuser), hashing.member_bytes(accused)
    return hashing.tagged("aic/complain", session.sid, *members, hashlib.sha256(header).digest())
