// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vault} from "../../src/Vault.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {MoneyTest} from "../base/MoneyTest.sol";
import {TestToken} from "../doubles/TestToken.sol";

/// @notice Four accounts, two controllers, coin and two tokens in one vault; beside it, who is owed what is counted by hand.
contract VaultHandler is MoneyTest {
    uint256 private constant ACCOUNTS = 4;
    uint256 private constant MONEYS = 3;
    uint256 private constant MOST = 1e24;
    address private constant SECOND = address(0xC0117);

    Vault public bank;
    address[3] private _moneys;
    bytes32[] public lockIds;

    /// @dev Counted by hand: credits by money and account, money in and out, and how often a lock ended.
    mapping(address money => mapping(address account => uint256)) public owed;
    mapping(address money => uint256) public came;
    mapping(address money => uint256) public went;
    mapping(bytes32 lockId => uint256) public ends;
    mapping(bytes32 lockId => IVault.LockState) public endedAs;
    /// @dev How many acts that the vault has to refuse it took.
    uint256 public taken;

    constructor() {
        super.setUp();
        address[] memory controllers = new address[](2);
        (controllers[0], controllers[1]) = (address(this), SECOND);
        bank = new Vault(controllers, _authority());
        _moneys = [COIN, address(token), address(new TestToken())];
    }

    function setUp() public override {}

    function moneyAt(uint256 index) public view returns (address) {
        return _moneys[index];
    }

    function moneyCount() external pure returns (uint256) {
        return MONEYS;
    }

    function lockCount() external view returns (uint256) {
        return lockIds.length;
    }

    /// @notice Everybody who can hold a credit: the accounts, then the controllers.
    function holderAt(uint256 index) public view returns (address) {
        if (index < ACCOUNTS) return address(uint160(0xACC0 + index));
        return index == ACCOUNTS ? address(this) : SECOND;
    }

    function holderCount() public pure returns (uint256) {
        return ACCOUNTS + 2;
    }

    // ----------------------------------------------------------------------------------------------------- what is allowed

    function deposit(uint256 word) external {
        (address account, address money) = (_account4(word), _money(word));
        uint256 amount = _between(word >> 32, 1, MOST);
        _deposit(bank, account, money, amount);
        owed[money][account] += amount;
        came[money] += amount;
    }

    function withdraw(uint256 word) external {
        (address account, address money) = (_account4(word), _money(word));
        uint256 amount = _part(word, owed[money][account]);
        if (amount == 0) return;
        vm.prank(account);
        bank.withdraw(money, amount, address(uint160(0xEEE0 + word % 3)));
        owed[money][account] -= amount;
        went[money] += amount;
    }

    function transfer(uint256 word) external {
        (address from, address money) = (holderAt(word % holderCount()), _money(word));
        address to = holderAt((word >> 16) % holderCount());
        uint256 amount = _part(word, owed[money][from]);
        uint256 id = bank.idOf(money);
        vm.prank(from);
        bank.transfer(to, id, amount);
        owed[money][from] -= amount;
        owed[money][to] += amount;
    }

    function lock(uint256 word) external {
        (address payer, address money) = (holderAt(word % holderCount()), _money(word));
        uint256 amount = _part(word, owed[money][payer]);
        if (amount == 0) return;
        bytes32 lockId = keccak256(abi.encode("lock", lockIds.length));
        uint64 expiry = uint64(vm.getBlockTimestamp() + _between(word >> 48, 1, 30 days));
        vm.prank(_controller(word));
        bank.lock(lockId, payer, money, amount, expiry);
        owed[money][payer] -= amount;
        lockIds.push(lockId);
    }

    function release(uint256 word) external {
        (bytes32 lockId, IVault.Lock memory waiting) = _waiting(word);
        if (waiting.amount == 0 || vm.getBlockTimestamp() >= waiting.expiry) return;
        address payee = holderAt((word >> 16) % holderCount());
        vm.prank(waiting.controller);
        bank.release(lockId, payee);
        _count(lockId, waiting, payee, IVault.LockState.Released);
    }

    function refund(uint256 word) external {
        (bytes32 lockId, IVault.Lock memory waiting) = _waiting(word);
        if (waiting.amount == 0) return;
        vm.prank(waiting.controller);
        bank.refund(lockId);
        _count(lockId, waiting, waiting.payer, IVault.LockState.Refunded);
    }

    function expire(uint256 word) external {
        (bytes32 lockId, IVault.Lock memory waiting) = _waiting(word);
        if (waiting.amount == 0 || vm.getBlockTimestamp() < waiting.expiry) return;
        vm.prank(_account4(word >> 8));
        bank.expire(lockId);
        _count(lockId, waiting, waiting.payer, IVault.LockState.Expired);
    }

    function collect(uint256 word) external {
        (address payer, address money) = (_account4(word), _money(word));
        uint256 amount = _part(word, owed[money][payer]);
        if (amount == 0) return;
        address controller = _controller(word);
        vm.prank(controller);
        bank.collect(payer, money, amount);
        owed[money][payer] -= amount;
        owed[money][controller] += amount;
    }

    function wait_(uint256 word) external {
        vm.warp(vm.getBlockTimestamp() + _between(word, 1, 20 days));
    }

    /// @notice Money that nobody asked for: it belongs to nobody, and must not upset what is owed.
    function stray(uint256 word) external {
        TestToken(_moneys[1]).mint(address(bank), _between(word, 1, 1e18));
    }

    // -------------------------------------------------------------------------------------------------- what is refused

    /// @notice Whatever may not be done: others' locks, ended locks, too much, too early, too late.
    function misuse(uint256 word) external {
        if (lockIds.length == 0) return;
        bytes32 lockId = lockIds[word % lockIds.length];
        IVault.Lock memory known = bank.lockOf(lockId);
        address stranger = _account4(word >> 8);
        address other = known.controller == SECOND ? address(this) : SECOND;
        _attempt(stranger, abi.encodeCall(bank.release, (lockId, stranger)));
        _attempt(other, abi.encodeCall(bank.release, (lockId, other)));
        _attempt(other, abi.encodeCall(bank.refund, (lockId)));
        _attempt(stranger, abi.encodeCall(bank.collect, (holderAt((word >> 24) % ACCOUNTS), known.token, 1)));
        _attempt(stranger, abi.encodeCall(bank.withdraw, (known.token, owed[known.token][stranger] + 1, stranger)));
        if (vm.getBlockTimestamp() < known.expiry) _attempt(stranger, abi.encodeCall(bank.expire, (lockId)));
        else _attempt(known.controller, abi.encodeCall(bank.release, (lockId, stranger)));
        if (known.state == IVault.LockState.Locked) return;
        _attempt(known.controller, abi.encodeCall(bank.release, (lockId, stranger)));
        _attempt(known.controller, abi.encodeCall(bank.refund, (lockId)));
        _attempt(stranger, abi.encodeCall(bank.expire, (lockId)));
    }

    function _attempt(address caller, bytes memory call) private {
        vm.prank(caller);
        (bool done,) = address(bank).call(call);
        if (done) ++taken;
    }

    function _count(bytes32 lockId, IVault.Lock memory ended, address who, IVault.LockState state) private {
        owed[ended.token][who] += ended.amount;
        ++ends[lockId];
        endedAs[lockId] = state;
    }

    /// @dev A lock that is not over by our own count; an amount of 0 says there is none.
    function _waiting(uint256 word) private view returns (bytes32 lockId, IVault.Lock memory waiting) {
        if (lockIds.length == 0) return (lockId, waiting);
        lockId = lockIds[word % lockIds.length];
        if (ends[lockId] == 0) waiting = bank.lockOf(lockId);
    }

    function _part(uint256 word, uint256 of_) private pure returns (uint256) {
        return of_ == 0 ? 0 : _between(word >> 64, 1, of_);
    }

    function _money(uint256 word) private view returns (address) {
        return _moneys[(word >> 8) % MONEYS];
    }

    function _account4(uint256 word) private view returns (address) {
        return holderAt(word % ACCOUNTS);
    }

    function _controller(uint256 word) private view returns (address) {
        return holderAt(ACCOUNTS + (word >> 40) % 2);
    }
}
