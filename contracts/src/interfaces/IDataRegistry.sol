// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Datasets and consent
/// @notice What data exist (cards and policies by digest, never data) and who may use them for what. Default deny:
/// nothing may be used without a live consent that covers dataset, purpose, grantee, problem and commercial use, within
/// the dataset's own rules and at its price. A purpose is a bit: which code has which bit is fixed at deployment, and sets
/// of purposes are bitmaps, already closed under "is a kind of" by whoever publishes them. A purpose that has no bit is
/// denied, and one that the members banned by a vote cannot be permitted by anybody.
interface IDataRegistry {
    /// @notice None → Listed ↔ Suspended; Listed / Suspended → Retired.
    enum DatasetState {
        None,
        Listed,
        Suspended,
        Retired
    }

    /// @notice Why a use is denied; the first that applies, in this order. None = it is permitted.
    enum Denial {
        None,
        UnknownConsent,
        Revoked,
        Expired,
        DatasetNotListed,
        OwnerNotActive,
        OtherDataset,
        PurposeUnknown,
        PurposeBanned,
        PurposeProhibited,
        PurposeNotPermitted,
        PurposeNotConsented,
        OtherProblem,
        OtherGrantee,
        CommercialNotPermitted,
        UsesSpent,
        PriceTooHigh
    }

    /// @notice What of a UsePolicy the ledger itself enforces, whatever a consent says.
    /// @param permitted Bitmap of the purposes that consents may permit
    /// @param prohibited Bitmap of the purposes that nothing permits; wins over `permitted`
    /// @param commercial Whether consents may permit commercial use
    struct Rules {
        uint256 permitted;
        uint256 prohibited;
        bool commercial;
    }

    /// @notice One dataset, as its newest version has it.
    /// @param owner Member id of the holder
    /// @param version Counted from 1, grows with every published card
    /// @param state See `DatasetState`
    /// @param freeCommons Whether the holder asks no price
    /// @param price Price per run in the commons' smallest unit
    /// @param card Digest of the DatasetCard
    /// @param policy Digest of the UsePolicy
    /// @param rules What of the policy the ledger enforces
    /// @param body Who alone gives its consents, such as a co-op's governor; zero = the owner does
    /// @param era How often it was entrusted; consents of earlier eras are over
    struct Dataset {
        uint256 owner;
        uint32 version;
        DatasetState state;
        bool freeCommons;
        uint256 price;
        bytes32 card;
        bytes32 policy;
        Rules rules;
        address body;
        uint64 era;
    }

    /// @notice What a holder permits.
    /// @param datasetId The dataset
    /// @param purposes Bitmap of the purposes; never zero
    /// @param grantee Member id of the only solver, 0 = any
    /// @param problem The only problem, 0 = any
    /// @param commercial Whether commercial use is permitted too
    /// @param expiry First unix second at which the consent is dead
    /// @param maxUses How many runs may use it; never zero
    /// @param document Digest of the ConsentRecord
    struct ConsentTerms {
        uint256 datasetId;
        uint256 purposes;
        uint256 grantee;
        bytes32 problem;
        bool commercial;
        uint64 expiry;
        uint32 maxUses;
        bytes32 document;
    }

    /// @notice What is asked of a consent.
    /// @param datasetId The dataset that is wanted
    /// @param purpose keccak256 of the purpose code
    /// @param problem The problem it is wanted for
    /// @param grantee Member id of the solver
    /// @param commercial Whether the use is commercial
    /// @param price The most that is paid for one dataset, in the commons' smallest unit
    struct Use {
        uint256 datasetId;
        bytes32 purpose;
        bytes32 problem;
        uint256 grantee;
        bool commercial;
        uint256 price;
    }

    /// @notice One consent.
    /// @param terms What was permitted
    /// @param uses Runs that have used it
    /// @param givenAt Unix second at which it was given
    /// @param revokedAt Unix second at which the holder took it back, 0 = it did not
    /// @param era The dataset's era at that time
    struct Consent {
        ConsentTerms terms;
        uint32 uses;
        uint64 givenAt;
        uint64 revokedAt;
        uint64 era;
    }

