"""What the node notes of every contribution from a dataset with a register: whose rows went in, as it was committed to.

The header of the masked vector carries the digest of each note's record, so that an auditor can ask for it. Written by
the node before a contribution leaves, read by ``people`` (which sets went before) and by ``audit``. The people stand in
it by their tags, sealed under the register's key.
"""

import dataclasses
import hashlib
import hmac
import pathlib
from collections.abc import Mapping, Sequence

from aicommons.domain import consents
from aicommons.learning.secagg import header
from aicommons.node import frames
from aicommons.node.consents import appending, sealing

SCHEMA = """
CREATE TABLE IF NOT EXISTS people(name BLOB PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS note(place INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, dataset INTEGER NOT NULL,
  run BLOB NOT NULL, round INTEGER NOT NULL, attempt INTEGER NOT NULL, people BLOB NOT NULL,
  live BLOB NOT NULL, sealed BLOB NOT NULL);
"""
TAG_BYTES = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """Whose rows went into one contribution, with what opens its commitment."""

    record: consents.RowsRecord
    people: frozenset[bytes]
    """Tags of everybody whose rows are in."""
    live: bytes
    """Names what was asked for: whose consent covered the use, and which columns were read; 32 bytes."""


def encode(note: Note) -> bytes:
    """Return a note as the frames that a job hands to its node."""
    return frames.join([note.record.encode(), note.live, b"".join(sorted(note.people))])


def decode(data: bytes) -> Note:
    """Return what ``encode`` wrote."""
    record, live, listed = frames.split(data)
    return Note(consents.RowsRecord.decode(record), _tags(listed), live)


def committed(records: Sequence[consents.RowsRecord]) -> bytes:
    """Return what a header commits to, 32 bytes: one note's record, or those of several datasets; zero without any."""
    names = [each.digest for each in records]
    if len(names) < 2:
        return names[0] if names else header.NO_REGISTER
    return hashlib.sha256(b"aic/notes" + b"".join(sorted(names))).digest()


def _tags(listed: bytes) -> frozenset[bytes]:
    return frozenset(listed[at : at + TAG_BYTES] for at in range(0, len(listed), TAG_BYTES))


class Notes:
    """One home's notes."""

    def __init__(self, path: pathlib.Path, key: sealing.Key) -> None:
        """Open the file at ``path``; raises ``errors.InputError`` when it is damaged."""
        self._file = appending.AppendOnly(path, SCHEMA, ("people", "note"))
        self._key = key
        self._naming = key.derive(b"sets of people")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def keep(self, note: Note) -> None:
        """Record whose rows are in a contribution, before it leaves; the same note again is no error.

        A node that is killed between this and sending makes another contribution with another note: the first one then
        stands for bytes that nobody got, which costs nothing but caution.
        """
        record, name = note.record, self.name_of(note.people)
        with self._file.transaction():
            listed = self._key.seal(b"".join(sorted(note.people)), b"people" + name)
            self._file.add("INSERT OR IGNORE INTO people VALUES(?, ?)", name, listed)
            self._file.add(
                "INSERT OR IGNORE INTO note(digest, dataset, run, round, attempt, people, live, sealed) "
                "VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                *(record.digest, record.dataset, record.run, record.round_index, record.attempt),
                *(name, note.live, self._key.seal(record.encode(), b"note")),
            )

    def name_of(self, people: frozenset[bytes]) -> bytes:
        """Return what names a set of people here: 32 bytes that tell nothing without the register's key."""
        return hmac.digest(self._naming, b"".join(sorted(people)), "sha256")

    def get(self, digest: bytes) -> Note | None:
        """Return the note that a header commits to."""
        row = self._file.first("SELECT sealed, people, live FROM note WHERE digest = ?", digest)
        return None if row is None else self._note(*row)

    def _note(self, sealed: bytes, name: bytes, live: bytes) -> Note:
        return Note(consents.RowsRecord.decode(self._key.open(sealed, b"note")), self._people(name), live)

    def newest(self, dataset: int, run: bytes, round_index: int, attempt: int) -> Note | None:
        """Return the note of what was last made of a dataset for an attempt."""
        query = (
            "SELECT sealed, people, live FROM note WHERE dataset = ? AND run = ? AND round = ? AND attempt = ? "
            "ORDER BY place DESC LIMIT 1"
        )
        row = self._file.first(query, dataset, run, round_index, attempt)
        return None if row is None else self._note(*row)

    def of_run(self, run: bytes) -> list[Note]:
        """Return the notes of a run, in order."""
        query = "SELECT sealed, people, live FROM note WHERE run = ? ORDER BY round, attempt, place"
        return [self._note(*row) for row in self._file.all(query, run)]

    def sets(self, dataset: int) -> list[frozenset[bytes]]:
        """Return the distinct sets of people that went into contributions from a dataset, oldest first."""
        query = "SELECT people, min(place) AS first FROM note WHERE dataset = ? GROUP BY people ORDER BY first"
        return [self._people(name) for name, _ in self._file.all(query, dataset)]

    def last(self, dataset: int, live: bytes) -> Note | None:
        """Return the newest note of a contribution for which the same was asked, if there is one."""
        query = "SELECT sealed, people, live FROM note WHERE dataset = ? AND live = ? ORDER BY place DESC LIMIT 1"
        row = self._file.first(query, dataset, live)
        return None if row is None else self._note(*row)

    def runs_of(self, dataset: int, *, but: bytes) -> Mapping[bytes, int]:
        """Return tag -> in how many runs that person's rows were used, run ``but`` not counted."""
        used: dict[bytes, set[bytes]] = {}
        query = "SELECT DISTINCT run, people FROM note WHERE dataset = ? AND run != ?"
        for run, name in self._file.all(query, dataset, but):
            used.setdefault(run, set()).update(self._people(name))
        counts: dict[bytes, int] = {}
        for tag in (tag for tags in used.values() for tag in tags):
            counts[tag] = counts.get(tag, 0) + 1
        return counts

    def _people(self, name: bytes) -> frozenset[bytes]:
        row = self._file.first("SELECT sealed FROM people WHERE name = ?", name)
        return frozenset() if row is None else _tags(self._key.open(row[0], b"people" + name))
