// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProblems} from "../src/interfaces/IProblems.sol";
import {CommonsTest} from "./base/CommonsTest.sol";

contract ProblemsTest is CommonsTest {
    function _stated(bytes32 document, uint64 deadline) private returns (bytes32 problemId) {
        vm.prank(_account(1));
        return problems.state(document, deadline);
    }

    /// @dev The id is computed from chain, contract, owner, document and deadline.
    function test_state_opensAProblem(bytes32 document, uint64 deadline) public {
        vm.assume(document != 0);
        deadline = uint64(_between(deadline, START + 1, type(uint64).max - 1));
        _admit(1, 1);
        bytes32 expected = keccak256(abi.encode(block.chainid, address(problems), 1, document, deadline));
        vm.expectEmit(address(problems));
        emit IProblems.Stated(expected, 1, document, deadline);
        bytes32 problemId = _stated(document, deadline);
        vm.assertEq(problemId, expected);
        vm.assertEq(problems.ownerOf(problemId), 1);
        vm.assertTrue(problems.isOpen(problemId));
        vm.warp(deadline);
        vm.assertFalse(problems.isOpen(problemId));
        vm.assertEq(problems.problem(problemId).document, document);
    }

    function test_state_failsForOthers() public {
        vm.expectRevert(abi.encodeWithSelector(IProblems.ProblemsNotMember.selector, address(this)));
        problems.state("document", uint64(START + 1));
    }

    function test_state_failsOnBadInput() public {
        _admit(1, 1);
        vm.startPrank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IProblems.ProblemsDocumentMissing.selector));
        problems.state(0, uint64(START + 1));
        vm.expectRevert(abi.encodeWithSelector(IProblems.ProblemsDeadlinePassed.selector, uint64(START)));
        problems.state("document", uint64(START));
        bytes32 problemId = problems.state("document", uint64(START + 1));
        vm.expectRevert(abi.encodeWithSelector(IProblems.ProblemsAlreadyStated.selector, problemId));
        problems.state("document", uint64(START + 1));
        vm.stopPrank();
    }

    function test_close_closesForGood() public {
        _admit(1, 2);
        bytes32 problemId = _stated("document", uint64(START + 1));
        vm.prank(_account(2));
        vm.expectRevert(abi.encodeWithSelector(IProblems.ProblemsNotOwner.selector, problemId, _account(2)));
        problems.close(problemId);
        vm.prank(_account(1));
        vm.expectEmit(address(problems));
        emit IProblems.Closed(problemId, 1);
        problems.close(problemId);
        vm.assertFalse(problems.isOpen(problemId));
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IProblems.ProblemsNotOpen.selector, problemId));
        problems.close(problemId);
    }

    function test_unknownProblem_isNotOpen(bytes32 problemId) public view {
        vm.assertFalse(problems.isOpen(problemId));
        vm.assertEq(problems.ownerOf(problemId), 0);
    }
}
