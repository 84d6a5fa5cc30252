"""Epoch keys: the one secret of a member under which seeds are boxed to it for one run.

The node draws a key, acknowledges its point with a proof of knowledge, and goes on only when every member of the
roster has done so. Called by the node before the first round and by ``run verify``. Storing, signing and erasing the
secret are the node's; rosters are hashed in ``domain/encoding.py``.
"""

from collections.abc import Callable

from aicommons.learning.secagg import group, hashing

Draw = Callable[[int], bytes]
"""Returns that many fresh, secret, uniformly random bytes."""


def draw_secret(draw: Draw) -> bytes:
    """Return a uniformly random canonical scalar made of 64 drawn bytes."""
    secret = group.reduce_wide(draw(64))
    return secret if group.is_scalar(secret) else draw_secret(draw)


def acknowledge(
    roster: bytes, epoch: int, member_id: int, *, secret: bytes, draw: Draw, kem_digest: bytes | None = None
) -> tuple[bytes, bytes]:
    """Return (point, proof) of an Ack: 32 and 64 bytes (secure-aggregation section 2).

    Args:
        roster: digest of the roster, 32 bytes.
        epoch: number of the epoch.
        member_id: who acknowledges.
        secret: the epoch key.
        draw: 32 bytes are drawn for the nonce.
        kem_digest: in hybrid runs the digest of the member's ML-KEM key, which the proof then binds.
    """
    context = _context(roster, epoch, member_id, kem_digest)
    nonce = group.hedged_nonce(secret, draw(32), context)
    return group.multiply_base(secret), group.prove(context, secret, nonce)


def is_acknowledged(
    roster: bytes, epoch: int, member_id: int, *, point: bytes, proof: bytes, kem_digest: bytes | None = None
) -> bool:
    """Return whether ``proof`` shows that the member knows the secret of ``point``; never raises on foreign bytes."""
    return group.verify(_context(roster, epoch, member_id, kem_digest), point, proof)


def _context(roster: bytes, epoch: int, member_id: int, kem_digest: bytes | None) -> bytes:
    lattice = () if kem_digest is None else (kem_digest,)
    return hashing.tagged("aic/ack", roster, hashing.u32(epoch), hashing.member_bytes(member_id), *lattice)
