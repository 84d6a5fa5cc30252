"""Transactions: our bytes are those of eth_account, for calls and contract creations."""

from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import ids
from aicommons.ledger import transactions, wallet

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
secrets = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
made = st.builds(
    transactions.Transaction,
    st.integers(1, 2**32),
    st.integers(0, 2**32),
    st.none() | st.binary(min_size=20, max_size=20).map(ids.Address),
    st.binary(max_size=300),
    gas=st.integers(21_000, 2**24),
)


def oracle(secret: bytes, transaction: transactions.Transaction) -> tuple[bytes, bytes]:
    """Return raw bytes and hash as eth_account makes them."""
    fields = {
        "type": 2, "chainId": transaction.chain_id, "nonce": transaction.nonce, "gas": transaction.gas, "value": 0,
        "maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "data": transaction.data, "accessList": [],
    }  # fmt: skip
    if transaction.to is not None:
        fields["to"] = bytes(transaction.to)
    signed = Account.sign_transaction(fields, secret)
    return bytes(signed.raw_transaction), bytes(signed.hash)


@given(secrets, made)
def test_bytes_are_eth_accounts(secret: bytes, transaction: transactions.Transaction) -> None:
    """Raw transaction and hash are the same as eth_account's."""
    signed = transactions.sign(transaction, wallet.Wallet(secret))
    assert (signed.raw, signed.digest) == oracle(secret, transaction)


@given(secrets, made)
def test_the_sender_is_recovered(secret: bytes, transaction: transactions.Transaction) -> None:
    """Whoever reads the bytes finds the signer."""
    signer = wallet.Wallet(secret)
    raw = transactions.sign(transaction, signer).raw
    assert Account.recover_transaction(raw).lower() == ids.format_id(signer.address)
