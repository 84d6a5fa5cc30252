"""An in-process committee for the tests of secure aggregation: real keys, real bytes, deterministic randomness."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from aicommons.learning.secagg import (
    checking,
    epoch,
    group,
    layout,
    masking,
    masks,
    reading,
    reveal,
    session,
    suite,
)


class Drawn:
    """Bytes that look random and are the same in every run: a counter hashed under a name."""

    def __init__(self, name: str) -> None:
        """Start the sequence called ``name``."""
        self._name = name
        self._count = 0

    def __call__(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        self._count += 1
        return hashlib.shake_256(f"{self._name}/{self._count}".encode()).digest(size)


@dataclasses.dataclass(frozen=True)
class Committee:
    """A roster with its secrets, and one session of it."""

    session: session.Session
    secrets: tuple[bytes, ...]
    input_digest: bytes
    auditor: bytes
    auditor_id: int

    def vector(self, member_id: int) -> suite.Words:
        """Return a full-range vector of a member."""
        raw = hashlib.shake_256(b"x" + member_id.to_bytes(8, "big")).digest(self.session.blob_bytes)
        return np.frombuffer(raw, self.session.suite.dtype).copy()

    def submit(self, member_id: int) -> masking.Submission:
        """Return the submission of a member."""
        drawn, consent = Drawn(f"submit {member_id}"), bytes([member_id]) * 32
        return masking.shield(self.session, member_id, self.vector(member_id), drawn, consent=consent)

    def submissions(self) -> dict[int, masking.Submission]:
        """Return everybody's submission."""
        return {member_id: self.submit(member_id) for member_id in self.session.member_ids}

    def check(self, index: int, member_id: int, header: bytes, masked: suite.Blob) -> dict[int, bytes]:
        """Check one submission as the member at ``index``."""
        return checking.check_submission(
            self.session, member_id, header, masked, index=index, secret=self.secrets[index]
        )

    def sums(self, index: int, submissions: Mapping[int, masking.Submission]) -> list[masks.ColumnSum]:
        """Return the mask sums of the member at ``index`` after it has checked everything."""
        return self.cell_sums(index, submissions, {0: list(submissions)})

    def seeds(self, index: int, submissions: Mapping[int, masking.Submission]) -> dict[int, dict[int, bytes]]:
        """Return participant -> column -> seed as the member at ``index`` checks them."""
        return {who: self.check(index, who, sent.header, sent.masked) for who, sent in submissions.items()}

    def cell_sums(
        self, index: int, submissions: Mapping[int, masking.Submission], cells: Mapping[int, Sequence[int]]
    ) -> list[masks.ColumnSum]:
        """Return the mask sums, cell by cell, of the member at ``index``."""
        seeds = self.seeds(index, submissions)
        return [
            masks.mask_sum(self.session, {who: seeds[who] for who in inside}, column, self.input_digest, cell=cell)
            for column in self.session.layout.columns_of(index)
            for cell, inside in cells.items()
        ]

    def readers(self) -> tuple[reveal.Reader, ...]:
        """Return the readers: the roster and an auditor."""
        return reveal.make_readers(self.session, {self.auditor_id: group.multiply_base(self.auditor)})

    def publish(self, index: int, sums: list[masks.ColumnSum]) -> tuple[bytes, reveal.Claim, dict[bytes, bytes]]:
        """Return (document, what was signed, sealed objects) of the member at ``index``."""
        member_id = self.session.member_ids[index]
        objects = [reveal.seal_column(each) for each in sums]
        digests = [hashlib.sha256(sealed).digest() for sealed in objects]
        document = reveal.build_document(
            self.session,
            member_id,
            list(zip(sums, digests, strict=True)),
            readers=self.readers(),
            input_digest=self.input_digest,
            draw=Drawn(f"reveal {member_id}"),
        )
        salt = hashlib.sha256(f"salt {member_id}".encode()).digest()
        mine, committed = masks.commit(self.session, member_id, sums, salt)
        claim = reveal.Claim(committed, salt, mine, hashlib.sha256(document).digest())
        return document, claim, dict(zip(digests, objects, strict=True))

    def accept(
        self, index: int, document: bytes, claim: reveal.Claim, *, cells: Sequence[int] = masks.ONE_CELL
    ) -> reveal.Document:
        """Check the reveal of the member at ``index``."""
        return reveal.check_reveal(
            self.session,
            self.session.member_ids[index],
            document,
            claim,
            readers=len(self.readers()),
            input_digest=self.input_digest,
            cells=cells,
        )

    def eyes(self, member_id: int) -> reading.Eyes:
        """Return a reader, the auditor or a member, with its secret."""
        readers = self.readers()
        place = next(place for place, reader in enumerate(readers) if reader.member_id == member_id)
        if member_id == self.auditor_id:
            return reading.Eyes(place, readers[place], self.auditor)
        return reading.Eyes(place, readers[place], self.secrets[self.session.index_of(member_id)])


@dataclasses.dataclass(frozen=True)
class Revealed:
    """A whole round up to its reveals."""

    submissions: dict[int, masking.Submission]
    sums: dict[int, list[masks.ColumnSum]]
    documents: dict[int, reveal.Document]
    objects: dict[bytes, bytes]


MakeCommittee = Callable[..., Committee]


@pytest.fixture(scope="session")
def drawn() -> type[Drawn]:
    """Give the tests the deterministic source of bytes."""
    return Drawn


def build_committee(
    members: int = 3, chosen: suite.Suite = suite.Suite.AES_32, words: int = 100, number: int | None = None
) -> Committee:
    """Return a committee of any size, suite and length; the vectors' generator calls it too."""
    member_ids = tuple(range(11, 11 + 7 * members, 7))
    secrets = tuple(epoch.draw_secret(Drawn(f"epoch key {member_id}")) for member_id in member_ids)
    made = layout.make_layout(member_ids, b"\x0c" * 32, number or layout.default_number(members))
    made_session = session.Session(
        sid=b"\x51" * 32,
        suite=chosen,
        words=suite.pad_words(words, chosen.word_bits),
        member_ids=member_ids,
        points=tuple(group.multiply_base(secret) for secret in secrets),
        layout=made,
    )
    return Committee(made_session, secrets, b"\x1d" * 32, epoch.draw_secret(Drawn("auditor")), 15)


def reveal_round(committee: Committee) -> Revealed:
    """Return a whole round: submit, check, sum, reveal, check."""
    submissions = committee.submissions()
    sums, documents, objects = {}, {}, {}
    for index, member_id in enumerate(committee.session.member_ids):
        sums[member_id] = committee.sums(index, submissions)
        document, claim, sealed = committee.publish(index, sums[member_id])
        documents[member_id] = committee.accept(index, document, claim)
        objects.update(sealed)
    return Revealed(submissions, sums, documents, objects)


@pytest.fixture(scope="session")
def make_committee() -> MakeCommittee:
    """Give the tests committees of any size, suite and length."""
    return build_committee


@pytest.fixture(scope="session")
def run_round() -> Callable[[Committee], Revealed]:
    """Give the tests a whole round."""
    return reveal_round
