"""A source becomes arrays: every cell is checked against what its column was declared to be.

Called by ``prepared``, ``node/`` and the commands. Rows of persons who did not consent are left out before anything of
them is looked at. Rows with a gap are dropped and counted (complete cases, as FLamby does) unless the plan fills gaps;
then they are NaN, and no level at all, and filled in ``learning/``. Cells that do not fit are counted over the whole
source and refuse it, with the first place, unless its owner stated a share of rows that may be left out. One batch is in
memory at a time.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aicommons.data import batches, cells, columns, faults, mapping, sources, uniqueness
from aicommons.domain import errors, schema

Numbers = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]


class Persons(Protocol):
    """Who agreed that their rows are used."""

    @property
    def column(self) -> str:
        """Column of the owner's source that holds a person's key."""

    @property
    def digest(self) -> bytes:
        """Identity of the set of consented persons; changes whenever somebody gives or withdraws."""

    def is_consented(self, key: str) -> bool:
        """Return whether the person with this key (stripped text) consents now."""


@dataclasses.dataclass(frozen=True, slots=True)
class Checks:
    """What a table as a whole must be."""

    min_rows: int = 1
    """Fewest rows that are kept: a plan's minimum cohort; 0 when the caller counts them itself."""
    several_classes: bool = False
    """Refuse a table whose target has one class only (one site may have one; all sites together may not)."""
    most_broken: float = 0.0
    """Largest share of rows, 0 to 1, that are left out because a cell does not fit; more refuse the table."""
    unique: str | None = None
    """Column of identifiers, in the owner's own name, none of which may stand there twice; ``None`` for no such column."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be read from a source."""

    plan: schema.Schema
    """What its columns must be; their order gives the feature matrix's."""
    group: str | None = None
    """Column whose equal values belong together, in the schema's words; ``None`` when no column has this role."""
    checks: Checks = dataclasses.field(default_factory=Checks)
    """What the whole must be."""
    persons: Persons | None = None
    """Who consented; ``None`` where no consents of persons stand behind the table."""
    mapped: mapping.Mapping = mapping.NOTHING
    """The owner's own columns, codes and units."""
    person: str | None = None
    """Column of person keys in the owner's own name, by which rows belong together; ``persons`` brings its own."""

    @property
    def person_column(self) -> str | None:
        """The column that says whose row it is, if any does."""
        return self.person if self.persons is None else self.persons.column


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """The kept rows of one batch."""

    features: Numbers
    """float64[m, p]."""
    target: Numbers
    """float64[m]."""
    keys: Keys
    """uint64[m, k]: the k of ``Wanted.keys`` (0 to 2), by which rows belong together."""


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a source after its last row."""

    rows: int
    """Rows that were kept."""
    dropped: int
    """Rows with a gap."""
    broken: int
    """Rows with a cell that does not fit, left out as its owner allowed."""
    persons: tuple[str, ...] | None
    """Person keys of the kept rows, each once, sorted; ``None`` where no consents were asked for."""
    notices: tuple[str, ...]
    """What its owner should know, without values."""


def read_table(
    source: sources.Named | batches.Opened,
    plan: schema.Schema,
    *,
    group: str | None = None,
    checks: Checks | None = None,
    persons: Persons | None = None,
    mapped: mapping.Mapping = mapping.NOTHING,
) -> columns.Columns:
    """Read the used columns of a source into memory; other columns are not looked at.

    Args:
        source: what ``sources.open_source`` takes or gives.
        plan: what its columns must be; their order gives the feature matrix's.
        group: column whose equal values belong together, read as text; ``None`` when no column has this role.
        checks: what the whole must be.
        persons: who consented; rows of others are left out before they are looked at.
        mapped: the owner's own columns, codes and units.

    Raises:
        errors.TableError: anything in the source that does not fit (missing column, text in a number, a number that is
            infinite or out of bounds, an unknown level, ragged or too few rows, one class only).
        errors.InputError: the group is another column of the plan, or two labels of a column are one value.
    """
    return table_of(source, Wanted(plan, group, checks or Checks(), persons, mapped))


def table_of(source: sources.Named | batches.Opened, wanted: Wanted) -> columns.Columns:
    """Read what is wanted of a source into memory; raises as ``read_table``."""
    reader, plan = Reader(opened_of(source), wanted), wanted.plan
    found = list(reader.blocks())
    summary = reader.finish()
    keys = np.concatenate([np.empty((0, len(reader.key_columns)), dtype=np.uint64), *(block.keys for block in found)])
    return columns.Columns(
        features=np.concatenate([np.empty((0, plan.width)), *(block.features for block in found)]),
        target=np.concatenate([np.empty(0), *(block.target for block in found)]),
        keys=together(keys) if reader.key_columns else None,
        dropped=summary.dropped,
        notices=summary.notices,
        persons=summary.persons,
        broken=summary.broken,
    )


def check(source: sources.Named | batches.Opened, wanted: Wanted) -> Summary:
    """Read a source to its end without keeping a number of it; raises as ``read_table``."""
    reader = Reader(opened_of(source), wanted)
    for _ in reader.blocks():
        pass
    return reader.finish()


def opened_of(source: sources.Named | batches.Opened) -> batches.Opened:
    """Return the source opened, if it is not yet; raises as ``sources.open_source``."""
    return sources.open_source(source) if isinstance(source, sources.Named) else source


class Reader:
    """One reading of a source: ``blocks`` to the end, then ``finish``."""

    def __init__(self, opened: batches.Opened, wanted: Wanted) -> None:
        """Check the columns; no row is read yet.

        Raises:
            errors.TableError: a column is not there.
            errors.InputError: the group is another column of the plan, or two labels of a column are one value.
        """
        plan = wanted.plan
        if wanted.group is not None and wanted.group in {each.name for each in plan.declared}:
            raise errors.InputError("a column is expected twice", which=wanted.group)
        self._opened = opened
        self._wanted = wanted
        self._fields = [cells.field(opened, each, wanted.mapped) for each in plan.declared]
        group = None if wanted.group is None else wanted.mapped.source_of(wanted.group).column
        self.key_columns = tuple(dict.fromkeys(name for name in (group, wanted.person_column) if name is not None))
        """Columns of the source by which rows belong together: group, person, both or none."""
        used = [
            *(each.local.column for each in self._fields),
            *self.key_columns,
            *([wanted.checks.unique] * (wanted.checks.unique is not None)),
        ]
        self._names = list(dict.fromkeys(name for name in used if name is not None))
        for name in self._names:
            batches.check_column(opened, name)
        self._faults = faults.Faults(opened)
        self._persons: set[str] = set()
        self._seen = self._asked = self._kept = self._dropped = 0
        self._classes: set[float] = set()

    def blocks(self) -> "Iterator[Block]":
        """Yield the kept rows, batch by batch; after a fault that refuses the source, only count.

        Raises:
            errors.TableError: the source cannot be read on, or an identifier stands there twice.
        """
        with uniqueness.Identifiers() as identifiers:
            for batch in self._narrowed().batches(self._names):
                self._seen += len(batch.places) + len(batch.broken)
                asked = self._consented(batch)
                self._asked += len(asked.places)
                if self._wanted.checks.unique is not None:
                    self._remember(identifiers, asked, self._wanted.checks.unique)
                block = self._block(asked)
                if self._faults.rows == 0 or self._wanted.checks.most_broken > 0:
                    yield block
            self._check_unique(identifiers)

    def finish(self) -> Summary:
        """Check the source as a whole and return what is known of it.

        Raises:
            errors.TableError: cells that do not fit, too few rows, or one class only.
        """
        checks = self._wanted.checks
        if self._faults.rows > checks.most_broken * self._seen:
            raise self._faults.refusal(self._seen, checks.most_broken)
        self._check_rows()
        return Summary(
            rows=self._kept,
            dropped=self._dropped,
            broken=self._faults.rows,
            persons=None if self._wanted.persons is None else tuple(sorted(self._persons)),
            notices=(*self._opened.notices, *self._own_notices()),
        )

    def _narrowed(self) -> batches.Opened:
        """Return the source without what others own, where it can tell before it opens what is in a row."""
        persons, opened = self._wanted.persons, self._opened
        if persons is None or not isinstance(opened, batches.Narrowing):
            return opened
        return opened.only(persons.column, lambda text: bool(text.strip()) and persons.is_consented(text.strip()))

    def _consented(self, batch: batches.Batch) -> batches.Batch:
        """Return the rows of persons who consent; nobody has looked at any cell but the person's key."""
        persons = self._wanted.persons
        if persons is None:
            return batch
        texts = batches.texts(batch.cells[persons.column])
        allowed = {text: bool(text) and persons.is_consented(text) for text in set(texts)}
        mask = np.array([allowed[text] for text in texts], dtype=np.bool_)
        return batch if mask.all() else batches.kept(batch, mask, names=self._names)

    def _block(self, batch: batches.Batch) -> Block:
        """Return the rows of a batch that are whole, as numbers."""
        self._faults.add_rows(batch.broken)
        comma = self._opened.decimal_comma
        found = [each.numbers(batch.cells[each.local.column], decimal_comma=comma) for each in self._fields]
        fits = self._faults.check(batch, self._fields, found)
        numbers = np.stack(found, axis=1) if found else np.empty((0, 0))
        plan = self._wanted.plan
        outcomes = numbers[:, len(plan.features) :]
        needed = numbers if plan.missing is schema.Missing.DROP else outcomes
        whole = ~np.isnan(needed).any(axis=1)
        texts = [batches.texts(batch.cells[name]) for name in self.key_columns]
        for column in texts:
            whole &= np.array([text.lower() not in columns.MISSING for text in column], dtype=np.bool_)
        kept = whole & fits
        self._dropped += int((fits & ~whole).sum())
        self._kept += int(kept.sum())
        if self._wanted.persons is not None:
            self._persons.update(text for text, stays in zip(texts[-1], kept, strict=True) if stays)
        target = columns.target_of(plan, outcomes[kept])
        if plan.classes and len(self._classes) < 2:
            self._classes.update(np.unique(target).tolist())
        return Block(matrix(plan, numbers[kept]), target, _keys(texts, kept))

    def _remember(self, identifiers: uniqueness.Identifiers, batch: batches.Batch, name: str) -> None:
        pairs = zip(batches.texts(batch.cells[name]), batch.places, strict=True)
        given = [(text, place) for text, place in pairs if text.lower() not in columns.MISSING]
        identifiers.add([text for text, _ in given], [place for _, place in given])

    def _check_unique(self, identifiers: uniqueness.Identifiers) -> None:
        found = identifiers.twice() if self._wanted.checks.unique is not None else None
        if found is None:
            return
        raise errors.TableError(
            "an identifier stands there twice",
            which=batches.where(self._opened, column=self._wanted.checks.unique, place=found[1]),
            expected="each identifier once",
            got=f"{found[0]:,} rows with one that stands above them",
            next_step="Remove the repeated rows; if several rows of one person are meant, name the column as person key instead.",
        )

    def _check_rows(self) -> None:
        name, least = self._opened.name, self._wanted.checks.min_rows
        if self._seen == 0:
            message = "the file has a header only" if self._opened.unit == "line" else "the source has no rows"
            raise errors.TableError(message, which=name, expected="rows", got="0 rows", next_step=NO_ROWS)
        if self._asked == 0 and self._wanted.persons is not None and least > 0:
            raise errors.TooFewRows(
                "no row is of a person who consents",
                which=name,
                expected="rows with consent",
                got=f"0 of {self._seen:,} rows",
            )
        if self._kept == 0 and least > 0:
            raise errors.TooFewRows(
                "no row is complete", which=name, expected="rows without gaps", got=f"0 of {self._seen} rows"
            )
        if self._kept < least:
            raise errors.TooFewRows(
                "fewer complete rows than the minimum cohort",
                which=name,
                expected=f"at least {least} rows",
                got=f"{self._kept} rows",
                next_step="This site cannot take part in this run; the run goes on without it.",
            )
        if self._has_one_class and self._wanted.checks.several_classes:
            raise one_class(self._opened, self._wanted.plan.outcomes[0].name)

    @property
    def _has_one_class(self) -> bool:
        return bool(self._wanted.plan.classes) and len(self._classes) == 1

    def _own_notices(self) -> Iterator[str]:
        name, seen = self._opened.name, self._seen
        if self._wanted.persons is not None and (silent := seen - self._asked - self._faults.whole_rows):
            yield f"{name}: {silent} of {seen} rows are of persons without a live consent and were not looked at."
        if self._dropped:
            yield f"{name}: {self._dropped} of {seen} rows have a gap and are left out."
        if self._faults.rows:
            yield f"{name}: {self._faults.rows} of {seen} rows are broken and are left out ({self._faults.by_column()})."
        if self._has_one_class:
            yield f"{name}: the target has one class only here."


