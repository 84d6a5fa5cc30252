// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vault} from "../src/Vault.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {MoneyTest} from "./base/MoneyTest.sol";
import {
    BurningReceiver,
    HonestReceiver,
    Receiver,
    ReenteringReceiver,
    RevertingReceiver,
    TalkativeReceiver
} from "./doubles/HostileReceivers.sol";
import {
    FalseToken,
    FeeToken,
    GenerousToken,
    GreedyToken,
    HostileToken,
    LyingToken,
    ReenteringToken,
    SeizingToken
} from "./doubles/HostileTokens.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice Tokens that do not keep their promise and receivers that do not want theirs: whatever they do, what the vault
/// owes in other money it has, and a call that it refuses changes nothing.
contract VaultHostileTest is MoneyTest {
    address private constant PAYER = address(0x9A7E3);
    uint256 private constant AMOUNT = 1000;
    uint256 private constant STOCK = 5000;

    /// @dev A hostile token and the amounts that it moves into the vault and out of it; SAFE = SafeERC20 refuses it.
    struct Row {
        string name;
        HostileToken token;
        uint256 into;
        uint256 out;
    }

    uint256 private constant SAFE = type(uint256).max;

    function _rows() private returns (Row[6] memory) {
        return [
            Row("fee", new FeeToken(), 900, AMOUNT),
            Row("generous", new GenerousToken(), 1100, AMOUNT),
            Row("greedy", new GreedyToken(), AMOUNT, 1100),
            Row("seizing", new SeizingToken(), 0, STOCK),
            Row("false", new FalseToken(), SAFE, SAFE),
            Row("lying", new LyingToken(), 0, 0)
        ];
    }

    function _error(Row memory row, uint256 moved) private pure returns (bytes memory) {
        if (moved == SAFE) return abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, row.token);
        return abi.encodeWithSelector(IVault.VaultFeeToken.selector, row.token, AMOUNT, moved);
    }

    /// @dev A deposit is credited only if exactly its amount came.
    function test_deposit_failsOnOtherAmounts() public {
        Row[6] memory rows = _rows();
        for (uint256 i; i < rows.length; ++i) {
            if (rows[i].into == AMOUNT) continue;
            _deposit(vault, PAYER, address(rows[i].token), STOCK);
            rows[i].token.mint(PAYER, 10 * AMOUNT);
            _approve(vault, PAYER, rows[i].token, AMOUNT);
            rows[i].token.turn(true);
            vm.prank(PAYER);
            vm.expectRevert(_error(rows[i], rows[i].into));
            vault.deposit(address(rows[i].token), AMOUNT);
            vm.assertEq(_creditOf(vault, PAYER, address(rows[i].token)), STOCK, rows[i].name);
            _assertConserved(vault, address(rows[i].token));
        }
    }

    /// @dev A token that turned hostile cannot be paid out with what others are owed; the credit stays.
    function test_withdraw_failsOnOtherAmounts() public {
        Row[6] memory rows = _rows();
        for (uint256 i; i < rows.length; ++i) {
            if (rows[i].out == AMOUNT) continue;
            _deposit(vault, PAYER, address(rows[i].token), STOCK);
            rows[i].token.turn(true);
            vm.prank(PAYER);
            vm.expectRevert(_error(rows[i], rows[i].out));
            vault.withdraw(address(rows[i].token), AMOUNT, PAYER);
            vm.assertEq(_creditOf(vault, PAYER, address(rows[i].token)), STOCK, rows[i].name);
            _assertConserved(vault, address(rows[i].token));
        }
    }

    /// @dev A token that calls the vault while it moves gets nothing done there, and another token's money is untouched.
    function test_reenteringToken_isKeptOut(bool out, bool deposits) public {
        ReenteringToken hostile = new ReenteringToken();
        _deposit(vault, PAYER, address(token), STOCK);
        _deposit(vault, address(hostile), address(token), STOCK);
        _deposit(vault, PAYER, address(hostile), STOCK);
        _approve(vault, PAYER, hostile, AMOUNT);
        hostile.prepare(
            address(vault),
            deposits
                ? abi.encodeCall(vault.deposit, (address(token), 1))
                : abi.encodeCall(vault.withdraw, (address(token), STOCK, address(hostile)))
        );
        hostile.turn(true);
        vm.prank(PAYER);
        if (out) vault.withdraw(address(hostile), AMOUNT, PAYER);
        else vault.deposit(address(hostile), AMOUNT);
        vm.assertFalse(hostile.succeeded());
        vm.assertEq(
            keccak256(hostile.answer()),
            keccak256(abi.encodePacked(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector))
        );
        _assertConserved(vault, address(token));
        _assertConserved(vault, address(hostile));
    }

    /// @dev A receiver that calls the vault while it is paid is paid once.
    function test_reenteringReceiver_isPaidOnce() public {
        ReenteringReceiver receiver = new ReenteringReceiver();
        _fundReceiver(receiver, STOCK);
        _deposit(vault, PAYER, COIN, STOCK);
        receiver.prepare(address(vault), abi.encodeCall(vault.withdraw, (COIN, AMOUNT, address(receiver))));
        receiver.act(address(vault), abi.encodeCall(vault.withdraw, (COIN, AMOUNT, address(receiver))));
        vm.assertFalse(receiver.succeeded());
        vm.assertEq(address(receiver).balance, AMOUNT);
        vm.assertEq(_creditOf(vault, address(receiver), COIN), STOCK - AMOUNT);
        _assertConserved(vault, COIN);
    }

    /// @dev A credit that is moved on while it is paid out is gone from its owner exactly once.
    function test_reenteringReceiver_movesOnlyTheRest(uint256 part) public {
        part = _between(part, 0, STOCK);
        ReenteringReceiver receiver = new ReenteringReceiver();
        _fundReceiver(receiver, STOCK);
        receiver.prepare(address(vault), abi.encodeCall(vault.transfer, (PAYER, 0, part)));
        receiver.act(address(vault), abi.encodeCall(vault.withdraw, (COIN, AMOUNT, address(receiver))));
        vm.assertTrue(receiver.succeeded() == (part <= STOCK - AMOUNT));
        vm.assertEq(
            _creditOf(vault, address(receiver), COIN) + _creditOf(vault, PAYER, COIN) + address(receiver).balance, STOCK
        );
        _assertConserved(vault, COIN);
    }

    /// @dev Who refuses coin keeps its credit and can send it elsewhere.
    function test_withdraw_failsIfTheReceiverRefuses() public {
        Receiver[2] memory refusing = [Receiver(new RevertingReceiver()), Receiver(new BurningReceiver())];
        for (uint256 i; i < refusing.length; ++i) {
            _fundReceiver(refusing[i], STOCK);
            bytes memory toItself = abi.encodeCall(vault.withdraw, (COIN, AMOUNT, address(refusing[i])));
            vm.expectRevert(abi.encodeWithSelector(IVault.VaultTransferFailed.selector, address(refusing[i]), AMOUNT));
            refusing[i].act{gas: 2_000_000}(address(vault), toItself);
            vm.assertEq(_creditOf(vault, address(refusing[i]), COIN), STOCK);
            refusing[i].act(
                address(vault), abi.encodeCall(vault.withdraw, (COIN, AMOUNT, address(uint160(0xBEEF + i))))
            );
            vm.assertEq(address(uint160(0xBEEF + i)).balance, AMOUNT);
            _assertConserved(vault, COIN);
        }
    }

    /// @dev An answer of 400 kB costs the receiver's own gas and not a second time the vault's: nobody copies it.
    function test_withdraw_doesNotReadLongAnswers() public {
        TalkativeReceiver talkative = new TalkativeReceiver();
        HonestReceiver honest = new HonestReceiver();
        uint256 plain = _gasOf(honest);
        uint256 long = _gasOf(talkative);
        vm.assertLe(long - plain, 400_000, "the answer was copied"); // what the receiver pays for its memory: 342k
        _assertConserved(vault, COIN);
    }

    function _gasOf(Receiver receiver) private returns (uint256 gas) {
        _deposit(vault, PAYER, COIN, AMOUNT);
        vm.prank(PAYER);
        gas = gasleft();
        vault.withdraw(COIN, AMOUNT, address(receiver));
        return gas - gasleft();
    }

    function _fundReceiver(Receiver receiver, uint256 amount) private {
        vm.deal(address(this), amount);
        receiver.act{value: amount}(address(vault), abi.encodeCall(Vault.deposit, (COIN, amount)));
    }
}
