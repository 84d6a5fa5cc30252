// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CoopGovernor} from "../../src/CoopGovernor.sol";
import {CoopMembers} from "../../src/CoopMembers.sol";
import {CommonsTest} from "./CommonsTest.sol";

/// @notice A commons in which member 1 is the steward of a co-op; people's keys follow from their number.
abstract contract CoopTest is CommonsTest {
    uint48 internal constant DELAY = 10;
    uint32 internal constant PERIOD = 100;
    uint256 internal constant PERCENT = 20;
    uint256 internal constant MINIMUM = 2;

    CoopMembers internal roll;
    CoopGovernor internal governor;

    function setUp() public virtual override {
        super.setUp();
        _admit(1, 2);
        _found();
    }

    function _found() internal {
        roll = new CoopMembers("Growers", _account(1));
        governor = new CoopGovernor(roll, DELAY, PERIOD, PERCENT, MINIMUM);
        vm.prank(_account(1));
        roll.bindGovernor(address(governor));
    }

    function _person(uint256 number) internal pure returns (address) {
        return vm.addr(_personKey(number));
    }

    function _personKey(uint256 number) internal pure returns (uint256) {
        return 0x9E2500 + number;
    }

    function _credential(uint256 number) internal pure returns (bytes32) {
        return keccak256(abi.encode("person", number));
    }

    function _admitPerson(uint256 number) internal {
        _admitAs(_account(1), _person(number), _credential(number));
    }

    function _admitAs(address caller, address person, bytes32 credential) internal {
        (address[] memory people, bytes32[] memory credentials) = (new address[](1), new bytes32[](1));
        (people[0], credentials[0]) = (person, credential);
        vm.prank(caller);
        roll.admit(people, credentials);
    }

    /// @dev Admits people 1..count; their votes count from the next second on.
    function _admitPeople(uint256 count) internal {
        for (uint256 number = 1; number <= count; ++number) {
            _admitPerson(number);
        }
        vm.warp(vm.getBlockTimestamp() + 1);
    }

    function _call(address target, bytes memory data)
        internal
        pure
        returns (address[] memory targets, uint256[] memory values, bytes[] memory datas)
    {
        (targets, values, datas) = (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], datas[0]) = (target, data);
    }

    function _propose(uint256 number, address target, bytes memory data) internal returns (uint256 proposalId) {
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(target, data);
        vm.prank(_person(number));
        return governor.propose(targets, values, datas, "why");
    }

    function _execute(address target, bytes memory data) internal {
        (address[] memory targets, uint256[] memory values, bytes[] memory datas) = _call(target, data);
        governor.execute(targets, values, datas, keccak256("why"));
    }

    function _vote(uint256 number, uint256 proposalId, uint8 support) internal {
        vm.prank(_person(number));
        governor.castVote(proposalId, support);
    }

    /// @dev Proposes by person 1, votes by persons 1..votes, waits, executes.
    function _decide(uint256 votes, address target, bytes memory data) internal {
        uint256 proposalId = _propose(1, target, data);
        vm.warp(vm.getBlockTimestamp() + DELAY + 1);
        for (uint256 number = 1; number <= votes; ++number) {
            _vote(number, proposalId, 1);
        }
        vm.warp(vm.getBlockTimestamp() + PERIOD);
        _execute(target, data);
    }
}
