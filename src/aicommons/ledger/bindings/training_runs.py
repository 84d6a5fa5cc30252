"""The contract TrainingRuns: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """Names one seat's message of one attempt."""

    run_id: bytes
    """The run."""
    round_: int
    """Counted from 0."""
    attempt: int
    """Counted from 0 within the round."""
    member_id: int
    """The seat."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 4)
        return cls(access.data(item[0]), access.number(item[1]), access.number(item[2]), access.number(item[3]))


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
class TrainingRuns:
    """The contract TrainingRuns."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def ack(
        self, run_id: bytes, epoch: int, member_id: int, point: bytes, *, pok_r: bytes, pok_z: bytes, signature: bytes
    ) -> None:
        """Confirms the roster with an epoch's key; the last Ack that is due lets the run go on.

        Args:
            epoch: The run's present epoch.
            member_id: The seat.
            point: The seat's edwards25519 encryption point; checked by the nodes, not here.
            pok_r: Schnorr proof of the point's secret, R.
            pok_z: Schnorr proof of the point's secret, z.
            run_id: A run in state Acking.
            signature: Ack(roster, epoch, memberId, point, pokR, pokZ) by the node key.
        """
        self.caller.transact(
            "TrainingRuns", "ack", run_id, epoch, member_id, point, pok_r, pok_z, signature, at=self.at
        )

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("TrainingRuns", "admin", at=self.at)
        return access.address(found)

    def advance(self, run_id: bytes) -> None:
        """Moves a run on whose deadline has come: closes, pauses, retries or ends it.

        Args:
            run_id: A run whose deadline has come.
        """
        self.caller.transact("TrainingRuns", "advance", run_id, at=self.at)

    def bring(self, value_0: bytes, value_1: int, value_2: bytes) -> None:
        """Brings a further dataset to the caller's seat, under a consent of its own: how a co-op takes part with the
        datasets of many sites. It costs no bond and gives no share: both are the seat's. At most 64 beside the first
        one.
        """
        self.caller.transact("TrainingRuns", "bring", value_0, value_1, value_2, at=self.at)

    def cancel(self, run_id: bytes) -> None:
        """Ends the run as its solver, at the last agreed state if there is one.

        Args:
            run_id: One of the caller's runs that is not over.
        """
        self.caller.transact("TrainingRuns", "cancel", run_id, at=self.at)

    def cells(self, value_0: bytes) -> tuple[int, ...]:
        """The cells of a divided run, bitmaps over the roster; none before its first keys are there, or where all are
        summed as one set.
        """
        (found,) = self.caller.call("TrainingRuns", "cells", value_0, at=self.at)
        return tuple(access.number(each) for each in access.items(found))

    def close(self, value_0: bytes) -> None:
        """Ends enrolment: the solver with enough seats at any time, anybody after `enrolUntil`. Seats whose only
        consent died meanwhile are given up and do not count; those with several datasets stay, and `drop` leaves the
        dead ones out.
        """
        self.caller.transact("TrainingRuns", "close", value_0, at=self.at)

    def commit(
        self, key: Key, sid: bytes, set_digest: bytes, input_digest: bytes, *, masks: bytes, signature: bytes
    ) -> None:
        """Certifies the set; any seat of the roster, until the next round is agreed. The run's first Commit is refused
        while a consent in the set is dead: such a seat is dropped first.

        Args:
            input_digest: Keccak256(abi.encode(sid, ids, header digests)).
            key: Run, round, attempt and seat.
            masks: Salted commitment to the mask sums: H("aic/mc", sid, memberId, salt, mine).
            set_digest: Keccak256(abi.encode(ids of the set ascending)).
            sid: The agreed sid.
            signature: Commit(sid, memberId, setDigest, inputDigest, masks) by the node key.
        """
        self.caller.transact(
            "TrainingRuns",
            "commit",
            dataclasses.astuple(key),
            sid,
            set_digest,
            input_digest,
            masks,
            signature,
            at=self.at,
        )

    def committee_of(self, value_0: bytes, value_1: int) -> bytes:
        """Digest of roster, epoch, layout and points of an epoch; 0 until its last Ack."""
        (found,) = self.caller.call("TrainingRuns", "committeeOf", value_0, value_1, at=self.at)
        return access.data(found)

    def drop(self, run_id: bytes, member_id: int) -> None:
        """Puts a seat out whose consent was revoked, expired or withdrawn with its dataset: by anybody, at once. Before
        the run's first Commit it simply goes, whatever it has sent, and the run goes on without it or is over if too
        few are left; of a seat that has live datasets too only the dead ones go, and what it sent in this attempt is
        void. Afterwards a seat is dead as a whole if one of its consents is, and its owner's choice decides: with
        `Absence.Exit` the Exit that was signed in advance takes effect now, with `Absence.Wait` it stays and the run
        waits for it. No state that used it is unmade.

        Args:
            member_id: A seat of its set.
            run_id: A run that is Running or Paused.
        """
        self.caller.transact("TrainingRuns", "drop", run_id, member_id, at=self.at)

    def eip712_domain(self) -> tuple[bytes, str, str, int, ids.Address, bytes, tuple[int, ...]]:
        """Returns the fields and values that describe the domain separator used by this contract for EIP-712 signature."""
        value_0, value_1, value_2, value_3, value_4, value_5, value_6 = self.caller.call(
            "TrainingRuns", "eip712Domain", at=self.at
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

    def enrol(self, value_0: bytes, value_1: int, value_2: bytes, value_3: Absence, *, value_4: bytes) -> None:
        """Takes a seat with a dataset of the caller's, using one of its consents. The run's bond, if there is one, is
        locked from the caller's credit in the vault, at the longest until two years after `enrolUntil`.
        """
        self.caller.transact("TrainingRuns", "enrol", value_0, value_1, value_2, value_3, value_4, at=self.at)

    def enrolment_code(self) -> ids.Address:
        """The contract `Enrolment`, whose code this one borrows."""
        (found,) = self.caller.call("TrainingRuns", "enrolmentCode", at=self.at)
        return access.address(found)

    def exclude(self, run_id: bytes, member_id: int) -> None:
        """Puts a seat out that cheated, as Verdicts. A certified round goes on with the set it has; any other starts
        again without the seat. With too few left the run is over.

        Args:
            member_id: The seat.
            run_id: A run that is Acking, Running or Paused.
        """
        self.caller.transact("TrainingRuns", "exclude", run_id, member_id, at=self.at)

    def exit(self, run_id: bytes, member_id: int, last_round: int, signature: bytes) -> None:
        """Leaves the run, disclosed: before the round's Submits close, and only if enough stay. In a divided run the
        rest of its cell is summed no more either; it goes on voting and unmasking. `lastRound` is the round that was
        unmasked last, or type(uint32).max if the seat's node key or the member's account sends it.

        Args:
            last_round: See above.
            member_id: The seat that leaves.
            run_id: A run that is Running or Paused.
            signature: Exit(runId, memberId, lastRound) by the node key.
        """
        self.caller.transact("TrainingRuns", "exit", run_id, member_id, last_round, signature, at=self.at)

    def extras_of(self, value_0: bytes, value_1: int) -> tuple[Extra, ...]:
        """What a seat brings beside its first dataset, without what was left out; the first one is in the seat itself."""
        (found,) = self.caller.call("TrainingRuns", "extrasOf", value_0, value_1, at=self.at)
        return tuple(Extra.read(each) for each in access.items(found))

    def final_state(self, run_id: bytes) -> bytes:
        """The state digest that a quorum of Results agreed on and nothing superseded, else 0.

        Args:
            run_id: Any id.
        """
        (found,) = self.caller.call("TrainingRuns", "finalState", run_id, at=self.at)
        return access.data(found)

    def is_agreed_state(self, run_id: bytes, state_digest: bytes) -> bool:
        """Whether `stateDigest` is the run's last agreed state, by Results or by the last agreed sid.

        Args:
            run_id: Any id.
            state_digest: A state digest.
        """
        (found,) = self.caller.call("TrainingRuns", "isAgreedState", run_id, state_digest, at=self.at)
        return access.truth(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("TrainingRuns", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def open(self, value_0: RunSpec) -> None:
        """Opens a run as its solver."""
        self.caller.transact("TrainingRuns", "open", dataclasses.astuple(value_0), at=self.at)

    def owes_bond(self, run_id: bytes, member_id: int) -> bool:
        """Whether a seat's bond has to stay locked: it is enrolled and the run is not over.

        Args:
            member_id: Any id.
            run_id: Any id.
        """
        (found,) = self.caller.call("TrainingRuns", "owesBond", run_id, member_id, at=self.at)
        return access.truth(found)

    def phase_of(self, value_0: bytes) -> PhaseView:
        """What a node polls."""
        (found,) = self.caller.call("TrainingRuns", "phaseOf", value_0, at=self.at)
        return PhaseView.read(found)

    def result(self, key: Key, sid: bytes, sum_digest: bytes, state_digest: bytes, *, signature: bytes) -> None:
        """Votes for the state of the round that was unmasked last, until the next round is agreed. A quorum of equal
        ones keeps that state, and completes the run if it did not pause since or if it was the last round.

        Args:
            key: Run, seat, and round and attempt of the last agreed sid.
            sid: The agreed sid.
            signature: Result(sid, memberId, sumDigest, stateDigest) by the node key.
            state_digest: Digest of the state after the round.
            sum_digest: Digest of the sum.
        """
        self.caller.transact(
            "TrainingRuns", "result", dataclasses.astuple(key), sid, sum_digest, state_digest, signature, at=self.at
        )

    def reveal(self, key: Key, sid: bytes, salt: bytes, mine: bytes, *, document: bytes, signature: bytes) -> None:
        """Opens a commitment; refused before the certificate is complete.

        Args:
            document: Digest of the reveal document.
            key: Run, round, attempt and seat.
            mine: Digest of the seat's own mask manifests.
            salt: The commitment's salt.
            sid: The agreed sid.
            signature: Reveal(sid, memberId, salt, mine, document) by the node key.
        """
        self.caller.transact(
            "TrainingRuns", "reveal", dataclasses.astuple(key), sid, salt, mine, document, signature, at=self.at
        )

    def rotate(self, value_0: bytes, value_1: int) -> None:
        """Asks for a new epoch of keys: all present seats send an Ack with a new point, and the run goes on where it
        stood. Anybody may when the last epoch is 30 days old, a seat also in a pause, because it lost its keys.
        Between two rounds, or in a round that has agreed on nothing.
        """
        self.caller.transact("TrainingRuns", "rotate", value_0, value_1, at=self.at)

    def run(self, value_0: bytes) -> RunView:
        """The record of a run."""
        (found,) = self.caller.call("TrainingRuns", "run", value_0, at=self.at)
        return RunView.read(found)

    def seat_of(self, value_0: bytes, value_1: int) -> Seat:
        """One seat of a run; empty where the member has none."""
        (found,) = self.caller.call("TrainingRuns", "seatOf", value_0, value_1, at=self.at)
        return Seat.read(found)

    def seats(self, value_0: bytes) -> tuple[SeatView, ...]:
        """The seats of a run, by id once the roster is fixed."""
        (found,) = self.caller.call("TrainingRuns", "seats", value_0, at=self.at)
        return tuple(SeatView.read(each) for each in access.items(found))

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("TrainingRuns", "setSuccessor", successor, at=self.at)

    def sid_of(self, run_id: bytes, round_: int, attempt: int, state_digest: bytes) -> bytes:
        """The sid of an attempt that starts from a state.

        Args:
            attempt: Counted from 0 within the round.
            round_: Counted from 0.
            run_id: A run whose Acks are complete.
            state_digest: The state that the round starts from.
        """
        (found,) = self.caller.call("TrainingRuns", "sidOf", run_id, round_, attempt, state_digest, at=self.at)
        return access.data(found)

    def submit(self, key: Key, state_digest: bytes, header_digest: bytes, signature: bytes) -> None:
        """Announces a masked vector and votes for the state that it starts from. In phase Unmasked the first Submit of
        the next round opens it. The sid that is signed is computed here, from run, round, attempt, state and keys:
        what was signed for another attempt, run or chain is not taken. A seat's Submit on one sid is taken once,
        void or not. All consents of the seat have to be live.

        Args:
            header_digest: SHA-256 of the header.
            key: Run, round, attempt and seat.
            signature: Submit(sid, memberId, headerDigest) by the node key.
            state_digest: The state that the node starts from.
        """
        self.caller.transact(
            "TrainingRuns", "submit", dataclasses.astuple(key), state_digest, header_digest, signature, at=self.at
        )

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("TrainingRuns", "successor", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("TrainingRuns", "trustedForwarder", at=self.at)
        return access.address(found)

    def waive(self, run_id: bytes, member_id: int) -> None:
        """Stops waiting for a seat's Reveal, as Verdicts. It may still reveal until the round is unmasked.

        Args:
            member_id: A silent seat that committed and has not revealed.
            run_id: A run in phase Fixed.
        """
        self.caller.transact("TrainingRuns", "waive", run_id, member_id, at=self.at)
