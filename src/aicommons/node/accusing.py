"""Accuses who sent something bad, with proof where it needs one, and names who keeps a certified round waiting.

Called where a check fails: while inputs are checked (COMMIT), while a sum is read (COMBINE), and for the duty WAIVE. What everybody
can see needs no proof but the bytes. A box that does not open is opened to everybody; a false sum is held against the true one in the
first chunk that differs. Evidence is made once and kept, because it has fresh randomness in it. Judging it is ``judging``'s, also at
the node that accused (secure-aggregation section 4, steps 2, 5 and 6).
"""

import logging

from aicommons.domain import errors, ids, messages
from aicommons.learning.secagg import complaints, disputes
from aicommons.node import agent as agents
from aicommons.node import evidence, fetching, judging, mask_sums
from aicommons.protocol import duties
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

BAD_BOX = frozenset({"box-does-not-open", "root-mismatch"})
"""Reasons that only the receiver of a box can see."""
COMPLAINT = "Complain evidence"
"""Kind of the payload in the signing journal."""
COMPLAINED = "Complain header"
"""Kind of the word on the one header of a member's session that this node complains about."""


def answer_input(
    agent: agents.Agent, attempt: agents.Attempt, current: views.RunView, err: errors.AggregationRefused
) -> None:
    """Accuse whoever sent a bad input; where nobody is to blame this node only keeps out of the attempt.

    What the ledger cannot be told now is told on a later pass: the refusal counts as given only once it was said.
    """
    run_id, place = attempt.key.run_id, (attempt.key.round_index, attempt.key.attempt)
    log.warning("run %s round %d: refused: %s (%s)", ids.format_id(run_id)[:12], place[0], err, err.reason)
    agent.journal.keep_declined(run_id, place[0], str(err))
    member = err.member
    sent = None if member is None else attempt.seen.submits.get(member)
    if member is not None and sent is not None:
        if err.reason in BAD_BOX:
            _complain(agent, attempt, member, sent.header_digest)
        elif judging.is_bad_input(agent, attempt, member, sent.header_digest):
            judging.name(agent, attempt, current, member, case_digest=sent.header_digest)
    agent.journal.keep_refusal(run_id, place, member or 0, err.reason)


def _complain(agent: agents.Agent, attempt: agents.Attempt, accused: int, header_digest: bytes) -> None:
    """Open one's own box of a header to everybody; the sender knows what is in it."""
    if (agent.member_id, accused) in attempt.seen.complaints:
        return
    session = attempt.session
    pair = session.sid + accused.to_bytes(32, "big")
    # Before anything is opened: whatever the ledger shows later of this member, no second header of the session is complained about.
    agent.signing.bind(COMPLAINED, pair, header_digest)
    scope = pair + header_digest
    if agent.signing.payload(COMPLAINT, scope) is None:
        header = fetching.fetch_header(agent, attempt, header_digest)
        made = complaints.make_evidence(
            session,
            accused,
            header,
            index=session.index_of(agent.member_id),
            key=mask_sums.epoch_key(agent, attempt),
            draw=agent.draw,
        )
        if complaints.judge(session, accused, header, accuser=agent.member_id, evidence=made) != accused:
            log.error("round %d: this node's own box is right; nobody is accused", attempt.key.round_index)
            return
        agent.signing.keep_payload(COMPLAINT, scope, made)
    shown = _publish(agent, attempt, agent.signing.payload(COMPLAINT, scope) or b"")
    message = messages.Complain(session.sid, agent.member_id, ids.MemberId(accused), header_digest, shown)
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))


def _publish(agent: agents.Agent, attempt: agents.Attempt, shown: bytes) -> bytes:
    """Put evidence into the store, remembered for erasure, and return its digest."""
    agent.journal.keep_stored(attempt.key.run_id, [ids.digest(shown)])
    return agent.store.put(shown)


def answer_reveals(
    agent: agents.Agent, attempt: agents.Attempt, current: views.RunView, err: errors.AggregationRefused
) -> None:
    """Accuse whoever revealed something bad: a document that everybody sees to be bad, or another sum than this node's."""
    if err.member is not None:
        sent = attempt.seen.reveals.get(err.member)
        if sent is not None and judging.is_bad_document(agent, attempt, err.member, sent.document):
            judging.name(agent, attempt, current, err.member, case_digest=sent.document)
    elif (
        err.reason == "manifest-mismatch" and agent.member_id in attempt.seen.reveals.keys() - current.convicted.keys()
    ):
        _dispute(agent, attempt, current)


def _dispute(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView) -> None:
    """Dispute the sum of everybody who revealed another one than this node in a column that both hold."""
    own = judging.document_of(agent, attempt, agent.member_id)
    if own is None:
        raise errors.JournalConflict("this node's own document is bad", which=attempt.session.sid.hex()[:16])
    for member in attempt.seen.reveals.keys() - current.convicted.keys() - {agent.member_id}:
        other = judging.document_of(agent, attempt, member)
        where = disputes.find_difference(own, other) if other is not None else None
        if (
            other is None
            or where is None
            or (agent.member_id, member, where.cell, where.column) in attempt.seen.disputes
        ):
            continue
        shown = _open_chunk(agent, attempt, where)
        if judging.judge_sums(agent, attempt, where, (own, other), shown=shown) != member:
            log.error("round %d: this node's own sum was wrong; nobody is accused", attempt.key.round_index)
            return
        digest = _publish(agent, attempt, shown)
        numbers = (where.cell, where.column, where.chunk)
        message = messages.Dispute(attempt.session.sid, agent.member_id, ids.MemberId(member), *numbers, digest)
        agent.ledger.post(attempt.key, message, agent.signing.sign(message))
        log.warning("round %d: member %d revealed another sum", attempt.key.round_index, member)


def _open_chunk(agent: agents.Agent, attempt: agents.Attempt, where: disputes.Difference) -> bytes:
    """Return the evidence of a dispute, with the seeds computed again from the inputs."""
    inputs = evidence.inputs_of(attempt.evidence(agent))
    job = mask_sums.MaskSums(agent, attempt, inputs, mask_sums.epoch_key(agent, attempt))
    known = job.seeds()
    seeds = {participant: known[participant][where.column] for participant in inputs.cells[where.cell]}
    return disputes.make_evidence(attempt.session, where, seeds)


def waive(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Say that a member is silent, if every column that it holds was revealed by another: the round can do without it."""
    attempt = agents.attempt_of(agent, duty.run_id, current, (duty.round_index, duty.attempt))
    signed, session = attempt.evidence(agent), attempt.session
    revealed = {
        session.index_of(member)
        for member, sent in attempt.seen.reveals.items()
        if member in session.member_ids and signed.is_signed(member, sent)
    }
    silent = session.index_of(duty.member)
    if all(revealed & set(session.layout.columns[column]) for column in session.layout.columns_of(silent)):
        message = messages.Verdict(session.sid, agent.member_id, messages.SILENCE, ids.MemberId(duty.member))
        agent.ledger.post(attempt.key, message, agent.signing.sign(message))
