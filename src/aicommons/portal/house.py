"""Settings of the owner's house: standing rules, quiet hours, who may approve. Forms of ``settings.html`` come here.

While operators are named, each change needs one's PIN; with two or more, naming somebody and taking a name away need two.
What is done and noted is ``owner/operators``' business; this file reads forms.
"""

from collections.abc import Callable

import fastapi
from fastapi import responses

from aicommons.domain import errors, ids
from aicommons.owner import operators
from aicommons.portal import pages as shared
from aicommons.portal import routes
from aicommons.protocol import inbox as rules


def make(pages: shared.Pages) -> fastapi.APIRouter:
    """Return the routes of the settings page."""
    router = fastapi.APIRouter()
    house = House(pages)
    router.add_api_route("/settings", house.show, methods=["GET"], response_model=None)
    for path, function in house.table().items():
        router.add_api_route(path, function, methods=["POST"], response_model=None)
    return router


class House:
    """The settings page and its forms."""

    def __init__(self, pages: shared.Pages) -> None:
        self._pages = pages

    def table(self) -> dict[str, Callable[..., object]]:
        """Return path -> what answers it."""
        return {
            "/settings/rules": self.add_rule,
            "/settings/rules/{number}/remove": self.remove_rule,
            "/settings/quiet": self.set_quiet,
            "/settings/operators": self.add_operator,
            "/settings/operators/remove": self.remove_operator,
        }

    def show(self, request: fastapi.Request) -> responses.HTMLResponse:
        """Show the settings."""
        with self._pages.clerk.inbox() as kept:
            known = kept.standing_rules()
        return self._pages.render(request, "settings.html", rules=known)

    def add_rule(self, form: routes.Form) -> responses.RedirectResponse:
        """Make a standing rule."""
        by = routes.speaker(self._pages.clerk, form)
        with self._pages.clerk.inbox() as kept:
            operators.add_rule(kept, rule_of(form), by=by)
        return _saved()

    def remove_rule(self, number: int, form: routes.Form) -> responses.RedirectResponse:
        """Remove a standing rule."""
        by = routes.speaker(self._pages.clerk, form)
        with self._pages.clerk.inbox() as kept:
            operators.remove_rule(kept, number, by=by)
        return _saved()

    def set_quiet(self, form: routes.Form) -> responses.RedirectResponse:
        """Set or end the quiet hours."""
        by = routes.speaker(self._pages.clerk, form)
        begin, end = form.get("begin", ""), form.get("end", "")
        quiet = rules.QuietHours(rules.minute(begin), rules.minute(end)) if begin or end else None
        with self._pages.clerk.inbox() as kept:
            operators.set_quiet(kept, quiet, by=by)
        return _saved()

    def add_operator(self, form: routes.Form) -> responses.RedirectResponse:
        """Name somebody who may approve; two persons have to agree while two approve."""
        by = routes.speaker(self._pages.clerk, form)
        named = operators.Person(form.get("new_name", "").strip(), form.get("new_pin", ""))
        with self._pages.clerk.inbox() as kept:
            operators.add(kept, named, by=by, second=_second(form))
        return _saved()

    def remove_operator(self, form: routes.Form) -> responses.RedirectResponse:
        """Take a name away; two persons have to agree while two approve."""
        by = routes.speaker(self._pages.clerk, form)
        with self._pages.clerk.inbox() as kept:
            operators.remove(kept, form.get("old_name", ""), by=by, second=_second(form))
        return _saved()


def _second(form: dict[str, str]) -> operators.Person | None:
    name = form.get("second")
    return None if name is None else operators.Person(name, form.get("second_pin", ""))


LISTS = {"author": "member", "dataset": "dataset"}


def rule_of(form: dict[str, str]) -> rules.Rule:
    """Return the rule that a form describes; raises ``errors.InputError`` for what is none."""
    given = {name: value.strip() for name, value in form.items() if value.strip()}
    author, dataset = given.get("author"), given.get("dataset")
    for name, number in (("author", author), ("dataset", dataset)):
        if number is not None and not (number.isascii() and number.isdecimal() and len(number) < routes.MOST_DIGITS):
            raise errors.InputError(
                "not a number", which=name, expected="digits", next_step=f"see `commons {LISTS[name]} list`"
            )
    plan = given.get("plan")
    return rules.Rule(
        verdict=rules.Verdict.APPROVE if given.get("verdict") == "approve" else rules.Verdict.DENY,
        plan=None if plan is None else _digest(plan),
        author=None if author is None else int(author),
        recipe=given.get("recipe"),
        purpose=given.get("purpose"),
        dataset_id=None if dataset is None else int(dataset),
        confirms="confirms" in given,
    )


def _digest(text: str) -> bytes:
    try:
        return ids.parse_digest(text) if len(text) == 68 else ids.parse_bytes32(text)
    except errors.DecodeError as err:
        raise errors.InputError(
            "not a digest",
            which="plan",
            expected="1220 and 64 hexadecimal digits",
            next_step="copy it from a proposal's page, under *For experts*",
        ) from err


def _saved() -> responses.RedirectResponse:
    return responses.RedirectResponse("/settings?said=saved", 303)
