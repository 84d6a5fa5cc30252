"""Hybrid sessions: a box opens with both secrets and with nothing less, and a complaint opens one pair's box to everybody."""

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
    masking,
    session,
    suite,
)

if TYPE_CHECKING:
    from tests.learning.secagg.conftest import Committee, Drawn, MakeCommittee

SENDER, CHECKER, INDEX = 18, 11, 0
"""The roster is 11, 18 and 25; member 11 stands at place 0."""


def master(member_id: int) -> bytes:
    """Return what a member's ML-KEM seeds follow from."""
    return hashlib.shake_256(b"kem %d" % member_id).digest(kem.MASTER_BYTES)


def kem_seed(member_id: int, participant: int = SENDER) -> bytes:
    """Return the ML-KEM seed of a member for a participant's boxes."""
    return kem.pair_seed(master(member_id), participant)


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
    pairs = tuple(kem.encapsulate(key) for key in keys_for(hybrid_of(committee.session), SENDER))
    return build_sent(committee, drawn("hybrid"), pairs)


def build_sent(committee: Committee, draw: epoch.Draw, pairs: tuple[tuple[bytes, bytes], ...]) -> Sent:
    """Return it with these (secret, ciphertext); the vectors' generator calls this too."""
    made = hybrid_of(committee.session)
    by_key = dict(zip(keys_for(made, SENDER), pairs, strict=True))
    built = masking.shield(made, SENDER, committee.vector(SENDER), draw, encapsulate=by_key.__getitem__)
    return Sent(committee, made, built.header, built.masked.tobytes(), pairs)


def hybrid_of(made: session.Session) -> session.Session:
    """Return a session with every member's key for every participant."""
    keys = tuple(tuple(kem.public_key(kem_seed(each, other)) for other in made.member_ids) for each in made.member_ids)
    return dataclasses.replace(made, kem_keys=keys)


def keys_for(made: session.Session, participant: int) -> list[bytes]:
    """Return every member's key for a participant."""
    return [of_member[made.index_of(participant)] for of_member in made.kem_keys or ()]


CIPHERTEXTS = 176 + 3 * 32
"""Offset of the first ciphertext: behind prefix, five digests and three roots."""
SIZE = kem.CIPHERTEXT_BYTES


def forged(sent: Sent, change: Callable[[list[bytes], list[bytes]], None], *, wrong_seed: bool = False) -> Sent:
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
    sealed = seeds[::-1] if wrong_seed else seeds
    built = header.build(made, SENDER, public, secret=secret, nonce=nonce, seeds=sealed, kem_secrets=secrets)
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
    "ciphertext of zeros": (lambda s: forged(s, lambda _, c: c.__setitem__(0, bytes(SIZE))), "box-does-not-open"),
    "ciphertext of noise": (
        lambda s: forged(s, lambda _, c: c.__setitem__(0, hashlib.shake_256(b"noise").digest(SIZE))),
        "box-does-not-open",
    ),
    "ciphertexts of two members swapped": (lambda s: forged(s, lambda _, c: _swap(c)), "box-does-not-open"),
    "secrets of two members swapped": (lambda s: forged(s, lambda k, _: _swap(k)), "box-does-not-open"),
    "sealed without the lattice's secret": (
        lambda s: forged(s, lambda k, _: k.__setitem__(0, bytes(32))),
        "box-does-not-open",
    ),
    "opened with another member's seed": (lambda s: s.put(kem_seed=kem_seed(25)), "box-does-not-open"),
    "opened with the seed for another participant": (
        lambda s: s.put(kem_seed=kem_seed(CHECKER, 25)),
        "box-does-not-open",
    ),
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
    assert forged(sent, lambda _, __: None).check()


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
    assert header.header_bytes(hybrid_of(made)) - header.header_bytes(made) == members * 1_088


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
        made = hybrid_of(committee.session)
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
                kem_seed=kem_seed(member_id, ids[1]),
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


ROW = (bytes(kem.PUBLIC_BYTES),) * 3


@pytest.mark.parametrize(
    "keys_",
    [(), (ROW,) * 2, (ROW, ROW, ROW[:2]), (ROW, ROW, (*ROW[:2], b""))],
    ids=["none", "of two members", "for two participants", "short"],
)
def test_a_session_has_a_key_of_each_member(sent: Sent, keys_: tuple[tuple[bytes, ...], ...]) -> None:
    """A hybrid session with another number of keys, or other lengths, does not hold together."""
    with pytest.raises(errors.AggregationRefused) as caught:
        dataclasses.replace(sent.made, kem_keys=keys_)
    assert caught.value.reason == "session-invalid"


