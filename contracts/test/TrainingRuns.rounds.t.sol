// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {Absence, Key, Machine, Phase, PhaseView, Reason, RunSpec, RunState} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";
import {Vm} from "./base/Vm.sol";

/// @notice The messages of a round: Submit, Commit, Reveal, Result and refusal.
contract TrainingRunsRoundsTest is RunTest {
    // --------------------------------------------------------------------------------------------------------- success

    /// @dev Two rounds of any roster complete and keep the final state.
    function test_rounds_completeForEveryRoster(uint256 word) public {
        uint256 n = _between(word, 3, 9);
        _toOpen(n);
        _round(n, 0, "initial");
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        _round(n, 1, "first");
        _finish(n, 1, "second");
        _assertAt(RunState.Completed, Phase.Unmasked, 1, 0);
        vm.assertEq(runs.finalState(runId), _state("second"));
        vm.assertEq(uint256(_machine().reason), uint256(Reason.Finished));
        vm.assertEq(_machine().roundsDone, 2);
    }

    /// @dev Submit order does not matter for what is certified.
    function test_submit_storesDigestsOfTheAscendingSet(uint256 word) public {
        _toOpen(5);
        bytes32 sid = runs.sidOf(runId, 0, 0, _state("initial"));
        uint256[] memory ids = new uint256[](5);
        bytes32[] memory headers = new bytes32[](5);
        for (uint256 i; i < 5; ++i) {
            _submit((i + word % 5) % 5 + 1, 0, 0, "initial");
            (ids[i], headers[i]) = (i + 1, _header(i + 1, sid));
        }
        PhaseView memory at = runs.phaseOf(runId);
        vm.assertEq(at.sid, sid);
        vm.assertEq(at.setDigest, keccak256(abi.encode(ids)));
        vm.assertEq(at.inputDigest, keccak256(abi.encode(sid, ids, headers)));
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
    }

    /// @dev A quorum of equal sids agrees on the state it starts from, once per round.
    function test_submit_emitsStateAgreedAtQuorum() public {
        _toOpen(5);
        for (uint256 id = 1; id <= 3; ++id) {
            _submit(id, 0, 0, "initial");
            vm.assertFalse(_machine().agreed);
        }
        bytes32 sid = runs.sidOf(runId, 0, 0, _state("initial"));
        bytes memory signature = _submitSignature(4, sid);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Submitted(runId, 4, 0, 0, sid, _header(4, sid), _state("initial"), signature);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.StateAgreed(runId, 0, sid, 0);
        runs.submit(_key(4, 0, 0), _state("initial"), _header(4, sid), signature);
        vm.assertTrue(_machine().agreed);
    }

    /// @dev The first Submit of the next round opens it.
    function test_submit_opensTheNextRound() public {
        _toOpen(3);
        _round(3, 0, "initial");
        vm.assertEq(_machine().roundsDone, 0);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.PhaseEntered(runId, 1, 0, Phase.Open, 7, uint64(START + PHASE));
        _submit(2, 1, 0, "first");
        _assertAt(RunState.Running, Phase.Open, 1, 0);
        _submit(1, 1, 0, "first");
        _submit(3, 1, 0, "first");
        vm.assertEq(_machine().roundsDone, 1);
    }

    /// @dev A Submit on another state is void whether it comes before or after the quorum, and may be corrected.
    function test_submit_voidsAnotherSid(uint256 word) public {
        _toOpen(5);
        uint256 odd = _between(word, 1, 5);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id == odd) _submit(id, 0, 0, "other");
            else _submit(id, 0, 0, "initial");
        }
        vm.assertEq(_machine().arrived, 31 & ~(1 << (odd - 1)));
        _assertAt(RunState.Running, Phase.Open, 0, 0);
        _submit(odd, 0, 0, "initial");
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
        vm.assertEq(_machine().set, 31);
    }

    /// @dev The event names the seats whose Submits are void.
    function test_submit_emitsVoided() public {
        _toOpen(5);
        _submit(1, 0, 0, "other");
        for (uint256 id = 2; id <= 4; ++id) {
            _submit(id, 0, 0, "initial");
        }
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Voided(runId, 0, 0, 1);
        _submit(5, 0, 0, "initial");
    }

    /// @dev Members outside the set hold masks too: they may commit and reveal.
    function test_commit_takesSeatsOutsideTheSet() public {
        _toOpen(5);
        for (uint256 id = 1; id <= 4; ++id) {
            _submit(id, 0, 0, "initial");
        }
        _pass(PHASE);
        runs.advance(runId);
        vm.assertEq(_machine().set, 15);
        _commit(5, 0, 0);
        vm.assertTrue(_machine().setFixed);
        vm.assertEq(_machine().silent, 0);
    }

    /// @dev The certificate is complete with exactly a quorum.
    function test_commit_fixesAtQuorum(uint256 word) public {
        uint256 n = _between(word, 3, 9);
        _toOpen(n);
        _submitAll(n, 0, "initial");
        uint256 quorum = _machine().quorum;
        for (uint256 id = n; id > n - quorum; --id) {
            _assertAt(RunState.Running, Phase.Submitted, 0, 0);
            _commit(id, 0, 0);
        }
        _assertAt(RunState.Running, Phase.Fixed, 0, 0);
    }

    /// @dev Every seat that committed owes its Reveal while there is time: who opens first does not end the round.
    function test_reveal_waitsForAllThatCommitted() public {
        _toOpen(5);
        _submitAll(5, 0, "initial");
        _commitAll(5, 0);
        for (uint256 id = 1; id <= 5; ++id) {
            _assertAt(RunState.Running, Phase.Fixed, 0, 0);
            _reveal(id, 0, 0);
        }
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
    }

    /// @dev All that committed have revealed, but a live seat still owes its Commit: not yet unmasked.
    function test_reveal_waitsForTheLastCommit() public {
        _toOpen(5);
        _submitAll(5, 0, "initial");
        _commitAll(4, 0);
        _revealAll(4, 0);
        _assertAt(RunState.Running, Phase.Fixed, 0, 0);
        _commit(5, 0, 0);
        _reveal(5, 0, 0);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
    }

    /// @dev A holder that missed the certificate may commit and reveal until the next round is agreed.
    function test_commit_takesLateHoldersUntilNextAgreement() public {
        _toOpen(5);
        _submitAll(5, 0, "initial");
        _commitAll(4, 0);
        _revealAll(4, 0);
        _pass(PHASE);
        runs.advance(runId);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        for (uint256 id = 1; id <= 3; ++id) {
            _submit(id, 1, 0, "first");
        }
        _commit(5, 0, 0);
        _reveal(5, 0, 0);
        vm.assertEq(_machine().revealed, 31);
        _assertAt(RunState.Running, Phase.Open, 1, 0);
        _submit(4, 1, 0, "first");
        vm.assertEq(_machine().committed, 0);
    }

    /// @dev Every message event carries the whole message.
    function test_events_carryMessagesAndSignatures() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        PhaseView memory at = runs.phaseOf(runId);
        bytes memory signature = _commitSignature(1, at);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Committed(runId, 1, 0, 0, at.sid, at.setDigest, at.inputDigest, _masks(1, at.sid), signature);
        _commit(1, 0, 0);
        _commit(2, 0, 0);
        _commit(3, 0, 0);
        signature = _revealSignature(2, at.sid);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Revealed(runId, 2, 0, 0, at.sid, _salt(2, at.sid), _mine(2, at.sid), "document", signature);
        _reveal(2, 0, 0);
    }

    /// @dev In a pause before the last round Results keep the state, and the run can still resume.
    function test_result_keepsTheStateInAPause() public {
        _toOpen(5);
        _round(5, 0, "initial");
        _pass(PHASE);
        runs.advance(runId);
        _assertAt(RunState.Paused, Phase.Unmasked, 0, 0);
        _finish(5, 0, "first");
        _assertAt(RunState.Paused, Phase.Unmasked, 0, 0);
        vm.assertEq(runs.finalState(runId), _state("first"));
        _submit(1, 1, 0, "first");
        _assertAt(RunState.Running, Phase.Open, 1, 0);
    }

    /// @dev Past the patience the Results' quorum itself ends the run, at the state it agrees on.
    function test_result_endsAPauseAfterPatience() public {
        _toOpen(5);
        _round(5, 0, "initial");
        _pass(PHASE);
        runs.advance(runId);
        _pass(PATIENCE);
        _finish(5, 0, "first");
        _assertAt(RunState.Ended, Phase.Unmasked, 0, 0);
        vm.assertEq(uint256(_machine().reason), uint256(Reason.PatienceOver));
        vm.assertTrue(runs.isAgreedState(runId, _state("first")));
    }

    /// @dev Fewer than a quorum of equal Results agree on nothing.
    function test_result_needsAQuorumOfEqualOnes() public {
        _toOpen(5);
        _round(5, 0, "initial");
        for (uint256 id = 1; id <= 5; ++id) {
            _result(id, 0, 0, id < 4 ? "first" : "forged");
        }
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        vm.assertEq(runs.finalState(runId), bytes32(0));
    }

    /// @dev Before the first Commit a new attempt asks the whole roster again.
    function test_advance_asksEverybodyAgainBeforeTheSetIsFixed() public {
        _toOpen(5);
        for (uint256 id = 1; id <= 4; ++id) {
            _submit(id, 0, 0, "initial");
        }
        _pass(PHASE);
        runs.advance(runId);
        _timeOut();
        vm.assertEq(_machine().set, 31);
    }

    /// @dev Attempts are bounded: then the run is over, Aborted before and Ended after a first agreed state.
    function test_advance_endsTheRunAtTooManyAttempts() public {
        _toOpen(3);
        for (uint16 attempt; attempt < 3; ++attempt) {
            for (uint256 id = 1; id <= 3; ++id) {
                _submit(id, 0, attempt, "initial");
            }
            _timeOut();
        }
        _assertAt(RunState.Aborted, Phase.Submitted, 0, 2);
        vm.assertEq(uint256(_machine().reason), uint256(Reason.TooManyAttempts));
    }

    // --------------------------------------------------------------------------------------------------------- refusal

    function test_submit_failsIfConsentRevoked() public {
        _toOpen(3);
        vm.prank(_account(2));
        data.revoke(consentOf[2]);
        bytes32 sid = runs.sidOf(runId, 0, 0, _state("initial"));
        bytes memory signature = _submitSignature(2, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsConsentNotLive.selector, consentOf[2]));
        runs.submit(_key(2, 0, 0), _state("initial"), _header(2, sid), signature);
    }

    function test_submit_failsIfSignedByAnotherKey() public {
        _toOpen(3);
        bytes32 sid = runs.sidOf(runId, 0, 0, _state("initial"));
        bytes memory signature = _submitSignature(1, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsSignatureInvalid.selector, 2));
        runs.submit(_key(2, 0, 0), _state("initial"), _header(1, sid), signature);
    }

    /// @dev The key of the roster counts, not the member's present one.
    function test_submit_failsIfSignedByARotatedKey() public {
        _toOpen(3);
        vm.prank(_account(1));
        membership.setNodeKey(vm.addr(_nodeKey(77)));
        bytes32 sid = runs.sidOf(runId, 0, 0, _state("initial"));
        bytes32 kind = keccak256("Submit(bytes32 sid,uint256 memberId,bytes32 headerDigest)");
        bytes memory rotated = _signed(77, abi.encode(kind, sid, 1, _header(1, sid)));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsSignatureInvalid.selector, 1));
        runs.submit(_key(1, 0, 0), _state("initial"), _header(1, sid), rotated);
        _submit(1, 0, 0, "initial");
    }

    /// @dev Only r || s || v with a low s counts, so that a message has one signature on the ledger.
    function test_submit_failsIfSignatureIsMalleated() public {
        _toOpen(3);
        bytes32 sid = runs.sidOf(runId, 0, 0, _state("initial"));
        bytes memory signature = _submitSignature(1, sid);
        bytes32 s;
        assembly {
            s := mload(add(signature, 64))
        }
        s = bytes32(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141 - uint256(s));
        bytes memory high = new bytes(65);
        for (uint256 i; i < 65; ++i) {
            high[i] = i < 32 ? signature[i] : i < 64 ? s[i - 32] : bytes1(55 - uint8(signature[i]));
        }
        bytes[3] memory bad = [high, abi.encodePacked(signature, uint8(0)), bytes("")];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsSignatureInvalid.selector, 1));
            runs.submit(_key(1, 0, 0), _state("initial"), _header(1, sid), bad[i]);
        }
    }

    function test_submit_failsIfSentTwice() public {
        _toOpen(3);
        _submit(1, 0, 0, "initial");
        bytes32[2] memory states = [_state("initial"), _state("other")];
        for (uint256 i; i < 2; ++i) {
            bytes32 sid = runs.sidOf(runId, 0, 0, states[i]);
            bytes memory signature = _submitSignature(1, sid);
            vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsAlreadySent.selector, 1));
            runs.submit(_key(1, 0, 0), states[i], _header(1, sid), signature);
        }
    }

    /// @dev Rows of (round, attempt) that do not fit round 0, attempt 0 in phase Open.
    function test_submit_failsIfRoundOrAttemptDiffers() public {
        _toOpen(3);
        uint16[2][4] memory rows = [[uint16(0), 1], [uint16(1), 0], [uint16(1), 1], [uint16(65535), 65535]];
        for (uint256 i; i < rows.length; ++i) {
            bytes32 sid = runs.sidOf(runId, rows[i][0], rows[i][1], _state("initial"));
            bytes memory signature = _submitSignature(1, sid);
            vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongPhase.selector, Phase.Open, 0, 0));
            runs.submit(_key(1, rows[i][0], rows[i][1]), _state("initial"), _header(1, sid), signature);
        }
    }

    /// @dev Between rounds only attempt 0 of the very next one can be opened.
    function test_submit_failsIfARoundIsSkipped() public {
        _prepare(3);
        RunSpec memory terms = _spec(3, 3);
        terms.rounds = 5;
        _open(terms);
        for (uint256 id = 1; id <= 3; ++id) {
            _enrol(id, Absence.Wait);
        }
        _close();
        for (uint256 id = 1; id <= 3; ++id) {
            _ack(id);
        }
        _round(3, 0, "initial");
        uint16[2][3] memory rows = [[uint16(2), 0], [uint16(4), 0], [uint16(1), 1]];
        for (uint256 i; i < rows.length; ++i) {
            bytes32 sid = runs.sidOf(runId, rows[i][0], rows[i][1], _state("first"));
            bytes memory signature = _submitSignature(1, sid);
            vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongPhase.selector, Phase.Unmasked, 0, 0));
            runs.submit(_key(1, rows[i][0], rows[i][1]), _state("first"), _header(1, sid), signature);
        }
    }

    function test_submit_failsAfterTheLastRound() public {
        _toOpen(3);
        _round(3, 0, "initial");
        _round(3, 1, "first");
        bytes32 sid = runs.sidOf(runId, 2, 0, _state("second"));
        bytes memory signature = _submitSignature(1, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongPhase.selector, Phase.Unmasked, 1, 0));
        runs.submit(_key(1, 2, 0), _state("second"), _header(1, sid), signature);
    }

    function test_submit_failsIfSeatIsNotInTheFixedSet() public {
        _toOpen(5);
        for (uint256 id = 1; id <= 4; ++id) {
            _submit(id, 0, 0, "initial");
        }
        _pass(PHASE);
        runs.advance(runId);
        _commitAll(4, 0);
        _revealAll(4, 0);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        bytes32 sid = runs.sidOf(runId, 1, 0, _state("first"));
        bytes memory signature = _submitSignature(5, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotInSet.selector, 5));
        runs.submit(_key(5, 1, 0), _state("first"), _header(5, sid), signature);
    }

    function test_submit_failsWithoutASeat(uint256 stranger) public {
        _toOpen(3);
        stranger = _between(stranger, 4, type(uint256).max - 4);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNoSeat.selector, runId, stranger));
        runs.submit(_key(stranger, 0, 0), 0, 0, "");
    }

    function test_commit_failsIfDigestsDiffer() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        PhaseView memory at = runs.phaseOf(runId);
        for (uint256 i; i < 3; ++i) {
            PhaseView memory bad = runs.phaseOf(runId);
            if (i == 0) bad.sid = "forged";
            if (i == 1) bad.setDigest = "forged";
            if (i == 2) bad.inputDigest = "forged";
            bytes memory signature = _commitSignature(1, bad);
            bytes32 masks = _masks(1, bad.sid);
            vm.expectPartialRevert(ITrainingRuns.TrainingRunsDigestMismatch.selector);
            runs.commit(_key(1, 0, 0), bad.sid, bad.setDigest, bad.inputDigest, masks, signature);
        }
        vm.assertEq(at.setDigest, runs.phaseOf(runId).setDigest);
    }

    function test_commit_failsIfSentTwice() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        _commit(1, 0, 0);
        PhaseView memory at = runs.phaseOf(runId);
        bytes memory signature = _commitSignature(1, at);
        bytes32 masks = _masks(1, at.sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsAlreadySent.selector, 1));
        runs.commit(_key(1, 0, 0), at.sid, at.setDigest, at.inputDigest, masks, signature);
    }

    function test_commit_failsForAStoppedAttempt() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        PhaseView memory at = runs.phaseOf(runId);
        _timeOut();
        bytes memory signature = _commitSignature(1, at);
        bytes32 masks = _masks(1, at.sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongPhase.selector, Phase.Open, 0, 1));
        runs.commit(_key(1, 0, 0), at.sid, at.setDigest, at.inputDigest, masks, signature);
    }

    function test_reveal_failsWithoutTheCertificate() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        _commit(1, 0, 0);
        _commit(2, 0, 0);
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _revealSignature(1, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongPhase.selector, Phase.Submitted, 0, 0));
        runs.reveal(_key(1, 0, 0), sid, _salt(1, sid), _mine(1, sid), "document", signature);
    }

    /// @dev A lazy holder cannot open its partner's commitment, nor its own with other contents.
    function test_reveal_failsIfCommitmentDiffers() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        _commitAll(3, 0);
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _revealSignature(1, sid);
        bytes32[2][3] memory rows =
            [[_salt(2, sid), _mine(2, sid)], [_salt(1, sid), _mine(2, sid)], [_salt(2, sid), _mine(1, sid)]];
        for (uint256 i; i < rows.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsCommitmentMismatch.selector, 1));
            runs.reveal(_key(1, 0, 0), sid, rows[i][0], rows[i][1], "document", signature);
        }
    }

    function test_reveal_failsWithoutACommit() public {
        _toOpen(5);
        _submitAll(5, 0, "initial");
        _commitAll(4, 0);
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _revealSignature(5, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsCommitmentMismatch.selector, 5));
        runs.reveal(_key(5, 0, 0), sid, _salt(5, sid), _mine(5, sid), "document", signature);
    }

    function test_reveal_failsIfSentTwice() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        _commitAll(3, 0);
        _reveal(1, 0, 0);
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _revealSignature(1, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsAlreadySent.selector, 1));
        runs.reveal(_key(1, 0, 0), sid, _salt(1, sid), _mine(1, sid), "document", signature);
    }

    function test_result_failsBeforeUnmasked() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _resultSignature(1, sid, _state("first"));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongPhase.selector, Phase.Submitted, 0, 0));
        runs.result(_key(1, 0, 0), sid, "sum", _state("first"), signature);
    }

    function test_result_failsIfSentTwice() public {
        _toOpen(3);
        _round(3, 0, "initial");
        _result(1, 0, 0, "first");
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _resultSignature(1, sid, _state("forged"));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsAlreadySent.selector, 1));
        runs.result(_key(1, 0, 0), sid, "sum", _state("forged"), signature);
    }

    function test_result_failsOnAnotherSid() public {
        _toOpen(3);
        _round(3, 0, "initial");
        bytes memory signature = _resultSignature(1, "forged", _state("first"));
        vm.expectPartialRevert(ITrainingRuns.TrainingRunsDigestMismatch.selector);
        runs.result(_key(1, 0, 0), "forged", "sum", _state("first"), signature);
    }

    function test_messages_failOnceTheRunIsOver() public {
        _toOpen(3);
        vm.prank(_account(solver));
        runs.cancel(runId);
        bytes32 sid = runs.sidOf(runId, 0, 0, _state("initial"));
        bytes memory signature = _submitSignature(1, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, RunState.Aborted));
        runs.submit(_key(1, 0, 0), _state("initial"), _header(1, sid), signature);
    }
}
