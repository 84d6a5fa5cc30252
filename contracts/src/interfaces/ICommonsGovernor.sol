// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IQuorumFloor} from "./IQuorumFloor.sol";

/// @title The members' votes
/// @notice OpenZeppelin's Governor over the memberships: one member, one vote; what passes waits in the timelock, and then
/// anybody may carry it out. A co-op is one member: its people decide its vote with a governor of their own.
interface ICommonsGovernor is IQuorumFloor {
    /// @notice How votes are held; all but the minimum can be changed by a vote.
    /// @param delay Seconds between a proposal and its vote
    /// @param period Seconds that a vote is open
    /// @param percent Percent of the members that have to take part
    /// @param minimum Members that have to take part at the least: a percentage of few would be nobody
    struct VoteRules {
        uint48 delay;
        uint32 period;
        uint256 percent;
        uint256 minimum;
    }
}
