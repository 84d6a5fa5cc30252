"""What the ledger says happened to models after they were made, what members state about anything, and what is banned.

One frozen record per contract event of ``ModelRegistry``, ``Attestations`` and the votes of ``DataRegistry``, fields as in
the interfaces (snake_case). ``ledger/events.py`` decodes logs into these; ``protocol/releases.py`` and
``protocol/attestations.py`` fold them. How a model came to be is in ``events.py``, with its run.
"""

import dataclasses
import enum

from aicommons.domain import events, ids

MOST_AUDITS = 48
"""More would not fit one call, ``ModelRegistry.MOST_AUDITS``."""


class ModelState(enum.IntEnum):
    """Where a model stands; the numbers are the contract's."""

    NONE = 0
    DRAFT = 1
    IN_AUDIT = 2
    RELEASABLE = 3
    RELEASED = 4
    SUSPENDED = 5
    WITHDRAWN = 6

    @property
    def word(self) -> str:
        """The state as people write it."""
        return self.name.lower().replace("_", "-")


class Kind(enum.IntEnum):
    """What kind of statement it is; the numbers are the contract's."""

    ACCREDITATION = 0
    ETHICS_APPROVAL = 1
    AUDIT = 2
    COURSE = 3

    @property
    def word(self) -> str:
        """The kind as people write it."""
        return self.name.lower().replace("_", "-")


@dataclasses.dataclass(frozen=True, slots=True)
class OfModel(events.Event):
    """What happened to one model."""

    model_id: ids.RunId
    """Its run's id."""


@dataclasses.dataclass(frozen=True, slots=True)
class AuditRequested(OfModel):
    """Auditors are asked to look at a model."""

    requester: ids.MemberId


@dataclasses.dataclass(frozen=True, slots=True)
class ModelAmended(OfModel):
    """The solver put a model's card and licence right."""

    card: ids.Digest
    licence: bytes
    """``encoding.licence_code`` of the licence in the run's terms."""
    audits_from: int
    """First block time in seconds whose audits of it count; 0 before they were asked for."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelCleared(OfModel):
    """A model has its audits."""

    releasable_at: int
    """Block time in seconds from which it may be released."""
    audits: tuple[bytes, ...]
    """Ids of the statements that were shown."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelReleased(OfModel):
    """A model may be used."""

    releaser: ids.MemberId
    audits: tuple[bytes, ...]
    """Ids of the statements that stood at that moment."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelSuspended(OfModel):
    """A vote took a model out of use for now."""

    previous: ModelState
    reason: bytes
    """Digest of a text; zero when there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelResumed(OfModel):
    """A vote put a model back to where it was."""

    state: ModelState


@dataclasses.dataclass(frozen=True, slots=True)
class ModelWithdrawn(OfModel):
    """A model is out of use for good."""

    previous: ModelState
    reason: bytes
    """Digest of a text; zero when there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class RevenuePaid(OfModel):
    """A model earned money."""

    payer: ids.Address
    token: ids.Address
    """Zero = the chain's own coin."""
    amount: int
    """In the token's smallest unit."""


@dataclasses.dataclass(frozen=True, slots=True)
class RevenueClaimed(OfModel):
    """An owner took its part, as a credit in the vault."""

    member_id: ids.MemberId
    token: ids.Address
    account: ids.Address
    amount: int


@dataclasses.dataclass(frozen=True, slots=True)
class AuditRulesSet(events.Event):
    """What a release needs from now on."""

    audits: int
    """Independent audits, at least."""
    delay: int
    """Seconds between the audits and the release."""


@dataclasses.dataclass(frozen=True, slots=True)
class Attested(events.Event):
    """A member stated something about a subject."""

    attestation_id: bytes
    attester: ids.MemberId
    subject: bytes
    """What it is about: a model's id, a problem's id, a digest, a member's number as 32 bytes."""
    kind: Kind
    passed: bool
    """What an audit found, or whether the rest was granted."""
    expiry: int
    """First block time in seconds at which it is dead."""
    document: ids.Digest


@dataclasses.dataclass(frozen=True, slots=True)
class AttestationRevoked(events.Event):
    """Its attester took a statement back."""

    attestation_id: bytes
    attester: ids.MemberId
    reason: bytes
    """Digest of a text; zero when there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class BannedSet(events.Event):
    """From now on nobody can permit these purposes."""

    banned: int
    """Bitmap of purposes."""
