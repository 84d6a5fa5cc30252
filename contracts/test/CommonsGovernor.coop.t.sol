// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembership} from "../src/interfaces/IMembership.sol";
import {CoopTest} from "./base/CoopTest.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @notice A co-op is one member of the commons: its governor is the member's account, so its people decide its one vote.
contract CommonsGovernorCoopTest is CoopTest {
    uint256 private constant COOP_KEY = 0xC009;

    address[] private _targets;
    bytes[] private _datas;

    function setUp() public override {
        super.setUp();
        _admitPeople(4);
        _targets = [address(membership)];
        _datas = [abi.encodeCall(IMembership.grantRole, (2, IMembership.Role.Auditor))];
    }

    /// @dev The co-op's people decide to apply; the registrars admit its governor like anybody.
    function _join() private returns (uint256 memberId) {
        _decide(3, address(membership), _application());
        vm.prank(_registrar(0));
        membership.admit(address(governor));
        vm.prank(_registrar(1));
        memberId = membership.admit(address(governor));
        vm.warp(vm.getBlockTimestamp() + 1);
    }

    function _application() private pure returns (bytes memory) {
        return abi.encodeCall(
            IMembership.applyAs,
            (
                IMembership.Kind.Organisation,
                vm.addr(COOP_KEY),
                keccak256("point"),
                keccak256("statutes"),
                keccak256("who we are")
            )
        );
    }

    /// @dev A member's proposal whose vote is open.
    function _open() private returns (uint256 proposalId) {
        vm.prank(_account(1));
        proposalId = commonsGovernor.propose(_targets, new uint256[](1), _datas, "why");
        vm.warp(vm.getBlockTimestamp() + VOTE_DELAY + 1);
    }

    function _castVote(uint256 proposalId, uint8 support) private pure returns (bytes memory) {
        return abi.encodeCall(IGovernor.castVote, (proposalId, support));
    }

    function _carry(uint256 proposalId) private {
        vm.warp(commonsGovernor.proposalDeadline(proposalId) + 1);
        commonsGovernor.queue(_targets, new uint256[](1), _datas, keccak256("why"));
        vm.warp(vm.getBlockTimestamp() + TIMELOCK_DELAY);
        commonsGovernor.execute(_targets, new uint256[](1), _datas, keccak256("why"));
    }

    /// @dev However many its people, it is one member with one vote.
    function test_coop_becomesAMemberByItsPeoplesVote() public {
        uint256 memberId = _join();
        vm.assertEq(memberId, 3);
        vm.assertEq(membership.accountOf(memberId), address(governor));
        vm.assertEq(membership.getVotes(address(governor)), 1);
        vm.assertEq(membership.live(), 3);
        vm.assertEq(membership.memberOfNodeKey(vm.addr(COOP_KEY)), memberId);
    }

    /// @dev Its vote is cast by what its people carried, with their choice, and decides like any other.
    function test_coop_votesByItsPeoplesVote() public {
        _join();
        uint256 proposalId = _open();
        vm.prank(_account(1));
        commonsGovernor.castVote(proposalId, 1);
        _decide(3, address(commonsGovernor), _castVote(proposalId, 1));
        vm.assertTrue(commonsGovernor.hasVoted(proposalId, address(governor)));
        (, uint256 for_,) = commonsGovernor.proposalVotes(proposalId);
        vm.assertEq(for_, 2);
        _carry(proposalId);
        vm.assertTrue(membership.hasRole(2, IMembership.Role.Auditor));
    }

    function test_coop_votesAsItsPeopleSay(uint8 support) public {
        support = uint8(_between(support, 0, 2));
        _join();
        uint256 proposalId = _open();
        _decide(2, address(commonsGovernor), _castVote(proposalId, support));
        (uint256 against, uint256 for_, uint256 abstain) = commonsGovernor.proposalVotes(proposalId);
        vm.assertEq(support == 0 ? against : support == 1 ? for_ : abstain, 1);
        vm.assertEq(against + for_ + abstain, 1);
    }

    /// @dev Without a quorum of its people nothing is cast.
    function test_coop_castsNothingWithoutItsPeople() public {
        _join();
        uint256 proposalId = _open();
        uint256 inner = _propose(1, address(commonsGovernor), _castVote(proposalId, 1));
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        _vote(1, inner, 1);
        vm.warp(vm.getBlockTimestamp() + PERIOD);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        _execute(address(commonsGovernor), _castVote(proposalId, 1));
        vm.assertFalse(commonsGovernor.hasVoted(proposalId, address(governor)));
    }

    /// @dev Neither its people nor its steward vote in its place; the steward's vote is its own membership's.
    function test_coop_hasOneVoice() public {
        _join();
        uint256 proposalId = _open();
        for (uint256 number = 1; number <= 4; ++number) {
            vm.prank(_person(number));
            commonsGovernor.castVote(proposalId, 1);
        }
        (, uint256 for_,) = commonsGovernor.proposalVotes(proposalId);
        vm.assertEq(for_, 0);
        vm.prank(_account(1));
        commonsGovernor.castVote(proposalId, 1);
        vm.assertFalse(commonsGovernor.hasVoted(proposalId, address(governor)));
    }

    /// @dev It proposes as well, by its people's vote.
    function test_coop_proposes() public {
        _join();
        bytes memory propose = abi.encodeCall(IGovernor.propose, (_targets, new uint256[](1), _datas, "ours"));
        _decide(3, address(commonsGovernor), propose);
        uint256 proposalId = commonsGovernor.getProposalId(_targets, new uint256[](1), _datas, keccak256("ours"));
        vm.assertEq(commonsGovernor.proposalProposer(proposalId), address(governor));
    }
}
