// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title BLAKE2b-256 with personalisation (RFC 7693, EIP-152)
/// @notice The hash H of the secure-aggregation protocol, computed with the precompile at address 9. Unkeyed, no salt,
/// sequential mode, 32-byte output.
library Blake2b {
    /// @dev IV words 0..3, little-endian, xor parameter bytes 0..3: digest length 32, key length 0, fanout 1, depth 1.
    bytes32 private constant LOW = bytes32(0x28c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5);
    /// @dev IV words 4..7, little-endian; the personalisation is xored into the last 16 bytes.
    bytes32 private constant HIGH = bytes32(0xd182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b);
    /// @dev Bytes per compressed block.
    uint256 private constant BLOCK = 128;

    /// @notice The precompile refused the call, so this chain lacks EIP-152.
    error Blake2bUnavailable();

    /// @notice BLAKE2b-256 of `message` under `person`.
    function hash(bytes16 person, bytes memory message) internal view returns (bytes32 low) {
        bytes32 high = HIGH ^ (bytes32(person) >> 128);
        low = LOW;
        uint256 done;
        while (message.length - done > BLOCK) {
            done += BLOCK;
            (low, high) = _compress(low, high, _blockAt(message, done - BLOCK), done, false);
        }
        (low,) = _compress(low, high, _blockAt(message, done), message.length, true);
    }

    /// @dev 12 rounds of F over one block; `counted` = message bytes so far.
    function _compress(bytes32 low, bytes32 high, bytes memory chunk, uint256 counted, bool last)
        private
        view
        returns (bytes32, bytes32)
    {
        bytes memory input =
            abi.encodePacked(uint32(12), low, high, chunk, _littleEndian(uint64(counted)), bytes8(0), last);
        (bool ok, bytes memory output) = address(9).staticcall(input);
        if (!ok || output.length != 64) revert Blake2bUnavailable();
        return abi.decode(output, (bytes32, bytes32));
    }

    /// @dev The block that starts at `offset`, padded with zeros.
    function _blockAt(bytes memory message, uint256 offset) private pure returns (bytes memory chunk) {
        uint256 length = message.length - offset < BLOCK ? message.length - offset : BLOCK;
        chunk = new bytes(BLOCK);
        assembly ("memory-safe") {
            mcopy(add(chunk, 32), add(add(message, 32), offset), length)
        }
    }

    function _littleEndian(uint64 value) private pure returns (bytes8 swapped) {
        for (uint256 i; i < 8; ++i) {
            swapped |= bytes8(bytes1(uint8(value >> (8 * i)))) >> (8 * i);
        }
    }
}
