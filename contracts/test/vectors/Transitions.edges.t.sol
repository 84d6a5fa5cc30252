// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TransitionRecorder} from "./TransitionRecorder.sol";

/// @notice Scenarios of `vectors/transitions/` for edges of `vectors/machines.json` that the others do not take: ways out of a
/// pause, and the ends of a run without attempts. That every edge is recorded is a test that reads the files.
contract TransitionEdgesTest is TransitionRecorder {
    /// @dev Five seats, of which the fifth would leave, pause in round 1 because the fifth is missing.
    function _beginPaused(string memory name) private {
        _beginOpen(name, 5, 1 << 4);
        _wholeRound(5, 0);
        _submits(5, 1, 0, 1 << 4);
        _later(PHASE);
    }

    function test_cancel_acking() public {
        _beginWith("cancel_acking", 3, 0);
        _doAck(0);
        _doCancel();
        _doAck(1);
        _end();
    }

    /// @dev Nothing was agreed before the pause.
    function test_cancel_paused() public {
        _beginOpen("cancel_paused", 3, 0);
        _submits(3, 0, 0, 1);
        _later(PHASE);
        _doCancel();
        _end();
    }

    /// @dev A state was agreed before the pause: it is kept.
    function test_cancel_paused_with_a_state() public {
        _beginPaused("cancel_paused_with_a_state");
        _doCancel();
        _end();
    }

    function test_pause_ended_by_a_drop() public {
        _beginPaused("pause_ended_by_a_drop");
        _doRevoke(4);
        _doDrop(4);
        _commits(5, 1, 0, 1 << 4);
        _end();
    }

    function test_pause_ended_by_an_exit() public {
        _beginPaused("pause_ended_by_an_exit");
        _doExit(4, 1, false);
        _doExit(4, 0, false);
        _commits(5, 1, 0, 1 << 4);
        _end();
    }

    /// @dev Before the set is fixed, and then too few are left.
    function test_drop_in_a_pause_leaves_too_few() public {
        _beginOpen("drop_in_a_pause_leaves_too_few", 3, 0);
        _submits(3, 0, 0, 1 << 2);
        _later(PHASE);
        _doRevoke(2);
        _doDrop(2);
        _end();
    }

    function test_result_after_the_last_round_in_a_pause() public {
        _beginOpen("result_after_the_last_round_in_a_pause", 5, 0);
        _wholeRound(5, 0);
        _wholeRound(5, 1);
        _later(PHASE);
        for (uint256 seat; seat < 4; ++seat) {
            _doResult(seat, 1, 0, "2");
        }
        _end();
    }

    /// @dev The patience is over, but nobody has said so before the Results come.
    function test_result_after_the_patience() public {
        _beginOpen("result_after_the_patience", 5, 0);
        _wholeRound(5, 0);
        _later(PHASE);
        _pass(PATIENCE);
        for (uint256 seat; seat < 4; ++seat) {
            _doResult(seat, 0, 0, "1");
        }
        _end();
    }

    // ------------------------------------------------------------------------------------------------ no attempt is left

    /// @dev Every attempt of round 0 splits in two halves.
    function test_splits_until_no_attempt_is_left() public {
        _beginOpen("splits_until_no_attempt_is_left", 4, 0);
        for (uint16 attempt; attempt < 3; ++attempt) {
            for (uint256 seat; seat < 4; ++seat) {
                _doSubmit(seat, 0, attempt, seat < 2 ? "a" : "b");
            }
            _later(PHASE);
        }
        _end();
    }

    /// @dev Nobody commits to round 1, whose Submits agreed on what round 0 gave.
    function test_silence_until_no_attempt_is_left() public {
        _beginOpen("silence_until_no_attempt_is_left", 3, 0);
        _wholeRound(3, 0);
        for (uint16 attempt; attempt < 3; ++attempt) {
            _submits(3, 1, attempt, 0);
            _later(PHASE);
        }
        _end();
    }
}
