// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {Absence, Machine, Phase, Reason, RunState, SeatView} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";

/// @notice A dataset that is withdrawn while a run is under way: before the run's first Commit its site is simply dropped,
/// afterwards its absence policy decides, its rows leave its next contribution in any case, and no state is unmade.
contract TrainingRunsDropTest is RunTest {
    function _revoke(uint256 id) private {
        vm.prank(_account(id));
        data.revoke(consentOf[id]);
    }

    function _expectMayNotDrop(uint256 id) private {
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsMayNotDrop.selector, id, consentOf[id]));
        runs.drop(runId, id);
    }

    // ------------------------------------------------------------------------------------------------ before the roster

    /// @dev Whose consent died while the others enrolled has no seat on the roster, whoever it is.
    function test_close_givesUpSeatsOfDeadConsents(uint256 word) public {
        uint256 dead = _between(word, 1, 5);
        _prepare(5);
        _open(_spec(3, 5));
        for (uint256 id = 5; id > 0; --id) {
            _enrol(id, Absence.Wait);
        }
        _revoke(dead);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Dropped(runId, dead, consentOf[dead]);
        _close();
        SeatView[] memory seats = runs.seats(runId);
        vm.assertEq(seats.length, 4);
        for (uint256 i; i < 4; ++i) {
            vm.assertEq(seats[i].memberId, i + 1 < dead ? i + 1 : i + 2);
            vm.assertEq(seats[i].seat.index, i);
            _ack(seats[i].memberId);
        }
        _assertAt(RunState.Running, Phase.Open, 0, 0);
        bytes memory signature = _submitSignature(dead, "sid");
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNoSeat.selector, runId, dead));
        runs.submit(_key(dead, 0, 0), "sid", _header(dead, "sid"), signature);
    }

    /// @dev Dead seats do not make up the numbers: neither for the solver nor at the end of enrolment.
    function test_close_countsLiveSeatsOnly() public {
        _prepare(3);
        _open(_spec(3, 5));
        for (uint256 id = 1; id <= 3; ++id) {
            _enrol(id, Absence.Wait);
        }
        _revoke(2);
        vm.prank(_account(solver));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsEnrolment.selector, uint64(START + 1 days)));
        runs.close(runId);
        _pass(1 days);
        runs.close(runId);
        vm.assertEq(uint256(_machine().reason), uint256(Reason.TooFewParticipants));
    }

    function test_drop_failsBeforeTheRounds() public {
        _toAcking(3, 3, Absence.Wait);
        _revoke(2);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, RunState.Acking));
        runs.drop(runId, 2);
    }

    // -------------------------------------------------------------------------------------------- before the first Commit

    /// @dev At once, by anybody, at whatever point of the first Submits: the others close without it.
    function test_drop_letsTheOthersGoOn(uint256 word) public {
        uint256 dead = _between(word, 1, 5);
        uint256 before = _between(word / 7, 0, 5);
        _toOpen(5);
        for (uint256 id = 1; id <= before; ++id) {
            if (id != dead) _submit(id, 0, 0, "initial");
        }
        _revoke(dead);
        vm.prank(address(uint160(word)));
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Dropped(runId, dead, consentOf[dead]);
        runs.drop(runId, dead);
        for (uint256 id = before + 1; id <= 5; ++id) {
            if (id != dead) _submit(id, 0, 0, "initial");
        }
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
        Machine memory m = _machine();
        vm.assertEq(m.set, 31 & ~uint48(1 << (dead - 1)));
        vm.assertEq(vm.getBlockTimestamp(), START);
    }

    /// @dev What the seat sent already is left out too; after every vector was in, the same round starts again without it
    /// and without using up an attempt.
    function test_drop_startsTheInputsAgain(uint256 word) public {
        uint256 dead = _between(word, 1, 5);
        _toOpen(5);
        _submitAll(5, 0, "initial");
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
        _revoke(dead);
        runs.drop(runId, dead);
        _assertAt(RunState.Running, Phase.Open, 0, 1);
        vm.assertEq(_machine().maxAttempts, 4);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != dead) _submit(id, 0, 1, "initial");
        }
        _assertAt(RunState.Running, Phase.Submitted, 0, 1);
        vm.assertEq(_machine().set, 31 & ~uint48(1 << (dead - 1)));
    }

    /// @dev A seat that is dropped after its Submit counts no more: the rest still has to be enough.
    function test_drop_takesTheVectorOut() public {
        _toOpen(5, 3, Absence.Wait);
        for (uint256 id = 1; id <= 4; ++id) {
            _submit(id, 0, 0, "initial");
        }
        vm.assertTrue(_machine().agreed);
        _revoke(2);
        runs.drop(runId, 2);
        vm.assertEq(_machine().arrived, 13);
        _assertAt(RunState.Running, Phase.Open, 0, 0);
        _submit(5, 0, 0, "initial");
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
        vm.assertEq(_machine().set, 29);
    }

    /// @dev The first Commit fixes whose data the run uses, so it waits until the dead are out; a later one does not.
    function test_commit_failsIfAConsentInTheSetIsDead(uint256 word) public {
        uint256 dead = _between(word, 1, 5);
        _toOpen(5);
        _submitAll(5, 0, "initial");
        uint256 before = vm.snapshotState();
        _revoke(dead);
        bytes memory signature = _commitSignature(1, runs.phaseOf(runId));
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes32 set = runs.phaseOf(runId).setDigest;
        bytes32 inputs = runs.phaseOf(runId).inputDigest;
        bytes32 masks = _masks(1, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsConsentNotLive.selector, consentOf[dead]));
        runs.commit(_key(1, 0, 0), sid, set, inputs, masks, signature);
        vm.revertToState(before);
        _commit(1, 0, 0);
        _revoke(dead);
        _commit(2, 0, 0);
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
    }

    /// @dev Fewer than privacy or the terms allow: the run is over at once, not after its patience.
    function test_drop_endsARunThatBecomesTooSmall() public {
        _toOpen(3);
        _revoke(1);
        runs.drop(runId, 1);
        vm.assertEq(uint256(_machine().state), uint256(RunState.Aborted));
        vm.assertEq(uint256(_machine().reason), uint256(Reason.TooFewParticipants));
        vm.assertEq(vm.getBlockTimestamp(), START);
    }

    /// @dev Who was dropped does not come back, and does not count as missing; its node may still help the others.
    function test_drop_isForGood() public {
        _toOpen(5);
        _revoke(3);
        runs.drop(runId, 3);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotInSet.selector, 3));
        runs.drop(runId, 3);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != 3) _submit(id, 0, 0, "initial");
        }
        _commit(3, 0, 0);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != 3) _commit(id, 0, 0);
        }
        for (uint256 id = 1; id <= 5; ++id) {
            _reveal(id, 0, 0);
        }
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        bytes32 sid = runs.sidOf(runId, 1, 0, _state("first"));
        bytes memory signature = _submitSignature(3, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotInSet.selector, 3));
        runs.submit(_key(3, 1, 0), _state("first"), _header(3, sid), signature);
    }

    /// @dev Suspending the dataset, its expiry and the holder's own suspension act like a revocation.
    function test_drop_takesEveryDeadConsent(uint256 how) public {
        how = _between(how, 0, 3);
        _toOpen(5);
        _expectMayNotDrop(2);
        vm.startPrank(_account(2));
        if (how == 0) data.suspend(2);
        if (how == 1) data.retire(2);
        if (how == 2) membership.leave();
        vm.stopPrank();
        if (how == 3) vm.warp(START + 365 days);
        runs.drop(runId, 2);
        vm.assertEq(_machine().set, 29);
    }

    // --------------------------------------------------------------------------------------------- after the first Commit

    /// @dev With the exit policy the Exit that was signed in advance takes effect now; the others close without it.
    function test_drop_laterIsTheExitOfWhoChoseIt(uint256 word) public {
        uint256 dead = _between(word, 1, 5);
        _toOpen(5, 3, Absence.Exit);
        _round(5, 0, "initial");
        _revoke(dead);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Dropped(runId, dead, consentOf[dead]);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Exited(runId, dead, ANY_ROUND, "");
        runs.drop(runId, dead);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != dead) _submit(id, 1, 0, "first");
        }
        _assertAt(RunState.Running, Phase.Submitted, 1, 0);
        vm.assertEq(_machine().roundsDone, 1);
        vm.assertEq(vm.getBlockTimestamp(), START);
    }

    /// @dev With the wait policy it stays in the set: the run waits, and then ends at its last agreed state.
    function test_drop_failsForWhoChoseToWait() public {
        _toOpen(5, 3, Absence.Wait);
        _round(5, 0, "initial");
        _revoke(3);
        _expectMayNotDrop(3);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != 3) _submit(id, 1, 0, "first");
        }
        _pass(PHASE);
        runs.advance(runId);
        _expectMayNotDrop(3);
        _pass(PATIENCE);
        runs.advance(runId);
        vm.assertEq(uint256(_machine().state), uint256(RunState.Ended));
        vm.assertTrue(runs.isAgreedState(runId, _state("first")));
    }

    /// @dev An Exit that leaves too few does not happen: the patience decides, and the agreed state stays.
    function test_drop_laterLeavesEnough() public {
        _toOpen(3, 3, Absence.Exit);
        _round(3, 0, "initial");
        _revoke(3);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsTooFewStay.selector, 2, 3));
        runs.drop(runId, 3);
    }

    /// @dev Not while a certified sum is being unmasked: that contribution was made before.
    function test_drop_laterWaitsForTheSum() public {
        _toOpen(5, 3, Absence.Exit);
        _submitAll(5, 0, "initial");
        _commit(1, 0, 0);
        _revoke(3);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongPhase.selector, Phase.Submitted, 0, 0));
        runs.drop(runId, 3);
    }

    function test_drop_failsWithoutASeat(uint256 id) public {
        vm.assume(id == 0 || id > 5);
        _toOpen(5);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNoSeat.selector, runId, id));
        runs.drop(runId, id);
    }
}
