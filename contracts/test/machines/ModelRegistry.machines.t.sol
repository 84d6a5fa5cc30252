// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {MachineTest} from "../base/MachineTest.sol";
import {ModelTest} from "../base/ModelTest.sol";

/// @notice The machine "model" of vectors/machines.json. A suspended model was released before, unless it has to go back
/// somewhere else.
contract ModelMachineTest is ModelTest, MachineTest {
    string[7] private names = ["None", "Draft", "InAudit", "Releasable", "Released", "Suspended", "Withdrawn"];

    function setUp() public override {
        super.setUp();
        _prepareRun();
    }

    function _named() internal pure override returns (string memory) {
        return "model";
    }

    function _reach(bytes32 state) internal override {
        for (uint8 i; i < names.length; ++i) {
            if (state == _id(names[i])) return _bring(IModelRegistry.ModelState(i));
        }
    }

    function _reachFor(bytes32 state, bytes32 to) internal override {
        bool elsewhere = to == _id("InAudit") || to == _id("Releasable");
        if (state != _id("Suspended") || !elsewhere) return _reach(state);
        _reach(to);
        _suspendModel();
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        if (call == _id("clear(bytes32,bytes32[])")) {
            bytes32[] memory found = _audits(AUDITS);
            return _as(STRANGER, abi.encodeCall(IModelRegistry.clear, (runId, found)));
        }
        if (call == _id("release(bytes32,bytes32[])")) {
            bytes32[] memory found = _audits(AUDITS);
            return _as(_account(solver), abi.encodeCall(IModelRegistry.release, (runId, found)));
        }
        if (call == _id("suspend(bytes32,bytes32)")) {
            return _as(address(timelock), abi.encodeCall(IModelRegistry.suspend, (runId, "harm")));
        }
        if (call == _id("resume(bytes32)")) {
            return _as(address(timelock), abi.encodeCall(IModelRegistry.resume, (runId)));
        }
        if (call == _id("withdraw(bytes32,bytes32)")) {
            return _as(_account(solver), abi.encodeCall(IModelRegistry.withdraw, (runId, "why")));
        }
        if (call == _id("requestAudit(bytes32)")) {
            return _as(_account(solver), abi.encodeCall(IModelRegistry.requestAudit, (runId)));
        }
        if (call == _id("amend(bytes32,bytes32,bytes32)")) {
            return _as(_account(solver), abi.encodeCall(IModelRegistry.amend, (runId, "card", LICENCE)));
        }
        vm.assertTrue(call == _id("register(bytes32,bytes32,bytes32,bytes32)"), "a call of the table has no driver");
        bytes32 digest = models.model(runId).stateDigest;
        if (digest == 0) digest = _state("first");
        return _as(_account(solver), abi.encodeCall(IModelRegistry.register, (runId, "card", digest, LICENCE)));
    }

    function _where() internal view override returns (string memory) {
        return names[uint256(_modelState())];
    }

    function _as(address caller, bytes memory call) private returns (bool, bytes memory) {
        vm.prank(caller);
        return address(models).call(call);
    }
}
