"""The one shape in which rows come out of every source: batches of at most 4,096 rows, column by column.

Each module of ``formats`` yields these, ``reading`` turns them into checked numbers, ``infer`` drafts columns from them.
So no whole table is ever in memory, and the same rows give the same numbers whatever they are kept in. What the columns
mean is not known here.
"""

import dataclasses
import datetime as dt
import decimal
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors, schema

MOST_ROWS = 4096
"""Rows of a batch: small beside any machine, large beside what one step of Python costs."""
EXACT = 2**53
"""Larger whole numbers are kept as text: float64 would run two identifiers into one."""

Numbers = npt.NDArray[np.float64]
Cells = list[str] | Numbers
"""One column of a batch: texts as they were written, or numbers with NaN where there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Broken:
    """A row that its source could not take apart; its cells are not in the batch."""

    place: int
    """Line or row of the source."""
    message: str
    """What is wrong, without values."""
    expected: str
    """What would have been right."""
    got: str
    """What was there, without values."""


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a source, in its order."""

    first: int
    """Index of the first of them among all rows, from 0."""
    places: Sequence[int]
    """Line or row of the source at which each begins, from 1, for messages."""
    cells: Mapping[str, Cells]
    """Column -> as many cells as there are places."""
    broken: tuple[Broken, ...] = ()
    """Rows among or right behind these that could not be taken apart."""


class Opened(Protocol):
    """A source of rows that was looked at and can be read, any number of times."""

    @property
    def name(self) -> str:
        """How messages call it: a file's name, never with credentials."""

    @property
    def header(self) -> tuple[str, ...]:
        """Column names in its order, stripped; an empty one cannot be asked for."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What was decided on opening and its owner should know."""

    @property
    def decimal_comma(self) -> bool:
        """Whether its texts write numbers 1,5."""

    @property
    def unit(self) -> str:
        """What its places count: ``line`` or ``row``."""

    @property
    def declared(self) -> Mapping[str, schema.Feature]:
        """Columns whose meaning its format fixes, such as pixels; none for most."""

    def batches(self, names: Sequence[str]) -> Iterator[Batch]:
        """Yield its rows with the columns ``names``; raises ``errors.TableError`` where it cannot be read on."""

    def identity(self) -> str:
        """Return a text that changes when the content does, as far as that can be known without keeping it."""


@runtime_checkable
class Narrowing(Protocol):
    """A source that can leave rows out before it opens what is in them, such as images."""

    def only(self, column: str, is_wanted: Callable[[str], bool]) -> Opened:
        """Return the source with only those rows of which ``column`` holds a text that is wanted."""


def where(opened: Opened, *, column: str | None = None, place: int | None = None) -> str:
    """Return how errors name a place: source, column, and line or row."""
    parts = [opened.name]
    if column is not None:
        parts.append(f"column {column}")
    if place is not None:
        parts.append(f"{opened.unit} {place}")
    return ", ".join(parts)


def refusal(opened: Opened, broken: Broken) -> errors.TableError:
    """Return the error for a row that could not be taken apart."""
    return errors.TableError(
        broken.message,
        which=where(opened, place=broken.place),
        expected=broken.expected,
        got=broken.got,
        next_step=broken_advice(opened),
    )


def broken_advice(opened: Opened) -> str:
    """Return what to do about a row that could not be taken apart."""
    if opened.unit == "line":
        return "Correct this line; a text with the separator in it belongs in double quotes."
    return "Correct or remove it, or leave a stated share of broken rows out: `--skip-broken PERCENT`."


def check_column(opened: Opened, name: str, *, next_step: str | None = None) -> None:
    """Check that there is a column ``name``.

    Raises:
        errors.TableError: there is none; the message lists those that are there.
    """
    if not name or name not in opened.header:
        raise errors.TableError(
            "a column is missing",
            which=where(opened, column=name),
            expected=f"a column named {name}",
            got=shown(opened.header),
            next_step=next_step or header_advice(opened.header),
        )


def check_header(name: str, header: Sequence[str], *, place: str = "") -> None:
    """Check that columns have names, each its own.

    Raises:
        errors.TableError: none has, or two have the same.
    """
    named = [each for each in header if each]
    if not named:
        raise errors.TableError("the header has no names", which=name + place, expected="a name per column")
    twice = sorted({each for each in named if named.count(each) > 1}) if len(set(named)) < len(named) else []
    if twice:
        raise errors.TableError(
            "two columns have the same name",
            which=f"{name}, column {twice[0]}{place}",
            expected="different names",
            got=f"{named.count(twice[0])} times",
        )


def shown(header: Sequence[str]) -> str:
    """Return the column names for a message, not all of a wide table's."""
    more = f" and {len(header) - 20} more" if len(header) > 20 else ""
    return ", ".join(name[:40] for name in header[:20]) + more


def header_advice(header: Sequence[str]) -> str:
    """Return what to do about a column that is not there."""
    if header and all(name.replace(".", "", 1).lstrip("+-").isdigit() for name in header if name):
        return "The first line looks like data; add a line with column names above it."
    return "Name the column as the file does, rename it there, or map it: `commons dataset map`."


def from_values(values: Sequence[object]) -> Cells:
    """Return a column of Python values as cells: numbers when every value is one or missing, else texts.

    Dates become ISO 8601 texts, truth values ``true`` and ``false``; numbers that float64 would change, such as whole ones
    beyond 2^53, make the column text: in a column of keys two people would become one.

    Raises:
        TypeError: a value is neither a number, a text, a date, a truth value nor None.
    """
    if all(is_number(value) for value in values):
        return np.array([math.nan if value is None else float(value) for value in values])  # type: ignore[arg-type]
    return [to_text(value) for value in values]


def is_number(value: object) -> bool:
    """Return whether a value fits a column of float64 without loss of identity; a missing one does."""
    if value is None or isinstance(value, float):
        return True
    if isinstance(value, decimal.Decimal):
        return value.is_nan() or decimal.Decimal(repr(float(value))) == value
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= EXACT


def to_text(value: object) -> str:
    """Return a value as a CSV would show it; raises ``TypeError`` for what no cell can hold."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return _decimal_text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    raise TypeError(f"no cell: {type(value).__name__}")


def _decimal_text(value: decimal.Decimal) -> str:
    """Return a decimal number as ``number_text`` does where float64 holds it, else with all its digits."""
    if is_number(value):
        return number_text(float(value))
    digits = f"{value:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def number_text(value: float) -> str:
    """Return a number as text: whole ones without a point, so that a key is the same text in every format."""
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) <= EXACT else repr(value)


def texts(cells: Cells) -> list[str]:
    """Return cells as stripped texts."""
    if isinstance(cells, list):
        return [cell.strip() for cell in cells]
    return [number_text(value) for value in cells.tolist()]


def kept(batch: Batch, mask: npt.NDArray[np.bool_], *, names: Collection[str]) -> Batch:
    """Return only the rows of ``batch`` where ``mask`` holds, and only the columns ``names``."""
    chosen = np.flatnonzero(mask).tolist()
    cells: dict[str, Cells] = {}
    for name in names:
        column = batch.cells[name]
        cells[name] = [column[index] for index in chosen] if isinstance(column, list) else column[mask]
    return Batch(batch.first, [batch.places[index] for index in chosen], cells, batch.broken)
