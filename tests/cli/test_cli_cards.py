"""Cards from the table to the ledger and out again, on a real ledger and store: what stops publication, and every way out."""

import contextlib
import dataclasses
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlcroissant
import pytest

from aicommons import app
from aicommons.domain import cards, ids
from aicommons.node import agent

if TYPE_CHECKING:
    from tests.cli.conftest import Place, Said

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def clinic(rows: int, seed: int) -> str:
    """Return a made-up table with identifiers, a measure, a category and an outcome."""
    draw = random.Random(seed)
    lines = ["patient_id,nom,age,sex,outcome"]
    for row in range(rows):
        age = draw.randint(20, 89)
        lines.append(
            f"{4000 + 7 * row},Person {row},{age},{draw.choice('fm')},{'yes' if draw.gauss(age, 15) > 55 else 'no'}"
        )
    return "\n".join(lines) + "\n"


@pytest.fixture
def table(tmp_path: pathlib.Path) -> pathlib.Path:
    """A clinic's table, the rows of each test in another order: a home lists the same file once."""
    head, *rows = clinic(120, 1).splitlines()
    random.Random(str(tmp_path)).shuffle(rows)
    file = tmp_path / "clinic.csv"
    file.write_text("\n".join([head, *rows]) + "\n")
    return file


def drafted(place: "Place", table: pathlib.Path, **changes: object) -> pathlib.Path:
    """Describe a table, change the card as a person would, and return the card's file."""
    file = table.with_name("card.json")
    file.unlink(missing_ok=True)
    place.done("north", "dataset", "describe", str(table), "--target", "outcome", "--out", str(file))
    answered(file, **changes)
    return file


def answered(file: pathlib.Path, **changes: object) -> str:
    """Answer every question of a drafted card as a person would, change it, and return its file."""
    card = json.loads(file.read_text())
    card |= {name: "as a person says" for name, value in card.items() if value in (None, "")}
    card |= {
        "time_span": {"first": "2019", "last": "2023"},
        "annotation": {"annotators": "two nurses", "pay": "salary"},
    }
    for field in card["fields"]:
        field |= {name: "as said" for name, value in field.items() if value in (None, "")}
    file.write_text(json.dumps(card | changes))
    return str(file)


def shown(place: "Place", dataset: int, home: str = "east") -> dict[str, Any]:
    """Return a dataset's card as another member sees it."""
    return dict(place.done(home, "dataset", "show", str(dataset))["card"])


def count(place: "Place") -> int:
    """Return how many datasets are listed."""
    return len(place.done("north", "dataset", "list")["datasets"])


