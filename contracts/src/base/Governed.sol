// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGoverned} from "../interfaces/IGoverned.sol";
import {Authority} from "../types/Authority.sol";
import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";

/// @title Governed
abstract contract Governed is IGoverned, ERC2771Context {
    address private immutable _timelock;

    address private _successor;

    constructor(Authority memory authority) ERC2771Context(authority.forwarder) {
        _timelock = authority.timelock;
    }

    /// @inheritdoc IGoverned
    function setSuccessor(address successor_) external {
        _checkTimelock();
        if (successor_ == address(this) || successor_.code.length == 0) revert GovernedSuccessorInvalid(successor_);
        emit SuccessorNamed(_successor, successor_);
        _successor = successor_;
    }

    /// @inheritdoc IGoverned
    function successor() external view returns (address) {
        return _successor;
    }

    /// @inheritdoc IGoverned
    function admin() external view returns (address) {
        return _timelock;
    }

    function _checkTimelock() internal view {
        if (_msgSender() != _timelock) revert GovernedNotTimelock(_msgSender());
    }

    /// @dev Whose credit it is what belongs to the commons.
    function _treasury() internal view returns (address) {
        return _timelock;
    }

    function _isTimelock() internal view returns (bool) {
        return _msgSender() == _timelock;
    }
}
