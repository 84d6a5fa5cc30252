"""Decoding and checking raw transactions: canonical bytes of this chain, and nothing else."""

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
import rlp
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from hypothesis import strategies

from aicommons.domain import errors
from aicommons.ledger.embedded import chain, engine, transactions

CHAIN = chain.DEFAULT_CHAIN_ID
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
TO = bytes([0x22]) * 20


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    kind=strategies.integers(0, 2),
    nonce=strategies.integers(0, 2**64 - 2),
    value=strategies.integers(0, 2**256 - 1),
    data=strategies.binary(max_size=300),
    is_creation=strategies.booleans(),
)
def test_what_wallets_sign_is_read_back(
    kind: int, nonce: int, value: int, data: bytes, is_creation: bool, accounts: Any, sign: Callable[..., str]
) -> None:
    """Sender, hash and every field of a transaction that eth-account signed come back."""
    to = None if is_creation else TO
    raw = bytes.fromhex(sign(accounts[0], nonce, kind=kind, to=to, value=value, data=data, gas=200_000)[2:])
    found = transactions.decode(raw, chain_id=CHAIN)
    assert "0x" + found.sender.hex() == accounts[0].address.lower()
    assert found.hash == keccak(raw)
    message = engine.Message(found.sender, to, nonce, 200_000, value, data)
    assert (found.kind, found.message()) == (kind, message)


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(raw=strategies.binary(max_size=200))
def test_arbitrary_bytes_are_refused(raw: bytes) -> None:
    """No bytes make the decoder fail in any other way than with one of our errors."""
    with pytest.raises(errors.PermanentError):
        transactions.decode(raw, chain_id=CHAIN)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_one_changed_byte_never_keeps_sender_and_hash(
    kind: int, accounts: tuple[LocalAccount, ...], sign: Callable[..., str]
) -> None:
    """A flipped bit anywhere is refused, or gives another hash, and never another form of the same transaction."""
    raw = bytes.fromhex(sign(accounts[0], 5, kind=kind, to=TO, data=b"abc")[2:])
    original = transactions.decode(raw, chain_id=CHAIN)
    source = random.Random(kind)
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1 << source.randrange(8)
        try:
            found = transactions.decode(bytes(changed), chain_id=CHAIN)
        except errors.PermanentError:
            continue
        assert found.hash != original.hash
        assert dataclasses.replace(found, raw=raw, hash=original.hash) != original


def _resigned(raw: str, **fields: int) -> bytes:
    """Return a kind 2 transaction with some of its last three fields replaced, in canonical RLP."""
    items = rlp.decode(bytes.fromhex(raw[4:]))
    for name, value in fields.items():
        items[{"v": -3, "r": -2, "s": -1}[name]] = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return b"\x02" + rlp.encode(items)


def test_high_s_is_refused(accounts: tuple[LocalAccount, ...], sign: Callable[..., str]) -> None:
    """The mirrored signature, which recovers to the same sender, is not accepted (EIP-2)."""
    raw = sign(accounts[0], 0, to=TO)
    found = transactions.decode(bytes.fromhex(raw[2:]), chain_id=CHAIN)
    mirrored = _resigned(raw, s=ORDER - found.s, v=1 - found.v)
    with pytest.raises(errors.SignatureInvalid, match="high s"):
        transactions.decode(mirrored, chain_id=CHAIN)


SIGNATURES = {
    "r is zero": {"r": 0},
    "s is zero": {"s": 0},
    "r is the order": {"r": ORDER},
    "parity is two": {"v": 2},
    "r is on no point": {"r": 5, "s": 1},
}


@pytest.mark.parametrize("fields", SIGNATURES.values(), ids=SIGNATURES.keys())
def test_impossible_signatures_are_refused(
    fields: dict[str, int], accounts: tuple[LocalAccount, ...], sign: Callable[..., str]
) -> None:
    """A signature that no key can have made has no sender."""
    with pytest.raises(errors.SignatureInvalid):
        transactions.decode(_resigned(sign(accounts[0], 0, to=TO), **fields), chain_id=CHAIN)


def _typed(fields: list[Any]) -> bytes:
    return b"\x02" + rlp.encode(fields)


