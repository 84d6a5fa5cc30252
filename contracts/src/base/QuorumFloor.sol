// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IQuorumFloor} from "../interfaces/IQuorumFloor.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";

/// @title QuorumFloor
abstract contract QuorumFloor is IQuorumFloor, GovernorVotesQuorumFraction {
    uint256 private immutable _minimum;

    constructor(uint256 minimum) {
        if (minimum == 0) revert QuorumFloorNobody();
        _minimum = minimum;
        emit QuorumMinimumFixed(minimum);
    }

    /// @inheritdoc IQuorumFloor
    function quorumMinimum() external view returns (uint256) {
        return _minimum;
    }

    /// @notice Votes that have to be cast for or in abstention: the larger of minimum and fraction.
    function quorum(uint256 timepoint) public view virtual override returns (uint256) {
        uint256 fraction = super.quorum(timepoint);
        return fraction < _minimum ? _minimum : fraction;
    }
}
