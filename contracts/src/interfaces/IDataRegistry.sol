// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Datasets and consent
/// @notice What data exist (cards and policies by digest, never data) and who may use them for what. Default deny:
/// nothing may be used without a live consent that names dataset, purpose, grantee and problem.
interface IDataRegistry {
    /// @notice None → Listed ↔ Suspended; Listed / Suspended → Retired.
    enum DatasetState {
        None,
        Listed,
        Suspended,
        Retired
    }

    /// @notice One dataset.
    /// @param owner Member id of the holder
    /// @param version Counted from 1, grows with every published card
    /// @param state See `DatasetState`
    /// @param freeCommons Whether the holder asks no price
    /// @param price Price per run in the commons' smallest unit
    /// @param card Digest of the DatasetCard
    /// @param policy Digest of the UsePolicy
    struct Dataset {
        uint256 owner;
        uint32 version;
        DatasetState state;
        bool freeCommons;
        uint256 price;
        bytes32 card;
        bytes32 policy;
    }

    /// @notice What a holder permits.
    /// @param datasetId The dataset
    /// @param purpose The only purpose; never zero
    /// @param grantee Member id of the only solver, 0 = any
    /// @param problem The only problem, 0 = any
    /// @param expiry First unix second at which the consent is dead
    /// @param maxUses How many runs may use it; never zero
    /// @param document Digest of the ConsentRecord
    struct ConsentTerms {
        uint256 datasetId;
        bytes32 purpose;
        uint256 grantee;
        bytes32 problem;
        uint64 expiry;
        uint32 maxUses;
        bytes32 document;
    }

    /// @notice One consent.
    /// @param terms What was permitted
    /// @param uses Runs that have used it
    /// @param revoked Whether the holder took it back
    struct Consent {
        ConsentTerms terms;
        uint32 uses;
        bool revoked;
    }

    /// @notice A dataset was listed.
    event Listed(
        uint256 indexed datasetId, uint256 indexed owner, bytes32 card, bytes32 policy, bool freeCommons, uint256 price
    );
    /// @notice A dataset has a new card or policy; older versions stay in the record.
    event VersionPublished(uint256 indexed datasetId, uint32 version, bytes32 card, bytes32 policy);
    /// @notice A dataset cannot be used for now.
    event DatasetSuspended(uint256 indexed datasetId);
    /// @notice A suspended dataset can be used again.
    event DatasetResumed(uint256 indexed datasetId);
    /// @notice A dataset will never be used again.
    event DatasetRetired(uint256 indexed datasetId);
    /// @notice A holder gave consent.
    event ConsentGiven(
        bytes32 indexed consentId, uint256 indexed datasetId, uint256 indexed holder, ConsentTerms terms
    );
    /// @notice A holder took consent back.
    event ConsentRevoked(bytes32 indexed consentId, uint256 indexed datasetId);
    /// @notice A run used a consent; `uses` counts this one.
    event ConsentUsed(bytes32 indexed consentId, bytes32 indexed runId, uint256 indexed datasetId, uint32 uses);
    /// @notice The contract that may use consents was named, once and for all.
    event RunsBound(address runs);

    /// @notice The caller is not an active member.
    error DataRegistryNotMember(address caller);
    /// @notice Only the dataset's owner may do this.
    error DataRegistryNotOwner(uint256 datasetId, address caller);
    /// @notice The dataset's state does not allow this.
    error DataRegistryWrongState(uint256 datasetId, DatasetState state);
    /// @notice A digest that must not be zero is zero.
    error DataRegistryDigestMissing();
    /// @notice Terms with no purpose, no use or no future.
    error DataRegistryTermsInvalid(bytes32 purpose, uint64 expiry, uint32 maxUses);
    /// @notice There is no such consent.
    error DataRegistryUnknownConsent(bytes32 consentId);
    /// @notice The consent was revoked before.
    error DataRegistryAlreadyRevoked(bytes32 consentId);
    /// @notice The signature is not the holder's.
    error DataRegistrySignatureInvalid(bytes32 consentId);
    /// @notice The signed revocation came after its own deadline.
    error DataRegistryDeadlinePassed(uint256 deadline);
    /// @notice The consent does not permit this use now.
    error DataRegistryUseDenied(bytes32 consentId);
    /// @notice Only the bound runs contract may use consents.
    error DataRegistryNotRuns(address caller);
    /// @notice Only the deployer may bind, once, and to a contract.
    error DataRegistryBindRefused(address caller, address runs);

