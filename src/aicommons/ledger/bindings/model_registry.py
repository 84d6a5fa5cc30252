"""The contract ModelRegistry: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class Wish(enum.IntEnum):
    """Wish as the contract counts it."""

    RETRAIN = 0
    RETIRE = 1


class ModelState(enum.IntEnum):
    """ModelState as the contract counts it."""

    NONE = 0
    DRAFT = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """One model."""

    state: ModelState
    """See `ModelState`."""
    run_id: bytes
    """The run that made it; also the model's id."""
    plan: bytes
    """Digest of the plan."""
    card: bytes
    """Digest of the ModelCard."""
    state_digest: bytes
    """The state that was agreed."""
    rounds_done: int
    """Rounds behind that state."""
    participants: tuple[int, ...]
    """Member ids of the final set, ascending."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 7)
        return cls(
            access.one_of(ModelState, item[0]),
            access.data(item[1]),
            access.data(item[2]),
            access.data(item[3]),
            access.data(item[4]),
            access.number(item[5]),
            tuple(access.number(each) for each in access.items(item[6])),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What one participant brought."""

    member_id: int
    """The participant."""
    dataset_id: int
    """Its dataset."""
    version: int
    """The dataset's version at enrolment."""
    consent_id: bytes
    """The consent that was used."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 4)
        return cls(access.number(item[0]), access.number(item[1]), access.number(item[2]), access.data(item[3]))


@dataclasses.dataclass(frozen=True, slots=True)
class ModelRegistry:
    """The contract ModelRegistry."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("ModelRegistry", "admin", at=self.at)
        return access.address(found)

    def ask(self, run_id: bytes, dataset_id: int, wish: Wish, document: bytes) -> None:
        """Asks for retraining or retirement, as the owner or the body of a dataset that the model used; also for a
        member who left. It binds nobody: the wish is public and stands beside the model.

        Args:
            dataset_id: A dataset of its lineage.
            document: Digest of the reason, may be zero.
            run_id: The model's run.
            wish: What is asked.
        """
        self.caller.transact("ModelRegistry", "ask", run_id, dataset_id, wish, document, at=self.at)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("ModelRegistry", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def model(self, model_id: bytes) -> Model:
        """The record of a model.

        Args:
            model_id: Any id.
        """
        (found,) = self.caller.call("ModelRegistry", "model", model_id, at=self.at)
        return Model.read(found)

    def register(self, run_id: bytes, card: bytes, state_digest: bytes) -> None:
        """Registers the model of a run that is Completed or Ended.

        Args:
            card: Digest of the ModelCard.
            run_id: A run that is Completed or Ended.
            state_digest: The run's last agreed state.
        """
        self.caller.transact("ModelRegistry", "register", run_id, card, state_digest, at=self.at)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("ModelRegistry", "setSuccessor", successor, at=self.at)

    def shares_of(self, model_id: bytes, member_id: int) -> int:
        """A member's shares of 1,000,000.

        Args:
            member_id: Any member id.
            model_id: Any id.
        """
        (found,) = self.caller.call("ModelRegistry", "sharesOf", model_id, member_id, at=self.at)
        return access.number(found)

    def sources(self, model_id: bytes) -> tuple[Source, ...]:
        """What the participants of the final set brought.

        Args:
            model_id: Any id.
        """
        (found,) = self.caller.call("ModelRegistry", "sources", model_id, at=self.at)
        return tuple(Source.read(each) for each in access.items(found))

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("ModelRegistry", "successor", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("ModelRegistry", "trustedForwarder", at=self.at)
        return access.address(found)
