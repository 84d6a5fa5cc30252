// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RunStorage} from "./base/RunStorage.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {IDataRegistry} from "./interfaces/IDataRegistry.sol";
import {IEnrolment} from "./interfaces/IEnrolment.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {IProblems} from "./interfaces/IProblems.sol";
import {ITrainingRuns} from "./interfaces/ITrainingRuns.sol";
import {Cells} from "./libraries/Cells.sol";
import {Messages} from "./libraries/Messages.sol";
import {RunLib} from "./libraries/RunLib.sol";
import {Authority} from "./types/Authority.sol";
import {
    Absence,
    Extra,
    Key,
    Machine,
    Phase,
    PhaseView,
    Reason,
    RunSpec,
    RunState,
    RunView,
    Seat,
    SeatView
} from "./types/RunTypes.sol";

/// @title TrainingRuns
/// @notice Orders checks, effects and events; when a run moves on is decided by `RunLib`, what is signed by `Messages`.
contract TrainingRuns is ITrainingRuns, RunStorage {
    using RunLib for Machine;

    /// @dev Whose code this contract borrows for what is called seldom: alone it would not fit into what a chain accepts.
    address private immutable _enrolment;
    /// @dev Who says that a seat cheated, or that its Reveal is not waited for.
    address private immutable _verdicts;

    constructor(
        IMembership membership,
        IDataRegistry data,
        IProblems problems,
        IBonds bonds,
        address enrolment,
        address verdicts,
        Authority memory authority
    ) RunStorage(membership, data, problems, bonds, authority) {
        (_enrolment, _verdicts) = (enrolment, verdicts);
    }

    // ----------------------------------------------------------------------------------------------- before the rounds

    /// @inheritdoc IEnrolment
    function open(RunSpec calldata) external returns (bytes32) {
        _borrow();
    }

    /// @inheritdoc IEnrolment
    function enrol(bytes32, uint256, bytes32, Absence, bytes calldata) external {
        _borrow();
    }

    /// @inheritdoc IEnrolment
    function bring(bytes32, uint256, bytes32) external {
        _borrow();
    }

    /// @inheritdoc IEnrolment
    function close(bytes32) external {
        _borrow();
    }

    /// @inheritdoc IEnrolment
    function rotate(bytes32, uint256) external {
        _borrow();
    }

    /// @inheritdoc ITrainingRuns
    function ack(
        bytes32 runId,
        uint32 epoch,
        uint256 memberId,
        bytes32 point,
        bytes32 pokR,
        bytes32 pokZ,
        bytes calldata signature
    ) external {
        Run storage stored = _runs[runId];
        Machine memory m = _machine(stored);
        Seat storage seat = _seat(runId, memberId);
        if (epoch != m.epoch) revert TrainingRunsWrongPhase(m.phase, m.round, m.attempt);
        if (m.state == RunState.Acking && m.arrived & _bit(seat) != 0) revert TrainingRunsAlreadySent(memberId);
        m.ack(_bit(seat), _now());
        bytes32 message = Messages.hashAck(stored.roster, epoch, memberId, point, pokR, pokZ);
        _checkSignature(seat.nodeKey, memberId, message, signature);
        seat.point = point;
        emit Acked(runId, memberId, stored.roster, epoch, point, pokR, pokZ, signature);
        _started(runId, stored, m);
        _store(runId, m);
    }

    // --------------------------------------------------------------------------------------------- messages of a round

    /// @inheritdoc ITrainingRuns
    function submit(Key memory key, bytes32 stateDigest, bytes32 headerDigest, bytes calldata signature) external {
        (Run storage stored, Seat storage seat, Machine memory m) = _load(key);
        m.enterSubmit(key, _bit(seat), _now());
        // Computed here: a Submit that was signed for another attempt, run or chain is none of this one.
        bytes32 sid = _sidOf(key, stateDigest, stored.committees[m.epoch]);
        _checkSignature(seat.nodeKey, key.memberId, Messages.hashSubmit(sid, key.memberId, headerDigest), signature);
        _checkAllLive(stored, seat, key.memberId);
        uint48 votes = _countOnce(stored.votes, sid, _bit(seat), key.memberId);
        emit Submitted(key.runId, key.memberId, key.round, key.attempt, sid, headerDigest, stateDigest, signature);
        if (m.agreed && sid != stored.sid) {
            emit Voided(key.runId, key.round, key.attempt, _bit(seat));
        } else {
            (seat.headerDigest, seat.usedAt) = (headerDigest, uint40(block.timestamp));
            bool before = m.agreed;
            uint48 voided = m.submit(_bit(seat), votes);
            if (m.agreed && !before) _agree(stored, m, key, sid, voided);
            _tryClose(stored, m);
        }
        _store(key.runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function commit(
        Key memory key,
        bytes32 sid,
        bytes32 setDigest,
        bytes32 inputDigest,
        bytes32 masks,
        bytes calldata signature
    ) external {
        (Run storage stored, Seat storage seat, Machine memory m) = _load(key);
        bool first = !m.setFixed;
        m.commit(key, _bit(seat), _now());
        if (first) _checkLive(stored, m.set);
        _checkDigest(stored.sid, sid);
        _checkDigest(stored.setDigest, setDigest);
        _checkDigest(stored.inputDigest, inputDigest);
        bytes32 message = Messages.hashCommit(sid, key.memberId, setDigest, inputDigest, masks);
        _checkSignature(seat.nodeKey, key.memberId, message, signature);
        seat.masks = masks;
        emit Committed(key.runId, key.memberId, key.round, key.attempt, sid, setDigest, inputDigest, masks, signature);
        _store(key.runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function reveal(Key memory key, bytes32 sid, bytes32 salt, bytes32 mine, bytes32 document, bytes calldata signature)
        external
    {
        (Run storage stored, Seat storage seat, Machine memory m) = _load(key);
        m.reveal(key, _bit(seat), _now());
        _checkDigest(stored.sid, sid);
        if (Messages.masksOf(sid, key.memberId, salt, mine) != seat.masks) {
            revert TrainingRunsCommitmentMismatch(key.memberId);
        }
        bytes32 message = Messages.hashReveal(sid, key.memberId, salt, mine, document);
        _checkSignature(seat.nodeKey, key.memberId, message, signature);
        emit Revealed(key.runId, key.memberId, key.round, key.attempt, sid, salt, mine, document, signature);
        _store(key.runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function result(Key memory key, bytes32 sid, bytes32 sumDigest, bytes32 stateDigest, bytes calldata signature)
        external
    {
        (Run storage stored, Seat storage seat, Machine memory m) = _load(key);
        m.checkResult(key);
        _checkDigest(stored.sid, sid);
        bytes32 message = Messages.hashResult(sid, key.memberId, sumDigest, stateDigest);
        _checkSignature(seat.nodeKey, key.memberId, message, signature);
        _countOnce(_votes, keccak256(abi.encode(key.runId, sid)), _bit(seat), key.memberId);
        bytes32 tally = keccak256(abi.encode(key.runId, sid, sumDigest, stateDigest));
        uint48 votes = _countOnce(_votes, tally, _bit(seat), key.memberId);
        emit Resulted(key.runId, key.memberId, key.round, key.attempt, sid, sumDigest, stateDigest, signature);
        if (m.result(votes, _now())) {
            stored.finalState = stateDigest;
            emit StateAgreed(key.runId, m.roundsDone, sid, stateDigest);
        }
        _store(key.runId, m);
    }

    // ------------------------------------------------------------------------------------------------ leaving and time

    /// @inheritdoc ITrainingRuns
    function exit(bytes32 runId, uint256 memberId, uint32 lastRound, bytes calldata signature) external {
        Run storage stored = _runs[runId];
        Machine memory m = _machine(stored);
        Seat storage seat = _seat(runId, memberId);
        _checkSignature(seat.nodeKey, memberId, Messages.hashExit(runId, memberId, lastRound), signature);
        bool itself = _msgSender() == seat.nodeKey || _membership.memberOf(_msgSender()) == memberId;
        bool any = lastRound == ANY_ROUND;
        if (any ? !itself : lastRound != m.lastRound()) revert TrainingRunsExitRound(m.lastRound(), lastRound);
        m.exit(_cells(stored, m), _bit(seat), memberId);
        emit Exited(runId, memberId, lastRound, signature);
        _tryClose(stored, m);
        _store(runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function drop(bytes32 runId, uint256 memberId) external {
        Run storage stored = _runs[runId];
        Machine memory m = _machine(stored);
        Seat storage seat = _seat(runId, memberId);
        (uint256 live, uint256 brought) = _liveOf(stored, seat, memberId);
        bool isExit = m.setFixed;
        if (live == brought || (isExit && seat.absence != Absence.Exit)) {
            revert TrainingRunsMayNotDrop(memberId, seat.consentId);
        }
        if (live != 0 && !isExit) {
            m.leaveOut(_bit(seat), memberId, _now());
            _leaveOut(runId, stored, seat, memberId);
        } else {
            m.drop(_cells(stored, m), _bit(seat), memberId, _now());
            emit Dropped(runId, memberId, seat.consentId);
            if (isExit) emit Exited(runId, memberId, ANY_ROUND, "");
        }
        _tryClose(stored, m);
        _store(runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function exclude(bytes32 runId, uint256 memberId) external {
        (Run storage stored, Seat storage seat, Machine memory m) = _judged(runId, memberId);
        m.exclude(_cells(stored, m), _bit(seat), _now());
        _started(runId, stored, m);
        _store(runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function waive(bytes32 runId, uint256 memberId) external {
        (Run storage stored, Seat storage seat, Machine memory m) = _judged(runId, memberId);
        m.waive(_bit(seat), _now());
        emit Waived(runId, memberId, m.sidRound, m.sidAttempt, stored.sid);
        _store(runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function advance(bytes32 runId) external {
        Run storage stored = _runs[runId];
        Machine memory m = _machine(stored);
        uint48 leaving = m.advance(_cells(stored, m), _now());
        for (uint256 i; leaving >> i != 0; ++i) {
            if (leaving >> i & 1 == 1) emit Exited(runId, stored.ids[i], ANY_ROUND, "");
        }
        _fixInputs(stored, m);
        _store(runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function cancel(bytes32 runId) external {
        Machine memory m = _machine(_runs[runId]);
        if (m.state == RunState.None || m.state > RunState.Paused) revert TrainingRunsWrongState(m.state);
        if (_activeCaller() != _runs[runId].spec.solver) revert TrainingRunsNotSolver(runId, _msgSender());
        m.finish(Reason.Cancelled);
        _store(runId, m);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IEnrolment
    function run(bytes32) external view returns (RunView memory) {
        _look();
    }

    /// @inheritdoc IEnrolment
    function seats(bytes32) external view returns (SeatView[] memory) {
        _look();
    }

    /// @inheritdoc IEnrolment
    function seatOf(bytes32, uint256) external view returns (Seat memory) {
        _look();
    }

    /// @inheritdoc IEnrolment
    function extrasOf(bytes32, uint256) external view returns (Extra[] memory) {
        _look();
    }

    /// @inheritdoc IEnrolment
    function committeeOf(bytes32, uint32) external view returns (bytes32) {
        _look();
    }

    /// @inheritdoc IEnrolment
    function cells(bytes32) external view returns (uint48[] memory) {
        _look();
    }

    /// @inheritdoc IEnrolment
    function phaseOf(bytes32) external view returns (PhaseView memory) {
        _look();
    }

    /// @inheritdoc ITrainingRuns
    function enrolmentCode() external view returns (address) {
        return _enrolment;
    }

    /// @inheritdoc ITrainingRuns
    function owesBond(bytes32 runId, uint256 memberId) external view returns (bool) {
        Run storage stored = _runs[runId];
        return stored.seats[memberId].enrolled && stored.machine.state <= RunState.Paused;
    }

    /// @inheritdoc ITrainingRuns
    function finalState(bytes32 runId) external view returns (bytes32) {
        return _runs[runId].finalState;
    }

    /// @inheritdoc ITrainingRuns
    function isAgreedState(bytes32 runId, bytes32 stateDigest) external view returns (bool) {
        Run storage stored = _runs[runId];
        Machine memory m = _machine(stored);
        if (m.roundsDone == 0) return false;
        if (stored.finalState != 0) return stateDigest == stored.finalState;
        bytes32 committee = stored.committees[m.sidEpoch];
        return stored.sid == Messages.sidOf(address(this), runId, m.sidRound, m.sidAttempt, stateDigest, committee);
    }

    /// @inheritdoc ITrainingRuns
    function sidOf(bytes32 runId, uint32 round, uint16 attempt, bytes32 stateDigest) external view returns (bytes32) {
        Run storage stored = _runs[runId];
        bytes32 committee = stored.committees[stored.machine.epoch];
        return Messages.sidOf(address(this), runId, round, attempt, stateDigest, committee);
    }

    // --------------------------------------------------------------------------------------------------------- private

    /// @dev Answers the call with what `Enrolment`'s code does with it here: same data, same sender, this storage.
    function _borrow() private {
        address code = _enrolment;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if done { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }

    /// @dev The same for a view: the compiler does not know that the code which it borrows changes nothing.
    function _look() private view {
        function() internal borrowing = _borrow;
        function() internal view looking;
        assembly {
            looking := borrowing
        }
        looking();
    }

    /// @dev A seat's own message pays for the check of all that it brings, so that no call has to check what all bring.
    function _checkAllLive(Run storage stored, Seat storage seat, uint256 memberId) private view {
        _checkConsent(seat.consentId);
        Extra[] storage extras = stored.extras[memberId];
        for (uint256 i; i < extras.length; ++i) {
            _checkConsent(extras[i].consentId);
        }
    }

    function _checkConsent(bytes32 consentId) private view {
        if (!_data.isLive(consentId)) revert TrainingRunsConsentNotLive(consentId);
    }

    function _liveOf(Run storage stored, Seat storage seat, uint256 memberId)
        private
        view
        returns (uint256 live, uint256 brought)
    {
        Extra[] storage extras = stored.extras[memberId];
        brought = extras.length + 1;
        if (_data.isLive(seat.consentId)) live = 1;
        for (uint256 i; i < extras.length; ++i) {
            if (_data.isLive(extras[i].consentId)) ++live;
        }
    }

    /// @dev Keeps what is live in its order; the first of it takes the seat's own place if that is dead.
    function _leaveOut(bytes32 runId, Run storage stored, Seat storage seat, uint256 memberId) private {
        Extra[] storage extras = stored.extras[memberId];
        bool vacant = !_data.isLive(seat.consentId);
        if (vacant) emit LeftOut(runId, memberId, seat.datasetId, seat.consentId);
        uint256 kept;
        for (uint256 i; i < extras.length; ++i) {
            Extra memory each = extras[i];
            if (!_data.isLive(each.consentId)) {
                emit LeftOut(runId, memberId, each.datasetId, each.consentId);
            } else if (vacant) {
                (seat.datasetId, seat.consentId, seat.version) = (each.datasetId, each.consentId, each.version);
                vacant = false;
            } else {
                if (kept != i) extras[kept] = each;
                ++kept;
            }
        }
        while (extras.length > kept) {
            extras.pop();
        }
    }

    /// @dev The first Commit fixes whose data the run uses, so it waits until the dead are dropped. Of a seat's datasets it looks
    /// at the first one only: the Submit before it checked all, and nodes commit to none that died since.
    function _checkLive(Run storage stored, uint48 set) private view {
        for (uint256 i; set >> i != 0; ++i) {
            if (set >> i & 1 == 0) continue;
            _checkConsent(stored.seats[stored.ids[i]].consentId);
        }
    }

    /// @dev On the edge Acking → Running: names the keys of the epoch that begins; the first ones draw the cells.
    function _started(bytes32 runId, Run storage stored, Machine memory m) private {
        if (m.state != RunState.Running || stored.machine.state != RunState.Acking) return;
        bytes32 committee = _committee(stored, m.epoch);
        stored.committees[m.epoch] = committee;
        if (!m.divided || m.epoch != 0) return;
        uint48[] memory drawn = Cells.draw(committee, stored.ids, stored.spec.cellSize);
        stored.cells = drawn;
        emit CellsDrawn(runId, committee, drawn);
    }

    function _judged(bytes32 runId, uint256 memberId)
        private
        view
        returns (Run storage stored, Seat storage seat, Machine memory m)
    {
        if (msg.sender != _verdicts) revert TrainingRunsNotVerdicts(msg.sender);
        stored = _runs[runId];
        (seat, m) = (_seat(runId, memberId), _machine(stored));
    }

    function _committee(Run storage stored, uint32 epoch) private view returns (bytes32) {
        bytes32[] memory points = new bytes32[](stored.ids.length);
        for (uint256 i; i < points.length; ++i) {
            points[i] = stored.seats[stored.ids[i]].point;
        }
        return Messages.committeeOf(stored.roster, epoch, stored.layout, points);
    }

    function _sidOf(Key memory key, bytes32 stateDigest, bytes32 committee) private view returns (bytes32) {
        return Messages.sidOf(address(this), key.runId, key.round, key.attempt, stateDigest, committee);
    }

    function _agree(Run storage stored, Machine memory m, Key memory key, bytes32 sid, uint48 voided) private {
        stored.sid = sid;
        stored.finalState = 0;
        emit StateAgreed(key.runId, m.roundsDone, sid, 0);
        if (voided != 0) emit Voided(key.runId, key.round, key.attempt, voided);
    }

    function _tryClose(Run storage stored, Machine memory m) private {
        m.tryClose(_cells(stored, m), _now());
        _fixInputs(stored, m);
    }

    /// @dev On the edge Open → Submitted: computes what the Commits have to name.
    function _fixInputs(Run storage stored, Machine memory m) private {
        if (m.phase != Phase.Submitted || stored.machine.phase != Phase.Open) return;
        uint256[] memory ids = new uint256[](RunLib.size(m.set));
        bytes32[] memory headers = new bytes32[](ids.length);
        uint256 filled;
        for (uint256 i; i < m.seats; ++i) {
            if (m.set >> i & 1 == 0) continue;
            ids[filled] = stored.ids[i];
            headers[filled++] = stored.seats[stored.ids[i]].headerDigest;
        }
        stored.setDigest = Messages.setOf(ids);
        stored.inputDigest = Messages.inputsOf(stored.sid, ids, headers);
    }

    /// @dev Adds a seat to a tally; once. Void Submits too: anybody could else send one again and take the seat's place.
    function _countOnce(mapping(bytes32 => uint48) storage counted, bytes32 tally, uint48 seat, uint256 memberId)
        private
        returns (uint48 votes)
    {
        votes = counted[tally];
        if (votes & seat != 0) revert TrainingRunsAlreadySent(memberId);
        votes |= seat;
        counted[tally] = votes;
    }

    function _load(Key memory key) private view returns (Run storage stored, Seat storage seat, Machine memory m) {
        stored = _runs[key.runId];
        seat = _seat(key.runId, key.memberId);
        m = _machine(stored);
    }

    function _checkDigest(bytes32 expected, bytes32 got) private pure {
        if (expected != got) revert TrainingRunsDigestMismatch(expected, got);
    }
}
