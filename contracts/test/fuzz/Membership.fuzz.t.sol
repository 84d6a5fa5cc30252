// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGoverned} from "../../src/interfaces/IGoverned.sol";
import {IMembership} from "../../src/interfaces/IMembership.sol";
import {StrangerTest} from "../base/StrangerTest.sol";

contract MembershipFuzzTest is StrangerTest {
    /// @dev Only registrars and the members' vote suspend.
    function test_suspend_failsForStrangers(address caller) public {
        _admit(1, 1);
        bytes memory error = abi.encodeWithSelector(IMembership.MembershipNotRegistrar.selector, caller);
        _assertRefused(address(membership), caller, abi.encodeCall(IMembership.suspend, (1)), error);
    }

    /// @dev Nobody is reinstated that was not suspended.
    function test_reinstate_failsForAnybodyNotSuspended(address caller, uint256 id) public {
        bytes memory error =
            abi.encodeWithSelector(IMembership.MembershipWrongStatus.selector, id, IMembership.Status.None);
        _assertRefused(address(membership), caller, abi.encodeCall(IMembership.reinstate, (id)), error);
    }

    /// @dev Only members have a node key.
    function test_setNodeKey_failsForStrangers(address caller, address nodeKey) public {
        bytes memory error = abi.encodeWithSelector(IMembership.MembershipNotActive.selector, caller);
        _assertRefused(address(membership), caller, abi.encodeCall(IMembership.setNodeKey, (nodeKey)), error);
    }

    /// @dev Only members leave.
    function test_leave_failsForStrangers(address caller) public {
        bytes memory error = abi.encodeWithSelector(IMembership.MembershipNotActive.selector, caller);
        _assertRefused(address(membership), caller, abi.encodeCall(IMembership.leave, ()), error);
    }

    /// @dev Only the members' vote expels.
    function test_expel_failsForStrangers(address caller, uint256 id) public {
        bytes memory error = abi.encodeWithSelector(IGoverned.GovernedNotTimelock.selector, caller);
        _assertRefused(address(membership), caller, abi.encodeCall(IMembership.expel, (id)), error);
    }
}
