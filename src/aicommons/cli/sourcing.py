"""What a person says about a source on the command line: a file, or a description, and how it is to be read.

``dataset publish``, ``check``, ``map`` and ``dry-run`` take the same words, so they are asked for here once. Nothing is
read until ``table`` is called, and nothing is ever sent from here.
"""

import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aicommons import app
from aicommons.cli import output
from aicommons.domain import errors

if TYPE_CHECKING:
    from aicommons.data import sources
    from aicommons.node import tables

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(path_type=pathlib.Path, dir_okay=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """Which source is meant, and how it is to be read."""

    file: pathlib.Path | None
    """A file, as it was given."""
    source: pathlib.Path | None
    """A description of a source (JSON)."""
    mapping: pathlib.Path | None
    """A mapping onto a plan's columns (JSON)."""
    person: str | None
    """Column of person keys."""
    unique: str | None
    """Column of identifiers."""
    skip_broken: float
    """Largest share of broken rows that are left out, 0 to 1."""

    def named(self) -> "sources.Named":
        """Return the source; raises ``click.UsageError`` unless exactly one is given, ``errors.InputError`` if none."""
        from aicommons.data import sources

        if (self.file is None) == (self.source is None):
            raise click.UsageError("give either FILE or --source")
        if self.source is not None:
            return sources.read_description(self.source)
        return pathlib.Path(self.file or "")

    def table(self, *, min_rows: int) -> "tables.OwnTable":
        """Return the source as the node would read it."""
        from aicommons.node import tables

        return tables.OwnTable(
            self.named(),
            min_rows,
            mapping_file=self.mapping,
            person=self.person,
            most_broken=self.skip_broken,
            unique=self.unique,
        )

    def own_columns(self, names: Sequence[str]) -> dict[str, str]:
        """Return column of the plan -> its name in the source."""
        found = self.table(min_rows=0).as_mapped(names)
        return dict(zip(names, found, strict=True))

    def place(self) -> pathlib.Path | str:
        """Return where the source is, for its home: a path, or a description in words."""
        named = self.named()
        return named if isinstance(named, pathlib.Path) else named.words

    def how(self) -> app.HowRead:
        """Return what the home keeps beside the place."""
        named = self.named()
        kept: app.HowRead = {}
        if not isinstance(named, pathlib.Path):
            kept["source"] = dict(named.body)
        elif named.is_file():
            with named.open("rb") as file:
                kept["content"] = hashlib.file_digest(file, "sha256").hexdigest()
        if self.person is not None:
            kept["person"] = self.person
        if self.unique is not None:
            kept["unique"] = self.unique
        if self.skip_broken > 0:
            kept["most_broken"] = self.skip_broken
        return kept

    def keep_mapping(self, home: app.Home, dataset_id: int) -> None:
        """Keep the mapping under the dataset's number, where the node looks for it."""
        if self.mapping is not None:
            app.write_private(home.mapping_file(dataset_id), self.mapping.read_text(encoding="utf-8-sig"))


def options(function: F) -> F:
    """Let a command take a source and how it is read; it gets them as ``asked``."""

    @click.argument("file", required=False, type=FILE)
    @click.option("--source", type=FILE, help="Instead of FILE: a description (JSON) of a database, query or folder.")
    @click.option("--mapping", type=FILE, help="Mapping (JSON) of your columns, codes and units onto the plan's.")
    @click.option("--person", metavar="COLUMN", help="Column that says whose row it is: one person is never split.")
    @click.option(
        "--id", "unique", metavar="COLUMN", help="Column of identifiers, none of which may stand there twice."
    )
    @click.option(
        "--skip-broken",
        type=click.FloatRange(0, 50),
        default=0.0,
        metavar="PERCENT",
        help="Leave out and count rows with a cell that does not fit, up to this share. [default: refuse]",
    )
    @functools.wraps(function)
    def asking(
        *args: Any,
        file: pathlib.Path | None,
        source: pathlib.Path | None,
        mapping: pathlib.Path | None,
        person: str | None,
        unique: str | None,
        skip_broken: float,
        **said: Any,
    ) -> Any:
        asked = Asked(file, source, mapping, person, unique, skip_broken / 100)
        return function(*args, asked=asked, **said)

    return asking  # type: ignore[return-value]  # the same command with other options


@click.command("check")
@options
@click.option("--schema", type=FILE, required=True, help="Plan or schema (JSON) that the source should fit.")
@click.option(
    "--min-cohort", type=click.IntRange(0), default=0, show_default=True, help="Fewest rows that have to fit."
)
@output.json_option
def check(asked: Asked, schema: pathlib.Path, min_cohort: int) -> None:
    """Read FILE or a described source to its end and count what fits a plan and what does not. Nothing is kept."""
    from aicommons.cli import given
    from aicommons.data import reading

    own = asked.table(min_rows=min_cohort)
    found = reading.check(own.source, own.as_planned(given.columns(schema), given.group(schema), min_rows=min_cohort))
    output.emit(
        {"rows": found.rows, "gaps": found.dropped, "broken": found.broken, "notices": list(found.notices)},
        f"{found.rows} rows fit the plan; {found.dropped} have a gap, {found.broken} are broken.",
        *(f"  {notice}" for notice in found.notices),
    )


def known(home: app.Home, dataset_id: int) -> "tables.OwnTable":
    """Return a dataset of this home as the node reads it.

    Raises:
        errors.InputError: this home does not know its source.
    """
    entry = home.datasets().get(dataset_id)
    if entry is None:
        raise errors.InputError(
            "this home does not know the dataset's file",
            which=f"dataset {dataset_id}",
            next_step="publish it from this home: `commons dataset publish`",
        )
    return app.own_table(home, dataset_id, entry)
