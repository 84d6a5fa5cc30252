"""The known answers of the specification, which were computed without this code."""

import hashlib

import numpy as np
import pytest

from aicommons.domain import encoding, ids
from aicommons.learning.secagg import group, header, keys, layout, masking, session, suite

SID = bytes.fromhex("539ca31120dbec8efafcca25206f9b7754956067aff27dcb963dc13528205714")
PARTICIPANT = 22
WORDS = 70_000
SEEDS = tuple(bytes([0x10 + column]) * 32 for column in range(3))


def scalar(number: int) -> bytes:
    """Return 32 bytes, little-endian."""
    return number.to_bytes(32, "little")


@pytest.fixture(scope="module")
def known() -> session.Session:
    """Members 11, 22, 33 with the epoch scalars 3, 5, 7 under layout 1."""
    return session.Session(
        sid=SID,
        suite=suite.Suite.AES_32,
        words=WORDS,
        member_ids=(11, 22, 33),
        points=tuple(group.multiply_base(scalar(number)) for number in (3, 5, 7)),
        layout=layout.make_layout((11, 22, 33), bytes(32), layout.SUBSETS),
    )


@pytest.fixture(scope="module")
def masked(known: session.Session) -> masking.Masked:
    """The vector 0, 1, 2, … masked with the known seeds."""
    return masking.mask(known, PARTICIPANT, np.arange(WORDS, dtype="<u4"), SEEDS)


def test_session_id_binds_committee_and_points(known: session.Session) -> None:
    """Roster, committee and session id of the specification follow from the points made here."""
    keys_of_nodes = [ids.Address(bytes([byte]) * 20) for byte in (0xA1, 0xA2, 0xA3)]
    roster = encoding.roster_digest(ids.RunId(b"\x01" * 32), known.member_ids, keys_of_nodes)
    committee = encoding.committee_digest(roster, 0, known.layout.number, known.points)
    assert roster.hex().startswith("844acb2543aff4ff")
    assert committee.hex().startswith("3c30ff89ae618caa")
    place = encoding.Place(31337, ids.Address(b"\xc0" * 20))
    attempt = encoding.AttemptKey(ids.RunId(b"\x01" * 32), 4, 0)
    assert encoding.session_id(place, attempt, b"\x02" * 32, committee) == SID


def test_contexts_and_chunk_keys(known: session.Session) -> None:
    """ctx_i, the key of chunk 1 in column 1 and its stream are those of the specification."""
    assert known.participant_context(PARTICIPANT).hex().startswith("e2b27dbfc6c98cf2")
    key = keys.chunk_keys(known, PARTICIPANT, 1, SEEDS[1])[1]
    assert key.hex().startswith("c3908b25d5f46e29")
    assert suite.keystream(suite.Suite.AES_32, key, 8).hex() == "2104f85d4df48cd2"


def test_chacha_stream() -> None:
    """The ChaCha20 stream of the specification comes out, from the buffer too."""
    assert suite.keystream(suite.Suite.CHACHA_32, b"\x07" * 32, 8).hex() == "f400927857aaf641"
    words = suite.Keystream(suite.Suite.CHACHA_64).words(b"\x07" * 32, 1)
    assert words.tobytes().hex() == "f400927857aaf641"


def test_masked_vector_and_roots(masked: masking.Masked) -> None:
    """Masked words, blob root and column root are those of the specification."""
    assert masked.words.tobytes().hex().startswith("09d2bea49b6ba339")
    assert masked.blob_root.hex().startswith("faf3fd26413c2da5")
    assert masked.column_roots[1].hex().startswith("e65ca83cf1780f37")


def test_header(known: session.Session, masked: masking.Masked) -> None:
    """Public digest, proof, length and digest of the header are those of the specification."""
    commitment = header.Commitment(
        group.multiply_base(scalar(9)), masked.blob_root, masked.blob_digest, masked.column_roots, b"\xc7" * 32
    )
    public = header.public_part(known, PARTICIPANT, commitment)
    assert header.public_digest(public).hex().startswith("71bdf476f2c1a553")
    built = header.build(known, PARTICIPANT, public, secret=scalar(9), nonce=scalar(1234), seeds=SEEDS)
    proof = header.parse(built, known, PARTICIPANT).proof
    assert proof[32:].hex().startswith("7cc57d42b10c49ab")
    digest = hashlib.sha256(built).digest()
    assert len(built) == 576
    assert digest.hex().startswith("41a7c0e6cccaa3b2")
    assert encoding.set_digest(known.member_ids).hex().startswith("bcc9702a9f490b21")
    digests = [b"\xd1" * 32, digest, b"\xd3" * 32]
    assert encoding.input_digest(SID, known.member_ids, digests).hex().startswith("caf5927094b57605")


@pytest.mark.parametrize(("members", "size"), [(3, 576), (5, 1600), (7, 5952), (20, 1520), (48, 3312)])
def test_header_lengths(members: int, size: int) -> None:
    """Header lengths for rosters of 3 to 48 are those of the specification."""
    member_ids = tuple(range(members))
    made = session.Session(
        sid=SID,
        suite=suite.Suite.AES_32,
        words=8,
        member_ids=member_ids,
        points=(bytes(32),) * members,
        layout=layout.make_layout(member_ids, bytes(32), layout.default_number(members)),
    )
    assert header.header_bytes(made) == size
