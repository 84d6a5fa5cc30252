// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITrainingRuns} from "../src/interfaces/ITrainingRuns.sol";
import {IVerdicts} from "../src/interfaces/IVerdicts.sol";
import {Key, Kind, Phase, Reason, RunState, Signed} from "../src/types/RunTypes.sol";
import {VerdictsTest} from "./base/VerdictsTest.sol";

/// @notice Five seats of which two may be faulty: three verdicts decide.
contract VerdictsRulesTest is VerdictsTest {
    function setUp() public override {
        super.setUp();
        _toOpen(5);
        _submitAll(5, 0, "initial");
    }

    // ------------------------------------------------------------------------------------------------------ accusations

    /// @dev The event carries the whole complaint and its signature.
    function test_complain_isTold() public {
        bytes32 header = runs.seatOf(runId, 2).headerDigest;
        bytes memory signature = _complainSignature(1, _sid(), 2, header);
        vm.expectEmit(address(verdicts));
        emit IVerdicts.Complained(runId, 1, 0, 0, _sid(), 2, header, EVIDENCE, signature);
        _complain(1, 2);
    }

    /// @dev A complaint is made once; another about somebody else, or by somebody else, is another.
    function test_complain_isMadeOnce() public {
        _complain(1, 2);
        _complain(1, 3);
        _complain(3, 2);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsAlreadySaid.selector, 1));
        this.complainAs(1, 2);
    }

    /// @dev Every check of a complaint, by the one thing that is wrong with it.
    function test_complain_isBoundToEverything() public {
        bytes32 sid = _sid();
        bytes32 header = runs.seatOf(runId, 2).headerDigest;
        bytes memory good = _complainSignature(1, sid, 2, header);
        Key memory key = _here(1);
        _refusedComplaint(key, sid, 3, runs.seatOf(runId, 3).headerDigest, good, _badSignature(1)); // another accused
        _refusedComplaint(key, sid, 2, header, _complainSignature(3, sid, 2, header), _badSignature(1)); // another signer
        _refusedComplaint(key, sid, 2, "header", good, _badHeader(header)); // another header
        _refusedComplaint(key, "sid", 2, header, good, _badSid("sid")); // another sid
        key.round = 1;
        _refusedComplaint(key, sid, 2, header, good, _badSid(sid)); // another round
        (key.round, key.attempt) = (0, 1);
        _refusedComplaint(key, sid, 2, header, good, _badSid(sid)); // another attempt
        (key.attempt, key.runId) = (0, "run");
        bytes memory unknown = abi.encodeWithSelector(IVerdicts.VerdictsWrongSid.selector, bytes32(0), sid);
        _refusedComplaint(key, sid, 2, header, good, unknown); // another run
        (key.runId, key.memberId) = (runId, 6);
        bytes memory nobody = abi.encodeWithSelector(IVerdicts.VerdictsNotPresent.selector, runId, 6);
        _refusedComplaint(key, sid, 2, header, good, nobody); // no seat
        bytes memory unfit = abi.encodeWithSelector(IVerdicts.VerdictsNotAccusable.selector, 1);
        _refusedComplaint(_here(1), sid, 1, header, good, unfit); // oneself
        unfit = abi.encodeWithSelector(IVerdicts.VerdictsNotAccusable.selector, 6);
        _refusedComplaint(_here(1), sid, 6, header, good, unfit); // who has no seat
        vm.chainId(block.chainid + 1);
        _refusedComplaint(_here(1), sid, 2, header, good, _badSignature(1)); // another chain
    }

    /// @dev Who left or was put out accuses nobody.
    function test_complain_failsForThoseThatAreOut() public {
        _exclude(1);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsNotPresent.selector, runId, 1));
        this.complainAs(1, 2);
    }

    /// @dev Until the next sid is agreed a complaint about the last one is taken, also once the run is over.
    function test_complain_isTakenAfterTheEnd() public {
        vm.prank(_account(solver));
        runs.cancel(runId);
        _complain(1, 2);
    }

    /// @dev A sum is disputed between two that revealed, once per column.
    function test_dispute_needsTwoReveals() public {
        _commitAll(5, 0);
        _reveal(1, 0, 0);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsNotRevealed.selector, 1, 2));
        this.disputeAs(1, 2, 4);
        _reveal(2, 0, 0);
        bytes memory signature = _disputeSignature(1, _sid(), 2, 4);
        vm.expectEmit(address(verdicts));
        emit IVerdicts.Disputed(runId, 1, 0, 0, _sid(), 2, 0, 4, 7, EVIDENCE, signature);
        _dispute(1, 2, 4);
        _dispute(1, 2, 5);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsAlreadySaid.selector, 1));
        this.disputeAs(1, 2, 4);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsNotAccusable.selector, 1));
        this.disputeAs(1, 1, 4);
    }

    /// @dev A dispute is signed by the seat that makes it.
    function test_dispute_failsWithAnothersSignature() public {
        _commitAll(5, 0);
        _revealAll(5, 0);
        (Key memory key, bytes32 sid) = (_here(1), _sid());
        bytes memory others = _disputeSignature(3, sid, 2, 4);
        _expect(_badSignature(1));
        verdicts.dispute(key, sid, 2, 0, 4, 7, EVIDENCE, others);
    }

    // --------------------------------------------------------------------------------------------------------- verdicts

    /// @dev f verdicts do nothing, the (f + 1)th convicts: the seat is out, and the attempt starts again without it.
    function test_verdict_convictsWithOneMoreThanF() public {
        _complain(1, 2);
        _verdict(1, 2);
        _verdict(3, 2, "another case");
        vm.assertFalse(verdicts.isConvicted(runId, 2));
        vm.assertEq(verdicts.verdictsOn(runId, 2), 5);
        bytes memory signature = _verdictSignature(4, _sid(), CASE, 2);
        vm.expectEmit(address(verdicts));
        emit IVerdicts.VerdictGiven(runId, 4, 0, 0, _sid(), CASE, 2, signature);
        vm.expectEmit(address(verdicts));
        emit IVerdicts.Convicted(runId, 2, CASE);
        _verdict(4, 2);
        vm.assertTrue(verdicts.isConvicted(runId, 2));
        _assertAt(RunState.Running, Phase.Open, 0, 1);
        vm.assertEq(_machine().set, 29); // all but the second
        vm.assertEq(_machine().excluded, 2);
    }

    /// @dev The same seat is counted once, however many cases it names.
    function test_verdict_countsASeatOnce(uint8 times) public {
        _verdict(1, 2);
        bytes32 other = keccak256(abi.encode(times));
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsAlreadySaid.selector, 1));
        this.verdictAs(1, 2, other);
        vm.assertEq(verdicts.verdictsOn(runId, 2), 1);
    }

    /// @dev Nobody judges itself, a seat that is convicted, or one that is none.
    function test_verdict_failsOnTheWrongSeat() public {
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsOwnCase.selector, 1));
        this.verdictAs(1, 1, CASE);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsNotAccusable.selector, 6));
        this.verdictAs(1, 6, CASE);
        _convict(2);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsConvicted.selector, runId, 2));
        this.verdictAs(5, 2, CASE);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsNotPresent.selector, runId, 2));
        this.verdictAs(2, 1, CASE);
    }

    /// @dev Every part of a verdict is signed, and by the seat that gives it.
    function test_verdict_isBoundToEverything() public {
        (Key memory key, bytes32 sid) = (_here(1), _sid());
        _refusedVerdict(key, sid, CASE, 2, _verdictSignature(3, sid, CASE, 2), _badSignature(1));
        _refusedVerdict(key, sid, CASE, 2, _verdictSignature(1, sid, CASE, 3), _badSignature(1));
        _refusedVerdict(key, sid, CASE, 2, _verdictSignature(1, sid, "case", 2), _badSignature(1));
        _refusedVerdict(key, sid, CASE, 2, _verdictSignature(1, "sid", CASE, 2), _badSignature(1));
        _refusedVerdict(key, "sid", CASE, 2, _verdictSignature(1, "sid", CASE, 2), _badSid("sid"));
        key.round = 1;
        _refusedVerdict(key, sid, CASE, 2, _verdictSignature(1, sid, CASE, 2), _badSid(sid));
        bytes memory good = _verdictSignature(1, sid, CASE, 2);
        vm.chainId(block.chainid + 1);
        _refusedVerdict(_here(1), sid, CASE, 2, good, _badSignature(1));
    }

    /// @dev A case that was opened in time may be judged after the next sid is agreed; one that was not may not.
    function test_verdict_onAnOlderSidNeedsACase() public {
        _commitAll(5, 0);
        _revealAll(5, 0);
        (Key memory key, bytes32 sid) = (_here(1), _sid());
        _complain(3, 2);
        _submitAll(5, 1, "first");
        verdicts.verdict(key, sid, CASE, 2, _verdictSignature(1, sid, CASE, 2));
        vm.assertEq(verdicts.verdictsOn(runId, 2), 1);
        key.round = 1;
        bytes memory moved = abi.encodeWithSelector(IVerdicts.VerdictsWrongSid.selector, bytes32(0), sid);
        _refusedVerdict(key, sid, CASE, 3, _verdictSignature(1, sid, CASE, 3), moved);
    }

    function test_verdict_onAnOlderSidFailsWithoutACase() public {
        _commitAll(5, 0);
        _revealAll(5, 0);
        (Key memory key, bytes32 sid) = (_here(1), _sid());
        _submitAll(5, 1, "first");
        _refusedVerdict(key, sid, CASE, 2, _verdictSignature(1, sid, CASE, 2), _badSid(sid));
    }

    /// @dev Verdicts of the whole run are counted together: each round may name another case.
    function test_verdict_countsOverTheRounds() public {
        _verdict(1, 2);
        _commitAll(5, 0);
        _revealAll(5, 0);
        _submitAll(5, 1, "first");
        _verdict(3, 2);
        _verdict(4, 2);
        vm.assertTrue(verdicts.isConvicted(runId, 2));
    }

    /// @dev Whose verdict it was stays counted, and who is put out later convicts nobody any more.
    function test_verdict_ofACheatCountsOnlyBefore() public {
        _verdict(2, 5);
        _convict(2);
        _verdict(1, 5);
        vm.assertFalse(verdicts.isConvicted(runId, 5));
        _verdict(3, 5);
        vm.assertTrue(verdicts.isConvicted(runId, 5));
    }

    /// @dev After the end a cheat is still named, and the run stays as it ended.
    function test_verdict_convictsAfterTheEnd() public {
        vm.prank(_account(solver));
        runs.cancel(runId);
        _convict(2);
        vm.assertTrue(verdicts.isConvicted(runId, 2));
        vm.assertEq(uint256(_machine().reason), uint256(Reason.Cancelled));
        vm.assertEq(_machine().excluded, 0);
    }

    /// @dev With too few left the run is over, and says why.
    function test_verdict_endsARunOfTooFew() public {
        _convict(2);
        _submitAgain();
        _convict(3);
        vm.assertEq(uint256(_machine().state), uint256(RunState.Aborted));
        vm.assertEq(uint256(_machine().reason), uint256(Reason.Cheating));
    }

    // ---------------------------------------------------------------------------------------------------------- silence

    /// @dev f + 1 that name a silent holder let the round go on without its Reveal; nobody loses anything by it.
    function test_silence_waives() public {
        _toSilent();
        _verdict(1, 5, 0);
        _verdict(2, 5, 0);
        _assertAt(RunState.Paused, Phase.Fixed, 0, 0);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.Waived(runId, 5, 0, 0, _sid());
        _verdict(3, 5, 0);
        _assertAt(RunState.Running, Phase.Unmasked, 0, 0);
        vm.assertFalse(verdicts.isConvicted(runId, 5));
        vm.assertEq(verdicts.verdictsOn(runId, 5), 0);
    }

    /// @dev Nobody is silent before the deadline, without a Commit, or once it revealed.
    function test_silence_needsADeadlineThatPassed() public {
        _commitAll(5, 0);
        _reveal(1, 0, 0);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsNotSilent.selector, 5));
        this.verdictAs(1, 5, 0);
        _pass(PHASE);
        runs.advance(runId);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsNotSilent.selector, 1));
        this.verdictAs(2, 1, 0);
        _verdict(1, 5, 0);
        _expect(abi.encodeWithSelector(IVerdicts.VerdictsAlreadySaid.selector, 1));
        this.verdictAs(1, 5, 0);
    }

    /// @dev Silence in one round says nothing about the next.
    function test_silence_isOfOneRound() public {
        _toSilent();
        _verdict(1, 5, 0);
        _verdict(2, 5, 0);
        _reveal(5, 0, 0);
        _submitAll(5, 1, "first");
        _commitAll(5, 1);
        for (uint256 id = 1; id < 5; ++id) {
            _reveal(id, 1, 0);
        }
        _pass(PHASE);
        runs.advance(runId);
        _verdict(3, 5, 0);
        _assertAt(RunState.Paused, Phase.Fixed, 1, 0);
    }

    // ----------------------------------------------------------------------------------------------------- equivocation

    /// @dev Two messages of a kind on one sid convict at once, whichever kind it is.
    function test_equivocated_convicts(uint8 word) public {
        Kind kind = Kind(word % 4);
        bytes32 sid = _sid();
        Signed memory one = _twice(kind, 2, sid, "one");
        Signed memory other = _twice(kind, 2, sid, "other");
        vm.expectEmit(address(verdicts));
        emit IVerdicts.Equivocated(runId, 2, kind, 0, 0, sid, one, other);
        vm.expectEmit(address(verdicts));
        emit IVerdicts.Convicted(runId, 2, 0);
        verdicts.equivocated(_key(2, 0, 0), kind, 0, _state("initial"), one, other);
        _assertAt(RunState.Running, Phase.Open, 0, 1);
    }

    /// @dev Also of an attempt that nobody agreed on.
    function test_equivocated_convictsOnASidOfItsOwn() public {
        bytes32 sid = runs.sidOf(runId, 1, 3, _state("mine"));
        Signed memory one = _twice(Kind.Submit, 2, sid, "one");
        verdicts.equivocated(_key(2, 1, 3), Kind.Submit, 0, _state("mine"), one, _twice(Kind.Submit, 2, sid, "other"));
        vm.assertTrue(verdicts.isConvicted(runId, 2));
    }

    /// @dev Every way in which two messages are no equivocation.
    function test_equivocated_isBoundToEverything() public {
        bytes32 sid = _sid();
        Signed memory one = _twice(Kind.Commit, 2, sid, "one");
        Signed memory other = _twice(Kind.Commit, 2, sid, "other");
        bytes memory none = abi.encodeWithSelector(IVerdicts.VerdictsNoEquivocation.selector, sid, 2);
        _refusedPair(_key(2, 0, 0), Kind.Commit, one, one, none); // the same
        _refusedPair(_key(2, 0, 0), Kind.Submit, one, other, none); // another kind
        _refusedPair(_key(2, 0, 0), Kind.Commit, one, _twice(Kind.Commit, 3, sid, "other"), none); // another member
        _refusedPair(_key(2, 0, 0), Kind.Commit, one, _twice(Kind.Commit, 2, "sid", "other"), none); // another sid
        _refusedPair(_key(2, 0, 0), Kind.Reveal, one, other, _badSignature(2)); // signed as another kind
        bytes32 elsewhere = runs.sidOf(runId, 0, 1, _state("initial"));
        none = abi.encodeWithSelector(IVerdicts.VerdictsNoEquivocation.selector, elsewhere, 2);
        _refusedPair(_key(2, 0, 1), Kind.Commit, one, other, none); // another attempt
        other.signature = one.signature;
        _refusedPair(_key(2, 0, 0), Kind.Commit, one, other, _badSignature(2)); // not signed
        other = _twice(Kind.Commit, 2, sid, "other");
        verdicts.equivocated(_key(2, 0, 0), Kind.Commit, 0, _state("initial"), one, other);
        bytes memory again = abi.encodeWithSelector(IVerdicts.VerdictsConvicted.selector, runId, 2);
        _refusedPair(_key(2, 0, 0), Kind.Commit, one, other, again); // twice
    }

    /// @dev An epoch that never was has no sids.
    function test_equivocated_failsInAnEpochThatNeverWas() public {
        bytes32 sid = runs.sidOf(runId, 0, 0, _state("initial"));
        (Signed memory one, Signed memory other) =
            (_twice(Kind.Commit, 2, sid, "one"), _twice(Kind.Commit, 2, sid, "other"));
        vm.expectPartialRevert(IVerdicts.VerdictsNoEquivocation.selector);
        verdicts.equivocated(_key(2, 0, 0), Kind.Commit, 1, _state("initial"), one, other);
    }

    // ---------------------------------------------------------------------------------------------------------- helpers

    /// @dev Calls of our own that the test expects to be refused: one external call each.
    function complainAs(uint256 id, uint256 accusedId) external {
        _complain(id, accusedId);
    }

    function disputeAs(uint256 id, uint256 accusedId, uint32 column) external {
        _dispute(id, accusedId, column);
    }

    function verdictAs(uint256 id, uint256 guiltyId, bytes32 caseDigest) external {
        _verdict(id, guiltyId, caseDigest);
    }

    function _expect(bytes memory error) private {
        vm.expectRevert(error);
    }

    function _badSignature(uint256 id) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IVerdicts.VerdictsSignatureInvalid.selector, id);
    }

    function _badHeader(bytes32 expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IVerdicts.VerdictsHeaderMismatch.selector, expected, bytes32("header"));
    }

    function _badSid(bytes32 got) private view returns (bytes memory) {
        return abi.encodeWithSelector(IVerdicts.VerdictsWrongSid.selector, _sid(), got);
    }

    function _refusedComplaint(
        Key memory key,
        bytes32 sid,
        uint256 accusedId,
        bytes32 header,
        bytes memory signature,
        bytes memory error
    ) private {
        vm.expectRevert(error);
        verdicts.complain(key, sid, accusedId, header, EVIDENCE, signature);
    }

    function _refusedVerdict(
        Key memory key,
        bytes32 sid,
        bytes32 caseDigest,
        uint256 guiltyId,
        bytes memory signature,
        bytes memory error
    ) private {
        vm.expectRevert(error);
        verdicts.verdict(key, sid, caseDigest, guiltyId, signature);
    }

    function _refusedPair(Key memory key, Kind kind, Signed memory one, Signed memory other, bytes memory error)
        private
    {
        vm.expectRevert(error);
        verdicts.equivocated(key, kind, 0, _state("initial"), one, other);
    }

    /// @dev Three others say so.
    function _convict(uint256 guiltyId) private {
        uint256 given;
        for (uint256 id = 1; given < 3; ++id) {
            if (id == guiltyId || verdicts.isConvicted(runId, id)) continue;
            _verdict(id, guiltyId);
            ++given;
        }
    }

    /// @dev The second attempt, without seat 2.
    function _submitAgain() private {
        for (uint256 id = 1; id <= 5; ++id) {
            if (id != 2) _submit(id, 0, 1, "initial");
        }
    }

    /// @dev All but the fifth have revealed, and the deadline came.
    function _toSilent() private {
        _commitAll(5, 0);
        for (uint256 id = 1; id < 5; ++id) {
            _reveal(id, 0, 0);
        }
        _pass(PHASE);
        runs.advance(runId);
    }
}
