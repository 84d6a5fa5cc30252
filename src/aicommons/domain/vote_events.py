"""What the members' votes are about and how they are held, as the ledger tells it: roles, registrars, the rules of votes.

``ledger/events.py`` decodes logs into these; ``protocol/registry.py`` folds those of one member, ``protocol/governance.py``
the others. Proposals and votes themselves are ``events.ProposalCreated`` and its neighbours, which co-ops share.
"""

import dataclasses
import enum

from aicommons.domain import events, ids

LONGEST_WAIT = 365 * 86400
"""Most seconds that people here may ask for as delay, period or timelock of votes. The contracts take more; a slip such as
milliseconds would put the vote that mends it out of reach."""
MOST_MINIMUM = 1_000
"""Most members that a new commons may ask for as its votes' minimum, which nobody can change afterwards."""


class Role(enum.IntEnum):
    """What a member may do that others may not; the numbers are the contract's."""

    AUDITOR = 0
    ETHICS_BOARD = 1

    @property
    def word(self) -> str:
        """The role as people write it."""
        return self.name.lower().replace("_", "-")


@dataclasses.dataclass(frozen=True, slots=True)
class RoleGranted(events.OfMember):
    """A vote gave a member a role."""

    role: Role
    """What the member may do from now on."""


@dataclasses.dataclass(frozen=True, slots=True)
class RoleRevoked(events.OfMember):
    """A vote took a role away."""

    role: Role
    """What the member may do no more."""


@dataclasses.dataclass(frozen=True, slots=True)
class MemberExpelled(events.OfMember):
    """A vote ended a membership."""

    account: ids.Address
    """The account that acted for the member."""


@dataclasses.dataclass(frozen=True, slots=True)
class RegistrarsSet(events.Event):
    """These registrars, and none else, decide about members from now on."""

    registrars: tuple[ids.Address, ...]
    """Their accounts."""
    threshold: int
    """How many of them have to agree."""


@dataclasses.dataclass(frozen=True, slots=True)
class ProposalQueued(events.Event):
    """What was carried waits in the timelock."""

    proposal_id: int
    """The governor's number of the proposal."""
    eta_seconds: int
    """Block time from which anybody may carry it out."""


@dataclasses.dataclass(frozen=True, slots=True)
class VotingDelaySet(events.Event):
    """How long a proposal is there before its vote opens."""

    old_voting_delay: int
    """Seconds."""
    new_voting_delay: int
    """Seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class VotingPeriodSet(events.Event):
    """How long a vote is open."""

    old_voting_period: int
    """Seconds."""
    new_voting_period: int
    """Seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class QuorumSet(events.Event):
    """Which part of the members has to take part in votes that begin later."""

    old_percent: int
    """Of the members, in percent."""
    percent: int
    """Of the members, in percent."""


@dataclasses.dataclass(frozen=True, slots=True)
class QuorumMinimumFixed(events.Event):
    """How many members have to take part at the least, for ever."""

    minimum: int
    """Members."""


@dataclasses.dataclass(frozen=True, slots=True)
class TimelockDelaySet(events.Event):
    """How long what was carried waits."""

    old_duration: int
    """Seconds."""
    new_duration: int
    """Seconds."""
