// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Absence, Key, Phase, PhaseView, Reason, RunSpec, RunState, RunView, SeatView} from "../types/RunTypes.sol";
import {IEnrolment} from "./IEnrolment.sol";

/// @title Runs: what a training agreed on, message by message
/// @notice Orders the messages of secure aggregation (profile A) and counts them: enrol, ack, then per round submit,
/// commit, reveal, and at the end result. It checks signatures, phases, consent and counts only. Every typed message is
/// signed (EIP-712) by the seat's node key as it was at enrolment, and anybody may send the transaction; each event
/// carries the whole message and its signature, so the evidence needs no trust in a ledger client.
interface ITrainingRuns is IEnrolment {
    /// @notice A run was opened for enrolment.
    /// @param runId keccak256(abi.encode(spec))
    /// @param solver Member id of who opened it
    /// @param spec The terms, for good
    event RunOpened(bytes32 indexed runId, uint256 indexed solver, RunSpec spec);
    /// @notice A member took a seat.
    /// @param runId The run
    /// @param memberId The seat
    /// @param datasetId What it brings
    /// @param version The dataset's version that is used in this run
    /// @param consentId The consent that was used
    /// @param nodeKey Who signs for the seat in this run
    /// @param absence What its owner wants where its node stays silent
    /// @param exitSignature Exit(runId, memberId, any round) for Absence.Exit, else empty
    event Enrolled(
        bytes32 indexed runId,
        uint256 indexed memberId,
        uint256 datasetId,
        uint32 version,
        bytes32 consentId,
        address nodeKey,
        Absence absence,
        bytes exitSignature
    );
    /// @notice A seat brings a further dataset.
    /// @param runId The run
    /// @param memberId The seat
    /// @param datasetId What it brings beside what it brought before
    /// @param version The dataset's version that is used in this run
    /// @param consentId The consent that was used
    event Brought(
        bytes32 indexed runId, uint256 indexed memberId, uint256 datasetId, uint32 version, bytes32 consentId
    );
    /// @notice A dataset whose consent is dead is out of a seat that has others: its rows are in no sum of this run.
    /// @param runId The run
    /// @param memberId The seat, which stays
    /// @param datasetId The dataset that is out
    /// @param consentId The consent that is dead
    event LeftOut(bytes32 indexed runId, uint256 indexed memberId, uint256 datasetId, bytes32 consentId);
    /// @notice Enrolment is over; ids ascend and stand beside their node keys.
    /// @param runId The run
    /// @param roster Digest of run id, member ids and node keys
    /// @param ids Member ids ascending; the place is the seat's index
    /// @param nodeKeys In the same order
    /// @param layout 1 = subsets of f + 1, 2 = disjoint pairs
    /// @param faults f, malicious and absent seats that are tolerated
    /// @param quorum q, equal messages that decide
    event RosterFixed(
        bytes32 indexed runId,
        bytes32 roster,
        uint256[] ids,
        address[] nodeKeys,
        uint8 layout,
        uint8 faults,
        uint8 quorum
    );
    /// @notice A seat confirmed the roster and its encryption point.
    /// @param runId The run
    /// @param memberId The seat
    /// @param roster What it confirms
    /// @param epoch Counted from 0
    /// @param point Its edwards25519 encryption point
    /// @param pokR Schnorr proof of the point's secret, R
    /// @param pokZ Schnorr proof of the point's secret, z
    /// @param signature By the seat's node key
    event Acked(
        bytes32 indexed runId,
        uint256 indexed memberId,
        bytes32 roster,
        uint32 epoch,
        bytes32 point,
        bytes32 pokR,
        bytes32 pokZ,
        bytes signature
    );
    /// @notice A seat announced its masked vector.
    /// @param runId The run
    /// @param memberId The seat
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param sid The attempt and the state that it starts from, as the seat knows it
    /// @param headerDigest SHA-256 of the masked vector's header
    /// @param stateDigest The state that it starts from: with it everybody computes the sid again
    /// @param signature By the seat's node key
    event Submitted(
        bytes32 indexed runId,
        uint256 indexed memberId,
        uint32 round,
        uint16 attempt,
        bytes32 sid,
        bytes32 headerDigest,
        bytes32 stateDigest,
        bytes signature
    );
    /// @notice These seats' Submits name another sid than a quorum does; their vectors are never unmasked.
    /// @param runId The run
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param seats Bitmap over the roster
    event Voided(bytes32 indexed runId, uint32 round, uint16 attempt, uint64 seats);
    /// @notice A seat certified the set and its inputs and bound itself to its mask sums.
    /// @param runId The run
    /// @param memberId The seat
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param sid The agreed sid
    /// @param setDigest Of the member ids whose vectors are summed
    /// @param inputDigest Of sid, those ids and their headers
    /// @param masks Salted commitment to the seat's mask sums
    /// @param signature By the seat's node key
    event Committed(
        bytes32 indexed runId,
        uint256 indexed memberId,
        uint32 round,
        uint16 attempt,
        bytes32 sid,
        bytes32 setDigest,
        bytes32 inputDigest,
        bytes32 masks,
        bytes signature
    );
    /// @notice A seat opened its commitment.
    /// @param runId The run
    /// @param memberId The seat
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param sid The agreed sid
    /// @param salt The commitment's
    /// @param mine Digest of the seat's own mask manifests
    /// @param document Digest of the reveal document
    /// @param signature By the seat's node key
    event Revealed(
        bytes32 indexed runId,
        uint256 indexed memberId,
        uint32 round,
        uint16 attempt,
        bytes32 sid,
        bytes32 salt,
        bytes32 mine,
        bytes32 document,
        bytes signature
    );
    /// @notice A seat named the sum and the new state.
    /// @param runId The run
    /// @param memberId The seat
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param sid The agreed sid
    /// @param sumDigest Of the sum that it found
    /// @param stateDigest Of the state after the round
    /// @param signature By the seat's node key
    event Resulted(
        bytes32 indexed runId,
        uint256 indexed memberId,
        uint32 round,
        uint16 attempt,
        bytes32 sid,
        bytes32 sumDigest,
        bytes32 stateDigest,
        bytes signature
    );
    /// @notice The first keys are there, and the seats of a divided run are dealt into cells for good: in the order of
    /// keccak256(abi.encode(seed, memberId)), into floor(N / cellSize) cells of nearly equal size, the larger ones first.
    /// @param runId The run
    /// @param seed The first epoch's committee digest
    /// @param cells Bitmaps over the roster
    event CellsDrawn(bytes32 indexed runId, bytes32 seed, uint48[] cells);
    /// @notice A quorum agrees on the state that has `roundsDone` rounds behind it: by Submits of round `roundsDone`,
    /// whose `sid` names it (`stateDigest` is then 0), or by Results of the round before.
    /// @param runId The run
    /// @param roundsDone Rounds behind the state
    /// @param sid The agreed sid, which names the state
    /// @param stateDigest The state where Results agreed, else 0
    event StateAgreed(bytes32 indexed runId, uint32 roundsDone, bytes32 sid, bytes32 stateDigest);
    /// @notice The round is unmasked without this seat's Reveal: f + 1 members say that it is silent.
    /// @param runId The run
    /// @param memberId The seat that is not waited for
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param sid The agreed sid
    event Waived(bytes32 indexed runId, uint256 indexed memberId, uint32 round, uint16 attempt, bytes32 sid);
    /// @notice A new epoch of keys was asked for: nothing of the old one is agreed on any more, and Acks are due.
    /// @param runId The run
    /// @param epoch The new one
    /// @param deadline Unix second after which, and after the patience, the run ends without them
    event Rotated(bytes32 indexed runId, uint32 epoch, uint64 deadline);
    /// @notice A seat left the run by its signed Exit; `lastRound` as it was signed.
    /// @param runId The run
    /// @param memberId The seat
    /// @param lastRound As it was signed; type(uint32).max = any
    /// @param signature By the seat's node key; empty where the one of its enrolment counts
    event Exited(bytes32 indexed runId, uint256 indexed memberId, uint32 lastRound, bytes signature);
    /// @notice A seat whose consent is dead is out: its data are in no sum of this run from now on. Before the roster is
    /// fixed the seat itself is given up; afterwards its node still keeps its part of the others' masks.
    /// @param runId The run
    /// @param memberId The seat
    /// @param consentId The consent that is dead
    event Dropped(bytes32 indexed runId, uint256 indexed memberId, bytes32 consentId);
    /// @notice The run entered a phase; `set` holds the seats whose vectors are (to be) summed.
    /// @param runId The run
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param phase See Phase
    /// @param set Bitmap over the roster
    /// @param deadline Unix second from which anybody may advance
    event PhaseEntered(bytes32 indexed runId, uint32 round, uint16 attempt, Phase phase, uint64 set, uint64 deadline);
    /// @notice The run's state changed; `missing` holds the seats it waits or waited for.
    /// @param runId The run
    /// @param state See RunState
    /// @param round Counted from 0
    /// @param reason Why it is over, else None
    /// @param missing Bitmap over the roster
    /// @param deadline Unix second from which anybody may advance
    event RunStateChanged(
        bytes32 indexed runId, RunState state, uint32 round, Reason reason, uint64 missing, uint64 deadline
    );

