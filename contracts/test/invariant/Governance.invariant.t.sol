// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembership} from "../../src/interfaces/IMembership.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {GovernanceHandler} from "./GovernanceHandler.sol";

/// @notice Rules 4, 9 and 10 for votes: no more votes than members when a vote began, every ballot once and only its
/// signer's, and nothing is done but what was carried, queued and had waited.
contract GovernanceInvariantTest is CommonsTest {
    GovernanceHandler private handler;

    function setUp() public override {
        handler = new GovernanceHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](8);
        actions[0] = GovernanceHandler.propose.selector;
        actions[1] = GovernanceHandler.vote.selector;
        actions[2] = GovernanceHandler.voteBySignature.selector;
        actions[3] = GovernanceHandler.wait.selector;
        actions[4] = GovernanceHandler.queue.selector;
        actions[5] = GovernanceHandler.execute.selector;
        actions[6] = GovernanceHandler.meddle.selector;
        actions[7] = GovernanceHandler.turnOver.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    /// @dev One campaign for all rules, because separate ones would walk the same sequences again.
    function invariant_rulesOfVotesHold() external view {
        vm.assertFalse(handler.bypassed(), "done without a vote, or too early");
        vm.assertFalse(handler.replayed(), "a ballot counted twice");
        for (uint256 place; place < handler.motions(); ++place) {
            GovernanceHandler.Motion memory at = handler.motion(place);
            vm.assertEq(handler.counted(at.proposalId), at.votes);
            vm.assertLe(at.votes, handler.electorate(at.proposalId), "more votes than members");
        }
        _rolesAreVoted();
    }

    /// @dev Every role is what the votes that were carried out say, as long as its member is one.
    function _rolesAreVoted() private view {
        for (uint256 id = 1; id <= handler.members().count(); ++id) {
            bool expected = handler.isAuditor(id) && handler.members().isActive(id);
            vm.assertTrue(handler.members().hasRole(id, IMembership.Role.Auditor) == expected, "a role without a vote");
        }
    }
}

/// @notice The walks do reach executed proposals; without that the rules above say nothing about them.
contract GovernanceWalkTest is CommonsTest {
    function setUp() public override {}

    function test_walk_reachesExecution() public {
        GovernanceHandler handler = new GovernanceHandler();
        for (uint256 i; i < 400; ++i) {
            uint256 word = uint256(keccak256(abi.encode(i)));
            if (i % 16 == 0) handler.propose(word);
            for (uint256 voter; voter < 5; ++voter) {
                handler.vote(uint256(keccak256(abi.encode(i, voter))));
            }
            handler.voteBySignature(word);
            if (i % 4 == 0) handler.wait(word);
            handler.queue(word);
            handler.execute(word >> 8);
            handler.meddle(word);
        }
        vm.assertGe(handler.executed(), 2, "executed");
        vm.assertFalse(handler.bypassed());
        vm.assertFalse(handler.replayed());
    }
}
