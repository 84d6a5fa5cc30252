"""The store at the other end of a URL: a node's way to put and get blobs on another machine.

Called by nodes and commands. The server is not believed: what it returns is checked against the digest, and bytes are
put only with a signature of our member. What is left out: choosing among several stores, and trying again (the node's
journal does both).
"""

import math
from collections.abc import Callable

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
        if len(data) >= ASK_FIRST and self._keeps_already(digest, len(data)):
            return digest
        reply = self._ask("PUT", signing.Action.KEEP, digest, len(data), body=data)
        if reply.status not in (200, 201):
            raise self._refusal(reply, digest)
        return digest

    def get(self, digest: bytes, limit: int) -> bytes:
        """Return the bytes behind ``digest``, verified, reading at most ``limit`` bytes.

        Raises:
            errors.BlobNotFound: they are not there.
            errors.StoreRefused: they are longer than ``limit``.
            errors.DigestMismatch: the store sent other bytes.
            errors.StoreUnreachable: try again later.
        """
        reply = self._send("GET", digest, limit=max(limit, ANSWER_LIMIT))
        if reply.status != 200:
            raise self._refusal(reply, digest)
        if not reply.complete or len(reply.body) > limit:
            raise refusals.too_long(digest, limit, None)
        if ids.digest(reply.body) != digest:
            raise refusals.mismatch(digest)
        return reply.body

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

    def _keeps_already(self, digest: bytes, length: int) -> bool:
        reply = self._ask("POST", signing.Action.KEEP, digest, length)
        if reply.status in (200, 201):
            return True
        refusal = self._refusal(reply, digest)
        if isinstance(refusal, errors.BlobNotFound):
            return False
        raise refusal

    def _ask(
        self, method: str, action: signing.Action, digest: bytes, length: int, *, body: bytes | memoryview | None = None
    ) -> transport.Reply:
        """Send a signed request; once more, dated by the store's clock, where that differs from this machine's."""
        for _ in range(2):
            headers = self._signed(action, digest, length)
            if body is not None:
                headers["content-type"] = "application/octet-stream"
                self.sent_bytes += len(body)
            reply = self._send(method, digest, headers=headers, body=body)
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
    ) -> transport.Reply:
        return self._transport.request(method, f"/blobs/{digest.hex()}", limit=limit, headers=headers, body=body)

    def _refusal(self, reply: transport.Reply, digest: bytes) -> errors.CommonsError:
        return refusals.as_error(
            reply.status, reply.body, f"{self._transport.origin} {ids.format_digest(ids.Digest(digest))}"
        )
