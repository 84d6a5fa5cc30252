"""Small cells are treated before anything is added up: nothing small is left in a sum, and noise is what it says."""

import dataclasses
import fractions
import hashlib
import math
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from aicommons.domain import errors, policies, schema
from aicommons.learning import describe, privacy, recipe, records, robust, safeguards
from aicommons.learning.learners import glm, mlp

LEVELS = (4, 3)
CLASSES = ("a", "b", "c")
SEED = bytes(range(32))


def _plan(missing: schema.Missing = schema.Missing.FILL, learner: Any = None) -> recipe.Recipe:
    categories = tuple(
        schema.category(f"k{index}", tuple(f"l{level}" for level in range(count))) for index, count in enumerate(LEVELS)
    )
    target = schema.Target(schema.Task.MULTINOMIAL, "y", classes=CLASSES)
    columns = schema.Schema((schema.numeric("x", 0.0, 1.0), *categories), target, missing)
    return recipe.Recipe("glm", columns, learner or glm.Glm(target.task))


NETWORK = mlp.make(schema.Task.MULTINOMIAL, (2,))
ROW = strategies.tuples(strategies.integers(-1, 3), strategies.integers(-1, 2), strategies.integers(0, 2))


def _table(rows: list[tuple[int, int, int]]) -> records.Table:
    """Return rows of (level of k0, level of k1, class), -1 for no level."""
    features = np.zeros((len(rows), 1 + sum(LEVELS)))
    for index, (first, second, _) in enumerate(rows):
        features[index, 0] = index / len(rows)
        if first >= 0:
            features[index, 1 + first] = 1.0
        if second >= 0:
            features[index, 1 + LEVELS[0] + second] = 1.0
    return records.Table(features, np.array([float(label) for *_, label in rows]))


def _cells(plan: recipe.Recipe, found: records.Records) -> dict[str, int]:
    return {cell.name: cell.rows for cell in privacy.cells(plan.schema, privacy.count(plan.schema, found))}


@hypothesis.given(
    rows=strategies.lists(ROW, max_size=40),
    held=strategies.lists(ROW, max_size=20),
    minimum=strategies.integers(2, 6),
    treatment=strategies.sampled_from([policies.SmallCells.SUPPRESS, policies.SmallCells.COARSEN]),
)
def test_no_small_cell_is_left(rows: Any, held: Any, minimum: int, treatment: policies.SmallCells) -> None:
    """After suppression or coarsening no level, class, gap or side has 1 to k - 1 rows, and no row was made up."""
    plan = _plan()
    before = recipe.Rows(_table(rows), _table(held))
    after = privacy.guard(plan, before, privacy.Rule(minimum, treatment))
    found = _cells(plan, after.train)
    assert all(count >= minimum for count in found.values()), found
    judged = _cells(plan, after.held_out)
    assert all(count >= minimum for name, count in judged.items() if name == "rows" or name.startswith("class"))
    kept = {row.tobytes() for row in before.train.features[:, :1]}
    assert {row.tobytes() for row in records.gather(after.train).features[:, :1]} <= kept


def test_rows_of_large_cells_stay() -> None:
    """Only the rows in small cells are held back; coarsening holds none back for a level, and takes others along."""
    plan = _plan(schema.Missing.DROP)
    rows = [(0, 0, 0)] * 10 + [(1, 1, 1)] * 10 + [(2, 0, 0)] * 2 + [(0, 1, 2)]
    site = recipe.Rows(_table(rows), _table([]))
    held = privacy.guard(plan, site, privacy.Rule(3, policies.SmallCells.SUPPRESS)).train
    assert _cells(plan, held) == {
        "rows": 20,
        "class a": 10,
        "class b": 10,
        "k0=l0": 10,
        "k0=l1": 10,
        "k1=l0": 10,
        "k1=l1": 10,
    }
    merged = privacy.guard(plan, site, privacy.Rule(3, policies.SmallCells.COARSEN)).train
    found = _cells(plan, merged)
    assert found["rows"] == 22
    # Two rows alone in the gap would be told by subtraction from the rows, so the next smallest level went with them.
    assert found["k0"] == 12
    assert "k0=l2" not in found


