"""What the contracts tell when they are created: the rules that a commons starts with, and who founded it.

Called once by ``MemoryLedger``; one block for each contract, in the order in which ``deployments.deploy`` creates them. The
members' votes may change the rules afterwards.
"""

from collections.abc import Callable, Mapping

from aicommons.domain import vote_events
from aicommons.ledger import contracts, deployments
from aicommons.ledger.memory import book, functions


def tell(kept: book.Book, founding: deployments.Founding, parts: functions.Parts) -> None:
    """Tell what a deployment of ``founding`` tells.

    Raises:
        transitions.Refusal: a contract would not be created with this; its error and the arguments.
    """
    acts: Mapping[str, Callable[[], object]] = {
        "TimelockController": lambda: kept.tell(vote_events.TimelockDelaySet, 0, founding.votes.timelock),
        "Membership": lambda: parts.named.found(founding.registrars, founding.threshold, founding.founders),
        "CommonsGovernor": lambda: parts.governed.found(founding.votes),
        "DataRegistry": lambda: parts.listed.ban(founding.banned),
        "Problems": lambda: parts.stated.set_rules(founding.problems),
        "ModelRegistry": lambda: parts.released.set_rules(founding.audits),
    }
    for name in contracts.NAMES:
        kept.begin(kept.sender)
        if name in acts:
            acts[name]()
