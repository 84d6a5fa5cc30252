"""The contract Problems: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from collections.abc import Sequence
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class AwardState(enum.IntEnum):
    """AwardState as the contract counts it."""

    NONE = 0
    OPEN = 1
    JUDGED = 2
    CHALLENGED = 3
    PAID = 4
    REFUNDED = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Award:
    """Money for one step of a problem; the amount is the vault's lock."""

    payer: int
    """Member id of whoever put it up."""
    solver: int
    """Member id of who earned it, once it was judged."""
    due: int
    """Unix second until which the judge may say who earned it."""
    challenge_seconds: int
    """How long a judgement can be challenged, as the rules were when it was funded."""
    window_until: int
    """Unix second until which the judgement can be challenged."""
    state: AwardState
    """See `AwardState`."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 6)
        return cls(
            access.number(item[0]),
            access.number(item[1]),
            access.number(item[2]),
            access.number(item[3]),
            access.number(item[4]),
            access.one_of(AwardState, item[5]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Milestone:
    """What to pay for one step."""

    amount: int
    """In the token's smallest unit."""
    due: int
    """Unix second until which the judge may say who earned it."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 2)
        return cls(access.number(item[0]), access.number(item[1]))


class ProblemState(enum.IntEnum):
    """ProblemState as the contract counts it."""

    NONE = 0
    DRAFT = 1
    REVIEW = 2
    OPEN = 3
    CLOSED = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One problem."""

    owner: int
    """Member id of the problem owner."""
    judge: int
    """Member id of who judges the awards; 0 = nothing can be funded."""
    document: bytes
    """Digest of the problem document."""
    purpose: bytes
    """Keccak256 of the purpose code."""
    deadline: int
    """Unix second after which no run may be opened on it."""
    review_until: int
    """Unix second until which it can be sent back."""
    commit_until: int
    """Unix second until which submissions are committed to; 0 = no contest."""
    reveal_until: int
    """Unix second until which they are revealed."""
    state: ProblemState
    """See `ProblemState`."""
    awards: int
    """How many awards were made; they are numbered from 0."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 10)
        return cls(
            access.number(item[0]),
            access.number(item[1]),
            access.data(item[2]),
            access.data(item[3]),
            access.number(item[4]),
            access.number(item[5]),
            access.number(item[6]),
            access.number(item[7]),
            access.one_of(ProblemState, item[8]),
            access.number(item[9]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ProblemRules:
    """What the members' vote decides."""

    review_seconds: int
    """How long the ethics board may send a new problem back; 0 = there is no review."""
    challenge_seconds: int
    """How long a judgement can be challenged."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 2)
        return cls(access.number(item[0]), access.number(item[1]))


@dataclasses.dataclass(frozen=True, slots=True)
class Problems:
    """The contract Problems."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("Problems", "admin", at=self.at)
        return access.address(found)

    def amend(self, problem_id: bytes, document: bytes) -> None:
        """Puts another document in place of one that was sent back; a review begins anew.

        Args:
            document: Digest of the new problem document.
            problem_id: One of the caller's problems.
        """
        self.caller.transact("Problems", "amend", problem_id, document, at=self.at)

    def award_of(self, problem_id: bytes, award: int) -> Award:
        """The record of an award, with its state as the vault's lock has it.

        Args:
            award: Its number.
            problem_id: Any id.
        """
        (found,) = self.caller.call("Problems", "awardOf", problem_id, award, at=self.at)
        return Award.read(found)

    def challenge(self, problem_id: bytes, award: int, reason: bytes) -> None:
        """Objects to a judgement, as owner, payer or auditor; the members' vote decides.

        Args:
            award: Its number.
            problem_id: The problem.
            reason: Digest of the words.
        """
        self.caller.transact("Problems", "challenge", problem_id, award, reason, at=self.at)

    def close(self, problem_id: bytes) -> None:
        """Closes a problem: no further run may be opened on it. Open runs, awards and a contest go on.

        Args:
            problem_id: One of the caller's problems.
        """
        self.caller.transact("Problems", "close", problem_id, at=self.at)

    def commit(self, problem_id: bytes, commitment: bytes) -> None:
        """Fixes the caller's submission to a contest without showing it.

        Args:
            commitment: Keccak256(abi.encode(problemId, member id, submission, salt)).
            problem_id: A contest before `commitUntil`.
        """
        self.caller.transact("Problems", "commit", problem_id, commitment, at=self.at)

    def commitment_of(self, problem_id: bytes, member_id: int) -> bytes:
        """What a member fixed, 0 if nothing.

        Args:
            member_id: Any id.
            problem_id: Any id.
        """
        (found,) = self.caller.call("Problems", "commitmentOf", problem_id, member_id, at=self.at)
        return access.data(found)

    def fund(self, problem_id: bytes, milestones: Sequence[Milestone], token: ids.Address) -> None:
        """Locks the caller's credit in the vault, one award for each milestone.

        Args:
            milestones: At most 32.
            problem_id: An open problem with a judge.
            token: ERC-20 contract, zero = the chain's own coin.
        """
        self.caller.transact(
            "Problems", "fund", problem_id, [dataclasses.astuple(each) for each in milestones], token, at=self.at
        )

    def is_open(self, problem_id: bytes) -> bool:
        """Whether a run may be opened on it now.

        Args:
            problem_id: Any id.
        """
        (found,) = self.caller.call("Problems", "isOpen", problem_id, at=self.at)
        return access.truth(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("Problems", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def judge(self, problem_id: bytes, award: int, solver_id: int) -> None:
        """Says who earned an award, as the judge.

        Args:
            award: Its number.
            problem_id: The problem.
            solver_id: An active member; of a contest, one that showed its submission.
        """
        self.caller.transact("Problems", "judge", problem_id, award, solver_id, at=self.at)

    def judge_of(self, problem_id: bytes) -> int:
        """Member id of the problem's judge, 0 if there is none.

        Args:
            problem_id: Any id.
        """
        (found,) = self.caller.call("Problems", "judgeOf", problem_id, at=self.at)
        return access.number(found)

    def lock_of(self, problem_id: bytes, award: int) -> bytes:
        """The vault's lock of an award: keccak256(abi.encode("award", problemId, award)).

        Args:
            award: Its number.
            problem_id: Any id.
        """
        (found,) = self.caller.call("Problems", "lockOf", problem_id, award, at=self.at)
        return access.data(found)

    def owner_of(self, problem_id: bytes) -> int:
        """Member id of the problem's owner, 0 if there is no such problem.

        Args:
            problem_id: Any id.
        """
        (found,) = self.caller.call("Problems", "ownerOf", problem_id, at=self.at)
        return access.number(found)

    def problem(self, problem_id: bytes) -> Problem:
        """The record of a problem, with its state as it is now.

        Args:
            problem_id: Any id.
        """
        (found,) = self.caller.call("Problems", "problem", problem_id, at=self.at)
        return Problem.read(found)

    def refund(self, problem_id: bytes, award: int) -> None:
        """Gives an award back: the judge until it was judged, anybody once it is due and was not judged, and anybody
        once its lock expired, whatever was said of it.

        Args:
            award: Its number.
            problem_id: The problem.
        """
        self.caller.transact("Problems", "refund", problem_id, award, at=self.at)

    def resolve(self, problem_id: bytes, award: int, pay: bool) -> None:
        """Decides a challenged award, as the timelock.

        Args:
            award: Its number.
            pay: Whether the solver gets it, else the payer.
            problem_id: The problem.
        """
        self.caller.transact("Problems", "resolve", problem_id, award, pay, at=self.at)

    def reveal(self, problem_id: bytes, submission: bytes, salt: bytes) -> None:
        """Shows the caller's submission.

        Args:
            problem_id: A contest from `commitUntil` to `revealUntil`.
            salt: What was hashed with it.
            submission: Digest of what is submitted, such as a run's id.
        """
        self.caller.transact("Problems", "reveal", problem_id, submission, salt, at=self.at)

    def rules(self) -> ProblemRules:
        """The rules for new problems and awards."""
        (found,) = self.caller.call("Problems", "rules", at=self.at)
        return ProblemRules.read(found)

    def send_back(self, problem_id: bytes, reason: bytes) -> None:
        """Sends a problem back to its owner, as a member of the ethics board and during the review.

        Args:
            problem_id: A problem in review.
            reason: Digest of the words.
        """
        self.caller.transact("Problems", "sendBack", problem_id, reason, at=self.at)

    def set_rules(self, rules: ProblemRules) -> None:
        """Changes the rules for new problems and new awards, as the timelock.

        Args:
            rules: See `ProblemRules`.
        """
        self.caller.transact("Problems", "setRules", dataclasses.astuple(rules), at=self.at)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("Problems", "setSuccessor", successor, at=self.at)

    def settle(self, problem_id: bytes, award: int) -> None:
        """Pays a judged award that nobody challenged in time; anybody may.

        Args:
            award: Its number.
            problem_id: The problem.
        """
        self.caller.transact("Problems", "settle", problem_id, award, at=self.at)

    def state(self, document: bytes, purpose: bytes, judge: int, deadline: int) -> None:
        """States a problem in the caller's name.

        Args:
            deadline: Unix second after which no run may be opened on it.
            document: Digest of the problem document.
            purpose: Keccak256 of the purpose code.
        """
        self.caller.transact("Problems", "state", document, purpose, judge, deadline, at=self.at)

    def state_contest(
        self, document: bytes, purpose: bytes, judge: int, deadline: int, *, commit_until: int, reveal_until: int
    ) -> None:
        """States a problem as a contest: an award is judged once all submissions are shown, among those who did.

        Args:
            commit_until: Unix second until which submissions are committed to.
            deadline: As above.
            document: As above.
            purpose: As above.
            reveal_until: Unix second until which they are revealed.
        """
        self.caller.transact(
            "Problems", "stateContest", document, purpose, judge, deadline, commit_until, reveal_until, at=self.at
        )

    def submission_of(self, problem_id: bytes, member_id: int) -> bytes:
        """What a member showed, 0 if nothing.

        Args:
            member_id: Any id.
            problem_id: Any id.
        """
        (found,) = self.caller.call("Problems", "submissionOf", problem_id, member_id, at=self.at)
        return access.data(found)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("Problems", "successor", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("Problems", "trustedForwarder", at=self.at)
        return access.address(found)
