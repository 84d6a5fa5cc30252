// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {MachineTest} from "../base/MachineTest.sol";
import {RunTest} from "../base/RunTest.sol";

/// @notice The machine "model" of vectors/machines.json: the solver registers what a run of three made.
contract ModelMachineTest is MachineTest, RunTest {
    function setUp() public override {
        super.setUp();
        _toOpen(3);
        _round(3, 0, "initial");
        _round(3, 1, "first");
        _finish(3, 1, "second");
    }

    function _named() internal pure override returns (string memory) {
        return "model";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("Draft")) _send(_id("register(bytes32,bytes32,bytes32)"));
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        vm.assertTrue(call == _id("register(bytes32,bytes32,bytes32)"), "a call of the table has no driver");
        vm.prank(_account(solver));
        return
            address(models).call(abi.encodeCall(IModelRegistry.register, (runId, "card", _state("second"), "licence")));
    }

    function _state() internal view override returns (string memory) {
        return models.model(runId).state == IModelRegistry.ModelState.Draft ? "Draft" : "None";
    }
}
