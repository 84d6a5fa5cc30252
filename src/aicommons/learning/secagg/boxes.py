"""One-time boxes: a plaintext sealed from a fresh key to one point, under a key that nobody can claim to be another.

Headers box seeds to members; reveals box read keys to readers. Each key is used once, so that the nonce is zero
(secure-aggregation section 2). Deriving the key and choosing what is boxed is the caller's.
"""

from cryptography import exceptions
from cryptography.hazmat.primitives.ciphers import aead

from aicommons.learning.secagg import hashing

TAG_BYTES = 16
_ZERO_NONCE = bytes(12)


def seal(key: bytes, plaintext: hashing.Part, associated: bytes = b"") -> bytes:
    """Return ``plaintext`` under a one-time ``key``: 16 bytes longer."""
    return aead.ChaCha20Poly1305(key).encrypt(_ZERO_NONCE, plaintext, associated)


def open_sealed(key: bytes, sealed: hashing.Part, associated: bytes = b"") -> bytes | None:
    """Return the plaintext, or ``None`` when the bytes were not sealed under ``key`` with ``associated``."""
    try:
        return aead.ChaCha20Poly1305(key).decrypt(_ZERO_NONCE, sealed, associated)
    except exceptions.InvalidTag:
        return None
