"""Tables in Spark, driven from this process and behind a Connect server: the sums, splits and refusals of a file."""

import contextlib
import csv
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from aicommons.data import mapping, prepared, reading, sources
from aicommons.data.formats import spark
from aicommons.domain import documents, errors, schema
from aicommons.learning import describe, intervals, recipe, records, splitting
from aicommons.learning.learners import discrete_survival, glm, mlp
from aicommons.node import agent, spark_tables, tables
from aicommons.protocol import coverage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(400),  # the first job of a session starts the workers
    pytest.mark.skipif(shutil.which("java") is None, reason="java is not installed, and Spark needs it"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

ROWS = 20_000
LEVELS = ("p", "q", "r")
TARGETS = {
    "binomial": schema.Target(schema.Task.BINOMIAL, "y2", classes=("no", "yes")),
    "gaussian": schema.Target(schema.Task.GAUSSIAN, "y", lo=-30.0, hi=30.0),
    "multinomial": schema.Target(schema.Task.MULTINOMIAL, "y3", classes=("0", "1", "2")),
    "survival": schema.Target(
        schema.Task.SURVIVAL, "days", lo=0.0, hi=30.0, event=schema.category("died", ("no", "yes"))
    ),
}
CLOSE = 1e-9


@dataclasses.dataclass(frozen=True)
class Made:
    """One table, as Parquet and as CSV."""

    parquet: pathlib.Path
    csv: pathlib.Path


def _columns() -> dict[str, list[Any]]:
    rng = np.random.default_rng(11)
    a, b = np.clip(rng.normal(size=(2, ROWS)), -9, 9)
    kind = rng.integers(0, 3, ROWS)
    y = np.clip(2 * a - b + kind + rng.normal(size=ROWS), -30, 30)
    gap_a, gap_kind = rng.random(ROWS) < 0.1, rng.random(ROWS) < 0.05
    return {
        "a": [None if gap else value for gap, value in zip(gap_a, a.tolist(), strict=True)],
        "b": b.tolist(),
        "kind": [None if gap else LEVELS[index] for gap, index in zip(gap_kind, kind, strict=True)],
        "person": [f"person {number}" for number in rng.integers(0, 700, ROWS)],
        "y": y.tolist(),
        "y2": ["yes" if value > 0 else "no" for value in y],
        "y3": np.digitize(y, [-1.0, 1.0]).tolist(),
        "days": np.abs(y).tolist(),
        "died": ["yes" if value > 0 else "no" for value in b],
        "unused": ["left where it is"] * ROWS,
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Write the table, the Parquet one as a folder of files with several groups of rows."""
    import pyarrow as pa
    from pyarrow import parquet

    folder = tmp_path_factory.mktemp("spark")
    columns = _columns()
    table = pa.table(columns)
    (folder / "rows").mkdir()
    for index in range(3):
        part = table.slice(index * ROWS // 3, (index + 1) * ROWS // 3 - index * ROWS // 3)
        parquet.write_table(part, folder / "rows" / f"{index}.parquet", row_group_size=3000)
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(
            [["" if cell is None else cell for cell in row] for row in zip(*columns.values(), strict=True)]
        )
    return Made(folder / "rows", folder / "rows.csv")


@pytest.fixture(scope="module")
def connect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a Connect server that does not have our source on its path."""
    import pyspark

    home = pathlib.Path(pyspark.__file__).parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "ui.enabled": "false",
        "driver.host": "127.0.0.1",
        "driver.bindAddress": "127.0.0.1",
        "connect.grpc.binding.address": "127.0.0.1",
        "connect.grpc.binding.port": str(port),
    }
    options = [text for name, value in settings.items() for text in ("--conf", f"spark.{name}={value}")]
    command = [home / "bin" / "spark-submit", "--master", "local[2]", *options]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    log = tmp_path_factory.mktemp("connect") / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, env=environment, cwd=log.parent, start_new_session=True
        )
    try:
        limit = time.monotonic() + 60
        while "Connect server started" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < limit, log.read_text()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
        yield f"sc://127.0.0.1:{port}"
        spark.connect(f"sc://127.0.0.1:{port}").stop()  # at exit it would go on trying to reach a server that is gone
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="module")
def classic_server() -> Iterator[str]:
    """Give a master that this process drives."""
    yield "local[2]"
    spark.connect("local[2]").stop()


@pytest.fixture(params=["classic", "connect"])
def server(request: pytest.FixtureRequest) -> str:
    """Give each kind of server in turn."""
    return request.getfixturevalue(f"{request.param}_server")


