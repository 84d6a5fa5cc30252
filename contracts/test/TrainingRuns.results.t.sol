// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {Absence, Phase, Reason, RunSpec, RunState} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";

/// @notice Results when the next round is open already: they keep the state, and complete the run unless it paused.
contract TrainingRunsResultsTest is RunTest {
    /// @dev Four rounds at most, five seats, round 0 unmasked.
    function _toUnmasked(Absence absence) private {
        _prepare(5);
        RunSpec memory terms = _spec(3, 48);
        terms.rounds = 4;
        _open(terms);
        for (uint256 id = 1; id <= 5; ++id) {
            _enrol(id, absence);
        }
        _close();
        for (uint256 id = 1; id <= 5; ++id) {
            _ack(id);
        }
        _round(5, 0, "initial");
    }

    function _expectWrongPhase(uint256 id, uint32 round, uint16 attempt, Phase phase) private {
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _resultSignature(id, sid, _state("first"));
        (uint32 at, uint16 trial) = (_machine().round, _machine().attempt);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongPhase.selector, phase, at, trial));
        runs.result(_key(id, round, attempt), sid, "sum", _state("first"), signature);
    }

    function _results(uint256 first, uint256 last) private {
        for (uint256 id = first; id <= last; ++id) {
            _result(id, 0, 0, "first");
        }
    }

    function _advanceAfter(uint256 duration) private {
        _pass(duration);
        runs.advance(runId);
    }

    /// @dev One seat that opens a next round does not keep the others from finishing.
    /// forge-config: default.fuzz.runs = 32
    function test_result_completesWithTheNextRoundOpen(uint256 word) public {
        uint256 cheat = _between(word, 1, 5);
        _toUnmasked(Absence.Wait);
        _submit(cheat, 1, 0, "forged");
        _assertAt(RunState.Running, Phase.Open, 1, 0);
        uint256 sent;
        for (uint256 id = 1; id <= 5; ++id) {
            if (id == cheat) continue;
            if (++sent == 4) {
                bytes32 sid = runs.phaseOf(runId).sid;
                bytes memory signature = _resultSignature(id, sid, _state("first"));
                vm.expectEmit(address(runs));
                emit ITrainingRuns.Resulted(runId, id, 0, 0, sid, "sum", _state("first"), signature);
                vm.expectEmit(address(runs));
                emit ITrainingRuns.StateAgreed(runId, 1, sid, _state("first"));
            }
            _result(id, 0, 0, "first");
        }
        _assertAt(RunState.Completed, Phase.Open, 1, 0);
        vm.assertEq(uint256(_machine().reason), uint256(Reason.Finished));
        vm.assertEq(_machine().roundsDone, 1);
        vm.assertTrue(runs.isAgreedState(runId, _state("first")));
        vm.assertFalse(runs.isAgreedState(runId, _state("forged")));
    }

    /// @dev Results that came before and after the cheat's Submit are one tally.
    /// forge-config: default.fuzz.runs = 32
    function test_result_countsFromBothSidesOfTheOpening(uint256 word) public {
        uint256 before = _between(word, 0, 3);
        _toUnmasked(Absence.Wait);
        _results(1, before);
        _submit(5, 1, 0, "forged");
        _results(before + 1, 3);
        _assertAt(RunState.Running, Phase.Open, 1, 0);
        _results(4, 4);
        _assertAt(RunState.Completed, Phase.Open, 1, 0);
    }

    /// @dev Only the round that was unmasked takes Results, not the open one.
    function test_result_failsForTheOpenRound() public {
        _toUnmasked(Absence.Wait);
        _submit(5, 1, 0, "first");
        _expectWrongPhase(1, 1, 0, Phase.Open);
        _expectWrongPhase(1, 0, 1, Phase.Open);
    }

    /// @dev Once the next round is agreed, the Submits have spoken; also when its attempt is stopped.
    function test_result_failsOnceTheNextRoundIsAgreed() public {
        _toUnmasked(Absence.Wait);
        for (uint256 id = 1; id <= 4; ++id) {
            _submit(id, 1, 0, "first");
        }
        _expectWrongPhase(5, 0, 0, Phase.Open);
        _submit(5, 1, 0, "first");
        _timeOut();
        _assertAt(RunState.Running, Phase.Open, 1, 1);
        _expectWrongPhase(5, 0, 0, Phase.Open);
        _expectWrongPhase(5, 1, 0, Phase.Open);
    }

    /// @dev Results that seats owe because the run is paused complete nothing when the run goes on in the meantime.
    /// forge-config: default.fuzz.runs = 32
    function test_result_ofAPauseDoesNotCompleteARunThatGoesOn(uint256 word) public {
        uint256 inPause = _between(word, 0, 4);
        _toUnmasked(Absence.Wait);
        _advanceAfter(PHASE);
        _results(1, inPause);
        _assertAt(RunState.Paused, Phase.Unmasked, 0, 0);
        _submit(5, 1, 0, "first");
        _results(inPause + 1, 4);
        _assertAt(RunState.Running, Phase.Open, 1, 0);
        vm.assertEq(runs.finalState(runId), _state("first"), "kept");
        vm.assertEq(_machine().roundsDone, 1);
        _pass(PHASE);
        _result(5, 0, 0, "first");
        _assertAt(RunState.Running, Phase.Open, 1, 0);
        for (uint256 id = 1; id <= 4; ++id) {
            _submit(id, 1, 0, "first");
        }
        _assertAt(RunState.Running, Phase.Submitted, 1, 0);
        vm.assertEq(runs.finalState(runId), bytes32(0), "superseded by the same state's sid");
        vm.assertTrue(runs.isAgreedState(runId, _state("first")));
    }

    /// @dev The pause is forgotten when the next round is unmasked: its Results mean the end again.
    function test_result_completesAfterAnEarlierPause() public {
        _toUnmasked(Absence.Wait);
        _advanceAfter(PHASE);
        _submitAll(5, 1, "first");
        _commitAll(4, 1);
        _advanceAfter(PHASE);
        vm.assertTrue(_machine().interrupted);
        _revealAll(4, 1);
        _assertAt(RunState.Running, Phase.Unmasked, 1, 0);
        vm.assertFalse(_machine().interrupted);
        _finish(5, 1, "second");
        _assertAt(RunState.Completed, Phase.Unmasked, 1, 0);
        vm.assertEq(_machine().roundsDone, 2);
    }

    /// @dev With too few Submits for the open round its predecessor's Results keep that state through the pause.
    function test_result_keepsTheStateInAPauseOfTheNextRound() public {
        _toUnmasked(Absence.Wait);
        _submit(5, 1, 0, "first");
        _advanceAfter(PHASE);
        _assertAt(RunState.Paused, Phase.Open, 1, 0);
        _results(1, 4);
        _assertAt(RunState.Paused, Phase.Open, 1, 0);
        _advanceAfter(PATIENCE);
        _assertAt(RunState.Ended, Phase.Open, 1, 0);
        vm.assertEq(uint256(_machine().reason), uint256(Reason.PatienceOver));
        vm.assertEq(_machine().roundsDone, 1);
        vm.assertTrue(runs.isAgreedState(runId, _state("first")));
    }

    /// @dev Past the patience Results do not end a run whose absent seats agreed to leave; nor do they afterwards.
    function test_result_leavesALateRunToItsExits() public {
        _toUnmasked(Absence.Exit);
        for (uint256 id = 1; id <= 3; ++id) {
            _submit(id, 1, 0, "first");
        }
        _submit(4, 1, 0, "other");
        _advanceAfter(PHASE);
        _pass(PATIENCE);
        _results(1, 4);
        _assertAt(RunState.Paused, Phase.Open, 1, 0);
        runs.advance(runId);
        _assertAt(RunState.Running, Phase.Open, 1, 1);
        vm.assertEq(_machine().exited, 1 << 4);
        _result(5, 0, 0, "first");
        _assertAt(RunState.Running, Phase.Open, 1, 1);
    }
}
