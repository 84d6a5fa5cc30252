"""A home's ledger whose clock passes when told to, answering over HTTP as the real one: votes and delays take days."""

import contextlib
import http.server
import pathlib
import threading
import urllib.parse
from collections.abc import Iterator

from aicommons import testing


@contextlib.contextmanager
def served(folder: pathlib.Path, url: str, clock: testing.ManualClock) -> Iterator[None]:
    """Answer for the ledger in ``folder`` at ``url`` from a thread, in which its EVM has to stay."""
    ready, kept = threading.Event(), []

    def serve() -> None:
        ledger = testing.LocalLedger(folder, clock)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = ledger.handle(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        address = ("127.0.0.1", urllib.parse.urlsplit(url).port or 0)
        with contextlib.closing(ledger), http.server.HTTPServer(address, Handler) as server:
            kept.append(server)
            ready.set()
            server.serve_forever(poll_interval=0.05)

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(30)
    try:
        yield
    finally:
        kept[0].shutdown()
        thread.join()
