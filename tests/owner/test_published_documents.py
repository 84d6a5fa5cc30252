"""Documents in the store that cannot be had: each cause has its words, and one bad document never stops a list."""

import dataclasses

import pytest

from aicommons.domain import cards, documents, errors, ids
from aicommons.owner import published

CARD = cards.DatasetCard("Plots", "here", 20, {}, "CC-BY-4.0", 10, "none")


@dataclasses.dataclass(frozen=True)
class Shelf:
    """A store that gives one thing, whatever is asked."""

    given: bytes | errors.CommonsError

    def put(self, data: bytes | memoryview) -> bytes:
        """Take nothing."""
        raise errors.StoreRefused(f"{len(data)} bytes")

    def get(self, digest: bytes, limit: int) -> bytes:
        """Give it, or fail."""
        del digest, limit
        if isinstance(self.given, errors.CommonsError):
            raise self.given
        return self.given

    def erase(self, digest: bytes) -> None:
        """Forget nothing."""


CAUSES: dict[str, tuple[bytes | errors.CommonsError, str]] = {
    "no answer": (errors.StoreUnreachable("down"), "the store does not answer"),
    "not there": (errors.BlobNotFound("gone"), "the store does not have it"),
    "refused": (errors.StoreRefused("no"), "the store does not give it"),
    "full": (errors.StorageFull("no room"), "the store does not give it"),
    "other bytes": (errors.DigestMismatch("changed"), "what the store gives is not what was recorded"),
    "nonsense": (b"\xff", "what the store gives is not what was recorded"),
    "another document": (
        documents.Problem("t", "p", "d", "w", ("3.4",), "auc", "none").encode(),
        "what the store gives is not what was recorded",
    ),
    "words that mean nothing": (errors.InputError("no such thing"), "what the store gives is not what was recorded"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_what_cannot_be_had_is_left_out_and_said(name: str) -> None:
    """A list goes on without it, its own page says why, and asking for it alone raises."""
    given, words = CAUSES[name]
    shelf, digest = Shelf(given), ids.digest(b"")
    assert published.find(shelf, cards.DatasetCard, digest) is None
    assert published.find_or_say(shelf, cards.DatasetCard, digest) == (None, words)
    with pytest.raises(published.UNAVAILABLE):
        published.read(shelf, cards.DatasetCard, digest)


def test_what_can_be_had_is_read() -> None:
    """A document comes whole, with nothing to say about it."""
    assert published.find_or_say(Shelf(CARD.encode()), cards.DatasetCard, ids.digest(CARD.encode())) == (CARD, None)
