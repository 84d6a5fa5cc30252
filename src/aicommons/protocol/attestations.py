"""What members stated about models, problems, datasets and each other, and what they took back.

``view.py`` hands the events over and shows the outcome as its own; the command line and releases read it. Whether a
statement counts now also hangs on its attester's role, which is ``Attestations.isLive``'s word. No I/O, no clock.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from aicommons.domain import events, model_events


@dataclasses.dataclass(frozen=True, slots=True)
class AttestationView:
    """One attestation as it stands."""

    made: model_events.Attested
    """What was said, by whom, about what, until when."""
    revoked: model_events.AttestationRevoked | None = None
    """That its attester took it back."""

    def stands(self, now: float) -> bool:
        """Return whether it was neither taken back nor is over at ``now`` (seconds), whatever became of its attester."""
        return self.revoked is None and now < self.made.expiry


@dataclasses.dataclass(frozen=True, slots=True)
class Attestations:
    """All attestations, at one block."""

    by_id: Mapping[bytes, AttestationView] = dataclasses.field(default_factory=dict)
    """Attestation id -> the attestation, in ledger order."""

    def about(self, subject: bytes, kind: model_events.Kind | None = None) -> list[AttestationView]:
        """Return the attestations about a subject, of one kind or of all."""
        return [each for each in self.by_id.values() if each.made.subject == subject and kind in (None, each.made.kind)]


TOLD = (model_events.Attested, model_events.AttestationRevoked)
"""Events that ``fold`` takes."""


def fold(known: Attestations, new: Iterable[events.Event]) -> Attestations:
    """Return what is known after new events, which come in ledger order."""
    by_id = dict(known.by_id)
    for event in new:
        if isinstance(event, model_events.Attested):
            by_id[event.attestation_id] = AttestationView(event)
        elif isinstance(event, model_events.AttestationRevoked) and event.attestation_id in by_id:
            by_id[event.attestation_id] = dataclasses.replace(by_id[event.attestation_id], revoked=event)
    return Attestations(by_id)
