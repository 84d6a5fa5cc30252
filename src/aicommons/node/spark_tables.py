"""A Spark table as records that can be added over: our sums run in the cluster's workers, and only sums come back.

Made by ``tables`` for a dataset that its owner keeps in Spark. Each partition is added up batch by batch in a worker, and the
partitions' sums here, in their order, so that the same files give the same sums. What runs there is our own function, sent by
Spark's own serialisation inside the owner's cluster; no bytes of anybody else's are ever unpickled (ADR 0020). A batch that
does not fit ends the work with our error, not with a trace that could show values. Left out: learners that need single rows.
"""

import dataclasses
import functools
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aicommons.data import reading, spark_reading
from aicommons.data.formats import spark
from aicommons.domain import documents, errors
from aicommons.learning import blocks, records, splitting
from aicommons.learning import recipe as recipes
from aicommons.node import spark_keys

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

ANSWER = "place int, names string, numbers binary, failure string"
"""One row per partition: its number, the blocks with their lengths, their float64 values, or what is wrong."""
SEEN = "rows"
"""Block beside the asked ones: rows used on both sides of the split, rows seen, rows with a cell that does not fit."""


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """Which rows are held out; sent to the workers."""

    seed: int
    """As the plan says."""
    share: float
    """Part of the rows, or groups, that is held out."""
    keys: npt.NDArray[np.uint64] | None
    """First keys of the held-out rows, drawn as for a file; ``None`` to decide by each row's content."""

    def held(self, block: reading.Block) -> records.Mask:
        """Return bool[rows]: which are held out."""
        if self.keys is not None:
            return np.isin(block.keys[:, 0], self.keys)
        content = np.column_stack([block.features, block.target])
        return splitting.by_content(content, seed=self.seed, share=self.share)


