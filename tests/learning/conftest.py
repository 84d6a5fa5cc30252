"""Fixtures of the learning tests: a federation in one loop, and the shared data sets with their published recipes.

Used by every test below ``tests/learning`` but secure aggregation's own. The loop quantises each site's contribution as
secure aggregation does and adds the whole numbers up; it leaves out masking.
"""

import csv
import dataclasses
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from aicommons.domain import schema
from aicommons.learning import blocks, evaluation, recipe, state

SHARED_DATA = pathlib.Path(__file__).parents[3] / "shared" / "data"
Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a federated run ends with."""

    state: state.State
    """Finished."""
    metrics: tuple[evaluation.Metrics | None, ...]
    """One entry per round."""


@dataclasses.dataclass(frozen=True)
class Sites:
    """A data set by site, with its columns in one order."""

    features: tuple[Array, ...]
    """float64[rows, columns] of each site."""
    target: tuple[Array, ...]
    """float64[rows] of each site."""
    groups: tuple[tuple[str, ...], ...] | None = None
    """The unit that each row belongs to, where rows repeat units."""


def _quantised(declared: Sequence[blocks.Block], contribution: blocks.Contribution, scale: int) -> dict[str, Array]:
    """Return whole numbers rint(x * B / cap), refusing what is over the cap."""
    whole = {}
    for block in declared:
        values = contribution[block.name]
        if block.encoding is blocks.Encoding.CLIPPED:
            values = values * min(1.0, block.cap / max(float(np.sqrt((values * values).sum())), 1e-300))
        assert np.abs(values).max(initial=0.0) <= block.cap, f"block {block.name} is over its cap"
        unit = 1.0 if block.encoding is blocks.Encoding.INTEGER else scale / block.cap
        assert block.encoding is not blocks.Encoding.INTEGER or block.cap <= scale
        whole[block.name] = np.rint(values * unit)
        if block.encoding is blocks.Encoding.INTEGER:
            assert np.array_equal(whole[block.name], values)
    return whole


def _summed(declared: Sequence[blocks.Block], parts: Sequence[blocks.Contribution], word_bits: int) -> dict[str, Array]:
    """Return the decoded sums of all sites' quantised contributions."""
    scale = 2 ** math.floor(math.log2(2 ** (word_bits - 2) / len(parts)))
    whole = [_quantised(declared, part, scale) for part in parts]
    sums = {}
    for block in declared:
        unit = 1.0 if block.encoding is blocks.Encoding.INTEGER else scale / block.cap
        total = sum(part[block.name].astype(np.int64) for part in whole)
        sums[block.name] = np.asarray(total, dtype=np.float64) / unit
    return sums


def _by_cell(
    declared: Sequence[blocks.Block],
    parts: Sequence[blocks.Contribution],
    cells: Sequence[Sequence[int]],
    word_bits: int,
) -> list[dict[str, Array]]:
    """Return the decoded sums of each cell, in the ring of the whole roster."""
    nothing = {block.name: np.zeros(block.length) for block in declared}
    return [
        _summed(declared, [part if site in cell else nothing for site, part in enumerate(parts)], word_bits)
        for cell in cells
    ]


Tamper = Callable[[int, int, blocks.Contribution], blocks.Contribution]
"""(round, site, contribution) -> what is sent instead."""


def _as_it_is(round_index: int, site: int, part: blocks.Contribution) -> blocks.Contribution:
    _ = round_index, site
    return part


@pytest.fixture(scope="session")
def federate() -> Callable[..., Outcome]:
    """Run a recipe over sites in one loop until it is finished."""

    def run(
        plan: recipe.Recipe,
        sites: Sequence[recipe.Rows],
        *,
        seed: int = 0,
        cells: Sequence[Sequence[int]] | None = None,
        tamper: Tamper = _as_it_is,
    ) -> Outcome:
        value = plan.initial()
        rngs = [np.random.default_rng([seed, index]) for index in range(len(sites))]
        metrics = []
        local: list[bytes | None] = [None] * len(sites)
        while not plan.is_finished(value):
            declared = plan.blocks(value)
            parts = []
            for index, rows in enumerate(sites):
                part, local[index] = plan.contribute(value, rows, local_state=local[index], rng=rngs[index])
                blocks.check_contribution(declared, part)
                parts.append(tamper(len(metrics), index, part))
            sums = _summed(declared, parts, plan.word_bits)
            metrics.append(plan.metrics(value, sums))
            by_cell = [sums] if cells is None else _by_cell(declared, parts, cells, plan.word_bits)
            value = state.decode(state.encode(plan.combine(value, by_cell)))
            assert len(metrics) <= plan.most_rounds
        return Outcome(value, tuple(metrics))

    return run


