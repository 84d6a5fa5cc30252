// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Problem statements, the money on them, and who judges it
/// @notice Anchors a problem owner's statement. Any member may put money on it, milestone by milestone; a judge that is
/// neither owner nor payer nor solver says who earned it, and what nobody earned in time goes back without anybody's help.
interface IProblems {
    /// @notice None → Review → Open → Closed, Review → Draft → Review. Without a review period: None → Open → Closed.
    enum ProblemState {
        None,
        Draft,
        Review,
        Open,
        Closed
    }

    /// @notice None → Open → Judged → Challenged → Paid or Refunded; Judged → Paid; each of the three → Refunded.
    enum AwardState {
        None,
        Open,
        Judged,
        Challenged,
        Paid,
        Refunded
    }

    /// @notice One problem.
    /// @param owner Member id of the problem owner
    /// @param judge Member id of who judges the awards; 0 = nothing can be funded
    /// @param document Digest of the problem document
    /// @param purpose keccak256 of the purpose code
    /// @param deadline Unix second after which no run may be opened on it
    /// @param reviewUntil Unix second until which it can be sent back
    /// @param commitUntil Unix second until which submissions are committed to; 0 = no contest
    /// @param revealUntil Unix second until which they are revealed
    /// @param state See `ProblemState`
    /// @param awards How many awards were made; they are numbered from 0
    struct Problem {
        uint256 owner;
        uint256 judge;
        bytes32 document;
        bytes32 purpose;
        uint64 deadline;
        uint64 reviewUntil;
        uint64 commitUntil;
        uint64 revealUntil;
        ProblemState state;
        uint32 awards;
    }

    /// @notice What to pay for one step.
    /// @param amount In the token's smallest unit
    /// @param due Unix second until which the judge may say who earned it
    struct Milestone {
        uint256 amount;
        uint64 due;
    }

    /// @notice Money for one step of a problem; the amount is the vault's lock.
    /// @param payer Member id of whoever put it up
    /// @param solver Member id of who earned it, once it was judged
    /// @param due Unix second until which the judge may say who earned it
    /// @param challengeSeconds How long a judgement can be challenged, as the rules were when it was funded
    /// @param windowUntil Unix second until which the judgement can be challenged
    /// @param state See `AwardState`
    struct Award {
        uint256 payer;
        uint256 solver;
        uint64 due;
        uint32 challengeSeconds;
        uint64 windowUntil;
        AwardState state;
    }

    /// @notice What the members' vote decides.
    /// @param reviewSeconds How long the ethics board may send a new problem back; 0 = there is no review
    /// @param challengeSeconds How long a judgement can be challenged
    struct ProblemRules {
        uint32 reviewSeconds;
        uint32 challengeSeconds;
    }

    /// @notice A problem was stated; it is open from `reviewUntil` on unless it is sent back.
    event Stated(
        bytes32 indexed problemId,
        uint256 indexed owner,
        uint256 indexed judge,
        bytes32 document,
        bytes32 purpose,
        uint64 deadline,
        uint64 reviewUntil
    );
    /// @notice The problem is a contest: solvers commit to submissions, then all reveal them.
    event ContestStated(bytes32 indexed problemId, uint64 commitUntil, uint64 revealUntil);
    /// @notice The ethics board sent a problem back to its owner.
    event SentBack(bytes32 indexed problemId, uint256 indexed memberId, bytes32 reason);
    /// @notice The owner put another document in place of one that was sent back.
    event Amended(bytes32 indexed problemId, bytes32 previous, bytes32 document, uint64 reviewUntil);
    /// @notice The owner closed its problem.
    event Closed(bytes32 indexed problemId, uint256 indexed owner);
    /// @notice A solver fixed its submission without showing it.
    event SubmissionCommitted(bytes32 indexed problemId, uint256 indexed memberId, bytes32 commitment);
    /// @notice A solver showed what it had fixed.
    event SubmissionRevealed(bytes32 indexed problemId, uint256 indexed memberId, bytes32 submission);
    /// @notice Money waits in the vault for whoever earns it.
    event Funded(
        bytes32 indexed problemId,
        uint256 indexed award,
        uint256 indexed payer,
        bytes32 lockId,
        address token,
        uint256 amount,
        uint64 due,
        uint64 expiry
    );
    /// @notice The judge said who earned an award; it can be challenged until `windowUntil`.
    event Judged(bytes32 indexed problemId, uint256 indexed award, uint256 indexed solver, uint64 windowUntil);
    /// @notice Somebody objects to a judgement; the members decide.
    event AwardChallenged(bytes32 indexed problemId, uint256 indexed award, uint256 indexed memberId, bytes32 reason);
    /// @notice An award became the credit of its solver's account.
    event AwardPaid(bytes32 indexed problemId, uint256 indexed award, uint256 indexed solver, address account);
    /// @notice An award went back to its payer. An award whose lock anybody let expire in the vault says so only there.
    event AwardRefunded(bytes32 indexed problemId, uint256 indexed award, uint256 indexed payer);
    /// @notice From now on new problems and new awards follow other rules.
    event RulesSet(uint32 reviewSeconds, uint32 challengeSeconds);

