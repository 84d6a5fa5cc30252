// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {Absence, Machine, Phase, Reason, RunState} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";

/// @notice Deadlines, pauses, absence policies and exits.
contract TrainingRunsTimeTest is RunTest {
    uint48 private constant ALL = 31;

    /// @dev Submits of all five but `absent` (0 = nobody).
    function _submitBut(uint256 absent, uint32 round, uint16 attempt, string memory name) private {
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != absent) _submit(id, round, attempt, name);
        }
    }

    function _bitOf(uint256 id) private pure returns (uint48) {
        return uint48(1 << (id - 1));
    }

    function _advanceAfter(uint256 duration) private {
        _pass(duration);
        runs.advance(runId);
    }

    // -------------------------------------------------------------------------------------------------- before the set

    /// @dev Before the first Commit an absent seat is left out at the deadline.
    function test_advance_leavesOutAnAbsentSeat(uint256 word) public {
        uint256 absent = _between(word, 1, 5);
        _toOpen(5);
        _submitBut(absent, 0, 0, "initial");
        _advanceAfter(PHASE);
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
        vm.assertEq(_machine().set, ALL & ~_bitOf(absent));
        vm.assertEq(_machine().silent, _bitOf(absent));
    }

    /// @dev With fewer than the minimum the run pauses, and the missing Submit resumes it.
    function test_advance_pausesBelowTheMinimum() public {
        _toOpen(5, 5, Absence.Wait);
        _submitBut(4, 0, 0, "initial");
        _advanceAfter(PHASE);
        _assertAt(RunState.Paused, Phase.Open, 0, 0);
        _submit(4, 0, 0, "initial");
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
        vm.assertEq(_machine().set, ALL);
    }

    /// @dev In a pause before the first Commit the run goes on as soon as enough are there.
    function test_submit_resumesWithEnough() public {
        _toOpen(5);
        _submit(1, 0, 0, "initial");
        _submit(2, 0, 0, "initial");
        _advanceAfter(PHASE);
        _submit(3, 0, 0, "initial");
        _assertAt(RunState.Paused, Phase.Open, 0, 0);
        _submit(5, 0, 0, "initial");
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
        vm.assertEq(_machine().set, ALL & ~_bitOf(4));
    }

    /// @dev Everybody sent, nobody agrees: a new attempt, until there are too many.
    function test_advance_retriesIfStatesDiffer() public {
        _toOpen(3);
        for (uint16 attempt; attempt < 3; ++attempt) {
            _submit(1, 0, attempt, "a");
            _submit(2, 0, attempt, "b");
            _submit(3, 0, attempt, "c");
            _advanceAfter(PHASE);
        }
        _assertAt(RunState.Aborted, Phase.Open, 0, 2);
        vm.assertEq(uint256(_machine().reason), uint256(Reason.TooManyAttempts));
    }

    function test_advance_failsBeforeTheDeadline() public {
        _toOpen(3);
        _pass(PHASE - 1);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsTooEarly.selector, uint64(START + PHASE)));
        runs.advance(runId);
    }

    // --------------------------------------------------------------------------------------------------- after the set

    /// @dev Once the set is fixed an absent seat pauses the run; its Submit resumes it.
    function test_advance_pausesForAnAbsentSeat(uint256 word) public {
        uint256 absent = _between(word, 1, 5);
        _toOpen(5);
        _round(5, 0, "initial");
        _submitBut(absent, 1, 0, "first");
        _pass(PHASE);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.RunStateChanged(
            runId, RunState.Paused, 1, Reason.None, _bitOf(absent), uint64(START + PHASE + PATIENCE)
        );
        runs.advance(runId);
        vm.expectPartialRevert(ITrainingRuns.TrainingRunsTooEarly.selector);
        runs.advance(runId);
        _submit(absent, 1, 0, "first");
        _assertAt(RunState.Running, Phase.Submitted, 1, 0);
        vm.assertEq(_machine().set, ALL);
    }

    /// @dev Policy wait: past the patience the run ends at its last agreed state.
    function test_advance_endsAWaitingRunAtItsAgreedState() public {
        _toOpen(5);
        _round(5, 0, "initial");
        _submitBut(5, 1, 0, "first");
        _advanceAfter(PHASE);
        _advanceAfter(PATIENCE);
        _assertAt(RunState.Ended, Phase.Open, 1, 0);
        vm.assertEq(uint256(_machine().reason), uint256(Reason.PatienceOver));
        vm.assertTrue(runs.isAgreedState(runId, _state("first")));
    }

    /// @dev Nothing agreed in the whole run: Aborted.
    function test_advance_abortsWithoutAnAgreedState() public {
        _toOpen(3);
        _submit(1, 0, 0, "initial");
        _advanceAfter(PHASE);
        _advanceAfter(PATIENCE);
        _assertAt(RunState.Aborted, Phase.Open, 0, 0);
    }

    /// @dev Policy exit: past the patience the absent seat has left and the others try again without it.
    function test_advance_letsAnExitSeatLeave(uint256 word) public {
        uint256 absent = _between(word, 1, 5);
        _toOpen(5, 3, Absence.Exit);
        _round(5, 0, "initial");
        _submitBut(absent, 1, 0, "first");
        _advanceAfter(PHASE);
        _pass(PATIENCE);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Exited(runId, absent, ANY_ROUND, "");
        runs.advance(runId);
        _assertAt(RunState.Running, Phase.Open, 1, 1);
        vm.assertEq(_machine().set, ALL & ~_bitOf(absent));
        vm.assertEq(_machine().exited, _bitOf(absent));
        _submitBut(absent, 1, 1, "first");
        _assertAt(RunState.Running, Phase.Submitted, 1, 1);
    }

    /// @dev A seat that was not in the first round's set stays out, also when another one leaves and the round begins again.
    function test_advance_letsNobodyIntoAFixedSet() public {
        _toOpen(8, 3, Absence.Exit);
        _submitAll(7, 0, "initial");
        _advanceAfter(PHASE);
        _commitAll(7, 0);
        _revealAll(7, 0);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        _submitAll(6, 1, "first");
        _advanceAfter(PHASE);
        _pass(PATIENCE);
        runs.advance(runId);
        _assertAt(RunState.Running, Phase.Open, 1, 1);
        vm.assertEq(_machine().set, 0x3F);
    }

    /// @dev Of five at most one may leave: two absent exits end the run.
    function test_advance_endsIfTooFewWouldStay() public {
        _toOpen(5, 3, Absence.Exit);
        _round(5, 0, "initial");
        for (uint256 id = 1; id <= 3; ++id) {
            _submit(id, 1, 0, "first");
        }
        _advanceAfter(PHASE);
        _advanceAfter(PATIENCE);
        _assertAt(RunState.Aborted, Phase.Open, 1, 0);
    }

    /// @dev One waiting seat among the absent ones is enough to end instead of shrink.
    function test_advance_endsIfOneAbsentSeatWaits() public {
        _prepare(8);
        _open(_spec(3, 48));
        for (uint256 id = 1; id <= 8; ++id) {
            _enrol(id, id == 7 ? Absence.Wait : Absence.Exit);
        }
        _close();
        for (uint256 id = 1; id <= 8; ++id) {
            _ack(id);
        }
        _round(8, 0, "initial");
        for (uint256 id = 1; id <= 6; ++id) {
            _submit(id, 1, 0, "first");
        }
        _advanceAfter(PHASE);
        _advanceAfter(PATIENCE);
        _assertAt(RunState.Ended, Phase.Open, 1, 0);
    }

    // --------------------------------------------------------------------------------------- commits, reveals, results

    /// @dev No Commit at all: a new attempt costs nothing.
    function test_advance_retriesWithoutACommit() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        _advanceAfter(PHASE);
        _assertAt(RunState.Running, Phase.Open, 0, 1);
    }

    /// @dev Some Commits but no quorum: pause; the missing Commit certifies and resumes.
    function test_advance_pausesWithoutACertificate() public {
        _toOpen(5);
        _submitAll(5, 0, "initial");
        _commitAll(3, 0);
        _advanceAfter(PHASE);
        _assertAt(RunState.Paused, Phase.Submitted, 0, 0);
        _commit(5, 0, 0);
        _assertAt(RunState.Running, Phase.Fixed, 0, 0);
    }

    function test_advance_endsWithoutACertificate() public {
        _toOpen(5, 3, Absence.Exit);
        _round(5, 0, "initial");
        _submitAll(5, 1, "first");
        _commit(1, 1, 0);
        _advanceAfter(PHASE);
        _advanceAfter(PATIENCE);
        _assertAt(RunState.Ended, Phase.Submitted, 1, 0);
    }

    /// @dev After a Reveal the same set has to finish: pause, and the missing Reveal unmasks.
    function test_advance_pausesForAMissingReveal() public {
        _toOpen(5);
        _submitAll(5, 0, "initial");
        _commitAll(5, 0);
        _revealAll(4, 0);
        _advanceAfter(PHASE);
        _assertAt(RunState.Paused, Phase.Fixed, 0, 0);
        vm.assertEq(_machine().silent, _bitOf(5));
        _reveal(5, 0, 0);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        vm.assertEq(_machine().silent, 0);
    }

    /// @dev A seat that never committed does not hold up the others past the deadline, nor in later rounds.
    function test_advance_unmasksWithoutASilentHolder() public {
        _toOpen(5);
        _submitAll(5, 0, "initial");
        _commitAll(4, 0);
        _revealAll(4, 0);
        _advanceAfter(PHASE);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        vm.assertEq(_machine().silent, _bitOf(5));
    }

    /// @dev A certificate of seats may lack a column: then nobody reveals, and the run waits for one of its holders.
    function test_advance_waitsForAHolderOfAMissingColumn() public {
        _toOpen(8);
        _submitAll(8, 0, "initial");
        _commitAll(6, 0);
        _assertAt(RunState.Running, Phase.Fixed, 0, 0);
        _advanceAfter(PHASE);
        _assertAt(RunState.Paused, Phase.Fixed, 0, 0);
        _pass(PATIENCE - 1);
        _commit(7, 0, 0);
        _revealAll(7, 0);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
    }

    /// @dev If none of its holders comes back, the run ends at its last agreed state.
    function test_advance_endsWithoutAHolderOfAColumn() public {
        _toOpen(8);
        _round(8, 0, "initial");
        _submitAll(8, 1, "first");
        _commitAll(6, 1);
        _advanceAfter(PHASE);
        _advanceAfter(PATIENCE);
        _assertAt(RunState.Ended, Phase.Fixed, 1, 0);
        vm.assertTrue(runs.isAgreedState(runId, _state("first")));
    }

    function test_advance_endsForAMissingReveal() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        _commitAll(3, 0);
        _advanceAfter(PHASE);
        _advanceAfter(PATIENCE);
        _assertAt(RunState.Aborted, Phase.Fixed, 0, 0);
    }

    /// @dev Nobody opens the next round: pause; the first Submit goes on.
    function test_advance_pausesBetweenRounds() public {
        _toOpen(3);
        _round(3, 0, "initial");
        _advanceAfter(PHASE);
        _assertAt(RunState.Paused, Phase.Unmasked, 0, 0);
        _submit(1, 1, 0, "first");
        _assertAt(RunState.Running, Phase.Open, 1, 0);
    }

    /// @dev Results after the deadline of the last round still complete the run.
    function test_result_completesFromAPause() public {
        _toOpen(3);
        _round(3, 0, "initial");
        _round(3, 1, "first");
        _advanceAfter(PHASE);
        _assertAt(RunState.Paused, Phase.Unmasked, 1, 0);
        _finish(3, 1, "second");
        _assertAt(RunState.Completed, Phase.Unmasked, 1, 0);
    }

    /// @dev No Results: the run ends one state earlier.
    function test_advance_endsWithoutResults() public {
        _toOpen(3);
        _round(3, 0, "initial");
        _round(3, 1, "first");
        _advanceAfter(PHASE);
        _advanceAfter(PATIENCE);
        _assertAt(RunState.Ended, Phase.Unmasked, 1, 0);
        vm.assertTrue(runs.isAgreedState(runId, _state("first")));
    }

    /// @dev A revoked consent counts as absence: the run waits and then ends with its agreed state unmade by nobody.
    function test_revocation_pausesAndEndsTheRun() public {
        _toOpen(5);
        _round(5, 0, "initial");
        vm.prank(_account(3));
        data.revoke(consentOf[3]);
        _submitBut(3, 1, 0, "first");
        _advanceAfter(PHASE);
        _assertAt(RunState.Paused, Phase.Open, 1, 0);
        _advanceAfter(PATIENCE);
        _assertAt(RunState.Ended, Phase.Open, 1, 0);
        vm.assertTrue(runs.isAgreedState(runId, _state("first")));
    }

    function test_advance_failsOnceTheRunIsOver() public {
        _toOpen(3);
        vm.prank(_account(solver));
        runs.cancel(runId);
        _pass(PHASE);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, RunState.Aborted));
        runs.advance(runId);
    }

    // ------------------------------------------------------------------------------------------------- exits on demand

    /// @dev A disclosed exit between rounds: the others go on without it.
    function test_exit_shrinksTheSet() public {
        _toOpen(5);
        _round(5, 0, "initial");
        bytes memory signature = _exitSignature(2, 0);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Exited(runId, 2, 0, signature);
        runs.exit(runId, 2, 0, signature);
        _submitBut(2, 1, 0, "first");
        _assertAt(RunState.Running, Phase.Submitted, 1, 0);
        vm.assertEq(_machine().set, ALL & ~_bitOf(2));
    }

    /// @dev The last missing seat leaves: the phase closes without it.
    function test_exit_closesThePhase() public {
        _toOpen(5);
        _round(5, 0, "initial");
        _submitBut(4, 1, 0, "first");
        _advanceAfter(PHASE);
        runs.exit(runId, 4, 0, _exitSignature(4, 0));
        _assertAt(RunState.Running, Phase.Submitted, 1, 0);
    }

    function test_exit_failsIfTooFewWouldStay() public {
        _toOpen(3);
        _round(3, 0, "initial");
        bytes memory signature = _exitSignature(2, 0);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsTooFewStay.selector, 2, 3));
        runs.exit(runId, 2, 0, signature);
    }

    function test_exit_failsAfterTheSubmitsClosed() public {
        _toOpen(5);
        _submitAll(5, 0, "initial");
        bytes memory signature = _exitSignature(2, ANY_ROUND);
        vm.prank(_account(2));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongPhase.selector, Phase.Submitted, 0, 0));
        runs.exit(runId, 2, ANY_ROUND, signature);
    }

    /// @dev The Exit that was signed in advance is public: nobody else may use it before the patience is over.
    function test_exit_failsIfForcedByAStranger() public {
        _toOpen(5, 3, Absence.Exit);
        _round(5, 0, "initial");
        bytes memory signature = _exitSignature(2, ANY_ROUND);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsExitRound.selector, 0, ANY_ROUND));
        runs.exit(runId, 2, ANY_ROUND, signature);
        vm.prank(_account(2));
        runs.exit(runId, 2, ANY_ROUND, signature);
        vm.assertEq(_machine().exited, _bitOf(2));
    }

    function test_exit_failsForAnotherRound() public {
        _toOpen(5);
        _round(5, 0, "initial");
        bytes memory signature = _exitSignature(2, 1);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsExitRound.selector, 0, 1));
        runs.exit(runId, 2, 1, signature);
    }

    function test_exit_failsTwice() public {
        _toOpen(8);
        _round(8, 0, "initial");
        bytes memory signature = _exitSignature(2, 0);
        runs.exit(runId, 2, 0, signature);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotInSet.selector, 2));
        runs.exit(runId, 2, 0, signature);
    }

    function test_submit_failsAfterAnExit() public {
        _toOpen(5);
        _round(5, 0, "initial");
        runs.exit(runId, 2, 0, _exitSignature(2, 0));
        bytes32 sid = runs.sidOf(runId, 1, 0, _state("first"));
        bytes memory signature = _submitSignature(2, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotInSet.selector, 2));
        runs.submit(_key(2, 1, 0), _state("first"), _header(2, sid), signature);
    }
}
