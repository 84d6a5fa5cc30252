// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The members of the commons and their keys
/// @notice The only role oracle, and one vote per member. A membership is a soulbound token whose id is the member's: it has
/// an account but no transfer, and its vote cannot be delegated. People and organisations apply; k of n registrars admit,
/// suspend and reinstate them, and the members' vote does so at once. A suspended member keeps its vote: registrars cannot
/// silence anybody. Who loses the key of its account gets its membership back by a guardian that it named, or by the
/// registrars, after a delay in which the account may veto.
interface IMembership {
    /// @notice What kind of member this is.
    enum Kind {
        Person,
        Organisation
    }

    /// @notice None → Active ↔ Suspended; Active / Suspended → Left / Expelled.
    enum Status {
        None,
        Active,
        Suspended,
        Left,
        Expelled
    }

    /// @notice What a member may do that others may not; given and taken by the members' vote alone. It rests while the
    /// member is suspended and ends with the membership.
    enum Role {
        Auditor,
        EthicsBoard
    }

    /// @notice What registrars decide about, or the members' vote at once.
    enum Decision {
        Admit,
        Suspend,
        Reinstate,
        Recover
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

    /// @notice Who is a member from the beginning.
    /// @param account The account that acts for the member
    /// @param kind Person or organisation
    /// @param nodeKey Address of the key with which the member's node signs
    /// @param readerPoint edwards25519 point to which sums are sealed
    /// @param credential Digest of the credential that proves who this is
    /// @param profile Digest of the profile document, may be zero
    struct Founder {
        address account;
        Kind kind;
        address nodeKey;
        bytes32 readerPoint;
        bytes32 credential;
        bytes32 profile;
    }

    /// @notice A membership that is to change hands, back to whom it belongs.
    /// @param account The account that is to act for the member; zero = there is none
    /// @param ripeAt First unix second at which it can be finished
    struct Recovery {
        address account;
        uint64 ripeAt;
    }

    /// @notice Somebody asks for membership, or names another key or point for its application.
    /// @param applicant The account that asks
    /// @param kind Person or organisation
    /// @param nodeKey Address of the key with which its node signs
    /// @param readerPoint edwards25519 point to which sums are sealed
    /// @param credential Digest of what proves who this is
    /// @param profile Digest of the profile document, may be zero
    event Applied(
        address indexed applicant, Kind kind, address nodeKey, bytes32 readerPoint, bytes32 credential, bytes32 profile
    );
    /// @notice A registrar agreed to a decision; `subject` is an applicant's address, a member id, or for Recover
    /// keccak256(abi.encode(member id, account)), so that approvals of different accounts never add up.
    /// @param registrar Who agreed
    /// @param decision To what kind of decision
    /// @param subject See above
    /// @param approvals How many have agreed so far
    event Approved(address indexed registrar, Decision indexed decision, uint256 indexed subject, uint256 approvals);
    /// @notice A member was admitted.
    /// @param memberId Its number, for ever
    /// @param account The account that acts for it
    /// @param kind Person or organisation
    /// @param nodeKey Address of the key with which its node signs
    /// @param credential Digest of what proves who this is
    event Admitted(uint256 indexed memberId, address indexed account, Kind kind, address nodeKey, bytes32 credential);
    /// @notice A member's node signs with another key from now on.
    /// @param memberId Whose
    /// @param previous The key until now
    /// @param nodeKey The key from now on
    event NodeKeySet(uint256 indexed memberId, address previous, address nodeKey);
    /// @notice Sums are sealed to another point from now on.
    /// @param memberId Whose
    /// @param previous The point until now
    /// @param readerPoint The point from now on
    event ReaderPointSet(uint256 indexed memberId, bytes32 previous, bytes32 readerPoint);
    /// @notice A member describes itself anew. The registrars admitted the profile of its application.
    event ProfileSet(uint256 indexed memberId, bytes32 previous, bytes32 profile);
    /// @notice A member may not act for now.
    event Suspended(uint256 indexed memberId);
    /// @notice A suspended member may act again.
    event Reinstated(uint256 indexed memberId);
    /// @notice A member left for good; its id is never given out again.
    event Left(uint256 indexed memberId, address indexed account);
    /// @notice A vote ended a membership; its id is never given out again.
    event Expelled(uint256 indexed memberId, address indexed account);
    /// @notice These registrars, and none else, decide from now on; approvals that had not sufficed are void.
    event RegistrarsSet(address[] registrars, uint256 threshold);
    /// @notice A vote gave a member a role.
    event RoleGranted(uint256 indexed memberId, Role indexed role);
    /// @notice A vote took a role away.
    event RoleRevoked(uint256 indexed memberId, Role indexed role);
    /// @notice A member named who may begin its recovery; zero = only the registrars.
    event GuardianSet(uint256 indexed memberId, address previous, address indexed guardian);
    /// @notice From `ripeAt` on anybody may give the membership to `account`, unless `previous` vetoes.
    /// @param memberId Whose membership
    /// @param previous The account that acts for it still
    /// @param account The account that is to act for it
    /// @param ripeAt First unix second at which it can be finished
    event RecoveryBegun(uint256 indexed memberId, address indexed previous, address indexed account, uint64 ripeAt);
    /// @notice The account still acts for its member and said so.
    event RecoveryVetoed(uint256 indexed memberId, address indexed account);
    /// @notice `account` acts for the member from now on; `previous` is nobody.
    /// @param memberId Whose membership
    /// @param previous The account that acted for it
    /// @param account The account that acts for it now
    event Recovered(uint256 indexed memberId, address indexed previous, address indexed account);

