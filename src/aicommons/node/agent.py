"""One node's identity and ports, and what it knows about a run before it touches any numbers.

Duty handlers take an ``Agent``; it is built by ``app`` (real adapters) or ``testing`` (in-memory ones). Here the roster is
held against the operator's pin, Acks are checked, documents are fetched once, and sessions are made.
"""

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from aicommons.domain import documents, encoding, errors, events, ids, messages, run, signature, vocabulary
from aicommons.learning import blocks, privacy, safeguards, state
from aicommons.learning import recipe as recipes
from aicommons.learning.secagg import epoch as epochs
from aicommons.learning.secagg import layout, masks, reading, reveal, session, suite
from aicommons.node import evidence, journal, signing, transfers
from aicommons.node.consents import notes, people
from aicommons.protocol import cells, coverage, duties, ports, transitions
from aicommons.protocol import view as views

SHORT_WORK = 2**25
"""Vectors of a round together below this many bytes are held in memory, above it they stay on disk."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunDocuments:
    """A run's documents, read and checked once."""

    recipe: recipes.Recipe
    plan: documents.Plan
    terms: documents.RunTerms


@dataclasses.dataclass(frozen=True, slots=True)
class Brought:
    """What a site brings to a round."""

    rows: recipes.Rows
    """Training and held-out rows."""
    chosen: people.Chosen | None = None
    """Whose rows they are, where a register of people's consents stands behind the dataset."""


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """What a site brings to a run: one version of a dataset, whatever became the newest since."""

    dataset_id: int
    version: int
    """As the ledger counts them, from 1."""


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """What a home itself published a version of a dataset with: no ledger can tell it otherwise."""

    card: bytes | None
    """Digest of its card; ``None`` where the home published it before it kept that."""
    policy: bytes
    """Digest of its use policy, ``policies.CONSENTS_ALONE`` where there is none."""


class Data(Protocol):
    """The owner's records, as a plan wants them."""

    def observe(self, view: views.LedgerView) -> None:
        """Take note of what the ledger says now: consents that were taken back there count from then on."""

    def bring(self, part: Part, terms: RunDocuments, use: coverage.Use) -> Brought:
        """Return training and held-out rows of the people whose consent covers ``use``. Called inside a job.

        Raises ``errors.TableError`` naming file, column and row, ``errors.InputError`` for an unknown dataset or version,
        and ``errors.ContributionRefused`` when too few people have consented.
        """

    def keep(self, note: notes.Note) -> None:
        """Record whose rows are in a contribution, before it leaves."""

    def check_still_consented(self, part: Part, use: coverage.Use, made: notes.Note | tuple[int, int]) -> None:
        """Check that everybody whose rows are in a contribution that is made has not withdrawn since.

        Args:
            part: the dataset.
            use: what the run wants.
            made: the contribution's note; round and attempt, once it is kept.

        Raises:
            errors.ContributionRefused: somebody has; it is not sent.
            errors.JournalConflict: the ledger shows a register that this home does not have.
        """

    def rule(self, part: Part) -> privacy.Rule:
        """Return what the owner wants done about small cells; no plan has a say in it."""

    def published(self, part: Part) -> Published | None:
        """Return what the owner published it with, ``None`` of rows that no home has published; raises like ``bring``."""

    def as_mapped(self, part: Part, names: Sequence[str]) -> Sequence[str]:
        """Return what a plan's columns are called at the owner's; raises ``errors.InputError`` like ``bring``."""

    def forget(self, run_id: ids.RunId) -> None:
        """Erase what was prepared for a run."""


