// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What every contract of the commons shares
/// @notice No contract can be changed. The timelock, through which the members' votes act, is the only admin; it can name a
/// successor, and clients follow it. Calls that a member signed and a relayer paid for come through the forwarder (ERC-2771).
interface IGoverned {
    /// @notice From now on clients use another contract in place of this one.
    event SuccessorNamed(address previous, address indexed successor);

    /// @notice Only the timelock may do this: propose it to the members.
    error GovernedNotTimelock(address caller);
    /// @notice A successor is another contract that exists.
    error GovernedSuccessorInvalid(address successor);

    /// @notice Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.
    /// @param successor_ A contract
    function setSuccessor(address successor_) external;

    /// @notice The contract that took this one's place; zero = none.
    function successor() external view returns (address);

    /// @notice The timelock: the only admin.
    function admin() external view returns (address);
}
