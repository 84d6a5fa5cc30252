// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title How many have to take part
/// @notice The larger of a percentage of the voters and a fixed number of them: a percentage of few would be nobody.
interface IQuorumFloor {
    /// @notice Voters that have to take part at the least, for ever.
    event QuorumMinimumFixed(uint256 minimum);

    /// @notice A quorum of nobody would let one vote decide for all.
    error QuorumFloorNobody();

    /// @notice Voters that have to take part at the least, whatever the percentage says.
    function quorumMinimum() external view returns (uint256 minimum);
}
