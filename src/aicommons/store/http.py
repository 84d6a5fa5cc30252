"""The store at the other end of a URL: a node's way to put and get blobs on another machine.

Called by nodes and commands. The server is not believed: what it returns is checked against the digest, and bytes are
put only with a signature of our member. A transfer whose connection breaks goes on where it stopped, as long as every
connection brings it further; a part is never used, the whole is verified. What is left out: choosing among several stores,
and trying again when nothing moves (the node's journal does both).
"""

import itertools
import math
import re
import threading
from collections.abc import Callable, Mapping

from aicommons.domain import errors, ids
from aicommons.store import refusals, signing, transport

ASK_FIRST = 64 * 1024
"""Blobs of at least this many bytes are first asked to be kept without sending them (POST)."""
SIGNATURE_SECONDS = 300
"""How long a signed request stays valid."""
MOST_SKEW = 86_400
"""Seconds by which this machine's clock and the store's may differ: requests are dated by the store's then."""
ANSWER_LIMIT = 16 * 1024
"""Longest JSON answer that is read, in bytes."""
MOST_CONNECTIONS = 64
"""Connections that one transfer may use up; each must bring it further than the one before."""
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


class Download:
    """What came of a blob over the connections so far; nothing of it is believed before the whole is verified."""

    def __init__(self, digest: bytes, limit: int) -> None:
        self.digest = digest
        self.limit = limit
        self.pieces: list[bytes] = []
        self.length = 0
        self.total: int | None = None  # bytes of the whole, as the first answer announced it
        self.tag: str | None = None  # ETag of the first answer

    def headers(self) -> dict[str, str]:
        """Return what asks for the rest."""
        if not self.length:
            return {}
        return {"range": f"bytes={self.length}-", **({"if-range": self.tag} if self.tag else {})}

    def take(self, progress: transport.Progress) -> None:
        """Append what one answer brought; an answer with the whole begins anew.

        Raises:
            errors.StoreRefused: it is another part than the rest, of another blob or length; or too much.
        """
        if progress.status == 200:
            announced = progress.headers.get("content-length", "")
            self.pieces, self.length = [], 0
            self.total = int(announced) if announced.isdecimal() and len(announced) < 16 else None
            self.tag = progress.headers.get("etag")
        elif progress.status == 206:
            self._check_part(progress)
        else:
            return
        self.pieces += progress.pieces
        self.length += sum(map(len, progress.pieces))
        if self.length > self.limit or (self.total is not None and self.length > self.total):
            raise refusals.too_long(self.digest, min(self.limit, self.total or self.limit), self.length)

    def _check_part(self, progress: transport.Progress) -> None:
        part = CONTENT_RANGE.fullmatch(progress.headers.get("content-range", ""))
        got = (int(part[1]), int(part[2]) + 1, int(part[3])) if part else None
        whole = self.total if self.total is not None or got is None else got[2]
        if got != (self.length, whole, whole) or progress.headers.get("etag") != self.tag or not self.length:
            raise errors.StoreRefused(
                "the store goes on with another part than was asked for",
                which=ids.format_digest(ids.Digest(self.digest)),
                expected=f"bytes {self.length} to the end of {whole}",
                got=str(progress.headers.get("content-range"))[:100],
            )


