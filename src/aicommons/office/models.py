"""What members do about models and what they state: audits asked for, shown and made, releases, revenue, withdrawal.

Made by a ``Desk`` for the command line, the portal and tests. Where a model stands is read from the view
(``protocol/releases.py``); which attestations would count for a release is asked of the contracts, whose word it is.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from aicommons.domain import documents, encoding, errors, ids, letters, model_events
from aicommons.ledger.bindings import attestations, model_registry
from aicommons.office import acting, proposals
from aicommons.protocol import attestations as attested
from aicommons.protocol import governance, ports
from aicommons.protocol import view as views

REGISTRY = "ModelRegistry"
NOTHING_SAID = bytes(32)


@dataclasses.dataclass(frozen=True, slots=True)
class Attestation:
    """What a member says about a subject."""

    kind: model_events.Kind
    """What kind it is: an audit and an accreditation need an auditor, an ethics approval the ethics board."""
    subject: bytes
    """A model's or a problem's id, a digest, a member's number as 32 bytes."""
    expiry: int
    """First block time in seconds at which it is dead."""
    text: bytes
    """What is said; it goes into the store for everybody to read."""
    passed: bool = True
    """What an audit found, or whether the rest is granted."""


class Member(Protocol):
    """What is needed of the desk that this one belongs to."""

    def view(self) -> views.LedgerView:
        """Return what the ledger says now."""

    def member_id(self) -> ids.MemberId:
        """Return this wallet's member id."""

    def run(self, run_id: ids.RunId) -> views.RunView:
        """Return a run."""


class ModelDesk:
    """One member's models and attestations."""

    def __init__(self, registry: acting.Registry, store: ports.Store, member: Member) -> None:
        self._registry = registry
        self._models = model_registry.ModelRegistry(registry)
        self._attestations = attestations.Attestations(registry)
        self._store = store
        self._member = member

    # ----------------------------------------------------------------------------------------------- attestations

    def attest(self, said: Attestation) -> bytes:
        """State something in this member's name. Returns the attestation's id.

        Raises:
            errors.LedgerRefused: the member does not hold the role that this kind needs.
            errors.StoreUnreachable, errors.StoreRefused: the text could not be put; nothing was stated.
        """
        document = ids.Digest(self._store.put(said.text))
        before = self._member.view().attestations.by_id
        kind = attestations.Kind(said.kind)
        self._attestations.attest(attestations.Statement(kind, said.passed, said.expiry, said.subject, document))
        mine = self._member.member_id()
        for made in reversed(tuple(self._member.view().attestations.by_id.values())):
            if made.made.attester == mine and made.made.attestation_id not in before:
                return made.made.attestation_id
        raise errors.LedgerMismatch("the ledger recorded an attestation but does not show it", which="Attestations")

    def revoke(self, attestation_id: bytes, reason: str = "") -> None:
        """Take an attestation of this member's back."""
        self._attestations.revoke(attestation_id, self._reason(reason))

    def counts(self, attestation_id: bytes) -> bool:
        """Return whether an attestation stands now and its attester holds the role, as the contract has it."""
        return self._attestations.is_live(attestation_id)

    def tie(self, run_id: ids.RunId, member_id: int) -> bool:
        """Return whether a member is too close to a model to audit it."""
        return self._models.tie_of(run_id, member_id) is not model_registry.Tie.NONE

    # -------------------------------------------------------------------------------------------------- release

    def good_audits(self, run_id: ids.RunId) -> Sequence[attested.AttestationView]:
        """Return the audits that a release of a model would count now: the newest of each independent auditor."""
        view = self._member.view()
        model = view.releases.of(run_id)
        newest = {
            each.made.attester: each
            for each in view.attestations.about(run_id, model_events.Kind.AUDIT)
            if each.made.passed
            and each.revoked is None
            and model.may_count(each.made)
            and self.counts(each.made.attestation_id)
        }
        return [each for auditor, each in newest.items() if not self.tie(run_id, auditor)]

    def amend(self, run_id: ids.RunId, card: documents.ModelCard, licence: str | None) -> None:
        """Put a model's card and licence right, as its solver; audits that were made until now count no more."""
        model_id = self._modelled(run_id)
        self._models.amend(model_id, self._store.put(card.encode()), encoding.licence_code(licence))

    def request_audit(self, run_id: ids.RunId) -> None:
        """Ask auditors to look at a model, as its solver or as a participant."""
        self._models.request_audit(self._modelled(run_id))

    def clear(self, run_id: ids.RunId, audits: Sequence[bytes]) -> None:
        """Show a model's audits; anybody may. From then on the delay runs."""
        self._models.clear(self._modelled(run_id), audits)

    def release(self, run_id: ids.RunId, audits: Sequence[bytes]) -> None:
        """Release a model whose delay is over, as its solver or as a participant."""
        self._models.release(self._modelled(run_id), audits)

    def withdraw(self, run_id: ids.RunId, reason: str = "") -> None:
        """Take a model out of use for good, as its solver."""
        self._models.withdraw(self._modelled(run_id), self._reason(reason))

    def suspension(self, run_id: ids.RunId, reason: str) -> governance.Call:
        """Return the call that takes a model out of use for now; only a vote makes it. The reason goes into the store."""
        return self._voted(run_id, "suspend", self._reason(reason))

    def resumption(self, run_id: ids.RunId) -> governance.Call:
        """Return the call that puts a suspended model back to where it was; only a vote makes it."""
        return self._voted(run_id, "resume")

    def _voted(self, run_id: ids.RunId, function: str, *values: object) -> governance.Call:
        return proposals.call(self._registry, REGISTRY, function, self._modelled(run_id), *values)

    # -------------------------------------------------------------------------------------------------- revenue

    def pay(self, run_id: ids.RunId, token: ids.Address, amount: int) -> None:
        """Pay for a model out of this wallet's credit in the vault.

        Args:
            run_id: the model's run.
            token: ERC-20 contract, zero = the chain's own coin.
            amount: in the token's smallest unit.
        """
        self._models.pay(self._modelled(run_id), token, amount)

    def claim(self, run_id: ids.RunId, token: ids.Address) -> int:
        """Take this member's part of what a model earned, as a credit in the vault. Returns the amount."""
        mine = self._member.member_id()
        before = self._taken(run_id, mine, token)
        self._models.claim(self._modelled(run_id), token, mine)
        return self._taken(run_id, mine, token) - before

    def _taken(self, run_id: ids.RunId, member_id: ids.MemberId, token: ids.Address) -> int:
        return self._member.view().releases.of(run_id).claimed.get((member_id, token), 0)

    def _modelled(self, run_id: ids.RunId) -> ids.RunId:
        """Return the run if it has a model; raises ``errors.InputError``."""
        if self._member.run(run_id).model is None:
            raise errors.InputError(
                "this run has no model", which=ids.short(run_id), next_step="see `commons run show RUN`"
            )
        return run_id

    def _reason(self, words: str) -> bytes:
        return self._store.put(letters.Reason(words).encode()) if words else NOTHING_SAID