ROSTER = (11, 18, 25)


def public() -> epoch.PublicKeys:
    """Return the public keys of member 11 for three participants."""
    return epoch.public_keys(epoch.Key((5).to_bytes(32, "little"), master(CHECKER)), ROSTER)


def test_an_ack_binds_the_lattice_keys(drawn: type[Drawn]) -> None:
    """The proof of an Ack holds for the digest of all keys that it was made over, and for no other, nor for none."""
    roster, secret = b"\x07" * 32, (5).to_bytes(32, "little")
    digest = public().kem_digest
    point, proof = epoch.acknowledge(roster, 0, 11, secret=secret, draw=drawn("ack"), kem_digest=digest)
    assert epoch.is_acknowledged(roster, 0, 11, point=point, proof=proof, kem_digest=digest)
    for other in (None, bytes(32)):
        assert not epoch.is_acknowledged(roster, 0, 11, point=point, proof=proof, kem_digest=other)


def test_public_keys_come_back(sent: Sent) -> None:
    """What a member stores is read as what it made, and is what its session has of it."""
    keys = public()
    assert epoch.decode_public(keys.encode(), keys.announced, 3) == keys
    assert keys.kem_keys == (sent.made.kem_keys or ())[INDEX]
    assert len(keys.encode()) == epoch.public_bytes(3)
    plain = epoch.public_keys(epoch.Key((5).to_bytes(32, "little")), ROSTER)
    assert (plain.announced, plain.kem_digest) == (keys.point, None)


BAD_PUBLIC: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "one byte short": lambda raw: raw[:-1],
    "one byte long": lambda raw: raw + b"\0",
    "a key missing": lambda raw: raw[: -kem.PUBLIC_BYTES],
    "a key with coefficients that are not reduced": lambda raw: raw[: -kem.PUBLIC_BYTES] + b"\xff" * kem.PUBLIC_BYTES,
}


@pytest.mark.parametrize("row", BAD_PUBLIC)
def test_bad_public_keys_are_refused(row: str) -> None:
    """Another length, or a key that is none, is refused although its digest is the one that was named."""
    changed = BAD_PUBLIC[row](public().encode())
    with pytest.raises(errors.AggregationRefused) as caught:
        epoch.decode_public(changed, hashlib.sha256(changed).digest(), 3)
    assert caught.value.reason == "ack-keys"


@settings(max_examples=50, deadline=None)
@given(raw=st.binary(max_size=4_000))
def test_any_bytes_are_public_keys_or_refused(raw: bytes) -> None:
    """Foreign bytes end in a named refusal, whatever digest is named; so do the right ones under another digest."""
    for candidate, named in ((raw, hashlib.sha256(raw).digest()), (public().encode(), bytes(32))):
        with pytest.raises(errors.AggregationRefused):
            epoch.decode_public(candidate, named, 3)


@pytest.mark.parametrize("is_hybrid", [False, True])
def test_a_drawn_key_comes_back(drawn: type[Drawn], *, is_hybrid: bool) -> None:
    """A node reads from its file what it drew, and no secret is shown."""
    key = epoch.draw_key(drawn("key"), is_hybrid=is_hybrid)
    assert epoch.decode_key(key.encode()) == key
    assert (len(key.encode()), key.seed_for(SENDER) is None) == ((96, False) if is_hybrid else (32, True))
    assert not any(
        secret.hex() in repr(key) or repr(secret) in repr(key) for secret in (key.secret, key.master) if secret
    )


# --- complaints ---


@dataclasses.dataclass(frozen=True)
class Case:
    """A complaint of member 11 about member 18's header."""

    sent: Sent
    evidence: bytes

    def judged(self) -> int:
        """Return who is convicted."""
        made = self.sent.made
        return complaints.judge(made, SENDER, self.sent.header, accuser=CHECKER, evidence=self.evidence)


def complained(sent: Sent) -> Case:
    """Return the complaint with the evidence that its accuser makes."""
    key = epoch.Key(sent.committee.secrets[INDEX], master(CHECKER))
    made = complaints.make_evidence(
        sent.made, SENDER, sent.header, index=INDEX, key=key, draw=lambda size: hashlib.shake_256(b"nonce").digest(size)
    )
    return Case(sent, made)


def _seeded(case: Case, seed: bytes) -> Case:
    return dataclasses.replace(case, evidence=case.evidence[: complaints.EVIDENCE_BYTES] + seed)


