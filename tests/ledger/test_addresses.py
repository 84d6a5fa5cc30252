"""Addresses of contracts: those that Ethereum gives them."""

from hypothesis import given
from hypothesis import strategies as st
from web3 import utils

from aicommons.domain import ids
from aicommons.ledger import addresses


def test_created_addresses() -> None:
    """The address of a created contract is the known one of Ethereum's first example (sender 0x6ac7…, nonces 0 to 2)."""
    sender = ids.parse_address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    expected = (
        "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d",
        "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8",
        "0xf778b86fa74e846c4f0a1fbd1335fe81c00a0c91",
    )
    assert tuple(ids.format_id(addresses.created(sender, nonce)) for nonce in range(3)) == expected


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**64 - 2))
def test_addresses_are_web3s(sender: bytes, nonce: int) -> None:
    """Every sender and nonce gives the address that web3 computes."""
    assert (
        ids.format_id(addresses.created(sender, nonce))
        == utils.get_create_address(ids.format_id(sender), nonce).lower()
    )
