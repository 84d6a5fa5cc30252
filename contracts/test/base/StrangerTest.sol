// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommonsTest} from "./CommonsTest.sol";

/// @notice Calls of somebody who has no place in the commons, with any arguments: each gets the error of its row, whole,:
/// the contract keeps its storage.
abstract contract StrangerTest is CommonsTest {
    function _assertRefused(address target, address caller, bytes memory call, bytes memory error) internal {
        vm.assume(caller != address(forwarder) && caller != address(timelock) && caller != address(runs));
        vm.assume(caller != address(0) && membership.memberOf(caller) == 0 && !membership.isRegistrar(caller));
        vm.prank(caller);
        (bool done, bytes memory answer) = target.call(call);
        vm.assertFalse(done);
        vm.assertEq(keccak256(answer), keccak256(error));
    }
}
