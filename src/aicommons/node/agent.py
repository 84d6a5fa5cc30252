"""One node's identity and ports, and what it knows about a run before it touches any numbers.

Duty handlers take an ``Agent``; it is built by ``app`` (real adapters) or ``testing`` (in-memory ones). Here the roster is
held against the operator's pin, Acks are checked, documents are fetched once, and sessions are made.
"""

import dataclasses
from typing import Protocol

from aicommons.domain import documents, encoding, errors, events, ids, messages, signature
from aicommons.learning import blocks, state
from aicommons.learning import recipe as recipes
from aicommons.learning.secagg import epoch, layout, reading, reveal, session, suite
from aicommons.node import journal, signing
from aicommons.protocol import ports
from aicommons.protocol import view as views

EPOCH = 0
"""A run is one epoch until key rotation comes."""
MOST_DOCUMENT = 2**22
"""Largest document fetched, in bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """A run's documents, read and checked once."""

    recipe: recipes.Recipe
    plan: documents.Plan
    terms: documents.RunTerms


class Data(Protocol):
    """The owner's records, as a plan wants them. Called inside a job, never in the loop."""

    def rows(self, dataset_id: int, terms: Terms) -> recipes.Rows:
        """Return training and held-out rows.

        Raises ``errors.TableError`` naming file, column and row, and ``errors.InputError`` for an unknown dataset.
        """

    def forget(self, run_id: ids.RunId) -> None:
        """Erase what was prepared for a run."""


@dataclasses.dataclass(frozen=True, slots=True)
class Agent:
    """A node: who it is and what it works with."""

    member_id: ids.MemberId
    ledger: ports.Ledger
    store: ports.Store
    own: ports.Store
    """Blobs kept at this node: what it built, and what it fetched for a round under way."""
    data: Data
    runner: ports.Runner
    clock: ports.Clock
    draw: ports.Randomness
    journal: journal.Journal
    signing: signing.SigningJournal
    terms: dict[ids.RunId, Terms] = dataclasses.field(default_factory=dict)
    """Documents already read, by run."""
    acked: dict[ids.RunId, tuple[bytes, ...]] = dataclasses.field(default_factory=dict)
    """Points of a roster whose Acks all hold, by run."""


def roster_of(agent: Agent, run_id: ids.RunId, current: views.RunView) -> events.RosterFixed:
    """Return the run's roster if it is the one that the operator confirmed.

    Raises:
        errors.LedgerMismatch: the ledger shows another roster than the pinned one, or a digest that is not its own.
    """
    roster = current.roster
    pinned = agent.journal.pinned(run_id)
    if roster is None or pinned is None:
        raise errors.LedgerMismatch("no roster was confirmed for this run", which=ids.format_id(run_id))
    shown = encoding.roster_digest(run_id, roster.member_ids, roster.node_keys)
    if shown != pinned:
        raise errors.LedgerMismatch(
            "the ledger shows another roster than the operator confirmed",
            which=ids.format_id(run_id),
            expected=pinned.hex()[:16],
            got=shown.hex()[:16],
            next_step="ask the other members for the fingerprint they see; the ledger may be lying",
        )
    return roster


def terms_of(agent: Agent, run_id: ids.RunId, current: views.RunView) -> Terms:
    """Return the run's documents; raises the store's errors, or ``errors.DecodeError`` for a bad document."""
    known = agent.terms.get(run_id)
    if known is None:
        known = read_terms(agent.store, current)
        agent.terms[run_id] = known
    return known


def read_terms(store: ports.Store, current: views.RunView) -> Terms:
    """Fetch and check plan and terms of a run; raises like ``terms_of``."""
    plan = documents.Plan.decode(store.get(current.spec.plan, MOST_DOCUMENT))
    terms = documents.RunTerms.decode(store.get(current.spec.terms, MOST_DOCUMENT))
    if encoding.purpose_code(terms.purpose) != current.spec.purpose:
        raise errors.DecodeError("the terms name another purpose than the run", which="run-terms.purpose")
    return Terms(recipes.from_plan(dict(plan.recipe)), plan, terms)