Step = tuple[records.Keep | None, records.Change | None]
"""One of both: rows that stay, or other numbers in them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One sum over one side of the split; sent to the workers."""

    is_held: bool
    """Whether it is over the held-out rows."""
    steps: tuple[Step, ...]
    """Done to each batch, first to last."""
    partial: records.Partial
    """What is added up."""

    def of(self, block: reading.Block, held: records.Mask) -> blocks.Contribution:
        """Return the sums over one batch."""
        side = np.flatnonzero(held if self.is_held else ~held)
        table = records.Table(block.features.take(side, axis=0), block.target[side])
        for keep, change in self.steps:
            table = table.select(keep) if keep is not None else table
            table = change(table) if change is not None else table
        return self.partial(table)


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """What a worker does with its partition; sent to the workers."""

    reading: spark_reading.Reading
    split: Split
    parts: tuple[Part, ...]

    def __call__(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        """Yield one answer for a partition, none for an empty one."""
        from pyspark import TaskContext

        context = TaskContext.get()
        place = 0 if context is None else context.partitionId()
        found = (self.sums(self.reading.kept(batch)) for batch in batches if batch.num_rows)
        try:
            first = next(found, None)
            if first is not None:
                yield _answer(place, records.add(itertools.chain([first], found)), failure=None)
        except (errors.TableError, errors.ContributionRefused) as err:
            yield _answer(place, {}, failure=spark_keys.failure(err))

    def sums(self, kept: spark_reading.Kept) -> blocks.Contribution:
        """Return the sums over one batch: the blocks of each part under its index, and the rows seen."""
        block = kept.block
        held = self.split.held(block)
        found = {SEEN: np.array([float(len(block.target)), float(kept.seen), float(kept.broken)])}
        for index, part in enumerate(self.parts):
            found.update({f"{index}/{name}": vector for name, vector in part.of(block, held).items()})
        return found


class SparkRecords:
    """The rows of one side of a Spark table's split; implements ``records.Joined``."""

    def __init__(self, source: "Source", *, is_held: bool, steps: tuple[Step, ...] = ()) -> None:
        self.source = source
        self._is_held = is_held
        self._steps = steps

    @property
    def rows(self) -> int:
        """Number of rows; counted in the cluster, both sides of the split at once."""
        return int(self.fold(_count)["rows"][0]) if self._steps else self.source.counts[self._is_held]

    def fold(self, partial: records.Partial) -> blocks.Contribution:
        """Return the sum of ``partial`` over all batches."""
        return self.source.sums([self.part(partial)])[0]

    def fold_with(
        self, partial: records.Partial, other: records.Records, other_partial: records.Partial
    ) -> tuple[blocks.Contribution, blocks.Contribution] | None:
        """Return both sums from one pass, ``None`` where the other rows are of another table."""
        if not isinstance(other, SparkRecords) or other.source is not self.source:
            return None
        one, two = self.source.sums([self.part(partial), other.part(other_partial)])
        return one, two

    def select(self, keep: records.Keep) -> "SparkRecords":
        """Return the rows for which ``keep`` is True; nothing is read yet."""
        return SparkRecords(self.source, is_held=self._is_held, steps=(*self._steps, (keep, None)))

    def changed(self, change: records.Change) -> "SparkRecords":
        """Return the same rows, changed in the workers."""
        return SparkRecords(self.source, is_held=self._is_held, steps=(*self._steps, (None, change)))

    def part(self, partial: records.Partial) -> Part:
        """Return what the workers do for ``fold``."""
        return Part(self._is_held, self._steps, partial)


class Source:
    """One Spark table as a plan wants it."""

    def __init__(self, frame: "DataFrame", how: spark_reading.Reading, split: Split) -> None:
        self._frame = frame
        self._reading = how
        self._split = split

    @functools.cached_property
    def counts(self) -> tuple[int, int]:
        """Number of training rows and of held-out ones."""
        train, held = self.sums([Part(is_held, (), _count) for is_held in (False, True)])
        return int(train["rows"][0]), int(held["rows"][0])

    def sums(self, parts: Sequence[Part]) -> list[blocks.Contribution]:
        """Return the sums of each part, from one pass over the table.

        Raises:
            errors.TableError: a cell that does not fit, fewer complete rows than the owner or the run asks for, or a
                failure of Spark's own.
            errors.ContributionRefused: numbers that may not be added up.
        """
        work = Work(self._reading, self._split, tuple(parts))
        with spark.translated(self._reading.opened.name):
            answers = self._frame.mapInArrow(work, ANSWER).toArrow().to_pylist()
        answers.sort(key=lambda answer: answer["place"])
        failed = [answer["failure"] for answer in answers if answer["failure"] is not None]
        if failed:
            raise spark_keys.raised(failed[0])
        width, keys = self._reading.wanted.plan.width, len(self._reading.key_columns)
        none = reading.Block(np.zeros((0, width)), np.zeros(0), np.zeros((0, keys), dtype=np.uint64))
        nothing = spark_reading.Kept(none, None, 0, 0)
        found = [_read(answer["names"], answer["numbers"]) for answer in answers] or [work.sums(nothing)]
        total = records.add(iter(found))
        self._check_rows(*total[SEEN].tolist())
        return [
            {name.partition("/")[2]: vector for name, vector in total.items() if name.startswith(f"{index}/")}
            for index in range(len(parts))
        ]

    def _check_rows(self, kept: float, seen: float, broken: float) -> None:
        checks, name = self._reading.wanted.checks, self._reading.opened.name
        if broken > checks.most_broken * seen:
            raise errors.TableError(
                "too many rows have a cell that does not fit",
                which=name,
                expected=f"at most {100 * checks.most_broken:g} percent",
                got=f"{broken:.0f} of {seen:.0f} rows",
            )
        if kept < checks.min_rows:
            raise errors.TooFewRows(
                "fewer complete rows than the minimum cohort",
                which=name,
                expected=f"at least {checks.min_rows} rows",
                got=f"{kept:.0f} rows",
                next_step="This site cannot take part in this run; the run goes on without it.",
            )


def read(source: spark.Source, wanted: reading.Wanted, plan: documents.Plan) -> tuple[recipes.Rows, tuple[str, ...]]:
    """Return the training and held-out rows of a Spark table by the plan's split, and whose they are; only keys are read yet.

    Where consents are asked for, the workers leave out all rows but those of the people who are told here: nobody whose rows
    come into the table later is in a sum over these.

    Raises:
        errors.InputError: Spark is not installed or cannot be reached, or the owner wants identifiers to be checked.
        errors.TableError: a column is missing, or there are too many groups or persons.
    """
    if wanted.checks.unique is not None:
        raise errors.InputError(
            "identifiers are not checked in Spark",
            which=source.name,
            next_step="make them unique there (a query with DISTINCT), and publish without --id",
        )
    session = spark.connect(source.server)
    with spark.translated(source.name):
        opened = spark.inspect({"server": source.server, "read": source.kind.value, "what": source.what})
    if wanted.persons is not None:
        wanted = dataclasses.replace(wanted, persons=spark_keys.consented(session, opened, wanted.persons))
    how = spark_reading.Reading(opened, wanted)
    frame = spark.load(session, source, how.used)
    split = Split(plan.split_seed, plan.held_out_percent / 100, None)
    found: tuple[str, ...] = ()
    if how.key_columns:
        drawn = spark_keys.drawn(frame, how, seed=split.seed, share=split.share)
        split, found = dataclasses.replace(split, keys=drawn.held), drawn.persons
    made = Source(frame, how.only(found), split)
    return recipes.Rows(SparkRecords(made, is_held=False), SparkRecords(made, is_held=True)), found


def _count(table: records.Table) -> blocks.Contribution:
    return {"rows": np.array([float(table.rows)])}


def _answer(place: int, sums: blocks.Contribution, *, failure: str | None) -> "pa.RecordBatch":
    import pyarrow as pa

    names = json.dumps([[name, len(vector)] for name, vector in sums.items()])
    numbers = b"".join(vector.astype("<f8").tobytes() for vector in sums.values())
    columns = {"place": pa.int32(), "names": pa.string(), "numbers": pa.binary(), "failure": pa.string()}
    values = ([place], [names], [numbers], [failure])
    arrays = [pa.array(value, kind) for value, kind in zip(values, columns.values(), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _read(names: str, numbers: bytes) -> blocks.Contribution:
    values: npt.NDArray[np.float64] = np.frombuffer(numbers, dtype="<f8").astype(np.float64)
    sums, start = {}, 0
    for name, length in json.loads(names):
        sums[name] = values[start : start + length]
        start += length
    return sums
