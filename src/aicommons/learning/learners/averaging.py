"""Local training of any parameter vector: a site descends on its own rows, sends its weighted delta, and all are averaged.

One learner of the ``LocalTraining`` kind for every ``Network`` (``mlp``, and what extras bring). Its options choose among the
published members of the family: FedAvg (McMahan et al. 2017), FedProx (Li et al. 2020: ``proximal``), FedAdam and FedYogi
(Reddi et al. 2021: ``server``), SCAFFOLD (Karimireddy et al. 2020, option II: ``scaffold``), and how much a site counts
(``weighting``). A delta is multiplied by its site's share beforehand, so that the sum of all is the weighted mean. It leaves
out what a network computes, and differential privacy.
"""

import dataclasses
import enum
import itertools
import math
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, caps, combine, differential, records, state

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Encoding = blocks.Encoding
MOST_PARAMETERS = 2**26
"""A masked vector of 32-bit words is at most 2^30 bytes long; this leaves room for memory."""
DELTA, CONTROL, WEIGHT = "delta", "control", "weight"
SHARED = "shared."
"""Before the names of shared arrays in a state in which a site's own stand in their place."""
FIRST, SECOND, TOTAL = "server_first", "server_second", "weight_total"
"""Arrays of a state: the server's two moments, and the sum of all sites' weights."""

Arrays = Mapping[str, state.Array]


class Model(Protocol):
    """A model that can be averaged: named arrays and scores."""

    @property
    def task(self) -> schema.Task:
        """What it predicts."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its arrays, in the order in which they are sent."""

    def shapes(self, plan: schema.Schema) -> Mapping[str, tuple[int, ...]]:
        """Return its arrays' shapes (one or two dimensions) by name."""

    def initial(self, plan: schema.Schema, seed: int) -> Arrays:
        """Return where training starts, the same bytes on every machine."""

    def scores(self, arrays: Arrays, features: state.Array) -> state.Array:
        """Return what ``Learner.scores`` gives."""

    def options(self) -> dict[str, object]:
        """Return the plan's options that are its own."""


class Network(Model, Protocol):
    """A model with a gradient: it is trained here, by gradient descent."""

    def gradient(self, arrays: Arrays, features: state.Array, target: Vector, into: Arrays) -> None:
        """Write the gradient of the mean loss over a batch (float64[n, width], float64[n], n > 0) into ``into``."""


@runtime_checkable
class Trainer(Protocol):
    """A model that trains itself, by a library's own rules."""

    def trained(self, arrays: Arrays, found: records.Sampled, rng: np.random.Generator) -> Arrays:
        """Return its arrays after this round's passes over a site's rows, starting from ``arrays``; at least one row."""


class TrainedModel(Model, Trainer, Protocol):
    """Both of it."""


class Server(enum.Enum):
    """What is done with the mean of all deltas."""

    MEAN = "mean"
    """The model moves by it (FedAvg)."""
    ADAM = "adam"
    """An Adam step along it (FedAdam)."""
    YOGI = "yogi"
    """A Yogi step along it (FedYogi): its step sizes grow slowly after a large delta."""


_COMBINERS = {Server.MEAN: combine.WEIGHTED_MEAN, Server.ADAM: combine.FED_ADAM, Server.YOGI: combine.FED_YOGI}


@dataclasses.dataclass(frozen=True, slots=True)
class Optimiser:
    """How the mean of all deltas moves the model."""

    rule: Server = Server.MEAN
    """Which step."""
    learning_rate: float = 0.01
    """Of the step; FedAvg's is 1 and this is not asked for."""
    momentum: float = 0.9
    """Beta 1: how much of the past is in the first moment."""
    memory: float = 0.99
    """Beta 2: how much of the past is in the second moment."""
    floor: float = 1e-3
    """Tau: what is added to the root of the second moment, and its start."""


