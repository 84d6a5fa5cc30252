"""Local training: every member of the family does what its paper says, at the site and for all."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicommons.domain import errors, schema
from aicommons.learning import combine, recipe, records, state
from aicommons.learning.learners import averaging, mlp

Array = npt.NDArray[np.float64]
COLUMNS = schema.Schema(
    (schema.numeric("a", -99, 99), schema.numeric("b", -99, 99)),
    schema.Target(schema.Task.GAUSSIAN, "y", lo=-99.0, hi=99.0),
)
ADAM = averaging.Optimiser(averaging.Server.ADAM, learning_rate=0.1)
YOGI = averaging.Optimiser(averaging.Server.YOGI, learning_rate=0.1)


def _table(rows: int, seed: int, slope: float = 1.0) -> records.Table:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 2)) + seed
    return records.Table(features, features @ np.array([slope, -0.5]) + 0.1 * rng.normal(size=rows))


def _started(learner: averaging.Averaging, rows: int) -> state.State:
    value = learner.initial(COLUMNS, 1)
    return dataclasses.replace(value, arrays={**value.arrays, "rows": np.array([float(rows)])})


def _trained(
    learner: averaging.Averaging, tables: list[records.Table], rounds: int
) -> tuple[state.State, list[bytes | None]]:
    """Return the state after some rounds of plain sums, and the sites' local states."""
    value, local = _started(learner, sum(table.rows for table in tables)), [None] * len(tables)
    for _ in range(rounds):
        parts = []
        for site, table in enumerate(tables):
            part, local[site] = learner.train(value, local[site], table, np.random.default_rng(site))
            parts.append(part)
        value = learner.combine(value, {name: sum(part[name] for part in parts) for name in parts[0]})
    return value, local


def _flat(learner: averaging.Averaging, value: state.State) -> Array:
    return np.concatenate([value.arrays[name].ravel() for name in learner.network.names])


def test_a_step_is_that_of_the_proximal_gradient() -> None:
    """Two full-batch steps with mu are w - lr (g(w) + mu (w - w0)), computed here by hand for a linear model."""
    learner = mlp.make(
        schema.Task.GAUSSIAN, (), proximal=3.0, learning_rate=0.01, local_epochs=2, batch=1000, clip=2.0**20
    )
    table = _table(50, 1)
    value = _started(learner, 50)
    part, _ = learner.train(value, None, table, np.random.default_rng(0))
    inputs = np.hstack([table.features, np.ones((50, 1))])
    start = w = _flat(learner, value)
    for _ in range(2):
        w = w - 0.01 * (inputs.T @ (inputs @ w - table.target) / 50 + 3.0 * (w - start))
    assert np.abs(part["delta"] - (w - start)).max() < 1e-12


def test_adam_and_yogi_are_the_papers() -> None:
    """Algorithm 2 of Reddi et al. (2021), value by value in plain Python, from tau^2 on."""
    rng = np.random.default_rng(3)
    rates = combine.Rates(0.1, 0.9, 0.99, 1e-3)
    first, second = np.zeros(5), np.full(5, 1e-6)
    for step in (combine.fed_adam, combine.fed_yogi):
        m, v = first.tolist(), second.tolist()
        got = np.zeros(5), first, second
        for _ in range(4):
            delta = rng.normal(size=5)
            got = step(got[1], got[2], delta, rates)
            for place, d in enumerate(delta.tolist()):
                m[place] = 0.9 * m[place] + (1 - 0.9) * d
                if step is combine.fed_adam:
                    v[place] = 0.99 * v[place] + (1 - 0.99) * d * d
                else:
                    v[place] -= (1 - 0.99) * d * d * np.sign(v[place] - d * d)
            expected = [0.1 * m[place] / (v[place] ** 0.5 + 1e-3) for place in range(5)]
            assert np.allclose(got[0], expected, rtol=1e-12, atol=0)
            assert np.allclose(got[2], v, rtol=1e-12, atol=0)


