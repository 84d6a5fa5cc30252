"""The ledger's state as one frozen record, folded from its events in order.

Every node, the command line and ``run verify`` derive what they know from here. Nothing is believed beyond what the
events say; signatures and digests are checked by those who act on them. No I/O, no clock.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from aicommons.domain import events, ids, model_events, money_events, run
from aicommons.protocol import attestations as attested
from aicommons.protocol import cells as divisions
from aicommons.protocol import coops, governance, permissions, registry
from aicommons.protocol import money as moneys
from aicommons.protocol import releases as released

AttemptPlace = tuple[int, int]
"""Round index and attempt."""

Offered = events.Enrolled | events.Brought
"""A dataset that a seat brings."""

R = TypeVar("R", bound="AttemptView | RunView | LedgerView")


@dataclasses.dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt at one round: its phase and the messages sent in it."""

    phase: run.Phase = run.Phase.OPEN
    """Where it stands."""
    set_bits: int = 0
    """Bitmap over the roster of the participant set: who is due while it is Open, of whom vectors are summed afterwards."""
    deadline: int = 0
    """Block time in seconds at which somebody may call ``advance``."""
    epoch: int = 0
    """Epoch of keys that it was opened in."""
    submits: Mapping[int, events.Submitted] = dataclasses.field(default_factory=dict)
    """Member -> its Submit, voided ones left out."""
    commits: Mapping[int, events.Committed] = dataclasses.field(default_factory=dict)
    """Member -> its Commit."""
    reveals: Mapping[int, events.Revealed] = dataclasses.field(default_factory=dict)
    """Member -> its Reveal."""
    results: Mapping[int, events.Resulted] = dataclasses.field(default_factory=dict)
    """Member -> its Result."""
    complaints: Mapping[tuple[int, int], events.Complained] = dataclasses.field(default_factory=dict)
    """Who accuses whom -> the complaint about a box."""
    disputes: Mapping[tuple[int, int, int, int], events.Disputed] = dataclasses.field(default_factory=dict)
    """Who accuses whom, cell and column -> the dispute about a sum."""
    verdicts: Mapping[tuple[int, int, bytes], events.VerdictGiven] = dataclasses.field(default_factory=dict)
    """Who judges whom, in which case -> the verdict; the case is zero for silence."""
    waived: Mapping[int, events.Waived] = dataclasses.field(default_factory=dict)
    """Member -> that its Reveal is not waited for."""
    cells: Mapping[int, int] = dataclasses.field(default_factory=dict)
    """Cell -> those of its seats that are in the set, of cells that have any; empty where the run is not divided."""


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
    """Member -> what it brings first."""
    brought: Mapping[tuple[int, int], events.Brought] = dataclasses.field(default_factory=dict)
    """Member and dataset -> what it brings beside it."""
    left_out: Mapping[tuple[int, int], events.LeftOut] = dataclasses.field(default_factory=dict)
    """Member and dataset -> how the dataset went out because its consent died."""
    roster: events.RosterFixed | None = None
    """Who takes part, once nobody joins any more."""
    epoch: int = 0
    """Epoch of keys that is under way or waits for its Acks."""
    acks: Mapping[int, events.Acked] = dataclasses.field(default_factory=dict)
    """Member -> its newest epoch key; of an older epoch where its Ack of this one is missing, or not due."""
    past_acks: Mapping[int, Mapping[int, events.Acked]] = dataclasses.field(default_factory=dict)
    """Epoch that is over -> the keys of all members in it."""
    cells: divisions.Cells = divisions.UNDIVIDED
    """Who is summed with whom: bitmaps over the roster, none where all are summed as one set."""
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
    dropped: Mapping[int, events.Dropped] = dataclasses.field(default_factory=dict)
    """Member -> how it was put out because its consent died."""
    convicted: Mapping[int, events.Convicted] = dataclasses.field(default_factory=dict)
    """Member -> how it was convicted of cheating; it is in no later set."""
    excluded: frozenset[int] = frozenset()
    """Members convicted while the run was under way: they own nothing of its model."""
    equivocated: Mapping[int, events.Equivocated] = dataclasses.field(default_factory=dict)
    """Member -> which messages of its own convict it, where it was not verdicts."""
    changed_at: int = 0
    """Block time of the last change of ``state``."""
    model: events.ModelRegistered | None = None
    """The model with its lineage, once somebody wrote it down; card and licence as the solver amended them."""
    shares: Mapping[int, int] = dataclasses.field(default_factory=dict)
    """Member -> its part of the model, of 1,000,000."""

    @property
    def current(self) -> AttemptView | None:
        """The attempt under way."""
        return self.attempts.get((self.round_index, self.attempt))

    @property
    def is_set_fixed(self) -> bool:
        """Whether the first Commit fixed whose data the run uses."""
        return any(attempt.commits for attempt in self.attempts.values())

    @property
    def is_round_agreed(self) -> bool:
        """Whether a quorum of Submits agreed on the state that the round under way starts from."""
        agreed = self.agreed
        return agreed is not None and agreed.rounds_done == self.round_index and not any(agreed.state_digest)

    def epoch_of(self, place: AttemptPlace) -> int:
        """Return the epoch of keys of an attempt; that under way for one that is yet to come."""
        attempt = self.attempts.get(place)
        return self.epoch if attempt is None else attempt.epoch

    def acks_of(self, epoch: int) -> Mapping[int, events.Acked]:
        """Return the keys of an epoch by member; of those who had left by then the last one that they acknowledged."""
        return self.acks if epoch == self.epoch else self.past_acks.get(epoch, {})

    def offered_by(self, member_id: int) -> tuple[Offered, ...]:
        """Return all that a member ever brought, what was left out since included, in the order in which it came."""
        first = self.enrolled.get(member_id)
        further = tuple(each for each in self.brought.values() if each.member_id == member_id)
        return () if first is None else (first, *further)

    def brought_by(self, member_id: int) -> tuple[Offered, ...]:
        """Return what a member brings now."""
        return tuple(each for each in self.offered_by(member_id) if (member_id, each.dataset_id) not in self.left_out)

    def unmasked(self, round_index: int) -> AttemptPlace | None:
        """Return the attempt at which ``round_index`` was unmasked."""
        for place, attempt in self.attempts.items():
            if place[0] == round_index and attempt.phase is run.Phase.UNMASKED:
                return place
        return None

    @property
    def out(self) -> frozenset[int]:
        """Members that are out of the run: who left, whose consent died, who cheated."""
        return frozenset({*self.exits, *self.dropped, *self.convicted})

    @property
    def summed(self) -> tuple[int, ...]:
        """Members whose data is in a sum that was unmasked, ascending: the sources of the run's model."""
        bits = 0
        for attempt in self.attempts.values():
            bits |= attempt.set_bits if attempt.phase is run.Phase.UNMASKED else 0
        return self.members_of(bits)

    def rounds_of(self, member_id: int) -> tuple[int, ...]:
        """Return the rounds whose sum has a member's data in it, ascending."""
        return tuple(
            place[0]
            for place, attempt in sorted(self.attempts.items())
            if attempt.phase is run.Phase.UNMASKED and member_id in self.members_of(attempt.set_bits)
        )

    def eligible(self, attempt: AttemptView) -> tuple[int, ...]:
        """Return who may be in the set of a round after ``attempt``, ascending: with cells also who sat that one out."""
        if not self.cells:
            return self.members_of(attempt.set_bits)
        return tuple(member for member in self.members_of(sum(self.cells)) if member not in self.out)

    def members_of(self, bits: int) -> tuple[int, ...]:
        """Return the member ids of a bitmap over the roster, ascending."""
        return _members_of(self.roster, bits)


