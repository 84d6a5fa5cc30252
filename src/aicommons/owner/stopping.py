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


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    """What else to do beside setting the flag."""

    suspend: bool = False
    """Suspend this home's datasets on the ledger."""
    revoke: bool = False
    """Revoke all consents that this home gave and that are live."""
    reason: str = ""
    by: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Stopped:
    """What was done on the ledger."""

    suspended: tuple[int, ...]
    """Datasets."""
    revoked: tuple[bytes, ...]
    """Consents."""
    refused: tuple[str, ...]
    """What the ledger did not do, in its words."""


def stop(place: places.Place, kept: inbox.Inbox, wanted: Stop) -> Stopped:
    """Set the flag first, then do on the ledger what is ``wanted``; what the ledger refuses is told, not raised.

    Raises:
        errors.LedgerUnreachable: the flag is set all the same.
    """
    kept.stop(stopped=True)
    kept.note(inbox.Happened(time.time(), "stop", "", wanted.by, wanted.reason))
    refused: list[str] = []
    revoked = _revoke(place, refused) if wanted.revoke else ()
    suspended = _suspend(place, refused) if wanted.suspend else ()
    return Stopped(suspended, revoked, tuple(refused))


def release(kept: inbox.Inbox, *, by: str, reason: str) -> None:
    """Let the node take part again; suspended datasets and revoked consents stay as they are."""
    kept.stop(stopped=False)
    kept.note(inbox.Happened(time.time(), "resume", "", by, reason))


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
        if listed.owner != member:
            continue
        try:
            place.registry.transact("DataRegistry", "suspend", number)
        except errors.LedgerRefused as err:
            refused.append(f"dataset {number}: {err}")
        else:
            done.append(number)
    return tuple(done)