@pytest.mark.parametrize("optimiser", [ADAM, YOGI], ids=["adam", "yogi"])
def test_server_steps_reach_the_solution(optimiser: averaging.Optimiser) -> None:
    """The server's own step lowers the pooled loss of a linear model towards that of least squares."""
    learner = mlp.make(schema.Task.GAUSSIAN, (), optimiser=optimiser, rounds=300, clip=2.0**20)
    tables = [_table(40, 0), _table(60, 1)]
    value, _ = _trained(learner, tables, 150)
    features, target = np.vstack([t.features for t in tables]), np.concatenate([t.target for t in tables])
    rest = learner.scores(value, features) - target
    assert float((rest * rest).mean()) < 0.05
    assert {averaging.FIRST, averaging.SECOND} <= set(value.arrays)


def test_control_variates_take_the_drift_away() -> None:
    """Sites whose rows differ pull FedAvg away from the pooled solution; SCAFFOLD comes to it with the same steps."""
    tables = [_table(60, 0, slope=3.0), _table(60, 2, slope=-2.0), _table(30, 1, slope=1.0)]
    features, target = np.vstack([t.features for t in tables]), np.concatenate([t.target for t in tables])
    pooled = np.linalg.lstsq(np.hstack([features, np.ones((150, 1))]), target, rcond=None)[0]
    far = {}
    for scaffold in (False, True):
        learner = mlp.make(
            schema.Task.GAUSSIAN, (), scaffold=scaffold, learning_rate=0.02, local_epochs=5, batch=1000, clip=2.0**20
        )
        value, local = _trained(learner, tables, 600)
        far[scaffold] = float(np.abs(_flat(learner, value) - pooled).max())
        if scaffold:
            own = [np.frombuffer(each) for each in local]
            mean = sum(table.rows / 150 * each for table, each in zip(tables, own, strict=True))
            assert np.abs(mean - value.arrays["control"]).max() < 1e-9
    assert far[True] < 1e-6
    assert far[False] > 100 * far[True]


def test_a_control_variate_never_changes_by_more_than_is_sent() -> None:
    """What a site keeps is cut like what it sends, so that the sum of all stays the mean of what all keep."""
    learner = mlp.make(schema.Task.GAUSSIAN, (), scaffold=True, learning_rate=1.0, clip=2.0**-10, batch=1000)
    table = _table(50, 4)
    value = _started(learner, 50)
    part, local = learner.train(value, None, table, np.random.default_rng(0))
    cap = next(block.cap for block in learner.blocks(value) if block.name == "control")
    assert np.sqrt((part["control"] ** 2).sum()) == pytest.approx(cap)
    assert np.frombuffer(local) == pytest.approx(part["control"])


@pytest.mark.parametrize("local", [b"", bytes(8), bytes(23), np.array([np.nan] * 3).tobytes()], ids=len)
def test_a_foreign_local_state_is_refused(local: bytes) -> None:
    """A control variate of another length, or that is no number, is not used."""
    learner = mlp.make(schema.Task.GAUSSIAN, (), scaffold=True)
    with pytest.raises(errors.ContributionRefused, match="not of this model"):
        learner.train(_started(learner, 9), local, _table(9, 1), np.random.default_rng(0))


@pytest.mark.parametrize(("weighting", "shares"), [(0.0, [0.5, 0.5]), (0.5, [0.25, 0.75]), (1.0, [0.1, 0.9])])
def test_sites_count_as_the_plan_says(weighting: float, shares: list[float]) -> None:
    """Ten and ninety rows: by rows, by their root, or alike; other than by rows it takes one round to add the weights up."""
    learner = mlp.make(schema.Task.GAUSSIAN, (), weighting=weighting, rounds=3, clip=2.0**20)
    tables = [_table(10, 0), _table(90, 1)]
    value, rounds = _started(learner, 100), 0
    if weighting != 1.0:
        parts = [learner.train(value, None, table, np.random.default_rng(0))[0] for table in tables]
        assert all(part["weight"][0] <= learner.blocks(value)[0].cap for part in parts)
        value, rounds = learner.combine(value, {"weight": sum(part["weight"] for part in parts)}), 1
    assert [learner.share(value, table.rows) for table in tables] == pytest.approx(shares)
    deltas = [learner.train(value, None, table, np.random.default_rng(0))[0]["delta"] for table in tables]
    plain = mlp.make(schema.Task.GAUSSIAN, (), clip=2.0**20)
    alone = [plain.train(_started(plain, table.rows), None, table, np.random.default_rng(0))[0] for table in tables]
    for delta, share, part in zip(deltas, shares, alone, strict=True):
        assert delta == pytest.approx(share * part["delta"])
    assert learner.most_steps == 3 + rounds
    assert learner.tells_rows == (weighting != 1.0)


