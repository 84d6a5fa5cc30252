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
import {RunSlots} from "./libraries/RunSlots.sol";
import {Authority} from "./types/Authority.sol";
import {
    Absence,
    Extra,
    Machine,
    PhaseView,
    Reason,
    RunSpec,
    RunState,
    RunView,
    Seat,
    SeatView
} from "./types/RunTypes.sol";

/// @title Enrolment
contract Enrolment is IEnrolment, RunStorage {
    using RunLib for Machine;
    using RunSlots for Machine;
    using RunSlots for RunSpec;
    using RunSlots for Seat;

    /// @dev How long after `enrolUntil` a bond can stay locked, whatever becomes of its run.
    uint64 private constant BOND_SECONDS = 730 days;
    /// @dev How far off `enrolUntil` may be: until then nothing moves a run that its solver leaves alone, bonds neither.
    uint64 private constant MOST_ENROLMENT = 365 days;
    /// @dev How many datasets a seat may bring beside its first one: whoever sends for it pays to check them all each round.
    uint256 private constant MOST_EXTRAS = 64;
    /// @dev Each dataset that is left out and each seat that is dropped adds an attempt, and they are counted in 16 bits.
    uint256 private constant MOST_ATTEMPTS = type(uint16).max - RunLib.MAX_SEATS * (MOST_EXTRAS + 1);
    /// @dev A cell of fewer would not hide its members once one of them is put out.
    uint256 private constant FEWEST_OF_A_CELL = Cells.FEWEST_SEATS + 1;
    /// @dev Ownership is counted in millionths.
    uint256 private constant ALL_SHARES = 1_000_000;

    address private immutable _itself;

    constructor(
        IMembership membership,
        IDataRegistry data,
        IProblems problems,
        IBonds bonds,
        Authority memory authority
    ) RunStorage(membership, data, problems, bonds, authority) {
        _itself = address(this);
    }

    /// @dev Called by itself it would keep runs that no other contract knows of.
    modifier borrowed() {
        if (address(this) == _itself) revert EnrolmentNotByItself();
        _;
    }

    /// @inheritdoc IEnrolment
    function open(RunSpec memory spec) external borrowed returns (bytes32 runId) {
        _checkSpec(spec);
        runId = Messages.runOf(spec);
        Run storage stored = _runs[runId];
        if (stored.machine.state != RunState.None) revert ITrainingRuns.TrainingRunsAlreadyOpened(runId);
        stored.spec.save(spec);
        Machine memory m;
        m.state = RunState.Enrolling;
        m.minParticipants = spec.minParticipants;
        m.maxAttempts = spec.maxAttempts;
        m.rounds = spec.rounds;
        m.phaseSeconds = spec.phaseSeconds;
        m.patienceSeconds = spec.patienceSeconds;
        m.deadline = spec.enrolUntil;
        emit ITrainingRuns.RunOpened(runId, spec.solver, spec);
        _store(runId, m);
    }

    /// @inheritdoc IEnrolment
    function enrol(bytes32 runId, uint256 datasetId, bytes32 consentId, Absence absence, bytes calldata exitSignature)
        external
        borrowed
    {
        Run storage stored = _runs[runId];
        uint256 memberId = _activeCaller();
        _checkEnrolling(stored, memberId);
        if (absence == Absence.Covered) revert ITrainingRuns.TrainingRunsAbsenceUnavailable(absence);
        _checkOwner(datasetId, memberId);
        address nodeKey = _membership.nodeKeyOf(memberId);
        if (absence == Absence.Exit) {
            _checkSignature(nodeKey, memberId, Messages.hashExit(runId, memberId, ANY_ROUND), exitSignature);
        }
        Seat storage seat = stored.seats[memberId];
        (seat.nodeKey, seat.enrolled, seat.absence) = (nodeKey, true, absence);
        (seat.datasetId, seat.consentId) = (datasetId, consentId);
        stored.ids.push(memberId);
        seat.version = _useConsent(stored.spec, runId, datasetId, consentId);
        emit ITrainingRuns.Enrolled(
            runId, memberId, datasetId, seat.version, consentId, nodeKey, absence, exitSignature
        );
        _takeBond(stored.spec, runId, memberId);
    }

    /// @inheritdoc IEnrolment
    function bring(bytes32 runId, uint256 datasetId, bytes32 consentId) external borrowed {
        Run storage stored = _runs[runId];
        uint256 memberId = _activeCaller();
        _checkUnderWay(stored);
        Seat storage seat = _seat(runId, memberId);
        _checkOwner(datasetId, memberId);
        Extra[] storage extras = stored.extras[memberId];
        if (extras.length == MOST_EXTRAS) revert ITrainingRuns.TrainingRunsTooManyDatasets(memberId, MOST_EXTRAS);
        _checkNew(seat, extras, datasetId);
        uint32 version = _useConsent(stored.spec, runId, datasetId, consentId);
        extras.push(Extra(datasetId, consentId, version));
        emit ITrainingRuns.Brought(runId, memberId, datasetId, version, consentId);
    }

    /// @inheritdoc IEnrolment
    function close(bytes32 runId) external borrowed {
        Run storage stored = _runs[runId];
        Machine memory m = _machine(stored);
        if (m.state != RunState.Enrolling) revert ITrainingRuns.TrainingRunsWrongState(m.state);
        bool over = block.timestamp >= m.deadline;
        uint256[] memory ids = _liveSeats(runId, stored);
        bool enough = ids.length >= m.minParticipants;
        bool bySolver = _membership.memberOf(_msgSender()) == stored.spec.solver;
        if (!over && !(enough && bySolver)) revert ITrainingRuns.TrainingRunsEnrolment(m.deadline);
        if (enough) _fixRoster(runId, stored, m, ids);
        else m.finish(Reason.TooFewParticipants);
        _store(runId, m);
    }

    /// @inheritdoc IEnrolment
    function rotate(bytes32 runId, uint256 memberId) external borrowed {
        Machine memory m = _machine(_runs[runId]);
        m.rotate(memberId != 0 && _isBy(runId, memberId, m), _now());
        emit ITrainingRuns.Rotated(runId, m.epoch, m.deadline);
        _store(runId, m);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IEnrolment
    function run(bytes32 runId) external view returns (RunView memory) {
        Run storage stored = _runs[runId];
        return RunView({
            spec: stored.spec.load(),
            layout: stored.layout,
            roster: stored.roster,
            committee: stored.committees[stored.machine.epoch],
            finalState: stored.finalState,
            position: phaseOf(runId)
        });
    }

    /// @inheritdoc IEnrolment
    function seats(bytes32 runId) external view returns (SeatView[] memory records) {
        Run storage stored = _runs[runId];
        records = new SeatView[](stored.ids.length);
        for (uint256 i; i < records.length; ++i) {
            records[i] = SeatView(stored.ids[i], stored.seats[stored.ids[i]].load());
        }
    }

    /// @inheritdoc IEnrolment
    function seatOf(bytes32 runId, uint256 memberId) external view returns (Seat memory) {
        return _runs[runId].seats[memberId].load();
    }

    /// @inheritdoc IEnrolment
    function extrasOf(bytes32 runId, uint256 memberId) external view returns (Extra[] memory) {
        return _runs[runId].extras[memberId];
    }

    /// @inheritdoc IEnrolment
    function committeeOf(bytes32 runId, uint32 epoch) external view returns (bytes32) {
        return _runs[runId].committees[epoch];
    }

    /// @inheritdoc IEnrolment
    function cells(bytes32 runId) external view returns (uint48[] memory) {
        return _runs[runId].cells;
    }

    /// @inheritdoc IEnrolment
    function phaseOf(bytes32 runId) public view returns (PhaseView memory) {
        Run storage stored = _runs[runId];
        return PhaseView(_machine(stored), stored.sid, stored.setDigest, stored.inputDigest);
    }

    // --------------------------------------------------------------------------------------------------------- private

    /// @dev Whether a present seat asks: its node key or its member.
    function _isBy(bytes32 runId, uint256 memberId, Machine memory m) private view returns (bool) {
        Seat storage seat = _seat(runId, memberId);
        bool itself = _msgSender() == seat.nodeKey || _membership.memberOf(_msgSender()) == memberId;
        return itself && m.exited & _bit(seat) == 0;
    }

    function _checkSpec(RunSpec memory spec) private view {
        if (_activeCaller() != spec.solver) revert ITrainingRuns.TrainingRunsNotMember(_msgSender());
        if (!_problems.isOpen(spec.problem)) revert ITrainingRuns.TrainingRunsSpecInvalid("problem");
        if (spec.purpose == 0) revert ITrainingRuns.TrainingRunsSpecInvalid("purpose");
        if (spec.rounds == 0 || spec.rounds == ANY_ROUND) revert ITrainingRuns.TrainingRunsSpecInvalid("rounds");
        if (spec.minParticipants < 3) revert ITrainingRuns.TrainingRunsSpecInvalid("minParticipants");
        if (spec.maxParticipants < spec.minParticipants || spec.maxParticipants > RunLib.MAX_SEATS) {
            revert ITrainingRuns.TrainingRunsSpecInvalid("maxParticipants");
        }
        if (spec.layout != 1 && spec.layout != 2) revert ITrainingRuns.TrainingRunsSpecInvalid("layout");
        _checkCells(spec);
        if (spec.suite == 0 || spec.suite > 8) revert ITrainingRuns.TrainingRunsSpecInvalid("suite");
        if (spec.maxAttempts < 2 || spec.maxAttempts > MOST_ATTEMPTS) {
            revert ITrainingRuns.TrainingRunsSpecInvalid("maxAttempts");
        }
        if (spec.enrolUntil <= block.timestamp || spec.enrolUntil > block.timestamp + MOST_ENROLMENT) {
            revert ITrainingRuns.TrainingRunsSpecInvalid("enrolUntil");
        }
        if (spec.phaseSeconds == 0) revert ITrainingRuns.TrainingRunsSpecInvalid("phaseSeconds");
        if (uint256(spec.solverShares) + spec.ownerShares > ALL_SHARES) {
            revert ITrainingRuns.TrainingRunsSpecInvalid("shares");
        }
    }

    /// @dev Even the smallest roster makes two cells.
    function _checkCells(RunSpec memory spec) private pure {
        if (spec.cellSize == 0) return;
        if (spec.cellSize < FEWEST_OF_A_CELL || 2 * uint256(spec.cellSize) > spec.minParticipants) {
            revert ITrainingRuns.TrainingRunsSpecInvalid("cellSize");
        }
    }

    function _checkUnderWay(Run storage stored) private view {
        Machine memory m = _machine(stored);
        if (m.state != RunState.Enrolling) revert ITrainingRuns.TrainingRunsWrongState(m.state);
        if (block.timestamp >= m.deadline) revert ITrainingRuns.TrainingRunsEnrolment(m.deadline);
    }

    function _checkOwner(uint256 datasetId, uint256 memberId) private view {
        if (_data.ownerOf(datasetId) != memberId) revert ITrainingRuns.TrainingRunsNotOwner(datasetId, memberId);
    }

    /// @dev Brought twice, its rows would count twice.
    function _checkNew(Seat storage seat, Extra[] storage extras, uint256 datasetId) private view {
        bool known = seat.datasetId == datasetId;
        for (uint256 i; i < extras.length && !known; ++i) {
            known = extras[i].datasetId == datasetId;
        }
        if (known) revert ITrainingRuns.TrainingRunsAlreadyBrought(datasetId);
    }

    function _checkEnrolling(Run storage stored, uint256 memberId) private view {
        _checkUnderWay(stored);
        if (stored.ids.length >= stored.spec.maxParticipants) {
            revert ITrainingRuns.TrainingRunsFull(stored.spec.maxParticipants);
        }
        if (stored.seats[memberId].enrolled) revert ITrainingRuns.TrainingRunsAlreadyEnrolled(memberId);
    }

    function _useConsent(RunSpec storage spec, bytes32 runId, uint256 datasetId, bytes32 consentId)
        private
        returns (uint32 version)
    {
        return _data.use(
            consentId,
            runId,
            IDataRegistry.Use(datasetId, spec.purpose, spec.problem, spec.solver, spec.commercial, spec.price)
        );
    }

    function _takeBond(RunSpec storage spec, bytes32 runId, uint256 memberId) private {
        uint256 amount = spec.bond;
        if (amount == 0) return;
        _bonds.take(runId, memberId, _msgSender(), spec.token, amount, spec.enrolUntil + BOND_SECONDS);
    }

    /// @dev Gives up the seats whose consent died while the others enrolled. Of a seat with several datasets the dead ones are
    /// left out later, one seat at a time: here they could be three thousand.
    /// @return ids The others, ascending
    function _liveSeats(bytes32 runId, Run storage stored) private returns (uint256[] memory ids) {
        ids = stored.ids;
        uint256 live;
        for (uint256 i; i < ids.length; ++i) {
            uint256 id = ids[i];
            Seat storage seat = stored.seats[id];
            if (stored.extras[id].length == 0 && !_data.isLive(seat.consentId)) {
                seat.enrolled = false;
                emit ITrainingRuns.Dropped(runId, id, seat.consentId);
                continue;
            }
            uint256 j = live++;
            for (; j > 0 && ids[j - 1] > id; --j) {
                ids[j] = ids[j - 1];
            }
            ids[j] = id;
        }
        assembly ("memory-safe") {
            mstore(ids, live) // shorter than it was made
        }
    }

    /// @dev Numbers the seats by id and fixes keys, layout, f and q.
    function _fixRoster(bytes32 runId, Run storage stored, Machine memory m, uint256[] memory ids) private {
        address[] memory nodeKeys = new address[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            Seat storage seat = stored.seats[ids[i]];
            seat.index = uint8(i);
            nodeKeys[i] = seat.nodeKey;
            if (seat.absence == Absence.Exit) m.willExit |= _bit(seat);
        }
        stored.ids = ids;
        stored.layout = RunLib.layoutOf(ids.length, stored.spec.layout);
        stored.roster = Messages.rosterOf(runId, ids, nodeKeys);
        m.fixRoster(ids.length, stored.layout, stored.spec.cellSize != 0, _now());
        emit ITrainingRuns.RosterFixed(runId, stored.roster, ids, nodeKeys, stored.layout, m.faults, m.quorum);
    }
}
