"""scikit-learn's estimators: what is sent is what the library would have learned, and predictions need NumPy alone."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model, naive_bayes, neural_network, svm

from aicommons.domain import errors, schema
from aicommons.learning import recipe, records, state
from aicommons.learning.learners import averaging, scikit

TARGETS = {
    schema.Task.BINOMIAL: schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    schema.Task.MULTINOMIAL: schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")),
    schema.Task.GAUSSIAN: schema.Target(schema.Task.GAUSSIAN, "y", lo=-99.0, hi=99.0),
}
MADE: dict[str, tuple[schema.Task, Any]] = {
    "sgd of two classes": (schema.Task.BINOMIAL, linear_model.SGDClassifier(loss="log_loss", alpha=0.01)),
    "sgd of three classes": (schema.Task.MULTINOMIAL, linear_model.SGDClassifier(loss="hinge", penalty="l1")),
    "sgd of a number": (schema.Task.GAUSSIAN, linear_model.SGDRegressor(eta0=0.05, learning_rate="constant")),
    "perceptron": (schema.Task.BINOMIAL, linear_model.Perceptron(eta0=0.5)),
    "network of two classes": (
        schema.Task.BINOMIAL,
        neural_network.MLPClassifier((5, 4), activation="tanh", learning_rate_init=0.02),
    ),
    "network of three classes": (
        schema.Task.MULTINOMIAL,
        neural_network.MLPClassifier((6,), solver="sgd", learning_rate_init=0.2),
    ),
    "network of a number": (
        schema.Task.GAUSSIAN,
        neural_network.MLPRegressor(hidden_layer_sizes=(5,), activation="logistic", learning_rate_init=0.05),
    ),
}


def _columns(task: schema.Task) -> schema.Schema:
    return schema.Schema(tuple(schema.numeric(f"x{index}", -99, 99) for index in range(3)), TARGETS[task])


def _plan(task: schema.Task, **options: Any) -> recipe.Recipe:
    return recipe.from_plan(
        {"recipe": "scikit", "clip": 2.0**20, "schema": schema.to_document(_columns(task)), **options}
    )


def _table(task: schema.Task, rows: int = 80, seed: int = 1) -> records.Table:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 3))
    signal = features @ np.array([1.0, -2.0, 0.5])
    target = {
        schema.Task.BINOMIAL: (signal > 0).astype(float),
        schema.Task.MULTINOMIAL: np.digitize(signal, [-1.0, 1.0]).astype(float),
        schema.Task.GAUSSIAN: signal,
    }[task]
    return records.Table(features, target)


def _started(made: recipe.Recipe, rows: int) -> state.State:
    value = made.learner.initial(made.schema, 1)
    return state.State(value.stage, value.step, {**value.arrays, "rows": np.array([float(rows)])})


@pytest.mark.parametrize("name", MADE)
def test_an_estimator_becomes_a_plan_and_learns(name: str) -> None:
    """A person's estimator gives the options of a plan; rounds of two sites lower the error; decision values are the library's."""
    task, estimator = MADE[name]
    made = _plan(task, **scikit.to_options(estimator), local_epochs=3)
    assert recipe.from_plan(recipe.to_plan(made)) == made
    learner, tables = made.learner, [_table(task, 80, 1), _table(task, 40, 2)]
    assert isinstance(learner, averaging.Averaging)
    value = _started(made, 120)
    for position in range(30):
        rng = np.random.default_rng(position)
        parts = [learner.train(value, None, table, rng)[0] for table in tables]
        value = learner.combine(value, {"delta": parts[0]["delta"] + parts[1]["delta"]})
    fresh = _table(task, 400, 3)
    scores = learner.scores(value, fresh.features)
    if task is schema.Task.GAUSSIAN:
        assert ((scores - fresh.target) ** 2).mean() < 0.3 * fresh.target.var()
    else:
        guessed = scores.argmax(axis=1) if scores.ndim == 2 else scores > 0
        assert (guessed == fresh.target).mean() > 0.85


@pytest.mark.parametrize("name", MADE)
def test_decision_values_are_the_librarys(name: str) -> None:
    """After one site's round the estimator itself, with the same arrays, decides alike on every row."""
    task, estimator = MADE[name]
    made = _plan(task, **scikit.to_options(estimator))
    network = made.learner.network
    table, value = _table(task), _started(made, 80)
    arrays = {key: value.arrays[key] for key in network.names}
    arrays = network.trained(arrays, table, np.random.default_rng(0))
    extra = {} if task is schema.Task.GAUSSIAN else {"classes": np.arange(len(made.schema.classes))}
    estimator.partial_fit(table.features, table.target if not extra else table.target.astype(int), **extra)
    network._put(estimator, arrays)
    ours = network.scores(arrays, table.features)
    if hasattr(estimator, "decision_function"):
        assert ours == pytest.approx(estimator.decision_function(table.features))
    elif task is schema.Task.GAUSSIAN:
        assert ours == pytest.approx(estimator.predict(table.features))
    else:
        logits = np.stack([np.zeros(80), ours], axis=1) if ours.ndim == 1 else ours
        expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert expected == pytest.approx(estimator.predict_proba(table.features))


