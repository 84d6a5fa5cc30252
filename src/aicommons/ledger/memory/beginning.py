"""What the contracts tell when they are made, in their order: the rules of voting, bans, reviews and audits, and the founders.

Called once, by the ledger. Nothing here changes them later: the in-memory ledger keeps no votes.
"""

from aicommons.domain import events, ids, model_events, money_events, vote_events
from aicommons.ledger import deployments
from aicommons.ledger.memory import book


def tell(kept: book.Book, founding: deployments.Founding) -> None:
    """Tell a founding."""
    votes = founding.votes
    kept.tell(vote_events.TimelockDelaySet, 0, votes.timelock)
    kept.tell(vote_events.RegistrarsSet, tuple(founding.registrars), founding.threshold)
    for number, each in enumerate(founding.founders, start=1):
        member_id = ids.MemberId(number)
        said = (each.kind, each.node_key, each.reader_point, each.credential, each.profile)
        kept.tell(events.MemberApplied, each.account, *said)
        kept.tell(events.MemberAdmitted, member_id, each.account, each.kind, each.node_key, each.credential)
    kept.tell(vote_events.VotingDelaySet, 0, votes.delay)
    kept.tell(vote_events.VotingPeriodSet, 0, votes.period)
    kept.tell(vote_events.QuorumSet, 0, votes.percent)
    kept.tell(vote_events.QuorumMinimumFixed, votes.minimum)
    kept.tell(model_events.BannedSet, founding.banned)
    kept.tell(money_events.ProblemRulesSet, founding.money.review, founding.money.challenge)
    kept.tell(model_events.AuditRulesSet, founding.audits.audits, founding.audits.delay)
