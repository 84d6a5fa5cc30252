// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IBondDebts, IBonds} from "./interfaces/IBonds.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Authority} from "./types/Authority.sol";

/// @title Bonds
contract Bonds is IBonds, Governed {
    IVault private immutable _vault;
    IBondDebts private immutable _runs;

    address private immutable _verdicts;

    constructor(IVault vault, IBondDebts runs, address verdicts, Authority memory authority) Governed(authority) {
        (_vault, _runs, _verdicts) = (vault, runs, verdicts);
    }

    /// @inheritdoc IBonds
    function take(bytes32 runId, uint256 memberId, address payer, address token, uint256 amount, uint64 expiry)
        external
    {
        if (msg.sender != address(_runs)) revert BondsNotRuns(msg.sender);
        _vault.lock(lockOf(runId, memberId), payer, token, amount, expiry);
        emit BondTaken(runId, memberId, payer, token, amount, expiry);
    }

    /// @inheritdoc IBonds
    function giveBack(bytes32 runId, uint256 memberId) external {
        bytes32 lockId = lockOf(runId, memberId);
        IVault.Lock memory bond = _vault.lockOf(lockId);
        if (bond.state != IVault.LockState.Locked) revert BondsNone(runId, memberId);
        if (_runs.owesBond(runId, memberId)) revert BondsStillOwed(runId, memberId);
        _vault.refund(lockId);
        emit BondGivenBack(runId, memberId, bond.payer, bond.token, bond.amount);
    }

    /// @inheritdoc IBonds
    function forfeit(bytes32 runId, uint256 memberId) external {
        if (msg.sender != _verdicts) revert BondsNotVerdicts(msg.sender);
        bytes32 lockId = lockOf(runId, memberId);
        IVault.Lock memory bond = _vault.lockOf(lockId);
        if (bond.state != IVault.LockState.Locked || block.timestamp >= bond.expiry) return;
        _vault.release(lockId, _treasury());
        emit BondForfeited(runId, memberId, bond.payer, bond.token, bond.amount);
    }

    /// @inheritdoc IBonds
    function lockOf(bytes32 runId, uint256 memberId) public pure returns (bytes32) {
        return keccak256(abi.encode("bond", runId, memberId));
    }

    /// @inheritdoc IBonds
    function runsContract() external view returns (address) {
        return address(_runs);
    }
}
