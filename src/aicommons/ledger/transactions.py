"""Signed transactions as bytes (EIP-1559, and EIP-155 where a chain has no base fee), without a large client library.

Called by ``sending`` for every write. What a chain charges, and how much gas a call needs, is asked there.
"""

import dataclasses

import rlp

from aicommons.domain import encoding, ids
from aicommons.protocol import ports

TYPE_FEE_MARKET = b"\x02"
GAS_LIMIT = 2**24
"""The most that the embedded ledger takes for one transaction; where nothing is charged it is what every call may use."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fees:
    """What a transaction offers for its gas, in wei (EIP-1559)."""

    most: int = 0
    """Most that is paid for a unit of gas, the tip included."""
    tip: int = 0
    """Of it to whoever makes the block."""
    is_legacy: bool = False
    """Whether the chain has no base fee, so that ``most`` is the price itself (EIP-155)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Transaction:
    """One call or, with ``to`` absent, one contract creation."""

    chain_id: int
    nonce: int
    to: ids.Address | None
    data: bytes
    gas: int = GAS_LIMIT
    fees: Fees = Fees()
    value: int = 0
    """Wei that go with it."""

    @property
    def cost(self) -> int:
        """Wei that the sender must have."""
        return self.gas * self.fees.most + self.value


@dataclasses.dataclass(frozen=True, slots=True)
class Signed:
    """A transaction as it is sent."""

    raw: bytes
    digest: bytes
    """Transaction hash, 32 bytes."""


def sign(transaction: Transaction, signer: ports.Signer) -> Signed:
    """Return ``transaction`` signed by ``signer``."""
    if transaction.fees.is_legacy:
        return _sign_legacy(transaction, signer)
    fields: list[object] = [
        transaction.chain_id,
        transaction.nonce,
        transaction.fees.tip,
        transaction.fees.most,
        transaction.gas,
        transaction.to or b"",
        transaction.value,
        transaction.data,
        [],
    ]
    signed = signer.sign_digest(encoding.keccak(TYPE_FEE_MARKET + rlp.encode(fields)))
    proof = [signed[64] - 27, int.from_bytes(signed[:32], "big"), int.from_bytes(signed[32:64], "big")]
    raw = TYPE_FEE_MARKET + rlp.encode([*fields, *proof])
    return Signed(raw, encoding.keccak(raw))


def _sign_legacy(transaction: Transaction, signer: ports.Signer) -> Signed:
    """Return a transaction as it was before EIP-2718, bound to its chain by EIP-155."""
    fields: list[object] = [
        transaction.nonce,
        transaction.fees.most,
        transaction.gas,
        transaction.to or b"",
        transaction.value,
        transaction.data,
    ]
    signed = signer.sign_digest(encoding.keccak(rlp.encode([*fields, transaction.chain_id, 0, 0])))
    parity = signed[64] - 27 + 35 + 2 * transaction.chain_id
    raw = rlp.encode([*fields, parity, int.from_bytes(signed[:32], "big"), int.from_bytes(signed[32:64], "big")])
    return Signed(raw, encoding.keccak(raw))
