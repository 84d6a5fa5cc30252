"""Adversarial submissions and reveals: each row breaks one thing, and the checker names it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import nacl.bindings
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.domain import errors
from aicommons.learning.secagg import (
    checking,
    group,
    header,
    keys,
    masking,
    masks,
    reading,
    reveal,
    session,
    suite,
)

if TYPE_CHECKING:
    from tests.learning.secagg.conftest import Committee, MakeCommittee, Revealed

VICTIM = 18
"""The member whose submission is attacked; 11, 18 and 25 are the roster."""
CHECKER = 0
"""Roster position of the member that checks: it holds columns 0 and 1, its box is the first."""
IDENTITY = b"\x01" + bytes(31)
SMALL_ORDER = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
NOT_CANONICAL = (2**255 - 19 + 3).to_bytes(32, "little")


@dataclasses.dataclass(frozen=True)
class Sent:
    """A submission as it arrives, and who it claims to be from."""

    committee: Committee
    header: bytes
    masked: bytes
    member_id: int = VICTIM
    session: session.Session | None = None

    def write(self, offset: int, patch: bytes) -> Sent:
        """Return it with header bytes replaced."""
        changed = self.header[:offset] + patch + self.header[offset + len(patch) :]
        return dataclasses.replace(self, header=changed)

    def flip(self, offset: int) -> Sent:
        """Return it with one header bit flipped."""
        return self.write(offset, bytes([self.header[offset] ^ 1]))

    def write_mask(self, masked: bytes) -> Sent:
        """Return it with another vector."""
        return dataclasses.replace(self, masked=masked)

    def response(self) -> int:
        """Return z of its proof."""
        return int.from_bytes(self.header[Z : Z + 32], "little")


CONSENT, E, BLOB_ROOT, BLOB_DIGEST, ROOTS, R, Z, BOXES = 48, 80, 112, 144, 176, 272, 304, 336
"""Offsets of a header with three columns; a box has 80 bytes."""


def scalar_bytes(number: int) -> bytes:
    """Return 32 bytes, little-endian."""
    return number.to_bytes(32, "little")


def mixed_order(point: bytes) -> bytes:
    """Return a point outside the prime-order subgroup."""
    return nacl.bindings.crypto_core_ed25519_add(point, SMALL_ORDER)


def forged(
    sent: Sent,
    *,
    roots: Callable[[tuple[bytes, ...]], tuple[bytes, ...]] = lambda roots: roots,
    boxed: Callable[[tuple[bytes, ...]], tuple[bytes, ...]] = lambda seeds: seeds,
    points: Callable[[tuple[bytes, ...]], tuple[bytes, ...]] = lambda points: points,
) -> Sent:
    """Return a submission that a cheater built with a valid proof, but other roots, seeds or recipients."""
    made = sent.committee.session
    seeds = tuple(bytes([0x10 + column]) * 32 for column in range(3))
    masked = masking.mask(made, VICTIM, sent.committee.vector(VICTIM), seeds)
    secret, nonce = scalar_bytes(9), scalar_bytes(1234)
    commitment = header.Commitment(
        group.multiply_base(secret), masked.blob_root, masked.blob_digest, roots(masked.column_roots)
    )
    public = header.public_part(made, VICTIM, commitment)
    sealing = dataclasses.replace(made, points=points(made.points))
    raw = header.build(sealing, VICTIM, public, secret=secret, nonce=nonce, seeds=boxed(seeds))
    return dataclasses.replace(sent, header=raw, masked=masked.words.tobytes())


def of_other_member(sent: Sent) -> Sent:
    """Return another member's whole submission under the victim's name."""
    other = sent.committee.submit(25)
    return dataclasses.replace(sent, header=other.header, masked=other.masked.tobytes())


def of_other_session(sent: Sent, **changes: object) -> Sent:
    """Return a submission made for another session."""
    made = dataclasses.replace(sent.committee.session, **changes)
    other = dataclasses.replace(sent.committee, session=made).submit(VICTIM)
    return dataclasses.replace(sent, header=other.header, masked=other.masked.tobytes())


def copied_key(sent: Sent) -> Sent:
    """Return it with another participant's one-time key and that one's proof."""
    other = sent.committee.submit(25).header
    return sent.write(E, other[E : E + 32]).write(R, other[R : R + 64])


def box_of_other_header(sent: Sent) -> Sent:
    """Return it with the box of an older header of the same member."""
    other = forged(sent)
    return sent.write(BOXES, other.header[BOXES : BOXES + 80])


SUBMISSIONS: dict[str, tuple[Callable[[Sent], Sent], str]] = {
    "empty header": (lambda s: dataclasses.replace(s, header=b""), "header-wrong-length"),
    "fifteen bytes": (lambda s: dataclasses.replace(s, header=s.header[:15]), "header-wrong-length"),
    "only the prefix": (lambda s: dataclasses.replace(s, header=s.header[:16]), "header-wrong-length"),
    "no boxes": (lambda s: dataclasses.replace(s, header=s.header[:BOXES]), "header-wrong-length"),
    "one byte short": (lambda s: dataclasses.replace(s, header=s.header[:-1]), "header-wrong-length"),
    "one byte long": (lambda s: dataclasses.replace(s, header=s.header + b"\0"), "header-wrong-length"),
    "twice": (lambda s: dataclasses.replace(s, header=s.header * 2), "header-wrong-length"),
    "a megabyte of zeros": (lambda s: dataclasses.replace(s, header=bytes(10**6)), "header-wrong-version"),
    "version 1": (lambda s: s.write(0, b"\x01"), "header-wrong-version"),
    "version 2": (lambda s: s.write(0, b"\x02"), "header-wrong-version"),
    "version 4": (lambda s: s.write(0, b"\x04"), "header-wrong-version"),
    "suite 0": (lambda s: s.write(1, b"\x00"), "header-wrong-suite"),
    "another suite": (lambda s: s.write(1, b"\x02"), "header-wrong-suite"),
    "no such suite": (lambda s: s.write(1, b"\xff"), "header-wrong-suite"),
    "two columns": (lambda s: s.write(2, b"\x02\x00"), "header-wrong-columns"),
    "65535 columns": (lambda s: s.write(2, b"\xff\xff"), "header-wrong-columns"),
    "no members": (lambda s: s.write(4, b"\x00\x00"), "header-wrong-members"),
    "four members": (lambda s: s.write(4, b"\x04\x00"), "header-wrong-members"),
    "reserved bytes set": (lambda s: s.write(6, b"\x01"), "header-wrong-reserved"),
    "no words": (lambda s: s.write(8, bytes(8)), "header-wrong-words"),
    "one word more": (lambda s: s.write(8, b"\x65"), "header-wrong-words"),
    "all the words": (lambda s: s.write(8, b"\xff" * 8), "header-wrong-words"),
    "context of zeros": (lambda s: s.write(16, bytes(32)), "header-wrong-context"),
    "header of another member": (of_other_member, "header-wrong-context"),
    "header of another session or attempt": (lambda s: of_other_session(s, sid=b"\x52" * 32), "header-wrong-context"),
    "header of another suite": (
        lambda s: of_other_session(s, suite=suite.Suite.CHACHA_32),
        "header-wrong-suite",
    ),
    "header of another length": (lambda s: of_other_session(s, words=101), "header-wrong-words"),
    "claimed by a stranger": (lambda s: dataclasses.replace(s, member_id=12), "member-unknown"),
    "key is the identity": (lambda s: s.write(E, IDENTITY), "point-invalid"),
    "key of small order": (lambda s: s.write(E, SMALL_ORDER), "point-invalid"),
    "key of mixed order": (lambda s: s.write(E, mixed_order(s.header[E : E + 32])), "point-invalid"),
    "key not canonical": (lambda s: s.write(E, NOT_CANONICAL), "point-invalid"),
    "key of zeros": (lambda s: s.write(E, bytes(32)), "point-invalid"),
    "key of ones": (lambda s: s.write(E, b"\xff" * 32), "point-invalid"),
    "another valid key": (lambda s: s.write(E, group.multiply_base(scalar_bytes(5))), "proof-invalid"),
    "copied key and proof": (copied_key, "proof-invalid"),
    "R is the identity": (lambda s: s.write(R, IDENTITY), "proof-invalid"),
    "R of small order": (lambda s: s.write(R, SMALL_ORDER), "proof-invalid"),
    "R of mixed order": (lambda s: s.write(R, mixed_order(s.header[R : R + 32])), "proof-invalid"),
    "R not canonical": (lambda s: s.write(R, NOT_CANONICAL), "proof-invalid"),
    "z is zero": (lambda s: s.write(Z, bytes(32)), "proof-invalid"),
    "z is the order": (lambda s: s.write(Z, scalar_bytes(group.ORDER)), "proof-invalid"),
    "z plus the order": (lambda s: s.write(Z, scalar_bytes(s.response() + group.ORDER)), "proof-invalid"),
    "z plus seven orders": (lambda s: s.write(Z, scalar_bytes(s.response() + 7 * group.ORDER)), "proof-invalid"),
    "z with the top bit": (lambda s: s.write(Z, scalar_bytes(s.response() | 1 << 255)), "proof-invalid"),
    "z plus one": (lambda s: s.write(Z, scalar_bytes((s.response() + 1) % group.ORDER)), "proof-invalid"),
    "consent commitment changed after the proof": (lambda s: s.flip(CONSENT), "proof-invalid"),
    "consent commitment taken away after the proof": (lambda s: s.write(CONSENT, bytes(32)), "proof-invalid"),
    "blob root changed after the proof": (lambda s: s.flip(BLOB_ROOT), "proof-invalid"),
    "blob digest changed after the proof": (lambda s: s.flip(BLOB_DIGEST), "proof-invalid"),
    "column root changed after the proof": (lambda s: s.flip(ROOTS + 95), "proof-invalid"),
    "vector with a flipped first bit": (
        lambda s: s.write_mask(bytes([s.masked[0] ^ 1]) + s.masked[1:]),
        "blob-root-mismatch",
    ),
    "vector with a flipped last bit": (
        lambda s: s.write_mask(s.masked[:-1] + bytes([s.masked[-1] ^ 1])),
        "blob-root-mismatch",
    ),
    "vector of another member": (
        lambda s: s.write_mask(s.committee.submit(25).masked.tobytes()),
        "blob-root-mismatch",
    ),
    "two words swapped": (
        lambda s: s.write_mask(s.masked[4:8] + s.masked[:4] + s.masked[8:]),
        "blob-root-mismatch",
    ),
    "empty vector": (lambda s: s.write_mask(b""), "blob-wrong-length"),
    "vector one byte short": (lambda s: s.write_mask(s.masked[:-1]), "blob-wrong-length"),
    "vector one word short": (lambda s: s.write_mask(s.masked[:-4]), "blob-wrong-length"),
    "vector one word long": (lambda s: s.write_mask(s.masked + bytes(4)), "blob-wrong-length"),
    "box with a flipped bit": (lambda s: s.flip(BOXES), "box-does-not-open"),
    "box with a flipped tag": (lambda s: s.flip(BOXES + 79), "box-does-not-open"),
    "box of zeros": (lambda s: s.write(BOXES, bytes(80)), "box-does-not-open"),
    "box of another member in its place": (
        lambda s: s.write(BOXES, s.header[BOXES + 80 : BOXES + 160]),
        "box-does-not-open",
    ),
    "box of another header": (box_of_other_header, "box-does-not-open"),
    "box sealed to another point": (
        lambda s: forged(s, points=lambda points: (points[1], *points[1:])),
        "box-does-not-open",
    ),
    "seeds in another order": (
        lambda s: forged(s, boxed=lambda seeds: (seeds[1], seeds[0], seeds[2])),
        "root-mismatch",
    ),
    "one seed of zeros": (lambda s: forged(s, boxed=lambda seeds: (seeds[0], bytes(32), seeds[2])), "root-mismatch"),
    "one root of another seed": (
        lambda s: forged(s, roots=lambda roots: (roots[0], roots[2], roots[2])),
        "root-mismatch",
    ),
    "roots swapped": (lambda s: forged(s, roots=lambda roots: (roots[1], roots[0], roots[2])), "root-mismatch"),
}


@pytest.fixture(scope="module")
def committee(make_committee: MakeCommittee) -> Committee:
    """Three members, 100 words of 32 bits."""
    return make_committee(3)


@pytest.fixture(scope="module")
def sent(committee: Committee) -> Sent:
    """A good submission of the victim."""
    submission = committee.submit(VICTIM)
    return Sent(committee, submission.header, submission.masked.tobytes())


def test_good_submissions_pass(sent: Sent) -> None:
    """What the rows start from passes: their reasons come from the row and nothing else."""
    assert set(sent.committee.check(CHECKER, VICTIM, sent.header, sent.masked)) == {0, 1}
    honest = forged(sent)
    assert sent.committee.check(CHECKER, VICTIM, honest.header, honest.masked) == {
        0: b"\x10" * 32,
        1: b"\x11" * 32,
    }


@pytest.mark.parametrize("row", SUBMISSIONS)
def test_bad_submissions_are_refused_by_name(sent: Sent, row: str) -> None:
    """Each way to break a submission is refused with its own reason and the member's id."""
    attack, reason = SUBMISSIONS[row]
    broken = attack(sent)
    with pytest.raises(errors.AggregationRefused) as caught:
        broken.committee.check(CHECKER, broken.member_id, broken.header, broken.masked)
    assert (caught.value.reason, caught.value.member) == (reason, broken.member_id)


