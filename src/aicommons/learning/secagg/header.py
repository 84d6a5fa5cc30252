"""The header: the small public message by which a participant commits to its masked vector and boxes its seeds.

Masking builds it, checking and ``run verify`` parse it. Layout and lengths are exact; whatever differs is refused with
a named reason before any arithmetic (secure-aggregation section 2, Header). In a hybrid session the version is another,
one ML-KEM-768 ciphertext per member stands behind the roots, and its secret goes into the box's key.
"""

import dataclasses
import functools
import itertools
import struct
from collections.abc import Sequence

from aicommons.domain import errors
from aicommons.learning.secagg import boxes, group, hashing, kem, keys
from aicommons.learning.secagg import session as sessions

VERSION = 3
HYBRID_VERSION = 4
"""Of sessions with ML-KEM keys."""
NO_REGISTER = bytes(32)
"""The consent commitment of a dataset without a register of its people's consents."""

_PREFIX = struct.Struct("<BBHHHQ")
_DIGEST = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Commitment:
    """What a participant publishes about its masked vector and keys."""

    ephemeral: bytes
    """E_i: point of the one-time key under which seeds are boxed."""
    blob_root: bytes
    """yroot_i: commitment to the masked vector; authoritative."""
    blob_digest: bytes
    """SHA-256 of the masked vector; only locates it in a store."""
    column_roots: tuple[bytes, ...]
    """root_ic for every column: commitments to the chunk keys."""
    consent: bytes = NO_REGISTER
    """SHA-256 of the note, kept at the node, of whose rows the vector is made from; opaque here."""
    ciphertexts: tuple[bytes, ...] = ()
    """In hybrid sessions, per roster position, what encapsulates the second secret of that member's box."""


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """A parsed header whose lengths, counts and context are right; `proof` and `boxes` are not checked yet."""

    member_id: int
    """The participant."""
    context: bytes
    """ctx_i, recomputed."""
    commitment: Commitment
    """The public fields."""
    public_digest: bytes
    """pd: hash of everything before the proof."""
    proof: bytes
    """Schnorr proof for the ephemeral point: 64 bytes."""
    boxes: tuple[bytes, ...]
    """Per roster position the sealed seeds of that member's columns."""


def header_bytes(session: sessions.Session) -> int:
    """Return the exact length of a header in bytes."""
    return _boxes_offset(session) + _box_ends(session.layout.held)[-1]


def public_part(session: sessions.Session, member_id: int, commitment: Commitment) -> bytes:
    """Return pub: the header's bytes up to the proof."""
    prefix = _PREFIX.pack(*_expected_prefix(session))
    return b"".join(
        (
            prefix,
            session.participant_context(member_id),
            commitment.consent,
            commitment.ephemeral,
            commitment.blob_root,
            commitment.blob_digest,
            *commitment.column_roots,
            *commitment.ciphertexts,
        )
    )


def public_digest(public: bytes) -> bytes:
    """Return pd, which the proof signs and every box authenticates."""
    return hashing.tagged("aic/pub", public)


def build(
    session: sessions.Session,
    member_id: int,
    public: bytes,
    *,
    secret: bytes,
    nonce: bytes,
    seeds: tuple[bytes, ...],
    kem_secrets: Sequence[bytes] | None = None,
) -> bytes:
    """Return the header's bytes.

    Args:
        session: the attempt.
        member_id: the participant.
        public: `public_part`.
        secret: one-time scalar e_i of the ephemeral point in ``public``.
        nonce: scalar for the proof, used once.
        seeds: s_ic for every column.
        kem_secrets: in hybrid sessions, per roster position, the secret of that member's ciphertext in ``public``.

    Raises:
        errors.AggregationRefused: ``point-invalid``: a member's epoch point is none.
    """
    digest = public_digest(public)
    context, ephemeral = session.participant_context(member_id), group.multiply_base(secret)
    parts = [public, group.prove(digest, secret, nonce)]
    for index, point in enumerate(session.points):
        curve = (context, hashing.u32(index), ephemeral, point, group.multiply(secret, point))
        lattice = () if kem_secrets is None else (digest, kem_secrets[index])
        key = _box_key(curve, lattice)
        plaintext = b"".join([seeds[column] for column in session.layout.columns_of(index)])
        parts.append(boxes.seal(key, plaintext, digest))
    return b"".join(parts)


def parse(raw: bytes, session: sessions.Session, member_id: int) -> Header:
    """Return the header in ``raw``; total over any bytes.

    Raises:
        errors.AggregationRefused: ``member-unknown``, ``header-wrong-length``, ``header-wrong-version``, ``-suite``,
            ``-columns``, ``-members``, ``-reserved``, ``-words`` or ``header-wrong-context``.
    """
    session.index_of(member_id)
    _check_prefix(raw, session, member_id)
    expected = header_bytes(session)
    if len(raw) != expected:
        raise _refused("length", f"{expected} bytes", f"{len(raw)}", member_id)
    public_end = _boxes_offset(session) - group.PROOF_BYTES
    roots_end = public_end - _ciphertext_bytes(session)
    claimed, consent, ephemeral, blob_root, blob_digest, *roots = (
        raw[start : start + _DIGEST] for start in range(_PREFIX.size, roots_end, _DIGEST)
    )
    context = session.participant_context(member_id)
    if claimed != context:
        raise _refused("context", "that of this session and member", "another", member_id)
    return Header(
        member_id=member_id,
        context=context,
        commitment=Commitment(
            ephemeral, blob_root, blob_digest, tuple(roots), consent, _split_ciphertexts(raw[roots_end:public_end])
        ),
        public_digest=public_digest(raw[:public_end]),
        proof=raw[public_end : public_end + group.PROOF_BYTES],
        boxes=_split_boxes(raw, session),
    )


