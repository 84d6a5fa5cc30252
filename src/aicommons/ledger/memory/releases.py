"""The second half of ``ModelRegistry`` in memory: audits, release, suspension, withdrawal and revenue.

Called by ``MemoryLedger``. How a model comes of a run is ``models``'.
"""

from collections.abc import Sequence

from aicommons.domain import ids, model_events
from aicommons.ledger import deployments
from aicommons.ledger.memory import attestations, book, datasets, members, models, vault
from aicommons.protocol import releases, transitions

State = model_events.ModelState
Asked = tuple[members.Members, datasets.Datasets, attestations.Attestations, vault.Vault]
"""Who is asked about callers, consents, audits and money."""


class Releases:
    """Where models stand between being made and being used, and what they earn."""

    def __init__(self, kept: book.Book, made: models.Models, asked: Asked) -> None:
        self._book = kept
        self._models = made
        self._members, self._data, self._said, self._vault = asked

    def set_rules(self, said: deployments.AuditRules) -> None:
        """Set what a release needs."""
        if not 0 < said.audits <= model_events.MOST_AUDITS:
            raise transitions.Refusal("ModelRegistryRulesInvalid", said.audits)
        self._book.tell(model_events.AuditRulesSet, said.audits, said.delay)

    def change_rules(self, said: deployments.AuditRules) -> None:
        """Set the rules, as the members' timelock."""
        self._book.check_timelock()
        self.set_rules(said)

    # ------------------------------------------------------------------------------------------------ audit and release

    def amend(self, model_id: ids.RunId, card: bytes, licence: bytes) -> None:
        """Put card and licence right, as the solver; audits of what stood there before count no more."""
        known = self._known(model_id)
        if known.state not in (State.DRAFT, State.IN_AUDIT):
            raise transitions.Refusal("ModelRegistryWrongState", model_id, int(known.state))
        self._check_solver(model_id)
        if not any(card):
            raise transitions.Refusal("ModelRegistryCardMissing")
        audits_from = self._book.now() + 1 if known.state is State.IN_AUDIT else 0
        self._book.tell(model_events.ModelAmended, model_id, card, licence, audits_from)

    def request_audit(self, model_id: ids.RunId) -> None:
        """Ask auditors to look at a model, as one of its parties."""
        self._check_in(model_id, State.DRAFT)
        self._book.tell(model_events.AuditRequested, model_id, self._party(model_id))

    def clear(self, model_id: ids.RunId, audits: Sequence[bytes]) -> None:
        """Show a model's audits, as anybody."""
        self._check_unharmed(model_id, State.IN_AUDIT)
        self._check_gate(model_id, audits)
        rules = self._book.view.releases.rules
        due = self._book.now() + (0 if rules is None else rules.delay)
        self._book.tell(model_events.ModelCleared, model_id, due, tuple(audits))

    def release(self, model_id: ids.RunId, audits: Sequence[bytes]) -> None:
        """Let a model be used, as one of its parties, once the time to object is over."""
        known = self._check_unharmed(model_id, State.RELEASABLE)
        releaser = self._party(model_id)
        due = known.releasable_at or 0
        if self._book.now() < due:
            raise transitions.Refusal("ModelRegistryTooEarly", due)
        self._check_gate(model_id, audits)
        self._book.tell(model_events.ModelReleased, model_id, releaser, tuple(audits))

    def suspend(self, model_id: ids.RunId, reason: bytes) -> None:
        """Take a model out of use for now, as the members' timelock."""
        self._book.check_timelock()
        known = self._known(model_id)
        if not State.IN_AUDIT <= known.state <= State.RELEASED:
            raise transitions.Refusal("ModelRegistryWrongState", model_id, int(known.state))
        self._book.tell(model_events.ModelSuspended, model_id, known.state, reason)

    def resume(self, model_id: ids.RunId) -> None:
        """Put a model back to where it was, as the members' timelock."""
        self._book.check_timelock()
        known = self._check_in(model_id, State.SUSPENDED)
        self._book.tell(model_events.ModelResumed, model_id, known.resumes_to)

    def withdraw(self, model_id: ids.RunId, reason: bytes) -> None:
        """Take a model out of use for good, as its solver or the members' timelock."""
        known, sender = self._known(model_id), self._book.sender
        if known.state is State.WITHDRAWN:
            raise transitions.Refusal("ModelRegistryWrongState", model_id, int(known.state))
        if sender != self._book.addresses["TimelockController"]:
            self._check_solver(model_id)
        self._book.tell(model_events.ModelWithdrawn, model_id, known.state, reason)

    # ---------------------------------------------------------------------------------------------------------- revenue

    def pay(self, model_id: ids.RunId, token: ids.Address, amount: int) -> None:
        """Pay for a model out of the caller's credit."""
        self._known(model_id)
        self._book.tell(model_events.RevenuePaid, model_id, self._book.sender, token, amount)
        self._vault.collect(token, amount, "ModelRegistry")

    def claim(self, model_id: ids.RunId, token: ids.Address, member_id: int) -> None:
        """Take a member's part of what a model earned, as a credit."""
        account = self._book.sender
        if self._members.account_of(member_id) != account:
            raise transitions.Refusal("ModelRegistryNotHolder", member_id, account)
        owed = self.claimable(model_id, token, member_id)
        if not owed:
            raise transitions.Refusal("ModelRegistryNothingToClaim", model_id, token, member_id)
        self._book.tell(model_events.RevenueClaimed, model_id, member_id, token, account, owed)
        self._vault.give(self._book.addresses["ModelRegistry"], account, token, owed)

    def claimable(self, model_id: ids.RunId, token: ids.Address, member_id: int) -> int:
        """Return what a member could take now."""
        known = self._book.view.runs.get(model_id)
        shares = 0 if known is None else known.shares.get(member_id, 0)
        return self._book.view.releases.of(model_id).claimable(member_id, shares, token)

    # --------------------------------------------------------------------------------------------------------- private

    def _check_gate(self, model_id: ids.RunId, audits: Sequence[bytes]) -> None:
        _, bit = self._data.purpose_bit(self._book.view.runs[model_id].spec.purpose)
        if self._data.banned() >> bit & 1:
            raise transitions.Refusal("ModelRegistryPurposeBanned", bit)
        self._check_audits(model_id, audits)
        self._check_consents(model_id)

    def _check_solver(self, model_id: ids.RunId) -> None:
        member_id = self._book.member_of(self._book.sender)
        if member_id != self._models.solver_of(model_id) or not self._book.is_active(member_id):
            raise transitions.Refusal("ModelRegistryNotSolver", model_id, self._book.sender)

    def _check_audits(self, model_id: ids.RunId, audits: Sequence[bytes]) -> None:
        rules = self._book.view.releases.rules
        least = 0 if rules is None else rules.audits
        if len(audits) > model_events.MOST_AUDITS:
            raise transitions.Refusal("ModelRegistryAuditsTooMany", len(audits), model_events.MOST_AUDITS)
        if len(audits) < least:
            raise transitions.Refusal("ModelRegistryAuditsMissing", len(audits), least)
        auditors: list[int] = []
        for each in audits:
            auditor = self._check_audit(model_id, each)
            if auditor in auditors:
                raise transitions.Refusal("ModelRegistryAuditInvalid", each)
            auditors.append(auditor)

    def _check_audit(self, model_id: ids.RunId, attestation_id: bytes) -> int:
        known = self._said.find(attestation_id)
        is_audit = (
            known is not None
            and known.made.kind is model_events.Kind.AUDIT
            and known.made.passed
            and known.made.subject == model_id
        )
        if known is None or not is_audit or not self._said.is_live(attestation_id):
            raise transitions.Refusal("ModelRegistryAuditInvalid", attestation_id)
        since, made = self._book.view.releases.of(model_id).audits_from or 0, known.made.at.time
        if made < since:
            raise transitions.Refusal("ModelRegistryAuditTooEarly", attestation_id, made, since)
        if self._models.tie(model_id, known.made.attester) is not models.Tie.NONE:
            raise transitions.Refusal("ModelRegistryConflict", attestation_id, known.made.attester)
        return known.made.attester

    def _check_consents(self, model_id: ids.RunId) -> None:
        known = self._book.view.runs[model_id].model
        for source in () if known is None else known.sources:
            if not self._data.lived_at(source.consent_id, source.used_at):
                raise transitions.Refusal("ModelRegistryStale", source.consent_id)

    def _party(self, model_id: ids.RunId) -> int:
        member_id = self._models.caller()
        is_party = self._models.tie(model_id, member_id) is models.Tie.PARTY
        if not is_party or not self._book.is_active(member_id):
            raise transitions.Refusal("ModelRegistryNotParticipant", self._book.sender)
        return member_id

    def _known(self, model_id: ids.RunId) -> releases.ModelView:
        known = self._book.view.runs.get(model_id)
        if known is None or known.model is None:
            raise transitions.Refusal("ModelRegistryUnknown", model_id)
        return self._book.view.releases.of(model_id)

    def _check_in(self, model_id: ids.RunId, expected: model_events.ModelState) -> releases.ModelView:
        known = self._known(model_id)
        if known.state is not expected:
            raise transitions.Refusal("ModelRegistryWrongState", model_id, int(known.state))
        return known

    def _check_unharmed(self, model_id: ids.RunId, expected: model_events.ModelState) -> releases.ModelView:
        if self._book.view.releases.of(model_id).state is State.SUSPENDED:
            raise transitions.Refusal("ModelRegistryOpenHarm", model_id)
        return self._check_in(model_id, expected)
