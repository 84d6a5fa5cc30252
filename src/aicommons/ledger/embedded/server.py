"""The ledger as a process: HTTP on the loopback address, JSON-RPC behind it, until SIGTERM.

Why: an ordinary JSON-RPC endpoint that needs nothing but pip. Called by ``commons ledger start``. Left out: TLS, CORS
and other addresses than loopback: whoever needs them outgrew this ledger (ARCHITECTURE.md, first table).
"""

import asyncio
import importlib.metadata
import logging
import pathlib
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

import uvicorn

from aicommons.domain import errors
from aicommons.ledger.embedded import chain, evm_thread, methods, rpc, selection, storage

HOST: Final = "127.0.0.1"

MAX_REQUEST_BYTES: Final = 5 * 1024 * 1024
"""Longest request body, go-ethereum's limit."""

_KEEP_ALIVE_SECONDS: Final = 75  # nodes poll at least once a second; browsers' extensions keep about a minute
_SHUTDOWN_SECONDS: Final = 5
_MAX_CONNECTIONS: Final = 512
_HOST_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_log = logging.getLogger(__name__)


def serve(
    home: pathlib.Path,
    port: int,
    chain_id: int = chain.DEFAULT_CHAIN_ID,
    engine: str | None = None,
    *,
    ready: Callable[[str], None] | None = None,
    balances: Mapping[bytes, int] | None = None,
    max_logs: int = methods.MAX_LOGS,
) -> None:
    """Serve the ledger in ``home`` on ``port`` (0: any free one) until SIGTERM or SIGINT; prints nothing.

    Args:
        home: directory of the ledger, made if missing.
        port: TCP port on the loopback address.
        chain_id: of a new ledger; an existing one must have it.
        engine: ``pyrevm`` or ``py-evm``; ``None`` takes the fastest installed one.
        ready: called once with the URL when requests are answered.
        balances: wei by address at block 0 of a new ledger.
        max_logs: logs in one answer.

    Raises:
        InputError: the port is in use, or there is no such engine.
        LedgerRefused, LedgerMismatch, DecodeError, StorageFull: the file cannot be used.
        PermanentError: after a failure not even the last recorded state could be read again.
    """
    evm = selection.make_engine(engine, chain_id=chain_id)
    with _bind(port) as listener:
        genesis = storage.Genesis(chain_id, _now(), balances or {})
        file = storage.Storage(home, genesis)
        try:
            ledger = chain.Chain(file, evm, chain_id=chain_id, clock=_now)
            version = f"aicommons/{importlib.metadata.version('aicommons')}/{ledger.engine_name}"
            _run(methods.Methods(ledger, version=version, max_logs=max_logs), listener, ready)
        finally:
            file.close()


def _now() -> int:
    return int(time.time())


def _bind(port: int) -> socket.socket:
    # With the protocol named, asyncio switches Nagle's algorithm off; without, each answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as err:
        listener.close()
        raise errors.InputError(
            f"cannot listen here: {err}",
            which=f"port {port}",
            next_step="Choose another port, or 0 for any free one.",
        ) from err
    return listener


def _run(served: methods.Methods, listener: socket.socket, ready: Callable[[str], None] | None) -> None:
    thread = evm_thread.EvmThread(served.chain, rpc.Rpc(served))
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    server = _Server(_config(Application(thread)), on_started=lambda: ready(url) if ready is not None else None)
    thread.start(on_failure=server.stop_soon)
    try:
        _run_until_signal(server, listener)
    finally:
        thread.stop()
    if thread.has_failed:
        raise errors.PermanentError(
            "the ledger stopped because it could not go back to its last recorded block",
            which=str(served.chain.file.path),
            next_step="See the log above, make sure that the disk works, and start it again; nothing recorded is lost.",
        )


def _config(application: "Application") -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


def _run_until_signal(server: "_Server", listener: socket.socket) -> None:
    # uvicorn raises the signal once more after its shutdown; ours must survive that to close the file.
    kept = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    for name in kept:
        signal.signal(name, lambda _number, _frame: server.stop_soon())
    try:
        server.run(sockets=[listener])
    finally:
        for name, handler in kept.items():
            signal.signal(name, handler)


class _Server(uvicorn.Server):
    """uvicorn that says when it listens."""

    def __init__(self, config: uvicorn.Config, *, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    def stop_soon(self) -> None:
        """Shut down; may be called from any thread or signal handler."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


class Application:
    """The bare ASGI callable: checks the HTTP request, hands its body to the EVM thread, returns the answer.

    Args:
        thread: answers bodies; started.
    """

    def __init__(self, thread: evm_thread.EvmThread) -> None:
        self._thread = thread

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one HTTP request."""
        status, body = await self._respond(scope, receive)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if status != 200:
            # The rest of a refused body is not read, so the connection cannot be used again.
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: _Message, receive: _Receive) -> tuple[int, bytes]:
        headers = dict(scope["headers"])
        refusal = _refusal(scope["method"], headers)
        if refusal is not None:
            return refusal
        body = await _read(receive)
        if body is None:
            return _plain(413, f"request too large: at most {MAX_REQUEST_BYTES} bytes")
        return 200, await self._answer(body)

    async def _answer(self, body: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()

        def resolve(result: bytes) -> None:
            if not answer.done():
                answer.set_result(result)

        self._thread.submit(evm_thread.Request(body, lambda result: _call_soon(loop, resolve, result)))
        return await answer


def _call_soon(loop: asyncio.AbstractEventLoop, resolve: Callable[[bytes], None], result: bytes) -> None:
    try:
        loop.call_soon_threadsafe(resolve, result)
    except RuntimeError:
        # The loop is closed: the server shut down before this answer, and its client's connection with it.
        _log.debug("an answer came after the shutdown")


def _refusal(method: str, headers: Mapping[bytes, bytes]) -> tuple[int, bytes] | None:
    # A web page can make a browser connect to loopback under a name of its own (DNS rebinding), or post a form
    # there: the Host check refuses the first, the content type, which needs a preflight, the second.
    host = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)[0].lower()
    if host not in _HOST_NAMES:
        return _plain(403, "invalid host: use 127.0.0.1 or localhost")
    if method != "POST":
        return _plain(405, "only POST is answered here: this is a JSON-RPC endpoint")
    if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
        return _plain(415, "the content type must be application/json")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > MAX_REQUEST_BYTES:
        return _plain(413, f"request too large: at most {MAX_REQUEST_BYTES} bytes")
    return None


def _plain(status: int, message: str) -> tuple[int, bytes]:
    return status, rpc.refused_request(message)


async def _read(receive: _Receive) -> bytes | None:
    """Return the body, or ``None`` if it is longer than allowed."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_REQUEST_BYTES:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
