// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Absence, Extra, PhaseView, RunSpec, RunView, Seat, SeatView} from "../types/RunTypes.sol";

/// @title How runs begin, and how they are read
/// @notice The part of `TrainingRuns` that its own code has no room for: it borrows the code of `Enrolment` for these calls
/// (as a call by delegation), so that all runs, events and errors are those of `TrainingRuns`. Alone this contract does nothing.
interface IEnrolment {
    /// @notice Enrolment was called by its own address instead of through `TrainingRuns`.
    error EnrolmentNotByItself();

    /// @notice Opens a run as its solver.
    /// @param spec The terms; an error names the field that is out of range
    /// @return runId keccak256(abi.encode(spec))
    function open(RunSpec calldata spec) external returns (bytes32 runId);

    /// @notice Takes a seat with a dataset of the caller's, using one of its consents. The run's bond, if there is one, is
    /// locked from the caller's credit in the vault, at the longest until two years after `enrolUntil`.
    /// @param runId A run in state Enrolling
    /// @param datasetId A dataset of the caller's
    /// @param consentId A consent that permits the run's use of that dataset
    /// @param absence What happens when the node stays silent past the patience
    /// @param exitSignature With `Absence.Exit`: Exit(runId, memberId, type(uint32).max) by the node key; else empty
    function enrol(bytes32 runId, uint256 datasetId, bytes32 consentId, Absence absence, bytes calldata exitSignature)
        external;

    /// @notice Brings a further dataset to the caller's seat, under a consent of its own: how a co-op takes part with the
    /// datasets of many sites. It costs no bond and gives no share: both are the seat's. At most 64 beside the first one.
    /// @param runId A run in state Enrolling in which the caller has a seat
    /// @param datasetId A dataset of the caller's that it does not bring yet
    /// @param consentId A consent that permits the run's use of that dataset
    function bring(bytes32 runId, uint256 datasetId, bytes32 consentId) external;

    /// @notice Ends enrolment: the solver with enough seats at any time, anybody after `enrolUntil`. Seats whose only consent
    /// died meanwhile are given up and do not count; those with several datasets stay, and `drop` leaves the dead ones out.
    /// @param runId A run in state Enrolling
    function close(bytes32 runId) external;

    /// @notice Asks for a new epoch of keys: all present seats send an Ack with a new point, and the run goes on where it
    /// stood. Anybody may when the last epoch is 30 days old, a seat also in a pause, because it lost its keys. Between two
    /// rounds, or in a round that has agreed on nothing.
    /// @param runId A run that is Running or Paused
    /// @param memberId The seat that asks in a pause, by its node key or its member; 0 = nobody's
    function rotate(bytes32 runId, uint256 memberId) external;

    /// @notice The record of a run.
    /// @param runId Any id
    function run(bytes32 runId) external view returns (RunView memory record);

    /// @notice The seats of a run, by id once the roster is fixed.
    /// @param runId Any id
    function seats(bytes32 runId) external view returns (SeatView[] memory records);

    /// @notice One seat of a run; empty where the member has none.
    /// @param runId Any id
    /// @param memberId Any id
    function seatOf(bytes32 runId, uint256 memberId) external view returns (Seat memory record);

    /// @notice What a seat brings beside its first dataset, without what was left out; the first one is in the seat itself.
    /// @param runId Any id
    /// @param memberId Any id
    function extrasOf(bytes32 runId, uint256 memberId) external view returns (Extra[] memory records);

    /// @notice Digest of roster, epoch, layout and points of an epoch; 0 until its last Ack.
    /// @param runId Any id
    /// @param epoch Counted from 0
    function committeeOf(bytes32 runId, uint32 epoch) external view returns (bytes32 committee);

    /// @notice The cells of a divided run, bitmaps over the roster; none before its first keys are there, or where all are
    /// summed as one set.
    /// @param runId Any id
    function cells(bytes32 runId) external view returns (uint48[] memory drawn);

    /// @notice What a node polls.
    /// @param runId Any id
    function phaseOf(bytes32 runId) external view returns (PhaseView memory position);
}
