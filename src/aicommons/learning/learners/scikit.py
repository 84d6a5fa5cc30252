"""scikit-learn's own estimators with ``partial_fit``, averaged: a site trains with the library, and parameters are averaged.

For people who have tuned such an estimator and want that one. Which estimators and parameters a plan may name stands here, so
that a plan is checked, judged and used for predictions with NumPy alone: scikit-learn is imported only in the child that
trains, and only for plans that name this recipe. Made by ``recipe``; averaging is ``averaging``'s.
"""

import dataclasses
import enum
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, learner, records, state
from aicommons.learning.learners import averaging

Vector = blocks.Vector
Arrays = averaging.Arrays
SOLVES = (schema.Task.BINOMIAL, schema.Task.GAUSSIAN, schema.Task.MULTINOMIAL)
INITIAL_GRID = 2.0**30
"""Starting weights are rounded to it, as in ``mlp``."""
MOST_SEED = 2**31


class Kind(enum.Enum):
    """An estimator's name in scikit-learn."""

    SGD_CLASSIFIER = "SGDClassifier"
    SGD_REGRESSOR = "SGDRegressor"
    PERCEPTRON = "Perceptron"
    MLP_CLASSIFIER = "MLPClassifier"
    MLP_REGRESSOR = "MLPRegressor"


REGRESSORS = frozenset({Kind.SGD_REGRESSOR, Kind.MLP_REGRESSOR})
NETWORKS = frozenset({Kind.MLP_CLASSIFIER, Kind.MLP_REGRESSOR})
Parameter = float | int | str | tuple[int, ...]
Read = Callable[[fields.Fields, str], Parameter]


def _number(least: float, most: float) -> Read:
    return lambda reader, name: reader.number_within(name, least, most)


def _whole(least: int, most: int) -> Read:
    return lambda reader, name: reader.whole_within(name, least, most)


def _one_of(*choices: str) -> Read:
    def read(reader: fields.Fields, name: str) -> str:
        value = reader.text(name)
        if value not in choices:
            raise reader.refusal(name, f"one of {', '.join(choices)}", value)
        return value

    return read


def _sizes(reader: fields.Fields, name: str) -> tuple[int, ...]:
    sizes = tuple(size for size in reader.items(name, most=32) if type(size) is int and 1 <= size <= 65_536)
    if len(sizes) != len(reader.items(name, most=32)) or not sizes:
        raise reader.refusal(name, "1 to 32 whole numbers from 1 to 65536", "something else")
    return sizes


_SGD: Mapping[str, Read] = {
    "penalty": _one_of("l2", "l1", "elasticnet"),
    "alpha": _number(0.0, 1e6),
    "l1_ratio": _number(0.0, 1.0),
    "learning_rate": _one_of("constant", "invscaling", "adaptive", "optimal"),
    "eta0": _number(1e-12, 1e6),
    "power_t": _number(0.0, 10.0),
    "epsilon": _number(0.0, 1e6),
}
_MLP: Mapping[str, Read] = {
    "hidden_layer_sizes": _sizes,
    "activation": _one_of("identity", "logistic", "tanh", "relu"),
    "solver": _one_of("sgd", "adam"),
    "alpha": _number(0.0, 1e6),
    "batch_size": _whole(1, 1_000_000),
    "learning_rate_init": _number(1e-12, 1e6),
    "momentum": _number(0.0, 1.0),
}
PARAMETERS: Mapping[Kind, Mapping[str, Read]] = {
    Kind.SGD_CLASSIFIER: {
        **_SGD,
        "loss": _one_of("log_loss", "hinge", "modified_huber", "squared_hinge", "perceptron"),
    },
    Kind.SGD_REGRESSOR: {**_SGD, "loss": _one_of("squared_error", "huber", "epsilon_insensitive")},
    Kind.PERCEPTRON: {"penalty": _SGD["penalty"], "alpha": _SGD["alpha"], "eta0": _SGD["eta0"]},
    Kind.MLP_CLASSIFIER: _MLP,
    Kind.MLP_REGRESSOR: _MLP,
}
"""What a plan may set of each; the rest is scikit-learn's default."""
LOG_LOSS = {"loss": "log_loss"}
"""Our default for SGDClassifier: scores are logits then. scikit-learn's own is hinge."""
HIDDEN = (100,)
"""scikit-learn's default for networks."""


