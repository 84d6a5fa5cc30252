// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnrolment} from "../../src/interfaces/IEnrolment.sol";
import {Absence, RunSpec} from "../../src/types/RunTypes.sol";
import {StrangerTest} from "../base/StrangerTest.sol";

/// @notice What TrainingRuns borrows from does nothing of its own, whoever calls it with whatever.
contract EnrolmentFuzzTest is StrangerTest {
    /// @dev No run is kept where no other contract looks for it.
    function test_open_failsByItself(address caller, RunSpec memory spec) public {
        _assertNotByItself(caller, abi.encodeCall(IEnrolment.open, (spec)));
    }

    /// @dev Nobody takes a seat there.
    function test_enrol_failsByItself(address caller, bytes32 id, uint256 datasetId, bytes calldata signature) public {
        _assertNotByItself(caller, abi.encodeCall(IEnrolment.enrol, (id, datasetId, id, Absence.Wait, signature)));
    }

    /// @dev Nobody brings anything there.
    function test_bring_failsByItself(address caller, bytes32 id, uint256 datasetId) public {
        _assertNotByItself(caller, abi.encodeCall(IEnrolment.bring, (id, datasetId, id)));
    }

    /// @dev Nobody closes a run there.
    function test_close_failsByItself(address caller, bytes32 id) public {
        _assertNotByItself(caller, abi.encodeCall(IEnrolment.close, (id)));
    }

    /// @dev Nobody asks for keys there.
    function test_rotate_failsByItself(address caller, bytes32 id, uint256 memberId) public {
        _assertNotByItself(caller, abi.encodeCall(IEnrolment.rotate, (id, memberId)));
    }

    /// @dev It says of itself whose code is borrowed.
    function test_enrolmentCode_isTold() public view {
        vm.assertEq(runs.enrolmentCode(), address(enrolment));
    }

    function _assertNotByItself(address caller, bytes memory call) private {
        bytes memory error = abi.encodeWithSelector(IEnrolment.EnrolmentNotByItself.selector);
        _assertRefused(address(enrolment), caller, call, error);
    }
}
