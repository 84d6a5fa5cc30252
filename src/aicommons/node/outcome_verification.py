"""Verifying what a run's attempts add up to: an agreed state, a model with sources and shares.

Called by ``verification`` after every attempt was checked by itself. Its one participant set is ``exit_verification``'s.
It leaves out what a model may be used for, and consents: whether they were live is the contract's record.
"""

from collections.abc import Mapping, Sequence

from aicommons.domain import documents, encoding, errors, events, ids, run
from aicommons.learning import evaluation
from aicommons.node import attempt_verification, concluding, examination, verdict

Known = Mapping[int, examination.KnownState]
"""Position -> state, as far as states are known."""


def check_sessions(outcomes: Sequence[attempt_verification.Outcome]) -> None:
    """Check that no session was used twice.

    Raises:
        errors.VerificationFailed: two attempts have one session id.
    """
    first: dict[bytes, tuple[int, int]] = {}
    for outcome in outcomes:
        other = first.setdefault(outcome.sid, outcome.at) if outcome.sid else outcome.at
        if other != outcome.at:
            raise errors.VerificationFailed(
                f"its session is that of round {other[0]} attempt {other[1]}",
                which=f"round {outcome.at[0]} attempt {outcome.at[1]}",
            )


def check_agreed(case: examination.Case, known: Known) -> None:
    """Check that a quorum named the agreed state, in Results or in the Submits of the next round.

    Raises:
        errors.VerificationFailed: it did not, or the run is over with less than its state says.
    """
    agreed, state = case.current.agreed, case.current.state
    if agreed is None:
        if state in (run.RunState.COMPLETED, run.RunState.ENDED):
            raise errors.VerificationFailed("the run is over without an agreed state", which=f"run state {state.name}")
        return
    which = f"agreed state after {agreed.rounds_done} rounds"
    votes = _votes(case, agreed)
    if votes < case.layout.quorum:
        raise errors.VerificationFailed(
            "no quorum named this session and state", which=which, expected=case.layout.quorum, got=votes
        )
    state_known = known.get(agreed.rounds_done)
    if state_known is not None:
        check_names_state(case, state_known.digest, which)
    case.findings.passed("agreed", votes)


def check_end(case: examination.Case, known: Known) -> None:
    """Check that how the run ended fits what was agreed.

    Raises:
        errors.VerificationFailed: it does not.
    """
    current, state = case.current, case.current.state
    which = f"run state {state.name}"
    if state.is_over and (state is run.RunState.COMPLETED) != (current.reason is run.Reason.FINISHED):
        raise errors.VerificationFailed(f"its reason, {current.reason.name}, is that of another end", which=which)
    if state is run.RunState.COMPLETED:
        _check_completed(case, known, which)
    if state is run.RunState.ABORTED and current.agreed is not None and current.agreed.rounds_done:
        raise errors.VerificationFailed("a state was agreed, which a run that aborts has not", which=which)
    if current.model is not None and state not in (run.RunState.COMPLETED, run.RunState.ENDED):
        raise errors.VerificationFailed("there is a model of a run that is not over", which=which)


def _check_completed(case: examination.Case, known: Known, which: str) -> None:
    agreed = case.current.agreed
    if agreed is None or not any(agreed.state_digest):
        raise errors.VerificationFailed("a run completes by a quorum of Results, and there is none", which=which)
    last = known.get(agreed.rounds_done)
    if last is None or last.value is None or case.terms is None or agreed.rounds_done == case.current.spec.rounds:
        return
    if not case.terms.recipe.is_finished(last.value):
        raise errors.VerificationFailed("it completed before its learner was finished", which=which)


def _votes(case: examination.Case, agreed: events.StateAgreed) -> int:
    """Return how many checked messages name the agreed session and state."""
    votes = 0
    for (round_index, _), seen in case.current.attempts.items():
        if not any(agreed.state_digest):
            named = [sent.sid for sent in seen.submits.values() if round_index == agreed.rounds_done]
            votes = max(votes, named.count(agreed.sid))
        elif round_index == agreed.rounds_done - 1:
            claimed = [(sent.sid, sent.state_digest) for sent in seen.results.values()]
            votes = max(votes, claimed.count((agreed.sid, agreed.state_digest)))
    return votes


def check_names_state(case: examination.Case, state_digest: bytes, which: str) -> None:
    """Check that a state is the one that was agreed: named in Results, or bound by the agreed session's id.

    Raises:
        errors.VerificationFailed: it is another.
    """
    agreed = case.current.agreed
    if agreed is None:
        raise errors.VerificationFailed("no state was agreed", which=which)
    if any(agreed.state_digest):
        examination.check_equal("another state was agreed", which=which, expected=agreed.state_digest, got=state_digest)
        return
    sids = [
        encoding.session_id(case.place, encoding.AttemptKey(case.run_id, *at), state_digest, case.committee(at).digest)
        for at in case.current.attempts
        if at[0] == agreed.rounds_done
    ]
    if agreed.sid not in sids:
        raise errors.VerificationFailed(
            "the session that a quorum named starts from another state",
            which=which,
            expected=agreed.sid.hex()[:16] + "…",
            got=[sid.hex()[:16] + "…" for sid in sids],
        )


