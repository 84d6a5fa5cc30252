"""The contract Problems: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class ProblemState(enum.IntEnum):
    """ProblemState as the contract counts it."""

    NONE = 0
    OPEN = 1
    CLOSED = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One problem."""

    owner: int
    """Member id of the problem owner."""
    deadline: int
    """Unix second after which no run may be opened on it."""
    state: ProblemState
    """See `ProblemState`."""
    document: bytes
    """Digest of the problem document."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 4)
        return cls(
            access.number(item[0]), access.number(item[1]), access.one_of(ProblemState, item[2]), access.data(item[3])
        )


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

    def close(self, problem_id: bytes) -> None:
        """Closes a problem: no further run may be opened on it, open runs go on.

        Args:
            problem_id: One of the caller's problems.
        """
        self.caller.transact("Problems", "close", problem_id, at=self.at)

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

    def owner_of(self, problem_id: bytes) -> int:
        """Member id of the problem's owner, 0 if there is no such problem.

        Args:
            problem_id: Any id.
        """
        (found,) = self.caller.call("Problems", "ownerOf", problem_id, at=self.at)
        return access.number(found)

    def problem(self, problem_id: bytes) -> Problem:
        """The record of a problem.

        Args:
            problem_id: Any id.
        """
        (found,) = self.caller.call("Problems", "problem", problem_id, at=self.at)
        return Problem.read(found)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("Problems", "setSuccessor", successor, at=self.at)

    def state(self, document: bytes, deadline: int) -> None:
        """States a problem in the caller's name.

        Args:
            deadline: Unix second after which no run may be opened on it.
            document: Digest of the problem document.
        """
        self.caller.transact("Problems", "state", document, deadline, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("Problems", "successor", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("Problems", "trustedForwarder", at=self.at)
        return access.address(found)
