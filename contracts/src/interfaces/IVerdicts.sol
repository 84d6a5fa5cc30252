// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Key, Kind, Signed} from "../types/RunTypes.sol";

/// @title Verdicts: who cheated in a run
/// @notice Orders complaints, disputes and what the seats say about them, and counts: when f + 1 seats of a run say that one
/// of it cheated, it is out of the run and loses its bond. Nothing is computed here, since each node checks the evidence
/// itself; of f + 1 at least one is honest. Two messages of one kind on one sid need no verdict, as anybody sees them.
/// @dev Messages are signed in the domain of TrainingRuns. Seats are counted, never members of elsewhere.
interface IVerdicts {
    /// @notice A seat says that another sealed it a box that does not open, with its proof.
    /// @param runId The run
    /// @param memberId The seat that complains
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param sid The agreed sid
    /// @param accusedId Whose box it is
    /// @param headerDigest SHA-256 of the header with the box
    /// @param evidence SHA-256 of the evidence in the store
    /// @param signature By the seat's node key
    event Complained(
        bytes32 indexed runId,
        uint256 indexed memberId,
        uint32 round,
        uint16 attempt,
        bytes32 sid,
        uint256 indexed accusedId,
        bytes32 headerDigest,
        bytes32 evidence,
        bytes signature
    );
    /// @notice A seat says that another revealed a false sum of masks, and opens the chunk in which both differ.
    /// @param runId The run
    /// @param memberId The seat that disputes
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param sid The agreed sid
    /// @param accusedId Whose sum it is
    /// @param cell Cell of the sum, 0 where there is one
    /// @param column Column of the sum
    /// @param chunk First chunk in which the two sums differ
    /// @param evidence SHA-256 of the evidence in the store
    /// @param signature By the seat's node key
    event Disputed(
        bytes32 indexed runId,
        uint256 indexed memberId,
        uint32 round,
        uint16 attempt,
        bytes32 sid,
        uint256 indexed accusedId,
        uint32 cell,
        uint32 column,
        uint32 chunk,
        bytes32 evidence,
        bytes signature
    );
    /// @notice A seat checked a case itself and says who cheated, or who is silent.
    /// @param runId The run
    /// @param memberId The seat that judges
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param sid The sid of the case
    /// @param caseDigest Evidence of a complaint or dispute; header digest or document where those bytes are bad; 0 = silence
    /// @param guiltyId Who cheated, or is silent
    /// @param signature By the seat's node key
    event VerdictGiven(
        bytes32 indexed runId,
        uint256 indexed memberId,
        uint32 round,
        uint16 attempt,
        bytes32 sid,
        bytes32 caseDigest,
        uint256 indexed guiltyId,
        bytes signature
    );
    /// @notice f + 1 seats say that this one cheated: it is out of the run, and its bond is lost.
    /// @param runId The run
    /// @param guiltyId Who cheated
    /// @param caseDigest The case of the last verdict that was needed; 0 where two messages of its own convict it
    event Convicted(bytes32 indexed runId, uint256 indexed guiltyId, bytes32 caseDigest);
    /// @notice A seat signed two different messages of one kind on one sid.
    /// @param runId The run
    /// @param guiltyId Who signed both
    /// @param kind Which kind
    /// @param round Counted from 0
    /// @param attempt Counted from 0 within the round
    /// @param sid The sid of both
    /// @param first The one, as it was signed: whoever reads the event needs to believe nobody
    /// @param second The other
    event Equivocated(
        bytes32 indexed runId,
        uint256 indexed guiltyId,
        Kind kind,
        uint32 round,
        uint16 attempt,
        bytes32 sid,
        Signed first,
        Signed second
    );

