"""What newly fits: problems that this home's data could serve, and datasets that fit its member's problems.

Each pair of a problem and a dataset's version is judged once and the judgement kept in the inbox, so that a person hears of it
once and never again after putting it away. What could not be read is judged later. Called by ``deciding``; whether a table
really fits a plan is only found out when a run asks for it.
"""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Mapping, Sequence

from aicommons.catalogue import matching as catalogue
from aicommons.catalogue import projection
from aicommons.domain import cards, documents, ids
from aicommons.node import inbox
from aicommons.owner import places
from aicommons.protocol import inbox as rules
from aicommons.protocol import matching
from aicommons.protocol import view as views

AGAIN_SECONDS = 60.0
"""Between attempts to judge what could not be read: a page asks twice a second, and a store may be away for days."""
MOST_AT_ONCE = 500
"""Pairs judged in one look: each may cost a question to the store, and somebody waits for the answer."""


class Fits:
    """The pairs that fit, looked for again when the ledger has said something new."""

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self._seen: views.LedgerView | None = None
        self._until = 0.0
        self._tried: set[str] = set()
        self._items: tuple[rules.Item, ...] = ()

    def items(
        self, place: places.Place, kept: inbox.Inbox, view: views.LedgerView, member: ids.MemberId
    ) -> tuple[rules.Item, ...]:
        """Return what fits now, put away or not, as far as it was judged; the rest follows in the next look."""
        now = time.time()
        with self._looking:
            if view is not self._seen or now >= self._until:
                pairs = matching.pairs(view, member, own=place.home.datasets(), now=int(max(now, view.time)))
                judged = self._judged(place, kept, view, pairs)
                self._items = tuple(
                    rules.of_pair(view, member, pair, judged[pair.text].at)
                    for pair in pairs
                    if pair.text in judged and judged[pair.text].is_fitting
                )
                self._seen, self._until = view, now if self._tried else now + AGAIN_SECONDS
            return self._items

    def _judged(
        self, place: places.Place, kept: inbox.Inbox, view: views.LedgerView, pairs: tuple[matching.Pair, ...]
    ) -> Mapping[str, inbox.Judged]:
        """Return what is known of ``pairs`` after judging some that are not, the newest first."""
        known = kept.judged()
        wanted = [pair for pair in reversed(pairs) if pair.text not in known and pair.text not in self._tried]
        some = wanted[:MOST_AT_ONCE]
        found = _judge(place, view, some) if some else {}
        kept.keep_judged(found)
        self._tried = self._tried | {pair.text for pair in some} if len(wanted) > len(some) else set()
        return {**known, **found}


def _judge(place: places.Place, view: views.LedgerView, pairs: Sequence[matching.Pair]) -> dict[str, inbox.Judged]:
    """Return those of ``pairs`` of which everything could be read, judged."""
    now = int(max(time.time(), view.time))
    with contextlib.closing(projection.Catalogue(place.home.catalogue_file)) as opened:
        judge = catalogue.Judge(view, opened.library(place.store), now)
        matches = [judge.match(pair.problem_id, pair.dataset_id) for pair in pairs]
    return {each.pair.text: inbox.Judged(now, each.is_fitting) for each in matches if each.is_final}


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """A pair as a person reads it."""

    problem: documents.Problem | None
    """``None`` while the store does not give it."""
    problem_owner: str
    card: cards.DatasetCard | None
    """``None`` while the store does not give it."""
    holder: str
    """Name and number of the member that holds the dataset."""


def look(place: places.Place, papers: places.Papers, pair: matching.Pair) -> Seen:
    """Return what is known of a pair."""
    view = place.desk.view()
    stated, dataset = view.problems[pair.problem_id], view.datasets[pair.dataset_id]
    return Seen(
        problem=papers.problem(view, pair.problem_id),
        problem_owner=papers.name(view, stated.owner),
        card=papers.card(view, pair.dataset_id),
        holder=papers.name(view, dataset.owner),
    )


def title(papers: places.Papers, view: views.LedgerView, item: rules.Item) -> str:
    """Return what a pair's item is about, empty while it cannot be read: the other side's words, then one's own."""
    if item.pair is None:
        return ""
    problem, card = papers.problem(view, item.pair.problem_id), papers.card(view, item.pair.dataset_id)
    names = ["" if each is None else places.one_line(each.title) for each in (problem, card)]
    if item.kind is rules.Kind.DATASET:
        names.reverse()
    return " / ".join(each for each in names if each)
