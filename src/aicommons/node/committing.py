"""Duties COMMIT and REVEAL: check every byte of every input, fix the masks, and open them only under a certificate.

Checking and summing run beside the loop; seeds never leave that job. What a Reveal will open is recorded before the
Commit is signed. Nothing is revealed without a quorum of Commits over one participant set, each signed by a key of the
roster that the operator pinned (secure-aggregation section 4, steps 2 to 4): this is where a lying ledger fails.
"""

import dataclasses
import hashlib

from aicommons.domain import encoding, errors, events, ids, messages, signature
from aicommons.learning.secagg import checking, header, masks, reveal
from aicommons.node import agent as agents
from aicommons.node import frames, journal
from aicommons.protocol import duties
from aicommons.protocol import view as views

LEAST_PARTICIPANTS = 3
SHORT_WORK = 2**25
"""Inputs together below this many bytes are checked at once, above it in a child process."""


@dataclasses.dataclass(frozen=True, slots=True)
class Inputs:
    """The participant set of an attempt and the digests that a Commit binds."""

    headers: dict[int, bytes]
    """Participant -> header digest, ascending."""
    set_digest: bytes
    input_digest: bytes


def inputs_of(attempt: agents.Attempt, place: encoding.Place) -> Inputs:
    """Return the attempt's inputs after checking who signed them.

    Raises:
        errors.AggregationRefused: ``set-too-small``, ``submit-missing``, ``submit-session`` or ``submit-signature``.
    """
    participants = attempt.participants
    least = max(LEAST_PARTICIPANTS, attempt.session.layout.faults + 2)
    if len(participants) < least:
        raise errors.AggregationRefused(
            f"the participant set has {len(participants)} members, at least {least} are needed", reason="set-too-small"
        )
    headers = {}
    for member in participants:
        sent = attempt.seen.submits.get(member)
        if sent is None:
            raise errors.AggregationRefused("a participant sent nothing", reason="submit-missing", member=member)
        if sent.sid != attempt.session.sid:
            raise errors.AggregationRefused(
                "a participant starts from another state", reason="submit-session", member=member
            )
        message = messages.Submit(sent.sid, ids.MemberId(member), sent.header_digest)
        if not is_signed(attempt, place, message, sent.signature):
            raise errors.AggregationRefused("a Submit is not signed", reason="submit-signature", member=member)
        headers[member] = bytes(sent.header_digest)
    return Inputs(
        headers,
        encoding.set_digest(participants),
        encoding.input_digest(attempt.session.sid, participants, list(headers.values())),
    )


def is_signed(attempt: agents.Attempt, place: encoding.Place, message: messages.Message, signed: bytes) -> bool:
    member = getattr(message, "member_id", None)
    if member not in attempt.roster.member_ids:
        return False
    key = attempt.roster.node_keys[attempt.roster.member_ids.index(member)]
    return signature.is_signed_by(encoding.message_digest(place, message), signed, key)