def use_of(run_id: ids.RunId, spec: run.RunSpec, terms: RunDocuments) -> coverage.Use:
    """Return what a run wants to do with a dataset; raises ``errors.InputError`` for a purpose that nobody knows.

    A commercial purpose is commercial use, whatever the solver says of its run: nodes and auditors both ask here.
    """
    plan = terms.recipe.schema
    group = () if terms.plan.group is None else (terms.plan.group,)
    return coverage.Use(
        purposes=vocabulary.broader(terms.terms.purpose),
        commercial=spec.commercial or vocabulary.is_commercial(terms.terms.purpose),
        problem=spec.problem,
        solver=spec.solver,
        fields=frozenset({*(each.name for each in plan.declared), *group}),
        run=run_id,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Agent:
    """A node: who it is and what it works with."""

    member_id: ids.MemberId
    ledger: ports.Ledger
    store: ports.Store
    own: ports.Store
    """Blobs kept durably at this node: what it built, for as long as it may have to send it again."""
    documents: ports.Store
    """Policies, cards and profiles that this home published or has read: the common store may lose them."""
    inputs: ports.Inputs
    """What others sent for a round under way: a Commit says that this node holds it, whoever erases it elsewhere."""
    data: Data
    runner: ports.Runner
    clock: ports.Clock
    draw: ports.Randomness
    journal: journal.Journal
    signing: signing.SigningJournal
    held: Callable[[float], frozenset[duties.DutyKind]] = lambda _: frozenset()
    """At a time in seconds since 1970: the duties that the owner holds back (stop button, quiet hours)."""
    deny: Callable[[views.LedgerView, float], None] = lambda _, __: None
    """Applies the owner's denying rules to what the ledger shows at a time in seconds since 1970."""
    width: int = 1
    """How many blobs are moved to or from the store at once; one where that takes no time."""
    terms: dict[ids.RunId, RunDocuments] = dataclasses.field(default_factory=dict)
    """Documents already read, by run."""
    acked: dict[tuple[ids.RunId, int], tuple[epochs.PublicKeys, ...]] = dataclasses.field(default_factory=dict)
    """Points of a roster whose Acks all hold, by run and epoch."""
    prepared: dict[ids.RunId, "Prepared"] = dataclasses.field(default_factory=dict)
    """The newest attempt's session, by run."""
    rosters: dict[ids.RunId, events.RosterFixed] = dataclasses.field(default_factory=dict)
    """Rosters that were held against the operator's pin, by run."""


def roster_of(agent: Agent, run_id: ids.RunId, current: views.RunView) -> events.RosterFixed:
    """Return the run's roster if it is the one that the operator confirmed.

    Raises:
        errors.LedgerMismatch: the ledger shows another roster than the pinned one, or a digest that is not its own.
    """
    roster = current.roster
    if roster is not None and agent.rosters.get(run_id) == roster:
        return roster
    if encoding.run_id(current.spec) != run_id:
        raise errors.LedgerMismatch(
            "the ledger shows other terms than the run's id stands for",
            which=ids.format_id(run_id),
            next_step="do not take part; the ledger is lying about plan, terms or readers",
        )
    pin = pin_of(agent, run_id)
    if roster is None:
        raise errors.LedgerMismatch("the ledger shows no roster any more", which=ids.format_id(run_id))
    shown = encoding.roster_digest(run_id, roster.member_ids, roster.node_keys)
    if shown != pin.roster:
        raise errors.LedgerMismatch(
            "the ledger shows another roster than the operator confirmed",
            which=ids.format_id(run_id),
            expected=pin.roster.hex()[:16],
            got=shown.hex()[:16],
            next_step="ask the other members for the fingerprint they see; the ledger may be lying",
        )
    _check_seat(agent, run_id, current, pin)
    agent.rosters[run_id] = roster
    return roster


def _check_seat(agent: Agent, run_id: ids.RunId, current: views.RunView, pin: journal.Pin) -> None:
    """Check that the ledger still says about this site's own part what its operator confirmed.

    Raises:
        errors.LedgerMismatch: another problem, dataset, version or consent.
    """
    offered = current.offered_by(agent.member_id)
    shown = tuple(journal.Held(each.dataset_id, each.version, each.consent_id) for each in offered)
    if current.spec.problem != pin.problem or shown != pin.parts:
        raise errors.LedgerMismatch(
            "the ledger shows another problem, dataset or consent than the operator confirmed",
            which=ids.format_id(run_id),
            expected=_in_words(pin.parts),
            got=_in_words(shown) or "no seat",
            next_step="do not take part; the ledger is lying about what this site brings",
        )


def _in_words(parts: Sequence[journal.Held]) -> str:
    return "; ".join(f"dataset {each.dataset_id}, version {each.version}" for each in parts)


def pin_of(agent: Agent, run_id: ids.RunId) -> journal.Pin:
    """Return what the operator confirmed.

    Raises:
        errors.LedgerMismatch: nothing was confirmed for this run.
    """
    pin = agent.journal.pinned(run_id)
    if pin is None:
        raise errors.LedgerMismatch("no roster was confirmed for this run", which=ids.format_id(run_id))
    return pin


def held_of(agent: Agent, run_id: ids.RunId, current: views.RunView) -> tuple[journal.Held, ...]:
    """Return what the operator confirmed that this site brings, without what the ledger left out; raises like ``pin_of``.

    A ledger that leaves out falsely makes this site give less, never more.
    """
    gone = current.left_out
    return tuple(each for each in pin_of(agent, run_id).parts if (agent.member_id, each.dataset_id) not in gone)


def parts_of(agent: Agent, run_id: ids.RunId, current: views.RunView) -> tuple[Part, ...]:
    """Return the same as parts; raises like ``pin_of``."""
    return tuple(Part(each.dataset_id, each.version) for each in held_of(agent, run_id, current))


def terms_of(agent: Agent, run_id: ids.RunId, current: views.RunView) -> RunDocuments:
    """Return the run's documents; raises the store's errors, or ``errors.DecodeError`` for a bad document."""
    known = agent.terms.get(run_id)
    if known is None:
        known = read_terms(agent.store, current)
        agent.terms[run_id] = known
    return known


def read_terms(store: ports.Store, current: views.RunView) -> RunDocuments:
    """Fetch and check plan and terms of a run; raises like ``terms_of``."""
    plan = store.get(current.spec.plan, encoding.MAX_DOCUMENT)
    return decode_terms(plan, store.get(current.spec.terms, encoding.MAX_DOCUMENT), current.spec)


def decode_terms(plan_bytes: bytes, terms_bytes: bytes, spec: run.RunSpec) -> RunDocuments:
    """Return a run's documents from their bytes.

    Raises:
        errors.DecodeError: not these documents, or terms with another purpose than the run or another privacy than the plan.
        errors.InputError: the plan's recipe cannot be read, or it needs cells that the run has not.
    """
    plan = documents.Plan.decode(plan_bytes)
    terms = documents.RunTerms.decode(terms_bytes)
    if encoding.purpose_code(terms.purpose) != spec.purpose:
        raise errors.DecodeError("the terms name another purpose than the run", which="run-terms.purpose")
    made = recipes.from_plan(dict(plan.recipe))
    if terms.privacy != made.privacy_in_words:
        raise errors.DecodeError(
            "the terms promise another privacy than the plan keeps",
            which="run-terms.privacy",
            expected=made.privacy_in_words,
            got=terms.privacy[:80],
        )
    safeguards.check_division(made.safeguards, cells.sizes(spec.min_participants, spec.cell_size))
    return RunDocuments(made, plan, terms)


FetchKeys = Callable[[ids.Digest, int], bytes]
"""Digest and most bytes -> what the store has."""


def keys_of(
    run_id: ids.RunId,
    current: views.RunView,
    roster: events.RosterFixed,
    place: encoding.Place,
    *,
    epoch: int,
    fetch: FetchKeys,
) -> tuple[epochs.PublicKeys, ...]:
    """Return every member's keys in roster order, each with a valid signature and proof.

    Who had left or was put out before an epoch keeps its last keys, because the layout is over the whole roster. Only the
    keys of hybrid runs are in the store.

    Raises:
        errors.AggregationRefused: ``ack-missing``, ``ack-signature``, ``ack-keys`` or ``ack-proof``, naming the member.
        errors.BlobNotFound: keys that an Ack names are not in the store (yet).
    """
    digest = encoding.roster_digest(run_id, roster.member_ids, roster.node_keys)
    found, members = [], len(roster.member_ids)
    for member, key in zip(roster.member_ids, roster.node_keys, strict=True):
        ack = current.acks_of(epoch).get(member)
        if ack is None:
            raise errors.AggregationRefused("a member has not acknowledged", reason="ack-missing", member=member)
        message = messages.Ack(digest, ack.epoch, ids.MemberId(member), ack.point, ack.pok_r, ack.pok_z)
        is_due = ack.epoch == epoch or (ack.epoch < epoch and member in current.out)
        if not is_due or not signature.is_signed_by(encoding.message_digest(place, message), ack.signature, key):
            raise errors.AggregationRefused("an Ack is not signed", reason="ack-signature", member=member)
        public = epochs.PublicKeys(ack.point)
        if suite.is_hybrid(current.spec.suite):
            public = _fetch_keys(fetch, ack, members)
        proof = ack.pok_r + ack.pok_z
        if not epochs.is_acknowledged(
            digest, ack.epoch, member, point=public.point, proof=proof, kem_digest=public.kem_digest
        ):
            raise errors.AggregationRefused("an Ack proves nothing", reason="ack-proof", member=member)
        found.append(public)
    return tuple(found)


def _fetch_keys(fetch: FetchKeys, ack: events.Acked, members: int) -> epochs.PublicKeys:
    raw = fetch(ids.Digest(ack.point), epochs.public_bytes(members))
    try:
        return epochs.decode_public(raw, ack.point, members)
    except errors.AggregationRefused as err:
        raise errors.AggregationRefused(err.message, reason="ack-keys", member=ack.member_id) from err


@dataclasses.dataclass(frozen=True, slots=True)
class Committee:
    """Who sums: a roster with its acknowledged points."""

    digest: bytes
    member_ids: tuple[int, ...]
    keys: tuple[epochs.PublicKeys, ...]
    """In roster order."""
    layout: layout.Layout
    suite: suite.Suite

    @property
    def points(self) -> tuple[bytes, ...]:
        """Each member's epoch point, in roster order."""
        return tuple(each.point for each in self.keys)

    def session(self, sid: bytes, words: int) -> session.Session:
        """Return the session ``sid`` over vectors of ``words`` values, padded.

        Raises:
            errors.AggregationRefused: the parts do not hold together.
        """
        padded = suite.pad_words(words, self.suite.word_bits)
        kem_keys = tuple(each.kem_keys for each in self.keys) if self.keys[0].kem_keys else None
        return session.Session(sid, self.suite, padded, self.member_ids, self.points, self.layout, kem_keys)


def make_committee(
    run_id: ids.RunId,
    spec: run.RunSpec,
    roster: events.RosterFixed,
    keys: tuple[epochs.PublicKeys, ...],
    *,
    epoch: int,
) -> Committee:
    """Return the committee of an epoch of a run; pure.

    Raises:
        errors.AggregationRefused: there is no layout for a roster of this size.
    """
    members = roster.member_ids
    number = transitions.layout_of(len(members), spec.layout)
    digest = encoding.roster_digest(run_id, members, roster.node_keys)
    committee = encoding.committee_digest(digest, epoch, number, [each.announced for each in keys])
    made = layout.make_layout(members, committee, number)
    return Committee(committee, members, keys, made, suite.Suite.of_number(spec.suite))


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """What stays the same while an attempt goes on."""

    key: encoding.AttemptKey
    session: session.Session
    roster: events.RosterFixed
    terms: RunDocuments
    before: state.State
    """The state that the round starts from."""
    blocks: tuple[blocks.Block, ...]
    readers: tuple[reveal.Reader, ...]
    held: dict[bytes, bytes] = dataclasses.field(repr=False)
    """Blobs of a short round by SHA-256, verified when they were fetched or made here."""
    verified: dict[events.Event, bool] = dataclasses.field(repr=False)
    """Whether a message's signature holds against the roster."""
    sums: dict[tuple[int, int], masks.ColumnSum] = dataclasses.field(repr=False)
    """Column -> this node's own mask sum of a short round, so that it need not open what it sealed."""
    epoch: int
    """Whose keys it uses."""
    cells: cells.Cells
    """Cells of the run, drawn here; none where it is not divided."""

    @property
    def colluders(self) -> int:
        """How many participants that compare notes are tolerated, t: of one set those of the layout, of a cell all but two."""
        sizes = [each.bit_count() for each in self.cells]
        return min(sizes) - 2 if sizes else self.session.layout.faults


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt(Prepared):
    """Everything public that a handler needs about one attempt, checked."""

    seen: views.AttemptView
    """The ledger's view of it."""
    cheats: frozenset[int]
    """Members that are proven to have cheated in this run."""

    @property
    def participants(self) -> tuple[int, ...]:
        """The set S, ascending."""
        return evidence.participants_of(self.roster, self.seen)

    @property
    def is_short(self) -> bool:
        """Whether its vectors together are small enough to be held and summed at once, in this process."""
        return self.session.blob_bytes * len(self.session.member_ids) < SHORT_WORK

    @property
    def lane(self) -> ports.Lane:
        """Where its checks and sums are done."""
        return ports.Lane.AT_ONCE if self.is_short else ports.Lane.ROUND

    def evidence(self, agent: Agent) -> evidence.Evidence:
        """Return its signed part."""
        sid, layout = self.session.sid, self.session.layout
        return evidence.Evidence(
            agent.ledger.place, self.roster, layout, sid, self.seen, self.verified, self.cells, self.cheats
        )


_PREPARED = tuple(field.name for field in dataclasses.fields(Prepared))


def attempt_of(agent: Agent, run_id: ids.RunId, current: views.RunView, place: views.AttemptPlace) -> Attempt:
    """Return the attempt at ``place`` with its session.

    Raises:
        errors.LedgerMismatch: the roster is not the pinned one, or the cells are others than those that follow from it.
        errors.AggregationRefused: an Ack fails its checks.
    """
    roster = roster_of(agent, run_id, current)
    key = encoding.AttemptKey(run_id, *place)
    known = agent.prepared.get(run_id)
    epoch = current.epoch_of(place)
    if known is None or (known.key, known.epoch, known.roster) != (key, epoch, roster):
        known = _prepare(agent, current, key, roster)
        agent.prepared[run_id] = known
    fields = {name: getattr(known, name) for name in _PREPARED}
    cheats = evidence.convicted(
        agent.ledger.place,
        current,
        known.session.layout.faults,
        lambda at: sids_of(agent, current, encoding.AttemptKey(run_id, *at), roster),
    )
    return Attempt(**fields, seen=current.attempts.get(place, views.AttemptView()), cheats=cheats)


def sids_of(
    agent: Agent, current: views.RunView, key: encoding.AttemptKey, roster: events.RosterFixed
) -> frozenset[bytes]:
    """Return the sessions that Submits of an attempt name and that are this attempt's: they follow from the states named.

    Whoever else signed one of them signed for this attempt; a ledger that lies can show no other run's here.

    Raises:
        errors.AggregationRefused: an Ack fails its checks.
        errors.BlobNotFound: keys that an Ack names are not in the store (yet).
    """
    at = key.round_index, key.attempt
    seen = current.attempts.get(at, views.AttemptView())
    committee = _committee(agent, current, key.run_id, roster, epoch=current.epoch_of(at))
    named = {(sent.sid, sent.state_digest) for sent in seen.submits.values()}
    place = agent.ledger.place
    return frozenset(sid for sid, state in named if encoding.session_id(place, key, state, committee.digest) == sid)


def _prepare(agent: Agent, current: views.RunView, key: encoding.AttemptKey, roster: events.RosterFixed) -> Prepared:
    terms = terms_of(agent, key.run_id, current)
    epoch = current.epoch_of((key.round_index, key.attempt))
    before = state_at(agent, key.run_id, terms, key.round_index)
    decoded = state.decode(before.data)
    declared = terms.recipe.blocks(decoded)
    committee = _committee(agent, current, key.run_id, roster, epoch=epoch)
    sid = encoding.session_id(agent.ledger.place, key, before.digest, committee.digest)
    made = committee.session(sid, blocks.words(declared))
    others = {int(reader.member_id): reader.point for reader in terms.terms.readers}
    readers = reveal.make_readers(made, others)
    drawn = cells_of(key.run_id, current, lambda: _committee(agent, current, key.run_id, roster, epoch=0))
    return Prepared(
        key, made, roster, terms, decoded, declared, readers, held={}, verified={}, sums={}, epoch=epoch, cells=drawn
    )


def _committee(
    agent: Agent, current: views.RunView, run_id: ids.RunId, roster: events.RosterFixed, *, epoch: int
) -> Committee:
    keys = agent.acked.get((run_id, epoch))
    if keys is None:
        keys = keys_of(run_id, current, roster, agent.ledger.place, epoch=epoch, fetch=agent.store.get)
        agent.acked[run_id, epoch] = keys
    return make_committee(run_id, current.spec, roster, keys, epoch=epoch)


def cells_of(run_id: ids.RunId, current: views.RunView, first_committee: Callable[[], Committee]) -> cells.Cells:
    """Return the cells of a run, drawn from its first committee, after holding them against what the ledger shows.

    Args:
        run_id: the run.
        current: the ledger's view of it.
        first_committee: returns the committee of the first epoch, checked; asked only where the run is divided.

    Raises:
        errors.LedgerMismatch: the ledger shows other cells: somebody wants to know sums of other groups.
        errors.AggregationRefused: a first Ack fails its checks.
    """
    size = current.spec.cell_size
    drawn = cells.UNDIVIDED
    if size:
        first = first_committee()
        drawn = cells.draw(first.digest, first.member_ids, size)
    if current.cells != drawn:
        raise errors.LedgerMismatch(
            "the ledger shows other cells than follow from the run's first keys",
            which=ids.format_id(run_id),
            next_step="do not take part; ask another endpoint of the ledger",
        )
    return drawn


def state_at(agent: Agent, run_id: ids.RunId, terms: RunDocuments, position: int) -> journal.StateRecord:
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


@dataclasses.dataclass(frozen=True, slots=True)
class Sending:
    """The job: put blobs into the store."""

    store: ports.Store
    loads: tuple[Callable[[], bytes], ...]
    """What loads each blob."""
    others: tuple[Callable[[], bytes], ...]
    """The same of blobs that somebody else is sending too, put after those: perhaps only claimed then."""
    first: Callable[[], None]
    """What must be done before they can be loaded."""
    width: int
    """How many are put at once."""

    def work(self) -> bytes:
        """Return how many bytes had to be sent (8 bytes); raises the store's errors."""
        self.first()
        before = self.store.sent_bytes
        for group in (self.loads, self.others):
            transfers.all_done([functools.partial(self._put, load) for load in group], self.width)
        return (self.store.sent_bytes - before).to_bytes(8, "big")

    def _put(self, load: Callable[[], bytes]) -> None:
        self.store.put(load())


def send(
    agent: Agent,
    attempt: Attempt,
    kind: str,
    blobs: Mapping[bytes, Callable[[], bytes]],
    *,
    first: Callable[[], None] = lambda: None,
    shared: Collection[bytes] = (),
) -> bool:
    """Put blobs (digest -> what loads it) into the store; return whether they are there, ``False`` while that goes on.

    They are remembered for erasure, and what was sent is counted. Bytes that are there already are claimed and not sent
    again: a blob stays until its last owner erases it. Those of ``shared`` somebody else is sending, too.
    """
    run_id, name = attempt.key.run_id, f"{kind}-{attempt.session.sid.hex()[:24]}"
    sent = agent.runner.take(name)
    if sent is None:
        agent.journal.keep_stored(run_id, list(blobs))
        loads = tuple(load for digest, load in blobs.items() if digest not in shared)
        others = tuple(load for digest, load in blobs.items() if digest in shared)
        width = transfers.width_for(agent.width, attempt.session.blob_bytes)
        job = Sending(agent.store, loads, others, first=first, width=width)
        agent.runner.start(name, job.work, attempt.lane)
        sent = agent.runner.take(name)
    if sent is None:
        return False
    agent.journal.keep_sent(run_id, int.from_bytes(sent, "big"))
    return True
