"""secp256k1 signatures over 32-byte digests: 65 bytes r || s || v, low s, v = 27 or 28 (EIP-2, EIP-712).

Called by whoever signs or checks a message, and by the embedded ledger for the sender of a transaction. coincurve is
used where it has wheels (signing 950 a second, recovery 50 us), else eth_keys (5 ms each). Keys are plain 32-byte values
here; how they are kept is the wallet's business.
"""

import hmac
import importlib.util

from aicommons.domain import encoding, errors, ids

IS_FAST = importlib.util.find_spec("coincurve") is not None
"""Whether coincurve is here."""
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order of the curve: secret keys, r and s are below it."""
HALF_ORDER = ORDER // 2
"""The larger s of the two that every signature has is refused."""
LENGTH = 65
DIGEST_LENGTH = 32


def sign(secret: bytes, digest: bytes) -> bytes:
    """Return the 65-byte signature of ``digest`` (32 bytes) by ``secret`` (32 bytes), deterministic (RFC 6979)."""
    if IS_FAST:
        import coincurve

        raw = coincurve.PrivateKey(secret).sign_recoverable(digest, hasher=None)
    else:
        from eth_keys import keys

        raw = keys.PrivateKey(secret).sign_msg_hash(digest).to_bytes()
    return raw[:64] + bytes([27 + raw[64]])


def address_of(secret: bytes) -> ids.Address:
    """Return the address of a secret key."""
    if IS_FAST:
        import coincurve

        public = coincurve.PrivateKey(secret).public_key.format(compressed=False)[1:]
    else:
        from eth_keys import keys

        public = keys.PrivateKey(secret).public_key.to_bytes()
    return ids.Address(encoding.keccak(public)[12:])


def recover(digest: bytes, signature: bytes) -> ids.Address:
    """Return the address that signed ``digest``.

    Raises:
        errors.SignatureInvalid: wrong length, r or s out of range, high s, v not 27 or 28, or no such key.
    """
    if len(signature) != LENGTH or signature[64] not in (27, 28) or len(digest) != DIGEST_LENGTH:
        raise errors.SignatureInvalid(
            "not a signature of a digest",
            expected="65 bytes with v 27 or 28 over 32 bytes",
            got=f"{len(signature)} bytes, v {signature[64:65].hex()} over {len(digest)} bytes",
        )
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    if not 0 < r < ORDER or s == 0:
        raise errors.SignatureInvalid("the signature is out of range", expected="0 < r, s < the curve's order")
    if s > HALF_ORDER:
        raise errors.SignatureInvalid("the signature is malleable", expected="low s (EIP-2)", got="high s")
    return with_coincurve(digest, signature) if IS_FAST else with_eth_keys(digest, signature)


def with_coincurve(digest: bytes, signature: bytes) -> ids.Address:
    """Return the signer by libsecp256k1; ``recover`` has checked lengths and ranges and is what others call."""
    import coincurve

    raw = signature[:64] + bytes([signature[64] - 27])
    try:
        key = coincurve.PublicKey.from_signature_and_message(raw, digest, hasher=None)
    except ValueError as err:
        raise errors.SignatureInvalid("no key made this signature") from err
    return ids.Address(encoding.keccak(key.format(compressed=False)[1:])[12:])


def with_eth_keys(digest: bytes, signature: bytes) -> ids.Address:
    """Return the signer by pure Python, where coincurve has no wheel; see ``with_coincurve``."""
    from eth_keys import datatypes, exceptions
    from eth_keys.backends.native import main

    raw = signature[:64] + bytes([signature[64] - 27])
    try:
        signed = datatypes.Signature(raw, backend=main.NativeECCBackend())
        return ids.Address(signed.recover_public_key_from_msg_hash(digest).to_canonical_address())
    except exceptions.BadSignature as err:
        raise errors.SignatureInvalid("no key made this signature") from err


def is_signed_by(digest: bytes, signature: bytes, signer: ids.Address) -> bool:
    """Return whether ``signature`` over ``digest`` was made by ``signer``; total, never raises."""
    try:
        return hmac.compare_digest(recover(digest, signature), signer)
    except errors.SignatureInvalid:
        return False
