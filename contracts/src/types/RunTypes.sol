// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// The words of a run, shared by `ITrainingRuns`, `RunLib` and the contracts that read runs.
// A set of seats is a bitmap: bit `i` stands for the seat with roster index `i` (ids ascending), at most 48 of them.

/// @notice What a run as a whole is doing.
enum RunState {
    None,
    Enrolling,
    Acking,
    Running,
    Paused,
    Completed,
    Ended,
    Aborted
}

/// @notice What the open round is waiting for: Submits (Open), Commits (Submitted), Reveals (Fixed), the next round's
/// Submits or, after the last round, Results (Unmasked).
enum Phase {
    None,
    Open,
    Submitted,
    Fixed,
    Unmasked
}

/// @notice What an owner chose at enrolment for the case that its node stays silent past the patience.
/// With Covered the run would go on without the site under a bound on what each record tells; that is not there yet, and a
/// seat that asks for it is refused by name.
enum Absence {
    Wait,
    Exit,
    Covered
}

/// @notice Why a run is over.
enum Reason {
    None,
    Finished,
    TooFewParticipants,
    PatienceOver,
    TooManyAttempts,
    Cancelled,
    AckMissing,
    Cheating
}

/// @notice The immutable terms of a run; its id is `keccak256(abi.encode(spec))`.
/// @param problem The problem that the run works on
/// @param plan Digest of the plan document
/// @param terms Digest of the full RunSpec document: readers, block encodings, privacy, combiner
/// @param purpose The purpose that each consent has to cover, keccak256 of its code
/// @param solver Member id of the solver
/// @param rounds The largest number of rounds
/// @param minParticipants Fewest participants, at least 3
/// @param maxParticipants Most participants, at most 48
/// @param layout 1 = columns by table, 2 = pairs already from six participants
/// @param cellSize Fewest seats of a cell, at least 4 and at most half of `minParticipants`; 0 = all are summed as one set
/// @param suite 1..4, the stream cipher and word width; with 4 on top, boxes of seeds take an ML-KEM secret too
/// @param maxAttempts Attempts that one round may take, 2 to 62,415
/// @param enrolUntil End of enrolment, unix seconds, at most 365 days off when the run is opened
/// @param phaseSeconds How long a phase waits before anybody may advance it
/// @param patienceSeconds How long a pause waits before the run ends
/// @param solverShares The solver's part of 1,000,000
/// @param ownerShares The problem owner's part of 1,000,000
/// @param bond Bond per seat, locked in the vault at enrolment; 0 = none
/// @param token What bond and price are counted in: an ERC-20 contract, zero = the chain's own coin
/// @param commercial Whether the model is for commercial use; each consent has to permit it then
/// @param price The most that is paid for one dataset, in the token's smallest unit
/// @param salt Makes two runs on equal terms distinct
struct RunSpec {
    bytes32 problem;
    bytes32 plan;
    bytes32 terms;
    bytes32 purpose;
    uint256 solver;
    uint32 rounds;
    uint16 minParticipants;
    uint16 maxParticipants;
    uint8 layout;
    uint8 cellSize;
    uint8 suite;
    uint16 maxAttempts;
    uint64 enrolUntil;
    uint32 phaseSeconds;
    uint32 patienceSeconds;
    uint32 solverShares;
    uint32 ownerShares;
    uint256 bond;
    address token;
    bool commercial;
    uint256 price;
    bytes32 salt;
}

/// @notice Names one seat's message of one attempt.
/// @param runId The run
/// @param round Counted from 0
/// @param attempt Counted from 0 within the round
/// @param memberId The seat
struct Key {
    bytes32 runId;
    uint32 round;
    uint16 attempt;
    uint256 memberId;
}

