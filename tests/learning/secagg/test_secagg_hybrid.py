"""Hybrid sessions: a box opens with both secrets and with nothing less, and whoever is complained about opens its box."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.domain import errors
from aicommons.learning.secagg import (
    checking,
    complaints,
    epoch,
    group,
    header,
    kem,
    keys,
    masking,
    openings,
    session,
    suite,
)

if TYPE_CHECKING:
    from tests.learning.secagg.conftest import Committee, Drawn, MakeCommittee

SENDER, CHECKER, INDEX = 18, 11, 0
"""The roster is 11, 18 and 25; member 11 stands at place 0."""


def kem_seed(member_id: int) -> bytes:
    """Return the ML-KEM seed of a member."""
    return hashlib.shake_256(b"kem %d" % member_id).digest(kem.SEED_BYTES)


@dataclasses.dataclass(frozen=True)
class Sent:
    """A submission of member 18 in a hybrid session, as member 11 checks it."""

    committee: Committee
    made: session.Session
    header: bytes
    masked: bytes
    pairs: tuple[tuple[bytes, bytes], ...]
    kem_seed: bytes | None = dataclasses.field(default_factory=lambda: kem_seed(CHECKER))

    def check(self) -> dict[int, bytes]:
        """Check it."""
        return checking.check_submission(
            self.made,
            SENDER,
            self.header,
            self.masked,
            index=INDEX,
            secret=self.committee.secrets[INDEX],
            kem_seed=self.kem_seed,
        )

    def put(self, **changes: object) -> Sent:
        """Return it with fields changed."""
        return dataclasses.replace(self, **changes)

    def write(self, offset: int, patch: bytes) -> Sent:
        """Return it with header bytes replaced."""
        return self.put(header=self.header[:offset] + patch + self.header[offset + len(patch) :])


@pytest.fixture(scope="module")
def sent(make_committee: MakeCommittee, drawn: type[Drawn]) -> Sent:
    """Return a good submission."""
    committee = make_committee(3)
    pairs = tuple(kem.encapsulate(key) for key in _hybrid(committee.session).kem_keys or ())
    return build_sent(committee, drawn("hybrid"), pairs)


def build_sent(committee: Committee, draw: epoch.Draw, pairs: tuple[tuple[bytes, bytes], ...]) -> Sent:
    """Return it with these (secret, ciphertext); the vectors' generator calls this too."""
    made = _hybrid(committee.session)
    by_key = dict(zip(made.kem_keys or (), pairs, strict=True))
    built = masking.shield(made, SENDER, committee.vector(SENDER), draw, encapsulate=by_key.__getitem__)
    return Sent(committee, made, built.header, built.masked.tobytes(), pairs)


def _hybrid(made: session.Session) -> session.Session:
    return dataclasses.replace(made, kem_keys=tuple(kem.public_key(kem_seed(each)) for each in made.member_ids))


CIPHERTEXTS = 176 + 3 * 32
"""Offset of the first ciphertext: behind prefix, five digests and three roots."""
SIZE = kem.CIPHERTEXT_BYTES


def _forged(sent: Sent, change: Callable[[list[bytes], list[bytes]], None]) -> Sent:
    """Return a header that is good in public over ciphertexts and secrets as ``change`` leaves them."""
    made = sent.made
    seeds = tuple(hashlib.sha256(b"seed %d" % column).digest() for column in range(3))
    masked = masking.mask(made, SENDER, sent.committee.vector(SENDER), seeds)
    secrets, ciphertexts = [each for each, _ in sent.pairs], [each for _, each in sent.pairs]
    change(secrets, ciphertexts)
    secret = (9).to_bytes(32, "little")
    commitment = header.Commitment(
        group.multiply_base(secret),
        masked.blob_root,
        masked.blob_digest,
        masked.column_roots,
        bytes(32),
        tuple(ciphertexts),
    )
    public = header.public_part(made, SENDER, commitment)
    nonce = group.hedged_nonce(secret, bytes(32), header.public_digest(public))
    built = header.build(made, SENDER, public, secret=secret, nonce=nonce, seeds=seeds, kem_secrets=secrets)
    return sent.put(header=built, masked=masked.words.tobytes())


def _swap(values: list[bytes]) -> None:
    values[0], values[1] = values[1], values[0]


def _plain(sent: Sent) -> bytes:
    made = sent.committee.session
    vector = sent.committee.vector(SENDER)
    return masking.shield(made, SENDER, vector, lambda size: bytes(range(size))).header


