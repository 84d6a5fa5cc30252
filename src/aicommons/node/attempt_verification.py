"""Verifying one attempt at a round: every signature and order, every byte that is still there, and, with a reader's key,
the sum and the state that came out of it.

Called by ``verification`` for every attempt in turn. The checks are those that a node makes before it commits, reveals
and reads (secure-aggregation sections 2 and 4), over the same functions; what is checked only here is that they were
made in time: no Reveal before the certificate. What an attempt means for the run is ``outcome_verification``'s.
"""

import collections
import dataclasses
from collections.abc import Iterator, Mapping

from aicommons.domain import encoding, errors, events, run
from aicommons.learning import blocks, evaluation, state
from aicommons.learning.secagg import boxes, checking, group, header, layout, masks, reading, reveal, session, suite
from aicommons.node import agent as agents
from aicommons.node import combining, contributing, evidence, examination
from aicommons.protocol import view as views

MOST_REVEAL = 2**26
"""Longest Reveal document, in bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class KnownState:
    """The state that a round starts from, as far as it is known."""

    digest: bytes
    value: state.State | None
    """``None`` when only its digest is known: nobody opened the sums."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt led to."""

    at: views.AttemptPlace
    sid: bytes
    """Session of its participants; empty when it got no participant set."""
    participants: tuple[int, ...] = ()
    committed_at: events.Position | None = None
    """Where its first Commit stands."""
    is_unmasked: bool = False
    after: KnownState | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class _Scene:
    """One attempt under examination."""

    case: examination.Case
    at: views.AttemptPlace
    seen: views.AttemptView
    signed: evidence.Evidence
    before: KnownState | None

    @property
    def where(self) -> str:
        """Name of the attempt in messages."""
        return f"round {self.at[0]} attempt {self.at[1]}"

    def of(self, member: int, record: str) -> str:
        """Return the name of a member's record in messages."""
        return f"{self.where}, {record} of member {member}"

    def get(self, kind: str, digest: bytes, limit: int) -> bytes | None:
        """Return a blob of this round, see ``Blobs.get``."""
        return self.case.blobs.get(kind, digest, limit, self.at[0])


def check_attempt(case: examination.Case, at: views.AttemptPlace, before: KnownState | None) -> Outcome:
    """Return what the attempt at ``at`` led to, after checking all of it.

    Args:
        case: the run.
        at: which attempt.
        before: the state that the round starts from, if anything is known of it.

    Raises:
        errors.VerificationFailed: the first thing that does not match.
    """
    seen = case.current.attempts[at]
    sid = _session_id(case, at, seen, before)
    signed = evidence.Evidence(case.place, case.roster, case.committee.layout, sid, seen)
    scene = _Scene(case, at, seen, signed, before)
    with examination.naming(scene.where):
        if seen.phase < run.Phase.SUBMITTED:
            _check_unfinished(scene)
            return Outcome(at, b"")
        inputs = _check_submits(scene)
        _check_commits(scene, inputs)
        outcome = Outcome(at, sid, signed.participants, _first_commit(seen))
        if seen.phase < run.Phase.FIXED:
            _check_given_up(scene)
            return outcome
        commits = evidence.certified(signed, inputs)
        case.findings.passed("certificate")
        after = _check_certified(scene, inputs, commits)
        return dataclasses.replace(outcome, is_unmasked=seen.phase is run.Phase.UNMASKED, after=after)


def _session_id(
    case: examination.Case, at: views.AttemptPlace, seen: views.AttemptView, before: KnownState | None
) -> bytes:
    """Return the session that the state gives; where no state is known, the one that most participants name."""
    if before is not None:
        key = encoding.AttemptKey(case.run_id, *at)
        return encoding.session_id(case.place, key, before.digest, case.committee.digest)
    members = evidence.participants_of(case.roster, seen)
    named = collections.Counter(seen.submits[member].sid for member in members if member in seen.submits)
    return named.most_common(1)[0][0] if named else b""


