// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vault} from "../../src/Vault.sol";
import {Authority} from "../../src/types/Authority.sol";
import {Vm} from "../base/Vm.sol";

/// @notice Proven for all values by `make prove` (halmos), and tried with random ones by forge: money is conserved. What the
/// vault has is what it owes, and what it owes is the sum of its credits and locks, after every operation in every order of
/// two that follow a deposit and a lock.
contract VaultProof {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    address private constant PAYER = address(0x9A1);
    address private constant PAYEE = address(0x9A2);
    address private constant CONTROLLER = address(0xC0);
    address private constant COIN = address(0);
    bytes32 private constant FIRST = "first";
    bytes32 private constant SECOND = "second";
    uint64 private constant EXPIRY = 2_000_000_000;

    Vault private vault;

    function setUp() public {
        vm.warp(1_800_000_000);
        address[] memory controllers = new address[](1);
        controllers[0] = CONTROLLER;
        vault = new Vault(controllers, Authority(address(0x71), address(0xF0)));
    }

    /// @dev One operation of any kind, with any amount and at any time, keeps the sums.
    function test_anyOperation_conservesMoney(
        uint128 brought,
        uint128 kept,
        uint8 kind,
        uint128 amount,
        uint64 time,
        uint8 who,
        address stranger
    ) public {
        _begin(brought, kept);
        vm.warp(time);
        _operate(kind, amount, who == 0 ? PAYER : who < 128 ? CONTROLLER : stranger);
        _assertConserved();
    }

    /// @dev A lock ends once: after any ending every other one fails and moves nothing.
    function test_aLock_endsOnce(uint128 brought, uint128 kept, uint8 first, uint8 second, uint64 time) public {
        _begin(brought, kept);
        vm.warp(time);
        vm.assume(_end(first));
        uint256 owed = vault.balanceOf(PAYER, 0) + vault.balanceOf(PAYEE, 0);
        assert(!_end(second));
        assert(owed == brought);
        assert(vault.locked(COIN) == 0);
        _assertConserved();
    }

    /// @dev Nobody but a controller locks or collects a credit, and nobody but its controller decides a lock.
    function test_strangers_moveNothing(uint128 brought, uint128 kept, uint8 kind, uint128 amount, address sender)
        public
    {
        vm.assume(sender != CONTROLLER && sender != PAYER && sender != address(0xF0));
        _begin(brought, kept);
        uint256 before = vault.balanceOf(PAYER, 0);
        _operate(kind, amount, sender);
        assert(vault.balanceOf(PAYER, 0) == before);
        assert(vault.locked(COIN) == kept);
    }

    function _begin(uint128 brought, uint128 kept) private {
        vm.assume(kept > 0 && kept <= brought);
        vm.deal(PAYER, brought);
        vm.prank(PAYER);
        vault.deposit{value: brought}(COIN, brought);
        vm.prank(CONTROLLER);
        vault.lock(FIRST, PAYER, COIN, kept, EXPIRY);
    }

    /// @dev Whatever the sender tries; whether it is refused does not matter.
    function _operate(uint8 kind, uint128 amount, address sender) private {
        kind %= 8;
        bytes memory call;
        if (kind == 0) call = abi.encodeCall(vault.withdraw, (COIN, amount, PAYEE));
        else if (kind == 1) call = abi.encodeCall(vault.lock, (SECOND, PAYER, COIN, amount, EXPIRY));
        else if (kind == 2) call = abi.encodeCall(vault.release, (FIRST, PAYEE));
        else if (kind == 3) call = abi.encodeCall(vault.refund, (FIRST));
        else if (kind == 4) call = abi.encodeCall(vault.collect, (PAYER, COIN, amount));
        else if (kind == 5) call = abi.encodeCall(vault.transfer, (PAYEE, 0, amount));
        else if (kind == 6) call = abi.encodeCall(vault.transferFrom, (PAYER, PAYEE, 0, amount));
        else call = abi.encodeCall(vault.deposit, (COIN, amount));
        vm.prank(sender);
        (bool done,) = address(vault).call(call);
        done;
    }

    function _end(uint8 kind) private returns (bool done) {
        kind %= 3;
        bytes memory call = abi.encodeCall(vault.expire, (FIRST));
        if (kind == 0) call = abi.encodeCall(vault.release, (FIRST, PAYEE));
        if (kind == 1) call = abi.encodeCall(vault.refund, (FIRST));
        vm.prank(CONTROLLER);
        (done,) = address(vault).call(call);
    }

    function _assertConserved() private view {
        uint256 owed = vault.balanceOf(PAYER, 0) + vault.balanceOf(PAYEE, 0) + vault.balanceOf(CONTROLLER, 0);
        assert(vault.credits(COIN) == owed);
        assert(address(vault).balance == owed + vault.locked(COIN));
    }
}
