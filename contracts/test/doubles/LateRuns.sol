// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../../src/interfaces/ITrainingRuns.sol";
import {RunView, SeatView} from "../../src/types/RunTypes.sol";

/// @notice Tells the truth about runs but for the second at which their data were used last: what a careless successor of
/// the runs contract could get wrong.
contract LateRuns {
    ITrainingRuns private immutable _true;
    uint40 private immutable _usedAt;

    constructor(ITrainingRuns runs, uint40 usedAt) {
        (_true, _usedAt) = (runs, usedAt);
    }

    function run(bytes32 runId) external view returns (RunView memory) {
        return _true.run(runId);
    }

    function isAgreedState(bytes32 runId, bytes32 stateDigest) external view returns (bool) {
        return _true.isAgreedState(runId, stateDigest);
    }

    function seats(bytes32 runId) external view returns (SeatView[] memory records) {
        records = _true.seats(runId);
        for (uint256 i; i < records.length; ++i) {
            records[i].seat.usedAt = _usedAt;
        }
    }
}