def test_a_site_without_rows_changes_nothing() -> None:
    """Its delta is zero."""
    made = _plan(schema.Task.BINOMIAL, estimator="SGDClassifier")
    part, _ = made.learner.train(_started(made, 9), None, _table(schema.Task.BINOMIAL, 0), np.random.default_rng(0))
    assert not part["delta"].any()


BAD_ESTIMATORS: dict[str, tuple[Any, str]] = {
    "without partial_fit": (svm.SVC(), "SVC"),
    "with partial_fit, but no vector of parameters": (naive_bayes.GaussianNB(), "GaussianNB"),
    "with a parameter that a plan may not set": (linear_model.SGDClassifier(class_weight="balanced"), "SGDClassifier.class_weight"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ESTIMATORS)
def test_an_estimator_that_cannot_be_averaged_is_named(name: str) -> None:
    """The solver hears it before anything is sent."""
    estimator, which = BAD_ESTIMATORS[name]
    with pytest.raises(errors.InputError) as caught:
        scikit.to_options(estimator)
    assert caught.value.which == which


BAD_PLANS: dict[str, tuple[schema.Task, dict[str, Any], str]] = {
    "unknown estimator": (schema.Task.BINOMIAL, {"estimator": "SVC"}, "recipe.estimator"),
    "classifier for a number": (schema.Task.GAUSSIAN, {"estimator": "Perceptron"}, "recipe.estimator"),
    "regressor for classes": (schema.Task.BINOMIAL, {"estimator": "SGDRegressor"}, "recipe.estimator"),
    "unknown parameter": (schema.Task.BINOMIAL, {"estimator": "Perceptron", "parameters": {"n_jobs": 8}}, "recipe.parameters"),
    "foreign loss": (schema.Task.BINOMIAL, {"estimator": "SGDClassifier", "parameters": {"loss": "mine"}}, "recipe.parameters.loss"),
    "sizes that are none": (schema.Task.BINOMIAL, {"estimator": "MLPClassifier", "parameters": {"hidden_layer_sizes": [0]}}, "recipe.parameters.hidden_layer_sizes"),
    "a gradient's option": (schema.Task.BINOMIAL, {"estimator": "Perceptron", "proximal": 1.0}, "recipe"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PLANS)
def test_bad_plans_are_named(name: str) -> None:
    """Whatever a plan may not name is refused with the field."""
    task, options, which = BAD_PLANS[name]
    with pytest.raises(errors.InputError) as caught:
        _plan(task, **options)
    assert str(caught.value.which).startswith(which)


def test_a_plan_is_read_and_its_model_used_without_the_library() -> None:
    """A process that reads such a plan and predicts never imports scikit-learn."""
    code = (
        "import sys, numpy as np\n"
        "from aicommons.learning import recipe\n"
        f"made = recipe.from_plan({recipe.to_plan(_plan(schema.Task.BINOMIAL, estimator='MLPClassifier'))!r})\n"
        "value = made.learner.initial(made.schema, 1)\n"
        "made.learner.scores(value, np.zeros((2, 3)))\n"
        "assert 'sklearn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
