"""The addresses of the page: what each shows, and what each form does.

Forms answer with a redirect, so that a page can be loaded again without doing anything twice, and everything works
without scripts. What is shown and done is ``owner/``'s business.
"""

import time
from collections.abc import Callable, Iterator
from typing import Annotated

import fastapi
from fastapi import responses

from aicommons.domain import errors, ids
from aicommons.owner import budgets, deciding, fits, lineage, offers, operators, progress, rosters, stopping, uses
from aicommons.portal import catalogues, streams
from aicommons.portal import pages as shared
from aicommons.protocol import inbox as rules

Form = Annotated[dict[str, str], fastapi.Depends(shared.read_form)]


def make(pages: shared.Pages) -> fastapi.APIRouter:
    """Return all routes but those that change settings."""
    router = fastapi.APIRouter(default_response_class=responses.HTMLResponse)
    looking, acting = Looking(pages), Acting(pages)
    for path, function in looking.table().items():
        router.add_api_route(path, function, methods=["GET"], response_model=None)
    for path, function in acting.table().items():
        router.add_api_route(path, function, methods=["POST"], response_model=None)
    return router


class Looking:
    """Pages that change nothing."""

    def __init__(self, pages: shared.Pages) -> None:
        self._pages = pages

    def table(self) -> dict[str, Callable[..., object]]:
        """Return path -> what answers it."""
        return {
            "/": self.today,
            "/events": self.today_events,
            "/inbox": self.inbox,
            "/inbox/{key}": self.item,
            "/runs": self.runs,
            "/runs/{run}": self.run,
            "/runs/{run}/events": self.run_events,
            "/log": self.log,
            "/budgets": self.budgets,
            "/stop": self.stop,
            "/language/{code}": self.language,
            "/locked": self._pages.locked,
        }

    def today(self, request: fastapi.Request) -> responses.HTMLResponse:
        """Show what needs the owner, what is under way, and what was used."""
        texts = streams.today_texts(self._pages, shared.language_of(request))
        return self._pages.render(request, "today.html", texts=texts, stream=streams.address("/events", texts))

    def today_events(self, request: fastapi.Request) -> responses.StreamingResponse:
        """Send the first page anew whenever it changes."""
        return streams.follow_today(self._pages, shared.language_of(request), request.query_params)

    def inbox(self, request: fastapi.Request) -> responses.HTMLResponse:
        """Show what waits."""
        view = self._pages.view()
        entries = deciding.entries(self._pages.clerk)
        titles, wards, stopped = (
            self._pages.titles(view),
            self._pages.wards(),
            progress.stopped(self._pages.clerk.place),
        )
        return self._pages.render(request, "inbox.html", entries=entries, titles=titles, wards=wards, stopped=stopped)

    def item(self, request: fastapi.Request, key: str) -> responses.HTMLResponse:
        """Show one thing that waits, with everything that is needed to decide."""
        clerk = self._pages.clerk
        entry = deciding.find(clerk, key)
        if entry.item.wish is not None:
            wish = lineage.wish(clerk.place, clerk.papers, entry.item.wish)
            return self._pages.render(request, "wish.html", entry=entry, wish=wish)
        if entry.item.kind in rules.ANSWERS:
            return self._news(request, entry)
        written = deciding.letters(clerk, entry)
        if entry.item.run_id is None:
            return self._pages.render(request, "request.html", entry=entry, correspondence=written)
        if entry.item.kind is rules.Kind.ROSTER:
            return self._roster(request, entry, entry.item.run_id)
        offer = offers.make_offer(clerk.place, clerk.papers, clerk.tables, entry.item.run_id)
        return self._pages.render(request, "offer.html", entry=entry, offer=offer, correspondence=written)

    def _news(self, request: fastapi.Request, entry: deciding.Entry) -> responses.HTMLResponse:
        clerk = self._pages.clerk
        if entry.item.pair is not None:
            seen = fits.look(clerk.place, clerk.papers, entry.item.pair)
            return self._pages.render(request, "fit.html", entry=entry, seen=seen)
        pending = clerk.place.desk.member(clerk.place.desk.member_id()).recovery
        account = bytes(20) if pending is None else pending.account
        return self._pages.render(request, "recovery.html", entry=entry, account=account)

    def _roster(self, request: fastapi.Request, entry: deciding.Entry, run_id: ids.RunId) -> responses.HTMLResponse:
        clerk, view = self._pages.clerk, self._pages.view()
        seen = rosters.look(clerk.place, run_id)
        return self._pages.render(
            request,
            "roster.html",
            entry=entry,
            seen=seen,
            title=self._pages.titles(view)[entry.item],
            members=[clerk.papers.name(view, member) for member in seen.roster.member_ids],
            readers=[clerk.papers.name(view, member) for member in seen.readers],
            fingerprint=ids.fingerprint(seen.roster.roster),
        )

    def runs(self, request: fastapi.Request) -> responses.HTMLResponse:
        """Show the runs with this home's data."""
        return self._pages.render(request, "runs.html", used=uses.uses(self._pages.clerk))

    def run(self, request: fastapi.Request, run: str) -> responses.HTMLResponse:
        """Show one run: rounds, what left this site, the result."""
        values = streams.run(self._pages, run_id_of(run))
        texts = streams.run_texts(self._pages, shared.language_of(request), values)
        stream = streams.address(f"/runs/{run}/events", texts)
        return self._pages.render(request, "run.html", texts=texts, stream=stream, **values)

    def run_events(self, request: fastapi.Request, run: str) -> responses.StreamingResponse:
        """Send a run's page anew whenever something happened in it."""
        language = shared.language_of(request)
        return streams.follow_run(self._pages, run_id_of(run), language, request.query_params)

    def log(self, request: fastapi.Request) -> responses.HTMLResponse:
        """Show every use and every decision."""
        clerk = self._pages.clerk
        return self._pages.render(request, "log.html", used=uses.uses(clerk), decisions=uses.decisions(clerk))

    def budgets(self, request: fastapi.Request) -> responses.HTMLResponse:
        """Show what each dataset has given away."""
        told = budgets.budgets(self._pages.clerk, int(time.time()))
        return self._pages.render(request, "budgets.html", budgets=told)

    def stop(self, request: fastapi.Request) -> responses.HTMLResponse:
        """Show what stopping means, and what else can be done."""
        return self._pages.render(request, "stop.html", refused=())

    def language(self, request: fastapi.Request, code: str) -> responses.RedirectResponse:
        """Remember a language and go back."""
        back = shared.own_path(request.query_params.get("next", "/"))
        answer = responses.RedirectResponse(back, 303)
        if code in catalogues.LANGUAGES:
            answer.set_cookie(shared.LANGUAGE_COOKIE, code, max_age=shared.YEAR, httponly=True, samesite="strict")
        return answer


