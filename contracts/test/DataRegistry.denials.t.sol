// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DataRegistry} from "../src/DataRegistry.sol";
import {IDataRegistry} from "../src/interfaces/IDataRegistry.sol";
import {CommonsTest} from "./base/CommonsTest.sol";

/// @notice What the ledger itself denies, row by row and at random against an evaluator that is written a second time here.
contract DataRegistryDenialsTest is CommonsTest {
    struct Case {
        uint256 permitted;
        uint256 prohibited;
        uint256 consented;
        uint8 purpose;
        bool commercialRules;
        bool commercialTerms;
        bool commercialUse;
        uint256 problem;
        uint256 grantee;
        uint256 price;
        uint256 most;
        bool free;
        uint32 spent;
        uint256 asked;
        uint8 death;
    }

    function setUp() public override {
        super.setUp();
        _admit(1, 2);
        _list(1);
        _list(1);
    }

    function _wanted() private pure returns (IDataRegistry.Use memory) {
        return IDataRegistry.Use(1, PURPOSE, "problem", 2, false, 0);
    }

    function _check(bytes32 consentId, IDataRegistry.Use memory wanted, IDataRegistry.Denial expected) private view {
        vm.assertEq(uint256(data.denial(consentId, wanted)), uint256(expected));
        vm.assertTrue(data.canUse(consentId, wanted) == (expected == IDataRegistry.Denial.None));
    }

    // ------------------------------------------------------------------------------------------------------------ rows

    /// @dev Default deny: each row differs from what was permitted in one thing.
    function test_denial_namesWhatWasNotPermitted() public {
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        (terms.grantee, terms.problem, terms.purposes) = (2, "problem", BIT | BANNED_BIT);
        vm.prank(_account(1));
        bytes32 consentId = data.give(terms);
        _check(consentId, _wanted(), IDataRegistry.Denial.None);
        _check("unknown", _wanted(), IDataRegistry.Denial.UnknownConsent);
        IDataRegistry.Use memory wanted = _wanted();
        wanted.datasetId = 2;
        _check(consentId, wanted, IDataRegistry.Denial.OtherDataset);
        wanted = _wanted();
        wanted.purpose = keccak256("dpv:Advertising");
        _check(consentId, wanted, IDataRegistry.Denial.PurposeUnknown);
        wanted.purpose = BANNED;
        _check(consentId, wanted, IDataRegistry.Denial.PurposeBanned);
        wanted.purpose = NARROWER;
        _check(consentId, wanted, IDataRegistry.Denial.PurposeNotConsented);
        wanted = _wanted();
        wanted.problem = "other";
        _check(consentId, wanted, IDataRegistry.Denial.OtherProblem);
        wanted = _wanted();
        wanted.grantee = 1;
        _check(consentId, wanted, IDataRegistry.Denial.OtherGrantee);
        wanted = _wanted();
        wanted.commercial = true;
        _check(consentId, wanted, IDataRegistry.Denial.CommercialNotPermitted);
    }

    /// @dev Rules bind whatever the consent says, and a prohibition wins over a permission.
    function test_denial_followsTheRules() public {
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        terms.commercial = true;
        vm.prank(_account(1));
        bytes32 consentId = data.give(terms);
        _publish(IDataRegistry.Rules(BIT, BIT, true), true, 0);
        _check(consentId, _wanted(), IDataRegistry.Denial.PurposeProhibited);
        _publish(IDataRegistry.Rules(NARROWER_BIT, 0, true), true, 0);
        _check(consentId, _wanted(), IDataRegistry.Denial.PurposeNotPermitted);
        _publish(IDataRegistry.Rules(BIT, 0, false), false, 7);
        IDataRegistry.Use memory wanted = _wanted();
        (wanted.commercial, wanted.price) = (true, 7);
        _check(consentId, wanted, IDataRegistry.Denial.CommercialNotPermitted);
        wanted.commercial = false;
        _check(consentId, wanted, IDataRegistry.Denial.None);
        wanted.price = 6;
        _check(consentId, wanted, IDataRegistry.Denial.PriceTooHigh);
        _publish(IDataRegistry.Rules(BIT, 0, false), true, 7);
        _check(consentId, wanted, IDataRegistry.Denial.None);
    }

    function _publish(IDataRegistry.Rules memory rules, bool free, uint256 price) private {
        vm.prank(_account(1));
        data.publishVersion(1, "card", "policy", rules, free, price);
    }

    /// @dev The last second of a consent is the one before its expiry.
    function test_denial_comesWithTheExpiry(uint64 seconds_) public {
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        terms.expiry = uint64(START + _between(seconds_, 1, 10_000 days));
        vm.prank(_account(1));
        bytes32 consentId = data.give(terms);
        vm.warp(terms.expiry - 1);
        _check(consentId, _wanted(), IDataRegistry.Denial.None);
        vm.warp(terms.expiry);
        _check(consentId, _wanted(), IDataRegistry.Denial.Expired);
    }

    /// @dev Whatever is asked of an unknown consent, the answer is no.
    function test_denial_ofTheUnknown(bytes32 consentId, IDataRegistry.Use memory wanted) public view {
        _check(consentId, wanted, IDataRegistry.Denial.UnknownConsent);
        vm.assertFalse(data.isLive(consentId));
    }

    // -------------------------------------------------------------------------------------------------------- purposes

    function test_purposes_haveTheBitsOfTheirOrder() public view {
        bytes32[] memory purposes = _purposes();
        for (uint256 i; i < purposes.length; ++i) {
            (bool known, uint8 bit) = data.purposeBit(purposes[i]);
            vm.assertTrue(known);
            vm.assertEq(bit, i);
        }
        vm.assertEq(data.purposeCount(), 3);
        vm.assertEq(data.bannedPurposes(), BANNED_BIT);
    }

    function test_purposeBit_ofTheUnknown(bytes32 purpose) public view {
        vm.assume(purpose != PURPOSE && purpose != NARROWER && purpose != BANNED);
        (bool known, uint8 bit) = data.purposeBit(purpose);
        vm.assertFalse(known);
        vm.assertEq(bit, 0);
    }

    /// @dev 256 fit, the last one has bit 255; 257 do not, and none comes twice.
    function test_purposes_fitOneWord() public {
        DataRegistry full = new DataRegistry(membership, address(runs), _many(256), 0, _authority());
        (bool known, uint8 bit) = full.purposeBit(bytes32(uint256(256)));
        vm.assertTrue(known);
        vm.assertEq(bit, 255);
        bytes32[] memory many = _many(257);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryPurposesInvalid.selector, 257));
        new DataRegistry(membership, address(runs), many, 0, _authority());
        many = _many(5);
        many[4] = many[0];
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryPurposesInvalid.selector, 5));
        new DataRegistry(membership, address(runs), many, 0, _authority());
        many = _many(5);
        vm.expectRevert(abi.encodeWithSelector(IDataRegistry.DataRegistryPurposesInvalid.selector, 5));
        new DataRegistry(membership, address(runs), many, 32, _authority());
        full = new DataRegistry(membership, address(runs), _many(256), type(uint256).max, _authority());
        vm.assertEq(full.bannedPurposes(), type(uint256).max);
    }

    function _many(uint256 n) private pure returns (bytes32[] memory purposes) {
        purposes = new bytes32[](n);
        for (uint256 i; i < n; ++i) {
            purposes[i] = bytes32(i + 1);
        }
    }

    // ---------------------------------------------------------------------------------------------------------- random

    /// @dev The denial is the first that applies in the order of the enumeration, whatever else applies too.
    /// forge-config: default.fuzz.runs = 2048
    function test_denial_isTheFirstThatApplies(Case memory c) public {
        (c.permitted, c.consented) = (_mostly(c.permitted), _mostly(c.consented));
        c.prohibited = c.prohibited & c.prohibited >> 8 & c.prohibited >> 16 & 7;
        if (c.consented == 0) c.consented = BIT;
        (c.price, c.most) = (c.price % 4, c.most % 4);
        IDataRegistry.ConsentTerms memory terms = _terms(1);
        (terms.purposes, terms.commercial, terms.maxUses) = (c.consented, c.commercialTerms, 1);
        terms.problem = c.problem % 9 > 2 ? bytes32(0) : bytes32(c.problem % 9);
        terms.grantee = c.grantee % 9 > 2 ? 0 : c.grantee % 9;
        vm.prank(_account(1));
        bytes32 consentId = data.give(terms);
        if (c.spent % 8 == 0) _spend(consentId, terms);
        _publish(IDataRegistry.Rules(c.permitted, c.prohibited, c.commercialRules), c.free, c.price);
        _kill(consentId, c.death % 16);
        IDataRegistry.Use memory wanted = IDataRegistry.Use(
            c.asked % 16 == 0 ? 2 : 1, _purposeAt(c.purpose), bytes32(uint256(1)), 1, c.commercialUse, c.most
        );
        _check(consentId, wanted, _expected(c, terms));
    }

    /// @dev Only registered bits, and mostly set, so that rows that are permitted are not rare.
    function _mostly(uint256 bits) private pure returns (uint256) {
        return (bits | bits >> 8) & 7;
    }

    function _purposeAt(uint8 place) private pure returns (bytes32) {
        bytes32[5] memory purposes = [PURPOSE, PURPOSE, NARROWER, BANNED, keccak256("unknown")];
        return purposes[place % 5];
    }

    function _spend(bytes32 consentId, IDataRegistry.ConsentTerms memory terms) private {
        bytes32 purpose = terms.purposes & BIT != 0 ? PURPOSE : NARROWER;
        if (terms.purposes & (BIT | NARROWER_BIT) == 0) return;
        vm.prank(address(runs));
        data.use(
            consentId,
            "run",
            IDataRegistry.Use(1, purpose, terms.problem, terms.grantee, terms.commercial, type(uint256).max)
        );
    }

    function _kill(bytes32 consentId, uint256 how) private {
        if (how == 1) {
            vm.prank(_account(1));
            data.revoke(consentId);
        } else if (how == 2) {
            vm.warp(START + 365 days);
        } else if (how == 3) {
            vm.prank(_account(1));
            data.suspend(1);
        } else if (how == 4) {
            vm.prank(_account(1));
            membership.leave();
        }
    }

    function _expected(Case memory c, IDataRegistry.ConsentTerms memory terms)
        private
        pure
        returns (IDataRegistry.Denial)
    {
        uint256 how = c.death % 16;
        if (how == 1) return IDataRegistry.Denial.Revoked;
        if (how == 2) return IDataRegistry.Denial.Expired;
        if (how == 3) return IDataRegistry.Denial.DatasetNotListed;
        if (how == 4) return IDataRegistry.Denial.OwnerNotActive;
        if (c.asked % 16 == 0) return IDataRegistry.Denial.OtherDataset;
        bytes32 purpose = _purposeAt(c.purpose);
        uint256 mask = purpose == PURPOSE ? BIT : purpose == NARROWER ? NARROWER_BIT : purpose == BANNED ? 4 : 0;
        if (mask == 0) return IDataRegistry.Denial.PurposeUnknown;
        if (mask == BANNED_BIT) return IDataRegistry.Denial.PurposeBanned;
        if (c.prohibited & mask != 0) return IDataRegistry.Denial.PurposeProhibited;
        if (c.permitted & mask == 0) return IDataRegistry.Denial.PurposeNotPermitted;
        if (c.consented & mask == 0) return IDataRegistry.Denial.PurposeNotConsented;
        if (terms.problem == bytes32(uint256(2))) return IDataRegistry.Denial.OtherProblem;
        if (terms.grantee == 2) return IDataRegistry.Denial.OtherGrantee;
        bool commercial = c.commercialRules && c.commercialTerms;
        if (c.commercialUse && !commercial) return IDataRegistry.Denial.CommercialNotPermitted;
        bool usable = c.consented & (BIT | NARROWER_BIT) != 0;
        if (c.spent % 8 == 0 && usable) return IDataRegistry.Denial.UsesSpent;
        if (!c.free && c.price > c.most) return IDataRegistry.Denial.PriceTooHigh;
        return IDataRegistry.Denial.None;
    }
}
