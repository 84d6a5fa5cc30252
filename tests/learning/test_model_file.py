"""The model file: any safetensors reader opens it, ours predicts exactly as in training."""

import json
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import strategies

from aicommons.domain import errors, schema
from aicommons.learning import model, recipe, records, state
from aicommons.learning.learners import glm, mlp

Change = Callable[[dict[str, Any]], None]
Federate = Callable[..., Any]

TARGETS = {
    schema.Task.BINOMIAL: schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    schema.Task.GAUSSIAN: schema.Target(schema.Task.GAUSSIAN, "y", lo=-50.0, hi=50.0),
    schema.Task.MULTINOMIAL: schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")),
}


def _fitted(federate: Federate, task: schema.Task, learner: recipe.AnyLearner, name: str) -> model.Model:
    features = tuple(schema.numeric(f"x{index}", -50, 50) for index in range(3))
    plan = recipe.Recipe(name, schema.Schema(features, TARGETS[task]), learner)
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(3):
        x = rng.normal(size=(30, 3))
        signal = x.sum(axis=1) + rng.normal(size=30)
        target = signal if task is schema.Task.GAUSSIAN else np.digitize(signal, [0.0] if task is schema.Task.BINOMIAL else [-1.0, 1.0]).astype(np.float64)  # fmt: skip
        table = records.Table(x, target)
        rows.append(recipe.Rows(table, table))
    return model.Model(plan, federate(plan, rows).state)


@pytest.fixture(scope="module")
def fitted(federate: Federate) -> model.Model:
    """A logistic model after its run."""
    return _fitted(federate, schema.Task.BINOMIAL, glm.Glm(schema.Task.BINOMIAL), "glm")


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("name", ["glm", "mlp"])
def test_loaded_models_predict_the_same(task: schema.Task, name: str, federate: Federate) -> None:
    """decode(encode(model)) has the same bytes, preprocessing and predictions."""
    learner = glm.Glm(task) if name == "glm" else mlp.make(task, hidden=(4,), rounds=2)
    fitted = _fitted(federate, task, learner, name)
    data = model.encode(fitted)
    loaded = model.decode(data)
    features = np.random.default_rng(2).normal(size=(5, 3)) * 20
    assert np.array_equal(loaded.predict(features), fitted.predict(features))
    assert loaded.state == fitted.state
    assert loaded.recipe == fitted.recipe
    assert model.encode(loaded) == data
    if task is not schema.Task.GAUSSIAN:
        assert set(loaded.labels(features)) <= set(TARGETS[task].classes)


def test_other_readers_open_the_file(fitted: model.Model) -> None:
    """The safetensors package reads our arrays, and the metadata names every column's preprocessing."""
    arrays = safetensors.numpy.load(model.encode(fitted))
    assert np.array_equal(arrays["coefficients"], fitted.state.arrays["coefficients"])
    rows = fitted.preprocessing()
    assert [row["column"] for row in rows] == ["x0", "x1", "x2"]
    x = np.array([[1.0, 2.0, 3.0]])
    z = np.array([[(x[0, i] - row["subtract"]) / row["divide_by"] for i, row in enumerate(rows)]])
    logit = z @ fitted.state.arrays["coefficients"].T + fitted.state.arrays["intercept"]
    assert fitted.predict(x)[0, 1] == pytest.approx(1 / (1 + np.exp(-logit[0, 0])))


def _rewritten(fitted: model.Model, change: Change) -> bytes:
    """Return the file with its header changed."""
    data = model.encode(fitted)
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    change(header)
    text = json.dumps(header, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def _metadata(change: Change) -> Change:
    """Return a header change that rewrites our metadata entry."""

    def rewrite(header: dict[str, Any]) -> None:
        document = json.loads(header["__metadata__"]["aicommons"])
        change(document)
        header["__metadata__"]["aicommons"] = json.dumps(document)

    return rewrite


BAD_FILES = {
    "empty": lambda _: b"",
    "text": lambda _: b"hello, world" * 4,
    "cut short": lambda fitted: model.encode(fitted)[:-1],
    "one byte more": lambda fitted: model.encode(fitted) + b"\0",
    "no metadata": lambda fitted: _rewritten(fitted, lambda header: header.pop("__metadata__")),
    "metadata not JSON": lambda fitted: _rewritten(fitted, lambda h: h.update(__metadata__={"aicommons": "{"})),
    "metadata nested too deep": lambda fitted: _rewritten(fitted, lambda h: h.update(__metadata__={"aicommons": "[" * 10**5})),
    "extra metadata": lambda fitted: _rewritten(fitted, lambda h: h["__metadata__"].update(more="x")),
    "other format": lambda fitted: _rewritten(fitted, _metadata(lambda d: d.update(format="2"))),
    "unknown recipe": lambda fitted: _rewritten(fitted, _metadata(lambda d: d["plan"].update(recipe="x"))),
    "stage describe": lambda fitted: _rewritten(fitted, _metadata(lambda d: d.update(stage="describe"))),
    "unknown reason": lambda fitted: _rewritten(fitted, _metadata(lambda d: d.update(reason="x"))),
    "reason is a list": lambda fitted: _rewritten(fitted, _metadata(lambda d: d.update(reason=[]))),
    "step missing": lambda fitted: _rewritten(fitted, _metadata(lambda d: d.pop("step"))),
    "other spacing": lambda fitted: _rewritten(fitted, _metadata(lambda _: None)),
    "tensor renamed": lambda fitted: _rewritten(fitted, lambda h: h.update(mean2=h.pop("mean"))),
    "tensor as float32": lambda fitted: safetensors.numpy.save({"mean": np.zeros(3, dtype=np.float32)}, metadata={"aicommons": model._metadata(fitted)}),
    "scale zero": lambda fitted: model.encode(fitted).replace(fitted.state.arrays["scale"].tobytes(), bytes(24)),
    "scale not a number": lambda fitted: model.encode(fitted).replace(fitted.state.arrays["scale"].tobytes(), b"\xff" * 24),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_files_that_are_no_model_are_refused(name: str, fitted: model.Model) -> None:
    """Any bytes give a model or a DecodeError."""
    with pytest.raises(errors.DecodeError):
        model.decode(BAD_FILES[name](fitted))


@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], max_examples=60)
@hypothesis.given(data=strategies.data())
def test_a_flipped_byte_is_noticed(fitted: model.Model, data: strategies.DataObject) -> None:
    """Never the same model from other bytes, and never another kind of error."""
    encoded = bytearray(model.encode(fitted))
    place = data.draw(strategies.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(strategies.integers(1, 255))
    try:
        loaded = model.decode(bytes(encoded))
    except errors.DecodeError:
        return
    assert (loaded.recipe, loaded.state) != (fitted.recipe, fitted.state)


def test_a_run_without_a_model_has_no_file(fitted: model.Model) -> None:
    """A run that ended in round 0 has nothing to write."""
    ended = state.State(state.Stage.FINISHED, 0, {}, state.Reason.ONE_CLASS_ONLY)
    with pytest.raises(errors.InputError, match="no model"):
        model.encode(model.Model(fitted.recipe, ended))


def test_a_number_has_no_label(federate: Federate) -> None:
    """Labels are for classes."""
    with pytest.raises(errors.InputError, match="numbers, not classes"):
        _fitted(federate, schema.Task.GAUSSIAN, glm.Glm(schema.Task.GAUSSIAN), "glm").labels(np.zeros((1, 3)))
