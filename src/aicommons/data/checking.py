"""A table is held against its card before it is published: counts of faults by kind and column, never a value.

Called by ``commons dataset publish``. The declarations become a Frictionless Table Schema and its engine judges every
cell; what it does not know (identifiers and whole rows that repeat) is counted here. It runs at the owner's, nothing is sent.
What is left out: turning cells into numbers, which ``reading`` does in its own stricter way for a run.
"""

import collections
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from aicommons.data import batches, columns, identifiers, uniqueness
from aicommons.data import rows as rowwise
from aicommons.data.formats import extras
from aicommons.domain import cards, errors

CHECKER = "frictionless"
"""Library that judges the cells; of the extra ``tables``."""
REMEMBERED = 1_000_000
"""Rows among which repetitions are looked for, from the first on: bounds memory."""
MEANT_TO_DIFFER = 0.05
"""A key that repeats in fewer rows than this share may be meant to differ in all of them: its owner is told."""
WORDS = {
    "type-error": "not of the declared type",
    "minimum": "below the declared range",
    "maximum": "above the declared range",
    "enum": "a value that the card does not list",
    "broken-row": "broken: they have too many or too few fields, or an open quote",
    "duplicate-key": "with an identifier that an earlier row has",
    "duplicate-row": "equal to an earlier row",
}
"""Kind of fault -> what is wrong with those rows."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Rows in which one column breaks its declaration in one way."""

    kind: str
    """A key of ``WORDS``, or Frictionless' name."""
    field: str | None
    """Column, ``None`` when it concerns whole rows."""
    rows: int
    """How many rows; exact, for the owner's eyes."""
    first: int
    """Where the first one stands in the source."""
    unit: str
    """What that counts: lines of a file, or rows of a database, sheet or folder."""

    def in_words(self) -> str:
        """Return the fault as a sentence part, without values."""
        where = "" if self.field is None else f"column {self.field}: "
        return f"{where}{self.rows} rows are {WORDS.get(self.kind, self.kind)}, first in {self.unit} {self.first}"


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """A table held against declarations."""

    rows: int
    """Rows that could be taken apart, whether their cells fit or not: what a draft of the card counts too."""
    faults: tuple[Fault, ...]
    """Most frequent first."""
    unfit: int = 0
    """Rows among them with a cell that does not fit."""
    broken: int = 0
    """Further rows, which could not be taken apart."""
    notices: tuple[str, ...] = ()
    """What is no fault and its owner should know, as sentences without values."""

    @property
    def faults_of_the_whole(self) -> tuple[Fault, ...]:
        """Rows and identifiers that repeat: no share of broken rows covers them."""
        return tuple(fault for fault in self.faults if fault.kind.startswith("duplicate"))


def table_schema(declared: Sequence[cards.Field]) -> dict[str, object]:
    """Return the Table Schema (Frictionless Data) of a card's columns."""
    return {"fields": [_table_field(field) for field in declared], "missingValues": [""]}


def _table_field(field: cards.Field) -> dict[str, object]:
    constraints: dict[str, object] = {}
    if field.levels is not None:
        constraints["enum"] = [columns.label(level) for level in field.levels]
    elif field.type is cards.FieldType.DATE and field.lo is not None and field.hi is not None:
        constraints |= {"minimum": f"{int(field.lo):04}-01-01", "maximum": f"{int(field.hi):04}-12-31"}
    elif field.lo is not None and field.hi is not None:
        bounds = (field.lo, field.hi)
        if field.type is cards.FieldType.INTEGER:
            bounds = (math.ceil(field.lo), math.floor(field.hi))
        constraints |= {"minimum": bounds[0], "maximum": bounds[1]}
    kind = "string" if field.type in (cards.FieldType.CATEGORY, cards.FieldType.TEXT) else field.type.value
    described = {"title": field.description} if field.description is not None else {}
    return {"name": field.name, "type": kind, "constraints": constraints} | described


def check(opened: batches.Opened, declared: Sequence[cards.Field], *, unique: str | None = None) -> Checked:
    """Return what in ``opened`` does not fit ``declared``; columns that are not declared are not looked at.

    Args:
        opened: the table.
        declared: the card's columns. A key among them may repeat: it binds a person's rows together.
        unique: column of identifiers, none of which may stand there twice; ``None`` for no such column.

    Raises:
        errors.TableError: such a column is missing, there are no rows, or the file cannot be read as a table.
        errors.InputError: Frictionless is not installed.
    """
    extras.need(CHECKER, "tables", purpose="the check of a table by its card")
    import frictionless

    names = [field.name for field in declared]
    counter = _Counter(opened.unit, [field.name for field in declared if field.role is cards.Role.KEY])
    known = frictionless.Schema.from_descriptor(table_schema(declared))

    def stream(found: uniqueness.Identifiers) -> Iterator[list[str]]:
        yield names
        for row in rowwise.walk(opened, [*names, *([unique] if unique else [])], broken=counter.note_broken):
            if unique and row.cells[-1].lower() not in columns.MISSING:
                found.add([row.cells[-1]], [row.place])
            cells = [
                _plain(text, field, decimal_comma=opened.decimal_comma)
                for text, field in zip(row.cells, declared, strict=False)
            ]
            counter.begin(row.place, dict(zip(names, cells, strict=True)))
            yield cells

    with uniqueness.Identifiers() as found:
        _judge(opened, lambda: stream(found), known, counter)
        counter.note_repeated(unique, found.twice() if unique else None)
    if counter.rows + counter.broken == 0:
        raise errors.TableError("the file has a header only", which=opened.name, expected="rows", got="0 rows")
    return Checked(counter.rows, counter.faults(), counter.unfit, counter.broken, counter.notices())


