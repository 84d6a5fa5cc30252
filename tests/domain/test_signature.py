"""Signatures: canonical ones recover their signer, anything else is refused and nothing crashes."""

from collections.abc import Callable

import pytest
from eth_account import Account
from eth_keys import keys
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.domain import errors, ids, signature

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
secrets = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
digests = st.binary(min_size=32, max_size=32)


@given(secrets, digests)
def test_sign_and_recover(secret: bytes, digest: bytes) -> None:
    """What a key signs recovers to its address, with low s and v of 27 or 28."""
    signed = signature.sign(secret, digest)
    assert len(signed) == 65
    assert signed[64] in (27, 28)
    assert 0 < int.from_bytes(signed[32:64], "big") <= signature.HALF_ORDER
    assert signature.recover(digest, signed) == signature.address_of(secret)
    assert signature.is_signed_by(digest, signed, signature.address_of(secret))


@given(secrets, digests)
def test_signing_is_deterministic_and_ethereums(secret: bytes, digest: bytes) -> None:
    """The signature is RFC 6979's, the same as eth_keys makes, and the address is eth_account's."""
    oracle = keys.PrivateKey(secret).sign_msg_hash(digest)
    raw = oracle.to_bytes()
    assert signature.sign(secret, digest) == raw[:64] + bytes([27 + raw[64]])
    assert ids.format_id(signature.address_of(secret)) == Account.from_key(secret).address.lower()


@given(secrets, digests)
def test_the_malleable_twin_is_refused(secret: bytes, digest: bytes) -> None:
    """(r, n - s, v ^ 1) recovers to the same key elsewhere and is refused here."""
    signed = signature.sign(secret, digest)
    twin_s = ORDER - int.from_bytes(signed[32:64], "big")
    twin = signed[:32] + twin_s.to_bytes(32, "big") + bytes([27 + 28 - signed[64]])
    with pytest.raises(errors.SignatureInvalid, match="malleable"):
        signature.recover(digest, twin)
    assert not signature.is_signed_by(digest, twin, signature.address_of(secret))


@given(st.binary(max_size=140), st.one_of(st.binary(max_size=70), st.binary(min_size=65, max_size=65)))
def test_recover_is_total(digest: bytes, signed: bytes) -> None:
    """Any bytes give an address or SignatureInvalid, and is_signed_by never raises."""
    try:
        found = signature.recover(digest, signed)
    except errors.SignatureInvalid:
        assert not signature.is_signed_by(digest, signed, ids.Address(bytes(20)))
    else:
        assert signature.is_signed_by(digest, signed, found)


@given(secrets, digests, st.integers(0, 519))
def test_any_flipped_bit_is_noticed(secret: bytes, digest: bytes, bit: int) -> None:
    """Flipping one bit of a signature never leaves the signer's word standing."""
    signed = bytearray(signature.sign(secret, digest))
    signed[bit // 8] ^= 1 << bit % 8
    assert not signature.is_signed_by(digest, bytes(signed), signature.address_of(secret))


VALID = signature.sign(b"\x07" * 32, b"\x09" * 32)
BAD = {
    "empty": b"",
    "64 bytes": VALID[:64],
    "66 bytes": VALID + b"\0",
    "v = 0": VALID[:64] + b"\x00",
    "v = 1": VALID[:64] + b"\x01",
    "v = 29": VALID[:64] + b"\x1d",
    "v = 35, a chain id inside": VALID[:64] + b"\x23",
    "r = 0": bytes(32) + VALID[32:],
    "s = 0": VALID[:32] + bytes(32) + VALID[64:],
    "r = n": ORDER.to_bytes(32, "big") + VALID[32:],
    "s = n - 1": VALID[:32] + (ORDER - 1).to_bytes(32, "big") + VALID[64:],
    "s just above the half": VALID[:32] + (signature.HALF_ORDER + 1).to_bytes(32, "big") + VALID[64:],
    "r is no x coordinate": b"\xff" * 32 + VALID[32:],
}


@pytest.mark.parametrize("signed", BAD.values(), ids=BAD.keys())
def test_bad_signatures(signed: bytes) -> None:
    """Every malformed signature is refused by name."""
    with pytest.raises(errors.SignatureInvalid):
        signature.recover(b"\x09" * 32, signed)
    assert not signature.is_signed_by(b"\x09" * 32, signed, signature.address_of(b"\x07" * 32))


@settings(max_examples=15, deadline=None)
@given(digests, st.integers(1, ORDER - 1), st.integers(1, ORDER // 2), st.sampled_from([27, 28]))
def test_both_libraries_recover_the_same_signer(digest: bytes, r: int, s: int, v: int) -> None:
    """The pure-Python fallback agrees with libsecp256k1, also on signatures of no key."""
    signed = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])

    def outcome(recover: Callable[[bytes, bytes], ids.Address]) -> ids.Address | None:
        try:
            return recover(digest, signed)
        except errors.SignatureInvalid:
            return None

    assert outcome(signature.with_coincurve) == outcome(signature.with_eth_keys)


def test_both_libraries_find_a_real_signer() -> None:
    """Each library finds the address behind a real signature."""
    for recover in (signature.with_coincurve, signature.with_eth_keys):
        assert recover(b"\x09" * 32, VALID) == signature.address_of(b"\x07" * 32)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_only_digests_are_signed(length: int) -> None:
    """A text that is no digest has no signer: the libraries would treat it differently."""
    with pytest.raises(errors.SignatureInvalid, match=f"over {length} bytes"):
        signature.recover(bytes(length), VALID)


RANGES = {
    "r = 0": (bytes(32) + VALID[32:], "out of range"),
    "s = 0": (VALID[:32] + bytes(32) + VALID[64:], "out of range"),
    "r = n": (ORDER.to_bytes(32, "big") + VALID[32:], "out of range"),
    "s = n": (VALID[:32] + ORDER.to_bytes(32, "big") + VALID[64:], "high s"),
}


@pytest.mark.parametrize(("signed", "message"), RANGES.values(), ids=RANGES.keys())
def test_ranges_are_checked_before_any_library(signed: bytes, message: str) -> None:
    """What is out of range is refused here, because the fallback takes s = 0 for a signature."""
    with pytest.raises(errors.SignatureInvalid, match=message):
        signature.recover(b"\x09" * 32, signed)
