"""The contract Requests: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class Answer(enum.IntEnum):
    """Answer as the contract counts it."""

    ASK_BACK = 0
    APPROVE = 1
    DENY = 2


class RequestState(enum.IntEnum):
    """RequestState as the contract counts it."""

    NONE = 0
    OPEN = 1
    ASKED_BACK = 2
    APPROVED = 3
    DENIED = 4
    WITHDRAWN = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    dataset_id: int
    """What is asked for."""
    asker: int
    """Member id."""
    run_id: bytes
    """The run that it is for, 0 = none yet."""
    state: RequestState
    """See `RequestState`."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 4)
        return cls(
            access.number(item[0]), access.number(item[1]), access.data(item[2]), access.one_of(RequestState, item[3])
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Requests:
    """The contract Requests."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("Requests", "admin", at=self.at)
        return access.address(found)

    def answer(self, request_id: int, said: Answer, document: bytes) -> None:
        """Answers as the dataset's owner. A question waits for its reply; a decision does not.

        Args:
            document: Digest of the words, sealed to the asker; only an approval may go without.
            request_id: A request that is Open, or AskedBack when the answer decides it.
        """
        self.caller.transact("Requests", "answer", request_id, said, document, at=self.at)

    def ask(self, dataset_id: int, run_id: bytes, document: bytes) -> None:
        """Asks for a dataset in the caller's name.

        Args:
            dataset_id: Any dataset.
            document: Digest of the request, sealed to the owner.
            run_id: The run that it is for, 0 = none yet.
        """
        self.caller.transact("Requests", "ask", dataset_id, run_id, document, at=self.at)

    def count(self) -> int:
        """How many requests there were; ids are 1..count."""
        (found,) = self.caller.call("Requests", "count", at=self.at)
        return access.number(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("Requests", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def reply(self, request_id: int, document: bytes) -> None:
        """Replies to the owner's question.

        Args:
            document: Digest of the reply, sealed to the owner.
            request_id: One of the caller's requests, AskedBack.
        """
        self.caller.transact("Requests", "reply", request_id, document, at=self.at)

    def request(self, request_id: int) -> Request:
        """The record of a request.

        Args:
            request_id: Any id.
        """
        (found,) = self.caller.call("Requests", "request", request_id, at=self.at)
        return Request.read(found)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("Requests", "setSuccessor", successor, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("Requests", "successor", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("Requests", "trustedForwarder", at=self.at)
        return access.address(found)

    def withdraw(self, request_id: int) -> None:
        """Takes a request back that was not decided.

        Args:
            request_id: One of the caller's requests.
        """
        self.caller.transact("Requests", "withdraw", request_id, at=self.at)
