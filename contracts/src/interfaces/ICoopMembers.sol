// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The roll of a data co-op
/// @notice The people of one co-op or data trust, one vote each. A place on the roll is no property: it can neither be
/// handed on nor lent, and a vote cannot be delegated. The steward admits people until their vote decides otherwise.
interface ICoopMembers {
    /// @notice Somebody has a place and a vote.
    event PersonAdmitted(address indexed person, bytes32 indexed credential);
    /// @notice Somebody has neither any more.
    event PersonLeft(address indexed person, bytes32 indexed credential);
    /// @notice The contract through which the people decide was named, once and for all.
    event GovernorBound(address governor);
    /// @notice Somebody else, or with zero nobody but the vote, admits people from now on.
    event StewardAppointed(address previous, address steward);

    /// @notice The caller is neither the steward nor the governor.
    error CoopMembersNotSteward(address caller);
    /// @notice Only the vote may do this.
    error CoopMembersNotGovernor(address caller);
    /// @notice Only the founding steward may bind, once, and to a contract.
    error CoopMembersBindRefused(address caller, address governor);
    /// @notice There are not as many credentials as people.
    error CoopMembersLengthsDiffer(uint256 people, uint256 credentials);
    /// @notice Every person needs a credential.
    error CoopMembersCredentialMissing(address person);
    /// @notice One place per person.
    error CoopMembersCredentialUsed(bytes32 credential, address person);
    /// @notice The person has a place already.
    error CoopMembersAlreadyMember(address person);
    /// @notice The person has no place.
    error CoopMembersUnknown(address person);
    /// @notice A place cannot be handed on.
    error CoopMembersSoulbound(uint256 tokenId);
    /// @notice A vote cannot be lent.
    error CoopMembersNotDelegable(address person, address delegatee);

    /// @notice Names the governor; possible once, for the founding steward.
    /// @param governor The deployed CoopGovernor
    function bindGovernor(address governor) external;

    /// @notice Admits people, as the steward or by vote.
    /// @param people Their keys
    /// @param credentials Salted commitments to what proves who each is; one place per credential
    function admit(address[] calldata people, bytes32[] calldata credentials) external;

    /// @notice Takes a person off the roll by vote.
    /// @param person Somebody with a place
    function expel(address person) external;

    /// @notice Ends the caller's place.
    function leave() external;

    /// @notice Decides by vote who admits people from now on.
    /// @param steward The new steward, 0 = only the vote
    function appoint(address steward) external;

    /// @notice Whether somebody has a place.
    /// @param person Any key
    function isMember(address person) external view returns (bool member);

    /// @notice How many people have a place.
    function count() external view returns (uint256 people);

    /// @notice Who admits people.
    function steward() external view returns (address account);

    /// @notice Through which contract the people decide.
    function governor() external view returns (address account);
}
