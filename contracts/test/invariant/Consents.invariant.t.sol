// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommonsTest} from "../base/CommonsTest.sol";
import {ConsentsHandler} from "./ConsentsHandler.sol";

/// @notice Rule 5 at its source: a consent that is revoked, expired, used up, or whose dataset or holder is out, is never
/// used, nor any for a banned purpose; only the body gives an entrusted dataset's consents; revoking always works; and
/// what stood at a time in the past stays known.
contract ConsentsInvariantTest is CommonsTest {
    ConsentsHandler private handler;

    function setUp() public override {
        handler = new ConsentsHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](7);
        actions[0] = ConsentsHandler.give.selector;
        actions[1] = ConsentsHandler.revoke.selector;
        actions[2] = ConsentsHandler.use.selector;
        actions[3] = ConsentsHandler.entrust.selector;
        actions[4] = ConsentsHandler.move.selector;
        actions[5] = ConsentsHandler.ban.selector;
        actions[6] = ConsentsHandler.remember.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    /// @dev One campaign for all rules, because separate ones would walk the same sequences again.
    function invariant_rulesOfConsentHold() external view {
        vm.assertFalse(handler.deadUsed(), "5: dead consent used");
        vm.assertFalse(handler.bannedUsed(), "banned purpose");
        vm.assertFalse(handler.bannedByOthers(), "10: banned without a vote");
        vm.assertFalse(handler.pastForgotten(), "5: whether it lived then");
        vm.assertFalse(handler.givenByOthers(), "given by somebody else than the body or the owner");
        vm.assertFalse(handler.revokeRefused(), "5: revoke refused");
    }
}

/// @notice The walks do reach uses, revocations and bodies; without that the rules above say nothing.
contract ConsentsWalkTest is CommonsTest {
    function setUp() public override {}

    function test_walk_reachesUses() public {
        ConsentsHandler handler = new ConsentsHandler();
        for (uint256 i; i < 400; ++i) {
            uint256 word = uint256(keccak256(abi.encode(i)));
            handler.give(word);
            handler.use(word >> 1);
            if (i % 3 == 0) handler.revoke(word);
            if (i % 5 == 0) handler.entrust(word);
            if (i % 7 == 0) handler.move(word);
            if (i % 23 == 0) handler.ban(word);
            handler.remember(word >> 2);
        }
        vm.assertGe(handler.uses(), 10, "uses");
        vm.assertGe(handler.revocations(), 10, "revocations");
        vm.assertGe(handler.givenByBodies(), 5, "bodies");
        vm.assertGe(handler.bans(), 3, "bans");
        vm.assertGe(handler.livedBefore(), 10, "looks back");
        vm.assertFalse(handler.deadUsed() || handler.pastForgotten() || handler.bannedUsed());
    }
}
