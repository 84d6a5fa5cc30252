"""``commons dataset map``: draft, check and keep the mapping of a source onto a plan's columns.

Shows counts of what does not fit, never values. A mapping is kept for a dataset of this home, or written to a file that
``dataset publish --mapping`` takes. Drafting and counting are ``data/fitting``'s business.
"""

import json
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import given, homes, output, sourcing

if TYPE_CHECKING:
    from aicommons.data import fitting, mapping


@click.command("map")
@sourcing.options
@click.option("--dataset", type=click.IntRange(1), help="Instead of FILE: number of a dataset of this home.")
@click.option("--schema", type=sourcing.FILE, required=True, help="Plan or schema (JSON) to map onto.")
@click.option("--out", type=sourcing.FILE, help="Write the draft into this new file, to be completed by you.")
@output.json_option
def command(asked: sourcing.Asked, dataset: int | None, schema: pathlib.Path, out: pathlib.Path | None) -> None:
    """Draft a mapping of your columns, codes and units onto a plan's, or check one (--mapping), in counts."""
    from aicommons.data import fitting, mapping

    wanted = given.columns(schema)
    source = asked.named() if dataset is None else sourcing.known(homes.home(), dataset).source
    if asked.mapping is None:
        made = fitting.draft(source, wanted)
    else:
        made = mapping.decode(asked.mapping.read_text(encoding="utf-8-sig"), asked.mapping.name)
    found = fitting.fit(source, wanted, made)
    document = json.dumps(mapping.to_document(made), indent=2, ensure_ascii=False) + "\n"
    if out is not None:
        output.check_new(out)
        app.write_private(out, document)
    if dataset is not None and found.is_whole:
        app.write_private(homes.home().mapping_file(dataset), document)
    output.emit(
        {
            "mapping": mapping.to_document(made),
            "fits": found.is_whole,
            "columns": [_counted(each) for each in found.columns],
        },
        *_in_words(found, made),
        _next(found, dataset, out),
    )


def _counted(column: "fitting.ColumnFit") -> dict[str, Any]:
    return {
        "column": column.name,
        "from": column.local,
        "rows": column.rows,
        "missing": column.missing,
        "faults": dict(column.faults),
        "spellings": column.spellings,
    }


def _in_words(found: "fitting.Fit", made: "mapping.Mapping") -> Iterator[str]:
    rows: list[list[object]] = []
    for each in found.columns:
        faults = ", ".join(f"{count:,} rows: {message}" for message, count in each.faults.items())
        spellings = f" ({each.spellings:,} spellings)" if each.spellings else ""
        rows.append([each.name, each.local or "-", each.rows, each.missing, faults + spellings or "fits"])
    yield from output.aligned(["column", "from", "fit", "missing", ""], rows)
    yield f"{found.rows:,} rows; {len(made.columns)} columns are mapped, {found.others} of yours are not used."


def _next(found: "fitting.Fit", dataset: int | None, out: pathlib.Path | None) -> str:
    if found.is_whole:
        kept = f"kept for dataset {dataset}" if dataset is not None else "for `commons dataset publish --mapping`"
        return f"Every value fits or is missing; the mapping is {kept}."
    where = out.name if out is not None else "a file (--out)"
    return f"Next: complete the mapping in {where} from your code book, then check it with --mapping; it is kept when all fits."
