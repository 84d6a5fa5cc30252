// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IAttestations} from "./interfaces/IAttestations.sol";
import {IDataRegistry} from "./interfaces/IDataRegistry.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IProblems} from "./interfaces/IProblems.sol";
import {ITrainingRuns} from "./interfaces/ITrainingRuns.sol";
import {IVault} from "./interfaces/IVault.sol";
import {RunLib} from "./libraries/RunLib.sol";
import {Authority} from "./types/Authority.sol";
import {Extra, Machine, RunState, RunView, SeatView} from "./types/RunTypes.sol";
import {IERC6909} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ModelRegistry
contract ModelRegistry is IModelRegistry, Governed {
    /// @dev Ownership is counted in millionths.
    uint256 private constant ALL_SHARES = 1_000_000;
    /// @dev Far more than anybody asks for, and a release still fits one call.
    uint16 private constant MOST_AUDITS = 48;

    IMembership private immutable _membership;
    IProblems private immutable _problems;
    IDataRegistry private immutable _data;
    ITrainingRuns private immutable _runs;
    IAttestations private immutable _attestations;
    IVault private immutable _vault;

    AuditRules private _rules;
    mapping(bytes32 modelId => Model) private _models;
    mapping(bytes32 modelId => Source[]) private _sources;
    mapping(bytes32 modelId => mapping(uint256 memberId => uint256)) private _shares;
    mapping(bytes32 modelId => mapping(uint256 memberId => Tie)) private _ties;
    mapping(bytes32 modelId => mapping(address token => uint256)) private _received;
    mapping(bytes32 modelId => mapping(address token => mapping(uint256 memberId => uint256))) private _claimed;

    constructor(
        IMembership membership,
        IProblems problems,
        IDataRegistry data,
        ITrainingRuns runs,
        IAttestations attestations,
        IVault vault,
        AuditRules memory rules,
        Authority memory authority
    ) Governed(authority) {
        (_membership, _problems, _data, _runs) = (membership, problems, data, runs);
        (_attestations, _vault) = (attestations, vault);
        _setRules(rules);
    }

    // -------------------------------------------------------------------------------------------- where it comes from

    /// @inheritdoc IModelRegistry
    function register(bytes32 runId, bytes32 card, bytes32 stateDigest, bytes32 licence)
        external
        returns (bytes32 modelId)
    {
        modelId = runId;
        Model storage stored = _models[modelId];
        if (stored.state != ModelState.None) revert ModelRegistryAlreadyRegistered(modelId);
        if (card == 0) revert ModelRegistryCardMissing();
        RunView memory made = _runs.run(runId);
        _checkState(runId, made.position.machine, stateDigest);
        SeatView[] memory seats = _runs.seats(runId);
        _recordLineage(modelId, made, seats);
        uint256 registrant = _party(modelId);
        (stored.state, stored.roundsDone) = (ModelState.Draft, made.position.machine.roundsDone);
        (, stored.purpose) = _data.purposeBit(made.spec.purpose); // known: the run used data for it
        (stored.solver, stored.plan, stored.card) = (made.spec.solver, made.spec.plan, card);
        (stored.stateDigest, stored.licence) = (stateDigest, licence);
        _emitRegistered(modelId, registrant, stored);
        _share(modelId, made, seats);
    }

    /// @inheritdoc IModelRegistry
    function amend(bytes32 modelId, bytes32 card, bytes32 licence) external {
        Model storage stored = _known(modelId);
        bool isAsked = stored.state == ModelState.InAudit;
        if (stored.state != ModelState.Draft && !isAsked) revert ModelRegistryWrongState(modelId, stored.state);
        _checkSolver(modelId, stored.solver);
        if (card == 0) revert ModelRegistryCardMissing();
        (stored.card, stored.licence) = (card, licence);
        if (isAsked) stored.auditsFrom = uint64(block.timestamp) + 1; // nor those of this very second
        emit ModelAmended(modelId, card, licence, stored.auditsFrom);
    }

    /// @inheritdoc IModelRegistry
    function ask(bytes32 runId, uint256 datasetId, Wish wish, bytes32 document) external {
        if (!_hasUsed(runId, datasetId)) revert ModelRegistryNotInLineage(runId, datasetId);
        IDataRegistry.Dataset memory used = _data.dataset(datasetId);
        if (_membership.accountOf(used.owner) != _msgSender() && used.body != _msgSender()) {
            revert ModelRegistryNotOwner(datasetId, _msgSender());
        }
        emit Wished(runId, datasetId, wish, document);
    }

    // ------------------------------------------------------------------------------------------------ audit and release

    /// @inheritdoc IModelRegistry
    function requestAudit(bytes32 modelId) external {
        Model storage stored = _in(modelId, ModelState.Draft);
        uint256 requester = _party(modelId);
        (stored.state, stored.auditsFrom) = (ModelState.InAudit, uint64(block.timestamp));
        emit AuditRequested(modelId, requester);
    }

    /// @inheritdoc IModelRegistry
    function clear(bytes32 modelId, bytes32[] calldata audits) external {
        Model storage stored = _unharmed(modelId, ModelState.InAudit);
        _checkGate(modelId, audits);
        (stored.state, stored.releasableAt) = (ModelState.Releasable, uint64(block.timestamp) + _rules.delay);
        emit ModelCleared(modelId, stored.releasableAt, audits);
    }

    /// @inheritdoc IModelRegistry
    function release(bytes32 modelId, bytes32[] calldata audits) external {
        Model storage stored = _unharmed(modelId, ModelState.Releasable);
        uint256 releaser = _party(modelId);
        if (block.timestamp < stored.releasableAt) revert ModelRegistryTooEarly(stored.releasableAt);
        _checkGate(modelId, audits);
        stored.state = ModelState.Released;
        emit ModelReleased(modelId, releaser, audits);
    }

    /// @inheritdoc IModelRegistry
    function suspend(bytes32 modelId, bytes32 reason) external {
        _checkTimelock();
        Model storage stored = _known(modelId);
        ModelState previous = stored.state;
        if (previous < ModelState.InAudit || previous > ModelState.Released) {
            revert ModelRegistryWrongState(modelId, previous);
        }
        (stored.state, stored.resumesTo) = (ModelState.Suspended, previous);
        emit ModelSuspended(modelId, previous, reason);
    }

    /// @inheritdoc IModelRegistry
    function resume(bytes32 modelId) external {
        _checkTimelock();
        Model storage stored = _in(modelId, ModelState.Suspended);
        (stored.state, stored.resumesTo) = (stored.resumesTo, ModelState.None);
        emit ModelResumed(modelId, stored.state);
    }

    /// @inheritdoc IModelRegistry
    function withdraw(bytes32 modelId, bytes32 reason) external {
        Model storage stored = _known(modelId);
        ModelState previous = stored.state;
        if (previous == ModelState.Withdrawn) revert ModelRegistryWrongState(modelId, previous);
        if (!_isTimelock()) _checkSolver(modelId, stored.solver);
        (stored.state, stored.resumesTo) = (ModelState.Withdrawn, ModelState.None);
        emit ModelWithdrawn(modelId, previous, reason);
    }

    /// @inheritdoc IModelRegistry
    function setAuditRules(AuditRules calldata rules) external {
        _checkTimelock();
        _setRules(rules);
    }

    // ---------------------------------------------------------------------------------------------------------- revenue

    /// @inheritdoc IModelRegistry
    function pay(bytes32 modelId, address token, uint256 amount) external {
        _known(modelId);
        _received[modelId][token] += amount;
        emit RevenuePaid(modelId, _msgSender(), token, amount);
        _vault.collect(_msgSender(), token, amount);
    }

    /// @inheritdoc IModelRegistry
    function claim(bytes32 modelId, address token, uint256 memberId) external {
        address account = _msgSender();
        if (_membership.accountOf(memberId) != account) revert ModelRegistryNotHolder(memberId, account);
        uint256 owed = claimable(modelId, token, memberId);
        if (owed == 0) revert ModelRegistryNothingToClaim(modelId, token, memberId);
        _claimed[modelId][token][memberId] += owed;
        emit RevenueClaimed(modelId, memberId, token, account, owed);
        bool moved = IERC6909(address(_vault)).transfer(account, _vault.idOf(token), owed);
        assert(moved); // the vault reverts where it cannot
    }

    // ------------------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IModelRegistry
    function model(bytes32 modelId) external view returns (Model memory) {
        return _models[modelId];
    }

    /// @inheritdoc IModelRegistry
    function sources(bytes32 modelId) external view returns (Source[] memory) {
        return _sources[modelId];
    }

    /// @inheritdoc IModelRegistry
    function sharesOf(bytes32 modelId, uint256 memberId) external view returns (uint256) {
        return _shares[modelId][memberId];
    }

    /// @inheritdoc IModelRegistry
    function tieOf(bytes32 modelId, uint256 memberId) external view returns (Tie) {
        return _ties[modelId][memberId];
    }

    /// @inheritdoc IModelRegistry
    function auditRules() external view returns (AuditRules memory) {
        return _rules;
    }

    /// @inheritdoc IModelRegistry
    function received(bytes32 modelId, address token) external view returns (uint256) {
        return _received[modelId][token];
    }

    /// @inheritdoc IModelRegistry
    function claimable(bytes32 modelId, address token, uint256 memberId) public view returns (uint256) {
        uint256 earned = Math.mulDiv(_received[modelId][token], _shares[modelId][memberId], ALL_SHARES);
        return earned - _claimed[modelId][token][memberId];
    }

    // ---------------------------------------------------------------------------------------------------------- lineage

    /// @dev At most 48 seats, and the further datasets of one of them.
    function _hasUsed(bytes32 runId, uint256 datasetId) private view returns (bool) {
        Source[] storage used = _sources[runId];
        uint256 holder = _data.ownerOf(datasetId);
        for (uint256 i; i < used.length; ++i) {
            if (used[i].memberId == holder) {
                return used[i].datasetId == datasetId || _isExtra(runId, holder, datasetId);
            }
        }
        return false;
    }

    function _isExtra(bytes32 runId, uint256 memberId, uint256 datasetId) private view returns (bool) {
        Extra[] memory extras = _runs.extrasOf(runId, memberId);
        for (uint256 i; i < extras.length; ++i) {
            if (extras[i].datasetId == datasetId) return true;
        }
        return false;
    }

    function _checkState(bytes32 runId, Machine memory m, bytes32 stateDigest) private view {
        bool over = m.state == RunState.Completed || m.state == RunState.Ended;
        if (!over || m.roundsDone == 0) revert ModelRegistryNoState(runId);
        if (!_runs.isAgreedState(runId, stateDigest)) revert ModelRegistryStateMismatch(stateDigest);
    }

    /// @dev Copies the lineage of all whose rows are in a sum, also of who left since, and everybody's ties; at most 48
    /// seats. Who has a tie keeps it, so that an audit by somebody who owned nothing at the end is not independent either.
    function _recordLineage(bytes32 modelId, RunView memory made, SeatView[] memory seats) private {
        IProblems.Problem memory problem = _problems.problem(made.spec.problem);
        _ties[modelId][problem.owner] = Tie.Interested;
        if (problem.judge != 0) _ties[modelId][problem.judge] = Tie.Interested;
        for (uint256 i; i < seats.length; ++i) {
            bool isIn = made.position.machine.summed >> i & 1 == 1;
            _ties[modelId][seats[i].memberId] = isIn ? Tie.Party : Tie.Interested;
            if (isIn) _sources[modelId].push(_sourceOf(seats[i]));
        }
        _ties[modelId][made.spec.solver] = Tie.Party;
    }

    function _sourceOf(SeatView memory held) private pure returns (Source memory) {
        return Source(held.memberId, held.seat.datasetId, held.seat.version, held.seat.usedAt, held.seat.consentId);
    }

    function _emitRegistered(bytes32 modelId, uint256 registrant, Model storage made) private {
        emit Registered(
            modelId,
            registrant,
            made.plan,
            made.card,
            made.stateDigest,
            made.licence,
            made.roundsDone,
            _sources[modelId]
        );
    }

    /// @dev Solver's and problem owner's parts, the rest equally among all whose rows are in a sum; what does not divide goes to
    /// the lowest ids. Who left keeps its part: a consent that costs something to take back is not free. Who was put out for
    /// cheating stands in the lineage and owns nothing.
    function _share(bytes32 modelId, RunView memory made, SeatView[] memory seats) private {
        _give(modelId, made.spec.solver, made.spec.solverShares);
        _give(modelId, _problems.ownerOf(made.spec.problem), made.spec.ownerShares);
        uint48 heirs = made.position.machine.summed & ~made.position.machine.excluded;
        uint256 members = RunLib.size(heirs);
        uint256 rest = ALL_SHARES - made.spec.solverShares - made.spec.ownerShares;
        uint256 given;
        for (uint256 i; i < seats.length; ++i) {
            if (heirs >> i & 1 == 1) {
                _give(modelId, seats[i].memberId, rest / members + (given < rest % members ? 1 : 0));
                ++given;
            }
        }
    }

    function _give(bytes32 modelId, uint256 memberId, uint256 shares) private {
        if (shares == 0) return;
        _shares[modelId][memberId] += shares;
        emit SharesGiven(modelId, memberId, shares);
    }

    // ------------------------------------------------------------------------------------------------------------- gate

    function _checkGate(bytes32 modelId, bytes32[] calldata audits) private view {
        Model storage stored = _models[modelId];
        if (_data.bannedPurposes() >> stored.purpose & 1 == 1) revert ModelRegistryPurposeBanned(stored.purpose);
        _checkAudits(modelId, audits);
        _checkConsents(modelId);
    }

    function _checkAudits(bytes32 modelId, bytes32[] calldata audits) private view {
        if (audits.length > MOST_AUDITS) revert ModelRegistryAuditsTooMany(audits.length, MOST_AUDITS);
        if (audits.length < _rules.audits) revert ModelRegistryAuditsMissing(audits.length, _rules.audits);
        uint256[] memory auditors = new uint256[](audits.length);
        for (uint256 i; i < audits.length; ++i) {
            auditors[i] = _checkAudit(modelId, audits[i]);
            for (uint256 j; j < i; ++j) {
                if (auditors[j] == auditors[i]) revert ModelRegistryAuditInvalid(audits[i]);
            }
        }
    }

    function _checkAudit(bytes32 modelId, bytes32 attestationId) private view returns (uint256 auditor) {
        IAttestations.Attestation memory said = _attestations.attestation(attestationId);
        bool isAudit = said.kind == IAttestations.Kind.Audit && said.passed && said.subject == modelId;
        if (!isAudit || !_attestations.isLive(attestationId)) revert ModelRegistryAuditInvalid(attestationId);
        uint64 from = _models[modelId].auditsFrom;
        if (said.madeAt < from) revert ModelRegistryAuditTooEarly(attestationId, said.madeAt, from);
        auditor = said.attester;
        if (_ties[modelId][auditor] != Tie.None) revert ModelRegistryConflict(attestationId, auditor);
    }

    /// @dev At most 48 sources. What seats bring beside them was checked by the very Submit that is their last use.
    function _checkConsents(bytes32 modelId) private view {
        Source[] storage used = _sources[modelId];
        for (uint256 i; i < used.length; ++i) {
            if (!_data.livedAt(used[i].consentId, used[i].usedAt)) revert ModelRegistryStale(used[i].consentId);
        }
    }

    function _setRules(AuditRules memory rules) private {
        if (rules.audits == 0 || rules.audits > MOST_AUDITS) revert ModelRegistryRulesInvalid(rules.audits);
        _rules = rules;
        emit AuditRulesSet(rules.audits, rules.delay);
    }

    // ------------------------------------------------------------------------------------------------- who and in which

    /// @dev Whoever the caller acts for, by account or as a node.
    function _caller() private view returns (uint256 memberId) {
        memberId = _membership.memberOf(_msgSender());
        return memberId == 0 ? _membership.memberOfNodeKey(_msgSender()) : memberId;
    }

    function _party(bytes32 modelId) private view returns (uint256 memberId) {
        memberId = _caller();
        bool isParty = _ties[modelId][memberId] == Tie.Party && _membership.isActive(memberId);
        if (!isParty) revert ModelRegistryNotParticipant(_msgSender());
    }

    function _checkSolver(bytes32 modelId, uint256 solver) private view {
        bool isSolver = _membership.memberOf(_msgSender()) == solver && _membership.isActive(solver);
        if (!isSolver) revert ModelRegistryNotSolver(modelId, _msgSender());
    }

    function _known(bytes32 modelId) private view returns (Model storage stored) {
        stored = _models[modelId];
        if (stored.state == ModelState.None) revert ModelRegistryUnknown(modelId);
    }

    function _in(bytes32 modelId, ModelState state) private view returns (Model storage stored) {
        stored = _known(modelId);
        if (stored.state != state) revert ModelRegistryWrongState(modelId, stored.state);
    }

    function _unharmed(bytes32 modelId, ModelState state) private view returns (Model storage) {
        if (_models[modelId].state == ModelState.Suspended) revert ModelRegistryOpenHarm(modelId);
        return _in(modelId, state);
    }
}
