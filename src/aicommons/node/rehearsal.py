"""A dry run: what one site would send in a run's first rounds, computed from its real rows and sent to nobody.

Called by ``commons dataset dry-run``. It asks the recipe for the site's contribution in the same way as the node does, in
this process and without ledger, store or journal. Later rounds depend on all sites' sums; here the site stands for all of
them, which changes numbers but neither blocks nor lengths. Masks are left out: nothing is sent, so nothing is hidden.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from aicommons.data import columns
from aicommons.domain import schema
from aicommons.learning import blocks, records, state
from aicommons.learning import recipe as recipes
from aicommons.learning.secagg import quantise, suite

BLOCK_ROWS = 2**14
"""Rows that are counted together."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """A group of rows of this site that the sums count."""

    name: str
    """What they have in common, in the schema's words."""
    rows: int
    """How many they are."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """What would leave the site in one round."""

    stage: state.Stage
    """What the round is for."""
    blocks: tuple[blocks.Block, ...]
    """Its named parts."""
    vector_bytes: int
    """Bytes of the masked vector: words of the ring, padded."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rehearsal:
    """A dry run's result; never leaves the site."""

    rounds: tuple[Sent, ...]
    """The first round, then a learning round where one can follow; the last round is a part of it."""
    cells: tuple[Cell, ...]
    """Groups of rows that are counted, smallest first; empty groups are left out."""
    reason: state.Reason | None
    """Why nothing could be learned from this site alone; ``None`` where something can."""


def rehearse(recipe: recipes.Recipe, rows: recipes.Rows, table: columns.Columns, *, members: int) -> Rehearsal:
    """Return what a site would send.

    Args:
        recipe: of the plan.
        rows: the site's training and held-out rows.
        table: the same rows as they were prepared.
        members: participants of the run, which bounds what a ring can carry.

    Raises:
        errors.ContributionRefused: numbers that the site would not send.
    """
    draws = np.random.default_rng(recipe.seed)
    value = recipe.initial()
    rounds: list[Sent] = []
    cells = list(_cells(recipe.schema, table))
    while (not rounds or value.stage is not rounds[-1].stage) and not recipe.is_finished(value):
        contribution = _contributed(recipe, value, rows, draws)
        rounds.append(_sent(recipe, value, contribution, members))
        cells.extend(_counted(rounds[-1], contribution))
        value = recipe.combine(value, [contribution])
    reason = value.reason if len(rounds) == 1 else None
    return Rehearsal(tuple(rounds), tuple(sorted(cells, key=lambda cell: cell.rows)), reason)


def _contributed(
    recipe: recipes.Recipe, value: state.State, rows: recipes.Rows, draws: np.random.Generator
) -> blocks.Contribution:
    if recipe.protection is not None:
        return recipe.protected(value, rows, draws.bytes(32)).numbers
    return recipe.contribute(value, rows, rng=draws)[0]


def _sent(recipe: recipes.Recipe, value: state.State, contribution: blocks.Contribution, members: int) -> Sent:
    """Return a round's blocks; encodes them as the node does, so that what it would refuse is refused here."""
    named = recipe.blocks(value)
    words = quantise.encode(named, contribution, members=members, word_bits=recipe.word_bits)
    return Sent(value.stage, named, len(suite.byte_view(words)))


def _counted(sent: Sent, contribution: blocks.Contribution) -> Iterator[Cell]:
    """Yield the smallest count of each block of whole numbers; those of the first round are cut into limbs instead."""
    for block in sent.blocks:
        if block.encoding is blocks.Encoding.INTEGER and sent.stage is not state.Stage.DESCRIBE:
            values = contribution[block.name]
            counts = values[values > 0]
            if len(counts):
                yield Cell(f"a cell of {block.name}", int(counts.min()))


def _cells(plan: schema.Schema, table: columns.Columns) -> Iterator[Cell]:
    """Yield the groups of training rows that a reader of this site's numbers could count."""
    cut = table.rows - (table.held_out or 0)
    yield from (
        Cell(name, rows) for name, rows in (("rows to learn from", cut), ("rows held out", table.rows - cut)) if rows
    )
    classes, levels = _counts(plan, table, cut)
    outcome = plan.outcomes[-1].name if plan.outcomes else ""
    for label, rows in zip(plan.outcome_levels, classes, strict=True):
        if rows:
            yield Cell(f"{outcome} = {label}", rows)
    start = 0
    for feature in plan.features:
        for offset, level in enumerate(feature.levels or ()):
            if levels[start + offset]:
                yield Cell(f"{feature.name} = {level}", levels[start + offset])
        start += len(feature.columns())


def _counts(plan: schema.Schema, table: columns.Columns, cut: int) -> tuple[Sequence[int], Sequence[int]]:
    """Return rows per class and rows with a 1 per column, part by part: the table may be a map of a large file."""
    classes = np.zeros(len(plan.outcome_levels), dtype=np.int64)
    ones = np.zeros(plan.width, dtype=np.int64)
    for start in range(0, cut, BLOCK_ROWS):
        part = slice(start, min(start + BLOCK_ROWS, cut))
        ones += (table.features[part] == 1.0).sum(axis=0)
        if len(classes):
            classes += np.bincount(records.outcome_index(plan, table.target[part]), minlength=len(classes))
    return classes.tolist(), ones.tolist()
