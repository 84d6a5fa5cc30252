"""Blobs in a directory: one file per digest, written whole or not at all.

Used by the store server, and directly by a node or a command on the machine that holds the folder. Layout:
``blobs/<1 hex>/<64 hex>`` and ``incoming/`` for files that are being written. A writer holds a lock on its incoming
file, so a later start can tell a leftover of a killed process from a blob on its way. What is left out: who may write
(``server.py``) and how much each (``quota.py``).
"""

import contextlib
import errno
import fcntl
import hashlib
import io
import os
import pathlib
import tempfile
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from aicommons.domain import errors, ids
from aicommons.store import refusals

CHUNK = 256 * 1024
"""Bytes read at once while a blob is streamed."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskStore:
    """A content-addressed folder. Several processes may read and write it; ``max_bytes`` is counted by one of them."""

    def __init__(self, root: pathlib.Path, *, max_bytes: int | None = None) -> None:
        """Open or make the folder ``root``; leftovers of killed writers are removed.

        Args:
            root: folder of this store alone.
            max_bytes: most bytes of blobs kept, or ``None`` for as much as the disk holds.
        """
        self._blobs = root / "blobs"
        self._incoming = root / "incoming"
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._reserved = 0
        self.sent_bytes = 0
        with _disk_errors(root):
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._blobs.is_dir():
                _make_shards(self._blobs)
            _remove_leftovers(self._incoming)
            self._kept = 0 if max_bytes is None else sum(size for _, size in self._files())

    def put(self, data: bytes | memoryview) -> ids.Digest:
        """Keep ``data`` durably and return its digest.

        Raises:
            errors.StorageFull: no room; nothing was kept.
        """
        digest = ids.digest(data)
        if self.size(digest) == len(data):
            return digest
        self.sent_bytes += len(data)
        with self.writer(len(data)) as writer:
            writer.write(data, hashed=False)
            writer.keep_as(digest)
        return digest

    def put_stream(self, chunks: Iterable[bytes | memoryview], limit: int) -> ids.Digest:
        """Keep the bytes of ``chunks`` one after the other, never holding more than one, and return their digest.

        Raises:
            errors.StoreRefused: more than ``limit`` bytes came; nothing was kept.
            errors.StorageFull: no room; nothing was kept.
        """
        with self.writer(limit) as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.keep()

    def get(self, digest: bytes, limit: int) -> bytes:
        """Return the bytes behind ``digest``, verified.

        Raises:
            errors.BlobNotFound: they are not here.
            errors.StoreRefused: they are longer than ``limit`` bytes.
            errors.DigestMismatch: the file was changed.
        """
        file, length = self.open_blob(digest)
        with file:
            if length > limit:
                raise refusals.too_long(digest, limit, length)
            data = file.read(length + 1)
        if ids.digest(data) != digest:
            raise refusals.mismatch(digest)
        return data

    def open_blob(self, digest: bytes) -> tuple[io.FileIO, int]:
        """Return the open file behind ``digest`` and its length in bytes; its reader verifies.

        Raises:
            errors.BlobNotFound: it is not here.
        """
        path = self._path(digest)
        with _disk_errors(path):
            try:
                file = io.FileIO(path)
            except FileNotFoundError as err:
                raise refusals.missing(digest) from err
            return file, os.fstat(file.fileno()).st_size

    def size(self, digest: bytes) -> int | None:
        """Return the length of the blob in bytes, or ``None`` when it is not here."""
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def has(self, digest: bytes) -> bool:
        """Return whether the bytes behind ``digest`` are here."""
        return self.size(digest) is not None

    def erase(self, digest: bytes) -> None:
        """Remove the blob; erasing what is not here is no error."""
        path = self._path(digest)
        with self._lock, _disk_errors(path):
            try:
                length = path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                return
            self._kept -= length
        sync_folder(path.parent)

    def writer(self, limit: int) -> "Writer":
        """Return a writer of one blob of at most ``limit`` bytes; use it as a context manager.

        Raises:
            errors.StorageFull: ``limit`` bytes would go over ``max_bytes``, or the disk is full.
        """
        self._reserve(limit)
        try:
            return Writer(self, self._incoming, limit)
        except BaseException:
            self.release(limit)
            raise

    def _reserve(self, length: int) -> None:
        with self._lock:
            if self._max_bytes is not None and self._kept + self._reserved + length > self._max_bytes:
                raise errors.StorageFull(
                    "the store is full",
                    expected=f"at most {self._max_bytes} bytes",
                    got=f"{self._kept + self._reserved + length} bytes",
                )
            self._reserved += length

    def release(self, length: int) -> None:
        """Give back the room that a writer had reserved; called once by each writer."""
        with self._lock:
            self._reserved -= length

    def move_in(self, incoming: pathlib.Path, digest: bytes, length: int) -> None:
        """Give a complete, synced incoming file its place; called by :class:`Writer`."""
        path = self._path(digest)
        with _disk_errors(path):
            if not path.parent.is_dir():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self._blobs)
            with self._lock:
                before = self.size(digest) or 0
                incoming.replace(path)
                self._kept += length - before
            sync_folder(path.parent)

    def _path(self, digest: bytes) -> pathlib.Path:
        name = digest.hex()
        return self._blobs / name[:1] / name

    def _files(self) -> Iterator[tuple[str, int]]:
        for folder in os.scandir(self._blobs):
            for entry in os.scandir(folder):
                yield entry.name, entry.stat().st_size


class Writer:
    """One blob on its way in: ``write`` chunks, then ``keep``; leaving the context without ``keep`` leaves nothing."""

    def __init__(self, store: DiskStore, incoming: pathlib.Path, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._hash = hashlib.sha256()
        self._length = 0
        self._synced = -1
        with _disk_errors(incoming):
            descriptor, name = tempfile.mkstemp(dir=incoming)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._file: io.FileIO = io.FileIO(descriptor, "w")
        self._path = pathlib.Path(name)

    def write(self, chunk: bytes | memoryview, *, hashed: bool = True) -> None:
        """Append ``chunk``; with ``hashed=False`` the caller knows the digest already (:meth:`keep_as`).

        Raises:
            errors.StoreRefused: more than the limit.
            errors.StorageFull: the disk is full.
        """
        self._length += len(chunk)
        if self._length > self._limit:
            raise errors.StoreRefused(
                "more bytes than announced", expected=f"at most {self._limit} bytes", got=f"{self._length} bytes"
            )
        if hashed:
            self._hash.update(chunk)
        with _disk_errors(self._path):
            rest = memoryview(chunk)
            while rest.nbytes:
                rest = rest[self._file.write(rest) :]

    @property
    def length(self) -> int:
        """Bytes written so far."""
        return self._length

    def digest(self) -> ids.Digest:
        """Return the digest of what was written so far."""
        return ids.Digest(self._hash.digest())

    def sync(self) -> None:
        """Make what was written durable; ``keep`` does it too, but a server wants the slow part outside its lock.

        Raises:
            errors.StorageFull: the disk is full.
        """
        if self._length != self._synced:
            with _disk_errors(self._path):
                os.fsync(self._file.fileno())
            self._synced = self._length

    def keep(self) -> ids.Digest:
        """Make the blob durable and visible under its own digest, which is returned."""
        digest = self.digest()
        self.keep_as(digest)
        return digest

    def keep_as(self, digest: bytes) -> None:
        """Make the blob durable and visible under ``digest``, which the caller has computed from the same bytes.

        Raises:
            errors.StorageFull: the disk is full; nothing was kept.
        """
        self.sync()
        self._store.move_in(self._path, digest, self._length)

    def close(self) -> None:
        """Remove what was not kept and give back its room."""
        self._file.close()
        self._path.unlink(missing_ok=True)
        self._store.release(self._limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def sync_folder(folder: pathlib.Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_shards(blobs: pathlib.Path) -> None:
    """Make all 16 folders at once: making one costs as much as storing a blob."""
    blobs.mkdir(mode=0o700, exist_ok=True)
    for digit in "0123456789abcdef":
        (blobs / digit).mkdir(mode=0o700, exist_ok=True)
    sync_folder(blobs)


def _remove_leftovers(incoming: pathlib.Path) -> None:
    """Remove incoming files that no living writer holds a lock on."""
    for path in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


@contextlib.contextmanager
def _disk_errors(path: pathlib.Path) -> Iterator[None]:
    """Turn a full or failing disk into an error of the commons."""
    try:
        yield
    except OSError as err:
        if err.errno in NO_ROOM:
            raise errors.StorageFull("no room left on the disk", which=path.name, got=err.strerror) from err
        raise errors.StoreRefused("the disk failed", which=str(path), got=err.strerror) from err
