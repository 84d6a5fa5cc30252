// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Messages} from "../../src/libraries/Messages.sol";
import {CommonsTest} from "../base/CommonsTest.sol";

/// @notice Makes the library callable at the address of the specification's known answers.
contract MessagesHarness {
    function sidOf(bytes32 runId, uint32 round, uint16 attempt, bytes32 stateDigest, bytes32 committee)
        external
        view
        returns (bytes32)
    {
        return Messages.sidOf(runId, round, attempt, stateDigest, committee);
    }
}

/// @notice The known answers of the secure-aggregation specification, section 2.
contract MessagesTest is CommonsTest {
    bytes32 private constant RUN = 0x0101010101010101010101010101010101010101010101010101010101010101;
    bytes32 private constant STATE = 0x0202020202020202020202020202020202020202020202020202020202020202;
    address private constant CONTRACT = 0xC0C0c0c0C0C0c0c0c0C0c0C0C0C0C0C0C0C0c0c0;

    function setUp() public override {}

    function _roster() private pure returns (bytes32) {
        uint256[] memory ids = new uint256[](3);
        (ids[0], ids[1], ids[2]) = (11, 22, 33);
        address[] memory nodeKeys = new address[](3);
        for (uint160 i; i < 3; ++i) {
            nodeKeys[i] = address((0xa1 + i) * (type(uint160).max / 255));
        }
        return Messages.rosterOf(RUN, ids, nodeKeys);
    }

    function _committee() private pure returns (bytes32) {
        bytes32[] memory points = new bytes32[](3); // 3 G, 5 G, 7 G
        points[0] = 0xd4b4f5784868c3020403246717ec169ff79e26608ea126a1ab69ee77d1b16712;
        points[1] = 0xedc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df;
        points[2] = 0xb862409fb5c4c4123df2abf7462b88f041ad36dd6864ce872fd5472be363c5b1;
        return Messages.committeeOf(_roster(), 0, 1, points);
    }

    function test_roster_isTheKnownAnswer() public pure {
        vm.assertEq(bytes32(bytes8(_roster())), bytes32(bytes8(0x844acb2543aff4ff)));
    }

    function test_committee_isTheKnownAnswer() public pure {
        vm.assertEq(bytes32(bytes8(_committee())), bytes32(bytes8(0x3c30ff89ae618caa)));
    }

    function test_sid_isTheKnownAnswer() public {
        vm.etch(CONTRACT, address(new MessagesHarness()).code);
        bytes32 sid = MessagesHarness(CONTRACT).sidOf(RUN, 4, 0, STATE, _committee());
        vm.assertEq(sid, 0x539ca31120dbec8efafcca25206f9b7754956067aff27dcb963dc13528205714);
    }

    function test_setDigest_isTheKnownAnswer() public pure {
        uint256[] memory ids = new uint256[](3);
        (ids[0], ids[1], ids[2]) = (11, 22, 33);
        vm.assertEq(bytes32(bytes8(keccak256(abi.encode(ids)))), bytes32(bytes8(0xbcc9702a9f490b21)));
    }
}
