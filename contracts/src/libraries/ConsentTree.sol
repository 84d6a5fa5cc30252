// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegister} from "../interfaces/IConsentRegister.sol";

/// @title What is hashed in a register of consents
/// @notice The same bytes as `aicommons.protocol.consents`. Leaves are hashed twice, so that no inner node is a leaf.
library ConsentTree {
    /// @dev Root of a tree without leaves; nothing can be proven against it.
    bytes32 internal constant EMPTY = keccak256("AI Commons empty register");

    /// @dev Consents per word of the status list.
    uint256 internal constant WORD = 256;

    /// @notice The leaf of a consent, bound to chain and register.
    function leafOf(IConsentRegister.Leaf calldata leaf) internal view returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(block.chainid, address(this), leaf))));
    }

    /// @notice The leaf of one word of a dataset's status list.
    function wordOf(uint256 datasetId, uint256 wordIndex, uint256 word) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(datasetId, wordIndex, word))));
    }
}
