// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Problems} from "../../src/Problems.sol";
import {Vault} from "../../src/Vault.sol";
import {IProblems} from "../../src/interfaces/IProblems.sol";
import {ProblemsTest} from "../base/ProblemsTest.sol";

/// @notice Three problems with a judge each, funded, judged, challenged, resolved, paid and refunded in any order; beside
/// it the money is counted by hand.
contract ProblemsHandler is ProblemsTest {
    uint256 private constant MEMBERS = 7;

    /// @dev An award as this contract remembers it.
    struct Kept {
        bytes32 problemId;
        uint256 number;
        uint256 amount;
        uint256 payer;
        uint256 solver;
        IProblems.AwardState state;
    }

    bytes32[3] private _ids;
    Kept[] private _kept;
    uint256 public funded;
    uint256 public paid;
    uint256 public refunded;
    mapping(uint256 member => uint256) public credit;
    uint256 public taken;

    constructor() {
        super.setUp();
        for (uint256 i; i < 3; ++i) {
            vm.prank(_account(OWNER));
            _ids[i] = problems.state(bytes32(i + 1), PURPOSE, JUDGE + i % 2 * 5, uint64(START + 1000 days));
        }
    }

    function setUp() public override {}

    function count() external view returns (uint256) {
        return _kept.length;
    }

    function kept(uint256 index) external view returns (Kept memory) {
        return _kept[index];
    }

    function contracts() external view returns (Problems, Vault, address) {
        return (problems, vault, address(token));
    }

    function accountOf(uint256 member) external pure returns (address) {
        return _account(member);
    }

    function fund(uint256 word) external {
        bytes32 id = _ids[word % 3];
        uint256 payer = _between(word >> 8, OWNER, MEMBERS);
        if (payer == problems.judgeOf(id)) return;
        uint256 amount = _between(word >> 16, 1, 1e30);
        uint64 due = uint64(vm.getBlockTimestamp() + _between(word >> 128, 1, 60 days));
        _deposit(vault, _account(payer), address(token), amount);
        uint256 number = problems.problem(id).awards;
        IProblems.Milestone[] memory list = _milestones(amount, due);
        vm.prank(_account(payer));
        problems.fund(id, list, address(token));
        _kept.push(Kept(id, number, amount, payer, 0, IProblems.AwardState.Open));
        funded += amount;
    }

    function judge(uint256 word) external {
        (bool found, Kept storage one, IProblems.Award memory award) = _pick(word, IProblems.AwardState.Open);
        if (!found || vm.getBlockTimestamp() >= award.due) return;
        uint256 solver = _between(word >> 64, OWNER, MEMBERS);
        uint256 judge_ = problems.judgeOf(one.problemId);
        bytes memory call = abi.encodeCall(problems.judge, (one.problemId, one.number, solver));
        if (solver == OWNER || solver == judge_) return _attempt(_account(judge_), call);
        vm.prank(_account(judge_));
        problems.judge(one.problemId, one.number, solver);
        (one.solver, one.state) = (solver, IProblems.AwardState.Judged);
    }

    function challenge(uint256 word) external {
        (bool found, Kept storage one, IProblems.Award memory award) = _pick(word, IProblems.AwardState.Judged);
        if (!found || vm.getBlockTimestamp() >= award.windowUntil) return;
        vm.prank(_account(word % 2 == 0 ? AUDITOR : one.payer));
        problems.challenge(one.problemId, one.number, "reason");
        one.state = IProblems.AwardState.Challenged;
    }

    function settle(uint256 word) external {
        (bool found, Kept storage one, IProblems.Award memory award) = _pick(word, IProblems.AwardState.Judged);
        if (!found) return;
        bytes memory call = abi.encodeCall(problems.settle, (one.problemId, one.number));
        bool early = vm.getBlockTimestamp() < award.windowUntil;
        if (early || _isExpired(one)) return _attempt(_account(one.solver), call);
        problems.settle(one.problemId, one.number);
        _payOut(one);
    }

    function resolve(uint256 word) external {
        (bool found, Kept storage one,) = _pick(word, IProblems.AwardState.Challenged);
        if (!found) return;
        bool pay = word >> 200 & 1 == 1;
        if (pay && _isExpired(one)) return;
        vm.prank(address(timelock));
        problems.resolve(one.problemId, one.number, pay);
        if (pay) _payOut(one);
        else _giveBack(one);
    }

    function refund(uint256 word) external {
        if (_kept.length == 0) return;
        Kept storage one = _kept[word % _kept.length];
        IProblems.Award memory award = problems.awardOf(one.problemId, one.number);
        bool waits = one.state == IProblems.AwardState.Open || _isExpired(one);
        bool over = one.state == IProblems.AwardState.Paid || one.state == IProblems.AwardState.Refunded;
        bytes memory call = abi.encodeCall(problems.refund, (one.problemId, one.number));
        if (over || !waits) return _attempt(_account(problems.judgeOf(one.problemId)), call);
        bool byJudge = word >> 200 & 1 == 1;
        if (!byJudge && vm.getBlockTimestamp() < award.due) return _attempt(_account(OTHER - 1), call);
        address judge_ = _account(problems.judgeOf(one.problemId));
        vm.prank(byJudge ? judge_ : address(0xA4B0D1));
        problems.refund(one.problemId, one.number);
        _giveBack(one);
    }

    function expire(uint256 word) external {
        if (_kept.length == 0) return;
        Kept storage one = _kept[word % _kept.length];
        bool over = one.state == IProblems.AwardState.Paid || one.state == IProblems.AwardState.Refunded;
        if (over || !_isExpired(one)) return;
        vault.expire(problems.lockOf(one.problemId, one.number));
        _giveBack(one);
    }

    function wait_(uint256 word) external {
        uint256 then = vm.getBlockTimestamp() + _between(word, 1, word % 5 == 0 ? 80 days : 4 days);
        if (then < START + 900 days) vm.warp(then);
    }

    function _payOut(Kept storage one) private {
        one.state = IProblems.AwardState.Paid;
        paid += one.amount;
        credit[one.solver] += one.amount;
    }

    function _giveBack(Kept storage one) private {
        one.state = IProblems.AwardState.Refunded;
        refunded += one.amount;
        credit[one.payer] += one.amount;
    }

    function _attempt(address caller, bytes memory call) private {
        vm.prank(caller);
        (bool done,) = address(problems).call(call);
        if (done) ++taken;
    }

    /// @dev The first award in `state` from a drawn place on.
    function _pick(uint256 word, IProblems.AwardState state)
        private
        view
        returns (bool found, Kept storage one, IProblems.Award memory award)
    {
        Kept[] storage all = _kept;
        one = all.length == 0 ? _nothing() : all[0];
        for (uint256 i; i < all.length; ++i) {
            one = all[(word % all.length + i) % all.length];
            if (one.state == state) return (true, one, problems.awardOf(one.problemId, one.number));
        }
    }

    /// @dev A place in storage that is never written to.
    function _nothing() private pure returns (Kept storage one) {
        assembly ("memory-safe") {
            one.slot := 0xDEAD
        }
    }

    function _isExpired(Kept storage one) private view returns (bool) {
        return vm.getBlockTimestamp() >= vault.lockOf(problems.lockOf(one.problemId, one.number)).expiry;
    }
}
