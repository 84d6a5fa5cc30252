"""An auditor's check at the site: were the rows of a run those of people who had consented, as its headers say?

Called by ``commons consent audit`` on the home of the node that took part, with its table at hand. From ledger and store
come the headers and what was posted; from the home the register, the notes that open the headers' commitments, and the
states. Every note is held against all of them, and the contribution is computed again from the rows of exactly the people
in it. What a node could still hide is said in docs/explanation/consent.md.
"""

import collections
import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from aicommons.domain import consents, encoding, errors, events, ids
from aicommons.learning import blocks, differential, privacy, state
from aicommons.learning import recipe as recipes
from aicommons.learning.secagg import header, quantise, session, suite
from aicommons.node import agent as agents
from aicommons.node import bringing, contributing, journal
from aicommons.node.consents import briefs, keeping, notes, people, register, standing
from aicommons.protocol import consents as trees
from aicommons.protocol import coverage, differencing, ports
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """What an auditor has before them."""

    run_id: ids.RunId
    member_id: int
    """Whose contributions are looked at."""
    view: views.LedgerView
    terms: agents.RunDocuments
    place: encoding.Place
    """Chain and TrainingRuns."""
    register_place: encoding.Place
    """Chain and ConsentRegister."""
    blobs: Sequence[ports.Store]
    """Where headers may still be."""
    journal: journal.Journal
    """The node's: states and local states."""
    keeping: keeping.Keeping
    read: Callable[[people.Persons], tuple[recipes.Rows, people.Kept]]
    """Reads the table's rows of some people."""
    least: int
    """Fewest people whose sum may be shown: the dataset's minimum cohort."""
    rule: privacy.Rule
    """What the owner wants done about small cells."""

    @property
    def current(self) -> views.RunView:
        """The run."""
        return self.view.runs[self.run_id]

    @property
    def seat(self) -> events.Enrolled:
        """What the member brought."""
        return self.current.enrolled[self.member_id]


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """What was found about one contribution."""

    round_index: int
    attempt: int
    persons: int
    """How many people its note says."""
    rows: int
    """How many rows its note says."""
    held_back: int
    """How many people with consent were held back."""
    problems: tuple[str, ...]
    """What does not match, in words, without anything that says who somebody is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What came out of an audit."""

    checked: tuple[Checked, ...]
    missing: tuple[str, ...]
    """What could not be looked at, and why."""

    @property
    def holds(self) -> bool:
        """Whether something was looked at and all of it matches."""
        return bool(self.checked) and not any(each.problems for each in self.checked)


def audit(case: Case) -> Report:
    """Return what is found about every contribution of a member to a run.

    Raises:
        errors.InputError: the member has no seat in the run or one of several datasets, or this home keeps no register.
        errors.KeyRefused: this home's keys do not open its register.
    """
    current = case.current
    if case.member_id not in current.enrolled or current.roster is None:
        raise errors.InputError(
            "this member has sent nothing in this run", which=f"member {case.member_id}", next_step="see `run show`"
        )
    if len(current.offered_by(case.member_id)) > 1:
        raise errors.InputError(
            "a contribution of several datasets cannot be computed again yet: that takes all of their tables at once",
            which=f"member {case.member_id}, run {ids.format_id(case.run_id)[:14]}",
            expected="one dataset",
            got=f"{len(current.offered_by(case.member_id))} datasets",
            next_step="see what each dataset gave on the owner's page, and in `commons run show`",
        )
    checked, missing = [], []
    with case.keeping.register() as kept, case.keeping.notes() as noted:
        kept.column(case.seat.dataset_id)
        auditor = _Auditor(case, current.roster, kept, noted, _Register.of(case, kept))
        for at, submitted in _submitted(case):
            try:
                checked.append(auditor.check(at, submitted))
            except errors.BlobNotFound:
                missing.append(f"round {at[0]} attempt {at[1]}: its header is in no store any more")
    return Report(tuple(checked), tuple(missing))


def _submitted(case: Case) -> Iterator[tuple[views.AttemptPlace, events.Submitted]]:
    for at in sorted(case.current.attempts):
        sent = case.current.attempts[at].submits.get(case.member_id)
        if sent is not None:
            yield at, sent


@dataclasses.dataclass(frozen=True, slots=True)
class _Register:
    """The register as decisions see it, with what is wrong with it as a whole."""

    entries: list[coverage.Entry]
    terms: list[coverage.Terms]
    forged: dict[bytes, str]
    """Tag -> what does not match between its entry and its record."""

    @classmethod
    def of(cls, case: Case, kept: register.Register) -> "_Register":
        """Read all of it, and hold every entry against its record: what is looked at must be what was signed."""
        dataset, terms = case.seat.dataset_id, kept.terms()
        entries, forged = list(kept.entries(dataset)), {}
        for entry in entries:
            entered = kept.get(dataset, entry.number)
            if not _says_the_same(entry, entered, terms, kept.leaf(dataset, entry.number)):
                forged[entry.tag] = f"consent {entry.number} is used otherwise than it was given"
        return cls(entries, terms, forged)


