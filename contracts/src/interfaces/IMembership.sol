// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The members of the commons and their keys
/// @notice The only role oracle. A membership is soulbound: it has an owner account but no transfer. People and
/// organisations apply; k of n registrars admit, suspend and reinstate them.
interface IMembership {
    /// @notice What kind of member this is.
    enum Kind {
        Person,
        Organisation
    }

    /// @notice None → Active ↔ Suspended; Active / Suspended → Left.
    enum Status {
        None,
        Active,
        Suspended,
        Left
    }

    /// @notice What registrars decide about.
    enum Decision {
        Admit,
        Suspend,
        Reinstate
    }

    /// @notice One member or applicant.
    /// @param account The account that acts for the member
    /// @param kind Person or organisation
    /// @param status See `Status`; None while it is an application
    /// @param since Unix second of admission
    /// @param nodeKey Address of the key with which the member's node signs
    /// @param readerPoint edwards25519 point to which sums are sealed
    /// @param credential Digest of the credential that proves who this is
    /// @param profile Digest of the profile document
    struct Member {
        address account;
        Kind kind;
        Status status;
        uint64 since;
        address nodeKey;
        bytes32 readerPoint;
        bytes32 credential;
        bytes32 profile;
    }

    /// @notice Somebody asks for membership.
    event Applied(
        address indexed applicant, Kind kind, address nodeKey, bytes32 readerPoint, bytes32 credential, bytes32 profile
    );
    /// @notice A registrar agreed to a decision; `subject` is an applicant's address or a member id.
    event Approved(address indexed registrar, Decision indexed decision, uint256 indexed subject, uint256 approvals);
    /// @notice A member was admitted.
    event Admitted(uint256 indexed memberId, address indexed account, Kind kind, address nodeKey, bytes32 credential);
    /// @notice A member's node signs with another key from now on.
    event NodeKeySet(uint256 indexed memberId, address previous, address nodeKey);
    /// @notice Sums are sealed to another point from now on.
    event ReaderPointSet(uint256 indexed memberId, bytes32 previous, bytes32 readerPoint);
    /// @notice A member may not act for now.
    event Suspended(uint256 indexed memberId);
    /// @notice A suspended member may act again.
    event Reinstated(uint256 indexed memberId);
    /// @notice A member left for good; its id is never given out again.
    event Left(uint256 indexed memberId, address indexed account);

    /// @notice The constructor needs distinct registrars and 1 <= threshold <= their number.
    error MembershipRegistrarsInvalid(uint256 registrars, uint256 threshold);
    /// @notice Only a registrar may decide.
    error MembershipNotRegistrar(address caller);
    /// @notice This registrar has agreed already.
    error MembershipAlreadyApproved(address registrar, Decision decision, uint256 subject);
    /// @notice An open application cannot be changed, or approvals would count for other contents.
    error MembershipAlreadyApplied(address applicant);
    /// @notice Nobody applied from this account.
    error MembershipNoApplication(address applicant);
    /// @notice This account acts for a live membership already.
    error MembershipAccountUsed(address account, uint256 memberId);
    /// @notice One live membership per credential.
    error MembershipCredentialUsed(bytes32 credential, uint256 memberId);
    /// @notice A node key belongs to one member for ever, so that an old signature never changes hands.
    error MembershipNodeKeyUsed(address nodeKey, uint256 memberId);
    /// @notice A field that must not be zero is zero.
    error MembershipFieldMissing();
    /// @notice The caller is not an active member.
    error MembershipNotActive(address caller);
    /// @notice The member's status does not allow this.
    error MembershipWrongStatus(uint256 memberId, Status status);

    /// @notice Asks for membership in the caller's name.
    /// @param kind Person or organisation
    /// @param nodeKey Address of the key with which the applicant's node signs
    /// @param readerPoint edwards25519 point to which sums are sealed
    /// @param credential Digest of the credential that proves who this is
    /// @param profile Digest of the profile document, may be zero
    function applyAs(Kind kind, address nodeKey, bytes32 readerPoint, bytes32 credential, bytes32 profile) external;

    /// @notice A registrar agrees to an application; the last needed one admits.
    /// @param applicant The account that applied
    /// @return memberId The new id, or 0 while more registrars are needed
    function admit(address applicant) external returns (uint256 memberId);

    /// @notice A registrar agrees to suspend; the last needed one suspends.
    /// @param memberId An active member
    function suspend(uint256 memberId) external;

    /// @notice A registrar agrees to reinstate; the last needed one reinstates.
    /// @param memberId A suspended member
    function reinstate(uint256 memberId) external;

    /// @notice Changes the caller's node key. Runs keep the key of their roster.
    /// @param nodeKey Address of the new key; never one of another member
    function setNodeKey(address nodeKey) external;

    /// @notice Changes the caller's reader point.
    /// @param readerPoint The new point
    function setReaderPoint(bytes32 readerPoint) external;

    /// @notice Ends the caller's membership.
    function leave() external;

    /// @notice The id for which `account` acts, 0 if there is none.
    /// @param account Any account
    function memberOf(address account) external view returns (uint256 memberId);

    /// @notice The record of a member.
    /// @param memberId Any id
    function member(uint256 memberId) external view returns (Member memory record);

    /// @notice The open application of an account.
    /// @param applicant Any account
    function application(address applicant) external view returns (Member memory record);

    /// @notice Whether the member may act now.
    /// @param memberId Any id; unknown ids are not active
    function isActive(uint256 memberId) external view returns (bool active);

    /// @notice The id of the active member with this node key, 0 if there is none.
    /// @param nodeKey Any address
    function memberOfNodeKey(address nodeKey) external view returns (uint256 memberId);

    /// @notice The member's present node key.
    /// @param memberId Any id
    function nodeKeyOf(uint256 memberId) external view returns (address nodeKey);

    /// @notice The member's account.
    /// @param memberId Any id, also of a member who left
    function accountOf(uint256 memberId) external view returns (address account);

    /// @notice How many ids were given out; ids are 1..count.
    function count() external view returns (uint256 members);

    /// @notice How many members are active or suspended.
    function live() external view returns (uint256 members);

    /// @notice Whether the account is a registrar.
    /// @param account Any account
    function isRegistrar(address account) external view returns (bool registrar);

    /// @notice How many registrars have to agree.
    function threshold() external view returns (uint256 approvals);
}
