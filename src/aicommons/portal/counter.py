"""The consent desk on the page: a steward enters papers, looks people up, withdraws, prints receipts and posts.

A person's key and a code come in a form's body only: what has an address is a consent, by its number. A receipt holds the
code that is kept nowhere, so it waits in the ``tray`` until it was printed. What is done is ``owner/stewarding``'s business.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Annotated

import fastapi
from fastapi import responses

from aicommons.domain import consents, errors, vocabulary
from aicommons.node.consents import entering, receipts
from aicommons.owner import stewarding
from aicommons.portal import pages as shared
from aicommons.portal import routes

Sheet = Annotated[shared.Sheet, fastapi.Depends(shared.read_sheet)]


def make(pages: shared.Pages) -> fastapi.APIRouter:
    """Return the routes of the consent desk."""
    router = fastapi.APIRouter()
    looking, acting = Looking(pages), Acting(pages)
    for path, function in looking.table().items():
        router.add_api_route(path, function, methods=["GET"], response_model=None)
    for path, function in acting.table().items():
        router.add_api_route(path, function, methods=["POST"], response_model=None)
    return router


@dataclasses.dataclass(frozen=True, slots=True)
class Drawer:
    """One dataset's register, as the desk shows it."""

    dataset_id: int
    title: str
    counts: stewarding.Counts
    is_shown: bool
    """The ledger shows all of it."""
    column: str
    """Of the owner's table, from which a person's key is."""


class Looking:
    """Pages of the desk that change nothing."""

    def __init__(self, pages: shared.Pages) -> None:
        self._pages = pages

    def table(self) -> dict[str, Callable[..., object]]:
        """Return path -> what answers it."""
        return {
            "/consents": self.registers,
            "/consents/receipts/{name}": self.receipt,
            "/consents/{dataset_id:int}": self.desk,
            "/consents/{dataset_id:int}/{number:int}": self.person,
        }

    def registers(self, request: fastapi.Request) -> responses.HTMLResponse:
        """Show the datasets with a register, and who has to be asked."""
        drawers: list[Drawer] = []
        if self._pages.has_register:
            with self._pages.counter() as counter:
                drawers = [self._drawer(counter, each) for each in counter.register.datasets()]
        return self._pages.render(request, "consents.html", drawers=drawers, wards=self._pages.wards())

    def desk(self, request: fastapi.Request, dataset_id: int) -> responses.HTMLResponse:
        """Show one dataset's desk: look up, enter, post."""
        with self._pages.counter() as counter:
            drawer = self._drawer(counter, dataset_id)
        return self._pages.render(
            request,
            "desk.html",
            drawer=drawer,
            purposes=purposes_in(shared.language_of(request)),
            wards=tuple(each for each in self._pages.wards() if each[0] == dataset_id),
        )

    def person(self, request: fastapi.Request, dataset_id: int, number: int) -> responses.HTMLResponse:
        """Show all consents of the person whose consent this is."""
        with self._pages.counter() as counter:
            found = stewarding.of_same_person(counter, (dataset_id, number))
            grown = counter.register.of_age(dataset_id, int(time.time()))
        wards = [each.number for each in found if each.number in grown]
        return self._pages.render(request, "person.html", dataset_id=dataset_id, found=found, wards=wards)

    def receipt(self, request: fastapi.Request, name: str) -> responses.HTMLResponse:
        """Show a receipt to print, in the person's language."""
        receipt = self._pages.tray.get(name)
        printed = receipts.printed(receipt, contact=self._contact())
        return self._pages.render(request, "receipt.html", receipt=receipt, printed=printed, name=name)

    def _contact(self) -> str:
        """Return where this home's member can be reached, empty where its profile names nobody or cannot be read now."""
        view, clerk = self._pages.view(), self._pages.clerk
        profile = clerk.papers.profile(view, int(clerk.place.desk.member_id()))
        found = () if profile is None else profile.stewards
        return "; ".join(f"{each.name}, {each.contact}" for each in found)

    def _drawer(self, counter: stewarding.Counter, dataset_id: int) -> Drawer:
        known = counter.home.datasets().get(dataset_id)
        return Drawer(
            dataset_id=dataset_id,
            title="" if known is None else known["title"],
            counts=stewarding.counts(counter, dataset_id, int(time.time())),
            is_shown=stewarding.is_shown(counter, self._pages.view(), dataset_id),
            column=counter.register.column(dataset_id),
        )


