"""What an operator confirms: who takes part in a run, by the roster's fingerprint.

Called by ``run confirm``. A ledger that lies could show each site other participants and so single somebody out; people
who compare the fingerprint notice (secure-aggregation, pinned roster). What is confirmed is kept by the node's journal.
"""

import sys
from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, naming, output
from aicommons.domain import errors, events, ids

if TYPE_CHECKING:
    from aicommons.protocol import view as views


def own_roster(opened: homes.Opened, view: "views.LedgerView", run_id: ids.RunId) -> events.RosterFixed:
    """Return the run's roster after checking that it is whole and that this home has a seat with its own key.

    Raises:
        errors.InputError: there is no roster yet, or no seat.
        errors.LedgerMismatch: the roster's digest or our key in it is not what it should be.
    """
    from aicommons.domain import encoding
    from aicommons.ledger import wallet

    roster = view.runs[run_id].roster
    if roster is None:
        raise errors.InputError(
            "the roster is not fixed yet", which=naming.short(run_id), next_step="wait until the solver closes it"
        )
    member = view.member_of_account(opened.registry.address)
    if member is None or member not in roster.member_ids:
        raise errors.InputError(
            "this home has no seat in the run", which=naming.short(run_id), next_step="see `commons run show`"
        )
    if encoding.roster_digest(run_id, roster.member_ids, roster.node_keys) != roster.roster:
        raise errors.LedgerMismatch("the roster is not what its digest says", which=naming.short(run_id))
    own_key = wallet.address(opened.home.node_file)
    if roster.node_keys[roster.member_ids.index(member)] != own_key:
        raise errors.LedgerMismatch(
            "the roster names another node key for this member",
            which=naming.short(run_id),
            expected=ids.format_id(own_key),
            next_step="do not confirm; restore the node's key with `commons key restore --node`",
        )
    return roster


def agree(roster: bytes, fingerprint: str | None, *, yes: bool) -> None:
    """Return if the person agrees to the roster.

    Raises:
        errors.InputError: another fingerprint was given, or the answer was no, or there is nobody to ask.
    """
    if fingerprint is not None:
        given = "".join(fingerprint.lower().removeprefix("0x").split())
        if given != roster.hex():
            raise errors.InputError(
                "the fingerprint is another one",
                which="--fingerprint",
                expected=roster.hex(),
                got=given[:64],
                next_step="do not confirm before all members see the same; the ledger may be lying to somebody",
            )
        return
    if yes:
        return
    if output.call().as_json or not sys.stdin.isatty():
        raise errors.InputError(
            "nobody confirmed the roster",
            which="run confirm",
            next_step="give --fingerprint HEX (see `commons run show`)",
        )
    if not click.confirm("Do the other members see the same fingerprint?", err=True):
        raise errors.InputError("not confirmed", next_step="compare the fingerprints first; nothing was changed")
