// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {IDataRegistry} from "./interfaces/IDataRegistry.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {IProblems} from "./interfaces/IProblems.sol";
import {ITrainingRuns} from "./interfaces/ITrainingRuns.sol";
import {Messages} from "./libraries/Messages.sol";
import {RunLib} from "./libraries/RunLib.sol";
import {RunSlots} from "./libraries/RunSlots.sol";
import {Authority} from "./types/Authority.sol";
import {
    Absence,
    Key,
    Machine,
    Phase,
    PhaseView,
    Reason,
    RunSpec,
    RunState,
    RunView,
    Seat,
    SeatView,
    Tally
} from "./types/RunTypes.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title TrainingRuns
/// @notice Orders checks, effects and events; when a run moves on is decided by `RunLib`, what is signed by `Messages`.
contract TrainingRuns is ITrainingRuns, Governed, EIP712 {
    using RunLib for Machine;
    using RunSlots for Machine;
    using RunSlots for RunSpec;
    using RunSlots for Seat;

    /// @dev Storage of one run. Seats are overwritten round by round; per round only one tally is new, of one slot.
    struct Run {
        RunSpec spec;
        Machine machine;
        uint8 layout;
        uint256[] ids;
        bytes32 roster;
        bytes32 committee;
        bytes32 sid;
        bytes32 setDigest;
        bytes32 inputDigest;
        bytes32 finalState;
        mapping(uint256 memberId => Seat) seats;
        mapping(bytes32 sid => Tally) tallies;
    }

    /// @dev `lastRound` of an Exit that is signed in advance: whichever round turns out to be the last.
    uint32 private constant ANY_ROUND = type(uint32).max;
    /// @dev How long after `enrolUntil` a bond can stay locked, whatever becomes of its run.
    uint64 private constant BOND_SECONDS = 730 days;
    /// @dev How far off `enrolUntil` may be: until then nothing moves a run that its solver leaves alone, bonds neither.
    uint64 private constant MOST_ENROLMENT = 365 days;
    /// @dev Each seat that is dropped adds an attempt, and they are counted in 16 bits.
    uint256 private constant MOST_ATTEMPTS = type(uint16).max - RunLib.MAX_SEATS;
    /// @dev Ownership is counted in millionths.
    uint256 private constant ALL_SHARES = 1_000_000;

    IMembership private immutable _membership;
    IDataRegistry private immutable _data;
    IProblems private immutable _problems;
    IBonds private immutable _bonds;

    mapping(bytes32 runId => Run) private _runs;
    /// @dev Who sent any Result, this very Result, or a refusal: the key holds the sid, or run and round of a refusal.
    mapping(bytes32 tally => uint48 seats) private _votes;

    constructor(
        IMembership membership,
        IDataRegistry data,
        IProblems problems,
        IBonds bonds,
        Authority memory authority
    ) Governed(authority) EIP712("AI Commons Secure Aggregation", "2") {
        (_membership, _data, _problems, _bonds) = (membership, data, problems, bonds);
    }

    // ----------------------------------------------------------------------------------------------- before the rounds

    /// @inheritdoc ITrainingRuns
    function open(RunSpec memory spec) external returns (bytes32 runId) {
        _checkSpec(spec);
        runId = Messages.runOf(spec);
        Run storage stored = _runs[runId];
        if (stored.machine.state != RunState.None) revert TrainingRunsAlreadyOpened(runId);
        stored.spec.save(spec);
        Machine memory m;
        m.state = RunState.Enrolling;
        m.minParticipants = spec.minParticipants;
        m.maxAttempts = spec.maxAttempts;
        m.rounds = spec.rounds;
        m.phaseSeconds = spec.phaseSeconds;
        m.patienceSeconds = spec.patienceSeconds;
        m.deadline = spec.enrolUntil;
        emit RunOpened(runId, spec.solver, spec);
        _store(runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function enrol(bytes32 runId, uint256 datasetId, bytes32 consentId, Absence absence, bytes calldata exitSignature)
        external
    {
        Run storage stored = _runs[runId];
        uint256 memberId = _activeCaller();
        _checkEnrolling(stored, memberId);
        if (_data.ownerOf(datasetId) != memberId) revert TrainingRunsNotOwner(datasetId, memberId);
        address nodeKey = _membership.nodeKeyOf(memberId);
        if (absence == Absence.Exit) {
            _checkSignature(nodeKey, memberId, Messages.hashExit(runId, memberId, ANY_ROUND), exitSignature);
        }
        Seat storage seat = stored.seats[memberId];
        (seat.nodeKey, seat.enrolled, seat.absence) = (nodeKey, true, absence);
        (seat.datasetId, seat.consentId) = (datasetId, consentId);
        stored.ids.push(memberId);
        seat.version = _useConsent(stored.spec, runId, datasetId, consentId);
        emit Enrolled(runId, memberId, datasetId, seat.version, consentId, nodeKey, absence, exitSignature);
        _takeBond(stored.spec, runId, memberId);
    }

    /// @inheritdoc ITrainingRuns
    function close(bytes32 runId) external {
        Run storage stored = _runs[runId];
        Machine memory m = _machine(stored);
        if (m.state != RunState.Enrolling) revert TrainingRunsWrongState(m.state);
        bool over = block.timestamp >= m.deadline;
        uint256[] memory ids = _liveSeats(runId, stored);
        bool enough = ids.length >= m.minParticipants;
        bool bySolver = _membership.memberOf(_msgSender()) == stored.spec.solver;
        if (!over && !(enough && bySolver)) revert TrainingRunsEnrolment(m.deadline);
        if (enough) _fixRoster(runId, stored, m, ids);
        else m.finish(Reason.TooFewParticipants);
        _store(runId, m);
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
        if (epoch != 0) revert TrainingRunsWrongPhase(m.phase, m.round, m.attempt);
        if (m.state == RunState.Acking && m.arrived & _bit(seat) != 0) revert TrainingRunsAlreadySent(memberId);
        m.ack(_bit(seat), _now());
        bytes32 message = Messages.hashAck(stored.roster, epoch, memberId, point, pokR, pokZ);
        _checkSignature(seat.nodeKey, memberId, message, signature);
        seat.point = point;
        if (m.state == RunState.Running) stored.committee = _committee(stored);
        emit Acked(runId, memberId, stored.roster, epoch, point, pokR, pokZ, signature);
        _store(runId, m);
    }

    // --------------------------------------------------------------------------------------------- messages of a round

    /// @inheritdoc ITrainingRuns
    function submit(Key memory key, bytes32 sid, bytes32 headerDigest, bytes calldata signature) external {
        (Run storage stored, Seat storage seat, Machine memory m) = _load(key);
        m.enterSubmit(key, _bit(seat), _now());
        _checkSignature(seat.nodeKey, key.memberId, Messages.hashSubmit(sid, key.memberId, headerDigest), signature);
        if (!_data.isLive(seat.consentId)) revert TrainingRunsConsentNotLive(seat.consentId);
        uint48 votes = _voteFor(stored, m, sid, _bit(seat), key.memberId);
        emit Submitted(key.runId, key.memberId, key.round, key.attempt, sid, headerDigest, signature);
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
        _vote(keccak256(abi.encode(key.runId, sid)), _bit(seat), key.memberId);
        uint48 votes = _vote(keccak256(abi.encode(key.runId, sid, sumDigest, stateDigest)), _bit(seat), key.memberId);
        emit Resulted(key.runId, key.memberId, key.round, key.attempt, sid, sumDigest, stateDigest, signature);
        if (m.result(votes, _now())) {
            stored.finalState = stateDigest;
            emit StateAgreed(key.runId, m.roundsDone, sid, stateDigest);
        }
        _store(key.runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function refuse(Key memory key, uint256 accusedId, bytes32 reason) external {
        (, Seat storage seat, Machine memory m) = _load(key);
        if (_msgSender() != seat.nodeKey) revert TrainingRunsSignatureInvalid(key.memberId);
        if (m.set & _bit(_seat(key.runId, accusedId)) == 0) revert TrainingRunsNotInSet(accusedId);
        if (m.exited & _bit(seat) != 0) revert TrainingRunsNotInSet(key.memberId);
        m.refuse(key, _now());
        _vote(keccak256(abi.encode("refuse", key.runId, key.round)), _bit(seat), key.memberId);
        emit AttemptStopped(key.runId, key.round, key.attempt, key.memberId, accusedId, reason);
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
        m.exit(_bit(seat), memberId);
        emit Exited(runId, memberId, lastRound, signature);
        _tryClose(stored, m);
        _store(runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function drop(bytes32 runId, uint256 memberId) external {
        Run storage stored = _runs[runId];
        Machine memory m = _machine(stored);
        Seat storage seat = _seat(runId, memberId);
        bytes32 consentId = seat.consentId;
        bool isExit = m.setFixed;
        if (_data.isLive(consentId) || (isExit && seat.absence != Absence.Exit)) {
            revert TrainingRunsMayNotDrop(memberId, consentId);
        }
        m.drop(_bit(seat), memberId, _now());
        emit Dropped(runId, memberId, consentId);
        if (isExit) emit Exited(runId, memberId, ANY_ROUND, "");
        _tryClose(stored, m);
        _store(runId, m);
    }

    /// @inheritdoc ITrainingRuns
    function advance(bytes32 runId) external {
        Run storage stored = _runs[runId];
        Machine memory m = _machine(stored);
        uint48 leaving = m.advance(_now());
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

    /// @inheritdoc ITrainingRuns
    function run(bytes32 runId) external view returns (RunView memory) {
        Run storage stored = _runs[runId];
        return RunView({
            spec: stored.spec.load(),
            layout: stored.layout,
            roster: stored.roster,
            committee: stored.committee,
            finalState: stored.finalState,
            position: phaseOf(runId)
        });
    }

    /// @inheritdoc ITrainingRuns
    function seats(bytes32 runId) external view returns (SeatView[] memory records) {
        Run storage stored = _runs[runId];
        records = new SeatView[](stored.ids.length);
        for (uint256 i; i < records.length; ++i) {
            records[i] = SeatView(stored.ids[i], stored.seats[stored.ids[i]].load());
        }
    }

    /// @inheritdoc ITrainingRuns
    function phaseOf(bytes32 runId) public view returns (PhaseView memory) {
        Run storage stored = _runs[runId];
        return PhaseView(_machine(stored), stored.sid, stored.setDigest, stored.inputDigest);
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
        return stored.sid == Messages.sidOf(runId, m.sidRound, m.sidAttempt, stateDigest, stored.committee);
    }

    /// @inheritdoc ITrainingRuns
    function sidOf(bytes32 runId, uint32 round, uint16 attempt, bytes32 stateDigest) external view returns (bytes32) {
        return Messages.sidOf(runId, round, attempt, stateDigest, _runs[runId].committee);
    }

    // --------------------------------------------------------------------------------------------------------- private

    function _checkSpec(RunSpec memory spec) private view {
        if (_activeCaller() != spec.solver) revert TrainingRunsNotMember(_msgSender());
        if (!_problems.isOpen(spec.problem)) revert TrainingRunsSpecInvalid("problem");
        if (spec.purpose == 0) revert TrainingRunsSpecInvalid("purpose");
        if (spec.rounds == 0 || spec.rounds == ANY_ROUND) revert TrainingRunsSpecInvalid("rounds");
        if (spec.minParticipants < 3) revert TrainingRunsSpecInvalid("minParticipants");
        if (spec.maxParticipants < spec.minParticipants || spec.maxParticipants > RunLib.MAX_SEATS) {
            revert TrainingRunsSpecInvalid("maxParticipants");
        }
        if (spec.layout != 1 && spec.layout != 2) revert TrainingRunsSpecInvalid("layout");
        if (spec.suite == 0 || spec.suite > 4) revert TrainingRunsSpecInvalid("suite");
        if (spec.maxAttempts < 2 || spec.maxAttempts > MOST_ATTEMPTS) revert TrainingRunsSpecInvalid("maxAttempts");
        if (spec.enrolUntil <= block.timestamp || spec.enrolUntil > block.timestamp + MOST_ENROLMENT) {
            revert TrainingRunsSpecInvalid("enrolUntil");
        }
        if (spec.phaseSeconds == 0) revert TrainingRunsSpecInvalid("phaseSeconds");
        if (uint256(spec.solverShares) + spec.ownerShares > ALL_SHARES) revert TrainingRunsSpecInvalid("shares");
    }

    function _checkEnrolling(Run storage stored, uint256 memberId) private view {
        Machine memory m = _machine(stored);
        if (m.state != RunState.Enrolling) revert TrainingRunsWrongState(m.state);
        if (block.timestamp >= m.deadline) revert TrainingRunsEnrolment(m.deadline);
        if (stored.ids.length >= stored.spec.maxParticipants) revert TrainingRunsFull(stored.spec.maxParticipants);
        if (stored.seats[memberId].enrolled) revert TrainingRunsAlreadyEnrolled(memberId);
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

    /// @dev The first Commit fixes whose data the run uses, so it waits until the dead are dropped.
    function _checkLive(Run storage stored, uint48 set) private view {
        for (uint256 i; set >> i != 0; ++i) {
            if (set >> i & 1 == 0) continue;
            bytes32 consentId = stored.seats[stored.ids[i]].consentId;
            if (!_data.isLive(consentId)) revert TrainingRunsConsentNotLive(consentId);
        }
    }

    /// @dev Gives up the seats whose consent died while the others enrolled.
    /// @return ids The others, ascending
    function _liveSeats(bytes32 runId, Run storage stored) private returns (uint256[] memory ids) {
        ids = stored.ids;
        uint256 live;
        for (uint256 i; i < ids.length; ++i) {
            uint256 id = ids[i];
            Seat storage seat = stored.seats[id];
            if (!_data.isLive(seat.consentId)) {
                seat.enrolled = false;
                emit Dropped(runId, id, seat.consentId);
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
        m.fixRoster(ids.length, stored.layout, _now());
        emit RosterFixed(runId, stored.roster, ids, nodeKeys, stored.layout, m.faults, m.quorum);
    }

    function _committee(Run storage stored) private view returns (bytes32) {
        bytes32[] memory points = new bytes32[](stored.ids.length);
        for (uint256 i; i < points.length; ++i) {
            points[i] = stored.seats[stored.ids[i]].point;
        }
        return Messages.committeeOf(stored.roster, 0, stored.layout, points);
    }

    /// @dev Takes every Submit, void ones too: what is not written down here can be sent again as a vote of a later round.
    function _voteFor(Run storage stored, Machine memory m, bytes32 sid, uint48 seat, uint256 memberId)
        private
        returns (uint48 votes)
    {
        Tally memory tally = stored.tallies[sid];
        votes = RunLib.vote(tally, m, seat, memberId);
        stored.tallies[sid] = tally;
    }

    function _agree(Run storage stored, Machine memory m, Key memory key, bytes32 sid, uint48 voided) private {
        stored.sid = sid;
        stored.finalState = 0;
        emit StateAgreed(key.runId, m.roundsDone, sid, 0);
        if (voided != 0) emit Voided(key.runId, key.round, key.attempt, voided);
    }

    function _tryClose(Run storage stored, Machine memory m) private {
        m.tryClose(_now());
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

    /// @dev Adds a seat to a tally; once.
    function _vote(bytes32 tally, uint48 seat, uint256 memberId) private returns (uint48 votes) {
        votes = _votes[tally];
        if (votes & seat != 0) revert TrainingRunsAlreadySent(memberId);
        votes |= seat;
        _votes[tally] = votes;
    }

    /// @dev Stores the machine and emits one event for each edge that it took.
    function _store(bytes32 runId, Machine memory m) private {
        Machine storage stored = _runs[runId].machine;
        bool phaseEdge = stored.phase != m.phase || stored.round != m.round || stored.attempt != m.attempt;
        bool stateEdge = stored.state != m.state;
        uint48 waitedFor = m.state == RunState.Running || m.state == RunState.Completed ? 0 : m.missing();
        stored.save(m);
        if (stateEdge) emit RunStateChanged(runId, m.state, m.round, m.reason, waitedFor, m.deadline);
        if (phaseEdge) emit PhaseEntered(runId, m.round, m.attempt, m.phase, m.set, m.deadline);
    }

    function _load(Key memory key) private view returns (Run storage stored, Seat storage seat, Machine memory m) {
        stored = _runs[key.runId];
        seat = _seat(key.runId, key.memberId);
        m = _machine(stored);
    }

    function _machine(Run storage stored) private view returns (Machine memory) {
        return stored.machine.load();
    }

    function _seat(bytes32 runId, uint256 memberId) private view returns (Seat storage seat) {
        seat = _runs[runId].seats[memberId];
        if (!seat.enrolled) revert TrainingRunsNoSeat(runId, memberId);
    }

    function _activeCaller() private view returns (uint256 memberId) {
        memberId = _membership.memberOf(_msgSender());
        if (!_membership.isActive(memberId)) revert TrainingRunsNotMember(_msgSender());
    }

    function _checkSignature(address nodeKey, uint256 memberId, bytes32 message, bytes calldata signature)
        private
        view
    {
        (address signer,,) = ECDSA.tryRecoverCalldata(_hashTypedDataV4(message), signature);
        if (signer != nodeKey || signer == address(0)) revert TrainingRunsSignatureInvalid(memberId);
    }

    function _checkDigest(bytes32 expected, bytes32 got) private pure {
        if (expected != got) revert TrainingRunsDigestMismatch(expected, got);
    }

    function _bit(Seat storage seat) private view returns (uint48) {
        return uint48(1) << seat.index;
    }

    function _now() private view returns (uint64) {
        return uint64(block.timestamp);
    }
}
