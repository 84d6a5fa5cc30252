"""A commons whose ledger's clock passes when told to, for the tests of votes and of money: both take days.

Contracts, homes and commands are the real ones; the ledger answers over HTTP, as the real one does, from a thread of this
process.
"""

import contextlib
import dataclasses
import http.server
import pathlib
import threading
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any

from tests.cli import conftest

from aicommons import app, operating, testing
from aicommons.cli import processes
from aicommons.ledger import wallet

DAY = 86_400
WORDS = ("--title", "Ben audits", "--reason", "He has done it for years.\n\nSee his work.")
"""What every proposal of ``Stage.propose`` says of itself."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """The commons and its clock."""

    place: conftest.Place
    clock: testing.ManualClock
    homes: Sequence[str]
    """Admitted in this order, so that their member numbers are 1, 2 and so on."""

    def done(self, home: str, *arguments: str) -> dict[str, Any]:
        """Run a command that must succeed, and return its JSON object."""
        return self.place.done(home, *arguments)

    def propose(self, home: str, *acts: str) -> str:
        """Propose acts and return the proposal."""
        return str(self.done(home, "vote", "propose", *WORDS, *acts)["proposal"])

    def carry(self, proposal: str) -> dict[str, Any]:
        """Let the first three members carry a proposal, and the last one do it; return what was done."""
        self.clock.advance(DAY + 1)
        for home in self.homes[:3]:
            self.done(home, "vote", "cast", proposal, "for")
        self.clock.advance(7 * DAY)
        self.done(self.homes[-1], "vote", "queue", proposal)
        self.clock.advance(2 * DAY)
        return self.done(self.homes[-1], "vote", "execute", proposal)


@contextlib.contextmanager
def staged(root: pathlib.Path, homes: Sequence[str]) -> Iterator[Stage]:
    """Found a commons with a store and a clock of its own, and admit its members; what they say of themselves can be read."""
    with processes.Processes(conftest.PASSPHRASE) as running:
        place = conftest.Place(root, running, (conftest._free_url(), conftest._free_url()))
        place.init("operator")
        operator = app.Home(root / "operator")
        operating.found_ledger(operator, lambda: wallet.unlock(operator.wallet_file, conftest.PASSPHRASE))
        clock = testing.ManualClock(time.time())
        with served(operator.path / "ledger", place.urls[0], clock):
            running.start("store", operator.path, "store", "start")
            for home in homes:
                place.init(home, "--deployment", place.deployment)
                place.done("operator", "member", "admit", place.done(home, "member", "apply")["applicant"])
                place.done(home, "member", "guardian", "--none")  # a member's first act brings its profile to the store
            clock.advance(10)
            yield Stage(place, clock, homes)


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
