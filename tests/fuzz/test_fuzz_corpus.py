"""What was ever found by fuzzing stays found: the whole corpus, and random changes of it, in every run of the tests."""

import pathlib
import random

import pytest
from tests import programs

from aicommons.domain import errors

FUZZ = pathlib.Path(__file__).parents[2] / "fuzz"
CHANGES = 40
"""Random changes of each input."""


DECODERS = programs.load(FUZZ / "decoders.py")
NEVER_TAKEN = {"sealed-mask-sum", "equality-proof"}
"""Rows whose answer is ``None`` or ``False`` where others refuse."""
WITHOUT_A_GOOD_ONE = {"charter"}
"""Rows of which no input of the corpus is taken: what they read is the operator's own file with names of that commons."""


def _changed(data: bytes, rng: random.Random) -> bytes:
    """Return ``data`` with a few bytes flipped, cut, repeated or put elsewhere."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at, kind = rng.randrange(len(made) + 1), rng.randrange(4)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del made[at : at + rng.randint(1, 40)]
        elif kind == 2:
            made[at:at] = made[at : at + rng.randint(1, 40)]
        else:
            made[at:at] = rng.choice([b"\0" * 8, b"\xff" * 8, b'"', b"[" * 50, b"1e999", b"-0", "ü".encode()])
    return bytes(made)


@pytest.mark.parametrize("name", DECODERS.DECODERS)
def test_decoders_answer_or_refuse(name: str) -> None:
    """A decoder takes or refuses each input of its corpus and any change of it; nothing else leaves it."""
    rng = random.Random(name)
    files = sorted((FUZZ / "corpus" / name).iterdir())
    assert files
    for file in files:
        data = file.read_bytes()
        DECODERS.check(name, data)
        for _ in range(CHANGES):
            DECODERS.check(name, _changed(data, rng))


@pytest.mark.parametrize("name", sorted(set(DECODERS.DECODERS) - WITHOUT_A_GOOD_ONE))
def test_each_corpus_has_a_good_one(name: str) -> None:
    """Fuzzing begins from something that the decoder takes, so that it comes past the first check."""
    assert any(DECODERS.check(name, file.read_bytes()) for file in (FUZZ / "corpus" / name).iterdir())


def test_the_harness_sees_what_must_not_be() -> None:
    """An error outside the tree passes through the harness, and an expected one does not."""

    def broken(_: bytes) -> object:
        raise IndexError

    def refusing(_: bytes) -> object:
        raise errors.DecodeError("no")

    with pytest.raises(IndexError):
        DECODERS.checked(broken, b"")
    assert DECODERS.checked(refusing, b"") is False