    /// @notice From now on nobody can permit these purposes, a bitmap; said when the contract is made, and by every vote.
    event BannedSet(uint256 banned);
    /// @notice A dataset was listed.
    event Listed(
        uint256 indexed datasetId,
        uint256 indexed owner,
        bytes32 card,
        bytes32 policy,
        Rules rules,
        bool freeCommons,
        uint256 price
    );
    /// @notice A dataset has a new version; older versions stay in the record.
    event VersionPublished(
        uint256 indexed datasetId,
        uint32 version,
        bytes32 card,
        bytes32 policy,
        Rules rules,
        bool freeCommons,
        uint256 price
    );
    /// @notice A dataset cannot be used for now.
    event DatasetSuspended(uint256 indexed datasetId);
    /// @notice A suspended dataset can be used again.
    event DatasetResumed(uint256 indexed datasetId);
    /// @notice A dataset will never be used again.
    event DatasetRetired(uint256 indexed datasetId);
    /// @notice From now on only `body` gives the dataset's consents.
    event Entrusted(uint256 indexed datasetId, address indexed body);
    /// @notice The body gave the dataset back: its owner gives consents again.
    event Discharged(uint256 indexed datasetId, address indexed body);
    /// @notice A holder gave consent.
    /// @param consentId keccak256 of chain, contract, terms and a counter
    /// @param datasetId What may be used
    /// @param holder Member id of the dataset's owner
    /// @param terms What is permitted
    event ConsentGiven(
        bytes32 indexed consentId, uint256 indexed datasetId, uint256 indexed holder, ConsentTerms terms
    );
    /// @notice A holder took consent back.
    event ConsentRevoked(bytes32 indexed consentId, uint256 indexed datasetId);
    /// @notice A run used a consent; `uses` counts this one, `price` is what was agreed for it, 0 for free commons.
    /// @param consentId The consent
    /// @param runId The run that uses it
    /// @param datasetId Whose data
    /// @param uses How many runs have used it, with this one
    /// @param price What the dataset asks for one run
    event ConsentUsed(
        bytes32 indexed consentId, bytes32 indexed runId, uint256 indexed datasetId, uint32 uses, uint256 price
    );

    /// @notice The caller is not an active member.
    error DataRegistryNotMember(address caller);
    /// @notice Only the dataset's owner may do this.
    error DataRegistryNotOwner(uint256 datasetId, address caller);
    /// @notice The dataset's state does not allow this.
    error DataRegistryWrongState(uint256 datasetId, DatasetState state);
    /// @notice A digest that must not be zero is zero.
    error DataRegistryDigestMissing();
    /// @notice More purposes than bits, or one twice; or a bit is banned that stands for none.
    error DataRegistryPurposesInvalid(uint256 purposes);
    /// @notice Terms with no purpose, no use or no future.
    error DataRegistryTermsInvalid(uint256 purposes, uint64 expiry, uint32 maxUses);
    /// @notice The dataset's consents are in the hands of a body: only it may do this, and its owner may not.
    error DataRegistryEntrusted(uint256 datasetId, address body);
    /// @notice Only the body that the dataset is entrusted to may do this; a body is never zero or the owner itself.
    error DataRegistryNotBody(uint256 datasetId, address caller);
    /// @notice There is no such consent.
    error DataRegistryUnknownConsent(bytes32 consentId);
    /// @notice The consent was revoked before.
    error DataRegistryAlreadyRevoked(bytes32 consentId);
    /// @notice The signature is not the holder's.
    error DataRegistrySignatureInvalid(bytes32 consentId);
    /// @notice The signed revocation came after its own deadline.
    error DataRegistryDeadlinePassed(uint256 deadline);
    /// @notice The consent does not permit this use now, and why.
    error DataRegistryUseDenied(bytes32 consentId, Denial denial);
    /// @notice Only the runs contract may use consents.
    error DataRegistryNotRuns(address caller);

    /// @notice Bans purposes, so that nobody can permit them, and lifts bans, as the timelock. It changes what stands then, so
    /// that of two votes neither undoes the other. New uses are held to it at once, whatever policies and consents say;
    /// runs that took their seats before go on, unless their nodes no longer contribute.
    /// @param banned Bitmap of registered purposes, closed under "is a kind of"
    /// @param lifted Bitmap of purposes whose ban ends; what is in both is not banned
    function changeBanned(uint256 banned, uint256 lifted) external;

    /// @notice Lists a dataset in the caller's name.
    /// @param card Digest of the DatasetCard
    /// @param policy Digest of the UsePolicy
    /// @param rules What of the policy the ledger enforces
    /// @param freeCommons Whether the holder asks no price
    /// @param price Price per run in the commons' smallest unit; counts as 0 in the free commons
    /// @return datasetId 1, 2, 3, ...
    function list(bytes32 card, bytes32 policy, Rules calldata rules, bool freeCommons, uint256 price)
        external
        returns (uint256 datasetId);

