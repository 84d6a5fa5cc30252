"""Robust combination over fixed cells: what a minority of cells sends moves the result within a stated bound only."""

import math
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies

from aicommons.domain import errors
from aicommons.learning import blocks, combine, recipe, records, robust, state

Vector = npt.NDArray[np.float64]
Federate = Callable[..., Any]

LENGTH, SITES, SIZE, CELLS = 300, 20, 4, 5
BLOCK = blocks.Block("delta", LENGTH, 16.0, blocks.Encoding.CLIPPED)
ROBUST = (robust.Rule.GEOMETRIC_MEDIAN, robust.Rule.MEDIAN, robust.Rule.TRIMMED_MEAN)


def _sites(seed: int) -> list[Vector]:
    """Return what honest sites found: a common direction and as much of their own."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=LENGTH)
    return [common + rng.normal(size=LENGTH) for _ in range(SITES)]


def _huge(honest: list[Vector]) -> Vector:
    return np.full(LENGTH, 1e6 * float(np.abs(honest[0]).max()))


def _flipped(honest: list[Vector]) -> Vector:
    return -3.0 * np.mean(honest, axis=0)


def _a_little(honest: list[Vector]) -> Vector:
    """Baruch et al. 2019, "a little is enough": within the spread of the honest ones."""
    return np.mean(honest, axis=0) - 1.5 * np.std(honest, axis=0)


ATTACKS: dict[str, tuple[Callable[[list[Vector]], Vector], float]] = {
    "huge values": (_huge, 0.60),
    "minus three times the mean": (_flipped, 0.60),
    "a little is enough": (_a_little, 0.45),
}
"""Attack -> what every liar sends, and the largest error that a robust rule may have, in lengths of the honest mean."""


def _cells(sites: Sequence[Vector]) -> list[dict[str, Vector]]:
    """Return each cell's sums, every site by its weight."""
    shared = [site / SITES for site in sites]
    weight = {robust.WEIGHT: np.array([SIZE / SITES])}
    return [{"delta": np.sum(shared[start : start + SIZE], axis=0), **weight} for start in range(0, SITES, SIZE)]


def _errors(rule: robust.Rule, attack: Callable[[list[Vector]], Vector], *, liars: Sequence[int]) -> float:
    """Return the mean relative distance to the honest sites' mean over ten draws."""
    found = []
    for seed in range(10):
        sites = _sites(seed)
        honest = [site for index, site in enumerate(sites) if index not in liars]
        sent = [attack(honest) if index in liars else site for index, site in enumerate(sites)]
        truth = np.mean(honest, axis=0)
        got = robust.combine_cells(robust.Robust(rule), BLOCK, _cells(sent))
        found.append(float(np.linalg.norm(got - truth) / np.linalg.norm(truth)))
    return float(np.mean(found))


@pytest.mark.parametrize("rule", ROBUST, ids=lambda rule: rule.value)
@pytest.mark.parametrize("name", ATTACKS)
def test_two_bad_cells_of_five_move_little(name: str, rule: robust.Rule) -> None:
    """One liar in each of two cells of five moves the result by no more than the stated part of the honest mean."""
    attack, bound = ATTACKS[name]
    assert _errors(rule, attack, liars=(0, SIZE)) < bound


@pytest.mark.parametrize("rule", ROBUST, ids=lambda rule: rule.value)
def test_three_bad_cells_of_five_break_every_rule(rule: robust.Rule) -> None:
    """The break point is two: three cells that agree are the majority."""
    assert _errors(rule, _huge, liars=(0, SIZE, 2 * SIZE)) > 1.0


def test_the_plain_mean_is_moved_by_one_liar() -> None:
    """Without a rule one site sends the model wherever the cap allows."""
    sites = _sites(0)
    sites[0] = _huge(sites)
    assert np.abs(robust.mean([cell["delta"] for cell in _cells(sites)])).max() > 1_000.0


VALUES = strategies.lists(strategies.floats(-1e3, 1e3), min_size=3, max_size=3).map(np.array)
WILD = strategies.lists(strategies.floats(-1e12, 1e12), min_size=3, max_size=3).map(np.array)

FAR = strategies.lists(strategies.floats(-1e4, 1e4), min_size=3, max_size=3).map(np.array)
"""Lengths are cut before the geometric median is taken."""


