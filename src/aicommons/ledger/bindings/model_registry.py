"""The contract ModelRegistry: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from collections.abc import Sequence
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class Wish(enum.IntEnum):
    """Wish as the contract counts it."""

    RETRAIN = 0
    RETIRE = 1


@dataclasses.dataclass(frozen=True, slots=True)
class AuditRules:
    """What the members' vote asks of a release."""

    audits: int
    """How many independent audits; at least 1."""
    delay: int
    """Seconds between the audits and the release."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 2)
        return cls(access.number(item[0]), access.number(item[1]))


class ModelState(enum.IntEnum):
    """ModelState as the contract counts it."""

    NONE = 0
    DRAFT = 1
    IN_AUDIT = 2
    RELEASABLE = 3
    RELEASED = 4
    SUSPENDED = 5
    WITHDRAWN = 6


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """One model; its id is its run's."""

    state: ModelState
    """See `ModelState`."""
    resumes_to: ModelState
    """Where a suspended model goes back to, else None."""
    rounds_done: int
    """Rounds behind the agreed state."""
    purpose: int
    """Bit of the run's purpose."""
    audits_from: int
    """First unix second whose audits of it count, 0 before they were asked for."""
    releasable_at: int
    """First unix second at which it may be released, 0 before its audits were shown."""
    solver: int
    """Member id of the run's solver."""
    plan: bytes
    """Digest of the plan."""
    card: bytes
    """Digest of the ModelCard."""
    state_digest: bytes
    """The state that was agreed."""
    licence: bytes
    """Keccak256 of the licence in the run's terms, zero = the terms name none."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 11)
        return cls(
            access.one_of(ModelState, item[0]),
            access.one_of(ModelState, item[1]),
            access.number(item[2]),
            access.number(item[3]),
            access.number(item[4]),
            access.number(item[5]),
            access.number(item[6]),
            access.data(item[7]),
            access.data(item[8]),
            access.data(item[9]),
            access.data(item[10]),
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
    used_at: int
    """Unix second at which its data were used last."""
    consent_id: bytes
    """The consent that was used."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 5)
        return cls(
            access.number(item[0]),
            access.number(item[1]),
            access.number(item[2]),
            access.number(item[3]),
            access.data(item[4]),
        )


