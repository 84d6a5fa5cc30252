// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Requests for data
/// @notice A solver asks before it uses: who, why and for what reach the owner, and the answer reaches the asker. What is
/// written lies in the store, sealed to the other side. An approval is a word; only a consent permits a use.
interface IRequests {
    /// @notice None → Open ↔ AskedBack; Open / AskedBack → Approved / Denied / Withdrawn.
    enum RequestState {
        None,
        Open,
        AskedBack,
        Approved,
        Denied,
        Withdrawn
    }

    /// @notice What an owner says to a request.
    enum Answer {
        AskBack,
        Approve,
        Deny
    }

    /// @notice One request.
    /// @param datasetId What is asked for
    /// @param asker Member id
    /// @param runId The run that it is for, 0 = none yet
    /// @param state See `RequestState`
    struct Request {
        uint256 datasetId;
        uint256 asker;
        bytes32 runId;
        RequestState state;
    }

    /// @notice A member asks for a dataset.
    event Asked(
        uint256 indexed requestId, uint256 indexed datasetId, uint256 indexed asker, bytes32 runId, bytes32 document
    );
    /// @notice The owner answered.
    event Answered(uint256 indexed requestId, uint256 indexed datasetId, Answer answer, bytes32 document);
    /// @notice The asker replied to a question.
    event Replied(uint256 indexed requestId, bytes32 document);
    /// @notice The asker does not want it any more.
    event RequestWithdrawn(uint256 indexed requestId);

    /// @notice The caller is not an active member.
    error RequestsNotMember(address caller);
    /// @notice There is no such dataset.
    error RequestsUnknownDataset(uint256 datasetId);
    /// @notice A question, a reason or a request without its document.
    error RequestsDocumentMissing();
    /// @notice Only the dataset's owner may answer.
    error RequestsNotOwner(uint256 requestId, address caller);
    /// @notice Only the member that asked may do this.
    error RequestsNotAsker(uint256 requestId, address caller);
    /// @notice The request's state does not allow this.
    error RequestsWrongState(uint256 requestId, RequestState state);

    /// @notice Asks for a dataset in the caller's name.
    /// @param datasetId Any dataset
    /// @param runId The run that it is for, 0 = none yet
    /// @param document Digest of the request, sealed to the owner
    /// @return requestId 1, 2, 3, ...
    function ask(uint256 datasetId, bytes32 runId, bytes32 document) external returns (uint256 requestId);

    /// @notice Answers as the dataset's owner. A question waits for its reply; a decision does not.
    /// @param requestId A request that is Open, or AskedBack when the answer decides it
    /// @param answer Ask back, approve or deny
    /// @param document Digest of the words, sealed to the asker; only an approval may go without
    function answer(uint256 requestId, Answer answer, bytes32 document) external;

    /// @notice Replies to the owner's question.
    /// @param requestId One of the caller's requests, AskedBack
    /// @param document Digest of the reply, sealed to the owner
    function reply(uint256 requestId, bytes32 document) external;

    /// @notice Takes a request back that was not decided.
    /// @param requestId One of the caller's requests
    function withdraw(uint256 requestId) external;

    /// @notice The record of a request.
    /// @param requestId Any id
    function request(uint256 requestId) external view returns (Request memory record);

    /// @notice How many requests there were; ids are 1..count.
    function count() external view returns (uint256 requests);
}
