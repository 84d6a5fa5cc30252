// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The only holder of money
/// @notice Credits are ERC-6909 balances; an id is the token's address as a number, 0 stands for the chain's own coin.
/// Contracts that were named when the vault was made lock credits of whoever called them, and release or refund them.
/// A lock ends in exactly one way, and after its expiry anybody can give it back to who paid. Nobody can sweep anything.
interface IVault {
    /// @notice None → Locked → exactly one of the others.
    enum LockState {
        None,
        Locked,
        Released,
        Refunded,
        Expired
    }

    /// @notice Money that waits for a decision.
    /// @param controller The contract that locked it and alone decides before expiry
    /// @param expiry First unix second at which anybody can give it back
    /// @param state See `LockState`
    /// @param payer Whose credit it was, and becomes again
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount In the token's smallest unit
    struct Lock {
        address controller;
        uint64 expiry;
        LockState state;
        address payer;
        address token;
        uint256 amount;
    }

    /// @notice Money came in.
    /// @param account Who is credited
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount In the token's smallest unit
    event Deposited(address indexed account, address indexed token, uint256 amount);
    /// @notice Money went out.
    /// @param account Whose credit it was
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param to Who got it
    /// @param amount In the token's smallest unit
    event Withdrawn(address indexed account, address indexed token, address to, uint256 amount);
    /// @notice A credit became a lock.
    /// @param lockId Its name, used once
    /// @param controller The contract that alone decides before expiry
    /// @param payer Whose credit it was
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount In the token's smallest unit
    /// @param expiry First unix second at which anybody can give it back
    event LockMade(
        bytes32 indexed lockId,
        address indexed controller,
        address indexed payer,
        address token,
        uint256 amount,
        uint64 expiry
    );
    /// @notice A lock became somebody's credit.
    /// @param lockId The lock
    /// @param payee Who is credited
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount In the token's smallest unit
    event LockReleased(bytes32 indexed lockId, address indexed payee, address token, uint256 amount);
    /// @notice A lock went back before its expiry.
    /// @param lockId The lock
    /// @param payer Who is credited again
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount In the token's smallest unit
    event LockRefunded(bytes32 indexed lockId, address indexed payer, address token, uint256 amount);
    /// @notice A lock went back because its expiry came.
    /// @param lockId The lock
    /// @param payer Who is credited again
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount In the token's smallest unit
    event LockExpired(bytes32 indexed lockId, address indexed payer, address token, uint256 amount);
    /// @notice A controller took a credit of whoever called it, as its own.
    /// @param controller The contract that holds it now
    /// @param payer Whose credit it was
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount In the token's smallest unit
    event Collected(address indexed controller, address indexed payer, address indexed token, uint256 amount);

    /// @notice Controllers are distinct contracts' addresses.
    error VaultControllersInvalid();
    /// @notice Only a controller may do this.
    error VaultNotController(address caller);
    /// @notice Nothing is moved by an amount of zero.
    error VaultAmountMissing();
    /// @notice The coin that came does not equal the amount, or a token came with coin.
    error VaultValueMismatch(uint256 amount, uint256 value);
    /// @notice The token took a fee or moved too much: other amounts than promised would be owed.
    error VaultFeeToken(address token, uint256 amount, uint256 moved);
    /// @notice There is no contract at this address.
    error VaultNotToken(address token);
    /// @notice Nobody could ever take it from there.
    error VaultReceiverInvalid(address to);
    /// @notice The receiver refused the coin.
    error VaultTransferFailed(address to, uint256 amount);
    /// @notice The id is in use, or its lock is over.
    error VaultWrongLockState(bytes32 lockId, LockState state);
    /// @notice A lock expires in the future.
    error VaultExpiryPassed(uint64 expiry);
    /// @notice Only the controller that made the lock decides.
    error VaultNotLocker(bytes32 lockId, address caller);
    /// @notice Only its controller can end the lock before this second, and only the payer gets it afterwards.
    error VaultNotExpired(bytes32 lockId, uint64 expiry);
    /// @notice The lock expired: it can only go back.
    error VaultLockExpired(bytes32 lockId, uint64 expiry);

    /// @notice Credits the caller with money that it hands over: coin with the call, or a token that it approved before.
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount In the token's smallest unit
    function deposit(address token, uint256 amount) external payable;

    /// @notice Pays out a part of the caller's credit.
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount At most the caller's credit
    /// @param to Who gets it
    function withdraw(address token, uint256 amount, address to) external;

    /// @notice Locks a credit, as a controller that the payer called.
    /// @param lockId Never used before
    /// @param payer Whose credit it is
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount At most the payer's credit
    /// @param expiry First unix second at which anybody can give it back
    function lock(bytes32 lockId, address payer, address token, uint256 amount, uint64 expiry) external;

    /// @notice Gives a lock to whoever earned it, as the controller that made it and before its expiry.
    /// @param lockId A lock in state Locked
    /// @param payee Who is credited
    function release(bytes32 lockId, address payee) external;

    /// @notice Gives a lock back, as the controller that made it.
    /// @param lockId A lock in state Locked
    function refund(bytes32 lockId) external;

    /// @notice Gives a lock back whose expiry came; anybody may.
    /// @param lockId A lock in state Locked
    function expire(bytes32 lockId) external;

    /// @notice Takes a credit as the controller's own, which it pays out by `transfer` of ERC-6909.
    /// @param payer Whose credit it is: whoever called the controller
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount At most the payer's credit
    function collect(address payer, address token, uint256 amount) external;

    /// @notice The record of a lock.
    /// @param lockId Any id
    function lockOf(bytes32 lockId) external view returns (Lock memory record);

    /// @notice What is owed to accounts, without locks.
    /// @param token ERC-20 contract, zero = the chain's own coin
    function credits(address token) external view returns (uint256 amount);

    /// @notice What is locked.
    /// @param token ERC-20 contract, zero = the chain's own coin
    function locked(address token) external view returns (uint256 amount);

    /// @notice Whether an address may lock credits.
    /// @param account Any address
    function isController(address account) external view returns (bool controller);

    /// @notice The ERC-6909 id of a token.
    /// @param token ERC-20 contract, zero = the chain's own coin
    function idOf(address token) external pure returns (uint256 id);
}
