// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Problem statements
/// @notice Anchors a problem owner's statement. Escrow, challenges and judgement come with the vault.
interface IProblems {
    /// @notice None → Open → Closed.
    enum ProblemState {
        None,
        Open,
        Closed
    }

    /// @notice One problem.
    /// @param owner Member id of the problem owner
    /// @param deadline Unix second after which no run may be opened on it
    /// @param state See `ProblemState`
    /// @param document Digest of the problem document
    struct Problem {
        uint256 owner;
        uint64 deadline;
        ProblemState state;
        bytes32 document;
    }

    /// @notice A problem was stated.
    event Stated(bytes32 indexed problemId, uint256 indexed owner, bytes32 document, uint64 deadline);
    /// @notice The owner closed its problem.
    event Closed(bytes32 indexed problemId, uint256 indexed owner);

    /// @notice The caller is not an active member.
    error ProblemsNotMember(address caller);
    /// @notice The deadline is not in the future.
    error ProblemsDeadlinePassed(uint64 deadline);
    /// @notice The document's digest is zero.
    error ProblemsDocumentMissing();
    /// @notice This owner stated this document with this deadline before.
    error ProblemsAlreadyStated(bytes32 problemId);
    /// @notice Only the problem's owner may do this.
    error ProblemsNotOwner(bytes32 problemId, address caller);
    /// @notice The problem is not open.
    error ProblemsNotOpen(bytes32 problemId);

    /// @notice States a problem in the caller's name.
    /// @param document Digest of the problem document
    /// @param deadline Unix second after which no run may be opened on it
    /// @return problemId keccak256(abi.encode(chain id, this contract, owner, document, deadline))
    function state(bytes32 document, uint64 deadline) external returns (bytes32 problemId);

    /// @notice Closes a problem: no further run may be opened on it, open runs go on.
    /// @param problemId One of the caller's problems
    function close(bytes32 problemId) external;

    /// @notice The record of a problem.
    /// @param problemId Any id
    function problem(bytes32 problemId) external view returns (Problem memory record);

    /// @notice Member id of the problem's owner, 0 if there is no such problem.
    /// @param problemId Any id
    function ownerOf(bytes32 problemId) external view returns (uint256 memberId);

    /// @notice Whether a run may be opened on it now.
    /// @param problemId Any id
    function isOpen(bytes32 problemId) external view returns (bool open);
}
