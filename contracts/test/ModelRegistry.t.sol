// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Absence, RunSpec, RunState} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";

/// @notice Where a model comes from, who owns it, and what owners of its data ask.
contract ModelRegistryTest is RunTest {
    bytes32 private constant LICENCE = keccak256("CC-BY-4.0");

    function _complete(uint256 n) private {
        _toOpen(n);
        _round(n, 0, "initial");
        _round(n, 1, "first");
        _finish(n, 1, "second");
    }

    function _register(uint256 id, string memory state) private returns (bytes32) {
        vm.prank(_account(id));
        return models.register(runId, "model card", _state(state), LICENCE);
    }

    function _expectRegisterFails(uint256 id, string memory state, bytes memory error) private {
        vm.prank(_account(id));
        vm.expectRevert(error);
        models.register(runId, "model card", _state(state), LICENCE);
    }

    /// @dev A cheat of the last round stays in the lineage, because its rows are in the sum, and owns nothing.
    function test_register_givesACheatNothing(uint256 word) public {
        uint256 cheat = _between(word, 1, 5);
        _toOpen(5);
        _round(5, 0, "initial");
        _submitAll(5, 1, "first");
        _commitAll(5, 1);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != cheat) _reveal(id, 1, 0);
        }
        _exclude(cheat);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != cheat && _machine().state == RunState.Running) _result(id, 1, 0, "second");
        }
        _register(cheat % 5 + 1, "second");
        vm.assertEq(models.sources(runId).length, 5);
        vm.assertEq(uint256(models.tieOf(runId, cheat)), uint256(IModelRegistry.Tie.Party));
        uint256 total = models.sharesOf(runId, owner) + models.sharesOf(runId, solver);
        for (uint256 id = 1; id <= 5; ++id) {
            vm.assertEq(models.sharesOf(runId, id), id == cheat ? 0 : 212_500);
            total += models.sharesOf(runId, id);
        }
        vm.assertEq(total, 1_000_000);
    }

    /// @dev Lineage and shares follow from the run, whoever of the set registers.
    function test_register_recordsLineageAndShares(uint256 word) public {
        uint256 n = _between(word, 3, 9);
        _complete(n);
        vm.assertEq(_register(_between(word / 7, 1, n), "second"), runId);
        IModelRegistry.Model memory model = models.model(runId);
        vm.assertEq(model.stateDigest, _state("second"));
        vm.assertEq(model.plan, keccak256("plan"));
        vm.assertEq(model.roundsDone, 2);
        vm.assertEq(model.solver, solver);
        vm.assertEq(model.card, "model card");
        vm.assertEq(model.licence, LICENCE);
        vm.assertEq(uint256(model.state), uint256(IModelRegistry.ModelState.Draft));
        IModelRegistry.Source[] memory sources = models.sources(runId);
        vm.assertEq(sources.length, n);
        uint256 total = models.sharesOf(runId, owner) + models.sharesOf(runId, solver);
        for (uint256 i; i < n; ++i) {
            vm.assertEq(sources[i].memberId, i + 1);
            vm.assertEq(sources[i].consentId, consentOf[i + 1]);
            vm.assertEq(sources[i].version, 1);
            vm.assertEq(sources[i].usedAt, START);
            vm.assertEq(uint256(models.tieOf(runId, i + 1)), uint256(IModelRegistry.Tie.Party));
            uint256 dust = i < 850_000 % n ? 1 : 0;
            vm.assertEq(models.sharesOf(runId, i + 1), 850_000 / n + dust);
            total += models.sharesOf(runId, i + 1);
        }
        vm.assertEq(total, 1_000_000);
        vm.assertEq(models.sharesOf(runId, solver), 100_000);
        vm.assertEq(models.sharesOf(runId, owner), 50_000);
    }

    /// @dev Any split of a RunSpec gives exactly 1,000,000 shares, also to a solver who takes part and owns the problem.
    function test_register_sharesSumForEverySplit(uint256 solverShares, uint256 ownerShares) public {
        _prepare(3);
        vm.prank(_account(1));
        problemId = problems.state(keccak256("own problem"), PURPOSE, 0, uint64(START + 30 days));
        (owner, solver) = (1, 1);
        RunSpec memory spec = _spec(3, 3);
        spec.rounds = 1;
        spec.solverShares = uint32(_between(solverShares, 0, 1_000_000));
        spec.ownerShares = uint32(_between(ownerShares, 0, 1_000_000 - spec.solverShares));
        _open(spec);
        for (uint256 id = 1; id <= 3; ++id) {
            _enrol(id, Absence.Wait);
        }
        _close();
        for (uint256 id = 1; id <= 3; ++id) {
            _ack(id);
        }
        _round(3, 0, "initial");
        _finish(3, 0, "first");
        _register(1, "first");
        uint256 total;
        for (uint256 id = 1; id <= 5; ++id) {
            total += models.sharesOf(runId, id);
        }
        vm.assertEq(total, 1_000_000);
        vm.assertGe(models.sharesOf(runId, 1), spec.solverShares + spec.ownerShares, "solver and owner");
    }

    /// @dev A run that ended early keeps the state that its last agreed sid names.
    function test_register_takesTheLastAgreedStateOfAnEndedRun() public {
        _toOpen(5);
        _round(5, 0, "initial");
        _submitAll(5, 1, "first");
        vm.prank(_account(solver));
        runs.cancel(runId);
        _expectRegisterFails(
            1, "initial", abi.encodeWithSelector(IModelRegistry.ModelRegistryStateMismatch.selector, _state("initial"))
        );
        _register(solver, "first");
        vm.assertEq(models.model(runId).roundsDone, 1);
    }

    /// @dev Who left by Exit after a round is a source and owns its part, whatever rounds follow: its data is in that sum.
    function test_register_keepsWhoExitedAfterARound(uint256 word) public {
        uint256 left = _between(word, 1, 5);
        _toOpen(5);
        _round(5, 0, "initial");
        runs.exit(runId, left, 0, _exitSignature(left, 0));
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != left) _submit(id, 1, 0, "first");
        }
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != left) _commit(id, 1, 0);
        }
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != left) _reveal(id, 1, 0);
        }
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != left) _result(id, 1, 0, "second");
        }
        _register(left, "second");
        vm.assertEq(models.sources(runId).length, 5);
        for (uint256 id = 1; id <= 5; ++id) {
            vm.assertEq(models.sources(runId)[id - 1].memberId, id);
            vm.assertEq(models.sharesOf(runId, id), 170_000);
            vm.assertEq(uint256(models.tieOf(runId, id)), uint256(IModelRegistry.Tie.Party));
        }
    }

    /// @dev Who left before its data was in any sum: no lineage, no shares, and no independent audit either.
    function test_register_leavesOutWhoExitedBeforeTheFirstSum() public {
        _toOpen(5);
        vm.prank(_account(2));
        runs.exit(runId, 2, type(uint32).max, _exitSignature(2, type(uint32).max));
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != 2) _submit(id, 0, 0, "initial");
        }
        _commitAll(5, 0);
        _revealAll(5, 0);
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != 2) _submit(id, 1, 0, "first");
        }
        vm.prank(_account(solver));
        runs.cancel(runId);
        _expectRegisterFails(
            2, "first", abi.encodeWithSelector(IModelRegistry.ModelRegistryNotParticipant.selector, _account(2))
        );
        _register(1, "first");
        vm.assertEq(models.sharesOf(runId, 2), 0);
        vm.assertEq(models.sources(runId).length, 4);
        vm.assertEq(uint256(models.tieOf(runId, 2)), uint256(IModelRegistry.Tie.Interested));
    }

    function test_register_failsOnAnotherState() public {
        _complete(3);
        _expectRegisterFails(
            1, "first", abi.encodeWithSelector(IModelRegistry.ModelRegistryStateMismatch.selector, _state("first"))
        );
    }

    function test_register_failsTwice() public {
        _complete(3);
        _register(1, "second");
        _expectRegisterFails(
            2, "second", abi.encodeWithSelector(IModelRegistry.ModelRegistryAlreadyRegistered.selector, runId)
        );
    }

    function test_register_failsForStrangers() public {
        _complete(3);
        bytes memory error =
            abi.encodeWithSelector(IModelRegistry.ModelRegistryNotParticipant.selector, _account(owner));
        _expectRegisterFails(owner, "second", error);
        error = abi.encodeWithSelector(IModelRegistry.ModelRegistryNotParticipant.selector, _account(99));
        _expectRegisterFails(99, "second", error);
    }

    /// @dev Rows: the solver, a participant by account and one by node key, each suspended.
    function test_register_failsForWhoMayNotAct() public {
        _complete(3);
        address[3] memory callers = [_account(solver), _account(1), vm.addr(_nodeKey(2))];
        uint256[3] memory ids = [solver, 1, 2];
        for (uint256 row; row < 3; ++row) {
            _suspendMember(ids[row]);
            vm.prank(callers[row]);
            vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNotParticipant.selector, callers[row]));
            models.register(runId, "garbage", _state("second"), "own terms");
        }
    }

    function test_register_failsWithoutACard() public {
        _complete(3);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryCardMissing.selector));
        models.register(runId, 0, _state("second"), LICENCE);
    }

    /// @dev Rows: unknown run, running run, aborted run.
    function test_register_failsWithoutAnAgreedState() public {
        bytes memory error = abi.encodeWithSelector(IModelRegistry.ModelRegistryNoState.selector, runId);
        vm.expectRevert(error);
        models.register(runId, "model card", 0, 0);
        _toOpen(3);
        _round(3, 0, "initial");
        _submitAll(3, 1, "first");
        error = abi.encodeWithSelector(IModelRegistry.ModelRegistryNoState.selector, runId);
        _expectRegisterFails(1, "first", error);
    }

    function test_register_failsForAnAbortedRun() public {
        _toOpen(3);
        _submitAll(3, 0, "initial");
        vm.prank(_account(solver));
        runs.cancel(runId);
        _expectRegisterFails(1, "initial", abi.encodeWithSelector(IModelRegistry.ModelRegistryNoState.selector, runId));
    }

    // ------------------------------------------------------------------------------------------------------------ wishes

    /// @dev Whoever holds a dataset of the lineage asks, as often as it likes, also after it left.
    function test_ask_emitsTheWish(uint256 word, bytes32 document) public {
        uint256 id = _between(word, 1, 3);
        _complete(3);
        _register(1, "second");
        for (uint256 wish; wish < 2; ++wish) {
            vm.prank(_account(id));
            vm.expectEmit(address(models));
            emit IModelRegistry.Wished(runId, id, IModelRegistry.Wish(wish), document);
            models.ask(runId, id, IModelRegistry.Wish(wish), document);
            if (wish == 0) vm.prank(_account(id));
            if (wish == 0) membership.leave();
        }
    }

    /// @dev The body of an entrusted dataset asks too; its owner still may.
    function test_ask_isTheBodysToo() public {
        _complete(3);
        _register(1, "second");
        vm.prank(_account(2));
        data.entrust(2, address(0xB0D7));
        vm.prank(address(0xB0D7));
        models.ask(runId, 2, IModelRegistry.Wish.Retire, "why");
        vm.prank(_account(2));
        models.ask(runId, 2, IModelRegistry.Wish.Retire, "why");
    }

    function test_ask_failsForOthers(address stranger) public {
        vm.assume(stranger != _account(1) && stranger != address(0));
        _assumePowerless(stranger);
        _complete(3);
        _register(1, "second");
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNotOwner.selector, 1, stranger));
        models.ask(runId, 1, IModelRegistry.Wish.Retrain, "why");
    }

    /// @dev Rows: a dataset that the model did not use, a run without a model, a run that is none.
    function test_ask_failsOutsideTheLineage() public {
        _complete(3);
        bytes4 error = IModelRegistry.ModelRegistryNotInLineage.selector;
        vm.startPrank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(error, runId, 1));
        models.ask(runId, 1, IModelRegistry.Wish.Retrain, "why");
        models.register(runId, "model card", _state("second"), 0);
        uint256 other = data.list("card", "policy", _rules(), true, 0);
        vm.expectRevert(abi.encodeWithSelector(error, runId, other));
        models.ask(runId, other, IModelRegistry.Wish.Retrain, "why");
        vm.expectRevert(abi.encodeWithSelector(error, bytes32("none"), 1));
        models.ask("none", 1, IModelRegistry.Wish.Retrain, "why");
        vm.stopPrank();
    }
}
