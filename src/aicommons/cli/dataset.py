"""``commons dataset``: list a dataset of yours by its card; the data stays here.

Publishing reads the whole table once, so that a card never promises what the file does not hold. The file's path is
kept in this home only.
"""

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import cards as card_commands
from aicommons.cli import (
    confirmed,
    drafted,
    fitted,
    given,
    holding,
    homes,
    listed,
    matched,
    naming,
    output,
    rehearsing,
    releasing,
    relisted,
    sourcing,
    under_policy,
)
from aicommons.domain import errors, ids, run
from aicommons.protocol import registry

if TYPE_CHECKING:
    from aicommons.data import sources
    from aicommons.domain import cards, policies, schema


@click.group()
def command() -> None:
    """List a dataset of yours by its card; the data stays here."""


for added in (
    sourcing.check, fitted.command, rehearsing.command, matched.problems, *card_commands.COMMANDS, *releasing.COMMANDS,
    *holding.COMMANDS,
):  # fmt: skip
    command.add_command(added)


@dataclasses.dataclass(frozen=True, slots=True)
class Description:
    """What the owner says about a dataset without a card file."""

    title: str | None
    site: str | None
    licence: str
    min_cohort: int
    known_gaps: str


@command.command("publish")
@sourcing.options
@click.option(
    "--card",
    "card_file",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="Card that `dataset describe` drafted and you confirm; instead of the options from --title to --known-gaps.",
)
@click.option("--title", help="One line.")
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
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="Use policy (JSON, see `policy draft`). [default: that of the version before, else consents alone decide]",
)
@click.option(
    "--version-of", type=click.IntRange(1), help="Number of a dataset of yours that this is a new version of."
)
@click.option("--keep", multiple=True, metavar="COLUMN=REASON", help="Why a column is no identifier. May be repeated.")
@click.option("--accept-faults", metavar="REASON", help="Why rows that do not fit the card may stay.")
@click.option("--same-rows", metavar="REASON", help="Why rows of another dataset of yours are listed again.")
@click.option(
    "--accept-blanks", is_flag=True, help="With --card: publish it although questions in it (null, empty) are open."
)
@output.json_option
def publish(asked: sourcing.Asked, card_file: pathlib.Path | None, **said: Any) -> None:
    """Put a card of the table FILE, or of a described source, on the ledger. The rows themselves go nowhere."""
    version_of, policy_file, same_rows = said.pop("version_of"), said.pop("policy_file"), said.pop("same_rows")
    policy = None if policy_file is None else given.policy(policy_file)
    reasons = confirmed.parse_reasons(said.pop("keep"), said.pop("accept_faults"))
    card, notices = _judged(asked, card_file, reasons, said)
    relisted.check(homes.home(), asked.place(), asked.how(), version_of=version_of, reason=same_rows)
    opened = homes.act_as_member()
    card = dataclasses.replace(card, site=card.site or opened.home.settings().name)
    if policy is None and version_of is not None:
        policy = under_policy.of_newest(opened, listed.find(opened.desk.view(), version_of))
    dataset_id, card = _published(opened, card, version_of, policy)
    opened.home.keep_dataset(dataset_id, asked.place(), card, how=_how(asked, policy, same_rows))
    asked.keep_mapping(opened.home, dataset_id)
    for notice in notices:
        output.note(notice)
    output.emit(
        {
            "dataset": dataset_id,
            "version": card.dataset_version,
            "card": ids.format_digest(ids.digest(card.encode())),
            "rows": card.rows,
            "notices": notices,
        },
        f"Dataset {dataset_id} is listed: about {card.rows} rows, {_learnable(card)} columns to learn from.",
        f"Next: `{output.command(f'consent give {dataset_id} --purpose CODE')}`. Nothing may be used before.",
    )


def _how(asked: sourcing.Asked, policy: "policies.UsePolicy | None", same_rows: str | None) -> app.HowRead:
    """Return how the source is read and protected; the policy's person column is its own where nobody named another."""
    kept = asked.how()
    if same_rows is not None:
        kept["same_rows"] = same_rows
    if policy is not None and policy.person_column is not None:
        kept.setdefault("person", policy.person_column)
    if policy is not None:
        kept["policy"] = ids.digest(policy.encode()).hex()
    return kept


