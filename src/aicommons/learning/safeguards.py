"""Safeguards: what a plan may ask for against bad contributions to local training, and how a round is folded with them.

``recipe`` holds one ``Safeguards`` and comes here at the start of fitting, at every fit round and at the last figures.
With neither option a plan's rounds are those of its learner alone. The arithmetic is in ``robust`` and ``rollback``; both
options are for learners that send deltas, because a sum over records has no mean of cells and no step to take back.
"""

import dataclasses
from collections.abc import Sequence

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, combine, evaluation, learner, robust, rollback, state

# A method or field of a module's name hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Robust = robust.Robust
Rollback = rollback.Rollback
Cells = Sequence[Contribution]
"""Decoded sums of each cell, ascending; one entry where the run is not divided."""


@dataclasses.dataclass(frozen=True, slots=True)
class Safeguards:
    """A plan's options; ``None`` where it does not ask for one."""

    robust: Robust | None = None
    """How cells are combined."""
    rollback: Rollback | None = None
    """When a round is undone."""

    @property
    def extra_rounds(self) -> int:
        """Rounds that may follow the learner's own: the best model is judged once more where the last was worse."""
        return 1 if self.rollback is not None else 0

    def options(self) -> dict[str, object]:
        """Return the options as a plan's document writes them: nothing for what is not asked for."""
        options: dict[str, object] = {}
        if self.robust is not None:
            options["robust"] = robust.to_options(self.robust)
        if self.rollback is not None:
            options["rollback"] = rollback.to_options(self.rollback)
        return options

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks that a site sends beside its learner's."""
        return () if self.robust is None else (robust.weight_block(),)

    def begin(self, value: state.State, model: state.State) -> state.State:
        """Return the first state of fitting; ``model`` holds the learner's own arrays."""
        return value if self.rollback is None else rollback.begin(value, model.arrays)

    def loss(self, target: schema.Target | None, cells: Cells) -> float | None:
        """Return the held-out loss that a round is judged by: with robust cells the median of theirs; None if nothing is."""
        if self.rollback is None:
            return None
        if self.robust is None or len(cells) == 1:
            return evaluation.loss(target, combine.add_cells(cells))
        known = [loss for loss in (evaluation.loss(target, cell) for cell in cells) if loss is not None]
        return robust.middle(known) if known else None

    def fit(self, made: learner.Learner, value: state.State, cells: Cells, loss: float | None) -> state.State:
        """Return the state after a fit round with these sums, at whose start the model had this held-out ``loss``."""
        if self.rollback is not None and rollback.is_worse(self.rollback, value, loss):
            return rollback.undo(self.rollback, value, made.most_steps)
        moves = self._moves(made.blocks(value), cells)
        if self.rollback is None:
            return made.combine(value, moves)
        kept = rollback.accept(value, loss)
        return made.combine(kept, rollback.scale(kept, moves))

    def conclude(self, value: state.State, loss: float | None) -> state.State:
        """Return the state after the last figures."""
        if self.rollback is None:
            return dataclasses.replace(value, stage=state.Stage.FINISHED)
        return rollback.conclude(value, loss)

    def _moves(self, declared: Sequence[Block], cells: Cells) -> Contribution:
        """Return the learner's blocks, combined over the cells."""
        if self.robust is None or len(cells) == 1:
            return combine.add_cells(cells)
        return {block.name: robust.combine_cells(self.robust, block, cells) for block in declared}


NONE = Safeguards()
"""A plan that asks for nothing."""


def from_reader(reader: fields.Fields) -> Safeguards:
    """Return the options of a plan's document.

    Raises:
        errors.InputError: a field of an option that is missing, unknown or wrong.
    """
    return Safeguards(
        robust.from_options(reader.value("robust")) if reader.has("robust") else None,
        rollback.from_options(reader.value("rollback")) if reader.has("rollback") else None,
    )


def check_division(chosen: Safeguards, sizes: Sequence[int]) -> None:
    """Check that a run is divided as its plan needs, before anybody takes part.

    Args:
        chosen: the plan's options.
        sizes: participants of each cell at the least; one number where the run is summed as one set.

    Raises:
        errors.InputError: too few cells, or too small ones, for robust combining.
    """
    if chosen.robust is not None:
        robust.check_cells(sizes)


def check_learner(chosen: Safeguards, made: learner.Learner, columns: schema.Schema) -> None:
    """Check that the learner is one that safeguards are for, before a plan is published.

    Raises:
        errors.InputError: a learner of sums over records; a model that a state cannot hold twice.
    """
    if chosen == NONE:
        return
    if not isinstance(made, learner.LocalTraining):
        raise errors.InputError(
            "this recipe adds up records: it has no deltas to combine robustly, and no step to take back",
            which=f"recipe.{next(iter(chosen.options()))}",
            expected="a recipe that trains at each site (mlp)",
            got="an additive recipe",
            next_step="Leave the option out of the plan.",
        )
    parameters = made.parameters(columns)
    if chosen.rollback is not None and parameters > rollback.MOST_PARAMETERS:
        raise errors.InputError(
            "the network is too large to keep its best state beside the last one",
            which="recipe.rollback",
            expected=f"at most {rollback.MOST_PARAMETERS} parameters",
            got=parameters,
        )
