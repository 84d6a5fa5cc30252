"""``commons model ask | wishes``: what owners of datasets ask of models that learned from them.

``model`` puts these commands into its group. A wish binds nobody, but stands beside the model for everybody to read.
"""

from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import homes, naming, output, speaking
from aicommons.domain import events, ids

if TYPE_CHECKING:
    from aicommons.owner import lineage


@click.command("ask")
@click.argument("run_text", metavar="RUN")
@click.option("--dataset", "dataset_id", type=click.IntRange(1), required=True, help="Which of yours is in the model.")
@click.option("--retrain", "wish", flag_value="retrain", help="Ask that it be trained again without the dataset.")
@click.option("--retire", "wish", flag_value="retire", help="Ask that it be taken out of use.")
@click.option("--reason", required=True, help="Why, in words that everybody may read; name no person.")
@speaking.by
@output.json_option
def ask(run_text: str, dataset_id: int, *, wish: str | None, reason: str, by: str) -> None:
    """Ask the owners of RUN's model to retrain it without a dataset of yours, or to retire it."""
    from aicommons.owner import lineage

    if wish is None:
        raise click.UsageError("give --retrain or --retire")
    by = speaking.one(by)
    opened = homes.act_as_member()
    chosen = naming.choose_run(opened, run_text)
    digest = lineage.ask(opened, chosen.run_id, dataset_id, events.Wish[wish.upper()], reason=reason, by=by)
    output.emit(
        {
            "run_id": ids.format_id(chosen.run_id),
            "dataset": dataset_id,
            "wish": wish,
            "reason": ids.format_digest(digest),
        },
        f"Asked to {wish} the model of run {naming.short(chosen.run_id)}. Its owners see it in their inbox.",
    )


@click.command("wishes")
@output.json_option
def wishes() -> None:
    """List what others ask of your models; answer with `inbox approve` or `inbox deny`."""
    from aicommons.owner import lineage, places

    opened = homes.look()
    found = lineage.wished(opened, places.Papers(opened.store))
    rows = [
        [
            f"wish:{each.place}",
            each.wish.name.lower(),
            naming.short(each.run_id),
            naming.plain(each.title, 40) or "-",
            f"{each.dataset_id} of {naming.plain(each.by, 40)}",
            naming.plain(each.words or "-", 80),
        ]
        for each in found
    ]
    heads = ["item", "asked", "run", "title", "dataset", "reason"]
    output.emit(
        {"wishes": [_wish(each) for each in found]},
        *(output.aligned(heads, rows) if rows else ["Nobody asks anything of your models."]),
    )


def _wish(found: "lineage.Wish") -> dict[str, Any]:
    return {
        "item": f"wish:{found.place}",
        "wish": found.wish.name.lower(),
        "run_id": ids.format_id(found.run_id),
        "title": naming.plain(found.title),
        "dataset": found.dataset_id,
        "by": naming.plain(found.by),
        "reason": found.words,
        "at": found.at,
    }


COMMANDS = (ask, wishes)
"""What ``model`` takes into its group."""
