"""A store in memory: the reference behaviour of the port, for simulations and tests.

Used by ``testing.simulate``. What is left out: limits of members, and anything that survives the process.
"""

import threading

from aicommons.domain import ids
from aicommons.store import refusals


class MemoryStore:
    """Blobs in a dictionary, with the same answers and errors as the other stores."""

    def __init__(self) -> None:
        self._blobs: dict[bytes, bytes] = {}
        self._lock = threading.Lock()
        self.sent_bytes = 0

    def another(self) -> "MemoryStore":
        """Return another's access to the same blobs, which counts by itself what it sent; both may be used at once."""
        store = MemoryStore()
        store._blobs, store._lock = self._blobs, self._lock
        return store

    def put(self, data: bytes | memoryview) -> ids.Digest:
        """Keep ``data`` and return its digest."""
        kept = data if isinstance(data, ids.Blob) else ids.Blob(data)
        digest = kept.digest
        with self._lock:
            if digest not in self._blobs:
                self._blobs[digest] = kept
                self.sent_bytes += len(kept)
        return digest

    def get(self, digest: bytes, limit: int) -> bytes:
        """Return the bytes behind ``digest``.

        Raises:
            errors.BlobNotFound: nobody has put them.
            errors.StoreRefused: they are longer than ``limit`` bytes.
        """
        data = self._blobs.get(digest)
        if data is None:
            raise refusals.missing(digest)
        if len(data) > limit:
            raise refusals.too_long(digest, limit, len(data))
        return data

    def has(self, digest: bytes) -> bool:
        """Return whether the bytes behind ``digest`` are here."""
        return digest in self._blobs

    def erase(self, digest: bytes) -> None:
        """Forget the bytes behind ``digest``; erasing what is not here is no error."""
        self._blobs.pop(digest, None)


class MemoryInputs:
    """What others sent for rounds under way, in dictionaries; implements ``ports.Inputs``."""

    def __init__(self) -> None:
        self._runs: dict[ids.RunId, dict[bytes, bytes]] = {}

    def put(self, run_id: ids.RunId, digest: bytes, data: bytes) -> None:
        """Keep ``data``, whose SHA-256 is ``digest``, for a run."""
        self._runs.setdefault(run_id, {})[digest] = data

    def get(self, run_id: ids.RunId, digest: bytes) -> bytes | None:
        """Return the bytes of ``digest``, or ``None`` when they are not here."""
        return self._runs.get(run_id, {}).get(digest)

    def forget(self, run_id: ids.RunId) -> None:
        """Erase all that is kept for a run."""
        self._runs.pop(run_id, None)
