"""Whether a column of identifiers holds each of them once, without keeping identifiers in memory or on disk.

Called by ``reading`` where the owner named such a column. Hashes under a key drawn for this reading go to a temporary
file that has no name, eight bytes a row, and are sorted there. Nothing is said about what an identifier is.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

BLOCK = 2**20
"""Hashes looked at together: 8 MB."""


class Identifiers:
    """The identifiers of one reading."""

    def __init__(self) -> None:
        """Make the file; ``close`` removes it."""
        self._key = os.urandom(16)
        self._stack = contextlib.ExitStack()
        self._file = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  closed with the stack
        self._places = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  closed with the stack

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the files."""
        self._stack.close()

    def add(self, texts: Sequence[str], places: Sequence[int]) -> None:
        """Remember identifiers and where they stand."""
        digests = [
            hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=self._key).digest()
            for text in texts
        ]
        self._file.write(b"".join(digests))
        self._places.write(np.array(places, dtype="<u8").tobytes())

    def twice(self) -> tuple[int, int] | None:
        """Return how many rows repeat an identifier and the place of the first that does; ``None`` when none does."""
        self._file.flush()
        count = self._file.tell() // 8
        with tempfile.TemporaryFile() as copy:
            for block in self._blocks():
                copy.write(block.tobytes())
            copy.flush()
            ordered = np.memmap(copy, dtype="<u8", mode="r+", shape=(count,)) if count else np.empty(0, dtype="<u8")
            ordered.sort()
            repeated, last = 0, None
            found: set[int] = set()
            for start in range(0, count, BLOCK):
                part = np.asarray(ordered[start : start + BLOCK])
                before = part[:1] if last is None else last
                same = np.diff(np.concatenate([before, part])) == 0
                same[0] = last is not None and bool(same[0])
                repeated += int(same.sum())
                found.update(part[same][:1000].tolist())
                last = part[-1:].copy()
        return (repeated, self._first(found)) if repeated else None

    def _blocks(self) -> Iterator[npt.NDArray[np.uint64]]:
        self._file.seek(0)
        while data := self._file.read(8 * BLOCK):
            yield np.frombuffer(data, dtype="<u8")

    def _first(self, repeated: set[int]) -> int:
        """Return the place of the first row whose identifier stood above it; exact for up to 1,000 per million rows."""
        wanted = np.array(sorted(repeated), dtype=np.uint64)
        seen: set[int] = set()
        index = 0
        for block in self._blocks():
            for offset in np.flatnonzero(np.isin(block, wanted)).tolist():
                if int(block[offset]) in seen:
                    self._places.seek(8 * (index + offset))
                    return int(np.frombuffer(self._places.read(8), dtype="<u8")[0])
                seen.add(int(block[offset]))
            index += len(block)
        return 0
