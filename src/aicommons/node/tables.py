"""The owner's data as a plan wants it: the bridge between ``data/`` (sources) and ``learning/`` (numbers).

The two may not import each other, so the adapter of the node's data port stands here, above both; ``app`` constructs it
and the command line uses its functions to check a source before anything is sent. Reading sources and fitting models are
not its business.
"""

import dataclasses
import fractions
import pathlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from aicommons.data import columns, mapping, prepared, reading, sources
from aicommons.data.formats import spark
from aicommons.domain import documents, errors, ids, policies, schema
from aicommons.learning import privacy, records, splitting
from aicommons.learning import recipe as recipes
from aicommons.node import agent, spark_tables


@dataclasses.dataclass(frozen=True, slots=True)
class OwnTable:
    """A dataset at its owner's."""

    source: sources.Named
    """Its file, or what describes its source."""
    minimum_cohort: int
    """Fewest rows that its owner lets take part, whatever a run's terms say."""
    mapping_file: pathlib.Path | None = None
    """Its own columns, codes and units, where they are not a plan's."""
    person: str | None = None
    """Column of person keys in its own name; rows of one person are never on both sides of a split."""
    persons: reading.Persons | None = None
    """Who consents now; ``None`` where no consents of persons stand behind it."""
    most_broken: float = 0.0
    """Largest share of rows that may be left out because a cell does not fit."""
    unique: str | None = None
    """Column of identifiers that may each stand there once."""
    minimum_cell: int = 1
    """k: a level or class with 1 to k - 1 rows is a small cell; 1 where no cell is."""
    small_cells: policies.SmallCells = policies.SmallCells.ALLOW
    """What its owner wants done about small cells."""
    epsilon: fractions.Fraction | None = None
    """Of the noise on counts, with ``NOISE`` only."""

    @property
    def rule(self) -> privacy.Rule:
        """The last three together; raises ``errors.InputError`` where they contradict each other."""
        return privacy.Rule(self.minimum_cell, self.small_cells, self.epsilon)

    def wanted(self, terms: agent.RunDocuments) -> reading.Wanted:
        """Return what a run reads of it."""
        least = max(self.minimum_cohort, terms.terms.minimum_cohort)
        return self.as_planned(terms.recipe.schema, terms.plan.group, min_rows=least)

    def as_planned(self, plan: schema.Schema, group: str | None = None, *, min_rows: int) -> reading.Wanted:
        """Return what a plan reads of it, with a minimum of rows; raises ``errors.InputError`` for a broken mapping."""
        checks = reading.Checks(min_rows=min_rows, most_broken=self.most_broken, unique=self.unique)
        return reading.Wanted(plan, group, checks, self.persons, self._mapping(), self.person)

    def _mapping(self) -> mapping.Mapping:
        if self.mapping_file is None:
            return mapping.NOTHING
        return mapping.decode(self.mapping_file.read_text(encoding="utf-8"), self.mapping_file.name)


class OwnerTables:
    """Tables by dataset id, prepared once and mapped into memory; implements ``agent.Data``."""

    def __init__(self, own: Callable[[], Mapping[int, OwnTable]], folder: pathlib.Path) -> None:
        """Keep in mind where things are; nothing is read yet.

        Args:
            own: says which source each dataset is; asked anew each time, one may be published while the node runs.
            folder: where prepared arrays may be kept, private to the owner.
        """
        self._own = own
        self._folder = folder
        # NumPy loads these parts at their first use: here, and not again in the child of every job.
        np.random.default_rng(0)
        np.unique(np.zeros(1))

    def rows(self, dataset_id: int, terms: agent.RunDocuments) -> recipes.Rows:
        """Return training and held-out rows as a plan wants them.

        Raises:
            errors.InputError: this home does not know the dataset.
            errors.TableError: the table does not fit the plan.
        """
        own = self._found(dataset_id)
        wanted, plan = own.wanted(terms), terms.recipe.schema
        if isinstance(own.source, sources.Description) and own.source.kind is sources.Kind.SPARK:
            return spark_tables.rows_of(spark.from_body(own.source.body), wanted, terms.plan)
        found = prepared.prepare(own.source, wanted, self._folder / str(dataset_id), division(terms.plan, plan))
        return divided(found)

    def rule(self, dataset_id: int) -> privacy.Rule:
        """Return what the owner wants done about small cells.

        Raises:
            errors.InputError: this home does not know the dataset, or the owner's settings contradict each other.
        """
        return self._found(dataset_id).rule

    def _found(self, dataset_id: int) -> OwnTable:
        own = self._own().get(dataset_id)
        if own is None:
            raise errors.InputError(
                "this home does not know the dataset's file",
                which=f"dataset {dataset_id}",
                next_step="publish it from this home (`commons dataset publish`)",
            )
        return own

    def forget(self, run_id: ids.RunId) -> None:
        """Erase all prepared tables; a run under way prepares its own again."""
        del run_id
        prepared.erase(self._folder)


def division(plan: documents.Plan, wanted: schema.Schema) -> prepared.Division:
    """Return how a plan divides rows: by person or group where a key says which rows belong together, else by class."""
    share = plan.held_out_percent / 100

    def masks(table: columns.Columns) -> Iterator[splitting.Mask]:
        if table.keys is not None:
            return splitting.masks_by_keys(table.keys, seed=plan.split_seed, share=share)
        classes = None if wanted.target.task is schema.Task.GAUSSIAN else table.target
        return splitting.masks_by_rows(classes, table.rows, seed=plan.split_seed, share=share)

    return prepared.Division(f"{plan.held_out_percent} percent, seed {plan.split_seed}", masks)


def divided(table: columns.Columns) -> recipes.Rows:
    """Return the two parts of a table that was divided while it was prepared, as maps of its files."""
    if table.held_out is None:
        raise ValueError("the table is not divided")
    cut = table.rows - table.held_out
    return recipes.Rows(
        records.chunked(table.features[:cut], table.target[:cut]),
        records.chunked(table.features[cut:], table.target[cut:]),
    )


def split_rows(table: columns.Columns, plan: documents.Plan, wanted: schema.Schema) -> recipes.Rows:
    """Return a site's training and held-out rows of a table in memory, as ``division`` says."""
    held = splitting.whole(division(plan, wanted).masks(table))
    train = records.Table(table.features[~held], table.target[~held])
    return recipes.Rows(train, records.Table(table.features[held], table.target[held]))
