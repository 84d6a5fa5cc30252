"""What the contracts tell when they are created: the rules that a commons starts with, and who founded it.

Called once by ``MemoryLedger``; one block for each contract, in the order in which ``deployments.deploy`` creates them. The
rules stay as they are: the members' votes, which could change them, are not kept here.
"""

from collections.abc import Callable, Mapping

from aicommons.domain import model_events, vote_events
from aicommons.ledger import contracts, deployments
from aicommons.ledger.memory import book, datasets, members, problems
from aicommons.protocol import transitions

Told = tuple[members.Members, datasets.Datasets, problems.Problems]
"""Who tell their own part."""


def tell(kept: book.Book, founding: deployments.Founding, told: Told) -> None:
    """Tell what a deployment of ``founding`` tells.

    Raises:
        transitions.Refusal: a contract would not be created with this; its error and the arguments.
    """
    named, listed, stated = told
    acts: Mapping[str, Callable[[], object]] = {
        "TimelockController": lambda: kept.tell(vote_events.TimelockDelaySet, 0, founding.votes.timelock),
        "Membership": lambda: named.found(founding.registrars, founding.threshold, founding.founders),
        "CommonsGovernor": lambda: _votes(kept, founding.votes),
        "DataRegistry": lambda: listed.ban(founding.banned),
        "Problems": lambda: stated.set_rules(founding.problems),
        "ModelRegistry": lambda: _audits(kept, founding.audits),
    }
    for name in contracts.NAMES:
        kept.begin(kept.sender)
        if name in acts:
            acts[name]()


def _votes(kept: book.Book, votes: deployments.VoteRules) -> None:
    kept.tell(vote_events.VotingDelaySet, 0, votes.delay)
    if not votes.period:
        raise transitions.Refusal("GovernorInvalidVotingPeriod", votes.period)
    kept.tell(vote_events.VotingPeriodSet, 0, votes.period)
    if votes.percent > 100:
        raise transitions.Refusal("GovernorInvalidQuorumFraction", votes.percent, 100)
    kept.tell(vote_events.QuorumSet, 0, votes.percent)
    if not votes.minimum:
        raise transitions.Refusal("QuorumFloorNobody")
    kept.tell(vote_events.QuorumMinimumFixed, votes.minimum)


def _audits(kept: book.Book, audits: deployments.AuditRules) -> None:
    if not 0 < audits.audits <= model_events.MOST_AUDITS:
        raise transitions.Refusal("ModelRegistryRulesInvalid", audits.audits)
    kept.tell(model_events.AuditRulesSet, audits.audits, audits.delay)
