// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembership} from "../interfaces/IMembership.sol";
import {Governed} from "./Governed.sol";

/// @title Registrars
/// @dev Who decides about members: k of n registrars, or the members' vote at once.
abstract contract Registrars is IMembership, Governed {
    /// @dev Counts the replacements: approvals given under earlier registrars are void.
    uint256 private _era;
    uint256 private _threshold;
    mapping(uint256 era => mapping(address account => bool)) private _registrars;
    /// @dev Decisions taken on a subject so far; makes the approvals of one decision useless for the next.
    mapping(uint256 subject => uint256) private _decisions;
    mapping(bytes32 tally => uint256) private _approvals;
    mapping(bytes32 tally => mapping(address registrar => bool)) private _approved;

    /// @inheritdoc IMembership
    function setRegistrars(address[] calldata registrars, uint256 approvals) external {
        _checkTimelock();
        _replaceRegistrars(registrars, approvals);
    }

    /// @inheritdoc IMembership
    function isRegistrar(address account) public view returns (bool) {
        return _registrars[_era][account];
    }

    /// @inheritdoc IMembership
    function threshold() external view returns (uint256) {
        return _threshold;
    }

    function _replaceRegistrars(address[] memory registrars, uint256 approvals) internal {
        if (approvals == 0 || approvals > registrars.length) {
            revert MembershipRegistrarsInvalid(registrars.length, approvals);
        }
        mapping(address account => bool) storage named = _registrars[++_era];
        for (uint256 i; i < registrars.length; ++i) {
            if (registrars[i] == address(0) || named[registrars[i]]) {
                revert MembershipRegistrarsInvalid(registrars.length, approvals);
            }
            named[registrars[i]] = true;
        }
        _threshold = approvals;
        emit RegistrarsSet(registrars, approvals);
    }

    /// @dev Whether it is decided now: at once by the members' vote, else by the last registrar that is needed.
    function _decide(Decision decision, uint256 subject) internal returns (bool) {
        if (!_isTimelock() && _approve(decision, subject) < _threshold) return false;
        ++_decisions[subject];
        return true;
    }

    function _approve(Decision decision, uint256 subject) private returns (uint256 approvals) {
        address registrar = _msgSender();
        if (!isRegistrar(registrar)) revert MembershipNotRegistrar(registrar);
        bytes32 tally = keccak256(abi.encode(_era, decision, subject, _decisions[subject]));
        if (_approved[tally][registrar]) revert MembershipAlreadyApproved(registrar, decision, subject);
        _approved[tally][registrar] = true;
        approvals = ++_approvals[tally];
        emit Approved(registrar, decision, subject, approvals);
    }
}
