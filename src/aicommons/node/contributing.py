"""Duties ACK and SUBMIT: make the epoch key known, then send one masked vector per session.

The vector is computed, encoded and masked in a child process, so plain numbers and seeds end with it; what comes back
is public. It is stored here durably, then in the store, then signed and announced: after a crash the same bytes are
sent again and never a second header for one session (secure-aggregation section 4, step 1).
"""

import collections
import dataclasses
import functools
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aicommons.domain import encoding, errors, ids, messages
from aicommons.learning import blocks, learner, state
from aicommons.learning import recipe as recipes
from aicommons.learning.secagg import epoch, masking, quantise, suite
from aicommons.node import agent as agents
from aicommons.node import bringing, charging, disclosures, frames, journal
from aicommons.node.consents import notes, people
from aicommons.protocol import coverage, duties, ports, transitions
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

MOST_HEADER = 2**16
"""Longest header of any layout, in bytes."""


def acknowledge(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Draw this epoch's key, keep it, and announce its point with a proof."""
    roster = agents.roster_of(agent, duty.run_id, current)
    charging.check_whole_run(agent, duty.run_id, current)
    _check_roster(agent, duty.run_id, current, roster.member_ids)
    digest = encoding.roster_digest(duty.run_id, roster.member_ids, roster.node_keys)
    drawn = epoch.draw_key(agent.draw, is_hybrid=suite.is_hybrid(current.spec.suite))
    own = epoch.decode_key(agent.signing.keys.make(duty.run_id, current.epoch, drawn.encode()))
    public = epoch.public_keys(own, roster.member_ids)
    if public.kem_digest is not None:
        agent.store.put(public.encode())  # before it is named; it stays there, because who verifies the run needs it
    key, scope = encoding.AttemptKey(duty.run_id, 0, 0), digest + current.epoch.to_bytes(4, "big")
    kept = agent.signing.payload("Ack", scope)
    if kept is None:
        _, proof = epoch.acknowledge(
            digest, current.epoch, agent.member_id, secret=own.secret, draw=agent.draw, kem_digest=public.kem_digest
        )
        kept = public.announced + proof
        agent.signing.keep_payload("Ack", scope, kept)
    message = messages.Ack(digest, current.epoch, agent.member_id, kept[:32], kept[32:64], kept[64:])
    agent.ledger.post(key, message, agent.signing.sign(message))
    log.info("run %s: joined with %d members: Ack sent", ids.format_id(duty.run_id)[:12], len(roster.member_ids))
    _tell_lost(agent, duty.run_id, current)


def _tell_lost(agent: agents.Agent, run_id: ids.RunId, current: views.RunView) -> None:
    """Say that a round stays closed to this node, whose key of the epoch before is gone."""
    newest = agent.journal.state_index(run_id)
    place = None if newest is None else current.unmasked(newest[0])
    if place is not None and agent.signing.keys.get(run_id, current.epoch_of(place)) is None:
        log.warning(
            "run %s: the key that round %d is sealed to is lost, so this node cannot go on; the run ends at the last state that"
            " enough members agree on, unless this site leaves (`commons run leave`)",
            ids.format_id(run_id)[:12],
            place[0],
        )


def _check_roster(agent: agents.Agent, run_id: ids.RunId, current: views.RunView, members: Sequence[int]) -> None:
    """Check that this dataset may be summed with ``members``, given all that it was summed with before.

    Raises:
        errors.AggregationRefused: ``set-too-near``; no key is made and nothing is sent.
    """
    faults = transitions.faults_of(len(members), transitions.layout_of(len(members), current.spec.layout))
    disclosures.check_disclosure(agent.journal, run_id, agents.pin_of(agent, run_id), members=members, faults=faults)


def submit(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Send this site's masked vector for one session; returns early while a child is at work."""
    attempt = agents.attempt_of(agent, duty.run_id, current, (duty.round_index, duty.attempt))
    sid = attempt.session.sid
    _check_agreement(attempt)
    built = agent.journal.built(sid)
    if built is None:
        built = _build(agent, attempt, current)
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
    before = agent.journal.state_digest(attempt.key.run_id, attempt.key.round_index) or b""
    agent.ledger.post(attempt.key, message, agent.signing.sign(message), before)


def _check_consents(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView) -> None:
    """Check before it is announced that nobody whose rows are in the contribution has withdrawn since it was built.

    There is never a second header for a session: this site is silent in it, as if it were away.

    Raises:
        errors.ContributionRefused: somebody has withdrawn.
    """
    use = agents.use_of(attempt.key.run_id, current.spec, attempt.terms)
    made = (attempt.key.round_index, attempt.key.attempt)
    inside = agent.journal.built_of(attempt.session.sid)
    for part in agents.parts_of(agent, attempt.key.run_id, current):
        # Where nothing is known of what is inside it was built before that was kept, by a home that brings one dataset.
        if not inside or part.dataset_id in inside:
            agent.data.check_still_consented(part, use, made)


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


def _build(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView) -> tuple[bytes, bytes] | None:
    of_run = jobs_of(attempt.key.run_id)
    name = of_run + attempt.session.sid.hex()[:16]
    use = agents.use_of(attempt.key.run_id, current.spec, attempt.terms)
    result = agent.runner.take(name)
    if result is None:
        agent.runner.drop_others(of_run, name)  # a stopped attempt's fit would hold its place for as long as it takes
        local = agent.journal.local(attempt.key.run_id, attempt.key.round_index)
        job = Contribution(agent, attempt, _pieces(agent, attempt, current), local, use=use)
        agent.runner.start(name, job.work, ports.Lane.FIT)
        result = agent.runner.take(name)
    if result is None:
        return None
    built, masked, local_state, told, *noted = frames.split(result)
    found = [notes.decode(each) for each in noted]
    if not all(_is_consented(agent, attempt, use, note) for note in found):
        return None
    said = json.loads(told)
    charging.charge(
        agent, attempt, current, {int(number): bytes.fromhex(content) for number, content in said["charged"]}
    )
    inside = _keep_told(agent, attempt, current.spec.plan, said)
    sent = ids.Blob(built), ids.Blob(masked)
    digests = agent.own.put(sent[0]), agent.own.put(sent[1])
    if attempt.is_short:
        attempt.held.update(zip(digests, sent, strict=True))
    if local_state:
        agent.journal.keep_local(attempt.key.run_id, attempt.key.round_index + 1, local_state)
    for note in found:
        agent.data.keep(note)
    agent.journal.keep_built(attempt.key.run_id, attempt.session.sid, *digests, datasets=inside)
    return digests


def _pieces(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView) -> tuple[bringing.Piece, ...]:
    """Return what this site brings now, each dataset with its secret and what it gave before."""
    pin = agents.pin_of(agent, attempt.key.run_id)
    return tuple(
        bringing.Piece(
            part,
            agent.journal.dataset_secret(part.dataset_id, agent.draw),
            () if pin.may_overlap else _earlier(agent, attempt, part.dataset_id),
        )
        for part in agents.parts_of(agent, attempt.key.run_id, current)
    )


def _is_consented(agent: agents.Agent, attempt: agents.Attempt, use: coverage.Use, note: notes.Note) -> bool:
    """Return whether nobody has withdrawn while a contribution was computed: if so it is thrown away and made again."""
    try:
        agent.data.check_still_consented(agents.Part(note.record.dataset, note.record.dataset_version), use, note)
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


def _keep_told(agent: agents.Agent, attempt: agents.Attempt, plan: bytes, told: Mapping[str, Any]) -> list[int]:
    """Write down what the datasets are about to give, before any of it is sent, and say which give nothing this round.

    Returns the datasets whose rows are in the contribution.
    """
    run_id, index = attempt.key.run_id, attempt.key.round_index
    for number, why in told["left_out"]:
        reason = f"dataset {number} is left out of this round: {why}"
        agent.journal.keep_declined(run_id, index, reason)
        log.warning("run %s round %d: %s", ids.format_id(run_id)[:12], index, reason)
    for number, version, body in told["given"]:
        agent.journal.keep_disclosure(
            journal.Disclosure(
                run_id=run_id,
                round_index=index,
                dataset_id=number,
                version=version,
                members=attempt.session.member_ids,
                plan=bytes(plan),
                schema=disclosures.schema_digest(attempt.terms.recipe.schema),
                body=body,
            )
        )
    return [number for number, _, _ in told["given"]]


@dataclasses.dataclass(frozen=True, slots=True)
class Plain:
    """A contribution before it is encoded, with what stays here of it."""

    numbers: blocks.Contribution
    local_state: bytes | None
    """The learner's new one, of all datasets together."""
    facts: tuple[disclosures.Facts | None, ...]
    """Of each dataset, in round 0: what is known of its rows."""
    contents: tuple[bytes, ...] = ()
    """Of each dataset, where the plan protects units: what its numbers are known by."""


@dataclasses.dataclass(frozen=True, slots=True)
class Contribution:
    """The job: from the owner's records to a masked vector."""

    agent: agents.Agent
    attempt: agents.Attempt
    pieces: tuple[bringing.Piece, ...]
    """The datasets that this site brings, at least one."""
    local_state: bytes | None
    use: coverage.Use

    def work(self) -> bytes:
        """Return what leaves and what stays, as frames.

        In their order: header, masked vector, the learner's new local state, what is kept of the disclosure of each dataset,
        and the notes of whose rows they are.

        Raises:
            errors.TableError: an owner's table does not fit the plan.
            errors.ContributionRefused: the numbers may not be sent, or too few people have consented.
        """
        attempt = self.attempt
        asked = bringing.Asked(self.agent.data, attempt.terms, self.use)
        together = asked.rows(self.pieces)
        plain = self.plain(asked, together)
        hashed = hashlib.sha256()
        vector = quantise.encode(
            attempt.blocks,
            plain.numbers,
            members=len(attempt.session.member_ids),
            word_bits=attempt.session.suite.word_bits,
            see=hashed.update,
        )
        noted = [note for each in together.given if (note := self._note(each, vector)) is not None]
        consent = notes.committed([note.record for note in noted])
        draw, digest = self.agent.draw, hashed.digest()
        sent = masking.shield(attempt.session, self.agent.member_id, vector, draw, digest=digest, consent=consent)
        kept = plain.local_state or b"", self._told(together, plain)
        return frames.join([sent.header, suite.byte_view(sent.masked), *kept, *map(notes.encode, noted)])

    def plain(self, asked: bringing.Asked, together: bringing.Together) -> Plain:
        """Return the contribution before it is encoded, the new local state, and in round 0 what is known of the rows.

        Small cells are treated here, by each owner's rule: nothing in a plan can change it. Raises like ``work``.
        """
        attempt, made = self.attempt, self.attempt.terms.recipe
        rows = asked.guarded(together)
        if made.protection is not None:
            place = (attempt.key.run_id, attempt.key.round_index)
            numbers, contents = bringing.protected(asked, attempt.before, together, rows, place=place)
            return Plain(numbers, self.local_state, (None,) * len(rows), contents)
        if attempt.before.stage is state.Stage.DESCRIBE:
            facts = tuple(self._facts(each, found) for each, found in zip(together.given, rows, strict=True))
            return Plain(bringing.described(asked, attempt.before, together, rows), self.local_state, facts)
        nothing = (None,) * len(rows)
        if isinstance(made.learner, learner.Withholding):
            return Plain(bringing.tabulated(asked, attempt.before, together, rows), self.local_state, nothing)
        draws = np.random.default_rng([made.seed, self.agent.member_id, attempt.key.round_index])
        numbers, local_state = made.contribute(
            attempt.before, bringing.joined(rows), local_state=self.local_state, rng=draws
        )
        return Plain(numbers, local_state, nothing)

    def _facts(self, given: bringing.Given, rows: recipes.Rows) -> disclosures.Facts:
        """Return what is known of a dataset's rows, after holding it against what the dataset gave before."""
        plan, members = self.attempt.terms.recipe.schema, self.attempt.session.member_ids
        facts = disclosures.facts_of(rows, given.piece.seed, plan)
        disclosures.check_rows(given.rule.minimum, given.piece.earlier, plan, facts, members=members)
        return facts

    def _told(self, together: bringing.Together, plain: Plain) -> bytes:
        """Return which datasets are in the contribution, with what is kept of each, and which are not and why, as JSON."""
        plan = self.attempt.terms.recipe.schema
        given = [
            (each.piece.part.dataset_id, each.piece.part.version, disclosures.body(plan, self.attempt.blocks, facts))
            for each, facts in zip(together.given, plain.facts, strict=True)
        ]
        numbers = [each.piece.part.dataset_id for each in together.given]
        charged = [(number, content.hex()) for number, content in zip(numbers, plain.contents, strict=False)]
        return json.dumps({"given": given, "left_out": together.left_out, "charged": charged}).encode()

    def _note(self, given: bringing.Given, vector: suite.Words) -> notes.Note | None:
        """Return whose rows of a dataset are in the vector, where a register stands behind it."""
        chosen, rows = given.brought.chosen, given.brought.rows
        if chosen is None:
            return None
        key = self.attempt.key
        place = people.Place(key.round_index, key.attempt, self.attempt.session.sid, given.piece.part.version)
        count = rows.train.rows + rows.held_out.rows
        return chosen.note(place, rows=count, vector=suite.byte_view(vector), salt=self.agent.draw(32))
