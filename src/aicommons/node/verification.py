"""``run verify``: is a run's record what its members signed, and does the model follow from it? From ledger and store alone.

Called by the command line and the demo in a fresh process, and by tests; it needs no journal and no node. Everything
is computed again: ids, rosters, sessions, certificates, commitments, and with a reader's key every sum and every state
(secure-aggregation section 4, Readers). It never stops at bad evidence with a traceback: it reports the first thing that
does not match. Fetching the ledger's events is the caller's.
"""

import dataclasses
from collections.abc import Mapping

from aicommons.domain import encoding, errors, events, ids, run
from aicommons.learning import evaluation
from aicommons.learning.secagg import group, suite
from aicommons.node import agent as agents
from aicommons.node import attempt_verification, examination, outcome_verification
from aicommons.protocol import ports
from aicommons.protocol import view as views

VerifyingReader = examination.VerifyingReader

MEANING = (
    "This proves the arithmetic and the agreement: who signed what, over which inputs, and that the result follows from "
    "them. It does not prove that inputs were honest."
)

SENTENCES: Mapping[str, str] = {
    "terms": "the run's id is the hash of its terms, and plan and purpose are those that the terms name",
    "roster": "the roster's digest, keys and layout, computed again: {count} members",
    "Ack": "{count} Acks: signature and proof of the key",
    "session of a known state": "{count} sessions start from exactly the state before",
    "session": "{count} sessions: all participants start from the same state",
    "Submit": "{count} Submits: signature",
    "Commit": "{count} Commits: signature, participant set and inputs",
    "certificate": "{count} certificates: a quorum of Commits, one in every column, before anything was revealed",
    "header": "{count} headers: digest, exact layout and proof of the one-time key",
    "masked vector": "{count} masked vectors: digest and the root in their header",
    "Reveal": "{count} Reveals: signature and opened commitment",
    "document": "{count} mask-sum documents: digest, commitment, equal among the holders of a column",
    "object": "{count} sealed mask sums: digest and length",
    "Result": "{count} Results: signature, one sum and one state",
    "set": "one participant set in the whole run: {count} members, fewer only by signed exits",
    "sum": "{count} sums opened, and the states after them computed again",
    "agreed": "the agreed state: {count} members named it",
    "model": "the registered model: the agreed state, the plan, and what each participant enrolled with",
    "shares": "{count} shares, split as the run's terms say",
    "card": "the model's card: run, rounds, participants",
    "figures": "the card's figures: those of the sums",
}
"""What counted as checked -> how it is told; in the order in which it is told."""


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What came out of a verification."""

    verified: bool
    """Everything that could be checked holds, and at least one round was unmasked."""
    checked: tuple[str, ...]
    """In plain words with counts; up to the problem if there is one."""
    unchecked: tuple[str, ...]
    """What could not be checked and why, in plain words."""
    problem: str | None
    """The first thing that does not match: record, round, attempt, member, expected and got."""
    meaning: str
    """What the proof means, and what it does not."""
    rounds: int
    """Unmasked rounds that were checked."""
    metrics: evaluation.Metrics | None = None
    """Figures of the newest judged state over all sites; ``None`` without a reader's key."""


def verify(
    current: views.RunView,
    run_id: ids.RunId,
    store: ports.Store,
    place: encoding.Place,
    *,
    reader: VerifyingReader | None = None,
    problem_owner: ids.MemberId | None = None,
) -> Report:
    """Return whether a run's record holds, from its first term to its model.

    Args:
        current: the run as the ledger shows it.
        run_id: which run was asked for.
        store: where its blobs are; not trusted.
        place: chain and contract that its signatures are for.
        reader: opens the sums; without one they stay unchecked.
        problem_owner: who stated the problem, to check its shares by name; the run's own record does not say.

    Raises:
        errors.InputError: ``reader`` is not a reader of this run, or its key is another.
        errors.StoreUnreachable: the store does not answer.
    """
    findings = examination.Findings()
    problem = None
    try:
        _examine(current, run_id, examination.Blobs(store, findings), place, reader, problem_owner, findings)
    except errors.VerificationFailed as err:
        problem = str(err)
    rounds = findings.count("round")
    return Report(
        verified=problem is None and rounds > 0,
        checked=tuple(text.format(count=findings.count(kind)) for kind, text in SENTENCES.items() if findings.count(kind)),
        unchecked=findings.gaps(),
        problem=problem,
        meaning=MEANING,
        rounds=rounds,
        metrics=findings.figures,
    )
