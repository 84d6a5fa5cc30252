// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAttestations} from "../../src/interfaces/IAttestations.sol";
import {IMembership} from "../../src/interfaces/IMembership.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Absence, RunSpec} from "../../src/types/RunTypes.sol";
import {RunTest} from "../base/RunTest.sol";

/// @notice Plays solvers, owners, honest and tied auditors, voters and buyers over a few models. It keeps its own book of
/// who said what, who may say it, who has a tie and what was paid, and decides from that alone whether a rule broke.
contract ModelsHandler is RunTest {
    uint256 private constant SEATS = 7;
    uint256 private constant FIRST_AUDITOR = SEATS + 3;
    uint256 private constant AUDITORS = 3;
    uint256 private constant MOST_MODELS = 2;
    address private constant BUYER = address(0xB0E2);

    /// @dev What somebody said; a ghost of the contract's record.
    struct Said {
        bytes32 id;
        uint256 attester;
        bytes32 subject;
        bool counts;
        uint256 madeAt;
        uint256 expiry;
        bool revoked;
    }

    // Rules.
    bool public releasedUnaudited;
    bool public releasedEarly;
    bool public releasedHarmful;
    bool public movedByOthers;
    bool public edgesHeld = true;
    bool public overpaid;

    // How often the walk got somewhere.
    uint256 public releases;
    uint256 public refusals;
    uint256 public claims;

    bytes32[] public modelIds;
    mapping(bytes32 modelId => uint256) public seatsOf;
    mapping(bytes32 modelId => uint256) public paid;
    mapping(bytes32 modelId => mapping(uint256 id => uint256)) public claimedBy;
    mapping(bytes32 modelId => IModelRegistry.ModelState) private _states;
    mapping(bytes32 modelId => uint256) private _clearedAt;
    mapping(bytes32 modelId => uint256) private _askedAt;
    mapping(uint256 id => bool) private _hasRole;
    mapping(uint256 id => bool) private _suspended;
    Said[] private _book;

    constructor() {
        super.setUp();
        _prepare(SEATS);
        _admit(FIRST_AUDITOR, FIRST_AUDITOR + AUDITORS - 1);
        for (uint256 i; i < AUDITORS; ++i) {
            _setRole(FIRST_AUDITOR + i, true);
        }
        _setRole(1, true);
        _setRole(owner, true);
        vm.deal(BUYER, type(uint128).max);
        vm.prank(BUYER);
        vault.deposit{value: type(uint128).max}(address(0), type(uint128).max);
    }

    function setUp() public override {}

    function registry() external view returns (IModelRegistry) {
        return models;
    }

    function money() external view returns (IVault) {
        return vault;
    }

    function creditOfRegistry() external view returns (uint256) {
        return vault.balanceOf(address(models), 0);
    }

    function count() external view returns (uint256) {
        return modelIds.length;
    }

    function members() external pure returns (uint256) {
        return FIRST_AUDITOR + AUDITORS - 1;
    }

    // ----------------------------------------------------------------------------------------------------------- models

    /// @notice A run of one round, completed or cancelled after its second round was agreed, and its model.
    function makeModel(uint256 word) external {
        if (modelIds.length == MOST_MODELS) return;
        uint256 n = _between(word, 3, SEATS);
        RunSpec memory spec = _specOf(word);
        if (!problems.isOpen(spec.problem) || !_allMayAct(n)) return;
        _open(spec);
        for (uint256 id = 1; id <= n; ++id) {
            consentOf[id] = _give(id, id);
            _enrol(id, Absence.Wait);
        }
        _close();
        for (uint256 id = 1; id <= n; ++id) {
            _ack(id);
        }
        _round(n, 0, "initial");
        _endRun(n, word >> 80);
        vm.prank(_account(_between(word >> 88, 1, n)));
        modelIds.push(models.register(runId, "model card", _state("first"), 0));
        seatsOf[runId] = n;
        _follow();
    }

    function _specOf(uint256 word) private view returns (RunSpec memory spec) {
        spec = _spec(3, 48);
        spec.salt = keccak256(abi.encode(word, modelIds.length));
        spec.enrolUntil = uint64(vm.getBlockTimestamp() + 1);
        spec.solverShares = uint32(_between(word >> 16, 0, 1_000_000));
        spec.ownerShares = uint32(_between(word >> 48, 0, 1_000_000 - spec.solverShares));
    }

    function _allMayAct(uint256 n) private view returns (bool) {
        for (uint256 id = 1; id <= n; ++id) {
            if (_suspended[id]) return false;
        }
        return !_suspended[solver];
    }

    function _endRun(uint256 n, uint256 word) private {
        if (word % 2 == 0) return _finish(n, 0, "first");
        _submitAll(n, 1, "first");
        vm.prank(_account(solver));
        runs.cancel(runId);
    }

    // ------------------------------------------------------------------------------------------------------- statements

    /// @notice An auditor, tied or not, says something of a model, mostly good, or takes it back.
    function attest(uint256 word) external {
        if (modelIds.length == 0) return;
        if (word % 8 == 0 && _book.length != 0) return _takeBack(_book[(word >> 8) % _book.length]);
        IAttestations.Statement memory said = IAttestations.Statement({
            kind: (word >> 32) % 8 == 0 ? IAttestations.Kind.Course : IAttestations.Kind.Audit,
            passed: (word >> 40) % 8 != 0,
            expiry: uint64(vm.getBlockTimestamp() + 1 + (word >> 48) % 60 days),
            subject: _aModel(word >> 80),
            document: "report"
        });
        _say(_anAuditor(word >> 8), said);
    }

    /// @dev Everybody without a tie, and perhaps somebody with one, whose statement is then the newest.
    function _auditAll(bytes32 modelId, bool tied) private {
        uint64 expiry = uint64(vm.getBlockTimestamp() + 30 days);
        for (uint256 id = FIRST_AUDITOR; id < FIRST_AUDITOR + AUDITORS; ++id) {
            _say(id, IAttestations.Statement(IAttestations.Kind.Audit, true, expiry, modelId, "report"));
        }
        if (tied) _say(1, IAttestations.Statement(IAttestations.Kind.Audit, true, expiry, modelId, "report"));
    }

    function _say(uint256 id, IAttestations.Statement memory said) private {
        bool counts = said.passed && said.kind == IAttestations.Kind.Audit;
        vm.prank(_account(id));
        try attestations.attest(said) returns (bytes32 made) {
            _book.push(Said(made, id, said.subject, counts, vm.getBlockTimestamp(), said.expiry, false));
        } catch {}
    }

    function _takeBack(Said storage said) private {
        if (said.revoked) return;
        vm.prank(_account(said.attester));
        attestations.revoke(said.id, 0);
        said.revoked = true;
    }

    /// @notice Votes give and take roles, registrars suspend and reinstate; time passes.
    function disturb(uint256 word) external {
        vm.warp(vm.getBlockTimestamp() + word % 3 days);
        uint256 id = _anAuditor(word >> 32);
        if ((word >> 64) % 4 == 0 && !_suspended[id]) return _setRole(id, (word >> 72) % 4 != 0);
        if ((word >> 64) % 8 != 1) return;
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            if (_suspended[id]) membership.reinstate(id);
            else membership.suspend(id);
        }
        _suspended[id] = !_suspended[id];
    }

    function _setRole(uint256 id, bool holds) private {
        if (_hasRole[id] == holds) return;
        vm.prank(address(timelock));
        if (holds) membership.grantRole(id, IMembership.Role.Auditor);
        else membership.revokeRole(id, IMembership.Role.Auditor);
        _hasRole[id] = holds;
    }

    // ------------------------------------------------------------------------------------------------------------ edges

    /// @notice Anybody, a party or a vote tries any edge of any model.
    function move(uint256 word) external {
        if (modelIds.length == 0) return;
        bytes32 modelId = _aModel(word);
        address caller = _anybody(word >> 8);
        uint256 kind = (word >> 72) % 8;
        vm.prank(caller);
        if (kind == 0) _ask(modelId);
        if (kind == 6) _amend(modelId, caller);
        if (kind == 1) {
            try models.suspend(modelId, 0) {
                _checkVote(caller);
            } catch {}
        }
        if (kind > 1 && kind < 5) {
            try models.resume(modelId) {
                _checkVote(caller);
            } catch {}
        }
        if (kind == 5 && (word >> 80) % 16 == 0) {
            try models.withdraw(modelId, 0) {
                if (caller != _account(solver)) _checkVote(caller);
            } catch {}
        }
        _follow();
    }

    /// @notice A model on its way: asked for, cleared and released as soon as somebody thinks it is time; often by two steps at
    /// once, after everybody without a tie said something good, because random order alone releases next to nothing.
    function hurry(uint256 word) external {
        if (modelIds.length == 0) return;
        bytes32 modelId = _aModel(word);
        if ((word >> 64) % 2 == 0) _auditAll(modelId, (word >> 80) % 2 == 0);
        _stride(modelId, _shown(word >> 8, modelId));
        if ((word >> 72) % 2 == 0) _stride(modelId, _shown(word >> 8, modelId));
    }

    function _stride(bytes32 modelId, bytes32[] memory audits) private {
        IModelRegistry.ModelState state = _states[modelId];
        vm.prank(_account(solver));
        if (state == IModelRegistry.ModelState.Draft) {
            _ask(modelId);
        } else if (state == IModelRegistry.ModelState.InAudit) {
            try models.clear(modelId, audits) {
                _checkShown(modelId, audits);
                _clearedAt[modelId] = vm.getBlockTimestamp();
            } catch {
                ++refusals;
            }
        } else {
            _release(modelId, audits, state);
        }
        _follow();
    }

    function _ask(bytes32 modelId) private {
        try models.requestAudit(modelId) {
            _askedAt[modelId] = vm.getBlockTimestamp();
        } catch {}
    }

    function _amend(bytes32 modelId, address caller) private {
        try models.amend(modelId, "amended", 0) {
            if (caller != _account(solver)) movedByOthers = true;
            _askedAt[modelId] = vm.getBlockTimestamp() + 1;
        } catch {}
    }

    function _release(bytes32 modelId, bytes32[] memory audits, IModelRegistry.ModelState state) private {
        try models.release(modelId, audits) {
            ++releases;
            _checkShown(modelId, audits);
            if (vm.getBlockTimestamp() < _clearedAt[modelId] + AUDIT_DELAY) releasedEarly = true;
            if (state == IModelRegistry.ModelState.Suspended) releasedHarmful = true;
        } catch {
            ++refusals;
        }
    }

    /// @dev Any statements at all, or those that count in the book, with or without a look at ties.
    function _shown(uint256 word, bytes32 modelId) private view returns (bytes32[] memory audits) {
        audits = new bytes32[](_between(word, 0, 3));
        uint256 filled;
        for (uint256 i = 0; i < _book.length && filled < audits.length; ++i) {
            Said storage said = _book[_book.length - 1 - i];
            bool counts = _counts(said, modelId, audits, filled);
            if (word >> 16 & 1 == 1) counts = counts && !_isTied(modelId, said.attester);
            if (counts || (word >> 17) % 8 == 0) audits[filled++] = said.id;
        }
    }

    function _counts(Said storage said, bytes32 modelId, bytes32[] memory before, uint256 filled)
        private
        view
        returns (bool)
    {
        for (uint256 i; i < filled; ++i) {
            if (_saidAs(before[i]).attester == said.attester) return false;
        }
        bool mayAct = _hasRole[said.attester] && !_suspended[said.attester];
        bool isLive = mayAct && !said.revoked && vm.getBlockTimestamp() < said.expiry;
        return isLive && said.counts && said.subject == modelId && said.madeAt >= _askedAt[modelId];
    }

    function _isTied(bytes32 modelId, uint256 id) private view returns (bool) {
        return id <= seatsOf[modelId] || id == owner || id == solver;
    }

    /// @dev What was accepted has to be enough by the handler's own book.
    function _checkShown(bytes32 modelId, bytes32[] memory audits) private {
        for (uint256 i; i < audits.length; ++i) {
            Said storage said = _saidAs(audits[i]);
            if (!_counts(said, modelId, audits, i) || _isTied(modelId, said.attester)) releasedUnaudited = true;
        }
        if (audits.length < AUDITS) releasedUnaudited = true;
    }

    function _saidAs(bytes32 id) private view returns (Said storage) {
        for (uint256 i; i < _book.length; ++i) {
            if (_book[i].id == id) return _book[i];
        }
        revert();
    }

    function _checkVote(address caller) private {
        if (caller != address(timelock)) movedByOthers = true;
    }

    function _follow() private {
        for (uint256 i; i < modelIds.length; ++i) {
            bytes32 modelId = modelIds[i];
            IModelRegistry.ModelState state = models.model(modelId).state;
            if (state != _states[modelId] && !_isEdge(uint8(_states[modelId]), uint8(state))) edgesHeld = false;
            _states[modelId] = state;
        }
    }

    function _isEdge(uint8 from, uint8 to) private pure returns (bool) {
        if (to == 6) return from != 0;
        if (to == 5) return from >= 2 && from <= 4;
        if (from == 5) return to >= 2 && to <= 4;
        return to == from + 1;
    }

    // ---------------------------------------------------------------------------------------------------------- revenue

    /// @notice Somebody buys.
    function pay(uint256 word) external {
        if (modelIds.length == 0) return;
        uint256 amount = _between(word >> 8, 1, (word >> 128) % 2 == 0 ? 9 : 1e18);
        vm.prank(BUYER);
        models.pay(_aModel(word), address(0), amount);
        paid[_aModel(word)] += amount;
    }

    /// @notice Anybody claims anybody's part.
    function claim(uint256 word) external {
        if (modelIds.length == 0) return;
        (bytes32 modelId, uint256 id) = (_aModel(word), _between(word >> 8, 1, FIRST_AUDITOR));
        address caller = (word >> 64) % 4 == 0 ? BUYER : _account(id);
        uint256 before = vault.balanceOf(_account(id), 0);
        vm.prank(caller);
        try models.claim(modelId, address(0), id) {
            claimedBy[modelId][id] += vault.balanceOf(_account(id), 0) - before;
            if (caller == BUYER) movedByOthers = true;
            if (claimedBy[modelId][id] > paid[modelId] * models.sharesOf(modelId, id) / 1_000_000) overpaid = true;
            ++claims;
        } catch {}
    }

    // ------------------------------------------------------------------------------------------------------------- pick

    function _aModel(uint256 word) private view returns (bytes32) {
        return modelIds[(word & 0xff) % modelIds.length];
    }

    /// @dev Mostly independent ones.
    function _anAuditor(uint256 word) private view returns (uint256) {
        uint256 pick = word % (AUDITORS + 2);
        return pick < AUDITORS ? FIRST_AUDITOR + pick : pick == AUDITORS ? 1 : owner;
    }

    function _anybody(uint256 word) private view returns (address) {
        if (word % 3 == 0) return address(timelock);
        return word % 3 == 1 ? _account(solver) : _account(_between(word >> 8, 1, FIRST_AUDITOR));
    }
}
