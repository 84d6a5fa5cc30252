// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembership} from "../../src/interfaces/IMembership.sol";
import {MachineTest} from "../base/MachineTest.sol";

/// @notice The machine "member" of vectors/machines.json.
contract MembershipMachineTest is MachineTest {
    function _named() internal pure override returns (string memory) {
        return "member";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return _apply(1);
        _admit(1, 1);
        if (state == _id("Suspended")) _byRegistrars(abi.encodeCall(IMembership.suspend, (1)));
        if (state == _id("Left")) _leave();
        if (state == _id("Expelled")) _expel();
    }

    function _send(bytes32 call) internal override returns (bool, bytes memory) {
        if (call == _id("admit(address)")) return _byRegistrars(abi.encodeCall(IMembership.admit, (_account(1))));
        if (call == _id("suspend(uint256)")) return _byRegistrars(abi.encodeCall(IMembership.suspend, (1)));
        if (call == _id("reinstate(uint256)")) return _byRegistrars(abi.encodeCall(IMembership.reinstate, (1)));
        if (call == _id("expel(uint256)")) return _expel();
        vm.assertTrue(call == _id("leave()"), "a call of the table has no driver");
        return _leave();
    }

    function _where() internal view override returns (string memory) {
        IMembership.Status status = membership.member(1).status;
        if (status == IMembership.Status.Active) return "Active";
        if (status == IMembership.Status.Suspended) return "Suspended";
        if (status == IMembership.Status.Expelled) return "Expelled";
        return status == IMembership.Status.Left ? "Left" : "None";
    }

    function _leave() private returns (bool done, bytes memory answer) {
        vm.prank(_account(1));
        return address(membership).call(abi.encodeCall(IMembership.leave, ()));
    }

    function _expel() private returns (bool done, bytes memory answer) {
        vm.prank(address(timelock));
        return address(membership).call(abi.encodeCall(IMembership.expel, (1)));
    }

    /// @dev Both registrars; the last answer counts.
    function _byRegistrars(bytes memory call) private returns (bool done, bytes memory answer) {
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            (done, answer) = address(membership).call(call);
        }
    }
}

/// @notice The machine "recovery" of vectors/machines.json.
contract RecoveryMachineTest is MachineTest {
    address private constant NEW_ACCOUNT = address(0x2E17);

    function setUp() public override {
        super.setUp();
        _admit(1, 1);
        vm.prank(_account(1));
        membership.setGuardian(_account(2));
    }

    function _named() internal pure override returns (string memory) {
        return "recovery";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _send(_id("recover(uint256,address)"));
        if (state == _id("Ripe")) _send(TIME);
    }

    function _send(bytes32 call) internal override returns (bool done, bytes memory answer) {
        if (call == TIME) {
            vm.warp(START + 7 days);
            return (true, "");
        }
        if (call == _id("recover(uint256,address)")) {
            return _as(_account(2), abi.encodeCall(IMembership.recover, (1, NEW_ACCOUNT)));
        }
        if (call == _id("veto(uint256)")) return _as(_account(1), abi.encodeCall(IMembership.veto, (1)));
        vm.assertTrue(call == _id("finishRecovery(uint256)"), "a call of the table has no driver");
        return _as(address(this), abi.encodeCall(IMembership.finishRecovery, (1)));
    }

    function _where() internal view override returns (string memory) {
        IMembership.Recovery memory pending = membership.recovery(1);
        if (pending.account == address(0)) return "None";
        return vm.getBlockTimestamp() < pending.ripeAt ? "Pending" : "Ripe";
    }

    function _as(address caller, bytes memory call) private returns (bool, bytes memory) {
        vm.prank(caller);
        return address(membership).call(call);
    }
}
