"""``Problems`` in memory: what is to be solved, for what purpose, who judges it, until when, and what solvers show.

Called by ``MemoryLedger``; what money lies on a problem is ``awards``'.
"""

from aicommons.domain import encoding, events, money_events, vote_events
from aicommons.ledger import deployments
from aicommons.ledger.memory import book, datasets, members
from aicommons.protocol import money, transitions

NO_END = 2**64 - 1


class Problems:
    """The statements of problems, their reviews, and the submissions to contests."""

    def __init__(self, kept: book.Book, named: members.Members, data: datasets.Datasets) -> None:
        self._book = kept
        self._members = named
        self._data = data

    @property
    def book(self) -> book.Book:
        """The ledger's events."""
        return self._book

    def set_rules(self, said: deployments.ProblemRules) -> None:
        """Set how problems are reviewed and judged."""
        if max(said.review, said.challenge) > money_events.LONGEST_RULE:
            raise transitions.Refusal("ProblemsRulesInvalid", said.review, said.challenge)
        self._book.tell(money_events.ProblemRulesSet, said.review, said.challenge)

    def change_rules(self, said: deployments.ProblemRules) -> None:
        """Set the rules, as the members' timelock."""
        self._book.check_timelock()
        self.set_rules(said)

    def state(self, document: bytes, purpose: bytes, judge: int, deadline: int) -> bytes:
        """State a problem in the caller's name; return its id."""
        owner = self._book.caller("ProblemsNotMember")
        self._check_statement(document, purpose, deadline)
        if judge == owner:
            raise transitions.Refusal("ProblemsConflict", judge)
        if judge and not self._book.is_active(judge):
            raise transitions.Refusal("ProblemsMemberInvalid", judge)
        problem_id = self._id(owner, document, deadline)
        if problem_id in self._book.view.problems:
            raise transitions.Refusal("ProblemsAlreadyStated", problem_id)
        told = (judge or None, document, purpose, deadline, self._review_until())
        self._book.tell(events.ProblemStated, problem_id, owner, *told)
        return problem_id

    def state_contest(self, statement: tuple[bytes, bytes, int, int], commit_until: int, reveal_until: int) -> None:
        """State a problem whose solvers commit first and reveal later; ``statement`` is what ``state`` takes."""
        problem_id = self.state(*statement)
        if commit_until <= self._review_until() or reveal_until <= commit_until:
            raise transitions.Refusal("ProblemsContestInvalid", commit_until, reveal_until)
        self._book.tell(money_events.ContestStated, problem_id, commit_until, reveal_until)

    def send_back(self, problem_id: bytes, reason: bytes) -> None:
        """Send a problem under review back, as one of the ethics board."""
        member_id = self._book.caller("ProblemsNotMember")
        if not self._members.has_role(member_id, vote_events.Role.ETHICS_BOARD):
            raise transitions.Refusal("ProblemsNotEthicsBoard", self._book.sender)
        self._check_state(problem_id, money.ProblemState.REVIEW)
        self._book.tell(money_events.ProblemSentBack, problem_id, member_id, reason)

    def amend(self, problem_id: bytes, document: bytes) -> None:
        """Put another document in place of one that was sent back."""
        stated = self._owned(problem_id).stated
        self._check_state(problem_id, money.ProblemState.DRAFT)
        self._check_statement(document, stated.purpose, stated.deadline)
        told = (stated.document, document, self._review_until())
        self._book.tell(money_events.ProblemAmended, problem_id, *told)

    def close(self, problem_id: bytes) -> None:
        """Close a problem of the caller's: no further run is opened on it."""
        if self._state_of(problem_id) is not money.ProblemState.OPEN:
            raise transitions.Refusal("ProblemsNotOpen", problem_id)
        self._book.tell(money_events.ProblemClosed, problem_id, self._owned(problem_id).stated.owner)

    def commit(self, problem_id: bytes, commitment: bytes) -> None:
        """Fix a submission without showing it."""
        member_id = self._book.caller("ProblemsNotMember")
        state = self._state_of(problem_id)
        if state < money.ProblemState.OPEN:
            raise transitions.Refusal("ProblemsWrongState", problem_id, int(state))
        known = self.known(problem_id)
        self._check_time(problem_id, 0, 0 if known.contest is None else known.contest.commit_until)
        self.check_solver(known, member_id)
        if not any(commitment):
            raise transitions.Refusal("ProblemsDocumentMissing")
        if member_id in known.commitments:
            raise transitions.Refusal("ProblemsAlreadyCommitted", problem_id, member_id)
        self._book.tell(money_events.SubmissionCommitted, problem_id, member_id, commitment)

    def reveal(self, problem_id: bytes, submission: bytes, salt: bytes) -> None:
        """Show what was fixed."""
        member_id = self._book.caller("ProblemsNotMember")
        known = self._book.view.money.problems.get(problem_id)
        times = (0, 0) if known is None or known.contest is None else _times(known.contest)
        self._check_time(problem_id, *times)
        if not any(submission):
            raise transitions.Refusal("ProblemsDocumentMissing")
        if known is not None and member_id in known.submissions:
            raise transitions.Refusal("ProblemsAlreadyRevealed", problem_id, member_id)
        expected = bytes(32) if known is None else known.commitments.get(member_id, bytes(32))
        kinds = ("bytes32", "uint256", "bytes32", "bytes32")
        got = encoding.keccak(encoding.abi_encode(kinds, (problem_id, member_id, submission, salt)))
        if expected != got:
            raise transitions.Refusal("ProblemsCommitmentMismatch", expected, got)
        self._book.tell(money_events.SubmissionRevealed, problem_id, member_id, submission)

    def is_open(self, problem_id: bytes) -> bool:
        """Return whether a run may be opened on a problem now."""
        known = self._book.view.money.problems.get(problem_id)
        return known is not None and known.is_open(self._book.now())

    # ------------------------------------------------------------------------------------------------- for ``awards``

    def known(self, problem_id: bytes) -> money.ProblemView:
        """Return a problem that was stated."""
        return self._book.view.money.problems[problem_id]

    def check_purpose(self, purpose: bytes) -> None:
        """Refuse a purpose that nobody may permit."""
        if not self._data.is_permissible(purpose):
            raise transitions.Refusal("ProblemsBannedUse", purpose)

    def check_solver(self, known: money.ProblemView, member_id: int) -> None:
        """Refuse as a solver who owns or judges the problem, or may not act."""
        if member_id in (known.stated.owner, known.stated.judge):
            raise transitions.Refusal("ProblemsConflict", member_id)
        if not self._book.is_active(member_id):
            raise transitions.Refusal("ProblemsMemberInvalid", member_id)

    def check_revealed(self, problem_id: bytes, known: money.ProblemView, member_id: int) -> None:
        """Refuse, in a contest, before everybody could show its submission, or without one."""
        if known.contest is None:
            return
        self._check_time(problem_id, known.contest.reveal_until, NO_END)
        if member_id not in known.submissions:
            raise transitions.Refusal("ProblemsNotRevealed", problem_id, member_id)

    # --------------------------------------------------------------------------------------------------------- private

    def _review_until(self) -> int:
        rules = self._book.view.money.rules
        return self._book.now() + (0 if rules is None else rules.review_seconds)

    def _state_of(self, problem_id: bytes) -> money.ProblemState:
        known = self._book.view.money.problems.get(problem_id)
        return money.ProblemState.NONE if known is None else known.state(self._book.now())

    def _check_state(self, problem_id: bytes, expected: money.ProblemState) -> None:
        state = self._state_of(problem_id)
        if state is not expected:
            raise transitions.Refusal("ProblemsWrongState", problem_id, int(state))

    def _check_statement(self, document: bytes, purpose: bytes, deadline: int) -> None:
        if not any(document):
            raise transitions.Refusal("ProblemsDocumentMissing")
        if deadline <= self._book.now():
            raise transitions.Refusal("ProblemsDeadlinePassed", deadline)
        self.check_purpose(purpose)

    def _check_time(self, problem_id: bytes, first: int, until: int) -> None:
        if not first <= self._book.now() < until:
            known = self._book.view.money.problems.get(problem_id)
            times = (0, 0) if known is None or known.contest is None else _times(known.contest)
            raise transitions.Refusal("ProblemsNotThen", problem_id, *times)

    def _owned(self, problem_id: bytes) -> money.ProblemView:
        known = self._book.view.money.problems.get(problem_id)
        if known is None or known.stated.owner != self._book.caller("ProblemsNotMember"):
            raise transitions.Refusal("ProblemsNotOwner", problem_id, self._book.sender)
        return known

    def _id(self, owner: int, document: bytes, deadline: int) -> bytes:
        place = self._book.place("Problems")
        values = (place.chain_id, place.contract, owner, document, deadline)
        return encoding.keccak(encoding.abi_encode(("uint256", "address", "uint256", "bytes32", "uint64"), values))


def _times(told: money_events.ContestStated) -> tuple[int, int]:
    return told.commit_until, told.reveal_until
