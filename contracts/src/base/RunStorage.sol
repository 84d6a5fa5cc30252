// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBonds} from "../interfaces/IBonds.sol";
import {IDataRegistry} from "../interfaces/IDataRegistry.sol";
import {IMembership} from "../interfaces/IMembership.sol";
import {IProblems} from "../interfaces/IProblems.sol";
import {ITrainingRuns} from "../interfaces/ITrainingRuns.sol";
import {Messages} from "../libraries/Messages.sol";
import {RunLib} from "../libraries/RunLib.sol";
import {RunSlots} from "../libraries/RunSlots.sol";
import {Authority} from "../types/Authority.sol";
import {Extra, Machine, RunSpec, RunState, Seat} from "../types/RunTypes.sol";
import {Governed} from "./Governed.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title What runs are kept in
/// @notice The storage of all runs, and how a run is read, checked and written: what `TrainingRuns` and the code that it
/// borrows from `Enrolment` have to have in common, slot by slot.
abstract contract RunStorage is Governed, EIP712 {
    using RunLib for Machine;
    using RunSlots for Machine;

    /// @dev Storage of one run. Seats are overwritten round by round; per round only the votes of one sid are new, in one slot.
    struct Run {
        RunSpec spec;
        Machine machine;
        uint8 layout;
        uint256[] ids;
        bytes32 roster;
        mapping(uint32 epoch => bytes32) committees;
        bytes32 sid;
        bytes32 setDigest;
        bytes32 inputDigest;
        bytes32 finalState;
        mapping(uint256 memberId => Seat) seats;
        mapping(bytes32 sid => uint48 seats) votes;
        uint48[] cells;
        mapping(uint256 memberId => Extra[]) extras;
    }

    /// @dev `lastRound` of an Exit that is signed in advance: whichever round turns out to be the last.
    uint32 internal constant ANY_ROUND = type(uint32).max;

    IMembership internal immutable _membership;
    IDataRegistry internal immutable _data;
    IProblems internal immutable _problems;
    IBonds internal immutable _bonds;

    mapping(bytes32 runId => Run) internal _runs;
    /// @dev Who sent any Result, this very Result, or a refusal: the key holds the sid, or run and round of a refusal.
    mapping(bytes32 tally => uint48 seats) internal _votes;

    constructor(
        IMembership membership,
        IDataRegistry data,
        IProblems problems,
        IBonds bonds,
        Authority memory authority
    ) Governed(authority) EIP712(Messages.NAME, Messages.VERSION) {
        (_membership, _data, _problems, _bonds) = (membership, data, problems, bonds);
    }

    /// @dev Stores the machine and emits one event for each edge that it took.
    function _store(bytes32 runId, Machine memory m) internal {
        Machine storage stored = _runs[runId].machine;
        bool phaseEdge = stored.phase != m.phase || stored.round != m.round || stored.attempt != m.attempt;
        bool stateEdge = stored.state != m.state;
        uint48 waitedFor = m.state == RunState.Running || m.state == RunState.Completed ? 0 : m.missing();
        stored.save(m);
        if (stateEdge) emit ITrainingRuns.RunStateChanged(runId, m.state, m.round, m.reason, waitedFor, m.deadline);
        if (phaseEdge) emit ITrainingRuns.PhaseEntered(runId, m.round, m.attempt, m.phase, m.set, m.deadline);
    }

    function _machine(Run storage stored) internal view returns (Machine memory) {
        return stored.machine.load();
    }

    /// @dev The cells of a divided run that were drawn; of any other run none, without a look at storage.
    function _cells(Run storage stored, Machine memory m) internal view returns (uint48[] memory cells) {
        if (m.divided) cells = stored.cells;
    }

    function _seat(bytes32 runId, uint256 memberId) internal view returns (Seat storage seat) {
        seat = _runs[runId].seats[memberId];
        if (!seat.enrolled) revert ITrainingRuns.TrainingRunsNoSeat(runId, memberId);
    }

    function _activeCaller() internal view returns (uint256 memberId) {
        memberId = _membership.memberOf(_msgSender());
        if (!_membership.isActive(memberId)) revert ITrainingRuns.TrainingRunsNotMember(_msgSender());
    }

    function _checkSignature(address nodeKey, uint256 memberId, bytes32 message, bytes calldata signature)
        internal
        view
    {
        (address signer,,) = ECDSA.tryRecoverCalldata(_hashTypedDataV4(message), signature);
        if (signer != nodeKey || signer == address(0)) revert ITrainingRuns.TrainingRunsSignatureInvalid(memberId);
    }

    function _bit(Seat storage seat) internal view returns (uint48) {
        return uint48(1) << seat.index;
    }

    function _now() internal view returns (uint64) {
        return uint64(block.timestamp);
    }
}
