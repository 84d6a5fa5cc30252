"""Checking, mapping and rehearsing a source on the command line: before anything is published, and without a trace."""

import hashlib
import json
import pathlib
import socket
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from aicommons import app
from aicommons.node import agent, tables
from aicommons.protocol import coverage

SCHEMA: dict[str, Any] = {
    "features": [
        {"name": "age", "kind": "numeric", "lo": 0, "hi": 120},
        {"name": "sex", "kind": "category", "levels": ["f", "m"]},
    ],
    "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
}
PLAN = {"title": "Risk by age", "recipe": {"recipe": "glm", "schema": SCHEMA}}
Call = Callable[..., Any]
USE = coverage.Use(frozenset(), False, bytes(32), 1, frozenset(), bytes(32))


@pytest.fixture
def plan(tmp_path: pathlib.Path) -> str:
    """A plan's file."""
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    return str(tmp_path / "plan.json")


def written(folder: pathlib.Path, rows: list[str], header: str = "age,sex,outcome") -> str:
    """Write a table and return its path."""
    path = folder / "own.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


USUAL = [f"{20 + row % 40},{'fm'[row % 2]},{'yes' if row % 3 else 'no'}" for row in range(60)]


def everything(folder: pathlib.Path) -> dict[str, str]:
    """Return path -> digest of all files and folders."""
    paths = sorted(folder.rglob("*"))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in paths}


