"""The signing journal: what was signed with the node's key, and beside it the epoch keys; backups exclude both.

A node signs one message per type and scope, ever (secure-aggregation section 2, "Who signs what"): the same message may
be signed again, another one is refused. A node restored from a backup has no epoch key and waits for the next run: the
folder carries a CACHEDIR.TAG, which backup programs honour. A rolled-back file is noticed at start, when the ledger
shows a Commit that it does not know (``reconciler``). What a node must remember of a participant set stands here and not
in the ordinary journal, which may come back from a backup.
"""

import dataclasses
import pathlib
import sqlite3

from aicommons.domain import encoding, errors, messages
from aicommons.node import epoch_keys
from aicommons.protocol import ports

SCHEMA = """
CREATE TABLE IF NOT EXISTS signed(kind TEXT, scope BLOB, digest BLOB NOT NULL, PRIMARY KEY(kind, scope));
CREATE TABLE IF NOT EXISTS payload(kind TEXT, scope BLOB, data BLOB NOT NULL, PRIMARY KEY(kind, scope));
"""

CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Epoch keys must not come back from a backup.\n"
"""What makes backup programs leave a folder out (Cache Directory Tagging Specification)."""


class SigningJournal:
    """Signs at most once per scope. One per node, opened once per process."""

    def __init__(self, path: pathlib.Path, signer: ports.Signer, place: encoding.Place) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        tag = path.parent / "CACHEDIR.TAG"
        if not tag.exists():
            tag.write_text(CACHE_TAG)
        self.keys = epoch_keys.EpochKeys(path.parent / "epochs", self)
        self._signer = signer
        self._place = place
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode=TRUNCATE")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError as err:
            raise errors.InputError(
                "the signing journal cannot be opened",
                which=str(path),
                next_step="move the file away and start again; this node then waits for the next run",
            ) from err

    def __repr__(self) -> str:
        return f"SigningJournal({str(self._path)!r})"

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def sign(self, message: messages.Message) -> bytes:
        """Return the signature of ``message``, recorded before it is made.

        Raises:
            errors.JournalConflict: another message of this type and scope was signed before.
        """
        digest = encoding.message_digest(self._place, message)
        self.bind(type(message).__name__, scope_of(message), digest)
        return self._signer.sign_digest(digest)

    def bind(self, kind: str, scope: bytes, digest: bytes) -> None:
        """Record that ``digest`` is this node's only word of ``kind`` on ``scope``.

        Raises:
            errors.JournalConflict: it gave another word before.
        """
        row = self._db.execute("SELECT digest FROM signed WHERE kind = ? AND scope = ?", (kind, scope)).fetchone()
        if row is None:
            try:
                self._db.execute("INSERT INTO signed VALUES(?, ?, ?)", (kind, scope, digest))
            except sqlite3.OperationalError as err:
                if "full" in str(err):
                    raise errors.StorageFull("no room left for the signing journal", which=str(self._path)) from err
                raise
        elif row[0] != digest:
            raise errors.JournalConflict(f"a different {kind} was signed before", which=scope.hex()[:16])

    def rebind(self, kind: str, scope: bytes, digest: bytes) -> None:
        """Replace this node's word: only for a participant set that shrank by signed exits."""
        self._db.execute("INSERT OR REPLACE INTO signed VALUES(?, ?, ?)", (kind, scope, digest))

    def word(self, kind: str, scope: bytes) -> bytes | None:
        """Return this node's word of ``kind`` on ``scope``, if it gave one."""
        row = self._db.execute("SELECT digest FROM signed WHERE kind = ? AND scope = ?", (kind, scope)).fetchone()
        return row[0] if row else None

    def keep_payload(self, kind: str, scope: bytes, data: bytes) -> None:
        """Keep bytes made with fresh randomness before they are signed, so that the same ones are sent again."""
        self._db.execute("INSERT OR IGNORE INTO payload VALUES(?, ?, ?)", (kind, scope, data))

    def payload(self, kind: str, scope: bytes) -> bytes | None:
        """Return the bytes kept for ``kind`` and ``scope``."""
        row = self._db.execute("SELECT data FROM payload WHERE kind = ? AND scope = ?", (kind, scope)).fetchone()
        return row[0] if row else None


def scope_of(message: messages.Message) -> bytes:
    """Return what a message is the only one of its type for (secure-aggregation section 2)."""
    match message:
        case messages.Ack():
            return message.roster + message.epoch.to_bytes(4, "big")
        case messages.Exit():
            return bytes(message.run_id)
        case messages.Submit() | messages.Commit() | messages.Reveal() | messages.Result():
            return message.sid
        case messages.Complain():
            return message.sid + message.accused_id.to_bytes(32, "big")
        case messages.Dispute():
            numbers = (message.accused_id, message.cell, message.column)
            return message.sid + b"".join(each.to_bytes(32, "big") for each in numbers)
        case messages.Verdict():
            return message.sid + message.guilty_id.to_bytes(32, "big") + message.case_digest
        case _:
            raise TypeError(dataclasses.asdict(message))
