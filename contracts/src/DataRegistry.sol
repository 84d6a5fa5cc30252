// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataRegistry} from "./interfaces/IDataRegistry.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title DataRegistry
contract DataRegistry is IDataRegistry, EIP712 {
    bytes32 private constant REVOKE = keccak256("Revoke(bytes32 consentId,uint256 deadline)");

    IMembership private immutable _membership;
    address private immutable _deployer;

    address private _runs;
    uint256 private _count;
    mapping(uint256 datasetId => Dataset) private _datasets;
    mapping(bytes32 consentId => Consent) private _consents;
    mapping(uint256 datasetId => uint256) private _given;

    constructor(IMembership membership) EIP712("AI Commons Data Registry", "1") {
        (_membership, _deployer) = (membership, msg.sender);
    }

    /// @inheritdoc IDataRegistry
    function bindRuns(address runs) external {
        if (msg.sender != _deployer || _runs != address(0) || runs.code.length == 0) {
            revert DataRegistryBindRefused(msg.sender, runs);
        }
        _runs = runs;
        emit RunsBound(runs);
    }

    // -------------------------------------------------------------------------------------------------------- datasets

    /// @inheritdoc IDataRegistry
    function list(bytes32 card, bytes32 policy, bool freeCommons, uint256 price) external returns (uint256 datasetId) {
        uint256 owner = _activeCaller();
        if (card == 0 || policy == 0) revert DataRegistryDigestMissing();
        datasetId = ++_count;
        _datasets[datasetId] = Dataset(owner, 1, DatasetState.Listed, freeCommons, price, card, policy);
        emit Listed(datasetId, owner, card, policy, freeCommons, price);
    }

    /// @inheritdoc IDataRegistry
    function publishVersion(uint256 datasetId, bytes32 card, bytes32 policy) external {
        Dataset storage stored = _owned(datasetId);
        if (card == 0 || policy == 0) revert DataRegistryDigestMissing();
        if (stored.state == DatasetState.Retired) revert DataRegistryWrongState(datasetId, stored.state);
        (stored.card, stored.policy) = (card, policy);
        uint32 version = ++stored.version;
        emit VersionPublished(datasetId, version, card, policy);
    }

    /// @inheritdoc IDataRegistry
    function suspend(uint256 datasetId) external {
        _move(datasetId, DatasetState.Listed, DatasetState.Suspended);
        emit DatasetSuspended(datasetId);
    }

    /// @inheritdoc IDataRegistry
    function resume(uint256 datasetId) external {
        _move(datasetId, DatasetState.Suspended, DatasetState.Listed);
        emit DatasetResumed(datasetId);
    }

    /// @inheritdoc IDataRegistry
    function retire(uint256 datasetId) external {
        Dataset storage stored = _owned(datasetId);
        if (stored.state == DatasetState.Retired) revert DataRegistryWrongState(datasetId, stored.state);
        stored.state = DatasetState.Retired;
        emit DatasetRetired(datasetId);
    }

    // --------------------------------------------------------------------------------------------------------- consent

    /// @inheritdoc IDataRegistry
    function give(ConsentTerms calldata terms) external returns (bytes32 consentId) {
        Dataset storage stored = _owned(terms.datasetId);
        if (stored.state == DatasetState.Retired) revert DataRegistryWrongState(terms.datasetId, stored.state);
        if (terms.purpose == 0 || terms.maxUses == 0 || terms.expiry <= block.timestamp) {
            revert DataRegistryTermsInvalid(terms.purpose, terms.expiry, terms.maxUses);
        }
        uint256 nonce = _given[terms.datasetId]++;
        consentId = keccak256(abi.encode(block.chainid, address(this), terms, nonce));
        _consents[consentId].terms = terms;
        emit ConsentGiven(consentId, terms.datasetId, stored.owner, terms);
    }

    /// @inheritdoc IDataRegistry
    function revoke(bytes32 consentId) external {
        if (_holderOf(consentId) != msg.sender) {
            revert DataRegistryNotOwner(_consents[consentId].terms.datasetId, msg.sender);
        }
        _revoke(consentId);
    }

    /// @inheritdoc IDataRegistry
    function revokeBySignature(bytes32 consentId, uint256 deadline, bytes calldata signature) external {
        if (block.timestamp > deadline) revert DataRegistryDeadlinePassed(deadline);
        bytes32 message = _hashTypedDataV4(keccak256(abi.encode(REVOKE, consentId, deadline)));
        (address signer,,) = ECDSA.tryRecoverCalldata(message, signature);
        if (signer == address(0) || signer != _holderOf(consentId)) revert DataRegistrySignatureInvalid(consentId);
        _revoke(consentId);
    }

    /// @inheritdoc IDataRegistry
    function use(bytes32 consentId, bytes32 runId, bytes32 purpose, bytes32 problem, uint256 grantee)
        external
        returns (uint256 datasetId, uint32 version)
    {
        if (msg.sender != _runs) revert DataRegistryNotRuns(msg.sender);
        Consent storage stored = _consents[consentId];
        datasetId = stored.terms.datasetId;
        if (!canUse(consentId, datasetId, purpose, problem, grantee)) revert DataRegistryUseDenied(consentId);
        uint32 uses = ++stored.uses;
        emit ConsentUsed(consentId, runId, datasetId, uses);
        return (datasetId, _datasets[datasetId].version);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IDataRegistry
    function isLive(bytes32 consentId) public view returns (bool) {
        Consent storage stored = _consents[consentId];
        if (stored.revoked || block.timestamp >= stored.terms.expiry) return false;
        Dataset storage used = _datasets[stored.terms.datasetId];
        return used.state == DatasetState.Listed && _membership.isActive(used.owner);
    }

    /// @inheritdoc IDataRegistry
    function canUse(bytes32 consentId, uint256 datasetId, bytes32 purpose, bytes32 problem, uint256 grantee)
        public
        view
        returns (bool)
    {
        Consent storage stored = _consents[consentId];
        ConsentTerms storage terms = stored.terms;
        return isLive(consentId) && terms.datasetId == datasetId && terms.purpose == purpose
            && (terms.problem == 0 || terms.problem == problem) && (terms.grantee == 0 || terms.grantee == grantee)
            && stored.uses < terms.maxUses;
    }

    /// @inheritdoc IDataRegistry
    function dataset(uint256 datasetId) external view returns (Dataset memory) {
        return _datasets[datasetId];
    }

    /// @inheritdoc IDataRegistry
    function ownerOf(uint256 datasetId) external view returns (uint256) {
        return _datasets[datasetId].owner;
    }

    /// @inheritdoc IDataRegistry
    function consent(bytes32 consentId) external view returns (Consent memory) {
        return _consents[consentId];
    }

    /// @inheritdoc IDataRegistry
    function consentCount(uint256 datasetId) external view returns (uint256) {
        return _given[datasetId];
    }

    /// @inheritdoc IDataRegistry
    function count() external view returns (uint256) {
        return _count;
    }

    /// @inheritdoc IDataRegistry
    function runsContract() external view returns (address) {
        return _runs;
    }

    // --------------------------------------------------------------------------------------------------------- private

    function _revoke(bytes32 consentId) private {
        Consent storage stored = _consents[consentId];
        if (stored.revoked) revert DataRegistryAlreadyRevoked(consentId);
        stored.revoked = true;
        emit ConsentRevoked(consentId, stored.terms.datasetId);
    }

    function _move(uint256 datasetId, DatasetState from, DatasetState to) private {
        Dataset storage stored = _owned(datasetId);
        if (stored.state != from) revert DataRegistryWrongState(datasetId, stored.state);
        stored.state = to;
    }

    function _owned(uint256 datasetId) private view returns (Dataset storage stored) {
        stored = _datasets[datasetId];
        if (stored.owner == 0 || stored.owner != _activeCaller()) revert DataRegistryNotOwner(datasetId, msg.sender);
    }

    /// @dev The account that gave the consent, even if its member left since.
    function _holderOf(bytes32 consentId) private view returns (address) {
        uint256 owner = _datasets[_consents[consentId].terms.datasetId].owner;
        if (owner == 0) revert DataRegistryUnknownConsent(consentId);
        return _membership.accountOf(owner);
    }

    function _activeCaller() private view returns (uint256 memberId) {
        memberId = _membership.memberOf(msg.sender);
        if (!_membership.isActive(memberId)) revert DataRegistryNotMember(msg.sender);
    }
}
