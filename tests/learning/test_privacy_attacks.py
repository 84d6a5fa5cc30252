"""Attacks on final models: who was learned from, and which made-up records were put in; and that noise stops them.

The control is a network that has learned its few rows by heart: the same attack has to succeed there, else it shows nothing.
"""

import bisect
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies

from aicommons.domain import errors, schema
from aicommons.learning import accounting, recipe, records, state
from aicommons.learning.figures import membership

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]
WIDTH = 12
SCHEMA = {
    "features": [{"name": f"x{index}", "kind": "numeric", "lo": -4.0, "hi": 4.0} for index in range(WIDTH)],
    "target": {"name": "ill", "task": "binomial", "classes": ["no", "yes"]},
}
BY_HEART: dict[str, object] = {
    "recipe": "mlp",
    "hidden": [64],
    "rounds": 60,
    "local_epochs": 3,
    "batch": 8,
    "learning_rate": 0.2,
}
NETWORK: dict[str, object] = {"recipe": "mlp", "hidden": [8], "rounds": 4, "learning_rate": 0.5}
EPSILON = 1.0
CANARIES = 300


def _rows(count: int, seed: int) -> records.Table:
    """Half of what is to be learned is chance: whoever knows the answers by heart has seen them."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, WIDTH)).clip(-4, 4)
    return records.Table(features, (features[:, 0] + 1.5 * rng.standard_normal(count) > 0).astype(np.float64))


def _plan(document: dict[str, object], *, noise: float | None = None, sampling: float = 0.1) -> recipe.Recipe:
    is_network = document["recipe"] == "mlp"
    drawn = {"sampling": sampling} if is_network else {}
    privacy = {} if noise is None else {"privacy": {"unit": "record", "noise": noise, **drawn}}
    return recipe.from_plan({**document, "schema": SCHEMA, "tests_membership": True, **privacy})


def _noisy(document: dict[str, object]) -> recipe.Recipe:
    """Return the plan with the least noise, in steps of a tenth, at which a whole run costs no more than ``EPSILON``."""
    tenths = range(10, 500)
    enough = bisect.bisect_left(tenths, x=True, key=lambda each: _plan(document, noise=each / 10).most_loss <= EPSILON)
    return _plan(document, noise=tenths[enough] / 10)


def _trained(made: recipe.Recipe, sites: list[recipe.Rows]) -> tuple[state.State, Any]:
    """Return the last state and its figures."""
    value, local, figures = made.initial(), [None] * len(sites), None
    for index in range(made.most_rounds):
        if made.is_finished(value):
            break
        parts = []
        for place, rows in enumerate(sites):
            if made.protection is None:
                part, local[place] = made.contribute(
                    value, rows, local_state=local[place], rng=np.random.default_rng([index, place])
                )
            else:
                part = made.protected(value, rows, bytes([index, place]).rjust(32, b"\0")).numbers
            parts.append(part)
        sums = records.add(iter(parts))
        figures = made.metrics(value, sums) or figures
        value = made.combine(value, [sums])
    return value, figures


def _exact_auc(members: Array, others: Array) -> float:
    """Return the chance that a member's loss is smaller, ties halved."""
    less = (members[:, None] < others[None, :]).mean()
    return float(less + 0.5 * (members[:, None] == others[None, :]).mean())


def _most_auc(epsilon: float) -> float:
    """Return the largest area under any attack's ROC curve on something with this epsilon (Dong, Roth and Su 2022)."""
    rates = np.linspace(0.0, 1.0, 100_001)
    missed = np.maximum(0.0, np.maximum(1.0 - math.exp(epsilon) * rates, math.exp(-epsilon) * (1.0 - rates)))
    return float(1.0 - np.trapezoid(missed, rates))


def _sites(seed: int, count: int = 40) -> list[recipe.Rows]:
    return [recipe.Rows(_rows(count, 10 * seed + site), _rows(count, 10 * seed + site + 5)) for site in range(3)]


@pytest.mark.slow("networks are trained")
def test_members_are_told_from_others_only_without_noise() -> None:
    """Loss on rows learned from and held out: 0.65 and more where a network knows them by heart, chance under noise."""
    control, overfit = _trained(_plan(BY_HEART), _sites(1))
    assert overfit.membership_auc > 0.65
    made = _noisy(NETWORK)
    value, _ = _trained(made, _sites(1, 400))
    members = np.concatenate([_loss(made, value, rows.train) for rows in _sites(1, 400)])
    others = np.concatenate([_loss(made, value, rows.held_out) for rows in _sites(1, 400)])
    assert abs(_exact_auc(members, others) - 0.5) < 0.05
    held_out = [records.gather(rows.held_out) for rows in _sites(1, 400)]
    right = [(made.predict(value, each.features).argmax(axis=1) == each.target).mean() for each in held_out]
    assert np.mean(right) > 0.55  # and it has learned something
    bare = _plan(BY_HEART)
    told = [
        np.concatenate([_loss(bare, control, getattr(rows, part)) for rows in _sites(1)])
        for part in ("train", "held_out")
    ]
    assert overfit.membership_auc == pytest.approx(_exact_auc(*told), abs=0.01)


def _loss(made: recipe.Recipe, value: state.State, table: records.Records) -> Array:
    found = records.gather(table)
    assert made.schema.target is not None
    return membership.losses(made.schema.target, made.scores(value, found.features), found.target)


