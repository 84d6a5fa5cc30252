// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Authority} from "./types/Authority.sol";
import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {Context} from "@openzeppelin/contracts/utils/Context.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Vault
contract Vault is IVault, Governed, ERC6909, ReentrancyGuardTransient {
    using Math for uint256;
    using SafeERC20 for IERC20;

    mapping(address account => bool) private _controllers;
    mapping(bytes32 lockId => Lock) private _locks;
    mapping(address token => uint256) private _credits;
    mapping(address token => uint256) private _locked;

    constructor(address[] memory controllers, Authority memory authority) Governed(authority) {
        for (uint256 i; i < controllers.length; ++i) {
            if (controllers[i] == address(0) || _controllers[controllers[i]]) revert VaultControllersInvalid();
            _controllers[controllers[i]] = true;
        }
    }

    /// @inheritdoc IVault
    function deposit(address token, uint256 amount) external payable nonReentrant {
        if (amount == 0) revert VaultAmountMissing();
        if (msg.value != (token == address(0) ? amount : 0)) revert VaultValueMismatch(amount, msg.value);
        address account = _msgSender();
        if (token != address(0)) _pull(token, account, amount);
        _credit(account, token, amount);
        emit Deposited(account, token, amount);
    }

    /// @inheritdoc IVault
    function withdraw(address token, uint256 amount, address to) external nonReentrant {
        address account = _msgSender();
        if (to == address(0) || to == address(this)) revert VaultReceiverInvalid(to);
        _debit(account, token, amount);
        emit Withdrawn(account, token, to, amount);
        if (token != address(0)) return _push(token, to, amount);
        // What a receiver answers is not even read: it could be long enough to eat the caller's gas.
        if (!LowLevelCall.callNoReturn(to, amount, "")) revert VaultTransferFailed(to, amount);
    }

    // ----------------------------------------------------------------------------------------------------------- locks

    /// @inheritdoc IVault
    function lock(bytes32 lockId, address payer, address token, uint256 amount, uint64 expiry) external {
        _checkController();
        if (_locks[lockId].state != LockState.None) revert VaultWrongLockState(lockId, _locks[lockId].state);
        if (expiry <= block.timestamp) revert VaultExpiryPassed(expiry);
        _debit(payer, token, amount);
        _locks[lockId] = Lock(msg.sender, expiry, LockState.Locked, payer, token, amount);
        _locked[token] += amount;
        emit LockMade(lockId, msg.sender, payer, token, amount, expiry);
    }

    /// @inheritdoc IVault
    function release(bytes32 lockId, address payee) external {
        Lock storage ended = _end(lockId, LockState.Released, payee);
        if (ended.controller != msg.sender) revert VaultNotLocker(lockId, msg.sender);
        if (block.timestamp >= ended.expiry) revert VaultLockExpired(lockId, ended.expiry);
        emit LockReleased(lockId, payee, ended.token, ended.amount);
    }

    /// @inheritdoc IVault
    function refund(bytes32 lockId) external {
        Lock storage ended = _end(lockId, LockState.Refunded, _locks[lockId].payer);
        if (ended.controller != msg.sender) revert VaultNotLocker(lockId, msg.sender);
        emit LockRefunded(lockId, ended.payer, ended.token, ended.amount);
    }

    /// @inheritdoc IVault
    function expire(bytes32 lockId) external {
        Lock storage ended = _end(lockId, LockState.Expired, _locks[lockId].payer);
        if (block.timestamp < ended.expiry) revert VaultNotExpired(lockId, ended.expiry);
        emit LockExpired(lockId, ended.payer, ended.token, ended.amount);
    }

    /// @inheritdoc IVault
    function collect(address payer, address token, uint256 amount) external {
        _checkController();
        _debit(payer, token, amount);
        _credit(msg.sender, token, amount);
        emit Collected(msg.sender, payer, token, amount);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IVault
    function lockOf(bytes32 lockId) external view returns (Lock memory) {
        return _locks[lockId];
    }

    /// @inheritdoc IVault
    function credits(address token) external view returns (uint256) {
        return _credits[token];
    }

    /// @inheritdoc IVault
    function locked(address token) external view returns (uint256) {
        return _locked[token];
    }

    /// @inheritdoc IVault
    function isController(address account) external view returns (bool) {
        return _controllers[account];
    }

    /// @inheritdoc IVault
    function idOf(address token) public pure returns (uint256) {
        return uint160(token);
    }

    // --------------------------------------------------------------------------------------------------------- private

    /// @dev Its own balance before and after tells whether the token kept its promise.
    function _pull(address token, address account, uint256 amount) private {
        if (token.code.length == 0) revert VaultNotToken(token);
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(account, address(this), amount);
        uint256 received = IERC20(token).balanceOf(address(this)).saturatingSub(before);
        if (received != amount) revert VaultFeeToken(token, amount, received);
    }

    /// @dev A token that takes more than it gives would be paid with what others are owed.
    function _push(address token, address to, uint256 amount) private {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransfer(to, amount);
        uint256 spent = before.saturatingSub(IERC20(token).balanceOf(address(this)));
        if (spent != amount) revert VaultFeeToken(token, amount, spent);
    }

    /// @dev The vault has no use for a credit of its own: whoever sent one by mistake would never see it again.
    function _update(address from, address to, uint256 id, uint256 amount) internal override {
        if (to == address(this)) revert VaultReceiverInvalid(to);
        super._update(from, to, id, amount);
    }

    function _credit(address account, address token, uint256 amount) private {
        _credits[token] += amount;
        _mint(account, idOf(token), amount);
    }

    function _debit(address account, address token, uint256 amount) private {
        if (amount == 0) revert VaultAmountMissing();
        _burn(account, idOf(token), amount); // reverts when the credit is too small
        _credits[token] -= amount;
    }

    /// @dev The one way in which a lock ends.
    function _end(bytes32 lockId, LockState state, address payee) private returns (Lock storage ended) {
        ended = _locks[lockId];
        if (ended.state != LockState.Locked) revert VaultWrongLockState(lockId, ended.state);
        ended.state = state;
        _locked[ended.token] -= ended.amount;
        _credit(payee, ended.token, ended.amount);
    }

    function _checkController() private view {
        if (!_controllers[msg.sender]) revert VaultNotController(msg.sender);
    }

    function _msgSender() internal view override(Context, ERC2771Context) returns (address) {
        return ERC2771Context._msgSender();
    }

    function _msgData() internal view override(Context, ERC2771Context) returns (bytes calldata) {
        return ERC2771Context._msgData();
    }

    function _contextSuffixLength() internal view override(Context, ERC2771Context) returns (uint256) {
        return ERC2771Context._contextSuffixLength();
    }
}
