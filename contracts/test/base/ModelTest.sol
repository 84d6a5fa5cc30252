// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAttestations} from "../../src/interfaces/IAttestations.sol";
import {IMembership} from "../../src/interfaces/IMembership.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {RunTest} from "./RunTest.sol";

/// @notice A model of five seats, of which seat 2 left after the first round, and auditors 8..10 that have nothing to do with it;
/// member 11 judges the problem.
/// The model's id is `runId`.
abstract contract ModelTest is RunTest {
    uint256 internal constant LEFT = 2;
    uint256 internal constant FIRST_AUDITOR = 8;
    uint256 internal constant JUDGE = 11;
    address internal constant STRANGER = address(0x57A26E2);
    bytes32 internal constant LICENCE = keccak256("CC-BY-4.0");

    function _judgeOfProblem() internal override returns (uint256) {
        _admit(FIRST_AUDITOR, JUDGE);
        return JUDGE;
    }

    /// @dev From nothing to an ended run with an agreed state, not registered.
    function _prepareRun() internal {
        _toOpen(5);
        _round(5, 0, "initial");
        runs.exit(runId, LEFT, 0, _exitSignature(LEFT, 0));
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != LEFT) _submit(id, 1, 0, "first");
        }
        vm.prank(_account(solver));
        runs.cancel(runId);
        for (uint256 id = FIRST_AUDITOR; id < FIRST_AUDITOR + 3; ++id) {
            _makeAuditor(id);
        }
    }

    function _register() internal {
        vm.prank(_account(1));
        models.register(runId, "model card", _state("first"), LICENCE);
    }

    function _makeAuditor(uint256 id) internal {
        if (membership.hasRole(id, IMembership.Role.Auditor)) return;
        vm.prank(address(timelock));
        membership.grantRole(id, IMembership.Role.Auditor);
    }

    function _said() internal view returns (IAttestations.Statement memory) {
        return IAttestations.Statement(IAttestations.Kind.Audit, true, uint64(START + 90 days), runId, "audit report");
    }

    function _attest(uint256 id, IAttestations.Statement memory said) internal returns (bytes32) {
        vm.prank(_account(id));
        return attestations.attest(said);
    }

    function _auditBy(uint256 id) internal returns (bytes32) {
        return _attest(id, _said());
    }

    /// @dev Audits of the first `count` auditors.
    function _audits(uint256 count) internal returns (bytes32[] memory audits) {
        audits = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            audits[i] = _auditBy(FIRST_AUDITOR + i);
        }
    }

    function _requestAudit() internal {
        vm.prank(_account(1));
        models.requestAudit(runId);
    }

    function _release(bytes32[] memory audits) internal {
        vm.prank(_account(solver));
        models.release(runId, audits);
    }

    function _suspendModel() internal {
        vm.prank(address(timelock));
        models.suspend(runId, "harm");
    }

    /// @dev From a run to a model in any state, along the listed edges.
    function _bring(IModelRegistry.ModelState state) internal {
        if (state == IModelRegistry.ModelState.None) return;
        _register();
        if (state == IModelRegistry.ModelState.Withdrawn) {
            vm.prank(_account(solver));
            models.withdraw(runId, "why");
        }
        if (state == IModelRegistry.ModelState.Draft || state == IModelRegistry.ModelState.Withdrawn) return;
        _requestAudit();
        if (state == IModelRegistry.ModelState.InAudit) return;
        bytes32[] memory audits = _audits(AUDITS);
        models.clear(runId, audits);
        _pass(AUDIT_DELAY);
        if (state == IModelRegistry.ModelState.Releasable) return;
        _release(audits);
        if (state == IModelRegistry.ModelState.Suspended) _suspendModel();
    }

    function _modelState() internal view returns (IModelRegistry.ModelState) {
        return models.model(runId).state;
    }

    function _assertState(IModelRegistry.ModelState expected, string memory row) internal view {
        vm.assertEq(uint256(_modelState()), uint256(expected), row);
    }
}
