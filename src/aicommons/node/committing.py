"""Duties COMMIT and REVEAL: check every byte of every input, fix the masks, and open them only under a certificate.

Checking and summing of long vectors run beside the loop, in a child with which the seeds end; for short ones a fork costs
more than the work, so it is done at once and the seeds of this member's columns pass through the node's own memory.
What a Reveal will open is recorded before the Commit is signed. Nothing is revealed without a quorum of Commits over one
participant set, each signed by a key of the roster that the operator pinned (secure-aggregation section 4, steps 2 to 4):
this is where a lying ledger fails.
"""

import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator, Sequence

from aicommons.domain import encoding, errors, ids, messages
from aicommons.learning.secagg import boxes, checking, group, header, masks, reveal
from aicommons.node import agent as agents
from aicommons.node import disclosures, evidence, frames, journal
from aicommons.protocol import duties
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

MASKS = "masks"
"""Kind of the word that a node gives on a round's set before it uploads masks of it."""


def commit(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Check all inputs of an attempt and sign one Commit; a bad input is refused by name and nothing is revealed."""
    attempt = agents.attempt_of(agent, duty.run_id, current, (duty.round_index, duty.attempt))
    try:
        inputs = evidence.inputs_of(attempt.evidence(agent))
        before = _check_set(agent, attempt, current, inputs)
        _check_releases(agent, attempt, inputs)
        record = _record(agent, attempt, inputs)
    except errors.AggregationRefused as err:
        _refuse(agent, attempt, err)
        return
    if record is None:
        return
    agent.journal.keep_released(attempt.key.run_id, list(inputs.headers))
    _bind_set(agent, attempt.key.run_id, before, inputs)
    committed = masks.salted_commitment(attempt.session, agent.member_id, salt=record.salt, mine=record.mine)
    message = messages.Commit(attempt.session.sid, agent.member_id, inputs.set_digest, inputs.input_digest, committed)
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))


def _refuse(agent: agents.Agent, attempt: agents.Attempt, err: errors.AggregationRefused) -> None:
    """Stop the attempt; where nobody is to blame this node only keeps out of it.

    What the ledger cannot be told now is told on a later pass: the refusal counts as given only once it was answered.
    """
    place = (attempt.key.round_index, attempt.key.attempt)
    log.warning("run %s round %d: refused: %s (%s)", ids.format_id(attempt.key.run_id)[:12], place[0], err, err.reason)
    agent.journal.keep_declined(attempt.key.run_id, place[0], str(err))
    try:
        if err.member is not None:
            agent.ledger.refuse(attempt.key, agent.member_id, ids.MemberId(err.member), err.reason)
    except errors.LedgerRefused:
        agent.journal.keep_refusal(attempt.key.run_id, place, err.member or 0, err.reason)
        raise
    agent.journal.keep_refusal(attempt.key.run_id, place, err.member or 0, err.reason)


def _check_set(
    agent: agents.Agent, attempt: agents.Attempt, current: views.RunView, inputs: evidence.Inputs
) -> bytes | None:
    """Return this node's word on the run's participant set so far, which only signed exits may make smaller.

    Raises:
        errors.AggregationRefused: ``set-changed``.
    """
    run_id = attempt.key.run_id
    before = agent.signing.word("set", run_id)
    if before is not None and before != inputs.set_digest:
        kept = agent.signing.payload("set", before) or b""
        members = [int.from_bytes(kept[at : at + 32], "big") for at in range(0, len(kept), 32)]
        left = {member for member in members if _left_before(agent, current, attempt.key, member)}
        if encoding.set_digest([member for member in members if member not in left]) != inputs.set_digest:
            raise errors.AggregationRefused(
                "another participant set was committed to before in this run", reason="set-changed"
            )
    return before


def _left_before(agent: agents.Agent, current: views.RunView, key: encoding.AttemptKey, member: int) -> bool:
    """Return whether ``member`` signed that it left before the round, on demand or in advance at enrolment."""
    if not evidence.has_left(current, key.run_id, member, agent.ledger.place):
        return False
    last = current.exits[member].last_round
    return last == messages.ANY_ROUND or last < key.round_index


def _check_releases(agent: agents.Agent, attempt: agents.Attempt, inputs: evidence.Inputs) -> None:
    """Check that no sum released before, in this round or with this dataset, makes this one tell about single sites.

    Raises:
        errors.AggregationRefused: ``set-changed`` or ``set-too-near``; nobody is to blame.
    """
    run_id, members = attempt.key.run_id, list(inputs.headers)
    uploaded = agent.signing.word(MASKS, _round_scope(attempt.key))
    if uploaded is not None and uploaded != inputs.set_digest:
        raise errors.AggregationRefused(
            "masks of another participant set were uploaded before in this round", reason="set-changed"
        )
    pin, faults = agents.pin_of(agent, run_id), attempt.session.layout.faults
    disclosures.check_disclosure(agent.journal, run_id, pin, members=members, faults=faults)


def _round_scope(key: encoding.AttemptKey) -> bytes:
    return key.run_id + key.round_index.to_bytes(4, "big")


def _bind_set(agent: agents.Agent, run_id: ids.RunId, before: bytes | None, inputs: evidence.Inputs) -> None:
    """Give this node's word on the participant set, just before the first Commit to it is signed."""
    listed = b"".join(member.to_bytes(32, "big") for member in inputs.headers)
    agent.signing.keep_payload("set", inputs.set_digest, listed)
    if before is not None and before != inputs.set_digest:
        agent.signing.rebind("set", run_id, inputs.set_digest)
    agent.signing.bind("set", run_id, inputs.set_digest)


def _record(agent: agents.Agent, attempt: agents.Attempt, inputs: evidence.Inputs) -> journal.RevealRecord | None:
    """Return what the Reveal over exactly these inputs will open, or ``None`` while it is being computed.

    Raises:
        errors.AggregationRefused: ``inputs-changed``: masks of other inputs were fixed in this session before; or
            whatever the checks find.
    """
    record = agent.journal.reveal(attempt.session.sid) or _check_and_mask(agent, attempt, inputs)
    if record is not None and record.input_digest != inputs.input_digest:
        raise errors.AggregationRefused(
            "the ledger shows other inputs than it did before in this session", reason="inputs-changed"
        )
    return record


def _check_and_mask(
    agent: agents.Agent, attempt: agents.Attempt, inputs: evidence.Inputs
) -> journal.RevealRecord | None:
    name = f"check-{attempt.session.sid.hex()[:24]}"
    result = agent.runner.take(name)
    if result is None:
        secret = epoch_key(agent, attempt)
        job = MaskSums(agent, attempt, inputs, secret)
        agent.runner.start(name, job.work, attempt.lane)
        result = agent.runner.take(name)
    if result is None:
        return None
    input_digest, salt, mine, document, *names = frames.split(result)
    record = journal.RevealRecord(input_digest, salt, mine, document, tuple(names))
    agent.journal.keep_reveal(attempt.key.run_id, attempt.session.sid, record)
    return record


def epoch_key(agent: agents.Agent, attempt: agents.Attempt) -> bytes:
    """Return this epoch's secret scalar.

    Raises:
        errors.JournalConflict: it was erased.
    """
    secret = agent.signing.keys.get(attempt.key.run_id, agents.EPOCH)
    if secret is None:
        raise errors.JournalConflict("this epoch's key was erased", which=ids.format_id(attempt.key.run_id))
    return secret


@dataclasses.dataclass(frozen=True, slots=True)
class MaskSums:
    """The job: check every input, then sum the masks of this member's columns."""

    agent: agents.Agent
    attempt: agents.Attempt
    inputs: evidence.Inputs
    secret: bytes = dataclasses.field(repr=False)

    def work(self) -> bytes:
        """Return input digest, salt, mine, document and the names of the sealed columns, which are kept here.

        Raises:
            errors.AggregationRefused: an input fails a check, with its reason and member.
            errors.BlobNotFound: an input is not in the store (yet).
        """
        session, member_id = self.attempt.session, self.agent.member_id
        named = [(each.without_words(), self.keep(each)) for each in self.sums()]
        salt = self.agent.draw(32)
        mine, _ = masks.commit(session, member_id, [each for each, _ in named], salt)
        document = reveal.build_document(
            session,
            member_id,
            named,
            readers=self.attempt.readers,
            input_digest=self.inputs.input_digest,
            draw=self.agent.draw,
        )
        return frames.join([self.inputs.input_digest, salt, mine, document, *(name for _, name in named)])

    def keep(self, column: masks.ColumnSum) -> bytes:
        """Seal a column, keep it here until it may be revealed, and return its name.

        A long one goes to the disk. A short one is held in memory only: after a crash it is computed again.
        """
        sealed = reveal.seal_column(column)
        if not self.attempt.is_short:
            return self.agent.own.put(sealed)
        name = ids.digest(sealed)
        self.attempt.held[name] = bytes(sealed)
        self.attempt.sums[column.column, column.cell] = column
        return name

    def restore(self, names: Sequence[bytes]) -> None:
        """Compute the sealed columns again that a killed process took with it; raises like ``work``."""
        if any(name not in self.attempt.held and not self.agent.own.has(name) for name in names):
            for column in self.sums():
                self.keep(column)

    def sums(self) -> Iterator[masks.ColumnSum]:
        """Check every input, then yield the mask sums of this member's columns; raises like ``work``.

        One input, and then one sum, is in memory at a time.
        """
        session = self.attempt.session
        index = session.index_of(self.agent.member_id)
        if group.multiply_base(self.secret) != session.points[index]:
            raise errors.JournalConflict("the epoch key is not the acknowledged one", which=session.sid.hex()[:16])
        seeds = {}
        for participant, digest in self.inputs.headers.items():
            head, masked = fetch_input(self.agent, self.attempt, participant, digest)
            seeds[participant] = checking.check_submission(
                session, participant, head, masked, index=index, secret=self.secret
            )
            del masked
        for column in session.layout.columns_of(index):
            yield masks.mask_sum(session, seeds, column, self.inputs.input_digest)


def fetch_input(agent: agents.Agent, attempt: agents.Attempt, member: int, digest: bytes) -> tuple[bytes, bytes]:
    """Return header and masked vector of a participant, from here or from the store.

    Raises:
        errors.AggregationRefused: the header cannot be parsed.
        errors.BlobNotFound: they are not in the store (yet).
    """
    head = _hold(agent, attempt, digest, header.header_bytes(attempt.session))
    located = header.parse(head, attempt.session, member).commitment.blob_digest
    return head, _hold(agent, attempt, located, attempt.session.blob_bytes)


def _hold(agent: agents.Agent, attempt: agents.Attempt, digest: bytes, limit: int) -> bytes:
    """Return an input and keep it here until the round is over: its sender may erase it everywhere else."""
    run_id = attempt.key.run_id
    kept = attempt.held.get(digest) or agent.inputs.get(run_id, digest)
    if kept is not None:
        return kept
    data = fetch(agent, attempt, digest, limit)
    if not agent.own.has(digest):
        agent.inputs.put(run_id, digest, data)
    return data


def fetch(agent: agents.Agent, attempt: agents.Attempt, digest: bytes, limit: int) -> bytes:
    """Return a blob from here, else from the store; a short round's blobs are held until it is combined."""
    held = attempt.held.get(digest)
    if held is not None:
        return held
    data = agent.own.get(digest, limit) if agent.own.has(digest) else agent.store.get(digest, limit)
    if attempt.is_short:
        attempt.held[digest] = data
    return data


def open_masks(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Reveal this member's mask sums, but only under a certificate over the inputs that it committed to itself."""
    attempt = agents.attempt_of(agent, duty.run_id, current, (duty.round_index, duty.attempt))
    signed = attempt.evidence(agent)
    inputs = evidence.inputs_of(signed)
    if agent.signing.word("set", duty.run_id) != inputs.set_digest:
        raise errors.AggregationRefused("the ledger shows another set than was committed to", reason="set-changed")
    evidence.certified(signed, inputs)
    record = agent.journal.reveal(attempt.session.sid)
    if record is None or record.input_digest != inputs.input_digest:
        raise errors.JournalConflict(
            "no masks of these inputs are in the journal", which=attempt.session.sid.hex()[:16]
        )
    # Before any mask leaves: whatever the ledger says later, this round's sum is over this set and no other.
    agent.signing.bind(MASKS, _round_scope(attempt.key), inputs.set_digest)
    job = MaskSums(agent, attempt, inputs, epoch_key(agent, attempt))
    limit = attempt.session.blob_bytes + boxes.TAG_BYTES
    document = ids.digest(record.document)
    blobs: dict[bytes, Callable[[], bytes]] = {
        name: functools.partial(fetch, agent, attempt, name, limit) for name in record.objects
    }
    blobs[document] = lambda: record.document
    if not agents.send(agent, attempt, "reveal", blobs, first=lambda: job.restore(record.objects)):
        return
    for name in record.objects:
        attempt.held.pop(name, None)  # they are in the store, and reading uses the sums themselves
    message = messages.Reveal(attempt.session.sid, agent.member_id, record.salt, record.mine, document)
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))