def _judged(
    asked: sourcing.Asked, card_file: pathlib.Path | None, reasons: confirmed.Reasons, said: dict[str, Any]
) -> "tuple[cards.DatasetCard, list[str]]":
    """Return the card to publish, held against the table; raises ``errors.TableError`` for whatever stops it."""
    schema, target, drop = said.pop("schema"), said.pop("target"), said.pop("drop")
    blanks_may_stay = said.pop("accept_blanks")
    if [card_file, schema, target].count(None) != 2:
        raise click.UsageError("give --card, or one of --schema and --target")
    if schema is None and asked.mapping is not None:
        raise click.UsageError("a mapping needs --schema: it says what your columns become")
    from aicommons.data import sources

    about, named = Description(**said), asked.named()
    if card_file is not None:
        if about.title is not None:
            raise click.UsageError("the title is in the card")
        card = drafted.read(card_file)
        if not blanks_may_stay:
            drafted.check_answered(card_file)
        rules = confirmed.Rules(asked.unique, asked.skip_broken)
        judged = confirmed.check(sources.open_source(named), card, reasons, rules)
        return judged.card, list(judged.notices)
    if about.title is None:
        raise click.UsageError("--title is missing")
    declared, notices = _drafted(named, target, drop) if target is not None else _declared(schema)
    card = _card(about, declared, _count(asked, declared, about.min_cohort, notices))
    own = asked.own_columns([field.name for field in card.fields])
    return confirmed.check_identifiers(sources.open_source(named), card, reasons, own=own), notices


def _published(
    opened: homes.Opened, card: "cards.DatasetCard", version_of: int | None, policy: "policies.UsePolicy | None"
) -> "tuple[int, cards.DatasetCard]":
    """Return a dataset's number and its card as it stands on the ledger now."""
    card, use = under_policy.applied(opened, card, policy)
    if version_of is None:
        card = dataclasses.replace(card, dataset_version=1)
        under_policy.keep(opened.home, card, policy)
        return opened.desk.publish_dataset(card, use), card
    newest = listed.find(opened.desk.view(), version_of).newest
    card = dataclasses.replace(card, dataset_version=newest.version + 1)
    under_policy.keep(opened.home, card, policy)
    opened.desk.publish_version(version_of, card, use)
    return version_of, card


def _learnable(card: "cards.DatasetCard") -> int:
    features = card.schema.get("features")
    return len(features) if isinstance(features, list) else 0


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


def _card(about: Description, declared: "schema.Schema", rows: int) -> "cards.DatasetCard":
    from aicommons.domain import cards, schema

    return cards.DatasetCard(
        title=about.title or "",
        site=about.site or "",
        rows=rows // 10 * 10,
        schema=schema.to_document(declared),
        licence=about.licence,
        minimum_cohort=about.min_cohort,
        known_gaps=about.known_gaps,
        fields=cards.fields_of(declared),
    )


@command.command("list")
@output.json_option
def list_datasets() -> None:
    """List all datasets of the commons."""
    opened = homes.look()
    view = opened.desk.view()
    names = naming.Names(opened, view)
    here = opened.home.datasets()
    found = [_listed(opened, entry, here=entry.dataset_id in here) for entry in view.datasets.values()]
    rows = [[each["dataset"], each["title"] or "-", each["rows"], names(each["owner"]), _where(each)] for each in found]
    output.emit({"datasets": found}, *output.aligned(["dataset", "title", "rows", "owner", ""], rows))


def _where(shown: dict[str, Any]) -> str:
    """Return whether a dataset is this home's, and what it is when it is not in use."""
    said = ["here"] if shown["here"] else []
    return ", ".join([*said, *([] if shown["state"] == registry.DatasetState.LISTED.value else [shown["state"]])])


def _state(entry: registry.DatasetView, *, here: bool) -> list[str]:
    if entry.state is registry.DatasetState.LISTED:
        return []
    back = ""
    if here and entry.state is registry.DatasetState.SUSPENDED:
        back = f", in no training; back into use: `{output.command(f'dataset resume {entry.dataset_id}')}`"
    return [f"  state     {entry.state.value}{back}"]


def _listed(opened: homes.Opened, entry: registry.DatasetView, *, here: bool) -> dict[str, Any]:
    card = listed.find_card(opened, entry)
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