def test_public_check_leaves_boxes_to_their_owners(sent: Sent) -> None:
    """The check without a secret passes a bad box, which only its owner can see, and nothing else."""
    bad_box = sent.flip(BOXES)
    checking.check_public(sent.committee.session, VICTIM, bad_box.header, bad_box.masked)
    with pytest.raises(errors.AggregationRefused, match="does not open"):
        bad_box.committee.check(CHECKER, VICTIM, bad_box.header, bad_box.masked)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_bit_of_a_header_matters_to_somebody(sent: Sent, data: st.DataObject) -> None:
    """Whatever bit is flipped, at least one member refuses the header."""
    bit = data.draw(st.integers(0, 8 * len(sent.header) - 1))
    flipped = sent.write(bit // 8, bytes([sent.header[bit // 8] ^ 1 << bit % 8]))
    refused = 0
    for index in range(3):
        try:
            sent.committee.check(index, VICTIM, flipped.header, flipped.masked)
        except errors.AggregationRefused:
            refused += 1
    assert refused >= 1


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=700))
def test_any_bytes_are_parsed_or_refused(sent: Sent, raw: bytes) -> None:
    """Arbitrary bytes as header or document end in a named refusal, never in another exception."""
    for tail in (raw, sent.header[:16] + raw, sent.header[:48] + raw + bytes(max(0, 496 - len(raw)))):
        with pytest.raises(errors.AggregationRefused):
            sent.committee.check(CHECKER, VICTIM, tail, raw)
    with pytest.raises(errors.AggregationRefused):
        reveal.parse_document(sent.committee.session, VICTIM, raw, readers=4, input_digest=bytes(32))


