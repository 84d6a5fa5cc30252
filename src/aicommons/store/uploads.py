"""Uploads whose connection broke: what came is held for a while, so that their member can go on where they stopped.

Used by the store server alone, on its event loop. What is held counts against its member's quota and the store's room as a
whole blob, until it is completed, has expired or somebody needs the room: a member cannot fill a disk that it may not fill
anyway. Nothing of it can be read. A server that ends forgets it: its files are leftovers like any other writer's.
"""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Iterator

from aicommons.domain import errors, ids
from aicommons.store import disk, quota, refusals, signing

LEAST = 64 * 1024
"""Bytes from which an upload is worth holding; shorter ones are sent again."""
MOST = 64
"""Uploads held at once; each has an open file. The oldest makes room."""
MOST_PER_MEMBER = 4
SETTLE_SECONDS = 1.0
"""How long a member that asks again waits for its own earlier connection to end, before that is ended for it."""
OTHERS_SECONDS = 20.0
"""How long a member that asks waits for another's upload of the same bytes: below the time-outs of clients and proxies."""
_BROKEN = frozenset({refusals.Name.TOO_SLOW, refusals.Name.LENGTH_MISMATCH})

Key = tuple[ids.MemberId, ids.Digest]


@dataclasses.dataclass(frozen=True, slots=True)
class Upload:
    """One blob on its way in, with the room that it takes."""

    member: ids.MemberId
    """Who is charged."""
    digest: ids.Digest
    """What the bytes are to be."""
    length: int
    """All of them."""
    writer: disk.Writer
    """What came."""
    held_until: float = 0.0
    """Monotonic seconds."""


class Going:
    """An upload under way; another connection of its member may end this one, which may be dead without having ended.

    ``writer`` has what came, ``wait`` is the wait for the next bytes while there is one, and ``over`` is set when the upload is
    done, held or given up.
    """

    def __init__(self, writer: disk.Writer) -> None:
        self.writer = writer
        self.over = asyncio.Event()
        self.is_stopped = False
        self.wait: asyncio.Timeout | None = None

    def stop(self) -> None:
        """End the wait for more bytes now."""
        self.is_stopped = True
        if self.wait is not None:
            self.wait.reschedule(asyncio.get_running_loop().time())


class Uploads:
    """The uploads under way and the broken ones of one server."""

    def __init__(self, blobs: disk.DiskStore, charges: quota.Quota, *, seconds: float) -> None:
        """Prepare; broken uploads are held for ``seconds``."""
        self._blobs = blobs
        self._charges = charges
        self._seconds = seconds
        self._held: dict[Key, Upload] = {}  # in the order in which they broke
        self._going: dict[Key, Going] = {}

    def reached(self, member: ids.MemberId, request: signing.Request) -> int:
        """Return how many bytes of the member's upload are held."""
        self._expire()
        held = self._held.get((member, request.digest))
        return held.writer.length if held is not None and held.length == request.length else 0

    async def settle(self, member: ids.MemberId, request: signing.Request) -> None:
        """Let an earlier connection of the same upload end, so that what it brought can be gone on with."""
        going = self._going.get((member, request.digest))
        for _ in range(2):
            if going is None or going.over.is_set():
                return
            try:
                async with asyncio.timeout(SETTLE_SECONDS):
                    await going.over.wait()
            except TimeoutError:
                going.stop()

    async def wait_for_others(self, member: ids.MemberId, request: signing.Request) -> None:
        """Wait while another member sends the same bytes, so that they need not be sent twice; not for ever, it may be slow."""
        theirs = (going for (who, digest), going in self._going.items() if digest == request.digest and who != member)
        going = next(theirs, None)
        if going is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OTHERS_SECONDS):
                    await going.over.wait()

    @contextlib.contextmanager
    def begun(self, member: ids.MemberId, request: signing.Request, start: int) -> Iterator[Going]:
        """Give an upload that goes on at byte ``start``, and hold what came if its connection breaks.

        Raises:
            refusals.Refused: another number of bytes is held; or over quota.
            errors.StorageFull: there is no room.
        """
        self._expire()
        upload = self._go_on(member, request, start) if start else self._new(member, request)
        is_held, key, going = False, (member, request.digest), Going(upload.writer)
        self._going[key] = going
        try:
            yield going
        except refusals.Refused as refusal:
            is_held = refusal.name in _BROKEN and LEAST <= upload.writer.length < upload.length
            raise
        finally:
            if self._going.get(key) is going:
                del self._going[key]
            if is_held:
                self._hold(upload)
            else:
                self._end(upload)
            going.over.set()

    def close(self) -> None:
        """Give up all that is held."""
        for key in list(self._held):
            self._drop(key)

    def _go_on(self, member: ids.MemberId, request: signing.Request, start: int) -> Upload:
        reached = self.reached(member, request)
        if reached != start:
            raise refusals.Refused(
                refusals.Name.OFFSET_MISMATCH, f"{reached} bytes of this upload are here, and it goes on at {start}"
            )
        return self._held.pop((member, request.digest))

    def _new(self, member: ids.MemberId, request: signing.Request) -> Upload:
        if (member, request.digest) in self._held:
            self._drop((member, request.digest))
        try:
            self._charges.reserve(member, request.digest, request.length)
        except refusals.Refused:
            if not self._make_room(member):
                raise
            self._charges.reserve(member, request.digest, request.length)
        try:
            return Upload(member, request.digest, request.length, self._writer(request.length))
        except BaseException:
            self._charges.release(member, request.length)
            raise

    def _writer(self, length: int) -> disk.Writer:
        try:
            return self._blobs.writer(length)
        except errors.StorageFull:
            if not self._held:
                raise
        self.close()  # whoever sends now goes before whoever may never come back
        return self._blobs.writer(length)

    def _make_room(self, member: ids.MemberId) -> bool:
        own = [key for key in self._held if key[0] == member]
        for key in own:
            self._drop(key)
        return bool(own)

    def _hold(self, upload: Upload) -> None:
        key = (upload.member, upload.digest)
        other = self._held.get(key)
        if other is not None:
            if other.writer.length >= upload.writer.length:
                self._end(upload)
                return
            self._drop(key)
        own = [held for held in self._held if held[0] == upload.member]
        if len(own) >= MOST_PER_MEMBER:
            self._drop(own[0])
        if len(self._held) >= MOST:
            self._drop(next(iter(self._held)))
        self._held[key] = dataclasses.replace(upload, held_until=time.monotonic() + self._seconds)

    def _expire(self) -> None:
        now = time.monotonic()
        for key in [key for key, upload in self._held.items() if upload.held_until <= now]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        self._end(self._held.pop(key))

    def _end(self, upload: Upload) -> None:
        upload.writer.close()
        self._charges.release(upload.member, upload.length)
