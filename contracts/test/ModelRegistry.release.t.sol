// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IAttestations} from "../src/interfaces/IAttestations.sol";
import {IGoverned} from "../src/interfaces/IGoverned.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {ModelTest} from "./base/ModelTest.sol";
import {LateRuns} from "./doubles/LateRuns.sol";

/// @notice From a draft to a released model and out of use: every edge, and every clause of the gate by itself.
contract ModelRegistryReleaseTest is ModelTest {
    uint8 private constant REFUSED = 0;
    uint256 private constant ACTIONS = 7;

    IModelRegistry private registry;

    function setUp() public override {
        super.setUp();
        _prepareRun();
        registry = models;
    }

    // ------------------------------------------------------------------------------------------------------------ edges

    /// @dev Every action in every state: where it leads, or the named refusal and nothing changed.
    function test_states_moveAlongTheListedEdges() public {
        // Columns: requestAudit, clear, release, suspend, resume, withdraw by a vote, withdraw by the solver.
        uint8[ACTIONS][7] memory edges = [
            [REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED], // None
            [2, REFUSED, REFUSED, REFUSED, REFUSED, 6, 6], // Draft
            [REFUSED, 3, REFUSED, 5, REFUSED, 6, 6], // InAudit
            [REFUSED, REFUSED, 4, 5, REFUSED, 6, 6], // Releasable
            [REFUSED, REFUSED, REFUSED, 5, REFUSED, 6, 6], // Released
            [REFUSED, REFUSED, REFUSED, REFUSED, 4, 6, 6], // Suspended
            [REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED] // Withdrawn
        ];
        for (uint8 state; state < edges.length; ++state) {
            for (uint256 action; action < ACTIONS; ++action) {
                uint256 before = vm.snapshotState();
                _bring(IModelRegistry.ModelState(state));
                _try(IModelRegistry.ModelState(state), action, edges[state][action]);
                vm.revertToState(before);
            }
        }
    }

    function _try(IModelRegistry.ModelState state, uint256 action, uint8 expected) private {
        string memory row = string.concat(vm.toString(uint256(state)), " by action ", vm.toString(action));
        bytes32 was = keccak256(abi.encode(models.model(runId)));
        bytes memory error = _act(action);
        if (expected != REFUSED) {
            vm.assertEq(error.length, 0, row);
            return _assertState(IModelRegistry.ModelState(expected), row);
        }
        vm.assertEq(keccak256(error), keccak256(_refusal(state, action)), row);
        vm.assertEq(keccak256(abi.encode(models.model(runId))), was, row);
    }

    function _refusal(IModelRegistry.ModelState state, uint256 action) private view returns (bytes memory) {
        if (state == IModelRegistry.ModelState.None) {
            return abi.encodeWithSelector(IModelRegistry.ModelRegistryUnknown.selector, runId);
        }
        bool isGate = action == 1 || action == 2;
        return state == IModelRegistry.ModelState.Suspended && isGate
            ? abi.encodeWithSelector(IModelRegistry.ModelRegistryOpenHarm.selector, runId)
            : abi.encodeWithSelector(IModelRegistry.ModelRegistryWrongState.selector, runId, state);
    }

    /// @return error What it reverted with, empty where it did not
    function _act(uint256 action) private returns (bytes memory error) {
        bytes32[] memory audits = _audits(AUDITS);
        bytes memory call = abi.encodeCall(registry.requestAudit, (runId));
        if (action == 1) call = abi.encodeCall(registry.clear, (runId, audits));
        if (action == 2) call = abi.encodeCall(registry.release, (runId, audits));
        if (action == 3) call = abi.encodeCall(registry.suspend, (runId, "harm"));
        if (action == 4) call = abi.encodeCall(registry.resume, (runId));
        if (action > 4) call = abi.encodeCall(registry.withdraw, (runId, "why"));
        vm.prank(action > 2 && action < 6 ? address(timelock) : action == 1 ? STRANGER : _account(solver));
        (bool done, bytes memory answer) = address(registry).call(call);
        return done ? bytes("") : answer;
    }

    /// @dev Suspended goes back to where it came from, with the delay that it had.
    function test_resume_goesBackToWhereItWas() public {
        for (uint8 state = 2; state <= 4; ++state) {
            uint256 before = vm.snapshotState();
            _bring(IModelRegistry.ModelState(state));
            IModelRegistry.Model memory was = models.model(runId);
            vm.startPrank(address(timelock));
            vm.expectEmit(address(models));
            emit IModelRegistry.ModelSuspended(runId, was.state, "harm");
            models.suspend(runId, "harm");
            _assertState(IModelRegistry.ModelState.Suspended, "suspended");
            vm.expectEmit(address(models));
            emit IModelRegistry.ModelResumed(runId, was.state);
            models.resume(runId);
            vm.stopPrank();
            vm.assertEq(keccak256(abi.encode(models.model(runId))), keccak256(abi.encode(was)));
            vm.revertToState(before);
        }
    }

    /// @dev Each edge has its event, with what was there before.
    function test_states_areTold(bytes32 reason) public {
        _register();
        vm.expectEmit(address(models));
        emit IModelRegistry.AuditRequested(runId, 1);
        _requestAudit();
        bytes32[] memory audits = _audits(AUDITS);
        vm.expectEmit(address(models));
        emit IModelRegistry.ModelCleared(runId, uint64(START + AUDIT_DELAY), audits);
        vm.prank(STRANGER);
        models.clear(runId, audits);
        vm.warp(START + AUDIT_DELAY);
        vm.expectEmit(address(models));
        emit IModelRegistry.ModelReleased(runId, solver, audits);
        _release(audits);
        vm.prank(_account(solver));
        vm.expectEmit(address(models));
        emit IModelRegistry.ModelWithdrawn(runId, IModelRegistry.ModelState.Released, reason);
        models.withdraw(runId, reason);
    }

    /// @dev A node acts for its member.
    function test_requestAudit_isTheNodesToo() public {
        _register();
        vm.prank(vm.addr(_nodeKey(3)));
        models.requestAudit(runId);
        _assertState(IModelRegistry.ModelState.InAudit, "asked");
    }

    // ---------------------------------------------------------------------------------------------- card and licence

    /// @dev Whoever registered it, the solver puts card and licence right as long as nobody was shown audits of them.
    function test_amend_putsCardAndLicenceRight(bytes32 card, bytes32 licence, bool isAsked) public {
        vm.assume(card != 0);
        _register();
        if (isAsked) _requestAudit();
        IModelRegistry.Model memory was = models.model(runId);
        uint64 from = isAsked ? uint64(START + 1) : 0;
        vm.expectEmit(address(models));
        emit IModelRegistry.ModelAmended(runId, card, licence, from);
        vm.prank(_account(solver));
        models.amend(runId, card, licence);
        (was.card, was.licence, was.auditsFrom) = (card, licence, from);
        vm.assertEq(keccak256(abi.encode(models.model(runId))), keccak256(abi.encode(was)), "and nothing else");
    }

    /// @dev Rows: a stranger, a participant, the problem's owner, the solver's node, the suspended solver; and no card.
    function test_amend_isTheActiveSolversAlone() public {
        _register();
        address[4] memory callers = [STRANGER, _account(1), _account(owner), vm.addr(_nodeKey(solver))];
        for (uint256 row; row < callers.length; ++row) {
            _expectNotSolver(callers[row]);
        }
        vm.prank(_account(solver));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryCardMissing.selector));
        models.amend(runId, 0, LICENCE);
        _suspendMember(solver);
        _expectNotSolver(_account(solver));
    }

    function _expectNotSolver(address caller) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNotSolver.selector, runId, caller));
        models.amend(runId, "card", LICENCE);
    }

    /// @dev Released, shown or out of use, a model keeps the card that its audits are about.
    function test_amend_failsAfterAudits() public {
        for (uint8 state = uint8(IModelRegistry.ModelState.Releasable); state <= 6; ++state) {
            uint256 before = vm.snapshotState();
            _bring(IModelRegistry.ModelState(state));
            vm.prank(_account(solver));
            vm.expectRevert(
                abi.encodeWithSelector(
                    IModelRegistry.ModelRegistryWrongState.selector, runId, IModelRegistry.ModelState(state)
                )
            );
            models.amend(runId, "card", LICENCE);
            vm.revertToState(before);
        }
    }

    // ---------------------------------------------------------------------------------------------------------- callers

    /// @dev Rows: a stranger, the problem's owner, an auditor, the problem's judge, who is suspended, who left the commons.
    function test_parties_alone_askAndRelease(address stranger) public {
        vm.assume(membership.memberOf(stranger) == 0 && membership.memberOfNodeKey(stranger) == 0);
        vm.assume(stranger != address(forwarder));
        _assumePowerless(stranger);
        _suspendMember(3);
        vm.prank(_account(4));
        membership.leave();
        address[6] memory callers =
            [stranger, _account(owner), _account(FIRST_AUDITOR), _account(JUDGE), _account(3), _account(4)];
        _register();
        _expectNotParticipant(callers, abi.encodeCall(models.requestAudit, (runId)));
        _requestAudit();
        bytes32[] memory audits = _audits(AUDITS);
        models.clear(runId, audits);
        _pass(AUDIT_DELAY);
        _expectNotParticipant(callers, abi.encodeCall(models.release, (runId, audits)));
        _assertState(IModelRegistry.ModelState.Releasable, "not released");
    }

    function _expectNotParticipant(address[6] memory callers, bytes memory call) private {
        for (uint256 i; i < callers.length; ++i) {
            vm.prank(callers[i]);
            (bool done, bytes memory answer) = address(registry).call(call);
            vm.assertFalse(done, vm.toString(i));
            bytes4 error = IModelRegistry.ModelRegistryNotParticipant.selector;
            vm.assertEq(keccak256(answer), keccak256(abi.encodeWithSelector(error, callers[i])), vm.toString(i));
        }
    }

    /// @dev Suspending, resuming and rules are votes; withdrawing is a vote's or the active solver's.
    function test_votes_aloneSuspendResumeAndRule(address stranger, uint16 audits, uint32 delay) public {
        vm.assume(stranger != address(timelock) && stranger != address(forwarder) && stranger != _account(solver));
        _assumePowerless(stranger);
        _bring(IModelRegistry.ModelState.Released);
        bytes memory error = abi.encodeWithSelector(IGoverned.GovernedNotTimelock.selector, stranger);
        vm.startPrank(stranger);
        vm.expectRevert(error);
        models.suspend(runId, 0);
        vm.expectRevert(error);
        models.resume(runId);
        vm.expectRevert(error);
        models.setAuditRules(IModelRegistry.AuditRules(audits, delay));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNotSolver.selector, runId, stranger));
        models.withdraw(runId, 0);
        vm.stopPrank();
        _suspendMember(solver);
        vm.prank(_account(solver));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNotSolver.selector, runId, _account(solver)));
        models.withdraw(runId, 0);
        _assertState(IModelRegistry.ModelState.Released, "nothing changed");
    }

    // -------------------------------------------------------------------------------------------------------- the gate

    /// @dev Each row spoils two good audits in one way; both doors name it, and open again with good ones.
    function test_gate_refusesEachBadAuditByItself() public {
        for (uint256 row; row < 17; ++row) {
            uint256 before = vm.snapshotState();
            _register();
            _requestAudit();
            _expectGate(row);
            vm.revertToState(before);
        }
    }

    function _expectGate(uint256 row) private {
        bytes32[] memory good = _audits(AUDITS);
        (string memory name, bytes32[] memory audits, bytes memory error) = _spoiled(row, good[0]);
        _expectRefused(abi.encodeCall(models.clear, (runId, audits)), error, name);
        models.clear(runId, good);
        _pass(AUDIT_DELAY);
        _expectRefused(abi.encodeCall(models.release, (runId, audits)), error, name);
        _assertState(IModelRegistry.ModelState.Releasable, name);
        _release(good);
        _assertState(IModelRegistry.ModelState.Released, name);
    }

    function _expectRefused(bytes memory call, bytes memory error, string memory name) private {
        vm.prank(_account(solver));
        (bool done, bytes memory answer) = address(registry).call(call);
        vm.assertFalse(done, name);
        vm.assertEq(keccak256(answer), keccak256(error), name);
    }

    /// @dev The first audit shown is good, the second is not, where there is one.
    function _spoiled(uint256 row, bytes32 good) private returns (string memory, bytes32[] memory, bytes memory) {
        if (row < 3) return _few(row, good);
        if (row < 9) return _dead(row, good);
        return _misplaced(row, good);
    }

    function _few(uint256 row, bytes32 good) private returns (string memory, bytes32[] memory, bytes memory) {
        bytes4 missing = IModelRegistry.ModelRegistryAuditsMissing.selector;
        if (row == 0) return ("none", new bytes32[](0), abi.encodeWithSelector(missing, 0, AUDITS));
        if (row == 2) return ("the same auditor twice", _two(good, _auditBy(8)), _invalid(_newest(8)));
        bytes32[] memory one = new bytes32[](1);
        one[0] = good;
        return ("one too few", one, abi.encodeWithSelector(missing, 1, AUDITS));
    }

    function _dead(uint256 row, bytes32 good) private returns (string memory name, bytes32[] memory, bytes memory) {
        if (row == 3) return ("the same audit twice", _two(good, good), _invalid(good));
        if (row == 4) return ("unknown", _two(good, "unknown"), _invalid("unknown"));
        IAttestations.Statement memory said = _said();
        said.expiry = row == 5 ? uint64(START + 1) : said.expiry;
        bytes32 bad = _attest(10, said);
        name = "over";
        vm.warp(START + 1);
        if (row == 6) (name,) = ("taken back", _revoke(bad));
        if (row == 7) (name,) = ("its auditor lost the role", _dismiss());
        if (row == 8) (name,) = ("its auditor was dismissed and is of the ethics board now", _dismiss());
        if (row == 8) vm.prank(address(timelock));
        if (row == 8) membership.grantRole(10, IMembership.Role.EthicsBoard);
        return (name, _two(good, bad), _invalid(bad));
    }

    function _misplaced(uint256 row, bytes32 good)
        private
        returns (string memory name, bytes32[] memory, bytes memory)
    {
        IAttestations.Statement memory said = _said();
        uint256 id = 10;
        if (row == 9) (name, said.kind) = ("an accreditation", IAttestations.Kind.Accreditation);
        if (row == 10) (name, said.passed) = ("not passed", false);
        if (row == 11) (name, said.subject) = ("of another model", ~runId);
        if (row == 12) (name, id) = ("by the solver", solver);
        if (row == 13) (name, id) = ("by the problem's owner", owner);
        if (row == 14) (name, id) = ("by a participant that left", LEFT);
        if (row == 15) (name, id) = ("by the problem's judge", JUDGE);
        if (row == 16) (name, id) = ("by a participant", 1);
        _makeAuditor(id);
        bytes32 bad = _attest(id, said);
        return (name, _two(good, bad), id == 10 ? _invalid(bad) : _conflict(bad, id));
    }

    function _revoke(bytes32 attestationId) private returns (bool) {
        vm.prank(_account(10));
        attestations.revoke(attestationId, 0);
        return true;
    }

    function _dismiss() private returns (bool) {
        vm.prank(address(timelock));
        membership.revokeRole(10, IMembership.Role.Auditor);
        return true;
    }

    function _newest(uint256 id) private view returns (bytes32) {
        uint256 nonce = attestations.countOf(id) - 1;
        return keccak256(abi.encode(block.chainid, address(attestations), id, _said(), nonce));
    }

    function _two(bytes32 first, bytes32 second) private pure returns (bytes32[] memory audits) {
        audits = new bytes32[](2);
        (audits[0], audits[1]) = (first, second);
    }

    function _invalid(bytes32 attestationId) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IModelRegistry.ModelRegistryAuditInvalid.selector, attestationId);
    }

    function _conflict(bytes32 attestationId, uint256 id) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IModelRegistry.ModelRegistryConflict.selector, attestationId, id);
    }

    /// @dev Everybody with a seat has a tie; nobody else.
    function test_gate_refusesEverybodyWithATie(uint256 word) public {
        uint256 id = _between(word, 1, FIRST_AUDITOR);
        if (id == FIRST_AUDITOR) id = JUDGE;
        _makeAuditor(id);
        _register();
        _requestAudit();
        bytes32[] memory audits = _two(_auditBy(FIRST_AUDITOR), _auditBy(id));
        bytes memory error = _conflict(audits[1], id);
        vm.expectRevert(error);
        models.clear(runId, audits);
        for (uint256 auditor = FIRST_AUDITOR; auditor < FIRST_AUDITOR + 3; ++auditor) {
            vm.assertEq(uint256(models.tieOf(runId, auditor)), uint256(IModelRegistry.Tie.None));
        }
    }

    /// @dev Everybody knows a model's id before its run is opened: what auditors say before they are asked says nothing of
    /// card and licence. Both doors refuse it.
    function test_gate_refusesAuditsMadeBeforeTheyWereAskedFor(uint32 early) public {
        uint64 madeAt = uint64(_between(early, START - 10 days, START - 1));
        vm.warp(madeAt);
        bytes32 bad = _auditBy(10);
        vm.warp(START);
        _register();
        _requestAudit();
        bytes32[] memory audits = _two(_auditBy(FIRST_AUDITOR), bad);
        bytes memory error = _tooEarly(bad, madeAt, uint64(START));
        _expectRefused(abi.encodeCall(models.clear, (runId, audits)), error, "clear");
        models.clear(runId, _audits(AUDITS));
        _pass(AUDIT_DELAY);
        _expectRefused(abi.encodeCall(models.release, (runId, audits)), error, "release");
        vm.assertEq(models.model(runId).auditsFrom, START);
    }

    /// @dev Audits are of the card that there was: of the very second in which the solver amends it they do not count either.
    function test_gate_refusesAuditsOfAnotherCard() public {
        _register();
        _requestAudit();
        bytes32[] memory audits = _audits(AUDITS);
        vm.prank(_account(solver));
        models.amend(runId, "card", LICENCE);
        vm.expectRevert(_tooEarly(audits[0], uint64(START), uint64(START + 1)));
        models.clear(runId, audits);
        vm.warp(START + 1);
        models.clear(runId, _audits(AUDITS));
        _assertState(IModelRegistry.ModelState.Releasable, "asked anew");
    }

    function _tooEarly(bytes32 attestationId, uint64 madeAt, uint64 from) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IModelRegistry.ModelRegistryAuditTooEarly.selector, attestationId, madeAt, from);
    }

    /// @dev What the members banned meanwhile is not released, whoever audited it; lifted, it goes on.
    function test_gate_refusesABannedPurpose() public {
        _register();
        _requestAudit();
        bytes32[] memory audits = _audits(AUDITS);
        (, uint8 bit) = data.purposeBit(PURPOSE);
        vm.assertEq(models.model(runId).purpose, bit);
        bytes memory error = abi.encodeWithSelector(IModelRegistry.ModelRegistryPurposeBanned.selector, bit);
        _ban(1 << bit);
        _expectRefused(abi.encodeCall(models.clear, (runId, audits)), error, "clear");
        _ban(~(1 << uint256(bit)) & ((1 << data.purposeCount()) - 1));
        models.clear(runId, audits);
        _pass(AUDIT_DELAY);
        _ban(1 << bit);
        _expectRefused(abi.encodeCall(models.release, (runId, audits)), error, "release");
        _ban(0);
        _release(audits);
    }

    function _ban(uint256 purposes) private {
        vm.prank(address(timelock));
        data.changeBanned(purposes, ~purposes);
    }

    /// @dev More audits than needed are welcome, and each of them is looked at.
    function test_gate_looksAtEveryAuditShown() public {
        _register();
        _requestAudit();
        bytes32[] memory audits = _audits(3);
        vm.prank(_account(10));
        attestations.revoke(audits[2], 0);
        vm.expectRevert(_invalid(audits[2]));
        models.clear(runId, audits);
        audits[2] = _auditBy(10);
        models.clear(runId, audits);
        _assertState(IModelRegistry.ModelState.Releasable, "three");
    }

    /// @dev Not a second before the delay is over.
    function test_release_waitsForTheDelay(uint32 early) public {
        _register();
        _requestAudit();
        bytes32[] memory audits = _audits(AUDITS);
        models.clear(runId, audits);
        uint256[2] memory seconds_ = [_between(early, START, START + AUDIT_DELAY - 1), START + AUDIT_DELAY - 1];
        for (uint256 i; i < seconds_.length; ++i) {
            vm.warp(seconds_[i]);
            vm.prank(_account(solver));
            vm.expectRevert(
                abi.encodeWithSelector(IModelRegistry.ModelRegistryTooEarly.selector, uint64(START + AUDIT_DELAY))
            );
            models.release(runId, audits);
        }
        vm.warp(START + AUDIT_DELAY);
        _release(audits);
    }

    /// @dev An audit that was fine when it was shown and is not when the model is released does not count.
    function test_release_looksAgain() public {
        _register();
        _requestAudit();
        bytes32[] memory audits = _audits(AUDITS);
        models.clear(runId, audits);
        _pass(AUDIT_DELAY);
        _suspendMember(FIRST_AUDITOR + 1);
        vm.prank(_account(solver));
        vm.expectRevert(_invalid(audits[1]));
        models.release(runId, audits);
        audits[1] = _auditBy(FIRST_AUDITOR + 2);
        _release(audits);
    }

    // --------------------------------------------------------------------------------------------------------- consents

    /// @dev What was used while it stood stays used: revoking later, even in the same second, keeps no model back.
    function test_gate_takesConsentsThatWereRevokedLater() public {
        vm.prank(_account(1));
        data.revoke(consentOf[1]);
        _register();
        vm.warp(START + 1);
        vm.prank(_account(3));
        data.revoke(consentOf[3]);
        _requestAudit();
        models.clear(runId, _audits(AUDITS));
        _assertState(IModelRegistry.ModelState.Releasable, "cleared");
    }

    /// @dev A lineage whose consent did not stand when it was used last is refused at both doors.
    function test_gate_refusesAStaleLineage(uint40 word) public {
        uint40 usedAt = uint40(_between(word, 0, START - 1));
        if (word % 2 == 1) usedAt = uint40(_between(word, START + 365 days, START + 4000 days));
        registry = _registryOver(usedAt);
        vm.startPrank(_account(1));
        registry.register(runId, "model card", _state("first"), 0);
        registry.requestAudit(runId);
        vm.stopPrank();
        bytes32[] memory audits = _audits(AUDITS);
        bytes memory error = abi.encodeWithSelector(IModelRegistry.ModelRegistryStale.selector, consentOf[1]);
        vm.expectRevert(error);
        registry.clear(runId, audits);
    }

    /// @dev The second door looks again too: here at a use that was said to be still to come.
    function test_release_refusesALineageThatWentStale() public {
        registry = _registryOver(uint40(START + 30 days));
        vm.startPrank(_account(1));
        registry.register(runId, "model card", _state("first"), 0);
        registry.requestAudit(runId);
        vm.stopPrank();
        bytes32[] memory audits = _audits(AUDITS);
        registry.clear(runId, audits);
        vm.warp(START + AUDIT_DELAY);
        vm.startPrank(_account(3));
        data.revoke(consentOf[3]);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryStale.selector, consentOf[3]));
        registry.release(runId, audits);
        vm.stopPrank();
    }

    function _registryOver(uint40 usedAt) private returns (ModelRegistry) {
        ITrainingRuns late = ITrainingRuns(address(new LateRuns(runs, usedAt)));
        return new ModelRegistry(
            membership,
            problems,
            data,
            late,
            attestations,
            vault,
            IModelRegistry.AuditRules(AUDITS, AUDIT_DELAY),
            _authority()
        );
    }

    // ------------------------------------------------------------------------------------------------------------ rules

    /// @dev The rules of now count, but a delay that began keeps its end.
    function test_setAuditRules_holdsAtOnce(uint32 delay) public {
        _register();
        _requestAudit();
        bytes32[] memory audits = _audits(3);
        models.clear(runId, audits);
        vm.prank(address(timelock));
        vm.expectEmit(address(models));
        emit IModelRegistry.AuditRulesSet(4, delay);
        models.setAuditRules(IModelRegistry.AuditRules(4, delay));
        vm.assertEq(models.auditRules().audits, 4);
        vm.assertEq(models.auditRules().delay, delay);
        vm.assertEq(models.model(runId).releasableAt, START + AUDIT_DELAY);
        _pass(AUDIT_DELAY);
        vm.prank(_account(solver));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryAuditsMissing.selector, 3, 4));
        models.release(runId, audits);
    }

    /// @dev Both doors look at no more audits than a model may need at the most.
    function test_gate_looksAtFewAudits() public {
        _register();
        _requestAudit();
        bytes32[] memory many = new bytes32[](49);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryAuditsTooMany.selector, 49, 48));
        models.clear(runId, many);
    }

    function test_setAuditRules_failsOnBadInput(uint16 word) public {
        uint16 audits = word % 2 == 0 ? 0 : uint16(_between(word, 49, type(uint16).max));
        vm.prank(address(timelock));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryRulesInvalid.selector, audits));
        models.setAuditRules(IModelRegistry.AuditRules(audits, 0));
        vm.assertEq(models.auditRules().audits, AUDITS);
    }
}
