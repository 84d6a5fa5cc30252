// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SharesTest} from "./base/SharesTest.sol";

/// @notice What halmos proves for few members, tried here with any number of them.
contract ModelRegistrySharesTest is SharesTest {
    /// @dev Whatever solver and problem owner agreed on, and however many take part, exactly 1,000,000 are given out.
    function test_register_sharesSum(uint32 solverShares, uint32 ownerShares, uint8 members) public {
        solverShares = uint32(solverShares % (ALL_SHARES + 1));
        ownerShares = uint32(ownerShares % (ALL_SHARES + 1 - solverShares));
        _assertSum(solverShares, ownerShares, 1 + members % 48);
    }
}
