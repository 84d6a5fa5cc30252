"""A node's epoch keys: one small file each, so that erasing one overwrites the very bytes it was kept in.

A database would leave copies in old pages and journals. An erased key's file stays behind, all zeros, as the mark that
this epoch had its key: a second one is never made (secure-aggregation section 4, Epoch keys). Key and signing journal must
not outlive each other, so each key is also a word in the journal: one that the journal does not know is erased at sight.
Used by ``signing``. What a disk or a copying file system keeps of old blocks is beyond this.
"""

import os
import pathlib
from typing import Protocol

from aicommons.domain import errors, ids

KEY_BYTES = frozenset({32, 96})
"""Lengths of a key: a scalar, in hybrid runs with the master of ML-KEM seeds behind it."""
_LONGEST = max(KEY_BYTES)
_MARK = bytes(32)
"""Word of the signing journal."""
_KIND = "epoch key"


class Words(Protocol):
    """The signing journal, which remembers that a key was made."""

    def bind(self, kind: str, scope: bytes, digest: bytes) -> None:
        """Record a word."""

    def word(self, kind: str, scope: bytes) -> bytes | None:
        """Return it, if it was given."""


class EpochKeys:
    """Keys in a private folder of their own."""

    def __init__(self, folder: pathlib.Path, words: Words) -> None:
        self._folder = folder
        self._words = words
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def __repr__(self) -> str:
        return f"EpochKeys({str(self._folder)!r})"

    def make(self, run_id: ids.RunId, epoch: int, secret: bytes) -> bytes:
        """Keep ``secret`` (32 or 96 bytes, not all zero) unless the epoch has its key, and return the one that counts.

        Raises:
            errors.JournalConflict: the key was erased; it never comes back.
            errors.StorageFull: it cannot be written.
        """
        kept = self._read(run_id, epoch)
        if kept is not None and not any(kept):
            raise errors.JournalConflict("this epoch's key was erased", which=ids.format_id(run_id))
        if kept is None or len(kept) != len(secret):  # another length was cut short
            self._words.bind(_KIND, _scope(run_id, epoch), _MARK)
            self._write(run_id, epoch, secret)
            kept = secret
        return kept

    def get(self, run_id: ids.RunId, epoch: int) -> bytes | None:
        """Return the key, or ``None`` when it was never made or is erased."""
        kept = self._read(run_id, epoch)
        return kept if kept is not None and any(kept) else None

    def made(self, run_id: ids.RunId, before: int) -> list[int]:
        """Return the epochs below ``before`` of which there is a file, ascending; how many there are is no ledger's to say."""
        numbers = [file.name.rpartition("-")[2] for file in self._folder.glob(f"{run_id.hex()}-*")]
        return sorted(int(number) for number in numbers if int(number) < before)

    def is_erased(self, run_id: ids.RunId, epoch: int) -> bool:
        """Return whether there was a key, or there was never to be one, and it is gone for good."""
        kept = self._read(run_id, epoch)
        return kept is not None and not any(kept)

    def erase(self, run_id: ids.RunId, epoch: int) -> None:
        """Overwrite the key in place; a key that was never made can then never be made."""
        self._write(run_id, epoch, bytes(_LONGEST))

    def _is_foreign(self, run_id: ids.RunId, epoch: int) -> bool:
        return self._words.word(_KIND, _scope(run_id, epoch)) is None

    def _file(self, run_id: ids.RunId, epoch: int) -> pathlib.Path:
        return self._folder / f"{run_id.hex()}-{epoch}"

    def _read(self, run_id: ids.RunId, epoch: int) -> bytes | None:
        try:
            kept = self._file(run_id, epoch).read_bytes()
        except FileNotFoundError:
            return None
        if len(kept) not in KEY_BYTES:
            return None  # cut short: killed while it was made, so nobody has its point
        if any(kept) and self._is_foreign(run_id, epoch):
            # The journal beside it is another one: it may have forgotten what was signed under this key.
            self.erase(run_id, epoch)
            return bytes(_LONGEST)
        return kept

    def _write(self, run_id: ids.RunId, epoch: int, data: bytes) -> None:
        file = self._file(run_id, epoch)
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.pwrite(descriptor, data, 0)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as err:
            raise errors.StorageFull("the epoch key cannot be written", which=str(file), got=err.strerror) from err


def _scope(run_id: ids.RunId, epoch: int) -> bytes:
    return run_id + epoch.to_bytes(4, "big")
