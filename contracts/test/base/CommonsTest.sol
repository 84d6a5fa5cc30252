// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Attestations} from "../../src/Attestations.sol";
import {Bonds} from "../../src/Bonds.sol";
import {CommonsGovernor} from "../../src/CommonsGovernor.sol";
import {DataRegistry} from "../../src/DataRegistry.sol";
import {Enrolment} from "../../src/Enrolment.sol";
import {Forwarder} from "../../src/Forwarder.sol";
import {Membership} from "../../src/Membership.sol";
import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {Problems} from "../../src/Problems.sol";
import {Vault} from "../../src/Vault.sol";
import {Verdicts} from "../../src/Verdicts.sol";
import {IBondDebts} from "../../src/interfaces/IBonds.sol";
import {ICommonsGovernor} from "../../src/interfaces/ICommonsGovernor.sol";
import {IDataRegistry} from "../../src/interfaces/IDataRegistry.sol";
import {IMembership} from "../../src/interfaces/IMembership.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {IProblems} from "../../src/interfaces/IProblems.sol";
import {ITrainingRuns} from "../../src/interfaces/ITrainingRuns.sol";
import {Authority} from "../../src/types/Authority.sol";
import {Vm} from "./Vm.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";

/// @notice A deployed commons with three registrars, two of whom have to agree, and members to admit. Member `id` acts
/// through `_account(id)` and signs with `_nodeKey(id)`; both follow from the id, so tests need no bookkeeping.
abstract contract CommonsTest {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 internal constant START = 1_800_000_000;
    bytes32 internal constant PURPOSE = keccak256("DUO:0000042");
    bytes32 internal constant NARROWER = keccak256("DUO:0000007");
    bytes32 internal constant BANNED = keccak256("aic:MilitaryUse");
    /// @dev The purposes' bits, in the order of `_purposes`.
    uint256 internal constant BIT = 1;
    uint256 internal constant NARROWER_BIT = 2;
    uint256 internal constant BANNED_BIT = 4;

    uint48 internal constant VOTE_DELAY = 1 days;
    uint32 internal constant VOTE_PERIOD = 1 weeks;
    uint256 internal constant TIMELOCK_DELAY = 2 days;
    uint32 internal constant CHALLENGE_SECONDS = 3 days;
    uint16 internal constant AUDITS = 2;
    uint32 internal constant AUDIT_DELAY = 7 days;
    /// @dev Place of each contract among those that `setUp` makes, in the order of contracts/DEPLOY.md.
    uint256 private constant TIMELOCK_PLACE = 1;
    uint256 private constant GOVERNOR_PLACE = 3;
    uint256 private constant BONDS_PLACE = 6;
    uint256 private constant PROBLEMS_PLACE = 8;
    uint256 private constant RUNS_PLACE = 10;
    uint256 private constant VERDICTS_PLACE = 11;
    uint256 private constant MODELS_PLACE = 12;

    Forwarder internal forwarder;
    TimelockController internal timelock;
    CommonsGovernor internal commonsGovernor;
    Attestations internal attestations;
    Vault internal vault;
    Bonds internal bonds;
    Membership internal membership;
    Problems internal problems;
    DataRegistry internal data;
    Enrolment internal enrolment;
    ITrainingRuns internal runs;
    Verdicts internal verdicts;
    ModelRegistry internal models;

    function setUp() public virtual {
        vm.warp(START);
        uint256 first = vm.getNonce(address(this));
        Authority memory authority = _authority(first);
        forwarder = new Forwarder();
        timelock =
            new TimelockController(TIMELOCK_DELAY, _only(_at(first + GOVERNOR_PLACE)), _only(address(0)), address(0));
        membership = new Membership(_registrars(), 2, _nobody(), authority);
        commonsGovernor = new CommonsGovernor(
            IVotes(address(membership)), ICommonsGovernor.VoteRules(VOTE_DELAY, VOTE_PERIOD, 10, 2), authority
        );
        attestations = new Attestations(membership, authority);
        vault = new Vault(_controllers(first), authority);
        bonds = new Bonds(vault, IBondDebts(_at(first + RUNS_PLACE)), _at(first + VERDICTS_PLACE), authority);
        data = new DataRegistry(membership, _at(first + RUNS_PLACE), _purposes(), BANNED_BIT, authority);
        problems = new Problems(membership, data, vault, IProblems.ProblemRules(0, CHALLENGE_SECONDS), authority);
        enrolment = new Enrolment(membership, data, problems, bonds, authority);
        address judging = _at(first + VERDICTS_PLACE);
        bytes memory given = abi.encode(membership, data, problems, bonds, enrolment, judging, authority);
        runs = ITrainingRuns(vm.deployCode("TrainingRuns.sol:TrainingRuns", given));
        verdicts = new Verdicts(runs, bonds, authority);
        models = new ModelRegistry(
            membership,
            problems,
            data,
            runs,
            attestations,
            vault,
            IModelRegistry.AuditRules(AUDITS, AUDIT_DELAY),
            authority
        );
    }

    function _authority(uint256 first) private view returns (Authority memory) {
        return Authority(_at(first + TIMELOCK_PLACE), _at(first));
    }

    function _controllers(uint256 first) private view returns (address[] memory controllers) {
        controllers = new address[](3);
        (controllers[0], controllers[1]) = (_at(first + PROBLEMS_PLACE), _at(first + BONDS_PLACE));
        controllers[2] = _at(first + MODELS_PLACE);
    }

    function _at(uint256 nonce) private view returns (address) {
        return vm.computeCreateAddress(address(this), nonce);
    }

    function _only(address account) private pure returns (address[] memory accounts) {
        accounts = new address[](1);
        accounts[0] = account;
    }

    /// @dev Whom a contract of a test's own listens to: those of the commons.
    function _authority() internal view returns (Authority memory) {
        return Authority(address(timelock), address(forwarder));
    }

    /// @dev Keeps a fuzzed caller from being the one admin, or the forwarder, which speaks for others.
    function _assumePowerless(address caller) internal view {
        vm.assume(caller != address(timelock) && caller != address(forwarder) && caller != address(0));
    }

    /// @dev Founders of a commons that begins without members.
    function _nobody() internal pure returns (IMembership.Founder[] memory) {}

    function _registrars() internal pure returns (address[] memory registrars) {
        registrars = new address[](3);
        for (uint256 i; i < 3; ++i) {
            registrars[i] = _registrar(i);
        }
    }

    function _registrar(uint256 index) internal pure returns (address) {
        return address(uint160(0xA0000 + index));
    }

    function _account(uint256 id) internal pure returns (address) {
        return vm.addr(0xACC0000 + id);
    }

    function _nodeKey(uint256 id) internal pure returns (uint256) {
        return 0x2E40000 + id;
    }

    function _apply(uint256 id) internal {
        vm.prank(_account(id));
        membership.applyAs(
            IMembership.Kind.Organisation,
            vm.addr(_nodeKey(id)),
            keccak256(abi.encode("point", id)),
            keccak256(abi.encode("credential", id)),
            keccak256(abi.encode("profile", id))
        );
    }

    function _approve(uint256 id) internal returns (uint256 memberId) {
        vm.prank(_registrar(0));
        membership.admit(_account(id));
        vm.prank(_registrar(1));
        memberId = membership.admit(_account(id));
    }

    /// @dev Admits members `first`..`last`; the ids are given out in that order.
    function _admit(uint256 first, uint256 last) internal {
        for (uint256 id = first; id <= last; ++id) {
            _apply(id);
            vm.assertEq(_approve(id), id);
        }
    }

    function _suspendMember(uint256 id) internal {
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.suspend(id);
        }
    }

    function _purposes() internal pure returns (bytes32[] memory purposes) {
        purposes = new bytes32[](3);
        (purposes[0], purposes[1], purposes[2]) = (PURPOSE, NARROWER, BANNED);
    }

    /// @dev Everything that can be permitted is, so that a test's own rows decide.
    function _rules() internal pure returns (IDataRegistry.Rules memory) {
        return IDataRegistry.Rules(type(uint256).max, 0, true);
    }

    function _list(uint256 id) internal returns (uint256 datasetId) {
        vm.prank(_account(id));
        return data.list(keccak256(abi.encode("card", id)), keccak256(abi.encode("policy", id)), _rules(), true, 0);
    }

    function _terms(uint256 datasetId) internal pure returns (IDataRegistry.ConsentTerms memory) {
        return IDataRegistry.ConsentTerms({
            datasetId: datasetId,
            purposes: BIT,
            grantee: 0,
            problem: 0,
            commercial: false,
            expiry: uint64(START + 365 days),
            maxUses: 3,
            document: keccak256("consent record")
        });
    }

    function _give(uint256 id, uint256 datasetId) internal returns (bytes32 consentId) {
        vm.prank(_account(id));
        return data.give(_terms(datasetId));
    }

    /// @dev Signs an EIP-712 struct hash for a contract of ours.
    function _sign(uint256 privateKey, bytes32 domain, bytes32 structHash) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(privateKey, keccak256(abi.encodePacked("\x19\x01", domain, structHash)));
        return abi.encodePacked(r, s, v);
    }

    function _domain(string memory name, string memory version, address verifying) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                block.chainid,
                verifying
            )
        );
    }

    /// @dev What Foundry calls on a handler in an invariant campaign: these functions and nothing inherited.
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev Maps any word into [low, high].
    function _between(uint256 word, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + word % (high - low + 1);
    }
}
