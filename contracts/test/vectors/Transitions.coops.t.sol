// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TransitionRecorder} from "./TransitionRecorder.sol";

/// @notice Recorded runs in which seat 1 brings two datasets, of which the first one's consent dies.
contract TransitionsCoopsTest is TransitionRecorder {
    function _beginCoop(string memory name, uint48 exits) private {
        coop = 2;
        _beginOpen(name, 5, exits);
    }

    /// @dev Nothing was sent: the attempt starts again all the same, because the seat may have built what it would send.
    function test_left_out_before_the_submits() public {
        _beginCoop("left_out_before_the_submits", 0);
        _doDrop(1);
        _doRevoke(1);
        _doDrop(1);
        _doDrop(1);
        _submits(5, 0, 1, 0);
        _commits(5, 0, 1, 0);
        _end();
    }

    /// @dev With the vectors in: the attempt that it costs is not counted, and the seat sends again.
    function test_left_out_with_the_vectors_in() public {
        _beginCoop("left_out_with_the_vectors_in", 0);
        _submits(5, 0, 0, 0);
        _doRevoke(1);
        _doDrop(1);
        _submits(5, 0, 1, 0);
        _commits(5, 0, 1, 0);
        _end();
    }

    /// @dev In a pause it lets the run go on, and who was silent is due again.
    function test_left_out_in_a_pause() public {
        _beginCoop("left_out_in_a_pause", 0);
        _submits(2, 0, 0, 0);
        _later(PHASE);
        _doRevoke(1);
        _doDrop(1);
        _submits(5, 0, 1, 0);
        _end();
    }

    /// @dev Once the set is fixed the seat is dead as a whole, and its exit takes effect.
    function test_left_out_never_after_the_first_commit() public {
        _beginCoop("left_out_never_after_the_first_commit", 2);
        _wholeRound(5, 0);
        _doRevoke(1);
        _doDrop(1);
        _submits(5, 1, 0, 2);
        _end();
    }

    /// @dev Who is out already has nothing that could be left out.
    function test_left_out_of_an_excluded_seat() public {
        _beginCoop("left_out_of_an_excluded_seat", 0);
        _doRevoke(1);
        _doExclude(1);
        _doDrop(1);
        _end();
    }
}