def _check_unfinished(scene: _Scene) -> None:
    """Check an attempt whose Submits never closed: nothing but signed Submits."""
    for member, sent in (*scene.seen.commits.items(), *scene.seen.reveals.items(), *scene.seen.results.items()):
        record = type(evidence.signed_part(sent)).__name__
        raise errors.VerificationFailed("it came before the participant set was fixed", which=scene.of(member, record))
    _check_signatures(scene, scene.seen.submits)


def _check_given_up(scene: _Scene) -> None:
    """Check an attempt without a certificate: nothing was revealed, so its bytes were never used."""
    for member in (*scene.seen.reveals, *scene.seen.results):
        raise errors.VerificationFailed("something was revealed without a certificate", which=scene.of(member, "Reveal"))
    stopped = scene.seen.stopped
    why = "without a certificate"
    if stopped is not None:
        reason = stopped.reason.rstrip(b"\0").decode("ascii", "replace")
        why = f"when member {stopped.member_id} refused the input of member {stopped.accused_id} ({reason})"
    scene.case.findings.gap(f"{scene.where} ended {why}; nothing was revealed, its vectors were not looked at")


def _check_signatures(scene: _Scene, sent_by: Mapping[int, evidence.Message]) -> None:
    for member, sent in sent_by.items():
        record = type(evidence.signed_part(sent)).__name__
        if not scene.signed.is_signed(member, sent):
            raise errors.AggregationRefused(
                f"a {record} is not signed by its member's key", reason=f"{record.lower()}-signature", member=member
            )
        scene.case.findings.passed(record)


def _check_submits(scene: _Scene) -> evidence.Inputs:
    """Check that the participants name one session, and that it is the one which the state gives."""
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
    _check_signatures(scene, scene.seen.submits)
    scene.case.findings.passed("session of a known state" if scene.before is not None else "session")
    return inputs


def _check_commits(scene: _Scene, inputs: evidence.Inputs) -> None:
    """Check what the Commits name, their signatures, and that they came after all Submits."""
    last = max(_order(scene.seen.submits[member]) for member in scene.signed.participants)
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
        if _order(sent) < last:
            raise errors.VerificationFailed("it came before the last Submit", which=scene.of(member, "Commit"))
    _check_signatures(scene, scene.seen.commits)


def _check_certified(
    scene: _Scene, inputs: evidence.Inputs, commits: Mapping[int, events.Committed]
) -> KnownState | None:
    """Check everything behind a certificate; return the state that came out, as far as it can be known."""
    headers = {member: _fetch_header(scene, member, digest) for member, digest in inputs.headers.items()}
    words, is_sized = _words(scene, headers)
    made = scene.case.committee.session(scene.signed.sid, words)
    masked, is_complete = _check_inputs(scene, made, headers)
    _check_reveals(scene, made, commits)
    got = None
    if is_sized:
        documents = _check_documents(scene, made, inputs)
        is_readable = _check_objects(scene, made, documents)
        if is_complete and is_readable:
            got = _read(scene, made, masked, documents)
    return _check_results(scene, got)


def _fetch_header(scene: _Scene, member: int, digest: bytes) -> bytes | None:
    with examination.naming(scene.of(member, "header")):
        return scene.get("header", digest, contributing.MOST_HEADER)


def _words(scene: _Scene, headers: Mapping[int, bytes | None]) -> tuple[int, bool]:
    """Return how many words the vectors have, and whether that is known.

    The state says it; without it the headers do, and the odd one out is refused later. Without any header no bytes are
    looked at, and the smallest allowed number stands in.
    """
    terms, before = scene.case.terms, scene.before
    if terms is not None and before is not None and before.value is not None:
        if terms.recipe.is_finished(before.value):
            raise errors.VerificationFailed("there is a round after the learner had finished", which=scene.where)
        return blocks.words(terms.recipe.blocks(before.value)), True
    claimed = collections.Counter(int.from_bytes(raw[8:16], "little") for raw in headers.values() if raw is not None)
    if claimed:
        return claimed.most_common(1)[0][0], True
    is_short = layout.is_allowed(scene.case.committee.layout, 1)
    return (1 if is_short else layout.PAIRS_BELOW_EIGHT_WORDS + 1), False