def open_box(
    session: sessions.Session, header: Header, index: int, secret: bytes, *, kem_seed: bytes | None = None
) -> dict[int, bytes] | None:
    """Return column -> seed from the box of the member at ``index``, or ``None`` when it does not open.

    The seeds are not checked against the roots here.

    Args:
        session: the attempt.
        header: a header whose proof holds.
        index: roster position of the member.
        secret: its epoch key.
        kem_seed: in hybrid sessions the seed of its ML-KEM key for this participant.

    Raises:
        errors.AggregationRefused: ``point-invalid``: the header's ephemeral point is none; ``kem-seed-missing``: a hybrid
            session, and no seed.
    """
    shared = group.multiply(secret, header.commitment.ephemeral)
    if session.kem_keys is None:
        return open_box_shared(session, header, index, shared)
    if kem_seed is None:
        raise errors.AggregationRefused("a hybrid session needs the ML-KEM seed", reason="kem-seed-missing")
    kem_secret = kem.decapsulate(kem_seed, header.commitment.ciphertexts[index])
    return None if kem_secret is None else open_box_shared(session, header, index, shared, kem_secret=kem_secret)


def open_box_shared(
    session: sessions.Session, header: Header, index: int, shared: bytes, *, kem_secret: bytes | None = None
) -> dict[int, bytes] | None:
    """Return what `open_box` returns, for whoever knows the shared point instead of the member's secret.

    Args:
        session: the attempt.
        header: a header whose proof holds.
        index: roster position of the member.
        shared: S_ij, the epoch key times the header's ephemeral point.
        kem_secret: in hybrid sessions what its ciphertext encapsulates.
    """
    curve = (header.context, hashing.u32(index), header.commitment.ephemeral, session.points[index], shared)
    key = _box_key(curve, () if kem_secret is None else (header.public_digest, kem_secret))
    plaintext = boxes.open_sealed(key, header.boxes[index], header.public_digest)
    if plaintext is None:
        return None
    columns = session.layout.columns_of(index)
    size = keys.SEED_BYTES
    return {column: plaintext[place * size : (place + 1) * size] for place, column in enumerate(columns)}


def _box_key(curve: tuple[bytes, ...], lattice: tuple[bytes, ...]) -> bytes:
    """Return the key of one box.

    Args:
        curve: ctx_i, u32 roster position, E_i, PK_j, S_ij.
        lattice: in hybrid sessions pd, which covers all ciphertexts, and the ML-KEM secret; else nothing.
    """
    return hashing.tagged("aic/hybrid" if lattice else "aic/seal", *curve, *lattice)


def _expected_prefix(session: sessions.Session) -> tuple[int, int, int, int, int, int]:
    layout = session.layout
    version = VERSION if session.kem_keys is None else HYBRID_VERSION
    return version, int(session.suite), len(layout.columns), layout.members, 0, session.words


def _check_prefix(raw: bytes, session: sessions.Session, member_id: int) -> None:
    if len(raw) < _PREFIX.size:
        raise _refused("length", f"{header_bytes(session)} bytes", f"{len(raw)}", member_id)
    names = ("version", "suite", "columns", "members", "reserved", "words")
    for name, expected, got in zip(names, _expected_prefix(session), _PREFIX.unpack_from(raw), strict=True):
        if got != expected:
            raise _refused(name, str(expected), str(got), member_id)


def _boxes_offset(session: sessions.Session) -> int:
    digests = _DIGEST * (5 + len(session.layout.columns))
    return _PREFIX.size + digests + _ciphertext_bytes(session) + group.PROOF_BYTES


def _ciphertext_bytes(session: sessions.Session) -> int:
    return 0 if session.kem_keys is None else kem.CIPHERTEXT_BYTES * len(session.kem_keys)


def _split_ciphertexts(raw: bytes) -> tuple[bytes, ...]:
    size = kem.CIPHERTEXT_BYTES
    return tuple(raw[start : start + size] for start in range(0, len(raw), size))


@functools.lru_cache(maxsize=64)
def _box_ends(held: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """Return where each member's box ends, counted from the first one's begin; asked for by every header."""
    return tuple(itertools.accumulate(keys.SEED_BYTES * len(columns) + boxes.TAG_BYTES for columns in held))


def _split_boxes(raw: bytes, session: sessions.Session) -> tuple[bytes, ...]:
    start, ends = _boxes_offset(session), _box_ends(session.layout.held)
    return tuple(raw[start + begin : start + end] for begin, end in itertools.pairwise((0, *ends)))


def _refused(field: str, expected: str, got: str, member_id: int) -> errors.AggregationRefused:
    return errors.AggregationRefused(
        f"header {field}: expected {expected}, got {got}", reason=f"header-wrong-{field}", member=member_id
    )
