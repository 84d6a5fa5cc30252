"""A SQLite file to which rows are only ever added: what was once written can neither be changed nor taken away through it.

Triggers in the file hold that rule, so that a later program holds it too. Called by ``register`` and ``notes``.
"""

import contextlib
import pathlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from aicommons.domain import errors


class AppendOnly:
    """One file, open in one process; a child process opens it anew."""

    def __init__(self, path: pathlib.Path, schema: str, tables: Sequence[str]) -> None:
        """Open the file at ``path``, made with ``schema`` if it is not there; raises ``errors.InputError``."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        try:
            path.touch(0o600)  # before SQLite does: its files beside this one take over the mode
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(schema + "".join(_guard(table) for table in tables))
        except (sqlite3.DatabaseError, OSError) as err:
            raise errors.InputError(
                "the consent register cannot be opened", which=str(path), next_step="restore the home from a backup"
            ) from err

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        return self._db.execute(query, values).fetchall()

    def first(self, query: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row of a query, if there is one."""
        row: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
        return row

    def add(self, statement: str, *values: object) -> None:
        """Add a row."""
        self._db.execute(statement, values)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Add all or nothing of what is added inside; raises ``errors.StorageFull``."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as err:
            if "full" in str(err):
                raise errors.StorageFull("no room left for the consent register", which=str(self._path)) from err
            raise


def _guard(table: str) -> str:
    refuse = "BEGIN SELECT RAISE(ABORT, 'append-only'); END;"
    return "".join(
        f"CREATE TRIGGER IF NOT EXISTS keep_{table}_{verb} BEFORE {verb} ON {table} {refuse}\n"
        for verb in ("UPDATE", "DELETE")
    )