def _judge(opened: batches.Opened, stream: Callable[[], Iterator[list[str]]], known: Any, counter: "_Counter") -> None:
    """Let Frictionless look at every cell; raises ``errors.TableError`` for a source that cannot be read on."""
    import frictionless

    try:
        with frictionless.Resource(data=stream, schema=known) as resource:
            for row in resource.row_stream:
                counter.judge([(_kind(fault), getattr(fault, "field_name", None)) for fault in row.errors])
    except frictionless.FrictionlessException as err:
        if isinstance(err.__cause__, errors.CommonsError):  # ours, raised while a row was fetched
            raise err.__cause__ from err
        raise errors.TableError("the table cannot be checked", which=opened.name, got=err.error.type) from err


def _kind(fault: Any) -> str:
    """Return Frictionless' name of a fault, for a constraint the constraint's; its note names it in quotes."""
    if fault.type != "constraint-error":
        return str(fault.type)
    return str(fault.note).split('"')[1]


def _plain(text: str, field: cards.Field, *, decimal_comma: bool) -> str:
    """Return a cell as Table Schema writes it: missing as empty, a point for decimals, days as ISO 8601."""
    stripped = text
    label = columns.label(stripped)
    if stripped.lower() in columns.MISSING and label not in (field.levels or ()):
        return ""
    if field.is_number:
        number = columns.parse_number(stripped, decimal_comma=decimal_comma)
        return label if number is None or field.type is cards.FieldType.INTEGER else repr(number)
    if field.type is cards.FieldType.DATE:
        return identifiers.iso_day(stripped) or stripped
    return label


class _Counter:
    """Counts faults as the rows pass by, and where there is a key, rows that repeat: without one, equal rows are usual."""

    def __init__(self, unit: str, keys: Sequence[str]) -> None:
        self.rows = self.unfit = self.broken = 0
        self._unit = unit
        self._waiting: collections.deque[int] = collections.deque()
        self._found: dict[tuple[str, str | None], list[int]] = {}
        self._seen_rows: set[int] = set()
        self._seen_keys: dict[str, set[str]] = {name: set() for name in keys}
        self._repeated: dict[str, list[int]] = {}

    def begin(self, place: int, cells: Mapping[str, str]) -> None:
        """Note a row that is handed over to be judged, and whether it or its key was there before."""
        self.rows += 1
        self._waiting.append(place)
        if self.rows > REMEMBERED or not self._seen_keys:
            return
        mark = hash(tuple(cells.values()))
        is_again = mark in self._seen_rows
        if is_again:
            self._add("duplicate-row", None, place)
        self._seen_rows.add(mark)
        for name, seen in self._seen_keys.items():
            key = cells[name]
            if key and key in seen and not is_again:
                self._repeated.setdefault(name, [0, place])[0] += 1
            seen.add(key)

    def note_broken(self, row: batches.Broken) -> None:
        """Count a row that its source could not take apart."""
        self.broken += 1
        self._add("broken-row", None, row.place)

    def note_repeated(self, name: str | None, found: tuple[int, int] | None) -> None:
        """Count identifiers of column ``name`` that stand there again: how many rows, and the first of them."""
        if found is not None:
            self._found["duplicate-key", name] = list(found)

    def judge(self, found: Sequence[tuple[str, str | None]]) -> None:
        """Count the faults of the next row that was judged; rows are handed over some time before that."""
        place = self._waiting.popleft()
        self.unfit += bool(found)
        for kind, field in found:
            self._add(kind, field, place)

    def _add(self, kind: str, field: str | None, place: int) -> None:
        found = self._found.setdefault((kind, field), [0, place])
        found[0] += 1

    def faults(self) -> tuple[Fault, ...]:
        """Return the counts, most frequent first."""
        found = [Fault(kind, field, rows, first, self._unit) for (kind, field), (rows, first) in self._found.items()]
        return tuple(sorted(found, key=lambda fault: -fault.rows))

    def notices(self) -> tuple[str, ...]:
        """Return which keys repeat so rarely that each row may have been meant to have its own."""
        return tuple(
            f"column {name}: {rows} rows have a key that an earlier row has, first in {self._unit} {first}; they count as one "
            f"person's. Where each row must have its own, say --id {name}."
            for name, (rows, first) in self._repeated.items()
            if rows <= MEANT_TO_DIFFER * self.rows and ("duplicate-key", name) not in self._found
        )
