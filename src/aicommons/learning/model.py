"""The result as others read it: a safetensors file that holds the model and everything needed to predict with it.

Called by the node and CLI when a run ends (``encode``), by ``commons model predict`` and ``verify`` (``decode``). The
file's ``__metadata__`` has one entry, ``aicommons``: canonical JSON with the plan (recipe, options, schema) and the
state's stage, step and reason; the tensors are the state's arrays by name, so any safetensors reader sees mean, scale
and coefficients. Written here and not by the safetensors package because its metadata order differs from run to run,
and a model is named by the digest of its bytes. It leaves out owners, figures and licence: those are the ModelCard's.
"""

import dataclasses
import json
from collections.abc import Mapping

import numpy as np
import safetensors
import safetensors.numpy

from aicommons.domain import encoding, errors, fields, schema
from aicommons.learning import recipe, state

Array = state.Array
METADATA_KEY = "aicommons"
FORMAT = "aicommons-model-1"
MOST_BYTES = 2**30


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """A fitted model with its preprocessing."""

    recipe: recipe.Recipe
    """What was fitted, on which columns."""
    state: state.State
    """Standardisation and coefficients."""

    def predict(self, features: Array) -> Array:
        """Return values float64[n], or probabilities float64[n, classes], for raw ``features`` float64[n, width].

        Raises:
            errors.InputError: another number of columns.
        """
        return self.recipe.predict(self.state, features)

    def labels(self, features: Array) -> tuple[str, ...]:
        """Return the most probable class of each row of raw ``features`` float64[n, width].

        Raises:
            errors.InputError: another number of columns, or a model that predicts numbers.
        """
        classes = self.recipe.schema.classes
        if not classes:
            raise errors.InputError("this model predicts numbers, not classes", which="model", expected="classes")
        return tuple(classes[index] for index in self.predict(features).argmax(axis=1).tolist())

    def preprocessing(self) -> list[dict[str, object]]:
        """Return, for the ModelCard, what happens to each input column before the model sees it."""
        means, scales = self.state.arrays["mean"].tolist(), self.state.arrays["scale"].tolist()
        return [
            {"column": column.name, "lo": column.lo, "hi": column.hi, "subtract": mean, "divide_by": scale}
            for column, mean, scale in zip(self.recipe.schema.columns, means, scales, strict=True)
        ]


def encode(model: Model) -> bytes:
    """Return ``model`` as safetensors bytes, the same ones for the same model.

    Raises:
        errors.InputError: the state holds no model (its run ended in round 0).
    """
    if not model.recipe.has_model(model.state):
        raise errors.InputError(
            "there is no model to write", which="state", expected="a fitted state", got=model.state.stage.value
        )
    header: dict[str, object] = {"__metadata__": {METADATA_KEY: _metadata(model)}}
    offset = 0
    for name, array in model.state.arrays.items():
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = encoding.canonical_json(header)
    text += b" " * (-len(text) % 8)
    bodies = [array.astype("<f8", copy=False).tobytes() for array in model.state.arrays.values()]
    return b"".join([len(text).to_bytes(8, "little"), text, *bodies])


def decode(data: bytes) -> Model:
    """Return the model that ``encode`` wrote.

    Raises:
        errors.DecodeError: not a safetensors file of this kind.
    """
    if len(data) > MOST_BYTES:
        raise _refusal(f"at most {MOST_BYTES} bytes", len(data))
    try:
        arrays = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError) as err:
        raise _refusal("a safetensors file", "something else") from err
    try:
        model = _assembled(_read_metadata(data), arrays)
    except errors.InputError as err:
        raise _refusal("a plan and a fitted state", str(err)) from err
    if encode(model) != data:
        raise _refusal("the one canonical encoding of a model", "another one")
    return model


def _metadata(model: Model) -> str:
    """Return the text beside the tensors."""
    document: dict[str, object] = {
        "format": FORMAT,
        "plan": recipe.to_plan(model.recipe),
        "reason": model.state.reason.value if model.state.reason is not None else None,
        "stage": model.state.stage.value,
        "step": model.state.step,
    }
    return encoding.canonical_json(document).decode()


def _read_metadata(data: bytes) -> fields.Fields:
    """Return the metadata entry of a file whose frame safetensors has already checked."""
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + size])
        return fields.Fields(json.loads(header["__metadata__"][METADATA_KEY]), "model")
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise _refusal(f"an entry {METADATA_KEY} in __metadata__", "none that can be read") from err


def _assembled(reader: fields.Fields, arrays: Mapping[str, Array]) -> Model:
    """Return the model of the parsed metadata and tensors."""
    reader.text("format")
    plan = recipe.from_plan(reader.value("plan"))
    stage = reader.one_of("stage", state.Stage)
    reason = None if reader.value("reason") is None else reader.one_of("reason", state.Reason)
    if stage is state.Stage.DESCRIBE:
        raise reader.refusal("stage", "fit, evaluate or finished", stage.value)
    step = reader.whole_within("step", 0, state.MOST_STEPS - 1)
    reader.close()
    value = _state(stage, step, arrays, reason)
    _check_shapes(plan, value)
    return Model(plan, value)


def _state(stage: state.Stage, step: int, arrays: Mapping[str, Array], reason: state.Reason | None) -> state.State:
    """Return the state of the tensors."""
    try:
        return state.State(stage, step, arrays, reason)
    except errors.ContributionRefused as err:
        raise _refusal("finite float64 tensors", str(err)) from err


def _check_shapes(plan: recipe.Recipe, value: state.State) -> None:
    """Check that the tensors are those of the plan's learner on its schema, so that ``predict`` cannot stumble."""
    expected = {name: array.shape for name, array in plan.learner.initial(plan.schema, plan.seed).arrays.items()}
    expected |= {"mean": (plan.schema.width,), "scale": (plan.schema.width,)}
    if plan.schema.task in schema.NUMBERS:
        expected |= {"target_mean": (1,), "target_scale": (1,)}
    for name, shape in expected.items():
        got = value.arrays[name].shape if name in value.arrays else None
        if got != shape:
            raise _refusal(f"tensor {name} of shape {list(shape)}", got)
    if not np.all(value.arrays["scale"] > 0):
        raise _refusal("scales above 0", "others")


def _refusal(expected: str, got: object) -> errors.DecodeError:
    """Return the error for bytes that are not a model."""
    return errors.DecodeError("these bytes are not a model", which="model", expected=expected, got=got)
