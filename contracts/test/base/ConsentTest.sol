// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsentRegister} from "../../src/ConsentRegister.sol";
import {Guardianships} from "../../src/Guardianships.sol";
import {Requests} from "../../src/Requests.sol";
import {IConsentRegister} from "../../src/interfaces/IConsentRegister.sol";
import {ConsentTree} from "../../src/libraries/ConsentTree.sol";
import {CommonsTest} from "./CommonsTest.sol";

/// @notice A commons whose member 1 owns dataset 1 with an open register. Trees are built here a second time, the slow way:
/// the tests do not trust whoever builds them elsewhere.
abstract contract ConsentTest is CommonsTest {
    uint256 internal constant HOLDER = 0x401DE5;
    uint256 internal constant GUARDIAN = 0x62A5D1;
    uint64 internal constant EXPIRY = uint64(START + 365 days);

    Guardianships internal guardianships;
    ConsentRegister internal register;
    Requests internal requests;

    function setUp() public virtual override {
        super.setUp();
        guardianships = new Guardianships(membership, _authority());
        register = new ConsentRegister(membership, data, guardianships, _authority());
        requests = new Requests(membership, data, _authority());
        _admit(1, 2);
        vm.assertEq(_list(1), 1);
        vm.prank(_account(1));
        register.open(1);
    }

    /// @dev An adult's consent in dataset 1.
    function _leaf(uint64 index) internal pure returns (IConsentRegister.Leaf memory leaf) {
        leaf.datasetId = 1;
        leaf.index = index;
        leaf.commitment = keccak256(abi.encode("record", index));
        leaf.holder = vm.addr(HOLDER);
        leaf.expiry = EXPIRY;
    }

    /// @dev The hashes of `_leaf(0)`, `_leaf(1)`, ...
    function _hashes(uint256 count) internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            hashes[i] = register.leafHash(_leaf(uint64(i)));
        }
    }

    /// @dev A status list of `count` consents; `bits` says which of the first 256 were taken back.
    function _words(uint256 count, uint256 bits) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[]((count + 255) / 256);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] = ConsentTree.wordOf(1, i, i == 0 ? bits : 0);
        }
    }

    function _post(bytes32[] memory hashes, uint256 bits) internal {
        vm.prank(_account(1));
        register.post(1, _root(hashes), uint64(hashes.length), _root(_words(hashes.length, bits)));
    }

    function _isLive(IConsentRegister.Leaf memory leaf, bytes32[] memory hashes, uint256 bits)
        internal
        view
        returns (bool)
    {
        uint256 place = leaf.index / 256;
        bytes32[] memory words = _words(hashes.length, bits);
        return register.isLive(leaf, _proof(hashes, leaf.index), place == 0 ? bits : 0, _proof(words, place));
    }

    // ----------------------------------------------------------------------------------------------------------- trees

    function _root(bytes32[] memory layer) internal pure returns (bytes32) {
        if (layer.length == 0) return keccak256("AI Commons empty register");
        while (layer.length > 1) {
            layer = _above(layer);
        }
        return layer[0];
    }

    function _proof(bytes32[] memory layer, uint256 index) internal pure returns (bytes32[] memory proof) {
        bytes32[] memory found = new bytes32[](64);
        uint256 steps;
        while (layer.length > 1) {
            if (index ^ 1 < layer.length) found[steps++] = layer[index ^ 1];
            (layer, index) = (_above(layer), index / 2);
        }
        proof = new bytes32[](steps);
        for (uint256 i; i < steps; ++i) {
            proof[i] = found[i];
        }
    }

    function _above(bytes32[] memory layer) private pure returns (bytes32[] memory above) {
        above = new bytes32[]((layer.length + 1) / 2);
        for (uint256 i; i < layer.length; i += 2) {
            if (i + 1 == layer.length) above[i / 2] = layer[i];
            else above[i / 2] = _pair(layer[i], layer[i + 1]);
        }
    }

    function _pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}
