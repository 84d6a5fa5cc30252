// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegister} from "../../src/interfaces/IConsentRegister.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {RegistersHandler} from "./RegistersHandler.sol";

/// @notice What was withdrawn stays withdrawn, consents that were entered do not disappear, signatures work once, and a
/// request moves along its edges only.
/// forge-config: default.invariant.runs = 48
contract RegistersInvariantTest is CommonsTest {
    RegistersHandler private handler;

    function setUp() public override {
        handler = new RegistersHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](4);
        actions[0] = RegistersHandler.post.selector;
        actions[1] = RegistersHandler.withdraw.selector;
        actions[2] = RegistersHandler.disturb.selector;
        actions[3] = RegistersHandler.talk.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    /// @dev One campaign for all rules, because separate ones would walk the same sequences again.
    function invariant_rulesOfConsentHold() external view {
        IConsentRegister register = handler.consentRegister();
        for (uint256 i; i < handler.takenCount(); ++i) {
            vm.assertTrue(register.isWithdrawn(handler.takenLeaves(i)), "withdrawn stays withdrawn");
        }
        vm.assertEq(register.register(1).leaves, handler.mostLeaves(), "leaves never fall");
        vm.assertTrue(handler.edgesHeld(), "edges");
        for (uint256 index; index < handler.posted(); ++index) {
            bool open = handler.bits() >> index & 1 == 0 && !handler.taken(handler.leafHash(index));
            vm.assertTrue(handler.isLive(index) == open, "live is what nobody took back");
        }
    }
}
