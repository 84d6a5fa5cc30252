"""Verifying what seats said of each other in one attempt: signatures and sessions, and every case judged again.

Called by ``attempt_verification``. The judges are those of the nodes (``complaints``, ``disputes``, ``checking``,
``reveal``); a reader says for each case whether it is proven, false, or cannot be judged any more. Whether enough seats
said the same, and what followed, is ``conviction_verification``'s.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from aicommons.domain import errors, events, messages
from aicommons.learning.secagg import checking, complaints, disputes, reveal, session
from aicommons.learning.secagg import header as headers
from aicommons.node import contributing, evidence, examination, fetching, reveal_verification, verdict

Accusation = events.Complained | events.Disputed | events.VerdictGiven
J = verdict.Judgement


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """What the cases of an attempt are judged with."""

    scene: examination.Scene
    made: session.Session | None
    """``None`` where nothing tells how long the vectors are."""
    inputs: evidence.Inputs | None = None
    """Of an attempt whose set was fixed."""
    headers: Mapping[int, bytes | None] = dataclasses.field(default_factory=dict)
    """Participant -> its header, ``None`` where that is gone."""

    def header(self, member: int) -> bytes | None:
        """Return a participant's header; it is fetched where it was not yet."""
        if member in self.headers:
            return self.headers[member]
        sent = self.scene.seen.submits.get(member)
        return None if sent is None else self.scene.find("header", sent.header_digest, contributing.MOST_HEADER)


def check_said(scene: examination.Scene) -> None:
    """Check who said what: signature, session, and that nobody accuses or judges itself.

    Raises:
        errors.VerificationFailed: naming the message and its member.
    """
    seen = scene.seen
    said: dict[str, Iterable[Accusation]] = {
        "Complain": seen.complaints.values(),
        "Dispute": seen.disputes.values(),
        "Verdict": seen.verdicts.values(),
    }
    for record, each in ((record, each) for record, sent in said.items() for each in sent):
        which = scene.of(each.member_id, record)
        examination.check_equal("it names another session", which=which, expected=scene.signed.sid, got=each.sid)
        if not evidence.is_signed(scene.case.place, scene.case.roster, evidence.accusation(each), each.signature):
            raise errors.VerificationFailed("it is not signed by its member's key", which=which)
        of = each.guilty_id if isinstance(each, events.VerdictGiven) else each.accused_id
        if of == each.member_id or of not in scene.case.roster.member_ids:
            raise errors.VerificationFailed("it is about itself or about no seat of the run", which=which, got=of)
        scene.case.findings.passed(examination.part_of(record.replace("Complain", "Complaint")))


def judge(bench: Bench, documents: Mapping[int, reveal.Document]) -> tuple[verdict.Judged, ...]:
    """Return every case of an attempt, judged again: what was accused, and what verdicts name beside that.

    Args:
        bench: the attempt.
        documents: accepted mask-sum documents, by member.

    Raises:
        errors.VerificationFailed: the store has other bytes than a case names.
    """
    seen, found = bench.scene.seen, []
    for complaint in seen.complaints.values():
        with examination.naming(bench.scene.of(complaint.member_id, "complaint")):
            judgement = _judge_complaint(bench, complaint)
        found.append(_judged(verdict.Charge.BAD_BOX, complaint, judgement))
    for dispute in seen.disputes.values():
        with examination.naming(bench.scene.of(dispute.member_id, "dispute")):
            judgement = _judge_dispute(bench, dispute, documents)
        found.append(_judged(verdict.Charge.FALSE_SUM, dispute, judgement))
    named = {(said.case_digest, said.guilty_id): said for said in seen.verdicts.values()}
    for (digest, guilty), said in named.items():
        is_told = any(each.digest == digest and guilty in (each.accused, each.accuser) for each in found)
        if digest != messages.SILENCE and not (is_told and _charge(bench.scene, said) is verdict.Charge.NO_CASE):
            found.append(_judge_public(bench, said, documents))
    judged = [each for each in found if each.judgement in (J.PROVEN, J.FALSE, J.NOTHING)]
    bench.scene.case.findings.passed("cases", len(judged))
    bench.scene.case.findings.cases += found
    return tuple(found)


def _judged(
    charge: verdict.Charge, said: events.Complained | events.Disputed, judgement: verdict.Judgement
) -> verdict.Judged:
    place = (said.round_index, said.attempt)
    return verdict.Judged(charge, *place, said.member_id, said.accused_id, said.evidence, judgement)


def _judge_complaint(bench: Bench, said: events.Complained) -> verdict.Judgement:
    """Judge a complaint about a box of the header that the accused signed for this session, about no other one."""
    sent = bench.scene.seen.submits.get(said.accused_id)
    if sent is None or sent.sid != said.sid or sent.header_digest != said.header_digest:
        return J.NOTHING  # as every node says: an honest accuser may have been shown another header
    raw = bench.header(said.accused_id)
    opened = bench.scene.find("evidence", said.evidence, MOST_EVIDENCE)
    if raw is None or opened is None:
        return J.GONE
    if bench.made is None:
        return J.UNJUDGED
    try:
        guilty = complaints.judge(bench.made, said.accused_id, raw, accuser=said.member_id, evidence=opened)
    except errors.AggregationRefused:
        return J.UNJUDGED  # hybrid boxes have no public proof
    return J.PROVEN if guilty == said.accused_id else J.FALSE