class Acting:
    """Forms of the desk."""

    def __init__(self, pages: shared.Pages) -> None:
        self._pages = pages

    def table(self) -> dict[str, Callable[..., object]]:
        """Return path -> what answers it."""
        return {
            "/consents/{dataset_id:int}/enter": self.enter,
            "/consents/{dataset_id:int}/find": self.find,
            "/consents/{dataset_id:int}/post": self.post,
            "/consents/{dataset_id:int}/{number:int}/withdraw": self.withdraw,
            "/consents/{dataset_id:int}/{number:int}/receipt": self.receipt,
            "/consents/receipts/{name}/handed": self.handed,
        }

    def enter(self, dataset_id: int, sheet: Sheet) -> responses.RedirectResponse:
        """Enter one paper, and go to its receipt."""
        with self._pages.counter(by=routes.speaker(self._pages.clerk, sheet.fields)) as counter:
            paper, terms, look = signed_of(sheet), terms_of(sheet), self._pages.view
            made = stewarding.enter(
                counter,
                dataset_id,
                paper,
                terms,
                look=look,
                now=int(time.time()),
                not_in_table="not_in_table" in sheet.fields,
            )
        said = "entered-again" if made.is_same_scan else "entered"
        return _to(f"/consents/receipts/{self._pages.tray.put(made.receipt)}", said)

    def find(self, dataset_id: int, sheet: Sheet) -> responses.RedirectResponse:
        """Go to a person's consents; the key or code stays in the form."""
        given = {name: value.strip() for name, value in sheet.fields.items() if value.strip()}
        if sum(name in given for name in ("person", "code", "number")) != 1:
            raise errors.InputError(
                "one of the three says who is meant",
                which="look up",
                expected="one, not more",
                next_step="fill in the key, the code or the number, and leave the others empty",
            )
        wanted = stewarding.Wanted(given.get("code"), given.get("number"), given.get("person"), dataset_id)
        with self._pages.counter() as counter:
            dataset_id, number = stewarding.find(counter, wanted)[-1]
        return _to(f"/consents/{dataset_id}/{number}")

    def withdraw(self, dataset_id: int, number: int, sheet: Sheet) -> responses.RedirectResponse:
        """Take one consent back; nobody is asked for a PIN, because saying no must be easy."""
        if "confirmed" not in sheet.fields:
            raise errors.InputError(
                "not confirmed; nothing was changed",
                which=f"consent {dataset_id}-{number}",
                next_step="go back and tick that the person wants it",
            )
        evidence = sheet.digests.get("paper")
        with self._pages.counter() as counter:
            change = consents.Change(consents.Status.WITHDRAWN, int(time.time()), "steward", evidence)
            stewarding.withdraw(counter, [(dataset_id, number)], change, only_these="only" in sheet.fields)
        return _to(f"/consents/{dataset_id}/{number}", "withdrawn")

    def receipt(self, dataset_id: int, number: int, sheet: Sheet) -> responses.RedirectResponse:
        """Make another receipt, with a code of its own."""
        with self._pages.counter(by=routes.speaker(self._pages.clerk, sheet.fields)) as counter:
            made = stewarding.receipt_again(counter, (dataset_id, number))
        return _to(f"/consents/receipts/{self._pages.tray.put(made.receipt)}")

    def handed(self, name: str, sheet: Sheet) -> responses.RedirectResponse:
        """Forget a receipt that was handed over."""
        del sheet
        self._pages.tray.drop(name)
        return _to("/consents", "handed")

    def post(self, dataset_id: int, sheet: Sheet) -> responses.RedirectResponse:
        """Put the register's state on the ledger."""
        with self._pages.counter(by=routes.speaker(self._pages.clerk, sheet.fields)) as counter:
            stewarding.post(counter, self._pages.clerk.place.desk, dataset_id)
        return _to(f"/consents/{dataset_id}", "posted")


def _to(path: str, said: str | None = None) -> responses.RedirectResponse:
    return responses.RedirectResponse(path if said is None else f"{path}?said={said}", 303)


def terms_of(sheet: shared.Sheet) -> stewarding.Terms:
    """Return what a form says of a paper's terms; raises ``errors.InputError`` for a number that is none."""
    given = _given(sheet)
    columns = tuple(each.strip() for each in given.get("fields", "").split(",") if each.strip())
    return stewarding.Terms(
        purposes=sheet.purposes,
        until=given.get("until", ""),
        steward=given.get("steward", ""),
        commercial="commercial" in sheet.fields,
        fields=columns,
        problem=given.get("problem"),
        grantee=_whole(given, "grantee"),
        uses=_whole(given, "uses"),
        language=given.get("receipt_language", ""),
        notice=sheet.digests.get("notice"),
        age_of_majority=_whole(given, "majority") or entering.AGE_OF_MAJORITY,
    )


def signed_of(sheet: shared.Sheet) -> stewarding.Signed:
    """Return what a form says of a paper; raises ``errors.InputError`` without a scan."""
    given = _given(sheet)
    if "paper" not in sheet.digests:
        raise errors.InputError(
            "the scan of the signed paper is missing",
            which="paper",
            expected="a file",
            next_step="choose the scan; only its digest is kept",
        )
    return stewarding.Signed(
        person=given.get("person", ""),
        evidence=sheet.digests["paper"],
        guardian_evidence=sheet.digests.get("guardian_paper"),
        **{name: given.get(name) for name in OPTIONAL},
    )


OPTIONAL = ("given", "born", "guardian", "relation", "guardian_account", "guardianship", "ward", "ward_salt", "holder")


def _given(sheet: shared.Sheet) -> dict[str, str]:
    return {name: value.strip() for name, value in sheet.fields.items() if value.strip()}


def _whole(given: dict[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise errors.InputError(
            "not a whole number above 0", which=name, expected="digits", next_step="correct it, or leave it empty"
        )
    return int(text)


PURPOSES = tuple(
    (each.code, each.label)
    for each in vocabulary.PURPOSES
    if not vocabulary.broader(each.code) & vocabulary.BANNED_PURPOSES
)
"""Code and label of what may be consented to, in the vocabulary's order."""


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """One purpose to tick."""

    code: str
    label: str
    language: str
    """Of the label: English where nobody has translated it."""
    is_first: bool
    """One of health and research, which the desk shows at once."""


FIRST = ("dpv:ScientificResearch", "dpv:AcademicResearch", "dpv:NonCommercialResearch", "dpv:ImproveHealthcare")
"""Besides those of DUO."""


def purposes_in(language: str) -> tuple[Choice, ...]:
    """Return what may be consented to in a language, the narrow purposes of DUO first and "no restriction" last of them."""
    known = vocabulary.labels(language)
    made = [
        Choice(
            code,
            known.get(code, label),
            language if code in known else "en",
            (code.startswith("DUO:") and code != vocabulary.ANYTHING) or code in FIRST,
        )
        for code, label in PURPOSES
    ]
    return tuple(sorted(made, key=lambda each: not each.is_first))
