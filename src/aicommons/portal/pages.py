"""Templates and what all pages share: the language, who is asked, what waits; and how a refusal is told.

Called by the routes. Every text stands in a template, so that one look at ``templates/`` finds what has to be
translated. Nothing is decided here.
"""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.resources
import logging
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

import fastapi
import jinja2
import markupsafe
from fastapi import responses

from aicommons.domain import errors, ids, run, typography, vocabulary
from aicommons.owner import deciding, places, progress, stewarding, uses
from aicommons.portal import catalogues, guard, refilling, tray
from aicommons.protocol import inbox as rules
from aicommons.protocol import ports
from aicommons.protocol import view as views

if TYPE_CHECKING:
    from starlette import datastructures

log = logging.getLogger("aicommons.portal")

LANGUAGE_COOKIE = "commons_language"
SECTIONS = ("/inbox", "/runs", "/datasets", "/consents", "/log", "/budgets", "/settings", "/stop")
YEAR = 365 * 86400


class Pages:
    """The home behind the page, and its templates in every language."""

    def __init__(self, clerk: deciding.Clerk, session: guard.Session, signer: ports.Signer) -> None:
        """Share ``clerk`` among all pages; ``signer``, the home's wallet, opens the register of people's consents."""
        self.clerk = clerk
        self.session = session
        self.tray = tray.Tray()
        self._signer = signer
        self._wards = stewarding.Wards(clerk.place.home, signer)
        self._told = ""
        self.rounds = progress.Rounds()
        self._owner = places.one_line(clerk.place.home.settings().name)
        self._environments = {language: environment(language) for language in catalogues.LANGUAGES}
        for each in self._environments.values():
            each.filters["name"] = lambda member: clerk.papers.name(self.view(), int(member))

    def view(self) -> views.LedgerView:
        """Return what the ledger says now."""
        return self.clerk.place.desk.view()

    def counter(self, *, by: str = "") -> contextlib.AbstractContextManager[stewarding.Counter]:
        """Open the home's register for one act of ``by``; raises as ``stewarding.at``."""
        return stewarding.at(self.clerk.place.home, self._signer, by=by)

    @property
    def has_register(self) -> bool:
        """Whether this home keeps people's consents."""
        return stewarding.is_kept(self.clerk.place.home)

    def wards(self) -> tuple[stewarding.Number, ...]:
        """Return the consents of children who have come of age and have to be asked.

        A register that does not open is told on the consents' pages; it must not take the stop button away.
        """
        try:
            return self._wards.look(int(time.time()))
        except errors.PermanentError as err:
            if str(err) != self._told:
                log.warning("the register of consents does not open: %s", err)
                self._told = str(err)
            return ()

    def render(
        self, request: fastapi.Request, template: str, *, status: int = 200, **values: Any
    ) -> responses.HTMLResponse:
        """Return a whole page."""
        language = language_of(request)
        with self.clerk.inbox() as kept:
            house = kept.house()
        waiting = sum(entry.standing.is_waiting for entry in values.get("entries") or self._entries())
        waiting += len(self.wards())
        shared = {
            "language": language,
            "languages": catalogues.LANGUAGES,
            "owner": self._owner,
            "is_open": True,
            "section": next((each for each in SECTIONS if request.url.path.startswith(each)), "/"),
            "address_here": request.url.path,
            "form_token": self.session.form_token,
            "house": house,
            "waiting": waiting,
            "said": request.query_params.get("said", ""),
            "places": places,
            "correspondence": None,
        }
        text = self._environments[language].get_template(template).render(shared | values)
        return responses.HTMLResponse(text, status, {"vary": "cookie, accept-language"})

    def fragment(self, language: str, template: str, **values: Any) -> str:
        """Return a part of a page, for the page and its stream; it is escaped."""
        return self._environments[language].get_template(template).render(values)

    def locked(self, request: fastapi.Request) -> responses.HTMLResponse:
        """Return the page for somebody who has not opened the link; it says nothing of this home."""
        language = language_of(request)
        values = {
            "language": language, "languages": catalogues.LANGUAGES, "owner": "AI Commons", "is_open": False,
            "address_here": "/", "said": "", "section": "/",
        }  # fmt: skip
        return responses.HTMLResponse(self._environments[language].get_template("locked.html").render(values), 403)

    def refused(self, request: fastapi.Request, err: errors.CommonsError, origin: str = "") -> responses.HTMLResponse:
        """Return the page that tells what was not done, and why; ``origin`` is the page with the form that was sent."""
        status = 503 if isinstance(err, errors.TemporaryError) else 409
        if origin:
            language = language_of(request)
            notice = self.fragment(language, "notdone.html", err=err)
            filled = refilling.refilled(origin, request.url.path, request.state.given, notice)
            return responses.HTMLResponse(filled, status, {"vary": "cookie, accept-language"})
        return self.render(request, "refused.html", status=status, err=err)

    def titles(self, view: views.LedgerView) -> "Titles":
        """Return item -> what it is about."""
        return Titles(self, view)

    def live(self, used: tuple[uses.Use, ...]) -> list[progress.Progress]:
        """Return the runs with this home's data that are under way."""
        return [
            progress.look(self.clerk.place, self.clerk.papers, self.rounds, each.run_id)
            for each in used
            if each.state in progress.LIVE or each.state is run.RunState.ENROLLING
        ]

    def _entries(self) -> tuple[deciding.Entry, ...]:
        try:
            return deciding.entries(self.clerk)
        except errors.TemporaryError:
            return ()


