"""Seals letters to one member and opens those that were sealed to this one.

A letter is boxed under a key from a fresh scalar and the reader's point, which its membership names; only the wallet from
which that point comes opens it. The sealed bytes lie in the public store, so a letter says nothing about people. Called
by ``owner/`` and ``commons request``. Left out: who sent it (the ledger's record of the request says that), and keeping
a copy for the sender.
"""

from aicommons.domain import errors, letters
from aicommons.learning.secagg import boxes, group, hashing
from aicommons.protocol import ports

TAG = "aic/letter"
POINT_BYTES = 32
LONGEST = 64 * 1024
"""Longest sealed letter, in bytes."""


def seal(letter: letters.Letter, point: bytes, draw: ports.Randomness) -> bytes:
    """Return a letter that only the owner of ``point`` can open: 32 bytes of a fresh point, then the box.

    Raises:
        errors.InputError: the member has no point to seal to.
    """
    if not group.is_point(point):
        raise errors.InputError(
            "this member has no key that letters could be sealed to", which="reader point", next_step="ask it in person"
        )
    secret = group.reduce_wide(draw(64))
    fresh = group.multiply_base(secret)
    return fresh + boxes.seal(_key(group.multiply(secret, point), fresh, point), letter.encode(), fresh)


def open_sealed(sealed: bytes, secret: bytes) -> letters.Letter:
    """Return the letter sealed to the point of ``secret``.

    Raises:
        errors.DecodeError: it was sealed to somebody else, or is no letter.
    """
    fresh, point = sealed[:POINT_BYTES], group.multiply_base(secret)
    if not group.is_point(fresh):
        raise errors.DecodeError("not a sealed letter", which="letter", expected="a point and a box")
    plain = boxes.open_sealed(_key(group.multiply(secret, fresh), fresh, point), sealed[POINT_BYTES:], fresh)
    if plain is None:
        raise errors.DecodeError("the letter is sealed to another key", which="letter")
    return letters.Letter.decode(plain)


def _key(shared: bytes, fresh: bytes, point: bytes) -> bytes:
    return hashing.tagged(TAG, shared, fresh, point)
