// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Models: where they come from, who owns them, and when they may be used
/// @notice One model per run. Its 1,000,000 shares belong to members, not to keys: a recovered membership keeps them, and
/// nobody can sell them. A model is released only after independent audits and a delay in which the members may object.
/// What it earns is kept by the vault; each owner takes its part when it likes. Whoever holds a dataset in the lineage can
/// ask for retraining without it or for retirement; the wish stands beside the model.
interface IModelRegistry {
    /// @notice None → Draft → InAudit → Releasable → Released; InAudit / Releasable / Released ↔ Suspended, which goes back
    /// to where it came from; from all of them → Withdrawn.
    enum ModelState {
        None,
        Draft,
        InAudit,
        Releasable,
        Released,
        Suspended,
        Withdrawn
    }

    /// @notice What the owner of a dataset asks of a model that used it.
    enum Wish {
        Retrain,
        Retire
    }

    /// @notice How close a member is to a model. Who is not None cannot audit it; who is a Party may have it audited and
    /// release it. Interested are the problem's owner and judge, and whoever had a seat but gave nothing to a sum; a Party is
    /// the solver or a source.
    enum Tie {
        None,
        Interested,
        Party
    }

    /// @notice What the members' vote asks of a release.
    /// @param audits How many independent audits; at least 1
    /// @param delay Seconds between the audits and the release
    struct AuditRules {
        uint16 audits;
        uint32 delay;
    }

    /// @notice One model; its id is its run's.
    /// @param state See `ModelState`
    /// @param resumesTo Where a suspended model goes back to, else None
    /// @param roundsDone Rounds behind the agreed state
    /// @param purpose Bit of the run's purpose
    /// @param auditsFrom First unix second whose audits of it count, 0 before they were asked for
    /// @param releasableAt First unix second at which it may be released, 0 before its audits were shown
    /// @param solver Member id of the run's solver
    /// @param plan Digest of the plan
    /// @param card Digest of the ModelCard
    /// @param stateDigest The state that was agreed
    /// @param licence keccak256 of the licence in the run's terms, zero = the terms name none
    struct Model {
        ModelState state;
        ModelState resumesTo;
        uint32 roundsDone;
        uint8 purpose;
        uint64 auditsFrom;
        uint64 releasableAt;
        uint256 solver;
        bytes32 plan;
        bytes32 card;
        bytes32 stateDigest;
        bytes32 licence;
    }

    /// @notice What one participant brought.
    /// @param memberId The participant
    /// @param datasetId Its dataset
    /// @param version The dataset's version at enrolment
    /// @param usedAt Unix second at which its data were used last
    /// @param consentId The consent that was used
    struct Source {
        uint256 memberId;
        uint256 datasetId;
        uint32 version;
        uint40 usedAt;
        bytes32 consentId;
    }

    /// @notice A model was registered with its whole lineage.
    /// @param modelId The id of the run that made it
    /// @param registrant Member id of who wrote it down
    /// @param plan Digest of the plan
    /// @param card Digest of the ModelCard
    /// @param stateDigest The state that was agreed
    /// @param licence keccak256 of the licence's text, zero = none said
    /// @param roundsDone Rounds behind that state
    /// @param sources What each participant brought whose data is in a sum, also if it left since
    event Registered(
        bytes32 indexed modelId,
        uint256 indexed registrant,
        bytes32 plan,
        bytes32 card,
        bytes32 stateDigest,
        bytes32 licence,
        uint32 roundsDone,
        Source[] sources
    );
    /// @notice A member owns this part of 1,000,000; one event per owner and role.
    /// @param modelId The model
    /// @param memberId The co-owner
    /// @param shares Of 1,000,000
    event SharesGiven(bytes32 indexed modelId, uint256 indexed memberId, uint256 shares);
    /// @notice The solver put a model's card and licence right.
    /// @param modelId The model
    /// @param card Digest of the ModelCard
    /// @param licence keccak256 of the licence's text, zero = none said
    /// @param auditsFrom First unix second whose audits of it count, 0 before they were asked for
    event ModelAmended(bytes32 indexed modelId, bytes32 card, bytes32 licence, uint64 auditsFrom);
    /// @notice The owner of a dataset in the lineage asks for something; `document` says why, zero = nothing said.
    event Wished(bytes32 indexed runId, uint256 indexed datasetId, Wish wish, bytes32 document);
    /// @notice Auditors are asked to look at a model.
    event AuditRequested(bytes32 indexed modelId, uint256 indexed requester);
    /// @notice A model has its audits; from `releasableAt` on it may be released.
    event ModelCleared(bytes32 indexed modelId, uint64 releasableAt, bytes32[] audits);
    /// @notice A model may be used; these audits stood at that moment.
    event ModelReleased(bytes32 indexed modelId, uint256 indexed releaser, bytes32[] audits);
    /// @notice A vote took a model out of use for now; `reason` is the digest of a text, zero = nothing said.
    event ModelSuspended(bytes32 indexed modelId, ModelState previous, bytes32 reason);
    /// @notice A vote put a model back to where it was.
    event ModelResumed(bytes32 indexed modelId, ModelState state);
    /// @notice A model is out of use for good; `reason` is the digest of a text, zero = nothing said.
    event ModelWithdrawn(bytes32 indexed modelId, ModelState previous, bytes32 reason);
    /// @notice What a release needs from now on; said when the contract is made, and by every vote.
    event AuditRulesSet(uint16 audits, uint32 delay);
    /// @notice A model earned money.
    event RevenuePaid(bytes32 indexed modelId, address indexed payer, address indexed token, uint256 amount);
    /// @notice An owner took its part, as a credit of `account` in the vault.
    event RevenueClaimed(
        bytes32 indexed modelId, uint256 indexed memberId, address indexed token, address account, uint256 amount
    );

