// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IDataRegistry} from "./interfaces/IDataRegistry.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {Authority} from "./types/Authority.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title DataRegistry
contract DataRegistry is IDataRegistry, Governed, EIP712 {
    bytes32 private constant REVOKE = keccak256("Revoke(bytes32 consentId,uint256 deadline)");

    IMembership private immutable _membership;
    address private immutable _runs;
    uint256 private immutable _purposeCount;

    uint256 private _count;
    uint256 private _banned;
    mapping(uint256 datasetId => Dataset) private _datasets;
    mapping(bytes32 consentId => Consent) private _consents;
    mapping(uint256 datasetId => uint256) private _given;
    /// @dev When the dataset was entrusted for the first, second, ... time, which ended every consent given before.
    mapping(uint256 datasetId => mapping(uint64 era => uint64)) private _ends;
    /// @dev One more than the purpose's bit, so that zero means unknown.
    mapping(bytes32 purpose => uint256) private _places;

    /// @param runs The only contract that uses consents
    /// @param purposes keccak256 of each purpose code; its index is its bit for ever
    /// @param banned Bitmap of those that nobody can permit
    constructor(
        IMembership membership,
        address runs,
        bytes32[] memory purposes,
        uint256 banned,
        Authority memory authority
    ) Governed(authority) EIP712("AI Commons Data Registry", "1") {
        (_membership, _runs) = (membership, runs);
        _purposeCount = purposes.length;
        if (purposes.length > 256) revert DataRegistryPurposesInvalid(purposes.length);
        for (uint256 i; i < purposes.length; ++i) {
            if (_places[purposes[i]] != 0) revert DataRegistryPurposesInvalid(purposes.length);
            _places[purposes[i]] = i + 1;
        }
        _ban(banned);
    }

    /// @inheritdoc IDataRegistry
    function changeBanned(uint256 banned, uint256 lifted) external {
        _checkTimelock();
        _ban((_banned | banned) & ~lifted);
    }

    // -------------------------------------------------------------------------------------------------------- datasets

    /// @inheritdoc IDataRegistry
    function list(bytes32 card, bytes32 policy, Rules calldata rules, bool freeCommons, uint256 price)
        external
        returns (uint256 datasetId)
    {
        uint256 owner = _activeCaller();
        datasetId = ++_count;
        Dataset storage stored = _datasets[datasetId];
        (stored.owner, stored.version, stored.state) = (owner, 1, DatasetState.Listed);
        _describe(stored, card, policy, rules, freeCommons, price);
        emit Listed(datasetId, owner, card, policy, rules, freeCommons, price);
    }

    /// @inheritdoc IDataRegistry
    function publishVersion(
        uint256 datasetId,
        bytes32 card,
        bytes32 policy,
        Rules calldata rules,
        bool freeCommons,
        uint256 price
    ) external {
        Dataset storage stored = _granting(datasetId);
        if (stored.state == DatasetState.Retired) revert DataRegistryWrongState(datasetId, stored.state);
        uint32 version = ++stored.version;
        _describe(stored, card, policy, rules, freeCommons, price);
        emit VersionPublished(datasetId, version, card, policy, rules, freeCommons, price);
    }

    /// @inheritdoc IDataRegistry
    function suspend(uint256 datasetId) external {
        Dataset storage stored = _held(datasetId);
        if (stored.state != DatasetState.Listed) revert DataRegistryWrongState(datasetId, stored.state);
        stored.state = DatasetState.Suspended;
        emit DatasetSuspended(datasetId);
    }

    /// @inheritdoc IDataRegistry
    function resume(uint256 datasetId) external {
        Dataset storage stored = _granting(datasetId);
        if (stored.state != DatasetState.Suspended) revert DataRegistryWrongState(datasetId, stored.state);
        stored.state = DatasetState.Listed;
        emit DatasetResumed(datasetId);
    }

    /// @inheritdoc IDataRegistry
    function retire(uint256 datasetId) external {
        Dataset storage stored = _held(datasetId);
        if (stored.state == DatasetState.Retired) revert DataRegistryWrongState(datasetId, stored.state);
        stored.state = DatasetState.Retired;
        emit DatasetRetired(datasetId);
    }

    /// @inheritdoc IDataRegistry
    function entrust(uint256 datasetId, address body) external {
        Dataset storage stored = _owned(datasetId);
        if (stored.state == DatasetState.Retired) revert DataRegistryWrongState(datasetId, stored.state);
        if (stored.body != address(0)) revert DataRegistryEntrusted(datasetId, stored.body);
        if (body == address(0) || body == _msgSender()) revert DataRegistryNotBody(datasetId, body);
        stored.body = body;
        _ends[datasetId][stored.era++] = uint64(block.timestamp);
        emit Entrusted(datasetId, body);
    }

    /// @inheritdoc IDataRegistry
    function discharge(uint256 datasetId) external {
        Dataset storage stored = _datasets[datasetId];
        if (_msgSender() != stored.body) revert DataRegistryNotBody(datasetId, _msgSender());
        stored.body = address(0);
        emit Discharged(datasetId, _msgSender());
    }

    // --------------------------------------------------------------------------------------------------------- consent

    /// @inheritdoc IDataRegistry
    function give(ConsentTerms calldata terms) external returns (bytes32 consentId) {
        Dataset storage stored = _granting(terms.datasetId);
        if (stored.state == DatasetState.Retired) revert DataRegistryWrongState(terms.datasetId, stored.state);
        if (terms.purposes == 0 || terms.maxUses == 0 || terms.expiry <= block.timestamp) {
            revert DataRegistryTermsInvalid(terms.purposes, terms.expiry, terms.maxUses);
        }
        uint256 nonce = _given[terms.datasetId]++;
        consentId = keccak256(abi.encode(block.chainid, address(this), terms, nonce));
        Consent storage made = _consents[consentId];
        (made.terms, made.givenAt, made.era) = (terms, uint64(block.timestamp), stored.era);
        emit ConsentGiven(consentId, terms.datasetId, stored.owner, terms);
    }

    /// @inheritdoc IDataRegistry
    function revoke(bytes32 consentId) external {
        uint256 datasetId = _consents[consentId].terms.datasetId;
        if (_holderOf(consentId) != _msgSender() && _datasets[datasetId].body != _msgSender()) {
            revert DataRegistryNotOwner(datasetId, _msgSender());
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
    function use(bytes32 consentId, bytes32 runId, Use calldata wanted) external returns (uint32 version) {
        if (msg.sender != _runs) revert DataRegistryNotRuns(msg.sender);
        Denial reason = denial(consentId, wanted);
        if (reason != Denial.None) revert DataRegistryUseDenied(consentId, reason);
        Dataset storage used = _datasets[wanted.datasetId];
        uint32 uses = ++_consents[consentId].uses;
        emit ConsentUsed(consentId, runId, wanted.datasetId, uses, _priceOf(used));
        return used.version;
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IDataRegistry
    function isLive(bytes32 consentId) external view returns (bool) {
        return _death(consentId) == Denial.None;
    }

    /// @inheritdoc IDataRegistry
    function livedAt(bytes32 consentId, uint64 time) external view returns (bool) {
        Consent storage stored = _consents[consentId];
        if (stored.terms.datasetId == 0 || time < stored.givenAt || time >= stored.terms.expiry) return false;
        if (stored.revokedAt != 0 && time > stored.revokedAt) return false;
        return !_isOver(stored) || time <= _ends[stored.terms.datasetId][stored.era];
    }

    /// @inheritdoc IDataRegistry
    function canUse(bytes32 consentId, Use calldata wanted) external view returns (bool) {
        return denial(consentId, wanted) == Denial.None;
    }

    /// @inheritdoc IDataRegistry
    function denial(bytes32 consentId, Use calldata wanted) public view returns (Denial reason) {
        reason = _death(consentId);
        if (reason != Denial.None) return reason;
        Consent storage stored = _consents[consentId];
        ConsentTerms storage terms = stored.terms;
        if (terms.datasetId != wanted.datasetId) return Denial.OtherDataset;
        Dataset storage asked = _datasets[wanted.datasetId];
        reason = _purposeDenial(asked.rules, terms.purposes, wanted.purpose);
        if (reason != Denial.None) return reason;
        if (terms.problem != 0 && terms.problem != wanted.problem) return Denial.OtherProblem;
        if (terms.grantee != 0 && terms.grantee != wanted.grantee) return Denial.OtherGrantee;
        if (wanted.commercial && !(terms.commercial && asked.rules.commercial)) return Denial.CommercialNotPermitted;
        if (stored.uses >= terms.maxUses) return Denial.UsesSpent;
        if (_priceOf(asked) > wanted.price) return Denial.PriceTooHigh;
    }

    /// @inheritdoc IDataRegistry
    function purposeBit(bytes32 purpose) public view returns (bool known, uint8 bit) {
        uint256 place = _places[purpose];
        return place == 0 ? (false, 0) : (true, uint8(place - 1));
    }

    /// @inheritdoc IDataRegistry
    function purposeCount() external view returns (uint256) {
        return _purposeCount;
    }

    /// @inheritdoc IDataRegistry
    function bannedPurposes() external view returns (uint256) {
        return _banned;
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

    function _ban(uint256 banned) private {
        if (_purposeCount < 256 && banned >> _purposeCount != 0) revert DataRegistryPurposesInvalid(_purposeCount);
        _banned = banned;
        emit BannedSet(banned);
    }

    function _revoke(bytes32 consentId) private {
        Consent storage stored = _consents[consentId];
        if (stored.revokedAt != 0) revert DataRegistryAlreadyRevoked(consentId);
        stored.revokedAt = uint64(block.timestamp);
        emit ConsentRevoked(consentId, stored.terms.datasetId);
    }

    /// @dev What a version says; the card and the policy themselves lie in the store.
    function _describe(
        Dataset storage stored,
        bytes32 card,
        bytes32 policy,
        Rules calldata rules,
        bool freeCommons,
        uint256 price
    ) private {
        if (card == 0 || policy == 0) revert DataRegistryDigestMissing();
        (stored.card, stored.policy, stored.rules) = (card, policy, rules);
        (stored.freeCommons, stored.price) = (freeCommons, price);
    }

    /// @dev Why a consent may not be used by anybody for anything; what a run asks again at every Submit.
    function _death(bytes32 consentId) private view returns (Denial) {
        Consent storage stored = _consents[consentId];
        Dataset storage used = _datasets[stored.terms.datasetId];
        if (stored.terms.datasetId == 0) return Denial.UnknownConsent;
        if (stored.revokedAt != 0 || _isOver(stored)) return Denial.Revoked;
        if (block.timestamp >= stored.terms.expiry) return Denial.Expired;
        if (used.state != DatasetState.Listed) return Denial.DatasetNotListed;
        return _membership.isActive(used.owner) ? Denial.None : Denial.OwnerNotActive;
    }

    /// @dev Whether the dataset was entrusted since.
    function _isOver(Consent storage stored) private view returns (bool) {
        return stored.era < _datasets[stored.terms.datasetId].era;
    }

    function _purposeDenial(Rules storage rules, uint256 consented, bytes32 purpose) private view returns (Denial) {
        (bool known, uint8 bit) = purposeBit(purpose);
        if (!known) return Denial.PurposeUnknown;
        if (_banned >> bit & 1 == 1) return Denial.PurposeBanned;
        if (rules.prohibited >> bit & 1 == 1) return Denial.PurposeProhibited;
        if (rules.permitted >> bit & 1 == 0) return Denial.PurposeNotPermitted;
        return consented >> bit & 1 == 0 ? Denial.PurposeNotConsented : Denial.None;
    }

    function _priceOf(Dataset storage priced) private view returns (uint256) {
        return priced.freeCommons ? 0 : priced.price;
    }

    /// @dev By the owner.
    function _owned(uint256 datasetId) private view returns (Dataset storage stored) {
        stored = _datasets[datasetId];
        if (stored.owner == 0 || stored.owner != _activeCaller()) revert DataRegistryNotOwner(datasetId, _msgSender());
    }

    /// @dev By the owner or the body: whoever may say no.
    function _held(uint256 datasetId) private view returns (Dataset storage stored) {
        stored = _datasets[datasetId];
        return stored.body == _msgSender() ? stored : _owned(datasetId);
    }

    /// @dev By the body, or where there is none by the owner: whoever may say yes.
    function _granting(uint256 datasetId) private view returns (Dataset storage stored) {
        stored = _datasets[datasetId];
        if (stored.body == _msgSender()) return stored;
        if (stored.body != address(0)) revert DataRegistryEntrusted(datasetId, stored.body);
        return _owned(datasetId);
    }

    /// @dev The account that gave the consent, even if its member left since.
    function _holderOf(bytes32 consentId) private view returns (address) {
        uint256 owner = _datasets[_consents[consentId].terms.datasetId].owner;
        if (owner == 0) revert DataRegistryUnknownConsent(consentId);
        return _membership.accountOf(owner);
    }

    function _activeCaller() private view returns (uint256 memberId) {
        memberId = _membership.memberOf(_msgSender());
        if (!_membership.isActive(memberId)) revert DataRegistryNotMember(_msgSender());
    }
}
