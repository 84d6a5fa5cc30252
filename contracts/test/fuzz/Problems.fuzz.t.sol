// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProblems} from "../../src/interfaces/IProblems.sol";
import {StrangerTest} from "../base/StrangerTest.sol";

contract ProblemsFuzzTest is StrangerTest {
    /// @dev No money moves for an award that nobody funded (settle).
    function test_settle_failsForUnknownAwards(address caller, bytes32 id, uint256 award) public {
        bytes memory error =
            abi.encodeWithSelector(IProblems.ProblemsWrongAwardState.selector, id, award, IProblems.AwardState.None);
        _assertRefused(address(problems), caller, abi.encodeCall(IProblems.settle, (id, award)), error);
    }

    /// @dev No money moves for an award that nobody funded (refund).
    function test_refund_failsForUnknownAwards(address caller, bytes32 id, uint256 award) public {
        bytes memory error =
            abi.encodeWithSelector(IProblems.ProblemsWrongAwardState.selector, id, award, IProblems.AwardState.None);
        _assertRefused(address(problems), caller, abi.encodeCall(IProblems.refund, (id, award)), error);
    }
}