def _plan(task: str, *, missing: schema.Missing = schema.Missing.DROP, learner: Any = None) -> recipe.Recipe:
    features = (schema.numeric("a", -9, 9), schema.numeric("b", -9, 9), schema.category("kind", LEVELS))
    target = TARGETS[task]
    if task == "survival":
        regression = discrete_survival.DiscreteSurvival(intervals.even(target, 5))
        return recipe.Recipe("discrete_survival", schema.Schema(features, target, missing), regression)
    return recipe.Recipe("glm", schema.Schema(features, target, missing), learner or glm.Glm(target.task))


def _document(plan: recipe.Recipe, group: str | None = None) -> documents.Plan:
    return documents.Plan("A plan", recipe.to_plan(plan), "sums", 30, 7, group)


def _in_spark(server: str, made: Made, plan: recipe.Recipe, group: str | None = None, **other: Any) -> recipe.Rows:
    source = spark.Source(server, **{"kind": spark.Kind.PARQUET, "what": str(made.parquet), **other})
    wanted = reading.Wanted(plan.schema, group, reading.Checks(min_rows=10))
    return spark_tables.read(source, wanted, _document(plan, group))[0]


def _local(plan: recipe.Recipe) -> recipe.Rows:
    """Return the same rows in memory, split by their content as Spark's are."""
    columns = _columns()
    numbers = np.array(
        [[np.nan if cell is None else cell for cell in columns[name]] for name in "ab"], dtype=np.float64
    ).T
    kinds = np.array([[cell == level for level in LEVELS] for cell in columns["kind"]], dtype=np.float64)
    labels = plan.schema.target.labels
    values = columns[plan.schema.target.name]
    target = np.array([value if labels is None else labels.index(str(value)) for value in values], dtype=np.float64)
    if plan.schema.target.event is not None:
        target = np.where(np.array(columns["died"]) == "yes", target, -target)
    features = np.hstack([numbers, kinds])
    if plan.schema.missing is schema.Missing.DROP:
        whole = ~np.isnan(numbers[:, 0]) & (kinds.sum(axis=1) == 1)
        features, target = features[whole], target[whole]
    held = splitting.by_content(np.column_stack([features, target]), seed=7, share=0.3)
    return recipe.Rows(*(records.Table(features[part], target[part]) for part in (~held, held)))


def _plain(name: str, vector: Any) -> Any:
    """Return a block as numbers: round 0's is cut into limbs."""
    return np.array(describe.join_limbs(vector)) / 2.0**40 if name == describe.BLOCK_NAME else vector


def _rounds(plan: recipe.Recipe, one: recipe.Rows, other: recipe.Rows) -> None:
    """Hold two sites' sums against each other in round 0, one fit and the evaluation."""
    value, rng = plan.initial(), np.random.default_rng(0)
    for _ in range(2):
        sums = plan.contribute(value, one, rng=rng)[0]
        expected = plan.contribute(value, other, rng=rng)[0]
        for name in expected:
            got, wanted = (_plain(name, each[name]) for each in (sums, expected))
            assert np.abs(got - wanted).max() <= CLOSE * max(1.0, np.abs(wanted).max()), name
        value = plan.combine(value, [expected])


CASES = [
    ("classic", "binomial", schema.Missing.DROP),
    ("classic", "gaussian", schema.Missing.FILL),
    ("classic", "multinomial", schema.Missing.DROP),
    ("classic", "survival", schema.Missing.FILL),
    ("connect", "binomial", schema.Missing.FILL),
]


@pytest.mark.parametrize(("mode", "task", "missing"), CASES)
def test_spark_gives_the_sums_of_memory(
    mode: str, task: str, missing: schema.Missing, made: Made, request: pytest.FixtureRequest
) -> None:
    """Round 0, gradient, curvature, loss and evaluation are equal to 1e-9, gaps dropped or filled."""
    plan = _plan(task, missing=missing)
    _rounds(plan, _in_spark(request.getfixturevalue(f"{mode}_server"), made, plan), _local(plan))


def test_whole_groups_are_held_out_as_from_a_file(server: str, made: Made) -> None:
    """With a group column the split is the one that the CSV of the same rows gets at a node."""
    plan = _plan("binomial")
    document = _document(plan, "person")
    read = reading.read_table(made.csv, plan.schema, group="person")
    _rounds(plan, _in_spark(server, made, plan, "person"), tables.split_rows(read, document, plan.schema))


