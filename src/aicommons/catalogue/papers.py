"""Documents by digest, fetched from the store once and kept in the catalogue's file.

Whatever the catalogue says rests on documents that others wrote: cards, policies, problems, profiles. Their digests are on
the ledger, so one that was read once is read from here for ever. Called by ``projection`` and ``matching``, and by whoever
asks these. Whether a document is true is nobody's business here.
"""

import sqlite3
from typing import TypeVar

from aicommons.domain import documents, encoding, errors, ids
from aicommons.protocol import ports

D = TypeVar("D", bound=documents.Document)

SCHEMA = "CREATE TABLE IF NOT EXISTS kept(digest BLOB PRIMARY KEY, data BLOB NOT NULL);"


class Papers:
    """Documents by digest: from the file, else from the store."""

    def __init__(self, db: sqlite3.Connection, store: ports.Store) -> None:
        self._db = db
        self._store = store
        self._read: dict[tuple[type[documents.Document], bytes], documents.Document | None] = {}
        self.missing = 0
        """How often a document could not be had that may come later."""

    def read(self, kind: type[D], digest: bytes) -> D | None:
        """Return a document, or ``None`` when it cannot be had or read now."""
        if not any(digest):
            return None
        if (kind, digest) not in self._read:
            try:
                self._read[kind, digest] = self._decoded(kind, digest)
            except (errors.BlobNotFound, errors.StoreUnreachable, errors.StoreRefused, errors.DigestMismatch):
                self.missing += 1
                return None
        found = self._read[kind, digest]
        return found if isinstance(found, kind) else None

    def _decoded(self, kind: type[D], digest: bytes) -> D | None:
        try:
            return kind.decode(self._get(digest))
        except (errors.DecodeError, errors.InputError):
            return None  # somebody else's mistake, and it stays one: the digest is of these bytes

    def _get(self, digest: bytes) -> bytes:
        row = self._db.execute("SELECT data FROM kept WHERE digest = ?", (digest,)).fetchone()
        if row is not None:
            return bytes(row[0])
        data = self._store.get(ids.Digest(digest), encoding.MAX_DOCUMENT)
        self._db.execute("INSERT OR IGNORE INTO kept VALUES(?, ?)", (digest, data))
        return data
