"""How well a source fits a schema, column by column and in counts; and a first draft of the mapping that makes it fit.

Called by ``commons dataset map``. A draft is made of what can be seen without guessing at meanings: columns and codes that
differ from the schema's in case, spaces or punctuation only, and dates of one known format. Everything else is counted,
and a person who knows the code book fills it in. Values are never shown.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from aicommons.data import batches, cells, columns, mapping, reading, sources
from aicommons.domain import schema

REMEMBERED = 2_000
"""Different spellings of a column that are looked at for a draft."""
DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d")
"""Formats that a draft recognises; one that several fit is left to a person."""
YEARS = (1000.0, 3000.0)
"""A declared range within it means years."""
HERE, MISSING = "", "no such column"

Declared = schema.Declared


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnFit:
    """One column of the schema, held against the source."""

    name: str
    """In the schema."""
    local: str | None
    """In the source; ``None`` where there is none."""
    rows: int
    """Rows whose cell fits."""
    missing: int
    """Rows without a value."""
    faults: Mapping[str, int]
    """What is wrong -> rows."""
    spellings: int
    """Different spellings among the cells that do not fit, up to ``REMEMBERED``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fit:
    """All columns."""

    columns: tuple[ColumnFit, ...]
    """In the schema's order, the target last."""
    rows: int
    """Rows of the source."""
    others: int
    """Columns of the source that the schema does not use."""

    @property
    def is_whole(self) -> bool:
        """Whether every cell of every column fits or is missing."""
        return all(each.local is not None and not each.faults for each in self.columns)


def fit(source: sources.Named | batches.Opened, plan: schema.Schema, mapped: mapping.Mapping) -> Fit:
    """Return how a source fits a schema under a mapping.

    Raises:
        errors.TableError: it cannot be read.
        errors.InputError: the mapping means other levels than the schema's.
    """
    opened = reading.opened_of(source)
    declared = plan.declared
    there = [each for each in declared if mapped.source_of(each.name).column in opened.header]
    found = [_Counts(cells.field(opened, each, mapped)) for each in there]
    rows = 0
    for batch in opened.batches(list(dict.fromkeys(each.field.local.column for each in found))):
        rows += len(batch.places) + len(batch.broken)
        for each in found:
            each.add(batch, decimal_comma=opened.decimal_comma)
    counted = {each.field.declared.name: each.counted() for each in found}
    nowhere = {each.name: ColumnFit(each.name, None, 0, 0, {MISSING: rows}, 0) for each in declared}
    used = {each.field.local.column for each in found}
    whole = tuple(counted.get(each.name, nowhere[each.name]) for each in declared)
    return Fit(whole, rows, len([name for name in opened.header if name and name not in used]))


class _Counts:
    """What is known of one column so far."""

    def __init__(self, field: cells.Field) -> None:
        self.field = field
        self._rows = self._missing = 0
        self._faults: collections.Counter[str] = collections.Counter()
        self._spellings: set[int] = set()

    def add(self, batch: batches.Batch, *, decimal_comma: bool) -> None:
        """Count one batch."""
        column = batch.cells[self.field.local.column]
        values = self.field.numbers(column, decimal_comma=decimal_comma)
        bad = self.field.bad(values)
        self._missing += int(np.isnan(values).sum())
        self._rows += int((~bad & ~np.isnan(values)).sum())
        for index in np.flatnonzero(bad).tolist():
            cell = column[index]
            self._faults[self.field.complaint(cell, decimal_comma=decimal_comma).message] += 1
            if len(self._spellings) < REMEMBERED:
                self._spellings.add(columns.key_of(str(cell)))

    def counted(self) -> ColumnFit:
        """Return the counts."""
        name, local = self.field.declared.name, self.field.local.column
        return ColumnFit(name, local, self._rows, self._missing, dict(self._faults), len(self._spellings))


def draft(source: sources.Named | batches.Opened, plan: schema.Schema) -> mapping.Mapping:
    """Return a first mapping of a source onto a schema; columns that fit as they are stay out of it.

    Raises:
        errors.TableError: the source cannot be read.
    """
    opened = reading.opened_of(source)
    declared = plan.declared
    plain = {_plain(name): name for name in opened.header if name}
    local = {each.name: each.name if each.name in opened.header else plain.get(_plain(each.name)) for each in declared}
    wanted = {name: found for name, found in local.items() if found is not None}
    spellings: dict[str, set[str]] = {name: set() for name in wanted}
    for batch in opened.batches(list(dict.fromkeys(wanted.values()))):
        for name, found in wanted.items():
            if len(spellings[name]) < REMEMBERED:
                texts = {columns.label(text) for text in batches.texts(batch.cells[found])}
                spellings[name] |= {text for text in texts if text.lower() not in columns.MISSING}
    made = {
        each.name: _drafted(each, wanted[each.name], spellings[each.name]) for each in declared if each.name in wanted
    }
    return mapping.Mapping({name: column for name, column in made.items() if column != mapping.Column(name)})


def _drafted(declared: Declared, local: str, spellings: set[str]) -> mapping.Column:
    if declared.labels is not None:
        return mapping.Column(local, codes=_codes(declared.labels, spellings))
    texts = [text for text in spellings if columns.parse_number(text, decimal_comma=True) is None]
    fitting = [form for form in DATES if texts and all(_is_date(text, form) for text in texts)]
    if len(fitting) != 1:
        return mapping.Column(local)
    low, high = declared.lo or 0.0, declared.hi or 0.0
    as_years = YEARS[0] <= low and high <= YEARS[1]
    read_as = mapping.ReadAs.YEARS if as_years else mapping.ReadAs.DAYS
    return mapping.Column(local, date=fitting[0], read_as=read_as)


def _codes(labels: Sequence[str], spellings: set[str]) -> dict[str, str] | None:
    """Return spellings that mean a level beyond doubt, ``None`` when all are levels as they stand."""
    exact = {columns.label(label): label for label in labels}
    if spellings <= set(exact):
        return None
    plain = collections.Counter(_plain(label) for label in labels)
    similar = {_plain(label): label for label in labels if plain[_plain(label)] == 1}
    found = {text: exact.get(text) or similar.get(_plain(text)) for text in sorted(spellings)}
    return {text: level for text, level in found.items() if level is not None}


def _plain(text: str) -> str:
    """Return a name without case, spaces and punctuation."""
    return "".join(character for character in text.casefold() if character.isalnum())


def _is_date(text: str, form: str) -> bool:
    return mapping.day_number(text, mapping.Column("", date=form)) is not None
