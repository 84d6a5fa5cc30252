// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Membership} from "../src/Membership.sol";
import {IGoverned} from "../src/interfaces/IGoverned.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {CommonsTest} from "./base/CommonsTest.sol";

/// @notice Founders, roles, registrars and expulsion: what only the members' vote decides.
contract MembershipGovernedTest is CommonsTest {
    address private constant FRESH = address(0xF2E54);

    function setUp() public override {
        super.setUp();
        _admit(1, 3);
    }

    function _founder(uint256 id) private pure returns (IMembership.Founder memory) {
        return IMembership.Founder(
            _account(id),
            IMembership.Kind.Organisation,
            vm.addr(_nodeKey(id)),
            keccak256(abi.encode("point", id)),
            keccak256(abi.encode("credential", id)),
            keccak256(abi.encode("profile", id))
        );
    }

    function _asTimelock() private {
        vm.prank(address(timelock));
    }

    // -------------------------------------------------------------------------------------------------------- founders

    /// @dev They are members 1..n from the first second, with a vote each, and nobody applied for them.
    function test_constructor_admitsTheFounders(uint256 word) public {
        uint256 n = _between(word, 1, 6);
        IMembership.Founder[] memory founders = new IMembership.Founder[](n);
        for (uint256 id = 1; id <= n; ++id) {
            founders[id - 1] = _founder(id);
        }
        Membership made = new Membership(_registrars(), 2, founders, _authority());
        vm.assertEq(made.count(), n);
        vm.assertEq(made.live(), n);
        for (uint256 id = 1; id <= n; ++id) {
            vm.assertEq(made.memberOf(_account(id)), id);
            vm.assertEq(made.memberOfNodeKey(vm.addr(_nodeKey(id))), id);
            vm.assertEq(made.member(id).profile, founders[id - 1].profile);
            vm.assertEq(made.member(id).readerPoint, founders[id - 1].readerPoint);
            vm.assertEq(made.getVotes(_account(id)), 1);
            vm.assertFalse(made.isRegistrar(_account(id)));
        }
    }

    /// @dev Rows of founders that are no members: a field missing, or something that two of them share.
    function test_constructor_failsIfFoundersAreInvalid() public {
        bytes memory missing = abi.encodeWithSelector(IMembership.MembershipFieldMissing.selector);
        IMembership.Founder memory bad = _founder(1);
        bad.account = address(0);
        _expectRefused(bad, missing);
        bad = _founder(1);
        bad.nodeKey = address(0);
        _expectRefused(bad, missing);
        bad = _founder(1);
        bad.readerPoint = 0;
        _expectRefused(bad, missing);
        bad = _founder(1);
        bad.credential = 0;
        _expectRefused(bad, missing);
        bad = _founder(1);
        bad.account = _account(2);
        _expectRefused(bad, abi.encodeWithSelector(IMembership.MembershipAccountUsed.selector, _account(2), 1));
        bad = _founder(1);
        bad.nodeKey = vm.addr(_nodeKey(2));
        _expectRefused(bad, abi.encodeWithSelector(IMembership.MembershipNodeKeyUsed.selector, bad.nodeKey, 1));
        bad = _founder(1);
        bad.credential = _founder(2).credential;
        _expectRefused(bad, abi.encodeWithSelector(IMembership.MembershipCredentialUsed.selector, bad.credential, 1));
    }

    function _expectRefused(IMembership.Founder memory second, bytes memory error) private {
        IMembership.Founder[] memory founders = new IMembership.Founder[](2);
        (founders[0], founders[1]) = (_founder(2), second);
        vm.expectRevert(error);
        new Membership(_registrars(), 2, founders, _authority());
    }

    // ------------------------------------------------------------------------------------------------- the vote decides

    /// @dev Each of the registrars' decisions is also the members', at once and without any registrar.
    function test_timelock_decidesAtOnce() public {
        _apply(4);
        _asTimelock();
        vm.assertEq(membership.admit(_account(4)), 4);
        _asTimelock();
        membership.suspend(4);
        vm.assertFalse(membership.isActive(4));
        _asTimelock();
        membership.reinstate(4);
        vm.assertTrue(membership.isActive(4));
        _asTimelock();
        membership.recover(4, FRESH);
        vm.assertEq(membership.recovery(4).account, FRESH);
        vm.prank(_account(4));
        membership.veto(4);
    }

    /// @dev A decision of the vote makes the approvals that were gathered for the same one void.
    function test_timelock_voidsOpenTallies() public {
        vm.prank(_registrar(0));
        membership.suspend(1);
        _asTimelock();
        membership.suspend(1);
        _asTimelock();
        membership.reinstate(1);
        vm.prank(_registrar(1));
        membership.suspend(1);
        vm.assertTrue(membership.isActive(1));
    }

    function test_expel_endsTheMembership() public {
        _grant(1, IMembership.Role.Auditor);
        vm.prank(_account(1));
        membership.setGuardian(FRESH);
        vm.prank(FRESH);
        membership.recover(1, address(0xE711));
        vm.expectEmit(address(membership));
        emit IMembership.Expelled(1, _account(1));
        _asTimelock();
        membership.expel(1);
        vm.assertEq(uint8(membership.member(1).status), uint8(IMembership.Status.Expelled));
        vm.assertEq(membership.memberOf(_account(1)), 0);
        vm.assertEq(membership.accountOf(1), _account(1));
        vm.assertEq(membership.memberOfNodeKey(vm.addr(_nodeKey(1))), 0);
        vm.assertEq(membership.live(), 2);
        vm.assertEq(membership.getVotes(_account(1)), 0);
        vm.assertFalse(membership.hasRole(1, IMembership.Role.Auditor));
        vm.warp(START + 7 days);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNoRecovery.selector, 1));
        membership.finishRecovery(1);
    }

    /// @dev Whom the vote admits again is a new member without the old one's roles.
    function test_expel_freesAccountAndCredential() public {
        _grant(1, IMembership.Role.EthicsBoard);
        _asTimelock();
        membership.expel(1);
        vm.prank(_account(1));
        membership.applyAs(IMembership.Kind.Person, address(77), "p", keccak256(abi.encode("credential", 1)), 0);
        vm.assertEq(_approve(1), 4);
        vm.assertFalse(membership.hasRole(4, IMembership.Role.EthicsBoard));
    }

    /// @dev A suspended member too; one that is none, left or was expelled before cannot be.
    function test_expel_failsInTheWrongStatus() public {
        _asTimelock();
        membership.suspend(2);
        _asTimelock();
        membership.expel(2);
        vm.prank(_account(1));
        membership.leave();
        _expectNotLive(1, IMembership.Status.Left);
        _expectNotLive(2, IMembership.Status.Expelled);
        _expectNotLive(9, IMembership.Status.None);
    }

    function _expectNotLive(uint256 memberId, IMembership.Status status) private {
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipWrongStatus.selector, memberId, status));
        _asTimelock();
        membership.expel(memberId);
    }

    // ----------------------------------------------------------------------------------------------------------- roles

    function _grant(uint256 memberId, IMembership.Role role) private {
        _asTimelock();
        membership.grantRole(memberId, role);
    }

    function _role(uint256 word) private pure returns (IMembership.Role) {
        return IMembership.Role(_between(word, 0, uint256(type(IMembership.Role).max)));
    }

    /// @dev A role is one member's and one role alone.
    function test_grantRole_givesIt(uint256 word, uint256 other) public {
        IMembership.Role role = _role(word);
        vm.expectEmit(address(membership));
        emit IMembership.RoleGranted(2, role);
        _grant(2, role);
        vm.assertTrue(membership.hasRole(2, role));
        vm.assertFalse(membership.hasRole(1, role));
        if (_role(other) != role) vm.assertFalse(membership.hasRole(2, _role(other)));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipRoleUnchanged.selector, 2, role));
        _grant(2, role);
    }

    function test_revokeRole_takesIt(uint256 word) public {
        IMembership.Role role = _role(word);
        _grant(1, IMembership.Role.Auditor);
        _grant(1, IMembership.Role.EthicsBoard);
        vm.expectEmit(address(membership));
        emit IMembership.RoleRevoked(1, role);
        _asTimelock();
        membership.revokeRole(1, role);
        vm.assertFalse(membership.hasRole(1, role));
        vm.assertTrue(membership.hasRole(1, IMembership.Role(1 - uint8(role))));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipRoleUnchanged.selector, 1, role));
        _asTimelock();
        membership.revokeRole(1, role);
    }

    /// @dev It rests while the member is suspended, and no vote gives one then.
    function test_roles_restWhileSuspended() public {
        _grant(1, IMembership.Role.Auditor);
        _asTimelock();
        membership.suspend(1);
        vm.assertFalse(membership.hasRole(1, IMembership.Role.Auditor));
        vm.expectRevert(
            abi.encodeWithSelector(IMembership.MembershipWrongStatus.selector, 1, IMembership.Status.Suspended)
        );
        _grant(1, IMembership.Role.EthicsBoard);
        _asTimelock();
        membership.reinstate(1);
        vm.assertTrue(membership.hasRole(1, IMembership.Role.Auditor));
    }

    /// @dev A role that rests can be taken away, and one ends with its membership.
    function test_roles_endWithTheMembership() public {
        _grant(1, IMembership.Role.Auditor);
        _grant(2, IMembership.Role.Auditor);
        _asTimelock();
        membership.suspend(1);
        _asTimelock();
        membership.revokeRole(1, IMembership.Role.Auditor);
        vm.prank(_account(2));
        membership.leave();
        vm.expectRevert(
            abi.encodeWithSelector(IMembership.MembershipRoleUnchanged.selector, 2, IMembership.Role.Auditor)
        );
        _asTimelock();
        membership.revokeRole(2, IMembership.Role.Auditor);
    }

    // ------------------------------------------------------------------------------------------------------ registrars

    function _others(uint256 n) private pure returns (address[] memory others) {
        others = new address[](n);
        for (uint256 i; i < n; ++i) {
            others[i] = address(uint160(0xB0000 + i));
        }
    }

    /// @dev All of them are replaced; who is named again stays one.
    function test_setRegistrars_replacesAll(uint256 size, uint256 approvals) public {
        address[] memory others = _others(_between(size, 1, 5));
        approvals = _between(approvals, 1, others.length);
        others[0] = _registrar(0);
        vm.expectEmit(address(membership));
        emit IMembership.RegistrarsSet(others, approvals);
        _asTimelock();
        membership.setRegistrars(others, approvals);
        vm.assertEq(membership.threshold(), approvals);
        vm.assertTrue(membership.isRegistrar(_registrar(0)));
        vm.assertFalse(membership.isRegistrar(_registrar(1)));
        for (uint256 i; i < others.length; ++i) {
            vm.assertTrue(membership.isRegistrar(others[i]));
        }
    }

    /// @dev Approvals that had not sufficed are void, also those of somebody who is a registrar again.
    function test_setRegistrars_voidsOpenTallies() public {
        vm.prank(_registrar(0));
        membership.suspend(1);
        _asTimelock();
        membership.setRegistrars(_registrars(), 2);
        vm.prank(_registrar(1));
        membership.suspend(1);
        vm.assertTrue(membership.isActive(1));
        vm.prank(_registrar(0));
        membership.suspend(1);
        vm.assertFalse(membership.isActive(1));
    }

    /// @dev Rows as for the constructor; those that were stay.
    function test_setRegistrars_failsIfInvalid() public {
        address[] memory twice = _others(2);
        twice[1] = twice[0];
        _expectInvalid(_others(2), 0);
        _expectInvalid(_others(2), 3);
        _expectInvalid(twice, 1);
        _expectInvalid(new address[](1), 1);
        _expectInvalid(new address[](0), 0);
        vm.assertTrue(membership.isRegistrar(_registrar(2)));
        vm.assertEq(membership.threshold(), 2);
    }

    function _expectInvalid(address[] memory registrars, uint256 approvals) private {
        vm.expectRevert(
            abi.encodeWithSelector(IMembership.MembershipRegistrarsInvalid.selector, registrars.length, approvals)
        );
        _asTimelock();
        membership.setRegistrars(registrars, approvals);
    }

    /// @dev Nobody else sets roles, registrars or members out, whoever it is.
    function test_governed_failsForOthers(address caller) public {
        _assumePowerless(caller);
        bytes memory refused = abi.encodeWithSelector(IGoverned.GovernedNotTimelock.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refused);
        membership.grantRole(1, IMembership.Role.Auditor);
        vm.expectRevert(refused);
        membership.revokeRole(1, IMembership.Role.Auditor);
        vm.expectRevert(refused);
        membership.expel(1);
        vm.expectRevert(refused);
        membership.setRegistrars(_registrars(), 1);
        vm.stopPrank();
    }
}
