"""Which member keeps which blob, and how many bytes that makes: a SQLite table beside the blobs.

Used by the store server alone. Members are charged by their number, which stays when keys rotate: with a quota for each
key a member could multiply its own. A member pays once for each blob it asked to keep, whoever else keeps it; the blob goes
when nobody keeps it any more. A charge is committed before the blob becomes visible, so a kill in between leaves a
member charged for a blob that its next attempt completes, never a blob that nobody pays for.
"""

import contextlib
import pathlib
import sqlite3
import threading
from collections.abc import Iterator

from aicommons.domain import errors, ids
from aicommons.store import refusals

SCHEMA = """
CREATE TABLE IF NOT EXISTS keeping (
    digest BLOB NOT NULL, member INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (digest, member)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total (member INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
"""


class Quota:
    """The charges of one store; safe to call from several threads of one process."""

    def __init__(self, path: pathlib.Path, *, bytes_per_member: int) -> None:
        """Open or make the file at ``path``; every member may keep ``bytes_per_member``.

        Raises:
            errors.StoreRefused: another process has this file open, or it is damaged.
        """
        self._limit = bytes_per_member
        self._lock = threading.Lock()
        self._on_the_way: dict[ids.MemberId, int] = {}
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
            # Exclusive, because sums in memory must be true; NORMAL, because a charge lost with the power is harmless.
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(SCHEMA)
        except sqlite3.Error as err:
            raise errors.StoreRefused(
                "the store's quota cannot be opened",
                which=str(path),
                got=str(err),
                next_step="Check whether another store server runs on this folder.",
            ) from err

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def kept(self, member: ids.MemberId) -> int:
        """Return the bytes that ``member`` keeps."""
        with self._lock:
            return self._total(member)

    def check(self, member: ids.MemberId, digest: ids.Digest, length: int) -> None:
        """Check that ``member`` could keep ``length`` bytes more.

        Raises:
            refusals.Refused: over quota.
        """
        with self._lock:
            self._check(member, digest, length)

    def reserve(self, member: ids.MemberId, digest: ids.Digest, length: int) -> None:
        """Count ``length`` bytes as on their way from ``member``, so that parallel uploads cannot pass together.

        Raises:
            refusals.Refused: over quota.
        """
        with self._lock:
            on_the_way = self._on_the_way.get(member, 0)
            self._check(member, digest, on_the_way + length)
            self._on_the_way[member] = on_the_way + length

    def release(self, member: ids.MemberId, length: int) -> None:
        """End a reservation, whatever became of it."""
        with self._lock:
            rest = self._on_the_way.pop(member, 0) - length
            if rest > 0:
                self._on_the_way[member] = rest

    def charge(self, member: ids.MemberId, digest: ids.Digest, length: int) -> bool:
        """Write down that ``member`` keeps the blob; return whether this is new.

        Raises:
            refusals.Refused: over quota; nothing was written.
        """
        with self._lock:
            if self._keeps(member, digest):
                return False
            self._check(member, digest, length)
            with self._transaction():
                self._connection.execute("INSERT INTO keeping VALUES (?, ?, ?)", (digest, member, length))
                self._connection.execute(
                    "INSERT INTO total VALUES (?1, ?2) ON CONFLICT (member) DO UPDATE SET bytes = bytes + ?2",
                    (member, length),
                )
            return True

    def discharge(self, member: ids.MemberId, digest: ids.Digest) -> bool:
        """Write down that ``member`` keeps the blob no longer; return whether nobody keeps it now.

        Raises:
            refusals.Refused: this member did not keep it.
        """
        with self._lock:
            row = self._connection.execute(
                "SELECT bytes FROM keeping WHERE digest = ? AND member = ?", (digest, member)
            ).fetchone()
            if row is None:
                raise refusals.Refused(refusals.Name.NOT_AN_UPLOADER, "this member did not upload these bytes")
            with self._transaction():
                self._connection.execute("DELETE FROM keeping WHERE digest = ? AND member = ?", (digest, member))
                self._connection.execute("UPDATE total SET bytes = bytes - ? WHERE member = ?", (row[0], member))
            return self._connection.execute("SELECT 1 FROM keeping WHERE digest = ?", (digest,)).fetchone() is None

    def _keeps(self, member: ids.MemberId, digest: ids.Digest) -> bool:
        found = self._connection.execute("SELECT 1 FROM keeping WHERE digest = ? AND member = ?", (digest, member))
        return found.fetchone() is not None

    def _total(self, member: ids.MemberId) -> int:
        row = self._connection.execute("SELECT bytes FROM total WHERE member = ?", (member,)).fetchone()
        return 0 if row is None else int(row[0])

    def _check(self, member: ids.MemberId, digest: ids.Digest, more: int) -> None:
        total = self._total(member) + more
        if total > self._limit and not self._keeps(member, digest):
            raise refusals.Refused(
                refusals.Name.OVER_QUOTA, f"this member may keep {self._limit} bytes, and this would make {total}"
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE … COMMIT, or ROLLBACK on any error; a full disk becomes StorageFull."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as err:
            raise errors.StorageFull("the store's quota cannot be written", got=str(err)) from err
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
