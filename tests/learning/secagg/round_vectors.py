"""Whole rounds as JSON for the golden vectors: every byte that anybody sends, with all secrets beside it.

Imported by ``generate_vectors.py`` (a script: its folder is on the path). It leaves out malformed input: ``case_vectors.py``.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from aicommons.learning.secagg import checking, group, header, masking, masks, reading, reveal, session, suite

Json = dict[str, object]
AUDITOR_ID, AUDITOR = 15, (13).to_bytes(32, "little")
INPUT_DIGEST = hashlib.sha256(b"input digest").digest()


@dataclasses.dataclass(frozen=True)
class Scene:
    """A session with its secrets."""

    made: session.Session
    secrets: tuple[bytes, ...]
    consents: Mapping[int, bytes] = dataclasses.field(default_factory=dict)
    """Member -> its consent commitment; none where it has no register."""
    cells: Mapping[int, Sequence[int]] | None = None
    """Cell -> its participants, ascending; None for one set."""

    def inside(self) -> dict[int, Sequence[int]]:
        """Return the participants of each cell."""
        return {0: self.made.member_ids} if self.cells is None else dict(self.cells)


def fixed(name: str) -> Callable[[int], bytes]:
    """Return a source of fixed bytes: SHAKE-256 of ``name/1``, ``name/2``, …."""
    count = iter(range(1, 10**6))
    return lambda size: hashlib.shake_256(f"{name}/{next(count)}".encode()).digest(size)


def vector(chosen: suite.Suite, member_id: int) -> suite.Words:
    """Return the eight full-range words of a member."""
    raw = hashlib.shake_256(f"vector {member_id}".encode()).digest(8 * chosen.word_bytes)
    return np.frombuffer(raw, chosen.dtype).copy()


def described(scene: Scene) -> Json:
    """Return what a reader needs to set the session up."""
    made = scene.made
    row: Json = {
        "sid": made.sid.hex(),
        "suite": int(made.suite),
        "words": made.words,
        "member_ids": made.member_ids,
        "secrets": [secret.hex() for secret in scene.secrets],
        "points": [point.hex() for point in made.points],
        "layout": made.layout.number,
        "columns": made.layout.columns,
    }
    if scene.cells is not None:
        row["cells"] = {str(cell): list(inside) for cell, inside in scene.cells.items()}
    return row


def whole_round(scene: Scene) -> Json:
    """Return every byte of one round."""
    made = scene.made
    sent = {
        each: masking.shield(
            made,
            each,
            vector(made.suite, each),
            fixed(f"submit {each}"),
            consent=scene.consents.get(each, header.NO_REGISTER),
        )
        for each in made.member_ids
    }
    seeds = [_seeds(scene, index, sent) for index in range(len(made.member_ids))]
    sums = [_sums(scene, index, held) for index, held in enumerate(seeds)]
    readers = reveal.make_readers(made, {AUDITOR_ID: group.multiply_base(AUDITOR)})
    documents, parsed, objects, claims = _revealed(scene, sums, readers)
    place = next(place for place, reader in enumerate(readers) if reader.member_id == AUDITOR_ID)
    eyes = reading.Eyes(place, readers[place], AUDITOR)
    cells = tuple(scene.inside())
    columns = reading.open_columns(made, parsed, objects, eyes=eyes, cells=cells)
    inputs = {cell: [sent[each].masked for each in inside] for cell, inside in scene.inside().items()}
    read = reading.read(made, inputs, columns)
    return {
        "suite": int(made.suite),
        "vectors": {str(each): vector(made.suite, each).tobytes().hex() for each in made.member_ids},
        "headers": {str(who): each.header.hex() for who, each in sent.items()},
        "masked": {str(who): each.masked.tobytes().hex() for who, each in sent.items()},
        "seeds": [
            {str(who): {str(c): seed.hex() for c, seed in held.items()} for who, held in of_member.items()}
            for of_member in seeds
        ],
        "mask_sums": {_place(scene, each): _summed(each) for of_member in sums for each in of_member},
        "claims": claims,
        "documents": {str(who): raw.hex() for who, raw in documents.items()},
        "objects": {digest.hex(): raw.hex() for digest, raw in objects.items()},
        "sum": read.words.tobytes().hex(),
        **_by_cell(scene, read),
        "salt": read.salt.hex(),
        "sum_digest": read.sum_digest.hex(),
        "state_digest": reading.state_digest(made.sid, read.salt, b"state").hex(),
    }


def _seeds(scene: Scene, index: int, sent: Mapping[int, masking.Submission]) -> dict[int, dict[int, bytes]]:
    secret = scene.secrets[index]
    return {
        who: checking.check_submission(scene.made, who, each.header, each.masked, index=index, secret=secret)
        for who, each in sent.items()
    }


def _sums(scene: Scene, index: int, held: Mapping[int, Mapping[int, bytes]]) -> list[masks.ColumnSum]:
    return [
        masks.mask_sum(scene.made, {who: held[who] for who in inside}, column, INPUT_DIGEST, cell=cell)
        for column in scene.made.layout.columns_of(index)
        for cell, inside in scene.inside().items()
    ]


def _revealed(
    scene: Scene, sums: Sequence[Sequence[masks.ColumnSum]], readers: Sequence[reveal.Reader]
) -> tuple[dict[int, bytes], dict[int, reveal.Document], dict[bytes, bytes], Json]:
    """Return documents, what they parse to, sealed objects and the claims."""
    made, cells = scene.made, tuple(scene.inside())
    documents, parsed, objects, claims = {}, {}, {}, {}
    for index, member_id in enumerate(made.member_ids):
        sealed = [(each, reveal.seal_column(each)) for each in sums[index]]
        located = [(each, hashlib.sha256(raw).digest()) for each, raw in sealed]
        objects.update({digest: raw for (_, digest), (_, raw) in zip(located, sealed, strict=True)})
        raw = reveal.build_document(
            made, member_id, located, readers=readers, input_digest=INPUT_DIGEST, draw=fixed(f"reveal {member_id}")
        )
        salt = hashlib.sha256(f"salt {member_id}".encode()).digest()
        mine, committed = masks.commit(made, member_id, sums[index], salt)
        claims[str(member_id)] = {"salt": salt.hex(), "mine": mine.hex(), "masks": committed.hex()}
        claim = reveal.Claim(committed, salt, mine, hashlib.sha256(raw).digest())
        documents[member_id] = raw
        parsed[member_id] = reveal.check_reveal(
            made, member_id, raw, claim, readers=len(readers), input_digest=INPUT_DIGEST, cells=cells
        )
    return documents, parsed, objects, dict(claims)


def _place(scene: Scene, each: masks.ColumnSum) -> str:
    return str(each.column) if scene.cells is None else f"column {each.column}, cell {each.cell}"


def _summed(each: masks.ColumnSum) -> Json:
    manifest, key = each.manifest.hex(), each.read_key.hex()
    return {"words": each.words.tobytes().hex(), "manifest": manifest, "read_key": key}


def _by_cell(scene: Scene, read: reading.Reading) -> Json:
    if scene.cells is None:
        return {}
    return {"sums_by_cell": {str(cell): words.tobytes().hex() for cell, words in read.sums.items()}}