# --- reveals ---


@dataclasses.dataclass(frozen=True)
class Shown:
    """A reveal as it arrives: document, what was signed, and the session's input digest."""

    committee: Committee
    sums: list[masks.ColumnSum]
    document: bytes
    claim: reveal.Claim
    index: int = 0

    def signed(self, document: bytes) -> Shown:
        """Return it with another document that the cheater signed as well."""
        claim = dataclasses.replace(self.claim, document=hashlib.sha256(document).digest())
        return dataclasses.replace(self, document=document, claim=claim)

    def write(self, offset: int, patch: bytes) -> Shown:
        """Return it with document bytes replaced and signed."""
        return self.signed(self.document[:offset] + patch + self.document[offset + len(patch) :])

    def claiming(self, **changes: bytes) -> Shown:
        """Return it with other signed fields."""
        return dataclasses.replace(self, claim=dataclasses.replace(self.claim, **changes))


ROW = 8 + 32 + 32
ONE_TIME_KEY = 2 * ROW
"""Offsets of a document with two rows of one chunk."""


def other_mine(shown: Shown) -> Shown:
    """Return it with a consistent commitment to other sums than the document's."""
    made = shown.committee.session
    mine = masks.rows_digest(made, 11, [(0, each.column, bytes(32)) for each in shown.sums])
    committed = masks.salted_commitment(made, 11, salt=shown.claim.salt, mine=mine)
    return shown.claiming(mine=mine, masks=committed)


