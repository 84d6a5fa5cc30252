"""The group edwards25519: scalars, points, Schnorr and DLEQ proofs, with every foreign byte checked before use.

Called by the epoch keys, headers, complaints and reveals of this package. libsodium accepts scalars that are not canonical
and raises on others, so the rules stand here once: scalars are canonical and not zero, points lie in the prime-order
subgroup, and a verifier answers ``False`` whatever it is given. What is proven, and to whom, is the callers'.
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
EQUALITY_BYTES = 96
"""Length of a proof of `prove_equal`."""

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
    return commitment + _respond(_challenge(context, point, commitment), secret, nonce)


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
        return _is_answered(multiply_base(response), challenge, point, commitment)
    except nacl.exceptions.CryptoError:
        # Not a point of the group, or a challenge of zero: libsodium raises, a verifier answers.
        return False


def prove_equal(context: bytes, secret: bytes, base: bytes, nonce: bytes) -> bytes:
    """Return the 96-byte DLEQ proof ``A || B || z`` that one secret stands behind sG and s times ``base``.

    Args:
        context: 32 bytes naming what is proven.
        secret: canonical scalar s.
        base: point of the prime-order subgroup, the second base.
        nonce: canonical scalar, used once: `hedged_nonce`.

    Raises:
        errors.AggregationRefused: ``point-invalid``: the base is none.
    """
    statement = (multiply_base(secret), base, multiply(secret, base))
    commitments = (multiply_base(nonce), multiply(nonce, base))
    challenge = _equality_challenge(context, statement, commitments)
    return commitments[0] + commitments[1] + _respond(challenge, secret, nonce)


def verify_equal(context: bytes, point: bytes, *, base: bytes, product: bytes, proof: bytes) -> bool:
    """Return whether ``proof`` shows that ``product`` is ``base`` times the secret of ``point``; never raises.

    As in `verify`, multiplying refuses what is no point of the group.
    """
    if not isinstance(proof, bytes) or len(proof) != EQUALITY_BYTES:
        return False
    if not all(isinstance(raw, bytes) and len(raw) == POINT_BYTES for raw in (point, base, product)):
        return False
    first, second, response = proof[:POINT_BYTES], proof[POINT_BYTES : 2 * POINT_BYTES], proof[2 * POINT_BYTES :]
    if _IDENTITY in (first, second) or not is_scalar(response):
        return False
    challenge = _equality_challenge(context, (point, base, product), (first, second))
    try:
        return _is_answered(multiply_base(response), challenge, point, first) and _is_answered(
            nacl.bindings.crypto_scalarmult_ed25519_noclamp(response, base), challenge, product, second
        )
    except nacl.exceptions.CryptoError:
        return False


def _respond(challenge: bytes, secret: bytes, nonce: bytes) -> bytes:
    return nacl.bindings.crypto_core_ed25519_scalar_add(
        nonce, nacl.bindings.crypto_core_ed25519_scalar_mul(challenge, secret)
    )


def _is_answered(multiplied: bytes, challenge: bytes, point: bytes, commitment: bytes) -> bool:
    """Return whether ``multiplied``, z times the base, is the commitment plus e times ``point``.

    Raises:
        nacl.exceptions.CryptoError: ``point`` is none, or the challenge is zero.
    """
    shifted = nacl.bindings.crypto_scalarmult_ed25519_noclamp(challenge, point)
    return nacl.bindings.crypto_core_ed25519_sub(multiplied, shifted) == commitment


def _challenge(context: bytes, point: bytes, commitment: bytes) -> bytes:
    return reduce_wide(hashing.tagged_wide("aic/pok", context, point, commitment))


def _equality_challenge(
    context: bytes, statement: tuple[bytes, bytes, bytes], commitments: tuple[bytes, bytes]
) -> bytes:
    return reduce_wide(hashing.tagged_wide("aic/dleq", context, *statement, *commitments))
