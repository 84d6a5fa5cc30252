// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CoopMembers} from "../../src/CoopMembers.sol";
import {ICoopMembers} from "../../src/interfaces/ICoopMembers.sol";
import {StrangerTest} from "../base/StrangerTest.sol";

contract CoopMembersFuzzTest is StrangerTest {
    /// @dev Only the people's vote may do this (expel).
    function test_expel_failsForStrangers(address caller, address person) public {
        CoopMembers roll = new CoopMembers("Growers", address(this));
        bytes memory error = abi.encodeWithSelector(ICoopMembers.CoopMembersNotGovernor.selector, caller);
        _assertRefused(address(roll), caller, abi.encodeCall(ICoopMembers.expel, (person)), error);
    }

    /// @dev Only the people's vote may do this (appoint).
    function test_appoint_failsForStrangers(address caller, address person) public {
        CoopMembers roll = new CoopMembers("Growers", address(this));
        bytes memory error = abi.encodeWithSelector(ICoopMembers.CoopMembersNotGovernor.selector, caller);
        _assertRefused(address(roll), caller, abi.encodeCall(ICoopMembers.appoint, (person)), error);
    }

    /// @dev Who has no place cannot leave.
    function test_leave_failsForStrangers(address caller) public {
        CoopMembers roll = new CoopMembers("Growers", address(this));
        bytes memory error = abi.encodeWithSelector(ICoopMembers.CoopMembersUnknown.selector, caller);
        _assertRefused(address(roll), caller, abi.encodeCall(ICoopMembers.leave, ()), error);
    }
}