@pytest.mark.parametrize("counts", [(2, 9, 9, 0), (1, 1, 9, 9), (2, 2, 2, 2), (0, 0, 0, 0), (1, 0, 0, 0)])
def test_a_gap_is_a_cell_too(counts: tuple[int, ...]) -> None:
    """What is merged into the gap is never 1 to k - 1 rows where there is anything to merge with."""
    for missing in range(4):
        made = privacy.Counts(sum(counts) + missing, (0, *counts, 0, 0, 0), (0, 0, 0))
        gone = privacy.merged(made, range(1, 5), 3)
        gap = missing + sum(made.levels[place] for place in gone)
        left = [made.levels[place] for place in range(1, 5) if place not in gone]
        assert all(rows == 0 or rows >= 3 for rows in left)
        assert gap == 0 or gap >= 3 or not any(left)


def test_the_smallest_cell_is_named() -> None:
    """A dry run can say which cell is the smallest, in the words of the schema; no rows have none."""
    plan = _plan().schema
    assert privacy.smallest_cell(plan, _table([(0, 0, 0)] * 5 + [(1, 0, 0)] * 2)) == privacy.Cell("k0=l1", 2)
    assert privacy.smallest_cell(plan, _table([(0, 0, 0)] * 5 + [(-1, 0, 0)])) == privacy.Cell("k0", 1)
    assert privacy.smallest_cell(plan, _table([])) is None


def test_allowing_changes_nothing() -> None:
    """Without a rule the very same rows are used, and nothing is counted."""
    site = recipe.Rows(_table([(0, 0, 0)]), _table([]))
    assert privacy.guard(_plan(), site, privacy.EVERYTHING) is site


