// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "./base/Governed.sol";
import {IDataRegistry} from "./interfaces/IDataRegistry.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {IProblems} from "./interfaces/IProblems.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Authority} from "./types/Authority.sol";

/// @title Problems
contract Problems is IProblems, Governed {
    /// @dev After the last possible challenge the members have this long to decide; then the money goes back.
    uint64 private constant RESOLVE_SECONDS = 60 days;
    /// @dev A slip of the hand, such as milliseconds, would lock money or problems away.
    uint64 private constant LATEST_DUE = 3650 days;
    uint32 private constant LONGEST_RULE = 90 days;
    uint256 private constant MOST_MILESTONES = 32;

    IMembership private immutable _membership;
    IDataRegistry private immutable _data;
    IVault private immutable _vault;

    ProblemRules private _rules;
    mapping(bytes32 problemId => Problem) private _problems;
    mapping(bytes32 problemId => mapping(uint256 award => Award)) private _awards;
    mapping(bytes32 problemId => mapping(uint256 memberId => bytes32)) private _commitments;
    mapping(bytes32 problemId => mapping(uint256 memberId => bytes32)) private _submissions;

    constructor(
        IMembership membership,
        IDataRegistry data,
        IVault vault,
        ProblemRules memory rules_,
        Authority memory authority
    ) Governed(authority) {
        (_membership, _data, _vault) = (membership, data, vault);
        _setRules(rules_);
    }

    // ------------------------------------------------------------------------------------------------------- statement

    /// @inheritdoc IProblems
    function state(bytes32 document, bytes32 purpose, uint256 judge_, uint64 deadline)
        external
        returns (bytes32 problemId)
    {
        return _state(document, purpose, judge_, deadline);
    }

    /// @inheritdoc IProblems
    function stateContest(
        bytes32 document,
        bytes32 purpose,
        uint256 judge_,
        uint64 deadline,
        uint64 commitUntil,
        uint64 revealUntil
    ) external returns (bytes32 problemId) {
        problemId = _state(document, purpose, judge_, deadline);
        Problem storage made = _problems[problemId];
        if (commitUntil <= made.reviewUntil || revealUntil <= commitUntil) {
            revert ProblemsContestInvalid(commitUntil, revealUntil);
        }
        (made.commitUntil, made.revealUntil) = (commitUntil, revealUntil);
        emit ContestStated(problemId, commitUntil, revealUntil);
    }

    /// @inheritdoc IProblems
    function sendBack(bytes32 problemId, bytes32 reason) external {
        uint256 memberId = _activeCaller();
        if (!_membership.hasRole(memberId, IMembership.Role.EthicsBoard)) revert ProblemsNotEthicsBoard(_msgSender());
        _checkState(problemId, ProblemState.Review);
        _problems[problemId].state = ProblemState.Draft;
        emit SentBack(problemId, memberId, reason);
    }

    /// @inheritdoc IProblems
    function amend(bytes32 problemId, bytes32 document) external {
        Problem storage stored = _owned(problemId);
        _checkState(problemId, ProblemState.Draft);
        _checkStatement(document, stored.purpose, stored.deadline);
        bytes32 previous = stored.document;
        stored.document = document;
        _review(stored);
        emit Amended(problemId, previous, document, stored.reviewUntil);
    }

    /// @inheritdoc IProblems
    function close(bytes32 problemId) external {
        if (_stateOf(_problems[problemId]) != ProblemState.Open) revert ProblemsNotOpen(problemId);
        Problem storage stored = _owned(problemId);
        stored.state = ProblemState.Closed;
        emit Closed(problemId, stored.owner);
    }

    // ------------------------------------------------------------------------------------------------------- contest

    /// @inheritdoc IProblems
    function commit(bytes32 problemId, bytes32 commitment) external {
        uint256 memberId = _activeCaller();
        Problem storage stored = _problems[problemId];
        ProblemState current = _stateOf(stored);
        if (current < ProblemState.Open) revert ProblemsWrongState(problemId, current);
        _checkTime(problemId, 0, stored.commitUntil);
        _checkHasNoPart(stored, memberId);
        if (commitment == 0) revert ProblemsDocumentMissing();
        if (_commitments[problemId][memberId] != 0) revert ProblemsAlreadyCommitted(problemId, memberId);
        _commitments[problemId][memberId] = commitment;
        emit SubmissionCommitted(problemId, memberId, commitment);
    }

    /// @inheritdoc IProblems
    function reveal(bytes32 problemId, bytes32 submission, bytes32 salt) external {
        uint256 memberId = _activeCaller();
        _checkTime(problemId, _problems[problemId].commitUntil, _problems[problemId].revealUntil);
        if (submission == 0) revert ProblemsDocumentMissing();
        if (_submissions[problemId][memberId] != 0) revert ProblemsAlreadyRevealed(problemId, memberId);
        bytes32 expected = _commitments[problemId][memberId];
        bytes32 got = keccak256(abi.encode(problemId, memberId, submission, salt));
        if (expected != got) revert ProblemsCommitmentMismatch(expected, got);
        _submissions[problemId][memberId] = submission;
        emit SubmissionRevealed(problemId, memberId, submission);
    }

    // ---------------------------------------------------------------------------------------------------------- awards

    /// @inheritdoc IProblems
    function fund(bytes32 problemId, Milestone[] calldata milestones, address token) external {
        uint256 payer = _activeCaller();
        Problem storage stored = _problems[problemId];
        if (!_isOpen(stored)) revert ProblemsNotOpen(problemId);
        _checkPurpose(stored.purpose);
        if (stored.judge == 0) revert ProblemsJudgeMissing(problemId);
        if (stored.judge == payer) revert ProblemsConflict(payer);
        uint256 count = milestones.length;
        if (count == 0 || count > MOST_MILESTONES) revert ProblemsMilestonesInvalid(count);
        for (uint256 i; i < count; ++i) {
            _checkMilestone(milestones[i], i, stored.revealUntil);
            _fund(problemId, stored.awards++, payer, milestones[i], token);
        }
    }

    /// @inheritdoc IProblems
    function judge(bytes32 problemId, uint256 award, uint256 solverId) external {
        Problem storage stored = _problems[problemId];
        if (stored.judge == 0 || stored.judge != _activeCaller()) revert ProblemsNotJudge(problemId, _msgSender());
        Award storage judged = _awardIn(problemId, award, AwardState.Open);
        if (block.timestamp >= judged.due) revert ProblemsDuePassed(problemId, award, judged.due);
        _checkHasNoPart(stored, solverId);
        _checkRevealed(problemId, stored, solverId);
        judged.state = AwardState.Judged;
        judged.solver = solverId;
        judged.windowUntil = uint64(block.timestamp) + judged.challengeSeconds;
        emit Judged(problemId, award, solverId, judged.windowUntil);
    }

    /// @inheritdoc IProblems
    function challenge(bytes32 problemId, uint256 award, bytes32 reason) external {
        uint256 memberId = _activeCaller();
        Award storage judged = _awardIn(problemId, award, AwardState.Judged);
        if (block.timestamp >= judged.windowUntil) revert ProblemsWindowOver(problemId, award, judged.windowUntil);
        if (
            memberId != _problems[problemId].owner && memberId != judged.payer
                && !_membership.hasRole(memberId, IMembership.Role.Auditor)
        ) revert ProblemsNoStanding(problemId, award, _msgSender());
        judged.state = AwardState.Challenged;
        emit AwardChallenged(problemId, award, memberId, reason);
    }

    /// @inheritdoc IProblems
    function settle(bytes32 problemId, uint256 award) external {
        Award storage judged = _awardIn(problemId, award, AwardState.Judged);
        if (block.timestamp < judged.windowUntil) revert ProblemsWindowOpen(problemId, award, judged.windowUntil);
        _pay(problemId, award, judged);
    }

    /// @inheritdoc IProblems
    function resolve(bytes32 problemId, uint256 award, bool pay) external {
        _checkTimelock();
        Award storage challenged = _awardIn(problemId, award, AwardState.Challenged);
        if (pay) return _pay(problemId, award, challenged);
        _refunded(problemId, award, challenged);
        _vault.refund(lockOf(problemId, award));
    }

    /// @inheritdoc IProblems
    function refund(bytes32 problemId, uint256 award) external {
        bytes32 lockId = lockOf(problemId, award);
        bool isExpired = block.timestamp >= _vault.lockOf(lockId).expiry;
        Award storage ended = isExpired ? _waiting(problemId, award) : _awardIn(problemId, award, AwardState.Open);
        if (block.timestamp < ended.due && !_isJudge(problemId)) revert ProblemsNotDue(problemId, award, ended.due);
        _refunded(problemId, award, ended);
        if (isExpired) _vault.expire(lockId);
        else _vault.refund(lockId);
    }

    // ----------------------------------------------------------------------------------------------------------- rules

    /// @inheritdoc IProblems
    function setRules(ProblemRules calldata rules_) external {
        _checkTimelock();
        _setRules(rules_);
    }

    /// @inheritdoc IProblems
    function rules() external view returns (ProblemRules memory) {
        return _rules;
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IProblems
    function problem(bytes32 problemId) external view returns (Problem memory record) {
        record = _problems[problemId];
        record.state = _stateOf(_problems[problemId]);
    }

    /// @inheritdoc IProblems
    function ownerOf(bytes32 problemId) external view returns (uint256) {
        return _problems[problemId].owner;
    }

    /// @inheritdoc IProblems
    function judgeOf(bytes32 problemId) external view returns (uint256) {
        return _problems[problemId].judge;
    }

    /// @inheritdoc IProblems
    function isOpen(bytes32 problemId) external view returns (bool) {
        return _isOpen(_problems[problemId]);
    }

    /// @inheritdoc IProblems
    function awardOf(bytes32 problemId, uint256 award) external view returns (Award memory record) {
        record = _awards[problemId][award];
        record.state = _awardState(problemId, award);
    }

    /// @inheritdoc IProblems
    function lockOf(bytes32 problemId, uint256 award) public pure returns (bytes32) {
        return keccak256(abi.encode("award", problemId, award));
    }

    /// @inheritdoc IProblems
    function commitmentOf(bytes32 problemId, uint256 memberId) external view returns (bytes32) {
        return _commitments[problemId][memberId];
    }

    /// @inheritdoc IProblems
    function submissionOf(bytes32 problemId, uint256 memberId) external view returns (bytes32) {
        return _submissions[problemId][memberId];
    }

    // --------------------------------------------------------------------------------------------------------- private

    function _setRules(ProblemRules memory rules_) private {
        if (rules_.reviewSeconds > LONGEST_RULE || rules_.challengeSeconds > LONGEST_RULE) {
            revert ProblemsRulesInvalid(rules_.reviewSeconds, rules_.challengeSeconds);
        }
        _rules = rules_;
        emit RulesSet(rules_.reviewSeconds, rules_.challengeSeconds);
    }

    function _state(bytes32 document, bytes32 purpose, uint256 judge_, uint64 deadline)
        private
        returns (bytes32 problemId)
    {
        uint256 owner = _activeCaller();
        _checkStatement(document, purpose, deadline);
        if (judge_ == owner) revert ProblemsConflict(judge_);
        if (judge_ != 0 && !_membership.isActive(judge_)) revert ProblemsMemberInvalid(judge_);
        problemId = keccak256(abi.encode(block.chainid, address(this), owner, document, deadline));
        Problem storage made = _problems[problemId];
        if (made.state != ProblemState.None) revert ProblemsAlreadyStated(problemId);
        (made.owner, made.judge, made.document, made.purpose, made.deadline) =
        (owner, judge_, document, purpose, deadline);
        _review(made);
        emit Stated(problemId, owner, judge_, document, purpose, deadline, made.reviewUntil);
    }

    /// @dev Without a review period the review is over in the second in which it begins: `_stateOf` says Open.
    function _review(Problem storage stored) private {
        stored.state = ProblemState.Review;
        stored.reviewUntil = uint64(block.timestamp) + _rules.reviewSeconds;
    }

    function _fund(bytes32 problemId, uint256 award, uint256 payer, Milestone calldata milestone, address token)
        private
    {
        uint32 window = _rules.challengeSeconds;
        uint64 expiry = milestone.due + window + RESOLVE_SECONDS;
        _awards[problemId][award] = Award(payer, 0, milestone.due, window, 0, AwardState.Open);
        bytes32 lockId = lockOf(problemId, award);
        _vault.lock(lockId, _msgSender(), token, milestone.amount, expiry);
        emit Funded(problemId, award, payer, lockId, token, milestone.amount, milestone.due, expiry);
    }

    /// @dev The account that acts for the solver now: a recovery moves what was not paid yet.
    function _pay(bytes32 problemId, uint256 award, Award storage paid) private {
        address account = _membership.accountOf(paid.solver);
        paid.state = AwardState.Paid;
        emit AwardPaid(problemId, award, paid.solver, account);
        _vault.release(lockOf(problemId, award), account);
    }

    function _refunded(bytes32 problemId, uint256 award, Award storage ended) private {
        ended.state = AwardState.Refunded;
        emit AwardRefunded(problemId, award, ended.payer);
    }

    /// @dev A review that nobody used ends by itself.
    function _stateOf(Problem storage stored) private view returns (ProblemState) {
        if (stored.state == ProblemState.Review && block.timestamp >= stored.reviewUntil) return ProblemState.Open;
        return stored.state;
    }

    function _isOpen(Problem storage stored) private view returns (bool) {
        return _stateOf(stored) == ProblemState.Open && block.timestamp < stored.deadline;
    }

    /// @dev Anybody may let an expired lock go back in the vault itself, which tells nobody.
    function _awardState(bytes32 problemId, uint256 award) private view returns (AwardState) {
        bool isExpired = _vault.lockOf(lockOf(problemId, award)).state == IVault.LockState.Expired;
        return isExpired ? AwardState.Refunded : _awards[problemId][award].state;
    }

    function _awardIn(bytes32 problemId, uint256 award, AwardState expected) private view returns (Award storage) {
        AwardState current = _awardState(problemId, award);
        if (current != expected) revert ProblemsWrongAwardState(problemId, award, current);
        return _awards[problemId][award];
    }

    /// @dev An award whose money is still in its lock.
    function _waiting(bytes32 problemId, uint256 award) private view returns (Award storage) {
        AwardState current = _awardState(problemId, award);
        if (current == AwardState.None || current > AwardState.Challenged) {
            revert ProblemsWrongAwardState(problemId, award, current);
        }
        return _awards[problemId][award];
    }

    function _owned(bytes32 problemId) private view returns (Problem storage stored) {
        stored = _problems[problemId];
        if (stored.owner == 0 || stored.owner != _activeCaller()) revert ProblemsNotOwner(problemId, _msgSender());
    }

    function _activeCaller() private view returns (uint256 memberId) {
        memberId = _membership.memberOf(_msgSender());
        if (!_membership.isActive(memberId)) revert ProblemsNotMember(_msgSender());
    }

    function _isJudge(bytes32 problemId) private view returns (bool) {
        uint256 memberId = _membership.memberOf(_msgSender());
        return memberId != 0 && memberId == _problems[problemId].judge && _membership.isActive(memberId);
    }

    function _checkState(bytes32 problemId, ProblemState expected) private view {
        ProblemState current = _stateOf(_problems[problemId]);
        if (current != expected) revert ProblemsWrongState(problemId, current);
    }

    function _checkStatement(bytes32 document, bytes32 purpose, uint64 deadline) private view {
        if (document == 0) revert ProblemsDocumentMissing();
        if (deadline <= block.timestamp) revert ProblemsDeadlinePassed(deadline);
        _checkPurpose(purpose);
    }

    function _checkPurpose(bytes32 purpose) private view {
        (bool known, uint8 bit) = _data.purposeBit(purpose);
        if (!known || _data.bannedPurposes() >> bit & 1 == 1) revert ProblemsBannedUse(purpose);
    }

    function _checkMilestone(Milestone calldata milestone, uint256 place, uint64 revealUntil) private view {
        (uint256 amount, uint64 due) = (milestone.amount, milestone.due);
        if (amount == 0 || due <= block.timestamp || due <= revealUntil || due > block.timestamp + LATEST_DUE) {
            revert ProblemsMilestoneInvalid(place, amount, due);
        }
    }

    function _checkHasNoPart(Problem storage stored, uint256 memberId) private view {
        if (memberId == stored.owner || memberId == stored.judge) revert ProblemsConflict(memberId);
        if (!_membership.isActive(memberId)) revert ProblemsMemberInvalid(memberId);
    }

    /// @dev Of a contest; nobody is judged before everybody could show its submission.
    function _checkRevealed(bytes32 problemId, Problem storage stored, uint256 memberId) private view {
        if (stored.revealUntil == 0) return;
        _checkTime(problemId, stored.revealUntil, type(uint64).max);
        if (_submissions[problemId][memberId] == 0) revert ProblemsNotRevealed(problemId, memberId);
    }

    function _checkTime(bytes32 problemId, uint64 from, uint64 until) private view {
        Problem storage stored = _problems[problemId];
        if (block.timestamp < from || block.timestamp >= until) {
            revert ProblemsNotThen(problemId, stored.commitUntil, stored.revealUntil);
        }
    }
}
