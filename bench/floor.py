"""The least that a role of secure aggregation can cost here: its unavoidable passes over vectors, each kernel timed alone.

Called by ``secagg.py`` and ``round.py`` in the run whose figures stand beside. A pass is one call into OpenSSL, BLAKE3 or NumPy over
all bytes of one vector, by the chunks of the specification where it has them; nothing between the passes is counted: no curve
arithmetic, no signatures, no headers, no fresh memory, no Python. The counts are those of the specification (section 4): whoever
does less has left out a check or a digest. Times are CPU time of one core, the least of several: work beside it adds nothing.
"""

import dataclasses
import functools
import hashlib
import time
from collections.abc import Callable

import blake3
import numpy as np
from cryptography.hazmat.primitives.ciphers import aead

from aicommons.learning.secagg import layout, suite

REPEATS = 9
NONCE = bytes(12)
RING_BYTES = 160 * 2**20
"""Bytes of the vectors that are gathered: several times the last-level cache."""


@dataclasses.dataclass(frozen=True)
class Passes:
    """How often a role goes over a vector with each kernel; what is a sum of roles is a sum of these."""

    sha256: int = 0
    """Names of blobs, the digest that hedges seeds, and those in a round's salt."""
    blake2b: int = 0
    """Salted digest of the sum."""
    blake3: int = 0
    """Chunk hashes of masked vectors and mask sums."""
    stream: int = 0
    """Keystreams of a participant's columns, and of all participants in one's own."""
    add: int = 0
    """Keystreams added while they are in cache."""
    gather: int = 0
    """Vectors added or taken off that come from memory."""
    seal: int = 0
    open: int = 0

    def __add__(self, other: "Passes") -> "Passes":
        """Return both together."""
        return Passes(
            *(own + more for own, more in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True))
        )

    def seconds(self, kernels: "Kernels") -> float:
        """Return how long they take on one core."""
        return sum(
            count * each for count, each in zip(dataclasses.astuple(self), dataclasses.astuple(kernels), strict=True)
        )


@dataclasses.dataclass(frozen=True)
class Kernels:
    """Seconds of one pass of each kind over one vector; the fields are those of ``Passes``."""

    sha256: float
    blake2b: float
    blake3: float
    stream: float
    add: float
    gather: float
    seal: float
    open: float


def roles(made: layout.Layout, held: int) -> dict[str, Passes]:
    """Return role -> its passes, for a layout of which a member holds so many columns; ``round`` is all of one node's."""
    members, columns = made.members, len(made.columns)
    participant = Passes(sha256=2, blake3=1, stream=columns, add=columns)
    member = Passes(sha256=held, blake3=members + held, stream=held * members, add=held * members, seal=held)
    sums = Passes(gather=members + columns)
    auditor = sums + Passes(sha256=columns, blake2b=1, blake3=members + columns, open=columns)
    # A node has checked the masked vectors before, and its own columns it neither opens nor checks again.
    reader = sums + Passes(sha256=columns, blake2b=1, blake3=columns - held, open=columns - held)
    return {
        "participant": participant,
        "member": member,
        "verifier, sums": sums,
        "verifier, hashed": sums + Passes(blake3=members + columns),
        "verifier, all": auditor,
        "round": participant + member + reader,
    }


def least(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the least seconds of CPU time of ``action`` after one unmeasured call."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    return min(seconds[1:])


@functools.cache
def kernels(words: int) -> Kernels:
    """Return how long a pass of each kind over ``words`` 32-bit words takes in this process."""
    vector, total, key = np.ones(words, np.uint32), np.zeros(words, np.uint32), bytes(range(32))
    plain = suite.byte_view(vector)
    sealed = suite.room(plain.nbytes + 16)
    cipher, stream = aead.ChaCha20Poly1305(key), suite.Keystream(suite.Suite.AES_32)
    slices = list(suite.chunk_slices(words, suite.Suite.AES_32))
    opened = suite.room(plain.nbytes)

    def streams() -> None:
        for each in slices:
            stream.words(key, each.stop - each.start)

    def chunks() -> None:
        for each in slices:
            blake3.blake3(suite.byte_view(vector[each])).digest()

    def add() -> None:
        part, other = total[slices[0]], vector[slices[0]]
        for _ in slices:
            np.add(part, other, out=part)

    many = [np.ones(words, np.uint32) for _ in range(max(3, -(-RING_BYTES // plain.nbytes)))]

    def gather() -> None:
        for each in slices:
            part = total[each]
            for other in many:
                np.add(part, other[each], out=part)

    return Kernels(
        sha256=least(lambda: hashlib.sha256(plain).digest()),
        blake2b=least(lambda: hashlib.blake2b(plain).digest()),
        blake3=least(chunks),
        stream=least(streams),
        add=least(add),
        gather=least(gather) / len(many),
        seal=least(lambda: cipher.encrypt_into(NONCE, plain, None, sealed)),
        open=least(lambda: cipher.decrypt_into(NONCE, sealed, None, opened)),
    )


def seconds(members: int, words: int) -> dict[str, float]:
    """Return role -> least seconds on one core, in the layout that a roster of so many has."""
    made = layout.make_layout(tuple(range(1, members + 1)), bytes(32), layout.default_number(members))
    measured = kernels(words)
    return {role: passes.seconds(measured) for role, passes in roles(made, len(made.columns_of(0))).items()}
