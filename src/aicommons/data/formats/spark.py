"""Tables in Apache Spark: sessions, and an owner's source as a data frame.

Called by ``node/spark_tables``, which has sums made in the cluster, and by ``sources`` where a command looks at rows itself.
Spark is asked for the used columns and nothing else: it parses, joins and aggregates nothing of ours. What a cell means is
``spark_reading``'s business. Left out: starting or securing a cluster. Needs the extra ``spark``.
"""

import dataclasses
import enum
import hashlib
import itertools
import json
import os
import pathlib
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

import aicommons
from aicommons.data import batches
from aicommons.domain import errors, schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Numbers = npt.NDArray[np.float64]
BATCH_ROWS = 2**16
"""Rows that Spark hands a worker at a time: few enough for its memory, enough to make a batch's fixed cost small."""
CONNECT = "sc://"
"""How the address of a Spark Connect server begins; any other is a master that this process drives itself."""


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


def from_body(body: Mapping[str, object]) -> Source:
    """Return the source that a description's fields name: ``{"server": ..., "read": ..., "what": ...}``."""
    return Source(str(body["server"]), Kind(body["read"]), str(body["what"]))


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A Spark table that was looked at; sent to the workers too, which only ask for its name and header."""

    source: Source
    header: tuple[str, ...]
    """Column names."""
    notices: tuple[str, ...] = ()
    """Nothing is decided on opening."""

    unit = "row"
    decimal_comma = False
    declared: ClassVar[Mapping[str, schema.Feature]] = {}

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.source.name

    def identity(self) -> str:
        """Return the digest of where the rows are: whether they changed there is not known without reading them."""
        told = json.dumps([self.source.server, self.source.kind.value, self.source.what])
        return f"spark {hashlib.sha256(told.encode()).hexdigest()}"

    def batches(self, names: Sequence[str]) -> Iterator[batches.Batch]:
        """Yield the rows one after the other, to this machine: for drafting and checking, never for training."""
        frame = load(connect(self.source.server), self.source, names)
        with translated(self.name):
            rows = frame.toLocalIterator()
            for first in itertools.count(0, batches.MOST_ROWS):
                part = list(itertools.islice(rows, batches.MOST_ROWS))
                if not part:
                    return
                found = {name: batches.from_values([row[place] for row in part]) for place, name in enumerate(names)}
                yield batches.Batch(first, range(first + 1, first + 1 + len(part)), found)


def inspect(body: Mapping[str, object]) -> Opened:
    """Return a described table's columns.

    Raises:
        errors.InputError: Spark is not installed or cannot be reached.
        errors.TableError: Spark cannot read it, or columns have no names of their own.
    """
    source = from_body(body)
    session = connect(source.server)
    with translated(source.name):
        header = tuple(_frame(session, source).columns)
    batches.check_header(source.name, header)
    return Opened(source, header)


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
            for file in sorted([*root.rglob("*.py"), *root.joinpath("domain").rglob("*.json")]):
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
        frame = _frame(session, source)
        opened = Opened(source, tuple(frame.columns))
        for name in used:
            batches.check_column(opened, name)
        return frame.select(*(f"`{name.replace('`', '``')}`" for name in used))


def _frame(session: "SparkSession", source: Source) -> "DataFrame":
    match source.kind:
        case Kind.PARQUET:
            return session.read.parquet(source.what)
        case Kind.CSV:
            return session.read.option("header", "true").option("mode", "FAILFAST").csv(source.what)
        case Kind.TABLE:
            return session.read.table(source.what)
        case Kind.QUERY:
            return session.sql(source.what)


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
