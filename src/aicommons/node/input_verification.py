"""Verifying the inputs of a certified attempt: headers and masked vectors, byte by byte, as far as they are still there.

Called by ``attempt_verification``; the checks are those of a member before its Commit, but for the boxes, which only
their members can open (secure-aggregation section 4, step 2).
"""

import collections
from collections.abc import Iterator, Mapping, Sequence

from aicommons.domain import errors
from aicommons.learning import blocks
from aicommons.learning.secagg import checking, header, layout, reading, session, suite
from aicommons.node import contributing, examination, verdict


def fetch_header(scene: examination.Scene, member: int, digest: bytes) -> bytes | None:
    """Return a participant's header, or ``None`` when it is gone; its digest was signed in Submit."""
    with examination.naming(scene.of(member, "header")):
        return scene.get("header", digest, contributing.MOST_HEADER)


def count_words(scene: examination.Scene, headers: Mapping[int, bytes | None]) -> tuple[int, bool]:
    """Return how many words the vectors have, and whether that is known.

    The state says it; without it the headers do, and the odd one out is refused later. Without any header no bytes are
    looked at, and the smallest allowed number stands in.
    """
    terms, before = scene.case.terms, scene.before
    if terms is not None and before is not None and before.value is not None:
        if terms.recipe.is_finished(before.value):
            raise errors.VerificationFailed("there is a round after the learner had finished", which=scene.where)
        return blocks.words(terms.recipe.blocks(before.value)), True
    claimed = collections.Counter(int.from_bytes(raw[8:16], "little") for raw in headers.values() if raw is not None)
    if claimed:
        return claimed.most_common(1)[0][0], True
    is_short = layout.is_allowed(scene.case.layout, 1)
    return (1 if is_short else layout.PAIRS_BELOW_EIGHT_WORDS + 1), False


def check_inputs(
    scene: examination.Scene,
    made: session.Session,
    headers: Mapping[int, bytes | None],
    cells: Mapping[int, Sequence[int]],
) -> tuple[Mapping[int, suite.Words], bool]:
    """Check every header and masked vector; return the vectors' ring sum of each cell and whether none is missing."""
    summed: list[int] = []

    def vectors(members: Sequence[int]) -> Iterator[bytes]:
        for member in members:
            raw = headers[member]
            if raw is None:
                words = "masked vectors whose header is gone: only the header names them"
                scene.case.findings.gap("masked_vector", verdict.Why.NOT_IN_STORE, words)
                continue
            said = header.parse(raw, made, member).commitment
            scene.case.findings.committed(member, to_people=said.consent != header.NO_REGISTER)
            with examination.naming(scene.of(member, "masked vector")):
                masked = scene.get("masked vector", said.blob_digest, made.blob_bytes)
            if masked is None:
                checking.check_header(made, member, raw)
            else:
                checking.check_public(made, member, raw, masked)
                summed.append(member)
                yield masked
            scene.case.findings.passed("header")

    sums = {cell: reading.ring_sum(made, vectors(members), ()) for cell, members in cells.items()}
    scene.case.findings.passed("masked_vector", len(summed))
    return sums, len(summed) == len(headers)
