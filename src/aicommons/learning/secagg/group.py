"""The group edwards25519: scalars, points and Schnorr proofs, with every foreign byte checked before use.

Called by the epoch keys, headers, boxes and reveals of this package. libsodium accepts scalars that are not canonical
and raises on others, so the rules stand here once: scalars are canonical and not zero, points lie in the prime-order
subgroup, and a verifier answers ``False`` whatever it is given. DLEQ proofs of complaints are left out.
"""

import nacl.bindings
import nacl.exceptions

from aicommons.domain import errors
from aicommons.learning.secagg import hashing

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Prime order of the group (RFC 8032)."""
SCALAR_BYTES = 32
POINT_BYTES = 32
PROOF_BYTES = 64

_IDENTITY = b"\x01" + bytes(31)


def is_scalar(raw: bytes) -> bool:
    """Return whether ``raw`` is a canonical scalar: 32 bytes, little-endian, in 1 .. ORDER - 1."""
    return isinstance(raw, bytes) and len(raw) == SCALAR_BYTES and 0 < int.from_bytes(raw, "little") < ORDER


def is_point(raw: bytes) -> bool:
    """Return whether ``raw`` is a canonical point of the prime-order subgroup and not the identity."""
    if not isinstance(raw, bytes) or len(raw) != POINT_BYTES:
        return False
    return bool(nacl.bindings.crypto_core_ed25519_is_valid_point(raw))


def reduce_wide(wide: bytes) -> bytes:
    """Return 64 bytes, little-endian, modulo the group order, as a scalar."""
    return nacl.bindings.crypto_core_ed25519_scalar_reduce(wide)


def multiply_base(scalar: bytes) -> bytes:
    """Return ``scalar`` times the base point, for a scalar of our own that `is_scalar` accepts."""
    return nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(scalar)


def multiply(scalar: bytes, point: bytes) -> bytes:
    """Return ``scalar`` times ``point``.

    Raises:
        errors.AggregationRefused: ``point-invalid``: not a point of the prime-order subgroup.
    """
    try:
        return nacl.bindings.crypto_scalarmult_ed25519_noclamp(scalar, point)
    except nacl.exceptions.CryptoError as error:
        raise errors.AggregationRefused("bytes are not a point of the group", reason="point-invalid") from error


def hedged_nonce(secret: bytes, fresh: bytes, context: bytes) -> bytes:
    """Return a proof nonce that stays unique when either ``fresh`` repeats (cloned machine) or is predictable."""
    return reduce_wide(hashing.tagged_wide("aic/nonce", secret, fresh, context))


def prove(context: bytes, secret: bytes, nonce: bytes) -> bytes:
    """Return the 64-byte Schnorr proof ``R || z`` that the prover of ``context`` knows ``secret``.

    Args:
        context: 32 bytes naming what is proven.
        secret: canonical scalar s of the point sG.
        nonce: canonical scalar, used once: `hedged_nonce`.
    """
    point, commitment = multiply_base(secret), multiply_base(nonce)
    challenge = _challenge(context, point, commitment)
    response = nacl.bindings.crypto_core_ed25519_scalar_add(
        nonce, nacl.bindings.crypto_core_ed25519_scalar_mul(challenge, secret)
    )
    return commitment + response


def verify(context: bytes, point: bytes, proof: bytes) -> bool:
    """Return whether ``proof`` shows knowledge of the secret of ``point`` for ``context``; never raises.

    Both points are checked without a multiplication of their own, which would be two fifths of the work: multiplying
    ``point`` refuses what `is_point` does, and R is held byte for byte against zG - eP, which lies in the group.
    """
    if not isinstance(proof, bytes) or len(proof) != PROOF_BYTES:
        return False
    commitment, response = proof[:POINT_BYTES], proof[POINT_BYTES:]
    if commitment == _IDENTITY or not is_scalar(response) or not isinstance(point, bytes) or len(point) != POINT_BYTES:
        return False
    challenge = _challenge(context, point, commitment)
    try:
        shifted = nacl.bindings.crypto_scalarmult_ed25519_noclamp(challenge, point)
        return nacl.bindings.crypto_core_ed25519_sub(multiply_base(response), shifted) == commitment
    except nacl.exceptions.CryptoError:
        # Not a point of the group, or a challenge of zero: libsodium raises, a verifier answers.
        return False


def _challenge(context: bytes, point: bytes, commitment: bytes) -> bytes:
    return reduce_wide(hashing.tagged_wide("aic/pok", context, point, commitment))
