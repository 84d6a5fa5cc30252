"""Duties ACK and SUBMIT: make the epoch key known, then send one masked vector per session.

The vector is computed, encoded and masked in a child process, so plain numbers and seeds end with it; what comes back
is public. It is stored here durably, then in the store, then signed and announced: after a crash the same bytes are
sent again and never a second header for one session (secure-aggregation section 4, step 1).
"""

import collections
import dataclasses
import functools
import logging

import numpy as np

from aicommons.domain import encoding, errors, ids, messages
from aicommons.learning.secagg import epoch, header, masking, quantise, suite
from aicommons.node import agent as agents
from aicommons.node import frames, journal
from aicommons.node.consents import notes, people
from aicommons.protocol import coverage, duties, ports
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

MOST_HEADER = 2**16
"""Longest header of any layout, in bytes."""


def acknowledge(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Draw this epoch's key, keep it, and announce its point with a proof."""
    roster = agents.roster_of(agent, duty.run_id, current)
    digest = encoding.roster_digest(duty.run_id, roster.member_ids, roster.node_keys)
    drawn = epoch.draw_secret(agent.draw)
    secret = agent.signing.keys.make(duty.run_id, agents.EPOCH, drawn)
    key = encoding.AttemptKey(duty.run_id, 0, 0)
    kept = agent.signing.payload("Ack", digest)
    if kept is None:
        point, proof = epoch.acknowledge(digest, agents.EPOCH, agent.member_id, secret=secret, draw=agent.draw)
        kept = point + proof
        agent.signing.keep_payload("Ack", digest, kept)
    message = messages.Ack(digest, agents.EPOCH, agent.member_id, kept[:32], kept[32:64], kept[64:])
    agent.ledger.post(key, message, agent.signing.sign(message))
    log.info("run %s: joined with %d members: Ack sent", ids.format_id(duty.run_id)[:12], len(roster.member_ids))


def submit(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Send this site's masked vector for one session; returns early while a child is at work."""
    attempt = agents.attempt_of(agent, duty.run_id, current, (duty.round_index, duty.attempt))
    sid = attempt.session.sid
    _check_agreement(attempt)
    built = agent.journal.built(sid)
    if built is None:
        built = _build(agent, attempt, agents.use_of(duty.run_id, current.spec, attempt.terms))
        if built is None:
            return
    limits = (MOST_HEADER, attempt.session.blob_bytes)
    blobs = {
        digest: functools.partial(_load, agent, attempt, digest, limit=limit)
        for digest, limit in zip(built, limits, strict=True)
    }
    if not agents.send(agent, attempt, "submit", blobs):
        return
    message = messages.Submit(sid, agent.member_id, built[0])
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))


def _load(agent: agents.Agent, attempt: agents.Attempt, digest: bytes, *, limit: int) -> bytes:
    return attempt.held.get(digest) or agent.own.get(digest, limit)


def _check_agreement(attempt: agents.Attempt) -> None:
    """Check that this node has not come to another state than everybody else.

    Raises:
        errors.AggregationRefused: ``state-differs``: a quorum submits on another state.
    """
    votes = collections.Counter(sent.sid for sent in attempt.seen.submits.values())
    sid, count = max(votes.items(), key=lambda item: item[1], default=(attempt.session.sid, 0))
    if count >= attempt.session.layout.quorum and sid != attempt.session.sid:
        raise errors.AggregationRefused("this node's state is not the one that was agreed", reason="state-differs")


def _build(agent: agents.Agent, attempt: agents.Attempt, use: coverage.Use) -> tuple[bytes, bytes] | None:
    of_run = f"contribute-{attempt.key.run_id.hex()[:16]}-"
    name = of_run + attempt.session.sid.hex()[:16]
    result = agent.runner.take(name)
    if result is None:
        agent.runner.drop_others(of_run, name)  # a stopped attempt's fit would hold its place for as long as it takes
        local = agent.journal.local(attempt.key.run_id, attempt.key.round_index)
        job = Contribution(agent, attempt, agents.pin_of(agent, attempt.key.run_id), local, use)
        agent.runner.start(name, job.work, ports.Lane.FIT)
        result = agent.runner.take(name)
    if result is None:
        return None
    built, masked, local_state, noted = frames.split(result)
    digests = agent.own.put(built), agent.own.put(masked)
    if attempt.is_short:
        attempt.held.update(zip(digests, (built, masked), strict=True))
    if local_state:
        agent.journal.keep_local(attempt.key.run_id, attempt.key.round_index + 1, local_state)
    if noted:
        agent.data.keep(notes.decode(noted))
    agent.journal.keep_built(attempt.key.run_id, attempt.session.sid, *digests)
    return digests


@dataclasses.dataclass(frozen=True, slots=True)
class Contribution:
    """The job: from the owner's records to a masked vector."""

    agent: agents.Agent
    attempt: agents.Attempt
    pin: journal.Pin
    local_state: bytes | None
    use: coverage.Use

    def work(self) -> bytes:
        """Return header, masked vector, the learner's new local state and the note of whose rows they are, as frames.

        Raises:
            errors.TableError: the owner's table does not fit the plan.
            errors.ContributionRefused: the numbers may not be sent, or too few people have consented.
        """
        attempt = self.attempt
        made = attempt.terms.recipe
        brought = self.agent.data.bring(self.pin.dataset_id, attempt.terms, self.use)
        draws = np.random.default_rng([made.seed, self.agent.member_id, attempt.key.round_index])
        contribution, local_state = made.contribute(
            attempt.before, brought.rows, local_state=self.local_state, rng=draws
        )
        vector = quantise.encode(
            attempt.blocks,
            contribution,
            members=len(attempt.session.member_ids),
            word_bits=attempt.session.suite.word_bits,
        )
        note = self._note(brought, vector)
        committed = header.NO_REGISTER if note is None else note.record.digest
        sent = masking.shield(attempt.session, self.agent.member_id, vector, self.agent.draw, consent=committed)
        noted = b"" if note is None else notes.encode(note)
        return frames.join([sent.header, bytes(suite.byte_view(sent.masked)), local_state or b"", noted])

    def _note(self, brought: agents.Brought, vector: suite.Words) -> notes.Note | None:
        """Return whose rows the vector is made of, where a register stands behind the dataset."""
        if brought.chosen is None:
            return None
        key, rows = self.attempt.key, brought.rows
        place = people.Place(key.round_index, key.attempt, self.attempt.session.sid, self.pin.version)
        count = len(rows.train.target) + len(rows.held_out.target)
        return brought.chosen.note(place, rows=count, vector=suite.byte_view(vector), salt=self.agent.draw(32))
