// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CoopGovernor} from "../src/CoopGovernor.sol";
import {ICoopMembers} from "../src/interfaces/ICoopMembers.sol";
import {IQuorumFloor} from "../src/interfaces/IQuorumFloor.sol";
import {CoopTest} from "./base/CoopTest.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

contract CoopGovernorTest is CoopTest {
    bytes private appoint = abi.encodeCall(ICoopMembers.appoint, (address(0x57E3)));

    function _expectState(uint256 proposalId, IGovernor.ProposalState state) private view {
        vm.assertEq(uint8(governor.state(proposalId)), uint8(state));
    }

    /// @dev The larger of minimum and fraction, by the roll of the second in which the vote begins.
    function test_quorum_isTheLargerOfMinimumAndFraction(uint256 people) public {
        people = _between(people, 0, 30);
        _admitPeople(people);
        uint256 now_ = vm.getBlockTimestamp();
        vm.warp(now_ + 1);
        uint256 fraction = people * PERCENT / 100;
        vm.assertEq(governor.quorum(now_), fraction > MINIMUM ? fraction : MINIMUM);
        vm.assertEq(governor.quorumMinimum(), MINIMUM);
    }

    function test_constructor_failsWithoutAQuorum() public {
        vm.expectRevert(abi.encodeWithSelector(IQuorumFloor.QuorumFloorNobody.selector));
        new CoopGovernor(roll, DELAY, PERIOD, PERCENT, 0);
    }

    /// @dev Carried exactly when more are for than against and a quorum is for or abstains; only then is it done.
    function test_proposal_isCarriedByTheVotes(uint256 votes) public {
        _admitPeople(7);
        uint256 proposalId = _propose(1, address(roll), appoint);
        _expectState(proposalId, IGovernor.ProposalState.Pending);
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        uint256[3] memory counted;
        for (uint256 number = 1; number <= 7; ++number) {
            uint256 choice = votes >> 2 * number & 3;
            if (choice == 3) continue; // stays at home
            ++counted[choice];
            _vote(number, proposalId, uint8(choice));
        }
        (uint256 against, uint256 for_, uint256 abstain) = governor.proposalVotes(proposalId);
        vm.assertEq(against, counted[0]);
        vm.assertEq(for_, counted[1]);
        vm.assertEq(abstain, counted[2]);
        vm.warp(vm.getBlockTimestamp() + PERIOD);
        bool carried = counted[1] > counted[0] && counted[1] + counted[2] >= MINIMUM;
        _expectState(proposalId, carried ? IGovernor.ProposalState.Succeeded : IGovernor.ProposalState.Defeated);
        if (!carried) vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        _execute(address(roll), appoint);
        vm.assertTrue((roll.steward() == address(0x57E3)) == carried);
        if (!carried) return;
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        _execute(address(roll), appoint);
    }

    /// @dev Before its end nothing is carried, however clear the vote.
    function test_execute_failsBeforeTheEnd() public {
        _admitPeople(3);
        uint256 proposalId = _propose(1, address(roll), appoint);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        _execute(address(roll), appoint);
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        for (uint256 number = 1; number <= 3; ++number) {
            _vote(number, proposalId, 1);
        }
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        _execute(address(roll), appoint);
    }

    /// @dev Only who is on the roll proposes and counts; a stranger's vote weighs nothing.
    function test_strangers_haveNoSay(uint256 number) public {
        number = _between(number, 10, 1000);
        _admitPeople(3);
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(address(roll), appoint);
        vm.prank(_person(number));
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorInsufficientProposerVotes.selector, _person(number), 0, 1)
        );
        governor.propose(targets, values, datas, "why");
        uint256 proposalId = _propose(1, address(roll), appoint);
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        _vote(number, proposalId, 1);
        (, uint256 for_,) = governor.proposalVotes(proposalId);
        vm.assertEq(for_, 0);
    }

    /// @dev Who is admitted once the vote has begun has no vote in it; who left after that keeps the one it had.
    function test_votes_areThoseOfTheRollAtTheBeginning() public {
        _admitPeople(3);
        uint256 proposalId = _propose(1, address(roll), appoint);
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        _admitPerson(4);
        vm.prank(_person(3));
        roll.leave();
        vm.warp(vm.getBlockTimestamp() + 1);
        _vote(4, proposalId, 1);
        _vote(3, proposalId, 1);
        (, uint256 for_,) = governor.proposalVotes(proposalId);
        vm.assertEq(for_, 1);
    }

    function test_vote_countsOnce(uint8 first, uint8 second) public {
        (first, second) = (uint8(_between(first, 0, 2)), uint8(_between(second, 0, 2)));
        _admitPeople(3);
        uint256 proposalId = _propose(1, address(roll), appoint);
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        _vote(1, proposalId, first);
        vm.prank(_person(1));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, _person(1)));
        governor.castVote(proposalId, second);
    }

    // ------------------------------------------------------------------------------------------------------ signatures

    function _ballot(uint256 key, uint256 proposalId, uint8 support, address voter, uint256 nonce)
        private
        view
        returns (bytes memory)
    {
        bytes32 kind = keccak256("Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)");
        bytes32 domain = _domain("AI Commons Co-op Governor", "1", address(governor));
        return _sign(key, domain, keccak256(abi.encode(kind, proposalId, support, voter, nonce)));
    }

    /// @dev A ballot is sent by anybody and counts once.
    function test_castVoteBySig_isSentByAnybody(address sender, uint8 support) public {
        support = uint8(_between(support, 0, 2));
        _admitPeople(3);
        uint256 proposalId = _propose(1, address(roll), appoint);
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        bytes memory signature = _ballot(_personKey(2), proposalId, support, _person(2), 0);
        vm.prank(sender);
        governor.castVoteBySig(proposalId, support, _person(2), signature);
        vm.assertTrue(governor.hasVoted(proposalId, _person(2)));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, _person(2)));
        governor.castVoteBySig(proposalId, support, _person(2), signature);
    }

    /// @dev Rows: another signer, choice, proposal, voter, nonce, chain.
    function test_castVoteBySig_isBoundToEverything() public {
        _admitPeople(3);
        uint256 proposalId = _propose(1, address(roll), appoint);
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        bytes[6] memory bad = [
            _ballot(_personKey(3), proposalId, 1, _person(2), 0),
            _ballot(_personKey(2), proposalId, 0, _person(2), 0),
            _ballot(_personKey(2), proposalId + 1, 1, _person(2), 0),
            _ballot(_personKey(2), proposalId, 1, _person(3), 0),
            _ballot(_personKey(2), proposalId, 1, _person(2), 1),
            _onAnotherChain(proposalId)
        ];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, _person(2)));
            governor.castVoteBySig(proposalId, 1, _person(2), bad[i]);
        }
    }

    function _onAnotherChain(uint256 proposalId) private returns (bytes memory signature) {
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        signature = _ballot(_personKey(2), proposalId, 1, _person(2), 0);
        vm.chainId(here);
    }
}
