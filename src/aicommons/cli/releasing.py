"""``commons dataset anonymise | release | download``: a table that anybody may have, and what has to be true before.

Registered on the ``dataset`` group. Only ``release`` lets records out of a home, and only of a table that the owner calls
open, under a licence and with an attribution, after the same checks as a card and a measure of anonymity.
"""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import confirmed, drafted, homes, listed, naming, output, relisted
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.data import anonymity
    from aicommons.domain import cards

LEAST_K = 5
"""Usual number of rows among which a person is not told apart in an open release."""
MEDIA_TYPE = "text/csv"
CLOSED = "LicenseRef-private"


@click.command("anonymise")
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@click.option(
    "--quasi", multiple=True, required=True, help="Column by which somebody could be recognised. May be repeated."
)
@click.option("--sensitive", multiple=True, help="Column that nobody should learn about a person. May be repeated.")
@click.option("--drop", multiple=True, help="Column that is left out: names, numbers. May be repeated.")
@click.option("--k", type=click.IntRange(2), default=LEAST_K, show_default=True, help="Fewest rows that look alike.")
@click.option(
    "--suppress", type=click.FloatRange(0, 50), default=5.0, show_default=True, help="Most rows left out, in percent."
)
@click.option(
    "--out", type=click.Path(path_type=pathlib.Path, dir_okay=False), help="CSV file to write; none: only measure."
)
@output.json_option
def anonymise(
    file: pathlib.Path, out: pathlib.Path | None, *, k: int, suppress: float, **named: tuple[str, ...]
) -> None:
    """Measure how anonymous the table FILE is, and with --out write it with coarser values."""
    from aicommons.data import anonymity, generalising, sources

    if out is not None:
        output.check_new(out)
    table = anonymity.read(sources.open_source(file))
    quasi, sensitive, drop = named["quasi"], named["sensitive"], named["drop"]
    for name in drop:
        table.column(name)
    before = anonymity.measure(table, quasi, sensitive)
    if out is None:
        output.emit(_figures(before), *_in_words(file, before))
        return
    ladders = [generalising.ladder(name, table.column(name)) for name in quasi]
    made = generalising.anonymise(table, ladders, drop=drop, goal=generalising.Goal(k, suppress / 100))
    after = anonymity.measure(made.table, quasi, [name for name in sensitive if name not in drop])
    out.write_text(generalising.to_csv(made.table), encoding="utf-8")
    output.emit(
        {"file": str(out), "before": _figures(before), "after": _figures(after), "suppressed": made.suppressed}
        | {"loss": round(made.loss, 4), "rungs": dict(made.rungs)},
        *_in_words(file, before),
        *_in_words(out, after),
        f"  {made.suppressed} rows are left out; {made.loss:.0%} of the detail in the quasi-identifiers is lost.",
    )


def _figures(found: "anonymity.Measure") -> dict[str, object]:
    return {
        "rows": found.rows,
        "classes": found.classes,
        "k": found.k,
        "alone": found.alone,
        "l": dict(found.diversity),
        "t": {name: round(value, 4) for name, value in found.closeness.items()},
    }


def _in_words(file: pathlib.Path, found: "anonymity.Measure") -> list[str]:
    said = [
        f"{file.name}: every row looks like at least {found.k - 1} others (k = {found.k}); {found.alone} stand alone."
    ]
    said.extend(
        f"  {name}: at least {least} different values among rows that look alike (l = {least}), "
        f"distance from the whole table at most {found.closeness[name]:.2f} (t)"
        for name, least in found.diversity.items()
    )
    return said


@click.command("release")
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@click.option(
    "--card", "card_file", type=click.Path(path_type=pathlib.Path, dir_okay=False), required=True, help="Its card."
)
@click.option("--attribution", required=True, help="Whom users must name, and how.")
@click.option("--quasi", multiple=True, help="Column by which somebody could be recognised. May be repeated.")
@click.option("--no-people", help="Instead of --quasi: why no row is about a person.")
@click.option("--k", type=click.IntRange(2), default=LEAST_K, show_default=True, help="Fewest rows that look alike.")
@click.option("--keep", multiple=True, metavar="COLUMN=REASON", help="Why a column is no identifier. May be repeated.")
@click.option("--accept-faults", metavar="REASON", help="Why rows that do not fit the card may stay.")
@output.json_option
def release(file: pathlib.Path, card_file: pathlib.Path, **said: Any) -> None:
    """Give the table FILE to everybody: it goes into the store, its card on the ledger. This cannot be taken back."""
    from aicommons.owner import releasing

    terms = Terms(**said)
    reasons = confirmed.parse_reasons(terms.keep, terms.accept_faults)
    data = _bytes(file)
    relisted.check(homes.home(), file, {"content": ids.digest(data).hex()}, version_of=None, reason="an open table")
    with _kept_still(file, data) as copy:
        card, k = _checked(copy, drafted.read(card_file), terms, reasons)
    card = dataclasses.replace(card, open_table=_table(data, ids.digest(data), terms, k))
    done = releasing.release(homes.act_as_member(), file, data, card)
    dataset_id = done.dataset_id
    output.emit(
        {
            "dataset": dataset_id,
            "digest": ids.format_digest(done.digest),
            "size": len(data),
            "was_listed": done.was_listed,
        },
        f"Dataset {dataset_id} is open: {len(data)} bytes under {card.licence}.",
        f"Anybody gets it by `{output.command(f'dataset download {dataset_id} --out FILE')}`.",
    )


