"""Duties ACK and SUBMIT: make the epoch key known, then send one masked vector per session.

The vector is computed, encoded and masked in a child process, so plain numbers and seeds end with it; what comes back
is public. It is stored here durably, then in the store, then signed and announced: after a crash the same bytes are
sent again and never a second header for one session (secure-aggregation section 4, step 1).
"""

import collections
import dataclasses
import functools
import logging
from collections.abc import Sequence

import numpy as np

from aicommons.domain import encoding, errors, ids, messages
from aicommons.learning import blocks, privacy, state
from aicommons.learning import recipe as recipes
from aicommons.learning.secagg import epoch, header, layout, masking, quantise, suite
from aicommons.node import agent as agents
from aicommons.node import disclosures, frames, journal
from aicommons.node.consents import notes, people
from aicommons.protocol import coverage, duties, ports
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

MOST_HEADER = 2**16
"""Longest header of any layout, in bytes."""


def acknowledge(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Draw this epoch's key, keep it, and announce its point with a proof."""
    roster = agents.roster_of(agent, duty.run_id, current)
    _check_roster(agent, duty.run_id, current, roster.member_ids)
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


def _check_roster(agent: agents.Agent, run_id: ids.RunId, current: views.RunView, members: Sequence[int]) -> None:
    """Check that this dataset may be summed with ``members``, given all that it was summed with before.

    Raises:
        errors.AggregationRefused: ``set-too-near``; no key is made and nothing is sent.
    """
    number = agents.layout_number(current.spec.layout, len(members))
    faults = layout.make_layout(members, bytes(32), number).faults
    disclosures.check_disclosure(agent.journal, run_id, agents.pin_of(agent, run_id), members=members, faults=faults)


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
    _check_consents(agent, attempt, current)
    limits = (MOST_HEADER, attempt.session.blob_bytes)
    blobs = {
        digest: functools.partial(_load, agent, attempt, digest, limit=limit)
        for digest, limit in zip(built, limits, strict=True)
    }
    if not agents.send(agent, attempt, "submit", blobs):
        return
    message = messages.Submit(sid, agent.member_id, built[0])
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))


def _check_consents(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView) -> None:
    """Check before it is announced that nobody whose rows are in the contribution has withdrawn since it was built.

    There is never a second header for a session: this site is silent in it, as if it were away.

    Raises:
        errors.ContributionRefused: somebody has withdrawn.
    """
    use = agents.use_of(attempt.key.run_id, current.spec, attempt.terms)
    made = (attempt.key.round_index, attempt.key.attempt)
    agent.data.check_still_consented(agents.part_of(agent, attempt.key.run_id), use, made)


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
    of_run = jobs_of(attempt.key.run_id)
    name = of_run + attempt.session.sid.hex()[:16]
    result = agent.runner.take(name)
    if result is None:
        agent.runner.drop_others(of_run, name)  # a stopped attempt's fit would hold its place for as long as it takes
        local = agent.journal.local(attempt.key.run_id, attempt.key.round_index)
        pin = agents.pin_of(agent, attempt.key.run_id)
        seed = agent.journal.dataset_secret(pin.dataset_id, agent.draw)
        earlier = () if pin.may_overlap else _earlier(agent, attempt, pin.dataset_id)
        job = Contribution(agent, attempt, pin, local, use=use, seed=seed, earlier=earlier)
        agent.runner.start(name, job.work, ports.Lane.FIT)
        result = agent.runner.take(name)
    if result is None:
        return None
    built, masked, local_state, noted, told = frames.split(result)
    if noted and not _is_consented(agent, attempt, use, notes.decode(noted)):
        return None
    _keep_disclosure(agent, attempt, told.decode())
    digests = agent.own.put(built), agent.own.put(masked)
    if attempt.is_short:
        attempt.held.update(zip(digests, (built, masked), strict=True))
    if local_state:
        agent.journal.keep_local(attempt.key.run_id, attempt.key.round_index + 1, local_state)
    if noted:
        agent.data.keep(notes.decode(noted))
    agent.journal.keep_built(attempt.key.run_id, attempt.session.sid, *digests)
    return digests


