// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnrolment} from "../../src/interfaces/IEnrolment.sol";
import {ITrainingRuns} from "../../src/interfaces/ITrainingRuns.sol";
import {Key, RunState} from "../../src/types/RunTypes.sol";
import {StrangerTest} from "../base/StrangerTest.sol";

contract TrainingRunsFuzzTest is StrangerTest {
    /// @dev Who has no seat acknowledges nothing.
    function test_ack_failsWithoutASeat(address caller, Key calldata key, bytes32 word) public {
        bytes memory error = abi.encodeWithSelector(ITrainingRuns.TrainingRunsNoSeat.selector, key.runId, key.memberId);
        _assertRefused(
            address(runs),
            caller,
            abi.encodeCall(ITrainingRuns.ack, (key.runId, 0, key.memberId, word, word, word, abi.encode(word))),
            error
        );
    }

    /// @dev Who has no seat reveals nothing.
    function test_reveal_failsWithoutASeat(address caller, Key calldata key, bytes32 word) public {
        bytes memory error = abi.encodeWithSelector(ITrainingRuns.TrainingRunsNoSeat.selector, key.runId, key.memberId);
        _assertRefused(
            address(runs),
            caller,
            abi.encodeCall(ITrainingRuns.reveal, (key, word, word, word, word, abi.encode(word))),
            error
        );
    }

    /// @dev Nobody but Verdicts puts a seat out.
    function test_exclude_failsForOthers(address caller, bytes32 id, uint256 memberId) public {
        vm.assume(caller != address(verdicts));
        bytes memory error = abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotVerdicts.selector, caller);
        _assertRefused(address(runs), caller, abi.encodeCall(ITrainingRuns.exclude, (id, memberId)), error);
    }

    /// @dev Nobody but Verdicts stops waiting for a seat.
    function test_waive_failsForOthers(address caller, bytes32 id, uint256 memberId) public {
        vm.assume(caller != address(verdicts));
        bytes memory error = abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotVerdicts.selector, caller);
        _assertRefused(address(runs), caller, abi.encodeCall(ITrainingRuns.waive, (id, memberId)), error);
    }

    /// @dev A run that nobody opened has no keys.
    function test_rotate_failsForUnknownRuns(address caller, bytes32 id) public {
        bytes memory error = abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, RunState.None);
        _assertRefused(address(runs), caller, abi.encodeCall(IEnrolment.rotate, (id, 0)), error);
    }

    /// @dev Who is no member brings nothing.
    function test_bring_failsForStrangers(address caller, bytes32 id, uint256 datasetId) public {
        bytes memory error = abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotMember.selector, caller);
        _assertRefused(address(runs), caller, abi.encodeCall(IEnrolment.bring, (id, datasetId, id)), error);
    }

    /// @dev Who has no seat leaves nothing.
    function test_exit_failsWithoutASeat(address caller, Key calldata key, bytes32 word) public {
        bytes memory error = abi.encodeWithSelector(ITrainingRuns.TrainingRunsNoSeat.selector, key.runId, key.memberId);
        _assertRefused(
            address(runs),
            caller,
            abi.encodeCall(ITrainingRuns.exit, (key.runId, key.memberId, key.round, abi.encode(word))),
            error
        );
    }

    /// @dev A run that nobody opened cannot be cancelled.
    function test_cancel_failsForUnknownRuns(address caller, bytes32 id) public {
        bytes memory error = abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, RunState.None);
        _assertRefused(address(runs), caller, abi.encodeCall(ITrainingRuns.cancel, (id)), error);
    }
}