    /// @notice A field of the RunSpec is out of range; `field` is its name.
    error TrainingRunsSpecInvalid(bytes32 field);
    /// @notice This RunSpec was opened before.
    error TrainingRunsAlreadyOpened(bytes32 runId);
    /// @notice Only the solver may do this.
    error TrainingRunsNotSolver(bytes32 runId, address caller);
    /// @notice The caller is not an active member.
    error TrainingRunsNotMember(address caller);
    /// @notice The run's state does not allow this.
    error TrainingRunsWrongState(RunState state);
    /// @notice The phase, round or attempt does not allow this; these are the present ones.
    error TrainingRunsWrongPhase(Phase phase, uint32 round, uint16 attempt);
    /// @notice Enrolment is over or not yet over.
    error TrainingRunsEnrolment(uint64 enrolUntil);
    /// @notice All seats are taken.
    error TrainingRunsFull(uint16 maxParticipants);
    /// @notice The member has a seat already.
    error TrainingRunsAlreadyEnrolled(uint256 memberId);
    /// @notice The dataset is not the member's.
    error TrainingRunsNotOwner(uint256 datasetId, uint256 memberId);
    /// @notice The member has no seat in this run.
    error TrainingRunsNoSeat(bytes32 runId, uint256 memberId);
    /// @notice The seat is not in the participant set.
    error TrainingRunsNotInSet(uint256 memberId);
    /// @notice The message is not signed by the seat's node key.
    error TrainingRunsSignatureInvalid(uint256 memberId);
    /// @notice The seat has sent this kind of message for this attempt, or a Submit on this sid before.
    error TrainingRunsAlreadySent(uint256 memberId);
    /// @notice The seat's consent was revoked, expired or withdrawn with its dataset.
    error TrainingRunsConsentNotLive(bytes32 consentId);
    /// @notice The seat brings this dataset already.
    error TrainingRunsAlreadyBrought(uint256 datasetId);
    /// @notice The seat brings as many further datasets as it may.
    error TrainingRunsTooManyDatasets(uint256 memberId, uint256 most);
    /// @notice Nobody can choose this for its absence yet.
    error TrainingRunsAbsenceUnavailable(Absence absence);
    /// @notice All consents of this seat are live, or its owner chose that the run waits.
    error TrainingRunsMayNotDrop(uint256 memberId, bytes32 consentId);
    /// @notice The message names other digests than the ledger holds.
    error TrainingRunsDigestMismatch(bytes32 expected, bytes32 got);
    /// @notice The Reveal does not open the seat's Commit, or there is no Commit.
    error TrainingRunsCommitmentMismatch(uint256 memberId);
    /// @notice Too few would stay for the privacy of the others, or for more than half of the cells to be whole.
    error TrainingRunsTooFewStay(uint256 stay, uint256 needed);
    /// @notice The Exit names another last round than the one that was unmasked last.
    error TrainingRunsExitRound(uint32 expected, uint32 got);
    /// @notice Only Verdicts says who cheated and who is not waited for.
    error TrainingRunsNotVerdicts(address caller);
    /// @notice The deadline has not come yet.
    error TrainingRunsTooEarly(uint64 deadline);

