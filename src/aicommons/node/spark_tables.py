"""A Spark table as records that can be added over: our sums run in the cluster's workers, and only sums come back.

Made by ``tables`` for a dataset that its owner keeps in Spark. Each partition is added up batch by batch in a worker, and the
partitions' sums here, in their order, so that the same files give the same sums. What runs there is our own function, sent by
Spark's own serialisation inside the owner's cluster; no bytes of anybody else's are ever unpickled (ADR 0020). A batch that
does not fit ends the work with our error, not with a trace that could show values. Left out: learners that need single rows.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aicommons.data import spark
from aicommons.domain import documents, errors
from aicommons.learning import blocks, records, splitting
from aicommons.learning import recipe as recipes

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

ANSWER = "place int, names string, numbers binary, failure string"
"""One row per partition: its number, the blocks with their lengths, their float64 values, or what is wrong."""
MOST_GROUPS = 2**23
"""Different groups that the split is drawn from at the node, as for a file; a few hundred MB."""
SEEN = "rows"
"""Block beside the asked ones: how many complete rows there were on both sides of the split."""
FAILURES = {kind.__name__: kind for kind in (errors.TableError, errors.ContributionRefused)}


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """Which rows are held out; sent to the workers."""

    seed: int
    """As the plan says."""
    share: float
    """Part of the rows, or groups, that is held out."""
    groups: frozenset[str] | None
    """Held-out groups, drawn as for a file; ``None`` to decide by each row's content."""

    def held(self, block: spark.Block) -> records.Mask:
        """Return bool[rows]: which are held out."""
        if self.groups is not None and block.groups is not None:
            return np.array([group in self.groups for group in block.groups], dtype=np.bool_)
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

    def of(self, block: spark.Block, held: records.Mask) -> blocks.Contribution:
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

    reading: spark.Reading
    split: Split
    parts: tuple[Part, ...]

    def __call__(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        """Yield one answer for a partition, none for an empty one."""
        from pyspark import TaskContext

        context = TaskContext.get()
        place = 0 if context is None else context.partitionId()
        found = (self.sums(self.reading.block(batch)) for batch in batches if batch.num_rows)
        try:
            first = next(found, None)
            if first is not None:
                yield _answer(place, records.add(itertools.chain([first], found)), failure=None)
        except (errors.TableError, errors.ContributionRefused) as err:
            yield _answer(place, {}, failure=_failure(err))

    def sums(self, block: spark.Block) -> blocks.Contribution:
        """Return the sums over one batch: the blocks of each part under its index, and the rows seen."""
        held = self.split.held(block)
        found = {SEEN: np.array([float(len(block.target))])}
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
        """Number of rows; counted in the cluster."""
        return int(self.fold(_count)["rows"][0])

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

    def __init__(self, frame: "DataFrame", reading: spark.Reading, split: Split, *, min_rows: int) -> None:
        self._frame = frame
        self._reading = reading
        self._split = split
        self._min_rows = min_rows

    def sums(self, parts: Sequence[Part]) -> list[blocks.Contribution]:
        """Return the sums of each part, from one pass over the table.

        Raises:
            errors.TableError: a cell that does not fit, fewer complete rows than the owner or the run asks for, or a
                failure of Spark's own.
            errors.ContributionRefused: numbers that may not be added up.
        """
        work = Work(self._reading, self._split, tuple(parts))
        with spark.translated(self._reading.name):
            answers = self._frame.mapInArrow(work, ANSWER).toArrow().to_pylist()
        answers.sort(key=lambda answer: answer["place"])
        failed = [answer["failure"] for answer in answers if answer["failure"] is not None]
        if failed:
            raise _raised(failed[0])
        nothing = spark.Block(np.zeros((0, self._reading.plan.width)), np.zeros(0), None)
        found = [_read(answer["names"], answer["numbers"]) for answer in answers] or [work.sums(nothing)]
        total = records.add(iter(found))
        self._check_rows(int(total[SEEN][0]))
        return [
            {name.partition("/")[2]: vector for name, vector in total.items() if name.startswith(f"{index}/")}
            for index in range(len(parts))
        ]

    def _check_rows(self, seen: int) -> None:
        if seen < self._min_rows:
            raise errors.TableError(
                "fewer complete rows than the minimum cohort",
                which=self._reading.name,
                expected=f"at least {self._min_rows} rows",
                got=f"{seen} rows",
                next_step="This site cannot take part in this run; the run goes on without it.",
            )


def rows_of(source: spark.Source, plan: documents.Plan, wanted: recipes.Recipe, *, min_rows: int) -> recipes.Rows:
    """Return the training and held-out rows of a Spark table by the plan's split; only the groups are read yet.

    Raises:
        errors.InputError: Spark is not installed or cannot be reached.
        errors.TableError: a column is missing, or there are too many groups.
    """
    reading = spark.Reading(source.name, wanted.schema, plan.group)
    frame = spark.load(spark.connect(source.server), source, reading.used)
    groups = None if plan.group is None else _held_groups(frame, reading, plan)
    made = Source(frame, reading, Split(plan.split_seed, plan.held_out_percent / 100, groups), min_rows=min_rows)
    return recipes.Rows(SparkRecords(made, is_held=False), SparkRecords(made, is_held=True))


def _held_groups(frame: "DataFrame", reading: spark.Reading, plan: documents.Plan) -> frozenset[str]:
    """Return the held-out groups: drawn here from all groups of complete rows, as for a file."""
    with spark.translated(reading.name):
        found = frame.mapInArrow(Groups(reading), "name string").distinct().limit(MOST_GROUPS + 1).toArrow()
    names = found.column("name").to_pylist()
    failed = [name for name in names if name.startswith("!")]
    if failed:
        raise _raised(failed[0][1:])
    if len(names) > MOST_GROUPS:
        raise errors.TableError(
            "too many groups to hold out whole ones",
            which=f"{reading.name}, column {reading.group}",
            expected=f"at most {MOST_GROUPS}",
            got="more",
        )
    return splitting.held_out_groups(
        {name[1:] for name in names}, seed=plan.split_seed, share=plan.held_out_percent / 100
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Groups:
    """What a worker does to list its partition's groups; sent to the workers."""

    reading: spark.Reading

    def __call__(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        """Yield each group of complete rows once per batch, marked ``=``; a failure marked ``!``."""
        import pyarrow as pa

        for batch in batches:
            try:
                names = [f"={group}" for group in sorted(set(self.reading.block(batch).groups or ()))]
            except errors.TableError as err:
                names = [f"!{_failure(err)}"]
            yield pa.RecordBatch.from_arrays([pa.array(names, pa.string())], names=["name"])


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


def _failure(err: errors.TableError | errors.ContributionRefused) -> str:
    given = {"which": err.which, "expected": err.expected, "got": err.got, "next_step": err.next_step}
    texts = {name: None if value is None else str(value) for name, value in given.items()}
    return json.dumps({"kind": type(err).__name__, "message": err.message, **texts})


def _raised(failure: str) -> errors.PermanentError:
    """Return the error that a worker met; which one, of several partitions', is the first."""
    body = json.loads(failure)
    kind = FAILURES.get(body.pop("kind"), errors.TableError)
    return kind(body.pop("message"), **body)
