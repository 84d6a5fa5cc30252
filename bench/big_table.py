"""Whether a table of 10 GB is trained on within 2 GB of memory: prepared, divided by person, and added up as a node does it.

The work is a node's own: ``node/tables`` reads, checks and divides the file by its person key; then come round 0 (counts and
moments: the federated statistics) and one Newton round of a logistic regression with the current model's evaluation, each
encoded as it would be masked. Persons' rows are scattered over the file, which is the hard case. Each part of the table is one
fresh process; its peak is that of the process with its children, mapped pages of files counted. Beside it stand two
readers that only add up columns, without checks or a division: pandas in chunks, and DuckDB with all cores.

    python bench/big_table.py [--gigabytes 10] [--folder DIR] [--json]

DIR needs room for three to four times the file. Not part of ``make bench`` at 10 GB: that takes half an hour.
"""

import argparse
import json
import operator
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil

import report
import tables as small
from aicommons.domain import documents, schema
from aicommons.learning import privacy, recipe, state
from aicommons.learning.secagg import quantise
from aicommons.node import agent, disclosures, tables
from aicommons.protocol import coverage

NUMBERS = 8
ROWS_PER_PERSON = 10
MEMBERS = 3
COLUMNS = schema.Schema((*small.COLUMNS.features[:NUMBERS], small.COLUMNS.features[-1]), small.COLUMNS.target)
NAMES = [feature.name for feature in COLUMNS.features[:NUMBERS]]
USE = coverage.Use(frozenset(), False, bytes(32), 1, frozenset(), bytes(32))
"""A use for which nobody's consent is asked."""


