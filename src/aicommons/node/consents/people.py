"""Who may be trained on now: the register held against a run and the ledger, before the owner's source is opened.

Called inside a node's job through ``node/tables``. Everybody without a consent that covers the use is left out before
any number of them is read; then so many others are held back that no two contributions differ in a few people only
(``protocol/coverage``). What came out is noted, and the note's digest goes into the contribution's header.
"""

import contextlib
import dataclasses
import hashlib
import hmac
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from aicommons.domain import consents, encoding, errors
from aicommons.node.consents import notes, register, sealing, standing
from aicommons.protocol import consents as trees
from aicommons.protocol import coverage

FEWEST_PEOPLE = 2
"""Smallest group whose sum may be shown, whatever an owner says."""
WAY_BACK = (
    "it was restored from a backup, which may lack withdrawals: run `commons consent post DATASET --restored`, then enter "
    "again the papers of everybody who has not withdrawn"
)
"""What to do about a register that is not the one on the ledger."""
PEOPLE_TAG = b"AI Commons people of a contribution, version 1"


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """Whose rows are asked for, and what is left of a table once they are read."""

    dataset: int
    """Dataset id."""
    least: int
    """Fewest people whose sum may be shown: the dataset's minimum cohort."""
    use: coverage.Use
    """What the run wants."""
    standing: standing.Standing
    """What the ledger says."""


@dataclasses.dataclass(frozen=True, slots=True)
class Persons:
    """The people whose rows may be read; what ``data.reading`` asks for each row."""

    column: str
    """Column that says whose row it is."""
    secret: bytes = dataclasses.field(repr=False)
    """Under which the register names people."""
    tags: frozenset[bytes] = dataclasses.field(repr=False)
    """Who they are."""

    @property
    def digest(self) -> bytes:
        """Identity of the set: 32 bytes that tell nothing without the register's secret."""
        return hmac.digest(self.secret, b"set" + b"".join(sorted(self.tags)), "sha256")

    def is_consented(self, key: str) -> bool:
        """Return whether the person ``key`` is one of them."""
        return coverage.tag_of(self.secret, key) in self.tags


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """Whose rows went in."""

    asked: Asked
    """What was asked for."""
    people: frozenset[bytes] = dataclasses.field(repr=False)
    """Tags of everybody whose rows are in."""
    live: bytes
    """Names whose consent covered the use, and which columns were read."""
    held_back: int
    """How many more have consent and rows."""

    def note(self, at: "Place", *, rows: int, vector: memoryview, salt: bytes) -> notes.Note:
        """Return the note of a contribution; ``salt`` is 32 random bytes, ``vector`` the plain encoded one."""
        shown = self.asked.standing
        record = consents.RowsRecord(
            run=self.asked.use.run,
            round_index=at.round_index,
            attempt=at.attempt,
            sid=at.sid,
            dataset=self.asked.dataset,
            dataset_version=at.version,
            root=shown.posting.root,
            status=shown.posting.status,
            block=shown.block,
            time=shown.time,
            people=people_root(self.people, salt),
            persons=len(self.people),
            rows=rows,
            held_back=self.held_back,
            vector=consents.vector_digest(salt, vector),
            salt=salt,
        )
        return notes.Note(record, self.people, self.live)


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a contribution belongs."""

    round_index: int
    attempt: int
    sid: bytes
    version: int
    """Of the dataset, at enrolment."""


Kept = Sequence[str]
"""Distinct keys of the people whose rows were kept."""


def people_root(people: frozenset[bytes], salt: bytes) -> bytes:
    """Return the salted Merkle root over tags: everybody can be shown to be in it without showing the others."""
    leaves = sorted(hashlib.sha256(PEOPLE_TAG + salt + tag).digest() for tag in people)
    return trees.Tree.over(leaves).root


class People:
    """A home's register and notes, opened for each question: jobs run in processes of their own."""

    def __init__(self, folder: pathlib.Path, key: sealing.Key, draw: sealing.Draw) -> None:
        """Keep in mind where things are; nothing is opened yet.

        Args:
            folder: ``<home>/consents``.
            key: the register's.
            draw: returns fresh random bytes.
        """
        self._folder, self._key, self._draw = folder, key, draw

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[register.Register, notes.Notes]]:
        """Give register and notes."""
        with (
            contextlib.closing(register.Register(self._folder / "register.db", self._key)) as kept,
            contextlib.closing(notes.Notes(self._folder / "notes.db", self._key)) as noted,
        ):
            yield kept, noted

    def keep(self, note: notes.Note) -> None:
        """Record whose rows are in a contribution, before it leaves."""
        with contextlib.closing(notes.Notes(self._folder / "notes.db", self._key)) as noted:
            noted.keep(note)

    def choose(self, asked: Asked, read: Callable[[Persons], Kept]) -> Chosen:
        """Return whose rows go in; the last call of ``read`` was for exactly these people.

        Args:
            asked: whose rows are asked for.
            read: reads the rows of some people and says which of them it found; at most three times.

        Raises:
            errors.InputError: this home has no register of the dataset.
            errors.JournalConflict: the ledger shows a register that is not this one.
            errors.ContributionRefused: too few people.
            errors.TableError: what reading raises.
        """
        with self.opened() as (kept, noted):
            _check_posting(kept, asked)
            allowed = covered(kept, asked, noted.runs_of(asked.dataset, but=asked.use.run))
            live = _name_of(allowed, asked)
            earlier, last = noted.sets(asked.dataset), noted.last(asked.dataset, live)
            secret, column = kept.tagger(asked.dataset), kept.column(asked.dataset)
        chooser = _Chooser(asked, read, Persons(column, secret, allowed), earlier, self._order)
        if last is not None and chooser.present(last.people) == last.people and chooser.is_far(last.people):
            return Chosen(asked, last.people, live, last.record.held_back)
        present = chooser.present(coverage.large_enough(allowed, chooser.least))
        people = chooser.settle(present)
        return Chosen(asked, people, live, len(present) - len(people))

    def check_still(self, asked: Asked, made: notes.Note | tuple[int, int]) -> None:
        """Check that nobody whose rows are in a contribution has withdrawn since it was made.

        Args:
            asked: whose rows were asked for, and what the ledger says now.
            made: the contribution's note, or round and attempt of the run in which it was made.

        Raises:
            errors.ContributionRefused: somebody has, or there is no such note.
            errors.JournalConflict: as ``choose``.
        """
        with self.opened() as (kept, noted):
            _check_posting(kept, asked)
            note = made if isinstance(made, notes.Note) else noted.newest(asked.dataset, asked.use.run, *made)
            over = kept.taken_back(asked.dataset, asked.standing.withdrawn)
            gone = frozenset() if note is None else note.people & kept.tags_of(asked.dataset, over)
            if gone:  # only then are all consents read: some of these people may have given another one
                gone -= covered(kept, asked, noted.runs_of(asked.dataset, but=asked.use.run))
        if note is None or gone:
            raise errors.ContributionRefused(
                "somebody whose rows are in this contribution has withdrawn since it was made",
                which="consents",
                expected="rows of people who consent now",
                got="no note of whose they are" if note is None else f"{len(gone)} people who do not",
                next_step="nothing is to be done: it is not sent; another one has none of these rows",
            )

    def _order(self, tags: Sequence[bytes]) -> list[bytes]:
        seed = self._draw(32)
        return sorted(tags, key=lambda tag: hmac.digest(seed, tag, "sha256"))