ROWS: dict[str, tuple[Callable[[Sent], Sent], str]] = {
    "plain header": (lambda s: s.put(header=_plain(s)), "header-wrong-version"),
    "version of a plain header": (lambda s: s.write(0, b"\x03"), "header-wrong-version"),
    "version of nobody": (lambda s: s.write(0, b"\x05"), "header-wrong-version"),
    "one byte short": (lambda s: s.put(header=s.header[:-1]), "header-wrong-length"),
    "one byte long": (lambda s: s.put(header=s.header + b"\0"), "header-wrong-length"),
    "a ciphertext missing": (
        lambda s: s.put(header=s.header[:CIPHERTEXTS] + s.header[CIPHERTEXTS + SIZE :]),
        "header-wrong-length",
    ),
    "a ciphertext too many": (
        lambda s: s.put(header=s.header[:CIPHERTEXTS] + bytes(SIZE) + s.header[CIPHERTEXTS:]),
        "header-wrong-length",
    ),
    "own ciphertext changed on the way": (lambda s: s.write(CIPHERTEXTS, bytes(1)), "proof-invalid"),
    "another member's ciphertext changed": (lambda s: s.write(CIPHERTEXTS + 2 * SIZE, bytes(8)), "proof-invalid"),
    "ciphertext of zeros": (lambda s: _forged(s, lambda _, c: c.__setitem__(0, bytes(SIZE))), "box-does-not-open"),
    "ciphertext of noise": (
        lambda s: _forged(s, lambda _, c: c.__setitem__(0, hashlib.shake_256(b"noise").digest(SIZE))),
        "box-does-not-open",
    ),
    "ciphertexts of two members swapped": (lambda s: _forged(s, lambda _, c: _swap(c)), "box-does-not-open"),
    "secrets of two members swapped": (lambda s: _forged(s, lambda k, _: _swap(k)), "box-does-not-open"),
    "sealed without the lattice's secret": (
        lambda s: _forged(s, lambda k, _: k.__setitem__(0, bytes(32))),
        "box-does-not-open",
    ),
    "opened with another seed": (lambda s: s.put(kem_seed=kem_seed(25)), "box-does-not-open"),
    "opened without a seed": (lambda s: s.put(kem_seed=None), "kem-seed-missing"),
}


def test_boxes_open_with_both_secrets(sent: Sent) -> None:
    """The member gets seeds that the header commits to."""
    seeds = sent.check()
    assert sorted(seeds) == list(sent.made.layout.columns_of(INDEX))


@pytest.mark.parametrize("row", ROWS)
def test_bad_hybrid_headers_are_refused_by_name(sent: Sent, row: str) -> None:
    """Whatever differs from the one good header is refused for its own reason."""
    change, reason = ROWS[row]
    with pytest.raises(errors.AggregationRefused) as caught:
        change(sent).check()
    assert caught.value.reason == reason


def test_forged_headers_without_a_change_pass(sent: Sent) -> None:
    """The table's forger makes good headers when it changes nothing, so that its rows fail for what they change."""
    assert _forged(sent, lambda _, __: None).check()


def test_a_hybrid_header_is_no_plain_one(sent: Sent) -> None:
    """A session without ML-KEM keys refuses a hybrid header."""
    with pytest.raises(errors.AggregationRefused) as caught:
        checking.check_header(sent.committee.session, SENDER, sent.header)
    assert caught.value.reason == "header-wrong-version"


def test_the_curve_alone_opens_nothing(sent: Sent) -> None:
    """Who computes every discrete logarithm still lacks the lattice's secret."""
    parsed = checking.check_header(sent.made, SENDER, sent.header)
    shared = group.multiply(sent.committee.secrets[INDEX], parsed.commitment.ephemeral)
    assert header.open_box_shared(sent.made, parsed, INDEX, shared) is None
    assert header.open_box_shared(sent.made, parsed, INDEX, shared, kem_secret=bytes(32)) is None


def test_the_lattice_alone_opens_nothing(sent: Sent) -> None:
    """Who breaks ML-KEM still lacks the curve's secret."""
    parsed = checking.check_header(sent.made, SENDER, sent.header)
    secret = kem.decapsulate(kem_seed(CHECKER), parsed.commitment.ciphertexts[INDEX])
    other = group.multiply_base((5).to_bytes(32, "little"))
    assert header.open_box_shared(sent.made, parsed, INDEX, other, kem_secret=secret) is None


