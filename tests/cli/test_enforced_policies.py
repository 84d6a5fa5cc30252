"""Use policies on the command line: what they refuse before anything is sent, and versions that runs keep."""

import json
import pathlib
import random
from typing import TYPE_CHECKING

import pytest

from aicommons import app
from aicommons.domain import policies
from aicommons.learning import privacy
from aicommons.node import agent

if TYPE_CHECKING:
    from tests.cli.conftest import Place

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SCHEMA = {
    "features": [
        {"name": "age", "kind": "numeric", "lo": 0, "hi": 120},
        {"name": "sex", "kind": "category", "levels": ["f", "m"]},
    ],
    "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
}


def published(
    place: "Place",
    folder: pathlib.Path,
    *options: str,
    licence: str = "CC0-1.0",
    schema: object = SCHEMA,
    more: tuple[str, ...] = (),
) -> str:
    """Publish a table of the north under a policy with ``options`` and return the dataset's number."""
    table = folder / "table.csv"
    draw = random.Random(str(folder))  # each test has rows of its own: a home lists the same ones once
    ages = [draw.uniform(20, 90) for _ in range(60)]
    lines = [f"{age:.1f},{draw.choice('fm')},{'yes' if draw.gauss(age, 15) > 55 else 'no'}" for age in ages]
    table.write_text("\n".join(["age,sex,outcome", *lines]) + "\n")
    policy = folder / f"policy{len(list(folder.glob('policy*')))}.json"
    drafted = ["--title", "Research", "--permit", "dpv:ScientificResearch", "--min-cohort", "10", "--licence", licence]
    drafted += options
    place.done("north", "policy", "draft", str(policy), *drafted)
    declared = folder / "schema.json"
    declared.write_text(json.dumps(schema))
    said = ["--title", "Under a policy", "--schema", str(declared), "--policy", str(policy), "--licence", licence]
    return str(place.done("north", "dataset", "publish", str(table), *said, *more)["dataset"])


def consent(place: "Place", dataset: str) -> str:
    """Give a consent of the north's and return its id."""
    return str(place.done("north", "consent", "give", dataset, "--purpose", "DUO:0000007")["consent"])


def enrol(place: "Place", run_id: str, dataset: str) -> list[str]:
    """Return the arguments that enrol a dataset of the north."""
    return ["run", "enrol", run_id, "--dataset", dataset, "--consent", consent(place, dataset)]


def test_enrol_names_all_that_forbids_it(founded: "Place", offered: dict[str, str], tmp_path: pathlib.Path) -> None:
    """A solver's country, the model's licence and a duty are refused together, by name; better terms are not."""
    shared = "CC-BY-SA-4.0"
    dataset = published(founded, tmp_path, "--country", "KE", "--duty", "report_back", licence=shared)
    run_id = founded.open_run(offered)
    said = founded.call("north", *enrol(founded, run_id, dataset))
    assert said.code == 1
    for reason in ("from this country (the solver has named none)", "model's licence does not keep", "A duty that"):
        assert reason in said.err
    assert founded.done("north", "run", "show", run_id)["enrolled"] == []
    published(founded, tmp_path, "--duty", "report_back", licence=shared, more=("--version-of", dataset))
    terms = ["--licence", shared, "--accept-duty", "report_back", "--accept-duty", "attribution"]
    agreed = founded.open_run(offered, *terms)
    assert founded.done("north", *enrol(founded, agreed, dataset))["rows"] == 60
    for each in (run_id, agreed):
        founded.done("solver", "run", "cancel", each)


def test_a_licence_that_nobody_knows_is_not_offered(founded: "Place", offered: dict[str, str]) -> None:
    """``run open`` refuses a licence that no data could be held against."""
    arguments = ["--problem", offered["problem"], "--plan", offered["plan"], "--purpose", "DUO:0000007"]
    said = founded.call("solver", "run", "open", *arguments, "--licence", "LicenseRef-ours")
    assert said.code == 1
    assert "unknown licence" in said.err


