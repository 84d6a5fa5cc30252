"""``commons dataset``: list a dataset of yours by its card; the data stays here.

Publishing reads the whole table once, so that a card never promises what the file does not hold. The file's path is
kept in this home only.
"""

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import fitted, given, homes, naming, output, published, rehearsing, sourcing
from aicommons.domain import errors, ids, run
from aicommons.protocol import registry

if TYPE_CHECKING:
    from aicommons.data import sources
    from aicommons.domain import documents, schema
    from aicommons.protocol import view as views


@click.group()
def command() -> None:
    """List a dataset of yours by its card; the data stays here."""


for added in (sourcing.check, fitted.command, rehearsing.command):
    command.add_command(added)


@dataclasses.dataclass(frozen=True, slots=True)
class Description:
    """What the owner says about a dataset."""

    title: str
    site: str | None
    licence: str
    min_cohort: int
    known_gaps: str


@command.command("publish")
@sourcing.options
@click.option("--title", required=True, help="One line.")
@click.option(
    "--schema",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="Plan or schema (JSON) that the table fits.",
)
@click.option("--target", help="Instead of --schema: draft one from the table, to predict this column.")
@click.option("--drop", multiple=True, help="With --target: leave this column out. May be repeated.")
@click.option("--site", help="Where the data is held, in words. [default: the home's name]")
@click.option("--licence", default="LicenseRef-private", show_default=True, help="SPDX expression or LicenseRef-….")
@click.option(
    "--min-cohort",
    type=click.IntRange(1),
    default=run.MINIMUM_COHORT,
    show_default=True,
    help="Fewest rows that take part in anything.",
)
@click.option("--known-gaps", default="none stated", show_default=True, help="What is missing or biased.")
@output.json_option
def publish(
    asked: sourcing.Asked, schema: pathlib.Path | None, target: str | None, drop: tuple[str, ...], **said: Any
) -> None:
    """Put a card of the table FILE, or of a described source, on the ledger. The rows themselves go nowhere."""
    if (schema is None) == (target is None):
        raise click.UsageError("give either --schema or --target")
    about = Description(**said)
    if target is not None and asked.mapping is not None:
        raise click.UsageError("a mapping needs --schema: it says what your columns become")
    declared, notices = _drafted(asked.named(), target, drop) if target is not None else _declared(schema)
    rows = _count(asked, declared, about.min_cohort, notices)
    opened = homes.act_as_member()
    card = _card(opened, about, declared, rows)
    dataset_id = opened.desk.publish_dataset(card)
    opened.home.keep_dataset(dataset_id, asked.place(), card, how=asked.how())
    asked.keep_mapping(opened.home, dataset_id)
    for notice in notices:
        output.note(notice)
    output.emit(
        {
            "dataset": dataset_id,
            "card": ids.format_digest(ids.digest(card.encode())),
            "rows": card.rows,
            "notices": notices,
        },
        f"Dataset {dataset_id} is listed: about {card.rows} rows, {len(declared.features)} columns to learn from.",
        f"Next: `{output.command(f'consent give {dataset_id} --purpose CODE')}`. Nothing may be used before.",
    )


def _drafted(source: "sources.Named", target: str, drop: tuple[str, ...]) -> "tuple[schema.Schema, list[str]]":
    from aicommons.data import infer

    drafted = infer.infer_columns([source], target, drop=drop)
    return drafted.schema, list(drafted.notices)


def _declared(file: pathlib.Path | None) -> "tuple[schema.Schema, list[str]]":
    if file is None:
        raise click.UsageError("--schema is missing")
    return given.columns(file), []


def _count(asked: sourcing.Asked, declared: "schema.Schema", min_cohort: int, notices: list[str]) -> int:
    """Return the number of complete rows; raises ``errors.TableError`` when the source does not fit or is too small."""
    from aicommons.data import reading

    own = asked.table(min_rows=min_cohort)
    table = reading.check(own.source, own.as_planned(declared, min_rows=min_cohort))
    notices.extend(notice for notice in table.notices if notice not in notices)
    return table.rows


