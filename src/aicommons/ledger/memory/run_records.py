"""What the in-memory ledger keeps of one run, and which terms a run may have."""

import dataclasses
from collections.abc import Sequence
from typing import Self

from aicommons.domain import ids, messages, run
from aicommons.protocol import cells as divisions
from aicommons.protocol import transitions

MOST_ENROLMENT = 365 * 86400
"""How far off ``enrol_until`` may be when a run is opened, in seconds."""
MOST_EXTRAS = 64
"""Datasets that a seat may bring beside its first one."""
MOST_ATTEMPTS = 2**16 - 1 - run.MOST_PARTICIPANTS * (MOST_EXTRAS + 1)
"""Each dataset that is left out and each seat that is dropped adds an attempt; the contract counts them in 16 bits."""
SUITES = 8
LAYOUTS = (1, 2)


@dataclasses.dataclass(frozen=True, slots=True)
class Brought:
    """What an owner enrols with."""

    dataset_id: int
    """The dataset."""
    consent_id: bytes
    """The consent that is used."""
    absence: run.Absence
    """The owner's choice for silence."""


@dataclasses.dataclass(frozen=True, slots=True)
class Extra:
    """A dataset that a seat brings beside its first one, as ``RunTypes.Extra`` has it."""

    dataset_id: int
    """The dataset."""
    consent_id: bytes
    """The consent that is used."""
    version: int
    """Its version at enrolment."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seat:
    """One participant, as ``RunTypes.Seat`` has it."""

    node_key: ids.Address
    """The key that signs for this seat, as it was at enrolment."""
    brought: Brought
    """What its owner enrolled with."""
    version: int
    """The dataset's version at enrolment."""
    bit: int = 1
    """Its place in bitmaps, once the roster is fixed."""
    used_at: int = 0
    """Block time of the last Submit that its attempt counted, 0 before the first."""
    point: bytes = bytes(32)
    """The Acked encryption point."""
    header_digest: bytes = bytes(32)
    """The last Submit's header."""
    masks: bytes = bytes(32)
    """The last Commit's salted commitment to its mask sums."""
    extras: tuple[Extra, ...] = ()
    """What it brings beside its first dataset."""

    @property
    def parts(self) -> tuple[Extra, ...]:
        """All that it brings, the first dataset first."""
        return (Extra(self.brought.dataset_id, self.brought.consent_id, self.version), *self.extras)

    def with_parts(self, parts: Sequence[Extra]) -> Self:
        """Return the seat with these datasets, at least one; the first takes the seat's own place."""
        first, *others = parts
        brought = dataclasses.replace(self.brought, dataset_id=first.dataset_id, consent_id=first.consent_id)
        return dataclasses.replace(self, brought=brought, version=first.version, extras=tuple(others))


@dataclasses.dataclass(slots=True)
class Record:
    """One run; copied before it is changed."""

    spec: run.RunSpec
    """Its terms."""
    machine: transitions.Machine = dataclasses.field(default_factory=transitions.Machine)
    """Where it stands."""
    ids: tuple[int, ...] = ()
    """Members in the order of enrolment, ascending once the roster is fixed."""
    seats: dict[int, Seat] = dataclasses.field(default_factory=dict)
    """Member -> its seat; those that were given up are gone."""
    layout: int = 0
    """The layout in force; 0 before the roster is fixed."""
    roster: bytes = bytes(32)
    """Digest of run id, member ids and node keys."""
    committees: dict[int, bytes] = dataclasses.field(default_factory=dict)
    """Epoch -> digest of roster, epoch, layout and points, once its last Ack has come."""
    sid: bytes = bytes(32)
    """The last agreed sid."""
    set_digest: bytes = bytes(32)
    """Digest of the participant ids of the last closed Open phase."""
    input_digest: bytes = bytes(32)
    """Digest of that phase's sid, ids and headers."""
    cells: divisions.Cells = divisions.UNDIVIDED
    """Who is summed with whom, once the first keys are there."""
    final_state: bytes = bytes(32)
    """State digest that a quorum of Results agreed on, else zero."""
    submits: dict[bytes, int] = dataclasses.field(default_factory=dict)
    """Sid -> the seats that submitted on it."""
    votes: dict[tuple[object, ...], int] = dataclasses.field(default_factory=dict)
    """Result or refusal -> the seats that sent it."""

    def copied(self) -> Self:
        """Return a copy that can be changed."""
        return dataclasses.replace(
            self,
            seats=dict(self.seats),
            committees=dict(self.committees),
            submits=dict(self.submits),
            votes=dict(self.votes),
        )

    def committee(self, epoch: int) -> bytes:
        """Return an epoch's digest; zero before its last Ack."""
        return self.committees.get(epoch, bytes(32))

    def seat(self, run_id: bytes, member_id: int) -> Seat:
        """Return a member's seat; raises ``Refusal`` when it has none."""
        if member_id not in self.seats:
            raise transitions.Refusal("TrainingRunsNoSeat", run_id, member_id)
        return self.seats[member_id]

    def change(self, member_id: int, **values: object) -> None:
        """Replace fields of a seat."""
        self.seats[member_id] = dataclasses.replace(self.seats[member_id], **values)  # type: ignore[arg-type]  # by name

    def members_of(self, bits: int) -> list[int]:
        """Return the members of a bitmap over the roster, ascending."""
        return [member_id for index, member_id in enumerate(self.ids) if bits >> index & 1]

    def cast(self, tally: tuple[object, ...], bit: int, member_id: int) -> int:
        """Add a seat to a tally, once, and return the tally; raises ``Refusal``."""
        if self.votes.get(tally, 0) & bit:
            raise transitions.Refusal("TrainingRunsAlreadySent", member_id)
        self.votes[tally] = self.votes.get(tally, 0) | bit
        return self.votes[tally]


def wrong_field(spec: run.RunSpec, now: int) -> str | None:
    """Return the contract's name of the first field of a run's terms that is out of range."""
    checks = (
        ("purpose", any(spec.purpose)),
        ("rounds", 0 < spec.rounds < messages.ANY_ROUND),
        ("minParticipants", spec.min_participants >= run.FEWEST_PARTICIPANTS),
        ("maxParticipants", spec.min_participants <= spec.max_participants <= run.MOST_PARTICIPANTS),
        ("layout", spec.layout in LAYOUTS),
        ("cellSize", _may_be_divided(spec)),
        ("suite", 1 <= spec.suite <= SUITES),
        ("maxAttempts", 2 <= spec.max_attempts <= MOST_ATTEMPTS),
        ("enrolUntil", now < spec.enrol_until <= now + MOST_ENROLMENT),
        ("phaseSeconds", spec.phase_seconds > 0),
        ("shares", spec.solver_shares + spec.owner_shares <= run.ALL_SHARES),
    )
    return next((name for name, is_right in checks if not is_right), None)


def _may_be_divided(spec: run.RunSpec) -> bool:
    """Even the smallest roster makes two cells."""
    return not spec.cell_size or run.FEWEST_OF_A_CELL <= spec.cell_size <= spec.min_participants // 2
