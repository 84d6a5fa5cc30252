"""Withdrawal codes: a secret on a receipt that is a key, so that its bearer can withdraw at the desk and on the ledger.

A code has 128 random bits in Crockford's base 32, with a check byte. The key that follows from it stands in the
consent's leaf as its holder's where the person has no key: so a receipt alone is enough to take the consent back, even
when the steward is silent. The register keeps the key's address, never the code. Called by ``register`` and the CLI.
"""

import hashlib

from aicommons.domain import errors, ids, signature

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_BYTES = 16
LETTERS = 28
TAG = b"AI Commons withdrawal code, version 1"
LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})


def code_of(secret: bytes) -> str:
    """Return the code for 16 random bytes: seven groups of four letters and digits."""
    value = int.from_bytes(secret + _check(secret), "big") << 4
    letters = "".join(ALPHABET[value >> 5 * place & 31] for place in reversed(range(LETTERS)))
    return "-".join(letters[at : at + 4] for at in range(0, LETTERS, 4))


def secret_key(code: str) -> bytes:
    """Return the key that a code stands for: 32 bytes.

    Raises:
        errors.InputError: not a withdrawal code, or mistyped; never shows it.
    """
    letters = "".join(code.upper().split()).replace("-", "").translate(LOOKALIKES)
    if len(letters) != LETTERS or not set(letters) <= set(ALPHABET):
        raise _mistyped(f"{len(letters)} letters")
    value = 0
    for letter in letters:
        value = value << 5 | ALPHABET.index(letter)
    raw = (value >> 4).to_bytes(SECRET_BYTES + 1, "big")
    if value & 15 or raw[SECRET_BYTES:] != _check(raw[:SECRET_BYTES]):
        raise _mistyped("another checksum")
    wide = hashlib.sha512(TAG + raw[:SECRET_BYTES]).digest()
    return (int.from_bytes(wide, "big") % (signature.ORDER - 1) + 1).to_bytes(32, "big")


def address_of(code: str) -> ids.Address:
    """Return the address of a code's key; raises as ``secret_key``."""
    return signature.address_of(secret_key(code))


def sign(code: str, digest: bytes) -> bytes:
    """Return the signature of ``digest`` (32 bytes) by a code's key: 65 bytes; raises as ``secret_key``."""
    return signature.sign(secret_key(code), digest)


def _check(secret: bytes) -> bytes:
    return hashlib.sha256(TAG + secret).digest()[:1]


def _mistyped(got: str) -> errors.InputError:
    return errors.InputError(
        "not a withdrawal code",
        expected="28 letters and digits with their checksum",
        got=got,
        next_step="type it as it stands on the receipt, or withdraw through the steward",
    )
