// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Key, Kind, PhaseView, Signed} from "../../src/types/RunTypes.sol";
import {RunTest} from "./RunTest.sol";

/// @notice What seats say of each other, of the last agreed attempt unless a test says otherwise. The struct types are written
/// out here a second time on purpose.
abstract contract VerdictsTest is RunTest {
    bytes32 internal constant EVIDENCE = keccak256("evidence");
    bytes32 internal constant CASE = keccak256("case");

    /// @dev Run, round and attempt of the last agreed sid.
    function _here(uint256 id) internal view returns (Key memory) {
        PhaseView memory at = runs.phaseOf(runId);
        return _key(id, at.machine.sidRound, at.machine.sidAttempt);
    }

    function _sid() internal view returns (bytes32) {
        return runs.phaseOf(runId).sid;
    }

    function _complain(uint256 id, uint256 accusedId) internal {
        bytes32 header = runs.seatOf(runId, accusedId).headerDigest;
        bytes memory signature = _complainSignature(id, _sid(), accusedId, header);
        verdicts.complain(_here(id), _sid(), accusedId, header, EVIDENCE, signature);
    }

    function _complainSignature(uint256 id, bytes32 sid, uint256 accusedId, bytes32 header)
        internal
        view
        returns (bytes memory)
    {
        bytes32 kind = keccak256(
            "Complain(bytes32 sid,uint256 memberId,uint256 accusedId,bytes32 headerDigest,bytes32 evidence)"
        );
        return _signed(id, abi.encode(kind, sid, id, accusedId, header, EVIDENCE));
    }

    function _dispute(uint256 id, uint256 accusedId, uint32 column) internal {
        verdicts.dispute(
            _here(id), _sid(), accusedId, 0, column, 7, EVIDENCE, _disputeSignature(id, _sid(), accusedId, column)
        );
    }

    function _disputeSignature(uint256 id, bytes32 sid, uint256 accusedId, uint32 column)
        internal
        view
        returns (bytes memory)
    {
        string memory fields = "uint256 accusedId,uint32 cell,uint32 column,uint32 chunk,bytes32 evidence)";
        bytes32 kind = keccak256(bytes(string.concat("Dispute(bytes32 sid,uint256 memberId,", fields)));
        return _signed(id, abi.encode(kind, sid, id, accusedId, 0, column, 7, EVIDENCE));
    }

    function _verdict(uint256 id, uint256 guiltyId) internal {
        _verdict(id, guiltyId, CASE);
    }

    function _verdict(uint256 id, uint256 guiltyId, bytes32 caseDigest) internal {
        bytes memory signature = _verdictSignature(id, _sid(), caseDigest, guiltyId);
        verdicts.verdict(_here(id), _sid(), caseDigest, guiltyId, signature);
    }

    function _verdictSignature(uint256 id, bytes32 sid, bytes32 caseDigest, uint256 guiltyId)
        internal
        view
        returns (bytes memory)
    {
        bytes32 kind = keccak256("Verdict(bytes32 sid,uint256 memberId,bytes32 caseDigest,uint256 guiltyId)");
        return _signed(id, abi.encode(kind, sid, id, caseDigest, guiltyId));
    }

    /// @dev A message of a kind on a sid, whose fields behind the member are made from `salt`.
    function _twice(Kind kind, uint256 id, bytes32 sid, bytes32 salt) internal view returns (Signed memory said) {
        string[4] memory types = [
            "Submit(bytes32 sid,uint256 memberId,bytes32 headerDigest)",
            "Commit(bytes32 sid,uint256 memberId,bytes32 setDigest,bytes32 inputDigest,bytes32 masks)",
            "Reveal(bytes32 sid,uint256 memberId,bytes32 salt,bytes32 mine,bytes32 document)",
            "Result(bytes32 sid,uint256 memberId,bytes32 sumDigest,bytes32 stateDigest)"
        ];
        uint256[4] memory lengths = [uint256(3), 5, 5, 4];
        said.fields = new bytes32[](lengths[uint256(kind)]);
        (said.fields[0], said.fields[1]) = (sid, bytes32(id));
        for (uint256 i = 2; i < said.fields.length; ++i) {
            said.fields[i] = keccak256(abi.encode(salt, i));
        }
        bytes32 typeHash = keccak256(bytes(types[uint256(kind)]));
        said.signature = _signed(id, abi.encodePacked(typeHash, said.fields));
    }
}
