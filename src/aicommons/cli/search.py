"""``commons search``: find members, datasets, problems and models by words.

The catalogue is brought up to date from ledger and store before it is asked; its file lies in the home and may be
deleted at any time. Nothing is sent but the questions for documents that are not here yet.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, naming, output
from aicommons.domain import errors

if TYPE_CHECKING:
    from aicommons.catalogue import projection

KINDS = ["member", "dataset", "problem", "model"]


@click.command()
@click.argument("words", nargs=-1)
@click.option("--kind", type=click.Choice(KINDS), help="Only these.")
@click.option("--purpose", help="Only datasets whose rules permit this purpose now, such as DUO:0000007; not for gain.")
@output.json_option
def command(words: tuple[str, ...], kind: str | None, purpose: str | None) -> None:
    """Find members, datasets, problems and models in which all WORDS occur; everything for no words."""
    from aicommons.catalogue import projection
    from aicommons.domain import vocabulary

    if purpose is not None:
        vocabulary.purpose(purpose)  # a code that nobody knows is said before anything is opened
        if kind not in (None, "dataset"):
            raise click.UsageError("--purpose finds datasets; leave --kind out")
    opened = homes.look()
    sought = "dataset" if purpose is not None else kind
    with catalogue(opened) as found:
        entries = found.find(
            " ".join(words),
            kind=None if sought is None else projection.Kind(sought),
            wanted=_permitting(opened, found, purpose),
        )
    rows = [[each.kind.value, short(each), naming.plain(each.title) or "-", each.member or "-"] for each in entries]
    lines = output.aligned(["kind", "id", "title", "member"], rows) if rows else ["Nothing was found."]
    output.emit(
        {
            "found": [
                {"kind": each.kind.value, "id": each.id, "title": each.title or None, "member": each.member}
                for each in entries
            ]
        },
        *lines,
    )


def _permitting(
    opened: homes.Opened, found: "projection.Catalogue", purpose: str | None
) -> "Callable[[projection.Entry], bool]":
    """Return what tells whether the rules of an entry, a dataset, permit a purpose; anything is wanted for no purpose."""
    from aicommons.catalogue import matching

    if purpose is None:
        return lambda _: True
    view = opened.desk.view()
    judge = matching.Judge(view, found.library(opened.store), naming.from_now(view, 0))
    return lambda entry: int(entry.id) in view.datasets and judge.permits(int(entry.id), purpose)


@contextlib.contextmanager
def catalogue(opened: homes.Opened) -> "Iterator[projection.Catalogue]":
    """Give the home's catalogue, up to date; says how many documents could not be had."""
    from aicommons.catalogue import projection

    with contextlib.closing(projection.Catalogue(opened.home.catalogue_file)) as made:
        missing = made.refresh(opened.desk.view(), opened.store)
        if missing:
            output.note(f"{missing} documents cannot be had from the store now; their entries have no title.")
        yield made


def short(entry: "projection.Entry") -> str:
    """Return an entry's id as it may be given to other commands."""
    return entry.id[:14] if entry.id.startswith("0x") else entry.id


def member(opened: homes.Opened, number: int) -> "projection.Entry":
    """Return a member's entry.

    Raises:
        errors.InputError: no such member.
    """
    from aicommons.catalogue import projection

    with catalogue(opened) as made:
        for entry in made.find(kind=projection.Kind.MEMBER, wanted=lambda each: each.member == number):
            return entry
    raise errors.InputError("no such member", which=f"member {number}", next_step="see `commons directory list`")