@dataclasses.dataclass(frozen=True, slots=True)
class LedgerView:
    """Everything the ledger says, at one block."""

    block: int = 0
    """Number of the block of the last event."""
    time: int = 0
    """Largest block time seen, in seconds."""
    applied: Mapping[bytes, events.MemberApplied] = dataclasses.field(default_factory=dict)
    """Account -> its application."""
    members: Mapping[int, registry.MemberView] = dataclasses.field(default_factory=dict)
    """Member id -> the member, also one that left."""
    datasets: Mapping[int, registry.DatasetView] = dataclasses.field(default_factory=dict)
    """Dataset id -> the dataset with all its versions."""
    consents: Mapping[bytes, registry.ConsentView] = dataclasses.field(default_factory=dict)
    """Consent id -> the consent with its uses, revoked ones too."""
    wishes: tuple[events.Wished, ...] = ()
    """What owners of datasets ask of models, in their order."""
    problems: Mapping[bytes, events.ProblemStated] = dataclasses.field(default_factory=dict)
    """Problem id -> its statement."""
    runs: Mapping[ids.RunId, RunView] = dataclasses.field(default_factory=dict)
    """Run id -> the run, in opening order."""
    permitted: permissions.Permissions = dataclasses.field(default_factory=permissions.Permissions)
    """Registers, guardianships and requests."""
    attestations: attested.Attestations = dataclasses.field(default_factory=attested.Attestations)
    """What members stated."""
    releases: released.Releases = dataclasses.field(default_factory=released.Releases)
    """Where models stand between being made and being used, and what they earned."""
    bans: model_events.BannedSet | None = None
    """What nobody can permit now; ``None`` from a ledger that did not say so yet."""

    @property
    def banned(self) -> int | None:
        """Bitmap of the purposes that nobody can permit now, as ``rules`` takes it."""
        return None if self.bans is None else self.bans.banned

    votes: governance.Votes = dataclasses.field(default_factory=governance.Votes)
    """The members' proposals and votes, and the rules of voting."""
    money: moneys.Money = dataclasses.field(default_factory=moneys.Money)
    """Credits, locks, and the problems with their awards."""

    @property
    def registers(self) -> Mapping[int, permissions.RegisterView]:
        """Dataset id -> the register of people's consents behind it."""
        return self.permitted.registers

    @property
    def guardianships(self) -> Mapping[bytes, permissions.GuardianshipView]:
        """Guardianship id -> the attestation."""
        return self.permitted.guardianships

    @property
    def requests(self) -> Mapping[int, permissions.RequestView]:
        """Request id -> the request with what was said to it."""
        return self.permitted.requests

    @property
    def revoked(self) -> frozenset[bytes]:
        """Ids of the consents that were taken back."""
        return frozenset(each.consent_id for each in self.consents.values() if each.revoked is not None)

    def member_of_account(self, account: bytes) -> ids.MemberId | None:
        """Return the member that ``account`` acts for now."""
        for member_id, member in self.members.items():
            if member.account == account and member.is_live:
                return ids.MemberId(member_id)
        return None

    def quorum(self, proposal_id: int) -> int:
        """Return how many members have to take part in the vote on a proposal, by those of the second it begins in."""
        start = self.votes.proposals[proposal_id].created.vote_start
        return self.votes.quorum(start, governance.electorate(self.members.values(), start))

    def proposal_state(self, proposal_id: int, now: int) -> coops.ProposalState:
        """Return where a proposal stands at block time ``now``."""
        return self.votes.proposals[proposal_id].state(now, self.quorum(proposal_id))

    def dead_since(self, consent_id: bytes, now: float) -> int | None:
        """Return the block time since which a consent permits nothing, ``None`` while it lives at ``now`` (seconds)."""
        consent = self.consents.get(consent_id)
        if consent is None:
            return 0
        dataset = self.datasets.get(consent.dataset_id)
        owner = self.members.get(dataset.owner) if dataset is not None else None
        return registry.dead_since(consent, dataset, owner, now)

    def dead_seats(self, current: RunView, now: float) -> Mapping[int, int]:
        """Return who on a run's roster has a dead consent at ``now``, and since when; nobody once the run is over."""
        if current.state.is_over or current.roster is None:
            return {}
        dead: dict[int, int] = {}
        for member in current.roster.member_ids:
            found = [self.dead_since(each.consent_id, now) for each in current.brought_by(member)]
            since = [each for each in found if each is not None]
            if since:
                dead[member] = min(since)
        return dead

    def was_dead(self, consent_id: bytes, at: int) -> bool | None:
        """Return whether a consent permitted nothing at block time ``at`` in seconds, ``None`` where nothing tells that."""
        consent = self.consents.get(consent_id)
        dataset = self.datasets.get(consent.dataset_id) if consent is not None else None
        owner = self.members.get(dataset.owner) if dataset is not None else None
        if consent is None or dataset is None or owner is None:
            return None
        return registry.was_dead(consent, dataset, owner, at)

    def is_guarded(self, guardianship_id: bytes, guardian: ids.Address, now: int, block: int | None = None) -> bool:
        """Return whether ``guardian`` may consent for a child at block time ``now``, as ``Guardianships.isLive`` has it.

        With ``block``, as it stood then; of an attester only the last change of state is known.
        """
        known = self.guardianships.get(guardianship_id)
        if known is None or not known.may_hold(guardian, now, block):
            return False
        attester = self.members.get(known.attested.attester)
        if attester is None:
            return False
        return attester.state is registry.MemberState.ACTIVE or (block is not None and now < attester.changed_at)


