"""The owner's tables as a plan wants them: the bridge between ``data/`` (files) and ``learning/`` (numbers).

The two may not import each other, so the adapter of the node's data port stands here, above both; ``app`` constructs it
and the command line uses its functions to check a table before anything is sent. Reading files and fitting models are
not its business.
"""

import dataclasses
import fractions
import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from aicommons.data import columns, prepared, reading, spark
from aicommons.domain import documents, errors, ids, schema
from aicommons.learning import privacy, records, splitting
from aicommons.learning import recipe as recipes
from aicommons.node import agent, spark_tables


@dataclasses.dataclass(frozen=True, slots=True)
class OwnTable:
    """A dataset at its owner's."""

    path: pathlib.Path | None
    """Its file; ``None`` where it is kept in Spark."""
    minimum_cohort: int
    """Fewest complete rows that its owner lets take part, whatever a run's terms say."""
    cluster: spark.Source | None = None
    """Where Spark finds it; ``None`` for a file."""
    minimum_cell: int = 1
    """k: a level or class with 1 to k - 1 rows is a small cell; 1 where no cell is."""
    small_cells: privacy.Treatment = privacy.Treatment.ALLOW
    """What its owner wants done about small cells."""
    epsilon: fractions.Fraction | None = None
    """Of the noise on counts, with ``NOISE`` only."""

    @property
    def rule(self) -> privacy.Rule:
        """The last three together; raises ``errors.InputError`` where they contradict each other."""
        return privacy.Rule(self.minimum_cell, self.small_cells, self.epsilon)


class OwnerTables:
    """Tables by dataset id, prepared once and mapped into memory; implements ``agent.Data``."""

    def __init__(self, own: Callable[[], Mapping[int, OwnTable]], folder: pathlib.Path) -> None:
        """Keep in mind where things are; nothing is read yet.

        Args:
            own: says which file each dataset is; asked anew each time, one may be published while the node runs.
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
        least = max(own.minimum_cohort, terms.terms.minimum_cohort)
        if own.cluster is not None:
            return spark_tables.rows_of(own.cluster, terms.plan, terms.recipe, min_rows=least)
        if own.path is None:
            raise errors.InputError("this home does not know where the dataset is", which=f"dataset {dataset_id}")
        checks = reading.Checks(min_rows=least)
        folder = self._folder / str(dataset_id)
        found = prepared.prepare(own.path, terms.recipe.schema, folder, group=terms.plan.group, checks=checks)
        return split_rows(found, terms.plan, terms.recipe.schema)

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


def split_rows(table: columns.Columns, plan: documents.Plan, wanted: schema.Schema) -> recipes.Rows:
    """Return a site's training and held-out rows by the plan's split: whole groups where it names a group column."""
    share = plan.held_out_percent / 100
    if table.groups is not None:
        held = splitting.by_groups(table.groups, seed=plan.split_seed, share=share)
    else:
        classes = None if wanted.target.task is schema.Task.GAUSSIAN else table.target
        held = splitting.by_rows(classes, len(table.target), seed=plan.split_seed, share=share)
    return recipes.Rows(*(records.chunked(table.features, table.target, part) for part in (~held, held)))
