// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC5192} from "../interfaces/IERC5192.sol";
import {IMembership} from "../interfaces/IMembership.sol";
import {Registrars} from "./Registrars.sol";
import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Votes} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Votes.sol";
import {Context} from "@openzeppelin/contracts/utils/Context.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title MemberVotes
/// @dev The vote of a membership: one token per member, whose id is the member's, that nobody can sell, lend or delegate.
abstract contract MemberVotes is IERC5192, Registrars, ERC721Votes {
    constructor() ERC721("AI Commons Membership", "MEMBER") EIP712("AI Commons Membership", "1") {}

    /// @notice Always refused, and so is `safeTransferFrom`: a membership is its member's.
    /// @param memberId Any id
    function transferFrom(address, address, uint256 memberId) public pure override {
        revert MembershipSoulbound(memberId);
    }

    /// @notice Always refused: a membership is its member's.
    /// @param memberId Any id
    function approve(address, uint256 memberId) public pure override {
        revert MembershipSoulbound(memberId);
    }

    /// @notice Always refused: a membership is its member's.
    function setApprovalForAll(address, bool) public pure override {
        revert MembershipSoulbound(0);
    }

    /// @inheritdoc IERC5192
    function locked(uint256 tokenId) external view returns (bool) {
        _requireOwned(tokenId);
        return true;
    }

    /// @inheritdoc IMembership
    function live() external view returns (uint256) {
        return _getTotalSupply();
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

    /// @notice Whether an interface is supported (ERC-165); ERC-5192 is.
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IERC5192).interfaceId || super.supportsInterface(interfaceId);
    }

    /// @dev A vote counts only once it is delegated: to its member, for good.
    function _giveVote(uint256 memberId, address account) internal {
        _mint(account, memberId);
        _delegate(account, account);
        emit Locked(memberId);
    }

    /// @dev The one way by which a vote changes its account; the count of votes stays.
    function _moveVote(uint256 memberId, address account) internal {
        _update(account, memberId, address(0));
        _delegate(account, account);
    }

    function _delegate(address account, address delegatee) internal override {
        if (account != delegatee) revert MembershipNotDelegable(account, delegatee);
        super._delegate(account, delegatee);
    }

    function _msgSender() internal view override(Context, ERC2771Context) returns (address) {
        return ERC2771Context._msgSender();
    }

    function _msgData() internal view override(Context, ERC2771Context) returns (bytes calldata) {
        return ERC2771Context._msgData();
    }

    function _contextSuffixLength() internal view override(Context, ERC2771Context) returns (uint256) {
        return ERC2771Context._contextSuffixLength();
    }
}