class HttpStore:
    """A store server as a store; safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        audience: str,
        signer: signing.Signer | None,
        clock: Callable[[], float],
        settings: transport.Settings | None = None,
    ) -> None:
        """Prepare the connection; nothing is sent yet.

        Args:
            url: of the store server.
            audience: name of the store in signatures, as its operator set it.
            signer: the member's key, or ``None`` to read only.
            clock: Unix time in seconds.
            settings: time limits and trusted authorities.

        Raises:
            errors.InputError: not a URL, or a bad audience.
        """
        signing.check_audience(audience)
        self.sent_bytes = 0
        self._counting = threading.Lock()
        self._audience = audience
        self._signer = signer
        self._clock = clock
        self._skew = 0.0
        self._transport = transport.Transport(url, settings=settings, unreachable=errors.StoreUnreachable)

    def put(self, data: bytes | memoryview) -> ids.Digest:
        """Keep ``data`` in the store in our name and return its digest; bytes that are there are not sent again.

        Raises:
            errors.StoreRefused: not a member, too large, over quota, or full (errors.StorageFull).
            errors.StoreUnreachable: try again later.
        """
        digest = ids.digest(data)
        if len(data) < ASK_FIRST:
            self._put(data, digest, start=0)
            return digest
        reached, before = self._reached(digest, len(data)), -1
        for _ in range(MOST_CONNECTIONS):
            if reached is None:
                break
            before = reached
            try:
                self._put(data, digest, start=reached)
                break
            except errors.StoreUnreachable:
                reached = self._reached(digest, len(data))
                if reached is not None and reached <= before:
                    raise
                self._count((len(data) if reached is None else reached) - before)
        else:
            raise errors.StoreUnreachable("the connection breaks again and again", which=self._transport.origin)
        return digest

    def get(self, digest: bytes, limit: int) -> bytes:
        """Return the bytes behind ``digest``, verified, reading at most ``limit`` bytes.

        Raises:
            errors.BlobNotFound: they are not there.
            errors.StoreRefused: they are longer than ``limit``.
            errors.DigestMismatch: the store sent other bytes.
            errors.StoreUnreachable: try again later.
        """
        download = Download(digest, limit)
        for connection in itertools.count(1):
            before, progress = download.length, transport.Progress()
            room = max(limit - download.length, ANSWER_LIMIT)
            try:
                reply = self._send("GET", digest, limit=room, headers=download.headers(), progress=progress)
            except errors.StoreUnreachable:
                download.take(progress)
                if download.length <= before or connection >= MOST_CONNECTIONS:
                    raise
                continue
            if reply.status not in (200, 206):
                raise self._refusal(reply, digest)
            if not reply.complete:
                raise refusals.too_long(digest, limit, None)
            download.take(progress)
            break
        data = b"".join(download.pieces)
        if ids.digest(data) != digest:
            raise refusals.mismatch(digest)
        return data

    def has(self, digest: bytes) -> bool:
        """Return whether the store says that it has the bytes behind ``digest``.

        Raises:
            errors.StoreUnreachable: try again later.
            errors.StoreRefused: the answer is not that of a store.
        """
        reply = self._send("HEAD", digest)
        if reply.status in (200, 404):
            return reply.status == 200
        raise self._refusal(reply, digest)

    def erase(self, digest: bytes) -> None:
        """Tell the store that we need the bytes no longer; it removes them when nobody else keeps them.

        What we do not keep there, or have erased before, is no error.

        Raises:
            errors.StoreRefused: our signature is not accepted.
            errors.StoreUnreachable: try again later.
        """
        reply = self._ask("DELETE", signing.Action.ERASE, digest, 0)
        if reply.status != 204 and refusals.name_in(reply.body) is not refusals.Name.NOT_AN_UPLOADER:
            raise self._refusal(reply, digest)

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def _put(self, data: bytes | memoryview, digest: bytes, *, start: int) -> None:
        """Send ``data`` from byte ``start`` on."""
        headers = {"content-type": "application/octet-stream"}
        if start:
            headers["content-range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        asked = signing.Action.KEEP, digest, len(data)
        is_short = len(data) < ASK_FIRST
        reply = self._ask("PUT", *asked, headers=headers, body=memoryview(data)[start:], again=is_short)
        if reply.status not in (200, 201):
            raise self._refusal(reply, digest)
        self._count(len(data) - start)

    def _count(self, sent: int) -> None:
        with self._counting:
            self.sent_bytes += sent

    def _reached(self, digest: bytes, length: int) -> int | None:
        """Ask the store to keep bytes that it may have; return how many it holds of an upload, ``None`` when all.

        What it says is not believed: an upload that goes on at a wrong place does not have its digest at the store.
        """
        reply = self._ask("POST", signing.Action.KEEP, digest, length)
        if reply.status in (200, 201):
            return None
        refusal = self._refusal(reply, digest)
        if not isinstance(refusal, errors.BlobNotFound):
            raise refusal
        said = reply.headers.get("upload-offset", "")
        reached = int(said) if said.isdecimal() and len(said) < 16 else 0
        return reached if reached < length else 0

    def _ask(
        self,
        method: str,
        action: signing.Action,
        digest: bytes,
        length: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: memoryview | None = None,
        again: bool = True,
    ) -> transport.Reply:
        """Send a signed request; once more, dated by the store's clock, where that differs from this machine's."""
        for _ in range(2):
            signed = {**self._signed(action, digest, length), **(headers or {})}
            reply = self._send(method, digest, headers=signed, body=body, again=again)
            now = refusals.time_in(reply.body)
            if now is None or abs(now - self._clock()) > MOST_SKEW:
                break
            self._skew = now - self._clock()
        return reply

    def _signed(self, action: signing.Action, digest: bytes, length: int) -> dict[str, str]:
        if self._signer is None:
            raise errors.StoreRefused(
                "only a member may change what the store keeps",
                next_step="Unlock your key: give the passphrase of this home.",
            )
        request = signing.Request(
            action=action,
            audience=self._audience,
            signer=self._signer.address,
            digest=ids.Digest(digest),
            length=length,
            expires=math.floor(self._clock() + self._skew) + SIGNATURE_SECONDS,
        )
        return request.headers(self._signer.sign(request.text()))

    def _send(
        self,
        method: str,
        digest: bytes,
        *,
        limit: int = ANSWER_LIMIT,
        headers: dict[str, str] | None = None,
        body: bytes | memoryview | None = None,
        progress: transport.Progress | None = None,
        again: bool = True,
    ) -> transport.Reply:
        path = f"/blobs/{digest.hex()}"
        return self._transport.request(
            method, path, limit=limit, headers=headers, body=body, progress=progress, again=again
        )

    def _refusal(self, reply: transport.Reply, digest: bytes) -> errors.CommonsError:
        return refusals.as_error(
            reply.status, reply.body, f"{self._transport.origin} {ids.format_digest(ids.Digest(digest))}"
        )
