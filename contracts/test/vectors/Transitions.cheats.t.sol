// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TransitionRecorder} from "./TransitionRecorder.sol";

/// @notice Scenarios of `vectors/transitions/` in which somebody cheats, is not waited for, or keys are renewed.
contract TransitionCheatsTest is TransitionRecorder {
    uint256 private constant EPOCH = 30 days;

    /// @dev Of three seats two are missing in the second attempt of round 1, whose first one agreed on a state.
    function _beginPausedWithAState(string memory name) private {
        _beginOpen(name, 3, 0);
        _wholeRound(3, 0);
        _submits(3, 1, 0, 0);
        _later(PHASE);
        _submits(3, 1, 1, 6);
        _later(PHASE);
    }

    /// @dev Nothing agreed yet: the round goes on with those that are left.
    function test_exclude_open() public {
        _beginOpen("exclude_open", 5, 0);
        _doSubmit(4, 0, 0, "0");
        _doSubmit(0, 0, 0, "0");
        _doExclude(4);
        _doSubmit(4, 0, 0, "0");
        _submits(4, 0, 0, 1);
        _commits(4, 0, 0, 0);
        _doCommit(4, 0, 0);
        _reveals(4, 0, 0, 0);
        _end();
    }

    /// @dev What agreed with the cheat's vote agrees anew, and the attempt is not counted.
    function test_exclude_open_agreed() public {
        _beginOpen("exclude_open_agreed", 6, 0);
        _submits(5, 0, 0, 0);
        _doExclude(0);
        _submits(6, 0, 1, 1);
        _commits(6, 0, 1, 1);
        _doReveal(1, 0, 1);
        _end();
    }

    /// @dev Commits are void with the set that they certified.
    function test_exclude_submitted() public {
        _beginOpen("exclude_submitted", 5, 0);
        _submits(5, 0, 0, 0);
        _commits(3, 0, 0, 0);
        _doExclude(2);
        _submits(5, 0, 1, 1 << 2);
        _commits(5, 0, 1, 1 << 2);
        _reveals(5, 0, 1, 1 << 2);
        _doSubmit(2, 1, 0, "1");
        _submits(5, 1, 0, 1 << 2);
        _end();
    }

    /// @dev The certified round goes on with its set; the cheat's Commit is not waited for, and the next round is without it.
    function test_exclude_fixed() public {
        _beginOpen("exclude_fixed", 5, 0);
        _submits(5, 0, 0, 0);
        _commits(5, 0, 0, 0);
        _reveals(3, 0, 0, 0);
        _doExclude(4);
        _doReveal(3, 0, 0);
        _submits(5, 1, 0, 1 << 4);
        _commits(5, 1, 0, 1 << 4);
        _doCommit(4, 1, 0);
        _end();
    }

    /// @dev Its own Reveal was the last one that the round waited for.
    function test_exclude_unmasks() public {
        _beginOpen("exclude_unmasks", 5, 0);
        _submits(5, 0, 0, 0);
        _commits(5, 0, 0, 0);
        _reveals(4, 0, 0, 0);
        _later(PHASE);
        _doExclude(4);
        _submits(5, 1, 0, 1 << 4);
        _end();
    }

    /// @dev A Result of a cheat is not counted.
    function test_exclude_unmasked() public {
        _beginOpen("exclude_unmasked", 5, 0);
        _wholeRound(5, 0);
        _wholeRound(5, 1);
        for (uint256 seat; seat < 3; ++seat) {
            _doResult(seat, 1, 0, "2");
        }
        _doExclude(4);
        _doResult(4, 1, 0, "2");
        _doResult(3, 1, 0, "2");
        _doExclude(3);
        _end();
    }

    /// @dev Three of whom one cheats are too few, and nothing was agreed.
    function test_exclude_leaves_too_few() public {
        _beginOpen("exclude_leaves_too_few", 3, 0);
        _doSubmit(0, 0, 0, "0");
        _doExclude(0);
        _doExclude(1);
        _end();
    }

    /// @dev A state was agreed: it is kept.
    function test_exclude_ends() public {
        _beginOpen("exclude_ends", 3, 0);
        _wholeRound(3, 0);
        _submits(3, 1, 0, 0);
        _doExclude(0);
        _end();
    }

    function test_exclude_paused_leaves_too_few() public {
        _beginOpen("exclude_paused_leaves_too_few", 3, 0);
        _doSubmit(0, 0, 0, "0");
        _later(PHASE);
        _doExclude(2);
        _end();
    }

    function test_exclude_paused_ends() public {
        _beginPausedWithAState("exclude_paused_ends");
        _doExclude(2);
        _end();
    }

    /// @dev A pause in which Commits are missing ends with a new attempt without the cheat.
    function test_exclude_paused_submitted() public {
        _beginOpen("exclude_paused_submitted", 5, 0);
        _submits(5, 0, 0, 0);
        _commits(2, 0, 0, 0);
        _later(PHASE);
        _doExclude(4);
        _submits(5, 0, 1, 1 << 4);
        _end();
    }

    /// @dev Who is not in the set of this attempt is put out of the certificate alone.
    function test_exclude_outside_the_set() public {
        _beginOpen("exclude_outside_the_set", 6, 0);
        _submits(6, 0, 0, 1 << 5);
        _later(PHASE);
        _commits(6, 0, 0, 3);
        _doExclude(5);
        _doCommit(0, 0, 0);
        _end();
    }

    /// @dev The Ack of a cheat is not waited for; the last one of three that are left is too few.
    function test_exclude_acking() public {
        _beginWith("exclude_acking", 4, 0);
        _doAck(0);
        _doAck(1);
        _doAck(2);
        _doExclude(3);
        _submits(3, 0, 0, 0);
        _end();
    }

    function test_exclude_acking_leaves_too_few() public {
        _beginWith("exclude_acking_leaves_too_few", 3, 0);
        _doExclude(1);
        _end();
    }

    /// @dev Nobody is waived before the deadline, twice, after its Reveal or without a Commit.
    function test_waive() public {
        _beginOpen("waive", 5, 0);
        _submits(5, 0, 0, 0);
        _doWaive(0);
        _commits(5, 0, 0, 1);
        _reveals(3, 0, 0, 1);
        _doWaive(4);
        _later(PHASE);
        _doWaive(0);
        _doWaive(1);
        _doWaive(3);
        _doWaive(3);
        _doWaive(4);
        _doReveal(3, 0, 0);
        _submits(5, 1, 0, 0);
        _end();
    }

    /// @dev Who is waived may still reveal.
    function test_waive_and_reveal() public {
        _beginOpen("waive_and_reveal", 5, 0);
        _submits(5, 0, 0, 0);
        _commits(5, 0, 0, 0);
        _reveals(3, 0, 0, 0);
        _later(PHASE);
        _doWaive(4);
        _doReveal(4, 0, 0);
        _doReveal(3, 0, 0);
        _end();
    }

    /// @dev After thirty days anybody asks for new keys: between two rounds, not during one.
    function test_rotate_between_rounds() public {
        _beginOpen("rotate_between_rounds", 4, 0);
        _submits(4, 0, 0, 0);
        _pass(EPOCH);
        _doRotate(0, false);
        _commits(4, 0, 0, 0);
        _doRotate(0, false);
        _reveals(4, 0, 0, 0);
        _doRotate(0, false);
        _doRotate(0, false);
        _doResult(0, 0, 0, "1");
        _doSubmit(0, 1, 0, "1");
        for (uint256 seat; seat < 4; ++seat) {
            _doAck(seat);
        }
        _submits(4, 1, 0, 0);
        _doRotate(0, false);
        _commits(4, 1, 0, 0);
        _reveals(4, 1, 0, 0);
        _pass(EPOCH);
        _doRotate(0, false);
        _end();
    }

    /// @dev Before the thirty days nobody may, but a seat in a pause.
    function test_rotate_in_a_pause() public {
        _beginOpen("rotate_in_a_pause", 4, 0);
        _submits(4, 0, 0, 14);
        _doRotate(1, false);
        _doRotate(1, true);
        _later(PHASE);
        _doRotate(1, false);
        _doRotate(1, true);
        _doExclude(3);
        for (uint256 seat; seat < 3; ++seat) {
            _doAck(seat);
        }
        _submits(3, 0, 1, 0);
        _end();
    }

    /// @dev Who lost its key opens no box and commits to nothing: the inputs start again with new keys, over the same set.
    function test_rotate_for_a_lost_key() public {
        _beginOpen("rotate_for_a_lost_key", 3, 0);
        _submits(3, 0, 0, 0);
        _commits(3, 0, 0, 1);
        _doRotate(0, true);
        _later(PHASE);
        _doRotate(0, false);
        _doRotate(0, true);
        _acks(3);
        _submits(3, 0, 1, 0);
        _commits(3, 0, 1, 0);
        _doReveal(1, 0, 1);
        _later(PHASE);
        _doRotate(0, true);
        _reveals(3, 0, 1, 2);
        _end();
    }

    /// @dev A seat that asks for new keys in each pause uses up the attempts like any other pause.
    function test_rotate_until_no_attempt_is_left() public {
        _beginOpen("rotate_until_no_attempt_is_left", 3, 0);
        _rotateInPauses(0);
        _end();
    }

    function test_rotate_until_no_attempt_is_left_with_a_state() public {
        _beginOpen("rotate_until_no_attempt_is_left_with_a_state", 3, 0);
        _wholeRound(3, 0);
        _rotateInPauses(1);
        _end();
    }

    function _rotateInPauses(uint32 round) private {
        for (uint16 attempt; attempt < 3; ++attempt) {
            _submits(3, round, attempt, attempt == 1 ? 1 : 0);
            if (attempt != 1) _doCommit(1, round, attempt);
            _later(PHASE);
            _doRotate(0, true);
            _acks(3);
        }
    }

    function _acks(uint256 n) private {
        for (uint256 seat; seat < n; ++seat) {
            _doAck(seat);
        }
    }

    /// @dev Whose Ack is missing ends the run at its last agreed state.
    function test_rotate_without_acks() public {
        _beginPausedWithAState("rotate_without_acks");
        _doRotate(0, true);
        _doAck(0);
        _pass(PHASE + PATIENCE - 1);
        _doAdvance();
        _later(1);
        _end();
    }

    /// @dev Too few are left for new keys.
    function test_rotate_and_end() public {
        _beginPausedWithAState("rotate_and_end");
        _doRotate(0, true);
        _doExclude(1);
        _end();
    }

    /// @dev Nothing was agreed: nothing is kept.
    function test_rotate_and_abort() public {
        _beginOpen("rotate_and_abort", 3, 0);
        _submits(3, 0, 0, 6);
        _later(PHASE);
        _doRotate(0, true);
        _doExclude(1);
        _end();
    }

    function test_rotate_and_cancel() public {
        _beginPausedWithAState("rotate_and_cancel");
        _doRotate(0, true);
        _doCancel();
        _end();
    }
}