def commit(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Check all inputs of an attempt and sign one Commit; a bad input is refused by name and nothing is revealed."""
    attempt = agents.attempt_of(agent, duty.run_id, current, (duty.round_index, duty.attempt))
    try:
        inputs = inputs_of(attempt, agent.ledger.place)
        _bind_set(agent, attempt, current, inputs)
        record = agent.journal.reveal(attempt.session.sid) or _check_and_mask(agent, attempt, inputs)
    except errors.AggregationRefused as err:
        _refuse(agent, attempt, err)
        return
    if record is None:
        return
    committed = masks.salted_commitment(attempt.session, agent.member_id, salt=record.salt, mine=record.mine)
    message = messages.Commit(
        attempt.session.sid, agent.member_id, inputs.set_digest, inputs.input_digest, committed
    )
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))


def _refuse(agent: agents.Agent, attempt: agents.Attempt, err: errors.AggregationRefused) -> None:
    place = (attempt.key.round_index, attempt.key.attempt)
    accused = ids.MemberId(err.member or 0)
    agent.journal.keep_refusal(attempt.key.run_id, place, accused, err.reason)
    agent.ledger.refuse(attempt.key, agent.member_id, accused, err.reason)


def _bind_set(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView, inputs: Inputs) -> None:
    """Give this node's one word on the run's participant set, which only signed exits may make smaller."""
    run_id = attempt.key.run_id
    before = agent.signing.word("set", run_id)
    if before is not None and before != inputs.set_digest:
        kept = agent.signing.payload("set", before) or b""
        members = [int.from_bytes(kept[at : at + 32], "big") for at in range(0, len(kept), 32)]
        left = {member for member in members if _has_left(agent, attempt, current, member)}
        if encoding.set_digest([member for member in members if member not in left]) != inputs.set_digest:
            raise errors.AggregationRefused(
                "another participant set was committed to before in this run", reason="set-changed"
            )
        agent.signing.rebind("set", run_id, inputs.set_digest)
    listed = b"".join(member.to_bytes(32, "big") for member in inputs.headers)
    agent.signing.keep_payload("set", inputs.set_digest, listed)
    agent.signing.bind("set", run_id, inputs.set_digest)


def _has_left(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView, member: int) -> bool:
    left = current.exits.get(member)
    if left is None:
        return False
    message = messages.Exit(attempt.key.run_id, ids.MemberId(member), left.last_round)
    return is_signed(attempt, agent.ledger.place, message, left.signature)


def _check_and_mask(agent: agents.Agent, attempt: agents.Attempt, inputs: Inputs) -> journal.RevealRecord | None:
    name = f"check-{attempt.session.sid.hex()[:24]}"
    result = agent.runner.take(name)
    if result is None:
        secret = agent.signing.epoch_key(attempt.key.run_id, agents.EPOCH)
        if secret is None:
            raise errors.JournalConflict("this epoch's key was erased", which=ids.format_id(attempt.key.run_id))
        job = MaskSums(agent, attempt, inputs, secret)
        is_short = attempt.session.blob_bytes * len(inputs.headers) < SHORT_WORK
        agent.runner.start(name, job.work, is_short=is_short)
        result = agent.runner.take(name)
    if result is None:
        return None
    salt, mine, document, *objects = frames.split(result)
    record = journal.RevealRecord(salt, mine, document, tuple(agent.own.put(sealed) for sealed in objects))
    agent.journal.keep_reveal(attempt.key.run_id, attempt.session.sid, record)
    return record


@dataclasses.dataclass(frozen=True, slots=True)
class MaskSums:
    """The job: check every input, then sum the masks of this member's columns."""

    agent: agents.Agent
    attempt: agents.Attempt
    inputs: Inputs
    secret: bytes = dataclasses.field(repr=False)

    def work(self) -> bytes:
        """Return salt, mine, document and the sealed columns as frames.

        Raises:
            errors.AggregationRefused: an input fails a check, with its reason and member.
            errors.BlobNotFound: an input is not in the store (yet).
        """
        session, member_id = self.attempt.session, self.agent.member_id
        index = session.index_of(member_id)
        seeds = {}
        for participant, digest in self.inputs.headers.items():
            head, masked = fetch_input(self.agent, self.attempt, participant, digest)
            seeds[participant] = checking.check_submission(
                session, participant, head, masked, index=index, secret=self.secret
            )
        sums = [
            masks.mask_sum(session, seeds, column, self.inputs.input_digest)
            for column in session.layout.columns_of(index)
        ]
        salt = self.agent.draw(32)
        mine, _ = masks.commit(session, member_id, sums, salt)
        objects = [reveal.seal_column(each) for each in sums]
        named = [(each, hashlib.sha256(sealed).digest()) for each, sealed in zip(sums, objects, strict=True)]
        document = reveal.build_document(
            session,
            member_id,
            named,
            readers=self.attempt.readers,
            input_digest=self.inputs.input_digest,
            draw=self.agent.draw,
        )
        return frames.join([salt, mine, document, *objects])


def fetch_input(agent: agents.Agent, attempt: agents.Attempt, member: int, digest: bytes) -> tuple[bytes, bytes]:
    """Return header and masked vector of a participant, from here or from the store.

    Raises:
        errors.AggregationRefused: the header cannot be parsed.
        errors.BlobNotFound: they are not in the store (yet).
    """
    head = fetch(agent, digest, header.header_bytes(attempt.session))
    located = header.parse(head, attempt.session, member).commitment.blob_digest
    return head, fetch(agent, located, attempt.session.blob_bytes)


def fetch(agent: agents.Agent, digest: bytes, limit: int) -> bytes:
    """Return a blob from here, else from the store, and keep it here for the round."""
    if agent.own.has(digest):
        return agent.own.get(digest, limit)
    data = agent.store.get(digest, limit)
    agent.own.put(data)
    return data


def certified(attempt: agents.Attempt, inputs: Inputs, place: encoding.Place) -> dict[int, events.Committed]:
    """Return the Commits over exactly these inputs whose signatures hold against the pinned roster.

    Raises:
        errors.AggregationRefused: ``no-certificate``: fewer than a quorum, or a column without one.
    """
    valid = {}
    for member, sent in attempt.seen.commits.items():
        same = (sent.sid, sent.set_digest, sent.input_digest) == (
            attempt.session.sid,
            inputs.set_digest,
            inputs.input_digest,
        )
        message = messages.Commit(
            sent.sid, ids.MemberId(member), sent.set_digest, sent.input_digest, sent.masks
        )
        if same and is_signed(attempt, place, message, sent.signature):
            valid[member] = sent
    indexes = [attempt.session.index_of(member) for member in valid]
    if not attempt.session.layout.is_certified_by(indexes):
        raise errors.AggregationRefused(
            f"{len(valid)} valid Commits are no certificate, {attempt.session.layout.quorum} are needed",
            reason="no-certificate",
        )
    return valid


def open_masks(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Reveal this member's mask sums, but only under a certificate over the inputs that it committed to itself."""
    attempt = agents.attempt_of(agent, duty.run_id, current, (duty.round_index, duty.attempt))
    inputs = inputs_of(attempt, agent.ledger.place)
    if agent.signing.word("set", duty.run_id) != inputs.set_digest:
        raise errors.AggregationRefused("the ledger shows another set than was committed to", reason="set-changed")
    certified(attempt, inputs, agent.ledger.place)
    record = agent.journal.reveal(attempt.session.sid)
    if record is None:
        raise errors.JournalConflict("a Commit of this node is not in its journal", which=attempt.session.sid.hex())
    limit = attempt.session.blob_bytes + 64
    for name in record.objects:
        agent.journal.keep_stored(duty.run_id, name)
        if not agent.store.has(name):
            agent.store.put(agent.own.get(name, limit))
    document = agent.store.put(record.document)
    agent.journal.keep_stored(duty.run_id, document)
    message = messages.Reveal(attempt.session.sid, agent.member_id, record.salt, record.mine, document)
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))