@dataclasses.dataclass(frozen=True, slots=True)
class _Chooser:
    """One choice under way."""

    asked: Asked
    read: Callable[[Persons], Kept]
    allowed: Persons
    earlier: list[frozenset[bytes]]
    order: Callable[[Sequence[bytes]], Sequence[bytes]]

    @property
    def least(self) -> int:
        return max(self.asked.least, FEWEST_PEOPLE)

    def present(self, tags: frozenset[bytes]) -> frozenset[bytes]:
        """Read the rows of some people; return who of them has any that can be used."""
        found = self.read(dataclasses.replace(self.allowed, tags=tags))
        present = frozenset(coverage.tag_of(self.allowed.secret, key) for key in found)
        if not present <= tags:
            raise errors.ContributionRefused("rows were read of people without consent", which="consents")
        return present

    def is_far(self, people: frozenset[bytes]) -> bool:
        return coverage.is_far(people, self.earlier, self.least)

    def settle(self, present: frozenset[bytes]) -> frozenset[bytes]:
        """Hold people back until nothing is shown, and read again without them."""
        people = coverage.settle(present, self.earlier, self.least, order=self.order)
        if people != present and self.present(people) != people:
            raise errors.ContributionRefused(
                "the table changed while it was read", which="consents", next_step="it is tried again by itself"
            )
        return people


def covered(kept: register.Register, asked: Asked, runs_before: Mapping[bytes, int]) -> frozenset[bytes]:
    """Return the tags of everybody whose consent covers a use now."""
    said = decided(kept, asked, runs_before)
    return frozenset(tag for tag, why in said.items() if why is None)


def decided(
    kept: register.Register, asked: Asked, runs_before: Mapping[bytes, int]
) -> dict[bytes, coverage.Refusal | None]:
    """Return tag -> why the person's consent does not cover a use now, ``None`` where it does."""
    shown = asked.standing
    moment = coverage.Moment(
        now=shown.time,
        posted=shown.posting.leaves,
        withdrawn=kept.taken_back(asked.dataset, shown.withdrawn),
        guarded=shown.guarded,
        runs_before=runs_before,
    )
    return coverage.decide(kept.entries(asked.dataset), kept.terms(), asked.use, moment)


def _check_posting(kept: register.Register, asked: Asked) -> None:
    """Check that this is the register that the ledger shows: a restored one may lack withdrawals."""
    posting = asked.standing.posting
    if posting != register.NOTHING_POSTED and not kept.has_drafted(asked.dataset, posting):
        raise not_this_register(kept, asked.dataset, posting)


def not_this_register(kept: register.Register, dataset: int, posting: register.Posting) -> errors.JournalConflict:
    """Return the refusal to rely on a register other than the one on the ledger, or to put it there."""
    return errors.JournalConflict(
        "the ledger shows a consent register that this home does not have",
        which=f"dataset {dataset}",
        expected=f"{posting.leaves} consents under root {posting.root.hex()[:16]}",
        got=f"{kept.count(dataset)} consents",
        next_step=WAY_BACK,
    )


def _name_of(allowed: frozenset[bytes], asked: Asked) -> bytes:
    fields = encoding.canonical_json(sorted(asked.use.fields))
    return hashlib.sha256(PEOPLE_TAG + fields + b"".join(sorted(allowed))).digest()