    /// @notice Confirms the roster with an epoch's key; the last Ack that is due lets the run go on.
    /// @param runId A run in state Acking
    /// @param epoch The run's present epoch
    /// @param memberId The seat
    /// @param point The seat's edwards25519 encryption point; checked by the nodes, not here
    /// @param pokR Schnorr proof of the point's secret, R
    /// @param pokZ Schnorr proof of the point's secret, z
    /// @param signature Ack(roster, epoch, memberId, point, pokR, pokZ) by the node key
    function ack(
        bytes32 runId,
        uint32 epoch,
        uint256 memberId,
        bytes32 point,
        bytes32 pokR,
        bytes32 pokZ,
        bytes calldata signature
    ) external;

    /// @notice Announces a masked vector and votes for the state that it starts from. In phase Unmasked the first Submit of
    /// the next round opens it. The sid that is signed is computed here, from run, round, attempt, state and keys: what was
    /// signed for another attempt, run or chain is not taken. A seat's Submit on one sid is taken once, void or not. All
    /// consents of the seat have to be live.
    /// @param key Run, round, attempt and seat
    /// @param stateDigest The state that the node starts from
    /// @param headerDigest SHA-256 of the header
    /// @param signature Submit(sid, memberId, headerDigest) by the node key
    function submit(Key calldata key, bytes32 stateDigest, bytes32 headerDigest, bytes calldata signature) external;

    /// @notice Certifies the set; any seat of the roster, until the next round is agreed. The run's first Commit is
    /// refused while a consent in the set is dead: such a seat is dropped first.
    /// @param key Run, round, attempt and seat
    /// @param sid The agreed sid
    /// @param setDigest keccak256(abi.encode(ids of the set ascending))
    /// @param inputDigest keccak256(abi.encode(sid, ids, header digests))
    /// @param masks Salted commitment to the mask sums: H("aic/mc", sid, memberId, salt, mine)
    /// @param signature Commit(sid, memberId, setDigest, inputDigest, masks) by the node key
    function commit(
        Key calldata key,
        bytes32 sid,
        bytes32 setDigest,
        bytes32 inputDigest,
        bytes32 masks,
        bytes calldata signature
    ) external;

