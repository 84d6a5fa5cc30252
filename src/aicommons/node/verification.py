"""``run verify``: is a run's record what its members signed, and does the model follow from it? From ledger and store alone.

Called by the command line and the demo in a fresh process, and by tests; it needs no journal and no node. Everything
is computed again: ids, rosters, sessions, certificates, commitments, and with a reader's key every sum and every state
(secure-aggregation section 4, Readers). It never stops at bad evidence with a traceback: it reports the first thing that
does not match. Fetching the ledger's events is the caller's.
"""

import dataclasses
from collections.abc import Mapping

from aicommons.domain import encoding, errors, events, ids, messages, run
from aicommons.learning import evaluation, state
from aicommons.learning.secagg import epoch as epochs
from aicommons.learning.secagg import group, suite
from aicommons.node import agent as agents
from aicommons.node import (
    attempt_verification,
    conviction_verification,
    evidence,
    examination,
    exit_verification,
    outcome_verification,
    verdict,
)
from aicommons.protocol import ports
from aicommons.protocol import view as views

VerifyingReader = examination.VerifyingReader
Eyes = examination.Eyes
BLIND = Eyes()


@dataclasses.dataclass(frozen=True, slots=True)
class Paper:
    """A document that a registry names and that tells what a run was for, with which data and by whom."""

    kind: str
    """One of ``verdict.PAPERS``."""
    member_id: int
    """Whose it is."""
    digest: bytes
    """SHA-256, as the registry says."""


@dataclasses.dataclass(frozen=True, slots=True)
class Beside:
    """What the registries beside a run say of it."""

    problem_owner: ids.MemberId | None = None
    """Who stated the problem, to check its shares by name; the run's own record does not say."""
    papers: tuple[Paper, ...] = ()
    consents_over: Mapping[bytes, bool | None] = dataclasses.field(default_factory=dict)
    """Consent -> whether it was over when its seat was dropped, ``None`` where the registries cannot tell any more."""


NOTHING_BESIDE = Beside()


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What came out of a verification."""

    level: verdict.Level
    """How far everything holds."""
    checked: tuple[verdict.Checked, ...]
    """What holds; up to the problem if there is one."""
    unchecked: tuple[verdict.Unchecked, ...]
    """What could not be checked and why."""
    problem: str | None
    """The first thing that does not match: record, round, attempt, member, expected and got."""
    rounds: int
    """Unmasked rounds that were checked."""
    metrics: evaluation.Metrics | None = None
    """Figures of the newest judged state over all sites; ``None`` where the sums were not opened."""
    agreed: state.State | None = None
    """The agreed state, computed again; ``None`` where the sums were not opened."""
    consented: tuple[verdict.Consented, ...] = ()
    """What each participant's headers say of the people whose rows it used."""
    cases: tuple[verdict.Judged, ...] = ()
    """Accusations between seats, judged again."""
    convictions: tuple[verdict.Conviction, ...] = ()
    """What each conviction rests on."""

    @property
    def holds(self) -> bool:
        """Whether everything that could be checked holds, and at least one round was unmasked."""
        return self.level is not verdict.Level.NONE

    @property
    def verified(self) -> bool:
        """Whether everything was checked and holds, down to every sum and every state."""
        return self.level is verdict.Level.SUMS

    @property
    def meaning(self) -> str:
        """What this proves, and what it does not."""
        return verdict.meaning(self.level, self.unchecked)


