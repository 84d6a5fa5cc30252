"""What can be signed outside runs, so that somebody else may send it (EIP-712); one record per message.

Withdrawing and revoking need no coins and no node of one's own; a forward request lets a relayer pay for any call (ADR 0029).
Messages of runs are in ``messages``, ballots in ``protocol/coops``. Who may sign what is the contract's business; each is good at
one contract on one chain, and once: by its nonce, or because the same thing cannot be done twice.
"""

import dataclasses
from typing import ClassVar

from aicommons.domain import encoding, ids


@dataclasses.dataclass(frozen=True, slots=True)
class Signed:
    """What all of them share."""

    CONTRACT: ClassVar[str]
    """Name of the contract that checks it."""
    NAME: ClassVar[str]
    """How this contract calls itself in its signing domain."""
    TYPE: ClassVar[str]
    """EIP-712 type string."""

    def words(self) -> list[bytes | int]:
        """Return the fields as they are hashed: numbers and 32 bytes each."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def digest(self, place: encoding.Place) -> bytes:
        """Return the 32 bytes that are signed.

        Args:
            place: chain, and address of the contract that checks it.

        Raises:
            errors.InputError: a digest of another length, or a number that no word can hold.
        """
        return encoding.typed_digest(encoding.domain_of(self.NAME, "1", place), self.TYPE, self.words())


@dataclasses.dataclass(frozen=True, slots=True)
class RevokeConsent(Signed):
    """I take this consent back."""

    CONTRACT: ClassVar[str] = "DataRegistry"
    NAME: ClassVar[str] = "AI Commons Data Registry"
    TYPE: ClassVar[str] = "Revoke(bytes32 consentId,uint256 deadline)"
    consent_id: bytes
    deadline: int
    """Last block time in seconds at which the signature is good."""


@dataclasses.dataclass(frozen=True, slots=True)
class WithdrawLeaf(Signed):
    """I take back the consent with this leaf in a register of people's consents."""

    CONTRACT: ClassVar[str] = "ConsentRegister"
    NAME: ClassVar[str] = "AI Commons Consent Register"
    TYPE: ClassVar[str] = "Withdraw(bytes32 leaf,uint256 deadline)"
    leaf: bytes
    """Hash of the leaf."""
    deadline: int
    """Last block time in seconds at which the signature is good."""


@dataclasses.dataclass(frozen=True, slots=True)
class Attest(Signed):
    """I state this of something, such as that a model passed my audit."""

    CONTRACT: ClassVar[str] = "Attestations"
    NAME: ClassVar[str] = "AI Commons Attestations"
    TYPE: ClassVar[str] = (
        "Attest(uint8 kind,bool passed,uint64 expiry,bytes32 subject,bytes32 document,uint256 nonce,uint256 deadline)"
    )
    kind: int
    """As ``IAttestations.Kind`` counts them."""
    passed: bool
    expiry: int
    """Block time in seconds from which it is not live any more."""
    subject: bytes
    """What it is about: a model's id, a problem's id, a digest, a member's number as 32 bytes."""
    document: bytes
    """Digest of the whole statement."""
    nonce: int
    """How many attestations this account has signed before (``Attestations.nonces``)."""
    deadline: int
    """Last block time in seconds at which the signature is good."""


@dataclasses.dataclass(frozen=True, slots=True)
class RevokeAttestation(Signed):
    """I do not stand by this statement any more."""

    CONTRACT: ClassVar[str] = "Attestations"
    NAME: ClassVar[str] = "AI Commons Attestations"
    TYPE: ClassVar[str] = "Revoke(bytes32 attestationId,bytes32 reason,uint256 deadline)"
    attestation_id: bytes
    reason: bytes
    """Digest of the reasons."""
    deadline: int
    """Last block time in seconds at which the signature is good."""


@dataclasses.dataclass(frozen=True, slots=True)
class ForwardRequest(Signed):
    """Make this call in my name; whoever sends it pays (ERC-2771)."""

    CONTRACT: ClassVar[str] = "Forwarder"
    NAME: ClassVar[str] = "AI Commons Forwarder"
    TYPE: ClassVar[str] = (
        "ForwardRequest(address from,address to,uint256 value,uint256 gas,uint256 nonce,uint48 deadline,bytes data)"
    )
    sender: ids.Address
    to: ids.Address
    """A contract of the commons."""
    value: int
    """Wei; a relayer of ours takes only zero."""
    gas: int
    """Most gas that the call may use."""
    nonce: int
    """How many requests of this account were carried out before (``Forwarder.nonces``)."""
    deadline: int
    """Last block time in seconds at which the signature is good."""
    data: bytes
    """The call."""

    def words(self) -> list[bytes | int]:
        """Return the fields as they are hashed: addresses as numbers, the call by its digest."""
        sender, to = (int.from_bytes(each, "big") for each in (self.sender, self.to))
        return [sender, to, self.value, self.gas, self.nonce, self.deadline, encoding.keccak(self.data)]
