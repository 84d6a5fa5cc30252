// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {ModelsHandler} from "./ModelsHandler.sol";

/// @notice Rule 8 as far as it exists: the shares of every model sum to 1,000,000.
/// forge-config: default.invariant.runs = 16
/// forge-config: default.invariant.depth = 8
contract ModelsInvariantTest is CommonsTest {
    ModelsHandler private handler;

    function setUp() public override {
        handler = new ModelsHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](1);
        actions[0] = ModelsHandler.makeModel.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    function invariant_sharesSumToAMillion() external view {
        IModelRegistry models = handler.registry();
        for (uint256 i; i < handler.count(); ++i) {
            uint256 total;
            for (uint256 id = 1; id <= handler.members(); ++id) {
                total += models.sharesOf(handler.modelIds(i), id);
            }
            vm.assertEq(total, 1_000_000);
        }
    }
}