class Titles:
    """Item -> what it is about, looked up when a template asks."""

    def __init__(self, pages: Pages, view: views.LedgerView) -> None:
        self._pages = pages
        self._view = view

    def __getitem__(self, item: rules.Item) -> str:
        return deciding.title(self._pages.clerk, self._view, item)

    def asker(self, item: rules.Item) -> str:
        """Return who asks for data, empty where nobody does."""
        return deciding.asker(self._pages.clerk, self._view, item)

    def run(self, run_id: ids.RunId) -> str:
        """Return what a run is about."""
        return progress.title_of(self._pages.clerk.papers.terms(self._view.runs[run_id]))


@functools.cache
def environment(language: str) -> jinja2.Environment:
    """Return the templates in one language."""
    root = importlib.resources.files("aicommons.portal") / "templates"
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(root)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(catalogues.load(language), newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {
        "moment": functools.partial(typography.moment, language=language),
        "machine": typography.machine,
        "clock": rules.time_of,
        "purpose": functools.partial(purpose, language=language),
        "day": functools.partial(typography.day, language=language),
        "decimal": functools.partial(typography.decimal, language=language),
    }
    made.globals |= {"colon": typography.spaced(" : " if language == "fr" else ": ", language)}
    return made


def purpose(code: str, language: str) -> str:
    """Return a purpose with its label; one that nobody has translated says that it is English."""
    label = vocabulary.labels(language).get(code)
    if label is not None:
        return f"{label} ({code})"
    label = vocabulary.labels("en").get(code)
    return code if label is None else markupsafe.Markup('<span lang="en">{} ({})</span>').format(label, code)


def language_of(request: fastapi.Request) -> str:
    """Return the language of a request."""
    return catalogues.choose(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language"))


def own_path(address: str) -> str:
    """Return ``address`` if it is a path of this page, else the first page: a link never leads elsewhere."""
    try:
        parts = urllib.parse.urlsplit(address)
    except ValueError:  # such as "http://[", which is no address at all
        return "/"
    is_own = not parts.scheme and not parts.netloc and parts.path.startswith("/") and not parts.path.startswith("//")
    return parts.path if is_own and "\\" not in address else "/"


async def read_form(request: fastapi.Request) -> dict[str, str]:
    """Return the fields of a form of this page.

    Raises:
        errors.InputError: it does not carry the session's token, or has a file in it.
    """
    pages: Pages = request.app.state.pages
    async with request.form(max_files=0, max_fields=40) as given:
        fields = {name: value for name, value in given.items() if isinstance(value, str)}
    _check_token(pages, fields)
    request.state.given = {name: [value] for name, value in fields.items()}
    return fields


@dataclasses.dataclass(frozen=True, slots=True)
class Sheet:
    """A form that may bring scans: only their digests are kept."""

    fields: dict[str, str]
    purposes: tuple[str, ...]
    """Every purpose that was chosen."""
    digests: dict[str, bytes]
    """Field of a file -> its SHA-256."""


async def read_sheet(request: fastapi.Request) -> Sheet:
    """Return the fields of a form that may bring scans, each of them hashed and forgotten.

    Raises:
        errors.InputError: it does not carry the session's token.
    """
    pages: Pages = request.app.state.pages
    async with request.form(max_files=MOST_SCANS, max_fields=40) as given:
        fields = {name: value for name, value in given.items() if isinstance(value, str)}
        purposes = tuple(value for value in given.getlist("purposes") if isinstance(value, str))
        scans = {name: value for name, value in given.items() if not isinstance(value, str) and value.size}
        digests = {name: await _digest_of(value) for name, value in scans.items()}
    _check_token(pages, fields)  # before it is given back: nobody else's words stand in a form of this page
    request.state.given = {name: [value] for name, value in fields.items()} | {"purposes": list(purposes)}
    return Sheet(fields, purposes, digests)


MOST_SCANS = 3
"""Paper, proof of guardianship, information sheet."""


async def _digest_of(scan: "datastructures.UploadFile") -> bytes:
    hashed = hashlib.sha256()
    while part := await scan.read(2**20):
        hashed.update(part)
    return hashed.digest()


def _check_token(pages: Pages, fields: dict[str, str]) -> None:
    if not pages.session.is_form_token(fields.get("token", "")):
        raise errors.InputError(
            "this form is not from the page as it is now", which="form", next_step="open the page again and repeat it"
        )
