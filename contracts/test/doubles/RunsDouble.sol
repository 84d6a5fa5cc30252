// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBondDebts} from "../../src/interfaces/IBonds.sol";

/// @notice A TrainingRuns that owes what it is told.
contract RunsDouble is IBondDebts {
    mapping(bytes32 runId => mapping(uint256 memberId => bool)) public owesBond;

    function set(bytes32 runId, uint256 memberId, bool owes) external {
        owesBond[runId][memberId] = owes;
    }
}