/// @notice Everything that decides when a run moves on; four storage slots, changed only by `RunLib`.
/// @param state See `RunState`
/// @param phase See `Phase`
/// @param reason Why the run is over, else None
/// @param seats N, the roster's length
/// @param faults f, tolerated malicious and absent seats
/// @param quorum q = floor((N + f) / 2) + 1
/// @param setFixed Whether the run's first Commit has fixed the participant set
/// @param agreed Whether the open attempt's Submits agree on a sid
/// @param minParticipants Fewest participants before the set is fixed
/// @param maxAttempts Attempts that one round may take, at least 2
/// @param attempt Current attempt of the current round
/// @param sidAttempt Attempt of the last agreed sid
/// @param round Current round
/// @param rounds The largest number of rounds
/// @param deadline From this second on anybody may advance
/// @param phaseSeconds Length of a phase
/// @param patienceSeconds Length of a pause
/// @param sidRound Round of the last agreed sid
/// @param roundsDone Rounds behind the last agreed state
/// @param set Seats whose vectors are (to be) summed
/// @param exited Seats that left by a signed Exit, whose consent died, or that cheated
/// @param interrupted Whether the run has paused since the last round was unmasked
/// @param arrived Seats whose Ack (Acking) or Submit of this attempt has arrived; after agreement only agreeing ones
/// @param committed Seats whose Commit to the last agreed sid has arrived
/// @param revealed Seats whose Reveal for the last agreed sid has arrived
/// @param silent Seats that missed a deadline and have sent nothing since
/// @param willExit Seats that enrolled with `Absence.Exit`
/// @param waived Seats whose Reveal for the last agreed sid is not waited for
/// @param excluded Seats that cheated: a part of `exited` whose Commits and Results count no more either
/// @param epoch Epoch of keys, from 0
/// @param sidEpoch Epoch of the last agreed sid
/// @param epochEnds Unix second from which on anybody may ask for new keys
/// @param divided Whether seats are summed by cells
/// @param summed Seats whose vectors are in a sum that was unmasked: a model comes from their data
struct Machine {
    RunState state;
    Phase phase;
    Reason reason;
    uint8 seats;
    uint8 faults;
    uint8 quorum;
    bool setFixed;
    bool agreed;
    uint16 minParticipants;
    uint16 maxAttempts;
    uint16 attempt;
    uint16 sidAttempt;
    uint32 round;
    uint32 rounds;
    uint64 deadline;
    uint32 phaseSeconds;
    uint32 patienceSeconds;
    uint32 sidRound;
    uint32 roundsDone;
    uint48 set;
    uint48 exited;
    bool interrupted;
    uint48 arrived;
    uint48 committed;
    uint48 revealed;
    uint48 silent;
    uint48 willExit;
    uint48 waived;
    uint48 excluded;
    uint32 epoch;
    uint32 sidEpoch;
    uint40 epochEnds;
    bool divided;
    uint48 summed;
}

/// @notice One participant of one run.
/// @param nodeKey The key that signs for this seat, as it was at enrolment
/// @param index Roster index (ids ascending), valid once the roster is fixed
/// @param absence The owner's choice for silence
/// @param enrolled Whether the seat exists
/// @param version The dataset's version at enrolment
/// @param usedAt Unix second of the last Submit that its attempt counted, 0 before the first
/// @param datasetId The dataset
/// @param consentId The consent that was used
/// @param point The Acked encryption point
/// @param headerDigest The last Submit's header
/// @param masks The last Commit's salted commitment to its mask sums
struct Seat {
    address nodeKey;
    uint8 index;
    Absence absence;
    bool enrolled;
    uint32 version;
    uint40 usedAt;
    uint256 datasetId;
    bytes32 consentId;
    bytes32 point;
    bytes32 headerDigest;
    bytes32 masks;
}

/// @notice A dataset that a seat brings beside its first one.
/// @param datasetId The dataset
/// @param consentId The consent that was used
/// @param version The dataset's version at enrolment
struct Extra {
    uint256 datasetId;
    bytes32 consentId;
    uint32 version;
}

/// @notice The kinds of messages of which a seat signs one on each sid.
enum Kind {
    Submit,
    Commit,
    Reveal,
    Result
}

/// @notice A message as its fields, with who signed it.
/// @param fields The EIP-712 fields in their order, a word each
/// @param signature By a node key
struct Signed {
    bytes32[] fields;
    bytes signature;
}

/// @notice A seat as a view returns it.
/// @param memberId The member that holds it
/// @param seat Its record
struct SeatView {
    uint256 memberId;
    Seat seat;
}

/// @notice What a node polls: the machine and the digests of the last agreed attempt.
/// @param machine The run's position
/// @param sid The last agreed sid
/// @param setDigest Digest of the participant ids of the last closed Open phase
/// @param inputDigest Digest of that phase's sid, ids and headers
struct PhaseView {
    Machine machine;
    bytes32 sid;
    bytes32 setDigest;
    bytes32 inputDigest;
}

/// @notice A run as a view returns it.
/// @param spec Its terms
/// @param layout The layout in force: 1 = subsets of f + 1, 2 = disjoint pairs; 0 before the roster is fixed
/// @param roster Digest of run id, member ids and node keys
/// @param committee Digest of roster, epoch, layout and points; 0 before the last Ack
/// @param finalState State digest that a quorum of Results agreed on, else 0
/// @param position See `PhaseView`
struct RunView {
    RunSpec spec;
    uint8 layout;
    bytes32 roster;
    bytes32 committee;
    bytes32 finalState;
    PhaseView position;
}
