"""A commons whose ledger's clock passes when told to, with an ERC-20 token, for the tests of money at the command line.

Contracts, homes and commands are the real ones; the ledger answers over HTTP from a thread of this process, because
judgements can be challenged for days.
"""

import contextlib
import dataclasses
import http.server
import json
import pathlib
import threading
import time
import urllib.parse
from collections.abc import Iterator

from tests.cli import conftest

from aicommons import app, testing
from aicommons.cli import processes
from aicommons.domain import encoding, ids
from aicommons.ledger import wallet

DAY = 86_400
TOKEN_FILE = pathlib.Path(__file__).parent / "test_token.json"
"""Creation code of ``contracts/test/doubles/TestToken.sol``, an honest token called TEUR with 6 decimals."""
HOMES = ("owner", "judge", "payer", "solver", "other")
"""Admitted in this order, so that their member numbers are 1 to 5."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """The commons, its clock and its token."""

    place: conftest.Place
    clock: testing.ManualClock
    token: str
    """Address."""

    def done(self, home: str, *arguments: str) -> dict[str, object]:
        """Run a command that must succeed, and return its JSON object."""
        return self.place.done(home, *arguments)

    def mint(self, home: str, amount: int) -> None:
        """Give a home's wallet tokens, in their smallest unit."""
        account = app.Home(self.place.root / home)
        minted = encoding.abi_encode(("address", "uint256"), (wallet.address(account.wallet_file), amount))
        send = _client(self.place, "operator")
        send.send_to(ids.parse_address(self.token), encoding.keccak(b"mint(address,uint256)")[:4] + minted)


def _client(place: conftest.Place, home: str):  # type: ignore[no-untyped-def]
    opened = app.Home(place.root / home)
    return app.connect(opened, wallet.unlock(opened.wallet_file, conftest.PASSPHRASE))


@contextlib.contextmanager
def staged(root: pathlib.Path) -> Iterator[Stage]:
    """Found the commons, admit its members and deploy the token."""
    with processes.Processes(conftest.PASSPHRASE) as running:
        place = conftest.Place(root, running, (conftest._free_url(), conftest._free_url()))
        place.init("operator")
        operator = app.Home(root / "operator")
        app.found_ledger(operator, lambda: wallet.unlock(operator.wallet_file, conftest.PASSPHRASE))
        clock = testing.ManualClock(time.time())
        with _served(operator.path / "ledger", place.urls[0], clock):
            running.start("store", operator.path, "store", "start")
            for home in HOMES:
                place.init(home, "--deployment", place.deployment)
                place.done("operator", "member", "admit", place.done(home, "member", "apply")["applicant"])
            code = bytes.fromhex(json.loads(TOKEN_FILE.read_text())["bytecode"][2:])
            yield Stage(place, clock, ids.format_id(_client(place, "operator").deploy(code)))


@contextlib.contextmanager
def _served(folder: pathlib.Path, url: str, clock: testing.ManualClock) -> Iterator[None]:
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
