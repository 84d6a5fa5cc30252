"""A multi-layer perceptron trained by federated averaging: each site descends on its own rows, then sends its delta.

ReLU hidden layers; sigmoid, softmax or linear output with its matching loss, so the output error is always
prediction - truth. Plain minibatch gradient descent in float64 (McMahan et al. 2017, FedAvg). Made by ``recipe``. A
learner of the ``LocalTraining`` kind: the delta is weighted by the site's share of all training rows, which it knows
from round 0, so the sum of the deltas is the weighted mean.
"""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, combine, learner, records, state

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Encoding = blocks.Encoding
SOLVES = (schema.Task.BINOMIAL, schema.Task.GAUSSIAN, schema.Task.MULTINOMIAL)
MOST_PARAMETERS = 2**26
"""A masked vector of 32-bit words is at most 2^30 bytes long; this leaves room for memory."""
INITIAL_GRID = 2.0**30
"""Starting weights are rounded to it: the sampler's tail calls libm, whose last bit differs between platforms."""
LARGEST_LOGIT = 30.0

Layers = list[tuple[state.Array, Vector]]
"""(weights float64[inputs, outputs], bias float64[outputs]) from the first layer to the last."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mlp:
    """The learner; its fields are the plan's options."""

    task: schema.Task
    """Which output and loss."""
    hidden: tuple[int, ...] = (64,)
    """Units of each hidden layer."""
    learning_rate: float = 0.05
    """Step of gradient descent."""
    batch: int = 32
    """Rows per gradient."""
    local_epochs: int = 1
    """Passes over a site's rows per round."""
    rounds: int = 20
    """Fit rounds."""
    clip: float = 16.0
    """Largest L2 norm of a site's weighted delta, a power of two; larger ones are scaled down."""

    combiner = combine.WEIGHTED_MEAN
    word_bits = 32

    @property
    def most_steps(self) -> int:
        """Fit rounds that it takes."""
        return self.rounds

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the learner back."""
        options = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "task"}
        return {**options, "hidden": list(self.hidden)}

    def check_size(self, plan: schema.Schema) -> None:
        """Check that a masked vector can hold the network.

        Raises:
            errors.InputError: more parameters than that.
        """
        parameters = self.parameters(plan)
        if parameters > MOST_PARAMETERS:
            raise errors.InputError(
                "the network is too large", which="recipe mlp", expected=f"at most {MOST_PARAMETERS}", got=parameters
            )

    def parameters(self, plan: schema.Schema) -> int:
        """Return the number of weights and biases."""
        return sum((before + 1) * after for before, after in itertools.pairwise(self._sizes(plan)))

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return He-scaled normal weights (He et al. 2015) and zero biases, the same bytes on every machine."""
        rng = np.random.default_rng(seed)
        layers: Layers = []
        for before, after in itertools.pairwise(self._sizes(plan)):
            normal = np.rint(rng.standard_normal((before, after)) * INITIAL_GRID) / INITIAL_GRID
            layers.append((normal * np.sqrt(2.0 / before), np.zeros(after)))
        return state.State(state.Stage.FIT, 0, _named(layers))

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return one clipped block: all weights and biases, layer after layer."""
        length = sum(weights.size + bias.size for weights, bias in self._layers(value))
        return (Block("delta", length, self.clip, Encoding.CLIPPED),)

    def train(
        self, value: state.State, local_state: bytes | None, found: records.Sampled, rng: np.random.Generator
    ) -> tuple[Contribution, bytes | None]:
        """Return the weighted delta after ``local_epochs`` passes in an order drawn from ``rng``; no local state."""
        before = self._layers(value)
        layers = [(weights.copy(), bias.copy()) for weights, bias in before]
        count = found.rows
        for _ in range(self.local_epochs):
            order = rng.permutation(count)
            for start in range(0, count, self.batch):
                batch = found.take(order[start : start + self.batch])
                self._descend(layers, batch.features, batch.target)
        share = count / float(value.arrays["rows"][0])
        delta = np.concatenate(
            [
                part.ravel()
                for (weights, bias), (old_weights, old_bias) in zip(layers, before, strict=True)
                for part in (weights - old_weights, bias - old_bias)
            ]
        )
        delta *= share
        return {"delta": delta}, local_state

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the state moved by the weighted mean of the sites' deltas."""
        delta = sums["delta"]
        layers: Layers = []
        start = 0
        for weights, bias in self._layers(value):
            middle, end = start + weights.size, start + weights.size + bias.size
            moved = combine.weighted_mean(weights, delta[start:middle].reshape(weights.shape))
            layers.append((moved, combine.weighted_mean(bias, delta[middle:end])))
            start = end
        is_last = value.step + 1 >= self.rounds
        return state.State(
            stage=state.Stage.EVALUATE if is_last else state.Stage.FIT,
            step=value.step + 1,
            arrays={**value.arrays, **_named(layers)},
            reason=state.Reason.STEPS_DONE if is_last else None,
        )

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return logits or standardised predictions for standardised ``features``."""
        scores = _activations(self._layers(value), features)[-1]
        return scores if self.task is schema.Task.MULTINOMIAL else scores[:, 0]

    def _sizes(self, plan: schema.Schema) -> tuple[int, ...]:
        """Return the number of units from the inputs to the outputs."""
        return (plan.width, *self.hidden, plan.outputs)

    def _layers(self, value: state.State) -> Layers:
        """Return the layers of ``value``, read-only."""
        indexes = range(len(self.hidden) + 1)
        return [(value.arrays[f"layer{index}.weights"], value.arrays[f"layer{index}.bias"]) for index in indexes]

    def _descend(self, layers: Layers, features: state.Array, target: Vector) -> None:
        """Take one gradient step in place on one batch (float64[n, width], float64[n])."""
        activations = _activations(layers, features)
        error = self._output_error(activations[-1], target)
        for index in reversed(range(len(layers))):
            weights, bias = layers[index]
            inputs = activations[index]
            gradient, bias_gradient = inputs.T @ error, error.sum(axis=0)
            if index:
                error = (error @ weights.T) * (inputs > 0)
            gradient *= self.learning_rate  # in place: a network's worth of fresh memory costs more than the product
            weights -= gradient
            bias -= self.learning_rate * bias_gradient

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


def from_options(plan: schema.Schema, reader: fields.Fields) -> Mlp:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: another kind of target; an option of a wrong type or out of range.
    """
    task = learner.check_task(plan, reader, SOLVES)
    default = Mlp(task)
    clip = reader.number_within("clip", 2.0**-20, 2.0**20, default=default.clip)
    if not np.frexp(clip)[0] == 0.5:
        raise reader.refusal("clip", "a power of two", clip)
    return Mlp(
        task,
        hidden=_hidden_from(reader) if reader.has("hidden") else default.hidden,
        learning_rate=reader.number_within("learning_rate", 1e-9, 1e3, default=default.learning_rate),
        batch=reader.whole_within("batch", 1, 1_000_000, default=default.batch),
        local_epochs=reader.whole_within("local_epochs", 1, 1_000, default=default.local_epochs),
        rounds=reader.whole_within("rounds", 1, 100_000, default=default.rounds),
        clip=clip,
    )


def _hidden_from(reader: fields.Fields) -> tuple[int, ...]:
    """Return the hidden layers' sizes."""
    sizes = reader.items("hidden", most=32)
    whole = tuple(
        size for size in sizes if isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= 65_536
    )
    if len(whole) != len(sizes):
        raise reader.refusal("hidden", "a list of whole numbers from 1 to 65536", "something else among its items")
    return whole


def _activations(layers: Layers, features: state.Array) -> list[state.Array]:
    """Return the inputs of every layer, then the last layer's linear scores."""
    activations = [features]
    for index, (weights, bias) in enumerate(layers):
        scores = activations[-1] @ weights + bias
        activations.append(scores if index == len(layers) - 1 else np.maximum(scores, 0.0))
    return activations


def _named(layers: Layers) -> dict[str, state.Array]:
    """Return the layers as named arrays of a state."""
    arrays: dict[str, state.Array] = {}
    for index, (weights, bias) in enumerate(layers):
        arrays[f"layer{index}.weights"] = weights
        arrays[f"layer{index}.bias"] = bias
    return arrays