NO_ROWS = "Check that the export or query is the right one; a site without rows takes no part in a run."


def together(keys: Keys) -> Keys:
    """Return uint64[n] for uint64[n, 1 or 2]: equal where rows share a key, directly or through other rows.

    With two keys (a group and a person) a person in two groups ties both groups. Takes about 60 bytes of memory a row then.
    """
    if keys.shape[1] == 1:
        return np.ascontiguousarray(keys[:, 0])
    left, right = (np.unique(keys[:, side], return_inverse=True)[1] for side in (0, 1))
    label = left.astype(np.uint64)
    while True:
        before = label
        for side in (right, left):
            least = np.full(int(side.max(initial=0)) + 1, len(label), dtype=np.uint64)
            np.minimum.at(least, side, label)
            label = least[side]
        if np.array_equal(before, label):
            return label


def one_class(opened: batches.Opened, column: str) -> errors.TableError:
    """Return the error for a target from which nothing can be learned."""
    return errors.TableError(
        "the target has one class only",
        which=batches.where(opened, column=column),
        expected="at least 2 classes",
        got="1 class",
        next_step="Choose another target column, or a table with both outcomes.",
    )


def _keys(texts: Sequence[Sequence[str]], kept: npt.NDArray[np.bool_]) -> Keys:
    chosen = kept.tolist()
    sides = [columns.keys_of(list(itertools.compress(column, chosen))) for column in texts]
    return np.stack(sides, axis=1) if sides else np.empty((sum(chosen), 0), dtype=np.uint64)