def of_partner(shown: Shown) -> Shown:
    """Return it with the commitment of a partner: a lazy holder copies."""
    mine, committed = masks.commit(shown.committee.session, 18, shown.sums, shown.claim.salt)
    return shown.claiming(mine=mine, masks=committed)


def of_other_inputs(shown: Shown) -> Shown:
    """Return it made for another input set."""
    committee = dataclasses.replace(shown.committee, input_digest=b"\x1e" * 32)
    sums = [
        dataclasses.replace(
            each,
            manifest=masks.manifest(committee.session, each.column, committee.input_digest, leaves=each.leaves),
        )
        for each in shown.sums
    ]
    document, claim, _ = committee.publish(0, sums)
    return dataclasses.replace(shown, document=document, claim=claim)


REVEALS: dict[str, tuple[Callable[[Shown], Shown], str]] = {
    "empty": (lambda s: s.signed(b""), "document-wrong-length"),
    "truncated": (lambda s: s.signed(s.document[:-1]), "document-wrong-length"),
    "one reader box missing": (lambda s: s.signed(s.document[:-48]), "document-wrong-length"),
    "one byte long": (lambda s: s.signed(s.document + b"\0"), "document-wrong-length"),
    "a megabyte": (lambda s: s.signed(bytes(10**6)), "document-wrong-length"),
    "not the signed bytes": (lambda s: s.claiming(document=bytes(32)), "document-digest-mismatch"),
    "another column": (lambda s: s.write(4, b"\x02"), "document-wrong-columns"),
    "a column twice": (lambda s: s.write(ROW, s.document[:ROW]), "document-wrong-columns"),
    "another cell": (lambda s: s.write(0, b"\x01"), "document-wrong-columns"),
    "columns of another member": (lambda s: dataclasses.replace(s, index=1), "commitment-mismatch"),
    "one-time key is the identity": (lambda s: s.write(ONE_TIME_KEY, IDENTITY), "point-invalid"),
    "one-time key of small order": (lambda s: s.write(ONE_TIME_KEY, SMALL_ORDER), "point-invalid"),
    "one-time key not canonical": (lambda s: s.write(ONE_TIME_KEY, NOT_CANONICAL), "point-invalid"),
    "a leaf changed": (lambda s: s.write(40, bytes(32)), "mine-mismatch"),
    "another salt": (lambda s: s.claiming(salt=bytes(32)), "commitment-mismatch"),
    "another mine": (lambda s: s.claiming(mine=bytes(32)), "commitment-mismatch"),
    "another commitment": (lambda s: s.claiming(masks=bytes(32)), "commitment-mismatch"),
    "a partner's commitment": (of_partner, "commitment-mismatch"),
    "a commitment to other sums": (other_mine, "mine-mismatch"),
    "sums of another input set": (of_other_inputs, "mine-mismatch"),
}


