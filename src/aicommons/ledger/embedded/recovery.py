"""Recovers the sender of a signed message: libsecp256k1 where coincurve has a wheel, else eth-keys in pure Python.

Why: recovery is the largest part of checking a transaction (50 us with coincurve, 5 ms without). Called by
``transactions``. Left out: which signatures are acceptable (range, low s, chain id); that is decided before.
"""

import importlib.util
from collections.abc import Callable

from aicommons.domain import encoding, errors


def with_coincurve(digest: bytes, r: int, s: int, *, y_parity: int) -> bytes:
    """Return the signer's 20-byte address by libsecp256k1.

    Raises:
        SignatureInvalid: no key can have made this signature.
    """
    import coincurve

    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([y_parity])
    try:
        key = coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError as err:
        raise errors.SignatureInvalid("no key can have made this signature") from err
    return encoding.keccak(key.format(compressed=False)[1:])[12:]


def with_eth_keys(digest: bytes, r: int, s: int, *, y_parity: int) -> bytes:
    """Return the signer's 20-byte address by eth-keys.

    Raises:
        SignatureInvalid: no key can have made this signature.
    """
    # Slow to import, and not needed where coincurve is installed.
    from eth_keys import datatypes, exceptions
    from eth_keys.backends.native import main

    try:
        signature = datatypes.Signature(vrs=(y_parity, r, s), backend=main.NativeECCBackend())
        return signature.recover_public_key_from_msg_hash(digest).to_canonical_address()
    except exceptions.BadSignature as err:
        raise errors.SignatureInvalid("no key can have made this signature") from err


def _fastest() -> Callable[..., bytes]:
    return with_coincurve if importlib.util.find_spec("coincurve") is not None else with_eth_keys


recover = _fastest()
"""The fastest installed one of the two functions above."""
