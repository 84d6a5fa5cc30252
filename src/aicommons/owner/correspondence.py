"""Requests for this home's datasets and what was written about them, and the answers that are sent.

Letters are sealed to the other side and lie in the store; the ledger says who wrote when. What this home wrote itself is
kept in its inbox, because nobody but the other side can open it. Called by ``deciding`` and the page.
"""

import dataclasses
import os
from collections.abc import Mapping

from aicommons.domain import errors, events, letters
from aicommons.node import letters as sealing
from aicommons.owner import places, published
from aicommons.protocol import inbox, permissions


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """One letter."""

    is_ours: bool
    at: int
    """Block time in seconds."""
    words: str | None
    """``None`` when it cannot be read here and now."""


@dataclasses.dataclass(frozen=True, slots=True)
class Correspondence:
    """One request with its letters, oldest first."""

    request_id: int
    dataset_id: int
    title: str
    """Of the dataset, here."""
    asker: str
    """Name and number."""
    state: permissions.RequestState
    letters: tuple[Written, ...]


def read(
    place: places.Place,
    papers: places.Papers,
    request_id: int,
    said: tuple[inbox.Decision, ...],
    *,
    secret: bytes | None,
) -> Correspondence:
    """Return a request with everything that was written.

    Args:
        place: the home.
        papers: for names.
        request_id: the ledger's number of the request.
        said: what this home said to it, from its inbox.
        secret: scalar of the home's reader key; ``None`` where the wallet is locked, and letters stay closed.

    Raises:
        errors.InputError: no such request.
    """
    view = place.desk.view()
    request = view.requests.get(request_id)
    if request is None:
        raise unknown(request_id)
    asked = request.asked
    ours = iter([each.reason for each in said if each.verdict is not inbox.Verdict.APPROVE])
    written = [Written(False, asked.at.time, _open(place, asked.document, secret))]
    for turn in request.turns:  # each question of ours is one of the inbox's, in the same order
        if isinstance(turn, events.RequestReplied):
            written.append(Written(False, turn.at.time, _open(place, turn.document, secret)))
        else:
            written.append(Written(True, turn.at.time, next(ours, None)))
    titles: Mapping[int, str] = {number: known["title"] for number, known in place.home.datasets().items()}
    return Correspondence(
        request_id=request_id,
        dataset_id=asked.dataset_id,
        title=titles.get(asked.dataset_id, ""),
        asker=papers.name(view, int(asked.asker)),
        state=request.state,
        letters=tuple(written),
    )


def unknown(request_id: int) -> errors.InputError:
    """Return what is wrong with the number of a request that is none."""
    return errors.InputError(
        "no such request",
        which=f"request {request_id}",
        next_step="see `commons inbox list` and `commons request list`",
    )


def _open(place: places.Place, document: bytes, secret: bytes | None) -> str | None:
    if secret is None or not any(document):
        return None
    try:
        return sealing.open_sealed(place.store.get(document, sealing.LONGEST), secret).words
    except published.UNAVAILABLE:
        return None


ANSWERS: Mapping[inbox.Verdict, events.Answer] = {
    inbox.Verdict.APPROVE: events.Answer.APPROVE,
    inbox.Verdict.ASK: events.Answer.ASK_BACK,
    inbox.Verdict.DENY: events.Answer.DENY,
}


def answer(place: places.Place, request_id: int, verdict: inbox.Verdict, words: str) -> None:
    """Answer a request on the ledger, with words sealed to the asker; raises as the ledger and the store do."""
    view = place.desk.view()
    request = view.requests.get(request_id)
    if request is None:
        raise unknown(request_id)
    sealed = None
    if words:
        point = view.members[int(request.asked.asker)].reader_point
        sealed = sealing.seal(letters.Letter(words), point, os.urandom)
    place.desk.answer(request_id, ANSWERS[verdict], sealed)
