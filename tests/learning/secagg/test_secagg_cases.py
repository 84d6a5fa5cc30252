"""Complaints and disputes: whatever is said and shown, exactly the one who cheated is convicted, by anybody."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import nacl.bindings
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.domain import errors
from aicommons.learning.secagg import (
    complaints,
    disputes,
    epoch,
    group,
    hashing,
    header,
    keys,
    masking,
    masks,
    reveal,
    suite,
)

if TYPE_CHECKING:
    from tests.learning.secagg.conftest import Committee, MakeCommittee, Revealed

ACCUSED, ACCUSER, OTHER = 18, 11, 25
"""The roster is 11, 18 and 25; members 11 and 18 hold column 0, 11 and 25 column 1, 18 and 25 column 2."""
SMALL_ORDER = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")


# --- one secret behind two points ---

SECRETS = st.integers(1, group.ORDER - 1).map(lambda number: number.to_bytes(32, "little"))


@settings(max_examples=25, deadline=None)
@given(secret=SECRETS, other=SECRETS, nonce=SECRETS)
def test_equality_proofs_hold_for_their_statement_only(secret: bytes, other: bytes, nonce: bytes) -> None:
    """A proof holds for its context, point, base and product, and for no other."""
    base = group.multiply_base(other)
    point, product, context = group.multiply_base(secret), group.multiply(secret, base), b"\x07" * 32
    proof = group.prove_equal(context, secret, base, nonce)
    assert group.verify_equal(context, point, base=base, product=product, proof=proof)
    assert not group.verify_equal(bytes(32), point, base=base, product=product, proof=proof)
    two = b"\x02" + bytes(31)
    for changed in ("point", "base", "product"):
        fields = {"point": point, "base": base, "product": product}
        fields[changed] = group.multiply(two, fields[changed])
        assert not group.verify_equal(
            context, fields["point"], base=fields["base"], product=fields["product"], proof=proof
        )


def test_a_point_of_another_secret_is_not_proven() -> None:
    """Who answers for two different secrets fails at the second equation, whatever it takes as second commitment."""
    context, secret, nonce = b"\x07" * 32, (5).to_bytes(32, "little"), (9).to_bytes(32, "little")
    base = group.multiply_base((3).to_bytes(32, "little"))
    false_product = group.multiply((6).to_bytes(32, "little"), base)
    honest = group.prove_equal(context, secret, base, nonce)
    assert not group.verify_equal(context, group.multiply_base(secret), base=base, product=false_product, proof=honest)


@settings(max_examples=100, deadline=None)
@given(context=st.binary(max_size=40), points=st.tuples(*[st.binary(max_size=40)] * 3), proof=st.binary(max_size=100))
def test_equality_is_false_on_any_bytes(context: bytes, points: tuple[bytes, bytes, bytes], proof: bytes) -> None:
    """Foreign bytes of any length are not a proof, and never an exception."""
    point, base, product = points
    assert group.verify_equal(context, point, base=base, product=product, proof=proof) is False


def test_an_equality_proof_without_a_nonce_is_false() -> None:
    """Commitments that are the identity fit both equations and are still refused."""
    context, secret, identity = b"\x07" * 32, (5).to_bytes(32, "little"), b"\x01" + bytes(31)
    base = group.multiply_base((3).to_bytes(32, "little"))
    statement = (group.multiply_base(secret), base, group.multiply(secret, base))
    challenge = group.reduce_wide(hashing.tagged_wide("aic/dleq", context, *statement, identity, identity))
    response = nacl.bindings.crypto_core_ed25519_scalar_mul(challenge, secret)
    assert group.multiply(response, base) == group.multiply(challenge, statement[2])
    proof = identity + identity + response
    assert not group.verify_equal(context, statement[0], base=base, product=statement[2], proof=proof)


BAD = {
    "the identity": b"\x01" + bytes(31),
    "a point of order 8": SMALL_ORDER,
    "not on the curve": (2).to_bytes(32, "little"),
    "zeros": bytes(32),
    "all ones": b"\xff" * 32,
}


@pytest.mark.parametrize("place", ["point", "base", "product", "first", "second"])
@pytest.mark.parametrize("name", BAD)
def test_equality_over_what_is_no_point_is_false(name: str, place: str) -> None:
    """No place of a statement or proof takes bytes that are no point, nor a point of mixed order."""
    secret, base = (5).to_bytes(32, "little"), group.multiply_base((3).to_bytes(32, "little"))
    proof = group.prove_equal(b"\x07" * 32, secret, base, (9).to_bytes(32, "little"))
    fields = {"point": group.multiply_base(secret), "base": base, "product": group.multiply(secret, base),
              "first": proof[:32], "second": proof[32:64]}  # fmt: skip
    mixed = nacl.bindings.crypto_core_ed25519_add(fields[place], SMALL_ORDER)
    for bad in (BAD[name], mixed):
        changed = fields | {place: bad}
        assert not group.verify_equal(
            b"\x07" * 32,
            changed["point"],
            base=changed["base"],
            product=changed["product"],
            proof=changed["first"] + changed["second"] + proof[64:],
        )


# --- complaints ---


@dataclasses.dataclass(frozen=True)
class Case:
    """A complaint as a judge sees it."""

    committee: Committee
    header: bytes
    evidence: bytes
    accused: int = ACCUSED
    accuser: int = ACCUSER

    def judged(self) -> int:
        """Return who is convicted."""
        made = self.committee.session
        return complaints.judge(made, self.accused, self.header, accuser=self.accuser, evidence=self.evidence)

    def complained(self) -> Case:
        """Return it with the evidence that its accuser would make."""
        index = self.committee.session.index_of(self.accuser)
        made = complaints.make_evidence(
            self.committee.session,
            self.accused,
            self.header,
            index=index,
            key=epoch.Key(self.committee.secrets[index]),
            draw=lambda size: hashlib.shake_256(b"complain").digest(size),
        )
        return dataclasses.replace(self, evidence=made)

    def patched(self, offset: int, patch: bytes) -> Case:
        """Return it with evidence bytes replaced."""
        evidence = self.evidence[:offset] + patch + self.evidence[offset + len(patch) :]
        return dataclasses.replace(self, evidence=evidence)


def _header(committee: Committee, *, swap: bool = False, rubbish: bool = False, member_id: int = ACCUSED) -> bytes:
    """Return a header that is good in public; with other seeds in the boxes than in the roots, or with boxes of noise."""
    made, drawn = committee.session, lambda size: hashlib.shake_256(b"bad header").digest(size)
    vector = committee.vector(member_id)
    seeds = tuple(hashlib.sha256(b"seed %d" % column).digest() for column in range(len(made.layout.columns)))
    masked = masking.mask(made, member_id, vector, seeds)
    secret = group.reduce_wide(drawn(64))
    commitment = header.Commitment(
        group.multiply_base(secret), masked.blob_root, masked.blob_digest, masked.column_roots, bytes(32)
    )
    public = header.public_part(made, member_id, commitment)
    boxed = (*seeds[1:], seeds[0]) if swap else seeds
    nonce = group.hedged_nonce(secret, drawn(32), header.public_digest(public))
    built = header.build(made, member_id, public, secret=secret, nonce=nonce, seeds=boxed)
    if rubbish:
        start = len(public) + group.PROOF_BYTES
        built = built[:start] + bytes(len(built) - start)
    return built


def _true(committee: Committee) -> Case:
    return Case(committee, _header(committee, rubbish=True), b"").complained()


def _false(committee: Committee) -> Case:
    return Case(committee, _header(committee), b"").complained()


def _add_order(case: Case, times: int) -> Case:
    response = int.from_bytes(case.evidence[96:128], "little") + times * group.ORDER
    return case.patched(96, response.to_bytes(32, "little"))


def _with(case: Case, **changes: object) -> Case:
    return dataclasses.replace(case, **changes)


COMPLAINTS: dict[str, tuple[Callable[[Committee], Case], int]] = {
    "box of noise": (_true, ACCUSED),
    "seeds of other columns in the box": (lambda c: Case(c, _header(c, swap=True), b"").complained(), ACCUSED),
    "header is bad in public": (lambda c: _with(_true(c), header=bytes(400)), ACCUSED),
    "header is empty": (lambda c: _with(_true(c), header=b""), ACCUSED),
    "header of somebody else": (lambda c: _with(_true(c), header=_header(c, member_id=OTHER)), ACCUSED),
    "good box": (_false, ACCUSER),
    "no evidence": (lambda c: _with(_true(c), evidence=b""), ACCUSER),
    "evidence cut": (lambda c: _with(_true(c), evidence=_true(c).evidence[:-1]), ACCUSER),
    "evidence too long": (lambda c: _with(_true(c), evidence=_true(c).evidence + b"\0"), ACCUSER),
    "evidence of zeros": (lambda c: _with(_true(c), evidence=bytes(128)), ACCUSER),
    "shared point is another": (lambda c: _true(c).patched(0, group.multiply_base(b"\x05" + bytes(31))), ACCUSER),
    "shared point is the identity": (lambda c: _true(c).patched(0, b"\x01" + bytes(31)), ACCUSER),
    "shared point of small order": (lambda c: _true(c).patched(0, SMALL_ORDER), ACCUSER),
    "shared point of mixed order": (
        lambda c: _true(c).patched(0, nacl.bindings.crypto_core_ed25519_add(_true(c).evidence[:32], SMALL_ORDER)),
        ACCUSER,
    ),
    "shared point not canonical": (lambda c: _true(c).patched(0, (2**255 - 18).to_bytes(32, "little")), ACCUSER),
    "commitment of small order": (lambda c: _true(c).patched(32, SMALL_ORDER), ACCUSER),
    "response zero": (lambda c: _true(c).patched(96, bytes(32)), ACCUSER),
    "response plus the order": (lambda c: _add_order(_true(c), 1), ACCUSER),
    "response plus seven times the order": (lambda c: _add_order(_true(c), 7), ACCUSER),
    "response with its top bit set": (
        lambda c: _true(c).patched(127, bytes([_true(c).evidence[127] | 128])),
        ACCUSER,
    ),
    "evidence of another accuser": (lambda c: _with(_true(c), accuser=OTHER), OTHER),
    "evidence about another header": (
        lambda c: _with(_true(c), header=_header(c, swap=True)),
        ACCUSER,
    ),
    "evidence about another participant": (
        lambda c: _with(_true(c), accused=OTHER, header=_header(c, rubbish=True, member_id=OTHER)),
        ACCUSER,
    ),
}


@pytest.fixture(scope="module")
def committee(make_committee: MakeCommittee) -> Committee:
    """Return three members."""
    return make_committee(3)


COMMITTEES = ((3, suite.Suite.AES_32), (5, suite.Suite.CHACHA_64), (8, suite.Suite.AES_64), (9, suite.Suite.CHACHA_32))
"""Members and suite: both layouts, a spare member among them, and every suite."""


@pytest.mark.parametrize(("members", "chosen"), COMMITTEES)
@pytest.mark.parametrize("row", COMPLAINTS)
def test_complaints_convict_who_cheated(
    make_committee: MakeCommittee, row: str, members: int, chosen: suite.Suite
) -> None:
    """Every complaint convicts exactly one of the two, whoever judges it, in every committee."""
    make, guilty = COMPLAINTS[row]
    assert make(make_committee(members, chosen, 40)).judged() == guilty


def test_evidence_of_another_session_convicts_its_sender(make_committee: MakeCommittee) -> None:
    """What was opened in one attempt says nothing in the next: the accuser that repeats it is convicted."""
    committee = make_committee(3)
    case = _true(committee)
    later = dataclasses.replace(committee.session, sid=b"\x52" * 32)
    moved = dataclasses.replace(committee, session=later)
    fresh = _header(moved, rubbish=True)
    assert complaints.judge(later, ACCUSED, fresh, accuser=ACCUSER, evidence=case.evidence) == ACCUSER


@pytest.mark.parametrize(("accused", "accuser"), [(ACCUSED, 99), (99, ACCUSER)])
def test_strangers_neither_complain_nor_are_complained_about(committee: Committee, accused: int, accuser: int) -> None:
    """A case between others than roster members is refused by name."""
    with pytest.raises(errors.AggregationRefused) as caught:
        complaints.judge(committee.session, accused, b"", accuser=accuser, evidence=b"")
    assert (caught.value.reason, caught.value.member) == ("member-unknown", 99)


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=400), evidence=st.binary(max_size=140))
def test_complaints_are_decided_on_any_bytes(make_committee: MakeCommittee, raw: bytes, evidence: bytes) -> None:
    """Any header and any evidence end in one of the two names, never in an exception."""
    made = make_committee(3).session
    assert complaints.judge(made, ACCUSED, raw, accuser=ACCUSER, evidence=evidence) == ACCUSED


@settings(max_examples=100, deadline=None)
@given(evidence=st.binary(max_size=140))
def test_no_evidence_convicts_an_honest_participant(make_committee: MakeCommittee, evidence: bytes) -> None:
    """Whatever is said against a good header, the one who says it is convicted."""
    committee = make_committee(3)
    assert Case(committee, _header(committee), evidence).judged() == ACCUSER


def test_a_complaint_is_not_made_against_public_rubbish(committee: Committee) -> None:
    """What anybody sees to be bad is refused by its own reason: nothing of one's own is opened for it."""
    with pytest.raises(errors.AggregationRefused) as caught:
        Case(committee, bytes(10), b"").complained()
    assert caught.value.reason == "header-wrong-length"