def _check_inputs(
    scene: _Scene, made: session.Session, headers: Mapping[int, bytes | None]
) -> tuple[suite.Words, bool]:
    """Check every header and masked vector; return the vectors' ring sum and whether none is missing."""
    summed: list[int] = []

    def vectors() -> Iterator[bytes]:
        for member, raw in headers.items():
            if raw is None:
                continue
            located = header.parse(raw, made, member).commitment.blob_digest
            with examination.naming(scene.of(member, "masked vector")):
                masked = scene.get("masked vector", located, made.blob_bytes)
            if masked is None:
                _check_proof(made, member, raw)
            else:
                checking.check_public(made, member, raw, masked)
                summed.append(member)
                yield masked
            scene.case.findings.passed("header")

    total = reading.ring_sum(made, vectors(), ())
    scene.case.findings.passed("masked vector", len(summed))
    return total, len(summed) == len(headers)


def _check_proof(made: session.Session, member: int, raw: bytes) -> None:
    """Check a header whose vector is erased."""
    parsed = header.parse(raw, made, member)
    if not group.verify(parsed.public_digest, parsed.commitment.ephemeral, parsed.proof):
        raise errors.AggregationRefused(
            "the header proves no knowledge of its one-time key", reason="proof-invalid", member=member
        )


def _check_reveals(scene: _Scene, made: session.Session, commits: Mapping[int, events.Committed]) -> None:
    """Check that Reveals came under the certificate, from those who had committed, and open what they committed to."""
    _check_signatures(scene, scene.seen.reveals)
    for member, sent in scene.seen.reveals.items():
        before = {other: commit for other, commit in commits.items() if _order(commit) < _order(sent)}
        if scene.seen.stopped is not None or not evidence.is_certificate(scene.signed, before):
            raise errors.VerificationFailed("it came without a certificate before it", which=scene.of(member, "Reveal"))
        examination.check_equal("it names another session", which=scene.of(member, "Reveal"), expected=made.sid, got=sent.sid)
        opened = masks.salted_commitment(made, member, salt=sent.salt, mine=sent.mine)
        if member not in commits or opened != commits[member].masks:
            raise errors.AggregationRefused(
                "a Reveal does not open its member's Commit", reason="commitment-mismatch", member=member
            )
    if scene.seen.phase is run.Phase.UNMASKED:
        for member in sorted(evidence.due_reveals(scene.signed, commits) - set(scene.seen.reveals)):
            raise errors.AggregationRefused(
                "the round was unmasked without a Reveal that was due", reason="reveal-missing", member=member
            )


def _check_documents(
    scene: _Scene, made: session.Session, inputs: evidence.Inputs
) -> dict[int, reveal.Document]:
    """Return the Reveals' documents that are still there, checked, equal in every mask sum that two of them list."""
    documents: dict[int, reveal.Document] = {}
    terms = scene.case.terms
    if terms is None:
        return documents
    readers = len({*made.member_ids, *(reader.member_id for reader in terms.terms.readers)})
    for member, sent in scene.seen.reveals.items():
        with examination.naming(scene.of(member, "mask-sum document")):
            raw = scene.get("mask-sum document", sent.document, MOST_REVEAL)
            if raw is None:
                continue
            claim = reveal.Claim(scene.seen.commits[member].masks, sent.salt, sent.mine, sent.document)
            documents[member] = reveal.check_reveal(
                made, member, raw, claim, readers=readers, input_digest=inputs.input_digest
            )
    scene.case.findings.passed("document", len(documents))
    _check_manifests(scene, documents)
    return documents


def _check_manifests(scene: _Scene, documents: Mapping[int, reveal.Document]) -> None:
    first: dict[int, tuple[int, bytes]] = {}
    for member, document in documents.items():
        for row in document.rows:
            other, manifest = first.setdefault(row.column, (member, row.manifest))
            examination.check_equal(
                f"its mask sum of column {row.column} is another than that of member {other}",
                which=scene.of(member, "mask-sum document"),
                expected=manifest,
                got=row.manifest,
            )


