// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICoopMembers} from "./interfaces/ICoopMembers.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Votes} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Votes.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title CoopMembers
/// @notice A person's token is its key as a number, so that nobody can have two.
contract CoopMembers is ICoopMembers, ERC721Votes {
    address private immutable _founder;

    address private _steward;
    address private _governor;
    uint256 private _count;
    mapping(address person => bytes32 credential) private _credentials;
    mapping(bytes32 credential => address person) private _holders;

    constructor(string memory name, address founder) ERC721(name, "COOP") EIP712("AI Commons Co-op Members", "1") {
        (_founder, _steward) = (founder, founder);
    }

    /// @inheritdoc ICoopMembers
    function bindGovernor(address governor_) external {
        if (msg.sender != _founder || _governor != address(0) || governor_.code.length == 0) {
            revert CoopMembersBindRefused(msg.sender, governor_);
        }
        _governor = governor_;
        emit GovernorBound(governor_);
    }

    /// @inheritdoc ICoopMembers
    function admit(address[] calldata people, bytes32[] calldata credentials) external {
        if (msg.sender != _steward && msg.sender != _governor) revert CoopMembersNotSteward(msg.sender);
        if (people.length != credentials.length) revert CoopMembersLengthsDiffer(people.length, credentials.length);
        for (uint256 i; i < people.length; ++i) {
            _admit(people[i], credentials[i]);
        }
    }

    /// @inheritdoc ICoopMembers
    function expel(address person) external {
        _checkGovernor();
        _remove(person);
    }

    /// @inheritdoc ICoopMembers
    function leave() external {
        _remove(msg.sender);
    }

    /// @inheritdoc ICoopMembers
    function appoint(address steward_) external {
        _checkGovernor();
        address previous = _steward;
        _steward = steward_;
        emit StewardAppointed(previous, steward_);
    }

    /// @inheritdoc ICoopMembers
    function isMember(address person) external view returns (bool) {
        return _credentials[person] != 0;
    }

    /// @inheritdoc ICoopMembers
    function count() external view returns (uint256) {
        return _count;
    }

    /// @inheritdoc ICoopMembers
    function steward() external view returns (address) {
        return _steward;
    }

    /// @inheritdoc ICoopMembers
    function governor() external view returns (address) {
        return _governor;
    }

    /// @notice Unix seconds, as everywhere in the commons (ERC-6372).
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice What the clock counts (ERC-6372).
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    // --------------------------------------------------------------------------------------------------------- private

    function _admit(address person, bytes32 credential) private {
        if (credential == 0) revert CoopMembersCredentialMissing(person);
        if (_credentials[person] != 0) revert CoopMembersAlreadyMember(person);
        if (_holders[credential] != address(0)) {
            revert CoopMembersCredentialUsed(credential, _holders[credential]);
        }
        (_credentials[person], _holders[credential]) = (credential, person);
        ++_count;
        _mint(person, uint160(person)); // reverts for nobody's key
        _delegate(person, person);
        emit PersonAdmitted(person, credential);
    }

    function _remove(address person) private {
        bytes32 credential = _credentials[person];
        if (credential == 0) revert CoopMembersUnknown(person);
        delete _credentials[person];
        delete _holders[credential];
        --_count;
        _burn(uint160(person));
        emit PersonLeft(person, credential);
    }

    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = super._update(to, tokenId, auth);
        if (from != address(0) && to != address(0)) revert CoopMembersSoulbound(tokenId);
    }

    function _delegate(address account, address delegatee) internal override {
        if (account != delegatee) revert CoopMembersNotDelegable(account, delegatee);
        super._delegate(account, delegatee);
    }

    function _checkGovernor() private view {
        if (msg.sender != _governor) revert CoopMembersNotGovernor(msg.sender);
    }
}
