"""What the node notes of every contribution from a dataset with a register: whose rows went in, as it was committed to.

The header of the masked vector carries the digest of each note's record, so that an auditor can ask for it. Written by
the node before a contribution leaves, read by ``people`` (which sets went before) and by ``audit``. The people stand in
it by their tags, sealed under the register's key.
"""

import dataclasses
import hmac
import pathlib
from collections.abc import Mapping

from aicommons.domain import consents, errors
from aicommons.node.consents import appending, sealing

SCHEMA = """
CREATE TABLE IF NOT EXISTS people(name BLOB PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS note(place INTEGER PRIMARY KEY, sid BLOB NOT NULL UNIQUE, dataset INTEGER NOT NULL,
  run BLOB NOT NULL, round INTEGER NOT NULL, attempt INTEGER NOT NULL, digest BLOB NOT NULL, people BLOB NOT NULL,
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

        Raises:
            errors.JournalConflict: another one was recorded for this session.
        """
        record, name = note.record, self.name_of(note.people)
        with self._file.transaction():
            row = self._file.first("SELECT digest FROM note WHERE sid = ?", record.sid)
            if row is not None and row[0] != record.digest:
                raise errors.JournalConflict(
                    "whose rows were used was noted otherwise before", which=record.sid.hex()[:16]
                )
            listed = self._key.seal(b"".join(sorted(note.people)), b"people" + name)
            self._file.add("INSERT OR IGNORE INTO people VALUES(?, ?)", name, listed)
            self._file.add(
                "INSERT OR IGNORE INTO note(sid, dataset, run, round, attempt, digest, people, live, sealed) "
                "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(record.sid, record.dataset, record.run, record.round_index, record.attempt, record.digest),
                *(name, note.live, self._key.seal(record.encode(), record.sid)),
            )

    def name_of(self, people: frozenset[bytes]) -> bytes:
        """Return what names a set of people here: 32 bytes that tell nothing without the register's key."""
        return hmac.digest(self._naming, b"".join(sorted(people)), "sha256")

    def get(self, sid: bytes) -> Note | None:
        """Return the note of the contribution to a session."""
        row = self._file.first("SELECT sealed, people, live FROM note WHERE sid = ?", sid)
        if row is None:
            return None
        record = consents.RowsRecord.decode(self._key.open(row[0], sid))
        return Note(record, self._people(row[1]), row[2])

    def of_run(self, run: bytes) -> list[Note]:
        """Return the notes of a run, in order."""
        rows = self._file.all("SELECT sid FROM note WHERE run = ? ORDER BY round, attempt", run)
        return [note for (sid,) in rows if (note := self.get(sid)) is not None]

    def sets(self, dataset: int) -> list[frozenset[bytes]]:
        """Return the distinct sets of people that went into contributions from a dataset, oldest first."""
        query = "SELECT people, min(place) AS first FROM note WHERE dataset = ? GROUP BY people ORDER BY first"
        return [self._people(name) for name, _ in self._file.all(query, dataset)]

    def last_set(self, dataset: int, live: bytes) -> frozenset[bytes] | None:
        """Return who went in when the same was asked for last, if that was ever so."""
        query = "SELECT people FROM note WHERE dataset = ? AND live = ? ORDER BY place DESC LIMIT 1"
        row = self._file.first(query, dataset, live)
        return self._people(row[0]) if row is not None else None

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
        listed = b"" if row is None else self._key.open(row[0], b"people" + name)
        return frozenset(listed[at : at + TAG_BYTES] for at in range(0, len(listed), TAG_BYTES))
