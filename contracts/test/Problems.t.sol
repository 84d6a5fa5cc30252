// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGoverned} from "../src/interfaces/IGoverned.sol";
import {IProblems} from "../src/interfaces/IProblems.sol";
import {ProblemsTest} from "./base/ProblemsTest.sol";

/// @notice Statements, review and rules. Money: Problems.awards.t.sol; submissions: Problems.contest.t.sol.
contract ProblemsStatementTest is ProblemsTest {
    function _stated(bytes32 document, uint64 deadline) private returns (bytes32 problemId) {
        vm.prank(_account(OWNER));
        return problems.state(document, PURPOSE, 0, deadline);
    }

    function _stateOf(bytes32 problemId) private view returns (uint256) {
        return uint256(problems.problem(problemId).state);
    }

    /// @dev The id is computed from chain, contract, owner, document and deadline; without a review it is open at once.
    function test_state_opensAProblem(bytes32 document, uint64 deadline) public {
        vm.assume(document != 0);
        deadline = uint64(_between(deadline, START + 1, type(uint64).max - 1));
        bytes32 expected = keccak256(abi.encode(block.chainid, address(problems), OWNER, document, deadline));
        vm.expectEmit(address(problems));
        emit IProblems.Stated(expected, OWNER, 0, document, PURPOSE, deadline, uint64(START));
        bytes32 problemId = _stated(document, deadline);
        vm.assertEq(problemId, expected);
        vm.assertEq(problems.ownerOf(problemId), OWNER);
        vm.assertEq(problems.judgeOf(problemId), 0);
        vm.assertTrue(problems.isOpen(problemId));
        vm.warp(deadline);
        vm.assertFalse(problems.isOpen(problemId));
        vm.assertEq(problems.problem(problemId).document, document);
        vm.assertEq(problems.problem(problemId).purpose, PURPOSE);
    }

    /// @dev Who is no active member states nothing.
    function test_state_failsForOthers(address stranger) public {
        vm.assume(membership.memberOf(stranger) == 0 && stranger != address(forwarder));
        _assertRefused("stranger", stranger, _call(DOCUMENT, PURPOSE, JUDGE, DEADLINE), _notMember(stranger));
        _suspendMember(OWNER);
        address account = _account(OWNER);
        _assertRefused("suspended", account, _call(DOCUMENT, PURPOSE, JUDGE, DEADLINE), _notMember(account));
    }

    function _notMember(address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IProblems.ProblemsNotMember.selector, caller);
    }

    function _call(bytes32 document, bytes32 purpose, uint256 judge, uint64 deadline)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeCall(problems.state, (document, purpose, judge, deadline));
    }

    /// @dev Each field of a statement is checked, and named when it is wrong.
    function test_state_failsOnBadInput() public {
        address account = _account(OWNER);
        _assertRefused(
            "no document",
            account,
            _call(0, PURPOSE, JUDGE, DEADLINE),
            abi.encodePacked(IProblems.ProblemsDocumentMissing.selector)
        );
        _assertRefused(
            "deadline",
            account,
            _call(DOCUMENT, PURPOSE, JUDGE, uint64(START)),
            abi.encodeWithSelector(IProblems.ProblemsDeadlinePassed.selector, uint64(START))
        );
        _assertRefused(
            "banned",
            account,
            _call(DOCUMENT, BANNED, JUDGE, DEADLINE),
            abi.encodeWithSelector(IProblems.ProblemsBannedUse.selector, BANNED)
        );
        _assertRefused(
            "own judge",
            account,
            _call(DOCUMENT, PURPOSE, OWNER, DEADLINE),
            abi.encodeWithSelector(IProblems.ProblemsConflict.selector, OWNER)
        );
        _assertRefused(
            "no such judge",
            account,
            _call(DOCUMENT, PURPOSE, 99, DEADLINE),
            abi.encodeWithSelector(IProblems.ProblemsMemberInvalid.selector, 99)
        );
        bytes32 problemId = _state();
        _assertRefused(
            "twice",
            account,
            _call(DOCUMENT, PURPOSE, 0, DEADLINE),
            abi.encodeWithSelector(IProblems.ProblemsAlreadyStated.selector, problemId)
        );
    }

    /// @dev Default deny: a purpose that the commons does not know permits nothing.
    function test_state_failsOnUnknownPurpose(bytes32 purpose) public {
        vm.assume(purpose != PURPOSE && purpose != NARROWER);
        _assertRefused(
            "unknown",
            _account(OWNER),
            _call(DOCUMENT, purpose, JUDGE, DEADLINE),
            abi.encodeWithSelector(IProblems.ProblemsBannedUse.selector, purpose)
        );
    }

    /// @dev Only the owner closes, once, and runs are not opened on it any more.
    function test_close_closesForGood(uint256 stranger) public {
        stranger = _between(stranger, JUDGE, OTHER);
        bytes32 problemId = _state();
        _assertRefused(
            "stranger",
            _account(stranger),
            abi.encodeCall(problems.close, (problemId)),
            abi.encodeWithSelector(IProblems.ProblemsNotOwner.selector, problemId, _account(stranger))
        );
        vm.prank(_account(OWNER));
        vm.expectEmit(address(problems));
        emit IProblems.Closed(problemId, OWNER);
        problems.close(problemId);
        vm.assertFalse(problems.isOpen(problemId));
        vm.assertEq(_stateOf(problemId), uint256(IProblems.ProblemState.Closed));
    }

    /// @dev Of what nobody stated nothing is true.
    function test_unknownProblem_isNotOpen(bytes32 problemId) public view {
        vm.assertFalse(problems.isOpen(problemId));
        vm.assertEq(problems.ownerOf(problemId), 0);
        vm.assertEq(problems.judgeOf(problemId), 0);
        vm.assertEq(_stateOf(problemId), 0);
        vm.assertEq(uint256(problems.awardOf(problemId, 0).state), 0);
    }

    // ---------------------------------------------------------------------------------------------------------- review

    /// @dev With a review period a problem opens by itself, to the second.
    function test_review_endsByItself(uint32 reviewSeconds, uint64 time) public {
        reviewSeconds = uint32(_between(reviewSeconds, 1, 90 days));
        _setReview(reviewSeconds);
        bytes32 problemId = _state();
        vm.assertEq(problems.problem(problemId).reviewUntil, START + reviewSeconds);
        vm.warp(_between(time, START, START + reviewSeconds - 1));
        vm.assertFalse(problems.isOpen(problemId));
        vm.assertEq(_stateOf(problemId), uint256(IProblems.ProblemState.Review));
        vm.warp(START + reviewSeconds);
        vm.assertTrue(problems.isOpen(problemId) == (START + reviewSeconds < DEADLINE));
        vm.assertEq(_stateOf(problemId), uint256(IProblems.ProblemState.Open));
    }

    /// @dev Sent back and amended, it is reviewed anew and keeps its id.
    function test_amend_beginsAReviewAnew(bytes32 document, uint32 wait) public {
        vm.assume(document != 0);
        _setReview(REVIEW);
        bytes32 problemId = _state();
        vm.expectEmit(address(problems));
        emit IProblems.SentBack(problemId, ETHICS, "reason");
        vm.prank(_account(ETHICS));
        problems.sendBack(problemId, "reason");
        vm.assertEq(_stateOf(problemId), uint256(IProblems.ProblemState.Draft));
        uint64 then = uint64(START + _between(wait, 0, 30 days));
        vm.warp(then);
        vm.assertFalse(problems.isOpen(problemId));
        vm.expectEmit(address(problems));
        emit IProblems.Amended(problemId, DOCUMENT, document, then + REVIEW);
        vm.prank(_account(OWNER));
        problems.amend(problemId, document);
        vm.assertEq(problems.problem(problemId).document, document);
        vm.assertEq(_stateOf(problemId), uint256(IProblems.ProblemState.Review));
        vm.warp(then + REVIEW);
        vm.assertTrue(problems.isOpen(problemId));
    }

    /// @dev Every state and every act on a statement: what is not listed as possible is refused and changes nothing.
    function test_states_onlyTheListedEdges() public {
        for (uint256 stage; stage <= uint256(IProblems.ProblemState.Closed); ++stage) {
            for (uint256 act; act < 4; ++act) {
                uint256 fresh = vm.snapshotState();
                _bring(IProblems.ProblemState(stage));
                _try(IProblems.ProblemState(stage), act);
                vm.revertToState(fresh);
            }
        }
    }

    function _bring(IProblems.ProblemState stage) private {
        if (stage == IProblems.ProblemState.None) return;
        _setReview(REVIEW);
        bytes32 problemId = _state();
        if (stage == IProblems.ProblemState.Draft) {
            vm.prank(_account(ETHICS));
            problems.sendBack(problemId, "reason");
        }
        if (stage >= IProblems.ProblemState.Open) vm.warp(START + REVIEW);
        if (stage == IProblems.ProblemState.Closed) {
            vm.prank(_account(OWNER));
            problems.close(problemId);
        }
        _deposit(vault, _account(PAYER), address(token), AMOUNT);
        vm.assertEq(_stateOf(problemId), uint256(stage), "stage");
    }

    function _try(IProblems.ProblemState stage, uint256 act) private {
        bytes32 id = _problemId();
        bytes memory wrong = abi.encodeWithSelector(IProblems.ProblemsWrongState.selector, id, stage);
        bytes memory notOpen = abi.encodeWithSelector(IProblems.ProblemsNotOpen.selector, id);
        bool isNone = stage == IProblems.ProblemState.None;
        if (act == 0) {
            bool may = stage == IProblems.ProblemState.Review;
            _expect(may, _account(ETHICS), abi.encodeCall(problems.sendBack, (id, "reason")), wrong);
        } else if (act == 1) {
            bytes memory call = abi.encodeCall(problems.amend, (id, "other"));
            bytes memory error =
                isNone ? abi.encodeWithSelector(IProblems.ProblemsNotOwner.selector, id, _account(OWNER)) : wrong;
            _expect(stage == IProblems.ProblemState.Draft, _account(OWNER), call, error);
        } else if (act == 2) {
            _expect(
                stage == IProblems.ProblemState.Open, _account(OWNER), abi.encodeCall(problems.close, (id)), notOpen
            );
        } else {
            bytes memory call = abi.encodeCall(problems.fund, (id, _milestones(1, DUE), address(token)));
            _expect(stage == IProblems.ProblemState.Open, _account(PAYER), call, notOpen);
        }
    }

    function _expect(bool may, address caller, bytes memory call, bytes memory error) private {
        if (!may) return _assertRefused("edge", caller, call, error);
        vm.prank(caller);
        (bool done,) = address(problems).call(call);
        vm.assertTrue(done, "listed edge");
    }

    /// @dev Nobody but the ethics board sends back, and only while the role is live.
    function test_sendBack_failsForOthers(uint256 member) public {
        member = _between(member, OWNER, AUDITOR);
        _setReview(REVIEW);
        bytes32 problemId = _state();
        bytes memory call = abi.encodeCall(problems.sendBack, (problemId, "reason"));
        _assertRefused(
            "member",
            _account(member),
            call,
            abi.encodeWithSelector(IProblems.ProblemsNotEthicsBoard.selector, _account(member))
        );
        _assertRefused("stranger", address(0x57), call, _notMember(address(0x57)));
        _suspendMember(ETHICS);
        _assertRefused("suspended", _account(ETHICS), call, _notMember(_account(ETHICS)));
    }

    /// @dev An amendment is a statement: of the owner, before the deadline, for a use that is still permitted.
    function test_amend_failsOnBadInput() public {
        _setReview(REVIEW);
        bytes32 problemId = _state();
        vm.prank(_account(ETHICS));
        problems.sendBack(problemId, "reason");
        bytes memory call = abi.encodeCall(problems.amend, (problemId, "other"));
        _assertRefused(
            "judge",
            _account(JUDGE),
            call,
            abi.encodeWithSelector(IProblems.ProblemsNotOwner.selector, problemId, _account(JUDGE))
        );
        _assertRefused(
            "no document",
            _account(OWNER),
            abi.encodeCall(problems.amend, (problemId, 0)),
            abi.encodePacked(IProblems.ProblemsDocumentMissing.selector)
        );
        vm.warp(DEADLINE);
        _assertRefused(
            "too late",
            _account(OWNER),
            call,
            abi.encodeWithSelector(IProblems.ProblemsDeadlinePassed.selector, DEADLINE)
        );
    }

    // ----------------------------------------------------------------------------------------------------------- rules

    /// @dev The members' vote changes the rules, within bounds; what was stated before keeps its review.
    function test_setRules_byTheTimelock(uint32 review, uint32 challenge) public {
        (review, challenge) = (uint32(_between(review, 0, 90 days)), uint32(_between(challenge, 0, 90 days)));
        bytes32 problemId = _state();
        vm.expectEmit(address(problems));
        emit IProblems.RulesSet(review, challenge);
        vm.prank(address(timelock));
        problems.setRules(IProblems.ProblemRules(review, challenge));
        vm.assertEq(problems.rules().reviewSeconds, review);
        vm.assertEq(problems.rules().challengeSeconds, challenge);
        vm.assertTrue(problems.isOpen(problemId));
    }

    /// @dev Nobody else, and not to periods that would be a slip of the hand.
    function test_setRules_failsOtherwise(address caller, uint32 longer) public {
        vm.assume(caller != address(timelock) && caller != address(forwarder));
        longer = uint32(_between(longer, 90 days + 1, type(uint32).max));
        bytes memory call = abi.encodeCall(problems.setRules, (IProblems.ProblemRules(1, 1)));
        _assertRefused("caller", caller, call, abi.encodeWithSelector(IGoverned.GovernedNotTimelock.selector, caller));
        IProblems.ProblemRules[2] memory rules = [IProblems.ProblemRules(longer, 1), IProblems.ProblemRules(1, longer)];
        for (uint256 i; i < 2; ++i) {
            _assertRefused(
                "too long",
                address(timelock),
                abi.encodeCall(problems.setRules, (rules[i])),
                abi.encodeWithSelector(
                    IProblems.ProblemsRulesInvalid.selector, rules[i].reviewSeconds, rules[i].challengeSeconds
                )
            );
        }
    }
}
