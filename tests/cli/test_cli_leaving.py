"""``commons run leave``: asked for, waited for, refused in words, and done in the middle of a run of real nodes."""

import json
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Place

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SITES = ("north", "east", "south", "solver")
PURPOSE = "DUO:0000007"


@pytest.fixture(scope="module")
def going(founded: "Place", offered: dict[str, str], make_table: Callable[[int, int], str]) -> str:
    """A run of four sites with rounds enough, which their nodes carry on and which cannot converge earlier; its id."""
    file, schema = founded.write("solver.csv", make_table(60, 9)), str(founded.root / "schema.json")
    own = founded.done("solver", "dataset", "publish", file, "--title", "Table solver", "--schema", schema)
    brought = {**offered, "solver": str(own["dataset"])}
    plan = {
        "title": "Many rounds",
        "recipe": {"recipe": "mlp", "schema": json.loads(pathlib.Path(schema).read_text()), "rounds": 40},
    }
    published = founded.done("solver", "plan", "publish", founded.write("many.json", plan))["plan"]
    run_id = founded.open_run({**offered, "plan": published})
    for site in SITES:
        given = founded.done(site, "consent", "give", brought[site], "--purpose", PURPOSE)
        founded.done(site, "run", "enrol", run_id, "--dataset", brought[site], "--consent", given["consent"])
    fingerprint = founded.done("solver", "run", "close", run_id)["fingerprint"]
    for site in SITES:
        founded.done(site, "run", "confirm", run_id, "--fingerprint", fingerprint)
    started = [(site, founded.running.launch(f"node {site}", founded.root / site, "node", "start")) for site in SITES]
    for site, process in started:
        founded.running.ready(f"node {site}", process)
    return run_id


def test_a_site_leaves_a_run(founded: "Place", going: str) -> None:
    """Nobody leaves by accident or twice; the others train on, and a second one cannot go."""
    asked = founded.call("solver", "run", "leave", going)
    assert (asked.code, "nobody confirmed it" in asked.err) == (1, True)
    left = founded.done("solver", "run", "leave", going, "--yes")
    assert len(left["exits"]) == 1
    again = founded.call("solver", "run", "leave", going, "--yes")
    assert (again.code, "not in the run any more" in again.err) == (1, True)
    second = founded.call("south", "run", "leave", going, "--yes")
    assert (second.code, "too few sites would stay" in second.err) == (1, True), second
    end = founded.call("north", "run", "watch", going, "--json").objects[-1]
    assert (end["state"], end["exits"]) == ("completed", left["exits"])
    assert "left the run" in founded.call("north", "run", "show", going).out
