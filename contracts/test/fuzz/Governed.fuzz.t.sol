// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGoverned} from "../../src/interfaces/IGoverned.sol";
import {StrangerTest} from "../base/StrangerTest.sol";

contract GovernedFuzzTest is StrangerTest {
    /// @dev No contract lets anybody but the timelock name its successor.
    function test_setSuccessor_failsForStrangers(address caller, address successor) public {
        address[7] memory all = [
            address(membership),
            address(data),
            address(problems),
            address(runs),
            address(models),
            address(vault),
            address(attestations)
        ];
        for (uint256 i; i < all.length; ++i) {
            _assertRefused(
                all[i],
                caller,
                abi.encodeCall(IGoverned.setSuccessor, (successor)),
                abi.encodeWithSelector(IGoverned.GovernedNotTimelock.selector, caller)
            );
        }
    }
}
