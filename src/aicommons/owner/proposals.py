"""Which votes of the members are open now, for an owner to hear of; how one votes is the command line's business.

Called by the owner's page. What a proposal would do is not said here: its title is its proposer's own word, and only
``commons vote show`` reads the calls and tries them.
"""

import dataclasses

from aicommons.domain import ids
from aicommons.owner import places
from aicommons.protocol import coops


@dataclasses.dataclass(frozen=True, slots=True)
class OpenVote:
    """A proposal that members vote on now."""

    name: str
    """Beginning of its id, as commands take it."""
    title: str
    """What its proposer calls it, on one line."""
    closes: int
    """Block time in seconds after which no vote counts."""
    is_cast: bool
    """Whether this home's wallet has voted."""


def open_votes(place: places.Place) -> tuple[OpenVote, ...]:
    """Return the votes that are open now by the ledger's own clock, those that close first first."""
    view, desk = place.desk.view(), place.desk.votes
    undecided = {
        number: found
        for number, found in view.votes.proposals.items()
        if found.canceled is None and found.executed is None and found.queued is None
    }
    now = desk.now() if undecided else 0
    found = [
        OpenVote(
            name=ids.short(number.to_bytes(32, "big")),
            title=places.one_line(each.title),
            closes=each.created.vote_end,
            is_cast=place.registry.address in each.votes,
        )
        for number, each in undecided.items()
        if view.proposal_state(number, now) is coops.ProposalState.ACTIVE
    ]
    return tuple(sorted(found, key=lambda each: each.closes))