@pytest.fixture(scope="module")
def shown(committee: Committee) -> Shown:
    """A good reveal of member 11."""
    sums = committee.sums(0, committee.submissions())
    document, claim, _ = committee.publish(0, sums)
    return Shown(committee, sums, document, claim)


def test_good_reveals_pass(shown: Shown) -> None:
    """What the rows start from passes, and its rows are the member's columns."""
    document = shown.committee.accept(0, shown.document, shown.claim)
    assert [row.column for row in document.rows] == [0, 1]


@pytest.mark.parametrize("row", REVEALS)
def test_bad_reveals_are_refused_by_name(shown: Shown, row: str) -> None:
    """Each way to break a reveal is refused with its own reason."""
    attack, reason = REVEALS[row]
    broken = attack(shown)
    with pytest.raises(errors.AggregationRefused) as caught:
        broken.committee.accept(broken.index, broken.document, broken.claim)
    assert caught.value.reason == reason


# --- readings ---


@dataclasses.dataclass
class Read:
    """Everything a reader of a round uses."""

    committee: Committee
    round: Revealed
    committed: set[int]
    eyes: reading.Eyes
    own: Mapping[tuple[int, int], masks.ColumnSum] | None = None

    def run(self) -> reading.Reading:
        """Agree on the manifests, open all columns and read."""
        made = self.committee.session
        reading.agree_manifests(made, self.round.documents, self.committed)
        columns = reading.open_columns(made, self.round.documents, self.round.objects, eyes=self.eyes, own=self.own)
        return reading.read(made, {0: [each.masked for each in self.round.submissions.values()]}, columns)

    def change_rows(self, member_id: int, column: int, **changes: object) -> None:
        """Change fields of a member's row."""
        document = self.round.documents[member_id]
        rows = tuple(dataclasses.replace(row, **changes) if row.column == column else row for row in document.rows)
        self.round.documents[member_id] = dataclasses.replace(document, rows=rows)

    def object_digest(self, column: int) -> bytes:
        """Return where a column's object is."""
        rows = (row for each in self.round.documents.values() for row in each.rows)
        return next(row.object_digest for row in rows if row.column == column)