KEPT: Mapping[type[events.Event], tuple[str, str]] = {
    events.MemberApplied: ("applied", "applicant"),
    events.ProblemStated: ("problems", "problem_id"),
    events.Enrolled: ("enrolled", "member_id"),
    events.Brought: ("brought", "part"),
    events.LeftOut: ("left_out", "part"),
    events.Acked: ("acks", "member_id"),
    events.Exited: ("exits", "member_id"),
    events.Dropped: ("dropped", "member_id"),
    events.Submitted: ("submits", "member_id"),
    events.Committed: ("commits", "member_id"),
    events.Revealed: ("reveals", "member_id"),
    events.Resulted: ("results", "member_id"),
    events.Complained: ("complaints", "case"),
    events.Disputed: ("disputes", "case"),
    events.VerdictGiven: ("verdicts", "case"),
    events.Waived: ("waived", "member_id"),
    events.Convicted: ("convicted", "guilty_id"),
    events.Equivocated: ("equivocated", "guilty_id"),
}
"""Events that are kept as they are: in which mapping, and by which of their fields."""
NEWEST: Mapping[type[events.Event], str] = {
    events.RosterFixed: "roster",
    events.StateAgreed: "agreed",
    events.ModelRegistered: "model",
    model_events.BannedSet: "bans",
}
"""Events of which only the last counts: in which field."""


