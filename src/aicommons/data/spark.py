"""Tables in Apache Spark: an owner's source as a data frame, and its Arrow batches as a plan's numbers, in the workers.

Called by ``node/spark_tables``, which adds up over them. Spark is asked for the used columns and nothing else: it parses,
joins and aggregates nothing of ours, so what is a gap, a level or a fault is decided by the same rules as for a file. Rows
never come to the node; what comes back is sums. Left out: starting or securing a cluster, and learners that need single rows.
"""

import dataclasses
import enum
import hashlib
import math
import os
import pathlib
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import aicommons
from aicommons.data import columns, sources
from aicommons.domain import errors, fields, schema

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

Numbers = npt.NDArray[np.float64]
BATCH_ROWS = 2**16
"""Rows that Spark hands a worker at a time: few enough for its memory, enough to make a batch's fixed cost small."""
CONNECT = "sc://"
"""How the address of a Spark Connect server begins; any other is a master that this process drives itself."""
LONGEST_TEXT = 100_000


class Kind(enum.Enum):
    """What the owner's rows are kept in."""

    PARQUET = "parquet"
    """A file or folder of files."""
    CSV = "csv"
    """A file or folder of files with a header, comma-separated, UTF-8."""
    TABLE = "table"
    """A table of the session's catalogue."""
    QUERY = "query"
    """The answer to a SQL query."""


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Where an owner's rows are."""

    server: str
    """``sc://host:port`` of a Spark Connect server, or a master such as ``local[4]``."""
    kind: Kind
    """What ``what`` is."""
    what: str
    """A path as the cluster sees it, a table's name, or a query."""

    @property
    def name(self) -> str:
        """How messages call it; a query is not shown, it may hold values."""
        return "the Spark query" if self.kind is Kind.QUERY else f"Spark {self.kind.value} {self.what}"


def from_document(document: object) -> Source:
    """Return the source that ``{"server": ..., "kind": ..., "what": ...}`` describes.

    Raises:
        errors.InputError: naming the field that is missing, unknown or wrong.
    """
    reader = fields.Fields(document, "spark source")
    made = Source(reader.text("server"), reader.one_of("kind", Kind), reader.text("what", most=LONGEST_TEXT))
    reader.close()
    return made


def connect(server: str) -> "SparkSession":
    """Return a session on ``server``, the one that is open if there is one.

    A server of its own (Connect, or a master that is not ``local``) is sent this package's source, so that its workers run
    the code that this node runs. Python, NumPy and PyArrow must be there already.

    Raises:
        errors.InputError: Spark is not installed, or cannot be reached.
    """
    try:
        from pyspark import errors as spark_errors
        from pyspark.sql import SparkSession
    except ImportError as err:
        raise errors.InputError(
            "Spark is not installed here", which=server, next_step="pip install 'aicommons[spark]'"
        ) from err
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        if server.startswith(CONNECT):
            from pyspark.sql.connect.session import SparkSession as ConnectSession

            session: Any = ConnectSession.builder.remote(server).getOrCreate()
        else:
            session = _driven(SparkSession.builder.master(server)).getOrCreate()
        if not server.startswith("local"):
            _ship(session)
        session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(BATCH_ROWS))
    except (spark_errors.PySparkException, OSError, RuntimeError) as err:
        raise errors.InputError(
            "Spark cannot be reached", which=server, got=type(err).__name__, next_step="start it, and see its own log"
        ) from err
    return session  # type: ignore[no-any-return]


def _driven(builder: Any) -> Any:
    """Return a builder whose driver, in this process, listens on loopback only and shows no page."""
    settings = {"driver.bindAddress": "127.0.0.1", "driver.host": "127.0.0.1", "ui.enabled": "false"}
    for name, value in settings.items():
        builder = builder.config(f"spark.{name}", value)
    return builder


def _ship(session: Any) -> None:
    """Send this package's own source to the workers, as a ZIP file of modules."""
    root = pathlib.Path(aicommons.__file__).parent
    with tempfile.TemporaryDirectory(prefix="aicommons-") as folder:
        made = pathlib.Path(folder) / "aicommons.zip"
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(root.rglob("*.py")):
                archive.write(file, pathlib.Path("aicommons") / file.relative_to(root))
        # A server keeps a session's files under their names and takes no other content for one of them.
        path = made.rename(made.with_stem(f"aicommons-{hashlib.sha256(made.read_bytes()).hexdigest()[:16]}"))
        if hasattr(session, "addArtifacts"):
            session.addArtifacts(str(path), pyfile=True)
        else:
            session.sparkContext.addPyFile(str(path))


def load(session: "SparkSession", source: Source, used: Sequence[str]) -> "DataFrame":
    """Return the columns ``used`` of an owner's source, in this order; Spark reads nothing yet.

    Raises:
        errors.TableError: Spark cannot read it, or a column is missing.
    """
    with translated(source.name):
        reader = session.read
        match source.kind:
            case Kind.PARQUET:
                frame = reader.parquet(source.what)
            case Kind.CSV:
                frame = reader.option("header", "true").option("mode", "FAILFAST").csv(source.what)
            case Kind.TABLE:
                frame = reader.table(source.what)
            case Kind.QUERY:
                frame = session.sql(source.what)
        header = frame.columns
    missing = [name for name in used if name not in header]
    if missing:
        raise errors.TableError(
            "a column is missing",
            which=f"{source.name}, column {missing[0]}",
            expected=f"a column named {missing[0]}",
            got=", ".join(name[:40] for name in header[:20]),
        )
    return frame.select(*(f"`{name.replace('`', '``')}`" for name in used))