@pytest.fixture(scope="session")
def summed() -> Callable[..., Mapping[str, Array]]:
    """Quantise and add up contributions."""
    return _summed


@pytest.fixture(scope="session")
def columns_of() -> Callable[[Sequence[Array]], tuple[schema.Feature, ...]]:
    """Return numeric features x0, x1, ... whose ranges hold all sites' values, rounded outwards as an owner would."""

    def declare(parts: Sequence[Array]) -> tuple[schema.Feature, ...]:
        lowest = np.min([part.min(axis=0) for part in parts], axis=0)
        highest = np.max([part.max(axis=0) for part in parts], axis=0)
        margin = 0.3 * (highest - lowest) + 1.0
        bounds = zip((lowest - margin).tolist(), (highest + margin).tolist(), strict=True)
        return tuple(schema.numeric(f"x{index}", lo, hi) for index, (lo, hi) in enumerate(bounds))

    return declare


def _shared(name: str) -> pathlib.Path:
    """Return a shared data file, or skip the test."""
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"shared data set {name} is not there (looked in {SHARED_DATA})")
    return path


@pytest.fixture(scope="session")
def heart() -> Sites:
    """Four hospitals, 740 rows, 13 columns: the recipe of the data set's README."""
    features, target = [], []
    for hospital in ("cleveland", "hungarian", "switzerland", "va"):
        text = _shared(f"heart_disease/processed.{hospital}.data").read_text()
        rows = [line.split(",") for line in text.splitlines() if line]
        kept = [row[:10] + row[13:] for row in rows if "?" not in row[:10] + row[13:]]
        values = np.array(kept, dtype=np.float64)
        plain = values[:, [0, 1, 3, 4, 5, 7, 8, 9]]
        chest_pain = values[:, [2]] == np.array([2.0, 3.0, 4.0])
        ecg = values[:, [6]] == np.array([1.0, 2.0])
        features.append(np.hstack([plain, chest_pain, ecg]).astype(np.float64))
        target.append((values[:, 10] > 0).astype(np.float64))
    return Sites(tuple(features), tuple(target))


@pytest.fixture(scope="session")
def maize() -> Sites:
    """Sixteen locations, 14,247 plots, yield above the median; the unit is the environment (location x year).

    Gaps are filled with the column's mean, the same for the federated and the pooled model.
    """
    path = _shared("agridat/barrero.maize.txt")
    columns = (
        "year",
        "yor",
        "daystoflower",
        "plantheight",
        "earheight",
        "population",
        "lodged",
        "moisture",
        "testweight",
    )
    with path.open(newline="") as file:
        read = [row for row in csv.DictReader(file, delimiter="\t") if row["yield"] != "NA"]
    values = np.array([[float(row[name].replace("NA", "nan")) for name in columns] for row in read])
    values = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    yields = np.array([float(row["yield"]) for row in read])
    places = np.array([row["loc"] for row in read])
    masks = [places == place for place in np.unique(places)]
    groups = tuple(tuple(row["env"] for row, is_here in zip(read, mask, strict=True) if is_here) for mask in masks)
    target = tuple((yields[mask] > np.median(yields)).astype(np.float64) for mask in masks)
    return Sites(tuple(values[mask] for mask in masks), target, groups)


@pytest.fixture(scope="session")
def landsat() -> Sites:
    """Six land covers, 36 columns, rows dealt to five sites."""
    values = np.loadtxt(_shared("landsat_satellite/sat.trn"))
    classes = np.searchsorted(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 7.0]), values[:, 36]).astype(np.float64)
    return Sites(
        tuple(values[index::5, :36].copy() for index in range(5)), tuple(classes[index::5].copy() for index in range(5))
    )


@pytest.fixture(scope="session")
def breast_cancer() -> Sites:
    """569 patients dealt to five simulated hospitals of unequal size, sorted so that their patients differ."""
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is needed for its breast cancer set")
    features, target = datasets.load_breast_cancer(return_X_y=True)
    order = np.argsort(features[:, 1] + np.random.default_rng(3).normal(0, 4, len(target)))
    parts = np.split(order, [60, 150, 260, 400])
    return Sites(
        tuple(np.asarray(features[part], dtype=np.float64) for part in parts),
        tuple(np.asarray(target[part], dtype=np.float64) for part in parts),
    )
