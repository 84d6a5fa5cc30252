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
    """A run of four sites with hybrid boxes and rounds enough, which cannot converge earlier, carried on by their nodes; its id."""
    file, schema = founded.write("solver.csv", make_table(60, 9)), str(founded.root / "schema.json")
    own = founded.done("solver", "dataset", "publish", file, "--title", "Table solver", "--schema", schema)
    brought = {**offered, "solver": str(own["dataset"])}
    plan = {
        "title": "Many rounds",
        "recipe": {"recipe": "mlp", "schema": json.loads(pathlib.Path(schema).read_text()), "rounds": 40},
    }
    published = founded.done("solver", "plan", "publish", founded.write("many.json", plan))["plan"]
    run_id = founded.open_run({**offered, "plan": published}, "--hybrid")
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
    """Nobody leaves by accident; the others train on, a second one cannot go, and who left keeps its part of the model."""
    for _ in range(200):
        if founded.done("solver", "run", "show", going)["rounds_summed"]:
            break
    asked = founded.call("solver", "run", "leave", going)
    assert (asked.code, "nobody was asked" in asked.err, "may point at single persons" in asked.err) == (1, True, True)
    left = founded.call("solver", "run", "leave", going, "--yes")
    assert "it is in no round from round" in left.out, left
    again = founded.call("solver", "run", "leave", going)
    assert (again.code, "it is in no round from round" in again.out) == (0, True), again
    second = founded.call("south", "run", "leave", going, "--yes")
    assert (second.code, "too few sites would stay" in second.err) == (1, True), second
    assert "expected at least 3, got 2" in second.err
    assert [each["what"] for each in founded.done("solver", "log")["decisions"]].count("leave training") == 1
    end = founded.call("north", "run", "watch", going, "--json").objects[-1]
    assert (end["state"], len(end["exits"])) == ("completed", 1)
    shown = founded.call("north", "run", "show", going).out
    assert "left the run" in shown
    assert "and it keeps its part of it" in shown
    (gone,) = end["exits"]
    model = founded.done("north", "model", "show", going)
    (source,) = [each for each in model["sources"] if each["member"] == gone]
    assert 0 < len(source["rounds"]) < model["rounds"]
    assert model["shares"][str(gone)] > min(model["shares"].values())  # the solver's part, and the site's
    assert "rounds; then it left" in founded.call("north", "model", "show", going).out
    report = founded.done("north", "run", "verify", going, "--from-home", "node")
    assert (report["holds"], report["level"]) == (True, "kept_sums")
    over = founded.call("south", "run", "leave", going, "--yes")
    assert (over.code, "the run is over" in over.err) == (1, True), over
