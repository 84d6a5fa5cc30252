"""A table becomes arrays: every cell is checked against what its column was declared to be.

Called by ``prepared`` and ``node/``. Rows with a missing value in a column that is used are dropped and counted (complete
cases, as FLamby does); everything else that does not fit is refused with file, column and line. Rows are read in chunks,
so beside the arrays themselves only one chunk of text is in memory. What is left out: filling in missing values.
"""

import dataclasses
import itertools
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aicommons.data import columns, sources
from aicommons.domain import errors, schema

CHUNK_ROWS = 4096
Numbers = npt.NDArray[np.float64]


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
    """Fewest complete rows: a plan's minimum cohort; 0 when the caller counts them itself."""
    several_classes: bool = False
    """Refuse a table whose target has one class only (one site may have one; all sites together may not)."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    """One used column while reading."""

    declared: schema.Feature | schema.Target
    """What its cells must be."""
    place: int
    """Index in a row."""
    codes: dict[str, float] | None
    """Level or class -> index; ``None`` for numbers."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Loaded:
    """All complete rows."""

    numbers: Numbers
    """float64[n, used columns]."""
    groups: tuple[str, ...] | None
    """Group of each row."""
    seen: int
    """Rows of the file, complete or not."""


def read_table(
    path: pathlib.Path,
    plan: schema.Schema,
    *,
    group: str | None = None,
    checks: Checks | None = None,
    persons: Persons | None = None,
) -> columns.Columns:
    """Read the used columns of the table at ``path``; other columns are not looked at.

    Args:
        path: delimited text with a header.
        plan: what its columns must be; their order gives the feature matrix's.
        group: column whose equal values belong together, read as text; ``None`` when no column has this role.
        checks: what the whole must be.
        persons: who consented; rows of others are left out before they are looked at.

    Raises:
        errors.TableError: anything in the file that does not fit (missing column, text in a number, a number that is
            infinite or out of bounds, an unknown level, ragged or too few rows, one class only).
        errors.InputError: the group is another column of the plan, or two labels of a column are one value.
    """
    if group is not None and group in {plan.target.name, *(feature.name for feature in plan.features)}:
        raise errors.InputError("a column is expected twice", which=group)
    wanted = checks or Checks()
    source = sources.inspect(path)
    fields = [*(_field(source, feature) for feature in plan.features), _field(source, plan.target)]
    group_place = None if group is None else source.index(group)
    parts: list[Numbers] = []
    groups: list[str] = []
    kept_persons: set[str] = set()
    seen = 0
    for chunk, numbers in _chunks(source, fields, persons):
        seen += len(chunk)
        complete = ~np.isnan(numbers).any(axis=1)
        if group_place is not None:
            texts = [row.cells[group_place].strip() for row in chunk]
            complete &= np.array([text.lower() not in columns.MISSING for text in texts])
            groups.extend(text for text, kept in zip(texts, complete, strict=True) if kept)
        if persons is not None:
            place = source.index(persons.column)
            kept_persons.update(chunk[int(kept)].cells[place].strip() for kept in np.flatnonzero(complete))
        parts.append(numbers[complete])
    numbers = np.concatenate(parts) if parts else np.empty((0, len(fields)))
    _check_rows(source, seen, len(numbers), wanted)
    table = _assembled(source, fields, _Loaded(numbers, None if group is None else tuple(groups), seen), wanted)
    return dataclasses.replace(table, persons=None if persons is None else tuple(sorted(kept_persons)))


@dataclasses.dataclass(frozen=True, slots=True)
class Inputs:
    """The features of a table whose target need not be known: what a model predicts from."""

    features: Numbers
    """float64[n, p], one row for each complete row of the file."""
    lines: tuple[int, ...]
    """Line of each of them in the file."""
    incomplete: tuple[int, ...]
    """Lines of the rows that have a gap."""
    notices: tuple[str, ...]
    """What the reader decided and its owner should know."""


