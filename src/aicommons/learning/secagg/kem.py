"""ML-KEM-768 beside the curve: a second secret in every box, for runs whose secrets must outlive a quantum computer.

Sessions of hybrid runs carry a public key of every member for every participant; headers carry one ciphertext per member
(FIPS 203). Whoever breaks the curve later still needs the lattice, and the other way round. A key serves one pair, so that a
complaint can show its seed to everybody: that opens boxes of the accused and of nobody else. Every function takes foreign
bytes: a wrong length or field is refused by name or is ``None``. Called by ``epoch``, ``header``, ``masking`` and
``complaints``; keeping the master is the node's.
"""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import mlkem

from aicommons.domain import errors
from aicommons.learning.secagg import hashing

MASTER_BYTES = 64
"""What a member draws and keeps for an epoch."""
SEED_BYTES = 64
"""d || z of FIPS 203: follows from the master for each participant."""
PUBLIC_BYTES = 1_184
"""A public key of ML-KEM-768 (FIPS 203, table 3)."""
CIPHERTEXT_BYTES = 1_088
"""What it carries a secret in (the same table)."""
SECRET_BYTES = 32
"""The secret."""

Encapsulate = Callable[[bytes], tuple[bytes, bytes]]
"""Public key -> a fresh secret and the ciphertext that only its owner opens."""


def pair_seed(master: bytes, participant: int) -> bytes:
    """Return the seed of a member's key for one participant's boxes: 64 bytes that tell nothing about the others.

    Args:
        master: the member's 64 secret bytes of this epoch.
        participant: id of who seals.
    """
    return hashing.tagged_wide("aic/kem", master, hashing.member_bytes(participant))


def public_key(seed: bytes) -> bytes:
    """Return the 1,184 bytes of the public key of 64 fresh, secret, uniformly random bytes."""
    return mlkem.MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def is_public_key(raw: bytes) -> bool:
    """Return whether ``raw`` is a public key in its one encoding: length, and every coefficient reduced."""
    return _read(raw) is not None


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """Return a secret of 32 bytes and its ciphertext of 1,088, with randomness of OpenSSL's own (it takes none of ours).

    Raises:
        errors.AggregationRefused: ``kem-key-invalid``: not a public key.
    """
    key = _read(public)
    if key is None:
        raise errors.AggregationRefused("bytes are not an ML-KEM-768 public key", reason="kem-key-invalid")
    return key.encapsulate()


def decapsulate(seed: bytes, ciphertext: bytes) -> bytes | None:
    """Return the secret in ``ciphertext``, or ``None`` for a wrong length.

    A ciphertext of the right length that was made for another key gives a secret too, which nobody else knows (implicit
    rejection): the box under it does not open.
    """
    if not isinstance(ciphertext, bytes) or len(ciphertext) != CIPHERTEXT_BYTES:
        return None
    return mlkem.MLKEM768PrivateKey.from_seed_bytes(seed).decapsulate(ciphertext)


def _read(raw: bytes) -> mlkem.MLKEM768PublicKey | None:
    if not isinstance(raw, bytes) or len(raw) != PUBLIC_BYTES:
        return None
    try:
        return mlkem.MLKEM768PublicKey.from_public_bytes(raw)
    except ValueError:
        return None
