"""Databases are read and never written to: a real SQLite file, and a real PostgreSQL server started for these tests."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from aicommons.data import batches, reading, sources
from aicommons.domain import errors, schema

PLAN = schema.Schema(
    (schema.numeric("age", 0, 120), schema.category("sex", ("f", "m"))),
    schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes")),
)
COUNT = 3 * batches.MOST_ROWS
SECRET = "s3cret-never-shown"
READER, OWNER = "commons_reader", "commons_owner"

SELECTS = {
    "plain": "SELECT 1",
    "lower case with a semicolon at the end": "select 1;  ",
    "with": "WITH a AS (SELECT 1) SELECT * FROM a",
    "comments first": "-- rows\n/* of ; 2025 */ SELECT 1",
    "a semicolon in a text": "SELECT 'a;b', \"c;d\" FROM t",
}
OTHERS = {
    "two statements": "SELECT 1; DROP TABLE visits",
    "a comment between": "SELECT 1; -- harmless\nDELETE FROM visits",
    "delete": "DELETE FROM visits",
    "insert": "INSERT INTO visits VALUES (1)",
    "attach": "ATTACH 'other.db' AS other",
    "pragma": "PRAGMA writable_schema=ON",
    "copy": "COPY visits TO '/tmp/out.csv'",
    "nothing": "   ",
    "selection": "selection",
}


@pytest.mark.parametrize("name", SELECTS)
def test_one_select_is_taken(name: str) -> None:
    """A single SELECT passes, whatever stands in its texts and comments."""
    from aicommons.data.formats import sql

    sql.check_query(SELECTS[name])


@pytest.mark.parametrize("name", OTHERS)
def test_anything_but_one_select_is_refused(name: str) -> None:
    """Other statements, and several, are refused before a database hears of them."""
    from aicommons.data.formats import sql

    with pytest.raises(errors.InputError, match="not a single SELECT"):
        sql.check_query(OTHERS[name])


@pytest.fixture
def clinic(tmp_path: pathlib.Path) -> pathlib.Path:
    """A SQLite file."""
    path = tmp_path / "clinic.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE visits (age REAL, sex TEXT, ill TEXT)")
        connection.executemany("INSERT INTO visits VALUES (?, ?, ?)", [(63, "f", "yes"), (41.5, "m", "no")])
    connection.close()
    return path


def sqlite(path: pathlib.Path, query: str) -> sources.Named:
    """Describe a query on a SQLite file."""
    return sources.from_document({"kind": "sql", "url": f"sqlite:///{path.name}", "query": query}, path.parent)


def test_a_sqlite_file_is_read(clinic: pathlib.Path) -> None:
    """Rows of a query become arrays, and the notice says that a run keeps what it read."""
    table = reading.read_table(sqlite(clinic, "SELECT age, sex, ill FROM visits"), PLAN)
    assert table.features.tolist() == [[63, 1, 0], [41.5, 0, 1]]
    assert "read once" in table.notices[0]


WRITING = {
    "a write inside": "WITH gone AS (SELECT 1) DELETE FROM visits",
    "another file": "SELECT * FROM pragma_database_list",
    "a library": "SELECT load_extension('evil')",
    "no such table": "SELECT * FROM nowhere",
}


@pytest.mark.parametrize("name", WRITING)
def test_sqlite_itself_refuses_what_a_select_may_hide(name: str, clinic: pathlib.Path) -> None:
    """What passes for a SELECT and does something else is refused by the engine, and the file stays as it was."""
    before = clinic.read_bytes()
    with pytest.raises(errors.TableError, match="did not answer"):
        reading.read_table(sqlite(clinic, WRITING[name]), PLAN)
    assert clinic.read_bytes() == before
    assert sorted(path.name for path in clinic.parent.iterdir()) == ["clinic.db"]


def test_columns_of_several_types_are_told_by_row(clinic: pathlib.Path) -> None:
    """SQLite keeps texts in columns of numbers; the first one is named by its row, without its value."""
    with sqlite3.connect(clinic) as connection:
        connection.execute("INSERT INTO visits VALUES ('unknown', 'f', 'no')")
    connection.close()
    with pytest.raises(errors.TableError, match="text in a numeric column") as caught:
        reading.read_table(sqlite(clinic, "SELECT * FROM visits"), PLAN)
    assert caught.value.which == "clinic.db, column age, row 3"
    assert "unknown" not in str(caught.value)


def test_an_empty_query_and_an_absent_file(clinic: pathlib.Path) -> None:
    """No rows and no file are each named."""
    with pytest.raises(errors.TableError, match="the source has no rows"):
        reading.read_table(sqlite(clinic, "SELECT * FROM visits WHERE age > 200"), PLAN)
    with pytest.raises(errors.TableError, match="no such file"):
        reading.read_table(sqlite(clinic.with_name("other.db"), "SELECT 1"), PLAN)
    assert not clinic.with_name("other.db").exists()


URLS = {
    "a password in it": ("postgresql://reader:hunter2@db/clinic", "a password stands in the address"),
    "another kind": ("mysql://reader@db/clinic", "a database of another kind"),
    "no address": ("clinic", "not the address of a database"),
}


@pytest.mark.parametrize("name", URLS)
def test_addresses_that_are_refused(name: str) -> None:
    """A password in the address, and databases that nobody tested, are refused; the password is not repeated."""
    url, message = URLS[name]
    described = sources.from_document({"kind": "sql", "url": url, "query": "SELECT 1"}, pathlib.Path())
    with pytest.raises(errors.InputError, match=message) as caught:
        sources.open_source(described)
    assert "hunter2" not in str(caught.value)


def test_a_password_that_is_not_there(tmp_path: pathlib.Path) -> None:
    """A password's variable that is not set, and a file that others may read, are refused by name."""
    document = {"kind": "sql", "url": "postgresql://reader@localhost/clinic", "query": "SELECT 1"}
    with pytest.raises(errors.InputError, match="NOBODY_SET_THIS"):
        sources.open_source(sources.from_document({**document, "password_variable": "NOBODY_SET_THIS"}, tmp_path))
    (tmp_path / "password").write_text(SECRET)
    (tmp_path / "password").chmod(0o644)
    with pytest.raises(errors.InputError, match="others may read"):
        sources.open_source(sources.from_document({**document, "password_file": "password"}, tmp_path))


