// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {Cells} from "../src/libraries/Cells.sol";
import {Machine, Phase, PhaseView, Reason, RunState} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";

/// @notice Runs that are divided: who is summed with whom is drawn once, told and kept, and a certificate is always over
/// whole cells. The edges of their machine are recorded in `vectors/transitions/cells_*`.
contract TrainingRunsCellsTest is RunTest {
    uint256 private constant N = 12;

    /// @dev The members of a bitmap, ascending.
    function _members(uint48 set) private pure returns (uint256[] memory ids) {
        ids = new uint256[](N);
        uint256 filled;
        for (uint256 i; i < N; ++i) {
            if (set >> i & 1 == 1) ids[filled++] = i + 1;
        }
        assembly ("memory-safe") {
            mstore(ids, filled)
        }
    }

    /// @dev The last Ack draws them from the committee's digest, which every sid names too.
    function test_ack_drawsTheCells() public {
        _toAcking(N, 8, uint8(4));
        for (uint256 id = 1; id < N; ++id) {
            _ack(id);
        }
        vm.assertEq(runs.cells(runId).length, 0);
        uint256 before = vm.snapshotState();
        _ack(N);
        bytes32 committee = runs.committeeOf(runId, 0);
        uint48[] memory drawn = Cells.draw(committee, _members(type(uint48).max), 4);
        vm.revertToState(before);
        bytes memory signature = _ackSignature(N);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.CellsDrawn(runId, committee, drawn);
        runs.ack(runId, 0, N, _point(N), "R", "z", signature);
        vm.assertEq(keccak256(abi.encode(runs.cells(runId))), keccak256(abi.encode(drawn)));
        vm.assertEq(drawn.length, 3);
    }

    /// @dev A run that is not divided has no cells, whatever happens in it.
    function test_ack_drawsNothingWhereAllAreOneSet() public {
        _toOpen(N);
        vm.assertEq(runs.cells(runId).length, 0);
        vm.assertFalse(_machine().divided);
        _round(N, 0, "initial");
        vm.assertEq(_machine().set, 0xfff);
    }

    /// @dev Regrouped seats could be told apart: new keys keep the cells.
    function test_rotate_keepsTheCells() public {
        _toOpen(N, 8, uint8(4));
        bytes32 drawn = keccak256(abi.encode(runs.cells(runId)));
        _pass(30 days);
        runs.rotate(runId, 0);
        for (uint256 id = 1; id <= N; ++id) {
            _ack(id);
        }
        vm.assertTrue(runs.committeeOf(runId, 1) != runs.committeeOf(runId, 0), "another epoch");
        vm.assertEq(keccak256(abi.encode(runs.cells(runId))), drawn);
    }

    /// @dev Whichever seat is missing, what is certified are the members of the other cells, with their headers.
    function test_advance_certifiesTheOtherCells(uint256 word) public {
        _toOpen(N, 8, uint8(4));
        uint256 missing = _between(word, 1, N);
        for (uint256 id = 1; id <= N; ++id) {
            if (id != missing) _submit(id, 0, 0, "initial");
        }
        _assertAt(RunState.Running, Phase.Open, 0, 0);
        _pass(PHASE);
        runs.advance(runId);
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
        uint48 expected;
        uint48[] memory cells = runs.cells(runId);
        for (uint256 i; i < 3; ++i) {
            if (cells[i] >> (missing - 1) & 1 == 0) expected |= cells[i];
        }
        PhaseView memory at = runs.phaseOf(runId);
        vm.assertEq(at.machine.set, expected);
        vm.assertEq(at.setDigest, keccak256(abi.encode(_members(expected))));
        vm.assertEq(at.inputDigest, keccak256(abi.encode(at.sid, _members(expected), _headers(expected, at.sid))));
    }

    function _headers(uint48 set, bytes32 sid) private pure returns (bytes32[] memory headers) {
        uint256[] memory ids = _members(set);
        headers = new bytes32[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            headers[i] = _header(ids[i], sid);
        }
    }

    /// @dev The quorum is that of the whole roster: who sits out certifies, opens and finds the result with the others.
    function test_commit_takesWhoSitsOut() public {
        _toOpen(N, 8, uint8(4));
        _submitAll(N - 1, 0, "initial");
        _pass(PHASE);
        runs.advance(runId);
        _commitAll(N, 0);
        _revealAll(N, 0);
        vm.assertEq(_machine().committed, 0xfff);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        _finish(N, 0, "first");
        _assertAt(RunState.Completed, Phase.Unmasked, 0, 0);
    }

    /// @dev A dead consent is dropped with its cell; a second one in another cell leaves too few, and the run is over.
    function test_drop_retiresTheCell() public {
        _toOpen(N, 8, uint8(4));
        uint48[] memory cells = runs.cells(runId);
        uint256 dead = _members(cells[0])[0];
        _revoke(dead);
        for (uint256 id = 1; id <= N; ++id) {
            if (id != dead) _submit(id, 0, 0, "initial");
        }
        runs.drop(runId, dead);
        _assertAt(RunState.Running, Phase.Submitted, 0, 0);
        vm.assertEq(_machine().set, cells[1] | cells[2]);
        dead = _members(cells[1])[3];
        _revoke(dead);
        runs.drop(runId, dead);
        Machine memory m = _machine();
        vm.assertEq(uint256(m.state), uint256(RunState.Aborted));
        vm.assertEq(uint256(m.reason), uint256(Reason.TooFewParticipants));
    }

    function _revoke(uint256 id) private {
        vm.prank(_account(id));
        data.revoke(consentOf[id]);
    }

    /// @dev A message to a run of the largest roster stays payable: the last Ack, which deals 48 seats.
    function test_ack_ofTheLargestRoster() public {
        _toAcking(48, 8, uint8(4));
        for (uint256 id = 1; id < 48; ++id) {
            _ack(id);
        }
        bytes memory signature = _ackSignature(48);
        runs.ack(runId, 0, 48, _point(48), "R", "z", signature);
        vm.assertLe(vm.lastCallGas().gasTotalUsed, 1_000_000, "gas");
        vm.assertEq(runs.cells(runId).length, 12);
    }
}