@pytest.mark.parametrize("members", [3, 5, 7, 8, 20])
def test_each_member_adds_its_ciphertext(make_committee: MakeCommittee, members: int) -> None:
    """A hybrid header is longer by 1,088 bytes for each member, and by nothing else."""
    made = make_committee(members).session
    assert header.header_bytes(_hybrid(made)) - header.header_bytes(made) == members * 1_088


def test_a_cloned_machine_seals_other_ciphertexts_under_another_key(sent: Sent, drawn: type[Drawn]) -> None:
    """With the same draws, fresh ciphertexts give another one-time key."""
    again = masking.shield(sent.made, SENDER, sent.committee.vector(SENDER), drawn("hybrid")).header
    assert again[80:112] != sent.header[80:112]


@pytest.mark.parametrize("chosen", list(suite.Suite))
def test_hybrid_rounds_open_in_every_suite(
    make_committee: MakeCommittee, drawn: type[Drawn], chosen: suite.Suite
) -> None:
    """Each member of each suite opens each box, in both layouts."""
    for members in (3, 8):
        committee = make_committee(members, chosen, 40)
        made = _hybrid(committee.session)
        ids = made.member_ids
        built = masking.shield(made, ids[1], committee.vector(ids[1]), drawn("hybrid"))
        for index, member_id in enumerate(ids):
            seeds = checking.check_submission(
                made,
                ids[1],
                built.header,
                built.masked,
                index=index,
                secret=committee.secrets[index],
                kem_seed=kem_seed(member_id),
            )
            assert sorted(seeds) == list(made.layout.columns_of(index))


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=6_000))
def test_any_bytes_are_parsed_or_refused(sent: Sent, raw: bytes) -> None:
    """Foreign bytes of any length end in a named refusal."""
    for candidate in (raw, sent.header[: len(raw)] + raw):
        with pytest.raises(errors.AggregationRefused):
            checking.check_header(sent.made, SENDER, candidate)


# --- keys ---