def test_from_a_table_to_a_valid_card(founded: "Place", table: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """After joining, two commands publish a card; it holds no identifier and no rare value, and Croissant's reader accepts it."""
    said = founded.done("north", "dataset", "describe", str(table), "--target", "outcome")
    assert said["keys"] == ["patient_id"]
    assert any("nom" in finding for finding in said["findings"])
    answered(pathlib.Path(said["card"]))
    made = founded.done("north", "dataset", "publish", str(table), "--card", said["card"])
    card = shown(founded, made["dataset"])
    assert (card["rows"], card["holder"], card["dataset_version"]) == (120, "North", 1)
    assert [field["name"] for field in card["fields"]] == ["patient_id", "age", "sex", "outcome"]
    assert [feature["name"] for feature in card["schema"]["features"]] == ["age", "sex"]
    assert "Person" not in json.dumps(card)
    for form in ("croissant", "dcat", "schema.org"):
        out = tmp_path / f"{form}.json"
        founded.done("east", "dataset", "export", str(made["dataset"]), "--as", form, "--out", str(out))
        assert "Person" not in out.read_text()
    found = mlcroissant.Dataset(str(tmp_path / "croissant.json"))
    assert found.metadata.ctx.issues.errors == set()
    assert "takes part with at least 10" in founded.call("east", "dataset", "show", str(made["dataset"])).out


def test_a_database_is_described_and_published(founded: "Place", tmp_path: pathlib.Path) -> None:
    """A query on a database goes the same way as a file, and the home remembers how to ask again."""
    lines = [line.split(",") for line in clinic(90, 6).splitlines()]
    with contextlib.closing(sqlite3.connect(tmp_path / "clinic.db")) as database:
        database.execute(f"CREATE TABLE visits ({', '.join(lines[0])})")
        database.executemany("INSERT INTO visits VALUES (?, ?, ?, ?, ?)", lines[1:])
        database.commit()
    url = f"sqlite:///{tmp_path / 'clinic.db'}"
    query = "SELECT patient_id, CAST(age AS INTEGER) AS age, sex, outcome FROM visits"
    source = founded.write("clinic-source.json", {"kind": "sql", "url": url, "query": query})
    card = str(tmp_path / "sql.card.json")
    said = founded.done(
        "north", "dataset", "describe", "--source", source, "--target", "outcome", "--title", "Visits", "--out", card
    )
    assert (said["rows"], said["keys"]) == (90, ["patient_id"])
    answered(pathlib.Path(card))
    made = founded.done("north", "dataset", "publish", "--source", source, "--card", card)
    known = app.Home(founded.root / "north").datasets()[made["dataset"]]
    assert known["source"]["query"] == query
    assert [feature["name"] for feature in shown(founded, made["dataset"])["schema"]["features"]] == ["age", "sex"]


def test_questions_that_nobody_answered_stop_publication(founded: "Place", table: pathlib.Path) -> None:
    """An untouched draft is refused with each open question on its own line; only a person's word publishes it as it is."""
    said = founded.done("north", "dataset", "describe", str(table), "--target", "outcome")
    before = count(founded)
    publish = ["north", "dataset", "publish", str(table), "--card", said["card"]]
    refused = founded.call(*publish)
    assert refused.code == 1
    lines = [line.strip() for line in refused.err.splitlines()]
    assert {"known_gaps", "time_span", "consent_basis", "unit of age"} <= set(lines)
    assert "description of patient_id, age, sex, outcome" in lines
    assert "--accept-blanks" in refused.err
    assert count(founded) == before
    assert founded.done(*publish, "--accept-blanks")["rows"] == 120


def test_identifiers_stop_publication(founded: "Place", table: pathlib.Path) -> None:
    """A column that looks like names is refused by name and count; a reason lets it pass and stands in the card."""
    names = {"name": "nom", "type": "text", "role": "context"}
    card = drafted(founded, table)
    body = json.loads(card.read_text())
    card.write_text(json.dumps(body | {"fields": [*body["fields"], names]}))
    before = count(founded)
    said = founded.call("north", "dataset", "publish", str(table), "--card", str(card))
    assert said.code == 1
    assert "nom: names of people" in said.err
    assert "--keep 'nom=REASON'" in said.err
    assert "Person" not in said.err
    assert count(founded) == before
    needless = founded.call(
        "north", "dataset", "publish", str(table), "--card", str(card), "--keep", "age=no", "--keep", "nom=x"
    )
    assert "nothing has to be set aside" in needless.err
    made = founded.done(
        "north", "dataset", "publish", str(table), "--card", str(card), "--keep", "nom=these are ward names"
    )
    assert shown(founded, made["dataset"])["overrides"] == [
        {"check": "identifiers", "field": "nom", "reason": "these are ward names"}
    ]


def test_identifiers_stop_publication_by_schema_too(founded: "Place", table: pathlib.Path) -> None:
    """Without a card file the declared columns are looked at in the same way."""
    columns = {
        "features": [{"name": "patient_id", "kind": "numeric", "lo": 0, "hi": 9999}],
        "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
    }
    schema = founded.write("with-id.json", columns)
    said = founded.call("north", "dataset", "publish", str(table), "--title", "x", "--schema", schema)
    assert said.code == 1
    assert "patient_id: record or patient numbers" in said.err


def test_faults_stop_publication(founded: "Place", tmp_path: pathlib.Path) -> None:
    """A tenth of broken rows is told in counts; a reason lets it pass, with counts rounded and only if many rows share them."""
    lines = clinic(120, 2).splitlines()
    for row in range(12):
        lines[row * 9 + 1] = f"{9000 + row},Person x{row},old987,f,yes"
    lines[3] = "8999,Person y,41,other987,yes"
    table = tmp_path / "broken.csv"
    table.write_text("\n".join(lines) + "\n")
    card = drafted(founded, _good(tmp_path))
    before = count(founded)
    said = founded.call("north", "dataset", "publish", str(table), "--card", str(card))
    assert said.code == 1
    lines = [line.strip() for line in said.err.splitlines()]
    assert "column age: 12 rows are not of the declared type, first in line 2" in lines
    assert "column sex: 1 rows are a value that the card does not list, first in line 4" in lines
    assert "987" not in said.err
    assert count(founded) == before
    made = founded.done(
        "north", "dataset", "publish", str(table), "--card", str(card), "--accept-faults", "old records"
    )
    kept = shown(founded, made["dataset"])
    assert kept["quality"] == [{"fault": "type-error", "field": "age", "rows": 20}]
    assert kept["overrides"] == [{"check": "faults", "field": None, "reason": "old records"}]
    words = [line.strip() for line in founded.call("east", "dataset", "show", str(made["dataset"])).out.splitlines()]
    place = words.index("set aside rows that do not fit, because: old records")
    assert words[place + 1] == "about 20 rows are not of the declared type in column age"
    assert "fewer than 10 rows" in words[place + 2]


def test_a_share_of_broken_rows_is_left_out_of_a_card_too(founded: "Place", tmp_path: pathlib.Path) -> None:
    """With a share stated, rows that do not fit the card are left out of its count; one row more than that refuses it."""
    lines = clinic(120, 9).splitlines()
    lines[5], lines[9] = lines[5].replace(",yes", ",maybe").replace(",no", ",maybe"), lines[9] + ",more"
    table = tmp_path / "few-broken.csv"
    table.write_text("\n".join(lines) + "\n")
    publish = ["dataset", "publish", str(table), "--card", str(drafted(founded, _good(tmp_path)))]
    refused = founded.call("north", *publish, "--skip-broken", "1")
    assert "2 of 120 rows" in refused.err
    assert "at most 1% of the rows may be left out" in refused.err
    made = founded.done("north", *publish, "--skip-broken", "2")
    assert made["rows"] == 110
    assert any("2 of 120 rows do not fit the card and are left out" in notice for notice in made["notices"])
    assert shown(founded, made["dataset"])["overrides"] == []
    assert app.Home(founded.root / "north").datasets()[made["dataset"]]["most_broken"] == 0.02


def test_a_draft_and_its_dataset_count_the_same_rows(founded: "Place", tmp_path: pathlib.Path) -> None:
    """Rows that cannot be taken apart are in neither count, also where their owner lets the others stay."""
    lines = clinic(122, 8).splitlines()
    lines[4:7] = [line + ",more" for line in lines[4:7]]
    table = tmp_path / "ragged.csv"
    table.write_text("\n".join(lines) + "\n")
    card = drafted(founded, table)
    made = founded.done(
        "north", "dataset", "publish", str(table), "--card", str(card), "--accept-faults", "three lines are cut"
    )
    assert made["rows"] == json.loads(card.read_text())["rows"] == 110


def test_a_person_may_have_several_rows(founded: "Place", tmp_path: pathlib.Path) -> None:
    """A key that repeats publishes, with a word to its owner where few do; the column named by --id may not repeat."""
    lines = clinic(120, 10).splitlines()
    lines[8] = ",".join([lines[7].split(",")[0], *lines[8].split(",")[1:]])
    table = tmp_path / "visits.csv"
    table.write_text("\n".join(lines) + "\n")
    publish = ["north", "dataset", "publish", str(table), "--card", str(drafted(founded, table))]
    refused = founded.call(*publish, "--id", "patient_id")
    assert "column patient_id: 1 rows are with an identifier that an earlier row has, first in line 9" in refused.err
    (notice,) = founded.done(*publish, "--person", "patient_id")["notices"]
    assert "1 rows have a key that an earlier row has" in notice


def _good(folder: pathlib.Path) -> pathlib.Path:
    file = folder / "good.csv"
    file.write_text(clinic(120, 3))
    return file


def test_versions_are_only_added(founded: "Place", table: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A new version has its own file and card; the home remembers both, and nobody else can add one."""
    card = drafted(founded, table)
    first = founded.done("north", "dataset", "publish", str(table), "--card", str(card))
    newer = tmp_path / "newer.csv"
    newer.write_text(clinic(150, 4))
    options = ["--card", str(card), "--version-of", str(first["dataset"])]
    second = founded.done("north", "dataset", "publish", str(newer), *options)
    assert (second["dataset"], second["version"], second["rows"]) == (first["dataset"], 2, 150)
    home = app.Home(founded.root / "north")
    assert [home.dataset_version(first["dataset"], version)["path"] for version in (1, 2)] == [  # type: ignore[index]
        str(table), str(newer),
    ]  # fmt: skip
    third = founded.done("north", "dataset", "publish", str(table), *options)
    assert third["version"] == 3
    assert home.dataset_version(first["dataset"], 2)["path"] == str(newer)  # type: ignore[index]
    said = founded.call("south", "dataset", "publish", str(newer), *options)
    assert said.code == 1
    assert app.Home(founded.root / "south").dataset_version(first["dataset"], 2) is None


def test_a_run_keeps_the_version_that_it_named(
    founded: "Place", offered: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """A new version may be published while a run is under way: its node goes on reading the file that was enrolled."""
    files = [tmp_path / "older.csv", tmp_path / "newer.csv"]
    for file in files:
        head, *rows = (founded.root / "north.csv").read_text().splitlines()
        file.write_text("\n".join([head, *reversed(rows)]) + "\n")
    publish = ["dataset", "publish", "--title", "One of two", "--schema", str(founded.root / "schema.json")]
    dataset = founded.done("north", *publish, str(files[0]))["dataset"]
    run_id = founded.open_run(offered)
    given = founded.done("north", "consent", "give", str(dataset), "--purpose", "DUO:0000007")["consent"]
    founded.done("north", "run", "enrol", run_id, "--dataset", str(dataset), "--consent", given)
    assert founded.done("north", *publish, str(files[1]), "--version-of", str(dataset))["version"] == 2
    home = app.Home(founded.root / "north")
    found = [app.own_version(home, agent.Part(dataset, version)) for version in (1, 2)]
    assert [None if each is None else each.source for each in found] == files
    founded.done("solver", "run", "cancel", run_id)


def test_a_version_keeps_its_mapping(tmp_path: pathlib.Path) -> None:
    """A new file has no mapping before its owner gives one; a new policy for the same file keeps it; old versions do."""
    home = app.Home(tmp_path)
    card = cards.DatasetCard("Heart", "Bern", 300, {}, "CC0-1.0", 10, "")
    home.keep_dataset(4, tmp_path / "one.csv", card)
    app.write_private(home.mapping_file(4), '{"columns": {"age": {"column": "years"}}}')
    home.keep_policy(4, 2, bytes(32), card=bytes(32))
    assert home.mapping_file(4, 1) != home.mapping_file(4, 2)
    assert home.mapping_file(4, 1).read_text() == home.mapping_file(4, 2).read_text()
    home.keep_dataset(4, tmp_path / "two.csv", dataclasses.replace(card, dataset_version=3))
    assert [home.mapping_file(4, version).exists() for version in (1, 2, 3)] == [True, True, False]
    assert [known and known["path"] for known in (home.dataset_version(4, version) for version in (1, 2, 3))] == [
        str(tmp_path / "one.csv"), str(tmp_path / "one.csv"), str(tmp_path / "two.csv"),
    ]  # fmt: skip
    home.keep_policy(5, 2, bytes(32), card=bytes(32))
    assert 5 not in home.datasets()


def _policy(place: "Place", folder: pathlib.Path, *options: str, home: str = "north") -> str:
    file = folder / "policy.json"
    place.done(home, "policy", "draft", str(file), "--title", "Research", "--permit", "DUO:0000007", *options)
    return str(file)


def test_a_dataset_is_published_under_its_policy(founded: "Place", table: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """The card names the policy's digest, the store has the policy, and the ledger refuses what it forbids."""
    card = drafted(founded, table)
    policy = _policy(founded, tmp_path, "--person", "patient_id", "--price", "5")
    made = founded.done("north", "dataset", "publish", str(table), "--card", str(card), "--policy", policy)
    digest = founded.done("east", "policy", "show", str(made["dataset"]))["digest"]
    assert digest.endswith(shown(founded, made["dataset"])["policy"])
    entry = founded.done("east", "dataset", "show", str(made["dataset"]))
    assert (entry["price"], entry["free_commons"], entry["commercial"]) == (5, False, False)
    assert "patient_id" in {field["name"] for field in entry["card"]["fields"] if field["role"] == "key"}


def test_a_policys_person_column_becomes_a_key(founded: "Place", table: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Without a card file the column that tells persons apart is declared as a key."""
    policy = _policy(founded, tmp_path, "--person", "patient_id")
    options = ["--target", "outcome", "--drop", "patient_id", "--drop", "nom", "--policy", policy]
    made = founded.done("north", "dataset", "publish", str(table), "--title", "Persons", *options)
    assert [field["name"] for field in shown(founded, made["dataset"])["fields"] if field["role"] == "key"] == [
        "patient_id"
    ]


CONTRADICTIONS: dict[str, tuple[list[str], str, str]] = {
    "another licence": (["--licence", "CC-BY-4.0"], "north", "use-policy.licence"),
    "another minimum cohort": (["--min-cohort", "50"], "north", "use-policy.minimum_cohort"),
    "another member's policy": ([], "south", "use-policy.assigner"),
    "a person column that may be learned from": (["--person", "sex"], "north", "use-policy.person_column"),
}


@pytest.mark.parametrize("row", CONTRADICTIONS)
def test_card_and_policy_must_agree(founded: "Place", table: pathlib.Path, tmp_path: pathlib.Path, row: str) -> None:
    """A policy that contradicts the card is refused by field, and nothing is published."""
    options, home, expected = CONTRADICTIONS[row]
    card, policy = drafted(founded, table), _policy(founded, tmp_path, *options, home=home)
    before = count(founded)
    said = founded.call("north", "dataset", "publish", str(table), "--card", str(card), "--policy", policy)
    assert said.code == 1
    assert expected in said.err
    assert count(founded) == before


AUDIT = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from aicommons.cli import main, output
code = output.run(main.commons, sys.argv[1:])
print(code, any("clinic.csv" in name for name in opened), any("card.json" in name for name in opened))
"""


def test_mock_rows_never_open_the_table(founded: "Place", table: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Making mock rows and exports opens the card and no table, although the home knows where it is."""
    card = drafted(founded, table)
    made = founded.done("north", "dataset", "publish", str(table), "--card", str(card))
    for place, what in enumerate((str(card), str(made["dataset"]))):
        for command in (["mock"], ["export", "--as", "croissant"]):
            out = tmp_path / f"{place}-{command[0]}"
            arguments = ["--home", str(founded.root / "north"), "dataset", *command, what, "--out", str(out)]
            done = subprocess.run(
                [sys.executable, "-c", AUDIT, *arguments], capture_output=True, text=True, check=False
            )
            assert done.stdout.split()[-3:-1] == ["0", "False"], done.stdout + done.stderr
            assert out.exists()
    assert done.stdout


def test_an_open_table_is_released_and_downloaded(
    founded: "Place", table: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """A table is made coarser, released with licence and attribution, and downloaded by somebody else byte for byte."""
    coarse = tmp_path / "coarse.csv"
    quasi = ["--quasi", "age", "--quasi", "sex"]
    made = founded.done(
        "north", "dataset", "anonymise", str(table), *quasi, "--sensitive", "outcome",
        "--drop", "patient_id", "--drop", "nom", "--out", str(coarse),
    )  # fmt: skip
    assert made["before"]["k"] < 5 <= made["after"]["k"]
    assert "Person" not in coarse.read_text()
    file = tmp_path / "open.json"
    founded.done("north", "dataset", "describe", str(coarse), "--out", str(file))
    attribution = ["--attribution", "North hospital, 2026"]
    refused = founded.call("north", "dataset", "release", str(coarse), "--card", str(file), *attribution, *quasi)
    assert "does not let everybody use the table" in refused.err
    file.write_text(json.dumps(json.loads(file.read_text()) | {"licence": "CC-BY-4.0"}))
    listed = founded.done("north", "dataset", "release", str(coarse), "--card", str(file), *attribution, *quasi)
    got = tmp_path / "got.csv"
    said = founded.call("east", "dataset", "download", str(listed["dataset"]), "--out", str(got))
    assert said.code == 0
    assert "Licence: CC-BY-4.0" in said.out
    assert "Attribution: North hospital, 2026" in said.out
    assert got.read_bytes() == coarse.read_bytes()
    assert "North hospital, 2026" in (tmp_path / "got.csv.licence.txt").read_text()
    table_on_card = shown(founded, listed["dataset"])["open_table"]
    assert (table_on_card["k"], table_on_card["quasi_identifiers"]) == (made["after"]["k"], ["age", "sex"])
    again = founded.call("east", "dataset", "download", str(listed["dataset"]), "--out", str(got))
    assert "never overwritten" in again.err


def test_an_open_table_is_read_once(founded: "Place", tmp_path: pathlib.Path) -> None:
    """What is checked is what goes out: a source that gives its bytes only once can be released."""
    table, pipe = tmp_path / "plots.csv", tmp_path / "once.csv"
    table.write_text(NO_NAMES)
    card = drafted(founded, table, licence="CC-BY-4.0")
    os.mkfifo(pipe)
    giving = threading.Thread(target=pipe.write_text, args=(NO_NAMES,), daemon=True)
    giving.start()
    said = ("--attribution", "North", "--no-people", "plots", "--card", str(card))
    done = founded.done("north", "dataset", "release", str(pipe), *said)
    giving.join(10)
    assert done["digest"] == ids.format_digest(ids.digest(NO_NAMES.encode()))
    pipe.unlink()
    pipe.write_text(NO_NAMES)  # for whoever looks at this home's datasets afterwards


def _release(
    *options: str, licence: str = "CC-BY-4.0", text: str | None = None
) -> Callable[["Place", pathlib.Path], "Said"]:
    def act(place: "Place", table: pathlib.Path) -> "Said":
        card = drafted(place, table, licence=licence)
        if text is not None:
            table.write_text(text)
        return place.call(
            "north", "dataset", "release", str(table), "--card", str(card), "--attribution", "North", *options
        )

    return act


NO_NAMES = "\n".join(",".join(line.split(",")[2:]) for line in clinic(60, 7).splitlines()) + "\n"
RELEASES_REFUSED: dict[str, tuple[Callable[["Place", pathlib.Path], "Said"], str]] = {
    "a licence for nobody": (_release("--quasi", "age", licence="LicenseRef-private"), "does not let everybody"),
    "a licence for named people": (
        _release("--quasi", "age", licence="LicenseRef-Kaitiakitanga"),
        "does not let everybody",
    ),
    "nothing said about people": (_release(), "give either --quasi"),
    "both said": (_release("--quasi", "age", "--no-people", "plots"), "give either --quasi"),
    "a column that the card does not know": (_release("--quasi", "age"), "not on its card"),
}


@pytest.mark.parametrize("row", RELEASES_REFUSED)
def test_what_must_not_go_out_does_not(founded: "Place", table: pathlib.Path, row: str) -> None:
    """A release without licence, without a word on people, or with columns that nobody declared is refused."""
    act, expected = RELEASES_REFUSED[row]
    before = count(founded)
    said = act(founded, table)
    assert said.code != 0
    assert expected in said.err
    assert count(founded) == before


def test_rows_that_stand_out_are_not_released(founded: "Place", tmp_path: pathlib.Path) -> None:
    """A table in which somebody stands alone is refused with the figures; keys of people cannot go out either."""
    table = tmp_path / "people.csv"
    table.write_text(NO_NAMES)
    card = drafted(founded, table, licence="CC-BY-4.0")
    arguments = ["dataset", "release", str(table), "--card", str(card), "--attribution", "North"]
    said = founded.call("north", *arguments, "--quasi", "age", "--quasi", "sex")
    assert said.code == 1
    assert "rows stand out" in said.err
    assert "dataset anonymise" in said.err
    keyed = tmp_path / "keyed.csv"
    keyed.write_text(
        "\n".join(",".join(line.split(",")[:1] + line.split(",")[2:]) for line in clinic(60, 7).splitlines())
    )
    card = drafted(founded, keyed, licence="CC-BY-4.0")
    said = founded.call(
        "north", "dataset", "release", str(keyed), "--card", str(card), "--attribution", "N", "--quasi", "sex"
    )
    assert "patient_id: record or patient numbers" in said.err


def test_closed_data_is_not_downloaded(founded: "Place", offered: dict[str, str], tmp_path: pathlib.Path) -> None:
    """A dataset that stays at its owner cannot be had, and the next step says what can."""
    said = founded.call("east", "dataset", "download", offered["north"], "--out", str(tmp_path / "x.csv"))
    assert said.code == 1
    assert "stays at its owner" in said.err
    assert not list(tmp_path.glob("x.csv*"))


BAD_CARDS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "not JSON": (lambda _: "{", "card.json, line 1"),
    "an unknown field": (lambda card: card | {"colour": "red"}, "colour"),
    "no title": (lambda card: card | {"title": None}, "title"),
    "a licence in words": (lambda card: card | {"licence": "ask us"}, "unknown licence"),
    "a column that the table lacks": (
        lambda card: card | {"fields": [*card["fields"], {"name": "pulse", "type": "text", "role": "context"}]}, "pulse",
    ),
    "a column twice": (lambda card: card | {"fields": [*card["fields"], card["fields"][0]]}, "patient_id twice"),
    "a range upside down": (
        lambda card: card | {"fields": [{"name": "age", "type": "integer", "lo": 9, "hi": 1}]}, "lo below hi",
    ),
    "fields that are text": (lambda card: card | {"fields": "age"}, "fields"),
    "a field that is text": (lambda card: card | {"fields": ["age"]}, r"fields[0]"),
    "a larger cohort than there is": (lambda card: card | {"minimum_cohort": 500}, "minimum cohort"),
}  # fmt: skip


@pytest.mark.parametrize("row", BAD_CARDS)
def test_bad_cards_are_named(founded: "Place", table: pathlib.Path, row: str) -> None:
    """A mistake in a card is refused with file and field, and nothing is published."""
    change, expected = BAD_CARDS[row]
    file = drafted(founded, table)
    body = change(json.loads(file.read_text()))
    file.write_text(body if isinstance(body, str) else json.dumps(body))
    before = count(founded)
    said = founded.call("north", "dataset", "publish", str(table), "--card", str(file))
    assert said.code == 1
    assert expected in said.err
    assert "Next: " in said.err
    assert count(founded) == before


def test_a_draft_is_never_written_over(founded: "Place", table: pathlib.Path) -> None:
    """What a person has edited is not lost to a second description."""
    first = founded.done("north", "dataset", "describe", str(table))
    said = founded.call("north", "dataset", "describe", str(table))
    assert said.code == 1
    assert "never overwritten" in said.err
    assert "delete it" in said.err
    assert "--out" in said.err
    assert pathlib.Path(first["card"]).exists()
    typo = founded.call("north", "dataset", "describe", str(table), "--target", "outcom")
    assert "a column named outcom" in typo.err


WITHOUT_EXTRA = """
import sys
sys.modules["frictionless"] = None
from aicommons.cli import main, output
sys.exit(output.run(main.commons, sys.argv[1:]))
"""


def test_what_the_check_by_a_card_needs_is_said_before(table: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """In a base installation the draft says what publishing it needs, and publishing says what it is that needs it."""
    card = tmp_path / "card.json"

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_EXTRA, "--home", str(tmp_path / "none"), "dataset", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    described = call("describe", str(table), "--out", str(card))
    assert described.returncode == 0, described.stderr
    assert "pip install 'aicommons[tables]'`: publishing holds every row against the card" in described.stdout
    published = call("publish", str(table), "--card", answered(card))
    assert "the check of a table by its card needs a library that is not installed" in published.stderr
    assert "pip install 'aicommons[tables]'" in published.stderr
