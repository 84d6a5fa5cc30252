"""Duties RESULT, REGISTER, REPORT, RETIRE and ERASE: how a run ends at this node.

A Result is this node's word on the last state; the first roster member to come writes the model down with its card; the
site's own figures are computed for its eyes only; then the epoch key goes, and after the retention time the blobs.
"""

import collections
import dataclasses
import json
import logging
import time
from collections.abc import Callable

import numpy as np

from aicommons.domain import documents, encoding, errors, ids, messages
from aicommons.learning import blocks, evaluation, state
from aicommons.learning import recipe as recipes
from aicommons.learning.secagg import quantise, suite
from aicommons.node import agent as agents
from aicommons.node import bringing, evidence, journal
from aicommons.protocol import duties, ports, transitions
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

ALONE_SECONDS = 60.0
"""Most time for the model of this site alone, for comparison."""
COUNTS = ("rows", "held_out_rows")
GRACE_SECONDS = 600
"""How long a run must have been over, where nobody signed its end, before keys are erased: longer than a proxy's hiccup."""


def result(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Sign this node's word on the round's sum and state."""
    attempt = agents.attempt_of(agent, duty.run_id, current, (duty.round_index, duty.attempt))
    got = agent.journal.sum(duty.run_id, duty.round_index)
    after = agent.journal.state(duty.run_id, duty.round_index + 1)
    if got is None or after is None:
        raise errors.TemporaryError("this round is not combined yet", which=f"round {duty.round_index}")
    message = messages.Result(attempt.session.sid, agent.member_id, got.digest, after.digest)
    agent.ledger.post(attempt.key, message, agent.signing.sign(message))


def register(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Write the run's model down: card to the store, lineage and shares to the ledger."""
    if current.agreed is None:
        return
    kept = agent.journal.state(duty.run_id, current.agreed.rounds_done)
    if kept is None:
        raise errors.TemporaryError("the agreed state is not known here", which=ids.format_id(duty.run_id))
    terms = agents.terms_of(agent, duty.run_id, current)
    figures = federated_metrics(agent, duty.run_id, current, terms)
    card = documents.ModelCard(
        run=ids.format_id(duty.run_id),
        title=terms.plan.title,
        not_for="Decisions about a single person without a responsible human being.",
        metrics=in_words(figures),
        rounds=current.agreed.rounds_done,
        participants=len(current.summed),
        privacy=terms.terms.privacy,
    )
    digest = ids.Digest(agent.store.put(card.encode()))
    agent.ledger.register_model(duty.run_id, digest, kept.digest, encoding.licence_code(terms.terms.licence))


def federated_metrics(
    agent: agents.Agent, run_id: ids.RunId, current: views.RunView, terms: agents.RunDocuments
) -> evaluation.Metrics | None:
    """Return the newest figures over all sites that were agreed as a secure sum, or ``None``."""
    if current.roster is None:
        return None
    newest = agent.journal.state_index(run_id)
    for position in range((newest[0] if newest else 0) - 1, -1, -1):
        got, before = agent.journal.sum(run_id, position), agent.journal.state(run_id, position)
        if got is None or before is None:
            continue
        figures = round_metrics(terms, before.data, got.data, members=len(current.roster.member_ids))
        if figures is not None:
            return figures
    return None


def round_metrics(
    terms: agents.RunDocuments, before: bytes, words: bytes, *, members: int
) -> evaluation.Metrics | None:
    """Return the figures in a round's sum, which judge the state that the round started from.

    Args:
        terms: the run's documents.
        before: that state's bytes.
        words: ring sums as kept in the journal.
        members: roster size N.
    """
    value = state.decode(before)
    declared = terms.recipe.blocks(value)
    chosen = suite.Suite.of(suite.Cipher.AES, terms.recipe.word_bits)  # of any cipher words are read alike
    padded = suite.pad_words(blocks.words(declared), terms.recipe.word_bits)
    ring = suite.as_words(words, chosen).reshape(-1, padded).sum(axis=0, dtype=chosen.dtype)
    sums = quantise.decode(declared, ring, members=members, word_bits=terms.recipe.word_bits)
    return terms.recipe.metrics(value, sums)


def in_words(figures: evaluation.Metrics | None) -> dict[str, object]:
    """Return figures as texts with 6 digits; documents hold no floating-point numbers."""
    if figures is None:
        return {}
    return {name: f"{value:.6f}" for name, value in _named(figures) if value is not None}


def _named(figures: evaluation.Metrics) -> list[tuple[str, float | None]]:
    plain = [(name, getattr(figures, name)) for name in ("accuracy", "auc", "log_loss", "rmse", "concordance")]
    of_counts = [(name, getattr(figures, name)) for name in ("deviance", "observed_to_predicted")]
    told = ("membership_auc", figures.membership_auc)
    return [*plain, ("r2", figures.r_squared), ("d2", figures.d_squared), *of_counts, told]


def is_end_signed(agent: agents.Agent, run_id: ids.RunId, current: views.RunView) -> bool:
    """Return whether a quorum of the confirmed roster signed equal Results of one round, in the session that it was here."""
    try:
        roster = agents.roster_of(agent, run_id, current)
    except errors.LedgerMismatch:
        return False
    members = len(roster.member_ids)
    faults = transitions.faults_of(members, transitions.layout_of(members, current.spec.layout))
    quorum = transitions.quorum_of(members, faults)
    for place, attempt in current.attempts.items():
        if not _is_last(agent, run_id, current, place[0]):
            continue  # Results are signed at every pause too: those of a round before the end prove no end
        try:
            sids = agents.sids_of(agent, current, encoding.AttemptKey(run_id, *place), roster)
        except (errors.AggregationRefused, errors.BlobNotFound):
            continue  # keys that nobody signed, or that cannot be had now, prove nothing
        named: collections.Counter[tuple[bytes, bytes, bytes]] = collections.Counter()
        for member, sent in attempt.results.items():
            signed = evidence.is_signed(agent.ledger.place, roster, evidence.signed_part(sent), sent.signature)
            is_here = sent.sid in sids and sent.member_id == member
            named[sent.sid, sent.sum_digest, sent.state_digest] += signed and is_here
        if named and max(named.values()) >= quorum:
            return True
    return False


def _is_last(agent: agents.Agent, run_id: ids.RunId, current: views.RunView, round_index: int) -> bool:
    after = agent.journal.state_index(run_id)
    is_finished = after == (round_index + 1, True)
    return is_finished or round_index + 1 == current.spec.rounds


def report(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Judge the last state on the site's own rows, for the site; returns early while a child is at work."""
    name = f"report-{duty.run_id.hex()[:24]}"
    found = agent.runner.take(name)
    if found is None:
        terms = agents.terms_of(agent, duty.run_id, current)
        parts = agents.parts_of(agent, duty.run_id, current)
        asked = bringing.Asked(agent.data, terms, agents.use_of(duty.run_id, current.spec, terms))
        job = OwnReport(asked, agent.journal.state(duty.run_id), parts)
        agent.runner.start(name, job.work, ports.Lane.FIT)
        found = agent.runner.take(name)
    if found is not None:
        agent.journal.keep_report(duty.run_id, found)


def retire(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Erase the epoch key, prepared rows and others' inputs, once the contract too says that the run is over.

    Raises:
        errors.LedgerMismatch: it says that the run goes on, whatever its events told before.
    """
    now = agent.ledger.state(duty.run_id)
    if not now.is_over:
        raise errors.LedgerMismatch(
            "the ledger told that the run is over, and says now that it is not",
            which=ids.format_id(duty.run_id),
            got=now.name,
            next_step="start the node again: it then reads the whole record anew; if this comes back, change the endpoint",
        )
    forget(agent, duty.run_id, current.epoch)
    log.info("run %s: epoch key erased", ids.format_id(duty.run_id)[:12])


def forget(agent: agents.Agent, run_id: ids.RunId, epoch: int) -> None:
    """Erase what a run under way needs, the keys up to ``epoch`` last: killed before, a node does it again."""
    agent.data.forget(run_id)
    agent.inputs.forget(run_id)
    for each in (*agent.signing.keys.made(run_id, epoch), epoch):
        agent.signing.keys.erase(run_id, each)


@dataclasses.dataclass(frozen=True, slots=True)
class OwnReport:
    """The job: figures of the last state on this site's held-out rows; they stay at the site."""

    asked: bringing.Asked
    kept: journal.StateRecord | None
    """The newest state that this node holds."""
    parts: tuple[agents.Part, ...]
    """What this site brings."""

    def work(self) -> bytes:
        """Return the figures as JSON text; why there are none when the rows cannot be read; empty without a model."""
        made = self.asked.terms.recipe
        if self.kept is None or not made.has_model(state.decode(self.kept.data)):
            return b"{}"
        value, begun = state.decode(self.kept.data), time.monotonic()
        try:
            pieces = [bringing.Piece(part, b"", ()) for part in self.parts]
            rows = bringing.joined([each.brought.rows for each in self.asked.rows(pieces).given])
            figures = own_metrics(made, value, rows)
            alone = own_model(made, rows, lambda: time.monotonic() - begun > ALONE_SECONDS)
            if alone is not None:
                judged = own_metrics(made, alone, rows).items()
                figures |= {f"alone_{name}": figure for name, figure in judged if name not in COUNTS}
        except errors.PermanentError as err:  # must not keep the epoch key alive
            figures = {"not_judged": str(err)}
        return json.dumps(figures, sort_keys=True).encode()


def own_model(made: recipes.Recipe, rows: recipes.Rows, is_late: Callable[[], bool]) -> state.State | None:
    """Return what the same recipe learns from this site's rows alone, for its owner to compare; it stays here.

    ``None`` when the rows alone give no model, or when it takes too long: this is a service and delays nothing.
    """
    made = made.unprotected()
    value, local = made.initial(), None
    for position in range(made.most_rounds):
        if made.is_finished(value) or value.stage is state.Stage.EVALUATE:
            break
        if is_late():
            return None
        try:
            draws = np.random.default_rng([made.seed, position])
            sums, local = made.contribute(value, rows, local_state=local, rng=draws)
            value = made.combine(value, [sums])
        except errors.ContributionRefused:
            return None
    return value if made.has_model(value) else None


def own_metrics(made: recipes.Recipe, value: state.State, rows: recipes.Rows) -> dict[str, object]:
    """Return one site's figures on its held-out rows, computed in the same way as the secure sum's."""
    made, judged = made.unprotected(), dataclasses.replace(value, stage=state.Stage.EVALUATE)
    sums, _ = made.contribute(judged, rows, rng=np.random.default_rng(0))
    figures = made.metrics(judged, sums)
    counts: dict[str, object] = {"rows": rows.train.rows, "held_out_rows": rows.held_out.rows}
    return counts | in_words(figures)


def erase(agent: agents.Agent, duty: duties.Duty, current: views.RunView) -> None:
    """Erase what this node left in the store: the retention time after the end is over."""
    del current
    for digest in agent.journal.revealed(duty.run_id):
        agent.own.erase(digest)
    for digest in agent.journal.stored(duty.run_id):
        agent.store.erase(digest)
        agent.own.erase(digest)
        agent.journal.forget_stored(duty.run_id, digest)
