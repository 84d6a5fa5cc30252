"""One SELECT on a database, streamed; nothing is ever written there, and no password is in a description.

Opened by ``sources``. SQLite files are opened read-only by the engine itself; PostgreSQL sessions are read-only by
default *and* the query is the body of a server-side cursor, which takes a SELECT and nothing else. Other databases that
SQLAlchemy knows are refused until somebody tests them. What only the database can enforce (which tables, functions with
side effects) is the business of the account: give the node one that may read what it needs. Needs the extra ``tables``,
and ``postgres`` for PostgreSQL.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from aicommons.data import batches
from aicommons.data.formats import extras
from aicommons.domain import errors, schema

if TYPE_CHECKING:
    import sqlalchemy

SERVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgresql+psycopg": "postgresql+psycopg"}
"""Scheme of a URL -> SQLAlchemy's dialect and driver."""
BEGINNING = re.compile(r"\s*(--[^\n]*\n\s*|/\*.*?\*/\s*)*(select|with|values|table)\b", re.IGNORECASE | re.DOTALL)
CONNECT_SECONDS = 20
_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_TRANSACTION}


Cells = batches.Cells  # a method called ``batches`` hides the module inside its class


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One query on one database."""

    body: Mapping[str, object]
    """Its description."""
    header: tuple[str, ...]
    """Names of the query's columns."""
    notices: tuple[str, ...]
    """That it is read once per run."""

    unit = "row"
    decimal_comma = False
    declared: ClassVar[Mapping[str, schema.Feature]] = {}

    @property
    def name(self) -> str:
        """The database's name."""
        return _name(self.body)

    def identity(self) -> str:
        """Return a digest of the description: a database is read once and what was read is kept until it is erased.

        A SQLite file's content is not looked at either: it changes while others write to it.
        """
        return hashlib.sha256(json.dumps(dict(self.body), sort_keys=True).encode()).hexdigest()

    def batches(self, names: Sequence[str]) -> Iterator[batches.Batch]:
        """Yield the query's rows in the order in which the database gives them.

        Raises:
            errors.TableError: the database refused or ended the query.
        """
        for name in names:
            batches.check_column(self, name)
        wanted = [(name, self.header.index(name)) for name in names]
        first = 0
        with _rows(self.body) as (_, result):
            for chunk in result.partitions(batches.MOST_ROWS):
                cells = {name: self._cells(name, [row[place] for row in chunk]) for name, place in wanted}
                yield batches.Batch(first, range(first + 1, first + 1 + len(chunk)), cells)
                first += len(chunk)

    def _cells(self, name: str, values: Sequence[object]) -> Cells:
        try:
            return batches.from_values(values)
        except TypeError as err:
            raise errors.TableError(
                "a column holds something that no cell can hold",
                which=batches.where(self, column=name),
                expected="numbers, texts, dates or truth values",
                got=str(err).removeprefix("no cell: "),
                next_step="Leave the column out of the query, or turn it into numbers or texts there.",
            ) from err


def inspect(body: Mapping[str, object]) -> Source:
    """Return the query's columns, after connecting.

    Raises:
        errors.InputError: a database of another kind, a password in the URL, none where one is named, or another
            statement than one SELECT.
        errors.TableError: the database cannot be reached, or refuses the query.
    """
    check_query(str(body["query"]))
    with _rows(body) as (header, _):
        names = tuple(name.strip() for name in header)
    batches.check_header(_name(body), names)
    notice = f"{_name(body)}: a database is read once; what a run uses is kept until the run is over."
    return Source(body, names, (notice,))


def check_query(query: str) -> None:
    """Check that a query is one statement and begins as a SELECT does; the database refuses the rest.

    Raises:
        errors.InputError: it is not.
    """
    whole = query.strip().removesuffix(";")
    if BEGINNING.match(whole) is None or ";" in _without_texts(whole):
        raise errors.InputError(
            "the query is not a single SELECT",
            which="source.query",
            expected="one SELECT (or WITH … SELECT)",
            got="another statement, or several",
            next_step="Write one SELECT that gives the rows; nothing is ever written to a database.",
        )


def _without_texts(query: str) -> str:
    """Return the query without quoted texts and comments, in which a semicolon is no end."""
    return re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", " ", query, flags=re.DOTALL)


def _name(body: Mapping[str, object]) -> str:
    """Return the database's name without host, account or password."""
    return str(body["url"]).partition("?")[0].rstrip("/").rpartition("/")[2] or "database"


