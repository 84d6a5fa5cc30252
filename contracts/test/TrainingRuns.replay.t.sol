// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {Absence, Phase, RunState} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";

/// @notice Submits are public and say neither round nor attempt, and anybody may send them again. These tests hold that a
/// seat's word on a sid counts once, in the attempt in which it came, and costs nobody else anything.
contract TrainingRunsReplayTest is RunTest {
    function _sid(uint32 round, uint16 attempt, string memory name) private view returns (bytes32) {
        return runs.sidOf(runId, round, attempt, _state(name));
    }

    /// @dev Everybody's old Submit is refused at this place, and nothing moves.
    function _assertNoReplay(uint256 n, uint32 round, uint16 attempt, bytes32 old) private {
        bytes32 before = keccak256(abi.encode(runs.phaseOf(runId)));
        for (uint256 id = 1; id <= n; ++id) {
            _expectSent(id, round, attempt, old);
        }
        vm.assertEq(keccak256(abi.encode(runs.phaseOf(runId))), before, "moved");
    }

    function _expectSent(uint256 id, uint32 round, uint16 attempt, bytes32 sid) private {
        bytes memory signature = _submitSignature(id, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsAlreadySent.selector, id));
        runs.submit(_key(id, round, attempt), sid, _header(id, sid), signature);
    }

    /// @dev Attempt 0 of round 0 is stopped before the set is fixed.
    function _toSecondAttempt() private {
        _submitAll(5, 0, "initial");
        _timeOut();
        _assertAt(RunState.Running, Phase.Open, 0, 1);
    }

    // --------------------------------------------------------------------------------------------------- old messages

    /// @dev Not even all Submits of the round before open the next one: an old sid is never agreed on again.
    /// forge-config: default.fuzz.runs = 32
    function test_submit_failsIfRepeatedInTheNextRound(uint256 word) public {
        uint256 n = _between(word, 3, 9);
        _toOpen(n);
        bytes32 old = _sid(0, 0, "initial");
        _round(n, 0, "initial");
        _assertNoReplay(n, 1, 0, old);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        _round(n, 1, "first");
        vm.assertEq(runs.phaseOf(runId).sid, _sid(1, 0, "first"));
    }

    /// @dev Before agreement an old Submit takes no seat's place, whoever has or has not spoken yet.
    /// forge-config: default.fuzz.runs = 32
    function test_submit_failsIfRepeatedBeforeAgreement(uint256 word) public {
        _toOpen(5);
        bytes32 old = _sid(0, 0, "initial");
        _round(5, 0, "initial");
        uint256 spoken = _between(word, 0, 3);
        for (uint256 id = 1; id <= spoken; ++id) {
            _submit(id, 1, 0, "first");
        }
        _assertNoReplay(5, 1, 0, old);
        for (uint256 id = spoken + 1; id <= 5; ++id) {
            _submit(id, 1, 0, "first");
        }
        _assertAt(RunState.Running, Phase.Submitted, 1, 0);
        vm.assertEq(_machine().set, 31);
    }

    /// @dev After agreement an old Submit neither evicts who agreed nor shuts out who has not spoken.
    /// forge-config: default.fuzz.runs = 32
    function test_submit_failsIfRepeatedAfterAgreement(uint256 word) public {
        uint256 late = _between(word, 1, 5);
        _toOpen(5);
        bytes32 old = _sid(0, 0, "initial");
        _round(5, 0, "initial");
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != late) _submit(id, 1, 0, "first");
        }
        vm.assertTrue(_machine().agreed);
        _assertNoReplay(5, 1, 0, old);
        _submit(late, 1, 0, "first");
        vm.assertEq(_machine().set, 31);
    }

    /// @dev The Submits of a stopped attempt are no votes of the next one.
    function test_submit_failsIfRepeatedInTheNextAttempt() public {
        _toOpen(5);
        bytes32 old = _sid(0, 0, "initial");
        _toSecondAttempt();
        _assertNoReplay(5, 0, 1, old);
        for (uint256 id = 1; id <= 5; ++id) {
            _submit(id, 0, 1, "initial");
        }
        _assertAt(RunState.Running, Phase.Submitted, 0, 1);
    }

    /// @dev Votes that never made a quorum stay where they were cast.
    function test_submit_failsIfRepeatedAfterASplit() public {
        _toOpen(4);
        for (uint256 id = 1; id <= 4; ++id) {
            _submit(id, 0, 0, id < 3 ? "a" : "b");
        }
        _pass(PHASE);
        runs.advance(runId);
        for (uint256 id = 1; id <= 4; ++id) {
            _expectSent(id, 0, 1, _sid(0, 0, id < 3 ? "a" : "b"));
        }
        vm.assertEq(_machine().arrived, 0);
    }

    /// @dev A void Submit is written down too, before and after the quorum: it is no vote of the next round.
    /// forge-config: default.fuzz.runs = 32
    function test_submit_failsIfAVoidOneIsRepeated(uint256 word) public {
        uint256 odd = _between(word, 1, 5);
        _toOpen(5);
        bytes32 void = _sid(0, 0, "other");
        for (uint256 id = 1; id <= 5; ++id) {
            _submit(id, 0, 0, id == odd ? "other" : "initial");
        }
        _expectSent(odd, 0, 0, void);
        _submit(odd, 0, 0, "initial");
        _commitAll(5, 0);
        _revealAll(5, 0);
        _expectSent(odd, 1, 0, void);
    }

    /// @dev A Submit that came too late for its attempt stands nowhere on the ledger: it can be sent once more, is void
    /// at agreement, and the seat's own word still counts.
    function test_submit_voidsAnUnseenOldOne() public {
        _toOpen(5);
        bytes32 unseen = _sid(0, 0, "initial");
        for (uint256 id = 1; id <= 4; ++id) {
            _submit(id, 0, 0, "initial");
        }
        _pass(PHASE);
        runs.advance(runId);
        _timeOut();
        _submitSid(5, 0, 1, unseen);
        for (uint256 id = 1; id <= 4; ++id) {
            if (id == 4) {
                vm.expectEmit(address(runs));
                emit ITrainingRuns.StateAgreed(runId, 0, _sid(0, 1, "initial"), 0);
                vm.expectEmit(address(runs));
                emit ITrainingRuns.Voided(runId, 0, 1, 1 << 4);
            }
            _submit(id, 0, 1, "initial");
        }
        _submit(5, 0, 1, "initial");
        _assertAt(RunState.Running, Phase.Submitted, 0, 1);
        vm.assertEq(_machine().set, 31);
    }

    // ------------------------------------------------------------------------------------------------- early messages

    /// @dev A vote cast before its attempt is spent: the seat is left out there, the others go on without it.
    /// forge-config: default.fuzz.runs = 32
    function test_submit_earlyBurnsOnlyItsOwnSeat(uint256 word) public {
        uint256 cheat = _between(word, 1, 5);
        _toOpen(5);
        bytes32 early = _sid(0, 1, "initial");
        _submitSid(cheat, 0, 0, early);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != cheat) _submit(id, 0, 0, "initial");
        }
        _submit(cheat, 0, 0, "initial");
        _timeOut();
        _expectSent(cheat, 0, 1, early);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != cheat) _submit(id, 0, 1, "initial");
        }
        vm.assertTrue(_machine().agreed);
        _pass(PHASE);
        runs.advance(runId);
        _assertAt(RunState.Running, Phase.Submitted, 0, 1);
        vm.assertEq(_machine().set, 31 & ~(1 << (cheat - 1)));
    }

    /// @dev Once the set is fixed an early voter is waited for like an absent one; here it had agreed to leave.
    function test_submit_earlyCountsAsAbsentOnceTheSetIsFixed() public {
        _toOpen(5, 3, Absence.Exit);
        _submitSid(5, 0, 0, _sid(1, 0, "first"));
        _submitAll(4, 0, "initial");
        _submit(5, 0, 0, "initial");
        _commitAll(5, 0);
        _revealAll(5, 0);
        _submitAll(4, 1, "first");
        _expectSent(5, 1, 0, _sid(1, 0, "first"));
        _pass(PHASE);
        runs.advance(runId);
        _assertAt(RunState.Paused, Phase.Open, 1, 0);
        _pass(PATIENCE);
        runs.advance(runId);
        _assertAt(RunState.Running, Phase.Open, 1, 1);
        vm.assertEq(_machine().exited, 1 << 4);
    }

    /// @dev A quorum is of seats that name the sid in this attempt: an early vote is missing there, also when its seat
    /// has arrived with another word.
    function test_submit_earlyVoteIsNotCounted() public {
        _toOpen(5);
        _submitSid(5, 0, 0, _sid(0, 1, "initial"));
        _submitAll(4, 0, "initial");
        _submit(5, 0, 0, "initial");
        _timeOut();
        _submit(5, 0, 1, "other");
        for (uint256 id = 1; id <= 3; ++id) {
            _submit(id, 0, 1, "initial");
        }
        vm.assertFalse(_machine().agreed, "three of four");
        _submit(4, 0, 1, "initial");
        vm.assertTrue(_machine().agreed, "four");
        vm.assertEq(_machine().arrived, 15);
    }
}