def matrix(plan: schema.Schema, numbers: Numbers) -> Numbers:
    """Return float64[n, p]: numbers as they are, categories as one column of 0 and 1 for each level, all 0 for a gap."""
    matrix = np.zeros((len(numbers), plan.width))
    start = 0
    for index, feature in enumerate(plan.features):
        if feature.levels is None:
            matrix[:, start] = numbers[:, index]
            start += 1
        else:
            known = np.flatnonzero(~np.isnan(numbers[:, index]))
            matrix[known, start + numbers[known, index].astype(np.intp)] = 1.0
            start += len(feature.levels)
    return matrix


@dataclasses.dataclass(frozen=True, slots=True)
class Inputs:
    """The features of a table whose target need not be known: what a model predicts from."""

    features: Numbers
    """float64[n, p], one row for each complete row of the source."""
    lines: tuple[int, ...]
    """Line or row of each of them in the source."""
    incomplete: tuple[int, ...]
    """Lines of the rows that have a gap; none where the plan fills gaps."""
    notices: tuple[str, ...]
    """What the reader decided and its owner should know."""


def read_inputs(source: sources.Named, plan: schema.Schema, *, mapped: mapping.Mapping = mapping.NOTHING) -> Inputs:
    """Read the features of a source in the same way as for training; the target is not looked at.

    Raises:
        errors.TableError: as ``read_table``.
    """
    opened = opened_of(source)
    fields = [cells.field(opened, feature, mapped) for feature in plan.features]
    found_faults = faults.Faults(opened)
    parts, places, seen = [np.empty((0, len(fields)))], [0][:0], 0
    for batch in opened.batches(list(dict.fromkeys(each.local.column for each in fields))):
        seen += len(batch.places) + len(batch.broken)
        found_faults.add_rows(batch.broken)
        found = [each.numbers(batch.cells[each.local.column], decimal_comma=opened.decimal_comma) for each in fields]
        found_faults.check(batch, fields, found)
        parts.append(np.stack(found, axis=1))
        places.extend(batch.places)
    if found_faults.rows:
        raise found_faults.refusal(seen, 0.0)
    if not places:
        raise errors.TableError("the file has a header only", which=opened.name, expected="rows", got="0 rows")
    numbers = np.concatenate(parts)
    gaps = np.asarray(np.isnan(numbers).any(axis=1) & (plan.missing is schema.Missing.DROP))
    kept = [place for place, gap in zip(places, gaps, strict=True) if not gap]
    incomplete = [place for place, gap in zip(places, gaps, strict=True) if gap]
    return Inputs(matrix(plan, numbers[~gaps]), tuple(kept), tuple(incomplete), opened.notices)