@command.command("show")
@click.argument("dataset", type=click.IntRange(1))
@output.json_option
def show(dataset: int) -> None:
    """Show a dataset's card, with the columns that a plan may use."""
    opened = homes.look()
    view = opened.desk.view()
    entry = listed.find(view, dataset)
    card = listed.read_card(opened, entry)
    known = opened.home.datasets().get(dataset)
    output.emit(
        {
            "dataset": dataset,
            "owner": entry.owner,
            "file": None if known is None else known["path"],
            "version": entry.newest.version,
            "state": entry.state.value,
            "price": entry.newest.price,
            "free_commons": entry.newest.free_commons,
            "commercial": entry.newest.rules.commercial,
            "entrusted_to": None if entry.body is None else ids.format_id(entry.body),
            "card": drafted.shown(card),
        },
        f"Dataset {dataset}: {naming.plain(card.title)}",
        *_state(entry, here=known is not None),
        f"  owner     {naming.Names(opened, view)(entry.owner)}",
        f"  held at   {naming.plain(card.site)}" + (f" ({known['path']})" if known is not None else ""),
        f"  rows      about {card.rows}; takes part with at least {card.minimum_cohort}",
        f"  price     {_price(entry.newest)}",
        *([] if entry.body is None else [f"  entrusted to {ids.format_id(entry.body)}: its vote alone permits uses"]),
        f"  licence   {naming.plain(card.licence)}",
        f"  gaps      {naming.plain(card.known_gaps, 200)}",
        *_further(card),
        "  columns",
        *_columns_in_words(card),
    )


def _price(version: "registry.VersionView") -> str:
    return f"{version.price} a run" if version.asked else "none" + (", free commons" if version.free_commons else "")


def _further(card: "cards.DatasetCard") -> list[str]:
    """Return what a fuller card says, without what it does not."""
    said = {
        "version": str(card.dataset_version) if card.dataset_version > 1 else None,
        "about": card.description,
        "holder": card.holder,
        "stewards": ", ".join(card.stewards) or None,
        "collected": card.collection,
        "time": None if card.time_span is None else f"{card.time_span.first} to {card.time_span.last}",
        "basis": card.consent_basis,
        "biases": card.biases,
        "open": None if card.open_table is None else f"{card.open_table.size} bytes; {card.open_table.attribution}",
    }
    lines = [f"  {name:<9} {naming.plain(text, 200)}" for name, text in said.items() if text]
    return lines + [line for each in card.overrides for line in _set_aside(card, each)]


def _set_aside(card: "cards.DatasetCard", override: "cards.Override") -> list[str]:
    """Return what a person set aside and why; below faulty rows, how many of each kind there are."""
    from aicommons.data import checking

    what = naming.plain(override.check) + ("" if override.field is None else f" in {naming.plain(override.field)}")
    if override.check != "faults":
        return [f"  set aside {what}, because: {naming.plain(override.reason, 200)}"]
    counts = [
        f"    about {each.rows} rows are {checking.WORDS.get(each.fault, naming.plain(each.fault))}"
        + ("" if each.field is None else f" in column {naming.plain(each.field)}")
        for each in card.quality
    ]
    rest = (
        f"    {'and ' if counts else ''}kinds of faults that fewer than {card.minimum_cohort} rows have are not counted"
    )
    return [f"  set aside rows that do not fit, because: {naming.plain(override.reason, 200)}", *counts, rest]


def _columns_in_words(card: "cards.DatasetCard") -> list[str]:
    from aicommons.domain import cards, schema

    try:
        fields = card.fields or (cards.fields_of(schema.from_document(card.schema)) if card.schema else ())
    except errors.InputError as err:
        return [f"    the card's schema cannot be read: {err}"]
    return [_column(each) for each in fields]


def _column(declared: "cards.Field") -> str:
    words = declared.type.value
    if declared.levels is not None:
        words = ", ".join(declared.levels)
    elif declared.lo is not None and declared.hi is not None:
        words = f"{declared.lo:g} to {declared.hi:g}" + ("" if declared.unit is None else f" {declared.unit}")
    role = "" if declared.role.value == "feature" else f"  ({declared.role.value})"
    return f"    {naming.plain(declared.name)}: {naming.plain(words, 100)}{role}"
