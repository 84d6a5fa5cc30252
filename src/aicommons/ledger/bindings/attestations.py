"""The contract Attestations: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class Kind(enum.IntEnum):
    """Kind as the contract counts it."""

    ACCREDITATION = 0
    ETHICS_APPROVAL = 1
    AUDIT = 2
    COURSE = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Statement:
    """What is said."""

    kind: Kind
    """See `Kind`."""
    passed: bool
    """What an audit found, or whether the rest was granted."""
    expiry: int
    """First unix second at which it is dead."""
    subject: bytes
    """What it is about."""
    document: bytes
    """Digest of the statement's text."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 5)
        return cls(
            access.one_of(Kind, item[0]),
            access.truth(item[1]),
            access.number(item[2]),
            access.data(item[3]),
            access.data(item[4]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Attestation:
    """One statement."""

    attester: int
    """Member id of who says it."""
    kind: Kind
    """See `Kind`."""
    passed: bool
    """What an audit found, or whether the rest was granted."""
    made_at: int
    """Unix second at which it was recorded."""
    expiry: int
    """First unix second at which it is dead."""
    revoked: bool
    """Whether it was taken back."""
    subject: bytes
    """What it is about: a model's id, a problem's id, a digest, a member id as a number."""
    document: bytes
    """Digest of the statement's text."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 8)
        return cls(
            access.number(item[0]),
            access.one_of(Kind, item[1]),
            access.truth(item[2]),
            access.number(item[3]),
            access.number(item[4]),
            access.truth(item[5]),
            access.data(item[6]),
            access.data(item[7]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Attestations:
    """The contract Attestations."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("Attestations", "admin", at=self.at)
        return access.address(found)

    def attest(self, said: Statement) -> None:
        """States something in the caller's name.

        Args:
            said: What is said.
        """
        self.caller.transact("Attestations", "attest", dataclasses.astuple(said), at=self.at)

    def attest_by_signature(self, said: Statement, attester: ids.Address, deadline: int, signature: bytes) -> None:
        """States something in the name of whoever signed Attest(uint8 kind,bool passed,uint64 expiry,bytes32 subject,
        bytes32 document,uint256 nonce,uint256 deadline) under the domain "AI Commons Attestations", version "1". An
        account that is a contract calls `attest` instead.

        Args:
            attester: The account that signed.
            deadline: Last unix second at which the signature counts.
            said: What is said.
            signature: By the account; its nonce is the account's next one.
        """
        self.caller.transact(
            "Attestations", "attestBySignature", dataclasses.astuple(said), attester, deadline, signature, at=self.at
        )

    def attestation(self, attestation_id: bytes) -> Attestation:
        """The record of a statement.

        Args:
            attestation_id: Any id.
        """
        (found,) = self.caller.call("Attestations", "attestation", attestation_id, at=self.at)
        return Attestation.read(found)

    def count_of(self, member_id: int) -> int:
        """How many statements a member made.

        Args:
            member_id: Any id.
        """
        (found,) = self.caller.call("Attestations", "countOf", member_id, at=self.at)
        return access.number(found)

    def eip712_domain(self) -> tuple[bytes, str, str, int, ids.Address, bytes, tuple[int, ...]]:
        """Returns the fields and values that describe the domain separator used by this contract for EIP-712 signature."""
        value_0, value_1, value_2, value_3, value_4, value_5, value_6 = self.caller.call(
            "Attestations", "eip712Domain", at=self.at
        )
        return (
            access.data(value_0),
            access.text(value_1),
            access.text(value_2),
            access.number(value_3),
            access.address(value_4),
            access.data(value_5),
            tuple(access.number(each) for each in access.items(value_6)),
        )

    def is_live(self, attestation_id: bytes) -> bool:
        """Whether a statement exists, was not taken back, is not over, and its attester is an active member that holds
        the role now: who is reinstated, or gets the role anew, stands by what it said before.

        Args:
            attestation_id: Any id.
        """
        (found,) = self.caller.call("Attestations", "isLive", attestation_id, at=self.at)
        return access.truth(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("Attestations", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def nonces(self, owner: ids.Address) -> int:
        """Returns the next unused nonce for an address."""
        (found,) = self.caller.call("Attestations", "nonces", owner, at=self.at)
        return access.number(found)

    def revoke(self, attestation_id: bytes, reason: bytes) -> None:
        """Takes a statement back. Also a member may that is suspended or left.

        Args:
            attestation_id: One of the caller's.
            reason: Digest of a text, may be zero.
        """
        self.caller.transact("Attestations", "revoke", attestation_id, reason, at=self.at)

    def revoke_by_signature(self, attestation_id: bytes, reason: bytes, deadline: int, signature: bytes) -> None:
        """Takes a statement back by Revoke(bytes32 attestationId,bytes32 reason,uint256 deadline), signed by its
        attester's account under the same domain. It needs no nonce: nothing is taken back twice.

        Args:
            attestation_id: A statement that stands.
            deadline: Last unix second at which the signature counts.
            reason: Digest of a text, may be zero.
            signature: By the account that acts, or acted last, for the attester.
        """
        self.caller.transact(
            "Attestations", "revokeBySignature", attestation_id, reason, deadline, signature, at=self.at
        )

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("Attestations", "setSuccessor", successor, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("Attestations", "successor", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("Attestations", "trustedForwarder", at=self.at)
        return access.address(found)
