// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {ModelsHandler} from "./ModelsHandler.sol";

/// @notice Rules 6 and 8: what is released was audited by independent members, in time and unharmed; the shares of every
/// model sum to 1,000,000, and nobody gets more than its part of what was paid.
contract ModelsInvariantTest is CommonsTest {
    ModelsHandler private handler;

    function setUp() public override {
        handler = new ModelsHandler();
        handler.makeModel(uint256(keccak256("first")));
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](7);
        actions[0] = ModelsHandler.makeModel.selector;
        actions[1] = ModelsHandler.attest.selector;
        actions[2] = ModelsHandler.disturb.selector;
        actions[3] = ModelsHandler.move.selector;
        actions[4] = ModelsHandler.hurry.selector;
        actions[5] = ModelsHandler.pay.selector;
        actions[6] = ModelsHandler.claim.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    /// @dev One campaign for all rules, because separate ones would walk the same sequences again.
    function invariant_rulesOfModelsHold() external view {
        vm.assertFalse(handler.releasedUnaudited(), "6: not enough live audits, or by somebody with a tie");
        vm.assertFalse(handler.releasedEarly(), "6: before the delay was over");
        vm.assertFalse(handler.releasedHarmful(), "6: while suspended");
        vm.assertFalse(handler.movedByOthers(), "10: moved without a vote, or another's part taken");
        vm.assertTrue(handler.edgesHeld(), "10: an edge that there is not");
        vm.assertFalse(handler.overpaid(), "8: more than its part");
        uint256 unclaimed;
        for (uint256 i; i < handler.count(); ++i) {
            unclaimed += _checkMoney(handler.modelIds(i));
        }
        vm.assertEq(handler.creditOfRegistry(), unclaimed, "8: what nobody took yet is there");
    }

    function _checkMoney(bytes32 modelId) private view returns (uint256 unclaimed) {
        IModelRegistry models = handler.registry();
        (uint256 shares, uint256 owners, uint256 claimable) = (0, 0, 0);
        unclaimed = handler.paid(modelId);
        for (uint256 id = 1; id <= handler.members(); ++id) {
            uint256 own = models.sharesOf(modelId, id);
            shares += own;
            if (own != 0) ++owners;
            claimable += models.claimable(modelId, address(0), id);
            unclaimed -= handler.claimedBy(modelId, id);
        }
        vm.assertEq(shares, 1_000_000, "8: shares");
        vm.assertEq(models.received(modelId, address(0)), handler.paid(modelId), "8: received");
        vm.assertLe(claimable, unclaimed, "8: more can be claimed than is there");
        vm.assertTrue(unclaimed - claimable < owners, "8: dust");
    }
}

/// @notice The walks do reach releases, refusals and claims; without that the rules above say nothing.
contract ModelsWalkTest is CommonsTest {
    function setUp() public override {}

    function test_walk_reachesReleases() public {
        ModelsHandler handler = new ModelsHandler();
        for (uint256 i; i < 120; ++i) {
            uint256 word = uint256(keccak256(abi.encode(i)));
            handler.makeModel(word);
            handler.attest(word >> 1);
            handler.hurry(word >> 2);
            if (i % 3 == 0) handler.disturb(word >> 3);
            if (i % 17 == 0) handler.move(word >> 4);
            handler.pay(word >> 5);
            handler.claim(word >> 6);
        }
        vm.assertGe(handler.releases(), 1, "releases");
        vm.assertGe(handler.refusals(), 20, "refusals");
        vm.assertGe(handler.claims(), 20, "claims");
        vm.assertFalse(handler.releasedUnaudited() || handler.overpaid());
    }
}
