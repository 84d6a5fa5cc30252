// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommonsGovernor} from "../../src/CommonsGovernor.sol";
import {CoopMembers} from "../../src/CoopMembers.sol";
import {ICommonsGovernor} from "../../src/interfaces/ICommonsGovernor.sol";
import {Authority} from "../../src/types/Authority.sol";
import {MachineTest} from "../base/MachineTest.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @notice The machine "proposal" of vectors/machines.json, with a governor of its own over a roll of three people.
contract ProposalMachineTest is MachineTest {
    address private constant VOTER = address(0x70);

    CommonsGovernor private governor;
    uint256 private proposalId;

    function setUp() public override {
        super.setUp();
        CoopMembers roll = new CoopMembers("Voters", address(this));
        (address[] memory people, bytes32[] memory credentials) = (new address[](2), new bytes32[](2));
        (people[0], people[1], credentials[0], credentials[1]) = (address(this), VOTER, "one", "two");
        roll.admit(people, credentials);
        address[] memory proposers = new address[](1);
        proposers[0] = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        TimelockController delayed = new TimelockController(TIMELOCK_DELAY, proposers, new address[](1), address(0));
        governor = new CommonsGovernor(
            roll,
            ICommonsGovernor.VoteRules(VOTE_DELAY, VOTE_PERIOD, 10, 2),
            Authority(address(delayed), address(forwarder))
        );
        vm.warp(START + 1);
    }

    function _named() internal pure override returns (string memory) {
        return "proposal";
    }

    function _reach(bytes32 state) internal override {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = _actions();
        proposalId = governor.propose(targets, values, calls, "rest");
        if (state == _id("Pending")) return;
        if (state == _id("Canceled")) return _must("cancel(address[],uint256[],bytes[],bytes32)");
        _must("time");
        if (state == _id("Active")) return;
        if (state == _id("Defeated")) return vm.warp(governor.proposalDeadline(proposalId) + 1);
        _must("time");
        if (state == _id("Succeeded")) return;
        _must("queue(address[],uint256[],bytes[],bytes32)");
        if (state == _id("Executed")) _must("execute(address[],uint256[],bytes[],bytes32)");
    }

    /// @dev A vote fails where both are against it; that it fails without votes is how `_reach` brings it there.
    function _reachFor(bytes32 state, bytes32 to) internal override {
        _reach(state);
        if (state != _id("Active") || to != _id("Defeated")) return;
        governor.castVote(proposalId, 0);
        vm.prank(VOTER);
        governor.castVote(proposalId, 0);
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        if (call == TIME) return _later();
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = _actions();
        bytes4 selector = IGovernor.cancel.selector;
        if (call == _id("queue(address[],uint256[],bytes[],bytes32)")) selector = IGovernor.queue.selector;
        if (call == _id("execute(address[],uint256[],bytes[],bytes32)")) {
            selector = IGovernor.execute.selector;
            if (governor.proposalEta(proposalId) != 0) vm.warp(governor.proposalEta(proposalId));
        }
        return address(governor).call(abi.encodeWithSelector(selector, targets, values, calls, keccak256("rest")));
    }

    function _where() internal view override returns (string memory) {
        string[8] memory names =
            ["Pending", "Active", "Canceled", "Defeated", "Succeeded", "Queued", "Expired", "Executed"];
        return names[uint256(governor.state(proposalId))];
    }

    function _must(string memory call) private {
        (bool done,) = _send(_id(call));
        vm.assertTrue(done, call);
    }

    /// @dev Past the delay, or past the vote, in which both vote for it unless they voted before.
    function _later() private returns (bool, bytes memory) {
        IGovernor.ProposalState state = governor.state(proposalId);
        if (state == IGovernor.ProposalState.Pending) vm.warp(governor.proposalSnapshot(proposalId) + 1);
        if (state != IGovernor.ProposalState.Active) return (true, "");
        if (!governor.hasVoted(proposalId, VOTER)) {
            governor.castVote(proposalId, 1);
            vm.prank(VOTER);
            governor.castVote(proposalId, 1);
        }
        vm.warp(governor.proposalDeadline(proposalId) + 1);
        return (true, "");
    }

    function _actions() private pure returns (address[] memory, uint256[] memory, bytes[] memory) {
        address[] memory targets = new address[](1);
        targets[0] = VOTER;
        return (targets, new uint256[](1), new bytes[](1));
    }
}
