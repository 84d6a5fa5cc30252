// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A contract that holds a credit and does with it what it is told.
abstract contract Receiver {
    function act(address target, bytes calldata data) external payable {
        (bool done, bytes memory answer) = target.call{value: msg.value}(data);
        if (done) return;
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }

    receive() external payable virtual;
}

/// @notice Takes everything.
contract HonestReceiver is Receiver {
    receive() external payable override {}
}

/// @notice Refuses the coin.
contract RevertingReceiver is Receiver {
    receive() external payable override {
        revert("not for me");
    }
}

/// @notice Burns all the gas that it gets.
contract BurningReceiver is Receiver {
    receive() external payable override {
        assembly ("memory-safe") {
            invalid()
        }
    }
}

/// @notice Answers with more bytes than its caller can afford to copy.
contract TalkativeReceiver is Receiver {
    uint256 private constant LONG = 400_000;

    receive() external payable override {
        assembly {
            return(0, LONG)
        }
    }
}

/// @notice Calls somebody while it is paid, and remembers what came of it.
contract ReenteringReceiver is Receiver {
    address private _target;
    bytes private _call;
    bool public succeeded;
    bytes public answer;

    function prepare(address target, bytes calldata data) external {
        (_target, _call) = (target, data);
    }

    receive() external payable override {
        (succeeded, answer) = _target.call(_call);
    }
}
