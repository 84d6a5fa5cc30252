// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBonds} from "../src/interfaces/IBonds.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Absence, RunSpec, RunState} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";

/// @notice What a seat locks when it enrols, and what the ledger keeps of when its data were used.
contract TrainingRunsBondsTest is RunTest {
    uint256 private constant BOND = 5;

    /// @dev Opens a run with a bond; the first `credited` participants can pay it.
    function _openBonded(uint256 n, uint256 credited) private {
        _prepare(n);
        RunSpec memory spec = _spec(3, 48);
        spec.bond = BOND;
        _open(spec);
        vault.deposit{value: BOND * n}(address(0), BOND * n);
        for (uint256 id = 1; id <= credited; ++id) {
            vault.transfer(_account(id), 0, BOND);
        }
    }

    function _toBondedAcking(uint256 n) private {
        _openBonded(n, n);
        for (uint256 id = 1; id <= n; ++id) {
            _enrol(id, Absence.Wait);
        }
        _close();
    }

    // ----------------------------------------------------------------------------------------------------------- bonds

    /// @dev The bond leaves the enrolling account's credit, until two years after the end of enrolment at the latest.
    function test_enrol_locksTheBond() public {
        _openBonded(3, 1);
        uint64 expiry = uint64(START + 1 days + 730 days);
        vm.expectEmit(address(bonds));
        emit IBonds.BondTaken(runId, 1, _account(1), address(0), BOND, expiry);
        _enrol(1, Absence.Wait);
        IVault.Lock memory bond = vault.lockOf(bonds.lockOf(runId, 1));
        vm.assertEq(bond.amount, BOND);
        vm.assertEq(bond.expiry, expiry);
        vm.assertEq(vault.balanceOf(_account(1), 0), 0);
    }

    /// @dev Who cannot pay gets no seat, and its consent is not used.
    function test_enrol_failsWithoutCredit() public {
        _openBonded(3, 0);
        vm.prank(_account(1));
        vm.expectPartialRevert(ERC6909.ERC6909InsufficientBalance.selector);
        runs.enrol(runId, 1, consentOf[1], Absence.Wait, "");
        vm.assertEq(runs.seats(runId).length, 0);
        vm.assertEq(data.consent(consentOf[1]).uses, 0);
    }

    function test_enrol_locksNothingWithoutABond() public {
        _toAcking(3, 3, Absence.Wait);
        vm.assertEq(uint256(vault.lockOf(bonds.lockOf(runId, 1)).state), uint256(IVault.LockState.None));
    }

    /// @dev Only TrainingRuns takes bonds.
    function test_take_failsForOthers(address caller) public {
        vm.assume(caller != address(runs));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondsNotRuns.selector, caller));
        bonds.take("run", 1, caller, address(0), 1, uint64(START + 1 days));
    }

    /// @dev A seat owes its bond from enrolment until its run is over, in whichever way it ends.
    function test_owesBond_untilTheRunIsOver() public {
        RunState[4] memory ends = [RunState.Aborted, RunState.Aborted, RunState.Completed, RunState.Ended];
        for (uint256 row; row < ends.length; ++row) {
            uint256 before = vm.snapshotState();
            _toBondedAcking(3);
            _end(row);
            vm.assertEq(uint256(_machine().state), uint256(ends[row]), vm.toString(row));
            vm.assertTrue(!runs.owesBond(runId, 2), vm.toString(row));
            bonds.giveBack(runId, 2);
            vm.assertEq(vault.balanceOf(_account(2), 0), BOND);
            vm.revertToState(before);
        }
    }

    /// @dev 0: no Acks; 1: cancelled; 2: completed; 3: over after a round.
    function _end(uint256 row) private {
        vm.assertTrue(runs.owesBond(runId, 2), "enrolled");
        if (row == 0) {
            _pass(PHASE + PATIENCE);
            return runs.advance(runId);
        }
        if (row >= 2) _oneRound();
        vm.assertTrue(runs.owesBond(runId, 2), "running");
        if (row == 2) return _finish(3, 0, "1");
        if (row == 3) _submitAll(3, 1, "1");
        vm.prank(_account(solver));
        runs.cancel(runId);
    }

    function _oneRound() private {
        for (uint256 id = 1; id <= 3; ++id) {
            _ack(id);
        }
        _round(3, 0, "0");
    }

    function test_giveBack_failsWhileTheRunGoesOn() public {
        _toBondedAcking(3);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondsStillOwed.selector, runId, 2));
        bonds.giveBack(runId, 2);
    }

    /// @dev A seat that is given up at the close of enrolment owes nothing, while the others do.
    function test_owesBond_notAfterTheSeatIsGivenUp() public {
        _openBonded(4, 4);
        for (uint256 id = 1; id <= 4; ++id) {
            _enrol(id, Absence.Wait);
        }
        vm.prank(_account(4));
        data.revoke(consentOf[4]);
        _close();
        vm.assertTrue(!runs.owesBond(runId, 4));
        vm.assertTrue(runs.owesBond(runId, 3));
    }

    function test_owesBond_notForStrangers(bytes32 anyRun, uint256 anyMember) public view {
        vm.assertTrue(!runs.owesBond(anyRun, anyMember));
    }

    // ---------------------------------------------------------------------------------------------------------- usedAt

    function _usedAt(uint256 id) private view returns (uint256) {
        return runs.seats(runId)[id - 1].seat.usedAt;
    }

    /// @dev Each counted Submit moves it on.
    function test_submit_keepsWhenTheDataWereUsed() public {
        _toOpen(3);
        vm.assertEq(_usedAt(1), 0);
        _pass(7);
        _submit(1, 0, 0, "0");
        vm.assertEq(_usedAt(1), START + 7);
        vm.assertEq(_usedAt(2), 0);
        _submit(2, 0, 0, "0");
        _submit(3, 0, 0, "0");
        _commitAll(3, 0);
        _revealAll(3, 0);
        _pass(5);
        _submit(1, 1, 0, "1");
        vm.assertEq(_usedAt(1), START + 12);
        vm.assertEq(_usedAt(2), START + 7);
    }

    /// @dev A Submit on another state than the agreed one uses nothing: it is never unmasked.
    function test_submit_ofAVoidSidUsesNothing() public {
        _toOpen(5);
        for (uint256 id = 1; id <= 4; ++id) {
            _submit(id, 0, 0, "0");
        }
        _submit(5, 0, 0, "forged");
        vm.assertEq(_usedAt(5), 0);
    }
}