def test_a_csv_and_a_query_give_the_rows_of_the_parquet_files(classic_server: str, made: Made) -> None:
    """Texts in a CSV become the numbers that the typed columns hold; a query and a view are tables too."""
    plan = _plan("gaussian", missing=schema.Missing.FILL)
    expected = _local(plan)
    query = f"SELECT * FROM parquet.`{made.parquet}`"
    spark.connect(classic_server).sql(query).createOrReplaceTempView("visits")
    for kind, what in ((spark.Kind.CSV, str(made.csv)), (spark.Kind.QUERY, query), (spark.Kind.TABLE, "visits")):
        rows = _in_spark(classic_server, made, plan, kind=kind, what=what)
        first, second = (
            plan.contribute(plan.initial(), each, rng=np.random.default_rng(0))[0] for each in (rows, expected)
        )
        gap = _plain(describe.BLOCK_NAME, first["description"]) - _plain(describe.BLOCK_NAME, second["description"])
        assert np.abs(gap).max() < CLOSE * ROWS


def test_the_same_files_give_the_same_bits(classic_server: str, made: Made) -> None:
    """Partial sums are added in the order of the partitions, so a repeated round sends the same vector."""
    plan = _plan("multinomial")
    value = plan.combine(
        plan.initial(), [plan.contribute(plan.initial(), _local(plan), rng=np.random.default_rng(0))[0]]
    )
    rows = _in_spark(classic_server, made, plan)
    first, second = (plan.contribute(value, rows, rng=np.random.default_rng(0))[0] for _ in range(2))
    assert {name: vector.tobytes() for name, vector in first.items()} == {
        name: vector.tobytes() for name, vector in second.items()
    }


def _with_target(plan: recipe.Recipe, target: schema.Target) -> recipe.Recipe:
    return dataclasses.replace(plan, schema=dataclasses.replace(plan.schema, target=target))


def _with_kind(plan: recipe.Recipe, feature: schema.Feature) -> recipe.Recipe:
    return dataclasses.replace(plan, schema=dataclasses.replace(plan.schema, features=(feature,)))