    /// @notice The message is not signed by the seat's node key.
    error VerdictsSignatureInvalid(uint256 memberId);
    /// @notice The seat left the run or was put out, or the member never had one: it accuses and judges nobody.
    error VerdictsNotPresent(bytes32 runId, uint256 memberId);
    /// @notice The sid is not the one that the run agreed on last, or not of this round and attempt.
    error VerdictsWrongSid(bytes32 expected, bytes32 got);
    /// @notice The accused is not in the set whose vectors are summed, or accuses itself.
    error VerdictsNotAccusable(uint256 accusedId);
    /// @notice The accused submitted another header.
    error VerdictsHeaderMismatch(bytes32 expected, bytes32 got);
    /// @notice Accuser and accused have not both revealed.
    error VerdictsNotRevealed(uint256 memberId, uint256 accusedId);
    /// @notice The seat has said this before.
    error VerdictsAlreadySaid(uint256 memberId);
    /// @notice Nobody judges itself.
    error VerdictsOwnCase(uint256 memberId);
    /// @notice The seat does not keep a certified round waiting past the deadline.
    error VerdictsNotSilent(uint256 memberId);
    /// @notice The seat is convicted already.
    error VerdictsConvicted(bytes32 runId, uint256 guiltyId);
    /// @notice The two messages are no equivocation: not of this seat and sid, not of this kind, or the same.
    error VerdictsNoEquivocation(bytes32 sid, uint256 memberId);

    /// @notice Complains about a box of seeds; once per sid, accuser and accused, until the next sid is agreed.
    /// @param key Run, round and attempt of the last agreed sid, and the seat that complains
    /// @param sid The last agreed sid
    /// @param accusedId A seat of the set
    /// @param headerDigest The accused's last header
    /// @param evidence SHA-256 of the shared point and its proof in the store
    /// @param signature Complain(sid, memberId, accusedId, headerDigest, evidence) by the node key
    function complain(
        Key calldata key,
        bytes32 sid,
        uint256 accusedId,
        bytes32 headerDigest,
        bytes32 evidence,
        bytes calldata signature
    ) external;

    /// @notice Disputes a revealed sum; once per sid, accuser, accused, cell and column, until the next sid is agreed.
    /// @param key Run, round and attempt of the last agreed sid, and the seat that disputes
    /// @param sid The last agreed sid
    /// @param accusedId A seat that revealed, as the one that disputes did
    /// @param cell Cell of the sum, 0 where there is one
    /// @param column Column of the sum
    /// @param chunk First chunk in which the two sums differ
    /// @param evidence SHA-256 of the opened chunk in the store
    /// @param signature Dispute(sid, memberId, accusedId, cell, column, chunk, evidence) by the node key
    function dispute(
        Key calldata key,
        bytes32 sid,
        uint256 accusedId,
        uint32 cell,
        uint32 column,
        uint32 chunk,
        bytes32 evidence,
        bytes calldata signature
    ) external;

    /// @notice Judges: f + 1 seats that name one as guilty convict it, whatever the cases; f + 1 that name it as silent in
    /// this round (`caseDigest` 0) let the round go on without its Reveal.
    /// @param key Run, seat that judges, and round and attempt of the sid
    /// @param sid The last agreed sid, or an older one on which somebody was accused or judged in time
    /// @param caseDigest See `VerdictGiven`
    /// @param guiltyId Another seat of the run
    /// @param signature Verdict(sid, memberId, caseDigest, guiltyId) by the node key
    function verdict(Key calldata key, bytes32 sid, bytes32 caseDigest, uint256 guiltyId, bytes calldata signature)
        external;

    /// @notice Convicts at once whoever signed two different messages of one kind on one sid of this run.
    /// @param key Run, round and attempt of the sid, and who signed both
    /// @param kind Which kind of message
    /// @param epoch Epoch of keys in which the attempt was opened
    /// @param stateDigest The state that the sid names
    /// @param first The one, as its EIP-712 fields
    /// @param second The other
    function equivocated(
        Key calldata key,
        Kind kind,
        uint32 epoch,
        bytes32 stateDigest,
        Signed calldata first,
        Signed calldata second
    ) external;

    /// @notice The seats that named a seat as guilty, in whatever case.
    /// @param runId Any id
    /// @param guiltyId Any id
    /// @return seats Bitmap over the roster
    function verdictsOn(bytes32 runId, uint256 guiltyId) external view returns (uint48 seats);

    /// @notice Whether a seat is convicted.
    /// @param runId Any id
    /// @param memberId Any id
    function isConvicted(bytes32 runId, uint256 memberId) external view returns (bool convicted);
}
