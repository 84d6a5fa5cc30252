// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RunLib} from "../../src/libraries/RunLib.sol";
import {Machine} from "../../src/types/RunTypes.sol";
import {CommonsTest} from "../base/CommonsTest.sol";

contract RunLibTest is CommonsTest {
    function setUp() public override {}

    /// @dev The table of the specification, row by row: seats, preferred layout, layout, f, q.
    function test_table_isTheSpecifications() public pure {
        uint8[5][13] memory rows = [
            [uint8(3), 1, 1, 1, 3],
            [4, 1, 1, 1, 3],
            [5, 1, 1, 2, 4],
            [5, 2, 1, 2, 4],
            [6, 1, 1, 2, 5],
            [6, 2, 2, 2, 5],
            [7, 1, 1, 3, 6],
            [7, 2, 2, 2, 5],
            [8, 1, 2, 3, 6],
            [9, 2, 2, 3, 7],
            [20, 1, 2, 9, 15],
            [47, 1, 2, 22, 35],
            [48, 1, 2, 23, 36]
        ];
        for (uint256 i; i < rows.length; ++i) {
            uint8 layout = RunLib.layoutOf(rows[i][0], rows[i][1]);
            vm.assertEq(layout, rows[i][2], "layout");
            vm.assertEq(RunLib.faultsOf(rows[i][0], layout), rows[i][3], "f");
            vm.assertEq(RunLib.quorumOf(rows[i][0], rows[i][3]), rows[i][4], "q");
        }
    }

    /// @dev For every roster: two quorums overlap in more than f, q seats can be reached without f of them where the
    /// layout promises it, and q is never below f + 2 or 3 (the privacy bound of `needed`).
    function test_quorum_holdsItsBounds() public pure {
        for (uint256 n = 3; n <= RunLib.MAX_SEATS; ++n) {
            for (uint8 preferred = 1; preferred <= 2; ++preferred) {
                uint256 f = RunLib.faultsOf(n, RunLib.layoutOf(n, preferred));
                uint256 q = RunLib.quorumOf(n, uint8(f));
                vm.assertTrue(2 * q > n + f, "overlap");
                vm.assertTrue(q >= f + 2 && q >= 3 && q <= n, "privacy");
            }
        }
    }

    function test_size_countsBits(uint48 set) public pure {
        uint256 expected;
        for (uint256 i; i < 48; ++i) {
            expected += set >> i & 1;
        }
        vm.assertEq(RunLib.size(set), expected);
    }

    function test_present_isAllThatDidNotExit(uint48 exited, uint8 seats) public pure {
        Machine memory m;
        m.seats = uint8(_between(seats, 3, 48));
        m.exited = exited & uint48((uint256(1) << m.seats) - 1);
        vm.assertEq(RunLib.size(RunLib.present(m)), m.seats - RunLib.size(m.exited));
        vm.assertEq(RunLib.present(m) & m.exited, 0);
    }
}
