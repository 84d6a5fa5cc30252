"""Plans that promise differential privacy: clipping per unit, the site's own noise, and learners that live with it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies

from aicommons.domain import errors, policies
from aicommons.learning import blocks, differential, model, recipe, records, state

Array = npt.NDArray[np.float64]
RECORD, PERSON = policies.PrivacyUnit.RECORD, policies.PrivacyUnit.PERSON
FEATURES = [
    {"name": "age", "kind": "numeric", "lo": 0.0, "hi": 100.0},
    {"name": "dose", "kind": "numeric", "lo": 0.0, "hi": 5.0},
    {"name": "arm", "kind": "category", "levels": ["a", "b"]},
]
TARGETS: dict[str, dict[str, object] | None] = {
    "classes": {"task": "binomial", "name": "ill", "classes": ["no", "yes"]},
    "several": {"task": "multinomial", "name": "kind", "classes": ["p", "q", "r"]},
    "number": {"task": "gaussian", "name": "size", "lo": 0.0, "hi": 10.0},
    "counts": {"task": "poisson", "name": "visits", "lo": 0.0, "hi": 12.0},
    "times": {
        "task": "survival",
        "name": "days",
        "lo": 0.0,
        "hi": 100.0,
        "event": {"name": "died", "kind": "category", "levels": ["no", "yes"]},
    },
    "nothing": None,
}
RECIPES: dict[str, dict[str, object]] = {
    "glm": {"recipe": "glm", "max_steps": 4},
    "glm with l1": {"recipe": "glm", "l1": 2.0, "max_steps": 4},
    "trees": {"recipe": "trees", "trees": 3, "depth": 2, "min_rows": 5},
    "naive_bayes": {"recipe": "naive_bayes"},
    "stats": {"recipe": "stats", "bins": 16, "quantiles": [0.5]},
    "kmeans": {"recipe": "kmeans", "clusters": 2, "restarts": 1, "max_steps": 4},
    "pca": {"recipe": "pca", "components": 2},
    "kaplan_meier": {"recipe": "kaplan_meier", "intervals": 10, "by": "arm"},
    "discrete_survival": {"recipe": "discrete_survival", "intervals": 5, "max_steps": 4},
    "mlp": {"recipe": "mlp", "hidden": [4], "rounds": 3},
}
CASES = {
    "glm of classes": ("glm", "classes"),
    "glm of several classes": ("glm", "several"),
    "glm of a number": ("glm", "number"),
    "glm of counts": ("glm", "counts"),
    "glm with l1": ("glm with l1", "classes"),
    "trees of classes": ("trees", "classes"),
    "trees of several classes": ("trees", "several"),
    "trees of a number": ("trees", "number"),
    "naive Bayes": ("naive_bayes", "classes"),
    "statistics": ("stats", "number"),
    "groups": ("kmeans", "nothing"),
    "components": ("pca", "nothing"),
    "survival curves": ("kaplan_meier", "times"),
    "time until an event": ("discrete_survival", "times"),
    "network of classes": ("mlp", "classes"),
    "network of a number": ("mlp", "number"),
}


def _plan(
    name: str, target: str, *, noise: float, unit: policies.PrivacyUnit = RECORD, **privacy: object
) -> recipe.Recipe:
    columns: dict[str, object] = {"features": FEATURES}
    privacy = {**({"sampling": 0.2} if name == "mlp" else {}), **privacy}
    if TARGETS[target] is not None:
        columns["target"] = TARGETS[target]
    return recipe.from_plan(
        {**RECIPES[name], "schema": columns, "privacy": {"unit": unit.value, "noise": noise, **privacy}}
    )


def _table(target: str, rows: int, seed: int) -> records.Table:
    rng = np.random.default_rng(seed)
    arm = rng.integers(2, size=rows)
    features = np.column_stack([rng.uniform(0, 100, rows), rng.uniform(0, 5, rows), arm == 0, arm == 1])
    strength = (features[:, 0] - 50.0) / 20.0
    made: dict[str, Any] = {
        "classes": (rng.random(rows) < 1 / (1 + np.exp(-strength))),
        "several": np.clip(np.rint(strength + 1.0), 0, 2),
        "number": np.clip(5.0 + strength + 0.5 * rng.standard_normal(rows), 0.0, 10.0),
        "counts": np.minimum(rng.poisson(np.exp(0.4 * strength)), 12),
        "times": np.minimum(rng.exponential(60.0, rows), 100.0) * np.where(rng.random(rows) < 0.7, 1.0, -1.0),
        "nothing": np.zeros(rows),
    }
    return records.Table(features.astype(np.float64), np.asarray(made[target], dtype=np.float64))


def _sites(target: str, rows: int) -> list[recipe.Rows]:
    return [recipe.Rows(_table(target, rows, 2 * seed), _table(target, rows // 3, 2 * seed + 1)) for seed in range(3)]


def _run(made: recipe.Recipe, sites: Sequence[recipe.Rows], seed: int = 0) -> state.State:
    """Return the last state; every contribution fits its blocks."""
    value = made.initial()
    for index in range(made.most_rounds):
        if made.is_finished(value):
            break
        parts = []
        for place, rows in enumerate(sites):
            part = made.protected(value, rows, _secret(seed, index, place)).numbers
            for block in made.blocks(value):
                assert block.encoding is blocks.Encoding.CLIPPED or np.abs(part[block.name]).max() <= block.cap
                if block.encoding is blocks.Encoding.INTEGER:
                    assert np.array_equal(part[block.name], np.rint(part[block.name]))
            parts.append(part)
        value = made.combine(value, [records.add(iter(parts))])
    return value


def _secret(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "big") for number in numbers).rjust(32, b"\0")


@pytest.mark.parametrize("noise", [0.05, 2.0, 300.0])
@pytest.mark.parametrize("case", CASES)
def test_every_additive_recipe_lives_with_noise(case: str, noise: float) -> None:
    """With little noise or far too much, a run ends, its state is finite, and its model gives finite predictions and a file."""
    name, target = CASES[case]
    made = _plan(name, target, noise=noise)
    value = _run(made, _sites(target, 60))
    assert made.is_finished(value)
    assert not any(array.startswith(differential.SPREAD) for array in value.arrays)
    if not made.has_model(value):
        assert value.reason is state.Reason.ONE_CLASS_ONLY
        return
    read = model.decode(model.encode(model.Model(made, value)))
    if made.judged_target is not None or name in {"kmeans", "pca"}:
        predicted = read.predict(_table(target, 20, 99).features)
        assert np.isfinite(predicted).all()
    made.exhibits(value)


@pytest.mark.parametrize("case", CASES)
def test_little_noise_changes_little(case: str) -> None:
    """At the least noise that a plan may have, two runs with other secrets agree on what they predict for most rows."""
    name, target = CASES[case]
    made = _plan(name, target, noise=0.05)
    if made.judged_target is None or name == "trees":
        return  # groups and splits may be others by the least change
    sites, asked = _sites(target, 400), _table(target, 50, 99).features
    one, other = (made.predict(_run(made, sites, seed), asked) for seed in (1, 2))
    assert np.median(np.abs(one - other)) < 0.1 * max(1.0, float(np.abs(one).max()))


DECLARED = (
    blocks.Block("a", 3, 2.0**20, blocks.Encoding.BOUNDED),
    blocks.Block("b", 2, 2.0**20, blocks.Encoding.INTEGER),
)
PROTECTION = differential.Protection(RECORD, 1.0, (("a", 2.0), ("b", 1.5)))


def _partial(table: records.Table) -> blocks.Contribution:
    return {"a": table.features.sum(axis=0), "b": np.rint(table.features[:, :2]).sum(axis=0)}


def _released(features: Array, secret: bytes, protection: differential.Protection = PROTECTION, **units: Any) -> Any:
    table = records.Table(features, np.zeros(len(features)), **units)
    return differential.released(protection, DECLARED, (differential.Summed(table, _partial),), secret).numbers


@hypothesis.given(
    strategies.lists(strategies.tuples(*[strategies.floats(-1e6, 1e6)] * 3), max_size=6), strategies.floats(-1e6, 1e6)
)
def test_one_more_record_changes_a_sum_by_its_norms_at_most(
    rows: list[tuple[float, float, float]], extreme: float
) -> None:
    """Whatever the record is: without noise each block moves by no more than the plan says."""
    silent = dataclasses.replace(PROTECTION, noise=0.0)
    before = np.array(rows, dtype=np.float64).reshape(-1, 3)
    after = np.vstack([before, [extreme, -extreme, 1.0]])
    one, other = (_released(each, b"", silent) for each in (before, after))
    assert np.linalg.norm(one["a"] - other["a"]) <= 2.0 * (1 + 1e-9)
    assert np.linalg.norm(one["b"] - other["b"]) <= 1.5 * (1 + 1e-9) + np.sqrt(2.0)  # and the rounding of both


def test_noise_has_the_variance_that_the_plan_claims() -> None:
    """Over 40,000 numbers the noise of each block is within 2 percent of noise x norm x root of the number of blocks."""
    wide = (
        blocks.Block("a", 20_000, 2.0**30, blocks.Encoding.BOUNDED),
        blocks.Block("b", 20_000, 2.0**30, blocks.Encoding.BOUNDED),
    )
    table = records.Table(np.zeros((1, 1)), np.zeros(1))
    part = differential.Summed(table, lambda _: {"a": np.zeros(20_000), "b": np.zeros(20_000)})
    found = differential.released(dataclasses.replace(PROTECTION, noise=3.0), wide, (part,), b"secret").numbers
    for name, clip in PROTECTION.clips:
        assert found[name].var() == pytest.approx((3.0 * clip) ** 2 * 2, rel=0.02)
        assert abs(found[name].mean()) < 0.05 * 3.0 * clip
        standard = np.sort(found[name]) / found[name].std()
        assert standard[int(0.975 * 20_000)] == pytest.approx(1.96, abs=0.06)
    assert abs(np.corrcoef(found["a"], found["b"])[0, 1]) < 0.03


def test_the_same_sums_have_the_same_noise_and_others_another() -> None:
    """An attempt again tells nothing new; a changed row, or another secret, draws all noise anew."""
    rows = np.array([[1.0, 2.0, 0.5], [0.1, 0.2, 0.3]])
    first, again = (_released(rows, b"x") for _ in range(2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    for changed in (_released(rows + 1e-9, b"x"), _released(rows, b"y")):
        assert (changed["a"] != first["a"]).all()


def test_a_person_counts_once_however_many_rows_it_has() -> None:
    """All rows of a person are put through together and cut together; the order of rows does not matter."""
    silent = dataclasses.replace(PROTECTION, unit=PERSON, noise=0.0)
    rows = np.tile([[3.0, 0.0, 0.0]], (5, 1))
    units = np.array([7, 7, 9, 7, 9], dtype=np.uint64)
    found = _released(rows, b"", silent, units=units)
    assert np.allclose(found["a"], [4.0, 0.0, 0.0])  # two persons of norm 2
    alone = _released(rows, b"", dataclasses.replace(silent, unit=RECORD))
    assert np.allclose(alone["a"], [10.0, 0.0, 0.0])


def test_persons_that_cannot_be_told_apart_are_not_protected_as_records() -> None:
    """Rows without units are refused by name where the plan protects persons."""
    with pytest.raises(errors.ContributionRefused, match="which rows are of one person"):
        _released(np.zeros((2, 3)), b"", dataclasses.replace(PROTECTION, unit=PERSON))


def test_a_row_that_is_not_finite_adds_nothing() -> None:
    """A learner that overflows for one unit tells nothing of the others."""
    part = differential.Summed(
        records.Table(np.zeros((2, 3)), np.zeros(2)), lambda table: {"a": np.full(3, np.inf), "b": np.zeros(2)}
    )
    found = differential.released(dataclasses.replace(PROTECTION, noise=0.0), DECLARED, (part,), b"").numbers
    assert not found["a"].any()


def test_a_protected_plan_cannot_be_contributed_to_without_noise() -> None:
    """The unprotected way is closed, and the protected one to plans that protect nobody."""
    made = _plan("glm", "classes", noise=1.0)
    rows = _sites("classes", 20)[0]
    with pytest.raises(errors.ContributionRefused, match="promises noise"):
        made.contribute(made.initial(), rows, rng=np.random.default_rng(0))
    bare = dataclasses.replace(made, protection=None)
    with pytest.raises(errors.ContributionRefused, match="protects nobody"):
        bare.protected(bare.initial(), rows, b"")


def _descent(
    protection: differential.Protection, rows: int, secret: bytes = b"d", **units: Any
) -> differential.Descent:
    table = records.Table(np.arange(3.0 * rows).reshape(rows, 3), np.zeros(rows), **units)
    return differential.Descent(protection, table, secret)


DRAWN = differential.Protection(RECORD, 2.0, (("gradient", 3.0),), 0.1)


def test_units_are_drawn_each_by_its_own_chance() -> None:
    """Over many steps every unit is in a tenth of them, in none more than by chance together with another."""
    steps = _descent(DRAWN, 200)
    assert steps.steps == 10
    found = np.array([[table.features[0, 0] / 3 for table in steps.drawn(step)].count(7.0) for step in range(3000)])
    assert found.mean() == pytest.approx(0.1, abs=0.02)
    sizes = np.array([len(list(steps.drawn(step))) for step in range(500)])
    assert sizes.mean() == pytest.approx(20, abs=1.0)
    assert sizes.var() == pytest.approx(18, rel=0.25)


def test_a_steps_noise_is_what_the_plan_says() -> None:
    """Noise times norm in each number; other steps, rows and secrets have other noise, the same ones the same."""
    steps = _descent(DRAWN, 5)
    noise = steps.noise(3, 50_000)
    assert noise.std() == pytest.approx(6.0, rel=0.02)
    assert np.array_equal(noise, _descent(DRAWN, 5).noise(3, 50_000))
    for other in (
        steps.noise(4, 50_000),
        _descent(DRAWN, 6).noise(3, 50_000),
        _descent(DRAWN, 5, b"e").noise(3, 50_000),
    ):
        assert abs(np.corrcoef(noise, other)[0, 1]) < 0.03


def test_persons_are_drawn_with_all_their_rows() -> None:
    """A person's rows are in a step together or not at all."""
    steps = _descent(dataclasses.replace(DRAWN, unit=PERSON), 6, units=np.array([1, 2, 1, 2, 1, 3], dtype=np.uint64))
    sizes = {tuple(table.features[:, 0] / 3) for step in range(100) for table in steps.drawn(step)}
    assert sizes == {(0.0, 2.0, 4.0), (1.0, 3.0), (5.0,)}
    with pytest.raises(errors.ContributionRefused, match="which rows are of one person"):
        _descent(dataclasses.replace(DRAWN, unit=PERSON), 6)