def verify(
    current: views.RunView,
    run_id: ids.RunId,
    store: ports.Store,
    place: encoding.Place,
    *,
    eyes: Eyes = BLIND,
    beside: Beside = NOTHING_BESIDE,
) -> Report:
    """Return whether a run's record holds, from its first term to its model.

    Args:
        current: the run as the ledger shows it.
        run_id: which run was asked for.
        store: where its blobs are; not trusted.
        place: chain and contract that its signatures are for.
        eyes: what sees the sums; without any they stay unchecked.
        beside: what the registries say; what they do not say stays unchecked.

    Raises:
        errors.InputError: the reader is not one of this run, or its key is another.
        errors.StoreUnreachable: the store does not answer.
    """
    findings = examination.Findings()
    problem = None
    try:
        _examine(_Asked(current, run_id, place, eyes, beside), examination.Blobs(store, findings), findings)
    except errors.VerificationFailed as err:
        problem = str(err)
    return Report(
        level=findings.level() if problem is None else verdict.Level.NONE,
        checked=findings.checked(),
        unchecked=findings.unchecked(),
        problem=problem,
        rounds=findings.rounds,
        metrics=findings.figures,
        agreed=findings.agreed,
        consented=findings.consented(),
        cases=tuple(findings.cases),
        convictions=tuple(findings.convictions),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    """What ``verify`` was asked."""

    current: views.RunView
    run_id: ids.RunId
    place: encoding.Place
    eyes: Eyes
    beside: Beside


def _examine(asked: _Asked, blobs: examination.Blobs, findings: examination.Findings) -> None:
    """Check everything in the order in which it happened."""
    current = asked.current
    _check_spec(asked)
    terms = _check_documents(current, blobs)
    findings.passed("terms", int(terms is not None))
    if current.roster is None or not current.attempts:
        findings.gap("rounds", verdict.Why.NOT_YET, "no round has begun: there is nothing to verify yet")
        return
    keys = _fetch_keys(asked, blobs)
    if keys is None:
        words = (
            "the keys that the Acks of this hybrid run name are not in the store (any more): no round can be checked"
        )
        findings.gap("ack", verdict.Why.NOT_IN_STORE, words)
        return
    committees = _check_roster(asked, current.roster, lambda digest, _: keys[digest])
    findings.passed("roster", len(current.roster.member_ids))
    findings.passed("ack", sum(len(each.points) for each in committees.values()))
    with examination.naming("cells"):
        drawn = agents.cells_of(asked.run_id, current, lambda: committees[0])
    case = examination.Case(
        asked.run_id, current, asked.place, current.roster, committees, terms, asked.eyes, blobs, findings, drawn
    )
    _check_reader(case)
    _check_sequence(current)
    outcomes, known = _check_rounds(case)
    outcome_verification.check_sessions(outcomes)
    exit_verification.check_exits(case, outcomes, asked.beside.consents_over)
    conviction_verification.check_convictions(case, outcomes)
    conviction_verification.check_waivers(case)
    exit_verification.check_set(case, outcomes)
    outcome_verification.check_agreed(case, known)
    if current.agreed is not None and current.agreed.rounds_done in known:
        findings.agreed = known[current.agreed.rounds_done].value
    outcome_verification.check_end(case, known)
    outcome_verification.check_model(case, known, asked.beside.problem_owner)
    _check_papers(asked.beside.papers, blobs, findings)
    if not current.state.is_over:
        findings.gap("rounds", verdict.Why.NOT_YET, "the run is still under way: this is its record so far")


def _check_spec(asked: _Asked) -> None:
    """Check that the terms hash to the run's id."""
    spec = asked.current.spec
    examination.check_equal(
        "the terms do not hash to the run's id", which="RunSpec", expected=asked.run_id, got=encoding.run_id(spec)
    )
    if not 1 <= spec.suite <= suite.HYBRID + max(suite.Suite):
        raise errors.VerificationFailed(
            "there is no such suite", which="RunSpec, suite", expected="1 to 8", got=spec.suite
        )


def _check_documents(current: views.RunView, blobs: examination.Blobs) -> agents.RunDocuments | None:
    """Return the plan and terms that the RunSpec names; ``None`` when one of them is gone."""
    spec = current.spec
    with examination.naming("plan document"):
        plan = blobs.get("plan document", spec.plan, encoding.MAX_DOCUMENT)
    with examination.naming("terms document"):
        terms = blobs.get("terms document", spec.terms, encoding.MAX_DOCUMENT)
    if plan is None or terms is None:
        return None
    with examination.naming("plan or terms document"):
        decoded = agents.decode_terms(plan, terms, spec)
    examination.check_equal(
        "the suite has another word width than the plan needs",
        which="RunSpec, suite",
        expected=decoded.recipe.word_bits,
        got=suite.Suite.of_number(spec.suite).word_bits,
    )
    return decoded


def _check_papers(papers: tuple[Paper, ...], blobs: examination.Blobs, findings: examination.Findings) -> None:
    """Check that the documents that the registries name are those in the store."""
    for paper in papers:
        with examination.naming(f"{paper.kind} of member {paper.member_id}"):
            found = blobs.get(paper.kind, paper.digest, encoding.MAX_DOCUMENT)
        findings.passed("papers", int(found is not None))


def _fetch_keys(asked: _Asked, blobs: examination.Blobs) -> dict[bytes, bytes] | None:
    """Return the keys that the Acks of a hybrid run name, by their digests; ``None`` where one is gone, nothing of other runs."""
    current, roster = asked.current, asked.current.roster
    if not suite.is_hybrid(current.spec.suite) or roster is None:
        return {}
    limit = epochs.public_bytes(len(roster.member_ids))
    acks = [ack for epoch in {0, *_epochs(current)} for ack in current.acks_of(epoch).values()]
    with examination.naming("keys of an Ack"):
        found = {ack.point: blobs.get("keys of an Ack", ack.point, limit) for ack in acks}
    kept = {digest: raw for digest, raw in found.items() if raw is not None}
    return kept if len(kept) == len(found) else None


def _check_roster(asked: _Asked, roster: events.RosterFixed, fetch: agents.FetchKeys) -> dict[int, agents.Committee]:
    """Check the roster against enrolments, its digest and layout, and every member's Acks; return epoch -> committee."""
    current, members = asked.current, roster.member_ids
    if len(members) != len(roster.node_keys) or list(members) != sorted(set(members)):
        raise errors.VerificationFailed("its members are not ascending, each with a key", which="roster")
    examination.check_equal(
        "its digest is another than that of its members and keys",
        which="roster",
        expected=roster.roster,
        got=encoding.roster_digest(asked.run_id, members, roster.node_keys),
    )
    examination.check_equal(
        "it is not who enrolled", which="roster, members", expected=_seated(current, roster), got=list(members)
    )
    for member, key in zip(members, roster.node_keys, strict=True):
        examination.check_equal(
            "it is not the key that the member enrolled with",
            which=f"roster, key of member {member}",
            expected=bytes(current.enrolled[member].node_key),
            got=bytes(key),
        )
        _check_absence(asked, roster, member)
    committees = {epoch: _committee(asked, roster, epoch, fetch) for epoch in sorted({0, *_epochs(current)})}
    layout = committees[0].layout
    examination.check_equal(
        "layout, faults and quorum are not those of its size",
        which="roster",
        expected=(layout.number, layout.faults, layout.quorum),
        got=(roster.layout, roster.faults, roster.quorum),
    )
    return committees


def _epochs(current: views.RunView) -> set[int]:
    """Return the epochs that a round was opened in."""
    return {attempt.epoch for attempt in current.attempts.values()}


def _committee(asked: _Asked, roster: events.RosterFixed, epoch: int, fetch: agents.FetchKeys) -> agents.Committee:
    with examination.naming("Ack"):
        for member, ack in asked.current.acks_of(epoch).items():
            examination.check_equal(
                "it names another roster", which=f"Ack of member {member}", expected=roster.roster, got=ack.roster
            )
        keys = agents.keys_of(asked.run_id, asked.current, roster, asked.place, epoch=epoch, fetch=fetch)
    with examination.naming("roster"):
        return agents.make_committee(asked.run_id, asked.current.spec, roster, keys, epoch=epoch)


def _seated(current: views.RunView, roster: events.RosterFixed) -> list[int]:
    """Return who enrolled and was not dropped before the roster was fixed, ascending."""
    before = roster.at
    gone = {member for member, each in current.dropped.items() if each.at < before}
    return sorted(current.enrolled.keys() - gone)


def _check_absence(asked: _Asked, roster: events.RosterFixed, member: int) -> None:
    """Check that a member which lets the run go on without it has signed that in advance."""
    enrolled = asked.current.enrolled[member]
    left = messages.Exit(asked.run_id, ids.MemberId(member), messages.ANY_ROUND)
    is_signed = evidence.is_signed(asked.place, roster, left, enrolled.exit_signature)
    if enrolled.absence is run.Absence.EXIT and not is_signed:
        raise errors.VerificationFailed(
            "its exit in advance is not signed by its key", which=f"enrolment of member {member}"
        )


def _check_reader(case: examination.Case) -> None:
    """Check that the given key belongs to a reader of the run; say what stays unchecked without one.

    Raises:
        errors.InputError: it does not.
    """
    reader = case.eyes.reader
    if reader is None:
        what = "whether the kept sums are those of the masked vectors" if case.eyes.kept else "the sums and states"
        words = f"{what}: they are sealed to the run's readers, who verify with `--from-home reader`"
        case.findings.gap("sums", verdict.Why.NO_READER_KEY, words)
        return
    if case.terms is None:
        return
    acked = [pair for each in case.committees.values() for pair in zip(each.member_ids, each.points, strict=True)]
    seats = {member_id for member_id, _ in acked}
    others = [(other.member_id, other.point) for other in case.terms.terms.readers if other.member_id not in seats]
    points = [point for member_id, point in [*others, *acked] if member_id == reader.member_id]
    if not points:
        known = sorted({member_id for member_id, _ in [*others, *acked]})
        raise errors.InputError(
            "not a reader of this run", which=f"member {reader.member_id}", expected=f"one of {known}"
        )
    if not group.is_scalar(reader.secret) or group.multiply_base(reader.secret) not in points:
        raise errors.InputError("the key is not that of this reader", which=f"member {reader.member_id}")


def _check_sequence(current: views.RunView) -> None:
    """Check that rounds and attempts follow each other, and that a round was unmasked before the next began."""
    previous = None
    for place in sorted(current.attempts):
        expected = [(0, 0)] if previous is None else [(previous[0], previous[1] + 1), (previous[0] + 1, 0)]
        if place not in expected:
            raise errors.VerificationFailed(
                "a round or attempt is missing before it", which=f"round {place[0]} attempt {place[1]}"
            )
        if previous is not None:
            was_unmasked = current.attempts[previous].phase is run.Phase.UNMASKED
            if was_unmasked != (place[0] > previous[0]):
                raise errors.VerificationFailed(
                    "the round before was not unmasked" if place[0] > previous[0] else "the round was unmasked before",
                    which=f"round {place[0]} attempt {place[1]}",
                )
        previous = place


def _check_rounds(
    case: examination.Case,
) -> tuple[list[attempt_verification.Outcome], dict[int, examination.KnownState]]:
    """Check every attempt; return what they led to, and the states that are known by position."""
    outcomes, known = [], {}
    if case.terms is not None:
        first = agents.first_state(case.run_id, case.terms.recipe)
        known[0] = examination.KnownState(first.digest, case.terms.recipe.initial())
    for place in sorted(case.current.attempts):
        outcome = attempt_verification.check_attempt(case, place, known.get(place[0]))
        outcomes.append(outcome)
        case.findings.rounds += int(outcome.is_unmasked)
        if outcome.after is not None:
            known[place[0] + 1] = outcome.after
    if case.eyes.reader is not None:
        _note_unread(case, outcomes)
    return outcomes, known


def _note_unread(case: examination.Case, outcomes: list[attempt_verification.Outcome]) -> None:
    """Say from which round on a reader could not read: what follows starts from a state that is not known then."""
    unread = [
        outcome.at[0]
        for outcome in outcomes
        if outcome.is_unmasked and (outcome.after is None or outcome.after.value is None)
    ]
    if unread:
        words = f"the sums and states from round {min(unread)} on: the store has not every byte of it any more"
        case.findings.gap("sums", verdict.Why.NOT_IN_STORE, words)
