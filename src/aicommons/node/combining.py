"""Duty COMBINE: read a round's sum and compute the next state, the same bytes as every other reader.

Everything used is held against what the holders signed. The sum and its salt are kept here, because masked vectors and
epoch keys are erased later (secure-aggregation section 4, step 6 and Readers).
"""

import dataclasses
import functools
import logging
from collections.abc import Iterator, Sequence

from aicommons.domain import errors, events, ids
from aicommons.learning import recipe as recipes
from aicommons.learning import state
from aicommons.learning.secagg import boxes, checking, quantise, reading, reveal, suite
from aicommons.node import accusing, evidence, fetching, frames, journal, mask_sums, transfers
from aicommons.node import agent as agents
from aicommons.protocol import duties
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")


def combine(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Read round ``duty.round_index`` and keep its sum and the next state; returns early while a child is at work."""
    place = current.unmasked(duty.round_index)
    if place is None:
        return
    attempt = agents.attempt_of(agent, duty.run_id, current, place)
    name = f"combine-{attempt.session.sid.hex()[:24]}"
    try:
        result = agent.runner.take(name)
        if result is None:
            record = agent.journal.reveal(attempt.session.sid)
            out = _out(agent, attempt, current)
            job = Reading(agent, attempt, mask_sums.epoch_key(agent, attempt).secret, record, out)
            agent.runner.start(name, job.work, attempt.lane)
            result = agent.runner.take(name)
    except errors.AggregationRefused as err:
        accusing.answer_reveals(agent, attempt, current, err)
        raise
    if result is None:
        return
    salt, sum_digest, words, after, finished = frames.split(result)
    sid = attempt.session.sid
    agent.journal.keep_sum(duty.run_id, place[0], journal.SumRecord(sid, salt, sum_digest, words))
    digest = reading.state_digest(sid, salt, after)
    agent.journal.keep_state(duty.run_id, journal.StateRecord(place[0] + 1, digest, after, bool(finished)))
    _forget_inputs(agent, attempt)
    log.info(
        "run %s round %d: combined; %d participants, state %s",
        ids.format_id(duty.run_id)[:12],
        place[0],
        len(attempt.participants),
        digest.hex()[:12],
    )


def _out(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView) -> frozenset[int]:
    """Return whose Reveals of an attempt are not needed, by signatures; who revealed is not silent, whoever says so."""
    place, faults = agent.ledger.place, attempt.session.layout.faults
    waived = evidence.waived(place, current, attempt.seen, faults, sid=attempt.session.sid)
    signed, reveals = attempt.evidence(agent), attempt.seen.reveals
    revealed = {member for member in waived if member in reveals and signed.is_signed(member, reveals[member])}
    return waived - revealed | attempt.cheats


def _forget_inputs(agent: agents.Agent, attempt: agents.Attempt) -> None:
    attempt.held.clear()
    attempt.sums.clear()
    attempt.verified.clear()
    agent.inputs.forget(attempt.key.run_id)
    built = agent.journal.built(attempt.session.sid)
    record = agent.journal.reveal(attempt.session.sid)
    for name in (*(built or ()), *(record.objects if record is not None else ())):
        agent.own.erase(name)


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """The job: open all columns, sum, and combine."""

    agent: agents.Agent
    attempt: agents.Attempt
    secret: bytes = dataclasses.field(repr=False)
    """The epoch key. A job opens no journal: SQLite forbids to use a connection in a forked child."""
    record: journal.RevealRecord | None = dataclasses.field(repr=False)
    """What this node committed to in the session, if it did."""
    out: frozenset[int] = frozenset()
    """Whose Reveals are not needed: f + 1 members signed that they are silent, or that they cheated."""

    def work(self) -> bytes:
        """Return salt, sum digest, sum words, the next state's bytes and whether it is the last one (empty: no) as frames.

        Raises:
            errors.AggregationRefused: a document, column or vector fails a check.
            errors.BlobNotFound: something is not in the store (yet).
        """
        agent, attempt = self.agent, self.attempt
        signed = attempt.evidence(agent)
        inputs = evidence.inputs_of(signed)
        commits = evidence.certified(signed, inputs)
        documents = documents_of(agent, attempt, inputs, commits, out=self.out)
        due = evidence.due_reveals(signed, commits) - self.out
        try:
            reading.agree_manifests(attempt.session, documents, due, cells=inputs.numbers)
        except errors.AggregationRefused:
            # Whoever is out may have revealed a right document: it is used while it agrees with the others'.
            documents = {member: each for member, each in documents.items() if member not in self.out}
            reading.agree_manifests(attempt.session, documents, due, cells=inputs.numbers)
        own = [reader.member_id for reader in attempt.readers].index(agent.member_id)
        fetching.bring_columns(agent, attempt, _wanted(attempt, documents, own=agent.member_id not in self.out))
        columns = reading.open_columns(
            attempt.session,
            documents,
            Objects(agent, attempt),
            eyes=reading.Eyes(own, attempt.readers[own], self.secret),
            own=None if agent.member_id in self.out else attempt.sums,
            cells=inputs.numbers,
        )
        masked = {cell: self._masked(inputs, members) for cell, members in inputs.cells.items()}
        got = reading.read(attempt.session, masked, columns)
        sums = tuple(got.sums.values())
        after = advance_state(attempt, sums)
        finished = bytes(attempt.terms.recipe.is_finished(after))
        return frames.join([got.salt, got.sum_digest, kept_bytes(sums), state.encode(after), finished])

    def _masked(self, inputs: evidence.Inputs, members: Sequence[int]) -> Iterator[bytes]:
        """Yield the masked vectors of a cell, one in memory at a time.

        Those this node did not check before its own Commit are checked now.
        """
        checked = self.record is not None and self.record.input_digest == inputs.input_digest
        if not checked:
            fetching.bring_inputs(self.agent, self.attempt, {member: inputs.headers[member] for member in members})
        for member in members:
            digest = inputs.headers[member]
            head, masked = fetching.fetch_input(self.agent, self.attempt, member, digest)
            if not checked:
                checking.check_public(self.attempt.session, member, head, masked)
            yield masked
            del masked


def _wanted(attempt: agents.Attempt, documents: dict[int, reveal.Document], *, own: bool) -> list[bytes]:
    """Return the sealed columns that are to be fetched, of each the first holder's; with ``own`` sums, not those."""
    first: dict[tuple[int, int], bytes] = {}
    for member in sorted(documents):
        for row in documents[member].rows:
            if not (own and (row.column, row.cell) in attempt.sums):
                first.setdefault((row.column, row.cell), row.object_digest)
    return list(first.values())


def kept_bytes(sums: Sequence[suite.Words]) -> bytes | memoryview:
    """Return the ring sums of a round as they are kept: one after the other, cells ascending."""
    if len(sums) == 1:
        return suite.byte_view(sums[0])
    return b"".join(bytes(suite.byte_view(words)) for words in sums)


def kept_sums(data: bytes, words: int, chosen: suite.Suite) -> tuple[suite.Words, ...]:
    """Return what ``kept_bytes`` wrote.

    Args:
        data: the bytes.
        words: padded length of a session's vectors.
        chosen: its suite.
    """
    ring = suite.as_words(data, chosen)
    return tuple(ring[place : place + words] for place in range(0, len(ring), words))


def advance_state(attempt: agents.Prepared, sums: Sequence[suite.Words]) -> state.State:
    """Return the state after a round with these ring sums, one for each cell that was summed."""
    return attempt.terms.recipe.combine(attempt.before, [sums_of(attempt, words) for words in sums])


def total_of(attempt: agents.Prepared, sums: Sequence[suite.Words]) -> dict[str, recipes.Vector]:
    """Return the decoded sums of a round over all of its cells, by block name."""
    first, *others = sums
    return sums_of(attempt, sum(others, first) if others else first)


def sums_of(attempt: agents.Prepared, words: suite.Words) -> dict[str, recipes.Vector]:
    """Return the decoded sums of one ring sum by block name."""
    return quantise.decode(
        attempt.blocks,
        words,
        members=len(attempt.session.member_ids),
        word_bits=attempt.session.suite.word_bits,
    )


class Objects(dict[bytes, bytes]):
    """Sealed columns, fetched when asked for; what is not there reads as absent."""

    def __init__(self, agent: agents.Agent, attempt: agents.Attempt) -> None:
        super().__init__()
        self._agent = agent
        self._attempt = attempt

    def get(self, key: bytes, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        """Return the object of digest ``key``."""
        try:
            limit = self._attempt.session.blob_bytes + boxes.TAG_BYTES
            return fetching.fetch(self._agent, self._attempt, key, limit)
        except (errors.BlobNotFound, errors.DigestMismatch, errors.StoreRefused):
            return default


def documents_of(
    agent: agents.Agent,
    attempt: agents.Attempt,
    inputs: evidence.Inputs,
    commits: dict[int, events.Committed],
    *,
    out: frozenset[int] = frozenset(),
) -> dict[int, reveal.Document]:
    """Return the checked documents of all certified members that revealed; a bad one of those who are ``out`` is left out.

    Raises:
        errors.AggregationRefused: a Reveal is not signed, or does not open its commitment.
    """
    checked = {}
    revealed = {member: sent for member in commits if (sent := attempt.seen.reveals.get(member)) is not None}
    works = [functools.partial(fetching.fetch_document, agent, attempt, each.document) for each in revealed.values()]
    raws = dict(zip(revealed, transfers.ahead(works, agent.width), strict=True))
    for member, sent in revealed.items():
        commit = commits[member]
        if not attempt.evidence(agent).is_signed(member, sent):
            raise errors.AggregationRefused("a Reveal is not signed", reason="reveal-signature", member=member)
        claim = reveal.Claim(commit.masks, sent.salt, sent.mine, sent.document)
        raw = raws[member]()
        try:
            checked[member] = reveal.check_reveal(
                attempt.session,
                member,
                raw,
                claim,
                readers=len(attempt.readers),
                input_digest=inputs.input_digest,
                cells=inputs.numbers,
            )
        except errors.AggregationRefused:
            if member not in out:
                raise
    return checked