RULES: dict[str, tuple[int, policies.SmallCells, str | None]] = {
    "no minimum": (0, policies.SmallCells.SUPPRESS, None),
    "noise without epsilon": (5, policies.SmallCells.NOISE, None),
    "epsilon zero": (5, policies.SmallCells.NOISE, "0"),
    "epsilon below zero": (5, policies.SmallCells.NOISE, "-1"),
    "epsilon without noise": (5, policies.SmallCells.COARSEN, "1"),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_that_contradict_themselves(name: str) -> None:
    """A rule is complete and means one thing."""
    minimum, treatment, epsilon = RULES[name]
    with pytest.raises(errors.InputError, match="contradicts"):
        privacy.Rule(minimum, treatment, None if epsilon is None else fractions.Fraction(epsilon))


def _noisy(plan: recipe.Recipe, rows: recipe.Rows, epsilon: str, seed: bytes = SEED) -> list[int]:
    rule = privacy.Rule(2, policies.SmallCells.NOISE, fractions.Fraction(epsilon))
    part, _ = plan.contribute(plan.initial(), rows, rng=np.random.default_rng(0))
    changed = privacy.with_noise(plan, part, rule, seed)[describe.BLOCK_NAME]
    assert ((changed >= 0) & (changed < 2**20)).all()
    return describe.join_limbs(changed)


def test_noise_is_on_counts_alone_and_the_same_for_the_same_rows() -> None:
    """Sums of numbers keep their bits, every count is noisy and whole, sums that carry one count agree; asking twice shows no more."""
    plan = _plan(learner=NETWORK)
    site = recipe.Rows(_table([(0, 0, 0)] * 300 + [(1, 1, 1)] * 200 + [(2, 2, 2)] * 100), _table([(0, 0, 0)] * 250))
    exact = describe.join_limbs(
        plan.contribute(plan.initial(), site, rng=np.random.default_rng(0))[0][describe.BLOCK_NAME]
    )
    noisy = _noisy(plan, site, "0.01")
    width, start = plan.schema.width, 2 + len(CLASSES)
    numbers = {start, start + width}
    assert all(noisy[place] == exact[place] for place in numbers)
    assert all(value % 2**40 == 0 for place, value in enumerate(noisy) if place not in numbers)
    changed = [place for place, value in enumerate(noisy) if value != exact[place]]
    assert len(changed) > len(exact) / 2
    assert noisy[start + 1 : start + width] == noisy[start + width + 1 : start + 2 * width]
    assert {noisy[start + 2 * width + place] for place in range(1, width)} == {noisy[0]}
    assert _noisy(plan, site, "0.01") == noisy
    assert _noisy(plan, site, "0.01", hashlib.sha256(b"another dataset").digest()) != noisy
    fewer = recipe.Rows(_table([(0, 0, 0)] * 299 + [(1, 1, 1)] * 200 + [(2, 2, 2)] * 100), site.held_out)
    assert _noisy(plan, fewer, "0.01")[2] - noisy[2] != -(2**40)


@pytest.mark.parametrize("missing", schema.Missing)
def test_a_count_has_one_noise_whatever_else_a_plan_asks(missing: schema.Missing) -> None:
    """Forty plans of other widths see the same noisy number of rows and of each class: there is nothing to average."""
    rule = privacy.Rule(2, policies.SmallCells.NOISE, fractions.Fraction(1, 2), columns=42)
    target = schema.Target(schema.Task.MULTINOMIAL, "y", classes=CLASSES)
    seen = set()
    for width in range(1, 42):
        levels = tuple(schema.category(f"k{index}", ("l0", "l1")) for index in range(width))
        plan = recipe.Recipe("mlp", schema.Schema(levels, target, missing), NETWORK)
        features = np.zeros((137, 2 * width))
        features[:, ::2] = 1.0
        rows = recipe.Rows(records.Table(features, np.zeros(137)), records.Table(features[:50], np.zeros(50)))
        part, _ = plan.contribute(plan.initial(), rows, rng=np.random.default_rng(0))
        noisy = describe.join_limbs(privacy.with_noise(plan, part, rule, SEED)[describe.BLOCK_NAME])
        seen.add(tuple(noisy[:3]))
    assert len(seen) == 1
    assert privacy.most_counts(42) >= privacy.sensitivity(plan.schema)


def test_an_exact_learner_holds_rows_back_instead() -> None:
    """A curvature would tell the counts again, so noise means suppression there, and its counts stay exact."""
    plan = _plan(schema.Missing.DROP)
    site = recipe.Rows(_table([(0, 0, 0)] * 9 + [(1, 0, 0)] * 1), _table([(0, 0, 0)] * 9 + [(0, 0, 1)]))
    rule = privacy.Rule(3, policies.SmallCells.NOISE, fractions.Fraction(1))
    guarded = privacy.guard(plan, site, rule)
    assert (guarded.train.rows, guarded.held_out.rows) == (9, 9)
    part, _ = plan.contribute(plan.initial(), guarded, rng=np.random.default_rng(0))
    assert privacy.with_noise(plan, part, rule, SEED) is part
    network = privacy.guard(_plan(schema.Missing.DROP, NETWORK), site, rule)
    assert (network.train.rows, network.held_out.rows) == (10, 9)


def test_a_robust_plan_holds_rows_back_instead() -> None:
    """The weight that a robust plan sends in every round would tell the number of rows again: noise means suppression."""
    asked = safeguards.Safeguards(robust.Robust(robust.Rule.MEDIAN))
    plan = dataclasses.replace(_plan(schema.Missing.DROP, NETWORK), safeguards=asked)
    site = recipe.Rows(_table([(0, 0, 0)] * 9 + [(1, 0, 0)] * 1), _table([(0, 0, 0)] * 9 + [(0, 0, 1)]))
    rule = privacy.Rule(3, policies.SmallCells.NOISE, fractions.Fraction(1))
    guarded = privacy.guard(plan, site, rule)
    assert (guarded.train.rows, guarded.held_out.rows) == (9, 9)
    part, _ = plan.contribute(plan.initial(), guarded, rng=np.random.default_rng(0))
    assert privacy.with_noise(plan, part, rule, SEED) is part


def test_sensitivity_counts_what_one_record_is_in() -> None:
    """Rows, a class, a level of each category, and every present number where gaps are filled."""
    assert privacy.sensitivity(_plan(schema.Missing.DROP).schema) == 1 + 1 + 2
    assert privacy.sensitivity(_plan(schema.Missing.FILL).schema) == 1 + 1 + 2 + 1


@pytest.mark.parametrize("scale", ["1/2", "3", "17/4"])
def test_noise_has_the_two_sided_geometric_law(scale: str) -> None:
    """P(k) = (1 - a) / (1 + a) * a^|k| with a = exp(-1 / scale): every share within five standard errors."""
    wanted = fractions.Fraction(scale)
    below = privacy._stream(b"law" + scale.encode())
    draws = 20_000
    values = np.array([privacy.two_sided_geometric(wanted, below) for _ in range(draws)])
    a = math.exp(-1 / float(wanted))
    for k in range(-4, 5):
        share = (1 - a) / (1 + a) * a ** abs(k)
        assert abs((values == k).mean() - share) < 5 * math.sqrt(share * (1 - share) / draws)


def test_a_plan_has_no_say() -> None:
    """A plan that names a minimum cell or a treatment is no plan."""
    document = recipe.to_plan(_plan())
    for extra in ({"minimum_cell": 1}, {"small_cells": "allow"}):
        with pytest.raises(errors.InputError):
            recipe.from_plan({**document, **extra})
        with pytest.raises(errors.InputError):
            recipe.from_plan({**document, "schema": {**document["schema"], **extra}})
