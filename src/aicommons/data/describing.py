"""A dataset's card, drafted from its table for a person to complete and confirm.

Called by ``commons dataset describe``. One pass over the rows; whatever could point at a single record is left out or made
coarse here: ranges are rounded outward, levels and missing cells are told only where enough rows share them, columns that
look like identifiers are kept out of what a plan may use. What no table says (how it was collected, on what basis) is
left empty for the owner.
"""

import collections
import dataclasses
import decimal
import math
from collections.abc import Iterable, Mapping, Sequence

from aicommons.data import batches, codes, columns, identifiers, infer
from aicommons.data import rows as rowwise
from aicommons.domain import cards, errors, schema

ROUNDED_ROWS = 10
ROUNDED_PERCENT = 5
COARSER = 5
"""How much wider the steps of a range are where ones would show a single record."""
MOSTLY = 0.9
"""Share of cells from which a column is taken to be numbers or days, the rest for mistakes."""
MIXED = 0.1
"""Share of numbers or days from which a column of many different texts is told to be mixed."""
MOST_LEVELS = 20
"""A text column with more different values is not a category."""
MOST_NUMBERED_LEVELS = 2
"""Whole numbers with so few different values are codes, not measurements."""
REMEMBERED = 1_000
"""Different values of one column that are counted, at most."""
ABSURD = 1e12
"""Larger magnitudes are taken for mistakes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """What was found in a table."""

    fields: tuple[cards.Field, ...]
    """Columns in the table's order; those without a declaration are left out."""
    rows: int
    """Row count rounded down to tens."""
    findings: tuple[identifiers.Finding, ...]
    """What looks like identifiers, for the owner's eyes."""
    notices: tuple[str, ...]
    """What was decided and left out, as sentences."""


class _Column:
    """What is known of one column so far."""

    def __init__(self, name: str, unit: str = "line") -> None:
        self.name = name
        self.unit = unit
        self.watch = identifiers.Watch(name)
        self.lengths = codes.Lengths(name)
        self.values: collections.Counter[str] = collections.Counter()
        self.present = self.numbers = self.days = 0
        self.whole = True
        self.low, self.high = math.inf, -math.inf
        self.years = (9999, 0)
        self.first_no_number: int | None = None
        self.first_no_day: int | None = None

    def add(self, text: str, *, decimal_comma: bool, place: int = 1) -> None:
        """Count one cell, stripped and not missing, of the line or row ``place``."""
        self.present += 1
        self.watch.add(text)
        self.lengths.add(text)
        label = columns.label(text)
        if label in self.values or len(self.values) <= REMEMBERED:
            self.values[label] += 1
        number = columns.parse_number(text, decimal_comma=decimal_comma)
        if number is not None and abs(number) < ABSURD:
            self.numbers += 1
            self.whole = self.whole and number.is_integer()
            self.low, self.high = min(self.low, number), max(self.high, number)
            self.first_no_day = self.first_no_day or place
            return
        self.first_no_number = self.first_no_number or place
        if (year := identifiers.year_of(text)) is not None:
            self.days += 1
            self.years = (min(self.years[0], year), max(self.years[1], year))
        else:
            self.first_no_day = self.first_no_day or place

    @property
    def is_numeric(self) -> bool:
        """Whether it is numbers, or numbers with a few mistakes."""
        return self.numbers > 0 and self.numbers >= MOSTLY * self.present

    @property
    def is_days(self) -> bool:
        """Whether it is days, or days with a few mistakes."""
        return self.days > 0 and self.days >= MOSTLY * self.present


