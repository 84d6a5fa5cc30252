// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {MemberVotes} from "./base/MemberVotes.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {Authority} from "./types/Authority.sol";

/// @title Membership
contract Membership is MemberVotes {
    /// @dev How long the old account may veto: long enough to be noticed on a holiday.
    uint64 private constant RECOVERY_DELAY = 7 days;

    uint256 private _count;
    mapping(uint256 memberId => Member) private _members;
    mapping(address applicant => Member) private _applications;
    mapping(address account => uint256 memberId) private _memberOf;
    mapping(bytes32 credential => uint256 memberId) private _memberOfCredential;
    /// @dev Never cleared: an old signature stays evidence against the member that made it.
    mapping(address nodeKey => uint256 memberId) private _keyOwner;
    mapping(uint256 memberId => address) private _guardians;
    mapping(uint256 memberId => Recovery) private _recoveries;
    /// @dev Bit n stands for the role of that number.
    mapping(uint256 memberId => uint256) private _roles;

    /// @param registrars Who decides about members
    /// @param approvals How many of them have to agree
    /// @param founders Members from the beginning, in the order of their ids
    /// @param authority The timelock, through which the members' votes act
    constructor(address[] memory registrars, uint256 approvals, Founder[] memory founders, Authority memory authority)
        Governed(authority)
    {
        _replaceRegistrars(registrars, approvals);
        for (uint256 i; i < founders.length; ++i) {
            _admit(_applied(founders[i]));
        }
    }

    /// @inheritdoc IMembership
    function applyAs(Kind kind, address nodeKey, bytes32 readerPoint, bytes32 credential, bytes32 profile) external {
        address applicant = _msgSender();
        Member memory before = _applications[applicant];
        bool isSame = before.kind == kind && before.credential == credential && before.profile == profile;
        if (before.account != address(0) && !isSame) revert MembershipAlreadyApplied(applicant);
        Founder memory wanted = Founder(applicant, kind, nodeKey, readerPoint, credential, profile);
        _applications[applicant] = _applied(wanted);
    }

    /// @inheritdoc IMembership
    function admit(address applicant) external returns (uint256 memberId) {
        Member memory wanted = _applications[applicant];
        if (wanted.account == address(0)) revert MembershipNoApplication(applicant);
        if (!_decide(Decision.Admit, uint160(applicant))) return 0;
        delete _applications[applicant];
        return _admit(wanted);
    }

    /// @inheritdoc IMembership
    function suspend(uint256 memberId) external {
        _checkStatus(memberId, Status.Active);
        if (!_decide(Decision.Suspend, memberId)) return;
        _members[memberId].status = Status.Suspended;
        emit Suspended(memberId);
    }

    /// @inheritdoc IMembership
    function reinstate(uint256 memberId) external {
        _checkStatus(memberId, Status.Suspended);
        if (!_decide(Decision.Reinstate, memberId)) return;
        _members[memberId].status = Status.Active;
        emit Reinstated(memberId);
    }

    /// @inheritdoc IMembership
    function setNodeKey(address nodeKey) external {
        uint256 memberId = _activeCaller();
        if (nodeKey == address(0)) revert MembershipFieldMissing();
        uint256 owner = _keyOwner[nodeKey];
        if (owner != 0 && owner != memberId) revert MembershipNodeKeyUsed(nodeKey, owner);
        address previous = _members[memberId].nodeKey;
        _members[memberId].nodeKey = nodeKey;
        _keyOwner[nodeKey] = memberId;
        emit NodeKeySet(memberId, previous, nodeKey);
    }

    /// @inheritdoc IMembership
    function setReaderPoint(bytes32 readerPoint) external {
        uint256 memberId = _activeCaller();
        if (readerPoint == 0) revert MembershipFieldMissing();
        bytes32 previous = _members[memberId].readerPoint;
        _members[memberId].readerPoint = readerPoint;
        emit ReaderPointSet(memberId, previous, readerPoint);
    }

    /// @inheritdoc IMembership
    function setProfile(bytes32 profile) external {
        uint256 memberId = _activeCaller();
        bytes32 previous = _members[memberId].profile;
        _members[memberId].profile = profile;
        emit ProfileSet(memberId, previous, profile);
    }

    /// @inheritdoc IMembership
    function leave() external {
        uint256 memberId = _memberOf[_msgSender()];
        if (memberId == 0) revert MembershipNotActive(_msgSender());
        _end(memberId, Status.Left);
        emit Left(memberId, _msgSender());
    }

    /// @inheritdoc IMembership
    function expel(uint256 memberId) external {
        _checkTimelock();
        _checkLive(memberId);
        _end(memberId, Status.Expelled);
        emit Expelled(memberId, _members[memberId].account);
    }

    /// @inheritdoc IMembership
    function grantRole(uint256 memberId, Role role) external {
        _checkTimelock();
        _checkStatus(memberId, Status.Active);
        _setRole(memberId, role, true);
        emit RoleGranted(memberId, role);
    }

    /// @inheritdoc IMembership
    function revokeRole(uint256 memberId, Role role) external {
        _checkTimelock();
        _setRole(memberId, role, false);
        emit RoleRevoked(memberId, role);
    }

    // -------------------------------------------------------------------------------------------------------- recovery

    /// @inheritdoc IMembership
    function setGuardian(address guardian) external {
        uint256 memberId = _memberOf[_msgSender()]; // also of a suspended one: a bad guardian can always be taken away
        if (memberId == 0) revert MembershipNotActive(_msgSender());
        if (guardian == _msgSender()) revert MembershipAccountUsed(guardian, memberId);
        address previous = _guardians[memberId];
        _guardians[memberId] = guardian;
        emit GuardianSet(memberId, previous, guardian);
    }

    /// @inheritdoc IMembership
    function recover(uint256 memberId, address account) external {
        _checkLive(memberId);
        if (account == address(0)) revert MembershipFieldMissing();
        _checkUnused(account);
        Recovery memory pending = _recoveries[memberId];
        bool lapsed = _memberOf[pending.account] != 0; // admitted meanwhile: it can never be finished
        if (pending.account != address(0) && !lapsed) revert MembershipRecoveryPending(memberId, pending.ripeAt);
        uint256 subject = uint256(keccak256(abi.encode(memberId, account)));
        if (_msgSender() != _guardians[memberId] && !_decide(Decision.Recover, subject)) return;
        uint64 ripeAt = uint64(block.timestamp) + RECOVERY_DELAY;
        _recoveries[memberId] = Recovery(account, ripeAt);
        emit RecoveryBegun(memberId, _members[memberId].account, account, ripeAt);
    }

    /// @inheritdoc IMembership
    function veto(uint256 memberId) external {
        if (_members[memberId].account != _msgSender()) revert MembershipNotAccount(memberId, _msgSender());
        if (_recoveries[memberId].account == address(0)) revert MembershipNoRecovery(memberId);
        delete _recoveries[memberId];
        emit RecoveryVetoed(memberId, _msgSender());
    }

    /// @inheritdoc IMembership
    function finishRecovery(uint256 memberId) external {
        Recovery memory pending = _recoveries[memberId];
        if (pending.account == address(0)) revert MembershipNoRecovery(memberId);
        if (block.timestamp < pending.ripeAt) revert MembershipRecoveryUnripe(memberId, pending.ripeAt);
        _checkUnused(pending.account);
        address previous = _members[memberId].account;
        delete _recoveries[memberId];
        if (_guardians[memberId] != address(0)) {
            emit GuardianSet(memberId, _guardians[memberId], address(0));
            delete _guardians[memberId];
        }
        delete _memberOf[previous];
        _members[memberId].account = pending.account;
        _memberOf[pending.account] = memberId;
        _moveVote(memberId, pending.account);
        emit Recovered(memberId, previous, pending.account);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IMembership
    function memberOf(address account) external view returns (uint256) {
        return _memberOf[account];
    }

    /// @inheritdoc IMembership
    function member(uint256 memberId) external view returns (Member memory) {
        return _members[memberId];
    }

    /// @inheritdoc IMembership
    function application(address applicant) external view returns (Member memory) {
        return _applications[applicant];
    }

    /// @inheritdoc IMembership
    function isActive(uint256 memberId) external view returns (bool) {
        return _members[memberId].status == Status.Active;
    }

    /// @inheritdoc IMembership
    function hasRole(uint256 memberId, Role role) external view returns (bool) {
        return _holds(memberId, role) && _members[memberId].status == Status.Active;
    }

    /// @inheritdoc IMembership
    function memberOfNodeKey(address nodeKey) external view returns (uint256) {
        uint256 memberId = _keyOwner[nodeKey];
        Member storage stored = _members[memberId];
        return stored.status == Status.Active && stored.nodeKey == nodeKey ? memberId : 0;
    }

    /// @inheritdoc IMembership
    function nodeKeyOf(uint256 memberId) external view returns (address) {
        return _members[memberId].nodeKey;
    }

    /// @inheritdoc IMembership
    function accountOf(uint256 memberId) external view returns (address) {
        return _members[memberId].account;
    }

    /// @inheritdoc IMembership
    function count() external view returns (uint256) {
        return _count;
    }

    /// @inheritdoc IMembership
    function guardianOf(uint256 memberId) external view returns (address) {
        return _guardians[memberId];
    }

    /// @inheritdoc IMembership
    function recovery(uint256 memberId) external view returns (Recovery memory) {
        return _recoveries[memberId];
    }

    // --------------------------------------------------------------------------------------------------------- private

    /// @dev Checks what somebody asks for and says it aloud.
    function _applied(Founder memory by) private returns (Member memory wanted) {
        if (by.account == address(0) || by.nodeKey == address(0) || by.readerPoint == 0 || by.credential == 0) {
            revert MembershipFieldMissing();
        }
        wanted = Member(by.account, by.kind, Status.None, 0, by.nodeKey, by.readerPoint, by.credential, by.profile);
        _checkFree(wanted);
        emit Applied(by.account, by.kind, by.nodeKey, by.readerPoint, by.credential, by.profile);
    }

    function _admit(Member memory wanted) private returns (uint256 memberId) {
        _checkFree(wanted);
        memberId = ++_count;
        (wanted.status, wanted.since) = (Status.Active, uint64(block.timestamp));
        _members[memberId] = wanted;
        _memberOf[wanted.account] = memberId;
        _memberOfCredential[wanted.credential] = memberId;
        _keyOwner[wanted.nodeKey] = memberId;
        _giveVote(memberId, wanted.account);
        emit Admitted(memberId, wanted.account, wanted.kind, wanted.nodeKey, wanted.credential);
    }

    /// @dev Frees account and credential; the id and the node key stay the member's for ever.
    function _end(uint256 memberId, Status status) private {
        Member storage stored = _members[memberId];
        stored.status = status;
        delete _memberOf[stored.account];
        delete _memberOfCredential[stored.credential];
        delete _recoveries[memberId];
        delete _roles[memberId];
        _burn(memberId);
    }

    function _setRole(uint256 memberId, Role role, bool held) private {
        if (_holds(memberId, role) == held) revert MembershipRoleUnchanged(memberId, role);
        _roles[memberId] ^= 1 << uint8(role);
    }

    function _holds(uint256 memberId, Role role) private view returns (bool) {
        return _roles[memberId] >> uint8(role) & 1 == 1;
    }

    function _checkFree(Member memory wanted) private view {
        _checkUnused(wanted.account);
        uint256 taken = _memberOfCredential[wanted.credential];
        if (taken != 0) revert MembershipCredentialUsed(wanted.credential, taken);
        taken = _keyOwner[wanted.nodeKey];
        if (taken != 0) revert MembershipNodeKeyUsed(wanted.nodeKey, taken);
    }

    function _checkLive(uint256 memberId) private view {
        Status status = _members[memberId].status;
        if (status != Status.Active && status != Status.Suspended) revert MembershipWrongStatus(memberId, status);
    }

    function _checkUnused(address account) private view {
        uint256 taken = _memberOf[account];
        if (taken != 0) revert MembershipAccountUsed(account, taken);
    }

    function _checkStatus(uint256 memberId, Status expected) private view {
        Status status = _members[memberId].status;
        if (status != expected) revert MembershipWrongStatus(memberId, status);
    }

    function _activeCaller() private view returns (uint256 memberId) {
        memberId = _memberOf[_msgSender()];
        if (_members[memberId].status != Status.Active) revert MembershipNotActive(_msgSender());
    }
}