def check_model(case: examination.Case, known: Known, problem_owner: ids.MemberId | None) -> None:
    """Check the registered model against the run: state, plan, sources, shares and card.

    Whose data is in it are all that were in an unmasked set: the attempts' sets have been checked.

    Raises:
        errors.VerificationFailed: naming the field that is another.
    """
    model, agreed = case.current.model, case.current.agreed
    if model is None:
        if case.current.shares:
            raise errors.VerificationFailed("there are shares without a model", which="registered model")
        case.findings.gap("model", verdict.Why.NOT_YET, "no model is registered (yet)")
        return
    rounds_done = agreed.rounds_done if agreed is not None else 0
    examination.check_equal(
        "it has another number of rounds", which="registered model, rounds", expected=rounds_done, got=model.rounds_done
    )
    examination.check_equal(
        "it names another plan", which="registered model, plan", expected=bytes(case.current.spec.plan), got=model.plan
    )
    if case.terms is not None:
        licence = encoding.licence_code(case.terms.terms.licence)
        examination.check_equal(
            "it names another licence than the run's terms",
            which="registered model, licence",
            expected=licence,
            got=model.licence,
        )
    state_known = known.get(rounds_done)
    if state_known is not None:
        examination.check_equal(
            "it is another state than the one agreed",
            which="registered model, state digest",
            expected=state_known.digest,
            got=model.state_digest,
        )
    check_names_state(case, model.state_digest, "registered model, state digest")
    members = frozenset(case.current.summed)
    _check_sources(case, model, members)
    case.findings.passed("model")
    _check_shares(case, members, problem_owner)
    _check_card(case, model, members)


OF_SOURCE = ("member_id", "dataset_id", "version", "consent_id")
"""What is held against the enrolments, in the order in which it is named."""


def _check_sources(case: examination.Case, model: events.ModelRegistered, members: frozenset[int]) -> None:
    """Check that the model's lineage is what the participants enrolled with."""
    expected = []
    for member in sorted(members):
        first = case.current.brought_by(member)[0]
        expected.append((ids.MemberId(member), first.dataset_id, first.version, first.consent_id))
    # When a consent was used last is the contract's own clock; a release holds it against the consent, not this run.
    for right, source in zip(expected, model.sources, strict=False):
        shown = (source.member_id, source.dataset_id, source.version, source.consent_id)
        for name, wanted, got in zip(OF_SOURCE, right, shown, strict=True):
            examination.check_equal(
                f"it is another {name} than the member enrolled with",
                which=f"registered model, source of member {right[0]}",
                expected=wanted,
                got=got,
            )
    examination.check_equal(
        "it has another number of sources than the run has participants",
        which="registered model, sources",
        expected=len(expected),
        got=len(model.sources),
    )


def _check_shares(case: examination.Case, members: frozenset[int], problem_owner: ids.MemberId | None) -> None:
    """Check that the shares are split as the RunSpec says: solver, problem owner, the rest equally but to cheats, lowest ids first."""
    shares, spec = case.current.shares, case.current.spec
    examination.check_equal("they do not add up", which="shares", expected=run.ALL_SHARES, got=sum(shares.values()))
    expected: dict[int, int] = {int(spec.solver): spec.solver_shares}
    heirs = sorted(members - case.current.excluded)
    rest, left_over = divmod(run.ALL_SHARES - spec.solver_shares - spec.owner_shares, max(1, len(heirs)))
    for place, member in enumerate(heirs):
        expected[member] = expected.get(member, 0) + rest + (1 if place < left_over else 0)
    owner = problem_owner if problem_owner is not None else _owner(shares, expected)
    if owner is not None:
        expected[owner] = expected.get(owner, 0) + spec.owner_shares
    for member in sorted(expected.keys() | shares.keys()):
        examination.check_equal(
            "it is not what the run's terms say",
            which=f"shares of member {member}",
            expected=expected.get(member, 0),
            got=shares.get(member, 0),
        )
    case.findings.passed("shares", run.ALL_SHARES)
    if problem_owner is None and spec.owner_shares:
        words = f"whether member {owner}, who holds the problem owner's shares, stated the problem"
        case.findings.gap("shares", verdict.Why.NOT_GIVEN, words)


def _owner(shares: Mapping[int, int], expected: Mapping[int, int]) -> int | None:
    """Return who holds more than expected: that must be the problem owner, whom the run's own record does not name."""
    more = [member for member, held in shares.items() if held > expected.get(member, 0)]
    return more[0] if more else None


def _check_card(case: examination.Case, model: events.ModelRegistered, members: frozenset[int]) -> None:
    """Check what the model's card says of the run; its words on use are its author's."""
    with examination.naming("model card"):
        raw = case.blobs.get("model card", model.card, encoding.MAX_DOCUMENT)
        if raw is None:  # only the registry names this digest: a changed one cannot be told from a lost card
            raise errors.BlobNotFound(
                "the store does not have the card that the registry names",
                expected=model.card.hex()[:16] + "…",
                got="nothing",
            )
        card = documents.ModelCard.decode(raw)
    right: dict[str, object] = {
        "run": ids.format_id(case.run_id),
        "rounds": model.rounds_done,
        "participants": len(members),
    }
    if case.terms is not None:
        right |= {"title": case.terms.plan.title, "privacy": case.terms.terms.privacy}
    for field, expected in right.items():
        examination.check_equal(
            "it says another thing than the run",
            which=f"model card, {field}",
            expected=expected,
            got=getattr(card, field),
        )
    case.findings.passed("card")
    is_complete = case.findings.count("sums") + case.findings.count("kept_sums") == case.findings.rounds
    if case.findings.figures is not None and is_complete:
        _check_figures(card, case.findings.figures)
        case.findings.passed("figures")


def _check_figures(card: documents.ModelCard, figures: evaluation.Metrics) -> None:
    computed = concluding.in_words(figures)
    for name in sorted(computed.keys() | card.metrics.keys()):
        examination.check_equal(
            "it is not the figure of the agreed sums",
            which=f"model card, {name}",
            expected=computed.get(name),
            got=card.metrics.get(name),
        )