def fold(view: LedgerView, new: Iterable[events.Event]) -> LedgerView:
    """Return ``view`` after ``new`` events, which must come in ledger order.

    Events of runs that were never opened here are left out. It costs as much as there are new events, and one copy of
    each mapping that they touch.
    """
    ledger = _LedgerDraft(view)
    for event in new:
        ledger.tell(event)
    return ledger.frozen()


class _Draft(Generic[R]):
    """A frozen record while it is folded: its mappings are copied when they are first written to, not at each event."""

    def __init__(self, kept: R) -> None:
        self._kept = kept
        self._changed: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return a field as it is now."""
        return self._changed[name] if name in self._changed else getattr(self._kept, name)

    def put(self, **values: object) -> None:
        """Replace fields."""
        self._changed.update(values)

    def mapping(self, name: str) -> dict[Any, Any]:
        """Return a mapping to write to."""
        if name not in self._changed:
            self._changed[name] = dict(getattr(self._kept, name))
        made: dict[Any, Any] = self._changed[name]
        return made

    def keep(self, event: events.Event) -> None:
        """Keep an event where the tables say; one that is in none of them changes nothing."""
        kind = type(event)
        if kind in KEPT:
            name, key = KEPT[kind]
            self.mapping(name)[getattr(event, key)] = event
        elif kind in NEWEST:
            self.put(**{NEWEST[kind]: event})

    def frozen(self) -> R:
        """Return the record; the draft is not written to afterwards."""
        return dataclasses.replace(self._kept, **self._changed) if self._changed else self._kept


class _LedgerDraft:
    """The view while it is folded, with the runs that were touched."""

    def __init__(self, view: LedgerView) -> None:
        self._view = _Draft(view)
        self._runs: dict[ids.RunId, _RunDraft] = {}
        self._permissions: list[events.Event] = []
        self._attestations: list[events.Event] = []
        self._releases: list[events.Event] = []
        self._votes: list[events.Event] = []
        self._money: list[events.Event] = []

    def tell(self, event: events.Event) -> None:
        self._view.put(block=event.at.block, time=max(self._view.get("time"), event.at.time))
        run_id = getattr(event, "run_id", None)
        if isinstance(event, events.RunOpened):
            self._open(event)
        elif isinstance(event, events.ProblemStated | money_events.OfMoney):
            self._tell_money(event)
        elif isinstance(event, events.Wished):
            self._view.put(wishes=(*self._view.get("wishes"), event))
        elif run_id is not None and not isinstance(event, events.ConsentUsed):
            self._tell_run(run_id, event)
        elif isinstance(event, permissions.TOLD):
            self._permissions.append(event)
        elif isinstance(event, attested.TOLD):
            self._attestations.append(event)
        elif isinstance(event, released.TOLD):
            self._releases.append(event)
            if isinstance(event, model_events.ModelAmended):
                self._tell_run(event.model_id, event)
        elif isinstance(event, governance.TOLD):
            self._votes.append(event)
        else:
            self._tell_registry(event)

    def _tell_money(self, event: events.ProblemStated | money_events.OfMoney) -> None:
        self._money.append(event)
        self._view.keep(event)
        if isinstance(event, money_events.ProblemAmended) and event.problem_id in self._view.get("problems"):
            problems = self._view.mapping("problems")
            problems[event.problem_id] = moneys.amended(problems[event.problem_id], event)

    def _tell_registry(self, event: events.Event) -> None:
        match event:
            case events.MemberAdmitted():
                applied = self._view.get("applied").get(event.account)
                self._view.mapping("members")[event.member_id] = registry.admitted(event, applied)
            case events.DatasetListed():
                self._view.mapping("datasets")[event.dataset_id] = registry.listed(event)
            case events.ConsentGiven():
                self._view.mapping("consents")[event.consent_id] = registry.given(event)
            case events.OfMember() if event.member_id in self._view.get("members"):
                members = self._view.mapping("members")
                members[event.member_id] = registry.member_after(members[event.member_id], event)
            case events.OfDataset() if event.dataset_id in self._view.get("datasets"):
                datasets = self._view.mapping("datasets")
                datasets[event.dataset_id] = registry.dataset_after(datasets[event.dataset_id], event)
                if isinstance(event, events.DatasetEntrusted):
                    self._end_consents(event)
            case events.ConsentRevoked() | events.ConsentUsed() if event.consent_id in self._view.get("consents"):
                consents = self._view.mapping("consents")
                consents[event.consent_id] = registry.consent_after(consents[event.consent_id], event)
            case _:
                self._view.keep(event)

    def _end_consents(self, event: events.DatasetEntrusted) -> None:
        """Take back what was given before the dataset came into the hands of its body, as the contract does."""
        consents = self._view.mapping("consents")
        for consent_id, given in list(consents.items()):
            if given.dataset_id == event.dataset_id and given.revoked is None:
                consents[consent_id] = dataclasses.replace(given, revoked=event.at)

    def _open(self, event: events.RunOpened) -> None:
        if event.run_id not in self._view.get("runs"):  # its terms are what its id stands for: a second telling is none
            self._view.mapping("runs")[event.run_id] = RunView(event.spec, event.at)

    def _tell_run(self, run_id: ids.RunId, event: events.Event) -> None:
        known = self._view.get("runs").get(run_id)
        if known is None:
            return
        if run_id not in self._runs:
            self._runs[run_id] = _RunDraft(known)
        self._runs[run_id].tell(event)

    def frozen(self) -> LedgerView:
        if self._runs:
            self._view.mapping("runs").update({run_id: told.frozen() for run_id, told in self._runs.items()})
        if self._permissions:
            self._view.put(permitted=permissions.fold(self._view.get("permitted"), self._permissions))
        if self._attestations:
            self._view.put(attestations=attested.fold(self._view.get("attestations"), self._attestations))
        if self._releases:
            self._view.put(releases=released.fold(self._view.get("releases"), self._releases))
        if self._votes:
            self._view.put(votes=governance.fold(self._view.get("votes"), self._votes))
        if self._money:
            self._view.put(money=moneys.fold(self._view.get("money"), self._money))
        return self._view.frozen()


class _RunDraft:
    """A run while it is folded, with the attempts that were touched."""

    def __init__(self, current: RunView) -> None:
        self._run = _Draft(current)
        self._attempts: dict[AttemptPlace, _Draft[AttemptView]] = {}

    def tell(self, event: events.Event) -> None:
        match event:
            case events.RunStateChanged():
                self._run.put(
                    state=event.state,
                    reason=event.reason,
                    missing=event.missing,
                    deadline=event.deadline,
                    changed_at=event.at.time,
                )
            case events.SharesGiven():
                shares = self._run.mapping("shares")  # one event per co-owner and role
                shares[event.member_id] = shares.get(event.member_id, 0) + event.shares
            case model_events.ModelAmended() if self._run.get("model") is not None:
                self._run.put(model=dataclasses.replace(self._run.get("model"), card=event.card, licence=event.licence))
            case events.PhaseEntered():
                self._run.put(round_index=event.round_index, attempt=event.attempt)
                attempt = self._attempt(event.round_index, event.attempt)
                attempt.put(phase=event.phase, set_bits=event.set_bits, deadline=event.deadline)
                attempt.put(
                    epoch=self._run.get("epoch"), cells=divisions.within(self._run.get("cells"), event.set_bits)
                )
            case events.Voided():
                submits = self._attempt(event.round_index, event.attempt).mapping("submits")
                for member_id in _members_of(self._run.get("roster"), event.seats):
                    submits.pop(member_id, None)  # it may submit again: a stranger may have sent one too late
            case events.Convicted() | events.CellsDrawn() | events.Rotated():
                self._tell_committee(event)
            case events.Attempted():
                self._attempt(event.round_index, event.attempt).keep(event)
            case _:
                self._run.keep(event)

    def _tell_committee(self, event: events.Convicted | events.CellsDrawn | events.Rotated) -> None:
        match event:
            case events.Convicted():
                if not self._run.get("state").is_over:
                    self._run.put(excluded=self._run.get("excluded") | {int(event.guilty_id)})
                self._run.keep(event)
            case events.CellsDrawn():
                self._run.put(cells=event.cells)
            case events.Rotated():
                self._run.mapping("past_acks")[event.epoch - 1] = dict(self._run.get("acks"))
                self._run.put(epoch=event.epoch)

    def _attempt(self, round_index: int, attempt: int) -> _Draft[AttemptView]:
        place = (round_index, attempt)
        if place not in self._attempts:
            self._attempts[place] = _Draft(self._run.get("attempts").get(place, AttemptView()))
        return self._attempts[place]

    def frozen(self) -> RunView:
        if self._attempts:
            done = {place: attempt.frozen() for place, attempt in self._attempts.items()}
            self._run.mapping("attempts").update(done)
        return self._run.frozen()


def _members_of(roster: events.RosterFixed | None, bits: int) -> tuple[int, ...]:
    if roster is None:
        return ()
    return tuple(member for index, member in enumerate(roster.member_ids) if bits >> index & 1)