def test_a_column_that_the_card_does_not_declare(
    founded: "Place", offered: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """The table has the column, but its owner's card does not: the plan may not have it."""
    without = {**SCHEMA, "features": SCHEMA["features"][:1]}  # type: ignore[dict-item]
    dataset = published(founded, tmp_path, schema=without)
    run_id = founded.open_run(offered)
    said = founded.call("north", *enrol(founded, run_id, dataset))
    assert said.code == 1
    assert "The card does not declare the column sex." in said.err
    assert founded.done("north", "run", "show", run_id)["enrolled"] == []
    founded.done("solver", "run", "cancel", run_id)


def test_confirm_asks_again(founded: "Place", offered: dict[str, str], tmp_path: pathlib.Path) -> None:
    """What is not permitted any more when the roster is fixed is not confirmed, and the inbox does not confirm it either."""
    dataset = published(founded, tmp_path)
    run_id = founded.open_run(offered)
    arguments = enrol(founded, run_id, dataset)
    founded.done("north", *arguments)
    for site in ("east", "south"):
        given = founded.done(site, "consent", "give", offered[site], "--purpose", "DUO:0000007")["consent"]
        founded.done(site, "run", "enrol", run_id, "--dataset", offered[site], "--consent", given)
    fingerprint = founded.done("solver", "run", "close", run_id)["fingerprint"]
    founded.done("north", "consent", "revoke", arguments[-1])
    said = founded.call("north", "run", "confirm", run_id, "--fingerprint", fingerprint)
    assert said.code == 1
    assert "The consent was taken back." in said.err
    said = founded.call("north", "inbox", "approve", f"roster:{run_id[2:]}", "--fingerprint", fingerprint)
    assert said.code == 1
    assert "The consent was taken back." in said.err
    assert founded.done("north", "run", "show", run_id)["own"].get("confirmed") is not True
    founded.done("solver", "run", "cancel", run_id)


def test_the_policy_protects_the_table(founded: "Place", tmp_path: pathlib.Path) -> None:
    """Fewest rows, small cells and the person column are the policy's; a new policy protects the new version only."""
    dataset = int(published(founded, tmp_path))
    home = app.Home(founded.root / "north")
    file = str(tmp_path / "strict.json")
    drafted = ["--title", "Strict", "--permit", "DUO:0000007", "--min-cohort", "40", "--min-cell", "5"]
    founded.done("north", "policy", "draft", file, *drafted, "--small-cells", "coarsen", "--person", "patient")
    assert founded.done("north", "policy", "publish", file, str(dataset))["version"] == 2
    first, second = (app.own_version(home, agent.Part(dataset, version)) for version in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.minimum_cohort, first.rule, first.person) == (10, privacy.EVERYTHING, None)
    assert (second.minimum_cohort, second.person) == (40, "patient")
    assert second.rule == privacy.Rule(5, policies.SmallCells.COARSEN, unit=policies.PrivacyUnit.PERSON)
    assert second.source == first.source
    assert app.own_version(home, agent.Part(dataset, 3)) is None


def test_a_new_version_keeps_the_policy_unless_another_is_given(founded: "Place", tmp_path: pathlib.Path) -> None:
    """Another file under the same number is not looser by oversight."""
    dataset = published(founded, tmp_path, "--country", "KE")
    said = [
        "--title",
        "Again",
        "--licence",
        "CC0-1.0",
        "--schema",
        str(tmp_path / "schema.json"),
        "--version-of",
        dataset,
    ]
    assert founded.done("north", "dataset", "publish", str(tmp_path / "table.csv"), *said)["version"] == 2
    assert founded.done("east", "policy", "show", dataset)["policy"]["countries"] == ["KE"]
    known = app.Home(founded.root / "north").datasets()[int(dataset)]
    assert known["policy"] == known["earlier"]["1"]["policy"]


def test_an_offer_says_everything_in_text_and_json(
    founded: "Place", offered: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """What the page shows before a decision the command line shows as well; the price agreed stands in the log, and adds up."""
    dataset = int(published(founded, tmp_path, "--price", "713"))
    terms = [
        "--price",
        "0.00000000000000095",
        "--bond",
        "5",
        "--licence",
        "CC-BY-SA-4.0",
        "--accept-duty",
        "attribution",
        "--commercial",
    ]
    shares = [
        "--solver-shares",
        "250000",
        "--retention-days",
        "9",
        "--min",
        "3",
        "--max",
        "6",
        "--cipher",
        "chacha20",
        "--hybrid",
    ]
    dear = founded.open_run(offered, *terms, *shares)
    shown = founded.done("north", "inbox", "show", f"run:{dear[2:]}")
    assert shown["sites"] == {"least": 3, "most": 6, "enrolled": 0, "cell_size": None}
    assert shown["suite"] == 8
    assert shown["shares"] == {"solver": 250_000, "problem_owner": 100_000, "sites": 650_000}
    assert (shown["most_price"], shown["commercial"], shown["retention_seconds"]) == (
        "0.00000000000000095",
        True,
        9 * 86_400,
    )
    assert (shown["bond"], shown["symbol"], shown["token"]) == ("5", "coin", None)
    assert (shown["licence"], shown["duties"]) == ("CC-BY-SA-4.0", ["attribution"])
    (reader,) = shown["readers"]
    assert "Solver" in reader
    assert {each["dataset"]: each["price"] for each in shown["datasets"]}[dataset] == "0.000000000000000713"
    text = founded.call("north", "inbox", "show", f"run:{dear[2:]}").out
    for words in (
        "at most 0.00000000000000095 coin; also for commercial use", "3 to 6, 0 so far", "65 of 100 parts", "for 9 days", "CC-BY-SA-4.0, of the model",
        "takes on   attribution", "ML-KEM-768 too", "bond       5 coin, from your credit", f"{dataset} Under a policy, price 0.000000000000000713 coin", f"readers    {reader}", "held back  ",
    ):  # fmt: skip
        assert words in text, words
    agreed = founded.open_run(offered, "--price", "0.00000000000000095")
    before = founded.done("north", "log")["agreed"]
    founded.done("north", "inbox", "approve", f"run:{agreed[2:]}", "--dataset", str(dataset))
    log = founded.done("north", "log")
    assert {each["run_id"]: each["price"] for each in log["uses"]}[agreed] == 713
    assert log["agreed"] == before + 713
    assert f"Agreed for all uses: {before + 713}." in founded.call("north", "log").out
    whole = founded.open_run(offered, "--price", "0.00000000000000095")
    fitting = [
        each["dataset"]
        for each in founded.done("north", "inbox", "show", f"run:{whole[2:]}")["datasets"]
        if each["fits"]
    ]
    said = founded.call("north", "inbox", "approve", f"run:{whole[2:]}", "--all", "--dataset", str(dataset))
    assert (said.code, "instead of --dataset" in said.err) == (2, True)
    founded.done("north", "inbox", "approve", f"run:{whole[2:]}", "--all")
    assert list(founded.done("north", "run", "show", whole)["datasets"].values()) == [fitting]
    for each in (dear, agreed, whole):
        founded.done("solver", "run", "cancel", each)


def test_a_ledger_that_shows_another_card_is_not_believed(
    founded: "Place", offered: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """The home wrote down what it published: neither an enrolment nor a further policy follows what the ledger says now."""
    dataset = published(founded, tmp_path)
    run_id = founded.open_run(offered)
    arguments = enrol(founded, run_id, dataset)
    home = app.Home(founded.root / "north")
    kept = json.loads(home.datasets_file.read_text())
    kept[dataset]["card"] = bytes(32).hex()
    app.write_private(home.datasets_file, json.dumps(kept))
    policy = next(tmp_path.glob("policy*"))
    for tried in (arguments, ["policy", "publish", str(policy), dataset]):
        said = founded.call("north", *tried)
        assert said.code != 0
        assert "the ledger shows another card" in said.err
    assert founded.done("north", "run", "show", run_id)["enrolled"] == []
    founded.done("solver", "run", "cancel", run_id)
