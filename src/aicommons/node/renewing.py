"""Duties ROTATE and RENEW: new keys for all when an epoch is over, and the end of the old ones.

An epoch is thirty days at most: a key that is stolen later opens what was sealed in its epoch and nothing else. A member whose own key is
gone asks while the run waits for it. New keys are announced like the first ones (duty ACK); when a run may change them is the
ledger's to decide (secure-aggregation section 4, Epoch keys).
"""

import logging

from aicommons.domain import errors, ids, run
from aicommons.node import agent as agents
from aicommons.protocol import duties
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")


def rotate(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Ask for a new epoch; raises what the ledger answers where another member came first."""
    by_name = agent.member_id if current.state is run.RunState.PAUSED else 0
    agent.ledger.rotate(duty.run_id, by_name)
    which = ids.format_id(duty.run_id)[:12]
    if by_name:
        log.warning(
            "run %s: this node's key is missing (a lost, restored or copied home?); it asks all for new ones", which
        )
    log.info("run %s: new keys asked for, epoch %d", which, current.epoch + 1)


def renew(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Erase this member's keys of epochs of which every round is read.

    Raises:
        errors.AggregationRefused: an Ack of the new epoch fails its checks.
        errors.LedgerMismatch: fewer than a quorum of members signed new keys: there is no such epoch, whatever the ledger says.
    """
    attempt = agents.attempt_of(agent, duty.run_id, current, (current.round_index, current.attempt))
    renewed = [ack for ack in current.acks_of(current.epoch).values() if ack.epoch == current.epoch]
    if len(renewed) < attempt.session.layout.quorum:
        raise errors.LedgerMismatch(
            "the ledger tells of new keys that too few members signed",
            which=f"run {ids.format_id(duty.run_id)[:12]}, epoch {current.epoch}",
            expected=f"at least {attempt.session.layout.quorum}",
            got=len(renewed),
            next_step="the old keys stay; ask another endpoint of the ledger",
        )
    for epoch in agent.signing.keys.made(duty.run_id, current.epoch):
        agent.signing.keys.erase(duty.run_id, epoch)
    log.info("run %s: keys before epoch %d erased", ids.format_id(duty.run_id)[:12], current.epoch)
