// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IDataRegistry} from "./interfaces/IDataRegistry.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {IRequests} from "./interfaces/IRequests.sol";
import {Authority} from "./types/Authority.sol";

/// @title Requests
contract Requests is IRequests, Governed {
    IMembership private immutable _membership;
    IDataRegistry private immutable _data;

    uint256 private _count;
    mapping(uint256 requestId => Request) private _requests;

    constructor(IMembership membership, IDataRegistry data, Authority memory authority) Governed(authority) {
        (_membership, _data) = (membership, data);
    }

    /// @inheritdoc IRequests
    function ask(uint256 datasetId, bytes32 runId, bytes32 document) external returns (uint256 requestId) {
        uint256 asker = _membership.memberOf(_msgSender());
        if (!_membership.isActive(asker)) revert RequestsNotMember(_msgSender());
        if (_data.ownerOf(datasetId) == 0) revert RequestsUnknownDataset(datasetId);
        if (document == 0) revert RequestsDocumentMissing();
        requestId = ++_count;
        _requests[requestId] = Request(datasetId, asker, runId, RequestState.Open);
        emit Asked(requestId, datasetId, asker, runId, document);
    }

    /// @inheritdoc IRequests
    function answer(uint256 requestId, Answer said, bytes32 document) external {
        Request storage stored = _requests[requestId];
        if (!_isAccountOf(_data.ownerOf(stored.datasetId))) revert RequestsNotOwner(requestId, _msgSender());
        if (said == Answer.AskBack) _checkState(requestId, stored.state, RequestState.Open);
        else _checkUndecided(requestId, stored.state);
        if (document == 0 && said != Answer.Approve) revert RequestsDocumentMissing();
        if (said == Answer.AskBack) stored.state = RequestState.AskedBack;
        else stored.state = said == Answer.Approve ? RequestState.Approved : RequestState.Denied;
        emit Answered(requestId, stored.datasetId, said, document);
    }

    /// @inheritdoc IRequests
    function reply(uint256 requestId, bytes32 document) external {
        Request storage stored = _asked(requestId);
        _checkState(requestId, stored.state, RequestState.AskedBack);
        if (document == 0) revert RequestsDocumentMissing();
        stored.state = RequestState.Open;
        emit Replied(requestId, document);
    }

    /// @inheritdoc IRequests
    function withdraw(uint256 requestId) external {
        Request storage stored = _asked(requestId);
        _checkUndecided(requestId, stored.state);
        stored.state = RequestState.Withdrawn;
        emit RequestWithdrawn(requestId);
    }

    /// @inheritdoc IRequests
    function request(uint256 requestId) external view returns (Request memory) {
        return _requests[requestId];
    }

    /// @inheritdoc IRequests
    function count() external view returns (uint256) {
        return _count;
    }

    function _asked(uint256 requestId) private view returns (Request storage stored) {
        stored = _requests[requestId];
        if (!_isAccountOf(stored.asker)) revert RequestsNotAsker(requestId, _msgSender());
    }

    /// @dev The account counts, not the status: who was suspended may still end what it began.
    function _isAccountOf(uint256 memberId) private view returns (bool) {
        return _membership.accountOf(memberId) == _msgSender();
    }

    function _checkState(uint256 requestId, RequestState state, RequestState expected) private pure {
        if (state != expected) revert RequestsWrongState(requestId, state);
    }

    function _checkUndecided(uint256 requestId, RequestState state) private pure {
        if (state != RequestState.Open && state != RequestState.AskedBack) revert RequestsWrongState(requestId, state);
    }
}
