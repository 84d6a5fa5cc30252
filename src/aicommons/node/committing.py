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
from collections.abc import Callable, Sequence

from aicommons.domain import encoding, errors, ids, messages
from aicommons.learning.secagg import boxes, masks
from aicommons.node import accusing, disclosures, evidence, fetching, frames, journal, judging, mask_sums
from aicommons.node import agent as agents
from aicommons.protocol import duties
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

SET = "set"
"""Kind of the word that a node gives on whom a run sums together, before its first Commit to that."""
MASKS = "masks"
"""Kind of the word that a node gives on a round's set before it uploads masks of it."""


def commit(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Check all inputs of an attempt and sign one Commit; whoever sent a bad one is accused, and nothing is revealed.

    Nobody commits before an accusation is decided: the accused is out of the next attempt, or the accuser is.
    """
    attempt = agents.attempt_of(agent, duty.run_id, current, (duty.round_index, duty.attempt))
    if judging.is_undecided(agent, attempt, current):
        return
    try:
        inputs = evidence.inputs_of(attempt.evidence(agent))
        _check_sets(agent, attempt, current, inputs)
        _check_releases(agent, attempt, inputs)
        record = _record(agent, attempt, inputs)
    except errors.AggregationRefused as err:
        accusing.answer_input(agent, attempt, current, err)
        return
    if record is None:
        return
    for members in _released(inputs):
        agent.journal.keep_released(attempt.key.run_id, members)
    _bind_sets(agent, attempt, inputs)
    committed = masks.salted_commitment(attempt.session, agent.member_id, salt=record.salt, mine=record.mine)
    message = messages.Commit(attempt.session.sid, agent.member_id, inputs.set_digest, inputs.input_digest, committed)
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))


def _check_sets(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView, inputs: evidence.Inputs) -> None:
    """Hold this node's word on the run's participant set, which only signed exits and proven cheats make smaller.

    In a divided run it is one word for each cell, and only proven cheats do: a cell with somebody else missing sits out.

    Raises:
        errors.AggregationRefused: ``set-changed``.
    """
    for cell, members in inputs.cells.items():
        known = _last_word(agent, attempt, current, cell)
        if known is None or known == members:
            continue
        left = {
            member for member in known if member in attempt.cheats or _left_before(agent, current, attempt.key, member)
        }
        if encoding.set_digest([member for member in known if member not in left]) != encoding.set_digest(members):
            raise errors.AggregationRefused(
                "another participant set was committed to before in this run", reason="set-changed"
            )


def _last_word(
    agent: agents.Agent, attempt: agents.Attempt, current: views.RunView, cell: int
) -> tuple[int, ...] | None:
    """Return whom this node gave its word on last, ``None`` before it did.

    One that lost its signing journal, and so has new keys, finds its word on the ledger: in a Commit of its own.
    """
    before = agent.signing.word(SET, _set_scope(attempt, cell))
    if before is not None:
        kept = agent.signing.payload(SET, before) or b""
        return tuple(int.from_bytes(kept[at : at + 32], "big") for at in range(0, len(kept), 32))
    inside = attempt.cells[cell] if attempt.cells else -1
    for place in sorted(current.attempts, reverse=True):
        seen = current.attempts[place]
        sent = seen.commits.get(agent.member_id)
        if sent is None or not seen.set_bits & inside:
            continue
        is_own = evidence.is_signed(agent.ledger.place, attempt.roster, evidence.signed_part(sent), sent.signature)
        whole = evidence.participants_of(attempt.roster, seen)
        if is_own and sent.set_digest == encoding.set_digest(whole):
            return evidence.participants_of(attempt.roster, dataclasses.replace(seen, set_bits=seen.set_bits & inside))
    return None


def _set_scope(attempt: agents.Attempt, cell: int) -> bytes:
    return attempt.key.run_id + (cell.to_bytes(4, "big") if attempt.cells else b"")


def _released(inputs: evidence.Inputs) -> tuple[Sequence[int], ...]:
    """Return the sets whose sums a round releases: each cell, and all of them together."""
    cells = tuple(inputs.cells.values())
    return cells if len(cells) == 1 else (*cells, tuple(inputs.headers))


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
    run_id = attempt.key.run_id
    uploaded = agent.signing.word(MASKS, _round_scope(attempt.key))
    if uploaded is not None and uploaded != inputs.set_digest:
        raise errors.AggregationRefused(
            "masks of another participant set were uploaded before in this round", reason="set-changed"
        )
    pin, sets = agents.pin_of(agent, run_id), _released(inputs)
    for place, members in enumerate(sets):
        is_whole = len(members) == len(inputs.headers)
        faults = attempt.session.layout.faults if is_whole else attempt.colluders
        disclosures.check_disclosure(agent.journal, run_id, pin, members=members, faults=faults, beside=sets[:place])


def _round_scope(key: encoding.AttemptKey) -> bytes:
    return key.run_id + key.round_index.to_bytes(4, "big")


def _bind_sets(agent: agents.Agent, attempt: agents.Attempt, inputs: evidence.Inputs) -> None:
    """Give this node's word on the participant sets, just before the first Commit to them is signed."""
    for cell, members in inputs.cells.items():
        scope, digest = _set_scope(attempt, cell), encoding.set_digest(members)
        agent.signing.keep_payload(SET, digest, b"".join(member.to_bytes(32, "big") for member in members))
        before = agent.signing.word(SET, scope)
        if before is not None and before != digest:
            agent.signing.rebind(SET, scope, digest)
        agent.signing.bind(SET, scope, digest)


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
        job = mask_sums.MaskSums(agent, attempt, inputs, mask_sums.epoch_key(agent, attempt))
        agent.runner.start(name, job.work, attempt.lane)
        result = agent.runner.take(name)
    if result is None:
        return None
    input_digest, salt, mine, document, *names = frames.split(result)
    record = journal.RevealRecord(input_digest, salt, mine, document, tuple(names))
    agent.journal.keep_reveal(attempt.key.run_id, attempt.session.sid, record)
    return record


def open_masks(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Reveal this member's mask sums, but only under a certificate over the inputs that it committed to itself."""
    attempt = agents.attempt_of(agent, duty.run_id, current, (duty.round_index, duty.attempt))
    signed = attempt.evidence(agent)
    inputs = evidence.inputs_of(signed)
    for cell, members in inputs.cells.items():
        if agent.signing.word(SET, _set_scope(attempt, cell)) != encoding.set_digest(members):
            raise errors.AggregationRefused("the ledger shows another set than was committed to", reason="set-changed")
    evidence.certified(signed, inputs)
    record = agent.journal.reveal(attempt.session.sid)
    if record is None or record.input_digest != inputs.input_digest:
        raise errors.JournalConflict(
            "no masks of these inputs are in the journal", which=attempt.session.sid.hex()[:16]
        )
    # Before any mask leaves: whatever the ledger says later, this round's sum is over this set and no other.
    agent.signing.bind(MASKS, _round_scope(attempt.key), inputs.set_digest)
    job = mask_sums.MaskSums(agent, attempt, inputs, mask_sums.epoch_key(agent, attempt))
    limit = attempt.session.blob_bytes + boxes.TAG_BYTES
    document = ids.digest(record.document)
    blobs: dict[bytes, Callable[[], bytes]] = {
        name: functools.partial(fetching.fetch, agent, attempt, name, limit) for name in record.objects
    }
    blobs[document] = lambda: record.document
    shared = _others_first(attempt, agent.member_id, record.objects)
    if not agents.send(agent, attempt, "reveal", blobs, first=lambda: job.restore(record.objects), shared=shared):
        return
    for name in record.objects:
        attempt.held.pop(name, None)  # they are in the store, and reading uses the sums themselves
    message = messages.Reveal(attempt.session.sid, agent.member_id, record.salt, record.mine, document)
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))


def _others_first(attempt: agents.Attempt, member_id: int, objects: Sequence[bytes]) -> frozenset[bytes]:
    """Return those of a member's sealed columns that another holder sends first: all seal the same bytes of a column.

    The holders take turns by the column's number, so that each column crosses one cable once. If that one does not send it, the
    others do: it is an order, no duty.
    """
    layout = attempt.session.layout
    index = attempt.session.index_of(member_id)
    columns = layout.columns_of(index)
    cells = len(objects) // len(columns)
    turns = [
        layout.columns[column][column % len(layout.columns[column])] == index
        for column in columns
        for _ in range(cells)
    ]
    return frozenset(name for name, is_mine in zip(objects, turns, strict=True) if not is_mine)
