// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Absence} from "../../src/types/RunTypes.sol";
import {ModelTest} from "../base/ModelTest.sol";
import {RunTest} from "../base/RunTest.sol";

/// @notice What the commons' transactions cost, each as a transaction of its own. The figures stand in `snapshots/`; forge
/// fails when one differs (`make contracts-test`), so that whoever makes a call dearer sees it and commits the new figure.
contract CostsTest is ModelTest {
    string private constant GROUP = "Costs";

    /// @dev A seat's transactions from enrolment to the result, in a run of five.
    /// forge-config: default.isolate = true
    function test_gas_ofASeat() public {
        _prepare(5);
        _open(_spec(3, 48));
        for (uint256 id = 1; id <= 5; ++id) {
            _enrol(id, Absence.Wait);
        }
        vm.snapshotGasLastCall(GROUP, "enrol");
        _close();
        for (uint256 id = 1; id <= 5; ++id) {
            _ack(id);
        }
        _round(5, 0, "initial");
        _submit(1, 1, 0, "first");
        _submit(2, 1, 0, "first");
        vm.snapshotGasLastCall(GROUP, "submit");
        for (uint256 id = 3; id <= 5; ++id) {
            _submit(id, 1, 0, "first");
        }
        _commit(1, 1, 0);
        _commit(2, 1, 0);
        vm.snapshotGasLastCall(GROUP, "commit");
        for (uint256 id = 3; id <= 5; ++id) {
            _commit(id, 1, 0);
        }
        _reveal(1, 1, 0);
        _reveal(2, 1, 0);
        vm.snapshotGasLastCall(GROUP, "reveal");
        for (uint256 id = 3; id <= 5; ++id) {
            _reveal(id, 1, 0);
        }
        _result(1, 1, 0, "second");
        _result(2, 1, 0, "second");
        vm.snapshotGasLastCall(GROUP, "result");
    }

    /// @dev A member's vote.
    /// forge-config: default.isolate = true
    function test_gas_ofAVote() public {
        _admit(1, 2);
        vm.warp(vm.getBlockTimestamp() + 1);
        address[] memory targets = new address[](1);
        targets[0] = address(membership);
        vm.prank(_account(1));
        uint256 proposalId = commonsGovernor.propose(targets, new uint256[](1), new bytes[](1), "why");
        vm.warp(vm.getBlockTimestamp() + VOTE_DELAY + 1);
        vm.prank(_account(2));
        commonsGovernor.castVote(proposalId, 1);
        vm.snapshotGasLastCall(GROUP, "vote");
    }

    /// @dev The release of a model of four with two audits.
    /// forge-config: default.isolate = true
    function test_gas_ofARelease() public {
        _prepareRun();
        _register();
        _requestAudit();
        bytes32[] memory audits = _audits(AUDITS);
        models.clear(runId, audits);
        _pass(AUDIT_DELAY);
        _release(audits);
        vm.snapshotGasLastCall(GROUP, "release");
    }
}

/// @notice What a whole round costs.
contract RoundCostsTest is RunTest {
    /// @dev One steady round of five stays under 1.5M gas, one of twenty under 6M, in cells too.
    /// forge-config: default.isolate = true
    function test_gas_ofARound() public {
        uint256 five = _gasOfSecondRound(5, 0);
        uint256 twenty = _gasOfSecondRound(20, 0);
        uint256 divided = _gasOfSecondRound(20, 4);
        vm.snapshotValue("Rounds", "round of five", five);
        vm.snapshotValue("Rounds", "round of twenty", twenty);
        vm.snapshotValue("Rounds", "round of twenty in cells", divided);
        vm.assertLe(five, 1_500_000, "five seats");
        vm.assertLe(twenty, 6_000_000, "twenty seats");
        vm.assertLe(divided, 6_000_000, "twenty seats in cells");
    }

    function _gasOfSecondRound(uint256 n, uint8 cellSize) private returns (uint256 total) {
        uint256 before = vm.snapshotState();
        _toOpen(n, 2 * cellSize + 3, cellSize);
        _round(n, 0, "initial");
        for (uint256 id = 1; id <= n; ++id) {
            _submit(id, 1, 0, "first");
            total += vm.lastCallGas().gasTotalUsed;
        }
        for (uint256 id = 1; id <= n; ++id) {
            _commit(id, 1, 0);
            total += vm.lastCallGas().gasTotalUsed;
        }
        for (uint256 id = 1; id <= n; ++id) {
            _reveal(id, 1, 0);
            total += vm.lastCallGas().gasTotalUsed;
        }
        vm.revertToState(before);
    }
}
