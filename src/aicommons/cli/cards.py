"""``commons dataset describe | mock | export``: a card drafted from a table, mock rows, and other catalogues' formats.

Registered on the ``dataset`` group. Nothing is published here and nothing leaves the home: files are written where the
person says. ``mock`` and ``export`` know a card and never open its table.
"""

import json
import pathlib
import time
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import drafted, homes, listed, naming, output, sourcing
from aicommons.domain import errors, ids, run

if TYPE_CHECKING:
    from aicommons.domain import cards
    from aicommons.domain.standards import listing

MOST_ROWS = 1_000_000
FORMATS = ("croissant", "dcat", "schema.org")


@click.command("describe")
@click.argument("file", required=False, type=sourcing.FILE)
@click.option(
    "--source", type=sourcing.FILE, help="Instead of FILE: a description (JSON) of a database, query or folder."
)
@click.option("--out", type=click.Path(path_type=pathlib.Path, dir_okay=False), help="[default: FILE.card.json]")
@click.option("--title", help="One line. [default: the file's name]")
@click.option("--target", help="Column that is worth predicting, if you know one.")
@click.option(
    "--min-cohort",
    type=click.IntRange(2),
    default=run.MINIMUM_COHORT,
    show_default=True,
    help="Fewest rows that a level, a range or a count on the card may stand for.",
)
@output.json_option
def describe(
    file: pathlib.Path | None, source: pathlib.Path | None, *, out: pathlib.Path | None, title: str | None, **said: Any
) -> None:
    """Draft a card of the table FILE, or of a described source, for you to read, correct and publish."""
    from aicommons.data import batches, describing, sources

    if file is None and source is None:
        raise click.UsageError("give either FILE or --source")
    given = source or file or pathlib.Path()
    path = out or given.with_name(given.name + ".card.json")
    opened = sources.open_source(sourcing.Asked(file, source, None, None, None, 0.0).named())
    if said["target"] is not None:
        batches.check_column(opened, said["target"])
    _check_no_draft(path)
    cohort = said["min_cohort"]
    found = describing.describe(opened, minimum_cohort=cohort, target=said["target"])
    body = drafted.write(found, drafted.Said(title or given.stem, _name_of_home(), cohort))
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    words = str(file) if source is None else f"--source {source}"
    findings = [finding.in_words() for finding in found.findings]
    keys = [field.name for field in found.fields if field.role.value == "key"]
    output.emit(
        {"card": str(path), "rows": found.rows, "fields": len(found.fields), "keys": keys}
        | {"findings": findings, "notices": list(found.notices)},
        f"{path}: about {found.rows} rows, {len(found.fields)} columns described.",
        *(f"  looks like an identifier: {finding}" for finding in findings),
        *(f"  {notice}" for notice in found.notices),
        "Read it, fill in what no table says (null and empty), and take out what nobody should know. Then:",
        *_still_needed(),
        f"Next: `{output.command(f'dataset publish {words} --card {path}')}`.",
    )


def _check_no_draft(path: pathlib.Path) -> None:
    """Check that no draft is written over; raises ``errors.InputError``."""
    if path.exists():
        raise errors.InputError(
            "a card is there already and is never overwritten",
            which=str(path),
            next_step="If you no longer need it, delete it; or write the new draft elsewhere: --out FILE.",
        )


def _still_needed() -> list[str]:
    """Return what publishing by a card needs and this installation has not."""
    from aicommons.data import checking
    from aicommons.data.formats import extras

    if extras.is_there(checking.CHECKER):
        return []
    return [
        "`pip install 'aicommons[tables]'`: publishing holds every row against the card, and that library is not here yet."
    ]


def _name_of_home() -> str:
    """Return the name of the home, where there is one: a card can be drafted before."""
    found = homes.home()
    return found.settings().name if found.settings_file.exists() else ""


@click.command("mock")
@click.argument("what", metavar="DATASET|CARD")
@click.option("--rows", type=click.IntRange(1, MOST_ROWS), default=100, show_default=True, help="How many.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed draws other rows.")
@click.option(
    "--out", type=click.Path(path_type=pathlib.Path, dir_okay=False), required=True, help="CSV file to write."
)
@output.json_option
def mock(what: str, rows: int, *, seed: int, out: pathlib.Path) -> None:
    """Write mock rows that fit a card (a dataset's number, or a card's file). No table is opened."""
    from aicommons.data import mock as making

    output.check_new(out)
    card = _card_of(what)[0]
    fields = _declared(card)
    out.write_text(making.table(fields, rows, seed=seed), encoding="utf-8")
    output.emit(
        {"file": str(out), "rows": rows, "columns": [field.name for field in fields]},
        f"{out}: {rows} mock rows with {len(fields)} columns, drawn from the card's declarations alone.",
    )


@click.command("export")
@click.argument("what", metavar="DATASET|CARD")
@click.option("--as", "form", type=click.Choice(FORMATS), required=True, help="Format of another catalogue.")
@click.option("--out", type=click.Path(path_type=pathlib.Path, dir_okay=False), required=True, help="File to write.")
@output.json_option
def export(what: str, form: str, out: pathlib.Path) -> None:
    """Write a card (a dataset's number, or a card's file) as Croissant, DCAT or schema.org. The data is not in it."""
    from aicommons.domain.standards import croissant, dcat

    output.check_new(out)
    card, place = _card_of(what)
    writers = {"croissant": croissant.export, "dcat": dcat.export, "schema.org": dcat.export_schema_org}
    body = writers[form](card, place)
    out.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    output.emit({"file": str(out), "as": form, "urn": place.urn}, f"{out}: {naming.plain(card.title)} as {form}.")


def _card_of(what: str) -> "tuple[cards.DatasetCard, listing.Listing]":
    """Return the card that a number or a file names, with its place in the commons."""
    from aicommons.domain.standards import listing

    if what.isdigit():
        opened = homes.look()
        entry = listed.find(opened.desk.view(), int(what))
        card = listed.read_card(opened, entry)
        chain = opened.home.settings().chain_id
        urn = f"urn:aicommons:{chain}:dataset:{entry.dataset_id}:{entry.newest.version}"
        seconds = entry.newest.at.time
    else:
        card = drafted.read(pathlib.Path(what))
        urn, seconds = listing.name_of(ids.digest(card.encode()).hex()), int(time.time())
    day = time.strftime("%Y-%m-%d", time.gmtime(seconds))
    return card, listing.Listing(urn, day, _mock_records(card))


def _declared(card: "cards.DatasetCard") -> "tuple[cards.Field, ...]":
    """Return the declared columns of a card, from its schema where it has nothing else; raises ``errors.InputError``."""
    from aicommons.domain import cards, schema

    fields = card.fields or (cards.fields_of(schema.from_document(card.schema)) if card.schema else ())
    if not fields:
        raise errors.InputError("the card declares no columns", which=naming.plain(card.title))
    return fields


def _mock_records(card: "cards.DatasetCard") -> "tuple[dict[str, Any], ...]":
    from aicommons.data import mock as making

    if not card.fields:
        return ()
    return (making.record(card.fields, seed=0),)


COMMANDS = (describe, mock, export)
"""What this file adds to the group."""
