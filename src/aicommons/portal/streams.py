"""What the page shows while things happen: fragments, sent again by server-sent events when they change.

A stream looks at the ledger twice a second in a worker thread and sends a fragment only when it differs from the last
one; the browser puts it in place (htmx). Each stream ends with its run, with the browser, or with the server.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import concurrency, responses

from aicommons.domain import errors, ids
from aicommons.owner import deciding, progress, uses
from aicommons.portal import charts
from aicommons.portal import pages as shared

LOOK_SECONDS = 0.5
PING_SECONDS = 15.0
"""Between comments that keep an idle stream open."""
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def today(pages: shared.Pages) -> dict[str, Any]:
    """Return what the first page shows."""
    view = pages.view()
    used = uses.uses(pages.clerk)
    open_entries = tuple(
        entry for entry in deciding.entries(pages.clerk) if entry.standing.value in ("open", "second", "asked")
    )
    return {"entries": open_entries, "titles": pages.titles(view), "used": used, "live": pages.live(used)}


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
        "members": [clerk.papers.name(view, member) for member in members],
    }


def follow_today(pages: shared.Pages, language: str) -> responses.StreamingResponse:
    """Stream the first page's changes."""

    def look() -> tuple[str, bool]:
        return pages.fragment(language, "today_live.html", **today(pages)), False

    return responses.StreamingResponse(_events("today", look), media_type="text/event-stream", headers=HEADERS)


def follow_run(pages: shared.Pages, run_id: ids.RunId, language: str) -> responses.StreamingResponse:
    """Stream a run's changes until there is nothing more to come."""

    def look() -> tuple[str, bool]:
        values = run(pages, run_id)
        seen: progress.Progress = values["progress"]
        has_report = bool(seen.together or seen.not_judged) or not seen.is_ours or not seen.rounds
        is_last = seen.current.state.is_over and has_report
        return pages.fragment(language, "run_live.html", **values), is_last

    return responses.StreamingResponse(_events("progress", look), media_type="text/event-stream", headers=HEADERS)


async def _events(name: str, look: Callable[[], tuple[str, bool]]) -> AsyncIterator[str]:
    shown, idle = "", 0.0
    while True:
        try:
            text, is_last = await concurrency.run_in_threadpool(look)
        except errors.TemporaryError:
            text, is_last = shown, False  # the ledger does not answer: what was shown stays, and is asked for again
        if text != shown:
            yield _event(name, text)
            shown, idle = text, 0.0
        if is_last:
            yield _event("end", "")
            return
        await asyncio.sleep(LOOK_SECONDS)
        idle += LOOK_SECONDS
        if idle >= PING_SECONDS:
            yield ": still here\n\n"
            idle = 0.0


def _event(name: str, text: str) -> str:
    """Return one event; data has no empty name and one line per line of text (HTML standard, 9.2.6)."""
    lines = "".join(f"data: {line}\n" for line in text.splitlines()) or "data:\n"
    return f"event: {name}\n{lines}\n"
