"""Where models stand between being made and being used, what they earned, and who took which part of it.

``view.py`` hands the events over and shows the outcome as its own; the command line, the portal and auditors read it. How a
model came to be, its lineage and its shares stand with its run. Whether a release would pass now is the contract's word.
No I/O, no clock.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from aicommons.domain import events, ids, model_events, run

ModelState = model_events.ModelState


@dataclasses.dataclass(frozen=True, slots=True)
class ModelView:
    """One registered model as it stands now."""

    state: ModelState = ModelState.DRAFT
    """Where it stands."""
    changed: events.Position | None = None
    """Where its state changed last; ``None`` since it was registered."""
    resumes_to: ModelState | None = None
    """Where it goes back to when a vote ends its suspension."""
    audits_from: int | None = None
    """First block time in seconds whose audits of it count; ``None`` before they were asked for."""
    releasable_at: int | None = None
    """Block time in seconds from which it may be released; ``None`` before its audits were shown."""
    audits: tuple[bytes, ...] = ()
    """Ids of the statements that were shown last, when it was cleared or released."""
    reason: bytes | None = None
    """Digest of why it was suspended or withdrawn, where that was said."""
    received: Mapping[ids.Address, int] = dataclasses.field(default_factory=dict)
    """Token -> what was paid for it so far, in the token's smallest unit."""
    claimed: Mapping[tuple[int, ids.Address], int] = dataclasses.field(default_factory=dict)
    """Member and token -> what the member took of it."""

    def claimable(self, member_id: int, shares: int, token: ids.Address) -> int:
        """Return what a member with ``shares`` of 1,000,000 could take now, as ``ModelRegistry.claimable`` does."""
        earned = self.received.get(token, 0) * shares // run.ALL_SHARES
        return earned - self.claimed.get((member_id, token), 0)

    def may_count(self, audit: model_events.Attested) -> bool:
        """Return whether an audit was made since it was asked for, and since the card that it is about was fixed."""
        return self.audits_from is not None and audit.at.time >= self.audits_from


@dataclasses.dataclass(frozen=True, slots=True)
class Releases:
    """All models that something happened to, at one block."""

    models: Mapping[ids.RunId, ModelView] = dataclasses.field(default_factory=dict)
    """Model id -> the model, once its audit was asked for, it was paid for, or it was withdrawn."""
    rules: model_events.AuditRulesSet | None = None
    """What a release needs now; ``None`` from a ledger that did not say so yet."""

    def of(self, model_id: ids.RunId) -> ModelView:
        """Return a registered model; it is a draft as long as nothing happened to it."""
        return self.models.get(model_id, ModelView())


TOLD = (model_events.OfModel, model_events.AuditRulesSet)
"""Events that ``fold`` takes."""


def fold(known: Releases, new: Iterable[events.Event]) -> Releases:
    """Return what is known after new events, which come in ledger order."""
    models, rules = dict(known.models), known.rules
    for event in new:
        if isinstance(event, model_events.AuditRulesSet):
            rules = event
        elif isinstance(event, model_events.OfModel):
            models[event.model_id] = after(models.get(event.model_id, ModelView()), event)
    return Releases(models, rules)


def after(model: ModelView, event: model_events.OfModel) -> ModelView:
    """Return a model after an event that is about it."""
    match event:
        case model_events.RevenuePaid():
            total = model.received.get(event.token, 0) + event.amount
            return dataclasses.replace(model, received={**model.received, event.token: total})
        case model_events.RevenueClaimed():
            taken = (int(event.member_id), event.token)
            total = model.claimed.get(taken, 0) + event.amount
            return dataclasses.replace(model, claimed={**model.claimed, taken: total})
    return dataclasses.replace(_moved(model, event), changed=event.at)


def _moved(model: ModelView, event: model_events.OfModel) -> ModelView:
    match event:
        case model_events.AuditRequested():
            return dataclasses.replace(model, state=ModelState.IN_AUDIT, audits_from=event.at.time)
        case model_events.ModelAmended():
            return dataclasses.replace(model, audits_from=event.audits_from or None)
        case model_events.ModelCleared():
            due, audits = event.releasable_at, event.audits
            return dataclasses.replace(model, state=ModelState.RELEASABLE, releasable_at=due, audits=audits)
        case model_events.ModelReleased():
            return dataclasses.replace(model, state=ModelState.RELEASED, audits=event.audits)
        case model_events.ModelSuspended():
            reason = _said(event.reason)
            return dataclasses.replace(model, state=ModelState.SUSPENDED, resumes_to=event.previous, reason=reason)
        case model_events.ModelResumed():
            return dataclasses.replace(model, state=event.state, resumes_to=None, reason=None)
        case model_events.ModelWithdrawn():
            reason = _said(event.reason)
            return dataclasses.replace(model, state=ModelState.WITHDRAWN, resumes_to=None, reason=reason)
    return model


def _said(reason: bytes) -> bytes | None:
    return reason if any(reason) else None
