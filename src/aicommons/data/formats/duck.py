"""One SELECT over files of the owner, by DuckDB, which may read these files and nothing else.

Opened by ``sources``. Each query runs in a database in memory of its own: no file of its own, no network, no extension,
settings locked before the query is seen. Needs the extra ``tables``.
"""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from aicommons.data import batches
from aicommons.data.formats import arrow, extras, files, sql
from aicommons.domain import errors, schema

if TYPE_CHECKING:
    import duckdb

MEMORY = "512MB"
"""What sorting and joining may take before DuckDB goes to its temporary folder."""
READERS = {"parquet": "read_parquet", ".json": "read_json_auto", ".ndjson": "read_json_auto"}
"""Kind by first bytes, or suffix -> DuckDB's function; delimited text otherwise."""
CSV_TYPES = "auto_type_candidates=['BIGINT', 'DOUBLE', 'DATE', 'TIMESTAMP', 'VARCHAR']"
"""Without truth values: DuckDB takes a column of yes and no for one, and its texts would be gone."""


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One query over files."""

    query: str
    """The SELECT."""
    tables: Mapping[str, pathlib.Path]
    """Name in the query -> file."""
    header: tuple[str, ...]
    """Names of the query's columns."""
    notices: tuple[str, ...] = ()
    """Nothing is decided on opening."""

    unit = "row"
    decimal_comma = False
    declared: ClassVar[Mapping[str, schema.Feature]] = {}

    @property
    def name(self) -> str:
        """What messages call it."""
        return "query over " + batches.shown([path.name for path in self.tables.values()])

    def identity(self) -> str:
        """Return a digest of the query and the files."""
        content = {name: files.digest_of(path) for name, path in self.tables.items()}
        return hashlib.sha256(json.dumps([self.query, content], sort_keys=True).encode()).hexdigest()

    def batches(self, names: Sequence[str]) -> Iterator[batches.Batch]:
        """Yield the query's rows; raises ``errors.TableError`` where DuckDB cannot go on."""
        for name in names:
            batches.check_column(self, name)
        with _run(self.query, self.tables) as relation:
            yield from arrow.cut(self, relation.to_arrow_reader(batches.MOST_ROWS), names)


def inspect(body: Mapping[str, Any]) -> Source:
    """Return the query's columns.

    Raises:
        errors.InputError: not one SELECT, or the extra is not installed.
        errors.TableError: a file cannot be read, or the query fails.
    """
    query = str(body["query"])
    sql.check_query(query)
    tables = {name: pathlib.Path(path) for name, path in body["files"].items()}
    for path in tables.values():
        files.kind_of(path)  # whether it can be read at all, in words of ours
    with _run(query, tables) as relation:
        header = tuple(name.strip() for name in relation.columns)
    batches.check_header("query", header)
    return Source(query, tables, header)


@contextlib.contextmanager
def _run(query: str, tables: Mapping[str, pathlib.Path]) -> "Iterator[duckdb.DuckDBPyRelation]":
    extras.need("duckdb", "tables")
    import duckdb

    name = "query over " + batches.shown([path.name for path in tables.values()])
    with tempfile.TemporaryDirectory(prefix="commons-query-") as scratch:
        try:
            with duckdb.connect(":memory:", config=_settings(scratch)) as connection:
                connection.execute("SET allowed_paths=$paths", {"paths": [str(path) for path in tables.values()]})
                for table, path in tables.items():
                    # The name was checked to be an identifier; views take no parameters, so the path is quoted.
                    quoted = str(path).replace("'", "''")
                    connection.execute(f'CREATE VIEW "{table}" AS SELECT * FROM {_reader(path, quoted)}')  # noqa: S608
                connection.execute("SET enable_external_access=false")
                connection.execute("SET lock_configuration=true")
                (statement,) = duckdb.extract_statements(query)
                if statement.type != duckdb.StatementType.SELECT:
                    raise errors.InputError(
                        "the query is not a single SELECT", which="source.query", expected="one SELECT"
                    )
                yield connection.sql(query.strip().removesuffix(";"))
        except duckdb.Error as err:
            raise errors.TableError(
                "the query over the files failed",
                which=name,
                expected="rows",
                got=type(err).__name__,
                next_step="Check names of tables and columns; it may read the named files only.",
            ) from err


def _settings(scratch: str) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": MEMORY,
        "threads": 2,
        "temp_directory": scratch,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "preserve_insertion_order": True,
    }


def _reader(path: pathlib.Path, quoted: str) -> str:
    """Return the function call that reads a file, whose path is quoted already."""
    function = READERS.get(files.kind_of(path) or path.suffix.lower())
    return f"read_csv('{quoted}', {CSV_TYPES})" if function is None else f"{function}('{quoted}')"
