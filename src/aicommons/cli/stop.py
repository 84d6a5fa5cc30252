"""``commons stop``: the stop button on the command line."""

import click

from aicommons.cli import homes, output, speaking
from aicommons.domain import ids


@click.command("stop")
@click.option("--suspend", is_flag=True, help="Also suspend your datasets on the ledger: nobody can enrol them.")
@click.option("--revoke", is_flag=True, help="Also revoke all consents that you gave and that are live, for ever.")
@click.option("--reason", default="", help="For the log.")
@click.option("--go-on", is_flag=True, help="Instead: let the node take part again.")
@speaking.by
@output.json_option
def command(suspend: bool, revoke: bool, *, reason: str, go_on: bool, by: str) -> None:
    """Stop everything here at once: from its next step on, your node takes part in nothing.

    Needs no passphrase and no PIN unless --suspend, --revoke or --go-on is given. What was sent before cannot be called back: if the other
    sites have fixed it already, it may still enter that round's total.
    """
    from aicommons.owner import stopping

    if go_on and (suspend or revoke):
        raise click.UsageError("--go-on stands alone")
    with speaking.kept() as kept:
        if go_on:
            stopping.release(kept, by=speaking.speaker(kept, by), reason=reason)
            output.emit({"stopped": False}, "Your node takes part again.")
            return
        stopping.set_flag(kept, by="", reason=reason)
        done = stopping.Stopped((), (), ())
        if suspend or revoke:
            by = speaking.speaker(kept, by)  # after the flag: nothing delays a stop
            done = stopping.tell_ledger(homes.act(), suspend=suspend, revoke=revoke, by=by)
    output.emit(
        {
            "stopped": True,
            "suspended": list(done.suspended),
            "revoked": [ids.format_id(each) for each in done.revoked],
            "refused": list(done.refused),
            "entrusted": list(done.entrusted),
        },
        "Stopped. Your node takes part in nothing until `commons stop --go-on`.",
        *(f"  dataset {each} is suspended" for each in done.suspended),
        *(
            f"  only a vote puts dataset {each} back: `{output.command(f'coop propose {each} --resume --why TEXT')}`"
            for each in done.entrusted
        ),
        *(f"  consent {ids.short(each)} is revoked" for each in done.revoked),
        *(f"  the ledger refused: {each}" for each in done.refused),
    )
