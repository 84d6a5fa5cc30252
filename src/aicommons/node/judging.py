"""Duty JUDGE: look into what somebody is accused of, and sign who cheated.

Only this node's own computation counts: not who accuses, not how many said the same. Evidence that nobody can fetch convicts nobody. The
judges themselves are pure (``learning.secagg.complaints``, ``disputes``, ``checking``, ``reveal``); that f + 1 verdicts convict is the
ledger's to count and everybody's to check (secure-aggregation section 4, steps 2 and 5).
"""

import logging

from aicommons.domain import errors, events, ids, messages, run
from aicommons.learning.secagg import checking, complaints, disputes, header, reveal
from aicommons.node import agent as agents
from aicommons.node import evidence, fetching
from aicommons.protocol import cases, duties
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

MOST_EVIDENCE = 2**16
"""Bytes of a complaint's evidence that are read: more than a right one has, so that a wrong one is seen to be wrong."""
UNDECIDED = (errors.BlobNotFound, errors.StoreRefused, errors.DigestMismatch, errors.LedgerMismatch)
"""Why a case cannot be decided now."""


def judge(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Decide every open case about one member of one attempt, and sign a verdict for each that has a culprit.

    A case that cannot be decided now keeps no other one waiting: an accomplice would shield a cheat by accusing it of nothing.

    Raises:
        errors.BlobNotFound, errors.StoreRefused, errors.DigestMismatch: evidence of a case, or what it is about, is not in the
            store (yet), or not as bytes of this digest within a complaint's length.
        errors.LedgerMismatch: the ledger shows an accusation that nobody signed, or about bytes that nobody sent.
    """
    place = (duty.round_index, duty.attempt)
    attempt = agents.attempt_of(agent, duty.run_id, current, place)
    open_now = [each for each in cases.open_cases(current) if (each.place, each.accused) == (place, duty.member)]
    undecided: errors.CommonsError | None = None
    for case in open_now:
        known = agent.journal.judged(duty.run_id)
        if case.key in known:
            continue
        try:
            guilty = _decide_in_time(agent, attempt, current, case)
        except UNDECIDED as err:
            undecided = undecided or err
            continue
        if guilty and guilty not in known.values():
            name(agent, attempt, current, guilty, case_digest=case.digest)
        agent.journal.keep_judged(duty.run_id, case.key, guilty or 0)
        found = f"member {guilty} cheated" if guilty else "nobody is shown to have cheated"
        log.info("run %s round %d: judged: %s", ids.format_id(duty.run_id)[:12], place[0], found)
    if undecided is not None:
        raise undecided


def _decide_in_time(
    agent: agents.Agent, attempt: agents.Attempt, current: views.RunView, case: cases.Case
) -> int | None:
    """Return who cheated; nobody where what is needed for that has not been found until the run's patience is over.

    Evidence stands in the store before it is named, so that waiting longer would help nobody. What is longer than anybody reads
    is as good as nothing: whoever accuses so must not keep other cases about the same member from being judged.
    """
    try:
        return decide(agent, attempt, case)
    except errors.StorageFull:
        raise
    except (errors.BlobNotFound, errors.StoreRefused, errors.DigestMismatch):
        if agent.clock.now() <= attempt.seen.deadline + current.spec.patience_seconds:
            raise
        return None


def name(
    agent: agents.Agent, attempt: agents.Attempt, current: views.RunView, guilty: int, *, case_digest: bytes
) -> None:
    """Sign that a member cheated, once in a run; nobody speaks about itself."""
    if guilty == agent.member_id or guilty in current.convicted or cases.has_named(current, agent.member_id, guilty):
        return
    message = messages.Verdict(attempt.session.sid, agent.member_id, case_digest, ids.MemberId(guilty))
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))


def decide(agent: agents.Agent, attempt: agents.Attempt, case: cases.Case) -> int | None:
    """Return who cheated by this node's own computation, ``None`` where nobody did; raises like ``judge``."""
    _check_raised(agent, attempt, case)
    match case.said:
        case events.Complained():
            return _decide_complaint(agent, attempt, case.said)
        case events.Disputed():
            return _decide_dispute(agent, attempt, case.said)
        case events.VerdictGiven():
            is_bad = is_bad_input(agent, attempt, case.accused, case.digest)
            is_bad = is_bad or is_bad_document(agent, attempt, case.accused, case.digest)
            return case.accused if is_bad else None


def _check_raised(agent: agents.Agent, attempt: agents.Attempt, case: cases.Case) -> None:
    said = case.said
    is_signed = evidence.is_signed(agent.ledger.place, attempt.roster, evidence.accusation(said), said.signature)
    if not is_signed or said.sid != attempt.session.sid:
        raise errors.LedgerMismatch(
            "the ledger shows an accusation that was not signed for this attempt",
            which=f"member {said.member_id}",
            next_step="nothing is judged; ask another endpoint of the ledger",
        )


def _decide_complaint(agent: agents.Agent, attempt: agents.Attempt, said: events.Complained) -> int | None:
    """Return who cheated, nobody where the complaint is about another header than this ledger shows of the accused.

    The ledger takes a complaint about the accused's newest header, which may be of a later attempt. Whoever says that of an older one
    proves nothing, and may still be honest: who signs two headers and shows its victim the other one is named by its two signatures.
    """
    sent = attempt.seen.submits.get(said.accused_id)
    if sent is None or not attempt.evidence(agent).is_signed(said.accused_id, sent):
        raise errors.LedgerMismatch(
            "the complaint is about a member that sent nothing",
            which=f"complaint of member {said.member_id} about member {said.accused_id}",
            next_step="nothing is judged; ask another endpoint of the ledger",
        )
    if sent.header_digest != said.header_digest:
        return None
    head = fetching.fetch_header(agent, attempt, said.header_digest)
    shown = agent.store.get(said.evidence, MOST_EVIDENCE)
    return complaints.judge(attempt.session, said.accused_id, head, accuser=said.member_id, evidence=shown)


def _decide_dispute(agent: agents.Agent, attempt: agents.Attempt, said: events.Disputed) -> int:
    """Return who revealed a false sum; a document that is bad in itself decides without the evidence."""
    documents = {}
    for member in (said.accused_id, said.member_id):
        found = document_of(agent, attempt, member)
        if found is None:
            return member
        documents[member] = found
    most = disputes.evidence_bytes(attempt.session, len(attempt.participants)) + MOST_EVIDENCE
    shown = agent.store.get(said.evidence, most)
    where = disputes.Difference(said.cell, said.column, said.chunk)
    return judge_sums(agent, attempt, where, (documents[said.member_id], documents[said.accused_id]), shown=shown)


def judge_sums(
    agent: agents.Agent,
    attempt: agents.Attempt,
    where: disputes.Difference,
    documents: tuple[reveal.Document, reveal.Document],
    *,
    shown: bytes,
) -> int:
    """Return which of two holders revealed a false sum.

    Args:
        agent: this node.
        attempt: the attempt.
        where: the chunk that is disputed.
        documents: of the accuser and of the accused, neither bad in itself.
        shown: the evidence.

    Raises:
        errors.BlobNotFound: a header is not in the store (yet).
    """
    inputs = evidence.inputs_of(attempt.evidence(agent))
    heads = [
        header.parse(fetching.fetch_header(agent, attempt, digest), attempt.session, member)
        for member, digest in inputs.headers.items()
        if member in inputs.cells.get(where.cell, ())
    ]
    accuser, accused = documents
    return disputes.judge(attempt.session, where, heads, accuser=accuser, accused=accused, evidence=shown)


def is_bad_input(agent: agents.Agent, attempt: agents.Attempt, member: int, digest: bytes) -> bool:
    """Return whether ``digest`` is a header that a member signed and that is bad, itself or its vector, for everybody to see.

    Raises:
        errors.BlobNotFound: the bytes are not here.
    """
    sent = attempt.seen.submits.get(member)
    if sent is None or sent.header_digest != digest or not attempt.evidence(agent).is_signed(member, sent):
        return False
    try:
        head, masked = fetching.fetch_input(agent, attempt, member, digest)
        checking.check_public(attempt.session, member, head, masked)
    except errors.AggregationRefused:
        return True
    return False


def is_bad_document(agent: agents.Agent, attempt: agents.Attempt, member: int, digest: bytes) -> bool:
    """Return whether ``digest`` is a document that a member signed and that is bad for everybody to see; raises likewise."""
    sent = attempt.seen.reveals.get(member)
    if sent is None or sent.document != digest or not attempt.evidence(agent).is_signed(member, sent):
        return False
    return document_of(agent, attempt, member) is None


def document_of(agent: agents.Agent, attempt: agents.Attempt, member: int) -> reveal.Document | None:
    """Return what a certified member revealed, ``None`` where it is bad.

    Raises:
        errors.BlobNotFound: the bytes are not here.
        errors.LedgerMismatch: it has not committed and revealed by its own signatures.
    """
    signed = attempt.evidence(agent)
    inputs = evidence.inputs_of(signed)
    commit = evidence.certified(signed, inputs).get(member)
    sent = attempt.seen.reveals.get(member)
    if commit is None or sent is None or not signed.is_signed(member, sent):
        raise errors.LedgerMismatch("the ledger shows no signed Reveal of this member", which=f"member {member}")
    readers = len(attempt.readers)
    raw = fetching.fetch_document(agent, attempt, sent.document)
    claim = reveal.Claim(commit.masks, sent.salt, sent.mine, sent.document)
    try:
        return reveal.check_reveal(
            attempt.session,
            member,
            raw,
            claim,
            readers=readers,
            input_digest=inputs.input_digest,
            cells=inputs.numbers,
        )
    except errors.AggregationRefused:
        return None


def is_undecided(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView) -> bool:
    """Return whether an attempt that is not certified has a complaint which nobody is convicted for yet.

    A complaint whose evidence nobody has is waited for until the phase is half over: it may be a lie, and whoever sent a bad box
    to an honest member gets nothing more from a certificate without that member. One that shows nobody's guilt is not waited for.
    """
    if attempt.seen.phase is not run.Phase.SUBMITTED:
        return False
    place = (attempt.key.round_index, attempt.key.attempt)
    is_late = agent.clock.now() > attempt.seen.deadline - current.spec.phase_seconds / 2
    known = agent.journal.judged(attempt.key.run_id)
    for case in cases.open_cases(current):
        is_complaint = case.place == place and case.accuser is not None
        if is_complaint and (bool(known[case.key]) if case.key in known else not is_late):
            return True
    return False