def read_inputs(path: pathlib.Path, plan: schema.Schema) -> Inputs:
    """Read the features of a table in the same way as for training; the target is not looked at.

    Raises:
        errors.TableError: as ``read_table``.
    """
    source = sources.inspect(path)
    fields = [_field(source, feature) for feature in plan.features]
    parts: list[Numbers] = []
    lines: list[int] = []
    for chunk, numbers in _chunks(source, fields):
        parts.append(numbers)
        lines.extend(row.line for row in chunk)
    if not parts:
        raise errors.TableError("the file has a header only", which=source.path.name, expected="rows", got="0 rows")
    numbers = np.concatenate(parts)
    complete = np.asarray(~np.isnan(numbers).any(axis=1))
    kept = [line for line, whole in zip(lines, complete, strict=True) if whole]
    gaps = [line for line, whole in zip(lines, complete, strict=True) if not whole]
    return Inputs(_matrix(fields, numbers[complete]), tuple(kept), tuple(gaps), source.notices)


def _field(source: sources.Source, declared: schema.Feature | schema.Target) -> _Field:
    place, labels = source.index(declared.name), declared.labels
    if labels is None:
        return _Field(declared, place, None)
    codes = {columns.label(label): float(index) for index, label in enumerate(labels)}
    if len(codes) != len(labels):
        raise errors.InputError(
            "two labels are one value",
            which=f"column {declared.name}",
            expected="labels that differ by more than spaces and .0",
            got=f"{len(codes)} values for {len(labels)} labels",
        )
    return _Field(declared, place, codes)


def _chunks(
    source: sources.Source, fields: Sequence[_Field], persons: Persons | None = None
) -> Iterator[tuple[Sequence[sources.Row], Numbers]]:
    """Yield the rows part by part, each with float64[rows, fields], NaN where a value is missing."""
    rows: Iterator[sources.Row] = iter(sources.rows(source))
    if persons is not None:
        place, allowed = source.index(persons.column), persons
        rows = (row for row in rows if (key := row.cells[place].strip()) and allowed.is_consented(key))
    while chunk := list(itertools.islice(rows, CHUNK_ROWS)):
        yield chunk, np.stack([_numbers(source, field, chunk) for field in fields], axis=1)


def _numbers(source: sources.Source, field: _Field, chunk: Sequence[sources.Row]) -> Numbers:
    """Return one column of a chunk as numbers, NaN where missing."""
    texts = [row.cells[field.place] for row in chunk]
    if field.codes is not None:
        return _checked(source, field, chunk, _levels(field.codes, texts))
    values = None if source.decimal_comma else _plain(texts)
    if values is None:
        values = _careful(source, texts)
    return _checked(source, field, chunk, values)


def _plain(texts: Sequence[str]) -> Numbers | None:
    """Return the numbers of a column when Python reads all of them, and nothing but ordinary digits is in them."""
    joined = ",".join(texts)
    if "_" in joined or not joined.isascii():
        return None
    try:
        return np.array([float(text) for text in texts])
    except ValueError:
        return None


TEXT = -math.inf
"""Stands for "not a number and not missing" until the column is checked."""


def _careful(source: sources.Source, texts: Sequence[str]) -> Numbers:
    def value(text: str) -> float:
        if text.strip().lower() in columns.MISSING:
            return math.nan
        number = sources.parse_number(text, decimal_comma=source.decimal_comma)
        return TEXT if number is None else abs(number) if math.isinf(number) else number

    return np.array([value(text) for text in texts])


def _levels(codes: Mapping[str, float], texts: Sequence[str]) -> Numbers:
    def code(text: str) -> float:
        found = codes.get(columns.label(text))
        if found is not None:
            return found
        return math.nan if text.strip().lower() in columns.MISSING else TEXT

    return np.array([code(text) for text in texts])


def _checked(source: sources.Source, field: _Field, chunk: Sequence[sources.Row], values: Numbers) -> Numbers:
    """Return ``values`` after refusing the first one that does not fit its declaration."""
    declared = field.declared
    if declared.labels is not None:
        _refuse(source, field, chunk, np.isneginf(values), complain=lambda _: _unknown_label(declared.labels or ()))
        return values
    low, high = float(declared.lo or 0.0), float(declared.hi or 0.0)
    outside = (values < low) | (values > high)  # False for NaN; True for both infinities
    _refuse(
        source,
        field,
        chunk,
        outside,
        complain=lambda text: _bad_number(source, text, f"a number from {low:g} to {high:g}"),
    )
    return values


