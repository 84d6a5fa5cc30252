// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataRegistry} from "../src/interfaces/IDataRegistry.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {CommonsTest} from "./base/CommonsTest.sol";

/// @notice Who loses a key does not lose a membership, and nobody takes one from somebody who still has the key.
contract MembershipRecoveryTest is CommonsTest {
    uint64 private constant DELAY = 7 days;
    address private constant GUARDIAN = address(0x6A2D);
    address private constant FRESH = address(0xF2E54);

    function setUp() public override {
        super.setUp();
        _admit(1, 2);
    }

    function _setGuardian() private {
        vm.prank(_account(1));
        membership.setGuardian(GUARDIAN);
    }

    function _begin(address account) private {
        vm.prank(GUARDIAN);
        membership.recover(1, account);
    }

    function test_setGuardian_isTheMembersOwn(address guardian) public {
        vm.assume(guardian != _account(1));
        vm.prank(_account(1));
        vm.expectEmit(address(membership));
        emit IMembership.GuardianSet(1, address(0), guardian);
        membership.setGuardian(guardian);
        vm.assertEq(membership.guardianOf(1), guardian);
        vm.assertEq(membership.guardianOf(2), address(0));
        vm.prank(_account(1));
        vm.expectEmit(address(membership));
        emit IMembership.GuardianSet(1, guardian, address(0));
        membership.setGuardian(address(0));
    }

    /// @dev A member that is suspended may still take a guardian away, and a recovered one begins without any.
    function test_setGuardian_isTakenAway() public {
        vm.prank(_account(1));
        membership.setGuardian(address(0xA11CE));
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.suspend(1);
        }
        vm.prank(_account(1));
        membership.setGuardian(address(0xB0B));
        vm.assertEq(membership.guardianOf(1), address(0xB0B));
        vm.prank(address(0xB0B));
        membership.recover(1, address(0xF4E5));
        vm.warp(vm.getBlockTimestamp() + 7 days);
        vm.expectEmit(address(membership));
        emit IMembership.GuardianSet(1, address(0xB0B), address(0));
        membership.finishRecovery(1);
        vm.assertEq(membership.guardianOf(1), address(0));
    }

    function test_setGuardian_failsForStrangersAndForOneself() public {
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNotActive.selector, address(this)));
        membership.setGuardian(GUARDIAN);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipAccountUsed.selector, _account(1), 1));
        membership.setGuardian(_account(1));
    }

    /// @dev Id, node key, credential, votes and datasets stay; the old account is nobody.
    function test_recover_givesBackEverything(address account, uint256 later) public {
        vm.assume(account != address(0) && account != _account(1) && account != _account(2));
        _list(1);
        bytes32 consentId = _give(1, 1);
        _setGuardian();
        vm.prank(GUARDIAN);
        vm.expectEmit(address(membership));
        emit IMembership.RecoveryBegun(1, _account(1), account, uint64(START) + DELAY);
        membership.recover(1, account);
        vm.assertEq(membership.recovery(1).account, account);
        vm.assertEq(membership.memberOf(_account(1)), 1);
        IMembership.Member memory before = membership.member(1);
        vm.warp(START + DELAY + _between(later, 0, 3650 days));
        vm.expectEmit(address(membership));
        emit IMembership.Recovered(1, _account(1), account);
        membership.finishRecovery(1);
        before.account = account;
        vm.assertEq(keccak256(abi.encode(membership.member(1))), keccak256(abi.encode(before)));
        vm.assertEq(membership.memberOf(account), 1);
        vm.assertEq(membership.memberOf(_account(1)), 0);
        vm.assertEq(membership.live(), 2);
        vm.assertEq(membership.count(), 2);
        vm.assertEq(membership.recovery(1).account, address(0));
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotOwner.selector, 1, _account(1)));
        data.revoke(consentId);
        vm.prank(account);
        data.revoke(consentId);
    }

    /// @dev The registrars' threshold does it too, and approvals of different accounts never add up.
    function test_recover_byRegistrarsNeedsOneAccount() public {
        vm.prank(_registrar(0));
        membership.recover(1, FRESH);
        vm.prank(_registrar(1));
        membership.recover(1, address(0xE711));
        vm.assertEq(membership.recovery(1).account, address(0));
        vm.prank(_registrar(0));
        vm.expectRevert(
            abi.encodeWithSelector(
                IMembership.MembershipAlreadyApproved.selector,
                _registrar(0),
                IMembership.Decision.Recover,
                uint256(keccak256(abi.encode(1, FRESH)))
            )
        );
        membership.recover(1, FRESH);
        vm.prank(_registrar(1));
        vm.expectEmit(address(membership));
        emit IMembership.RecoveryBegun(1, _account(1), FRESH, uint64(START) + DELAY);
        membership.recover(1, FRESH);
    }

    /// @dev A second recovery needs approvals of its own.
    function test_recover_takesFreshApprovalsAfterAVeto() public {
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.recover(1, FRESH);
        }
        vm.prank(_account(1));
        membership.veto(1);
        vm.prank(_registrar(2));
        membership.recover(1, FRESH);
        vm.assertEq(membership.recovery(1).account, address(0));
    }

    function test_recover_failsForOthers(address stranger) public {
        _assumePowerless(stranger);
        vm.assume(stranger != GUARDIAN && !membership.isRegistrar(stranger));
        _assumePowerless(stranger);
        _setGuardian();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNotRegistrar.selector, stranger));
        membership.recover(1, FRESH);
        vm.prank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNotRegistrar.selector, GUARDIAN));
        membership.recover(2, FRESH);
    }

    /// @dev Rows: nobody's account, a member's account, the member's own, a member that is none or left.
    function test_recover_failsOnBadInput() public {
        _setGuardian();
        _expectBeginFails(1, address(0), abi.encodeWithSelector(IMembership.MembershipFieldMissing.selector));
        bytes memory used = abi.encodeWithSelector(IMembership.MembershipAccountUsed.selector, _account(2), 2);
        _expectBeginFails(1, _account(2), used);
        used = abi.encodeWithSelector(IMembership.MembershipAccountUsed.selector, _account(1), 1);
        _expectBeginFails(1, _account(1), used);
        bytes memory status =
            abi.encodeWithSelector(IMembership.MembershipWrongStatus.selector, 3, IMembership.Status.None);
        _expectBeginFails(3, FRESH, status);
        vm.prank(_account(1));
        membership.leave();
        status = abi.encodeWithSelector(IMembership.MembershipWrongStatus.selector, 1, IMembership.Status.Left);
        _expectBeginFails(1, FRESH, status);
    }

    function _expectBeginFails(uint256 memberId, address account, bytes memory error) private {
        vm.prank(GUARDIAN);
        vm.expectRevert(error);
        membership.recover(memberId, account);
    }

    /// @dev One at a time, so that nobody restarts the delay or swaps the account shortly before its end.
    function test_recover_failsWhileOneIsUnderWay() public {
        _setGuardian();
        _begin(FRESH);
        _expectBeginFails(
            1,
            address(0xE711),
            abi.encodeWithSelector(IMembership.MembershipRecoveryPending.selector, 1, uint64(START) + DELAY)
        );
    }

    /// @dev An account that was admitted meanwhile is another member's: the recovery lapses and another can begin.
    function test_recover_replacesOneThatCanNeverBeFinished() public {
        _setGuardian();
        _begin(_account(3));
        _admit(3, 3);
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipAccountUsed.selector, _account(3), 3));
        membership.finishRecovery(1);
        _begin(FRESH);
        vm.assertEq(membership.recovery(1).account, FRESH);
    }

    /// @dev A suspended member can be recovered and stays suspended.
    function test_recover_keepsTheStatus() public {
        _setGuardian();
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.suspend(1);
        }
        _begin(FRESH);
        vm.warp(START + DELAY);
        membership.finishRecovery(1);
        vm.assertFalse(membership.isActive(1));
        vm.assertEq(membership.memberOf(FRESH), 1);
    }

    /// @dev The account that still acts for the member stops it, until the very end.
    function test_veto_stopsIt(uint256 later) public {
        _setGuardian();
        _begin(FRESH);
        vm.warp(START + _between(later, 0, 3650 days));
        vm.prank(_account(1));
        vm.expectEmit(address(membership));
        emit IMembership.RecoveryVetoed(1, _account(1));
        membership.veto(1);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNoRecovery.selector, 1));
        membership.finishRecovery(1);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNoRecovery.selector, 1));
        membership.veto(1);
    }

    function test_veto_failsForOthers(address stranger) public {
        _assumePowerless(stranger);
        vm.assume(stranger != _account(1));
        _assumePowerless(stranger);
        _setGuardian();
        _begin(FRESH);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNotAccount.selector, 1, stranger));
        membership.veto(1);
    }

    /// @dev Not a second early.
    function test_finishRecovery_failsBeforeItIsRipe(uint256 early) public {
        _setGuardian();
        _begin(FRESH);
        uint256[2] memory times = [START + _between(early, 0, DELAY - 1), START + DELAY - 1];
        for (uint256 i; i < 2; ++i) {
            vm.warp(times[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IMembership.MembershipRecoveryUnripe.selector, 1, uint64(START) + DELAY)
            );
            membership.finishRecovery(1);
        }
    }

    /// @dev Leaving ends a recovery: an account that is nobody cannot be given a membership that is over.
    function test_leave_endsARecovery() public {
        _setGuardian();
        _begin(FRESH);
        vm.prank(_account(1));
        membership.leave();
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNoRecovery.selector, 1));
        membership.finishRecovery(1);
    }
}