    /// @notice Names the runs contract; possible once, for the deployer.
    /// @param runs The deployed TrainingRuns
    function bindRuns(address runs) external;

    /// @notice Lists a dataset in the caller's name.
    /// @param card Digest of the DatasetCard
    /// @param policy Digest of the UsePolicy
    /// @param freeCommons Whether the holder asks no price
    /// @param price Price per run in the commons' smallest unit
    /// @return datasetId 1, 2, 3, ...
    function list(bytes32 card, bytes32 policy, bool freeCommons, uint256 price) external returns (uint256 datasetId);

    /// @notice Publishes a new version.
    /// @param datasetId One of the caller's datasets, not retired
    /// @param card Digest of the new card
    /// @param policy Digest of the new policy
    function publishVersion(uint256 datasetId, bytes32 card, bytes32 policy) external;

    /// @notice Takes a dataset out of use for now; running runs lose it as well.
    /// @param datasetId One of the caller's datasets
    function suspend(uint256 datasetId) external;

    /// @notice Puts a suspended dataset back into use.
    /// @param datasetId One of the caller's datasets
    function resume(uint256 datasetId) external;

    /// @notice Takes a dataset out of use for good.
    /// @param datasetId One of the caller's datasets
    function retire(uint256 datasetId) external;

    /// @notice Gives consent as the dataset's owner.
    /// @param terms What is permitted; purpose, uses and a future expiry are needed
    /// @return consentId keccak256(abi.encode(chain id, this contract, terms, nonce)), nonce = consents given before
    /// for this dataset
    function give(ConsentTerms calldata terms) external returns (bytes32 consentId);

    /// @notice Takes consent back; works even when everything else is suspended, and for a member who left.
    /// @param consentId One of the caller's consents
    function revoke(bytes32 consentId) external;

    /// @notice Takes consent back by the holder's EIP-712 signature Revoke(bytes32 consentId,uint256 deadline) under
    /// the domain "AI Commons Data Registry", version "1".
    /// @param consentId A consent of the signer's
    /// @param deadline Last unix second at which the signature counts
    /// @param signature 65 bytes r || s || v of the holder's account, low s
    function revokeBySignature(bytes32 consentId, uint256 deadline, bytes calldata signature) external;

    /// @notice Counts one use by a run.
    /// @param consentId The consent
    /// @param runId The run that uses it
    /// @param purpose The run's purpose
    /// @param problem The run's problem
    /// @param grantee Member id of the run's solver
    /// @return datasetId The consent's dataset
    /// @return version The dataset's present version
    function use(bytes32 consentId, bytes32 runId, bytes32 purpose, bytes32 problem, uint256 grantee)
        external
        returns (uint256 datasetId, uint32 version);

    /// @notice Whether a consent that was used goes on: not revoked, not expired, dataset listed, holder active.
    /// @param consentId Any id; unknown ids are dead
    function isLive(bytes32 consentId) external view returns (bool live);

    /// @notice Whether a new use is permitted now; anything unknown is denied.
    /// @param consentId Any id
    /// @param datasetId The dataset that is wanted
    /// @param purpose What it is wanted for
    /// @param problem The problem it is wanted for
    /// @param grantee Member id of the solver
    function canUse(bytes32 consentId, uint256 datasetId, bytes32 purpose, bytes32 problem, uint256 grantee)
        external
        view
        returns (bool allowed);

    /// @notice The record of a dataset.
    /// @param datasetId Any id
    function dataset(uint256 datasetId) external view returns (Dataset memory record);

    /// @notice Member id of the dataset's owner, 0 if there is no such dataset.
    /// @param datasetId Any id
    function ownerOf(uint256 datasetId) external view returns (uint256 memberId);

    /// @notice The record of a consent.
    /// @param consentId Any id
    function consent(bytes32 consentId) external view returns (Consent memory record);

    /// @notice How many consents were given for a dataset; the next one's nonce.
    /// @param datasetId Any id
    function consentCount(uint256 datasetId) external view returns (uint256 given);

    /// @notice How many datasets were listed; ids are 1..count.
    function count() external view returns (uint256 datasets);

    /// @notice The bound runs contract, zero before.
    function runsContract() external view returns (address runs);
}
