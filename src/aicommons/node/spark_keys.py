"""The keys of a Spark table, which are all that the node itself reads of it: to filter by consent, and to hold out whole persons.

Called by ``spark_tables`` before any sum is asked for. Each different person key is held against the register here, under its
salted tag, so that neither register nor salt ever leaves the node; the workers are sent the keys of those who consent, which came
from there. Left out: what is added up.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aicommons.data import batches as data_batches
from aicommons.data import columns, reading, spark_reading
from aicommons.data.formats import arrow, spark
from aicommons.domain import errors
from aicommons.learning import splitting

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

MOST_KEYS = 2**23
"""Different persons or groups that the split is drawn from at the node, as for a file; a few hundred MB."""
FAILURES = {kind.__name__: kind for kind in (errors.TableError, errors.ContributionRefused)}

KeyList = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True, slots=True)
class Drawn:
    """What the keys of the rows that can be used say."""

    held: KeyList
    """First keys of the held-out rows, ascending."""
    persons: tuple[str, ...]
    """People who have such rows, each once, sorted; nobody where no consents were asked for."""


def consented(session: "SparkSession", opened: spark.Opened, persons: reading.Persons) -> spark_reading.Consented:
    """Return the people of the table who consent now: their keys are all that is read of it.

    The different keys come in batches of at most ``spark.BATCH_ROWS``; of a batch, only those of people who consent are kept.
    """
    frame = spark.load(session, opened.source, [persons.column])
    kept: set[str] = set()
    with spark.translated(opened.name):
        names = frame.mapInArrow(Names(opened, persons.column), "name string").distinct()
        for row in names.mapInArrow(packed, "names string").toLocalIterator():
            kept.update(filter(persons.is_consented, json.loads(row["names"])))
    return spark_reading.Consented(persons.column, persons.digest, frozenset(kept))


def drawn(frame: "DataFrame", how: spark_reading.Reading, *, seed: int, share: float) -> Drawn:
    """Return which keys are held out, drawn from all keys of rows that are used, as for a file, and whose these rows are.

    Raises:
        errors.TableError: too many different keys, or what reading raises.
    """
    with spark.translated(how.opened.name):
        found = frame.mapInArrow(Keys(how), Keys.ANSWER).distinct().limit(MOST_KEYS + 1).toArrow()
    failed = found.column("failure").drop_null().to_pylist()
    if failed:
        raise raised(failed[0])
    if found.num_rows > MOST_KEYS:
        raise errors.TableError(
            "too many different keys",
            which=f"{how.opened.name}, column {' and '.join(how.key_columns)}",
            expected=f"at most {MOST_KEYS}",
            got="more",
        )
    sides = [found.column(name).to_numpy().astype(np.int64).view(np.uint64) for name in ("one", "two")]
    together = reading.together(np.stack(sides, axis=1)[:, : len(how.key_columns)])
    held = splitting.held_out_keys(np.unique(together), seed=seed, share=share)
    # Rows with one first key are together whatever their second is, so the first key decides.
    persons = {name for part in found.column("name").drop_null().chunks for name in part.to_pylist()}
    return Drawn(np.unique(sides[0][np.isin(together, held)]), tuple(sorted(persons)))


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """What a worker does to list its partition's persons; sent to the workers."""

    opened: spark.Opened
    column: str

    def __call__(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        """Yield each person key once per batch."""
        import pyarrow as pa

        for batch in batches:
            texts = data_batches.texts(arrow.cells_of(self.opened, self.column, batch.column(0)))
            names = sorted({text for text in texts if text.lower() not in columns.MISSING})
            yield pa.RecordBatch.from_arrays([pa.array(names, pa.string())], names=["name"])


def packed(batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
    """Yield a batch of names as one text of JSON: a row of Spark's own for each name would take longer than reading it."""
    import pyarrow as pa

    for batch in batches:
        yield pa.RecordBatch.from_arrays([pa.array([json.dumps(batch.column(0).to_pylist())])], names=["names"])


@dataclasses.dataclass(frozen=True, slots=True)
class Keys:
    """What a worker does to list the keys of its partition's rows; sent to the workers."""

    ANSWER = "one long, two long, name string, failure string"
    """Different keys as signed numbers, a missing second one as 0, and whose they are; or what is wrong."""

    reading: spark_reading.Reading

    def __call__(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        """Yield what is in each batch, once."""
        for batch in batches:
            try:
                kept = self.reading.kept(batch)
            except errors.TableError as err:
                yield _listed([(0, 0, None)], failure(err))
                continue
            sides = [side.tolist() for side in kept.block.keys.view(np.int64).T]
            sides += [[0] * kept.rows] * (2 - len(sides))
            names: Sequence[str | None] = kept.names if kept.names is not None else [None] * kept.rows
            yield _listed(list(set(zip(*sides, names, strict=True))), None)


def _listed(found: Sequence[tuple[int, int, str | None]], failed: str | None) -> "pa.RecordBatch":
    import pyarrow as pa

    one, two, names = zip(*found, strict=True) if found else ((), (), ())
    texts = [pa.array(names, pa.string()), pa.array([failed] * len(found), pa.string())]
    arrays = [pa.array(one, pa.int64()), pa.array(two, pa.int64()), *texts]
    return pa.RecordBatch.from_arrays(arrays, names=["one", "two", "name", "failure"])


def failure(err: errors.TableError | errors.ContributionRefused) -> str:
    """Return an error as text that a worker can answer with."""
    given = {"which": err.which, "expected": err.expected, "got": err.got, "next_step": err.next_step}
    texts = {name: None if value is None else str(value) for name, value in given.items()}
    return json.dumps({"kind": type(err).__name__, "message": err.message, **texts})


def raised(failed: str) -> errors.PermanentError:
    """Return the error that a worker met; which one, of several partitions', is the first."""
    body = json.loads(failed)
    kind = FAILURES.get(body.pop("kind"), errors.TableError)
    return kind(body.pop("message"), **body)
