// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAttestations} from "../../src/interfaces/IAttestations.sol";
import {MachineTest} from "../base/MachineTest.sol";

/// @notice The machine "attestation" of vectors/machines.json: member 1 attests a course, for which it needs no role.
contract AttestationMachineTest is MachineTest {
    uint64 private constant EXPIRY = uint64(START + 1 days);

    bytes32 private attestationId;

    function setUp() public override {
        super.setUp();
        _admit(1, 1);
    }

    function _named() internal pure override returns (string memory) {
        return "attestation";
    }

    function _reach(bytes32 state) internal override {
        if (state == _id("None")) return;
        _send(_id("attest((uint8,bool,uint64,bytes32,bytes32))"));
        if (state == _id("Expired")) _send(TIME);
        if (state == _id("Revoked")) _send(_id("revoke(bytes32,bytes32)"));
    }

    function _send(bytes32 call) internal override returns (bool done, bytes memory answer) {
        if (call == TIME) {
            vm.warp(EXPIRY);
            return (true, "");
        }
        vm.prank(_account(1));
        if (call == _id("revoke(bytes32,bytes32)")) {
            return address(attestations).call(abi.encodeCall(IAttestations.revoke, (attestationId, "reason")));
        }
        vm.assertTrue(call == _id("attest((uint8,bool,uint64,bytes32,bytes32))"), "a call of the table has no driver");
        IAttestations.Statement memory said =
            IAttestations.Statement(IAttestations.Kind.Course, true, EXPIRY, "subject", "document");
        (done, answer) = address(attestations).call(abi.encodeCall(IAttestations.attest, (said)));
        if (done) attestationId = abi.decode(answer, (bytes32));
    }

    function _where() internal view override returns (string memory) {
        IAttestations.Attestation memory stored = attestations.attestation(attestationId);
        if (stored.attester == 0) return "None";
        if (stored.revoked) return "Revoked";
        return attestations.isLive(attestationId) ? "Live" : "Expired";
    }
}
