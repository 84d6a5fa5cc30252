// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vault} from "../../src/Vault.sol";
import {TestToken} from "../doubles/TestToken.sol";
import {CommonsTest} from "./CommonsTest.sol";

/// @notice Puts money into vaults: COIN stands for the chain's own, `token` is an honest ERC-20.
abstract contract MoneyTest is CommonsTest {
    address internal constant COIN = address(0);

    TestToken internal token;

    function setUp() public virtual override {
        super.setUp();
        token = new TestToken();
    }

    function _deposit(Vault at, address account, address money, uint256 amount) internal {
        if (money == COIN) vm.deal(account, account.balance + amount);
        else _approve(at, account, TestToken(money), amount);
        vm.prank(account);
        at.deposit{value: money == COIN ? amount : 0}(money, amount);
    }

    function _approve(Vault at, address account, TestToken money, uint256 amount) internal {
        money.mint(account, amount);
        vm.prank(account);
        money.approve(address(at), amount);
    }

    function _held(Vault at, address money) internal view returns (uint256) {
        return money == COIN ? address(at).balance : TestToken(money).balanceOf(address(at));
    }

    function _creditOf(Vault at, address account, address money) internal view returns (uint256) {
        return at.balanceOf(account, at.idOf(money));
    }

    /// @dev What the vault owes it has; with tokens that move what they promise, to the last unit.
    function _assertConserved(Vault at, address money) internal view {
        vm.assertEq(_held(at, money), at.credits(money) + at.locked(money), "conservation");
    }
}