@dataclasses.dataclass(frozen=True)
class Server:
    """A PostgreSQL server of these tests."""

    folder: pathlib.Path
    """Its Unix socket's folder."""

    def url(self, account: str) -> str:
        """Return the address for an account."""
        return f"postgresql://{account}@/clinic?host={self.folder}"

    def source(self, query: str, account: str = READER, **more: object) -> sources.Named:
        """Describe a query."""
        document = {"kind": "sql", "url": self.url(account), "query": query, "password_file": "password", **more}
        return sources.from_document(document, self.folder)


def _program(name: str) -> pathlib.Path | None:
    """Return a program of PostgreSQL, from where Debian puts it or from PATH."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    on_path = shutil.which(name)
    return found[0] if found else pathlib.Path(on_path) if on_path else None


def _as_somebody() -> list[str]:
    """Return what starts a process as somebody else than root, whom PostgreSQL refuses to serve."""
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("PostgreSQL is not installed (nor setpriv, without which root cannot start it)")
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """A server on a Unix socket in a folder of its own, with a table of 12,288 rows and two accounts."""
    initdb, server = _program("initdb"), _program("postgres")
    if initdb is None or server is None:
        pytest.skip("PostgreSQL is not installed")
    psycopg = pytest.importorskip("psycopg")
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp" if sys.platform == "linux" else None) as name:
        folder = pathlib.Path(name)
        if os.getuid() == 0:
            os.chown(folder, 65534, 65534)
        (folder / "init").write_text(SECRET)
        (folder / "init").chmod(0o644)
        arguments = [
            "-D",
            f"{name}/data",
            "-U",
            OWNER,
            "-A",
            "scram-sha-256",
            f"--pwfile={name}/init",
            "-N",
            "-E",
            "UTF8",
        ]
        made = subprocess.run(
            [*_as_somebody(), initdb, *arguments], capture_output=True, text=True, check=False, cwd="/"
        )
        assert made.returncode == 0, made.stderr
        with _running(
            [*_as_somebody(), str(server), "-D", f"{name}/data", "-k", name, "-c", "listen_addresses=", "-F"]
        ):
            with psycopg.connect(host=name, user=OWNER, password=SECRET, dbname="postgres", autocommit=True) as owner:
                owner.execute("CREATE DATABASE clinic")
            with psycopg.connect(host=name, user=OWNER, password=SECRET, dbname="clinic", autocommit=True) as owner:
                owner.execute(
                    "CREATE TABLE visits (age numeric, sex text, ill text, born date, note bytea, agreed boolean)"
                )
                owner.execute(
                    "INSERT INTO visits SELECT i % 100, CASE WHEN i % 2 = 0 THEN 'f' ELSE 'm' END,"
                    f" CASE WHEN i % 3 = 0 THEN 'yes' ELSE 'no' END, '1970-01-02', 'x', true FROM generate_series(1, {COUNT}) i"
                )
                owner.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{SECRET}'")
                owner.execute(f"GRANT SELECT ON visits TO {READER}")
                owner.execute("CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM visits; SELECT 1'")
            (folder / "password").write_text(SECRET + "\n")
            (folder / "password").chmod(0o600)
            yield Server(folder)


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[None]:
    """Run a server until the end; it says on standard error when it is ready."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd="/")
    said: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        for line in process.stderr or ():
            said.append(line)
            if "ready to accept connections" in line:
                ready.set()
        ready.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        ready.wait(60)
        assert process.poll() is None, "".join(said)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        listener.join()
        if process.stderr is not None:
            process.stderr.close()


