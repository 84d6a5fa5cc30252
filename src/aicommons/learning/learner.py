"""What a learner is: a fold over secure sums, of one of two kinds.

``Additive``: a site's contribution is a sum over its records, so that batches, processes and sites all merge by
addition and the result is the pooled one. ``LocalTraining``: a site trains on its own and sends a weighted delta.
Implemented by ``learners/``, driven by ``recipe``. Learners see standardised tables (``describe.standardise``; a
gaussian target is standardised too) and states that hold round 0's arrays beside their own. They never see a ledger,
store or clock, and only ``combine`` must give the same bytes everywhere.
"""

from collections.abc import Collection, Mapping
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from aicommons.domain import fields, schema
from aicommons.learning import blocks, differential, exhibits, records, state

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector


class Learner(Protocol):
    """What both kinds have."""

    @property
    def combiner(self) -> str:
        """The name of the combiner that it uses, one of ``combine.COMBINERS``."""

    @property
    def word_bits(self) -> int:
        """Width of the ring's words that its blocks need: 32 or 64."""

    @property
    def most_steps(self) -> int:
        """Fit rounds that it takes at most."""

    def options(self) -> dict[str, object]:
        """Return the plan's options, all written out."""

    def check_size(self, plan: schema.Schema) -> None:
        """Check that the model is not too large for its combiner, before a plan is published.

        Raises:
            errors.InputError: too many parameters.
        """

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return the state before its first step (stage FIT, step 0), with the learner's own arrays only."""

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return the blocks of a contribution at ``value``; caps come from the state alone."""

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the next state; once it is final with a reason, in stage EVALUATE, or FINISHED where nothing is predicted.

        Same bytes on every machine.
        """

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return logits float64[n] (binomial) or float64[n, classes] (multinomial), standardised values float64[n] (gaussian),
        log-rates float64[n] (poisson) or risks float64[n] (survival: the higher, the sooner); else what ``predict`` takes."""


@runtime_checkable
class TakesRaw(Protocol):
    """A learner that sees features as they are, gaps as NaN, instead of standardised ones. Targets are as for the others."""

    takes_raw: Literal[True]
    """Nothing more than a mark."""


@runtime_checkable
class Predicting(Protocol):
    """A learner whose predictions are not what its target's kind has: groups, components, curves."""

    def predict(self, value: state.State, scores: state.Array) -> state.Array:
        """Return float64[n] or float64[n, k] from ``scores``."""

    def heads(self, value: state.State) -> tuple[str, ...]:
        """Return what each of the k columns of ``predict`` is, in words."""


@runtime_checkable
class Unjudged(Protocol):
    """A learner whose result describes rows and is held against none: no round carries figures, and it ends FINISHED.

    To it a target is one more column, and a number is seen as it is.
    """

    is_unjudged: Literal[True]
    """Nothing more than a mark."""


@runtime_checkable
class Exhibiting(Protocol):
    """A learner whose result people read as tables."""

    def exhibits(self, plan: schema.Schema, value: state.State) -> tuple[exhibits.Exhibit, ...]:
        """Return the tables of the model in ``value``, in the units and names of ``plan``."""


@runtime_checkable
class Withholding(Protocol):
    """An additive learner whose sums count rows in cells: one owner may hold back cells that few of its rows are in."""

    def withheld(self, value: state.State, sums: Contribution, minimum: int) -> Contribution:
        """Return one site's ``sums`` with 0 in every cell of 1 to ``minimum`` - 1 rows."""


@runtime_checkable
class Restricted(Protocol):
    """An additive learner some of whose options do not go together with noise on its sums."""

    @property
    def unprotected(self) -> str | None:
        """Which of its options that is, in words; ``None`` where a plan may protect what it sends."""


@runtime_checkable
class Descending(Protocol):
    """A learner that trains at a site by gradients of our own computing: each unit's can be cut, and noise added to each step."""

    @property
    def passes(self) -> int:
        """Passes over a site's rows in a round."""

    def train_protected(self, value: state.State, steps: differential.Descent) -> Contribution:
        """Return the site's contribution from ``passes`` times ``steps.steps`` noisy steps; nothing else of the rows is in it."""

    def unit_gradient(self, value: state.State, table: records.Table) -> Vector:
        """Return the flat gradient of the mean loss over one unit's rows."""


@runtime_checkable
class Localised(Protocol):
    """An additive learner with a part of the model that is each site's own and never leaves it."""

    def localise(
        self, value: state.State, local_state: bytes | None, found: records.Records
    ) -> tuple[state.State, bytes | None]:
        """Return ``value`` with the site's own arrays in it, fitted to its training rows, and the new local state.

        What comes back is given to ``partial`` and ``scores`` at this site and goes no further; a model that left the site
        has no such arrays, and ``scores`` does without.
        """

    def finish(self, value: state.State, sums: Contribution) -> Contribution:
        """Return what leaves the site, from ``partial`` summed over its rows; ``value`` is from ``localise``."""


@runtime_checkable
class Additive(Learner, Protocol):
    """A sum over records."""

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return the sums over ``table``'s rows; the sum of two tables' is that of both together."""


@runtime_checkable
class LocalTraining(Learner, Protocol):
    """A site trains, then sends its delta multiplied by its share of all training rows, so that deltas add up to a mean."""

    @property
    def tells_rows(self) -> bool:
        """Whether a sum tells more of the sites' numbers of rows than round 0 did."""

    def parameters(self, plan: schema.Schema) -> int:
        """Return the number of values of its model."""

    def share(self, value: state.State, rows: int) -> float:
        """Return the part of the mean that a site of ``rows`` training rows has."""

    def train(
        self, value: state.State, local_state: bytes | None, found: records.Sampled, rng: np.random.Generator
    ) -> tuple[Contribution, bytes | None]:
        """Return the site's contribution and its new local state (never sent, kept once the round is agreed)."""


def check_task(plan: schema.Schema, reader: fields.Fields, solved: Collection[schema.Task]) -> schema.Task:
    """Return the kind of target that a plan has.

    Raises:
        errors.InputError: none, or one that the recipe does not solve (``solved``).
    """
    if plan.task is None or plan.task not in solved:
        raise reader.refusal(
            "recipe",
            "one for this kind of target" if plan.task is not None else "one that needs no target",
            f"{reader.text('recipe')}, for targets that are {' or '.join(sorted(each.value for each in solved))}",
        )
    return plan.task


def check_no_target(plan: schema.Schema, reader: fields.Fields) -> None:
    """Check that a plan predicts nothing.

    Raises:
        errors.InputError: it has a target, which the recipe would not look at.
    """
    if plan.target is not None:
        name = reader.text("recipe")
        raise reader.refusal("recipe", "a schema without a target", f"{name}, and the target {plan.target.name}")