# --- disputes ---


@dataclasses.dataclass(frozen=True)
class Quarrel:
    """Two holders of column 0 that revealed different sums, as a judge sees them."""

    committee: Committee
    where: disputes.Difference
    participants: tuple[header.Header, ...]
    right: reveal.Document
    wrong: reveal.Document
    evidence: bytes
    accuser_is_right: bool = True

    def judged(self) -> int:
        """Return who is convicted."""
        first, second = (self.right, self.wrong) if self.accuser_is_right else (self.wrong, self.right)
        made = self.committee.session
        return disputes.judge(
            made, self.where, self.participants, accuser=first, accused=second, evidence=self.evidence
        )

    def put(self, **changes: object) -> Quarrel:
        """Return it with fields changed."""
        return dataclasses.replace(self, **changes)

    def at(self, **changes: int) -> Quarrel:
        """Return it about another place."""
        return self.put(where=dataclasses.replace(self.where, **changes))

    def shown(self, offset: int, patch: bytes) -> Quarrel:
        """Return it with evidence bytes replaced."""
        return self.put(evidence=self.evidence[:offset] + patch + self.evidence[offset + len(patch) :])


RIGHT, WRONG, CHUNK = 11, 18, 1


@pytest.fixture(scope="module")
def quarrel(make_committee: MakeCommittee, run_round: Callable[[Committee], Revealed]) -> Quarrel:
    """Return a dispute over the second of three chunks; member 11 is right."""
    committee = make_committee(3, suite.Suite.AES_32, 140_000)
    return build_quarrel(committee, run_round(committee))


