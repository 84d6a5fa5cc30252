// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "./TestToken.sol";

/// @notice Honest until it is told otherwise, as a token that its owner can change.
abstract contract HostileToken is TestToken {
    bool public hostile;

    function turn(bool hostile_) external {
        hostile = hostile_;
    }

    function _isMove(address from, address to) internal view returns (bool) {
        return hostile && from != address(0) && to != address(0);
    }
}

/// @notice Keeps one in ten of what is moved.
contract FeeToken is HostileToken {
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (_isMove(from, to)) _burn(to, amount / 10);
    }
}

/// @notice Gives one in ten on top.
contract GenerousToken is HostileToken {
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (_isMove(from, to)) _mint(to, amount / 10);
    }
}

/// @notice Takes one in ten from the sender beside what is moved, be it anybody's.
contract GreedyToken is HostileToken {
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (_isMove(from, to)) _burn(from, amount / 10);
    }
}

/// @notice Takes away all that the receiver or sender has.
contract SeizingToken is HostileToken {
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (!_isMove(from, to)) return;
        _burn(to, balanceOf(to));
        _burn(from, balanceOf(from));
    }
}

/// @notice Moves nothing and says so by `false`, which careless callers take for success.
contract FalseToken is HostileToken {
    function transfer(address to, uint256 amount) public override returns (bool) {
        return hostile ? false : super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return hostile ? false : super.transferFrom(from, to, amount);
    }
}

/// @notice Says that it moved something, and moves nothing.
contract LyingToken is HostileToken {
    function transfer(address to, uint256 amount) public override returns (bool) {
        return hostile || super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return hostile || super.transferFrom(from, to, amount);
    }
}

/// @notice Calls somebody while it moves, and remembers what came of it.
contract ReenteringToken is HostileToken {
    address private _target;
    bytes private _call;
    bool public succeeded;
    bytes public answer;

    function prepare(address target, bytes calldata data) external {
        (_target, _call) = (target, data);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (_isMove(from, to)) (succeeded, answer) = _target.call(_call);
    }
}
