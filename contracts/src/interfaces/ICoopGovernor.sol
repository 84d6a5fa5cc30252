// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IQuorumFloor} from "./IQuorumFloor.sol";

/// @title How the people of a co-op decide
/// @notice OpenZeppelin's Governor over the co-op's roll, without a timelock. A dataset that is entrusted to it has no
/// consent but by a proposal that was carried and executed.
interface ICoopGovernor is IQuorumFloor {}
