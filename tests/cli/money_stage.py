"""A commons whose ledger's clock passes when told to, with an ERC-20 token, for the tests of money at the command line.

Contracts, homes and commands are the real ones; the ledger answers over HTTP from a thread of this process, because
judgements can be challenged for days.
"""

import contextlib
import dataclasses
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

from tests.cli import conftest, told_time

from aicommons import app, testing
from aicommons.cli import processes
from aicommons.domain import encoding, ids
from aicommons.ledger import client, wallet

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

    def done(self, home: str, *arguments: str) -> dict[str, Any]:
        """Run a command that must succeed, and return its JSON object."""
        return self.place.done(home, *arguments)

    def mint(self, home: str, amount: int) -> None:
        """Give a home's wallet tokens, in their smallest unit."""
        account = app.Home(self.place.root / home)
        minted = encoding.abi_encode(("address", "uint256"), (wallet.address(account.wallet_file), amount))
        send = _client(self.place, "operator")
        send.send_to(ids.parse_address(self.token), encoding.keccak(b"mint(address,uint256)")[:4] + minted)


def _client(place: conftest.Place, home: str) -> client.Client:
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
        with told_time.served(operator.path / "ledger", place.urls[0], clock):
            running.start("store", operator.path, "store", "start")
            for home in HOMES:
                place.init(home, "--deployment", place.deployment)
                place.done("operator", "member", "admit", place.done(home, "member", "apply")["applicant"])
            code = bytes.fromhex(json.loads(TOKEN_FILE.read_text())["bytecode"][2:])
            yield Stage(place, clock, ids.format_id(_client(place, "operator").deploy(code)))
