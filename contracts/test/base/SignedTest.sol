// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommonsTest} from "./CommonsTest.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

interface INamed {
    function eip712Domain()
        external
        view
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory);
}

/// @notice Reads a file of known answers about signed messages, whose generator is Python's.
abstract contract SignedTest is CommonsTest {
    string private json;

    function _read(string memory file) internal {
        json = vm.readFile(string.concat("../vectors/encoding/", file));
    }

    function _at(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat("$[", vm.toString(i), "].", field);
    }

    function _text(uint256 i, string memory field) private view returns (string memory) {
        return vm.parseJsonString(json, _at(i, field));
    }

    /// @dev Every row's digest follows from its type string, its words and its contract's domain; the signature is its signer's.
    function _checkDigests(uint256 least) internal {
        uint256 i;
        for (; vm.keyExistsJson(json, _at(i, "digest")); ++i) {
            vm.chainId(vm.parseJsonUint(json, _at(i, "chain_id")));
            bytes32[] memory words = vm.parseJsonBytes32Array(json, _at(i, "words"));
            bytes32 hash = keccak256(abi.encodePacked(keccak256(bytes(_text(i, "type"))), words));
            bytes32 domain = _domain(_text(i, "name"), "1", vm.parseJsonAddress(json, _at(i, "contract")));
            bytes32 digest = keccak256(abi.encodePacked("\x19\x01", domain, hash));
            vm.assertEq(digest, vm.parseJsonBytes32(json, _at(i, "digest")), _text(i, "type"));
            address signer = ECDSA.recover(digest, vm.parseJsonBytes(json, _at(i, "signature")));
            vm.assertEq(signer, vm.parseJsonAddress(json, _at(i, "signer")));
        }
        vm.assertGe(i, least, "rows");
    }

    /// @dev The names and versions of the rows are those by which the contracts check signatures.
    function _checkDomains() internal view {
        for (uint256 i; vm.keyExistsJson(json, _at(i, "name")); ++i) {
            (, string memory name, string memory version,,,,) = INamed(_verifier(_text(i, "verifier"))).eip712Domain();
            vm.assertEq(name, _text(i, "name"), "name");
            vm.assertEq(version, "1", "version");
        }
    }

    /// @dev The type strings of the rows hash to `typehash`.
    function _checkTypes(bytes32 typehash) internal view {
        for (uint256 i; vm.keyExistsJson(json, _at(i, "type")); ++i) {
            vm.assertEq(keccak256(bytes(_text(i, "type"))), typehash, "type");
        }
    }

    /// @dev Where the contract stands that a row names as its verifier.
    function _verifier(string memory name) internal view virtual returns (address);
}