def describe(opened: batches.Opened, *, minimum_cohort: int, target: str | None = None) -> Draft:
    """Return a draft of the columns of ``opened``.

    Args:
        opened: the table.
        minimum_cohort: fewest rows that a level, a range or a count may stand for.
        target: name of the column that is worth predicting, if the owner knows one.

    Raises:
        errors.TableError: no rows, fewer than the minimum cohort, no such target, or a target that cannot be one.
    """
    if target is not None:
        batches.check_column(opened, target)
    found = [_Column(name, opened.unit) for name in opened.header if name and name not in opened.declared]
    notices = list(opened.notices)
    rows = _count(opened, found, notices)
    if rows < minimum_cohort:
        raise errors.TableError(
            "fewer rows than the minimum cohort",
            which=opened.name,
            expected=f"at least {minimum_cohort} rows",
            got=f"{rows} rows",
            next_step="A table this small is not described; add rows, or choose a smaller --min-cohort.",
        )
    fields: list[cards.Field] = []
    findings: list[identifiers.Finding] = []
    for column in found:
        own = column.watch.findings()
        findings.extend(own)
        field, said = _declared(column, own, rows, minimum_cohort=minimum_cohort, is_target=column.name == target)
        notices.extend(f"{column.name}: {sentence}" for sentence in said)
        if field is not None:
            fields.append(field)
    fields.extend(_fixed(opened.declared))
    _check_target(opened, fields, target)
    return Draft(tuple(fields), rows // ROUNDED_ROWS * ROUNDED_ROWS, tuple(findings), tuple(notices))


def _count(opened: batches.Opened, found: Sequence[_Column], notices: list[str]) -> int:
    """Look at all rows and return how many there are; broken ones are left out and told."""
    broken: list[batches.Broken] = []
    rows = 0
    for row in rowwise.walk(opened, [column.name for column in found], broken=broken.append):
        rows += 1
        for column, text in zip(found, row.cells, strict=True):
            if text.lower() not in columns.MISSING:
                column.add(text, decimal_comma=opened.decimal_comma, place=row.place)
    if broken:
        first = broken[0]
        notices.append(
            f"{len(broken)} rows are broken and not described, the first in {opened.unit} {first.place}: {first.message}."
        )
    return rows


def _fixed(declared: Mapping[str, schema.Feature]) -> list[cards.Field]:
    """Return the columns whose meaning the format fixes, such as pixels."""
    return [
        cards.Field(
            each.name,
            cards.FieldType.NUMBER if each.levels is None else cards.FieldType.CATEGORY,
            lo=each.lo,
            hi=each.hi,
            levels=each.levels,
        )
        for each in declared.values()
    ]


KEYS = frozenset({identifiers.Kind.RECORD_ID, identifiers.Kind.UNIQUE})
"""Findings that make a column a key: it may bind a person's rows together, at the site."""
ADVICE = {
    identifiers.Kind.BIRTH_DATE: (
        "a column with the age in years would tell a plan enough; a mapping makes one of it (`read_as` `age`, at a day that you "
        "state)"
    ),
    identifiers.Kind.LOCATION: "a column with the district, or degrees with one decimal, would tell a plan enough",
    identifiers.Kind.FREE_TEXT: "free text may name people; derive codes from it at the site",
}


def _declared(
    column: _Column, found: Iterable[identifiers.Finding], rows: int, *, minimum_cohort: int, is_target: bool
) -> tuple[cards.Field | None, list[str]]:
    """Return a column's declaration, or ``None``, and what its owner should know."""
    kinds = {finding.kind for finding in found}
    missing = _percent(rows - column.present, rows, minimum_cohort)
    if kinds & KEYS and len(kinds) == 1:
        key = cards.Field(column.name, cards.FieldType.TEXT, cards.Role.KEY, missing_percent=missing)
        return key, ["looks like a key: declared as one, used at this site only and never learned from."]
    if kinds:
        kind = next(iter(kinds))
        return None, [f"left out: it looks like {kind.value}; {ADVICE.get(kind, 'no plan needs it')}."]
    if column.present < minimum_cohort:
        return None, [f"left out: fewer than {minimum_cohort} rows have a value."]
    role = cards.Role.TARGET if is_target else cards.Role.FEATURE
    blank = cards.Field(column.name, cards.FieldType.TEXT, role, missing_percent=missing)
    are_codes = column.is_numeric and column.whole and len(column.values) <= MOST_NUMBERED_LEVELS
    if (
        column.is_numeric
        and not are_codes
        and not (is_target and column.whole and len(column.values) <= infer.MOST_NUMBERED_CLASSES)
    ):
        return _number(column, blank, minimum_cohort)
    if column.is_days:
        return _days(column, blank)
    return _category(column, blank, minimum_cohort)


def _number(column: _Column, blank: cards.Field, minimum_cohort: int) -> tuple[cards.Field | None, list[str]]:
    if column.low == column.high:
        return None, ["left out: it has one value only."]
    if column.lengths.is_code:
        return None, [
            "left out: it looks like a postcode or another code, not a measure; add it as a category if it is one."
        ]
    low, high = _outward(column, minimum_cohort)
    kind = cards.FieldType.INTEGER if column.whole else cards.FieldType.NUMBER
    said = _mistakes(column, column.numbers, "numbers", first=column.first_no_number)
    if column.whole and (digits := column.lengths.one_length) is not None and len(column.values) > MOST_LEVELS:
        said.append(
            f"all are whole numbers of {digits} digits: if they are codes (postcodes, wards, devices), take the column out of "
            "the card or give it the role `context`; as it stands it is learned from as a measure."
        )
    return dataclasses.replace(blank, type=kind, lo=low, hi=high), said


def _outward(column: _Column, minimum_cohort: int) -> tuple[float, float]:
    """Return a range that no single record's value ends: to whole steps of a power of ten not above the width.

    Where the steps are ones, an end that too few rows have is moved to the next multiple of five.
    """
    step = decimal.Decimal(1).scaleb(math.floor(math.log10(column.high - column.low)))
    ends = []
    for value, rounding in ((column.low, decimal.ROUND_FLOOR), (column.high, decimal.ROUND_CEILING)):
        rare = column.values.get(columns.label(f"{value:g}"), 0) < minimum_cohort
        wide = step * COARSER if column.whole and step <= 1 and rare else step
        ends.append(float((decimal.Decimal(repr(value)) / wide).to_integral_value(rounding) * wide))
    return ends[0], ends[1]


def _days(column: _Column, blank: cards.Field) -> tuple[cards.Field, list[str]]:
    first, last = column.years
    said = _mistakes(column, column.days, "days", first=column.first_no_day)
    said.append(
        "days are described and not learned from; a number could be, and a mapping makes one of them: `read_as` `days`, `years` "
        "(the calendar year) or `age` (at a day that you state)."
    )
    context = dataclasses.replace(
        blank, type=cards.FieldType.DATE, role=cards.Role.CONTEXT, lo=float(first), hi=float(last)
    )
    return context, said


def _category(column: _Column, blank: cards.Field, minimum_cohort: int) -> tuple[cards.Field | None, list[str]]:
    if len(column.values) > MOST_LEVELS and column.numbers + column.days > MIXED * column.present:
        fitting = column.numbers + column.days
        return None, [f"left out: {fitting} cells are numbers or days and {column.present - fitting} are text."]
    if len(column.values) > MOST_LEVELS:
        return None, [f"left out: text with more than {MOST_LEVELS} different values."]
    known = sorted((level for level, rows in column.values.items() if rows >= minimum_cohort), key=infer.order)
    if not known:
        return None, [f"left out: no value occurs in {minimum_cohort} rows."]
    rest = len(column.values) > len(known)
    said = codes.alike(known)
    if rest:
        said.append(
            f"values that occur in fewer than {minimum_cohort} rows are not listed; add them if the coding is public "
            "knowledge, or map them onto listed ones."
        )
    elif len(known) == 1:
        return None, ["left out: it has one value only."]
    return dataclasses.replace(blank, type=cards.FieldType.CATEGORY, levels=tuple(known)), said


def _mistakes(column: _Column, fitting: int, what: str, *, first: int | None) -> list[str]:
    """Tell the owner, and nobody else, how many cells are something else and where the first stands."""
    wrong = column.present - fitting
    return (
        [f"{wrong} cells are not {what}, first in {column.unit} {first}; correct them or leave them empty."]
        if wrong
        else []
    )


def _percent(part: int, rows: int, minimum_cohort: int) -> int | None:
    """Return a share rounded to 5 percent, ``None`` where fewer rows than the minimum cohort are on either side."""
    if part < minimum_cohort or rows - part < minimum_cohort:
        return None
    return round(part / rows * 100 / ROUNDED_PERCENT) * ROUNDED_PERCENT


def _check_target(opened: batches.Opened, fields: Sequence[cards.Field], target: str | None) -> None:
    if target is None:
        return
    found = [field for field in fields if field.name == target and field.role is cards.Role.TARGET]
    if not found or (found[0].levels is not None and len(found[0].levels) < 2):
        raise errors.TableError(
            "this column cannot be a target",
            which=batches.where(opened, column=target),
            expected="a number, or classes of which at least 2 occur in as many rows as the minimum cohort",
            got="something else",
            next_step="Name another --target, or none: then every plan chooses for itself.",
        )
