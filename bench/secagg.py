"""What secure aggregation costs: participant, member and verifier as multiples of a memory copy and of a plain sum.

Prints one table, or with ``--json`` one object per row. Everything a role does in a round is in its figure: encoding,
masking and hashing for the participant; every header, box and byte, its mask sums, sealing and its document for the
member; every public check, opening and summing for the verifier (an auditor, who holds no seeds). Signatures, store
and ledger are left to ``bench/round.py``.

    python bench/secagg.py [--json] [--large] [--repeats 5]
"""

import argparse
import dataclasses
import hashlib
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

import report
from aicommons.learning import blocks
from aicommons.learning.secagg import (
    checking,
    epoch,
    group,
    layout,
    masking,
    masks,
    quantise,
    reading,
    reveal,
    session,
    suite,
)

INPUT_DIGEST = bytes(32)
AUDITOR_ID = 10**6


@dataclasses.dataclass(frozen=True)
class Round:
    """One round up to its reveals, and what the roles need to repeat their part of it."""

    session: session.Session
    secrets: tuple[bytes, ...]
    auditor: bytes
    readers: tuple[reveal.Reader, ...]
    plan: tuple[blocks.Block, ...]
    values: blocks.Vector
    submissions: dict[int, masking.Submission]

    def participate(self) -> masking.Submission:
        """Encode and shield one vector."""
        encoded = quantise.encode(self.plan, {"delta": self.values}, members=self.session.layout.members, word_bits=32)
        return masking.shield(self.session, self.session.member_ids[0], encoded, os.urandom)

    def serve(self, index: int) -> tuple[bytes, dict[bytes, bytes]]:
        """Check everybody, sum the masks of own columns, seal them and write the document."""
        seeds = {
            who: checking.check_submission(
                self.session, who, sent.header, sent.masked, index=index, secret=self.secrets[index]
            )
            for who, sent in self.submissions.items()
        }
        columns = self.session.layout.columns_of(index)
        sums = [masks.mask_sum(self.session, seeds, column, INPUT_DIGEST) for column in columns]
        objects = [reveal.seal_column(each) for each in sums]
        digests = [hashlib.sha256(sealed).digest() for sealed in objects]
        document = reveal.build_document(
            self.session,
            self.session.member_ids[index],
            list(zip(sums, digests, strict=True)),
            readers=self.readers,
            input_digest=INPUT_DIGEST,
            draw=os.urandom,
        )
        return document, dict(zip(digests, objects, strict=True))

    def verify(self, documents: dict[int, bytes], objects: dict[bytes, bytes]) -> reading.Reading:
        """Check everything that is public, open every column and sum."""
        for who, sent in self.submissions.items():
            checking.check_public(self.session, who, sent.header, sent.masked)
        parsed = {
            who: reveal.parse_document(self.session, who, raw, readers=len(self.readers), input_digest=INPUT_DIGEST)
            for who, raw in documents.items()
        }
        reading.agree_manifests(self.session, parsed, self.session.member_ids)
        place = len(self.readers) - 1
        eyes = reading.Eyes(place, self.readers[place], self.auditor)
        columns = reading.open_columns(self.session, parsed, objects, eyes=eyes)
        return reading.read(self.session, {0: [sent.masked for sent in self.submissions.values()]}, columns)


def prepare(members: int, words: int) -> Round:
    """Return a round of ``members`` sites with vectors of ``words`` 32-bit words."""
    member_ids = tuple(range(1, members + 1))
    secrets = tuple(epoch.draw_secret(os.urandom) for _ in member_ids)
    made = session.Session(
        sid=os.urandom(32),
        suite=suite.Suite.AES_32,
        words=suite.pad_words(words, 32),
        member_ids=member_ids,
        points=tuple(group.multiply_base(secret) for secret in secrets),
        layout=layout.make_layout(member_ids, bytes(32), layout.default_number(members)),
    )
    auditor = epoch.draw_secret(os.urandom)
    plan = (blocks.Block("delta", words, 8.0, blocks.Encoding.CLIPPED),)
    values = np.random.default_rng(1).normal(size=words) / np.sqrt(words)
    encoded = quantise.encode(plan, {"delta": values}, members=members, word_bits=32)
    return Round(
        session=made,
        secrets=secrets,
        auditor=auditor,
        readers=reveal.make_readers(made, {AUDITOR_ID: group.multiply_base(auditor)}),
        plan=plan,
        values=values,
        submissions={who: masking.shield(made, who, encoded, os.urandom) for who in member_ids},
    )


def median(repeats: int, action: Callable[[], object]) -> float:
    """Return the median seconds of ``action`` after one unmeasured call."""
    action()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measure(members: int, words: int, repeats: int) -> list[dict[str, object]]:
    """Return a row per role for one roster size and vector length."""
    prepared = prepare(members, words)
    source = np.ones(prepared.session.words, np.float32)
    target, total = np.empty_like(source), np.empty_like(source)
    copy = median(9 * repeats, lambda: np.copyto(target, source))
    sites = [source.copy() for _ in range(members)]

    def plain_sum() -> None:
        np.copyto(total, sites[0])
        for site in sites[1:]:
            np.add(total, site, out=total)

    summed = median(3 * repeats, plain_sum)
    served = {who: prepared.serve(index) for index, who in enumerate(prepared.session.member_ids)}
    documents = {who: document for who, (document, _) in served.items()}
    objects = {digest: sealed for _, own in served.values() for digest, sealed in own.items()}
    roles: dict[str, Callable[[], object]] = {
        "participant": prepared.participate,
        "member": lambda: prepared.serve(0),
        "verifier": lambda: prepared.verify(documents, objects),
    }
    rows: list[dict[str, object]] = []
    for role, action in roles.items():
        seconds = median(repeats, action)
        size = {"role": role, "nodes": members, "words": words, "columns": len(prepared.session.layout.columns)}
        against = {"x_memcpy": round(seconds / copy, 1), "x_plain_sum": round(seconds / summed, 1)}
        rows.append({**size, "ms": round(seconds * 1e3, 2), **against})
    return rows


COLUMNS: report.Columns = {
    "role": lambda row: row["role"],
    "nodes": lambda row: row["nodes"],
    "words": lambda row: row["words"],
    "columns": lambda row: row["columns"],
    "ms": lambda row: row["ms"],
    "x memcpy": lambda row: row["x_memcpy"],
    "x plain sum": lambda row: row["x_plain_sum"],
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="secure aggregation against a memory copy and a plain sum")
    parser.add_argument("--json", action="store_true", help="one object per row")
    parser.add_argument("--large", action="store_true", help="also ten million words (2 GB of memory)")
    parser.add_argument("--repeats", type=int, default=5, help="measured calls per figure")
    options = parser.parse_args()
    lengths = [100_000, 1_000_000, *([10_000_000] if options.large else [])]
    rows = (row for words in lengths for members in (3, 5, 20) for row in measure(members, words, options.repeats))
    title = f"Secure aggregation (`secagg.py`): AES, 32-bit words, one thread, medians of {options.repeats}"
    report.show(title, rows, COLUMNS, as_json=options.json)


if __name__ == "__main__":
    main()
