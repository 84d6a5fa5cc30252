"""Serves a relayer over HTTP: one path, JSON in and out, one request a connection, a bounded number of connections.

Called by ``commons relayer start``. It listens on loopback unless told otherwise; TLS and more are a web server's in front
(docs/how-to/relay.md). Left out: what is taken and sent (``relayer``).
"""

import contextlib
import dataclasses
import http.server
import io
import json
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from aicommons.domain import errors
from aicommons.ledger import relaying

log = logging.getLogger(__name__)
Connection = socket.socket | tuple[bytes, socket.socket]
"""As the standard library hands it over; the second form is of datagrams."""
WRITE_SECONDS = 20.0
"""Longest pause in which nothing of an answer is taken."""


class Relay(Protocol):
    """What a server needs of a relayer."""

    def send(self, request: relaying.Request) -> bytes:
        """Return the hash of the transaction that carried a call out."""

    def run(self) -> None:
        """Send what waits until ``stop``."""

    def stop(self) -> None:
        """End ``run``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How much of a server its callers can take."""

    at_once: int = 64
    """Requests that are worked on; most of them wait for a block."""
    connections: int = 256
    """Connections that are open; whoever comes beyond them is turned away at once."""
    read_seconds: float = 20.0
    """In which a whole request must be there, however it trickles."""


class _InTime(io.RawIOBase):
    """Reads from a connection until a moment that no byte puts off."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        super().__init__()
        self._connection = connection
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        """Say that it is for reading."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read what is there; raises ``TimeoutError`` when the time is over."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class Server(http.server.ThreadingHTTPServer):
    """Answers each connection in a thread of its own."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], relay: Relay, limits: Limits) -> None:
        """Listen; raises ``OSError`` or ``OverflowError`` where that is not possible."""
        super().__init__(address, _Handler)
        self.relay = relay
        self.limits = limits
        self.places = threading.Semaphore(limits.at_once)
        self.connections = threading.Semaphore(limits.connections)

    def process_request(self, request: Connection, client_address: Any) -> None:
        """Give a connection a thread, while there are not too many."""
        if not self.connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread is to be had: nobody else would give the place back
            self.connections.release()
            raise

    def process_request_thread(self, request: Connection, client_address: Any) -> None:
        """Answer, and free the connection's place whatever happened."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say loudly what is a defect, without the peer's address; one that hangs up or is too slow is none."""
        del request, client_address
        defect = sys.exception()
        if not isinstance(defect, OSError):
            log.error("a request was not answered", exc_info=defect)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request; HTTP/1.0, so that every connection ends with it."""

    server: Server

    def setup(self) -> None:
        """Read within a time that holds for the whole request."""
        super().setup()
        self.rfile = io.BufferedReader(_InTime(self.connection, self.server.limits.read_seconds))

    def do_POST(self) -> None:
        """Send a call."""
        try:
            body = self._body()  # before it takes a place: a request that never ends keeps none
        except errors.DecodeError as err:
            return self._answer(404, {"message": str(err)})
        self.connection.settimeout(WRITE_SECONDS)
        with self._place() as is_free:
            told = self._relayed(body) if is_free else (503, {"message": "too many requests at once"})
        self._answer(*told)
        return None

    @contextlib.contextmanager
    def _place(self) -> Iterator[bool]:
        is_free = self.server.places.acquire(blocking=False)
        try:
            yield is_free
        finally:
            if is_free:
                self.server.places.release()

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        is_number = length.isascii() and length.isdigit() and len(length) <= len(str(relaying.MAX_BODY))
        if self.path != relaying.PATH or not is_number or int(length) > relaying.MAX_BODY:
            raise errors.DecodeError(f"post a forward request of at most {relaying.MAX_BODY} bytes to {relaying.PATH}")
        return self.rfile.read(int(length))

    def _relayed(self, body: bytes) -> tuple[int, dict[str, object]]:
        try:
            request = relaying.Request.from_json(body)
            return 200, {"transaction": "0x" + self.server.relay.send(request).hex()}
        except errors.DecodeError as err:
            return 400, {"message": str(err)}
        except (errors.SenderUnderfunded, errors.FeeTooHigh):  # the relayer's own purse, not the member's fault
            return 503, {"message": "the relayer cannot pay"}
        except errors.LedgerRefused as err:
            return 403, _words(err)
        except errors.RelayOutcomeUnknown as err:
            return 504, {"message": str(err)}
        except errors.RelayUnreachable as err:
            return 429, {"message": str(err)}
        except (errors.TemporaryError, errors.LedgerMismatch):
            return 503, {"message": "the relayer's ledger does not answer well"}

    def _answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet: who called what is on the ledger, and not in a log of addresses of the network."""


def _words(err: errors.LedgerRefused) -> dict[str, object]:
    return {"message": str(err), "error": err.error}


class _Sending(threading.Thread):
    """The thread that sends; a server without it would take calls and answer none."""

    def __init__(self, relay: Relay, server: Server) -> None:
        super().__init__(name="relayer")
        self._relay = relay
        self._server = server
        self.defect: BaseException | None = None

    def run(self) -> None:
        """Send until ``stop``; end the server where a defect ends this before."""
        try:
            self._relay.run()
        except BaseException as err:  # noqa: BLE001  ``serve`` raises it in the main thread
            self.defect = err
            self._server.shutdown()


def serve(relay: Relay, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; calls that wait are sent before it ends.

    Args:
        relay: what is taken and sent.
        host: address to listen on.
        port: 0 takes a free one.
        ready: called once with the URL.

    Raises:
        errors.InputError: the port cannot be had.
        Exception: whatever ended the thread that sends; a defect.
    """
    try:
        server = Server((host, port), relay, Limits())
    except (OSError, OverflowError) as err:
        raise errors.InputError(
            f"cannot listen here: {err}", which=f"port {port}", next_step="Choose another port, or 0 for any free one."
        ) from err
    sending = _Sending(relay, server)
    kept = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    for name in kept:
        signal.signal(name, lambda _number, _frame: threading.Thread(target=server.shutdown).start())
    sending.start()
    try:
        ready(f"http://{host}:{server.server_address[1]}")
        server.serve_forever(poll_interval=0.2)
    finally:
        for name, handler in kept.items():
            signal.signal(name, handler)
        relay.stop()
        sending.join()
        server.server_close()
    if sending.defect is not None:
        raise sending.defect
