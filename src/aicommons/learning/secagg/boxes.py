"""One-time boxes: a plaintext sealed from a fresh key to one point, under a key that nobody can claim to be another.

Headers box seeds to members; reveals box read keys to readers. Each key is used once, so that the nonce is zero
(secure-aggregation section 2). Deriving the key and choosing what is boxed is the caller's.
"""

from cryptography import exceptions
from cryptography.hazmat.primitives.ciphers import aead

from aicommons.learning.secagg import hashing
from aicommons.learning.secagg import suite as suites

TAG_BYTES = 16
"""By how much a box is longer than what is in it (ChaCha20-Poly1305, RFC 8439)."""
_ZERO_NONCE = bytes(12)


def seal(key: bytes, plaintext: hashing.Part, associated: bytes = b"") -> bytes:
    """Return ``plaintext`` under a one-time ``key``: 16 bytes longer."""
    return aead.ChaCha20Poly1305(key).encrypt(_ZERO_NONCE, plaintext, associated)


def seal_long(key: bytes, plaintext: hashing.Part, room: memoryview | None = None) -> memoryview:
    """Return what `seal` returns for a vector, in ``room`` if such was given (16 bytes longer than the vector)."""
    sealed = suites.room(len(plaintext) + TAG_BYTES) if room is None else room
    aead.ChaCha20Poly1305(key).encrypt_into(_ZERO_NONCE, plaintext, None, sealed)
    return sealed


def open_long(key: bytes, sealed: hashing.Part) -> memoryview | None:
    """Return what `open_sealed` returns for a vector."""
    plaintext = suites.room(len(sealed) - TAG_BYTES)
    try:
        aead.ChaCha20Poly1305(key).decrypt_into(_ZERO_NONCE, sealed, None, plaintext)
    except exceptions.InvalidTag:
        return None
    return plaintext


def open_sealed(key: bytes, sealed: hashing.Part, associated: bytes = b"") -> bytes | None:
    """Return the plaintext, or ``None`` when the bytes were not sealed under ``key`` with ``associated``."""
    try:
        return aead.ChaCha20Poly1305(key).decrypt(_ZERO_NONCE, sealed, associated)
    except exceptions.InvalidTag:
        return None
