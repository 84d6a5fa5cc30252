// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IConsentRegister} from "./interfaces/IConsentRegister.sol";
import {IDataRegistry} from "./interfaces/IDataRegistry.sol";
import {IGuardianships} from "./interfaces/IGuardianships.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {ConsentTree} from "./libraries/ConsentTree.sol";
import {Authority} from "./types/Authority.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title ConsentRegister
contract ConsentRegister is IConsentRegister, Governed, EIP712 {
    bytes32 private constant WITHDRAW = keccak256("Withdraw(bytes32 leaf,uint256 deadline)");
    /// @dev How many postings a proof outlives. The slots are written at opening, so that a posting overwrites one.
    uint256 private constant KEPT = 8;

    /// @dev A dataset's owner never changes; it lies beside the counts because a posting reads all three.
    struct Kept {
        uint128 owner;
        uint64 leaves;
        uint64 posts;
        bytes32 status;
        bytes32[KEPT] roots;
    }

    IMembership private immutable _membership;
    IDataRegistry private immutable _data;
    IGuardianships private immutable _guardianships;

    mapping(uint256 datasetId => Kept) private _registers;
    mapping(bytes32 leaf => bool) private _withdrawn;

    constructor(IMembership membership, IDataRegistry data, IGuardianships guardianships, Authority memory authority)
        Governed(authority)
        EIP712("AI Commons Consent Register", "1")
    {
        (_membership, _data, _guardianships) = (membership, data, guardianships);
    }

    /// @inheritdoc IConsentRegister
    function open(uint256 datasetId) external {
        uint256 owner = _data.ownerOf(datasetId);
        _checkAccount(datasetId, owner);
        Kept storage kept = _registers[datasetId];
        if (kept.owner != 0) revert ConsentRegisterAlreadyOpen(datasetId);
        kept.owner = uint128(owner); // ids count members from 1
        kept.status = ConsentTree.EMPTY;
        for (uint256 i; i < KEPT; ++i) {
            kept.roots[i] = ConsentTree.EMPTY;
        }
        emit RegisterOpened(datasetId, owner);
    }

    /// @inheritdoc IConsentRegister
    function post(uint256 datasetId, bytes32 root, uint64 leaves, bytes32 status) external {
        Kept storage kept = _registers[datasetId];
        (uint128 owner, uint64 before, uint64 posts) = (kept.owner, kept.leaves, kept.posts);
        if (owner == 0) revert ConsentRegisterUnknown(datasetId);
        _checkAccount(datasetId, owner);
        if (root == 0 || status == 0) revert ConsentRegisterRootMissing();
        if (leaves < before) revert ConsentRegisterLeavesFell(before, leaves);
        (kept.owner, kept.leaves, kept.posts) = (owner, leaves, ++posts);
        kept.roots[posts % KEPT] = root;
        kept.status = status;
        emit Posted(datasetId, root, leaves, status);
    }

    /// @inheritdoc IConsentRegister
    function withdraw(Leaf calldata leaf, bytes32[] calldata proof) external {
        _withdraw(leaf, ConsentTree.leafOf(leaf), proof, _msgSender());
    }

    /// @inheritdoc IConsentRegister
    function withdrawBySignature(
        Leaf calldata leaf,
        bytes32[] calldata proof,
        uint256 deadline,
        address by,
        bytes calldata signature
    ) external {
        if (block.timestamp > deadline) revert ConsentRegisterDeadlinePassed(deadline);
        bytes32 hash = ConsentTree.leafOf(leaf);
        bytes32 message = _hashTypedDataV4(keccak256(abi.encode(WITHDRAW, hash, deadline)));
        if (!SignatureChecker.isValidSignatureNowCalldata(by, message, signature)) {
            revert ConsentRegisterSignatureInvalid(hash, by);
        }
        _withdraw(leaf, hash, proof, by);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IConsentRegister
    function isLive(Leaf calldata leaf, bytes32[] calldata proof, uint256 word, bytes32[] calldata statusProof)
        external
        view
        returns (bool)
    {
        Kept storage kept = _registers[leaf.datasetId];
        bytes32 hash = ConsentTree.leafOf(leaf);
        if (_withdrawn[hash] || leaf.index >= kept.leaves || word >> leaf.index % ConsentTree.WORD & 1 == 1) {
            return false;
        }
        bytes32 wordHash = ConsentTree.wordOf(leaf.datasetId, leaf.index / ConsentTree.WORD, word);
        return MerkleProof.processProofCalldata(proof, hash) == kept.roots[kept.posts % KEPT]
            && MerkleProof.processProofCalldata(statusProof, wordHash) == kept.status && _isCurrent(leaf);
    }

    /// @inheritdoc IConsentRegister
    function isWithdrawn(bytes32 leaf) external view returns (bool) {
        return _withdrawn[leaf];
    }

    /// @inheritdoc IConsentRegister
    function leafHash(Leaf calldata leaf) external view returns (bytes32) {
        return ConsentTree.leafOf(leaf);
    }

    /// @inheritdoc IConsentRegister
    function register(uint256 datasetId) external view returns (Register memory) {
        Kept storage kept = _registers[datasetId];
        return Register(kept.owner, kept.leaves, kept.posts, kept.roots[kept.posts % KEPT], kept.status);
    }

    // --------------------------------------------------------------------------------------------------------- private

    function _withdraw(Leaf calldata leaf, bytes32 hash, bytes32[] calldata proof, address by) private {
        bool guards = by == leaf.guardian && block.timestamp < leaf.majority;
        if (by == address(0) || (by != leaf.holder && !guards)) revert ConsentRegisterNotHolder(hash, by);
        if (_withdrawn[hash]) revert ConsentRegisterAlreadyWithdrawn(hash);
        if (!_isIncluded(_registers[leaf.datasetId], MerkleProof.processProofCalldata(proof, hash))) {
            revert ConsentRegisterNotIncluded(leaf.datasetId, hash);
        }
        _withdrawn[hash] = true;
        emit Withdrawn(leaf.datasetId, leaf.index, hash, by);
    }

    function _isIncluded(Kept storage kept, bytes32 root) private view returns (bool) {
        for (uint256 i; i < KEPT; ++i) {
            if (kept.roots[i] == root) return true;
        }
        return false;
    }

    /// @dev A child's consent needs a live guardianship, and ends at majority: then the person is asked.
    function _isCurrent(Leaf calldata leaf) private view returns (bool) {
        if (block.timestamp >= leaf.expiry) return false;
        bool ofAge = block.timestamp >= leaf.majority;
        if (leaf.guardian == address(0)) return ofAge;
        return !ofAge && _guardianships.isLive(leaf.guardianship, leaf.guardian);
    }

    /// @dev The account counts, not the status: a suspended owner must be able to post withdrawals.
    function _checkAccount(uint256 datasetId, uint256 owner) private view {
        if (_membership.accountOf(owner) != _msgSender()) revert ConsentRegisterNotOwner(datasetId, _msgSender());
    }
}