def _check_objects(scene: _Scene, made: session.Session, documents: Mapping[int, reveal.Document]) -> bool:
    """Check every sealed mask sum that is still there; return whether every column has one."""
    there: set[int] = set()
    known: dict[bytes, bool] = {}
    for member, document in documents.items():
        for row in document.rows:
            if row.object_digest not in known:
                with examination.naming(scene.of(member, f"sealed mask sum of column {row.column}")):
                    known[row.object_digest] = _check_object(scene, made, row.object_digest)
            if known[row.object_digest]:
                there.add(row.column)
    scene.case.findings.passed("object", sum(known.values()))
    return len(there) == len(made.layout.columns)


def _check_object(scene: _Scene, made: session.Session, digest: bytes) -> bool:
    sealed = scene.get("sealed mask sum", digest, made.blob_bytes + boxes.TAG_BYTES)
    if sealed is not None and len(sealed) != made.blob_bytes + boxes.TAG_BYTES:
        raise errors.DecodeError(
            "a sealed mask sum has another length", expected=made.blob_bytes + boxes.TAG_BYTES, got=len(sealed)
        )
    return sealed is not None


@dataclasses.dataclass(frozen=True, slots=True)
class _Read:
    """What a reader computes from a round."""

    sum_digest: bytes
    after: KnownState
    figures: evaluation.Metrics | None


class _Objects(collections.abc.Mapping[bytes, bytes]):
    """Sealed mask sums, fetched when asked for: one is in memory at a time."""

    def __init__(self, scene: _Scene, documents: Mapping[int, reveal.Document], limit: int) -> None:
        self._scene = scene
        self._names = frozenset(row.object_digest for document in documents.values() for row in document.rows)
        self._limit = limit

    def __getitem__(self, name: bytes) -> bytes:
        data = self._scene.get("sealed mask sum", name, self._limit) if name in self._names else None
        if data is None:
            raise KeyError(name)
        return data

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _read(
    scene: _Scene, made: session.Session, masked: suite.Words, documents: Mapping[int, reveal.Document]
) -> _Read | None:
    """Return the round's sum and next state with a reader's key; ``None`` without one or without the state before."""
    reader, terms, before = scene.case.reader, scene.case.terms, scene.before
    unmasked = scene.seen.phase is run.Phase.UNMASKED
    if reader is None or terms is None or before is None or before.value is None or not unmasked:
        return None
    others: dict[int, bytes] = {other.member_id: other.point for other in terms.terms.readers}
    readers = reveal.make_readers(made, others)
    own = [other.member_id for other in readers].index(reader.member_id)
    columns = reading.open_columns(
        made,
        documents,
        _Objects(scene, documents, made.blob_bytes + boxes.TAG_BYTES),
        eyes=reading.Eyes(own, readers[own], reader.secret),
    )
    got = reading.read(made, [masked], columns)
    key = encoding.AttemptKey(scene.case.run_id, *scene.at)
    declared = terms.recipe.blocks(before.value)
    attempt = agents.Attempt(key, made, scene.case.roster, terms, before.value, declared, readers, scene.seen)
    sums = combining.sums_of(attempt, got.words)
    after = combining.advance_state(attempt, got.words)
    scene.case.findings.passed("sum")
    digest = reading.state_digest(made.sid, got.salt, state.encode(after))
    return _Read(got.sum_digest, KnownState(digest, after), terms.recipe.metrics(before.value, sums))


def _check_results(scene: _Scene, got: _Read | None) -> KnownState | None:
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
    _check_signatures(scene, results)
    if got is None and len(results) >= scene.case.committee.layout.quorum:
        return KnownState(named.most_common(1)[0][0][1], None)
    return got.after if got is not None else None


def _first_commit(seen: views.AttemptView) -> events.Position | None:
    commits = sorted(seen.commits.values(), key=_order)
    return commits[0].at if commits else None


def _order(sent: events.Event) -> tuple[int, int]:
    return sent.at.block, sent.at.index
