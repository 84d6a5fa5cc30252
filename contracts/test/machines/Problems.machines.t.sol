// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProblems} from "../../src/interfaces/IProblems.sol";
import {MachineTest} from "../base/MachineTest.sol";

/// @notice The machine "problem" of vectors/machines.json: member 1 states one.
contract ProblemMachineTest is MachineTest {
    uint64 private constant DEADLINE = uint64(START + 1 days);

    function setUp() public override {
        super.setUp();
        _admit(1, 1);
    }

    function _named() internal pure override returns (string memory) {
        return "problem";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _send(_id("state(bytes32,uint64)"));
        if (state == _id("Closed")) _send(_id("close(bytes32)"));
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        vm.prank(_account(1));
        if (call == _id("close(bytes32)")) {
            return address(problems).call(abi.encodeCall(IProblems.close, (_problem())));
        }
        vm.assertTrue(call == _id("state(bytes32,uint64)"), "a call of the table has no driver");
        return address(problems).call(abi.encodeCall(IProblems.state, ("document", PURPOSE, 0, DEADLINE)));
    }

    function _state() internal view override returns (string memory) {
        IProblems.ProblemState state = problems.problem(_problem()).state;
        if (state == IProblems.ProblemState.Open) return "Open";
        return state == IProblems.ProblemState.Closed ? "Closed" : "None";
    }

    function _problem() private view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(problems), 1, bytes32("document"), DEADLINE));
    }
}