def _judge_dispute(bench: Bench, said: events.Disputed, documents: Mapping[int, reveal.Document]) -> verdict.Judgement:
    opened = bench.scene.find("evidence", said.evidence, MOST_EVIDENCE)
    accuser, accused = documents.get(said.member_id), documents.get(said.accused_id)
    inside = () if bench.inputs is None else bench.inputs.cells.get(said.cell, ())
    raw = {member: bench.header(member) for member in inside}
    if opened is None or any(each is None for each in raw.values()):
        return J.GONE
    for member, wrong in ((said.accused_id, J.PROVEN), (said.member_id, J.FALSE)):
        revealed = bench.scene.seen.reveals.get(member)
        if revealed is not None and _judge_document(bench, revealed, documents) is J.PROVEN:
            return wrong  # a document that nobody can read decides without the evidence
    if bench.made is None or accuser is None or accused is None:
        return J.UNJUDGED
    parsed = [headers.parse(each, bench.made, member) for member, each in raw.items() if each is not None]
    where = disputes.Difference(said.cell, said.column, said.chunk)
    guilty = disputes.judge(bench.made, where, parsed, accuser=accuser, accused=accused, evidence=opened)
    return J.PROVEN if guilty == said.accused_id else J.FALSE


def _charge(scene: examination.Scene, said: events.VerdictGiven) -> verdict.Charge:
    """Return what a verdict names of the accused's own bytes, if it does."""
    submit, revealed = scene.seen.submits.get(said.guilty_id), scene.seen.reveals.get(said.guilty_id)
    if submit is not None and submit.header_digest == said.case_digest:
        return verdict.Charge.BAD_HEADER
    is_document = revealed is not None and revealed.document == said.case_digest
    return verdict.Charge.BAD_DOCUMENT if is_document else verdict.Charge.NO_CASE


def _judge_public(bench: Bench, said: events.VerdictGiven, documents: Mapping[int, reveal.Document]) -> verdict.Judged:
    """Judge what a verdict names where nobody had to accuse: a header with its vector, or a document."""
    charge, judgement = _charge(bench.scene, said), J.FALSE
    with examination.naming(bench.scene.of(said.guilty_id, "public bytes")):
        if charge is verdict.Charge.BAD_HEADER:
            judgement = _judge_header(bench, said.guilty_id)
        elif charge is verdict.Charge.BAD_DOCUMENT:
            judgement = _judge_document(bench, bench.scene.seen.reveals[said.guilty_id], documents)
    place = (said.round_index, said.attempt)
    return verdict.Judged(charge, *place, None, said.guilty_id, said.case_digest, judgement)


def _judge_header(bench: Bench, member: int) -> verdict.Judgement:
    raw = bench.header(member)
    if raw is None:
        return J.GONE
    if bench.made is None:
        return J.UNJUDGED
    try:
        parsed = checking.check_header(bench.made, member, raw)
        masked = bench.scene.find("masked vector", parsed.commitment.blob_digest, bench.made.blob_bytes)
        if masked is None:
            return J.GONE
        checking.check_public(bench.made, member, raw, masked)
    except errors.AggregationRefused:
        return J.PROVEN
    return J.FALSE


def _judge_document(
    bench: Bench, revealed: events.Revealed, documents: Mapping[int, reveal.Document]
) -> verdict.Judgement:
    if revealed.member_id in documents:
        return J.FALSE
    commit, readers = bench.scene.seen.commits.get(revealed.member_id), reveal_verification.readers_of(bench.scene)
    raw = bench.scene.find("mask-sum document", revealed.document, fetching.MOST_DOCUMENT)
    if raw is None:
        return J.GONE
    if bench.made is None or bench.inputs is None or commit is None or readers is None:
        return J.UNJUDGED
    claim = reveal.Claim(commit.masks, revealed.salt, revealed.mine, revealed.document)
    digest = bench.inputs.input_digest
    try:
        reveal.check_reveal(
            bench.made,
            revealed.member_id,
            raw,
            claim,
            readers=readers,
            input_digest=digest,
            cells=bench.inputs.numbers,
        )
    except errors.AggregationRefused:
        return J.PROVEN
    return J.FALSE


MOST_EVIDENCE = 48 * 32 * (1 + 2**12)
"""Longest evidence in bytes: a dispute over 48 participants' leaves of the longest vector."""


OVER_SUMS = (verdict.Charge.FALSE_SUM, verdict.Charge.BAD_DOCUMENT)


def wrong_holders(scene: examination.Scene, judged: Iterable[verdict.Judged]) -> frozenset[int]:
    """Return the members whose mask sums of an attempt do not count: proven wrong here, or convicted over them."""
    named = {(said.guilty_id, said.case_digest) for said in scene.seen.verdicts.values()}
    return frozenset(
        member
        for each in judged
        if each.charge in OVER_SUMS
        for member in (each.accused, each.accuser)
        if member is not None
        and (
            each.against(member) is J.PROVEN
            or (member in scene.case.current.convicted and (member, each.digest) in named)
        )
    )
