"""What an operator confirms: who takes part in a run, by the roster's fingerprint.

Called by ``run confirm``. A ledger that lies could show each site other participants and so single somebody out; people
who compare the fingerprint notice (secure-aggregation, pinned roster). What is confirmed is kept by the node's journal.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, naming, output
from aicommons.domain import errors, events, ids

if TYPE_CHECKING:
    from aicommons.node import journal
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


def readers(opened: homes.Opened, current: "views.RunView") -> list[int]:
    """Return the members beside the participants that may read the run's sums, as its terms name them.

    Raises:
        errors.BlobNotFound: the terms are not in the store.
        errors.DecodeError: they cannot be read.
    """
    from aicommons.node import agent as agents

    return [int(reader.member_id) for reader in agents.read_terms(opened.store, current).terms.readers]


def own_part(opened: homes.Opened, pin: "journal.Pin") -> str:
    """Return in words what this home brings.

    Raises:
        errors.InputError: the ledger says that it brings a dataset which this home does not have.
    """
    known = opened.home.datasets().get(pin.dataset_id)
    if known is None:
        raise errors.InputError(
            "the ledger says that this site brings a dataset that is not in this home",
            which=f"dataset {pin.dataset_id}",
            next_step="do not confirm unless another home of yours enrolled it",
        )
    consent = naming.short(pin.consent_id)
    return (
        f"dataset {pin.dataset_id} ({known['title']}, version {pin.version}), {known['path']}, under consent {consent}"
    )


def check_overlap(
    kept: "journal.Journal", run_id: ids.RunId, pin: "journal.Pin", *, members: Sequence[int], preferred: int
) -> None:
    """Check a roster against the sets that this node trained with before, with the same dataset or on the same problem.

    Args:
        kept: the node's journal.
        run_id: the run to confirm.
        pin: what is about to be confirmed.
        members: its roster, ascending.
        preferred: layout that its terms prefer.

    Raises:
        errors.InputError: it comes too near to one of them; nothing was confirmed.
    """
    from aicommons.learning.secagg import layout
    from aicommons.node import agent as agents
    from aicommons.node import disclosures, overlap

    number = agents.layout_number(preferred, len(members))
    faults = layout.make_layout(members, bytes(32), number).faults
    near = overlap.near(kept, run_id, pin, members=members, faults=faults)
    if near is None:
        return
    if pin.may_overlap:
        output.note(f"  accepted: {disclosures.in_words(near)}")
        return
    raise errors.InputError(
        f"{disclosures.in_words(near)}; the numbers of single sites could be computed",
        which=f"run {naming.short(near.run_id)}",
        next_step="train with the same sites as then, or with more others; or accept it with --allow-overlap",
    )


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
