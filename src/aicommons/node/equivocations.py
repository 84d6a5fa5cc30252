"""Finds who signed two different messages where one is allowed, and has them convicted.

A ledger takes one message of a kind on a session; a second one shows where a chain took back what it had told, or where two endpoints
tell different things. The reconciler hands over what it saw before and what it sees after; nothing is remembered beyond the
process. Both signatures stand beside the conviction, so that nobody has to believe who found them (secure-aggregation section 2).
"""

import dataclasses
import logging
from collections.abc import Iterator

from aicommons.domain import encoding, errors, ids
from aicommons.node import agent as agents
from aicommons.node import evidence
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

KINDS = ("submits", "commits", "reveals", "results")
"""Where an attempt's view keeps the messages of which a member signs one on each session."""


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """Two messages of one member."""

    key: encoding.AttemptKey
    member: int
    first: evidence.Message
    second: evidence.Message


def between(before: views.LedgerView, after: views.LedgerView) -> Iterator[Found]:
    """Yield what was told otherwise before: same run, place, kind, member and session, other words."""
    for run_id in before.runs.keys() & after.runs.keys():
        one, other = before.runs[run_id].attempts, after.runs[run_id].attempts
        for place in sorted(one.keys() & other.keys()):
            for kind in KINDS:
                told, again = getattr(one[place], kind), getattr(other[place], kind)
                for member in sorted(told.keys() & again.keys()):
                    pair = evidence.signed_part(told[member]), evidence.signed_part(again[member])
                    if told[member].sid == again[member].sid and pair[0] != pair[1]:
                        key = encoding.AttemptKey(run_id, *place)
                        yield Found(key, member, told[member], again[member])


def convict(agent: agents.Agent, current: views.RunView, found: Found) -> None:
    """Have a member convicted, if both messages are its own and of a session that this node knows.

    Raises:
        errors.LedgerRefused, errors.LedgerUnreachable: as the ledger answers.
    """
    pair = [(evidence.signed_part(sent), sent.signature) for sent in (found.first, found.second)]
    place, attempt = (found.key.round_index, found.key.attempt), None
    known = agent.journal.state(found.key.run_id, found.key.round_index)
    if current.roster is None or known is None or found.member in current.convicted:
        return
    attempt = agents.attempt_of(agent, found.key.run_id, current, place)
    is_signed = all(evidence.is_signed(agent.ledger.place, attempt.roster, *each) for each in pair)
    if not is_signed or found.first.sid != attempt.session.sid:
        log.warning("the ledger told otherwise before; one of both is not signed by member %d", found.member)
        return
    agent.ledger.convict(found.key, attempt.epoch, known.digest, pair)
    log.warning("run %s: member %d signed two messages", ids.format_id(found.key.run_id)[:12], found.member)


def try_all(agent: agents.Agent, view: views.LedgerView, pairs: list[Found]) -> list[Found]:
    """Convict whoever can be; return the pairs that have to be tried again."""
    left = []
    for found in pairs:
        current = view.runs.get(found.key.run_id)
        if current is None:
            continue
        try:
            convict(agent, current, found)
        except (errors.TemporaryError, errors.LedgerUnreachable) as err:
            log.info("tried again: %s", err)
            left.append(found)
        except errors.CommonsError as err:
            log.warning("member %d is not convicted: %s", found.member, err)
    return left
