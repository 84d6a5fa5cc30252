// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DataRegistry} from "../src/DataRegistry.sol";
import {IDataRegistry} from "../src/interfaces/IDataRegistry.sol";
import {CommonsTest} from "./base/CommonsTest.sol";

contract DataRegistryTest is CommonsTest {
    uint64 private constant EXPIRY = uint64(START + 365 days);

    function setUp() public override {
        super.setUp();
        _admit(1, 2);
    }

    function _signedRevocation(uint256 privateKey, bytes32 consentId, uint256 deadline)
        private
        view
        returns (bytes memory)
    {
        bytes32 kind = keccak256("Revoke(bytes32 consentId,uint256 deadline)");
        bytes32 domain = _domain("AI Commons Data Registry", "1", address(data));
        return _sign(privateKey, domain, keccak256(abi.encode(kind, consentId, deadline)));
    }

    /// @dev Uses a consent as the runs contract would.
    function _use(bytes32 consentId) private returns (uint256 datasetId, uint32 version) {
        vm.prank(address(runs));
        return data.use(consentId, "run", PURPOSE, "problem", 2);
    }

    // -------------------------------------------------------------------------------------------------------- datasets

    function test_list_givesIdsInOrder(bytes32 card, bytes32 policy, bool free, uint256 price) public {
        vm.assume(card != 0 && policy != 0);
        vm.prank(_account(2));
        vm.expectEmit(address(data));
        emit IDataRegistry.Listed(1, 2, card, policy, free, price);
        vm.assertEq(data.list(card, policy, free, price), 1);
        vm.assertEq(_list(1), 2);
        vm.assertEq(data.count(), 2);
        vm.assertEq(data.ownerOf(1), 2);
        IDataRegistry.Dataset memory stored = data.dataset(1);
        vm.assertEq(stored.card, card);
        vm.assertEq(stored.policy, policy);
        vm.assertEq(stored.price, price);
        vm.assertEq(stored.version, 1);
        vm.assertTrue(stored.freeCommons == free);
    }

    function test_list_failsOnBadInput() public {
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotMember.selector, address(this)));
        data.list("card", "policy", true, 0);
        vm.startPrank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryDigestMissing.selector));
        data.list(0, "policy", true, 0);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryDigestMissing.selector));
        data.list("card", 0, true, 0);
        vm.stopPrank();
    }

    function test_publishVersion_appends() public {
        _list(1);
        vm.prank(_account(1));
        vm.expectEmit(address(data));
        emit IDataRegistry.VersionPublished(1, 2, "card", "policy");
        data.publishVersion(1, "card", "policy");
        vm.assertEq(data.dataset(1).version, 2);
    }

    /// @dev Only along Listed ↔ Suspended and → Retired, only by the owner.
    function test_states_moveAlongTheListedEdges() public {
        _list(1);
        vm.startPrank(_account(1));
        data.suspend(1);
        _expectWrongState(IDataRegistry.DatasetState.Suspended);
        data.suspend(1);
        data.resume(1);
        _expectWrongState(IDataRegistry.DatasetState.Listed);
        data.resume(1);
        data.retire(1);
        _expectWrongState(IDataRegistry.DatasetState.Retired);
        data.retire(1);
        _expectWrongState(IDataRegistry.DatasetState.Retired);
        data.resume(1);
        _expectWrongState(IDataRegistry.DatasetState.Retired);
        data.publishVersion(1, "card", "policy");
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        _expectWrongState(IDataRegistry.DatasetState.Retired);
        data.give(terms);
        vm.stopPrank();
    }

    function _expectWrongState(IDataRegistry.DatasetState state) private {
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryWrongState.selector, 1, state));
    }

    function test_dataset_failsForOthers() public {
        _list(1);
        bytes memory error = abi.encodeWithSelector(IDataRegistry.DataRegistryNotOwner.selector, 1, _account(2));
        vm.startPrank(_account(2));
        vm.expectRevert(error);
        data.suspend(1);
        vm.expectRevert(error);
        data.retire(1);
        vm.expectRevert(error);
        data.publishVersion(1, "card", "policy");
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        vm.expectRevert(error);
        data.give(terms);
        vm.stopPrank();
    }

    // --------------------------------------------------------------------------------------------------------- consent

    /// @dev The id covers chain, contract, terms and nonce; equal terms twice are two consents.
    function test_give_computesTheConsentId(bytes32 purpose, uint32 maxUses, uint64 expiry, bytes32 document) public {
        vm.assume(purpose != 0 && maxUses != 0);
        _list(1);
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        (terms.purpose, terms.maxUses, terms.document) = (purpose, maxUses, document);
        terms.expiry = uint64(_between(expiry, START + 1, type(uint64).max - 1));
        for (uint256 nonce; nonce < 2; ++nonce) {
            bytes32 expected = keccak256(abi.encode(block.chainid, address(data), terms, nonce));
            vm.prank(_account(1));
            vm.expectEmit(address(data));
            emit IDataRegistry.ConsentGiven(expected, 1, 1, terms);
            vm.assertEq(data.give(terms), expected);
            vm.assertTrue(data.isLive(expected));
            vm.assertEq(keccak256(abi.encode(data.consent(expected).terms)), keccak256(abi.encode(terms)));
        }
        vm.assertEq(data.consentCount(1), 2);
    }

    function test_give_failsIfTermsAreInvalid() public {
        _list(1);
        for (uint256 row; row < 3; ++row) {
            IDataRegistry.ConsentTerms memory terms = _terms(1);
            if (row == 0) terms.purpose = 0;
            if (row == 1) terms.maxUses = 0;
            if (row == 2) terms.expiry = uint64(START);
            vm.prank(_account(1));
            vm.expectRevert(
                abi.encodeWithSelector(
                    IDataRegistry.DataRegistryTermsInvalid.selector, terms.purpose, terms.expiry, terms.maxUses
                )
            );
            data.give(terms);
        }
    }

    /// @dev Default deny: each row differs from what was permitted in one thing.
    function test_canUse_deniesWhatWasNotPermitted() public {
        _list(1);
        _list(1);
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        (terms.grantee, terms.problem) = (2, "problem");
        vm.prank(_account(1));
        bytes32 consentId = data.give(terms);
        vm.assertTrue(data.canUse(consentId, 1, PURPOSE, "problem", 2));
        vm.assertFalse(data.canUse(bytes32("unknown"), 1, PURPOSE, "problem", 2), "consent");
        vm.assertFalse(data.canUse(consentId, 2, PURPOSE, "problem", 2), "dataset");
        vm.assertFalse(data.canUse(consentId, 1, "other", "problem", 2), "purpose");
        vm.assertFalse(data.canUse(consentId, 1, PURPOSE, "other", 2), "problem");
        vm.assertFalse(data.canUse(consentId, 1, PURPOSE, "problem", 1), "grantee");
        vm.warp(EXPIRY - 1);
        vm.assertTrue(data.canUse(consentId, 1, PURPOSE, "problem", 2), "last second");
        vm.warp(EXPIRY);
        vm.assertFalse(data.canUse(consentId, 1, PURPOSE, "problem", 2), "expired");
    }

    /// @dev Whatever is asked of an unknown consent, the answer is no.
    function test_canUse_deniesTheUnknown(bytes32 consentId, uint256 datasetId, bytes32 purpose, uint256 who)
        public
        view
    {
        vm.assertFalse(data.canUse(consentId, datasetId, purpose, 0, who));
        vm.assertFalse(data.isLive(consentId));
    }

    /// @dev A suspended dataset or holder takes its consents out of use, and gives them back.
    function test_isLive_followsDatasetAndHolder() public {
        _list(1);
        bytes32 consentId = _give(1, 1);
        vm.prank(_account(1));
        data.suspend(1);
        vm.assertFalse(data.isLive(consentId));
        vm.prank(_account(1));
        data.resume(1);
        vm.assertTrue(data.isLive(consentId));
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.suspend(1);
        }
        vm.assertFalse(data.isLive(consentId));
    }

    /// @dev Uses are counted, and the last one is the last.
    function test_use_countsUpToTheMaximum(uint32 maxUses) public {
        maxUses = uint32(_between(maxUses, 1, 5));
        _list(1);
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        terms.maxUses = maxUses;
        vm.prank(_account(1));
        bytes32 consentId = data.give(terms);
        for (uint32 used = 1; used <= maxUses; ++used) {
            vm.expectEmit(address(data));
            emit IDataRegistry.ConsentUsed(consentId, "run", 1, used);
            (uint256 datasetId, uint32 version) = _use(consentId);
            vm.assertEq(datasetId, 1);
            vm.assertEq(version, 1);
        }
        vm.assertTrue(data.isLive(consentId));
        vm.prank(address(runs));
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryUseDenied.selector, consentId));
        data.use(consentId, "run", PURPOSE, "problem", 2);
    }

    function test_use_failsForOthers(address stranger) public {
        vm.assume(stranger != address(runs));
        _list(1);
        bytes32 consentId = _give(1, 1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotRuns.selector, stranger));
        data.use(consentId, "run", PURPOSE, "problem", 2);
    }

    /// @dev Revoking is possible while everything else is suspended, and for a member who left.
    function test_revoke_worksEvenForAMemberWhoLeft() public {
        _list(1);
        bytes32 first = _give(1, 1);
        bytes32 second = _give(1, 1);
        vm.prank(_account(1));
        data.suspend(1);
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.suspend(1);
        }
        vm.prank(_account(1));
        vm.expectEmit(address(data));
        emit IDataRegistry.ConsentRevoked(first, 1);
        data.revoke(first);
        vm.prank(_account(1));
        membership.leave();
        vm.prank(_account(1));
        data.revoke(second);
        vm.assertTrue(data.consent(second).revoked);
    }

    function test_revoke_failsForOthersAndTwice() public {
        _list(1);
        bytes32 consentId = _give(1, 1);
        vm.prank(_account(2));
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotOwner.selector, 1, _account(2)));
        data.revoke(consentId);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryUnknownConsent.selector, bytes32("x")));
        data.revoke("x");
        vm.startPrank(_account(1));
        data.revoke(consentId);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryAlreadyRevoked.selector, consentId));
        data.revoke(consentId);
        vm.stopPrank();
    }

    function test_revokeBySignature_takesTheHoldersSignature(uint256 deadline) public {
        deadline = _between(deadline, START, type(uint256).max - 1);
        _list(1);
        bytes32 consentId = _give(1, 1);
        data.revokeBySignature(consentId, deadline, _signedRevocation(0xACC0001, consentId, deadline));
        vm.assertFalse(data.isLive(consentId));
    }

    /// @dev Rows: another signer, another consent, another deadline, a late one, a garbled one.
    function test_revokeBySignature_failsIfItDoesNotFit() public {
        _list(1);
        bytes32 consentId = _give(1, 1);
        bytes32 other = _give(1, 1);
        bytes[4] memory bad = [
            _signedRevocation(0xACC0002, consentId, START),
            _signedRevocation(0xACC0001, other, START),
            _signedRevocation(0xACC0001, consentId, START + 1),
            bytes("garbled")
        ];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistrySignatureInvalid.selector, consentId));
            data.revokeBySignature(consentId, START, bad[i]);
        }
        bytes memory late = _signedRevocation(0xACC0001, consentId, START - 1);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryDeadlinePassed.selector, START - 1));
        data.revokeBySignature(consentId, START - 1, late);
    }

    // ------------------------------------------------------------------------------------------------------------ bind

    /// @dev Once, by the deployer, to a contract.
    function test_bindRuns_worksOnceForTheDeployer() public {
        DataRegistry fresh = new DataRegistry(membership);
        _expectBindRefused(fresh, _account(1), address(runs));
        _expectBindRefused(fresh, address(this), address(0xdead));
        fresh.bindRuns(address(runs));
        vm.assertEq(fresh.runsContract(), address(runs));
        _expectBindRefused(fresh, address(this), address(problems));
    }

    function _expectBindRefused(DataRegistry fresh, address caller, address target) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryBindRefused.selector, caller, target));
        fresh.bindRuns(target);
    }
}
