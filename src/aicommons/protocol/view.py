"""The ledger's state as one frozen record, folded from its events in order.

Every node, the command line and ``run verify`` derive what they know from here. Nothing is believed beyond what the
events say; signatures and digests are checked by those who act on them. No I/O, no clock.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TypeVar

from aicommons.domain import events, ids, run

AttemptPlace = tuple[int, int]
"""Round index and attempt."""

E = TypeVar("E", bound=events.Event)


@dataclasses.dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt at one round: its phase and the messages sent in it."""

    phase: run.Phase = run.Phase.OPEN
    """Where it stands."""
    set_bits: int = 0
    """Bitmap over the roster of the participant set; 0 until Submitted."""
    deadline: int = 0
    """Block time in seconds at which somebody may call ``advance``."""
    submits: Mapping[int, events.Submitted] = dataclasses.field(default_factory=dict)
    """Member -> its Submit, voided ones left out."""
    commits: Mapping[int, events.Committed] = dataclasses.field(default_factory=dict)
    """Member -> its Commit."""
    reveals: Mapping[int, events.Revealed] = dataclasses.field(default_factory=dict)
    """Member -> its Reveal."""
    results: Mapping[int, events.Resulted] = dataclasses.field(default_factory=dict)
    """Member -> its Result."""
    stopped: events.AttemptStopped | None = None
    """Who refused it and why, if somebody did."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunView:
    """One run: its terms, its roster and everything that happened in it."""

    spec: run.RunSpec
    """Its terms."""
    opened: events.Position
    """Where it was opened."""
    state: run.RunState = run.RunState.ENROLLING
    """Where it stands as a whole."""
    reason: run.Reason = run.Reason.NONE
    """Why it is over."""
    enrolled: Mapping[int, events.Enrolled] = dataclasses.field(default_factory=dict)
    """Member -> what it brings."""
    roster: events.RosterFixed | None = None
    """Who takes part, once nobody joins any more."""
    acks: Mapping[int, events.Acked] = dataclasses.field(default_factory=dict)
    """Member -> its epoch key."""
    round_index: int = 0
    """The round under way."""
    attempt: int = 0
    """The attempt at it."""
    attempts: Mapping[AttemptPlace, AttemptView] = dataclasses.field(default_factory=dict)
    """All attempts so far."""
    agreed: events.StateAgreed | None = None
    """The newest state that a quorum named."""
    missing: int = 0
    """Bitmap over the roster of those a paused run waits for."""
    deadline: int = 0
    """Block time at which the run as a whole may be moved on."""
    exits: Mapping[int, events.Exited] = dataclasses.field(default_factory=dict)
    """Member -> its exit, if it left."""
    changed_at: int = 0
    """Block time of the last change of ``state``."""
    model: events.ModelRegistered | None = None
    """The model with its lineage, once somebody wrote it down."""
    shares: Mapping[int, int] = dataclasses.field(default_factory=dict)
    """Member -> its part of the model, of 1,000,000."""

    @property
    def current(self) -> AttemptView | None:
        """The attempt under way."""
        return self.attempts.get((self.round_index, self.attempt))

    @property
    def is_round_agreed(self) -> bool:
        """Whether a quorum of Submits agreed on the state that the round under way starts from."""
        agreed = self.agreed
        return agreed is not None and agreed.rounds_done == self.round_index and not any(agreed.state_digest)

    def unmasked(self, round_index: int) -> AttemptPlace | None:
        """Return the attempt at which ``round_index`` was unmasked."""
        for place, attempt in self.attempts.items():
            if place[0] == round_index and attempt.phase is run.Phase.UNMASKED:
                return place
        return None

    def members_of(self, bits: int) -> tuple[int, ...]:
        """Return the member ids of a bitmap over the roster, ascending."""
        if self.roster is None:
            return ()
        return tuple(member for index, member in enumerate(self.roster.member_ids) if bits >> index & 1)


@dataclasses.dataclass(frozen=True, slots=True)
class LedgerView:
    """Everything the ledger says, at one block."""

    block: int = 0
    """Number of the block of the last event."""
    time: int = 0
    """Largest block time seen, in seconds."""
    applied: Mapping[bytes, events.MemberApplied] = dataclasses.field(default_factory=dict)
    """Wallet address -> its application."""
    members: Mapping[int, events.MemberAdmitted] = dataclasses.field(default_factory=dict)
    """Member id -> its admission."""
    datasets: Mapping[int, events.DatasetListed] = dataclasses.field(default_factory=dict)
    """Dataset id -> its listing."""
    consents: Mapping[bytes, events.ConsentGiven] = dataclasses.field(default_factory=dict)
    """Consent id -> what it permits, revoked ones too."""
    revoked: frozenset[bytes] = frozenset()
    """Ids of the consents that were taken back."""
    problems: Mapping[bytes, events.ProblemStated] = dataclasses.field(default_factory=dict)
    """Problem id -> its statement."""
    runs: Mapping[ids.RunId, RunView] = dataclasses.field(default_factory=dict)
    """Run id -> the run, in opening order."""

    def member_of_account(self, account: bytes) -> ids.MemberId | None:
        """Return the member that ``account`` was admitted as."""
        for member_id, admitted in self.members.items():
            if admitted.account == account:
                return ids.MemberId(member_id)
        return None


def fold(view: LedgerView, new: Iterable[events.Event]) -> LedgerView:
    """Return ``view`` after ``new`` events, which must come in ledger order."""
    for event in new:
        view = apply(view, event)
    return view


def apply(view: LedgerView, event: events.Event) -> LedgerView:
    """Return ``view`` after one event; events of runs that were never opened here are left out."""
    view = dataclasses.replace(view, block=event.at.block, time=max(view.time, event.at.time))
    if isinstance(event, events.RunOpened):
        if event.run_id in view.runs:  # its terms are what its id stands for; a second telling changes nothing
            return view
        return dataclasses.replace(view, runs={**view.runs, event.run_id: RunView(event.spec, event.at)})
    run_id = getattr(event, "run_id", None)
    if run_id is None:
        return _apply_registry(view, event)
    if run_id not in view.runs:
        return view
    return dataclasses.replace(view, runs={**view.runs, run_id: apply_run(view.runs[run_id], event)})


def _apply_registry(view: LedgerView, event: events.Event) -> LedgerView:
    match event:
        case events.MemberApplied():
            return dataclasses.replace(view, applied={**view.applied, event.applicant: event})
        case events.MemberAdmitted():
            return dataclasses.replace(view, members={**view.members, event.member_id: event})
        case events.DatasetListed():
            return dataclasses.replace(view, datasets={**view.datasets, event.dataset_id: event})
        case events.ConsentGiven():
            return dataclasses.replace(view, consents={**view.consents, event.consent_id: event})
        case events.ConsentRevoked():
            return dataclasses.replace(view, revoked=view.revoked | {event.consent_id})
        case events.ProblemStated():
            return dataclasses.replace(view, problems={**view.problems, event.problem_id: event})
        case _:
            return view


def apply_run(current: RunView, event: events.Event) -> RunView:
    """Return a run after one of its events."""
    match event:
        case events.Enrolled():
            return dataclasses.replace(current, enrolled={**current.enrolled, event.member_id: event})
        case events.RosterFixed():
            return dataclasses.replace(current, roster=event)
        case events.Acked():
            return dataclasses.replace(current, acks={**current.acks, event.member_id: event})
        case events.RunStateChanged():
            return dataclasses.replace(
                current,
                state=event.state,
                reason=event.reason,
                missing=event.missing,
                deadline=event.deadline,
                changed_at=event.at.time,
            )
        case events.StateAgreed():
            return dataclasses.replace(current, agreed=event)
        case events.Exited():
            return dataclasses.replace(current, exits={**current.exits, event.member_id: event})
        case events.ModelRegistered():
            return dataclasses.replace(current, model=event)
        case events.SharesGiven():
            total = current.shares.get(event.member_id, 0) + event.shares  # one event per owner and role
            return dataclasses.replace(current, shares={**current.shares, event.member_id: total})
        case _:
            return _apply_attempt(current, event)


def _apply_attempt(current: RunView, event: events.Event) -> RunView:
    match event:
        case events.PhaseEntered():
            before = current.attempts.get((event.round_index, event.attempt), AttemptView())
            after = dataclasses.replace(before, phase=event.phase, set_bits=event.set_bits, deadline=event.deadline)
            moved = dataclasses.replace(current, round_index=event.round_index, attempt=event.attempt)
            return _with_attempt(moved, event.round_index, event.attempt, after)
        case events.AttemptStopped():
            before = current.attempts.get((event.round_index, event.attempt), AttemptView())
            after = dataclasses.replace(before, stopped=event)
            return _with_attempt(current, event.round_index, event.attempt, after)
        case events.Voided():
            before = current.attempts.get((event.round_index, event.attempt), AttemptView())
            # They may submit again: a stranger may have sent a vote of theirs that came too late.
            void = current.members_of(event.seats)
            left = {member: sent for member, sent in before.submits.items() if member not in void}
            after = dataclasses.replace(before, submits=left)
            return _with_attempt(current, event.round_index, event.attempt, after)
        case events.Attempted():
            before = current.attempts.get((event.round_index, event.attempt), AttemptView())
            return _with_attempt(current, event.round_index, event.attempt, _with_message(before, event))
        case _:
            return current


def _with_attempt(current: RunView, round_index: int, attempt: int, after: AttemptView) -> RunView:
    return dataclasses.replace(current, attempts={**current.attempts, (round_index, attempt): after})


def _with_message(before: AttemptView, event: events.Attempted) -> AttemptView:
    match event:
        case events.Submitted():
            return dataclasses.replace(before, submits={**before.submits, event.member_id: event})
        case events.Committed():
            return dataclasses.replace(before, commits={**before.commits, event.member_id: event})
        case events.Revealed():
            return dataclasses.replace(before, reveals={**before.reveals, event.member_id: event})
        case events.Resulted():
            return dataclasses.replace(before, results={**before.results, event.member_id: event})
        case _:
            return before
