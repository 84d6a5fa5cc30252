// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembership} from "../../src/interfaces/IMembership.sol";
import {IProblems} from "../../src/interfaces/IProblems.sol";
import {MoneyTest} from "./MoneyTest.sol";

/// @notice A commons with one member for each part that somebody has in a problem.
abstract contract ProblemsTest is MoneyTest {
    uint256 internal constant OWNER = 1;
    uint256 internal constant JUDGE = 2;
    uint256 internal constant PAYER = 3;
    uint256 internal constant SOLVER = 4;
    uint256 internal constant AUDITOR = 5;
    uint256 internal constant ETHICS = 6;
    uint256 internal constant OTHER = 7;

    uint64 internal constant DEADLINE = uint64(START + 100 days);
    uint64 internal constant DUE = uint64(START + 30 days);
    uint64 internal constant COMMIT_UNTIL = uint64(START + 10 days);
    uint64 internal constant REVEAL_UNTIL = uint64(START + 12 days);
    uint64 internal constant RESOLVE = 60 days;
    uint64 internal constant EXPIRY = DUE + CHALLENGE_SECONDS + RESOLVE;
    uint32 internal constant REVIEW = 5 days;
    uint256 internal constant AMOUNT = 1000;
    bytes32 internal constant DOCUMENT = keccak256("problem document");
    bytes32 internal constant SUBMISSION = keccak256("submission");
    bytes32 internal constant SALT = keccak256("salt");

    function setUp() public virtual override {
        super.setUp();
        _admit(1, OTHER);
        vm.startPrank(address(timelock));
        membership.grantRole(AUDITOR, IMembership.Role.Auditor);
        membership.grantRole(ETHICS, IMembership.Role.EthicsBoard);
        vm.stopPrank();
    }

    function _setReview(uint32 reviewSeconds) internal {
        vm.prank(address(timelock));
        problems.setRules(IProblems.ProblemRules(reviewSeconds, CHALLENGE_SECONDS));
    }

    function _state() internal returns (bytes32) {
        vm.prank(_account(OWNER));
        return problems.state(DOCUMENT, PURPOSE, JUDGE, DEADLINE);
    }

    function _stateContest() internal returns (bytes32) {
        vm.prank(_account(OWNER));
        return problems.stateContest(DOCUMENT, PURPOSE, JUDGE, DEADLINE, COMMIT_UNTIL, REVEAL_UNTIL);
    }

    function _milestones(uint256 amount, uint64 due) internal pure returns (IProblems.Milestone[] memory list) {
        list = new IProblems.Milestone[](1);
        list[0] = IProblems.Milestone(amount, due);
    }

    /// @dev Award 0 of `problemId`.
    function _fund(bytes32 problemId) internal {
        _deposit(vault, _account(PAYER), address(token), AMOUNT);
        vm.prank(_account(PAYER));
        problems.fund(problemId, _milestones(AMOUNT, DUE), address(token));
    }

    function _judge(bytes32 problemId) internal {
        vm.prank(_account(JUDGE));
        problems.judge(problemId, 0, SOLVER);
    }

    function _challenge(bytes32 problemId) internal {
        vm.prank(_account(PAYER));
        problems.challenge(problemId, 0, "reason");
    }

    function _commitment(bytes32 problemId, uint256 id) internal pure returns (bytes32) {
        return keccak256(abi.encode(problemId, id, SUBMISSION, SALT));
    }

    /// @dev Sends a call as `caller`, which must fail with `error` and change nothing of problem, award 0 and money.
    function _assertRefused(string memory name, address caller, bytes memory call, bytes memory error) internal {
        bytes32 problemId = _problemId();
        bytes32 before = _fingerprint(problemId);
        vm.prank(caller);
        (bool done, bytes memory answer) = address(problems).call(call);
        vm.assertFalse(done, name);
        vm.assertEq(keccak256(answer), keccak256(error), name);
        vm.assertEq(before, _fingerprint(problemId), name);
    }

    /// @dev The id of the problem that `_state` makes.
    function _problemId() internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(problems), OWNER, DOCUMENT, DEADLINE));
    }

    function _fingerprint(bytes32 problemId) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                problems.problem(problemId),
                problems.awardOf(problemId, 0),
                problems.rules(),
                vault.lockOf(problems.lockOf(problemId, 0)),
                vault.credits(address(token)),
                problems.commitmentOf(problemId, SOLVER),
                problems.submissionOf(problemId, SOLVER)
            )
        );
    }
}
