// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataRegistry} from "../../src/interfaces/IDataRegistry.sol";
import {MachineTest} from "../base/MachineTest.sol";

/// @notice The machine "dataset" of vectors/machines.json.
contract DatasetMachineTest is MachineTest {
    function setUp() public override {
        super.setUp();
        _admit(1, 1);
    }

    function _named() internal pure override returns (string memory) {
        return "dataset";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _list(1);
        if (state == _id("Suspended")) _send(_id("suspend(uint256)"));
        if (state == _id("Retired")) _send(_id("retire(uint256)"));
    }

    function _send(bytes32 call) internal override returns (bool done, bytes memory answer) {
        bytes memory encoded = abi.encodeCall(IDataRegistry.list, ("card", "policy", _rules(), true, 0));
        if (call == _id("suspend(uint256)")) encoded = abi.encodeCall(IDataRegistry.suspend, (1));
        else if (call == _id("resume(uint256)")) encoded = abi.encodeCall(IDataRegistry.resume, (1));
        else if (call == _id("retire(uint256)")) encoded = abi.encodeCall(IDataRegistry.retire, (1));
        else vm.assertTrue(call == _id("list(bytes32,bytes32,(uint256,uint256,bool),bool,uint256)"), "no driver");
        vm.prank(_account(1));
        return address(data).call(encoded);
    }

    function _where() internal view override returns (string memory) {
        IDataRegistry.DatasetState state = data.dataset(1).state;
        if (state == IDataRegistry.DatasetState.Listed) return "Listed";
        if (state == IDataRegistry.DatasetState.Suspended) return "Suspended";
        return state == IDataRegistry.DatasetState.Retired ? "Retired" : "None";
    }
}

/// @notice The machine "consent" of vectors/machines.json.
contract ConsentMachineTest is MachineTest {
    bytes32 private consentId;

    function setUp() public override {
        super.setUp();
        _admit(1, 2);
        _list(1);
    }

    function _named() internal pure override returns (string memory) {
        return "consent";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        consentId = _give(1, 1);
        if (state == _id("Expired")) _send(TIME);
        if (state == _id("Revoked")) _send(_id("revoke(bytes32)"));
    }

    function _send(bytes32 call) internal override returns (bool done, bytes memory answer) {
        if (call == TIME) {
            vm.warp(_terms(1).expiry);
            return (true, "");
        }
        if (call == _id("use(bytes32,bytes32,(uint256,bytes32,bytes32,uint256,bool,uint256))")) {
            vm.prank(address(runs));
            IDataRegistry.Use memory wanted = IDataRegistry.Use(1, PURPOSE, "problem", 2, false, 0);
            return address(data).call(abi.encodeCall(IDataRegistry.use, (consentId, "run", wanted)));
        }
        vm.prank(_account(1));
        if (call == _id("revoke(bytes32)")) {
            return address(data).call(abi.encodeCall(IDataRegistry.revoke, (consentId)));
        }
        vm.assertTrue(call == _id("give((uint256,uint256,uint256,bytes32,bool,uint64,uint32,bytes32))"), "no driver");
        (done, answer) = address(data).call(abi.encodeCall(IDataRegistry.give, (_terms(1))));
        if (done) consentId = abi.decode(answer, (bytes32));
    }

    function _where() internal view override returns (string memory) {
        IDataRegistry.Consent memory stored = data.consent(consentId);
        if (stored.terms.datasetId == 0) return "None";
        if (stored.revokedAt != 0) return "Revoked";
        return vm.getBlockTimestamp() < stored.terms.expiry ? "Active" : "Expired";
    }
}
