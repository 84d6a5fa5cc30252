"""The members' votes as the ledger tells them: the rules, the proposals with their tallies, and where each of them stands.

``view.py`` hands the events on and shows the outcome as its own (``LedgerView.votes``). The law is OpenZeppelin's Governor and
our ``CommonsGovernor.quorum``; here it is read again from events alone, so that nobody has to ask. No I/O, no clock.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from aicommons.domain import events, ids, vote_events
from aicommons.protocol import coops, registry

GOVERNOR_NAME = "AI Commons Governor"
"""In the domain of what is signed for it."""


@dataclasses.dataclass(frozen=True, slots=True)
class ProposalView(coops.ProposalView):
    """One proposal to the members, and the votes on it."""

    queued: vote_events.ProposalQueued | None = None
    """That it waits in the timelock, and until when."""

    @property
    def title(self) -> str:
        """The first line of its text."""
        return _parted(self.words)[0]

    @property
    def reason(self) -> str:
        """The rest of its text."""
        return _parted(self.words)[1]

    def state(self, now: int, quorum: int) -> coops.ProposalState:
        """Return where it stands at block time ``now``, when ``quorum`` members have to take part."""
        if self.canceled is not None:
            return coops.ProposalState.CANCELED
        if self.executed is not None:
            return coops.ProposalState.EXECUTED
        if now <= self.created.vote_start:
            return coops.ProposalState.PENDING
        if now <= self.created.vote_end:
            return coops.ProposalState.ACTIVE
        if not self.is_carried(quorum):
            return coops.ProposalState.DEFEATED
        return coops.ProposalState.SUCCEEDED if self.queued is None else coops.ProposalState.QUEUED

    def is_carried(self, quorum: int) -> bool:
        """Return whether the votes that were cast suffice."""
        agree, abstain = self.count(events.Support.FOR), self.count(events.Support.ABSTAIN)
        return agree > self.count(events.Support.AGAINST) and agree + abstain >= quorum


@dataclasses.dataclass(frozen=True, slots=True)
class Votes:
    """How the members decide, and what was proposed to them."""

    proposals: Mapping[int, ProposalView] = dataclasses.field(default_factory=dict)
    """Proposal id -> the proposal, in the order of proposing."""
    registrars: tuple[ids.Address, ...] = ()
    """Who decides about members beside the votes."""
    threshold: int = 0
    """How many registrars have to agree."""
    delay: int = 0
    """Seconds between a proposal and its vote."""
    period: int = 0
    """Seconds that a vote is open."""
    timelock: int = 0
    """Seconds between a vote that was carried and what it does."""
    minimum: int = 1
    """Members that have to take part at the least."""
    percents: tuple[tuple[int, int], ...] = ()
    """Since which block time which percentage of the members has to take part, oldest first."""

    def percent(self, time: int) -> int:
        """Return the percentage of the members that has to take part in a vote that begins at ``time``."""
        return next((percent for since, percent in reversed(self.percents) if since <= time), 0)

    def quorum(self, time: int, electorate: int) -> int:
        """Return how many have to take part in a vote that begins at ``time`` among ``electorate`` members."""
        return max(self.minimum, electorate * self.percent(time) // 100)


TOLD = (
    *(events.ProposalCreated, events.VoteCast, events.ProposalExecuted, events.ProposalCanceled),
    *(vote_events.ProposalQueued, vote_events.RegistrarsSet, vote_events.VotingDelaySet, vote_events.VotingPeriodSet),
    *(vote_events.QuorumSet, vote_events.QuorumMinimumFixed, vote_events.TimelockDelaySet),
)
"""The events that are folded here."""


def fold(kept: Votes, new: Iterable[events.Event]) -> Votes:
    """Return ``kept`` after ``new`` events in ledger order; votes on what was never proposed are left out."""
    proposals, rules = dict(kept.proposals), kept
    for event in new:
        if isinstance(event, events.ProposalCreated):
            proposals[event.proposal_id] = ProposalView(event)
        elif (number := getattr(event, "proposal_id", None)) is None:
            rules = _rules_after(rules, event)
        elif number in proposals:
            proposals[number] = _proposal_after(proposals[number], event)
    return dataclasses.replace(rules, proposals=proposals)


def _proposal_after(proposal: ProposalView, event: events.Event) -> ProposalView:
    match event:
        case events.VoteCast():
            return dataclasses.replace(proposal, votes={**proposal.votes, event.voter: event})
        case vote_events.ProposalQueued():
            return dataclasses.replace(proposal, queued=event)
        case events.ProposalExecuted():
            return dataclasses.replace(proposal, executed=event)
        case events.ProposalCanceled():
            return dataclasses.replace(proposal, canceled=event)
    return proposal


def _rules_after(votes: Votes, event: events.Event) -> Votes:
    match event:
        case vote_events.RegistrarsSet():
            return dataclasses.replace(votes, registrars=event.registrars, threshold=event.threshold)
        case vote_events.VotingDelaySet():
            return dataclasses.replace(votes, delay=event.new_voting_delay)
        case vote_events.VotingPeriodSet():
            return dataclasses.replace(votes, period=event.new_voting_period)
        case vote_events.TimelockDelaySet():
            return dataclasses.replace(votes, timelock=event.new_duration)
        case vote_events.QuorumMinimumFixed():
            return dataclasses.replace(votes, minimum=event.minimum)
        case vote_events.QuorumSet():
            return dataclasses.replace(votes, percents=(*votes.percents, (event.at.time, event.percent)))
    return votes


def electorate(members: Iterable[registry.MemberView], time: int) -> int:
    """Return how many memberships had a vote at the end of block time ``time``: active and suspended ones."""
    return sum(member.at.time <= time and (member.is_live or member.changed_at > time) for member in members)


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One call of a proposal."""

    target: ids.Address
    """Contract that is called."""
    data: bytes
    """Function and arguments."""
    value: int = 0
    """Of the chain's coin in wei, that goes with it."""


def calls(created: events.ProposalCreated) -> tuple[Call, ...]:
    """Return the calls of a proposal."""
    parts = zip(created.targets, created.calldatas, created.values, strict=True)
    return tuple(Call(*each) for each in parts)


@dataclasses.dataclass(frozen=True, slots=True)
class Meaning:
    """A call of one of the commons' contracts, read from its bytes."""

    contract: str
    """Its name in the deployment."""
    function: str | None
    """Its name in the contract; ``None`` where none has this selector, so that nobody can say what would happen."""
    names: tuple[str, ...] = ()
    """Of the arguments."""
    values: tuple[object, ...] | None = None
    """The arguments, an address as text; ``None`` where the bytes are not the one encoding that they have, so that the
    contract may read others than this package does."""
    is_former: bool = False
    """Whether another contract has taken this one's place."""
    inner: tuple[tuple[Call, "Meaning | None"], ...] = ()
    """Calls that this one carries on, with what they say."""


# --------------------------------------------------------------------------------------------- the words of a proposal


def describe(title: str, reason: str, proposer: ids.Address) -> str:
    """Return the text of a proposal to the members: its title, its reason, and whose it is (``coops.bound``)."""
    return coops.bound(f"# {title}\n\n{reason}", proposer)


def _parted(words: str) -> tuple[str, str]:
    """Return title and reason."""
    lines = words.strip().splitlines() or [""]
    return lines[0].removeprefix("#").strip(), "\n".join(lines[1:]).strip()
