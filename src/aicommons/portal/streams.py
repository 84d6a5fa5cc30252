"""What the page shows while things happen: fragments, sent again by server-sent events when they change.

A stream looks at the ledger twice a second in a worker thread and sends a fragment only when it differs from the last
one; the browser puts it in place (htmx). A page that was just loaded gets nothing anew, so that focus stays. Each stream ends with its run, with the browser, or with the server.
"""

import asyncio
import hashlib
import urllib.parse
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from fastapi import concurrency, responses

from aicommons.domain import errors, ids
from aicommons.owner import deciding, progress, proposals, uses
from aicommons.portal import charts
from aicommons.portal import pages as shared
from aicommons.protocol import cases

LOOK_SECONDS = 0.5
PING_SECONDS = 15.0
"""Between comments that keep an idle stream open."""
Look = Callable[[], tuple[dict[str, str], bool]]
"""What gives the fragments by their events' names, and whether they are the last."""
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def today(pages: shared.Pages) -> dict[str, Any]:
    """Return what the first page shows."""
    view = pages.view()
    used = uses.uses(pages.clerk)
    open_entries = tuple(entry for entry in deciding.entries(pages.clerk) if not entry.standing.is_decided)
    return {
        "entries": open_entries,
        "titles": pages.titles(view),
        "wards": pages.wards(),
        "used": used,
        "live": pages.live(used),
        "votes": proposals.open_votes(pages.clerk.place),
    }


def run(pages: shared.Pages, run_id: ids.RunId) -> dict[str, Any]:
    """Return what a run's page shows."""
    clerk, view = pages.clerk, pages.view()
    seen = progress.look(clerk.place, clerk.papers, pages.rounds, run_id)
    roster = seen.current.roster
    members = roster.member_ids if roster is not None else tuple(sorted(seen.current.enrolled))
    return {
        "progress": seen,
        "chart": charts.draw(seen.rounds, seen.metric),
        "names": [name for name in progress.DRAWN if any(name in each.figures for each in seen.rounds)],
        "members": [(clerk.papers.name(view, member), member in seen.current.out) for member in members],
        "ended": [clerk.papers.name(view, member) for member in seen.consents_over],
        "may_leave": seen.may_leave,
        "departed": {each.member_id: clerk.papers.name(view, each.member_id) for each in seen.departures},
        "absent": ", ".join(clerk.papers.name(view, each) for each in (seen.absence.members if seen.absence else ())),
        "judging": not seen.current.state.is_over and any(cases.open_cases(seen.current)),
    }


def today_texts(pages: shared.Pages, language: str) -> dict[str, str]:
    """Return the living part of the first page, by the name of its event."""
    return {"today": pages.fragment(language, "today_live.html", **today(pages))}


def run_texts(pages: shared.Pages, language: str, values: dict[str, Any]) -> dict[str, str]:
    """Return the living parts of a run's page; what seldom changes comes by itself, so that it stays unfolded."""
    return {
        "progress": pages.fragment(language, "run_live.html", **values),
        "sent": pages.fragment(language, "run_sent.html", **values),
    }


def address(path: str, texts: Mapping[str, str]) -> str:
    """Return the address of a page's stream; it names what the page shows already, so that nothing is put in its place."""
    return f"{path}?{urllib.parse.urlencode({name: _digest(text) for name, text in texts.items()})}"


def follow_today(pages: shared.Pages, language: str, known: Mapping[str, str]) -> responses.StreamingResponse:
    """Stream the first page's changes; ``known`` is what its address says."""
    return _answer(lambda: (today_texts(pages, language), False), known)


def follow_run(
    pages: shared.Pages, run_id: ids.RunId, language: str, known: Mapping[str, str]
) -> responses.StreamingResponse:
    """Stream a run's changes until there is nothing more to come."""

    def look() -> tuple[dict[str, str], bool]:
        values = run(pages, run_id)
        seen: progress.Progress = values["progress"]
        has_report = bool(seen.together or seen.not_judged) or not seen.is_ours or not seen.rounds
        return run_texts(pages, language, values), seen.current.state.is_over and has_report

    return _answer(look, known)


def _answer(look: Look, known: Mapping[str, str]) -> responses.StreamingResponse:
    return responses.StreamingResponse(_events(look, dict(known)), media_type="text/event-stream", headers=HEADERS)


async def _events(look: Look, shown: dict[str, str]) -> AsyncIterator[str]:
    idle = 0.0
    while True:
        try:
            texts, is_last = await concurrency.run_in_threadpool(look)
        except errors.TemporaryError:
            texts, is_last = {}, False  # the ledger does not answer: what was shown stays, and is asked for again
        for name, text in texts.items():
            if shown.get(name) != _digest(text):
                shown[name] = _digest(text)
                idle = 0.0
                yield _event(name, text)
        if is_last:
            yield _event("end", "")
            return
        await asyncio.sleep(LOOK_SECONDS)
        idle += LOOK_SECONDS
        if idle >= PING_SECONDS:
            yield ": still here\n\n"
            idle = 0.0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _event(name: str, text: str) -> str:
    """Return one event: one line of data per line of text (HTML standard, 9.2.6)."""
    lines = "".join(f"data: {line}\n" for line in text.splitlines()) or "data:\n"
    return f"event: {name}\n{lines}\n"
