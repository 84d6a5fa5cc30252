// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Membership} from "../../src/Membership.sol";
import {IMembership} from "../../src/interfaces/IMembership.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {MembershipHandler} from "./MembershipHandler.sol";

/// @notice Rule 4: one live membership per credential, account and key; ids are never reused; votes are as many as live
/// members, at most one for an account, now and at any second; a vote never moves but by recovery, which keeps the count
/// and never takes a membership early or against its account's veto.
contract MembershipInvariantTest is CommonsTest {
    MembershipHandler private handler;
    Membership private target;

    function setUp() public override {
        handler = new MembershipHandler();
        target = handler.target();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](11);
        actions[0] = MembershipHandler.applyAs.selector;
        actions[1] = MembershipHandler.admit.selector;
        actions[2] = MembershipHandler.leave.selector;
        actions[3] = MembershipHandler.suspend.selector;
        actions[4] = MembershipHandler.setNodeKey.selector;
        actions[5] = MembershipHandler.setGuardian.selector;
        actions[6] = MembershipHandler.recover.selector;
        actions[7] = MembershipHandler.veto.selector;
        actions[8] = MembershipHandler.finishRecovery.selector;
        actions[9] = MembershipHandler.decide.selector;
        actions[10] = MembershipHandler.trade.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    /// @dev One campaign for all rules, because separate ones would walk the same sequences again.
    function invariant_rulesOfMembershipHold() external view {
        _countsAgree();
        _liveMembersShareNothing();
        _viewsAgree();
        _votesAreMembers();
        vm.assertFalse(handler.traded(), "a vote was traded");
        vm.assertFalse(handler.taken(), "a membership was taken");
    }

    function _isLive(uint256 id) private view returns (bool) {
        IMembership.Status status = target.member(id).status;
        return status == IMembership.Status.Active || status == IMembership.Status.Suspended;
    }

    /// @dev Ids count admissions, live members count those who did not leave.
    function _countsAgree() private view {
        uint256 live;
        for (uint256 id = 1; id <= target.count(); ++id) {
            if (_isLive(id)) ++live;
        }
        vm.assertEq(target.count(), handler.admitted(), "4: ids");
        vm.assertEq(target.live(), live, "4: more votes than members");
        vm.assertEq(live, handler.admitted() - handler.left() - handler.expelled(), "4: members");
    }

    /// @dev One vote per live member, with the member's own account, now and a second ago; nobody else has any.
    function _votesAreMembers() private view {
        uint256 votes;
        uint256 past;
        uint256 before = vm.getBlockTimestamp() - 1;
        for (uint256 index; index < handler.PEOPLE(); ++index) {
            address account = handler.person(index);
            uint256 own = target.getVotes(account);
            vm.assertEq(own, target.memberOf(account) == 0 ? 0 : 1, "votes of an account");
            vm.assertLe(target.getPastVotes(account, before), 1, "past votes of an account");
            votes += own;
            past += target.getPastVotes(account, before);
        }
        vm.assertEq(votes, target.live(), "4: votes");
        vm.assertEq(past, target.getPastTotalSupply(before), "4: past votes");
        for (uint256 id = 1; id <= target.count(); ++id) {
            if (_isLive(id)) vm.assertEq(target.ownerOf(id), target.member(id).account);
            if (!target.isActive(id)) vm.assertFalse(target.hasRole(id, IMembership.Role.Auditor), "role");
        }
    }

    /// @dev No two live members share a credential, an account or a node key.
    function _liveMembersShareNothing() private view {
        for (uint256 a = 1; a <= target.count(); ++a) {
            for (uint256 b = a + 1; b <= target.count(); ++b) {
                if (!_isLive(a) || !_isLive(b)) continue;
                vm.assertFalse(target.member(a).credential == target.member(b).credential, "credential");
                vm.assertFalse(target.member(a).account == target.member(b).account, "account");
                vm.assertFalse(target.member(a).nodeKey == target.member(b).nodeKey, "node key");
            }
        }
    }

    /// @dev The views agree with the records.
    function _viewsAgree() private view {
        for (uint256 id = 1; id <= target.count(); ++id) {
            IMembership.Member memory member = target.member(id);
            bool active = member.status == IMembership.Status.Active;
            vm.assertTrue(target.isActive(id) == active);
            vm.assertTrue((target.memberOfNodeKey(member.nodeKey) == id) == active, "key");
            if (_isLive(id)) vm.assertEq(target.memberOf(member.account), id);
        }
    }
}

/// @notice The walks do reach recoveries; without that the rules above say nothing about them.
contract MembershipWalkTest is CommonsTest {
    function setUp() public override {}

    function test_walk_reachesRecoveries() public {
        MembershipHandler handler = new MembershipHandler();
        for (uint256 i; i < 600; ++i) {
            uint256 word = uint256(keccak256(abi.encode(i)));
            if (i % 3 == 0) handler.applyAs(word);
            handler.admit(word);
            handler.setGuardian(word);
            handler.recover(word);
            handler.finishRecovery(word);
        }
        vm.assertGe(handler.recovered(), 2, "recovered");
        vm.assertFalse(handler.taken());
    }
}
