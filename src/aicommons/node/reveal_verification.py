"""Verifying what was revealed in a certified attempt: documents and sealed mask sums, and, with a reader's key, the sum.

Called by ``attempt_verification``; a reader computes what every node computed, over the same functions
(secure-aggregation section 4, step 6 and Readers).
"""

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from aicommons.domain import encoding, errors, run
from aicommons.learning import evaluation, state
from aicommons.learning.secagg import boxes, group, reading, reveal, session, suite
from aicommons.node import agent as agents
from aicommons.node import combining, evidence, examination, fetching, verdict


def readers_of(scene: examination.Scene) -> int | None:
    """Return how many readers a run has, which tells a document's length; ``None`` where its terms are lost."""
    terms = scene.case.terms
    if terms is None:
        return None
    return len({*scene.case.roster.member_ids, *(reader.member_id for reader in terms.terms.readers)})


def check_documents(
    scene: examination.Scene, made: session.Session, inputs: evidence.Inputs, *, is_sized: bool
) -> dict[int, reveal.Document]:
    """Return the Reveals' documents that are still there, checked but not yet held against each other.

    Without the terms, which name the readers, or the vectors' length only their digests are checked. One that is bad for
    everybody is left out where somebody was convicted over it; whether that is so is judged with the other cases.
    """
    documents: dict[int, reveal.Document] = {}
    readers = readers_of(scene)
    judged = {said.guilty_id for said in scene.seen.verdicts.values()} & set(scene.case.current.convicted)
    for member, sent in scene.seen.reveals.items():
        with examination.naming(scene.of(member, "mask-sum document")):
            raw = scene.find("mask-sum document", sent.document, fetching.MOST_DOCUMENT)
            if raw is None:
                words = "sealed mask sums whose document is gone, unless another member's names them: only documents do"
                scene.case.findings.gap("sealed_mask_sum", verdict.Why.NOT_IN_STORE, words)
                continue
            if readers is None or not is_sized:
                scene.case.findings.gap(
                    "mask_sum_document",
                    verdict.Why.NOT_IN_STORE,
                    "what the mask-sum documents say: terms or headers are gone that tell their length",
                )
                continue
            claim = reveal.Claim(scene.seen.commits[member].masks, sent.salt, sent.mine, sent.document)
            try:
                documents[member] = reveal.check_reveal(
                    made,
                    member,
                    raw,
                    claim,
                    readers=readers,
                    input_digest=inputs.input_digest,
                    cells=inputs.numbers,
                )
            except errors.AggregationRefused:
                if member not in judged:
                    raise
    scene.case.findings.passed("mask_sum_document", len(documents))
    return documents


def check_manifests(scene: examination.Scene, documents: Mapping[int, reveal.Document]) -> None:
    """Check that mask sums which two documents list are equal.

    Raises:
        errors.VerificationFailed: naming the column and both members.
    """
    first: dict[tuple[int, int], tuple[int, bytes]] = {}
    for member, document in documents.items():
        for row in document.rows:
            other, manifest = first.setdefault((row.column, row.cell), (member, row.manifest))
            examination.check_equal(
                f"its mask sum of column {row.column} is another than that of member {other}",
                which=scene.of(member, "mask-sum document"),
                expected=manifest,
                got=row.manifest,
            )


def check_objects(
    scene: examination.Scene,
    made: session.Session,
    documents: Mapping[int, reveal.Document],
    cells: Sequence[int],
) -> bool:
    """Check every sealed mask sum that is still there; return whether every column has one for every cell."""
    there: set[tuple[int, int]] = set()
    known: dict[bytes, bool] = {}
    for member, document in documents.items():
        for row in document.rows:
            if row.object_digest not in known:
                with examination.naming(scene.of(member, f"sealed mask sum of column {row.column}")):
                    known[row.object_digest] = _check_object(scene, made, row.object_digest)
            if known[row.object_digest]:
                there.add((row.column, row.cell))
    scene.case.findings.passed("sealed_mask_sum", sum(known.values()))
    return len(there) == len(made.layout.columns) * len(cells)


def _check_object(scene: examination.Scene, made: session.Session, digest: bytes) -> bool:
    sealed = scene.get("sealed mask sum", digest, made.blob_bytes + boxes.TAG_BYTES)
    if sealed is not None and len(sealed) != made.blob_bytes + boxes.TAG_BYTES:
        raise errors.DecodeError(
            "a sealed mask sum has another length", expected=made.blob_bytes + boxes.TAG_BYTES, got=len(sealed)
        )
    return sealed is not None