class Ear(threading.Thread):
    """Counts who connects to a port."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.heard = 0
        self._over = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def run(self) -> None:
        """Accept until the socket is closed."""
        while True:
            connection, _ = self._socket.accept()
            connection.close()
            if self._over:
                return
            self.heard += 1

    def close(self) -> None:
        """Stop listening; a last connection of our own ends the thread."""
        self._over = True
        own = socket.create_connection(self._socket.getsockname())
        own.close()
        self._socket.close()
        self.join(5)


@pytest.fixture
def ear() -> Iterator[Ear]:
    """A port that stands for ledger and store."""
    made = Ear()
    made.start()
    yield made
    made.close()


def test_a_dry_run_sends_and_keeps_nothing(call: Call, plan: str, ear: Ear, tmp_path: pathlib.Path) -> None:
    """Blocks, bytes and the smallest cell are shown; nobody is called, and home and scratch folders stay as they were."""
    home = tmp_path / "home"
    assert call(home, "init", "--name", "North", "--rpc", ear.url, "--store", ear.url).code == 0
    file = written(tmp_path, [*USUAL, "50,f,yes"])
    before = everything(tmp_path)
    said = call(home, "dataset", "dry-run", file, "--plan", plan, "--json")
    assert said.code == 0, said
    assert (said.json["sent"], said.json["rows"]) == (False, 61)
    described, fitted = said.json["rounds"]
    assert {(block["name"], block["encoding"]) for block in described["blocks"]} >= {("description", "integer")}
    assert {block["encoding"] for block in fitted["blocks"]} == {"bounded", "integer"}
    assert fitted["bytes"] > described["bytes"] > 0
    assert said.json["smallest_cells"][0]["rows"] >= 1
    assert everything(tmp_path) == before
    assert not list(pathlib.Path(tempfile.gettempdir()).glob("commons-dry-run-*"))
    assert ear.heard == 0


def test_a_dry_run_in_words(call: Call, plan: str, tmp_path: pathlib.Path) -> None:
    """A person reads what would leave, and which cells are smaller than the cohort asked for."""
    said = call(tmp_path / "none", "dataset", "dry-run", written(tmp_path, USUAL), "--plan", plan, "--min-cohort", "30")
    assert said.code == 0, said
    assert "Nothing was sent." in said.out
    assert "description" in said.out
    assert "fewer than 30" in said.out


def test_checking_counts(call: Call, plan: str, tmp_path: pathlib.Path) -> None:
    """What fits, gaps and broken rows are counted; more broken rows than allowed end with the first place."""
    file = written(tmp_path, [*USUAL, ",f,no", "old,f,no", "30,x,no"])
    refused = call(tmp_path, "dataset", "check", file, "--schema", plan)
    assert refused.code == 1
    assert "own.csv, column age, line 63: text in a numeric column" in refused.err
    assert "2 of 63 rows are broken, by column:\n    age 1\n    sex 1\n" in refused.err
    said = call(tmp_path, "dataset", "check", file, "--schema", plan, "--skip-broken", "5", "--json")
    assert (said.json["rows"], said.json["gaps"], said.json["broken"]) == (60, 1, 2)


def test_a_mapping_is_drafted_completed_and_used(call: Call, plan: str, tmp_path: pathlib.Path) -> None:
    """The draft maps what is beyond doubt and counts the rest; completed, the same table fits."""
    rows = [f"{20 + row % 40};{'Female' if row % 2 else 'MALE'};{'E11' if row % 3 else '-'}" for row in range(60)]
    (tmp_path / "plan2.json").write_text(json.dumps(PLAN).replace('"f", "m"', '"female", "male"'))
    file, out = written(tmp_path, rows, "AGE;Sex;Outcome"), tmp_path / "mapping.json"
    wanted = str(tmp_path / "plan2.json")
    drafted = call(tmp_path, "dataset", "map", file, "--schema", wanted, "--out", str(out), "--json")
    assert drafted.code == 0, drafted
    counted = {each["column"]: each for each in drafted.json["columns"]}
    assert counted["sex"]["faults"] == {}
    assert counted["outcome"]["faults"] == {"a code that the mapping does not know": 60}
    assert counted["outcome"]["spellings"] == 2
    assert "E11" not in drafted.out
    assert out.stat().st_mode & 0o077 == 0
    again = call(tmp_path, "dataset", "map", file, "--schema", wanted, "--out", str(out))
    assert "never overwritten" in again.err
    document = json.loads(out.read_text())
    document["columns"]["outcome"]["codes"] = {"E11": "yes", "-": "no"}
    out.write_text(json.dumps(document))
    whole = call(tmp_path, "dataset", "map", file, "--schema", wanted, "--mapping", str(out), "--json")
    assert whole.json["fits"] is True
    assert (
        call(tmp_path, "dataset", "check", file, "--schema", wanted, "--mapping", str(out), "--json").json["rows"] == 60
    )


WRONG = {
    "two sources": (["check", "own.csv", "--source", "x.json", "--schema", "plan.json"], "either FILE or --source"),
    "no source": (["check", "--schema", "plan.json"], "either FILE or --source"),
    "plan and run": (["dry-run", "own.csv", "--plan", "plan.json", "--run", "x"], "either --plan or --run"),
    "no plan": (["dry-run", "own.csv"], "either --plan or --run"),
    "more than half broken": (["check", "own.csv", "--schema", "plan.json", "--skip-broken", "51"], "51"),
    "mapping without schema": (
        ["publish", "own.csv", "--title", "t", "--target", "outcome", "--mapping", "m.json"],
        "a mapping needs --schema",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_usage_is_told(name: str, call: Call, plan: str, tmp_path: pathlib.Path) -> None:
    """Options that contradict each other are wrong usage, and nothing is read."""
    arguments, message = WRONG[name]
    said = call(tmp_path, "dataset", *arguments)
    assert said.code == 2
    assert message in said.err


@pytest.mark.slow("ledger and store are started once for all tests of this folder")
def test_a_described_source_is_published_and_read_by_the_node(founded: Any, tmp_path: pathlib.Path) -> None:
    """A SQLite query with a mapping, a person key and skipped rows is read by the node exactly as it was published."""
    with sqlite3.connect(tmp_path / "clinic.db") as connection:
        connection.execute("CREATE TABLE visits (years REAL, sex TEXT, outcome TEXT, patient INTEGER)")
        rows = [(20 + row % 40, "FM"[row % 2], ("yes" if row % 3 else "no"), row // 2) for row in range(80)]
        connection.executemany("INSERT INTO visits VALUES (?, ?, ?, ?)", [*rows, (500, "F", "no", 1)])
    connection.close()
    source = tmp_path / "source.json"
    source.write_text(json.dumps({"kind": "sql", "url": "sqlite:///clinic.db", "query": "SELECT * FROM visits"}))
    mapped = tmp_path / "mapping.json"
    columns = {"age": {"column": "years"}, "sex": {"column": "sex", "codes": {"F": "f", "M": "m"}}}
    mapped.write_text(json.dumps({"columns": columns}))
    schema = founded.write("schema-of-sources.json", SCHEMA)
    arguments = ["--source", str(source), "--mapping", str(mapped), "--person", "patient", "--skip-broken", "2"]
    made = founded.done("north", "dataset", "publish", *arguments, "--title", "Visits", "--schema", schema)
    assert made["rows"] == 80
    home = app.Home(founded.root / "north")
    assert str(tmp_path / "clinic.db") in home.datasets()[made["dataset"]]["path"]
    part = agent.Part(made["dataset"], 1)
    own = app.own_version(home, part)
    assert (own.person, own.most_broken) == ("patient", 0.02)
    rehearsed = founded.done(
        "north", "dataset", "dry-run", "--dataset", str(made["dataset"]), "--plan", founded.write("p.json", PLAN)
    )
    assert rehearsed["rows"] == 80
    node = tables.OwnerTables(lambda asked: app.own_version(home, asked), tmp_path / "prepared")
    found = node.bring(part, _terms(), USE).rows
    assert found.train.rows + found.held_out.rows == 80
    ages = {int(age) for age in found.train.features[:, 0]}
    assert all(age ^ 1 in ages for age in ages)  # both rows of a patient are on one side
    assert "patient" not in json.dumps(founded.done("north", "dataset", "show", str(made["dataset"]))["card"])


NOBODY = coverage.Use(frozenset(), False, bytes(32), 1, frozenset(), bytes(32))
"""A use for which nobody's consent is asked."""


