// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembership} from "../../src/interfaces/IMembership.sol";
import {IProblems} from "../../src/interfaces/IProblems.sol";
import {MachineTest} from "../base/MachineTest.sol";

/// @notice Members 1 to 5 own, judge, pay, solve and sit on the ethics board.
abstract contract ProblemsMachine is MachineTest {
    uint64 internal constant DEADLINE = uint64(START + 100 days);

    function setUp() public virtual override {
        super.setUp();
        _admit(1, 5);
        vm.prank(address(timelock));
        membership.grantRole(5, IMembership.Role.EthicsBoard);
    }

    function _as(address caller, bytes memory call) internal returns (bool, bytes memory) {
        vm.prank(caller);
        return address(problems).call(call);
    }

    function _stateProblem() internal returns (bool, bytes memory) {
        return _as(_account(1), abi.encodeCall(IProblems.state, ("document", PURPOSE, 2, DEADLINE)));
    }

    function _problem() internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(problems), 1, bytes32("document"), DEADLINE));
    }
}

/// @notice The machine "problem" of vectors/machines.json, with a review of five days.
contract ProblemMachineTest is ProblemsMachine {
    uint32 private constant REVIEW = 5 days;

    function setUp() public override {
        super.setUp();
        vm.prank(address(timelock));
        problems.setRules(IProblems.ProblemRules(REVIEW, 1 days));
    }

    function _named() internal pure override returns (string memory) {
        return "problem";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _stateProblem();
        if (state == _id("Draft")) _send(_id("sendBack(bytes32,bytes32)"));
        if (state == _id("Open") || state == _id("Closed")) _send(TIME);
        if (state == _id("Closed")) _send(_id("close(bytes32)"));
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        if (call == TIME) {
            vm.warp(vm.getBlockTimestamp() + REVIEW);
            return (true, "");
        }
        if (call == _id("sendBack(bytes32,bytes32)")) {
            return _as(_account(5), abi.encodeCall(IProblems.sendBack, (_problem(), "why")));
        }
        if (call == _id("amend(bytes32,bytes32)")) {
            return _as(_account(1), abi.encodeCall(IProblems.amend, (_problem(), "other")));
        }
        if (call == _id("close(bytes32)")) return _as(_account(1), abi.encodeCall(IProblems.close, (_problem())));
        vm.assertTrue(call == _id("state(bytes32,bytes32,uint256,uint64)"), "a call of the table has no driver");
        return _stateProblem();
    }

    function _state() internal view override returns (string memory) {
        string[5] memory names = ["None", "Draft", "Review", "Open", "Closed"];
        return names[uint256(problems.problem(_problem()).state)];
    }
}

/// @notice The machine "award" of vectors/machines.json: award 0 of a problem.
contract AwardMachineTest is ProblemsMachine {
    uint64 private constant DUE = uint64(START + 30 days);
    uint64 private constant EXPIRY = DUE + CHALLENGE_SECONDS + 60 days;

    function setUp() public override {
        super.setUp();
        _stateProblem();
        vm.deal(_account(3), 2 ether);
        vm.prank(_account(3));
        vault.deposit{value: 2 ether}(address(0), 2 ether);
    }

    function _named() internal pure override returns (string memory) {
        return "award";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _send(_id("fund(bytes32,(uint256,uint64)[],address)"));
        if (state == _id("Open")) return;
        if (state == _id("Refunded")) {
            _send(_id("refund(bytes32,uint256)"));
            return;
        }
        _send(_id("judge(bytes32,uint256,uint256)"));
        if (state == _id("Challenged")) _send(_id("challenge(bytes32,uint256,bytes32)"));
        if (state == _id("Paid")) _send(_id("settle(bytes32,uint256)"));
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        bytes32 id = _problem();
        if (call == _id("judge(bytes32,uint256,uint256)")) {
            return _as(_account(2), abi.encodeCall(IProblems.judge, (id, 0, 4)));
        }
        if (call == _id("challenge(bytes32,uint256,bytes32)")) {
            return _as(_account(1), abi.encodeCall(IProblems.challenge, (id, 0, "why")));
        }
        if (call == _id("settle(bytes32,uint256)")) {
            vm.warp(START + CHALLENGE_SECONDS);
            return _as(address(this), abi.encodeCall(IProblems.settle, (id, 0)));
        }
        if (call == _id("resolve(bytes32,uint256,bool) pay")) return _resolve(true);
        if (call == _id("resolve(bytes32,uint256,bool) give back")) return _resolve(false);
        if (call == _id("refund(bytes32,uint256)")) {
            return _as(_account(2), abi.encodeCall(IProblems.refund, (id, 0)));
        }
        if (call == _id("refund(bytes32,uint256) expired")) {
            vm.warp(EXPIRY);
            return _as(address(this), abi.encodeCall(IProblems.refund, (id, 0)));
        }
        vm.assertTrue(call == _id("fund(bytes32,(uint256,uint64)[],address)"), "a call of the table has no driver");
        return _fund();
    }

    function _resolve(bool pay) private returns (bool, bytes memory) {
        return _as(address(timelock), abi.encodeCall(IProblems.resolve, (_problem(), 0, pay)));
    }

    function _fund() private returns (bool, bytes memory) {
        IProblems.Milestone[] memory list = new IProblems.Milestone[](1);
        list[0] = IProblems.Milestone(1 ether, DUE);
        return _as(_account(3), abi.encodeCall(IProblems.fund, (_problem(), list, address(0))));
    }

    function _state() internal view override returns (string memory) {
        string[6] memory names = ["None", "Open", "Judged", "Challenged", "Paid", "Refunded"];
        return names[uint256(problems.awardOf(_problem(), 0).state)];
    }
}
