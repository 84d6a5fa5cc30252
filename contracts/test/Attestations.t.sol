// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Attestations} from "../src/Attestations.sol";
import {IAttestations} from "../src/interfaces/IAttestations.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {CommonsTest} from "./base/CommonsTest.sol";

/// @notice Members 1 (auditor) and 2 (ethics board) have roles, member 3 has none.
contract AttestationsTest is CommonsTest {
    bytes32 private constant ATTEST = keccak256(
        "Attest(uint8 kind,bool passed,uint64 expiry,bytes32 subject,bytes32 document,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant REVOKE = keccak256("Revoke(bytes32 attestationId,bytes32 reason,uint256 deadline)");
    uint256 private constant DEADLINE = START + 1 hours;

    /// @dev Everything that a signature is bound to.
    struct Bound {
        uint256 key;
        address contractAt;
        uint256 chain;
        uint256 nonce;
        uint256 deadline;
    }

    function setUp() public override {
        super.setUp();
        _admit(1, 3);
        _grant(1, IMembership.Role.Auditor);
        _grant(2, IMembership.Role.EthicsBoard);
    }

    function _grant(uint256 id, IMembership.Role role) private {
        vm.prank(address(timelock));
        membership.grantRole(id, role);
    }

    function _said(IAttestations.Kind kind) private pure returns (IAttestations.Statement memory) {
        return IAttestations.Statement(kind, true, uint64(START + 90 days), "subject", "document");
    }

    function _audit() private pure returns (IAttestations.Statement memory) {
        return _said(IAttestations.Kind.Audit);
    }

    function _attest(uint256 id, IAttestations.Statement memory said) private returns (bytes32) {
        vm.prank(_account(id));
        return attestations.attest(said);
    }

    function _accountKey(uint256 id) private pure returns (uint256) {
        return 0xACC0000 + id;
    }

    // ------------------------------------------------------------------------------------------------------- statements

    /// @dev The id covers chain, contract, attester, every field and a count; the same words twice are two statements.
    function test_attest_recordsWhatIsSaid(uint8 kind, bool passed, uint64 expiry, bytes32 subject, bytes32 document)
        public
    {
        vm.assume(subject != 0 && document != 0 && expiry > START);
        IAttestations.Kind made = IAttestations.Kind(kind % 4);
        uint256 id = made == IAttestations.Kind.EthicsApproval ? 2 : 1;
        IAttestations.Statement memory said = IAttestations.Statement(made, passed, expiry, subject, document);
        for (uint256 nonce; nonce < 2; ++nonce) {
            bytes32 expected = keccak256(abi.encode(block.chainid, address(attestations), id, said, nonce));
            vm.expectEmit(address(attestations));
            emit IAttestations.Attested(expected, id, subject, made, passed, expiry, document);
            vm.assertEq(_attest(id, said), expected);
            vm.assertTrue(attestations.isLive(expected));
            _assertRecord(expected, id, said, false);
        }
        vm.assertEq(attestations.countOf(id), 2);
    }

    function _assertRecord(bytes32 attestationId, uint256 id, IAttestations.Statement memory said, bool revoked)
        private
        view
    {
        IAttestations.Attestation memory expected = IAttestations.Attestation(
            id, said.kind, said.passed, uint64(START), said.expiry, revoked, said.subject, said.document
        );
        vm.assertEq(keccak256(abi.encode(attestations.attestation(attestationId))), keccak256(abi.encode(expected)));
    }

    /// @dev Rows: who (1 auditor, 2 ethics board, 3 neither) may say what.
    function test_attest_needsTheRoleOfItsKind() public {
        bool[4][3] memory may = [[true, false, true, true], [false, true, false, true], [false, false, false, true]];
        for (uint256 id = 1; id <= 3; ++id) {
            for (uint8 kind; kind < 4; ++kind) {
                vm.prank(_account(id));
                if (!may[id - 1][kind]) {
                    vm.expectRevert(
                        abi.encodeWithSelector(
                            IAttestations.AttestationsRoleMissing.selector, id, IAttestations.Kind(kind)
                        )
                    );
                }
                attestations.attest(_said(IAttestations.Kind(kind)));
            }
        }
    }

    function test_attest_failsForWhoMayNotAct(address stranger, uint8 kind) public {
        vm.assume(membership.memberOf(stranger) == 0 && stranger != address(forwarder));
        _expectNotMember(stranger, IAttestations.Kind(kind % 4));
        _suspendMember(1);
        _expectNotMember(_account(1), IAttestations.Kind(kind % 4));
        vm.prank(_account(3));
        membership.leave();
        _expectNotMember(_account(3), IAttestations.Kind(kind % 4));
    }

    function _expectNotMember(address caller, IAttestations.Kind kind) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsNotMember.selector, caller));
        attestations.attest(_said(kind));
    }

    /// @dev Rows: no subject, no document, an expiry that came.
    function test_attest_failsOnBadInput(uint64 expiry) public {
        expiry = uint64(_between(expiry, 0, START));
        bytes memory missing = abi.encodeWithSelector(IAttestations.AttestationsFieldMissing.selector);
        IAttestations.Statement memory said = _audit();
        said.subject = 0;
        _expectRefused(said, missing);
        (said.subject, said.document) = ("subject", 0);
        _expectRefused(said, missing);
        (said.document, said.expiry) = ("document", expiry);
        _expectRefused(said, abi.encodeWithSelector(IAttestations.AttestationsExpiryPassed.selector, expiry));
        vm.assertEq(attestations.countOf(1), 0);
    }

    function _expectRefused(IAttestations.Statement memory said, bytes memory error) private {
        vm.prank(_account(1));
        vm.expectRevert(error);
        attestations.attest(said);
    }

    // ------------------------------------------------------------------------------------------------------------- life

    /// @dev The last second of a statement is the one before its expiry.
    function test_isLive_endsWithTheExpiry(uint64 word) public {
        IAttestations.Statement memory said = _audit();
        said.expiry = uint64(_between(word, START + 1, START + 10_000 days));
        bytes32 made = _attest(1, said);
        vm.warp(said.expiry - 1);
        vm.assertTrue(attestations.isLive(made));
        vm.warp(said.expiry);
        vm.assertFalse(attestations.isLive(made));
    }

    function test_isLive_deniesTheUnknown(bytes32 attestationId) public view {
        vm.assertFalse(attestations.isLive(attestationId));
        vm.assertEq(attestations.attestation(attestationId).attester, 0);
    }

    /// @dev Rows: suspended, reinstated, role taken, role given anew, left.
    function test_isLive_followsTheAttestersRole() public {
        bytes32 made = _attest(1, _audit());
        _suspendMember(1);
        vm.assertFalse(attestations.isLive(made), "suspended");
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.reinstate(1);
        }
        vm.assertTrue(attestations.isLive(made), "reinstated");
        vm.prank(address(timelock));
        membership.revokeRole(1, IMembership.Role.Auditor);
        vm.assertFalse(attestations.isLive(made), "role taken");
        _grant(1, IMembership.Role.EthicsBoard);
        vm.assertFalse(attestations.isLive(made), "another role");
        _grant(1, IMembership.Role.Auditor);
        vm.assertTrue(attestations.isLive(made), "role given anew");
        vm.prank(_account(1));
        membership.leave();
        vm.assertFalse(attestations.isLive(made), "left");
    }

    /// @dev A course outlives every role but not the membership.
    function test_isLive_ofACourseNeedsNoRole() public {
        bytes32 made = _attest(3, _said(IAttestations.Kind.Course));
        vm.assertTrue(attestations.isLive(made));
        _suspendMember(3);
        vm.assertFalse(attestations.isLive(made));
    }

    // ---------------------------------------------------------------------------------------------------------- revoking

    function test_revoke_isTheAttestersAlone(address stranger, bytes32 reason) public {
        vm.assume(stranger != _account(1) && stranger != address(forwarder));
        _assumePowerless(stranger);
        bytes32 made = _attest(1, _audit());
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsNotAttester.selector, made, stranger));
        attestations.revoke(made, reason);
        vm.assertTrue(attestations.isLive(made));
        vm.startPrank(_account(1));
        vm.expectEmit(address(attestations));
        emit IAttestations.AttestationRevoked(made, 1, reason);
        attestations.revoke(made, reason);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsAlreadyRevoked.selector, made));
        attestations.revoke(made, reason);
        vm.stopPrank();
        vm.assertFalse(attestations.isLive(made));
        _assertRecord(made, 1, _audit(), true);
    }

    function test_revoke_failsOnTheUnknown(bytes32 attestationId, uint256 deadline, bytes memory signature) public {
        bytes memory error = abi.encodeWithSelector(IAttestations.AttestationsUnknown.selector, attestationId);
        vm.expectRevert(error);
        attestations.revoke(attestationId, 0);
        vm.expectRevert(error);
        attestations.revokeBySignature(attestationId, 0, deadline, signature);
    }

    /// @dev Taking back works for a member that is suspended, that lost the role, and that left.
    function test_revoke_needsNoRole() public {
        bytes32[3] memory made;
        for (uint256 i; i < 3; ++i) {
            made[i] = _attest(1, _audit());
        }
        vm.prank(address(timelock));
        membership.revokeRole(1, IMembership.Role.Auditor);
        _revokeAs(_account(1), made[0]);
        _suspendMember(1);
        _revokeAs(_account(1), made[1]);
        vm.prank(_account(1));
        membership.leave();
        _revokeAs(_account(1), made[2]);
    }

    function _revokeAs(address account, bytes32 attestationId) private {
        vm.prank(account);
        attestations.revoke(attestationId, "reason");
        vm.assertTrue(attestations.attestation(attestationId).revoked);
    }

    /// @dev After a recovery the new account takes back, the lost one does not, neither by call nor by signature.
    function test_revoke_followsARecovery() public {
        bytes32 made = _attest(1, _audit());
        address account = vm.addr(0xFACADE);
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.recover(1, account);
        }
        vm.warp(START + 7 days);
        membership.finishRecovery(1);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsNotAttester.selector, made, _account(1)));
        attestations.revoke(made, 0);
        bytes memory signature = _signedRevocation(made, 0, _bound(1, START + 8 days));
        vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsSignatureInvalid.selector));
        attestations.revokeBySignature(made, 0, START + 8 days, signature);
        vm.assertTrue(attestations.isLive(made));
        _revokeAs(account, made);
    }

    // -------------------------------------------------------------------------------------------------------- signatures

    function _bound(uint256 id, uint256 deadline) private view returns (Bound memory) {
        return Bound(_accountKey(id), address(attestations), block.chainid, attestations.nonces(_account(id)), deadline);
    }

    function _signedStatement(IAttestations.Statement memory said, Bound memory to) private returns (bytes memory) {
        return _signedFor(
            to,
            keccak256(
                abi.encode(
                    ATTEST, said.kind, said.passed, said.expiry, said.subject, said.document, to.nonce, to.deadline
                )
            )
        );
    }

    function _signedRevocation(bytes32 attestationId, bytes32 reason, Bound memory to) private returns (bytes memory) {
        return _signedFor(to, keccak256(abi.encode(REVOKE, attestationId, reason, to.deadline)));
    }

    function _signedFor(Bound memory to, bytes32 structHash) private returns (bytes memory signature) {
        uint256 here = block.chainid;
        vm.chainId(to.chain);
        signature = _sign(to.key, _domain("AI Commons Attestations", "1", to.contractAt), structHash);
        vm.chainId(here);
    }

    /// @dev Anybody brings a signed statement; it is the signer's, and its nonce is gone.
    function test_attestBySignature_isTheSigners(address relayer, bytes32 subject, bytes32 document) public {
        vm.assume(subject != 0 && document != 0 && relayer != address(forwarder));
        IAttestations.Statement memory said = _audit();
        (said.subject, said.document) = (subject, document);
        bytes memory signature = _signedStatement(said, _bound(1, DEADLINE));
        vm.warp(DEADLINE);
        vm.prank(relayer);
        bytes32 made = attestations.attestBySignature(said, _account(1), DEADLINE, signature);
        vm.assertEq(attestations.attestation(made).attester, 1);
        vm.assertEq(attestations.nonces(_account(1)), 1);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsSignatureInvalid.selector));
        attestations.attestBySignature(said, _account(1), DEADLINE, signature);
    }

    /// @dev Rows: signed by another key, for another contract, chain, nonce or deadline; then every field changed by itself.
    function test_attestBySignature_isBoundToEverything() public {
        string[5] memory rows = ["signer", "contract", "chain", "nonce", "deadline"];
        for (uint256 row; row < rows.length; ++row) {
            Bound memory to = _bound(1, DEADLINE);
            if (row == 0) to.key = _accountKey(2);
            if (row == 1) to.contractAt = address(data);
            if (row == 2) ++to.chain;
            if (row == 3) ++to.nonce;
            if (row == 4) ++to.deadline;
            _expectInvalid(_audit(), _signedStatement(_audit(), to), rows[row]);
        }
        bytes memory signature = _signedStatement(_audit(), _bound(1, DEADLINE));
        string[5] memory fields = ["kind", "passed", "expiry", "subject", "document"];
        for (uint256 field; field < fields.length; ++field) {
            IAttestations.Statement memory said = _audit();
            if (field == 0) said.kind = IAttestations.Kind.Accreditation;
            if (field == 1) said.passed = false;
            if (field == 2) ++said.expiry;
            if (field == 3) said.subject = "other";
            if (field == 4) said.document = "other";
            _expectInvalid(said, signature, fields[field]);
        }
        attestations.attestBySignature(_audit(), _account(1), DEADLINE, signature);
    }

    function _expectInvalid(IAttestations.Statement memory said, bytes memory signature, string memory row) private {
        try attestations.attestBySignature(said, _account(1), DEADLINE, signature) {
            vm.assertTrue(false, row);
        } catch (bytes memory error) {
            bytes memory expected = abi.encodeWithSelector(IAttestations.AttestationsSignatureInvalid.selector);
            vm.assertEq(keccak256(error), keccak256(expected), row);
        }
        vm.assertEq(attestations.nonces(_account(1)), 0, row);
        vm.assertEq(attestations.countOf(1), 0, row);
    }

    /// @dev No bytes stand for the account zero, and no rubbish for anybody.
    function test_attestBySignature_failsOnRubbish(bytes memory signature, uint256 id) public {
        address account = id % 2 == 0 ? address(0) : _account(1);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsSignatureInvalid.selector));
        attestations.attestBySignature(_audit(), account, DEADLINE, signature);
    }

    /// @dev What the signer may not say by a call it may not say by a signature.
    function test_attestBySignature_givesNoRights() public {
        bytes memory signature = _signedStatement(_audit(), _bound(3, DEADLINE));
        vm.expectRevert(
            abi.encodeWithSelector(IAttestations.AttestationsRoleMissing.selector, uint256(3), IAttestations.Kind.Audit)
        );
        attestations.attestBySignature(_audit(), _account(3), DEADLINE, signature);
        signature = _signedStatement(_audit(), _bound(77, DEADLINE));
        vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsNotMember.selector, _account(77)));
        attestations.attestBySignature(_audit(), _account(77), DEADLINE, signature);
    }

    function test_bySignature_failsAfterTheDeadline(uint64 late) public {
        bytes32 made = _attest(1, _audit());
        bytes memory signature = _signedStatement(_audit(), _bound(1, DEADLINE));
        bytes memory revocation = _signedRevocation(made, 0, _bound(1, DEADLINE));
        vm.warp(_between(late, DEADLINE + 1, START + 80 days));
        bytes memory error = abi.encodeWithSelector(IAttestations.AttestationsDeadlinePassed.selector, DEADLINE);
        vm.expectRevert(error);
        attestations.attestBySignature(_audit(), _account(1), DEADLINE, signature);
        vm.expectRevert(error);
        attestations.revokeBySignature(made, 0, DEADLINE, revocation);
    }

    /// @dev Rows: another signer, contract, chain, deadline, statement or reason; what fits works once.
    function test_revokeBySignature_isBoundToEverything(bytes32 reason) public {
        bytes32 made = _attest(1, _audit());
        bytes32 other = _attest(1, _audit());
        string[6] memory rows = ["signer", "contract", "chain", "deadline", "statement", "reason"];
        for (uint256 row; row < rows.length; ++row) {
            Bound memory to = _bound(1, DEADLINE);
            if (row == 0) to.key = _accountKey(2);
            if (row == 1) to.contractAt = address(data);
            if (row == 2) ++to.chain;
            if (row == 3) ++to.deadline;
            bytes32 words = row == 5 ? ~reason : reason;
            bytes memory wrong = _signedRevocation(row == 4 ? other : made, words, to);
            vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsSignatureInvalid.selector));
            attestations.revokeBySignature(made, reason, DEADLINE, wrong);
            vm.assertTrue(attestations.isLive(made), rows[row]);
        }
        bytes memory signature = _signedRevocation(made, reason, _bound(1, DEADLINE));
        vm.expectEmit(address(attestations));
        emit IAttestations.AttestationRevoked(made, 1, reason);
        attestations.revokeBySignature(made, reason, DEADLINE, signature);
        vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsAlreadyRevoked.selector, made));
        attestations.revokeBySignature(made, reason, DEADLINE, signature);
    }

    /// @dev A second contract of the same kind takes nothing that was signed for the first.
    function test_bySignature_countsAtOneContractOnly() public {
        bytes memory signature = _signedStatement(_audit(), _bound(1, DEADLINE));
        Attestations second = new Attestations(membership, _authority());
        vm.expectRevert(abi.encodeWithSelector(IAttestations.AttestationsSignatureInvalid.selector));
        second.attestBySignature(_audit(), _account(1), DEADLINE, signature);
    }
}
