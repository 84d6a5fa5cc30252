"""The store over HTTP: anybody may read a blob by its digest; members put and erase with signed requests.

Started by ``commons store start`` as a process of its own. Routes: GET and HEAD ``/blobs/<sha256>``, from any byte on
(Range); PUT with the bytes, or with those that are missing of an upload that broke (Content-Range); POST to keep bytes that
are there already, else to learn how far a broken upload came (Upload-Offset); DELETE. Nobody has to trust it: readers check
digests. What is left out: who is a member and how signatures are checked, both given by the application (:class:`Gate`);
several ranges at once.
"""

import asyncio
import contextlib
import dataclasses
import json
import logging
import pathlib
import re
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import uvicorn

from aicommons.domain import errors, ids
from aicommons.store import connections, disk, quota, refusals, signing, uploads

LOG = logging.getLogger(__name__)
BLOB_PATH = re.compile(r"/blobs/([0-9a-f]{64})")
RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})?")
"""The one form of Range that is understood; others are ignored, as HTTP allows."""
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")
MEMBERSHIP_SECONDS = 30.0
"""How long an address that acted for a member is taken to do so without asking again."""
MAX_EXPIRY_SECONDS = 3600
"""Signatures that stay valid for longer are refused: their member's clock is wrong."""

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclasses.dataclass(frozen=True, slots=True)
class Gate:
    """Who may upload; given by the application."""

    recover: Callable[[bytes, bytes], ids.Address]
    """(message, 65-byte signature) -> address that signed keccak256(message); raises errors.SignatureInvalid."""
    member_of: Callable[[ids.Address], ids.MemberId | None]
    """The member that an address acts for now, if it does; may take a moment, may raise errors.TemporaryError."""


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """What one store allows."""

    audience: str
    """Name of this store in signatures, known to its members; signatures for another store are void here."""
    max_blob_bytes: int = 256 * 2**20
    """Longest blob."""
    quota_bytes: int = 4 * 2**30
    """Most bytes that one member may keep."""
    max_bytes: int | None = None
    """Most bytes of all blobs together, or ``None`` for as much as the disk holds."""
    held_seconds: float = 900.0
    """How long what came of a broken upload is held, so that it can go on."""
    patience: connections.Patience = dataclasses.field(default_factory=connections.Patience)
    """How long it waits for whoever connects, and for how many."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bind:
    """Where the server listens."""

    host: str = "127.0.0.1"
    """Address or name of the interface; other machines reach the store only when this is not loopback."""
    port: int = 0
    """TCP port; 0 takes a free one."""
    certificate: pathlib.Path | None = None
    """PEM certificate chain, for HTTPS without a proxy in front."""
    private_key: pathlib.Path | None = None
    """PEM key of the certificate."""


class Application:
    """The bare ASGI callable."""

    def __init__(
        self,
        blobs: disk.DiskStore,
        charges: quota.Quota,
        *,
        gate: Gate,
        policy: Policy,
        clock: Callable[[], float],
    ) -> None:
        signing.check_audience(policy.audience)
        self._blobs = blobs
        self._charges = charges
        self._uploads = uploads.Uploads(blobs, charges, seconds=policy.held_seconds)
        self._gate = gate
        self._policy = policy
        self._clock = clock
        self._members: dict[ids.Address, tuple[ids.MemberId, float]] = {}
        self._claims = threading.Lock()
        self._handlers = {
            "GET": self._get,
            "HEAD": self._get,
            "PUT": self._put,
            "POST": self._claim,
            "DELETE": self._erase,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3, type ``http``)."""
        try:
            await self._answer(scope, receive, send)
        except refusals.Refused as refusal:
            await _send_refusal(scope, send, refusal)
        except errors.StorageFull as err:
            LOG.warning("store full: %s", err)
            await _send_refusal(scope, send, refusals.Refused(refusals.Name.STORAGE_FULL, err.message))
        except errors.BlobNotFound as err:
            await _send_refusal(scope, send, refusals.Refused(refusals.Name.NOT_FOUND, err.message))
        except errors.TemporaryError as err:
            await _send_refusal(scope, send, refusals.Refused(refusals.Name.UNAVAILABLE, err.message))
        except errors.CommonsError as err:
            LOG.exception("store fault")
            await _send_refusal(scope, send, refusals.Refused(refusals.Name.INTERNAL, err.message))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "transfer-encoding" in _headers(scope):  # chunks have no end that could be checked beforehand
            raise refusals.Refused(refusals.Name.LENGTH_REQUIRED, "the length of the body is missing")
        matched = BLOB_PATH.fullmatch(scope["path"])
        if matched is None:
            raise refusals.Refused(refusals.Name.BAD_ADDRESS, "there is nothing at this address")
        handler = self._handlers.get(scope["method"])
        if handler is None:
            raise refusals.Refused(refusals.Name.METHOD_NOT_ALLOWED, "blobs cannot be asked for in this way")
        await handler(ids.Digest(bytes.fromhex(matched[1])), scope, receive, send)

    async def _get(self, digest: ids.Digest, scope: Scope, _: Receive, send: Send) -> None:
        file, length = self._blobs.open_blob(digest)
        with file:
            tag = f'"{digest.hex()}"'
            part = _range_of(_headers(scope), length, tag) if scope["method"] == "GET" else None
            first, end = part or (0, length)
            headers = {
                "content-type": "application/octet-stream",
                "content-length": str(end - first),
                "x-content-type-options": "nosniff",
                "accept-ranges": "bytes",
                "etag": tag,
            }
            if part is not None:
                headers["content-range"] = f"bytes {first}-{end - 1}/{length}"
            await send({"type": "http.response.start", "status": 206 if part else 200, "headers": _encoded(headers)})
            file.seek(first)
            left = 0 if scope["method"] == "HEAD" else end - first
            while left > disk.CHUNK:
                left -= disk.CHUNK
                await send({"type": "http.response.body", "body": file.read(disk.CHUNK), "more_body": True})
            await send({"type": "http.response.body", "body": file.read(left)})

    async def _put(self, digest: ids.Digest, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        member, request = await self._admitted(headers, signing.Action.KEEP, digest)
        start = self._check_announced(headers, request)
        with self._uploads.begun(member, request, start) as going:
            async for chunk in _body(receive, self._policy.patience, request.length, going):
                going.writer.write(chunk)
            _check_complete(going.writer, request)
            new = await asyncio.to_thread(self._keep, going.writer, member, request)
        await _send_kept(send, request, new=new)

    async def _claim(self, digest: ids.Digest, scope: Scope, _: Receive, send: Send) -> None:
        member, request = await self._admitted(_headers(scope), signing.Action.KEEP, digest)
        self._check_size(request)
        await self._uploads.settle(member, request)
        if self._blobs.size(digest) != request.length:
            await self._uploads.wait_for_others(member, request)
        with self._claims:
            if self._blobs.size(digest) != request.length:
                self._charges.check(member, digest, request.length)
                reached = {"upload-offset": str(self._uploads.reached(member, request))}
                raise refusals.Refused(refusals.Name.NOT_FOUND, "these bytes are not here; send them with PUT", reached)
            new = self._charges.charge(member, digest, request.length)
        await _send_kept(send, request, new=new)

    async def _erase(self, digest: ids.Digest, scope: Scope, _receive: Receive, send: Send) -> None:
        member, _ = await self._admitted(_headers(scope), signing.Action.ERASE, digest)
        with self._claims:
            if self._charges.discharge(member, digest):
                self._blobs.erase(digest)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def _keep(self, writer: disk.Writer, member: ids.MemberId, request: signing.Request) -> bool:
        """Make the bytes durable, charge them, then make them visible: in this order a kill costs nobody anything."""
        writer.sync()
        with self._claims:
            new = self._charges.charge(member, request.digest, request.length)
            try:
                writer.keep_as(request.digest)
            except errors.CommonsError:
                if new:
                    self._charges.discharge(member, request.digest)
                raise
        return new

    async def _admitted(
        self, headers: Mapping[str, str], action: signing.Action, digest: ids.Digest
    ) -> tuple[ids.MemberId, signing.Request]:
        """Return who asks, and the signed request after checking its expiry, its signature and its signer's member."""
        request, signature = signing.read(headers, action=action, audience=self._policy.audience, digest=digest)
        now = self._clock()
        if not 0 <= request.expires - now <= MAX_EXPIRY_SECONDS:
            message = "the signature has expired, or one of the clocks is wrong"
            raise refusals.Refused(refusals.Name.EXPIRED, message, now=int(now))
        try:
            signer = self._gate.recover(request.text(), signature)
        except errors.SignatureInvalid as err:
            raise refusals.Refused(refusals.Name.SIGNATURE_INVALID, err.message) from err
        if signer != request.signer:
            raise refusals.Refused(
                refusals.Name.SIGNATURE_INVALID,
                f"another key signed, or another text was signed (this store is called {self._policy.audience!r})",
            )
        return await self._member_of(signer), request

    async def _member_of(self, signer: ids.Address) -> ids.MemberId:
        now = time.monotonic()
        member, until = self._members.get(signer, (None, now))
        if member is not None and until > now:
            return member
        member = await asyncio.to_thread(self._gate.member_of, signer)
        if member is None:
            self._members.pop(signer, None)
            raise refusals.Refused(refusals.Name.NOT_A_MEMBER, f"{ids.format_id(signer)} is not a member")
        self._members[signer] = (member, now + MEMBERSHIP_SECONDS)
        return member

    def _check_announced(self, headers: Mapping[str, str], request: signing.Request) -> int:
        """Return where in the blob the body begins, after checking that it goes to the end of what was signed."""
        announced, start = headers.get("content-length"), _start_of(headers, request)
        if announced is None:
            raise refusals.Refused(refusals.Name.LENGTH_REQUIRED, "the length of the body is missing")
        if announced != str(request.length - start):
            raise refusals.Refused(
                refusals.Name.LENGTH_MISMATCH, f"{request.length - start} bytes were signed and {announced} announced"
            )
        self._check_size(request)
        return start

    def _check_size(self, request: signing.Request) -> None:
        if request.length > self._policy.max_blob_bytes:
            raise refusals.Refused(refusals.Name.TOO_LARGE, f"a blob may have {self._policy.max_blob_bytes} bytes here")

    def close(self) -> None:
        """Give up what is held of broken uploads."""
        self._uploads.close()


class Server:
    """One running store: a folder, its quota and a listening socket."""

    def __init__(
        self,
        root: pathlib.Path,
        *,
        gate: Gate,
        policy: Policy,
        bind: Bind,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the folder and listen; connections are answered once :meth:`run` is called.

        Raises:
            errors.InputError: the address cannot be listened on (in use, or not of this machine).
            errors.StoreRefused: another server has this folder.
        """
        blobs = disk.DiskStore(root, max_bytes=policy.max_bytes)
        self._charges = quota.Quota(root / "quota.sqlite", bytes_per_member=policy.quota_bytes)
        application = self._application = Application(blobs, self._charges, gate=gate, policy=policy, clock=clock)
        self._socket = _listen(bind)
        scheme = "http" if bind.certificate is None else "https"
        host = f"[{bind.host}]" if ":" in bind.host else bind.host
        self.url = f"{scheme}://{host}:{self._socket.getsockname()[1]}"
        config = connections.Config(
            application,
            policy.patience,
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
            ssl_certfile=bind.certificate,
            ssl_keyfile=bind.private_key,
        )
        self.connections = config.connections
        self._server = _Uvicorn(config)

    def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Answer until SIGTERM, SIGINT or :meth:`stop`; calls ``ready`` with the URL once requests are answered."""
        self._server.ready = None if ready is None else lambda: ready(self.url)
        try:
            with _quiet_signals():
                self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self._application.close()
            self._charges.close()

    def stop(self) -> None:
        """Let running requests end and make :meth:`run` return; may be called from another thread."""
        self._server.should_exit = True


def serve(
    root: pathlib.Path,
    *,
    gate: Gate,
    policy: Policy,
    bind: Bind | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run a store on the folder ``root`` until SIGTERM or SIGINT (see :class:`Server`)."""
    Server(root, gate=gate, policy=policy, bind=bind or Bind()).run(ready)


class _Uvicorn(uvicorn.Server):
    """A uvicorn server that says when it listens."""

    ready: Callable[[], None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.ready is not None:
            self.ready()


@contextlib.contextmanager
def _quiet_signals() -> Iterator[None]:
    """Receive the signal that uvicorn raises again when it is done: without this, a clean stop would be exit code -15."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(bind: Bind) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(bind.host, bind.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=512)
        # Inherited by accepted connections; asyncio sets it only for sockets made with an explicit protocol number, and
        # without it every answer waits 40 ms for a delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as err:
        raise errors.InputError(
            "the store cannot listen here",
            which=f"{bind.host}:{bind.port}",
            got=err.strerror,
            next_step="Choose another --port, or stop what uses this one.",
        ) from err
    return listener


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _range_of(headers: Mapping[str, str], length: int, tag: str) -> tuple[int, int] | None:
    """Return first byte and end of the part that is asked for, or ``None`` for the whole.

    Raises:
        refusals.Refused: it begins behind the blob's end.
    """
    asked = RANGE.fullmatch(headers.get("range", ""))
    if asked is None or headers.get("if-range", tag) != tag:
        return None
    first, last = int(asked[1]), int(asked[2] or length - 1)
    if first >= length:
        ends = {"content-range": f"bytes */{length}"}
        raise refusals.Refused(refusals.Name.RANGE_UNSATISFIABLE, f"the blob has {length} bytes", ends)
    return None if last < first else (first, min(last + 1, length))


def _start_of(headers: Mapping[str, str], request: signing.Request) -> int:
    """Return where in the blob the body of a PUT begins."""
    named = headers.get("content-range")
    if named is None:
        return 0
    part = CONTENT_RANGE.fullmatch(named)
    if part is None or not int(part[1]) <= int(part[2]) == request.length - 1 or int(part[3]) != request.length:
        raise refusals.Refused(refusals.Name.BAD_HEADERS, "the part of the blob is not one that ends where it ends")
    return int(part[1])


async def _body(
    receive: Receive, patience: connections.Patience, length: int, going: uploads.Going
) -> AsyncIterator[bytes]:
    """Yield the chunks of a request body; a client that goes away, pauses for too long or is too slow ends it.

    So does the same client on another connection: it knows better than we do that this one is dead.
    """
    now = asyncio.get_running_loop().time
    ends = now() + patience.upload_seconds(length)
    more = True
    while more:
        try:
            async with asyncio.timeout_at(min(ends, now() + patience.pause_seconds)) as going.wait:
                if going.is_stopped:
                    going.stop()
                event = await receive()
        except TimeoutError as err:
            raise refusals.Refused(refusals.Name.TOO_SLOW, "the body stopped coming, or comes too slowly") from err
        finally:
            going.wait = None
        if event["type"] == "http.disconnect":
            raise refusals.Refused(refusals.Name.LENGTH_MISMATCH, "the client went away")
        more = event.get("more_body", False)
        if event.get("body"):
            yield event["body"]


def _check_complete(writer: disk.Writer, request: signing.Request) -> None:
    if writer.length != request.length:
        raise refusals.Refused(refusals.Name.LENGTH_MISMATCH, f"{writer.length} of {request.length} bytes came")
    if writer.digest() != request.digest:
        raise refusals.Refused(refusals.Name.DIGEST_MISMATCH, "the bytes that came are not those that were announced")


async def _send_kept(send: Send, request: signing.Request, *, new: bool) -> None:
    body = json.dumps({"digest": ids.format_digest(request.digest), "new": new}).encode()
    await _send_json(send, 201 if new else 200, body)


async def _send_refusal(scope: Scope, send: Send, refusal: refusals.Refused) -> None:
    """Send the refusal; a body that nobody will read, because it is long or does not come, is cut off."""
    headers = _headers(scope)
    announced = headers.get("content-length", "0")
    is_long = not announced.isdecimal() or len(announced) > 7 or int(announced) > connections.DRAIN_BYTES
    close = is_long or "transfer-encoding" in headers or refusal.name is refusals.Name.TOO_SLOW
    more = {**refusal.headers, **({"connection": "close"} if close else {})}
    await _send_json(send, refusal.name.status, refusal.body(), more)


async def _send_json(send: Send, status: int, body: bytes, more: Mapping[str, str] | None = None) -> None:
    headers = {"content-type": "application/json", "content-length": str(len(body)), **(more or {})}
    await send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": body})