def _terms() -> agent.RunDocuments:
    from aicommons.domain import documents
    from aicommons.learning import recipe

    made = recipe.from_plan(dict(PLAN["recipe"]))  # type: ignore[call-overload]
    plan = documents.Plan("A plan", recipe.to_plan(made), "sums", 30, 0, None)
    return agent.RunDocuments(made, plan, documents.RunTerms("DUO:0000007", (), 60, 10, "no DP"))


@pytest.mark.slow("ledger and store are started once for all tests of this folder")
def test_a_parquet_file_is_published_like_a_csv(founded: Any, tmp_path: pathlib.Path) -> None:
    """FILE may be any table; its columns are drafted from it."""
    ages, outcomes = [20 + row * 7 % 31 for row in range(60)], ["yes" if row % 3 else "no" for row in range(60)]
    pyarrow.parquet.write_table(pa.table({"age": ages, "outcome": outcomes}), tmp_path / "t.parquet")
    made = founded.done(
        "east", "dataset", "publish", str(tmp_path / "t.parquet"), "--title", "Parquet", "--target", "outcome"
    )
    assert made["rows"] == 60


@pytest.mark.slow("ledger and store are started once for all tests of this folder")
def test_a_mapping_is_kept_when_all_fits(founded: Any, tmp_path: pathlib.Path) -> None:
    """A mapping for a dataset of this home is kept only once nothing is left that it does not know."""
    file = written(tmp_path, USUAL)
    schema = founded.write("schema-of-sources.json", SCHEMA)
    made = str(founded.done("south", "dataset", "publish", file, "--title", "Mapped", "--schema", schema)["dataset"])
    kept = app.Home(founded.root / "south").mapping_file(int(made))
    other = founded.write("other.json", json.loads(json.dumps(SCHEMA).replace('"f", "m"', '"F", "m", "d"')))
    part = tmp_path / "part.json"
    part.write_text(json.dumps({"columns": {"sex": {"column": "sex", "codes": {"m": "m"}}}}))
    first = founded.done("south", "dataset", "map", "--dataset", made, "--schema", other, "--mapping", str(part))
    assert (first["fits"], kept.exists()) == (False, False)
    second = founded.done("south", "dataset", "map", "--dataset", made, "--schema", other)
    assert (second["fits"], kept.exists()) == (True, True)
    assert founded.done("south", "dataset", "show", made)["file"] == file
