// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RunSpec} from "../../src/types/RunTypes.sol";
import {TransitionRecorder} from "./TransitionRecorder.sol";

/// @notice Scenarios of `vectors/transitions/` of runs that are divided: twelve seats in three cells of four.
contract TransitionCellsTest is TransitionRecorder {
    uint256 private constant N = 12;

    uint48[] private cells;

    function _beginDivided(string memory name, uint48 exits) private {
        _prepare(N);
        RunSpec memory terms = _spec(8, 48);
        terms.cellSize = 4;
        _begin(name, N, exits, terms);
        for (uint256 seat; seat < N; ++seat) {
            _doAck(seat);
        }
        cells = runs.cells(runId);
    }

    /// @dev The `place`-th seat of a cell, ascending.
    function _seatOf(uint256 cell, uint256 place) private view returns (uint256 seat) {
        for (uint256 left = place + 1; left > 0; ++seat) {
            if (cells[cell] >> seat & 1 == 1) --left;
        }
        return seat - 1;
    }

    function _bitOf(uint256 cell, uint256 place) private view returns (uint48) {
        return uint48(1) << uint8(_seatOf(cell, place));
    }

    /// @dev All but the `absent` certify and open the round.
    function _unmask(uint32 round, uint16 attempt, uint48 absent) private {
        _commits(N, round, attempt, absent);
        _reveals(N, round, attempt, absent);
    }

    /// @dev Its cell sits the round out, and all cells are in the next one; who sat out may open it, or leave before.
    function test_cells_sit_out() public {
        _beginDivided("cells_sit_out", 0);
        uint48 absent = _bitOf(0, 0);
        _submits(N, 0, 0, absent);
        _later(PHASE);
        _unmask(0, 0, absent);
        _later(PHASE);
        _doSubmit(_seatOf(0, 1), 1, 0, "1");
        _submits(N, 1, 0, _bitOf(0, 1));
        _commits(2, 1, 0, 0);
        _end();
    }

    /// @dev Nobody waits for a silent seat of a divided run, before the first Commit or after; by a Commit it is back.
    function test_cells_do_not_wait() public {
        _beginDivided("cells_do_not_wait", 0);
        _submits(N, 0, 0, _bitOf(1, 2));
        _later(PHASE);
        _commits(N, 0, 0, _bitOf(1, 2));
        _reveals(N, 0, 0, _bitOf(1, 2));
        _submits(N, 1, 0, _bitOf(1, 2));
        _commits(3, 1, 0, 0);
        _doCommit(_seatOf(1, 2), 1, 0);
        _end();
    }

    /// @dev One whole cell of three makes no round: the run pauses, and goes on with the second.
    function test_cells_too_few_pause() public {
        _beginDivided("cells_too_few_pause", 0);
        _submits(N, 0, 0, _bitOf(0, 0) | _bitOf(1, 0));
        _later(PHASE);
        _doSubmit(_seatOf(1, 0), 0, 0, "0");
        _commits(1, 0, 0, 0);
        _end();
    }

    /// @dev Exits that would leave too few cells do not happen, signed in advance or not: the patience ends the run.
    function test_cells_too_few_end() public {
        _beginDivided("cells_too_few_end", type(uint48).max);
        _wholeRound(N, 0);
        _submits(N, 1, 0, _bitOf(0, 0) | _bitOf(1, 0));
        _later(PHASE);
        _later(PATIENCE);
        _end();
    }

    /// @dev Votes that split in a pause; who stays away leaves by the Exit that it signed in advance.
    function test_cells_exit_policy() public {
        _beginDivided("cells_exit_policy", type(uint48).max);
        _wholeRound(N, 0);
        uint48 absent = _bitOf(2, 1);
        for (uint256 seat; seat < N; ++seat) {
            if (absent >> seat & 1 == 0) _doSubmit(seat, 1, 0, seat < 6 ? "a" : "b");
        }
        _later(PHASE);
        _later(PATIENCE);
        _submits(N, 1, 1, absent);
        _commits(1, 1, 1, 0);
        _end();
    }

    /// @dev An Exit takes its cell out of all later sets; the others of it go on voting, and a second one of them may leave.
    function test_cells_exit() public {
        _beginDivided("cells_exit", 0);
        _submits(N, 0, 0, _bitOf(0, 0));
        _later(PHASE);
        _unmask(0, 0, 0);
        _doExit(_seatOf(0, 0), 0, false); // it sat round 0 out
        _doExit(_seatOf(0, 0), 0, false);
        _doExit(_seatOf(1, 0), 0, false);
        _doExit(_seatOf(0, 1), 0, false);
        _doExit(_seatOf(0, 2), 0, false);
        _doExit(_seatOf(0, 3), 0, false);
        _submits(N, 1, 0, cells[0] & ~_bitOf(0, 3));
        _doCommit(_seatOf(0, 3), 1, 0);
        _end();
    }

    /// @dev A dead consent before the first Commit: its cell is out, whether its seat has sent anything or not.
    function test_cells_drop_open() public {
        _beginDivided("cells_drop_open", 0);
        _submits(N, 0, 0, _bitOf(2, 0));
        _doRevoke(_seatOf(2, 0));
        _doDrop(_seatOf(2, 0));
        _commits(2, 0, 0, 0);
        _end();
    }

    /// @dev In a set that was about to be certified it starts again, outside it nothing happens.
    function test_cells_drop_submitted() public {
        _beginDivided("cells_drop_submitted", 0);
        _submits(N, 0, 0, _bitOf(2, 0));
        _later(PHASE);
        _doRevoke(_seatOf(2, 0));
        _doDrop(_seatOf(2, 0));
        _doRevoke(_seatOf(2, 1));
        _doDrop(_seatOf(2, 1));
        _doDrop(_seatOf(2, 1));
        _doRevoke(_seatOf(0, 0));
        _doDrop(_seatOf(0, 0));
        _end();
    }

    function test_cells_drop_retries() public {
        _beginDivided("cells_drop_retries", 0);
        _submits(N, 0, 0, 0);
        _doRevoke(_seatOf(1, 3));
        _doDrop(_seatOf(1, 3));
        _submits(N, 0, 1, _bitOf(1, 3));
        _commits(1, 0, 1, 0);
        _end();
    }

    /// @dev A cheat leaves the rest of its cell in as long as three are left; two share no sum.
    function test_cells_exclude() public {
        _beginDivided("cells_exclude", 0);
        _submits(N, 0, 0, 0);
        _doExclude(_seatOf(0, 3));
        _submits(N, 0, 1, _bitOf(0, 3));
        _unmask(0, 1, _bitOf(0, 3));
        _doExclude(_seatOf(0, 2));
        _submits(N, 1, 0, _bitOf(0, 3) | _bitOf(0, 2));
        _commits(1, 1, 0, 0);
        _end();
    }

    /// @dev A cell that a seat left and one with two cheats: what is left makes no round, though it is a quorum.
    function test_cells_exclude_too_few() public {
        _beginDivided("cells_exclude_too_few", 0);
        _doExit(_seatOf(0, 0), type(uint32).max, true);
        _doExclude(_seatOf(1, 0));
        _doExclude(_seatOf(1, 1));
        _end();
    }

    /// @dev A cheat whose cell sits out voids nothing.
    function test_cells_exclude_sitting_out() public {
        _beginDivided("cells_exclude_sitting_out", 0);
        _submits(N, 0, 0, _bitOf(0, 0));
        _later(PHASE);
        _doCommit(_seatOf(0, 1), 0, 0);
        _doExclude(_seatOf(0, 1));
        _commits(N, 0, 0, _bitOf(0, 1) | _bitOf(0, 0));
        _end();
    }

    /// @dev The cells are drawn by the last Ack that is due, also where a cheat is not waited for, and new keys keep them.
    function test_cells_rotate() public {
        _prepare(N);
        RunSpec memory terms = _spec(8, 48);
        terms.cellSize = 4;
        _begin("cells_rotate", N, 0, terms);
        for (uint256 seat; seat + 1 < N; ++seat) {
            _doAck(seat);
        }
        _doExclude(N - 1);
        cells = runs.cells(runId);
        _pass(30 days);
        _doRotate(0, false);
        for (uint256 seat; seat + 1 < N; ++seat) {
            _doAck(seat);
        }
        _submits(N - 1, 0, 1, 0);
        _end();
    }
}
