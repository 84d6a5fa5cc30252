"""``commons plan``: publish a plan (a learner and its configuration), show one."""

import dataclasses
import pathlib

import click

from aicommons.cli import given, homes, naming, output
from aicommons.domain import ids
from aicommons.owner import published


@click.group()
def command() -> None:
    """Publish a plan: a learner and its configuration."""


@command.command("publish")
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@output.json_option
def publish(file: pathlib.Path) -> None:
    """Put the plan in FILE into the store.

    FILE is JSON with title and recipe ({"recipe": "glm", "schema": {…}}, options), and if wanted leaves_site,
    held_out_percent, split_seed and group (a column whose equal values are never split). `commons dataset show DATASET
    --json` gives a schema.
    """
    read = given.plan(file)
    opened = homes.act_as_member()
    digest = opened.desk.publish_plan(read)
    shown = ids.format_digest(digest)
    output.emit(
        {"plan": shown, "recipe": dict(read.recipe)},
        f"Plan {shown}",
        f"  {naming.plain(read.title)}",
        f"Next: `{output.command(f'run open --problem PROBLEM --plan {shown} --purpose CODE')}`.",
    )


@command.command("show")
@click.argument("plan")
@output.json_option
def show(plan: str) -> None:
    """Show the plan with digest PLAN, and what of it leaves a site."""
    from aicommons.domain import documents
    from aicommons.learning import recipe

    digest = naming.parse_digest(plan)
    document = published.read(homes.look().store, documents.Plan, digest)
    made = recipe.from_plan(dict(document.recipe))
    options = {name: value for name, value in document.recipe.items() if name not in ("recipe", "schema")}
    output.emit(
        {"plan": ids.format_digest(digest), "document": dataclasses.asdict(document)},
        f"Plan {naming.plain(document.title)}",
        f"  learner      {made.name} ({', '.join(f'{name} {value}' for name, value in sorted(options.items()))})",
        f"  predicts     {naming.predicts(made.schema)}",
        f"  rounds       at most {made.most_rounds}",
        f"  held out     {document.held_out_percent} % of each site's rows"
        + (f", whole groups of {naming.plain(document.group)}" if document.group is not None else ""),
        f"  leaves site  {naming.plain(document.leaves_site, 500)}",
    )
