// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataRegistry} from "../src/interfaces/IDataRegistry.sol";
import {CoopTest} from "./base/CoopTest.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @notice Dataset 1 is member 1's and entrusted to its co-op of five people.
contract CoopConsentTest is CoopTest {
    function setUp() public override {
        super.setUp();
        _admitPeople(5);
        vm.assertEq(_list(1), 1);
        vm.prank(_account(1));
        data.entrust(1, address(governor));
    }

    function _giveCall() private view returns (bytes memory) {
        return abi.encodeCall(IDataRegistry.give, (_terms(1)));
    }

    function _consentId() private view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(data), _terms(1), uint256(0)));
    }

    /// @dev Neither the owner nor a person nor a stranger gives a consent past the vote.
    function test_give_failsPastTheVote(address stranger) public {
        vm.assume(stranger != address(governor) && stranger != _account(1));
        _assumePowerless(stranger);
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        address[3] memory callers = [_account(1), _person(1), stranger];
        for (uint256 i; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryEntrusted.selector, 1, address(governor)));
            data.give(terms);
        }
        vm.assertEq(data.consentCount(1), 0);
    }

    /// @dev A carried and executed proposal gives the consent, and it is live.
    function test_give_followsTheVote(uint256 votes) public {
        votes = _between(votes, MINIMUM, 5);
        _decide(votes, address(data), _giveCall());
        vm.assertTrue(data.isLive(_consentId()));
        vm.assertEq(keccak256(abi.encode(data.consent(_consentId()).terms)), keccak256(abi.encode(_terms(1))));
        vm.assertEq(data.consentCount(1), 1);
    }

    /// @dev Proposed, or proposed and carried, is not yet given.
    function test_give_needsTheExecution() public {
        uint256 proposalId = _propose(1, address(data), _giveCall());
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        for (uint256 number = 1; number <= 5; ++number) {
            _vote(number, proposalId, 1);
        }
        vm.warp(vm.getBlockTimestamp() + PERIOD);
        vm.assertEq(uint8(governor.state(proposalId)), uint8(IGovernor.ProposalState.Succeeded));
        vm.assertFalse(data.isLive(_consentId()));
        _execute(address(data), _giveCall());
        vm.assertTrue(data.isLive(_consentId()));
    }

    /// @dev What the ledger refuses for anybody it refuses for a co-op, in its own words.
    function test_give_failsIfTermsAreInvalid() public {
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        terms.purposes = 0;
        bytes memory call = abi.encodeCall(IDataRegistry.give, (terms));
        uint256 proposalId = _propose(1, address(data), call);
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        _vote(1, proposalId, 1);
        _vote(2, proposalId, 1);
        vm.warp(vm.getBlockTimestamp() + PERIOD);
        vm.expectRevert(
            abi.encodeWithSelector(IDataRegistry.DataRegistryTermsInvalid.selector, 0, terms.expiry, terms.maxUses)
        );
        _execute(address(data), call);
    }

    /// @dev Stopping needs no vote, and the vote can stop too.
    function test_revoke_isTheOwnersAndTheVotes(bool byVote) public {
        _decide(2, address(data), _giveCall());
        if (byVote) {
            _decide(2, address(data), abi.encodeCall(IDataRegistry.revoke, (_consentId())));
        } else {
            vm.prank(_account(1));
            data.revoke(_consentId());
        }
        vm.assertFalse(data.isLive(_consentId()));
    }

    /// @dev Only the vote gives the dataset back.
    function test_discharge_isTheVotes() public {
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotBody.selector, 1, _account(1)));
        data.discharge(1);
        _decide(2, address(data), abi.encodeCall(IDataRegistry.discharge, (1)));
        vm.assertTrue(_give(1, 1) != 0);
    }
}
