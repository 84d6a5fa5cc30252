"""Suites: the word width of the ring and the cipher that stretches a key into a mask, plus how vectors are chunked.

Masking and mask sums draw their keystreams here, sessions and the quantiser take widths and padding from here. Keys
are derived in ``keys.py``.
"""

import enum
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers import algorithms, modes

Words = npt.NDArray[np.unsignedinteger[Any]]
"""A vector over the ring: little-endian unsigned words of 32 or 64 bits."""
Blob = bytes | memoryview | Words
"""A vector as it was made here or as it came from a store."""

CHUNK_BYTES = 262_144
"""Bytes per chunk: fits the second-level cache, and is the unit of disputes."""
MIN_CHUNK_BYTES = 32
"""The last chunk has at least this many bytes, so that its public hash cannot be guessed."""
MIN_WORDS = 8
"""Shortest vector of a session."""
MAX_VECTOR_BYTES = 2**30
"""Longest one: nobody's memory is filled by what strangers agree on."""

_ZEROS_VIEW = memoryview(bytes(CHUNK_BYTES))
_ZERO_BLOCK = bytes(16)


class Cipher(enum.StrEnum):
    """What stretches a key into a mask."""

    AES = "aes"
    """AES-256 in counter mode: the fastest wherever processors have instructions for it."""
    CHACHA = "chacha20"
    """ChaCha20: the fastest where they have none."""


HYBRID = 4
"""What the number in a RunSpec has on top of its suite's where boxes take an ML-KEM secret too."""


class Suite(enum.IntEnum):
    """Cipher and word width of a run; the number stands in headers."""

    AES_32 = 1
    """AES-256-CTR, 32-bit words."""
    CHACHA_32 = 2
    """ChaCha20, 32-bit words."""
    AES_64 = 3
    """AES-256-CTR, 64-bit words, for exact counts and Hessians."""
    CHACHA_64 = 4
    """ChaCha20, 64-bit words."""

    @classmethod
    def of(cls, cipher: Cipher, word_bits: int) -> "Suite":
        """Return the suite of a cipher and of words of 32 or 64 bits."""
        return next(each for each in cls if (each.cipher, each.word_bits) == (cipher, word_bits))

    @classmethod
    def of_number(cls, number: int) -> "Suite":
        """Return the suite that a RunSpec names by 1 to 8; raises ``ValueError`` for another number."""
        return cls(number - HYBRID if number > HYBRID else number)

    @property
    def cipher(self) -> Cipher:
        """What stretches keys."""
        return Cipher.AES if self in (Suite.AES_32, Suite.AES_64) else Cipher.CHACHA

    @property
    def word_bits(self) -> int:
        """Bits per word."""
        return 32 if self in (Suite.AES_32, Suite.CHACHA_32) else 64

    @property
    def word_bytes(self) -> int:
        """Bytes per word."""
        return self.word_bits // 8

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """Little-endian NumPy type of one word."""
        return np.dtype(f"<u{self.word_bytes}")


class Keystream:
    """Keystreams of one suite in a buffer of its own, so that no chunk allocates."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        # OpenSSL asks for room for one more cipher block.
        self._buffer = np.empty(CHUNK_BYTES + 16, np.uint8)
        self._words = self._buffer[:CHUNK_BYTES].view(suite.dtype)
        self._room = self._buffer.data

    def words(self, key: bytes, count: int) -> Words:
        """Return the first ``count`` words (at most one chunk) under ``key``; valid until the next call."""
        size = count * self._suite.word_bytes
        encryptor = _cipher(self._suite, key).encryptor()
        encryptor.update_into(_ZEROS_VIEW[:size], self._room)
        return self._words[:count]


def keystream(suite: Suite, key: bytes, size: int) -> bytes:
    """Return the first ``size`` bytes of the keystream under ``key`` (secure-aggregation section 2)."""
    return _cipher(suite, key).encryptor().update(bytes(size))


def is_hybrid(number: int) -> bool:
    """Return whether a RunSpec's number of a suite asks for hybrid boxes."""
    return number > HYBRID


def pad_words(length: int, word_bits: int) -> int:
    """Return the smallest allowed vector length, in words, that holds ``length`` values."""
    per_chunk, least = CHUNK_BYTES * 8 // word_bits, MIN_CHUNK_BYTES * 8 // word_bits
    words = max(length, MIN_WORDS)
    rest = words % per_chunk
    return words + least - rest if 0 < rest < least else words


def is_word_count(words: int, suite: Suite) -> bool:
    """Return whether ``words`` is an allowed vector length: padded, and within 2**30 bytes."""
    return 0 < words * suite.word_bytes <= MAX_VECTOR_BYTES and pad_words(words, suite.word_bits) == words


def chunk_count(words: int, suite: Suite) -> int:
    """Return Q, the number of chunks of a vector."""
    return -(-words * suite.word_bytes // CHUNK_BYTES)


def chunk_slices(words: int, suite: Suite) -> Iterator[slice]:
    """Yield the word ranges of the chunks of a vector, in order."""
    for chunk in range(chunk_count(words, suite)):
        yield chunk_slice(chunk, words, suite)


def chunk_slice(chunk: int, words: int, suite: Suite) -> slice:
    """Return the word range of one chunk of a vector."""
    per_chunk = CHUNK_BYTES // suite.word_bytes
    return slice(chunk * per_chunk, min((chunk + 1) * per_chunk, words))


def room(size: int) -> memoryview:
    """Return ``size`` writable bytes. NumPy asks for huge pages, so touching them first costs a fifth of a new ``bytes``."""
    return np.empty(size, np.uint8).data


def byte_view(blob: Blob) -> memoryview:
    """Return the bytes of a contiguous vector without copying."""
    return memoryview(blob).cast("B") if isinstance(blob, bytes | memoryview) else blob.view(np.uint8).data


def as_words(blob: Blob, suite: Suite) -> Words:
    """Return a vector as ring words without copying; its byte length has been checked."""
    return np.frombuffer(byte_view(blob), dtype=suite.dtype)


def _cipher(suite: Suite, key: bytes) -> ciphers.Cipher[Any]:
    if suite.cipher is Cipher.AES:
        return ciphers.Cipher(algorithms.AES(key), modes.CTR(_ZERO_BLOCK))
    return ciphers.Cipher(algorithms.ChaCha20(key, _ZERO_BLOCK), None)