@pytest.mark.slow("a database server is started")
def test_postgresql_gives_the_rows(postgres: Server) -> None:
    """Numbers, texts, dates and truth values come as from a CSV, in batches, over one connection."""
    query = "SELECT age, sex, ill, born, agreed FROM visits ORDER BY ctid"
    table = reading.read_table(postgres.source(query), PLAN)
    assert table.rows == COUNT
    assert np.array_equal(table.features[:, 0], np.arange(1, COUNT + 1) % 100)
    first = next(iter(sources.open_source(postgres.source(query)).batches(["born", "agreed"])))
    assert (first.cells["born"][0], first.cells["agreed"][0]) == ("1970-01-02", "true")
    assert len(first.places) <= batches.MOST_ROWS


@pytest.mark.slow("a database server is started")
def test_postgresql_streams(postgres: Server) -> None:
    """The first batch comes while the query is at work: a result of 10^12 rows is never waited for."""
    endless = "SELECT a.age, a.sex, a.ill FROM visits a, visits b, visits c"
    found = sources.open_source(postgres.source(endless)).batches(["age"])
    assert len(next(found).places) == batches.MOST_ROWS
    found.close()  # type: ignore[attr-defined]  # a generator


PG_WRITES = {
    "a function that deletes": "SELECT wipe() AS age, 'f' AS sex, 'no' AS ill",
    "deleting in WITH": "WITH gone AS (DELETE FROM visits RETURNING *) SELECT * FROM gone",
    "into a new table": "SELECT * INTO copy FROM visits",
    "turning writing on": "SELECT set_config('transaction_read_only', 'off', false) AS age, wipe() AS sex, 'no' AS ill",
    "no such table": "SELECT * FROM nowhere",
}


@pytest.mark.slow("a database server is started")
@pytest.mark.parametrize("name", PG_WRITES)
def test_postgresql_itself_refuses_to_write(name: str, postgres: Server) -> None:
    """Even with the owner's account nothing can be changed through a source."""
    with pytest.raises(errors.TableError, match="did not answer"):
        reading.read_table(postgres.source(PG_WRITES[name], OWNER), PLAN)
    assert reading.read_table(postgres.source("SELECT age, sex, ill FROM visits"), PLAN).rows == COUNT


@pytest.mark.slow("a database server is started")
def test_postgresql_refusals_show_no_values(postgres: Server) -> None:
    """A query that fails on a row's value is refused without the value or the password."""
    with pytest.raises(errors.TableError) as caught:
        reading.read_table(postgres.source("SELECT sex::int AS age, sex, ill FROM visits"), PLAN)
    assert "22P02" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert '"m"' not in str(caught.value)
    with pytest.raises(errors.TableError, match="no cell can hold"):
        reading.read_table(postgres.source("SELECT note AS age, sex, ill FROM visits"), PLAN)


@pytest.mark.slow("a database server is started")
def test_a_wrong_password_is_refused(postgres: Server) -> None:
    """A server that does not let the account in is named, without the password."""
    (postgres.folder / "wrong").write_text("not it")
    (postgres.folder / "wrong").chmod(0o600)
    with pytest.raises(errors.TableError, match="did not answer") as caught:
        sources.open_source(postgres.source("SELECT 1", password_file="wrong"))
    assert "not it" not in str(caught.value)
