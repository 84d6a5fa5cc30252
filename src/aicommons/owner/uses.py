"""Every use of this home's data and everything that was decided here, newest first.

Uses come from the ledger and this home's node, decisions from its inbox. Called by the log page and ``commons log``; what
was told by all uses together is ``budgets``' business.
"""

import dataclasses

from aicommons.domain import ids, run
from aicommons.node import inbox
from aicommons.owner import deciding, progress
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """One dataset of this home in one run."""

    at: int
    """Block time in seconds at which it enrolled."""
    run_id: ids.RunId
    title: str
    """Of the plan; empty while the store does not give it."""
    dataset_id: int
    dataset: str
    """Its title here."""
    purpose: str
    """Purpose code; empty while the terms cannot be read."""
    solver: str
    consent_id: bytes
    price: int
    """What was agreed for it when it enrolled, in the smallest unit; 0 in the free commons. Recorded, not yet paid."""
    state: run.RunState
    rounds: int
    """Rounds in whose sum this site is."""
    bytes_sent: int
    privacy: str
    """What protects the sums themselves, in the terms' words."""


def uses(clerk: deciding.Clerk) -> tuple[Use, ...]:
    """Return every use, newest first."""
    place = clerk.place
    view = place.desk.view()
    member = view.member_of_account(place.registry.address)
    titles = {number: known["title"] for number, known in place.home.datasets().items()}
    found = []
    with progress.own_journal(place) as kept:
        for run_id, current in view.runs.items():
            if member is None or member not in current.enrolled:
                continue
            papers = clerk.papers.terms(current)
            found += [
                Use(
                    at=brought.at.time,
                    run_id=run_id,
                    title=progress.title_of(papers),
                    dataset_id=brought.dataset_id,
                    dataset=titles.get(brought.dataset_id, ""),
                    purpose="" if papers is None else papers.terms.purpose,
                    solver=clerk.papers.name(view, current.spec.solver),
                    consent_id=brought.consent_id,
                    price=_price(view, brought.consent_id, run_id),
                    state=current.state,
                    rounds=_rounds_with(current, int(member)),
                    bytes_sent=0 if kept is None else kept.bytes_sent(run_id),
                    privacy="" if papers is None else papers.terms.privacy,
                )
                for brought in current.offered_by(member)
            ]
    return tuple(sorted(found, key=lambda each: each.at, reverse=True))


def _price(view: views.LedgerView, consent_id: bytes, run_id: ids.RunId) -> int:
    """Return what the ledger recorded as the price when a run used a consent."""
    return sum(use.price for use in view.consents[consent_id].uses if use.run_id == run_id)


def _rounds_with(current: views.RunView, member: int) -> int:
    """Return how many unmasked rounds have ``member`` in their set."""
    count = index = 0
    while (place := current.unmasked(index)) is not None:
        count += member in current.members_of(current.attempts[place].set_bits)
        index += 1
    return count


def decisions(clerk: deciding.Clerk) -> tuple[inbox.Happened, ...]:
    """Return what was decided at this home, newest first."""
    with clerk.inbox() as kept:
        return tuple(kept.happened())
