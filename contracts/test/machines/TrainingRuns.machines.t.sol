// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnrolment} from "../../src/interfaces/IEnrolment.sol";
import {ITrainingRuns} from "../../src/interfaces/ITrainingRuns.sol";
import {Absence, Key, PhaseView} from "../../src/types/RunTypes.sol";
import {MachineTest} from "../base/MachineTest.sol";
import {RunTest} from "../base/RunTest.sol";

/// @notice The machine "run" of vectors/machines.json as far as no recorded run takes it: the edges before the first Ack, and
/// every refusal. The recorded runs (`test/vectors`) begin when the roster is fixed and take all edges from there on.
contract RunMachineTest is RunTest, MachineTest {
    string private constant KEY = "((bytes32,uint32,uint16,uint256),";
    string[8] private names = ["None", "Enrolling", "Acking", "Running", "Paused", "Completed", "Ended", "Aborted"];

    function setUp() public override {
        super.setUp();
        _prepare(3);
    }

    function _named() internal pure override returns (string memory) {
        return "run";
    }

    /// @dev Of an Acking with attempts or a state behind it, or of more than three seats, the recordings tell. While a run goes on messages
    /// may come that move nothing, and a seat may Ack that is not the last one.
    function _drives(bytes32 from, bytes32 call, string memory to) internal pure override returns (bool) {
        if (bytes(to).length != 0) {
            bool later = call == _acking() && _id(to) == _id("Aborted");
            bool recorded = later || _id(to) == _id("Ended") || (call == _excluding() && _id(to) == _id("Running"));
            return from == _id("None") || from == _id("Enrolling") || (from == _id("Acking") && !recorded);
        }
        bool going = from == _id("Running") || from == _id("Paused");
        return !going || call == _opening() || call == _id("close(bytes32)") || call == _acking();
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _open(_spec(3, 48));
        for (uint256 id = 1; id <= 3; ++id) {
            _enrol(id, Absence.Exit); // so that a dead consent puts its seat out at any time
        }
        if (state == _id("Enrolling")) return;
        _close();
        _ack(1);
        _ack(2);
        if (state == _id("Acking")) return;
        _ack(3);
        if (state == _id("Running")) return;
        if (state == _id("Paused")) return _pause();
        if (state == _id("Aborted")) return _cancel();
        _round(3, 0, "initial");
        _submitAll(3, 1, "first");
        if (state == _id("Ended")) return _cancel();
        _commitAll(3, 1);
        _revealAll(3, 1);
        _finish(3, 1, "second");
    }

    /// @dev Nobody enrolled and the time is over: closed or cancelled, it is over.
    function _reachFor(bytes32 state, bytes32 to) internal override {
        if (state != _id("Enrolling") || to != _id("Aborted")) return _reach(state);
        _open(_spec(3, 48));
        vm.warp(START + 1 days);
    }

    function _pause() private {
        _submit(1, 0, 0, "initial");
        _pass(PHASE);
        runs.advance(runId);
    }

    function _cancel() private {
        vm.prank(_account(solver));
        runs.cancel(runId);
    }

    function _send(bytes32 call) internal override returns (bool done, bytes memory answer) {
        if (call == _id("close(bytes32)")) return _as(_account(solver), abi.encodeCall(IEnrolment.close, (runId)));
        if (call == _id("cancel(bytes32)")) {
            return _as(_account(solver), abi.encodeCall(ITrainingRuns.cancel, (runId)));
        }
        if (call == _id("advance(bytes32)")) {
            vm.warp(_machine().deadline + PATIENCE);
            return _as(address(this), abi.encodeCall(ITrainingRuns.advance, (runId)));
        }
        if (call != _opening()) return _as(_senderOf(call), _saidBySeat(call));
        (done, answer) = _as(_account(solver), abi.encodeCall(IEnrolment.open, (_spec(3, 48))));
        if (done) runId = abi.decode(answer, (bytes32));
    }

    function _senderOf(bytes32 call) private view returns (address) {
        bool judged = call == _excluding() || call == _id("waive(bytes32,uint256)");
        if (judged) return address(verdicts);
        return _account(3);
    }

    /// @dev What seat 3 has to say, of the present attempt. A seat is put out because its consent is dead.
    function _saidBySeat(bytes32 call) private returns (bytes memory) {
        if (call == _acking()) {
            return abi.encodeCall(ITrainingRuns.ack, (runId, 0, 3, _point(3), "R", "z", _ackSignature(3)));
        }
        if (call == _id("exit(bytes32,uint256,uint32,bytes)")) {
            return abi.encodeCall(ITrainingRuns.exit, (runId, 3, ANY_ROUND, _exitSignature(3, ANY_ROUND)));
        }
        if (call == _excluding()) return abi.encodeCall(ITrainingRuns.exclude, (runId, 3));
        if (call == _id("waive(bytes32,uint256)")) return abi.encodeCall(ITrainingRuns.waive, (runId, 3));
        if (call == _id("rotate(bytes32,uint256)")) return abi.encodeCall(IEnrolment.rotate, (runId, 3));
        if (call != _id("drop(bytes32,uint256)")) return _message(call, runs.phaseOf(runId));
        vm.prank(_account(3));
        data.revoke(consentOf[3]);
        return abi.encodeCall(ITrainingRuns.drop, (runId, 3));
    }

    function _message(bytes32 call, PhaseView memory at) private view returns (bytes memory) {
        Key memory key = _key(3, at.machine.round, at.machine.attempt);
        if (call == _id(string.concat("submit", KEY, "bytes32,bytes32,bytes)"))) {
            bytes32 state = _state(key.round == 0 ? "initial" : "first");
            bytes32 sid = runs.sidOf(runId, key.round, key.attempt, state);
            return abi.encodeCall(ITrainingRuns.submit, (key, state, _header(3, sid), _submitSignature(3, sid)));
        }
        if (call == _id(string.concat("commit", KEY, "bytes32,bytes32,bytes32,bytes32,bytes)"))) {
            bytes memory signature = _commitSignature(3, at);
            bytes32 masks = _masks(3, at.sid);
            return abi.encodeCall(ITrainingRuns.commit, (key, at.sid, at.setDigest, at.inputDigest, masks, signature));
        }
        if (call == _id(string.concat("reveal", KEY, "bytes32,bytes32,bytes32,bytes32,bytes)"))) {
            (bytes32 salt, bytes32 mine) = (_salt(3, at.sid), _mine(3, at.sid));
            bytes memory signature = _revealSignature(3, at.sid);
            return abi.encodeCall(ITrainingRuns.reveal, (key, at.sid, salt, mine, "document", signature));
        }
        bool voting = call == _id(string.concat("result", KEY, "bytes32,bytes32,bytes32,bytes)"));
        vm.assertTrue(voting, "a call of the table has no driver");
        bytes memory vote = _resultSignature(3, at.sid, _state("second"));
        return abi.encodeCall(ITrainingRuns.result, (key, at.sid, "sum", _state("second"), vote));
    }

    function _where() internal view override returns (string memory) {
        return names[uint256(_machine().state)];
    }

    function _opening() private pure returns (bytes32) {
        string memory limits =
            "uint256,uint32,uint16,uint16,uint8,uint8,uint8,uint16,uint64,uint32,uint32,uint32,uint32,";
        return
            _id(
                string.concat(
                    "open((bytes32,bytes32,bytes32,bytes32,", limits, "uint256,address,bool,uint256,bytes32))"
                )
            );
    }

    function _excluding() private pure returns (bytes32) {
        return _id("exclude(bytes32,uint256)");
    }

    function _acking() private pure returns (bytes32) {
        return _id("ack(bytes32,uint32,uint256,bytes32,bytes32,bytes32,bytes)");
    }

    function _as(address caller, bytes memory call) private returns (bool, bytes memory) {
        vm.prank(caller);
        return address(runs).call(call);
    }
}