    /// @notice The run has a model already.
    error ModelRegistryAlreadyRegistered(bytes32 modelId);
    /// @notice There is no such model.
    error ModelRegistryUnknown(bytes32 modelId);
    /// @notice The run is not over or never agreed on a state.
    error ModelRegistryNoState(bytes32 runId);
    /// @notice The state is not the run's last agreed one.
    error ModelRegistryStateMismatch(bytes32 stateDigest);
    /// @notice The caller is neither the solver nor a source, or may not act.
    error ModelRegistryNotParticipant(address caller);
    /// @notice Only the run's solver may do this, or a vote.
    error ModelRegistryNotSolver(bytes32 modelId, address caller);
    /// @notice The card's digest is zero.
    error ModelRegistryCardMissing();
    /// @notice The model did not use this dataset, or there is no such model.
    error ModelRegistryNotInLineage(bytes32 runId, uint256 datasetId);
    /// @notice Only the dataset's owner or its body may ask.
    error ModelRegistryNotOwner(uint256 datasetId, address caller);
    /// @notice The model's state does not allow this.
    error ModelRegistryWrongState(bytes32 modelId, ModelState state);
    /// @notice Too few audits were shown.
    error ModelRegistryAuditsMissing(uint256 got, uint256 needed);
    /// @notice More audits than can be looked at are shown: choose the best.
    error ModelRegistryAuditsTooMany(uint256 got, uint256 most);
    /// @notice This is no live audit of the model that passed, or a second one by the same auditor.
    error ModelRegistryAuditInvalid(bytes32 attestationId);
    /// @notice The audit was made before it was asked for, or before the solver amended what it is about.
    error ModelRegistryAuditTooEarly(bytes32 attestationId, uint64 madeAt, uint64 auditsFrom);
    /// @notice The auditor has a tie to the model: it solved, judged, owned the problem, or took a seat.
    error ModelRegistryConflict(bytes32 attestationId, uint256 memberId);
    /// @notice The model is suspended: an objection is open.
    error ModelRegistryOpenHarm(bytes32 modelId);
    /// @notice A consent of the lineage did not stand when it was used last.
    error ModelRegistryStale(bytes32 consentId);
    /// @notice The members banned the purpose that the model was made for; `bit` is the purpose's.
    error ModelRegistryPurposeBanned(uint8 bit);
    /// @notice The time in which the members may object is not over.
    error ModelRegistryTooEarly(uint64 releasableAt);
    /// @notice At least one audit, and no more than fit one call.
    error ModelRegistryRulesInvalid(uint16 audits);
    /// @notice Only the account that acts, or acted last, for the member takes its part.
    error ModelRegistryNotHolder(uint256 memberId, address caller);
    /// @notice The member owns nothing of it, or took everything.
    error ModelRegistryNothingToClaim(bytes32 modelId, address token, uint256 memberId);

    /// @notice Registers the model of a run that is Completed or Ended, as its solver or a participant, an active member.
    /// @param runId A run that is Completed or Ended
    /// @param card Digest of the ModelCard
    /// @param stateDigest The run's last agreed state
    /// @param licence keccak256 of the licence in the run's terms, zero = the terms name none
    /// @return modelId The run's id
    function register(bytes32 runId, bytes32 card, bytes32 stateDigest, bytes32 licence)
        external
        returns (bytes32 modelId);

