// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataRegistry} from "../src/interfaces/IDataRegistry.sol";
import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {Absence, Machine, Phase, Reason, RunSpec, RunState, SeatView} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";

/// @notice Before the rounds: open, enrol, close, ack; and cancelling.
contract TrainingRunsEnrolmentTest is RunTest {
    // ------------------------------------------------------------------------------------------------------------ open

    /// @dev The id of a run is the hash of its terms, nothing else.
    function test_open_computesTheRunId(bytes32 salt, uint32 rounds, uint32 patience) public {
        _prepare(3);
        RunSpec memory spec = _spec(3, 5);
        spec.salt = salt;
        spec.rounds = uint32(_between(rounds, 1, ANY_ROUND - 1));
        spec.patienceSeconds = patience;
        vm.expectEmit(address(runs));
        emit ITrainingRuns.RunOpened(keccak256(abi.encode(spec)), solver, spec);
        _open(spec);
        vm.assertEq(runId, keccak256(abi.encode(spec)));
        vm.assertEq(keccak256(abi.encode(runs.run(runId).spec)), runId);
        vm.assertEq(uint256(_machine().state), uint256(RunState.Enrolling));
    }

    /// @dev Each row breaks one field of the terms, and the error names it.
    function test_open_failsIfTermsAreOutOfRange() public {
        _prepare(3);
        for (uint256 row; row < 18; ++row) {
            RunSpec memory spec = _spec(3, 5);
            bytes32 field = _break(spec, row);
            vm.prank(_account(solver));
            vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsSpecInvalid.selector, field));
            runs.open(spec);
        }
    }

    function _break(RunSpec memory spec, uint256 row) private pure returns (bytes32 field) {
        if (row == 0) (spec.problem, field) = ("unknown", "problem");
        if (row == 1) (spec.purpose, field) = (0, "purpose");
        if (row == 2) (spec.rounds, field) = (0, "rounds");
        if (row == 3) (spec.rounds, field) = (ANY_ROUND, "rounds");
        if (row == 4) (spec.minParticipants, field) = (2, "minParticipants");
        if (row == 5) (spec.minParticipants, field) = (6, "maxParticipants");
        if (row == 6) (spec.maxParticipants, field) = (49, "maxParticipants");
        if (row == 7) (spec.layout, field) = (0, "layout");
        if (row == 8) (spec.suite, field) = (9, "suite");
        if (row == 9) (spec.maxAttempts, field) = (1, "maxAttempts");
        if (row == 10) (spec.enrolUntil, field) = (uint64(START), "enrolUntil");
        if (row == 11) (spec.phaseSeconds, field) = (0, "phaseSeconds");
        if (row == 12) (spec.solverShares, field) = (950_001, "shares");
        if (row == 13) (spec.ownerShares, field) = (type(uint32).max, "shares");
        if (row == 15) (spec.maxAttempts, field) = (type(uint16).max - 47, "maxAttempts");
        if (row == 16) (spec.minParticipants, spec.maxParticipants, spec.cellSize, field) = (8, 48, 3, "cellSize");
        if (row == 17) (spec.minParticipants, spec.maxParticipants, spec.cellSize, field) = (8, 48, 5, "cellSize");
        if (row == 14) (spec.enrolUntil, field) = (uint64(START + 365 days + 1), "enrolUntil");
    }

    function test_open_failsIfCallerIsNotTheSolver() public {
        _prepare(3);
        RunSpec memory spec = _spec(3, 5);
        vm.prank(_account(owner));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotMember.selector, _account(owner)));
        runs.open(spec);
    }

    function test_open_failsIfSolverIsSuspended() public {
        _prepare(3);
        _suspendMember(solver);
        RunSpec memory spec = _spec(3, 5);
        vm.prank(_account(solver));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotMember.selector, _account(solver)));
        runs.open(spec);
    }

    function test_open_failsIfOpenedBefore() public {
        _prepare(3);
        _open(_spec(3, 5));
        RunSpec memory spec = _spec(3, 5);
        vm.prank(_account(solver));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsAlreadyOpened.selector, runId));
        runs.open(spec);
    }

    function test_open_failsIfProblemIsClosed() public {
        _prepare(3);
        vm.prank(_account(owner));
        problems.close(problemId);
        RunSpec memory spec = _spec(3, 5);
        vm.prank(_account(solver));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsSpecInvalid.selector, bytes32("problem")));
        runs.open(spec);
    }

    // ----------------------------------------------------------------------------------------------------------- enrol

    /// @dev A seat keeps key, dataset version and consent as they were at enrolment.
    function test_enrol_recordsTheSeat() public {
        _prepare(3);
        vm.prank(_account(2));
        data.publishVersion(2, "card 2", "policy 2", _rules(), true, 0);
        _open(_spec(3, 5));
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Enrolled(runId, 2, 2, 2, consentOf[2], vm.addr(_nodeKey(2)), Absence.Wait, "");
        _enrol(2, Absence.Wait);
        SeatView[] memory seats = runs.seats(runId);
        vm.assertEq(seats.length, 1);
        vm.assertEq(seats[0].memberId, 2);
        vm.assertEq(seats[0].seat.version, 2);
        vm.assertEq(seats[0].seat.nodeKey, vm.addr(_nodeKey(2)));
        vm.assertEq(data.consent(consentOf[2]).uses, 1);
    }

    function test_enrol_failsIfConsentRevoked() public {
        _prepare(3);
        _open(_spec(3, 5));
        vm.prank(_account(1));
        data.revoke(consentOf[1]);
        _expectDenied(1, 1, IDataRegistry.Denial.Revoked);
    }

    /// @dev Each row asks in the RunSpec for what the consent or the dataset does not give.
    function test_enrol_failsIfTheRunWantsMore() public {
        _prepare(3);
        RunSpec memory spec = _spec(3, 5);
        spec.purpose = keccak256("dpv:Advertising");
        _open(spec);
        _expectDenied(1, 1, IDataRegistry.Denial.PurposeUnknown);
        spec.purpose = NARROWER;
        _open(spec);
        _expectDenied(1, 1, IDataRegistry.Denial.PurposeNotConsented);
        spec.purpose = BANNED;
        _open(spec);
        _expectDenied(1, 1, IDataRegistry.Denial.PurposeBanned);
        spec = _spec(3, 5);
        spec.commercial = true;
        _open(spec);
        _expectDenied(1, 1, IDataRegistry.Denial.CommercialNotPermitted);
    }

    /// @dev A run that pays at least the price takes the dataset, and the price is on record.
    function test_enrol_recordsThePrice(uint256 price, uint256 most) public {
        _prepare(3);
        vm.prank(_account(1));
        data.publishVersion(1, "card", "policy", _rules(), false, price);
        RunSpec memory spec = _spec(3, 5);
        spec.price = most;
        _open(spec);
        if (most < price) return _expectDenied(1, 1, IDataRegistry.Denial.PriceTooHigh);
        vm.expectEmit(address(data));
        emit IDataRegistry.ConsentUsed(consentOf[1], runId, 1, 1, price);
        _enrol(1, Absence.Wait);
    }

    /// @dev A dataset that is entrusted takes part by the consent that its body gave; the owner's node brings it.
    function test_enrol_takesABodysConsent() public {
        _prepare(3);
        _open(_spec(3, 5));
        vm.prank(_account(1));
        data.entrust(1, address(0xB0D7));
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        vm.prank(address(0xB0D7));
        consentOf[1] = data.give(terms);
        _enrol(1, Absence.Wait);
        vm.assertEq(runs.seats(runId)[0].seat.consentId, consentOf[1]);
    }

    function _expectDenied(uint256 id, uint256 datasetId, IDataRegistry.Denial denial) private {
        _expectEnrolFails(
            id, datasetId, abi.encodeWithSelector(IDataRegistry.DataRegistryUseDenied.selector, consentOf[id], denial)
        );
    }

    function test_enrol_failsWithAnothersDataset() public {
        _prepare(3);
        _open(_spec(3, 5));
        _expectEnrolFails(1, 2, abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotOwner.selector, 2, 1));
    }

    /// @dev A consent for one dataset does not open another one, not even of the same holder.
    function test_enrol_failsIfConsentIsForAnotherDataset() public {
        _prepare(3);
        _open(_spec(3, 5));
        uint256 second = _list(1);
        _expectDenied(1, second, IDataRegistry.Denial.OtherDataset);
    }

    function test_enrol_failsForASecondSeat() public {
        _prepare(3);
        _open(_spec(3, 5));
        _enrol(1, Absence.Wait);
        _expectEnrolFails(1, 1, abi.encodeWithSelector(ITrainingRuns.TrainingRunsAlreadyEnrolled.selector, 1));
    }

    function test_enrol_failsIfFull() public {
        _prepare(4);
        _open(_spec(3, 3));
        for (uint256 id = 1; id <= 3; ++id) {
            _enrol(id, Absence.Wait);
        }
        _expectEnrolFails(4, 4, abi.encodeWithSelector(ITrainingRuns.TrainingRunsFull.selector, 3));
    }

    function test_enrol_failsAfterItsEnd() public {
        _prepare(3);
        _open(_spec(3, 5));
        _pass(1 days);
        uint64 end = uint64(START + 1 days);
        _expectEnrolFails(1, 1, abi.encodeWithSelector(ITrainingRuns.TrainingRunsEnrolment.selector, end));
    }

    function test_enrol_failsIfMemberIsSuspended() public {
        _prepare(3);
        _open(_spec(3, 5));
        _suspendMember(1);
        _expectEnrolFails(1, 1, abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotMember.selector, _account(1)));
    }

    /// @dev The exit policy needs an Exit for whichever last round, signed by the node key.
    function test_enrol_failsWithoutItsSignedExit() public {
        _prepare(3);
        _open(_spec(3, 5));
        bytes[3] memory bad = [bytes(""), _exitSignature(2, ANY_ROUND), _exitSignature(1, 0)];
        for (uint256 i; i < bad.length; ++i) {
            vm.prank(_account(1));
            vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsSignatureInvalid.selector, 1));
            runs.enrol(runId, 1, consentOf[1], Absence.Exit, bad[i]);
        }
        _enrol(1, Absence.Exit);
    }

    function _expectEnrolFails(uint256 id, uint256 datasetId, bytes memory error) private {
        vm.prank(_account(id));
        vm.expectRevert(error);
        runs.enrol(runId, datasetId, consentOf[id], Absence.Wait, "");
    }

    // ----------------------------------------------------------------------------------------------------------- close

    /// @dev The roster lists ids ascending whatever the order of enrolment was.
    function test_close_sortsTheRoster(uint256 word) public {
        word %= 1000;
        _prepare(5);
        _open(_spec(3, 5));
        for (uint256 i; i < 5; ++i) {
            _enrol((i * (word % 4 + 1) + word) % 5 + 1, Absence.Wait);
        }
        uint256[] memory ids = new uint256[](5);
        address[] memory nodeKeys = new address[](5);
        for (uint256 i; i < 5; ++i) {
            (ids[i], nodeKeys[i]) = (i + 1, vm.addr(_nodeKey(i + 1)));
        }
        bytes32 roster = keccak256(abi.encode(runId, ids, nodeKeys));
        vm.expectEmit(address(runs));
        emit ITrainingRuns.RosterFixed(runId, roster, ids, nodeKeys, 1, 2, 4);
        _close();
        vm.assertEq(runs.run(runId).roster, roster);
        SeatView[] memory seats = runs.seats(runId);
        for (uint256 i; i < 5; ++i) {
            vm.assertEq(seats[i].memberId, i + 1);
            vm.assertEq(seats[i].seat.index, i);
        }
    }

    function test_close_failsForStrangersBeforeTheEnd() public {
        _prepare(3);
        _open(_spec(3, 5));
        for (uint256 id = 1; id <= 3; ++id) {
            _enrol(id, Absence.Wait);
        }
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsEnrolment.selector, uint64(START + 1 days)));
        runs.close(runId);
        _pass(1 days);
        runs.close(runId);
        vm.assertEq(uint256(_machine().state), uint256(RunState.Acking));
    }

    function test_close_failsForTheSolverWithTooFew() public {
        _prepare(3);
        _open(_spec(3, 5));
        _enrol(1, Absence.Wait);
        vm.prank(_account(solver));
        vm.expectPartialRevert(ITrainingRuns.TrainingRunsEnrolment.selector);
        runs.close(runId);
    }

    function test_close_abortsWithTooFewAtTheEnd() public {
        _prepare(3);
        _open(_spec(3, 5));
        _enrol(1, Absence.Wait);
        _enrol(2, Absence.Wait);
        _pass(1 days);
        runs.close(runId);
        _assertAt(RunState.Aborted, Phase.None, 0, 0);
        vm.assertEq(uint256(_machine().reason), uint256(Reason.TooFewParticipants));
    }

    // ------------------------------------------------------------------------------------------------------------- ack

    /// @dev The last Ack starts round 0 and fixes the committee's digest.
    function test_ack_startsTheRun() public {
        _toAcking(3, 3, Absence.Wait);
        _ack(3);
        _ack(1);
        vm.assertEq(uint256(_machine().state), uint256(RunState.Acking));
        vm.assertEq(runs.run(runId).committee, bytes32(0));
        _ack(2);
        _assertAt(RunState.Running, Phase.Open, 0, 0);
        bytes32[] memory points = new bytes32[](3);
        for (uint256 i; i < 3; ++i) {
            points[i] = _point(i + 1);
        }
        bytes32 roster = runs.run(runId).roster;
        vm.assertEq(runs.run(runId).committee, keccak256(abi.encode(roster, uint32(0), uint8(1), points)));
        vm.assertEq(_machine().set, 7);
    }

    function test_ack_failsIfSentTwice() public {
        _toAcking(3, 3, Absence.Wait);
        _ack(1);
        bytes memory signature = _ackSignature(1);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsAlreadySent.selector, 1));
        runs.ack(runId, 0, 1, _point(1), "R", "z", signature);
    }

    function test_ack_failsIfSignedForAnotherPoint() public {
        _toAcking(3, 3, Absence.Wait);
        bytes memory signature = _ackSignature(1);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsSignatureInvalid.selector, 1));
        runs.ack(runId, 0, 1, _point(2), "R", "z", signature);
    }

    function test_ack_failsInAnotherEpoch() public {
        _toAcking(3, 3, Absence.Wait);
        bytes memory signature = _ackSignature(1);
        vm.expectPartialRevert(ITrainingRuns.TrainingRunsWrongPhase.selector);
        runs.ack(runId, 1, 1, _point(1), "R", "z", signature);
    }

    function test_ack_failsBeforeTheRoster() public {
        _prepare(3);
        _open(_spec(3, 5));
        _enrol(1, Absence.Wait);
        bytes memory signature = _ackSignature(1);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, RunState.Enrolling));
        runs.ack(runId, 0, 1, _point(1), "R", "z", signature);
    }

    /// @dev A missing Ack aborts, but only after phase and patience.
    function test_advance_abortsIfAckIsMissing() public {
        _toAcking(3, 3, Absence.Wait);
        _ack(1);
        _pass(PHASE + PATIENCE - 1);
        uint64 end = uint64(START + PHASE + PATIENCE);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsTooEarly.selector, end));
        runs.advance(runId);
        _pass(1);
        runs.advance(runId);
        _assertAt(RunState.Aborted, Phase.None, 0, 0);
        vm.assertEq(uint256(_machine().reason), uint256(Reason.AckMissing));
    }

    // ---------------------------------------------------------------------------------------------------------- cancel

    /// @dev Nothing agreed yet: Aborted.
    function test_cancel_abortsWithoutAnAgreedState() public {
        _toOpen(3);
        _round(3, 0, "initial");
        vm.prank(_account(solver));
        runs.cancel(runId);
        _assertAt(RunState.Aborted, Phase.Unmasked, 0, 0);
        vm.assertEq(uint256(_machine().reason), uint256(Reason.Cancelled));
    }

    /// @dev A state was agreed: Ended, and the state is kept.
    function test_cancel_endsAtTheAgreedState() public {
        _toOpen(3);
        _round(3, 0, "initial");
        _submitAll(3, 1, "first");
        vm.prank(_account(solver));
        runs.cancel(runId);
        _assertAt(RunState.Ended, Phase.Submitted, 1, 0);
        vm.assertTrue(runs.isAgreedState(runId, _state("first")));
        vm.assertFalse(runs.isAgreedState(runId, _state("initial")));
    }

    function test_cancel_failsForOthersAndTwice() public {
        _toOpen(3);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotSolver.selector, runId, _account(1)));
        runs.cancel(runId);
        vm.prank(_account(solver));
        runs.cancel(runId);
        vm.prank(_account(solver));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, RunState.Aborted));
        runs.cancel(runId);
    }

    /// @dev An unknown run answers with an error, never with a state change.
    function test_unknownRun_isRefused(bytes32 unknown) public {
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, RunState.None));
        runs.close(unknown);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, RunState.None));
        runs.advance(unknown);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, RunState.None));
        runs.cancel(unknown);
    }
}
