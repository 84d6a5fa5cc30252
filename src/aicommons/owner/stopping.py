"""The stop button: this home's node takes part in nothing from its next step on, until somebody releases it.

What was sent before cannot be called back: a masked vector that the others have fixed already may still enter that
round's sum. On the ledger, if chosen, the home's datasets are suspended (nobody can enrol them) and its consents revoked
(for ever). Called by the page and ``commons stop``.
"""

import dataclasses
import time

from aicommons.domain import errors
from aicommons.node import inbox
from aicommons.owner import places
from aicommons.protocol import inbox as rules
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
    kept.note(inbox.Happened(time.time(), "stop", "", by, reason[: rules.LONGEST_REASON]))


def tell_ledger(place: places.Place, *, suspend: bool, revoke: bool) -> Stopped:
    """Suspend this home's datasets, revoke its live consents; what the ledger refuses is told, not raised.

    Raises:
        errors.LedgerUnreachable: some of it may be done; do it again.
    """
    refused: list[str] = []
    revoked = _revoke(place, refused) if revoke else ()
    suspended = _suspend(place, refused) if suspend else ()
    listed = place.desk.view().datasets
    entrusted = tuple(number for number in suspended if listed[number].body is not None)
    return Stopped(suspended, revoked, tuple(refused), entrusted)


def release(kept: inbox.Inbox, *, by: str, reason: str) -> None:
    """Let the node take part again; suspended datasets and revoked consents stay as they are."""
    kept.stop(stopped=False)
    kept.note(inbox.Happened(time.time(), "resume", "", by, reason[: rules.LONGEST_REASON]))


def _revoke(place: places.Place, refused: list[str]) -> tuple[bytes, ...]:
    view = place.desk.view()
    member, done = place.desk.member_id(), []
    for consent_id, given in view.consents.items():
        if given.holder != member or consent_id in view.revoked or given.terms.expiry <= view.time:
            continue
        try:
            place.desk.revoke_consent(consent_id)
        except errors.LedgerRefused as err:
            refused.append(str(err))
        else:
            done.append(consent_id)
    return tuple(done)


def _suspend(place: places.Place, refused: list[str]) -> tuple[int, ...]:
    member, done = place.desk.member_id(), []
    for number, listed in place.desk.view().datasets.items():
        if listed.owner != member or listed.state is not registry.DatasetState.LISTED:
            continue
        try:
            place.desk.suspend_dataset(number)
        except errors.LedgerRefused as err:
            refused.append(f"dataset {number}: {err}")
        else:
            done.append(number)
    return tuple(done)