def _canaries(seed: int) -> records.Table:
    """Records that nothing could teach: far out, with answers by chance."""
    rng = np.random.default_rng(seed)
    features = (4.0 * np.sign(rng.standard_normal((CANARIES, WIDTH)))).clip(-4, 4)
    return records.Table(features, rng.integers(0, 2, CANARIES).astype(np.float64))


def _auc_of_canaries(made: recipe.Recipe, count: int) -> float:
    """Put every other canary in, train, and tell from the losses which ones."""
    canaries, sites = _canaries(3), _sites(2, count)
    is_in = np.random.default_rng(4).random(CANARIES) < 0.5
    inside = canaries.take(np.flatnonzero(is_in))
    owned = [
        dataclasses.replace(
            rows,
            train=records.Table(
                np.vstack([records.gather(rows.train).features, inside.features[site::3]]),
                np.concatenate([records.gather(rows.train).target, inside.target[site::3]]),
            ),
        )
        for site, rows in enumerate(sites)
    ]
    value, _ = _trained(made, owned)
    losses = _loss(made, value, canaries)
    return _exact_auc(losses[is_in], losses[~is_in])


@pytest.mark.slow("networks are trained")
def test_canaries_are_found_only_without_noise() -> None:
    """Found by the control at 0.65 and more; at epsilon 1 no better than chance, the bound of epsilon and the sample's error."""
    assert _auc_of_canaries(_plan(BY_HEART), 40) > 0.65
    error = 3.0 * math.sqrt(1.0 / (12.0 * CANARIES / 4.0))
    for document in (NETWORK, {"recipe": "glm", "max_steps": 3}):
        found = _auc_of_canaries(_noisy(document), 100)
        assert found < _most_auc(EPSILON) + error
        assert abs(found - 0.5) < error + 0.05


def test_the_bound_of_epsilon_is_that_of_pure_privacy() -> None:
    """Chance at 0, everything at a large epsilon, and two thirds to three quarters at 1."""
    assert _most_auc(0.0) == pytest.approx(0.5, abs=1e-4)
    assert 0.66 < _most_auc(1.0) < 0.75
    assert _most_auc(20.0) == pytest.approx(1.0, abs=1e-3)


TARGETS = {
    "classes": (schema.Target(schema.Task.BINOMIAL, "y", classes=("a", "b")), False),
    "several": (schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")), True),
    "a number": (schema.Target(schema.Task.GAUSSIAN, "y", lo=-5.0, hi=5.0), False),
    "counts": (schema.Target(schema.Task.POISSON, "y", lo=0.0, hi=9.0), False),
}


@pytest.mark.parametrize("name", TARGETS)
@hypothesis.given(seed=strategies.integers(0, 10_000))
def test_bins_tell_nearly_what_losses_tell(name: str, seed: int) -> None:
    """The attack from binned sums is within 0.03 of that from every loss, and two sites' counts add up."""
    target, has_columns = TARGETS[name]
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((300, 3)) if has_columns else rng.standard_normal(300)
    truth = rng.integers(0, 3 if has_columns else 2, 300).astype(np.float64)
    parts = [
        membership.contribution(target, scores[part], truth[part], is_held_out=is_held)
        for part, is_held in ((slice(100), False), (slice(100, 200), False), (slice(200, 300), True))
    ]
    sums = records.add(iter(parts))
    assert sums[membership.LOSSES].sum() == 300.0
    losses = membership.losses(target, scores, truth)
    assert (losses >= 0.0).all()
    assert membership.auc(sums) == pytest.approx(_exact_auc(losses[:200], losses[200:]), abs=0.03)


def test_absurd_scores_have_a_bin() -> None:
    """A loss of zero or without end counts once, and no row is lost."""
    target = TARGETS["classes"][0]
    told = membership.contribution(target, np.array([1e308, -1e308, 0.0]), np.ones(3), is_held_out=True)
    assert told[membership.LOSSES].sum() == 3.0
    assert membership.auc(told) is None


REFUSED = {
    "times": (
        {
            "name": "t",
            "task": "survival",
            "lo": 0,
            "hi": 9,
            "event": {"name": "e", "kind": "category", "levels": ["n", "y"]},
        },
        "kaplan_meier",
    ),
    "statistics": (SCHEMA["target"], "stats"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_losses_cannot_be_tested(name: str) -> None:
    """Refused by name before a plan is published."""
    target, chosen = REFUSED[name]
    with pytest.raises(errors.InputError, match="tests_membership"):
        recipe.from_plan({"recipe": chosen, "schema": {**SCHEMA, "target": target}, "tests_membership": True})


def test_a_test_of_members_is_charged_where_people_are_protected() -> None:
    """The last round then looks at people learned from once more; the option is written out and read back."""
    bare, tested = (
        recipe.from_plan(
            {"recipe": "glm", "max_steps": 3, "schema": SCHEMA, "privacy": {"unit": "record", "noise": 4.0}, **more}
        )
        for more in ({}, {"tests_membership": True})
    )
    assert bare.most_loss == accounting.epsilon([accounting.Release(4.0, 4)])
    assert tested.most_loss == accounting.epsilon([accounting.Release(4.0, 5)])
    assert recipe.from_plan(recipe.to_plan(tested)) == tested
