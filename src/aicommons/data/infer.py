"""What kind of columns a table has, guessed from the table itself: for a demo, or to draft a dataset's description.

Called by ``commons demo table`` and ``commons dataset``. A real run's schema is agreed by people; this drafts one. Ranges
are rounded outward to two significant digits, so that no single record's value is repeated. What is left out: rare
levels of a category are listed as they are.
"""

import collections
import dataclasses
import decimal
import math
from collections.abc import Collection, Mapping, Sequence

from aicommons.data import batches, columns, reading, sources
from aicommons.domain import errors, schema

MOST_LEVELS = 20
"""A text column with more different values is taken for free text or an identifier."""
MOST_NUMBERED_CLASSES = 10
"""A target of whole numbers with at most so many different values is taken for classes."""
REMEMBERED = 64
"""Different values of one column that are counted, at most."""
MOSTLY = 0.9
"""A column in which more than this share of cells are numbers is meant to be numeric: its texts are mistakes."""
EXACT_DIGITS = 1100
"""Every float64 has at most 1,075 significant decimal digits."""
LEAST_PRESENT = 0.5
"""A column with a smaller share of cells filled costs more rows than it is worth."""
SEEN_OR_NOT = 2
"""Values of the column of an event."""
ABSURD = 1e12
"""Larger magnitudes are taken for mistakes: no unit that people use for a record needs them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Inferred:
    """A drafted description of a table."""

    schema: schema.Schema
    """Features in the table's order, and the target."""
    rows: int
    """Rows of all files together, complete or not."""
    notices: tuple[str, ...]
    """What was decided and left out, as sentences."""


