// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IVault} from "../../src/interfaces/IVault.sol";
import {MachineTest} from "../base/MachineTest.sol";

/// @notice The machine "lock" of vectors/machines.json: a controller locks what a payer brought.
contract LockMachineTest is MachineTest {
    bytes32 private constant LOCK = "lock";
    uint64 private constant EXPIRY = uint64(START + 1 days);
    address private constant PAYER = address(0x9A1);

    function setUp() public override {
        super.setUp();
        vm.deal(PAYER, 2 ether);
        vm.prank(PAYER);
        vault.deposit{value: 2 ether}(address(0), 2 ether);
    }

    function _named() internal pure override returns (string memory) {
        return "lock";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _send(_id("lock(bytes32,address,address,uint256,uint64)"));
        if (state == _id("Released")) _send(_id("release(bytes32,address)"));
        if (state == _id("Refunded")) _send(_id("refund(bytes32)"));
        if (state == _id("Expired")) _send(_id("expire(bytes32)"));
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        if (call == _id("release(bytes32,address)")) return _as(abi.encodeCall(IVault.release, (LOCK, address(1))));
        if (call == _id("refund(bytes32)")) return _as(abi.encodeCall(IVault.refund, (LOCK)));
        if (call == _id("expire(bytes32)")) {
            vm.warp(EXPIRY);
            return _as(abi.encodeCall(IVault.expire, (LOCK)));
        }
        vm.assertTrue(call == _id("lock(bytes32,address,address,uint256,uint64)"), "a call of the table has no driver");
        return _as(abi.encodeCall(IVault.lock, (LOCK, PAYER, address(0), 1 ether, EXPIRY)));
    }

    function _where() internal view override returns (string memory) {
        IVault.LockState state = vault.lockOf(LOCK).state;
        if (state == IVault.LockState.Locked) return "Locked";
        if (state == IVault.LockState.Released) return "Released";
        if (state == IVault.LockState.Refunded) return "Refunded";
        return state == IVault.LockState.Expired ? "Expired" : "None";
    }

    function _as(bytes memory call) private returns (bool, bytes memory) {
        vm.prank(address(problems));
        return address(vault).call(call);
    }
}
