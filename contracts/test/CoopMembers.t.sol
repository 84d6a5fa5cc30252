// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CoopMembers} from "../src/CoopMembers.sol";
import {ICoopMembers} from "../src/interfaces/ICoopMembers.sol";
import {CoopTest} from "./base/CoopTest.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

contract CoopMembersTest is CoopTest {
    function test_admit_givesOnePlaceAndOneVote(address person, bytes32 credential) public {
        vm.assume(person != address(0) && credential != 0);
        vm.expectEmit(address(roll));
        emit ICoopMembers.PersonAdmitted(person, credential);
        _admitAs(_account(1), person, credential);
        vm.assertTrue(roll.isMember(person));
        vm.assertEq(roll.count(), 1);
        vm.assertEq(roll.balanceOf(person), 1);
        vm.assertEq(roll.getVotes(person), 1);
        vm.assertEq(roll.delegates(person), person);
        vm.assertEq(roll.ownerOf(uint160(person)), person);
        vm.warp(START + 1);
        vm.assertEq(roll.getPastTotalSupply(START), 1);
    }

    function test_admit_takesMany() public {
        (address[] memory people, bytes32[] memory credentials) = (new address[](50), new bytes32[](50));
        for (uint256 i; i < 50; ++i) {
            (people[i], credentials[i]) = (_person(i), _credential(i));
        }
        vm.prank(_account(1));
        roll.admit(people, credentials);
        vm.assertEq(roll.count(), 50);
    }

    /// @dev Rows: a stranger, unequal lists, no credential, a credential twice, a key twice, nobody's key.
    function test_admit_failsOnBadInput(address stranger) public {
        vm.assume(stranger != _account(1) && stranger != address(governor));
        _assumePowerless(stranger);
        bytes32 mine = _credential(1);
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersNotSteward.selector, stranger));
        _admitAs(stranger, _person(1), mine);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersLengthsDiffer.selector, 1, 0));
        roll.admit(new address[](1), new bytes32[](0));
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersCredentialMissing.selector, _person(1)));
        _admitAs(_account(1), _person(1), 0);
        _admitPerson(1);
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersCredentialUsed.selector, mine, _person(1)));
        _admitAs(_account(1), _person(2), mine);
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersAlreadyMember.selector, _person(1)));
        _admitAs(_account(1), _person(1), _credential(2));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        _admitAs(_account(1), address(0), _credential(2));
    }

    /// @dev Who leaves has no vote, and may come back with the same key and credential.
    function test_leave_endsPlaceAndVote() public {
        _admitPeople(2);
        vm.prank(_person(1));
        vm.expectEmit(address(roll));
        emit ICoopMembers.PersonLeft(_person(1), _credential(1));
        roll.leave();
        vm.assertFalse(roll.isMember(_person(1)));
        vm.assertEq(roll.getVotes(_person(1)), 0);
        vm.assertEq(roll.count(), 1);
        vm.prank(_person(1));
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersUnknown.selector, _person(1)));
        roll.leave();
        _admitPerson(1);
        vm.assertEq(roll.getVotes(_person(1)), 1);
    }

    /// @dev A place cannot be handed on, by its owner or whom it approved.
    function test_transfer_fails(address to) public {
        vm.assume(to != address(0) && to != _person(1));
        _admitPeople(1);
        uint256 tokenId = uint160(_person(1));
        vm.startPrank(_person(1));
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersSoulbound.selector, tokenId));
        roll.transferFrom(_person(1), to, tokenId);
        roll.approve(to, tokenId);
        vm.stopPrank();
        vm.prank(to);
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersSoulbound.selector, tokenId));
        roll.transferFrom(_person(1), to, tokenId);
        vm.assertEq(roll.getVotes(_person(1)), 1);
    }

    /// @dev A vote cannot be lent, by call or by signature.
    function test_delegate_fails(address to) public {
        vm.assume(to != _person(1));
        _admitPeople(1);
        bytes memory refused = abi.encodeWithSelector(ICoopMembers.CoopMembersNotDelegable.selector, _person(1), to);
        vm.prank(_person(1));
        vm.expectRevert(refused);
        roll.delegate(to);
        bytes32 kind = keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)");
        bytes memory signature = _sign(
            _personKey(1),
            _domain("AI Commons Co-op Members", "1", address(roll)),
            keccak256(abi.encode(kind, to, uint256(0), START + 60))
        );
        (bytes32 r, bytes32 s, uint8 v) = _split(signature);
        vm.expectRevert(refused);
        roll.delegateBySig(to, 0, START + 60, v, r, s);
        vm.assertEq(roll.getVotes(_person(1)), 1);
    }

    function _split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }

    /// @dev The vote alone expels and appoints; afterwards the old steward admits nobody.
    function test_theVote_standsAboveTheSteward(address stranger) public {
        vm.assume(stranger != address(governor));
        _assumePowerless(stranger);
        _admitPeople(3);
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersNotGovernor.selector, stranger));
        roll.expel(_person(3));
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersNotGovernor.selector, stranger));
        roll.appoint(stranger);
        vm.stopPrank();
        _decide(2, address(roll), abi.encodeCall(ICoopMembers.expel, (_person(3))));
        vm.assertFalse(roll.isMember(_person(3)));
        _decide(2, address(roll), abi.encodeCall(ICoopMembers.appoint, (_person(2))));
        vm.assertEq(roll.steward(), _person(2));
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersNotSteward.selector, _account(1)));
        _admitPerson(4);
        _admitAs(_person(2), _person(4), _credential(4));
        vm.assertTrue(roll.isMember(_person(4)));
    }

    /// @dev Once, by the founder, to a contract.
    function test_bindGovernor_worksOnceForTheFounder(address stranger) public {
        vm.assume(stranger != _account(1));
        _assumePowerless(stranger);
        CoopMembers fresh = new CoopMembers("Growers", _account(1));
        _expectBindRefused(fresh, stranger, address(governor));
        _expectBindRefused(fresh, _account(1), address(0xdead));
        vm.prank(_account(1));
        vm.expectEmit(address(fresh));
        emit ICoopMembers.GovernorBound(address(governor));
        fresh.bindGovernor(address(governor));
        vm.assertEq(fresh.governor(), address(governor));
        _expectBindRefused(fresh, _account(1), address(data));
    }

    function _expectBindRefused(CoopMembers fresh, address caller, address target) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(ICoopMembers.CoopMembersBindRefused.selector, caller, target));
        fresh.bindGovernor(target);
    }

    /// @dev Votes are taken by the second, as everywhere in the commons.
    function test_clock_isBlockTime(uint48 time) public {
        time = uint48(_between(time, START, type(uint48).max - 1));
        vm.warp(time);
        vm.assertEq(roll.clock(), time);
        vm.assertEq(roll.CLOCK_MODE(), "mode=timestamp", "mode");
        vm.assertEq(governor.clock(), time);
        vm.assertEq(governor.CLOCK_MODE(), "mode=timestamp", "mode");
    }
}
