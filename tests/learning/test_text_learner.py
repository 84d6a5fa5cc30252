"""Texts as places of n-grams: the row of counts has length one, its gradient is right, and bad columns are refused."""

from typing import Any

import numpy as np
import pytest

from aicommons.domain import errors, schema
from aicommons.learning import learner as learners
from aicommons.learning import recipe
from aicommons.learning.learners import text

THREE = schema.Target(schema.Task.MULTINOMIAL, "y", classes=("bad", "fair", "good"))


def _columns(slots: int = 5, last: int = 9, target: schema.Target = THREE) -> schema.Schema:
    return schema.Schema(tuple(schema.numeric(f"p{index:04}", -1, last) for index in range(slots)), target)


def _plan(columns: schema.Schema, **options: Any) -> dict[str, Any]:
    return {"recipe": "text", "schema": schema.to_document(columns), **options}


ROWS = np.array([[3.0, 3.0, 7.0, -1.0, -1.0], [0.0, 9.0, 1.0, 2.0, 3.0], [-1.0] * 5])


def _dense(rows: np.ndarray[Any, Any], places: int) -> np.ndarray[Any, Any]:
    """Return counts divided by their Euclidean length, written down the simple way."""
    counts = np.stack([np.bincount(row[row >= 0].astype(int), minlength=places) for row in rows]).astype(float)
    return counts / np.maximum(np.sqrt((counts**2).sum(axis=1, keepdims=True)), 1e-300)


def test_scores_are_those_of_rows_of_length_one() -> None:
    """A repeated n-gram counts again, a row is divided by its length, and a text without n-grams has the biases alone."""
    rng = np.random.default_rng(1)
    bag = text.Bag(schema.Task.MULTINOMIAL, 10)
    arrays = {"text.weights": rng.normal(size=(10, 3)), "text.bias": rng.normal(size=3)}
    expected = text.SCALE * _dense(ROWS, 10) @ arrays["text.weights"] + arrays["text.bias"]
    assert bag.scores(arrays, ROWS) == pytest.approx(expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_gradient_is_that_of_the_loss(classes: int) -> None:
    """Against differences of the mean log-loss in every weight and bias."""
    rng = np.random.default_rng(2)
    task = schema.Task.BINOMIAL if classes == 2 else schema.Task.MULTINOMIAL
    bag, truth = text.Bag(task, 10), np.array([1.0, 0.0, classes - 1.0])
    arrays = {"text.weights": rng.normal(size=(10, classes)), "text.bias": rng.normal(size=classes)}
    slopes = {name: np.full_like(array, np.nan) for name, array in arrays.items()}
    bag.gradient(arrays, ROWS, truth, slopes)

    def loss() -> float:
        scores = text.SCALE * _dense(ROWS, 10) @ arrays["text.weights"] + arrays["text.bias"]
        return float((np.logaddexp.reduce(scores, axis=1) - scores[np.arange(3), truth.astype(int)]).mean())

    for name, array in arrays.items():
        for place in np.ndindex(array.shape):
            before = array[place]
            array[place] = before + 1e-6
            up = loss()
            array[place] = before - 1e-6
            assert slopes[name][place] == pytest.approx((up - loss()) / 2e-6, abs=1e-8)
            array[place] = before


def test_two_classes_have_one_score() -> None:
    """Logits of the second class, as every recipe for two classes gives them."""
    bag = text.Bag(schema.Task.BINOMIAL, 10)
    arrays = {"text.weights": np.ones((10, 2)) * [0.0, 1.0], "text.bias": np.array([0.5, 2.0])}
    assert bag.scores(arrays, ROWS[2:]).tolist() == [1.5]


def test_rows_are_seen_as_they_are() -> None:
    """Places are not standardised, in training as in prediction."""
    made = recipe.from_plan(_plan(_columns()))
    assert isinstance(made.learner, learners.TakesRaw)
    assert recipe.from_plan(recipe.to_plan(made)) == made
    assert made.learner.initial(made.schema, 1).arrays["text.weights"].shape == (10, 3)


BAD = {
    "counts": ((*_columns(last=9).features[:1], schema.numeric("t0001", 0, 255)), THREE),
    "different places": ((*_columns().features[:1], schema.numeric("p0001", -1, 12)), THREE),
    "half places": ((schema.numeric("p0000", -1, 9.5),), THREE),
    "too many places": ((schema.numeric("p0000", -1, 2**20),), THREE),
    "a number to predict": (_columns().features, schema.Target(schema.Task.GAUSSIAN, "y", lo=0.0, hi=1.0)),
}


@pytest.mark.parametrize("name", BAD)
def test_columns_that_hold_no_places_are_refused(name: str) -> None:
    """The solver hears it before anything is sent."""
    features, target = BAD[name]
    with pytest.raises(errors.InputError):
        recipe.from_plan(_plan(schema.Schema(features, target)))


def _rows(seed: int, tilt: float) -> recipe.Rows:
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 10, (60, 5)).astype(np.float64)
    target = ((features < 4).sum(axis=1) + tilt * rng.random(60) > 2.5).astype(np.float64)
    made = recipe.records.Table(features, target)
    return recipe.Rows(made, made)


def test_a_personal_bias_stays_at_its_site() -> None:
    """Each site is judged and goes on with its own; the shared one is the mean of all, weighted like the deltas."""
    target = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))
    plan = _plan(_columns(target=target), personal=["text.bias"], rounds=3, learning_rate=0.3, clip=1024.0)
    made = recipe.from_plan(plan)
    sites = [_rows(1, 0.0), _rows(2, 1.0)]
    local: list[bytes | None] = [None, None]
    value = made.combine(made.initial(), [_sum(made, made.initial(), sites, local)])
    for _ in range(3):
        value = made.combine(value, [_sum(made, value, sites, local)])
        own = [np.frombuffer(each or b"") for each in local]
        assert value.arrays["text.bias"] == pytest.approx((own[0] + own[1]) / 2)
        assert not np.array_equal(own[0], own[1])
    assert recipe.to_plan(made)["personal"] == ["text.bias"]
    shared = made.scores(value, sites[0].train.features)
    judged, _ = made.contribute(value, sites[0], local_state=local[0], rng=np.random.default_rng(0))
    here = made.learner.localise(value, local[0], sites[0].train)[0]
    assert not np.array_equal(made.learner.scores(here, sites[0].train.features), shared)
    right = (made.learner.scores(here, sites[0].train.features) > 0) == (sites[0].train.target == 1)
    assert judged["evaluation.confusion"][[0, 3]].sum() == right.sum()


def _sum(
    made: recipe.Recipe, value: Any, sites: list[recipe.Rows], local: list[bytes | None]
) -> dict[str, np.ndarray[Any, Any]]:
    """Return the plain sums of a round; the sites' local states go on in place."""
    parts = []
    for index, rows in enumerate(sites):
        part, local[index] = made.contribute(value, rows, local_state=local[index], rng=np.random.default_rng(index))
        parts.append(part)
    return {name: parts[0][name] + parts[1][name] for name in parts[0]}


@pytest.mark.parametrize(
    "personal", [["text.weights", "text.bias"], ["other"], [], ["text.bias", "text.bias"]], ids=len
)
def test_what_is_personal_is_some_of_the_networks_arrays(personal: list[str]) -> None:
    """Not all of them, none twice, none unknown."""
    with pytest.raises(errors.InputError) as caught:
        recipe.from_plan(_plan(_columns(), personal=personal))
    assert caught.value.which == "recipe.personal"