@dataclasses.dataclass(frozen=True, slots=True)
class RoundSum:
    """What a reader computes from a round."""

    sum_digest: bytes
    after: examination.KnownState
    figures: evaluation.Metrics | None


class _Objects(collections.abc.Mapping[bytes, bytes]):
    """Sealed mask sums, fetched when asked for: one is in memory at a time."""

    def __init__(self, scene: examination.Scene, documents: Mapping[int, reveal.Document], limit: int) -> None:
        self._scene = scene
        self._names = frozenset(row.object_digest for document in documents.values() for row in document.rows)
        self._limit = limit

    def __getitem__(self, name: bytes) -> bytes:
        data = self._scene.get("sealed mask sum", name, self._limit) if name in self._names else None
        if data is None:
            raise KeyError(name)
        return data

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def read(
    scene: examination.Scene,
    made: session.Session,
    masked: Mapping[int, suite.Words],
    documents: Mapping[int, reveal.Document],
) -> RoundSum | None:
    """Return the round's sum and next state with a reader's key; ``None`` without one or without the state before.

    ``masked`` has the masked vectors' ring sum of each cell.
    """
    reader, terms, before = scene.case.eyes.reader, scene.case.terms, scene.before
    unmasked = scene.seen.phase is run.Phase.UNMASKED
    if reader is None or terms is None or before is None or before.value is None or not unmasked:
        return None
    others: dict[int, bytes] = {other.member_id: other.point for other in terms.terms.readers}
    readers = reveal.make_readers(made, others)
    own = [other.member_id for other in readers].index(reader.member_id)
    if group.multiply_base(reader.secret) != readers[own].point:
        return None  # a participant's key of another epoch
    columns = reading.open_columns(
        made,
        documents,
        _Objects(scene, documents, made.blob_bytes + boxes.TAG_BYTES),
        eyes=reading.Eyes(own, readers[own], reader.secret),
        cells=sorted(masked),
    )
    got = reading.read(made, {cell: [words] for cell, words in masked.items()}, columns)
    scene.case.findings.passed("sums")
    return _advance(_Start(scene, made, terms, before.value), tuple(got.sums.values()), got.salt)


def read_kept(scene: examination.Scene, made: session.Session, cells: Sequence[int]) -> RoundSum | None:
    """Return the sums that one's own node kept of the round, and the state after it; ``None`` when it kept none.

    Raises:
        errors.VerificationFailed: what was kept is of another session, or not the sum of its own digest.
    """
    kept, terms, before = scene.case.eyes.kept.get(scene.at[0]), scene.case.terms, scene.before
    unmasked = scene.seen.phase is run.Phase.UNMASKED
    if kept is None or terms is None or before is None or before.value is None or not unmasked:
        return None
    which = f"{scene.where}, sum that this home's node kept"
    examination.check_equal("it is of another session", which=which, expected=made.sid, got=kept.sid)
    length = made.blob_bytes * len(cells)
    examination.check_equal("it has another length", which=which, expected=length, got=len(kept.data))
    sums = combining.kept_sums(kept.data, made.words, made.suite)
    digest = reading.sum_digest(made, kept.salt, sums)
    examination.check_equal("it is not the sum of its digest", which=which, expected=kept.digest, got=digest)
    scene.case.findings.passed("kept_sums")
    return _advance(_Start(scene, made, terms, before.value), sums, kept.salt)


@dataclasses.dataclass(frozen=True, slots=True)
class _Start:
    """What a round starts from."""

    scene: examination.Scene
    made: session.Session
    terms: agents.RunDocuments
    before: state.State


def _advance(start: _Start, sums: Sequence[suite.Words], salt: bytes) -> RoundSum:
    """Return what a round's sums, one for each cell, lead to."""
    scene, made, terms = start.scene, start.made, start.terms
    key = encoding.AttemptKey(scene.case.run_id, *scene.at)
    declared = terms.recipe.blocks(start.before)
    prepared = agents.Prepared(
        key,
        made,
        scene.case.roster,
        terms,
        start.before,
        declared,
        readers=(),
        held={},
        verified={},
        sums={},
        epoch=scene.case.current.epoch_of(scene.at),
        cells=scene.case.cells,
    )
    after = combining.advance_state(prepared, sums)
    return RoundSum(
        sum_digest=reading.sum_digest(made, salt, sums),
        after=examination.KnownState(reading.state_digest(made.sid, salt, state.encode(after)), after),
        figures=terms.recipe.metrics(start.before, combining.total_of(prepared, sums)),
    )