def build_quarrel(committee: Committee, revealed: Revealed) -> Quarrel:
    """Return the dispute; the vectors' generator calls this too."""
    rows = tuple(
        dataclasses.replace(row, leaves=(row.leaves[0], b"\x66" * 32, *row.leaves[2:])) if row.column == 0 else row
        for row in revealed.documents[WRONG].rows
    )
    wrong = dataclasses.replace(revealed.documents[WRONG], rows=rows)
    seeds = committee.seeds(0, revealed.submissions)
    where = disputes.find_difference(revealed.documents[RIGHT], wrong)
    assert where == disputes.Difference(0, 0, CHUNK)
    evidence = disputes.make_evidence(committee.session, where, {who: held[0] for who, held in seeds.items()})
    parsed = tuple(header.parse(sent.header, committee.session, who) for who, sent in revealed.submissions.items())
    return Quarrel(committee, where, parsed, revealed.documents[RIGHT], wrong, evidence)


SIZE = 32 * 4
"""Evidence per participant: the key of a chunk and the leaves of three."""

DISPUTES: dict[str, tuple[Callable[[Quarrel], Quarrel], int]] = {
    "the wrong holder is accused": (lambda q: q, WRONG),
    "participants listed backwards": (lambda q: q.put(participants=q.participants[::-1]), WRONG),
    "the right holder is accused": (lambda q: q.put(accuser_is_right=False), WRONG),
    "about a chunk in which they agree": (lambda q: q.at(chunk=0), RIGHT),
    "about a chunk in which both are wrong alike": (lambda q: q.put(right=_with_leaf(q.right, b"\x66" * 32)), RIGHT),
    "about a chunk in which both are wrong": (lambda q: q.put(right=_with_leaf(q.right, b"\x67" * 32)), WRONG),
    "about a chunk that is not there": (lambda q: q.at(chunk=3), RIGHT),
    "about a chunk before the first": (lambda q: q.at(chunk=-2), RIGHT),
    "about a column of somebody else": (lambda q: q.at(column=2), RIGHT),
    "about a column that is not there": (lambda q: q.at(column=2**31), RIGHT),
    "about another cell": (lambda q: q.at(cell=1), RIGHT),
    "no evidence": (lambda q: q.put(evidence=b""), RIGHT),
    "evidence cut": (lambda q: q.put(evidence=q.evidence[:-1]), RIGHT),
    "evidence too long": (lambda q: q.put(evidence=q.evidence + bytes(SIZE)), RIGHT),
    "another key": (lambda q: q.shown(SIZE, bytes(32)), RIGHT),
    "another leaf": (lambda q: q.shown(SIZE + 32, bytes(32)), RIGHT),
    "keys of two participants swapped": (
        lambda q: q.put(evidence=q.evidence[SIZE : 2 * SIZE] + q.evidence[:SIZE] + q.evidence[2 * SIZE :]),
        RIGHT,
    ),
    "the key of another chunk": (
        lambda q: q.put(evidence=_evidence_of(q, chunk=0)),
        RIGHT,
    ),
    "the keys of another column": (lambda q: q.put(evidence=_evidence_of(q, column=1)), RIGHT),
}