class translated:  # noqa: N801  a context manager
    """Turn Spark's own errors into ours; their text is not shown, it may hold values of cells."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, _: object) -> None:
        """Raise ``errors.TableError`` for an error of Spark's."""
        from pyspark import errors as spark_errors

        if isinstance(err, spark_errors.PySparkException):
            raise errors.TableError(
                "Spark cannot read it",
                which=self._name,
                got=err.getCondition() or type(err).__name__,
                next_step="see Spark's own log",
            ) from err


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """The complete rows of one batch."""

    features: Numbers
    """float64[n, p], raw units; categories as 0/1 columns."""
    target: Numbers
    """float64[n]: class index, or the raw value."""
    groups: tuple[str, ...] | None
    """Group of each row, or ``None`` when the plan names no group column."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """How batches become numbers; sent to the workers."""

    name: str
    """How messages call the source."""
    plan: schema.Schema
    """What the columns must be."""
    group: str | None
    """Column whose equal values belong together."""

    @property
    def used(self) -> tuple[str, ...]:
        """The columns that are asked for."""
        names = (*(feature.name for feature in self.plan.features), self.plan.target.name)
        return names if self.group is None else (*names, self.group)

    def block(self, batch: "pa.RecordBatch") -> Block:
        """Return a batch's complete rows.

        Raises:
            errors.TableError: text in a number or an unknown level; names the column, never the value.
        """
        declared: tuple[schema.Feature | schema.Target, ...] = (*self.plan.features, self.plan.target)
        numbers = [self._numbers(each, batch.column(index)) for index, each in enumerate(declared)]
        needed = numbers if self.plan.missing is schema.Missing.DROP else numbers[-1:]
        kept = ~np.isnan(np.stack(needed)).any(axis=0)
        groups = None
        if self.group is not None:
            texts = [_text(value).strip() for value in batch.column(len(declared)).to_pylist()]
            kept &= np.array([text.lower() not in columns.MISSING for text in texts], dtype=np.bool_)
            groups = tuple(text for text, stays in zip(texts, kept, strict=True) if stays)
        everything = bool(kept.all())
        chosen = numbers if everything else [each[kept] for each in numbers]
        return Block(_matrix(self.plan, chosen[:-1]), np.ascontiguousarray(chosen[-1]), groups)

    def _numbers(self, declared: schema.Feature | schema.Target, cells: "pa.Array") -> Numbers:
        """Return one column as float64[n], NaN where missing: numbers, or the index of the level."""
        import pyarrow as pa

        is_number = pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type)
        if declared.labels is None and is_number:
            return _floats(cells)
        if declared.labels is None and pa.types.is_decimal(cells.type):
            return _floats(cells.cast(pa.float64()))
        encoded = cells.dictionary_encode()
        known = np.array([self._number(declared, _text(value)) for value in encoded.dictionary.to_pylist()])
        if np.isneginf(known).any():
            raise self._refusal(declared)
        places = encoded.indices
        if not places.null_count:
            return known[places.to_numpy()]  # type: ignore[no-any-return]
        return np.append(known, math.nan)[places.fill_null(len(known)).to_numpy()]  # type: ignore[no-any-return]

    def _number(self, declared: schema.Feature | schema.Target, text: str) -> float:
        """Return what one spelling stands for: NaN for a gap, minus infinity for what does not fit."""
        if declared.labels is not None:
            code = _codes(declared.labels).get(columns.label(text))
            if code is not None:
                return code
        if text.strip().lower() in columns.MISSING:
            return math.nan
        number = None if declared.labels is not None else sources.parse_number(text, decimal_comma=False)
        return -math.inf if number is None else abs(number) if math.isinf(number) else number

    def _refusal(self, declared: schema.Feature | schema.Target) -> errors.TableError:
        levels = declared.labels
        return errors.TableError(
            "an unknown category" if levels is not None else "text in a numeric column",
            which=f"{self.name}, column {declared.name}",
            expected="a number" if levels is None else f"one of {', '.join(levels[:12])}",
            got="another value",
        )


def _codes(labels: tuple[str, ...]) -> Mapping[str, float]:
    return {columns.label(label): float(index) for index, label in enumerate(labels)}


def _floats(cells: "pa.Array") -> Numbers:
    return np.asarray(cells.to_numpy(zero_copy_only=False), dtype=np.float64)


def _text(value: object) -> str:
    """Return a cell as a file would spell it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _matrix(plan: schema.Schema, numbers: Sequence[Numbers]) -> Numbers:
    """Return float64[n, p]: numbers as they are, categories as one column of 0 and 1 for each level; a gap is no level."""
    rows = len(numbers[0])
    matrix = np.zeros((rows, plan.width))
    start = 0
    for feature, values in zip(plan.features, numbers, strict=True):
        if feature.levels is None:
            matrix[:, start] = values
            start += 1
            continue
        present = np.flatnonzero(~np.isnan(values))
        matrix[present, start + values[present].astype(np.intp)] = 1.0
        start += len(feature.levels)
    return matrix
