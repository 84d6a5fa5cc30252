// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Models, where they come from and who owns them
/// @notice One model per run: its lineage and 1,000,000 ownership shares. Whoever holds a dataset in the lineage can ask
/// for retraining without it or for retirement; the wish stands beside the model. Audits, release and revenue come later.
interface IModelRegistry {
    /// @notice Only Draft so far.
    enum ModelState {
        None,
        Draft
    }

    /// @notice What the owner of a dataset asks of a model that used it.
    enum Wish {
        Retrain,
        Retire
    }

    /// @notice One model.
    /// @param state See `ModelState`
    /// @param runId The run that made it; also the model's id
    /// @param plan Digest of the plan
    /// @param card Digest of the ModelCard
    /// @param stateDigest The state that was agreed
    /// @param roundsDone Rounds behind that state
    /// @param participants Member ids of the final set, ascending
    struct Model {
        ModelState state;
        bytes32 runId;
        bytes32 plan;
        bytes32 card;
        bytes32 stateDigest;
        uint32 roundsDone;
        uint256[] participants;
    }

    /// @notice What one participant brought.
    /// @param memberId The participant
    /// @param datasetId Its dataset
    /// @param version The dataset's version at enrolment
    /// @param consentId The consent that was used
    struct Source {
        uint256 memberId;
        uint256 datasetId;
        uint32 version;
        bytes32 consentId;
    }

    /// @notice A model was registered with its whole lineage.
    event Registered(
        bytes32 indexed modelId,
        uint256 indexed registrant,
        bytes32 plan,
        bytes32 card,
        bytes32 stateDigest,
        uint32 roundsDone,
        Source[] sources
    );
    /// @notice A member owns this part of 1,000,000; one event per owner and role.
    event SharesGiven(bytes32 indexed modelId, uint256 indexed memberId, uint256 shares);

    /// @notice The owner of a dataset in the lineage asks for something; `document` says why, zero = nothing said.
    event Wished(bytes32 indexed runId, uint256 indexed datasetId, Wish wish, bytes32 document);

    /// @notice The run has a model already.
    error ModelRegistryAlreadyRegistered(bytes32 modelId);
    /// @notice The run is not over or never agreed on a state.
    error ModelRegistryNoState(bytes32 runId);
    /// @notice The state is not the run's last agreed one.
    error ModelRegistryStateMismatch(bytes32 stateDigest);
    /// @notice The caller is neither the solver nor in the final set.
    error ModelRegistryNotParticipant(address caller);
    /// @notice The card's digest is zero.
    error ModelRegistryCardMissing();
    /// @notice The model did not use this dataset, or there is no such model.
    error ModelRegistryNotInLineage(bytes32 runId, uint256 datasetId);
    /// @notice Only the dataset's owner or its body may ask.
    error ModelRegistryNotOwner(uint256 datasetId, address caller);

    /// @notice Registers the model of a run that is Completed or Ended.
    /// @param runId A run that is Completed or Ended
    /// @param card Digest of the ModelCard
    /// @param stateDigest The run's last agreed state
    /// @return modelId The run's id
    function register(bytes32 runId, bytes32 card, bytes32 stateDigest) external returns (bytes32 modelId);

    /// @notice Asks for retraining or retirement, as the owner or the body of a dataset that the model used; also for a
    /// member who left. It binds nobody: the wish is public and stands beside the model.
    /// @param runId The model's run
    /// @param datasetId A dataset of its lineage
    /// @param wish What is asked
    /// @param document Digest of the reason, may be zero
    function ask(bytes32 runId, uint256 datasetId, Wish wish, bytes32 document) external;

    /// @notice The record of a model.
    /// @param modelId Any id
    function model(bytes32 modelId) external view returns (Model memory record);

    /// @notice What the participants of the final set brought.
    /// @param modelId Any id
    function sources(bytes32 modelId) external view returns (Source[] memory records);

    /// @notice A member's shares of 1,000,000.
    /// @param modelId Any id
    /// @param memberId Any member id
    function sharesOf(bytes32 modelId, uint256 memberId) external view returns (uint256 shares);
}
