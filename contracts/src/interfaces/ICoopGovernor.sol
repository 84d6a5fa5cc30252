// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title How the people of a co-op decide
/// @notice OpenZeppelin's Governor over the co-op's roll, without a timelock. A dataset that is entrusted to it has no
/// consent but by a proposal that was carried and executed.
interface ICoopGovernor {
    /// @notice A quorum of nobody would let one vote decide for all.
    error CoopGovernorNoQuorum();

    /// @notice People who have to take part at the least, whatever the fraction says.
    function quorumMinimum() external view returns (uint256 people);
}
