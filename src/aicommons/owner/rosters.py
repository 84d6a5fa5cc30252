"""What an operator confirms: who takes part in a run, by the roster's fingerprint.

Called by ``run confirm`` and by the owner's inbox. A ledger that lies could show each site other participants and so
single somebody out; people who compare the fingerprint notice (secure-aggregation, pinned roster). What is confirmed is
kept by the node's journal. How a person is asked is left to the caller.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

from aicommons.domain import encoding, errors, events, ids
from aicommons.ledger import wallet
from aicommons.node import agent as agents
from aicommons.node import disclosures, journal, overlap
from aicommons.owner import noting, permitting, places
from aicommons.protocol import transitions
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A dataset that this home brings."""

    held: journal.Held
    title: str
    path: str
    """Where it is, here."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What there is to confirm."""

    roster: events.RosterFixed
    pin: journal.Pin
    """What this home brings."""
    parts: tuple["Part", ...]
    """Where each of its datasets is."""
    readers: tuple[int, ...]
    """Members beside the participants that may read the run's sums."""


def look(place: places.Place, run_id: ids.RunId, *, may_overlap: bool = False) -> Seen:
    """Return what there is to confirm of a run, after checking that it is whole.

    Raises:
        errors.InputError: no roster yet, no seat, or a dataset that is not in this home.
        errors.LedgerMismatch: the roster's digest or our key in it is not what it should be.
        errors.BlobNotFound, errors.DecodeError: its terms cannot be read.
    """
    view = place.desk.view()
    roster = own_roster(place, view, run_id)
    pin = place.desk.pin(run_id, may_overlap=may_overlap)
    parts = tuple(_part(place, held) for held in pin.parts)
    terms = agents.read_terms(place.store, view.runs[run_id]).terms
    return Seen(roster, pin, parts, tuple(int(each.member_id) for each in terms.readers))


def _part(place: places.Place, held: journal.Held) -> Part:
    known = place.home.dataset_version(held.dataset_id, held.version)
    if known is None:
        raise errors.InputError(
            "the ledger says that this site brings a dataset that is not in this home",
            which=f"dataset {held.dataset_id}, version {held.version}",
            next_step="do not confirm unless another home of yours enrolled it",
        )
    return Part(held, known["title"], known["path"])


def check(place: places.Place, run_id: ids.RunId, seen: Seen, name: Callable[[int], str] = "member {}".format) -> None:
    """Check before anybody is asked that the run is not over, that the use is permitted, and that no earlier run was too near.

    Args:
        place: this home.
        run_id: the run to confirm.
        seen: what there is to confirm.
        name: gives a member's name.

    Raises:
        errors.UseDenied: the dataset's policy or card does not permit it (any more).
        errors.InputError: the run is over, or an earlier run on the problem had nearly the same sites.
    """
    _check_permission(place, run_id, seen)
    with contextlib.closing(journal.Journal(place.home.journal_file)) as kept:
        _check_runs(place, run_id, seen, kept, name=name)


def confirm(place: places.Place, run_id: ids.RunId, seen: Seen, *, by: str = "") -> None:
    """Let this home's node take part with exactly what was ``seen``; ``by`` says so, for the log.

    Raises:
        errors.UseDenied, errors.InputError: as ``check``.
        errors.JournalConflict: something else was confirmed before.
    """
    _check_permission(place, run_id, seen)
    with contextlib.closing(journal.Journal(place.home.journal_file)) as kept:
        _check_runs(place, run_id, seen, kept, name="member {}".format)
        kept.pin(run_id, seen.pin)
    noting.note_at(place.home, noting.Act.CONFIRM, f"run:{run_id.hex()}", by=by)


def _check_permission(place: places.Place, run_id: ids.RunId, seen: Seen) -> None:
    for held in seen.pin.parts:
        part = agents.Part(held.dataset_id, held.version)
        permitting.check_seat(place, run_id, part=part, consent_id=held.consent_id)


def _check_runs(
    place: places.Place, run_id: ids.RunId, seen: Seen, kept: journal.Journal, *, name: Callable[[int], str]
) -> None:
    current = place.desk.run(run_id)
    if current.state.is_over and kept.pinned(run_id) is None:  # what was confirmed in time may be said again
        raise errors.InputError(
            "the run is over: there is nothing to confirm",
            which=f"run {ids.short(run_id)}",
            next_step="see `commons run show RUN`",
        )
    check_overlap(kept, run_id, seen.pin, members=seen.roster.member_ids, preferred=current.spec.layout, name=name)


def own_roster(place: places.Place, view: views.LedgerView, run_id: ids.RunId) -> events.RosterFixed:
    """Return the run's roster after checking that it is whole and that this home has a seat with its own key.

    Raises:
        errors.InputError: there is no roster yet, or no seat.
        errors.LedgerMismatch: the roster's digest or our key in it is not what it should be.
    """
    roster, which = view.runs[run_id].roster, ids.short(run_id)
    if roster is None:
        raise errors.InputError("the roster is not fixed yet", which=which, next_step="wait until the solver closes it")
    member = view.member_of_account(place.registry.address)
    if member is None or member not in roster.member_ids:
        raise errors.InputError("this home has no seat in the run", which=which, next_step="see `commons run show`")
    if encoding.roster_digest(run_id, roster.member_ids, roster.node_keys) != roster.roster:
        raise errors.LedgerMismatch("the roster is not what its digest says", which=which)
    own_key = wallet.address(place.home.node_file)
    if roster.node_keys[roster.member_ids.index(member)] != own_key:
        raise errors.LedgerMismatch(
            "the roster names another node key for this member",
            which=which,
            expected=ids.format_id(own_key),
            next_step="do not confirm; restore the node's key with `commons key restore --node`",
        )
    return roster


def check_overlap(
    kept: journal.Journal,
    run_id: ids.RunId,
    pin: journal.Pin,
    *,
    members: Sequence[int],
    preferred: int,
    name: Callable[[int], str] = "member {}".format,
) -> None:
    """Check a roster against the sets that this node trained with before, with the same dataset or on the same problem.

    Args:
        kept: the node's journal.
        run_id: the run to confirm.
        pin: what is about to be confirmed.
        members: its roster, ascending.
        preferred: layout that its terms prefer.
        name: gives a member's name.

    Raises:
        errors.InputError: it comes too near to one of them; nothing was confirmed.
    """
    faults = transitions.faults_of(len(members), transitions.layout_of(len(members), preferred))
    near = overlap.near(kept, run_id, pin, members=members, faults=faults)
    if near is not None and not pin.may_overlap:
        kept.keep_declined(run_id, 0, disclosures.in_words(near))
        raise errors.InputError(
            f"{disclosures.in_words(near, name)}; the numbers of single sites could be computed",
            which=f"run {ids.short(run_id)}",
            next_step="train with the same sites as then, or with more others; or accept it, for this run, with --allow-overlap",
        )