def _with_leaf(document: reveal.Document, leaf: bytes) -> reveal.Document:
    first, *others = document.rows
    changed = dataclasses.replace(first, leaves=(first.leaves[0], leaf, *first.leaves[2:]))
    return dataclasses.replace(document, rows=(changed, *others))


def _evidence_of(quarrel: Quarrel, **changes: int) -> bytes:
    committee = quarrel.committee
    where = dataclasses.replace(quarrel.where, **changes)
    seeds = committee.seeds(0, committee.submissions())
    return disputes.make_evidence(committee.session, where, {who: held[where.column] for who, held in seeds.items()})


@pytest.mark.parametrize("row", DISPUTES)
def test_disputes_convict_who_cheated(quarrel: Quarrel, row: str) -> None:
    """A holder is convicted for a wrong sum or for a dispute that does not show one; the other one never."""
    change, guilty = DISPUTES[row]
    assert change(quarrel).judged() == guilty


@settings(max_examples=50, deadline=None)
@given(
    evidence=st.binary(max_size=500),
    cell=st.integers(0, 2**32 - 1),
    column=st.integers(0, 2**32 - 1),
    chunk=st.integers(0, 2**32 - 1),
)
def test_disputes_are_decided_on_any_bytes(
    quarrel: Quarrel, evidence: bytes, cell: int, column: int, chunk: int
) -> None:
    """Numbers and bytes out of nowhere convict whoever brought them."""
    where = disputes.Difference(cell, column, chunk)
    assert quarrel.put(where=where, evidence=evidence).judged() == RIGHT


