"""Records that do not fit: the site refuses by name before anything is sent, and the run goes on without it or ends."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from aicommons.domain import run
from aicommons.learning import recipe, records, state

Rows = recipe.Rows


def changed(rows: Rows, change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Rows:
    """Return rows whose training part was changed."""
    features, target = change(rows.train.features.copy(), rows.train.target.copy())
    return dataclasses.replace(rows, train=records.Table(features, target))


def put(value: float) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a change that puts a value into one cell."""

    def change(features: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features[2, 1] = value
        return features, target

    return change


def label(value: float) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a change that puts a value into one label."""

    def change(features: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        target[2] = value
        return features, target

    return change


BAD = {
    "not a number": (put(float("nan")), "column b"),
    "infinite": (put(float("inf")), "column b"),
    "absurd": (put(1e300), "column b"),
    "out of the declared range": (put(9.5), "column b"),
    "a class that does not exist": (label(2.0), "column y"),
    "half a class": (label(0.5), "column y"),
    "a label that is no number": (label(float("nan")), "column y"),
    "a column too few": (lambda features, target: (features[:, :1], target), "table"),
    "a column too many": (lambda features, target: (np.hstack([features, features]), target), "table"),
}


@pytest.mark.parametrize(("change", "where"), BAD.values(), ids=BAD.keys())
def test_bad_rows_are_never_sent(stage, change: Callable, where: str, caplog: pytest.LogCaptureFixture) -> None:
    """A site with a bad record says which column, sends nothing, and the others complete without it."""
    sites = stage.sites(5)
    sites[4] = changed(sites[4], change)
    with stage.scene(sites) as scene:
        current = scene.play()
        bad = scene.roster[4]
        assert where in caplog.text
        assert "ContributionRefused" in caplog.text
        agent = scene.nodes[bad].agent
        assert bad not in current.attempts[(0, 0)].submits
        assert agent.journal.built(next(iter(current.attempts[(0, 0)].submits.values())).sid) is None
        assert current.state is run.RunState.COMPLETED
        assert [source.member_id for source in current.model.sources] == list(scene.roster[:4])


def test_no_value_is_ever_logged(stage, caplog: pytest.LogCaptureFixture) -> None:
    """What a site says about a bad record does not show the record."""
    sites = stage.sites(5)
    sites[0] = changed(sites[0], put(123.456789))
    with stage.scene(sites) as scene:
        scene.play()
    assert "123.45" not in caplog.text


def test_one_class_only(stage) -> None:
    """When all sites together hold one class only, the run finishes and says so, and there is no model."""
    sites = [changed(rows, lambda features, target: (features, target * 0)) for rows in stage.sites(3)]
    with stage.scene(sites) as scene:
        current = scene.play()
        assert (current.state, current.reason) == (run.RunState.COMPLETED, run.Reason.FINISHED)
        final = scene.simulation.final_state()
        assert (final.stage, final.reason) == (state.Stage.FINISHED, state.Reason.ONE_CLASS_ONLY)
        assert current.agreed.rounds_done == 1
        assert current.model is None
        assert all(node.agent.journal.report(scene.run_id) == b"{}" for node in scene.nodes.values())


def test_one_class_at_one_site_is_fine(stage) -> None:
    """A site with one class only takes part like the others."""
    sites = stage.sites(3)
    sites[1] = changed(sites[1], lambda features, target: (features, target * 0))
    with stage.scene(sites) as scene:
        current = scene.play()
        assert current.state is run.RunState.COMPLETED
        assert len(current.model.sources) == 3