    /// @notice Registrars are distinct accounts, and 1 <= threshold <= their number.
    error MembershipRegistrarsInvalid(uint256 registrars, uint256 threshold);
    /// @notice Only a registrar may decide.
    error MembershipNotRegistrar(address caller);
    /// @notice This registrar has agreed already.
    error MembershipAlreadyApproved(address registrar, Decision decision, uint256 subject);
    /// @notice An application that waits keeps kind, credential and profile, or approvals would count for somebody else.
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
    /// @notice The member holds the role already, or does not hold it.
    error MembershipRoleUnchanged(uint256 memberId, Role role);
    /// @notice A membership is nobody's to give away or to lend; 0 = all of them.
    error MembershipSoulbound(uint256 memberId);
    /// @notice A member's vote is its own.
    error MembershipNotDelegable(address account, address delegatee);
    /// @notice A recovery is under way; it is vetoed or finished before another begins.
    error MembershipRecoveryPending(uint256 memberId, uint64 ripeAt);
    /// @notice No recovery is under way.
    error MembershipNoRecovery(uint256 memberId);
    /// @notice The delay is not over: the old account may still veto.
    error MembershipRecoveryUnripe(uint256 memberId, uint64 ripeAt);
    /// @notice Only the account whose membership is to be recovered may veto.
    error MembershipNotAccount(uint256 memberId, address caller);

    /// @notice Asks for membership in the caller's name. Who applied can apply again to name another key or point, and keeps
    /// its approvals: a mistyped key, or one that somebody else named meanwhile, would shut its account out for ever. Who it
    /// is has to stay: a vote or an approval on its way would count for somebody else.
    /// @param kind Person or organisation
    /// @param nodeKey Address of the key with which the applicant's node signs
    /// @param readerPoint edwards25519 point to which sums are sealed
    /// @param credential Digest of the credential that proves who this is
    /// @param profile Digest of the profile document, may be zero
    function applyAs(Kind kind, address nodeKey, bytes32 readerPoint, bytes32 credential, bytes32 profile) external;

    /// @notice A registrar agrees to an application; the last needed one, or the timelock, admits.
    /// @param applicant The account that applied
    /// @return memberId The new id, or 0 while more registrars are needed
    function admit(address applicant) external returns (uint256 memberId);

    /// @notice A registrar agrees to suspend; the last needed one, or the timelock, suspends. The vote stays.
    /// @param memberId An active member
    function suspend(uint256 memberId) external;

    /// @notice A registrar agrees to reinstate; the last needed one, or the timelock, reinstates.
    /// @param memberId A suspended member
    function reinstate(uint256 memberId) external;

    /// @notice Changes the caller's node key. Runs keep the key of their roster.
    /// @param nodeKey Address of the new key; never one of another member
    function setNodeKey(address nodeKey) external;

    /// @notice Changes the caller's reader point.
    /// @param readerPoint The new point
    function setReaderPoint(bytes32 readerPoint) external;

    /// @notice Changes what the caller says about itself. Name and country stay those that were admitted.
    /// @param profile Digest of the profile document, may be zero
    function setProfile(bytes32 profile) external;

    /// @notice Ends the caller's membership.
    function leave() external;

    /// @notice Ends a membership, as the timelock: frees account and credential, takes vote and roles.
    /// @param memberId An active or suspended member
    function expel(uint256 memberId) external;

    /// @notice Replaces all registrars, as the timelock.
    /// @param registrars Distinct accounts; they need not be members
    /// @param approvals How many of them have to agree
    function setRegistrars(address[] calldata registrars, uint256 approvals) external;

    /// @notice Gives a role, as the timelock.
    /// @param memberId An active member without it
    /// @param role See `Role`
    function grantRole(uint256 memberId, Role role) external;

    /// @notice Takes a role away, as the timelock.
    /// @param memberId A member that holds it
    /// @param role See `Role`
    function revokeRole(uint256 memberId, Role role) external;

    /// @notice Names who may begin the recovery of the caller's membership: a second device, or somebody it trusts.
    /// A suspended member may; after a recovery there is none.
    /// @param guardian Any account but the caller; zero = nobody but the registrars
    function setGuardian(address guardian) external;

    /// @notice Begins to give a membership to another account: at once as the member's guardian or as the
    /// timelock, else as a registrar that agrees; the last needed one begins it. It takes seven days to ripen.
    /// @param memberId An active or suspended member
    /// @param account An account that acts for no live membership
    function recover(uint256 memberId, address account) external;

    /// @notice Stops a recovery, as the account that still acts for the member.
    /// @param memberId The caller's own id
    function veto(uint256 memberId) external;

    /// @notice Finishes a recovery that nobody vetoed. Id, node key, votes and everything that the member owns stay.
    /// @param memberId A member whose recovery is ripe
    function finishRecovery(uint256 memberId) external;

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

    /// @notice Whether an active member holds a role.
    /// @param memberId Any id
    /// @param role See `Role`
    function hasRole(uint256 memberId, Role role) external view returns (bool holds);

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

    /// @notice How many members are active or suspended: the votes that exist now.
    function live() external view returns (uint256 members);

    /// @notice Whether the account is a registrar.
    /// @param account Any account
    function isRegistrar(address account) external view returns (bool registrar);

    /// @notice How many registrars have to agree.
    function threshold() external view returns (uint256 approvals);

    /// @notice Who may begin the member's recovery beside the registrars; zero = nobody.
    /// @param memberId Any id
    function guardianOf(uint256 memberId) external view returns (address guardian);

    /// @notice The recovery that is under way, zeros if there is none.
    /// @param memberId Any id
    function recovery(uint256 memberId) external view returns (Recovery memory pending);
}
