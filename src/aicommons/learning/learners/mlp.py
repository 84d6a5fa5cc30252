"""A multi-layer perceptron, trained by ``averaging``: what its layers compute, and the gradient of its loss.

ReLU hidden layers; sigmoid, softmax or linear output with its matching loss, so the output error is always
prediction - truth. Plain NumPy in float64. Made by ``recipe``.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from aicommons.domain import fields, schema
from aicommons.learning import blocks, learner, state
from aicommons.learning.learners import averaging

Vector = blocks.Vector
Arrays = averaging.Arrays
SOLVES = (schema.Task.BINOMIAL, schema.Task.GAUSSIAN, schema.Task.MULTINOMIAL)
INITIAL_GRID = 2.0**30
"""Starting weights are rounded to it: the sampler's tail calls libm, whose last bit differs between platforms."""
LARGEST_LOGIT = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Perceptron:
    """The network; implements ``averaging.Network``."""

    task: schema.Task
    """Which output and loss."""
    hidden: tuple[int, ...] = (64,)
    """Units of each hidden layer."""

    @property
    def names(self) -> tuple[str, ...]:
        """Weights and biases, layer after layer."""
        return tuple(f"layer{index}.{part}" for index in range(len(self.hidden) + 1) for part in ("weights", "bias"))

    def options(self) -> dict[str, object]:
        """Return the plan's options that are its own."""
        return {"hidden": list(self.hidden)}

    def shapes(self, plan: schema.Schema) -> Mapping[str, tuple[int, ...]]:
        """Return float64[inputs, outputs] and float64[outputs] for each layer."""
        sizes = itertools.pairwise((plan.width, *self.hidden, plan.outputs))
        shapes = [shape for before, after in sizes for shape in ((before, after), (after,))]
        return dict(zip(self.names, shapes, strict=True))

    def initial(self, plan: schema.Schema, seed: int) -> Arrays:
        """Return He-scaled normal weights (He et al. 2015) and zero biases, the same bytes on every machine."""
        rng = np.random.default_rng(seed)
        arrays: dict[str, state.Array] = {}
        for name, shape in self.shapes(plan).items():
            if len(shape) == 1:
                arrays[name] = np.zeros(shape)
            else:
                normal = np.rint(rng.standard_normal(shape) * INITIAL_GRID) / INITIAL_GRID
                arrays[name] = normal * np.sqrt(2.0 / shape[0])
        return arrays

    def gradient(self, arrays: Arrays, features: state.Array, target: Vector, into: Arrays) -> None:
        """Write the gradient of the mean loss over a batch into ``into``."""
        inputs = self._activations(arrays, features)
        error = self._output_error(inputs[-1], target)
        for index in reversed(range(len(self.hidden) + 1)):
            weights, bias = f"layer{index}.weights", f"layer{index}.bias"
            np.matmul(inputs[index].T, error, out=into[weights])
            into[bias][:] = error.sum(axis=0)
            if index:
                error = (error @ arrays[weights].T) * (inputs[index] > 0)

    def scores(self, arrays: Arrays, features: state.Array) -> state.Array:
        """Return logits or standardised predictions for standardised ``features``."""
        scores = self._activations(arrays, features)[-1]
        return scores if self.task is schema.Task.MULTINOMIAL else scores[:, 0]

    def _activations(self, arrays: Arrays, features: state.Array) -> list[state.Array]:
        """Return the inputs of every layer, then the last layer's linear scores."""
        found = [features]
        for index in range(len(self.hidden) + 1):
            scores = found[-1] @ arrays[f"layer{index}.weights"] + arrays[f"layer{index}.bias"]
            found.append(scores if index == len(self.hidden) else np.maximum(scores, 0.0))
        return found

    def _output_error(self, scores: state.Array, target: Vector) -> state.Array:
        """Return (prediction - truth) / n, the gradient of the mean loss by the last layer's ``scores``."""
        if self.task is schema.Task.GAUSSIAN:
            return (scores - target[:, None]) / len(target)
        if self.task is schema.Task.BINOMIAL:
            p = 1.0 / (1.0 + np.exp(-np.clip(scores, -LARGEST_LOGIT, LARGEST_LOGIT)))
            return (p - target[:, None]) / len(target)
        p = np.exp(scores - np.logaddexp.reduce(scores, axis=1)[:, None])
        error: state.Array = (p - (np.arange(p.shape[1]) == target[:, None])) / len(target)
        return error


def make(task: schema.Task, hidden: tuple[int, ...] = (64,), **training: Any) -> averaging.Averaging:
    """Return the learner; ``training`` are the fields of ``averaging.Averaging``."""
    return averaging.Averaging(Perceptron(task, hidden), **training)


def from_options(plan: schema.Schema, reader: fields.Fields) -> averaging.Averaging:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: another kind of target; an option of a wrong type or out of range.
    """
    task = learner.check_task(plan, reader, SOLVES)
    hidden = _hidden_from(reader) if reader.has("hidden") else Perceptron(task).hidden
    return averaging.from_options(Perceptron(task, hidden), reader)


def _hidden_from(reader: fields.Fields) -> tuple[int, ...]:
    """Return the hidden layers' sizes."""
    sizes = reader.items("hidden", most=32)
    whole = tuple(
        size for size in sizes if isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= 65_536
    )
    if len(whole) != len(sizes):
        raise reader.refusal("hidden", "a list of whole numbers from 1 to 65536", "something else among its items")
    return whole