_GOOD = [CHAIN, 0, 0, 0, 21_000, TO, 0, b"", [], 0, 1, 1]
_LEGACY = [0, 0, 21_000, TO, 0, b"", 27, 1, 1]


def _with(position: int, value: Any) -> bytes:
    return _typed([*_GOOD[:position], value, *_GOOD[position + 1 :]])


BAD_FORMS = {
    "nothing": (b"", errors.DecodeError, "empty"),
    "not a list": (b"\x02\x83abc", errors.DecodeError, "list"),
    "a text": (b"\x83abc", errors.DecodeError, "not a transaction"),
    "bytes after the end": (_typed(_GOOD) + b"\0", errors.DecodeError, "list"),
    "cut short": (_typed(_GOOD)[:-1], errors.DecodeError, "too early"),
    "a field too few": (_typed(_GOOD[:-1]), errors.DecodeError, "number of fields|wrong RLP type"),
    "a field too many": (_typed([*_GOOD, 1]), errors.DecodeError, "number of fields"),
    "list for a number": (_with(1, [1]), errors.DecodeError, "nonce"),
    "bytes for the access list": (_with(8, b""), errors.DecodeError, "access_list"),
    "leading zero": (_with(1, b"\0\x01"), errors.DecodeError, "leading zeros"),
    "33 bytes": (_with(6, b"\x01" * 33), errors.DecodeError, "too long"),
    "short address": (_with(5, b"\x22" * 19), errors.DecodeError, "address"),
    "long form of a short length": (b"\x02\xf8\x03\x01\x02\x03", errors.DecodeError, "minimal"),
    "long form of a single byte": (b"\x02\xc2\x81\x05", errors.DecodeError, "minimal"),
    "length of 2^63": (b"\xff" + b"\x7f" + b"\xff" * 7, errors.DecodeError, "too early"),
    "nested 100,000 deep": (b"\xf9\xff\xff" * 33_000, errors.DecodeError, "RLP"),
    "blob transaction": (b"\x03" + rlp.encode(_GOOD), errors.LedgerRefused, "type not supported"),
    "set-code transaction": (b"\x04" + rlp.encode(_GOOD), errors.LedgerRefused, "type not supported"),
    "access list": (_with(8, [[TO, []]]), errors.LedgerRefused, "access lists are not supported"),
    "another chain": (_with(0, 1), errors.LedgerRefused, "chain id"),
    "no replay protection": (rlp.encode(_LEGACY), errors.LedgerRefused, "EIP-155"),
    "too long": (b"\x02" + bytes(transactions.MAX_BYTES), errors.LedgerRefused, "oversized"),
    "nonce at its end": (_with(1, 2**64 - 1), errors.LedgerRefused, "nonce has max value"),
    "gas of 2^64": (_with(4, 2**64), errors.LedgerRefused, "block gas limit"),
    "one gas too much": (_with(4, engine.GAS_LIMIT + 1), errors.LedgerRefused, "block gas limit"),
    "one gas too little": (_with(4, 20_999), errors.LedgerRefused, "intrinsic gas too low"),
    "tip over the fee": (_with(2, 1), errors.LedgerRefused, "priority fee"),
}


@pytest.mark.parametrize(("raw", "kind", "message"), BAD_FORMS.values(), ids=BAD_FORMS.keys())
def test_bad_forms_are_refused(raw: bytes, kind: type[Exception], message: str) -> None:
    """Each bad form is refused with the reason."""
    with pytest.raises(kind, match=message):
        transactions.decode(raw, chain_id=CHAIN)


@hypothesis.given(data=strategies.binary(max_size=2_000))
def test_intrinsic_gas_by_definition(data: bytes) -> None:
    """Intrinsic gas is what EIP-2028 and EIP-3860 add up to, byte by byte."""
    by_bytes = sum(16 if byte else 4 for byte in data)
    words = len([data[start : start + 32] for start in range(0, len(data), 32)])
    assert transactions.intrinsic_gas(data, is_creation=False) == 21_000 + by_bytes
    assert transactions.intrinsic_gas(data, is_creation=True) == 53_000 + by_bytes + 2 * words
