"""Identifiers as text: one spelling each way, anything else is refused."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import errors, ids


@given(st.binary(max_size=200))
def test_digest_text_comes_back(data: bytes) -> None:
    """A digest is SHA-256 of the bytes, and its text reads back to it."""
    value = ids.digest(data)
    assert value == hashlib.sha256(data).digest()
    assert ids.format_digest(value) == "1220" + value.hex()
    assert ids.parse_digest(ids.format_digest(value)) == value


@given(st.binary(min_size=32, max_size=32))
def test_run_id_text_comes_back(value: bytes) -> None:
    """A run id reads back from its text."""
    assert ids.parse_run_id(ids.format_id(value)) == value


@given(st.binary(min_size=20, max_size=20))
def test_address_text_comes_back(value: bytes) -> None:
    """An address reads back from its text, in the mixed case of wallets too."""
    assert ids.parse_address(ids.format_id(value)) == value
    assert ids.parse_address(ids.format_id(value).upper().replace("0X", "0x")) == value


GOOD = "aa" * 32
BAD_DIGESTS = {
    "no prefix": GOOD,
    "another hash function": "1320" + GOOD,
    "too short": "1220" + GOOD[:-1],
    "too long": "1220" + GOOD + "aa",
    "a blank inside": "1220" + GOOD[:-3] + " aa",
    "blanks between bytes": "1220" + " ".join(["aa"] * 32),
    "a line end": "1220" + GOOD + "\n",
    "0x inside": "1220" + "0x" + GOOD,
    "other digits": "1220" + "\u0661" * 64,
    "no hexadecimal": "1220" + "zz" * 32,
    "empty": "",
}


@pytest.mark.parametrize("text", BAD_DIGESTS.values(), ids=BAD_DIGESTS.keys())
def test_bad_digests(text: str) -> None:
    """Everything but 1220 and 64 hexadecimal characters is refused."""
    with pytest.raises(errors.DecodeError):
        ids.parse_digest(text)


BAD_IDS = {
    "a blank inside": "0x" + "aa " * 21 + "a",
    "a blank before": " 0x" + GOOD,
    "0x twice": "0x0x" + GOOD,
    "capital X": "0X" + GOOD,
    "one digit short": "0x" + GOOD[:-1],
    "an address": "0x" + "aa" * 20,
    "other digits": "\uff10" * 64,
    "empty": "",
}


@pytest.mark.parametrize("text", BAD_IDS.values(), ids=BAD_IDS.keys())
def test_bad_run_ids(text: str) -> None:
    """A run id has 64 hexadecimal characters; other texts are refused with what was expected."""
    with pytest.raises(errors.DecodeError, match="64 hexadecimal characters"):
        ids.parse_run_id(text)


@pytest.mark.parametrize("text", ["0x", "0x" + "aa" * 19, "0x" + "aa" * 21, "0x" + "aa " * 20, "0x" + "g" * 40])
def test_bad_addresses(text: str) -> None:
    """An address has 40 hexadecimal characters; other texts are refused."""
    with pytest.raises(errors.DecodeError, match="40 hexadecimal characters"):
        ids.parse_address(text)
