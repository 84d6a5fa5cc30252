// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IAttestations} from "./interfaces/IAttestations.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {Authority} from "./types/Authority.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Attestations
contract Attestations is IAttestations, Governed, EIP712, Nonces {
    bytes32 private constant ATTEST = keccak256(
        "Attest(uint8 kind,bool passed,uint64 expiry,bytes32 subject,bytes32 document,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant REVOKE = keccak256("Revoke(bytes32 attestationId,bytes32 reason,uint256 deadline)");

    IMembership private immutable _membership;

    mapping(bytes32 attestationId => Attestation) private _attestations;
    mapping(uint256 memberId => uint256) private _counts;

    constructor(IMembership membership, Authority memory authority)
        Governed(authority)
        EIP712("AI Commons Attestations", "1")
    {
        _membership = membership;
    }

    /// @inheritdoc IAttestations
    function attest(Statement calldata said) external returns (bytes32) {
        return _attest(said, _msgSender());
    }

    /// @inheritdoc IAttestations
    function attestBySignature(Statement calldata said, address attester, uint256 deadline, bytes calldata signature)
        external
        returns (bytes32)
    {
        bytes32 message = keccak256(
            abi.encode(
                ATTEST, said.kind, said.passed, said.expiry, said.subject, said.document, _useNonce(attester), deadline
            )
        );
        _checkSigned(message, attester, deadline, signature);
        return _attest(said, attester);
    }

    /// @inheritdoc IAttestations
    function revoke(bytes32 attestationId, bytes32 reason) external {
        _revoke(attestationId, reason, _msgSender());
    }

    /// @inheritdoc IAttestations
    function revokeBySignature(bytes32 attestationId, bytes32 reason, uint256 deadline, bytes calldata signature)
        external
    {
        address attester = _membership.accountOf(_stored(attestationId).attester);
        _checkSigned(keccak256(abi.encode(REVOKE, attestationId, reason, deadline)), attester, deadline, signature);
        _revoke(attestationId, reason, attester);
    }

    /// @inheritdoc IAttestations
    function isLive(bytes32 attestationId) external view returns (bool) {
        Attestation storage stored = _attestations[attestationId];
        if (stored.attester == 0 || stored.revoked || block.timestamp >= stored.expiry) return false;
        return _mayAttest(stored.attester, stored.kind);
    }

    /// @inheritdoc IAttestations
    function attestation(bytes32 attestationId) external view returns (Attestation memory) {
        return _attestations[attestationId];
    }

    /// @inheritdoc IAttestations
    function countOf(uint256 memberId) external view returns (uint256) {
        return _counts[memberId];
    }

    function _attest(Statement calldata said, address account) private returns (bytes32 attestationId) {
        uint256 attester = _membership.memberOf(account);
        _checkStatement(said, attester, account);
        attestationId = keccak256(abi.encode(block.chainid, address(this), attester, said, _counts[attester]++));
        Attestation storage made = _attestations[attestationId];
        (made.attester, made.kind, made.passed) = (attester, said.kind, said.passed);
        (made.madeAt, made.expiry) = (uint64(block.timestamp), said.expiry);
        (made.subject, made.document) = (said.subject, said.document);
        emit Attested(attestationId, attester, said.subject, said.kind, said.passed, said.expiry, said.document);
    }

    function _revoke(bytes32 attestationId, bytes32 reason, address account) private {
        Attestation storage stored = _stored(attestationId);
        if (_membership.accountOf(stored.attester) != account) revert AttestationsNotAttester(attestationId, account);
        if (stored.revoked) revert AttestationsAlreadyRevoked(attestationId);
        stored.revoked = true;
        emit AttestationRevoked(attestationId, stored.attester, reason);
    }

    function _stored(bytes32 attestationId) private view returns (Attestation storage stored) {
        stored = _attestations[attestationId];
        if (stored.attester == 0) revert AttestationsUnknown(attestationId);
    }

    function _checkStatement(Statement calldata said, uint256 attester, address account) private view {
        if (!_membership.isActive(attester)) revert AttestationsNotMember(account);
        if (!_mayAttest(attester, said.kind)) revert AttestationsRoleMissing(attester, said.kind);
        if (said.subject == 0 || said.document == 0) revert AttestationsFieldMissing();
        if (said.expiry <= block.timestamp) revert AttestationsExpiryPassed(said.expiry);
    }

    function _mayAttest(uint256 memberId, Kind kind) private view returns (bool) {
        if (kind == Kind.Course) return _membership.isActive(memberId);
        IMembership.Role needed = kind == Kind.EthicsApproval ? IMembership.Role.EthicsBoard : IMembership.Role.Auditor;
        return _membership.hasRole(memberId, needed);
    }

    function _checkSigned(bytes32 message, address signer, uint256 deadline, bytes calldata signature) private view {
        if (block.timestamp > deadline) revert AttestationsDeadlinePassed(deadline);
        (address recovered,,) = ECDSA.tryRecoverCalldata(_hashTypedDataV4(message), signature);
        if (recovered == address(0) || recovered != signer) revert AttestationsSignatureInvalid();
    }
}
