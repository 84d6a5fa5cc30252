"""Epoch keys: the secrets of a member under which seeds are boxed to it for one run.

The node draws a key, acknowledges its point with a proof of knowledge, and goes on only when every member of the
roster has done so. In hybrid runs it has ML-KEM keys beside the point, one for each participant; its Ack then names the digest of all of
them. Called by the node before the first round and by ``run verify``. Storing, signing and erasing the secrets are the
node's; rosters are hashed in ``domain/encoding.py``.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence

from aicommons.domain import errors
from aicommons.learning.secagg import group, hashing, kem

Draw = Callable[[int], bytes]
"""Returns that many fresh, secret, uniformly random bytes."""
SECRET_BYTES = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A member's secrets of one epoch."""

    secret: bytes = dataclasses.field(repr=False)
    """The scalar, 32 bytes."""
    master: bytes | None = dataclasses.field(default=None, repr=False)
    """In hybrid runs the 64 bytes from which its ML-KEM seeds follow."""

    def encode(self) -> bytes:
        """Return the bytes that a node keeps: 32, in hybrid runs 96."""
        return self.secret + (self.master or b"")

    def seed_for(self, participant: int) -> bytes | None:
        """Return the ML-KEM seed for a participant's boxes, ``None`` where runs have none."""
        return None if self.master is None else kem.pair_seed(self.master, participant)


def decode_key(raw: bytes) -> Key:
    """Return the key of the bytes that a node kept."""
    return Key(raw[:SECRET_BYTES], raw[SECRET_BYTES:] or None)


def draw_key(draw: Draw, *, is_hybrid: bool) -> Key:
    """Return fresh secrets of an epoch: the master is drawn for itself, so that who breaks the curve does not learn it."""
    return Key(draw_secret(draw), draw(kem.MASTER_BYTES) if is_hybrid else None)


@dataclasses.dataclass(frozen=True, slots=True)
class PublicKeys:
    """A member's public keys of one epoch."""

    point: bytes
    """Its point, 32 bytes."""
    kem_keys: tuple[bytes, ...] = ()
    """In hybrid runs its ML-KEM key for each participant, in roster order."""

    def encode(self) -> bytes:
        """Return the bytes that stand in the store in hybrid runs: 32 + 1,184 N."""
        return b"".join([self.point, *self.kem_keys])

    @property
    def announced(self) -> bytes:
        """What stands in the Ack: the point, in hybrid runs the SHA-256 of all keys."""
        return hashlib.sha256(self.encode()).digest() if self.kem_keys else self.point

    @property
    def kem_digest(self) -> bytes | None:
        """What the proof of an Ack binds beside the point: in hybrid runs ``announced``."""
        return self.announced if self.kem_keys else None


def public_keys(key: Key, member_ids: Sequence[int]) -> PublicKeys:
    """Return the public keys of a member's secrets for a roster."""
    seeds = [] if key.master is None else [kem.pair_seed(key.master, each) for each in member_ids]
    return PublicKeys(group.multiply_base(key.secret), tuple(map(kem.public_key, seeds)))


def decode_public(raw: bytes, announced: bytes, members: int) -> PublicKeys:
    """Return the public keys in the bytes that an Ack of a hybrid run names; total over any bytes.

    Args:
        raw: foreign bytes.
        announced: what the Ack says, 32 bytes.
        members: roster size N.

    Raises:
        errors.AggregationRefused: ``ack-keys``: not these bytes, or not a point and N keys.
    """
    size, start = kem.PUBLIC_BYTES, group.POINT_BYTES
    if len(raw) != public_bytes(members) or hashlib.sha256(raw).digest() != announced:
        raise errors.AggregationRefused("these are not the keys that an Ack names", reason="ack-keys")
    keys = tuple(raw[place : place + size] for place in range(start, len(raw), size))
    if not all(map(kem.is_public_key, keys)):
        raise errors.AggregationRefused("a key that an Ack names is no ML-KEM-768 key", reason="ack-keys")
    return PublicKeys(raw[:start], keys)


def public_bytes(members: int) -> int:
    """Return the length of a member's public keys in a hybrid run of so many members."""
    return group.POINT_BYTES + kem.PUBLIC_BYTES * members


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
        kem_digest: in hybrid runs the digest of all the member's keys, which the proof then binds.
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
