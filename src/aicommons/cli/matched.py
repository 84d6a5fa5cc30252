"""``commons problem datasets`` and ``commons dataset problems``: what fits what, and for what does not, every reason.

Added to both nouns. What is said rests on cards, policies and the ledger alone, is judged by ``catalogue/matching``, and
permits nothing: whoever holds a dataset still decides about each run.
"""

from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import homes, listed, naming, output, search
from aicommons.domain import ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from aicommons.catalogue import matching as catalogue
    from aicommons.protocol import matching


@click.command("datasets")
@click.argument("problem")
@output.json_option
def datasets(problem: str) -> None:
    """List the datasets that fit PROBLEM by columns, rows, place and purpose; for the others, every reason against."""
    opened = homes.look()
    view = opened.desk.view()
    problem_id = naming.resolve(problem, view.problems, "problem")
    names = naming.Names(opened, view)
    found = _judged(opened, lambda judge: judge.datasets(problem_id))

    def row(match: "catalogue.Match") -> list[object]:
        owner = names(view.datasets[match.pair.dataset_id].owner)
        card = match.card
        return [match.pair.dataset_id, _title(card), "-" if card is None else card.rows, owner, _conditions(match)]

    output.emit(
        {"problem": ids.format_id(problem_id), **_as_json(found, _dataset_as_json)},
        *_in_words(found, ["dataset", "title", "rows", "holder", "asks"], row),
    )


@click.command("problems")
@click.argument("dataset", type=click.IntRange(1))
@output.json_option
def problems(dataset: int) -> None:
    """List the problems that DATASET could serve; for the others, every reason against."""
    opened = homes.look()
    view = opened.desk.view()
    listed.find(view, dataset)
    names = naming.Names(opened, view)
    found = _judged(opened, lambda judge: judge.problems(dataset))

    def row(match: "catalogue.Match") -> list[object]:
        stated = view.problems[match.pair.problem_id]
        purpose = "-" if match.problem is None else match.problem.purpose or "-"
        until = naming.when(stated.deadline)
        return [naming.short(match.pair.problem_id), _title(match.problem), purpose, names(stated.owner), until]

    output.emit(
        {"dataset": dataset, **_as_json(found, _problem_as_json)},
        *_in_words(found, ["problem", "title", "purpose", "stated by", "until"], row),
    )


def fitting(opened: homes.Opened, problem_id: bytes) -> "dict[int, ids.MemberId]":
    """Return the datasets that fit a problem, each with who holds it."""
    view = opened.desk.view()
    found = _judged(opened, lambda judge: judge.datasets(problem_id))
    return {each.pair.dataset_id: view.datasets[each.pair.dataset_id].owner for each in found if each.is_fitting}


def _judged(
    opened: homes.Opened, ask: "Callable[[catalogue.Judge], tuple[catalogue.Match, ...]]"
) -> "tuple[catalogue.Match, ...]":
    from aicommons.catalogue import matching

    view = opened.desk.view()
    with search.catalogue(opened) as found:
        return ask(matching.Judge(view, found.library(opened.store), naming.from_now(view, 0)))


def _in_words(
    found: "tuple[catalogue.Match, ...]", titles: list[str], row: "Callable[[catalogue.Match], list[object]]"
) -> list[str]:
    fitting = [row(each) for each in found if each.is_fitting]
    lines = output.aligned(titles, fitting) if fitting else ["Nothing fits."]
    others = [each for each in found if not each.is_fitting]
    if others:
        lines += ["", "These do not fit:"]
    for each in others:
        first, title, *_ = row(each)
        lines += [f"  {first}  {title}", *(f"    {_reason(reason)}" for reason in each.reasons)]
    return lines


def _reason(reason: "matching.Reason") -> str:
    which, needed, offered = (naming.plain(text, 120) for text in (reason.which, reason.needed, reason.offered))
    return f"{which}: asked for {needed}; {offered}"


def _title(document: Any) -> str:
    return "-" if document is None else naming.plain(document.title) or "-"


def _conditions(match: "catalogue.Match") -> str:
    return naming.plain("; ".join(match.conditions), 200) or "-"


def _as_json(
    found: "tuple[catalogue.Match, ...]", one: "Callable[[catalogue.Match], dict[str, Any]]"
) -> dict[str, Any]:
    return {
        "fits": [one(each) | {"conditions": list(each.conditions)} for each in found if each.is_fitting],
        "others": [one(each) | {"reasons": _reasons_as_json(each)} for each in found if not each.is_fitting],
    }


def _reasons_as_json(match: "catalogue.Match") -> list[dict[str, str]]:
    return [
        {"misfit": each.misfit.value, "which": each.which, "needed": each.needed, "offered": each.offered}
        for each in match.reasons
    ]


def _dataset_as_json(match: "catalogue.Match") -> dict[str, Any]:
    card = match.card
    return {
        "dataset": match.pair.dataset_id,
        "version": match.pair.version,
        "title": None if card is None else card.title,
        "rows": None if card is None else card.rows,
    }


def _problem_as_json(match: "catalogue.Match") -> dict[str, Any]:
    problem = match.problem
    return {
        "problem": ids.format_id(match.pair.problem_id),
        "title": None if problem is None else problem.title,
        "purpose": None if problem is None else problem.purpose,
    }