def _says_the_same(
    entry: coverage.Entry, entered: briefs.Entered, terms: Sequence[coverage.Terms], leaf: trees.Leaf
) -> bool:
    record = entered.record
    return (
        record.tag == entry.tag
        and briefs.terms_of(record) == terms[entry.terms]
        and (record.expiry, record.majority, record.max_uses) == (entry.expiry, entry.majority, entry.max_uses)
        and entered.commitment == leaf.commitment
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Auditor:
    """One audit under way."""

    case: Case
    roster: events.RosterFixed
    kept: register.Register
    noted: notes.Notes
    register: _Register

    def check(self, at: views.AttemptPlace, submitted: events.Submitted) -> Checked:
        """Return what is found about the contribution to an attempt; raises ``errors.BlobNotFound``."""
        before = self.case.journal.state(self.case.run_id, at[0])
        if before is None:
            return Checked(*at, 0, 0, 0, ("the node has no state to compute it again from",))
        value = state.decode(before.data)
        declared = self.case.terms.recipe.blocks(value)
        made = self._committee(at).session(submitted.sid, blocks.words(declared))
        committed = self._commitment(made, submitted)
        if committed == header.NO_REGISTER:
            return Checked(*at, 0, 0, 0, ("its header commits to nobody's consent",))
        note = self.noted.get(committed)
        if note is None:
            return Checked(*at, 0, 0, 0, ("the node has nothing that opens its header's commitment",))
        record = note.record
        problems = [
            *self._in_place(at, submitted, record),
            *self._on_the_ledger(at, record),
            *self._people(note),
            *self._again(_Round(at[0], value, declared, made), note),
        ]
        return Checked(*at, record.persons, record.rows, record.held_back, tuple(problems))

    def _committee(self, at: views.AttemptPlace) -> agents.Committee:
        """Return who summed at an attempt."""
        case, epoch = self.case, self.case.current.epoch_of(at)
        keys = agents.keys_of(case.run_id, case.current, self.roster, case.place, epoch=epoch, fetch=self._fetch)
        return agents.make_committee(case.run_id, case.current.spec, self.roster, keys, epoch=epoch)

    def _commitment(self, made: session.Session, submitted: events.Submitted) -> bytes:
        """Return what the header of a Submit commits to."""
        raw = self._fetch(submitted.header_digest, contributing.MOST_HEADER)
        return header.parse(raw, made, self.case.member_id).commitment.consent

    def _fetch(self, digest: ids.Digest, limit: int) -> bytes:
        """Return a blob that one of the stores has; raises ``errors.BlobNotFound``."""
        for store in self.case.blobs:
            try:
                raw = store.get(digest, limit)
            except errors.BlobNotFound:
                continue
            if ids.digest(raw) == digest:
                return raw
        raise errors.BlobNotFound("no store has it", which=ids.format_digest(digest))

    def _in_place(
        self, at: views.AttemptPlace, submitted: events.Submitted, record: consents.RowsRecord
    ) -> Iterator[str]:
        """Check that the note is about this contribution."""
        seat = self.case.seat
        expected = {
            "run": self.case.run_id,
            "round_index": at[0],
            "attempt": at[1],
            "sid": submitted.sid,
            "dataset": seat.dataset_id,
            "dataset_version": seat.version,
        }
        for name, value in expected.items():
            if getattr(record, name) != value:
                yield f"its note is about another {name.replace('_', ' ')}"

    def _on_the_ledger(self, at: views.AttemptPlace, record: consents.RowsRecord) -> Iterator[str]:
        """Check that the note names the register as the ledger showed it, and not an older one than the node had seen."""
        since = self._began(at)
        if record.block < since.block or record.time < since.time:
            yield "it was made with consents as they stood before the round began"
        shown = self._shown(record.block)
        if shown is None or (shown.root, shown.status) != (record.root, record.status):
            yield "its note names another register than the ledger showed"
            return
        posting = register.Posting(shown.root, shown.leaves, shown.status)
        if not self.kept.is_sound(self.case.register_place, record.dataset, posting):
            yield "the register here is not the one that was posted to the ledger"

    def _began(self, at: views.AttemptPlace) -> events.Position:
        """Return the newest thing that the node had seen for certain when it began with an attempt."""
        current = self.case.current
        before = [
            sent.at
            for place, seen in current.attempts.items()
            if place < at
            for sent in (*seen.submits.values(), *seen.reveals.values())
        ]
        first = current.roster.at if current.roster is not None else current.opened
        return max([first, *before], key=lambda position: (position.block, position.index))

    def _shown(self, block: int) -> events.RegisterPosted | None:
        shown = self.case.view.registers.get(self.case.seat.dataset_id)
        return None if shown is None else shown.posted_at(block)

    def _people(self, note: notes.Note) -> Iterator[str]:
        """Check that everybody in a note had consented, and that it does not come near an earlier one."""
        record = note.record
        if people.people_root(note.people, record.salt) != record.people or len(note.people) != record.persons:
            yield "the people here are not those that its note commits to"
        said = coverage.decide(self.register.entries, self.register.terms, self._use(), self._moment(record))
        reasons = [said.get(tag, coverage.Refusal.UNKNOWN) for tag in note.people]
        refused = collections.Counter(why.value for why in reasons if why is not None)
        for why, count in sorted(refused.items()):
            yield f"the rows of {count} {'person' if count == 1 else 'people'} without consent are in it ({why})"
        yield from sorted({self.register.forged[tag] for tag in note.people & self.register.forged.keys()})
        yield from self._told_of_few(note)

    def _told_of_few(self, note: notes.Note) -> Iterator[str]:
        """Check that a note's people are far from every other set, and from those before it together, as the node had to."""
        least = max(self.case.least, people.FEWEST_PEOPLE)
        sets = self.noted.sets(note.record.dataset)
        apart = coverage.nearest(note.people, sets, least)
        if apart is not None:
            yield f"its people differ in only {apart} from those of another contribution"
        before = sets[: sets.index(note.people)]
        exposed = differencing.History.of(before, note.people).exposed(note.people, least)
        if exposed is not None:
            yield f"with several contributions before it tells of only {len(exposed)} people"

    def _use(self) -> coverage.Use:
        return agents.use_of(self.case.run_id, self.case.current.spec, self.case.terms)

    def _moment(self, record: consents.RowsRecord) -> coverage.Moment:
        """Return what was known when the contribution was made; a withdrawal in that very second may have come after."""
        shown = self.case.view.registers.get(record.dataset)
        posted = self._shown(record.block)
        gone = () if shown is None else shown.withdrawn.values()
        on_ledger = standing.taken_back(each for each in gone if each.at.block <= record.block)
        return coverage.Moment(
            now=record.time,
            posted=0 if posted is None else posted.leaves,
            withdrawn=self.kept.taken_back(record.dataset, on_ledger, record.time - 1),
            guarded=standing.guarded_at(self.case.view, record.time, record.block),
            runs_before=self.noted.runs_of(record.dataset, but=self.case.run_id),
        )

    def _again(self, at: "_Round", note: notes.Note) -> Iterator[str]:
        """Compute the contribution again from the rows of the people in its note."""
        record, dataset = note.record, note.record.dataset
        column, secret = self.kept.column(dataset), self.kept.tagger(dataset)
        rows, found = self.case.read(people.Persons(column, secret, note.people))
        count = rows.train.rows + rows.held_out.rows
        present = frozenset(coverage.tag_of(secret, key) for key in found)
        if (present, count) != (note.people, record.rows):
            yield f"the table has {count} rows of {len(present)} of its people, its note says {record.rows} of {record.persons}"
        made, member = self.case.terms.recipe, self.case.member_id
        local = self.case.journal.local(self.case.run_id, at.index)
        draws = np.random.default_rng([made.seed, member, at.index])
        seed = self.case.journal.dataset_secret(dataset, os.urandom)
        if made.protection is not None:
            secret = bringing.noise_secret(seed, self.case.run_id, at.index)
            contribution = differential.added(at.blocks, [made.protected(at.before, rows, secret).numbers])
        else:
            guarded = privacy.guard(made, rows, self.case.rule)
            contribution, _ = made.contribute(at.before, guarded, local_state=local, rng=draws)
            contribution = privacy.withheld(made, at.before, contribution, self.case.rule)
            contribution = privacy.with_noise(made, contribution, self.case.rule, seed)
        members = len(at.session.member_ids)
        vector = quantise.encode(at.blocks, contribution, members=members, word_bits=at.session.suite.word_bits)
        if consents.vector_digest(record.salt, suite.byte_view(vector)) != record.vector:
            yield "it was not computed from the rows of the people in its note (or on a machine that rounds otherwise)"


@dataclasses.dataclass(frozen=True, slots=True)
class _Round:
    """What a contribution is computed again from."""

    index: int
    before: state.State
    blocks: tuple[blocks.Block, ...]
    session: session.Session