    /// @notice Puts card and licence right, as the run's solver: another party may have written them down, and have asked
    /// for the audit at once. Audits that were made until now, for another card, count no more.
    /// @param modelId A model in state Draft or InAudit
    /// @param card Digest of the ModelCard
    /// @param licence keccak256 of the licence in the run's terms, zero = the terms name none
    function amend(bytes32 modelId, bytes32 card, bytes32 licence) external;

    /// @notice Asks for retraining or retirement, as the owner or the body of a dataset that the model used; also for a
    /// member who left. It binds nobody: the wish is public and stands beside the model.
    /// @param runId The model's run
    /// @param datasetId A dataset of its lineage
    /// @param wish What is asked
    /// @param document Digest of the reason, may be zero
    function ask(bytes32 runId, uint256 datasetId, Wish wish, bytes32 document) external;

    /// @notice Asks auditors to look at a model, as a Party: Draft → InAudit. Audits that were made before do not count:
    /// the run's id was known, card and licence were not.
    /// @param modelId A model in state Draft
    function requestAudit(bytes32 modelId) external;

    /// @notice Shows a model's audits, as anybody: InAudit → Releasable. Each is live, passed, about this model, made
    /// since they were asked for, by another auditor, and none of them has a tie to it. The members did not ban its purpose.
    /// @param modelId A model in state InAudit
    /// @param audits Attestation ids, at least as many as the rules ask for
    function clear(bytes32 modelId, bytes32[] calldata audits) external;

    /// @notice Releases a model whose delay is over, as a Party: Releasable → Released. Everything that `clear` checked has
    /// to hold still, under the rules of now; the audits may be others.
    /// @param modelId A model in state Releasable
    /// @param audits Attestation ids, at least as many as the rules ask for
    function release(bytes32 modelId, bytes32[] calldata audits) external;

    /// @notice Takes a model out of use for now, as the timelock.
    /// @param modelId A model in state InAudit, Releasable or Released
    /// @param reason Digest of a text, may be zero
    function suspend(bytes32 modelId, bytes32 reason) external;

    /// @notice Puts a suspended model back to where it was, as the timelock.
    /// @param modelId A model in state Suspended
    function resume(bytes32 modelId) external;

    /// @notice Takes a model out of use for good, as the timelock or the run's solver. What it earned stays its owners'.
    /// @param modelId A model in any state but Withdrawn
    /// @param reason Digest of a text, may be zero
    function withdraw(bytes32 modelId, bytes32 reason) external;

    /// @notice Changes what a release needs, as the timelock. Delays that began keep their end.
    /// @param rules See `AuditRules`
    function setAuditRules(AuditRules calldata rules) external;

    /// @notice Pays for a model out of the caller's credit in the vault; it belongs to the model's owners by their shares.
    /// @param modelId A registered model, whatever became of it
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param amount At most the caller's credit
    function pay(bytes32 modelId, address token, uint256 amount) external;

    /// @notice Takes an owner's part of everything that was paid so far, as a credit of the caller in the vault. Nobody else
    /// may call it for an owner: the account could be one whose key is lost, before the membership is recovered.
    /// @param modelId Any model
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param memberId The member that the caller acts for, or acted for last
    function claim(bytes32 modelId, address token, uint256 memberId) external;

    /// @notice The record of a model.
    /// @param modelId Any id
    function model(bytes32 modelId) external view returns (Model memory record);

    /// @notice What the participants brought whose data is in a sum, also those that left since, by ascending member id.
    /// @param modelId Any id
    function sources(bytes32 modelId) external view returns (Source[] memory records);

    /// @notice A member's shares of 1,000,000.
    /// @param modelId Any id
    /// @param memberId Any member id
    function sharesOf(bytes32 modelId, uint256 memberId) external view returns (uint256 shares);

    /// @notice How close a member is to a model.
    /// @param modelId Any id
    /// @param memberId Any member id
    function tieOf(bytes32 modelId, uint256 memberId) external view returns (Tie tie);

    /// @notice What a release needs now.
    function auditRules() external view returns (AuditRules memory rules);

    /// @notice What was paid for a model so far.
    /// @param modelId Any id
    /// @param token ERC-20 contract, zero = the chain's own coin
    function received(bytes32 modelId, address token) external view returns (uint256 amount);

    /// @notice What a member could take now: floor(received × shares / 1,000,000), less what it took.
    /// @param modelId Any id
    /// @param token ERC-20 contract, zero = the chain's own coin
    /// @param memberId Any member id
    function claimable(bytes32 modelId, address token, uint256 memberId) external view returns (uint256 amount);
}