@contextlib.contextmanager
def _rows(body: Mapping[str, object]) -> "Iterator[tuple[Sequence[str], sqlalchemy.CursorResult[Any]]]":
    """Run the query on a connection of its own, which ends with it."""
    extras.need("sqlalchemy", "tables")
    from sqlalchemy import exc

    engine = _engine(body)
    try:
        with engine.connect() as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=batches.MOST_ROWS)
            # ``exec_driver_sql`` takes the text as it stands: a colon or a percent sign in it means nothing here.
            result = streamed.exec_driver_sql(str(body["query"]).strip().removesuffix(";"))
            with contextlib.closing(result):
                yield tuple(result.keys()), result
    except exc.SQLAlchemyError as err:
        raise errors.TableError(
            "the database did not answer the query",
            which=_name(body),
            expected="rows",
            got=_reason(err),
            next_step="Check that the database runs, and that its account may read what the query names.",
        ) from err
    finally:
        engine.dispose()


def _engine(body: Mapping[str, object]) -> "sqlalchemy.Engine":
    import sqlalchemy
    from sqlalchemy import exc, pool

    try:
        url = sqlalchemy.make_url(str(body["url"]))
    except exc.ArgumentError as err:
        raise errors.InputError(
            "not the address of a database", which="source.url", expected="sqlite:///… or postgresql://…"
        ) from err
    if url.drivername not in SERVERS:
        raise errors.InputError(
            "a database of another kind", which="source.url", expected="sqlite:///… or postgresql://…", got=url.drivername,
            next_step="Export a table, or query its files with DuckDB.",
        )  # fmt: skip
    if url.password is not None:
        raise errors.InputError(
            "a password stands in the address",
            which="source.url",
            expected="an address without one",
            next_step="Put it into an environment variable or a private file, and name that: password_variable or password_file.",
        )
    if url.drivername == "sqlite":
        return _sqlite(url, pool.NullPool)
    extras.need("psycopg", "postgres")
    named = url.set(drivername=SERVERS[url.drivername], password=_password(body))
    options = "-c default_transaction_read_only=on -c row_security=on"
    arguments = {"options": options, "connect_timeout": CONNECT_SECONDS, "application_name": "aicommons"}
    engine = sqlalchemy.create_engine(named, poolclass=pool.NullPool, connect_args=arguments)
    return engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")


def _sqlite(url: "sqlalchemy.URL", pool: Any) -> "sqlalchemy.Engine":
    import sqlalchemy

    path = pathlib.Path(url.database or "")
    if not path.is_file():
        raise errors.TableError(
            "the file cannot be read", which=str(path), expected="a SQLite database", got="no such file"
        )

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.set_authorizer(_may_only_read)
        return connection

    return sqlalchemy.create_engine("sqlite://", creator=connect, poolclass=pool)


def _may_only_read(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Allow reading and functions, but no attached files and no library loaded by a function."""
    if action == sqlite3.SQLITE_PRAGMA:  # SQLAlchemy asks on connecting
        is_fine = (first, second) == ("read_uncommitted", None)
    elif action == sqlite3.SQLITE_FUNCTION:
        is_fine = (second or "").lower() != "load_extension"
    else:
        is_fine = action in _READING
    return sqlite3.SQLITE_OK if is_fine else sqlite3.SQLITE_DENY


def _password(body: Mapping[str, object]) -> str | None:
    """Return the password from where the description says it is; ``None`` where it names no place."""
    variable, file = body.get("password_variable"), body.get("password_file")
    if variable is not None:
        value = os.environ.get(str(variable))
        if value is None:
            raise errors.InputError(
                "the database's password is not there",
                which=f"environment variable {variable}",
                next_step="Set it where the node and this command are started.",
            )
        return value
    if file is None:
        return None
    path = pathlib.Path(str(file))
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise errors.InputError(
                "others may read the password file",
                which=path.name,
                expected="a private file",
                next_step="chmod 600",
            )
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as err:
        raise errors.InputError("the password file cannot be read", which=str(path), got=err.strerror) from err


def _reason(err: Exception) -> str:
    """Return the kind of a database's error; its text may quote values of rows."""
    original = getattr(err, "orig", None)
    state = getattr(original, "sqlstate", None)
    name = type(original if original is not None else err).__name__
    return f"{name} ({state})" if state else name
