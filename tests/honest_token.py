"""An ERC-20 token for tests of money: contract ``contracts/test/doubles/TestToken.sol``, called TEUR, with 6 decimals.

Everybody may mint it. Tests of the view and of the command line deploy it on their ledgers.
"""

import json
import pathlib
from typing import Protocol

from aicommons.domain import encoding, ids

CODE = bytes.fromhex(json.loads((pathlib.Path(__file__).parent / "honest_token.json").read_text())["bytecode"][2:])
"""What creates it."""


class Sender(Protocol):
    """A wallet on a ledger."""

    def deploy(self, code: bytes) -> ids.Address:
        """Create a contract."""

    def send_to(self, address: ids.Address, data: bytes) -> object:
        """Send a call to a contract that is none of the commons'."""


def deploy(sender: Sender) -> ids.Address:
    """Create the token."""
    return sender.deploy(CODE)


def mint(sender: Sender, token: ids.Address, holder: ids.Address, amount: int) -> None:
    """Give ``holder`` tokens, in their smallest unit."""
    minted = encoding.abi_encode(("address", "uint256"), (holder, amount))
    sender.send_to(token, encoding.keccak(b"mint(address,uint256)")[:4] + minted)
