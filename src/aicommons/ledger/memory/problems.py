"""``Problems`` in memory: what is to be solved, and until when."""

from aicommons.domain import encoding, events
from aicommons.ledger.memory import book
from aicommons.protocol import transitions


class Problems:
    """The statements of problems; nothing is paid here."""

    def __init__(self, kept: book.Book) -> None:
        self._book = kept
        self._closed: set[bytes] = set()

    def state(self, document: bytes, deadline: int) -> None:
        """State a problem in the caller's name."""
        owner = self._book.caller("ProblemsNotMember")
        if not any(document):
            raise transitions.Refusal("ProblemsDocumentMissing")
        if deadline <= self._book.now():
            raise transitions.Refusal("ProblemsDeadlinePassed", deadline)
        place = self._book.place("Problems")
        values = (place.chain_id, place.contract, owner, document, deadline)
        problem_id = encoding.keccak(
            encoding.abi_encode(("uint256", "address", "uint256", "bytes32", "uint64"), values)
        )
        if problem_id in self._book.view.problems:
            raise transitions.Refusal("ProblemsAlreadyStated", problem_id)
        self._book.tell(events.ProblemStated, problem_id, owner, document, deadline)

    def close(self, problem_id: bytes) -> None:
        """Close a problem of the caller's: no further run is opened on it."""
        known = self._book.view.problems.get(problem_id)
        if known is None or problem_id in self._closed:
            raise transitions.Refusal("ProblemsNotOpen", problem_id)
        if known.owner != self._book.member_of(self._book.sender):
            raise transitions.Refusal("ProblemsNotOwner", problem_id, self._book.sender)
        self._closed.add(problem_id)

    def is_open(self, problem_id: bytes) -> bool:
        """Return whether a run may be opened on a problem now."""
        known = self._book.view.problems.get(problem_id)
        return known is not None and problem_id not in self._closed and self._book.now() < known.deadline