FALSE: dict[str, Callable[[Case], Case]] = {
    "about an honest box": lambda c: c,
    "with nothing": lambda c: dataclasses.replace(c, evidence=b""),
    "without a seed": lambda c: _seeded(c, b""),
    "with a seed of zeros": lambda c: _seeded(c, bytes(kem.SEED_BYTES)),
    "with a byte less": lambda c: dataclasses.replace(c, evidence=c.evidence[:-1]),
    "with a byte more": lambda c: dataclasses.replace(c, evidence=c.evidence + b"\0"),
    "with the seed for another participant": lambda c: _seeded(c, kem_seed(CHECKER, 25)),
    "with another member's seed": lambda c: _seeded(c, kem_seed(25)),
    "with the master": lambda c: _seeded(c, master(CHECKER)),
    "with another shared point": lambda c: dataclasses.replace(
        c, evidence=group.multiply_base((5).to_bytes(32, "little")) + c.evidence[32:]
    ),
}
TRUE: dict[str, Callable[[list[bytes], list[bytes]], None]] = {
    "a ciphertext of zeros": lambda _, c: c.__setitem__(0, bytes(SIZE)),
    "ciphertexts of two members swapped": lambda _, c: _swap(c),
    "secrets of two members swapped": lambda k, _: _swap(k),
    "sealed without the lattice's secret": lambda k, _: k.__setitem__(0, bytes(32)),
}


@pytest.mark.parametrize("row", FALSE)
def test_false_complaints_convict_their_author(sent: Sent, row: str) -> None:
    """Whoever complains about an honest box, or does not open its own, is convicted whatever it shows."""
    assert FALSE[row](complained(sent)).judged() == CHECKER


@pytest.mark.parametrize("row", TRUE)
def test_bad_boxes_convict_who_sealed_them(sent: Sent, row: str) -> None:
    """A box that the receiver cannot open opens for nobody, and everybody sees that from its evidence."""
    bad = forged(sent, TRUE[row])
    assert complained(bad).judged() == SENDER
    for false in FALSE.keys() - {"about an honest box"}:
        assert FALSE[false](complained(bad)).judged() == CHECKER


def test_a_header_that_is_bad_in_public_convicts_its_author(sent: Sent) -> None:
    """Nobody needs evidence for what everybody sees."""
    assert Case(sent.put(header=sent.header[:-1]), b"").judged() == SENDER


def test_a_box_with_a_false_seed_convicts_who_sealed_it(sent: Sent) -> None:
    """A box that opens, under commitments to other seeds."""
    honest = forged(sent, lambda _, __: None)
    assert complained(honest).judged() == CHECKER
    bad = forged(sent, lambda _, __: None, wrong_seed=True)
    assert complained(bad).judged() == SENDER


def test_what_a_complaint_shows_opens_one_pair_only(sent: Sent) -> None:
    """The seed in the evidence decapsulates nothing that other participants sent to its owner, or that others got."""
    shown = complained(sent).evidence[complaints.EVIDENCE_BYTES :]
    assert shown == kem_seed(CHECKER)
    for member, participant in ((CHECKER, 25), (CHECKER, CHECKER), (25, SENDER)):
        secret, ciphertext = kem.encapsulate(kem.public_key(kem_seed(member, participant)))
        assert kem.decapsulate(shown, ciphertext) != secret


@settings(max_examples=50, deadline=None)
@given(evidence=st.binary(max_size=250))
def test_complaints_are_decided_on_any_bytes(sent: Sent, evidence: bytes) -> None:
    """Bytes out of nowhere convict their author, and none raise."""
    good = complained(sent).evidence
    for candidate in (evidence, good[: len(evidence)] + evidence):
        assert Case(sent, candidate).judged() == CHECKER


def test_evidence_needs_the_seed(sent: Sent) -> None:
    """Whoever has no master cannot complain, and a plain session takes no seed."""
    with pytest.raises(errors.AggregationRefused) as caught:
        complaints.make_evidence(
            sent.made, SENDER, sent.header, index=INDEX, key=epoch.Key(sent.committee.secrets[INDEX]), draw=bytes
        )
    assert caught.value.reason == "kem-seed-missing"
    plain, head = sent.committee.session, _plain(sent)
    key = epoch.Key(sent.committee.secrets[INDEX])
    shown = complaints.make_evidence(plain, SENDER, head, index=INDEX, key=key, draw=lambda size: b"\x01" * size)
    assert len(shown) == complaints.EVIDENCE_BYTES
    for evidence in (shown, shown + kem_seed(CHECKER)):
        assert complaints.judge(plain, SENDER, head, accuser=CHECKER, evidence=evidence) == CHECKER
