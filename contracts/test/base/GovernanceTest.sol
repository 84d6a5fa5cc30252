// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembership} from "../../src/interfaces/IMembership.sol";
import {CommonsTest} from "./CommonsTest.sol";
import {ERC2771Forwarder} from "@openzeppelin/contracts/metatx/ERC2771Forwarder.sol";

/// @notice A commons of five members that propose, vote, queue and execute.
abstract contract GovernanceTest is CommonsTest {
    bytes32 internal constant WHY = keccak256("why");
    uint256 internal constant PEOPLE = 5;

    function setUp() public virtual override {
        super.setUp();
        _admit(1, PEOPLE);
        vm.warp(START + 1);
    }

    function _grantAuditor(uint256 memberId) internal pure returns (bytes memory) {
        return abi.encodeCall(IMembership.grantRole, (memberId, IMembership.Role.Auditor));
    }

    function _call(address target, bytes memory data)
        internal
        pure
        returns (address[] memory targets, uint256[] memory values, bytes[] memory datas)
    {
        (targets, values, datas) = (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], datas[0]) = (target, data);
    }

    function _propose(uint256 id, address target, bytes memory data) internal returns (uint256 proposalId) {
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(target, data);
        vm.prank(_account(id));
        return commonsGovernor.propose(targets, values, datas, "why");
    }

    function _vote(uint256 id, uint256 proposalId, uint8 support) internal {
        vm.prank(_account(id));
        commonsGovernor.castVote(proposalId, support);
    }

    function _queue(address target, bytes memory data) internal {
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(target, data);
        commonsGovernor.queue(targets, values, datas, WHY);
    }

    function _execute(address target, bytes memory data) internal {
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(target, data);
        commonsGovernor.execute(targets, values, datas, WHY);
    }

    function _skip(uint256 seconds_) internal {
        vm.warp(vm.getBlockTimestamp() + seconds_);
    }

    /// @dev Proposes by member 1 and waits until the vote is open.
    function _opened(address target, bytes memory data) internal returns (uint256 proposalId) {
        proposalId = _propose(1, target, data);
        _skip(VOTE_DELAY + 1);
    }

    /// @dev The whole path: members 1..3 agree, both delays pass, somebody carries it out.
    function _decide(address target, bytes memory data) internal {
        uint256 proposalId = _opened(target, data);
        for (uint256 id = 1; id <= 3; ++id) {
            _vote(id, proposalId, 1);
        }
        _skip(VOTE_PERIOD);
        _queue(target, data);
        _skip(TIMELOCK_DELAY);
        _execute(target, data);
    }

    /// @dev What a member signs so that a relayer sends its call.
    function _request(uint256 id, address target, bytes memory data)
        internal
        view
        returns (ERC2771Forwarder.ForwardRequestData memory request)
    {
        request = ERC2771Forwarder.ForwardRequestData(
            _account(id), target, 0, 1_000_000, uint48(vm.getBlockTimestamp() + 1 hours), data, ""
        );
        bytes32 kind = keccak256(
            "ForwardRequest(address from,address to,uint256 value,uint256 gas,uint256 nonce,uint48 deadline,bytes data)"
        );
        bytes32 body = keccak256(
            abi.encode(
                kind,
                request.from,
                target,
                0,
                request.gas,
                forwarder.nonces(request.from),
                request.deadline,
                keccak256(data)
            )
        );
        request.signature = _sign(0xACC0000 + id, _domain("AI Commons Forwarder", "1", address(forwarder)), body);
    }
}
