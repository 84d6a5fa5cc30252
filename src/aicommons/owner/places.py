"""A home opened for looking and acting, as the owner's page and the command line both have it.

``cli.homes.Opened`` and ``portal.opening.Opened`` are such places; everything in ``owner/`` takes one. How a home is opened
and whether its wallet can sign is theirs to settle.
"""

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aicommons import app, office
from aicommons.domain import cards, documents, profiles
from aicommons.node import agent as agents
from aicommons.owner import published
from aicommons.protocol import ports
from aicommons.protocol import view as views

if TYPE_CHECKING:
    from collections.abc import Callable


D = TypeVar("D")
K = TypeVar("K", bound=documents.Document)


class Place(Protocol):
    """An opened home."""

    @property
    def home(self) -> app.Home:
        """Its folder."""

    @property
    def signer(self) -> ports.Signer:
        """Its wallet, or somebody with its address who cannot sign: then no register of people's consents is opened."""

    @property
    def registry(self) -> office.Registry:
        """The ledger, acting with the home's wallet, or with somebody who cannot sign."""

    @property
    def store(self) -> ports.Store:
        """Where documents are."""

    @property
    def desk(self) -> office.Desk:
        """What its member can do."""


class Papers:
    """Documents that others put into the store, fetched once each: a page is looked at more often than they change."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store
        self._kept: dict[tuple[str, bytes], object] = {}

    def problem(self, view: views.LedgerView, problem: bytes) -> documents.Problem | None:
        """Return a problem's statement, ``None`` when it cannot be had now."""
        stated = view.problems.get(problem)
        if stated is None:
            return None
        return self._find("problem", stated.document, lambda: self._read(documents.Problem, stated.document))

    def card(self, view: views.LedgerView, dataset_id: int) -> cards.DatasetCard | None:
        """Return a dataset's present card, ``None`` when it cannot be had now."""
        digest = view.datasets[dataset_id].card
        return self._find("card", digest, lambda: self._read(cards.DatasetCard, digest))

    def terms(self, current: views.RunView) -> agents.RunDocuments | None:
        """Return a run's plan and terms, ``None`` when they cannot be had now or cannot be read."""
        key = current.spec.plan + current.spec.terms
        return self._find("terms", key, lambda: agents.read_terms(self._store, current))

    def profile(self, view: views.LedgerView, member: int) -> profiles.Profile | None:
        """Return a member's profile, ``None`` when it has none or it cannot be had now."""
        known = view.members.get(member)
        if known is None or not any(known.profile):
            return None
        digest = known.profile
        return self._find("profile", digest, lambda: self._read(profiles.Profile, digest))

    def name(self, view: views.LedgerView, member: int) -> str:
        """Return what a member calls itself with its number, or only its number."""
        found = self.profile(view, member)
        return f"#{member}" if found is None else f"{one_line(found.title)} (#{member})"

    def _read(self, kind: type[K], digest: bytes) -> K:
        return published.read(self._store, kind, digest)

    def _find(self, kind: str, key: bytes, read: "Callable[[], D]") -> "D | None":
        known: Any = self._kept.get((kind, key))
        if known is None:
            try:
                known = read()
            except published.UNAVAILABLE:
                return None
            self._kept[(kind, key)] = known
        found: D = known
        return found


def one_line(text: str, most: int = 120) -> str:
    """Return somebody else's text on one line, without control characters, at most so long."""
    line = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return line if len(line) <= most else line[: most - 1] + "…"