PLANS: dict[str, tuple[Any, str]] = {
    "no such column": (lambda plan: _with_kind(plan, schema.numeric("c", 0, 1)), "column c"),
    "text in a number": (lambda plan: _with_kind(plan, schema.numeric("person", 0, 1)), "text in a numeric column"),
    "unknown level": (lambda plan: _with_kind(plan, schema.category("kind", ("p", "q"))), "an unknown category"),
    "out of range": (lambda plan: _with_kind(plan, schema.numeric("b", -0.5, 0.5)), "out of its declared bounds"),
    "unknown class": (
        lambda plan: _with_target(plan, schema.Target(schema.Task.BINOMIAL, "y3", classes=("0", "1"))),
        "an unknown category",
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_what_does_not_fit_is_refused_in_our_words(classic_server: str, made: Made, name: str) -> None:
    """The column is named, no value and no trace of Spark's is shown."""
    change, said = PLANS[name]
    plan = change(_plan("binomial"))
    with pytest.raises((errors.TableError, errors.ContributionRefused), match=said) as caught:
        plan.contribute(plan.initial(), _in_spark(classic_server, made, plan), rng=np.random.default_rng(0))
    assert "person 1" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


@dataclasses.dataclass
class Persons:
    """Everybody whose number is even consents."""

    column = "person"
    digest = bytes(32)

    def is_consented(self, key: str) -> bool:
        """Return whether a number is even."""
        return int(key.removeprefix("person ")) % 2 == 0


def test_a_described_table_is_read_as_a_file_is(classic_server: str, made: Made, tmp_path: pathlib.Path) -> None:
    """The owner's mapping, persons without consent and persons in several groups are treated as for a CSV of the same rows."""
    plan = _plan("binomial", missing=schema.Missing.FILL)
    columns = {"a": mapping.Column("b", factor=0.5), "kind": mapping.Column("y3", codes={"0": "p", "1": "q", "2": "r"})}
    mapped = mapping.Mapping(columns)
    body = {"kind": "spark", "server": classic_server, "read": "parquet", "what": str(made.parquet)}
    described = sources.from_document(body, tmp_path)
    kept = tmp_path / "mapping.json"
    kept.write_text(json.dumps(mapping.to_document(mapped)))
    terms = agent.RunDocuments(plan, _document(plan, "unused"), documents.RunTerms("a purpose", (), 60, 10, "no DP"))
    rows = []
    for index, source in enumerate((made.csv, described)):
        own = tables.OwnTable(source, 10, mapping_file=kept, person="person")
        wanted = dataclasses.replace(own.wanted(terms), persons=Persons())
        if index:
            rows.append(spark_tables.read(spark.from_body(described.body), wanted, terms.plan)[0])
        else:
            division = tables.division(terms.plan, plan.schema)
            rows.append(tables.divided(prepared.prepare(source, wanted, tmp_path / "kept", division)))
    _rounds(plan, rows[1], rows[0])
    assert 0 < rows[0].train.rows < ROWS  # one group of everybody ties all persons together
    assert rows[1].held_out.rows == rows[0].held_out.rows == 0
    opened = sources.open_source(described)
    assert reading.read_table(opened, plan.schema, persons=Persons(), mapped=mapped).rows == rows[0].train.rows


@dataclasses.dataclass
class Some:
    """Some people consent, named by a column of numbers or of texts."""

    column: str
    people: frozenset[str]
    digest = bytes(32)

    def is_consented(self, key: str) -> bool:
        """Return whether a person is among them."""
        return key in self.people


WHO = {
    "texts": Some("person", frozenset(f"person {number}" for number in range(0, 700, 3))),
    "numbers": Some("y3", frozenset("02")),
    "nobody": Some("person", frozenset()),
}


@pytest.mark.parametrize("name", WHO)
def test_the_people_whose_rows_are_added_up_are_those_of_a_file(server: str, made: Made, name: str) -> None:
    """Who consents and has whole rows is told as a file's reader tells it, and the sums are of these rows."""
    plan, persons = _plan("gaussian"), WHO[name]
    wanted = reading.Wanted(plan.schema, None, reading.Checks(min_rows=0), persons)
    source = spark.Source(server, spark.Kind.PARQUET, str(made.parquet))
    rows, people = spark_tables.read(source, wanted, _document(plan))
    read = reading.table_of(made.csv, wanted)
    assert people == read.persons
    assert rows.train.rows + rows.held_out.rows == read.rows
    if people:
        _rounds(plan, rows, tables.split_rows(read, _document(plan), plan.schema))


def test_person_keys_come_in_batches(classic_server: str, made: Made) -> None:
    """More keys than a batch holds are all held against the register, none of them twice."""
    query = (
        "SELECT concat('p', id % 150000) AS person, double(id % 7) AS b, 'p' AS kind, 'yes' AS y2 FROM range(400000)"
    )
    source = spark.Source(classic_server, spark.Kind.QUERY, query)
    asked: list[str] = []

    class Asked(Some):
        def is_consented(self, key: str) -> bool:
            asked.append(key)
            return super().is_consented(key)

    few = Asked("person", frozenset({"p1", "p149999"}))
    plan = _with_kind(_plan("binomial"), schema.numeric("b", 0, 9))
    wanted = reading.Wanted(plan.schema, None, reading.Checks(min_rows=0), few)
    rows, people = spark_tables.read(source, wanted, _document(plan))
    assert people == ("p1", "p149999")
    assert (len(asked), len(set(asked))) == (150_000, 150_000)
    assert rows.train.rows + rows.held_out.rows == 5


USE = coverage.Use(frozenset(), False, bytes(32), 1, frozenset(), bytes(32))
"""A use for which nobody's consent is asked."""


def test_other_refusals(server: str, made: Made, tmp_path: pathlib.Path) -> None:
    """Too few rows, no such file, a network, an unknown dataset: each with the way out."""
    plan = _plan("binomial")
    body = {"kind": "spark", "server": server, "read": "parquet", "what": str(made.parquet)}
    own = tables.OwnTable(sources.from_document(body, tmp_path), ROWS + 1)
    node = tables.OwnerTables(lambda _: own, tmp_path)
    terms = agent.RunDocuments(plan, _document(plan), documents.RunTerms("a purpose", (), 60, 10, "no DP"))
    with pytest.raises(errors.TableError, match="minimum cohort"):
        plan.contribute(plan.initial(), node.bring(1, terms, USE).rows, rng=np.random.default_rng(0))
    with pytest.raises(errors.TableError, match="Spark cannot read it"):
        _in_spark(server, made, plan, what=str(tmp_path / "nothing"))
    network = _plan("binomial", learner=mlp.make(schema.Task.BINOMIAL, (2,)))
    first = network.contribute(network.initial(), _local(network), rng=np.random.default_rng(0))[0]
    with pytest.raises(errors.ContributionRefused, match="only be added over"):
        network.contribute(
            network.combine(network.initial(), [first]), _in_spark(server, made, network), rng=np.random.default_rng(0)
        )
