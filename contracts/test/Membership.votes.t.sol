// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC5192} from "../src/interfaces/IERC5192.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {CommonsTest} from "./base/CommonsTest.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @notice One member, one vote, and nobody can sell, lend or silence it.
contract MembershipVotesTest is CommonsTest {
    address private constant GUARDIAN = address(0x6A2D);
    address private constant FRESH = address(0xF2E54);

    function setUp() public override {
        super.setUp();
        _admit(1, 3);
        vm.warp(START + 1);
    }

    function _votes(address account) private view returns (uint256) {
        return membership.getVotes(account);
    }

    function _recover(uint256 memberId, address account) private {
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.recover(memberId, account);
        }
        vm.warp(vm.getBlockTimestamp() + 7 days);
        membership.finishRecovery(memberId);
    }

    /// @dev The token is the member's id, counts from the second of admission and is delegated to its member.
    function test_admit_givesOneVote() public {
        vm.warp(START + 10);
        _apply(4);
        vm.prank(_registrar(0));
        membership.admit(_account(4));
        vm.expectEmit(address(membership));
        emit IERC721.Transfer(address(0), _account(4), 4);
        vm.expectEmit(address(membership));
        emit IERC5192.Locked(4);
        vm.prank(_registrar(1));
        membership.admit(_account(4));
        vm.assertEq(membership.ownerOf(4), _account(4));
        vm.assertEq(_votes(_account(4)), 1);
        vm.assertEq(membership.delegates(_account(4)), _account(4));
        vm.warp(START + 11);
        vm.assertEq(membership.getPastVotes(_account(4), START + 9), 0);
        vm.assertEq(membership.getPastVotes(_account(4), START + 10), 1);
        vm.assertEq(membership.getPastTotalSupply(START + 10), 4);
        vm.assertEq(membership.clock(), START + 11);
        vm.assertEq(keccak256(bytes(membership.CLOCK_MODE())), keccak256("mode=timestamp"));
    }

    /// @dev Rows of every way by which a token is moved, by its holder and by a stranger.
    function test_transfers_areRefused(address to) public {
        bytes memory soulbound = abi.encodeWithSelector(IMembership.MembershipSoulbound.selector, 1);
        for (uint256 i; i < 2; ++i) {
            address by = i == 0 ? _account(1) : FRESH;
            vm.prank(by);
            vm.expectRevert(soulbound);
            membership.transferFrom(_account(1), to, 1);
            vm.prank(by);
            vm.expectRevert(soulbound);
            membership.safeTransferFrom(_account(1), to, 1);
            vm.prank(by);
            vm.expectRevert(soulbound);
            membership.safeTransferFrom(_account(1), to, 1, "data");
            vm.prank(by);
            vm.expectRevert(soulbound);
            membership.approve(to, 1);
            vm.prank(by);
            vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipSoulbound.selector, 0));
            membership.setApprovalForAll(to, true);
        }
        vm.prank(address(0)); // OpenZeppelin takes a call from nobody for an internal one
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipSoulbound.selector, 9));
        membership.transferFrom(address(0), to, 9);
        vm.assertEq(membership.ownerOf(1), _account(1));
        vm.assertEq(membership.getApproved(1), address(0));
        vm.assertFalse(membership.isApprovedForAll(_account(1), to));
    }

    function test_delegate_isRefusedButToOneself(address to) public {
        vm.assume(to != _account(1));
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNotDelegable.selector, _account(1), to));
        membership.delegate(to);
        vm.prank(_account(1));
        membership.delegate(_account(1));
        vm.assertEq(_votes(_account(1)), 1);
    }

    /// @dev Nor with a signature of the member's own.
    function test_delegateBySig_isRefusedButToOneself(address to) public {
        vm.assume(to != _account(1));
        uint256 expiry = START + 1 days;
        (uint8 v, bytes32 r, bytes32 s) = _delegation(to, expiry);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipNotDelegable.selector, _account(1), to));
        membership.delegateBySig(to, 0, expiry, v, r, s);
        (v, r, s) = _delegation(_account(1), expiry);
        membership.delegateBySig(_account(1), 0, expiry, v, r, s);
        vm.assertEq(_votes(_account(1)), 1);
    }

    function _delegation(address to, uint256 expiry) private view returns (uint8, bytes32, bytes32) {
        bytes32 kind = keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)");
        bytes32 domain = _domain("AI Commons Membership", "1", address(membership));
        bytes32 body = keccak256(abi.encode(kind, to, 0, expiry));
        return vm.sign(0xACC0001, keccak256(abi.encodePacked("\x19\x01", domain, body)));
    }

    /// @dev ERC-5192: every membership that exists is locked; one that does not is nobody's.
    function test_locked_isTrueForEveryMember(uint256 memberId) public {
        memberId = _between(memberId, 1, 3);
        vm.assertTrue(membership.locked(memberId));
        vm.assertTrue(membership.supportsInterface(0xb45a3c0e));
        vm.assertTrue(membership.supportsInterface(type(IERC721).interfaceId));
        vm.assertFalse(membership.supportsInterface(0xffffffff));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 4));
        membership.locked(4);
    }

    /// @dev Recovery moves the vote: the count stays, the old account has none.
    function test_recover_movesTheVote(address account) public {
        vm.assume(account != address(0) && membership.memberOf(account) == 0);
        _recover(1, account);
        vm.assertEq(membership.ownerOf(1), account);
        vm.assertEq(_votes(account), 1);
        vm.assertEq(_votes(_account(1)), 0);
        vm.assertEq(membership.live(), 3);
        uint256 now_ = vm.getBlockTimestamp();
        vm.warp(now_ + 1);
        vm.assertEq(membership.getPastTotalSupply(now_), 3);
        vm.assertEq(membership.getPastTotalSupply(now_ - 1), 3);
    }

    /// @dev There and back again: an account that was a member before still counts once.
    function test_recover_backGivesOneVote() public {
        _recover(1, FRESH);
        _recover(1, _account(1));
        vm.assertEq(_votes(_account(1)), 1);
        vm.assertEq(_votes(FRESH), 0);
    }

    /// @dev Registrars cannot silence anybody: a suspended member keeps its vote.
    function test_suspend_leavesTheVote() public {
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.suspend(2);
        }
        vm.assertFalse(membership.isActive(2));
        vm.assertEq(_votes(_account(2)), 1);
        vm.assertEq(membership.live(), 3);
    }

    /// @dev Who leaves has no vote; who comes back has one, under a new id.
    function test_leave_endsTheVote() public {
        vm.prank(_account(1));
        membership.leave();
        vm.assertEq(_votes(_account(1)), 0);
        vm.assertEq(membership.live(), 2);
        vm.assertEq(membership.balanceOf(_account(1)), 0);
        vm.prank(_account(1));
        membership.applyAs(IMembership.Kind.Person, address(77), "p", keccak256(abi.encode("credential", 1)), 0);
        vm.assertEq(_approve(1), 4);
        vm.assertEq(_votes(_account(1)), 1);
        vm.assertEq(membership.ownerOf(4), _account(1));
    }
}