@dataclasses.dataclass(frozen=True, slots=True)
class Averaging:
    """The learner; its fields are the plan's options."""

    network: Network | TrainedModel
    """What is trained."""
    learning_rate: float = 0.05
    """Step of gradient descent at a site; not used where the model trains itself, like the next two."""
    batch: int = 32
    """Rows per gradient."""
    local_epochs: int = 1
    """Passes over a site's rows per round."""
    rounds: int = 20
    """Fit rounds."""
    clip: float = 16.0
    """Largest L2 norm of a site's weighted delta, a power of two; larger ones are scaled down."""
    proximal: float = 0.0
    """FedProx's mu: how strongly a site is held to the round's model."""
    optimiser: Optimiser = Optimiser()
    """What is done with the mean."""
    scaffold: bool = False
    """Whether each site's drift is corrected by control variates; its own is local state and never leaves."""
    personal: tuple[str, ...] = ()
    """Names of the network's arrays that each site keeps its own of; the shared ones are the mean of them."""
    weighting: float = 1.0
    """A site of n rows counts n to this power: 1 = rows, 0 = all sites alike. Other than 1 costs one more round."""

    word_bits = 32

    @property
    def combiner(self) -> str:
        """The name of the combiner that it uses."""
        return _COMBINERS[self.optimiser.rule]

    @property
    def task(self) -> schema.Task:
        """What is predicted."""
        return self.network.task

    @property
    def most_steps(self) -> int:
        """Fit rounds that it takes."""
        return self.rounds + (self.weighting != 1.0)

    @property
    def tells_rows(self) -> bool:
        """Whether a sum tells more of the sites' numbers of rows than round 0 did."""
        return self.weighting != 1.0

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the learner back. What came later is named only where it is used."""
        always = _ALWAYS if isinstance(self.network, Trainer) else (*_DESCENT, *_ALWAYS)
        written: dict[str, object] = {name: getattr(self, name) for name in always}
        default = Averaging(self.network)
        later = {name: getattr(self, name) for name in _LATER if getattr(self, name) != getattr(default, name)}
        if self.personal:
            later["personal"] = list(self.personal)
        if self.optimiser.rule is not Server.MEAN:
            later["server"] = {**dataclasses.asdict(self.optimiser), "rule": self.optimiser.rule.value}
        return {**self.network.options(), **written, **later}

    def check_size(self, plan: schema.Schema) -> None:
        """Check that a masked vector and a state can hold the model.

        Raises:
            errors.InputError: more parameters than that.
        """
        copies = 1 + 2 * (self.optimiser.rule is not Server.MEAN) + self.scaffold
        most = min(MOST_PARAMETERS // (1 + self.scaffold), state.MOST_BYTES // 2 // 8 // copies)
        if self.parameters(plan) > most:
            raise errors.InputError(
                "the network is too large",
                which="recipe",
                expected=f"at most {most} parameters with these options",
                got=self.parameters(plan),
            )

    def parameters(self, plan: schema.Schema) -> int:
        """Return the number of values of the model."""
        return sum(math.prod(shape) for shape in self.network.shapes(plan).values())

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return the network's start with what the server and the control variates need."""
        length = self.parameters(plan)
        kept: dict[str, state.Array] = {}
        if self.optimiser.rule is not Server.MEAN:
            floor = self.optimiser.floor
            kept |= {FIRST: np.zeros(length), SECOND: np.full(length, floor * floor)}
        if self.scaffold:
            kept[CONTROL] = np.zeros(length)
        return state.State(state.Stage.FIT, 0, {**self.network.initial(plan, seed), **kept})

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return one clipped block, all values in the network's order, and one of the control variates; or a weight first."""
        if self._is_weighing(value):
            rows = max(float(value.arrays["rows"][0]), 1.0)
            return (Block(WEIGHT, 1, caps.power_of_two(rows), Encoding.BOUNDED),)
        length = sum(array.size for array in self._model(value).values())
        delta = Block(DELTA, length, self.clip, Encoding.CLIPPED)
        return (delta, Block(CONTROL, length, self._control_cap, Encoding.CLIPPED)) if self.scaffold else (delta,)

    def train(
        self, value: state.State, local_state: bytes | None, found: records.Sampled, rng: np.random.Generator
    ) -> tuple[Contribution, bytes | None]:
        """Return the weighted delta after ``local_epochs`` passes in an order drawn from ``rng``.

        The local state is the site's control variate, or its own arrays, float64 little-endian, where there are any.

        Raises:
            errors.ContributionRefused: a local state that is not of this model.
        """
        rows = found.rows
        if self._is_weighing(value):
            return {WEIGHT: np.array([self._weight(rows)])}, local_state
        share = self.share(value, rows)
        model = self._model(value)
        own = self._own_control(value, local_state)
        pull = None if own is None else value.arrays[CONTROL] - own
        moved = self._descended(model, found, rng, pull)
        parts = _views(moved, _shapes_of(model))
        if self.personal:
            local_state = np.concatenate([parts[name].ravel() for name in self.personal]).astype("<f8").tobytes()
        for name, part in parts.items():
            np.subtract(part, value.arrays.get(SHARED + name, model[name]), out=part)
        if own is None or pull is None:
            moved *= share
            return {DELTA: moved}, local_state
        change = self._control_change(moved, value.arrays[CONTROL], rows, share)
        told = {DELTA: moved * share, CONTROL: change * share}
        return told, (own + change).astype("<f8").tobytes()

    def localise(
        self, value: state.State, local_state: bytes | None, found: records.Records
    ) -> tuple[state.State, bytes | None]:
        """Return ``value`` with the arrays that are this site's own, where it has any; nothing is fitted here."""
        del found
        if not self.personal or local_state is None:
            return value, local_state
        shapes = {name: value.arrays[name].shape for name in self.personal}
        own = _views(_decoded(local_state, sum(math.prod(shape) for shape in shapes.values())), shapes)
        shared = {SHARED + name: value.arrays[name] for name in self.personal}
        return dataclasses.replace(value, arrays={**value.arrays, **own, **shared}), local_state

    def finish(self, value: state.State, sums: Contribution) -> Contribution:
        """Return ``sums``: what is sent is made in ``train``."""
        _ = value
        return sums

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the state moved along the weighted mean of the sites' deltas."""
        if self._is_weighing(value):
            return self._weighed(value, float(sums[WEIGHT][0]))
        moves, kept = self._moves(value, sums[DELTA])
        model = self._model(value)
        parts = _views(moves, _shapes_of(model))
        moved = {name: combine.weighted_mean(model[name], part) for name, part in parts.items()}
        if self.scaffold:
            kept[CONTROL] = combine.weighted_mean(value.arrays[CONTROL], sums[CONTROL])
        is_last = value.step + 1 >= self.most_steps
        return state.State(
            stage=state.Stage.EVALUATE if is_last else state.Stage.FIT,
            step=value.step + 1,
            arrays={**value.arrays, **moved, **kept},
            reason=state.Reason.STEPS_DONE if is_last else None,
        )

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return logits or standardised predictions for standardised ``features``."""
        return self.network.scores(self._model(value), features)

    def share(self, value: state.State, rows: int) -> float:
        """Return the part of the mean that a site of ``rows`` training rows has."""
        if self.weighting == 1.0:
            return rows / float(value.arrays["rows"][0])
        return self._weight(rows) / float(value.arrays[TOTAL][0])

    # ------------------------------------------------------------------------------------------- with noise, at the site

    @property
    def unprotected(self) -> str | None:
        """Which option does not go together with noise."""
        if isinstance(self.network, Trainer):
            return "a library's own training, which cuts nobody's gradient"
        if self.scaffold:
            return "scaffold: control variates would leave without noise"
        if self.personal:
            return "personal: a part of the model stays at each site"
        return "weighting: numbers of rows would leave without noise" if self.weighting != 1.0 else None

    @property
    def passes(self) -> int:
        """Passes over a site's rows in a round."""
        return self.local_epochs

    def unit_gradient(self, value: state.State, table: records.Table) -> Vector:
        """Return the flat gradient of the mean loss over one unit's rows."""
        model = self._model(value)
        return self._gradient_of(model, _shapes_of(model), table)

    def train_protected(self, value: state.State, steps: differential.Descent) -> Contribution:
        """Return the delta of noisy descent, the same part of the mean for every dataset.

        A step is the sum of cut gradients with noise over the expected number of units at a dataset of mean size, which is public:
        so larger datasets move the model by more.
        """
        model = self._model(value)
        shapes = _shapes_of(model)
        start = np.concatenate([array.ravel() for array in model.values()])
        sites = float(value.arrays[differential.SITES][0])
        expected = max(steps.sampling * float(value.arrays["rows"][0]) / sites, 1.0)
        flat = start.copy()
        values = _views(flat, shapes)
        for step in range(self.local_epochs * steps.steps):
            total = steps.noise(step, len(flat))
            for unit in steps.drawn(step):
                total += differential.cut(self._gradient_of(values, shapes, unit), steps.norm)
            flat -= self.learning_rate * (total / expected + self.proximal * (flat - start))
        return {DELTA: (flat - start) / sites}

    def _gradient_of(self, values: Arrays, shapes: Mapping[str, tuple[int, ...]], table: records.Table) -> Vector:
        gradient = np.empty(sum(math.prod(shape) for shape in shapes.values()))
        network = self.network
        if isinstance(network, Trainer):  # ``unprotected`` says so before a plan is published
            raise errors.ContributionRefused("this model's gradients are not ours to cut", which="recipe.privacy")
        network.gradient(values, table.features, table.target, _views(gradient, shapes))
        return gradient

    # ------------------------------------------------------------------------------------------------------- at the site

    def _descended(
        self, model: Arrays, found: records.Sampled, rng: np.random.Generator, pull: Vector | None
    ) -> Vector:
        """Return all values after this round's passes, flat."""
        shapes = _shapes_of(model)
        if isinstance(self.network, Trainer):
            trained = self.network.trained(model, found, rng) if found.rows else model
            return np.concatenate([trained[name].ravel() for name in model])
        start = np.concatenate([array.ravel() for array in model.values()])
        flat, gradient = start.copy() if self.proximal else start, np.empty(len(start))
        values, slopes = _views(flat, shapes), _views(gradient, shapes)
        for _ in range(self.local_epochs):
            order = rng.permutation(found.rows)
            for place in range(0, found.rows, self.batch):
                batch = found.take(order[place : place + self.batch])
                self.network.gradient(values, batch.features, batch.target, slopes)
                if self.proximal:
                    gradient += self.proximal * (flat - start)
                if pull is not None:
                    gradient += pull
                gradient *= (
                    self.learning_rate
                )  # in place: a network's worth of fresh memory costs more than the product
                flat -= gradient
        return flat

    def _weight(self, rows: int) -> float:
        return float(rows) ** self.weighting if rows else 0.0

    @property
    def _control_cap(self) -> float:
        return caps.power_of_two(self.clip / self.learning_rate)

    def _own_control(self, value: state.State, local_state: bytes | None) -> Vector | None:
        """Return this site's control variate, zeros at first; ``None`` where there are none."""
        if not self.scaffold:
            return None
        length = len(value.arrays[CONTROL])
        return np.zeros(length) if local_state is None else _decoded(local_state, length)

    def _control_change(self, moved: Vector, control: Vector, rows: int, share: float) -> Vector:
        """Return how this site's control variate changes (option II), never by more than the sum may carry."""
        steps = self.local_epochs * -(-rows // self.batch)
        if not steps or not share:
            return np.zeros(len(moved))
        change = -control - moved / (steps * self.learning_rate)
        length = float(np.sqrt((change * change).sum())) * share
        # Cut here and not when it is encoded: what this site keeps and what all add up has to be the same.
        return change if length <= self._control_cap else change * (self._control_cap / length)

    # ---------------------------------------------------------------------------------------------------------- for all

    def _is_weighing(self, value: state.State) -> bool:
        return self.weighting != 1.0 and TOTAL not in value.arrays

    def _weighed(self, value: state.State, total: float) -> state.State:
        if not total > 0.0:
            return dataclasses.replace(value, stage=state.Stage.FINISHED, reason=state.Reason.NO_ROWS)
        return dataclasses.replace(value, step=value.step + 1, arrays={**value.arrays, TOTAL: np.array([total])})

    def _model(self, value: state.State) -> Arrays:
        """Return the network's own arrays in ``value``, read-only, in the order in which they are sent."""
        return {name: value.arrays[name] for name in self.network.names}

    def _moves(self, value: state.State, delta: Vector) -> tuple[Vector, dict[str, state.Array]]:
        """Return by how much every value moves, and the server's new moments."""
        chosen = self.optimiser
        if chosen.rule is Server.MEAN:
            return delta, {}
        step = combine.fed_adam if chosen.rule is Server.ADAM else combine.fed_yogi
        rates = combine.Rates(chosen.learning_rate, chosen.momentum, chosen.memory, chosen.floor)
        moves, first, second = step(value.arrays[FIRST], value.arrays[SECOND], delta, rates)
        return moves, {FIRST: first, SECOND: second}


_ALWAYS = ("rounds", "clip")
_DESCENT = ("learning_rate", "batch", "local_epochs")
_LATER = ("proximal", "scaffold", "weighting")


def from_options(network: Network | TrainedModel, reader: fields.Fields) -> Averaging:
    """Return the learner that a plan's options describe, for a model whose own options are read.

    Raises:
        errors.InputError: an option of a wrong type or out of range, or two that do not go together.
    """
    default = Averaging(network)
    clip = reader.number_within("clip", 2.0**-20, 2.0**20, default=default.clip)
    if not np.frexp(clip)[0] == 0.5:
        raise reader.refusal("clip", "a power of two", clip)
    is_descent = not isinstance(network, Trainer)
    scaffold = reader.flag("scaffold") if is_descent and reader.has("scaffold") else default.scaffold
    if scaffold and (reader.has("robust") or reader.has("rollback")):
        raise reader.refusal(
            "scaffold", "false beside robust or rollback: they change what control variates rely on", True
        )
    personal = _personal_from(network, reader) if reader.has("personal") else default.personal
    if personal and (scaffold or reader.has("robust")):
        raise reader.refusal("personal", "no such field beside scaffold or robust", ", ".join(personal)[:200])
    made = Averaging(
        network,
        personal=personal,
        rounds=reader.whole_within("rounds", 1, 100_000, default=default.rounds),
        clip=clip,
        optimiser=_optimiser_from(reader.value("server")) if reader.has("server") else default.optimiser,
        weighting=reader.number_within("weighting", 0.0, 1.0, default=default.weighting),
    )
    if isinstance(network, Trainer):
        return made  # what is about gradients is no option then, and refused as unknown
    return dataclasses.replace(
        made,
        learning_rate=reader.number_within("learning_rate", 1e-9, 1e3, default=default.learning_rate),
        batch=reader.whole_within("batch", 1, 1_000_000, default=default.batch),
        local_epochs=reader.whole_within("local_epochs", 1, 1_000, default=default.local_epochs),
        proximal=reader.number_within("proximal", 0.0, 1e6, default=default.proximal),
        scaffold=scaffold,
    )


def _optimiser_from(document: object) -> Optimiser:
    reader, default = fields.Fields(document, "recipe.server"), Optimiser()
    rule = reader.one_of("rule", Server)
    if rule is Server.MEAN:
        raise reader.refusal("rule", "adam or yogi; for the plain mean leave the field out", rule.value)
    value = Optimiser(
        rule,
        learning_rate=reader.number_within("learning_rate", 1e-9, 1e3, default=default.learning_rate),
        momentum=reader.number_within("momentum", 0.0, 0.999_999, default=default.momentum),
        memory=reader.number_within("memory", 0.0, 0.999_999, default=default.memory),
        floor=reader.number_within("floor", 1e-12, 1.0, default=default.floor),
    )
    reader.close()
    return value


def _decoded(local_state: bytes, length: int) -> Vector:
    """Return what a site kept of its own.

    Raises:
        errors.ContributionRefused: it is not of this model.
    """
    found = np.frombuffer(local_state, dtype="<f8").astype(np.float64) if len(local_state) == 8 * length else None
    if found is None or not np.isfinite(found).all():
        raise errors.ContributionRefused(
            "what this site kept is not of this model",
            which="local state",
            expected=f"{length} finite numbers",
            next_step="Start a new run; a local state belongs to one plan.",
        )
    return found


def _personal_from(network: Model, reader: fields.Fields) -> tuple[str, ...]:
    names = reader.texts("personal", most=len(network.names))
    if not names or not set(names) < set(network.names) or len(set(names)) != len(names):
        raise reader.refusal("personal", f"some, not all, of {', '.join(network.names[:12])}", ", ".join(names)[:200])
    return tuple(name for name in network.names if name in names)


def _shapes_of(model: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in model.items()}


def _views(flat: Vector, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, state.Array]:
    """Return a flat vector's parts as arrays that share its memory."""
    ends = list(itertools.accumulate(math.prod(shape) for shape in shapes.values()))
    starts = [0, *ends[:-1]]
    return {
        name: flat[start:end].reshape(shape)
        for (name, shape), start, end in zip(shapes.items(), starts, ends, strict=True)
    }
