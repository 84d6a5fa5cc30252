"""Queries over files read the named files and nothing else."""

import pathlib

import pytest

from aicommons.data import reading, sources
from aicommons.domain import errors, schema

PLAN = schema.Schema(
    (schema.numeric("age", 0, 120),), schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes"))
)


def describe(folder: pathlib.Path, query: str, **files: str) -> sources.Description:
    """Describe a query over files of the folder."""
    return sources.from_document({"kind": "duckdb", "query": query, "files": files or {"visits": "visits.csv"}}, folder)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Two tables to join, and one that nobody named."""
    (tmp_path / "visits.csv").write_text("person,age\n1,63\n2,41\n3,20\n")
    (tmp_path / "labs.ndjson").write_text('{"person": 1, "ill": "yes"}\n{"person": 2, "ill": "no"}\n')
    (tmp_path / "secret.csv").write_text("age,ill\n1,yes\n")
    return tmp_path


def test_tables_are_joined(folder: pathlib.Path) -> None:
    """Several files are one source."""
    query = "SELECT age, ill FROM visits JOIN labs USING (person) ORDER BY person"
    table = reading.read_table(describe(folder, query, visits="visits.csv", labs="labs.ndjson"), PLAN)
    assert (table.features[:, 0].tolist(), table.target.tolist()) == ([63, 41], [1, 0])


REACHING = {
    "another file": "SELECT * FROM read_csv('{folder}/secret.csv')",
    "another file by name": "SELECT * FROM '{folder}/secret.csv'",
    "all files": "SELECT * FROM glob('{folder}/*')",
    "a file's text": "SELECT content AS age, 'no' AS ill FROM read_text('/etc/passwd')",
    "the network": "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "settings": "SELECT getenv('HOME') AS age, 'no' AS ill",
    "no such table": "SELECT * FROM nowhere",
}


@pytest.mark.parametrize("name", REACHING)
def test_a_query_cannot_reach_out(name: str, folder: pathlib.Path) -> None:
    """Other files, the network and settings are out of reach, and the message shows nothing of them."""
    with pytest.raises(errors.TableError, match=r"query over the files failed") as caught:
        reading.read_table(describe(folder, REACHING[name].format(folder=folder)), PLAN)
    assert "root:" not in str(caught.value)


STATEMENTS = {
    "copy": "COPY visits TO '{folder}/out.csv'",
    "two": "SELECT 1; COPY visits TO '{folder}/out.csv'",
    "set": "SET enable_external_access=true",
    "with copying": "WITH a AS (SELECT 1) INSERT INTO visits SELECT * FROM a",
    "values in a setting": "SELECT 1; RESET lock_configuration",
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_only_a_select_is_run(name: str, folder: pathlib.Path) -> None:
    """Other statements are refused and write nothing."""
    before = sorted(folder.iterdir())
    with pytest.raises(errors.InputError):
        reading.read_table(describe(folder, STATEMENTS[name].format(folder=folder)), PLAN)
    assert sorted(folder.iterdir()) == before


def test_a_named_file_that_is_not_there(folder: pathlib.Path) -> None:
    """A file that cannot be read is named as for every other source."""
    with pytest.raises(errors.TableError, match="cannot be read"):
        reading.read_table(describe(folder, "SELECT * FROM visits", visits="none.csv"), PLAN)


def test_names_of_files_may_hold_anything(tmp_path: pathlib.Path) -> None:
    """Quotes in a path stay a path."""
    odd = tmp_path / "o'clock\".csv"
    odd.write_text("age,ill\n63,yes\n41,no\n")
    assert reading.read_table(describe(tmp_path, "SELECT * FROM visits", visits=odd.name), PLAN).rows == 2


BAD_NAMES = {"a quote": 'a"b', "a blank": "a b", "another script": "ä", "nothing": ""}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_in_a_query_are_plain(name: str, folder: pathlib.Path) -> None:
    """A table's name in a query is a plain one."""
    with pytest.raises(errors.InputError, match=r"source\.files"):
        describe(folder, "SELECT 1", **{BAD_NAMES[name]: "visits.csv"})
