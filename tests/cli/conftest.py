"""A commons of one operator, one solver and three sites: real ledger and store processes, homes made by the commands."""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import random
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aicommons import app
from aicommons.cli import main, output, processes

PASSPHRASE = "a passphrase for tests"
SITES = ("north", "east", "south")
PURPOSE = "DUO:0000007"
SCHEMA = {
    "features": [
        {"name": "age", "kind": "numeric", "lo": 0, "hi": 120},
        {"name": "sex", "kind": "category", "levels": ["f", "m"]},
    ],
    "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
}
NORTH = {
    "title": "North",
    "kind": "hospital",
    "country": "KE",
    "languages": ["sw", "en"],
    "about": "A district hospital with a maternity ward.",
    "seeks": ["skills", "audit"],
    "offers": ["data"],
    "stewards": [{"name": "A. Otieno", "role": "data manager", "contact": "at the front desk"}],
}
PROBLEM = {
    "title": "Who is at risk?",
    "affected": "patients",
    "decision": "whom to examine",
    "why_ai": "a simple score",
    "sdg_targets": ["3.4"],
    "metric": "auc",
    "baseline": "guessing",
}
PLAN = {"title": "Risk by age", "recipe": {"recipe": "glm", "schema": SCHEMA}}


@dataclasses.dataclass(frozen=True)
class Said:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object that it printed."""
        return dict(json.loads(self.out))

    @property
    def objects(self) -> list[dict[str, Any]]:
        """All objects that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def commons(home: pathlib.Path, *arguments: str) -> Said:
    """Run ``commons --home HOME ARGUMENTS`` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = output.run(main.commons, ["--home", str(home), *arguments])
    return Said(code, out.getvalue(), err.getvalue())


@dataclasses.dataclass(frozen=True)
class Place:
    """A running commons and the homes in it."""

    root: pathlib.Path
    running: processes.Processes
    urls: tuple[str, str]
    """Of ledger and store."""

    def call(self, home: str, *arguments: str) -> Said:
        """Run a command on a home."""
        return commons(self.root / home, *arguments)

    def done(self, home: str, *arguments: str) -> dict[str, Any]:
        """Run a command that must succeed, and return its JSON object."""
        said = self.call(home, *arguments, "--json")
        assert said.code == 0, (arguments, said)
        return said.json

    def in_time(self, home: str, *arguments: str) -> dict[str, Any]:
        """Return what a command says as soon as the ledger's clock is far enough for it."""
        for _ in range(300):
            said = self.call(home, *arguments, "--json")
            if said.code == 0:
                return said.json
            time.sleep(0.1)
        raise AssertionError(said)

    def write(self, name: str, body: object) -> str:
        """Write a file (JSON unless it is text) and return its path."""
        path = self.root / name
        path.write_text(body if isinstance(body, str) else json.dumps(body))
        return str(path)

    def init(self, home: str, *arguments: str) -> dict[str, Any]:
        """Make a home of this commons."""
        ledger, store = self.urls
        return self.done(home, "init", "--name", home.title(), "--rpc", ledger, "--store", store, *arguments)

    def open_run(self, offered: dict[str, str], *terms: str) -> str:
        """Open a run on what is offered and return its id."""
        arguments = ["--problem", offered["problem"], "--plan", offered["plan"], "--purpose", PURPOSE]
        return str(self.done("solver", "run", "open", *arguments, *terms)["run_id"])

    @property
    def deployment(self) -> str:
        """The deployment file that the operator hands out."""
        return str(app.Home(self.root / "operator").deployment_file(app.Settings("").chain_id))


def table(rows: int, seed: int) -> str:
    """Return a table of ``rows`` made-up records that fit ``SCHEMA``."""
    draw = random.Random(seed)
    lines = ["age,sex,outcome"]
    for _ in range(rows):
        age = draw.uniform(20, 90)
        outcome = "yes" if draw.gauss(age, 15) > 55 else "no"
        lines.append(f"{age:.1f},{draw.choice('fm')},{outcome}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def call(_passphrase: None) -> Callable[..., Said]:
    """Runs one command on a home: ``call(home, *arguments)``."""
    return commons


@pytest.fixture(scope="session")
def make_table() -> Callable[[int, int], str]:
    """Makes a table that fits the plan: ``make_table(rows, seed)``."""
    return table


def _free_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="session", autouse=True)
def _passphrase() -> Iterator[None]:
    """The passphrase of all homes in these tests."""
    kept = os.environ.get(app.PASSPHRASE_VARIABLE)
    os.environ[app.PASSPHRASE_VARIABLE] = PASSPHRASE
    yield
    if kept is None:
        del os.environ[app.PASSPHRASE_VARIABLE]
    else:
        os.environ[app.PASSPHRASE_VARIABLE] = kept


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory, _passphrase: None) -> Iterator[Place]:
    """A ledger and a store, and homes of an operator, a solver and three sites, all admitted; each module has its own."""
    root = tmp_path_factory.mktemp("commons")
    with processes.Processes(PASSPHRASE) as running:
        place = Place(root, running, (_free_url(), _free_url()))
        place.init("operator")
        running.start("ledger", root / "operator", "ledger", "start")
        running.start("store", root / "operator", "store", "start")
        for home in ("solver", *SITES):
            place.init(home, "--deployment", place.deployment)
            said = ["--profile", place.write("north.json", NORTH)] if home == "north" else []
            applicant = place.done(home, "member", "apply", *said)["applicant"]
            place.done("operator", "member", "admit", applicant)
        yield place


@pytest.fixture(scope="module")
def offered(founded: Place) -> dict[str, str]:
    """A problem, a plan, and a dataset at each site: ``problem``, ``plan``, and each site's ``dataset`` number."""
    made = {
        "problem": founded.done("solver", "problem", "state", founded.write("problem.json", PROBLEM))["problem"],
        "plan": founded.done("solver", "plan", "publish", founded.write("plan.json", PLAN))["plan"],
    }
    schema = founded.write("schema.json", SCHEMA)
    for seed, site in enumerate(SITES):
        file = founded.write(f"{site}.csv", table(60, seed))
        listed = founded.done(site, "dataset", "publish", file, "--title", f"Table {site}", "--schema", schema)
        made[site] = str(listed["dataset"])
    return made


@pytest.fixture(scope="module")
def trained(founded: Place, offered: dict[str, str]) -> str:
    """A run that the three sites' nodes carried to its end; the nodes still run. Its id."""
    run_id = founded.open_run(offered, "--rounds", "4")
    for site in SITES:
        given = founded.done(
            site, "consent", "give", offered[site], "--purpose", PURPOSE, "--problem", offered["problem"][:14]
        )
        founded.done(site, "run", "enrol", run_id, "--dataset", offered[site], "--consent", given["consent"])
    fingerprint = founded.done("solver", "run", "close", run_id)["fingerprint"]
    for site in SITES:
        founded.done(site, "run", "confirm", run_id, "--fingerprint", fingerprint)
    started = [(site, founded.running.launch(f"node {site}", founded.root / site, "node", "start")) for site in SITES]
    for site, process in started:
        founded.running.ready(f"node {site}", process)
    followed = founded.call("north", "run", "watch", run_id, "--json")
    assert followed.code == 0, followed
    return run_id
