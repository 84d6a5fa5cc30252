"""What secure aggregation costs: every role as multiples of a memory copy and of a plain sum, its upload and its memory.

Prints one table, or with ``--json`` one object per row. Each row is measured in a process of its own, so that its memory is
its own. Everything a role does in a round is in its figure: encoding, masking and hashing for the participant; every
header, box and byte, its mask sums, sealing and its document for the member. The verifier's three rows grow: summing
masked vectors and plain mask sums; the same with every chunk hashed against what was signed; and a reader's whole work
with headers, documents, opening and salt. Signatures, store and ledger are left to ``bench/round.py``.

The memory copy and the plain sum are made out of cache: over a ring of buffers that together are several times the
last-level cache; the copy between two buffers that stay stands beside in brackets. Limits are those of `limits`. "floor" is the
same multiple for the role's unavoidable passes alone (``floor.py``), divided by the cores: a limit below it is out of reach.
With ``--cpu`` all is CPU time and the least of the repeats instead of wall time and the median: for a machine that is shared.

    python bench/secagg.py [--json] [--large] [--repeats 5] [--threads 1] [--cpu]
"""

import argparse
import collections
import dataclasses
import functools
import hashlib
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np

import floor
import report
from aicommons.learning import blocks
from aicommons.learning.secagg import (
    boxes,
    checking,
    epoch,
    group,
    keys,
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
RING_BYTES = 160 * 2**20
"""Bytes of the buffers that copies and plain sums go round in: five times the last-level cache of the machine at hand."""


class Clock:
    """What is measured: wall time and medians, or CPU time and the least."""

    now: Callable[[], float] = staticmethod(time.perf_counter)
    pick: Callable[[list[float]], float] = staticmethod(statistics.median)

    @classmethod
    def count_cpu(cls) -> None:
        """Measure CPU time from now on."""
        cls.now, cls.pick = staticmethod(time.process_time), staticmethod(min)


class Drawn:
    """Bytes that look random and are the same in every process: a counter hashed under a name."""

    def __init__(self, name: str) -> None:
        self._counted = (f"{name}/{count}".encode() for count in itertools.count())

    def __call__(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        return hashlib.shake_256(next(self._counted)).digest(size)


@dataclasses.dataclass(frozen=True)
class Committee:
    """A roster, one session of it and its readers; the same in every process."""

    session: session.Session
    secrets: tuple[bytes, ...]
    auditor: bytes
    readers: tuple[reveal.Reader, ...]
    plan: tuple[blocks.Block, ...]

    @classmethod
    def make(cls, members: int, words: int) -> "Committee":
        """Return a committee of ``members`` for vectors of ``words`` 32-bit words."""
        member_ids, draw = tuple(range(1, members + 1)), Drawn("committee")
        secrets = tuple(epoch.draw_secret(draw) for _ in member_ids)
        made = session.Session(
            sid=draw(32),
            suite=suite.Suite.AES_32,
            words=suite.pad_words(words, 32),
            member_ids=member_ids,
            points=tuple(group.multiply_base(secret) for secret in secrets),
            layout=layout.make_layout(member_ids, bytes(32), layout.default_number(members)),
        )
        auditor = epoch.draw_secret(draw)
        readers = reveal.make_readers(made, {AUDITOR_ID: group.multiply_base(auditor)})
        plan = (blocks.Block("delta", words, 8.0, blocks.Encoding.CLIPPED),)
        return cls(made, secrets, auditor, readers, plan)

    def values(self) -> blocks.Vector:
        """Return plain numbers, as a learner has them."""
        length = self.plan[0].length
        return np.random.default_rng(1).normal(size=length) / np.sqrt(length)

    def participate(self, values: blocks.Vector, who: int = 1) -> masking.Submission:
        """Encode and shield one vector."""
        told, members = hashlib.sha256(), self.session.layout.members
        encoded = quantise.encode(self.plan, {"delta": values}, members=members, word_bits=32, see=told.update)
        return masking.shield(self.session, who, encoded, os.urandom, digest=told.digest())


@dataclasses.dataclass(frozen=True)
class Files:
    """What lies in the store: one file per blob, read one at a time."""

    folder: pathlib.Path

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Write a blob."""
        (self.folder / name).write_bytes(data)

    def read(self, name: str) -> memoryview:
        """Return a blob in memory of its own."""
        file = self.folder / name
        held = suite.room(file.stat().st_size)
        with file.open("rb", buffering=0) as opened:
            opened.readinto(held)
        return held


@dataclasses.dataclass(frozen=True)
class Member:
    """The member at ``index``: check everybody, sum the masks of its columns, seal them and write the document."""

    committee: Committee
    files: Files
    index: int = 0

    def check(self, who: int, masked: memoryview) -> dict[int, bytes]:
        """Check one submission."""
        made, head = self.committee.session, bytes(self.files.read(f"header-{who}"))
        secret = self.committee.secrets[self.index]
        return checking.check_submission(made, who, head, masked, index=self.index, secret=secret)

    def sum_up(self, seeds: masks.SeedsByMember, keep: Callable[[str, memoryview], None]) -> bytes:
        """Sum, seal and keep one column after the other, and return the document."""
        made, sealed = self.committee.session, []
        words, room = np.empty(made.words, made.suite.dtype), suite.room(made.blob_bytes + boxes.TAG_BYTES)
        for column in made.layout.columns_of(self.index):
            summed = masks.mask_sum(made, seeds, column, INPUT_DIGEST, room=words)
            held = reveal.seal_column(summed, room)
            digest = hashlib.sha256(held).digest()
            keep(digest.hex(), held)
            sealed.append((summed.without_words(), digest))
        return reveal.build_document(
            made,
            made.member_ids[self.index],
            sealed,
            readers=self.committee.readers,
            input_digest=INPUT_DIGEST,
            draw=os.urandom,
        )


def write_round(committee: Committee, files: Files) -> None:
    """Write one round up to its reveals."""
    made, values = committee.session, committee.values()
    for who in made.member_ids:
        sent = committee.participate(values, who)
        files.put(f"header-{who}", sent.header)
        files.put(f"masked-{who}", suite.byte_view(sent.masked))
    for index, who in enumerate(made.member_ids):
        member = Member(committee, files, index)
        # Only a column's first holder writes it: all of them write the same bytes.
        seeds = {other: member.check(other, files.read(f"masked-{other}")) for other in made.member_ids}
        files.put(f"document-{who}", member.sum_up(seeds, files.put))


def parse_documents(committee: Committee, files: Files) -> dict[int, reveal.Document]:
    """Return everybody's document."""
    return {
        who: reveal.parse_document(
            committee.session,
            who,
            bytes(files.read(f"document-{who}")),
            readers=len(committee.readers),
            input_digest=INPUT_DIGEST,
        )
        for who in committee.session.member_ids
    }


class Sealed(collections.abc.Mapping[bytes, memoryview]):
    """Sealed columns, read when asked for, which is not counted."""

    def __init__(self, files: Files, watch: "Watch") -> None:
        self._files = files
        self._watch = watch

    def __getitem__(self, key: bytes) -> memoryview:
        start = Clock.now()
        held = self._files.read(key.hex())
        self._watch.seconds -= Clock.now() - start
        return held

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Watch:
    """Seconds of parts of a role's work, between which blobs are fetched: fetching is not counted."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def __enter__(self) -> None:
        self._since = Clock.now()

    def __exit__(self, *_: object) -> None:
        self.seconds += Clock.now() - self._since


def participant(committee: Committee, _: Files) -> Callable[[Watch], None]:
    """Encode and shield; the plain numbers are there before."""
    values = committee.values()

    def work(watch: Watch) -> None:
        with watch:
            committee.participate(values)

    return work


def member(committee: Committee, files: Files) -> Callable[[Watch], None]:
    """Do the whole part of the first member."""
    own = Member(committee, files)

    def work(watch: Watch) -> None:
        seeds = {}
        for who in committee.session.member_ids:
            masked = files.read(f"masked-{who}")
            with watch:
                seeds[who] = own.check(who, masked)
        del masked
        with watch:
            own.sum_up(seeds, lambda _name, _held: None)

    return work


def reader(committee: Committee, files: Files) -> Callable[[Watch], None]:
    """Check all that is public, open every column and take the sums off, as an auditor does, who holds no seeds."""
    made, place = committee.session, len(committee.readers) - 1
    eyes = reading.Eyes(place, committee.readers[place], committee.auditor)

    def checked(watch: Watch) -> Iterator[memoryview]:
        for who in made.member_ids:
            start = Clock.now()
            head, masked = bytes(files.read(f"header-{who}")), files.read(f"masked-{who}")
            watch.seconds -= Clock.now() - start
            checking.check_public(made, who, head, masked)
            yield masked
            del masked

    def work(watch: Watch) -> None:
        with watch:
            documents = parse_documents(committee, files)
            reading.agree_manifests(made, documents, made.member_ids)
            columns = reading.open_columns(made, documents, Sealed(files, watch), eyes=eyes)
            reading.read(made, {0: checked(watch)}, columns)

    return work


def summing(committee: Committee, _: Files, *, hashed: bool = False) -> Callable[[Watch], None]:
    """Sum masked vectors minus plain mask sums, out of cache, into one buffer; with the hash of every chunk, if wanted."""
    made = committee.session
    count, total = made.layout.members + len(made.layout.columns), np.empty(made.words, made.suite.dtype)
    sets = [[np.ones(made.words, np.uint32) for _ in range(count)] for _ in range(rounds_of(count * made.blob_bytes))]
    each = itertools.cycle(sets)

    def work(watch: Watch) -> None:
        vectors = next(each)
        with watch:
            if hashed:
                for vector in vectors:
                    keys.chunk_hashes(suite.byte_view(vector))
            reading.ring_sum(made, vectors[: made.layout.members], vectors[made.layout.members :], room=total)

    return work


ROLES: dict[str, Callable[[Committee, Files], Callable[[Watch], None]]] = {
    "participant": participant,
    "member": member,
    "verifier, sums": summing,
    "verifier, hashed": functools.partial(summing, hashed=True),
    "verifier, all": reader,
}


def rounds_of(size: int) -> int:
    """Return how many sets of buffers of ``size`` bytes are more than any cache."""
    return max(1, -(-RING_BYTES // size))


def median(repeats: int, action: Callable[[], object]) -> float:
    """Return the seconds of ``action``, as the clock picks them, after one unmeasured call."""
    seconds = []
    for _ in range(repeats + 1):
        start = Clock.now()
        action()
        seconds.append(Clock.now() - start)
    return Clock.pick(seconds[1:])


def copies(words: int, repeats: int) -> tuple[float, float]:
    """Return seconds of a copy of so many words: out of cache, and between two buffers that stay."""
    count = rounds_of(8 * words) + 1
    pairs = itertools.cycle([(np.ones(words, np.float32), np.ones(words, np.float32)) for _ in range(count)])
    fixed = next(pairs)
    return median(4 * count + repeats, lambda: np.copyto(*next(pairs))), median(9 * repeats, lambda: np.copyto(*fixed))


def plain_sum(members: int, words: int, repeats: int) -> float:
    """Return seconds of the sum of one float32 vector per site, out of cache."""
    count = rounds_of(4 * words * (members + 1))
    sets = [[np.ones(words, np.float32) for _ in range(members + 1)] for _ in range(count)]
    each = itertools.cycle(sets)

    def add_up() -> None:
        total, first, *others = next(each)
        np.copyto(total, first)
        for site in others:
            np.add(total, site, out=total)

    return median(2 * count + repeats, add_up)


def resident(name: str) -> int:
    """Return a figure of this process's memory in bytes (Linux)."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def peak_of(action: Callable[[], object]) -> int:
    """Return the bytes by which ``action`` makes this process larger at most."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS:")
    action()
    return resident("VmHWM:") - before


def measure_role(role: str, members: int, words: int, *, folder: pathlib.Path, repeats: int) -> dict[str, object]:
    """Return the figures of one role, measured in this process."""
    committee = Committee.make(members, words)
    made = committee.session
    work = ROLES[role](committee, Files(folder))
    work(Watch())  # imports and first calls are nobody's figure
    peak = peak_of(lambda: work(Watch()))
    seconds = []
    for _ in range(repeats):
        watch = Watch()
        work(watch)
        seconds.append(watch.seconds)
    (copy, cached), plain = copies(made.words, repeats), plain_sum(members, made.words, repeats)
    middle = Clock.pick(seconds)
    cores = len(os.sched_getaffinity(0)) if Clock.now is time.perf_counter else 1
    least = floor.seconds(members, made.words)[role] / cores
    held = len(made.layout.columns_of(0))
    row: dict[str, object] = {"role": role, "nodes": members, "words": words, "columns": len(made.layout.columns)}
    row |= {"held": held, "ms": round(middle * 1e3, 2), "copy_ms": round(copy * 1e3, 3)}
    row |= {"cached_copy_ms": round(cached * 1e3, 3), "plain_ms": round(plain * 1e3, 3)}
    row |= {"x_memcpy": round(middle / copy, 1), "x_plain_sum": round(middle / plain, 1)}
    row |= {"floor_x_memcpy": round(least / copy, 1), "floor_x_plain_sum": round(least / plain, 1)}
    row |= {"upload": None, "peak_mb": None, "x_vector": None}
    if not role.startswith("verifier, s") and not role.startswith("verifier, h"):
        row |= {"peak_mb": round(peak / 2**20, 1), "x_vector": round(peak / made.blob_bytes, 2)}
    if role == "participant":
        sent = committee.participate(committee.values())
        row["upload"] = len(sent.header) + sent.masked.nbytes
    return row


def limits(row: report.Row) -> dict[str, float]:
    """Return what the project asks of a row: key -> most."""
    asked: dict[str, float] = {}
    if row["role"] == "participant":
        asked["upload"] = 4 * row["words"] + 3_300
        if row["words"] >= 10**6 and row["nodes"] in (3, 5):
            asked["x_memcpy"] = {3: 20, 5: 45}[row["nodes"]]
    elif row["role"] == "member":
        asked["x_plain_sum"] = 8 * row["held"] / 2
    elif row["role"] in ("verifier, sums", "verifier, hashed"):
        asked["x_plain_sum"] = 2 if row["role"] == "verifier, sums" else 6.5
    if row["x_vector"] is not None and row["words"] >= 10**7:
        asked["x_vector"] = 3
    return asked


def missed(row: report.Row) -> str:
    """Return which limits a row misses, in words."""
    over = [
        f"{key} {row[key]:g} > {most:g}{', its floor too' if row.get(f'floor_{key}', 0) > most else ''}"
        for key, most in limits(row).items()
        if row[key] > most
    ]
    return ", ".join(over) or ("yes" if limits(row) else "-")


def measure(members: int, words: int, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield a row per role for one roster size and vector length, each from a process of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        write_round(Committee.make(members, words), Files(pathlib.Path(folder)))
        for role in ROLES:
            command = [sys.executable, __file__, "--role", role, "--folder", folder, "--repeats", str(options.repeats)]
            command += ["--nodes", str(members), "--words", str(words), "--threads", str(options.threads)]
            command += ["--cpu"] * options.cpu
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            yield json.loads(done.stdout)


COLUMNS: report.Columns = {
    "role": lambda row: row["role"],
    "nodes": lambda row: row["nodes"],
    "words": lambda row: row["words"],
    "columns": lambda row: row["columns"],
    "ms": lambda row: row["ms"],
    "x memcpy (floor)": lambda row: f"{row['x_memcpy']} ({row['floor_x_memcpy']})",
    "memcpy ms (cached)": lambda row: f"{row['copy_ms']} ({row['cached_copy_ms']})",
    "x plain sum (floor)": lambda row: f"{row['x_plain_sum']} ({row['floor_x_plain_sum']})",
    "upload - 4d": lambda row: row["upload"] and row["upload"] - 4 * row["words"],
    "peak MB": lambda row: row["peak_mb"],
    "x vector": lambda row: row["x_vector"],
    "within limits": missed,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="secure aggregation against a memory copy and a plain sum")
    parser.add_argument("--json", action="store_true", help="one object per row")
    parser.add_argument("--large", action="store_true", help="also ten million words (2 GB of memory and of disk)")
    parser.add_argument("--repeats", type=int, default=5, help="measured calls per figure")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="cores that may be used")
    parser.add_argument("--cpu", action="store_true", help="CPU time and the least of the repeats")
    parser.add_argument("--nodes", type=int, nargs="*", default=[3, 5, 20])
    parser.add_argument("--words", type=int, nargs="*")
    parser.add_argument("--role", choices=list(ROLES), help="measure one role of a round in --folder, in this process")
    parser.add_argument("--folder", type=pathlib.Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    if options.cpu:
        Clock.count_cpu()
    if options.role is not None:
        (nodes,), (words,) = options.nodes, options.words
        row = measure_role(options.role, nodes, words, folder=options.folder, repeats=options.repeats)
        print(json.dumps(row))
        return
    lengths = options.words or [100_000, 1_000_000, *([10_000_000] if options.large else [])]
    rows = (row for words in lengths for members in options.nodes for row in measure(members, words, options))
    how = f"CPU time, least of {options.repeats}" if options.cpu else f"medians of {options.repeats}"
    title = f"Secure aggregation (`secagg.py`): AES, 32-bit words, {options.threads} cores, {how}"
    report.show(title, rows, COLUMNS, as_json=options.json)


if __name__ == "__main__":
    main()
