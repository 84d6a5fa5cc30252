// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {Absence, RunSpec} from "../../src/types/RunTypes.sol";
import {RunTest} from "../base/RunTest.sol";

/// @notice Runs whole runs of different sizes and splits and registers their models.
contract ModelsHandler is RunTest {
    uint256 private constant MEMBERS = 7;

    bytes32[] public modelIds;

    constructor() {
        super.setUp();
        _prepare(MEMBERS);
    }

    function setUp() public override {}

    function registry() external view returns (IModelRegistry) {
        return models;
    }

    function count() external view returns (uint256) {
        return modelIds.length;
    }

    function members() external pure returns (uint256) {
        return MEMBERS + 2;
    }

    /// @notice A run of one round, completed or cancelled after its second round was agreed, and its model.
    function makeModel(uint256 word) external {
        uint256 n = _between(word, 3, MEMBERS);
        RunSpec memory spec = _spec(3, 48);
        spec.salt = bytes32(word);
        spec.enrolUntil = uint64(vm.getBlockTimestamp() + 1);
        spec.solverShares = uint32(_between(word >> 16, 0, 1_000_000));
        spec.ownerShares = uint32(_between(word >> 48, 0, 1_000_000 - spec.solverShares));
        if (uint256(runs.run(keccak256(abi.encode(spec))).position.machine.state) != 0) return;
        _open(spec);
        for (uint256 id = 1; id <= n; ++id) {
            consentOf[id] = _give(id, id);
            _enrol(id, Absence.Wait);
        }
        _close();
        for (uint256 id = 1; id <= n; ++id) {
            _ack(id);
        }
        _round(n, 0, "initial");
        _endRun(n, word >> 80);
        vm.prank(_account(_between(word >> 88, 1, n)));
        modelIds.push(models.register(runId, "model card", _state("first"), 0));
    }

    function _endRun(uint256 n, uint256 word) private {
        if (word % 2 == 0) return _finish(n, 0, "first");
        _submitAll(n, 1, "first");
        vm.prank(_account(solver));
        runs.cancel(runId);
    }
}