@dataclasses.dataclass(slots=True)
class _Summary:
    """What is known of one column so far."""

    numbers: int = 0
    present: int = 0
    whole: bool = True
    low: float = math.inf
    high: float = -math.inf
    rising: bool = True
    values: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    first_text: str | None = None
    """Place of the first cell that is no number."""
    first_absurd: str | None = None
    """Place of the first number that is infinite or absurdly large."""

    @property
    def numeric(self) -> bool:
        return self.numbers == self.present

    @property
    def single(self) -> bool:
        return len(self.values) == 1 or (self.numeric and self.low == self.high)

    def add(self, text: str, place: str, number: float | None) -> None:
        self.present += 1
        if len(self.values) <= REMEMBERED:
            self.values[columns.label(text)] += 1
        if number is None:
            self.first_text = self.first_text or place
            return
        if abs(number) > ABSURD:
            self.first_absurd = self.first_absurd or place
        self.rising = self.rising and (self.numbers == 0 or number == self.high + 1)
        self.whole = self.whole and number.is_integer()
        self.numbers += 1
        self.low, self.high = min(self.low, number), max(self.high, number)

    def check(self) -> None:
        """Refuse a column of numbers in which a cell is text, infinite or absurd."""
        if not self.numeric and self.numbers > MOSTLY * self.present:
            raise errors.TableError(
                "text in a numeric column",
                which=self.first_text,
                expected="a number",
                got="text",
                next_step="Correct this cell, or leave it empty if the value is not known.",
            )
        if self.numeric and self.first_absurd is not None:
            raise errors.TableError(
                "an infinite or absurd number",
                which=self.first_absurd,
                expected=f"a number between -{ABSURD:g} and {ABSURD:g}",
                got="a number outside",
                next_step="Correct this cell, or leave it empty if the value is not known.",
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """What makes a target a time until an event."""

    column: str
    """Says whether the event was seen; it has two values."""
    seen: str | None = None
    """The value for a seen event; ``None`` for the last of the two, numbers by value and texts by their letters."""


def infer_columns(
    named: Sequence[sources.Named],
    target: str | None,
    *,
    drop: Collection[str] = (),
    event: Event | None = None,
    counts: bool = False,
) -> Inferred:
    """Return a draft of the columns of one table, or of several tables with the same columns.

    Args:
        named: the sources; those of several sites are read as one table.
        target: name of the column to predict; ``None`` where nothing is.
        drop: names of columns that are neither features nor target (the site, a group).
        event: the column of the event, where the target is the time until it.
        counts: whether the target counts something.

    Raises:
        errors.TableError: a missing target, one class only, no rows, no usable feature, or files that do not fit; an event
            with other than two values; a time that is no number or negative; counts that are none.
        errors.InputError: the seen event is none of its column's values.
    """
    if not named:
        raise errors.InputError("no table was given", expected="at least 1 file", got="0 files")
    opened = [reading.opened_of(each) for each in named]
    outcomes = [name for name in (target, None if event is None else event.column) if name is not None]
    summaries, rows, notices = _summarised(opened, outcomes, {"", *drop} - set(outcomes))
    predicted = None if target is None else _predicted(opened[0], target, summaries, event, counts=counts)
    if predicted is not None:
        notices.append(_read_as(predicted))
    features = []
    for name, summary in summaries.items():
        if name in outcomes:
            continue
        fixed = opened[0].declared.get(name)
        if fixed is not None:
            features.append(fixed)
            continue
        reason = _unusable(summary, rows)
        if reason is None:
            features.append(_feature(name, summary))
        else:
            notices.append(f"{name} is left out: {reason}.")
    if not features:
        raise errors.TableError("no column can serve as a feature", which=opened[0].name, expected="at least 1 feature")
    return Inferred(schema.Schema(tuple(features), predicted), rows, tuple(notices))


def _summarised(
    opened: Sequence[batches.Opened], outcomes: Sequence[str], ignored: Collection[str]
) -> tuple[dict[str, _Summary], int, list[str]]:
    summaries = {name: _Summary() for name in opened[0].header if name not in ignored}
    notices: list[str] = []
    rows = 0
    for source in opened:
        for name in (*outcomes, *summaries):
            batches.check_column(source, name)
        notices.extend(source.notices)
        looked_at = [name for name in summaries if name not in source.declared]
        for batch in source.batches(looked_at):
            for broken in batch.broken[:1]:
                raise batches.refusal(source, broken)
            rows += len(batch.places)
            for name in looked_at:
                _add(source, batch, name, summaries[name])
    for summary in summaries.values():
        summary.check()
    if rows == 0:
        message = "the file has a header only" if opened[0].unit == "line" else "the source has no rows"
        raise errors.TableError(message, which=opened[0].name, expected="rows", got="0 rows")
    return summaries, rows, notices


def _add(source: batches.Opened, batch: batches.Batch, name: str, summary: _Summary) -> None:
    for text, place in zip(batches.texts(batch.cells[name]), batch.places, strict=True):
        if text.lower() in columns.MISSING:
            continue
        number = columns.parse_number(text, decimal_comma=source.decimal_comma)
        # Naming the place costs more than reading the cell, so only where it may be needed.
        suspect = number is None or abs(number) > ABSURD
        summary.add(text, batches.where(source, column=name, place=place) if suspect else "", number)


def _predicted(
    opened: batches.Opened, name: str, summaries: Mapping[str, _Summary], event: Event | None, *, counts: bool
) -> schema.Target:
    if event is not None:
        return _time(opened, name, event, summaries)
    return _count(opened, name, summaries[name]) if counts else _target(opened, name, summaries[name])


def _count(opened: batches.Opened, name: str, summary: _Summary) -> schema.Target:
    """Return a target that counts; its range begins at 0."""
    if summary.present == 0 or not (summary.numeric and summary.whole) or summary.low < 0.0 or summary.high == 0.0:
        raise errors.TableError(
            "the target counts nothing",
            which=batches.where(opened, column=name),
            expected="whole numbers from 0, not all 0",
            got="text" if not summary.numeric else "other numbers, or 0 only",
        )
    return schema.Target(schema.Task.POISSON, name, lo=0.0, hi=rounded_up(summary.high))


def _target(opened: batches.Opened, name: str, summary: _Summary) -> schema.Target:
    if summary.present == 0:
        raise errors.TableError("the target column is empty", which=batches.where(opened, column=name), got="no value")
    if summary.single:
        raise reading.one_class(opened, name)
    if summary.numeric and not (summary.whole and len(summary.values) <= MOST_NUMBERED_CLASSES):
        lo, hi = rounded_down(summary.low), rounded_up(summary.high)
        return schema.Target(schema.Task.GAUSSIAN, name, lo=lo, hi=hi)
    if len(summary.values) > MOST_LEVELS:
        raise errors.TableError(
            "the target is text with too many different values",
            which=batches.where(opened, column=name),
            expected=f"a number, or at most {MOST_LEVELS} classes",
            got="more classes",
        )
    task = schema.Task.BINOMIAL if len(summary.values) == 2 else schema.Task.MULTINOMIAL
    return schema.Target(task, name, classes=tuple(sorted(summary.values, key=order)))


def _time(opened: batches.Opened, name: str, event: Event, summaries: Mapping[str, _Summary]) -> schema.Target:
    """Return a time until an event; the range begins at 0, where the clock of every record starts."""
    time, seen = summaries[name], summaries[event.column]
    if time.present == 0 or not time.numeric or time.low < 0.0 or time.high == 0.0:
        raise errors.TableError(
            "the time until an event is no number from 0",
            which=batches.where(opened, column=name),
            expected="numbers from 0, not all 0",
            got="text" if not time.numeric else "negative numbers, no numbers, or 0 only",
        )
    levels = sorted(seen.values, key=order)
    if len(levels) != SEEN_OR_NOT:
        raise errors.TableError(
            "an event is seen or it is not",
            which=batches.where(opened, column=event.column),
            expected="two different values",
            got=f"{len(levels)}" if len(levels) <= REMEMBERED else f"more than {REMEMBERED}",
        )
    last = levels[1] if event.seen is None else columns.label(event.seen)
    if last not in levels:
        raise errors.InputError(
            "the value for a seen event is not in its column",
            which=f"column {event.column}",
            expected=" or ".join(levels),
            got=event.seen,
        )
    first = next(level for level in levels if level != last)
    told = schema.category(event.column, (first, last))
    return schema.Target(schema.Task.SURVIVAL, name, lo=0.0, hi=rounded_up(time.high), event=told)


def _read_as(target: schema.Target) -> str:
    """Return how a target is read, as a sentence."""
    if target.event is not None and target.event.levels is not None:
        seen = target.event.levels[1]
        return f"{target.name} is read as the time until an event, which was seen where {target.event.name} is {seen}."
    if target.task is schema.Task.POISSON:
        return f"{target.name} is read as a count."
    if target.classes is None:
        return f"{target.name} is read as a number (regression)."
    return f"{target.name} is read as {len(target.classes)} classes (classification)."


def order(level: str) -> tuple[float, str]:
    """Order numbers by value, before texts by their letters."""
    number = columns.parse_number(level, decimal_comma=False)
    return (math.inf if number is None else number, level)


def _unusable(summary: _Summary, rows: int) -> str | None:
    if summary.present == 0:
        return "it has no values"
    if summary.present < LEAST_PRESENT * rows:
        return "most of its values are missing, and rows with a gap are not used"
    if summary.single:
        return "it has one value only"
    if summary.numeric and summary.rising and summary.present > MOST_LEVELS:
        return "it numbers the rows"
    if not summary.numeric and len(summary.values) > MOST_LEVELS:
        return f"it is text with more than {MOST_LEVELS} different values"
    return None


def _feature(name: str, summary: _Summary) -> schema.Feature:
    if summary.numeric:
        return schema.numeric(name, rounded_down(summary.low), rounded_up(summary.high))
    return schema.category(name, sorted(summary.values, key=order))


def rounded_up(value: float) -> float:
    """Return the smallest number of two significant decimal digits that is not below ``value`` (finite)."""
    exact = decimal.Decimal(value)
    if not exact:
        return 0.0
    with decimal.localcontext(prec=EXACT_DIGITS):
        step = decimal.Decimal(1).scaleb(exact.adjusted() - 1)
        return float((exact / step).to_integral_value(decimal.ROUND_CEILING) * step)


def rounded_down(value: float) -> float:
    """Return the largest number of two significant decimal digits that is not above ``value`` (finite)."""
    return -rounded_up(-value) + 0.0
