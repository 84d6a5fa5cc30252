// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RunSlots} from "../../src/libraries/RunSlots.sol";
import {Absence, Machine, Phase, Reason, RunSpec, RunState, Seat} from "../../src/types/RunTypes.sol";
import {CommonsTest} from "../base/CommonsTest.sol";

/// @notice Holds the loops of RunSlots to the compiler's own copies.
contract RunSlotsTest is CommonsTest {
    using RunSlots for Machine;
    using RunSlots for RunSpec;
    using RunSlots for Seat;

    Machine private machine;
    Machine private machineByCompiler;
    RunSpec private spec;
    RunSpec private specByCompiler;
    Seat private seat;
    /// @dev A slot behind the structs, which no copy may touch.
    uint256 private behind = type(uint256).max;

    function setUp() public override {}

    /// @dev What the loop writes the compiler reads, and the other way round, for machines of any content.
    function test_machine_isLaidOutAsTheCompilerDoes(uint256 a, uint256 b, uint256 c) public {
        Machine memory m = _machineOf(a, b, c);
        machine.save(m);
        machineByCompiler = m;
        vm.assertEq(keccak256(abi.encode(machine)), keccak256(abi.encode(m)), "saved");
        vm.assertEq(keccak256(abi.encode(machineByCompiler.load())), keccak256(abi.encode(m)), "loaded");
    }

    /// @dev Writing over another machine leaves nothing of it.
    function test_machine_isWrittenOverWhole(uint256 a, uint256 b) public {
        machine.save(_machineOf(type(uint256).max, type(uint256).max, type(uint256).max));
        Machine memory m = _machineOf(a, b, 0);
        machine.save(m);
        vm.assertEq(keccak256(abi.encode(machine.load())), keccak256(abi.encode(m)));
        vm.assertEq(behind, type(uint256).max);
    }

    /// @dev Also for terms, whose slots are partly full.
    function test_spec_isLaidOutAsTheCompilerDoes(RunSpec memory terms) public {
        spec.save(terms);
        specByCompiler = terms;
        vm.assertEq(keccak256(abi.encode(spec)), keccak256(abi.encode(terms)), "saved");
        vm.assertEq(keccak256(abi.encode(specByCompiler.load())), keccak256(abi.encode(terms)), "loaded");
        vm.assertEq(behind, type(uint256).max);
    }

    function test_seat_isReadAsTheCompilerWroteIt(address nodeKey, uint256 word, bytes32 digest) public {
        Seat memory written = Seat({
            nodeKey: nodeKey,
            index: uint8(word),
            absence: Absence(word >> 8 & 1),
            enrolled: word >> 9 & 1 == 1,
            version: uint32(word >> 16),
            usedAt: uint40(word >> 48),
            datasetId: word,
            consentId: digest,
            point: ~digest,
            headerDigest: keccak256(abi.encode(digest)),
            masks: bytes32(word)
        });
        seat = written;
        vm.assertEq(keccak256(abi.encode(seat.load())), keccak256(abi.encode(written)));
    }

    function _machineOf(uint256 a, uint256 b, uint256 c) private pure returns (Machine memory m) {
        (m.state, m.phase, m.reason) = (RunState(a % 8), Phase(a % 5), Reason(a % 7));
        (m.seats, m.faults, m.quorum) = (uint8(a >> 8), uint8(a >> 16), uint8(a >> 24));
        (m.setFixed, m.agreed, m.interrupted) = (a >> 32 & 1 == 1, a >> 33 & 1 == 1, a >> 34 & 1 == 1);
        (m.minParticipants, m.maxAttempts) = (uint16(a >> 40), uint16(a >> 56));
        (m.attempt, m.sidAttempt) = (uint16(a >> 72), uint16(a >> 88));
        (m.round, m.rounds, m.deadline) = (uint32(a >> 104), uint32(a >> 136), uint64(a >> 168));
        (m.phaseSeconds, m.patienceSeconds) = (uint32(b), uint32(b >> 32));
        (m.sidRound, m.roundsDone) = (uint32(b >> 64), uint32(b >> 96));
        (m.set, m.exited) = (uint48(b >> 128), uint48(b >> 176));
        (m.arrived, m.committed, m.revealed) = (uint48(c), uint48(c >> 48), uint48(c >> 96));
        (m.silent, m.willExit) = (uint48(c >> 144), uint48(c >> 192));
        (m.waived, m.excluded) = (uint48(a >> 200), uint48(b >> 200));
        (m.epoch, m.sidEpoch, m.epochEnds) = (uint32(a), uint32(b), uint40(c));
        (m.divided, m.summed) = (c >> 240 & 1 == 1, uint48(c >> 64));
    }
}