def test_a_unit_moves_a_step_by_its_norm_at_most() -> None:
    """Whatever its row: the delta of one noiseless step with and without it differs by rate x norm / expected units / sites."""
    made = _plan("mlp", "classes", noise=1.0, sampling=1.0, clips={"gradient": 0.01})
    assert made.protection is not None
    value = made.combine(made.initial(), [_counted(made)])
    silent = dataclasses.replace(made.protection, noise=0.0)
    table = made.standardised(value, _table("classes", 30, 1))
    extreme = records.Table(np.vstack([table.features, [[1e3, -1e3, 1.0, 1.0]]]), np.append(table.target, 1.0))
    deltas = [
        made.learner.train_protected(value, differential.Descent(silent, each, b"s")) for each in (table, extreme)
    ]
    moved = float(np.linalg.norm(deltas[0]["delta"] - deltas[1]["delta"]))
    sites, rows = float(value.arrays["sites"][0]), float(value.arrays["rows"][0])
    assert 0.0 < moved <= 0.05 * 0.01 / (rows / sites) / sites * (1 + 1e-9)


def _counted(made: recipe.Recipe) -> blocks.Contribution:
    """Sums of round 0 with hardly any noise."""
    assert made.protection is not None
    quiet = dataclasses.replace(made, protection=dataclasses.replace(made.protection, noise=1e-6))
    return records.add(quiet.protected(quiet.initial(), rows, b"s").numbers for rows in _sites("classes", 30))


