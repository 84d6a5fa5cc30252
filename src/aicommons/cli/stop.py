"""``commons stop``: the stop button on the command line."""

from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, output, speaking
from aicommons.domain import errors, ids
from aicommons.protocol import registry

if TYPE_CHECKING:
    from aicommons.node import inbox
    from aicommons.owner import stopping


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
            _emit_released()
            return
        stopping.set_flag(kept, by="", reason=reason)
        done = stopping.Stopped((), (), ())
        if suspend or revoke:
            try:
                done = _tell_ledger(kept, suspend=suspend, revoke=revoke, by=by)
            except errors.CommonsError as err:
                _emit_stopped_here(err, " ".join(_chosen(suspend=suspend, revoke=revoke)))
                click.get_current_context().exit(output.FAILED)
    _emit_stopped(done)


def _tell_ledger(kept: "inbox.Inbox", *, suspend: bool, revoke: bool, by: str) -> "stopping.Stopped":
    """Suspend and revoke on the ledger, once it is known who speaks: after the flag, so that nothing delays a stop."""
    from aicommons.owner import stopping

    speaks = speaking.speaker(kept, by)
    return stopping.tell_ledger(homes.act(), suspend=suspend, revoke=revoke, by=speaks)


def _chosen(*, suspend: bool, revoke: bool) -> list[str]:
    return [option for option, is_chosen in (("--suspend", suspend), ("--revoke", revoke)) if is_chosen]


def _emit_stopped(done: "stopping.Stopped") -> None:
    output.emit(
        {
            "stopped": True,
            "suspended": list(done.suspended),
            "revoked": [ids.format_id(each) for each in done.revoked],
            "refused": list(done.refused),
            "entrusted": list(done.entrusted),
        },
        f"Stopped. Your node takes part in nothing until `{output.command('stop --go-on')}`.",
        *(f"  dataset {each} is suspended" for each in done.suspended),
        *(
            f"  only a vote puts dataset {each} back: `{output.command(f'coop propose {each} --resume --why TEXT')}`"
            for each in done.entrusted
        ),
        *(f"  consent {ids.short(each)} is revoked" for each in done.revoked),
        *(f"  the ledger refused: {each}" for each in done.refused),
    )


def _emit_stopped_here(err: errors.CommonsError, options: str) -> None:
    """Say that the stop holds at this home though the ledger was not told, and what tells it."""
    message, next_step = output.in_words(err)
    again = output.command(f"stop {options}")
    output.emit(
        {"stopped": True, "on_ledger": False, "error": type(err).__name__, "message": message, "next_step": next_step, "again": again},
        f"Stopped here. Your node takes part in nothing until `{output.command('stop --go-on')}`.",
        f"Not done on the ledger, or not all of it ({options}): {message}",
        f"  Next: {next_step}",
        f"  Then do it again: `{again}`",
    )  # fmt: skip


def _emit_released() -> None:
    suspended = _suspended()
    lines = ["Your node takes part again."]
    if suspended is None:
        lines.append("The ledger does not say now whether datasets of yours are suspended; those stay so until you")
        lines.append(
            f"resume them: `{output.command('dataset list')}`, then `{output.command('dataset resume DATASET')}`."
        )
    lines += [
        f"Dataset {number} is still suspended, in no training: `{output.command(f'dataset resume {number}')}`."
        for number in suspended or ()
    ]
    output.emit({"stopped": False, "suspended": None if suspended is None else list(suspended)}, *lines)


def _suspended() -> tuple[int, ...] | None:
    """Return this home's datasets that are suspended on the ledger, ``None`` while it cannot be asked."""
    try:
        opened = homes.look()
        view = opened.desk.view()
    except (errors.TemporaryError, errors.InputError, errors.LedgerMismatch):
        return None  # going on needs no ledger, so that it never fails for one
    member = view.member_of_account(opened.registry.address)
    return tuple(
        number
        for number, listed in view.datasets.items()
        if listed.owner == member and listed.state is registry.DatasetState.SUSPENDED
    )