    /// @notice The caller is not an active member.
    error ProblemsNotMember(address caller);
    /// @notice The deadline is not in the future.
    error ProblemsDeadlinePassed(uint64 deadline);
    /// @notice A digest is zero.
    error ProblemsDocumentMissing();
    /// @notice This owner stated this document with this deadline before.
    error ProblemsAlreadyStated(bytes32 problemId);
    /// @notice Only the problem's owner may do this.
    error ProblemsNotOwner(bytes32 problemId, address caller);
    /// @notice The problem is not open.
    error ProblemsNotOpen(bytes32 problemId);
    /// @notice The problem's state does not allow this.
    error ProblemsWrongState(bytes32 problemId, ProblemState state);
    /// @notice The purpose is unknown or banned.
    error ProblemsBannedUse(bytes32 purpose);
    /// @notice Owner, judge, payer and solver: the judge is none of the others, and the owner earns nothing.
    error ProblemsConflict(uint256 memberId);
    /// @notice Only a member of the ethics board may do this.
    error ProblemsNotEthicsBoard(address caller);
    /// @notice Judge and solver are active members.
    error ProblemsMemberInvalid(uint256 memberId);
    /// @notice A contest takes commitments after the review and reveals afterwards.
    error ProblemsContestInvalid(uint64 commitUntil, uint64 revealUntil);
    /// @notice The problem is no contest, or it is not the time for this.
    error ProblemsNotThen(bytes32 problemId, uint64 commitUntil, uint64 revealUntil);
    /// @notice One submission per member.
    error ProblemsAlreadyCommitted(bytes32 problemId, uint256 memberId);
    /// @notice What is shown is not what was fixed.
    error ProblemsCommitmentMismatch(bytes32 expected, bytes32 got);
    /// @notice The member has shown its submission already.
    error ProblemsAlreadyRevealed(bytes32 problemId, uint256 memberId);
    /// @notice The solver showed no submission.
    error ProblemsNotRevealed(bytes32 problemId, uint256 memberId);
    /// @notice The owner named no judge.
    error ProblemsJudgeMissing(bytes32 problemId);
    /// @notice Only the problem's judge may do this.
    error ProblemsNotJudge(bytes32 problemId, address caller);
    /// @notice One call funds 1 to 32 milestones.
    error ProblemsMilestonesInvalid(uint256 milestones);
    /// @notice A milestone is worth something, due after now and after a contest's reveals, within ten years.
    error ProblemsMilestoneInvalid(uint256 place, uint256 amount, uint64 due);
    /// @notice The award's state does not allow this.
    error ProblemsWrongAwardState(bytes32 problemId, uint256 award, AwardState state);
    /// @notice The time to judge is over: the money goes back.
    error ProblemsDuePassed(bytes32 problemId, uint256 award, uint64 due);
    /// @notice Only the judge gives it back before this second.
    error ProblemsNotDue(bytes32 problemId, uint256 award, uint64 due);
    /// @notice Only the problem's owner, the payer and auditors may challenge a judgement.
    error ProblemsNoStanding(bytes32 problemId, uint256 award, address caller);
    /// @notice The judgement stands: it could be challenged until this second.
    error ProblemsWindowOver(bytes32 problemId, uint256 award, uint64 windowUntil);
    /// @notice The judgement can be challenged until this second.
    error ProblemsWindowOpen(bytes32 problemId, uint256 award, uint64 windowUntil);
    /// @notice Neither period is longer than 90 days.
    error ProblemsRulesInvalid(uint32 reviewSeconds, uint32 challengeSeconds);

    /// @notice States a problem in the caller's name.
    /// @param document Digest of the problem document
    /// @param purpose keccak256 of the purpose code
    /// @param judge Member id of who judges the awards; 0 = nothing can be funded
    /// @param deadline Unix second after which no run may be opened on it
    /// @return problemId keccak256(abi.encode(chain id, this contract, owner, document, deadline))
    function state(bytes32 document, bytes32 purpose, uint256 judge, uint64 deadline)
        external
        returns (bytes32 problemId);

    /// @notice States a problem as a contest: an award is judged once all submissions are shown, among those who did.
    /// @param document As above
    /// @param purpose As above
    /// @param judge As above
    /// @param deadline As above
    /// @param commitUntil Unix second until which submissions are committed to
    /// @param revealUntil Unix second until which they are revealed
    /// @return problemId As above
    function stateContest(
        bytes32 document,
        bytes32 purpose,
        uint256 judge,
        uint64 deadline,
        uint64 commitUntil,
        uint64 revealUntil
    ) external returns (bytes32 problemId);

