"""A co-op's office at the command line: many datasets to one seat, chosen by hand, by a file or all that fit."""

from typing import TYPE_CHECKING, Any

import pytest

from aicommons.domain import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Place

    MakeTable = Callable[[int, int], str]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PURPOSE = "DUO:0000007"


@pytest.fixture(scope="module")
def bundle(founded: "Place", offered: dict[str, str], make_table: "MakeTable") -> dict[str, str]:
    """Two more datasets of north's, beside its first: one like it, one of too few rows; all with consents. Their numbers."""
    schema, made = str(founded.root / "schema.json"), {"first": offered["north"]}
    for name, rows, seed in (("second", 60, 8), ("small", 12, 9)):
        file = founded.write(f"{name}.csv", make_table(rows, seed))
        listed = founded.done("north", "dataset", "publish", file, "--title", f"Table {name}", "--schema", schema)
        made[name] = str(listed["dataset"])
    for number in made.values():
        founded.done("north", "consent", "give", number, "--purpose", PURPOSE, "--uses", "20")
    return made


def enrol(founded: "Place", run_id: str, *more: str) -> dict[str, Any]:
    """Enrol north and return what it was told."""
    return founded.done("north", "run", "enrol", run_id, *more)


def test_all_that_fits_is_brought(founded: "Place", offered: dict[str, str], bundle: dict[str, str]) -> None:
    """With --all the seat gets each dataset that fits; the others are named with the reason, and the run shows them."""
    run_id = founded.open_run(offered, "--min-cohort", "50")
    told = founded.call("north", "run", "enrol", run_id, "--all", "--json")
    assert told.code == 0, told
    assert told.json["datasets"] == [int(bundle["first"]), int(bundle["second"])]
    assert told.json["rows"] == 120
    assert any(said.startswith(f"Dataset {bundle['small']} is not brought") for said in told.json["notices"])
    shown = founded.call("solver", "run", "show", run_id)
    assert f"2 datasets ({bundle['first']}, {bundle['second']})" in shown.out


def test_a_file_names_datasets(founded: "Place", offered: dict[str, str], bundle: dict[str, str]) -> None:
    """A line per dataset is enough: the consent that permits the run is found."""
    run_id = founded.open_run(offered, "--min-cohort", "10")
    listed = founded.write("datasets.txt", f"# ours\n{bundle['second']}\n\n{bundle['small']},\n")
    assert enrol(founded, run_id, "--datasets", listed)["datasets"] == [int(bundle["second"]), int(bundle["small"])]


def test_what_is_brought_is_confirmed_one_by_one(
    founded: "Place", offered: dict[str, str], bundle: dict[str, str]
) -> None:
    """The confirmation names every dataset with its version, file and consent."""
    run_id = founded.open_run(offered, "--min-cohort", "50")
    enrol(founded, run_id, "--dataset", bundle["first"], "--dataset", bundle["second"])
    for site in ("south", "east"):
        given = founded.done(site, "consent", "give", offered[site], "--purpose", PURPOSE)
        founded.done(site, "run", "enrol", run_id, "--dataset", offered[site], "--consent", given["consent"])
    fingerprint = founded.done("solver", "run", "close", run_id)["fingerprint"]
    told = founded.call("north", "run", "confirm", run_id, "--fingerprint", fingerprint)
    assert told.code == 0, told
    assert (told.out + told.err).count("this site brings dataset") == 2


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing named": ((), "no dataset is named"),
    "one twice": (("--dataset", "first", "--dataset", "first"), "named twice"),
    "one that does not fit": (("--dataset", "first", "--dataset", "small"), "minimum cohort"),
    "fewer consents": (("--dataset", "first", "--dataset", "second", "--consent", "0x00"), "not every dataset"),
    "a file of words": (("--datasets", "words"), "line 1"),
    "covered by noise": (("--dataset", "first", "--absence", "covered"), "noise on single records"),
}
"""Options -> what the refusal says."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_brought_is_refused_before_anything_is_sent(
    founded: "Place", offered: dict[str, str], bundle: dict[str, str], name: str
) -> None:
    """One dataset that does not fit keeps all of them back, and the message says what to do."""
    options, expected = REFUSED[name]
    words = {**bundle, "words": founded.write("words.txt", "our first one\n")}
    run_id = founded.open_run(offered, "--min-cohort", "50")
    said = founded.call("north", "run", "enrol", run_id, *(words.get(each, each) for each in options))
    assert said.code == 1
    assert expected in said.err
    assert founded.done("north", "run", "show", run_id)["enrolled"] == []


def test_a_run_of_more_than_its_seats_is_not_opened(founded: "Place", offered: dict[str, str]) -> None:
    """Above 48 organisations a run is refused, and the solver is told of co-ops."""
    terms = ("--problem", offered["problem"], "--plan", offered["plan"], "--purpose", PURPOSE)
    said = founded.call("solver", "run", "open", *terms, "--max", str(run.MOST_PARTICIPANTS + 1))
    assert said.code == 1
    assert "co-op" in said.err