class Acting:
    """Forms that decide and stop."""

    def __init__(self, pages: shared.Pages) -> None:
        self._pages = pages

    def table(self) -> dict[str, Callable[..., object]]:
        """Return path -> what answers it."""
        return {
            "/inbox/{key}": self.decide,
            "/stop": self.stop,
            "/stop/ledger": self.stop_on_ledger,
            "/resume": self.resume,
        }

    def decide(self, key: str, form: Form) -> responses.RedirectResponse:
        """Say yes, no or a question to one item."""
        clerk = self._pages.clerk
        item = deciding.find(clerk, key).item
        standing = deciding.decide(clerk, key, word_of(form, speaker(clerk, form)))
        if standing is rules.Standing.APPROVED:
            place = "/inbox" if item.run_id is None else f"/runs/{item.run_id.hex()}"
            return responses.RedirectResponse(f"{place}?said=approved", 303)
        said = "vetoed" if item.kind is rules.Kind.RECOVERY else standing.value
        return responses.RedirectResponse(f"/inbox?said={said}", 303)

    def stop(self, form: Form) -> responses.RedirectResponse:
        """Stop everything at once; nobody is asked for a PIN."""
        del form
        clerk = self._pages.clerk
        with clerk.inbox() as kept:
            stopping.set_flag(kept, by="", reason="")
        return responses.RedirectResponse("/stop?said=stopped", 303)

    def stop_on_ledger(self, request: fastapi.Request, form: Form) -> responses.Response:
        """Also suspend datasets and revoke consents, as chosen."""
        clerk = self._pages.clerk
        by = speaker(clerk, form)
        with clerk.inbox() as kept:
            stopping.set_flag(kept, by=by, reason=form.get("reason", ""))
        done = stopping.tell_ledger(clerk.place, suspend="suspend" in form, revoke="revoke" in form, by=by)
        if done.refused:
            return self._pages.render(request, "stop.html", refused=done.refused)
        return responses.RedirectResponse("/stop?said=saved", 303)

    def resume(self, form: Form) -> responses.RedirectResponse:
        """Let the node take part again."""
        clerk = self._pages.clerk
        by = speaker(clerk, form)
        with clerk.inbox() as kept:
            stopping.release(kept, by=by, reason=form.get("reason", ""))
        return responses.RedirectResponse("/?said=resumed", 303)


def speaker(clerk: deciding.Clerk, form: dict[str, str]) -> str:
    """Return who sent a form; raises ``errors.InputError`` for a wrong PIN."""
    with clerk.inbox() as kept:
        return operators.speaker(kept, operators.Person(form.get("operator", ""), form.get("pin", "")))


def word_of(form: dict[str, str], by: str) -> deciding.Word:
    """Return what a form says to an item; raises ``errors.InputError`` for what is no answer."""
    try:
        verdict = rules.Verdict(form.get("verdict"))
    except ValueError as err:
        raise errors.InputError(
            "no such answer",
            which="verdict",
            expected="approve, ask, deny or dismiss",
            next_step="open the item again and press one of its buttons",
        ) from err
    return deciding.Word(
        verdict,
        form.get("reason", ""),
        by,
        dataset_ids=tuple(_ticked(form)),
        is_compared="compared" in form,
    )


DATASET = "dataset-"
"""What the names of the boxes begin with that say which datasets to bring."""
MOST_DIGITS = 13


def _ticked(form: dict[str, str]) -> Iterator[int]:
    """Yield the numbers of the datasets that are ticked; what is no number is none of this home's."""
    for name in form:
        number = name.removeprefix(DATASET)
        if number != name:
            yield int(number) if number.isascii() and number.isdecimal() and len(number) < MOST_DIGITS else 0


def run_id_of(text: str) -> ids.RunId:
    """Read a run's id in an address; raises ``errors.InputError`` for anything else."""
    try:
        return ids.RunId(ids.parse_bytes32(f"0x{text.removeprefix('0x')}"))
    except errors.DecodeError as err:
        raise errors.InputError("no such run", which=text[:66], next_step="see the list of runs") from err