@hypothesis.settings(deadline=None)
@hypothesis.given(strategies.integers(3, 12), strategies.data())
def test_value_by_value_rules_stay_within_the_honest_values(cells: int, data: strategies.DataObject) -> None:
    """With as many bad cells as the rule's break point, every value lies between two honest ones."""
    for rule, most in ((robust.median, (cells - 1) // 2), (robust.trimmed_mean, 2 * cells // 5)):
        honest = [data.draw(VALUES) for _ in range(cells - most)]
        got = rule([*(data.draw(WILD) for _ in range(most)), *honest])
        assert np.all(got >= np.min(honest, axis=0) - 1e-9)
        assert np.all(got <= np.max(honest, axis=0) + 1e-9)


@hypothesis.settings(deadline=None, max_examples=200)
@hypothesis.given(strategies.integers(5, 12), strategies.data())
def test_the_geometric_median_stays_near_the_honest_cells(cells: int, data: strategies.DataObject) -> None:
    """With a share a < 1/2 of bad cells it is at most (1 - a) / sqrt(1 - 2a) times as far from any point as the farthest
    honest cell (Minsker 2015, lemma 2.1)."""
    most = (cells - 1) // 2
    honest = [data.draw(VALUES) for _ in range(cells - most)]
    centre = np.mean(honest, axis=0)
    got = robust.geometric_median([*(data.draw(FAR) for _ in range(most)), *honest])
    bad = most / cells
    bound = (1.0 - bad) / math.sqrt(1.0 - 2.0 * bad)
    farthest = max(float(np.linalg.norm(each - centre)) for each in honest)
    assert float(np.linalg.norm(got - centre)) <= 1.05 * bound * farthest + 0.1


def test_a_geometric_median_has_the_least_sum_of_distances() -> None:
    """No direction of a small step lowers the sum of distances noticeably."""
    rng = np.random.default_rng(4)
    points = [rng.normal(size=8) for _ in range(7)]
    got = robust.geometric_median(points)

    def total(place: Vector) -> float:
        return sum(float(np.linalg.norm(point - place)) for point in points)

    for _ in range(100):
        assert total(got + 0.05 * rng.normal(size=8)) > total(got) - 1e-9


def test_cells_that_agree_are_not_moved() -> None:
    """Every rule returns the common value of equal cells, to the grid."""
    value = np.linspace(-1.0, 1.0, LENGTH)
    cells = [{"delta": value * 0.2, robust.WEIGHT: np.array([0.2])}] * 5
    for rule in robust.Rule:
        got = robust.combine_cells(robust.Robust(rule), BLOCK, cells)
        assert np.abs(got - value).max() < 1e-10


WEIGHTS = {"zero": 0.0, "negative": -0.2, "tiny": 1e-300, "not a number": float("nan"), "infinite": float("inf")}


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_cell_whose_weight_is_no_weight_has_no_say(name: str) -> None:
    """A weight that a liar made useless gives zeros or a cell that is cut, never a number that is not finite."""
    good = {"delta": np.full(LENGTH, 0.2), robust.WEIGHT: np.array([0.2])}
    bad = {"delta": np.full(LENGTH, 1e30), robust.WEIGHT: np.array([WEIGHTS[name]])}
    for rule in robust.Rule:
        got = robust.combine_cells(robust.Robust(rule), BLOCK, [bad, good, good, good, good])
        assert np.isfinite(got).all()
        assert np.abs(got - 1.0).max() < 0.31


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 64, 1_001])
def test_sums_by_halves_are_sums(size: int) -> None:
    """Adding by halves is adding, in whole numbers exactly."""
    values = np.random.default_rng(size).integers(-1000, 1000, size).astype(np.float64)
    assert robust.sum_by_halves(values.copy()) == values.sum()


def test_robust_rules_use_no_operation_whose_bytes_depend_on_the_cpu() -> None:
    """The sources name no BLAS, LAPACK, libm or unordered reduction."""
    source = pathlib.Path(robust.__file__).read_text().split('"""', 2)[2]
    for banned in (
        " @ ",
        ".dot(",
        ".sum(",
        "linalg",
        "einsum",
        "np.exp",
        "np.log",
        "matmul",
        "math.",
        " sum(",
        ".mean(",
    ):
        assert banned not in source


# --- in a plan ---

SCHEMA = {
    "features": [{"name": f"x{index}", "kind": "numeric", "lo": -6, "hi": 6} for index in range(4)],
    "target": {"name": "y", "task": "binomial", "classes": ["no", "yes"]},
}
MLP = {"recipe": "mlp", "hidden": [8], "rounds": 8, "learning_rate": 0.3, "batch": 8, "clip": 4.0, "schema": SCHEMA}
FIVE = [range(start, start + 4) for start in range(0, 20, 4)]


def _plan(**options: object) -> recipe.Recipe:
    return recipe.from_plan({**MLP, **options})


def _rows(site: int) -> recipe.Rows:
    rng = np.random.default_rng(site)
    tables = []
    for count in (40, 15):
        features = rng.normal(size=(count, 4))
        tables.append(
            records.Table(features, (features[:, 0] - features[:, 1] + rng.normal(0, 0.5, count) > 0).astype(float))
        )
    return recipe.Rows(*tables)


def _poison(round_index: int, site: int, part: blocks.Contribution) -> blocks.Contribution:
    """Two sites, in two cells, send the cap's worth of nonsense in every round."""
    if site not in (1, 9) or "delta" not in part:
        return part
    _ = round_index
    return {**part, "delta": np.where(np.arange(len(part["delta"])) % 2, 40.0, -40.0)}


