// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsentTest} from "../base/ConsentTest.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

interface INamed {
    function eip712Domain()
        external
        view
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory);
}

/// @notice Holds what can be signed outside runs to the known answers that Python is held to: `vectors/encoding/signing.json`,
/// whose generator is Python's. That the contracts take such signatures is tested where each of them is.
contract SigningTest is ConsentTest {
    string private json;

    function setUp() public override {
        super.setUp();
        json = vm.readFile("../vectors/encoding/signing.json");
    }

    function _at(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat("$[", vm.toString(i), "].", field);
    }

    function _text(uint256 i, string memory field) private view returns (string memory) {
        return vm.parseJsonString(json, _at(i, field));
    }

    /// @dev Every row's digest follows from its type string, its words and its contract's domain; the signature is its signer's.
    function test_digests_areTheKnownAnswers() public {
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
        vm.assertGe(i, 8, "rows");
    }

    /// @dev The names and versions of the rows are those by which the contracts check signatures.
    function test_domains_areTheContracts() public view {
        for (uint256 i; vm.keyExistsJson(json, _at(i, "name")); ++i) {
            (, string memory name, string memory version,,,,) = INamed(_verifier(_text(i, "verifier"))).eip712Domain();
            vm.assertEq(name, _text(i, "name"), "name");
            vm.assertEq(version, "1", "version");
        }
    }

    function _verifier(string memory name) private view returns (address) {
        bytes32 key = keccak256(bytes(name));
        if (key == keccak256("DataRegistry")) return address(data);
        if (key == keccak256("ConsentRegister")) return address(register);
        if (key == keccak256("Attestations")) return address(attestations);
        return address(forwarder);
    }
}
