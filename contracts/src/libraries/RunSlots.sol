// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Machine, RunSpec, Seat} from "../types/RunTypes.sol";

/// @title Copies of a run's structs between storage and memory
/// @notice What the compiler writes out field by field, as one loop over the fields' widths: it saves `TrainingRuns` about
/// a kilobyte of code for each struct, and touches each slot once. Storage stays laid out as the compiler lays it out, so
/// single fields are read and written as ever.
/// @dev For structs of value types only: the compiler puts their fields side by side from the lowest byte on, a new slot
/// beginning where the next field does not fit; in memory each has a word of its own. The widths are in bytes, the first
/// field leftmost, zero after the last.
library RunSlots {
    uint256 private constant MACHINE = 0x0101010101010101_02020202_040408_04040404_0606_01_0606060606_0000000000;
    /// @dev Slots and fields that MACHINE is about: a word has no room for all of them.
    uint256 private constant FIRST_SLOTS = 3;
    uint256 private constant FIRST_FIELDS = 27;
    uint256 private constant MACHINE_REST = 0x0606_0404_05_01_06_00000000000000000000000000000000000000000000000000;
    uint256 private constant SPEC = 0x20202020_20_04_0202_010101_02_08_0404_0404_20_14_01_20_20_00000000000000000000;
    uint256 private constant SEAT = 0x14_01_01_01_04_05_2020_20_20_20_000000000000000000000000000000000000000000;

    function load(Machine storage stored) internal view returns (Machine memory m) {
        (uint256 slot, uint256 target) = (0, 0);
        assembly ("memory-safe") {
            slot := stored.slot
            target := m
        }
        _load(slot, MACHINE, target);
        _load(slot + FIRST_SLOTS, MACHINE_REST, target + 32 * FIRST_FIELDS);
    }

    function save(Machine storage stored, Machine memory m) internal {
        (uint256 slot, uint256 source) = (0, 0);
        assembly ("memory-safe") {
            slot := stored.slot
            source := m
        }
        _save(slot, MACHINE, source);
        _save(slot + FIRST_SLOTS, MACHINE_REST, source + 32 * FIRST_FIELDS);
    }

    function load(RunSpec storage stored) internal view returns (RunSpec memory spec) {
        (uint256 slot, uint256 target) = (0, 0);
        assembly ("memory-safe") {
            slot := stored.slot
            target := spec
        }
        _load(slot, SPEC, target);
    }

    function save(RunSpec storage stored, RunSpec memory spec) internal {
        (uint256 slot, uint256 source) = (0, 0);
        assembly ("memory-safe") {
            slot := stored.slot
            source := spec
        }
        _save(slot, SPEC, source);
    }

    function load(Seat storage stored) internal view returns (Seat memory seat) {
        (uint256 slot, uint256 target) = (0, 0);
        assembly ("memory-safe") {
            slot := stored.slot
            target := seat
        }
        _load(slot, SEAT, target);
    }

    function _load(uint256 slot, uint256 widths, uint256 target) private view {
        assembly ("memory-safe") {
            let word := sload(slot)
            for { let used := 0 } widths { widths := shl(8, widths) } {
                let width := byte(0, widths)
                used := add(used, width)
                if gt(used, 32) {
                    slot := add(slot, 1)
                    word := sload(slot)
                    used := width
                }
                let bits := shl(3, width)
                mstore(target, and(word, sub(shl(bits, 1), 1)))
                word := shr(bits, word)
                target := add(target, 32)
            }
        }
    }

    function _save(uint256 slot, uint256 widths, uint256 source) private {
        assembly ("memory-safe") {
            let word := 0
            for { let used := 0 } widths { widths := shl(8, widths) } {
                let width := byte(0, widths)
                if gt(add(used, width), 32) {
                    sstore(slot, word)
                    slot := add(slot, 1)
                    word := 0
                    used := 0
                }
                word := or(word, shl(shl(3, used), mload(source)))
                used := add(used, width)
                source := add(source, 32)
            }
            sstore(slot, word)
        }
    }
}
