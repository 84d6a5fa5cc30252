// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGuardianships} from "../src/interfaces/IGuardianships.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {ConsentTest} from "./base/ConsentTest.sol";

contract GuardianshipsTest is ConsentTest {
    address private constant PARENT = address(0x9A2E27);

    function _attest(bytes32 ward, uint64 until) private returns (bytes32 id) {
        vm.prank(_account(1));
        return guardianships.attest(ward, PARENT, until, "evidence");
    }

    /// @dev The id covers chain, contract, attester, a count and every field; equal attestations are two.
    function test_attest_computesTheId(bytes32 ward, address guardian, uint64 until, bytes32 evidence) public {
        vm.assume(ward != 0 && guardian != address(0) && evidence != 0);
        until = uint64(_between(until, START + 1, type(uint64).max - 1));
        for (uint256 nonce; nonce < 2; ++nonce) {
            bytes32 id = keccak256(
                abi.encode(block.chainid, address(guardianships), uint256(1), nonce, ward, guardian, until, evidence)
            );
            vm.prank(_account(1));
            vm.expectEmit(address(guardianships));
            emit IGuardianships.GuardianAttested(id, 1, guardian, ward, until, evidence);
            vm.assertEq(guardianships.attest(ward, guardian, until, evidence), id);
            vm.assertTrue(guardianships.isLive(id, guardian));
            IGuardianships.Guardianship memory known = guardianships.guardianship(id);
            vm.assertEq(known.attester, 1);
            vm.assertEq(known.guardian, guardian);
            vm.assertEq(known.until, until);
            vm.assertEq(known.ward, ward);
            vm.assertEq(known.evidence, evidence);
            vm.assertFalse(known.revoked);
        }
    }

    /// @dev Only an active organisation: a stranger, a person and a suspended member do not vouch for anybody.
    function test_attest_failsForOthers(address stranger) public {
        vm.assume(membership.memberOf(stranger) == 0);
        _expectNotOrganisation(stranger);
        vm.prank(_account(3));
        membership.applyAs(IMembership.Kind.Person, vm.addr(_nodeKey(3)), "point", "credential 3", 0);
        vm.assertEq(_approve(3), 3);
        _expectNotOrganisation(_account(3));
        _suspendMember(2);
        _expectNotOrganisation(_account(2));
    }

    function _expectNotOrganisation(address caller) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IGuardianships.GuardianshipsNotOrganisation.selector, caller));
        guardianships.attest("ward", PARENT, uint64(START + 1), "evidence");
    }

    function test_attest_failsOnBadInput(uint64 until) public {
        until = uint64(_between(until, 0, START));
        vm.startPrank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IGuardianships.GuardianshipsNoFuture.selector, until));
        guardianships.attest("ward", PARENT, until, "evidence");
        bytes memory missing = abi.encodeWithSelector(IGuardianships.GuardianshipsFieldMissing.selector);
        vm.expectRevert(missing);
        guardianships.attest(0, PARENT, uint64(START + 1), "evidence");
        vm.expectRevert(missing);
        guardianships.attest("ward", address(0), uint64(START + 1), "evidence");
        vm.expectRevert(missing);
        guardianships.attest("ward", PARENT, uint64(START + 1), 0);
        vm.stopPrank();
    }

    function test_isLive_endsWhenItIsOver(uint64 until, address other) public {
        vm.assume(other != PARENT);
        until = uint64(_between(until, START + 1, START + 10_000));
        bytes32 id = _attest("ward", until);
        vm.assertFalse(guardianships.isLive(id, other), "another guardian");
        vm.warp(until - 1);
        vm.assertTrue(guardianships.isLive(id, PARENT), "last second");
        vm.warp(until);
        vm.assertFalse(guardianships.isLive(id, PARENT), "over");
    }

    function test_isLive_deniesTheUnknown(bytes32 id, address guardian) public view {
        vm.assertFalse(guardianships.isLive(id, guardian));
    }

    /// @dev Only while the attester may act: suspended, reinstated, left.
    function test_isLive_followsTheAttester() public {
        bytes32 id = _attest("ward", uint64(START + 1000));
        _suspendMember(1);
        vm.assertFalse(guardianships.isLive(id, PARENT), "suspended");
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.reinstate(1);
        }
        vm.assertTrue(guardianships.isLive(id, PARENT), "reinstated");
        vm.prank(_account(1));
        membership.leave();
        vm.assertFalse(guardianships.isLive(id, PARENT), "left");
    }

    /// @dev Taking back works for the attester alone, once, and while it is suspended.
    function test_revoke_isTheAttestersAlone(address stranger) public {
        vm.assume(stranger != _account(1));
        _assumePowerless(stranger);
        bytes32 id = _attest("ward", uint64(START + 1000));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IGuardianships.GuardianshipsNotAttester.selector, id, stranger));
        guardianships.revoke(id);
        _suspendMember(1);
        vm.startPrank(_account(1));
        vm.expectEmit(address(guardianships));
        emit IGuardianships.GuardianshipRevoked(id);
        guardianships.revoke(id);
        vm.expectRevert(abi.encodeWithSelector(IGuardianships.GuardianshipsAlreadyRevoked.selector, id));
        guardianships.revoke(id);
        vm.expectRevert(
            abi.encodeWithSelector(IGuardianships.GuardianshipsNotAttester.selector, bytes32("none"), _account(1))
        );
        guardianships.revoke("none");
        vm.stopPrank();
        vm.assertFalse(guardianships.isLive(id, PARENT));
    }
}
