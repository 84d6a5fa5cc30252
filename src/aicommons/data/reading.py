"""A table becomes arrays: every cell is checked against what its column was declared to be.

Called by ``prepared`` and ``node/``. Rows with a missing value in a column that is used are dropped and counted (complete
cases, as FLamby does); everything else that does not fit is refused with file, column and line. Rows are read in chunks,
so beside the arrays themselves only one chunk of text is in memory. What is left out: filling in missing values.
"""

import dataclasses
import itertools
import math
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from aicommons.data import columns, sources
from aicommons.domain import errors

CHUNK_ROWS = 4096
Numbers = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Checks:
    """What a table as a whole must be."""

    min_rows: int = 1
    """Fewest complete rows: a plan's minimum cohort."""
    several_classes: bool = False
    """Refuse a table whose target has one class only (one site may have one; all sites together may not)."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    """One used column while reading."""

    spec: columns.ColumnSpec
    place: int
    """Index in a row."""
    codes: dict[str, float]
    """Level -> index; empty for numbers."""


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
    path: pathlib.Path, specs: Sequence[columns.ColumnSpec], *, checks: Checks | None = None
) -> columns.Columns:
    """Read the used columns of the table at ``path``; other columns are not looked at.

    Args:
        path: delimited text with a header.
        specs: one target, features in the order of the feature matrix, at most one group.
        checks: what the whole must be.

    Raises:
        errors.TableError: anything in the file that does not fit (missing column, text in a number, a number that is
            infinite or out of bounds, an unknown level, ragged or too few rows, one class only).
        errors.InputError: the specs themselves make no sense.
    """
    columns.check_specs(specs)
    wanted = checks or Checks()
    source = sources.inspect(path)
    fields = [_field(source, spec) for spec in specs if spec.role is not columns.Role.GROUP]
    group_places = [source.index(spec.name) for spec in specs if spec.role is columns.Role.GROUP]
    parts: list[Numbers] = []
    groups: list[str] = []
    seen = 0
    rows = sources.rows(source)
    while chunk := list(itertools.islice(rows, CHUNK_ROWS)):
        seen += len(chunk)
        numbers = np.stack([_numbers(source, field, chunk) for field in fields], axis=1)
        complete = ~np.isnan(numbers).any(axis=1)
        for place in group_places:
            texts = [row.cells[place].strip() for row in chunk]
            complete &= np.array([text.lower() not in columns.MISSING for text in texts])
            groups.extend(text for text, kept in zip(texts, complete, strict=True) if kept)
        parts.append(numbers[complete])
    numbers = np.concatenate(parts) if parts else np.empty((0, len(fields)))
    _check_rows(source, seen, len(numbers), wanted)
    return _assembled(source, fields, _Loaded(numbers, tuple(groups) if group_places else None, seen), wanted)


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


def read_inputs(path: pathlib.Path, specs: Sequence[columns.ColumnSpec]) -> Inputs:
    """Read the feature columns among ``specs`` in the same way as for training; the target is not looked at.

    Raises:
        errors.TableError: as ``read_table``.
    """
    source = sources.inspect(path)
    fields = [_field(source, spec) for spec in specs if spec.role is columns.Role.FEATURE]
    parts: list[Numbers] = []
    lines: list[int] = []
    rows = sources.rows(source)
    while chunk := list(itertools.islice(rows, CHUNK_ROWS)):
        parts.append(np.stack([_numbers(source, field, chunk) for field in fields], axis=1))
        lines.extend(row.line for row in chunk)
    if not parts:
        raise errors.TableError("the file has a header only", which=source.path.name, expected="rows", got="0 rows")
    numbers = np.concatenate(parts)
    complete = np.asarray(~np.isnan(numbers).any(axis=1))
    kept = [line for line, whole in zip(lines, complete, strict=True) if whole]
    gaps = [line for line, whole in zip(lines, complete, strict=True) if not whole]
    return Inputs(_matrix(fields, numbers[complete]), tuple(kept), tuple(gaps), source.notices)


def _field(source: sources.Source, spec: columns.ColumnSpec) -> _Field:
    codes = {columns.label(level): float(index) for index, level in enumerate(spec.levels)}
    return _Field(spec, source.index(spec.name), codes)


def _numbers(source: sources.Source, field: _Field, chunk: Sequence[sources.Row]) -> Numbers:
    """Return one column of a chunk as numbers, NaN where missing."""
    texts = [row.cells[field.place] for row in chunk]
    if field.spec.kind is columns.Kind.CATEGORY:
        return _checked(source, field, chunk, _levels(field, texts))
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


def _levels(field: _Field, texts: Sequence[str]) -> Numbers:
    def code(text: str) -> float:
        found = field.codes.get(columns.label(text))
        if found is not None:
            return found
        return math.nan if text.strip().lower() in columns.MISSING else TEXT

    return np.array([code(text) for text in texts])


def _checked(source: sources.Source, field: _Field, chunk: Sequence[sources.Row], values: Numbers) -> Numbers:
    """Return ``values`` after refusing the first one that does not fit its declaration."""
    spec = field.spec
    if spec.kind is columns.Kind.CATEGORY:
        _refuse(source, field, chunk, np.isneginf(values), complain=lambda _: _unknown_level(field))
        return values
    low, high = float(spec.lo or 0.0), float(spec.hi or 0.0)
    outside = (values < low) | (values > high)  # False for NaN; True for both infinities
    _refuse(source, field, chunk, outside, complain=lambda text: _bad_number(source, spec, text))
    return values


Complaint = tuple[str, str, str]
"""Message, expected, got: never the value."""


def _unknown_level(field: _Field) -> Complaint:
    levels = field.spec.levels
    shown = ", ".join(levels[:12]) + (f" and {len(levels) - 12} more" if len(levels) > 12 else "")
    return "an unknown category", f"one of {shown}", "another value"


def _bad_number(source: sources.Source, spec: columns.ColumnSpec, text: str) -> Complaint:
    number = sources.parse_number(text, decimal_comma=source.decimal_comma)
    if number is None:
        return "text in a numeric column", "a number", "text"
    if math.isinf(number):
        return "an infinite number", f"a number from {spec.lo:g} to {spec.hi:g}", "infinity"
    return "a number out of its declared bounds", f"a number from {spec.lo:g} to {spec.hi:g}", "a number outside"


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
        which=sources.where(source.path, column=field.spec.name, line=row.line),
        expected=expected,
        got=got,
        next_step="Correct this cell, or leave it empty if the value is not known; nothing was changed.",
    )


def _check_rows(source: sources.Source, seen: int, kept: int, checks: Checks) -> None:
    if seen == 0:
        raise errors.TableError("the file has a header only", which=source.path.name, expected="rows", got="0 rows")
    if kept == 0:
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
    place = next(index for index, field in enumerate(fields) if field.spec.role is columns.Role.TARGET)
    target = np.ascontiguousarray(numbers[:, place])
    notices = list(source.notices)
    dropped = loaded.seen - len(target)
    if dropped:
        notices.append(f"{source.path.name}: {dropped} of {loaded.seen} rows have a gap and are left out.")
    if fields[place].spec.kind is columns.Kind.CATEGORY and target.min() == target.max():
        if checks.several_classes:
            raise one_class(source.path, fields[place].spec.name)
        notices.append(f"{source.path.name}: the target has one class only here.")
    features = [field for field in fields if field.spec.role is columns.Role.FEATURE]
    return columns.Columns(
        features=_matrix(fields, numbers),
        target=target,
        groups=loaded.groups,
        names=tuple(name for field in features for name in field.spec.names),
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


def _matrix(fields: Sequence[_Field], numbers: Numbers) -> Numbers:
    """Return float64[n, p]: numbers as they are, categories as one column of 0 and 1 for each level."""
    width = sum(field.spec.width for field in fields if field.spec.role is columns.Role.FEATURE)
    matrix = np.zeros((len(numbers), width))
    start = 0
    for index, field in enumerate(fields):
        if field.spec.role is not columns.Role.FEATURE:
            continue
        if field.spec.kind is columns.Kind.CATEGORY:
            matrix[np.arange(len(numbers)), start + numbers[:, index].astype(np.intp)] = 1.0
        else:
            matrix[:, start] = numbers[:, index]
        start += field.spec.width
    return matrix
