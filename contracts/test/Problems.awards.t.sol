// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGoverned} from "../src/interfaces/IGoverned.sol";
import {IProblems} from "../src/interfaces/IProblems.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {ProblemsTest} from "./base/ProblemsTest.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";

/// @notice Money on a problem, from funding to where it ends.
contract ProblemsAwardsTest is ProblemsTest {
    bytes32 private id;

    enum Stage {
        Nothing,
        Open,
        Due,
        OpenExpired,
        Judged,
        Settleable,
        JudgedExpired,
        Challenged,
        ChallengedExpired,
        Paid,
        Refunded,
        Expired
    }

    enum Act {
        Judge,
        Challenge,
        Settle,
        ResolvePay,
        ResolveBack,
        RefundByJudge,
        RefundByAnybody
    }

    function setUp() public override {
        super.setUp();
        id = _state();
    }

    function _stateOf() private view returns (IProblems.AwardState) {
        return problems.awardOf(id, 0).state;
    }

    function _wrong(IProblems.AwardState state) private view returns (bytes memory) {
        return abi.encodeWithSelector(IProblems.ProblemsWrongAwardState.selector, id, 0, state);
    }

    // --------------------------------------------------------------------------------------------------------- funding

    /// @dev Each milestone becomes one award and one lock, which expires when nobody can decide about it any more.
    function test_fund_locksEachMilestone(uint8 count, uint64 amount, uint64 due) public {
        count = uint8(_between(count, 1, 32));
        amount = uint64(_between(amount, 1, type(uint64).max));
        due = uint64(_between(due, START + 1, START + 3650 days));
        IProblems.Milestone[] memory list = new IProblems.Milestone[](count);
        for (uint256 i; i < count; ++i) {
            list[i] = IProblems.Milestone(amount, due);
        }
        _deposit(vault, _account(PAYER), address(token), uint256(amount) * count);
        uint64 expiry = due + CHALLENGE_SECONDS + RESOLVE;
        vm.expectEmit(address(problems));
        emit IProblems.Funded(id, 0, PAYER, problems.lockOf(id, 0), address(token), amount, due, expiry);
        vm.prank(_account(PAYER));
        problems.fund(id, list, address(token));
        vm.assertEq(problems.problem(id).awards, count);
        for (uint256 i; i < count; ++i) {
            IVault.Lock memory lock = vault.lockOf(problems.lockOf(id, i));
            vm.assertEq(lock.amount, amount);
            vm.assertEq(lock.expiry, expiry);
            vm.assertEq(lock.payer, _account(PAYER));
            vm.assertEq(lock.controller, address(problems));
            vm.assertEq(problems.awardOf(id, i).payer, PAYER);
        }
        vm.assertEq(vault.locked(address(token)), uint256(amount) * count);
        _assertConserved(vault, address(token));
    }

    /// @dev Several payers, tokens and calls: awards are numbered through.
    function test_fund_numbersAwardsThrough(uint64 coin) public {
        coin = uint64(_between(coin, 1, type(uint64).max));
        _fund(id);
        _deposit(vault, _account(OWNER), COIN, coin);
        vm.prank(_account(OWNER));
        problems.fund(id, _milestones(coin, DUE), COIN);
        vm.assertEq(problems.problem(id).awards, 2);
        vm.assertEq(vault.lockOf(problems.lockOf(id, 1)).amount, coin);
        vm.assertEq(problems.awardOf(id, 1).payer, OWNER);
    }

    /// @dev Who may not, what is no milestone, and money that is not there.
    function test_fund_failsOnBadInput() public {
        address money = address(token);
        address payer = _account(PAYER);
        _refuseFund("stranger", address(0x57), _milestones(1, DUE), _notMember(address(0x57)));
        _refuseFund(
            "the judge pays",
            _account(JUDGE),
            _milestones(1, DUE),
            abi.encodeWithSelector(IProblems.ProblemsConflict.selector, JUDGE)
        );
        _refuseFund(
            "no credit",
            payer,
            _milestones(1, DUE),
            abi.encodeWithSelector(ERC6909.ERC6909InsufficientBalance.selector, payer, 0, 1, uint256(uint160(money)))
        );
        _deposit(vault, payer, money, AMOUNT);
        uint256[2] memory counts = [uint256(0), 33];
        for (uint256 i; i < 2; ++i) {
            bytes memory error = abi.encodeWithSelector(IProblems.ProblemsMilestonesInvalid.selector, counts[i]);
            _refuseFund("count", payer, new IProblems.Milestone[](counts[i]), error);
        }
        _refuseMilestone(0, DUE);
        _refuseMilestone(1, uint64(START));
        _refuseMilestone(1, uint64(START + 3650 days + 1));
        _refuseMilestone(1, type(uint64).max);
    }

    function _notMember(address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IProblems.ProblemsNotMember.selector, caller);
    }

    /// @dev The second of two is wrong: nothing is locked of the first either.
    function _refuseMilestone(uint256 amount, uint64 due) private {
        IProblems.Milestone[] memory list = new IProblems.Milestone[](2);
        (list[0], list[1]) = (IProblems.Milestone(1, DUE), IProblems.Milestone(amount, due));
        bytes memory error = abi.encodeWithSelector(IProblems.ProblemsMilestoneInvalid.selector, 1, amount, due);
        _refuseFund("milestone", _account(PAYER), list, error);
    }

    function _refuseFund(string memory name, address caller, IProblems.Milestone[] memory list, bytes memory error)
        private
    {
        _assertRefused(name, caller, abi.encodeCall(problems.fund, (id, list, address(token))), error);
    }

    /// @dev Without a judge nobody could ever say who earned it; after the deadline nobody starts to work on it.
    function test_fund_failsOnProblemsWithoutJudgeOrTime() public {
        vm.prank(_account(OWNER));
        bytes32 plain = problems.state("plain", PURPOSE, 0, DEADLINE);
        IProblems.Milestone[] memory list = _milestones(1, DUE);
        _assertRefused(
            "no judge",
            _account(PAYER),
            abi.encodeCall(problems.fund, (plain, list, COIN)),
            abi.encodeWithSelector(IProblems.ProblemsJudgeMissing.selector, plain)
        );
        vm.warp(DEADLINE);
        bytes memory notOpen = abi.encodeWithSelector(IProblems.ProblemsNotOpen.selector, id);
        _refuseFund("deadline", _account(PAYER), _milestones(1, DEADLINE + 1), notOpen);
    }

    /// @dev A use that the members banned since gets no more money; what lies on it goes its way.
    function test_fund_failsOnceTheUseIsBanned() public {
        _fund(id);
        _deposit(vault, _account(PAYER), address(token), AMOUNT);
        vm.prank(address(timelock));
        data.changeBanned(BIT, 0);
        bytes memory banned = abi.encodeWithSelector(IProblems.ProblemsBannedUse.selector, PURPOSE);
        _refuseFund("banned", _account(PAYER), _milestones(1, DUE), banned);
        _judge(id);
    }

    // ----------------------------------------------------------------------------------------------------------- table

    /// @dev Every stage of an award and every act on it: the listed ones succeed, all others are refused with the named
    /// error and change nothing.
    function test_awards_onlyTheListedEdges() public {
        for (uint256 stage; stage <= uint256(Stage.Expired); ++stage) {
            bytes4[7] memory row = _row(Stage(stage));
            for (uint256 act; act < 7; ++act) {
                uint256 fresh = vm.snapshotState();
                _bring(Stage(stage));
                _tryAct(Stage(stage), Act(act), row[act]);
                vm.revertToState(fresh);
            }
        }
    }

    /// @dev By act: 0 = it succeeds, else the error.
    function _row(Stage stage) private pure returns (bytes4[7] memory) {
        bytes4 w = IProblems.ProblemsWrongAwardState.selector;
        bytes4 late = IProblems.ProblemsDuePassed.selector;
        bytes4 early = IProblems.ProblemsNotDue.selector;
        bytes4 over = IProblems.ProblemsWindowOver.selector;
        bytes4 waits = IProblems.ProblemsWindowOpen.selector;
        bytes4 gone = IVault.VaultLockExpired.selector;
        if (stage == Stage.Open) return [bytes4(0), w, w, w, w, 0, early];
        if (stage == Stage.Due || stage == Stage.OpenExpired) return [late, w, w, w, w, 0, 0];
        if (stage == Stage.Judged) return [w, 0, waits, w, w, w, w];
        if (stage == Stage.Settleable) return [w, over, 0, w, w, w, w];
        if (stage == Stage.JudgedExpired) return [w, over, gone, w, w, 0, 0];
        if (stage == Stage.Challenged) return [w, w, w, 0, 0, w, w];
        if (stage == Stage.ChallengedExpired) return [w, w, w, gone, 0, 0, 0];
        return [w, w, w, w, w, w, w];
    }

    function _bring(Stage stage) private {
        if (stage == Stage.Nothing) return;
        _fund(id);
        if (stage == Stage.Open) return;
        if (stage == Stage.Due) return vm.warp(DUE);
        if (stage == Stage.OpenExpired) return vm.warp(EXPIRY);
        if (stage == Stage.Refunded) return _refund(JUDGE);
        _judge(id);
        if (stage == Stage.Challenged || stage == Stage.ChallengedExpired) _challenge(id);
        if (stage == Stage.Settleable || stage == Stage.Paid) vm.warp(START + CHALLENGE_SECONDS);
        if (stage == Stage.Paid) problems.settle(id, 0);
        if (stage == Stage.JudgedExpired || stage == Stage.ChallengedExpired || stage == Stage.Expired) {
            vm.warp(EXPIRY);
        }
        if (stage == Stage.Expired) vault.expire(problems.lockOf(id, 0));
    }

    function _refund(uint256 member) private {
        vm.prank(_account(member));
        problems.refund(id, 0);
    }

    function _tryAct(Stage stage, Act act, bytes4 expected) private {
        string memory name = string.concat(vm.toString(uint256(stage)), " ", vm.toString(uint256(act)));
        bytes32 before = _fingerprint(id);
        IProblems.AwardState state = _stateOf();
        vm.prank(_actor(act));
        (bool done, bytes memory answer) = address(problems).call(_callOf(act));
        vm.assertTrue(done == (expected == 0), name);
        if (done) return _assertAfter(act, name);
        vm.assertEq(bytes32(answer), bytes32(abi.encodePacked(expected, bytes28(_tail(answer)))), name);
        if (expected == IProblems.ProblemsWrongAwardState.selector) {
            vm.assertEq(keccak256(answer), keccak256(_wrong(state)), name);
        }
        vm.assertEq(before, _fingerprint(id), name);
    }

    /// @dev What follows the selector in the first word.
    function _tail(bytes memory answer) private pure returns (bytes32) {
        return bytes32(answer) << 32;
    }

    function _actor(Act act) private view returns (address) {
        if (act == Act.Judge || act == Act.RefundByJudge) return _account(JUDGE);
        if (act == Act.Challenge) return _account(PAYER);
        if (act == Act.ResolvePay || act == Act.ResolveBack) return address(timelock);
        return address(0xA4B0D1);
    }

    function _callOf(Act act) private view returns (bytes memory) {
        if (act == Act.Judge) return abi.encodeCall(problems.judge, (id, 0, SOLVER));
        if (act == Act.Challenge) return abi.encodeCall(problems.challenge, (id, 0, "reason"));
        if (act == Act.Settle) return abi.encodeCall(problems.settle, (id, 0));
        if (act == Act.ResolvePay) return abi.encodeCall(problems.resolve, (id, 0, true));
        if (act == Act.ResolveBack) return abi.encodeCall(problems.resolve, (id, 0, false));
        return abi.encodeCall(problems.refund, (id, 0));
    }

    /// @dev Where each act leads, and where the money is then.
    function _assertAfter(Act act, string memory name) private view {
        bool paid = act == Act.Settle || act == Act.ResolvePay;
        bool waits = act == Act.Judge || act == Act.Challenge;
        IProblems.AwardState expected = IProblems.AwardState.Refunded;
        if (act == Act.Judge) expected = IProblems.AwardState.Judged;
        if (act == Act.Challenge) expected = IProblems.AwardState.Challenged;
        if (paid) expected = IProblems.AwardState.Paid;
        vm.assertEq(uint256(_stateOf()), uint256(expected), name);
        vm.assertEq(_creditOf(vault, _account(SOLVER), address(token)), paid ? AMOUNT : 0, name);
        vm.assertEq(_creditOf(vault, _account(PAYER), address(token)), paid || waits ? 0 : AMOUNT, name);
        vm.assertEq(vault.locked(address(token)), waits ? AMOUNT : 0, name);
        _assertConserved(vault, address(token));
    }

    // --------------------------------------------------------------------------------------------------------- judging

    /// @dev Until the award is due, to the second, and the window is as long as the rules said when it was funded.
    function test_judge_opensTheWindow(uint64 time, uint32 changed) public {
        _fund(id);
        vm.prank(address(timelock));
        problems.setRules(IProblems.ProblemRules(0, uint32(_between(changed, 0, 90 days))));
        uint64 then = uint64(_between(time, START, DUE - 1));
        vm.warp(then);
        vm.expectEmit(address(problems));
        emit IProblems.Judged(id, 0, SOLVER, then + CHALLENGE_SECONDS);
        _judge(id);
        IProblems.Award memory award = problems.awardOf(id, 0);
        vm.assertEq(award.solver, SOLVER);
        vm.assertEq(award.windowUntil, then + CHALLENGE_SECONDS);
    }

    /// @dev Who may be paid: every member by its part in the problem.
    function test_judge_conflicts() public {
        _fund(id);
        for (uint256 member; member <= OTHER + 1; ++member) {
            uint256 fresh = vm.snapshotState();
            bytes memory call = abi.encodeCall(problems.judge, (id, 0, member));
            bytes memory error = member == OWNER || member == JUDGE
                ? abi.encodeWithSelector(IProblems.ProblemsConflict.selector, member)
                : abi.encodeWithSelector(IProblems.ProblemsMemberInvalid.selector, member);
            if (member == OWNER || member == JUDGE || member == 0 || member > OTHER) {
                _assertRefused("solver", _account(JUDGE), call, error);
            } else {
                vm.prank(_account(JUDGE));
                problems.judge(id, 0, member);
            }
            vm.revertToState(fresh);
        }
        _suspendMember(SOLVER);
        _assertRefused(
            "suspended",
            _account(JUDGE),
            abi.encodeCall(problems.judge, (id, 0, SOLVER)),
            abi.encodeWithSelector(IProblems.ProblemsMemberInvalid.selector, SOLVER)
        );
    }

    /// @dev Nobody else judges, and not a judge that may not act.
    function test_judge_failsForOthers() public {
        _fund(id);
        bytes memory call = abi.encodeCall(problems.judge, (id, 0, SOLVER));
        for (uint256 member = OWNER; member <= OTHER; ++member) {
            if (member == JUDGE) continue;
            address account = _account(member);
            bytes memory error = abi.encodeWithSelector(IProblems.ProblemsNotJudge.selector, id, account);
            _assertRefused("member", account, call, error);
        }
        _suspendMember(JUDGE);
        _assertRefused("suspended", _account(JUDGE), call, _notMember(_account(JUDGE)));
        bytes memory early = abi.encodeWithSelector(IProblems.ProblemsNotDue.selector, id, 0, DUE);
        _assertRefused("refund", _account(JUDGE), abi.encodeCall(problems.refund, (id, 0)), early);
    }

    /// @dev A problem without a judge has no judge called 0: whoever is no member judges nothing there.
    function test_judge_failsWithoutJudge() public {
        vm.prank(_account(OWNER));
        bytes32 plain = problems.state("plain", PURPOSE, 0, DEADLINE);
        _assertRefused(
            "nobody",
            address(0x57),
            abi.encodeCall(problems.judge, (plain, 0, SOLVER)),
            abi.encodeWithSelector(IProblems.ProblemsNotJudge.selector, plain, address(0x57))
        );
    }

    /// @dev Owner, payer and auditors may challenge until the window is over, to the second; nobody else.
    function test_challenge_whoAndWhen(uint32 wait) public {
        _fund(id);
        _judge(id);
        uint64 until = uint64(START) + CHALLENGE_SECONDS;
        vm.warp(_between(wait, START, until - 1));
        for (uint256 member = OWNER; member <= OTHER; ++member) {
            uint256 fresh = vm.snapshotState();
            bytes memory call = abi.encodeCall(problems.challenge, (id, 0, "reason"));
            address account = _account(member);
            if (member == OWNER || member == PAYER || member == AUDITOR) {
                vm.expectEmit(address(problems));
                emit IProblems.AwardChallenged(id, 0, member, "reason");
                vm.prank(account);
                problems.challenge(id, 0, "reason");
            } else {
                bytes memory error = abi.encodeWithSelector(IProblems.ProblemsNoStanding.selector, id, 0, account);
                _assertRefused("no standing", account, call, error);
            }
            vm.revertToState(fresh);
        }
        vm.warp(until);
        bytes memory late = abi.encodeWithSelector(IProblems.ProblemsWindowOver.selector, id, 0, until);
        _assertRefused("late", _account(PAYER), abi.encodeCall(problems.challenge, (id, 0, "reason")), late);
    }

    /// @dev Paid is the account that acts for the solver then, not the one that did when it was judged.
    function test_settle_followsARecovery() public {
        _fund(id);
        _judge(id);
        for (uint256 i; i < 2; ++i) {
            vm.prank(_registrar(i));
            membership.recover(SOLVER, address(0x4EC0));
        }
        vm.warp(START + 8 days);
        membership.finishRecovery(SOLVER);
        vm.expectEmit(address(problems));
        emit IProblems.AwardPaid(id, 0, SOLVER, address(0x4EC0));
        problems.settle(id, 0);
        vm.assertEq(_creditOf(vault, address(0x4EC0), address(token)), AMOUNT);
    }

    /// @dev Only the members' vote decides what was challenged.
    function test_resolve_onlyByTheTimelock(address caller, bool pay) public {
        vm.assume(caller != address(timelock) && caller != address(forwarder));
        _fund(id);
        _judge(id);
        _challenge(id);
        _assertRefused(
            "caller",
            caller,
            abi.encodeCall(problems.resolve, (id, 0, pay)),
            abi.encodeWithSelector(IGoverned.GovernedNotTimelock.selector, caller)
        );
    }

    /// @dev Whatever happened and whoever is gone, from its expiry on anybody gives the money back by the vault alone.
    function test_timeout_alwaysReturnsTheMoney(uint8 stage, address anybody) public {
        Stage[5] memory waiting = [Stage.Open, Stage.Due, Stage.Judged, Stage.Settleable, Stage.Challenged];
        _bring(waiting[stage % 5]);
        _suspendMember(OWNER);
        _suspendMember(JUDGE);
        _suspendMember(PAYER);
        vm.warp(EXPIRY);
        bytes32 lockId = problems.lockOf(id, 0);
        vm.prank(anybody);
        vault.expire(lockId);
        vm.assertEq(uint256(_stateOf()), uint256(IProblems.AwardState.Refunded));
        vm.assertEq(_creditOf(vault, _account(PAYER), address(token)), AMOUNT);
        _assertConserved(vault, address(token));
    }
}
