// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembership} from "../../src/interfaces/IMembership.sol";
import {CommonsTest} from "../base/CommonsTest.sol";

/// @notice Plays applicants, registrars and members over few accounts, credentials and keys, so that they collide.
contract MembershipHandler is CommonsTest {
    uint256 private constant PEOPLE = 6;

    IMembership public immutable target;
    uint256 public admitted;
    uint256 public left;

    constructor() {
        super.setUp();
        target = membership;
    }

    function setUp() public override {}

    /// @notice Somebody applies with any of few credentials and keys.
    function applyAs(uint256 word) external {
        vm.prank(_person(word));
        try target.applyAs(
            IMembership.Kind.Person,
            address(uint160(0x4E0 + (word >> 8) % 8)),
            bytes32(uint256(1)),
            bytes32((word >> 16) % 4 + 1),
            0
        ) {}
            catch {}
    }

    /// @notice A registrar agrees to an application.
    function admit(uint256 word) external {
        vm.prank(_registrar((word >> 8) % 3));
        try target.admit(_person(word)) returns (uint256 memberId) {
            if (memberId != 0) ++admitted;
        } catch {}
    }

    /// @notice A member leaves; has to work for every member.
    function leave(uint256 word) external {
        if (word % 3 != 0 || target.memberOf(_person(word >> 2)) == 0) return;
        vm.prank(_person(word >> 2));
        target.leave();
        ++left;
    }

    /// @notice A registrar suspends or reinstates, according to what the member is.
    function suspend(uint256 word) external {
        uint256 memberId = word % (target.count() + 1);
        vm.prank(_registrar((word >> 8) % 3));
        if ((word >> 16) % 2 == 0) {
            try target.suspend(memberId) {} catch {}
        } else {
            try target.reinstate(memberId) {} catch {}
        }
    }

    /// @notice A member changes its node key to any of few.
    function setNodeKey(uint256 word) external {
        vm.prank(_person(word));
        try target.setNodeKey(address(uint160(0x4E0 + (word >> 8) % 8))) {} catch {}
    }

    function _person(uint256 word) private pure returns (address) {
        return address(uint160(0xFE0 + word % PEOPLE));
    }
}
