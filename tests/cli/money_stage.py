"""A commons whose ledger's clock passes when told to, with an ERC-20 token, for the tests of money at the command line.

Judgements can be challenged for days.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

from tests import honest_token
from tests.cli import conftest, told_time

from aicommons import app
from aicommons.domain import ids
from aicommons.ledger import client, wallet

DAY = told_time.DAY
HOMES = ("owner", "judge", "payer", "solver", "other")
"""Admitted in this order, so that their member numbers are 1 to 5."""


@dataclasses.dataclass(frozen=True)
class Stage(told_time.Stage):
    """The commons, its clock and its token."""

    token: str
    """Address."""

    def mint(self, home: str, amount: int) -> None:
        """Give a home's wallet tokens, in their smallest unit."""
        holder = wallet.address(app.Home(self.place.root / home).wallet_file)
        honest_token.mint(_client(self.place, "operator"), ids.parse_address(self.token), holder, amount)


def _client(place: conftest.Place, home: str) -> client.Client:
    opened = app.Home(place.root / home)
    return app.connect(opened, wallet.unlock(opened.wallet_file, conftest.PASSPHRASE))


@contextlib.contextmanager
def staged(root: pathlib.Path) -> Iterator[Stage]:
    """Found the commons, admit its members and deploy the token."""
    with told_time.staged(root, HOMES) as made:
        token = honest_token.deploy(_client(made.place, "operator"))
        yield Stage(made.place, made.clock, made.homes, ids.format_id(token))
