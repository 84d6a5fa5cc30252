"""The contract Guardianships: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


@dataclasses.dataclass(frozen=True, slots=True)
class Guardianship:
    """One attestation."""

    attester: int
    """Member id of the organisation, 0 = there is none."""
    guardian: ids.Address
    """Key of the guardian."""
    until: int
    """First unix second at which it is over."""
    revoked: bool
    """Whether the attester took it back."""
    ward: bytes
    """Salted commitment to who the child is."""
    evidence: bytes
    """Digest of the evidence's record."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 6)
        return cls(
            access.number(item[0]),
            access.address(item[1]),
            access.number(item[2]),
            access.truth(item[3]),
            access.data(item[4]),
            access.data(item[5]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Guardianships:
    """The contract Guardianships."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("Guardianships", "admin", at=self.at)
        return access.address(found)

    def attest(self, ward: bytes, guardian: ids.Address, until: int, evidence: bytes) -> None:
        """Attests a guardianship in the caller's name.

        Args:
            evidence: Digest of the evidence's record.
            guardian: Key of the guardian.
            until: First unix second at which it is over, the child's majority at the latest.
            ward: Salted commitment to who the child is.
        """
        self.caller.transact("Guardianships", "attest", ward, guardian, until, evidence, at=self.at)

    def guardianship(self, id_: bytes) -> Guardianship:
        """The record of an attestation.

        Args:
            id_: Any id.
        """
        (found,) = self.caller.call("Guardianships", "guardianship", id_, at=self.at)
        return Guardianship.read(found)

    def is_live(self, id_: bytes, guardian: ids.Address) -> bool:
        """Whether a guardianship may be relied on now: known, not over, not taken back, its attester active.

        Args:
            guardian: Who claims to be the guardian.
            id_: Any id.
        """
        (found,) = self.caller.call("Guardianships", "isLive", id_, guardian, at=self.at)
        return access.truth(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("Guardianships", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def revoke(self, id_: bytes) -> None:
        """Takes an attestation back. Cannot be paused.

        Args:
            id_: One of the caller's attestations.
        """
        self.caller.transact("Guardianships", "revoke", id_, at=self.at)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("Guardianships", "setSuccessor", successor, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("Guardianships", "successor", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("Guardianships", "trustedForwarder", at=self.at)
        return access.address(found)