def test_held_out_rows_are_looked_at_once() -> None:
    """Fit rounds carry no figures: only the last round is about held-out rows."""
    made = _plan("glm", "classes", noise=1.0)
    value = made.combine(made.initial(), [made.protected(made.initial(), _sites("classes", 40)[0], b"s").numbers])
    assert value.stage is state.Stage.FIT
    assert not any(block.name.startswith("evaluation") for block in made.blocks(value))


def test_the_plan_lists_every_norm_and_is_read_back() -> None:
    """Norms follow from the schema alone, are written out, and may be set."""
    made = _plan("glm", "classes", noise=1.5, clips={"gradient": 0.75})
    assert made.protection is not None
    norms = dict(made.protection.clips)
    assert norms["gradient"] == 0.75
    assert {"hessian", "loss", "protected_description", "evaluation.confusion"} <= norms.keys()
    assert recipe.from_plan(recipe.to_plan(made)) == made


REFUSED: dict[str, tuple[dict[str, object], dict[str, object], str]] = {
    "a library's training": (
        {"recipe": "scikit", "estimator": "SGDClassifier"},
        {"sampling": 0.1},
        "cuts nobody's gradient",
    ),
    "control variates": ({"recipe": "mlp", "scaffold": True}, {"sampling": 0.1}, "control variates would leave"),
    "numbers of rows": ({"recipe": "mlp", "weighting": 0.5}, {"sampling": 0.1}, "numbers of rows would leave"),
    "training at a site without a chance": ({"recipe": "mlp"}, {}, "sampling"),
    "a chance for sums over records": ({"recipe": "glm"}, {"sampling": 0.1}, "sampling"),
    "a part at the site": ({"recipe": "glm", "site_intercepts": True}, {}, "stays at each site"),
    "standard errors": ({"recipe": "glm", "standard_errors": True}, {}, "leave out the noise"),
    "comparing losses": ({"recipe": "glm", "solver": "first_order"}, {}, "compares losses"),
    "no noise": ({"recipe": "glm"}, {"noise": 0.0}, "recipe.privacy.noise"),
    "an unknown unit": ({"recipe": "glm"}, {"unit": "site"}, "recipe.privacy.unit"),
    "an unknown block": ({"recipe": "glm"}, {"clips": {"weights": 1.0}}, "weights"),
    "a norm of 0": ({"recipe": "glm"}, {"clips": {"gradient": 0.0}}, "recipe.privacy.clips.gradient"),
    "an epsilon": ({"recipe": "glm"}, {"epsilon": 1.0}, "epsilon"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_protected_is_refused_by_name(name: str) -> None:
    """Before anything is published."""
    options, privacy, said = REFUSED[name]
    document = {
        **options,
        "schema": {"features": FEATURES, "target": TARGETS["classes"]},
        "privacy": {"unit": "record", "noise": 1.0, **privacy},
    }
    with pytest.raises(errors.InputError, match=said):
        recipe.from_plan(document)


def test_figures_under_noise_have_few_bins_and_stay_possible() -> None:
    """The AUC of sixteen bins is within 0.02 of that of all, and no noise takes a figure out of its range."""
    made, bare = _plan("glm", "classes", noise=0.05), _plan("glm", "classes", noise=0.05).unprotected()
    value = dataclasses.replace(_run(made, _sites("classes", 300)), stage=state.Stage.EVALUATE)
    table = _table("classes", 2000, 5)
    whole = bare.metrics(value, bare.judged(value, table))
    few = made.metrics(value, made.judged_whole(value, table))
    assert whole is not None
    assert few is not None
    assert few.auc == pytest.approx(whole.auc, abs=0.02)
    assert few.accuracy == whole.accuracy
    loud = _plan("glm", "classes", noise=500.0)
    for seed in range(20):
        told = loud.protected(value, _sites("classes", 60)[0], _secret(seed))
        figures = loud.metrics(value, told.numbers)
        assert figures is None or all(each is None or 0.0 <= each <= 1.0 for each in (figures.accuracy, figures.auc))