def points_of(
    run_id: ids.RunId, current: views.RunView, roster: events.RosterFixed, place: encoding.Place
) -> tuple[bytes, ...]:
    """Return every member's epoch point in roster order, each with a valid signature and proof.

    Raises:
        errors.AggregationRefused: ``ack-missing``, ``ack-signature`` or ``ack-proof``, naming the member.
    """
    digest = encoding.roster_digest(run_id, roster.member_ids, roster.node_keys)
    points = []
    for member, key in zip(roster.member_ids, roster.node_keys, strict=True):
        ack = current.acks.get(member)
        if ack is None:
            raise errors.AggregationRefused("a member has not acknowledged", reason="ack-missing", member=member)
        message = messages.Ack(digest, ack.epoch, ids.MemberId(member), ack.point, ack.pok_r, ack.pok_z)
        if ack.epoch != EPOCH or not signature.is_signed_by(
            encoding.message_digest(place, message), ack.signature, key
        ):
            raise errors.AggregationRefused("an Ack is not signed", reason="ack-signature", member=member)
        if not epoch.is_acknowledged(digest, EPOCH, member, point=ack.point, proof=ack.pok_r + ack.pok_z):
            raise errors.AggregationRefused("an Ack proves nothing", reason="ack-proof", member=member)
        points.append(ack.point)
    return tuple(points)


def layout_number(preferred: int, members: int) -> int:
    """Return the layout in force for a roster of ``members`` (secure-aggregation section 4)."""
    return preferred if members in (6, 7) else layout.default_number(members)


def make_session(
    current: views.RunView,
    points: tuple[bytes, ...],
    key: encoding.AttemptKey,
    *,
    place: encoding.Place,
    state_digest: bytes,
    words: int,
) -> session.Session:
    """Return the session of one attempt; pure.

    Raises:
        errors.AggregationRefused: the parts do not hold together.
    """
    if current.roster is None:
        raise errors.AggregationRefused("the run has no roster", reason="session-invalid")
    members = current.roster.member_ids
    number = layout_number(current.spec.layout, len(members))
    digest = encoding.roster_digest(key.run_id, members, current.roster.node_keys)
    committee = encoding.committee_digest(digest, EPOCH, number, points)
    chosen = suite.Suite(current.spec.suite)
    return session.Session(
        sid=encoding.session_id(place, key, state_digest, committee),
        suite=chosen,
        words=suite.pad_words(words, chosen.word_bits),
        member_ids=members,
        points=points,
        layout=layout.make_layout(members, committee, number),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """Everything public that a handler needs about one attempt, checked."""

    key: encoding.AttemptKey
    session: session.Session
    roster: events.RosterFixed
    terms: Terms
    before: state.State
    """The state that the round starts from."""
    blocks: tuple[blocks.Block, ...]
    readers: tuple[reveal.Reader, ...]
    seen: views.AttemptView
    """The ledger's view of it."""

    @property
    def participants(self) -> tuple[int, ...]:
        """The set S, ascending."""
        members = self.session.member_ids
        return tuple(member for index, member in enumerate(members) if self.seen.set_bits >> index & 1)


def attempt_of(agent: Agent, run_id: ids.RunId, current: views.RunView, place: views.AttemptPlace) -> Attempt:
    """Return the attempt at ``place`` with its session.

    Raises:
        errors.LedgerMismatch: the roster is not the pinned one.
        errors.AggregationRefused: an Ack fails its checks.
    """
    roster = roster_of(agent, run_id, current)
    terms = terms_of(agent, run_id, current)
    points = agent.acked.get(run_id)
    if points is None:
        points = points_of(run_id, current, roster, agent.ledger.place)
        agent.acked[run_id] = points
    before = state_at(agent, run_id, terms, place[0])
    decoded = state.decode(before.data)
    declared = terms.recipe.blocks(decoded)
    key = encoding.AttemptKey(run_id, *place)
    made = make_session(
        current,
        points,
        key,
        place=agent.ledger.place,
        state_digest=before.digest,
        words=blocks.words(declared),
    )
    others = {reader.member_id: reader.point for reader in terms.terms.readers}
    readers = reveal.make_readers(made, others)
    seen = current.attempts.get(place, views.AttemptView())
    return Attempt(key, made, roster, terms, decoded, declared, readers, seen)


def state_at(agent: Agent, run_id: ids.RunId, terms: Terms, position: int) -> journal.StateRecord:
    """Return the state that round ``position`` starts from; the first one is made here.

    Raises:
        errors.TemporaryError: it is not known yet; the round before must be combined first.
    """
    kept = agent.journal.state(run_id, position)
    if kept is not None:
        return kept
    if position != 0:
        raise errors.TemporaryError("the state of this round is not known yet", which=f"round {position}")
    first = first_state(run_id, terms.recipe)
    agent.journal.keep_state(run_id, first)
    return first


def first_state(run_id: ids.RunId, made: recipes.Recipe) -> journal.StateRecord:
    """Return the state that round 0 starts from; everybody derives it from the plan."""
    data = state.encode(made.initial())
    digest = reading.state_digest(run_id, bytes(32), data)
    return journal.StateRecord(0, digest, data, is_finished=False)

