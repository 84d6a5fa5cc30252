"""How an owner's own columns, codes, units and dates become those of a schema: said once, kept, applied on every reading.

``<home>/mappings/<dataset>.json`` holds one; ``commons dataset map`` drafts and checks it, ``reading`` applies it. What
nobody mapped is counted and never shown. Left out: anything that needs two columns at once (that is a query's business).

    {"columns": {
      "sex":    {"column": "SEX_CD", "codes": {"1": "female", "2": "male"}},
      "weight": {"column": "wt_lb", "factor": 0.45359237},
      "fever":  {"column": "temp_f", "factor": 0.5555555555555556, "offset": -17.77777777777778},
      "born":   {"column": "dob", "date": "%d.%m.%Y", "read_as": "years"},
      "age":    {"column": "dob", "date": "%d.%m.%Y", "read_as": "age", "at": "2025-12-31"}}}
"""

import dataclasses
import datetime as dt
import enum
import hashlib
import json
import math
from collections.abc import Mapping as MappingOf

from aicommons.data import columns
from aicommons.domain import errors, fields, schema

MOST_COLUMNS = schema.MOST_FEATURES + 10
MOST_CODES = 100_000
LONGEST_CODE = 200
EPOCH = dt.date(1970, 1, 1)
ISO = "%Y-%m-%d"


class ReadAs(enum.Enum):
    """What number a date becomes."""

    DAYS = "days"
    """Days since 1970-01-01."""
    YEARS = "years"
    """The calendar year with its passed share, such as 1984.5 in early July 1984."""
    AGE = "age"
    """Completed years at the day ``Column.at``, such as 41; below 0 for a later date."""


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """Where one column of the schema comes from."""

    column: str
    """Name in the owner's source."""
    codes: MappingOf[str, str] | None = None
    """Code there -> level, class or number here; a code that is not listed is unmapped. ``None``: cells are taken as they are."""
    factor: float = 1.0
    """Value here = value there * factor + offset, in this order."""
    offset: float = 0.0
    """In the schema's unit."""
    date: str | None = None
    """Format of dates there (Python's strptime); ``None`` where there are none."""
    read_as: ReadAs = ReadAs.DAYS
    """What a date becomes, before factor and offset."""
    at: dt.date | None = None
    """The day at which an age is taken; ``None`` where a date becomes something else."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mapping:
    """One dataset's mapping onto its schema's columns."""

    columns: MappingOf[str, Column]
    """Column of the schema -> where it comes from; a column that is not named here is taken under its own name."""

    def source_of(self, name: str) -> Column:
        """Return where column ``name`` comes from."""
        return self.columns.get(name, Column(name))

    @property
    def digest(self) -> str:
        """SHA-256 of the mapping, hexadecimal: part of what prepared arrays depend on."""
        return hashlib.sha256(json.dumps(to_document(self), sort_keys=True).encode()).hexdigest()


NOTHING = Mapping({})
"""Every column under its own name."""


def to_document(mapping: Mapping) -> dict[str, object]:
    """Return ``mapping`` as JSON-able values; ``from_document`` gives it back."""
    return {"columns": {name: _column_document(column) for name, column in mapping.columns.items()}}


def from_document(document: object) -> Mapping:
    """Return the mapping that ``document`` describes.

    Raises:
        errors.InputError: naming the field that is missing, unknown or wrong.
    """
    reader = fields.Fields(document, "mapping")
    found = reader.mapping("columns")
    reader.close()
    if len(found) > MOST_COLUMNS:
        raise reader.refusal("columns", f"at most {MOST_COLUMNS} columns", f"{len(found)} columns")
    return Mapping({name: _column_from(body, f"mapping.columns.{name[:60]}") for name, body in found.items()})


def decode(text: str, which: str) -> Mapping:
    """Return the mapping in a JSON text, called ``which`` in errors; raises as ``from_document``."""
    try:
        body = json.loads(text, object_pairs_hook=_once)
    except ValueError as err:
        raise errors.InputError("not JSON, or a name stands there twice", which=which) from err
    return from_document(body)


def day_number(text: str, column: Column) -> float | None:
    """Return the number that a date becomes, ``None`` for what is no date of the declared format."""
    stripped = text.strip()
    try:
        if column.date == ISO:
            day = dt.date.fromisoformat(stripped[:10])
        else:
            day = dt.datetime.strptime(stripped, column.date or ISO).date()
    except ValueError:
        return None
    if column.at is not None:
        return float(column.at.year - day.year - ((column.at.month, column.at.day) < (day.month, day.day)))
    if column.read_as is ReadAs.DAYS:
        return float((day - EPOCH).days)
    start = dt.date(day.year, 1, 1)
    length = 366 if day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0) else 365
    return day.year + (day - start).days / length


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a name stands there twice")
    return body


def _column_document(column: Column) -> dict[str, object]:
    document: dict[str, object] = {"column": column.column}
    if column.codes is not None:
        document["codes"] = dict(column.codes)
    if (column.factor, column.offset) != (1.0, 0.0):
        document |= {"factor": column.factor, "offset": column.offset}
    if column.date is not None:
        document |= {"date": column.date, "read_as": column.read_as.value}
    if column.at is not None:
        document |= {"at": column.at.isoformat()}
    return document


def _column_from(document: object, which: str) -> Column:
    reader = fields.Fields(document, which)
    made = Column(
        column=reader.text("column", most=schema.LONGEST_NAME),
        codes=_codes(reader) if reader.has("codes") else None,
        factor=reader.number("factor") if reader.has("factor") else 1.0,
        offset=reader.number("offset") if reader.has("offset") else 0.0,
        date=reader.text("date", most=60) if reader.has("date") else None,
        read_as=reader.one_of("read_as", ReadAs) if reader.has("read_as") else ReadAs.DAYS,
        at=_day(reader) if reader.has("at") else None,
    )
    reader.close()
    if made.factor == 0.0 or not math.isfinite(1.0 / made.factor):
        raise reader.refusal("factor", "a number other than 0", made.factor)
    if made.codes is not None and made.date is not None:
        raise reader.refusal("date", "either codes or a date", "both")
    if (made.read_as is ReadAs.AGE) != (made.at is not None):
        raise reader.refusal(
            "at", "the day at which an age is taken, with `read_as` `age` and only there", "something else"
        )
    if made.read_as is ReadAs.AGE and made.date is None:
        raise reader.refusal("date", "the format of the dates from which an age is taken", "none")
    return made


def _day(reader: fields.Fields) -> dt.date:
    text = reader.text("at", most=10)
    try:
        return dt.date.fromisoformat(text)
    except ValueError as err:
        raise reader.refusal("at", "a day written YYYY-MM-DD", "something else") from err


def _codes(reader: fields.Fields) -> dict[str, str]:
    found = reader.mapping("codes")
    if len(found) > MOST_CODES:
        raise reader.refusal("codes", f"at most {MOST_CODES} codes", f"{len(found)} codes")
    codes: dict[str, str] = {}
    for code, level in found.items():
        if (
            not fields.is_text(code, 1, LONGEST_CODE)
            or isinstance(level, bool)
            or not isinstance(level, str | int | float)
        ):
            raise reader.refusal("codes", "codes as texts, each with a level or a number", "something else")
        read = columns.label(code)
        if codes.get(read, str(level)) != str(level):
            raise reader.refusal("codes", "codes that differ by more than spaces and .0", "one code with two meanings")
        codes[read] = str(level)
    return codes
