// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataRegistry} from "../../src/interfaces/IDataRegistry.sol";
import {StrangerTest} from "../base/StrangerTest.sol";

contract DataRegistryFuzzTest is StrangerTest {
    /// @dev A dataset that nobody listed cannot be moved (suspend).
    function test_suspend_failsForUnknownDatasets(address caller, uint256 id) public {
        bytes memory error = abi.encodeWithSelector(IDataRegistry.DataRegistryNotOwner.selector, id, caller);
        _assertRefused(address(data), caller, abi.encodeCall(IDataRegistry.suspend, (id)), error);
    }

    /// @dev A dataset that nobody listed cannot be moved (resume).
    function test_resume_failsForUnknownDatasets(address caller, uint256 id) public {
        bytes memory error = abi.encodeWithSelector(IDataRegistry.DataRegistryNotOwner.selector, id, caller);
        _assertRefused(address(data), caller, abi.encodeCall(IDataRegistry.resume, (id)), error);
    }

    /// @dev A dataset that nobody listed cannot be moved (retire).
    function test_retire_failsForUnknownDatasets(address caller, uint256 id) public {
        bytes memory error = abi.encodeWithSelector(IDataRegistry.DataRegistryNotOwner.selector, id, caller);
        _assertRefused(address(data), caller, abi.encodeCall(IDataRegistry.retire, (id)), error);
    }

    /// @dev A consent that nobody gave cannot be revoked.
    function test_revoke_failsForUnknownConsents(address caller, bytes32 consentId) public {
        bytes memory error = abi.encodeWithSelector(IDataRegistry.DataRegistryUnknownConsent.selector, consentId);
        _assertRefused(address(data), caller, abi.encodeCall(IDataRegistry.revoke, (consentId)), error);
    }
}
