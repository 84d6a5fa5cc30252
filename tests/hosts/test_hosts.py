"""Runs between hosts: far apart, with lost packets, parted for a while, with clocks that disagree."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.e2e.conftest import wait_until
from tests.hosts import hosts
from tests.hosts.hosting import CLINIC, LOSSY

from aicommons.cli import scripts
from aicommons.domain import errors, run

if TYPE_CHECKING:
    from tests.hosts.hosting import Hosting

NODES = 4


def four(tmp_path: pathlib.Path) -> scripts.Script:
    """Return four hospitals."""
    return scripts.hospitals(tmp_path / "tables", scripts.Choice(nodes=NODES))


def is_over(hosting: Hosting) -> bool:
    """Return whether the run is over and written down, as far as the ledger answers."""
    try:
        current = hosting.stage.view()
    except errors.TemporaryError:
        return False
    return current.state.is_over and current.model is not None


def check_ended_well(hosting: Hosting) -> None:
    """Check that all nodes took part to the end and that everything verifies."""
    stage = hosting.stage
    current = stage.view()
    assert (current.state, current.reason) == (run.RunState.COMPLETED, run.Reason.FINISHED)
    assert current.roster is not None
    assert len(current.roster.member_ids) == NODES
    said = hosting.running.call(
        stage.problem_owner.home.path, "run", "verify", stage.run_id.hex(), "--from-home", "reader"
    )
    assert said["level"] == "sums", said


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("cable", [CLINIC, LOSSY], ids=["far apart", "far apart and losing packets"])
def test_clinics_far_apart_train_together(
    hosting: Callable[..., Hosting], tmp_path: pathlib.Path, cable: hosts.Cable
) -> None:
    """Behind thin cables, 150 ms apart, also with one packet in fifty lost, a run ends and verifies."""
    commons = hosting(four(tmp_path))
    for name in commons.network.names[1:]:
        commons.network.connect(name, cable)
    wait_until(lambda: is_over(commons), seconds=240, what="the run's end")
    check_ended_well(commons)
    sent = commons.network.counters()
    assert all(sent[site.home.path.name][0] > 100 for site in commons.stage.sites)
    assert cable.loss == 0 or sum(lost for _, lost, _ in sent.values()) > 20


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_parted_network_makes_a_run_wait_and_nothing_else(
    hosting: Callable[..., Hosting], tmp_path: pathlib.Path
) -> None:
    """While one site cannot reach anybody the others wait for it; reconnected, the run ends as if nothing was."""
    commons = hosting(four(tmp_path))
    lonely = commons.stage.sites[2].home.path.name
    others = [name for name in commons.network.names if name != lonely]
    wait_until(lambda: commons.stage.view().unmasked(0) is not None, seconds=60, what="the first round's end")
    commons.network.part([lonely], others)
    at = commons.stage.view().round_index
    wait_until(lambda: _waits_for(commons, lonely), seconds=60, what="a round that waits for one site")
    assert commons.stage.view().round_index <= at + 1
    assert commons.running.ended() is None
    commons.network.part()
    wait_until(lambda: is_over(commons), seconds=200, what="the run's end")
    check_ended_well(commons)


def _waits_for(hosting: Hosting, name: str) -> bool:
    """Return whether everything due is in, but for the one site's message."""
    current = hosting.stage.view()
    attempt = current.current
    if attempt is None:
        return False
    lonely = next(site.member_id for site in hosting.stage.sites if site.home.path.name == name)
    everybody = {site.member_id for site in hosting.stage.sites}
    due = {
        run.Phase.OPEN: attempt.submits,
        run.Phase.SUBMITTED: attempt.commits,
        run.Phase.FIXED: attempt.reveals,
    }.get(attempt.phase)
    return due is not None and everybody - due.keys() == {lonely}


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_clocks_that_disagree_do_no_harm(hosting: Callable[..., Hosting], tmp_path: pathlib.Path) -> None:
    """A node ten minutes ahead and one ten minutes behind train with the others: nothing but waiting hangs on a clock."""
    script = four(tmp_path)
    ahead, behind = (table.stem for table in list(script.tables.values())[:2])
    first = pathlib.Path(__file__).with_name("skewed")
    path = os.pathsep.join([str(first), *filter(None, [os.environ.get("PYTHONPATH")])])
    skewed = {host: ("env", f"PYTHONPATH={path}", f"SKEW_SECONDS={by}") for host, by in ((ahead, 600), (behind, -600))}
    commons = hosting(script, skewed=skewed)
    wait_until(lambda: is_over(commons), seconds=200, what="the run's end")
    check_ended_well(commons)
