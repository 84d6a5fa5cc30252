"""Parquet files, read row group by row group with only the columns that are asked for.

Opened by ``sources``. Needs the extra ``tables``.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from aicommons.data import batches
from aicommons.data.formats import arrow, files
from aicommons.domain import schema

KIND = "a Parquet file"


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One Parquet file."""

    path: pathlib.Path
    """Where it is."""
    header: tuple[str, ...]
    """Names of its columns, stripped."""
    stored: Mapping[str, str]
    """The same -> as the file has them."""
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
        import pyarrow.parquet

        for name in names:
            batches.check_column(self, name)
        with arrow.damage(self.name, KIND), pyarrow.parquet.ParquetFile(self.path, pre_buffer=False) as file:
            wanted = [self.stored[name] for name in names]
            # Without columns there would be no rows; the first one stands for them.
            parts = file.iter_batches(
                batches.MOST_ROWS, columns=wanted or [self.stored[self.header[0]]], use_threads=False
            )
            yield from arrow.cut(self, parts, names)


def inspect(path: pathlib.Path) -> Source:
    """Return the file's columns.

    Raises:
        errors.TableError: damaged, or columns without names.
        errors.InputError: the extra is not installed.
    """
    with arrow.damage(path.name, KIND):
        import pyarrow.parquet

        stored = pyarrow.parquet.read_schema(path).names
    batches.check_header(path.name, [name.strip() for name in stored])
    return Source(path, tuple(name.strip() for name in stored), {name.strip(): name for name in stored})