class Tie(enum.IntEnum):
    """Tie as the contract counts it."""

    NONE = 0
    INTERESTED = 1
    PARTY = 2


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

    def amend(self, model_id: bytes, card: bytes, licence: bytes) -> None:
        """Puts card and licence right, as the run's solver: another party may have written them down, and have asked
        for the audit at once. Audits that were made until now, for another card, count no more.

        Args:
            card: Digest of the ModelCard.
            licence: Keccak256 of the licence in the run's terms, zero = the terms name none.
            model_id: A model in state Draft or InAudit.
        """
        self.caller.transact("ModelRegistry", "amend", model_id, card, licence, at=self.at)

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

    def audit_rules(self) -> AuditRules:
        """What a release needs now."""
        (found,) = self.caller.call("ModelRegistry", "auditRules", at=self.at)
        return AuditRules.read(found)

    def claim(self, model_id: bytes, token: ids.Address, member_id: int) -> None:
        """Takes an owner's part of everything that was paid so far, as a credit of the caller in the vault. Nobody else
        may call it for an owner: the account could be one whose key is lost, before the membership is recovered.

        Args:
            member_id: The member that the caller acts for, or acted for last.
            model_id: Any model.
            token: ERC-20 contract, zero = the chain's own coin.
        """
        self.caller.transact("ModelRegistry", "claim", model_id, token, member_id, at=self.at)

    def claimable(self, model_id: bytes, token: ids.Address, member_id: int) -> int:
        """What a member could take now: floor(received x shares / 1,000,000), less what it took.

        Args:
            member_id: Any member id.
            model_id: Any id.
            token: ERC-20 contract, zero = the chain's own coin.
        """
        (found,) = self.caller.call("ModelRegistry", "claimable", model_id, token, member_id, at=self.at)
        return access.number(found)

    def clear(self, model_id: bytes, audits: Sequence[bytes]) -> None:
        """Shows a model's audits, as anybody: InAudit → Releasable. Each is live, passed, about this model, made since
        they were asked for, by another auditor, and none of them has a tie to it. The members did not ban its
        purpose.

        Args:
            audits: Attestation ids, at least as many as the rules ask for.
            model_id: A model in state InAudit.
        """
        self.caller.transact("ModelRegistry", "clear", model_id, list(audits), at=self.at)

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

    def pay(self, model_id: bytes, token: ids.Address, amount: int) -> None:
        """Pays for a model out of the caller's credit in the vault; it belongs to the model's owners by their shares.

        Args:
            amount: At most the caller's credit.
            model_id: A registered model, whatever became of it.
            token: ERC-20 contract, zero = the chain's own coin.
        """
        self.caller.transact("ModelRegistry", "pay", model_id, token, amount, at=self.at)

    def received(self, model_id: bytes, token: ids.Address) -> int:
        """What was paid for a model so far.

        Args:
            model_id: Any id.
            token: ERC-20 contract, zero = the chain's own coin.
        """
        (found,) = self.caller.call("ModelRegistry", "received", model_id, token, at=self.at)
        return access.number(found)

    def register(self, run_id: bytes, card: bytes, state_digest: bytes, licence: bytes) -> None:
        """Registers the model of a run that is Completed or Ended, as its solver or a participant, an active member.

        Args:
            card: Digest of the ModelCard.
            licence: Keccak256 of the licence in the run's terms, zero = the terms name none.
            run_id: A run that is Completed or Ended.
            state_digest: The run's last agreed state.
        """
        self.caller.transact("ModelRegistry", "register", run_id, card, state_digest, licence, at=self.at)

    def release(self, model_id: bytes, audits: Sequence[bytes]) -> None:
        """Releases a model whose delay is over, as a Party: Releasable → Released. Everything that `clear` checked has
        to hold still, under the rules of now; the audits may be others.

        Args:
            audits: Attestation ids, at least as many as the rules ask for.
            model_id: A model in state Releasable.
        """
        self.caller.transact("ModelRegistry", "release", model_id, list(audits), at=self.at)

    def request_audit(self, model_id: bytes) -> None:
        """Asks auditors to look at a model, as a Party: Draft → InAudit. Audits that were made before do not count: the
        run's id was known, card and licence were not.

        Args:
            model_id: A model in state Draft.
        """
        self.caller.transact("ModelRegistry", "requestAudit", model_id, at=self.at)

    def resume(self, model_id: bytes) -> None:
        """Puts a suspended model back to where it was, as the timelock.

        Args:
            model_id: A model in state Suspended.
        """
        self.caller.transact("ModelRegistry", "resume", model_id, at=self.at)

    def set_audit_rules(self, rules: AuditRules) -> None:
        """Changes what a release needs, as the timelock. Delays that began keep their end.

        Args:
            rules: See `AuditRules`.
        """
        self.caller.transact("ModelRegistry", "setAuditRules", dataclasses.astuple(rules), at=self.at)

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
        """What the participants brought whose data is in a sum, also those that left since, by ascending member id.

        Args:
            model_id: Any id.
        """
        (found,) = self.caller.call("ModelRegistry", "sources", model_id, at=self.at)
        return tuple(Source.read(each) for each in access.items(found))

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("ModelRegistry", "successor", at=self.at)
        return access.address(found)

    def suspend(self, model_id: bytes, reason: bytes) -> None:
        """Takes a model out of use for now, as the timelock.

        Args:
            model_id: A model in state InAudit, Releasable or Released.
            reason: Digest of a text, may be zero.
        """
        self.caller.transact("ModelRegistry", "suspend", model_id, reason, at=self.at)

    def tie_of(self, model_id: bytes, member_id: int) -> Tie:
        """How close a member is to a model.

        Args:
            member_id: Any member id.
            model_id: Any id.
        """
        (found,) = self.caller.call("ModelRegistry", "tieOf", model_id, member_id, at=self.at)
        return access.one_of(Tie, found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("ModelRegistry", "trustedForwarder", at=self.at)
        return access.address(found)

    def withdraw(self, model_id: bytes, reason: bytes) -> None:
        """Takes a model out of use for good, as the timelock or the run's solver. What it earned stays its owners'.

        Args:
            model_id: A model in any state but Withdrawn.
            reason: Digest of a text, may be zero.
        """
        self.caller.transact("ModelRegistry", "withdraw", model_id, reason, at=self.at)
