"""``Attestations`` in memory: what members state about models, problems, digests and members, and what they take back.

Called by ``MemoryLedger``, and by ``releases`` for audits. Statements by signature are not kept here.
"""

from typing import Any

from aicommons.domain import encoding, model_events, vote_events
from aicommons.ledger import contracts
from aicommons.ledger.memory import book, members
from aicommons.protocol import attestations, transitions

Kind = model_events.Kind


class Attestations:
    """The statements; who may make which is a matter of roles."""

    def __init__(self, kept: book.Book, named: members.Members) -> None:
        self._book = kept
        self._members = named

    def attest(self, said: Any) -> None:
        """State something, as a member with the role that it needs."""
        kind, passed, expiry, subject, document = said
        attester = self._book.caller("AttestationsNotMember")
        if not self._may_attest(attester, Kind(kind)):
            raise transitions.Refusal("AttestationsRoleMissing", attester, kind)
        if not any(subject) or not any(document):
            raise transitions.Refusal("AttestationsFieldMissing")
        if expiry <= self._book.now():
            raise transitions.Refusal("AttestationsExpiryPassed", expiry)
        place = self._book.place("Attestations")
        made = sum(each.made.attester == attester for each in self._book.view.attestations.by_id.values())
        kinds = ("uint256", "address", "uint256", *contracts.load("Attestations").functions["attest"].types, "uint256")
        values = (place.chain_id, place.contract, attester, tuple(said), made)
        attestation_id = encoding.keccak(encoding.abi_encode(kinds, values))
        told = (attester, subject, Kind(kind), passed, expiry, document)
        self._book.tell(model_events.Attested, attestation_id, *told)

    def revoke(self, attestation_id: bytes, reason: bytes) -> None:
        """Take a statement back, as its attester."""
        known = self.find(attestation_id)
        if known is None:
            raise transitions.Refusal("AttestationsUnknown", attestation_id)
        if self._members.account_of(known.made.attester) != self._book.sender:
            raise transitions.Refusal("AttestationsNotAttester", attestation_id, self._book.sender)
        if known.revoked is not None:
            raise transitions.Refusal("AttestationsAlreadyRevoked", attestation_id)
        self._book.tell(model_events.AttestationRevoked, attestation_id, known.made.attester, reason)

    def find(self, attestation_id: bytes) -> attestations.AttestationView | None:
        """Return a statement, ``None`` where there is none."""
        return self._book.view.attestations.by_id.get(attestation_id)

    def is_live(self, attestation_id: bytes) -> bool:
        """Return whether a statement stands and its attester could still make it."""
        known = self.find(attestation_id)
        if known is None or not known.stands(self._book.now()):
            return False
        return self._may_attest(known.made.attester, known.made.kind)

    def _may_attest(self, member_id: int, kind: model_events.Kind) -> bool:
        if kind is Kind.COURSE:
            return self._book.is_active(member_id)
        is_ethics = kind is Kind.ETHICS_APPROVAL
        return self._members.has_role(
            member_id, vote_events.Role.ETHICS_BOARD if is_ethics else vote_events.Role.AUDITOR
        )