def test_equal_documents_have_no_difference(quarrel: Quarrel) -> None:
    """Holders that agree, or that share no column, have nothing to dispute."""
    assert disputes.find_difference(quarrel.right, quarrel.right) is None
    alone = dataclasses.replace(quarrel.wrong, rows=tuple(row for row in quarrel.wrong.rows if row.column == 2))
    assert disputes.find_difference(quarrel.right, alone) is None


def build_cell_quarrel(committee: Committee) -> Quarrel:
    """Return a dispute between the first two holders of column 0 over cell 2 of two cells; the second one is wrong."""
    first, second, *_ = committee.session.layout.columns[0]
    ids, submissions = committee.session.member_ids, committee.submissions()
    cells = {1: ids[: len(ids) // 2], 2: ids[len(ids) // 2 :]}
    sums = committee.cell_sums(second, submissions, cells)
    place = next(place for place, each in enumerate(sums) if (each.column, each.cell) == (0, 2))
    words = sums[place].words.copy()
    words[7] += np.ones((), words.dtype)
    leaves = (keys.chunk_hash(suite.byte_view(words)),)
    manifest = masks.manifest(committee.session, 0, committee.input_digest, leaves=leaves, cell=2)
    sums[place] = dataclasses.replace(sums[place], words=words, leaves=leaves, manifest=manifest)
    right, wrong = (
        committee.accept(index, *committee.publish(index, made)[:2], cells=(1, 2))
        for index, made in ((first, committee.cell_sums(first, submissions, cells)), (second, sums))
    )
    where = disputes.find_difference(right, wrong)
    assert where == disputes.Difference(2, 0, 0)
    seeds = {who: held[0] for who, held in committee.seeds(first, submissions).items() if who in cells[2]}
    inside = tuple(header.parse(submissions[who].header, committee.session, who) for who in cells[2])
    evidence = disputes.make_evidence(committee.session, where, seeds)
    return Quarrel(committee, where, inside, right, wrong, evidence)


@pytest.mark.parametrize("members", [6, 8])
@pytest.mark.parametrize("chosen", list(suite.Suite))
def test_disputes_hold_in_every_suite_layout_and_cell(
    make_committee: MakeCommittee, chosen: suite.Suite, members: int
) -> None:
    """A tampered word of one cell's sum is found in its chunk and judged, in each suite and both layouts."""
    quarrel = build_cell_quarrel(make_committee(members, chosen, 40))
    for accuser_is_right in (True, False):
        assert quarrel.put(accuser_is_right=accuser_is_right).judged() == quarrel.wrong.member_id
