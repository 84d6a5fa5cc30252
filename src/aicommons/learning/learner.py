"""What a learner is: a fold over secure sums, of one of two kinds.

``Additive``: a site's contribution is a sum over its records, so that batches, processes and sites all merge by
addition and the result is the pooled one. ``LocalTraining``: a site trains on its own and sends a weighted delta.
Implemented by ``learners/``, driven by ``recipe``. Learners see standardised tables (``describe.standardise``; a
numeric target is standardised too) and states that hold round 0's arrays beside their own. They never see a ledger,
store or clock, and only ``combine`` must give the same bytes everywhere.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from aicommons.domain import schema
from aicommons.learning import blocks, records, state

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
        """Return the next state, in stage EVALUATE with a reason once it is final. Same bytes on every machine."""

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return logits float64[n] (binomial), float64[n, classes] (multinomial) or standardised values float64[n]."""


@runtime_checkable
class Additive(Learner, Protocol):
    """A sum over records."""

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return the sums over ``table``'s rows; the sum of two tables' is that of both together."""


@runtime_checkable
class LocalTraining(Learner, Protocol):
    """A site trains, then sends its delta multiplied by its share of all training rows, so that deltas add up to a mean."""

    def parameters(self, plan: schema.Schema) -> int:
        """Return the number of values of its model."""

    def train(
        self, value: state.State, local_state: bytes | None, found: records.Sampled, rng: np.random.Generator
    ) -> tuple[Contribution, bytes | None]:
        """Return the site's contribution and its new local state (never sent, kept once the round is agreed)."""
