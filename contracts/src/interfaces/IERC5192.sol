// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Tokens that cannot be moved (ERC-5192)
interface IERC5192 {
    /// @notice The token can no longer be moved.
    event Locked(uint256 tokenId);
    /// @notice The token can be moved; no membership ever can.
    event Unlocked(uint256 tokenId);

    /// @notice Whether the token can never be moved.
    /// @param tokenId A token that somebody holds; others revert
    function locked(uint256 tokenId) external view returns (bool isLocked);
}
