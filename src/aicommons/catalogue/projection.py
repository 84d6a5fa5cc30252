"""The catalogue: members, datasets, problems and models as rows of an SQLite file with full-text search.

It is made of what the ledger says and what the store holds, and of nothing else: throw the file away and it is built
again. Documents are kept by their digest, so a refresh fetches only new ones; one that is missing now or cannot be read
leaves its entry with the ledger's facts and is asked for again. Called by the command line and the owner's page. Ranking
is SQLite's (FTS5, BM25); nothing here decides who may use what.
"""

import contextlib
import dataclasses
import enum
import itertools
import json
import pathlib
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence

from aicommons.catalogue import papers
from aicommons.domain import cards, documents, errors, ids, profiles
from aicommons.protocol import ports, registry
from aicommons.protocol import view as views

SCHEMA = f"""
{papers.SCHEMA}
CREATE TABLE IF NOT EXISTS entry(
    kind TEXT, id TEXT, title TEXT NOT NULL, country TEXT, member INTEGER, facts TEXT NOT NULL, PRIMARY KEY(kind, id)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(kind UNINDEXED, id UNINDEXED, title, body, tokenize='unicode61');
"""
MOST_FOUND = 200
WORD = re.compile(r"\w+")


class Kind(enum.Enum):
    """What can be found."""

    MEMBER = "member"
    DATASET = "dataset"
    PROBLEM = "problem"
    MODEL = "model"


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the catalogue."""

    kind: Kind
    """What it is."""
    id: str
    """Number of a member or dataset, ``0x…`` of a problem or run."""
    title: str
    """As its document says, or empty when the document cannot be read now."""
    country: str | None
    """Of a member, by ISO 3166-1."""
    member: int | None
    """Who it is or whose it is."""
    facts: dict[str, object]
    """What else is known, as JSON."""


class Catalogue:
    """One file; ``refresh`` brings it up to date, everything else asks it."""

    def __init__(self, path: pathlib.Path) -> None:
        """Open or make the file.

        Raises:
            errors.InputError: there is something else at ``path``.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError as err:
            raise errors.InputError(
                "the catalogue cannot be opened", which=str(path), next_step="delete the file; it is built again"
            ) from err

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def refresh(self, view: views.LedgerView, store: ports.Store) -> int:
        """Write everything anew from ``view``, fetching documents that are not kept; return how many are missing."""
        found = self.library(store)
        entries = list(_entries(view, found))
        with self._transaction():
            self._db.execute("DELETE FROM entry")
            self._db.execute("DELETE FROM words")
            self._db.executemany("INSERT OR REPLACE INTO entry VALUES(?, ?, ?, ?, ?, ?)", map(_row, entries))
            self._db.executemany("INSERT INTO words VALUES(?, ?, ?, ?)", map(_words, entries))
        return found.missing

    def library(self, store: ports.Store) -> papers.Papers:
        """Return the documents that are kept here, and those that ``store`` has beside them."""
        return papers.Papers(self._db, store)

    def find(
        self,
        text: str = "",
        *,
        kind: Kind | None = None,
        country: str | None = None,
        wanted: Callable[[Entry], bool] = lambda _: True,
    ) -> list[Entry]:
        """Return at most ``MOST_FOUND`` ``wanted`` entries with all words of ``text``, best first; all for no words.

        A word also finds longer ones that begin with it; case and accents do not matter.
        """
        terms = " ".join(f'"{word}"*' for word in WORD.findall(text))
        if terms:
            query = (
                "SELECT e.* FROM words w JOIN entry e ON e.kind = w.kind AND e.id = w.id "
                "WHERE words MATCH ? AND (? IS NULL OR e.kind = ?) AND (? IS NULL OR e.country = ?) "
                "ORDER BY bm25(words, 0, 0, 5, 1), e.kind, e.id"
            )
            given: list[object] = [terms]
        else:
            query = (
                "SELECT e.* FROM entry e WHERE (? IS NULL OR e.kind = ?) AND (? IS NULL OR e.country = ?) "
                "ORDER BY e.kind, e.title, e.id"
            )
            given = []
        name = None if kind is None else kind.value
        rows = self._db.execute(query, [*given, name, name, country, country])
        return list(itertools.islice(filter(wanted, map(_entry, rows)), MOST_FOUND))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _entries(view: views.LedgerView, found: papers.Papers) -> Iterator[Entry]:
    for member_id, admitted in view.members.items():
        profile = _profile(found, admitted)
        country = None if profile is None else profile.country
        yield _described(Kind.MEMBER, str(member_id), profile, member=member_id, country=country)
    for dataset_id, listed in view.datasets.items():
        card = found.read(cards.DatasetCard, listed.card)
        yield _described(Kind.DATASET, str(dataset_id), card, member=listed.owner)
    for problem_id, stated in view.problems.items():
        problem = found.read(documents.Problem, stated.document)
        yield _described(Kind.PROBLEM, ids.format_id(problem_id), problem, member=stated.owner)
    for run_id, current in view.runs.items():
        if current.model is not None:
            model = found.read(documents.ModelCard, current.model.card)
            yield _described(Kind.MODEL, ids.format_id(run_id), model, member=current.spec.solver)


def _profile(found: papers.Papers, member: registry.MemberView) -> profiles.Profile | None:
    """Return what a member says about itself now, under the name and in the country that it was admitted with."""
    before = found.read(profiles.Profile, member.profile)
    if member.newest_profile is None:
        return before
    said = found.read(profiles.Profile, member.newest_profile)
    if said is None or before is None:
        return before
    return dataclasses.replace(said, title=before.title, country=before.country)


def _described(
    kind: Kind, name: str, document: documents.Document | None, *, member: int, country: str | None = None
) -> Entry:
    facts = {} if document is None else json.loads(document.encode())
    return Entry(kind, name, str(facts.get("title", "")), country, member, facts)


def _row(entry: Entry) -> Sequence[object]:
    facts = json.dumps(entry.facts, sort_keys=True)
    return entry.kind.value, entry.id, entry.title, entry.country, entry.member, facts


def _words(entry: Entry) -> Sequence[object]:
    return entry.kind.value, entry.id, entry.title, " ".join(_texts(entry.facts))


def _texts(value: object) -> Iterable[str]:
    """Yield every text in a JSON value; names of fields are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _entry(row: Sequence[object]) -> Entry:
    kind, name, title, country, member, facts = row
    return Entry(
        Kind(kind),
        str(name),
        str(title),
        None if country is None else str(country),
        None if not isinstance(member, int) else member,
        json.loads(str(facts)),
    )
