// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Absence, Key, Machine, Phase, PhaseView, RunSpec, RunState} from "../../src/types/RunTypes.sol";
import {CommonsTest} from "./CommonsTest.sol";

/// @notice Drives runs: members 1..n have the seats 0..n-1 (dataset and consent included), SOLVER solves, OWNER owns the
/// problem. The struct types are written out here a second time on purpose: the tests do not trust `Messages`.
abstract contract RunTest is CommonsTest {
    uint32 internal constant ANY_ROUND = type(uint32).max;
    uint32 internal constant PHASE = 60;
    uint32 internal constant PATIENCE = 600;

    uint256 internal solver;
    uint256 internal owner;
    bytes32 internal problemId;
    bytes32 internal runId;
    mapping(uint256 id => bytes32) internal consentOf;

    /// @dev Admits `n` participants, problem owner and solver, with one dataset and consent per participant.
    function _prepare(uint256 n) internal {
        _admit(1, n + 2);
        (owner, solver) = (n + 1, n + 2);
        for (uint256 id = 1; id <= n; ++id) {
            vm.assertEq(_list(id), id);
            consentOf[id] = _give(id, id);
        }
        uint256 judge = _judgeOfProblem();
        vm.prank(_account(owner));
        problemId = problems.state(keccak256("problem"), PURPOSE, judge, uint64(START + 30 days));
    }

    /// @dev Nobody judges, unless a test says who.
    function _judgeOfProblem() internal virtual returns (uint256) {
        return 0;
    }

    function _spec(uint256 minimum, uint256 maximum) internal view returns (RunSpec memory spec) {
        spec.problem = problemId;
        spec.plan = keccak256("plan");
        spec.terms = keccak256("terms");
        spec.purpose = PURPOSE;
        spec.solver = solver;
        spec.rounds = 2;
        (spec.minParticipants, spec.maxParticipants) = (uint16(minimum), uint16(maximum));
        (spec.layout, spec.suite) = (1, 1);
        spec.maxAttempts = 3;
        spec.enrolUntil = uint64(START + 1 days);
        (spec.phaseSeconds, spec.patienceSeconds) = (PHASE, PATIENCE);
        (spec.solverShares, spec.ownerShares) = (100_000, 50_000);
        spec.salt = keccak256("salt");
    }

    function _open(RunSpec memory spec) internal {
        vm.prank(_account(solver));
        runId = runs.open(spec);
    }

    function _enrol(uint256 id, Absence absence) internal {
        bytes memory signature = absence == Absence.Exit ? _exitSignature(id, ANY_ROUND) : bytes("");
        vm.prank(_account(id));
        runs.enrol(runId, id, consentOf[id], absence, signature);
    }

    function _close() internal {
        vm.prank(_account(solver));
        runs.close(runId);
    }

    /// @dev From nothing to Acking with n seats, all with the same absence policy.
    function _toAcking(uint256 n, uint256 minimum, Absence absence) internal {
        _prepare(n);
        _open(_spec(minimum, 48));
        for (uint256 id = n; id > 0; --id) {
            _enrol(id, absence);
        }
        _close();
    }

    /// @dev From nothing to round 0, phase Open.
    function _toOpen(uint256 n, uint256 minimum, Absence absence) internal {
        _toAcking(n, minimum, absence);
        for (uint256 id = 1; id <= n; ++id) {
            _ack(id);
        }
    }

    function _toOpen(uint256 n) internal {
        _toOpen(n, 3, Absence.Wait);
    }

    /// @dev The same in cells, the last Ack of which draws them.
    function _toOpen(uint256 n, uint256 minimum, uint8 cellSize) internal {
        _toAcking(n, minimum, cellSize);
        for (uint256 id = 1; id <= n; ++id) {
            _ack(id);
        }
    }

    function _toAcking(uint256 n, uint256 minimum, uint8 cellSize) internal {
        _prepare(n);
        RunSpec memory spec = _spec(minimum, 48);
        spec.cellSize = cellSize;
        _open(spec);
        for (uint256 id = 1; id <= n; ++id) {
            _enrol(id, Absence.Wait);
        }
        _close();
    }

    // -------------------------------------------------------------------------------------------------------- messages

    function _runsDomain() internal view virtual returns (bytes32) {
        return _domain("AI Commons Secure Aggregation", "2", address(runs));
    }

    function _signed(uint256 id, bytes memory encoded) internal view returns (bytes memory) {
        return _sign(_nodeKey(id), _runsDomain(), keccak256(encoded));
    }

    function _key(uint256 id, uint32 round, uint16 attempt) internal view returns (Key memory) {
        return Key(runId, round, attempt, id);
    }

    function _point(uint256 id) internal pure returns (bytes32) {
        return keccak256(abi.encode("epoch point", id));
    }

    function _ack(uint256 id) internal {
        runs.ack(runId, _machine().epoch, id, _point(id), "R", "z", _ackSignature(id));
    }

    function _ackSignature(uint256 id) internal view returns (bytes memory) {
        bytes32 kind =
            keccak256("Ack(bytes32 roster,uint32 epoch,uint256 memberId,bytes32 point,bytes32 pokR,bytes32 pokZ)");
        bytes32 roster = runs.run(runId).roster;
        uint256 epoch = _machine().epoch;
        return _signed(id, abi.encode(kind, roster, epoch, id, _point(id), bytes32("R"), bytes32("z")));
    }

    function _state(string memory name) internal pure returns (bytes32) {
        return keccak256(bytes(name));
    }

    function _header(uint256 id, bytes32 sid) internal pure returns (bytes32) {
        return keccak256(abi.encode("header", id, sid));
    }

    /// @dev A Submit that starts from the state called `name`.
    function _submit(uint256 id, uint32 round, uint16 attempt, string memory name) internal {
        bytes32 sid = runs.sidOf(runId, round, attempt, _state(name));
        bytes memory signature = _submitSignature(id, sid);
        runs.submit(_key(id, round, attempt), _state(name), _header(id, sid), signature);
    }

    function _submitSignature(uint256 id, bytes32 sid) internal view returns (bytes memory) {
        bytes32 kind = keccak256("Submit(bytes32 sid,uint256 memberId,bytes32 headerDigest)");
        return _signed(id, abi.encode(kind, sid, id, _header(id, sid)));
    }

    function _salt(uint256 id, bytes32 sid) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", id, sid));
    }

    function _mine(uint256 id, bytes32 sid) internal pure returns (bytes32) {
        return keccak256(abi.encode("mine", id, sid));
    }

    /// @dev A node's salted commitment, here through the precompile by hand.
    function _masks(uint256 id, bytes32 sid) internal view returns (bytes32 masks) {
        bytes memory message = abi.encodePacked(
            hex"2000000000000000",
            sid,
            hex"2000000000000000",
            id,
            hex"2000000000000000",
            _salt(id, sid),
            hex"2000000000000000",
            _mine(id, sid)
        );
        bytes memory first = new bytes(128);
        bytes memory second = new bytes(128);
        for (uint256 i; i < message.length; ++i) {
            if (i < 128) first[i] = message[i];
            else second[i - 128] = message[i];
        }
        bytes memory state = // BLAKE2b's start for 32 bytes of output; the last 16 bytes carry "aic/mc"
             hex"28c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"
            hex"d182e6ad7f520e511f6c3e2b8c68059b0ad422d4c6ba831f79217e1319cde05b";
        state = _compress(abi.encodePacked(uint32(12), state, first, bytes8(0x8000000000000000), bytes8(0), false));
        state = _compress(abi.encodePacked(uint32(12), state, second, bytes8(0xa000000000000000), bytes8(0), true));
        assembly {
            masks := mload(add(state, 32))
        }
    }

    function _compress(bytes memory input) private view returns (bytes memory) {
        (bool ok, bytes memory state) = address(9).staticcall(input);
        vm.assertTrue(ok, "EIP-152");
        return state;
    }

    function _commit(uint256 id, uint32 round, uint16 attempt) internal {
        PhaseView memory at = runs.phaseOf(runId);
        bytes memory signature = _commitSignature(id, at);
        runs.commit(_key(id, round, attempt), at.sid, at.setDigest, at.inputDigest, _masks(id, at.sid), signature);
    }

    function _commitSignature(uint256 id, PhaseView memory at) internal view returns (bytes memory) {
        bytes32 kind =
            keccak256("Commit(bytes32 sid,uint256 memberId,bytes32 setDigest,bytes32 inputDigest,bytes32 masks)");
        return _signed(id, abi.encode(kind, at.sid, id, at.setDigest, at.inputDigest, _masks(id, at.sid)));
    }

    function _reveal(uint256 id, uint32 round, uint16 attempt) internal {
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _revealSignature(id, sid);
        runs.reveal(_key(id, round, attempt), sid, _salt(id, sid), _mine(id, sid), "document", signature);
    }

    function _revealSignature(uint256 id, bytes32 sid) internal view returns (bytes memory) {
        bytes32 kind = keccak256("Reveal(bytes32 sid,uint256 memberId,bytes32 salt,bytes32 mine,bytes32 document)");
        return _signed(id, abi.encode(kind, sid, id, _salt(id, sid), _mine(id, sid), bytes32("document")));
    }

    function _result(uint256 id, uint32 round, uint16 attempt, string memory name) internal {
        bytes32 sid = runs.phaseOf(runId).sid;
        bytes memory signature = _resultSignature(id, sid, _state(name));
        runs.result(_key(id, round, attempt), sid, "sum", _state(name), signature);
    }

    function _resultSignature(uint256 id, bytes32 sid, bytes32 stateDigest) internal view returns (bytes memory) {
        bytes32 kind = keccak256("Result(bytes32 sid,uint256 memberId,bytes32 sumDigest,bytes32 stateDigest)");
        return _signed(id, abi.encode(kind, sid, id, bytes32("sum"), stateDigest));
    }

    /// @dev What `f + 1` verdicts do.
    function _exclude(uint256 id) internal {
        vm.prank(address(verdicts));
        runs.exclude(runId, id);
    }

    function _exitSignature(uint256 id, uint32 lastRound) internal view returns (bytes memory) {
        bytes32 kind = keccak256("Exit(bytes32 runId,uint256 memberId,uint32 lastRound)");
        return _signed(id, abi.encode(kind, runId, id, lastRound));
    }

    // ------------------------------------------------------------------------------------------------- whole stretches

    function _submitAll(uint256 n, uint32 round, string memory name) internal {
        for (uint256 id = 1; id <= n; ++id) {
            _submit(id, round, 0, name);
        }
    }

    function _commitAll(uint256 n, uint32 round) internal {
        for (uint256 id = 1; id <= n; ++id) {
            _commit(id, round, 0);
        }
    }

    function _revealAll(uint256 n, uint32 round) internal {
        for (uint256 id = 1; id <= n; ++id) {
            _reveal(id, round, 0);
        }
    }

    function _round(uint256 n, uint32 round, string memory name) internal {
        _submitAll(n, round, name);
        _commitAll(n, round);
        _revealAll(n, round);
    }

    /// @dev The last q Results of the state called `name`.
    function _finish(uint256 n, uint32 round, string memory name) internal {
        uint256 quorum = _machine().quorum;
        for (uint256 id = 1; id <= n && id <= quorum; ++id) {
            _result(id, round, 0, name);
        }
    }

    function _machine() internal view returns (Machine memory) {
        return runs.phaseOf(runId).machine;
    }

    /// @dev Nobody says anything until the deadline; a round that waits for its first Commit starts a new attempt then.
    function _timeOut() internal {
        _pass(PHASE);
        runs.advance(runId);
    }

    function _pass(uint256 duration) internal {
        vm.warp(vm.getBlockTimestamp() + duration);
    }

    function _assertAt(RunState state, Phase phase, uint32 round, uint16 attempt) internal view {
        Machine memory m = _machine();
        vm.assertEq(uint256(m.state), uint256(state), "state");
        vm.assertEq(uint256(m.phase), uint256(phase), "phase");
        vm.assertEq(m.round, round, "round");
        vm.assertEq(m.attempt, attempt, "attempt");
    }
}
