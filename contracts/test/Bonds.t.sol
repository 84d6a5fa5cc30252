// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bonds} from "../src/Bonds.sol";
import {Vault} from "../src/Vault.sol";
import {IBonds} from "../src/interfaces/IBonds.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {MoneyTest} from "./base/MoneyTest.sol";
import {RunsDouble} from "./doubles/RunsDouble.sol";

/// @notice Bonds of a TrainingRuns that says what the test wants.
contract BondsTest is MoneyTest {
    bytes32 private constant RUN = keccak256("run");
    uint256 private constant MEMBER = 7;
    address private constant PAYER = address(0x9A7E3);
    address private constant VERDICTS = address(0x7E4D1C7);
    uint64 private constant EXPIRY = uint64(START + 10 days);

    RunsDouble private double;
    Vault private bank;
    Bonds private own;

    function setUp() public override {
        super.setUp();
        double = new RunsDouble();
        address[] memory controllers = new address[](1);
        controllers[0] = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        bank = new Vault(controllers, _authority());
        own = new Bonds(bank, double, VERDICTS, _authority());
        vm.assertEq(address(own), controllers[0]);
    }

    function _take(uint256 amount) private {
        _deposit(bank, PAYER, address(token), amount);
        vm.prank(address(double));
        own.take(RUN, MEMBER, PAYER, address(token), amount, EXPIRY);
    }

    /// @dev A bond is a lock of whoever enrolled, under an id that everybody can compute.
    function test_take_locks(bytes32 runId, uint256 memberId, uint128 amount, uint64 expiry) public {
        vm.assume(amount != 0);
        expiry = uint64(_between(expiry, START + 1, type(uint64).max - 1));
        _deposit(bank, PAYER, address(token), amount);
        vm.expectEmit(address(own));
        emit IBonds.BondTaken(runId, memberId, PAYER, address(token), amount, expiry);
        vm.prank(address(double));
        own.take(runId, memberId, PAYER, address(token), amount, expiry);
        bytes32 lockId = keccak256(abi.encode("bond", runId, memberId));
        vm.assertEq(own.lockOf(runId, memberId), lockId);
        IVault.Lock memory lock = bank.lockOf(lockId);
        vm.assertEq(lock.amount, amount);
        vm.assertEq(lock.expiry, expiry);
        vm.assertEq(lock.payer, PAYER);
        vm.assertEq(own.runsContract(), address(double));
    }

    /// @dev Nobody but TrainingRuns spends others' credits here.
    function test_take_failsForOthers(address caller) public {
        vm.assume(caller != address(double));
        _deposit(bank, PAYER, address(token), 10);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondsNotRuns.selector, caller));
        own.take(RUN, MEMBER, PAYER, address(token), 10, EXPIRY);
        vm.assertEq(_creditOf(bank, PAYER, address(token)), 10);
    }

    /// @dev One bond per seat, also after it went back.
    function test_take_failsTwice(bool over) public {
        _take(10);
        if (over) own.giveBack(RUN, MEMBER);
        _deposit(bank, PAYER, address(token), 10);
        bytes32 lockId = own.lockOf(RUN, MEMBER);
        vm.prank(address(double));
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.VaultWrongLockState.selector, lockId, over ? IVault.LockState.Refunded : IVault.LockState.Locked
            )
        );
        own.take(RUN, MEMBER, PAYER, address(token), 10, EXPIRY);
    }

    /// @dev Anybody gives it back once the seat owes nothing, before and after the lock's expiry, once.
    function test_giveBack_whenNothingIsOwed(address anybody, uint128 amount, uint64 time) public {
        vm.assume(amount != 0 && anybody != address(forwarder));
        _take(amount);
        double.set(RUN, MEMBER, true);
        vm.warp(_between(time, START, type(uint64).max));
        vm.prank(anybody);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondsStillOwed.selector, RUN, MEMBER));
        own.giveBack(RUN, MEMBER);
        vm.assertEq(bank.locked(address(token)), amount);
        double.set(RUN, MEMBER, false);
        vm.expectEmit(address(own));
        emit IBonds.BondGivenBack(RUN, MEMBER, PAYER, address(token), amount);
        vm.prank(anybody);
        own.giveBack(RUN, MEMBER);
        vm.assertEq(_creditOf(bank, PAYER, address(token)), amount);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondsNone.selector, RUN, MEMBER));
        own.giveBack(RUN, MEMBER);
        _assertConserved(bank, address(token));
    }

    /// @dev Where there is no bond, or the vault gave it back already, there is nothing to give.
    function test_giveBack_failsWithoutBond(bytes32 runId, uint256 memberId) public {
        vm.assume(runId != RUN);
        _take(10);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondsNone.selector, runId, memberId));
        own.giveBack(runId, memberId);
        double.set(RUN, MEMBER, true);
        vm.warp(EXPIRY);
        bank.expire(own.lockOf(RUN, MEMBER));
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondsNone.selector, RUN, MEMBER));
        own.giveBack(RUN, MEMBER);
        vm.assertEq(_creditOf(bank, PAYER, address(token)), 10);
    }

    /// @dev A convicted seat's bond is the commons' credit: the timelock's.
    function test_forfeit_paysTheCommons(uint128 amount) public {
        vm.assume(amount != 0);
        _take(amount);
        vm.expectEmit(address(own));
        emit IBonds.BondForfeited(RUN, MEMBER, PAYER, address(token), amount);
        vm.prank(VERDICTS);
        own.forfeit(RUN, MEMBER);
        vm.assertEq(bank.balanceOf(address(timelock), bank.idOf(address(token))), amount);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondsNone.selector, RUN, MEMBER));
        own.giveBack(RUN, MEMBER);
    }

    /// @dev Nobody but Verdicts takes a bond away.
    function test_forfeit_failsForOthers(address caller) public {
        vm.assume(caller != VERDICTS);
        _take(10);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondsNotVerdicts.selector, caller));
        own.forfeit(RUN, MEMBER);
    }

    /// @dev Where no bond is locked, or its time is over, a conviction takes nothing and is not in anybody's way.
    function test_forfeit_ofNothingDoesNothing() public {
        vm.prank(VERDICTS);
        own.forfeit(RUN, MEMBER);
        _take(10);
        vm.warp(EXPIRY);
        vm.prank(VERDICTS);
        own.forfeit(RUN, MEMBER);
        bank.expire(own.lockOf(RUN, MEMBER));
        vm.assertEq(bank.balanceOf(PAYER, bank.idOf(address(token))), 10);
    }
}
