"""The catalogue: members, datasets, problems and models as rows of an SQLite file with full-text search.

It is made of what the ledger says and what the store holds, and of nothing else: throw the file away and it is built
again. Documents are kept by their digest, so a refresh fetches only new ones; one that is missing now or cannot be read
leaves its entry with the ledger's facts and is asked for again. Called by the command line and the owner's page. Ranking
is SQLite's (FTS5, BM25); nothing here decides who may use what.
"""

import contextlib
import dataclasses
import enum
import json
import pathlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from aicommons.domain import cards, documents, encoding, errors, ids, profiles
from aicommons.protocol import ports
from aicommons.protocol import view as views

D = TypeVar("D", bound=documents.Document)

SCHEMA = """
CREATE TABLE IF NOT EXISTS kept(digest BLOB PRIMARY KEY, data BLOB NOT NULL);
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
        papers = _Papers(self._db, store)
        entries = list(_entries(view, papers))
        with self._transaction():
            self._db.execute("DELETE FROM entry")
            self._db.execute("DELETE FROM words")
            self._db.executemany("INSERT OR REPLACE INTO entry VALUES(?, ?, ?, ?, ?, ?)", map(_row, entries))
            self._db.executemany("INSERT INTO words VALUES(?, ?, ?, ?)", map(_words, entries))
        return papers.missing

    def find(self, text: str = "", *, kind: Kind | None = None, country: str | None = None) -> list[Entry]:
        """Return at most ``MOST_FOUND`` entries with all words of ``text``, best first; all of them for no words.

        A word also finds longer ones that begin with it; case and accents do not matter.
        """
        terms = " ".join(f'"{word}"*' for word in WORD.findall(text))
        if terms:
            query = (
                "SELECT e.* FROM words w JOIN entry e ON e.kind = w.kind AND e.id = w.id "
                "WHERE words MATCH ? AND (? IS NULL OR e.kind = ?) AND (? IS NULL OR e.country = ?) "
                "ORDER BY bm25(words, 0, 0, 5, 1), e.kind, e.id LIMIT ?"
            )
            given: list[object] = [terms]
        else:
            query = (
                "SELECT e.* FROM entry e WHERE (? IS NULL OR e.kind = ?) AND (? IS NULL OR e.country = ?) "
                "ORDER BY e.kind, e.title, e.id LIMIT ?"
            )
            given = []
        name = None if kind is None else kind.value
        return [_entry(row) for row in self._db.execute(query, [*given, name, name, country, country, MOST_FOUND])]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


class _Papers:
    """Documents by digest: from the file, else from the store."""

    def __init__(self, db: sqlite3.Connection, store: ports.Store) -> None:
        self._db = db
        self._store = store
        self.missing = 0

    def read(self, kind: type[D], digest: bytes) -> D | None:
        """Return a document, or ``None`` when it cannot be had or read now."""
        if not any(digest):
            return None
        try:
            return kind.decode(self._get(digest))
        except (errors.BlobNotFound, errors.StoreUnreachable, errors.StoreRefused, errors.DigestMismatch):
            self.missing += 1
        except (errors.DecodeError, errors.InputError):
            pass  # somebody else's mistake: the entry shows what the ledger says
        return None

    def _get(self, digest: bytes) -> bytes:
        row = self._db.execute("SELECT data FROM kept WHERE digest = ?", (digest,)).fetchone()
        if row is not None:
            return bytes(row[0])
        data = self._store.get(digest, encoding.MAX_DOCUMENT)
        self._db.execute("INSERT OR IGNORE INTO kept VALUES(?, ?)", (digest, data))
        return data


def _entries(view: views.LedgerView, papers: _Papers) -> Iterator[Entry]:
    for member_id, admitted in view.members.items():
        profile = papers.read(profiles.Profile, admitted.profile)
        country = None if profile is None else profile.country
        yield _described(Kind.MEMBER, str(member_id), profile, member=member_id, country=country)
    for dataset_id, listed in view.datasets.items():
        card = papers.read(cards.DatasetCard, listed.card)
        yield _described(Kind.DATASET, str(dataset_id), card, member=listed.owner)
    for problem_id, stated in view.problems.items():
        problem = papers.read(documents.Problem, stated.document)
        yield _described(Kind.PROBLEM, ids.format_id(problem_id), problem, member=stated.owner)
    for run_id, current in view.runs.items():
        if current.model is not None:
            model = papers.read(documents.ModelCard, current.model.card)
            yield _described(Kind.MODEL, ids.format_id(run_id), model, member=current.spec.solver)


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