def _is_consented(agent: agents.Agent, attempt: agents.Attempt, use: coverage.Use, note: notes.Note) -> bool:
    """Return whether nobody has withdrawn while a contribution was computed: if so it is thrown away and made again."""
    try:
        agent.data.check_still_consented(agents.part_of(agent, attempt.key.run_id), use, note)
    except errors.ContributionRefused as err:
        run_id, index = attempt.key.run_id, attempt.key.round_index
        log.info("run %s round %d: computed again: %s", ids.format_id(run_id)[:12], index, err)
        return False
    return True


def jobs_of(run_id: ids.RunId) -> str:
    """Return how the names of a run's contributing jobs begin."""
    return f"contribute-{run_id.hex()[:16]}-"


def _earlier(agent: agents.Agent, attempt: agents.Attempt, dataset_id: int) -> tuple[journal.Disclosure, ...]:
    """Return what the dataset gave to other runs, where it matters: in round 0, whose sums are of the rows alone."""
    if attempt.before.stage is not state.Stage.DESCRIBE:
        return ()
    return tuple(each for each in agent.journal.disclosures(dataset_id) if each.run_id != attempt.key.run_id)


def _keep_disclosure(agent: agents.Agent, attempt: agents.Attempt, body: str) -> None:
    """Write down what the dataset is about to give, before any of it is sent."""
    pin = agents.pin_of(agent, attempt.key.run_id)
    agent.journal.keep_disclosure(
        journal.Disclosure(
            run_id=attempt.key.run_id,
            round_index=attempt.key.round_index,
            dataset_id=pin.dataset_id,
            version=pin.version,
            members=attempt.session.member_ids,
            plan=disclosures.plan_digest(attempt.terms.plan),
            schema=disclosures.schema_digest(attempt.terms.recipe.schema),
            body=body,
        )
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Contribution:
    """The job: from the owner's records to a masked vector."""

    agent: agents.Agent
    attempt: agents.Attempt
    pin: journal.Pin
    local_state: bytes | None
    use: coverage.Use
    seed: bytes = dataclasses.field(repr=False)
    """The dataset's own secret, for noise and for recognising its rows."""
    earlier: tuple[journal.Disclosure, ...]
    """What the dataset gave before, if this round must be held against it."""

    @property
    def part(self) -> agents.Part:
        """What this site brings."""
        return agents.Part(self.pin.dataset_id, self.pin.version)

    def work(self) -> bytes:
        """Return what leaves and what stays, as frames.

        In their order: header, masked vector, the learner's new local state, the note of whose rows they are, and what is
        kept of the disclosure.

        Raises:
            errors.TableError: the owner's table does not fit the plan.
            errors.ContributionRefused: the numbers may not be sent, or too few people have consented.
        """
        attempt = self.attempt
        brought = self.agent.data.bring(self.part, attempt.terms, self.use)
        contribution, local_state, facts = self.plain(brought.rows)
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
        told = disclosures.body(attempt.terms.recipe.schema, attempt.blocks, facts).encode()
        return frames.join([sent.header, suite.byte_view(sent.masked), local_state or b"", noted, told])

    def plain(self, brought: recipes.Rows) -> tuple[blocks.Contribution, bytes | None, disclosures.Facts | None]:
        """Return the contribution before it is encoded, the new local state, and in round 0 what is known of the rows.

        Small cells are treated here, by the owner's rule: nothing in a plan can change it. Raises like ``work``.
        """
        attempt = self.attempt
        made = attempt.terms.recipe
        rule = self.agent.data.rule(self.part)
        rows = privacy.guard(made, brought, rule)
        facts = None
        if attempt.before.stage is state.Stage.DESCRIBE:
            facts = disclosures.facts_of(rows, self.seed, made.schema)
            disclosures.check_rows(rule.minimum, self.earlier, made.schema, facts, members=attempt.session.member_ids)
        draws = np.random.default_rng([made.seed, self.agent.member_id, attempt.key.round_index])
        contribution, local_state = made.contribute(attempt.before, rows, local_state=self.local_state, rng=draws)
        return privacy.with_noise(made, contribution, rule, self.seed), local_state, facts

    def _note(self, brought: agents.Brought, vector: suite.Words) -> notes.Note | None:
        """Return whose rows the vector is made of, where a register stands behind the dataset."""
        if brought.chosen is None:
            return None
        key, rows = self.attempt.key, brought.rows
        place = people.Place(key.round_index, key.attempt, self.attempt.session.sid, self.pin.version)
        count = rows.train.rows + rows.held_out.rows
        return brought.chosen.note(place, rows=count, vector=suite.byte_view(vector), salt=self.agent.draw(32))
