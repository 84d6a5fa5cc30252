// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Membership} from "../src/Membership.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {CommonsTest} from "./base/CommonsTest.sol";

contract MembershipTest is CommonsTest {
    // ----------------------------------------------------------------------------------------------------- constructor

    /// @dev Rows of registrars and thresholds that make no sense.
    function test_constructor_failsIfRegistrarsAreInvalid() public {
        address[] memory three = _registrars();
        address[] memory twice = _registrars();
        twice[2] = twice[0];
        address[] memory zero = _registrars();
        zero[1] = address(0);
        _expectInvalid(three, 0);
        _expectInvalid(three, 4);
        _expectInvalid(twice, 2);
        _expectInvalid(zero, 2);
        _expectInvalid(new address[](0), 0);
    }

    function _expectInvalid(address[] memory registrars, uint256 threshold) private {
        vm.expectRevert(
            abi.encodeWithSelector(IMembership.MembershipRegistrarsInvalid.selector, registrars.length, threshold)
        );
        new Membership(registrars, threshold, _nobody(), _authority());
    }

    /// @dev Nobody is a member by being a registrar.
    function test_constructor_admitsNobody() public view {
        vm.assertEq(membership.count(), 0);
        vm.assertEq(membership.threshold(), 2);
        vm.assertTrue(membership.isRegistrar(_registrar(2)));
        vm.assertFalse(membership.isActive(0));
        vm.assertEq(membership.memberOf(_registrar(0)), 0);
    }

    // ---------------------------------------------------------------------------------------------------- applications

    function test_applyAs_recordsTheApplication(bytes32 point, bytes32 credential, bytes32 profile, address key)
        public
    {
        vm.assume(point != 0 && credential != 0 && key != address(0));
        vm.prank(_account(1));
        vm.expectEmit(address(membership));
        emit IMembership.Applied(_account(1), IMembership.Kind.Person, key, point, credential, profile);
        membership.applyAs(IMembership.Kind.Person, key, point, credential, profile);
        IMembership.Member memory wanted = membership.application(_account(1));
        vm.assertEq(wanted.credential, credential);
        vm.assertEq(wanted.nodeKey, key);
        vm.assertEq(membership.memberOf(_account(1)), 0);
    }

    function test_applyAs_failsIfAFieldIsMissing() public {
        _expectMissing(address(0), "p", "c");
        _expectMissing(address(1), 0, "c");
        _expectMissing(address(1), "p", 0);
    }

    function _expectMissing(address key, bytes32 point, bytes32 credential) private {
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipFieldMissing.selector));
        membership.applyAs(IMembership.Kind.Person, key, point, credential, 0);
    }

    /// @dev Who it is cannot change under the registrars' hands. Rows: another kind, credential, profile.
    function test_applyAs_failsIfAppliedAsSomebodyElse() public {
        _apply(1);
        (bytes32 credential, bytes32 profile) =
            (keccak256(abi.encode("credential", 1)), keccak256(abi.encode("profile", 1)));
        IMembership.Kind kind = IMembership.Kind.Organisation;
        vm.startPrank(_account(1));
        membership.applyAs(kind, address(9), "p", credential, profile);
        bytes memory error = abi.encodeWithSelector(IMembership.MembershipAlreadyApplied.selector, _account(1));
        vm.expectRevert(error);
        membership.applyAs(IMembership.Kind.Person, address(9), "p", credential, profile);
        vm.expectRevert(error);
        membership.applyAs(kind, address(9), "p", "another credential", profile);
        vm.expectRevert(error);
        membership.applyAs(kind, address(9), "p", credential, "another profile");
        vm.stopPrank();
    }

    /// @dev A member names the key of an application, which nobody can take from it again: the applicant names another
    /// key and point, and the approvals stay.
    function test_applyAs_outlivesAKeyThatWasTaken(bytes32 point) public {
        vm.assume(point != 0);
        _admit(1, 1);
        _apply(2);
        vm.prank(_registrar(0));
        membership.admit(_account(2));
        vm.prank(_account(1));
        membership.setNodeKey(vm.addr(_nodeKey(2)));
        vm.prank(_registrar(1));
        vm.expectPartialRevert(IMembership.MembershipNodeKeyUsed.selector);
        membership.admit(_account(2));
        address fresh = vm.addr(_nodeKey(9));
        IMembership.Member memory was = membership.application(_account(2));
        vm.prank(_account(2));
        vm.expectEmit(address(membership));
        emit IMembership.Applied(_account(2), was.kind, fresh, point, was.credential, was.profile);
        membership.applyAs(was.kind, fresh, point, was.credential, was.profile);
        vm.prank(_registrar(1));
        vm.assertEq(membership.admit(_account(2)), 2);
        vm.assertEq(membership.memberOfNodeKey(fresh), 2);
        vm.assertEq(membership.member(2).readerPoint, point);
    }

    function test_applyAs_failsIfTakenByALiveMember() public {
        _admit(1, 1);
        bytes32 credential = membership.member(1).credential;
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipCredentialUsed.selector, credential, 1));
        membership.applyAs(IMembership.Kind.Person, address(9), "p", credential, 0);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNodeKeyUsed.selector, vm.addr(_nodeKey(1)), 1));
        membership.applyAs(IMembership.Kind.Person, vm.addr(_nodeKey(1)), "p", "c", 0);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipAccountUsed.selector, _account(1), 1));
        membership.applyAs(IMembership.Kind.Person, address(9), "p", "c", 0);
    }

    // ------------------------------------------------------------------------------------------------------- admission

    /// @dev Ids are 1, 2, 3, ... and every view knows the member.
    function test_admit_givesIdsInOrder(uint256 word) public {
        uint256 n = _between(word, 1, 6);
        _admit(1, n);
        vm.assertEq(membership.count(), n);
        vm.assertEq(membership.live(), n);
        for (uint256 id = 1; id <= n; ++id) {
            vm.assertEq(membership.memberOf(_account(id)), id);
            vm.assertEq(membership.accountOf(id), _account(id));
            vm.assertEq(membership.nodeKeyOf(id), vm.addr(_nodeKey(id)));
            vm.assertEq(membership.memberOfNodeKey(vm.addr(_nodeKey(id))), id);
            vm.assertTrue(membership.isActive(id));
            vm.assertEq(membership.member(id).since, START);
        }
    }

    function test_admit_needsTheThreshold() public {
        _apply(1);
        vm.expectEmit(address(membership));
        emit IMembership.Approved(_registrar(0), IMembership.Decision.Admit, uint160(_account(1)), 1);
        vm.prank(_registrar(0));
        vm.assertEq(membership.admit(_account(1)), 0);
        vm.assertEq(membership.memberOf(_account(1)), 0);
        vm.expectEmit(address(membership));
        emit IMembership.Approved(_registrar(2), IMembership.Decision.Admit, uint160(_account(1)), 2);
        vm.expectEmit(address(membership));
        emit IMembership.Admitted(
            1, _account(1), IMembership.Kind.Organisation, vm.addr(_nodeKey(1)), keccak256(abi.encode("credential", 1))
        );
        vm.prank(_registrar(2));
        vm.assertEq(membership.admit(_account(1)), 1);
    }

    function test_admit_failsIfApprovedTwice() public {
        _apply(1);
        vm.prank(_registrar(0));
        membership.admit(_account(1));
        vm.prank(_registrar(0));
        vm.expectPartialRevert(IMembership.MembershipAlreadyApproved.selector);
        membership.admit(_account(1));
    }

    function test_admit_failsForOthers(address stranger) public {
        _assumePowerless(stranger);
        vm.assume(!membership.isRegistrar(stranger));
        _apply(1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNotRegistrar.selector, stranger));
        membership.admit(_account(1));
    }

    function test_admit_failsWithoutAnApplication() public {
        vm.prank(_registrar(0));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNoApplication.selector, _account(1)));
        membership.admit(_account(1));
    }

    /// @dev Two applications with one credential: the second is refused at admission.
    function test_admit_failsIfCredentialWasTakenMeanwhile() public {
        _apply(1);
        vm.prank(_account(2));
        membership.applyAs(
            IMembership.Kind.Person, vm.addr(_nodeKey(2)), "p", keccak256(abi.encode("credential", 1)), 0
        );
        _approve(1);
        vm.prank(_registrar(0));
        membership.admit(_account(2));
        vm.prank(_registrar(1));
        vm.expectRevert(
            abi.encodeWithSelector(
                IMembership.MembershipCredentialUsed.selector, keccak256(abi.encode("credential", 1)), 1
            )
        );
        membership.admit(_account(2));
    }

    // ------------------------------------------------------------------------------------------------------------ keys

    /// @dev A rotated key is known at once, and both keys stay the member's.
    function test_setNodeKey_rotates() public {
        _admit(1, 2);
        address fresh = vm.addr(_nodeKey(9));
        vm.prank(_account(1));
        membership.setNodeKey(fresh);
        vm.assertEq(membership.memberOfNodeKey(fresh), 1);
        vm.assertEq(membership.memberOfNodeKey(vm.addr(_nodeKey(1))), 0);
        vm.prank(_account(2));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNodeKeyUsed.selector, vm.addr(_nodeKey(1)), 1));
        membership.setNodeKey(vm.addr(_nodeKey(1)));
        vm.prank(_account(1));
        membership.setNodeKey(vm.addr(_nodeKey(1)));
        vm.assertEq(membership.nodeKeyOf(1), vm.addr(_nodeKey(1)));
    }

    function test_setNodeKey_failsIfZeroOrNotActive() public {
        _admit(1, 1);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipFieldMissing.selector));
        membership.setNodeKey(address(0));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNotActive.selector, address(this)));
        membership.setNodeKey(address(9));
    }

    function test_setReaderPoint_changesIt(bytes32 point) public {
        vm.assume(point != 0);
        _admit(1, 1);
        bytes32 previous = membership.member(1).readerPoint;
        vm.prank(_account(1));
        vm.expectEmit(address(membership));
        emit IMembership.ReaderPointSet(1, previous, point);
        membership.setReaderPoint(point);
        vm.assertEq(membership.member(1).readerPoint, point);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipFieldMissing.selector));
        membership.setReaderPoint(0);
    }

    function test_setProfile_changesIt(bytes32 profile) public {
        _admit(1, 1);
        bytes32 previous = membership.member(1).profile;
        vm.prank(_account(1));
        vm.expectEmit(address(membership));
        emit IMembership.ProfileSet(1, previous, profile);
        membership.setProfile(profile);
        vm.assertEq(membership.member(1).profile, profile);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNotActive.selector, address(this)));
        membership.setProfile(profile);
    }

    // ---------------------------------------------------------------------------------------------------------- status

    /// @dev Suspension and return need the threshold each time anew.
    function test_suspend_andReinstateTakeFreshApprovals() public {
        _admit(1, 1);
        for (uint256 cycle; cycle < 2; ++cycle) {
            vm.prank(_registrar(0));
            membership.suspend(1);
            vm.assertTrue(membership.isActive(1));
            vm.prank(_registrar(1));
            membership.suspend(1);
            vm.assertFalse(membership.isActive(1));
            vm.assertEq(membership.memberOfNodeKey(vm.addr(_nodeKey(1))), 0);
            vm.assertEq(membership.memberOf(_account(1)), 1);
            vm.prank(_registrar(1));
            membership.reinstate(1);
            vm.assertFalse(membership.isActive(1));
            vm.prank(_registrar(2));
            membership.reinstate(1);
            vm.assertTrue(membership.isActive(1));
        }
    }

    function test_suspend_failsInTheWrongStatus() public {
        vm.prank(_registrar(0));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipWrongStatus.selector, 1, IMembership.Status.None));
        membership.suspend(1);
        _admit(1, 1);
        vm.prank(_registrar(0));
        vm.expectRevert(
            abi.encodeWithSelector(IMembership.MembershipWrongStatus.selector, 1, IMembership.Status.Active)
        );
        membership.reinstate(1);
    }

    /// @dev Leaving frees account and credential, never the id or the node key.
    function test_leave_freesTheCredentialOnly() public {
        _admit(1, 1);
        vm.prank(_account(1));
        vm.expectEmit(address(membership));
        emit IMembership.Left(1, _account(1));
        membership.leave();
        vm.assertEq(membership.memberOf(_account(1)), 0);
        vm.assertEq(membership.live(), 0);
        vm.assertEq(membership.accountOf(1), _account(1));
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNodeKeyUsed.selector, vm.addr(_nodeKey(1)), 1));
        membership.applyAs(
            IMembership.Kind.Person, vm.addr(_nodeKey(1)), "p", keccak256(abi.encode("credential", 1)), 0
        );
        vm.prank(_account(1));
        membership.applyAs(IMembership.Kind.Person, address(77), "p", keccak256(abi.encode("credential", 1)), 0);
        vm.assertEq(_approve(1), 2);
    }

    function test_leave_failsForOthers() public {
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNotActive.selector, address(this)));
        membership.leave();
    }
}
