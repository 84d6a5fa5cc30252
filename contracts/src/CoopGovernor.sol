// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {QuorumFloor} from "./base/QuorumFloor.sol";
import {ICoopGovernor} from "./interfaces/ICoopGovernor.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";

/// @title CoopGovernor
contract CoopGovernor is ICoopGovernor, Governor, GovernorSettings, GovernorCountingSimple, GovernorVotes, QuorumFloor {
    /// @param members The co-op's roll
    /// @param delay Seconds between a proposal and its vote
    /// @param period Seconds that a vote is open
    /// @param percent Percent of the roll that has to take part
    /// @param minimum People who have to take part at the least
    constructor(IVotes members, uint48 delay, uint32 period, uint256 percent, uint256 minimum)
        Governor("AI Commons Co-op Governor")
        GovernorSettings(delay, period, 1)
        GovernorVotes(members)
        GovernorVotesQuorumFraction(percent)
        QuorumFloor(minimum)
    {}

    /// @notice Votes that have to be cast for or in abstention: the larger of minimum and fraction.
    function quorum(uint256 timepoint) public view override(Governor, QuorumFloor) returns (uint256) {
        return super.quorum(timepoint);
    }

    /// @notice One: only who is on the roll proposes.
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }
}