@dataclasses.dataclass(frozen=True, slots=True)
class Estimator:
    """The model; implements ``averaging.TrainedModel``."""

    task: schema.Task
    """What it predicts."""
    kind: Kind
    """Which estimator."""
    outputs: int
    """Values that it gives per row: 1, or the number of classes if there are more than two."""
    parameters: tuple[tuple[str, Parameter], ...] = ()
    """What the plan sets, by name."""
    local_epochs: int = 1
    """Calls of ``partial_fit`` over all rows of a site per round."""

    @property
    def names(self) -> tuple[str, ...]:
        """Weights and biases, layer after layer."""
        return tuple(f"layer{index}.{part}" for index in range(len(self._hidden) + 1) for part in ("weights", "bias"))

    @property
    def _hidden(self) -> tuple[int, ...]:
        chosen = dict(self.parameters).get("hidden_layer_sizes", HIDDEN)
        return chosen if self.kind in NETWORKS and isinstance(chosen, tuple) else ()

    def options(self) -> dict[str, object]:
        """Return the plan's options that are its own."""
        written = {name: list(value) if isinstance(value, tuple) else value for name, value in self.parameters}
        return {"estimator": self.kind.value, "parameters": written, "local_epochs": self.local_epochs}

    def shapes(self, plan: schema.Schema) -> Mapping[str, tuple[int, ...]]:
        """Return float64[inputs, outputs] and float64[outputs] for each layer; one layer where there are no hidden ones."""
        sizes = itertools.pairwise((plan.width, *self._hidden, self.outputs))
        shapes = [shape for before, after in sizes for shape in ((before, after), (after,))]
        return dict(zip(self.names, shapes, strict=True))

    def initial(self, plan: schema.Schema, seed: int) -> Arrays:
        """Return zeros without hidden layers, else Glorot-scaled normal weights and zero biases; same bytes everywhere."""
        rng = np.random.default_rng(seed)
        arrays: dict[str, state.Array] = {}
        for name, shape in self.shapes(plan).items():
            arrays[name] = np.zeros(shape)
            if len(shape) == 2 and self._hidden:
                normal = np.rint(rng.standard_normal(shape) * INITIAL_GRID) / INITIAL_GRID
                arrays[name] = normal * np.sqrt(2.0 / (shape[0] + shape[1]))
        return arrays

    def trained(self, arrays: Arrays, found: records.Sampled, rng: np.random.Generator) -> Arrays:
        """Return the arrays after ``local_epochs`` calls of ``partial_fit``, the rows in an order drawn for each."""
        made = self._made(int(rng.integers(MOST_SEED)))
        extra = {} if self.kind in REGRESSORS else {"classes": np.arange(max(self.outputs, 2))}
        first = found.take(np.zeros(1, dtype=np.intp))
        made.partial_fit(first.features, self._labels(first.target), **extra)  # makes what is replaced next
        self._put(made, arrays)
        for _ in range(self.local_epochs):
            rows = found.take(rng.permutation(found.rows))
            made.partial_fit(rows.features, self._labels(rows.target))
        return self._taken(made, arrays)

    def scores(self, arrays: Arrays, features: state.Array) -> state.Array:
        """Return the estimator's decision values, by NumPy alone."""
        found = features
        for index in range(len(self._hidden) + 1):
            found = found @ arrays[f"layer{index}.weights"] + arrays[f"layer{index}.bias"]
            if index < len(self._hidden):
                found = _ACTIVATIONS[str(dict(self.parameters).get("activation", "relu"))](found)
        return found if self.outputs > 1 else found[:, 0]

    def _made(self, seed: int) -> Any:
        from sklearn import linear_model, neural_network

        source = neural_network if self.kind in NETWORKS else linear_model
        chosen: dict[str, Any] = LOG_LOSS if self.kind is Kind.SGD_CLASSIFIER else {}
        return getattr(source, self.kind.value)(**{**chosen, **dict(self.parameters)}, random_state=seed)

    def _labels(self, target: Vector) -> Any:
        return target if self.kind in REGRESSORS else target.astype(np.int64)

    def _put(self, made: Any, arrays: Arrays) -> None:
        """Let an estimator go on from ``arrays``."""
        weights, biases = ([arrays[name].copy() for name in self.names[part::2]] for part in (0, 1))
        if self.kind in NETWORKS:
            made.coefs_, made.intercepts_ = weights, biases
            vars(made).pop("_optimizer", None)  # it holds moments of what was replaced
        else:
            made.coef_ = np.ascontiguousarray(weights[0].T) if self.kind not in REGRESSORS else weights[0][:, 0].copy()
            made.intercept_, made.t_ = biases[0], 1.0

    def _taken(self, made: Any, like: Arrays) -> Arrays:
        if self.kind in NETWORKS:
            parts: Sequence[Any] = [part for pair in zip(made.coefs_, made.intercepts_, strict=True) for part in pair]
        else:
            parts = [np.atleast_2d(made.coef_).T, np.atleast_1d(made.intercept_)]
        return {
            name: np.asarray(part, dtype=np.float64).reshape(like[name].shape)
            for name, part in zip(self.names, parts, strict=True)
        }


