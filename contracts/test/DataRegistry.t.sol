// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DataRegistry} from "../src/DataRegistry.sol";
import {IDataRegistry} from "../src/interfaces/IDataRegistry.sol";
import {IGoverned} from "../src/interfaces/IGoverned.sol";
import {CommonsTest} from "./base/CommonsTest.sol";

contract DataRegistryTest is CommonsTest {
    uint64 private constant EXPIRY = uint64(START + 365 days);
    address private constant BODY = address(0xB0D7);

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

    /// @dev The holder's, but for another contract or, with `elsewhere` = 0, for another chain.
    function _revocationFor(address elsewhere, bytes32 consentId, uint256 deadline)
        private
        returns (bytes memory made)
    {
        uint256 chain = block.chainid;
        if (elsewhere == address(0)) vm.chainId(chain + 1);
        bytes32 kind = keccak256("Revoke(bytes32 consentId,uint256 deadline)");
        bytes32 domain = _domain("AI Commons Data Registry", "1", elsewhere == address(0) ? address(data) : elsewhere);
        made = _sign(0xACC0001, domain, keccak256(abi.encode(kind, consentId, deadline)));
        vm.chainId(chain);
    }

    function _wanted() private pure returns (IDataRegistry.Use memory) {
        return IDataRegistry.Use(1, PURPOSE, "problem", 2, false, 0);
    }

    /// @dev Uses a consent as the runs contract would.
    function _use(bytes32 consentId) private returns (uint32 version) {
        vm.prank(address(runs));
        return data.use(consentId, "run", _wanted());
    }

    function _expectDenied(bytes32 consentId, IDataRegistry.Denial denial) private {
        bytes memory error = abi.encodeWithSelector(IDataRegistry.DataRegistryUseDenied.selector, consentId, denial);
        vm.prank(address(runs));
        vm.expectRevert(error);
        data.use(consentId, "run", _wanted());
    }

    // -------------------------------------------------------------------------------------------------------- datasets

    function test_list_givesIdsInOrder(
        bytes32 card,
        bytes32 policy,
        IDataRegistry.Rules memory rules,
        bool free,
        uint256 price
    ) public {
        vm.assume(card != 0 && policy != 0);
        vm.prank(_account(2));
        vm.expectEmit(address(data));
        emit IDataRegistry.Listed(1, 2, card, policy, rules, free, price);
        vm.assertEq(data.list(card, policy, rules, free, price), 1);
        vm.assertEq(_list(1), 2);
        vm.assertEq(data.count(), 2);
        vm.assertEq(data.ownerOf(1), 2);
        IDataRegistry.Dataset memory expected = IDataRegistry.Dataset(
            2, 1, IDataRegistry.DatasetState.Listed, free, price, card, policy, rules, address(0), 0
        );
        vm.assertEq(keccak256(abi.encode(data.dataset(1))), keccak256(abi.encode(expected)));
    }

    function test_list_failsOnBadInput() public {
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotMember.selector, address(this)));
        data.list("card", "policy", _rules(), true, 0);
        vm.startPrank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryDigestMissing.selector));
        data.list(0, "policy", _rules(), true, 0);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryDigestMissing.selector));
        data.list("card", 0, _rules(), true, 0);
        vm.stopPrank();
    }

    /// @dev A version replaces everything that the dataset says of itself, and counts on.
    function test_publishVersion_appends(IDataRegistry.Rules memory rules, bool free, uint256 price) public {
        _list(1);
        vm.prank(_account(1));
        vm.expectEmit(address(data));
        emit IDataRegistry.VersionPublished(1, 2, "card", "policy", rules, free, price);
        data.publishVersion(1, "card", "policy", rules, free, price);
        IDataRegistry.Dataset memory expected = IDataRegistry.Dataset(
            1, 2, IDataRegistry.DatasetState.Listed, free, price, "card", "policy", rules, address(0), 0
        );
        vm.assertEq(keccak256(abi.encode(data.dataset(1))), keccak256(abi.encode(expected)));
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryDigestMissing.selector));
        data.publishVersion(1, 0, "policy", rules, free, price);
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
        data.suspend(1);
        _expectWrongState(IDataRegistry.DatasetState.Retired);
        data.entrust(1, BODY);
        _expectWrongState(IDataRegistry.DatasetState.Retired);
        data.publishVersion(1, "card", "policy", _rules(), true, 0);
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
        data.resume(1);
        vm.expectRevert(error);
        data.retire(1);
        vm.expectRevert(error);
        data.entrust(1, BODY);
        vm.expectRevert(error);
        data.publishVersion(1, "card", "policy", _rules(), true, 0);
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        vm.expectRevert(error);
        data.give(terms);
        vm.stopPrank();
    }

    // -------------------------------------------------------------------------------------------------------- entrusting

    /// @dev Only the body gives; both say no; only the body says yes again.
    function test_entrust_leavesOnlyTheNoToTheOwner(address body) public {
        vm.assume(body != address(0) && body != _account(1) && body != _account(2));
        _list(1);
        vm.prank(_account(1));
        vm.expectEmit(address(data));
        emit IDataRegistry.Entrusted(1, body);
        data.entrust(1, body);
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        bytes memory error = abi.encodeWithSelector(IDataRegistry.DataRegistryEntrusted.selector, 1, body);
        vm.startPrank(_account(1));
        vm.expectRevert(error);
        data.give(terms);
        vm.expectRevert(error);
        data.entrust(1, BODY);
        data.suspend(1);
        vm.expectRevert(error);
        data.resume(1);
        vm.stopPrank();
        vm.startPrank(body);
        data.resume(1);
        bytes32 first = data.give(terms);
        bytes32 second = data.give(terms);
        data.revoke(first);
        data.suspend(1);
        vm.stopPrank();
        vm.startPrank(_account(1));
        data.revoke(second);
        data.retire(1);
        vm.stopPrank();
        vm.assertEq(data.consent(first).revokedAt, START);
        vm.assertEq(data.consent(second).revokedAt, START);
    }

    /// @dev Whoever may say yes has changed: earlier consents are over, later ones live, also after the body gave it back.
    function test_entrust_endsEarlierConsents() public {
        _list(1);
        bytes32 before = _give(1, 1);
        vm.assertTrue(data.isLive(before));
        vm.prank(_account(1));
        data.entrust(1, BODY);
        vm.assertEq(uint8(data.denial(before, _wanted())), uint8(IDataRegistry.Denial.Revoked));
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        vm.startPrank(BODY);
        bytes32 later = data.give(terms);
        data.discharge(1);
        vm.stopPrank();
        vm.assertTrue(data.isLive(later));
        vm.assertFalse(data.isLive(before));
        vm.assertTrue(data.isLive(_give(1, 1)));
    }

    /// @dev Under the body's consents nobody but the body changes policy, card or price.
    function test_publishVersion_isTheBodysAlone() public {
        _list(1);
        vm.startPrank(_account(1));
        data.entrust(1, BODY);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryEntrusted.selector, 1, BODY));
        data.publishVersion(1, "card", "policy", _rules(), true, 0);
        vm.stopPrank();
        vm.prank(BODY);
        data.publishVersion(1, "card", "policy", _rules(), true, 0);
        vm.assertEq(data.dataset(1).version, 2);
    }

    /// @dev What the body gave is held by the dataset's owner, who is named in the event.
    function test_give_byABodyNamesTheOwner() public {
        _list(1);
        vm.prank(_account(1));
        data.entrust(1, BODY);
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        bytes32 expected = keccak256(abi.encode(block.chainid, address(data), terms, 0));
        vm.prank(BODY);
        vm.expectEmit(address(data));
        emit IDataRegistry.ConsentGiven(expected, 1, 1, terms);
        vm.assertEq(data.give(terms), expected);
        vm.assertTrue(data.canUse(expected, _wanted()));
    }

    function test_entrust_failsWithoutABody() public {
        _list(1);
        vm.startPrank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotBody.selector, 1, address(0)));
        data.entrust(1, address(0));
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotBody.selector, 1, _account(1)));
        data.entrust(1, _account(1));
        vm.stopPrank();
    }

    /// @dev Neither the owner nor anybody else ends it; afterwards the owner gives again.
    function test_discharge_isTheBodysAlone(address stranger) public {
        vm.assume(stranger != BODY);
        _assumePowerless(stranger);
        _list(1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotBody.selector, 1, stranger));
        data.discharge(1);
        vm.prank(_account(1));
        data.entrust(1, BODY);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotBody.selector, 1, stranger));
        data.discharge(1);
        vm.prank(BODY);
        vm.expectEmit(address(data));
        emit IDataRegistry.Discharged(1, BODY);
        data.discharge(1);
        vm.assertEq(data.dataset(1).body, address(0));
        _give(1, 1);
    }

    // --------------------------------------------------------------------------------------------------------- consent

    /// @dev The id covers chain, contract, terms and nonce; equal terms twice are two consents.
    function test_give_computesTheConsentId(IDataRegistry.ConsentTerms memory terms) public {
        vm.assume(terms.purposes != 0 && terms.maxUses != 0);
        _list(1);
        terms.datasetId = 1;
        terms.expiry = uint64(_between(terms.expiry, START + 1, type(uint64).max - 1));
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
            if (row == 0) terms.purposes = 0;
            if (row == 1) terms.maxUses = 0;
            if (row == 2) terms.expiry = uint64(START);
            vm.prank(_account(1));
            vm.expectRevert(
                abi.encodeWithSelector(
                    IDataRegistry.DataRegistryTermsInvalid.selector, terms.purposes, terms.expiry, terms.maxUses
                )
            );
            data.give(terms);
        }
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
        _suspendMember(1);
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
            emit IDataRegistry.ConsentUsed(consentId, "run", 1, used, 0);
            vm.assertEq(_use(consentId), 1);
        }
        vm.assertTrue(data.isLive(consentId));
        _expectDenied(consentId, IDataRegistry.Denial.UsesSpent);
    }

    /// @dev The price of a use is the dataset's at that moment; the free commons has none, whatever is written there.
    function test_use_recordsTheAgreedPrice(uint256 price, bool free, uint256 most) public {
        vm.assume(free || most >= price);
        _list(1);
        vm.prank(_account(1));
        data.publishVersion(1, "card", "policy", _rules(), free, price);
        bytes32 consentId = _give(1, 1);
        IDataRegistry.Use memory wanted = _wanted();
        wanted.price = most;
        vm.prank(address(runs));
        vm.expectEmit(address(data));
        emit IDataRegistry.ConsentUsed(consentId, "run", 1, 1, free ? 0 : price);
        vm.assertEq(data.use(consentId, "run", wanted), 2);
    }

    /// @dev New uses are held to the newest rules; what was counted goes on.
    function test_use_followsTheNewestRules() public {
        _list(1);
        bytes32 consentId = _give(1, 1);
        _use(consentId);
        vm.prank(_account(1));
        data.publishVersion(1, "card", "policy", IDataRegistry.Rules(NARROWER_BIT, 0, false), true, 0);
        _expectDenied(consentId, IDataRegistry.Denial.PurposeNotPermitted);
        vm.assertTrue(data.isLive(consentId));
    }

    function test_use_failsForOthers(address stranger) public {
        vm.assume(stranger != address(runs));
        _assumePowerless(stranger);
        _list(1);
        bytes32 consentId = _give(1, 1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryNotRuns.selector, stranger));
        data.use(consentId, "run", _wanted());
    }

    /// @dev Revoking is possible while everything else is suspended, and for a member who left.
    function test_revoke_worksEvenForAMemberWhoLeft() public {
        _list(1);
        bytes32 first = _give(1, 1);
        bytes32 second = _give(1, 1);
        vm.prank(_account(1));
        data.suspend(1);
        _suspendMember(1);
        vm.prank(_account(1));
        vm.expectEmit(address(data));
        emit IDataRegistry.ConsentRevoked(first, 1);
        data.revoke(first);
        vm.prank(_account(1));
        membership.leave();
        vm.prank(_account(1));
        data.revoke(second);
        vm.assertEq(data.consent(second).revokedAt, START);
    }

    // ---------------------------------------------------------------------------------------------------- looking back

    /// @dev A consent stood from its giving up to the second in which it was taken back, at the most to its expiry.
    function test_livedAt_endsWithTheRevocation(uint64 passed, uint64 word) public {
        passed = uint64(_between(passed, 1, 400 days));
        _list(1);
        vm.warp(START + 10);
        bytes32 consentId = _give(1, 1);
        vm.warp(START + 10 + passed);
        vm.prank(_account(1));
        data.revoke(consentId);
        uint64 end = START + 10 + passed < EXPIRY ? uint64(START + 10 + passed) : EXPIRY - 1;
        uint64 time = uint64(_between(word, START + 10, end));
        vm.assertTrue(data.livedAt(consentId, time), "while it stood");
        vm.assertTrue(data.livedAt(consentId, end), "its last second");
        vm.assertFalse(data.livedAt(consentId, end + 1), "after it");
        vm.assertFalse(data.livedAt(consentId, uint64(START + 9)), "before it");
        vm.assertFalse(data.livedAt(bytes32(uint256(word)), time), "unknown");
    }

    /// @dev The first entrusting after a consent ended it, whatever became of the dataset later.
    function test_livedAt_endsWithTheNextEntrusting() public {
        _list(1);
        bytes32 first = _give(1, 1);
        vm.warp(START + 100);
        _entrustAndBack();
        bytes32 second = _give(1, 1);
        vm.warp(START + 200);
        _entrustAndBack();
        vm.assertTrue(data.livedAt(first, uint64(START + 100)));
        vm.assertFalse(data.livedAt(first, uint64(START + 101)));
        vm.assertFalse(data.livedAt(second, uint64(START + 99)));
        vm.assertTrue(data.livedAt(second, uint64(START + 200)));
        vm.assertFalse(data.livedAt(second, uint64(START + 201)));
        vm.assertEq(data.dataset(1).era, 2);
    }

    function _entrustAndBack() private {
        vm.prank(_account(1));
        data.entrust(1, BODY);
        vm.prank(BODY);
        data.discharge(1);
    }

    // ------------------------------------------------------------------------------------------------- banned purposes

    /// @dev What a vote bans is denied from then on, whatever was permitted before; what it lifts can be used again.
    function test_changeBanned_holdsAtOnce(uint256 more, uint256 lifted) public {
        more %= 8;
        uint256 banned = (BANNED_BIT | more) & ~lifted;
        _list(1);
        bytes32 consentId = _give(1, 1);
        vm.prank(address(timelock));
        vm.expectEmit(address(data));
        emit IDataRegistry.BannedSet(banned);
        data.changeBanned(more, lifted);
        vm.assertEq(data.bannedPurposes(), banned);
        if (banned & BIT != 0) _expectDenied(consentId, IDataRegistry.Denial.PurposeBanned);
        else _use(consentId);
        vm.assertTrue(data.isLive(consentId), "runs under way go on");
    }

    /// @dev Two votes that knew nothing of each other both hold, whichever is carried out first.
    function test_changeBanned_undoesNoOtherVote(uint256 first, uint256 second) public {
        vm.startPrank(address(timelock));
        data.changeBanned(first % 8, 0);
        data.changeBanned(second % 8, 0);
        vm.assertEq(data.bannedPurposes(), BANNED_BIT | first % 8 | second % 8);
        data.changeBanned(0, BANNED_BIT);
        vm.assertEq(data.bannedPurposes(), (first % 8 | second % 8) & ~BANNED_BIT);
        vm.stopPrank();
    }

    /// @dev Rows: not the timelock; bits that stand for no purpose.
    function test_changeBanned_failsOnBadInput(address stranger, uint256 banned) public {
        vm.assume(stranger != address(timelock) && stranger != address(forwarder));
        _assumePowerless(stranger);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IGoverned.GovernedNotTimelock.selector, stranger));
        data.changeBanned(banned % 8, 0);
        vm.prank(address(timelock));
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryPurposesInvalid.selector, 3));
        data.changeBanned(_between(banned, 8, type(uint256).max), 0);
        vm.assertEq(data.bannedPurposes(), BANNED_BIT);
    }

    // --------------------------------------------------------------------------------------------------------- revoking

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

    /// @dev Rows: another signer, another consent, another deadline, another contract, another chain, a garbled one; then a late
    /// one, and a good one twice.
    function test_revokeBySignature_isBoundToEverything() public {
        _list(1);
        bytes32 consentId = _give(1, 1);
        bytes32 other = _give(1, 1);
        bytes[6] memory bad = [
            _signedRevocation(0xACC0002, consentId, START),
            _signedRevocation(0xACC0001, other, START),
            _signedRevocation(0xACC0001, consentId, START + 1),
            _revocationFor(address(runs), consentId, START),
            _revocationFor(address(0), consentId, START),
            bytes("garbled")
        ];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistrySignatureInvalid.selector, consentId));
            data.revokeBySignature(consentId, START, bad[i]);
        }
        bytes memory late = _signedRevocation(0xACC0001, consentId, START - 1);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryDeadlinePassed.selector, START - 1));
        data.revokeBySignature(consentId, START - 1, late);
        bytes memory good = _signedRevocation(0xACC0001, consentId, START);
        data.revokeBySignature(consentId, START, good);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryAlreadyRevoked.selector, consentId));
        data.revokeBySignature(consentId, START, good);
    }
}
