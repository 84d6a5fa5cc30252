// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGoverned} from "../../src/interfaces/IGoverned.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {StrangerTest} from "../base/StrangerTest.sol";

contract ModelRegistryFuzzTest is StrangerTest {
    /// @dev No audit is asked for of a model that nobody registered.
    function test_requestAudit_failsForUnknownModels(address caller, bytes32 id) public {
        bytes memory error = abi.encodeWithSelector(IModelRegistry.ModelRegistryUnknown.selector, id);
        _assertRefused(address(models), caller, abi.encodeCall(IModelRegistry.requestAudit, (id)), error);
    }

    /// @dev No audit clears a model that nobody registered.
    function test_clear_failsForUnknownModels(address caller, bytes32 id, bytes32[] calldata audits) public {
        bytes memory error = abi.encodeWithSelector(IModelRegistry.ModelRegistryUnknown.selector, id);
        _assertRefused(address(models), caller, abi.encodeCall(IModelRegistry.clear, (id, audits)), error);
    }

    /// @dev The card of a model that nobody registered is nobody's to put right.
    function test_amend_failsForUnknownModels(address caller, bytes32 id, bytes32 card, bytes32 licence) public {
        bytes memory error = abi.encodeWithSelector(IModelRegistry.ModelRegistryUnknown.selector, id);
        _assertRefused(address(models), caller, abi.encodeCall(IModelRegistry.amend, (id, card, licence)), error);
    }

    /// @dev Only the members' vote suspends a model.
    function test_suspend_failsForStrangers(address caller, bytes32 id, bytes32 reason) public {
        bytes memory error = abi.encodeWithSelector(IGoverned.GovernedNotTimelock.selector, caller);
        _assertRefused(address(models), caller, abi.encodeCall(IModelRegistry.suspend, (id, reason)), error);
    }

    /// @dev Only the members' vote lets a model be used again.
    function test_resume_failsForStrangers(address caller, bytes32 id) public {
        bytes memory error = abi.encodeWithSelector(IGoverned.GovernedNotTimelock.selector, caller);
        _assertRefused(address(models), caller, abi.encodeCall(IModelRegistry.resume, (id)), error);
    }

    /// @dev A model that nobody registered cannot be withdrawn.
    function test_withdraw_failsForUnknownModels(address caller, bytes32 id, bytes32 reason) public {
        bytes memory error = abi.encodeWithSelector(IModelRegistry.ModelRegistryUnknown.selector, id);
        _assertRefused(address(models), caller, abi.encodeCall(IModelRegistry.withdraw, (id, reason)), error);
    }
}
