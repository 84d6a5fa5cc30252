"""The owner's data as a plan wants it: the bridge between ``data/`` (sources) and ``learning/`` (numbers).

The two may not import each other, so the adapter of the node's data port stands here, above both; ``app`` constructs it
and the command line uses its functions to check a source before anything is sent. Reading sources and fitting models are
not its business.
"""

import dataclasses
import fractions
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from aicommons.data import columns, mapping, prepared, reading, sources
from aicommons.data.formats import spark
from aicommons.domain import documents, errors, ids, policies, schema
from aicommons.learning import privacy, records, splitting
from aicommons.learning import recipe as recipes
from aicommons.node import agent, spark_tables
from aicommons.node.consents import keeping, notes, people
from aicommons.protocol import coverage
from aicommons.protocol import view as views


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
    budget: float | None = None
    """Most privacy loss per unit and year over all runs, ``None`` for no bound."""
    unit: policies.PrivacyUnit = policies.PrivacyUnit.RECORD
    """Whose loss it is."""
    asks_people: bool = False
    """Whether its rows are read with the register of people's consents or not at all."""
    published: agent.Published | None = None
    """What this home published it with; ``None`` while it has not."""
    columns: int | None = None
    """How many columns its card offers to learn from, ``None`` where it does not say."""

    @property
    def in_spark(self) -> spark.Source | None:
        """Its table in Spark, ``None`` where it is anything else."""
        if isinstance(self.source, sources.Description) and self.source.kind is sources.Kind.SPARK:
            return spark.from_body(self.source.body)
        return None

    @property
    def rule(self) -> privacy.Rule:
        """What its owner wants done about small cells; raises ``errors.InputError`` where that contradicts itself."""
        columns = self.columns if self.small_cells is policies.SmallCells.NOISE else None
        return privacy.Rule(self.minimum_cell, self.small_cells, self.epsilon, columns, self.budget, self.unit)

    def under(self, policy: policies.UsePolicy) -> "OwnTable":
        """Return the table as its use policy wants it protected: never less than its card says, and never less than asked.

        Noise needs an epsilon and the number of columns that plans may use; where one is missing, small cells are held back.
        """
        is_noisy = policy.small_cells is policies.SmallCells.NOISE
        is_bare = is_noisy and (policy.epsilon is None or self.columns is None)
        return dataclasses.replace(
            self,
            minimum_cohort=max(self.minimum_cohort, policy.minimum_cohort),
            minimum_cell=policy.minimum_cell,
            small_cells=policies.SmallCells.SUPPRESS if is_bare else policy.small_cells,
            epsilon=fractions.Fraction(policy.epsilon) if is_noisy and not is_bare and policy.epsilon else None,
            person=self.person or policy.person_column,
            budget=None if policy.epsilon is None else float(policy.epsilon),
            unit=policy.privacy_unit,
        )

    def wanted(self, terms: agent.RunDocuments) -> reading.Wanted:
        """Return what a run reads of it."""
        least = max(self.minimum_cohort, terms.terms.minimum_cohort)
        return self.as_planned(terms.recipe.schema, terms.plan.group, min_rows=least)

    def as_planned(self, plan: schema.Schema, group: str | None = None, *, min_rows: int) -> reading.Wanted:
        """Return what a plan reads of it, with a minimum of rows; raises ``errors.InputError`` for a broken mapping."""
        checks = reading.Checks(min_rows=min_rows, most_broken=self.most_broken, unique=self.unique)
        return reading.Wanted(plan, group, checks, None, self._mapping(), self.person)

    def as_mapped(self, names: Sequence[str]) -> list[str]:
        """Return what a plan's columns are called in the source; raises ``errors.InputError`` for a broken mapping."""
        own = self._mapping()
        return [own.source_of(name).column for name in names]

    def _mapping(self) -> mapping.Mapping:
        if self.mapping_file is None:
            return mapping.NOTHING
        return mapping.decode(self.mapping_file.read_text(encoding="utf-8"), self.mapping_file.name)


