"""``commons directory``: who is in the commons, what they seek and what they offer.

Everything shown is the members' own word (their profiles). What is done with a profile is ``member``'s business.
"""

from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, naming, output, search

if TYPE_CHECKING:
    from aicommons.catalogue import projection

GOODS = ["problem", "data", "skills", "storage", "compute", "audit", "data-work", "funding"]
KINDS = ["person", "hospital", "ngo", "co-op", "university", "ministry", "company", "community", "organisation"]
"""Values of ``profiles.Good`` and ``profiles.Kind``, which are not loaded for ``--help``; a test compares them."""


@click.group()
def command() -> None:
    """See who is in the commons, what they seek and offer."""


@command.command("list")
@click.argument("words", nargs=-1)
@click.option("--country", help="Only members at home there (two letters, ISO 3166-1).")
@click.option("--kind", type=click.Choice(KINDS), help="Only members of this kind.")
@click.option("--offers", type=click.Choice(GOODS), help="Only members that offer this.")
@click.option("--seeks", type=click.Choice(GOODS), help="Only members that look for this.")
@click.option("--language", help="Only members that read this language, such as sw.")
@output.json_option
def list_members(*, words: tuple[str, ...], country: str | None, **wanted: str | None) -> None:
    """List members in whose profiles all WORDS occur; all members for no words."""
    from aicommons.catalogue import projection

    opened = homes.look()
    code = None if country is None else country.upper()
    with search.catalogue(opened) as found:
        entries = found.find(" ".join(words), kind=projection.Kind.MEMBER, country=code)
    entries = [each for each in entries if _is_wanted(each, wanted)]
    rows = [
        [
            each.member,
            naming.plain(each.title) or "-",
            each.facts.get("kind", "-"),
            each.country or "-",
            _words(each, "offers"),
            _words(each, "seeks"),
        ]
        for each in entries
    ]
    lines = output.aligned(["member", "title", "kind", "country", "offers", "seeks"], rows)
    output.emit(
        {"members": [{"member": each.member, **each.facts} for each in entries]},
        *(lines if rows else ["Nobody was found."]),
    )


@command.command("show")
@click.argument("member", type=click.IntRange(1))
@output.json_option
def show(member: int) -> None:
    """Show what MEMBER (a number) says about itself."""
    opened = homes.look()
    entry = search.member(opened, member)
    shown = [
        f"  {name.replace('_', ' '):<12} {text}"
        for name in ("kind", "country", "languages", "about", "seeks", "offers", "skills", "sdg_targets")
        if (text := _words(entry, name)) != "-"
    ]
    stewards = entry.facts.get("stewards")
    for steward in stewards if isinstance(stewards, list) else []:
        line = f"{steward['name']}, {steward['role']}: {steward['contact']}"
        shown.append(f"  {'steward':<12} {naming.plain(line, 200)}")
    output.emit(
        {"member": member, "profile": entry.facts or None},
        f"Member {member}: {naming.plain(entry.title) or 'its profile cannot be read now'}",
        *shown,
    )


def _is_wanted(entry: "projection.Entry", wanted: dict[str, str | None]) -> bool:
    places = {"kind": "kind", "offers": "offers", "seeks": "seeks", "language": "languages"}
    for option, value in wanted.items():
        said = entry.facts.get(places[option])
        if value is not None and value != said and not (isinstance(said, list) and value in said):
            return False
    return True


def _words(entry: "projection.Entry", name: str) -> str:
    said = entry.facts.get(name)
    text = ", ".join(map(str, said)) if isinstance(said, list) else str(said or "")
    return naming.plain(text, 200) or "-"