Complaint = tuple[str, str, str]
"""Message, expected, got: never the value."""


def _unknown_label(labels: tuple[str, ...]) -> Complaint:
    shown = ", ".join(labels[:12]) + (f" and {len(labels) - 12} more" if len(labels) > 12 else "")
    return "an unknown category", f"one of {shown}", "another value"


def _bad_number(source: sources.Source, text: str, expected: str) -> Complaint:
    number = sources.parse_number(text, decimal_comma=source.decimal_comma)
    if number is None:
        return "text in a numeric column", "a number", "text"
    if math.isinf(number):
        return "an infinite number", expected, "infinity"
    return "a number out of its declared bounds", expected, "a number outside"


def _refuse(
    source: sources.Source,
    field: _Field,
    chunk: Sequence[sources.Row],
    bad: npt.NDArray[np.bool_],
    *,
    complain: Callable[[str], Complaint],
) -> None:
    if not bad.any():
        return
    row = chunk[int(np.argmax(bad))]
    message, expected, got = complain(row.cells[field.place])
    raise errors.TableError(
        message,
        which=sources.where(source.path, column=field.declared.name, line=row.line),
        expected=expected,
        got=got,
        next_step="Correct this cell, or leave it empty if the value is not known; nothing was changed.",
    )


def _check_rows(source: sources.Source, seen: int, kept: int, checks: Checks) -> None:
    if seen == 0:
        raise errors.TableError("the file has a header only", which=source.path.name, expected="rows", got="0 rows")
    if kept == 0 and checks.min_rows > 0:
        raise errors.TableError(
            "no row is complete", which=source.path.name, expected="rows without gaps", got=f"0 of {seen} rows"
        )
    if kept < checks.min_rows:
        raise errors.TableError(
            "fewer complete rows than the minimum cohort",
            which=source.path.name,
            expected=f"at least {checks.min_rows} rows",
            got=f"{kept} rows",
            next_step="This site cannot take part in this run; the run goes on without it.",
        )


def _assembled(
    source: sources.Source,
    fields: Sequence[_Field],
    loaded: _Loaded,
    checks: Checks,
) -> columns.Columns:
    numbers = loaded.numbers
    *features, wanted = fields
    target = np.ascontiguousarray(numbers[:, -1])
    notices = list(source.notices)
    dropped = loaded.seen - len(target)
    if dropped:
        notices.append(f"{source.path.name}: {dropped} of {loaded.seen} rows have a gap and are left out.")
    if wanted.codes is not None and len(target) and target.min() == target.max():
        if checks.several_classes:
            raise one_class(source.path, wanted.declared.name)
        notices.append(f"{source.path.name}: the target has one class only here.")
    return columns.Columns(
        features=_matrix(features, numbers),
        target=target,
        groups=loaded.groups,
        dropped=dropped,
        notices=tuple(notices),
    )


def one_class(path: pathlib.Path, column: str) -> errors.TableError:
    """Return the error for a target from which nothing can be learned."""
    return errors.TableError(
        "the target has one class only",
        which=sources.where(path, column=column),
        expected="at least 2 classes",
        got="1 class",
        next_step="Choose another target column, or a table with both outcomes.",
    )


def _matrix(features: Sequence[_Field], numbers: Numbers) -> Numbers:
    """Return float64[n, p]: numbers as they are, categories as one column of 0 and 1 for each level."""
    width = sum(1 if field.codes is None else len(field.codes) for field in features)
    matrix = np.zeros((len(numbers), width))
    start = 0
    for index, field in enumerate(features):
        if field.codes is None:
            matrix[:, start] = numbers[:, index]
            start += 1
        else:
            matrix[np.arange(len(numbers)), start + numbers[:, index].astype(np.intp)] = 1.0
            start += len(field.codes)
    return matrix
