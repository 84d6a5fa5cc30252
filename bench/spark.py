"""A round over a Spark table beside the same sums written by hand for Spark: what our layers cost.

    python bench/spark.py [--rows 2000000] [--runs 5] [--cores 2]

Rows are in Parquet, 10 numbers and a category of 4 levels, on one machine. Each row of the table is one round's sums: counts
and moments (round 0), or gradient, curvature, loss and the held-out evaluation (a fit round). By hand: one ``mapInArrow``
with NumPy that computes the same sums and nothing else, no checks, no schema, no gaps. As SQL: the same gradient and
curvature as one Spark SQL aggregation; it has no evaluation. Kinds are
run in turn, and the overhead is the median over the turns. The first turn is not counted.
"""

import argparse
import functools
import pathlib
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

import report
from aicommons.data import reading
from aicommons.data.formats import spark
from aicommons.domain import documents, schema
from aicommons.learning import describe, evaluation, recipe, splitting, state
from aicommons.learning.learners import glm
from aicommons.node import spark_tables

NUMBERS = 10
LEVELS = ("a", "b", "c", "d")
SEED = 7
TARGET = 25
"""Percent that ours may take longer."""
COLUMNS: report.Columns = {
    "round": lambda row: row["round"],
    "rows": lambda row: row["rows"],
    "ours s": lambda row: row["ours_s"],
    "by hand s": lambda row: row["hand_s"],
    "ours above by hand %": lambda row: row["overhead_percent"],
    "target %": lambda row: row["target_percent"],
    "as SQL s": lambda row: row["sql_s"],
    "largest difference": lambda row: row["largest_difference"],
}


def make_plan() -> recipe.Recipe:
    """Return a logistic regression on the table's columns."""
    numbers = tuple(schema.numeric(f"x{index}", -8.0, 8.0) for index in range(NUMBERS))
    target = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))
    return recipe.Recipe("glm", schema.Schema((*numbers, schema.category("k", LEVELS)), target), glm.Glm(target.task))


def write(folder: pathlib.Path, rows: int) -> pathlib.Path:
    """Write the table, a part at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(SEED)
    done = 0
    (folder / "rows").mkdir()
    while done < rows:
        count = min(500_000, rows - done)
        x = np.clip(rng.normal(size=(count, NUMBERS)), -8, 8)
        kinds = rng.integers(0, len(LEVELS), count)
        y = x[:, 0] - x[:, 1] + 0.5 * kinds + rng.logistic(size=count) > 0.7
        columns = {f"x{index}": x[:, index] for index in range(NUMBERS)}
        columns |= {"k": np.array(LEVELS)[kinds], "y": np.where(y, "yes", "no")}
        parquet.write_table(pa.table(columns), folder / "rows" / f"{done}.parquet", row_group_size=125_000)
        done += count
    return folder / "rows"


def by_hand(value: state.State, batches: Iterable[Any]) -> Iterator[Any]:
    """Add the sums of a partition up: what somebody would write for this one table and this one model."""
    import pyarrow as pa

    total: np.ndarray | None = None
    for batch in batches:
        found = _hand_sums(value, batch)
        total = found if total is None else total + found
    if total is not None:
        yield pa.RecordBatch.from_pydict({"sums": pa.array([total.tolist()], pa.list_(pa.float64()))})


def _hand_sums(value: state.State, batch: Any) -> np.ndarray:
    x = np.empty((batch.num_rows, NUMBERS + len(LEVELS)))
    for index in range(NUMBERS):
        x[:, index] = batch.column(index).to_numpy()
    k = batch.column(NUMBERS).dictionary_encode()
    x[:, NUMBERS:] = np.array([[name == level for level in LEVELS] for name in k.dictionary.to_pylist()])[
        k.indices.to_numpy()
    ]
    answers = batch.column(NUMBERS + 1).dictionary_encode()
    y = np.array([float(name == "yes") for name in answers.dictionary.to_pylist()])[answers.indices.to_numpy()]
    held = splitting.by_content(np.column_stack([x, y]), seed=SEED, share=0.3)
    if value.stage is state.Stage.DESCRIBE:
        u = (x[~held] + ([8.0] * NUMBERS + [0.0] * len(LEVELS))) / ([16.0] * NUMBERS + [1.0] * len(LEVELS))
        counts = np.bincount(y[~held].astype(int), minlength=2)
        return np.concatenate([[(~held).sum(), held.sum()], counts, u.sum(axis=0), (u * u).sum(axis=0)])
    z = (x - value.arrays["mean"]) / value.arrays["scale"]
    z = np.hstack([np.ones((len(z), 1)), z])
    scores = z @ np.hstack([value.arrays["intercept"][:, None], value.arrays["coefficients"]])[0]
    train, scores_held = z[~held], scores[held]
    p = 1.0 / (1.0 + np.exp(-scores[~held]))
    signed = np.where(y[~held] == 1.0, -scores[~held], scores[~held])
    curvature = ((train * (p * (1.0 - p))[:, None]).T @ train)[np.triu_indices(z.shape[1])]
    judged = evaluation.contribution(
        make_plan().schema.target, scores_held, y[held], middle=evaluation.log_odds(value.arrays["class_rows"])
    )
    loss = [np.logaddexp(0.0, signed).sum()]
    return np.concatenate([(p - y[~held]) @ train, curvature, loss, *judged.values()])


def add_by_hand(frame: Any, value: state.State) -> list[Any]:
    """Return the partitions' sums."""
    return list(frame.mapInArrow(functools.partial(by_hand, value), "sums array<double>").collect())


