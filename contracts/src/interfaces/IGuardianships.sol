// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who may consent for a child
/// @notice An organisation that has seen the proof (a school, a clinic, a court) attests that a key is that of a child's
/// guardian. The child is a salted commitment; the proof stays with the organisation.
interface IGuardianships {
    /// @notice One attestation.
    /// @param attester Member id of the organisation, 0 = there is none
    /// @param guardian Key of the guardian
    /// @param until First unix second at which it is over
    /// @param revoked Whether the attester took it back
    /// @param ward Salted commitment to who the child is
    /// @param evidence Digest of the evidence's record
    struct Guardianship {
        uint256 attester;
        address guardian;
        uint64 until;
        bool revoked;
        bytes32 ward;
        bytes32 evidence;
    }

    /// @notice An organisation vouches for a guardian.
    event GuardianAttested(
        bytes32 indexed id,
        uint256 indexed attester,
        address indexed guardian,
        bytes32 ward,
        uint64 until,
        bytes32 evidence
    );
    /// @notice The organisation does not vouch any more.
    event GuardianshipRevoked(bytes32 indexed id);

    /// @notice The caller is not an active organisation.
    error GuardianshipsNotOrganisation(address caller);
    /// @notice A field that must not be zero is zero.
    error GuardianshipsFieldMissing();
    /// @notice The attestation would be over at once.
    error GuardianshipsNoFuture(uint64 until);
    /// @notice Only the organisation that attested may do this.
    error GuardianshipsNotAttester(bytes32 id, address caller);
    /// @notice The attestation was taken back before.
    error GuardianshipsAlreadyRevoked(bytes32 id);

    /// @notice Attests a guardianship in the caller's name.
    /// @param ward Salted commitment to who the child is
    /// @param guardian Key of the guardian
    /// @param until First unix second at which it is over, the child's majority at the latest
    /// @param evidence Digest of the evidence's record
    /// @return id keccak256(chain, contract, attester, nonce, ward, guardian, until, evidence)
    function attest(bytes32 ward, address guardian, uint64 until, bytes32 evidence) external returns (bytes32 id);

    /// @notice Takes an attestation back. Cannot be paused.
    /// @param id One of the caller's attestations
    function revoke(bytes32 id) external;

    /// @notice Whether a guardianship may be relied on now: known, not over, not taken back, its attester active.
    /// @param id Any id
    /// @param guardian Who claims to be the guardian
    function isLive(bytes32 id, address guardian) external view returns (bool live);

    /// @notice The record of an attestation.
    /// @param id Any id
    function guardianship(bytes32 id) external view returns (Guardianship memory record);
}
