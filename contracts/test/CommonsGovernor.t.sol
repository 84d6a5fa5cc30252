// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommonsGovernor} from "../src/CommonsGovernor.sol";
import {ICommonsGovernor} from "../src/interfaces/ICommonsGovernor.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {IQuorumFloor} from "../src/interfaces/IQuorumFloor.sol";
import {GovernanceTest} from "./base/GovernanceTest.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {ERC2771Forwarder} from "@openzeppelin/contracts/metatx/ERC2771Forwarder.sol";

contract CommonsGovernorTest is GovernanceTest {
    address private here;
    bytes private grant = _grantAuditor(2);

    function setUp() public override {
        super.setUp();
        here = address(membership);
    }

    function _expectState(uint256 proposalId, IGovernor.ProposalState state) private view {
        vm.assertEq(uint8(commonsGovernor.state(proposalId)), uint8(state));
    }

    function _isAuditor() private view returns (bool) {
        return membership.hasRole(2, IMembership.Role.Auditor);
    }

    // -------------------------------------------------------------------------------------------------------- the path

    /// @dev Every step of the path, each refused before its time.
    function test_path_leadsThroughTheTimelock() public {
        bytes4 wrong = IGovernor.GovernorUnexpectedProposalState.selector;
        uint256 proposalId = _propose(1, here, grant);
        _expectState(proposalId, IGovernor.ProposalState.Pending);
        vm.expectPartialRevert(wrong);
        _vote(1, proposalId, 1);
        _skip(VOTE_DELAY + 1);
        _expectState(proposalId, IGovernor.ProposalState.Active);
        _vote(1, proposalId, 1);
        _vote(2, proposalId, 1);
        vm.expectPartialRevert(wrong);
        _queue(here, grant);
        _skip(VOTE_PERIOD);
        _expectState(proposalId, IGovernor.ProposalState.Succeeded);
        vm.assertTrue(commonsGovernor.proposalNeedsQueuing(proposalId));
        vm.expectPartialRevert(wrong);
        _vote(3, proposalId, 0);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        _execute(here, grant);
        _queue(here, grant);
        _expectState(proposalId, IGovernor.ProposalState.Queued);
        _skip(TIMELOCK_DELAY - 1);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        _execute(here, grant);
        vm.assertFalse(_isAuditor());
        _skip(1);
        _execute(here, grant);
        vm.assertTrue(_isAuditor());
        _expectState(proposalId, IGovernor.ProposalState.Executed);
        vm.expectPartialRevert(wrong);
        _execute(here, grant);
    }

    /// @dev Carried exactly when more are for than against and the quorum is for or abstains.
    function test_proposal_isCarriedByTheVotes(uint256 votes) public {
        uint256 proposalId = _opened(here, grant);
        uint256[3] memory counted;
        for (uint256 id = 1; id <= PEOPLE; ++id) {
            uint256 choice = votes >> 2 * id & 3;
            if (choice == 3) continue; // stays at home
            ++counted[choice];
            _vote(id, proposalId, uint8(choice));
        }
        (uint256 against, uint256 for_, uint256 abstain) = commonsGovernor.proposalVotes(proposalId);
        vm.assertEq(against, counted[0]);
        vm.assertEq(for_, counted[1]);
        vm.assertEq(abstain, counted[2]);
        _skip(VOTE_PERIOD);
        bool carried = counted[1] > counted[0] && counted[1] + counted[2] >= 2;
        _expectState(proposalId, carried ? IGovernor.ProposalState.Succeeded : IGovernor.ProposalState.Defeated);
        if (!carried) vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        _queue(here, grant);
    }

    /// @dev What is decided together is done together or not at all.
    function test_execute_isAllOrNothing() public {
        address[] memory targets = new address[](2);
        (targets[0], targets[1]) = (here, here);
        bytes[] memory datas = new bytes[](2);
        (datas[0], datas[1]) = (grant, _grantAuditor(99)); // there is no member 99
        vm.prank(_account(1));
        uint256 proposalId = commonsGovernor.propose(targets, new uint256[](2), datas, "why");
        _skip(VOTE_DELAY + 1);
        _vote(1, proposalId, 1);
        _vote(2, proposalId, 1);
        _skip(VOTE_PERIOD);
        commonsGovernor.queue(targets, new uint256[](2), datas, WHY);
        _skip(TIMELOCK_DELAY);
        vm.expectRevert(abi.encodeWithSelector(IMembership.MembershipWrongStatus.selector, 99, IMembership.Status.None));
        commonsGovernor.execute(targets, new uint256[](2), datas, WHY);
        vm.assertFalse(_isAuditor());
    }

    // ---------------------------------------------------------------------------------------------------------- quorum

    /// @dev The larger of minimum and fraction, of the members of the second in which the vote begins.
    function test_quorum_isTheLargerOfMinimumAndFraction(uint256 word, uint256 percent, uint256 minimum) public {
        uint256 n = _between(word, 1, 12);
        (percent, minimum) = (_between(percent, 0, 100), _between(minimum, 1, 12));
        if (n > PEOPLE) _admit(PEOPLE + 1, n);
        uint256 members = membership.live();
        CommonsGovernor made = new CommonsGovernor(
            IVotes(address(membership)),
            ICommonsGovernor.VoteRules(VOTE_DELAY, VOTE_PERIOD, percent, minimum),
            _authority()
        );
        uint256 now_ = vm.getBlockTimestamp();
        vm.warp(now_ + 1);
        uint256 fraction = members * percent / 100;
        vm.assertEq(made.quorum(now_), fraction > minimum ? fraction : minimum);
        vm.assertEq(made.quorumMinimum(), minimum);
    }

    function test_constructor_failsWithoutAQuorum() public {
        vm.expectRevert(abi.encodeWithSelector(IQuorumFloor.QuorumFloorNobody.selector));
        new CommonsGovernor(IVotes(here), ICommonsGovernor.VoteRules(1, 1, 10, 0), _authority());
    }

    /// @dev One vote is not a decision of five, even if nobody is against.
    function test_quorum_keepsOneFromDecidingAlone() public {
        uint256 proposalId = _opened(here, grant);
        _vote(1, proposalId, 1);
        _skip(VOTE_PERIOD);
        _expectState(proposalId, IGovernor.ProposalState.Defeated);
    }

    // ------------------------------------------------------------------------------------------------------ who votes

    function test_propose_failsForStrangers(address stranger) public {
        vm.assume(membership.memberOf(stranger) == 0 && stranger != address(forwarder));
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(here, grant);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInsufficientProposerVotes.selector, stranger, 0, 1));
        commonsGovernor.propose(targets, values, datas, "why");
    }

    /// @dev Who is admitted once the vote has begun has none in it; who left after that keeps the one it had.
    function test_votes_areThoseOfTheBeginning() public {
        uint256 proposalId = _opened(here, grant);
        _admit(PEOPLE + 1, PEOPLE + 1);
        vm.prank(_account(3));
        membership.leave();
        _skip(1);
        _vote(PEOPLE + 1, proposalId, 1);
        _vote(3, proposalId, 1);
        (, uint256 for_,) = commonsGovernor.proposalVotes(proposalId);
        vm.assertEq(for_, 1);
    }

    /// @dev A recovered membership votes once in a vote under way: with the account that it had when it began.
    function test_votes_areNotDoubledByARecovery() public {
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.recover(3, address(0xF2E54));
        }
        _skip(6 days);
        uint256 proposalId = _opened(here, grant);
        membership.finishRecovery(3);
        _skip(1);
        _vote(3, proposalId, 1);
        vm.prank(address(0xF2E54));
        commonsGovernor.castVote(proposalId, 1);
        (, uint256 for_,) = commonsGovernor.proposalVotes(proposalId);
        vm.assertEq(for_, 1);
    }

    /// @dev A member that the registrars suspended still votes, also about itself.
    function test_suspended_stillVote() public {
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.suspend(2);
        }
        uint256 proposalId = _opened(here, abi.encodeCall(IMembership.reinstate, (2)));
        _vote(2, proposalId, 1);
        (, uint256 for_,) = commonsGovernor.proposalVotes(proposalId);
        vm.assertEq(for_, 1);
    }

    function test_vote_countsOnce(uint8 first, uint8 second) public {
        uint256 proposalId = _opened(here, grant);
        _vote(1, proposalId, uint8(_between(first, 0, 2)));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, _account(1)));
        _vote(1, proposalId, uint8(_between(second, 0, 2)));
    }

    /// @dev Only who proposed takes it back, before the vote begins.
    function test_cancel_isTheProposersUntilTheVote() public {
        uint256 proposalId = _propose(1, here, grant);
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(here, grant);
        vm.prank(_account(2));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, _account(2)));
        commonsGovernor.cancel(targets, values, datas, WHY);
        uint256 pending = vm.snapshotState();
        vm.prank(_account(1));
        commonsGovernor.cancel(targets, values, datas, WHY);
        _expectState(proposalId, IGovernor.ProposalState.Canceled);
        vm.revertToState(pending);
        _skip(VOTE_DELAY + 1);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, _account(1)));
        commonsGovernor.cancel(targets, values, datas, WHY);
    }

    // ------------------------------------------------------------------------------------------------------ signatures

    function _ballot(uint256 id, uint256 proposalId, uint8 support, address voter, uint256 nonce)
        private
        view
        returns (bytes memory)
    {
        bytes32 kind = keccak256("Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)");
        bytes32 domain = _domain("AI Commons Governor", "1", address(commonsGovernor));
        return _sign(0xACC0000 + id, domain, keccak256(abi.encode(kind, proposalId, support, voter, nonce)));
    }

    /// @dev A ballot is sent by anybody and counts once.
    function test_castVoteBySig_isSentByAnybody(address sender, uint8 support) public {
        vm.assume(sender != address(forwarder));
        support = uint8(_between(support, 0, 2));
        uint256 proposalId = _opened(here, grant);
        bytes memory signature = _ballot(2, proposalId, support, _account(2), 0);
        vm.prank(sender);
        commonsGovernor.castVoteBySig(proposalId, support, _account(2), signature);
        vm.assertTrue(commonsGovernor.hasVoted(proposalId, _account(2)));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, _account(2)));
        commonsGovernor.castVoteBySig(proposalId, support, _account(2), signature);
    }

    /// @dev Rows: another signer, choice, proposal, voter, nonce, chain, and a co-op's governor.
    function test_castVoteBySig_isBoundToEverything() public {
        uint256 proposalId = _opened(here, grant);
        bytes[7] memory bad = [
            _ballot(3, proposalId, 1, _account(2), 0),
            _ballot(2, proposalId, 0, _account(2), 0),
            _ballot(2, proposalId + 1, 1, _account(2), 0),
            _ballot(2, proposalId, 1, _account(3), 0),
            _ballot(2, proposalId, 1, _account(2), 1),
            _onAnotherChain(proposalId),
            _ofACoop(proposalId)
        ];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, _account(2)));
            commonsGovernor.castVoteBySig(proposalId, 1, _account(2), bad[i]);
        }
    }

    function _onAnotherChain(uint256 proposalId) private returns (bytes memory signature) {
        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        signature = _ballot(2, proposalId, 1, _account(2), 0);
        vm.chainId(chain);
    }

    function _ofACoop(uint256 proposalId) private view returns (bytes memory) {
        bytes32 kind = keccak256("Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)");
        bytes32 domain = _domain("AI Commons Co-op Governor", "1", address(commonsGovernor));
        return _sign(0xACC0002, domain, keccak256(abi.encode(kind, proposalId, 1, _account(2), 0)));
    }

    /// @dev A member without coins proposes and votes by what it signs; a relayer pays.
    function test_forwarder_bringsVotesWithoutCoins(uint8 support) public {
        support = uint8(_between(support, 0, 2));
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(here, grant);
        bytes memory data = abi.encodeCall(IGovernor.propose, (targets, values, datas, "why"));
        forwarder.execute(_request(4, address(commonsGovernor), data));
        uint256 proposalId = commonsGovernor.getProposalId(targets, values, datas, WHY);
        vm.assertEq(commonsGovernor.proposalProposer(proposalId), _account(4));
        _skip(VOTE_DELAY + 1);
        data = abi.encodeCall(IGovernor.castVote, (proposalId, support));
        ERC2771Forwarder.ForwardRequestData memory request = _request(5, address(commonsGovernor), data);
        forwarder.execute(request);
        vm.assertTrue(commonsGovernor.hasVoted(proposalId, _account(5)));
        vm.expectPartialRevert(ERC2771Forwarder.ERC2771ForwarderInvalidSigner.selector);
        forwarder.execute(request);
    }

    // -------------------------------------------------------------------------------------------------- its own rules

    /// @dev The rules of votes are changed by a vote, and hold for the proposals after it.
    function test_rules_areChangedByAVote(uint32 period) public {
        period = uint32(_between(period, 1, 52 weeks));
        address governor = address(commonsGovernor);
        _decide(governor, abi.encodeCall(GovernorSettings.setVotingPeriod, (period)));
        vm.assertEq(commonsGovernor.votingPeriod(), period);
        uint256 proposalId = _propose(1, here, grant);
        vm.assertEq(commonsGovernor.proposalDeadline(proposalId), vm.getBlockTimestamp() + VOTE_DELAY + period);
    }

    /// @dev The timelock's own delay too: it is its only admin.
    function test_timelockDelay_isChangedByAVote() public {
        _decide(address(timelock), abi.encodeCall(TimelockController.updateDelay, (5 days)));
        vm.assertEq(timelock.getMinDelay(), 5 days);
    }
}
