// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vault} from "../src/Vault.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {MoneyTest} from "./base/MoneyTest.sol";
import {TestToken} from "./doubles/TestToken.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";

/// @notice A vault whose controllers are this test and OTHER. Hostile tokens and receivers: Vault.hostile.t.sol.
contract VaultTest is MoneyTest {
    address private constant OTHER = address(0x07E3);
    address private constant PAYER = address(0x9A7E3);
    address private constant PAYEE = address(0x9A7EE);
    bytes32 private constant LOCK = keccak256("lock");
    uint64 private constant EXPIRY = uint64(START + 10 days);

    Vault private bank;

    /// @dev One call and the error with which it is refused.
    struct Row {
        string name;
        bytes call;
        bytes error;
    }

    function setUp() public override {
        super.setUp();
        address[] memory controllers = new address[](2);
        (controllers[0], controllers[1]) = (address(this), OTHER);
        bank = new Vault(controllers, _authority());
    }

    function _lock(uint256 amount) private {
        _deposit(bank, PAYER, address(token), amount);
        bank.lock(LOCK, PAYER, address(token), amount, EXPIRY);
    }

    /// @dev Sends a row's call as `caller`; it must fail with the row's error and leave everything as it was.
    function _assertRefused(address caller, Row memory row) private {
        bytes32 before = _fingerprint();
        vm.prank(caller);
        (bool done, bytes memory answer) = address(bank).call(row.call);
        vm.assertFalse(done, row.name);
        vm.assertEq(keccak256(answer), keccak256(row.error), row.name);
        vm.assertEq(before, _fingerprint(), row.name);
    }

    function _fingerprint() private view returns (bytes32) {
        return keccak256(
            abi.encode(
                _sums(COIN),
                _sums(address(token)),
                bank.lockOf(LOCK),
                _creditOf(bank, PAYER, address(token)),
                _creditOf(bank, PAYEE, address(token)),
                _creditOf(bank, address(this), address(token))
            )
        );
    }

    function _sums(address money) private view returns (uint256[3] memory) {
        return [_held(bank, money), bank.credits(money), bank.locked(money)];
    }

    // ------------------------------------------------------------------------------------------------- in and out

    /// @dev A deposit becomes the caller's credit to the last unit.
    function test_deposit_creditsTheCaller(uint128 amount, bool coin) public {
        vm.assume(amount != 0);
        address money = coin ? COIN : address(token);
        vm.expectEmit(address(bank));
        emit IVault.Deposited(PAYER, money, amount);
        this.depositFor(money, amount);
        vm.assertEq(_creditOf(bank, PAYER, money), amount);
        vm.assertEq(bank.credits(money), amount);
        _assertConserved(bank, money);
    }

    function depositFor(address money, uint256 amount) external {
        if (money == COIN) vm.deal(PAYER, amount);
        else _approve(bank, PAYER, token, amount);
        vm.prank(PAYER);
        bank.deposit{value: money == COIN ? amount : 0}(money, amount);
    }

    /// @dev What is no money, or not the money that was named, is refused.
    function test_deposit_failsOnBadInput() public {
        Row[4] memory rows = [
            Row(
                "nothing", abi.encodeCall(bank.deposit, (COIN, 0)), abi.encodePacked(IVault.VaultAmountMissing.selector)
            ),
            Row(
                "coin that did not come",
                abi.encodeCall(bank.deposit, (COIN, 5)),
                abi.encodeWithSelector(IVault.VaultValueMismatch.selector, 5, 0)
            ),
            Row(
                "no contract",
                abi.encodeCall(bank.deposit, (address(0xDEAD), 5)),
                abi.encodeWithSelector(IVault.VaultNotToken.selector, address(0xDEAD))
            ),
            Row(
                "no approval",
                abi.encodeCall(bank.deposit, (address(token), 5)),
                abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(bank), 0, 5)
            )
        ];
        for (uint256 i; i < rows.length; ++i) {
            _assertRefused(PAYER, rows[i]);
        }
    }

    /// @dev Coin that comes with a token, or more coin than was said, would belong to nobody.
    function test_deposit_failsOnOtherValue(uint64 value, uint64 amount) public {
        vm.assume(value != amount && amount != 0);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(IVault.VaultValueMismatch.selector, amount, value));
        bank.deposit{value: value}(COIN, amount);
        vm.deal(address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(IVault.VaultValueMismatch.selector, amount, 1));
        bank.deposit{value: 1}(address(token), amount);
    }

    /// @dev Only its owner takes a credit out, all or a part, to wherever it says.
    function test_withdraw_paysOut(uint128 amount, uint128 part, bool coin) public {
        vm.assume(amount != 0);
        part = uint128(_between(part, 1, amount));
        address money = coin ? COIN : address(token);
        _deposit(bank, PAYER, money, amount);
        vm.expectEmit(address(bank));
        emit IVault.Withdrawn(PAYER, money, PAYEE, part);
        vm.prank(PAYER);
        bank.withdraw(money, part, PAYEE);
        vm.assertEq(money == COIN ? PAYEE.balance : token.balanceOf(PAYEE), part);
        vm.assertEq(_creditOf(bank, PAYER, money), amount - part);
        _assertConserved(bank, money);
    }

    /// @dev No more than one has, not nothing, and not to where nobody can take it.
    function test_withdraw_failsOnBadInput(uint128 amount, uint128 more) public {
        (amount, more) = (uint128(_between(amount, 1, 1e30)), uint128(_between(more, 1, 1e30)));
        _deposit(bank, PAYER, address(token), amount);
        address money = address(token);
        bytes memory short = abi.encodeWithSelector(
            ERC6909.ERC6909InsufficientBalance.selector, PAYER, amount, uint256(amount) + more, bank.idOf(money)
        );
        bytes memory none = abi.encodePacked(IVault.VaultAmountMissing.selector);
        bytes memory zero = abi.encodeWithSelector(IVault.VaultReceiverInvalid.selector, address(0));
        bytes memory own = abi.encodeWithSelector(IVault.VaultReceiverInvalid.selector, address(bank));
        Row[4] memory rows = [
            Row("too much", abi.encodeCall(bank.withdraw, (money, uint256(amount) + more, PAYEE)), short),
            Row("nothing", abi.encodeCall(bank.withdraw, (money, 0, PAYEE)), none),
            Row("to nobody", abi.encodeCall(bank.withdraw, (money, 1, address(0))), zero),
            Row("to the vault", abi.encodeCall(bank.withdraw, (money, 1, address(bank))), own)
        ];
        for (uint256 i; i < rows.length; ++i) {
            _assertRefused(PAYER, rows[i]);
        }
    }

    /// @dev Nobody has a function that takes what is not its own: what was sent here by mistake stays.
    function test_strayMoney_isNobodys(uint128 amount) public {
        token.mint(address(bank), amount);
        vm.deal(address(bank), amount);
        vm.assertEq(bank.credits(address(token)) + bank.credits(COIN), 0);
        (bool taken,) = address(bank).call{value: 0}("");
        vm.assertFalse(taken);
    }

    /// @dev A member without coins deposits and withdraws through the forwarder, as itself.
    function test_forwarded_actsForTheSigner(uint128 amount) public {
        vm.assume(amount != 0);
        _deposit(bank, PAYER, address(token), amount);
        bytes memory call = abi.encodeCall(bank.withdraw, (address(token), amount, PAYEE));
        vm.prank(address(forwarder));
        (bool done,) = address(bank).call(abi.encodePacked(call, PAYER));
        vm.assertTrue(done);
        vm.assertEq(token.balanceOf(PAYEE), amount);
    }

    // ----------------------------------------------------------------------------------------------------------- locks

    /// @dev A lock takes the payer's credit away and is what the controller said.
    function test_lock_takesTheCredit(bytes32 lockId, uint128 amount, uint64 expiry) public {
        vm.assume(amount != 0);
        expiry = uint64(_between(expiry, START + 1, type(uint64).max - 1));
        _deposit(bank, PAYER, address(token), amount);
        vm.expectEmit(address(bank));
        emit IVault.LockMade(lockId, address(this), PAYER, address(token), amount, expiry);
        bank.lock(lockId, PAYER, address(token), amount, expiry);
        IVault.Lock memory made = bank.lockOf(lockId);
        vm.assertEq(
            keccak256(abi.encode(made)),
            keccak256(abi.encode(address(this), expiry, IVault.LockState.Locked, PAYER, address(token), amount))
        );
        vm.assertEq(_creditOf(bank, PAYER, address(token)), 0);
        vm.assertEq(bank.locked(address(token)), amount);
        _assertConserved(bank, address(token));
    }

    /// @dev An id is used once, a lock has a time and an amount, and nobody's missing money is locked.
    function test_lock_failsOnBadInput(uint64 expiry) public {
        expiry = uint64(_between(expiry, 0, START));
        _lock(10);
        address money = address(token);
        bytes memory used = abi.encodeWithSelector(IVault.VaultWrongLockState.selector, LOCK, IVault.LockState.Locked);
        bytes memory short =
            abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, PAYER, 0, 1, bank.idOf(money));
        Row[5] memory rows = [
            Row(
                "now",
                abi.encodeCall(bank.lock, ("b", PAYER, money, 1, uint64(START))),
                abi.encodeWithSelector(IVault.VaultExpiryPassed.selector, uint64(START))
            ),
            Row("used", abi.encodeCall(bank.lock, (LOCK, PAYER, money, 1, EXPIRY)), used),
            Row(
                "past",
                abi.encodeCall(bank.lock, ("b", PAYER, money, 1, expiry)),
                abi.encodeWithSelector(IVault.VaultExpiryPassed.selector, expiry)
            ),
            Row(
                "nothing",
                abi.encodeCall(bank.lock, ("b", PAYER, money, 0, EXPIRY)),
                abi.encodePacked(IVault.VaultAmountMissing.selector)
            ),
            Row("too much", abi.encodeCall(bank.lock, ("b", PAYER, money, 1, EXPIRY)), short)
        ];
        for (uint256 i; i < rows.length; ++i) {
            _assertRefused(address(this), rows[i]);
        }
    }

    /// @dev Before its expiry the controller gives it to whom it wants.
    function test_release_paysThePayee(uint128 amount, uint64 time) public {
        vm.assume(amount != 0);
        _lock(amount);
        vm.warp(_between(time, START, EXPIRY - 1));
        vm.expectEmit(address(bank));
        emit IVault.LockReleased(LOCK, PAYEE, address(token), amount);
        bank.release(LOCK, PAYEE);
        _assertEnded(IVault.LockState.Released, PAYEE, amount);
    }

    /// @dev The controller may give it back at any time, also after its expiry.
    function test_refund_givesBack(uint128 amount, uint64 time) public {
        vm.assume(amount != 0);
        _lock(amount);
        vm.warp(_between(time, START, type(uint64).max));
        vm.expectEmit(address(bank));
        emit IVault.LockRefunded(LOCK, PAYER, address(token), amount);
        bank.refund(LOCK);
        _assertEnded(IVault.LockState.Refunded, PAYER, amount);
    }

    /// @dev From its expiry on anybody gives it back, and nobody gets it but the payer.
    function test_expire_givesBack(address anybody, uint128 amount, uint64 time) public {
        vm.assume(amount != 0 && anybody != address(forwarder));
        _lock(amount);
        vm.warp(_between(time, EXPIRY, type(uint64).max));
        bytes memory expired = abi.encodeWithSelector(IVault.VaultLockExpired.selector, LOCK, EXPIRY);
        _assertRefused(address(this), Row("too late", abi.encodeCall(bank.release, (LOCK, PAYEE)), expired));
        vm.expectEmit(address(bank));
        emit IVault.LockExpired(LOCK, PAYER, address(token), amount);
        vm.prank(anybody);
        bank.expire(LOCK);
        _assertEnded(IVault.LockState.Expired, PAYER, amount);
    }

    function _assertEnded(IVault.LockState state, address who, uint256 amount) private view {
        vm.assertEq(uint256(bank.lockOf(LOCK).state), uint256(state));
        vm.assertEq(_creditOf(bank, who, address(token)), amount);
        vm.assertEq(bank.locked(address(token)), 0);
        _assertConserved(bank, address(token));
    }

    /// @dev Until its expiry, to the second, nobody but the controller ends it.
    function test_expire_failsBefore(uint64 time) public {
        _lock(10);
        vm.warp(_between(time, START, EXPIRY - 1));
        bytes memory early = abi.encodeWithSelector(IVault.VaultNotExpired.selector, LOCK, EXPIRY);
        _assertRefused(PAYER, Row("payer", abi.encodeCall(bank.expire, (LOCK)), early));
        _assertRefused(address(this), Row("controller", abi.encodeCall(bank.expire, (LOCK)), early));
    }

    /// @dev Every lock ends exactly once: each way of ending refuses what has ended, was never made, or each other way.
    function test_ended_isOver(uint64 time) public {
        for (uint256 way; way < 4; ++way) {
            uint256 fresh = vm.snapshotState();
            if (way != 0) _lock(10);
            if (way == 1) bank.release(LOCK, PAYEE);
            if (way == 2) bank.refund(LOCK);
            vm.warp(_between(time, START, type(uint64).max));
            if (way == 3) _expireLate();
            IVault.LockState state = way == 0 ? IVault.LockState.None : IVault.LockState(way + 1);
            bytes memory over = abi.encodeWithSelector(IVault.VaultWrongLockState.selector, LOCK, state);
            _assertRefused(address(this), Row("release", abi.encodeCall(bank.release, (LOCK, PAYEE)), over));
            _assertRefused(address(this), Row("refund", abi.encodeCall(bank.refund, (LOCK)), over));
            _assertRefused(PAYER, Row("expire", abi.encodeCall(bank.expire, (LOCK)), over));
            if (way != 0) {
                bytes memory again = abi.encodeCall(bank.lock, (LOCK, PAYER, address(token), 1, type(uint64).max));
                _assertRefused(address(this), Row("again", again, over));
            }
            vm.revertToState(fresh);
        }
    }

    function _expireLate() private {
        vm.warp(EXPIRY);
        bank.expire(LOCK);
    }

    // ----------------------------------------------------------------------------------------------------- controllers

    /// @dev Nobody but a controller locks or collects; of a lock, nobody but the controller that made it decides.
    function test_controllers_only(address stranger) public {
        vm.assume(stranger != address(this) && stranger != OTHER && stranger != address(forwarder));
        _assumePowerless(stranger);
        _lock(10);
        _deposit(bank, PAYER, address(token), 10);
        bytes memory refused = abi.encodeWithSelector(IVault.VaultNotController.selector, stranger);
        bytes memory lock = abi.encodeCall(bank.lock, ("b", PAYER, address(token), 1, EXPIRY));
        _assertRefused(stranger, Row("lock", lock, refused));
        bytes memory collect = abi.encodeCall(bank.collect, (PAYER, address(token), 1));
        _assertRefused(stranger, Row("collect", collect, refused));
        address[3] memory callers = [stranger, OTHER, PAYER];
        for (uint256 i; i < callers.length; ++i) {
            bytes memory notLocker = abi.encodeWithSelector(IVault.VaultNotLocker.selector, LOCK, callers[i]);
            _assertRefused(callers[i], Row("release", abi.encodeCall(bank.release, (LOCK, callers[i])), notLocker));
            _assertRefused(callers[i], Row("refund", abi.encodeCall(bank.refund, (LOCK)), notLocker));
        }
    }

    /// @dev A controller's own credit is what it was paid; it hands it on as ERC-6909.
    function test_collect_isTheControllers(uint128 amount, uint128 part) public {
        vm.assume(amount != 0);
        part = uint128(_between(part, 1, amount));
        _deposit(bank, PAYER, address(token), amount);
        vm.expectEmit(address(bank));
        emit IVault.Collected(address(this), PAYER, address(token), part);
        bank.collect(PAYER, address(token), part);
        vm.assertEq(_creditOf(bank, address(this), address(token)), part);
        bank.transfer(PAYEE, bank.idOf(address(token)), part);
        vm.assertEq(_creditOf(bank, PAYEE, address(token)), part);
        vm.assertEq(_creditOf(bank, PAYER, address(token)), amount - part);
        vm.assertEq(bank.credits(address(token)), amount);
    }

    /// @dev Controllers are named once, by an address each.
    function test_constructor_failsOnBadControllers() public {
        address[] memory controllers = new address[](2);
        (controllers[0], controllers[1]) = (OTHER, OTHER);
        vm.expectRevert(abi.encodePacked(IVault.VaultControllersInvalid.selector));
        new Vault(controllers, _authority());
        controllers[1] = address(0);
        vm.expectRevert(abi.encodePacked(IVault.VaultControllersInvalid.selector));
        new Vault(controllers, _authority());
        vm.assertTrue(bank.isController(OTHER));
        vm.assertFalse(bank.isController(PAYER));
    }

    // -------------------------------------------------------------------------------------------------------- ERC-6909

    /// @dev A credit changes hands by its owner, by an allowance or by an operator, and their sum stays.
    function test_transfer_movesTheCredit(uint128 amount, uint128 part, uint8 how) public {
        vm.assume(amount != 0);
        part = uint128(_between(part, 0, amount));
        _deposit(bank, PAYER, address(token), amount);
        uint256 id = bank.idOf(address(token));
        vm.startPrank(PAYER);
        if (how % 3 == 0) bank.transfer(PAYEE, id, part);
        if (how % 3 == 1) bank.approve(OTHER, id, part);
        if (how % 3 == 2) bank.setOperator(OTHER, true);
        vm.stopPrank();
        vm.prank(OTHER);
        if (how % 3 != 0) bank.transferFrom(PAYER, PAYEE, id, part);
        vm.assertEq(bank.balanceOf(PAYEE, id), part);
        vm.assertEq(bank.balanceOf(PAYER, id), amount - part);
        vm.assertEq(bank.credits(address(token)), amount);
        _assertConserved(bank, address(token));
    }

    /// @dev Not without permission, and not to the vault or nobody, where it would be lost.
    function test_transfer_failsOnBadInput() public {
        _deposit(bank, PAYER, address(token), 10);
        uint256 id = bank.idOf(address(token));
        bytes memory denied = abi.encodeWithSelector(ERC6909.ERC6909InsufficientAllowance.selector, PAYEE, 0, 1, id);
        bytes memory steal = abi.encodeCall(bank.transferFrom, (PAYER, PAYEE, id, 1));
        _assertRefused(PAYEE, Row("steal", steal, denied));
        bytes memory own = abi.encodeWithSelector(IVault.VaultReceiverInvalid.selector, address(bank));
        _assertRefused(PAYER, Row("to the vault", abi.encodeCall(bank.transfer, (address(bank), id, 1)), own));
        bytes memory zero = abi.encodeWithSelector(ERC6909.ERC6909InvalidReceiver.selector, address(0));
        _assertRefused(PAYER, Row("to nobody", abi.encodeCall(bank.transfer, (address(0), id, 1)), zero));
    }

    /// @dev A lock is not given to the vault itself either; it stays locked.
    function test_release_failsToTheVault() public {
        _lock(10);
        bytes memory own = abi.encodeWithSelector(IVault.VaultReceiverInvalid.selector, address(bank));
        _assertRefused(address(this), Row("own", abi.encodeCall(bank.release, (LOCK, address(bank))), own));
    }

    /// @dev The id of a token is its address as a number.
    function test_idOf_isTheAddress(address money) public view {
        vm.assertEq(bank.idOf(money), uint160(money));
    }
}
