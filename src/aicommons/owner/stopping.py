"""The stop button: this home's node takes part in nothing from its next step on, until somebody releases it.

What was sent before cannot be called back: a masked vector that the others have fixed already may still enter that
round's sum. On the ledger, if chosen, the home's datasets are suspended (nobody can enrol them) and its consents revoked
(for ever). Called by the page and ``commons stop``.
"""

import dataclasses

from aicommons.domain import errors
from aicommons.node import inbox
from aicommons.owner import giving, noting, places
from aicommons.protocol import registry


@dataclasses.dataclass(frozen=True, slots=True)
class Stopped:
    """What was done on the ledger."""

    suspended: tuple[int, ...]
    """Datasets."""
    revoked: tuple[bytes, ...]
    """Consents."""
    refused: tuple[str, ...]
    """What the ledger did not do, in its words."""
    entrusted: tuple[int, ...] = ()
    """Datasets among those suspended that only the body they are entrusted to puts back into use."""


def set_flag(kept: inbox.Inbox, *, by: str, reason: str) -> None:
    """Hold the node back from its next step on."""
    kept.stop(stopped=True)
    noting.note(kept, noting.Act.STOP, by=by, reason=reason)


def tell_ledger(place: places.Place, *, suspend: bool, revoke: bool, by: str = "") -> Stopped:
    """Suspend this home's datasets, revoke its live consents; what the ledger refuses is told, not raised.

    Raises:
        errors.LedgerUnreachable: some of it may be done; do it again.
    """
    refused: list[str] = []
    revoked = _revoke(place, refused, by) if revoke else ()
    suspended = _suspend(place, refused, by) if suspend else ()
    listed = place.desk.view().datasets
    entrusted = tuple(number for number in suspended if listed[number].body is not None)
    return Stopped(suspended, revoked, tuple(refused), entrusted)


def release(kept: inbox.Inbox, *, by: str, reason: str) -> None:
    """Let the node take part again; suspended datasets and revoked consents stay as they are."""
    kept.stop(stopped=False)
    noting.note(kept, noting.Act.RESUME, by=by, reason=reason)


def _revoke(place: places.Place, refused: list[str], by: str) -> tuple[bytes, ...]:
    view = place.desk.view()
    member, done = place.desk.member_id(), []
    for consent_id, given in view.consents.items():
        if given.holder != member or consent_id in view.revoked or given.terms.expiry <= view.time:
            continue
        try:
            giving.revoke(place, consent_id, by=by)
        except errors.LedgerRefused as err:
            refused.append(str(err))
        else:
            done.append(consent_id)
    return tuple(done)


def _suspend(place: places.Place, refused: list[str], by: str) -> tuple[int, ...]:
    member, done = place.desk.member_id(), []
    for number, listed in place.desk.view().datasets.items():
        if listed.owner != member or listed.state is not registry.DatasetState.LISTED:
            continue
        try:
            place.desk.suspend_dataset(number)
        except errors.LedgerRefused as err:
            refused.append(f"dataset {number}: {err}")
        else:
            noting.note_at(place.home, noting.Act.SUSPEND_DATASET, f"dataset {number}", by=by)
            done.append(number)
    return tuple(done)
