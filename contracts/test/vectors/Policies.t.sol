// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DataRegistry} from "../../src/DataRegistry.sol";
import {Membership} from "../../src/Membership.sol";
import {IDataRegistry} from "../../src/interfaces/IDataRegistry.sol";
import {CommonsTest} from "../base/CommonsTest.sol";

/// @notice Holds `DataRegistry.denial` to `vectors/policy/cases.json`, the table that Python's evaluator is held to.
contract PoliciesTest is CommonsTest {
    /// @dev Consents are given so long before the case's moment that none has ended yet.
    uint256 private constant BEFORE = 1 days;

    /// @dev Fields of a case's consent, in the order of their names.
    struct Given {
        bool commercial;
        uint256 dataset;
        bool exists;
        uint256 expiry;
        uint256 grantee;
        uint256 maxUses;
        bytes32 problem;
        bytes32 purposes;
        bool revoked;
        uint256 uses;
    }

    /// @dev Fields of a case's dataset, in the order of their names.
    struct Held {
        bool commercial;
        bool freeCommons;
        bool listed;
        bool ownerActive;
        bytes32 permitted;
        uint256 price;
        bytes32 prohibited;
    }

    /// @dev Fields of what a case asks, in the order of their names.
    struct Wanted {
        bool commercial;
        uint256 dataset;
        uint256 grantee;
        uint256 price;
        bytes32 problem;
        string purpose;
    }

    string[] private _codes;
    uint256 private _banned;

    /// @dev This contract stands for TrainingRuns, so that it can spend uses.
    function setUp() public override {
        vm.warp(START);
        string memory json = _table();
        _codes = vm.parseJsonStringArray(json, ".purposes");
        _banned = vm.parseJsonUint(json, ".banned");
        membership = new Membership(_registrars(), 2, _nobody(), _authority());
        data = new DataRegistry(membership, address(this), _hashes(), _banned, _authority());
        _admit(1, 1);
    }

    function _table() private view returns (string memory) {
        return vm.readFile("../vectors/policy/cases.json");
    }

    function _hashes() private view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](_codes.length);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] = keccak256(bytes(_codes[i]));
        }
    }

    /// @dev Every purpose of the table has the bit at which it stands there.
    function test_purposes_haveTheirPlaces() public view {
        for (uint256 i; i < _codes.length; ++i) {
            (bool known, uint8 bit) = data.purposeBit(keccak256(bytes(_codes[i])));
            vm.assertTrue(known, _codes[i]);
            vm.assertEq(bit, i, _codes[i]);
        }
        vm.assertGe(_codes.length, 138, "purposes");
    }

    /// @dev The first reason of every case is the contract's.
    function test_denial_isTheTables() public {
        uint256 count = vm.parseJsonUint(_table(), ".count");
        vm.assertGe(count, 60, "cases");
        for (uint256 i; i < count; ++i) {
            uint256 before = vm.snapshotState();
            this.checkCase(i);
            vm.revertToState(before);
        }
    }

    /// @notice Checks one case; a call of its own, so that the memory it needs is given back.
    /// @param index Its place in the table
    function checkCase(uint256 index) external {
        string memory json = _table();
        string memory row = string.concat(".cases[", vm.toString(index), "]");
        Given memory given = abi.decode(vm.parseJson(json, string.concat(row, ".consent")), (Given));
        Held memory held = abi.decode(vm.parseJson(json, string.concat(row, ".dataset")), (Held));
        Wanted memory wanted = abi.decode(vm.parseJson(json, string.concat(row, ".use")), (Wanted));
        uint256 moment = vm.parseJsonUint(json, string.concat(row, ".now"));
        vm.warp(moment - BEFORE);
        bytes32 consentId = _prepared(given, held);
        vm.warp(moment);
        vm.assertEq(
            uint256(data.denial(consentId, _use(wanted))),
            vm.parseJsonUint(json, string.concat(row, ".ledgerNumber")),
            vm.parseJsonString(json, string.concat(row, ".name"))
        );
    }

    /// @dev Lists the dataset, gives the consent, spends its uses, and then does what happened to either.
    function _prepared(Given memory given, Held memory held) private returns (bytes32 consentId) {
        vm.prank(_account(1));
        vm.assertEq(data.list(keccak256("card"), keccak256("policy"), _rules(), true, 0), 1, "dataset");
        consentId = keccak256("no consent");
        if (given.exists) consentId = _given(given);
        _settle(given.exists && given.revoked, consentId, held);
    }

    function _given(Given memory given) private returns (bytes32 consentId) {
        IDataRegistry.ConsentTerms memory terms = IDataRegistry.ConsentTerms({
            datasetId: given.dataset,
            purposes: uint256(given.purposes),
            grantee: given.grantee,
            problem: given.problem,
            commercial: given.commercial,
            expiry: uint64(given.expiry),
            maxUses: uint32(given.maxUses),
            document: keccak256("record")
        });
        vm.prank(_account(1));
        consentId = data.give(terms);
        for (uint256 i; i < given.uses; ++i) {
            data.use(consentId, keccak256(abi.encode(i)), _fitting(terms));
        }
    }

    /// @dev A use that the consent allows under rules that allow everything.
    function _fitting(IDataRegistry.ConsentTerms memory terms) private view returns (IDataRegistry.Use memory) {
        uint256 bit;
        while ((terms.purposes & ~_banned) >> bit & 1 == 0) ++bit;
        bytes32 purpose = keccak256(bytes(_codes[bit]));
        return IDataRegistry.Use(terms.datasetId, purpose, terms.problem, terms.grantee, false, 0);
    }

    /// @dev Publishes the case's rules and does what happened to consent, dataset and owner afterwards.
    function _settle(bool revoked, bytes32 consentId, Held memory held) private {
        IDataRegistry.Rules memory rules =
            IDataRegistry.Rules(uint256(held.permitted), uint256(held.prohibited), held.commercial);
        vm.startPrank(_account(1));
        data.publishVersion(1, keccak256("card"), keccak256("policy"), rules, held.freeCommons, held.price);
        if (revoked) data.revoke(consentId);
        if (!held.listed) data.suspend(1);
        vm.stopPrank();
        for (uint256 i; i < 2 && !held.ownerActive; ++i) {
            vm.prank(_registrar(i));
            membership.suspend(1);
        }
    }

    function _use(Wanted memory wanted) private pure returns (IDataRegistry.Use memory) {
        bytes32 purpose = keccak256(bytes(wanted.purpose));
        return
            IDataRegistry.Use(wanted.dataset, purpose, wanted.problem, wanted.grantee, wanted.commercial, wanted.price);
    }
}