def as_sql(frame: Any, value: state.State) -> list[float]:
    """Return gradient and curvature over all rows as one aggregation of Spark's own."""
    columns = [f"x{index}" for index in range(NUMBERS)] + [f"double(k = '{level}')" for level in LEVELS]
    scaled = [
        f"(({column}) - {mean!r}) / {scale!r} AS z{index}"
        for index, (column, mean, scale) in enumerate(
            zip(columns, value.arrays["mean"].tolist(), value.arrays["scale"].tolist(), strict=True), start=1
        )
    ]
    theta = [*value.arrays["intercept"].tolist(), *value.arrays["coefficients"][0].tolist()]
    score = " + ".join(f"({weight!r}) * z{index}" for index, weight in enumerate(theta))
    names = range(len(theta))
    first = frame.selectExpr("1.0D AS z0", *scaled, "double(y = 'yes') AS t")
    second = first.selectExpr("*", f"1 / (1 + exp(-({score}))) AS p")
    sums = [f"sum((p - t) * z{index})" for index in names]
    sums += [f"sum(p * (1 - p) * z{one} * z{two})" for one in names for two in names if one <= two]
    return list(second.selectExpr(*sums).collect()[0])


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long one run took, and its answer."""
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer


def measure(folder: pathlib.Path, options: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    """Yield a row for round 0 and one for a fit round."""
    plan = make_plan()
    source = spark.Source(f"local[{options.cores}]", spark.Kind.PARQUET, str(write(folder, options.rows)))
    document = documents.Plan("bench", recipe.to_plan(plan), "sums", 30, SEED, None)
    rows, _ = spark_tables.read(source, reading.Wanted(plan.schema), document)
    session = spark.connect(source.server)
    frame = session.read.parquet(source.what)
    value = plan.initial()
    for name in ("0, counts and moments", "1, a Newton step"):
        kinds: list[Callable[[], Any]] = [
            functools.partial(plan.contribute, value, rows, rng=np.random.default_rng(0)),
            functools.partial(add_by_hand, frame, value),
        ]
        is_first = value.stage is state.Stage.DESCRIBE
        kinds += [] if is_first else [functools.partial(as_sql, frame, value)]
        # One run of each kind after the other, so that whatever else the machine does meets all of them.
        runs = [[seconds(kind) for kind in kinds] for _ in range(options.runs + 1)][1:]
        ours_s, hand_s, *sql_s = (statistics.median(found[0] for found in kind) for kind in zip(*runs, strict=True))
        overhead = statistics.median(run[0][0] / run[1][0] - 1 for run in runs)
        (_, (ours, _)), (_, answers), *_ = runs[-1]
        hand = np.sum([answer["sums"] for answer in answers], axis=0)
        mine = np.concatenate(list(ours.values()))
        if is_first:
            mine = np.array(describe.join_limbs(ours[describe.BLOCK_NAME])) / 2.0**describe.FRACTION_BITS
        yield {
            "round": name,
            "rows": options.rows,
            "ours_s": round(ours_s, 2),
            "hand_s": round(hand_s, 2),
            "target_percent": TARGET,
            "overhead_percent": round(100 * overhead),
            "sql_s": round(sql_s[0], 2) if sql_s else None,
            "largest_difference": float(f"{np.abs(mine - hand).max() / np.abs(hand).max():.1e}"),
        }
        value = plan.combine(value, [ours])
    session.stop()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    with tempfile.TemporaryDirectory(prefix="spark-bench-") as folder:
        rows = measure(pathlib.Path(folder), options)
        report.show(f"Spark (`spark.py`), median of {options.runs}", rows, COLUMNS, as_json=options.json)


if __name__ == "__main__":
    main()
