// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IVerdicts} from "../../src/interfaces/IVerdicts.sol";
import {Key, Kind, Signed} from "../../src/types/RunTypes.sol";
import {StrangerTest} from "../base/StrangerTest.sol";

/// @notice On a run that nobody opened nobody is accused or judged, whatever is said.
contract VerdictsFuzzTest is StrangerTest {
    /// @dev No sid was agreed that a complaint could name.
    function test_complain_failsForUnknownRuns(address caller, Key calldata key, bytes32 sid, uint256 id) public {
        bytes memory error = abi.encodeWithSelector(IVerdicts.VerdictsWrongSid.selector, bytes32(0), sid);
        _assertRefused(
            address(verdicts), caller, abi.encodeCall(IVerdicts.complain, (key, sid, id, sid, sid, "")), error
        );
    }

    /// @dev No sid was agreed that a dispute could name.
    function test_dispute_failsForUnknownRuns(address caller, Key calldata key, bytes32 sid, uint32 column) public {
        bytes memory error = abi.encodeWithSelector(IVerdicts.VerdictsWrongSid.selector, bytes32(0), sid);
        bytes memory call = abi.encodeCall(IVerdicts.dispute, (key, sid, 1, column, column, column, sid, ""));
        _assertRefused(address(verdicts), caller, call, error);
    }

    /// @dev No sid was agreed that a verdict could name.
    function test_verdict_failsForUnknownRuns(address caller, Key calldata key, bytes32 sid, uint256 id) public {
        bytes memory error = abi.encodeWithSelector(IVerdicts.VerdictsWrongSid.selector, bytes32(0), sid);
        _assertRefused(address(verdicts), caller, abi.encodeCall(IVerdicts.verdict, (key, sid, sid, id, "")), error);
    }

    /// @dev Who has no seat signs nothing twice.
    function test_equivocated_failsWithoutASeat(address caller, Key calldata key, bytes32 word, uint8 kind) public {
        bytes memory error = abi.encodeWithSelector(IVerdicts.VerdictsNotAccusable.selector, key.memberId);
        Signed memory said = Signed(new bytes32[](3), "");
        bytes memory call = abi.encodeCall(IVerdicts.equivocated, (key, Kind(kind % 4), 0, word, said, said));
        _assertRefused(address(verdicts), caller, call, error);
    }
}
