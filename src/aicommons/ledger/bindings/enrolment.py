"""The contract Enrolment: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class Absence(enum.IntEnum):
    """Absence as the contract counts it."""

    WAIT = 0
    EXIT = 1
    COVERED = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Extra:
    """A dataset that a seat brings beside its first one."""

    dataset_id: int
    """The dataset."""
    consent_id: bytes
    """The consent that was used."""
    version: int
    """The dataset's version at enrolment."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 3)
        return cls(access.number(item[0]), access.data(item[1]), access.number(item[2]))


@dataclasses.dataclass(frozen=True, slots=True)
class RunSpec:
    """The immutable terms of a run; its id is `keccak256(abi.encode(spec))`."""

    problem: bytes
    """The problem that the run works on."""
    plan: bytes
    """Digest of the plan document."""
    terms: bytes
    """Digest of the full RunSpec document: readers, block encodings, privacy, combiner."""
    purpose: bytes
    """The purpose that each consent has to cover, keccak256 of its code."""
    solver: int
    """Member id of the solver."""
    rounds: int
    """The largest number of rounds."""
    min_participants: int
    """Fewest participants, at least 3."""
    max_participants: int
    """Most participants, at most 48."""
    layout: int
    """1 = columns by table, 2 = pairs already from six participants."""
    cell_size: int
    """Fewest seats of a cell, at least 4 and at most half of `minParticipants`; 0 = all are summed as one set."""
    suite: int
    """1..4, the stream cipher and word width; with 4 on top, boxes of seeds take an ML-KEM secret too."""
    max_attempts: int
    """Attempts that one round may take, 2 to 62,415."""
    enrol_until: int
    """End of enrolment, unix seconds, at most 365 days off when the run is opened."""
    phase_seconds: int
    """How long a phase waits before anybody may advance it."""
    patience_seconds: int
    """How long a pause waits before the run ends."""
    solver_shares: int
    """The solver's part of 1,000,000."""
    owner_shares: int
    """The problem owner's part of 1,000,000."""
    bond: int
    """Bond per seat, locked in the vault at enrolment; 0 = none."""
    token: ids.Address
    """What bond and price are counted in: an ERC-20 contract, zero = the chain's own coin."""
    commercial: bool
    """Whether the model is for commercial use; each consent has to permit it then."""
    price: int
    """The most that is paid for one dataset, in the token's smallest unit."""
    salt: bytes
    """Makes two runs on equal terms distinct."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 22)
        return cls(
            access.data(item[0]),
            access.data(item[1]),
            access.data(item[2]),
            access.data(item[3]),
            access.number(item[4]),
            access.number(item[5]),
            access.number(item[6]),
            access.number(item[7]),
            access.number(item[8]),
            access.number(item[9]),
            access.number(item[10]),
            access.number(item[11]),
            access.number(item[12]),
            access.number(item[13]),
            access.number(item[14]),
            access.number(item[15]),
            access.number(item[16]),
            access.number(item[17]),
            access.address(item[18]),
            access.truth(item[19]),
            access.number(item[20]),
            access.data(item[21]),
        )


class RunState(enum.IntEnum):
    """RunState as the contract counts it."""

    NONE = 0
    ENROLLING = 1
    ACKING = 2
    RUNNING = 3
    PAUSED = 4
    COMPLETED = 5
    ENDED = 6
    ABORTED = 7


class Phase(enum.IntEnum):
    """Phase as the contract counts it."""

    NONE = 0
    OPEN = 1
    SUBMITTED = 2
    FIXED = 3
    UNMASKED = 4


class Reason(enum.IntEnum):
    """Reason as the contract counts it."""

    NONE = 0
    FINISHED = 1
    TOO_FEW_PARTICIPANTS = 2
    PATIENCE_OVER = 3
    TOO_MANY_ATTEMPTS = 4
    CANCELLED = 5
    ACK_MISSING = 6
    CHEATING = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """Everything that decides when a run moves on; four storage slots, changed only by `RunLib`."""

    state: RunState
    """See `RunState`."""
    phase: Phase
    """See `Phase`."""
    reason: Reason
    """Why the run is over, else None."""
    seats: int
    """N, the roster's length."""
    faults: int
    """F, tolerated malicious and absent seats."""
    quorum: int
    """Q = floor((N + f) / 2) + 1."""
    set_fixed: bool
    """Whether the run's first Commit has fixed the participant set."""
    agreed: bool
    """Whether the open attempt's Submits agree on a sid."""
    min_participants: int
    """Fewest participants before the set is fixed."""
    max_attempts: int
    """Attempts that one round may take, at least 2."""
    attempt: int
    """Current attempt of the current round."""
    sid_attempt: int
    """Attempt of the last agreed sid."""
    round_: int
    """Current round."""
    rounds: int
    """The largest number of rounds."""
    deadline: int
    """From this second on anybody may advance."""
    phase_seconds: int
    """Length of a phase."""
    patience_seconds: int
    """Length of a pause."""
    sid_round: int
    """Round of the last agreed sid."""
    rounds_done: int
    """Rounds behind the last agreed state."""
    set_: int
    """Seats whose vectors are (to be) summed."""
    exited: int
    """Seats that left by a signed Exit, whose consent died, or that cheated."""
    interrupted: bool
    """Whether the run has paused since the last round was unmasked."""
    arrived: int
    """Seats whose Ack (Acking) or Submit of this attempt has arrived; after agreement only agreeing ones."""
    committed: int
    """Seats whose Commit to the last agreed sid has arrived."""
    revealed: int
    """Seats whose Reveal for the last agreed sid has arrived."""
    silent: int
    """Seats that missed a deadline and have sent nothing since."""
    will_exit: int
    """Seats that enrolled with `Absence.Exit`."""
    waived: int
    """Seats whose Reveal for the last agreed sid is not waited for."""
    excluded: int
    """Seats that cheated: a part of `exited` whose Commits and Results count no more either."""
    epoch: int
    """Epoch of keys, from 0."""
    sid_epoch: int
    """Epoch of the last agreed sid."""
    epoch_ends: int
    """Unix second from which on anybody may ask for new keys."""
    divided: bool
    """Whether seats are summed by cells."""
    summed: int
    """Seats whose vectors are in a sum that was unmasked: a model comes from their data."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 34)
        return cls(
            access.one_of(RunState, item[0]),
            access.one_of(Phase, item[1]),
            access.one_of(Reason, item[2]),
            access.number(item[3]),
            access.number(item[4]),
            access.number(item[5]),
            access.truth(item[6]),
            access.truth(item[7]),
            access.number(item[8]),
            access.number(item[9]),
            access.number(item[10]),
            access.number(item[11]),
            access.number(item[12]),
            access.number(item[13]),
            access.number(item[14]),
            access.number(item[15]),
            access.number(item[16]),
            access.number(item[17]),
            access.number(item[18]),
            access.number(item[19]),
            access.number(item[20]),
            access.truth(item[21]),
            access.number(item[22]),
            access.number(item[23]),
            access.number(item[24]),
            access.number(item[25]),
            access.number(item[26]),
            access.number(item[27]),
            access.number(item[28]),
            access.number(item[29]),
            access.number(item[30]),
            access.number(item[31]),
            access.truth(item[32]),
            access.number(item[33]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class PhaseView:
    """What a node polls: the machine and the digests of the last agreed attempt."""

    machine: Machine
    """The run's position."""
    sid: bytes
    """The last agreed sid."""
    set_digest: bytes
    """Digest of the participant ids of the last closed Open phase."""
    input_digest: bytes
    """Digest of that phase's sid, ids and headers."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 4)
        return cls(Machine.read(item[0]), access.data(item[1]), access.data(item[2]), access.data(item[3]))


@dataclasses.dataclass(frozen=True, slots=True)
class RunView:
    """A run as a view returns it."""

    spec: RunSpec
    """Its terms."""
    layout: int
    """The layout in force: 1 = subsets of f + 1, 2 = disjoint pairs; 0 before the roster is fixed."""
    roster: bytes
    """Digest of run id, member ids and node keys."""
    committee: bytes
    """Digest of roster, epoch, layout and points; 0 before the last Ack."""
    final_state: bytes
    """State digest that a quorum of Results agreed on, else 0."""
    position: PhaseView
    """See `PhaseView`."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 6)
        return cls(
            RunSpec.read(item[0]),
            access.number(item[1]),
            access.data(item[2]),
            access.data(item[3]),
            access.data(item[4]),
            PhaseView.read(item[5]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Seat:
    """One participant of one run."""

    node_key: ids.Address
    """The key that signs for this seat, as it was at enrolment."""
    index: int
    """Roster index (ids ascending), valid once the roster is fixed."""
    absence: Absence
    """The owner's choice for silence."""
    enrolled: bool
    """Whether the seat exists."""
    version: int
    """The dataset's version at enrolment."""
    used_at: int
    """Unix second of the last Submit that its attempt counted, 0 before the first."""
    dataset_id: int
    """The dataset."""
    consent_id: bytes
    """The consent that was used."""
    point: bytes
    """The Acked encryption point."""
    header_digest: bytes
    """The last Submit's header."""
    masks: bytes
    """The last Commit's salted commitment to its mask sums."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 11)
        return cls(
            access.address(item[0]),
            access.number(item[1]),
            access.one_of(Absence, item[2]),
            access.truth(item[3]),
            access.number(item[4]),
            access.number(item[5]),
            access.number(item[6]),
            access.data(item[7]),
            access.data(item[8]),
            access.data(item[9]),
            access.data(item[10]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class SeatView:
    """A seat as a view returns it."""

    member_id: int
    """The member that holds it."""
    seat: Seat
    """Its record."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 2)
        return cls(access.number(item[0]), Seat.read(item[1]))


@dataclasses.dataclass(frozen=True, slots=True)
class Enrolment:
    """The contract Enrolment."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("Enrolment", "admin", at=self.at)
        return access.address(found)

    def bring(self, run_id: bytes, dataset_id: int, consent_id: bytes) -> None:
        """Brings a further dataset to the caller's seat, under a consent of its own: how a co-op takes part with the
        datasets of many sites. It costs no bond and gives no share: both are the seat's. At most 64 beside the first
        one.

        Args:
            consent_id: A consent that permits the run's use of that dataset.
            dataset_id: A dataset of the caller's that it does not bring yet.
            run_id: A run in state Enrolling in which the caller has a seat.
        """
        self.caller.transact("Enrolment", "bring", run_id, dataset_id, consent_id, at=self.at)

    def cells(self, run_id: bytes) -> tuple[int, ...]:
        """The cells of a divided run, bitmaps over the roster; none before its first keys are there, or where all are
        summed as one set.

        Args:
            run_id: Any id.
        """
        (found,) = self.caller.call("Enrolment", "cells", run_id, at=self.at)
        return tuple(access.number(each) for each in access.items(found))

    def close(self, run_id: bytes) -> None:
        """Ends enrolment: the solver with enough seats at any time, anybody after `enrolUntil`. Seats whose only
        consent died meanwhile are given up and do not count; those with several datasets stay, and `drop` leaves the
        dead ones out.

        Args:
            run_id: A run in state Enrolling.
        """
        self.caller.transact("Enrolment", "close", run_id, at=self.at)

    def committee_of(self, run_id: bytes, epoch: int) -> bytes:
        """Digest of roster, epoch, layout and points of an epoch; 0 until its last Ack.

        Args:
            epoch: Counted from 0.
            run_id: Any id.
        """
        (found,) = self.caller.call("Enrolment", "committeeOf", run_id, epoch, at=self.at)
        return access.data(found)

    def eip712_domain(self) -> tuple[bytes, str, str, int, ids.Address, bytes, tuple[int, ...]]:
        """Returns the fields and values that describe the domain separator used by this contract for EIP-712 signature."""
        value_0, value_1, value_2, value_3, value_4, value_5, value_6 = self.caller.call(
            "Enrolment", "eip712Domain", at=self.at
        )
        return (
            access.data(value_0),
            access.text(value_1),
            access.text(value_2),
            access.number(value_3),
            access.address(value_4),
            access.data(value_5),
            tuple(access.number(each) for each in access.items(value_6)),
        )

    def enrol(
        self, run_id: bytes, dataset_id: int, consent_id: bytes, absence: Absence, *, exit_signature: bytes
    ) -> None:
        """Takes a seat with a dataset of the caller's, using one of its consents. The run's bond, if there is one, is
        locked from the caller's credit in the vault, at the longest until two years after `enrolUntil`.

        Args:
            absence: What happens when the node stays silent past the patience.
            consent_id: A consent that permits the run's use of that dataset.
            dataset_id: A dataset of the caller's.
            exit_signature: With `Absence.Exit`: Exit(runId, memberId, type(uint32).max) by the node key; else empty.
            run_id: A run in state Enrolling.
        """
        self.caller.transact("Enrolment", "enrol", run_id, dataset_id, consent_id, absence, exit_signature, at=self.at)

    def extras_of(self, run_id: bytes, member_id: int) -> tuple[Extra, ...]:
        """What a seat brings beside its first dataset, without what was left out; the first one is in the seat itself.

        Args:
            member_id: Any id.
            run_id: Any id.
        """
        (found,) = self.caller.call("Enrolment", "extrasOf", run_id, member_id, at=self.at)
        return tuple(Extra.read(each) for each in access.items(found))

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("Enrolment", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def open(self, spec: RunSpec) -> None:
        """Opens a run as its solver.

        Args:
            spec: The terms; an error names the field that is out of range.
        """
        self.caller.transact("Enrolment", "open", dataclasses.astuple(spec), at=self.at)

    def phase_of(self, run_id: bytes) -> PhaseView:
        """What a node polls.

        Args:
            run_id: Any id.
        """
        (found,) = self.caller.call("Enrolment", "phaseOf", run_id, at=self.at)
        return PhaseView.read(found)

    def rotate(self, run_id: bytes, member_id: int) -> None:
        """Asks for a new epoch of keys: all present seats send an Ack with a new point, and the run goes on where it
        stood. Anybody may when the last epoch is 30 days old, a seat also in a pause, because it lost its keys.
        Between two rounds, or in a round that has agreed on nothing.

        Args:
            member_id: The seat that asks in a pause, by its node key or its member; 0 = nobody's.
            run_id: A run that is Running or Paused.
        """
        self.caller.transact("Enrolment", "rotate", run_id, member_id, at=self.at)

    def run(self, run_id: bytes) -> RunView:
        """The record of a run.

        Args:
            run_id: Any id.
        """
        (found,) = self.caller.call("Enrolment", "run", run_id, at=self.at)
        return RunView.read(found)

    def seat_of(self, run_id: bytes, member_id: int) -> Seat:
        """One seat of a run; empty where the member has none.

        Args:
            member_id: Any id.
            run_id: Any id.
        """
        (found,) = self.caller.call("Enrolment", "seatOf", run_id, member_id, at=self.at)
        return Seat.read(found)

    def seats(self, run_id: bytes) -> tuple[SeatView, ...]:
        """The seats of a run, by id once the roster is fixed.

        Args:
            run_id: Any id.
        """
        (found,) = self.caller.call("Enrolment", "seats", run_id, at=self.at)
        return tuple(SeatView.read(each) for each in access.items(found))

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("Enrolment", "setSuccessor", successor, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("Enrolment", "successor", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("Enrolment", "trustedForwarder", at=self.at)
        return access.address(found)
