"""``commons dataset dry-run``: what would leave this site, computed from the real rows, sent to nobody and kept nowhere.

The rows are prepared as the node prepares them, in a folder that is gone when the command ends. The ledger and the store
are read only where a run is named. What is computed is ``node/rehearsal``'s business.
"""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import given, homes, naming, output, sourcing
from aicommons.domain import run

if TYPE_CHECKING:
    from aicommons.domain import documents
    from aicommons.learning import recipe as recipes
    from aicommons.node import rehearsal, tables
    from aicommons.node.consents import people

SHOWN = 5
"""Smallest cells that are shown."""


@click.command("dry-run")
@sourcing.options
@click.option("--dataset", type=click.IntRange(1), help="Instead of FILE: number of a dataset of this home.")
@click.option("--plan", "plan_file", type=sourcing.FILE, help="Plan (JSON).")
@click.option("--run", "run_text", metavar="RUN", help="Instead of --plan: a run on the ledger, which is only read.")
@click.option(
    "--min-cohort", type=click.IntRange(1), default=run.MINIMUM_COHORT, show_default=True, help="Fewest rows."
)
@output.json_option
def command(
    *, asked: sourcing.Asked, dataset: int | None, plan_file: pathlib.Path | None, run_text: str | None, min_cohort: int
) -> None:
    """Show what would leave this site: blocks, lengths, encodings, bytes and the smallest cell. Nothing is sent."""
    if (plan_file is None) == (run_text is None):
        raise click.UsageError("give either --plan or --run")
    planned = _planned(plan_file, run_text)
    own = asked.table(min_rows=min_cohort) if dataset is None else sourcing.known(homes.home(), dataset)
    persons = None if dataset is None else _people(dataset)
    with _rehearsed(own, planned, persons) as (found, rows):
        output.emit(
            _shown(found, rows, own.minimum_cohort)
            | {"people_with_consent": None if persons is None else len(persons.tags)},
            *_in_words(found, own.minimum_cohort),
            *([] if persons is None else [_of_whom(len(persons.tags))]),
        )


def _people(dataset: int) -> "people.Persons | None":
    """Return whose rows are counted; ``None`` where the dataset's people are not asked."""
    from aicommons.owner import keyed

    if not keyed.is_asked(homes.home(), dataset):
        return None
    opened = homes.act()  # the wallet opens the register, and the ledger says what is posted
    return keyed.living(opened.home, opened.signer, opened.desk.view(), dataset)


def _of_whom(count: int) -> str:
    return (
        f"Counted are rows of the {count} people with a live consent that is posted; a run's purpose and what earlier sums told "
        "may leave fewer (`commons inbox show` counts them for a run)."
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """What is rehearsed."""

    plan: "documents.Plan"
    recipe: "recipes.Recipe"
    members: int
    """How many sites take part."""


def _planned(plan_file: pathlib.Path | None, run_text: str | None) -> Planned:
    from aicommons.learning import recipe as recipes
    from aicommons.node import agent as agents

    if plan_file is not None:
        plan = given.plan(plan_file)
        return Planned(plan, recipes.from_plan(dict(plan.recipe)), run.FEWEST_PARTICIPANTS)
    opened = homes.look()
    current = naming.choose_run(opened, run_text or "").run
    terms = agents.read_terms(opened.store, current)
    return Planned(terms.plan, terms.recipe, max(len(current.enrolled), run.FEWEST_PARTICIPANTS))


@contextlib.contextmanager
def _rehearsed(
    own: "tables.OwnTable", planned: Planned, persons: "people.Persons | None"
) -> "Iterator[tuple[rehearsal.Rehearsal, int]]":
    """Give the dry run's result and the number of rows; the prepared arrays are erased at the end."""
    from aicommons.data import prepared
    from aicommons.learning import privacy
    from aicommons.node import rehearsal, tables

    recipe = planned.recipe
    wanted = own.as_planned(recipe.schema, planned.plan.group, min_rows=own.minimum_cohort)
    wanted = dataclasses.replace(wanted, persons=persons)
    with tempfile.TemporaryDirectory(prefix="commons-dry-run-") as scratch:
        folder = pathlib.Path(scratch) / "prepared"
        table = prepared.prepare(own.source, wanted, folder, tables.division(planned.plan, recipe.schema))
        rows = privacy.guard(recipe, tables.divided(table), own.rule)
        yield rehearsal.rehearse(recipe, rows, table, members=planned.members), table.rows


def _shown(found: "rehearsal.Rehearsal", rows: int, min_cohort: int) -> dict[str, Any]:
    return {
        "sent": False,
        "rows": rows,
        "rounds": [
            {
                "stage": each.stage.value,
                "bytes": each.vector_bytes,
                "blocks": [
                    {"name": block.name, "length": block.length, "encoding": block.encoding.value, "cap": block.cap}
                    for block in each.blocks
                ],
            }
            for each in found.rounds
        ],
        "smallest_cells": [{"cell": cell.name, "rows": cell.rows} for cell in found.cells[:SHOWN]],
        "below_minimum_cohort": sum(cell.rows < min_cohort for cell in found.cells),
        "reason": None if found.reason is None else found.reason.value,
    }


def _in_words(found: "rehearsal.Rehearsal", min_cohort: int) -> Iterator[str]:
    yield "Nothing was sent. This is what would leave this site, each number hidden under masks:"
    rows: list[list[object]] = []
    for each in found.rounds:
        rows += [
            [each.stage.value, block.name, block.length, block.encoding.value, f"{block.cap:g}"]
            for block in each.blocks
        ]
    yield from output.aligned(["round", "block", "numbers", "encoding", "at most"], rows)
    for each in found.rounds:
        yield f"A masked vector of the round {each.stage.value} has {each.vector_bytes:,} bytes."
    if found.reason is not None:
        yield f"This site alone cannot go further ({found.reason.value}); with others the learning rounds follow."
    yield "Smallest cells, which only sums over all sites would count:"
    for cell in found.cells[:SHOWN]:
        yield f"  {cell.name}: {cell.rows:,} rows" + (f", fewer than {min_cohort}" if cell.rows < min_cohort else "")
