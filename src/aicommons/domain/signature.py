"""secp256k1 signatures over 32-byte digests: 65 bytes r || s || v, low s, v = 27 or 28 (EIP-2, EIP-712).

Called by whoever signs or checks a message. coincurve is used where it has wheels (950 signatures a second), else
eth_keys. Keys are plain 32-byte values here; how they are kept is the wallet's business.
"""

import hmac
import importlib.util

from aicommons.domain import encoding, errors, ids

IS_FAST = importlib.util.find_spec("coincurve") is not None
"""Whether coincurve is here; without a wheel for the interpreter eth_keys takes about 5 ms each."""
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
LENGTH = 65


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
        errors.SignatureInvalid: wrong length, high s, v not 27 or 28, or no such key.
    """
    if len(signature) != LENGTH or signature[64] not in (27, 28):
        raise errors.SignatureInvalid(
            "not a signature",
            expected="65 bytes with v 27 or 28",
            got=f"{len(signature)} bytes, v {signature[64:65].hex()}",
        )
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        raise errors.SignatureInvalid("the signature is malleable", expected="low s", got="high s")
    return ids.Address(encoding.keccak(_public_key(digest, signature))[12:])


def _public_key(digest: bytes, signature: bytes) -> bytes:
    raw = signature[:64] + bytes([signature[64] - 27])
    try:
        if IS_FAST:
            import coincurve

            public = coincurve.PublicKey.from_signature_and_message(raw, digest, hasher=None)
            return public.format(compressed=False)[1:]
        from eth_keys import keys

        return keys.Signature(raw).recover_public_key_from_msg_hash(digest).to_bytes()
    except Exception as err:  # both libraries raise their own kinds for "no such point"
        raise errors.SignatureInvalid("no key made this signature") from err


def is_signed_by(digest: bytes, signature: bytes, signer: ids.Address) -> bool:
    """Return whether ``signature`` over ``digest`` was made by ``signer``; total, never raises."""
    try:
        return hmac.compare_digest(recover(digest, signature), signer)
    except errors.SignatureInvalid:
        return False