    /// @notice Sends a problem back to its owner, as a member of the ethics board and during the review.
    /// @param problemId A problem in review
    /// @param reason Digest of the words
    function sendBack(bytes32 problemId, bytes32 reason) external;

    /// @notice Puts another document in place of one that was sent back; a review begins anew.
    /// @param problemId One of the caller's problems
    /// @param document Digest of the new problem document
    function amend(bytes32 problemId, bytes32 document) external;

    /// @notice Closes a problem: no further run may be opened on it. Open runs, awards and a contest go on.
    /// @param problemId One of the caller's problems
    function close(bytes32 problemId) external;

    /// @notice Fixes the caller's submission to a contest without showing it.
    /// @param problemId A contest before `commitUntil`
    /// @param commitment keccak256(abi.encode(problemId, member id, submission, salt))
    function commit(bytes32 problemId, bytes32 commitment) external;

    /// @notice Shows the caller's submission.
    /// @param problemId A contest from `commitUntil` to `revealUntil`
    /// @param submission Digest of what is submitted, such as a run's id
    /// @param salt What was hashed with it
    function reveal(bytes32 problemId, bytes32 submission, bytes32 salt) external;

    /// @notice Locks the caller's credit in the vault, one award for each milestone.
    /// @param problemId An open problem with a judge
    /// @param milestones At most 32
    /// @param token ERC-20 contract, zero = the chain's own coin
    function fund(bytes32 problemId, Milestone[] calldata milestones, address token) external;

    /// @notice Says who earned an award, as the judge.
    /// @param problemId The problem
    /// @param award Its number
    /// @param solverId An active member; of a contest, one that showed its submission
    function judge(bytes32 problemId, uint256 award, uint256 solverId) external;

    /// @notice Objects to a judgement, as owner, payer or auditor; the members' vote decides.
    /// @param problemId The problem
    /// @param award Its number
    /// @param reason Digest of the words
    function challenge(bytes32 problemId, uint256 award, bytes32 reason) external;

    /// @notice Pays a judged award that nobody challenged in time; anybody may.
    /// @param problemId The problem
    /// @param award Its number
    function settle(bytes32 problemId, uint256 award) external;

    /// @notice Decides a challenged award, as the timelock.
    /// @param problemId The problem
    /// @param award Its number
    /// @param pay Whether the solver gets it, else the payer
    function resolve(bytes32 problemId, uint256 award, bool pay) external;

    /// @notice Gives an award back: the judge until it was judged, anybody once it is due and was not judged, and anybody
    /// once its lock expired, whatever was said of it.
    /// @param problemId The problem
    /// @param award Its number
    function refund(bytes32 problemId, uint256 award) external;

    /// @notice Changes the rules for new problems and new awards, as the timelock.
    /// @param rules_ See `ProblemRules`
    function setRules(ProblemRules calldata rules_) external;

    /// @notice The record of a problem, with its state as it is now.
    /// @param problemId Any id
    function problem(bytes32 problemId) external view returns (Problem memory record);

    /// @notice Member id of the problem's owner, 0 if there is no such problem.
    /// @param problemId Any id
    function ownerOf(bytes32 problemId) external view returns (uint256 memberId);

    /// @notice Member id of the problem's judge, 0 if there is none.
    /// @param problemId Any id
    function judgeOf(bytes32 problemId) external view returns (uint256 memberId);

    /// @notice Whether a run may be opened on it now.
    /// @param problemId Any id
    function isOpen(bytes32 problemId) external view returns (bool open);

    /// @notice The record of an award, with its state as the vault's lock has it.
    /// @param problemId Any id
    /// @param award Its number
    function awardOf(bytes32 problemId, uint256 award) external view returns (Award memory record);

    /// @notice The vault's lock of an award: keccak256(abi.encode("award", problemId, award)).
    /// @param problemId Any id
    /// @param award Its number
    function lockOf(bytes32 problemId, uint256 award) external pure returns (bytes32 lockId);

    /// @notice What a member fixed, 0 if nothing.
    /// @param problemId Any id
    /// @param memberId Any id
    function commitmentOf(bytes32 problemId, uint256 memberId) external view returns (bytes32 commitment);

    /// @notice What a member showed, 0 if nothing.
    /// @param problemId Any id
    /// @param memberId Any id
    function submissionOf(bytes32 problemId, uint256 memberId) external view returns (bytes32 submission);

    /// @notice The rules for new problems and awards.
    function rules() external view returns (ProblemRules memory current);
}
