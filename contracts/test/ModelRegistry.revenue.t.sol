// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {ModelTest} from "./base/ModelTest.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";

/// @notice What a model earns and who takes which part of it.
contract ModelRegistryRevenueTest is ModelTest {
    address private constant COIN = address(0);
    address private constant BUYER = address(0xB0E2);

    function setUp() public override {
        super.setUp();
        _prepareRun();
        _register();
    }

    function _pay(uint256 amount) private {
        vm.deal(BUYER, amount);
        vm.startPrank(BUYER);
        vault.deposit{value: amount}(COIN, amount);
        vm.expectEmit(address(models));
        emit IModelRegistry.RevenuePaid(runId, BUYER, COIN, amount);
        models.pay(runId, COIN, amount);
        vm.stopPrank();
    }

    function _claim(uint256 id) private {
        vm.prank(_account(id));
        models.claim(runId, COIN, id);
    }

    function _credit(address account) private view returns (uint256) {
        return vault.balanceOf(account, 0);
    }

    /// @dev Whoever claims when, each gets floor(all × shares / 1,000,000); less than one unit per owner stays.
    function test_claim_isProRata(uint96[4] memory amounts, uint256 word) public {
        uint256 total;
        for (uint256 i; i < amounts.length; ++i) {
            uint256 amount = uint256(amounts[i]) + 1;
            total += amount;
            _pay(amount);
            uint256 id = _between(word >> (8 * i), 1, 7);
            if (models.claimable(runId, COIN, id) != 0) _claim(id);
        }
        uint256 claimed;
        uint256 owners;
        for (uint256 id = 1; id <= 7; ++id) {
            if (models.claimable(runId, COIN, id) != 0) _claim(id);
            vm.assertEq(_credit(_account(id)), total * models.sharesOf(runId, id) / 1_000_000);
            claimed += _credit(_account(id));
            if (models.sharesOf(runId, id) != 0) ++owners;
        }
        vm.assertEq(models.received(runId, COIN), total);
        vm.assertEq(_credit(address(models)), total - claimed);
        vm.assertTrue(total - claimed < owners, "dust");
    }

    function test_claim_isTold() public {
        _pay(1_000_000);
        vm.expectEmit(address(models));
        emit IModelRegistry.RevenueClaimed(runId, solver, COIN, _account(solver), 100_000);
        _claim(solver);
    }

    /// @dev No amount is too large to be divided.
    function test_claim_takesTheLargestAmount() public {
        _pay(type(uint256).max);
        _claim(solver);
        vm.assertEq(_credit(_account(solver)), type(uint256).max / 10);
    }

    /// @dev Who left after a round takes as much as who stayed.
    function test_claim_isForWhoLeftToo() public {
        _pay(1_000_000);
        _claim(LEFT);
        vm.assertEq(_credit(_account(LEFT)), models.sharesOf(runId, 3));
        vm.assertEq(_credit(_account(LEFT)), 170_000);
    }

    /// @dev Nothing twice, and nothing for who owns nothing: the problem's judge, an auditor, an id that nobody has.
    function test_claim_failsOnNothing() public {
        _pay(1_000_000);
        _claim(1);
        uint256[3] memory owning = [uint256(1), JUDGE, FIRST_AUDITOR];
        for (uint256 i; i < owning.length; ++i) {
            bytes4 error = IModelRegistry.ModelRegistryNothingToClaim.selector;
            vm.prank(_account(owning[i]));
            vm.expectRevert(abi.encodeWithSelector(error, runId, COIN, owning[i]));
            models.claim(runId, COIN, owning[i]);
        }
        vm.prank(_account(1));
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.ModelRegistryNothingToClaim.selector, bytes32("none"), COIN, 1)
        );
        models.claim("none", COIN, 1);
    }

    /// @dev Nobody moves another's part, not even to it: its key may be lost.
    function test_claim_failsForOthers(address stranger, uint256 word) public {
        uint256 id = _between(word, 1, 7);
        vm.assume(stranger != _account(id) && stranger != address(forwarder));
        _assumePowerless(stranger);
        _pay(1_000_000);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNotHolder.selector, id, stranger));
        models.claim(runId, COIN, id);
        vm.prank(address(0));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNothingToClaim.selector, runId, COIN, 99));
        models.claim(runId, COIN, 99);
    }

    /// @dev A recovered membership keeps shares and unpaid revenue; the lost key gets nothing any more.
    function test_claim_followsARecovery() public {
        _pay(1_000_000);
        address account = vm.addr(0xFACADE);
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.recover(1, account);
        }
        _pass(7 days);
        membership.finishRecovery(1);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNotHolder.selector, 1, _account(1)));
        models.claim(runId, COIN, 1);
        vm.prank(account);
        models.claim(runId, COIN, 1);
        vm.assertEq(_credit(account), models.sharesOf(runId, 1));
    }

    /// @dev Owners stay owners: suspended, after they left, and after the model was withdrawn.
    function test_claim_outlivesMembershipAndModel() public {
        vm.prank(_account(solver));
        models.withdraw(runId, 0);
        _pay(1_000_000);
        _suspendMember(1);
        vm.prank(_account(3));
        membership.leave();
        _claim(1);
        _claim(3);
        vm.assertEq(_credit(_account(1)), models.sharesOf(runId, 1));
        vm.assertEq(_credit(_account(3)), models.sharesOf(runId, 3));
    }

    /// @dev Rows: no such model, nothing, more than the credit. Nothing is written down.
    function test_pay_failsOnBadInput(uint256 amount) public {
        amount = _between(amount, 1, type(uint256).max);
        vm.startPrank(BUYER);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryUnknown.selector, bytes32("none")));
        models.pay("none", COIN, amount);
        vm.expectRevert(abi.encodeWithSelector(IVault.VaultAmountMissing.selector));
        models.pay(runId, COIN, 0);
        vm.expectRevert(abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, BUYER, 0, amount, 0));
        models.pay(runId, COIN, amount);
        vm.stopPrank();
        vm.assertEq(models.received(runId, COIN), 0);
    }

    /// @dev Each token is counted by itself.
    function test_claim_keepsTokensApart(address token) public {
        vm.assume(token != COIN);
        _pay(1_000_000);
        vm.assertEq(models.claimable(runId, token, 1), 0);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNothingToClaim.selector, runId, token, 1));
        models.claim(runId, token, 1);
    }
}
