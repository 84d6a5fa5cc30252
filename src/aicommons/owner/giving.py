"""A home's own permissions on the ledger: give one, take it back, bring a dataset to a run; each with its line in the log.

Called by the inbox when an approval is carried out, by ``commons consent give | revoke`` and ``run enrol``, and by the stop
button. Whether it is permitted is ``permitting``'s business, who may say so is ``operators``'.
"""

from aicommons import office
from aicommons.domain import events, ids
from aicommons.node import signing
from aicommons.owner import noting, places


def give(place: places.Place, terms: events.ConsentTerms, *, by: str) -> bytes:
    """Permit a use of a dataset of this home's and return the consent's id; raises as the ledger does."""
    consent_id = place.desk.give_consent(terms)
    noting.note_at(place.home, noting.Act.GIVE, _consent(consent_id), by=by)
    return consent_id


def revoke(place: places.Place, consent_id: bytes, *, by: str, reason: str = "") -> None:
    """Take a consent back, for ever; raises as the ledger does."""
    place.desk.revoke_consent(consent_id)
    noting.note_at(place.home, noting.Act.REVOKE, _consent(consent_id), by=by, reason=reason)


def enrol(
    place: places.Place, run_id: ids.RunId, seat: office.Seat, *, by: str, node: signing.SigningJournal | None = None
) -> None:
    """Bring datasets to a run; ``node`` signs the exit in advance where the seat needs one. Raises as the ledger does."""
    place.desk.enrol(run_id, seat, node)
    numbers = [seat.dataset_id, *(number for number, _ in seat.further)]
    said = f"dataset{'s' if seat.further else ''} {', '.join(map(str, numbers))}"
    noting.note_at(place.home, noting.Act.ENROL, f"run:{run_id.hex()}", by=by, reason=said)


def leave(place: places.Place, run_id: ids.RunId, node: signing.SigningJournal, *, by: str) -> None:
    """Take this home's site out of a run, for ever; ``node`` signs the exit. Raises as ``office.Desk.leave``."""
    place.desk.leave(run_id, node)
    noting.note_at(place.home, noting.Act.LEAVE, f"run:{run_id.hex()}", by=by)


def _consent(consent_id: bytes) -> str:
    return f"consent {ids.format_id(consent_id)}"
