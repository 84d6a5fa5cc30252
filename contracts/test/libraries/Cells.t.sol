// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cells} from "../../src/libraries/Cells.sol";
import {RunLib} from "../../src/libraries/RunLib.sol";
import {CommonsTest} from "../base/CommonsTest.sol";

contract CellsTest is CommonsTest {
    function setUp() public override {}

    function _ids(uint256 n) private pure returns (uint256[] memory ids) {
        ids = new uint256[](n);
        for (uint256 i; i < n; ++i) {
            ids[i] = 3 * i + 1;
        }
    }

    /// @dev Every seat is in one cell, as many cells as the size allows, and none is more than one larger than a later one.
    function test_draw_dealsAllSeatsEvenly(bytes32 seed, uint256 n, uint256 size) public pure {
        n = _between(n, 8, RunLib.MAX_SEATS);
        size = _between(size, 4, n / 2);
        uint48[] memory cells = Cells.draw(seed, _ids(n), size);
        vm.assertEq(cells.length, n / size, "cells");
        uint48 all;
        for (uint256 i; i < cells.length; ++i) {
            vm.assertEq(all & cells[i], 0, "twice");
            all |= cells[i];
            vm.assertEq(RunLib.size(cells[i]), n / cells.length + (i < n % cells.length ? 1 : 0), "size");
        }
        vm.assertEq(all, (uint256(1) << n) - 1, "left out");
    }

    /// @dev Another seed, other cells; the order of two seats is that of their hashes.
    function test_draw_followsTheHashes(bytes32 seed) public pure {
        uint256[] memory ids = _ids(2);
        uint48[] memory cells = Cells.draw(seed, ids, 1);
        bytes32 first = keccak256(abi.encode(seed, ids[0]));
        bytes32 second = keccak256(abi.encode(seed, ids[1]));
        vm.assertEq(cells[0], first >> 8 < second >> 8 ? 1 : 2);
        vm.assertEq(cells[0] + cells[1], 3);
    }

    function _three() private pure returns (uint48[] memory cells) {
        cells = new uint48[](3);
        (cells[0], cells[1], cells[2]) = (0x00f, 0x0f0, 0xf00);
    }

    /// @dev There, excluded, and what is whole of three cells of four.
    function test_whole_isMoreThanHalfOfTheCells() public pure {
        uint48[3][8] memory rows = [
            [uint48(0xfff), 0, 0xfff], // all
            [uint48(0xffe), 0, 0xff0], // one sits out
            [uint48(0xfee), 0, 0], // a minority makes no round
            [uint48(0xffe), 0x001, 0xffe], // a cheat is not missed
            [uint48(0xfff), 0x001, 0xffe], // nor in
            [uint48(0xffc), 0x003, 0xff0], // two that are left share no sum
            [uint48(0xffc), 0x001, 0xff0], // another one is missing beside the cheat
            [uint48(0), 0, 0]
        ];
        for (uint256 i; i < rows.length; ++i) {
            vm.assertEq(Cells.whole(_three(), rows[i][0], rows[i][1]), rows[i][2], vm.toString(i));
        }
    }

    /// @dev Half is not more than half; what is not divided has nothing whole.
    function test_whole_isNothingOfHalf() public pure {
        uint48[] memory cells = new uint48[](2);
        (cells[0], cells[1]) = (0x00f, 0x0f0);
        vm.assertEq(Cells.whole(cells, 0x00f, 0), 0);
        vm.assertEq(Cells.whole(cells, 0x0ff, 0), 0x0ff);
        vm.assertEq(Cells.whole(new uint48[](0), 0x00f, 0), 0);
    }
}
