// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Machine, Phase, RunSpec, RunState} from "../../src/types/RunTypes.sol";
import {TransitionRecorder} from "./TransitionRecorder.sol";

/// @notice The scenarios of `vectors/transitions/`: named ones, then random walks that also try what is not allowed.
contract TransitionsTest is TransitionRecorder {
    // ------------------------------------------------------------------------------------------------- named scenarios

    function test_happy_three() public {
        _happy("happy_three", 3);
    }

    function test_happy_five() public {
        _happy("happy_five", 5);
    }

    function test_happy_eight() public {
        _happy("happy_eight", 8);
    }

    function _happy(string memory name, uint256 n) private {
        _beginOpen(name, n, 0);
        _wholeRound(n, 0);
        _wholeRound(n, 1);
        for (uint256 seat; seat < n; ++seat) {
            _doResult(seat, 1, 0, "2");
        }
        _end();
    }

    /// @dev One seat stays away from the first Submits: the set is fixed without it.
    function test_absent_before_first_commit() public {
        _beginOpen("absent_before_first_commit", 5, 0);
        _submits(5, 0, 0, 1 << 3);
        _doAdvance();
        _later(PHASE);
        _commits(5, 0, 0, 1 << 3);
        _reveals(5, 0, 0, 1 << 3);
        _doSubmit(3, 1, 0, "1");
        _submits(5, 1, 0, 1 << 3);
        _end();
    }

    function test_absent_after_resumes() public {
        _beginOpen("absent_after_resumes", 5, 0);
        _wholeRound(5, 0);
        _submits(5, 1, 0, 1 << 2);
        _later(PHASE);
        _doAdvance();
        _pass(PATIENCE - 1);
        _doSubmit(2, 1, 0, "1");
        _commits(5, 1, 0, 0);
        _end();
    }

    function test_pause_ends_run() public {
        _beginOpen("pause_ends_run", 5, 0);
        _wholeRound(5, 0);
        _submits(5, 1, 0, 1 << 2);
        _later(PHASE);
        _later(PATIENCE);
        _doSubmit(2, 1, 0, "1");
        _end();
    }

    function test_exit_policy() public {
        _beginOpen("exit_policy", 5, 31);
        _wholeRound(5, 0);
        _submits(5, 1, 0, 1 << 4);
        _later(PHASE);
        _later(PATIENCE);
        _doSubmit(4, 1, 1, "1");
        _submits(5, 1, 1, 1 << 4);
        _commits(5, 1, 1, 1 << 4);
        _reveals(5, 1, 1, 1 << 4);
        _end();
    }

    function test_exit_policy_too_few_stay() public {
        _beginOpen("exit_policy_too_few_stay", 5, 31);
        _wholeRound(5, 0);
        _submits(5, 1, 0, 3);
        _later(PHASE);
        _later(PATIENCE);
        _end();
    }

    function test_exit_on_demand() public {
        _beginOpen("exit_on_demand", 5, 1);
        _doExit(1, ANY_ROUND, true);
        _submits(5, 0, 0, 2);
        _commits(5, 0, 0, 2);
        _reveals(5, 0, 0, 2);
        _later(PHASE);
        _doExit(0, ANY_ROUND, false);
        _doExit(0, 1, false);
        _doExit(0, 0, false);
        _end();
    }

    function test_late_commit() public {
        _beginOpen("late_commit", 5, 0);
        _submits(5, 0, 0, 0);
        _commits(5, 0, 0, 1);
        _reveals(5, 0, 0, 1);
        _later(PHASE);
        _doSubmit(4, 1, 0, "1");
        _doCommit(0, 0, 0);
        _doReveal(0, 0, 0);
        _submits(5, 1, 0, 16);
        _doCommit(0, 0, 0);
        _end();
    }

    function test_void_sid() public {
        _beginOpen("void_sid", 5, 0);
        _doSubmit(0, 0, 0, "other");
        _submits(5, 0, 0, 1);
        _doSubmit(0, 0, 0, "other");
        _doSubmit(0, 0, 0, "0");
        _end();
    }

    function test_split_states() public {
        _beginOpen("split_states", 4, 0);
        _doSubmit(0, 0, 0, "a");
        _doSubmit(1, 0, 0, "a");
        _doSubmit(2, 0, 0, "b");
        _doSubmit(3, 0, 0, "b");
        _later(PHASE);
        _submits(4, 0, 1, 0);
        _end();
    }

    function test_cancel_running() public {
        _beginOpen("cancel_running", 3, 0);
        _wholeRound(3, 0);
        _submits(3, 1, 0, 0);
        _doCancel();
        _doCancel();
        _doCommit(0, 1, 0);
        _end();
    }

    function test_cancel_before_agreement() public {
        _beginOpen("cancel_before_agreement", 3, 0);
        _submits(3, 0, 0, 0);
        _doCancel();
        _end();
    }

    function test_consent_revoked() public {
        _beginOpen("consent_revoked", 5, 0);
        _wholeRound(5, 0);
        _doRevoke(3);
        _submits(5, 1, 0, 0);
        _later(PHASE);
        _doSubmit(3, 1, 0, "1");
        _later(PATIENCE);
        _end();
    }

    /// @dev Before the first Commit: dropped with the vectors in, and the attempt that it costs is not counted.
    function test_consent_dropped_before_first_commit() public {
        _beginOpen("consent_dropped_before_first_commit", 5, 0);
        _submits(5, 0, 0, 0);
        _doRevoke(1);
        _doCommit(0, 0, 0);
        _doDrop(1);
        _doDrop(1);
        for (uint256 seat; seat < 5; ++seat) {
            if (seat != 1) _doSubmit(seat, 0, 1, "0");
        }
        for (uint256 seat; seat < 4; ++seat) {
            _doCommit(seat, 0, 1);
        }
        _end();
    }

    /// @dev Too few are left: over at once.
    function test_consent_dropped_too_few() public {
        _beginOpen("consent_dropped_too_few", 3, 0);
        _doRevoke(2);
        _doDrop(0);
        _doDrop(2);
        _end();
    }

    /// @dev Afterwards the exit policy lets the seat leave at once; the wait policy keeps it.
    function test_consent_dropped_after_first_commit() public {
        _beginOpen("consent_dropped_after_first_commit", 5, 2);
        _wholeRound(5, 0);
        _doRevoke(1);
        _doRevoke(2);
        _doDrop(2);
        _doDrop(1);
        for (uint256 seat; seat < 5; ++seat) {
            if (seat != 1) _doSubmit(seat, 1, 0, "1");
        }
        _later(PHASE);
        _later(PATIENCE);
        _end();
    }

    function test_ack_missing() public {
        _beginWith("ack_missing", 4, 0);
        _doAck(2);
        _doAck(2);
        _doAck(0);
        _later(PHASE);
        _later(PATIENCE);
        _doAck(1);
        _end();
    }

    function test_result_quorum() public {
        _beginOpen("result_quorum", 5, 0);
        _wholeRound(5, 0);
        _doResult(0, 0, 0, "1");
        _wholeRound(5, 1);
        _doResult(0, 0, 0, "1");
        _doResult(0, 1, 0, "forged");
        _doResult(0, 1, 0, "2");
        for (uint256 seat = 1; seat < 5; ++seat) {
            _doResult(seat, 1, 0, "2");
        }
        _end();
    }

    function test_result_in_pause() public {
        _beginOpen("result_in_pause", 5, 0);
        _wholeRound(5, 0);
        _later(PHASE);
        for (uint256 seat; seat < 4; ++seat) {
            _doResult(seat, 0, 0, "1");
        }
        _later(PATIENCE);
        _end();
    }

    /// @dev Seat 4 opens a next round although the others are finished.
    function test_result_with_next_round_open() public {
        _beginOpen("result_with_next_round_open", 5, 0);
        _wholeRound(5, 0);
        _doResult(0, 0, 0, "1");
        _doSubmit(4, 1, 0, "forged");
        _doResult(1, 1, 0, "1");
        for (uint256 seat = 1; seat < 4; ++seat) {
            _doResult(seat, 0, 0, "1");
        }
        _end();
    }

    /// @dev The run goes on from a pause while its Results still come in: they keep the state and complete nothing.
    function test_result_after_a_pause() public {
        _beginOpen("result_after_a_pause", 5, 0);
        _wholeRound(5, 0);
        _later(PHASE);
        _doResult(0, 0, 0, "1");
        _doSubmit(4, 1, 0, "1");
        for (uint256 seat = 1; seat < 4; ++seat) {
            _doResult(seat, 0, 0, "1");
        }
        _submits(5, 1, 0, 24);
        _doSubmit(3, 1, 0, "1");
        _doResult(4, 0, 0, "1");
        _end();
    }

    function test_commit_missing() public {
        _beginOpen("commit_missing", 5, 0);
        _submits(5, 0, 0, 0);
        _later(PHASE);
        _submits(5, 0, 1, 0);
        _doCommit(0, 0, 1);
        _later(PHASE);
        _commits(5, 0, 1, 1);
        _later(PHASE);
        _reveals(5, 0, 1, 0);
        _end();
    }

    function test_reveal_missing() public {
        _beginOpen("reveal_missing", 3, 0);
        _submits(3, 0, 0, 0);
        _commits(3, 0, 0, 0);
        _reveals(3, 0, 0, 1);
        _later(PHASE);
        _later(PATIENCE);
        _end();
    }

    // ---------------------------------------------------------------------------------------------------- random walks

    function test_walks() public {
        uint8[12] memory seats = [3, 4, 5, 5, 6, 7, 8, 8, 9, 5, 12, 13];
        for (uint256 walk; walk < seats.length; ++walk) {
            uint256 before = vm.snapshotState();
            this.walked(walk, seats[walk]);
            vm.revertToState(before);
        }
    }

    /// @dev Called from outside, so that each walk has memory of its own. From twelve seats on they are in cells.
    function walked(uint256 walk, uint256 n) external {
        _prepare(n);
        RunSpec memory terms = _spec(3 + walk % 2, 48);
        (terms.rounds, terms.maxAttempts, terms.layout) = (4, 6, walk < 5 ? 1 : 2);
        uint256 exits = walk % 3 == 0 ? type(uint48).max : uint256(keccak256(abi.encode(walk)));
        if (n >= 12) (terms.minParticipants, terms.cellSize) = (8, 4);
        _begin(string.concat("walk_", vm.toString(walk)), n, uint48(exits), terms);
        for (uint256 i; i < (n < 12 ? 90 : 180); ++i) {
            _stride(uint256(keccak256(abi.encode(walk, i))), n);
        }
        _end();
    }

    /// @dev Mostly what is due, sometimes anything.
    function _stride(uint256 word, uint256 n) private {
        Machine memory m = _machine();
        uint256 seat = (word >> 8) % n;
        uint256 dice = word % 100;
        if (dice < 74) return _due(m, seat, word >> 16);
        if (dice < 84) return _anything(m, seat, word >> 16);
        if (dice < 92) return _later(_between(word >> 16, 1, PHASE));
        if (dice < 94) return _later(PATIENCE);
        if (dice < 96) return _doExit(seat, word >> 16 & 1 == 0 ? ANY_ROUND : m.round, word >> 17 & 1 == 0);
        if (dice < 97) return _doRotate(seat, true);
        if (dice < 98 && word >> 16 & 3 == 0) return _doCancel();
        if (dice < 99 && data.isLive(consentOf[seat + 1]) && word >> 16 & 3 == 0) return _doRevoke(seat);
        _doAdvance();
    }

    /// @dev The next seat, starting from `seat`, that owes the phase's message sends it.
    function _due(Machine memory m, uint256 seat, uint256 word) private {
        if (m.state == RunState.Acking) return _doAck(_next(~m.arrived, seat, m.seats));
        string memory state = word % 12 == 0 ? "other" : vm.toString(m.round);
        if (m.phase == Phase.Open) {
            return _doSubmit(_next(m.set & ~m.arrived, seat, m.seats), m.round, m.attempt, state);
        }
        if (m.phase == Phase.Submitted || m.phase == Phase.Fixed && word % 3 == 0) {
            return _doCommit(_next(~m.committed, seat, m.seats), m.round, m.attempt);
        }
        if (m.phase == Phase.Fixed) {
            return _doReveal(_next(m.committed & ~m.revealed, seat, m.seats), m.round, m.attempt);
        }
        if (m.round == 3 || word % 12 == 1) return _doResult(seat, m.round, m.attempt, vm.toString(m.round + 1));
        _doSubmit(_next(m.set, seat, m.seats), m.round + 1, 0, vm.toString(m.round + 1));
    }

    function _next(uint48 due, uint256 seat, uint256 n) private pure returns (uint256) {
        for (uint256 i; i < n; ++i) {
            if (due >> (seat + i) % n & 1 == 1) return (seat + i) % n;
        }
        return seat;
    }

    /// @dev Any message with a key near the present one.
    function _anything(Machine memory m, uint256 seat, uint256 word) private {
        uint32 round = m.round + uint32(word % 3);
        round = round > 0 ? round - 1 : 0;
        uint16 attempt = (word >> 4) % 4 == 0 ? m.attempt + 1 : (word >> 4) % 4 == 1 ? 0 : m.attempt;
        uint256 kind = (word >> 8) % 5;
        if (kind == 0) _doAck(seat);
        else if (kind == 1) _doSubmit(seat, round, attempt, vm.toString(round));
        else if (kind == 2) _doCommit(seat, round, attempt);
        else if (kind == 3) _doReveal(seat, round, attempt);
        else _doResult(seat, round, attempt, vm.toString(round + 1));
    }
}