BAD_KEYS = {
    "empty": b"",
    "short": bytes(kem.PUBLIC_BYTES - 1),
    "long": bytes(kem.PUBLIC_BYTES + 1),
    "coefficients not reduced": b"\xff" * kem.PUBLIC_BYTES,
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_bad_keys_are_no_keys(name: str) -> None:
    """Lengths and coefficients are checked before anything is encapsulated."""
    assert kem.is_public_key(BAD_KEYS[name]) is False
    with pytest.raises(errors.AggregationRefused) as caught:
        kem.encapsulate(BAD_KEYS[name])
    assert caught.value.reason == "kem-key-invalid"


@settings(max_examples=50, deadline=None)
@given(raw=st.binary(max_size=1_200))
def test_any_bytes_are_a_key_or_not(raw: bytes) -> None:
    """A verdict on any bytes, never an exception; ciphertexts of a wrong length hold nothing."""
    assert kem.is_public_key(raw) is (len(raw) == kem.PUBLIC_BYTES and kem.is_public_key(raw))
    assert kem.decapsulate(kem_seed(1), raw) is None or len(raw) == kem.CIPHERTEXT_BYTES


def test_both_ends_have_one_secret() -> None:
    """What is encapsulated comes out for the key's owner, and something else for anybody else."""
    secret, ciphertext = kem.encapsulate(kem.public_key(kem_seed(1)))
    assert len(secret) == kem.SECRET_BYTES
    assert len(ciphertext) == kem.CIPHERTEXT_BYTES
    assert kem.decapsulate(kem_seed(1), ciphertext) == secret
    assert kem.decapsulate(kem_seed(2), ciphertext) != secret


@pytest.mark.parametrize("keys_", [(), (bytes(kem.PUBLIC_BYTES),) * 2, (b"", b"", b"")], ids=["none", "two", "short"])
def test_a_session_has_a_key_of_each_member(sent: Sent, keys_: tuple[bytes, ...]) -> None:
    """A hybrid session with another number of keys, or other lengths, does not hold together."""
    with pytest.raises(errors.AggregationRefused) as caught:
        dataclasses.replace(sent.made, kem_keys=keys_)
    assert caught.value.reason == "session-invalid"


def test_an_ack_binds_the_lattice_key(drawn: type[Drawn]) -> None:
    """The proof of an Ack holds for the key's digest that it was made over, and for no other, nor for none."""
    roster, secret = b"\x07" * 32, (5).to_bytes(32, "little")
    digest = kem.key_digest(kem.public_key(kem_seed(1)))
    point, proof = epoch.acknowledge(roster, 0, 11, secret=secret, draw=drawn("ack"), kem_digest=digest)
    assert epoch.is_acknowledged(roster, 0, 11, point=point, proof=proof, kem_digest=digest)
    for other in (None, bytes(32)):
        assert not epoch.is_acknowledged(roster, 0, 11, point=point, proof=proof, kem_digest=other)


# --- openings ---


@dataclasses.dataclass(frozen=True)
class Case:
    """A complaint of member 11 about member 18's header, and what 18 opens."""

    sent: Sent
    opening: bytes
    header: bytes

    def judged(self) -> dict[int, bytes] | None:
        """Return the seeds, or nothing."""
        return openings.judge(self.sent.made, SENDER, self.header, accuser=CHECKER, opening=self.opening)


def opened(sent: Sent) -> Case:
    """Return the case in which the sender opens its box for member 11."""
    return Case(sent, openings.make_opening(sent.made, INDEX, sent.check()), sent.header)


def _changed(case: Case, **fields: bytes) -> Case:
    return dataclasses.replace(case, **fields)


OPENINGS: dict[str, Callable[[Case], Case]] = {
    "nothing": lambda c: _changed(c, opening=b""),
    "one byte short": lambda c: _changed(c, opening=c.opening[:-1]),
    "one byte long": lambda c: _changed(c, opening=c.opening + b"\0"),
    "one seed only": lambda c: _changed(c, opening=c.opening[:32]),
    "zeros": lambda c: _changed(c, opening=bytes(len(c.opening))),
    "seeds in another order": lambda c: _changed(c, opening=c.opening[32:] + c.opening[:32]),
    "one bit of a seed": lambda c: _changed(c, opening=c.opening[:-1] + bytes([c.opening[-1] ^ 1])),
    "header is bad in public": lambda c: _changed(c, header=bytes(400)),
    "header of another round": lambda c: _changed(c, header=_forged(c.sent, lambda _, __: None).header),
}


def test_a_good_opening_gives_the_seeds(sent: Sent) -> None:
    """The accused that opens its box is not dropped, and the accuser has its seeds."""
    assert opened(sent).judged() == sent.check()


def test_an_opening_replaces_a_bad_box(sent: Sent) -> None:
    """A box that does not open and seeds that do: the attempt goes on with what was opened."""
    bad = _forged(sent, lambda _, ciphertexts: ciphertexts.__setitem__(0, bytes(SIZE)))
    seeds = {column: hashlib.sha256(b"seed %d" % column).digest() for column in range(3)}
    opening = openings.make_opening(sent.made, INDEX, seeds)
    got = openings.judge(sent.made, SENDER, bad.header, accuser=CHECKER, opening=opening)
    assert got == {column: seeds[column] for column in sent.made.layout.columns_of(INDEX)}


@pytest.mark.parametrize("row", OPENINGS)
def test_bad_openings_drop_the_accused(sent: Sent, row: str) -> None:
    """Whatever is not exactly the seeds that the header commits to opens nothing."""
    assert OPENINGS[row](opened(sent)).judged() is None


@settings(max_examples=50, deadline=None)
@given(opening=st.binary(max_size=80))
def test_openings_are_decided_on_any_bytes(sent: Sent, opening: bytes) -> None:
    """No bytes out of nowhere are seeds, and none raise."""
    assert Case(sent, opening, sent.header).judged() is None


def test_an_opening_shows_one_member_s_seeds_only(sent: Sent) -> None:
    """Columns that the accuser does not hold stay closed."""
    assert len(opened(sent).opening) == keys.SEED_BYTES * len(sent.made.layout.columns_of(INDEX))
    with pytest.raises(errors.AggregationRefused) as caught:
        openings.judge(sent.made, SENDER, sent.header, accuser=99, opening=b"")
    assert caught.value.reason == "member-unknown"


def test_evidence_is_neither_made_nor_judged(sent: Sent) -> None:
    """A complaint by DLEQ would open only half of a hybrid box: it is refused on both sides."""
    for call in (
        lambda: complaints.judge(sent.made, SENDER, sent.header, accuser=CHECKER, evidence=bytes(128)),
        lambda: complaints.make_evidence(
            sent.made, SENDER, sent.header, index=INDEX, secret=sent.committee.secrets[INDEX], draw=bytes
        ),
    ):
        with pytest.raises(errors.AggregationRefused) as caught:
            call()
        assert caught.value.reason == "complaint-needs-opening"
