"""Arrow files and streams, and the one place where an Arrow column becomes cells: Parquet, DuckDB and Spark use it too.

Opened by ``sources``. Files are mapped and read record batch by record batch. Needs the extra ``tables``.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from aicommons.data import batches
from aicommons.data.formats import extras, files
from aicommons.domain import errors, schema

if TYPE_CHECKING:
    import pyarrow as pa

KIND = "an Arrow file"


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One Arrow IPC file or stream."""

    path: pathlib.Path
    """Where it is."""
    header: tuple[str, ...]
    """Column names."""
    notices: tuple[str, ...] = ()
    """Nothing is decided on opening."""

    unit = "row"
    decimal_comma = False
    declared: ClassVar[Mapping[str, schema.Feature]] = {}

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def identity(self) -> str:
        """Return the digest of the file."""
        return files.digest_of(self.path)

    def batches(self, names: Sequence[str]) -> Iterator[batches.Batch]:
        """Yield the rows; raises ``errors.TableError`` where the file is damaged or a column holds no cells."""
        for name in names:
            batches.check_column(self, name)
        with damage(self.name, KIND), _reader(self.path) as (_, parts):
            yield from cut(self, parts, names)


def inspect(path: pathlib.Path) -> Source:
    """Return the file's columns.

    Raises:
        errors.TableError: damaged, or columns without names.
        errors.InputError: the extra is not installed.
    """
    with damage(path.name, KIND), _reader(path) as (header, _):
        names = tuple(name.strip() for name in header)
    batches.check_header(path.name, names)
    return Source(path, names)


def cut(opened: batches.Opened, parts: "Iterable[pa.RecordBatch]", names: Sequence[str]) -> Iterator[batches.Batch]:
    """Yield record batches as ours, at most 4,096 rows each.

    Args:
        opened: whose rows they are, for messages.
        parts: its record batches in order; their columns stand in the order of ``opened.header`` or bear its names.
        names: wanted columns.
    """
    first = 0
    for part in parts:
        places = {name.strip(): place for place, name in enumerate(part.schema.names)}
        for start in range(0, part.num_rows, batches.MOST_ROWS):
            rows = part.slice(start, batches.MOST_ROWS)
            cells = {name: cells_of(opened, name, rows.column(places[name])) for name in names}
            yield batches.Batch(first, range(first + 1, first + 1 + rows.num_rows), cells)
            first += rows.num_rows


def cells_of(opened: batches.Opened, name: str, column: "pa.Array[Any]") -> batches.Cells:
    """Return one Arrow column as cells.

    Raises:
        errors.TableError: it holds lists, structures or bytes.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type) or (pa.types.is_integer(column.type) and column.type.bit_width <= 32):
        return np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        found: list[str] = column.fill_null("").to_pylist()
        return found
    try:
        if pa.types.is_integer(column.type):
            with contextlib.suppress(pa.ArrowInvalid):  # beyond 2^53: kept as text below
                return np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
        return batches.from_values(column.to_pylist())
    except (TypeError, ValueError, OverflowError) as err:
        raise errors.TableError(
            "a column holds something that no cell can hold",
            which=batches.where(opened, column=name),
            expected="numbers, texts, dates or truth values",
            got=str(column.type),
            next_step="Leave the column out, or turn it into numbers or texts with a query (`--source FILE.json`, DuckDB).",
        ) from err


@contextlib.contextmanager
def _reader(path: pathlib.Path) -> "Iterator[tuple[list[str], Iterator[pa.RecordBatch]]]":
    extras.need("pyarrow", "tables")
    import pyarrow as pa

    with contextlib.ExitStack() as stack:
        try:
            mapped = stack.enter_context(pa.memory_map(str(path)))
        except OSError as err:
            raise files.unreadable(path, err) from err
        if files.kind_of(path) == "arrow":
            file = stack.enter_context(pa.ipc.open_file(mapped))
            yield file.schema.names, (file.get_batch(index) for index in range(file.num_record_batches))
        else:
            stream = stack.enter_context(pa.ipc.open_stream(mapped))
            yield stream.schema.names, iter(stream)


@contextlib.contextmanager
def damage(name: str, expected: str) -> Iterator[None]:
    """Say of a file that pyarrow cannot read what it should have been.

    Raises:
        errors.TableError: its bytes are not what they claim to be.
        errors.InputError: the extra is not installed.
    """
    extras.need("pyarrow", "tables")
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as err:
        raise files.damaged(name, expected) from err
