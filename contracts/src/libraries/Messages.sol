// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Kind, RunSpec} from "../types/RunTypes.sol";
import {Blake2b} from "./Blake2b.sol";

/// @title What nodes sign, and the digests that the ledger computes itself
/// @notice EIP-712 struct hashes of the secure-aggregation messages, byte for byte as in `domain/encoding.py`.
library Messages {
    /// @dev The domain's name and version.
    string internal constant NAME = "AI Commons Secure Aggregation";
    string internal constant VERSION = "2";
    bytes32 private constant ACK =
        keccak256("Ack(bytes32 roster,uint32 epoch,uint256 memberId,bytes32 point,bytes32 pokR,bytes32 pokZ)");
    bytes32 private constant SUBMIT = keccak256("Submit(bytes32 sid,uint256 memberId,bytes32 headerDigest)");
    bytes32 private constant COMMIT =
        keccak256("Commit(bytes32 sid,uint256 memberId,bytes32 setDigest,bytes32 inputDigest,bytes32 masks)");
    bytes32 private constant REVEAL =
        keccak256("Reveal(bytes32 sid,uint256 memberId,bytes32 salt,bytes32 mine,bytes32 document)");
    bytes32 private constant RESULT =
        keccak256("Result(bytes32 sid,uint256 memberId,bytes32 sumDigest,bytes32 stateDigest)");
    bytes32 private constant EXIT = keccak256("Exit(bytes32 runId,uint256 memberId,uint32 lastRound)");
    bytes32 private constant COMPLAIN =
        keccak256("Complain(bytes32 sid,uint256 memberId,uint256 accusedId,bytes32 headerDigest,bytes32 evidence)");
    bytes32 private constant DISPUTE = keccak256(
        "Dispute(bytes32 sid,uint256 memberId,uint256 accusedId,uint32 cell,uint32 column,uint32 chunk,bytes32 evidence)"
    );
    bytes32 private constant VERDICT =
        keccak256("Verdict(bytes32 sid,uint256 memberId,bytes32 caseDigest,uint256 guiltyId)");
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    /// @dev Tells this protocol's sids from any other digest.
    bytes32 private constant SID_TAG = keccak256("AIC/secagg/2");
    /// @dev u64 length prefix of a 32-byte part, little-endian.
    bytes8 private constant LENGTH_32 = 0x2000000000000000;

    function hashAck(bytes32 roster, uint32 epoch, uint256 memberId, bytes32 point, bytes32 pokR, bytes32 pokZ)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(ACK, roster, epoch, memberId, point, pokR, pokZ));
    }

    function hashSubmit(bytes32 sid, uint256 memberId, bytes32 headerDigest) internal pure returns (bytes32) {
        return keccak256(abi.encode(SUBMIT, sid, memberId, headerDigest));
    }

    function hashCommit(bytes32 sid, uint256 memberId, bytes32 setDigest, bytes32 inputDigest, bytes32 masks)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(COMMIT, sid, memberId, setDigest, inputDigest, masks));
    }

    function hashReveal(bytes32 sid, uint256 memberId, bytes32 salt, bytes32 mine, bytes32 document)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(REVEAL, sid, memberId, salt, mine, document));
    }

    function hashResult(bytes32 sid, uint256 memberId, bytes32 sumDigest, bytes32 stateDigest)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(RESULT, sid, memberId, sumDigest, stateDigest));
    }

    function hashExit(bytes32 runId, uint256 memberId, uint32 lastRound) internal pure returns (bytes32) {
        return keccak256(abi.encode(EXIT, runId, memberId, lastRound));
    }

    function hashComplain(bytes32 sid, uint256 memberId, uint256 accusedId, bytes32 headerDigest, bytes32 evidence)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(COMPLAIN, sid, memberId, accusedId, headerDigest, evidence));
    }

    function hashDispute(
        bytes32 sid,
        uint256 memberId,
        uint256 accusedId,
        uint32 cell,
        uint32 column,
        uint32 chunk,
        bytes32 evidence
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(DISPUTE, sid, memberId, accusedId, cell, column, chunk, evidence));
    }

    function hashVerdict(bytes32 sid, uint256 memberId, bytes32 caseDigest, uint256 guiltyId)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(VERDICT, sid, memberId, caseDigest, guiltyId));
    }

    /// @notice How many fields a message of a kind has; sid and member are the first two.
    function fieldsOf(Kind kind) internal pure returns (uint256) {
        if (kind == Kind.Submit) return 3;
        return kind == Kind.Result ? 4 : 5;
    }

    /// @notice A message of a kind from its fields, all of them words.
    function hashFields(Kind kind, bytes32[] memory fields) internal pure returns (bytes32) {
        bytes32 typeHash = kind == Kind.Submit ? SUBMIT : kind == Kind.Commit ? COMMIT : REVEAL;
        if (kind == Kind.Result) typeHash = RESULT;
        return keccak256(abi.encodePacked(typeHash, fields));
    }

    /// @notice The EIP-712 domain of all messages: that of TrainingRuns, whichever contract they are sent to.
    function domainOf(address runs) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, keccak256(bytes(NAME)), keccak256(bytes(VERSION)), block.chainid, runs));
    }

    /// @notice The id of a run: its terms, hashed.
    function runOf(RunSpec memory spec) internal pure returns (bytes32) {
        return keccak256(abi.encode(spec));
    }

    /// @notice Who takes part, with which keys; ids ascend.
    function rosterOf(bytes32 runId, uint256[] memory ids, address[] memory nodeKeys) internal pure returns (bytes32) {
        return keccak256(abi.encode(runId, ids, nodeKeys));
    }

    /// @notice The roster with its encryption points, in roster order.
    function committeeOf(bytes32 rosterDigest, uint32 epoch, uint8 layout, bytes32[] memory points)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(rosterDigest, epoch, layout, points));
    }

    /// @notice One attempt on one state by one committee, on this chain and contract.
    function sidOf(
        address runs,
        bytes32 runId,
        uint32 round,
        uint16 attempt,
        bytes32 stateDigest,
        bytes32 committeeDigest
    ) internal view returns (bytes32) {
        return keccak256(
            abi.encode(SID_TAG, block.chainid, runs, runId, round, uint32(attempt), stateDigest, committeeDigest)
        );
    }

    /// @notice The participant set that a Commit certifies; ids ascend.
    function setOf(uint256[] memory ids) internal pure returns (bytes32) {
        return keccak256(abi.encode(ids));
    }

    /// @notice What a Commit certifies about the set: the header digests of its Submits, in the order of the ids.
    function inputsOf(bytes32 sidDigest, uint256[] memory ids, bytes32[] memory headers)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(sidDigest, ids, headers));
    }

    /// @notice The salted commitment that a Commit carries as `masks` and a Reveal opens.
    function masksOf(bytes32 sidDigest, uint256 memberId, bytes32 salt, bytes32 mine) internal view returns (bytes32) {
        bytes memory parts =
            abi.encodePacked(LENGTH_32, sidDigest, LENGTH_32, memberId, LENGTH_32, salt, LENGTH_32, mine);
        return Blake2b.hash("aic/mc", parts);
    }
}
