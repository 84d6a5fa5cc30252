// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataRegistry} from "../src/interfaces/IDataRegistry.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {Absence, Extra, Machine, Phase, Reason, RunState, Seat} from "../src/types/RunTypes.sol";
import {RunTest} from "./base/RunTest.sol";

/// @notice Seats with several datasets: a co-op's node brings those of many sites, each under its own consent. Before the
/// run's first Commit a dead one leaves the others where they are, afterwards the seat is dead as a whole.
contract TrainingRunsCoopsTest is RunTest {
    uint256 private constant MOST = 64;
    bytes32 private constant CARD = "model card";

    /// @dev Every dataset's consent, also of those beside the first.
    mapping(uint256 datasetId => bytes32) private _consents;

    // -------------------------------------------------------------------------------------------------------- enrolment

    /// @dev A further dataset is kept with its version and consent, in the order in which it came; its consent is used.
    function test_bring_keepsWhatItSays() public {
        _begin(3);
        uint256 second = _offer(1);
        uint256 third = _offer(1);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Brought(runId, 1, second, 1, _consents[second]);
        _bring(1, second);
        _bring(1, third);
        Extra[] memory extras = runs.extrasOf(runId, 1);
        vm.assertEq(extras.length, 2);
        vm.assertEq(extras[0].datasetId, second);
        vm.assertEq(extras[0].consentId, _consents[second]);
        vm.assertEq(extras[0].version, 1);
        vm.assertEq(extras[1].datasetId, third);
        vm.assertEq(runs.seatOf(runId, 1).datasetId, 1);
        vm.assertEq(data.consent(_consents[second]).uses, 1);
        vm.assertEq(runs.extrasOf(runId, 2).length, 0);
    }

    /// @dev Whoever may not bring a dataset is refused by name, and nothing is kept.
    function test_bring_refusesEachRowByName() public {
        for (uint256 row; row < 8; ++row) {
            uint256 before = vm.snapshotState();
            _begin(3);
            (string memory name, address caller, uint256 datasetId, bytes32 consentId, bytes memory error) = _wrong(row);
            vm.prank(caller);
            (bool done, bytes memory answer) =
                address(runs).call(abi.encodeCall(runs.bring, (runId, datasetId, consentId)));
            vm.assertFalse(done, name);
            vm.assertEq(keccak256(answer), keccak256(error), name);
            vm.assertEq(runs.extrasOf(runId, 1).length, 0, name);
            vm.revertToState(before);
        }
    }

    function _wrong(uint256 row)
        private
        returns (string memory name, address caller, uint256 datasetId, bytes32 consentId, bytes memory error)
    {
        (caller, datasetId) = (_account(1), _offer(1));
        consentId = _consents[datasetId];
        if (row == 0) return ("a stranger", address(7), datasetId, consentId, _error("member", uint160(7)));
        if (row == 1) return ("no seat", _account(owner), datasetId, consentId, _error("seat", owner));
        if (row == 2) return ("another's dataset", caller, 2, consentOf[2], _error("owner", 2));
        if (row == 3) return ("the first dataset again", caller, 1, consentOf[1], _error("again", 1));
        if (row == 4) {
            _revoke(1, consentId);
            error = abi.encodeWithSelector(
                IDataRegistry.DataRegistryUseDenied.selector, consentId, IDataRegistry.Denial.Revoked
            );
            return ("a dead consent", caller, datasetId, consentId, error);
        }
        if (row == 5) {
            error = abi.encodeWithSelector(
                IDataRegistry.DataRegistryUseDenied.selector, consentOf[1], IDataRegistry.Denial.OtherDataset
            );
            return ("another dataset's consent", caller, datasetId, consentOf[1], error);
        }
        if (row == 6) {
            _pass(1 days);
            return ("too late", caller, datasetId, consentId, _error("late", START + 1 days));
        }
        _close();
        return ("a fixed roster", caller, datasetId, consentId, _error("state", uint256(RunState.Acking)));
    }

    function _error(bytes32 kind, uint256 value) private view returns (bytes memory) {
        if (kind == "member") {
            return abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotMember.selector, address(uint160(value)));
        }
        if (kind == "seat") return abi.encodeWithSelector(ITrainingRuns.TrainingRunsNoSeat.selector, runId, value);
        if (kind == "owner") return abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotOwner.selector, value, 1);
        if (kind == "again") return abi.encodeWithSelector(ITrainingRuns.TrainingRunsAlreadyBrought.selector, value);
        if (kind == "late") return abi.encodeWithSelector(ITrainingRuns.TrainingRunsEnrolment.selector, value);
        return abi.encodeWithSelector(ITrainingRuns.TrainingRunsWrongState.selector, value);
    }

    /// @dev A further dataset is brought once, too.
    function test_bring_refusesADatasetTwice() public {
        _begin(3);
        uint256 extra = _offerAndBring(1);
        vm.prank(_account(1));
        vm.expectRevert(_error("again", extra));
        runs.bring(runId, extra, _consents[extra]);
    }

    /// @dev 64 beside the first, and not one more.
    function test_bring_endsAtTheMost() public {
        _begin(3);
        for (uint256 i; i < MOST; ++i) {
            _offerAndBring(1);
        }
        uint256 extra = _offer(1);
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsTooManyDatasets.selector, 1, MOST));
        runs.bring(runId, extra, _consents[extra]);
    }

    /// @dev To be covered by noise on records is refused by name until there is such noise.
    function test_enrol_refusesCoveredByName() public {
        _prepare(3);
        _open(_spec(3, 48));
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsAbsenceUnavailable.selector, Absence.Covered));
        runs.enrol(runId, 1, consentOf[1], Absence.Covered, "");
    }

    /// @dev No run takes more than 48 organisations: larger terms are refused by the field's name.
    function test_open_refusesMoreThanItsSeats() public {
        _prepare(3);
        vm.prank(_account(solver));
        vm.expectRevert(
            abi.encodeWithSelector(ITrainingRuns.TrainingRunsSpecInvalid.selector, bytes32("maxParticipants"))
        );
        runs.open(_spec(3, 49));
    }

    /// @dev A seat with further datasets keeps its place when its first consent dies; a bare seat does not.
    function test_close_keepsSeatsWithSeveralDatasets() public {
        _begin(4);
        _offerAndBring(1);
        _revoke(1, consentOf[1]);
        _revoke(2, consentOf[2]);
        _close();
        vm.assertEq(runs.seats(runId).length, 3);
        vm.assertEq(runs.seats(runId)[0].memberId, 1);
    }

    // ------------------------------------------------------------------------------------------------ before the first Commit

    /// @dev A seat submits only while all that it brings is permitted, whichever of its datasets it is.
    function test_submit_failsIfAnyConsentIsDead(uint256 word) public {
        uint256[] memory brought = _toRounds(3);
        uint256 dead = brought[_between(word, 0, brought.length - 1)];
        _revoke(1, _consents[dead]);
        bytes32 sid = runs.sidOf(runId, 0, 0, _state("initial"));
        bytes memory signature = _submitSignature(1, sid);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsConsentNotLive.selector, _consents[dead]));
        runs.submit(_key(1, 0, 0), _state("initial"), _header(1, sid), signature);
    }

    /// @dev Any part of the datasets, but not all: they go, the others stay in their order, and the seat stays in the set.
    function test_drop_leavesOutTheDeadDatasets(uint256 word) public {
        uint256[] memory brought = _toRounds(4);
        uint256 dead = _between(word, 1, (1 << brought.length) - 2);
        for (uint256 i; i < brought.length; ++i) {
            if (dead >> i & 1 == 1) _revoke(1, _consents[brought[i]]);
        }
        vm.prank(address(uint160(word)));
        runs.drop(runId, 1);
        uint256[] memory left = _broughtBy(1);
        uint256 at;
        for (uint256 i; i < brought.length; ++i) {
            if (dead >> i & 1 == 0) vm.assertEq(left[at++], brought[i]);
        }
        vm.assertEq(left.length, at);
        vm.assertEq(_machine().set, 15);
        _assertAt(RunState.Running, Phase.Open, 0, 1);
        _submit(1, 0, 1, "initial");
    }

    /// @dev Each dataset that goes is told, the first one too, whose place the next live one takes.
    function test_drop_tellsWhatIsLeftOut() public {
        uint256[] memory brought = _toRounds(3);
        _revoke(1, _consents[brought[0]]);
        _revoke(1, _consents[brought[2]]);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.LeftOut(runId, 1, brought[0], _consents[brought[0]]);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.LeftOut(runId, 1, brought[2], _consents[brought[2]]);
        runs.drop(runId, 1);
        Seat memory seat = runs.seatOf(runId, 1);
        vm.assertEq(seat.datasetId, brought[1]);
        vm.assertEq(seat.consentId, _consents[brought[1]]);
        vm.assertEq(runs.extrasOf(runId, 1).length, 0);
    }

    /// @dev What the seat sent in this attempt is void: it starts again for all, and uses up no attempt.
    function test_drop_startsTheAttemptAgain() public {
        for (uint256 sent; sent <= 4; ++sent) {
            uint256 before = vm.snapshotState();
            uint256[] memory brought = _toRounds(4);
            _submitAll(sent, 0, "initial");
            _revoke(1, _consents[brought[1]]);
            runs.drop(runId, 1);
            _assertAt(RunState.Running, Phase.Open, 0, 1);
            vm.assertEq(_machine().maxAttempts, 4);
            vm.assertEq(_machine().arrived, 0);
            vm.assertEq(_machine().set, 15);
            for (uint256 id = 1; id <= 4; ++id) {
                _submit(id, 0, 1, "initial");
            }
            _assertAt(RunState.Running, Phase.Submitted, 0, 1);
            vm.revertToState(before);
        }
    }

    /// @dev With nothing left the seat goes as any other.
    function test_drop_putsOutASeatOfDeadDatasets() public {
        uint256[] memory brought = _toRounds(4);
        for (uint256 i; i < brought.length; ++i) {
            _revoke(1, _consents[brought[i]]);
        }
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Dropped(runId, 1, _consents[brought[0]]);
        runs.drop(runId, 1);
        vm.assertEq(_machine().set, 14);
    }

    /// @dev A seat whose datasets all live is not dropped, and one that is out already neither.
    function test_drop_refusesLiveSeats() public {
        uint256[] memory brought = _toRounds(4);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsMayNotDrop.selector, 1, _consents[brought[0]]));
        runs.drop(runId, 1);
        _exclude(1);
        _revoke(1, _consents[brought[1]]);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsNotInSet.selector, 1));
        runs.drop(runId, 1);
    }

    /// @dev Nothing is left out before the rounds: an Ack is due of every seat of the roster.
    function test_drop_leavesOutNothingBeforeTheRounds() public {
        _begin(3);
        uint256 extra = _offerAndBring(1);
        _close();
        _revoke(1, _consents[extra]);
        vm.expectRevert(_error("state", uint256(RunState.Acking)));
        runs.drop(runId, 1);
    }

    // ------------------------------------------------------------------------------------------------- after the first Commit

    /// @dev Once the set is fixed a seat is dead as a whole: with Wait it stays, and the run waits for it.
    function test_drop_takesTheSeatAsAWholeAfterTheSetIsFixed() public {
        uint256[] memory brought = _toRounds(4);
        _round(4, 0, "initial");
        _revoke(1, _consents[brought[2]]);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.TrainingRunsMayNotDrop.selector, 1, _consents[brought[0]]));
        runs.drop(runId, 1);
        vm.assertEq(runs.extrasOf(runId, 1).length, 2);
    }

    /// @dev With Exit the Exit that was signed in advance takes effect at once, for all that the seat brings.
    function test_drop_letsTheWholeSeatExit() public {
        _prepare(5);
        _open(_spec(3, 48));
        for (uint256 id = 1; id <= 5; ++id) {
            _enrol(id, Absence.Exit);
        }
        uint256 extra = _offerAndBring(1);
        _closeAndAck(5);
        _round(5, 0, "initial");
        _revoke(1, _consents[extra]);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Exited(runId, 1, ANY_ROUND, "");
        runs.drop(runId, 1);
        vm.assertEq(_machine().set, 30);
        vm.assertEq(runs.extrasOf(runId, 1).length, 1);
    }

    // --------------------------------------------------------------------------------------------------------------- models

    /// @dev Whoever brought a further dataset may ask for it of the model; for what was left out nobody may.
    function test_ask_knowsTheFurtherDatasets() public {
        uint256[] memory brought = _toRounds(4);
        _revoke(1, _consents[brought[1]]);
        runs.drop(runId, 1);
        _secondAttempt(4);
        _submitAll(4, 1, "first");
        vm.prank(_account(solver));
        runs.cancel(runId);
        vm.prank(_account(1));
        models.register(runId, CARD, _state("first"), "licence");
        vm.prank(_account(1));
        models.ask(runId, brought[2], IModelRegistry.Wish.Retrain, "why");
        vm.prank(_account(1));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistryNotInLineage.selector, runId, brought[1]));
        models.ask(runId, brought[1], IModelRegistry.Wish.Retrain, "why");
        vm.assertEq(models.sharesOf(runId, 1), models.sharesOf(runId, 2), "one seat, one share");
    }

    // ------------------------------------------------------------------------------------------------------------------ gas

    /// @dev With the most datasets no call of a seat comes near a block's 30 million.
    /// forge-config: default.isolate = true
    function test_gas_ofTheMostDatasets() public {
        _begin(3);
        uint256 last;
        for (uint256 i; i < MOST; ++i) {
            last = _offerAndBring(1);
        }
        vm.assertLe(vm.lastCallGas().gasTotalUsed, 500_000, "bring");
        vm.snapshotGasLastCall("Coops", "bring the 64th");
        _closeAndAck(3);
        _submit(1, 0, 0, "initial");
        vm.assertLe(vm.lastCallGas().gasTotalUsed, 2_000_000, "submit");
        vm.snapshotGasLastCall("Coops", "submit with 65");
        _revoke(1, consentOf[1]);
        runs.drop(runId, 1);
        vm.assertLe(vm.lastCallGas().gasTotalUsed, 4_000_000, "drop");
        vm.snapshotGasLastCall("Coops", "leave out one of 65");
        vm.assertEq(runs.extrasOf(runId, 1)[MOST - 2].datasetId, last);
    }

    // -------------------------------------------------------------------------------------------------------------- helpers

    function _begin(uint256 n) private {
        _prepare(n);
        _open(_spec(3, 48));
        for (uint256 id = 1; id <= n; ++id) {
            _enrol(id, Absence.Wait);
            _consents[id] = consentOf[id];
        }
    }

    /// @dev From nothing to round 0 with `n` seats, of which the first brings three datasets.
    function _toRounds(uint256 n) private returns (uint256[] memory brought) {
        _begin(n);
        brought = new uint256[](3);
        (brought[0], brought[1], brought[2]) = (1, _offerAndBring(1), _offerAndBring(1));
        _closeAndAck(n);
    }

    function _secondAttempt(uint256 n) private {
        for (uint256 id = 1; id <= n; ++id) {
            _submit(id, 0, 1, "initial");
        }
        for (uint256 id = 1; id <= n; ++id) {
            _commit(id, 0, 1);
        }
        for (uint256 id = 1; id <= n; ++id) {
            _reveal(id, 0, 1);
        }
    }

    function _closeAndAck(uint256 n) private {
        _close();
        for (uint256 id = 1; id <= n; ++id) {
            _ack(id);
        }
    }

    /// @dev Another dataset of a member, with a consent.
    function _offer(uint256 id) private returns (uint256 datasetId) {
        datasetId = _list(id);
        _consents[datasetId] = _give(id, datasetId);
    }

    function _offerAndBring(uint256 id) private returns (uint256 datasetId) {
        datasetId = _offer(id);
        _bring(id, datasetId);
    }

    function _bring(uint256 id, uint256 datasetId) private {
        vm.prank(_account(id));
        runs.bring(runId, datasetId, _consents[datasetId]);
    }

    function _revoke(uint256 id, bytes32 consentId) private {
        vm.prank(_account(id));
        data.revoke(consentId);
    }

    function _broughtBy(uint256 id) private view returns (uint256[] memory brought) {
        Extra[] memory extras = runs.extrasOf(runId, id);
        brought = new uint256[](extras.length + 1);
        brought[0] = runs.seatOf(runId, id).datasetId;
        for (uint256 i; i < extras.length; ++i) {
            brought[i + 1] = extras[i].datasetId;
        }
    }
}
