"""A run's terms and states, exactly as the ledger's TrainingRuns contract has them (same order, same numbers)."""

import dataclasses
import enum

from aicommons.domain import ids

FEWEST_PARTICIPANTS = 3
"""With fewer, each could compute the other's numbers from the sum."""
MOST_DATASETS = 65
"""Most datasets of one seat: the ledger takes 64 beside the first."""
MOST_PARTICIPANTS = 48
"""The largest committee layout."""
FEWEST_OF_A_CELL = 4
"""One of a cell may be put out for cheating, and the others still hide each other."""
MINIMUM_COHORT = 10
"""Fewest complete rows with which a site takes part, where nobody says otherwise."""


class RunState(enum.IntEnum):
    """Where a run stands as a whole."""

    NONE = 0
    ENROLLING = 1
    ACKING = 2
    RUNNING = 3
    PAUSED = 4
    COMPLETED = 5
    ENDED = 6
    ABORTED = 7

    @property
    def is_over(self) -> bool:
        """True once nothing can change any more."""
        return self >= RunState.COMPLETED


class Phase(enum.IntEnum):
    """Where an attempt at a round stands (secure-aggregation section 4)."""

    NONE = 0
    OPEN = 1
    SUBMITTED = 2
    FIXED = 3
    UNMASKED = 4


class Absence(enum.IntEnum):
    """What an owner chose for the case that its node goes silent."""

    WAIT = 0
    EXIT = 1
    COVERED = 2
    """Nobody can choose it until runs bound what a single record tells; enrolment refuses it by name."""


class Reason(enum.IntEnum):
    """Why a run changed its state."""

    NONE = 0
    FINISHED = 1
    TOO_FEW_PARTICIPANTS = 2
    PATIENCE_OVER = 3
    TOO_MANY_ATTEMPTS = 4
    CANCELLED = 5
    ACK_MISSING = 6
    CHEATING = 7


COIN = ids.Address(bytes(20))
"""The token that stands for the chain's own coin."""
ALL_SHARES = 1_000_000
"""Parts into which a model is divided."""
BOND_SECONDS = 730 * 86_400
"""How long after ``enrol_until`` a bond can stay locked, whatever becomes of its run."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunSpec:
    """The immutable terms of a run; its id is their hash. Field order is the ABI's."""

    problem: bytes
    """Problem id, 32 bytes."""
    plan: ids.Digest
    """Digest of the Plan document."""
    terms: ids.Digest
    """Digest of the RunTerms document: readers, word count rules, retention, privacy."""
    purpose: bytes
    """keccak256 of the purpose code, 32 bytes."""
    solver: ids.MemberId
    """Member that opened the run."""
    rounds: int
    """Largest number of rounds."""
    min_participants: int
    """Smallest roster, at least 3."""
    max_participants: int
    """Largest roster, at most 48."""
    layout: int
    """1 = columns by the table of secure-aggregation section 4; 2 = disjoint pairs already from 6 members on."""
    cell_size: int
    """Fewest seats of a cell, at least 4 and at most half of ``min_participants``; 0 = all are summed as one set."""
    suite: int
    """Cipher and word width, 1 to 4 (secure-aggregation section 2)."""
    max_attempts: int
    """Attempts allowed at one round."""
    enrol_until: int
    """Block time in seconds after which anybody may close the roster."""
    phase_seconds: int
    """How long a phase waits, in seconds."""
    patience_seconds: int
    """How long a paused run waits for an absent member, in seconds."""
    solver_shares: int
    """Solver's part of the model's 1,000,000 shares."""
    owner_shares: int
    """Problem owner's part of the model's 1,000,000 shares."""
    bond: int
    """What each seat locks in the vault when it enrols, in the token's smallest unit; 0 = nothing."""
    token: ids.Address
    """What bond and price are counted in: the address of an ERC-20 contract, 20 zero bytes = the chain's own coin."""
    commercial: bool
    """Whether the model is for commercial use; consents have to permit it then."""
    price: int
    """The most that is paid for one dataset, in the token's smallest unit."""
    salt: bytes
    """32 bytes that make the id unique."""

    @property
    def bond_until(self) -> int:
        """Block time in seconds from which the vault gives a bond back to its payer, whoever asks."""
        return self.enrol_until + BOND_SECONDS


RUN_SPEC_TYPES = (
    "bytes32", "bytes32", "bytes32", "bytes32", "uint256", "uint32", "uint16", "uint16", "uint8", "uint8", "uint8", "uint16",
    "uint64", "uint32", "uint32", "uint32", "uint32", "uint256", "address", "bool", "uint256", "bytes32",
)  # fmt: skip
"""ABI types of RunSpec's fields, in order."""