class OwnerTables:
    """Tables by dataset id, prepared once and mapped into memory; implements ``agent.Data``."""

    def __init__(
        self,
        own: Callable[[agent.Part], OwnTable | None],
        folder: pathlib.Path,
        *,
        consents: keeping.Keeping | None = None,
    ) -> None:
        """Keep in mind where things are; nothing is read yet.

        Args:
            own: says which source a version of a dataset is, if this home knows it; asked anew each time, one may be
                published while the node runs.
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

    def bring(self, part: agent.Part, terms: agent.RunDocuments, use: coverage.Use) -> agent.Brought:
        """Return training and held-out rows as a plan wants them, of the people whose consent covers ``use``.

        Raises:
            errors.InputError: this home does not know the dataset in this version.
            errors.TableError: the table does not fit the plan.
            errors.ContributionRefused: too few people have consented.
            errors.JournalConflict: the ledger shows a register that this home does not have, or this home lost it.
        """
        own = self._found(part)
        wanted = own.wanted(terms)
        standing = None if self._consents is None else self._consents.standing(self._view, part.dataset_id)
        if self._consents is None or standing is None:
            check_not_lost(own, part)
            return agent.Brought(self._read(own, part, wanted, terms)[0])
        found: list[recipes.Rows] = []

        def read(persons: people.Persons) -> people.Kept:
            rows, kept = self._read(own, part, dataclasses.replace(wanted, persons=persons), terms)
            found[:] = [rows]
            return kept

        asked = people.Asked(part.dataset_id, own.minimum_cohort, use, standing)
        chosen = self._consents.people().choose(asked, read)
        return agent.Brought(found[0], chosen)

    def check_still_consented(self, part: agent.Part, use: coverage.Use, made: notes.Note | tuple[int, int]) -> None:
        """Check that everybody whose rows are in a contribution that is made has not withdrawn since; raises like ``bring``."""
        standing = None if self._consents is None else self._consents.standing(self._view, part.dataset_id)
        if self._consents is None or standing is None:
            return
        asked = people.Asked(part.dataset_id, self._found(part).minimum_cohort, use, standing)
        self._consents.people().check_still(asked, made)

    def _read(
        self, own: OwnTable, part: agent.Part, wanted: reading.Wanted, terms: agent.RunDocuments
    ) -> tuple[recipes.Rows, people.Kept]:
        """Return rows and whose they are; those of data wallets are never kept in the clear."""
        plan = terms.recipe.schema
        if own.in_spark is not None:
            return spark_tables.read(own.in_spark, wanted, terms.plan)
        if self._consents is not None and self._consents.wallets.are_at(own.source):
            with self._consents.wallets.table(part.dataset_id, self._consents.key) as path:
                return _read_whole(path, wanted, terms)
        folder = self._folder / f"{part.dataset_id}-{part.version}"
        found = prepared.prepare(own.source, wanted, folder, division(terms.plan, plan))
        return divided(found), found.persons or ()

    def rule(self, part: agent.Part) -> privacy.Rule:
        """Return what the owner wants done about small cells.

        Raises:
            errors.InputError: as ``bring``, or the owner's settings contradict each other.
        """
        return self._found(part).rule

    def published(self, part: agent.Part) -> agent.Published | None:
        """Return what this home published a version with; raises ``errors.InputError`` like ``bring``."""
        return self._found(part).published

    def as_mapped(self, part: agent.Part, names: Sequence[str]) -> Sequence[str]:
        """Return what a plan's columns are called in the source; raises ``errors.InputError`` like ``bring``."""
        return self._found(part).as_mapped(names)

    def _found(self, part: agent.Part) -> OwnTable:
        own = self._own(part)
        if own is None:
            raise errors.InputError(
                "this home does not know the dataset's file",
                which=f"dataset {part.dataset_id}, version {part.version}",
                next_step="publish it from this home (`commons dataset publish`)",
            )
        return own

    def forget(self, run_id: ids.RunId) -> None:
        """Erase all prepared tables; a run under way prepares its own again."""
        del run_id
        prepared.erase(self._folder)


def check_not_lost(own: OwnTable, part: agent.Part) -> None:
    """Check that a table of which no register is known is none whose people are asked; raises ``errors.JournalConflict``."""
    if own.asks_people:
        raise errors.JournalConflict(
            "this home's register of people's consents is lost",
            which=f"dataset {part.dataset_id}",
            next_step="restore the home's `consents` folder from a backup, or enter the papers again; where these rows are "
            "another dataset's, whose people are asked, bring that one",
        )


def division(plan: documents.Plan, wanted: schema.Schema) -> prepared.Division:
    """Return how a plan divides rows: by person or group where a key says which rows belong together, else by class."""
    share = plan.held_out_percent / 100

    def masks(table: columns.Columns) -> Iterator[splitting.Mask]:
        if table.keys is not None:
            return splitting.masks_by_keys(table.keys, seed=plan.split_seed, share=share)
        levels = wanted.outcome_levels
        classes = records.outcome_index(wanted, table.target).astype(np.float64) if levels else None
        return splitting.masks_by_rows(classes, table.rows, seed=plan.split_seed, share=share)

    return prepared.Division(f"{plan.held_out_percent} percent, seed {plan.split_seed}", masks)


def divided(table: columns.Columns) -> recipes.Rows:
    """Return the two parts of a table that was divided while it was prepared, as maps of its files."""
    if table.held_out is None:
        raise ValueError("the table is not divided")
    cut = table.rows - table.held_out
    return recipes.Rows(*(records.chunked(_part(table, inside)) for inside in (slice(cut), slice(cut, None))))


def _part(table: columns.Columns, inside: slice | splitting.Mask) -> records.Table:
    keys = None if table.keys is None else table.keys[inside]
    return records.Table(table.features[inside], table.target[inside], keys)


def reader_of(
    own: OwnTable, terms: agent.RunDocuments, path: pathlib.Path | None = None
) -> Callable[[people.Persons], tuple[recipes.Rows, people.Kept]]:
    """Return what reads the rows of some people from an owner's source, or from a copy of it; keeps nothing on disk.

    Raises:
        errors.InputError: a copy in a file of what is kept in Spark.
    """
    wanted, table = own.as_planned(terms.recipe.schema, terms.plan.group, min_rows=0), own.in_spark

    def read(persons: people.Persons) -> tuple[recipes.Rows, people.Kept]:
        asked = dataclasses.replace(wanted, persons=persons)
        return (
            _read_whole(path or own.source, asked, terms)
            if table is None
            else spark_tables.read(table, asked, terms.plan)
        )

    if table is not None and path is not None:
        raise errors.InputError(
            "a dataset in Spark is not audited from a copy in a file: the same rows, added in another order, differ in the last digits",
            which=path.name,
            expected="the table in Spark itself",
            next_step="put the files as they were then where its description points, and audit without --table",
        )
    return read


def _read_whole(
    source: sources.Named, wanted: reading.Wanted, terms: agent.RunDocuments
) -> tuple[recipes.Rows, people.Kept]:
    """Return rows and whose they are, read into memory."""
    found = reading.table_of(source, wanted)
    return split_rows(found, terms.plan, wanted.plan), found.persons or ()


def split_rows(table: columns.Columns, plan: documents.Plan, wanted: schema.Schema) -> recipes.Rows:
    """Return a site's training and held-out rows of a table in memory, as ``division`` says."""
    held = splitting.whole(division(plan, wanted).masks(table))
    return recipes.Rows(_part(table, ~held), _part(table, held))