def _card(opened: homes.Opened, about: Description, declared: "schema.Schema", rows: int) -> "documents.DatasetCard":
    from aicommons.domain import documents, schema

    return documents.DatasetCard(
        title=about.title,
        site=about.site or opened.home.settings().name,
        rows=rows // 10 * 10,
        schema=schema.to_document(declared),
        licence=about.licence,
        minimum_cohort=about.min_cohort,
        known_gaps=about.known_gaps,
    )


@command.command("list")
@output.json_option
def list_datasets() -> None:
    """List all datasets of the commons."""
    opened = homes.look()
    view = opened.desk.view()
    names = naming.Names(opened, view)
    here = opened.home.datasets()
    listed = [_listed(opened, entry, here=entry.dataset_id in here) for entry in view.datasets.values()]
    rows = [
        [each["dataset"], each["title"] or "-", each["rows"], names(each["owner"]), "here" if each["here"] else ""]
        for each in listed
    ]
    output.emit({"datasets": listed}, *output.aligned(["dataset", "title", "rows", "owner", ""], rows))


def _listed(opened: homes.Opened, entry: registry.DatasetView, *, here: bool) -> dict[str, Any]:
    card = read_card(opened, entry)
    return {
        "dataset": entry.dataset_id,
        "owner": entry.owner,
        "title": None if card is None else naming.plain(card.title),
        "rows": None if card is None else card.rows,
        "version": entry.newest.version,
        "state": entry.state.value,
        "card": ids.format_digest(entry.card),
        "here": here,
    }


def read_card(opened: homes.Opened, entry: registry.DatasetView) -> "documents.DatasetCard | None":
    """Return a dataset's card, ``None`` when the store does not give it now or it is no card."""
    from aicommons.domain import documents

    return published.find(opened.store, documents.DatasetCard, entry.card)


def find(view: "views.LedgerView", dataset_id: int) -> registry.DatasetView:
    """Return a dataset's entry on the ledger.

    Raises:
        errors.InputError: there is none.
    """
    if dataset_id not in view.datasets:
        raise errors.InputError(
            "no such dataset", which=f"dataset {dataset_id}", next_step="see `commons dataset list`"
        )
    return view.datasets[dataset_id]


@command.command("show")
@click.argument("dataset", type=click.IntRange(1))
@output.json_option
def show(dataset: int) -> None:
    """Show a dataset's card, with the columns that a plan may use."""
    from aicommons.domain import documents

    opened = homes.look()
    view = opened.desk.view()
    entry = find(view, dataset)
    card = published.read(opened.store, documents.DatasetCard, entry.card)
    known = opened.home.datasets().get(dataset)
    output.emit(
        {
            "dataset": dataset,
            "owner": entry.owner,
            "file": None if known is None else known["path"],
            "card": dataclasses.asdict(card),
        },
        f"Dataset {dataset}: {naming.plain(card.title)}",
        f"  owner     {naming.Names(opened, view)(entry.owner)}",
        f"  held at   {naming.plain(card.site)}" + (f" ({known['path']})" if known is not None else ""),
        f"  rows      about {card.rows}; takes part with at least {card.minimum_cohort}",
        f"  licence   {naming.plain(card.licence)}",
        f"  gaps      {naming.plain(card.known_gaps, 200)}",
        "  columns",
        *_columns_in_words(card),
    )


def _columns_in_words(card: "documents.DatasetCard") -> list[str]:
    from aicommons.domain import schema

    try:
        read = schema.from_document(card.schema)
    except errors.InputError as err:
        return [f"    the card's schema cannot be read: {err}"]
    return [*(_column(each) for each in read.features), _column(read.target) + "  (target)"]


def _column(declared: "schema.Feature | schema.Target") -> str:
    words = f"{declared.lo:g} to {declared.hi:g}" if declared.labels is None else ", ".join(declared.labels)
    return f"    {naming.plain(declared.name)}: {naming.plain(words, 100)}"
