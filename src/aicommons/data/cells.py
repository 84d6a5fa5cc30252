"""One column of a batch becomes numbers, and every cell that does not fit is marked with what is wrong with it.

Called by ``reading`` for each column that a schema uses, after its owner's ``mapping`` has said where it comes from. It
decides on no row: whether a broken cell refuses the table or leaves its row out is ``reading``'s business.
"""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aicommons.data import batches, columns, mapping
from aicommons.domain import errors, schema

Numbers = npt.NDArray[np.float64]

TEXT = -math.inf
"""Stands for "not what it should be and not missing" until the column is checked."""
UNMAPPED = "a code that the mapping does not know"
DATE = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}([ T][0-9:.+Z]*)?")


@dataclasses.dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a cell, never the cell."""

    message: str
    expected: str
    got: str


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One used column while reading."""

    declared: schema.Declared
    """What its numbers must be."""
    local: mapping.Column
    """Where they come from."""
    codes: Mapping[str, float] | None
    """Spelling of a level, class or mapped code -> number; ``None`` for numbers without codes."""

    @property
    def is_number(self) -> bool:
        """Whether it is a number in the schema, not a level."""
        return self.declared.labels is None

    def numbers(self, cells: batches.Cells, *, decimal_comma: bool) -> Numbers:
        """Return float64[rows]: NaN where a cell is missing, -inf where it is not what it should be."""
        if self.codes is not None:
            return _coded(self.codes, cells)
        values = self._plain_or_careful(cells, decimal_comma)
        if (self.local.factor, self.local.offset) == (1.0, 0.0):
            return values
        return values * self.local.factor + self.local.offset  # the mark for text stays infinite, and so outside

    def bad(self, values: Numbers) -> npt.NDArray[np.bool_]:
        """Return bool[rows], True where a number may not stay."""
        if not self.is_number:
            return np.isneginf(values)
        low, high = float(self.declared.lo or 0.0), float(self.declared.hi or 0.0)
        return np.asarray((values < low) | (values > high))  # False for NaN; True for both infinities

    def complaint(self, cell: str | float, *, decimal_comma: bool) -> Complaint:
        """Return what is wrong with a cell that ``bad`` has marked."""
        if self.local.codes is not None:
            return Complaint(UNMAPPED, "one of the mapping's codes", "another code")
        if not self.is_number:
            return _unknown_label(self.declared.labels or ())
        return self._bad_number(cell, decimal_comma)

    def _plain_or_careful(self, cells: batches.Cells, decimal_comma: bool) -> Numbers:
        if not isinstance(cells, list):
            return np.where(np.isinf(cells), np.inf, cells)
        if self.local.date is not None:
            return np.array([_day(text, self.local) for text in cells])
        values = None if decimal_comma else _plain(cells)
        return _careful(cells, decimal_comma) if values is None else values

    def _bad_number(self, cell: str | float, decimal_comma: bool) -> Complaint:
        number = cell if isinstance(cell, float) else self._number(cell, decimal_comma)
        if number is None and self.local.date is not None:
            return Complaint("not a date as the mapping declares", f"dates written {self.local.date}", "something else")
        if number is None:
            what = "a date" if isinstance(cell, str) and DATE.fullmatch(cell.strip()) else "text"
            return Complaint(f"{what} in a numeric column", "a number", what)
        expected = f"a number from {self.declared.lo:g} to {self.declared.hi:g}"
        if math.isinf(number):
            return Complaint("an infinite number", expected, "infinity")
        return Complaint("a number out of its declared bounds", expected, "a number outside")

    def _number(self, text: str, decimal_comma: bool) -> float | None:
        if self.local.date is not None:
            return mapping.day_number(text, self.local)
        return columns.parse_number(text, decimal_comma=decimal_comma)


def field(opened: batches.Opened, declared: schema.Declared, mapped: mapping.Mapping) -> Field:
    """Return how one declared column is read from ``opened``.

    Raises:
        errors.TableError: it is not there.
        errors.InputError: two labels are one value, or a code means none of the labels.
    """
    local = mapped.source_of(declared.name)
    batches.check_column(opened, local.column)
    labels = declared.labels
    if labels is None:
        return Field(declared, local, None if local.codes is None else _number_codes(declared.name, local.codes))
    codes = {columns.label(label): float(index) for index, label in enumerate(labels)}
    if len(codes) != len(labels):
        raise errors.InputError(
            "two labels are one value",
            which=f"column {declared.name}",
            expected="labels that differ by more than spaces and .0",
            got=f"{len(codes)} values for {len(labels)} labels",
        )
    if local.codes is None:
        return Field(declared, local, codes)
    unknown = sum(columns.label(level) not in codes for level in local.codes.values())
    if unknown:
        raise errors.InputError(
            "a code is mapped to no level of the column",
            which=f"mapping of column {declared.name}",
            expected=f"one of {', '.join(labels[:12])}",
            got=f"{unknown} other levels",
        )
    return Field(declared, local, {code: codes[columns.label(level)] for code, level in local.codes.items()})


def _number_codes(name: str, codes: Mapping[str, str]) -> dict[str, float]:
    found = {code: columns.parse_number(text, decimal_comma=False) for code, text in codes.items()}
    numbers = {code: number for code, number in found.items() if number is not None and math.isfinite(number)}
    if len(numbers) != len(codes):
        raise errors.InputError(
            "a code is mapped to no number",
            which=f"mapping of column {name}",
            expected="numbers",
            got=f"{len(codes) - len(numbers)} other values",
        )
    return numbers


def _plain(texts: Sequence[str]) -> Numbers | None:
    """Return the numbers of a column when Python reads all of them, and nothing but ordinary digits is in them."""
    joined = ",".join(texts)
    if "_" in joined or not joined.isascii():
        return None
    try:
        values = np.fromiter(map(float, texts), dtype=np.float64, count=len(texts))
    except ValueError:
        return None
    return np.where(np.isinf(values), np.inf, values)


def _careful(texts: Sequence[str], decimal_comma: bool) -> Numbers:
    def value(text: str) -> float:
        if text.strip().lower() in columns.MISSING:
            return math.nan
        number = columns.parse_number(text, decimal_comma=decimal_comma)
        return TEXT if number is None else abs(number) if math.isinf(number) else number

    return np.array([value(text) for text in texts])


def _day(text: str, local: mapping.Column) -> float:
    if text.strip().lower() in columns.MISSING:
        return math.nan
    number = mapping.day_number(text, local)
    return TEXT if number is None else number


def _coded(codes: Mapping[str, float], cells: batches.Cells) -> Numbers:
    def code(text: str) -> float:
        found = codes.get(columns.label(text))
        if found is not None:
            return found
        return math.nan if text.strip().lower() in columns.MISSING else TEXT

    if isinstance(cells, list):
        known = {text: code(text) for text in set(cells)}
        return np.array([known[text] for text in cells])
    values, places = np.unique(cells, return_inverse=True)
    return np.array([code(batches.number_text(value)) for value in values.tolist()])[places]


def _unknown_label(labels: tuple[str, ...]) -> Complaint:
    shown = ", ".join(labels[:12]) + (f" and {len(labels) - 12} more" if len(labels) > 12 else "")
    return Complaint("an unknown category", f"one of {shown}", "another value")
