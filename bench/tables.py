"""How fast a table is prepared, and that its memory does not grow with its rows: CSV and Parquet, each in a process of its own.

The job is a node's before a run's first round: read every cell, check it, write the arrays and divide them. Beside each
row stands the time to read the same bytes (`cat`), which no reader beats. Peak memory is that of the process alone.

    python bench/tables.py [--rows N] [--json]
"""

import argparse
import csv
import json
import operator
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import report
from aicommons.data import prepared, reading
from aicommons.domain import documents, schema
from aicommons.learning import recipe
from aicommons.node import tables

NUMBERS = 12
LEVELS = ("north", "east", "south", "west")
PART = 50_000
"""Rows that are made up together."""
COLUMNS = schema.Schema(
    (*(schema.numeric(f"x{index}", -10.0, 10.0) for index in range(NUMBERS)), schema.category("place", LEVELS)),
    schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes")),
)
MOST_MEGABYTES = 2_000
"""Target: a table of 10 GB within 2 GB of memory."""


def parts(rows: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield made-up rows: numbers, places, outcomes and persons (four rows each)."""
    for start in range(0, rows, PART):
        count = min(PART, rows - start)
        rng = np.random.default_rng(start)
        numbers = np.clip(rng.standard_normal((count, NUMBERS)), -9, 9).round(6)
        places = np.array(LEVELS)[rng.integers(0, len(LEVELS), count)]
        outcomes = np.where(numbers[:, 0] + rng.standard_normal(count) > 0, "yes", "no")
        yield numbers, places, outcomes, np.arange(start, start + count) // 4


def write_csv(path: pathlib.Path, rows: int) -> None:
    """Write the table as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*(f"x{index}" for index in range(NUMBERS)), "place", "ill", "person"])
        for numbers, *texts in parts(rows):
            writer.writerows([*row, *rest] for row, *rest in zip(numbers.tolist(), *map(list, texts), strict=True))


def write_parquet(path: pathlib.Path, rows: int) -> None:
    """Write the table as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet

    writer = None
    for numbers, places, outcomes, persons in parts(rows):
        found = {f"x{index}": numbers[:, index] for index in range(NUMBERS)}
        table = pa.table({**found, "place": places, "ill": outcomes, "person": persons})
        writer = writer or pyarrow.parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def prepare(path: pathlib.Path, person: str | None) -> dict[str, float]:
    """Prepare one table as a node does and return seconds, rows and this process's peak of memory."""
    made = recipe.from_plan({"recipe": "glm", "schema": schema.to_document(COLUMNS)})
    plan = documents.Plan("A plan", recipe.to_plan(made), "sums", 30, 1, None)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        begin = time.perf_counter()
        wanted = reading.Wanted(COLUMNS, person=person)
        found = prepared.prepare(path, wanted, pathlib.Path(folder) / "kept", tables.division(plan, COLUMNS))
        seconds = time.perf_counter() - begin
        rows = found.rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "rows": rows, "megabytes": peak}


def measure(what: str, path: pathlib.Path, person: str | None) -> dict[str, Any]:
    """Prepare a table in a fresh process, its bytes read once before so that both find them in memory."""
    begin = time.perf_counter()
    with path.open("rb") as file:
        while file.read(2**20):
            pass
    cat = time.perf_counter() - begin
    command = [sys.executable, __file__, "--prepare", str(path), *(["--person", person] if person else [])]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {
        "what": what,
        "rows": found["rows"],
        "file_mb": round(path.stat().st_size / 1e6),
        "rows_per_s": round(found["rows"] / found["seconds"]),
        "to_cat": round(found["seconds"] / cat),
        "peak_mb": round(found["megabytes"]),
    }


def measured(most: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table: a tenth of the rows, all of them, and all of them with a person key."""
    with tempfile.TemporaryDirectory(prefix="bench-tables-") as name:
        for kind, write in (("CSV", write_csv), ("Parquet", write_parquet)):
            for count in (most // 10, most):
                path = pathlib.Path(name) / f"{count}.{kind.lower()}"
                write(path, count)
                yield measure(kind, path, None)
                if count == most:
                    yield measure(f"{kind}, split by person", path, "person")
                path.unlink()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--prepare", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--person", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.prepare is not None:
        print(json.dumps(prepare(asked.prepare, asked.person)))
        return
    report.show(
        "Preparing a table (`tables.py`): read, check, write and divide the arrays, one process each",
        measured(asked.rows),
        {
            "what": operator.itemgetter("what"),
            "rows": operator.itemgetter("rows"),
            "file MB": operator.itemgetter("file_mb"),
            "rows/s": operator.itemgetter("rows_per_s"),
            "to cat": operator.itemgetter("to_cat"),
            "peak MB": operator.itemgetter("peak_mb"),
            "target": lambda _: MOST_MEGABYTES,
        },
        as_json=asked.json,
    )


if __name__ == "__main__":
    main()
