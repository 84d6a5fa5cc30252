// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Blake2b} from "../../src/libraries/Blake2b.sol";
import {CommonsTest} from "../base/CommonsTest.sol";

contract Blake2bTest is CommonsTest {
    function setUp() public override {}

    /// @dev Known answers of Python's hashlib: lengths around every block border, several personalisations.
    function test_hash_agreesWithHashlib() public view {
        string memory json = vm.readFile("../vectors/blake2b/blake2b.json");
        bytes32[] memory person = vm.parseJsonBytes32Array(json, ".person");
        bytes[] memory message = vm.parseJsonBytesArray(json, ".message");
        bytes32[] memory digest = vm.parseJsonBytes32Array(json, ".digest");
        vm.assertGe(digest.length, 30, "rows");
        for (uint256 i; i < digest.length; ++i) {
            vm.assertEq(Blake2b.hash(bytes16(person[i]), message[i]), digest[i], vm.toString(i));
        }
    }

    /// @dev A changed byte, a longer message and another personalisation all change the hash.
    function test_hash_dependsOnEverything(bytes16 person, bytes memory message, uint256 word) public view {
        vm.assume(message.length > 0);
        bytes32 before = Blake2b.hash(person, message);
        vm.assertTrue(Blake2b.hash(person, bytes.concat(message, bytes1(0))) != before, "length");
        vm.assertTrue(Blake2b.hash(person ^ bytes16(uint128(1) << uint128(word % 128)), message) != before, "person");
        message[word % message.length] ^= bytes1(uint8(1 << (word % 8)));
        vm.assertTrue(Blake2b.hash(person, message) != before, "byte");
    }
}