def test_a_site_without_rows_counts_nothing() -> None:
    """Also where all sites count alike; and without any row there is nothing to average."""
    learner = mlp.make(schema.Task.GAUSSIAN, (), weighting=0.0)
    value = _started(learner, 9)
    part, _ = learner.train(value, None, _table(0, 1), np.random.default_rng(0))
    assert part["weight"].tolist() == [0.0]
    after = learner.combine(value, {"weight": np.zeros(1)})
    assert (after.stage, after.reason) == (state.Stage.FINISHED, state.Reason.NO_ROWS)


def _plan(**options: Any) -> dict[str, Any]:
    return {"recipe": "mlp", "schema": schema.to_document(COLUMNS), **options}


FAMILY: dict[str, dict[str, Any]] = {
    "fedavg": {},
    "fedprox": {"proximal": 0.01},
    "fedadam": {"server": {"rule": "adam"}},
    "fedyogi": {"server": {"rule": "yogi", "learning_rate": 0.5, "floor": 0.01}},
    "scaffold": {"scaffold": True},
    "alike": {"weighting": 0.0},
    "all together": {"scaffold": True, "proximal": 0.5, "weighting": 0.5, "server": {"rule": "adam"}},
}


@pytest.mark.parametrize("name", FAMILY)
def test_a_plan_gives_its_learner_back(name: str) -> None:
    """to_plan(from_plan(x)) names what x chose and nothing that it did not, so that earlier plans keep their bytes."""
    made = recipe.from_plan(_plan(**FAMILY[name]))
    written = recipe.to_plan(made)
    assert recipe.from_plan(written) == made
    assert set(FAMILY[name]) == set(written) & {"proximal", "server", "scaffold", "weighting"}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "plain mean as a server rule": ({"server": {"rule": "mean"}}, "recipe.server.rule"),
    "unknown server rule": ({"server": {"rule": "sgd"}}, "recipe.server.rule"),
    "unknown field of the server": ({"server": {"rule": "adam", "warmup": 3}}, "recipe.server"),
    "momentum of one": ({"server": {"rule": "adam", "momentum": 1.0}}, "recipe.server.momentum"),
    "floor of zero": ({"server": {"rule": "adam", "floor": 0.0}}, "recipe.server.floor"),
    "negative proximal": ({"proximal": -1.0}, "recipe.proximal"),
    "weighting above one": ({"weighting": 1.5}, "recipe.weighting"),
    "scaffold as a word": ({"scaffold": "yes"}, "recipe.scaffold"),
    "scaffold with rollback": ({"scaffold": True, "rollback": {}}, "recipe.scaffold"),
    "scaffold with robust cells": ({"scaffold": True, "robust": {"rule": "median"}}, "recipe.scaffold"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_named(name: str) -> None:
    """The solver hears which option is wrong before anything is sent."""
    options, which = BAD[name]
    with pytest.raises(errors.InputError) as caught:
        recipe.from_plan(_plan(**options))
    assert caught.value.which.startswith(which)


def test_a_model_that_a_state_cannot_hold_with_its_moments_is_refused() -> None:
    """A network that fits alone does not fit beside the server's two moments and a control variate."""
    wide = {"hidden": [8192, 4000]}
    recipe.from_plan(_plan(**wide))
    with pytest.raises(errors.InputError, match="too large"):
        recipe.from_plan(_plan(**wide, scaffold=True, server={"rule": "adam"}))
