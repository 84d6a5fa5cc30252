// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {Absence} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";

/// @notice Every message of a run is bound to the chain, the contract and the version of the protocol: signed by the right key
/// for another one of these, it is refused and nothing moves. That each counts once is `TrainingRuns.replay.t.sol`.
contract TrainingRunsSignaturesTest is RunTest {
    enum Place {
        Here,
        OtherChain,
        OtherContract,
        OtherVersion,
        OtherName
    }

    Place private place;

    /// @dev What a member signs, of which only the first is this contract's.
    function _runsDomain() internal view override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(place == Place.OtherName ? "AI Commons" : "AI Commons Secure Aggregation")),
                keccak256(bytes(place == Place.OtherVersion ? "1" : "2")),
                place == Place.OtherChain ? block.chainid + 1 : block.chainid,
                place == Place.OtherContract ? address(data) : address(runs)
            )
        );
    }

    /// @dev Member 3's messages, in the order in which a run takes them.
    function say(string calldata message) external {
        bytes32 said = keccak256(bytes(message));
        if (said == keccak256("ack")) _ack(3);
        if (said == keccak256("submit")) _submit(3, 0, 0, "initial");
        if (said == keccak256("commit")) _commit(3, 0, 0);
        if (said == keccak256("reveal")) _reveal(3, 0, 0);
        if (said == keccak256("exit")) runs.exit(runId, 3, 0, _exitSignature(3, 0));
        if (said == keccak256("result")) _result(3, 0, 0, "first");
    }

    /// @dev Signed for every other place it is refused; then it is taken, signed for this one.
    function _assertBound(string memory message) private {
        bytes32 before = keccak256(abi.encode(runs.run(runId), runs.seats(runId)));
        bytes memory refusal = abi.encodeWithSelector(ITrainingRuns.TrainingRunsSignatureInvalid.selector, 3);
        for (uint8 i = 1; i <= uint8(type(Place).max); ++i) {
            place = Place(i);
            (bool done, bytes memory answer) = address(this).call(abi.encodeCall(this.say, (message)));
            vm.assertFalse(done, message);
            vm.assertEq(keccak256(answer), keccak256(refusal), message);
            vm.assertEq(keccak256(abi.encode(runs.run(runId), runs.seats(runId))), before, message);
        }
        place = Place.Here;
        this.say(message);
        vm.assertFalse(keccak256(abi.encode(runs.run(runId), runs.seats(runId))) == before, message);
    }

    /// @dev Seat 3 is the last one everywhere, so that the run goes on with it.
    function test_messages_areBoundToEverything() public {
        _toAcking(5, 3, Absence.Wait);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != 3) _ack(id);
        }
        _assertBound("ack");
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != 3) _submit(id, 0, 0, "initial");
        }
        _assertBound("submit");
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != 3) _commit(id, 0, 0);
        }
        _assertBound("commit");
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != 3) _reveal(id, 0, 0);
        }
        _assertBound("reveal");
        uint256 unmasked = vm.snapshotState();
        _assertBound("exit");
        vm.revertToState(unmasked);
        for (uint256 id = 1; id <= 4; ++id) {
            if (id != 3) _result(id, 0, 0, "first");
        }
        _assertBound("result");
    }
}
