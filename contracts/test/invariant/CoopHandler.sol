// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICoopMembers} from "../../src/interfaces/ICoopMembers.sol";
import {CoopTest} from "../base/CoopTest.sol";

/// @notice Plays a steward and people who join, leave, propose, vote twice, hand on and lend, in any order.
contract CoopHandler is CoopTest {
    uint256 public constant PEOPLE = 8;

    uint256[] public proposals;
    mapping(uint256 proposalId => address) public appointed;
    mapping(uint256 proposalId => mapping(uint256 number => uint256)) public cast;
    uint256 public executed;
    address public steward;

    constructor() {
        super.setUp();
        steward = _account(1);
    }

    function setUp() public override {}

    function book() external view returns (ICoopMembers) {
        return roll;
    }

    function proposalCount() external view returns (uint256) {
        return proposals.length;
    }

    function person(uint256 number) external pure returns (address) {
        return _person(number);
    }

    function votesNow(uint256 number) external view returns (uint256) {
        return roll.getVotes(_person(number));
    }

    function tally(uint256 proposalId) external view returns (uint256 against, uint256 for_, uint256 abstain) {
        return governor.proposalVotes(proposalId);
    }

    function rollAt(uint256 proposalId) external view returns (uint256 size, bool known) {
        uint256 at = governor.proposalSnapshot(proposalId);
        if (at >= vm.getBlockTimestamp()) return (0, false);
        return (roll.getPastTotalSupply(at), true);
    }

    /// @notice The steward, or somebody who is not, admits a person with any of few credentials.
    function admit(uint256 word) external {
        (address[] memory people, bytes32[] memory credentials) = (new address[](1), new bytes32[](1));
        (people[0], credentials[0]) = (_person(word % PEOPLE), _credential((word >> 8) % PEOPLE));
        vm.prank((word >> 16) % 4 == 0 ? _person((word >> 24) % PEOPLE) : roll.steward());
        try roll.admit(people, credentials) {} catch {}
    }

    /// @notice A person leaves, hands its place on, or lends its vote.
    function misuse(uint256 word) external {
        address who = _person(word % PEOPLE);
        address to = _person((word >> 8) % PEOPLE);
        vm.startPrank(who);
        if ((word >> 16) % 8 == 0) {
            try roll.leave() {} catch {}
        } else if ((word >> 16) % 2 == 0) {
            try roll.transferFrom(who, to, uint160(who)) {} catch {}
        } else {
            try roll.delegate(to) {} catch {}
        }
        vm.stopPrank();
    }

    /// @notice A person proposes another steward.
    function propose(uint256 word) external {
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _wish(proposals.length);
        vm.prank(_person(word % PEOPLE));
        try governor.propose(targets, values, datas, "why") returns (uint256 proposalId) {
            appointed[proposalId] = _wanted(proposals.length);
            proposals.push(proposalId);
        } catch {}
        vm.warp(vm.getBlockTimestamp() + 1 + (word >> 16) % 20);
    }

    /// @notice A person votes, perhaps again.
    function vote(uint256 word) external {
        if (proposals.length == 0) return;
        uint256 proposalId = proposals[proposals.length - 1 - (word % (proposals.length < 3 ? proposals.length : 3))];
        uint256 number = (word >> 8) % PEOPLE;
        vm.prank(_person(number));
        try governor.castVote(proposalId, uint8((word >> 16) % 4 == 0 ? 0 : 1)) returns (uint256 weight) {
            cast[proposalId][number] += weight;
        } catch {}
    }

    /// @notice Somebody executes what may or may not be carried.
    function execute(uint256 word) external {
        if (proposals.length == 0) return;
        vm.warp(vm.getBlockTimestamp() + (word >> 16) % 120);
        uint256 index = word % proposals.length;
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _wish(index);
        try governor.execute(targets, values, datas, keccak256("why")) {
            steward = _wanted(index);
            ++executed;
        } catch {}
    }

    function _wanted(uint256 index) private pure returns (address) {
        return address(uint160(0x57E0000 + index));
    }

    function _wish(uint256 index) private view returns (address[] memory, uint256[] memory, bytes[] memory) {
        return _call(address(roll), abi.encodeCall(ICoopMembers.appoint, (_wanted(index))));
    }
}