def holder_silent(read: Read) -> None:
    """Let a holder that committed not reveal."""
    del read.round.documents[18]


def column_silent(read: Read) -> None:
    """Let no holder of column 2 (members 18 and 25) reveal, and none have committed."""
    read.committed = {11}
    del read.round.documents[18], read.round.documents[25]


def holders_differ(read: Read) -> None:
    """Let one holder of column 1 claim another sum."""
    read.change_rows(25, 1, manifest=bytes(32))


def boxes_bad(read: Read) -> None:
    """Let both holders of column 1 seal rubbish."""
    for member_id in (11, 25):
        read.change_rows(member_id, 1, boxes=tuple(bytes(48) for _ in range(4)))


def object_cut(read: Read) -> None:
    """Cut a byte off column 0's object."""
    digest = read.object_digest(0)
    read.round.objects[digest] = read.round.objects[digest][:-1]


def object_flipped(read: Read) -> None:
    """Flip a bit of column 0's object."""
    digest = read.object_digest(0)
    sealed = read.round.objects[digest]
    read.round.objects[digest] = bytes([sealed[0] ^ 1]) + sealed[1:]


def object_swapped(read: Read) -> None:
    """Put column 1's object in the place of column 0's."""
    read.round.objects[read.object_digest(0)] = read.round.objects[read.object_digest(1)]


def wrong_secret(read: Read) -> None:
    """Read with a secret of somebody else."""
    read.eyes = dataclasses.replace(read.eyes, secret=read.committee.secrets[0])


def wrong_place(read: Read) -> None:
    """Read another reader's boxes."""
    read.eyes = dataclasses.replace(read.eyes, place=0)


def own_differs(read: Read) -> None:
    """Let one's own sum be another than the one that was revealed."""
    own = read.round.sums[11][0]
    read.own = {(own.column, 0): dataclasses.replace(own, manifest=bytes(32))}