    /// @notice Publishes a new version; new uses are held to it, uses that were counted before go on. By the body where
    /// there is one, else by the owner: consents would else come under terms that nobody said yes to.
    /// @param datasetId A dataset that is not retired
    /// @param card Digest of the new card
    /// @param policy Digest of the new policy
    /// @param rules What of the new policy the ledger enforces
    /// @param freeCommons Whether the holder asks no price
    /// @param price Price per run in the commons' smallest unit
    function publishVersion(
        uint256 datasetId,
        bytes32 card,
        bytes32 policy,
        Rules calldata rules,
        bool freeCommons,
        uint256 price
    ) external;

    /// @notice Takes a dataset out of use for now; running runs lose it as well. By the owner or the body.
    /// @param datasetId A dataset that is listed
    function suspend(uint256 datasetId) external;

    /// @notice Puts a suspended dataset back into use. By the body where there is one, else by the owner.
    /// @param datasetId A dataset that is suspended
    function resume(uint256 datasetId) external;

    /// @notice Takes a dataset out of use for good. By the owner or the body.
    /// @param datasetId A dataset that is not retired
    function retire(uint256 datasetId) external;

    /// @notice Puts the dataset's consents into the hands of a body, such as a co-op's governor: only it gives them from
    /// now on. Consents that were given before are over, as if they were revoked. Revoking, suspending and retiring stay
    /// with the owner as well.
    /// @param datasetId One of the caller's datasets, not retired and not entrusted
    /// @param body The body's account
    function entrust(uint256 datasetId, address body) external;

    /// @notice Gives the dataset back to its owner, as the body that it was entrusted to.
    /// @param datasetId A dataset that is entrusted to the caller
    function discharge(uint256 datasetId) external;

    /// @notice Gives consent as the dataset's owner, or as its body where there is one.
    /// @param terms What is permitted; purposes, uses and a future expiry are needed
    /// @return consentId keccak256(abi.encode(chain id, this contract, terms, nonce)), nonce = consents given before
    /// for this dataset
    function give(ConsentTerms calldata terms) external returns (bytes32 consentId);

    /// @notice Takes consent back; works even when everything else is suspended, and for a member who left.
    /// @param consentId A consent for one of the caller's datasets, or for one that is entrusted to the caller
    function revoke(bytes32 consentId) external;

    /// @notice Takes consent back by the holder's EIP-712 signature Revoke(bytes32 consentId,uint256 deadline) under
    /// the domain "AI Commons Data Registry", version "1".
    /// @param consentId A consent of the signer's
    /// @param deadline Last unix second at which the signature counts
    /// @param signature 65 bytes r || s || v of the holder's account, low s
    function revokeBySignature(bytes32 consentId, uint256 deadline, bytes calldata signature) external;

    /// @notice Counts one use by a run; refused with the denial if there is one.
    /// @param consentId The consent
    /// @param runId The run that uses it
    /// @param wanted What the run wants
    /// @return version The dataset's present version
    function use(bytes32 consentId, bytes32 runId, Use calldata wanted) external returns (uint32 version);

    /// @notice Whether a consent that was used goes on: not revoked, not expired, dataset listed, holder active.
    /// @param consentId Any id; unknown ids are dead
    function isLive(bytes32 consentId) external view returns (bool live);

    /// @notice Whether a consent stood at some moment of a second that is past: it was given, not yet taken back, not over by
    /// its terms, and its dataset not entrusted since. Dataset and holder are not looked at: they have no past here.
    /// @param consentId Any id; unknown ids never lived
    /// @param time Unix second
    function livedAt(bytes32 consentId, uint64 time) external view returns (bool lived);

    /// @notice Why a new use is denied now: the first reason in the order of `Denial`, None if it is permitted.
    /// @param consentId Any id
    /// @param wanted What is asked
    function denial(bytes32 consentId, Use calldata wanted) external view returns (Denial reason);

    /// @notice Whether a new use is permitted now: there is no denial.
    /// @param consentId Any id
    /// @param wanted What is asked
    function canUse(bytes32 consentId, Use calldata wanted) external view returns (bool allowed);

    /// @notice Which bit stands for a purpose.
    /// @param purpose keccak256 of any purpose code
    /// @return known Whether the purpose was registered at deployment
    /// @return bit Its place in every bitmap, counted from the least significant
    function purposeBit(bytes32 purpose) external view returns (bool known, uint8 bit);

    /// @notice How many purposes were registered.
    function purposeCount() external view returns (uint256 purposes);

    /// @notice Bitmap of the purposes that nobody can permit.
    function bannedPurposes() external view returns (uint256 purposes);

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
