// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IDataRegistry} from "./interfaces/IDataRegistry.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IProblems} from "./interfaces/IProblems.sol";
import {ITrainingRuns} from "./interfaces/ITrainingRuns.sol";
import {Authority} from "./types/Authority.sol";
import {Machine, RunState, RunView, Seat, SeatView} from "./types/RunTypes.sol";

/// @title ModelRegistry
contract ModelRegistry is IModelRegistry, Governed {
    /// @dev Ownership is counted in millionths.
    uint256 private constant ALL_SHARES = 1_000_000;

    IMembership private immutable _membership;
    IProblems private immutable _problems;
    IDataRegistry private immutable _data;
    ITrainingRuns private immutable _runs;

    mapping(bytes32 modelId => Model) private _models;
    mapping(bytes32 modelId => Source[]) private _sources;
    mapping(bytes32 modelId => mapping(uint256 memberId => uint256)) private _shares;

    constructor(
        IMembership membership,
        IProblems problems,
        IDataRegistry data,
        ITrainingRuns runs,
        Authority memory authority
    ) Governed(authority) {
        (_membership, _problems, _data, _runs) = (membership, problems, data, runs);
    }

    /// @inheritdoc IModelRegistry
    function register(bytes32 runId, bytes32 card, bytes32 stateDigest) external returns (bytes32 modelId) {
        modelId = runId;
        Model storage stored = _models[modelId];
        if (stored.state != ModelState.None) revert ModelRegistryAlreadyRegistered(modelId);
        if (card == 0) revert ModelRegistryCardMissing();
        RunView memory made = _runs.run(runId);
        _checkState(runId, made.position.machine, stateDigest);
        uint256 registrant = _membership.memberOf(_msgSender());
        if (registrant == 0) registrant = _membership.memberOfNodeKey(_msgSender());
        bool known = _record(modelId, made.position.machine.set, registrant) || registrant == made.spec.solver;
        if (!known || registrant == 0) revert ModelRegistryNotParticipant(_msgSender());
        (stored.state, stored.runId, stored.plan) = (ModelState.Draft, runId, made.spec.plan);
        (stored.card, stored.stateDigest) = (card, stateDigest);
        stored.roundsDone = made.position.machine.roundsDone;
        emit Registered(modelId, registrant, stored.plan, card, stateDigest, stored.roundsDone, _sources[modelId]);
        _share(modelId, made);
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

    /// @dev At most 48 seats.
    function _hasUsed(bytes32 runId, uint256 datasetId) private view returns (bool) {
        Source[] storage used = _sources[runId];
        for (uint256 i; i < used.length; ++i) {
            if (used[i].datasetId == datasetId) return true;
        }
        return false;
    }

    function _checkState(bytes32 runId, Machine memory m, bytes32 stateDigest) private view {
        bool over = m.state == RunState.Completed || m.state == RunState.Ended;
        if (!over || m.roundsDone == 0) revert ModelRegistryNoState(runId);
        if (!_runs.isAgreedState(runId, stateDigest)) revert ModelRegistryStateMismatch(stateDigest);
    }

    /// @dev Copies the lineage of the final set; at most 48 seats.
    /// @return found Whether the registrant is in the set
    function _record(bytes32 modelId, uint48 set, uint256 registrant) private returns (bool found) {
        SeatView[] memory seats = _runs.seats(modelId);
        for (uint256 i; i < seats.length; ++i) {
            if (set >> i & 1 == 0) continue;
            Seat memory seat = seats[i].seat;
            _models[modelId].participants.push(seats[i].memberId);
            _sources[modelId].push(Source(seats[i].memberId, seat.datasetId, seat.version, seat.consentId));
            found = found || seats[i].memberId == registrant;
        }
    }

    /// @dev Solver's and problem owner's parts, the rest equally; what does not divide goes to the lowest ids.
    function _share(bytes32 modelId, RunView memory made) private {
        _give(modelId, made.spec.solver, made.spec.solverShares);
        _give(modelId, _problems.ownerOf(made.spec.problem), made.spec.ownerShares);
        uint256[] storage participants = _models[modelId].participants;
        uint256 members = participants.length;
        uint256 rest = ALL_SHARES - made.spec.solverShares - made.spec.ownerShares;
        for (uint256 i; i < members; ++i) {
            _give(modelId, participants[i], rest / members + (i < rest % members ? 1 : 0));
        }
    }

    function _give(bytes32 modelId, uint256 memberId, uint256 shares) private {
        if (shares == 0) return;
        _shares[modelId][memberId] += shares;
        emit SharesGiven(modelId, memberId, shares);
    }
}
