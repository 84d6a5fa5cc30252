"""``Problems`` in memory: what is to be solved, for what purpose, who judges it, and until when.

There is no vault here, so nothing is funded; there are no roles, so a review sends nothing back; there are no challenges.
"""

from aicommons.domain import encoding, events, money_events
from aicommons.ledger import deployments
from aicommons.ledger.memory import book, datasets
from aicommons.protocol import money, transitions


class Problems:
    """The statements of problems; nothing is paid here."""

    def __init__(self, kept: book.Book, data: datasets.Datasets) -> None:
        self._book = kept
        self._data = data
        self._review = 0

    def set_rules(self, said: deployments.ProblemRules) -> None:
        """Set how problems are reviewed and judged, once."""
        if max(said.review, said.challenge) > money_events.LONGEST_RULE:
            raise transitions.Refusal("ProblemsRulesInvalid", said.review, said.challenge)
        self._review = said.review
        self._book.tell(money_events.ProblemRulesSet, said.review, said.challenge)

    def state(self, document: bytes, purpose: bytes, judge: int, deadline: int) -> None:
        """State a problem in the caller's name."""
        owner = self._book.caller("ProblemsNotMember")
        if not any(document):
            raise transitions.Refusal("ProblemsDocumentMissing")
        if deadline <= self._book.now():
            raise transitions.Refusal("ProblemsDeadlinePassed", deadline)
        if not self._data.is_permissible(purpose):
            raise transitions.Refusal("ProblemsBannedUse", purpose)
        if judge == owner:
            raise transitions.Refusal("ProblemsConflict", judge)
        if judge and not self._book.is_active(judge):
            raise transitions.Refusal("ProblemsMemberInvalid", judge)
        problem_id = self._id(owner, document, deadline)
        if problem_id in self._book.view.problems:
            raise transitions.Refusal("ProblemsAlreadyStated", problem_id)
        told = (judge, document, purpose, deadline, self._book.now() + self._review)
        self._book.tell(events.ProblemStated, problem_id, owner, *told)

    def close(self, problem_id: bytes) -> None:
        """Close a problem of the caller's: no further run is opened on it."""
        known = self._book.view.money.problems.get(problem_id)
        if known is None or known.state(self._book.now()) is not money.ProblemState.OPEN:
            raise transitions.Refusal("ProblemsNotOpen", problem_id)
        caller = self._book.caller("ProblemsNotMember")
        if known.stated.owner != caller:
            raise transitions.Refusal("ProblemsNotOwner", problem_id, self._book.sender)
        self._book.tell(money_events.ProblemClosed, problem_id, caller)

    def is_open(self, problem_id: bytes) -> bool:
        """Return whether a run may be opened on a problem now."""
        known = self._book.view.money.problems.get(problem_id)
        return known is not None and known.is_open(self._book.now())

    def _id(self, owner: int, document: bytes, deadline: int) -> bytes:
        place = self._book.place("Problems")
        values = (place.chain_id, place.contract, owner, document, deadline)
        return encoding.keccak(encoding.abi_encode(("uint256", "address", "uint256", "bytes32", "uint64"), values))
