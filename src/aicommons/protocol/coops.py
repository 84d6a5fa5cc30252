"""One data co-op as its own contracts tell it: who is on the roll, what was proposed, and how people voted.

``office/coops.py`` folds it from the co-op's events. Whether a vote is carried is the contract's to say
(``CoopGovernor.state``); nodes need none of this, because only an executed proposal gives a consent.
"""

import dataclasses
import enum
import re
from collections.abc import Iterable, Mapping

from aicommons.domain import encoding, events, ids


class ProposalState(enum.IntEnum):
    """Where a proposal stands; the numbers are OpenZeppelin's."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Coop:
    """Where a co-op's contracts stand."""

    members: ids.Address
    """Address of its CoopMembers."""
    governor: ids.Address
    """Address of its CoopGovernor."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """How a co-op decides."""

    name: str
    """What it calls itself."""
    delay: int = 0
    """Seconds between a proposal and its vote."""
    period: int = 7 * 86_400
    """Seconds that a vote is open."""
    percent: int = 10
    """Percent of the roll that has to take part."""
    minimum: int = 2
    """People who have to take part at the least."""


BINDING = re.compile(r"#proposer=0x[0-9a-fA-F]{40}\Z")
"""The line of ``bound``; OpenZeppelin reads it at the very end of a description and nowhere else."""


def bound(words: str, proposer: ids.Address) -> str:
    """Return the text of a proposal: its words, and a last line by which nobody else can propose the same.

    Without that line (OpenZeppelin's), whoever sees it coming could propose it first and take it back.
    """
    return f"{words}\n\n#proposer={ids.format_id(proposer)}"


@dataclasses.dataclass(frozen=True, slots=True)
class ProposalView:
    """One proposal and the votes on it."""

    created: events.ProposalCreated
    votes: Mapping[ids.Address, events.VoteCast] = dataclasses.field(default_factory=dict)
    """Voter -> the vote."""
    executed: events.ProposalExecuted | None = None
    canceled: events.ProposalCanceled | None = None

    @property
    def words(self) -> str:
        """What it is about, as its proposer says, without the line that keeps it its proposer's."""
        return BINDING.sub("", self.created.description).rstrip()

    def count(self, support: events.Support) -> int:
        """Return how many voted so."""
        return sum(vote.weight for vote in self.votes.values() if vote.support is support)


@dataclasses.dataclass(frozen=True, slots=True)
class CoopView:
    """One co-op."""

    people: Mapping[ids.Address, events.PersonAdmitted] = dataclasses.field(default_factory=dict)
    """Who is on the roll now."""
    proposals: Mapping[int, ProposalView] = dataclasses.field(default_factory=dict)
    """Proposal id -> the proposal, in the order of proposing."""


def fold(told: Iterable[events.Event]) -> CoopView:
    """Return the co-op after all events of its two contracts, each contract's in ledger order."""
    people: dict[ids.Address, events.PersonAdmitted] = {}
    created: dict[int, events.ProposalCreated] = {}
    votes: dict[int, dict[ids.Address, events.VoteCast]] = {}
    ends: dict[int, dict[str, events.Event]] = {}
    for event in told:
        match event:
            case events.PersonAdmitted():
                people[event.person] = event
            case events.PersonLeft():
                people.pop(event.person, None)
            case events.ProposalCreated():
                created[event.proposal_id] = event
            case events.VoteCast():
                votes.setdefault(event.proposal_id, {})[event.voter] = event
            case events.ProposalExecuted():
                ends.setdefault(event.proposal_id, {})["executed"] = event
            case events.ProposalCanceled():
                ends.setdefault(event.proposal_id, {})["canceled"] = event
    proposals = {
        key: ProposalView(event, votes.get(key, {}), **ends.get(key, {}))  # type: ignore[arg-type]  # by name
        for key, event in created.items()
    }
    return CoopView(people, proposals)


GOVERNOR_NAME = "AI Commons Co-op Governor"
GOVERNOR_VERSION = "1"
BALLOT_TYPE = "Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)"


@dataclasses.dataclass(frozen=True, slots=True)
class Ballot:
    """What a person signs to vote without sending a transaction."""

    proposal_id: int
    support: events.Support
    voter: ids.Address
    nonce: int
    """How often this person's signature voted here before."""
    governor: str
    """Name of the governor in the signed domain: ``GOVERNOR_NAME``, or ``governance.GOVERNOR_NAME``."""

    def words(self) -> list[bytes | int]:
        """Return the fields as they are hashed: numbers."""
        return [self.proposal_id, int(self.support), int.from_bytes(self.voter, "big"), self.nonce]

    def digest(self, place: encoding.Place) -> bytes:
        """Return the 32 bytes that are signed (EIP-712); ``place`` is the governor."""
        domain = encoding.domain_of(self.governor, GOVERNOR_VERSION, place)
        return encoding.typed_digest(domain, BALLOT_TYPE, self.words())
