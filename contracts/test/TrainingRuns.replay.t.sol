// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {Absence, Phase, RunSpec, RunState} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";

/// @notice Submits are public, and anybody may send them again. These tests hold that one counts once, in the attempt of the run for
/// which it was signed, and costs nobody anything elsewhere: the contract computes the sid that has to be signed.
contract TrainingRunsReplayTest is RunTest {
    /// @dev What a seat signed for a place, by the state that it starts from.
    struct Signed {
        uint256 id;
        bytes32 state;
        bytes32 header;
        bytes signature;
    }

    function _said(uint256 id, uint32 round, uint16 attempt, string memory name) private view returns (Signed memory) {
        bytes32 sid = runs.sidOf(runId, round, attempt, _state(name));
        return Signed(id, _state(name), _header(id, sid), _submitSignature(id, sid));
    }

    function _sayAll(uint256 n, uint32 round, uint16 attempt, string memory name)
        private
        view
        returns (Signed[] memory said)
    {
        said = new Signed[](n);
        for (uint256 id = 1; id <= n; ++id) {
            said[id - 1] = _said(id, round, attempt, name);
        }
    }

    /// @dev Sent in another place, under whatever state, it is refused by its signature, and nothing moves.
    function _assertForeign(Signed memory said, uint32 round, uint16 attempt) private {
        bytes32 before = keccak256(abi.encode(runs.phaseOf(runId)));
        bytes32[3] memory states = [said.state, _state("initial"), _state("first")];
        for (uint256 i; i < states.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsSignatureInvalid.selector, said.id));
            runs.submit(_key(said.id, round, attempt), states[i], said.header, said.signature);
        }
        vm.assertEq(keccak256(abi.encode(runs.phaseOf(runId))), before, "moved");
    }

    function _assertAllForeign(Signed[] memory said, uint32 round, uint16 attempt) private {
        for (uint256 i; i < said.length; ++i) {
            _assertForeign(said[i], round, attempt);
        }
    }

    /// @dev Not even all Submits of the round before open the next one.
    /// forge-config: default.fuzz.runs = 32
    function test_submit_failsIfRepeatedInTheNextRound(uint256 word) public {
        uint256 n = _between(word, 3, 9);
        _toOpen(n);
        Signed[] memory old = _sayAll(n, 0, 0, "initial");
        _round(n, 0, "initial");
        _assertAllForeign(old, 1, 0);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        _round(n, 1, "first");
        vm.assertEq(runs.phaseOf(runId).sid, runs.sidOf(runId, 1, 0, _state("first")));
    }

    /// @dev Before agreement an old Submit takes no seat's place, whoever has not spoken yet.
    /// forge-config: default.fuzz.runs = 32
    function test_submit_failsIfRepeatedBeforeAgreement(uint256 word) public {
        _toOpen(5);
        Signed[] memory old = _sayAll(5, 0, 0, "initial");
        _round(5, 0, "initial");
        uint256 spoken = _between(word, 0, 3);
        for (uint256 id = 1; id <= spoken; ++id) {
            _submit(id, 1, 0, "first");
        }
        for (uint256 id = spoken + 1; id <= 5; ++id) {
            _assertForeign(old[id - 1], 1, 0);
            _submit(id, 1, 0, "first");
        }
        _assertAt(RunState.Running, Phase.Submitted, 1, 0);
        vm.assertEq(_machine().set, 31);
    }

    /// @dev The Submits of a stopped attempt are no votes of the next one.
    function test_submit_failsIfRepeatedInTheNextAttempt() public {
        _toOpen(5);
        Signed[] memory old = _sayAll(5, 0, 0, "initial");
        _submitAll(5, 0, "initial");
        _timeOut();
        _assertAt(RunState.Running, Phase.Open, 0, 1);
        _assertAllForeign(old, 0, 1);
        for (uint256 id = 1; id <= 5; ++id) {
            _submit(id, 0, 1, "initial");
        }
        _assertAt(RunState.Running, Phase.Submitted, 0, 1);
    }

    /// @dev What is signed for an attempt to come is no vote of the present one, and counts when its time has come.
    function test_submit_failsIfEarly() public {
        _toOpen(5);
        Signed memory retry = _said(1, 0, 1, "initial");
        Signed memory next = _said(1, 1, 0, "first");
        _assertForeign(retry, 0, 0);
        _assertForeign(next, 0, 0);
        _submitAll(5, 0, "initial");
        _timeOut();
        runs.submit(_key(1, 0, 1), retry.state, retry.header, retry.signature);
        vm.assertEq(_machine().arrived, 1);
    }

    /// @dev A void Submit is taken once: it cannot be sent again to keep its seat from saying what the others say.
    /// forge-config: default.fuzz.runs = 32
    function test_submit_failsIfAVoidOneIsRepeated(uint256 word) public {
        uint256 odd = _between(word, 1, 5);
        _toOpen(5);
        Signed memory void = _said(odd, 0, 0, "other");
        for (uint256 id = 1; id <= 5; ++id) {
            _submit(id, 0, 0, id == odd ? "other" : "initial");
        }
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsAlreadySent.selector, odd));
        runs.submit(_key(odd, 0, 0), void.state, void.header, void.signature);
        _submit(odd, 0, 0, "initial");
        _commitAll(5, 0);
        _revealAll(5, 0);
        _assertForeign(void, 1, 0);
    }

    /// @dev The same members with the same keys and datasets in another run on the same problem: what they signed in the first
    /// one opens, agrees and ends nothing in the second, whoever sends it.
    /// forge-config: default.fuzz.runs = 32
    function test_submit_failsIfOfAnotherRun(uint256 word) public {
        uint256 n = _between(word, 3, 9);
        _toOpen(n);
        Signed[] memory initial = _sayAll(n, 0, 0, "initial");
        _round(n, 0, "initial");
        Signed[] memory first = _sayAll(n, 1, 0, "first");
        _round(n, 1, "first");
        RunSpec memory again = _spec(3, 48);
        again.salt = keccak256("another run");
        _open(again);
        for (uint256 id = 1; id <= n; ++id) {
            _enrol(id, Absence.Wait);
        }
        _close();
        for (uint256 id = 1; id <= n; ++id) {
            _ack(id);
        }
        _assertAt(RunState.Running, Phase.Open, 0, 0);
        _assertAllForeign(initial, 0, 0);
        _assertAllForeign(first, 0, 0);
        _round(n, 0, "initial");
        _assertAllForeign(first, 1, 0);
    }
}
