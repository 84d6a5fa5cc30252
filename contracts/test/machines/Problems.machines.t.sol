// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProblems} from "../../src/interfaces/IProblems.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {MachineTest} from "../base/MachineTest.sol";
import {ProblemsTest} from "../base/ProblemsTest.sol";

/// @notice The machine "problem" of vectors/machines.json, in a commons that reviews problems.
contract ProblemMachineTest is ProblemsTest, MachineTest {
    function setUp() public override(CommonsTest, ProblemsTest) {
        super.setUp();
        _setReview(REVIEW);
    }

    function _named() internal pure override returns (string memory) {
        return "problem";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _state();
        if (state == _id("Draft")) _send(_id("sendBack(bytes32,bytes32)"));
        if (state == _id("Open") || state == _id("Closed")) _send(TIME);
        if (state == _id("Closed")) _send(_id("close(bytes32)"));
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        bytes32 problemId = _problemId();
        if (call == TIME) {
            vm.warp(vm.getBlockTimestamp() + REVIEW);
            return (true, "");
        }
        if (call == _id("close(bytes32)")) return _as(OWNER, abi.encodeCall(IProblems.close, (problemId)));
        if (call == _id("amend(bytes32,bytes32)")) {
            return _as(OWNER, abi.encodeCall(IProblems.amend, (problemId, "better")));
        }
        if (call == _id("sendBack(bytes32,bytes32)")) {
            return _as(ETHICS, abi.encodeCall(IProblems.sendBack, (problemId, "reason")));
        }
        vm.assertTrue(call == _id("state(bytes32,bytes32,uint256,uint64)"), "a call of the table has no driver");
        return _as(OWNER, abi.encodeCall(IProblems.state, (DOCUMENT, PURPOSE, JUDGE, DEADLINE)));
    }

    function _where() internal view override returns (string memory) {
        string[5] memory names = ["None", "Draft", "Review", "Open", "Closed"];
        return names[uint256(problems.problem(_problemId()).state)];
    }

    function _as(uint256 memberId, bytes memory call) private returns (bool, bytes memory) {
        vm.prank(_account(memberId));
        return address(problems).call(call);
    }
}

/// @notice The machine "award" of vectors/machines.json: one milestone of a problem.
contract AwardMachineTest is ProblemsTest, MachineTest {
    bytes32 private problemId;

    function setUp() public override(CommonsTest, ProblemsTest) {
        super.setUp();
        problemId = _state();
        _deposit(vault, _account(PAYER), address(token), 2 * AMOUNT);
    }

    function _named() internal pure override returns (string memory) {
        return "award";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _send(_id("fund(bytes32,(uint256,uint64)[],address)"));
        if (state == _id("Open")) return;
        if (state == _id("Refunded")) return _must("refund(bytes32,uint256)");
        _judge(problemId);
        if (state == _id("Challenged")) _challenge(problemId);
        if (state == _id("Paid")) _must("settle(bytes32,uint256)");
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        bytes memory milestones = abi.encodeCall(IProblems.fund, (problemId, _milestones(AMOUNT, DUE), address(token)));
        if (call == _id("fund(bytes32,(uint256,uint64)[],address)")) return _as(_account(PAYER), milestones);
        if (call == _id("judge(bytes32,uint256,uint256)")) {
            return _as(_account(JUDGE), abi.encodeCall(IProblems.judge, (problemId, 0, SOLVER)));
        }
        if (call == _id("challenge(bytes32,uint256,bytes32)")) {
            return _as(_account(PAYER), abi.encodeCall(IProblems.challenge, (problemId, 0, "reason")));
        }
        if (call == _id("settle(bytes32,uint256)")) {
            vm.warp(vm.getBlockTimestamp() + CHALLENGE_SECONDS);
            return _as(address(this), abi.encodeCall(IProblems.settle, (problemId, 0)));
        }
        bool pay = call == _id("resolve(bytes32,uint256,bool) pay");
        if (pay || call == _id("resolve(bytes32,uint256,bool) return")) {
            return _as(address(timelock), abi.encodeCall(IProblems.resolve, (problemId, 0, pay)));
        }
        bool late = call == _id("refund(bytes32,uint256) late");
        vm.assertTrue(late || call == _id("refund(bytes32,uint256)"), "a call of the table has no driver");
        if (late) vm.warp(EXPIRY);
        return _as(_account(JUDGE), abi.encodeCall(IProblems.refund, (problemId, 0)));
    }

    function _where() internal view override returns (string memory) {
        string[6] memory names = ["None", "Open", "Judged", "Challenged", "Paid", "Refunded"];
        return names[uint256(problems.awardOf(problemId, 0).state)];
    }

    function _must(string memory call) private {
        (bool done,) = _send(_id(call));
        vm.assertTrue(done, call);
    }

    function _as(address caller, bytes memory call) private returns (bool, bytes memory) {
        vm.prank(caller);
        return address(problems).call(call);
    }
}