    /// @notice Opens a commitment; refused before the certificate is complete.
    /// @param key Run, round, attempt and seat
    /// @param sid The agreed sid
    /// @param salt The commitment's salt
    /// @param mine Digest of the seat's own mask manifests
    /// @param document Digest of the reveal document
    /// @param signature Reveal(sid, memberId, salt, mine, document) by the node key
    function reveal(
        Key calldata key,
        bytes32 sid,
        bytes32 salt,
        bytes32 mine,
        bytes32 document,
        bytes calldata signature
    ) external;

    /// @notice Votes for the state of the round that was unmasked last, until the next round is agreed. A quorum of equal
    /// ones keeps that state, and completes the run if it did not pause since or if it was the last round.
    /// @param key Run, seat, and round and attempt of the last agreed sid
    /// @param sid The agreed sid
    /// @param sumDigest Digest of the sum
    /// @param stateDigest Digest of the state after the round
    /// @param signature Result(sid, memberId, sumDigest, stateDigest) by the node key
    function result(Key calldata key, bytes32 sid, bytes32 sumDigest, bytes32 stateDigest, bytes calldata signature)
        external;

    /// @notice Leaves the run, disclosed: before the round's Submits close, and only if enough stay. In a divided run the
    /// rest of its cell is summed no more either; it goes on voting and unmasking. `lastRound` is the
    /// round that was unmasked last, or type(uint32).max if the seat's node key or the member's account sends it.
    /// @param runId A run that is Running or Paused
    /// @param memberId The seat that leaves
    /// @param lastRound See above
    /// @param signature Exit(runId, memberId, lastRound) by the node key
    function exit(bytes32 runId, uint256 memberId, uint32 lastRound, bytes calldata signature) external;

    /// @notice Puts a seat out whose consent was revoked, expired or withdrawn with its dataset: by anybody, at once.
    /// Before the run's first Commit it simply goes, whatever it has sent, and the run goes on without it or is over if
    /// too few are left; of a seat that has live datasets too only the dead ones go, and what it sent in this attempt is
    /// void. Afterwards a seat is dead as a whole if one of its consents is, and its owner's choice decides: with `Absence.Exit` the Exit that was signed in advance
    /// takes effect now, with `Absence.Wait` it stays and the run waits for it. No state that used it is unmade.
    /// @param runId A run that is Running or Paused
    /// @param memberId A seat of its set
    function drop(bytes32 runId, uint256 memberId) external;

    /// @notice Puts a seat out that cheated, as Verdicts. A certified round goes on with the set it has; any other starts
    /// again without the seat. With too few left the run is over.
    /// @param runId A run that is Acking, Running or Paused
    /// @param memberId The seat
    function exclude(bytes32 runId, uint256 memberId) external;

    /// @notice Stops waiting for a seat's Reveal, as Verdicts. It may still reveal until the round is unmasked.
    /// @param runId A run in phase Fixed
    /// @param memberId A silent seat that committed and has not revealed
    function waive(bytes32 runId, uint256 memberId) external;

    /// @notice Moves a run on whose deadline has come: closes, pauses, retries or ends it.
    /// @param runId A run whose deadline has come
    function advance(bytes32 runId) external;

    /// @notice Ends the run as its solver, at the last agreed state if there is one.
    /// @param runId One of the caller's runs that is not over
    function cancel(bytes32 runId) external;

    /// @notice The contract `Enrolment`, whose code this one borrows.
    function enrolmentCode() external view returns (address code);

    /// @notice Whether a seat's bond has to stay locked: it is enrolled and the run is not over.
    /// @param runId Any id
    /// @param memberId Any id
    function owesBond(bytes32 runId, uint256 memberId) external view returns (bool owes);

    /// @notice The state digest that a quorum of Results agreed on and nothing superseded, else 0.
    /// @param runId Any id
    function finalState(bytes32 runId) external view returns (bytes32 stateDigest);

    /// @notice Whether `stateDigest` is the run's last agreed state, by Results or by the last agreed sid.
    /// @param runId Any id
    /// @param stateDigest A state digest
    function isAgreedState(bytes32 runId, bytes32 stateDigest) external view returns (bool agreed);

    /// @notice The sid of an attempt that starts from a state.
    /// @param runId A run whose Acks are complete
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param stateDigest The state that the round starts from
    function sidOf(bytes32 runId, uint32 round, uint16 attempt, bytes32 stateDigest) external view returns (bytes32 sid);
}
