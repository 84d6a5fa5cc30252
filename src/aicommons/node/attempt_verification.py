"""Verifying one attempt at a round: every signature, in the right order, and what came out of the round.

Called by ``verification`` for every attempt in turn. The checks are those that a node makes before it commits, reveals
and reads (secure-aggregation section 4), over the same functions; what is checked only here is that they were made in
time: no Reveal before the certificate. The bytes behind the digests are ``input_verification``'s and
``reveal_verification``'s, what the attempts mean for the run is ``outcome_verification``'s.
"""

import collections
import dataclasses
from collections.abc import Collection, Mapping

from aicommons.domain import encoding, errors, events, run
from aicommons.learning.secagg import masks, session
from aicommons.node import (
    case_verification,
    contributing,
    evidence,
    examination,
    input_verification,
    reveal_verification,
    verdict,
)
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt led to."""

    at: views.AttemptPlace
    sid: bytes
    """Session of its participants; empty when it got no participant set."""
    participants: tuple[int, ...] = ()
    committed_at: events.Position | None = None
    """Where its first Commit stands."""
    closed_at: events.Position | None = None
    """Where the last Submit of its participants stands."""
    is_unmasked: bool = False
    after: examination.KnownState | None = None
    cases: tuple[verdict.Judged, ...] = ()
    """What seats were accused of in it, judged again."""


def check_attempt(case: examination.Case, at: views.AttemptPlace, before: examination.KnownState | None) -> Outcome:
    """Return what the attempt at ``at`` led to, after checking all of it.

    Args:
        case: the run.
        at: which attempt.
        before: the state that the round starts from, if anything is known of it.

    Raises:
        errors.VerificationFailed: the first thing that does not match.
    """
    seen = case.current.attempts[at]
    _check_sessions(case, at, seen)
    sid = _session_id(case, at, seen, before)
    made = case.committee(at).layout
    cheats = evidence.convicted(case.place, case.current, made.faults)
    signed = evidence.Evidence(case.place, case.roster, made, sid, seen, cells=case.cells, cheats=cheats)
    scene = examination.Scene(case, at, seen, signed, before)
    with examination.naming(scene.where):
        case_verification.check_said(scene)
        if seen.phase < run.Phase.SUBMITTED:
            _check_unfinished(scene)
            return Outcome(at, b"", cases=_judge(scene, None))
        inputs = _check_submits(scene)
        _check_commits(scene, inputs)
        closed = max((seen.submits[member] for member in signed.participants), key=lambda each: each.at)
        outcome = Outcome(at, sid, signed.participants, _first_commit(seen), closed.at)
        if seen.phase < run.Phase.FIXED:
            _check_given_up(scene)
            return dataclasses.replace(outcome, cases=_judge(scene, inputs))
        commits = evidence.certified(signed, inputs)
        case.findings.passed("certificate")
        after, cases = _check_certified(scene, inputs, commits)
        return dataclasses.replace(outcome, is_unmasked=seen.phase is run.Phase.UNMASKED, after=after, cases=cases)


def _check_sessions(case: examination.Case, at: views.AttemptPlace, seen: views.AttemptView) -> None:
    """Check that every Submit was signed for this attempt of this run: its sid follows from the state that it names.

    Needs no state: whoever signed said which it starts from. All else that is signed in an attempt names the sid of its Submits.
    """
    key, committee = encoding.AttemptKey(case.run_id, *at), case.committee(at).digest
    for member, sent in sorted(seen.submits.items()):
        if encoding.session_id(case.place, key, sent.state_digest, committee) != sent.sid:
            raise errors.VerificationFailed(
                "it was signed for another run, round or attempt",
                which=f"round {at[0]} attempt {at[1]}, Submit of member {member}",
            )


def _session_id(
    case: examination.Case, at: views.AttemptPlace, seen: views.AttemptView, before: examination.KnownState | None
) -> bytes:
    """Return the session that the state gives; where no state is known, the one that most participants name."""
    if before is not None:
        key = encoding.AttemptKey(case.run_id, *at)
        return encoding.session_id(case.place, key, before.digest, case.committee(at).digest)
    members = evidence.participants_of(case.roster, seen)
    named = collections.Counter(seen.submits[member].sid for member in members if member in seen.submits)
    return named.most_common(1)[0][0] if named else b""


def _judge(scene: examination.Scene, inputs: evidence.Inputs | None) -> tuple[verdict.Judged, ...]:
    """Judge the cases of an attempt of which nothing was revealed; without any its bytes are not looked at."""
    if not (scene.seen.complaints or scene.seen.disputes or scene.seen.verdicts):
        return ()
    headers = {
        member: scene.find("header", scene.seen.submits[member].header_digest, contributing.MOST_HEADER)
        for member in scene.signed.participants
        if member in scene.seen.submits
    }
    words, is_sized = input_verification.count_words(scene, headers)
    try:
        made = scene.case.committee(scene.at).session(scene.signed.sid, words) if is_sized else None
    except errors.AggregationRefused:  # the only header that is left claims a length that no vector has
        made = None
    return case_verification.judge(case_verification.Bench(scene, made, inputs, headers), {})


def _check_unfinished(scene: examination.Scene) -> None:
    """Check an attempt whose Submits never closed: nothing but signed Submits."""
    _check_none(
        scene,
        {"Commit": scene.seen.commits, "Reveal": scene.seen.reveals, "Result": scene.seen.results},
        "it came before the participant set was fixed",
    )
    examination.check_signatures(scene, scene.seen.submits)


def _check_none(scene: examination.Scene, records: Mapping[str, Collection[int]], words: str) -> None:
    """Check that nobody sent a message of these kinds; raises ``errors.VerificationFailed`` with ``words``."""
    for record, members in records.items():
        if members:
            raise errors.VerificationFailed(words, which=scene.of(min(members), record))


def _check_given_up(scene: examination.Scene) -> None:
    """Check an attempt without a certificate: nothing was revealed, so its bytes were never used."""
    sent = {"Reveal": scene.seen.reveals, "Result": scene.seen.results}
    _check_none(scene, sent, "something was revealed without a certificate")
    why = "without a certificate"
    judged = {said.guilty_id for said in scene.seen.verdicts.values()} & set(scene.case.current.convicted)
    if judged:
        why = f"when member {', '.join(map(str, sorted(judged)))} was put out"
    words = f"{scene.where} ended {why}; nothing was revealed, its vectors were not looked at"
    scene.case.findings.gap("masked_vector", verdict.Why.NOT_REVEALED, words)


def _check_submits(scene: examination.Scene) -> evidence.Inputs:
    """Check that the participants name one session, and that it is the one which the state gives."""
    if scene.seen.set_bits >> len(scene.case.roster.member_ids):
        raise errors.VerificationFailed("the participant set has seats that the roster has not", which=scene.where)
    for member in scene.signed.participants:
        sent = scene.seen.submits.get(member)
        if sent is not None:
            examination.check_equal(
                "it names another session than the state that the round starts from",
                which=scene.of(member, "Submit"),
                expected=scene.signed.sid,
                got=sent.sid,
            )
    inputs = evidence.inputs_of(scene.signed)
    examination.check_signatures(scene, scene.seen.submits)
    scene.case.findings.passed("session_of_known_state" if scene.before is not None else "session")
    return inputs


def _check_commits(scene: examination.Scene, inputs: evidence.Inputs) -> None:
    """Check what the Commits name, their signatures, and that they came after all Submits."""
    last = max(scene.seen.submits[member].at for member in scene.signed.participants)
    expected = {"sid": scene.signed.sid, "set_digest": inputs.set_digest, "input_digest": inputs.input_digest}
    words = {"sid": "session", "set_digest": "participant set", "input_digest": "list of inputs"}
    for member, sent in scene.seen.commits.items():
        for field, value in expected.items():
            examination.check_equal(
                f"it names another {words[field]}",
                which=scene.of(member, "Commit"),
                expected=value,
                got=getattr(sent, field),
            )
        if sent.at < last:
            raise errors.VerificationFailed("it came before the last Submit", which=scene.of(member, "Commit"))
    examination.check_signatures(scene, scene.seen.commits)


def _check_certified(
    scene: examination.Scene, inputs: evidence.Inputs, commits: Mapping[int, events.Committed]
) -> tuple[examination.KnownState | None, tuple[verdict.Judged, ...]]:
    """Check everything behind a certificate; return the state that came out, as far as it can be known, and all cases."""
    headers = {
        member: input_verification.fetch_header(scene, member, digest) for member, digest in inputs.headers.items()
    }
    words, is_sized = input_verification.count_words(scene, headers)
    made = scene.case.committee(scene.at).session(scene.signed.sid, words)
    masked, is_complete = input_verification.check_inputs(scene, made, headers, inputs.cells)
    _check_reveals(scene, made, commits)
    documents = reveal_verification.check_documents(scene, made, inputs, is_sized=is_sized)
    bench = case_verification.Bench(scene, made if is_sized else None, inputs, headers)
    cases = case_verification.judge(bench, documents)
    wrong = case_verification.wrong_holders(scene, cases)
    right = {member: document for member, document in documents.items() if member not in wrong}
    reveal_verification.check_manifests(scene, right)
    is_readable = reveal_verification.check_objects(scene, made, right, inputs.numbers)
    got = reveal_verification.read(scene, made, masked, right) if is_complete and is_readable else None
    return _check_results(scene, got or reveal_verification.read_kept(scene, made, inputs.numbers)), cases


def _check_reveals(scene: examination.Scene, made: session.Session, commits: Mapping[int, events.Committed]) -> None:
    """Check that Reveals came under the certificate, from those who had committed, and open what they committed to."""
    examination.check_signatures(scene, scene.seen.reveals)
    for member, sent in scene.seen.reveals.items():
        before = {other: commit for other, commit in commits.items() if commit.at < sent.at}
        if not evidence.is_certificate(scene.signed, before):
            raise errors.VerificationFailed("it came without a certificate before it", which=scene.of(member, "Reveal"))
        examination.check_equal(
            "it names another session", which=scene.of(member, "Reveal"), expected=made.sid, got=sent.sid
        )
        opened = masks.salted_commitment(made, member, salt=sent.salt, mine=sent.mine)
        if member not in commits or opened != commits[member].masks:
            raise errors.AggregationRefused(
                "a Reveal does not open its member's Commit", reason="commitment-mismatch", member=member
            )
    if scene.seen.phase is run.Phase.UNMASKED:
        not_awaited = {*scene.seen.reveals, *scene.seen.waived, *scene.case.current.convicted}
        for member in sorted(evidence.due_reveals(scene.signed, commits) - not_awaited):
            raise errors.AggregationRefused(
                "the round was unmasked without a Reveal that was due", reason="reveal-missing", member=member
            )


def _check_results(scene: examination.Scene, got: reveal_verification.RoundSum | None) -> examination.KnownState | None:
    """Check the Results against what was computed, else against each other; return the state after the round."""
    results = scene.seen.results
    if results and scene.seen.phase is not run.Phase.UNMASKED:
        raise errors.VerificationFailed("there is a Result of a round that was not unmasked", which=scene.where)
    if got is not None and got.figures is not None:
        scene.case.findings.figures = got.figures
    known = (got.sum_digest, got.after.digest) if got is not None else None
    named = collections.Counter((sent.sum_digest, sent.state_digest) for sent in results.values())
    for member, sent in results.items():
        which = scene.of(member, "Result")
        sum_digest, state_digest = known or named.most_common(1)[0][0]
        examination.check_equal("it names another session", which=which, expected=scene.signed.sid, got=sent.sid)
        examination.check_equal("it names another sum", which=which, expected=sum_digest, got=sent.sum_digest)
        examination.check_equal("it names another state", which=which, expected=state_digest, got=sent.state_digest)
    examination.check_signatures(scene, results)
    if got is None and len(results) >= scene.case.layout.quorum:
        return examination.KnownState(named.most_common(1)[0][0][1], None)
    return got.after if got is not None else None


def _first_commit(seen: views.AttemptView) -> events.Position | None:
    commits = sorted(seen.commits.values(), key=lambda each: each.at)
    return commits[0].at if commits else None
