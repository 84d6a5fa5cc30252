// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProblems} from "../src/interfaces/IProblems.sol";
import {ProblemsTest} from "./base/ProblemsTest.sol";

/// @notice A problem that is open as a contest: commit, then reveal, then judge among those who revealed.
contract ProblemsContestTest is ProblemsTest {
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        id = _stateContest();
        _fund(id);
    }

    function _commit(uint256 member) private {
        vm.prank(_account(member));
        problems.commit(id, _commitment(id, member));
    }

    function _reveal(uint256 member) private {
        vm.prank(_account(member));
        problems.reveal(id, SUBMISSION, SALT);
    }

    function _notThen() private view returns (bytes memory) {
        return abi.encodeWithSelector(IProblems.ProblemsNotThen.selector, id, COMMIT_UNTIL, REVEAL_UNTIL);
    }

    /// @dev What was fixed is shown by whoever fixed it, once everybody has.
    function test_reveal_showsWhatWasFixed(uint64 committed, uint64 revealed) public {
        vm.warp(_between(committed, START, COMMIT_UNTIL - 1));
        vm.expectEmit(address(problems));
        emit IProblems.SubmissionCommitted(id, SOLVER, _commitment(id, SOLVER));
        _commit(SOLVER);
        vm.assertEq(problems.commitmentOf(id, SOLVER), _commitment(id, SOLVER));
        vm.warp(_between(revealed, COMMIT_UNTIL, REVEAL_UNTIL - 1));
        vm.expectEmit(address(problems));
        emit IProblems.SubmissionRevealed(id, SOLVER, SUBMISSION);
        _reveal(SOLVER);
        vm.assertEq(problems.submissionOf(id, SOLVER), SUBMISSION);
    }

    /// @dev The times of a contest: both ends of both windows.
    function test_times_areExact() public {
        bytes memory commit = abi.encodeCall(problems.commit, (id, _commitment(id, SOLVER)));
        bytes memory reveal = abi.encodeCall(problems.reveal, (id, SUBMISSION, SALT));
        _commit(OTHER);
        _assertRefused("reveal at once", _account(OTHER), reveal, _notThen());
        vm.warp(COMMIT_UNTIL - 1);
        _assertRefused("reveal too early", _account(OTHER), reveal, _notThen());
        _commit(AUDITOR);
        vm.warp(COMMIT_UNTIL);
        _assertRefused("commit too late", _account(SOLVER), commit, _notThen());
        _reveal(OTHER);
        vm.warp(REVEAL_UNTIL - 1);
        _reveal(AUDITOR);
        vm.warp(REVEAL_UNTIL);
        _assertRefused("reveal too late", _account(OTHER), reveal, _notThen());
    }

    /// @dev Owner and judge take no part; one submission per member; not nothing; not by strangers.
    function test_commit_failsOnBadInput() public {
        _commit(SOLVER);
        uint256[2] memory conflicted = [OWNER, JUDGE];
        for (uint256 i; i < 2; ++i) {
            _assertRefused(
                "conflict",
                _account(conflicted[i]),
                abi.encodeCall(problems.commit, (id, "x")),
                abi.encodeWithSelector(IProblems.ProblemsConflict.selector, conflicted[i])
            );
        }
        _assertRefused(
            "again",
            _account(SOLVER),
            abi.encodeCall(problems.commit, (id, "x")),
            abi.encodeWithSelector(IProblems.ProblemsAlreadyCommitted.selector, id, SOLVER)
        );
        _assertRefused(
            "nothing",
            _account(OTHER),
            abi.encodeCall(problems.commit, (id, 0)),
            abi.encodePacked(IProblems.ProblemsDocumentMissing.selector)
        );
        _assertRefused(
            "stranger",
            address(0x57),
            abi.encodeCall(problems.commit, (id, "x")),
            abi.encodeWithSelector(IProblems.ProblemsNotMember.selector, address(0x57))
        );
    }

    /// @dev Nobody shows what it did not fix: not another submission, another salt, or a commitment copied from others.
    function test_reveal_failsOnOtherContents(bytes32 submission, bytes32 salt) public {
        vm.assume(submission != 0 && (submission != SUBMISSION || salt != SALT));
        _commit(SOLVER);
        vm.prank(_account(OTHER));
        problems.commit(id, _commitment(id, SOLVER)); // a copy of what everybody can read
        vm.warp(COMMIT_UNTIL);
        _assertRefused(
            "other",
            _account(SOLVER),
            abi.encodeCall(problems.reveal, (id, submission, salt)),
            _mismatch(submission, salt)
        );
        _assertRefused(
            "copied",
            _account(OTHER),
            abi.encodeCall(problems.reveal, (id, SUBMISSION, SALT)),
            abi.encodeWithSelector(
                IProblems.ProblemsCommitmentMismatch.selector, _commitment(id, SOLVER), _commitment(id, OTHER)
            )
        );
        _assertRefused(
            "nothing",
            _account(SOLVER),
            abi.encodeCall(problems.reveal, (id, 0, SALT)),
            abi.encodePacked(IProblems.ProblemsDocumentMissing.selector)
        );
        _reveal(SOLVER);
        _assertRefused(
            "again",
            _account(SOLVER),
            abi.encodeCall(problems.reveal, (id, SUBMISSION, SALT)),
            abi.encodeWithSelector(IProblems.ProblemsAlreadyRevealed.selector, id, SOLVER)
        );
    }

    function _mismatch(bytes32 submission, bytes32 salt) private view returns (bytes memory) {
        bytes32 got = keccak256(abi.encode(id, SOLVER, submission, salt));
        return abi.encodeWithSelector(IProblems.ProblemsCommitmentMismatch.selector, _commitment(id, SOLVER), got);
    }

    /// @dev Nobody is judged before everybody could show its submission, and nobody who did not.
    function test_judge_onlyAmongThoseWhoRevealed(uint64 time) public {
        _commit(SOLVER);
        _commit(OTHER);
        vm.warp(COMMIT_UNTIL);
        _reveal(SOLVER);
        vm.warp(_between(time, COMMIT_UNTIL, REVEAL_UNTIL - 1));
        bytes memory call = abi.encodeCall(problems.judge, (id, 0, SOLVER));
        _assertRefused("too early", _account(JUDGE), call, _notThen());
        vm.warp(REVEAL_UNTIL);
        _assertRefused(
            "not shown",
            _account(JUDGE),
            abi.encodeCall(problems.judge, (id, 0, OTHER)),
            abi.encodeWithSelector(IProblems.ProblemsNotRevealed.selector, id, OTHER)
        );
        _judge(id);
        vm.assertEq(problems.awardOf(id, 0).solver, SOLVER);
    }

    /// @dev Closing the problem does not shorten a contest that was announced.
    function test_close_leavesTheContest() public {
        vm.prank(_account(OWNER));
        problems.close(id);
        _commit(SOLVER);
        vm.warp(COMMIT_UNTIL);
        _reveal(SOLVER);
        vm.assertEq(problems.submissionOf(id, SOLVER), SUBMISSION);
    }

    /// @dev Not before the review is over; a problem that is no contest takes no submissions at all.
    function test_commit_failsOutsideAContest(uint64 time) public {
        vm.prank(_account(OTHER));
        bytes32 plain = problems.state("plain", PURPOSE, 0, DEADLINE);
        vm.warp(_between(time, START, REVEAL_UNTIL));
        bytes memory error = abi.encodeWithSelector(IProblems.ProblemsNotThen.selector, plain, uint64(0), uint64(0));
        _assertRefused("commit", _account(SOLVER), abi.encodeCall(problems.commit, (plain, "x")), error);
        _assertRefused("reveal", _account(SOLVER), abi.encodeCall(problems.reveal, (plain, "x", "y")), error);
    }

    /// @dev Commitments are taken after the review only.
    function test_commit_failsDuringReview() public {
        _setReview(REVIEW);
        vm.prank(_account(OTHER));
        bytes32 other =
            problems.stateContest(DOCUMENT, PURPOSE, JUDGE, DEADLINE, uint64(START + REVIEW + 1), REVEAL_UNTIL);
        _assertRefused(
            "in review",
            _account(SOLVER),
            abi.encodeCall(problems.commit, (other, "x")),
            abi.encodeWithSelector(IProblems.ProblemsWrongState.selector, other, IProblems.ProblemState.Review)
        );
        vm.warp(START + REVIEW);
        vm.prank(_account(SOLVER));
        problems.commit(other, "x");
    }

    /// @dev A contest leaves time to commit after the review, and to reveal after that.
    function test_stateContest_failsOnBadTimes(uint64 commitUntil, uint64 revealUntil) public {
        uint64 start = uint64(START);
        _setReview(REVIEW);
        uint64 opens = start + REVIEW;
        commitUntil = uint64(_between(commitUntil, 0, opens));
        _refuseTimes(commitUntil, uint64(_between(revealUntil, 0, type(uint64).max)));
        _refuseTimes(opens + 1, uint64(_between(revealUntil, 0, opens + 1)));
    }

    function _refuseTimes(uint64 commitUntil, uint64 revealUntil) private {
        bytes memory call =
            abi.encodeCall(problems.stateContest, ("other", PURPOSE, JUDGE, DEADLINE, commitUntil, revealUntil));
        _assertRefused(
            "times",
            _account(OWNER),
            call,
            abi.encodeWithSelector(IProblems.ProblemsContestInvalid.selector, commitUntil, revealUntil)
        );
    }

    /// @dev Money on a contest is due after its reveals, or nobody could ever earn it.
    function test_fund_failsIfDueBeforeReveals(uint64 due) public {
        due = uint64(_between(due, START + 1, REVEAL_UNTIL));
        _deposit(vault, _account(PAYER), address(token), AMOUNT);
        _assertRefused(
            "due",
            _account(PAYER),
            abi.encodeCall(problems.fund, (id, _milestones(AMOUNT, due), address(token))),
            abi.encodeWithSelector(IProblems.ProblemsMilestoneInvalid.selector, 0, AMOUNT, due)
        );
    }
}
