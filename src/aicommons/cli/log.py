"""``commons log``: every use of this home's data, and everything that was decided here."""

import dataclasses
from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, naming, output
from aicommons.domain import ids

if TYPE_CHECKING:
    from aicommons.owner import uses


@click.command("log")
@output.json_option
def command() -> None:
    """Show every use of your data and every decision made here, newest first."""
    from aicommons.owner import deciding, uses

    clerk = deciding.make_clerk(homes.look())
    used, decided = uses.uses(clerk), uses.decisions(clerk)
    agreed = sum(each.price for each in used)
    rows = [
        [
            naming.when(each.at),
            ids.short(each.run_id),
            f"{each.dataset_id} {naming.plain(each.dataset, 30)}",
            naming.plain(each.title, 40),
            each.state.name.lower(),
            each.rounds,
            each.bytes_sent,
            each.price,
        ]
        for each in used
    ]
    lines = [
        [naming.when(int(each.at)), each.by or "-", each.what, each.about[:20], naming.plain(each.reason)]
        for each in decided
    ]
    output.emit(
        {
            "uses": [_use(each) for each in used],
            "agreed": agreed,
            "decisions": [dataclasses.asdict(each) for each in decided],
        },
        *output.aligned(["when", "run", "dataset", "for", "state", "rounds", "bytes sent", "price"], rows),
        f"Agreed for all uses: {agreed}. The ledger records it; nothing is paid yet.",
        "",
        *output.aligned(["when", "who", "what", "about", "reason"], lines),
    )


def _use(each: "uses.Use") -> dict[str, object]:
    return dataclasses.asdict(each) | {
        "run_id": ids.format_id(each.run_id),
        "consent_id": ids.format_id(each.consent_id),
        "state": each.state.name.lower(),
    }
