"""The owner's tables as a plan wants them: the bridge between ``data/`` (files) and ``learning/`` (numbers).

The two may not import each other, so the adapter of the node's data port stands here, above both; ``app`` constructs it
and the command line uses its functions to check a table before anything is sent. Reading files and fitting models are
not its business.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from aicommons.data import columns, prepared, reading
from aicommons.domain import documents, errors, ids, schema
from aicommons.learning import recipe as recipes
from aicommons.learning import records, splitting
from aicommons.node import agent
from aicommons.node.consents import keeping, notes, people
from aicommons.protocol import coverage
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class OwnTable:
    """A dataset at its owner's."""

    path: pathlib.Path
    """Its file."""
    minimum_cohort: int
    """Fewest complete rows that its owner lets take part, whatever a run's terms say."""


class OwnerTables:
    """Tables by dataset id, prepared once and mapped into memory; implements ``agent.Data``."""

    def __init__(
        self,
        own: Callable[[], Mapping[int, OwnTable]],
        folder: pathlib.Path,
        *,
        consents: keeping.Keeping | None = None,
    ) -> None:
        """Keep in mind where things are; nothing is read yet.

        Args:
            own: says which file each dataset is; asked anew each time, one may be published while the node runs.
            folder: where prepared arrays may be kept, private to the owner.
            consents: this home's registers of people's consents.
        """
        self._own = own
        self._folder = folder
        self._consents = consents
        self._view = views.LedgerView()
        # NumPy loads these parts at their first use: here, and not again in the child of every job.
        np.random.default_rng(0)
        np.unique(np.zeros(1))

    def observe(self, view: views.LedgerView) -> None:
        """Take note of what the ledger says now."""
        self._view = view

    def keep(self, note: notes.Note) -> None:
        """Record whose rows are in a contribution, before it leaves."""
        if self._consents is not None:
            self._consents.people().keep(note)

    def bring(self, dataset_id: int, terms: agent.RunDocuments, use: coverage.Use) -> agent.Brought:
        """Return training and held-out rows as a plan wants them, of the people whose consent covers ``use``.

        Raises:
            errors.InputError: this home does not know the dataset.
            errors.TableError: the table does not fit the plan.
            errors.ContributionRefused: too few people have consented.
            errors.JournalConflict: the ledger shows a register that this home does not have.
        """
        own = self._own().get(dataset_id)
        if own is None:
            raise errors.InputError(
                "this home does not know the dataset's file",
                which=f"dataset {dataset_id}",
                next_step="publish it from this home (`commons dataset publish`)",
            )
        checks = reading.Checks(min_rows=max(own.minimum_cohort, terms.terms.minimum_cohort))
        folder = self._folder / str(dataset_id)
        found: list[columns.Columns] = []

        def read(persons: people.Persons | None) -> people.Kept:
            wanted, group = terms.recipe.schema, terms.plan.group
            if own.path.is_dir() and self._consents is not None:  # wallets: their rows are never kept in the clear
                with self._consents.wallets.table(dataset_id, self._consents.key) as path:
                    table = reading.read_table(path, wanted, group=group, checks=checks, persons=persons)
            else:
                table = prepared.prepare(own.path, wanted, folder, group=group, checks=checks, persons=persons)
            found[:] = [table]
            return table.persons or ()

        standing = None if self._consents is None else self._consents.standing(self._view, dataset_id)
        chosen = None
        if self._consents is None or standing is None:
            read(None)
        else:
            asked = people.Asked(dataset_id, own.minimum_cohort, use, standing)
            chosen = self._consents.people().choose(asked, read)
        return agent.Brought(split_rows(found[0], terms.plan, terms.recipe.schema), chosen)

    def forget(self, run_id: ids.RunId) -> None:
        """Erase all prepared tables; a run under way prepares its own again."""
        del run_id
        prepared.erase(self._folder)


def reader_of(
    own: OwnTable, terms: agent.RunDocuments, path: pathlib.Path | None = None
) -> Callable[[people.Persons | None], tuple[recipes.Rows, people.Kept]]:
    """Return what reads the rows of some people from an owner's table, or from a copy of it at ``path``; keeps nothing."""

    def read(persons: people.Persons | None) -> tuple[recipes.Rows, people.Kept]:
        plan, checks = terms.recipe.schema, reading.Checks(min_rows=0)
        found = reading.read_table(path or own.path, plan, group=terms.plan.group, checks=checks, persons=persons)
        return split_rows(found, terms.plan, plan), found.persons or ()

    return read


def split_rows(table: columns.Columns, plan: documents.Plan, wanted: schema.Schema) -> recipes.Rows:
    """Return a site's training and held-out rows by the plan's split: whole groups where it names a group column."""
    share = plan.held_out_percent / 100
    if table.groups is not None:
        held = splitting.by_groups(table.groups, seed=plan.split_seed, share=share)
    else:
        classes = None if wanted.target.task is schema.Task.GAUSSIAN else table.target
        held = splitting.by_rows(classes, len(table.target), seed=plan.split_seed, share=share)
    train = records.Table(table.features[~held], table.target[~held])
    return recipes.Rows(train, records.Table(table.features[held], table.target[held]))