def write(path: pathlib.Path, size: int) -> tuple[int, int]:
    """Write a CSV of about ``size`` bytes and return its rows and persons; every person's rows lie anywhere in it."""
    import pyarrow as pa
    from pyarrow import csv

    rows = size // 94  # a row's mean length
    persons = max(rows // ROWS_PER_PERSON, 1)
    schemed = pa.schema([*((name, pa.float64()) for name in NAMES), ("place", pa.string()), ("ill", pa.string())])
    schemed = schemed.append(pa.field("person", pa.string()))
    whose = np.random.default_rng(persons)
    with csv.CSVWriter(path, schemed, write_options=csv.WriteOptions(quoting_style="none")) as writer:
        for numbers, places, outcomes, _ in small.parts(rows):
            keys = [f"P{key:08}" for key in whose.integers(0, persons, len(places)).tolist()]
            columns = [*numbers[:, :NUMBERS].T, places, outcomes, keys]
            writer.write_table(pa.table(dict(zip(schemed.names, columns, strict=True)), schemed))
    return rows, persons


def ours(path: pathlib.Path, folder: pathlib.Path) -> Iterator[tuple[str, int]]:
    """Do a node's work; yield what was done and over how many rows, when it is done."""
    made = recipe.from_plan({"recipe": "glm", "schema": schema.to_document(COLUMNS)})
    plan = documents.Plan("A plan", recipe.to_plan(made), "sums", 30, 1, None)
    terms = agent.RunDocuments(made, plan, documents.RunTerms("DUO:0000007", (), 60, 10, "no DP"))
    own = tables.OwnTable(path, 10, person="person", minimum_cell=5)
    data = tables.OwnerTables(lambda _: own, folder)
    rows = data.bring(agent.Part(1, 1), terms, USE).rows
    count = rows.train.rows + rows.held_out.rows
    yield "read, checked, divided by person", count
    value = made.initial()
    for what in ("round 0: statistics", "round 1: a Newton step"):
        guarded = privacy.guard(made, rows, own.rule)
        if value.stage is state.Stage.DESCRIBE:
            disclosures.facts_of(guarded, bytes(32), COLUMNS)
        sums, _ = made.contribute(value, guarded, rng=np.random.default_rng(0))
        quantise.encode(made.blocks(value), sums, members=MEMBERS, word_bits=made.word_bits)
        yield what, count
        value = made.combine(value, [sums])


def pandas(path: pathlib.Path, _: pathlib.Path) -> Iterator[tuple[str, int]]:
    """Add up the numbers of chunks of 100,000 rows."""
    import pandas as pd

    count, sums, squares = 0, np.zeros(NUMBERS), np.zeros(NUMBERS)
    for chunk in pd.read_csv(path, chunksize=100_000):
        numbers = chunk[NAMES].to_numpy()
        count += len(numbers)
        sums += numbers.sum(axis=0)
        squares += (numbers * numbers).sum(axis=0)
    yield "pandas, in chunks: sums only", count


def duck(path: pathlib.Path, folder: pathlib.Path) -> Iterator[tuple[str, int]]:
    """Let DuckDB add up the numbers, with as much memory as ours may take."""
    import duckdb

    sums = ", ".join(f"avg({name}), stddev_pop({name})" for name in NAMES)
    with duckdb.connect(config={"memory_limit": f"{small.MOST_MEGABYTES}MB", "temp_directory": str(folder)}) as opened:
        found = opened.execute(f"SELECT count(*), {sums} FROM read_csv(?)", [str(path)]).fetchone()
    yield "DuckDB, all cores: sums only", 0 if found is None else int(found[0])


WORKS = {"ours": ours, "pandas": pandas, "duck": duck}


class Memory(threading.Thread):
    """Peak of the resident memory of a process with its children, looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self.peak = 0

    def run(self) -> None:
        """Look until the process is gone."""
        try:
            while self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
                family = [self._process, *self._process.children(recursive=True)]
                self.peak = max(self.peak, sum(each.memory_info().rss for each in family))
                time.sleep(0.1)
        except psutil.NoSuchProcess:
            return


def work(name: str, path: pathlib.Path) -> None:
    """Do one work in this process; a line of JSON for each part of it."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        begin, used = time.perf_counter(), time.process_time()
        for what, rows in WORKS[name](path, pathlib.Path(folder)):
            took = {"seconds": time.perf_counter() - begin, "cpu": time.process_time() - used}
            print(json.dumps({"what": what, "rows": rows, **took}), flush=True)
            begin, used = time.perf_counter(), time.process_time()


def measure(name: str, path: pathlib.Path, persons: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each part of a work; its memory is the largest until then."""
    command = [sys.executable, __file__, "--work", name, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        memory = Memory(process.pid)
        memory.start()
        for line in process.stdout or ():
            done = json.loads(line)
            megabytes = path.stat().st_size / 1e6
            yield {
                "what": done["what"],
                "rows": done["rows"],
                "persons": persons,
                "file_mb": round(megabytes),
                "seconds": round(done["seconds"], 1),
                "cpu_s": round(done["cpu"], 1),
                "mb_per_s": round(megabytes / done["seconds"]),
                "peak_mb": round(memory.peak / 1e6),
                "limit_mb": small.MOST_MEGABYTES,
            }
    if process.returncode != 0:
        raise SystemExit(f"{name}: ended with {process.returncode}")


def measured(size: int, folder: pathlib.Path | None) -> Iterator[dict[str, Any]]:
    """Write the file and yield the rows of the table."""
    with tempfile.TemporaryDirectory(prefix="bench-big-table-", dir=folder) as name:
        path = pathlib.Path(name) / "table.csv"
        _, persons = write(path, size)
        for each in WORKS:
            yield from measure(each, path, persons)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=0.1)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work is not None:
        work(asked.work[0], pathlib.Path(asked.work[1]))
        return
    report.show(
        f"A table of {asked.gigabytes:g} GB (`big_table.py`), persons' rows scattered over it",
        measured(round(asked.gigabytes * 1e9), asked.folder),
        {
            "what": operator.itemgetter("what"),
            "rows": operator.itemgetter("rows"),
            "persons": operator.itemgetter("persons"),
            "file MB": operator.itemgetter("file_mb"),
            "s": operator.itemgetter("seconds"),
            "CPU s": operator.itemgetter("cpu_s"),
            "MB/s": operator.itemgetter("mb_per_s"),
            "peak MB": operator.itemgetter("peak_mb"),
            "limit MB": operator.itemgetter("limit_mb"),
        },
        as_json=asked.json,
    )


if __name__ == "__main__":
    main()
