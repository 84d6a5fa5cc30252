"""Serves a relayer over HTTP: one path, JSON in and out, a few connections at once.

Called by ``commons relayer start``. It listens on loopback unless told otherwise; TLS and more are a web server's in front
(docs/how-to/relay.md). Left out: what is taken and sent (``relayer``).
"""

import http.server
import json
import signal
import threading
from collections.abc import Callable

from aicommons.domain import errors
from aicommons.ledger import relayer, relaying

MOST_AT_ONCE = 64
"""Requests that are worked on; most of them wait for a block."""
SOCKET_SECONDS = 20.0
"""Longest pause within a request."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], relay: relayer.Relayer) -> None:
        super().__init__(address, _Handler)
        self.relay = relay
        self.places = threading.Semaphore(MOST_AT_ONCE)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    server: _Server
    timeout = SOCKET_SECONDS
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Send a call."""
        if not self.server.places.acquire(blocking=False):
            self._answer(503, {"message": "too many requests at once"})
            return
        try:
            self._answer(*self._relayed())
        finally:
            self.server.places.release()

    def _relayed(self) -> tuple[int, dict[str, object]]:
        length = self.headers.get("Content-Length", "")
        if self.path != relaying.PATH or not length.isdigit() or int(length) > relaying.MAX_BODY:
            return 404, {"message": f"post a forward request of at most {relaying.MAX_BODY} bytes to {relaying.PATH}"}
        try:
            request = relaying.Request.from_json(self.rfile.read(int(length)))
            return 200, {"transaction": "0x" + self.server.relay.send(request).hex()}
        except errors.DecodeError as err:
            return 400, {"message": str(err)}
        except errors.LedgerRefused as err:
            is_ours = isinstance(err, errors.SenderUnderfunded)  # the relayer's own purse, not the member's fault
            return (503, {"message": "the relayer cannot pay"}) if is_ours else (403, _words(err))
        except errors.RelayUnreachable as err:
            return 429, {"message": str(err)}
        except (errors.TemporaryError, errors.LedgerMismatch, errors.TransactionReplaced):
            return 503, {"message": "the relayer's ledger does not answer well"}

    def _answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status != 200:
            self.send_header("Connection", "close")  # the rest of a refused body was not read
            self.close_connection = True
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet: who called what is on the ledger, and not in a log of addresses of the network."""


def _words(err: errors.LedgerRefused) -> dict[str, object]:
    return {"message": str(err), "error": err.error}


def serve(relay: relayer.Relayer, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; calls that wait are sent before it ends.

    Args:
        relay: what is taken and sent.
        host: address to listen on.
        port: 0 takes a free one.
        ready: called once with the URL.

    Raises:
        errors.InputError: the port cannot be had.
    """
    try:
        server = _Server((host, port), relay)
    except (OSError, OverflowError) as err:
        raise errors.InputError(
            f"cannot listen here: {err}", which=f"port {port}", next_step="Choose another port, or 0 for any free one."
        ) from err
    sending = threading.Thread(target=relay.run, name="relayer")
    sending.start()
    kept = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    for name in kept:
        signal.signal(name, lambda _number, _frame: threading.Thread(target=server.shutdown).start())
    try:
        ready(f"http://{host}:{server.server_address[1]}")
        server.serve_forever(poll_interval=0.2)
    finally:
        for name, handler in kept.items():
            signal.signal(name, handler)
        relay.stop()
        sending.join()
        server.server_close()
