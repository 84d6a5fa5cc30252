// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {IProblems} from "./interfaces/IProblems.sol";
import {Authority} from "./types/Authority.sol";

/// @title Problems
contract Problems is IProblems, Governed {
    IMembership private immutable _membership;

    mapping(bytes32 problemId => Problem) private _problems;

    constructor(IMembership membership, Authority memory authority) Governed(authority) {
        _membership = membership;
    }

    /// @inheritdoc IProblems
    function state(bytes32 document, uint64 deadline) external returns (bytes32 problemId) {
        uint256 owner = _membership.memberOf(_msgSender());
        if (!_membership.isActive(owner)) revert ProblemsNotMember(_msgSender());
        if (document == 0) revert ProblemsDocumentMissing();
        if (deadline <= block.timestamp) revert ProblemsDeadlinePassed(deadline);
        problemId = keccak256(abi.encode(block.chainid, address(this), owner, document, deadline));
        if (_problems[problemId].state != ProblemState.None) revert ProblemsAlreadyStated(problemId);
        _problems[problemId] = Problem(owner, deadline, ProblemState.Open, document);
        emit Stated(problemId, owner, document, deadline);
    }

    /// @inheritdoc IProblems
    function close(bytes32 problemId) external {
        Problem storage stored = _problems[problemId];
        if (stored.state != ProblemState.Open) revert ProblemsNotOpen(problemId);
        if (stored.owner != _membership.memberOf(_msgSender())) revert ProblemsNotOwner(problemId, _msgSender());
        stored.state = ProblemState.Closed;
        emit Closed(problemId, stored.owner);
    }

    /// @inheritdoc IProblems
    function problem(bytes32 problemId) external view returns (Problem memory) {
        return _problems[problemId];
    }

    /// @inheritdoc IProblems
    function ownerOf(bytes32 problemId) external view returns (uint256) {
        return _problems[problemId].owner;
    }

    /// @inheritdoc IProblems
    function isOpen(bytes32 problemId) external view returns (bool) {
        Problem storage stored = _problems[problemId];
        return stored.state == ProblemState.Open && block.timestamp < stored.deadline;
    }
}