def test_a_robust_run_learns_beside_two_liars(federate: Federate) -> None:
    """Where the mean is carried away, the geometric median learns almost as well as without liars."""
    sites = [_rows(site) for site in range(SITES)]
    chosen = {"rule": "geometric-median"}
    honest = federate(_plan(), sites).metrics[-1].accuracy
    plain = federate(_plan(), sites, tamper=_poison).metrics[-1].accuracy
    guarded = federate(_plan(robust=chosen), sites, cells=FIVE, tamper=_poison).metrics[-1].accuracy
    assert plain < honest - 0.15
    assert guarded > honest - 0.05


def test_one_cell_is_folded_as_if_nothing_were_asked_for(federate: Federate) -> None:
    """A run that is not divided has one cell: the option changes no array of the model."""
    sites = [_rows(site) for site in range(4)]
    sites[0] = recipe.Rows(sites[0].train.take(np.arange(7)), sites[0].held_out)
    plain, asked = (federate(_plan(**more), sites).state for more in ({}, {"robust": {"rule": "median"}}))
    assert state.encode(plain) == state.encode(asked)


def test_additive_recipes_add_their_cells_up(federate: Federate) -> None:
    """A sum over records is the same whether it comes in one cell or in five."""
    sites = [_rows(site) for site in range(SITES)]
    plan = recipe.from_plan({"recipe": "glm", "schema": SCHEMA})
    whole, divided = federate(plan, sites).state, federate(plan, sites, cells=FIVE).state
    assert np.abs(whole.arrays["coefficients"] - divided.arrays["coefficients"]).max() < 1e-12


def test_no_cells_are_no_round() -> None:
    """Combining needs the sums of at least one cell."""
    plan = _plan()
    with pytest.raises(errors.ContributionRefused, match="no sums"):
        plan.combine(plan.initial(), [])


def test_every_cell_is_checked() -> None:
    """A later cell with other blocks than the plan's is refused like the first."""
    plan = _plan()
    good, _ = plan.contribute(plan.initial(), _rows(0), rng=np.random.default_rng(0))
    with pytest.raises(errors.ContributionRefused, match="other blocks"):
        plan.combine(plan.initial(), [good, {}])


DIVISIONS = {
    "one set": [20],
    "four cells": [5, 5, 5, 5],
    "a cell of three": [4, 4, 4, 4, 3],
    "nobody": [],
}


@pytest.mark.parametrize("name", DIVISIONS)
def test_too_few_cells_are_refused_with_the_reason(name: str) -> None:
    """Below five cells of four, liars cannot be outvoted, or a cell's sum says too much about one site."""
    with pytest.raises(errors.InputError, match="not divided into enough of them"):
        robust.check_cells(DIVISIONS[name])


def test_five_cells_of_four_are_enough() -> None:
    """Twenty participants in five cells may combine robustly."""
    robust.check_cells([4, 4, 4, 4, 4])


BAD_OPTIONS: dict[str, tuple[dict[str, object], str]] = {
    "unknown rule": ({"robust": {"rule": "krum"}}, "recipe.robust.rule"),
    "no rule": ({"robust": {}}, "recipe.robust.rule"),
    "not an object": ({"robust": "median"}, "recipe.robust"),
    "clip below one": ({"robust": {"rule": "median", "clip": 0.5}}, "recipe.robust.clip"),
    "clip is text": ({"robust": {"rule": "median", "clip": "1.5"}}, "recipe.robust.clip"),
    "unknown field": ({"robust": {"rule": "median", "cut": 1}}, "recipe.robust.cut"),
    "sums over records": ({"recipe": "glm", "robust": {"rule": "median"}}, "recipe.robust"),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options_are_refused_and_named(name: str) -> None:
    """The option is read strictly, and only plans that train locally may have it."""
    changed, which = BAD_OPTIONS[name]
    document: dict[str, object] = {"schema": SCHEMA, "recipe": "mlp", **changed}
    with pytest.raises(errors.InputError) as caught:
        recipe.from_plan(document)
    assert str(caught.value.which).startswith(which)


def test_the_option_is_written_out_and_read_back() -> None:
    """to_plan gives the option with its default, and nothing where there is none."""
    plan = _plan(robust={"rule": "trimmed-mean"})
    assert recipe.to_plan(plan)["robust"] == {"rule": "trimmed-mean", "clip": 1.5}
    assert recipe.from_plan(recipe.to_plan(plan)) == plan
    assert "robust" not in recipe.to_plan(_plan())


def test_cells_are_added_in_order() -> None:
    """Sums of cells are the plain recurrence over ascending cells; one cell is itself."""
    cells = [{"a": np.array([value])} for value in (1e16, 1.0, -1e16)]
    assert combine.add_cells(cells)["a"].tolist() == [0.0]
    assert combine.add_cells(cells[:1]) is cells[0]