_ACTIVATIONS: Mapping[str, Callable[[state.Array], state.Array]] = {
    "identity": lambda values: values,
    "logistic": lambda values: 1.0 / (1.0 + np.exp(-np.clip(values, -500.0, 500.0))),
    "tanh": np.tanh,
    "relu": lambda values: np.maximum(values, 0.0),
}


def from_options(plan: schema.Schema, reader: fields.Fields) -> averaging.Averaging:
    """Return the learner that a plan's options describe: ``{"estimator": "SGDClassifier", "parameters": {"alpha": 0.001}}``.

    Raises:
        errors.InputError: another kind of target; an estimator or parameter that a plan may not name; a bad option.
    """
    task = learner.check_task(plan, reader, SOLVES)
    kind = reader.one_of("estimator", Kind)
    if (kind in REGRESSORS) != (task is schema.Task.GAUSSIAN):
        raise reader.refusal("estimator", f"one for a target that is {task.value}", kind.value)
    inner = fields.Fields(reader.value("parameters") if reader.has("parameters") else {}, "recipe.parameters")
    known = PARAMETERS[kind]
    chosen = tuple((name, read(inner, name)) for name, read in sorted(known.items()) if inner.has(name))
    inner.close()
    epochs = reader.whole_within("local_epochs", 1, 1_000, default=1)
    return averaging.from_options(Estimator(task, kind, plan.outputs, chosen, epochs), reader)


def to_options(estimator: object) -> dict[str, object]:
    """Return the options of a plan that trains a scikit-learn ``estimator`` as a person made it.

    Raises:
        errors.InputError: it cannot be trained a part at a time, or it or a parameter of it is none that a plan may name.
    """
    name = type(estimator).__name__
    if not hasattr(estimator, "partial_fit"):
        raise errors.InputError(
            "this estimator has no partial_fit: it cannot go on from a model that others had a part in",
            which=name,
            expected=f"one of {', '.join(kind.value for kind in Kind)}",
            next_step="Use an estimator with partial_fit, or a recipe such as glm or trees.",
        )
    kinds = {kind.value: kind for kind in Kind}
    if name not in kinds or not type(estimator).__module__.startswith("sklearn."):
        raise errors.InputError(
            "plans cannot name this estimator", which=name, expected=f"one of {', '.join(kinds)}", got=name
        )
    given: Any = estimator
    default = type(given)().get_params()
    changed = {key: value for key, value in given.get_params().items() if value != default[key]}
    if kinds[name] is Kind.SGD_CLASSIFIER:
        changed["loss"] = given.loss
    unknown = sorted(changed.keys() - PARAMETERS[kinds[name]].keys() - {"random_state", "max_iter", "tol", "verbose"})
    if unknown:
        raise errors.InputError(
            "a parameter of this estimator cannot be part of a plan",
            which=f"{name}.{unknown[0]}",
            expected=f"only {', '.join(sorted(PARAMETERS[kinds[name]]))} to differ from the default",
        )
    allowed = {key: value for key, value in changed.items() if key in PARAMETERS[kinds[name]]}
    written = {key: list(value) if isinstance(value, tuple) else value for key, value in allowed.items()}
    if isinstance(written.get("hidden_layer_sizes"), int):
        written["hidden_layer_sizes"] = [written["hidden_layer_sizes"]]
    return {"estimator": name, "parameters": written}