def _bytes(file: pathlib.Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as err:
        raise errors.TableError("the table cannot be read", which=str(file), got=err.strerror) from err


@contextlib.contextmanager
def _kept_still(file: pathlib.Path, data: bytes) -> Iterator[pathlib.Path]:
    """Give a private copy of a table for as long as it is checked: what is checked is what goes out, byte for byte."""
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        copy = pathlib.Path(folder) / file.name
        copy.write_bytes(data)
        yield copy


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What an owner says about an open release."""

    attribution: str
    quasi: tuple[str, ...]
    no_people: str | None
    k: int
    keep: tuple[str, ...]
    accept_faults: str | None


def _checked(
    file: pathlib.Path, card: "cards.DatasetCard", terms: Terms, reasons: confirmed.Reasons
) -> "tuple[cards.DatasetCard, int | None]":
    """Return the card of a table that may go out, and its measured k where its rows are about people.

    Raises:
        errors.InputError: no licence that lets others use it, or nothing said about people.
        errors.TableError: columns that the card does not declare, identifiers, faults, or k too small.
    """
    from aicommons.data import anonymity, sources
    from aicommons.domain import cards

    if bool(terms.quasi) == (terms.no_people is not None):
        raise click.UsageError("give either --quasi, or --no-people and the reason")
    _check_licence(card, terms.attribution)
    source = sources.open_source(file)
    undeclared = sorted(set(source.header) - {field.name for field in card.fields})
    if undeclared:
        raise errors.TableError(
            "columns of an open table are not on its card",
            which=file.name,
            expected="every column declared",
            got=", ".join(undeclared)[:200],
            next_step="Declare them in the card, or leave them out of the file (`commons dataset anonymise --drop`).",
        )
    as_public = dataclasses.replace(
        card, fields=tuple(dataclasses.replace(field, role=_public(field.role)) for field in card.fields)
    )
    judged = dataclasses.replace(confirmed.check(source, as_public, reasons).card, fields=card.fields)
    if terms.no_people is not None:
        said = cards.Override("anonymity", None, terms.no_people)
        return dataclasses.replace(judged, overrides=(*judged.overrides, said)), None
    found = anonymity.measure(anonymity.read(source), terms.quasi)
    if found.k < terms.k:
        raise errors.TableError(
            "rows stand out in an open table",
            which=file.name,
            expected=f"at least {terms.k} rows that look alike",
            got=f"{found.k}, and {found.alone} rows that stand alone",
            next_step="Make it coarser first: `commons dataset anonymise`.",
        )
    return judged, found.k


def _public(role: "cards.Role") -> "cards.Role":
    """Return the role under which a column is judged: in an open table a key is no secret of the site."""
    from aicommons.domain import cards

    return cards.Role.CONTEXT if role is cards.Role.KEY else role


def _check_licence(card: "cards.DatasetCard", attribution: str) -> None:
    from aicommons.domain import licences

    if card.licence == CLOSED or licences.parse(card.licence).named_only:
        raise errors.InputError(
            "this licence does not let everybody use the table",
            which="dataset-card.licence",
            expected="a licence such as CC-BY-4.0 or CC0-1.0",
            got=card.licence,
        )
    if not attribution.strip():
        raise errors.InputError("nobody is named", which="--attribution", expected="whom users must name")


def _table(data: bytes, digest: bytes, terms: Terms, k: int | None) -> "cards.OpenTable":
    from aicommons.domain import cards

    return cards.OpenTable(
        digest=bytes(digest),
        size=len(data),
        media_type=MEDIA_TYPE,
        attribution=terms.attribution,
        quasi_identifiers=terms.quasi,
        k=k,
    )


@click.command("download")
@click.argument("dataset", type=click.IntRange(1))
@click.option("--out", type=click.Path(path_type=pathlib.Path, dir_okay=False), required=True, help="File to write.")
@output.json_option
def download(dataset: int, out: pathlib.Path) -> None:
    """Get an open table and check it; its licence and attribution are printed and kept beside it."""
    output.check_new(out)
    beside = out.with_name(out.name + ".licence.txt")
    output.check_new(beside)
    opened = homes.look()
    card = listed.read_card(opened, listed.find(opened.desk.view(), dataset))
    table = card.open_table
    if table is None:
        raise errors.InputError(
            "this dataset stays at its owner",
            which=f"dataset {dataset}",
            next_step="ask for a model to be trained on it: `commons problem state`, `commons run open`",
        )
    data = opened.store.get(ids.Digest(table.digest), table.size)
    if len(data) != table.size:
        raise errors.DigestMismatch("the table has another size than its card says", which=f"dataset {dataset}")
    said = [f"Licence: {card.licence}", f"Attribution: {naming.plain(table.attribution, 500)}"]
    beside.write_text("\n".join([naming.plain(card.title), *said, ""]), encoding="utf-8")
    out.write_bytes(data)
    digest = ids.format_digest(ids.Digest(table.digest))
    output.emit(
        {"file": str(out), "digest": digest, "licence": card.licence, "attribution": table.attribution, "k": table.k},
        f"{out}: {table.size} bytes, digest {digest} as on the ledger.",
        *said,
    )


COMMANDS = (anonymise, release, download)
"""What this file adds to the group."""
