"""Killing anything anywhere is safe: nodes, store and ledger are killed at random and the run ends as if nothing was."""

import dataclasses
import pathlib
import random
import threading
import urllib.parse

import pytest
from tests.e2e import conftest

from aicommons import app
from aicommons.cli import demonstration, scripts
from aicommons.domain import errors, run

KILLS = 20
CONTEXT = slice(16, 48)
"""Where a header names its session and member."""
ONE_TIME_KEY = slice(80, 112)
"""Where a header holds E_i (secure-aggregation section 2)."""


def _is_over(stage: demonstration.Stage) -> bool:
    try:
        current = stage.view()
    except errors.TemporaryError:
        return False
    return current.state.is_over and current.model is not None


def _port(url: str) -> str:
    return str(urllib.parse.urlsplit(url).port)


def _headers_sent(stage: demonstration.Stage, contexts: set[bytes]) -> int:
    """Return how many headers of these sessions and members ever came to the store, announced or not."""
    files = (stage.root / "commons" / "store" / "blobs").rglob("*")
    blobs = (file.read_bytes() for file in files if file.is_file())
    return sum(1 for blob in blobs if blob[CONTEXT] in contexts)


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_twenty_kills_change_nothing_but_the_time(tmp_path: pathlib.Path) -> None:
    """After 20 random SIGKILLs the run completes, verifies, has one set, and no session has two headers."""
    rng = random.Random(7)
    script = scripts.hospitals(tmp_path / "tables", scripts.Choice())
    with conftest.staged(script, tmp_path) as stage:
        settings = stage.solver.home.settings()
        restarts = {f"node {site.name}": ("node", "start") for site in stage.sites}
        restarts["ledger"] = ("ledger", "start", "--port", _port(settings.rpc))
        restarts["store"] = ("store", "start", "--port", _port(settings.store))
        pause = threading.Event()
        victims = sorted(restarts) * 3
        rng.shuffle(victims)  # each of the seven at least twice
        for name in victims[:KILLS]:
            pause.wait(rng.uniform(0.05, 0.4))
            stage.processes.kill(name)
            stage.processes.restart(name, *restarts[name])
        assert not _is_over(stage), "the run was over before the last kill"
        conftest.wait_until(lambda: _is_over(stage), seconds=120, what="the end of the run")
        current = stage.view()
        assert current.state is run.RunState.COMPLETED
        commits = [sent for attempt in current.attempts.values() for sent in attempt.commits.values()]
        assert len({sent.set_digest for sent in commits}) == 1
        headers = [sent for attempt in current.attempts.values() for sent in attempt.submits.values()]
        assert len({sent.header_digest for sent in headers}) == len(headers)
        store = app.open_store(stage.solver.home, None)
        announced = [store.get(sent.header_digest, 2**16) for sent in headers]
        assert len({header[ONE_TIME_KEY] for header in announced}) == len(headers)
        assert _headers_sent(stage, {header[CONTEXT] for header in announced}) == len(headers)
        home = stage.problem_owner.home.path
        verdict = stage.processes.call(home, "run", "verify", "0x" + stage.run_id.hex(), "--from-home", "reader")
        assert verdict["verified"], verdict


@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_node_that_never_returns_ends_the_run_at_its_last_agreed_state(tmp_path: pathlib.Path) -> None:
    """The agreed state is kept and written down with its owners, and every remaining site has its own figures."""
    script = scripts.hospitals(tmp_path / "tables", scripts.Choice(recipe="mlp"))
    script = dataclasses.replace(script, phase_seconds=8, patience_seconds=20)
    with conftest.staged(script, tmp_path) as stage:
        conftest.wait_until(lambda: stage.view().round_index >= 2, seconds=60, what="the second round")
        gone = stage.sites[0]
        stage.processes.kill(f"node {gone.name}")
        conftest.wait_until(lambda: _is_over(stage), seconds=90, what="the end of the run")
        current = stage.view()
        assert current.state is run.RunState.ENDED
        assert current.reason is run.Reason.PATIENCE_OVER
        assert current.agreed is not None
        assert current.agreed.rounds_done >= 2
        assert sum(current.shares.values()) == 1_000_000
        for site in stage.sites[1:]:
            kept = site.journal()
            conftest.wait_until(lambda kept=kept: kept.report(stage.run_id) is not None, seconds=20, what="a report")
            state = kept.state(stage.run_id, current.agreed.rounds_done)
            assert state is not None
            kept.close()
