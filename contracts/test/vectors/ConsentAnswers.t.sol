// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegister} from "../../src/interfaces/IConsentRegister.sol";
import {ConsentTree} from "../../src/libraries/ConsentTree.sol";
import {ConsentTest} from "../base/ConsentTest.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @notice Holds the register to the known answers that Python is held to: `vectors/consents/`, whose generator is Python's.
contract ConsentAnswersTest is ConsentTest {
    address private constant PLACE = 0xC0C0c0c0C0C0c0c0c0C0c0C0C0C0C0C0C0C0c0c0;
    IConsentRegister private placed;

    function setUp() public override {
        super.setUp();
        vm.etch(PLACE, address(register).code);
        placed = IConsentRegister(PLACE);
    }

    function _read(string memory name) private view returns (string memory) {
        return vm.readFile(string.concat("../vectors/consents/", name));
    }

    function _row(uint256 i) private pure returns (string memory) {
        return string.concat("$[", vm.toString(i), "]");
    }

    function _word(string memory json, string memory row, string memory field) private pure returns (bytes32) {
        return vm.parseJsonBytes32(json, string.concat(row, ".", field));
    }

    function _number(string memory json, string memory row, string memory field) private pure returns (uint256) {
        return vm.parseJsonUint(json, string.concat(row, ".", field));
    }

    function _nodes(string memory json, string memory row, string memory field)
        private
        view
        returns (bytes32[] memory nodes)
    {
        if (!vm.keyExistsJson(json, string.concat(row, ".", field, "[0]"))) return nodes;
        return vm.parseJsonBytes32Array(json, string.concat(row, ".", field));
    }

    function _leafOf(string memory json, string memory row) private pure returns (IConsentRegister.Leaf memory leaf) {
        row = string.concat(row, ".leaf");
        leaf.datasetId = _number(json, row, "dataset_id");
        leaf.index = uint64(_number(json, row, "index"));
        leaf.commitment = _word(json, row, "commitment");
        leaf.holder = vm.parseJsonAddress(json, string.concat(row, ".holder"));
        leaf.guardian = vm.parseJsonAddress(json, string.concat(row, ".guardian"));
        leaf.guardianship = _word(json, row, "guardianship");
        leaf.majority = uint64(_number(json, row, "majority"));
        leaf.expiry = uint64(_number(json, row, "expiry"));
    }

    /// @dev Leaves from the smallest to the largest values of every field.
    function test_leaves_areTheKnownAnswers() public view {
        string memory json = _read("leaves.json");
        uint256 i;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            vm.assertEq(placed.leafHash(_leafOf(json, _row(i))), _word(json, _row(i), "hash"), vm.toString(i));
        }
        vm.assertGe(i, 4, "rows");
    }

    /// @dev Words of status lists and their root.
    function test_words_areTheKnownAnswers() public view {
        string memory json = _read("words.json");
        uint256 i;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            bytes32[] memory words = _nodes(json, _row(i), "words");
            bytes32[] memory hashes = _nodes(json, _row(i), "hashes");
            vm.assertEq(words.length, hashes.length);
            for (uint256 k; k < words.length; ++k) {
                vm.assertEq(ConsentTree.wordOf(3, k, uint256(words[k])), hashes[k], "word");
            }
            vm.assertEq(_root(hashes), _word(json, _row(i), "root"), "root");
        }
        vm.assertGe(i, 5, "rows");
    }

    /// @dev Every proof leads to its root with OpenZeppelin's MerkleProof; a tree without leaves has the agreed root.
    function test_proofs_areTheKnownAnswers() public view {
        string memory json = _read("trees.json");
        vm.assertEq(_word(json, _row(0), "root"), ConsentTree.EMPTY, "empty");
        uint256 i = 1;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            for (uint256 k; vm.keyExistsJson(json, _proofRow(i, k)); ++k) {
                bytes32[] memory proof = _nodes(json, _proofRow(i, k), "proof");
                bytes32 root = MerkleProof.processProof(proof, _word(json, _proofRow(i, k), "leaf"));
                vm.assertEq(root, _word(json, _row(i), "root"), vm.toString(i));
            }
        }
        vm.assertGe(i, 13, "rows");
    }

    function _proofRow(uint256 i, uint256 k) private pure returns (string memory) {
        return string.concat(_row(i), ".proofs[", vm.toString(k), "]");
    }

    /// @dev What Python calls a bad proof leads nowhere here.
    function test_badProofs_leadElsewhere() public view {
        string memory json = _read("proofs_bad_nodes.json");
        uint256 i;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            bytes32 root = MerkleProof.processProof(_nodes(json, _row(i), "proof"), _word(json, _row(i), "leaf"));
            vm.assertFalse(
                root == _word(json, _row(i), "root"), vm.parseJsonString(json, string.concat(_row(i), ".name"))
            );
        }
        vm.assertGe(i, 8, "rows");
    }

    /// @dev Python's signed withdrawals withdraw, at the address and on the chain that they name.
    function test_withdrawals_areTheKnownAnswers() public {
        string memory json = _read("withdrawals.json");
        vm.prank(_account(1));
        placed.open(1);
        uint256 i;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            string memory row = _row(i);
            vm.prank(_account(1));
            placed.post(1, _word(json, row, "root"), 3, "status");
            vm.assertEq(placed.leafHash(_leafOf(json, row)), _word(json, row, "hash"), "hash");
            placed.withdrawBySignature(
                _leafOf(json, row),
                _nodes(json, row, "proof"),
                _number(json, row, "deadline"),
                vm.parseJsonAddress(json, string.concat(row, ".signer")),
                vm.parseJsonBytes(json, string.concat(row, ".signature"))
            );
            vm.assertTrue(placed.isWithdrawn(_word(json, row, "hash")));
        }
        vm.assertGe(i, 3, "rows");
    }

    /// @dev Expiry, majority and guardianship decide as in Python, row by row, through the whole register.
    function test_terms_areTheKnownAnswers() public {
        string memory json = _read("terms.json");
        uint256 i;
        for (; vm.keyExistsJson(json, _row(i)); ++i) {
            vm.warp(START - 1);
            _checkTerms(json, _row(i));
        }
        vm.assertGe(i, 12, "rows");
    }

    function _checkTerms(string memory json, string memory row) private {
        IConsentRegister.Leaf memory leaf = _leafOf(json, row);
        if (vm.parseJsonBool(json, string.concat(row, ".is_guarded"))) {
            vm.prank(_account(2));
            leaf.guardianship =
                guardianships.attest("ward", leaf.guardian, uint64(START + 10_000), keccak256(bytes(row)));
        }
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = register.leafHash(leaf);
        _post(hashes, 0);
        vm.warp(_number(json, row, "now"));
        bool expected = vm.parseJsonBool(json, string.concat(row, ".is_current"));
        vm.assertTrue(_isLive(leaf, hashes, 0) == expected, vm.parseJsonString(json, string.concat(row, ".name")));
    }
}
