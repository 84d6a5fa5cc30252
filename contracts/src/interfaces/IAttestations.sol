// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Signed statements of members about anything
/// @notice An accreditation, an ethics approval, an audit, a completed course. What is said in words lies in the store; here
/// is who said it, about what, until when, and whether it was taken back. Guardians of people have a contract of their own.
interface IAttestations {
    /// @notice What kind of statement it is. Accreditations and audits need an auditor, ethics approvals an ethics board,
    /// courses any active member.
    enum Kind {
        Accreditation,
        EthicsApproval,
        Audit,
        Course
    }

    /// @notice One statement.
    /// @param attester Member id of who says it
    /// @param kind See `Kind`
    /// @param passed What an audit found, or whether the rest was granted
    /// @param madeAt Unix second at which it was recorded
    /// @param expiry First unix second at which it is dead
    /// @param revoked Whether it was taken back
    /// @param subject What it is about: a model's id, a problem's id, a digest, a member id as a number
    /// @param document Digest of the statement's text
    struct Attestation {
        uint256 attester;
        Kind kind;
        bool passed;
        uint64 madeAt;
        uint64 expiry;
        bool revoked;
        bytes32 subject;
        bytes32 document;
    }

    /// @notice What is said.
    /// @param kind See `Kind`
    /// @param passed What an audit found, or whether the rest was granted
    /// @param expiry First unix second at which it is dead
    /// @param subject What it is about
    /// @param document Digest of the statement's text
    struct Statement {
        Kind kind;
        bool passed;
        uint64 expiry;
        bytes32 subject;
        bytes32 document;
    }

    /// @notice A member stated something.
    /// @param attestationId Its name, for ever
    /// @param attester Member id of who says it
    /// @param subject What it is about
    /// @param kind See Kind
    /// @param passed What an audit found, or whether the rest was granted
    /// @param expiry First unix second at which it is dead
    /// @param document Digest of the statement's text
    event Attested(
        bytes32 indexed attestationId,
        uint256 indexed attester,
        bytes32 indexed subject,
        Kind kind,
        bool passed,
        uint64 expiry,
        bytes32 document
    );
    /// @notice Its attester took a statement back; `reason` is the digest of a text, zero = nothing said.
    event AttestationRevoked(bytes32 indexed attestationId, uint256 indexed attester, bytes32 reason);

    /// @notice The caller or signer is not an active member.
    error AttestationsNotMember(address caller);
    /// @notice The member does not hold the role that this kind needs.
    error AttestationsRoleMissing(uint256 memberId, Kind kind);
    /// @notice The subject or the document is missing.
    error AttestationsFieldMissing();
    /// @notice It would be dead already.
    error AttestationsExpiryPassed(uint64 expiry);
    /// @notice There is no such statement.
    error AttestationsUnknown(bytes32 attestationId);
    /// @notice It was taken back before.
    error AttestationsAlreadyRevoked(bytes32 attestationId);
    /// @notice Only its attester takes it back.
    error AttestationsNotAttester(bytes32 attestationId, address caller);
    /// @notice The signature came too late.
    error AttestationsDeadlinePassed(uint256 deadline);
    /// @notice The signature is none of an account that acts for an active member.
    error AttestationsSignatureInvalid();

    /// @notice States something in the caller's name.
    /// @param said What is said
    /// @return attestationId keccak256(abi.encode(chain id, this contract, attester, said, attester's number of statements))
    function attest(Statement calldata said) external returns (bytes32 attestationId);

    /// @notice States something in the name of whoever signed Attest(uint8 kind,bool passed,uint64 expiry,bytes32 subject,
    /// bytes32 document,uint256 nonce,uint256 deadline) under the domain "AI Commons Attestations", version "1". An account
    /// that is a contract calls `attest` instead.
    /// @param said What is said
    /// @param attester The account that signed
    /// @param deadline Last unix second at which the signature counts
    /// @param signature By the account; its nonce is the account's next one
    /// @return attestationId As in `attest`
    function attestBySignature(Statement calldata said, address attester, uint256 deadline, bytes calldata signature)
        external
        returns (bytes32 attestationId);

    /// @notice Takes a statement back. Also a member may that is suspended or left.
    /// @param attestationId One of the caller's
    /// @param reason Digest of a text, may be zero
    function revoke(bytes32 attestationId, bytes32 reason) external;

    /// @notice Takes a statement back by Revoke(bytes32 attestationId,bytes32 reason,uint256 deadline), signed by its
    /// attester's account under the same domain. It needs no nonce: nothing is taken back twice.
    /// @param attestationId A statement that stands
    /// @param reason Digest of a text, may be zero
    /// @param deadline Last unix second at which the signature counts
    /// @param signature By the account that acts, or acted last, for the attester
    function revokeBySignature(bytes32 attestationId, bytes32 reason, uint256 deadline, bytes calldata signature)
        external;

    /// @notice Whether a statement exists, was not taken back, is not over, and its attester is an active member that holds
    /// the role now: who is reinstated, or gets the role anew, stands by what it said before.
    /// @param attestationId Any id
    function isLive(bytes32 attestationId) external view returns (bool live);

    /// @notice The record of a statement.
    /// @param attestationId Any id
    function attestation(bytes32 attestationId) external view returns (Attestation memory record);

    /// @notice How many statements a member made.
    /// @param memberId Any id
    function countOf(uint256 memberId) external view returns (uint256 statements);
}
