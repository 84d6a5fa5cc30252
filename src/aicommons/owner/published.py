"""Documents that members put into the store: problems, cards, policies, plans and profiles; and when one is "not to be had".

Called by the command line's nouns and by everything in ``owner/`` that shows somebody else's words. Lists are shown without
what cannot be had now (``find``); whoever asks for one document is told why it cannot be had (``read``). Nothing is ever
stored here; that is ``office``'s business.
"""

from typing import TYPE_CHECKING, TypeVar

from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.domain import documents
    from aicommons.protocol import ports

D = TypeVar("D", bound="documents.Document")

UNAVAILABLE = (
    errors.StoreUnreachable,
    errors.BlobNotFound,
    errors.StoreRefused,
    errors.DigestMismatch,
    errors.DecodeError,
    errors.InputError,
)
"""Why somebody else's document cannot be shown now: it is not given, or what is given is not what was recorded."""


def read(store: "ports.Store", kind: type[D], digest: bytes) -> D:
    """Return the document of ``kind`` that ``digest`` names.

    Raises:
        errors.DecodeError: what the store has is no such document.
        errors.CommonsError: as the store's ``get``.
    """
    from aicommons.domain import encoding

    return kind.decode(store.get(ids.Digest(digest), encoding.MAX_DOCUMENT))


def find(store: "ports.Store", kind: type[D], digest: bytes) -> D | None:
    """Return the document of ``kind`` that ``digest`` names, ``None`` when it cannot be had now or is no such document."""
    return find_or_say(store, kind, digest)[0]


def find_or_say(store: "ports.Store", kind: type[D], digest: bytes) -> tuple[D | None, str | None]:
    """Return the document of ``kind`` that ``digest`` names, or in words why it cannot be had."""
    try:
        return read(store, kind, digest), None
    except UNAVAILABLE as err:
        return None, next((words for kinds, words in WHY if isinstance(err, kinds)), NOT_THIS)


WHY = (
    (errors.StoreUnreachable, "the store does not answer"),
    (errors.BlobNotFound, "the store does not have it"),
    (errors.StoreRefused, "the store does not give it"),
)
NOT_THIS = "what the store gives is not what was recorded"
