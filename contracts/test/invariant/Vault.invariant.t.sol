// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vault} from "../../src/Vault.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {CommonsTest} from "../base/CommonsTest.sol";
import {TestToken} from "../doubles/TestToken.sol";
import {VaultHandler} from "./VaultHandler.sol";

/// @notice Rule 1: the vault holds what it owes, by money and by account; every lock ends in exactly one way.
contract VaultInvariantTest is CommonsTest {
    VaultHandler private handler;

    function setUp() public override {
        handler = new VaultHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](11);
        (actions[0], actions[1]) = (VaultHandler.deposit.selector, VaultHandler.withdraw.selector);
        (actions[2], actions[3]) = (VaultHandler.transfer.selector, VaultHandler.lock.selector);
        (actions[4], actions[5]) = (VaultHandler.release.selector, VaultHandler.refund.selector);
        (actions[6], actions[7]) = (VaultHandler.expire.selector, VaultHandler.collect.selector);
        (actions[8], actions[9]) = (VaultHandler.wait_.selector, VaultHandler.stray.selector);
        actions[10] = VaultHandler.misuse.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    /// @dev Balance >= credits + locks, and both are what came in less what went out.
    function invariant_theVaultHoldsWhatItOwes() external view {
        Vault bank = handler.bank();
        for (uint256 i; i < handler.moneyCount(); ++i) {
            address money = handler.moneyAt(i);
            uint256 held = money == address(0) ? address(bank).balance : TestToken(money).balanceOf(address(bank));
            uint256 owed = bank.credits(money) + bank.locked(money);
            vm.assertGe(held, owed, "balance");
            vm.assertEq(owed, handler.came(money) - handler.went(money), "in less out");
        }
    }

    /// @dev The ERC-6909 balances are what each is owed by a count of our own, and their sum is the credits.
    function invariant_creditsAreTheSumOfBalances() external view {
        Vault bank = handler.bank();
        for (uint256 i; i < handler.moneyCount(); ++i) {
            address money = handler.moneyAt(i);
            uint256 total;
            for (uint256 k; k < handler.holderCount(); ++k) {
                address holder = handler.holderAt(k);
                uint256 balance = bank.balanceOf(holder, bank.idOf(money));
                vm.assertEq(balance, handler.owed(money, holder), "balance");
                total += balance;
            }
            vm.assertEq(total, bank.credits(money), "sum");
        }
    }

    /// @dev A lock is Locked until it ended once, and then what it ended as for ever; locked is the sum of those that wait.
    function invariant_everyLockEndsInExactlyOneWay() external view {
        Vault bank = handler.bank();
        uint256[3] memory waiting;
        for (uint256 i; i < handler.lockCount(); ++i) {
            bytes32 lockId = handler.lockIds(i);
            IVault.Lock memory lock = bank.lockOf(lockId);
            vm.assertLe(handler.ends(lockId), 1, "ended twice");
            if (handler.ends(lockId) == 1) {
                vm.assertEq(uint256(lock.state), uint256(handler.endedAs(lockId)), "1: not as it ended");
                continue;
            }
            vm.assertEq(uint256(lock.state), uint256(IVault.LockState.Locked), "1: not waiting");
            for (uint256 k; k < 3; ++k) {
                if (handler.moneyAt(k) == lock.token) waiting[k] += lock.amount;
            }
        }
        for (uint256 k; k < 3; ++k) {
            vm.assertEq(waiting[k], bank.locked(handler.moneyAt(k)), "locked");
        }
    }

    /// @dev Nothing that the vault must refuse was ever done.
    function invariant_nothingForbiddenWasDone() external view {
        vm.assertEq(handler.taken(), 0);
    }
}