def blob_short(read: Read) -> None:
    """Cut a word off a masked vector."""
    sent = read.round.submissions[11]
    read.round.submissions[11] = masking.Submission(sent.header, sent.masked[:-1])


READINGS: dict[str, tuple[Callable[[Read], None], str, str | None]] = {
    "a holder is silent": (holder_silent, "reveal-missing", "column 0"),
    "a column is silent": (column_silent, "column-without-reveal", "column 2"),
    "holders differ": (holders_differ, "manifest-mismatch", "column 1"),
    "all boxes bad": (boxes_bad, "column-does-not-open", "column 1"),
    "object cut": (object_cut, "column-does-not-open", "column 0"),
    "object flipped": (object_flipped, "column-does-not-open", "column 0"),
    "object of another column": (object_swapped, "column-does-not-open", "column 0"),
    "not the reader's secret": (wrong_secret, "column-does-not-open", "column 0"),
    "another reader's boxes": (wrong_place, "column-does-not-open", "column 0"),
    "own sum differs": (own_differs, "manifest-mismatch", "column 0"),
    "masked vector cut": (blob_short, "blob-wrong-length", None),
}


@pytest.mark.parametrize("row", READINGS)
def test_bad_readings_are_refused_by_name(
    committee: Committee, run_round: Callable[[Committee], Revealed], row: str
) -> None:
    """Each thing missing or wrong at reading time is refused with its reason and the first column it concerns."""
    attack, reason, which = READINGS[row]
    read = Read(committee, run_round(committee), set(committee.session.member_ids), committee.eyes(15))
    attack(read)
    with pytest.raises(errors.AggregationRefused) as caught:
        read.run()
    assert (caught.value.reason, caught.value.which) == (reason, which)


def test_published_key_must_open_what_was_claimed(
    committee: Committee, run_round: Callable[[Committee], Revealed]
) -> None:
    """A sealed sum that opens but has other leaves than the document claims is not used."""
    revealed = run_round(committee)
    own = revealed.sums[11][0]
    row = revealed.documents[11].rows[0]
    tampered = dataclasses.replace(own, words=own.words + np.uint32(1))
    sealed = reveal.seal_column(tampered)
    assert reading.open_column(committee.session, row, reveal.seal_column(own), own.read_key) is not None
    assert reading.open_column(committee.session, row, sealed, own.read_key) is None


def test_all_columns_must_be_read(committee: Committee, run_round: Callable[[Committee], Revealed]) -> None:
    """A reading that lacks a column is refused rather than returned still masked."""
    revealed = run_round(committee)
    columns = list(
        reading.open_columns(committee.session, revealed.documents, revealed.objects, eyes=committee.eyes(15))
    )
    masked = [each.masked for each in revealed.submissions.values()]
    with pytest.raises(errors.AggregationRefused) as caught:
        reading.read(committee.session, {0: masked}, columns[:-1])
    assert caught.value.reason == "columns-incomplete"


def test_missing_seed_is_named(committee: Committee) -> None:
    """A mask sum without a participant's seed, or without participants, is refused."""
    seeds = {11: {0: bytes(32)}, 18: {1: bytes(32)}}
    for given_seeds, member_id in ((seeds, 18), ({}, None)):
        with pytest.raises(errors.AggregationRefused) as caught:
            masks.mask_sum(committee.session, given_seeds, 0, bytes(32))
        assert (caught.value.reason, caught.value.member) == ("seed-missing", member_id)


def test_swapped_chunks_are_seen(make_committee: MakeCommittee) -> None:
    """Two whole chunks in each other's place break the vector's root."""
    committee = make_committee(3, suite.Suite.AES_32, 2 * 65_536)
    submission = committee.submit(VICTIM)
    swapped = np.concatenate([submission.masked[65_536:], submission.masked[:65_536]])
    with pytest.raises(errors.AggregationRefused) as caught:
        committee.check(CHECKER, VICTIM, submission.header, swapped)
    assert caught.value.reason == "blob-root-mismatch"
    assert len(keys.chunk_hashes(suite.byte_view(swapped))) == 2
